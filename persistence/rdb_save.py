"""rdb_save.py - writing the RDB format.        Mirrors the rdbSave* half of src/rdb.c (6.2.14)

Lives here   the encoders of every field, rdbSaveObject, rdbSaveKeyValuePair, rdbSaveRio.
Called from  rdbSave, rdbSaveToSlavesSockets, rewriteAppendOnlyFile [child, command]; createDumpPayload [command].
Calls out    rio, lzf, iterators of the data structures.
State        none.
Departures   the encoders append to rdb.wbuf and return nothing: an error sticks to the rio and is looked at once a key
             (C: -1 from every call).  rdbSavedObjectLen measures a real copy.
HOT          rdbSaveRio's loop and rdbSaveRawString: once or twice a key.
"""
import math
import struct
import time
from typing import TYPE_CHECKING

from ae.monotonic import getMonotonicUs, mstime, unix_time
from datastructs.dict import dictFind, dictSize, dict_entries
from datastructs.lzf import lzf_compress
from datastructs.quicklist import quicklistGetLzf, quicklistNodeIsCompressed
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from datastructs.util import to_llong
from persistence.rdb_h import (
    RDBFLAGS_AOF_PREAMBLE, RDB_6BITLEN, RDB_14BITLEN, RDB_32BITLEN, RDB_64BITLEN, RDB_ENCVAL, RDB_ENC_INT16, RDB_ENC_INT32,
    RDB_ENC_INT8, RDB_ENC_LZF, RDB_OPCODE_AUX, RDB_OPCODE_EOF, RDB_OPCODE_EXPIRETIME_MS, RDB_OPCODE_FREQ,
    RDB_OPCODE_IDLE, RDB_OPCODE_RESIZEDB, RDB_OPCODE_SELECTDB, RDB_TYPE_HASH, RDB_TYPE_HASH_ZIPLIST,
    RDB_TYPE_LIST_QUICKLIST, RDB_TYPE_SET, RDB_TYPE_SET_INTSET, RDB_TYPE_STREAM_LISTPACKS, RDB_TYPE_STRING,
    RDB_TYPE_ZSET_2, RDB_TYPE_ZSET_ZIPLIST, RDB_VERSION)
from persistence.rio import (
    RIO_CHUNK, RIO_FLAG_WRITE_ERROR, rio, rioGenericUpdateChecksum, rioGetWriteError, rioInitWithBuffer,
    rio_processed_bytes, rioWrite, rio_write_out)
from server.log import serverPanic
from server.lru import estimateObjectIdleTime, LFUDecrAndReturn
from server.os_process import sendChildInfo
from server.server_h import (
    AOF_READ_DIFF_INTERVAL_BYTES, C_ERR, C_OK, CHILD_INFO_TYPE_CURRENT_INFO, MAXMEMORY_FLAG_LFU, MAXMEMORY_FLAG_LRU,
    OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_SKIPLIST,
    OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STREAM, OBJ_STRING, OBJ_ZSET, REDIS_VERSION, server)
from server.zmalloc import zmalloc_used_memory


if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from persistence.aof_rewrite import aofReadDiffFromParent

#: One byte b"\x00" .. b"\xff": types, opcodes, short lengths.
ONE_BYTE = [bytes((n,)) for n in range(256)]
#: Type and length in front of a key shorter than 64 bytes whose value is a string.
STRING_HEAD = [bytes((RDB_TYPE_STRING, n)) for n in range(64)]
pack_int8 = struct.Struct("<Bb").pack
pack_int16 = struct.Struct("<Bh").pack
pack_int32 = struct.Struct("<Bi").pack
pack_len32 = struct.Struct(">BI").pack
pack_len64 = struct.Struct(">BQ").pack
pack_ms = struct.Struct("<q").pack
pack_double = struct.Struct("<d").pack
pack_float = struct.Struct("<f").pack

#: First bytes of a string that may be an integer in canonical form.
INTEGER_START = frozenset(b"-0123456789")


def debugDelay(usec):
    """Wait for a test: `usec` > 0 sleeps so long; < 0 sleeps 1 us once in -usec calls (C: server.c)."""
    if usec < 0:
        usec = 1 if getMonotonicUs() % -usec == 0 else 0
    if usec:
        time.sleep(usec / 1000000)


def rdbWriteRaw(rdb, p):
    return rioWrite(rdb, p)


def rdbSaveType(rdb, type_):
    rdb.wbuf += ONE_BYTE[type_]


def rdbSaveMillisecondTime(rdb, t):
    rdb.wbuf += pack_ms(to_llong(t))


