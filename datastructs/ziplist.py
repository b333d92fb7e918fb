"""ziplist.py - many small values in one blob.                  Mirrors src/ziplist.c (6.2.14)

Lives here   <zlbytes u32><zltail u32><zllen u16> entries <0xff>, little endian; an entry is <prevlen 1|5><encoding 1|2|5><content>.
Called from  quicklist, t_hash, t_zset, rdb, debug [command] [child] [startup].
State        none; a ziplist is one bytearray, changed in place.  Positions are int offsets; "end" is None, or the offset of the 0xff.
Invariant    len(zl) == zlbytes; prevlen of an entry == length of the entry before it (0 at the head).
Cost         per entry, never per byte: a table, indexed by the encoding byte, gives the entry's length.  Every step moves p forward, so
             hostile bytes end in a raise, never in a loop.
Departures   out-parameters are results: ziplistGet(zl, p) -> bytes | int | None; zl, p = ziplistDelete(zl, p);
             ziplistRandomPair(zl, n) -> key, val. ziplistMerge returns the surviving one of its two arguments.
             A failed C assert raises (AssertionError, IndexError, struct.error).
"""
import random
from struct import Struct

ZIPLIST_HEAD = 0
ZIPLIST_TAIL = 1

ZIP_END = 255              # the byte that ends every ziplist
ZIP_BIG_PREVLEN = 254      # first byte of a 5-byte prevlen; shorter lengths take one byte

ZIP_STR_MASK = 0xc0
ZIP_INT_MASK = 0x30
ZIP_STR_06B = 0 << 6       # |00pppppp|                     up to 63 bytes
ZIP_STR_14B = 1 << 6       # |01pppppp|qqqqqqqq|            up to 16383 bytes, big endian
ZIP_STR_32B = 2 << 6       # |10......| 4 bytes, big endian
ZIP_INT_16B = 0xc0 | 0 << 4
ZIP_INT_32B = 0xc0 | 1 << 4
ZIP_INT_64B = 0xc0 | 2 << 4
ZIP_INT_24B = 0xc0 | 3 << 4
ZIP_INT_8B = 0xfe
ZIP_INT_IMM_MASK = 0x0f
ZIP_INT_IMM_MIN = 0xf1     # value 0
ZIP_INT_IMM_MAX = 0xfd     # value 12

INT24_MAX = 0x7fffff
INT24_MIN = -INT24_MAX - 1
UINT16_MAX = 0xffff
UINT32_MAX = 0xffffffff
UCHAR_MAX = 0xff

ZIPLIST_HEADER_SIZE = 10
ZIPLIST_END_SIZE = 1
ZIPLIST_MAX_SAFETY_SIZE = 1 << 30

header_struct = Struct("<IIH")     # zlbytes, zltail, zllen
u32 = Struct("<I")
u16 = Struct("<H")
large_prevlen = Struct("<BI")      # 0xfe, length
bytes_tail = Struct("<II")

#: encoding byte -> bytes of encoding and content; 0 = look further (14 and 32 bit strings, invalid)
ENTRY_LEN = [0] * 256
for _b in range(0x40):
    ENTRY_LEN[_b] = 1 + _b
for _b in range(ZIP_INT_IMM_MIN, ZIP_INT_IMM_MAX + 1):
    ENTRY_LEN[_b] = 1
ENTRY_LEN[ZIP_INT_8B] = 2
ENTRY_LEN[ZIP_INT_16B] = 3
ENTRY_LEN[ZIP_INT_24B] = 4
ENTRY_LEN[ZIP_INT_32B] = 5
ENTRY_LEN[ZIP_INT_64B] = 9
del _b
ENTRY_LEN = tuple(ENTRY_LEN)


def ziplistSafeToAdd(zl, add):
    """Tell whether `add` more bytes keep the ziplist below 1 GB -> 1 or 0."""
    size = ziplistBlobLen(zl) if zl is not None else 0
    return 0 if size + add > ZIPLIST_MAX_SAFETY_SIZE else 1


# ---------------------------------------------------------------------------
# macros
# ---------------------------------------------------------------------------

