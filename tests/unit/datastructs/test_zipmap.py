"""zipmap.py against a list of pairs, and against damaged bytes."""
from hypothesis import given, settings, strategies as st

from datastructs.zipmap import ZIPMAP_BIGLEN, zipmapNext, zipmapRewind, zipmapValidateIntegrity

PIECE = st.one_of(st.binary(max_size=20), st.sampled_from([b"x" * 253, b"x" * 254, b"x" * 1000]))
PAIRS = st.lists(st.tuples(PIECE, PIECE, st.integers(0, 5)), min_size=1, max_size=12)


def length(n):
    return bytes([n]) if n < ZIPMAP_BIGLEN else b"\xfe" + n.to_bytes(4, "little")


def zipmap(entries, count=None):
    """What Redis 2.4 would have written for (field, value, free bytes)."""
    body = b"".join(length(len(f)) + f + length(len(v)) + bytes([free]) + v + b"?" * free for f, v, free in entries)
    return bytes([len(entries) if count is None else count]) + body + b"\xff"


def pairs(zm):
    found = []
    p = zipmapRewind(zm)
    while True:
        p, field, value = zipmapNext(zm, p)
        if p is None:
            return found
        found.append((field, value))


def test_the_layout():
    zm = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02worldxx\xff"
    assert zipmapValidateIntegrity(zm, len(zm), 1) == 1
    assert pairs(zm) == [(b"foo", b"bar"), (b"hello", b"world")]


@given(PAIRS, st.booleans())
def test_any_pairs(entries, uncounted):
    zm = zipmap(entries, ZIPMAP_BIGLEN if uncounted else None)
    assert zipmapValidateIntegrity(zm, len(zm), 1) == 1
    assert pairs(zm) == [(f, v) for f, v, _ in entries]


@given(PAIRS)
def test_a_wrong_count(entries):
    zm = zipmap(entries, len(entries) + 1)
    assert zipmapValidateIntegrity(zm, len(zm), 0) == 1
    assert zipmapValidateIntegrity(zm, len(zm), 1) == 0


def test_nothing_to_read():
    assert zipmapValidateIntegrity(b"", 0, 0) == 0
    assert zipmapValidateIntegrity(b"\xff", 1, 0) == 0
    assert zipmapValidateIntegrity(b"\x00\xff", 2, 0) == 1
    assert zipmapValidateIntegrity(b"\x00\xff", 2, 1) == 0


@given(PAIRS, st.data())
@settings(max_examples=300)
def test_damaged(entries, data):
    """What is let through can be walked, and no more comes out of it than is in it."""
    zm = bytearray(zipmap(entries))
    for _ in range(data.draw(st.integers(1, 3))):
        zm[data.draw(st.integers(0, len(zm) - 1))] = data.draw(st.integers(0, 255))
    zm = zm[:data.draw(st.integers(0, len(zm)))] + data.draw(st.sampled_from([b"", b"\xff"]))
    if zipmapValidateIntegrity(zm, len(zm), 1):
        assert sum(len(f) + len(v) for f, v in pairs(zm)) < len(zm)