def rdb_len(n):
    """Return the encoding of a length (ours: the bytes of rdbSaveLen)."""
    if n < 1 << 6:
        return ONE_BYTE[n | RDB_6BITLEN << 6]
    if n < 1 << 14:
        return ONE_BYTE[n >> 8 | RDB_14BITLEN << 6] + ONE_BYTE[n & 0xff]
    if n <= 0xffffffff:
        return pack_len32(RDB_32BITLEN, n)
    return pack_len64(RDB_64BITLEN, n & 0xffffffffffffffff)


def rdbSaveLen(rdb, n):
    """Write a length: the two top bits of the first byte say how many bytes it takes."""
    rdb.wbuf += rdb_len(n)


def rdbEncodeInteger(value):
    """Return the integer in 2, 3 or 5 bytes, or b"" when it needs more than 32 bits."""
    if -0x80 <= value <= 0x7f:
        return pack_int8(RDB_ENCVAL << 6 | RDB_ENC_INT8, value)
    if -0x8000 <= value <= 0x7fff:
        return pack_int16(RDB_ENCVAL << 6 | RDB_ENC_INT16, value)
    if -0x80000000 <= value <= 0x7fffffff:
        return pack_int32(RDB_ENCVAL << 6 | RDB_ENC_INT32, value)
    return b""


def rdbTryIntegerEncoding(s):
    """Return rdbEncodeInteger of the number that `s` spells in canonical form, or b"" when it does not."""
    if not s or s[0] not in INTEGER_START:
        return b""
    try:
        value = int(s)
    except ValueError:
        return b""
    if b"%d" % value != s:
        return b""
    return rdbEncodeInteger(value)


def rdbSaveLzfBlob(rdb, data, original_len):
    """Write data that is LZF-compressed already."""
    rdb.wbuf += b"%b%b%b" % (ONE_BYTE[RDB_ENCVAL << 6 | RDB_ENC_LZF], rdb_len(len(data)), rdb_len(original_len))
    rioWrite(rdb, data)


def rdbSaveLzfStringObject(rdb, s):
    """Write `s` compressed -> 1, or 0 when it does not get at least 4 bytes shorter."""
    if len(s) <= 4:
        return 0
    out = lzf_compress(s, len(s) - 4)
    if not out:
        return 0
    rdbSaveLzfBlob(rdb, out, len(s))
    return 1


def rdbSaveRawString(rdb, s):
    """Write a string: as an integer, compressed, or as it is.   HOT."""
    n = len(s)
    if n <= 11:
        if s and s[0] in INTEGER_START:
            enc = rdbTryIntegerEncoding(s)
            if enc:
                rdb.wbuf += enc
                return
        buf = rdb.wbuf
        buf += ONE_BYTE[n]                          # rdbSaveLen
        buf += s
        return
    # Under 20 bytes even a run of one letter gains nothing.
    if n > 20 and server.rdb_compression and rdbSaveLzfStringObject(rdb, s):
        return
    buf = rdb.wbuf
    buf += rdb_len(n)
    if n > RIO_CHUNK or len(buf) > RIO_CHUNK:
        rioWrite(rdb, s)
    else:
        buf += s


def rdbSaveLongLongAsStringObject(rdb, value):
    """Write an integer as a string: encoded if it fits, in digits otherwise."""
    enc = rdbEncodeInteger(value)
    if not enc:
        enc = b"%d" % value
        rdb.wbuf += ONE_BYTE[len(enc)]
    rdb.wbuf += enc


def rdbSaveStringObject(rdb, obj):
    if obj.encoding == OBJ_ENCODING_INT:
        rdbSaveLongLongAsStringObject(rdb, obj.ptr)
    else:
        rdbSaveRawString(rdb, obj.ptr)


def rdbSaveDoubleValue(rdb, val):
    """Write a double as text behind its length; 253, 254, 255 stand for nan, inf, -inf.  Only old types use it."""
    if math.isnan(val):
        rdb.wbuf += b"\xfd"
    elif math.isinf(val):
        rdb.wbuf += b"\xff" if val < 0 else b"\xfe"
    else:
        s = b"%d" % val if -4503599627370495 < val < 4503599627370496 and val == int(val) else b"%.17g" % val
        rdb.wbuf += ONE_BYTE[len(s)] + s


def rdbSaveBinaryDoubleValue(rdb, val):
    rdb.wbuf += pack_double(val)


def rdbSaveBinaryFloatValue(rdb, val):
    rdb.wbuf += pack_float(val)


