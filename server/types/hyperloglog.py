"""hyperloglog.py - approximate counting of distinct elements. Mirrors src/hyperloglog.c (6.2.14)

Lives here   PFADD PFCOUNT PFMERGE PFDEBUG PFSELFTEST; MurmurHash64A.
Called from  processCommand [command].
Calls out    db, networking_reply.
State        none; a HyperLogLog is a string value: "HYLL", encoding, 3 unused bytes, the cached cardinality (8 bytes, little
             endian, its top bit set = outdated), then 16384 registers of 6 bits, dense or as opcodes (sparse).
Invariant    the opcodes of a valid sparse value cover 16384 registers exactly.
Cost         nothing loops over registers: dense registers are spread to one a byte, and packed again, by slices, translate and
             big integers; the larger of two registers is picked for all of them by one subtraction; a histogram is bytes.count.
Departures   PFSELFTEST runs 20 rounds of its first test (C: 1000), and adds what comes after the first 10,000 elements in
             batches, hashed in the lanes of one big integer, to the dense value only.  PFMERGE sets dense registers in bulk.
"""
import math
import random
import struct
from bisect import bisect_right

from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyError, addReplyErrorFormat, addReplyLongLong, addReplyStatus)
from server.keyspace.db import dbAdd, dbUnshareStringValue, lookupKeyRead, lookupKeyWrite, signalModifiedKey
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert, serverPanic
from server.object import checkType, createObject, sdsEncodedObject, stringObjectLen
from server.server_h import C_ERR, C_OK, NOTIFY_STRING, OBJ_STRING, server, shared

HLL_P = 14                         # bits of the hash that choose the register
HLL_Q = 64 - HLL_P                 # bits in which leading zeros are counted
HLL_REGISTERS = 1 << HLL_P
HLL_P_MASK = HLL_REGISTERS - 1
HLL_BITS = 6
HLL_REGISTER_MAX = (1 << HLL_BITS) - 1
HLL_HDR_SIZE = 16                  # magic 4, encoding 1, notused 3, card 8
HLL_DENSE_SIZE = HLL_HDR_SIZE + (HLL_REGISTERS * HLL_BITS + 7) // 8
HLL_DENSE = 0
HLL_SPARSE = 1
HLL_RAW = 255                      # one register a byte; never stored
HLL_MAX_ENCODING = 1
HLL_ENCODING_OFFSET = 4            # hdr->encoding
HLL_CARD_OFFSET = 8                # hdr->card

invalid_hll_err = b"-INVALIDOBJ Corrupted HLL object detected"

HLL_SPARSE_XZERO_BIT = 0x40        # 01xxxxxx yyyyyyyy: 1 to 16384 zero registers
HLL_SPARSE_VAL_BIT = 0x80          # 1vvvvvxx: 1 to 4 registers of value 1 to 32;  00xxxxxx: 1 to 64 zero registers
HLL_SPARSE_VAL_MAX_VALUE = 32
HLL_SPARSE_VAL_MAX_LEN = 4
HLL_SPARSE_ZERO_MAX_LEN = 64
HLL_SPARSE_XZERO_MAX_LEN = 16384
HLL_ALPHA_INF = 0.721347520444481703680  # 0.5 / ln 2
HLL_TEST_CYCLES = 20               # C: 1000

M64 = (1 << 64) - 1
MURMUR_M = 0xc6a4a7935bd1e995
HLL_SEED = 0xadc83b19

#: opcode byte -> registers it covers; 0 = XZERO, whose second byte is needed
SPARSE_SPAN = tuple([n + 1 for n in range(64)] + [0] * 64 + [(n & 3) + 1 for n in range(128)])

# byte tables for the four registers that lie in three bytes:  |11000000|22221111|33333322|
LOW6 = bytes(b & 63 for b in range(256))
TOP2 = bytes(b >> 6 for b in range(256))
LOW4_UP2 = bytes((b & 15) << 2 for b in range(256))
TOP4 = bytes(b >> 4 for b in range(256))
LOW2_UP4 = bytes((b & 3) << 4 for b in range(256))
TOP6 = bytes(b >> 2 for b in range(256))
UP6 = bytes(b << 6 & 255 for b in range(256))
DOWN2 = bytes(b >> 2 & 15 for b in range(256))
UP4 = bytes(b << 4 & 255 for b in range(256))
DOWN4 = bytes(b >> 4 & 3 for b in range(256))
UP2 = bytes(b << 2 & 255 for b in range(256))

