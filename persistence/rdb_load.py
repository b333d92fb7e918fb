"""rdb_load.py - reading the RDB format.        Mirrors the rdbLoad* half of src/rdb.c (6.2.14)

Lives here   rdbReportError, the decoders of every field, rdbLoadObject, rdbLoadRio, rdbLoad, the loading state.
             rdb_load_stream.py: streams, the longest of the types.
Called from  main, loadAppendOnlyFile, DEBUG RELOAD [startup, command]; readSyncBulkPayload [read]; restoreCommand
             [command]; redis_check_rdb.
Calls out    rio, lzf, the data structures and types, processEventsWhileBlocked (clients are served while loading).
State        server.loading*; rdbFileBeingLoaded: name of the file, for the check after an error; rdbCheckMode: 1 in
             aeredis-check-rdb (C: redis-check-rdb.c).
Contract     a decoder that reaches the end of the stream returns None, or RDB_LENERR for a length; errors in the data
             are reported by rdbReportError, with the line of rdb.c, so that messages are the same as C's.
Departures   version 10 (Redis 7.0) is loaded too, but not from a master: listpacks become ziplists (D-43).
             rdbLoadObject -> (object, error).
"""
import errno
import os
import struct
import sys
from typing import TYPE_CHECKING

from ae.monotonic import mstime, unix_time
from datastructs.dict import DICT_OK, dictAdd, dictExpand, dictTryExpand
from datastructs.intset import intsetAdd, intsetLen, intsetValidateIntegrity
from datastructs.listpack import lpFirst, lpGet, lpLength, lpNext, lpValidateIntegrity
from datastructs.lzf import lzf_decompress
from datastructs.quicklist import (
    quicklistAppendZiplist, quicklistCount, quicklistPushTail, quicklistSetOptions)
from datastructs.util import atoi, string2ll, strtod, strtol, strtoll, to_llong
from datastructs.ziplist import (ZIPLIST_TAIL, ziplistLen, ziplistNew, ziplistPush, ziplistSafeToAdd,
                                 ziplistValidateIntegrity)
from datastructs.zipmap import zipmapNext, zipmapRewind, zipmapValidateIntegrity
from datastructs.zskiplist import zslInsert
from persistence.rdb_h import (
    RDBFLAGS_ALLOW_DUP, RDBFLAGS_AOF_PREAMBLE, RDBFLAGS_REPLICATION, RDB_14BITLEN, RDB_32BITLEN, RDB_64BITLEN,
    RDB_6BITLEN, RDB_ENCVAL, RDB_ENC_INT16, RDB_ENC_INT32, RDB_ENC_INT8, RDB_ENC_LZF, RDB_LENERR, RDB_LOAD_ENC,
    RDB_LOAD_ERR_EMPTY_KEY, RDB_LOAD_ERR_OTHER, RDB_LOAD_NONE, RDB_LOAD_PLAIN, RDB_LOAD_SDS,
    RDB_MODULE_OPCODE_DOUBLE, RDB_MODULE_OPCODE_EOF, RDB_MODULE_OPCODE_FLOAT, RDB_MODULE_OPCODE_SINT,
    RDB_MODULE_OPCODE_STRING, RDB_MODULE_OPCODE_UINT, RDB_OPCODE_AUX, RDB_OPCODE_EOF, RDB_OPCODE_EXPIRETIME,
    RDB_OPCODE_EXPIRETIME_MS, RDB_OPCODE_FREQ, RDB_OPCODE_FUNCTION, RDB_OPCODE_FUNCTION2, RDB_OPCODE_IDLE,
    RDB_OPCODE_MODULE_AUX, RDB_OPCODE_RESIZEDB, RDB_OPCODE_SELECTDB, RDB_TYPE_HASH, RDB_TYPE_HASH_LISTPACK,
    RDB_TYPE_HASH_ZIPLIST, RDB_TYPE_HASH_ZIPMAP, RDB_TYPE_LIST, RDB_TYPE_LIST_QUICKLIST, RDB_TYPE_LIST_QUICKLIST_2,
    RDB_TYPE_LIST_ZIPLIST, RDB_TYPE_MODULE, RDB_TYPE_MODULE_2, RDB_TYPE_SET, RDB_TYPE_SET_INTSET,
    RDB_TYPE_STREAM_LISTPACKS, RDB_TYPE_STREAM_LISTPACKS_2, RDB_TYPE_STRING, RDB_TYPE_ZSET, RDB_TYPE_ZSET_2,
    RDB_TYPE_ZSET_LISTPACK, RDB_TYPE_ZSET_ZIPLIST, RDB_VERSION, RDB_VERSION_READABLE, rdbIsObjectType)
from persistence.rdb_save import debugDelay
from persistence.rio import (
    rio, RIO_FILE_BUFFER, rioGenericUpdateChecksum, rioGetReadError, rioInitWithFile, rioRead)
from server.client.networking import processEventsWhileBlocked
from server.keyspace.db import dbAddRDBLoad, dbSyncDelete, setExpire
from server.keyspace.object_command import objectSetLRUOrLFU
from server.log import serverLog, serverPanic
from server.lru import LRU_CLOCK
from server.object import (
    createHashObject, createIntsetObject, createObject, createQuicklistObject, createSetObject, createStringObject,
    createStringObjectFromLongLongForValue, createZsetObject, getDecodedObject, tryCreateRawStringObject, tryCreateStringObject,
    tryObjectEncoding)
from server.scripting.scripting import luaCreateFunction
from server.server_h import (
    C_ERR, C_OK, CLIENT_MASTER, CONFIG_RUN_ID_SIZE, LL_DEBUG, LL_NOTICE, LL_VERBOSE, LL_WARNING,
    new_robj, OBJ_ENCODING_HT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW, OBJ_ENCODING_SKIPLIST,
    OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STRING, OBJ_ZSET, REPL_STATE_TRANSFER, SANITIZE_DUMP_CLIENTS,
    SANITIZE_DUMP_YES, server, USER_FLAG_SANITIZE_PAYLOAD_SKIP,
)
from server.server_state import blockingOperationEnds, blockingOperationStarts, iAmMaster
from server.types.t_hash import hashTypeConvert, hashTypeLength, hashZiplistValidateIntegrity
from server.types.t_list import listTypeConvert
from server.types.t_set import setTypeConvert
from server.types.t_zset import zsetConvert, zsetLength, zsetZiplistValidateIntegrity
from server.zmalloc import zmalloc_used_memory


