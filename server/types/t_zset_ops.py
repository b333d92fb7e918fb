"""t_zset_ops.py - union, intersection, difference of sorted sets.        Mirrors src/t_zset.c, zui* to zdiffCommand (6.2.14)

Lives here   ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZUNION ZINTER ZDIFF; the zui* iterator that walks a set or a sorted set
             of any encoding, also used by ZRANDMEMBER.
Called from  call() [command]; t_zset_range.
Invariant    a source is never modified while it is walked, so plain iterators do.
Departures   zuiNext returns whether there was an element and fills zsetopval, as in C; the DIRTY flags are not needed,
             since nobody frees strings here.  Functions that report maxelelen and totelelen return them.
"""
import functools

from datastructs.dict import (
    dict_entries, dictAdd, dictAddRaw, dictCreate, dictExpand, dictFind, dictGetIterator, dictNext,
    dictReleaseIterator, dictResize, dictSize, dictType,
)
from datastructs.intset import intsetFind, intsetGet, intsetLen
from datastructs.util import string2ll
from datastructs.ziplist import ziplistGet, ziplistIndex, ziplistNext
from datastructs.zskiplist import zslInsert
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyDouble, addReplyErrorFormat, addReplyErrorObject,
    addReplyLongLong,
)
from server.keyspace.db import dbDelete, lookupKeyRead, lookupKeyWrite, setKey, signalModifiedKey
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverPanic
from server.object import createZsetObject, getDoubleFromObjectOrReply, getLongFromObjectOrReply
from server.server_h import (
    C_OK, NOTIFY_GENERIC, NOTIFY_ZSET, OBJ_ENCODING_HT, OBJ_ENCODING_INTSET, OBJ_ENCODING_SKIPLIST,
    OBJ_ENCODING_ZIPLIST, OBJ_SET, OBJ_ZSET, SET_OP_DIFF, SET_OP_INTER, SET_OP_UNION, server, shared,
)
from server.server_state import htNeedsResize
from server.types.t_zset import (
    zsetConvertToZiplistIfNeeded, zsetLength, zsetRemoveFromSkiplist, zzlFind, zzlGetScore, zzlLength, zzlPrev,
)

REDIS_AGGR_SUM = 1
REDIS_AGGR_MIN = 2
REDIS_AGGR_MAX = 3

setAccumulatorDictType = dictType()        # bytes -> float


class zsetopsrc:
    """One input of the operation, with its iterator."""
    __slots__ = ("subject", "type", "encoding", "weight", "ii", "di", "de", "eptr", "sptr", "node")

    def __init__(self):
        self.subject = None        # robj; None = the key does not exist
        self.type = 0              # OBJ_SET or OBJ_ZSET
        self.encoding = 0
        self.weight = 1.0
        # Iterator, by encoding
        self.ii = 0                # INTSET: next index
        self.di = None             # HT: dictIterator ...
        self.de = None             # ... and its current entry
        self.eptr = None           # ZIPLIST: position of the member ...
        self.sptr = None           # ... and of its score
        self.node = None           # SKIPLIST: zskiplistNode


class zsetopval:
    """The element that zuiNext stands on."""
    __slots__ = ("value", "score")

    def __init__(self):
        self.value = None          # bytes, or int as it came out of an intset or ziplist
        self.score = 0.0


def zuiInitIterator(op):
    """Start walking.  Sorted sets are walked from the highest score down: the result's skiplist grows at its head."""
    if op.subject is None:
        return
    o = op.subject.ptr
    if op.type == OBJ_SET:
        if op.encoding == OBJ_ENCODING_INTSET:
            op.ii = 0
        elif op.encoding == OBJ_ENCODING_HT:
            op.di = dictGetIterator(o)
            op.de = dictNext(op.di)
        else:
            serverPanic("Unknown set encoding")
    elif op.type == OBJ_ZSET:
        if op.encoding == OBJ_ENCODING_ZIPLIST:
            op.eptr = ziplistIndex(o, -2)
            op.sptr = None
            if op.eptr is not None:
                op.sptr = ziplistNext(o, op.eptr)
                serverAssert(op.sptr is not None)
        elif op.encoding == OBJ_ENCODING_SKIPLIST:
            op.node = o.zsl.tail
        else:
            serverPanic("Unknown sorted set encoding")
    else:
        serverPanic("Unsupported type")


