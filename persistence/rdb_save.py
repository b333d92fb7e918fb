"""rdb_save.py - writing the RDB format.        Mirrors the rdbSave* half of src/rdb.c (6.2.14)

Lives here   the encoders of every field, rdbSaveObject, rdbSaveKeyValuePair, rdbSaveRio.
Called from  rdbSave, rdbSaveToSlavesSockets, rewriteAppendOnlyFile [child, command]; createDumpPayload [command].
Calls out    rio, lzf, iterators of the data structures.
State        none.
Contract     each function returns the number of bytes written, or -1 on an error of the rio.  C's length arguments are left
             out, since a bytes object has its length.
"""
import math
import struct
import time
from typing import TYPE_CHECKING

from ae.monotonic import getMonotonicUs, mstime, unix_time
from datastructs.dict import dictGetIterator, dictGetSafeIterator, dictNext, dictReleaseIterator, dictSize
from datastructs.lzf import lzf_compress
from datastructs.quicklist import quicklistGetLzf, quicklistNodeIsCompressed
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from datastructs.util import strtoll, to_llong
from persistence.rdb_h import (
    RDBFLAGS_AOF_PREAMBLE, RDB_6BITLEN, RDB_14BITLEN, RDB_32BITLEN, RDB_64BITLEN, RDB_ENCVAL, RDB_ENC_INT16, RDB_ENC_INT32,
    RDB_ENC_INT8, RDB_ENC_LZF, RDB_OPCODE_AUX, RDB_OPCODE_EOF, RDB_OPCODE_EXPIRETIME_MS, RDB_OPCODE_FREQ,
    RDB_OPCODE_IDLE, RDB_OPCODE_RESIZEDB, RDB_OPCODE_SELECTDB, RDB_TYPE_HASH, RDB_TYPE_HASH_ZIPLIST,
    RDB_TYPE_LIST_QUICKLIST, RDB_TYPE_SET, RDB_TYPE_SET_INTSET, RDB_TYPE_STREAM_LISTPACKS, RDB_TYPE_STRING,
    RDB_TYPE_ZSET_2, RDB_TYPE_ZSET_ZIPLIST, RDB_VERSION)
from persistence.rio import rioGenericUpdateChecksum, rioWrite
from server.keyspace.db import getExpire
from server.log import serverAssertWithInfo, serverPanic
from server.lru import estimateObjectIdleTime, LFUDecrAndReturn
from server.object import sdsEncodedObject
from server.os_process import sendChildInfo
from server.server_h import (
    AOF_READ_DIFF_INTERVAL_BYTES, C_ERR, C_OK, CHILD_INFO_TYPE_CURRENT_INFO, MAXMEMORY_FLAG_LFU, MAXMEMORY_FLAG_LRU,
    new_robj, OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW,
    OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET,
    REDIS_VERSION, server)
from server.zmalloc import zmalloc_used_memory


if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from persistence.aof_rewrite import aofReadDiffFromParent

#: One byte b"\x00" .. b"\xff": types, opcodes, short lengths.
ONE_BYTE = [bytes((n,)) for n in range(256)]
pack_int8 = struct.Struct("<Bb").pack
pack_int16 = struct.Struct("<Bh").pack
pack_int32 = struct.Struct("<Bi").pack
pack_len14 = struct.Struct(">H").pack
pack_len32 = struct.Struct(">I").pack
pack_len64 = struct.Struct(">Q").pack
pack_ms = struct.Struct("<q").pack
pack_double = struct.Struct("<d").pack
pack_float = struct.Struct("<f").pack


def debugDelay(usec):
    """Wait for a test: `usec` > 0 sleeps so long; < 0 sleeps 1 us once in -usec calls (C: server.c)."""
    if usec < 0:
        usec = 1 if getMonotonicUs() % -usec == 0 else 0
    if usec:
        time.sleep(usec / 1000000)


