"""networking_reply.py - building replies.          Mirrors src/networking.c, from clientInstallWriteHandler to copyClientOutputBuffer

Lives here   prepareClientToWrite; the two output buffers of a client (c.buf, then the blocks of c.reply); every addReply*.
Called from  all code that replies to a client [command, cron, before].
Calls out    networking (limits, client info), server.incrementErrorCount, replication (a log line).
State        client.buf, bufpos, reply, reply_bytes; server.clients_pending_write.
Invariant    bytes leave in this order: buf, then reply from its head; nothing enters buf while reply is not empty.
             bufpos == len(buf); block.used == len(block.buf); a node whose value is None is a deferred length
             (addReplyDeferredLen), and is filled before the command ends.
Departures   a bulk is added as one string and not as head, body and tail: the bytes are the same.  C takes the
             allocator's rest into a block's size when it makes the block, we when the block is full: it grows.
"""
from math import isinf
from typing import TYPE_CHECKING

from datastructs.adlist import (
    listAddNodeTail, listCreate, listDelNode, listDup, listRelease, list_link_node_head,
)
from datastructs.util import LD_STR_HUMAN, ld2string, to_llong
from server.command_lookup import incrementErrorCount
from server.log import serverAssert, serverAssertWithInfo, serverLog, serverPanic
from server.object import createStringObjectFromLongDouble, stringObjectLen
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSE_ASAP, CLIENT_ID_AOF, CLIENT_LUA, CLIENT_MASTER,
    CLIENT_MASTER_FORCE_REPLY, CLIENT_MODULE, CLIENT_PENDING_READ, CLIENT_PENDING_WRITE, CLIENT_PUSHING,
    CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP, CLIENT_TYPE_MASTER, CLIENT_TYPE_SLAVE, LL_WARNING, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_INT,
    OBJ_ENCODING_RAW,
    OBJ_SHARED_BULKHDR_LEN, PROTO_REPLY_CHUNK_BYTES, REPL_STATE_NONE, SLAVE_STATE_ONLINE, clientReplyBlock, server,
    shared,
)
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication_master import showLatestBacklog
    from server.client.networking import closeClientOnOutputBufferLimitReached, getClientType


def clientInstallWriteHandler(c):
    """Queue the client for handleClientsWithPendingWrites, once.

    The real write handler is only installed when a write in beforeSleep could not send all.
    A replica that is not online yet collects its stream without sending it.
    """
    if (not c.flags & CLIENT_PENDING_WRITE and
            (c.replstate == REPL_STATE_NONE or
             (c.replstate == SLAVE_STATE_ONLINE and not c.repl_put_online_on_ack))):
        c.flags |= CLIENT_PENDING_WRITE
        list_link_node_head(server.clients_pending_write, c.clients_pending_write_node)


def prepareClientToWrite(c):
    """Check that a reply may be queued, and queue the client -> C_OK, and it will be sent; C_ERR: add nothing.  HOT

    C_ERR for a client that is being closed, silenced by CLIENT REPLY, our master, or without connection.
    """
    flags = c.flags
    # A script's client collects its reply, which is not sent.
    if flags & (CLIENT_LUA | CLIENT_MODULE):
        return C_OK

    if flags & CLIENT_CLOSE_ASAP:
        return C_ERR

    if flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP) and not flags & CLIENT_PUSHING:
        return C_ERR

    if flags & CLIENT_MASTER and not flags & CLIENT_MASTER_FORCE_REPLY:
        return C_ERR

    if c.conn is None:
        return C_ERR                    # a fake client

    # A client with pending replies is queued already.  With CLIENT_PENDING_READ we may be in an IO thread, which must
    # not touch the queue: handleClientsWithPendingReadsUsingThreads does it afterwards.
    if not (c.bufpos or c.reply.len) and not flags & CLIENT_PENDING_READ:       # clientHasPendingReplies
        clientInstallWriteHandler(c)

    return C_OK


# -----------------------------------------------------------------------------
# Low level functions to add more data to output buffers.
# -----------------------------------------------------------------------------