if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from persistence.rdb_load_stream import rdbLoadObject_stream
    from persistence.redis_check_rdb import rdbCheckError, redis_check_rdb_main
    from replication.replication_slave import replicationSendNewlineToMaster

rdbFileBeingLoaded = None               # str while a file is loaded
rdbCheckMode = 0                        # 1 = we are aeredis-check-rdb, or the check after an error
DICT_HT_INITIAL_SIZE = 4
MAX_HINT = 1 << 22                      # maximum of buckets allocated from a hint in a file of unknown size

unpack_ms = struct.Struct("<q").unpack
unpack_i32 = struct.Struct("<i").unpack
unpack_double = struct.Struct("<d").unpack
unpack_float = struct.Struct("<f").unpack


def rdbReportError(corruption_error, linenum, reason, *args):
    """Tell what is wrong.  From a file: log it, check the file, exit.  From a socket: exit if the data are wrong, return
    if they only ended.  In RESTORE: a verbose log line.  In the checker: the checker's report."""
    msg = "Internal error in RDB reading offset %d, function at rdb.c:%d -> " % (server.loading_loaded_bytes, linenum)
    msg += reason % tuple(a.decode("utf-8", "surrogateescape") if isinstance(a, bytes) else a for a in args)

    if not server.loading:
        serverLog(LL_VERBOSE, "%s", msg)
        return
    if rdbCheckMode:
        rdbCheckError("%s", msg)
    elif rdbFileBeingLoaded is not None:
        serverLog(LL_WARNING, "%s", msg)
        redis_check_rdb_main(["", rdbFileBeingLoaded], None)
    elif corruption_error:
        serverLog(LL_WARNING, "%s. Failure loading rdb format", msg)
    else:
        serverLog(LL_WARNING, "%s. Failure loading rdb format from socket, assuming connection error, resuming "
                              "operation.", msg)
        return
    serverLog(LL_WARNING, "Terminating server after rdb file reading failure.")
    sys.exit(1)


def rdbReportCorruptRDB(linenum, reason, *args):
    rdbReportError(1, linenum, reason, *args)


def rdbReportReadError(linenum, reason, *args):
    rdbReportError(0, linenum, reason, *args)


def rdbLoadType(rdb):
    """Return a type or opcode, 0-255, or -1."""
    b = rioRead(rdb, 1)
    return b[0] if b is not None else -1


def rdbLoadTime(rdb):
    """Return old-style seconds, or -1."""
    b = rioRead(rdb, 4)
    return unpack_i32(b)[0] if b is not None else -1


def rdbLoadMillisecondTime(rdb, rdbver):
    """Return milliseconds; at the end of the stream LLONG_MAX, so look at rioGetReadError()."""
    b = rioRead(rdb, 8)
    return unpack_ms(b)[0] if b is not None else 0x7fffffffffffffff


def rdbLoadLenByRef(rdb):
    """Return (0 or -1, isencoded, length or encoding)."""
    isencoded = 0
    buf = rioRead(rdb, 1)
    if buf is None:
        return -1, isencoded, 0
    type_ = (buf[0] & 0xc0) >> 6
    if type_ == RDB_ENCVAL:
        # Read a 6 bit encoding type.
        isencoded = 1
        len_ = buf[0] & 0x3f
    elif type_ == RDB_6BITLEN:
        # Read a 6 bit len.
        len_ = buf[0] & 0x3f
    elif type_ == RDB_14BITLEN:
        # Read a 14 bit len.
        buf1 = rioRead(rdb, 1)
        if buf1 is None:
            return -1, isencoded, 0
        len_ = (buf[0] & 0x3f) << 8 | buf1[0]
    elif buf[0] == RDB_32BITLEN:
        # Read a 32 bit len.
        buf = rioRead(rdb, 4)
        if buf is None:
            return -1, isencoded, 0
        len_ = int.from_bytes(buf, "big")           # ntohl
    elif buf[0] == RDB_64BITLEN:
        # Read a 64 bit len.
        buf = rioRead(rdb, 8)
        if buf is None:
            return -1, isencoded, 0
        len_ = int.from_bytes(buf, "big")           # ntohu64
    else:
        rdbReportCorruptRDB(231, "Unknown length encoding %d in rdbLoadLen()", type_)
        return -1, isencoded, 0
    return 0, isencoded, len_


def rdbLoadLen(rdb):
    """Return a length, or RDB_LENERR."""
    ret, _, n = rdbLoadLenByRef(rdb)
    return n if ret == 0 else RDB_LENERR


def rdbLoadIntegerObject(rdb, enctype, flags):
    """Return an integer-encoded string, as bytes or as an object, as the flags say."""
    plain = flags & RDB_LOAD_PLAIN
    sds = flags & RDB_LOAD_SDS
    encode = flags & RDB_LOAD_ENC
    if enctype == RDB_ENC_INT8:
        enc = rioRead(rdb, 1)
    elif enctype == RDB_ENC_INT16:
        enc = rioRead(rdb, 2)
    elif enctype == RDB_ENC_INT32:
        enc = rioRead(rdb, 4)
    else:
        rdbReportCorruptRDB(303, "Unknown RDB integer encoding type %d", enctype)
        return None
    if enc is None:
        return None
    val = int.from_bytes(enc, "little", signed=True)
    if plain or sds:
        return b"%d" % val                          # ll2string
    if encode:
        return createStringObjectFromLongLongForValue(val)
    return createObject(OBJ_STRING, b"%d" % val)    # sdsfromlonglong


def rdbLoadLzfStringObject(rdb, flags):
    """Return a compressed string, as bytes or as an object."""
    clen = rdbLoadLen(rdb)
    if clen == RDB_LENERR:
        return None
    n = rdbLoadLen(rdb)
    if n == RDB_LENERR:
        return None
    data = rioRead(rdb, clen)
    if data is None:
        return None
    # One byte of input yields at most 264 / 3 bytes of output: do not allocate memory for a corrupt length.
    val = lzf_decompress(data, n) if n <= clen * 132 else None
    if val is None or len(val) != n:
        rdbReportCorruptRDB(415, "Invalid LZF compressed string")
        return None
    val = bytes(val)
    if flags & (RDB_LOAD_PLAIN | RDB_LOAD_SDS):
        return val
    return createObject(OBJ_STRING, val)


