"""crc64.py - the checksum of RDB files and DUMP.        Mirrors src/crc64.c, src/crcspeed.c (6.2.14)

Lives here   crc64(): Jones polynomial 0xad93d23594c935a9, reflected, start 0, no final xor.
Called from  rio, rdb, DUMP, RESTORE, MIGRATE [command, child].
State        tables made at import.
Invariant    crc64(0, b"123456789") == 0xe9c6d914c4b8d9ca; crc64(crc64(0, a), b) == crc64(0, a + b).
Departures   long inputs are not walked byte by byte: see crc64().
"""

POLY = 0xad93d23594c935a9
MASK64 = 0xffffffffffffffff
#: The polynomial with its bits reversed, as the table walk needs it.
POLY_REFLECTED = 0x95ac9329ac4bc9b5

#: Below this many bytes the table walk is quicker.
CRC64_FOLD_MIN = 112
#: Long inputs are folded in pieces that stay in the processor's cache.
CRC64_PIECE = 32768

#: (b, x^b mod POLY): the exponents around each power of two whose remainder has the fewest terms.
FOLDS = (
    (214, 0x20c3021c680c01cb),
    (499, 0x096a189c3e0083c3),
    (780, 0x03698a8ac2605249),
    (2034, 0xf27400c582a00125),
    (2992, 0x63554a7000330143),
    (7004, 0x1848289822802125),
    (11972, 0x6700801222f00597),
    (25724, 0x00522601e6084083),
    (46882, 0x4008c1100c364305),
    (98260, 0x00200024b8af8501),
    (186291, 0x80101996a0108289),
)


def crc64_make_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ POLY_REFLECTED if crc & 1 else crc >> 1
        table.append(crc)
    return table


crc64_table = crc64_make_table()
_reverse_bits = bytes(int("{:08b}".format(_byte)[::-1], 2) for _byte in range(256))
#: (b, mask of b bits, shifts of the terms of x^b mod POLY), longest first
_folds = tuple((b, (1 << b) - 1, tuple(s for s in range(64) if remainder >> s & 1)) for b, remainder in FOLDS)


def crc64_walk(crc, s):
    """Loop over the bytes."""
    table = crc64_table
    for byte in s:
        crc = table[(crc ^ byte) & 0xff] ^ (crc >> 8)
    return crc


def crc64(crc, s):
    """Continue the checksum `crc` with the bytes of `s`.

    How a long input is done: as a polynomial over GF(2) it is one big integer (bits of each byte reversed).  Cut it into
    high * x^b + low.  Since x^b = r (mod POLY), high * r + low has the same remainder, and is about half as long.  The
    product is one shift and one xor of the big integer for each term of r, all at the speed of memory; repeat until some
    bytes are left, and walk those.
    """
    n = len(s)
    if n < CRC64_FOLD_MIN:
        return crc64_walk(crc, s)
    if n > CRC64_PIECE:
        view = memoryview(s)
        for start in range(0, n, CRC64_PIECE):
            crc = crc64(crc, view[start:start + CRC64_PIECE])
        return crc
    poly = int.from_bytes(bytes(s).translate(_reverse_bits), "big")
    # the running checksum meets the first eight bytes, that is the highest terms
    poly ^= int.from_bytes(crc.to_bytes(8, "little").translate(_reverse_bits), "big") << (8 * n - 64)
    size = 8 * n
    level = len(_folds) - 1
    while size > 600:
        while level and (_folds[level - 1][0] * 2 >= size or _folds[level][0] * 4 > size * 3):
            level -= 1
        b, mask, shifts = _folds[level]
        high = poly >> b
        poly &= mask
        for shift in shifts:
            poly ^= high << shift
        size = max(b, size - b + 64)
    rest = poly.to_bytes((size + 7) // 8, "big").translate(_reverse_bits)
    return crc64_walk(0, rest)
