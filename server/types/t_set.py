"""t_set.py - sets.                                           Mirrors src/t_set.c (6.2.14)

Lives here   SADD SREM SMOVE SISMEMBER SMISMEMBER SCARD SPOP SRANDMEMBER SINTER(STORE) SUNION(STORE) SDIFF(STORE) SSCAN;
             the encoding-blind API setType*.
Called from  call() [command]; rdb, aof, debug, sort.
Invariant    INTSET while every member is an integer and there are at most set-max-intset-entries of them; then HT, for good.
             HT: a dict_ of bytes -> None.
Departures   setTypeNext(si) -> (encoding, bytes|None, int): encoding -1 at the end.  setTypeRandomElement likewise.
"""
import functools

from datastructs.dict import (
    DICT_OK, dict_entries, dictAdd, dictAddRaw, dictCreate, dictDelete, dictExpand, dictFind,
    dictGetFairRandomKey, dictGetIterator, dictGetRandomKey, dictNext, dictReleaseIterator, dictResize, dictSize,
    dictUnlink, sdsReplyDictType, setDictType,
)
from datastructs.intset import intsetAdd, intsetFind, intsetGet, intsetLen, intsetRandom, intsetRemove
from datastructs.util import LONG_MAX
from server.client.networking import rewriteClientCommandVector
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkLongLong, addReplyBulkSds,
    addReplyDeferredLen, addReplyErrorObject, addReplyLongLong, addReplySetLen, setDeferredSetLen,
)
from server.keyspace.db import (
    dbAdd, dbDelete, dbOverwrite, lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, lookupKeyWriteOrReply, setKey,
    signalModifiedKey,
)
from server.keyspace.db_scan import parseScanCursorOrReply, scanGenericCommand
from server.keyspace.lazyfree import freeObjAsync
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverAssertWithInfo, serverPanic
from server.object import (
    checkType, createIntsetObject, createObject, createSetObject, createStringObject,
    createStringObjectFromLongLong, getPositiveLongFromObjectOrReply, getRangeLongFromObjectOrReply,
    isSdsRepresentableAsLongLong,
)
from server.op_array import alsoPropagate, preventCommandPropagation
from server.server_h import (
    C_ERR, C_OK, CLIENT_CLOSE_ASAP, NOTIFY_GENERIC, NOTIFY_SET, OBJ_ENCODING_HT, OBJ_ENCODING_INTSET, OBJ_SET,
    PROPAGATE_AOF, PROPAGATE_REPL, SET_OP_DIFF, SET_OP_UNION, server, shared,
)
from server.server_state import htNeedsResize


class setTypeIterator:
    """Walk over a set of either encoding.  The set must not change meanwhile."""
    __slots__ = ("subject", "encoding", "ii", "di")

    def __init__(self, subject):
        self.subject = subject
        self.encoding = subject.encoding
        self.ii = 0                # INTSET: next index
        self.di = None             # HT: dictIterator


def setTypeCreate(value):
    """Create an empty set that can hold `value`: an intset if it is an integer -> object."""
    if isSdsRepresentableAsLongLong(value)[0] == C_OK:
        return createIntsetObject()
    return createSetObject()


def setTypeAdd(subject, value):
    """Add a member -> 1, or 0 if it was there.  May change the encoding."""
    if subject.encoding == OBJ_ENCODING_HT:
        de, _ = dictAddRaw(subject.ptr, value)
        return 1 if de is not None else 0
    if subject.encoding == OBJ_ENCODING_INTSET:
        retval, llval = isSdsRepresentableAsLongLong(value)
        if retval == C_OK:
            subject.ptr, success = intsetAdd(subject.ptr, llval)
            if success:
                # An intset cannot have more than 1G entries, even if the config allows it.
                if intsetLen(subject.ptr) > min(server.set_max_intset_entries, 1 << 30):
                    setTypeConvert(subject, OBJ_ENCODING_HT)
                return 1
            return 0
        setTypeConvert(subject, OBJ_ENCODING_HT)
        serverAssert(dictAdd(subject.ptr, value, None) == DICT_OK)
        return 1
    return serverPanic("Unknown set encoding")


