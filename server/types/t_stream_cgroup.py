"""t_stream_cgroup.py - consumer groups.                   Mirrors src/t_stream.c, "Consumer groups commands" (6.2.14)

Lives here   XGROUP XACK XPENDING XCLAIM XAUTOCLAIM.
Called from  call() [command].
Invariant    see t_stream.py: a NACK is in two PELs at once, and every command here keeps it so.
"""

from ae.monotonic import mstime
from datastructs.rax import (
    raxEOF, raxFind, raxInsert, raxIterator, raxNext, raxNotFound, raxRemove, raxSeek, raxSize, raxStart, raxStop,
)
from datastructs.util import LONG_MAX, to_llong, to_ullong
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkLongLong, addReplyDeferredLen, addReplyError,
    addReplyErrorFormat, addReplyErrorObject, addReplyHelp, addReplyLongLong, addReplyNull, addReplyNullArray,
    addReplySubcommandSyntaxError, setDeferredArrayLen,
)
from server.keyspace.db import dbAdd, lookupKeyRead, lookupKeyWrite, signalModifiedKey
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert
from server.object import (
    checkType, createStreamObject, getLongLongFromObjectOrReply, getRangeLongFromObjectOrReply,
)
from server.op_array import preventCommandPropagation
from server.server_h import C_ERR, C_OK, NOTIFY_STREAM, OBJ_STREAM, server, shared
from server.session.blocked import signalKeyAsReady
from server.types.t_stream import (
    SLC_NOCREAT, SLC_NONE, SLC_NOREFRESH, STREAM_RWR_RAWENTRIES, addReplyStreamID, createObjectFromStreamID,
    rax_items, setDeferredReplyStreamID, streamCompareID, streamCreateCG, streamCreateNACK, streamDecodeID,
    streamDelConsumer, streamEncodeID, streamFreeCG, streamFreeNACK, streamID, streamIncrID, streamIterator,
    streamIteratorGetID, streamIteratorStart, streamIteratorStop, streamLookupCG, streamLookupConsumer,
    streamPropagateGroupID, streamPropagateXCLAIM, streamReplyWithRange,
)
from server.types.t_stream_command import (
    parse_interval, streamParseIDOrReply, streamParseIntervalIDOrReply, streamParseStrictIDOrReply,
)


