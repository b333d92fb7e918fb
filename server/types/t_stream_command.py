"""t_stream_command.py - adding to streams and reading them.         Mirrors src/t_stream.c, "Stream commands implementation"

Lives here   XADD XRANGE XREVRANGE XLEN XREAD XREADGROUP XDEL XTRIM XSETID XINFO; parsing of IDs and trim options.
Called from  call() [command].
Calls out    blocked.blockForKeys, blocked.signalKeyAsReady.
Departures   ID parsers return (ok, streamID).
"""

from ae.monotonic import mstime
from datastructs.rax import raxSize
from datastructs.util import UINT64_MAX, string2ull, to_llong
from server.client.networking import rewriteClientCommandArgument
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkCString, addReplyDeferredLen,
    addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyHelp, addReplyLongLong, addReplyMapLen,
    addReplyNull, addReplyNullArray, addReplySubcommandSyntaxError, setDeferredArrayLen, setDeferredMapLen,
)
from server.keyspace.db import (
    dbAdd, lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, lookupKeyWriteOrReply, signalModifiedKey,
)
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert
from server.object import (
    checkType, createStreamObject, createStringObject, createStringObjectFromLongLong, getLongLongFromObjectOrReply,
)
from server.op_array import preventCommandPropagation
from server.server_h import (
    BLOCKED_STREAM, C_ERR, C_OK, CLIENT_DENY_BLOCKING, CLIENT_ID_AOF, CLIENT_LUA, NOTIFY_STREAM, OBJ_STREAM,
    UNIT_MILLISECONDS, server, shared,
)
from server.session.blocked import blockForKeys, signalKeyAsReady
from server.session.timeout import getTimeoutFromObjectOrReply
from server.types.t_stream import (
    EDOM, SLC_NONE, STREAM_RWR_HISTORY, STREAM_RWR_NOACK, STREAM_RWR_RAWENTRIES, TRIM_STRATEGY_MAXLEN,
    TRIM_STRATEGY_MINID, TRIM_STRATEGY_NONE, addReplyStreamID, createObjectFromStreamID, rax_items,
    streamAddTrimArgs, streamAppendItem, streamCompareID, streamDecodeID, streamDecrID, streamDeleteItem,
    streamGetEdgeID, streamID, streamIncrID, streamLastValidID, streamLookupCG, streamLookupConsumer,
    streamPropagateConsumerCreation, streamPropInfo, streamReplyWithRange, streamTrim,
)

#: Maximum of entries that a blocked XREAD without COUNT is served at once.
XREAD_BLOCKED_DEFAULT_COUNT = 1000


# ---------------------------------------------------------------------------
# Arguments
# ---------------------------------------------------------------------------

def streamGenericParseIDOrReply(c, o, missing_seq, strict):
    """Parse `ms`, `ms-seq`, and unless `strict` also `-` and `+` -> (C_OK, streamID) or (C_ERR, None).

    missing_seq stands in for an absent seq.  With c None no error is sent.
    """
    buf = o.ptr
    ok = len(buf) <= 127
    buf = buf.partition(b"\0")[0]                   # C reads a copy that ends at a NUL
    if ok and not (strict and buf in (b"-", b"+")):
        if buf == b"-":
            return C_OK, streamID(0, 0)
        if buf == b"+":
            return C_OK, streamID(UINT64_MAX, UINT64_MAX)
        head, dash, tail = buf.partition(b"-")
        ok, ms = string2ull(head)
        if ok:
            seq = missing_seq
            if dash:
                ok, seq = string2ull(tail)
            if ok:
                return C_OK, streamID(ms, seq)
    if c is not None:
        addReplyError(c, b"Invalid stream ID specified as stream command argument")
    return C_ERR, None


def streamParseIDOrReply(c, o, missing_seq):
    return streamGenericParseIDOrReply(c, o, missing_seq, 0)


def streamParseStrictIDOrReply(c, o, missing_seq):
    return streamGenericParseIDOrReply(c, o, missing_seq, 1)


def streamParseIntervalIDOrReply(c, o, missing_seq):
    """Parse one end of an interval, `(` in front excludes it -> (ok, streamID, excluded)."""
    p = o.ptr
    if len(p) > 1 and p[:1] == b"(":
        ok, id_ = streamParseStrictIDOrReply(c, createStringObject(p[1:]), missing_seq)
        return ok, id_, 1
    ok, id_ = streamParseIDOrReply(c, o, missing_seq)
    return ok, id_, 0


