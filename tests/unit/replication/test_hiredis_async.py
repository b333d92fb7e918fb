"""The async link: order of events, death in every place, what a hostile peer may send."""
import gc
import sys

import pytest

from replication.sentinel import hiredis_async as ha
from replication.sentinel.hiredis_async import redisAsyncCommand, redisAsyncFree
from server.client.connection import CONN_STATE_CONNECTED, CONN_STATE_CONNECTING, CONN_STATE_ERROR, connection
from tests.unit.server.client.fake_connection import CT_Fake, WIRES, fake_wire


class Link:
    """A context on a fake connection, and a diary of what happens to it."""

    def __init__(self, monkeypatch, connected=True):
        monkeypatch.setattr(ha, "connConnect", lambda *args: 0)
        monkeypatch.setattr(ha, "connEnableTcpNoDelay", lambda conn: 0)
        self.diary = []
        self.ac = ha.redisAsyncConnectBind(b"127.0.0.1", 1, None)
        self.conn = self.ac.conn
        self.conn.type = CT_Fake
        self.conn.fd = 77
        self.wire = WIRES[self.conn] = fake_wire()
        ha.redisAeAttach(None, self.ac)
        ha.redisAsyncSetConnectCallback(self.ac, lambda ac, status: self.diary.append(("connect", status)))
        ha.redisAsyncSetDisconnectCallback(self.ac, lambda ac, status: self.diary.append(("disconnect", status)))
        self.conn.state = CONN_STATE_CONNECTING
        if connected:
            self.connect()

    def connect(self):
        self.conn.state = CONN_STATE_CONNECTED
        ha.redis_ae_connected(self.conn)

    def say(self, *argv):
        return redisAsyncCommand(self.ac, self.answered, argv[0], *argv)

    def answered(self, ac, reply, privdata):
        self.diary.append((privdata, reply.str if reply is not None else None))

    def hear(self, *chunks):
        self.wire.incoming += chunks
        for _ in chunks:
            if self.ac.conn is not None:
                ha.redisAeReadEvent(self.conn)

    def write(self):
        ha.redisAeWriteEvent(self.conn)


@pytest.fixture
def link(monkeypatch):
    yield Link(monkeypatch)
    WIRES.clear()


def test_nothing_is_written_before_the_socket_is_writable(monkeypatch):
    link = Link(monkeypatch, connected=False)
    link.say(b"PING")
    assert link.conn.write_handler is None and not link.wire.sent
    link.connect()
    assert link.diary == [("connect", 0)] and link.conn.write_handler is ha.redisAeWriteEvent and not link.wire.sent
    link.say(b"INFO", b"a b")
    link.write()
    assert link.wire.sent == b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINFO\r\n$3\r\na b\r\n"
    assert link.conn.write_handler is None and link.conn.read_handler is ha.redisAeReadEvent
    link.hear(b"+PO", b"NG\r\n$1\r\nx\r\n")
    assert link.diary[1:] == [(b"PING", b"PONG"), (b"INFO", b"x")]


def test_a_flood_of_replies_leaves_turns_to_others(link, monkeypatch):
    """D-75: when the time of a turn is used up the rest waits, nothing more is read, and each reply is handed out once."""
    timers, now = [], [0]
    monkeypatch.setattr(ha, "aeCreateTimeEvent", lambda *args: timers.append(args))
    monkeypatch.setattr(ha, "getMonotonicUs", lambda: now[0])
    said = []

    def slow(ac, reply, privdata):
        said.append(reply.str if reply is not None else None)
        now[0] += ha.REDIS_TURN // 2

    for _ in range(7):
        redisAsyncCommand(link.ac, slow, None, b"PING")
    link.hear(b"".join(b"+%d\r\n" % i for i in range(5)))
    assert said == [b"0", b"1", b"2"] and link.conn.read_handler is None
    link.write()                                   # what is written meanwhile does not make it read
    assert link.conn.read_handler is None
    (loop, ms, proc, e, finalizer), = timers
    assert ms == 0 and proc(loop, 1, e) == ha.AE_NOMORE
    assert said[3:] == [b"3", b"4"] and link.conn.read_handler is ha.redisAeReadEvent
    link.hear(b"+5\r\n")
    assert said[5:] == [b"5"] and len(timers) == 1
    # It dies while it waits: the timer finds nothing to do.
    link.wire.incoming.append(b"+6\r\n")
    now[0] -= ha.REDIS_TURN
    monkeypatch.setattr(ha, "REDIS_TURN", -1)
    ha.redisAeReadEvent(link.conn)
    redisAsyncFree(link.ac)
    assert said[6:] == [None] and timers[1][2](None, 1, timers[1][3]) == ha.AE_NOMORE


def test_partial_writes(link):
    link.wire.room = 5
    link.say(b"PING")
    link.write()
    assert link.conn.write_handler is not None
    link.write()                                   # EAGAIN: nothing happens
    assert len(link.ac.obuf) == 9
    link.wire.room = 100
    link.write()
    assert link.wire.sent == b"*1\r\n$4\r\nPING\r\n" and link.conn.write_handler is None


def test_death_before_connected(monkeypatch):
    link = Link(monkeypatch, connected=False)
    link.say(b"PING")
    link.conn.state, link.conn.last_errno = CONN_STATE_ERROR, 111
    ha.redis_ae_connected(link.conn)
    assert link.diary == [("connect", -1), (b"PING", None)]
    assert link.ac.errstr == "Connection refused" and link.ac.conn is None


