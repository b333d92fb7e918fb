"""util.py: number parsing as strict as C's, long doubles as the real server prints them, glob patterns."""
import ctypes
import errno
import math
import re

import pytest
from hypothesis import given, strategies as st

from datastructs.util import (
    LD_STR_AUTO, LD_STR_HEX, LD_STR_HUMAN, LLONG_MAX, LLONG_MIN, ULLONG_MAX, atoi, d2string, double_to_llong,
    double_to_ullong, getRandomHexChars, ld, ld2string, ldadd, ldcmp, memtoll, pathIsBaseName, string2d, string2ld,
    string2ll, string2ull, stringmatchlen, strtod, strtoll, strtoull, to_int, to_llong, to_uint, to_ullong,
)


@pytest.mark.parametrize("text", [
    b"", b"-", b"+1", b" 1", b"1 ", b"01", b"-0", b"00", b"1_0", b"1a", b"9223372036854775808", b"-9223372036854775809",
    b"\xd9\xa1", b"123456789012345678901", b"1.0", b"0x1", b"-01",
])
def test_string2ll_refuses(text):
    assert string2ll(text) == (0, 0)


@given(st.integers(-2**65, 2**65))
def test_string2ll_numbers(n):
    inside = LLONG_MIN <= n <= LLONG_MAX
    assert string2ll(b"%d" % n) == ((1, n) if inside else (0, 0))
    assert string2ll(bytearray(b"%d" % n))[0] == inside


@given(st.binary(max_size=22))
def test_string2ll_is_canonical(text):
    ok, n = string2ll(text)
    if ok:
        assert b"%d" % n == text


def test_string2ull():
    assert string2ull(b"18446744073709551615") == (1, ULLONG_MAX)
    assert string2ull(b"18446744073709551616") == (0, 0)
    assert string2ull(b"-1") == (0, 0)
    assert string2ull(b"+5") == (1, 5) and string2ull(b"") == (0, 0) and string2ull(b"5x") == (0, 0)


@pytest.mark.parametrize("text,value", [
    (b"1.5", 1.5), (b"-.5", -0.5), (b"5.", 5.0), (b"inf", math.inf), (b"-Infinity", -math.inf), (b"0x1p-3", 0.125),
    (b"1e-5000x", None), (b"1e400", None), (b"1e-400", None), (b"nan", None), (b" 1", None), (b"1 ", None), (b"", None),
    (b"1_0", None), (b"0e-999", 0.0), (b"1e", None), (b"1\x00", None),
])
def test_string2d(text, value):
    ok, got = string2d(text)
    assert (got if ok else None) == value


@given(st.floats(allow_nan=False))
def test_d2string_comes_back(x):
    assert float(d2string(x)) == x


def test_d2string_forms():
    assert d2string(3.0) == b"3" and d2string(0.1) == b"0.10000000000000001" and d2string(-0.0) == b"-0"
    assert d2string(1e20) == b"1e+20" and d2string(-math.inf) == b"-inf" and d2string(2.0 ** 52) == b"4503599627370496"


@pytest.mark.parametrize("a,b,human", [                     # taken from redis-server 6.2.14
    (b"3.0e3", b"200", b"3200"), (b"5.0e3", b"200", b"5200"), (b"10.50", b"0.1", b"10.6"), (b"3", b"1.1", b"4.1"),
    (b"1", b"-1.1", b"-0.1"), (b"17179869184", b"1.5", b"17179869185.5"),
    (b"3000", b"1.1", b"3001.10000000000000009"),
])
def test_long_double_sums(a, b, human):
    assert ld2string(ldadd(string2ld(a)[1], string2ld(b)[1]), LD_STR_HUMAN) == human


def test_long_double_limits():
    assert string2ld(b"1e4932")[0] == 1 and string2ld(b"2e4932") == (0, None)
    assert string2ld(b"1e-4951") == (0, None) or string2ld(b"1e-4951")[0] == 1
    assert string2ld(b"1e-5000") == (0, None) and string2ld(b"1e99999999999") == (0, None)
    assert string2ld(b"nan") == (0, None) and string2ld(b"1" * 5120) == (0, None)
    assert ld2string(string2ld(b"-inf")[1], LD_STR_HUMAN) == b"-inf"
    assert ld2string(-0.0, LD_STR_HUMAN) == b"0"
    assert ld2string(1.0, LD_STR_HEX) == b"0x8p-3" and ld2string(0.1, LD_STR_AUTO) == b"0.10000000000000001"
    assert ld2string(1e300, LD_STR_AUTO) == b"1.0000000000000001e+300"


