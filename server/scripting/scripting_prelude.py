"""scripting_prelude.py - what runs inside the interpreter.             Mirrors src/scripting.c (6.2.14) and src/rand.c

Lives here   Lua source: the redis table (redis.call and its sisters), both type conversions, math.random, the hooks, the
             runner of a script, and the sandbox that closes over all of it.  Functions that exist in C keep its names.
Called from  scripting.scripting_runtime, once for each interpreter [command].
Calls out    the Python functions that are passed to the chunk; they take and return plain values only.
State        upvalues of the chunk; nothing of it can be reached from a script, the debug library is gone.
Invariant    INVARIANT: the globals of a script hold no Python object, and no table that a script can write to.  A shared
             table is an empty proxy before the real one; `readonly` knows which; every builtin that writes to a table
             without asking its metatable looks there first.
             INVARIANT: the Python functions do not raise: an exception would cross the script as a Python object.
Departures   D-80 to D-82, D-85.
"""

# The name of the helpers' chunk; frames with this name are ours, and an error is reported for their caller.
HELPER = b"@aeredis"

# ORDER: the concatenation must stand in line 9, where the C server has it: an error object that is no string fails there,
# and the text of that failure names the line.
err_handler_def = b"""local getinfo = ...
return function(err)
  local level = 2
  local i = getinfo(2,'Sl')
  if i and i.what == 'C' then level = 3 i = getinfo(3,'Sl') end
  while i and (i.source == '@aeredis' or level > 3 and i.what == 'tail') do
    level = level + 1 i = getinfo(level,'Sl') end
  if i then
    return i.source .. ':' .. i.currentline .. ': ' .. err
  else
    return err
  end
end
"""

