"""lzf.py - the compression of RDB strings and quicklist nodes.      Mirrors src/lzf_c.c, src/lzf_d.c (6.2.14)

Lives here   lzf_compress, lzf_decompress.
Called from  rdb [command, child], quicklist.
State        none.
Format       000LLLLL                    literal run: L+1 bytes follow
             LLLooooo oooooooo           copy L+2 bytes (L = 1..6) from o+1 bytes back
             111ooooo LLLLLLLL oooooooo  copy L+9 bytes from o+1 bytes back
Invariant    lzf_decompress(lzf_compress(s), len(s)) == s.
Departures   the compressor skips ahead (LZ4's idea) where nothing has compressed for 1024 bytes, and sooner in data above
             LZF_EXACT_MAX bytes, so that big data which do not compress cost little: then its output is another valid
             stream than C's, of about the same length.  Else it is C's stream, byte for byte (but for what C reads out
             of its uninitialized table).
"""

from array import array
from sys import byteorder

MAX_LIT = 1 << 5                   # bytes in a literal run
MAX_OFF = 1 << 13                  # distance of a copy
MAX_REF = (1 << 8) + (1 << 3)      # bytes in a copy
#: Bytes up to which the stream is C's.  Above, the table of words would take too much memory.
LZF_EXACT_MAX = 1 << 20
#: After so many misses in a row the step grows by one; the second one is for data above LZF_EXACT_MAX.
EXACT_MISSES_BITS = 10
LZF_SKIP_BITS = 5
#: Bytes whose triples are counted first: where they repeat, the rest is not worth a count of its own.
TRIPLES_PROBE = 256
#: Bytes up to which counting them all costs less than the loop, which has begun to skip by then.
TRIPLES_MAX = 16384


def lzf_compress(in_data, out_len):
    """Compress -> the bytes, or b"" (C: 0) if they would take more than `out_len` bytes."""
    if len(in_data) <= LZF_EXACT_MAX:
        return lzf_compress_exact(bytes(in_data), out_len)
    return lzf_compress_skipping(bytes(in_data), out_len)


def triples_repeated(in_data):
    """Count how many places of three bytes hold what an earlier place holds."""
    return max(0, len(in_data) - 2 - len(set(zip(in_data, in_data[1:], in_data[2:]))))


def match_length(in_data, ref, ip, limit):
    """Count how many bytes at `ref` and `ip` are equal, at most `limit`; they may overlap."""
    here = in_data[ip:ip + limit]
    there = in_data[ref:ref + limit]
    if here == there:
        return limit
    diff = int.from_bytes(here, "little") ^ int.from_bytes(there, "little")
    return ((diff & -diff).bit_length() - 1) >> 3


def lzf_compress_exact(in_data, out_len):
    """C's lzf_compress: each place is looked up, and positions with one hash drive each other out of the table.

    C's `op` is one beyond the open literal run: len(out) + 1 + lit + lit // MAX_LIT here, `lit` counting the literals
    since the last match.  Its test of the room before each literal is made once for all of them.
    """
    n = len(in_data)
    if not n or out_len <= 0:
        return b""
    r = triples_repeated(in_data[:TRIPLES_PROBE])
    if r < 2:
        # Skip incompressible data cheaply: each byte that a match saves is a triple that occurred before, and
        # what is no match (a match has three bytes at least) costs a byte in 32 more.
        if n > TRIPLES_PROBE:
            r = triples_repeated(in_data) if n <= TRIPLES_MAX else n
        if n - r + (n - 3 * r) // MAX_LIT > out_len:
            return b""
    # C's IDX (HLOG 16, VERY_FAST) takes 16 bits of a hash of three bytes: of the two words in them, here all at once.
    word = array("H", bytes(2 * n))
    for odd in (0, 1):
        words = array("H", in_data[odd:odd + (n - odd & ~1)])
        if byteorder == "little":
            words.byteswap()
        word[odd:n - 1:2] = words
    htab = {}
    get = htab.get
    out = bytearray()
    start = 0                                               # of the literals not written yet
    ip = 0
    misses = 0                                              # in a row
    last = n - 2                                            # from here on fewer than three bytes are left
    while ip < last:
        slot = word[ip] - word[ip + 1] * 5 & 0xffff
        ref = get(slot, 0)
        htab[slot] = ip
        # C accepts no match with the very first byte, and finds no other one where the table has no entry.
        if not ref or ip - ref > MAX_OFF or in_data[ref:ref + 3] != in_data[ip:ip + 3]:
            misses += 1
            ip += 1 + (misses >> EXACT_MISSES_BITS)
            continue

        misses = 0
        maxlen = min(n - ip - 2, MAX_REF)
        # C compares up to 19 bytes before it looks at maxlen, if that is above 16; else three at least.
        length = match_length(in_data, ref, ip, max(maxlen, 19 if maxlen > 16 else 3))
        lit = ip - start
        op = len(out) + 1 + lit + lit // MAX_LIT
        if lit and op - 1 - (lit % MAX_LIT == 0) >= out_len:
            return b""                                      # there was no room for the last literal
        if op - (lit % MAX_LIT == 0) + 3 + 1 >= out_len:
            return b""
        put_literals(out, in_data, start, ip)
        put_copy(out, ip - ref - 1, length)
        ip += length
        start = ip
        if ip >= last:
            break
        for j in (ip - 2, ip - 1):                          # the last two places inside the match
            htab[word[j] - word[j + 1] * 5 & 0xffff] = j

    lit = ip - start
    op = len(out) + 1 + lit + lit // MAX_LIT
    if lit and op - 1 - (lit % MAX_LIT == 0) >= out_len:
        return b""
    if op + 3 > out_len:                                    # three more bytes could be missing
        return b""
    put_literals(out, in_data, start, n)
    return bytes(out)