def xgroupCommand(c):
    """XGROUP CREATE key group id|$ [MKSTREAM] | SETID key group id|$ | DESTROY key group |
    CREATECONSUMER key group consumer | DELCONSUMER key group consumer | HELP   [write, denyoom]"""
    s = cg = grpname = None
    opt = c.argv[1].ptr.lower()
    mkstream = 0
    if c.argc == 6 and opt == b"create":
        if c.argv[5].ptr.lower() != b"mkstream":
            addReplySubcommandSyntaxError(c)
            return
        mkstream = 1
    if c.argc >= 4:
        o = lookupKeyWrite(c.db, c.argv[2])
        if o is not None:
            if checkType(c, o, OBJ_STREAM):
                return
            s = o.ptr
        grpname = c.argv[3].ptr
    if c.argc >= 4 and not mkstream:
        if s is None:
            addReplyError(c, b"The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
                             b"MKSTREAM option to create an empty stream automatically.")
            return
        cg = streamLookupCG(s, grpname)
        if cg is None and opt in (b"setid", b"createconsumer", b"delconsumer"):
            addReplyErrorFormat(c, b"-NOGROUP No such consumer group '%s' for key name '%s'", grpname, c.argv[2].ptr)
            return

    if c.argc == 2 and opt == b"help":
        addReplyHelp(c, [
            b"CREATE <key> <groupname> <id|$> [option]",
            b"    Create a new consumer group. Options are:",
            b"    * MKSTREAM",
            b"      Create the empty stream if it does not exist.",
            b"CREATECONSUMER <key> <groupname> <consumer>",
            b"    Create a new consumer in the specified group.",
            b"DELCONSUMER <key> <groupname> <consumer>",
            b"    Remove the specified consumer.",
            b"DESTROY <key> <groupname>    Remove the specified group.",    # one line in 6.2.14: a comma is missing there
            b"SETID <key> <groupname> <id|$>",
            b"    Set the current group ID.",
        ])
    elif opt == b"create" and c.argc in (5, 6):
        xgroupCommand_create(c, s, grpname, mkstream)
    elif opt == b"setid" and c.argc == 5:
        if c.argv[4].ptr == b"$":
            id_ = s.last_id
        else:
            ok, id_ = streamParseIDOrReply(c, c.argv[4], 0)
            if ok != C_OK:
                return
        cg.last_id = id_
        addReply(c, shared.ok)
        server.dirty += 1
        notifyKeyspaceEvent(NOTIFY_STREAM, b"xgroup-setid", c.argv[2], c.db.id)
    elif opt == b"destroy" and c.argc == 4:
        if cg is not None:
            raxRemove(s.cgroups, grpname)
            streamFreeCG(cg)
            addReply(c, shared.cone)
            server.dirty += 1
            notifyKeyspaceEvent(NOTIFY_STREAM, b"xgroup-destroy", c.argv[2], c.db.id)
            # Unblock the clients blocked in XREADGROUP on the deleted group, with an error.
            signalKeyAsReady(c.db, c.argv[2], OBJ_STREAM)
        else:
            addReply(c, shared.czero)
    elif opt == b"createconsumer" and c.argc == 5:
        _, created = streamLookupConsumer(cg, c.argv[4].ptr, SLC_NOREFRESH)
        if created:
            server.dirty += 1
            notifyKeyspaceEvent(NOTIFY_STREAM, b"xgroup-createconsumer", c.argv[2], c.db.id)
        addReplyLongLong(c, created)
    elif opt == b"delconsumer" and c.argc == 5:
        addReplyLongLong(c, streamDelConsumer(cg, c.argv[4].ptr))
        server.dirty += 1
        notifyKeyspaceEvent(NOTIFY_STREAM, b"xgroup-delconsumer", c.argv[2], c.db.id)
    else:
        addReplySubcommandSyntaxError(c)


def xgroupCommand_create(c, s, grpname, mkstream):
    """XGROUP CREATE; `s` is None only with MKSTREAM."""
    if c.argv[4].ptr == b"$":
        id_ = s.last_id if s is not None else streamID(0, 0)
    else:
        ok, id_ = streamParseStrictIDOrReply(c, c.argv[4], 0)
        if ok != C_OK:
            return
    if s is None:                           # created only here, where no error is possible any more
        serverAssert(mkstream)
        o = createStreamObject()
        dbAdd(c.db, c.argv[2], o)
        s = o.ptr
        signalModifiedKey(c, c.db, c.argv[2])
    if streamCreateCG(s, grpname, id_) is not None:
        addReply(c, shared.ok)
        server.dirty += 1
        notifyKeyspaceEvent(NOTIFY_STREAM, b"xgroup-create", c.argv[2], c.db.id)
    else:
        addReplyError(c, b"-BUSYGROUP Consumer Group name already exists")


def xackCommand(c):
    """XACK key group id [id ...] -> int   [write, random, fast]"""
    o = lookupKeyRead(c.db, c.argv[1])
    group = None
    if o is not None:
        if checkType(c, o, OBJ_STREAM):
            return
        group = streamLookupCG(o.ptr, c.argv[2].ptr)
    if group is None:
        addReply(c, shared.czero)
        return
    ids = []
    for arg in c.argv[3:]:                  # parse all IDs first, so that the command is executed either fully or not at all
        ok, id_ = streamParseStrictIDOrReply(c, arg, 0)
        if ok != C_OK:
            return
        ids.append(id_)
    acknowledged = 0
    for id_ in ids:
        buf = streamEncodeID(id_)
        nack = raxFind(group.pel, buf)
        if nack is not raxNotFound:
            raxRemove(group.pel, buf)
            raxRemove(nack.consumer.pel, buf)
            streamFreeNACK(nack)
            acknowledged += 1
            server.dirty += 1
    addReplyLongLong(c, acknowledged)


