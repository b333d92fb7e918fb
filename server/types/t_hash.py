"""t_hash.py - hashes and their commands.                         Mirrors src/t_hash.c (6.2.14)

Lives here   the hash type in its two encodings (hashType*); HSET HMSET HSETNX HGET HMGET HDEL HLEN HSTRLEN HINCRBY
             HINCRBYFLOAT HKEYS HVALS HGETALL HEXISTS HSCAN HRANDFIELD.
Called from  call() [command]; RDB and AOF (iterators, conversion, validation); SORT; COPY.
Calls out    datastructs.ziplist, datastructs.dict, keyspace.db, keyspace.notify.
State        server.hash_max_ziplist_entries, server.hash_max_ziplist_value: bounds of the ziplist encoding.
Invariant    OBJ_ENCODING_ZIPLIST: field, value, field, value ... in order of insertion; OBJ_ENCODING_HT: a dict_ of
             bytes -> bytes. A hash only ever changes from ZIPLIST to HT.
Departures   an out-parameter pair (string, integer) is one result, bytes or int. HASH_SET_TAKE_* only said who owns
             the strings, so hashTypeSet has no flags in effect.
"""

from datastructs.dict import (
    dictCreate, dictAdd, dictFind, dictSize, dictDelete, dictUnlink, dictExpand, dictResize, dictGetIterator,
    dictNext, dictReleaseIterator, dictGetRandomKey, dictGetFairRandomKey, dict_entries, hashDictType, DICT_OK,
)
from datastructs.util import (
    LLONG_MAX, LLONG_MIN, LONG_MAX, LD_STR_HUMAN, ld, ldadd, ldisnan, ldisinf, ld2string, sdigits10, string2ld,
    string2ll,
)
from datastructs.ziplist import (
    ZIPLIST_HEAD, ZIPLIST_TAIL, ziplistIndex, ziplistFind, ziplistNext, ziplistGet, ziplistReplace, ziplistPush,
    ziplistDelete, ziplistLen, ziplistSafeToAdd, ziplistValidateIntegrity, ziplistRandomPair, ziplistRandomPairs,
    ziplistRandomPairsUnique,
)
from server.log import serverAssert, serverLogHexDump, serverPanic
from server.server_h import (
    server, shared, C_OK, C_ERR, CLIENT_CLOSE_ASAP, LL_WARNING, NOTIFY_HASH, NOTIFY_GENERIC, OBJ_HASH, OBJ_HASH_KEY,
    OBJ_HASH_VALUE, OBJ_ENCODING_ZIPLIST, OBJ_ENCODING_HT,
)
from server.object import (
    checkType, createObject, createHashObject, createRawStringObject, createStringObject,
    createStringObjectFromLongLong, getLongLongFromObjectOrReply, getLongDoubleFromObjectOrReply,
    getRangeLongFromObjectOrReply, sdsEncodedObject,
)
from server.client.networking import rewriteClientCommandArgument
from server.client.networking_reply import (
    addReply, addReplyError, addReplyErrorObject, addReplyErrorFormat, addReplyLongLong, addReplyNull,
    addReplyBulkCBuffer, addReplyBulkLongLong, addReplyArrayLen, addReplyMapLen,
)
from server.keyspace.db import (
    lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, lookupKeyWriteOrReply,
    dbAdd, dbDelete, signalModifiedKey,
)
from server.keyspace.db_scan import parseScanCursorOrReply, scanGenericCommand
from server.keyspace.notify import notifyKeyspaceEvent
from server.server_state import htNeedsResize


# ---------------------------------------------------------------------------
# Hash type API
# ---------------------------------------------------------------------------

def hashTypeTryConversion(o, argv, start, end):
    """Before argv[start..end] is added: turn a ziplist into a dict if one of them, or all together, is too long for it."""
    sum_ = 0
    if o.encoding != OBJ_ENCODING_ZIPLIST:
        return
    for i in range(start, end + 1):
        if not sdsEncodedObject(argv[i]):
            continue
        len_ = len(argv[i].ptr)
        if len_ > server.hash_max_ziplist_value:
            hashTypeConvert(o, OBJ_ENCODING_HT)
            return
        sum_ += len_
    if not ziplistSafeToAdd(o.ptr, sum_):
        hashTypeConvert(o, OBJ_ENCODING_HT)


