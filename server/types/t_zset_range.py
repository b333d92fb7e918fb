"""t_zset_range.py - reading and popping sorted sets.       Mirrors src/t_zset.c, zrange_* to zrandmemberCommand (6.2.14)

Lives here   ZRANGE ZRANGESTORE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZCOUNT ZLEXCOUNT
             ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZSCAN ZPOPMIN ZPOPMAX BZPOPMIN BZPOPMAX ZRANDMEMBER.
Called from  call() [command]; blocked.serveClientsBlockedOnSortedSetKey (genericZpopCommand).
Calls out    blocked.blockForKeys.
Departures   a result handler's emit functions of C (one for strings, one for integers) are one: the value is bytes or int.
"""
from datastructs.dict import (
    DICT_OK, dict_entries, dictAdd, dictAddRaw, dictCreate, dictExpand, dictGetFairRandomKey, dictGetRandomKey,
    dictSize, dictUnlink, hashDictType, sdsReplyDictType,
)
from datastructs.util import LONG_MAX
from datastructs.ziplist import (
    ziplistGet, ziplistIndex, ziplistNext, ziplistRandomPairs, ziplistRandomPairsUnique,
)
from datastructs.zskiplist import (
    zslFirstInLexRange, zslFirstInRange, zslGetElementByRank, zslGetRank, zslLastInLexRange, zslLastInRange,
    zslLexValueGteMin, zslLexValueLteMax, zslValueGteMin, zslValueLteMax,
)
from server.client.networking import rewriteClientCommandVector
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkLongLong, addReplyBulkSds,
    addReplyDeferredLen, addReplyDouble, addReplyError, addReplyErrorObject, addReplyLongLong, addReplyNull,
    addReplyNullArray, setDeferredArrayLen,
)
from server.keyspace.db import dbDelete, lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, setKey, signalModifiedKey
from server.keyspace.db_scan import parseScanCursorOrReply, scanGenericCommand
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverAssertWithInfo, serverPanic
from server.object import (
    checkType, createZsetObject, createZsetZiplistObject, getLongFromObjectOrReply, getRangeLongFromObjectOrReply,
    sdsEncodedObject,
)
from server.server_h import (
    BLOCKED_ZSET, C_ERR, C_OK, CLIENT_CLOSE_ASAP, CLIENT_DENY_BLOCKING, NOTIFY_GENERIC, NOTIFY_ZSET,
    OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_ZSET, UNIT_SECONDS, ZSET_MAX, ZSET_MIN, server, shared,
)
from server.session.blocked import blockForKeys
from server.session.timeout import getTimeoutFromObjectOrReply
from server.types.t_zset import (
    ZADD_IN_NONE, ZRANGE_AUTO, ZRANGE_LEX, ZRANGE_RANK, ZRANGE_SCORE, zsetAdd, zsetDel, zsetLength, zsetRank,
    zsetReplyFromZiplistEntry, zsetScore, zsetSdsFromZiplistEntry, zsetTypeRandomElement, zslParseLexRange,
    zslParseRange, zzlFirstInLexRange, zzlFirstInRange, zzlGetScore, zzlLastInLexRange, zzlLastInRange,
    zzlLexValueGteMin, zzlLexValueLteMax, zzlNext, zzlPrev, zzlStrtod,
)
from server.types.t_zset_ops import zsetopsrc, zsetopval, zuiClearIterator, zuiInitIterator, zuiNewSdsFromValue, zuiNext

ZRANGE_DIRECTION_AUTO = 0
ZRANGE_DIRECTION_FORWARD = 1
ZRANGE_DIRECTION_REVERSE = 2

ZRANGE_CONSUMER_TYPE_CLIENT = 0
ZRANGE_CONSUMER_TYPE_INTERNAL = 1


