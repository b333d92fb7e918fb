"""bitops.py - strings as arrays of bits.                         Mirrors src/bitops.c (6.2.14)

Lives here   SETBIT GETBIT BITOP BITCOUNT BITPOS BITFIELD BITFIELD_RO; redisPopcount, redisBitpos.
Called from  call() [command]; cluster (slot bitmaps).
Calls out    keyspace.db, keyspace.notify.
State        none.
Invariant    bit 0 is the most significant bit of byte 0, so a bit field read as a big-endian number is in order.
Departures   bits are counted, found and combined by big integers and bytes methods, not byte by byte.
"""
from datastructs.sds import sdsgrowzero, sdsnewlen
from datastructs.util import string2ll
from server.log import serverAssert
from server.server_h import (
    server, shared, C_OK, C_ERR, NOTIFY_STRING, NOTIFY_GENERIC, OBJ_STRING, OBJ_ENCODING_INT,
)
from server.object import (
    checkType, createObject, getDecodedObject, getLongFromObjectOrReply, getLongLongFromObjectOrReply,
)
from server.client.networking_reply import (
    addReply, addReplyError, addReplyErrorObject, addReplyLongLong, addReplyNull, addReplyArrayLen,
)
from server.keyspace.db import (
    lookupKeyRead, lookupKeyReadOrReply, lookupKeyWrite, dbAdd, dbDelete, dbUnshareStringValue, setKey,
    signalModifiedKey,
)
from server.keyspace.notify import notifyKeyspaceEvent

UINT64_MASK = 0xffffffffffffffff
INT64_MAX = 0x7fffffffffffffff


# ---------------------------------------------------------------------------
# Helpers and low level bit functions.
# ---------------------------------------------------------------------------

_HAVE_BIT_COUNT = hasattr(int, "bit_count")     # Python 3.10
_POPCOUNT_CHUNK = 1 << 20                       # bytes turned into one integer at a time


def redisPopcount(s):
    """Count the bits set in `s`: bytes, a bytearray, or a memoryview of a part of one."""
    bits = 0
    for start in range(0, len(s), _POPCOUNT_CHUNK):
        n = int.from_bytes(s[start:start + _POPCOUNT_CHUNK], "little")
        bits += n.bit_count() if _HAVE_BIT_COUNT else bin(n).count("1")
    return bits


# Runs of these bytes cannot contain the first bit: skip them by comparing 16 KB, then 256 bytes, at a time.
_BITPOS_RUNS = {bit: [skipval * size for size in (1 << 14, 1 << 8)] for bit, skipval in ((1, b"\0"), (0, b"\xff"))}


def redisBitpos(s, bit):
    """Return the position of the first bit of `s` (see redisPopcount) that equals `bit`.  Looks no further than there.

    Looking for 0, `s` is taken as padded with zeros on the right: len(s)*8 when all bits are set. Looking for 1, the
    answer may be -1.
    """
    pos = 0
    for run in _BITPOS_RUNS[bit]:
        while bytes(s[pos:pos + len(run)]) == run:          # a memoryview compares item by item, bytes by memcmp
            pos += len(run)
    byte = 0 if bit else 0xff
    for c in s[pos:pos + 256]:
        if c != byte:
            return pos * 8 + 8 - (c ^ byte).bit_length()
        pos += 1
    return -1 if bit else len(s) * 8


# Bit fields: integers of 1 to 64 bits anywhere in a bitmap. The field starts at bit `offset` and its most significant
# bit comes first, so that a field on byte boundaries is a big-endian number.

def setUnsignedBitfield(p, offset, bits, value):
    """Store the low `bits` bits of `value` in the bytearray p, which is long enough."""
    first = offset >> 3
    end = (offset + bits + 7) >> 3
    shift = end * 8 - offset - bits
    mask = ((1 << bits) - 1) << shift
    n = int.from_bytes(p[first:end], "big")
    n = (n & ~mask) | ((value << shift) & mask)
    p[first:end] = n.to_bytes(end - first, "big")


def setSignedBitfield(p, offset, bits, value):
    setUnsignedBitfield(p, offset, bits, value & UINT64_MASK)


def getUnsignedBitfield(p, offset, bits):
    first = offset >> 3
    end = (offset + bits + 7) >> 3
    n = int.from_bytes(p[first:end], "big") >> (end * 8 - offset - bits)
    return n & ((1 << bits) - 1)