@given(st.integers(-2**63, 2**63), st.integers(-2**63, 2**63))
def test_long_double_integers_are_exact(a, b):
    assert ld2string(ld(a), LD_STR_HUMAN) == b"%d" % a
    assert ldcmp(a, b) == (a > b) - (a < b)
    if abs(a + b) < 2**64:
        assert int(ldadd(a, b)) == a + b


@given(st.floats(-1e15, 1e15))
def test_long_double_holds_doubles(x):
    assert float(ld(x)) == x and math.ceil(ld(x)) == math.ceil(x)


# Spellings that Python's int() and float() read, or refuse, in another way than C does.
HOSTILE = [
    b"", b" ", b"-", b"+", b"--1", b"+-1", b"+5", b"-5", b" 5", b"5 ", b"\t\n\v\f\r 7", b"007", b"-007", b"-0", b"1_000", b"_1",
    b"1__0", b"0x10", b"-0X1f", b"0x", b"0xg", b"0b1", b"0o7", b"5\0", b"5\x006", b"\x005", b"5.0", b"5e3", b".5", b"5.", b".", b"e5",
    b"1e", b"1e+", b"1e400", b"-1e400", b"1e-400", b"inf", b"-inf", b"+Infinity", b"infinit", b"nan", b"-nan", b"nan(12)", b"nan(",
    b"0x1p3", b"0x1.8p-1", b"0x.8", b"0x1p", b"0x1p99999999999999999999", b"\xd9\xa1\xd9\xa2", "\u0663".encode(), b"\xb2", b"1\xa0",
    b"\xa01", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809",
    b"18446744073709551615", b"18446744073709551616", b"-18446744073709551615", b"-18446744073709551616", b"4294967297",
    b"2147483648", b"9" * 5000, b"-" + b"9" * 5000, b"0" * 5000, b"0" * 5000 + b"12", b"-" + b"0" * 5000 + b"1", b"1" * 30, b"7" * 31,
    b"0." + b"0" * 5000 + b"1", b"1e" + b"0" * 5000 + b"5", b"1e" + b"9" * 5000, b"1e-" + b"9" * 5000, b"777abc", b"089", b"ffzz",
]
libc = ctypes.CDLL(None, use_errno=True)
libc.strtoll.restype = ctypes.c_longlong
libc.strtoull.restype = ctypes.c_ulonglong
libc.strtod.restype = ctypes.c_double


def ask_libc(function, s, *args):
    """Call strtoll, strtoull or strtod -> (value, bytes used, errno)."""
    buf = ctypes.create_string_buffer(s)
    end = ctypes.c_void_p()
    ctypes.set_errno(0)
    value = function(buf, ctypes.byref(end), *args)
    return value, end.value - ctypes.addressof(buf), ctypes.get_errno()


@pytest.mark.parametrize("base", [8, 10, 16])
def test_strtol_as_libc(base):
    for s in HOSTILE:
        if s[:2] == b"0x" and base == 16 and not s[2:3].isalnum():
            continue                                        # "0x" alone: libc versions differ
        for ours, theirs in ((strtoll, libc.strtoll), (strtoull, libc.strtoull)):
            value, used, errno_ = ask_libc(theirs, s, base)
            rest = s[used:].partition(b"\0")[0]
            assert ours(s, base) == (value, rest, errno_ if errno_ == errno.ERANGE else 0), (ours, s[:40], base)


@given(st.binary(max_size=30).map(lambda b: b.replace(b"\0", b"0")) | st.from_regex(rb"[ ]?[+-]?[0-9]{0,40}[ x]?", fullmatch=True))
def test_strtoll_any_text(s):
    value, used, errno_ = ask_libc(libc.strtoll, s, 10)
    assert strtoll(s) == (value, s[used:], errno_ if errno_ == errno.ERANGE else 0)
    value, used, errno_ = ask_libc(libc.strtoull, s, 10)
    assert strtoull(s) == (value, s[used:], errno_ if errno_ == errno.ERANGE else 0)


def test_strtod_as_libc():
    for s in HOSTILE:
        value, used, _ = ask_libc(libc.strtod, s)
        ours = strtod(s)
        assert ours[1] == used and (ours[0] == value or (math.isnan(value) and math.isnan(ours[0]))), (s[:40], ours, value)


def test_no_converter_raises():
    """Thousands of digits, underscores, other scripts' digits: each converter answers or refuses."""
    for s in HOSTILE:
        for converter in (string2ll, string2ull, string2d, string2ld, atoi, memtoll):
            converter(s)
    assert string2ld(b"1e" + b"0" * 5000 + b"5") == (1, ld(100000)) and string2ull(b"0" * 5000 + b"7") == (1, 7)
    assert string2ull(b"9" * 5000) == (0, 0) and string2ull(b"-18446744073709551615") == (1, 1)


