"""lzf.py - the compression of RDB strings and quicklist nodes.      Mirrors src/lzf_c.c, src/lzf_d.c (6.2.14)

Lives here   lzf_compress, lzf_decompress.
Called from  rdb [command, child], quicklist.
State        none.
Format       000LLLLL                    literal run: L+1 bytes follow
             LLLooooo oooooooo           copy L+2 bytes (L = 1..6) from o+1 bytes back
             111ooooo LLLLLLLL oooooooo  copy L+9 bytes from o+1 bytes back
Invariant    lzf_decompress(lzf_compress(s), len(s)) == s.
Departures   the compressor skips ahead after many misses (LZ4's idea), so data that do not compress cost little; its
             output is another valid stream than C's, of about the same length.
"""

MAX_LIT = 1 << 5                   # bytes in a literal run
MAX_OFF = 1 << 13                  # distance of a copy
MAX_REF = (1 << 8) + (1 << 3)      # bytes in a copy
#: After so many misses in a row the step grows by one.
LZF_SKIP_BITS = 5


def lzf_compress(in_data, out_len):
    """The compressed bytes, or b"" (C: 0) if they would take more than `out_len` bytes."""
    in_data = bytes(in_data)
    n = len(in_data)
    if n < 5 or out_len <= 0:
        return b""
    htab = {}
    get = htab.get
    from_bytes = int.from_bytes
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
        maxlen = min(n - ip, MAX_REF)
        here = in_data[ip:ip + maxlen]
        there = in_data[ref:ref + maxlen]
        if here == there:
            length = maxlen
        else:
            diff = from_bytes(here, "little") ^ from_bytes(there, "little")
            length = ((diff & -diff).bit_length() - 1) >> 3

        while lit < ip:
            run = min(ip - lit, MAX_LIT)
            out.append(run - 1)
            out += in_data[lit:lit + run]
            lit += run
        off = ip - ref - 1
        encoded = length - 2
        if encoded < 7:
            out.append((encoded << 5) | (off >> 8))
        else:
            out.append((7 << 5) | (off >> 8))
            out.append(encoded - 7)
        out.append(off & 0xff)
        if len(out) > out_len:
            return b""
        ip += length
        lit = ip
        if ip < last:                                       # the last two places inside the match, as C does
            htab[in_data[ip - 2:ip + 1]] = ip - 2
            htab[in_data[ip - 1:ip + 2]] = ip - 1

    while lit < n:
        run = min(n - lit, MAX_LIT)
        out.append(run - 1)
        out += in_data[lit:lit + run]
        lit += run
    if len(out) > out_len:
        return b""
    return bytes(out)


def lzf_decompress(in_data, out_len):
    """The original bytes, at most `out_len` of them; b"" (C: 0) if the stream is broken or longer."""
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