HIGH_BITS = int.from_bytes(b"\x80" * HLL_REGISTERS, "little")


def or_bytes(a, b):
    """Bitwise or of two byte strings of the same length."""
    return (int.from_bytes(a, "little") | int.from_bytes(b, "little")).to_bytes(len(a), "little")


def dense_unpack(registers):
    """Spread 12288 bytes of dense registers to one register a byte."""
    b0, b1, b2 = registers[0::3], registers[1::3], registers[2::3]
    out = bytearray(HLL_REGISTERS)
    out[0::4] = b0.translate(LOW6)
    out[1::4] = or_bytes(b0.translate(TOP2), b1.translate(LOW4_UP2))
    out[2::4] = or_bytes(b1.translate(TOP4), b2.translate(LOW2_UP4))
    out[3::4] = b2.translate(TOP6)
    return out


def dense_pack(regs):
    """Pack 16384 registers of one byte each into 12288 bytes."""
    r0, r1, r2, r3 = regs[0::4], regs[1::4], regs[2::4], regs[3::4]
    out = bytearray(HLL_DENSE_SIZE - HLL_HDR_SIZE)
    out[0::3] = or_bytes(r0, r1.translate(UP6))
    out[1::3] = or_bytes(r1.translate(DOWN2), r2.translate(UP4))
    out[2::3] = or_bytes(r2.translate(DOWN4), r3.translate(UP2))
    return out


def registers_max(a, b):
    """The larger of each pair of registers (one a byte, below 128): in every byte lane 0x80 + a - b keeps its top bit
    exactly where a >= b, and never borrows from the next lane."""
    x = int.from_bytes(a, "little")
    y = int.from_bytes(b, "little")
    mask = ((((x | HIGH_BITS) - y) & HIGH_BITS) >> 7) * 0xff
    return bytearray((y ^ ((x ^ y) & mask)).to_bytes(HLL_REGISTERS, "little"))


def HLL_INVALIDATE_CACHE(hdr):
    hdr[HLL_CARD_OFFSET + 7] |= 1 << 7


def HLL_VALID_CACHE(hdr):
    return (hdr[HLL_CARD_OFFSET + 7] & 1 << 7) == 0


def HLL_DENSE_GET_REGISTER(p, regnum):
    """p is the whole value, header included."""
    byte = HLL_HDR_SIZE + regnum * HLL_BITS // 8
    fb = regnum * HLL_BITS & 7
    if fb <= 2:
        return p[byte] >> fb & HLL_REGISTER_MAX
    return (p[byte] >> fb | p[byte + 1] << 8 - fb) & HLL_REGISTER_MAX


def HLL_DENSE_SET_REGISTER(p, regnum, val):
    byte = HLL_HDR_SIZE + regnum * HLL_BITS // 8
    fb = regnum * HLL_BITS & 7
    p[byte] = p[byte] & ~(HLL_REGISTER_MAX << fb) & 0xff | val << fb & 0xff
    if fb > 2:
        p[byte + 1] = p[byte + 1] & ~(HLL_REGISTER_MAX >> 8 - fb) | val >> 8 - fb


def HLL_SPARSE_XZERO_LEN(p, i, end):
    """Registers of the XZERO at i; its second byte counts as 0 behind the end, as the terminator of an sds would."""
    return ((p[i] & 0x3f) << 8 | (p[i + 1] if i + 1 < end else 0)) + 1


def HLL_SPARSE_VAL_SET(val, len_):
    """Return the VAL opcode (C: writes it to p)."""
    return (val - 1) << 2 | len_ - 1 | HLL_SPARSE_VAL_BIT


def sparse_zeros(len_):
    """Return the shortest opcode for len_ zero registers."""
    if len_ > HLL_SPARSE_ZERO_MAX_LEN:
        len_ -= 1
        return bytes((len_ >> 8 | HLL_SPARSE_XZERO_BIT, len_ & 0xff))
    return bytes((len_ - 1,))


# ---------------------------------------------------------------------------
# HyperLogLog algorithm
# ---------------------------------------------------------------------------

