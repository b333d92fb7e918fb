"""ziplists.py - entries of short strings at the ends of a ziplist, and runs of entries as one reply.

Shortens     datastructs/ziplist.py.
Called from  all functions that push to a ziplist; lists.py and commands.py for the others.
State        none.

An entry of less than 254 bytes needs one byte of prevlen in the entry behind it.  So a push at the tail, or before a head
whose prevlen field is one byte long already, changes the length of no other entry: there is no cascade.
"""
from struct import Struct

from datastructs.ziplist import (
    UINT16_MAX, ZIPLIST_END_SIZE, ZIPLIST_HEAD, ZIPLIST_HEADER_SIZE, ZIP_BIG_PREVLEN, ZIP_END, ZIP_INT_16B, ZIP_INT_24B, ZIP_INT_32B,
    ZIP_INT_64B, ZIP_INT_8B, ZIP_INT_IMM_MAX, ZIP_INT_IMM_MIN, ZIP_STR_MASK, bad_ziplist,
    ziplistIndex as text_ziplistIndex, ziplistPush as text_ziplistPush, zipAssertValidEntry, zipRawEntryLengthSafe, zipTryEncoding,
)

# zlbytes, zltail, zllen; the same and the prevlen of the first entry.
unpack_header = Struct("<IIH").unpack_from
pack_header = Struct("<IIH").pack_into
pack_head = Struct("<IIHB").pack
# Header, entry, prevlen behind it; a bytearray, since its % gives one, which a slice takes without a copy.
new_head = bytearray(b"%b%b%c")

# Encoding byte -> bytes of encoding and content; 0 = look further (14 and 32 bit strings, invalid).
INT_LEN = {ZIP_INT_8B: 2, ZIP_INT_16B: 3, ZIP_INT_24B: 4, ZIP_INT_32B: 5, ZIP_INT_64B: 9}
ENTRY_LEN = tuple(1 + b if b < 0x40 else 1 if ZIP_INT_IMM_MIN <= b <= ZIP_INT_IMM_MAX else INT_LEN.get(b, 0) for b in range(256))
# Integer encoding -> what reads it; 24 bits are not among the formats of struct.
READ_INT = {ZIP_INT_8B: Struct("<b").unpack_from, ZIP_INT_16B: Struct("<h").unpack_from, ZIP_INT_32B: Struct("<i").unpack_from,
            ZIP_INT_64B: Struct("<q").unpack_from}
# n -> the encoding bytes of sixteen strings of n bytes, and the head of a bulk of n bytes.
SIXTEEN = tuple(bytes((n,)) * 16 for n in range(64))
BULK_HEAD = tuple(b"$%d" % n for n in range(64))


def replacements():
    """Return the table of (function of the text, replacement) of this module."""
    return [(text_ziplistPush, ziplistPush), (text_ziplistIndex, ziplistIndex)]


def zip_encode(s):
    """Return encoding and content of an entry that holds `s`, of less than 64 bytes: everything but its prevlen."""
    n = len(s)
    if n <= 20 and n and s[0] <= 57:                     # "9": all that could be an integer
        ok, value, encoding = zipTryEncoding(s)
        if ok:
            size = ENTRY_LEN[encoding] - 1
            return b"%c%b" % (encoding, value.to_bytes(size, "little", signed=True) if size else b"")
    return b"%c%b" % (n, s)


def ziplistPush(zl, s, where):
    """Write a short entry and its neighbour's prevlen in one step.

    When          the value is shorter than 64 bytes, the header counts its entries, and the prevlen of the entry behind has one
                  byte (a head's is 0; behind the tail there is none).
    Same because  no other entry changes its length: no cascade.
    Skips         __ziplistInsert, zipEntrySafe, zipPrevLenByteDiff, __ziplistCascadeUpdate.
    Gains         part of what LPUSH and RPUSH gains, see commands.py.
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
    return text_ziplistPush(zl, s, where)


def ziplist_pop(zl, where):
    """Take the first or the last entry out, in one step -> its value, bytes or int; None: not done, nothing has changed.

    For an entry with the usual short header that is not the only one, where the prevlen of the next one (head) has one byte
    and keeps it: no cascade.
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
    """Find the entry at `index` -> its offset, or None.

    When          `index` counts from the head.
    Same because  entries with short headers have their length in a table, and a run of sixteen strings of one length or more is passed in
                  one step; all other entries go through zipRawEntryLengthSafe.
    Skips         zipRawEntryLengthSafe.
    Gains         index 500 in a run of strings of one length takes 1.8 us instead of 213 (2026-11, CPython 3.11).
    """
    if index < 0:
        return text_ziplistIndex(zl, index)
    zlbytes = len(zl)
    last = zlbytes - ZIPLIST_END_SIZE
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


def ziplist_bulks(zl, index, count):
    """Return up to `count` values from entry `index` on as bulks of the protocol -> (number of values, bytes).

    Runs of short strings of one length are answered column by column: all first bytes, all second bytes, ... are one slice
    each, whose step is the length of an entry here and the length of a bulk there.  That costs about 1 us for a column of 600
    values, where a loop over the values takes 50.  Other entries go through the loop.
    """
    p = ziplistIndex(zl, index) if index else ZIPLIST_HEADER_SIZE
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
                    raise AssertionError("ZIP_ENTRY_ENCODING is valid: %#x [p = %d]" % (n, p))
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
        raise AssertionError("p <= last [p = %d]" % p)
    append(b"")
    return count - left, b"\r\n".join(lines)


def string_run(zl, q, n, most):
    """Count the strings of n bytes with a prevlen of one byte, from the entry whose encoding byte is at q on -> the length of the run.

    The first may have any prevlen.  At most `most` are counted, which the caller has made to fit into zl."""
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
    """Return `run` strings of n bytes as bulks, without the last line end; the contents start at `start`, n + 2 apart."""
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
