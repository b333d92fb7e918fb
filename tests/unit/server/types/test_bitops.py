"""Bit functions against plain bit loops."""
from hypothesis import given
from hypothesis import strategies as st

from server.types import bitops
from server.types.bitops import (
    BFOVERFLOW_FAIL, BFOVERFLOW_SAT, BFOVERFLOW_WRAP, checkSignedBitfieldOverflow, checkUnsignedBitfieldOverflow,
    getSignedBitfield, getUnsignedBitfield, redisBitpos, redisPopcount, setSignedBitfield, setUnsignedBitfield,
)

blobs = st.one_of(st.binary(max_size=40), st.integers(0, 30).map(lambda n: b"\0" * n + b"\x10"),
                  st.integers(0, 30).map(lambda n: b"\xff" * n))


def bits_of(s):
    return [byte >> (7 - i) & 1 for byte in s for i in range(8)]


@given(blobs)
def test_popcount(s):
    assert redisPopcount(s) == sum(bits_of(s))
    assert redisPopcount(bytearray(s)) == sum(bits_of(s))


def test_popcount_over_chunks(monkeypatch):
    monkeypatch.setattr(bitops, "_POPCOUNT_CHUNK", 3)
    assert redisPopcount(b"\xff\x01" * 50) == 450
    monkeypatch.setattr(bitops, "_HAVE_BIT_COUNT", False)
    assert redisPopcount(b"\xff\x01" * 50) == 450


@given(blobs, st.sampled_from([0, 1]))
def test_bitpos(s, bit):
    bits = bits_of(s)
    expected = bits.index(bit) if bit in bits else (-1 if bit else len(bits))
    assert redisBitpos(s, bit) == expected


@given(st.binary(min_size=17, max_size=17), st.integers(0, 70), st.integers(1, 64), st.integers(0, (1 << 64) - 1))
def test_bitfield_set_get(blob, offset, width, value):
    p = bytearray(blob)
    setUnsignedBitfield(p, offset, width, value)
    expected = bits_of(blob)
    expected[offset:offset + width] = [value >> (width - 1 - i) & 1 for i in range(width)]
    assert bits_of(p) == expected
    assert getUnsignedBitfield(p, offset, width) == value & ((1 << width) - 1)


@given(st.binary(min_size=17, max_size=17), st.integers(0, 70), st.integers(1, 64), st.data())
def test_signed_bitfield(blob, offset, width, data):
    value = data.draw(st.integers(-(1 << width - 1), (1 << width - 1) - 1))
    p = bytearray(blob)
    setSignedBitfield(p, offset, width, value)
    assert getSignedBitfield(p, offset, width) == value


@given(st.integers(1, 63), st.data())
def test_unsigned_overflow(width, data):
    top = (1 << width) - 1
    value = data.draw(st.integers(0, top))
    incr = data.draw(st.integers(-(1 << 63), (1 << 63) - 1))
    fits = 0 <= value + incr <= top
    overflow, limit = checkUnsignedBitfieldOverflow(value, incr, width, BFOVERFLOW_SAT)
    assert (overflow == 0) == fits
    if not fits:
        assert limit == (top if incr > 0 else 0)
        assert checkUnsignedBitfieldOverflow(value, incr, width, BFOVERFLOW_WRAP)[1] == (value + incr) % (top + 1)
        assert checkUnsignedBitfieldOverflow(value, incr, width, BFOVERFLOW_FAIL)[0] != 0


@given(st.integers(1, 64), st.data())
def test_signed_overflow(width, data):
    top = (1 << width - 1) - 1
    value = data.draw(st.integers(-top - 1, top))
    incr = data.draw(st.integers(-(1 << 63), (1 << 63) - 1))
    fits = -top - 1 <= value + incr <= top
    overflow, limit = checkSignedBitfieldOverflow(value, incr, width, BFOVERFLOW_SAT)
    if width == 64:
        assert (overflow == 0) == fits
        if not fits:
            assert limit == (top if incr > 0 else -top - 1)
    elif fits:
        assert overflow == 0
    else:
        assert overflow != 0
        wrapped = checkSignedBitfieldOverflow(value, incr, width, BFOVERFLOW_WRAP)[1]
        assert wrapped == (value + incr + top + 1) % (1 << width) - top - 1


def test_signed_saturation_of_a_far_too_small_value():
    # C computes max - value in 64 bits: it wraps, and the value is taken for one that is too big.
    assert checkSignedBitfieldOverflow(-(1 << 63), 0, 8, BFOVERFLOW_SAT) == (1, 127)
    assert checkSignedBitfieldOverflow(-129, 0, 8, BFOVERFLOW_SAT) == (-1, -128)


@given(st.integers(0, 40000), st.integers(0, 40000), st.sampled_from([0, 1]), st.sampled_from([bytes, bytearray, memoryview]))
def test_bitpos_in_long_runs(before, after, bit, kind):
    """A run that ends within, at, or beyond the steps in which runs are skipped."""
    run = b"\0" if bit else b"\xff"
    s = run * before + b"\x21" + run * after
    assert redisBitpos(kind(s), bit) == before * 8 + (2 if bit else 0)
    assert redisBitpos(kind(run * before), bit) == (-1 if bit else before * 8)
