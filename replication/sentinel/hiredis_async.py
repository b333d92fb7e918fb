"""hiredis_async.py - commands to other servers, answered later.  Mirrors deps/hiredis/async.c; of hiredis.c and net.c what
                                                                  it uses; src/sentinel.c, lines 284-377

Lives here   redisAsyncContext: one connection to a server, with the callbacks of the commands that it has not answered
             yet; the adapter that hangs it into ae.
Called from  sentinel.py, sentinel_monitor.py, sentinel_failover.py [cron]; connection.py: connected, readable, writable.
Calls out    connection.py, tls.py, hiredis_read.py, and the callbacks: fn(ac, reply, privdata), reply None = the context is freed.
State        none of its own.
ORDER        of writing: only when the socket is writable, never inside redisAsyncCommand.  Sentinel asks for votes, and
             then stores its own one, in the same tick: what is on the way out must not overtake the disk.
             of death: onConnect(ERR), if it was never connected; pending callbacks with reply None; no more events;
             onDisconnect, if it was connected; the socket is closed.  Do not touch the context after that.
Invariant    a callback may free its own context: it is marked then (REDIS_FREEING), redisProcessCallbacks does the rest.
Departures   D-70: it stands on connection.py, sockets and TLS are not its own.  D-71: where a peer can make C assert, or
             read what is not there, the connection is closed.  D-75: the replies of one connection take no more than
             REDIS_TURN of a turn of the event loop.
"""
from ae.ae import AE_NOMORE, AE_WRITABLE, aeCreateFileEvent, aeCreateTimeEvent, aeDeleteFileEvent
from ae.monotonic import getMonotonicUs
from replication.sentinel.hiredis_read import (
    REDIS_ERR, REDIS_ERR_EOF, REDIS_ERR_IO, REDIS_ERR_OTHER, REDIS_ERR_PROTOCOL, REDIS_OK, REDIS_REPLY_ARRAY,
    REDIS_REPLY_ERROR, REDIS_REPLY_INTEGER, REDIS_REPLY_PUSH, REDIS_REPLY_STRING, redisReaderCreate, redisReaderFeed,
    redisReaderFree, redisReaderGetReply,
)
from server.client.connection import (
    CONN_STATE_CONNECTED, CONN_STATE_CONNECTING, connClose, connConnect, connCreateSocket, connEnableTcpNoDelay,
    connGetLastError, connGetState, connRead, connSetReadHandler, connSetWriteHandler, connWrite,
)
from server.client.tls import connCreateTLS
from server.log import serverAssert
from server.server_h import C_ERR, C_OK, server

# redisAsyncContext.flags
REDIS_CONNECTED = 0x2
REDIS_DISCONNECTING = 0x4              # no new commands
REDIS_FREEING = 0x8                    # redisAsyncFree was called
REDIS_IN_CALLBACK = 0x10
REDIS_SUBSCRIBED = 0x20

REDIS_READ_SIZE = 16 * 1024            # bytes read in one event

#: Maximum time to process the replies of one connection in one turn of the loop (ours, D-75).  UNIT: microseconds.
#: One read can contain a hundred hello messages, each of which may cause a write of the config file.
REDIS_TURN = 20000


class redisCallback:
    """What to do with one reply."""
    __slots__ = ("next", "fn", "pending_subs", "privdata")

    def __init__(self, fn, privdata):
        self.next = None               # redisCallback
        self.fn = fn                   # fn(ac, reply or None, privdata)
        self.pending_subs = 1          # SUBSCRIBEs of its channel that are not confirmed yet
        self.privdata = privdata


class redisCallbackList:
    """Callbacks in the order of their commands."""
    __slots__ = ("head", "tail")

    def __init__(self):
        self.head = None               # redisCallback
        self.tail = None


