"""object.py - values: strings, their encodings, numbers in them.      Mirrors src/object.c (6.2.14), lines 30-770

Lives here   createObject and its sisters, tryObjectEncoding, getDecodedObject, comparison,
             get{Long,LongLong,Double,...}FromObjectOrReply, strEncoding.
             object_command.py has the rest of object.c: memory figures, OBJECT, MEMORY.
Called from  everywhere [command] [read].
Calls out    addReplyError* (up), the constructors of the data structures.
State        none.
Invariant    o.ptr fits o.encoding (see server_h.robj).  Shared objects are never changed.
Departures   refcount is always 1, or OBJ_SHARED_REFCOUNT.  A value is freed with its last Python reference.
"""
import locale
from typing import TYPE_CHECKING

from datastructs.dict import dictCreate, setDictType, zsetDictType
from datastructs.intset import intsetNew
from datastructs.quicklist import quicklistCreate
from datastructs.sds import sdsRemoveFreeSpace, sdsavail
from datastructs.util import (
    INT_MAX, INT_MIN, LD_STR_AUTO, LD_STR_HUMAN, LONG_MAX, ld, ld2string, string2d, string2l, string2ld, string2ll,
    to_llong,
)
from datastructs.ziplist import ziplistNew
from datastructs.zskiplist import zset, zslCreate
from server.log import serverAssert, serverAssertWithInfo, serverPanic
from server.lru import LFU_INIT_VAL, LFUGetTimeInMinutes
from server.server_h import (
    C_ERR, C_OK, MAXMEMORY_FLAG_LFU, MAXMEMORY_FLAG_NO_SHARED_INTEGERS, OBJ_ENCODING_EMBSTR,
    OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW,
    OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_STREAM, OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET,
    OBJ_SHARED_INTEGERS, OBJ_SHARED_REFCOUNT, OBJ_STREAM, OBJ_STRING, OBJ_ZSET, robj, server, shared,
)

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.client.networking_reply import addReplyError, addReplyErrorFormat, addReplyErrorObject
    from server.types.t_stream import streamNew


# ----------------------------------------------------------------------------
# Creation and parsing of objects
# ----------------------------------------------------------------------------


def createObject(type_, ptr):
    """Create a RAW object of any type -> object; the caller sets another encoding.  HOT"""
    o = robj()
    o.type = type_
    o.encoding = OBJ_ENCODING_RAW
    o.ptr = ptr
    o.refcount = 1
    if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
        o.lru = (LFUGetTimeInMinutes() << 8) | LFU_INIT_VAL
    else:
        o.lru = server.lruclock                     # LRU_CLOCK: hz is at least 1, so always use the cached clock
    return o


def makeObjectShared(o):
    serverAssert(o.refcount == 1)
    o.refcount = OBJ_SHARED_REFCOUNT
    return o


def createRawStringObject(s):
    return createObject(OBJ_STRING, s)


def createEmbeddedStringObject(s):
    """Create an EMBSTR object, which is never changed in place; `s` must be bytes -> object.  HOT"""
    o = robj()
    o.type = OBJ_STRING
    o.encoding = OBJ_ENCODING_EMBSTR
    o.ptr = s
    o.refcount = 1
    if server.maxmemory_policy & MAXMEMORY_FLAG_LFU:
        o.lru = (LFUGetTimeInMinutes() << 8) | LFU_INIT_VAL
    else:
        o.lru = server.lruclock                     # LRU_CLOCK: hz is at least 1, so always use the cached clock
    return o


#: C: with 44 bytes, object and string together just fill a 64-byte block of jemalloc.
OBJ_ENCODING_EMBSTR_SIZE_LIMIT = 44


def createStringObject(s):
    """Create a string object of `s` (bytes), EMBSTR up to 44 bytes, else RAW -> object.  HOT"""
    if len(s) <= OBJ_ENCODING_EMBSTR_SIZE_LIMIT:
        return createEmbeddedStringObject(s)
    return createRawStringObject(s)