def ZIP_IS_STR(enc):
    return enc < ZIP_STR_MASK


def ZIPLIST_BYTES(zl):
    return u32.unpack_from(zl, 0)[0]


def ZIPLIST_TAIL_OFFSET(zl):
    return u32.unpack_from(zl, 4)[0]


def ZIPLIST_LENGTH(zl):
    return u16.unpack_from(zl, 8)[0]


def ZIPLIST_INCR_LENGTH(zl, incr):
    """Adjust zllen, unless it has overflowed to "unknown"."""
    if ZIPLIST_LENGTH(zl) < UINT16_MAX:
        u16.pack_into(zl, 8, (ZIPLIST_LENGTH(zl) + incr) & UINT16_MAX)


def ZIP_DECODE_PREVLEN(zl, p):
    """Read the prevlen field at p -> (its size in bytes, the length of the entry before)."""
    if zl[p] < ZIP_BIG_PREVLEN:
        return 1, zl[p]
    return 5, u32.unpack_from(zl, p + 1)[0]


def ziplistResize(zl, len_):
    """Note the new length in the header (C: reallocates; the bytearray has been changed already) -> zl."""
    if not len_ < UINT32_MAX:
        bad_ziplist("len < UINT32_MAX", len_)
    if len_ != len(zl):
        bad_ziplist("zlbytes == len(zl)", 0)
    u32.pack_into(zl, 0, len_)
    return zl


def bad_ziplist(cond, p):
    """Raise what a failed assert of C becomes here: `cond` did not hold at p.  The report shows it as C shows the expression."""
    raise AssertionError("%s [p = %r]" % (cond, p))


# ---------------------------------------------------------------------------
# Encoding of one entry
# ---------------------------------------------------------------------------

def zipIntSize(encoding):
    """Tell the bytes of content behind an integer encoding."""
    n = ENTRY_LEN[encoding]
    if n == 0 or encoding < ZIP_STR_MASK:
        bad_ziplist("zipIntSize(%#x)" % encoding, None)
    return n - 1


def zipStoreEntryEncoding(encoding, rawlen):
    """Write the encoding bytes of an entry -> bytes (C: stores them at p)."""
    if encoding < ZIP_STR_MASK:
        if rawlen <= 0x3f:
            return bytes((rawlen,))
        if rawlen <= 0x3fff:
            return bytes((ZIP_STR_14B | rawlen >> 8, rawlen & 0xff))
        return bytes((ZIP_STR_32B,)) + rawlen.to_bytes(4, "big")
    return bytes((encoding,))


def zipStorePrevEntryLengthLarge(len_):
    return large_prevlen.pack(ZIP_BIG_PREVLEN, len_)


def zipStorePrevEntryLength(len_):
    """Write the prevlen bytes for an entry of `len_` bytes -> bytes (C: stores them at p)."""
    if len_ < ZIP_BIG_PREVLEN:
        return bytes((len_,))
    return large_prevlen.pack(ZIP_BIG_PREVLEN, len_)


def zipPrevLenByteDiff(zl, p, len_):
    """Tell by how many bytes the prevlen field at p had to grow to hold `len_` -> -4, 0 or 4."""
    prevlensize, _ = ZIP_DECODE_PREVLEN(zl, p)
    return len(zipStorePrevEntryLength(len_)) - prevlensize


def zipTryEncoding(entry):
    """Try to read the string as the canonical form of a 64 bit integer -> (1, value, encoding), else (0, None, None)."""
    n = len(entry)
    if n > 20 or n == 0:
        return 0, None, None
    digits = entry
    if entry[:1] == b"-":
        digits = entry[1:]
    if not digits.isdigit() or (digits[:1] == b"0" and n > 1):          # no leading zeros, no "-0"
        return 0, None, None
    value = int(entry)
    if -128 <= value <= 127:
        if 0 <= value <= 12:
            return 1, value, ZIP_INT_IMM_MIN + value
        return 1, value, ZIP_INT_8B
    if -32768 <= value <= 32767:
        return 1, value, ZIP_INT_16B
    if INT24_MIN <= value <= INT24_MAX:
        return 1, value, ZIP_INT_24B
    if -2147483648 <= value <= 2147483647:
        return 1, value, ZIP_INT_32B
    if -9223372036854775808 <= value <= 9223372036854775807:
        return 1, value, ZIP_INT_64B
    return 0, None, None


