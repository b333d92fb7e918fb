"""Published vulnerabilities of Redis since 6.2.0, tried on this server: docs/security.md has the list.

No attack may end the server, hang it, or reach what its user may not reach.
"""
import contextlib
import errno
import os
import socket
import time

import pytest

from ae import anet
from datastructs.crc64 import crc64
from datastructs.util import stringmatchlen
from server.client import networking
from tests.support.certs import make_certs
from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import free_port, start_server


@pytest.fixture(scope="module")
def server():
    with start_server() as s:
        yield s


@pytest.fixture
def c(server):
    with server.resp() as client:
        client.execute("FLUSHALL")
        yield client
        assert client.execute("PING") == b"PONG"
        assert "BUG REPORT" not in server.log()


def payload(value):
    """The argument of RESTORE for the RDB form `value`, with a right checksum."""
    value += b"\x09\x00"
    return value + crc64(0, value).to_bytes(8, "little")


def error(reply, text=""):
    return isinstance(reply, RespError) and text in reply.text and "internal error" not in reply.text


def test_unread_refusals_before_auth():                                 # CVE-2025-21605
    with start_server(conf={"requirepass": "secret"}) as s, s.resp() as admin, s.resp() as c:
        assert admin.execute("AUTH", "secret") == b"OK"
        c.sock.setblocking(False)
        data = encode_command("SET", "x", "5") * 1000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(5000):                                       # at most 150 MB of requests
                try:
                    c.sock.send(data)
                except BlockingIOError:
                    time.sleep(0.001)
        assert "scheduled to be closed ASAP for overcoming of output buffer limits" in s.log()
        # Who has the right may let replies wait.
        with s.resp() as c2:
            c2.execute("AUTH", "secret")
            c2.execute("SET", "k", "x" * 100000)
            assert c2.pipeline([("GET", "k")] * 300) == [b"x" * 100000] * 300


def test_patterns(c):                                                   # CVE-2022-36021, CVE-2024-31228
    c.execute("SET", "a" * 50000, 1)
    assert c.execute("KEYS", "*?" * 50000) == []
    start = time.monotonic()
    assert c.execute("KEYS", "a*" * 900 + "b") == []
    assert time.monotonic() - start < 2
    assert stringmatchlen(b"*?" * 1000, b"a" * 5000, 0) == 1 and stringmatchlen(b"*?" * 1001, b"a" * 5000, 0) == 0


@pytest.mark.parametrize("command", [
    ("STRALGO", "LCS", "STRINGS", "a" * 2000, "b" * 2000),              # CVE-2021-29477, CVE-2021-32625
    ("BITFIELD", "k", "SET", "u1", 2 ** 63 - 1, 1), ("BITFIELD", "k", "GET", "u8", 2 ** 63 - 8),      # CVE-2021-32761
    ("SETRANGE", "k", 2 ** 63 - 1, "x"), ("SETRANGE", "k", 2 ** 62, "x"),                             # CVE-2022-35977
    ("SORT", "l", "LIMIT", 2 ** 63 - 1, 2 ** 63 - 1), ("SORT", "l", "LIMIT", 0, 2 ** 63 - 1),
    ("SRANDMEMBER", "s", -2 ** 63), ("ZRANDMEMBER", "z", -2 ** 63), ("HRANDFIELD", "h", -2 ** 63),    # CVE-2023-22458, CVE-2023-25155
    ("ZRANDMEMBER", "z", -2 ** 63, "WITHSCORES"), ("HRANDFIELD", "h", -2 ** 62, "WITHVALUES"),
    ("HINCRBYFLOAT", "h", "new", "nan"), ("HINCRBYFLOAT", "h", "new", "inf"),                         # CVE-2023-28856
    ("MSETNX", "x", 1, "x", 2, "y", 3),                                 # CVE-2023-28425
    ("EVAL", "return redis.call(unpack(ARGV, 1, 8000))", 0, "PING"),    # CVE-2021-32626
])
def test_extreme_arguments(c, command):
    for setup in (("RPUSH", "l", 3, 1, 2), ("SADD", "s", "a"), ("ZADD", "z", 1, "a"), ("HSET", "h", "f", "v")):
        c.execute(*setup)
    start = time.monotonic()
    reply = c.execute(*command)
    assert not isinstance(reply, RespError) or error(reply)
    assert time.monotonic() - start < 10
    if command[0] == "HINCRBYFLOAT":
        assert error(reply) and c.execute("HGETALL", "h") == [b"f", b"v"]