def hashTypeGetFromZiplist(o, field):
    """Look up `field` -> its value, bytes or int; None when there is no such field."""
    vptr = None
    serverAssert(o.encoding == OBJ_ENCODING_ZIPLIST)
    zl = o.ptr
    fptr = ziplistIndex(zl, ZIPLIST_HEAD)
    if fptr is not None:
        fptr = ziplistFind(zl, fptr, field, 1)
        if fptr is not None:
            vptr = ziplistNext(zl, fptr)                    # fptr is the field
            serverAssert(vptr is not None)
    if vptr is not None:
        value = ziplistGet(zl, vptr)
        serverAssert(value is not None)
        return value
    return None


def hashTypeGetFromHashTable(o, field):
    """Look up `field` -> its value, bytes, or None."""
    serverAssert(o.encoding == OBJ_ENCODING_HT)
    de = dictFind(o.ptr, field)
    return None if de is None else de.val


def hashTypeGetValue(o, field):
    """Look up `field` in either encoding -> (C_OK, bytes or int), or (C_ERR, None)."""
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        value = hashTypeGetFromZiplist(o, field)
    elif o.encoding == OBJ_ENCODING_HT:
        value = hashTypeGetFromHashTable(o, field)
    else:
        serverPanic("Unknown hash encoding")
    return (C_ERR, None) if value is None else (C_OK, value)


def hashTypeGetValueObject(o, field):
    """Look up `field` -> its value as a new string object, or None."""
    ok, value = hashTypeGetValue(o, field)
    if ok == C_ERR:
        return None
    return createStringObjectFromLongLong(value) if type(value) is int else createStringObject(value)


def hashTypeGetValueLength(o, field):
    """Tell the length of the value of `field`, 0 when there is none."""
    ok, value = hashTypeGetValue(o, field)
    if ok == C_ERR:
        return 0
    return sdigits10(value) if type(value) is int else len(value)


def hashTypeExists(o, field):
    ok, _ = hashTypeGetValue(o, field)
    return 1 if ok == C_OK else 0


HASH_SET_TAKE_FIELD = 1 << 0
HASH_SET_TAKE_VALUE = 1 << 1
HASH_SET_COPY = 0


def hashTypeSet(o, field, value, flags=HASH_SET_COPY):
    """Set a field, both bytes -> 0 when it is new, 1 when it was overwritten.  May convert the encoding."""
    update = 0
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        zl = o.ptr
        fptr = ziplistIndex(zl, ZIPLIST_HEAD)
        if fptr is not None:
            fptr = ziplistFind(zl, fptr, field, 1)
            if fptr is not None:
                vptr = ziplistNext(zl, fptr)                # fptr is the field
                serverAssert(vptr is not None)
                update = 1
                zl = ziplistReplace(zl, vptr, value)
        if not update:
            zl = ziplistPush(zl, field, ZIPLIST_TAIL)
            zl = ziplistPush(zl, value, ZIPLIST_TAIL)
        o.ptr = zl
        if hashTypeLength(o) > server.hash_max_ziplist_entries:
            hashTypeConvert(o, OBJ_ENCODING_HT)
    elif o.encoding == OBJ_ENCODING_HT:
        de = dictFind(o.ptr, field)
        if de is not None:
            de.val = value
            update = 1
        else:
            dictAdd(o.ptr, field, value)
    else:
        serverPanic("Unknown hash encoding")
    return update


