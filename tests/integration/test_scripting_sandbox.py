"""Ways out of the sandbox of scripts.  Each attack must fail, and the server must be as before."""
import time

import pytest

from tests.support.server import start_server

pytest.importorskip("lupa.lua51")

# An attack returns the text ESCAPED when it gets what it wants.
ATTACKS = {
    "package": "if package then return 'ESCAPED' end",
    "require": "require('os') return 'ESCAPED'",
    "os.execute": "os.execute('true') return 'ESCAPED'",
    "io.open": "io.open('/etc/passwd') return 'ESCAPED'",
    "python table": "python.eval('1') return 'ESCAPED'",
    "rawget of removed names": """for _, n in ipairs({'python', 'os', 'io', 'debug', 'package', 'require', 'module', 'loadfile',
        'dofile'}) do if rawget(_G, n) ~= nil then return 'ESCAPED' end end""",
    "names by pairs": """local bad = {python=1, os=1, io=1, debug=1, package=1, require=1, module=1, loadfile=1, dofile=1}
        for k in pairs(_G) do if bad[k] then return 'ESCAPED' end end""",
    "loadfile": "loadfile('/etc/passwd') return 'ESCAPED'",
    "dofile": "dofile('/etc/passwd') return 'ESCAPED'",
    "environment of level 0": "if getfenv(0).python or getfenv(0).os then return 'ESCAPED' end",
    "environment of our functions": """for _, f in ipairs({redis.call, redis.pcall, cjson.encode, bit.band, struct.pack, pairs,
        math.random, cmsgpack.pack}) do local e = getfenv(f) if e ~= _G or rawget(e, 'python') then return 'ESCAPED' end end""",
    "environment of the callers": """for level = 1, 20 do local ok, e = pcall(getfenv, level)
        if ok and type(e) == 'table' and (rawget(e, 'python') or rawget(e, 'debug')) then return 'ESCAPED' end end""",
    "setfenv of our functions": "setfenv(redis.call, {}) return 'ESCAPED'",
    "setfenv of the thread": "setfenv(0, {}) return 'ESCAPED'",
    "setfenv of the callers": """for level = 2, 20 do local ok = pcall(setfenv, level, {})
        if ok and level > 2 then return 'ESCAPED' end end""",
    "bytecode by loadstring": "local f = loadstring(string.dump(function() return 1 end)) if f then return 'ESCAPED' end",
    "bytecode by load": """local s = string.dump(function() return 1 end) local done
        local f = load(function() if done then return nil end done = true return s end) if f then return 'ESCAPED' end""",
    "bytecode in pieces": """local s = string.dump(function() return 1 end) local i = 0
        local f = load(function() i = i + 1 if i > #s then return nil end return s:sub(i, i) end)
        if f then return 'ESCAPED' end""",
    "dump of our functions": "string.dump(redis.call) return 'ESCAPED'",
    "metatable of strings": "getmetatable('').__index.upper = function() return 1 end return 'ESCAPED'",
    "metatable of strings, replaced": "getmetatable('').__index = {} return 'ESCAPED'",
    "metatable of strings, raw": "rawset(getmetatable(''), '__index', {}) return 'ESCAPED'",
    "metatable of the globals": "getmetatable(_G).__index = nil return 'ESCAPED'",
    "metatable of the globals, raw": "rawset(getmetatable(_G), '__index', nil) return 'ESCAPED'",
    "metatable of the globals, new": "setmetatable(_G, {}) return 'ESCAPED'",
    "metatable of redis": "if getmetatable(redis) then return 'ESCAPED' end setmetatable(redis, {}) return 'ESCAPED'",
    "new global": "rawset(_G, 'x', 1) return 'ESCAPED'",
    "global changed": "redis = {} return 'ESCAPED'",
    "library changed": "redis.call = function() end return 'ESCAPED'",
    "library changed, raw": "rawset(redis, 'call', 1) return 'ESCAPED'",
    "library changed by table.insert": "table.insert(redis, 1) return 'ESCAPED'",
    "library by pairs": "local _, t = pairs(redis) t.call = 5 if redis.call == 5 then return 'ESCAPED' end",
    "library by foreach": "table.foreach(redis, function(k, v) end) redis.x = 1 return 'ESCAPED'",
    "table behind the metamethod": """local m = getmetatable(_G) local t = m.__index if type(t) == 'table' then t.redis = 1
        return 'ESCAPED' end t({}, 'x') return 'ESCAPED'""",
    "null": "getmetatable(cjson.null).__index = {} return 'ESCAPED'",
    "newproxy of null": "local p = newproxy(cjson.null) return 'ESCAPED'",
    "python object by an error": """local ok, e = pcall(redis.call, {}, {}) if type(e) == 'userdata' then return 'ESCAPED' end
        ok, e = pcall(bit.band, {}, print) if type(e) == 'userdata' then return 'ESCAPED' end
        ok, e = pcall(struct.pack, {}, coroutine.create(function() end)) if type(e) == 'userdata' then return 'ESCAPED' end
        ok, e = pcall(redis.log, newproxy(), newproxy(true)) if type(e) == 'userdata' then return 'ESCAPED' end
        ok, e = pcall(struct.unpack, 'i99', ('x'):rep(100)) if type(e) == 'userdata' then return 'ESCAPED' end""",
    "python object by a number": """for _, n in ipairs({1/0, -1/0, 0/0, 2^63, -2^63, 2^1000}) do
        for _, f in ipairs({bit.band, bit.tohex, struct.size, redis.sha1hex, math.random, math.randomseed, redis.setresp,
            redis.set_repl, cmsgpack.pack, cjson.encode}) do
            local ok, e = pcall(f, n, n) if type(e) == 'userdata' then return 'ESCAPED' end end
        local ok, e = pcall(struct.pack, 'iIlLbBfd', n, n, n, n, n, n, n, n)
        if type(e) == 'userdata' then return 'ESCAPED' end end""",
    "coroutine over redis.call": "local co = coroutine.wrap(redis.call) co('set', 'x', 'y') return 'ESCAPED'",
    "finalizer": """local p = newproxy(true) getmetatable(p).__gc = function() if python or os then error('x') end end
        p = nil collectgarbage() collectgarbage()""",
    "error handler": "if getfenv(__redis__err__handler) ~= _G then return 'ESCAPED' end",
}


