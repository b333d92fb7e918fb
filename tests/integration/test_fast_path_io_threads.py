"""IO threads with the fast path and without it: many clients at once, replies that no socket takes, clients that leave."""
import random
import re
import socket
import struct
import threading
import time

import pytest

from tests.support.resp import RespClient, encode_command
from tests.support.server import start_server

CLIENTS = 40
BIG = 3 << 20                          # more than a socket's buffers take


def exchange(port, name, failures, rounds=40):
    """Pipelines on keys of its own, and what a plain dict would answer."""
    rng = random.Random(name)
    model = {}
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
            f = sock.makefile("rb")
            for j in range(rounds):
                out, want = [], []
                for _ in range(rng.choice((1, 1, 3, 16, 200))):
                    key = b"%s:%d" % (name, rng.randrange(5))
                    kind = rng.randrange(6)
                    if kind == 0:
                        value = b"v" * rng.choice((0, 3, 44, 1000, 20000))
                        model[key] = value
                        out.append(encode_command("SET", key, value))
                        want.append(b"+OK\r\n")
                    elif kind == 1:
                        out.append(encode_command("STRLEN", key))                     # the text's
                        want.append(b":%d\r\n" % len(model.get(key, b"")))
                    elif kind == 2:
                        out.append(b"PING\r\n")                                       # inline
                        want.append(b"+PONG\r\n")
                    else:
                        value = model.get(key)
                        out.append(encode_command("GET", key))
                        want.append(b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value))
                data, want = b"".join(out), b"".join(want)
                cut = rng.randrange(len(data)) if rng.random() < 0.3 else len(data)
                sender = threading.Thread(target=lambda: (sock.sendall(data[:cut]), sock.sendall(data[cut:])))
                sender.start()
                got = f.read(len(want))
                sender.join()
                if got != want:
                    at = next(i for i, (a, b) in enumerate(zip(got, want)) if a != b)
                    failures.append((name, j, got[at:at + 50], want[at:at + 50]))
                    return
    except Exception as exc:
        failures.append((name, exc))


@pytest.mark.parametrize("fast", ["yes", "no"])
@pytest.mark.parametrize("reads", ["yes", "no"])
def test_many_clients(fast, reads):
    with start_server(conf={"io-threads": 4, "io-threads-do-reads": reads, "fast-path": fast, "appendonly": "yes"}) as s, s.resp() as c:
        c.execute("SET", "big", b"b" * BIG)
        # These do not read at first.
        slow = [socket.create_connection(("127.0.0.1", s.port), timeout=60) for _ in range(3)]
        for sock in slow:
            sock.sendall(encode_command("GET", "big") * 2 + encode_command("PING"))
        # These leave in the middle of a request, or with a reply on its way.
        for j in range(20):
            sock = socket.create_connection(("127.0.0.1", s.port), timeout=60)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(encode_command("GET", "big") if j & 1 else encode_command("SET", "leaves", "x")[:-1])
            sock.close()
        failures = []
        jobs = [threading.Thread(target=exchange, args=(s.port, b"c%d" % j, failures)) for j in range(CLIENTS)]
        for t in jobs:
            t.start()
        for t in jobs:
            t.join()
        assert not failures, failures[:3]
        for sock in slow:
            f = sock.makefile("rb")
            for _ in range(2):
                assert f.readline() == b"$%d\r\n" % BIG and f.read(BIG + 2) == b"b" * BIG + b"\r\n"
            assert f.readline() == b"+PONG\r\n"
            sock.close()
        info = c.execute("INFO", "stats").decode()
        assert int(re.search(r"io_threaded_writes_processed:(\d+)", info).group(1)) > 0
        assert (int(re.search(r"io_threaded_reads_processed:(\d+)", info).group(1)) > 0) == (reads == "yes")
        assert c.execute("EXISTS", "leaves") == 0
        digest = c.execute("DEBUG", "DIGEST")
        assert c.execute("DEBUG", "LOADAOF") == b"OK" and c.execute("DEBUG", "DIGEST") == digest
        assert "BUG REPORT" not in s.log()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("threads", [1, 4])
def test_errors_of_a_socket_are_logged_as_they_were(threads):
    """The system reports an error once: a second call would meet a broken pipe, or the end of the stream."""
    with start_server(conf={"io-threads": threads, "io-threads-do-reads": "yes", "fast-path": "yes", "loglevel": "verbose"}) as s:
        end = time.monotonic() + 60
        log = ""
        while "Reading from client: Connection reset by peer" not in log or "Error writing to client: Connection reset by peer" not in log:
            assert time.monotonic() < end, log
            clients = [RespClient(s.port, timeout=60) for _ in range(32)]
            # Each DEBUG SLEEP holds the loop.  In the second one, what was sent in the first one is executed, and not yet answered.
            clients[0].send("DEBUG", "SLEEP", "0.1")
            time.sleep(0.05)
            for c in clients[2:20]:
                c.send("GET", "k")
            clients[1].send("DEBUG", "SLEEP", "0.2")
            time.sleep(0.15)
            for c in clients[10:]:
                reset(c.sock)
            assert clients[0].read() == clients[1].read() == b"OK"
            assert [c.read() for c in clients[2:10]] == [None] * 8
            for c in clients[:10]:
                c.close()
            log = s.log()
        assert "Broken pipe" not in log and "BUG REPORT" not in log