def parse_interval(c, startarg, endarg):
    """Parse both ends and step over the excluded ones -> (ok, start, end)."""
    ok, start, startex = streamParseIntervalIDOrReply(c, startarg, 0)
    if ok != C_OK:
        return C_ERR, None, None
    if startex:
        ok, start = streamIncrID(start)
        if ok != C_OK:
            addReplyError(c, b"invalid start ID for the interval")
            return C_ERR, None, None
    ok, end, endex = streamParseIntervalIDOrReply(c, endarg, UINT64_MAX)
    if ok != C_OK:
        return C_ERR, None, None
    if endex:
        ok, end = streamDecrID(end)
        if ok != C_OK:
            addReplyError(c, b"invalid end ID for the interval")
            return C_ERR, None, None
    return C_OK, start, end


def streamParseAddOrTrimArgsOrReply_threshold(c, args, i, strategy):
    """Parse `[~|=] threshold` after MAXLEN or MINID at argv[i] -> position of the threshold, or -1 after an error."""
    if args.trim_strategy != TRIM_STRATEGY_NONE:
        addReplyError(c, b"syntax error, MAXLEN and MINID options at the same time are not compatible")
        return -1
    moreargs = c.argc - 1 - i
    args.approx_trim = 0
    nxt = c.argv[i + 1].ptr
    if moreargs >= 2 and nxt == b"~":
        args.approx_trim = 1
        i += 1
    elif moreargs >= 2 and nxt == b"=":
        i += 1
    if strategy == TRIM_STRATEGY_MAXLEN:
        ok, args.maxlen = getLongLongFromObjectOrReply(c, c.argv[i + 1], None)
        if ok != C_OK:
            return -1
        if args.maxlen < 0:
            addReplyError(c, b"The MAXLEN argument must be >= 0.")
            return -1
    else:
        ok, args.minid = streamParseStrictIDOrReply(c, c.argv[i + 1], 0)
        if ok != C_OK:
            return -1
    args.trim_strategy = strategy
    args.trim_strategy_arg_idx = i + 1
    return i + 1


def streamParseAddOrTrimArgsOrReply(c, args, xadd):
    """Parse the options of XADD or XTRIM into `args` -> position of XADD's ID argument, or -1 after an error."""
    limit_given = 0
    i = 2
    while i < c.argc:
        moreargs = c.argc - 1 - i
        opt = c.argv[i].ptr
        word = opt.lower()
        if xadd and opt == b"*":
            break
        if word == b"maxlen" and moreargs:
            i = streamParseAddOrTrimArgsOrReply_threshold(c, args, i, TRIM_STRATEGY_MAXLEN)
            if i == -1:
                return -1
        elif word == b"minid" and moreargs:
            i = streamParseAddOrTrimArgsOrReply_threshold(c, args, i, TRIM_STRATEGY_MINID)
            if i == -1:
                return -1
        elif word == b"limit" and moreargs:
            ok, args.limit = getLongLongFromObjectOrReply(c, c.argv[i + 1], None)
            if ok != C_OK:
                return -1
            if args.limit < 0:
                addReplyError(c, b"The LIMIT argument must be >= 0.")
                return -1
            limit_given = 1
            i += 1
        elif xadd and word == b"nomkstream":
            args.no_mkstream = 1
        elif xadd:
            ok, args.id = streamParseStrictIDOrReply(c, c.argv[i], 0)
            if ok != C_OK:
                return -1
            args.id_given = 1
            break
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return -1
        i += 1

    if args.limit and args.trim_strategy == TRIM_STRATEGY_NONE:
        addReplyError(c, b"syntax error, LIMIT cannot be used without specifying a trimming strategy")
        return -1
    if not xadd and args.trim_strategy == TRIM_STRATEGY_NONE:
        addReplyError(c, b"syntax error, XTRIM must be called with a trimming strategy")
        return -1
    if c is server.master or c.id == CLIENT_ID_AOF:
        args.limit = 0                      # the rewritten threshold is exact, so there must be no limit
    elif limit_given:
        if not args.approx_trim:
            addReplyError(c, b"syntax error, LIMIT cannot be used without the special ~ option")
            return -1
    elif args.approx_trim:
        args.limit = 100 * server.stream_node_max_entries   # bounds the work of one command
    else:
        args.limit = 0
    return i


