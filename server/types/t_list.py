"""t_list.py - lists.                                          Mirrors src/t_list.c (6.2.14)

Lives here   RPUSH LPUSH RPUSHX LPUSHX LINSERT RPOP LPOP BRPOP BLPOP BRPOPLPUSH BLMOVE LLEN LINDEX LSET LRANGE LTRIM LPOS LREM
             RPOPLPUSH LMOVE; the listType* API; serveClientBlockedOnList.
Called from  processCommand [command]; handleClientsBlockedOnKeys [before]; sort, db (COPY), debug, aof.
Calls out    quicklist, db, blocked.blockForKeys, networking_reply.
State        none.
Invariant    the keyspace holds no empty list: the command that takes the last element deletes the key.
"""
from typing import TYPE_CHECKING

from datastructs.quicklist import (
    AL_START_HEAD, AL_START_TAIL, QUICKLIST_HEAD, QUICKLIST_TAIL, quicklistCompare,
    quicklistCount, quicklistCreateFromZiplist, quicklistDelEntry, quicklistDelRange,
    quicklistDup, quicklistEntry, quicklistGetIteratorAtIdx, quicklistIndex, quicklistInsertAfter,
    quicklistInsertBefore, quicklistNext, quicklistPopCustom, quicklistPush,
    quicklistReplaceAtIndex, quicklistSetOptions)
from datastructs.util import to_llong
from server.client.networking import rewriteClientCommandVector
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkLongLong, addReplyDeferredLen, addReplyError,
    addReplyErrorFormat, addReplyErrorObject, addReplyLongLong, addReplyNull, addReplyNullArray,
    setDeferredArrayLen)
from server.keyspace.db import (
    dbAdd, dbDelete, lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite,
    lookupKeyWriteOrReply, signalModifiedKey)
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverPanic
from server.object import (
    checkType, createObject, createQuicklistObject, createStringObject, createStringObjectFromLongLong, getDecodedObject,
    getLongFromObjectOrReply, getPositiveLongFromObjectOrReply, sdsEncodedObject)
from server.server_h import (
    BLOCKED_LIST, C_ERR, C_OK, CLIENT_DENY_BLOCKING, LIST_HEAD, LIST_TAIL, NOTIFY_GENERIC, NOTIFY_LIST, OBJ_ENCODING_INT,
    OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_ZIPLIST, OBJ_LIST, PROPAGATE_AOF, PROPAGATE_REPL, UNIT_SECONDS, listPos, server, shared)
from server.session.blocked import blockForKeys
from server.session.timeout import getTimeoutFromObjectOrReply
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server import propagate

LIST_MAX_ITEM_SIZE = (1 << 32) - 1024


class listTypeIterator:
    """A walk over a list value (C: server.h)."""
    __slots__ = ("subject", "encoding", "direction", "iter")

    def __init__(self):
        self.subject = None        # robj
        self.encoding = 0          # its encoding when the walk began
        self.direction = 0         # LIST_HEAD: towards the head; LIST_TAIL: towards the tail
        self.iter = None           # quicklistIter; None = the start index is out of range


class listTypeEntry:
    """One element of such a walk (C: server.h)."""
    __slots__ = ("li", "entry")

    def __init__(self):
        self.li = None             # listTypeIterator
        self.entry = quicklistEntry()


# ---------------------------------------------------------------------------
# List API
# ---------------------------------------------------------------------------

def listTypePush(subject, value, where):
    """Push a string object at the head or the tail."""
    if subject.encoding == OBJ_ENCODING_QUICKLIST:
        pos = QUICKLIST_HEAD if where == LIST_HEAD else QUICKLIST_TAIL
        if value.encoding == OBJ_ENCODING_INT:
            quicklistPush(subject.ptr, b"%d" % value.ptr, pos)
        else:
            quicklistPush(subject.ptr, value.ptr, pos)
    else:
        serverPanic("Unknown list encoding")


def listPopSaver(data):
    return createStringObject(data)


def listTypePop(subject, where):
    """Pop an end -> string object, or None if the list is empty.  The caller deletes the key of a list that became empty."""
    value = None
    ql_where = QUICKLIST_HEAD if where == LIST_HEAD else QUICKLIST_TAIL
    if subject.encoding == OBJ_ENCODING_QUICKLIST:
        ok, value, vlong = quicklistPopCustom(subject.ptr, ql_where, listPopSaver)
        if ok and value is None:
            value = createStringObjectFromLongLong(vlong)
    else:
        serverPanic("Unknown list encoding")
    return value