def zipSaveInteger(value, encoding):
    """Write the content bytes of an integer entry -> bytes (C: stores them at p); an immediate has none."""
    if ZIP_INT_IMM_MIN <= encoding <= ZIP_INT_IMM_MAX:
        return b""
    return value.to_bytes(zipIntSize(encoding), "little", signed=True)


def zipLoadInteger(zl, p, encoding):
    """Read the integer whose content starts at p -> int."""
    if ZIP_INT_IMM_MIN <= encoding <= ZIP_INT_IMM_MAX:
        return (encoding & ZIP_INT_IMM_MASK) - 1
    return int.from_bytes(zl[p:p + zipIntSize(encoding)], "little", signed=True)


def zip_encode(s):
    """Encode a value -> encoding and content of its entry: everything but its prevlen (ours: C writes it out twice)."""
    ok, value, encoding = zipTryEncoding(s)
    if ok:
        return zipStoreEntryEncoding(encoding, 0) + zipSaveInteger(value, encoding)
    return zipStoreEntryEncoding(ZIP_STR_06B, len(s)) + s


# ---------------------------------------------------------------------------
# Decoding of one entry
# ---------------------------------------------------------------------------

def zipEntry(zl, p):
    """Decode the headers of the entry at p -> (prevrawlensize, prevrawlen, lensize, len, headersize, encoding).  Raises on a bad one."""
    prevrawlen = zl[p]
    prevrawlensize = 1
    if prevrawlen >= ZIP_BIG_PREVLEN:
        prevrawlensize = 5
        prevrawlen = u32.unpack_from(zl, p + 1)[0]
    q = p + prevrawlensize
    encoding = zl[q]
    n = ENTRY_LEN[encoding]
    if n:
        if encoding < ZIP_STR_MASK:
            encoding = ZIP_STR_06B
        return prevrawlensize, prevrawlen, 1, n - 1, prevrawlensize + 1, encoding
    if encoding < 0x80:
        return prevrawlensize, prevrawlen, 2, (encoding & 0x3f) << 8 | zl[q + 1], prevrawlensize + 2, ZIP_STR_14B
    if encoding < ZIP_STR_MASK:
        n = int.from_bytes(zl[q + 1:q + 5], "big")
        return prevrawlensize, prevrawlen, 5, n, prevrawlensize + 5, ZIP_STR_32B
    return bad_ziplist("ZIP_ENTRY_ENCODING is valid: %#x" % encoding, p)


def zipEntrySafe(zl, zlbytes, p, validate_prevlen):
    """Decode as zipEntry bytes that are not checked yet -> None if the entry, its header or (if asked) its prevlen leaves the ziplist."""
    zllast = zlbytes - ZIPLIST_END_SIZE
    if p < ZIPLIST_HEADER_SIZE or p > zllast:
        return None
    prevrawlen = zl[p]
    prevrawlensize = 1 if prevrawlen < ZIP_BIG_PREVLEN else 5
    q = p + prevrawlensize
    if q > zllast:
        return None
    encoding = zl[q]
    n = ENTRY_LEN[encoding]
    lensize = 1
    if n:
        n -= 1
        if encoding < ZIP_STR_MASK:
            encoding = ZIP_STR_06B
    elif encoding < 0x80:
        lensize = 2
    elif encoding < ZIP_STR_MASK:
        lensize = 5
    else:
        return None
    headersize = prevrawlensize + lensize
    if p + headersize > zllast:
        return None
    if prevrawlensize == 5:
        prevrawlen = u32.unpack_from(zl, p + 1)[0]
    if lensize == 2:
        n = (encoding & 0x3f) << 8 | zl[q + 1]
        encoding = ZIP_STR_14B
    elif lensize == 5:
        n = int.from_bytes(zl[q + 1:q + 5], "big")
        encoding = ZIP_STR_32B
    if p + headersize + n > zllast:
        return None
    if validate_prevlen and p - prevrawlen < ZIPLIST_HEADER_SIZE:
        return None
    return prevrawlensize, prevrawlen, lensize, n, headersize, encoding


