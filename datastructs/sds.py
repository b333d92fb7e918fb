"""sds.py - dynamic strings.                             Mirrors src/sds.c, src/sds.h (6.2.14)

Lives here   the sds functions that do more than one Python operator: growth policy, splitting, quoting, trimming.
Called from  everywhere.
State        none.
Invariant    an sds is `bytes` where C never writes in place, `bytearray` where it does (docs/conventions.md).
Departures   functions that C applies in place return the new string (bytes) or change the bytearray; bytearray keeps
             its own spare room (about 1/8), sds_greedy_alloc() tells what sdsMakeRoomFor() would have reserved.
"""
import re

SDS_MAX_PREALLOC = 1024 * 1024
SDS_LLSTR_SIZE = 21


def sdslen(s):
    return len(s)


def sdsalloc(s):
    """Bytes that `s` can hold without moving."""
    if s.__class__ is bytearray:
        return max(s.__alloc__() - 1, len(s))
    return len(s)


def sdsavail(s):
    """Spare bytes at the end of `s`; 0 for bytes."""
    if s.__class__ is bytearray:
        return max(s.__alloc__() - 1 - len(s), 0)
    return 0


def sdsHdrSize(length):
    """Bytes of the header in front of a string of that length (sdshdr8, 16, 32, 64)."""
    if length < 1 << 8:
        return 3
    if length < 1 << 16:
        return 5
    if length < 1 << 32:
        return 9
    return 17


def sds_alloc_size(length):
    """Bytes C would take for a string of `length` without spare room: header, string, final zero (ours)."""
    return sdsHdrSize(length) + length + 1


def sds_greedy_alloc(newlen):
    """Room that C reserves when a string grows to `newlen` bytes: double below 1 MB, else 1 MB more (ours)."""
    if newlen < SDS_MAX_PREALLOC:
        return newlen * 2
    return newlen + SDS_MAX_PREALLOC


def sdsAllocSize(s):
    """All bytes behind `s`: header, string, spare room, final zero."""
    alloc = sdsalloc(s)
    return sdsHdrSize(alloc) + alloc + 1


def sdsnewlen(init, initlen=None):
    """A new string; init None gives `initlen` zero bytes."""
    if init is None:
        return bytes(initlen)
    return bytes(init) if initlen is None else bytes(init[:initlen])


def sdstrynewlen(init, initlen=None):
    """Like sdsnewlen(), but None if the memory is not there."""
    try:
        return sdsnewlen(init, initlen)
    except (MemoryError, OverflowError):
        return None


def sdsnew(init):
    return bytes(init)


def sdsempty():
    return b""


def sdsdup(s):
    return s[:]


def sdsclear(s):
    """Empty a bytearray."""
    del s[:]


def sdsMakeRoomFor(s, addlen):
    """Nothing to do: a bytearray grows by itself, in amortized O(1) as in C."""
    return s


def sdsRemoveFreeSpace(s, would_regrow=0):
    """The string without spare room."""
    if s.__class__ is bytearray:
        return bytearray(bytes(s)) if sdsavail(s) else s
    return s


def sdsResize(s, size, would_regrow=0):
    """Cut a bytearray to at most `size` bytes, without spare room."""
    return bytearray(s[:size])


def sdsgrowzero(s, length):
    """Grow to `length` with zero bytes; a longer string is left alone."""
    if len(s) < length:
        s += bytes(length - len(s))
    return s


def sdscatlen(s, t, length=None):
    s += t if length is None else t[:length]
    return s


def sdscat(s, t):
    s += t
    return s


def sdscatsds(s, t):
    s += t
    return s


def sdscpylen(s, t, length=None):
    return bytes(t) if length is None else bytes(t[:length])


def sdscpy(s, t):
    return bytes(t)


def sdsll2str(value):
    return b"%d" % value


def sdsull2str(v):
    return b"%d" % v


def sdsfromlonglong(value):
    return b"%d" % value


def sdscatprintf(s, fmt, *args):
    s += fmt % args
    return s


def sdscatfmt(s, fmt, *args):
    """C's own small printf; ours takes the same `%` formats as sdscatprintf()."""
    s += fmt % args
    return s


def sdstrim(s, cset):
    """`s` without the bytes of `cset` at both ends.  Zero bytes go too: strchr() finds the end of its own set."""
    return s.strip(cset + b"\0")


def sdssubstr(s, start, length):
    """`length` bytes from `start` on; out of range means less, or nothing."""
    return s[start:start + length]


def sdsrange(s, start, end):
    """The part from `start` to `end`, both included; negative indexes count from the end, -1 is the last byte."""
    length = len(s)
    if length == 0:
        return s
    if start < 0:
        start += length
    if end < 0:
        end += length
    newlen = 0 if start > end else end - start + 1
    if start < 0 or start >= length:                        # C: a negative start is a huge size_t
        start = newlen = 0
    return s[start:start + newlen]