def _addReplyToBuffer(c, s):
    """Append to c.buf -> C_OK; C_ERR when it is full or replies wait in c.reply already.  HOT"""
    available = PROTO_REPLY_CHUNK_BYTES - c.bufpos

    if c.flags & CLIENT_CLOSE_AFTER_REPLY:
        return C_OK

    if c.reply.len > 0:
        return C_ERR

    if len(s) > available:
        return C_ERR

    c.buf += s
    c.bufpos += len(s)
    return C_OK


def _addReplyProtoToList(c, s):
    """Append to the last block of c.reply, and what does not fit there to a new one.  HOT"""
    if c.flags & CLIENT_CLOSE_AFTER_REPLY:
        return
    ln = c.reply.tail
    tail = ln.value if ln is not None else None     # also None for a deferred length
    length = len(s)
    if tail is not None:
        avail = tail.size - tail.used
        if avail >= length:
            tail.buf += s
            tail.used += length
            return
        if avail:
            tail.buf += s[:avail]
            s = s[avail:]
            length -= avail
        # The bytearray has grown beyond the block's size.  Its spare room is used memory: count it, and fill it first.
        # (C sets the block's size to the usable size of the allocation.)
        spare = tail.buf.__alloc__() - 1 - tail.size
        if spare > 0:
            tail.size += spare
            c.reply_bytes += spare
            tail.buf += s[:spare]
            s = s[spare:]
            length -= spare
        tail.used = tail.size if length >= 0 else len(tail.buf)
    if length > 0:
        tail = clientReplyBlock()
        tail.size = PROTO_REPLY_CHUNK_BYTES if length < PROTO_REPLY_CHUNK_BYTES else length
        tail.used = length
        tail.buf += s
        listAddNodeTail(c.reply, tail)
        c.reply_bytes += tail.size

        closeClientOnOutputBufferLimitReached(c, 1)


# -----------------------------------------------------------------------------
# Higher level functions to queue data on the client output buffer.
# The following functions are the ones that commands implementations will call.
# -----------------------------------------------------------------------------

def addReply(c, obj):
    """Add a string object as it is, mostly one of `shared`.  HOT"""
    if prepareClientToWrite(c) != C_OK:
        return

    if obj.encoding == OBJ_ENCODING_RAW or obj.encoding == OBJ_ENCODING_EMBSTR:     # sdsEncodedObject
        if _addReplyToBuffer(c, obj.ptr) != C_OK:
            _addReplyProtoToList(c, obj.ptr)
    elif obj.encoding == OBJ_ENCODING_INT:
        buf = b"%d" % obj.ptr
        if _addReplyToBuffer(c, buf) != C_OK:
            _addReplyProtoToList(c, buf)
    else:
        serverPanic("Wrong obj->encoding in addReply()")


def addReplySds(c, s):
    """Add raw protocol."""
    if prepareClientToWrite(c) != C_OK:
        return
    if _addReplyToBuffer(c, s) != C_OK:
        _addReplyProtoToList(c, s)


def addReplyProto(c, s):
    """Add raw protocol.  HOT"""
    if prepareClientToWrite(c) != C_OK:
        return
    if _addReplyToBuffer(c, s) != C_OK:
        _addReplyProtoToList(c, s)


def addReplyErrorLength(c, s):
    """Emit an error; `s` may bring its own code ("-CODE text"), otherwise it gets "-ERR ".  No line end in `s`."""
    if not s or s[0] != 45:                         # b"-"
        addReplyProto(c, b"-ERR ")
    addReplyProto(c, s)
    addReplyProto(c, b"\r\n")