def MurmurHash64A(key, seed):
    """MurmurHash2, the 64 bit version; the same on every machine, since HyperLogLogs travel."""
    m = MURMUR_M
    len_ = len(key)
    h = (seed ^ len_ * m) & M64
    words = len_ >> 3
    if words:
        for k in struct.unpack_from("<%dQ" % words, key):
            k = k * m & M64
            k ^= k >> 47
            k = k * m & M64
            h = (h ^ k) * m & M64
    if len_ & 7:
        h = (h ^ int.from_bytes(key[words << 3:], "little")) * m & M64
    h ^= h >> 47
    h = h * m & M64
    return h ^ h >> 47


def hllPatLen(ele):
    """Return (count, register): the length of the pattern 00..1 in the hash of `ele`, 1 to 51, and where it counts."""
    hash_ = MurmurHash64A(ele, HLL_SEED)
    index = hash_ & HLL_P_MASK
    hash_ = hash_ >> HLL_P | 1 << HLL_Q
    return (hash_ & -hash_).bit_length(), index


# ---------------------------------------------------------------------------
# Dense representation
# ---------------------------------------------------------------------------

def hllDenseSet(hdr, index, count):
    """Raise a register to count. 1 if it was smaller, else 0."""
    if count > HLL_DENSE_GET_REGISTER(hdr, index):
        HLL_DENSE_SET_REGISTER(hdr, index, count)
        return 1
    return 0


def hllDenseAdd(hdr, ele):
    count, index = hllPatLen(ele)
    return hllDenseSet(hdr, index, count)


def hllDenseRegHisto(hdr, reghisto):
    hllRawRegHisto(dense_unpack(hdr[HLL_HDR_SIZE:HLL_DENSE_SIZE]), reghisto)


# ---------------------------------------------------------------------------
# Sparse representation
# ---------------------------------------------------------------------------

def sparse_unpack(sparse):
    """Unpack the registers of a sparse value, one per byte -> None if its opcodes do not cover 16384 of them."""
    regs = bytearray(HLL_REGISTERS)
    idx = 0
    p = HLL_HDR_SIZE
    end = len(sparse)
    while p < end:
        b = sparse[p]
        if b >= HLL_SPARSE_VAL_BIT:
            runlen = (b & 3) + 1
            if runlen + idx > HLL_REGISTERS:
                break
            regs[idx:idx + runlen] = bytes(((b >> 2 & 0x1f) + 1,)) * runlen
            idx += runlen
            p += 1
        elif b < HLL_SPARSE_XZERO_BIT:
            idx += b + 1
            p += 1
        else:
            idx += HLL_SPARSE_XZERO_LEN(sparse, p, end)
            p += 2
    return regs if idx == HLL_REGISTERS else None


def hllSparseToDense(o):
    """Give the value its dense form. C_ERR: the sparse form is corrupt, and stays."""
    sparse = o.ptr
    if sparse[HLL_ENCODING_OFFSET] == HLL_DENSE:
        return C_OK
    regs = sparse_unpack(sparse)
    if regs is None:
        return C_ERR
    dense = bytearray(sparse[:HLL_HDR_SIZE])       # this copies the magic and the cached cardinality
    dense[HLL_ENCODING_OFFSET] = HLL_DENSE
    dense += dense_pack(regs)
    o.ptr = dense
    return C_OK


