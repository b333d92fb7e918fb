"""util.py - numbers to text and back, glob patterns, random ids.      Mirrors src/util.c, src/util.h (6.2.14)

Lives here   stringmatchlen; memtoll; ll/double/long double <-> bytes; limits of the C integer types and the
             conversions between them; the strtol() and atoi() of libc;
             `longdouble`, the 80-bit x87 number that INCRBYFLOAT and HINCRBYFLOAT compute with.
Called from  everywhere.
State        the cache of compiled glob patterns.
Invariant    string2ll(ll2string(n)) == (1, n), and what string2ll accepts is the one spelling of that number.
Departures   stringmatchlen compiles a pattern instead of interpreting it: same answers, no exponential patterns.
             getRandomBytes asks the kernel each time instead of hashing a seed with a counter.
"""
import decimal
import errno
import os
import re
import time

CHAR_BIT = 8
UCHAR_MAX = 0xff
SHRT_MAX = 0x7fff
SHRT_MIN = -0x8000
USHRT_MAX = 0xffff
INT_MAX = 0x7fffffff
INT_MIN = -0x80000000
UINT_MAX = 0xffffffff
LONG_MAX = 0x7fffffffffffffff
LONG_MIN = -0x8000000000000000
ULONG_MAX = 0xffffffffffffffff
LLONG_MAX = 0x7fffffffffffffff
LLONG_MIN = -0x8000000000000000
ULLONG_MAX = 0xffffffffffffffff
SIZE_MAX = 0xffffffffffffffff
INT64_MAX = LLONG_MAX
INT64_MIN = LLONG_MIN
UINT64_MAX = ULLONG_MAX
UINT32_MAX = UINT_MAX
HUGE_VAL = float("inf")

MAX_LONG_DOUBLE_CHARS = 5 * 1024

# ld2string_mode
LD_STR_AUTO = 0                    # %.17Lg
LD_STR_HUMAN = 1                   # %.17Lf without trailing zeros
LD_STR_HEX = 2                     # %La


# ----------------------------------------------------------------------------
# Glob patterns
# ----------------------------------------------------------------------------

GLOB_CACHE_MAX = 256
GLOB_CACHE_PATTERN_MAX = 1024      # bytes; of longer patterns only the last one is kept, for KEYS and CONFIG GET
GLOB_NESTING_MAX = 1000            # stars that something follows; Redis 6.2.16 matches nothing with more of them
GLOB_ABUSIVE = ((1, None, re.compile(b"(?!)")), [], None)      # a compiled pattern that matches nothing
_glob_cache = {}
_glob_cache_long = {}


def glob_signed(byte):
    """A C `char` is signed where Redis runs; ranges in brackets compare such chars."""
    return byte - 256 if byte > 127 else byte


def glob_lower(c):
    return c + 32 if 65 <= c <= 90 else c


def glob_class(pattern, p, nocase):
    """Parse a bracket expression whose '[' is at p-1.  Returns (set of matching bytes, offset after it)."""
    n = len(pattern)
    invert = p < n and pattern[p] == 0x5e                   # '^'
    if invert:
        p += 1
    members = set()
    while 1:
        if p >= n:                                          # unterminated: treated as closed at the end
            p = n - 1
            break
        ch = pattern[p]
        if ch == 0x5c and n - p >= 2:                       # '\': the next byte, case counts even with nocase
            p += 1
            members.add(pattern[p])
        elif ch == 0x5d:                                    # ']'
            break
        elif n - p >= 3 and pattern[p + 1] == 0x2d:         # 'a-z'
            start = glob_signed(ch)
            end = glob_signed(pattern[p + 2])
            if start > end:
                start, end = end, start
            if nocase:
                start = glob_lower(start)
                end = glob_lower(end)
            p += 2
            for byte in range(256):
                c = glob_signed(byte)
                if nocase:
                    c = glob_lower(c)
                if start <= c <= end:
                    members.add(byte)
        elif nocase:
            members.update(bytes((ch,)).lower() + bytes((ch,)).upper())
        else:
            members.add(ch)
        p += 1
    if invert:
        members = set(range(256)) - members
    return members, p + 1


