"""db_scan.py - SCAN, and what HSCAN, SSCAN and ZSCAN share with it.     Mirrors src/db.c 700-960 (6.2.14)

Lives here   the cursor, the iteration over any collection, the name of a type.  Below types/, which call it.
Called from  SCAN in db_command.py; HSCAN, SSCAN, ZSCAN in types/ [command].
Departures   none.
Extend       a new type: getObjectTypeName, and scanGenericCommand if it can be scanned.
"""
import errno

from datastructs.dict import dictScan
from datastructs.intset import intsetGet
from datastructs.util import stringmatchlen, strtoul
from datastructs.ziplist import ziplistGet, ziplistIndex, ziplistNext
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulk, addReplyBulkLongLong, addReplyError, addReplyErrorObject,
)
from server.keyspace.db import expireIfNeeded, LOOKUP_NOTOUCH, lookupKeyReadWithFlags
from server.log import serverAssert, serverPanic
from server.object import createStringObject, createStringObjectFromLongLong, getLongFromObjectOrReply, object_get_bytes
from server.server_h import (
    C_ERR, C_OK, OBJ_ENCODING_HT, OBJ_ENCODING_SKIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET,
    shared,
)


def scanCallback(privdata, de):
    """Append the key of an entry, and the value that belongs to it, to the list privdata[0] as string objects."""
    keys, o = privdata
    val = None
    if o is None or o.type == OBJ_SET:
        key = createStringObject(de.key)
    elif o.type == OBJ_HASH:
        key = createStringObject(de.key)
        val = createStringObject(de.val)
    elif o.type == OBJ_ZSET:
        key = createStringObject(de.key)
        val = createStringObject(b"%.17g" % de.val)         # createStringObjectFromLongDouble
    else:
        serverPanic("Type not handled in SCAN callback.")
    keys.append(key)
    if val is not None:
        keys.append(val)


def parseScanCursorOrReply(c, o):
    """Read a cursor -> (C_OK, 0 .. 2^64-1), or (C_ERR, 0) when an error was replied.

    C: strtoul(), so a sign is allowed, "-1" wraps around, and an empty string is 0.
    """
    cursor, rest, errno_ = strtoul(o.ptr)
    if o.ptr[:1].isspace() or rest or errno_ == errno.ERANGE:
        addReplyError(c, b"invalid cursor")
        return C_ERR, 0
    return C_OK, cursor


def scanGenericCommand(c, o, cursor):
    """SCAN (o is None), HSCAN, SSCAN, ZSCAN: options, one step of iteration, filter, reply.

    A value that is no hash table is small and is returned whole, with cursor 0.
    """
    keys = []
    count = 10
    pat = None
    typename = None
    use_pattern = False

    serverAssert(o is None or o.type == OBJ_SET or o.type == OBJ_HASH or o.type == OBJ_ZSET)

    # Step 1: Parse options.
    i = 2 if o is None else 3      # argv[1] is the key, if any, and the cursor comes before the options
    while i < c.argc:
        j = c.argc - i
        opt = c.argv[i].ptr.lower()
        if opt == b"count" and j >= 2:
            ok, count = getLongFromObjectOrReply(c, c.argv[i + 1])
            if ok != C_OK:
                return
            if count < 1:
                addReplyErrorObject(c, shared.syntaxerr)
                return
            i += 2
        elif opt == b"match" and j >= 2:
            pat = c.argv[i + 1].ptr
            use_pattern = pat != b"*"
            i += 2
        elif opt == b"type" and o is None and j >= 2:
            typename = c.argv[i + 1].ptr
            i += 2
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return

    # Step 2: Iterate the collection.
    ht = None
    if o is None:
        ht = c.db.dict
    elif o.encoding == OBJ_ENCODING_HT:
        ht = o.ptr
        if o.type == OBJ_HASH:
            count *= 2             # `keys` holds both fields and values
    elif o.encoding == OBJ_ENCODING_SKIPLIST:
        ht = o.ptr.dict
        count *= 2

    if ht is not None:
        # A nearly empty table may need many buckets for one key: visit at most ten times COUNT.
        maxiterations = count * 10
        privdata = (keys, o)
        while True:
            cursor = dictScan(ht, cursor, scanCallback, None, privdata)
            if not cursor or maxiterations == 0 or len(keys) >= count:
                break
            maxiterations -= 1
    elif o.type == OBJ_SET:
        pos = 0
        while True:
            ok, ll = intsetGet(o.ptr, pos)
            if not ok:
                break
            keys.append(createStringObjectFromLongLong(ll))
            pos += 1
        cursor = 0
    elif o.type == OBJ_HASH or o.type == OBJ_ZSET:
        zl = o.ptr
        p = ziplistIndex(zl, 0)
        while p is not None:
            v = ziplistGet(zl, p)
            keys.append(createStringObjectFromLongLong(v) if type(v) is int else createStringObject(v))
            p = ziplistNext(zl, p)
        serverAssert(not len(keys) & 1)             # each field has a value
        cursor = 0
    else:
        serverPanic("Not handled encoding in SCAN.")

    # Step 3: Filter elements.
    pairs = o is not None and (o.type == OBJ_ZSET or o.type == OBJ_HASH)
    kept = []
    for j in range(0, len(keys), 2 if pairs else 1):
        kobj = keys[j]
        filter_ = 0
        if use_pattern and not stringmatchlen(pat, object_get_bytes(kobj), 0):
            filter_ = 1
        # Keep only elements of the requested type.
        if not filter_ and o is None and typename is not None:
            typecheck = lookupKeyReadWithFlags(c.db, kobj, LOOKUP_NOTOUCH)
            if typename.lower() != getObjectTypeName(typecheck):
                filter_ = 1
        # Remove expired keys.
        if not filter_ and o is None and expireIfNeeded(c.db, kobj):
            filter_ = 1
        if not filter_:
            kept.append(kobj)
            if pairs:                               # match only the field, and remove its value with it
                kept.append(keys[j + 1])

    # Step 4: Reply to the client.
    addReplyArrayLen(c, 2)
    addReplyBulkLongLong(c, cursor)

    addReplyArrayLen(c, len(kept))
    for kobj in kept:
        addReplyBulk(c, kobj)


def getObjectTypeName(o):
    """The word TYPE replies, as bytes; None is "none"."""
    if o is None:
        return b"none"
    if o.type == OBJ_STRING:
        return b"string"
    if o.type == OBJ_LIST:
        return b"list"
    if o.type == OBJ_SET:
        return b"set"
    if o.type == OBJ_ZSET:
        return b"zset"
    if o.type == OBJ_HASH:
        return b"hash"
    if o.type == OBJ_STREAM:
        return b"stream"
    return b"unknown"