def hllSparseSet(o, index, count, hint=None):
    """Raise a register of a sparse value to count. 1 if it was smaller, 0 if not, -1 if the value is corrupt.

    The opcode that covers the register is split into up to three, then equal neighbours are merged. The value becomes
    dense when count, or the length in bytes, passes what sparse may hold.
    `hint` (ours, see sparse_hint) keeps places to start the search from, for callers that set many registers of one value.
    """
    if count > HLL_SPARSE_VAL_MAX_VALUE:
        return hllSparseSet_promote(o, index, count)
    s = o.ptr
    end = len(s)
    spans = SPARSE_SPAN

    # Step 1: find the opcode
    sparse = HLL_HDR_SIZE
    k = 0
    start, first = sparse, 0
    if hint is not None:
        offsets, firsts = hint
        k = bisect_right(firsts, index) - 1
        start, first = offsets[k], firsts[k]
    while True:
        p = start
        prev = prev_prev = None
        prev_first = prev_prev_first = 0
        span = 0
        while p < end:
            oplen = 1
            span = spans[s[p]]
            if span == 0:
                span = HLL_SPARSE_XZERO_LEN(s, p, end)
                oplen = 2
            if index < first + span:
                break
            prev_prev, prev_prev_first = prev, prev_first
            prev, prev_first = p, first
            p += oplen
            first += span
        if prev is not None or k == 0:
            break
        # The search began at this opcode: it must begin earlier, since step 4 needs the previous one.
        k -= 1
        start, first = offsets[k], firsts[k]
    if span == 0 or p >= end:
        return -1
    if hint is not None and prev_prev is not None and p - start > HINT_DISTANCE:
        offsets.insert(k + 1, prev_prev)
        firsts.insert(k + 1, prev_prev_first)
    opcode = s[p]
    is_val = opcode >= HLL_SPARSE_VAL_BIT
    is_xzero = not is_val and opcode >= HLL_SPARSE_XZERO_BIT

    old_p, old_end = p, end

    # Step 2: compute the replacement. A: nothing to do. B, C: one register, one opcode. D: split the opcode.
    if is_val and (opcode >> 2 & 0x1f) + 1 >= count:
        return 0
    if span == 1 and not is_xzero:
        s[p] = HLL_SPARSE_VAL_SET(count, 1)
    else:
        last = first + span - 1
        if is_val:
            curval = (opcode >> 2 & 0x1f) + 1
            seq = b"" if index == first else bytes((HLL_SPARSE_VAL_SET(curval, index - first),))
            seq += bytes((HLL_SPARSE_VAL_SET(count, 1),))
            if index != last:
                seq += bytes((HLL_SPARSE_VAL_SET(curval, last - index),))
        else:
            seq = b"" if index == first else sparse_zeros(index - first)
            seq += bytes((HLL_SPARSE_VAL_SET(count, 1),))
            if index != last:
                seq += sparse_zeros(last - index)
        # Step 3: replace the opcode
        oldlen = 2 if is_xzero else 1
        deltalen = len(seq) - oldlen
        if deltalen > 0 and end + deltalen > server.hll_sparse_max_bytes:
            return hllSparseSet_promote(o, index, count)
        s[p:p + oldlen] = seq
        end += deltalen
        del s[end:]                         # deletes nothing, except if a corrupt value ends in half an XZERO: C counts it as two bytes

    # Step 4: merge adjacent VALs of equal value
    p = prev if prev is not None else sparse
    scanlen = 5
    while p < end and scanlen:
        scanlen -= 1
        b = s[p]
        if b < HLL_SPARSE_VAL_BIT:
            p += 2 if b >= HLL_SPARSE_XZERO_BIT else 1
            continue
        if p + 1 < end and s[p + 1] >= HLL_SPARSE_VAL_BIT and b >> 2 == s[p + 1] >> 2:
            len_ = (b & 3) + 1 + (s[p + 1] & 3) + 1
            if len_ <= HLL_SPARSE_VAL_MAX_LEN:
                s[p + 1] = HLL_SPARSE_VAL_SET((b >> 2 & 0x1f) + 1, len_)
                del s[p]
                end -= 1
                continue
        p += 1
    if hint is not None:
        # Drop the hints into opcodes that were rewritten, and move the hints behind them.
        low = bisect_right(offsets, prev if prev is not None else sparse)
        high = bisect_right(offsets, old_p + 16)
        del offsets[low:high], firsts[low:high]
        delta = len(s) - old_end
        if delta:
            offsets[low:] = [x + delta for x in offsets[low:]]
    HLL_INVALIDATE_CACHE(s)
    return 1


HINT_DISTANCE = 100                # bytes that a search may walk before it adds a position to the hint


def sparse_hint():
    """Make a hint for hllSparseSet: offsets of opcodes, and the first register of each, both ascending."""
    return [HLL_HDR_SIZE], [0]


def hllSparseSet_promote(o, index, count):
    """The end of hllSparseSet for what sparse cannot hold. The answer is always 1, so that the change is propagated and
    replicas convert with us."""
    if hllSparseToDense(o) == C_ERR:
        return -1
    dense_retval = hllDenseSet(o.ptr, index, count)
    serverAssert(dense_retval == 1)
    return dense_retval


def hllSparseAdd(o, ele, hint=None):
    count, index = hllPatLen(ele)
    return hllSparseSet(o, index, count, hint)