def getSignedBitfield(p, offset, bits):
    value = getUnsignedBitfield(p, offset, bits)
    return value - (1 << bits) if value >> (bits - 1) else value


BFOVERFLOW_WRAP = 0
BFOVERFLOW_SAT = 1
BFOVERFLOW_FAIL = 2      # handled by BITFIELD


def _int64(n):
    """Return what a C int64_t holds after n was computed modulo 2^64."""
    n &= UINT64_MASK
    return n - (1 << 64) if n > INT64_MAX else n


def checkUnsignedBitfieldOverflow(value, incr, bits, owtype):
    """Check that value + incr fits into `bits` unsigned bits -> (0, None), or (1 or -1 for over- or underflow, limit).

    `limit` is what to store instead: the bound for SAT, the remainder for WRAP, None for FAIL.
    """
    max_ = (1 << bits) - 1
    if value > max_ or (incr > 0 and incr > max_ - value):
        overflow, limit = 1, max_
    elif incr < 0 and incr < -value:
        overflow, limit = -1, 0
    else:
        return 0, None
    if owtype == BFOVERFLOW_WRAP:
        return 1, (value + incr) & max_
    return overflow, limit if owtype == BFOVERFLOW_SAT else None


def checkSignedBitfieldOverflow(value, incr, bits, owtype):
    """Check that value + incr fits into a signed field of `bits` bits -> as checkUnsignedBitfieldOverflow.

    C: maxincr wraps around when `value` is far below the field's minimum (a SET of an int64 into a small field);
    that is kept, since SAT then gives the maximum.
    """
    max_ = (1 << (bits - 1)) - 1
    min_ = -max_ - 1
    maxincr = _int64(max_ - value)
    minincr = _int64(min_ - value)
    if value > max_ or (bits != 64 and incr > maxincr) or (value >= 0 and incr > 0 and incr > maxincr):
        overflow, limit = 1, max_
    elif value < min_ or (bits != 64 and incr < minincr) or (value < 0 and incr < 0 and incr < minincr):
        overflow, limit = -1, min_
    else:
        return 0, None
    if owtype == BFOVERFLOW_WRAP:
        c = (value + incr) & ((1 << bits) - 1)
        return 1, c - (1 << bits) if c >> (bits - 1) else c
    return overflow, limit if owtype == BFOVERFLOW_SAT else None


# ---------------------------------------------------------------------------
# Bits related string commands: GETBIT, SETBIT, BITCOUNT, BITOP.
# ---------------------------------------------------------------------------

BITOP_AND = 0
BITOP_OR = 1
BITOP_XOR = 2
BITOP_NOT = 3

BITFIELDOP_GET = 0
BITFIELDOP_SET = 1
BITFIELDOP_INCRBY = 2


def getBitOffsetFromArgument(c, o, hash_, bits):
    """Read a bit offset -> (C_OK, offset), or (C_ERR, 0) after an error reply.

    With hash_, "#n" means n fields of `bits` bits. The byte must lie within proto-max-bulk-len.
    """
    err = b"bit offset is not an integer or out of range"
    p = o.ptr
    usehash = 1 if p[:1] == b"#" and hash_ and bits > 0 else 0
    ok, loffset = string2ll(p[usehash:])
    if not ok:
        addReplyError(c, err)
        return C_ERR, 0
    if usehash:
        loffset = _int64(loffset * bits)
    if loffset < 0 or loffset >> 3 >= server.proto_max_bulk_len:
        addReplyError(c, err)
        return C_ERR, 0
    return C_OK, loffset


def getBitfieldTypeFromArgument(c, o):
    """Read a field type, "i1".."i64" or "u1".."u63" -> (C_OK, sign, bits), or C_ERR after an error reply."""
    err = b"Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    p = o.ptr
    if p[:1] == b"i":
        sign = 1
    elif p[:1] == b"u":
        sign = 0
    else:
        addReplyError(c, err)
        return C_ERR, 0, 0
    ok, llbits = string2ll(p[1:].partition(b"\0")[0])
    if not ok or llbits < 1 or (sign == 1 and llbits > 64) or (sign == 0 and llbits > 63):
        addReplyError(c, err)
        return C_ERR, 0, 0
    return C_OK, sign, llbits