def zuiClearIterator(op):
    if op.di is not None:
        dictReleaseIterator(op.di)
        op.di = op.de = None


def zuiLength(op):
    """Return the number of elements of the source."""
    if op.subject is None:
        return 0
    o = op.subject.ptr
    if op.encoding == OBJ_ENCODING_INTSET:
        return intsetLen(o)
    if op.encoding == OBJ_ENCODING_HT:
        return dictSize(o)
    if op.encoding == OBJ_ENCODING_ZIPLIST:
        return zzlLength(o)
    if op.encoding == OBJ_ENCODING_SKIPLIST:
        return o.zsl.length
    return serverPanic("Unsupported type")


def zuiNext(op, val):
    """Put the current element into `val` and step on -> 1, or 0 at the end."""
    if op.subject is None:
        return 0
    if op.type == OBJ_SET:
        val.score = 1.0
        if op.encoding == OBJ_ENCODING_INTSET:
            ok, value = intsetGet(op.subject.ptr, op.ii)
            if not ok:
                return 0
            val.value = value
            op.ii += 1
        else:
            if op.de is None:
                return 0
            val.value = op.de.key
            op.de = dictNext(op.di)
    elif op.encoding == OBJ_ENCODING_ZIPLIST:
        zl = op.subject.ptr
        if op.eptr is None or op.sptr is None:
            return 0
        val.value = ziplistGet(zl, op.eptr)
        serverAssert(val.value is not None)
        val.score = zzlGetScore(zl, op.sptr)
        op.eptr, op.sptr = zzlPrev(zl, op.eptr, op.sptr)
    else:
        node = op.node
        if node is None:
            return 0
        val.value = node.ele
        val.score = node.score
        op.node = node.backward
    return 1


def zuiLongLongFromValue(val):
    """Return (ok, the element as a long long)."""
    if type(val.value) is int:
        return 1, val.value
    return string2ll(val.value)


def zuiSdsFromValue(val):
    """Return the element as bytes."""
    if type(val.value) is int:
        val.value = b"%d" % val.value
    return val.value


zuiNewSdsFromValue = zuiSdsFromValue       # bytes are immutable, so no copy is needed


def zuiFind(op, val):
    """Look the element up in another source -> (found, score)."""
    if op.subject is None:
        return 0, 0.0
    o = op.subject.ptr
    if op.encoding == OBJ_ENCODING_INTSET:
        ok, value = zuiLongLongFromValue(val)
        return (1, 1.0) if ok and intsetFind(o, value) else (0, 0.0)
    if op.encoding == OBJ_ENCODING_HT:
        return (1, 1.0) if dictFind(o, zuiSdsFromValue(val)) is not None else (0, 0.0)
    if op.encoding == OBJ_ENCODING_ZIPLIST:
        eptr, score = zzlFind(o, zuiSdsFromValue(val))
        return (1, score) if eptr is not None else (0, 0.0)
    if op.encoding == OBJ_ENCODING_SKIPLIST:
        de = dictFind(o.dict, zuiSdsFromValue(val))
        return (1, de.val) if de is not None else (0, 0.0)
    return serverPanic("Unsupported type")


def zuiCompareByCardinality(s1, s2):
    first, second = zuiLength(s1), zuiLength(s2)
    return (first > second) - (first < second)


def zuiCompareByRevCardinality(s1, s2):
    return -zuiCompareByCardinality(s1, s2)


