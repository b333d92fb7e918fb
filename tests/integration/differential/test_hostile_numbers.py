"""Every word of every command, and every directive, spelled in ways that C and Python read differently.

No reply may be an internal error, and no exception may reach the log.  Where the real server is at hand, errors must be the
same, and other replies as far as laws.LAWS asks.  AEREDIS_HOSTILE=1 takes the long list of spellings.
"""
import os
import subprocess

import pytest

import server.link  # noqa: F401
from datastructs.dict import dictCreate
from server.admin import config
from server.admin.config_table import configs
from server.commandtable import redisCommandTable
from server.dict_types import commandTableDictType
from server.server_init import initServerConfig
from tests.integration.differential.hostile import (
    AFTER, CALLS, CONFIG_SET_LEFT_OUT, CONFIG_SET_SPECIAL, DIRECTIVE_SPELLINGS, LEFT_OUT, LOOSE, MORE, SETUP, SPECIAL_DIRECTIVES, SPELLINGS,
    calls, spellings_for,
)
from tests.integration.differential.pair import OPTIONS, RawClient, compare, reference_server
from tests.support.server import ServerProcess

LONG = bool(os.environ.get("AEREDIS_HOSTILE"))
ALL = SPELLINGS + MORE if LONG else SPELLINGS


@pytest.fixture(scope="module")
def servers():
    """Ours, and the real one or None; each with one client."""
    path = reference_server()
    options = OPTIONS + ["--hz", "200"]             # clients that wait are looked at so often
    processes = [ServerProcess(options), ServerProcess(options, real=True, executable=path) if path else None]
    try:
        yield [(p.start(), RawClient(p.port, timeout=10)) if p is not None else None for p in processes]
    finally:
        for p in processes:
            if p is not None:
                p.cleanup()


def exchange(servers, commands):
    """Send the same commands to the servers -> the lists of replies of ours, and of the real one (None without it)."""
    for pair in servers:
        if pair is not None:
            pair[1].send_all(commands)
    answers = []
    for pair in servers:
        replies = [] if pair is not None else None
        try:
            while pair is not None and len(replies) < len(commands):
                replies.append(pair[1].read_raw())
        except (OSError, ValueError) as e:
            raise AssertionError("%s: %s server, %r in %r" % (
                e, "real" if answers else "our", shown(commands[len(replies)]), shown(commands[min(len(SETUP), len(commands) - 1)]))) from e
        answers.append(replies)
    return answers


def differs(command, ours, real):
    """None, or what is wrong with our reply."""
    if b"internal error" in ours:
        return "internal error"
    if real is None or ours == real:
        return None
    if command[0].upper() in LOOSE:
        return "one is an error" if ours[:1] == b"-" or real[:1] == b"-" else None
    return compare(command, real, ours)


def shown(words):
    return b" ".join(w if len(w) < 60 else w[:30] + b"...(%d)" % len(w) for w in words)


def test_every_command_has_a_call():
    named = {line.split()[0].lower() for line in CALLS}
    table = {row.name if isinstance(row.name, str) else row.name.decode() for row in redisCommandTable()}
    assert named | LEFT_OUT == table


def test_every_word_of_every_command(servers):
    exchange(servers, SETUP)
    dump = servers[0][1].execute("DUMP", "n")
    wrong = []
    for words, positions in calls(dump):
        after = AFTER.get(words[0], [])
        for i in positions:
            batch = list(SETUP)
            for s in spellings_for(words[0], i, ALL):
                batch.append(words[:i] + [s] + words[i + 1:])
                batch += after
            ours, real = exchange(servers, batch)
            for n, command in enumerate(batch):
                problem = differs(command, ours[n], real[n] if real is not None else None)
                if problem:
                    wrong.append((problem, shown(command), ours[n][:200], real[n][:200] if real is not None else None))
    log = servers[0][0].log()
    assert not wrong, "%d differences\n%s" % (len(wrong), "\n".join("%s: %r\n   ours %r\n   real %r" % w for w in wrong[:400]))
    assert "Traceback" not in log and "BUG REPORT" not in log


