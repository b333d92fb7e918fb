"""rdb_files.py - RDB files: keys are cut out of a window of the stream, and written in big pieces.

Shortens     persistence/rdb_save.py, persistence/rdb_load.py, persistence/rio.py.
Called from  SAVE, BGSAVE and full syncs (the child inherits what is bound), DUMP, rewrites of the AOF; all loading of RDB files.
State        window: what rdbLoadRio has looked at, and not read yet.

The text sums and copies every field on its own, as C does.  Here rdbSaveRio collects the fields of many keys and gives them to
rioWrite as one piece, and rdbLoadRio looks at what the target of the rio has ready, cuts keys and values out of that, and
reads it by one rioRead afterwards.  So bytes, checksums, errors and progress are those of the text, a piece at a time.
"""
import sys

from ae.monotonic import mstime
from datastructs.dict import dictEntry, dictExpand, dictSize, dict_entries
from datastructs.lzf import lzf_compress
from datastructs.quicklist import quicklistGetLzf, quicklistNodeIsCompressed
from datastructs.util import to_llong
from persistence.aof_rewrite import aofReadDiffFromParent
from persistence.rdb_h import (
    RDBFLAGS_ALLOW_DUP, RDBFLAGS_AOF_PREAMBLE, RDB_14BITLEN, RDB_32BITLEN, RDB_64BITLEN, RDB_ENCVAL, RDB_ENC_LZF, RDB_LENERR,
    RDB_LOAD_ERR_EMPTY_KEY, RDB_LOAD_PLAIN, RDB_LOAD_SDS, RDB_OPCODE_AUX, RDB_OPCODE_EOF, RDB_OPCODE_EXPIRETIME, RDB_OPCODE_EXPIRETIME_MS,
    RDB_OPCODE_FREQ, RDB_OPCODE_FUNCTION, RDB_OPCODE_FUNCTION2, RDB_OPCODE_IDLE, RDB_OPCODE_MODULE_AUX, RDB_OPCODE_RESIZEDB,
    RDB_OPCODE_SELECTDB, RDB_TYPE_HASH, RDB_TYPE_HASH_ZIPLIST, RDB_TYPE_LIST_QUICKLIST, RDB_TYPE_SET, RDB_TYPE_SET_INTSET, RDB_TYPE_STRING,
    RDB_TYPE_ZSET_2, RDB_TYPE_ZSET_ZIPLIST, RDB_VERSION)
from persistence.rdb_load import (
    rdbGenericLoadStringObject as text_rdbGenericLoadStringObject, rdbLoadLen, rdbLoadMillisecondTime, rdbLoadRio as text_rdbLoadRio,
    rdbLoadRio_aux, rdbLoadRio_begin, rdbLoadRio_end, rdbLoadRio_eoferr, rdbLoadRio_moduleaux, rdbLoadRio_value, rdbLoadTime,
    rdbReportReadError, rdb_expand_hint)
from persistence.rdb_save import (
    ONE_BYTE, debugDelay, pack_double, pack_len14, pack_len32, pack_len64, pack_ms, rdbEncodeInteger, rdbSaveInfoAuxFields,
    rdbSaveObject as text_rdbSaveObject, rdbSaveObjectType, rdbSaveRio as text_rdbSaveRio, rdbSaveRio_end, rdbSaveRio_werr)
from persistence.rio import (
    RIO_FLAG_WRITE_ERROR, rio, rioFileWrite, rioGenericUpdateChecksum, rioGetReadError, rioInitWithBuffer, rioRead as text_rioRead,
    rioWrite as text_rioWrite, rioWriteBulkString as text_rioWriteBulkString)
from server.fastpath.dicts import dictAddRaw, dictFind
from server.keyspace.db import dbAddRDBLoad, dbSyncDelete, setExpire, slotToKeyAdd
from server.keyspace.object_command import objectSetLRUOrLFU
from server.log import serverLog, serverPanic
from server.lru import LFU_INIT_VAL, LFUDecrAndReturn, LFUGetTimeInMinutes, LRU_CLOCK, estimateObjectIdleTime
from server.object import OBJ_ENCODING_EMBSTR_SIZE_LIMIT, createStringObjectFromLongLongForValue, tryObjectEncoding
from server.os_process import sendChildInfo
from server.server_h import (
    AOF_READ_DIFF_INTERVAL_BYTES, C_ERR, CHILD_INFO_TYPE_CURRENT_INFO, LL_WARNING, MAXMEMORY_FLAG_LFU, MAXMEMORY_FLAG_LRU, new_robj,
    OBJ_ENCODING_EMBSTR, OBJ_ENCODING_HT, OBJ_ENCODING_INT, OBJ_ENCODING_INTSET, OBJ_ENCODING_QUICKLIST, OBJ_ENCODING_RAW,
    OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_HASH, OBJ_LIST, OBJ_SET, OBJ_STRING, OBJ_ZSET, robj, server,
)
from server.server_state import iAmMaster

