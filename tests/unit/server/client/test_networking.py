"""Parsing requests, writing replies, and the life of a client, on a fake connection."""
import errno
import gc
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastructs.ziplist import ziplistNew, ziplistNext
from server import log
from server.client import networking
from server.client.networking import (
    createClient, freeClient, freeClientAsync, freeClientsInAsyncFreeQueue,
    getClientTypeByName, handleClientsWithPendingWrites, lookupClientByID, readQueryFromClient, writeToClient,
)
from server.client.networking_reply import addReplyProto
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSE_ASAP, CLIENT_MASTER, CLIENT_PENDING_WRITE,
    CLIENT_PROTOCOL_ERROR, CLIENT_REPLY_SKIP, CLIENT_REPLY_SKIP_NEXT, CLIENT_SLAVE, NET_MAX_WRITES_PER_EVENT, server,
)
from tests.unit.server.client.fake_connection import make_client, setup_server


@pytest.fixture(autouse=True)
def fixture_server(monkeypatch):
    setup_server(monkeypatch)


@pytest.fixture(name="commands")
def fixture_commands(monkeypatch):
    """The commands that reach processCommand, as lists of bytes."""
    seen = []

    def processCommand(c):
        assert c.argc == len(c.argv)
        assert c.argv_len_sum == sum(len(o.ptr) for o in c.argv)
        assert all(type(o.ptr) is bytes for o in c.argv)
        seen.append([o.ptr for o in c.argv])
        return C_OK
    monkeypatch.setattr(networking, "processCommand", processCommand)
    return seen


def feed(c, wire, *chunks):
    for chunk in chunks:
        wire.incoming.append(chunk)
        while wire.incoming and not c.flags & CLIENT_CLOSE_ASAP:
            readQueryFromClient(c.conn)


def resp(*args):
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in args)


REQUESTS = [
    [[b"PING"]],
    [[b"SET", b"key", b"value"], [b"GET", b"key"]],
    [[b"SET", b"k" * 9, b"v" * 10], [b"SET", b"k" * 99, b"v" * 100], [b"MGET"] + [b"%d" % i for i in range(20)]],
    [[b"SET", b"bin", b"\r\n$3\r\n\0*1\r\n\xff"]],
    [[b"ECHO", b""]],
    [[b"SET", b"big", b"x" * 40000], [b"GET", b"big"]],
    [[b"SET", b"big", b"a\r\n" * 20000, b"EX", b"1"], [b"SET", b"big2", b"y" * 32768, b"z" * 70000], [b"PING"]],
    [[b"PING"]] * 1000,
]


@pytest.mark.parametrize("requests", REQUESTS)
@pytest.mark.parametrize("step", [None, 1, 7, 4096])
def test_multibulk_whole_and_in_pieces(monkeypatch, commands, requests, step):
    data = b"".join(resp(*r) for r in requests)
    if step == 1 and len(data) > 50000:
        pytest.skip("byte by byte only what is short")
    c, wire = make_client(monkeypatch)
    step = step or len(data)
    feed(c, wire, *[data[i:i + step] for i in range(0, len(data), step)])
    assert commands == requests
    assert len(c.querybuf) == 0 and c.qb_pos == 0 and c.argc == 0 and not c.flags & CLIENT_CLOSE_ASAP


ARGUMENT = st.one_of(st.binary(max_size=12),
                     st.sampled_from([b"", b"\r\n", b"$3\r\nabc\r\n", b"x" * 99, b"y\r" * 50, b"v\n" * 50, b"u" * 999, b"z" * 1000]))


