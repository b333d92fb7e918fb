"""crc64.py, crc16.py, lzf.py: known values, the plain loops, and streams that the C compressor made."""
import random

from hypothesis import given, strategies as st

from datastructs.crc16 import crc16
from datastructs.crc64 import crc64, crc64_walk
from datastructs.lzf import LZF_EXACT_MAX, lzf_compress, lzf_decompress


def test_crc_known_values():
    assert crc64(0, b"123456789") == 0xe9c6d914c4b8d9ca
    assert crc64(0, b"") == 0
    assert crc16(b"123456789") == 0x31c3


def test_crc64_folding_equals_the_walk():
    rng = random.Random(1)
    for n in list(range(100, 300, 7)) + [511, 512, 513, 1500, 4096, 32767, 32768, 32769, 70001]:
        data = rng.randbytes(n)
        start = rng.getrandbits(64)
        assert crc64(start, data) == crc64_walk(start, data)
        assert crc64(start, bytearray(data)) == crc64(crc64(start, data[:n // 3]), memoryview(data)[n // 3:])


chunks = st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"a" * 300, b"hello world ", b"ab" * 20])), max_size=30)


@given(chunks.map(b"".join))
def test_lzf_round_trip(data):
    packed = lzf_compress(data, len(data) - 4)
    if packed:
        assert len(packed) <= len(data) - 4
        assert lzf_decompress(packed, len(data)) == data
        assert lzf_decompress(packed, len(data) - 1) == b""


def test_lzf_compresses_and_gives_up():
    assert len(lzf_compress(b"a" * 10000, 9996)) < 150
    assert lzf_compress(random.Random(2).randbytes(5000), 4996) == b""
    assert lzf_compress(b"abcd", 0) == b""


def lzf_c(d, out_len):
    """lzf_compress as C writes it, byte by byte: the oracle.  A table that nobody has written to knows no place."""
    n = len(d)
    out = bytearray(out_len + 300)
    htab = {}

    def idx(p):
        h = d[p] << 16 | d[p + 1] << 8 | d[p + 2]
        return ((h >> 8) - h * 5) & 0xffff
    op, lit, ip = 1, 0, 0
    while ip < n - 2:
        slot = idx(ip)
        ref = htab.get(slot, 0)
        htab[slot] = ip
        if ref > 0 and ip - ref - 1 < 8192 and d[ref:ref + 3] == d[ip:ip + 3]:
            off = ip - ref - 1
            length = 2
            maxlen = min(n - ip - 2, 264)
            if op - (not lit) + 4 >= out_len:
                return b""
            out[op - lit - 1] = lit - 1 & 255
            op -= not lit
            equal = True
            for _ in range(16 if maxlen > 16 else 0):
                length += 1
                if d[ref + length] != d[ip + length]:
                    equal = False
                    break
            while equal:
                length += 1
                equal = length < maxlen and d[ref + length] == d[ip + length]
            length -= 2
            for byte in (off >> 8 | length << 5, off) if length < 7 else (off >> 8 | 7 << 5, length - 7, off):
                out[op] = byte & 255
                op += 1
            lit = 0
            op += 1
            ip += length + 2
            if ip >= n - 2:
                break
            htab[idx(ip - 2)] = ip - 2
            htab[idx(ip - 1)] = ip - 1
        else:
            if op >= out_len:
                return b""
            out[op] = d[ip]
            op, ip, lit = op + 1, ip + 1, lit + 1
            if lit == 32:
                out[op - lit - 1] = 31
                lit = 0
                op += 1
    if op + 3 > out_len:
        return b""
    while ip < n:
        out[op] = d[ip]
        op, ip, lit = op + 1, ip + 1, lit + 1
        if lit == 32:
            out[op - lit - 1] = 31
            lit = 0
            op += 1
    out[op - lit - 1] = lit - 1 & 255
    op -= not lit
    return bytes(out[:op])


SHORT = st.one_of(chunks.map(b"".join), st.lists(st.sampled_from(list(b"ab")), max_size=200).map(bytes), st.binary(min_size=200, max_size=400),
                  st.lists(st.sampled_from(list(b"abcdefgh ")), max_size=700).map(bytes))


@given(SHORT, st.integers(-8, 400))
def test_lzf_is_the_stream_of_c(data, room):
    for out_len in (len(data) - 4, len(data) - room, room):
        if out_len > 0 and data:
            assert lzf_compress(data, out_len) == lzf_c(data, out_len)


def test_lzf_is_the_stream_of_c_in_long_data():
    rng = random.Random(3)
    for alphabet in (2, 4, 16, 64, 256):
        for n in (1000, 8200, 40000):
            data = bytes(rng.randrange(alphabet) for _ in range(n))
            assert lzf_compress(data, n - 4) == lzf_c(data, n - 4)
            data = b"".join(bytes([rng.randrange(alphabet)]) * rng.randrange(1, 400) for _ in range(n // 200))
            assert lzf_compress(data, len(data) - 4) == lzf_c(data, len(data) - 4)


def test_lzf_of_big_data_round_trip():
    """Above the exact size, and where it skips: another stream, the same data."""
    rng = random.Random(4)
    for data in (b"some text " * 200000, rng.randbytes(30000) + bytes(9000) + rng.randbytes(30000), rng.randbytes(LZF_EXACT_MAX) + bytes(LZF_EXACT_MAX)):
        packed = lzf_compress(data, len(data) - 4)
        assert 0 < len(packed) < len(data) - 2000
        assert lzf_decompress(packed, len(data)) == data


def test_lzf_stream_of_c():
    packed = bytes.fromhex("0d68656c6c6f20776f726c642c2068e0370c02656e64")     # out of a DUMP of redis-server 6.2.14
    assert lzf_decompress(packed, 81) == b"hello world, " * 6 + b"end"


@given(st.binary(max_size=60))
def test_lzf_survives_garbage(data):
    assert len(lzf_decompress(data, 1000)) <= 1000