def hashTypeDelete(o, field):
    """Delete a field -> 1 when it was there, else 0."""
    deleted = 0
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        zl = o.ptr
        fptr = ziplistIndex(zl, ZIPLIST_HEAD)
        if fptr is not None:
            fptr = ziplistFind(zl, fptr, field, 1)
            if fptr is not None:
                zl, fptr = ziplistDelete(zl, fptr)          # the field
                zl, fptr = ziplistDelete(zl, fptr)          # the value
                o.ptr = zl
                deleted = 1
    elif o.encoding == OBJ_ENCODING_HT:
        if dictDelete(o.ptr, field) == DICT_OK:
            deleted = 1
            if htNeedsResize(o.ptr):
                dictResize(o.ptr)
    else:
        serverPanic("Unknown hash encoding")
    return deleted


def hashTypeLength(o):
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        return ziplistLen(o.ptr) // 2
    if o.encoding == OBJ_ENCODING_HT:
        return dictSize(o.ptr)
    serverPanic("Unknown hash encoding")


class hashTypeIterator:
    """Walks a hash that is not changed meanwhile."""
    __slots__ = ("subject", "encoding", "fptr", "vptr", "di", "de")

    def __init__(self):
        self.subject = None        # robj
        self.encoding = 0          # of the subject
        self.fptr = None           # ZIPLIST: offsets of the current field and value
        self.vptr = None
        self.di = None             # HT: dictIterator
        self.de = None             # HT: current entry


def hashTypeInitIterator(subject):
    hi = hashTypeIterator()
    hi.subject = subject
    hi.encoding = subject.encoding
    if hi.encoding == OBJ_ENCODING_ZIPLIST:
        pass
    elif hi.encoding == OBJ_ENCODING_HT:
        hi.di = dictGetIterator(subject.ptr)
    else:
        serverPanic("Unknown hash encoding")
    return hi


def hashTypeReleaseIterator(hi):
    if hi.encoding == OBJ_ENCODING_HT:
        dictReleaseIterator(hi.di)


def hashTypeNext(hi):
    """Go to the next field -> C_OK, C_ERR at the end."""
    if hi.encoding == OBJ_ENCODING_ZIPLIST:
        zl = hi.subject.ptr
        if hi.fptr is None:
            serverAssert(hi.vptr is None)
            fptr = ziplistIndex(zl, 0)
        else:
            serverAssert(hi.vptr is not None)
            fptr = ziplistNext(zl, hi.vptr)
        if fptr is None:
            return C_ERR
        vptr = ziplistNext(zl, fptr)
        serverAssert(vptr is not None)
        hi.fptr = fptr
        hi.vptr = vptr
    elif hi.encoding == OBJ_ENCODING_HT:
        hi.de = dictNext(hi.di)
        if hi.de is None:
            return C_ERR
    else:
        serverPanic("Unknown hash encoding")
    return C_OK


def hashTypeCurrentFromZiplist(hi, what):
    """Read the field (OBJ_HASH_KEY) or the value at the iterator -> bytes or int."""
    serverAssert(hi.encoding == OBJ_ENCODING_ZIPLIST)
    value = ziplistGet(hi.subject.ptr, hi.fptr if what & OBJ_HASH_KEY else hi.vptr)
    serverAssert(value is not None)
    return value


def hashTypeCurrentFromHashTable(hi, what):
    """Read the field or the value at the iterator -> bytes."""
    serverAssert(hi.encoding == OBJ_ENCODING_HT)
    return hi.de.key if what & OBJ_HASH_KEY else hi.de.val


def hashTypeCurrentObject(hi, what):
    """Read the field or the value at the iterator in either encoding -> bytes or int."""
    if hi.encoding == OBJ_ENCODING_ZIPLIST:
        return hashTypeCurrentFromZiplist(hi, what)
    if hi.encoding == OBJ_ENCODING_HT:
        return hashTypeCurrentFromHashTable(hi, what)
    serverPanic("Unknown hash encoding")


def hashTypeCurrentObjectNewSds(hi, what):
    """Read the field or the value at the iterator -> always bytes."""
    value = hashTypeCurrentObject(hi, what)
    return b"%d" % value if type(value) is int else value