def listTypeLength(subject):
    if subject.encoding == OBJ_ENCODING_QUICKLIST:
        return quicklistCount(subject.ptr)
    return serverPanic("Unknown list encoding")


def listTypeInitIterator(subject, index, direction):
    """Start a walk at `index` -> iterator.  direction names the end it goes to: LIST_TAIL = forwards."""
    li = listTypeIterator()
    li.subject = subject
    li.encoding = subject.encoding
    li.direction = direction
    iter_direction = AL_START_TAIL if direction == LIST_HEAD else AL_START_HEAD
    if li.encoding == OBJ_ENCODING_QUICKLIST:
        li.iter = quicklistGetIteratorAtIdx(subject.ptr, iter_direction, index)
    else:
        serverPanic("Unknown list encoding")
    return li


def listTypeReleaseIterator(li):
    """End a walk.  As in C the quicklist iterator is dropped without recompressing its node."""
    li.iter = None


def listTypeNext(li, entry):
    """Fill `entry` with the next element -> 1, or 0 at the end."""
    serverAssert(li.subject.encoding == li.encoding)
    entry.li = li
    if li.encoding == OBJ_ENCODING_QUICKLIST:
        return quicklistNext(li.iter, entry.entry)
    serverPanic("Unknown list encoding")
    return 0


def listTypeGet(entry):
    """Read the element -> new string object."""
    if entry.li.encoding == OBJ_ENCODING_QUICKLIST:
        qe = entry.entry
        if qe.value is not None:
            return createStringObject(qe.value)
        return createStringObjectFromLongLong(qe.longval)
    return serverPanic("Unknown list encoding")


def listTypeInsert(entry, value, where):
    """Insert before (LIST_HEAD) or after (LIST_TAIL) the element.  The walk must not go on afterwards."""
    if entry.li.encoding == OBJ_ENCODING_QUICKLIST:
        value = getDecodedObject(value)
        if where == LIST_TAIL:
            quicklistInsertAfter(entry.entry.quicklist, entry.entry, value.ptr)
        elif where == LIST_HEAD:
            quicklistInsertBefore(entry.entry.quicklist, entry.entry, value.ptr)
    else:
        serverPanic("Unknown list encoding")


def listTypeEqual(entry, o):
    """Tell whether the element equals this string object -> 1 or 0."""
    if entry.li.encoding == OBJ_ENCODING_QUICKLIST:
        serverAssert(sdsEncodedObject(o))
        qe = entry.entry
        return quicklistCompare(qe.node.zl, qe.zi, o.ptr)
    return serverPanic("Unknown list encoding")


def listTypeDelete(iter_, entry):
    """Delete the element; the walk can go on."""
    if entry.li.encoding == OBJ_ENCODING_QUICKLIST:
        quicklistDelEntry(iter_.iter, entry.entry)
    else:
        serverPanic("Unknown list encoding")


def listTypeConvert(subject, enc):
    """Turn a ziplist, as old RDB files hold it, into a quicklist."""
    serverAssert(subject.type == OBJ_LIST)
    serverAssert(subject.encoding == OBJ_ENCODING_ZIPLIST)
    if enc == OBJ_ENCODING_QUICKLIST:
        subject.ptr = quicklistCreateFromZiplist(server.list_max_ziplist_size, server.list_compress_depth, subject.ptr)
        subject.encoding = OBJ_ENCODING_QUICKLIST
    else:
        serverPanic("Unsupported list conversion")


def listTypeDup(o):
    """Copy the list -> new object in the same encoding, for COPY."""
    serverAssert(o.type == OBJ_LIST)
    lobj = None
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        lobj = createObject(OBJ_LIST, quicklistDup(o.ptr))
        lobj.encoding = OBJ_ENCODING_QUICKLIST
    else:
        serverPanic("Unknown list encoding")
    return lobj


# ---------------------------------------------------------------------------
# List commands
# ---------------------------------------------------------------------------

