"""sort.py - SORT.                                                Mirrors src/sort.c (6.2.14)

Lives here   SORT with BY, LIMIT, GET, ASC, DESC, ALPHA, STORE.
Called from  call() [command].
Calls out    the type APIs of list, set, sorted set and hash; keyspace.db.
State        server.sort_*: what sortCompare orders by; set by each SORT that sorts.
Departures   without ALPHA the elements are sorted by a key instead of sortCompare: the same order, ten times as fast.
"""
from functools import cmp_to_key

from datastructs.dict import dictSize, dict_entries
from datastructs.pqsort import pqsort
from datastructs.util import string2d
from datastructs.zskiplist import zslGetElementByRank
from server.log import serverAssertWithInfo, serverPanic
from server.server_h import (
    server, shared, C_OK, CLIENT_LUA, LIST_HEAD, LIST_TAIL, NOTIFY_GENERIC, NOTIFY_LIST, OBJ_STRING, OBJ_LIST,
    OBJ_SET, OBJ_ZSET, OBJ_HASH, OBJ_ENCODING_INT, OBJ_ENCODING_SKIPLIST, SORT_OP_GET,
)
from server.object import (
    compareStringObjects, collateStringObjects, createObject, createQuicklistObject, createStringObject,
    getDecodedObject, getLongFromObjectOrReply, object_get_bytes, sdsEncodedObject,
)
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulk, addReplyError, addReplyErrorObject, addReplyLongLong, addReplyNull,
)
from server.keyspace.db import dbDelete, lookupKeyRead, lookupKeyWrite, setKey, signalModifiedKey
from server.keyspace.notify import notifyKeyspaceEvent
from server.types.t_hash import hashTypeGetValueObject
from server.types.t_list import (
    listTypeEntry, listTypeGet, listTypeInitIterator, listTypeLength, listTypeNext, listTypePush,
    listTypeReleaseIterator,
)
from server.types.t_set import setTypeInitIterator, setTypeNextObject, setTypeReleaseIterator, setTypeSize
from server.types.t_zset import zsetConvert


class redisSortOperation:
    """One GET pattern (C: server.h)."""
    __slots__ = ("type", "pattern")

    def __init__(self, type_, pattern):
        self.type = type_          # SORT_OP_GET, the only one
        self.pattern = pattern     # robj


class redisSortObject:
    """One element to sort (C: server.h)."""
    __slots__ = ("obj", "score", "cmpobj")

    def __init__(self, obj):
        self.obj = obj             # robj, the element
        self.score = 0.0           # weight, without ALPHA
        self.cmpobj = None         # robj, weight with ALPHA and BY; None = the key does not exist


def createSortOperation(type_, pattern):
    return redisSortOperation(type_, pattern)


def lookupKeyByPattern(db, pattern, subst, writeflag):
    """Look up the string that `pattern` leads to for the element `subst` -> robj or None.

    The first "*" is replaced by the element; "key->field" names a hash field; "#" is the element itself. A pattern
    without "*" leads nowhere.
    """
    spat = pattern.ptr
    if spat == b"#":
        return subst
    ssub = object_get_bytes(subst)

    p = spat.find(b"*")
    if p < 0:
        return None

    # "->" is recognized only after the star, and only if a name follows.
    field = None
    postfix = spat[p + 1:]
    f = postfix.find(b"->")
    if f >= 0 and f + 2 < len(postfix):
        field = postfix[f + 2:]
        postfix = postfix[:f]
    keyobj = createStringObject(spat[:p] + ssub + postfix)

    o = lookupKeyWrite(db, keyobj) if writeflag else lookupKeyRead(db, keyobj)
    if o is None:
        return None
    if field is not None:
        if o.type != OBJ_HASH:
            return None
        return hashTypeGetValueObject(o, field)
    if o.type != OBJ_STRING:
        return None
    return o


def sortCompare(so1, so2):
    """Order of two elements under the options in server.sort_*."""
    if not server.sort_alpha:
        if so1.score > so2.score:
            cmp = 1
        elif so1.score < so2.score:
            cmp = -1
        else:
            # With equal weights compare the elements, so that the order is deterministic.
            cmp = compareStringObjects(so1.obj, so2.obj)
    elif server.sort_bypattern:
        if so1.cmpobj is None or so2.cmpobj is None:
            if so1.cmpobj is so2.cmpobj:
                cmp = 0
            elif so1.cmpobj is None:
                cmp = -1
            else:
                cmp = 1
        elif server.sort_store:
            cmp = compareStringObjects(so1.cmpobj, so2.cmpobj)
        else:
            cmp = collateStringObjects(so1.cmpobj, so2.cmpobj)      # C: strcoll
    elif server.sort_store:
        # Do not use the locale: that of a replica may differ.
        cmp = compareStringObjects(so1.obj, so2.obj)
    else:
        cmp = collateStringObjects(so1.obj, so2.obj)
    return -cmp if server.sort_desc else cmp


