"""The directive fast-path, and the switch under load: nothing lost, nothing executed twice."""
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import ROOT, free_port, start_server


def test_the_directive():
    with start_server(conf={"fast-path": "no"}) as s, s.resp() as c:
        assert c.execute("CONFIG", "GET", "fast-path") == [b"fast-path", b"no"]
        assert c.execute("CONFIG", "SET", "fast-path", "yes") == b"OK"
        assert c.execute("CONFIG", "GET", "fast-path") == [b"fast-path", b"yes"]
        assert c.execute("CONFIG", "REWRITE") == b"OK"
        with open(s.conffile, encoding="utf-8") as f:
            assert "\nfast-path yes\n" in f.read()
        c.execute("CONFIG", "SET", "fast-path", "no")
        c.execute("CONFIG", "REWRITE")
        with open(s.conffile, encoding="utf-8") as f:
            assert "\nfast-path no\n" in f.read()
        reply = c.execute("CONFIG", "SET", "fast-path", "maybe")
        assert isinstance(reply, RespError) and "argument must be 'yes' or 'no'" in str(reply)
    with start_server("--fast-path", "no") as s, s.resp() as c:
        assert c.execute("CONFIG", "GET", "fast-path") == [b"fast-path", b"no"]


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


@pytest.mark.parametrize("threads", [1, 4])
def test_switched_under_load(threads):
    """Pipelines of INCR on four connections, with switches in the pipelines, and in MULTI."""
    with start_server(conf={"io-threads": threads, "io-threads-do-reads": "yes"}) as s:
        rounds, depth = 150, 20
        bad = []

        def client(name):
            with socket.create_connection(("127.0.0.1", s.port), timeout=30) as sock:
                f = sock.makefile("rb")
                expected = 0
                for j in range(rounds):
                    value = (b"yes", b"no")[j & 1]
                    out, want = [], []
                    for i in range(depth):
                        if i == depth // 2:
                            if j % 3 == 0:
                                out.append(request(b"CONFIG", b"SET", b"fast-path", value))
                                want.append(b"+OK\r\n")
                            elif j % 3 == 1:
                                out += [request(b"MULTI"), request(b"CONFIG", b"SET", b"fast-path", value), request(b"INCR", name),
                                        request(b"EXEC")]
                                expected += 1
                                want += [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", b"*2\r\n", b"+OK\r\n", b":%d\r\n" % expected]
                        expected += 1
                        out.append(request(b"INCR", name))
                        want.append(b":%d\r\n" % expected)
                    sock.sendall(b"".join(out))
                    for line in want:
                        got = f.readline()
                        if got != line:
                            bad.append((name, j, got, line))
                            return

        jobs = [threading.Thread(target=client, args=(b"k%d" % j,)) for j in range(4)]
        for t in jobs:
            t.start()
        for t in jobs:
            t.join()
        assert not bad
        with s.resp() as c:
            assert {c.execute("GET", "k%d" % j) for j in range(4)} == {b"%d" % (rounds * depth + rounds // 3)}


def test_what_is_chosen_by_the_server_is_propagated():
    """SPOP draws a member and XADD an ID: the AOF gets an SREM and the ID; the rest as it was sent."""
    with start_server(conf={"appendonly": "yes", "appendfsync": "no", "aof-use-rdb-preamble": "no"}) as s, s.resp() as c:
        c.execute("SADD", "s", *["m%d" % j for j in range(40)])
        popped = c.execute("SPOP", "s")
        first, second = c.execute("XADD", "x", "*", "f", "v"), c.execute("xadd", "x", "*", "f", "v")
        c.execute("SET", "k", "v")
        c.execute("SELECT", "1")
        c.execute("set", "k", "v")
        digest = c.execute("DEBUG", "DIGEST")
        with open(os.path.join(s.dir, "appendonly.aof"), "rb") as f:
            text = f.read()
        end = b"".join(encode_command(*words) for words in (
            ("SREM", "s", popped), ("XADD", "x", first, "f", "v"), ("xadd", "x", second, "f", "v"), ("SET", "k", "v"), ("SELECT", "1"), ("set", "k", "v")))
        assert text.endswith(end)
        assert c.execute("DEBUG", "LOADAOF") == b"OK"
        assert c.execute("DEBUG", "DIGEST") == digest


def test_a_function_that_raises(tmp_path):
    """A bug in a function of the fast path: a report, an error for the client, and nothing lost or executed twice."""
    (tmp_path / "raises.py").write_text(
        "from server import link\n"
        "from server.fastpath import commands\n"
        "from server import server_main\n"
        "import sys\n"
        "def incr(c, db, key):\n"
        "    if key == b'bad':\n"
        "        raise ValueError('a bug')\n"
        "    return good(c, db, key)\n"
        "good, commands.incr = commands.incr, incr\n"
        "server_main.main(sys.argv)\n")
    port = free_port()
    log = tmp_path / "log"
    with open(log, "wb") as out:
        p = subprocess.Popen([sys.executable, str(tmp_path / "raises.py"), "--port", str(port), "--save", "", "--dir", str(tmp_path)],
                             stdout=out, stderr=out, env=dict(os.environ, PYTHONPATH=ROOT), cwd=str(tmp_path))
    try:
        for _ in range(400):
            try:
                c = RespClient(port, timeout=20)
                break
            except OSError:
                time.sleep(0.05)
        with c:
            c.send_raw(b"".join(encode_command("INCR", k) for k in ("a", "a", "bad", "a", "bad", "a")))
            replies = [c.read_reply() for _ in range(6)]
            # What follows in the same buffer is left to the text, which has no such bug.
            assert replies == [1, 2, RespError("ERR internal error, see the log of the server: ValueError"), 3, 1, 4]
            assert c.execute("GET", "a") == b"4"
            assert b"cmdstat_incr:calls=5," in c.execute("INFO", "commandstats")
        assert "UNEXPECTED EXCEPTION: ValueError" in log.read_text()
    finally:
        p.kill()
        p.wait()


def test_clients_of_one_turn():
    """What one client does to another in the same turn: it is closed, its reply is dropped; the descriptor may be another's."""
    with start_server() as s, s.resp() as control:
        for _ in range(20):
            victim, killer = s.resp(), s.resp()
            name = victim.execute("CLIENT", "ID")
            control.send_raw(encode_command("DEBUG", "SLEEP", "0.02"))
            time.sleep(0.005)
            victim.send_raw(encode_command("INCR", "n"))
            killer.send_raw(encode_command("CLIENT", "KILL", "ID", name) + encode_command("INCR", "m"))
            assert control.read_reply() == b"OK"
            assert killer.read_reply() == 1 and killer.read_reply() > 0
            victim.close()
            killer.close()
        assert control.execute("GET", "n") == control.execute("GET", "m") == b"20"


def test_a_replica_is_sent_a_write_before_it_is_confirmed():
    """As in C, where the replica stands before the client in clients_pending_write: a confirmed write has left the master."""
    with start_server("--repl-diskless-sync", "no") as s:
        replica = s.resp()
        replica.send("PSYNC", "?", "-1")
        assert replica.read_line().startswith(b"+FULLRESYNC")
        line = b"\n"
        while not line.startswith(b"$"):
            while b"\n" not in replica.buf:
                replica.buf += replica.sock.recv(65536)
            line, _, replica.buf = replica.buf.partition(b"\n")
        replica.read_bytes(int(line[1:]))
        with s.resp() as c:
            c.execute("SET", "first", "x")                 # brings SELECT
            for j in range(200):
                assert c.execute("SET", "k%d" % j, "v") == b"OK"
                # Nothing to wait for: what was confirmed is in the socket.
                replica.sock.setblocking(False)
                while True:
                    try:
                        replica.buf += replica.sock.recv(65536)
                    except BlockingIOError:
                        break
                assert replica.buf.endswith(b"$%d\r\nk%d\r\n$1\r\nv\r\n" % (len("k%d" % j), j)), j
        replica.close()