def hashTypeLookupWriteOrCreate(c, key):
    """Look up the hash at `key`, and create it if it is missing -> object, or None when WRONGTYPE was replied."""
    o = lookupKeyWrite(c.db, key)
    if checkType(c, o, OBJ_HASH):
        return None
    if o is None:
        o = createHashObject()
        dbAdd(c.db, key, o)
    return o


def hashTypeConvertZiplist(o, enc):
    serverAssert(o.encoding == OBJ_ENCODING_ZIPLIST)
    if enc == OBJ_ENCODING_ZIPLIST:
        pass
    elif enc == OBJ_ENCODING_HT:
        hi = hashTypeInitIterator(o)
        d = dictCreate(hashDictType)
        while hashTypeNext(hi) != C_ERR:
            key = hashTypeCurrentObjectNewSds(hi, OBJ_HASH_KEY)
            value = hashTypeCurrentObjectNewSds(hi, OBJ_HASH_VALUE)
            if dictAdd(d, key, value) != DICT_OK:
                serverLogHexDump(LL_WARNING, "ziplist with dup elements dump", o.ptr)
                serverPanic("Ziplist corruption detected")
        hashTypeReleaseIterator(hi)
        o.encoding = OBJ_ENCODING_HT
        o.ptr = d
    else:
        serverPanic("Unknown hash encoding")


def hashTypeConvert(o, enc):
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        hashTypeConvertZiplist(o, enc)
    elif o.encoding == OBJ_ENCODING_HT:
        serverPanic("Not implemented")
    else:
        serverPanic("Unknown hash encoding")


def hashTypeDup(o):
    """Copy the hash -> new object in the same encoding, for COPY."""
    serverAssert(o.type == OBJ_HASH)
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        hobj = createObject(OBJ_HASH, bytearray(o.ptr))
        hobj.encoding = OBJ_ENCODING_ZIPLIST
    elif o.encoding == OBJ_ENCODING_HT:
        d = dictCreate(hashDictType)
        dictExpand(d, dictSize(o.ptr))
        for de in dict_entries(o.ptr):
            dictAdd(d, de.key, de.val)
        hobj = createObject(OBJ_HASH, d)
        hobj.encoding = OBJ_ENCODING_HT
    else:
        serverPanic("Unknown hash encoding")
    return hobj


def _hashZiplistEntryValidation(zl, p, userdata):
    """Called for each entry: fields stand at even places and may not repeat.  userdata is [count, set of fields]."""
    if userdata[0] & 1 == 0:
        value = ziplistGet(zl, p)
        if value is None:
            return 0
        field = b"%d" % value if type(value) is int else value
        if field in userdata[1]:
            return 0
        userdata[1].add(field)
    userdata[0] += 1
    return 1


def hashZiplistValidateIntegrity(zl, size, deep):
    """Check a ziplist that came from outside -> 1 if it is a sane hash, else 0.  With `deep` 0 only its header is looked at."""
    if not deep:
        return ziplistValidateIntegrity(zl, size, 0, None, None)
    data = [0, set()]
    ret = ziplistValidateIntegrity(zl, size, 1, _hashZiplistEntryValidation, data)
    if data[0] & 1:
        ret = 0
    return ret


def hashSdsFromZiplistEntry(e):
    """Give a ziplist entry (bytes or int) as bytes."""
    return b"%d" % e if type(e) is int else e


def hashReplyFromZiplistEntry(c, e):
    """Reply a ziplist entry (bytes or int) as a bulk string."""
    if type(e) is int:
        addReplyBulkLongLong(c, e)
    else:
        addReplyBulkCBuffer(c, e)


def hashTypeRandomElement(hashobj, hashsize):
    """Draw an element of a hash that is not empty -> (field, value), each bytes or int."""
    if hashobj.encoding == OBJ_ENCODING_HT:
        de = dictGetFairRandomKey(hashobj.ptr)
        return de.key, de.val
    if hashobj.encoding == OBJ_ENCODING_ZIPLIST:
        return ziplistRandomPair(hashobj.ptr, hashsize)
    serverPanic("Unknown hash encoding")


