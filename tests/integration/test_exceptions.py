"""Exceptions outside of a command: the client that was served is closed, everybody else is served on (D-15).

A server is started with one function replaced by one that raises when it meets the word "boom", or runs out of memory for real.
"""
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import ROOT, free_port, start_server

START = """
import sys
sys.argv[0] = 'redis-server'
from server import __main__
from server.client import networking, networking_threads
from server import bio, server_cron
from server.server_h import server
def break_(module, name, when, error=MemoryError, after=False):
    function = getattr(module, name)
    def broken(*args):
        if when(*args):
            raise error('boom')
        return function(*args)
    setattr(module, name, broken)
%s
__main__.main()
"""
BOOM = b"PING\r\n" + encode_command("SET", "k", "boom" + "x" * 100)
IS_BOOM = "lambda c, *a: b'boom' in c.querybuf"

# What breaks -> (the patch, options of the server).
READS = {
    "parser": ("break_(networking, 'processMultibulkBuffer', %s)" % IS_BOOM, []),
    "parser, another error": ("break_(networking, 'processMultibulkBuffer', %s, KeyError)" % IS_BOOM, []),
    "parser in an IO thread": ("break_(networking, 'processMultibulkBuffer', %s)" % IS_BOOM,
                               ["--io-threads", "2", "--io-threads-do-reads", "yes"]),
    "input buffer": ("break_(networking, 'processInputBuffer', %s); networking_threads.processInputBuffer = networking.processInputBuffer"
                     % IS_BOOM, []),
}


@pytest.fixture
def start(tmp_path):
    """start(patch, options) -> port of a server with the patch."""
    processes = []

    def start_(patch, options=()):
        port = free_port()
        out = open(tmp_path / "log", "ab")
        with out:
            p = subprocess.Popen([sys.executable, "-c", START % patch, "--port", str(port), "--save", "", "--fast-path", "no", *options],
                                 cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT), stdout=out, stderr=out)
        processes.append(p)
        end = time.monotonic() + 10
        while True:
            try:
                RespClient(port).close()
                break
            except OSError:
                assert time.monotonic() < end and p.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
        return port
    yield start_
    log = (tmp_path / "log").read_text()
    for p in processes:
        alive = p.poll() is None
        p.terminate()
        assert alive and p.wait(10) == 0, log
    assert "=== UNEXPECTED EXCEPTION: " in log and "boom" in log


@pytest.mark.parametrize("name", READS)
def test_reading(start, name):
    patch, options = READS[name]
    port = start(patch, options)
    others = [RespClient(port) for _ in range(8)]
    for _ in range(3):
        with RespClient(port) as c:
            for o in others:                        # all in one turn: with IO threads they are read by them
                o.send("PING")
            c.send_raw(BOOM)
            assert [o.read() for o in others] == [b"PONG"] * 8
            with pytest.raises((ConnectionError, OSError)):
                while True:
                    c.read_bytes(1)


@pytest.mark.parametrize("options", [[], ["--io-threads", "2"]])
def test_writing(start, options):
    port = start("break_(networking, 'writeToClient', lambda c, h: b'boom' in bytes(c.buf)); "
                 "networking_threads.writeToClient = networking.writeToClient", options)
    others = [RespClient(port) for _ in range(8)]
    for _ in range(3):
        with RespClient(port) as c:
            # DEBUG SLEEP holds the loop: all the replies are written in one turn.
            others[0].send("DEBUG", "SLEEP", "0.1")
            time.sleep(0.05)
            for o in others[1:4]:
                o.send("PING")
            c.send("ECHO", "boom")
            for o in others[4:]:
                o.send("PING")
            assert others[0].read() == b"OK"
            assert [o.read() for o in others[1:]] == [b"PONG"] * 7
            assert c.at_eof()


def test_before_sleep_and_cron(start):
    """A step of beforeSleep, and serverCron itself, raise now and then: the loop goes on."""
    port = start("n = [0]\n"
                 "def third(*a):\n"
                 "    n[0] += 1\n"
                 "    return n[0] % 3 == 0\n"
                 "break_(server_cron, 'handleClientsBlockedOnKeys', third)\n"
                 "break_(server_cron, 'handleBlockedClientsTimeout', third, ValueError)\n"
                 "break_(server_cron, 'databasesCron', third, KeyError)\n")
    with RespClient(port) as c, RespClient(port) as b:
        for j in range(30):
            b.send("BLPOP", "l", 0)
            time.sleep(0.02)
            assert c.execute("RPUSH", "l", j) == 1
            assert b.read() == [b"l", b"%d" % j]


def test_unblocked_client(start):
    """What a blocked client has sent meanwhile is parsed when it is unblocked, in beforeSleep."""
    port = start(READS["parser"][0])
    with RespClient(port) as c, RespClient(port) as b:
        b.send_raw(encode_command("BLPOP", "l", 0) + encode_command("SET", "k", "boom"))
        time.sleep(0.1)
        assert c.execute("RPUSH", "l", 1) == 1
        with pytest.raises((ConnectionError, OSError)):     # perhaps after the element
            while True:
                b.read_bytes(1)
        assert c.execute("PING") == b"PONG"