def glob_segment(elements):
    """Turn the elements between two stars into (width, literal or None, compiled regular expression or None)."""
    if all(len(members) == 1 for members in elements):
        return len(elements), bytes(next(iter(members)) for members in elements), None
    parts = []
    for members in elements:
        if len(members) == 256:
            parts.append(b".")
        elif not members:
            parts.append(b"(?!)")
        else:
            parts.append(b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(members)) + b"]")
    return len(elements), None, re.compile(b"".join(parts), re.DOTALL)


def glob_compile(pattern, nocase):
    """Cut the pattern at its stars.  Each segment has a fixed width, so that matching needs no backtracking:
    the first segment is tied to the start, the last one to the end, and those between are looked for left to right."""
    any_byte = range(256)
    segments = []
    elements = []
    p = 0
    n = len(pattern)
    while p < n:
        ch = pattern[p]
        p += 1
        if ch == 0x2a:                                      # '*'
            segments.append(glob_segment(elements))
            elements = []
        elif ch == 0x3f:                                    # '?'
            elements.append(any_byte)
        elif ch == 0x5b:                                    # '['
            members, p = glob_class(pattern, p, nocase)
            elements.append(members)
        else:
            if ch == 0x5c and p < n:                        # '\': the next byte as it is
                ch = pattern[p]
                p += 1
            if nocase:
                elements.append(set(bytes((ch,)).lower() + bytes((ch,)).upper()))
            else:
                elements.append((ch,))
    segments.append(glob_segment(elements))
    middle = [segment for segment in segments[1:-1] if segment[0]]
    last = segments[-1] if len(segments) > 1 else None
    if last is not None and len(middle) + (last[0] != 0) > GLOB_NESTING_MAX:
        return GLOB_ABUSIVE
    return segments[0], middle, last


def stringmatchlen(pattern, string, nocase):
    """Tell whether the glob `pattern` matches all of `string` -> 1 or 0.  Cost: linear in the string for each segment.

    An empty string matches the empty pattern only, not even "*": C leaves its loop before it looks at the pattern.
    """
    if not string:
        return 0 if pattern else 1
    compiled = None
    if pattern.__class__ is bytes:
        compiled = (_glob_cache if len(pattern) <= GLOB_CACHE_PATTERN_MAX else _glob_cache_long).get((pattern, nocase))
    if compiled is None:
        pattern = bytes(pattern)
        compiled = glob_compile(pattern, nocase)
        if len(pattern) > GLOB_CACHE_PATTERN_MAX:
            _glob_cache_long.clear()
            _glob_cache_long[pattern, nocase] = compiled
        else:
            if len(_glob_cache) >= GLOB_CACHE_MAX:
                _glob_cache.clear()
            _glob_cache[pattern, nocase] = compiled
    (width, literal, regex), middle, last = compiled
    n = len(string)
    if last is None:                                        # no star at all
        if n != width:
            return 0
        if literal is not None:
            return 1 if string == literal else 0
        return 0 if regex.match(string) is None else 1
    end = n - last[0]                                       # the middle segments must stay below
    if width > end:
        return 0
    if literal is not None:
        if not string.startswith(literal):
            return 0
    elif regex.match(string) is None:
        return 0
    pos = width
    if last[1] is not None:
        if not string.endswith(last[1]):
            return 0
    elif last[2].match(string, end) is None:
        return 0
    for width, literal, regex in middle:
        if literal is not None:
            pos = string.find(literal, pos, end)
            if pos == -1:
                return 0
        else:
            found = regex.search(string, pos, end)
            if found is None:
                return 0
            pos = found.start()
        pos += width
    return 1


