"""listpack.py - the blobs that streams are made of.            Mirrors src/listpack.c (6.2.14)

Lives here   <total bytes u32><elements u16> elements <0xff>, little endian; an element is <encoding><content><backlen 1-5>,
             where backlen is the length of the two before it, in 7-bit groups readable from the right.
Called from  t_stream, rdb, aof, debug [command] [child] [startup].
Calls out    nobody.
State        none; a listpack is one bytearray, changed in place. Positions are int offsets, "no element" is None.
Invariant    len(lp) == total bytes.
Cost         per element, never per byte: one table, indexed by the first byte, gives an element's length with its backlen.
Departures   out-parameters are results: lpGet(lp, p) -> bytes | int (C with intbuf: lp_get_bytes);
             lp, newp = lpInsert(lp, ele, p, where); lp, newp = lpDelete(lp, p); ok, p = lpValidateNext(lp, p, lpbytes).
             lpInsert gives None instead of a listpack beyond 4 GB. A failed C assert raises. The capacity of lpNew is not used.
"""
from struct import Struct

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

UINT32_MAX = 0xffffffff
UINT64_MAX = 0xffffffffffffffff

header_struct = Struct("<IH")      # total bytes, elements
u32 = Struct("<I")
u16 = Struct("<H")

#: first byte -> bytes of encoding and content; 0 = 12 and 32 bit strings, invalid
ENTRY_LEN = ([1] * 0x80 + [1 + n for n in range(0x40)] + [2] * 0x20 + [0] * 0x10 + [0, 3, 4, 5, 9] + [0] * 10 + [1])
ENTRY_LEN = tuple(ENTRY_LEN)

#: first byte -> bytes of the encoding alone (lpCurrentEncodedSizeBytes); 0 = invalid
SIZE_BYTES = tuple([1] * 0xe0 + [2] * 0x10 + [5, 1, 1, 1, 1] + [0] * 10 + [1])

#: the elements "0" .. "127", complete with their backlen
SMALL_INT = {b"%d" % n: bytes((n, 1)) for n in range(128)}
#: the same by number
SMALL_INT_ELE = tuple(SMALL_INT.values())
#: what stands before and behind a string of n < 64 bytes: encoding, backlen
SHORT_STR = tuple(bytes((LP_ENCODING_6BIT_STR | n,)) for n in range(64))
SHORT_STR_BACKLEN = tuple(bytes((n + 1,)) for n in range(64))


def bad_listpack(cond, p):
    """What a failed assert of C becomes here: `cond` did not hold at p.  The report shows it as C shows the expression."""
    raise AssertionError("%s [p = %r]" % (cond, p))


def lpGetTotalBytes(lp):
    return u32.unpack_from(lp, 0)[0]


def lpGetNumElements(lp):
    return u16.unpack_from(lp, 4)[0]


def lpSetNumElements(lp, v):
    u16.pack_into(lp, 4, v & 0xffff)


def lpStringToInt64(s):
    """Return (1, value) if the string is the canonical form of a 64 bit integer, else (0, None)."""
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
    return bytearray(b"\x07\0\0\0\0\0\xff")


def lpFree(lp):
    """Nothing to do: kept so that callers read as in C."""


def lpShrinkToFit(lp):
    return lp


def lpEncodeGetType(ele):
    """Return (LP_ENCODING_INT or _STRING, the element's bytes without backlen). C also has lpEncodeString write them."""
    n = len(ele)
    if n <= 20 and n and ele[0] <= 57:
        ok, v = lpStringToInt64(ele)
        if ok:
            if 0 <= v <= 127:
                return LP_ENCODING_INT, bytes((v,))
            if -4096 <= v <= 4095:
                v &= 0x1fff
                return LP_ENCODING_INT, bytes((LP_ENCODING_13BIT_INT | v >> 8, v & 0xff))
            if -32768 <= v <= 32767:
                return LP_ENCODING_INT, b"\xf1" + v.to_bytes(2, "little", signed=True)
            if -8388608 <= v <= 8388607:
                return LP_ENCODING_INT, b"\xf2" + v.to_bytes(3, "little", signed=True)
            if -2147483648 <= v <= 2147483647:
                return LP_ENCODING_INT, b"\xf3" + v.to_bytes(4, "little", signed=True)
            return LP_ENCODING_INT, b"\xf4" + v.to_bytes(8, "little", signed=True)
    return LP_ENCODING_STRING, lpEncodeString(ele)