def numeric_sort_key(so):
    """sortCompare without ALPHA as a key function, which is ten times faster."""
    return so.score, object_get_bytes(so.obj)


def sort_score(o):
    """Read the weight in a string object -> (1, float), or (0, 0.0) when it is no number.

    C: strtod() to the end of the string: blanks may come first, and the empty string is 0.
    """
    if o.encoding == OBJ_ENCODING_INT:
        return 1, float(o.ptr)
    text = bytes(o.ptr).partition(b"\0")[0]
    if text == b"":
        return 1, 0.0
    return string2d(text.lstrip(b" \t\n\v\f\r"))


def sortCommand(c):
    """SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA] [STORE destination]

    -> array, or its length with STORE   [write, denyoom]
    """
    operations = []                # redisSortOperation
    desc = alpha = 0
    limit_start, limit_count = 0, -1
    dontsort = 0
    getop = 0
    int_conversion_error = 0
    sortby = storekey = None

    j = 2
    while j < c.argc:
        leftargs = c.argc - j - 1
        opt = c.argv[j].ptr.lower()
        if opt == b"asc":
            desc = 0
        elif opt == b"desc":
            desc = 1
        elif opt == b"alpha":
            alpha = 1
        elif opt == b"limit" and leftargs >= 2:
            ok, limit_start = getLongFromObjectOrReply(c, c.argv[j + 1])
            if ok != C_OK:
                return
            ok, limit_count = getLongFromObjectOrReply(c, c.argv[j + 2])
            if ok != C_OK:
                return
            j += 2
        elif opt == b"store" and leftargs >= 1:
            storekey = c.argv[j + 1]
            j += 1
        elif opt == b"by" and leftargs >= 1:
            sortby = c.argv[j + 1]
            # A constant pattern gives all elements the same weight: no look-up and no sort is needed.
            if b"*" not in sortby.ptr:
                dontsort = 1
            elif server.cluster_enabled:
                addReplyError(c, b"BY option of SORT denied in Cluster mode.")
                return
            j += 1
        elif opt == b"get" and leftargs >= 1:
            if server.cluster_enabled:
                addReplyError(c, b"GET option of SORT denied in Cluster mode.")
                return
            operations.append(createSortOperation(SORT_OP_GET, c.argv[j + 1]))
            getop += 1
            j += 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    sortval = lookupKeyRead(c.db, c.argv[1]) if storekey is None else lookupKeyWrite(c.db, c.argv[1])
    if sortval is not None and sortval.type != OBJ_SET and sortval.type != OBJ_LIST and sortval.type != OBJ_ZSET:
        addReplyErrorObject(c, shared.wrongtypeerr)
        return
    if sortval is None:
        sortval = createQuicklistObject()

    # A set has no defined order, so sort it for a script or for STORE; lists and sorted sets are ordered already.
    if dontsort and sortval.type == OBJ_SET and (storekey is not None or c.flags & CLIENT_LUA):
        dontsort = 0
        alpha = 1
        sortby = None

    if sortval.type == OBJ_ZSET:
        zsetConvert(sortval, OBJ_ENCODING_SKIPLIST)

    if sortval.type == OBJ_LIST:
        vectorlen = listTypeLength(sortval)
    elif sortval.type == OBJ_SET:
        vectorlen = setTypeSize(sortval)
    else:
        vectorlen = dictSize(sortval.ptr.dict)

    start = min(max(limit_start, 0), vectorlen)
    limit_count = min(max(limit_count, -1), vectorlen)
    end = vectorlen - 1 if limit_count < 0 else start + limit_count - 1
    if start >= vectorlen:
        start = vectorlen - 1
        end = vectorlen - 2
    if end >= vectorlen:
        end = vectorlen - 1

    # An ordered value that is not sorted: load only the range.
    if ((sortval.type == OBJ_ZSET or sortval.type == OBJ_LIST) and dontsort and
            (start != 0 or end != vectorlen - 1)):
        vectorlen = end - start + 1

    vector = []
    if sortval.type == OBJ_LIST and dontsort:
        if end >= start:
            entry = listTypeEntry()
            li = listTypeInitIterator(sortval, listTypeLength(sortval) - start - 1 if desc else start,
                                      LIST_HEAD if desc else LIST_TAIL)
            while len(vector) < vectorlen and listTypeNext(li, entry):
                vector.append(redisSortObject(listTypeGet(entry)))
            listTypeReleaseIterator(li)
            end -= start           # the vector starts at `start`
            start = 0
    elif sortval.type == OBJ_LIST:
        entry = listTypeEntry()
        li = listTypeInitIterator(sortval, 0, LIST_TAIL)
        while listTypeNext(li, entry):
            vector.append(redisSortObject(listTypeGet(entry)))
        listTypeReleaseIterator(li)
    elif sortval.type == OBJ_SET:
        si = setTypeInitIterator(sortval)
        while True:
            sdsele = setTypeNextObject(si)
            if sdsele is None:
                break
            vector.append(redisSortObject(createObject(OBJ_STRING, sdsele)))
        setTypeReleaseIterator(si)
    elif sortval.type == OBJ_ZSET and dontsort:
        zsl = sortval.ptr.zsl
        rangelen = vectorlen
        if desc:
            zsetlen = dictSize(sortval.ptr.dict)
            ln = zsl.tail
            if start > 0:
                ln = zslGetElementByRank(zsl, zsetlen - start)
        else:
            ln = zsl.header.forward
            if start > 0:
                ln = zslGetElementByRank(zsl, start + 1)
        while rangelen > 0:
            rangelen -= 1
            serverAssertWithInfo(c, sortval, ln is not None)
            vector.append(redisSortObject(createStringObject(ln.ele)))
            ln = ln.backward if desc else ln.forward
        end -= start
        start = 0
    elif sortval.type == OBJ_ZSET:
        for de in dict_entries(sortval.ptr.dict):
            vector.append(redisSortObject(createStringObject(de.key)))
    else:
        serverPanic("Unknown type")
    serverAssertWithInfo(c, sortval, len(vector) == max(vectorlen, 0))

    if not dontsort:
        for so in vector:
            if sortby is not None:
                byval = lookupKeyByPattern(c.db, sortby, so.obj, storekey is not None)
                if byval is None:
                    continue
            else:
                byval = so.obj
            if alpha:
                if sortby is not None:
                    so.cmpobj = getDecodedObject(byval)
            elif sdsEncodedObject(byval) or byval.encoding == OBJ_ENCODING_INT:
                ok, so.score = sort_score(byval)
                if not ok:
                    int_conversion_error = 1
            else:
                serverAssertWithInfo(c, sortval, False)

        server.sort_desc = desc
        server.sort_alpha = alpha
        server.sort_bypattern = 1 if sortby is not None else 0
        server.sort_store = 1 if storekey is not None else 0
        if not alpha:
            # Only identical elements compare equal, so every sort algorithm gives C's order.
            vector.sort(key=numeric_sort_key, reverse=bool(desc))
        elif sortby is not None and (start != 0 or end != vectorlen - 1):
            pqsort(vector, sortCompare, start, end)
        else:
            vector.sort(key=cmp_to_key(sortCompare))                    # qsort

    outputlen = getop * (end - start + 1) if getop else end - start + 1
    if int_conversion_error:
        addReplyError(c, b"One or more scores can't be converted into double")
    elif storekey is None:
        addReplyArrayLen(c, outputlen)
        for so in vector[start:end + 1] if end >= start else ():
            if not getop:
                addReplyBulk(c, so.obj)
            for sop in operations:
                val = lookupKeyByPattern(c.db, sop.pattern, so.obj, 0)
                serverAssertWithInfo(c, sortval, sop.type == SORT_OP_GET)
                if val is None:
                    addReplyNull(c)
                else:
                    addReplyBulk(c, val)
    else:
        sobj = createQuicklistObject()
        for so in vector[start:end + 1] if end >= start else ():
            if not getop:
                listTypePush(sobj, so.obj, LIST_TAIL)
                continue
            for sop in operations:
                val = lookupKeyByPattern(c.db, sop.pattern, so.obj, 1)
                serverAssertWithInfo(c, sortval, sop.type == SORT_OP_GET)
                if val is None:
                    val = createStringObject(b"")
                listTypePush(sobj, val, LIST_TAIL)
        if outputlen:
            setKey(c, c.db, storekey, sobj)
            notifyKeyspaceEvent(NOTIFY_LIST, b"sortstore", storekey, c.db.id)
            server.dirty += outputlen
        elif dbDelete(c.db, storekey):
            signalModifiedKey(c, c.db, storekey)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", storekey, c.db.id)
            server.dirty += 1
        addReplyLongLong(c, outputlen)