class zrange_result_handler:
    """Where a range goes: to the client as a reply, or into a new sorted set (ZRANGESTORE)."""
    __slots__ = ("client", "dstkey", "dstobj", "userdata", "withscores", "should_emit_array_length",
                 "beginResultEmission", "finalizeResultEmission", "emitResult")

    def __init__(self, client):
        self.client = client
        self.dstkey = None         # robj, ZRANGESTORE
        self.dstobj = None         # robj being filled, ZRANGESTORE
        self.userdata = None       # deferred length node, when the length is not known at the start
        self.withscores = 0
        self.should_emit_array_length = 0  # RESP3 with scores: each element is a pair
        self.beginResultEmission = None    # (handler, length or -1)
        self.finalizeResultEmission = None  # (handler, result_count)
        self.emitResult = None             # (handler, value, score)


def zrangeResultBeginClient(handler, length):
    """Send the array length if it is known (length > 0), else a placeholder."""
    if length > 0:
        if handler.withscores and handler.client.resp == 2:
            length *= 2
        addReplyArrayLen(handler.client, length)
        handler.userdata = None
        return
    handler.userdata = addReplyDeferredLen(handler.client)


def zrangeResultEmitCBufferToClient(handler, value, score):
    c = handler.client
    if handler.should_emit_array_length:
        addReplyArrayLen(c, 2)
    if type(value) is int:
        addReplyBulkLongLong(c, value)
    else:
        addReplyBulkCBuffer(c, value)
    if handler.withscores:
        addReplyDouble(c, score)


def zrangeResultFinalizeClient(handler, result_count):
    if handler.userdata is None:
        return
    if handler.withscores and handler.client.resp == 2:
        result_count *= 2
    setDeferredArrayLen(handler.client, handler.userdata, result_count)


def zrangeResultBeginStore(handler, length):
    if length > server.zset_max_ziplist_entries:
        handler.dstobj = createZsetObject()
    else:
        handler.dstobj = createZsetZiplistObject()


def zrangeResultEmitCBufferForStore(handler, value, score):
    ok, _, _ = zsetAdd(handler.dstobj, score, zsetSdsFromZiplistEntry(value), ZADD_IN_NONE)
    serverAssert(ok)


def zrangeResultFinalizeStore(handler, result_count):
    c = handler.client
    if result_count:
        setKey(c, c.db, handler.dstkey, handler.dstobj)
        addReplyLongLong(c, result_count)
        notifyKeyspaceEvent(NOTIFY_ZSET, b"zrangestore", handler.dstkey, c.db.id)
        server.dirty += 1
    else:
        addReply(c, shared.czero)
        if dbDelete(c.db, handler.dstkey):
            signalModifiedKey(c, c.db, handler.dstkey)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", handler.dstkey, c.db.id)
            server.dirty += 1


def zrangeResultHandlerInit(client, type_):
    """Return a handler of the given ZRANGE_CONSUMER_TYPE_*."""
    handler = zrange_result_handler(client)
    if type_ == ZRANGE_CONSUMER_TYPE_CLIENT:
        handler.beginResultEmission = zrangeResultBeginClient
        handler.finalizeResultEmission = zrangeResultFinalizeClient
        handler.emitResult = zrangeResultEmitCBufferToClient
    else:
        handler.beginResultEmission = zrangeResultBeginStore
        handler.finalizeResultEmission = zrangeResultFinalizeStore
        handler.emitResult = zrangeResultEmitCBufferForStore
    return handler


def zrangeResultHandlerScoreEmissionEnable(handler):
    handler.withscores = 1
    handler.should_emit_array_length = handler.client.resp > 2


def zrangeResultHandlerDestinationKeySet(handler, dstkey):
    handler.dstkey = dstkey