def stringmatch(pattern, string, nocase):
    return stringmatchlen(pattern, string, nocase)


# ----------------------------------------------------------------------------
# Integers
# ----------------------------------------------------------------------------

# The implicit conversions of C.  A sum, product or cast that C stores in one of these types is passed to the
# function of that name: Python's integers would grow instead, beyond the limits of a file format, struct.pack or a reply.

def to_int(n):
    """Cut `n` to the 32 bits of an int."""
    n &= 0xffffffff
    return n - 0x100000000 if n > 0x7fffffff else n


def to_uint(n):
    """Cut `n` to the 32 bits of an unsigned int (uint32_t)."""
    return n & 0xffffffff


def to_llong(n):
    """Cut `n` to the 64 bits of a long long (long, time_t, ssize_t, off_t, mstime_t)."""
    if -0x8000000000000000 <= n <= 0x7fffffffffffffff:
        return n
    n &= 0xffffffffffffffff
    return n - 0x10000000000000000 if n > 0x7fffffffffffffff else n


def to_ullong(n):
    """Cut `n` to the 64 bits of an unsigned long long (unsigned long, size_t, uint64_t)."""
    return n & 0xffffffffffffffff


def double_to_llong(d):
    """Convert a float or longdouble as x86 does: towards zero, and LLONG_MIN for NaN and all that does not fit."""
    if d != d or not -9223372036854775808.0 <= d < 9223372036854775808.0:
        return LLONG_MIN
    return int(d)


def double_to_ullong(d):
    """Convert a float to uint64_t as x86 compilers do: the upper half is converted as a signed number less 2^63."""
    if not d >= 9223372036854775808.0:                      # NaN too
        return double_to_llong(d) & ULLONG_MAX
    return double_to_llong(d - 9223372036854775808.0) + 0x8000000000000000 & ULLONG_MAX


# strtol(3) and similar functions.  A C string ends at its first NUL; so does `rest`, the string at C's endptr.

_strtol_res = {
    8: re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-7]+)"),
    10: re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)"),
    16: re.compile(rb"[ \t\n\v\f\r]*([+-]?)(?:0[xX])?([0-9a-fA-F]+)"),
}
STRTOL_DIGITS_MAX = 30             # more digits than any 64-bit number has, in base 8 too


def strtol_digits(s, base):
    """Read the number that `s` starts with -> (negative, magnitude, rest); no digits: (False, 0, all of `s`).

    A number of too many digits is only known to be above 64 bits.  int() is not asked: it refuses thousands of digits.
    """
    found = _strtol_res[base].match(s)
    if found is None:
        return False, 0, bytes(s).partition(b"\0")[0]
    digits = found.group(2)
    if len(digits) > STRTOL_DIGITS_MAX:
        digits = digits.lstrip(b"0") or b"0"
    magnitude = int(digits, base) if len(digits) <= STRTOL_DIGITS_MAX else 1 << 128
    return found.group(1) == b"-", magnitude, bytes(s[found.end():]).partition(b"\0")[0]


def strtoll(s, base=10):
    """strtoll(3), and strtol(3) where a long has 64 bits -> (value, rest, errno).

    White space and a sign may lead, what follows the digits is left in `rest`, no digits give 0.
    errno is 0, or ERANGE when the value was too large: it is the nearest limit then.
    """
    negative, value, rest = strtol_digits(s, base)
    if negative:
        value = -value
    if value > LLONG_MAX:
        return LLONG_MAX, rest, errno.ERANGE
    if value < LLONG_MIN:
        return LLONG_MIN, rest, errno.ERANGE
    return value, rest, 0


strtol = strtoll


def strtoull(s, base=10):
    """strtoull(3), and strtoul(3) -> (value, rest, errno).  A minus sign negates within the unsigned type."""
    negative, value, rest = strtol_digits(s, base)
    if value > ULLONG_MAX:
        return ULLONG_MAX, rest, errno.ERANGE
    return (-value & ULLONG_MAX if negative else value), rest, 0