def rdbWriteRaw(rdb, p):
    """Write bytes -> their number, or -1.  Without a rio nothing is written, only counted."""
    if rdb is not None and rioWrite(rdb, p) == 0:
        return -1
    return len(p)


def rdbSaveType(rdb, type_):
    return rdbWriteRaw(rdb, ONE_BYTE[type_])


def rdbSaveMillisecondTime(rdb, t):
    return rdbWriteRaw(rdb, pack_ms(to_llong(t)))


def rdbSaveLen(rdb, len_):
    """Write a length: the two top bits of the first byte say how many bytes it takes -> bytes written, or -1."""
    if len_ < 1 << 6:
        if rdbWriteRaw(rdb, ONE_BYTE[len_ | RDB_6BITLEN << 6]) == -1:
            return -1
        nwritten = 1
    elif len_ < 1 << 14:
        if rdbWriteRaw(rdb, pack_len14(len_ | RDB_14BITLEN << 14)) == -1:
            return -1
        nwritten = 2
    elif len_ <= 0xffffffff:                     # UINT32_MAX
        if rdbWriteRaw(rdb, ONE_BYTE[RDB_32BITLEN]) == -1:
            return -1
        if rdbWriteRaw(rdb, pack_len32(len_)) == -1:
            return -1
        nwritten = 1 + 4
    else:
        if rdbWriteRaw(rdb, ONE_BYTE[RDB_64BITLEN]) == -1:
            return -1
        if rdbWriteRaw(rdb, pack_len64(len_ & 0xffffffffffffffff)) == -1:
            return -1
        nwritten = 1 + 8
    return nwritten


def rdbEncodeInteger(value):
    """Return the integer in 2, 3 or 5 bytes, or b"" when it needs more than 32 bits (C: the length, 0)."""
    if -0x80 <= value <= 0x7f:
        return pack_int8(RDB_ENCVAL << 6 | RDB_ENC_INT8, value)
    if -0x8000 <= value <= 0x7fff:
        return pack_int16(RDB_ENCVAL << 6 | RDB_ENC_INT16, value)
    if -0x80000000 <= value <= 0x7fffffff:
        return pack_int32(RDB_ENCVAL << 6 | RDB_ENC_INT32, value)
    return b""


def rdbTryIntegerEncoding(s):
    """Return rdbEncodeInteger of the number that `s` spells in canonical form, or b"" when it does not."""
    value, rest, _ = strtoll(s)
    if rest:
        return b""
    # If the number converts to a different string, it cannot encode this one.
    if b"%d" % value != s:
        return b""
    return rdbEncodeInteger(value)


def rdbSaveLzfBlob(rdb, data, original_len):
    """Write data that is LZF-compressed already -> bytes written, or -1."""
    nwritten = 0
    n = rdbWriteRaw(rdb, ONE_BYTE[RDB_ENCVAL << 6 | RDB_ENC_LZF])
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveLen(rdb, len(data))
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveLen(rdb, original_len)
    if n == -1:
        return -1
    nwritten += n
    n = rdbWriteRaw(rdb, data)
    if n == -1:
        return -1
    nwritten += n
    return nwritten


def rdbSaveLzfStringObject(rdb, s):
    """Write `s` compressed -> bytes written, or -1; 0 when it does not get at least 4 bytes shorter."""
    if len(s) <= 4:
        return 0
    out = lzf_compress(s, len(s) - 4)
    if not out:
        return 0
    return rdbSaveLzfBlob(rdb, out, len(s))


def rdbSaveRawString(rdb, s):
    """Write a string: as an integer, compressed, or as it is -> bytes written, or -1."""
    nwritten = 0
    len_ = len(s)

    # Try integer encoding
    if len_ <= 11:
        enc = rdbTryIntegerEncoding(s)
        if enc:
            if rdbWriteRaw(rdb, enc) == -1:
                return -1
            return len(enc)

    # Try LZF compression.  Under 20 bytes even a run of one letter gains nothing.
    if server.rdb_compression and len_ > 20:
        n = rdbSaveLzfStringObject(rdb, s)
        if n == -1:
            return -1
        if n > 0:
            return n

    # Store verbatim
    n = rdbSaveLen(rdb, len_)
    if n == -1:
        return -1
    nwritten += n
    if len_ > 0:
        if rdbWriteRaw(rdb, s) == -1:
            return -1
        nwritten += len_
    return nwritten