def rdbGenericLoadStringObject(rdb, flags):
    """Return a string as the flags say, or None at an error.

    RDB_LOAD_NONE   an object, not encoded.
    RDB_LOAD_ENC    an object, encoded if that saves memory: its ptr may be a number.
    RDB_LOAD_PLAIN, RDB_LOAD_SDS    bytes.
    """
    encode = flags & RDB_LOAD_ENC
    plain = flags & RDB_LOAD_PLAIN
    sds = flags & RDB_LOAD_SDS

    ret, isencoded, len_ = rdbLoadLenByRef(rdb)     # rdbLoadLen(rdb, &isencoded)
    if ret == -1:
        return None

    if isencoded:
        if len_ == RDB_ENC_INT8 or len_ == RDB_ENC_INT16 or len_ == RDB_ENC_INT32:
            return rdbLoadIntegerObject(rdb, len_, flags)
        if len_ == RDB_ENC_LZF:
            return rdbLoadLzfStringObject(rdb, flags)
        rdbReportCorruptRDB(531, "Unknown RDB string encoding type %d", len_)
        return None

    if len_ == RDB_LENERR:
        return None
    # C: allocates the string, then reads into it.
    buf = rioRead(rdb, len_) if len_ else b""
    if buf is None:
        return None
    if plain or sds:
        return buf
    return tryCreateStringObject(buf) if encode else tryCreateRawStringObject(buf)


def rdbLoadStringObject(rdb):
    return rdbGenericLoadStringObject(rdb, RDB_LOAD_NONE)


def rdbLoadEncodedStringObject(rdb):
    return rdbGenericLoadStringObject(rdb, RDB_LOAD_ENC)


def rdbLoadDoubleValue(rdb):
    """Return (0 or -1, a double stored as text)."""
    b = rioRead(rdb, 1)
    if b is None:
        return -1, 0.0
    n = b[0]
    if n == 255:
        return 0, float("-inf")
    if n == 254:
        return 0, float("inf")
    if n == 253:
        return 0, float("nan")
    b = rioRead(rdb, n)
    if b is None:
        return -1, 0.0
    value, used = strtod(b.partition(b"\x00")[0])           # C: sscanf(buf, "%lg", val)
    return (0, value) if used else (-1, 0.0)


def rdbLoadBinaryDoubleValue(rdb):
    """Return (0 or -1, double)."""
    b = rioRead(rdb, 8)
    return (0, unpack_double(b)[0]) if b is not None else (-1, 0.0)


def rdbLoadBinaryFloatValue(rdb):
    """Return (0 or -1, float)."""
    b = rioRead(rdb, 4)
    return (0, unpack_float(b)[0]) if b is not None else (-1, 0.0)


def rdbLoadObjectType(rdb, rdbver):
    """Return the type of a value, or -1 also when it is none in that version."""
    type_ = rdbLoadType(rdb)
    return type_ if rdbIsObjectType(type_, rdbver) else -1


ModuleTypeNameCharSet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def moduleTypeNameByID(moduleid):
    """Return the name in a module type ID: nine letters of six bits above ten bits of version (C: module.c)."""
    return "".join(ModuleTypeNameCharSet[moduleid >> (10 + 6 * j) & 63] for j in range(8, -1, -1))


def rdbLoadCheckModuleValue(rdb, modulename):
    """[check] Walk through a module's value by its opcodes -> a dummy object."""
    while (opcode := rdbLoadLen(rdb)) != RDB_MODULE_OPCODE_EOF:
        if opcode == RDB_MODULE_OPCODE_SINT or opcode == RDB_MODULE_OPCODE_UINT:
            if rdbLoadLenByRef(rdb)[0] == -1:
                rdbReportCorruptRDB(1499, "Error reading integer from module %s value", modulename)
        elif opcode == RDB_MODULE_OPCODE_STRING:
            if rdbGenericLoadStringObject(rdb, RDB_LOAD_NONE) is None:
                rdbReportCorruptRDB(1505, "Error reading string from module %s value", modulename)
        elif opcode == RDB_MODULE_OPCODE_FLOAT:
            if rdbLoadBinaryFloatValue(rdb)[0] == -1:
                rdbReportCorruptRDB(1512, "Error reading float from module %s value", modulename)
        elif opcode == RDB_MODULE_OPCODE_DOUBLE:
            if rdbLoadBinaryDoubleValue(rdb)[0] == -1:
                rdbReportCorruptRDB(1518, "Error reading double from module %s value", modulename)
        elif opcode == RDB_LENERR:                  # C loops here forever on a truncated file
            rdbReportCorruptRDB(1499, "Error reading integer from module %s value", modulename)
            break
    return createStringObject(b"module-dummy-value")

# ---------------------------------------------------------------------------
# Values
# ---------------------------------------------------------------------------


def rdb_expand_hint(rdb, n):
    """Return how many buckets to make for `n` elements, no more than the bytes to come allow."""
    left = MAX_HINT
    if rdb.fp is not None:
        left = server.loading_total_bytes
    elif rdb.ptr is not None:
        left = len(rdb.ptr) - rdb.pos
    return n if n < left else left


def deep_validation():
    """Tell whether a value that comes in now is checked to its last entry (C: deep_integrity_validation)."""
    if server.sanitize_dump_payload != SANITIZE_DUMP_CLIENTS:
        return 1 if server.sanitize_dump_payload == SANITIZE_DUMP_YES else 0
    # `clients`: neither files, nor the master, nor a user with skip-sanitize-payload.
    if server.loading:
        return 0
    c = server.current_client
    if c is not None:
        if c.flags & CLIENT_MASTER:
            return 0
        if c.user is not None and c.user.flags & USER_FLAG_SANITIZE_PAYLOAD_SKIP:
            return 0
    return 1


#: Exceptions that the data structures raise on blobs that only a deep check would have refused.
BROKEN_VALUE = (IndexError, ValueError, KeyError, TypeError, OverflowError, MemoryError, struct.error)
EMPTY_KEY = (None, RDB_LOAD_ERR_EMPTY_KEY)
OTHER_ERROR = (None, RDB_LOAD_ERR_OTHER)