strtoul = strtoull


def atoi(s):
    """atoi(3): the number that `s` starts with, cut to an int; 0 if there is none."""
    return to_int(strtoll(s)[0])


MEMORY_UNITS = {b"": 1, b"b": 1, b"k": 1000, b"kb": 1024, b"m": 1000 * 1000, b"mb": 1024 * 1024,
                b"g": 1000 * 1000 * 1000, b"gb": 1024 * 1024 * 1024}
_memtoll_re = re.compile(rb"(-?[0-9]*)([^0-9].*)?\Z", re.DOTALL)


def memtoll(p):
    """Read a text like "1gb" (str or bytes) -> (bytes meant, err); err = 1 for a bad number or unit.

    The result is a long long that may have wrapped, and may be negative: callers that keep it in an unsigned type
    convert it.
    """
    if isinstance(p, str):
        p = p.encode()
    digits, unit = _memtoll_re.match(bytes(p).partition(b"\0")[0]).groups()
    mul = MEMORY_UNITS.get((unit or b"").lower())
    if mul is None or len(digits) >= 128 or digits == b"-":
        return 0, 1
    return to_llong(strtoll(digits)[0] * mul), 0


def mempbrk(s, chars):
    """Return the offset of the first byte of `s` that is in `chars`, or None."""
    found = re.search(b"[" + b"".join(b"\\x%02x" % c for c in bytes(chars)) + b"]", s) if chars else None
    return found.start() if found is not None else None


def memmapchars(s, from_, to):
    """`s` with each byte of `from_` replaced by its counterpart in `to`."""
    return s.translate(bytes.maketrans(from_, to))


def digits10(v):
    """Count the digits of a number that is not negative."""
    return len(str(v))


def sdigits10(v):
    """Count the characters of a number's text, the minus sign included."""
    if v < 0:
        return digits10(-v) + 1
    return digits10(v)


def ll2string(svalue):
    return b"%d" % svalue


def string2ll(s):
    """Return (1, value) if `s` is exactly the way Redis writes a signed 64-bit number, else (0, 0).

    No blanks, no plus, no leading zeros, no "-0": so the bytes can be rebuilt from the number.
    """
    n = len(s)
    if n > 20:
        return 0, 0
    if s.isdigit():
        if s[0] == 48:                                      # '0'
            return (1, 0) if n == 1 else (0, 0)
        value = int(s)
        if n < 19 or value <= 0x7fffffffffffffff:
            return 1, value
        return 0, 0
    if n > 1 and s[0] == 45 and s[1] != 48 and s[1:].isdigit():         # '-'
        value = int(s)
        if value >= -0x8000000000000000:
            return 1, value
    return 0, 0


def string2ull(s):
    """Read an unsigned 64-bit number in the lax syntax of strtoull() -> (1, value), or (0, 0)."""
    ok, value = string2ll(s)
    if ok:
        return (0, 0) if value < 0 else (1, value)
    value, rest, errno_ = strtoull(s)
    if errno_ or len(s) == 0 or rest:
        return 0, 0
    return 1, value


def string2l(s):
    """Like string2ll(): a long has 64 bits where Redis runs."""
    return string2ll(s)


# ----------------------------------------------------------------------------
# Doubles
# ----------------------------------------------------------------------------

_decimal_re = re.compile(rb"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?\Z")
_hex_re = re.compile(rb"([+-]?)0[xX](?:([0-9a-fA-F]+)(?:\.([0-9a-fA-F]*))?|\.([0-9a-fA-F]+))(?:[pP]([+-]?[0-9]+))?\Z")
_inf_re = re.compile(rb"([+-]?)inf(?:inity)?\Z", re.IGNORECASE)