def zipRawEntryLengthSafe(zl, zlbytes, p):
    """Tell the bytes of the entry at p.  Raises where C asserts."""
    e = zipEntrySafe(zl, zlbytes, p, 0)
    if e is None:
        bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
    return e[4] + e[3]


def zipRawEntryLength(zl, p):
    e = zipEntry(zl, p)
    return e[4] + e[3]


def zipAssertValidEntry(zl, zlbytes, p):
    if zipEntrySafe(zl, zlbytes, p, 1) is None:
        bad_ziplist("zipEntrySafe(zl, zlbytes, p, 1)", p)


# ---------------------------------------------------------------------------
# The ziplist
# ---------------------------------------------------------------------------

def ziplistNew():
    return bytearray(b"\x0b\0\0\0\x0a\0\0\0\0\0\xff")


def __ziplistCascadeUpdate(zl, p):
    """Repair the prevlens behind entry p, whose length has changed, as far as the change reaches -> zl.

    A prevlen field only ever grows here (1 -> 5 bytes), which makes its entry 4 bytes longer and so may go on with the
    next. A 5-byte field is never shrunk, since shrinking and growing in turn would make every update cascade.
    C: moves entries from the tail to the head; here the grown run is built once and spliced in.
    """
    if zl[p] == ZIP_END:
        return zl
    curlen = len(zl)
    tail = u32.unpack_from(zl, 4)[0]
    cur = zipEntry(zl, p)
    prevlen = cur[4] + cur[3]
    prevoffset = p
    p += prevlen
    start = p
    grown = []
    while zl[p] != ZIP_END:
        cur = zipEntrySafe(zl, curlen, p, 0)
        if cur is None:
            bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
        prevrawlensize, prevrawlen = cur[0], cur[1]
        if prevrawlen == prevlen:
            break
        prevlensize = 1 if prevlen < ZIP_BIG_PREVLEN else 5
        if prevrawlensize >= prevlensize:
            if prevrawlensize == prevlensize:
                field = zipStorePrevEntryLength(prevlen)
            else:
                field = zipStorePrevEntryLengthLarge(prevlen)
            zl[p:p + prevrawlensize] = field
            break
        if prevrawlen != 0 and prevrawlen + 4 != prevlen and grown:
            bad_ziplist("prevlen leads to an entry", p)
        rawlen = cur[4] + cur[3]
        grown.append(large_prevlen.pack(ZIP_BIG_PREVLEN, prevlen))
        grown.append(zl[p + prevrawlensize:p + rawlen])
        prevlen = rawlen + 4
        prevoffset = p
        p += rawlen
    if not grown:
        return zl
    extra = len(grown) // 2 * 4
    # The last entry that grew does not move by its own 4 bytes: that matters only if it is the tail.
    tail += extra - 4 if tail == prevoffset else extra
    zl[start:p] = b"".join(grown)
    bytes_tail.pack_into(zl, 0, curlen + extra, tail)
    return zl