# ---------------------------------------------------------------------------
# Hash type commands
# ---------------------------------------------------------------------------

def hsetnxCommand(c):
    """HSETNX key field value -> 1 or 0   [write, denyoom, fast]"""
    argv = c.argv
    o = hashTypeLookupWriteOrCreate(c, argv[1])
    if o is None:
        return
    hashTypeTryConversion(o, argv, 2, 3)
    if hashTypeExists(o, argv[2].ptr):
        addReply(c, shared.czero)
    else:
        hashTypeSet(o, argv[2].ptr, argv[3].ptr, HASH_SET_COPY)
        addReply(c, shared.cone)
        signalModifiedKey(c, c.db, argv[1])
        notifyKeyspaceEvent(NOTIFY_HASH, b"hset", argv[1], c.db.id)
        server.dirty += 1


def hsetCommand(c):
    """HSET key field value [field value ...] -> fields created; HMSET -> OK   [write, denyoom, fast]"""
    created = 0
    if c.argc % 2 == 1:
        addReplyErrorFormat(c, b"wrong number of arguments for '%s' command", c.cmd.name)
        return
    o = hashTypeLookupWriteOrCreate(c, c.argv[1])
    if o is None:
        return
    hashTypeTryConversion(o, c.argv, 2, c.argc - 1)
    for i in range(2, c.argc, 2):
        created += not hashTypeSet(o, c.argv[i].ptr, c.argv[i + 1].ptr, HASH_SET_COPY)
    # This proc serves both commands: the reply depends on the name, hSet or hMset, by which it was called.
    cmdname = c.argv[0].ptr
    if cmdname[1:2] in (b"s", b"S"):
        addReplyLongLong(c, created)
    else:
        addReply(c, shared.ok)
    signalModifiedKey(c, c.db, c.argv[1])
    notifyKeyspaceEvent(NOTIFY_HASH, b"hset", c.argv[1], c.db.id)
    server.dirty += (c.argc - 2) // 2


def hincrbyCommand(c):
    """HINCRBY key field increment -> int   [write, denyoom, fast]"""
    argv = c.argv
    ok, incr = getLongLongFromObjectOrReply(c, argv[3])
    if ok != C_OK:
        return
    o = hashTypeLookupWriteOrCreate(c, argv[1])
    if o is None:
        return
    ok, value = hashTypeGetValue(o, argv[2].ptr)
    if ok == C_OK:
        if type(value) is not int:
            ok, value = string2ll(value)
            if not ok:
                addReplyError(c, b"hash value is not an integer")
                return
    else:
        value = 0

    value += incr
    if value > LLONG_MAX or value < LLONG_MIN:
        addReplyError(c, b"increment or decrement would overflow")
        return
    hashTypeSet(o, argv[2].ptr, b"%d" % value, HASH_SET_TAKE_VALUE)
    addReplyLongLong(c, value)
    signalModifiedKey(c, c.db, argv[1])
    notifyKeyspaceEvent(NOTIFY_HASH, b"hincrby", argv[1], c.db.id)
    server.dirty += 1


def hincrbyfloatCommand(c):
    """HINCRBYFLOAT key field increment -> value   [write, denyoom, fast]"""
    argv = c.argv
    ok, incr = getLongDoubleFromObjectOrReply(c, argv[3])
    if ok != C_OK:
        return
    if ldisnan(incr) or ldisinf(incr):
        addReplyError(c, b"value is NaN or Infinity")
        return
    o = hashTypeLookupWriteOrCreate(c, argv[1])
    if o is None:
        return
    ok, value = hashTypeGetValue(o, argv[2].ptr)
    if ok == C_OK:
        if type(value) is int:
            value = ld(value)
        else:
            ok, value = string2ld(value)
            if not ok:
                addReplyError(c, b"hash value is not a float")
                return
    else:
        value = ld(0)

    value = ldadd(value, incr)
    if ldisnan(value) or ldisinf(value):
        addReplyError(c, b"increment would produce NaN or Infinity")
        return
    buf = ld2string(value, LD_STR_HUMAN)
    hashTypeSet(o, argv[2].ptr, buf, HASH_SET_TAKE_VALUE)
    addReplyBulkCBuffer(c, buf)
    signalModifiedKey(c, c.db, argv[1])
    notifyKeyspaceEvent(NOTIFY_HASH, b"hincrbyfloat", argv[1], c.db.id)
    server.dirty += 1

    # Propagate the result, so that replicas and the AOF do not repeat the float arithmetic.
    rewriteClientCommandArgument(c, 0, shared.hset)
    rewriteClientCommandArgument(c, 3, createRawStringObject(buf))