def streamTypeLookupWriteOrCreate(c, key, no_create):
    """Return the stream object, created if need be, or None after a reply."""
    o = lookupKeyWrite(c.db, key)
    if o is not None and o.type != OBJ_STREAM and checkType(c, o, OBJ_STREAM):
        return None
    if o is None:
        if no_create:
            addReplyNull(c)
            return None
        o = createStreamObject()
        dbAdd(c.db, key, o)
    return o


def streamRewriteApproxSpecifier(c, idx):
    rewriteClientCommandArgument(c, idx, shared.special_equals)


def streamRewriteTrimArgument(c, s, trim_strategy, idx):
    """Propagate `~ threshold` as `= what is left`: replicas must not decide for themselves."""
    if trim_strategy == TRIM_STRATEGY_MAXLEN:
        arg = createStringObjectFromLongLong(s.length)
    else:
        arg = createObjectFromStreamID(streamGetEdgeID(s, 1))
    rewriteClientCommandArgument(c, idx, arg)


# ---------------------------------------------------------------------------
# Commands
# ---------------------------------------------------------------------------

def xaddCommand(c):
    """XADD key [NOMKSTREAM] [MAXLEN|MINID [~|=] threshold [LIMIT n]] *|id field value [...] -> ID   [write, denyoom, random, fast]  HOT"""
    args = streamAddTrimArgs()
    idpos = streamParseAddOrTrimArgsOrReply(c, args, 1)
    if idpos < 0:
        return                                          # it has replied an error
    field_pos = idpos + 1
    if c.argc - field_pos < 2 or (c.argc - field_pos) % 2 == 1:
        addReplyError(c, b"wrong number of arguments for XADD")
        return
    # Check this before the key is created: the append would fail and leave an empty stream.
    if args.id_given and args.id.ms == 0 and args.id.seq == 0:
        addReplyError(c, b"The ID specified in XADD must be greater than 0-0")
        return
    key = c.argv[1]
    o = streamTypeLookupWriteOrCreate(c, key, args.no_mkstream)
    if o is None:
        return
    s = o.ptr
    if s.last_id.ms == UINT64_MAX and s.last_id.seq == UINT64_MAX:
        addReplyError(c, b"The stream has exhausted the last possible ID, unable to add more items")
        return
    ok, id_ = streamAppendItem(s, c.argv[field_pos:], (c.argc - field_pos) // 2, args.id if args.id_given else None)
    if ok == C_ERR:
        if id_ == EDOM:
            addReplyError(c, b"The ID specified in XADD is equal or smaller than the target stream top item")
        else:
            addReplyError(c, b"Elements are too large to be stored")
        return
    addReplyStreamID(c, id_)

    signalModifiedKey(c, c.db, key)
    notifyKeyspaceEvent(NOTIFY_STREAM, b"xadd", key, c.db.id)
    server.dirty += 1
    if args.trim_strategy != TRIM_STRATEGY_NONE:
        if streamTrim(s, args):
            notifyKeyspaceEvent(NOTIFY_STREAM, b"xtrim", key, c.db.id)
        if args.approx_trim:
            streamRewriteApproxSpecifier(c, args.trim_strategy_arg_idx - 1)
            streamRewriteTrimArgument(c, s, args.trim_strategy, args.trim_strategy_arg_idx)
    # Propagate the ID that was generated here to the replicas and the AOF.
    rewriteClientCommandArgument(c, idpos, createObjectFromStreamID(id_))

    signalKeyAsReady(c.db, key, OBJ_STREAM)


def xrangeGenericCommand(c, rev):
    """XRANGE and XREVRANGE."""
    ok, start, end = parse_interval(c, c.argv[3 if rev else 2], c.argv[2 if rev else 3])
    if ok != C_OK:
        return
    count = -1
    j = 4
    while j < c.argc:
        if c.argv[j].ptr.lower() == b"count" and c.argc - j - 1 >= 1:
            ok, count = getLongLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            if count < 0:
                count = 0
            j += 2
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.emptyarray)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    if count == 0:
        addReplyNullArray(c)
    else:
        streamReplyWithRange(c, o.ptr, start, end, 0 if count == -1 else count, rev, None, None, 0, None)