def __ziplistDelete(zl, p, num):
    """Delete up to num entries from p on -> zl; p then holds the entry behind them, or the end."""
    zlbytes = ZIPLIST_BYTES(zl)
    if zlbytes != len(zl):
        bad_ziplist("zlbytes == len(zl)", 0)
    first = p
    first_prevrawlen = zipEntry(zl, p)[1]
    deleted = 0
    while deleted < num and zl[p] != ZIP_END:
        p += zipRawEntryLengthSafe(zl, zlbytes, p)
        deleted += 1
    totlen = p - first
    if totlen > 0:
        nextdiff = 0
        if zl[p] != ZIP_END:
            # The next entry gets the prevlen of the first deleted one, which may take more or fewer bytes than its own.
            tail = zipEntrySafe(zl, zlbytes, p, 0)
            if tail is None:
                bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
            nextdiff = zipPrevLenByteDiff(zl, p, first_prevrawlen)
            set_tail = ZIPLIST_TAIL_OFFSET(zl) - totlen
            # A prevlen that changes its size moves the tail only if the tail lies behind that entry.
            if zl[p + tail[4] + tail[3]] != ZIP_END:
                set_tail += nextdiff
            zl[first:p + tail[0]] = zipStorePrevEntryLength(first_prevrawlen)
        else:
            set_tail = first - first_prevrawlen
            del zl[first:p]
        zlbytes -= totlen - nextdiff
        zl = ziplistResize(zl, zlbytes)
        ZIPLIST_INCR_LENGTH(zl, -deleted)
        if not 0 <= set_tail <= zlbytes - ZIPLIST_END_SIZE:
            bad_ziplist("set_tail <= zlbytes - ZIPLIST_END_SIZE", set_tail)
        u32.pack_into(zl, 4, set_tail)                      # ZIPLIST_TAIL_OFFSET
        if nextdiff != 0:
            zl = __ziplistCascadeUpdate(zl, first)
    return zl


def __ziplistInsert(zl, p, s):
    """Insert `s` before the entry at p, which may be the end -> zl."""
    curlen = ZIPLIST_BYTES(zl)
    if curlen != len(zl):
        bad_ziplist("zlbytes == len(zl)", 0)
    # The new entry's prevlen.
    prevlen = 0
    if zl[p] != ZIP_END:
        prevlensize, prevlen = ZIP_DECODE_PREVLEN(zl, p)
    else:
        ptail = ZIPLIST_TAIL_OFFSET(zl)
        if zl[ptail] != ZIP_END:
            prevlen = zipRawEntryLengthSafe(zl, curlen, ptail)
    entry = zipStorePrevEntryLength(prevlen) + zip_encode(s)
    reqlen = len(entry)
    # The next entry's prevlen must hold the length of the new entry.
    forcelarge = 0
    nextdiff = zipPrevLenByteDiff(zl, p, reqlen) if zl[p] != ZIP_END else 0
    if nextdiff == -4 and reqlen < 4:
        # With a one-byte field the whole ziplist would become shorter, which C's code for insertion does not support: keep 5 bytes.
        nextdiff = 0
        forcelarge = 1
    newlen = curlen + reqlen + nextdiff
    if zl[p] != ZIP_END:
        zl[p:p + prevlensize] = entry + (zipStorePrevEntryLengthLarge(reqlen) if forcelarge else zipStorePrevEntryLength(reqlen))
        zl = ziplistResize(zl, newlen)
        set_tail = ZIPLIST_TAIL_OFFSET(zl) + reqlen
        tail = zipEntrySafe(zl, newlen, p + reqlen, 1)
        if tail is None:
            bad_ziplist("zipEntrySafe(zl, newlen, p+reqlen, &tail, 1)", p)
        # A prevlen that changes its size moves the tail only if the tail lies behind that entry.
        if zl[p + reqlen + tail[4] + tail[3]] != ZIP_END:
            set_tail += nextdiff
        u32.pack_into(zl, 4, set_tail)                      # ZIPLIST_TAIL_OFFSET
    else:
        zl[p:p] = entry
        zl = ziplistResize(zl, newlen)
        u32.pack_into(zl, 4, p)                             # ZIPLIST_TAIL_OFFSET
    if nextdiff != 0:
        zl = __ziplistCascadeUpdate(zl, p + reqlen)
    ZIPLIST_INCR_LENGTH(zl, 1)
    return zl