def test_bio_threads(start):
    """A job that raises is dropped; the thread does the next one."""
    port = start("n = [0]\n"
                 "from server.keyspace import lazyfree\n"
                 "free = lazyfree.lazyfreeFreeObject\n"
                 "def broken(*a):\n"
                 "    n[0] += 1\n"
                 "    if n[0] == 1: raise MemoryError('boom')\n"
                 "    return free(*a)\n"
                 "lazyfree.lazyfreeFreeObject = broken\n")
    with RespClient(port) as c:
        for key in ("a", "b"):
            for j in range(100):
                c.execute("SADD", "s" + key, "x%d" % j)
            assert c.execute("UNLINK", "s" + key) == 1
        end = time.monotonic() + 10
        while b"lazyfreed_objects:1" not in c.execute("INFO", "memory"):
            assert time.monotonic() < end
            time.sleep(0.02)


def test_memory_runs_out():
    """Under a limit like that of `ulimit -v`: who asks for too much gets an error or EOF, the others are served."""
    value = b"x" * (10 << 20)
    with start_server() as s, s.resp() as other:
        with open("/proc/%d/status" % s.pid) as f:
            size = next(int(line.split()[1]) << 10 for line in f if line.startswith("VmSize:"))
        limit = size + (120 << 20)
        resource.prlimit(s.pid, resource.RLIMIT_AS, (limit, limit))
        refused = 0
        for j in range(40):
            with s.resp(timeout=20) as c:
                try:
                    reply = c.execute("SET", "k%d" % j, value)
                except (ConnectionError, socket.error) as e:
                    assert not isinstance(e, socket.timeout)
                    reply = None
            if reply != b"OK":
                refused += 1
                assert reply is None or isinstance(reply, RespError)
            assert other.execute("PING") == b"PONG"
            if refused >= 5:
                break
        assert refused >= 5
        assert other.execute("DEL", *["k%d" % j for j in range(40)]) > 0
        assert other.execute("SET", "k", value[:1000]) == b"OK"
        assert s.stop() == 0


ASSERT_IN_THREAD = """
import threading
from server.fastpath import io_threads
def in_thread(c, *a):
    return b'boom' in bytes(c.%s) and threading.current_thread() is not threading.main_thread()
break_(%s, %r, in_thread, AssertionError)
"""


@pytest.mark.parametrize("fast,field,module,function", [
    ("no", "buf", "networking_threads", "writeToClient"), ("yes", "querybuf", "io_threads", "text_processInputBuffer")])
def test_an_assertion_in_an_io_thread_ends_the_server(tmp_path, fast, field, module, function):
    """As in C, and as in the main thread: the client of it is not just closed."""
    port = free_port()
    with open(tmp_path / "log", "ab") as out:
        p = subprocess.Popen([sys.executable, "-c", START % (ASSERT_IN_THREAD % (field, module, function)), "--port", str(port), "--save", "",
                              "--fast-path", fast, "--io-threads", "2", "--io-threads-do-reads", "yes"],
                             cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT), stdout=out, stderr=out)
    try:
        end = time.monotonic() + 60
        clients = []
        while len(clients) < 12:
            try:
                clients.append(RespClient(port))
            except OSError:
                assert time.monotonic() < end and p.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
        while p.poll() is None:
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            with contextlib.suppress(OSError):
                clients[0].send("DEBUG", "SLEEP", "0.1")        # holds the loop: the others are served in one turn
                for c in clients[1:]:
                    c.send("ECHO", "boom")
                for c in clients:
                    c.read()
        assert p.returncode == -signal.SIGABRT
        log = (tmp_path / "log").read_text()
        assert "=== ASSERTION FAILED ===" in log and "UNEXPECTED EXCEPTION" not in log
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
        for c in clients:
            c.close()


def test_an_assertion_in_a_bio_thread_ends_the_server(tmp_path):
    port = free_port()
    patch = "from server.keyspace import lazyfree\nbreak_(lazyfree, 'lazyfreeFreeObject', lambda *a: True, AssertionError)"
    with open(tmp_path / "log", "ab") as out:
        p = subprocess.Popen([sys.executable, "-c", START % patch, "--port", str(port), "--save", ""],
                             cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT), stdout=out, stderr=out)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                c = RespClient(port)
                break
            except OSError:
                assert time.monotonic() < end and p.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
        with c, contextlib.suppress(OSError):
            c.execute("SADD", "s", *["x%d" % j for j in range(100)])
            c.execute("UNLINK", "s")
        assert p.wait(60) == -signal.SIGABRT
        assert "=== ASSERTION FAILED ===" in (tmp_path / "log").read_text()
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()