def rdbLoadObject(rdbtype, rdb, key):
    """Read a value of that type -> (object, 0), or (None, RDB_LOAD_ERR_*).  `key` is bytes, for messages."""
    deep = deep_validation()
    if rdbtype == RDB_TYPE_STRING:
        o = rdbLoadEncodedStringObject(rdb)
        return (tryObjectEncoding(o), 0) if o is not None else OTHER_ERROR
    if rdbtype == RDB_TYPE_LIST:
        return rdbLoadObject_list(rdb)
    if rdbtype == RDB_TYPE_SET:
        return rdbLoadObject_set(rdb)
    if rdbtype == RDB_TYPE_ZSET_2 or rdbtype == RDB_TYPE_ZSET:
        return rdbLoadObject_zset(rdbtype, rdb)
    if rdbtype == RDB_TYPE_HASH:
        return rdbLoadObject_hash(rdb, deep)
    if rdbtype == RDB_TYPE_LIST_QUICKLIST or rdbtype == RDB_TYPE_LIST_QUICKLIST_2:
        return rdbLoadObject_quicklist(rdbtype, rdb, deep)
    if rdbtype in (RDB_TYPE_HASH_ZIPMAP, RDB_TYPE_LIST_ZIPLIST, RDB_TYPE_SET_INTSET, RDB_TYPE_ZSET_ZIPLIST,
                   RDB_TYPE_HASH_ZIPLIST, RDB_TYPE_HASH_LISTPACK, RDB_TYPE_ZSET_LISTPACK):
        return rdbLoadObject_blob(rdbtype, rdb, deep)
    if rdbtype == RDB_TYPE_STREAM_LISTPACKS or rdbtype == RDB_TYPE_STREAM_LISTPACKS_2:
        return rdbLoadObject_stream(rdbtype, rdb, deep)
    if rdbtype == RDB_TYPE_MODULE or rdbtype == RDB_TYPE_MODULE_2:
        moduleid = rdbLoadLen(rdb)
        if rioGetReadError(rdb):
            rdbReportReadError(2263, "Short read module id")
            return OTHER_ERROR
        name = moduleTypeNameByID(moduleid)
        if rdbCheckMode and rdbtype == RDB_TYPE_MODULE_2:
            return rdbLoadCheckModuleValue(rdb, name), 0
        rdbReportCorruptRDB(2277, "The RDB file contains module data I can't load: no matching module type '%s'", name)
        return OTHER_ERROR
    rdbReportReadError(2322, "Unknown RDB encoding type %d", rdbtype)
    return OTHER_ERROR


def rdbLoadObject_list(rdb):
    n = rdbLoadLen(rdb)
    if n == RDB_LENERR:
        return OTHER_ERROR
    if n == 0:
        return EMPTY_KEY
    o = createQuicklistObject()
    ql = o.ptr
    quicklistSetOptions(ql, server.list_max_ziplist_size, server.list_compress_depth)
    while n:
        n -= 1
        ele = rdbLoadEncodedStringObject(rdb)
        if ele is None:
            return OTHER_ERROR
        dec = getDecodedObject(ele)
        quicklistPushTail(ql, dec.ptr)
    return o, 0


def rdbLoadObject_set(rdb):
    n = rdbLoadLen(rdb)
    if n == RDB_LENERR:
        return OTHER_ERROR
    if n == 0:
        return EMPTY_KEY
    if n > min(server.set_max_intset_entries, 1 << 30):
        o = createSetObject()
        if n > DICT_HT_INITIAL_SIZE and dictTryExpand(o.ptr, rdb_expand_hint(rdb, n)) != DICT_OK:
            rdbReportCorruptRDB(1587, "OOM in dictTryExpand %d", n)
            return OTHER_ERROR
    else:
        o = createIntsetObject()

    for _ in range(n):
        ele = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if ele is None:
            return OTHER_ERROR
        if o.encoding == OBJ_ENCODING_INTSET:
            ok, llval = string2ll(ele)
            if ok:
                o.ptr, success = intsetAdd(o.ptr, llval)
                if not success:
                    rdbReportCorruptRDB(1611, "Duplicate set members detected")
                    return OTHER_ERROR
                continue
            setTypeConvert(o, OBJ_ENCODING_HT)
            if dictTryExpand(o.ptr, rdb_expand_hint(rdb, n)) != DICT_OK:
                rdbReportCorruptRDB(1619, "OOM in dictTryExpand %d", n)
                return OTHER_ERROR
        if dictAdd(o.ptr, ele, None) != DICT_OK:
            rdbReportCorruptRDB(1631, "Duplicate set members detected")
            return OTHER_ERROR
    return o, 0


def rdbLoadObject_zset(rdbtype, rdb):
    zsetlen = rdbLoadLen(rdb)
    if zsetlen == RDB_LENERR:
        return OTHER_ERROR
    if zsetlen == 0:
        return EMPTY_KEY
    maxelelen = totelelen = 0
    o = createZsetObject()
    zs = o.ptr
    if zsetlen > DICT_HT_INITIAL_SIZE and dictTryExpand(zs.dict, rdb_expand_hint(rdb, zsetlen)) != DICT_OK:
        rdbReportCorruptRDB(1653, "OOM in dictTryExpand %d", zsetlen)
        return OTHER_ERROR

    while zsetlen:
        zsetlen -= 1
        ele = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if ele is None:
            return OTHER_ERROR
        ret, score = rdbLoadBinaryDoubleValue(rdb) if rdbtype == RDB_TYPE_ZSET_2 else rdbLoadDoubleValue(rdb)
        if ret == -1:
            return OTHER_ERROR
        n = len(ele)
        if n > maxelelen:
            maxelelen = n
        totelelen += n
        if score != score:                          # C's skip list accepts a nan and then loses its order
            rdbReportCorruptRDB(1689, "Zset with NAN score detected")
            return OTHER_ERROR
        if dictAdd(zs.dict, ele, score) != DICT_OK:
            rdbReportCorruptRDB(1689, "Duplicate zset fields detected")
            return OTHER_ERROR
        zslInsert(zs.zsl, score, ele)

    # ORDER: after loading, since the elements are not stored in the order that a ziplist needs.
    if (zsetLength(o) <= server.zset_max_ziplist_entries and maxelelen <= server.zset_max_ziplist_value and
            ziplistSafeToAdd(None, totelelen)):
        zsetConvert(o, OBJ_ENCODING_ZIPLIST)
    return o, 0