def ziplistMerge(first, second):
    """Append `second` to `first` -> the merged ziplist, or None if there is nothing to merge.

    It is the object that had more entries (the caller tells by `is`); the other one must not be used again.
    """
    if first is None or second is None or first is second:
        return None
    first_bytes, first_offset, first_len = header_struct.unpack_from(first, 0)
    second_bytes, second_offset, second_len = header_struct.unpack_from(second, 0)
    if first_bytes != len(first) or second_bytes != len(second):
        bad_ziplist("zlbytes == len(zl)", 0)
    zlbytes = first_bytes + second_bytes - ZIPLIST_HEADER_SIZE - ZIPLIST_END_SIZE
    if zlbytes >= UINT32_MAX:
        bad_ziplist("zlbytes < UINT32_MAX", zlbytes)
    if first_len >= second_len:
        target = first
        target[first_bytes - ZIPLIST_END_SIZE:] = second[ZIPLIST_HEADER_SIZE:]
    else:
        target = second
        target[:ZIPLIST_HEADER_SIZE] = first[:first_bytes - ZIPLIST_END_SIZE]
    header_struct.pack_into(target, 0, zlbytes, first_bytes - ZIPLIST_END_SIZE + second_offset - ZIPLIST_HEADER_SIZE,
                            min(first_len + second_len, UINT16_MAX))
    # Only the first entry of the second part has a wrong prevlen (0): the cascade starts there.
    return __ziplistCascadeUpdate(target, first_offset)


def ziplistPush(zl, s, where):
    """Add `s` at the head or the tail -> zl."""
    p = ZIPLIST_HEADER_SIZE if where == ZIPLIST_HEAD else len(zl) - ZIPLIST_END_SIZE
    return __ziplistInsert(zl, p, s)


def ziplistIndex(zl, index):
    """Find the entry at `index` (negative: from the tail) -> its offset, or None."""
    zlbytes = len(zl)
    if index < 0:
        index = -index - 1
        p = ZIPLIST_TAIL_OFFSET(zl)
        if zl[p] != ZIP_END:
            _, prevlen = ZIP_DECODE_PREVLEN(zl, p)
            while prevlen > 0 and index:
                index -= 1
                p -= prevlen
                if not ZIPLIST_HEADER_SIZE <= p < zlbytes - ZIPLIST_END_SIZE:
                    bad_ziplist("prevlen leads to an entry", p)
                _, prevlen = ZIP_DECODE_PREVLEN(zl, p)
    else:
        p = ZIPLIST_HEADER_SIZE
        while index and zl[p] != ZIP_END:
            index -= 1
            p += zipRawEntryLengthSafe(zl, zlbytes, p)
    if zl[p] == ZIP_END or index > 0:
        return None
    zipAssertValidEntry(zl, zlbytes, p)
    return p


def ziplistNext(zl, p):
    """Step to the entry behind p -> its offset, or None."""
    if zl[p] == ZIP_END:
        return None
    p += zipRawEntryLength(zl, p)
    if zl[p] == ZIP_END:
        return None
    zipAssertValidEntry(zl, len(zl), p)
    return p


def ziplistPrev(zl, p):
    """Step to the entry before p (p at the end: to the tail) -> its offset, or None at the head."""
    if zl[p] == ZIP_END:
        p = ZIPLIST_TAIL_OFFSET(zl)
        return None if zl[p] == ZIP_END else p
    if p == ZIPLIST_HEADER_SIZE:
        return None
    _, prevlen = ZIP_DECODE_PREVLEN(zl, p)
    if prevlen == 0 or prevlen > p:
        bad_ziplist("prevlen leads to an entry", p)
    p -= prevlen
    zipAssertValidEntry(zl, len(zl), p)
    return p


def ziplistGet(zl, p):
    """Read the value at p -> bytes or int; None at the end."""
    if p is None or zl[p] == ZIP_END:
        return None
    _, _, _, len_, headersize, encoding = zipEntry(zl, p)
    p += headersize
    if ZIP_IS_STR(encoding):
        return bytes(zl[p:p + len_])
    return zipLoadInteger(zl, p, encoding)


def ziplistInsert(zl, p, s):
    """Insert `s` before the entry at p, which may be the end -> zl."""
    return __ziplistInsert(zl, p, s)


def ziplistDelete(zl, p):
    """Delete the entry at p -> (zl, p): p now holds the entry that followed, or is the offset of the end."""
    return __ziplistDelete(zl, p, 1), p


def ziplistDeleteRange(zl, index, num):
    """Delete `num` entries from `index` on -> zl."""
    p = ziplistIndex(zl, index)
    return zl if p is None else __ziplistDelete(zl, p, num)


