"""Clients that mean harm or do not care: garbage, floods, silence, tiny steps.  The server lives, the others are unharmed.

Longer by environment: AEREDIS_HOSTILE_STRINGS=100000 AEREDIS_IDLE_CONNECTIONS=10000 AEREDIS_PIPELINE=1000000 AEREDIS_BYTE_SECONDS=1
"""
import os
import random
import resource
import socket
import threading
import time

import pytest

from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import ServerProcess, free_port, start_server

STRINGS = int(os.environ.get("AEREDIS_HOSTILE_STRINGS", 3000))
IDLE = int(os.environ.get("AEREDIS_IDLE_CONNECTIONS", 800))
PIPELINE = int(os.environ.get("AEREDIS_PIPELINE", 50000))
BYTE_SECONDS = float(os.environ.get("AEREDIS_BYTE_SECONDS", 0.03))

# What a client may do to others by right, or what stops the server or its data: not what this is about.
BY_RIGHT = {"shutdown", "debug", "monitor", "sync", "psync", "replicaof", "slaveof", "failover", "cluster", "bgsave", "save",
            "bgrewriteaof", "client", "acl", "config", "flushall", "flushdb", "swapdb", "migrate", "module", "script", "eval", "evalsha",
            "replconf", "pfselftest", "publish", "restore-asking", "readonly", "readwrite"}
KEYS = [b"k1", b"k2", b"k3", b"{t}4", b""]
TOKENS = KEYS * 3 + [b"0", b"1", b"-1", b"3", b"100000", b"-100000", b"1.5", b"nan", b"inf", b"-inf", b"x", b"*", b"$", b">", b"+", b"-", b"(1",
                     b"[a", b"(a", b"0-0", b"1-1", b"\x00\xff\r\n", b"EX", b"NX", b"GET", b"COUNT", b"MATCH", b"LIMIT", b"WITHSCORES", b"STREAMS",
                     b"STORE", b"BLOCK", b"GROUP", b"LEFT", b"WEIGHTS", b"AGGREGATE", b"u8", b"i64", b"SET", b"OVERFLOW", b"m", b"a" * 300]


def garbage(rnd, commands):
    """One hostile string."""
    kind = rnd.random()
    if kind < 0.15:
        return rnd.randbytes(rnd.randrange(1, 200))
    if kind < 0.25:                                    # inline
        words = [rnd.choice(TOKENS + ['"', "'", '"\\xZZ', "\\"]) for _ in range(rnd.randrange(1, 6))]
        return b" ".join(w.encode() if isinstance(w, str) else w for w in words) + b"\r\n"
    command = encode_command(rnd.choice(commands), *[rnd.choice(TOKENS) for _ in range(rnd.randrange(0, 8))])
    if kind < 0.75:                                    # a well formed request, most of them without sense
        return command
    if kind < 0.85:                                    # bytes changed
        b = bytearray(command)
        for _ in range(rnd.randrange(1, 4)):
            b[rnd.randrange(len(b))] = rnd.choice(b"0123456789*$\r\n-x\x00\xff")
        return bytes(b)
    if kind < 0.92:                                    # cut off, and more behind it
        return command[:rnd.randrange(len(command))] + b"\r\n" * rnd.randrange(2)
    return rnd.choice([b"*-1\r\n", b"*0\r\n", b"*1\r\n$-1\r\n", b"*1048577\r\n", b"*99999999999999999999\r\n", b"*1\r\n$536870913\r\n",
                       b"*x\r\n", b"*1\r\n:1\r\n", b"$5\r\nhello\r\n", b"\r\n" * 50, b"\x00" * 100, b"*3\r\n" * 20, b"POST / HTTP/1.1\r\n",
                       b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 70000, b"x" * 70000, b"*2147483647\r\n$1\r\n"])


class Others:
    """Clients that behave, and notice what happens to them."""

    def __init__(self, s):
        self.s = s
        self.c = s.resp()
        self.sub = s.resp()
        self.sub.execute("SUBSCRIBE", "news")
        self.blocked = s.resp()
        self.blocked.send("BLPOP", "quiet:queue", 0)
        self.n = 0
        self.c.execute("SET", "quiet:value", "unharmed")
        self.c.execute("DEL", "quiet:counter", "quiet:queue")
        self.slowest = 0.0

    def check(self):
        start = time.monotonic()
        self.n += 1
        assert self.c.execute("GET", "quiet:value") == b"unharmed"
        assert self.c.execute("INCR", "quiet:counter") == self.n
        self.c.execute("PUBLISH", "news", self.n)
        assert self.sub.read_reply() == [b"message", b"news", b"%d" % self.n]
        self.slowest = max(self.slowest, time.monotonic() - start)

    def close(self):
        self.check()
        self.c.execute("RPUSH", "quiet:queue", "at last")
        assert self.blocked.read() == [b"quiet:queue", b"at last"]
        for c in (self.c, self.sub, self.blocked):
            c.close()


