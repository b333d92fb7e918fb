"""The directive fast-path, and the switch under load: nothing lost, nothing executed twice."""
import socket
import threading

import pytest

from tests.support.resp import RespError
from tests.support.server import start_server


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