def rdb_object_type(o):
    """Return the RDB type of a value (ours: the switch of rdbSaveObjectType)."""
    type_, encoding = o.type, o.encoding
    if type_ == OBJ_STRING:
        return RDB_TYPE_STRING
    if type_ == OBJ_LIST:
        if encoding == OBJ_ENCODING_QUICKLIST:
            return RDB_TYPE_LIST_QUICKLIST
        serverPanic("Unknown list encoding")
    if type_ == OBJ_SET:
        if encoding == OBJ_ENCODING_INTSET:
            return RDB_TYPE_SET_INTSET
        if encoding == OBJ_ENCODING_HT:
            return RDB_TYPE_SET
        serverPanic("Unknown set encoding")
    if type_ == OBJ_ZSET:
        if encoding == OBJ_ENCODING_ZIPLIST:
            return RDB_TYPE_ZSET_ZIPLIST
        if encoding == OBJ_ENCODING_SKIPLIST:
            return RDB_TYPE_ZSET_2
        serverPanic("Unknown sorted set encoding")
    if type_ == OBJ_HASH:
        if encoding == OBJ_ENCODING_ZIPLIST:
            return RDB_TYPE_HASH_ZIPLIST
        if encoding == OBJ_ENCODING_HT:
            return RDB_TYPE_HASH
        serverPanic("Unknown hash encoding")
    if type_ == OBJ_STREAM:
        return RDB_TYPE_STREAM_LISTPACKS
    serverPanic("Unknown object type")
    return -1


def rdbSaveObjectType(rdb, o):
    rdb.wbuf += ONE_BYTE[rdb_object_type(o)]


def rdbSaveStreamPEL(rdb, pel, nacks):
    """Write a pending entries list.  `nacks` false: IDs only, since the group's list has the rest."""
    rdbSaveLen(rdb, raxSize(pel))
    ri = raxIterator()
    raxStart(ri, pel)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        rdb.wbuf += ri.key                          # 128 bits, big endian, as in the tree
        if nacks:
            nack = ri.data
            rdbSaveMillisecondTime(rdb, nack.delivery_time)
            rdbSaveLen(rdb, nack.delivery_count)    # the consumer follows from its own list
    raxStop(ri)


def rdbSaveStreamConsumers(rdb, cg):
    """Write the consumers of a group, each with its pending entries list."""
    rdbSaveLen(rdb, raxSize(cg.consumers))
    ri = raxIterator()
    raxStart(ri, cg.consumers)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        consumer = ri.data
        rdbSaveRawString(rdb, bytes(ri.key))
        rdbSaveMillisecondTime(rdb, consumer.seen_time)
        rdbSaveStreamPEL(rdb, consumer.pel, 0)
    raxStop(ri)


def rdbSaveObject(rdb, o, key):
    """Write a value without its type."""
    type_ = o.type
    if type_ == OBJ_STRING:
        rdbSaveStringObject(rdb, o)
    elif type_ == OBJ_LIST:
        rdbSaveObject_list(rdb, o)
    elif type_ == OBJ_SET:
        if o.encoding == OBJ_ENCODING_HT:
            rdbSaveLen(rdb, dictSize(o.ptr))
            for de in dict_entries(o.ptr):
                rdbSaveRawString(rdb, de.key)
        else:
            rdbSaveRawString(rdb, bytes(o.ptr))     # the intset as it stands
    elif type_ == OBJ_ZSET:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            rdbSaveRawString(rdb, bytes(o.ptr))
        else:
            zsl = o.ptr.zsl
            rdbSaveLen(rdb, zsl.length)
            # From the greatest down: the loader then always inserts at the head, in constant time.
            zn = zsl.tail
            while zn is not None:
                rdbSaveRawString(rdb, zn.ele)
                rdb.wbuf += pack_double(zn.score)
                zn = zn.backward
    elif type_ == OBJ_HASH:
        if o.encoding == OBJ_ENCODING_ZIPLIST:
            rdbSaveRawString(rdb, bytes(o.ptr))
        else:
            rdbSaveLen(rdb, dictSize(o.ptr))
            for de in dict_entries(o.ptr):
                rdbSaveRawString(rdb, de.key)
                rdbSaveRawString(rdb, de.val)
    elif type_ == OBJ_STREAM:
        rdbSaveObject_stream(rdb, o.ptr)
    else:
        serverPanic("Unknown object type")