def hllSparseRegHisto(hdr, reghisto):
    """Add up the histogram. Returns 1 if the opcodes do not cover all registers exactly (C: *invalid), else 0."""
    idx = 0
    p = HLL_HDR_SIZE
    end = len(hdr)
    while p < end:
        b = hdr[p]
        if b >= HLL_SPARSE_VAL_BIT:
            runlen = (b & 3) + 1
            reghisto[(b >> 2 & 0x1f) + 1] += runlen
            p += 1
        elif b < HLL_SPARSE_XZERO_BIT:
            runlen = b + 1
            reghisto[0] += runlen
            p += 1
        else:
            runlen = HLL_SPARSE_XZERO_LEN(hdr, p, end)
            reghisto[0] += runlen
            p += 2
        idx += runlen
    return 1 if idx != HLL_REGISTERS else 0


# ---------------------------------------------------------------------------
# Count
# ---------------------------------------------------------------------------

def hllRawRegHisto(registers, reghisto):
    """Make the histogram of registers that take a byte each."""
    left = len(registers)
    for value in range(64):
        n = registers.count(value)
        reghisto[value] += n
        left -= n
        if left == 0:
            break


def hllSigma(x):
    """sigma of Ertl's paper (see hllCount)."""
    if x == 1.0:
        return math.inf
    y = 1.0
    z = x
    while True:
        x *= x
        z_prime = z
        z += x * y
        y += y
        if z_prime == z:
            return z


def hllTau(x):
    """tau of Ertl's paper (see hllCount)."""
    if x in (0.0, 1.0):
        return 0.0
    y = 1.0
    z = 1 - x
    while True:
        x = math.sqrt(x)
        z_prime = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
        if z_prime == z:
            return z / 3


def hllCount(hdr):
    """Estimate the cardinality: (card, invalid). The estimator works on the histogram of the register values alone
    (O. Ertl, New cardinality estimation algorithms for HyperLogLog sketches, arXiv:1702.01284)."""
    m = float(HLL_REGISTERS)
    invalid = 0
    reghisto = [0] * 64
    encoding = hdr[HLL_ENCODING_OFFSET]
    if encoding == HLL_DENSE:
        hllDenseRegHisto(hdr, reghisto)
    elif encoding == HLL_SPARSE:
        invalid = hllSparseRegHisto(hdr, reghisto)
        if invalid:
            return 0, 1                            # C estimates from a wrong histogram, but the result is not used
    elif encoding == HLL_RAW:
        hllRawRegHisto(hdr[HLL_HDR_SIZE:], reghisto)
    else:
        serverPanic("Unknown HyperLogLog encoding in hllCount()")
    z = m * hllTau((m - reghisto[HLL_Q + 1]) / m)
    for j in range(HLL_Q, 0, -1):
        z += reghisto[j]
        z *= 0.5
    z += m * hllSigma(reghisto[0] / m)
    if z == 0.0:
        return 1 << 63, 0                          # C: llroundl(infinity), from registers that no hash can produce
    return math.floor(HLL_ALPHA_INF * m * m / z + 0.5), 0


def hllAdd(o, ele, hint=None):
    """Add an element: 1 = a register rose, 0 = none did, -1 = the value is corrupt."""
    encoding = o.ptr[HLL_ENCODING_OFFSET]
    if encoding == HLL_DENSE:
        return hllDenseAdd(o.ptr, ele)
    if encoding == HLL_SPARSE:
        return hllSparseAdd(o, ele, hint)
    return -1


def hllMerge(max_, hll):
    """Raise the registers in max_ (one a byte) to those of the value `hll`. Returns (C_OK, max_), or (C_ERR, None) if the
    value is corrupt."""
    hdr = hll.ptr
    if hdr[HLL_ENCODING_OFFSET] == HLL_DENSE:
        regs = dense_unpack(hdr[HLL_HDR_SIZE:])
    else:
        regs = sparse_unpack(hdr)
        if regs is None:
            return C_ERR, None
    return C_OK, registers_max(max_, regs)


# ---------------------------------------------------------------------------
# Commands
# ---------------------------------------------------------------------------

def createHLLObject():
    """Make a new value in sparse form: one XZERO over all registers."""
    s = bytearray(b"HYLL\x01\0\0\0" + bytes(8))
    s += sparse_zeros(HLL_REGISTERS)
    return createObject(OBJ_STRING, s)