def rdbLoadObject_hash(rdb, deep):
    n = rdbLoadLen(rdb)
    if n == RDB_LENERR:
        return OTHER_ERROR
    if n == 0:
        return EMPTY_KEY
    o = createHashObject()
    seen = None
    if n > server.hash_max_ziplist_entries:
        hashTypeConvert(o, OBJ_ENCODING_HT)
    elif deep:
        # A ziplist would accept a duplicate field, and the conversion to a dict would fail later (C: dupSearchDict).
        seen = set()

    while o.encoding == OBJ_ENCODING_ZIPLIST and n > 0:
        n -= 1
        field = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if field is None:
            return OTHER_ERROR
        value = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if value is None:
            return OTHER_ERROR
        if seen is not None:
            if field in seen:
                rdbReportCorruptRDB(1746, "Hash with dup elements")
                return OTHER_ERROR
            seen.add(field)
        limit = server.hash_max_ziplist_value
        if len(field) > limit or len(value) > limit or not ziplistSafeToAdd(o.ptr, len(field) + len(value)):
            hashTypeConvert(o, OBJ_ENCODING_HT)
            if dictAdd(o.ptr, field, value) != DICT_OK:
                rdbReportCorruptRDB(1764, "Duplicate hash fields detected")
                return OTHER_ERROR
            break
        o.ptr = ziplistPush(o.ptr, field, ZIPLIST_TAIL)
        o.ptr = ziplistPush(o.ptr, value, ZIPLIST_TAIL)

    if o.encoding == OBJ_ENCODING_HT and n > DICT_HT_INITIAL_SIZE:
        if dictTryExpand(o.ptr, rdb_expand_hint(rdb, n)) != DICT_OK:
            rdbReportCorruptRDB(1793, "OOM in dictTryExpand %d", n)
            return OTHER_ERROR
    while n > 0:
        n -= 1
        field = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if field is None:
            return OTHER_ERROR
        value = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if value is None:
            return OTHER_ERROR
        if dictAdd(o.ptr, field, value) != DICT_OK:
            rdbReportCorruptRDB(1816, "Duplicate hash fields detected")
            return OTHER_ERROR
    return o, 0


def listpack_to_ziplist(lp):
    """Return a ziplist with the elements of a listpack (ours, for files of Redis 7.0)."""
    zl = ziplistNew()
    p = lpFirst(lp)
    while p is not None:
        v = lpGet(lp, p)
        zl = ziplistPush(zl, v if type(v) is not int else b"%d" % v, ZIPLIST_TAIL)
        p = lpNext(lp, p)
    return zl


QUICKLIST_NODE_CONTAINER_PLAIN = 1      # version 10: a node that is one big element
QUICKLIST_NODE_CONTAINER_PACKED = 2     # version 10: a node that is a listpack


def rdbLoadObject_quicklist(rdbtype, rdb, deep):
    n = rdbLoadLen(rdb)
    if n == RDB_LENERR:
        return OTHER_ERROR
    if n == 0:
        return EMPTY_KEY
    o = createQuicklistObject()
    ql = o.ptr
    quicklistSetOptions(ql, server.list_max_ziplist_size, server.list_compress_depth)
    while n:
        n -= 1
        container = QUICKLIST_NODE_CONTAINER_PACKED
        if rdbtype == RDB_TYPE_LIST_QUICKLIST_2:
            container = rdbLoadLen(rdb)
            if container == RDB_LENERR:
                return OTHER_ERROR
            if container not in (QUICKLIST_NODE_CONTAINER_PLAIN, QUICKLIST_NODE_CONTAINER_PACKED):
                rdbReportCorruptRDB(1844, "Quicklist integrity check failed.")
                return OTHER_ERROR
        blob = rdbGenericLoadStringObject(rdb, RDB_LOAD_PLAIN)
        if blob is None:
            return OTHER_ERROR
        if container == QUICKLIST_NODE_CONTAINER_PLAIN:
            quicklistPushTail(ql, blob)
            continue
        if deep:
            server.stat_dump_payload_sanitizations += 1
        if rdbtype == RDB_TYPE_LIST_QUICKLIST_2:
            if not lpValidateIntegrity(blob, len(blob), 1):
                rdbReportCorruptRDB(1844, "Listpack integrity check failed.")
                return OTHER_ERROR
            zl = listpack_to_ziplist(blob)
        else:
            zl = bytearray(blob)
            if not ziplistValidateIntegrity(zl, len(zl), deep, None, None):
                rdbReportCorruptRDB(1844, "Ziplist integrity check failed.")
                return OTHER_ERROR
        if ziplistLen(zl) != 0:                     # empty nodes are dropped; a list with no other nodes fails below
            quicklistAppendZiplist(ql, zl)
    return (o, 0) if quicklistCount(ql) != 0 else EMPTY_KEY


