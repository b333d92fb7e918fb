"""sds.py: splitting and quoting as redis-cli and the configuration file need them."""
import pytest
from hypothesis import given, strategies as st

from datastructs.sds import (
    sds_greedy_alloc, sdscatrepr, sdscmp, sdsgrowzero, sdsrange, sdssplitargs, sdssplitlen, sdstemplate, sdstrim,
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


@given(st.binary(max_size=10), st.integers(-12, 12), st.integers(-12, 12))
def test_sdsrange_like_c(s, start, end):
    n = len(s)
    a, b = (start + n if start < 0 else start), (end + n if end < 0 else end)
    expected = b"" if a > b or a < 0 or a >= n else s[a:b + 1]
    assert sdsrange(s, start, end) == (expected if n else s)


def test_small_ones():
    assert sdstrim(b"xxfooyx", b"xy") == b"foo" and sdstrim(b" \0", b" ") == b""
    assert sdssplitlen(b"a--b--", b"--") == [b"a", b"b", b""] and sdssplitlen(b"", b"x") == []
    assert sdssplitlen(b"a", b"") is None
    assert sdscmp(b"a", b"ab") == -1 and sdscmp(b"b", b"ab") == 1 and sdscmp(b"a", b"a") == 0
    assert sdsgrowzero(bytearray(b"ab"), 4) == b"ab\0\0"
    assert sds_greedy_alloc(100) == 200 and sds_greedy_alloc(1 << 20) == 2 << 20


def test_template():
    values = {"variable1": "value1", "variable2": "value2"}
    expand = (lambda template: sdstemplate(template, lambda name, arg: values.get(name), None))
    assert expand("v1={variable1} v2={variable2}") == "v1=value1 v2=value2"
    assert expand("v1={{{variable1}} {{} v2={variable2}") == "v1={value1} {} v2=value2"
    assert expand("v1={doesnotexist}") is None and expand("v1={") is None and expand("v1={start") is None