MAX_FIELDS = 4096                       # fields collected before they are written
MAX_BYTES = 128 * 1024                  # the same in bytes, counting long strings only
BIG_STRING = 64 * 1024                  # a string that is written without a copy
#: Type and length in front of a key shorter than 64 bytes whose value is a string.
STRING_HEAD = [bytes((RDB_TYPE_STRING, n)) for n in range(64)]
LZF_HEAD = ONE_BYTE[RDB_ENCVAL << 6 | RDB_ENC_LZF]
#: (type, encoding) -> the byte of rdbSaveObjectType.  Streams are left to the text.
TYPE_BYTE = {
    (OBJ_STRING, OBJ_ENCODING_RAW): ONE_BYTE[RDB_TYPE_STRING], (OBJ_STRING, OBJ_ENCODING_EMBSTR): ONE_BYTE[RDB_TYPE_STRING],
    (OBJ_STRING, OBJ_ENCODING_INT): ONE_BYTE[RDB_TYPE_STRING], (OBJ_LIST, OBJ_ENCODING_QUICKLIST): ONE_BYTE[RDB_TYPE_LIST_QUICKLIST],
    (OBJ_SET, OBJ_ENCODING_INTSET): ONE_BYTE[RDB_TYPE_SET_INTSET], (OBJ_SET, OBJ_ENCODING_HT): ONE_BYTE[RDB_TYPE_SET],
    (OBJ_ZSET, OBJ_ENCODING_ZIPLIST): ONE_BYTE[RDB_TYPE_ZSET_ZIPLIST], (OBJ_ZSET, OBJ_ENCODING_SKIPLIST): ONE_BYTE[RDB_TYPE_ZSET_2],
    (OBJ_HASH, OBJ_ENCODING_ZIPLIST): ONE_BYTE[RDB_TYPE_HASH_ZIPLIST], (OBJ_HASH, OBJ_ENCODING_HT): ONE_BYTE[RDB_TYPE_HASH]}


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [
        (text_rioRead, rioRead),
        (text_rioWrite, rioWrite),
        (text_rioWriteBulkString, rioWriteBulkString),
        (text_rdbGenericLoadStringObject, rdbGenericLoadStringObject),
        (text_rdbLoadRio, rdbLoadRio),
        (text_rdbSaveObject, rdbSaveObject),
        (text_rdbSaveRio, rdbSaveRio),
    ]

# --- Writing


def rioWrite(r, buf):
    """Put a short piece into the buffer of the file.

    When          the target is a file, nothing is summed, nothing has gone wrong, and no fsync is due.
    Same because  it is what rioWrite and rioFileWrite do then.
    Skips         rioFileWrite.
    Gains         see rioWriteBulkString.
    """
    n = len(buf)
    if (r.write is not rioFileWrite or r.update_cksum is not None or r.flags or r.max_processing_chunk
            or r.autosync and r.buffered + n >= r.autosync):
        return text_rioWrite(r, buf)
    try:
        r.fp.write(buf)
    except OSError as e:
        r.error = e.errno
        r.flags |= RIO_FLAG_WRITE_ERROR
        return 0
    r.buffered += n
    r.processed_bytes += n
    return 1


def rioWriteBulkString(r, buf):
    """Write head, string and line end as one piece.

    When          the string is shorter than 64 KB.
    Same because  the bytes are the same.
    Skips         rioWriteBulkCount.
    Gains         with rioWrite, 2.0 us instead of 3.9 for a key with a short string in a rewritten AOF (CPython 3.11, 2026-11-28, CPU time, the
                  quickest of five runs in one process).
    """
    if len(buf) >= BIG_STRING:
        return text_rioWriteBulkString(r, buf)
    bulk = b"$%d\r\n%b\r\n" % (len(buf), buf)
    return len(bulk) if rioWrite(r, bulk) else 0


