"""sds.py - dynamic strings.                             Mirrors src/sds.c, src/sds.h (6.2.14)

Lives here   the sds functions that do more than one Python operator: growth policy, splitting, quoting.
Called from  everywhere.
State        none.
Invariant    an sds is `bytes` where C never writes in place, `bytearray` where it does (docs/conventions.md).
Departures   functions that C applies in place return the new string (bytes) or change the bytearray.  What is one
             operator of Python (sdsdup, sdscat, sdscmp, sdstolower ...) does not exist: D-28.
"""
import re

SDS_MAX_PREALLOC = 1024 * 1024
SDS_LLSTR_SIZE = 21


def room_is_told():
    """Tell whether bytearray.__alloc__() tells the spare room -> True or False: CPython.  PyPy keeps an eighth spare, and says nothing of it."""
    s = bytearray(16)
    del s[-1:]
    return s.__alloc__() - 1 > len(s)


ROOM_IS_TOLD = room_is_told()


def sdslen(s):
    return len(s)


def sdsalloc(s):
    """Tell how many bytes `s` can hold without moving; its length where the interpreter does not tell."""
    if s.__class__ is bytearray:
        return max(s.__alloc__() - 1, len(s))
    return len(s)


def sdsavail(s):
    """Tell the spare bytes at the end of `s`; 0 for bytes."""
    if s.__class__ is bytearray:
        return max(s.__alloc__() - 1 - len(s), 0)
    return 0


def sdsHdrSize(length):
    """Tell the bytes of the header in front of a string of that length (sdshdr8, 16, 32, 64)."""
    if length < 1 << 8:
        return 3
    if length < 1 << 16:
        return 5
    if length < 1 << 32:
        return 9
    return 17


def sds_greedy_alloc(newlen):
    """Tell the room to reserve for a string that grows to `newlen` bytes: double below 1 MB, else 1 MB more."""
    if newlen < SDS_MAX_PREALLOC:
        return newlen * 2
    return newlen + SDS_MAX_PREALLOC


def sdsAllocSize(s):
    """Tell all bytes behind `s`: header, string, spare room, final zero."""
    alloc = sdsalloc(s)
    return sdsHdrSize(alloc) + alloc + 1


def sdsnewlen(init, initlen=None):
    """Create a string that will be written in place -> bytearray; init None gives `initlen` zero bytes."""
    if init is None:
        return bytearray(initlen)
    return bytearray(init) if initlen is None else bytearray(init[:initlen])


def sdsMakeRoomFor(s, addlen):
    """Make room for `addlen` bytes behind the bytearray `s` -> s, already `addlen` zero bytes longer.

    Preallocation: if the spare room is enough nothing moves.  Else sds_greedy_alloc tells how much to take, so that a string
    that grows again and again is moved O(log N) times.  The caller fills in the new bytes, and cuts off what it did not need
    (del s[n:]).

    C: leaves the length as it is, and sdsIncrLen adds to it afterwards.  A bytearray whose length falls below half of its room
    gives the room back, so here the length comes with the room.  Where the room is not told (PyPy), how much to take is left to
    the bytearray: else every call would take it anew, O(N) for each byte that is appended.
    """
    newlen = len(s) + addlen
    if newlen > sdsalloc(s) and ROOM_IS_TOLD:
        s += bytes(sds_greedy_alloc(newlen) - len(s))
        del s[newlen:]
    else:
        s += bytes(addlen)
    return s


def sdsRemoveFreeSpace(s):
    """Give the spare room back -> the string without it."""
    if s.__class__ is bytearray:
        return bytearray(bytes(s)) if sdsavail(s) else s
    return s


def sdsgrowzero(s, length):
    """Grow the bytearray `s` to `length` with zero bytes -> s; a longer string is left alone."""
    curlen = len(s)
    if length <= curlen:
        return s
    return sdsMakeRoomFor(s, length - curlen)


def sdscatlen(s, t):
    """Append `t` to the bytearray `s` -> s."""
    curlen = len(s)
    s = sdsMakeRoomFor(s, len(t))
    s[curlen:] = t
    return s


def sdssplitlen(s, sep):
    """Split `s` at the separators -> list of pieces; [] for an empty string, None for an empty separator."""
    if not sep:
        return None
    if not s:
        return []
    return s.split(sep)


def sds_repr_of(byte):
    """Write one byte as sdscatrepr() does -> bytes."""
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
    """Append `p` as a quoted string that sdssplitargs() reads back -> the string."""
    s += b'"' + b"".join(map(_repr_table.__getitem__, p)) + b'"'
    return s


def is_hex_digit(c):
    return c in b"0123456789abcdefABCDEF"


_blank = b" \t\n\v\f\r"                                     # isspace()
_skip_blanks = re.compile(rb"[ \t\n\v\f\r]*")
_plain_run = re.compile(rb"[^ \n\r\t\0\"']*")
_quoted_run = re.compile(rb"[^\\\"\0]*")
_single_quoted_run = re.compile(rb"[^\\'\0]*")


def sdssplitargs(line):
    """Split a line into its arguments -> list of bytes, or None if the quotes do not match.

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


def sdstemplate(template, cb_func, cb_arg):
    """Replace each {variable} by cb_func(variable, cb_arg); "{{" is a brace -> str, or None on any error."""
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