def genericZrangebyrankCommand(handler, zobj, start, end, withscores, reverse):
    """Emit the elements of ranks start..end (negative: from the end)."""
    c = handler.client
    llen = zsetLength(zobj)
    if start < 0:
        start += llen
    if end < 0:
        end += llen
    if start < 0:
        start = 0
    if start > end or start >= llen:        # also true when end < 0
        handler.beginResultEmission(handler, 0)
        handler.finalizeResultEmission(handler, 0)
        return
    if end >= llen:
        end = llen - 1
    rangelen = end - start + 1
    emit = handler.emitResult
    handler.beginResultEmission(handler, rangelen)
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = ziplistIndex(zl, -2 - 2 * start if reverse else 2 * start)
        serverAssertWithInfo(c, zobj, eptr is not None)
        sptr = ziplistNext(zl, eptr)
        step = zzlPrev if reverse else zzlNext
        for _ in range(rangelen):
            serverAssertWithInfo(c, zobj, eptr is not None and sptr is not None)
            emit(handler, ziplistGet(zl, eptr), zzlGetScore(zl, sptr) if withscores else 0.0)
            eptr, sptr = step(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zsl = zobj.ptr.zsl
        # The first and the last element need no search.
        if reverse:
            ln = zslGetElementByRank(zsl, llen - start) if start > 0 else zsl.tail
        else:
            ln = zslGetElementByRank(zsl, start + 1) if start > 0 else zsl.header.forward
        for _ in range(rangelen):
            serverAssertWithInfo(c, zobj, ln is not None)
            emit(handler, ln.ele, ln.score)
            ln = ln.backward if reverse else ln.forward
    else:
        serverPanic("Unknown sorted set encoding")
    handler.finalizeResultEmission(handler, rangelen)


def zrangestoreCommand(c):
    """ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count] -> int   [write, denyoom]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_INTERNAL)
    zrangeResultHandlerDestinationKeySet(handler, c.argv[1])
    zrangeGenericCommand(handler, 2, 1, ZRANGE_AUTO, ZRANGE_DIRECTION_AUTO)


def zrangeCommand(c):
    """ZRANGE key min max [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_AUTO, ZRANGE_DIRECTION_AUTO)


def zrevrangeCommand(c):
    """ZREVRANGE key start stop [WITHSCORES] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_RANK, ZRANGE_DIRECTION_REVERSE)


def genericZrangebyscoreCommand(handler, range_, zobj, offset, limit, reverse):
    """Emit the elements in the score interval, skipping `offset`, at most `limit` (negative: all)."""
    handler.beginResultEmission(handler, -1)
    if offset > 0 and offset >= zsetLength(zobj):
        handler.finalizeResultEmission(handler, 0)
        return
    emit = handler.emitResult
    rangelen = 0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = zzlLastInRange(zl, range_) if reverse else zzlFirstInRange(zl, range_)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        step = zzlPrev if reverse else zzlNext
        # Skip the offset without checking scores: the loop below checks them.  A negative offset skips all.
        while eptr is not None and offset:
            offset -= 1
            eptr, sptr = step(zl, eptr, sptr)
        while eptr is not None and limit:
            limit -= 1
            score = zzlGetScore(zl, sptr)
            if not (zslValueGteMin(score, range_) if reverse else zslValueLteMax(score, range_)):
                break
            rangelen += 1
            emit(handler, ziplistGet(zl, eptr), score)
            eptr, sptr = step(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zsl = zobj.ptr.zsl
        ln = zslLastInRange(zsl, range_) if reverse else zslFirstInRange(zsl, range_)
        while ln is not None and offset:
            offset -= 1
            ln = ln.backward if reverse else ln.forward
        while ln is not None and limit:
            limit -= 1
            if not (zslValueGteMin(ln.score, range_) if reverse else zslValueLteMax(ln.score, range_)):
                break
            rangelen += 1
            emit(handler, ln.ele, ln.score)
            ln = ln.backward if reverse else ln.forward
    else:
        serverPanic("Unknown sorted set encoding")
    handler.finalizeResultEmission(handler, rangelen)


def zrangebyscoreCommand(c):
    """ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_SCORE, ZRANGE_DIRECTION_FORWARD)


