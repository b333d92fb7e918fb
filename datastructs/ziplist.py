"""ziplist.py - many small values in one blob.                  Mirrors src/ziplist.c (6.2.14)

Lives here   <zlbytes u32><zltail u32><zllen u16> entries <0xff>, little endian; an entry is <prevlen 1|5><encoding 1|2|5><content>.
Called from  quicklist, t_hash, t_zset, rdb, debug [command] [child] [startup].
Calls out    nobody.
State        none; a ziplist is one bytearray, changed in place. Positions are int offsets; "end" is None, or the offset of the 0xff.
Invariant    len(zl) == zlbytes; prevlen of an entry == length of the entry before it (0 at the head).
Cost         per entry, never per byte. One table, indexed by the encoding byte, gives the entry's length, so that a step
             costs about 0.1 us. ziplistFind lets bytearray.find hop from candidate to candidate for the wanted content and
             walks entry borders only to tell a real entry from the same bytes inside another one; "not there" is mostly
             answered without a walk. Every step moves p forward, so hostile bytes end in a raise, never in a loop.
Departures   out-parameters are results: ziplistGet(zl, p) -> bytes | int | None; zl, p = ziplistDelete(zl, p);
             ziplistRandomPair(zl, n) -> key, val. ziplistMerge returns the surviving one of its two arguments.
             A failed C assert raises (AssertionError, IndexError, struct.error); ziplistFind does not look at entries it need not visit.
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

ZIPLIST_HEADER_SIZE = 10
ZIPLIST_END_SIZE = 1
ZIPLIST_MAX_SAFETY_SIZE = 1 << 30

header_struct = Struct("<IIH")     # zlbytes, zltail, zllen
head_struct = Struct("<IIHB")      # the header, and the prevlen of the first entry
unpack_header = header_struct.unpack_from
pack_header = header_struct.pack_into
pack_head = head_struct.pack
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

#: the encoded forms of the strings "0" .. "12"
IMMEDIATE = {b"%d" % n: bytes([ZIP_INT_IMM_MIN + n]) for n in range(13)}


def ziplistSafeToAdd(zl, add):
    """Would `add` more bytes keep the ziplist below 1 GB?"""
    size = len(zl) if zl is not None else 0
    return 0 if size + add > ZIPLIST_MAX_SAFETY_SIZE else 1


def ZIP_IS_STR(enc):
    return enc < ZIP_STR_MASK


def bad_ziplist(cond, p):
    """What a failed assert of C becomes here: `cond` did not hold at p.  The report shows it as C shows the expression."""
    raise AssertionError("%s [p = %r]" % (cond, p))


# ---------------------------------------------------------------------------
# Encoding of one entry
# ---------------------------------------------------------------------------

def zipIntSize(encoding):
    """Bytes of content behind an integer encoding."""
    n = ENTRY_LEN[encoding]
    if n == 0 or encoding < ZIP_STR_MASK:
        bad_ziplist("zipIntSize(%#x)" % encoding, None)
    return n - 1


def zipStoreEntryEncoding(encoding, rawlen):
    """Return the encoding bytes of an entry (C: writes them to p)."""
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
    """Return the prevlen bytes for an entry of `len_` bytes (C: writes them to p)."""
    if len_ < ZIP_BIG_PREVLEN:
        return bytes((len_,))
    return large_prevlen.pack(ZIP_BIG_PREVLEN, len_)


def zipPrevLenByteDiff(zl, p, len_):
    """Growth of the prevlen field at p if it had to hold `len_`: -4, 0 or 4."""
    return (1 if len_ < ZIP_BIG_PREVLEN else 5) - (1 if zl[p] < ZIP_BIG_PREVLEN else 5)


def zipTryEncoding(entry):
    """Return (1, value, encoding) when the string is the canonical form of a 64 bit integer, else (0, None, None)."""
    n = len(entry)
    if n > 20 or n == 0:
        return 0, None, None
    digits = entry
    if entry[0] == 45:                                   # '-'
        digits = entry[1:]
    if not digits.isdigit() or (digits[0] == 48 and n > 1):  # '0': no leading zeros, no "-0"
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
    """Return the content bytes of an integer entry (C: writes them to p)."""
    return value.to_bytes(ENTRY_LEN[encoding] - 1, "little", signed=True) if encoding < ZIP_INT_IMM_MIN \
        or encoding == ZIP_INT_8B else b""


def zipLoadInteger(zl, p, encoding):
    """Read the integer whose content starts at p."""
    if ZIP_INT_IMM_MIN <= encoding <= ZIP_INT_IMM_MAX:
        return (encoding & ZIP_INT_IMM_MASK) - 1
    return int.from_bytes(zl[p:p + ENTRY_LEN[encoding] - 1], "little", signed=True)


def zip_encode(s):
    """Return encoding and content of an entry that holds `s`: everything but its prevlen."""
    n = len(s)
    if n <= 20 and n and s[0] <= 57:                     # '9': all that could be an integer
        entry = IMMEDIATE.get(s) if n < 3 else None
        if entry is not None:
            return entry
        ok, value, encoding = zipTryEncoding(s)
        if ok:
            return bytes((encoding,)) + value.to_bytes(ENTRY_LEN[encoding] - 1, "little", signed=True)
    if n <= 0x3f:
        return b"%c%b" % (n, s)
    return zipStoreEntryEncoding(ZIP_STR_06B, n) + s


# ---------------------------------------------------------------------------
# Decoding of one entry
# ---------------------------------------------------------------------------

def zipEntry(zl, p):
    """Return (prevrawlensize, prevrawlen, lensize, len, headersize, encoding) of the entry at p. Raises on a bad one."""
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
    """zipEntry for bytes nobody checked: None when the entry, its header or (if asked) its prevlen leaves the ziplist."""
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
    """Bytes of the entry at p. Raises where C asserts."""
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


def ZIPLIST_INCR_LENGTH(zl, incr):
    """Adjust zllen, unless it has overflowed to "unknown"."""
    n = u16.unpack_from(zl, 8)[0]
    if n < UINT16_MAX:
        u16.pack_into(zl, 8, (n + incr) & UINT16_MAX)


def __ziplistCascadeUpdate(zl, p):
    """Entry p has changed its length: repair the prevlen of those behind it, as far as the change reaches. Returns zl.

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
    """Delete up to num entries from p on. Returns zl; p then holds the entry behind them, or the end."""
    zlbytes, zltail, zllen = header_struct.unpack_from(zl, 0)
    if zlbytes != len(zl):
        bad_ziplist("zlbytes == len(zl)", 0)
    first = p
    first_prevrawlen = zipEntry(zl, p)[1]
    deleted = 0
    while deleted < num and zl[p] != ZIP_END:
        p += zipRawEntryLengthSafe(zl, zlbytes, p)
        deleted += 1
    totlen = p - first
    if totlen <= 0:
        return zl
    nextdiff = 0
    if zl[p] != ZIP_END:
        tail = zipEntrySafe(zl, zlbytes, p, 0)
        if tail is None:
            bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
        field = zipStorePrevEntryLength(first_prevrawlen)
        nextdiff = len(field) - tail[0]
        set_tail = zltail - totlen
        # A prevlen that changes its size moves the tail only if the tail lies behind that entry.
        if zl[p + tail[4] + tail[3]] != ZIP_END:
            set_tail += nextdiff
        zl[first:p + tail[0]] = field
    else:
        set_tail = first - first_prevrawlen
        del zl[first:p]
    zlbytes -= totlen - nextdiff
    if not 0 <= set_tail <= zlbytes - ZIPLIST_END_SIZE:
        bad_ziplist("set_tail <= zlbytes - ZIPLIST_END_SIZE", set_tail)
    if zllen < UINT16_MAX:
        zllen = (zllen - deleted) & UINT16_MAX
    header_struct.pack_into(zl, 0, zlbytes, set_tail, zllen)
    if nextdiff != 0:
        zl = __ziplistCascadeUpdate(zl, first)
    return zl


