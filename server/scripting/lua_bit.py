"""lua_bit.py - the bit library of scripts.                           Mirrors deps/lua/src/lua_bit.c (1.0.2)

Lives here   bit.*; plus lua_tonumber and lua_typename for all libraries that are written in Python.
Called from  scripts, through a Lua wrapper (scripting_prelude, engine.wrap) [command].
Invariant    INVARIANT: a library function does not raise.  It returns (True, results...), or (False, message, True) for an
             error that is reported with the position of the caller.
Departures   none.
"""
from struct import pack

from datastructs.util import strtod


def lua_tonumber(v):
    """The number that a value stands for -> int or float; None if it is none.  A string may be one."""
    t = type(v)
    if t is int or t is float:
        return v
    if t is not bytes:
        return None
    s = v.partition(b"\0")[0].rstrip(b" \t\n\v\f\r")        # luaO_str2d
    value, used = strtod(s)
    return value if used and used == len(s) else None


def lua_typename(v):
    if v is None:
        return b"nil"
    t = type(v)
    if t is bool:
        return b"boolean"
    if t is int or t is float:
        return b"number"
    if t is bytes:
        return b"string"
    name = t.__name__
    if name == "_LuaTable":
        return b"table"
    if name == "_LuaFunction" or name == "_LuaCoroutineFunction":
        return b"function"
    return b"thread" if name == "_LuaThread" else b"userdata"


def argerror(narg, fname, msg):
    """luaL_argerror"""
    return False, b"bad argument #%d to '%s' (%s)" % (narg, fname, msg), True


def typerror(args, narg, fname, expected):
    """luaL_typerror"""
    got = lua_typename(args[narg - 1]) if narg <= len(args) else b"no value"
    return argerror(narg, fname, b"%s expected, got %s" % (expected, got))


def barg(args, idx):
    """Argument `idx` (from 1) as unsigned 32 bits -> (1, bits), or (0, 0) if it is no number.

    A fraction is rounded as the C library has it: by adding 2^52+2^51 and taking the low half of the mantissa.
    """
    if idx > len(args):
        return 0, 0
    n = lua_tonumber(args[idx - 1])
    if n is None:
        return 0, 0
    if type(n) is int and -(1 << 51) <= n < 1 << 51:
        return 1, n & 0xFFFFFFFF
    return 1, int.from_bytes(pack("<d", float(n) + 6755399441055744.0)[:4], "little")


def BRET(b):
    b &= 0xFFFFFFFF
    return True, b - (1 << 32) if b & 0x80000000 else b


def bit_tobit(*args):
    ok, b = barg(args, 1)
    return BRET(b) if ok else typerror(args, 1, b"tobit", b"number")


def bit_bnot(*args):
    ok, b = barg(args, 1)
    return BRET(~b) if ok else typerror(args, 1, b"bnot", b"number")


def bit_band(*args):
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, b"band", b"number")
    for i in range(len(args), 1, -1):
        ok, n = barg(args, i)
        if not ok:
            return typerror(args, i, b"band", b"number")
        b &= n
    return BRET(b)


def bit_bor(*args):
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, b"bor", b"number")
    for i in range(len(args), 1, -1):
        ok, n = barg(args, i)
        if not ok:
            return typerror(args, i, b"bor", b"number")
        b |= n
    return BRET(b)


def bit_bxor(*args):
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, b"bxor", b"number")
    for i in range(len(args), 1, -1):
        ok, n = barg(args, i)
        if not ok:
            return typerror(args, i, b"bxor", b"number")
        b ^= n
    return BRET(b)


def two_args(args, fname):
    """Read the arguments of a shift -> (error or None, bits, shift 0..31)"""
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, fname, b"number"), 0, 0
    ok, n = barg(args, 2)
    if not ok:
        return typerror(args, 2, fname, b"number"), 0, 0
    return None, b, n & 31


def bit_lshift(*args):
    err, b, n = two_args(args, b"lshift")
    return err or BRET(b << n)


def bit_rshift(*args):
    err, b, n = two_args(args, b"rshift")
    return err or BRET(b >> n)


def bit_arshift(*args):
    err, b, n = two_args(args, b"arshift")
    return err or BRET((b - (1 << 32) if b & 0x80000000 else b) >> n)


def bit_rol(*args):
    err, b, n = two_args(args, b"rol")
    return err or BRET(b << n | b >> (32 - n))


def bit_ror(*args):
    err, b, n = two_args(args, b"ror")
    return err or BRET(b << (32 - n) | b >> n)


def bit_bswap(*args):
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, b"bswap", b"number")
    return BRET(int.from_bytes(b.to_bytes(4, "big"), "little"))


def bit_tohex(*args):
    ok, b = barg(args, 1)
    if not ok:
        return typerror(args, 1, b"tohex", b"number")
    n = 8
    if len(args) > 1:
        ok, n = barg(args, 2)
        if not ok:
            return typerror(args, 2, b"tohex", b"number")
        n = BRET(n)[1]
    digits = b"%08x" % b
    if n < 0:
        n = -n
        digits = digits.upper()
    return True, digits[8 - n:] if n < 8 else digits


bit_funcs = (
    (b"tobit", bit_tobit), (b"bnot", bit_bnot), (b"band", bit_band), (b"bor", bit_bor), (b"bxor", bit_bxor),
    (b"lshift", bit_lshift), (b"rshift", bit_rshift), (b"arshift", bit_arshift), (b"rol", bit_rol), (b"ror", bit_ror),
    (b"bswap", bit_bswap), (b"tohex", bit_tohex),
)