def zrevrangebyscoreCommand(c):
    """ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_SCORE, ZRANGE_DIRECTION_REVERSE)


def zcountCommand(c):
    """ZCOUNT key min max -> int   [read-only, fast]"""
    ok, range_ = zslParseRange(c.argv[2], c.argv[3])
    if ok != C_OK:
        addReplyError(c, b"min or max is not a float")
        return
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    count = 0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = zzlFirstInRange(zl, range_)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        while eptr is not None and zslValueLteMax(zzlGetScore(zl, sptr), range_):
            count += 1
            eptr, sptr = zzlNext(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        count = skiplist_count(zobj.ptr.zsl, zslFirstInRange, zslLastInRange, range_)
    else:
        serverPanic("Unknown sorted set encoding")
    addReplyLongLong(c, count)


def skiplist_count(zsl, first_in_range, last_in_range, range_):
    """Return how many nodes lie in the interval, by the ranks of its ends.  O(log N)."""
    count = 0
    zn = first_in_range(zsl, range_)
    if zn is not None:
        count = zsl.length - (zslGetRank(zsl, zn.score, zn.ele) - 1)
        zn = last_in_range(zsl, range_)
        if zn is not None:
            count -= zsl.length - zslGetRank(zsl, zn.score, zn.ele)
    return count


def zlexcountCommand(c):
    """ZLEXCOUNT key min max -> int   [read-only, fast]"""
    ok, range_ = zslParseLexRange(c.argv[2], c.argv[3])
    if ok != C_OK:
        addReplyError(c, b"min or max not valid string range item")
        return
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    count = 0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = zzlFirstInLexRange(zl, range_)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        while eptr is not None and zzlLexValueLteMax(zl, eptr, range_):
            count += 1
            eptr, sptr = zzlNext(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        count = skiplist_count(zobj.ptr.zsl, zslFirstInLexRange, zslLastInLexRange, range_)
    else:
        serverPanic("Unknown sorted set encoding")
    addReplyLongLong(c, count)


def genericZrangebylexCommand(handler, range_, zobj, withscores, offset, limit, reverse):
    """Emit the elements in the lexicographic interval, skipping `offset`, at most `limit` (negative: all)."""
    handler.beginResultEmission(handler, -1)
    emit = handler.emitResult
    rangelen = 0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = zzlLastInLexRange(zl, range_) if reverse else zzlFirstInLexRange(zl, range_)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        step = zzlPrev if reverse else zzlNext
        while eptr is not None and offset:
            offset -= 1
            eptr, sptr = step(zl, eptr, sptr)
        while eptr is not None and limit:
            limit -= 1
            if not (zzlLexValueGteMin(zl, eptr, range_) if reverse else zzlLexValueLteMax(zl, eptr, range_)):
                break
            rangelen += 1
            emit(handler, ziplistGet(zl, eptr), zzlGetScore(zl, sptr) if withscores else 0.0)
            eptr, sptr = step(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zsl = zobj.ptr.zsl
        ln = zslLastInLexRange(zsl, range_) if reverse else zslFirstInLexRange(zsl, range_)
        while ln is not None and offset:
            offset -= 1
            ln = ln.backward if reverse else ln.forward
        while ln is not None and limit:
            limit -= 1
            if not (zslLexValueGteMin(ln.ele, range_) if reverse else zslLexValueLteMax(ln.ele, range_)):
                break
            rangelen += 1
            emit(handler, ln.ele, ln.score)
            ln = ln.backward if reverse else ln.forward
    else:
        serverPanic("Unknown sorted set encoding")
    handler.finalizeResultEmission(handler, rangelen)


def zrangebylexCommand(c):
    """ZRANGEBYLEX key min max [LIMIT offset count] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_LEX, ZRANGE_DIRECTION_FORWARD)


def zrevrangebylexCommand(c):
    """ZREVRANGEBYLEX key max min [LIMIT offset count] -> array   [read-only]"""
    handler = zrangeResultHandlerInit(c, ZRANGE_CONSUMER_TYPE_CLIENT)
    zrangeGenericCommand(handler, 1, 0, ZRANGE_LEX, ZRANGE_DIRECTION_REVERSE)