def tryCreateRawStringObject(s):
    """createRawStringObject for bytes of any length (C: does not abort when there is no memory)."""
    return createObject(OBJ_STRING, s)


def tryCreateStringObject(s):
    """createStringObject for bytes of any length (C: does not abort when there is no memory)."""
    if len(s) <= OBJ_ENCODING_EMBSTR_SIZE_LIMIT:
        return createEmbeddedStringObject(s)
    return tryCreateRawStringObject(s)


def createStringObjectFromLongLongWithOptions(value, valueobj):
    """Create an INT object, or take a shared integer if possible -> object.

    valueobj = 1: it becomes a value of the keyspace, so under an LRU or LFU policy it needs an lru field of its own.
    """
    if server.maxmemory == 0 or not server.maxmemory_policy & MAXMEMORY_FLAG_NO_SHARED_INTEGERS:
        valueobj = 0
    if 0 <= value < OBJ_SHARED_INTEGERS and valueobj == 0:
        return shared.integers[value]
    o = createObject(OBJ_STRING, to_llong(value))
    o.encoding = OBJ_ENCODING_INT
    return o


def createStringObjectFromLongLong(value):
    return createStringObjectFromLongLongWithOptions(value, 0)


def createStringObjectFromLongLongForValue(value):
    return createStringObjectFromLongLongWithOptions(value, 1)


def createStringObjectFromLongDouble(value, humanfriendly):
    """Create a string object; humanfriendly = 1: no exponent and no trailing zeros (INCRBYFLOAT, HINCRBYFLOAT) -> object."""
    return createStringObject(ld2string(value, LD_STR_HUMAN if humanfriendly else LD_STR_AUTO))