def setTypeRemove(setobj, value):
    """Remove a member -> 1, or 0 if it was not there."""
    if setobj.encoding == OBJ_ENCODING_HT:
        if dictDelete(setobj.ptr, value) == DICT_OK:
            if htNeedsResize(setobj.ptr):
                dictResize(setobj.ptr)
            return 1
        return 0
    if setobj.encoding == OBJ_ENCODING_INTSET:
        retval, llval = isSdsRepresentableAsLongLong(value)
        if retval == C_OK:
            setobj.ptr, success = intsetRemove(setobj.ptr, llval)
            return 1 if success else 0
        return 0
    return serverPanic("Unknown set encoding")


def setTypeIsMember(subject, value):
    if subject.encoding == OBJ_ENCODING_HT:
        return 1 if dictFind(subject.ptr, value) is not None else 0
    if subject.encoding == OBJ_ENCODING_INTSET:
        retval, llval = isSdsRepresentableAsLongLong(value)
        return intsetFind(subject.ptr, llval) if retval == C_OK else 0
    return serverPanic("Unknown set encoding")


def setTypeInitIterator(subject):
    """Return a setTypeIterator; give it back with setTypeReleaseIterator."""
    si = setTypeIterator(subject)
    if si.encoding == OBJ_ENCODING_HT:
        si.di = dictGetIterator(subject.ptr)
    elif si.encoding != OBJ_ENCODING_INTSET:
        serverPanic("Unknown set encoding")
    return si


def setTypeReleaseIterator(si):
    if si.encoding == OBJ_ENCODING_HT:
        dictReleaseIterator(si.di)


def setTypeNext(si):
    """Step on -> (encoding, bytes, 0) for HT, (encoding, None, int) for INTSET, (-1, None, 0) at the end."""
    if si.encoding == OBJ_ENCODING_HT:
        de = dictNext(si.di)
        if de is None:
            return -1, None, 0
        return OBJ_ENCODING_HT, de.key, 0
    ok, llele = intsetGet(si.subject.ptr, si.ii)
    if not ok:
        return -1, None, 0
    si.ii += 1
    return OBJ_ENCODING_INTSET, None, llele


def setTypeNextObject(si):
    """Step on -> the member as bytes, or None at the end."""
    encoding, sdsele, llele = setTypeNext(si)
    if encoding == -1:
        return None
    return sdsele if encoding == OBJ_ENCODING_HT else b"%d" % llele


def setTypeRandomElement(setobj):
    """Return a random member of a set that is not empty, in the form of setTypeNext."""
    if setobj.encoding == OBJ_ENCODING_HT:
        return OBJ_ENCODING_HT, dictGetFairRandomKey(setobj.ptr).key, 0
    if setobj.encoding == OBJ_ENCODING_INTSET:
        return OBJ_ENCODING_INTSET, None, intsetRandom(setobj.ptr)
    return serverPanic("Unknown set encoding")


def setTypeSize(subject):
    if subject.encoding == OBJ_ENCODING_HT:
        return dictSize(subject.ptr)
    if subject.encoding == OBJ_ENCODING_INTSET:
        return intsetLen(subject.ptr)
    return serverPanic("Unknown set encoding")


def setTypeConvert(setobj, enc):
    """Change an INTSET into an HT in place; there is no way back."""
    serverAssertWithInfo(None, setobj, setobj.type == OBJ_SET and setobj.encoding == OBJ_ENCODING_INTSET)
    if enc != OBJ_ENCODING_HT:
        serverPanic("Unsupported set conversion")
    d = dictCreate(setDictType)
    dictExpand(d, intsetLen(setobj.ptr))    # avoids rehashing during the conversion
    si = setTypeInitIterator(setobj)
    encoding, _, intele = setTypeNext(si)
    while encoding != -1:
        serverAssert(dictAdd(d, b"%d" % intele, None) == DICT_OK)
        encoding, _, intele = setTypeNext(si)
    setTypeReleaseIterator(si)
    setobj.encoding = OBJ_ENCODING_HT
    setobj.ptr = d