def len_bytes(n):
    """Return what rdbSaveLen writes."""
    if n < 1 << 6:
        return ONE_BYTE[n]
    if n < 1 << 14:
        return pack_len14(n | RDB_14BITLEN << 14)
    if n <= 0xffffffff:
        return ONE_BYTE[RDB_32BITLEN] + pack_len32(n)
    return ONE_BYTE[RDB_64BITLEN] + pack_len64(n & 0xffffffffffffffff)


class field_list:
    """Fields that are collected for one rioWrite."""
    __slots__ = ("rdb", "fields", "size", "written")

    def __init__(self, rdb):
        self.rdb = rdb
        self.fields = []
        self.size = 0              # bytes of the long strings among them
        self.written = 0           # bytes given to rioWrite


def write_fields(f):
    """Give everything to rioWrite -> 1 or 0."""
    data = b"".join(f.fields)
    f.fields.clear()
    f.size = 0
    f.written += len(data)
    return rioWrite(f.rdb, data)


def add_string(f, s):
    """Add what rdbSaveRawString writes -> 1, or 0 when the rio is in error."""
    n = len(s)
    fields = f.fields
    if n <= 20:
        if 0 < n <= 11 and s[0] <= 57:                  # "9": perhaps a number
            enc = integer_encoding(s)
            if enc:
                fields.append(enc)
                return 1
        fields.append(ONE_BYTE[n])
        fields.append(s)
        return 1
    if server.rdb_compression:
        out = lzf_compress(s, n - 4)
        if out:
            return add_lzf_blob(f, out, n)
    fields.append(len_bytes(n))
    return add_long(f, s)


def add_lzf_blob(f, data, original_len):
    f.fields += LZF_HEAD, len_bytes(len(data)), len_bytes(original_len)
    return add_long(f, data)


def add_long(f, s):
    """Add bytes that may be many -> 1 or 0."""
    n = len(s)
    if n >= BIG_STRING:
        if not write_fields(f):
            return 0
        f.written += n
        return rioWrite(f.rdb, s)
    f.fields.append(s)
    f.size += n
    return 1 if f.size < MAX_BYTES else write_fields(f)


def integer_encoding(s):
    """Return what rdbTryIntegerEncoding returns, for a string that is not empty."""
    if s[0] < 48 and s[0] != 45:                        # neither digit nor "-"
        return b""
    try:
        value = int(s)
    except ValueError:
        return b""
    return rdbEncodeInteger(value) if b"%d" % value == s else b""


def add_value(f, o):
    """Add what rdbSaveObject writes for one of TYPE_BYTE -> 1, or 0 when the rio is in error."""
    fields = f.fields
    type_ = o.type
    if type_ == OBJ_STRING:
        if o.encoding != OBJ_ENCODING_INT:
            return add_string(f, o.ptr)
        enc = rdbEncodeInteger(o.ptr)
        if not enc:
            enc = b"%d" % o.ptr
            fields.append(ONE_BYTE[len(enc)])
        fields.append(enc)
        return 1
    if type_ == OBJ_LIST:
        ql = o.ptr
        fields.append(len_bytes(ql.len))
        node = ql.head
        while node is not None:
            if not (add_lzf_blob(f, quicklistGetLzf(node), node.sz) if quicklistNodeIsCompressed(node)
                    else add_string(f, bytes(node.zl))):
                return 0
            node = node.next
        return 1
    if o.encoding == OBJ_ENCODING_HT:
        return add_dict(f, o.ptr, type_ == OBJ_HASH)
    if o.encoding == OBJ_ENCODING_SKIPLIST:
        return add_skiplist(f, o.ptr.zsl)
    return add_string(f, bytes(o.ptr))                  # a ziplist, an intset


def add_dict(f, d, values):
    """Add the keys of a dict, with their values if there are any -> 1 or 0."""
    fields = f.fields
    fields.append(len_bytes(dictSize(d)))
    for de in dict_entries(d):
        s = de.key
        if 0 < len(s) <= 20 and s[0] > 57:
            fields.append(ONE_BYTE[len(s)])
            fields.append(s)
        elif not add_string(f, s):
            return 0
        if values:
            s = de.val
            if 0 < len(s) <= 20 and s[0] > 57:
                fields.append(ONE_BYTE[len(s)])
                fields.append(s)
            elif not add_string(f, s):
                return 0
        if len(fields) >= MAX_FIELDS and not write_fields(f):
            return 0
    return 1


