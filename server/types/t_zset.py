"""t_zset.py - sorted sets: values, ZADD and its kin.          Mirrors src/t_zset.c (6.2.14)

Lives here   score and lex intervals as arguments; the ZIPLIST encoding (zzl*); the common API (zset*);
             ZADD ZINCRBY ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX.
Parts        datastructs/zskiplist.py   the skiplist                        (C: up to "Ziplist-backed")
             t_zset_ops.py              ZUNION ZINTER ZDIFF and STORE        (C: zui*, zunionInterDiffGenericCommand)
             t_zset_range.py            ZRANGE family, counts, scores, pops, ZRANDMEMBER
Called from  call() [command]; rdb, aof, debug, geo, sort, blocked.
Invariant    ZIPLIST: entries alternate member, score, ordered by (score, member).
             SKIPLIST: a zset whose dict and skiplist hold the same members (zskiplist.py).
Departures   zsetAdd and zsetScore return their out-parameters; the dict's values are the scores.
"""
from math import isnan

from datastructs.dict import (
    DICT_OK, dictAdd, dictCreate, dictExpand, dictFind, dictGetFairRandomKey, dictResize, dictSize, dictUnlink,
    zsetDictType,
)
from datastructs.util import d2string, strtod
from datastructs.zskiplist import (
    maxstring, minstring, sdscmplex, zlexrangespec, zrangespec, zset, zslCreate, zslDelete, zslDeleteRangeByLex,
    zslDeleteRangeByRank, zslDeleteRangeByScore, zslGetRank, zslInsert, zslLexValueGteMin, zslLexValueLteMax,
    zslUpdateScore, zslValueGteMin, zslValueLteMax,
)
from datastructs.ziplist import (
    ZIPLIST_TAIL, ziplistCompare, ziplistDelete, ziplistDeleteRange, ziplistFind, ziplistGet, ziplistIndex,
    ziplistInsert, ziplistLen, ziplistNew, ziplistNext, ziplistPrev, ziplistPush, ziplistRandomPair,
    ziplistSafeToAdd, ziplistValidateIntegrity,
)
from server.client.networking_reply import (
    addReply, addReplyBulkCBuffer, addReplyBulkLongLong, addReplyDouble, addReplyError, addReplyErrorObject,
    addReplyLongLong, addReplyNull,
)
from server.keyspace.db import (
    dbAdd, dbDelete, lookupKeyWrite, lookupKeyWriteOrReply, signalModifiedKey,
)
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverPanic
from server.object import (
    checkType, createObject, createZsetObject, createZsetZiplistObject, getDoubleFromObjectOrReply,
    getLongFromObjectOrReply,
)
from server.server_h import (
    C_ERR, C_OK, NOTIFY_GENERIC, NOTIFY_ZSET, OBJ_ENCODING_INT, OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST,
    OBJ_ZSET, server, shared,
)
from server.server_state import htNeedsResize

# Input flags of zsetAdd ...
ZADD_IN_NONE = 0
ZADD_IN_INCR = 1 << 0              # add to the score instead of setting it
ZADD_IN_NX = 1 << 1                # only new members
ZADD_IN_XX = 1 << 2                # only existing members
ZADD_IN_GT = 1 << 3                # only if the score grows
ZADD_IN_LT = 1 << 4                # only if the score shrinks
# ... and its output flags
ZADD_OUT_NOP = 1 << 0              # a condition forbade it
ZADD_OUT_NAN = 1 << 1              # the score would be NaN
ZADD_OUT_ADDED = 1 << 2
ZADD_OUT_UPDATED = 1 << 3

# Kinds of range
ZRANGE_AUTO = 0
ZRANGE_RANK = 1
ZRANGE_SCORE = 2
ZRANGE_LEX = 3


# ---------------------------------------------------------------------------
# Intervals as arguments
# ---------------------------------------------------------------------------