def addHashFieldToReply(c, o, field):
    """Reply the value of a field, nil when hash (None) or field do not exist."""
    if o is None:
        addReplyNull(c)
        return
    if o.encoding == OBJ_ENCODING_ZIPLIST:
        value = hashTypeGetFromZiplist(o, field)
        if value is None:
            addReplyNull(c)
        elif type(value) is int:
            addReplyBulkLongLong(c, value)
        else:
            addReplyBulkCBuffer(c, value)
    elif o.encoding == OBJ_ENCODING_HT:
        value = hashTypeGetFromHashTable(o, field)
        if value is None:
            addReplyNull(c)
        else:
            addReplyBulkCBuffer(c, value)
    else:
        serverPanic("Unknown hash encoding")


def hgetCommand(c):
    """HGET key field -> value or nil   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if o is None or checkType(c, o, OBJ_HASH):
        return
    addHashFieldToReply(c, o, c.argv[2].ptr)


def hmgetCommand(c):
    """HMGET key field [field ...] -> array of values or nil   [read-only, fast]"""
    o = lookupKeyRead(c.db, c.argv[1])
    if checkType(c, o, OBJ_HASH):
        return
    addReplyArrayLen(c, c.argc - 2)
    for i in range(2, c.argc):
        addHashFieldToReply(c, o, c.argv[i].ptr)


def hdelCommand(c):
    """HDEL key field [field ...] -> fields deleted   [write, fast]"""
    key = c.argv[1]
    deleted = keyremoved = 0
    o = lookupKeyWriteOrReply(c, key, shared.czero)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    for j in range(2, c.argc):
        if hashTypeDelete(o, c.argv[j].ptr):
            deleted += 1
            if hashTypeLength(o) == 0:
                dbDelete(c.db, key)
                keyremoved = 1
                break
    if deleted:
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_HASH, b"hdel", key, c.db.id)
        if keyremoved:
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        server.dirty += deleted
    addReplyLongLong(c, deleted)


def hlenCommand(c):
    """HLEN key -> int   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    addReplyLongLong(c, hashTypeLength(o))