def lookupStringForBitCommand(c, maxbit):
    """Look up the string at argv[1], created or padded so that bit `maxbit` exists -> robj; None when WRONGTYPE was replied."""
    byte = maxbit >> 3
    o = lookupKeyWrite(c.db, c.argv[1])
    if checkType(c, o, OBJ_STRING):
        return None
    if o is None:
        o = createObject(OBJ_STRING, sdsnewlen(None, byte + 1))
        dbAdd(c.db, c.argv[1], o)
    else:
        o = dbUnshareStringValue(c.db, c.argv[1], o)
        if len(o.ptr) < byte + 1:
            o.ptr = sdsgrowzero(o.ptr, byte + 1)
    return o


def getObjectReadOnlyString(o):
    """Return the bytes of a string object, for reading; b"" for None."""
    if o is None:
        return b""
    serverAssert(o.type == OBJ_STRING)
    if o.encoding == OBJ_ENCODING_INT:
        return b"%d" % o.ptr
    return o.ptr


def setbitCommand(c):
    """SETBIT key offset value -> the old bit   [write, denyoom]"""
    err = b"bit is not an integer or out of range"
    ok, bitoffset = getBitOffsetFromArgument(c, c.argv[2], 0, 0)
    if ok != C_OK:
        return
    ok, on = getLongFromObjectOrReply(c, c.argv[3], err)
    if ok != C_OK:
        return
    if on & ~1:
        addReplyError(c, err)
        return
    o = lookupStringForBitCommand(c, bitoffset)
    if o is None:
        return

    p = o.ptr
    byte = bitoffset >> 3
    bit = 7 - (bitoffset & 0x7)
    byteval = p[byte]
    bitval = byteval & (1 << bit)
    p[byte] = byteval & ~(1 << bit) | on << bit
    signalModifiedKey(c, c.db, c.argv[1])
    notifyKeyspaceEvent(NOTIFY_STRING, b"setbit", c.argv[1], c.db.id)
    server.dirty += 1
    addReply(c, shared.cone if bitval else shared.czero)


def getbitCommand(c):
    """GETBIT key offset -> 0 or 1   [read-only, fast]"""
    ok, bitoffset = getBitOffsetFromArgument(c, c.argv[2], 0, 0)
    if ok != C_OK:
        return
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_STRING):
        return
    p = getObjectReadOnlyString(o)
    byte = bitoffset >> 3
    bit = 7 - (bitoffset & 0x7)
    bitval = p[byte] & (1 << bit) if byte < len(p) else 0
    addReply(c, shared.cone if bitval else shared.czero)


def bitopCommand(c):
    """BITOP AND|OR|XOR|NOT destkey key [key ...] -> length of the result   [write, denyoom]

    Shorter strings count as padded with zero bytes, missing keys as empty.
    """
    opname = c.argv[1].ptr.lower()
    targetkey = c.argv[2]
    if opname == b"and":
        op = BITOP_AND
    elif opname == b"or":
        op = BITOP_OR
    elif opname == b"xor":
        op = BITOP_XOR
    elif opname == b"not":
        op = BITOP_NOT
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    if op == BITOP_NOT and c.argc != 4:
        addReplyError(c, b"BITOP NOT must be called with a single source key.")
        return

    src = []
    maxlen = 0
    for j in range(3, c.argc):
        o = lookupKeyRead(c.db, c.argv[j])
        if o is None:
            src.append(b"")
            continue
        if checkType(c, o, OBJ_STRING):
            return
        src.append(getDecodedObject(o).ptr)
        if len(src[-1]) > maxlen:
            maxlen = len(src[-1])

    if maxlen:
        # Little endian, so that the padding of a shorter string is in the high digits, which are zero anyway.
        res = int.from_bytes(src[0], "little")
        if op == BITOP_NOT:
            res ^= (1 << maxlen * 8) - 1
        for s in src[1:]:
            n = int.from_bytes(s, "little")
            if op == BITOP_AND:
                res &= n
            elif op == BITOP_OR:
                res |= n
            else:
                res ^= n
        o = createObject(OBJ_STRING, res.to_bytes(maxlen, "little"))
        setKey(c, c.db, targetkey, o)
        notifyKeyspaceEvent(NOTIFY_STRING, b"set", targetkey, c.db.id)
        server.dirty += 1
    elif dbDelete(c.db, targetkey):
        signalModifiedKey(c, c.db, targetkey)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", targetkey, c.db.id)
        server.dirty += 1
    addReplyLongLong(c, maxlen)