def setTypeDup(o):
    """Return a copy with the same encoding (COPY)."""
    serverAssert(o.type == OBJ_SET)
    if o.encoding == OBJ_ENCODING_INTSET:
        set_ = createObject(OBJ_SET, bytearray(o.ptr))
        set_.encoding = OBJ_ENCODING_INTSET
        return set_
    if o.encoding == OBJ_ENCODING_HT:
        set_ = createSetObject()
        dictExpand(set_.ptr, dictSize(o.ptr))
        si = setTypeInitIterator(o)
        encoding, elesds, _ = setTypeNext(si)
        while encoding != -1:
            setTypeAdd(set_, elesds)
            encoding, elesds, _ = setTypeNext(si)
        setTypeReleaseIterator(si)
        return set_
    return serverPanic("Unknown set encoding")


def reply_member(c, encoding, sdsele, llele):
    """Send a member as setTypeNext gave it."""
    if encoding == OBJ_ENCODING_INTSET:
        addReplyBulkLongLong(c, llele)
    else:
        addReplyBulkCBuffer(c, sdsele)


def saddCommand(c):
    """SADD key member [member ...] -> int   [write, denyoom, fast]"""
    key = c.argv[1]
    set_ = lookupKeyWrite(c.db, key)
    if checkType(c, set_, OBJ_SET):
        return
    if set_ is None:
        set_ = setTypeCreate(c.argv[2].ptr)
        dbAdd(c.db, key, set_)
    added = 0
    for j in range(2, c.argc):
        if setTypeAdd(set_, c.argv[j].ptr):
            added += 1
    if added:
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_SET, b"sadd", key, c.db.id)
    server.dirty += added
    addReplyLongLong(c, added)


def sremCommand(c):
    """SREM key member [member ...] -> int   [write, fast]"""
    key = c.argv[1]
    set_ = lookupKeyWriteOrReply(c, key, shared.czero)
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    deleted = keyremoved = 0
    for j in range(2, c.argc):
        if setTypeRemove(set_, c.argv[j].ptr):
            deleted += 1
            if setTypeSize(set_) == 0:
                dbDelete(c.db, key)
                keyremoved = 1
                break
    if deleted:
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_SET, b"srem", key, c.db.id)
        if keyremoved:
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        server.dirty += deleted
    addReplyLongLong(c, deleted)