def hstrlenCommand(c):
    """HSTRLEN key field -> int   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    addReplyLongLong(c, hashTypeGetValueLength(o, c.argv[2].ptr))


def addHashIteratorCursorToReply(c, hi, what):
    """Reply the field or the value at the iterator as a bulk string."""
    if hi.encoding == OBJ_ENCODING_ZIPLIST:
        value = hashTypeCurrentFromZiplist(hi, what)
        if type(value) is int:
            addReplyBulkLongLong(c, value)
        else:
            addReplyBulkCBuffer(c, value)
    elif hi.encoding == OBJ_ENCODING_HT:
        value = hashTypeCurrentFromHashTable(hi, what)
        addReplyBulkCBuffer(c, value)
    else:
        serverPanic("Unknown hash encoding")


def genericHgetallCommand(c, flags):
    """HKEYS, HVALS (an array) and HGETALL (a map), by the OBJ_HASH_* in flags."""
    count = 0
    both = flags & OBJ_HASH_KEY and flags & OBJ_HASH_VALUE
    emptyResp = shared.emptymap[c.resp] if both else shared.emptyarray
    o = lookupKeyReadOrReply(c, c.argv[1], emptyResp)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    length = hashTypeLength(o)
    if both:
        addReplyMapLen(c, length)
    else:
        addReplyArrayLen(c, length)
    hi = hashTypeInitIterator(o)
    while hashTypeNext(hi) != C_ERR:
        if flags & OBJ_HASH_KEY:
            addHashIteratorCursorToReply(c, hi, OBJ_HASH_KEY)
            count += 1
        if flags & OBJ_HASH_VALUE:
            addHashIteratorCursorToReply(c, hi, OBJ_HASH_VALUE)
            count += 1
    hashTypeReleaseIterator(hi)
    # Check that as many elements were replied as announced.
    if both:
        count //= 2
    serverAssert(count == length)


def hkeysCommand(c):
    """HKEYS key -> array   [read-only, to-sort]"""
    genericHgetallCommand(c, OBJ_HASH_KEY)


def hvalsCommand(c):
    """HVALS key -> array   [read-only, to-sort]"""
    genericHgetallCommand(c, OBJ_HASH_VALUE)


def hgetallCommand(c):
    """HGETALL key -> map   [read-only, random]"""
    genericHgetallCommand(c, OBJ_HASH_KEY | OBJ_HASH_VALUE)


def hexistsCommand(c):
    """HEXISTS key field -> 1 or 0   [read-only, fast]"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    addReply(c, shared.cone if hashTypeExists(o, c.argv[2].ptr) else shared.czero)


def hscanCommand(c):
    """HSCAN key cursor [MATCH pattern] [COUNT count] -> [cursor, [field, value ...]]   [read-only, random]"""
    ok, cursor = parseScanCursorOrReply(c, c.argv[2])
    if ok == C_ERR:
        return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.emptyscan)
    if o is None or checkType(c, o, OBJ_HASH):
        return
    scanGenericCommand(c, o, cursor)


def harndfieldReplyWithZiplist(c, keys, vals):
    """Reply pairs; vals None means fields only.  RESP3 gets pairs as arrays, RESP2 a flat sequence."""
    for i, key in enumerate(keys):
        if vals is not None and c.resp > 2:
            addReplyArrayLen(c, 2)
        hashReplyFromZiplistEntry(c, key)
        if vals is not None:
            hashReplyFromZiplistEntry(c, vals[i])


# If the hash is less than this many times bigger than the sample, copy it and remove random fields.
HRANDFIELD_SUB_STRATEGY_MUL = 3

# Maximum of pairs drawn from a ziplist at a time, which limits the memory for a huge count.
HRANDFIELD_RANDOM_SAMPLE_LIMIT = 1000