@pytest.fixture(scope="module")
def server():
    with start_server() as s:
        yield s


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(server, name):
    with server.resp() as c:
        reply = repr(c.execute("EVAL", ATTACKS[name], "0"))
        assert "ESCAPED" not in reply
        assert "compiling" not in reply, "an attack with a typing error is none: " + reply
        # Nothing is left behind.
        assert c.execute("EVAL", "return {redis.call('ping').ok, ('x'):upper(), tostring(pcall(function() return x end))}",
                         "0") == [b"PONG", b"X", b"false"]
        assert c.execute("EVAL", "return redis.call('echo', ('abc'):upper() .. cjson.encode({1}))", "0") == b"ABC[1]"


def test_endless_coroutine_is_killed(server):
    with server.resp() as c, server.resp() as d:
        c.execute("CONFIG", "SET", "lua-time-limit", "10")
        c.send("EVAL", "while true do pcall(coroutine.wrap(function() while true do end end)) end", "0")
        for _ in range(100):
            if b"BUSY" in repr(d.execute("PING")).encode():
                break
            time.sleep(0.02)
        assert repr(d.execute("SCRIPT", "KILL")).find("OK") != -1
        assert "killed by user" in repr(c.read())
        c.execute("CONFIG", "SET", "lua-time-limit", "5000")


def test_scripts_share_nothing(server):
    with server.resp() as c:
        c.execute("EVAL", "pcall(function() leak = 1 end) pcall(rawset, _G, 'leak', 1) KEYS.leak = 1", "0")
        assert c.execute("EVAL", "return {tostring(rawget(_G, 'leak')), tostring(KEYS.leak)}", "0") == [b"nil", b"nil"]