def __ziplistInsert(zl, p, s):
    """Insert `s` before the entry at p (None or the end: append). Returns zl."""
    zlbytes, zltail, zllen = header_struct.unpack_from(zl, 0)
    end = zlbytes - ZIPLIST_END_SIZE
    if zlbytes != len(zl):
        bad_ziplist("zlbytes == len(zl)", 0)
    if p is None:
        p = end
    entry = zip_encode(s)
    if zl[p] == ZIP_END:
        if zl[zltail] != ZIP_END:
            prevlen = zipRawEntryLengthSafe(zl, zlbytes, zltail)
            entry = (b"%c" % prevlen if prevlen < ZIP_BIG_PREVLEN else large_prevlen.pack(ZIP_BIG_PREVLEN, prevlen)) + entry
        else:
            entry = b"\0" + entry
        reqlen = len(entry)
        newlen = zlbytes + reqlen
        if newlen >= UINT32_MAX:
            bad_ziplist("newlen < UINT32_MAX", newlen)
        zl[p:] = entry
        zl.append(ZIP_END)
        header_struct.pack_into(zl, 0, newlen, p, zllen + 1 if zllen < UINT16_MAX else zllen)
        return zl
    next_ = zipEntrySafe(zl, zlbytes, p, 0)
    if next_ is None:
        bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
    prevrawlensize, prevlen = next_[0], next_[1]
    entry = zipStorePrevEntryLength(prevlen) + entry
    reqlen = len(entry)
    field = zipStorePrevEntryLength(reqlen)
    nextdiff = len(field) - prevrawlensize
    # A one-byte field would make the whole ziplist shorter here, which the growing buffer of C cannot do: keep 5 bytes.
    if nextdiff == -4 and reqlen < 4:
        nextdiff = 0
        field = zipStorePrevEntryLengthLarge(reqlen)
    newlen = zlbytes + reqlen + nextdiff
    if newlen >= UINT32_MAX:
        bad_ziplist("newlen < UINT32_MAX", newlen)
    zltail += reqlen
    if zl[p + next_[4] + next_[3]] != ZIP_END:
        zltail += nextdiff
    zl[p:p + prevrawlensize] = entry + field
    header_struct.pack_into(zl, 0, newlen, zltail, zllen + 1 if zllen < UINT16_MAX else zllen)
    if nextdiff != 0:
        zl = __ziplistCascadeUpdate(zl, p + reqlen)
    return zl