def afterErrorReply(c, s):
    """Count the error, and log it where no error should be: on a replication link or while loading the AOF."""
    # Only module clients defer errors; without modules the flag is never set, but the code follows C.
    if c.flags & CLIENT_MODULE:
        if c.deferred_reply_errors is None:
            c.deferred_reply_errors = listCreate()
        listAddNodeTail(c.deferred_reply_errors, s)
        return

    server.stat_total_error_replies += 1
    if not s or s[0] != 45:                         # b"-"
        incrementErrorCount(b"ERR")
    else:
        spaceloc = s.find(b" ", 0, 32)
        if spaceloc != -1:
            incrementErrorCount(bytes(s[1:spaceloc]))
        else:
            incrementErrorCount(b"ERR")

    # A replica does not send its replies to the master, so an error would go unnoticed; but it indicates a script that
    # failed half-way, or a bug.
    ctype = getClientType(c)
    if ctype == CLIENT_TYPE_MASTER or ctype == CLIENT_TYPE_SLAVE or c.id == CLIENT_ID_AOF:
        if c.id == CLIENT_ID_AOF:
            to, from_ = "AOF-loading-client", "server"
        elif ctype == CLIENT_TYPE_MASTER:
            to, from_ = "master", "replica"
        else:
            to, from_ = "replica", "master"
        cmdname = c.lastcmd.name if c.lastcmd is not None else b"<unknown>"
        serverLog(LL_WARNING, "== CRITICAL == This %s is sending an error to its %s: '%s' after processing the "
                              "command '%s'", from_, to, bytes(s[:4096]), cmdname)
        if ctype == CLIENT_TYPE_MASTER and server.repl_backlog is not None and server.repl_backlog_histlen > 0:
            showLatestBacklog()
        server.stat_unexpected_error_replies += 1


def addReplyErrorObject(c, err):
    """Add an error of `shared`: it starts with "-CODE" and ends with its own line end."""
    addReply(c, err)
    afterErrorReply(c, err.ptr[:-2])


def addReplyError(c, err):
    """See addReplyErrorLength for what `err` may be."""
    addReplyErrorLength(c, err)
    afterErrorReply(c, err)


def addReplyErrorSds(c, err):
    """See addReplyErrorLength for what `err` may be."""
    addReplyErrorLength(c, err)
    afterErrorReply(c, err)


def _format(fmt, args):
    """vsnprintf for bytes: a str argument is encoded, and an argument ends at its first NUL as in C."""
    if not args:
        return fmt % ()
    cooked = []
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode("utf-8", "surrogateescape")
        if isinstance(arg, (bytes, bytearray)):
            nul = arg.find(b"\0")
            if nul != -1:
                arg = arg[:nul]
        cooked.append(arg)
    return fmt % tuple(cooked)


def addReplyErrorFormat(c, fmt, *args):
    """Like addReplyError, with a format; line ends in the result are made harmless."""
    s = _format(fmt, args).strip(b"\r\n")
    if b"\r" in s or b"\n" in s:
        s = s.replace(b"\r", b" ").replace(b"\n", b" ")
    addReplyErrorLength(c, s)
    afterErrorReply(c, s)


def addReplyStatusLength(c, s):
    addReplyProto(c, b"+%b\r\n" % s)


def addReplyStatus(c, status):
    addReplyStatusLength(c, status)


def addReplyStatusFormat(c, fmt, *args):
    addReplyStatusLength(c, _format(fmt, args))


def trimReplyUnusedTailSpace(c):
    """Called when the last block will not be appended to any more: stop counting its spare room, if it is large."""
    ln = c.reply.tail
    tail = ln.value if ln is not None else None
    if tail is None:
        return
    if tail.size - tail.used > tail.size // 4 and tail.used < PROTO_REPLY_CHUNK_BYTES:
        c.reply_bytes += tail.used - tail.size
        tail.size = tail.used


def addReplyDeferredLen(c):
    """Add a placeholder for a length that is not known yet -> node for setDeferred*Len, or None if nothing is sent."""
    if prepareClientToWrite(c) != C_OK:
        return None
    trimReplyUnusedTailSpace(c)
    listAddNodeTail(c.reply, None)
    return c.reply.tail