def rdbLoadObject_blob(rdbtype, rdb, deep):
    """Values that are one blob: ziplist, intset, zipmap; listpack of version 10.

    The blob is taken over where the configuration allows so many entries.  Their sizes are not looked at: that would
    cost a walk, and everything is converted sooner or later.
    """
    encoded = rdbGenericLoadStringObject(rdb, RDB_LOAD_PLAIN)
    if encoded is None:
        return OTHER_ERROR
    size = len(encoded)
    encoded = bytearray(encoded)
    if rdbtype == RDB_TYPE_HASH_ZIPMAP:
        return rdbLoadObject_zipmap(encoded)

    if deep:
        server.stat_dump_payload_sanitizations += 1
    if rdbtype == RDB_TYPE_HASH_LISTPACK or rdbtype == RDB_TYPE_ZSET_LISTPACK:
        # The conversion walks through the whole ziplist anyway, so the deep check costs little.
        if not lpValidateIntegrity(encoded, size, 1) or lpLength(encoded) & 1:
            rdbReportCorruptRDB(1996, "%s listpack integrity check failed.",
                                "Hash" if rdbtype == RDB_TYPE_HASH_LISTPACK else "Zset")
            return OTHER_ERROR
        encoded = listpack_to_ziplist(encoded)
        size = len(encoded)
        rdbtype = RDB_TYPE_HASH_ZIPLIST if rdbtype == RDB_TYPE_HASH_LISTPACK else RDB_TYPE_ZSET_ZIPLIST

    o = createObject(OBJ_STRING, encoded)
    if rdbtype == RDB_TYPE_LIST_ZIPLIST:
        if not ziplistValidateIntegrity(encoded, size, deep, None, None):
            rdbReportCorruptRDB(1940, "List ziplist integrity check failed.")
            return OTHER_ERROR
        if ziplistLen(encoded) == 0:
            return EMPTY_KEY
        o.type = OBJ_LIST
        o.encoding = OBJ_ENCODING_ZIPLIST
        listTypeConvert(o, OBJ_ENCODING_QUICKLIST)
    elif rdbtype == RDB_TYPE_SET_INTSET:
        if not intsetValidateIntegrity(encoded, size, deep):
            rdbReportCorruptRDB(1961, "Intset integrity check failed.")
            return OTHER_ERROR
        o.type = OBJ_SET
        o.encoding = OBJ_ENCODING_INTSET
        if intsetLen(encoded) > server.set_max_intset_entries:
            setTypeConvert(o, OBJ_ENCODING_HT)
    elif rdbtype == RDB_TYPE_ZSET_ZIPLIST:
        if not zsetZiplistValidateIntegrity(encoded, size, deep):
            rdbReportCorruptRDB(1975, "Zset ziplist integrity check failed.")
            return OTHER_ERROR
        o.type = OBJ_ZSET
        o.encoding = OBJ_ENCODING_ZIPLIST
        if zsetLength(o) == 0:
            return EMPTY_KEY
        if zsetLength(o) > server.zset_max_ziplist_entries:
            zsetConvert(o, OBJ_ENCODING_SKIPLIST)
    elif rdbtype == RDB_TYPE_HASH_ZIPLIST:
        if not hashZiplistValidateIntegrity(encoded, size, deep):
            rdbReportCorruptRDB(1996, "Hash ziplist integrity check failed.")
            return OTHER_ERROR
        o.type = OBJ_HASH
        o.encoding = OBJ_ENCODING_ZIPLIST
        if hashTypeLength(o) == 0:
            return EMPTY_KEY
        if hashTypeLength(o) > server.hash_max_ziplist_entries:
            hashTypeConvert(o, OBJ_ENCODING_HT)
    return o, 0


def rdbLoadObject_zipmap(zm):
    """A hash of Redis 2.4 becomes a ziplist, or a dict where that would be too big."""
    if not zipmapValidateIntegrity(zm, len(zm), 1):
        rdbReportCorruptRDB(1887, "Zipmap integrity check failed.")
        return OTHER_ERROR
    zl = ziplistNew()
    seen = set()
    maxlen = 0
    zi, field, value = zipmapNext(zm, zipmapRewind(zm))
    while zi is not None:
        maxlen = max(maxlen, len(field), len(value))
        if field in seen or not ziplistSafeToAdd(zl, len(field) + len(value)):
            rdbReportCorruptRDB(1911, "Hash zipmap with dup elements, or big length (%d)", len(field))
            return OTHER_ERROR
        seen.add(field)
        zl = ziplistPush(zl, field, ZIPLIST_TAIL)
        zl = ziplistPush(zl, value, ZIPLIST_TAIL)
        zi, field, value = zipmapNext(zm, zi)
    o = createObject(OBJ_HASH, zl)
    o.encoding = OBJ_ENCODING_ZIPLIST
    if hashTypeLength(o) > server.hash_max_ziplist_entries or maxlen > server.hash_max_ziplist_value:
        hashTypeConvert(o, OBJ_ENCODING_HT)
    return o, 0

# ---------------------------------------------------------------------------
# Loading state
# ---------------------------------------------------------------------------


def startLoading(size, rdbflags):
    """A load of `size` bytes begins (0: not known): INFO shows it, most commands answer LOADING."""
    server.loading = 1
    server.loading_start_time = unix_time()
    server.loading_loaded_bytes = 0
    server.loading_total_bytes = size
    server.loading_rdb_used_mem = 0
    blockingOperationStarts()


def startLoadingFile(fp, filename, rdbflags):
    """Begin the load of a file; its name is kept for the check after an error."""
    global rdbFileBeingLoaded
    try:
        size = os.fstat(fp.fileno()).st_size
    except OSError:
        size = 0
    rdbFileBeingLoaded = filename
    startLoading(size, rdbflags)


def loadingProgress(pos):
    server.loading_loaded_bytes = pos
    used = zmalloc_used_memory()
    if server.stat_peak_memory < used:
        server.stat_peak_memory = used


def stopLoading(success):
    global rdbFileBeingLoaded
    server.loading = 0
    blockingOperationEnds()
    rdbFileBeingLoaded = None


def rdbLoadProgressCallback(r, buf):
    """Sum up the data, and every loading-process-events-interval-bytes serve the clients."""
    if server.rdb_checksum:
        rioGenericUpdateChecksum(r, buf)
    interval = server.loading_process_events_interval_bytes
    if interval and (r.processed_bytes + len(buf)) // interval > r.processed_bytes // interval:
        if server.masterhost and server.repl_state == REPL_STATE_TRANSFER:
            replicationSendNewlineToMaster()        # or the master would time us out
        loadingProgress(r.processed_bytes)
        processEventsWhileBlocked()

# ---------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------