def ziplistMerge(first, second):
    """Append `second` to `first`. Returns the merged ziplist, which is whichever of the two objects had more entries
    (the caller tells by `is`); the other one must not be used again. None if there is nothing to merge."""
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
    # Only the head of the second part has a wrong prevlen (0): the cascade starts at the seam.
    return __ziplistCascadeUpdate(target, first_offset)


#: header, entry, prevlen behind it; a bytearray, since its % gives one, which a slice takes without a copy
new_head = bytearray(b"%b%b%c")


def ziplistPush(zl, s, where):
    """Add `s` at the head or the tail. Returns zl.  HOT.

    Fast lane: the new entry takes less than 254 bytes, so the prevlen behind it needs one byte; at the head that field has
    one byte already (it is 0), at the tail nobody is behind. Either way no other entry changes its length: no cascade.
    """
    n = len(s)
    if n <= 0x3f:
        zlbytes, zltail, zllen = unpack_header(zl)
        if zlbytes == len(zl) and zllen < UINT16_MAX:
            entry = zip_encode(s) if n <= 20 and n and s[0] <= 57 else b"%c%b" % (n, s)
            if where == ZIPLIST_HEAD:
                if zl[ZIPLIST_HEADER_SIZE] == 0:
                    reqlen = len(entry) + 1
                    zl[:ZIPLIST_HEADER_SIZE + 1] = new_head % (
                        pack_head(zlbytes + reqlen, zltail + reqlen, zllen + 1, 0), entry, reqlen)
                    return zl
            else:
                # The tail ends where the end byte stands, which gives its length without a look at it.
                prevlen = zlbytes - ZIPLIST_END_SIZE - zltail
                if 0 <= prevlen < ZIP_BIG_PREVLEN:
                    zl[-1] = prevlen
                    zl += b"%b\xff" % entry
                    pack_header(zl, 0, len(zl), zlbytes - ZIPLIST_END_SIZE, zllen + 1)
                    return zl
    return __ziplistInsert(zl, ZIPLIST_HEADER_SIZE if where == ZIPLIST_HEAD else len(zl) - 1, s)