def rdbSaveLongLongAsStringObject(rdb, value):
    """Write an integer as a string: encoded if it fits, in digits otherwise -> bytes written, or -1."""
    nwritten = 0
    enc = rdbEncodeInteger(value)
    if enc:
        return rdbWriteRaw(rdb, enc)
    enc = b"%d" % value                             # ll2string
    n = rdbSaveLen(rdb, len(enc))
    if n == -1:
        return -1
    nwritten += n
    n = rdbWriteRaw(rdb, enc)
    if n == -1:
        return -1
    nwritten += n
    return nwritten


def rdbSaveStringObject(rdb, obj):
    """rdbSaveRawString of an object.  An integer is not made a string first."""
    if obj.encoding == OBJ_ENCODING_INT:
        return rdbSaveLongLongAsStringObject(rdb, obj.ptr)
    serverAssertWithInfo(None, obj, sdsEncodedObject(obj))
    return rdbSaveRawString(rdb, obj.ptr)


def rdbSaveDoubleValue(rdb, val):
    """Write a double as text behind its length; 253, 254, 255 stand for nan, inf, -inf.  Only old types use it."""
    if math.isnan(val):
        buf = b"\xfd"
    elif math.isinf(val):
        buf = b"\xff" if val < 0 else b"\xfe"
    else:
        s = b"%d" % val if -4503599627370495 < val < 4503599627370496 and val == int(val) else b"%.17g" % val
        buf = ONE_BYTE[len(s)] + s
    return rdbWriteRaw(rdb, buf)


def rdbSaveBinaryDoubleValue(rdb, val):
    return rdbWriteRaw(rdb, pack_double(val))


def rdbSaveBinaryFloatValue(rdb, val):
    return rdbWriteRaw(rdb, pack_float(val))


def rdbSaveObjectType(rdb, o):
    """Write the RDB type of a value -> 1, or -1."""
    if o.type == OBJ_STRING:
        return rdbSaveType(rdb, RDB_TYPE_STRING)
    if o.type == OBJ_LIST:
        if o.encoding == OBJ_ENCODING_QUICKLIST:
            return rdbSaveType(rdb, RDB_TYPE_LIST_QUICKLIST)
        serverPanic("Unknown list encoding")
    elif o.type == OBJ_SET:
        if o.encoding == OBJ_ENCODING_INTSET:
            return rdbSaveType(rdb, RDB_TYPE_SET_INTSET)
        if o.encoding == OBJ_ENCODING_HT:
            return rdbSaveType(rdb, RDB_TYPE_SET)
        serverPanic("Unknown set encoding")
    elif o.type == OBJ_ZSET:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            return rdbSaveType(rdb, RDB_TYPE_ZSET_ZIPLIST)
        if o.encoding == OBJ_ENCODING_SKIPLIST:
            return rdbSaveType(rdb, RDB_TYPE_ZSET_2)
        serverPanic("Unknown sorted set encoding")
    elif o.type == OBJ_HASH:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            return rdbSaveType(rdb, RDB_TYPE_HASH_ZIPLIST)
        if o.encoding == OBJ_ENCODING_HT:
            return rdbSaveType(rdb, RDB_TYPE_HASH)
        serverPanic("Unknown hash encoding")
    elif o.type == OBJ_STREAM:
        return rdbSaveType(rdb, RDB_TYPE_STREAM_LISTPACKS)
    else:
        serverPanic("Unknown object type")
    return -1