def parse_bound(o):
    """Parse a score bound, `1.5` or `(1.5` -> (C_OK, value, excluded) or (C_ERR, 0.0, 0)."""
    if o.encoding == OBJ_ENCODING_INT:
        return C_OK, float(o.ptr), 0
    s = bytes(o.ptr)
    excluded = 1 if s[:1] == b"(" else 0
    value, used = strtod(s[excluded:])
    rest = s[excluded + used:excluded + used + 1]
    if rest not in (b"", b"\0") or value != value:
        return C_ERR, 0.0, 0
    return C_OK, value, excluded


def zslParseRange(min_, max_):
    """Parse a score interval -> (C_OK, zrangespec) or (C_ERR, None)."""
    spec = zrangespec()
    ok, spec.min, spec.minex = parse_bound(min_)
    if ok == C_OK:
        ok, spec.max, spec.maxex = parse_bound(max_)
    return (C_OK, spec) if ok == C_OK else (C_ERR, None)


def zslParseLexRangeItem(item):
    """Parse `-`, `+`, `(member` or `[member` -> (C_OK, bound, excluded) or (C_ERR, None, 0)."""
    s = bytes(item.ptr)
    first = s[:1]
    if first == b"+":
        return (C_OK, maxstring, 1) if s[1:2] in (b"", b"\0") else (C_ERR, None, 0)
    if first == b"-":
        return (C_OK, minstring, 1) if s[1:2] in (b"", b"\0") else (C_ERR, None, 0)
    if first == b"(":
        return C_OK, s[1:], 1
    if first == b"[":
        return C_OK, s[1:], 0
    return C_ERR, None, 0


def zslParseLexRange(min_, max_):
    """Parse a lexicographic interval -> (C_OK, zlexrangespec) or (C_ERR, None)."""
    if min_.encoding == OBJ_ENCODING_INT or max_.encoding == OBJ_ENCODING_INT:
        return C_ERR, None
    spec = zlexrangespec()
    ok, spec.min, spec.minex = zslParseLexRangeItem(min_)
    if ok == C_OK:
        ok, spec.max, spec.maxex = zslParseLexRangeItem(max_)
    return (C_OK, spec) if ok == C_OK else (C_ERR, None)


# ---------------------------------------------------------------------------
# Ziplist-backed sorted set API
# ---------------------------------------------------------------------------

def zzlStrtod(s):
    """Score from its text (at most 127 bytes count, as in C)."""
    return strtod(s[:127])[0]


def zzlGetScore(zl, sptr):
    """Return the score at sptr as float."""
    value = ziplistGet(zl, sptr)
    serverAssert(value is not None)
    return float(value) if type(value) is int else zzlStrtod(value)


def ziplistGetObject(zl, sptr):
    """Return the member at sptr as bytes."""
    value = ziplistGet(zl, sptr)
    serverAssert(value is not None)
    return b"%d" % value if type(value) is int else value


def zzlCompareElements(zl, eptr, cstr):
    """Compare the member at eptr with the string `cstr` -> -1, 0, 1."""
    vstr = ziplistGetObject(zl, eptr)
    return (vstr > cstr) - (vstr < cstr)


def zzlLength(zl):
    return ziplistLen(zl) // 2


def zzlNext(zl, eptr, sptr):
    """Return the (eptr, sptr) of the next pair, or (None, None)."""
    eptr = ziplistNext(zl, sptr)
    if eptr is None:
        return None, None
    sptr = ziplistNext(zl, eptr)
    serverAssert(sptr is not None)
    return eptr, sptr


def zzlPrev(zl, eptr, sptr):
    """Return the (eptr, sptr) of the pair before, or (None, None)."""
    sptr = ziplistPrev(zl, eptr)
    if sptr is None:
        return None, None
    eptr = ziplistPrev(zl, sptr)
    serverAssert(eptr is not None)
    return eptr, sptr


def zzlIsInRange(zl, range_):
    """Tell whether any element lies in the interval."""
    if range_.min > range_.max or (range_.min == range_.max and (range_.minex or range_.maxex)):
        return 0
    p = ziplistIndex(zl, -1)                # last score
    if p is None or not zslValueGteMin(zzlGetScore(zl, p), range_):
        return 0
    p = ziplistIndex(zl, 1)                 # first score
    serverAssert(p is not None)
    return 1 if zslValueLteMax(zzlGetScore(zl, p), range_) else 0


