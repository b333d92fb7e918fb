"""The libraries of scripts, and the prelude, without a server."""
import struct

import pytest

import server.link                                  # noqa: F401
from server.scripting.lua_bit import bit_band, bit_bnot, bit_bswap, bit_rol, bit_tobit, bit_tohex, lua_tonumber
from server.scripting.lua_cmsgpack import mp_decode_double, mp_encode_double
from server.scripting.lua_struct import b_pack, b_size, b_unpack

pytest.importorskip("lupa.lua51")
from server.scripting import scripting              # noqa: E402


@pytest.fixture(scope="module")
def lua():
    return scripting.scripting_runtime()


def evaluate(lua, script, *args, numkeys=0, resp=2):
    assert lua.luaCreateFunction(b"sha", script) is True
    code = scripting.mend_tail_calls(lua.dump_function(b"sha"))
    if code is not None:
        lua.replace_function(b"sha", code)
    return lua.run(b"sha", resp, 0, numkeys, *args)


@pytest.mark.parametrize("n, bits", [(1.5, 2), (2.5, 2), (-1.5, -2), (2 ** 31 + 0.5, -2147483648), (1e15, -1530494976),
                                     (b"12", 12), (b"0x10", 16)])
def test_bit_tobit(n, bits):
    assert bit_tobit(n) == (True, bits)


def test_bit():
    assert bit_band(0xffffffff, 0x80000000) == (True, -2147483648)
    assert bit_bnot(5) == (True, -6)
    assert bit_rol(0x12345678, 12) == (True, 1164411171)
    assert bit_bswap(0x12345678) == (True, 2018915346)
    assert bit_tohex(255, -4) == (True, b"00FF")
    assert bit_band() == (False, b"bad argument #1 to 'band' (number expected, got no value)", True)
    assert bit_band(1, b"a") == (False, b"bad argument #2 to 'band' (number expected, got string)", True)


def test_lua_tonumber():
    assert lua_tonumber(b" 10 ") == 10
    assert lua_tonumber(b"1_0") is None
    assert lua_tonumber(None) is None
    assert lua_tonumber(True) is None


@pytest.mark.parametrize("fmt, args, data", [
    (b"i", (1,), b"\1\0\0\0"),
    (b">I2<h!8d", (513, -2, 1.5), b"\x02\x01\xfe\xff" + bytes(4) + struct.pack("<d", 1.5)),
    (b"s", (b"ab",), b"ab\0"),
    (b"i16", (-5,), b"\xfb" + b"\xff" * 7 + bytes(8)),
    (b"!8bd", (1, 2.5), b"\1" + bytes(7) + struct.pack("<d", 2.5)),
])
def test_struct_pack(fmt, args, data):
    assert b_pack(fmt, *args) == (True, data)
    assert b_unpack(fmt, data) == (True, *args, len(data) + 1)


def test_struct_errors():
    assert b_size(b"i4i8!4d") == (True, 20)
    assert b_pack(b"y", 1)[1] == b"bad argument #1 to 'pack' (invalid format option 'y')"
    assert b_pack(b"i99999999999", 1)[1] == b"integral size overflow"
    assert b_unpack(b"i", b"abc")[1] == b"bad argument #2 to 'unpack' (data string too short)"
    assert b_unpack(b"i", b"abcd", 0)[1] == b"bad argument #3 to 'unpack' (offset must be 1 or greater)"
    assert b_unpack(b"c0", b"abc")[1] == b"format 'c0' needs a previous size"
    assert b_unpack(b"i", b"abcd", 2 ** 63)[0] is False


@pytest.mark.parametrize("d", [0.1, 1.5, 1e300, -2.5, float("inf")])
def test_msgpack_doubles(d):
    s = mp_encode_double(d)
    assert mp_decode_double(s[1:]) == d
    assert len(s) == (9 if d in (0.1, 1e300) else 5)


@pytest.mark.parametrize("script, reply", [
    (b"return tostring(math.random())", b"$16\r\n0.17082803611217\r\n"),
    (b"math.randomseed(12345) return tostring(math.random())", b"$16\r\n0.22532851259472\r\n"),
    (b"math.randomseed(-1) return tostring(math.random())", b"$16\r\n0.30002572727391\r\n"),
    (b"return {1, 2, 3.99, 'x', false, {ok='fine\\nx'}, {double=0.1}, {map={a=1}}, {set={b=true}}}",
     b"*9\r\n:1\r\n:2\r\n:3\r\n$1\r\nx\r\n$-1\r\n+fine x\r\n$19\r\n0.10000000000000001\r\n*2\r\n$1\r\na\r\n:1\r\n*1\r\n$1\r\nb\r\n"),
    (b"return cjson.encode({1,2,{a=1.5,b='x\\n\\127/'},cjson.null,true})",
     b"$43\r\n[1,2,{\"a\":1.5,\"b\":\"x\\n\\u007f\\/\"},null,true]\r\n"),
    (b"return cmsgpack.unpack(cmsgpack.pack({1,{a='x'},-40000,2^40,0.1,true}))[4]", b":1099511627776\r\n"),
    (b"local t = cjson.decode('{\"a\":[1,2,{\"b\":\"\\\\u20ac\"}]}') return t.a[3].b", b"$3\r\n\xe2\x82\xac\r\n"),
])
def test_scripts(lua, script, reply):
    assert evaluate(lua, script) == reply


def test_resp3_conversion(lua):
    assert evaluate(lua, b"return {{map={a=1}},{set={b=true}},{double=1/0},true,false}", resp=3) == \
        b"*5\r\n%1\r\n$1\r\na\r\n:1\r\n~1\r\n$1\r\nb\r\n,inf\r\n:1\r\n_\r\n"


def test_keys_and_argv(lua):
    assert evaluate(lua, b"return {#KEYS, #ARGV, KEYS[1], ARGV[1]}", b"k", b"a", b"b", numkeys=1) == \
        b"*4\r\n:1\r\n:2\r\n$1\r\nk\r\n$1\r\na\r\n"
    for first in range(0, 9000, 3000):
        lua.push_args(*[b"%d" % n for n in range(first, first + 3000)])
    assert evaluate(lua, b"return {#KEYS, #ARGV, ARGV[8000]}", numkeys=1000) == b"*3\r\n:1000\r\n:8000\r\n$4\r\n8999\r\n"


def test_nested_errors_are_apart(lua):
    assert evaluate(lua, b"return {1, {err='E x'}, 2}") == (b"*3\r\n:1\r\n", b"E x", b":2\r\n")


def test_errors_name_the_line_of_a_tail_call(lua):
    assert evaluate(lua, b"\n\nreturn cjson.encode(print)") == \
        (0, b"@user_script:3: user_script:3: Cannot serialise function: type not supported")
    # ... and recursion in the script stays a tail call.
    assert evaluate(lua, b"local function f(n) if n == 0 then return 7 end return f(n - 1) end return f(100000)") == b":7\r\n"


def test_deep_nesting_is_refused(lua):
    reply = evaluate(lua, b"local a = {} local b = {a} a[1] = b return a")
    assert reply[0] == b"*1\r\n" * 7995
    assert reply[1] == b"ERR reached lua stack limit"


def test_without_lupa(monkeypatch):
    import sys
    from server.server_h import server as srv
    monkeypatch.setattr(srv, "lua", None)
    monkeypatch.setitem(sys.modules, "lupa.lua51", None)
    assert scripting.scripting_runtime() is None
    assert scripting.lua_memory_usage() == 0