def rdbSaveStreamPEL(rdb, pel, nacks):
    """Write a pending entries list -> bytes written, or -1.  `nacks` false: IDs only, since the group's list has the rest."""
    nwritten = 0
    n = rdbSaveLen(rdb, raxSize(pel))
    if n == -1:
        return -1
    nwritten += n

    ri = raxIterator()
    raxStart(ri, pel)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        n = rdbWriteRaw(rdb, ri.key)                # 128 bits, big endian, as in the tree
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
        if nacks:
            nack = ri.data
            n = rdbSaveMillisecondTime(rdb, nack.delivery_time)
            if n == -1:
                raxStop(ri)
                return -1
            nwritten += n
            n = rdbSaveLen(rdb, nack.delivery_count)
            if n == -1:
                raxStop(ri)
                return -1
            nwritten += n
            # The consumer is saved with its own list.
    raxStop(ri)
    return nwritten


def rdbSaveStreamConsumers(rdb, cg):
    """Write the consumers of a group, each with its pending entries list -> bytes written, or -1."""
    nwritten = 0
    n = rdbSaveLen(rdb, raxSize(cg.consumers))
    if n == -1:
        return -1
    nwritten += n

    ri = raxIterator()
    raxStart(ri, cg.consumers)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        consumer = ri.data
        n = rdbSaveRawString(rdb, bytes(ri.key))
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
        n = rdbSaveMillisecondTime(rdb, consumer.seen_time)
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
        # Save only the IDs: the loader finds the entries in the list of the group.
        n = rdbSaveStreamPEL(rdb, consumer.pel, 0)
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
    raxStop(ri)
    return nwritten


def rdbSaveObject(rdb, o, key):
    """Write a value without its type -> bytes written, or -1."""
    nwritten = 0
    if o.type == OBJ_STRING:
        n = rdbSaveStringObject(rdb, o)
        if n == -1:
            return -1
        nwritten += n
    elif o.type == OBJ_LIST:
        if o.encoding == OBJ_ENCODING_QUICKLIST:
            ql = o.ptr
            node = ql.head
            n = rdbSaveLen(rdb, ql.len)
            if n == -1:
                return -1
            nwritten += n

            while node is not None:
                if quicklistNodeIsCompressed(node):
                    n = rdbSaveLzfBlob(rdb, quicklistGetLzf(node), node.sz)
                else:
                    n = rdbSaveRawString(rdb, bytes(node.zl))
                if n == -1:
                    return -1
                nwritten += n
                node = node.next
        else:
            serverPanic("Unknown list encoding")
    elif o.type == OBJ_SET:
        if o.encoding == OBJ_ENCODING_HT:
            set_ = o.ptr
            di = dictGetIterator(set_)
            n = rdbSaveLen(rdb, dictSize(set_))
            if n == -1:
                dictReleaseIterator(di)
                return -1
            nwritten += n

            while (de := dictNext(di)) is not None:
                n = rdbSaveRawString(rdb, de.key)
                if n == -1:
                    dictReleaseIterator(di)
                    return -1
                nwritten += n
            dictReleaseIterator(di)
        elif o.encoding == OBJ_ENCODING_INTSET:
            n = rdbSaveRawString(rdb, bytes(o.ptr))
            if n == -1:
                return -1
            nwritten += n
        else:
            serverPanic("Unknown set encoding")
    elif o.type == OBJ_ZSET:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            n = rdbSaveRawString(rdb, bytes(o.ptr))
            if n == -1:
                return -1
            nwritten += n
        elif o.encoding == OBJ_ENCODING_SKIPLIST:
            zs = o.ptr
            zsl = zs.zsl
            n = rdbSaveLen(rdb, zsl.length)
            if n == -1:
                return -1
            nwritten += n

            # Save from the greatest score down: the loader then always inserts at the head, in constant time.
            zn = zsl.tail
            while zn is not None:
                n = rdbSaveRawString(rdb, zn.ele)
                if n == -1:
                    return -1
                nwritten += n
                n = rdbSaveBinaryDoubleValue(rdb, zn.score)
                if n == -1:
                    return -1
                nwritten += n
                zn = zn.backward
        else:
            serverPanic("Unknown sorted set encoding")
    elif o.type == OBJ_HASH:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            n = rdbSaveRawString(rdb, bytes(o.ptr))
            if n == -1:
                return -1
            nwritten += n
        elif o.encoding == OBJ_ENCODING_HT:
            di = dictGetIterator(o.ptr)
            n = rdbSaveLen(rdb, dictSize(o.ptr))
            if n == -1:
                dictReleaseIterator(di)
                return -1
            nwritten += n

            while (de := dictNext(di)) is not None:
                n = rdbSaveRawString(rdb, de.key)
                if n == -1:
                    dictReleaseIterator(di)
                    return -1
                nwritten += n
                n = rdbSaveRawString(rdb, de.val)
                if n == -1:
                    dictReleaseIterator(di)
                    return -1
                nwritten += n
            dictReleaseIterator(di)
        else:
            serverPanic("Unknown hash encoding")
    elif o.type == OBJ_STREAM:
        return rdbSaveObject_stream(rdb, o.ptr)
    else:
        serverPanic("Unknown object type")
    return nwritten


