"""listpack.py - the blobs that streams are made of.            Mirrors src/listpack.c (6.2.14)

Lives here   <total bytes u32><elements u16> elements <0xff>, little endian; an element is <encoding><content><backlen 1-5>,
             where backlen is the length of the two before it, in 7-bit groups readable from the right.
Called from  t_stream, rdb, aof, debug [command] [child] [startup].
Calls out    nothing.
State        none; a listpack is one bytearray, changed in place. Positions are int offsets, "no element" is None.
Invariant    len(lp) == total bytes.
Departures   out-parameters are results: lpGet(lp, p) -> bytes | int (C with intbuf: lp_get_bytes);
             lp, newp = lpInsert(lp, ele, p, where); lp, newp = lpDelete(lp, p); ok, p = lpValidateNext(lp, p, lpbytes).
             lpInsert gives None instead of a listpack beyond 4 GB. A failed C assert raises. The capacity of lpNew is not used.
"""
from struct import Struct

from datastructs.util import ll2string

LP_HDR_SIZE = 6                    # u32 total bytes, u16 elements
LP_HDR_NUMELE_UNKNOWN = 0xffff
LP_MAX_INT_ENCODING_LEN = 9
LP_MAX_BACKLEN_SIZE = 5
LP_MAX_ENTRY_BACKLEN = 34359738367
LP_INTBUF_SIZE = 21
LP_ENCODING_INT = 0
LP_ENCODING_STRING = 1

LP_ENCODING_7BIT_UINT = 0          # 0xxxxxxx
LP_ENCODING_6BIT_STR = 0x80        # 10llllll
LP_ENCODING_13BIT_INT = 0xc0       # 110xxxxx xxxxxxxx, big endian
LP_ENCODING_12BIT_STR = 0xe0       # 1110llll llllllll, big endian
LP_ENCODING_32BIT_STR = 0xf0       # and 4 bytes of length, little endian
LP_ENCODING_16BIT_INT = 0xf1       # from here on little endian, two's complement
LP_ENCODING_24BIT_INT = 0xf2
LP_ENCODING_32BIT_INT = 0xf3
LP_ENCODING_64BIT_INT = 0xf4
LP_EOF = 0xff

LP_BEFORE = 0
LP_AFTER = 1
LP_REPLACE = 2

LP_ENCODING_7BIT_UINT_MASK = 0x80
LP_ENCODING_6BIT_STR_MASK = 0xc0
LP_ENCODING_13BIT_INT_MASK = 0xe0
LP_ENCODING_12BIT_STR_MASK = 0xf0

UINT32_MAX = 0xffffffff
UINT64_MAX = 0xffffffffffffffff

u32 = Struct("<I")
u16 = Struct("<H")


def bad_listpack(cond, p):
    """Fail as an assert of C: `cond` did not hold at p.  The bug report shows it as C shows the expression."""
    raise AssertionError("%s [p = %r]" % (cond, p))


# Macros of listpack.c

def lpGetTotalBytes(lp):
    return u32.unpack_from(lp, 0)[0]


def lpGetNumElements(lp):
    return u16.unpack_from(lp, 4)[0]


def lpSetTotalBytes(lp, v):
    u32.pack_into(lp, 0, v)


def lpSetNumElements(lp, v):
    u16.pack_into(lp, 4, v & 0xffff)


def ASSERT_INTEGRITY(lp, p):
    if not LP_HDR_SIZE <= p < lpGetTotalBytes(lp):
        bad_listpack("(p) >= (lp)+LP_HDR_SIZE && (p) < (lp)+lpGetTotalBytes((lp))", p)


def ASSERT_INTEGRITY_LEN(lp, p, length):
    if p < LP_HDR_SIZE or p + length >= lpGetTotalBytes(lp):
        bad_listpack("(p) >= (lp)+LP_HDR_SIZE && (p)+(len) < (lp)+lpGetTotalBytes((lp))", p)


def lpStringToInt64(s):
    """Read the canonical form of a 64-bit integer -> (1, value), or (0, None) for any other string."""
    n = len(s)
    if n == 0 or n > 20:
        return 0, None
    digits = s[1:] if s[0] == 45 else s                       # '-'
    if not digits.isdigit() or (digits[0] == 48 and n > 1):   # '0'
        return 0, None
    value = int(s)
    if -9223372036854775808 <= value <= 9223372036854775807:
        return 1, value
    return 0, None


def lpNew(capacity=0):
    """Create an empty listpack.  A bytearray grows by itself: `capacity` is not used."""
    lp = bytearray(LP_HDR_SIZE + 1)
    lpSetTotalBytes(lp, LP_HDR_SIZE + 1)
    lp[LP_HDR_SIZE] = LP_EOF
    return lp


def lpShrinkToFit(lp):
    return lp