def test_huge_requests(c, server):                      # CVE-2021-32675, CVE-2021-41099, CVE-2021-32687, CVE-2021-32628, CVE-2021-29478
    with server.resp() as raw:
        raw.send_raw(b"*1048577\r\n" + b"*2147483648\r\n")
        assert error(raw.read_reply(), "invalid multibulk length") and raw.at_eof()
    with server.resp() as raw:
        raw.send_raw(b"*0\r\nPING\r\n*-5\r\nPING\r\n")                  # CVE-2026-27623 (Valkey)
        assert raw.read_reply() == raw.read_reply() == b"PONG"
    for name in ("set-max-intset-entries", "hash-max-ziplist-entries", "zset-max-ziplist-value"):
        old = c.execute("CONFIG", "GET", name)[1]
        assert c.execute("CONFIG", "SET", name, 2 ** 62) == b"OK"
        c.execute("SADD", "s", *range(3000))
        c.execute("HSET", "h", *range(6000))
        assert c.execute("SCARD", "s") == 3000 and c.execute("COPY", "s", "s2", "REPLACE") == 1 and c.execute("HLEN", "h") == 3000
        c.execute("CONFIG", "SET", name, old)
    with server.resp() as raw:
        raw.send_raw(b"*2\r\n$3\r\nGET\r\n$536870913\r\n")
        assert error(raw.read_reply(), "invalid bulk length") and raw.at_eof()


def test_sparse_hyperloglog(c):                                         # CVE-2025-32023
    header = b"HYLL\x01\x00\x00\x00" + bytes(8)
    for body in (b"\x7f\xff" * 80000, b"\x7f\xff" * 5 + b"\x80", b"\x40", b"\x7f", b"\xff" * 9000, b"\x3f" * 70000):
        c.execute("SET", "hll", header + body)
        for command in (("PFCOUNT", "hll"), ("PFADD", "hll", "a"), ("PFMERGE", "d", "hll"), ("PFCOUNT", "hll", "d"),
                        ("PFDEBUG", "GETREG", "hll"), ("PFDEBUG", "TODENSE", "hll")):
            reply = c.execute(*command)
            assert not isinstance(reply, RespError) or error(reply)


def test_zipmap_with_long_lengths(c):                                   # CVE-2026-25243
    zipmap = b"\x02" + b"\xfe\x01\x00\x00\x00a" + b"\x01\x00x" + b"\x01b" + b"\xfe\x01\x00\x00\x00\x00y" + b"\xff"
    for blob in (zipmap, zipmap[:-1], b"\x01\xfe\xff\xff\xff\xff\xff", b"\x01\x01a\xfe\xff\xff\xff\x7f\x00x\xff"):
        reply = c.execute("RESTORE", "k", 0, payload(b"\x09" + bytes([len(blob)]) + blob), "REPLACE")
        assert reply == b"OK" or error(reply, "Bad data format")
        if reply == b"OK":
            assert c.execute("HGETALL", "k") == [b"a", b"x", b"b", b"y"]