def bitcountCommand(c):
    """BITCOUNT key [start end] -> int   [read-only]; start and end are byte positions"""
    o = lookupKeyReadOrReply(c, c.argv[1], shared.czero)
    if o is None or checkType(c, o, OBJ_STRING):
        return
    p = getObjectReadOnlyString(o)
    strlen = len(p)

    if c.argc == 4:
        ok, start = getLongFromObjectOrReply(c, c.argv[2])
        if ok != C_OK:
            return
        ok, end = getLongFromObjectOrReply(c, c.argv[3])
        if ok != C_OK:
            return
        if start < 0 and end < 0 and start > end:
            addReply(c, shared.czero)
            return
        if start < 0:
            start = strlen + start
        if end < 0:
            end = strlen + end
        if start < 0:
            start = 0
        if end < 0:
            end = 0
        if end >= strlen:
            end = strlen - 1
    elif c.argc == 2:
        start = 0
        end = strlen - 1
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    if start > end:
        addReply(c, shared.czero)
    else:
        addReplyLongLong(c, redisPopcount(memoryview(p)[start:end + 1]))


def bitposCommand(c):
    """BITPOS key bit [start [end]] -> position or -1   [read-only]"""
    end_given = 0
    ok, bit = getLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    if bit != 0 and bit != 1:
        addReplyError(c, b"The bit argument must be 1 or 0.")
        return

    # A missing key is treated as an infinite string of zeros.
    o = lookupKeyRead(c.db, c.argv[1])
    if o is None:
        addReplyLongLong(c, -1 if bit else 0)
        return
    if checkType(c, o, OBJ_STRING):
        return
    p = getObjectReadOnlyString(o)
    strlen = len(p)

    if c.argc == 4 or c.argc == 5:
        ok, start = getLongFromObjectOrReply(c, c.argv[3])
        if ok != C_OK:
            return
        if c.argc == 5:
            ok, end = getLongFromObjectOrReply(c, c.argv[4])
            if ok != C_OK:
                return
            end_given = 1
        else:
            end = strlen - 1
        if start < 0:
            start = strlen + start
        if end < 0:
            end = strlen + end
        if start < 0:
            start = 0
        if end < 0:
            end = 0
        if end >= strlen:
            end = strlen - 1
    elif c.argc == 3:
        start = 0
        end = strlen - 1
    else:
        addReplyErrorObject(c, shared.syntaxerr)
        return

    if start > end:
        addReplyLongLong(c, -1)
        return
    count = end - start + 1
    pos = redisBitpos(memoryview(p)[start:end + 1], bit)
    # With an explicit end, the zeros after the string do not count.
    if end_given and bit == 0 and pos == count << 3:
        addReplyLongLong(c, -1)
        return
    if pos != -1:
        pos += start << 3
    addReplyLongLong(c, pos)


BITFIELD_FLAG_NONE = 0
BITFIELD_FLAG_READONLY = 1 << 0


class bitfieldOp:
    """One parsed subcommand of BITFIELD."""
    __slots__ = ("offset", "i64", "opcode", "owtype", "bits", "sign")

    def __init__(self, offset, i64, opcode, owtype, bits, sign):
        self.offset = offset       # bits
        self.i64 = i64             # increment, or value to set
        self.opcode = opcode       # BITFIELDOP_*
        self.owtype = owtype       # BFOVERFLOW_*
        self.bits = bits           # 1 .. 64
        self.sign = sign           # 1 = signed