def lpEncodeGetType(ele):
    """Encode the element -> (LP_ENCODING_INT, its bytes), or (LP_ENCODING_STRING, None): then lpEncodeString encodes it."""
    ok, v = lpStringToInt64(ele)
    if not ok:
        return LP_ENCODING_STRING, None
    if 0 <= v <= 127:
        intenc = bytes((v,))
    elif -4096 <= v <= 4095:
        v &= 0x1fff
        intenc = bytes((v >> 8 | LP_ENCODING_13BIT_INT, v & 0xff))
    elif -32768 <= v <= 32767:
        intenc = b"%c%b" % (LP_ENCODING_16BIT_INT, v.to_bytes(2, "little", signed=True))
    elif -8388608 <= v <= 8388607:
        intenc = b"%c%b" % (LP_ENCODING_24BIT_INT, v.to_bytes(3, "little", signed=True))
    elif -2147483648 <= v <= 2147483647:
        intenc = b"%c%b" % (LP_ENCODING_32BIT_INT, v.to_bytes(4, "little", signed=True))
    else:
        intenc = b"%c%b" % (LP_ENCODING_64BIT_INT, v.to_bytes(8, "little", signed=True))
    return LP_ENCODING_INT, intenc


def lpEncodeBacklen(l):
    """Encode the length of an element so that it can be read from right to left -> 1 to 5 bytes."""
    if l <= 127:
        return bytes((l,))
    if l < 16383:
        return bytes((l >> 7, l & 127 | 128))
    if l < 2097151:
        return bytes((l >> 14, l >> 7 & 127 | 128, l & 127 | 128))
    if l < 268435455:
        return bytes((l >> 21, l >> 14 & 127 | 128, l >> 7 & 127 | 128, l & 127 | 128))
    return bytes((l >> 28, l >> 21 & 127 | 128, l >> 14 & 127 | 128, l >> 7 & 127 | 128, l & 127 | 128))


def lpEncodeBacklen_size(l):
    """Count the bytes of that field (C: lpEncodeBacklen(NULL, l))."""
    return 1 if l <= 127 else 2 if l < 16383 else 3 if l < 2097151 else 4 if l < 268435455 else 5


def lpDecodeBacklen(lp, p):
    """Read the backlen whose last byte is at p -> the length, or UINT64_MAX if the field has more than 5 bytes."""
    val = 0
    shift = 0
    while True:
        b = lp[p]
        val |= (b & 127) << shift
        if not b & 128:
            return val
        shift += 7
        p -= 1
        if shift > 28 or p < 0:
            return UINT64_MAX


def lpEncodeString(s):
    """Encode a string element -> its bytes without backlen."""
    n = len(s)
    if n < 64:
        return b"%c%b" % (n | LP_ENCODING_6BIT_STR, s)
    if n < 4096:
        return b"%c%c%b" % (n >> 8 | LP_ENCODING_12BIT_STR, n & 0xff, s)
    return b"%c%b%b" % (LP_ENCODING_32BIT_STR, u32.pack(n), s)


def lpCurrentEncodedSizeUnsafe(lp, p):
    """Compute the bytes of the element at p without its backlen -> 0 if the encoding is not legal.

    The caller makes sure that the bytes of the length can be read.
    """
    b = lp[p]
    if b & LP_ENCODING_7BIT_UINT_MASK == LP_ENCODING_7BIT_UINT:
        return 1
    if b & LP_ENCODING_6BIT_STR_MASK == LP_ENCODING_6BIT_STR:
        return 1 + (b & 0x3f)                                 # LP_ENCODING_6BIT_STR_LEN
    if b & LP_ENCODING_13BIT_INT_MASK == LP_ENCODING_13BIT_INT:
        return 2
    if b == LP_ENCODING_16BIT_INT:
        return 3
    if b == LP_ENCODING_24BIT_INT:
        return 4
    if b == LP_ENCODING_32BIT_INT:
        return 5
    if b == LP_ENCODING_64BIT_INT:
        return 9
    if b & LP_ENCODING_12BIT_STR_MASK == LP_ENCODING_12BIT_STR:
        return 2 + ((b & 0xf) << 8 | lp[p + 1])               # LP_ENCODING_12BIT_STR_LEN
    if b == LP_ENCODING_32BIT_STR:
        return 5 + u32.unpack_from(lp, p + 1)[0]              # LP_ENCODING_32BIT_STR_LEN
    if b == LP_EOF:
        return 1
    return 0


def lpCurrentEncodedSizeBytes(lp, p):
    """Count the bytes that hold the encoding and length of the element at p -> 0 if the encoding is not legal."""
    b = lp[p]
    if b & LP_ENCODING_12BIT_STR_MASK == LP_ENCODING_12BIT_STR:
        return 2
    if b == LP_ENCODING_32BIT_STR:
        return 5
    if LP_ENCODING_64BIT_INT < b < LP_EOF:
        return 0
    return 1