def zunionInterAggregate(target, val, aggregate):
    """Combine two scores -> the new one.  +inf and -inf add up to 0."""
    if aggregate == REDIS_AGGR_SUM:
        target += val
        return 0.0 if target != target else target
    if aggregate == REDIS_AGGR_MIN:
        return val if val < target else target
    if aggregate == REDIS_AGGR_MAX:
        return val if val > target else target
    return serverPanic("Unknown ZUNION/INTER aggregate type")


def zsetDictGetMaxElementLength(d):
    """Return (length of the longest key, sum of the lengths)."""
    maxelelen = totallen = 0
    for de in dict_entries(d):
        n = len(de.key)
        totallen += n
        if n > maxelelen:
            maxelelen = n
    return maxelelen, totallen


def zdiffAlgorithm1(src, dstzset):
    """Take each element of the first set that no other set has.  O(N*M + K*log K) -> (maxelelen, totelelen)."""
    maxelelen = totelelen = 0
    # The largest sets first: a common element is found sooner.
    src[1:] = sorted(src[1:], key=functools.cmp_to_key(zuiCompareByRevCardinality))
    zval = zsetopval()
    zuiInitIterator(src[0])
    while zuiNext(src[0], zval):
        exists = 0
        for other in src[1:]:
            if other.subject is src[0].subject or zuiFind(other, zval)[0]:
                exists = 1
                break
        if not exists:
            tmp = zuiNewSdsFromValue(zval)
            zslInsert(dstzset.zsl, zval.score, tmp)
            dictAdd(dstzset.dict, tmp, zval.score)
            maxelelen = max(maxelelen, len(tmp))
            totelelen += len(tmp)
    zuiClearIterator(src[0])
    return maxelelen, totelelen


def zdiffAlgorithm2(src, dstzset):
    """Add the first set, remove all the others from it.  O(L + (N-K)*log N) -> (maxelelen, totelelen)."""
    cardinality = 0
    zval = zsetopval()
    for j, op in enumerate(src):
        if zuiLength(op) == 0:
            continue
        zuiInitIterator(op)
        while zuiNext(op, zval):
            tmp = zuiSdsFromValue(zval)
            if j == 0:
                zslInsert(dstzset.zsl, zval.score, tmp)
                dictAdd(dstzset.dict, tmp, zval.score)
                cardinality += 1
            elif zsetRemoveFromSkiplist(dstzset, tmp):
                cardinality -= 1
            if cardinality == 0:            # nothing left to remove from
                break
        zuiClearIterator(op)
        if cardinality == 0:
            break
    if htNeedsResize(dstzset.dict):
        dictResize(dstzset.dict)
    return zsetDictGetMaxElementLength(dstzset.dict)


def zsetChooseDiffAlgorithm(src):
    """Return 1 or 2, whichever should do less work; 0 when the result is empty (the first key comes again)."""
    algo_one_work = algo_two_work = 0
    for j, op in enumerate(src):
        if j > 0 and src[0].subject is op.subject:
            return 0
        algo_one_work += zuiLength(src[0])
        algo_two_work += zuiLength(op)
    # Algorithm 1 has better constant factors, and stops early if elements are common.
    return 1 if algo_one_work // 2 <= algo_two_work else 2


def zdiff(src, dstzset):
    """Fill dstzset with src[0] minus the others -> (maxelelen, totelelen)."""
    if zuiLength(src[0]) > 0:
        diff_algo = zsetChooseDiffAlgorithm(src)
        if diff_algo == 1:
            return zdiffAlgorithm1(src, dstzset)
        if diff_algo == 2:
            return zdiffAlgorithm2(src, dstzset)
    return 0, 0