class redisAsyncContext:
    """C embeds a redisContext as `c`; its fields stand first here."""
    __slots__ = ("err", "errstr", "flags", "conn", "obuf", "reader", "data", "ev", "onDisconnect", "onConnect", "replies",
                 "sub_invalid", "sub_channels")

    def __init__(self):
        self.err = 0                   # REDIS_ERR_*; 0 = none
        self.errstr = ""
        self.flags = 0                 # REDIS_CONNECTED ...
        self.conn = None               # connection (C: fd, and privctx for TLS)
        self.obuf = bytearray()        # data not written yet
        self.reader = redisReaderCreate()
        self.data = None               # data of the owner: an instanceLink
        self.ev = None                 # redisAeEvents, once attached
        self.onDisconnect = None       # fn(ac, status)
        self.onConnect = None          # fn(ac, status)
        self.replies = redisCallbackList()
        self.sub_invalid = redisCallbackList()     # commands sent while subscribed: the reply is probably an error
        self.sub_channels = {}         # channel -> redisCallback

    def __repr__(self):
        return "<redisAsyncContext flags=%#x %s>" % (self.flags, self.conn)


class redisAeEvents:
    """What the event loop has been asked for on behalf of a context."""
    __slots__ = ("context", "loop", "reading", "writing", "paused")

    def __init__(self, context, loop):
        self.context = context         # redisAsyncContext; None after it was freed
        self.loop = loop               # aeEventLoop
        self.reading = 0
        self.writing = 0
        self.paused = 0                # 1 = replies wait for the next turn; nothing is read meanwhile (ours)


# ======================= hiredis ae.c adapters =============================
# The handlers of a connection cannot be set while it connects: under TLS they would replace those of the handshake.
# Until then `reading` and `writing` only store the requested events; redis_ae_connected registers them.

def redisAeReadEvent(conn):
    redisAsyncHandleRead(conn.private_data)


def redisAeWriteEvent(conn):
    redisAsyncHandleWrite(conn.private_data)


def redis_ae_connected(conn):
    """Called when the connection is established or has failed (ours; in C the first event of the socket shows this)."""
    ac = conn.private_data
    if __redisAsyncHandleConnect(ac) != REDIS_OK:
        return
    e = ac.ev
    if e is not None:                  # onConnect has not freed it
        if e.writing:
            connSetWriteHandler(conn, redisAeWriteEvent)
        if e.reading:
            connSetReadHandler(conn, redisAeReadEvent)


def redisAeAddRead(e):
    if not e.reading and not e.paused:
        e.reading = 1
        if e.context.flags & REDIS_CONNECTED:
            connSetReadHandler(e.context.conn, redisAeReadEvent)


def redisAeDelRead(e):
    if e.reading:
        e.reading = 0
        if e.context.flags & REDIS_CONNECTED:
            connSetReadHandler(e.context.conn, None)


def redisAeAddWrite(e):
    if not e.writing:
        e.writing = 1
        if e.context.flags & REDIS_CONNECTED:
            connSetWriteHandler(e.context.conn, redisAeWriteEvent)


def redisAeDelWrite(e):
    if e.writing:
        e.writing = 0
        if e.context.flags & REDIS_CONNECTED:
            connSetWriteHandler(e.context.conn, None)


def redis_ae_pause(e):
    """Go on with the replies that are there in the next turn of the loop, and read no more until then (ours, D-75)."""
    redisAeDelRead(e)
    e.paused = 1
    aeCreateTimeEvent(e.loop, 0, redis_ae_go_on, e, None)


def redis_ae_go_on(el, id, e):
    e.paused = 0
    if e.context is not None:
        redisAeAddRead(e)
        redisProcessCallbacks(e.context)
    return AE_NOMORE


def redisAeCleanup(ac):
    """No more events for `ac`.  May be called again."""
    e = ac.ev
    if e is not None:
        redisAeDelRead(e)
        redisAeDelWrite(e)
        e.context = e.loop = None
        ac.ev = None


def redisAeAttach(loop, ac):
    if ac.ev is not None:
        return C_ERR
    ac.ev = redisAeEvents(ac, loop)
    return C_OK


# ------ hiredis.c, net.c: the connection ------

def __redisSetError(ac, type_, str_):
    ac.err = type_
    ac.errstr = str_


def set_connection_error(ac):
    """Take the connection's error over (C: __redisSetErrorFromErrno)."""
    __redisSetError(ac, REDIS_ERR_IO, connGetLastError(ac.conn) or "Connection failed")


def redisAsyncInitialize():
    return redisAsyncContext()


def redisAsyncConnectBind(ip, port, source_addr):
    """Start connecting, from `source_addr` (None = any) if that can be -> redisAsyncContext; look at its err first.

    C: the bind is not best effort there."""
    ac = redisAsyncInitialize()
    conn = connCreateSocket()
    ac.conn = conn
    conn.private_data = ac
    if connConnect(conn, ip, port, source_addr, redis_ae_connected) == C_ERR:
        set_connection_error(ac)
    return ac