def test_a_pending_message_of_two_consumers(c):                         # CVE-2026-63639 (Valkey)
    c.execute("XADD", "x", "1-1", "f", "v")
    c.execute("XGROUP", "CREATE", "x", "g", "0")
    c.execute("XGROUP", "CREATECONSUMER", "x", "g", "b")
    c.execute("XREADGROUP", "GROUP", "g", "a", "STREAMS", "x", ">")
    dump = c.execute("DUMP", "x")[:-10]
    assert dump[-1:] == b"\x00"                                         # the pending list of b is empty
    assert c.execute("RESTORE", "y", 0, payload(dump)) == b"OK"
    pending = b"\x01" + (1).to_bytes(8, "big") + (1).to_bytes(8, "big")
    assert error(c.execute("RESTORE", "z", 0, payload(dump[:-1] + pending)), "Bad data format")


LUA = {
    "CVE-2022-24735": "rawset(_G, 'pairs', 1) return 1",
    "CVE-2022-24735 by metatable": "getmetatable(_G).__index = 1 return 1",
    "CVE-2025-46818": "getmetatable('').__index = function() return 1 end return 1",
    "CVE-2022-24834 cjson": "return #cjson.encode(('\\1'):rep(1000000))",
    "CVE-2022-24834 cmsgpack": "return #cmsgpack.pack(('x'):rep(1000000), {('y'):rep(1000000)})",
    "CVE-2024-31449": "return bit.tohex(65535, -2147483648)",
    "CVE-2024-46981": "for i = 1, 100 do local p = newproxy(true) getmetatable(p).__gc = function() loadstring('return 1') end end "
                      "collectgarbage() return 1",
    "CVE-2025-46817": "return #{unpack({1,2,3}, 0, 2147483647)}",
    "CVE-2025-46819": "return loadstring('return [' .. ('='):rep(1000000) .. '[x')",
    "CVE-2025-49844": "local n = 0 return tostring(load(function() n = n + 1 collectgarbage() if n < 300 then return 'local a = \"' .. n .. '\" ' "
                      "end end, ('c'):rep(40) .. n))",
    "CVE-2022-24736": "return loadstring(string.dump(function() return 1 end))",
}


@pytest.mark.parametrize("name", LUA)
def test_scripts(c, name):
    pytest.importorskip("lupa.lua51")
    reply = c.execute("EVAL", LUA[name], 0)
    assert not isinstance(reply, RespError) or error(reply)
    assert c.execute("EVAL", "local n = 0 for k in pairs({1, 2}) do n = n + 1 end return n .. ('x'):upper()", 0) == b"2X"
    assert c.execute("SCRIPT", "FLUSH") == b"OK"


@pytest.mark.parametrize("script", [                                    # CVE-2025-67733 (Valkey), and without a number in Redis
    "return redis.error_reply('a\\r\\n:1')", "return redis.status_reply('a\\r\\n:1')", "error('a\\r\\n:1')", "error({err='a\\r\\n:1'})",
    "return {err='a\\r\\n:1'}", "return {{err='a\\n:1'}, {ok='b\\r+c'}}", "return redis.call('no\\r\\n:1')", "return redis.pcall('no\\r\\n:1')",
    "return redis.call('\\r\\n:1', 'x')", "local f, e = loadstring('x x', 'a\\r\\n:1') error(e)", "error(setmetatable({}, {}))",
])
def test_replies_cannot_be_injected(c, script):
    pytest.importorskip("lupa.lua51")
    assert c.pipeline([("EVAL", script, 0), ("PING",), ("EVAL", script, 0), ("PING",)])[1::2] == [b"PONG"] * 2


def test_debugger(server):                                              # CVE-2021-32672
    pytest.importorskip("lupa.lua51")
    with server.resp() as c:
        c.execute("SCRIPT", "DEBUG", "SYNC")
        c.execute("EVAL", "return 1", 0)
        c.send_raw(b"*1\r\n$100\r\nprint\r\n" + b"*1\r\n$-1\r\n" + b"*-1\r\n" + b"$\r\n" * 10)
    with server.resp() as c:
        assert c.execute("PING") == b"PONG"