def rdbLoadRio(rdb, rdbflags, rsi):
    """Load everything from the stream into the databases -> C_OK, or C_ERR where rdbReportError comes back, and for a
    stream that is none of ours, with the reason in rdb_load_errno().

    What opcodes say about the next key (expire, idle, freq) is kept until that key has been read.
    """
    db = server.db[0]
    empty_keys_skipped = expired_keys_skipped = keys_loaded = 0
    keyobj = new_robj(OBJ_STRING, OBJ_ENCODING_RAW, None)

    rdbver = rdbLoadRio_begin(rdb, rdbflags)
    if rdbver == -1:
        return C_ERR
    if rdbver > RDB_VERSION:
        rsi = None                                  # and do not continue that stream after a restart

    # Key-specific attributes, set by opcodes before the key type.
    lru_idle = lfu_freq = expiretime = -1
    now = mstime()
    lru_clock = LRU_CLOCK()

    while True:
        # Read type.
        type_ = rdbLoadType(rdb)
        if type_ == -1:
            return rdbLoadRio_eoferr()

        # Handle special types.
        if type_ == RDB_OPCODE_EXPIRETIME:
            expiretime = rdbLoadTime(rdb)
            expiretime *= 1000
            if rioGetReadError(rdb):
                return rdbLoadRio_eoferr()
            continue
        elif type_ == RDB_OPCODE_EXPIRETIME_MS:
            expiretime = rdbLoadMillisecondTime(rdb, rdbver)
            if rioGetReadError(rdb):
                return rdbLoadRio_eoferr()
            continue
        elif type_ == RDB_OPCODE_FREQ:
            byte = rioRead(rdb, 1)
            if byte is None:
                return rdbLoadRio_eoferr()
            lfu_freq = byte[0]
            continue
        elif type_ == RDB_OPCODE_IDLE:
            qword = rdbLoadLen(rdb)
            if qword == RDB_LENERR:
                return rdbLoadRio_eoferr()
            lru_idle = to_llong(qword)
            continue
        elif type_ == RDB_OPCODE_EOF:
            break
        elif type_ == RDB_OPCODE_SELECTDB:
            dbid = rdbLoadLen(rdb)
            if dbid == RDB_LENERR:
                return rdbLoadRio_eoferr()
            if dbid >= server.dbnum:
                serverLog(LL_WARNING, "FATAL: Data file was created with a Redis server configured to handle "
                                      "more than %d databases. Exiting\n", server.dbnum)
                sys.exit(1)
            db = server.db[dbid]
            continue
        elif type_ == RDB_OPCODE_RESIZEDB:
            # A hint about the sizes of the selected database, which avoids repeated rehashing.
            db_size = rdbLoadLen(rdb)
            if db_size == RDB_LENERR:
                return rdbLoadRio_eoferr()
            expires_size = rdbLoadLen(rdb)
            if expires_size == RDB_LENERR:
                return rdbLoadRio_eoferr()
            dictExpand(db.dict, rdb_expand_hint(rdb, db_size))
            dictExpand(db.expires, rdb_expand_hint(rdb, expires_size))
            continue
        elif type_ == RDB_OPCODE_AUX:
            if rdbLoadRio_aux(rdb, rsi) == C_ERR:
                return rdbLoadRio_eoferr()
            continue
        elif type_ == RDB_OPCODE_MODULE_AUX:
            if rdbLoadRio_moduleaux(rdb) == C_ERR:
                return rdbLoadRio_eoferr()
            continue
        elif rdbver >= 10 and (type_ == RDB_OPCODE_FUNCTION or type_ == RDB_OPCODE_FUNCTION2):      # C: does not come here
            rdbReportReadError(2322, "Unknown RDB encoding type %d: a library of functions (Redis 7.0)", type_)
            return rdbLoadRio_eoferr()

        # Read key
        key = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if key is None:
            return rdbLoadRio_eoferr()
        # Read value
        val, error = rdbLoadRio_value(rdb, type_, rdbver, key)

        if val is None:
            # Old bugs could create empty keys: drop them, without failing.
            if error == RDB_LOAD_ERR_EMPTY_KEY:
                if empty_keys_skipped < 10:
                    serverLog(LL_WARNING, "rdbLoadObject skipping empty key: %s", key)
                empty_keys_skipped += 1
            else:
                return rdbLoadRio_eoferr()
        elif iAmMaster() and not rdbflags & RDBFLAGS_AOF_PREAMBLE and expiretime != -1 and expiretime < now:
            # A replica keeps expired keys until the master's DEL; an AOF needs every key of its preamble.
            expired_keys_skipped += 1
        else:
            keyobj.ptr = key                        # initStaticStringObject

            # Add the new object in the hash table
            added = dbAddRDBLoad(db, key, val)
            keys_loaded += 1
            if not added:
                if rdbflags & RDBFLAGS_ALLOW_DUP:
                    # DEBUG RELOAD NOFLUSH: a new key replaces one of the same name.
                    dbSyncDelete(db, keyobj)
                    dbAddRDBLoad(db, key, val)
                else:
                    serverLog(LL_WARNING, "RDB has duplicated key '%s' in DB %d", key, db.id)
                    serverPanic("Duplicated key found in RDB file")

            # Set the expire time if needed
            if expiretime != -1:
                setExpire(None, db, keyobj, expiretime)

            # Set usage information (for eviction).
            objectSetLRUOrLFU(val, lfu_freq, lru_idle, lru_clock, 1000)

        # Loading the database more slowly is useful in order to test certain edge cases.
        if server.key_load_delay:
            debugDelay(server.key_load_delay)

        # Reset the attributes for the next key.
        expiretime = lfu_freq = lru_idle = -1

    return rdbLoadRio_end(rdb, rdbver, keys_loaded, expired_keys_skipped, empty_keys_skipped)


def rdbLoadRio_begin(rdb, rdbflags):
    """The first lines of rdbLoadRio: prepare the stream, read what it begins with -> the version, or -1."""
    global _rdbLoadRio_errno
    rdb.update_cksum = rdbLoadProgressCallback
    rdb.max_processing_chunk = server.loading_process_events_interval_bytes
    buf = rioRead(rdb, 9)
    if buf is None:
        rdbLoadRio_eoferr()
        return -1
    if buf[:5] != b"REDIS":
        serverLog(LL_WARNING, "Wrong signature trying to load DB from file")
        _rdbLoadRio_errno = errno.EINVAL
        return -1
    rdbver = atoi(buf[5:])
    # C: we load a file of Redis 7.0, but cannot follow the stream of a 7.0 master, which has commands that 6.2 does not know.
    if rdbver < 1 or rdbver > (RDB_VERSION if rdbflags & RDBFLAGS_REPLICATION else RDB_VERSION_READABLE):
        serverLog(LL_WARNING, "Can't handle RDB format version %d", rdbver)
        _rdbLoadRio_errno = errno.EINVAL
        return -1
    return rdbver