def pushGenericCommand(c, where, xx):
    """LPUSH, RPUSH, and with xx = 1 LPUSHX, RPUSHX."""
    for j in range(2, c.argc):
        if len(c.argv[j].ptr) > LIST_MAX_ITEM_SIZE:
            addReplyError(c, b"Element too large")
            return
    lobj = lookupKeyWrite(c.db, c.argv[1])
    if checkType(c, lobj, OBJ_LIST):
        return
    if lobj is None:
        if xx:
            addReply(c, shared.czero)
            return
        lobj = createQuicklistObject()
        quicklistSetOptions(lobj.ptr, server.list_max_ziplist_size, server.list_compress_depth)
        dbAdd(c.db, c.argv[1], lobj)
    for j in range(2, c.argc):
        listTypePush(lobj, c.argv[j], where)
        server.dirty += 1
    addReplyLongLong(c, listTypeLength(lobj))
    event = b"lpush" if where == LIST_HEAD else b"rpush"
    signalModifiedKey(c, c.db, c.argv[1])
    notifyKeyspaceEvent(NOTIFY_LIST, event, c.argv[1], c.db.id)


def lpushCommand(c):
    """LPUSH key element [element ...] -> int   [write, denyoom, fast]"""
    pushGenericCommand(c, LIST_HEAD, 0)


def rpushCommand(c):
    """RPUSH key element [element ...] -> int   [write, denyoom, fast]"""
    pushGenericCommand(c, LIST_TAIL, 0)


def lpushxCommand(c):
    """LPUSHX key element [element ...] -> int   [write, denyoom, fast]"""
    pushGenericCommand(c, LIST_HEAD, 1)


def rpushxCommand(c):
    """RPUSHX key element [element ...] -> int   [write, denyoom, fast]"""
    pushGenericCommand(c, LIST_TAIL, 1)


def linsertCommand(c):
    """LINSERT key BEFORE|AFTER pivot element -> int, -1 = no such pivot   [write, denyoom]"""
    inserted = 0
    option = c.argv[2].ptr.lower()
    if option == b"after":
        where = LIST_TAIL
    elif option == b"before":
        where = LIST_HEAD
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    if len(c.argv[4].ptr) > LIST_MAX_ITEM_SIZE:
        addReplyError(c, b"Element too large")
        return
    subject = lookupKeyWriteOrReply(c, c.argv[1], shared.czero)
    if subject is None or checkType(c, subject, OBJ_LIST):
        return
    iter_ = listTypeInitIterator(subject, 0, LIST_TAIL)
    entry = listTypeEntry()
    while listTypeNext(iter_, entry):
        if listTypeEqual(entry, c.argv[3]):
            listTypeInsert(entry, c.argv[4], where)
            inserted = 1
            break
    listTypeReleaseIterator(iter_)
    if inserted:
        signalModifiedKey(c, c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_LIST, b"linsert", c.argv[1], c.db.id)
        server.dirty += 1
    else:
        addReplyLongLong(c, -1)
        return
    addReplyLongLong(c, listTypeLength(subject))


def llenCommand(c):
    """LLEN key -> int   [readonly, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_LIST):
        return
    addReplyLongLong(c, listTypeLength(o))


def lindexCommand(c):
    """LINDEX key index -> bulk or null   [readonly]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if o is None or checkType(c, o, OBJ_LIST):
        return
    ok, index = getLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        entry = quicklistEntry()
        if quicklistIndex(o.ptr, index, entry):
            if entry.value is not None:
                addReplyBulkCBuffer(c, entry.value)
            else:
                addReplyBulkLongLong(c, entry.longval)
        else:
            addReplyNull(c)
    else:
        serverPanic("Unknown list encoding")


def lsetCommand(c):
    """LSET key index element -> OK   [write, denyoom]"""
    o = lookupKeyWriteOrReply(c, c.argv[1], shared.nokeyerr)
    if o is None or checkType(c, o, OBJ_LIST):
        return
    value = c.argv[3]
    if len(value.ptr) > LIST_MAX_ITEM_SIZE:
        addReplyError(c, b"Element too large")
        return
    ok, index = getLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        replaced = quicklistReplaceAtIndex(o.ptr, index, value.ptr)
        if not replaced:
            addReplyErrorObject(c, shared.outofrangeerr)
        else:
            addReply(c, shared.ok)
            signalModifiedKey(c, c.db, c.argv[1])
            notifyKeyspaceEvent(NOTIFY_LIST, b"lset", c.argv[1], c.db.id)
            server.dirty += 1
    else:
        serverPanic("Unknown list encoding")