def rdbSaveObject_stream(rdb, s):
    """Write a stream: its listpacks, its counters, its groups -> bytes written, or -1."""
    nwritten = 0
    n = rdbSaveLen(rdb, raxSize(s.rax))
    if n == -1:
        return -1
    nwritten += n

    # Save the listpacks as they are, each with the ID that its entries are relative to.
    ri = raxIterator()
    raxStart(ri, s.rax)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        n = rdbSaveRawString(rdb, bytes(ri.key))
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
        n = rdbSaveRawString(rdb, bytes(ri.data))
        if n == -1:
            raxStop(ri)
            return -1
        nwritten += n
    raxStop(ri)

    # Save the number of entries, which is not easy to compute from the listpacks, and the last ID.
    for number in (s.length, s.last_id.ms, s.last_id.seq):
        n = rdbSaveLen(rdb, number)
        if n == -1:
            return -1
        nwritten += n

    num_cgroups = raxSize(s.cgroups) if s.cgroups is not None else 0
    n = rdbSaveLen(rdb, num_cgroups)
    if n == -1:
        return -1
    nwritten += n
    if num_cgroups:
        raxStart(ri, s.cgroups)
        raxSeek(ri, "^", b"")
        while raxNext(ri):
            n = rdbSaveObject_cgroup(rdb, bytes(ri.key), ri.data)
            if n == -1:
                raxStop(ri)
                return -1
            nwritten += n
        raxStop(ri)
    return nwritten


def rdbSaveObject_cgroup(rdb, name, cg):
    """Write a consumer group: its name, last ID, pending list and consumers -> bytes written, or -1."""
    nwritten = 0
    n = rdbSaveRawString(rdb, name)
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveLen(rdb, cg.last_id.ms)
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveLen(rdb, cg.last_id.seq)
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveStreamPEL(rdb, cg.pel, 1)
    if n == -1:
        return -1
    nwritten += n
    n = rdbSaveStreamConsumers(rdb, cg)
    if n == -1:
        return -1
    nwritten += n
    return nwritten


def rdbSavedObjectLen(o, key):
    """Return how many bytes rdbSaveObject would write."""
    len_ = rdbSaveObject(None, o, key)
    serverAssertWithInfo(None, o, len_ != -1)
    return len_