def zzlFirstInRange(zl, range_):
    """Find the first member in the interval -> its offset, or None."""
    if not zzlIsInRange(zl, range_):
        return None
    eptr = ziplistIndex(zl, 0)
    while eptr is not None:
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)
        score = zzlGetScore(zl, sptr)
        if zslValueGteMin(score, range_):
            return eptr if zslValueLteMax(score, range_) else None
        eptr = ziplistNext(zl, sptr)
    return None


def zzlLastInRange(zl, range_):
    """Find the last member in the interval -> its offset, or None."""
    if not zzlIsInRange(zl, range_):
        return None
    eptr = ziplistIndex(zl, -2)
    while eptr is not None:
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)
        score = zzlGetScore(zl, sptr)
        if zslValueLteMax(score, range_):
            return eptr if zslValueGteMin(score, range_) else None
        eptr, sptr = zzlPrev(zl, eptr, sptr)
    return None


def zzlLexValueGteMin(zl, p, spec):
    return zslLexValueGteMin(ziplistGetObject(zl, p), spec)


def zzlLexValueLteMax(zl, p, spec):
    return zslLexValueLteMax(ziplistGetObject(zl, p), spec)


def zzlIsInLexRange(zl, range_):
    """Tell whether any element lies in the lexicographic interval."""
    cmp = sdscmplex(range_.min, range_.max)
    if cmp > 0 or (cmp == 0 and (range_.minex or range_.maxex)):
        return 0
    p = ziplistIndex(zl, -2)                # last member
    if p is None or not zzlLexValueGteMin(zl, p, range_):
        return 0
    p = ziplistIndex(zl, 0)
    serverAssert(p is not None)
    return 1 if zzlLexValueLteMax(zl, p, range_) else 0


def zzlFirstInLexRange(zl, range_):
    """Find the first member in the lexicographic interval -> its offset, or None."""
    if not zzlIsInLexRange(zl, range_):
        return None
    eptr = ziplistIndex(zl, 0)
    while eptr is not None:
        if zzlLexValueGteMin(zl, eptr, range_):
            return eptr if zzlLexValueLteMax(zl, eptr, range_) else None
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)
        eptr = ziplistNext(zl, sptr)
    return None


def zzlLastInLexRange(zl, range_):
    """Find the last member in the lexicographic interval -> its offset, or None."""
    if not zzlIsInLexRange(zl, range_):
        return None
    eptr = ziplistIndex(zl, -2)
    while eptr is not None:
        if zzlLexValueLteMax(zl, eptr, range_):
            return eptr if zzlLexValueGteMin(zl, eptr, range_) else None
        eptr, _ = zzlPrev(zl, eptr, None)
    return None


def zzlFind(zl, ele):
    """Find a member -> (eptr, score), or (None, 0.0)."""
    eptr = ziplistFind(zl, ziplistIndex(zl, 0), ele, 1)
    if eptr is None:
        return None, 0.0
    return eptr, zzlGetScore(zl, ziplistNext(zl, eptr))


def zzlDelete(zl, eptr):
    """Delete the member at eptr and its score -> zl."""
    zl, p = ziplistDelete(zl, eptr)
    zl, p = ziplistDelete(zl, p)
    return zl


def zzlInsertAt(zl, eptr, ele, score):
    """Insert the pair before eptr (None: at the tail) -> zl."""
    text = d2string(score)
    if eptr is None:
        zl = ziplistPush(zl, ele, ZIPLIST_TAIL)
        return ziplistPush(zl, text, ZIPLIST_TAIL)
    zl = ziplistInsert(zl, eptr, ele)
    sptr = ziplistNext(zl, eptr)            # the member just inserted is at eptr
    serverAssert(sptr is not None)
    return ziplistInsert(zl, sptr, text)