def test_config_set_of_every_directive(servers):
    names = [{name for name, _ in pairs(pair[1].execute("CONFIG", "GET", "*"))} for pair in servers if pair is not None]
    wrong = []
    for name in sorted(set.intersection(*names) - CONFIG_SET_LEFT_OUT):
        restore = [[b"CONFIG", b"SET", name, pair[1].execute("CONFIG", "GET", name)[1]] if pair is not None else None for pair in servers]
        for form in CONFIG_SET_SPECIAL.get(name, [b"@"]):
            batch = []
            for s in ALL + [b"0", b"-1", b"5"]:
                batch.append([b"CONFIG", b"SET", name, form.replace(b"@", s)])
                if name != b"dir":
                    batch.append([b"CONFIG", b"GET", name])
            ours, real = exchange(servers, batch)
            for n, command in enumerate(batch):
                problem = differs_in_config(ours[n], real[n] if real is not None else None)
                if problem:
                    wrong.append((problem, shown(batch[n - n % 2]), shown(command), ours[n][:200], real[n][:200] if real is not None else None))
        for pair, command in zip(servers, restore):
            if pair is not None:
                pair[1].execute(*command)
    log = servers[0][0].log()
    assert not wrong, "%d differences\n%s" % (len(wrong), "\n".join("%s: %r %r\n   ours %r\n   real %r" % w for w in wrong[:400]))
    assert "Traceback" not in log and "BUG REPORT" not in log


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def differs_in_config(ours, real):
    if b"internal error" in ours:
        return "internal error"
    return "replies differ" if real is not None and ours != real else None


class Refused(Exception):
    """A line of a configuration file was refused; the text is C's error."""


def load_ours(text):
    """Load a configuration file -> the error text of its first line, None if that was taken, "exit" when the process ends."""
    try:
        config.loadServerConfigFromString(text)
    except Refused as e:
        return None if e.args[0] == 2 else e.args[1]
    except SystemExit:
        return "exit"
    raise AssertionError("the last line is no directive, and was taken")


def load_real(path, directory, text):
    """The same, of the real server."""
    with open(os.path.join(directory, "hostile.conf"), "wb") as f:
        f.write(text)
    done = subprocess.run([path, os.path.join(directory, "hostile.conf")], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=20)
    lines = done.stderr.strip(b"\n").split(b"\n")
    assert done.returncode == 1, lines
    if b"FATAL CONFIG FILE ERROR" not in done.stderr:
        return "exit"
    return None if b"at line 2" in done.stderr else lines[-1]


def quoted(s):
    return b'"' + b"".join(b"\\x%02x" % byte for byte in s) + b'"'


def test_every_directive_of_a_file(tmp_path, monkeypatch):
    def loaderr(linenum, line, err):
        raise Refused(linenum, err)
    saved = {name: getattr(config.server, name) for name in type(config.server).__slots__ if hasattr(config.server, name)}
    monkeypatch.setattr(config, "loadServerConfigFromString_loaderr", loaderr)
    monkeypatch.chdir(tmp_path)
    path = reference_server()
    config.server.commands = dictCreate(commandTableDictType)
    wrong = []
    try:
        initServerConfig()
        numeric = {"%s @" % row.name.decode() for row in configs if hasattr(row.data, "numeric_type")}
        for form in ["%s @" % row.name.decode() for row in configs] + SPECIAL_DIRECTIVES:
            asked = path and not form.startswith(("tls-", "fast-path")) and (LONG or form in numeric or form in SPECIAL_DIRECTIVES)
            for s in dict.fromkeys(ALL + DIRECTIVE_SPELLINGS):
                text = form.encode().replace(b"@", quoted(s)) + b"\nthis-is-no-directive x\n"
                config.initConfigValues()
                ours = load_ours(text)
                if asked and (LONG or s in DIRECTIVE_SPELLINGS):
                    real = load_real(path, tmp_path, text)
                    if ours != real:
                        wrong.append((form, shown([s]), ours, real))
                os.chdir(tmp_path)
    finally:
        for name, value in saved.items():
            setattr(config.server, name, value)
    assert not wrong, "%d differences\n%s" % (len(wrong), "\n".join("%s: %r\n   ours %r\n   real %r" % w for w in wrong))