def redisInitiateSSL(ac):
    """Make a TLS connection of one that connects: take over its descriptor, the handshake follows (C: hiredis_ssl.h)."""
    plain = ac.conn
    serverAssert(plain.state == CONN_STATE_CONNECTING)
    conn = connCreateTLS()
    conn.fd = plain.fd
    conn.state = CONN_STATE_CONNECTING
    conn.conn_handler = redis_ae_connected
    conn.private_data = ac
    ac.conn = conn
    plain.fd = -1
    plain.private_data = plain.conn_handler = None
    aeDeleteFileEvent(server.el, conn.fd, AE_WRITABLE)
    aeCreateFileEvent(server.el, conn.fd, AE_WRITABLE, conn.type.ae_handler, conn)
    return REDIS_OK


def redisFree(ac):
    """Close the connection and cut what points in circles."""
    conn = ac.conn
    ac.conn = None
    if conn is not None:
        conn.private_data = None
        connClose(conn)
    if ac.reader is not None:
        redisReaderFree(ac.reader)
        ac.reader = None
    ac.obuf = bytearray()


def redisBufferRead(ac):
    """Read once -> REDIS_OK, or REDIS_ERR with ac.err set."""
    if ac.err:
        return REDIS_ERR
    buf = connRead(ac.conn, REDIS_READ_SIZE)
    if buf is None:
        if connGetState(ac.conn) == CONN_STATE_CONNECTED:
            return REDIS_OK            # EAGAIN
        set_connection_error(ac)
        return REDIS_ERR
    if not buf:
        __redisSetError(ac, REDIS_ERR_EOF, "Server closed the connection")
        return REDIS_ERR
    if redisReaderFeed(ac.reader, buf) != REDIS_OK:
        __redisSetError(ac, ac.reader.err, ac.reader.errstr)
        return REDIS_ERR
    return REDIS_OK


def redisBufferWrite(ac):
    """Write what can be written -> (REDIS_OK, 1 when nothing is left), or (REDIS_ERR, 0) with ac.err set."""
    if ac.err:
        return REDIS_ERR, 0
    if ac.obuf:
        nwritten = connWrite(ac.conn, ac.obuf)
        if nwritten < 0:
            if connGetState(ac.conn) != CONN_STATE_CONNECTED:
                set_connection_error(ac)
                return REDIS_ERR, 0
        else:
            del ac.obuf[:nwritten]
    return REDIS_OK, not ac.obuf


def redisGetReply(ac):
    """Take a reply from the reader -> (REDIS_OK, reply or None), or (REDIS_ERR, None) with ac.err set."""
    status, reply = redisReaderGetReply(ac.reader)
    if status == REDIS_ERR:
        __redisSetError(ac, ac.reader.err, ac.reader.errstr)
    return status, reply


# ------ async.c ------

def redisAsyncSetConnectCallback(ac, fn):
    if ac.onConnect is None:
        ac.onConnect = fn
        redisAeAddWrite(ac.ev)
        return REDIS_OK
    return REDIS_ERR


def redisAsyncSetDisconnectCallback(ac, fn):
    if ac.onDisconnect is None:
        ac.onDisconnect = fn
        return REDIS_OK
    return REDIS_ERR


def __redisPushCallback(list_, cb):
    cb.next = None
    if list_.head is None:
        list_.head = cb
    if list_.tail is not None:
        list_.tail.next = cb
    list_.tail = cb


def __redisShiftCallback(list_):
    """Take the oldest callback out of the list -> redisCallback, or None."""
    cb = list_.head
    if cb is not None:
        list_.head = cb.next
        if cb is list_.tail:
            list_.tail = None
        cb.next = None
    return cb


def __redisRunCallback(ac, cb, reply):
    if cb.fn is not None:
        ac.flags |= REDIS_IN_CALLBACK
        try:
            cb.fn(ac, reply, cb.privdata)
        finally:
            ac.flags &= ~REDIS_IN_CALLBACK