def zzlInsert(zl, ele, score):
    """Insert a member that is not there yet, at its place in the order -> zl."""
    eptr = ziplistIndex(zl, 0)
    while eptr is not None:
        sptr = ziplistNext(zl, eptr)
        serverAssert(sptr is not None)
        s = zzlGetScore(zl, sptr)
        if s > score:
            # This is the first member with a larger score: insert before it.
            zl = zzlInsertAt(zl, eptr, ele, score)
            break
        if s == score:
            # Members with equal scores are ordered by their bytes.
            if zzlCompareElements(zl, eptr, ele) > 0:
                zl = zzlInsertAt(zl, eptr, ele, score)
                break
        eptr = ziplistNext(zl, sptr)
    if eptr is None:
        zl = zzlInsertAt(zl, None, ele, score)
    return zl


def zzlDeleteRangeByScore(zl, range_):
    """Delete the members in the interval -> (zl, how many)."""
    num = 0
    eptr = zzlFirstInRange(zl, range_)
    if eptr is None:
        return zl, 0
    # At the tail eptr is at the end byte, and ziplistNext returns None.
    sptr = ziplistNext(zl, eptr)
    while sptr is not None and zslValueLteMax(zzlGetScore(zl, sptr), range_):
        zl, eptr = ziplistDelete(zl, eptr)
        zl, eptr = ziplistDelete(zl, eptr)
        num += 1
        sptr = ziplistNext(zl, eptr)
    return zl, num


def zzlDeleteRangeByLex(zl, range_):
    """Delete the members in the lexicographic interval -> (zl, how many)."""
    num = 0
    eptr = zzlFirstInLexRange(zl, range_)
    if eptr is None:
        return zl, 0
    while ziplistNext(zl, eptr) is not None and zzlLexValueLteMax(zl, eptr, range_):
        zl, eptr = ziplistDelete(zl, eptr)
        zl, eptr = ziplistDelete(zl, eptr)
        num += 1
    return zl, num


def zzlDeleteRangeByRank(zl, start, end):
    """Delete the members of ranks start..end, counted from 1, both included -> (zl, how many)."""
    num = end - start + 1
    return ziplistDeleteRange(zl, 2 * (start - 1), 2 * num), num


# ---------------------------------------------------------------------------
# Common sorted set API
# ---------------------------------------------------------------------------

def zsetLength(zobj):
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        return zzlLength(zobj.ptr)
    if zobj.encoding == OBJ_ENCODING_SKIPLIST:
        return zobj.ptr.zsl.length
    return serverPanic("Unknown sorted set encoding")


def zsetConvert(zobj, encoding):
    """Change the encoding in place."""
    if zobj.encoding == encoding:
        return
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        if encoding != OBJ_ENCODING_SKIPLIST:
            serverPanic("Unknown target encoding")
        zl = zobj.ptr
        zs = zset(dictCreate(zsetDictType), zslCreate())
        eptr = ziplistIndex(zl, 0)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        while eptr is not None:
            score = zzlGetScore(zl, sptr)
            ele = ziplistGetObject(zl, eptr)
            zslInsert(zs.zsl, score, ele)
            serverAssert(dictAdd(zs.dict, ele, score) == DICT_OK)
            eptr, sptr = zzlNext(zl, eptr, sptr)
        zobj.ptr = zs
        zobj.encoding = OBJ_ENCODING_SKIPLIST
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        if encoding != OBJ_ENCODING_ZIPLIST:
            serverPanic("Unknown target encoding")
        zl = ziplistNew()
        node = zobj.ptr.zsl.header.forward
        while node is not None:
            zl = zzlInsertAt(zl, None, node.ele, node.score)
            node = node.forward
        zobj.ptr = zl                                   # C: zslFree; here the destructor of the skiplist cuts its links
        zobj.encoding = OBJ_ENCODING_ZIPLIST
    else:
        serverPanic("Unknown sorted set encoding")