def rdbSaveObject_list(rdb, o):
    """Write a quicklist: its nodes as they are, compressed ones included."""
    ql = o.ptr
    rdbSaveLen(rdb, ql.len)
    node = ql.head
    while node is not None:
        if quicklistNodeIsCompressed(node):
            rdbSaveLzfBlob(rdb, quicklistGetLzf(node), node.sz)
        else:
            rdbSaveRawString(rdb, bytes(node.zl))
        node = node.next


def rdbSaveObject_stream(rdb, s):
    """Write a stream: its listpacks, its counters, its groups."""
    rdbSaveLen(rdb, raxSize(s.rax))
    ri = raxIterator()
    raxStart(ri, s.rax)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        rdbSaveRawString(rdb, bytes(ri.key))
        rdbSaveRawString(rdb, bytes(ri.data))
    raxStop(ri)

    rdbSaveLen(rdb, s.length)
    rdbSaveLen(rdb, s.last_id.ms)
    rdbSaveLen(rdb, s.last_id.seq)

    num_cgroups = raxSize(s.cgroups) if s.cgroups is not None else 0
    rdbSaveLen(rdb, num_cgroups)
    if num_cgroups:
        raxStart(ri, s.cgroups)
        raxSeek(ri, "^", b"")
        while raxNext(ri):
            cg = ri.data
            rdbSaveRawString(rdb, bytes(ri.key))
            rdbSaveLen(rdb, cg.last_id.ms)
            rdbSaveLen(rdb, cg.last_id.seq)
            rdbSaveStreamPEL(rdb, cg.pel, 1)
            rdbSaveStreamConsumers(rdb, cg)
        raxStop(ri)


def rdbSavedObjectLen(o, key):
    """Return how many bytes rdbSaveObject would write."""
    rdb = rio()
    rioInitWithBuffer(rdb, b"")
    rdbSaveObject(rdb, o, key)
    return len(rdb.wbuf)


def rdbSaveKeyValuePair(rdb, key, val, expiretime):
    """Write a key with its value and what hangs on it.  `key` is bytes (C: an robj)."""
    if expiretime != -1:
        rdb.wbuf += ONE_BYTE[RDB_OPCODE_EXPIRETIME_MS] + pack_ms(expiretime)

    policy = server.maxmemory_policy
    if policy & MAXMEMORY_FLAG_LRU:
        idletime = estimateObjectIdleTime(val) // 1000      # UNIT: seconds in the file
        rdb.wbuf += ONE_BYTE[RDB_OPCODE_IDLE] + rdb_len(idletime)
    if policy & MAXMEMORY_FLAG_LFU:
        # Two bytes.  The halving time is not kept: resetting it once does little harm.
        rdb.wbuf += ONE_BYTE[RDB_OPCODE_FREQ] + ONE_BYTE[LFUDecrAndReturn(val)]

    rdb.wbuf += ONE_BYTE[rdb_object_type(val)]
    rdbSaveRawString(rdb, key)
    rdbSaveObject(rdb, val, key)

    if server.rdb_key_save_delay:
        debugDelay(server.rdb_key_save_delay)


def rdbSaveAuxField(rdb, key, val):
    """Write a fact about the file; both are bytes."""
    rdbSaveType(rdb, RDB_OPCODE_AUX)
    rdbSaveRawString(rdb, key)
    rdbSaveRawString(rdb, val)


def rdbSaveAuxFieldStrStr(rdb, key, val):
    rdbSaveAuxField(rdb, key, val)


def rdbSaveAuxFieldStrInt(rdb, key, val):
    rdbSaveAuxField(rdb, key, b"%d" % val)


def rdbSaveInfoAuxFields(rdb, rdbflags, rsi):
    """Write who made this file, when and for what."""
    rdbSaveAuxFieldStrStr(rdb, b"redis-ver", REDIS_VERSION.encode())
    rdbSaveAuxFieldStrInt(rdb, b"redis-bits", 64)
    rdbSaveAuxFieldStrInt(rdb, b"ctime", unix_time())
    rdbSaveAuxFieldStrInt(rdb, b"used-mem", zmalloc_used_memory())
    if rsi is not None:
        rdbSaveAuxFieldStrInt(rdb, b"repl-stream-db", rsi.repl_stream_db)
        rdbSaveAuxFieldStrStr(rdb, b"repl-id", server.replid)
        rdbSaveAuxFieldStrInt(rdb, b"repl-offset", server.master_repl_offset)
    rdbSaveAuxFieldStrInt(rdb, b"aof-preamble", 1 if rdbflags & RDBFLAGS_AOF_PREAMBLE else 0)


def rdbSaveSingleModuleAux(rdb, when, mt):
    """No modules, no module data."""