@pytest.mark.parametrize("last,errstr", [(b"", "Server closed the connection"), (104, "Connection reset by peer"),
                                         (b"?", 'Protocol error, got "?" as reply type byte')])
def test_death_by_the_peer(link, last, errstr):
    link.diary.clear()
    link.say(b"A")
    link.say(b"B")
    link.hear(b"+a\r\n", last)
    assert link.diary == [(b"A", b"a"), (b"B", None), ("disconnect", -1)]
    assert link.ac.errstr == errstr and link.ac.conn is None and link.ac.ev is None
    assert link.say(b"C") == ha.REDIS_ERR


def test_death_by_us(link):
    link.diary.clear()
    link.say(b"A")
    redisAsyncFree(link.ac)
    assert link.diary == [(b"A", None), ("disconnect", 0)] and link.conn.fd == -1


def test_death_in_a_callback(link):
    """It is marked, the callback goes on, and the rest dies when it returns: later replies reach nobody."""
    link.diary.clear()

    def callback(ac, reply, privdata):
        redisAsyncFree(ac)
        assert ac.conn is not None
        assert redisAsyncCommand(ac, callback, None, b"MORE") == ha.REDIS_ERR
        link.diary.append("callback")

    redisAsyncCommand(link.ac, callback, None, b"A")
    link.say(b"B")
    link.hear(b"+a\r\n+b\r\n")
    assert link.diary == ["callback", (b"B", None), ("disconnect", 0)] and link.ac.conn is None


def test_an_exception_in_a_callback_leaves_a_link_that_can_be_freed(link):
    def callback(ac, reply, privdata):
        if reply is not None:
            raise ValueError
    redisAsyncCommand(link.ac, callback, None, b"A")
    with pytest.raises(ValueError):
        link.hear(b"+a\r\n")
    assert not link.ac.flags & ha.REDIS_IN_CALLBACK
    redisAsyncFree(link.ac)
    assert link.ac.conn is None


MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"


def subscribe(link):
    link.diary.clear()
    link.say(b"AUTH")
    redisAsyncCommand(link.ac, lambda ac, reply, p: link.diary.append(reply.element[2].str if reply else None), None, b"SUBSCRIBE", b"c")
    link.hear(b"+OK\r\n" + SUBSCRIBED)
    assert link.diary == [(b"AUTH", b"OK"), None]
    link.diary.clear()


def test_subscribe(link):
    subscribe(link)
    link.hear(MESSAGE, MESSAGE.replace(b"*3", b">3"))
    assert link.diary == [b"hi", b"hi"]
    link.hear(MESSAGE.replace(b"1\r\nc", b"1\r\nd"))               # a channel that is not ours
    link.hear(b">2\r\n+invalidate\r\n+x\r\n")                     # a push that is no message
    assert link.diary == [b"hi", b"hi"] and link.ac.conn is not None
    link.say(b"PING")
    link.hear(b"+PONG\r\n")                        # an error would close the link, as in C
    assert link.diary[2:] == [(b"PING", b"PONG")]
    assert redisAsyncCommand(link.ac, None, None, b"UNSUBSCRIBE", b"c") == 0
    link.hear(b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n")
    assert not link.ac.flags & ha.REDIS_SUBSCRIBED
    assert redisAsyncCommand(link.ac, None, None, b"UNSUBSCRIBE", b"c") == ha.REDIS_ERR


@pytest.mark.parametrize("data", [
    b"*0\r\n", b"*1\r\n$7\r\nmessage\r\n", b"*2\r\n:1\r\n$1\r\nc\r\n", b"*2\r\n$7\r\nmessage\r\n:1\r\n", b"+OK\r\n", b":1\r\n", b"$-1\r\n",
    b"*2\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n", b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n$1\r\n0\r\n", b"-ERR too many clients\r\n",
], ids=repr)
def test_what_a_subscribed_link_dies_of(link, data):
    subscribe(link)
    link.hear(data)
    assert link.diary == [None, ("disconnect", -1)] and link.ac.err and link.ac.conn is None


@pytest.mark.parametrize("data", [b"+OK\r\n", b"*0\r\n", MESSAGE, b"-ERR max number of clients reached\r\n"])
def test_an_unasked_reply_closes_the_link(link, data):
    link.diary.clear()
    link.hear(data)
    assert link.diary == [("disconnect", -1)] and link.ac.conn is None


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this interpreter frees by its collector only")
def test_nothing_is_left_to_the_collector(monkeypatch):
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        for end in range(4):
            link = Link(monkeypatch, connected=end != 3)
            link.say(b"A")
            redisAsyncCommand(link.ac, link.answered, link.ac, b"SUBSCRIBE", b"c")
            if end == 0:
                redisAsyncFree(link.ac)
            elif end == 1:
                link.hear(b"")
            elif end == 2:
                link.hear(b"?")
            else:
                link.conn.state = CONN_STATE_ERROR
                ha.redis_ae_connected(link.conn)
            link.ac.onConnect = link.ac.onDisconnect = None         # the diary's own circle
            WIRES.clear()
        link = None
        gc.collect()
        left = [type(o).__name__ for o in gc.garbage if isinstance(o, (ha.redisAsyncContext, ha.redisCallback, ha.redisAeEvents, connection))]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not left, left
