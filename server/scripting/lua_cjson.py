"""lua_cjson.py - the cjson library of scripts.                       Mirrors deps/lua/src/lua_cjson.c (2.1.0)

Lives here   Lua source; it runs inside the interpreter, where tables are.  Functions keep the names of the C file.
Called from  scripting.scripting_runtime, once for each interpreter [command].
Departures   how deep one can nest after raising the limits is bounded by a constant (C: by its stack of 8000 slots).
"""

LUA_CJSON = rb"""
local engine, null = ...
local luaL_error, bad_argument, typerror, to_int = engine.luaL_error, engine.bad_argument, engine.typerror, engine.to_int
local byte, char, find, format, gsub, lower, sub =
      string.byte, string.char, string.find, string.format, string.gsub, string.lower, string.sub
local concat, floor, next, rawget, select, tonumber, type, debug_typename =
      table.concat, math.floor, next, rawget, select, tonumber, type, type

local INT_MAX = 2147483647
local STACK_LIMIT = 3900        -- levels; more do not fit the C server's stack either

local char2escape = {['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\t"] = "\\t", ["\n"] = "\\n",
                     ["\f"] = "\\f", ["\r"] = "\\r", ["\127"] = "\\u007f"}
for i = 0, 31 do
  local ch = char(i)
  if not char2escape[ch] then char2escape[ch] = format("\\u%04x", i) end
end
local escape2char = {['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", t = "\t", n = "\n", f = "\f", r = "\r"}

-- ===== CONFIGURATION =====

local function json_arg_init(name, args, n)
  if n > args then bad_argument(args + 1, name, "found too many arguments") end
end

local function json_integer_option(cfg, name, optindex, v, setting, min, max)
  if v ~= nil then
    local value = type(v) ~= "boolean" and tonumber(v)
    if not value then typerror(optindex, name, "number", v) end
    value = to_int(value)
    if value < min or value > max then
      bad_argument(1, name, format("expected integer between %d and %d", min, max))
    end
    cfg[setting] = value
  end
  return cfg[setting]
end

local bool_options = {[0] = "off", "on"}

local function json_enum_option(cfg, name, optindex, v, setting, options)
  options = options or bool_options
  if v ~= nil then
    if type(v) == "boolean" then
      cfg[setting] = v and 1 or 0
    else
      if type(v) ~= "string" and type(v) ~= "number" then typerror(optindex, name, "string", v) end
      local found
      for i = 0, #options do
        if options[i] == v then found = i end
      end
      if not found then bad_argument(optindex, name, "invalid option '" .. v .. "'") end
      cfg[setting] = found
    end
  end
  v = cfg[setting]
  if v <= 1 then return v == 1 end
  return options[v]
end

-- ===== ENCODING =====

local out, n_out                -- pieces of the text being made

local function json_encode_exception(v, reason)
  out = nil
  luaL_error("Cannot serialise " .. type(v) .. ": " .. reason)
end

local function lua_array_length(cfg, t)
  local max, items = 0, 0
  for k in next, t do
    if type(k) == "number" and k >= 1 and floor(k) == k then
      if k > max then max = k <= INT_MAX and k or -2147483648 end       -- C: an int
      items = items + 1
    else
      return -1
    end
  end
  if cfg.encode_sparse_ratio > 0 and max > items * cfg.encode_sparse_ratio and max > cfg.encode_sparse_safe then
    if cfg.encode_sparse_convert == 0 then json_encode_exception(t, "excessively sparse array") end
    return -1
  end
  return max
end

local function json_append_number(cfg, num)
  if num ~= num or num == 1/0 or num == -1/0 then
    local invalid = cfg.encode_invalid_numbers
    if invalid == 0 then
      json_encode_exception(num, "must not be NaN or Inf")
    elseif invalid == 2 then
      return "null"
    elseif num ~= num then
      return "nan"
    end
  end
  return format(cfg.number_format, num)
end

local json_append_data

local function json_append_array(cfg, current_depth, t, array_length)
  n_out = n_out + 1
  out[n_out] = "["
  for i = 1, array_length do
    if i > 1 then
      n_out = n_out + 1
      out[n_out] = ","
    end
    json_append_data(cfg, current_depth, rawget(t, i))
  end
  n_out = n_out + 1
  out[n_out] = "]"
end

local function json_append_object(cfg, current_depth, t)
  local prefix = "{"
  for k, v in next, t do
    local keytype = type(k)
    n_out = n_out + 1
    if keytype == "number" then
      out[n_out] = prefix .. '"' .. json_append_number(cfg, k) .. '":'
    elseif keytype == "string" then
      out[n_out] = prefix .. '"' .. gsub(k, '[%c"\\/\127]', char2escape) .. '":'
    else
      json_encode_exception(k, "table key must be a number or string")
    end
    json_append_data(cfg, current_depth, v)
    prefix = ","
  end
  n_out = n_out + 1
  out[n_out] = prefix == "{" and "{}" or "}"
end

function json_append_data(cfg, current_depth, v)
  local t = type(v)
  if t == "string" then
    n_out = n_out + 1
    out[n_out] = '"' .. gsub(v, '[%c"\\/\127]', char2escape) .. '"'
  elseif t == "number" then
    n_out = n_out + 1
    out[n_out] = json_append_number(cfg, v)
  elseif t == "boolean" then
    n_out = n_out + 1
    out[n_out] = v and "true" or "false"
  elseif t == "table" then
    current_depth = current_depth + 1
    -- json_check_encode_depth
    if current_depth > cfg.encode_max_depth or current_depth > STACK_LIMIT then
      out = nil
      luaL_error(format("Cannot serialise, excessive nesting (%d)", current_depth))
    end
    local len = lua_array_length(cfg, v)
    if len > 0 then
      json_append_array(cfg, current_depth, v, len)
    else
      json_append_object(cfg, current_depth, v)
    end
  elseif t == "nil" or v == null then
    n_out = n_out + 1
    out[n_out] = "null"
  else
    json_encode_exception(v, "type not supported")
  end
end

-- ===== DECODING =====

local data, cfg                 -- the text, and the configuration of the running decode
local current_depth

local function codepoint_to_utf8(c)
  if c <= 0x7F then
    return char(c)
  elseif c <= 0x7FF then
    return char(0xC0 + floor(c / 64), 0x80 + c % 64)
  elseif c <= 0xFFFF then
    return char(0xE0 + floor(c / 4096), 0x80 + floor(c / 64) % 64, 0x80 + c % 64)
  end
  return char(0xF0 + floor(c / 262144), 0x80 + floor(c / 4096) % 64, 0x80 + floor(c / 64) % 64, 0x80 + c % 64)
end

-- The escape \uXXXX at `p` -> its text and the place behind it; nil if there is something wrong.
local function json_append_unicode_escape(p)
  if not find(data, "^%x%x%x%x", p + 2) then return nil end
  local codepoint = tonumber(sub(data, p + 2, p + 5), 16)
  if codepoint >= 0xDC00 and codepoint <= 0xDFFF then
    return nil
  elseif codepoint >= 0xD800 and codepoint <= 0xDBFF then
    if not find(data, "^\\u%x%x%x%x", p + 6) then return nil end
    local surrogate_low = tonumber(sub(data, p + 8, p + 11), 16)
    if surrogate_low < 0xDC00 or surrogate_low > 0xDFFF then return nil end
    return codepoint_to_utf8((codepoint - 0xD800) * 1024 + surrogate_low - 0xDC00 + 0x10000), p + 12
  end
  return codepoint_to_utf8(codepoint), p + 6
end

-- Tokens: type, value, place behind it, place to be named in an error.
local function json_next_string_token(p)
  p = p + 1
  local e = find(data, '["\\%z]', p)
  if e and byte(data, e) == 34 then return "T_STRING", sub(data, p, e - 1), e + 1 end
  local tmp, n = {}, 0
  while true do
    if not e or byte(data, e) == 0 then
      return "T_ERROR", "unexpected end of string", nil, e or #data + 1
    end
    n = n + 1
    tmp[n] = sub(data, p, e - 1)
    if byte(data, e) == 34 then return "T_STRING", concat(tmp), e + 1 end
    local ch = sub(data, e + 1, e + 1)
    if ch == "u" then
      ch, p = json_append_unicode_escape(e)
      if not ch then return "T_ERROR", "invalid unicode escape code", nil, e end
    else
      ch, p = escape2char[ch], e + 2
      if not ch then return "T_ERROR", "invalid escape code", nil, e end
    end
    n = n + 1
    tmp[n] = ch
    e = find(data, '["\\%z]', p)
  end
end

local function json_is_invalid_number(p)
  local ch = byte(data, p)
  if ch == 43 then return true end                      -- +
  if ch == 45 then p = p + 1 end                        -- -
  ch = byte(data, p) or 0
  if ch == 48 then return find(data, "^[xX%d]", p + 1) ~= nil end
  if ch <= 57 then return false end
  local word = lower(sub(data, p, p + 2))
  return word == "inf" or word == "nan"
end

-- strtod
local function json_next_number_token(p)
  local e = select(2, find(data, "^[+-]?0[xX]%x+", p))
  if e then return "T_NUMBER", tonumber(sub(data, p, e)) or -tonumber(sub(data, p + 1, e)), e + 1 end
  e = select(2, find(data, "^[+-]?%d+%.?%d*", p)) or select(2, find(data, "^[+-]?%.%d+", p))
  if e then
    e = select(2, find(data, "^[eE][+-]?%d+", e + 1)) or e
    return "T_NUMBER", tonumber(sub(data, p, e)), e + 1
  end
  local sign = find(data, "^[+-]", p) and 1 or 0
  local word = lower(sub(data, p + sign, p + sign + 7))
  local negative = byte(data, p) == 45
  if sub(word, 1, 3) == "inf" then
    return "T_NUMBER", negative and -1/0 or 1/0, p + sign + (word == "infinity" and 8 or 3)
  elseif sub(word, 1, 3) == "nan" then
    return "T_NUMBER", negative and 0/0 or -(0/0), p + sign + 3
  end
  return "T_ERROR", "invalid number", nil, p
end

local single = {[123] = "T_OBJ_BEGIN", [125] = "T_OBJ_END", [91] = "T_ARR_BEGIN", [93] = "T_ARR_END", [44] = "T_COMMA",
                [58] = "T_COLON"}

local function json_next_token(p)
  p = find(data, "[^ \t\n\r]", p) or #data + 1
  local ch = byte(data, p)
  local token = single[ch]
  if token then
    return token, nil, p + 1, p
  elseif ch == 34 then
    local t, v, q, index = json_next_string_token(p)
    return t, v, q, index or p
  elseif ch == 0 or not ch then
    return "T_END", nil, p, p
  elseif ch == 45 or ch >= 48 and ch <= 57 then
    if cfg.decode_invalid_numbers == 0 and json_is_invalid_number(p) then
      return "T_ERROR", "invalid number", nil, p
    end
    local t, v, q = json_next_number_token(p)
    return t, v, q, p
  elseif ch == 116 and sub(data, p, p + 3) == "true" then
    return "T_BOOLEAN", true, p + 4, p
  elseif ch == 102 and sub(data, p, p + 4) == "false" then
    return "T_BOOLEAN", false, p + 5, p
  elseif ch == 110 and sub(data, p, p + 3) == "null" then
    return "T_NULL", null, p + 4, p
  elseif (ch == 105 or ch == 73 or ch == 110 or ch == 78 or ch == 43) and cfg.decode_invalid_numbers == 1 and
         json_is_invalid_number(p) then
    local t, v, q = json_next_number_token(p)
    return t, v, q, p
  end
  return "T_ERROR", "invalid token", nil, p
end

local function json_throw_parse_error(exp, token, value, index)
  data = nil
  luaL_error("Expected " .. exp .. " but found " .. (token == "T_ERROR" and value or token) .. " at character " .. index)
end

local function json_decode_descend(p)
  current_depth = current_depth + 1
  if current_depth <= cfg.decode_max_depth and current_depth <= STACK_LIMIT then return end
  data = nil
  luaL_error("Found too many nested data structures (" .. current_depth .. ") at character " .. p - 1)
end

local json_process_value

local function json_parse_object_context(p)
  local t = {}
  json_decode_descend(p)
  local token, v, q, index = json_next_token(p)
  if token == "T_OBJ_END" then
    current_depth = current_depth - 1
    return t, q
  end
  while true do
    if token ~= "T_STRING" then json_throw_parse_error("object key string", token, v, index) end
    local key = v
    token, v, q, index = json_next_token(q)
    if token ~= "T_COLON" then json_throw_parse_error("colon", token, v, index) end
    token, v, q, index = json_next_token(q)
    if token == "T_STRING" or token == "T_NUMBER" then
      t[key] = v
    else
      t[key], q = json_process_value(token, v, q, index)
    end
    token, v, q, index = json_next_token(q)
    if token == "T_OBJ_END" then
      current_depth = current_depth - 1
      return t, q
    end
    if token ~= "T_COMMA" then json_throw_parse_error("comma or object end", token, v, index) end
    token, v, q, index = json_next_token(q)
  end
end

local function json_parse_array_context(p)
  local t = {}
  json_decode_descend(p)
  local token, v, q, index = json_next_token(p)
  if token == "T_ARR_END" then
    current_depth = current_depth - 1
    return t, q
  end
  local i = 0
  while true do
    i = i + 1
    if token == "T_STRING" or token == "T_NUMBER" then
      t[i] = v
    else
      t[i], q = json_process_value(token, v, q, index)
    end
    token, v, q, index = json_next_token(q)
    if token == "T_ARR_END" then
      current_depth = current_depth - 1
      return t, q
    end
    if token ~= "T_COMMA" then json_throw_parse_error("comma or array end", token, v, index) end
    token, v, q, index = json_next_token(q)
  end
end

function json_process_value(token, v, q, index)
  if token == "T_STRING" or token == "T_NUMBER" or token == "T_BOOLEAN" or token == "T_NULL" then
    return v, q
  elseif token == "T_OBJ_BEGIN" then
    return json_parse_object_context(q)
  elseif token == "T_ARR_BEGIN" then
    return json_parse_array_context(q)
  end
  json_throw_parse_error("value", token, v, index)
end

-- ===== INITIALISATION =====

local lua_cjson_new
function lua_cjson_new()
  local config = {encode_sparse_convert = 0, encode_sparse_ratio = 2, encode_sparse_safe = 10, encode_max_depth = 1000,
                  decode_max_depth = 1000, encode_invalid_numbers = 0, decode_invalid_numbers = 1,
                  encode_keep_buffer = 1, encode_number_precision = 14, number_format = "%.14g"}
  local cjson = {}

  function cjson.encode(...)
    if select("#", ...) ~= 1 then bad_argument(1, "encode", "expected 1 argument") end
    local v = ...
    out, n_out = {}, 0
    json_append_data(config, 0, v)
    local pieces = out
    out = nil
    return concat(pieces)
  end

  function cjson.decode(...)
    if select("#", ...) ~= 1 then bad_argument(1, "decode", "expected 1 argument") end
    local s = ...
    if type(s) ~= "string" and type(s) ~= "number" then typerror(1, "decode", "string", s) end
    data, cfg, current_depth = s .. "", config, 0
    if #data >= 2 and (byte(data, 1) == 0 or byte(data, 2) == 0) then
      data = nil
      luaL_error("JSON parser does not support UTF-16 or UTF-32")
    end
    local v, q = json_process_value(json_next_token(1))
    local token, found, _, index = json_next_token(q)
    if token ~= "T_END" then json_throw_parse_error("the end", token, found, index) end
    data = nil
    return v
  end

  function cjson.encode_sparse_array(...)
    local name = "encode_sparse_array"
    json_arg_init(name, 3, select("#", ...))
    local convert, ratio, safe = ...
    return json_enum_option(config, name, 1, convert, "encode_sparse_convert"),
           json_integer_option(config, name, 2, ratio, "encode_sparse_ratio", 0, INT_MAX),
           json_integer_option(config, name, 3, safe, "encode_sparse_safe", 0, INT_MAX)
  end

  function cjson.encode_max_depth(...)
    json_arg_init("encode_max_depth", 1, select("#", ...))
    return (json_integer_option(config, "encode_max_depth", 1, (...), "encode_max_depth", 1, INT_MAX))
  end

  function cjson.decode_max_depth(...)
    json_arg_init("decode_max_depth", 1, select("#", ...))
    return (json_integer_option(config, "decode_max_depth", 1, (...), "decode_max_depth", 1, INT_MAX))
  end

  function cjson.encode_number_precision(...)
    json_arg_init("encode_number_precision", 1, select("#", ...))
    local v = json_integer_option(config, "encode_number_precision", 1, (...), "encode_number_precision", 1, 14)
    config.number_format = "%." .. v .. "g"
    return v
  end

  function cjson.encode_keep_buffer(...)
    json_arg_init("encode_keep_buffer", 1, select("#", ...))
    return (json_enum_option(config, "encode_keep_buffer", 1, (...), "encode_keep_buffer"))
  end

  function cjson.encode_invalid_numbers(...)
    json_arg_init("encode_invalid_numbers", 1, select("#", ...))
    return (json_enum_option(config, "encode_invalid_numbers", 1, (...), "encode_invalid_numbers",
                             {[0] = "off", "on", "null"}))
  end

  function cjson.decode_invalid_numbers(...)
    json_arg_init("decode_invalid_numbers", 1, select("#", ...))
    return (json_enum_option(config, "decode_invalid_numbers", 1, (...), "decode_invalid_numbers"))
  end

  cjson.new = lua_cjson_new
  cjson.null = null
  cjson._NAME = "cjson"
  cjson._VERSION = "2.1.0"
  return cjson
end

return lua_cjson_new()
"""