def zrangeGenericCommand(handler, argc_start, store, rangetype, direction):
    """Execute the whole ZRANGE family.  argv[argc_start] is the source key; AUTO lets the options choose type and direction."""
    c = handler.client
    key = c.argv[argc_start]
    minidx = argc_start + 1
    maxidx = argc_start + 2
    opt_start = opt_end = opt_withscores = opt_offset = 0
    opt_limit = -1
    range_ = None

    # Step 1: options.
    j = argc_start + 3
    while j < c.argc:
        leftargs = c.argc - j - 1
        opt = c.argv[j].ptr.lower()
        if not store and opt == b"withscores":
            opt_withscores = 1
        elif opt == b"limit" and leftargs >= 2:
            ok, opt_offset = getLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            ok, opt_limit = getLongFromObjectOrReply(c, c.argv[j + 2], None)
            if ok != C_OK:
                return
            j += 2
        elif direction == ZRANGE_DIRECTION_AUTO and opt == b"rev":
            direction = ZRANGE_DIRECTION_REVERSE
        elif rangetype == ZRANGE_AUTO and opt == b"bylex":
            rangetype = ZRANGE_LEX
        elif rangetype == ZRANGE_AUTO and opt == b"byscore":
            rangetype = ZRANGE_SCORE
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1
    if direction == ZRANGE_DIRECTION_AUTO:
        direction = ZRANGE_DIRECTION_FORWARD
    if rangetype == ZRANGE_AUTO:
        rangetype = ZRANGE_RANK
    if opt_limit != -1 and rangetype == ZRANGE_RANK:
        addReplyError(c, b"syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
        return
    if opt_withscores and rangetype == ZRANGE_LEX:
        addReplyError(c, b"syntax error, WITHSCORES not supported in combination with BYLEX")
        return
    reverse = direction == ZRANGE_DIRECTION_REVERSE
    if reverse and rangetype in (ZRANGE_SCORE, ZRANGE_LEX):
        minidx, maxidx = maxidx, minidx     # the interval is given as max, min

    # Step 2: the interval.
    if rangetype == ZRANGE_RANK:
        ok, opt_start = getLongFromObjectOrReply(c, c.argv[minidx], None)
        if ok != C_OK:
            return
        ok, opt_end = getLongFromObjectOrReply(c, c.argv[maxidx], None)
        if ok != C_OK:
            return
    elif rangetype == ZRANGE_SCORE:
        ok, range_ = zslParseRange(c.argv[minidx], c.argv[maxidx])
        if ok != C_OK:
            addReplyError(c, b"min or max is not a float")
            return
    else:
        ok, range_ = zslParseLexRange(c.argv[minidx], c.argv[maxidx])
        if ok != C_OK:
            addReplyError(c, b"min or max not valid string range item")
            return
    if opt_withscores or store:
        zrangeResultHandlerScoreEmissionEnable(handler)

    # Step 3: the key.
    zobj = lookupKeyWrite(c.db, key) if handler.dstkey is not None else lookupKeyRead(c.db, key)
    if zobj is None:
        if store:
            handler.beginResultEmission(handler, -1)
            handler.finalizeResultEmission(handler, 0)
        else:
            addReply(c, shared.emptyarray)
        return
    if checkType(c, zobj, OBJ_ZSET):
        return

    # Step 4: the range itself.
    if rangetype == ZRANGE_RANK:
        genericZrangebyrankCommand(handler, zobj, opt_start, opt_end, opt_withscores or store, reverse)
    elif rangetype == ZRANGE_SCORE:
        genericZrangebyscoreCommand(handler, range_, zobj, opt_offset, opt_limit, reverse)
    else:
        genericZrangebylexCommand(handler, range_, zobj, opt_withscores or store, opt_offset, opt_limit, reverse)


def zcardCommand(c):
    """ZCARD key -> int   [read-only, fast]"""
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    addReplyLongLong(c, zsetLength(zobj))


def zscoreCommand(c):
    """ZSCORE key member -> double|nil   [read-only, fast]"""
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    ok, score = zsetScore(zobj, c.argv[2].ptr)
    if ok == C_ERR:
        addReplyNull(c)
    else:
        addReplyDouble(c, score)


def zmscoreCommand(c):
    """ZMSCORE key member [member ...] -> array of double|nil   [read-only, fast]"""
    zobj = lookupKeyRead(c.db, c.argv[1])
    if checkType(c, zobj, OBJ_ZSET):
        return
    addReplyArrayLen(c, c.argc - 2)
    for j in range(2, c.argc):
        ok, score = zsetScore(zobj, c.argv[j].ptr)
        if ok == C_ERR:                     # also when the key does not exist
            addReplyNull(c)
        else:
            addReplyDouble(c, score)


def zrankGenericCommand(c, reverse):
    """ZRANK and ZREVRANK."""
    ele = c.argv[2]
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    serverAssertWithInfo(c, ele, sdsEncodedObject(ele))
    rank = zsetRank(zobj, ele.ptr, reverse)
    if rank >= 0:
        addReplyLongLong(c, rank)
    else:
        addReplyNull(c)


def zrankCommand(c):
    """ZRANK key member -> int|nil   [read-only, fast]"""
    zrankGenericCommand(c, 0)


def zrevrankCommand(c):
    """ZREVRANK key member -> int|nil   [read-only, fast]"""
    zrankGenericCommand(c, 1)


def zscanCommand(c):
    """ZSCAN key cursor [MATCH pattern] [COUNT count] -> array   [read-only, random]"""
    ok, cursor = parseScanCursorOrReply(c, c.argv[2])
    if ok == C_ERR:
        return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.emptyscan)
    if o is None or checkType(c, o, OBJ_ZSET):
        return
    scanGenericCommand(c, o, cursor)


