"""Every word of every command, and every directive, spelled in ways that C and Python read differently.

No reply may be an internal error, and no exception may reach the log.  Where the real server is at hand, errors must be the
same, and other replies as far as laws.LAWS asks.  AEREDIS_HOSTILE=1 takes the long list of spellings.
"""
import os

import pytest

import server.link  # noqa: F401
from server.commandtable import redisCommandTable
from tests.integration.differential.hostile import AFTER, CALLS, LEFT_OUT, LOOSE, MORE, SETUP, SPELLINGS, calls, spellings_for
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
                e, "real" if answers else "our", shown(commands[len(replies)]), shown(commands[len(SETUP)]))) from e
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