def lpSkip(lp, p):
    """Step over the element at p -> the position of the next one, or of the EOF byte."""
    entrylen = lpCurrentEncodedSizeUnsafe(lp, p)
    entrylen += lpEncodeBacklen_size(entrylen)
    return p + entrylen


def lpNext(lp, p):
    """Find the element after p -> its position, or None.  HOT"""
    if p is None:
        bad_listpack("p", p)
    p = lpSkip(lp, p)
    if lp[p] == LP_EOF:
        return None
    lpAssertValidEntry(lp, lpBytes(lp), p)
    return p


def lpPrev(lp, p):
    """Find the element before p, which may be the EOF byte -> its position, or None if p is the first."""
    if p is None:
        bad_listpack("p", p)
    if p == LP_HDR_SIZE:
        return None
    prevlen = lpDecodeBacklen(lp, p - 1)
    prevlen += lpEncodeBacklen_size(prevlen)
    p -= prevlen
    lpAssertValidEntry(lp, lpBytes(lp), p)
    return p


def lpFirst(lp):
    """Find the first element -> its position, or None."""
    p = LP_HDR_SIZE
    if lp[p] == LP_EOF:
        return None
    lpAssertValidEntry(lp, lpBytes(lp), p)
    return p


def lpLast(lp):
    """Find the last element -> its position, or None."""
    p = lpGetTotalBytes(lp) - 1                               # the EOF byte
    return lpPrev(lp, p)


def lpLength(lp):
    """Count the elements.  Takes O(N) when there are 65535 or more."""
    numele = lpGetNumElements(lp)
    if numele != LP_HDR_NUMELE_UNKNOWN:
        return numele
    count = 0
    p = lpFirst(lp)
    while p is not None:
        count += 1
        p = lpNext(lp, p)
    if count < LP_HDR_NUMELE_UNKNOWN:
        lpSetNumElements(lp, count)
    return count


def lpGet(lp, p):
    """Read the element at p -> bytes or int."""
    if p is None:
        bad_listpack("p", p)
    b = lp[p]
    if b & LP_ENCODING_7BIT_UINT_MASK == LP_ENCODING_7BIT_UINT:
        return b
    if b & LP_ENCODING_6BIT_STR_MASK == LP_ENCODING_6BIT_STR:
        return bytes(lp[p + 1:p + 1 + (b & 0x3f)])
    if b & LP_ENCODING_13BIT_INT_MASK == LP_ENCODING_13BIT_INT:
        v = (b & 0x1f) << 8 | lp[p + 1]
        return v - 8192 if v >= 4096 else v
    if b == LP_ENCODING_16BIT_INT:
        return int.from_bytes(lp[p + 1:p + 3], "little", signed=True)
    if b == LP_ENCODING_24BIT_INT:
        return int.from_bytes(lp[p + 1:p + 4], "little", signed=True)
    if b == LP_ENCODING_32BIT_INT:
        return int.from_bytes(lp[p + 1:p + 5], "little", signed=True)
    if b == LP_ENCODING_64BIT_INT:
        return int.from_bytes(lp[p + 1:p + 9], "little", signed=True)
    if b & LP_ENCODING_12BIT_STR_MASK == LP_ENCODING_12BIT_STR:
        return bytes(lp[p + 2:p + 2 + ((b & 0xf) << 8 | lp[p + 1])])
    if b == LP_ENCODING_32BIT_STR:
        return bytes(lp[p + 5:p + 5 + u32.unpack_from(lp, p + 1)[0]])
    return 12345678900000000 + b                              # as in C: easy to recognize in a bug report


def lp_get_bytes(lp, p):
    """Read the element at p, a number as its text (C: lpGet with an intbuf) -> bytes."""
    v = lpGet(lp, p)
    return ll2string(v) if type(v) is int else v


