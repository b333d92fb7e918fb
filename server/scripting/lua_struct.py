"""lua_struct.py - the struct library of scripts.                     Mirrors deps/lua/src/lua_struct.c (0.3)

Lives here   struct.pack, struct.unpack, struct.size.
Called from  scripts, through a Lua wrapper (scripting_prelude, engine.wrap) [command].
Invariant    see lua_bit: no function raises past this module, errors are results.
Departures   converting a double that does not fit 64 bits is undefined in C; here it gives what x86-64 gives.
"""
from math import isfinite
from struct import pack, unpack

from server.scripting.lua_bit import argerror, lua_tonumber, typerror

INT_MAX = 2147483647
MAXINTSIZE = 32                 # bytes of the widest integer
MAXALIGN = 8
BIG = 0
LITTLE = 1
ULONG_MASK = (1 << 64) - 1
LIBRARY_RESULTS_MAX = 7900      # values that fit on the interpreter's stack

_sizes = {98: 1, 66: 1, 104: 2, 72: 2, 108: 8, 76: 8, 84: 8, 102: 4, 100: 8, 120: 1}     # b B h H l L T f d x
_integers = frozenset(b"bBhHlLTiI")


class formatError(Exception):
    """The format, or an argument, is wrong; args[0] is the result to return."""


class Header:
    """What the options in front of an item have set."""
    __slots__ = ("endian", "align", "fmt", "pos")

    def __init__(self, fmt):
        self.endian = LITTLE       # this machine's
        self.align = 1             # maximum alignment
        self.fmt = fmt
        self.pos = 0               # in fmt


def getnum(h, df):
    """The digits at the head of the format -> int; `df` without any."""
    fmt = h.fmt
    start = h.pos
    while h.pos < len(fmt) and 48 <= fmt[h.pos] <= 57:
        h.pos += 1
    if h.pos == start:
        return df
    a = int(fmt[start:h.pos]) if h.pos - start < 20 else INT_MAX + 1
    if a > INT_MAX:
        raise formatError((False, b"integral size overflow", True))
    return a


def optsize(h, opt):
    size = _sizes.get(opt)
    if size is not None:
        return size
    if opt == 99:                                               # c
        return getnum(h, 1)
    if opt == 105 or opt == 73:                                 # i I
        size = getnum(h, 4)
        if size > MAXINTSIZE:
            raise formatError((False, b"integral size %d is larger than limit of %d" % (size, MAXINTSIZE), True))
        return size
    return 0


def gettoalign(length, h, opt, size):
    if size == 0 or opt == 99:
        return 0
    if size > h.align:
        size = h.align
    return (size - (length & (size - 1))) & (size - 1)


def controloptions(h, opt, fname):
    if opt == 32:
        return
    if opt == 62:                                               # >
        h.endian = BIG
    elif opt == 60:                                             # <
        h.endian = LITTLE
    elif opt == 33:                                             # !
        a = getnum(h, MAXALIGN)
        if a <= 0 or a & (a - 1):
            raise formatError((False, b"alignment %d is not a power of 2" % a, True))
        h.align = a
    else:
        raise formatError(argerror(1, fname, b"invalid format option '%c'" % opt))


def checkstring(args, narg, fname):
    """luaL_checklstring"""
    v = args[narg - 1] if narg <= len(args) else None
    if type(v) is bytes:
        return v
    if type(v) is int or type(v) is float:
        return b"%.14g" % v
    raise formatError(typerror(args, narg, fname, b"string"))


def checknumber(args, narg, fname):
    """luaL_checknumber; the C library sees a nil behind its arguments, which it has pushed itself."""
    n = lua_tonumber(args[narg - 1]) if narg <= len(args) else None
    if n is None:
        if narg == len(args) + 1:
            args += (None,)
        raise formatError(typerror(args, narg, fname, b"number"))
    return n


def putinteger(n, endian, size):
    if type(n) is float:
        n = int(n) if isfinite(n) and -9.3e18 < n < 1.9e19 else -(1 << 63)
    s = (n & ULONG_MASK).to_bytes(8, "little")[:size].ljust(size, b"\0")
    return s if endian == LITTLE else s[::-1]


def putfloat(code, n, endian):
    n = float(n)
    try:
        s = pack("<" + code, n)
    except OverflowError:
        s = pack("<f", float("inf") if n > 0 else float("-inf"))
    return s if endian == LITTLE else s[::-1]


def getinteger(s, endian, issigned):
    value = int.from_bytes(s, "little" if endian == LITTLE else "big") & ULONG_MASK
    if issigned:
        mask = (ULONG_MASK << ((len(s) * 8 - 1) & 63)) & ULONG_MASK
        if value & mask:
            value |= mask
        if value >> 63:
            value -= 1 << 64
    return float(value)