def isHLLObjectOrReply(c, o):
    """Check by its header that the value is a HyperLogLog -> C_OK, or C_ERR after an error reply."""
    if checkType(c, o, OBJ_STRING):
        return C_ERR
    if sdsEncodedObject(o) and stringObjectLen(o) >= HLL_HDR_SIZE:
        hdr = o.ptr
        encoding = hdr[HLL_ENCODING_OFFSET]
        if hdr[:4] == b"HYLL" and encoding <= HLL_MAX_ENCODING \
                and (encoding != HLL_DENSE or stringObjectLen(o) == HLL_DENSE_SIZE):
            return C_OK
    addReplyError(c, b"-WRONGTYPE Key is not a valid HyperLogLog string value.")
    return C_ERR


def pfaddCommand(c):
    """PFADD key [element ...] -> 1 if the estimate may have changed, else 0   [write, denyoom, fast]"""
    o = lookupKeyWrite(c.db, c.argv[1])
    updated = 0
    if o is None:
        o = createHLLObject()
        dbAdd(c.db, c.argv[1], o)
        updated += 1
    else:
        if isHLLObjectOrReply(c, o) != C_OK:
            return
        o = dbUnshareStringValue(c.db, c.argv[1], o)
    hint = sparse_hint() if c.argc > 10 else None
    for j in range(2, c.argc):
        retval = hllAdd(o, c.argv[j].ptr, hint)
        if retval == 1:
            updated += 1
        elif retval == -1:
            addReplyError(c, invalid_hll_err)
            return
    if updated:
        signalModifiedKey(c, c.db, c.argv[1])
        notifyKeyspaceEvent(NOTIFY_STRING, b"pfadd", c.argv[1], c.db.id)
        server.dirty += updated
        HLL_INVALIDATE_CACHE(o.ptr)
    addReply(c, shared.cone if updated else shared.czero)


def pfcountCommand(c):
    """PFCOUNT key [key ...] -> int, of the union if there are several   [readonly, may-replicate]"""
    if c.argc > 2:
        registers = bytearray(HLL_REGISTERS)
        for j in range(1, c.argc):
            o = lookupKeyRead(c.db, c.argv[j])
            if o is None:
                continue
            if isHLLObjectOrReply(c, o) != C_OK:
                return
            ok, registers = hllMerge(registers, o)
            if ok == C_ERR:
                addReplyError(c, invalid_hll_err)
                return
        max_ = bytearray(HLL_HDR_SIZE)
        max_[HLL_ENCODING_OFFSET] = HLL_RAW
        max_ += registers
        addReplyLongLong(c, signed64(hllCount(max_)[0]))
        return
    o = lookupKeyWrite(c.db, c.argv[1])
    if o is None:
        addReply(c, shared.czero)
        return
    if isHLLObjectOrReply(c, o) != C_OK:
        return
    o = dbUnshareStringValue(c.db, c.argv[1], o)
    hdr = o.ptr
    if HLL_VALID_CACHE(hdr):
        card = int.from_bytes(hdr[HLL_CARD_OFFSET:HLL_HDR_SIZE], "little")
    else:
        card, invalid = hllCount(hdr)
        if invalid:
            addReplyError(c, invalid_hll_err)
            return
        hdr[HLL_CARD_OFFSET:HLL_HDR_SIZE] = card.to_bytes(8, "little")
        # The read changes the cached cardinality in the value, and replicas must have the same bytes.
        signalModifiedKey(c, c.db, c.argv[1])
        server.dirty += 1
    addReplyLongLong(c, signed64(card))


def signed64(n):
    """C: uint64_t passed as long long."""
    return n - (1 << 64) if n >> 63 else n


def pfmergeCommand(c):
    """PFMERGE destkey [sourcekey ...] -> OK   [write, denyoom]"""
    max_ = bytearray(HLL_REGISTERS)
    use_dense = 0
    for j in range(1, c.argc):
        o = lookupKeyRead(c.db, c.argv[j])
        if o is None:
            continue
        if isHLLObjectOrReply(c, o) != C_OK:
            return
        if o.ptr[HLL_ENCODING_OFFSET] == HLL_DENSE:
            use_dense = 1
        ok, max_ = hllMerge(max_, o)
        if ok == C_ERR:
            addReplyError(c, invalid_hll_err)
            return
    o = lookupKeyWrite(c.db, c.argv[1])
    if o is None:
        o = createHLLObject()
        dbAdd(c.db, c.argv[1], o)
    else:
        o = dbUnshareStringValue(c.db, c.argv[1], o)
    if use_dense and hllSparseToDense(o) == C_ERR:
        addReplyError(c, invalid_hll_err)
        return
    pfmergeCommand_write(o, max_)
    HLL_INVALIDATE_CACHE(o.ptr)
    signalModifiedKey(c, c.db, c.argv[1])
    notifyKeyspaceEvent(NOTIFY_STRING, b"pfadd", c.argv[1], c.db.id)
    server.dirty += 1
    addReply(c, shared.ok)


