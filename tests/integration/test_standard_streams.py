"""All programs with standard streams that are closed, full, or a pipe that nobody reads: exit codes are those of the C programs,
and no traceback is printed anywhere.
"""
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.test_cross_persistence import real_server
from tests.support.resp import RespClient, encode_command
from tests.support.server import ROOT, free_port

STREAMS = [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]


def sh(line, directory, **kw):
    """Run a shell line -> (exit code, stderr)."""
    p = subprocess.run(["/bin/bash", "-c", line], cwd=directory, env=dict(os.environ, PYTHONPATH=ROOT), timeout=60, check=False,
                       stderr=subprocess.PIPE, stdout=subprocess.PIPE, **kw)
    assert b"Traceback" not in p.stderr + p.stdout and b"Exception ignored" not in p.stderr, p.stderr
    return p.returncode, p.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A directory with sound and bad files, and links to the C server under the names of its tools."""
    d = tmp_path_factory.mktemp("streams")
    sound = b"REDIS0009\xfe\x00\x00\x01k\x01v\xff" + bytes(8)
    (d / "sound.rdb").write_bytes(sound)
    (d / "bad.rdb").write_bytes(sound[:-9])
    aof = b"".join([encode_command("SET", "k%d" % i, "v") for i in range(20)])
    (d / "sound.aof").write_bytes(aof)
    (d / "bad.aof").write_bytes(aof[:-3])
    (d / "server").mkdir()
    for name in ("redis-check-rdb", "redis-check-aof", "redis-server"):
        if real_server("6.2"):
            (d / name).symlink_to(real_server("6.2"))
    return d


PROGRAMS = {"redis-server": "server", "redis-check-rdb": "persistence.redis_check_rdb", "redis-check-aof": "persistence.redis_check_aof"}


def both(files, program, arguments):
    """-> the exit codes of the C program and of ours; each has its own copies of the files."""
    if not real_server("6.2"):
        pytest.skip("no C server of version 6.2 at hand")
    return [sh("cp *.aof server; cd server; %s %s" % (command, arguments), files)[0]
            for command in (files / program, "%s -m %s" % (sys.executable, PROGRAMS[program]))]


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("program,arguments", [
    ("redis-check-rdb", "../sound.rdb"), ("redis-check-rdb", "../bad.rdb"), ("redis-check-rdb", ""), ("redis-check-rdb", "nosuch"),
    ("redis-check-aof", "sound.aof"), ("redis-check-aof", "bad.aof"), ("redis-check-aof", ""),
    ("redis-check-aof", "--fix bad.aof"), ("redis-server", "--version"), ("redis-server", "--help"), ("redis-server", "--nosuch 1"),
    ("redis-server", "--port 0"),
])
def test_exit_codes(files, program, arguments, streams):
    real, ours = both(files, program, "%s %s" % (arguments, streams))
    assert ours == real


@pytest.mark.parametrize("program,arguments", [
    ("redis-check-rdb", "../sound.rdb"), ("redis-check-rdb", "../bad.rdb"), ("redis-check-aof", "sound.aof"), ("redis-check-aof", "bad.aof"),
])
def test_a_pipe_that_is_closed(files, program, arguments):
    """`| head -1` is no reason to call a file bad: the tools are killed by SIGPIPE, or have written all before the pipe was closed."""
    whole, _ = both(files, program, arguments)
    real, ours = both(files, program, arguments + " | cat >/dev/null; exit ${PIPESTATUS[0]}")
    assert real == ours == whole
    for command in (files / program, "%s -m %s" % (sys.executable, PROGRAMS[program])):
        line = "cp *.aof server; cd server; (sleep 0.3; exec %s %s) | (exec <&-; sleep 3); exit ${PIPESTATUS[0]}" % (command, arguments)
        assert sh(line, files)[0] == 128 + signal.SIGPIPE


@pytest.mark.parametrize("answer", [b"y\n", b"\xff\n", b""])
def test_answers_on_stdin(files, answer):
    (files / "answer").write_bytes(answer)
    real, ours = both(files, "redis-check-aof", "--fix bad.aof < ../answer")
    assert ours == real == (0 if answer == b"y\n" else 1)
    real, ours = both(files, "redis-check-aof", "--fix bad.aof < /")
    assert ours == real == 1


@pytest.mark.parametrize("where", ["log", ""])
@pytest.mark.parametrize("streams", STREAMS)
def test_server(files, streams, where):
    """The server starts, answers, and ends with 0; no file of it becomes its stdout."""
    port = free_port()
    arguments = "--port %d --save '' --appendonly yes --appendfilename a.aof --logfile '%s'" % (port, where)
    line = "rm -f a.aof log; exec %s -m server %s %s" % (sys.executable, arguments, streams)
    with open(files / "out", "wb") as out:
        p = subprocess.Popen(["/bin/bash", "-c", line], cwd=files, env=dict(os.environ, PYTHONPATH=ROOT), stdout=out, stderr=out)
    try:
        end = time.monotonic() + 10
        while True:
            try:
                c = RespClient(port)
                break
            except OSError:
                assert time.monotonic() < end and p.poll() is None
                time.sleep(0.02)
        with c:
            assert c.execute("RPUSH", "l", "a") == 1
            assert c.execute("DEBUG", "ZIPLIST", "l").text.startswith("ERR Not a ziplist")
            c.execute("HSET", "h", b"\xff\xe9", "v")
            assert c.execute("DEBUG", "ZIPLIST", "h") == b"Ziplist structure printed on stdout"
            assert c.execute("BGREWRITEAOF").startswith(b"Background append only file rewriting")
            while b"aof_rewrite_in_progress:0" not in c.execute("INFO", "persistence"):
                time.sleep(0.02)
        p.send_signal(signal.SIGTERM)
        assert p.wait(10) == 0
    finally:
        p.kill()
        p.wait()
    text = (files / "a.aof").read_bytes()
    assert text.startswith(b"REDIS") and b"ready to exit" not in text and b"bytes" not in text
    assert b"Traceback" not in (files / "out").read_bytes()


def test_configuration_from_a_closed_stdin(files):
    code, _ = sh("%s -m server - --port 0 <&-" % sys.executable, files)
    assert code == 1
    code, _ = sh("%s -m server - --port 0 </" % sys.executable, files)
    assert code == 1
