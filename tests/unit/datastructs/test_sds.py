"""sds.py: splitting and quoting as redis-cli and the configuration file need them."""
from time import perf_counter

import pytest
from hypothesis import given, strategies as st

from datastructs.sds import (
    ROOM_IS_TOLD, SDS_MAX_PREALLOC, sds_greedy_alloc, sdsalloc, sdsavail, sdscatlen, sdscatrepr, sdsgrowzero, sdsMakeRoomFor, sdsRemoveFreeSpace,
    sdssplitargs, sdssplitlen, sdstemplate,
)


@pytest.mark.parametrize("line,argv", [
    (b"", []), (b"  \t ", []), (b"set foo bar", [b"set", b"foo", b"bar"]), (b'"a b" c', [b"a b", b"c"]),
    (b"'it''s'", None), (b"'it\\'s'", [b"it's"]), (b'"\\x41\\n\\q\\xzz"', [b"A\nqxzz"]), (b'"foo"bar', None),
    (b'"foo', None), (b"'foo", None), (b'foo"bar"', [b"foobar"]), (b'""', [b""]), (b'"\\', None), (b"a\0b c", [b"a"]),
    (b"a\vb", [b"a\vb"]), (b"'\\n'", [b"\\n"]),
])
def test_sdssplitargs(line, argv):
    assert sdssplitargs(line) == argv


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_repr_and_split_are_inverse(argv):
    line = b" ".join(sdscatrepr(b"", arg) for arg in argv)
    assert b"\0" not in line and sdssplitargs(line) == argv


def test_repr_text():
    assert sdscatrepr(b"x=", b'a"\\\n\r\t\a\b\x00\xff~') == b'x="a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff~"'


#: The room is asked for with bytearray.__alloc__(), which on PyPy is the length + 1 whatever is spare.
room_is_told = pytest.mark.skipif(not ROOM_IS_TOLD, reason="bytearray.__alloc__() does not tell the spare room here")


@room_is_told
@given(st.binary(max_size=3000), st.lists(st.binary(max_size=5000), max_size=8))
def test_room_is_doubled(s, parts):
    """A string that grows takes the double, and does not move again before that is full."""
    s = bytearray(s)
    expected = bytes(s)
    for part in parts:
        alloc = sdsalloc(s)
        s = sdscatlen(s, part)
        expected += part
        assert s == expected
        assert sdsalloc(s) == (alloc if len(expected) <= alloc else 2 * len(expected))
    assert sdsavail(sdsRemoveFreeSpace(s)) <= 1


@given(st.binary(max_size=3000), st.lists(st.binary(max_size=5000), max_size=8))
def test_what_is_appended_is_there(s, parts):
    grown = bytearray(s)
    for part in parts:
        assert sdscatlen(grown, part) is grown and sdsalloc(grown) >= len(grown)
    assert grown == s + b"".join(parts) and sdsRemoveFreeSpace(grown) == grown


def test_appending_a_byte_is_not_linear():
    """Where each call copied the string, the long one took some seconds, the short one a millisecond."""
    def seconds(length):
        s = bytearray(length)
        start = perf_counter()
        for _ in range(2000):
            s = sdscatlen(s, b"x")
        return perf_counter() - start
    assert seconds(SDS_MAX_PREALLOC - 10000) < 30 * seconds(100) + 0.3


@room_is_told
def test_a_big_string_takes_one_megabyte_more():
    s = sdsMakeRoomFor(bytearray(b"x" * SDS_MAX_PREALLOC), 10)
    assert len(s) == SDS_MAX_PREALLOC + 10 and sdsalloc(s) == 2 * SDS_MAX_PREALLOC + 10
    del s[-4:]                                              # what the caller did not need
    assert sdsalloc(s) == 2 * SDS_MAX_PREALLOC + 10
    assert sdsMakeRoomFor(s, 0) is s and bytes(s[-6:]) == bytes(6)


def test_small_ones():
    assert sdssplitlen(b"a--b--", b"--") == [b"a", b"b", b""] and sdssplitlen(b"", b"x") == []
    assert sdssplitlen(b"a", b"") is None
    assert sdsgrowzero(bytearray(b"ab"), 4) == b"ab\0\0"
    assert sds_greedy_alloc(100) == 200 and sds_greedy_alloc(1 << 20) == 2 << 20


def test_template():
    values = {"variable1": "value1", "variable2": "value2"}
    expand = (lambda template: sdstemplate(template, lambda name, arg: values.get(name), None))
    assert expand("v1={variable1} v2={variable2}") == "v1=value1 v2=value2"
    assert expand("v1={{{variable1}} {{} v2={variable2}") == "v1={value1} {} v2=value2"
    assert expand("v1={doesnotexist}") is None and expand("v1={") is None and expand("v1={start") is None