def sdstolower(s):
    return s.lower()


def sdstoupper(s):
    return s.upper()


def sdscmp(s1, s2):
    """-1, 0 or 1, as memcmp(); the shorter one is smaller if it is a prefix."""
    return (s1 > s2) - (s1 < s2)


def sdssplitlen(s, sep):
    """The pieces between the separators, a list; [] for an empty string, None for an empty separator."""
    if not sep:
        return None
    if not s:
        return []
    return s.split(sep)


def sds_repr_of(byte):
    """How sdscatrepr() writes one byte (ours)."""
    if byte in b'\\"':
        return b"\\" + bytes((byte,))
    found = b"\n\r\t\a\b".find(bytes((byte,)))
    if found != -1:
        return (b"\\n", b"\\r", b"\\t", b"\\a", b"\\b")[found]
    if 0x20 <= byte <= 0x7e:
        return bytes((byte,))
    return b"\\x%02x" % byte


_repr_table = [sds_repr_of(_byte) for _byte in range(256)]


def sdscatrepr(s, p):
    """`s` with `p` appended as a quoted string that sdssplitargs() reads back."""
    s += b'"' + b"".join(map(_repr_table.__getitem__, p)) + b'"'
    return s


def is_hex_digit(c):
    return c in b"0123456789abcdefABCDEF"


def hex_digit_to_int(c):
    return int(chr(c), 16) if is_hex_digit(c) else 0


_blank = b" \t\n\v\f\r"                                     # isspace()
_skip_blanks = re.compile(rb"[ \t\n\v\f\r]*")
_plain_run = re.compile(rb"[^ \n\r\t\0\"']*")
_quoted_run = re.compile(rb"[^\\\"\0]*")
_single_quoted_run = re.compile(rb"[^\\'\0]*")


def sdssplitargs(line):
    """Split a line into its arguments, a list of bytes; None if the quotes do not match.

    "double quotes" know \\n \\r \\t \\b \\a \\xHH and backslash + anything; 'single quotes' know \\' only.  A closing
    quote must be followed by a blank or the end.  A zero byte ends the line, as it ends a C string.
    """
    line = bytes(line)
    n = line.find(b"\0")
    if n != -1:
        line = line[:n]
    n = len(line)
    vector = []
    p = 0
    while 1:
        p = _skip_blanks.match(line, p).end()
        if p >= n:
            return vector
        current = bytearray()
        while 1:
            end = _plain_run.match(line, p).end()
            current += line[p:end]
            p = end
            if p >= n:
                break
            ch = line[p]
            p += 1
            if ch == 0x22:                                  # '"'
                while 1:
                    end = _quoted_run.match(line, p).end()
                    current += line[p:end]
                    p = end
                    if p >= n:
                        return None                         # never closed
                    if line[p] == 0x22:
                        break
                    if p + 1 >= n:                          # a backslash, then nothing
                        return None
                    ch = line[p + 1]
                    if ch == 0x78 and p + 3 < n and is_hex_digit(line[p + 2]) and is_hex_digit(line[p + 3]):
                        current.append(int(line[p + 2:p + 4], 16))
                        p += 4
                    else:
                        found = b"nrtba".find(ch)
                        current.append(ch if found == -1 else b"\n\r\t\b\a"[found])
                        p += 2
            elif ch == 0x27:                                # "'"
                while 1:
                    end = _single_quoted_run.match(line, p).end()
                    current += line[p:end]
                    p = end
                    if p >= n:
                        return None
                    if line[p] == 0x27:
                        break
                    if line[p + 1:p + 2] == b"'":
                        current += b"'"
                        p += 2
                    else:
                        current += b"\\"
                        p += 1
            else:                                           # a blank
                break
            p += 1                                          # over the closing quote
            if p < n and line[p] not in _blank:
                return None
            break
        vector.append(bytes(current))


def sdsmapchars(s, from_, to):
    return s.translate(bytes.maketrans(from_, to))


def sdsjoin(argv, sep):
    return sep.join(argv)


def sdsjoinsds(argv, sep):
    return sep.join(argv)


def sdstemplate(template, cb_func, cb_arg):
    """Replace each {variable} by cb_func(variable, cb_arg); "{{" is a brace.  str in, str out; None on any error."""
    res = []
    p = 0
    while p < len(template):
        sv = template.find("{", p)
        if sv == -1:
            res.append(template[p:])
            break
        res.append(template[p:sv])
        sv += 1
        if sv >= len(template):
            return None
        if template[sv] == "{":
            res.append("{")
            p = sv + 1
            continue
        ev = template.find("}", sv)
        if ev == -1:
            return None
        value = cb_func(template[sv:ev], cb_arg)
        if value is None:
            return None
        res.append(value)
        p = ev + 1
    return "".join(res)