def genericZpopCommand(c, keyv, keyc, where, emitkey, countarg):
    """Pop from the first non-empty set among keyv[:keyc] and reply; `where` is ZSET_MIN or ZSET_MAX.

    emitkey: the reply starts with the key's name (blocking forms).  countarg: robj with the count, or None for one.
    """
    count = 1
    if countarg is not None:
        ok, count = getLongFromObjectOrReply(c, countarg, None)
        if ok != C_OK:
            return
        if count <= 0:
            addReply(c, shared.emptyarray)
            return
    key = zobj = None
    for key in keyv[:keyc]:
        zobj = lookupKeyWrite(c.db, key)
        if zobj is None:
            continue
        if checkType(c, zobj, OBJ_ZSET):
            return
        break
    if zobj is None:
        addReply(c, shared.emptyarray)
        return

    arraylen_ptr = addReplyDeferredLen(c)
    result_count = 0
    if emitkey:
        addReplyBulk(c, key)
    # RESP2, and one element without count: a flat array.  RESP3 with a count: pairs.
    use_nested_array = c.resp > 2 and countarg is not None
    while True:
        if zobj.encoding == OBJ_ENCODING_ZIPLIST:
            zl = zobj.ptr
            eptr = ziplistIndex(zl, -2 if where == ZSET_MAX else 0)
            serverAssertWithInfo(c, zobj, eptr is not None)
            ele = zsetSdsFromZiplistEntry(ziplistGet(zl, eptr))
            sptr = ziplistNext(zl, eptr)
            serverAssertWithInfo(c, zobj, sptr is not None)
            score = zzlGetScore(zl, sptr)
        elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
            zsl = zobj.ptr.zsl
            zln = zsl.tail if where == ZSET_MAX else zsl.header.forward
            serverAssertWithInfo(c, zobj, zln is not None)
            ele = zln.ele
            score = zln.score
        else:
            serverPanic("Unknown sorted set encoding")
        serverAssertWithInfo(c, zobj, zsetDel(zobj, ele))
        server.dirty += 1
        if result_count == 0:               # one event per command
            notifyKeyspaceEvent(NOTIFY_ZSET, b"zpopmax" if where == ZSET_MAX else b"zpopmin", key, c.db.id)
            signalModifiedKey(c, c.db, key)
        if use_nested_array:
            addReplyArrayLen(c, 2)
        addReplyBulkCBuffer(c, ele)
        addReplyDouble(c, score)
        result_count += 1
        if zsetLength(zobj) == 0:
            dbDelete(c.db, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
            break
        count -= 1
        if not count:
            break
    if not use_nested_array:
        result_count *= 2
    setDeferredArrayLen(c, arraylen_ptr, result_count + (1 if emitkey else 0))


def zpopminCommand(c):
    """ZPOPMIN key [count] -> array   [write, fast]"""
    if c.argc > 3:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    genericZpopCommand(c, c.argv[1:2], 1, ZSET_MIN, 0, c.argv[2] if c.argc == 3 else None)


def zpopmaxCommand(c):
    """ZPOPMAX key [count] -> array   [write, fast]"""
    if c.argc > 3:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    genericZpopCommand(c, c.argv[1:2], 1, ZSET_MAX, 0, c.argv[2] if c.argc == 3 else None)


def blockingGenericZpopCommand(c, where):
    """BZPOPMIN and BZPOPMAX: pop at once if a key has elements, else block."""
    ok, timeout = getTimeoutFromObjectOrReply(c, c.argv[c.argc - 1], UNIT_SECONDS)
    if ok != C_OK:
        return
    for j in range(1, c.argc - 1):
        o = lookupKeyWrite(c.db, c.argv[j])
        if checkType(c, o, OBJ_ZSET):
            return
        if o is not None and zsetLength(o) != 0:
            genericZpopCommand(c, c.argv[j:j + 1], 1, where, 1, None)
            # Propagate the non-blocking form of the command.
            rewriteClientCommandVector(c, shared.zpopmax if where == ZSET_MAX else shared.zpopmin, c.argv[j])
            return
    if c.flags & CLIENT_DENY_BLOCKING:      # in MULTI or Lua reply as after a timeout
        addReplyNullArray(c)
        return
    blockForKeys(c, BLOCKED_ZSET, c.argv[1:c.argc - 1], c.argc - 2, timeout, None, None, None)


def bzpopminCommand(c):
    """BZPOPMIN key [key ...] timeout -> array|nil   [write, no-script, fast]"""
    blockingGenericZpopCommand(c, ZSET_MIN)


def bzpopmaxCommand(c):
    """BZPOPMAX key [key ...] timeout -> array|nil   [write, no-script, fast]"""
    blockingGenericZpopCommand(c, ZSET_MAX)


def zarndmemberReplyWithZiplist(c, keys, vals):
    """Reply members (bytes or int), each with its score when vals is not None."""
    for i, key in enumerate(keys):
        if vals is not None and c.resp > 2:
            addReplyArrayLen(c, 2)
        zsetReplyFromZiplistEntry(c, key)
        if vals is not None:
            addReplyDouble(c, float(vals[i]) if type(vals[i]) is int else zzlStrtod(vals[i]))


# If the set is smaller than this many times the count, copy it and remove random elements instead of sampling.
ZRANDMEMBER_SUB_STRATEGY_MUL = 3
# Maximum of random pairs drawn from a ziplist at once, which limits the memory for huge negative counts.
ZRANDMEMBER_RANDOM_SAMPLE_LIMIT = 1000


def zrandmemberWithCountCommand(c, l, withscores):
    """ZRANDMEMBER with a count; negative: repeats allowed."""
    zsetobj = lookupKeyReadOrReply(c, c.argv[1], shared.emptyarray)
    if zsetobj is None or checkType(c, zsetobj, OBJ_ZSET):
        return
    size = zsetLength(zsetobj)
    uniq = l >= 0
    count = abs(l)
    if count == 0:
        addReply(c, shared.emptyarray)
        return

    # CASE 1: repeats are allowed, or the count is 1: draw one after the other.  Only this case guarantees a random order.
    if not uniq or count == 1:
        addReplyArrayLen(c, count * 2 if withscores and c.resp == 2 else count)
        if zsetobj.encoding == OBJ_ENCODING_SKIPLIST:
            d = zsetobj.ptr.dict
            while count:
                count -= 1
                de = dictGetFairRandomKey(d)
                if withscores and c.resp > 2:
                    addReplyArrayLen(c, 2)
                addReplyBulkCBuffer(c, de.key)
                if withscores:
                    addReplyDouble(c, de.val)
                if c.flags & CLIENT_CLOSE_ASAP:
                    break
        elif zsetobj.encoding == OBJ_ENCODING_ZIPLIST:
            while count:
                sample_count = min(count, ZRANDMEMBER_RANDOM_SAMPLE_LIMIT)
                count -= sample_count
                keys, vals = ziplistRandomPairs(zsetobj.ptr, sample_count)
                zarndmemberReplyWithZiplist(c, keys, vals if withscores else None)
                if c.flags & CLIENT_CLOSE_ASAP:
                    break
        return

    reply_size = min(count, size)
    addReplyArrayLen(c, reply_size * 2 if withscores and c.resp == 2 else reply_size)

    # CASE 2 and 3 walk the whole set.
    if count >= size or count * ZRANDMEMBER_SUB_STRATEGY_MUL > size:
        src = zsetopsrc()
        src.subject = zsetobj
        src.type = zsetobj.type
        src.encoding = zsetobj.encoding
        zval = zsetopval()
        zuiInitIterator(src)
        if count >= size:                   # CASE 2: reply the whole set
            while zuiNext(src, zval):
                if withscores and c.resp > 2:
                    addReplyArrayLen(c, 2)
                addReplyBulkSds(c, zuiNewSdsFromValue(zval))
                if withscores:
                    addReplyDouble(c, zval.score)
        else:                               # CASE 3: the count is most of the set: copy all, then remove random elements
            d = dictCreate(sdsReplyDictType)
            dictExpand(d, size)
            while zuiNext(src, zval):
                de, _ = dictAddRaw(d, zuiNewSdsFromValue(zval))
                serverAssert(de is not None)
                de.val = zval.score
            serverAssert(dictSize(d) == size)
            while size > count:
                dictUnlink(d, dictGetRandomKey(d).key)
                size -= 1
            for de in dict_entries(d):
                if withscores and c.resp > 2:
                    addReplyArrayLen(c, 2)
                addReplyBulkSds(c, de.key)
                if withscores:
                    addReplyDouble(c, de.val)
        zuiClearIterator(src)
        return

    # CASE 4: the count is a small part of the set: draw until enough different elements were found.
    if zsetobj.encoding == OBJ_ENCODING_ZIPLIST:
        picked, keys, vals = ziplistRandomPairsUnique(zsetobj.ptr, count)
        serverAssert(picked == count)
        zarndmemberReplyWithZiplist(c, keys, vals if withscores else None)
        return
    d = dictCreate(hashDictType)
    dictExpand(d, count)
    added = 0
    while added < count:
        key, score = zsetTypeRandomElement(zsetobj, size)
        if dictAdd(d, zsetSdsFromZiplistEntry(key), None) != DICT_OK:
            continue
        added += 1
        if withscores and c.resp > 2:
            addReplyArrayLen(c, 2)
        zsetReplyFromZiplistEntry(c, key)
        if withscores:
            addReplyDouble(c, score)


def zrandmemberCommand(c):
    """ZRANDMEMBER key [count [WITHSCORES]] -> bulk|nil, or array   [read-only, random]"""
    if c.argc >= 3:
        ok, l = getRangeLongFromObjectOrReply(c, c.argv[2], -LONG_MAX, LONG_MAX, None)
        if ok != C_OK:
            return
        withscores = 0
        if c.argc > 4 or (c.argc == 4 and c.argv[3].ptr.lower() != b"withscores"):
            addReplyErrorObject(c, shared.syntaxerr)
            return
        if c.argc == 4:
            withscores = 1
            if l < -(LONG_MAX // 2) or l > LONG_MAX // 2:
                addReplyError(c, b"value is out of range")
                return
        zrandmemberWithCountCommand(c, l, withscores)
        return
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    key, _ = zsetTypeRandomElement(zobj, zsetLength(zobj))
    zsetReplyFromZiplistEntry(c, key)