def xpendingCommand(c):
    """XPENDING key group [[IDLE ms] start end count [consumer]] -> array   [read-only, random]"""
    justinfo = c.argc == 3
    consumername = start = end = None
    count = minidle = 0
    if c.argc != 3 and (c.argc < 6 or c.argc > 9):
        addReplyErrorObject(c, shared.syntaxerr)
        return
    if c.argc >= 6:
        startidx = 3
        if c.argv[3].ptr.lower() == b"idle":
            ok, minidle = getLongLongFromObjectOrReply(c, c.argv[4], None)
            if ok == C_ERR:
                return
            if c.argc < 8:
                addReplyErrorObject(c, shared.syntaxerr)
                return
            startidx += 2
        ok, count = getLongLongFromObjectOrReply(c, c.argv[startidx + 2], None)
        if ok == C_ERR:
            return
        if count < 0:
            count = 0
        ok, start, end = parse_interval(c, c.argv[startidx], c.argv[startidx + 1])
        if ok != C_OK:
            return
        if startidx + 3 < c.argc:
            consumername = c.argv[startidx + 3]

    o = lookupKeyRead(c.db, c.argv[1])
    if checkType(c, o, OBJ_STREAM):
        return
    group = streamLookupCG(o.ptr, c.argv[2].ptr) if o is not None else None
    if group is None:
        addReplyErrorFormat(c, b"-NOGROUP No such key '%s' or consumer group '%s'", c.argv[1].ptr, c.argv[2].ptr)
        return
    if justinfo:
        xpendingCommand_summary(c, group)
        return

    consumer = None
    if consumername is not None:
        consumer, _ = streamLookupConsumer(group, consumername.ptr, SLC_NOCREAT | SLC_NOREFRESH)
        if consumer is None:
            addReplyArrayLen(c, 0)
            return
    endkey = streamEncodeID(end)
    now = mstime()
    arraylen_ptr = addReplyDeferredLen(c)
    arraylen = 0
    ri = raxIterator()
    raxStart(ri, consumer.pel if consumer is not None else group.pel)
    raxSeek(ri, ">=", streamEncodeID(start))
    while count and raxNext(ri) and ri.key <= endkey:
        nack = ri.data
        if minidle and to_llong(now - nack.delivery_time) < minidle:
            continue
        arraylen += 1
        count -= 1
        addReplyArrayLen(c, 4)
        addReplyStreamID(c, streamDecodeID(ri.key))
        addReplyBulkCBuffer(c, nack.consumer.name)
        addReplyLongLong(c, max(0, to_llong(now - nack.delivery_time)))
        addReplyLongLong(c, nack.delivery_count)
    raxStop(ri)
    setDeferredArrayLen(c, arraylen_ptr, arraylen)


def xpendingCommand_summary(c, group):
    """XPENDING key group: how many, first and last ID, and how many each consumer has."""
    addReplyArrayLen(c, 4)
    addReplyLongLong(c, raxSize(group.pel))
    if raxSize(group.pel) == 0:
        addReplyNull(c)
        addReplyNull(c)
        addReplyNullArray(c)
        return
    ri = raxIterator()
    raxStart(ri, group.pel)
    raxSeek(ri, "^")
    raxNext(ri)
    addReplyStreamID(c, streamDecodeID(ri.key))
    raxSeek(ri, "$")
    raxNext(ri)
    addReplyStreamID(c, streamDecodeID(ri.key))
    raxStop(ri)
    arraylen_ptr = addReplyDeferredLen(c)
    arraylen = 0
    for name, consumer in rax_items(group.consumers):
        if raxSize(consumer.pel) == 0:
            continue
        addReplyArrayLen(c, 2)
        addReplyBulkCBuffer(c, name)
        addReplyBulkLongLong(c, raxSize(consumer.pel))
        arraylen += 1
    setDeferredArrayLen(c, arraylen_ptr, arraylen)