def add_skiplist(f, zsl):
    """Add members and scores, from the greatest down -> 1 or 0."""
    fields = f.fields
    fields.append(len_bytes(zsl.length))
    zn = zsl.tail
    while zn is not None:
        s = zn.ele
        if 0 < len(s) <= 20 and s[0] > 57:
            fields.append(ONE_BYTE[len(s)])
            fields.append(s)
        elif not add_string(f, s):
            return 0
        fields.append(pack_double(zn.score))
        if len(fields) >= MAX_FIELDS and not write_fields(f):
            return 0
        zn = zn.backward
    return 1


def rdbSaveObject(rdb, o, key):
    """Collect the fields of a value and write them as one piece.

    When          there is a rio, and the value is none of those that TYPE_BYTE does not have (streams).
    Same because  the fields are the same.
    Skips         rdbSaveStringObject, rdbSaveRawString, rdbSaveLen, rdbTryIntegerEncoding, rdbWriteRaw, dictNext.
    Gains         21 us instead of 172 for a set of 100 short members (CPython 3.11, 2026-11-28, CPU time, the
                  quickest of five runs in one process).
    """
    if rdb is None or (o.type, o.encoding) not in TYPE_BYTE:
        return text_rdbSaveObject(rdb, o, key)
    f = field_list(rdb)
    if not add_value(f, o) or not write_fields(f):
        return -1
    return f.written