def ziplist_pop(zl, where):
    """Ours: take the first or the last entry out, in one step. Returns its value, bytes or int.  HOT.

    None, and nothing has changed: the general lane has to do it, which is ziplistIndex, ziplistGet and ziplistDelete. This
    one is for an entry with the usual short header that is not the only one, where the prevlen of the next (head) has one
    byte and keeps it: no cascade.
    """
    zlbytes, zltail, zllen = unpack_header(zl)
    if not 0 < zllen < UINT16_MAX or zlbytes != len(zl):
        return None
    if where == ZIPLIST_HEAD:
        if zl[ZIPLIST_HEADER_SIZE]:
            return None
        encoding = zl[ZIPLIST_HEADER_SIZE + 1]
        n = ENTRY_LEN[encoding]
        end = ZIPLIST_HEADER_SIZE + 1 + n                # the next entry
        if not n or end > zltail or zl[end] >= ZIP_BIG_PREVLEN:
            return None
        content = zl[ZIPLIST_HEADER_SIZE + 2:end]
        n += 1
        # What goes are the n bytes at the front, which costs no move; then the header is written anew.
        del zl[:n]
        zl[ZIPLIST_HEADER_SIZE] = 0
        pack_header(zl, 0, zlbytes - n, zltail - n, zllen - 1)
    else:
        prevlen = zl[zltail]
        if not 0 < prevlen < ZIP_BIG_PREVLEN or zltail - prevlen < ZIPLIST_HEADER_SIZE:
            return None
        encoding = zl[zltail + 1]
        n = ENTRY_LEN[encoding]
        if not n or zltail + 1 + n != zlbytes - ZIPLIST_END_SIZE:
            return None
        content = zl[zltail + 2:-1]
        del zl[zltail:-1]
        pack_header(zl, 0, zltail + ZIPLIST_END_SIZE, zltail - prevlen, zllen - 1)
    if encoding < ZIP_STR_MASK:
        return bytes(content)
    if content:
        return int.from_bytes(content, "little", signed=True)
    return encoding - ZIP_INT_IMM_MIN