def claim_entry(c, s, nack, consumer, buf, delivery_time, retrycount, justid):
    """Give a pending entry to `consumer` and reply it.  retrycount -1: count one more delivery, unless justid."""
    owner = nack.consumer
    if owner is not consumer and owner is not None:     # None: FORCE has just created the NACK
        raxRemove(owner.pel, buf)
    nack.delivery_time = delivery_time
    if retrycount >= 0:
        nack.delivery_count = retrycount
    elif not justid:
        nack.delivery_count = to_ullong(nack.delivery_count + 1)
    if owner is not consumer:
        raxInsert(consumer.pel, buf, nack)
        nack.consumer = consumer
    id_ = streamDecodeID(buf)
    if justid:
        addReplyStreamID(c, id_)
    elif not streamReplyWithRange(c, s, id_, id_, 1, 0, None, None, STREAM_RWR_RAWENTRIES, None):
        addReplyNull(c)                     # the entry was deleted from the stream meanwhile


class xclaim_args:
    """Options of XCLAIM."""
    __slots__ = ("deliverytime", "retrycount", "force", "justid", "last_id")

    def __init__(self):
        self.deliverytime = -1     # ms; -1 = not given
        self.retrycount = -1       # -1 = not given
        self.force = 0
        self.justid = 0
        self.last_id = streamID()


def xclaimCommand_options(c, j, now):
    """Parse the options from argv[j] on -> xclaim_args, or None after an error."""
    args = xclaim_args()
    while j < c.argc:
        moreargs = c.argc - 1 - j
        opt = c.argv[j].ptr.lower()
        if opt == b"force":
            args.force = 1
        elif opt == b"justid":
            args.justid = 1
        elif opt == b"idle" and moreargs:
            j += 1
            ok, idle = getLongLongFromObjectOrReply(c, c.argv[j], b"Invalid IDLE option argument for XCLAIM")
            if ok != C_OK:
                return None
            args.deliverytime = to_llong(now - idle)
        elif opt == b"time" and moreargs:
            j += 1
            ok, args.deliverytime = getLongLongFromObjectOrReply(c, c.argv[j], b"Invalid TIME option argument for XCLAIM")
            if ok != C_OK:
                return None
        elif opt == b"retrycount" and moreargs:
            j += 1
            ok, args.retrycount = getLongLongFromObjectOrReply(c, c.argv[j],
                                                               b"Invalid RETRYCOUNT option argument for XCLAIM")
            if ok != C_OK:
                return None
        elif opt == b"lastid" and moreargs:
            j += 1
            ok, args.last_id = streamParseStrictIDOrReply(c, c.argv[j], 0)
            if ok != C_OK:
                return None
        else:
            addReplyErrorFormat(c, b"Unrecognized XCLAIM option '%s'", c.argv[j].ptr)
            return None
        j += 1
    return args


def xclaimCommand(c):
    """XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME ms] [RETRYCOUNT n] [FORCE] [JUSTID]
    [LASTID id] -> array   [write, random, fast]"""
    o = lookupKeyRead(c.db, c.argv[1])
    group = None
    if o is not None:
        if checkType(c, o, OBJ_STREAM):
            return
        group = streamLookupCG(o.ptr, c.argv[2].ptr)
    if group is None:
        addReplyErrorFormat(c, b"-NOGROUP No such key '%s' or consumer group '%s'", c.argv[1].ptr, c.argv[2].ptr)
        return
    ok, minidle = getLongLongFromObjectOrReply(c, c.argv[4], b"Invalid min-idle-time argument for XCLAIM")
    if ok != C_OK:
        return
    if minidle < 0:
        minidle = 0
    ids = []
    j = 5
    while j < c.argc:                       # the options start at the first argument that is not an ID
        ok, id_ = streamParseStrictIDOrReply(None, c.argv[j], 0)
        if ok != C_OK:
            break
        ids.append(id_)
        j += 1
    now = mstime()
    args = xclaimCommand_options(c, j, now)
    if args is None:
        return

    propagate_last_id = 0
    if streamCompareID(args.last_id, group.last_id) > 0:
        group.last_id = args.last_id
        propagate_last_id = 1
    # A time in the future or before 1970 is due to the client's clock: use the current time instead of an error.
    deliverytime = args.deliverytime
    if deliverytime < 0 or deliverytime > now:
        deliverytime = now

    consumer = None
    arraylenptr = addReplyDeferredLen(c)
    arraylen = 0
    for j, id_ in enumerate(ids, 5):
        buf = streamEncodeID(id_)
        nack = raxFind(group.pel, buf)
        if nack is raxNotFound:
            if not args.force:
                continue
            si = streamIterator()           # FORCE creates a NACK, but only for an entry that exists
            streamIteratorStart(si, o.ptr, id_, id_, 0)
            found, _, _ = streamIteratorGetID(si)
            streamIteratorStop(si)
            if not found:
                continue
            nack = streamCreateNACK(None)
            raxInsert(group.pel, buf, nack)
        if nack.consumer is not None and minidle and to_llong(now - nack.delivery_time) < minidle:
            continue
        if consumer is None:
            consumer, _ = streamLookupConsumer(group, c.argv[3].ptr, SLC_NONE)
        claim_entry(c, o.ptr, nack, consumer, buf, deliverytime, args.retrycount, args.justid)
        arraylen += 1
        streamPropagateXCLAIM(c, c.argv[1], group, c.argv[2], c.argv[j], nack)
        propagate_last_id = 0               # the XCLAIM has propagated it
        server.dirty += 1
    if propagate_last_id:
        streamPropagateGroupID(c, c.argv[1], group, c.argv[2])
        server.dirty += 1
    setDeferredArrayLen(c, arraylenptr, arraylen)
    preventCommandPropagation(c)