def smoveCommand(c):
    """SMOVE source destination member -> int   [write, fast]"""
    srcset = lookupKeyWrite(c.db, c.argv[1])
    dstset = lookupKeyWrite(c.db, c.argv[2])
    ele = c.argv[3]
    if srcset is None:
        addReply(c, shared.czero)
        return
    if checkType(c, srcset, OBJ_SET) or checkType(c, dstset, OBJ_SET):
        return
    if srcset is dstset:                    # nothing to do
        addReply(c, shared.cone if setTypeIsMember(srcset, ele.ptr) else shared.czero)
        return
    if not setTypeRemove(srcset, ele.ptr):
        addReply(c, shared.czero)
        return
    notifyKeyspaceEvent(NOTIFY_SET, b"srem", c.argv[1], c.db.id)
    if setTypeSize(srcset) == 0:
        dbDelete(c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", c.argv[1], c.db.id)
    if dstset is None:
        dstset = setTypeCreate(ele.ptr)
        dbAdd(c.db, c.argv[2], dstset)
    signalModifiedKey(c, c.db, c.argv[1])
    server.dirty += 1
    if setTypeAdd(dstset, ele.ptr):         # the second key changes only if the member is new there
        server.dirty += 1
        signalModifiedKey(c, c.db, c.argv[2])
        notifyKeyspaceEvent(NOTIFY_SET, b"sadd", c.argv[2], c.db.id)
    addReply(c, shared.cone)


def sismemberCommand(c):
    """SISMEMBER key member -> int   [read-only, fast]"""
    set_ = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    addReply(c, shared.cone if setTypeIsMember(set_, c.argv[2].ptr) else shared.czero)


def smismemberCommand(c):
    """SMISMEMBER key member [member ...] -> array of int   [read-only, fast]"""
    set_ = lookupKeyRead(c.db, c.argv[1])   # a missing key is an empty set
    if set_ is not None and checkType(c, set_, OBJ_SET):
        return
    addReplyArrayLen(c, c.argc - 2)
    for j in range(2, c.argc):
        addReply(c, shared.cone if set_ is not None and setTypeIsMember(set_, c.argv[j].ptr) else shared.czero)


def scardCommand(c):
    """SCARD key -> int   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_SET):
        return
    addReplyLongLong(c, setTypeSize(o))


# SPOP with a count moves the rest to a new set if the rest is this many times smaller than the count.
SPOP_MOVE_STRATEGY_MUL = 5


def spopWithCountCommand(c):
    """SPOP key count.  Propagated as DEL, or as one SREM a member."""
    key = c.argv[1]
    ok, count = getPositiveLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    set_ = lookupKeyWriteOrReply(c, key, shared.emptyset[c.resp])
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    if count == 0:
        addReply(c, shared.emptyset[c.resp])
        return
    size = setTypeSize(set_)
    notifyKeyspaceEvent(NOTIFY_SET, b"spop", key, c.db.id)
    server.dirty += size if count >= size else count

    # CASE 1: the count is at least the size: reply all members, and delete the key.
    if count >= size:
        sunionDiffGenericCommand(c, c.argv[1:2], 1, None, SET_OP_UNION)
        dbDelete(c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        rewriteClientCommandVector(c, shared.del_, key)
        signalModifiedKey(c, c.db, key)
        return

    addReplySetLen(c, count)
    remaining = size - count
    if remaining * SPOP_MOVE_STRATEGY_MUL > count:
        # CASE 2: the count is a small part of the set: draw and remove one member after the other.
        while count:
            count -= 1
            encoding, sdsele, llele = setTypeRandomElement(set_)
            reply_member(c, encoding, sdsele, llele)
            if encoding == OBJ_ENCODING_INTSET:
                objele = createStringObjectFromLongLong(llele)
                set_.ptr, _ = intsetRemove(set_.ptr, llele)
            else:
                objele = createStringObject(sdsele)
                setTypeRemove(set_, sdsele)
            alsoPropagate(server.sremCommand, c.db.id, [shared.srem, key, objele], PROPAGATE_AOF | PROPAGATE_REPL)
    else:
        # CASE 3: the count is most of the set: move the members that stay into a new set, and reply the rest of the old one.
        newset = None
        while remaining:
            remaining -= 1
            encoding, sdsele, llele = setTypeRandomElement(set_)
            if encoding == OBJ_ENCODING_INTSET:
                sdsele = b"%d" % llele
            if newset is None:
                newset = setTypeCreate(sdsele)
            setTypeAdd(newset, sdsele)
            setTypeRemove(set_, sdsele)
        si = setTypeInitIterator(set_)
        while True:
            encoding, sdsele, llele = setTypeNext(si)
            if encoding == -1:
                break
            reply_member(c, encoding, sdsele, llele)
            objele = createStringObjectFromLongLong(llele) if encoding == OBJ_ENCODING_INTSET else createStringObject(sdsele)
            alsoPropagate(server.sremCommand, c.db.id, [shared.srem, key, objele], PROPAGATE_AOF | PROPAGATE_REPL)
        setTypeReleaseIterator(si)
        dbOverwrite(c.db, key, newset)

    # The SREMs propagate the change; SPOP itself is not propagated, since it is random.
    preventCommandPropagation(c)
    signalModifiedKey(c, c.db, key)


def spopCommand(c):
    """SPOP key [count] -> bulk|nil, or set   [write, random, fast]"""
    if c.argc == 3:
        spopWithCountCommand(c)
        return
    if c.argc > 3:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    key = c.argv[1]
    set_ = lookupKeyWriteOrReply(c, key, shared.null[c.resp])
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    encoding, sdsele, llele = setTypeRandomElement(set_)
    if encoding == OBJ_ENCODING_INTSET:
        ele = createStringObjectFromLongLong(llele)
        set_.ptr, _ = intsetRemove(set_.ptr, llele)
    else:
        ele = createStringObject(sdsele)
        setTypeRemove(set_, sdsele)
    notifyKeyspaceEvent(NOTIFY_SET, b"spop", key, c.db.id)
    # Propagate the chosen member as SREM.
    rewriteClientCommandVector(c, shared.srem, key, ele)
    addReplyBulk(c, ele)
    if setTypeSize(set_) == 0:
        dbDelete(c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
    signalModifiedKey(c, c.db, key)
    server.dirty += 1


# If the set is smaller than this many times the count, copy it and remove random members instead of sampling.
SRANDMEMBER_SUB_STRATEGY_MUL = 3


def srandmemberWithCountCommand(c):
    """SRANDMEMBER key count; negative: repeats allowed."""
    ok, l = getRangeLongFromObjectOrReply(c, c.argv[2], -LONG_MAX, LONG_MAX, None)
    if ok != C_OK:
        return
    uniq = l >= 0
    count = abs(l)
    set_ = lookupKeyReadOrReply(c, c.argv[1], shared.emptyarray)
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    size = setTypeSize(set_)
    if count == 0:
        addReply(c, shared.emptyarray)
        return

    # CASE 1: repeats are allowed, or the count is 1: draw one after the other.  Only this case guarantees a random order.
    if not uniq or count == 1:
        addReplyArrayLen(c, count)
        while count:
            count -= 1
            reply_member(c, *setTypeRandomElement(set_))
            if c.flags & CLIENT_CLOSE_ASAP:
                break
        return

    # CASE 2: the count is at least the size: reply the whole set.
    if count >= size:
        addReplyArrayLen(c, size)
        si = setTypeInitIterator(set_)
        while True:
            encoding, sdsele, llele = setTypeNext(si)
            if encoding == -1:
                break
            reply_member(c, encoding, sdsele, llele)
            size -= 1
        setTypeReleaseIterator(si)
        serverAssert(size == 0)
        return

    d = dictCreate(sdsReplyDictType)
    if count * SRANDMEMBER_SUB_STRATEGY_MUL > size:
        # CASE 3: the count is most of the set: copy all members, then remove random ones.
        dictExpand(d, size)
        si = setTypeInitIterator(set_)
        ele = setTypeNextObject(si)
        while ele is not None:
            serverAssert(dictAdd(d, ele, None) == DICT_OK)
            ele = setTypeNextObject(si)
        setTypeReleaseIterator(si)
        serverAssert(dictSize(d) == size)
        while size > count:
            dictUnlink(d, dictGetRandomKey(d).key)
            size -= 1
    else:
        # CASE 4: the count is a small part of the set: draw until enough different members were found.
        dictExpand(d, count)
        added = 0
        while added < count:
            encoding, sdsele, llele = setTypeRandomElement(set_)
            if encoding == OBJ_ENCODING_INTSET:
                sdsele = b"%d" % llele
            if dictAdd(d, sdsele, None) == DICT_OK:
                added += 1
    addReplyArrayLen(c, count)
    for de in dict_entries(d):
        addReplyBulkSds(c, de.key)


def srandmemberCommand(c):
    """SRANDMEMBER key [count] -> bulk|nil, or array   [read-only, random]"""
    if c.argc == 3:
        srandmemberWithCountCommand(c)
        return
    if c.argc > 3:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    set_ = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    reply_member(c, *setTypeRandomElement(set_))


def qsortCompareSetsByCardinality(s1, s2):
    first, second = setTypeSize(s1), setTypeSize(s2)
    return (first > second) - (first < second)


def qsortCompareSetsByRevCardinality(o1, o2):
    """Largest first; None counts as an empty set."""
    first = setTypeSize(o1) if o1 is not None else 0
    second = setTypeSize(o2) if o2 is not None else 0
    return (first < second) - (first > second)


def lookup_sets(c, setkeys, setnum, dstkey):
    """Return the sets behind the keys (None where there is no key), or None after a WRONGTYPE reply."""
    sets = []
    for key in setkeys[:setnum]:
        setobj = lookupKeyWrite(c.db, key) if dstkey is not None else lookupKeyRead(c.db, key)
        if setobj is not None and checkType(c, setobj, OBJ_SET):
            return None
        sets.append(setobj)
    return sets


def store_set(c, dstkey, dstset, event):
    """Store the result under dstkey, or delete dstkey when it is empty; reply the size."""
    if setTypeSize(dstset) > 0:
        setKey(c, c.db, dstkey, dstset)
        addReplyLongLong(c, setTypeSize(dstset))
        notifyKeyspaceEvent(NOTIFY_SET, event, dstkey, c.db.id)
        server.dirty += 1
    else:
        addReply(c, shared.czero)
        if dbDelete(c.db, dstkey):
            server.dirty += 1
            signalModifiedKey(c, c.db, dstkey)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", dstkey, c.db.id)


def sinterGenericCommand(c, setkeys, setnum, dstkey):
    """SINTER and SINTERSTORE: walk the smallest set, look each member up in the others.  O(N*M)"""
    sets = lookup_sets(c, setkeys, setnum, dstkey)
    if sets is None:
        return
    if None in sets:                        # with one empty set the result is empty
        if dstkey is not None:
            if dbDelete(c.db, dstkey):
                signalModifiedKey(c, c.db, dstkey)
                notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", dstkey, c.db.id)
                server.dirty += 1
            addReply(c, shared.czero)
        else:
            addReply(c, shared.emptyset[c.resp])
        return
    sets.sort(key=functools.cmp_to_key(qsortCompareSetsByCardinality))

    replylen = dstset = None
    if dstkey is None:
        replylen = addReplyDeferredLen(c)   # the size is known only at the end
    else:
        dstset = createIntsetObject()
    cardinality = 0
    si = setTypeInitIterator(sets[0])
    while True:
        encoding, elesds, intobj = setTypeNext(si)
        if encoding == -1:
            break
        if encoding == OBJ_ENCODING_INTSET:
            elesds = b"%d" % intobj
        everywhere = True
        for other in sets[1:]:
            if other is sets[0]:
                continue
            if encoding == OBJ_ENCODING_INTSET and other.encoding == OBJ_ENCODING_INTSET:
                found = intsetFind(other.ptr, intobj)       # compares integers, without converting to a string
            else:
                found = setTypeIsMember(other, elesds)
            if not found:
                everywhere = False
                break
        if everywhere:
            if dstkey is None:
                addReplyBulkCBuffer(c, elesds)
                cardinality += 1
            else:
                setTypeAdd(dstset, elesds)
    setTypeReleaseIterator(si)
    if dstkey is not None:
        store_set(c, dstkey, dstset, b"sinterstore")
    else:
        setDeferredSetLen(c, replylen, cardinality)


def sinterCommand(c):
    """SINTER key [key ...] -> set   [read-only, to-sort]"""
    sinterGenericCommand(c, c.argv[1:], c.argc - 1, None)


def sinterstoreCommand(c):
    """SINTERSTORE destination key [key ...] -> int   [write, denyoom]"""
    sinterGenericCommand(c, c.argv[2:], c.argc - 2, c.argv[1])


def choose_diff_algorithm(sets):
    """Return 1 (O(N*M), N = size of the first set) or 2 (O(sum of all sizes)), whichever should be cheaper."""
    algo_one_work = algo_two_work = 0
    for setobj in sets:
        if setobj is None:
            continue
        algo_one_work += setTypeSize(sets[0])
        algo_two_work += setTypeSize(setobj)
    # Algorithm 1 has better constant factors, and stops early if members are common.
    return 1 if algo_one_work // 2 <= algo_two_work else 2


def sunionDiffGenericCommand(c, setkeys, setnum, dstkey, op):
    """SUNION, SDIFF and their STORE forms; `op` is SET_OP_UNION or SET_OP_DIFF."""
    sets = lookup_sets(c, setkeys, setnum, dstkey)
    if sets is None:
        return
    diff_algo = 1
    if op == SET_OP_DIFF and sets[0] is not None:
        diff_algo = choose_diff_algorithm(sets)
        if diff_algo == 1 and setnum > 1:   # the largest sets first: a common member is found sooner
            sets[1:] = sorted(sets[1:], key=functools.cmp_to_key(qsortCompareSetsByRevCardinality))

    dstset = createIntsetObject()
    cardinality = 0
    if op == SET_OP_UNION:
        for setobj in sets:
            if setobj is None:
                continue
            si = setTypeInitIterator(setobj)
            ele = setTypeNextObject(si)
            while ele is not None:
                if setTypeAdd(dstset, ele):
                    cardinality += 1
                ele = setTypeNextObject(si)
            setTypeReleaseIterator(si)
    elif sets[0] is not None and diff_algo == 1:
        si = setTypeInitIterator(sets[0])
        ele = setTypeNextObject(si)
        while ele is not None:
            for other in sets[1:]:
                if other is not None and (other is sets[0] or setTypeIsMember(other, ele)):
                    break
            else:
                setTypeAdd(dstset, ele)
                cardinality += 1
            ele = setTypeNextObject(si)
        setTypeReleaseIterator(si)
    elif sets[0] is not None:
        for j, setobj in enumerate(sets):
            if setobj is None:
                continue
            si = setTypeInitIterator(setobj)
            ele = setTypeNextObject(si)
            while ele is not None:
                if j == 0:
                    cardinality += setTypeAdd(dstset, ele)
                else:
                    cardinality -= setTypeRemove(dstset, ele)
                ele = setTypeNextObject(si)
            setTypeReleaseIterator(si)
            if cardinality == 0:            # nothing left to remove from
                break

    if dstkey is not None:
        store_set(c, dstkey, dstset, b"sunionstore" if op == SET_OP_UNION else b"sdiffstore")
        return
    addReplySetLen(c, cardinality)
    si = setTypeInitIterator(dstset)
    ele = setTypeNextObject(si)
    while ele is not None:
        addReplyBulkCBuffer(c, ele)
        ele = setTypeNextObject(si)
    setTypeReleaseIterator(si)
    if server.lazyfree_lazy_server_del:
        freeObjAsync(None, dstset)


def sunionCommand(c):
    """SUNION key [key ...] -> set   [read-only, to-sort]"""
    sunionDiffGenericCommand(c, c.argv[1:], c.argc - 1, None, SET_OP_UNION)


def sunionstoreCommand(c):
    """SUNIONSTORE destination key [key ...] -> int   [write, denyoom]"""
    sunionDiffGenericCommand(c, c.argv[2:], c.argc - 2, c.argv[1], SET_OP_UNION)


def sdiffCommand(c):
    """SDIFF key [key ...] -> set   [read-only, to-sort]"""
    sunionDiffGenericCommand(c, c.argv[1:], c.argc - 1, None, SET_OP_DIFF)


def sdiffstoreCommand(c):
    """SDIFFSTORE destination key [key ...] -> int   [write, denyoom]"""
    sunionDiffGenericCommand(c, c.argv[2:], c.argc - 2, c.argv[1], SET_OP_DIFF)


def sscanCommand(c):
    """SSCAN key cursor [MATCH pattern] [COUNT count] -> array   [read-only, random]"""
    ok, cursor = parseScanCursorOrReply(c, c.argv[2])
    if ok == C_ERR:
        return
    set_ = lookupKeyReadOrReply(c, c.argv[1], shared.emptyscan)
    if set_ is None or checkType(c, set_, OBJ_SET):
        return
    scanGenericCommand(c, set_, cursor)