def lpEncodeBacklen(l):
    """The backlen field of an element of l bytes."""
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
    """Bytes of that field (C: lpEncodeBacklen(NULL, l))."""
    return 1 if l <= 127 else 2 if l < 16383 else 3 if l < 2097151 else 4 if l < 268435455 else 5


def lpDecodeBacklen(lp, p):
    """Read the backlen whose last byte is at p. UINT64_MAX if it has more than 5 bytes."""
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
    n = len(s)
    if n < 64:
        return b"%c%b" % (LP_ENCODING_6BIT_STR | n, s)
    if n < 4096:
        return bytes((LP_ENCODING_12BIT_STR | n >> 8, n & 0xff)) + s
    return b"\xf0" + u32.pack(n) + s


def lpCurrentEncodedSizeUnsafe(lp, p):
    """Bytes of the element at p without its backlen; 0 if it has no legal encoding."""
    b = lp[p]
    n = ENTRY_LEN[b]
    if n:
        return n
    if b < LP_ENCODING_32BIT_STR:
        return 2 + ((b & 0xf) << 8 | lp[p + 1])
    if b == LP_ENCODING_32BIT_STR:
        return 5 + u32.unpack_from(lp, p + 1)[0]
    return 0


def lpCurrentEncodedSizeBytes(lp, p):
    return SIZE_BYTES[lp[p]]


def lpSkip(lp, p):
    """Position right behind the element at p: the next one, or the EOF byte."""
    n = ENTRY_LEN[lp[p]]
    if n:
        return p + n + 1                                      # never more than 64 bytes: backlen is one byte
    n = lpCurrentEncodedSizeUnsafe(lp, p)
    return p + n + lpEncodeBacklen_size(n)


def lpNext(lp, p):
    """Position of the element behind p, or None."""
    if p is None:
        bad_listpack("p", p)
    n = ENTRY_LEN[lp[p]]
    p = p + n + 1 if n else lpSkip(lp, p)
    b = lp[p]
    if b == LP_EOF:
        return None
    # lpAssertValidEntry, its common case first
    n = ENTRY_LEN[b]
    if n and p + n + 1 < len(lp) and lp[p + n] == n:
        return p
    lpAssertValidEntry(lp, len(lp), p)
    return p


def lpPrev(lp, p):
    """Position of the element before p (which may be the EOF byte), or None at the first."""
    if p is None:
        bad_listpack("p", p)
    if p == LP_HDR_SIZE:
        return None
    prevlen = lpDecodeBacklen(lp, p - 1)
    prevlen += lpEncodeBacklen_size(prevlen)
    p -= prevlen
    lpAssertValidEntry(lp, len(lp), p)
    return p


def lpFirst(lp):
    if lp[LP_HDR_SIZE] == LP_EOF:
        return None
    lpAssertValidEntry(lp, len(lp), LP_HDR_SIZE)
    return LP_HDR_SIZE


def lpLast(lp):
    return lpPrev(lp, u32.unpack_from(lp, 0)[0] - 1)


def lpLength(lp):
    """Number of elements; O(N) when there are 65535 or more."""
    numele = u16.unpack_from(lp, 4)[0]
    if numele != LP_HDR_NUMELE_UNKNOWN:
        return numele
    count = 0
    p = lpFirst(lp)
    while p is not None:
        count += 1
        p = lpNext(lp, p)
    if count < LP_HDR_NUMELE_UNKNOWN:
        u16.pack_into(lp, 4, count)
    return count