def xautoclaimCommand(c):
    """XAUTOCLAIM key group consumer min-idle-time start [COUNT n] [JUSTID] -> [next start, entries]   [write, random, fast]"""
    o = lookupKeyRead(c.db, c.argv[1])
    ok, minidle = getLongLongFromObjectOrReply(c, c.argv[4], b"Invalid min-idle-time argument for XAUTOCLAIM")
    if ok != C_OK:
        return
    if minidle < 0:
        minidle = 0
    ok, startid, startex = streamParseIntervalIDOrReply(c, c.argv[5], 0)
    if ok != C_OK:
        return
    if startex:
        ok, startid = streamIncrID(startid)
        if ok != C_OK:
            addReplyError(c, b"invalid start ID for the interval")
            return
    count = 100
    justid = 0
    j = 6
    while j < c.argc:
        opt = c.argv[j].ptr.lower()
        if opt == b"count" and c.argc - 1 - j:
            ok, count = getRangeLongFromObjectOrReply(c, c.argv[j + 1], 1, LONG_MAX, b"COUNT must be > 0")
            if ok != C_OK:
                return
            j += 1
        elif opt == b"justid":
            justid = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    group = None
    if o is not None:
        if checkType(c, o, OBJ_STREAM):
            return
        group = streamLookupCG(o.ptr, c.argv[2].ptr)
    if group is None:
        addReplyErrorFormat(c, b"-NOGROUP No such key '%s' or consumer group '%s'", c.argv[1].ptr, c.argv[2].ptr)
        return

    consumer = None
    attempts = to_llong(count * 10)                   # bounds the scan over entries that are not idle enough
    addReplyArrayLen(c, 2)
    endidptr = addReplyDeferredLen(c)
    arraylenptr = addReplyDeferredLen(c)
    arraylen = 0
    now = mstime()
    ri = raxIterator()
    raxStart(ri, group.pel)
    raxSeek(ri, ">=", streamEncodeID(startid))
    while attempts and count and raxNext(ri):
        attempts -= 1
        nack = ri.data
        if minidle and to_llong(now - nack.delivery_time) < minidle:
            continue
        if consumer is None:
            consumer, _ = streamLookupConsumer(group, c.argv[3].ptr, SLC_NONE)
        claim_entry(c, o.ptr, nack, consumer, ri.key, now, -1, justid)
        arraylen += 1
        count -= 1
        streamPropagateXCLAIM(c, c.argv[1], group, c.argv[2], createObjectFromStreamID(streamDecodeID(ri.key)), nack)
        server.dirty += 1
    raxNext(ri)                             # the next call starts here
    endid = streamID(0, 0) if raxEOF(ri) else streamDecodeID(ri.key)
    raxStop(ri)
    setDeferredArrayLen(c, arraylenptr, arraylen)
    setDeferredReplyStreamID(c, endidptr, endid)
    preventCommandPropagation(c)