def setDeferredReply(c, node, s):
    """Fill the room `node` of addReplyDeferredLen with `s`, in a neighbour block where it fits: one write less."""
    ln = node
    if ln is None:
        return
    serverAssert(ln.value is None)

    prev = ln.prev.value if ln.prev is not None else None
    if prev is not None and prev.size - prev.used > 0:
        room = prev.size - prev.used
        prev.buf += s[:room]
        prev.used = len(prev.buf)
        s = s[room:]
        if not s:
            listDelNode(c.reply, ln)
            return

    length = len(s)
    next_ = ln.next.value if ln.next is not None else None
    if (next_ is not None and next_.size - next_.used >= length and
            next_.used < PROTO_REPLY_CHUNK_BYTES * 4):          # else moving the bytes costs too much
        next_.buf[0:0] = s
        next_.used += length
        listDelNode(c.reply, ln)
    else:
        buf = clientReplyBlock()
        buf.size = length
        buf.used = length
        buf.buf += s
        ln.value = buf
        c.reply_bytes += length

        closeClientOnOutputBufferLimitReached(c, 1)


def setDeferredAggregateLen(c, node, length, prefix):
    """`prefix`: the type byte as bytes, b"*"."""
    serverAssert(length >= 0)
    if node is None:
        return
    setDeferredReply(c, node, b"%b%d\r\n" % (prefix, length))


def setDeferredArrayLen(c, node, length):
    setDeferredAggregateLen(c, node, length, b"*")


def setDeferredMapLen(c, node, length):
    if c.resp == 2:
        setDeferredAggregateLen(c, node, length * 2, b"*")
    else:
        setDeferredAggregateLen(c, node, length, b"%")


def setDeferredSetLen(c, node, length):
    setDeferredAggregateLen(c, node, length, b"*" if c.resp == 2 else b"~")


def addReplyDouble(c, d):
    """Add a double: as bulk in RESP2, as double in RESP3."""
    if isinf(d):
        # Different libcs spell inf and nan differently.
        if c.resp == 2:
            addReplyBulkCString(c, b"inf" if d > 0 else b"-inf")
        else:
            addReplyProto(c, b",inf\r\n" if d > 0 else b",-inf\r\n")
        return
    dbuf = b"%.17g" % d
    if c.resp == 2:
        addReplyProto(c, b"$%d\r\n%b\r\n" % (len(dbuf), dbuf))
    else:
        addReplyProto(c, b",%b\r\n" % dbuf)


def addReplyBigNum(c, num):
    """`num`: the digits, bytes."""
    if c.resp == 2:
        addReplyBulkCBuffer(c, num)
    else:
        addReplyProto(c, b"(%b\r\n" % num)


def addReplyHumanLongDouble(c, d):
    """Add a long double the way a person writes it (INCRBYFLOAT)."""
    if c.resp == 2:
        addReplyBulk(c, createStringObjectFromLongDouble(d, 1))
    else:
        addReplyProto(c, b",%b\r\n" % ld2string(d, LD_STR_HUMAN))


def addReplyLongLongWithPrefix(c, ll, prefix):
    """Add a number with a one-byte prefix, as `:` of an integer or `*` of an array.  HOT"""
    # createSharedObjects has made the headers of small lengths.
    if 0 <= ll < OBJ_SHARED_BULKHDR_LEN:
        if prefix == b"*":
            addReplyProto(c, shared.mbulkhdr[ll].ptr)
            return
        if prefix == b"$":
            addReplyProto(c, shared.bulkhdr[ll].ptr)
            return
        if prefix == b"%":
            addReplyProto(c, shared.maphdr[ll].ptr)
            return
        if prefix == b"~":
            addReplyProto(c, shared.sethdr[ll].ptr)
            return
    addReplyProto(c, b"%b%d\r\n" % (prefix, ll))


def addReplyLongLong(c, ll):
    """Add an integer.  HOT"""
    if ll == 0:
        addReply(c, shared.czero)
    elif ll == 1:
        addReply(c, shared.cone)
    else:
        addReplyLongLongWithPrefix(c, to_llong(ll), b":")


def addReplyAggregateLen(c, length, prefix):
    serverAssert(length >= 0)
    addReplyLongLongWithPrefix(c, length, prefix)


def addReplyArrayLen(c, length):
    addReplyAggregateLen(c, length, b"*")


def addReplyMapLen(c, length):
    if c.resp == 2:
        addReplyAggregateLen(c, length * 2, b"*")
    else:
        addReplyAggregateLen(c, length, b"%")