def lpInsert(lp, ele, p, where):
    """Insert `ele` before, after or in place of the element at p; None deletes that element -> (lp, newp).

    newp is the position of the new element, or after a deletion of the one that followed, None if there is none.
    lp is None if the listpack would exceed 4 GB.
    """
    if ele is None:
        where = LP_REPLACE
    if where == LP_AFTER:
        p = lpSkip(lp, p)
        where = LP_BEFORE
    ASSERT_INTEGRITY(lp, p)                                   # C: for LP_AFTER only

    encoded = b""
    if ele is not None:
        enctype, encoded = lpEncodeGetType(ele)
        if enctype != LP_ENCODING_INT:
            encoded = lpEncodeString(ele)
        encoded += lpEncodeBacklen(len(encoded))

    old_listpack_bytes = lpGetTotalBytes(lp)
    replaced_len = 0
    if where == LP_REPLACE:
        replaced_len = lpCurrentEncodedSizeUnsafe(lp, p)
        replaced_len += lpEncodeBacklen_size(replaced_len)
        ASSERT_INTEGRITY_LEN(lp, p, replaced_len)
    new_listpack_bytes = old_listpack_bytes + len(encoded) - replaced_len
    if new_listpack_bytes > UINT32_MAX:
        return None, None

    lp[p:p + replaced_len] = encoded                          # C: realloc, memmove, memcpy
    newp = p
    if ele is None and lp[p] == LP_EOF:
        newp = None

    if where != LP_REPLACE or ele is None:
        num_elements = lpGetNumElements(lp)
        if num_elements != LP_HDR_NUMELE_UNKNOWN:
            lpSetNumElements(lp, num_elements + 1 if ele is not None else num_elements - 1)
    lpSetTotalBytes(lp, new_listpack_bytes)
    return lp, newp


def lpAppend(lp, ele):
    """Append `ele` -> lp, or None if the listpack would exceed 4 GB."""
    eofptr = lpGetTotalBytes(lp) - 1
    return lpInsert(lp, ele, eofptr, LP_BEFORE)[0]


def lpDelete(lp, p):
    """Delete the element at p -> (lp, position of the element that followed, or None)."""
    return lpInsert(lp, None, p, LP_REPLACE)


def lpBytes(lp):
    return lpGetTotalBytes(lp)


def lpSeek(lp, index):
    """Find the element at `index`, negative: from the end, walking from the nearer end -> its position, or None."""
    forward = True
    numele = lpGetNumElements(lp)
    if numele != LP_HDR_NUMELE_UNKNOWN:
        if index < 0:
            index += numele
        if index < 0 or index >= numele:
            return None
        if index > numele // 2:
            forward = False
            index -= numele
    elif index < 0:
        forward = False
    if forward:
        p = lpFirst(lp)
        while index > 0 and p is not None:
            p = lpNext(lp, p)
            index -= 1
        return p
    p = lpLast(lp)
    while index < -1 and p is not None:
        p = lpPrev(lp, p)
        index += 1
    return p


def lpValidateFirst(lp):
    """Find the first element without the assertion of lpFirst, to go on with lpValidateNext -> its position, or None."""
    return None if lp[LP_HDR_SIZE] == LP_EOF else LP_HDR_SIZE


def lpValidateNext(lp, p, lpbytes):
    """Check the element at p and step over it; never raises.

    -> (1, next position, which may be that of the EOF byte), (1, None) if p is the EOF byte, or (0, p) if the element is
    broken or leaves the listpack.
    """
    if p is None:
        return 0, p
    if p < LP_HDR_SIZE or p > lpbytes - 1:                    # OUT_OF_RANGE
        return 0, p
    if lp[p] == LP_EOF:
        return 1, None

    # Check that the bytes of the length exist before it is read.
    lenbytes = lpCurrentEncodedSizeBytes(lp, p)
    if not lenbytes:
        return 0, p
    if p + lenbytes > lpbytes - 1:                            # OUT_OF_RANGE
        return 0, p

    entrylen = lpCurrentEncodedSizeUnsafe(lp, p)
    encodedBacklen = lpEncodeBacklen_size(entrylen)
    entrylen += encodedBacklen
    if p + entrylen > lpbytes - 1:                            # OUT_OF_RANGE
        return 0, p

    # The length at the end must be equal to the one at the beginning.
    next_ = p + entrylen
    prevlen = lpDecodeBacklen(lp, next_ - 1)
    if prevlen + encodedBacklen != entrylen:
        return 0, p
    return 1, next_


def lpAssertValidEntry(lp, lpbytes, p):
    if not lpValidateNext(lp, p, lpbytes)[0]:
        bad_listpack("lpValidateNext(lp, &p, lpbytes)", p)


def lpValidateIntegrity(lp, size, deep):
    """Check that this blob of `size` bytes is a listpack; `deep` looks at every element; never raises -> 1 or 0."""
    if size < LP_HDR_SIZE + 1 or len(lp) < size:
        return 0
    bytes_ = lpGetTotalBytes(lp)
    if bytes_ != size:
        return 0
    if lp[size - 1] != LP_EOF:
        return 0
    if not deep:
        return 1

    count = 0
    p = LP_HDR_SIZE
    while p is not None and lp[p] != LP_EOF:
        ok, p = lpValidateNext(lp, p, bytes_)
        if not ok:
            return 0
        count += 1
    if p != size - 1:
        return 0
    numele = lpGetNumElements(lp)
    if numele != LP_HDR_NUMELE_UNKNOWN and numele != count:
        return 0
    return 1