def rdbSaveRio(rdb, rdbflags, rsi):
    """Write the whole data set -> (C_OK or C_ERR, errno)."""
    processed = 0
    key_count = 0
    info_updated_time = 0
    pname = "AOF rewrite" if rdbflags & RDBFLAGS_AOF_PREAMBLE else "RDB"
    pieces = []                                     # of the fast lane, in their order, not in rdb.wbuf yet
    string_head = STRING_HEAD
    one_byte = ONE_BYTE
    # A key that is only a string, and nothing hangs on it, takes the short way.
    plain = not server.maxmemory_policy & (MAXMEMORY_FLAG_LRU | MAXMEMORY_FLAG_LFU) and not server.rdb_key_save_delay

    if server.rdb_checksum:
        rdb.update_cksum = rioGenericUpdateChecksum
    rioWrite(rdb, b"REDIS%04d" % RDB_VERSION)
    rdbSaveInfoAuxFields(rdb, rdbflags, rsi)

    for j in range(server.dbnum):
        db = server.db[j]
        if dictSize(db.dict) == 0:
            continue
        rdbSaveType(rdb, RDB_OPCODE_SELECTDB)
        rdbSaveLen(rdb, j)
        rdbSaveType(rdb, RDB_OPCODE_RESIZEDB)
        rdbSaveLen(rdb, dictSize(db.dict))
        rdbSaveLen(rdb, dictSize(db.expires))

        expires = db.expires
        has_expires = dictSize(expires) != 0
        buf = rdb.wbuf
        wlimit = rdb.wlimit
        for de in dict_entries(db.dict):            # C: a safe iterator; nothing changes the dict here
            keystr = de.key
            o = de.val
            expire = -1
            if has_expires:                         # getExpire
                ede = dictFind(expires, keystr)
                if ede is not None:
                    expire = ede.val

            # Fast lane: key and value are too short for LZF, and by their first letter no integers (or it is one).
            piece = None
            n = len(keystr)
            if plain and o.type == OBJ_STRING and expire == -1 and 0 < n <= 20 and keystr[0] > 57:
                val = o.ptr
                if o.encoding == OBJ_ENCODING_INT:
                    enc = rdbEncodeInteger(val)
                    piece = string_head[n], keystr, enc if enc else b"%c%d" % (len(b"%d" % val), val)
                else:
                    m = len(val)
                    if 0 < m <= 20 and val[0] > 57:
                        piece = string_head[n], keystr, one_byte[m], val
            if piece is not None:
                pieces += piece
            else:
                if pieces:
                    buf += b"".join(pieces)
                    pieces.clear()
                rdbSaveKeyValuePair(rdb, keystr, o, expire)

            # After each big key; after many small ones.
            if piece is None or not key_count & 255:
                if pieces:
                    buf += b"".join(pieces)
                    pieces.clear()
                if len(buf) >= wlimit and rio_write_out(rdb) == 0 or rdb.flags & RIO_FLAG_WRITE_ERROR:
                    return C_ERR, rdb.error

                # The preamble of an AOF: keep taking what the parent sends, so that little is left for the end.
                if rdbflags & RDBFLAGS_AOF_PREAMBLE:
                    if rio_processed_bytes(rdb) > processed + AOF_READ_DIFF_INTERVAL_BYTES:
                        processed = rio_processed_bytes(rdb)
                        aofReadDiffFromParent()

                # About once a second, looking at the clock every 1024 keys.
                if key_count & 1023 == 0:
                    now = mstime()
                    if now - info_updated_time >= 1000:
                        sendChildInfo(CHILD_INFO_TYPE_CURRENT_INFO, key_count + 1, pname)
                        info_updated_time = now
            key_count += 1
        buf += b"".join(pieces)
        pieces.clear()

    # With replication facts in the file the scripts go along: after a PSYNC the backlog may name them by hash.
    if rsi is not None and server.lua_scripts is not None and dictSize(server.lua_scripts):
        for de in dict_entries(server.lua_scripts):
            rdbSaveAuxField(rdb, b"lua", bytes(de.val.ptr))

    rdbSaveType(rdb, RDB_OPCODE_EOF)
    rio_write_out(rdb)                              # the checksum is over all of this
    cksum = rdb.cksum
    rdb.update_cksum = None
    rioWrite(rdb, cksum.to_bytes(8, "little"))
    rio_write_out(rdb)
    if rioGetWriteError(rdb):
        return C_ERR, rdb.error
    return C_OK, 0


def startSaving(rdbflags):
    """A save begins (C: tells the modules)."""


def stopSaving(success):
    """A save is over (C: tells the modules)."""