def test_key_permissions(c, server):                                    # CVE-2023-41053; CVE-2023-41056 and others are of 7.0
    c.execute("ACL", "SETUSER", "joe", "on", "nopass", "~a*", "+@all", "-@dangerous")
    with server.resp() as joe:
        joe.execute("AUTH", "joe", "x")
        for command in (("GET", "b"), ("EVAL", "return redis.call('GET', 'b')", 0), ("COPY", "a", "b"), ("XREADGROUP", "GROUP", "g", "c",
                        "STREAMS", "b", ">"), ("STRALGO", "LCS", "KEYS", "a", "b"), ("MIGRATE", "h", 1, "b", 0, 1), ("SORT", "b")):
            assert error(joe.execute(*command)), command
    c.execute("ACL", "DELUSER", "joe")


def test_unix_socket_is_never_open_to_all(monkeypatch, tmp_path):       # CVE-2023-45145
    """Nobody can connect before the permissions are set: chmod comes before listen(2)."""
    path = str(tmp_path / "s")
    refused = []
    chmod = os.chmod

    def connect_then_chmod(*args):
        with socket.socket(socket.AF_UNIX) as s:
            refused.append(s.connect_ex(path))
        chmod(*args)
    monkeypatch.setattr(os, "chmod", connect_then_chmod)
    fd, err = anet.anetUnixServer(path, 0o700, 10)
    os.close(fd)
    assert err == "" and os.stat(path).st_mode & 0o777 == 0o700 and refused == [errno.ECONNREFUSED]


def test_an_accept_that_fails_does_not_stop_the_others(monkeypatch):    # CVE-2025-48367
    accepted, results = [], [(anet.ANET_ERR, errno.ENETDOWN), (7, 0), (anet.ANET_ERR, errno.ECONNABORTED), (8, 0), (anet.ANET_ERR, errno.EAGAIN)]

    def accept(fd):
        cfd, number = results.pop(0)
        errors.append(number)
        return cfd, "accept: error", "127.0.0.1", 1
    errors = []
    monkeypatch.setattr(networking, "anetTcpAccept", accept)
    monkeypatch.setattr(networking, "anet_errno", lambda: errors[-1])
    monkeypatch.setattr(networking, "connCreateAcceptedSocket", lambda fd: fd)
    monkeypatch.setattr(networking, "acceptCommonHandler", lambda conn, flags, ip: accepted.append(conn))
    monkeypatch.setattr(networking, "serverLog", lambda *a: None)
    monkeypatch.setattr(networking, "anetCloexec", lambda fd: None)
    networking.acceptTcpHandler(None, 3, None, 0)
    assert accepted == [7, 8]


def test_tls_connections_that_die_with_data_pending(tmp_path):          # CVE-2026-81934, CVE-2026-56684 (Valkey)
    """Clients with decrypted data in OpenSSL's buffer kill each other while the pending list is walked."""
    ssl = pytest.importorskip("ssl")
    certs = make_certs(tmp_path)
    port = free_port()
    conf = certs.conf(port)
    del conf["port"]
    conf["tls-auth-clients"] = "no"
    context = ssl.create_default_context(cafile=certs.ca)
    context.check_hostname = False
    with start_server(conf=conf) as s, s.resp() as admin:
        for _ in range(5):
            clients = []
            for _ in range(4):
                client = RespClient(port)
                client.sock = context.wrap_socket(client.sock)
                clients.append(client)
            ids = [client.execute("CLIENT", "ID") for client in clients]
            # More than one read takes: the rest of the record stays pending.
            for j, client in enumerate(clients):
                other = ids[(j + 1) % 4]
                with contextlib.suppress(OSError):                      # killed already
                    client.send_raw(encode_command("ECHO", "x" * 16300) + encode_command("CLIENT", "KILL", "ID", other) * 300)
            time.sleep(0.1)
            assert admin.execute("PING") == b"PONG"
            for client in clients:
                client.close()
        assert s.process.poll() is None and "BUG REPORT" not in s.log()