def zsetConvertToZiplistIfNeeded(zobj, maxelelen, totelelen):
    """Convert to a ziplist when length, longest member and total size allow it."""
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        return
    if (zobj.ptr.zsl.length <= server.zset_max_ziplist_entries and maxelelen <= server.zset_max_ziplist_value
            and ziplistSafeToAdd(None, totelelen)):
        zsetConvert(zobj, OBJ_ENCODING_ZIPLIST)


def zsetScore(zobj, member):
    """Return (C_OK, score), or (C_ERR, 0.0) when the set or the member is missing."""
    if zobj is None or member is None:
        return C_ERR, 0.0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        eptr, score = zzlFind(zobj.ptr, member)
        return (C_ERR, 0.0) if eptr is None else (C_OK, score)
    if zobj.encoding == OBJ_ENCODING_SKIPLIST:
        de = dictFind(zobj.ptr.dict, member)
        return (C_ERR, 0.0) if de is None else (C_OK, de.val)
    return serverPanic("Unknown sorted set encoding")


def zsetAdd(zobj, score, ele, in_flags):
    """Add a member or change its score -> (ok, out_flags, newscore).

    in_flags are ZADD_IN_*, out_flags ZADD_OUT_*.  ok is 0 only when the score is, or would become, NaN.
    newscore is None when nothing was done.  The set may change from ZIPLIST to SKIPLIST.
    """
    incr = in_flags & ZADD_IN_INCR
    nx = in_flags & ZADD_IN_NX
    xx = in_flags & ZADD_IN_XX
    gt = in_flags & ZADD_IN_GT
    lt = in_flags & ZADD_IN_LT
    out_flags = 0
    if isnan(score):
        return 0, ZADD_OUT_NAN, None

    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        eptr, curscore = zzlFind(zobj.ptr, ele)
        if eptr is not None:
            if nx:
                return 1, ZADD_OUT_NOP, None
            if incr:
                score += curscore
                if isnan(score):
                    return 0, ZADD_OUT_NAN, None
            if (lt and score >= curscore) or (gt and score <= curscore):
                return 1, ZADD_OUT_NOP, None
            if score != curscore:
                zobj.ptr = zzlDelete(zobj.ptr, eptr)
                zobj.ptr = zzlInsert(zobj.ptr, ele, score)
                out_flags |= ZADD_OUT_UPDATED
            return 1, out_flags, score
        if xx:
            return 1, ZADD_OUT_NOP, None
        # Convert before the insertion if the list becomes too long or the member is too long for it.
        if (zzlLength(zobj.ptr) + 1 > server.zset_max_ziplist_entries or len(ele) > server.zset_max_ziplist_value
                or not ziplistSafeToAdd(zobj.ptr, len(ele))):
            zsetConvert(zobj, OBJ_ENCODING_SKIPLIST)
        else:
            zobj.ptr = zzlInsert(zobj.ptr, ele, score)
            return 1, ZADD_OUT_ADDED, score

    # A ziplist has either been handled above or been converted.
    if zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zs = zobj.ptr
        de = dictFind(zs.dict, ele)
        if de is not None:
            if nx:
                return 1, ZADD_OUT_NOP, None
            curscore = de.val
            if incr:
                score += curscore
                if isnan(score):
                    return 0, ZADD_OUT_NAN, None
            if (lt and score >= curscore) or (gt and score <= curscore):
                return 1, ZADD_OUT_NOP, None
            if score != curscore:
                zslUpdateScore(zs.zsl, curscore, ele, score)
                de.val = score
                out_flags |= ZADD_OUT_UPDATED
            return 1, out_flags, score
        if xx:
            return 1, ZADD_OUT_NOP, None
        zslInsert(zs.zsl, score, ele)
        serverAssert(dictAdd(zs.dict, ele, score) == DICT_OK)
        return 1, ZADD_OUT_ADDED, score
    return serverPanic("Unknown sorted set encoding")


def zsetRemoveFromSkiplist(zs, ele):
    """Remove a member from dict and skiplist, without resizing the dict -> 1 if it was there."""
    de = dictUnlink(zs.dict, ele)
    if de is None:
        return 0
    retval = zslDelete(zs.zsl, de.val, ele)
    serverAssert(retval)
    return 1


