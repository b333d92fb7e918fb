"""lua_cmsgpack.py - the cmsgpack library of scripts.                 Mirrors deps/lua/src/lua_cmsgpack.c (0.4.0)

Lives here   Lua source; it runs inside the interpreter, where tables are.  Functions keep the names of the C file.  Doubles
             are taken apart in Python.
Called from  scripting.scripting_runtime, once for each interpreter [command].
Departures   unpack gives 7989 values at once, C 7999: our own frame takes room.
"""
from struct import pack, unpack


def mp_encode_double(d):
    """Encode a number, as a float if that loses nothing -> bytes."""
    d = float(d)
    try:
        f = pack(">f", d)
    except OverflowError:
        return b"\xcb" + pack(">d", d)
    if unpack(">f", f)[0] == d:
        return b"\xca" + f
    return b"\xcb" + pack(">d", d)


def mp_decode_double(s):
    """Decode 4 or 8 bytes -> float"""
    return unpack(">f" if len(s) == 4 else ">d", s)[0]


LUA_CMSGPACK = rb"""
local engine, mp_py_encode_double, mp_py_decode_double = ...
local luaL_error, bad_argument, typerror, to_int = engine.luaL_error, engine.bad_argument, engine.typerror, engine.to_int
local byte, char, sub, concat, floor, error, next, select, tonumber, type, unpack =
      string.byte, string.char, string.sub, table.concat, math.floor, error, next, select, tonumber, type, unpack

local LUACMSGPACK_MAX_NESTING = 16

-- ------------------------- Low level MP encoding --------------------------

local function be16(n) return char(floor(n / 256) % 256, n % 256) end

local function be32(n)
  return char(floor(n / 16777216) % 256, floor(n / 65536) % 256, floor(n / 256) % 256, n % 256)
end

local function be64(n) return be32(floor(n / 4294967296) % 4294967296) .. be32(n % 4294967296) end

local function mp_encode_bytes(s)
  local len = #s
  if len < 32 then
    return char(0xa0 + len) .. s
  elseif len <= 0xff then
    return char(0xd9, len) .. s
  elseif len <= 0xffff then
    return "\218" .. be16(len) .. s
  end
  return "\219" .. be32(len) .. s
end

local function mp_encode_int(n)
  if n >= 0 then
    if n <= 127 then
      return char(n)
    elseif n <= 0xff then
      return char(0xcc, n)
    elseif n <= 0xffff then
      return "\205" .. be16(n)
    elseif n <= 0xffffffff then
      return "\206" .. be32(n)
    end
    return "\207" .. be64(n)
  end
  if n >= -32 then
    return char(n + 256)
  elseif n >= -128 then
    return char(0xd0, n + 256)
  elseif n >= -32768 then
    return "\209" .. be16(n)
  elseif n >= -2147483648 then
    return "\210" .. be32(n)
  end
  return "\211" .. be64(n)
end

local function mp_encode_array(n)
  if n <= 15 then
    return char(0x90 + n)
  elseif n <= 65535 then
    return "\220" .. be16(n)
  end
  return "\221" .. be32(n)
end

local function mp_encode_map(n)
  if n <= 15 then
    return char(0x80 + n)
  elseif n <= 65535 then
    return "\222" .. be16(n)
  end
  return "\223" .. be32(n)
end

-- --------------------------- Lua types encoding ---------------------------

local mp_encode_lua_type

local function mp_encode_lua_table_as_array(buf, t, level)
  local len = #t
  buf[#buf + 1] = mp_encode_array(len)
  for j = 1, len do
    mp_encode_lua_type(buf, t[j], level + 1)
  end
end

local function mp_encode_lua_table_as_map(buf, t, level)
  local len = 0
  for _ in next, t do len = len + 1 end
  buf[#buf + 1] = mp_encode_map(len)
  for k, v in next, t do
    mp_encode_lua_type(buf, k, level + 1)
    mp_encode_lua_type(buf, v, level + 1)
  end
end

local function table_is_an_array(t)
  local count, max = 0, 0
  for n in next, t do
    if type(n) ~= "number" or n <= 0 or n > 2147483647 or floor(n) ~= n then return false end
    if n > max then max = n end
    count = count + 1
  end
  return max == count
end

function mp_encode_lua_type(buf, v, level)
  local t = type(v)
  if t == "string" then
    buf[#buf + 1] = mp_encode_bytes(v)
  elseif t == "boolean" then
    buf[#buf + 1] = v and "\195" or "\194"
  elseif t == "number" then
    if floor(v) == v and v >= -9223372036854775808 and v < 9223372036854775808 then
      buf[#buf + 1] = mp_encode_int(v)
    else
      buf[#buf + 1] = mp_py_encode_double(v)
    end
  elseif t == "table" and level ~= LUACMSGPACK_MAX_NESTING then
    if table_is_an_array(v) then
      mp_encode_lua_table_as_array(buf, v, level)
    else
      mp_encode_lua_table_as_map(buf, v, level)
    end
  else
    buf[#buf + 1] = "\192"
  end
end

local function mp_pack(...)
  local nargs = select("#", ...)
  if nargs == 0 then bad_argument(0, "pack", "MessagePack pack needs input.") end
  local buf = {}
  for i = 1, nargs do
    local v = select(i, ...)
    mp_encode_lua_type(buf, v, 0)
  end
  return concat(buf)
end

-- ------------------------------- Decoding ---------------------------------

local function eof() luaL_error("Missing bytes in input.") end

local function be(s, p, n)
  local v = 0
  if p + n - 1 > #s then eof() end
  for i = p, p + n - 1 do v = v * 256 + byte(s, i) end
  return v
end

local function signed64(s, p)
  local hi, lo = be(s, p, 4), be(s, p + 4, 4)
  if hi >= 2147483648 then hi = hi - 4294967296 end
  return hi * 4294967296 + lo
end

local mp_decode_to_lua_type

-- luaL_checkstack: `top` is how full C's stack would be.
local function checkstack(top, where)
  if top >= 8000 then luaL_error("stack overflow (" .. where .. ")") end
end

local function mp_decode_to_lua_array(s, p, len, top)
  local t = {}
  checkstack(top + 1, "in function mp_decode_to_lua_array")
  for index = 1, len do
    t[index], p = mp_decode_to_lua_type(s, p, top + 2)
  end
  return t, p
end

local function mp_decode_to_lua_hash(s, p, len, top)
  local t = {}
  for _ = 1, len do
    local k, v
    k, p = mp_decode_to_lua_type(s, p, top + 1)
    v, p = mp_decode_to_lua_type(s, p, top + 2)
    if k == nil then error("table index is nil", 0) end
    if k ~= k then error("table index is NaN", 0) end
    t[k] = v
  end
  return t, p
end

local function mp_decode_raw(s, p, len)
  if p + len - 1 > #s then eof() end
  return sub(s, p, p + len - 1), p + len
end

-- The value at `p` -> it, and the place behind it.
function mp_decode_to_lua_type(s, p, top)
  checkstack(top, "too many return values at once; use unpack_one or unpack_limit instead.")
  local b = byte(s, p)
  if not b then
    eof()
  elseif b < 0x80 then                                  -- positive fixnum
    return b, p + 1
  elseif b < 0x90 then
    return mp_decode_to_lua_hash(s, p + 1, b - 0x80, top)
  elseif b < 0xa0 then
    return mp_decode_to_lua_array(s, p + 1, b - 0x90, top)
  elseif b < 0xc0 then
    return mp_decode_raw(s, p + 1, b - 0xa0)
  elseif b >= 0xe0 then                                 -- negative fixnum
    return b - 256, p + 1
  elseif b == 0xc0 then
    return nil, p + 1
  elseif b == 0xc2 then
    return false, p + 1
  elseif b == 0xc3 then
    return true, p + 1
  elseif b == 0xca then
    if p + 4 > #s then eof() end
    return mp_py_decode_double(sub(s, p + 1, p + 4)), p + 5
  elseif b == 0xcb then
    if p + 8 > #s then eof() end
    return mp_py_decode_double(sub(s, p + 1, p + 8)), p + 9
  elseif b == 0xcc then
    return be(s, p + 1, 1), p + 2
  elseif b == 0xcd then
    return be(s, p + 1, 2), p + 3
  elseif b == 0xce then
    return be(s, p + 1, 4), p + 5
  elseif b == 0xcf or b == 0xd3 then                    -- uint 64 passes through a signed integer in C, too
    if p + 8 > #s then eof() end
    return signed64(s, p + 1), p + 9
  elseif b == 0xd0 then
    local v = be(s, p + 1, 1)
    return v >= 128 and v - 256 or v, p + 2
  elseif b == 0xd1 then
    local v = be(s, p + 1, 2)
    return v >= 32768 and v - 65536 or v, p + 3
  elseif b == 0xd2 then
    local v = be(s, p + 1, 4)
    return v >= 2147483648 and v - 4294967296 or v, p + 5
  elseif b == 0xd9 then
    return mp_decode_raw(s, p + 2, be(s, p + 1, 1))
  elseif b == 0xda then
    return mp_decode_raw(s, p + 3, be(s, p + 1, 2))
  elseif b == 0xdb then
    return mp_decode_raw(s, p + 5, be(s, p + 1, 4))
  elseif b == 0xdc then
    return mp_decode_to_lua_array(s, p + 3, be(s, p + 1, 2), top)
  elseif b == 0xdd then
    return mp_decode_to_lua_array(s, p + 5, be(s, p + 1, 4), top)
  elseif b == 0xde then
    return mp_decode_to_lua_hash(s, p + 3, be(s, p + 1, 2), top)
  elseif b == 0xdf then
    return mp_decode_to_lua_hash(s, p + 5, be(s, p + 1, 4), top)
  end
  luaL_error("Bad data format in input.")
end

-- luaL_checklstring
local function string_argument(name, s, nargs)
  if type(s) ~= "string" and type(s) ~= "number" then typerror(1, name, "string", s, nargs) end
  return s .. ""
end

local function mp_unpack_full(s, limit, offset, top)
  local len = #s
  local decode_all = limit == 0 and offset == 0
  if offset < 0 or limit < 0 then
    luaL_error("Invalid request to unpack with offset of " .. to_int(offset) .. " and limit of " .. len .. ".")
  elseif offset > len then
    luaL_error("Start offset " .. to_int(offset) .. " greater than input length " .. len .. ".")
  end
  if decode_all then limit = 2147483647 end
  local p, cnt, results = offset + 1, 0, {}
  while p <= len and cnt < limit do
    local v
    v, p = mp_decode_to_lua_type(s, p, top + cnt)
    cnt = cnt + 1
    results[cnt] = v
  end
  checkstack(cnt + 10, "too many return values at once; use unpack_one or unpack_limit instead.")
  if decode_all then return unpack(results, 1, cnt) end
  return p > len and -1 or p - 1, unpack(results, 1, cnt)
end

-- luaL_checkinteger; luaL_optinteger
local function integer(narg, name, v, def)
  if v == nil and def then return def end
  local n = type(v) ~= "boolean" and tonumber(v)
  if not n then typerror(narg, name, "number", v) end
  if n ~= n or n >= 9223372036854775808 or n < -9223372036854775808 then return -9223372036854775808 end
  return n < 0 and -floor(-n) or floor(n)
end

local function mp_unpack(...)
  local nargs = select("#", ...)
  local s = string_argument("unpack", (...), nargs)
  return mp_unpack_full(s, 0, 0, nargs)
end

local function mp_unpack_one(...)
  local s, offset = ...
  offset = integer(2, "unpack_one", offset, 0)
  s = string_argument("unpack_one", s, select("#", ...))
  return mp_unpack_full(s, 1, offset, 1)
end

local function mp_unpack_limit(...)
  local s, limit, offset = ...
  limit = integer(2, "unpack_limit", limit)
  offset = integer(3, "unpack_limit", offset, 0)
  s = string_argument("unpack_limit", s, select("#", ...))
  return mp_unpack_full(s, limit, offset, 1)
end

return {pack = mp_pack, unpack = mp_unpack, unpack_one = mp_unpack_one, unpack_limit = mp_unpack_limit,
        _NAME = "cmsgpack", _VERSION = "lua-cmsgpack 0.4.0",
        _COPYRIGHT = "Copyright (C) 2012, Salvatore Sanfilippo",
        _DESCRIPTION = "MessagePack C implementation for Lua"}
"""