def rdbLoadRio_value(rdb, type_, rdbver, key):
    """rdbLoadObject, and what damage can make of it -> (object, 0), or (None, RDB_LOAD_ERR_*)."""
    if rdbver < 10 and type_ > RDB_TYPE_STREAM_LISTPACKS:
        rdbReportReadError(2322, "Unknown RDB encoding type %d", type_)
        return OTHER_ERROR
    try:
        return rdbLoadObject(type_, rdb, key)
    except BROKEN_VALUE as e:                       # C crashes, or continues with a corrupt value
        rdbReportCorruptRDB(2322, "Value of type %d is broken: %s", type_, e)
        return OTHER_ERROR


def rdbLoadRio_end(rdb, rdbver, keys_loaded, expired_keys_skipped, empty_keys_skipped):
    """Behind the keys: compare the checksum, say how many keys there were -> C_OK, C_ERR."""
    # Verify the checksum if RDB version is >= 5
    if rdbver >= 5:
        expected = rdb.cksum
        buf = rioRead(rdb, 8)
        if buf is None:
            return rdbLoadRio_eoferr()
        if server.rdb_checksum and not server.skip_checksum_validation:
            cksum = int.from_bytes(buf, "little")
            if cksum == 0:
                serverLog(LL_WARNING, "RDB file was saved with checksum disabled: no check performed.")
            elif cksum != expected:
                serverLog(LL_WARNING, "Wrong RDB checksum expected: (%x) but got (%x). Aborting now.", expected, cksum)
                rdbReportCorruptRDB(2726, "RDB CRC error")
                return C_ERR

    if empty_keys_skipped:
        serverLog(LL_WARNING, "Done loading RDB, keys loaded: %d, keys expired: %d, empty keys skipped: %d.",
                  keys_loaded, expired_keys_skipped, empty_keys_skipped)
    else:
        serverLog(LL_WARNING, "Done loading RDB, keys loaded: %d, keys expired: %d.", keys_loaded,
                  expired_keys_skipped)
    return C_OK


def rdbLoadRio_eoferr():
    """The stream ended too early (C: label eoferr): fatal, but for a socket, where the caller may try again."""
    serverLog(LL_WARNING, "Short read or OOM loading DB. Unrecoverable error, aborting now.")
    rdbReportReadError(2750, "Unexpected EOF reading RDB file")
    return C_ERR


def rdbLoadRio_aux(rdb, rsi):
    """A pair of strings about the file.  Those we do not know are passed over, as the format promises."""
    auxkey = rdbLoadStringObject(rdb)
    if auxkey is None:
        return C_ERR
    auxval = rdbLoadStringObject(rdb)
    if auxval is None:
        return C_ERR

    name = auxkey.ptr.lower()                       # strcasecmp
    if auxkey.ptr[:1] == b"%":
        # A line for the log.
        serverLog(LL_NOTICE, "RDB '%s': %s", auxkey.ptr, auxval.ptr)
    elif name == b"repl-stream-db":
        if rsi is not None:
            rsi.repl_stream_db = atoi(auxval.ptr)
    elif name == b"repl-id":
        if rsi is not None and len(auxval.ptr) == CONFIG_RUN_ID_SIZE:
            rsi.repl_id = auxval.ptr
            rsi.repl_id_is_set = 1
    elif name == b"repl-offset":
        if rsi is not None:
            rsi.repl_offset = strtoll(auxval.ptr)[0]
    elif name == b"lua":
        # Load the script back in memory.
        if luaCreateFunction(None, server.lua, auxval) is None:
            rdbReportCorruptRDB(2546, "Can't load Lua script from RDB file! BODY: %s", auxval.ptr)
    elif name == b"redis-ver":
        serverLog(LL_NOTICE, "Loading RDB produced by version %s", auxval.ptr)
    elif name == b"ctime":
        age = to_llong(unix_time() - strtol(auxval.ptr)[0])
        if age < 0:
            age = 0
        serverLog(LL_NOTICE, "RDB age %d seconds", age)
    elif name == b"used-mem":
        usedmem = strtoll(auxval.ptr)[0]
        serverLog(LL_NOTICE, "RDB memory usage when created %.2f Mb", usedmem / (1024 * 1024))
        server.loading_rdb_used_mem = usedmem
    elif name == b"aof-preamble":
        haspreamble = strtoll(auxval.ptr)[0]
        if haspreamble:
            serverLog(LL_NOTICE, "RDB has an AOF tail")
    elif name == b"redis-bits":
        pass                                        # Just ignored.
    else:
        serverLog(LL_DEBUG, "Unrecognized RDB AUX field: '%s'", auxkey.ptr)
    return C_OK


def rdbLoadRio_moduleaux(rdb):
    """Data of a module beside the keys: only the checker can pass over them."""
    moduleid = rdbLoadLen(rdb)
    when_opcode = rdbLoadLen(rdb)
    rdbLoadLen(rdb)                                 # when
    if rioGetReadError(rdb):
        return C_ERR
    if when_opcode != RDB_MODULE_OPCODE_UINT:
        rdbReportReadError(2587, "bad when_opcode")
        return C_ERR
    name = moduleTypeNameByID(moduleid)
    if not rdbCheckMode:
        serverLog(LL_WARNING, "The RDB file contains AUX module data I can't load: no matching module '%s'", name)
        sys.exit(1)
    rdbLoadCheckModuleValue(rdb, name)
    return C_OK


def rdbLoad(filename, rsi, rdbflags):
    """Load a file -> C_OK, or C_ERR with the reason in rdb_load_errno().  rsi, if not None, gets its replication facts."""
    global _rdbLoadRio_errno
    _rdbLoadRio_errno = errno.EINVAL
    try:
        fp = open(filename, "rb", buffering=RIO_FILE_BUFFER)
    except OSError as e:
        _rdbLoadRio_errno = e.errno
        return C_ERR
    with fp:
        startLoadingFile(fp, filename, rdbflags)
        rdb = rio()
        rioInitWithFile(rdb, fp)
        retval = rdbLoadRio(rdb, rdbflags, rsi)
    stopLoading(retval == C_OK)
    return retval


_rdbLoadRio_errno = 0


def rdb_load_errno():
    """Return the errno of the last rdbLoadRio or rdbLoad that gave C_ERR."""
    return _rdbLoadRio_errno