def string2d(s):
    """Return (1, double) if all of `s` is a number for strtod() that is neither NaN nor out of range, else (0, 0.0)."""
    if s.isdigit() and len(s) < 16:                         # fast lane: neither overflow nor underflow
        return 1, float(s)
    found = _decimal_re.match(s)
    if found is not None:
        value = float(s)
        if value - value != 0.0:                            # overflow
            return 0, 0.0
        if value == 0.0 and ((found.group(2) or b"") + (found.group(3) or found.group(4) or b"")).strip(b"0"):
            return 0, 0.0                                   # underflow
        return 1, value
    found = _inf_re.match(s)
    if found is not None:
        return 1, -HUGE_VAL if found.group(1) == b"-" else HUGE_VAL
    found = _hex_re.match(s)
    if found is not None:
        try:
            value = float.fromhex(s.decode("ascii"))
        except OverflowError:
            return 0, 0.0
        if value == 0.0 and ((found.group(2) or b"") + (found.group(3) or found.group(4) or b"")).strip(b"0"):
            return 0, 0.0
        return 1, value
    return 0, 0.0


_strtod_re = re.compile(rb"[ \t\n\v\f\r]*(?:([+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?)"
                        rb"|([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
                        rb"|([+-]?inf(?:inity)?)|([+-]?nan(?:\([0-9a-z_]*\))?))", re.IGNORECASE)


def strtod(s):
    """strtod(3): the number that `s` starts with -> (double, bytes used); (0.0, 0) if there is none.

    Leading white space is skipped, overflow gives an infinity, underflow 0.
    """
    found = _strtod_re.match(s)
    if found is None:
        return 0.0, 0
    if found.group(1) is not None:
        text = found.group(1).decode("ascii")
        try:
            return float.fromhex(text), found.end()
        except OverflowError:
            return -HUGE_VAL if text[0] == "-" else HUGE_VAL, found.end()
    if found.group(4) is not None:
        return float("nan"), found.end()
    return float((found.group(2) or found.group(3)).decode("ascii")), found.end()


def d2string(value):
    """Text of a double that strtod() reads back as the same number; whole numbers up to 2^52 as integers."""
    if value != value:
        return b"nan"
    if value == HUGE_VAL:
        return b"inf"
    if value == -HUGE_VAL:
        return b"-inf"
    if value == 0:
        return b"-0" if str(value)[0] == "-" else b"0"
    if -4503599627370495 < value < 4503599627370496 and value == int(value):
        return b"%d" % value
    return b"%.17g" % value


# ----------------------------------------------------------------------------
# Long doubles: the x87 80-bit format in exact integer arithmetic
# ----------------------------------------------------------------------------

LDBL_MANT_DIG = 64
LDBL_MAX_EXP = 16384
LDBL_MIN_UNIT = -16445             # exponent of the smallest denormal

LD_FINITE = 0
LD_INF = 1
LD_NAN = 2