def pfmergeCommand_write(o, max_):
    """Raise the registers of a valid value to max_. C: register by register; a dense value is done in one go here."""
    if o.ptr[HLL_ENCODING_OFFSET] == HLL_SPARSE:
        hint = sparse_hint()
        for j, value in enumerate(max_):
            if value:
                hllSparseSet(o, j, value, hint)
                if o.ptr[HLL_ENCODING_OFFSET] == HLL_DENSE:
                    break
        else:
            return
    dense = o.ptr
    dense[HLL_HDR_SIZE:] = dense_pack(registers_max(max_, dense_unpack(dense[HLL_HDR_SIZE:])))


# ---------------------------------------------------------------------------
# Testing, debugging
# ---------------------------------------------------------------------------

def pfselftestCommand(c):
    """PFSELFTEST -> OK   [admin]"""
    error = pfselftestCommand_registers() or pfselftestCommand_error()
    if error:
        addReplyError(c, error)
    else:
        addReply(c, shared.ok)


def pfselftestCommand_registers():
    """Test 1: registers keep what is written, and leave their neighbours alone. Returns an error text or None."""
    hdr = bytearray(HLL_DENSE_SIZE)
    for _ in range(HLL_TEST_CYCLES):
        bytecounters = random.getrandbits(8 * HLL_REGISTERS).to_bytes(HLL_REGISTERS, "little").translate(LOW6)
        for i, r in enumerate(bytecounters):
            HLL_DENSE_SET_REGISTER(hdr, i, r)
        for i, r in enumerate(bytecounters):
            val = HLL_DENSE_GET_REGISTER(hdr, i)
            if val != r:
                return b"TESTFAILED Register %d should be %d but is %d" % (i, r, val)
        if dense_unpack(hdr[HLL_HDR_SIZE:]) != bytecounters or dense_pack(bytecounters) != hdr[HLL_HDR_SIZE:]:
            return b"TESTFAILED packed and unpacked registers disagree"
    return None


def pfselftestCommand_error():
    """Test 2: up to ten million elements the estimate is good, and dense and sparse agree. An error text or None."""
    hdr = bytearray(HLL_DENSE_SIZE)
    o = createHLLObject()
    relerr = 1.04 / math.sqrt(HLL_REGISTERS)
    seed = random.getrandbits(64)
    checkpoint = 1
    j = 1
    while j <= 10000:
        ele = (j ^ seed).to_bytes(8, "little")
        hllDenseAdd(hdr, ele)
        hllAdd(o, ele)
        if j == checkpoint:
            if j < server.hll_sparse_max_bytes // 2 and o.ptr[HLL_ENCODING_OFFSET] != HLL_SPARSE:
                return b"TESTFAILED sparse encoding not used"
            if hllCount(hdr)[0] != hllCount(o.ptr)[0]:
                return b"TESTFAILED dense/sparse disagree"
            error = pfselftestCommand_checkpoint(hdr, checkpoint, relerr)
            if error:
                return error
            checkpoint *= 10
        j += 1
    # The second value is also dense now, and would only repeat the test of the first.
    regs = dense_unpack(hdr[HLL_HDR_SIZE:])
    masks = [((1 << r) - 1) << HLL_P for r in regs]
    while j <= 10000000:
        n = min(checkpoint - j + 1, SELFTEST_LANES)
        registers_add_hashes(regs, masks, murmur_lanes(j, n, seed))
        j += n
        if j == checkpoint + 1:
            hdr[HLL_HDR_SIZE:] = dense_pack(regs)
            error = pfselftestCommand_checkpoint(hdr, checkpoint, relerr)
            if error:
                return error
            checkpoint *= 10
    return None


def pfselftestCommand_checkpoint(hdr, checkpoint, relerr):
    """Check that the estimate for `checkpoint` elements is within six standard errors -> error text or None."""
    abserr = abs(checkpoint - hllCount(hdr)[0])
    maxerr = math.ceil(relerr * 6 * checkpoint)
    # With ten elements one collision is already a large error.
    if checkpoint == 10:
        maxerr = 1
    if abserr > maxerr:
        return b"TESTFAILED Too big error. card:%d abserr:%d" % (checkpoint, abserr)
    return None