@pytest.fixture(scope="module")
def s():
    with start_server(conf={"hz": 50, "client-query-buffer-limit": "4mb"}) as s:
        yield s


@pytest.fixture
def others(s):
    o = Others(s)
    yield o
    o.close()
    assert s.process.poll() is None
    log = s.log()
    assert "Unexpected exception" not in log and "Traceback" not in log and "BUG REPORT" not in log


def test_garbage(s, others):
    rnd = random.Random(os.environ.get("AEREDIS_SEED", 1))
    commands = [c[0].decode() for c in others.c.execute("COMMAND") if c[0].decode() not in BY_RIGHT]
    c, used = None, 0
    for i in range(STRINGS):
        if c is None:
            c, used = s.resp(timeout=10), 0
        try:
            c.send_raw(garbage(rnd, commands))
            used += 1
            if rnd.random() < 0.3:
                c.sock.setblocking(False)
                try:
                    if not c.sock.recv(1 << 20):
                        raise ConnectionError
                except BlockingIOError:
                    pass
                c.sock.settimeout(10)
            if used > 30:
                c.sock.shutdown(socket.SHUT_WR)        # and let the server take all of it
                while c.sock.recv(1 << 20):
                    pass
                raise ConnectionError
        except OSError:
            c.close()
            c = None
        if i % 100 == 0:
            others.check()
    if c:
        c.close()
    others.c.execute("DEL", *KEYS)