def __redisAsyncFree(ac):
    """Tell everybody that waits, and let go of everything.  Do not touch `ac` again."""
    while 1:
        cb = __redisShiftCallback(ac.replies)
        if cb is None:
            break
        __redisRunCallback(ac, cb, None)
    while 1:
        cb = __redisShiftCallback(ac.sub_invalid)
        if cb is None:
            break
        __redisRunCallback(ac, cb, None)
    for cb in list(ac.sub_channels.values()):
        __redisRunCallback(ac, cb, None)
    ac.sub_channels.clear()

    redisAeCleanup(ac)

    if ac.onDisconnect is not None and ac.flags & REDIS_CONNECTED:
        if ac.flags & REDIS_FREEING:
            ac.onDisconnect(ac, REDIS_OK)
        else:
            ac.onDisconnect(ac, REDIS_OK if ac.err == 0 else REDIS_ERR)

    ac.data = None
    redisFree(ac)


def redisAsyncFree(ac):
    """Free the context: at once, or, in one of its callbacks, when that has returned."""
    ac.flags |= REDIS_FREEING
    if not ac.flags & REDIS_IN_CALLBACK:
        __redisAsyncFree(ac)


def __redisAsyncDisconnect(ac):
    """The connection is over: free the context."""
    if ac.err == 0:
        # A clean end: no callback is pending.
        serverAssert(__redisShiftCallback(ac.replies) is None)
    else:
        # Callbacks that run from here on must not send commands.
        ac.flags |= REDIS_DISCONNECTING
    redisAeCleanup(ac)
    __redisAsyncFree(ac)


def __redisGetSubscribeCallback(ac, reply):
    """Find the callback of a message that was received while subscribed -> (REDIS_OK, redisCallback or None).
    REDIS_ERR, with ac.err set: no message looks like that (D-71)."""
    if reply.type not in (REDIS_REPLY_ARRAY, REDIS_REPLY_PUSH):
        cb = __redisShiftCallback(ac.sub_invalid)
        if cb is None:
            __redisSetError(ac, REDIS_ERR_PROTOCOL, "Got a reply that nobody asked for")
            return REDIS_ERR, None
        return REDIS_OK, cb

    if (reply.elements < 2 or reply.element[0].type != REDIS_REPLY_STRING
            or reply.element[1].type != REDIS_REPLY_STRING):
        __redisSetError(ac, REDIS_ERR_PROTOCOL, "Got a malformed Pub/Sub message")
        return REDIS_ERR, None
    stype = reply.element[0].str.lower()
    sname = reply.element[1].str

    # If the channel is unknown, C uses the callback of the previous reply.
    cb = ac.sub_channels.get(sname)
    if cb is None:
        return REDIS_OK, None
    if stype == b"subscribe":
        cb.pending_subs -= 1
    elif stype == b"unsubscribe":
        if reply.elements < 3 or reply.element[2].type != REDIS_REPLY_INTEGER:
            __redisSetError(ac, REDIS_ERR_PROTOCOL, "Got a malformed Pub/Sub message")
            return REDIS_ERR, None
        if cb.pending_subs == 0:
            del ac.sub_channels[sname]
        if reply.element[2].integer == 0 and not ac.sub_channels:
            ac.flags &= ~REDIS_SUBSCRIBED
    return REDIS_OK, cb


def redisIsSubscribeReply(reply):
    """Tell whether this push is a message or the answer to SUBSCRIBE.  As in C a beginning of the word is enough."""
    if (reply.elements < 1 or reply.element[0].type != REDIS_REPLY_STRING
            or len(reply.element[0].str) < len(b"message")):
        return 0
    str_ = reply.element[0].str.lower()
    if str_[:1] == b"p":
        str_ = str_[1:]
    return b"subscribe".startswith(str_) or b"message".startswith(str_)


def redisIsSpontaneousPushReply(reply):
    return reply.type == REDIS_REPLY_PUSH and not redisIsSubscribeReply(reply)