def rdbSaveKeyValuePair(rdb, key, val, expiretime):
    """Write a key with its value and what hangs on it -> 1, or -1."""
    savelru = server.maxmemory_policy & MAXMEMORY_FLAG_LRU
    savelfu = server.maxmemory_policy & MAXMEMORY_FLAG_LFU

    # Save the expire time
    if expiretime != -1:
        if rdbSaveType(rdb, RDB_OPCODE_EXPIRETIME_MS) == -1:
            return -1
        if rdbSaveMillisecondTime(rdb, expiretime) == -1:
            return -1

    # Save the LRU info
    if savelru:
        idletime = estimateObjectIdleTime(val)
        idletime //= 1000                           # UNIT: seconds in the file
        if rdbSaveType(rdb, RDB_OPCODE_IDLE) == -1:
            return -1
        if rdbSaveLen(rdb, idletime) == -1:
            return -1

    # Save the LFU info, two bytes.  The halving time is not kept: resetting it once does little harm.
    if savelfu:
        buf = ONE_BYTE[LFUDecrAndReturn(val)]
        if rdbSaveType(rdb, RDB_OPCODE_FREQ) == -1:
            return -1
        if rdbWriteRaw(rdb, buf) == -1:
            return -1

    # Save type, key, value
    if rdbSaveObjectType(rdb, val) == -1:
        return -1
    if rdbSaveStringObject(rdb, key) == -1:
        return -1
    if rdbSaveObject(rdb, val, key) == -1:
        return -1

    # Delay return if required (for testing)
    if server.rdb_key_save_delay:
        debugDelay(server.rdb_key_save_delay)
    return 1


def rdbSaveAuxField(rdb, key, val):
    """Write a fact about the file; both are bytes -> bytes written, or -1."""
    len_ = 0
    ret = rdbSaveType(rdb, RDB_OPCODE_AUX)
    if ret == -1:
        return -1
    len_ += ret
    ret = rdbSaveRawString(rdb, key)
    if ret == -1:
        return -1
    len_ += ret
    ret = rdbSaveRawString(rdb, val)
    if ret == -1:
        return -1
    len_ += ret
    return len_


def rdbSaveAuxFieldStrStr(rdb, key, val):
    return rdbSaveAuxField(rdb, key, val)


def rdbSaveAuxFieldStrInt(rdb, key, val):
    return rdbSaveAuxField(rdb, key, b"%d" % val)


def rdbSaveInfoAuxFields(rdb, rdbflags, rsi):
    """Write the version, time and purpose of this file as aux fields -> 1, or -1."""
    redis_bits = 64
    aof_preamble = (rdbflags & RDBFLAGS_AOF_PREAMBLE) != 0

    # Add a few fields about the state when the RDB was created.
    if rdbSaveAuxFieldStrStr(rdb, b"redis-ver", REDIS_VERSION.encode()) == -1:
        return -1
    if rdbSaveAuxFieldStrInt(rdb, b"redis-bits", redis_bits) == -1:
        return -1
    if rdbSaveAuxFieldStrInt(rdb, b"ctime", unix_time()) == -1:
        return -1
    if rdbSaveAuxFieldStrInt(rdb, b"used-mem", zmalloc_used_memory()) == -1:
        return -1

    # Handle saving options that generate aux fields.
    if rsi is not None:
        if rdbSaveAuxFieldStrInt(rdb, b"repl-stream-db", rsi.repl_stream_db) == -1:
            return -1
        if rdbSaveAuxFieldStrStr(rdb, b"repl-id", server.replid) == -1:
            return -1
        if rdbSaveAuxFieldStrInt(rdb, b"repl-offset", server.master_repl_offset) == -1:
            return -1
    if rdbSaveAuxFieldStrInt(rdb, b"aof-preamble", aof_preamble) == -1:
        return -1
    return 1


def rdbSaveSingleModuleAux(rdb, when, mt):
    """No modules, no module data."""


