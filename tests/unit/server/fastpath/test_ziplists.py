"""server/fastpath/ziplists.py and ziplist_walks.py beside datastructs/ziplist.py, byte by byte."""
import struct

from hypothesis import given, settings, strategies as st

from datastructs import ziplist as z
from server.fastpath import ziplist_walks as w
from server.fastpath import ziplists as f
from tests.unit.datastructs.test_ziplist import EDGE, OPS, VALUE, build, contents


def bulks(values):
    return b"".join(b"$%d\r\n%b\r\n" % (len(v), v) for v in values)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUE, max_size=20), OPS)
def test_all_operations_make_the_bytes_of_the_text(start, ops):
    zl, other = build(start), build(start)
    for op, at, num, value in ops:
        n = z.ziplistLen(other)
        i = at % n if n else 0
        if op in ("head", "tail"):
            where = z.ZIPLIST_HEAD if op == "head" else z.ZIPLIST_TAIL
            zl, other = f.ziplistPush(zl, value, where), z.ziplistPush(other, value, where)
        elif op == "replace" and n:
            assert f.ziplistIndex(zl, i) == z.ziplistIndex(other, i) and f.ziplistIndex(zl, i - n) == z.ziplistIndex(other, i - n)
            zl = w.ziplistReplace(zl, f.ziplistIndex(zl, i), value)
            other = z.ziplistReplace(other, z.ziplistIndex(other, i), value)
        elif op == "range":
            zl, other = z.ziplistDeleteRange(zl, at, num), z.ziplistDeleteRange(other, at, num)
        assert zl == other
        assert w.ziplistValidateIntegrity(zl, len(zl), 1) == 1
        assert f.ziplist_bulks(zl, 0, 99) == (len(contents(zl)), bulks(contents(zl)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=3), st.integers(-300, 300).map(lambda n: b"%d" % n), EDGE), max_size=20),
       st.one_of(st.binary(max_size=3), st.integers(-300, 300).map(lambda n: b"%d" % n)), st.integers(0, 2), st.integers(0, 5))
def test_find(values, wanted, skip, start):
    zl = build(values)
    p = z.ziplistIndex(zl, start)
    if p is not None:
        for needle in [wanted] + values:
            assert w.ziplistFind(zl, p, needle, skip) == z.ziplistFind(zl, p, needle, skip)


def test_find_other_integer_encodings():
    """5 as a 16 bit integer and as a string: both are legal bytes from elsewhere."""
    zl = bytearray(b"\x12\0\0\0\x0e\0\0\0\2\0" b"\x00\xc0\x05\x00\x04\x02" b"05" b"\xff")
    zl[0] = len(zl)
    for needle in (b"5", b"05", b"6"):
        assert w.ziplistFind(zl, 10, needle, 0) == z.ziplistFind(zl, 10, needle, 0)


@given(st.one_of(VALUE, st.text(alphabet="0123456789-+ ", max_size=21).map(str.encode)))
def test_encode(value):
    assert w.zip_encode(value) == z.zip_encode(value)


def general_pop(zl, where):
    p = z.ziplistIndex(zl, 0 if where == z.ZIPLIST_HEAD else -1)
    value = z.ziplistGet(zl, p)
    z.ziplistDelete(zl, p)
    return value


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUE, max_size=12),
       st.lists(st.tuples(st.sampled_from(["push", "pop", "pop"]), st.integers(0, 1), VALUE), max_size=30))
def test_push_and_pop_make_the_bytes_of_the_text(start, ops):
    """ziplistPush and ziplist_pop beside insertion and deletion in general, byte by byte: long and short prevlens, integers."""
    zl, other = build(start), z.ziplistNew()
    for v in start:
        other = z.ziplistPush(other, v, z.ZIPLIST_TAIL)
    assert zl == other
    for op, where, value in ops:
        if op == "push":
            zl = f.ziplistPush(zl, value, where)
            other = z.ziplistPush(other, value, where)
        elif z.ziplistLen(other):
            got = f.ziplist_pop(zl, where)
            if got is None:
                assert zl == other
                got = general_pop(zl, where)
            assert got == general_pop(other, where)
            assert type(got) in (bytes, int)
        assert zl == other


def test_pop_takes_what_is_short():
    zl = build([b"xxx", b"7", b"-1", b"70000", b"", b"y" * 63])
    assert [f.ziplist_pop(zl, 0), f.ziplist_pop(zl, 1), f.ziplist_pop(zl, 0), f.ziplist_pop(zl, 1), f.ziplist_pop(zl, 0)] == [
        b"xxx", b"y" * 63, 7, b"", -1]
    assert f.ziplist_pop(zl, 0) is None and f.ziplist_pop(zl, 1) is None and contents(zl) == [b"70000"]


# Runs of strings of one length, some broken by other entries; \x05\x03 in a content looks like the head of an entry.
RUN = st.tuples(st.integers(0, 63), st.one_of(st.integers(1, 9), st.integers(10, 80)),
                st.sampled_from([b"xyz", b"\x05\x03ab", b"\r\n$3"]))
RUNS = st.lists(st.one_of(RUN, VALUE), max_size=8)


@settings(max_examples=200, deadline=None)
@given(RUNS, st.integers(0, 200), st.integers(1, 400), st.integers(0, 300))
def test_bulks_of_runs(parts, start, count, at):
    model = []
    for part in parts:
        if isinstance(part, bytes):
            model.append(part)
        else:
            n, times, text = part
            # Letters first: nothing of it is an integer, and each value is another one.
            model += [(b"v%d" % i + text * 30)[:n] for i in range(times)]
    zl = build(model)
    if model:
        # A long entry that came and went leaves a prevlen of five bytes in the midst of a run.
        at %= len(model)
        zl = z.ziplistInsert(zl, z.ziplistIndex(zl, at), b"w" * 300)
        zl, _ = z.ziplistDelete(zl, z.ziplistIndex(zl, at))
    places, p = [], z.ziplistIndex(zl, 0)
    while p is not None:
        places.append(p)
        assert w.ziplistGet(zl, p) == z.ziplistGet(zl, p) and w.ziplistNext(zl, p) == z.ziplistNext(zl, p)
        p = z.ziplistNext(zl, p)
    assert [f.ziplistIndex(zl, i) for i in range(len(model) + 2)] == places + [None, None]
    p = z.ziplistIndex(zl, start)
    if p is not None:
        want = model[start:start + count]
        assert f.ziplist_bulks(zl, start, count) == (len(want), bulks(want))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_hostile(body, fixed):
    """Validation says what that of the text says; on what it does not let through calls may raise but come to an end."""
    zl = bytearray(z.header_struct.pack(len(body) + 11, 10, 2) + body + b"\xff") if fixed else bytearray(body)
    for deep in (0, 1):
        assert w.ziplistValidateIntegrity(zl, len(zl), deep) == z.ziplistValidateIntegrity(zl, len(zl), deep)
    if z.ziplistValidateIntegrity(zl, len(zl), 0):
        for call in (lambda b: f.ziplist_bulks(b, 0, 99), lambda b: w.ziplistFind(b, 10, b"7", 1),
                     lambda b: f.ziplistPush(b, b"ab", 0), lambda b: f.ziplistPush(b, b"ab", 1), lambda b: f.ziplistIndex(b, 3),
                     lambda b: f.ziplist_pop(b, 0), lambda b: f.ziplist_pop(b, 1), lambda b: w.ziplistFind(b, 10, b"ab", 0),
                     lambda b: w.ziplistGet(b, w.ziplistNext(b, 10))):
            try:
                call(bytearray(zl))
            except (AssertionError, IndexError, struct.error):
                pass
