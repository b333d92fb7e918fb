"""ziplist.py against a plain list of strings, and against blobs made by redis-server 6.2.14."""
import random
import struct

import pytest
from hypothesis import given, settings, strategies as st

from datastructs import ziplist as z

SMALL = st.one_of(
    st.binary(max_size=20), st.integers(-(1 << 63) - 2, (1 << 63) + 2).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"0", b"12", b"13", b"-1", b"-128", b"128", b"-0", b"01", b"+1", b"32767", b"8388607", b"-8388609",
                     b"2147483648", b"9223372036854775807", b"9223372036854775808", b"\xff", b"\x0a\xfe"]))
# Lengths on both sides of the one-byte prevlen limit make the updates cascade.
EDGE = st.integers(246, 256).map(lambda n: b"x" * n)
LONG = st.sampled_from([b"y" * 63, b"y" * 64, b"z" * 16383, b"z" * 16384])
VALUE = st.one_of(SMALL, EDGE, EDGE, LONG)
OPS = st.lists(st.tuples(st.sampled_from(["head", "tail", "insert", "delete", "range", "replace"]),
                         st.integers(0, 30), st.integers(1, 5), VALUE), max_size=40)


def contents(zl):
    out, p = [], z.ziplistIndex(zl, 0)
    while p is not None:
        v = z.ziplistGet(zl, p)
        out.append(b"%d" % v if isinstance(v, int) else v)
        p = z.ziplistNext(zl, p)
    return out


def backward(zl):
    out, p = [], z.ziplistIndex(zl, -1)
    while p is not None:
        v = z.ziplistGet(zl, p)
        out.append(b"%d" % v if isinstance(v, int) else v)
        p = z.ziplistPrev(zl, p)
    return out[::-1]


def build(values):
    zl = z.ziplistNew()
    for v in values:
        zl = z.ziplistPush(zl, v, z.ZIPLIST_TAIL)
    return zl


def check(zl, model):
    assert z.ziplistValidateIntegrity(zl, len(zl), 1) == 1
    assert contents(zl) == model
    assert backward(zl) == model
    assert z.ziplistLen(zl) == len(model)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUE, max_size=20), OPS)
def test_model(start, ops):
    zl, model = build(start), list(start)
    for op, at, num, value in ops:
        i = at % len(model) if model else 0
        if op == "head":
            zl = z.ziplistPush(zl, value, z.ZIPLIST_HEAD)
            model.insert(0, value)
        elif op == "tail":
            zl = z.ziplistPush(zl, value, z.ZIPLIST_TAIL)
            model.append(value)
        elif op == "range":
            zl = z.ziplistDeleteRange(zl, at, num)
            del model[at:at + num]
        elif model:
            p = z.ziplistIndex(zl, i)
            assert p == z.ziplistIndex(zl, i - len(model))
            assert z.ziplistCompare(zl, p, model[i]) == 1
            if op == "insert":
                zl = z.ziplistInsert(zl, p, value)
                model.insert(i, value)
            elif op == "delete":
                zl, p = z.ziplistDelete(zl, p)
                del model[i]
                got = z.ziplistGet(zl, p)
                assert (got is None) == (i == len(model))
            else:
                zl = z.ziplistReplace(zl, p, value)
                model[i] = value
        check(zl, model)


@pytest.mark.parametrize("where", [z.ZIPLIST_HEAD, z.ZIPLIST_TAIL])
def test_length_field_full(where):
    """The length field counts to 65534; from 65535 entries on they have to be counted."""
    zl = build([b"a"] * 65533)
    zl = z.ziplistPush(zl, b"b", where)
    assert zl[8:10] == b"\xfe\xff"
    zl = z.ziplistPush(zl, b"c", where)
    assert zl[8:10] == b"\xff\xff"
    zl = z.ziplistPush(zl, b"d", where)
    assert zl[8:10] == b"\xff\xff" and z.ziplistLen(zl) == 65536
    assert z.ziplistValidateIntegrity(zl, len(zl), 1) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUE, min_size=1, max_size=12), st.lists(VALUE, min_size=1, max_size=12))
def test_merge(a, b):
    first, second = build(a), build(b)
    merged = z.ziplistMerge(first, second)
    assert merged is (first if len(a) >= len(b) else second)
    check(merged, a + b)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=3), st.integers(-300, 300).map(lambda n: b"%d" % n), EDGE), max_size=20),
       st.one_of(st.binary(max_size=3), st.integers(-300, 300).map(lambda n: b"%d" % n)), st.integers(0, 2), st.integers(0, 5))
def test_find(values, wanted, skip, start):
    zl = build(values)
    for needle in [wanted] + values:
        p = z.ziplistIndex(zl, start)
        if p is None:
            continue
        places = [i for i in range(start, len(values), skip + 1) if values[i] == needle]
        found = z.ziplistFind(zl, p, needle, skip)
        assert found == (z.ziplistIndex(zl, places[0]) if places else None)