def addListRangeReply(c, o, start, end, reverse):
    """Reply with the elements from start to end, both included and possibly negative; reverse = 1: last one first."""
    llen = listTypeLength(o)
    if start < 0:
        start = llen + start
    if end < 0:
        end = llen + end
    if start < 0:
        start = 0
    # start >= 0 by now, so this holds for every end < 0, too.
    if start > end or start >= llen:
        addReply(c, shared.emptyarray)
        return
    if end >= llen:
        end = llen - 1
    rangelen = end - start + 1
    addReplyArrayLen(c, rangelen)
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        from_ = end if reverse else start
        direction = LIST_HEAD if reverse else LIST_TAIL
        iter_ = listTypeInitIterator(o, from_, direction)
        entry = listTypeEntry()
        while rangelen:
            rangelen -= 1
            listTypeNext(iter_, entry)
            qe = entry.entry
            if qe.value is not None:
                addReplyBulkCBuffer(c, qe.value)
            else:
                addReplyBulkLongLong(c, qe.longval)
        listTypeReleaseIterator(iter_)
    else:
        serverPanic("Unknown list encoding")


def listElementsRemoved(c, key, where, o, count):
    """Do what follows a pop of `count` elements: the events, and the end of a list that became empty."""
    event = b"lpop" if where == LIST_HEAD else b"rpop"
    notifyKeyspaceEvent(NOTIFY_LIST, event, key, c.db.id)
    if listTypeLength(o) == 0:
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        dbDelete(c.db, key)
    signalModifiedKey(c, c.db, key)
    server.dirty += count


def popGenericCommand(c, where):
    """LPOP, RPOP: one element as a bulk, or with a count an array."""
    hascount = c.argc == 3
    count = 0
    if c.argc > 3:
        addReplyErrorFormat(c, b"wrong number of arguments for '%s' command", c.cmd.name)
        return
    if hascount:
        ok, count = getPositiveLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return
    o = lookupKeyWriteOrReply(c, c.argv[1], shared.nullarray[c.resp] if hascount else shared.null[c.resp])
    if o is None or checkType(c, o, OBJ_LIST):
        return
    if hascount and not count:
        addReply(c, shared.emptyarray)
        return
    if not count:
        # Reply one element as a bulk.
        value = listTypePop(o, where)
        serverAssert(value is not None)
        addReplyBulk(c, value)
        listElementsRemoved(c, c.argv[1], where, o, 1)
    else:
        # Reply a range of elements as an array.
        llen = listTypeLength(o)
        rangelen = llen if count > llen else count
        rangestart = 0 if where == LIST_HEAD else -rangelen
        rangeend = rangelen - 1 if where == LIST_HEAD else -1
        reverse = 0 if where == LIST_HEAD else 1
        addListRangeReply(c, o, rangestart, rangeend, reverse)
        quicklistDelRange(o.ptr, rangestart, rangelen)
        listElementsRemoved(c, c.argv[1], where, o, rangelen)


def lpopCommand(c):
    """LPOP key [count] -> bulk or array   [write, fast]"""
    popGenericCommand(c, LIST_HEAD)


def rpopCommand(c):
    """RPOP key [count] -> bulk or array   [write, fast]"""
    popGenericCommand(c, LIST_TAIL)


def lrangeCommand(c):
    """LRANGE key start stop -> array   [readonly]"""
    ok, start = getLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    ok, end = getLongFromObjectOrReply(c, c.argv[3], None)
    if ok != C_OK:
        return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.emptyarray)
    if o is None or checkType(c, o, OBJ_LIST):
        return
    addListRangeReply(c, o, start, end, 0)