def bitfieldGeneric(c, flags):
    """BITFIELD and, with BITFIELD_FLAG_READONLY, BITFIELD_RO: parse all subcommands, then execute all."""
    ops = []
    changes = 0
    owtype = BFOVERFLOW_WRAP
    readonly = 1
    highest_write_offset = 0

    j = 2
    while j < c.argc:
        remargs = c.argc - j - 1
        subcmd = c.argv[j].ptr.lower()
        if subcmd == b"get" and remargs >= 2:
            opcode = BITFIELDOP_GET
        elif subcmd == b"set" and remargs >= 3:
            opcode = BITFIELDOP_SET
        elif subcmd == b"incrby" and remargs >= 3:
            opcode = BITFIELDOP_INCRBY
        elif subcmd == b"overflow" and remargs >= 1:
            owtypename = c.argv[j + 1].ptr.lower()
            if owtypename == b"wrap":
                owtype = BFOVERFLOW_WRAP
            elif owtypename == b"sat":
                owtype = BFOVERFLOW_SAT
            elif owtypename == b"fail":
                owtype = BFOVERFLOW_FAIL
            else:
                addReplyError(c, b"Invalid OVERFLOW type specified")
                return
            j += 2
            continue
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return

        ok, sign, bits = getBitfieldTypeFromArgument(c, c.argv[j + 1])
        if ok != C_OK:
            return
        ok, bitoffset = getBitOffsetFromArgument(c, c.argv[j + 2], 1, bits)
        if ok != C_OK:
            return

        i64 = 0
        if opcode != BITFIELDOP_GET:
            readonly = 0
            if highest_write_offset < bitoffset + bits - 1:
                highest_write_offset = bitoffset + bits - 1
            ok, i64 = getLongLongFromObjectOrReply(c, c.argv[j + 3])
            if ok != C_OK:
                return
        ops.append(bitfieldOp(bitoffset, i64, opcode, owtype, bits, sign))
        j += 3 if opcode == BITFIELDOP_GET else 4

    if readonly:
        o = lookupKeyRead(c.db, c.argv[1])
        if o is not None and checkType(c, o, OBJ_STRING):
            return
    else:
        if flags & BITFIELD_FLAG_READONLY:
            addReplyError(c, b"BITFIELD_RO only supports the GET subcommand")
            return
        o = lookupStringForBitCommand(c, highest_write_offset)
        if o is None:
            return

    addReplyArrayLen(c, len(ops))
    for op in ops:
        if op.opcode == BITFIELDOP_GET:
            # The string may end within the field: the rest is read as zeros.
            src = getObjectReadOnlyString(o)
            byte = op.offset >> 3
            buf = bytes(src[byte:byte + 9]).ljust(9, b"\0")
            if op.sign:
                addReplyLongLong(c, getSignedBitfield(buf, op.offset & 7, op.bits))
            else:
                addReplyLongLong(c, getUnsignedBitfield(buf, op.offset & 7, op.bits))
            continue

        if op.sign:
            oldval = getSignedBitfield(o.ptr, op.offset, op.bits)
            if op.opcode == BITFIELDOP_INCRBY:
                newval = oldval + op.i64
                overflow, wrapped = checkSignedBitfieldOverflow(oldval, op.i64, op.bits, op.owtype)
            else:
                newval = op.i64
                overflow, wrapped = checkSignedBitfieldOverflow(newval, 0, op.bits, op.owtype)
        else:
            oldval = getUnsignedBitfield(o.ptr, op.offset, op.bits)
            if op.opcode == BITFIELDOP_INCRBY:
                newval = oldval + op.i64
                overflow, wrapped = checkUnsignedBitfieldOverflow(oldval, op.i64, op.bits, op.owtype)
            else:
                newval = op.i64 & UINT64_MASK       # a negative value becomes a very large one
                overflow, wrapped = checkUnsignedBitfieldOverflow(newval, 0, op.bits, op.owtype)
        if overflow:
            newval = wrapped
        if overflow and op.owtype == BFOVERFLOW_FAIL:
            addReplyNull(c)
        else:
            addReplyLongLong(c, newval if op.opcode == BITFIELDOP_INCRBY else oldval)
            if op.sign:
                setSignedBitfield(o.ptr, op.offset, op.bits, newval)
            else:
                setUnsignedBitfield(o.ptr, op.offset, op.bits, newval)
        changes += 1

    if changes:
        signalModifiedKey(c, c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_STRING, b"setbit", c.argv[1], c.db.id)
        server.dirty += changes


def bitfieldCommand(c):
    """BITFIELD key [GET type offset] [SET type offset value] [INCRBY type offset increment] [OVERFLOW WRAP|SAT|FAIL] ...

    -> array, one result a subcommand but OVERFLOW   [write, denyoom]
    """
    bitfieldGeneric(c, BITFIELD_FLAG_NONE)


def bitfieldroCommand(c):
    """BITFIELD_RO key GET type offset ... -> array   [read-only, fast]"""
    bitfieldGeneric(c, BITFIELD_FLAG_READONLY)