@given(requests=st.lists(st.lists(ARGUMENT, min_size=1, max_size=13), min_size=1, max_size=6), data=st.data())
def test_multibulk_lanes_agree(requests, data):
    """What is whole and short is sliced out, with a name that was seen before or not; what is cut or unusual goes the long way."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        setup_server(monkeypatch)
        seen = []

        def processCommand(c):
            assert c.argc == len(c.argv) and c.argv_len_sum == sum(len(o.ptr) for o in c.argv)
            assert all(type(o.ptr) is bytes and o.encoding == (8 if len(o.ptr) <= 44 else 0) for o in c.argv)
            seen.append([o.ptr for o in c.argv])
            return C_OK
        monkeypatch.setattr(networking, "processCommand", processCommand)
        c, wire = make_client(monkeypatch)
        requests = requests + requests              # the second time all names are known
        stream = b"".join(resp(*r) for r in requests)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
        feed(c, wire, *filter(None, (stream[a:b] for a, b in zip([0] + cuts, cuts + [len(stream)]))))
        assert seen == requests and not c.flags & CLIENT_CLOSE_ASAP and len(c.querybuf) == 0


@pytest.mark.parametrize("head", [b"*2\r\n$3\r\nGET\r\n", b"*2\r\n$3\r\nGETxx"])
def test_command_head_takes_its_bytes_at_their_word(monkeypatch, commands, head):
    """The two bytes behind an argument are not looked at, neither in C."""
    c, wire = make_client(monkeypatch)
    feed(c, wire, *[head + b"$128\r\n" + b"k" * 128 + b"\r\n"] * 3)
    assert commands == [[b"GET", b"k" * 128]] * 3


@pytest.mark.parametrize("count", [1, 3, 4, 9, 10, 12, 99, 100])
def test_multibulk_header_that_lies(monkeypatch, commands, count):
    """A length that does not fit its argument is taken at its word, as in C, in every lane."""
    c, wire = make_client(monkeypatch)
    feed(c, wire, b"*%d\r\n" % count + b"$1\r\na\r\n" * (count - 1) + b"$2\r\nabcd" + resp(b"PING"))
    assert commands == [[b"a"] * (count - 1) + [b"ab"], [b"PING"]]


def test_tail_stays_in_the_buffer(monkeypatch, commands):
    c, wire = make_client(monkeypatch)
    feed(c, wire, resp(b"PING") + b"*2\r\n$3\r\nGET\r\n$5\r\nab")
    assert commands == [[b"PING"]]
    assert c.querybuf == b"ab" and c.multibulklen == 1 and c.bulklen == 5 and c.argc == 1
    feed(c, wire, b"cde\r\n*0\r\n\r\nPING  inline \"a b\"\n")
    assert commands == [[b"PING"], [b"GET", b"abcde"], [b"PING", b"inline", b"a b"]]


def test_inline_line_end_behind_a_nul(monkeypatch, commands):
    """C looks for the line end with strchr: it is not seen, and no command comes of this line."""
    c, wire = make_client(monkeypatch)
    feed(c, wire, b"PING\r\nPING\0abc\r\n", b"PING\r\n")
    assert commands == [[b"PING"]] and c.querybuf == b"PING\0abc\r\nPING\r\n"


@pytest.mark.parametrize("head", [b"*1\0\r\n$4\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n$\0001\r\nx\r\n", b"*2\r\n$4\r\nECHO\r\n\0$1\r\nx\r\n"])
def test_header_with_a_nul_has_no_line_end(monkeypatch, commands, head):
    """As above: C waits for more, until the header is too long."""
    c, wire = make_client(monkeypatch)
    feed(c, wire, head, resp(b"PING"))
    assert commands == [] and not wire.sent and not c.flags & CLIENT_CLOSE_ASAP
    for _ in range(5):
        feed(c, wire, b"x" * 16384)
    assert commands == [] and b"count string" in c.buf and c.flags & CLIENT_CLOSE_AFTER_REPLY


def test_big_argument_is_read_into_its_own_buffer(monkeypatch, commands):
    c, wire = make_client(monkeypatch)
    value = bytes(range(256)) * 400
    feed(c, wire, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % len(value))
    feed(c, wire, value[:50000])
    assert isinstance(c.querybuf, bytearray) and len(c.querybuf) == 50000
    feed(c, wire, value[50000:] + b"\r\n" + resp(b"PING"))
    assert commands == [[b"SET", b"k", value], [b"PING"]]
    assert c.querybuf == b""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=60), min_size=1, max_size=12), min_size=1, max_size=5),
       st.lists(st.integers(1, 40), min_size=1, max_size=10))
def test_multibulk_random(requests, steps):
    with pytest.MonkeyPatch.context() as monkeypatch:
        setup_server(monkeypatch)
        seen = []
        monkeypatch.setattr(networking, "processCommand",
                            lambda c: seen.append([o.ptr for o in c.argv]) or C_OK)
        c, wire = make_client(monkeypatch)
        data = b"".join(resp(*r) for r in requests)
        i = n = 0
        while i < len(data):
            step = steps[n % len(steps)]
            feed(c, wire, data[i:i + step])
            i += step
            n += 1
        assert seen == requests


# The texts are those of the C server, which the official suite checks as well.
PROTOCOL_ERRORS = [
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"expected '$', got 'f'"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", b"invalid bulk length"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", b"invalid bulk length"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n", b"invalid bulk length"),
    (b"*20000000\r\n", b"invalid multibulk length"),
    (b"*a\r\n", b"invalid multibulk length"),
    (b"*01\r\n", b"invalid multibulk length"),
    (b"*1\r\n$0x1\r\n", b"invalid bulk length"),
    (b"*" + b"1" * 70000, b"too big mbulk count string"),
    (b"*1\r\n$" + b"1" * 70000, b"too big bulk count string"),
    (b"PING" * 20000, b"too big inline request"),
    (b"ECHO \"oops\n", b"unbalanced quotes in request"),
]


@pytest.mark.parametrize("data,text", PROTOCOL_ERRORS)
@pytest.mark.parametrize("step", [None, 3])
def test_protocol_errors(monkeypatch, commands, data, text, step):
    c, wire = make_client(monkeypatch)
    step = step or len(data)
    for i in range(0, len(data), step):
        feed(c, wire, data[i:i + step])
        if c.flags & CLIENT_PROTOCOL_ERROR:
            break
    assert c.flags & CLIENT_CLOSE_AFTER_REPLY and c.flags & CLIENT_PROTOCOL_ERROR
    handleClientsWithPendingWrites()
    assert wire.sent == b"-ERR Protocol error: " + text + b"\r\n"
    assert c.flags & CLIENT_CLOSE_ASAP and commands == []


def test_who_is_not_authenticated_may_not_send_much(monkeypatch, commands):
    monkeypatch.setattr(networking, "authRequired", lambda c: 1)
    for data, text in ((b"*11\r\n", b"unauthenticated multibulk length"),
                       (b"*1\r\n$16385\r\n", b"unauthenticated bulk length")):
        c, wire = make_client(monkeypatch)
        feed(c, wire, data)
        handleClientsWithPendingWrites()
        assert wire.sent == b"-ERR Protocol error: " + text + b"\r\n"


def test_query_buffer_limit(monkeypatch, commands):
    monkeypatch.setattr(server, "client_max_querybuf_len", 1000)
    c, wire = make_client(monkeypatch)
    feed(c, wire, b"*2\r\n$3\r\nGET\r\n$2000\r\n" + b"x" * 1001)
    assert c.flags & CLIENT_CLOSE_ASAP and commands == []


@pytest.mark.parametrize("end", [b"", errno.ECONNRESET])
def test_closed_or_broken_connection(monkeypatch, commands, end):
    c, wire = make_client(monkeypatch)
    feed(c, wire, end)
    assert c.flags & CLIENT_CLOSE_ASAP
    assert freeClientsInAsyncFreeQueue() == 1
    assert server.clients.len == 0 and c.conn is None


def test_nothing_to_read_is_no_error(monkeypatch, commands):
    c, wire = make_client(monkeypatch)
    feed(c, wire, None)
    assert not c.flags & CLIENT_CLOSE_ASAP


# ------------------------------- writing -------------------------------

def test_reply_is_sent_once_a_turn(monkeypatch):
    c, wire = make_client(monkeypatch)
    for i in range(10):
        addReplyProto(c, b"+%d\r\n" % i)
    assert c.flags & CLIENT_PENDING_WRITE and server.clients_pending_write.len == 1
    assert handleClientsWithPendingWrites() == 1
    assert wire.writes == 1 and wire.sent == b"".join(b"+%d\r\n" % i for i in range(10))
    assert (c.bufpos, c.sentlen, len(c.buf)) == (0, 0, 0) and not c.flags & CLIENT_PENDING_WRITE
    assert wire.write_handler_sets == []


def test_partial_writes_install_the_handler(monkeypatch):
    c, wire = make_client(monkeypatch)
    data = bytes(range(256)) * 200
    wire.room = 10000
    addReplyProto(c, data[:10])
    addReplyProto(c, data[10:])
    assert c.bufpos == 10 and c.reply.len == 1
    handleClientsWithPendingWrites()
    assert wire.write_handler_sets == [(networking.sendReplyToClient, 0)]
    while len(wire.sent) < len(data):
        wire.room = 777
        assert writeToClient(c, 1) == C_OK
    assert wire.sent == data
    assert c.reply_bytes == 0 and c.reply.len == 0 and c.sentlen == 0
    assert wire.write_handler_sets[-1] == (None, 0)


def test_barrier_with_appendfsync_always(monkeypatch):
    monkeypatch.setattr(server, "aof_state", networking.AOF_ON)
    monkeypatch.setattr(server, "aof_fsync", networking.AOF_FSYNC_ALWAYS)
    c, wire = make_client(monkeypatch)
    wire.room = 1
    addReplyProto(c, b"+OK\r\n")
    handleClientsWithPendingWrites()
    assert wire.write_handler_sets == [(networking.sendReplyToClient, 1)]


def test_a_big_reply_is_cut_for_normal_clients_only(monkeypatch):
    for flag, limit in ((0, NET_MAX_WRITES_PER_EVENT + 20000), (CLIENT_SLAVE, 1 << 30)):
        c, wire = make_client(monkeypatch)
        for _ in range(20):
            addReplyProto(c, b"x" * 20000)
        c.flags |= flag
        writeToClient(c, 0)
        assert len(wire.sent) == min(400000, limit // 20000 * 20000)


def test_close_after_reply(monkeypatch):
    c, wire = make_client(monkeypatch)
    addReplyProto(c, b"+bye\r\n")
    c.flags |= CLIENT_CLOSE_AFTER_REPLY
    addReplyProto(c, b"+too late\r\n")
    handleClientsWithPendingWrites()
    assert wire.sent == b"+bye\r\n" and c.flags & CLIENT_CLOSE_ASAP


# -------------------------- the life of a client --------------------------

def test_exception_in_a_command_is_answered(monkeypatch):
    def processCommand(c):
        addReplyProto(c, b"*3\r\n")
        server.fixed_time_expire += 1
        raise KeyError("bug")
    monkeypatch.setattr(networking, "processCommand", processCommand)
    monkeypatch.setattr(log, "serverLogRaw", lambda *a: None)
    monkeypatch.setattr(log, "serverLog", lambda *a: None)
    c, wire = make_client(monkeypatch)
    addReplyProto(c, b"+before\r\n")
    feed(c, wire, resp(b"BAD") + resp(b"BAD"))
    handleClientsWithPendingWrites()
    err = b"-ERR internal error, see the log of the server: KeyError\r\n"
    assert wire.sent == b"+before\r\n" + err + err
    assert server.fixed_time_expire == 0 and server.current_client is None
    assert not c.flags & CLIENT_CLOSE_ASAP and c.argc == 0


def test_assertions_and_exit_pass_through(monkeypatch):
    def outside(c):
        return ziplistNext(ziplistNew(), 99)        # as good as a failed assert

    def failed(c):
        raise AssertionError

    def ended(c):
        raise SystemExit

    for exc, processCommand in ((AssertionError, failed), (IndexError, outside), (SystemExit, ended)):
        monkeypatch.setattr(networking, "processCommand", processCommand)
        c, wire = make_client(monkeypatch)
        with pytest.raises(exc):
            feed(c, wire, resp(b"X"))


def test_command_that_frees_its_client(monkeypatch):
    def processCommand(c):
        freeClient(c)
        return C_ERR
    monkeypatch.setattr(networking, "processCommand", processCommand)
    c, wire = make_client(monkeypatch)
    wire.incoming = [resp(b"X") * 3]
    readQueryFromClient(c.conn)
    assert server.clients.len == 0 and server.current_client is None


def test_reply_skip_holds_for_one_command(monkeypatch, commands):
    c, wire = make_client(monkeypatch)
    c.flags |= CLIENT_REPLY_SKIP_NEXT
    feed(c, wire, resp(b"CLIENT"))
    assert c.flags & CLIENT_REPLY_SKIP
    feed(c, wire, resp(b"PING"))
    assert not c.flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)


def test_master_offsets_follow_what_is_applied(monkeypatch, commands):
    fed = []
    monkeypatch.setattr(networking, "replicationFeedSlavesFromMasterStream",
                        lambda slaves, buf, n: fed.append(bytes(buf[:n])))
    c, wire = make_client(monkeypatch)
    c.flags |= CLIENT_MASTER
    c.reploff = c.read_reploff = 1000
    one, two = resp(b"SET", b"a", b"1"), resp(b"SET", b"b", b"2")
    feed(c, wire, one + two[:10])
    assert c.reploff == 1000 + len(one) and c.read_reploff == 1000 + len(one) + 10
    feed(c, wire, two[10:])
    assert c.reploff == c.read_reploff == 1000 + len(one + two)
    assert fed == [one, two] and c.pending_querybuf == b""


def test_lookup_by_id_and_max_buffers(monkeypatch, commands):
    c1, wire1 = make_client(monkeypatch)
    c2, wire2 = make_client(monkeypatch)
    assert lookupClientByID(c2.id) is c2 and lookupClientByID(999) is None and lookupClientByID(-1) is None
    feed(c1, wire1, b"*1\r\n$100\r\nabc")
    addReplyProto(c2, b"x" * 40000)
    freeClientAsync(c1)
    freeClientAsync(c1)
    assert server.clients_to_close.len == 1
    freeClientsInAsyncFreeQueue()
    assert lookupClientByID(c1.id) is None and server.clients.len == 1


def test_getClientTypeByName():
    assert [getClientTypeByName(n) for n in (b"normal", b"SLAVE", b"Replica", b"pubsub", b"master", b"x")] == \
        [0, 1, 1, 2, 3, -1]


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this interpreter frees by its collector only")
def test_a_freed_client_leaves_no_cycle(monkeypatch, commands):
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            c, wire = make_client(monkeypatch)
            feed(c, wire, resp(b"PING"))
            addReplyProto(c, b"x" * 20000)
            addReplyProto(c, b"x" * 20000)
            freeClient(c)
        fake = createClient(None)
        freeClient(fake)
        del c, wire, fake
        assert gc.collect() == 0
    finally:
        gc.enable()