def ltrimCommand(c):
    """LTRIM key start stop -> OK   [write]"""
    ok, start = getLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    ok, end = getLongFromObjectOrReply(c, c.argv[3], None)
    if ok != C_OK:
        return
    o = lookupKeyWriteOrReply(c, c.argv[1], shared.ok)
    if o is None or checkType(c, o, OBJ_LIST):
        return
    llen = listTypeLength(o)
    if start < 0:
        start = llen + start
    if end < 0:
        end = llen + end
    if start < 0:
        start = 0
    if start > end or start >= llen:
        ltrim = llen
        rtrim = 0
    else:
        if end >= llen:
            end = llen - 1
        ltrim = start
        rtrim = llen - end - 1
    if o.encoding == OBJ_ENCODING_QUICKLIST:
        quicklistDelRange(o.ptr, 0, ltrim)
        quicklistDelRange(o.ptr, -rtrim, rtrim)
    else:
        serverPanic("Unknown list encoding")
    notifyKeyspaceEvent(NOTIFY_LIST, b"ltrim", c.argv[1], c.db.id)
    if listTypeLength(o) == 0:
        dbDelete(c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", c.argv[1], c.db.id)
    signalModifiedKey(c, c.db, c.argv[1])
    server.dirty += ltrim + rtrim
    addReply(c, shared.ok)


def lposCommand(c):
    """LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len] -> int, null or array   [readonly]"""
    ele = c.argv[2]
    direction = LIST_TAIL
    rank, count, maxlen = 1, -1, 0         # count -1: COUNT was not given
    if len(ele.ptr) > LIST_MAX_ITEM_SIZE:
        addReplyError(c, b"Element too large")
        return
    j = 3
    while j < c.argc:
        opt = c.argv[j].ptr.lower()
        moreargs = c.argc - 1 - j
        if opt == b"rank" and moreargs:
            j += 1
            ok, rank = getLongFromObjectOrReply(c, c.argv[j], None)
            if ok != C_OK:
                return
            if rank == 0:
                addReplyError(c, b"RANK can't be zero: use 1 to start from the first match, 2 from the second, ...")
                return
        elif opt == b"count" and moreargs:
            j += 1
            ok, count = getPositiveLongFromObjectOrReply(c, c.argv[j], b"COUNT can't be negative")
            if ok != C_OK:
                return
        elif opt == b"maxlen" and moreargs:
            j += 1
            ok, maxlen = getPositiveLongFromObjectOrReply(c, c.argv[j], b"MAXLEN can't be negative")
            if ok != C_OK:
                return
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1
    if rank < 0:
        rank = to_llong(-rank)             # LONG_MIN does not change
        direction = LIST_HEAD
    o = lookupKeyRead(c.db, c.argv[1])
    if o is None:
        if count != -1:
            addReply(c, shared.emptyarray)
        else:
            addReply(c, shared.null[c.resp])
        return
    if checkType(c, o, OBJ_LIST):
        return
    arraylenptr = None
    if count != -1:
        arraylenptr = addReplyDeferredLen(c)
    li = listTypeInitIterator(o, -1 if direction == LIST_HEAD else 0, direction)
    entry = listTypeEntry()
    llen = listTypeLength(o)
    index, matches, matchindex, arraylen = 0, 0, -1, 0
    while listTypeNext(li, entry) and (maxlen == 0 or index < maxlen):
        if listTypeEqual(entry, ele):
            matches += 1
            matchindex = index if direction == LIST_TAIL else llen - index - 1
            if matches >= rank:
                if arraylenptr is not None:
                    arraylen += 1
                    addReplyLongLong(c, matchindex)
                    if count and to_llong(matches - rank + 1) >= count:
                        break
                else:
                    break
        index += 1
        matchindex = -1                    # stays -1 if the loop ends without a match
    listTypeReleaseIterator(li)
    if arraylenptr is not None:
        setDeferredArrayLen(c, arraylenptr, arraylen)
    elif matchindex != -1:
        addReplyLongLong(c, matchindex)
    else:
        addReply(c, shared.null[c.resp])


def lremCommand(c):
    """LREM key count element -> int   [write]"""
    obj = c.argv[3]
    removed = 0
    if len(obj.ptr) > LIST_MAX_ITEM_SIZE:
        addReplyError(c, b"Element too large")
        return
    ok, toremove = getLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    subject = lookupKeyWriteOrReply(c, c.argv[1], shared.czero)
    if subject is None or checkType(c, subject, OBJ_LIST):
        return
    if toremove < 0:
        toremove = -toremove
        li = listTypeInitIterator(subject, -1, LIST_HEAD)
    else:
        li = listTypeInitIterator(subject, 0, LIST_TAIL)
    entry = listTypeEntry()
    while listTypeNext(li, entry):
        if listTypeEqual(entry, obj):
            listTypeDelete(li, entry)
            server.dirty += 1
            removed += 1
            if toremove and removed == toremove:
                break
    listTypeReleaseIterator(li)
    if removed:
        signalModifiedKey(c, c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_LIST, b"lrem", c.argv[1], c.db.id)
    if listTypeLength(subject) == 0:
        dbDelete(c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", c.argv[1], c.db.id)
    addReplyLongLong(c, removed)


def lmoveHandlePush(c, dstkey, dstobj, value, where):
    """Do the second half of LMOVE and its relatives: push, create the key if necessary, reply with the value."""
    if dstobj is None:
        dstobj = createQuicklistObject()
        quicklistSetOptions(dstobj.ptr, server.list_max_ziplist_size, server.list_compress_depth)
        dbAdd(c.db, dstkey, dstobj)
    signalModifiedKey(c, c.db, dstkey)
    listTypePush(dstobj, value, where)
    notifyKeyspaceEvent(NOTIFY_LIST, b"lpush" if where == LIST_HEAD else b"rpush", dstkey, c.db.id)
    addReplyBulk(c, value)


def getListPositionFromObjectOrReply(c, arg):
    """Read LEFT or RIGHT -> (C_OK, LIST_HEAD or LIST_TAIL); after an error reply (C_ERR, None)."""
    word = arg.ptr.lower()
    if word == b"right":
        return C_OK, LIST_TAIL
    if word == b"left":
        return C_OK, LIST_HEAD
    addReplyErrorObject(c, shared.syntaxerr)
    return C_ERR, None


def getStringObjectFromListPosition(position):
    return shared.left if position == LIST_HEAD else shared.right


def lmoveGenericCommand(c, wherefrom, whereto):
    """LMOVE, RPOPLPUSH, and the blocking forms when there is something to move."""
    sobj = lookupKeyWriteOrReply(c, c.argv[1], shared.null[c.resp])
    if sobj is None or checkType(c, sobj, OBJ_LIST):
        return
    if listTypeLength(sobj) == 0:
        # Very old RDB files may hold empty lists.
        addReplyNull(c)
        return
    dobj = lookupKeyWrite(c.db, c.argv[2])
    touchedkey = c.argv[1]
    if checkType(c, dobj, OBJ_LIST):
        return
    value = listTypePop(sobj, wherefrom)
    serverAssert(value is not None)
    # ORDER: push first; source and destination may be the same list, which must not be deleted in between.
    lmoveHandlePush(c, c.argv[2], dobj, value, whereto)
    notifyKeyspaceEvent(NOTIFY_LIST, b"lpop" if wherefrom == LIST_HEAD else b"rpop", touchedkey, c.db.id)
    if listTypeLength(sobj) == 0:
        dbDelete(c.db, touchedkey)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", touchedkey, c.db.id)
    signalModifiedKey(c, c.db, touchedkey)
    server.dirty += 1
    if c.cmd.proc is blmoveCommand:
        rewriteClientCommandVector(c, shared.lmove, c.argv[1], c.argv[2], c.argv[3], c.argv[4])
    elif c.cmd.proc is brpoplpushCommand:
        rewriteClientCommandVector(c, shared.rpoplpush, c.argv[1], c.argv[2])


def lmoveCommand(c):
    """LMOVE source destination LEFT|RIGHT LEFT|RIGHT -> bulk or null   [write, denyoom]"""
    ok, wherefrom = getListPositionFromObjectOrReply(c, c.argv[3])
    if ok != C_OK:
        return
    ok, whereto = getListPositionFromObjectOrReply(c, c.argv[4])
    if ok != C_OK:
        return
    lmoveGenericCommand(c, wherefrom, whereto)


def rpoplpushCommand(c):
    """RPOPLPUSH source destination -> bulk or null   [write, denyoom]"""
    lmoveGenericCommand(c, LIST_TAIL, LIST_HEAD)


# ---------------------------------------------------------------------------
# Blocking POP operations
# ---------------------------------------------------------------------------

def serveClientBlockedOnList(receiver, key, dstkey, db, value, wherefrom, whereto):
    """Give `value`, just popped from `key`, to a client that waited for it: reply, events and propagation.

    dstkey None: BLPOP, BRPOP; else BLMOVE, BRPOPLPUSH -> C_OK, or C_ERR when the destination holds another type: the error
    has been replied, and the caller puts the value back.
    """
    if dstkey is None:
        argv = [shared.lpop if wherefrom == LIST_HEAD else shared.rpop, key]
        propagate(server.lpopCommand if wherefrom == LIST_HEAD else server.rpopCommand, db.id, argv,
                  PROPAGATE_AOF | PROPAGATE_REPL)
        addReplyArrayLen(receiver, 2)
        addReplyBulk(receiver, key)
        addReplyBulk(receiver, value)
        event = b"lpop" if wherefrom == LIST_HEAD else b"rpop"
        notifyKeyspaceEvent(NOTIFY_LIST, event, key, receiver.db.id)
        return C_OK
    dstobj = lookupKeyWrite(receiver.db, dstkey)
    if dstobj is not None and checkType(receiver, dstobj, OBJ_LIST):
        return C_ERR
    lmoveHandlePush(receiver, dstkey, dstobj, value, whereto)
    isbrpoplpush = receiver.lastcmd.proc is brpoplpushCommand
    argv = [shared.rpoplpush if isbrpoplpush else shared.lmove, key, dstkey]
    if not isbrpoplpush:
        argv.append(getStringObjectFromListPosition(wherefrom))
        argv.append(getStringObjectFromListPosition(whereto))
    propagate(server.rpoplpushCommand if isbrpoplpush else server.lmoveCommand, db.id, argv, PROPAGATE_AOF | PROPAGATE_REPL)
    notifyKeyspaceEvent(NOTIFY_LIST, b"rpop" if wherefrom == LIST_TAIL else b"lpop", key, receiver.db.id)
    return C_OK


def blockingPopGenericCommand(c, where):
    """BLPOP, BRPOP: pop from the first key that has something, or wait for all of them."""
    ok, timeout = getTimeoutFromObjectOrReply(c, c.argv[c.argc - 1], UNIT_SECONDS)
    if ok != C_OK:
        return
    for j in range(1, c.argc - 1):
        o = lookupKeyWrite(c.db, c.argv[j])
        if o is None:
            continue
        if checkType(c, o, OBJ_LIST):
            return
        if listTypeLength(o) != 0:
            value = listTypePop(o, where)
            serverAssert(value is not None)
            addReplyArrayLen(c, 2)
            addReplyBulk(c, c.argv[j])
            addReplyBulk(c, value)
            listElementsRemoved(c, c.argv[j], where, o, 1)
            rewriteClientCommandVector(c, shared.lpop if where == LIST_HEAD else shared.rpop, c.argv[j])
            return
    # In MULTI, a script or a module reply as if the timeout had passed.
    if c.flags & CLIENT_DENY_BLOCKING:
        addReplyNullArray(c)
        return
    pos = listPos()
    pos.wherefrom = where
    blockForKeys(c, BLOCKED_LIST, c.argv[1:c.argc - 1], c.argc - 2, timeout, None, pos, None)


def blpopCommand(c):
    """BLPOP key [key ...] timeout -> [key, element] or null array   [write, noscript]"""
    blockingPopGenericCommand(c, LIST_HEAD)


def brpopCommand(c):
    """BRPOP key [key ...] timeout -> [key, element] or null array   [write, noscript]"""
    blockingPopGenericCommand(c, LIST_TAIL)


def blmoveGenericCommand(c, wherefrom, whereto, timeout):
    """BLMOVE, BRPOPLPUSH: move at once if the source has an element, or wait for it."""
    key = lookupKeyWrite(c.db, c.argv[1])
    if checkType(c, key, OBJ_LIST):
        return
    if key is None:
        if c.flags & CLIENT_DENY_BLOCKING:
            addReplyNull(c)
        else:
            pos = listPos()
            pos.wherefrom = wherefrom
            pos.whereto = whereto
            blockForKeys(c, BLOCKED_LIST, c.argv[1:2], 1, timeout, c.argv[2], pos, None)
    else:
        serverAssert(listTypeLength(key) > 0)
        lmoveGenericCommand(c, wherefrom, whereto)


def blmoveCommand(c):
    """BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout -> bulk or null   [write, denyoom, noscript]"""
    ok, wherefrom = getListPositionFromObjectOrReply(c, c.argv[3])
    if ok != C_OK:
        return
    ok, whereto = getListPositionFromObjectOrReply(c, c.argv[4])
    if ok != C_OK:
        return
    ok, timeout = getTimeoutFromObjectOrReply(c, c.argv[5], UNIT_SECONDS)
    if ok != C_OK:
        return
    blmoveGenericCommand(c, wherefrom, whereto, timeout)


def brpoplpushCommand(c):
    """BRPOPLPUSH source destination timeout -> bulk or null   [write, denyoom, noscript]"""
    ok, timeout = getTimeoutFromObjectOrReply(c, c.argv[3], UNIT_SECONDS)
    if ok != C_OK:
        return
    blmoveGenericCommand(c, LIST_TAIL, LIST_HEAD, timeout)
