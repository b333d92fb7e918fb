"""The process does not grow: clients of every state that come, are killed, or die mid-way leave nothing behind.

The server runs with the cyclic collector off, so a cycle left behind is a leak.  After each kind of client the server
is asked (tests/support/probe.py) what only the collector could free: nothing; and what is alive: no more than before.

AEREDIS_SOAK_CONNECTIONS=20000 makes it long (`make soak`); the default is short.
"""
import collections
import os
import random
import socket
import ssl
import time

import pytest

from tests.support.certs import make_certs
from tests.support.probe import probe
from tests.support.resp import RespClient, encode_command
from tests.support.server import free_port, start_server

CONNECTIONS = int(os.environ.get("AEREDIS_SOAK_CONNECTIONS", 2000))


def no_linger(sock):
    """Let close() reset the connection, as a dying machine would."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


class Soak:
    """One kind of client: talk(client, admin) does its work up to the point where it ends."""

    def __init__(self, s):
        self.s = s
        self.admin = s.resp()
        self.serial = 0

    def end(self, c, how):
        if how == "close":
            c.close()
        elif how == "reset":
            no_linger(c.sock)
            c.close()
        elif how == "quit":
            c.sock.sendall(encode_command("QUIT"))
            c.close()
        else:
            self.admin.execute("CLIENT", "KILL", "TYPE", "normal")
            self.admin.execute("CLIENT", "KILL", "TYPE", "pubsub")
            c.close()

    def settle(self):
        """Wait until our own connection is the only one left."""
        end = time.monotonic() + 10
        while b"\nconnected_clients:1\r" not in self.admin.execute("INFO", "clients"):
            assert time.monotonic() < end, self.admin.execute("CLIENT", "LIST")
            time.sleep(0.02)


def some_commands(c, soak):
    c.pipeline([("SET", "k", "v" * 50), ("GET", "k"), ("INCR", "n"), ("LPUSH", "l", *range(5)), ("LPOP", "l"), ("HSET", "h", "f", "v"),
                ("ZADD", "z", 1, "a", 2, "b"), ("ZPOPMIN", "z"), ("SADD", "s", 1, 2, "x"), ("SPOP", "s"), ("XADD", "x", "*", "f", "v"),
                ("XREAD", "STREAMS", "x", "0"), ("SETEX", "t", 100, "x"), ("SORT", "s", "ALPHA"), ("SCAN", 0), ("DEL", "x", "s", "z", "h", "l"),
                ("EXPIRE", "k", 100), ("CLIENT", "LIST"), ("OBJECT", "ENCODING", "k"), ("BITFIELD", "b", "SET", "u8", 0, 7),
                ("GEOADD", "g", 1, 2, "m"), ("PFADD", "p", 1, 2, 3), ("FLUSHDB",), ("CLIENT", "SETNAME", "me"), ("CONFIG", "GET", "*")])


def errors(c, soak):
    c.pipeline([("NOSUCH",), ("GET",), ("SET", "k", "v", "EX", "x"), ("INCR", "notint"), ("EXEC",), ("LPUSH", "k", 1),
                ("CONFIG", "SET", "hz", "x"), ("AUTH", "a", "b"), ("HELLO", 9), ("XGROUP", "CREATE", "nokey", "g", "$"), ("XREADGROUP",)])


def protocol_error(c, soak):
    c.send_raw(b"*1\r\n$x\r\n")
    c.read()


def half_a_command(c, soak):
    c.send_raw(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\n" + b"x" * 40000)


def multi(c, soak):
    c.pipeline([("MULTI",), ("SET", "a", 1), ("LPUSH", "list", 1), ("NOSUCH",)])


def multi_exec(c, soak):
    c.pipeline([("MULTI",), ("SET", "a", 1), ("GET", "a"), ("EXEC",), ("MULTI",), ("SET", "a", 2), ("DISCARD",)])


def watch(c, soak):
    c.pipeline([("WATCH", "w1", "w2"), ("GET", "w1")])
    if soak.serial % 2:
        soak.admin.execute("SET", "w1", soak.serial)
        c.pipeline([("MULTI",), ("SET", "w2", 1), ("EXEC",), ("WATCH", "w2")])


def subscribe(c, soak):
    c.execute("SUBSCRIBE", "ch1")
    c.send("PSUBSCRIBE", "ch*")
    soak.admin.execute("PUBLISH", "ch1", "x" * 100)


def blpop(c, soak):
    c.send("BLPOP", "q1", "q2", 0)
    if soak.serial % 2:
        soak.admin.execute("RPUSH", "q2", "x")
    if soak.serial % 3 == 0:
        soak.admin.pipeline([("MULTI",), ("RPUSH", "q1", "y"), ("DEL", "q1"), ("EXEC",)])


def block_with_timeout(c, soak):
    c.send("BZPOPMIN", "bz", 0.001 if soak.serial % 2 else 100)
    soak.admin.execute("DEL", "bz")


def blmove(c, soak):
    c.send("BLMOVE", "m1", "m2", "LEFT", "RIGHT", 0)
    if soak.serial % 2:
        soak.admin.pipeline([("RPUSH", "m1", "x"), ("DEL", "m2")])


def xread(c, soak):
    soak.admin.execute("XGROUP", "CREATE", "st", "g", "$", "MKSTREAM")
    c.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "st", ">")
    if soak.serial % 3 == 0:
        soak.admin.execute("XADD", "st", "*", "f", "v")
    elif soak.serial % 3 == 1:
        soak.admin.execute("DEL", "st")


def wait(c, soak):
    c.send("WAIT", 1, 0)


def monitor(c, soak):
    c.execute("MONITOR")
    soak.admin.execute("SET", "a", "b")


def tracking(c, soak):
    c.execute("HELLO", 3)
    c.pipeline([("CLIENT", "TRACKING", "ON"), ("GET", "tr1"), ("GET", "tr2")])
    soak.admin.execute("SET", "tr1", soak.serial)


def tracking_bcast(c, soak):
    c.execute("HELLO", 3)
    c.execute("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "tr", "PREFIX", "x")
    soak.admin.execute("SET", "tr1", soak.serial)


def tracking_redirect(c, soak):
    with RespClient(soak.s.port) as target:
        cid = target.execute("CLIENT", "ID")
        target.execute("SUBSCRIBE", "__redis__:invalidate")
        c.pipeline([("CLIENT", "TRACKING", "ON", "REDIRECT", cid), ("GET", "tr1")])
        soak.admin.execute("SET", "tr1", soak.serial)


def acl_user(c, soak):
    soak.admin.execute("ACL", "SETUSER", "u", "on", ">p", "~k*", "&c*", "+@all", "-flushall")
    c.pipeline([("AUTH", "u", "p"), ("SET", "kk", 1), ("SET", "no", 1), ("FLUSHALL",), ("SUBSCRIBE", "c1")])
    if soak.serial % 2:
        soak.admin.execute("ACL", "DELUSER", "u")


def does_not_read(c, soak):
    soak.admin.execute("SETRANGE", "big", 300000, "x")
    c.send_raw(encode_command("GET", "big") * 10)


def client_pause(c, soak):
    soak.admin.execute("CLIENT", "PAUSE", 5, "WRITE")
    c.send("SET", "a", 1)


def big_argument(c, soak):
    c.execute("SET", "big2", "x" * 200000)
    c.execute("APPEND", "big2", "y" * 100)


def many_replies(c, soak):
    c.pipeline([("LRANGE", "longlist", 0, -1)] * 3 + [("KEYS", "*"), ("COMMAND",), ("INFO",), ("DEBUG", "OBJECT", "k"), ("MEMORY", "STATS"),
                                                      ("SLOWLOG", "GET"), ("LATENCY", "DOCTOR"), ("ACL", "LIST"), ("CLIENT", "INFO")])


KINDS = [some_commands, errors, protocol_error, half_a_command, multi, multi_exec, watch, subscribe, blpop, block_with_timeout, blmove, xread,
         wait, monitor, tracking, tracking_bcast, tracking_redirect, acl_user, does_not_read, client_pause, big_argument, many_replies]
ENDS = ["close", "reset", "quit", "kill"]


@pytest.fixture(scope="module")
def soak():
    with start_server(module="tests.support.probe", conf={"hz": 100}) as s:
        k = Soak(s)
        k.admin.execute("RPUSH", "longlist", *range(2000))
        for kind in KINDS:                             # once for all: what is made on first use
            run(k, kind, 4)
        probe(s)
        yield k


def run(soak, kind, rounds):
    for i in range(rounds):
        c = RespClient(soak.s.port)
        soak.serial += 1
        kind(c, soak)
        soak.end(c, ENDS[i % len(ENDS)])
    soak.settle()
    soak.admin.execute("ACL", "DELUSER", "u")
    soak.admin.execute("FLUSHALL")
    soak.admin.execute("RPUSH", "longlist", *range(2000))
    soak.admin.execute("ACL", "LOG", "RESET")
    soak.admin.execute("SLOWLOG", "RESET")         # on a busy machine the big command is in it


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def growth(before, after):
    """What became more by type, where it is no noise."""
    more = collections.Counter(after["live"])
    more.subtract(before["live"])
    return {name: n for name, n in more.items() if n > 15}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_kind_leaves_nothing(soak, kind):
    before = probe(soak.s)
    run(soak, kind, max(CONNECTIONS // len(KINDS), 40))
    after = probe(soak.s)
    assert after["garbage"] == {}
    assert growth(before, after) == {}


def test_the_process_does_not_grow(soak):
    """All kinds in turn, many at a time, some never properly ended; in KB of the process."""
    def batch(seed):
        rnd = random.Random(seed)
        clients = []
        for _ in range(60):
            c = RespClient(soak.s.port)
            soak.serial += 1
            kind = rnd.choice([k for k in KINDS if k is not client_pause])
            kind(c, soak)
            clients.append(c)
        rnd.shuffle(clients)
        for c in clients:
            soak.end(c, rnd.choice(ENDS[:3]))
        run(soak, some_commands, 4)

    for i in range(3):
        batch(i)
    before, kb = probe(soak.s), rss(soak.s.pid)
    for i in range(max(CONNECTIONS // 600, 3)):
        batch(i)
    after = probe(soak.s)
    assert after["garbage"] == {}
    assert growth(before, after) == {}
    assert rss(soak.s.pid) - kb < 8192


def test_tls_clients_leave_nothing(tmp_path):
    certs = make_certs(tmp_path)
    port = free_port()
    conf = dict(certs.conf(port), **{"tls-auth-clients": "no", "hz": 100})
    del conf["port"]
    with start_server(module="tests.support.probe", conf=conf) as s:
        soak = Soak(s)
        ctx = ssl.create_default_context(cafile=certs.ca)
        ctx.check_hostname = False

        def tls_round(i):
            sock = socket.create_connection(("127.0.0.1", port), 10)
            if i % 5 == 4:                             # never finishes the handshake
                sock.sendall(b"\x16\x03\x01\x02" if i % 2 else b"PING\r\n")
                no_linger(sock)
                sock.close()
                return
            c = RespClient.__new__(RespClient)
            c.buf, c.pushes, c.sock = b"", [], ctx.wrap_socket(sock)
            kind = (some_commands, errors, multi, blpop, does_not_read, subscribe)[i % 6]
            soak.serial += 1
            kind(c, soak)
            soak.end(c, ENDS[i % 4])

        for i in range(60):
            tls_round(i)
        soak.settle()
        before = probe(s)
        for i in range(max(CONNECTIONS // 20, 60) // 60 * 60):
            tls_round(i)
        soak.settle()
        after = probe(s)
        assert after["garbage"] == {}
        assert growth(before, after) == {}