PRELUDE = rb"""
local redis__err__handler, luaRedisGenericCommand, luaLogCommand, sha1hex, luaRedisReplicateCommandsCommand,
      luaRedisSetReplCommand, luaSetResp, luaMaskCountHook, luaLdbLineHook, luaRedisBreakpointCommand,
      luaRedisDebugCommand, lua_push_args = ...
local G, type, error, select, next, tonumber, tostring, unpack, xpcall, pcall, rawget, rawset, setmetatable, getmetatable =
      _G, type, error, select, next, tonumber, tostring, unpack, xpcall, pcall, rawget, rawset, setmetatable, getmetatable
local pairs, loadstring, load, getfenv, setfenv, newproxy, collectgarbage =
      pairs, loadstring, load, getfenv, setfenv, newproxy, collectgarbage
local getinfo, getlocal, sethook, debug_getmetatable = debug.getinfo, debug.getlocal, debug.sethook, debug.getmetatable
local byte, find, format, gsub, sub, dump, char =
      string.byte, string.find, string.format, string.gsub, string.sub, string.dump, string.char
local concat, sort, tinsert = table.concat, table.sort, table.insert
local floor, fmod = math.floor, math.fmod
local create, resume = coroutine.create, coroutine.resume
local traceback = debug.traceback

local engine = {}               -- what Python calls
local resp = 2                  -- protocol of the script's client (redis.setresp)
local ldb_active = false        -- the script is being debugged
local in_script = false         -- between the start and the end of a script's body
local readonly = {}             -- proxy -> the table behind it
local protected = {}            -- our functions: to a script they are C functions
local funcs = {}                -- sha -> compiled script; C: the registry
local READONLY = "Attempt to modify a readonly table"

-- ---------------------------------------------------------------------------
-- Redis reply to Lua type conversion functions.
-- ---------------------------------------------------------------------------

local verbatim_caller           -- redis.call or redis.pcall, whichever runs

-- From the reply `s` at `p` -> the value, and the place behind it.
local function redisProtocolToLuaType(s, p)
  local t = byte(s, p)
  local e = find(s, "\r", p, true)
  if t == 36 then                                       -- $  redisProtocolToLuaType_Bulk
    local len = tonumber(sub(s, p + 1, e - 1))
    if len == -1 then return false, e + 2 end
    return sub(s, e + 2, e + 1 + len), e + len + 4
  elseif t == 58 then                                   -- :  redisProtocolToLuaType_Int
    return tonumber(sub(s, p + 1, e - 1)), e + 2
  elseif t == 43 then                                   -- +  redisProtocolToLuaType_Status
    return {ok = sub(s, p + 1, e - 1)}, e + 2
  elseif t == 45 then                                   -- -  redisProtocolToLuaType_Error
    return {err = sub(s, p + 1, e - 1)}, e + 2
  elseif t == 42 or resp == 2 and (t == 37 or t == 126) then    -- *  redisProtocolToLuaType_Aggregate
    local len = tonumber(sub(s, p + 1, e - 1))
    p = e + 2
    if len == -1 then return false, p end
    local a = {}
    for j = 1, len do
      a[j], p = redisProtocolToLuaType(s, p)
    end
    return a, p
  elseif t == 37 then                                   -- %
    local len = tonumber(sub(s, p + 1, e - 1))
    local a, k, v = {}
    p = e + 2
    for j = 1, len do
      k, p = redisProtocolToLuaType(s, p)
      v, p = redisProtocolToLuaType(s, p)
      a[k] = v
    end
    return {map = a}, p
  elseif t == 126 then                                  -- ~
    local len = tonumber(sub(s, p + 1, e - 1))
    local a, k = {}
    p = e + 2
    for j = 1, len do
      k, p = redisProtocolToLuaType(s, p)
      a[k] = true
    end
    return {set = a}, p
  elseif t == 95 then                                   -- _  redisProtocolToLuaType_Null
    return nil, e + 2
  elseif t == 35 then                                   -- #  redisProtocolToLuaType_Bool
    return byte(s, p + 1) == 116, e + 2
  elseif t == 44 then                                   -- ,  redisProtocolToLuaType_Double
    return {double = tonumber(sub(s, p + 1, e - 1))}, e + 2
  elseif t == 61 then                                   -- =  verbatim: C pushes nothing, and what it then finds on its
    return verbatim_caller, e + 2                       -- stack is the function that was called
  end
  return nil, (e or p) + 2
end

-- Raise `msg` with the position of the script's code that called one of our functions; C functions leave no frames.
local function luaL_error(msg)
  local level = 2
  local i = getinfo(2, "Sl")
  while i and (i.source == "@aeredis" or i.what == "tail") do
    level = level + 1
    i = getinfo(level, "Sl")
  end
  if i and i.currentline > 0 then msg = i.short_src .. ":" .. i.currentline .. ": " .. msg end
  error(msg, 0)
end

-- The error text of redis.call for the caller of the helper that runs at level `level` - 1.
local function luaPushError(msg, level)
  if ldb_active then luaLdbLineHook("pusherror", msg) end
  local i = getinfo(level, "Sl")
  if i and i.what == "tail" then                        -- a tail call that luaCreateFunction could not see
    return "@user_script: 1: " .. msg
  elseif i then
    return i.source .. ": " .. i.currentline .. ": " .. msg
  end
  return msg
end

-- ---------------------------------------------------------------------------
-- Lua reply to Redis reply conversion functions.
-- ---------------------------------------------------------------------------

local c_resp, buf, parts        -- protocol of the caller; pieces of protocol; {protocol, error, protocol, error, ...}

local function reply_error(msg)
  local n = #parts
  if n > 2000 then              -- what the interpreter can return has a limit: the rest is not counted as errors
    buf[#buf + 1] = "-" .. gsub(msg, "[\r\n]", " ") .. "\r\n"
    return
  end
  parts[n + 1] = concat(buf)
  parts[n + 2] = msg
  buf = {}
end

-- Append the reply for `v`.  `top` counts as the C server's stack would, which refuses to grow over 8000 slots.
local function luaReplyToRedisReply(v, top)
  if top + 4 > 8000 then
    reply_error("ERR reached lua stack limit")
    return
  end
  local t = type(v)
  if t == "string" then
    buf[#buf + 1] = "$" .. #v .. "\r\n"
    buf[#buf + 1] = v
    buf[#buf + 1] = "\r\n"
  elseif t == "number" then
    buf[#buf + 1] = format(":%d\r\n", v)
  elseif t == "boolean" then
    if resp == 2 then
      buf[#buf + 1] = v and ":1\r\n" or c_resp == 2 and "$-1\r\n" or "_\r\n"
    elseif c_resp == 2 then
      buf[#buf + 1] = v and ":1\r\n" or ":0\r\n"
    else
      buf[#buf + 1] = v and "#t\r\n" or "#f\r\n"
    end
  elseif t == "table" then
    local f = rawget(v, "err")
    if type(f) == "string" then
      reply_error(f)
      return
    end
    f = rawget(v, "ok")
    if type(f) == "string" then
      f = sub(f, 1, (find(f, "\0", 1, true) or #f + 1) - 1)
      buf[#buf + 1] = "+" .. gsub(f, "[\r\n]", " ") .. "\r\n"
      return
    end
    f = rawget(v, "double")
    if type(f) == "number" then                         -- addReplyDouble
      f = f == 1/0 and "inf" or f == -1/0 and "-inf" or format("%.17g", f)
      buf[#buf + 1] = c_resp == 2 and "$" .. #f .. "\r\n" .. f .. "\r\n" or "," .. f .. "\r\n"
      return
    end
    f = rawget(v, "map")
    if type(f) == "table" then
      local len = 0
      for _ in next, f do len = len + 1 end
      buf[#buf + 1] = c_resp == 2 and "*" .. len * 2 .. "\r\n" or "%" .. len .. "\r\n"
      for k, e in next, f do
        luaReplyToRedisReply(k, top + 4)
        luaReplyToRedisReply(e, top + 3)
      end
      return
    end
    f = rawget(v, "set")
    if type(f) == "table" then
      local len = 0
      for _ in next, f do len = len + 1 end
      buf[#buf + 1] = (c_resp == 2 and "*" or "~") .. len .. "\r\n"
      for k in next, f do
        luaReplyToRedisReply(k, top + 3)
      end
      return
    end
    local len = 0
    while rawget(v, len + 1) ~= nil do len = len + 1 end
    buf[#buf + 1] = "*" .. len .. "\r\n"
    for j = 1, len do
      luaReplyToRedisReply(rawget(v, j), top + 1)
    end
  else
    buf[#buf + 1] = c_resp == 2 and "$-1\r\n" or "_\r\n"
  end
end

-- ---------------------------------------------------------------------------
-- Redis provided math.random
-- ---------------------------------------------------------------------------

-- rand.c's 48 bit generator, in two halves so that every product fits a double: x = x1 * 2^24 + x0.
local x1, x0 = 0, 0

local function redisSrand48(seedval)
  local x = (seedval % 4294967296) * 65536 + 13070      -- X0: 0x330E
  x1, x0 = floor(x / 16777216), x % 16777216
end

local function redisLrand48()
  -- x = x * 0x5DEECE66D + 11 mod 2^48;  0x5DEECE66D = 1502 * 2^24 + 15525485
  local lo = x0 * 15525485 + 11
  local carry = floor(lo / 16777216)
  x1 = ((x1 * 15525485) % 16777216 + x0 * 1502 + carry) % 16777216
  x0 = lo % 16777216
  return x1 * 128 + floor(x0 / 131072)                  -- the upper 31 bits
end

-- What the script calls the function of ours that has a bad argument: '?' when a C function called it, as pcall does.
-- `name` is what C would find where the script has left by a tail call.
local function called_name(name)
  local level, last = 3
  local i = getinfo(3, "Sn")
  while i and i.source == "@aeredis" do
    level, last = level + 1, i
    i = getinfo(level, "Sn")
  end
  if i and i.what == "C" then return "?" end
  return i and i.what ~= "tail" and last and last.name or name
end

-- luaL_argerror; luaL_typerror
local function bad_argument(narg, name, what)
  name = called_name(name)
  luaL_error("bad argument #" .. narg .. " to '" .. name .. "' (" .. what .. ")")
end

local function typerror(narg, name, expected, v, n)
  name = called_name(name)
  luaL_error("bad argument #" .. narg .. " to '" .. name .. "' (" .. expected .. " expected, got " ..
             (n and n < narg and "no value" or type(v)) .. ")")
end

-- luaL_checkint: a double into an int

local function to_int(v)
  v = v < 0 and -floor(-v) or floor(v)
  v = v % 4294967296
  return v >= 2147483648 and v - 4294967296 or v
end

local function redis_math_random(...)
  local n = select("#", ...)
  local r = (redisLrand48() % 2147483647) / 2147483647
  if n == 0 then
    return r
  elseif n == 1 then
    local u = tonumber((...))
    if not u then typerror(1, "random", "number", (...), n) end
    u = to_int(u)
    if 1 > u then bad_argument(1, "random", "interval is empty") end
    return floor(r * u) + 1
  elseif n == 2 then
    local l, u = ...
    local a, b = tonumber(l), tonumber(u)
    if not a then typerror(1, "random", "number", l, n) end
    if not b then typerror(2, "random", "number", u, n) end
    a, b = to_int(a), to_int(b)
    if a > b then bad_argument(2, "random", "interval is empty") end
    return floor(r * (b - a + 1)) + a
  end
  luaL_error("wrong number of arguments")
end

local function redis_math_randomseed(...)
  local v = ...
  local n = tonumber(v)
  if not n or type(v) == "boolean" then typerror(1, "randomseed", "number", v, select("#", ...)) end
  redisSrand48(to_int(n))
end

-- ---------------------------------------------------------------------------
-- Lua redis.* functions implementations.
-- ---------------------------------------------------------------------------

local killed = false            -- the script must end: SCRIPT KILL, or the server is going down

local hook, run
function hook(event, line)
  if not in_script then return end
  if killed or luaMaskCountHook() then
    if getinfo(2, "f").func == run then return end      -- the script is over, nobody would catch the error
    -- From now on at every line, so that no pcall of the script can go on for long.
    sethook(hook, "l")
    error("Script killed by user with SCRIPT KILL...", 0)
  end
end

local redis = {}

-- One call takes fewer than 8000 arguments: the others go ahead in portions.
local function many_arguments(...)
  local n, a = select("#", ...), {...}
  for j = 1, n do
    if a[j] == 0 then a[j] = 1 / a[j] < 0 and "-0" or "0" end
  end
  for j = 1, n, 4000 do
    lua_push_args(unpack(a, j, j + 3999 < n and j + 3999 or n))
  end
  return luaRedisGenericCommand()
end

-- What luaRedisGenericCommand returns: a value; or something to be made into one here, and what it is.
--   nil  the value itself        1  a reply, not converted yet       2  the error of the command, without its dash
--   3    a reply to be sorted    4  an error of ours, its position is wanted      5  the server stops
--   6    there is a zero among the arguments: integers have no sign of zero, so ask once more with text
local function zeros_as_text(...)
  local a, n = {...}, select("#", ...)
  for j = 1, n do
    if a[j] == 0 then a[j] = 1 / a[j] < 0 and "-0" or "0" end
  end
  return luaRedisGenericCommand(unpack(a, 1, n))
end

function redis.call(...)
  local v, k
  if select("#", ...) <= 4000 then
    v, k = luaRedisGenericCommand(...)
    if k == 6 then v, k = zeros_as_text(...) end
  else
    v, k = many_arguments(...)
  end
  if not k then
    return v
  elseif k == 1 then
    verbatim_caller = redis.call
    v = redisProtocolToLuaType(v, 1)
    return v
  elseif k == 2 then
    error(v, 0)
  elseif k == 3 then
    v = redisProtocolToLuaType(v, 1)
    sort(v)                                             -- luaSortArray
    return v
  elseif k == 5 then
    killed = true
    sethook(hook, "l")
    error(v, 0)
  end
  error(luaPushError(v, 3), 0)
end

function redis.pcall(...)
  local v, k
  if select("#", ...) <= 4000 then
    v, k = luaRedisGenericCommand(...)
    if k == 6 then v, k = zeros_as_text(...) end
  else
    v, k = many_arguments(...)
  end
  if not k then
    return v
  elseif k == 1 then
    verbatim_caller = redis.pcall
    v = redisProtocolToLuaType(v, 1)
    return v
  elseif k == 2 then
    return {err = v}
  elseif k == 3 then
    v = redisProtocolToLuaType(v, 1)
    sort(v)
    return v
  elseif k == 5 then
    killed = true
    sethook(hook, "l")
    error(v, 0)
  end
  return {err = luaPushError(v, 3)}
end

-- A library function in Python returns true and its results, or false and an error: with its position if there is a third.
local function finish(ok, ...)
  if ok then return ... end
  local msg, where = ...
  if where then
    -- One level "tail" stands for the function that engine.wrap made; above it is who called that.
    local i = getinfo(3, "S")
    if i and i.what == "C" then msg = gsub(msg, "^(bad argument #%-?%d+ to )'[^']*'", "%1'?'") end
    luaL_error(msg)
  end
  error(msg, 0)
end

function redis.log(...)
  return finish(luaLogCommand(...))
end

function redis.sha1hex(...)
  if select("#", ...) ~= 1 then error("wrong number of arguments", 0) end
  local s = ...
  return sha1hex((type(s) == "string" or type(s) == "number") and tostring(s) or "")
end

-- luaRedisReturnSingleFieldTable
function redis.error_reply(...)
  local s = ...
  if select("#", ...) ~= 1 or type(s) ~= "string" then
    return {err = luaPushError("wrong number or type of arguments", 3)}
  end
  return {err = s}
end

function redis.status_reply(...)
  local s = ...
  if select("#", ...) ~= 1 or type(s) ~= "string" then
    return {err = luaPushError("wrong number or type of arguments", 3)}
  end
  return {ok = s}
end

function redis.replicate_commands()
  local seed = luaRedisReplicateCommandsCommand()
  if not seed then return false end
  redisSrand48(seed)
  return true
end

function redis.set_repl(...)
  return finish(luaRedisSetReplCommand(select("#", ...), tonumber((...)) or 0))
end

function redis.setresp(...)
  if select("#", ...) ~= 1 then error("redis.setresp() requires one argument.", 0) end
  local n = to_int(tonumber((...)) or 0)
  if n ~= 2 and n ~= 3 then error("RESP version must be 2 or 3.", 0) end
  luaSetResp(n)
  resp = n
end

function redis.breakpoint()
  return luaRedisBreakpointCommand()
end

-- ---------------------------------------------------------------------------
-- LDB: what the debugger shows of the interpreter (the rest is in scripting_ldb)
-- ---------------------------------------------------------------------------

local function sdscatrepr(s)
  return '"' .. gsub(s, '[%z\1-\31\127-\255\\"]', function(ch)
    if ch == "\\" or ch == '"' then return "\\" .. ch
    elseif ch == "\n" then return "\\n"
    elseif ch == "\r" then return "\\r"
    elseif ch == "\t" then return "\\t"
    elseif ch == "\a" then return "\\a"
    elseif ch == "\b" then return "\\b" end
    return format("\\x%02x", byte(ch))
  end) .. '"'
end

local function ldbCatStackValue(v, level)
  if level == 10 then return "<max recursion level reached! Nested table?>" end
  local t = type(v)
  if t == "string" then
    return sdscatrepr(v)
  elseif t == "number" then
    return format("%g", v)
  elseif t == "boolean" or t == "nil" then
    return tostring(v)
  elseif t == "table" then
    local expected_index, is_array = 1, true
    local repr1, repr2 = {}, {}
    for k, e in next, v do
      if k ~= expected_index then is_array = false end
      local value = ldbCatStackValue(e, level + 1)
      repr1[#repr1 + 1] = value
      repr2[#repr2 + 1] = "[" .. ldbCatStackValue(k, level + 1) .. "]=" .. value
      expected_index = expected_index + 1
    end
    return "{" .. concat(is_array and repr1 or repr2, "; ") .. "}"
  end
  return '"' .. t .. "@" .. (t == "userdata" and "?" or gsub(tostring(v), "^%a+: ", "")) .. '"'
end

-- Level 3 of the functions below is the script's function that the hook has stopped in.

local function ldbPrint(varname, globals)
  local l = 3
  while getinfo(l, "l") do
    local i = 1
    while true do
      local name, v = getlocal(l, i)
      if not name then break end
      if name == varname then return "<value> " .. ldbCatStackValue(v, 0) end
      i = i + 1
    end
    l = l + 1
  end
  if varname == "ARGV" or varname == "KEYS" then return "<value> " .. ldbCatStackValue(globals[varname], 0) end
  return "No such variable."
end

local function ldbPrintAll()
  local lines, i = {}, 1
  while true do
    local name, v = getlocal(3, i)
    if not name then break end
    if not find(name, "(*temporary)", 1, true) then
      lines[#lines + 1] = "<value> " .. name .. " = " .. ldbCatStackValue(v, 0)
    end
    i = i + 1
  end
  if #lines == 0 then return "No local variables in the current context." end
  return unpack(lines)
end

local function ldbEval(code)
  local f, err = loadstring("return " .. code, "@ldb_eval")
  if not f then
    f, err = loadstring(code, "@ldb_eval")
    if not f then return "<error> " .. err end
  end
  local ok, v = pcall(f)
  if not ok then return "<error> " .. tostring(v) end
  return "<retval> " .. ldbCatStackValue(v, 0)
end

local function ldbTrace()
  local found, l = {}, 3
  while true do
    local i = getinfo(l, "Snl")
    if not i then break end
    if find(i.short_src, "user_script", 1, true) then
      found[#found + 1] = l - 3
      found[#found + 1] = i.name or false
      found[#found + 1] = i.currentline
    end
    l = l + 1
  end
  return unpack(found)
end

local ldb_globals

local function ldb_request(req, ...)
  if req == "redis" then return req, {...} end
  return req, ...
end

function engine.ldb_hook(event)
  if not in_script then return end
  local i = getinfo(2, "Sl")
  if i.source == "@aeredis" then return end             -- C has no lines in there
  local req, a = ldb_request(luaLdbLineHook(event, i.currentline, i.short_src))
  -- Written out in this one function: the levels of the stack are counted.
  while req do
    if req == "error" then
      error(a, 0)
    elseif req == "print" then
      local line = ldbPrint(a, ldb_globals)
      req, a = ldb_request(luaLdbLineHook("value", line))
    elseif req == "printall" then
      req, a = ldb_request(luaLdbLineHook("values", ldbPrintAll()))
    elseif req == "eval" then
      local line = ldbEval(a)
      req, a = ldb_request(luaLdbLineHook("value", line))
    elseif req == "redis" then
      pcall(redis.call, unpack(a))
      req, a = ldb_request(luaLdbLineHook("redis"))
    elseif req == "trace" then
      req, a = ldb_request(luaLdbLineHook("trace", ldbTrace()))
    end
  end
end

function redis.debug(...)
  if not ldb_active then return end
  local texts = {}
  for j = 1, select("#", ...) do texts[j] = ldbCatStackValue((select(j, ...)), 0) end
  luaRedisDebugCommand(concat(texts, ", "))
end

redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
redis.REPL_NONE, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_ALL = 0, 1, 2, 2, 3

-- ---------------------------------------------------------------------------
-- Builtins that must know about the read-only tables
-- ---------------------------------------------------------------------------

local builtins = {}

-- A copy: the table behind a proxy is never given away.
local function copy_of(t)
  local c = {}
  for k, v in next, readonly[t] do c[k] = v end
  return c
end

function builtins.pairs(...)
  local t = ...
  if readonly[t] then
    return next, copy_of(t), nil
  elseif type(t) ~= "table" then
    typerror(1, "pairs", "table", t, select("#", ...))
  end
  return next, t, nil
end

function builtins.next(t, k)
  local h = readonly[t]
  if h then
    return next(h, k)
  elseif type(t) ~= "table" then
    typerror(1, "next", "table", t)
  end
  return next(t, k)
end

function builtins.rawget(t, k)
  local h = readonly[t]
  if type(t) ~= "table" then typerror(1, "rawget", "table", t) end
  return rawget(h or t, k)
end

function builtins.rawset(...)
  local t, k, v = ...
  if readonly[t] then error(READONLY, 0) end
  local n = select("#", ...)
  if type(t) ~= "table" then typerror(1, "rawset", "table", t, n) end
  if n < 3 then bad_argument(n + 1, "rawset", "value expected") end
  return rawset(t, k, v)
end

function builtins.getmetatable(...)
  local t = ...
  if select("#", ...) == 0 then bad_argument(1, "getmetatable", "value expected") end
  local mt = getmetatable(t)
  return mt or nil
end

-- Lua 5.1 computes the number of results in an int, which overflows (CVE-2025-46817).
function builtins.unpack(...)
  local t, first, last = ...
  local n = select("#", ...)
  if type(t) ~= "table" then typerror(1, "unpack", "table", t, n) end
  local i, e = 1
  if first ~= nil then
    i = type(first) ~= "boolean" and tonumber(first)
    if not i then typerror(2, "unpack", "number", first) end
    i = to_int(i)
  end
  if last ~= nil then
    e = type(last) ~= "boolean" and tonumber(last)
    if not e then typerror(3, "unpack", "number", last) end
    e = to_int(e)
  else
    e = #t
  end
  if e - i + 1 + n > 8000 then luaL_error("too many results to unpack") end
  return unpack(...)
end

function builtins.setmetatable(...)
  local t, mt = ...
  local n = select("#", ...)
  if readonly[t] then error(READONLY, 0) end
  if type(t) ~= "table" then typerror(1, "setmetatable", "table", t, n) end
  if n < 2 or mt ~= nil and type(mt) ~= "table" then bad_argument(2, "setmetatable", "nil or table expected") end
  local old = debug_getmetatable(t)
  if old and rawget(old, "__metatable") ~= nil then luaL_error("cannot change a protected metatable") end
  return setmetatable(t, mt)
end

function builtins.setfenv(...)
  local f, t = ...
  local n = select("#", ...)
  if type(t) ~= "table" then typerror(2, "setfenv", "table", t, n) end
  if type(f) ~= "function" then
    local level = tonumber(f)
    if not level then typerror(1, "setfenv", "number", f, n) end
    level = to_int(level)
    if level < 0 then bad_argument(1, "setfenv", "level must be non-negative") end
    local i = getinfo(level + 1, "f")
    if not i then bad_argument(1, "setfenv", "invalid level") end
    if level == 0 or not i.func then luaL_error("'setfenv' cannot change environment of given object") end
    f = i.func
  end
  local i = getinfo(f, "S")
  if i.what == "C" or i.source == "@aeredis" or i.source == "@err_handler_def" then
    luaL_error("'setfenv' cannot change environment of given object")
  end
  return setfenv(f, t)
end

-- The text that the parser has for the first byte of compiled code.
local function chunkid(name)
  name = sub(name, 1, (find(name, "\0", 1, true) or #name + 1) - 1)    -- a C string
  local first = byte(name, 1)
  if first == 61 then                                   -- =
    return sub(name, 2, 60)
  elseif first == 64 then                               -- @
    name = sub(name, 2)
    return #name > 52 and "..." .. sub(name, -49) or name
  end
  local line = sub(name, 1, (find(name, "[\r\n]") or #name + 1) - 1)
  if #line < #name or #line > 45 then line = sub(line, 1, 42) .. "..." end
  return "[string \"" .. line .. "\"]"
end

local function compile(s, name)
  if byte(s, 1) == 27 then
    return nil, chunkid(name) .. ":1: unexpected symbol near 'char(27)'"
  end
  return loadstring(s, name)
end

function builtins.loadstring(...)
  local s, name = ...
  local n = select("#", ...)
  if type(s) ~= "string" and type(s) ~= "number" then typerror(1, "loadstring", "string", s, n) end
  s = tostring(s)
  if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then
    typerror(2, "loadstring", "string", name, n)
  end
  return compile(s, name == nil and s or tostring(name))
end

function builtins.load(...)
  local f, name = ...
  local n = select("#", ...)
  if type(f) ~= "function" then typerror(1, "load", "function", f, n) end
  if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then typerror(2, "load", "string", name, n) end
  local started, binary = false, false
  local function reader()
    local s = f()
    if s == nil or s == "" then return nil end
    if type(s) ~= "string" and type(s) ~= "number" then luaL_error("reader function must return a string") end
    if not started then
      started = true
      if byte(s, 1) == 27 then
        binary = true
        return nil
      end
    end
    return s
  end
  name = name == nil and "=(load)" or tostring(name)
  local chunk, err = load(reader, name)
  if binary then return compile("\27", name) end
  return chunk, err
end

local null_value                -- cjson.null; in C it is a light userdata, which newproxy knows nothing of

function builtins.newproxy(v)
  local ok, proxy = pcall(newproxy, v)
  if not ok or v == null_value and v ~= nil then bad_argument(1, "newproxy", "boolean or proxy expected") end
  return proxy
end

local table_lib, string_lib, math_lib, coroutine_lib = {}, {}, {}, {}

function table_lib.insert(t, ...)
  if readonly[t] then error(READONLY, 0) end
  local n = select("#", ...)
  if type(t) ~= "table" then typerror(1, "insert", "table", t, t == nil and n == 0 and 0) end
  if n == 1 then
    local v = ...
    return tinsert(t, v)
  elseif n == 2 then
    local pos = ...
    if not tonumber(pos) then typerror(2, "insert", "number", pos) end
    return tinsert(t, ...)
  end
  luaL_error("wrong number of arguments to 'insert'")
end

function table_lib.foreach(t, f)
  if type(t) ~= "table" then typerror(1, "foreach", "table", t) end
  if type(f) ~= "function" then typerror(2, "foreach", "function", f) end
  for k, v in next, readonly[t] and copy_of(t) or t do
    local r = f(k, v)
    if r ~= nil then return r end
  end
end

function string_lib.dump(...)
  local f = ...
  if type(f) ~= "function" then typerror(1, "dump", "function", f, select("#", ...)) end
  local ok, code = pcall(dump, f)
  if not ok or protected[f] then luaL_error("unable to dump given function") end
  return code
end

-- The hook of a thread is its own: a new coroutine gets it from us, or it could not be stopped.
local hook_event, hook_count = nil, 0

local function new_coroutine(f, name)
  if type(f) ~= "function" or protected[f] or getinfo(f, "S").what == "C" then
    bad_argument(1, name, "Lua function expected")
  end
  local co = create(f)
  if killed then
    sethook(co, hook, "l")
  elseif hook_event then
    sethook(co, hook_event, ldb_active and "l" or "", hook_count)
  end
  return co
end

function coroutine_lib.create(f)
  local co = new_coroutine(f, "create")
  return co
end

local function wrap_finish(ok, ...)
  if ok then return ... end
  local msg = ...
  if type(msg) == "string" or type(msg) == "number" then luaL_error(msg) end
  error(msg, 0)
end

function coroutine_lib.wrap(f)
  local co = new_coroutine(f, "wrap")
  local wrapped = function(...)
    return wrap_finish(resume(co, ...))
  end
  return wrapped
end

math_lib.random, math_lib.randomseed = redis_math_random, redis_math_randomseed

-- ---------------------------------------------------------------------------
-- Lua engine initialization
-- ---------------------------------------------------------------------------

-- luaSetTableProtectionRecursively, for one table: the proxy that scripts see.
local function modify_error() luaL_error(READONLY) end

local function protect(t, proxy)
  proxy = proxy or {}
  readonly[proxy] = t
  for _, f in next, t do
    if type(f) == "function" and getinfo(f, "S").what ~= "C" then protected[f] = true end
  end
  return setmetatable(proxy, {__index = t, __newindex = modify_error, __metatable = false})
end

local function luaProtectedTableError(...)
  if not in_script then return nil end                  -- lupa looks for debug.traceback before every call
  if select("#", ...) ~= 2 then luaL_error("Wrong number of arguments to luaProtectedTableError") end
  local _, name = ...
  if type(name) ~= "string" and type(name) ~= "number" then
    luaL_error("Second argument to luaProtectedTableError must be a string or number")
  end
  luaL_error("Script attempted to access nonexistent global variable '" .. name .. "'")
end

local H = {}                    -- the globals that scripts see; KEYS and ARGV are set here
ldb_globals = H

-- Called once, when the libraries are loaded: `libs` name, functions, name, functions, ...
function engine.seal(null, ...)
  null_value = null
  for _, name in next, {"xpcall", "tostring", "getfenv", "assert", "tonumber", "rawequal", "collectgarbage", "pcall",
                        "type", "select", "unpack", "gcinfo", "ipairs", "_VERSION", "error", "print"} do
    H[name] = rawget(G, name)
  end
  for name, f in next, builtins do H[name] = f end
  local native = {string = string_lib, table = table_lib, math = math_lib, coroutine = coroutine_lib}
  local stock = {string = string, table = table, math = math, coroutine = coroutine}
  local strings
  for name, lib in next, native do
    local all = {}
    for k, v in next, stock[name] do all[k] = v end
    for k, v in next, lib do all[k] = v end
    H[name] = protect(all)
    if name == "string" then strings = all end
  end
  for j = 1, select("#", ...), 2 do
    local name, lib = select(j, ...)
    H[name] = protect(lib)
  end
  H.redis = protect(redis)
  H._G = G
  H.__redis__err__handler = redis__err__handler
  for _, f in next, H do
    if type(f) == "function" and getinfo(f, "S").what ~= "C" then protected[f] = true end
  end
  -- ("x"):upper() and getmetatable("") see the same functions as string.upper, and cannot change them.
  local mt = debug_getmetatable("")
  mt.__index = strings
  mt.__metatable = protect({__index = H.string})
  -- What the interpreter came with goes: os, io, package, debug, python, ...
  local names = {}
  for name in next, G do names[#names + 1] = name end
  for _, name in next, names do rawset(G, name, nil) end
  protected[luaProtectedTableError] = true
  setmetatable(H, {__index = luaProtectedTableError})
  protect(H, G)
  debug_getmetatable(G).__metatable = protect({__index = luaProtectedTableError})
  stock, native, names = nil, nil, nil
end

-- ---------------------------------------------------------------------------
-- EVAL and SCRIPT commands implementation
-- ---------------------------------------------------------------------------

-- Compile -> true; or false, message.  `patch` may give back compiled code to be used in place of the dumped one.
function engine.luaCreateFunction(sha, body)
  local f, err = compile(body, "@user_script")
  if not f then return false, err end
  funcs[sha] = f
  return true
end

function engine.dump_function(sha)
  return dump(funcs[sha])
end

function engine.replace_function(sha, code)
  funcs[sha] = loadstring(code, "@user_script") or funcs[sha]
end

local args, nargs = {}, 0       -- arguments of an EVAL that has too many for one call

function engine.push_args(...)
  local n = select("#", ...)
  local a = {...}
  for j = 1, n do args[nargs + j] = a[j] end
  nargs = nargs + n
end

local gc_count = 0

-- Run a script -> the reply as protocol; or 0, message.  Errors inside of the reply stand between pieces of protocol.
function run(sha, client_resp, hook_mode, numkeys, ...)
  local n = select("#", ...)
  local keys, argv
  if nargs > 0 then
    keys, n = args, nargs
    args, nargs = {}, 0
  else
    keys = {...}
  end
  if numkeys == n then
    argv = {}
  elseif numkeys == 0 then
    keys, argv = {}, keys
  else
    argv = {}
    for j = n, numkeys + 1, -1 do
      argv[j - numkeys] = keys[j]
      keys[j] = nil
    end
  end
  H.KEYS, H.ARGV = keys, argv                           -- luaSetGlobalArray
  redisSrand48(0)
  resp = 2
  killed = false
  ldb_active = hook_mode == 2
  if hook_mode == 1 then
    hook_event, hook_count = hook, 100000
    sethook(hook, "", 100000)
  elseif hook_mode == 2 then
    hook_event, hook_count = engine.ldb_hook, 100000
    sethook(engine.ldb_hook, "l", 100000)
  else
    hook_event = nil
  end
  in_script = true
  local ok, v = xpcall(funcs[sha], redis__err__handler)
  in_script = false
  if hook_mode ~= 0 then sethook() end
  gc_count = gc_count + 1
  if gc_count >= 50 then                                -- LUA_GC_CYCLE_PERIOD
    gc_count = 0
    collectgarbage("step", 50)
  end
  if not ok then
    return 0, (type(v) == "string" or type(v) == "number") and tostring(v) or "(null)"
  end
  c_resp = client_resp
  local t = type(v)
  if t == "string" then
    return "$" .. #v .. "\r\n" .. v .. "\r\n"
  elseif t == "number" then
    return format(":%d\r\n", v)
  end
  buf, parts = {}, {}
  luaReplyToRedisReply(v, 2)
  if parts[1] then
    parts[#parts + 1] = concat(buf)
    buf = nil
    return unpack(parts)
  end
  t, buf = buf, nil
  return concat(t)
end

engine.luaL_error, engine.bad_argument, engine.typerror, engine.to_int = luaL_error, bad_argument, typerror, to_int

engine.run = run

-- A library function of Python's as a Lua function.
function engine.wrap(f)
  return function(...)
    return finish(f(...))
  end
end

return engine
"""