def test_idle_connections(others, s):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 100:
        pytest.skip("no more than %d descriptors" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, IDLE + 1000)), hard))
    socks = []
    try:
        assert others.c.execute("CONFIG", "SET", "maxclients", IDLE + 50) == b"OK"
        for i in range(IDLE):
            socks.append(socket.create_connection(("127.0.0.1", s.port), 10))
            if i % 200 == 0:
                others.check()
        others.check()
        assert b"\nconnected_clients:%d\r" % (IDLE + 3) in others.c.execute("INFO", "clients")
        time.sleep(0.3)                                # clientsCron has all of them to look at
        for _ in range(20):
            others.check()
        assert others.slowest < 1
        for sock in (socks[0], socks[-1], socks[len(socks) // 2]):
            sock.sendall(b"PING\r\n")
            assert sock.recv(100) == b"+PONG\r\n"
    finally:
        for sock in socks:
            sock.close()
        others.c.execute("CONFIG", "SET", "maxclients", 10000)


def test_too_many_connections(others, s):
    others.c.execute("CONFIG", "SET", "maxclients", 10)
    socks = [s.resp() for _ in range(7)]
    assert [c.execute("PING") for c in socks] == [b"PONG"] * 7
    for _ in range(30):
        with s.resp() as c:
            assert c.read() == RespError("ERR max number of clients reached")
            assert c.at_eof()
    others.check()
    for c in socks:
        c.close()
    others.c.execute("CONFIG", "SET", "maxclients", 10000)


def test_a_byte_at_a_time(others, s):
    with s.resp() as c:
        for byte in encode_command("ECHO", "hi"):
            c.send_raw(bytes([byte]))
            time.sleep(BYTE_SECONDS)
            others.check()
        assert c.read() == b"hi"
    assert others.slowest < 1


@pytest.mark.parametrize("limit", ["normal 1mb 0 0", "normal 0 200kb 1"])
def test_who_never_reads_is_cut_off(others, s, limit):
    others.c.execute("SETRANGE", "big", 500000, "x")
    others.c.execute("CONFIG", "SET", "client-output-buffer-limit", limit)
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", s.port))
            sock.sendall(encode_command("CLIENT", "SETNAME", "deaf") + encode_command("GET", "big") * 30)
            end = time.monotonic() + 10
            while True:
                others.check()
                if b"name=deaf" not in others.c.execute("CLIENT", "LIST"):
                    break
                assert time.monotonic() < end
                time.sleep(0.05)
        assert "scheduled to be closed ASAP for overcoming of output buffer limits" in s.log()
        assert others.slowest < 1
    finally:
        others.c.execute("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
        others.c.execute("DEL", "big")


def test_a_deaf_subscriber_is_cut_off(others, s):
    others.c.execute("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", s.port))
        sock.sendall(encode_command("SUBSCRIBE", "flood"))
        time.sleep(0.1)
        for _ in range(2000):
            if others.c.execute("PUBLISH", "flood", "x" * 10000) == 0:
                break
        else:
            pytest.fail("still there")
    others.c.execute("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")


def test_a_long_pipeline(others, s):
    done = []

    def flood():
        with s.resp(timeout=600) as c:
            data = encode_command("INCR", "flood:n") * 1000
            sender = threading.Thread(target=lambda: [c.sock.sendall(data) for _ in range(PIPELINE // 1000)])
            sender.start()
            got = 0
            while got < PIPELINE // 1000 * 1000:
                chunk = c.sock.recv(1 << 20)
                got += chunk.count(b"\r\n")
                if not chunk:
                    break
            sender.join()
            done.append((got, c.execute("GET", "flood:n")))

    thread = threading.Thread(target=flood)
    thread.start()
    while thread.is_alive():
        others.check()
        time.sleep(0.01)
    thread.join()
    n = PIPELINE // 1000 * 1000
    assert done == [(n, b"%d" % n)]
    assert others.slowest < 1
    others.c.execute("DEL", "flood:n")


def test_query_buffer_limit(others, s):
    with s.resp() as c:
        with pytest.raises(OSError):
            c.send_raw(b"*2\r\n$4\r\nECHO\r\n$100000000\r\n")
            for _ in range(200):
                c.send_raw(b"x" * 100000)
            raise ConnectionError if c.at_eof() else AssertionError
    assert "Closing client that reached max query buffer length" in s.log()
    with s.resp() as c:
        c.send_raw(b"x" * 70000)                       # inline, without an end
        assert c.read() == RespError("ERR Protocol error: too big inline request")
        assert c.at_eof()


def test_before_auth_only_little_is_read():
    with start_server(conf={"requirepass": "secret"}) as s:
        for request, error in ((b"*11\r\n", "unauthenticated multibulk length"), (b"*1\r\n$20000\r\n", "unauthenticated bulk length")):
            with s.resp() as c:
                c.send_raw(request)
                assert c.read() == RespError("ERR Protocol error: " + error)
                assert c.at_eof()


def own_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))                # sends nothing
            ip = s.getsockname()[0]
        except OSError:
            return None
    return None if ip.startswith("127.") or ip == "0.0.0.0" else ip


def test_protected_mode():
    ip = own_address()
    if ip is None:
        pytest.skip("this machine has the loopback interface only")
    server = ServerProcess()
    del server.conf["bind"]
    try:
        server.start()
        with RespClient(server.port, host=ip) as c:
            reply = c.read()
            assert reply.text.startswith("DENIED Redis is running in protected mode because")
            assert c.at_eof()
        admin = server.resp()
        assert admin.execute("PING") == b"PONG"
        for name, value, back in (("protected-mode", "no", "yes"), ("requirepass", "x", "")):
            admin.execute("CONFIG", "SET", name, value)
            with RespClient(server.port, host=ip) as c:
                assert c.execute("AUTH", "x") is not None and not str(c.execute("PING")).startswith("DENIED")
            admin.execute("CONFIG", "SET", name, back)
        admin.close()
    finally:
        server.cleanup()


def test_tls_garbage_on_a_plain_port_and_idle_timeout():
    with start_server(conf={"timeout": 1, "hz": 50}) as s:
        with s.resp() as c, s.resp() as sub:
            c.send_raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2)
            sub.execute("SUBSCRIBE", "x")
            assert c.sock.recv(1000) == b"" or c.at_eof()      # idle for a second: gone
            sub.sock.settimeout(1.2)
            with pytest.raises(socket.timeout):                # a subscriber may be silent
                sub.sock.recv(10)


def test_half_closed_and_vanished(others, s):
    """Writers that shut down their side still get what they asked for; who vanishes is noticed."""
    c = s.resp()
    c.send("ECHO", "x" * 100000)
    c.sock.shutdown(socket.SHUT_WR)
    assert c.read() == b"x" * 100000 and c.at_eof()
    c.close()
    for _ in range(50):
        c = s.resp()
        c.send("BLPOP", "nolist", 0)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        c.close()
    end = time.monotonic() + 5
    while b"\nblocked_clients:1\r" not in others.c.execute("INFO", "clients"):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_port_is_free_again():
    """A server killed with clients attached can start again at once on its port."""
    port = free_port()
    with start_server(port=port) as s:
        clients = [s.resp() for _ in range(5)]
        s.kill9()
        s.start()
        for c in clients:
            c.close()