def zsetDel(zobj, ele):
    """Remove a member -> 1 if it was there."""
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        eptr, _ = zzlFind(zobj.ptr, ele)
        if eptr is not None:
            zobj.ptr = zzlDelete(zobj.ptr, eptr)
            return 1
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zs = zobj.ptr
        if zsetRemoveFromSkiplist(zs, ele):
            if htNeedsResize(zs.dict):
                dictResize(zs.dict)
            return 1
    else:
        serverPanic("Unknown sorted set encoding")
    return 0


def zsetRank(zobj, ele, reverse):
    """Find the rank of a member, counted from 0 (reverse: from the highest score) -> rank or -1."""
    llen = zsetLength(zobj)
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = ziplistIndex(zl, 0)
        serverAssert(eptr is not None)
        sptr = ziplistNext(zl, eptr)
        rank = 1
        while eptr is not None:
            if ziplistCompare(zl, eptr, ele):
                return llen - rank if reverse else rank - 1
            rank += 1
            eptr, sptr = zzlNext(zl, eptr, sptr)
        return -1
    if zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zs = zobj.ptr
        de = dictFind(zs.dict, ele)
        if de is None:
            return -1
        rank = zslGetRank(zs.zsl, de.val, ele)
        serverAssert(rank != 0)
        return llen - rank if reverse else rank - 1
    return serverPanic("Unknown sorted set encoding")


def zsetDup(o):
    """Return a copy with the same encoding (COPY)."""
    serverAssert(o.type == OBJ_ZSET)
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        zobj = createObject(OBJ_ZSET, bytearray(o.ptr))
        zobj.encoding = OBJ_ENCODING_ZIPLIST
        return zobj
    if o.encoding == OBJ_ENCODING_SKIPLIST:
        zobj = createZsetObject()
        zs = zobj.ptr
        dictExpand(zs.dict, dictSize(o.ptr.dict))
        # Insert from the greatest score down: each insert then stops at the head at once.
        ln = o.ptr.zsl.tail
        while ln is not None:
            zslInsert(zs.zsl, ln.score, ln.ele)
            dictAdd(zs.dict, ln.ele, ln.score)
            ln = ln.backward
        return zobj
    return serverPanic("Unknown sorted set encoding")


class zset_integrity:
    """What the validation of a ziplist has seen so far."""
    __slots__ = ("count", "fields")

    def __init__(self):
        self.count = 0             # entries
        self.fields = set()        # members


def zset_validate_entry(zl, p, data):
    """Entry callback: every member may come only once."""
    if data.count & 1 == 0:
        value = ziplistGet(zl, p)
        if value is None:
            return 0
        field = b"%d" % value if type(value) is int else value
        if field in data.fields:
            return 0
        data.fields.add(field)
    data.count += 1
    return 1


def zsetZiplistValidateIntegrity(zl, size, deep):
    """Check a blob that is to be a sorted set -> 1 or 0.  `deep` checks every entry, and that no member comes twice."""
    if not deep:
        return ziplistValidateIntegrity(zl, size, 0)
    data = zset_integrity()
    ok = ziplistValidateIntegrity(zl, size, 1, zset_validate_entry, data)
    return 0 if data.count & 1 else ok


def zsetSdsFromZiplistEntry(e):
    """Return a ziplist value (bytes or int) as bytes."""
    return b"%d" % e if type(e) is int else e


def zsetReplyFromZiplistEntry(c, e):
    if type(e) is int:
        addReplyBulkLongLong(c, e)
    else:
        addReplyBulkCBuffer(c, e)


def zsetTypeRandomElement(zsetobj, zsetsize):
    """Return a random (member, score) of a set that is not empty; the member is bytes or int."""
    if zsetobj.encoding == OBJ_ENCODING_SKIPLIST:
        de = dictGetFairRandomKey(zsetobj.ptr.dict)
        return de.key, de.val
    if zsetobj.encoding == OBJ_ENCODING_ZIPLIST:
        key, val = ziplistRandomPair(zsetobj.ptr, zsetsize)
        return key, float(val) if type(val) is int else zzlStrtod(val)
    return serverPanic("Unknown zset encoding")