def test_find_other_integer_encodings():
    """5 as a 16 bit integer and as a string: both are legal bytes from elsewhere."""
    zl = bytearray(b"\x12\0\0\0\x0f\0\0\0\2\0" b"\x00\xc0\x05\x00\x04\x02" b"05" b"\xff")
    zl[4] = 14
    zl[0] = len(zl)
    assert z.ziplistValidateIntegrity(zl, len(zl), 1) == 1
    assert z.ziplistFind(zl, 10, b"5", 0) == 10
    assert z.ziplistFind(zl, 10, b"05", 0) == 14


def test_cascade():
    """Two hundred entries of 253 bytes: one longer head makes every prevlen grow, and none shrinks afterwards."""
    zl = build([b"x" * 250] * 200)
    size = len(zl)
    zl = z.ziplistPush(zl, b"h" * 300, z.ZIPLIST_HEAD)
    assert z.ziplistValidateIntegrity(zl, len(zl), 1) == 1
    assert len(zl) == size + 300 + 3 + 200 * 4
    zl = z.ziplistDeleteRange(zl, 0, 1)
    check(zl, [b"x" * 250] * 200)
    assert len(zl) == size + 199 * 4


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.booleans(), st.integers(0, 3))
def test_hostile(body, fixed, deep):
    """Validation answers on any bytes; what it lets through can be walked; the others may raise but come to an end."""
    zl = bytearray(z.header_struct.pack(len(body) + 11, 10, 2) + body + b"\xff") if fixed else bytearray(body)
    ok = z.ziplistValidateIntegrity(zl, len(zl), 1)
    if ok:
        contents(zl)
        backward(zl)
    elif z.ziplistValidateIntegrity(zl, len(zl), 0):
        for call in (contents, backward, z.ziplistLen, lambda b: z.ziplistFind(b, 10, b"7", 1),
                     lambda b: z.ziplistPush(b, b"ab", 0), lambda b: z.ziplistPush(b, b"ab", 1),
                     lambda b: z.ziplistFind(b, 10, b"ab", 0),
                     lambda b: z.ziplistDeleteRange(b, 0, 3)):
            try:
                call(bytearray(zl))
            except (AssertionError, IndexError, struct.error):
                pass


@pytest.mark.parametrize("at", range(11, 25))
def test_flipped_byte_is_seen(at):
    zl = build([b"one", b"1000", b"two"])
    changed = 0
    for bit in range(8):
        bad = bytearray(zl)
        bad[at] ^= 1 << bit
        changed += 0 if z.ziplistValidateIntegrity(bad, len(bad), 1) else 1
    p = z.ziplistIndex(zl, 0)
    inside = []
    while p is not None:
        e = z.zipEntry(zl, p)
        inside += range(p + e[4], p + e[4] + e[3])
        p = z.ziplistNext(zl, p)
    assert changed > 0 or at in inside


def test_validate_callback():
    zl = build([b"a", b"b", b"c"])
    seen = []

    def cb(blob, p, userdata):
        seen.append(z.ziplistGet(blob, p))
        return userdata > len(seen)
    assert z.ziplistValidateIntegrity(zl, len(zl), 1, cb, 9) == 1
    assert seen == [b"a", b"b", b"c"]
    assert z.ziplistValidateIntegrity(zl, len(zl), 1, cb, 5) == 0


def test_length_beyond_16_bits():
    zl = z.ziplistNew()
    for _ in range(65600):
        zl = z.ziplistPush(zl, b"1", z.ZIPLIST_TAIL)
    assert zl[8:10] == b"\xff\xff"
    assert z.ziplistLen(zl) == 65600
    zl = z.ziplistDeleteRange(zl, 0, 100)
    assert z.ziplistLen(zl) == 65500 and zl[8:10] != b"\xff\xff"


def test_random_pairs():
    random.seed(1)
    pairs = {b"k%d" % i: i for i in range(20)}
    zl = build([x for k, v in pairs.items() for x in (k, b"%d" % v)])
    seen = set()
    for _ in range(300):
        key, val = z.ziplistRandomPair(zl, 20)
        assert pairs[key] == val
        seen.add(key)
    assert seen == set(pairs)
    keys, vals = z.ziplistRandomPairs(zl, 50)
    assert len(keys) == 50 and [pairs[k] for k in keys] == vals
    picked, keys, vals = z.ziplistRandomPairsUnique(zl, 7)
    assert picked == len(set(keys)) == 7 and [pairs[k] for k in keys] == vals
    assert z.ziplistRandomPairsUnique(zl, 70)[0] == 20