def xrangeCommand(c):
    """XRANGE key start end [COUNT n] -> array   [read-only]"""
    xrangeGenericCommand(c, 0)


def xrevrangeCommand(c):
    """XREVRANGE key end start [COUNT n] -> array   [read-only]"""
    xrangeGenericCommand(c, 1)


def xlenCommand(c):
    """XLEN key -> int   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    addReplyLongLong(c, (o.ptr.length ^ 1 << 63) - (1 << 63))       # signed, as C replies it


class xread_args:
    """Parsed arguments of XREAD and XREADGROUP."""
    __slots__ = ("timeout", "count", "streams_arg", "streams_count", "noack", "groupname", "consumername", "ids",
                 "groups")

    def __init__(self):
        self.timeout = -1          # ms of the wall clock, 0 = for ever, -1 = do not block
        self.count = 0             # 0 = all
        self.streams_arg = 0       # position of the first key
        self.streams_count = 0
        self.noack = 0
        self.groupname = None      # robj
        self.consumername = None   # robj
        self.ids = []              # streamID per stream; the greatest ID stands for ">"
        self.groups = None         # streamCG per stream, XREADGROUP


def xreadCommand_parse(c, xreadgroup):
    """Parse the options -> xread_args, or None after an error."""
    args = xread_args()
    i = 1
    while i < c.argc:
        moreargs = c.argc - i - 1
        o = c.argv[i].ptr.lower()
        if o == b"block" and moreargs:
            if c.flags & CLIENT_LUA:        # an error instead of a timeout, for compatibility
                addReplyErrorFormat(c, b"%s command is not allowed with BLOCK option from scripts", c.argv[0].ptr)
                return None
            i += 1
            ok, args.timeout = getTimeoutFromObjectOrReply(c, c.argv[i], UNIT_MILLISECONDS)
            if ok != C_OK:
                return None
        elif o == b"count" and moreargs:
            i += 1
            ok, args.count = getLongLongFromObjectOrReply(c, c.argv[i], None)
            if ok != C_OK:
                return None
            if args.count < 0:
                args.count = 0
        elif o == b"streams" and moreargs:
            args.streams_arg = i + 1
            args.streams_count = c.argc - args.streams_arg
            if args.streams_count % 2 != 0:
                addReplyError(c, b"Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
                return None
            args.streams_count //= 2
            break
        elif o == b"group" and moreargs >= 2:
            if not xreadgroup:
                addReplyError(c, b"The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
                return None
            args.groupname = c.argv[i + 1]
            args.consumername = c.argv[i + 2]
            i += 2
        elif o == b"noack":
            if not xreadgroup:
                addReplyError(c, b"The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
                return None
            args.noack = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return None
        i += 1
    if args.streams_arg == 0:
        addReplyErrorObject(c, shared.syntaxerr)
        return None
    if xreadgroup and args.groupname is None:
        addReplyError(c, b"Missing GROUP option for XREADGROUP")
        return None
    return args


def xreadCommand_resolve(c, args, xreadgroup):
    """Look up groups and parse the IDs -> True, or False after an error."""
    if args.groupname is not None:
        args.groups = []
    for i in range(args.streams_arg + args.streams_count, c.argc):
        key = c.argv[i - args.streams_count]
        o = lookupKeyRead(c.db, key)
        if checkType(c, o, OBJ_STREAM):
            return False
        if args.groupname is not None:
            group = streamLookupCG(o.ptr, args.groupname.ptr) if o is not None else None
            if group is None:
                addReplyErrorFormat(c, b"-NOGROUP No such key '%s' or consumer group '%s' in XREADGROUP with GROUP option",
                                    key.ptr, args.groupname.ptr)
                return False
            args.groups.append(group)
        text = c.argv[i].ptr
        if text == b"$":                    # entries added from now on
            if xreadgroup:
                addReplyError(c, b"The $ ID is meaningless in the context of XREADGROUP: you want to read the history of "
                                 b"this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID "
                                 b"would just return an empty result set.")
                return False
            args.ids.append(o.ptr.last_id if o is not None else streamID(0, 0))
        elif text == b">":                  # entries not delivered to the group yet; blocked.py fills in the group's last ID
            if not xreadgroup:
                addReplyError(c, b"The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
                                 b"<consumer> option.")
                return False
            args.ids.append(streamID(UINT64_MAX, UINT64_MAX))
        else:
            ok, id_ = streamParseStrictIDOrReply(c, c.argv[i], 0)
            if ok != C_OK:
                return False
            args.ids.append(id_)
    return True


def xreadCommand_serve(c, args):
    """Reply what is there already -> number of streams served; 0 = nothing was sent."""
    arraylen = 0
    arraylen_ptr = None
    for i in range(args.streams_count):
        key = c.argv[args.streams_arg + i]
        o = lookupKeyRead(c.db, key)
        if o is None:
            continue
        s = o.ptr
        gt = args.ids[i]
        group = args.groups[i] if args.groups is not None else None
        serve_synchronously = serve_history = False
        if group is not None:
            if gt.ms != UINT64_MAX or gt.seq != UINT64_MAX:
                serve_synchronously = serve_history = True  # the consumer's own pending entries
            elif s.length and streamCompareID(streamLastValidID(s), group.last_id) > 0:
                serve_synchronously = True
                gt = args.ids[i] = group.last_id
        elif s.length and streamCompareID(streamLastValidID(s), gt) > 0:
            serve_synchronously = True
        if not serve_synchronously:
            continue
        arraylen += 1
        if arraylen == 1:
            arraylen_ptr = addReplyDeferredLen(c)
        _, start = streamIncrID(gt)         # a range includes its start
        if c.resp == 2:
            addReplyArrayLen(c, 2)
        addReplyBulk(c, key)
        consumer = None
        spi = streamPropInfo(key, args.groupname)
        if group is not None:
            consumer, created = streamLookupConsumer(group, args.consumername.ptr, SLC_NONE)
            if created and args.noack:
                streamPropagateConsumerCreation(c, spi.keyname, spi.groupname, consumer.name)
        flags = (STREAM_RWR_NOACK if args.noack else 0) | (STREAM_RWR_HISTORY if serve_history else 0)
        streamReplyWithRange(c, s, start, None, args.count, 0, group, consumer, flags, spi)
        if group is not None:
            server.dirty += 1
    if arraylen:
        if c.resp == 2:
            setDeferredArrayLen(c, arraylen_ptr, arraylen)
        else:
            setDeferredMapLen(c, arraylen_ptr, arraylen)
    return arraylen


def xreadCommand(c):
    """XREAD [BLOCK ms] [COUNT n] STREAMS key [key ...] id [id ...] -> array|nil   [read-only]
    XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS key [key ...] id [id ...]   [write]"""
    xreadgroup = len(c.argv[0].ptr) == 10   # recognized by the length of the name, as in C
    args = xreadCommand_parse(c, xreadgroup)
    if args is None:
        return
    if xreadCommand_resolve(c, args, xreadgroup) and not xreadCommand_serve(c, args):
        if args.timeout != -1 and not c.flags & CLIENT_DENY_BLOCKING:
            blockForKeys(c, BLOCKED_STREAM, c.argv[args.streams_arg:args.streams_arg + args.streams_count],
                         args.streams_count, args.timeout, None, None, args.ids)
            c.bpop.xread_count = args.count if args.count else XREAD_BLOCKED_DEFAULT_COUNT
            c.bpop.xread_group = args.groupname
            c.bpop.xread_consumer = args.consumername
            if args.groupname is not None:
                c.bpop.xread_group_noack = args.noack
        else:
            addReplyNullArray(c)            # there are no entries, and the client does not block
    # The changes of the groups have been propagated one by one.
    preventCommandPropagation(c)


def xsetidCommand(c):
    """XSETID key id -> OK   [write, denyoom, fast]"""
    o = lookupKeyWriteOrReply(c, c.argv[1], shared.nokeyerr)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    s = o.ptr
    ok, id_ = streamParseStrictIDOrReply(c, c.argv[2], 0)
    if ok != C_OK:
        return
    if s.length > 0 and streamCompareID(id_, streamLastValidID(s)) < 0:
        addReplyError(c, b"The ID specified in XSETID is smaller than the target stream top item")
        return
    s.last_id = id_
    addReply(c, shared.ok)
    server.dirty += 1
    notifyKeyspaceEvent(NOTIFY_STREAM, b"xsetid", c.argv[1], c.db.id)


def xdelCommand(c):
    """XDEL key id [id ...] -> int   [write, fast]"""
    key = c.argv[1]
    o = lookupKeyWriteOrReply(c, key, shared.czero)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    ids = []
    for arg in c.argv[2:]:                  # parse all IDs first, so that the command is executed either fully or not at all
        ok, id_ = streamParseStrictIDOrReply(c, arg, 0)
        if ok != C_OK:
            return
        ids.append(id_)
    deleted = 0
    for id_ in ids:
        deleted += streamDeleteItem(o.ptr, id_)
    if deleted:
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_STREAM, b"xdel", key, c.db.id)
        server.dirty += deleted
    addReplyLongLong(c, deleted)


def xtrimCommand(c):
    """XTRIM key MAXLEN|MINID [~|=] threshold [LIMIT n] -> int   [write, random]"""
    key = c.argv[1]
    args = streamAddTrimArgs()
    if streamParseAddOrTrimArgsOrReply(c, args, 0) < 0:
        return
    o = lookupKeyWriteOrReply(c, key, shared.czero)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    s = o.ptr
    deleted = streamTrim(s, args)
    if deleted:
        notifyKeyspaceEvent(NOTIFY_STREAM, b"xtrim", key, c.db.id)
        if args.approx_trim:
            streamRewriteApproxSpecifier(c, args.trim_strategy_arg_idx - 1)
            streamRewriteTrimArgument(c, s, args.trim_strategy, args.trim_strategy_arg_idx)
        signalModifiedKey(c, c.db, key)
        server.dirty += deleted
    addReplyLongLong(c, deleted)


# ---------------------------------------------------------------------------
# XINFO
# ---------------------------------------------------------------------------

def xinfoReplyWithStreamInfo(c, s):
    """XINFO STREAM key [FULL [COUNT n]]."""
    full = 0
    count = 10                              # the default limits the reply
    opts = [arg.ptr.lower() for arg in c.argv[3:]]
    if opts:
        if len(opts) not in (1, 3) or opts[0] != b"full" or (len(opts) == 3 and opts[1] != b"count"):
            addReplySubcommandSyntaxError(c)
            return
        full = 1
        if len(opts) == 3:
            ok, count = getLongLongFromObjectOrReply(c, c.argv[5], None)
            if ok == C_ERR:
                return
            if count < 0:
                count = 10

    addReplyMapLen(c, 6 if full else 7)
    addReplyBulkCString(c, b"length")
    addReplyLongLong(c, (s.length ^ 1 << 63) - (1 << 63))
    addReplyBulkCString(c, b"radix-tree-keys")
    addReplyLongLong(c, raxSize(s.rax))
    addReplyBulkCString(c, b"radix-tree-nodes")
    addReplyLongLong(c, s.rax.numnodes)
    addReplyBulkCString(c, b"last-generated-id")
    addReplyStreamID(c, s.last_id)
    if full:
        addReplyBulkCString(c, b"entries")
        streamReplyWithRange(c, s, None, None, count, 0, None, None, 0, None)
        addReplyBulkCString(c, b"groups")
        xinfoReplyWithStreamInfo_groups(c, s, count)
        return
    addReplyBulkCString(c, b"groups")
    addReplyLongLong(c, raxSize(s.cgroups) if s.cgroups is not None else 0)
    start, end = streamID(0, 0), streamID(UINT64_MAX, UINT64_MAX)
    addReplyBulkCString(c, b"first-entry")
    if not streamReplyWithRange(c, s, start, end, 1, 0, None, None, STREAM_RWR_RAWENTRIES, None):
        addReplyNull(c)
    addReplyBulkCString(c, b"last-entry")
    if not streamReplyWithRange(c, s, start, end, 1, 1, None, None, STREAM_RWR_RAWENTRIES, None):
        addReplyNull(c)


def xinfoReplyWithStreamInfo_groups(c, s, count):
    """Reply every group with its PEL and its consumers, `count` pending entries each (0: all)."""
    if s.cgroups is None:
        addReplyArrayLen(c, 0)
        return
    addReplyArrayLen(c, raxSize(s.cgroups))
    for name, cg in rax_items(s.cgroups):
        addReplyMapLen(c, 5)
        addReplyBulkCString(c, b"name")
        addReplyBulkCBuffer(c, name)
        addReplyBulkCString(c, b"last-delivered-id")
        addReplyStreamID(c, cg.last_id)
        addReplyBulkCString(c, b"pel-count")
        addReplyLongLong(c, raxSize(cg.pel))
        addReplyBulkCString(c, b"pending")
        reply_pending(c, cg.pel, count, True)
        addReplyBulkCString(c, b"consumers")
        addReplyArrayLen(c, raxSize(cg.consumers))
        for _, consumer in rax_items(cg.consumers):
            addReplyMapLen(c, 4)
            addReplyBulkCString(c, b"name")
            addReplyBulkCBuffer(c, consumer.name)
            addReplyBulkCString(c, b"seen-time")
            addReplyLongLong(c, consumer.seen_time)
            addReplyBulkCString(c, b"pel-count")
            addReplyLongLong(c, raxSize(consumer.pel))
            addReplyBulkCString(c, b"pending")
            reply_pending(c, consumer.pel, count, False)


def reply_pending(c, pel, count, with_consumer):
    """Reply the entries of a PEL, at most `count` (0: all)."""
    arrayptr = addReplyDeferredLen(c)
    arraylen = 0
    for key, nack in rax_items(pel):
        if count and arraylen >= count:
            break
        addReplyArrayLen(c, 4 if with_consumer else 3)
        addReplyStreamID(c, streamDecodeID(key))
        if with_consumer:
            serverAssert(nack.consumer is not None)
            addReplyBulkCBuffer(c, nack.consumer.name)
        addReplyLongLong(c, nack.delivery_time)
        addReplyLongLong(c, nack.delivery_count)
        arraylen += 1
    setDeferredArrayLen(c, arrayptr, arraylen)


def xinfoCommand(c):
    """XINFO CONSUMERS key group | GROUPS key | STREAM key [FULL [COUNT n]] | HELP   [read-only, random]"""
    opt = c.argv[1].ptr.lower()
    if opt == b"help":
        addReplyHelp(c, [
            b"CONSUMERS <key> <groupname>",
            b"    Show consumers of <groupname>.",
            b"GROUPS <key>",
            b"    Show the stream consumer groups.",
            b"STREAM <key> [FULL [COUNT <count>]",
            b"    Show information about the stream.",
        ])
        return
    if c.argc < 3:
        addReplySubcommandSyntaxError(c)
        return
    key = c.argv[2]
    o = lookupKeyReadOrReply(c, key, shared.nokeyerr)
    if o is None or checkType(c, o, OBJ_STREAM):
        return
    s = o.ptr
    if opt == b"consumers" and c.argc == 4:
        cg = streamLookupCG(s, c.argv[3].ptr)
        if cg is None:
            addReplyErrorFormat(c, b"-NOGROUP No such consumer group '%s' for key name '%s'", c.argv[3].ptr, key.ptr)
            return
        addReplyArrayLen(c, raxSize(cg.consumers))
        now = mstime()
        for _, consumer in rax_items(cg.consumers):
            addReplyMapLen(c, 3)
            addReplyBulkCString(c, b"name")
            addReplyBulkCBuffer(c, consumer.name)
            addReplyBulkCString(c, b"pending")
            addReplyLongLong(c, raxSize(consumer.pel))
            addReplyBulkCString(c, b"idle")
            addReplyLongLong(c, max(0, to_llong(now - consumer.seen_time)))
    elif opt == b"groups" and c.argc == 3:
        if s.cgroups is None:
            addReplyArrayLen(c, 0)
            return
        addReplyArrayLen(c, raxSize(s.cgroups))
        for name, cg in rax_items(s.cgroups):
            addReplyMapLen(c, 4)
            addReplyBulkCString(c, b"name")
            addReplyBulkCBuffer(c, name)
            addReplyBulkCString(c, b"consumers")
            addReplyLongLong(c, raxSize(cg.consumers))
            addReplyBulkCString(c, b"pending")
            addReplyLongLong(c, raxSize(cg.pel))
            addReplyBulkCString(c, b"last-delivered-id")
            addReplyStreamID(c, cg.last_id)
    elif opt == b"stream":
        xinfoReplyWithStreamInfo(c, s)
    else:
        addReplySubcommandSyntaxError(c)