# ---------------------------------------------------------------------------
# Sorted set commands
# ---------------------------------------------------------------------------

def zaddGenericCommand(c, flags):
    """ZADD and ZINCRBY.  All scores are parsed before anything is added: the command runs whole or not at all."""
    key = c.argv[1]
    ch = added = updated = processed = 0
    score = 0.0

    # The options: after them scoreidx is the position of the first score.
    scoreidx = 2
    while scoreidx < c.argc:
        opt = c.argv[scoreidx].ptr.lower()
        if opt == b"nx":
            flags |= ZADD_IN_NX
        elif opt == b"xx":
            flags |= ZADD_IN_XX
        elif opt == b"ch":
            ch = 1                          # reply the number of members added or updated
        elif opt == b"incr":
            flags |= ZADD_IN_INCR
        elif opt == b"gt":
            flags |= ZADD_IN_GT
        elif opt == b"lt":
            flags |= ZADD_IN_LT
        else:
            break
        scoreidx += 1
    incr = flags & ZADD_IN_INCR
    nx = flags & ZADD_IN_NX
    xx = flags & ZADD_IN_XX
    gt = flags & ZADD_IN_GT
    lt = flags & ZADD_IN_LT

    elements = c.argc - scoreidx
    if elements % 2 or not elements:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    elements //= 2
    if nx and xx:
        addReplyError(c, b"XX and NX options at the same time are not compatible")
        return
    if (gt and nx) or (lt and nx) or (gt and lt):
        addReplyError(c, b"GT, LT, and/or NX options at the same time are not compatible")
        return
    if incr and elements > 1:
        addReplyError(c, b"INCR option supports a single increment-element pair")
        return
    scores = []
    for j in range(elements):
        ok, score = getDoubleFromObjectOrReply(c, c.argv[scoreidx + j * 2], None)
        if ok != C_OK:
            return
        scores.append(score)

    zobj = lookupKeyWrite(c.db, key)
    if checkType(c, zobj, OBJ_ZSET):
        return
    try:
        if zobj is not None or not xx:      # with XX and no key there is nothing to do
            if zobj is None:
                if server.zset_max_ziplist_entries == 0 or server.zset_max_ziplist_value < len(c.argv[scoreidx + 1].ptr):
                    zobj = createZsetObject()
                else:
                    zobj = createZsetZiplistObject()
                dbAdd(c.db, key, zobj)
            for j in range(elements):
                ele = c.argv[scoreidx + 1 + j * 2].ptr
                retval, retflags, score = zsetAdd(zobj, scores[j], ele, flags)
                if retval == 0:
                    addReplyError(c, b"resulting score is not a number (NaN)")
                    return
                if retflags & ZADD_OUT_ADDED:
                    added += 1
                if retflags & ZADD_OUT_UPDATED:
                    updated += 1
                if not retflags & ZADD_OUT_NOP:
                    processed += 1
            server.dirty += added + updated
        if incr:                            # ZINCRBY, or ZADD with INCR
            if processed:
                addReplyDouble(c, score)
            else:
                addReplyNull(c)
        else:
            addReplyLongLong(c, added + updated if ch else added)
    finally:
        # C: the label cleanup, which is also reached after an error.
        if added or updated:
            signalModifiedKey(c, c.db, key)
            notifyKeyspaceEvent(NOTIFY_ZSET, b"zincr" if incr else b"zadd", key, c.db.id)


def zaddCommand(c):
    """ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...] -> int, or double|nil with INCR   [write, denyoom, fast]"""
    zaddGenericCommand(c, ZADD_IN_NONE)


def zincrbyCommand(c):
    """ZINCRBY key increment member -> double   [write, denyoom, fast]"""
    zaddGenericCommand(c, ZADD_IN_INCR)