def rdbSaveRio(rdb, rdbflags, rsi):
    """Write the whole data set -> (C_OK or C_ERR, errno)."""
    di = None
    processed = 0
    key_count = 0
    info_updated_time = 0
    pname = "AOF rewrite" if rdbflags & RDBFLAGS_AOF_PREAMBLE else "RDB"
    key = new_robj(OBJ_STRING, OBJ_ENCODING_RAW, None)

    if server.rdb_checksum:
        rdb.update_cksum = rioGenericUpdateChecksum
    magic = b"REDIS%04d" % RDB_VERSION
    if rdbWriteRaw(rdb, magic) == -1:
        return rdbSaveRio_werr(rdb, di)
    if rdbSaveInfoAuxFields(rdb, rdbflags, rsi) == -1:
        return rdbSaveRio_werr(rdb, di)

    for j in range(server.dbnum):
        db = server.db[j]
        d = db.dict
        if dictSize(d) == 0:
            continue
        di = dictGetSafeIterator(d)

        # Write the SELECT DB opcode
        if rdbSaveType(rdb, RDB_OPCODE_SELECTDB) == -1:
            return rdbSaveRio_werr(rdb, di)
        if rdbSaveLen(rdb, j) == -1:
            return rdbSaveRio_werr(rdb, di)

        # Write the RESIZE DB opcode
        db_size = dictSize(db.dict)
        expires_size = dictSize(db.expires)
        if rdbSaveType(rdb, RDB_OPCODE_RESIZEDB) == -1:
            return rdbSaveRio_werr(rdb, di)
        if rdbSaveLen(rdb, db_size) == -1:
            return rdbSaveRio_werr(rdb, di)
        if rdbSaveLen(rdb, expires_size) == -1:
            return rdbSaveRio_werr(rdb, di)

        # Iterate this DB writing every entry
        while (de := dictNext(di)) is not None:
            key.ptr = de.key                        # initStaticStringObject
            o = de.val
            expire = getExpire(db, key)
            if rdbSaveKeyValuePair(rdb, key, o, expire) == -1:
                return rdbSaveRio_werr(rdb, di)

            # If this is the preamble of an AOF, keep reading the diff from the parent, so that little is left at the end.
            if rdbflags & RDBFLAGS_AOF_PREAMBLE and rdb.processed_bytes > processed + AOF_READ_DIFF_INTERVAL_BYTES:
                processed = rdb.processed_bytes
                aofReadDiffFromParent()

            # About once a second, looking at the clock every 1024 keys.
            key_count += 1
            if (key_count - 1) & 1023 == 0:
                now = mstime()
                if now - info_updated_time >= 1000:
                    sendChildInfo(CHILD_INFO_TYPE_CURRENT_INFO, key_count, pname)
                    info_updated_time = now
        dictReleaseIterator(di)
        di = None

    return rdbSaveRio_end(rdb, rsi)


def rdbSaveRio_end(rdb, rsi):
    """What stands behind the keys -> (C_OK or C_ERR, errno)."""
    di = None
    # If the file has replication info, save the scripts too: after a PSYNC the backlog may call them by their SHA1.
    if rsi is not None and server.lua_scripts is not None and dictSize(server.lua_scripts):
        di = dictGetIterator(server.lua_scripts)
        while (de := dictNext(di)) is not None:
            if rdbSaveAuxField(rdb, b"lua", bytes(de.val.ptr)) == -1:
                return rdbSaveRio_werr(rdb, di)
        dictReleaseIterator(di)
        di = None

    # EOF opcode
    if rdbSaveType(rdb, RDB_OPCODE_EOF) == -1:
        return rdbSaveRio_werr(rdb, di)

    # CRC64 checksum. It is zero if it is disabled, and then the loader does not check it.
    cksum = rdb.cksum
    if rioWrite(rdb, cksum.to_bytes(8, "little")) == 0:
        return rdbSaveRio_werr(rdb, di)
    return C_OK, 0


def rdbSaveRio_werr(rdb, di):
    """The label werr of C -> (C_ERR, errno)."""
    if di is not None:
        dictReleaseIterator(di)
    return C_ERR, rdb.error


def startSaving(rdbflags):
    """Mark the begin of a save (C: notifies the modules)."""


def stopSaving(success):
    """Mark the end of a save (C: notifies the modules)."""