def lpGet(lp, p):
    """Value of the element at p: bytes or int."""
    if p is None:
        bad_listpack("p", p)
    b = lp[p]
    if b < 0x80:
        return b
    if b < 0xc0:
        return bytes(lp[p + 1:p + 1 + (b & 0x3f)])
    if b < 0xe0:
        v = (b & 0x1f) << 8 | lp[p + 1]
        return v - 8192 if v >= 4096 else v
    if b < 0xf0:
        return bytes(lp[p + 2:p + 2 + ((b & 0xf) << 8 | lp[p + 1])])
    if b == LP_ENCODING_32BIT_STR:
        return bytes(lp[p + 5:p + 5 + u32.unpack_from(lp, p + 1)[0]])
    n = ENTRY_LEN[b]
    if n > 1:
        return int.from_bytes(lp[p + 1:p + n], "little", signed=True)
    return 12345678900000000 + b                              # C: a value that is easy to recognize in a bug report


def lp_get_bytes(lp, p):
    """Value of the element at p, always as a string (C: lpGet with an intbuf)."""
    v = lpGet(lp, p)
    return b"%d" % v if type(v) is int else v


def lpInsert(lp, ele, p, where):
    """Insert `ele` before, after or in place of the element at p; ele None deletes it. Returns (lp, newp).

    newp is the position of the new element, or after a deletion of the one that followed (None if there is none).
    lp is None if the listpack would pass 4 GB.
    """
    old_listpack_bytes, num_elements = header_struct.unpack_from(lp, 0)
    if old_listpack_bytes != len(lp):
        bad_listpack("lpbytes == len(lp)", 0)
    if ele is None:
        where = LP_REPLACE
        encoded = b""
    else:
        encoded = SMALL_INT.get(ele) if len(ele) < 4 else None
        if encoded is None:
            encoded = lpEncodeGetType(ele)[1]
            encoded += lpEncodeBacklen(len(encoded))
    if where == LP_AFTER:
        p = lpSkip(lp, p)
        where = LP_BEFORE
    if not LP_HDR_SIZE <= p < old_listpack_bytes:
        bad_listpack("LP_HDR_SIZE <= p < len(lp)", p)          # ASSERT_INTEGRITY
    replaced_len = 0
    if where == LP_REPLACE:
        replaced_len = lpSkip(lp, p) - p
        if p + replaced_len >= old_listpack_bytes:
            bad_listpack("p + replaced_len < lpbytes", p)      # ASSERT_INTEGRITY_LEN
    new_listpack_bytes = old_listpack_bytes + len(encoded) - replaced_len
    if new_listpack_bytes > UINT32_MAX:
        return None, None
    lp[p:p + replaced_len] = encoded
    if num_elements != LP_HDR_NUMELE_UNKNOWN:
        if ele is None:
            num_elements -= 1
        elif where != LP_REPLACE:
            num_elements += 1
    header_struct.pack_into(lp, 0, new_listpack_bytes, num_elements & 0xffff)
    if ele is None and lp[p] == LP_EOF:
        return lp, None
    return lp, p


def lpAppend(lp, ele):
    """Append `ele`. Returns lp."""
    return lpInsert(lp, ele, u32.unpack_from(lp, 0)[0] - 1, LP_BEFORE)[0]


def lp_encode_integer(v):
    """The element that lpAppend makes of the text of v, a 64 bit integer: encoding, content and backlen."""
    if 0 <= v <= 127:
        return SMALL_INT_ELE[v]
    if -4096 <= v <= 4095:
        v &= 0x1fff
        return bytes((LP_ENCODING_13BIT_INT | v >> 8, v & 0xff, 2))
    if -32768 <= v <= 32767:
        return b"\xf1%b\x03" % v.to_bytes(2, "little", signed=True)
    if -8388608 <= v <= 8388607:
        return b"\xf2%b\x04" % v.to_bytes(3, "little", signed=True)
    if -2147483648 <= v <= 2147483647:
        return b"\xf3%b\x05" % v.to_bytes(4, "little", signed=True)
    return b"\xf4%b\x09" % v.to_bytes(8, "little", signed=True)