def dupStringObject(o):
    """Copy a string object -> new object with the same encoding, never shared."""
    serverAssert(o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_RAW:
        return createRawStringObject(bytes(o.ptr))
    if o.encoding == OBJ_ENCODING_EMBSTR:
        return createEmbeddedStringObject(o.ptr)
    if o.encoding == OBJ_ENCODING_INT:
        d = createObject(OBJ_STRING, o.ptr)
        d.encoding = OBJ_ENCODING_INT
        return d
    serverPanic("Wrong encoding.")


def createQuicklistObject():
    o = createObject(OBJ_LIST, quicklistCreate())
    o.encoding = OBJ_ENCODING_QUICKLIST
    return o


def createSetObject():
    o = createObject(OBJ_SET, dictCreate(setDictType))
    o.encoding = OBJ_ENCODING_HT
    return o


def createIntsetObject():
    o = createObject(OBJ_SET, intsetNew())
    o.encoding = OBJ_ENCODING_INTSET
    return o


def createHashObject():
    o = createObject(OBJ_HASH, ziplistNew())
    o.encoding = OBJ_ENCODING_ZIPLIST
    return o


def createZsetObject():
    o = createObject(OBJ_ZSET, zset(dictCreate(zsetDictType), zslCreate()))
    o.encoding = OBJ_ENCODING_SKIPLIST
    return o


def createZsetZiplistObject():
    o = createObject(OBJ_ZSET, ziplistNew())
    o.encoding = OBJ_ENCODING_ZIPLIST
    return o


def createStreamObject():
    o = createObject(OBJ_STREAM, streamNew())
    o.encoding = OBJ_ENCODING_STREAM
    return o


# A value is freed with its last reference.  Values with reference cycles (quicklist, zskiplist, the entries of a consumer group)
# cut them in their own __del__, so C's freeStringObject() ... freeStreamObject() are not needed.

def decrRefCount(o):
    """Nothing: see the header."""


def checkType(c, o, type_):
    """Reply WRONGTYPE if the object has another type -> 1, or 0: it has not, or the key is empty (None)."""
    if o is not None and o.type != type_:
        addReplyErrorObject(c, shared.wrongtypeerr)
        return 1
    return 0


def isSdsRepresentableAsLongLong(s):
    ok, llval = string2ll(s)
    return (C_OK, llval) if ok else (C_ERR, 0)


def sdsEncodedObject(o):
    return o.encoding == OBJ_ENCODING_RAW or o.encoding == OBJ_ENCODING_EMBSTR


def trimStringObjectIfNeeded(o):
    """Give spare room back if it is more than 10% of the string.  `bytes` have none."""
    if o.encoding == OBJ_ENCODING_RAW and sdsavail(o.ptr) > len(o.ptr) // 10:
        o.ptr = sdsRemoveFreeSpace(o.ptr)


def tryObjectEncoding(o):
    """Find the smallest form of a string object -> a shared integer, INT, EMBSTR, or `o` itself.  HOT

    The result replaces `o` at the caller (argv[j] = tryObjectEncoding(argv[j])).
    """
    if o.type != OBJ_STRING:
        serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding != OBJ_ENCODING_RAW and o.encoding != OBJ_ENCODING_EMBSTR:        # sdsEncodedObject
        return o
    # A shared object may be used where no other encoding is expected.
    if o.refcount > 1:
        return o
    s = o.ptr
    length = len(s)
    ok = 0
    if length <= 20:
        ok, value = string2l(s)
    if ok:
        # With an LRU or LFU policy each value needs its own lru field.
        if ((server.maxmemory == 0 or not server.maxmemory_policy & MAXMEMORY_FLAG_NO_SHARED_INTEGERS) and
                0 <= value < OBJ_SHARED_INTEGERS):
            return shared.integers[value]
        if o.encoding == OBJ_ENCODING_RAW:
            o.encoding = OBJ_ENCODING_INT
            o.ptr = value
            return o
        return createStringObjectFromLongLongForValue(value)
    if length <= OBJ_ENCODING_EMBSTR_SIZE_LIMIT:
        if o.encoding == OBJ_ENCODING_EMBSTR:
            return o
        return createEmbeddedStringObject(bytes(s))
    # The string is long: only free its spare room.
    trimStringObjectIfNeeded(o)
    return o


def getDecodedObject(o):
    """`o` itself, or for INT a new object with the digits: o.ptr is bytes-like in the result."""
    encoding = o.encoding
    if encoding == OBJ_ENCODING_RAW or encoding == OBJ_ENCODING_EMBSTR:
        return o
    if o.type == OBJ_STRING and encoding == OBJ_ENCODING_INT:
        return createStringObject(b"%d" % o.ptr)
    serverPanic("Unknown encoding type")


def object_get_bytes(o):
    """Return the value of a string object in any encoding as bytes."""
    ptr = o.ptr
    if ptr.__class__ is bytes:
        return ptr
    if o.encoding == OBJ_ENCODING_INT:
        return b"%d" % ptr
    return bytes(ptr)


REDIS_COMPARE_BINARY = 1 << 0
REDIS_COMPARE_COLL = 1 << 1


def compareStringObjectsWithFlags(a, b, flags):
    """Negative, 0 or positive, as strcmp() or strcoll()."""
    serverAssertWithInfo(None, a, a.type == OBJ_STRING and b.type == OBJ_STRING)
    if a is b:
        return 0
    astr = object_get_bytes(a)
    bstr = object_get_bytes(b)
    if flags & REDIS_COMPARE_COLL:
        return locale.strcoll(collation_text(astr), collation_text(bstr))
    return (astr > bstr) - (astr < bstr)


def collation_text(s):
    """Return what strcoll() sees of `b`: the text up to the first zero byte."""
    end = s.find(b"\0")
    if end != -1:
        s = s[:end]
    try:
        return s.decode("utf-8")
    except UnicodeDecodeError:
        return s.decode("latin-1")


def compareStringObjects(a, b):
    return compareStringObjectsWithFlags(a, b, REDIS_COMPARE_BINARY)


def collateStringObjects(a, b):
    return compareStringObjectsWithFlags(a, b, REDIS_COMPARE_COLL)


def equalStringObjects(a, b):
    if a.encoding == OBJ_ENCODING_INT and b.encoding == OBJ_ENCODING_INT:
        return a.ptr == b.ptr
    return compareStringObjects(a, b) == 0


def stringObjectLen(o):
    serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_INT:
        return len(str(o.ptr))
    return len(o.ptr)


def getDoubleFromObject(o):
    """Return (C_OK, double) or (C_ERR, 0.0); None counts as 0."""
    if o is None:
        return C_OK, 0.0
    if o.type != OBJ_STRING:
        serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_INT:
        return C_OK, float(o.ptr)
    ok, value = string2d(o.ptr)
    return (C_OK, value) if ok else (C_ERR, 0.0)


def getDoubleFromObjectOrReply(c, o, msg=None):
    ok, value = getDoubleFromObject(o)
    if ok != C_OK:
        addReplyError(c, msg if msg is not None else b"value is not a valid float")
    return ok, value


def getLongDoubleFromObject(o):
    """Return (C_OK, longdouble) or (C_ERR, None); None counts as 0."""
    if o is None:
        return C_OK, ld(0)
    serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_INT:
        return C_OK, ld(o.ptr)
    ok, value = string2ld(o.ptr)
    return (C_OK, value) if ok else (C_ERR, None)


def getLongDoubleFromObjectOrReply(c, o, msg=None):
    ok, value = getLongDoubleFromObject(o)
    if ok != C_OK:
        addReplyError(c, msg if msg is not None else b"value is not a valid float")
    return ok, value


def getLongLongFromObject(o):
    """Return (C_OK, n) or (C_ERR, 0); None counts as 0."""
    if o is None:
        return C_OK, 0
    if o.type != OBJ_STRING:
        serverAssertWithInfo(None, o, o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_INT:
        return C_OK, o.ptr
    ok, value = string2ll(o.ptr)
    return (C_OK, value) if ok else (C_ERR, 0)


def getLongLongFromObjectOrReply(c, o, msg=None):
    """Read a string object as a 64 bit integer -> (C_OK, value), or (C_ERR, 0) after an error reply."""
    ok, value = getLongLongFromObject(o)
    if ok != C_OK:
        addReplyError(c, msg if msg is not None else b"value is not an integer or out of range")
    return ok, value


def getLongFromObjectOrReply(c, o, msg=None):
    """As getLongLongFromObjectOrReply.  C checks the range of a long, which is that of a long long here."""
    return getLongLongFromObjectOrReply(c, o, msg)


def getRangeLongFromObjectOrReply(c, o, min_, max_, msg=None):
    ok, value = getLongFromObjectOrReply(c, o, msg)
    if ok != C_OK:
        return C_ERR, 0
    if value < min_ or value > max_:
        if msg is not None:
            addReplyError(c, msg)
        else:
            addReplyErrorFormat(c, b"value is out of range, value must between %d and %d", min_, max_)
        return C_ERR, 0
    return C_OK, value


def getPositiveLongFromObjectOrReply(c, o, msg=None):
    if msg is not None:
        return getRangeLongFromObjectOrReply(c, o, 0, LONG_MAX, msg)
    return getRangeLongFromObjectOrReply(c, o, 0, LONG_MAX, b"value is out of range, must be positive")


def getIntFromObjectOrReply(c, o, msg=None):
    return getRangeLongFromObjectOrReply(c, o, INT_MIN, INT_MAX, msg)


ENCODING_NAMES = {
    OBJ_ENCODING_RAW: b"raw", OBJ_ENCODING_INT: b"int", OBJ_ENCODING_HT: b"hashtable",
    OBJ_ENCODING_QUICKLIST: b"quicklist", OBJ_ENCODING_ZIPLIST: b"ziplist", OBJ_ENCODING_INTSET: b"intset",
    OBJ_ENCODING_SKIPLIST: b"skiplist", OBJ_ENCODING_EMBSTR: b"embstr", OBJ_ENCODING_STREAM: b"stream",
}


def strEncoding(encoding):
    return ENCODING_NAMES.get(encoding, b"unknown")