def rdbSaveRio(rdb, rdbflags, rsi):
    """Collect the fields of many keys and write them as one piece.

    When          rdb-key-save-delay is 0.
    Same because  fields and order are the same.  The diff of an AOF rewrite is read, and the parent is told how far the child is, after a
                  piece instead of after a key.
    Skips         dictNext, getExpire, rdbSaveKeyValuePair, rdbSaveObjectType, rdbSaveStringObject, rdbSaveRawString, rdbSaveLen, rdbWriteRaw.
    Gains         1.0 us instead of 8.6 for a key with a short string (CPython 3.11, 2026-11-28, CPU time, the
                  quickest of five runs in one process).
    """
    if server.rdb_key_save_delay:
        return text_rdbSaveRio(rdb, rdbflags, rsi)
    processed = 0
    key_count = 0
    info_updated_time = 0
    preamble = rdbflags & RDBFLAGS_AOF_PREAMBLE
    pname = "AOF rewrite" if preamble else "RDB"
    savelru = server.maxmemory_policy & MAXMEMORY_FLAG_LRU
    savelfu = server.maxmemory_policy & MAXMEMORY_FLAG_LFU
    string_head = STRING_HEAD
    one_byte = ONE_BYTE

    if server.rdb_checksum:
        rdb.update_cksum = rioGenericUpdateChecksum
    if not rioWrite(rdb, b"REDIS%04d" % RDB_VERSION) or rdbSaveInfoAuxFields(rdb, rdbflags, rsi) == -1:
        return rdbSaveRio_werr(rdb, None)

    f = field_list(rdb)
    fields = f.fields
    for j in range(server.dbnum):
        db = server.db[j]
        if dictSize(db.dict) == 0:
            continue
        fields += (one_byte[RDB_OPCODE_SELECTDB], len_bytes(j), one_byte[RDB_OPCODE_RESIZEDB], len_bytes(dictSize(db.dict)),
                   len_bytes(dictSize(db.expires)))
        expires = db.expires if dictSize(db.expires) else None
        for de in dict_entries(db.dict):
            keystr = de.key
            o = de.val
            if expires is not None:
                ede = dictFind(expires, keystr)         # getExpire
                if ede is not None:
                    fields += one_byte[RDB_OPCODE_EXPIRETIME_MS], pack_ms(to_llong(ede.val))
            if savelru:
                fields += one_byte[RDB_OPCODE_IDLE], len_bytes(estimateObjectIdleTime(o) // 1000)
            if savelfu:
                fields += one_byte[RDB_OPCODE_FREQ], one_byte[LFUDecrAndReturn(o)]

            # Most keys: a short name that is no number, and a string of the same kind or an integer.
            n = len(keystr)
            if o.type == OBJ_STRING and 0 < n <= 20 and keystr[0] > 57:
                val = o.ptr
                if o.encoding == OBJ_ENCODING_INT:
                    enc = rdbEncodeInteger(val)
                    fields += string_head[n], keystr, enc if enc else b"%c%d" % (len(b"%d" % val), val)
                else:
                    m = len(val)
                    if 0 < m <= 20 and val[0] > 57:
                        fields += string_head[n], keystr, one_byte[m], val
                    else:
                        fields += string_head[n], keystr
                        if not add_string(f, val):
                            return rdbSaveRio_werr(rdb, None)
            else:
                type_byte = TYPE_BYTE.get((o.type, o.encoding))
                if type_byte is not None:
                    fields.append(type_byte)
                    if not add_string(f, keystr) or not add_value(f, o):
                        return rdbSaveRio_werr(rdb, None)
                else:
                    memory = rio()
                    rioInitWithBuffer(memory, bytearray())
                    rdbSaveObjectType(memory, o)
                    fields.append(bytes(memory.ptr))
                    add_string(f, keystr)
                    if not write_fields(f) or text_rdbSaveObject(rdb, o, None) == -1:
                        return rdbSaveRio_werr(rdb, None)

            if len(fields) >= MAX_FIELDS and not write_fields(f):
                return rdbSaveRio_werr(rdb, None)
            if preamble and rdb.processed_bytes > processed + AOF_READ_DIFF_INTERVAL_BYTES:
                processed = rdb.processed_bytes
                aofReadDiffFromParent()
            if not key_count & 1023:
                now = mstime()
                if now - info_updated_time >= 1000:
                    sendChildInfo(CHILD_INFO_TYPE_CURRENT_INFO, key_count + 1, pname)
                    info_updated_time = now
            key_count += 1
    if not write_fields(f):
        return rdbSaveRio_werr(rdb, None)
    return rdbSaveRio_end(rdb, rsi)

# --- Reading


class read_window:
    """Bytes that the target of a rio has ready.  Those before `pos` have been used, but the rio does not know it yet."""
    __slots__ = ("rio", "buf", "pos")

    def __init__(self):
        self.rio = None            # the rio that rdbLoadRio reads; None: nothing is loaded
        self.buf = b""
        self.pos = 0


window = read_window()


def look(r):
    """Return bytes that the target gives next, as many as are ready, without reading them."""
    if r.fp is not None:
        try:
            return r.fp.peek(1)
        except OSError:
            return b""             # the text will meet the error again, and report it
    if r.conn is not None:
        return r.buf[r.pos:]
    return r.ptr[r.pos:]


def settle():
    """Let the rio read what has been used of the window, and close the window.  Clients may be served meanwhile."""
    w = window
    used = w.pos
    w.buf = b""
    w.pos = 0
    if used:
        text_rioRead(w.rio, used)


def rioRead(r, n):
    """Cut the bytes out of the window.

    When          the rio is the one that rdbLoadRio reads, and the window has so many.
    Same because  the rio reads them when the window is done.
    Skips         rioFileRead, rioConnRead, rdbLoadProgressCallback.
    Gains         part of what rdbLoadRio gains.
    """
    w = window
    if r is not w.rio:
        return text_rioRead(r, n)
    pos = w.pos
    end = pos + n
    if end <= len(w.buf):
        w.pos = end
        return w.buf[pos:end]
    settle()
    data = text_rioRead(r, n)
    if data is not None and w.pos == 0:
        w.buf = look(r)
    return data


def rdbGenericLoadStringObject(rdb, flags):
    """Cut a string out of the window.

    When          as rioRead; bytes are wanted, and the length has one or two bytes.
    Same because  of the same.
    Skips         rdbLoadLenByRef, rioRead.
    Gains         part of what rdbLoadRio gains.
    """
    w = window
    if rdb is w.rio and flags & (RDB_LOAD_SDS | RDB_LOAD_PLAIN):
        pos = w.pos
        buf = w.buf
        size = len(buf)
        if pos < size:
            n = buf[pos]
            pos += 1
            if n < 64:                                  # RDB_6BITLEN
                end = pos + n
                if end <= size:
                    w.pos = end
                    return buf[pos:end]
            elif n < 128 and pos < size:                # RDB_14BITLEN
                n = (n & 0x3f) << 8 | buf[pos]
                pos += 1
                end = pos + n
                if end <= size:
                    w.pos = end
                    return buf[pos:end]
    return text_rdbGenericLoadStringObject(rdb, flags)


def rdbLoadRio(rdb, rdbflags, rsi):
    """Cut keys out of a window of the stream.

    When          no other stream is loaded.
    Same because  what is read, its order, checksum and errors are the same.  Progress (INFO, the offset in error messages, clients that are
                  served) is seen after a window instead of after a field.
    Skips         rdbLoadType, rdbLoadObject, rdbLoadEncodedStringObject, rdbLoadLenByRef, dbAddRDBLoad, for strings up to 16 KB.
    Gains         2.2 us instead of 11.8 for a key with a short string (CPython 3.11, 2026-11-28, CPU time, the
                  quickest of five runs in one process).
    """
    if window.rio is not None:
        return text_rdbLoadRio(rdb, rdbflags, rsi)
    rdbver = rdbLoadRio_begin(rdb, rdbflags)
    if rdbver == -1:
        return C_ERR
    window.rio = rdb
    window.buf = look(rdb)
    window.pos = 0
    try:
        counts = load_keys(rdb, rdbflags, rsi if rdbver <= RDB_VERSION else None, rdbver)
        settle()
    finally:
        window.rio = None
        window.buf = b""
        window.pos = 0
    return rdbLoadRio_end(rdb, rdbver, *counts) if counts is not None else C_ERR


def load_keys(rdb, rdbflags, rsi, rdbver):
    """The loop of rdbLoadRio -> (keys loaded, expired keys skipped, empty keys skipped), or None after rdbLoadRio_eoferr."""
    w = window
    db = server.db[0]
    empty_keys_skipped = expired_keys_skipped = keys_loaded = 0
    keyobj = new_robj(OBJ_STRING, OBJ_ENCODING_RAW, None)
    lru_idle = lfu_freq = expiretime = -1
    now = mstime()
    lru_clock = LRU_CLOCK()
    cluster_enabled = server.cluster_enabled

    while True:
        if expiretime == lfu_freq == lru_idle == -1 and not server.key_load_delay:
            keys_loaded += load_strings(w, db, cluster_enabled)
        type_ = rioRead(rdb, 1)
        if type_ is None:
            rdbLoadRio_eoferr()
            return None
        type_ = type_[0]
        if type_ == RDB_OPCODE_EXPIRETIME_MS:
            expiretime = rdbLoadMillisecondTime(rdb, rdbver)
            ok = not rioGetReadError(rdb)
        elif type_ == RDB_OPCODE_EXPIRETIME:
            expiretime = rdbLoadTime(rdb) * 1000
            ok = not rioGetReadError(rdb)
        elif type_ == RDB_OPCODE_FREQ:
            byte = rioRead(rdb, 1)
            ok = byte is not None
            lfu_freq = byte[0] if ok else -1
        elif type_ == RDB_OPCODE_IDLE:
            qword = rdbLoadLen(rdb)
            ok = qword != RDB_LENERR
            lru_idle = to_llong(qword)
        elif type_ == RDB_OPCODE_EOF:
            return keys_loaded, expired_keys_skipped, empty_keys_skipped
        elif type_ == RDB_OPCODE_SELECTDB:
            dbid = rdbLoadLen(rdb)
            ok = dbid != RDB_LENERR
            if ok and dbid >= server.dbnum:
                serverLog(LL_WARNING, "FATAL: Data file was created with a Redis server configured to handle "
                                      "more than %d databases. Exiting\n", server.dbnum)
                sys.exit(1)
            if ok:
                db = server.db[dbid]
        elif type_ == RDB_OPCODE_RESIZEDB:
            db_size = rdbLoadLen(rdb)
            expires_size = rdbLoadLen(rdb) if db_size != RDB_LENERR else RDB_LENERR
            ok = expires_size != RDB_LENERR
            if ok:
                dictExpand(db.dict, rdb_expand_hint(rdb, db_size))
                dictExpand(db.expires, rdb_expand_hint(rdb, expires_size))
        elif type_ == RDB_OPCODE_AUX:
            ok = rdbLoadRio_aux(rdb, rsi) != C_ERR
        elif type_ == RDB_OPCODE_MODULE_AUX:
            ok = rdbLoadRio_moduleaux(rdb) != C_ERR
        elif rdbver >= 10 and (type_ == RDB_OPCODE_FUNCTION or type_ == RDB_OPCODE_FUNCTION2):
            rdbReportReadError(2322, "Unknown RDB encoding type %d: a library of functions (Redis 7.0)", type_)
            ok = False
        else:
            key = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
            val, error = rdbLoadRio_value(rdb, type_, rdbver, key) if key is not None else (None, 0)
            if val is None:
                if error != RDB_LOAD_ERR_EMPTY_KEY:
                    rdbLoadRio_eoferr()
                    return None
                if empty_keys_skipped < 10:
                    serverLog(LL_WARNING, "rdbLoadObject skipping empty key: %s", key)
                empty_keys_skipped += 1
            elif expiretime != -1 and expiretime < now and iAmMaster() and not rdbflags & RDBFLAGS_AOF_PREAMBLE:
                expired_keys_skipped += 1
            else:
                keys_loaded += 1
                if not dbAddRDBLoad(db, key, val):
                    if not rdbflags & RDBFLAGS_ALLOW_DUP:
                        serverLog(LL_WARNING, "RDB has duplicated key '%s' in DB %d", key, db.id)
                        serverPanic("Duplicated key found in RDB file")
                    keyobj.ptr = key
                    dbSyncDelete(db, keyobj)
                    dbAddRDBLoad(db, key, val)
                if expiretime != -1:
                    keyobj.ptr = key
                    setExpire(None, db, keyobj, expiretime)
                if lfu_freq != -1 or lru_idle != -1:
                    objectSetLRUOrLFU(val, lfu_freq, lru_idle, lru_clock, 1000)
            if server.key_load_delay:
                debugDelay(server.key_load_delay)
            expiretime = lfu_freq = lru_idle = -1
            continue
        if not ok:
            rdbLoadRio_eoferr()
            return None


def load_strings(w, db, cluster_enabled):
    """Load keys that are strings with nothing hanging on them, as many as the window begins with -> their number."""
    buf = w.buf
    pos = w.pos
    limit = len(buf) - 200                              # two strings under 64 bytes and their lengths always fit
    lru = (LFUGetTimeInMinutes() << 8) | LFU_INIT_VAL if server.maxmemory_policy & MAXMEMORY_FLAG_LFU else server.lruclock
    dict_ = db.dict
    ht0 = dict_.ht[0]
    table = ht0.table
    sizemask = ht0.sizemask
    # How many keys the table takes before dictAddRaw has to look whether it grows.
    room = ht0.size - ht0.used if dict_.rehashidx == -1 and dict_.type.hashFunction is None and dict_.type.keyDup is None else 0
    keys_loaded = 0
    while pos < limit and buf[pos] == RDB_TYPE_STRING:
        n = buf[pos + 1]
        if n >= 64:                                     # RDB_6BITLEN
            break
        start = pos + 2
        end = start + n
        n = buf[end]
        if n < 128:
            first = end + 1
            end_val = first + n
            if n >= 64:                                 # RDB_14BITLEN
                n = (n & 0x3f) << 8 | buf[first]
                first += 1
                end_val = first + n
                if end_val > limit:
                    break
            s = buf[first:end_val]
            val = robj()                                # new_robj
            val.type = OBJ_STRING
            val.encoding = OBJ_ENCODING_EMBSTR if n <= OBJ_ENCODING_EMBSTR_SIZE_LIMIT else OBJ_ENCODING_RAW
            val.lru = lru
            val.refcount = 1
            val.ptr = s
            if 0 < n <= 20 and s[0] <= 57:              # "-", digits: perhaps a long integer
                val = tryObjectEncoding(val)
        elif 0xc0 <= n <= 0xc2:                         # RDB_ENC_INT8, INT16, INT32
            end_val = end + (2, 3, 5)[n & 3]
            val = createStringObjectFromLongLongForValue(int.from_bytes(buf[end + 1:end_val], "little", signed=True))
        else:
            break
        key = buf[start:end]                            # dbAddRDBLoad
        if room > 0:
            idx = hash(key) & sizemask
            head = he = table[idx]
            while he is not None and he.key != key:
                he = he.next
            if he is not None:
                break                                   # there already: the long way decides
            table[idx] = de = dictEntry(key, head)
            ht0.used += 1
            room -= 1
        else:
            de, _ = dictAddRaw(dict_, key)
            if de is None:
                break
        de.val = val
        if cluster_enabled:
            slotToKeyAdd(de.key)
        pos = end_val
        keys_loaded += 1
    w.pos = pos
    return keys_loaded