def lp_append_all(lp, eles):
    """Append every element of a list, bytes or int, an int as if by its text (C: one lpAppend for each; the bytes are the
    same).  Returns lp, or None at 4 GB.  HOT."""
    old_listpack_bytes, num_elements = header_struct.unpack_from(lp, 0)
    if old_listpack_bytes != len(lp):
        bad_listpack("total bytes", 0)
    parts = []
    for ele in eles:
        if ele.__class__ is int:
            parts.append(SMALL_INT_ELE[ele] if 0 <= ele < 128 else lp_encode_integer(ele))
            continue
        n = len(ele)
        if 0 < n < 64 and ele[0] > 57:
            # Fast lane: behind "9" in ASCII, so it is no number.
            parts += (SHORT_STR[n], ele, SHORT_STR_BACKLEN[n])
            continue
        encoded = SMALL_INT.get(ele) if n < 4 else None
        if encoded is None:
            encoded = lpEncodeGetType(ele)[1]
            encoded += lpEncodeBacklen(len(encoded))
        parts.append(encoded)
    parts.append(b"\xff")                                     # LP_EOF moves to the new end
    encoded = b"".join(parts)
    new_listpack_bytes = old_listpack_bytes - 1 + len(encoded)
    if new_listpack_bytes > UINT32_MAX:
        return None
    lp.pop()                                                  # LP_EOF; a slice assignment costs four times as much
    lp += encoded
    if num_elements != LP_HDR_NUMELE_UNKNOWN:
        num_elements += len(eles)
        if num_elements > LP_HDR_NUMELE_UNKNOWN:
            num_elements = LP_HDR_NUMELE_UNKNOWN
    header_struct.pack_into(lp, 0, new_listpack_bytes, num_elements)
    return lp


def lpDelete(lp, p):
    """Delete the element at p. Returns (lp, position of the one behind it or None)."""
    return lpInsert(lp, None, p, LP_REPLACE)


def lpBytes(lp):
    return u32.unpack_from(lp, 0)[0]


def lpSeek(lp, index):
    """Position of the element at `index` (negative: from the end), or None. Walks from the nearer end."""
    forward = True
    numele = u16.unpack_from(lp, 4)[0]
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
    """lpFirst without its assert, to go on with lpValidateNext."""
    return None if lp[LP_HDR_SIZE] == LP_EOF else LP_HDR_SIZE


def lpValidateNext(lp, p, lpbytes):
    """Check the element at p and step over it. Returns (1, next position, which may be the EOF byte's), (1, None) if p is
    the EOF byte, (0, p) if the element is broken or leaves the listpack. Never raises."""
    if p is None or p < LP_HDR_SIZE or p >= lpbytes:
        return 0, p
    b = lp[p]
    if b == LP_EOF:
        return 1, None
    lenbytes = SIZE_BYTES[b]
    if not lenbytes or p + lenbytes >= lpbytes:
        return 0, p
    entrylen = lpCurrentEncodedSizeUnsafe(lp, p)
    backlen = lpEncodeBacklen_size(entrylen)
    next_ = p + entrylen + backlen
    if next_ >= lpbytes:
        return 0, p
    if lpDecodeBacklen(lp, next_ - 1) != entrylen:
        return 0, p
    return 1, next_


def lpAssertValidEntry(lp, lpbytes, p):
    # The common case first: a short element whose backlen agrees.
    if LP_HDR_SIZE <= p < lpbytes:
        n = ENTRY_LEN[lp[p]]
        if n and p + n + 1 < lpbytes and lp[p + n] == n:
            return
    if not lpValidateNext(lp, p, lpbytes)[0]:
        bad_listpack("lpValidateNext(lp, p, lpbytes)", p)


def lpValidateIntegrity(lp, size, deep):
    """Is this blob of `size` bytes a listpack? 1 or 0; deep looks at every element. Never raises, whatever the bytes."""
    if size < LP_HDR_SIZE + 1 or len(lp) < size:
        return 0
    bytes_, numele = header_struct.unpack_from(lp, 0)
    if bytes_ != size or lp[size - 1] != LP_EOF:
        return 0
    if not deep:
        return 1
    count = 0
    p = LP_HDR_SIZE
    while lp[p] != LP_EOF:
        ok, p = lpValidateNext(lp, p, size)
        if not ok:
            return 0
        count += 1
    if p != size - 1:
        return 0
    if numele not in (LP_HDR_NUMELE_UNKNOWN, count):
        return 0
    return 1