def b_pack(*args):
    """struct.pack(fmt, v1, ...) -> string"""
    try:
        fmt = checkstring(args, 1, b"pack")
        h = Header(fmt[:fmt.find(b"\0")] if b"\0" in fmt else fmt)
        fmt = h.fmt
        out = bytearray()
        arg = 2
        while h.pos < len(fmt):
            opt = fmt[h.pos]
            h.pos += 1
            size = optsize(h, opt)
            out += bytes(gettoalign(len(out), h, opt, size))
            if opt in _integers:
                out += putinteger(checknumber(args, arg, b"pack"), h.endian, size)
                arg += 1
            elif opt == 120:                                    # x
                out.append(0)
            elif opt == 102 or opt == 100:                      # f d
                out += putfloat(chr(opt), checknumber(args, arg, b"pack"), h.endian)
                arg += 1
            elif opt == 99 or opt == 115:                       # c s
                s = checkstring(args, arg, b"pack")
                arg += 1
                if size == 0:
                    size = len(s)
                if len(s) < size:
                    return argerror(arg, b"pack", b"string too short")
                out += s[:size]
                if opt == 115:
                    out.append(0)
            else:
                controloptions(h, opt, b"pack")
        return True, bytes(out)
    except formatError as e:
        return e.args[0]


def b_unpack(*args):
    """struct.unpack(fmt, s [, pos]) -> v1, ..., next position"""
    try:
        fmt = checkstring(args, 1, b"unpack")
        h = Header(fmt[:fmt.find(b"\0")] if b"\0" in fmt else fmt)
        fmt = h.fmt
        data = checkstring(args, 2, b"unpack")
        ld = len(data)
        pos = 1
        if len(args) > 2 and args[2] is not None:
            pos = int(checknumber(args, 3, b"unpack")) & ULONG_MASK
        if pos <= 0:
            return argerror(3, b"unpack", b"offset must be 1 or greater")
        pos -= 1
        results = [True]
        while h.pos < len(fmt):
            opt = fmt[h.pos]
            h.pos += 1
            size = optsize(h, opt)
            pos += gettoalign(pos, h, opt, size)
            if size > ld or pos > ld - size:
                return argerror(2, b"unpack", b"data string too short")
            if len(results) >= LIBRARY_RESULTS_MAX:
                return False, b"stack overflow (too many results)", True
            if opt in _integers:
                results.append(getinteger(data[pos:pos + size], h.endian, opt >= 97))
            elif opt == 120:                                    # x
                pass
            elif opt == 102 or opt == 100:                      # f d
                results.append(unpack((">" if h.endian == BIG else "<") + chr(opt), data[pos:pos + size])[0])
            elif opt == 99:                                     # c
                if size == 0:
                    n = lua_tonumber(results[-1]) if len(results) > 1 else None
                    if n is None:
                        return False, b"format 'c0' needs a previous size", True
                    results.pop()
                    size = int(n) & ULONG_MASK
                    if size > ld or pos > ld - size:
                        return argerror(2, b"unpack", b"data string too short")
                results.append(data[pos:pos + size])
            elif opt == 115:                                    # s
                e = data.find(b"\0", pos)
                if e == -1:
                    return False, b"unfinished string in data", True
                size = e - pos + 1
                results.append(data[pos:e])
            else:
                controloptions(h, opt, b"unpack")
            pos += size
        results.append(pos + 1)
        return tuple(results)
    except formatError as e:
        return e.args[0]


def b_size(*args):
    """struct.size(fmt) -> bytes"""
    try:
        fmt = checkstring(args, 1, b"size")
        h = Header(fmt[:fmt.find(b"\0")] if b"\0" in fmt else fmt)
        fmt = h.fmt
        pos = 0
        while h.pos < len(fmt):
            opt = fmt[h.pos]
            h.pos += 1
            size = optsize(h, opt)
            pos += gettoalign(pos, h, opt, size)
            if opt == 115:
                return argerror(1, b"size", b"option 's' has no fixed size")
            if opt == 99 and size == 0:
                return argerror(1, b"size", b"option 'c0' has no fixed size")
            if not (48 <= opt <= 57 or 65 <= opt <= 90 or 97 <= opt <= 122):
                controloptions(h, opt, b"size")
            pos += size
        return True, pos
    except formatError as e:
        return e.args[0]


thislib = ((b"pack", b_pack), (b"unpack", b_unpack), (b"size", b_size))