def redisProcessCallbacks(ac):
    """Hand every complete reply to the callback that waits for it.  `ac` may be dead afterwards."""
    turn_ends = getMonotonicUs() + REDIS_TURN
    while 1:
        if getMonotonicUs() > turn_ends:
            redis_ae_pause(ac.ev)
            return
        status, reply = redisGetReply(ac)
        if status != REDIS_OK:
            break
        if reply is None:
            # Close a connection that is disconnecting and has no pending callbacks.
            if ac.flags & REDIS_DISCONNECTING and not ac.obuf and ac.replies.head is None:
                __redisAsyncDisconnect(ac)
            return

        # Pushes that are not messages: no command has requested them, so ignore them.
        if redisIsSpontaneousPushReply(reply):
            continue

        # Commands sent before SUBSCRIBE get their replies before the first message.
        cb = __redisShiftCallback(ac.replies)
        if cb is None:
            # An error without a request: too many clients, or loading.  The server closes the connection after it.
            if reply.type == REDIS_REPLY_ERROR:
                __redisSetError(ac, REDIS_ERR_OTHER, reply.str.decode("utf-8", "surrogateescape"))
                __redisAsyncDisconnect(ac)
                return
            if not ac.flags & REDIS_SUBSCRIBED:
                __redisSetError(ac, REDIS_ERR_PROTOCOL, "Got a reply that nobody asked for")
                break
            status, cb = __redisGetSubscribeCallback(ac, reply)
            if status != REDIS_OK:
                break

        if cb is not None and cb.fn is not None:
            __redisRunCallback(ac, cb, reply)
            if ac.flags & REDIS_FREEING:
                __redisAsyncFree(ac)
                return

    __redisAsyncDisconnect(ac)


def __redisAsyncHandleConnectFailure(ac):
    if ac.onConnect is not None:
        ac.onConnect(ac, REDIS_ERR)
    __redisAsyncDisconnect(ac)


def __redisAsyncHandleConnect(ac):
    """The connection is made, or has failed -> REDIS_OK, or REDIS_ERR: `ac` is dead."""
    if connGetState(ac.conn) != CONN_STATE_CONNECTED:
        set_connection_error(ac)
        __redisAsyncHandleConnectFailure(ac)
        return REDIS_ERR
    connEnableTcpNoDelay(ac.conn)
    if ac.onConnect is not None:
        ac.onConnect(ac, REDIS_OK)
    ac.flags |= REDIS_CONNECTED
    return REDIS_OK


def redisAsyncRead(ac):
    if redisBufferRead(ac) == REDIS_ERR:
        __redisAsyncDisconnect(ac)
    else:
        redisAeAddRead(ac.ev)
        redisProcessCallbacks(ac)


def redisAsyncHandleRead(ac):
    """The socket is readable.  `ac` may be dead afterwards."""
    redisAsyncRead(ac)


def redisAsyncWrite(ac):
    status, done = redisBufferWrite(ac)
    if status == REDIS_ERR:
        __redisAsyncDisconnect(ac)
    else:
        if not done:
            redisAeAddWrite(ac.ev)
        else:
            redisAeDelWrite(ac.ev)
        # A reply is expected.
        redisAeAddRead(ac.ev)


def redisAsyncHandleWrite(ac):
    """The socket is writable.  `ac` may be dead afterwards."""
    redisAsyncWrite(ac)


def redisFormatCommandArgv(argv):
    """Return the request with these arguments (bytes) as it goes over the wire."""
    cmd = [b"*%d\r\n" % len(argv)]
    for arg in argv:
        cmd.append(b"$%d\r\n%b\r\n" % (len(arg), arg))
    return b"".join(cmd)


def redisAsyncCommand(ac, fn, privdata, *argv):
    """Queue a command; fn(ac, reply, privdata) gets its reply -> REDIS_OK, or REDIS_ERR: `ac` takes no more."""
    if ac.flags & (REDIS_DISCONNECTING | REDIS_FREEING):
        return REDIS_ERR
    cb = redisCallback(fn, privdata)

    name = argv[0].lower()
    if name == b"subscribe" and len(argv) > 1:
        ac.flags |= REDIS_SUBSCRIBED
        for channel in argv[1:]:
            existcb = ac.sub_channels.get(channel)
            if existcb is not None:
                cb.pending_subs = existcb.pending_subs + 1
            ac.sub_channels[channel] = cb
    elif name == b"unsubscribe":
        if not ac.flags & REDIS_SUBSCRIBED:
            return REDIS_ERR
        # Its replies are messages, one per channel.
    elif ac.flags & REDIS_SUBSCRIBED:
        __redisPushCallback(ac.sub_invalid, cb)
    else:
        __redisPushCallback(ac.replies, cb)

    ac.obuf += redisFormatCommandArgv(argv)
    redisAeAddWrite(ac.ev)
    return REDIS_OK