SELFTEST_LANES = 4096              # elements hashed at once
LANE_ONES = int.from_bytes((b"\1" + bytes(15)) * SELFTEST_LANES, "little")
LANE_MASK = LANE_ONES * M64
LANE_MASK17 = LANE_ONES * ((1 << 17) - 1)


def murmur_lanes(start, n, seed):
    """MurmurHash64A of the n eight-byte elements (start ^ seed), (start + 1 ^ seed) ...: a list.

    Each 64 bit number sits in a lane of 128 bits, so that one multiplication by m multiplies all of them.
    """
    m = MURMUR_M
    keys = b"".join([(x ^ seed).to_bytes(16, "little") for x in range(start, start + n)])
    k = int.from_bytes(keys, "little") * m & LANE_MASK
    k ^= k >> 47 & LANE_MASK17
    k = k * m & LANE_MASK
    h = (k ^ LANE_ONES * ((HLL_SEED ^ 8 * m) & M64)) * m & LANE_MASK
    h ^= h >> 47 & LANE_MASK17
    h = h * m & LANE_MASK
    h ^= h >> 47 & LANE_MASK17
    return memoryview(h.to_bytes(16 * SELFTEST_LANES, "little")).cast("Q").tolist()[:2 * n:2]


def registers_add_hashes(regs, masks, hashes):
    """Add many hashes to registers of one byte each. masks[i] covers the bits that a hash must have zero to raise register i."""
    for hash_ in hashes:
        index = hash_ & 16383                      # HLL_P_MASK
        if not hash_ & masks[index]:
            hash_ = hash_ >> HLL_P | 1 << HLL_Q
            count = (hash_ & -hash_).bit_length()
            if count > regs[index]:
                regs[index] = count
                masks[index] = ((1 << count) - 1) << HLL_P


def pfdebugCommand(c):
    """PFDEBUG GETREG|DECODE|ENCODING|TODENSE key   [write, admin]"""
    cmd = c.argv[1].ptr
    subcommand = cmd.lower()
    o = lookupKeyWrite(c.db, c.argv[2])
    if o is None:
        addReplyError(c, b"The specified key does not exist")
        return
    if isHLLObjectOrReply(c, o) != C_OK:
        return
    o = dbUnshareStringValue(c.db, c.argv[2], o)
    encoding = o.ptr[HLL_ENCODING_OFFSET]
    if subcommand in (b"getreg", b"decode", b"encoding", b"todense") and c.argc != 3:
        addReplyErrorFormat(c, b"Wrong number of arguments for the '%s' subcommand", cmd)
        return
    if subcommand == b"getreg":
        if encoding == HLL_SPARSE:
            if hllSparseToDense(o) == C_ERR:
                addReplyError(c, invalid_hll_err)
                return
            server.dirty += 1              # the encoding must also change in replicas
        addReplyArrayLen(c, HLL_REGISTERS)
        for val in dense_unpack(o.ptr[HLL_HDR_SIZE:]):
            addReplyLongLong(c, val)
    elif subcommand == b"decode":
        if encoding != HLL_SPARSE:
            addReplyError(c, b"HLL encoding is not sparse")
            return
        s = o.ptr
        p = HLL_HDR_SIZE
        end = len(s)
        decoded = []
        while p < end:
            b = s[p]
            if b < HLL_SPARSE_XZERO_BIT:
                decoded.append(b"z:%d" % (b + 1))
                p += 1
            elif b < HLL_SPARSE_VAL_BIT:
                decoded.append(b"Z:%d" % HLL_SPARSE_XZERO_LEN(s, p, end))
                p += 2
            else:
                decoded.append(b"v:%d,%d" % ((b >> 2 & 0x1f) + 1, (b & 3) + 1))
                p += 1
        addReplyBulkCBuffer(c, b" ".join(decoded))
    elif subcommand == b"encoding":
        addReplyStatus(c, b"sparse" if encoding else b"dense")
    elif subcommand == b"todense":
        conv = 0
        if encoding == HLL_SPARSE:
            if hllSparseToDense(o) == C_ERR:
                addReplyError(c, invalid_hll_err)
                return
            conv = 1
            server.dirty += 1
        addReply(c, shared.cone if conv else shared.czero)
    else:
        addReplyErrorFormat(c, b"Unknown PFDEBUG subcommand '%s'", cmd)