def zinter(src, dstzset, aggregate):
    """Fill dstzset with what every source has; src is ordered by size -> (maxelelen, totelelen)."""
    maxelelen = totelelen = 0
    first = src[0]
    if zuiLength(first) == 0:
        return 0, 0
    zval = zsetopval()
    zuiInitIterator(first)
    while zuiNext(first, zval):
        score = first.weight * zval.score
        if score != score:
            score = 0.0
        everywhere = True
        for other in src[1:]:
            if other.subject is first.subject:      # the set that is being iterated: no look-up needed
                value = zval.score
            else:
                found, value = zuiFind(other, zval)
                if not found:
                    everywhere = False
                    break
            score = zunionInterAggregate(score, value * other.weight, aggregate)
        if everywhere:
            tmp = zuiNewSdsFromValue(zval)
            zslInsert(dstzset.zsl, score, tmp)
            dictAdd(dstzset.dict, tmp, score)
            totelelen += len(tmp)
            maxelelen = max(maxelelen, len(tmp))
    zuiClearIterator(first)
    return maxelelen, totelelen


def zunion(src, dstzset, aggregate):
    """Fill dstzset with what any source has -> (maxelelen, totelelen)."""
    maxelelen = totelelen = 0
    accumulator = dictCreate(setAccumulatorDictType)
    dictExpand(accumulator, zuiLength(src[-1]))     # at least as large as the largest input
    zval = zsetopval()
    # Step 1: element -> aggregated score.
    for op in src:
        if zuiLength(op) == 0:
            continue
        zuiInitIterator(op)
        while zuiNext(op, zval):
            score = op.weight * zval.score
            if score != score:
                score = 0.0
            tmp = zuiSdsFromValue(zval)
            de, existing = dictAddRaw(accumulator, tmp)
            if existing is None:
                totelelen += len(tmp)
                maxelelen = max(maxelelen, len(tmp))
                de.val = score
            else:
                existing.val = zunionInterAggregate(existing.val, score, aggregate)
        zuiClearIterator(op)
    # Step 2: the sorted set.
    dictExpand(dstzset.dict, dictSize(accumulator))
    for de in dict_entries(accumulator):
        zslInsert(dstzset.zsl, de.val, de.key)
        dictAdd(dstzset.dict, de.key, de.val)
    return maxelelen, totelelen


def zunionInterDiffGenericCommand_options(c, j, setnum, src, dstkey, op):
    """Parse WEIGHTS, AGGREGATE, WITHSCORES from argv[j] on -> (ok, aggregate, withscores); not ok: the error is sent."""
    aggregate = REDIS_AGGR_SUM
    withscores = 0
    while j < c.argc:
        remaining = c.argc - j
        opt = c.argv[j].ptr.lower()
        if op != SET_OP_DIFF and remaining >= setnum + 1 and opt == b"weights":
            j += 1
            for i in range(setnum):
                ok, src[i].weight = getDoubleFromObjectOrReply(c, c.argv[j], b"weight value is not a float")
                if ok != C_OK:
                    return False, 0, 0
                j += 1
        elif op != SET_OP_DIFF and remaining >= 2 and opt == b"aggregate":
            how = c.argv[j + 1].ptr.lower()
            if how == b"sum":
                aggregate = REDIS_AGGR_SUM
            elif how == b"min":
                aggregate = REDIS_AGGR_MIN
            elif how == b"max":
                aggregate = REDIS_AGGR_MAX
            else:
                addReplyErrorObject(c, shared.syntaxerr)
                return False, 0, 0
            j += 2
        elif dstkey is None and opt == b"withscores":
            j += 1
            withscores = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return False, 0, 0
    return True, aggregate, withscores