def ziplistReplace(zl, p, s):
    """Put `s` in the place of the entry at p -> zl.  An entry of the same size is overwritten where it stands."""
    prevrawlensize, _, lensize, len_, _, _ = zipEntry(zl, p)
    entry = zip_encode(s)
    reqlen = len(entry)
    if reqlen == lensize + len_:
        p += prevrawlensize
        zl[p:p + reqlen] = entry
    else:
        zl = __ziplistDelete(zl, p, 1)
        zl = __ziplistInsert(zl, p, s)
    return zl


def ziplistCompare(zl, p, s):
    """Tell whether the value at p is the string `s` -> 1 or 0."""
    if zl[p] == ZIP_END:
        return 0
    value = ziplistGet(zl, p)
    if type(value) is int:
        ok, sval, _ = zipTryEncoding(s)
        return 1 if ok and sval == value else 0
    return 1 if value == s else 0


def ziplistFind(zl, p, vstr, skip):
    """Find the first entry from p on that equals `vstr`, comparing one entry and leaving out `skip` in turn -> its offset, or None."""
    if p is None:
        return None
    skipcnt = 0
    vencoding = 0                           # 0 = not tried yet
    zlbytes = ziplistBlobLen(zl)
    while zl[p] != ZIP_END:
        e = zipEntrySafe(zl, zlbytes, p, 1)
        if e is None:
            bad_ziplist("zipEntrySafe(zl, zlbytes, p, &e, 1)", p)
        _, _, _, len_, headersize, encoding = e
        q = p + headersize
        if skipcnt == 0:
            if ZIP_IS_STR(encoding):
                if len_ == len(vstr) and zl[q:q + len_] == vstr:
                    return p
            else:
                # Try to encode `vstr` as an integer only once, at the first entry that is an integer.
                if vencoding == 0:
                    ok, vll, vencoding = zipTryEncoding(vstr)
                    if not ok:
                        vencoding = UCHAR_MAX
                if vencoding != UCHAR_MAX and zipLoadInteger(zl, q, encoding) == vll:
                    return p
            skipcnt = skip
        else:
            skipcnt -= 1
        p = q + len_
    return None


def ziplistLen(zl):
    """Count the entries; O(N) when there are 65535 or more."""
    if ZIPLIST_LENGTH(zl) < UINT16_MAX:
        return ZIPLIST_LENGTH(zl)
    n = 0
    p = ZIPLIST_HEADER_SIZE
    zlbytes = len(zl)
    while zl[p] != ZIP_END:
        p += zipRawEntryLengthSafe(zl, zlbytes, p)
        n += 1
    if n < UINT16_MAX:
        u16.pack_into(zl, 8, n)             # small enough again: store it
    return n


def ziplistBlobLen(zl):
    return ZIPLIST_BYTES(zl)


def ziplistRepr(zl):
    """Print the ziplist entry by entry (DEBUG ZIPLIST)."""
    print("{total bytes %d} {num entries %d}\n{tail offset %d}" % (
        ziplistBlobLen(zl), ZIPLIST_LENGTH(zl), ZIPLIST_TAIL_OFFSET(zl)))
    p = ZIPLIST_HEADER_SIZE
    index = 0
    while zl[p] != ZIP_END:
        entry = zipEntrySafe(zl, len(zl), p, 1)
        if entry is None:
            bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
        prevrawlensize, prevrawlen, _, len_, headersize, encoding = entry
        print("{\n\taddr 0x%08x,\n\tindex %2d,\n\toffset %5d,\n\thdr+entry len: %5d,\n\thdr len%2d,\n\tprevrawlen: %5d,\n"
              "\tprevrawlensize: %2d,\n\tpayload %5d" % (
                  p, index, p, headersize + len_, headersize, prevrawlen, prevrawlensize, len_))
        print("\tbytes: " + "".join("%02x|" % b for b in zl[p:p + headersize + len_]))
        p += headersize
        if encoding < ZIP_STR_MASK:
            text = zl[p:p + min(len_, 40)].decode("latin-1")
            print("\t[str]" + text + ("..." if len_ > 40 else "") + "\n}")
        else:
            print("\t[int]%d\n}" % zipLoadInteger(zl, p, encoding))
        p += len_
        index += 1
    print("{end}\n", flush=True)