def zremCommand(c):
    """ZREM key member [member ...] -> int   [write, fast]"""
    key = c.argv[1]
    zobj = lookupKeyWriteOrReply(c, key, shared.czero)
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    deleted = keyremoved = 0
    for j in range(2, c.argc):
        if zsetDel(zobj, c.argv[j].ptr):
            deleted += 1
        if zsetLength(zobj) == 0:
            dbDelete(c.db, key)
            keyremoved = 1
            break
    if deleted:
        notifyKeyspaceEvent(NOTIFY_ZSET, b"zrem", key, c.db.id)
        if keyremoved:
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        signalModifiedKey(c, c.db, key)
        server.dirty += deleted
    addReplyLongLong(c, deleted)


def zremrangeGenericCommand(c, rangetype):
    """ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX."""
    key = c.argv[1]
    range_ = None
    start = end = 0

    # Step 1: parse the range.
    if rangetype == ZRANGE_RANK:
        notify_type = b"zremrangebyrank"
        ok, start = getLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return
        ok, end = getLongFromObjectOrReply(c, c.argv[3], None)
        if ok != C_OK:
            return
    elif rangetype == ZRANGE_SCORE:
        notify_type = b"zremrangebyscore"
        ok, range_ = zslParseRange(c.argv[2], c.argv[3])
        if ok != C_OK:
            addReplyError(c, b"min or max is not a float")
            return
    elif rangetype == ZRANGE_LEX:
        notify_type = b"zremrangebylex"
        ok, range_ = zslParseLexRange(c.argv[2], c.argv[3])
        if ok != C_OK:
            addReplyError(c, b"min or max not valid string range item")
            return
    else:
        serverPanic("unknown rangetype %d", rangetype)

    # Step 2: look up the key, and limit the ranks to its length.
    zobj = lookupKeyWriteOrReply(c, key, shared.czero)
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    if rangetype == ZRANGE_RANK:
        llen = zsetLength(zobj)
        if start < 0:
            start += llen
        if end < 0:
            end += llen
        if start < 0:
            start = 0
        if start > end or start >= llen:    # also true when end < 0
            addReply(c, shared.czero)
            return
        if end >= llen:
            end = llen - 1

    # Step 3: delete.
    keyremoved = 0
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        if rangetype == ZRANGE_RANK:
            zobj.ptr, deleted = zzlDeleteRangeByRank(zobj.ptr, start + 1, end + 1)
        elif rangetype == ZRANGE_SCORE:
            zobj.ptr, deleted = zzlDeleteRangeByScore(zobj.ptr, range_)
        else:
            zobj.ptr, deleted = zzlDeleteRangeByLex(zobj.ptr, range_)
        if zzlLength(zobj.ptr) == 0:
            dbDelete(c.db, key)
            keyremoved = 1
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        zs = zobj.ptr
        if rangetype == ZRANGE_RANK:
            deleted = zslDeleteRangeByRank(zs.zsl, start + 1, end + 1, zs.dict)
        elif rangetype == ZRANGE_SCORE:
            deleted = zslDeleteRangeByScore(zs.zsl, range_, zs.dict)
        else:
            deleted = zslDeleteRangeByLex(zs.zsl, range_, zs.dict)
        if htNeedsResize(zs.dict):
            dictResize(zs.dict)
        if dictSize(zs.dict) == 0:
            dbDelete(c.db, key)
            keyremoved = 1
    else:
        serverPanic("Unknown sorted set encoding")

    # Step 4: notify and reply.
    if deleted:
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_ZSET, notify_type, key, c.db.id)
        if keyremoved:
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
    server.dirty += deleted
    addReplyLongLong(c, deleted)


def zremrangebyrankCommand(c):
    """ZREMRANGEBYRANK key start stop -> int   [write]"""
    zremrangeGenericCommand(c, ZRANGE_RANK)


def zremrangebyscoreCommand(c):
    """ZREMRANGEBYSCORE key min max -> int   [write]"""
    zremrangeGenericCommand(c, ZRANGE_SCORE)


def zremrangebylexCommand(c):
    """ZREMRANGEBYLEX key min max -> int   [write]"""
    zremrangeGenericCommand(c, ZRANGE_LEX)