def zunionInterDiffGenericCommand(c, dstkey, numkeysIndex, op):
    """Execute all six commands; dstkey is None for those that reply the result.  `op` is SET_OP_*."""
    ok, setnum = getLongFromObjectOrReply(c, c.argv[numkeysIndex], None)
    if ok != C_OK:
        return
    if setnum < 1:
        addReplyErrorFormat(c, b"at least 1 input key is needed for %s", c.cmd.name)
        return
    if setnum > c.argc - (numkeysIndex + 1):
        addReplyErrorObject(c, shared.syntaxerr)
        return

    src = []
    for j in range(numkeysIndex + 1, numkeysIndex + 1 + setnum):
        obj = lookupKeyWrite(c.db, c.argv[j]) if dstkey is not None else lookupKeyRead(c.db, c.argv[j])
        entry = zsetopsrc()
        if obj is not None:
            if obj.type not in (OBJ_ZSET, OBJ_SET):
                addReplyErrorObject(c, shared.wrongtypeerr)
                return
            entry.subject = obj
            entry.type = obj.type
            entry.encoding = obj.encoding
        src.append(entry)

    ok, aggregate, withscores = zunionInterDiffGenericCommand_options(c, numkeysIndex + 1 + setnum, setnum, src, dstkey, op)
    if not ok:
        return
    if op != SET_OP_DIFF:                   # smallest first: fewer look-ups, a better first guess
        src.sort(key=functools.cmp_to_key(zuiCompareByCardinality))

    dstobj = createZsetObject()
    dstzset = dstobj.ptr
    if op == SET_OP_INTER:
        maxelelen, totelelen = zinter(src, dstzset, aggregate)
    elif op == SET_OP_UNION:
        maxelelen, totelelen = zunion(src, dstzset, aggregate)
    elif op == SET_OP_DIFF:
        maxelelen, totelelen = zdiff(src, dstzset)
    else:
        serverPanic("Unknown operator")

    if dstkey is not None:
        if dstzset.zsl.length:
            zsetConvertToZiplistIfNeeded(dstobj, maxelelen, totelelen)
            setKey(c, c.db, dstkey, dstobj)
            addReplyLongLong(c, zsetLength(dstobj))
            event = b"zunionstore" if op == SET_OP_UNION else b"zinterstore" if op == SET_OP_INTER else b"zdiffstore"
            notifyKeyspaceEvent(NOTIFY_ZSET, event, dstkey, c.db.id)
            server.dirty += 1
        else:
            addReply(c, shared.czero)
            if dbDelete(c.db, dstkey):
                signalModifiedKey(c, c.db, dstkey)
                notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", dstkey, c.db.id)
                server.dirty += 1
        return

    # RESP2 replies a flat array, RESP3 pairs, since a map would not keep the order.
    length = dstzset.zsl.length
    addReplyArrayLen(c, length * 2 if withscores and c.resp == 2 else length)
    zn = dstzset.zsl.header.forward
    while zn is not None:
        if withscores and c.resp > 2:
            addReplyArrayLen(c, 2)
        addReplyBulkCBuffer(c, zn.ele)
        if withscores:
            addReplyDouble(c, zn.score)
        zn = zn.forward


def zunionstoreCommand(c):
    """ZUNIONSTORE dst numkeys key [key ...] [WEIGHTS w ...] [AGGREGATE SUM|MIN|MAX] -> int   [write, denyoom]"""
    zunionInterDiffGenericCommand(c, c.argv[1], 2, SET_OP_UNION)


def zinterstoreCommand(c):
    """ZINTERSTORE dst numkeys key [key ...] [WEIGHTS w ...] [AGGREGATE SUM|MIN|MAX] -> int   [write, denyoom]"""
    zunionInterDiffGenericCommand(c, c.argv[1], 2, SET_OP_INTER)


def zdiffstoreCommand(c):
    """ZDIFFSTORE dst numkeys key [key ...] -> int   [write, denyoom]"""
    zunionInterDiffGenericCommand(c, c.argv[1], 2, SET_OP_DIFF)


def zunionCommand(c):
    """ZUNION numkeys key [key ...] [WEIGHTS w ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES] -> array   [read-only]"""
    zunionInterDiffGenericCommand(c, None, 1, SET_OP_UNION)


def zinterCommand(c):
    """ZINTER numkeys key [key ...] [WEIGHTS w ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES] -> array   [read-only]"""
    zunionInterDiffGenericCommand(c, None, 1, SET_OP_INTER)


def zdiffCommand(c):
    """ZDIFF numkeys key [key ...] [WITHSCORES] -> array   [read-only]"""
    zunionInterDiffGenericCommand(c, None, 1, SET_OP_DIFF)