def put_literals(out, in_data, start, end):
    """Write in_data[start:end] as literal runs."""
    while start < end:
        run = min(end - start, MAX_LIT)
        out.append(run - 1)
        out += in_data[start:start + run]
        start += run


def put_copy(out, off, length):
    """Write a copy of `length` bytes from off + 1 bytes back."""
    encoded = length - 2
    if encoded < 7:
        out.append((encoded << 5) | (off >> 8))
    else:
        out.append((7 << 5) | (off >> 8))
        out.append(encoded - 7)
    out.append(off & 0xff)


def lzf_compress_skipping(in_data, out_len):
    """lzf_compress for big data, see Departures."""
    n = len(in_data)
    htab = {}
    get = htab.get
    out = bytearray()
    lit = 0                                                 # start of the literals not written yet
    ip = 0
    misses = 0
    last = n - 2                                            # from here on fewer than three bytes are left
    while ip < last:
        key = in_data[ip:ip + 3]
        ref = get(key, -MAX_OFF - 1)
        htab[key] = ip
        if ip - ref > MAX_OFF:
            misses += 1
            ip += 1 + (misses >> LZF_SKIP_BITS)
            continue

        # A match of three at least: how long is it?
        misses = 0
        length = match_length(in_data, ref, ip, min(n - ip, MAX_REF))
        put_literals(out, in_data, lit, ip)
        put_copy(out, ip - ref - 1, length)
        if len(out) > out_len:
            return b""
        ip += length
        lit = ip
        if ip < last:                                       # the last two places inside the match, as C does
            htab[in_data[ip - 2:ip + 1]] = ip - 2
            htab[in_data[ip - 1:ip + 2]] = ip - 1

    put_literals(out, in_data, lit, n)
    if len(out) > out_len:
        return b""
    return bytes(out)


def lzf_decompress(in_data, out_len):
    """Decompress -> the original bytes, at most `out_len`, or b"" (C: 0) if the stream is broken or longer."""
    in_data = bytes(in_data)
    in_end = len(in_data)
    out = bytearray()
    ip = 0
    while ip < in_end:
        ctrl = in_data[ip]
        ip += 1
        if ctrl < MAX_LIT:
            ctrl += 1
            if ip + ctrl > in_end:
                return b""
            out += in_data[ip:ip + ctrl]
            ip += ctrl
        else:
            length = ctrl >> 5
            if ip >= in_end:
                return b""
            if length == 7:
                length += in_data[ip]
                ip += 1
                if ip >= in_end:
                    return b""
            ref = len(out) - ((ctrl & 0x1f) << 8) - 1 - in_data[ip]
            ip += 1
            length += 2
            if ref < 0:
                return b""
            distance = len(out) - ref
            if distance >= length:
                out += out[ref:ref + length]
            else:                                           # overlapping: the copy repeats itself
                piece = bytes(out[ref:])
                out += (piece * (length // distance + 1))[:length]
        if len(out) > out_len:
            return b""
    return bytes(out)