def hrandfieldWithCountCommand(c, l, withvalues):
    hash_ = lookupKeyReadOrReply(c, c.argv[1], shared.emptyarray)
    if hash_ is None or checkType(c, hash_, OBJ_HASH):
        return
    size = hashTypeLength(hash_)
    uniq = 1
    if l >= 0:
        count = l
    else:
        count = -l
        uniq = 0

    if count == 0:
        addReply(c, shared.emptyarray)
        return

    # CASE 1: the count is negative: draw independently, with repeats, in random order.
    if not uniq or count == 1:
        if withvalues and c.resp == 2:
            addReplyArrayLen(c, count * 2)
        else:
            addReplyArrayLen(c, count)
        if hash_.encoding == OBJ_ENCODING_HT:
            while count:
                count -= 1
                de = dictGetFairRandomKey(hash_.ptr)
                if withvalues and c.resp > 2:
                    addReplyArrayLen(c, 2)
                addReplyBulkCBuffer(c, de.key)
                if withvalues:
                    addReplyBulkCBuffer(c, de.val)
                if c.flags & CLIENT_CLOSE_ASAP:
                    break
        elif hash_.encoding == OBJ_ENCODING_ZIPLIST:
            limit = min(count, HRANDFIELD_RANDOM_SAMPLE_LIMIT)
            while count:
                sample_count = min(count, limit)
                count -= sample_count
                keys, vals = ziplistRandomPairs(hash_.ptr, sample_count)
                harndfieldReplyWithZiplist(c, keys, vals if withvalues else None)
                if c.flags & CLIENT_CLOSE_ASAP:
                    break
        return

    reply_size = min(count, size)
    if withvalues and c.resp == 2:
        addReplyArrayLen(c, reply_size * 2)
    else:
        addReplyArrayLen(c, reply_size)

    # CASE 2: the count is at least the size: reply the whole hash.
    if count >= size:
        hi = hashTypeInitIterator(hash_)
        while hashTypeNext(hi) != C_ERR:
            if withvalues and c.resp > 2:
                addReplyArrayLen(c, 2)
            addHashIteratorCursorToReply(c, hi, OBJ_HASH_KEY)
            if withvalues:
                addHashIteratorCursorToReply(c, hi, OBJ_HASH_VALUE)
        hashTypeReleaseIterator(hi)
        return

    # CASE 3: the count is a big part of the hash: most draws would repeat earlier ones, so copy the hash
    # and remove random fields until `count` are left.
    if count * HRANDFIELD_SUB_STRATEGY_MUL > size:
        d = dictCreate(hashDictType)
        dictExpand(d, size)
        hi = hashTypeInitIterator(hash_)
        while hashTypeNext(hi) != C_ERR:
            key = hashTypeCurrentObjectNewSds(hi, OBJ_HASH_KEY)
            value = hashTypeCurrentObjectNewSds(hi, OBJ_HASH_VALUE) if withvalues else None
            serverAssert(dictAdd(d, key, value) == DICT_OK)
        serverAssert(dictSize(d) == size)
        hashTypeReleaseIterator(hi)

        while size > count:
            de = dictGetRandomKey(d)
            dictUnlink(d, de.key)
            size -= 1

        for de in dict_entries(d):
            if withvalues and c.resp > 2:
                addReplyArrayLen(c, 2)
            addReplyBulkCBuffer(c, de.key)
            if withvalues:
                addReplyBulkCBuffer(c, de.val)

    # CASE 4: the count is a small part of a big hash: draw until `count` different fields were found.
    else:
        if hash_.encoding == OBJ_ENCODING_ZIPLIST:
            # Use one pass, since each single draw would walk the ziplist.
            picked, keys, vals = ziplistRandomPairsUnique(hash_.ptr, count)
            serverAssert(picked == count)
            harndfieldReplyWithZiplist(c, keys, vals if withvalues else None)
            return

        added = 0
        d = dictCreate(hashDictType)
        dictExpand(d, count)
        while added < count:
            key, value = hashTypeRandomElement(hash_, size)
            if dictAdd(d, hashSdsFromZiplistEntry(key), None) != DICT_OK:
                continue
            added += 1
            if withvalues and c.resp > 2:
                addReplyArrayLen(c, 2)
            hashReplyFromZiplistEntry(c, key)
            if withvalues:
                hashReplyFromZiplistEntry(c, value)


def hrandfieldCommand(c):
    """HRANDFIELD key [count [WITHVALUES]] -> field, or array   [read-only, random]"""
    if c.argc >= 3:
        withvalues = 0
        ok, l = getRangeLongFromObjectOrReply(c, c.argv[2], -LONG_MAX, LONG_MAX)
        if ok != C_OK:
            return
        if c.argc > 4 or (c.argc == 4 and c.argv[3].ptr.lower() != b"withvalues"):
            addReplyErrorObject(c, shared.syntaxerr)
            return
        if c.argc == 4:
            withvalues = 1
            if l < -(LONG_MAX // 2) or l > LONG_MAX // 2:
                addReplyError(c, b"value is out of range")
                return
        hrandfieldWithCountCommand(c, l, withvalues)
        return

    hash_ = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if hash_ is None or checkType(c, hash_, OBJ_HASH):
        return
    field, _ = hashTypeRandomElement(hash_, hashTypeLength(hash_))
    hashReplyFromZiplistEntry(c, field)