def test_atoi():
    assert [atoi(s) for s in (b"3\r\n", b" -12x", b"", b"x", b"+7\r\n", b"1_0")] == [3, -12, 0, 0, 7, 1]
    assert atoi(b"4294967297") == 1 and atoi(b"2147483648") == -2147483648 and atoi(b"9" * 5000) == -1


@pytest.mark.parametrize("ours,ctype", [(to_int, ctypes.c_int), (to_uint, ctypes.c_uint), (to_llong, ctypes.c_longlong),
                                        (to_ullong, ctypes.c_ulonglong)])
def test_conversions_wrap(ours, ctype):
    for power in (0, 1, 31, 32, 33, 63, 64, 65, 127):
        for n in (1 << power, -(1 << power)):
            for d in (-1, 0, 1):
                assert ours(n + d) == ctype(n + d).value


def test_double_conversions():
    assert [double_to_llong(d) for d in (1.9, -1.9, 9.3e18, -9.3e18, math.inf, -math.inf, math.nan, -9223372036854775808.0)] \
        == [1, -1] + [LLONG_MIN] * 6
    assert [double_to_ullong(d) for d in (1.9, -1.0, 1e19, 2e19, math.inf, -math.inf, math.nan)] \
        == [1, ULLONG_MAX, 10 ** 19, 0, 0, 1 << 63, 1 << 63]


def test_memtoll():
    assert memtoll("1gb") == (1 << 30, 0) and memtoll(b"5K") == (5000, 0) and memtoll("-1") == (-1, 0)
    assert memtoll(b"1kb\0x") == (1024, 0) and memtoll(b"\0") == (0, 0)          # a C string
    assert memtoll("x")[1] == 1 and memtoll("1tb")[1] == 1 and memtoll("1.5mb")[1] == 1 and memtoll("-")[1] == 1


def c_match(p, s, nocase, skip):
    """stringmatchlen_impl() of util.c, statement by statement: the oracle."""
    pi = si = 0
    low = (lambda c: c + 32 if 65 <= c <= 90 else c)
    at = (lambda i: p[i] if i < len(p) else 0)
    while pi < len(p) and si < len(s):
        ch = p[pi]
        if ch == 42:
            while at(pi + 1) == 42:
                pi += 1
            if pi == len(p) - 1:
                return 1
            while si < len(s):
                if c_match(p[pi + 1:], s[si:], nocase, skip):
                    return 1
                if skip[0]:
                    return 0
                si += 1
            skip[0] = True
            return 0
        if ch == 63:
            si += 1
        elif ch == 91:
            pi += 1
            negate = at(pi) == 94
            pi += negate
            match = False
            while 1:
                left = len(p) - pi
                if at(pi) == 92 and left >= 2:
                    pi += 1
                    match |= p[pi] == s[si]
                elif at(pi) == 93:
                    break
                elif left == 0:
                    pi -= 1
                    break
                elif left >= 3 and p[pi + 1] == 45:
                    signed = (lambda c: c - 256 if c > 127 else c)
                    start, end, c = signed(p[pi]), signed(p[pi + 2]), signed(s[si])
                    if start > end:
                        start, end = end, start
                    if nocase:
                        start, end, c = low(start), low(end), low(c)
                    pi += 2
                    match |= start <= c <= end
                else:
                    match |= (low(p[pi]) == low(s[si])) if nocase else p[pi] == s[si]
                pi += 1
            if match == negate:
                return 0
            si += 1
        else:
            if ch == 92 and len(p) - pi >= 2:
                pi += 1
            if (low(p[pi]) != low(s[si])) if nocase else p[pi] != s[si]:
                return 0
            si += 1
        pi += 1
        if si == len(s):
            while at(pi) == 42:
                pi += 1
            break
    return 1 if pi >= len(p) and si >= len(s) else 0


@given(st.text("ab*?[]^-\\zA", max_size=9).map(str.encode), st.text("abzA-]", max_size=8).map(str.encode), st.booleans())
def test_stringmatchlen_like_c(pattern, string, nocase):
    assert stringmatchlen(pattern, string, int(nocase)) == c_match(pattern, string, nocase, [False])


def test_stringmatchlen_cases():
    assert stringmatchlen(b"*", b"", 0) == 0 and stringmatchlen(b"", b"", 0) == 1
    assert stringmatchlen(b"h[a-e]l?o*", b"hello world", 0) == 1
    assert stringmatchlen(b"a*" * 60 + b"b", b"a" * 300, 0) == 0       # would take C 6.0 for ever
    assert stringmatchlen(b"\\*", b"*", 0) == 1


def test_random_hex():
    assert re.fullmatch(rb"[0-9a-f]{40}", getRandomHexChars(40)) and getRandomHexChars(40) != getRandomHexChars(40)
    assert pathIsBaseName("dump.rdb") and not pathIsBaseName("a/b")