def ziplistValidateIntegrity(zl, size, deep, entry_cb=None, cb_userdata=None):
    """Check the blob of `size` bytes -> 1 if it is a ziplist, else 0.  Never raises, whatever the bytes.

    Shallow: header, terminator and tail offset fit the size. Deep: every entry too, its prevlen, the tail and the count;
    entry_cb(zl, p, cb_userdata) may refuse an entry by returning 0.
    """
    if size < ZIPLIST_HEADER_SIZE + ZIPLIST_END_SIZE or len(zl) < size:
        return 0
    zlbytes, zltail, header_count = header_struct.unpack_from(zl, 0)
    if zlbytes != size:
        return 0
    last = size - ZIPLIST_END_SIZE
    if zl[last] != ZIP_END:
        return 0
    if zltail > last:
        return 0
    if not deep:
        return 1
    count = 0
    p = ZIPLIST_HEADER_SIZE
    prev = None
    prev_raw_size = 0
    while zl[p] != ZIP_END:
        e = zipEntrySafe(zl, size, p, 1)
        if e is None:
            return 0
        _, prevrawlen, _, len_, headersize, _ = e
        if prevrawlen != prev_raw_size:
            return 0
        if entry_cb is not None and not entry_cb(zl, p, cb_userdata):
            return 0
        prev_raw_size = headersize + len_
        prev = p
        p += prev_raw_size
        count += 1
    if p != last:
        return 0
    if prev is not None and prev != zltail:
        return 0
    if header_count != UINT16_MAX and count != header_count:
        return 0
    return 1


# ---------------------------------------------------------------------------
# Random pairs, for HRANDFIELD and ZRANDMEMBER
# ---------------------------------------------------------------------------

def ziplistRandomPair(zl, total_count):
    """Draw a pair of a ziplist with total_count pairs -> (key, value), each bytes or int."""
    if total_count <= 0:
        bad_ziplist("no pairs", None)
    p = ziplistIndex(zl, random.randrange(total_count) * 2)
    key = ziplistGet(zl, p)
    if key is None:
        bad_ziplist("no key", p)
    p = ziplistNext(zl, p)
    val = ziplistGet(zl, p)
    if val is None:
        bad_ziplist("no value", p)
    return key, val


def ziplistRandomPairs(zl, count):
    """Draw `count` pairs, repeats allowed, in random order -> (keys, vals), two lists."""
    total_size = ziplistLen(zl) // 2
    if total_size == 0:
        bad_ziplist("no pairs", None)
    picks = sorted([random.randrange(total_size), order] for order in range(count))
    keys = [None] * count
    vals = [None] * count
    zipindex = 0
    p = ziplistIndex(zl, 0)
    key = value = None
    at = -1
    for index, order in picks:
        while zipindex < index:
            p = ziplistNext(zl, ziplistNext(zl, p))
            zipindex += 1
        if at != index:
            key = ziplistGet(zl, p)
            value = ziplistGet(zl, ziplistNext(zl, p))
            if value is None:
                bad_ziplist("no value", p)
            at = index
        keys[order] = key
        vals[order] = value
    return keys, vals


def ziplistRandomPairsUnique(zl, count):
    """Draw up to `count` different pairs, in the order of the ziplist -> (picked, keys, vals)."""
    total_size = ziplistLen(zl) // 2
    if count > total_size:
        count = total_size
    keys = []
    vals = []
    p = ziplistIndex(zl, 0)
    remaining = count
    index = 0
    # One pass: a pair is taken with probability (still wanted) / (still to come), which gives each the same chance.
    while remaining > 0 and p is not None:
        value = ziplistNext(zl, p)
        if value is None:
            bad_ziplist("no value", p)
        if random.random() <= remaining / (total_size - index):
            keys.append(ziplistGet(zl, p))
            vals.append(ziplistGet(zl, value))
            remaining -= 1
        p = ziplistNext(zl, value)
        index += 1
    return len(keys), keys, vals