class longdouble:
    """An immutable number: (-1)^sign * mant * 2^exp, with mant < 2^64.  C's arithmetic rounds each result to 64 bits
    of mantissa, half to even, and so do the operators here.  Operands may be int and float too (both convert as C
    converts them: exactly, or rounded to 64 bits)."""
    __slots__ = ("kind", "sign", "mant", "exp")

    def __init__(self, kind, sign, mant, exp):
        self.kind = kind           # LD_FINITE, LD_INF, LD_NAN
        self.sign = sign           # 0 or 1
        self.mant = mant           # 0 .. 2^64-1
        self.exp = exp

    def __add__(self, other):
        return ldadd(self, other)

    __radd__ = __add__

    def __neg__(self):
        return longdouble(self.kind, 1 - self.sign, self.mant, self.exp)

    def __sub__(self, other):
        return ldadd(self, -ld(other))

    def __rsub__(self, other):
        return ldadd(ld(other), -self)

    def __mul__(self, other):
        return ldmul(self, other)

    __rmul__ = __mul__

    def __eq__(self, other):
        return ldcmp(self, other) == 0

    def __lt__(self, other):
        return ldcmp(self, other) == -1

    def __le__(self, other):
        return ldcmp(self, other) in (-1, 0)

    def __gt__(self, other):
        return ldcmp(self, other) == 1

    def __ge__(self, other):
        return ldcmp(self, other) in (0, 1)

    def __hash__(self):
        return hash((self.kind, self.sign, self.mant, self.exp))

    def __bool__(self):
        return self.kind != LD_FINITE or self.mant != 0

    def __float__(self):
        if self.kind == LD_NAN:
            return float("nan")
        if self.kind == LD_INF:
            return -HUGE_VAL if self.sign else HUGE_VAL
        num, den = ld_ratio(self)
        try:
            return num / den if num else (-0.0 if self.sign else 0.0)
        except OverflowError:
            return -HUGE_VAL if self.sign else HUGE_VAL

    def __int__(self):
        num, den = ld_ratio(self)
        return num // den if num >= 0 else -(-num // den)

    __trunc__ = __int__

    def __ceil__(self):
        num, den = ld_ratio(self)
        return -(-num // den)

    def __floor__(self):
        num, den = ld_ratio(self)
        return num // den

    def __repr__(self):
        return "longdouble(%s)" % ld2string(self, LD_STR_AUTO).decode()


def ld_ratio(x):
    """Express a finite long double as an exact signed fraction -> (num, den)."""
    if x.kind != LD_FINITE:
        raise OverflowError("long double infinity or NaN has no integer value")
    mant = -x.mant if x.sign else x.mant
    if x.exp >= 0:
        return mant << x.exp, 1
    return mant, 1 << -x.exp


def ld_round(sign, num, den):
    """Find the long double nearest to num/den (positive integers, num may be 0), half to even."""
    if num == 0:
        return longdouble(LD_FINITE, sign, 0, 0)
    exp = max(num.bit_length() - den.bit_length() - LDBL_MANT_DIG, LDBL_MIN_UNIT)
    while 1:
        if exp < 0:
            mant, rest = divmod(num << -exp, den)
            unit = den
        else:
            unit = den << exp
            mant, rest = divmod(num, unit)
        if mant >> LDBL_MANT_DIG:
            exp += 1
        elif mant >> (LDBL_MANT_DIG - 1) == 0 and exp > LDBL_MIN_UNIT:
            exp -= 1
        else:
            break
    rest *= 2
    if rest > unit or (rest == unit and mant & 1):
        mant += 1
        if mant >> LDBL_MANT_DIG:
            mant >>= 1
            exp += 1
    if mant.bit_length() + exp > LDBL_MAX_EXP:
        return longdouble(LD_INF, sign, 0, 0)
    return longdouble(LD_FINITE, sign, mant, exp)


def ld(x):
    """Convert an int, float or longdouble to a longdouble."""
    if x.__class__ is longdouble:
        return x
    if isinstance(x, int):
        return ld_round(1 if x < 0 else 0, abs(x), 1)
    if x != x:
        return longdouble(LD_NAN, 0, 0, 0)
    sign = 1 if str(x)[0] == "-" else 0
    if x - x != 0:
        return longdouble(LD_INF, sign, 0, 0)
    num, den = abs(x).as_integer_ratio()
    return ld_round(sign, num, den)


def ldadd(a, b):
    """a + b, rounded to 64 bits of mantissa."""
    a = ld(a)
    b = ld(b)
    if a.kind or b.kind:
        if a.kind == LD_NAN or b.kind == LD_NAN or (a.kind == LD_INF and b.kind == LD_INF and a.sign != b.sign):
            return longdouble(LD_NAN, 0, 0, 0)
        return a if a.kind == LD_INF else b
    exp = min(a.exp, b.exp)
    total = (((-a.mant if a.sign else a.mant) << (a.exp - exp)) + ((-b.mant if b.sign else b.mant) << (b.exp - exp)))
    if total == 0:
        return longdouble(LD_FINITE, a.sign & b.sign, 0, 0)
    if exp >= 0:
        return ld_round(1 if total < 0 else 0, abs(total) << exp, 1)
    return ld_round(1 if total < 0 else 0, abs(total), 1 << -exp)


def ldmul(a, b):
    """a * b, rounded to 64 bits of mantissa."""
    a = ld(a)
    b = ld(b)
    sign = a.sign ^ b.sign
    if a.kind or b.kind:
        if a.kind == LD_NAN or b.kind == LD_NAN or not a or not b:
            return longdouble(LD_NAN, 0, 0, 0)
        return longdouble(LD_INF, sign, 0, 0)
    exp = a.exp + b.exp
    if exp >= 0:
        return ld_round(sign, (a.mant * b.mant) << exp, 1)
    return ld_round(sign, a.mant * b.mant, 1 << -exp)


def ldcmp(a, b):
    """-1, 0, 1, or None if one is NaN."""
    a = ld(a)
    b = ld(b)
    if a.kind == LD_NAN or b.kind == LD_NAN:
        return None
    if a.kind == LD_INF or b.kind == LD_INF:
        wa = (-1 if a.sign else 1) if a.kind else 0
        wb = (-1 if b.sign else 1) if b.kind else 0
    else:
        exp = min(a.exp, b.exp)
        wa = (-a.mant if a.sign else a.mant) << (a.exp - exp)
        wb = (-b.mant if b.sign else b.mant) << (b.exp - exp)
    return (wa > wb) - (wa < wb)


def ldisnan(x):
    return ld(x).kind == LD_NAN


def ldisinf(x):
    return ld(x).kind == LD_INF


def string2ld(s):
    """Return (1, longdouble) if all of `s` is a number for strtold() that is neither NaN nor out of range, else (0, None)."""
    if len(s) == 0 or len(s) >= MAX_LONG_DOUBLE_CHARS:
        return 0, None
    found = _decimal_re.match(s)
    if found is not None:
        base = 10
    else:
        found = _inf_re.match(s)
        if found is not None:
            return 1, longdouble(LD_INF, 1 if found.group(1) == b"-" else 0, 0, 0)
        found = _hex_re.match(s)
        if found is None:
            return 0, None
        base = 16
    sign, whole, fraction, fraction_only, exponent = found.groups()
    sign = 1 if sign == b"-" else 0
    fraction = fraction or fraction_only or b""
    num = ld_digits((whole or b"") + fraction, base)
    if num == 0:
        return 1, longdouble(LD_FINITE, sign, 0, 0)
    exponent = strtoll(exponent)[0] if exponent is not None else 0
    if abs(exponent) > 1000000:
        return 0, None                                      # far out of range either way
    if base == 16:
        exponent -= 4 * len(fraction)
        base = 2
    else:
        exponent -= len(fraction)
    if abs(exponent) > 45000:
        return 0, None
    value = ld_round(sign, num * base ** exponent, 1) if exponent >= 0 else ld_round(sign, num, base ** -exponent)
    if value.kind == LD_INF or value.mant == 0:             # ERANGE
        return 0, None
    return 1, value


def ld_digits(digits, base):
    """int(digits, base), in pieces: the interpreter refuses to read more than some 4300 decimal digits at once."""
    value = 0
    for start in range(0, len(digits), 2000):
        piece = digits[start:start + 2000]
        value = value * base ** len(piece) + int(piece, base)
    return value


def ld2string(value, mode):
    """Text of a long double (int and float too); `mode` is LD_STR_*."""
    value = ld(value)
    if value.kind == LD_INF:
        return b"-inf" if value.sign else b"inf"
    sign = b"-" if value.sign else b""
    if value.kind == LD_NAN:
        return sign + b"nan"
    if mode == LD_STR_AUTO:
        return sign + ld_format_g(value)
    if mode == LD_STR_HEX:
        if value.mant == 0:
            return sign + b"0x0p+0"
        digits = b"%016x" % value.mant
        fraction = digits[1:].rstrip(b"0")
        return sign + b"0x" + digits[:1] + (b"." + fraction if fraction else b"") + b"p%+d" % (value.exp + 60)

    # LD_STR_HUMAN: 17 digits after the point, so that most numbers are printed as the user typed them
    num = value.mant * 10 ** 17
    if value.exp >= 0:
        num <<= value.exp
    else:
        half = 1 << (-value.exp - 1)
        rest = num & ((1 << -value.exp) - 1)
        num >>= -value.exp
        if rest > half or (rest == half and num & 1):
            num += 1
    whole, fraction = divmod(num, 10 ** 17)
    text = ld_decimal(whole)
    if fraction:
        text += (b".%017d" % fraction).rstrip(b"0")
    elif whole == 0:
        return b"0"                                         # never "-0"
    return sign + text


def ld_decimal(n):
    """Decimal digits of a big non-negative int, in pieces (see ld_digits)."""
    pieces = []
    while n >= 10 ** 2000:
        n, piece = divmod(n, 10 ** 2000)
        pieces.append(b"%02000d" % piece)
    pieces.append(b"%d" % n)
    pieces.reverse()
    return b"".join(pieces)


def ld_format_g(value):
    """%.17Lg of the absolute value."""
    if value.mant == 0:
        return b"0"
    num, den = ld_ratio(value)
    context = decimal.Context(prec=17, rounding=decimal.ROUND_HALF_EVEN, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    scale = 0
    if value.exp < 0:                                       # num / 2^n == num * 5^n / 10^n: exact in decimal
        num = abs(num) * 5 ** -value.exp
        scale = value.exp
    digits = decimal.Decimal(ld_decimal(abs(num)).decode()).scaleb(scale, decimal.Context(
        prec=20000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN))
    rounded = context.plus(digits)
    _, tuple_, exp = rounded.as_tuple()
    text = "".join(map(str, tuple_))
    point = len(text) + exp - 1                             # exponent of the first digit
    text = text.rstrip("0") or "0"
    if -4 <= point < 17:
        if point < 0:
            out = "0." + "0" * (-point - 1) + text
        elif len(text) <= point + 1:
            out = text + "0" * (point + 1 - len(text))
        else:
            out = text[:point + 1] + "." + text[point + 1:]
    else:
        out = text[0] + ("." + text[1:] if len(text) > 1 else "") + "e%s%02d" % ("-" if point < 0 else "+", abs(point))
    return out.encode()


# ----------------------------------------------------------------------------
# Random bytes, paths, time zone
# ----------------------------------------------------------------------------

def getRandomBytes(length):
    return os.urandom(length)


_hex_charset = bytes(b"0123456789abcdef"[i & 0x0f] for i in range(256))


def getRandomHexChars(length):
    """`length` random hex digits as bytes: the run id, replication ids, cluster node names."""
    return getRandomBytes(length).translate(_hex_charset)


def getAbsolutePath(filename):
    """`filename` (str) as an absolute path, or None if there is no working directory.  Only leading ../ are resolved."""
    relpath = filename.strip(" \r\n\t")
    if relpath[:1] == "/":
        return relpath
    try:
        abspath = os.getcwd()
    except OSError:
        return None
    if abspath and abspath[-1] != "/":
        abspath += "/"
    while relpath.startswith("../"):
        relpath = relpath[3:]
        if len(abspath) > 1:
            abspath = abspath[:abspath.rindex("/", 0, len(abspath) - 1) + 1]
    return abspath + relpath


def getTimeZone():
    """Seconds west of UTC."""
    return time.timezone


def pathIsBaseName(path):
    return "/" not in path and "\\" not in path