def ziplistIndex(zl, index):
    """Position of the entry at `index` (negative: from the tail), or None."""
    zlbytes = len(zl)
    last = zlbytes - ZIPLIST_END_SIZE
    if index < 0:
        index = -index - 1
        p = u32.unpack_from(zl, 4)[0]
        if zl[p] != ZIP_END:
            prevlen = zl[p]
            if prevlen >= ZIP_BIG_PREVLEN:
                prevlen = u32.unpack_from(zl, p + 1)[0]
            while prevlen > 0 and index:
                index -= 1
                p -= prevlen
                if p < ZIPLIST_HEADER_SIZE:
                    bad_ziplist("prevlen leads to an entry", p)
                prevlen = zl[p]
                if prevlen >= ZIP_BIG_PREVLEN:
                    prevlen = u32.unpack_from(zl, p + 1)[0]
    else:
        p = ZIPLIST_HEADER_SIZE
        entry_len = ENTRY_LEN
        while index:
            if index >= 16:
                # A run of strings of one length is passed in one step.
                q = p + 1 if zl[p] < ZIP_BIG_PREVLEN else p + 5
                n = zl[q] if q < last else ZIP_END
                if n <= 0x3f and zl[q:q + 16 * (n + 2):n + 2] == SIXTEEN[n]:
                    n += 2
                    run = string_run(zl, q, n - 2, min(index, (last - q + 1) // n))
                    p = q - 1 + run * n
                    index -= run
                    if p >= last:
                        break
                    continue
            if zl[p] < ZIP_BIG_PREVLEN:
                n = entry_len[zl[p + 1]]
                p += n + 1 if n else zipRawEntryLengthSafe(zl, zlbytes, p)
            elif zl[p] == ZIP_END:
                break
            else:
                p += zipRawEntryLengthSafe(zl, zlbytes, p)
            if p >= last:
                if p > last:
                    bad_ziplist("p <= last", p)
                break
            index -= 1
    if zl[p] == ZIP_END or index > 0:
        return None
    zipAssertValidEntry(zl, zlbytes, p)
    return p


def ziplistNext(zl, p):
    """Position of the entry behind p, or None."""
    c = zl[p]
    if c < ZIP_BIG_PREVLEN:
        n = ENTRY_LEN[zl[p + 1]]
        p += n + 1 if n else zipRawEntryLength(zl, p)
    elif c == ZIP_END:
        return None
    else:
        p += zipRawEntryLength(zl, p)
    if zl[p] == ZIP_END:
        return None
    # zipAssertValidEntry, for the entry that is well inside and has a short header
    c = zl[p]
    if c < ZIP_BIG_PREVLEN and p - c >= ZIPLIST_HEADER_SIZE:
        n = ENTRY_LEN[zl[p + 1]]
        if n and p + n + 1 < len(zl):
            return p
    zipAssertValidEntry(zl, len(zl), p)
    return p


def ziplistPrev(zl, p):
    """Position of the entry before p (p at the end: the tail), or None at the head."""
    c = zl[p]
    if c == ZIP_END:
        p = u32.unpack_from(zl, 4)[0]
        return None if zl[p] == ZIP_END else p
    if p == ZIPLIST_HEADER_SIZE:
        return None
    prevlen = c if c < ZIP_BIG_PREVLEN else u32.unpack_from(zl, p + 1)[0]
    if prevlen == 0 or prevlen > p:
        bad_ziplist("prevlen leads to an entry", p)
    p -= prevlen
    zipAssertValidEntry(zl, len(zl), p)
    return p


def ziplistGet(zl, p):
    """Value at p: bytes or int; None at the end."""
    if p is None:
        return None
    c = zl[p]
    if c < ZIP_BIG_PREVLEN:
        p += 1
    elif c == ZIP_END:
        return None
    else:
        p += 5
    encoding = zl[p]
    n = ENTRY_LEN[encoding]
    if n:
        if encoding < ZIP_STR_MASK:
            return bytes(zl[p + 1:p + n])
        if n == 1:
            return encoding - ZIP_INT_IMM_MIN
        return int.from_bytes(zl[p + 1:p + n], "little", signed=True)
    if encoding < 0x80:
        return bytes(zl[p + 2:p + 2 + ((encoding & 0x3f) << 8 | zl[p + 1])])
    if encoding < ZIP_STR_MASK:
        return bytes(zl[p + 5:p + 5 + int.from_bytes(zl[p + 1:p + 5], "big")])
    return bad_ziplist("ZIP_ENTRY_ENCODING is valid: %#x" % encoding, p)


ziplistInsert = __ziplistInsert     # C: a function that only calls the other


def ziplist_bulks(zl, p, count):
    """Ours: up to `count` values from p on, as bulks of the protocol. Returns (number of values, bytes).

    Runs of short strings of one length are answered column by column: all first bytes, all second bytes, ... are one
    slice each, whose step is the length of an entry here and the length of a bulk there. That costs about 1 us a column
    for 600 values, where a loop over the values takes 50. What is no such run goes through the loop.
    """
    last = len(zl) - ZIPLIST_END_SIZE
    entry_len = ENTRY_LEN
    read_int = READ_INT
    head = BULK_HEAD
    lines = []                          # head, value, head, value, ...; a run is one line
    append = lines.append
    left = count
    stretch = 16                        # values for the loop before a run is looked for again
    while left and p < last:
        q = p + 1 if zl[p] < ZIP_BIG_PREVLEN else p + 5
        n = zl[q]
        if n <= 0x3f and left >= 16 and zl[q:q + 16 * (n + 2):n + 2] == SIXTEEN[n]:
            run = string_run(zl, q, n, min(left, (last - q + 1) // (n + 2)))
            if run >= 16:
                append(run_bulks(zl, q + 1, n, run))
                left -= run
                p = q - 1 + run * (n + 2)
                stretch = 16
                continue
        if zl.__class__ is not bytes:
            zl = bytes(zl)              # so that a slice is the value already
        before = len(lines)
        for _ in range(min(stretch, left)):
            if zl[p] < ZIP_BIG_PREVLEN:
                q = p + 1
            elif p >= last:             # ZIP_END
                break
            else:
                q = p + 5
            n = zl[q]
            if n <= 0x3f:
                p = q + n + 1
                append(head[n])
                append(zl[q + 1:p])
                continue
            if n >= ZIP_STR_MASK:
                p = q + entry_len[n]
                if p == q:
                    bad_ziplist("ZIP_ENTRY_ENCODING is valid: %#x" % n, p)
                value = b"%d" % (n - ZIP_INT_IMM_MIN if p == q + 1 else
                                 read_int[n](zl, q + 1)[0] if n in read_int else
                                 int.from_bytes(zl[q + 1:p], "little", signed=True))
            else:
                if n < 0x80:
                    start = q + 2
                    p = start + ((n & 0x3f) << 8 | zl[q + 1])
                else:
                    start = q + 5
                    p = start + int.from_bytes(zl[q + 1:start], "big")
                value = zl[start:p]
            n = len(value)
            append(head[n] if n < 64 else b"$%d" % n)
            append(value)
        left -= (len(lines) - before) // 2
        if stretch < 64:
            stretch *= 2
    if p > last:
        bad_ziplist("p <= last", p)
    append(b"")
    return count - left, b"\r\n".join(lines)


#: integer encoding -> what reads it; 24 bits are not among the formats of struct
READ_INT = {ZIP_INT_8B: Struct("<b").unpack_from, ZIP_INT_16B: Struct("<h").unpack_from, ZIP_INT_32B: Struct("<i").unpack_from,
            ZIP_INT_64B: Struct("<q").unpack_from}
#: n -> the encoding bytes of sixteen strings of n bytes, and the head of a bulk of n bytes
SIXTEEN = tuple(bytes((_n,)) * 16 for _n in range(64))
BULK_HEAD = tuple(b"$%d" % _n for _n in range(64))


def string_run(zl, q, n, most):
    """Ours: of the entries whose first has its encoding byte at q, how many are strings of n bytes with a prevlen of one
    byte (of the first one anything)? At most `most`, which the caller has made to fit into zl."""
    size = n + 2
    want = b"%c" % n
    # By induction: if the entry at the expected place is one of them, the next one stands at the expected place too.
    # Mostly all are, which one comparison tells; else lstrip counts from the left.
    run = most
    got = zl[q:q + (run - 1) * size + 1:size]
    if got != want * run:
        run -= len(got.lstrip(want))
    want = b"%c" % size
    got = zl[q + size - 1:q + (run - 1) * size:size]
    if got != want * (run - 1):
        run -= len(got.lstrip(want))
    return run


def run_bulks(zl, start, n, run):
    """Ours: `run` strings of n bytes as bulks, without the last line end; the contents start at `start`, n + 2 apart."""
    size = n + 2
    end = start + run * size
    if n * 4 > run or n > 48:           # slices with a step do not pay: too few values for so many columns
        return b"$%d\r\n" % n + (b"\r\n$%d\r\n" % n).join([zl[p:p + n] for p in range(start, end, size)])
    bulk = b"$%d\r\n%b\r\n" % (n, bytes(n))
    out = bytearray(bulk) * run
    size_out = len(bulk)
    first = size_out - 2 - n
    for j in range(n):
        out[first + j::size_out] = zl[start + j:end:size]
    del out[-2:]
    return out


def ziplistDelete(zl, p):
    """Delete the entry at p. Returns (zl, p): p now holds the entry that followed, or is the offset of the end."""
    return __ziplistDelete(zl, p, 1), p


def ziplistDeleteRange(zl, index, num):
    """Delete `num` entries from `index` on. Returns zl."""
    p = ziplistIndex(zl, index)
    return zl if p is None else __ziplistDelete(zl, p, num)


def ziplistReplace(zl, p, s):
    """Put `s` in the place of the entry at p. Returns zl. An entry of the same size is overwritten where it stands."""
    entry = zip_encode(s)
    q = p + 1 if zl[p] < ZIP_BIG_PREVLEN else p + 5
    n = ENTRY_LEN[zl[q]]
    if not n:
        _, _, lensize, len_, _, _ = zipEntry(zl, p)
        n = lensize + len_
    if len(entry) == n:
        zl[q:q + n] = entry
    else:
        zl = __ziplistDelete(zl, p, 1)
        zl = __ziplistInsert(zl, p, s)
    return zl


def ziplistCompare(zl, p, s):
    """Is the value at p the string `s`? 1 or 0."""
    if zl[p] == ZIP_END:
        return 0
    value = ziplistGet(zl, p)
    if type(value) is int:
        ok, sval, _ = zipTryEncoding(s)
        return 1 if ok and sval == value else 0
    return 1 if value == s else 0


def ziplistFind(zl, p, vstr, skip):
    """First entry from p on that equals `vstr`, comparing one entry and leaving out `skip` in turn. None if there is none."""
    if p is None:
        return None
    ok, vll, vencoding = zipTryEncoding(vstr)
    if ok or not vstr:
        return ziplistFind_walk(zl, p, vstr, skip, ok, vll, vencoding)
    # Not an integer: only string entries can be equal, so that the content must be found literally.
    find = zl.find
    entry_len = ENTRY_LEN
    candidate = find(vstr, p)
    if candidate < 0:
        return None
    vlen = len(vstr)
    last = len(zl) - ZIPLIST_END_SIZE
    skipcnt = 0
    while p < last:
        q = p + 1 if zl[p] < ZIP_BIG_PREVLEN else p + 5
        encoding = zl[q]
        n = entry_len[encoding]
        if n:
            end = q + n
        elif encoding < 0x80:
            end = q + 2 + ((encoding & 0x3f) << 8 | zl[q + 1])
        elif encoding < ZIP_STR_MASK:
            end = q + 5 + int.from_bytes(zl[q + 1:q + 5], "big")
        else:
            return bad_ziplist("ZIP_ENTRY_ENCODING is valid: %#x" % encoding, p)
        if candidate < end:
            # The content of a string of vlen bytes starts vlen before the end of its entry.
            if skipcnt == 0 and candidate <= end - vlen and encoding < ZIP_STR_MASK:
                start = q + 1 if n else q + 2 if encoding < 0x80 else q + 5
                if end - start == vlen and zl[start:end] == vstr:
                    return p
            candidate = find(vstr, end)
            if candidate < 0:
                return None
        p = end
        skipcnt = skipcnt - 1 if skipcnt else skip
    if p > last:
        bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
    return None


def ziplistFind_walk(zl, p, vstr, skip, ok, vll, vencoding):
    """ziplistFind for integers (which equal entries of any integer encoding, and strings) and for the empty string."""
    entry_len = ENTRY_LEN
    vlen = len(vstr)
    canonical = zip_encode(vstr)
    size = entry_len[vencoding] if ok else 0
    last = len(zl) - ZIPLIST_END_SIZE
    skipcnt = 0
    while p < last:
        q = p + 1 if zl[p] < ZIP_BIG_PREVLEN else p + 5
        encoding = zl[q]
        n = entry_len[encoding]
        if n:
            end = q + n
            if skipcnt == 0:
                if encoding == vencoding:
                    if zl.startswith(canonical, q):
                        return p
                elif encoding >= ZIP_STR_MASK:
                    if ok and n > size and int.from_bytes(zl[q + 1:end], "little", signed=True) == vll:
                        return p
                elif encoding == vlen and zl[q + 1:end] == vstr:
                    return p
        elif encoding < ZIP_STR_MASK:
            start = q + 2 if encoding < 0x80 else q + 5
            if encoding < 0x80:
                end = start + ((encoding & 0x3f) << 8 | zl[q + 1])
            else:
                end = start + int.from_bytes(zl[q + 1:start], "big")
            if skipcnt == 0 and end - start == vlen and zl[start:end] == vstr:
                return p
        else:
            return bad_ziplist("ZIP_ENTRY_ENCODING is valid: %#x" % encoding, p)
        p = end
        skipcnt = skipcnt - 1 if skipcnt else skip
    if p > last:
        bad_ziplist("zipEntrySafe(zl, zlbytes, p, 0)", p)
    return None


def ziplistLen(zl):
    """Number of entries; O(N) when there are 65535 or more."""
    n = u16.unpack_from(zl, 8)[0]
    if n < UINT16_MAX:
        return n
    n = 0
    p = ZIPLIST_HEADER_SIZE
    zlbytes = len(zl)
    while zl[p] != ZIP_END:
        p += zipRawEntryLengthSafe(zl, zlbytes, p)
        n += 1
    if n < UINT16_MAX:
        u16.pack_into(zl, 8, n)
    return n


def ziplistBlobLen(zl):
    return u32.unpack_from(zl, 0)[0]


def ziplistRepr(zl):
    """Print the ziplist entry by entry (DEBUG ZIPLIST)."""
    print("{total bytes %d} {num entries %d}\n{tail offset %d}" % (
        ziplistBlobLen(zl), u16.unpack_from(zl, 8)[0], u32.unpack_from(zl, 4)[0]))
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
    """Is this blob of `size` bytes a ziplist? 1 or 0. Never raises, whatever the bytes.

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
    entry_len = ENTRY_LEN
    count = 0
    p = ZIPLIST_HEADER_SIZE
    prev = None
    prev_raw_size = 0
    while True:
        c = zl[p]
        if c == ZIP_END:
            break
        n = entry_len[zl[p + 1]] if c < ZIP_BIG_PREVLEN else 0
        if n:
            # The common entry, short in both headers (zipEntrySafe)
            n += 1
            if p + n > last or c != prev_raw_size:
                return 0
        else:
            e = zipEntrySafe(zl, size, p, 1)
            if e is None or e[1] != prev_raw_size:
                return 0
            n = e[4] + e[3]
        if entry_cb is not None and not entry_cb(zl, p, cb_userdata):
            return 0
        prev_raw_size = n
        prev = p
        p += n
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
    """One random (key, value) of a ziplist with total_count pairs; each bytes or int."""
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
    """`count` random pairs, repeats allowed, in random order. Returns (keys, vals), two lists."""
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
    """Up to `count` different pairs, in the order of the ziplist. Returns (picked, keys, vals)."""
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
