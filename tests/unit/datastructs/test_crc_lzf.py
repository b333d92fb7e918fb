"""crc64.py, crc16.py, lzf.py: known values, the plain loops, and streams that the C compressor made."""
import random

from hypothesis import given, strategies as st

from datastructs.crc16 import crc16
from datastructs.crc64 import crc64, crc64_walk
from datastructs.lzf import lzf_compress, lzf_decompress


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


def test_lzf_stream_of_c():
    packed = bytes.fromhex("0d68656c6c6f20776f726c642c2068e0370c02656e64")     # out of a DUMP of redis-server 6.2.14
    assert lzf_decompress(packed, 81) == b"hello world, " * 6 + b"end"


@given(st.binary(max_size=60))
def test_lzf_survives_garbage(data):
    assert len(lzf_decompress(data, 1000)) <= 1000
