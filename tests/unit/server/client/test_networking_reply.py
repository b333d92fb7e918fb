"""The addReply family: bytes in RESP2 and RESP3, the two buffers, deferred lengths, output limits."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastructs.adlist import list_values
from server.client.networking import getClientOutputBufferMemoryUsage, handleClientsWithPendingWrites
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBigNum, addReplyBool, addReplyBulk, addReplyBulkCBuffer,
    addReplyBulkCString, addReplyBulkLongLong, addReplyDeferredLen, addReplyDouble, addReplyError,
    addReplyErrorFormat, addReplyErrorObject, addReplyLongLong, addReplyMapLen, addReplyNull, addReplyNullArray,
    addReplyProto, addReplySetLen, addReplyStatusFormat, addReplyVerbatim, copyClientOutputBuffer,
    prepareClientToWrite, setDeferredArrayLen, setDeferredMapLen, setDeferredReplyBulkSds, setDeferredSetLen,
)
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_ASAP, CLIENT_LUA, CLIENT_MASTER, CLIENT_MASTER_FORCE_REPLY, CLIENT_PENDING_READ,
    CLIENT_PENDING_WRITE, CLIENT_PUSHING, CLIENT_REPLY_OFF, new_robj, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_INT,
    OBJ_STRING, PROTO_REPLY_CHUNK_BYTES, server, shared,
)
from tests.unit.server.client.fake_connection import make_client, setup_server


@pytest.fixture(autouse=True)
def fixture_server(monkeypatch):
    setup_server(monkeypatch)


@pytest.fixture(name="cw")
def fixture_cw(monkeypatch):
    return make_client(monkeypatch)


def output(c):
    """Everything that waits in the buffers of `c`; checks their invariants."""
    assert c.bufpos == len(c.buf) <= PROTO_REPLY_CHUNK_BYTES
    blocks = list(list_values(c.reply))
    for block in blocks:
        assert block.used == len(block.buf) <= block.size
    assert c.reply_bytes == sum(block.size for block in blocks)
    return bytes(c.buf) + b"".join(bytes(block.buf) for block in blocks)


def string(s):
    return new_robj(OBJ_STRING, OBJ_ENCODING_INT if isinstance(s, int) else OBJ_ENCODING_EMBSTR, s)


CASES = [
    (addReplyLongLong, (0,), b":0\r\n", b":0\r\n"),
    (addReplyLongLong, (1,), b":1\r\n", b":1\r\n"),
    (addReplyLongLong, (-12345,), b":-12345\r\n", b":-12345\r\n"),
    (addReplyArrayLen, (3,), b"*3\r\n", b"*3\r\n"),
    (addReplyArrayLen, (1000,), b"*1000\r\n", b"*1000\r\n"),
    (addReplyMapLen, (2,), b"*4\r\n", b"%2\r\n"),
    (addReplySetLen, (2,), b"*2\r\n", b"~2\r\n"),
    (addReplyNull, (), b"$-1\r\n", b"_\r\n"),
    (addReplyNullArray, (), b"*-1\r\n", b"_\r\n"),
    (addReplyBool, (1,), b":1\r\n", b"#t\r\n"),
    (addReplyBool, (0,), b":0\r\n", b"#f\r\n"),
    (addReplyBulkCBuffer, (b"a\r\nb",), b"$4\r\na\r\nb\r\n", b"$4\r\na\r\nb\r\n"),
    (addReplyBulkCString, (None,), b"$-1\r\n", b"_\r\n"),
    (addReplyBulkLongLong, (-7,), b"$2\r\n-7\r\n", b"$2\r\n-7\r\n"),
    (addReplyBulk, (string(b""),), b"$0\r\n\r\n", b"$0\r\n\r\n"),
    (addReplyBulk, (string(123),), b"$3\r\n123\r\n", b"$3\r\n123\r\n"),
    (addReply, (string(123),), b"123", b"123"),
    (addReplyDouble, (3.5,), b"$3\r\n3.5\r\n", b",3.5\r\n"),
    (addReplyDouble, (0.1,), b"$19\r\n0.10000000000000001\r\n", b",0.10000000000000001\r\n"),
    (addReplyDouble, (1e300 * 1e10,), b"$3\r\ninf\r\n", b",inf\r\n"),
    (addReplyDouble, (-1e300 * 1e10,), b"$4\r\n-inf\r\n", b",-inf\r\n"),
    (addReplyBigNum, (b"123456789012345678901",), b"$21\r\n123456789012345678901\r\n", b"(123456789012345678901\r\n"),
    (addReplyVerbatim, (b"text", b"txt"), b"$4\r\ntext\r\n", b"=8\r\ntxt:text\r\n"),
    (addReplyVerbatim, (b"text", b"md"), b"$4\r\ntext\r\n", b"=8\r\nmd :text\r\n"),
    (addReplyStatusFormat, (b"%s=%d", b"a", 1), b"+a=1\r\n", b"+a=1\r\n"),
    (addReplyError, (b"oops",), b"-ERR oops\r\n", b"-ERR oops\r\n"),
    (addReplyError, (b"-CODE oops",), b"-CODE oops\r\n", b"-CODE oops\r\n"),
    (addReplyErrorFormat, (b"\r\nbad '%.3s'\r\nline\n", b"abcdef"), b"-ERR bad 'abc'  line\r\n",
     b"-ERR bad 'abc'  line\r\n"),
    (addReplyErrorFormat, (b"nul '%s'", b"a\0b"), b"-ERR nul 'a'\r\n", b"-ERR nul 'a'\r\n"),
]


@pytest.mark.parametrize("f,args,resp2,resp3", CASES)
def test_bytes(cw, f, args, resp2, resp3):
    c, _ = cw
    f(c, *args)
    c.resp = 3
    f(c, *args)
    assert output(c) == resp2 + resp3


def test_error_object(cw):
    c, _ = cw
    before = server.stat_total_error_replies
    addReplyErrorObject(c, shared.syntaxerr)
    assert output(c) == b"-ERR syntax error\r\n" and server.stat_total_error_replies == before + 1


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 300), st.sampled_from([16383, 16384, 16385, 5000, 40000])), max_size=25),
       st.sampled_from([addReplyProto, addReplyBulkCBuffer]))
def test_sizes_random(sizes, f):
    """Whatever is added comes out in order, however it is spread over the buffers."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        setup_server(monkeypatch)
        c, wire = make_client(monkeypatch)
        expected = b""
        for n, size in enumerate(sizes):
            data = bytes([n]) * size
            f(c, data)
            expected += data if f is addReplyProto else b"$%d\r\n%b\r\n" % (size, data)
        assert output(c) == expected
        for _ in range(50):
            handleClientsWithPendingWrites()
            if c.bufpos or c.reply.len:
                from server.client.networking import writeToClient
                writeToClient(c, 0)
        assert wire.sent == expected and output(c) == b""


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20000), st.integers(0, 5), st.integers(0, 5000)), max_size=6), st.data())
def test_deferred_lengths_random(parts, data):
    """Lengths that are filled in later, in any order."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        setup_server(monkeypatch)
        c, _ = make_client(monkeypatch)
        expected = b""
        nodes = []
        for before, length, after in parts:
            addReplyProto(c, b"b" * before)
            nodes.append((addReplyDeferredLen(c), length))
            addReplyProto(c, b"a" * after)
            expected += b"b" * before + b"*%d\r\n" % length + b"a" * after
        for node, length in data.draw(st.permutations(nodes)):
            setDeferredArrayLen(c, node, length)
        assert output(c) == expected


def test_deferred_kinds(cw):
    c, _ = cw
    for resp, expected in ((2, b"*4\r\n*2\r\n$2\r\nhi\r\n"), (3, b"%2\r\n~2\r\n$2\r\nhi\r\n")):
        c.resp = resp
        start = len(output(c))
        setDeferredMapLen(c, addReplyDeferredLen(c), 2)
        setDeferredSetLen(c, addReplyDeferredLen(c), 2)
        setDeferredReplyBulkSds(c, addReplyDeferredLen(c), b"hi")
        assert output(c)[start:] == expected


def test_who_gets_no_reply(cw, monkeypatch):
    c, _ = cw
    for flags, ok in ((CLIENT_REPLY_OFF, C_ERR), (CLIENT_REPLY_OFF | CLIENT_PUSHING, C_OK), (CLIENT_MASTER, C_ERR),
                      (CLIENT_MASTER | CLIENT_MASTER_FORCE_REPLY, C_OK), (CLIENT_CLOSE_ASAP, C_ERR),
                      (CLIENT_LUA, C_OK), (0, C_OK)):
        c.flags = flags | c.flags & CLIENT_PENDING_WRITE
        assert prepareClientToWrite(c) == ok, hex(flags)
        size = len(output(c))
        addReplyProto(c, b"x")
        addReply(c, shared.ok)
        assert (len(output(c)) > size) == (ok == C_OK)
    c.flags = CLIENT_REPLY_OFF
    assert addReplyDeferredLen(c) is None
    setDeferredArrayLen(c, None, 3)


def test_io_thread_does_not_queue_the_client(cw):
    c, _ = cw
    c.flags |= CLIENT_PENDING_READ
    addReplyProto(c, b"x")
    assert server.clients_pending_write.len == 0 and output(c) == b"x"


def test_hard_limit(cw):
    c, _ = cw
    server.client_obuf_limits[0].hard_limit_bytes = 100000
    n = 0
    while not c.flags & CLIENT_CLOSE_ASAP:
        addReplyProto(c, b"x" * 10000)
        n += 1
        assert n < 20
    assert getClientOutputBufferMemoryUsage(c) >= 100000
    assert server.clients_to_close.len == 1


def test_soft_limit(cw):
    c, _ = cw
    limits = server.client_obuf_limits[0]
    limits.soft_limit_bytes, limits.soft_limit_seconds = 50000, 10
    for _ in range(8):
        addReplyProto(c, b"x" * 16384)
    assert c.obuf_soft_limit_reached_time == server.unixtime
    server.unixtime += 10
    addReplyProto(c, b"x" * 16384)
    assert not c.flags & CLIENT_CLOSE_ASAP
    server.unixtime += 1
    addReplyProto(c, b"x" * 16384)
    assert c.flags & CLIENT_CLOSE_ASAP


def test_copying_buffers(monkeypatch, cw):
    src, _ = cw
    copy, _ = make_client(monkeypatch)
    for _ in range(3):
        addReplyProto(src, b"s" * 10000)
    expected = output(src)
    copyClientOutputBuffer(copy, src)
    assert output(copy) == output(src) == expected