def addReplySetLen(c, length):
    addReplyAggregateLen(c, length, b"*" if c.resp == 2 else b"~")


def addReplyAttributeLen(c, length):
    serverAssert(c.resp >= 3)
    addReplyAggregateLen(c, length, b"|")


def addReplyPushLen(c, length):
    serverAssert(c.resp >= 3)
    serverAssertWithInfo(c, None, c.flags & CLIENT_PUSHING)
    addReplyAggregateLen(c, length, b">")


def addReplyNull(c):
    if c.resp == 2:
        addReplyProto(c, b"$-1\r\n")
    else:
        addReplyProto(c, b"_\r\n")


def addReplyBool(c, b):
    if c.resp == 2:
        addReply(c, shared.cone if b else shared.czero)
    else:
        addReplyProto(c, b"#t\r\n" if b else b"#f\r\n")


def addReplyNullArray(c):
    """Add RESP2's null array; RESP3 has only one null."""
    if c.resp == 2:
        addReplyProto(c, b"*-1\r\n")
    else:
        addReplyProto(c, b"_\r\n")


def addReplyBulkLen(c, obj):
    """Add the header of a bulk: $<length of obj>."""
    addReplyLongLongWithPrefix(c, stringObjectLen(obj), b"$")


def addReplyBulk(c, obj):
    """Add a string object as bulk.  HOT"""
    addReplyBulkLen(c, obj)
    addReply(c, obj)
    addReply(c, shared.crlf)


def addReplyBulkCBuffer(c, p):
    """Add bytes as bulk.  HOT"""
    addReplyLongLongWithPrefix(c, len(p), b"$")
    addReplyProto(c, p)
    addReply(c, shared.crlf)


def addReplyBulkSds(c, s):
    """Add an sds as bulk."""
    addReplyLongLongWithPrefix(c, len(s), b"$")
    addReplySds(c, s)
    addReply(c, shared.crlf)


def setDeferredReplyBulkSds(c, node, s):
    """Fill the room of addReplyDeferredLen with a bulk."""
    setDeferredReply(c, node, b"$%d\r\n%b\r\n" % (len(s), s))


def addReplyBulkCString(c, s):
    """Add text as bulk, None as null."""
    if s is None:
        addReplyNull(c)
    else:
        addReplyBulkCBuffer(c, s)


def addReplyBulkLongLong(c, ll):
    addReplyBulkCBuffer(c, b"%d" % to_llong(ll))


def addReplyVerbatim(c, s, ext):
    """Add text of a kind: `ext` is b"txt", b"md", ... (three characters, filled up with spaces)."""
    if c.resp == 2:
        addReplyBulkCBuffer(c, s)
    else:
        addReplyProto(c, b"=%d\r\n%b:" % (len(s) + 4, ext[:3].ljust(3)))
        addReplyProto(c, s)
        addReplyProto(c, b"\r\n")


def addReplyHelp(c, help):
    """Answer a HELP subcommand: a heading, the lines of `help` (list of bytes), and the line on HELP itself."""
    cmd = c.argv[0].ptr.upper()
    blenp = addReplyDeferredLen(c)
    addReplyStatusFormat(c, b"%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", cmd)
    for line in help:
        addReplyStatus(c, line)
    addReplyStatus(c, b"HELP")
    addReplyStatus(c, b"    Prints this help.")
    setDeferredArrayLen(c, blenp, 1 + len(help) + 2)


def addReplySubcommandSyntaxError(c):
    """The error of a command whose subcommand is unknown or has the wrong arguments."""
    addReplyErrorFormat(c, b"Unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
                        c.argv[1].ptr, c.argv[0].ptr.upper())


def copyClientOutputBuffer(dst, src):
    """Make the output buffers of `dst` a copy of those of `src`."""
    listRelease(dst.reply)
    dst.sentlen = 0
    dst.reply = listDup(src.reply)
    dst.buf = bytearray(src.buf)
    dst.bufpos = src.bufpos
    dst.reply_bytes = src.reply_bytes
