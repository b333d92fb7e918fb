"""scripting.py - EVAL, EVALSHA, SCRIPT.                                          Mirrors src/scripting.c (6.2.14)

Lives here   the interpreter's life (scriptingInit, scripting_runtime, scriptingReset), luaCreateFunction, evalGenericCommand,
             the time limit, the commands.  Parts: scripting_prelude (Lua: conversions, sandbox, lines 100-560, 1110-1480),
             scripting_redis (redis.*, lines 560-1110), scripting_ldb (the debugger, lines 1980-2972), lua_cjson, lua_cmsgpack,
             lua_struct, lua_bit (the libraries).
Called from  server.scriptingInit [startup]; call [command]; rdb_load.luaCreateFunction; INFO lua_memory_usage; the hook of a
             running script, every 100000 instructions.
Calls out    the interpreter: lupa.lua51, imported at the first EVAL; networking, replication.
State        server.lua: lua_engine, None until a script needs it; server.lua_scripts: sha -> body.
Invariant    a sha is in server.lua_scripts  <=>  its function is in the interpreter (once there is one).
             Nothing raises through the interpreter: see scripting_redis.pending_exception.
Departures   D-83, D-84.
"""
from typing import TYPE_CHECKING
import struct

from ae.monotonic import elapsedMs, getMonotonicUs, mstime
from datastructs.dict import DICT_OK, dictAdd, dictCreate, dictFetchValue, dictFind, dictRelease
from replication.script_cache import (
    replicationScriptCacheAdd, replicationScriptCacheExists, replicationScriptCacheFlush,
)
from server.client.networking import (
    clientHasPendingReplies, createClient, processEventsWhileBlocked, protectClient, rewriteClientCommandArgument,
    rewriteClientCommandVector, sdsZmallocSize, getStringObjectSdsUsedMemory, unprotectClient,
)
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyHelp,
    addReplyProto, addReplySubcommandSyntaxError,
)
from server.dict_types import shaScriptObjectDictType
from server.keyspace.db import selectDb
from server.keyspace.lazyfree import freeLuaScriptsAsync
from server.log import serverAssertWithInfo, serverLog
from server.object import getLongLongFromObjectOrReply
from server.op_array import forceCommandPropagation, preventCommandPropagation
from server.scripting import scripting_ldb, scripting_redis
from server.scripting.lua_bit import bit_funcs
from server.scripting.lua_cjson import LUA_CJSON
from server.scripting.lua_cmsgpack import LUA_CMSGPACK, mp_decode_double, mp_encode_double
from server.scripting.lua_struct import thislib
from server.scripting.scripting_ldb import (
    ldbDisable, ldbEnable, ldbEndSession, ldbInit, ldbStartSession, luaLdbLineHook, luaRedisBreakpointCommand,
    luaRedisDebugCommand,
)
from server.scripting.scripting_prelude import HELPER, PRELUDE, err_handler_def
from server.scripting.scripting_redis import (
    luaLogCommand, lua_push_args, luaRedisGenericCommand, luaRedisReplicateCommandsCommand, luaRedisSetReplCommand, luaSetResp,
    set_pending_exception, sha1hex, take_pending_exception,
)
from server.server_h import (
    C_OK, CLIENT_DENY_BLOCKING, CLIENT_LUA, CLIENT_LUA_DEBUG, CLIENT_LUA_DEBUG_SYNC, CLIENT_MASTER, CLIENT_MULTI, LL_WARNING,
    PROPAGATE_AOF, PROPAGATE_REPL, server, shared,
)
from server.server_state import blockingOperationEnds, blockingOperationStarts
from server.session.blocked import queueClientForReprocessing
from server.session.multi import execCommandPropagateExec
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication_master import replicationFeedMonitors

NO_LUPA = b"Lua scripting is not available: install lupa (pip install 'aeredis[lua]')"
ARGS_PER_CALL = 4000                # arguments passed to the interpreter in one call; its stack has 8000 slots

# Opcodes of Lua 5.1 that mend_tail_calls checks.
OP_GETGLOBAL, OP_GETTABLE, OP_CALL, OP_TAILCALL = 5, 6, 28, 29
# Instructions whose register A is not written to.
_OPS_NOT_WRITING_A = frozenset((7, 8, 9, 22, 23, 24, 25, 26, 30, 34, 35))
# Functions that are C functions in C, by the names that scripts use.
_c_functions = frozenset((
    b"call", b"pcall", b"log", b"sha1hex", b"error_reply", b"status_reply", b"set_repl", b"setresp", b"replicate_commands",
    b"encode", b"decode", b"pack", b"unpack", b"unpack_one", b"unpack_limit", b"size", b"random", b"randomseed",
    b"encode_sparse_array", b"encode_max_depth", b"decode_max_depth", b"encode_number_precision", b"encode_keep_buffer",
    b"encode_invalid_numbers", b"decode_invalid_numbers", b"tobit", b"bnot", b"band", b"bor", b"bxor", b"lshift", b"rshift",
    b"arshift", b"rol", b"ror", b"bswap", b"tohex", b"insert", b"foreach", b"dump", b"create", b"pairs", b"next", b"rawget",
    b"rawset", b"getmetatable", b"setmetatable", b"setfenv", b"loadstring", b"load",
))


class lua_engine:
    """One interpreter and the functions of its prelude that are called from here.  C: lua_State."""
    __slots__ = ("runtime", "own_memory", "run", "luaCreateFunction", "dump_function", "replace_function", "push_args")

    def __init__(self):
        self.runtime = None              # lupa LuaRuntime
        self.own_memory = 0              # bytes used by the prelude; in C that is machine code
        self.run = None                  # run(sha, resp, hook mode, numkeys, args...) -> protocol ...
        self.luaCreateFunction = None    # (sha, body) -> True, or False and a message
        self.dump_function = None        # sha -> its bytecode
        self.replace_function = None     # (sha, bytecode)
        self.push_args = None            # arguments for the next run, when they are many


# ---------------------------------------------------------------------------
# Lua engine initialization and reset.
# ---------------------------------------------------------------------------

def scriptingInit(setup):
    """Make the tables of scripts.  The interpreter itself is made by the first script (scripting_runtime)."""
    if setup:
        server.lua_client = None
        server.lua_caller = None
        server.lua_cur_script = None
        server.lua_timedout = 0
        ldbInit()
    server.lua = None
    server.lua_scripts = dictCreate(shaScriptObjectDictType)
    server.lua_scripts_mem = 0
    # The client, not connected, that scripts execute commands with.
    if server.lua_client is None:
        server.lua_client = createClient(None)
        server.lua_client.flags |= CLIENT_LUA
        # Blocking commands reply as after a timeout.
        server.lua_client.flags |= CLIENT_DENY_BLOCKING


def deny_attribute(obj, name, setting):
    """lupa's attribute_filter: whatever Python object should ever get into a script shows nothing."""
    raise AttributeError("access denied")


def scripting_runtime():
    """The interpreter, made if there is none -> lua_engine; None when lupa is not installed."""
    if server.lua is not None:
        return server.lua
    try:
        from lupa.lua51 import LuaRuntime
    except ImportError:
        return None
    # max_memory 0: no limit, but the usage is counted, so that INFO does not query the interpreter.
    runtime = LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False,
                         attribute_filter=deny_attribute, max_memory=0)
    execute = runtime.execute
    bare = runtime.get_memory_used(True)
    engine = lua_engine()
    engine.runtime = runtime
    err_handler = execute(b"return loadstring(..., '@err_handler_def')(debug.getinfo)", err_handler_def)
    lua = execute(PRELUDE, err_handler, luaRedisGenericCommand, luaLogCommand, sha1hex, luaRedisReplicateCommandsCommand,
                  luaRedisSetReplCommand, luaSetResp, luaMaskCountHook, luaLdbLineHook, luaRedisBreakpointCommand,
                  luaRedisDebugCommand, lua_push_args, name=HELPER)
    null = execute(b"local null = newproxy(true) local mt = getmetatable(null) mt.__tostring = function() "
                   b"return 'userdata: (nil)' end mt.__metatable = false return null", name=HELPER)
    cjson = execute(LUA_CJSON, lua, null, name=HELPER)
    cmsgpack = execute(LUA_CMSGPACK, lua, mp_encode_double, mp_decode_double, name=HELPER)
    libs = []
    for libname, funcs in ((b"bit", bit_funcs), (b"struct", thislib)):
        lib = runtime.table()
        for name, f in funcs:
            lib[name] = lua[b"wrap"](f)
        libs += (libname, lib)
    lua[b"seal"](null, b"cjson", cjson, b"cmsgpack", cmsgpack, *libs)
    engine.run = lua[b"run"]
    engine.luaCreateFunction = lua[b"luaCreateFunction"]
    engine.dump_function = lua[b"dump_function"]
    engine.replace_function = lua[b"replace_function"]
    engine.push_args = lua[b"push_args"]
    del lua, null, cjson, cmsgpack, libs, lib, err_handler
    runtime.gccollect()
    engine.own_memory = max(0, runtime.get_memory_used(True) - bare)
    server.lua = engine
    return engine


def scriptingRelease(async_):
    """Drop the scripts and the interpreter."""
    if async_:
        freeLuaScriptsAsync(server.lua_scripts)
    else:
        dictRelease(server.lua_scripts)
    server.lua_scripts_mem = 0
    server.lua = None


def scriptingReset(async_):
    scriptingRelease(async_)
    scriptingInit(0)


def lua_memory_usage():
    """Return the bytes in use by the Lua interpreter, without the prelude; 0 while there is none.

    C: lua_gc(server.lua, LUA_GCCOUNT, 0) * 1024.  Here the allocator counts, so that it can be asked in a running script.
    """
    if server.lua is None:
        return 0
    return max(0, server.lua.runtime.get_memory_used(True) - server.lua.own_memory)


# ---------------------------------------------------------------------------
# EVAL and SCRIPT commands implementation
# ---------------------------------------------------------------------------

def mend_tail_calls(code):
    """Compiled Lua 5.1 -> the same with `return redis.call(...)`, and the like, as call and return; None: nothing to do.

    redis.call is a C function in C, and a tail call of a C function keeps the frame of its caller.  Ours are Lua functions,
    which take the caller's frame over, and with it the line that an error message names.  Only calls of names that are ours
    are changed, so that tail recursion in scripts stays what it is.
    """
    out = bytearray(code)
    changed = 0
    pos = 12                        # behind the header
    size_t, = struct.unpack_from("B", code, 8)
    size_format = "<Q" if size_t == 8 else "<I"

    def skip_string(pos):
        length, = struct.unpack_from(size_format, code, pos)
        return pos + size_t + length

    def function(pos):
        nonlocal changed
        pos = skip_string(pos) + 12             # source; line defined, last line; nups, numparams, is_vararg, stack size
        ncode, = struct.unpack_from("<i", code, pos)
        pos += 4
        code_pos = pos
        pos += ncode * 4
        nconst, = struct.unpack_from("<i", code, pos)
        pos += 4
        constants = []
        for _ in range(nconst):
            t = code[pos]
            pos += 1
            value = None
            if t == 1:
                pos += 1
            elif t == 3:
                pos += 8
            elif t == 4:
                end = skip_string(pos)
                value = code[pos + size_t:end - 1]
                pos = end
            constants.append(value)
        instructions = struct.unpack_from("<%dI" % ncode, code, code_pos)
        for pc in range(ncode):
            i = instructions[pc]
            if i & 0x3F != OP_TAILCALL:
                continue
            a = i >> 6 & 0xFF
            for j in range(pc - 1, -1, -1):
                loader = instructions[j]
                op = loader & 0x3F
                if loader >> 6 & 0xFF != a or op in _OPS_NOT_WRITING_A:
                    continue
                name = None
                if op == OP_GETTABLE and loader >> 14 & 0x100:
                    name = constants[loader >> 14 & 0xFF]
                elif op == OP_GETGLOBAL:
                    name = constants[loader >> 14]
                if name in _c_functions:
                    out[code_pos + pc * 4] = i & 0xC0 | OP_CALL
                    changed += 1
                break
        nproto, = struct.unpack_from("<i", code, pos)
        pos += 4
        for _ in range(nproto):
            pos = function(pos)
        n, = struct.unpack_from("<i", code, pos)    # line numbers
        pos += 4 + n * 4
        n, = struct.unpack_from("<i", code, pos)    # local variables
        pos += 4
        for _ in range(n):
            pos = skip_string(pos) + 8
        n, = struct.unpack_from("<i", code, pos)    # names of upvalues
        pos += 4
        for _ in range(n):
            pos = skip_string(pos)
        return pos

    function(pos)
    function = None                 # a closure that calls itself is a cycle
    return bytes(out) if changed else None


def luaCreateFunction(c, lua, body):
    """Compile the script `body` (robj) and store it -> its sha (bytes), or None after an error reply to `c` (if not None)."""
    sha = sha1hex(body.ptr)
    de = dictFind(server.lua_scripts, sha)
    if de is not None:
        return de.key
    lua = scripting_runtime()
    if lua is None:
        if c is not None:
            addReplyError(c, NO_LUPA)
            return None
        # The script comes from an RDB file: it must be part of the next save.
        serverLog(LL_WARNING, "A Lua script was loaded, but cannot be run: install lupa (pip install 'aeredis[lua]')")
        dictAdd(server.lua_scripts, sha, body)
        return sha
    script = bytes(body.ptr)
    result = lua.luaCreateFunction(sha, script)
    if result is not True:
        if c is not None:
            addReplyErrorFormat(c, b"Error compiling script (new function): %s\n", result[1])
        return None
    if b"return" in script:
        code = mend_tail_calls(lua.dump_function(sha))
        if code is not None:
            lua.replace_function(sha, code)
    # The dump and the AOF need the source.
    retval = dictAdd(server.lua_scripts, sha, body)
    serverAssertWithInfo(c if c is not None else server.lua_client, None, retval == DICT_OK)
    server.lua_scripts_mem += sdsZmallocSize(sha) + getStringObjectSdsUsedMemory(body)
    return sha


def luaMaskCountHook():
    """Called by the running script after every 100000 instructions -> True if it must be killed.

    Past the time limit it processes events: other clients get -BUSY, and may send SCRIPT KILL or SHUTDOWN NOSAVE.
    """
    try:
        elapsed = elapsedMs(server.lua_time_start)
        if elapsed >= server.lua_time_limit and server.lua_timedout == 0:
            serverLog(LL_WARNING, "Lua slow script detected: still in execution after %d milliseconds. "
                                  "You can try killing the script using the SCRIPT KILL command. "
                                  "Script SHA1 is: %s", elapsed, server.lua_cur_script)
            server.lua_timedout = 1
            blockingOperationStarts()
            # The event loop runs again: the caller's connection must not be served, nor freed when it breaks, since
            # EVAL will still reply to it.
            protectClient(server.lua_caller)
        if server.lua_timedout:
            processEventsWhileBlocked()
        if server.lua_kill:
            serverLog(LL_WARNING, "Lua script killed by user with SCRIPT KILL.")
            return True
    except BaseException as e:                              # SystemExit of SHUTDOWN NOSAVE, too
        set_pending_exception(e)
        server.lua_kill = 1
        return True
    return False


def prepareLuaClient():
    selectDb(server.lua_client, server.lua_caller.db.id)
    server.lua_client.resp = 2      # scripts can change it
    if server.lua_caller.flags & CLIENT_MULTI:
        server.lua_client.flags |= CLIENT_MULTI


def resetLuaClient():
    server.lua_client.flags &= ~CLIENT_MULTI


def evalGenericCommand(c, evalsha):
    """Run the script of EVAL or EVALSHA, answer with its result, and see to its replication."""
    srv = server
    initial_server_dirty = srv.dirty

    # If whole scripts are replicated, a write after a command with a random result would differ on the replica.
    srv.lua_random_dirty = 0
    srv.lua_write_dirty = 0
    srv.lua_replicate_commands = srv.lua_always_replicate_commands
    srv.lua_multi_emitted = 0
    srv.lua_repl = PROPAGATE_AOF | PROPAGATE_REPL

    ok, numkeys = getLongLongFromObjectOrReply(c, c.argv[2], None)
    if ok != C_OK:
        return
    if numkeys > c.argc - 3:
        addReplyError(c, b"Number of keys can't be greater than number of args")
        return
    if numkeys < 0:
        addReplyError(c, b"Number of keys can't be negative")
        return

    sha = c.argv[1].ptr
    sha = sha.lower() if evalsha else sha1hex(sha)
    if dictFind(srv.lua_scripts, sha) is None:
        if evalsha:
            addReplyErrorObject(c, shared.noscripterr)
            return
        if luaCreateFunction(c, srv.lua, c.argv[1]) is None:
            return
    lua = srv.lua
    if lua is None:
        addReplyError(c, NO_LUPA)
        return

    args = [o.ptr for o in c.argv[3:]]
    if len(args) > ARGS_PER_CALL:
        for j in range(0, len(args), ARGS_PER_CALL):
            lua.push_args(*args[j:j + ARGS_PER_CALL])
        args = ()

    srv.in_eval = 1
    srv.lua_caller = c
    srv.lua_cur_script = sha
    srv.lua_time_start = getMonotonicUs()
    srv.lua_time_snapshot = mstime()
    srv.lua_kill = 0
    hook_mode = 0
    if scripting_ldb.ldb.active:
        hook_mode = 2
    elif srv.lua_time_limit > 0:
        hook_mode = 1

    prepareLuaClient()
    # C: lua_pcall, and luaReplyToRedisReply at once: both run inside the interpreter.
    try:
        reply = lua.run(sha, c.resp, hook_mode, numkeys, *args)
    except Exception as e:          # lupa's, when memory runs out outside of the script's protected call
        reply = (0, str(e).encode("utf-8", "surrogateescape"))
    resetLuaClient()

    if srv.lua_timedout:
        srv.lua_timedout = 0
        blockingOperationEnds()
        unprotectClient(c)
        if srv.masterhost is not None and srv.master is not None:
            queueClientForReprocessing(srv.master)
    srv.in_eval = 0
    srv.lua_caller = None
    srv.lua_cur_script = None
    if scripting_redis.pending_exception is not None:
        raise take_pending_exception()

    if type(reply) is bytes:
        addReplyProto(c, reply)
    elif reply[0] == 0:
        addReplyErrorFormat(c, b"Error running script (call to f_%s): %s\n", sha, reply[1])
    else:
        for j, piece in enumerate(reply):
            if j & 1:
                addReplyErrorFormat(c, b"-%s", piece)
            elif piece:
                addReplyProto(c, piece)

    if srv.lua_replicate_commands:
        preventCommandPropagation(c)
        if srv.lua_multi_emitted:
            execCommandPropagateExec(c.db.id)

    # Replicas and the AOF can use a script by its sha only if they have received its source: see the replication script cache.
    # It is emptied when a replica attaches, and when the AOF is rewritten.
    if evalsha and not srv.lua_replicate_commands:
        if not replicationScriptCacheExists(c.argv[1].ptr):
            script = dictFetchValue(srv.lua_scripts, c.argv[1].ptr)
            replicationScriptCacheAdd(c.argv[1].ptr)
            serverAssertWithInfo(c, None, script is not None)
            # A script without changes need not run there; it may fail there, or take long.
            if srv.dirty == initial_server_dirty:
                rewriteClientCommandVector(c, shared.script, shared.load, script)
            else:
                rewriteClientCommandArgument(c, 0, shared.eval)
                rewriteClientCommandArgument(c, 1, script)
            forceCommandPropagation(c, PROPAGATE_REPL | PROPAGATE_AOF)


def evalCommand(c):
    """EVAL script numkeys [key ...] [arg ...]   [no-script, no-monitor, may-replicate]"""
    # Called here, so that the commands of the script appear after it.
    replicationFeedMonitors(c, server.monitors, c.db.id, c.argv)
    if not c.flags & CLIENT_LUA_DEBUG:
        evalGenericCommand(c, 0)
    else:
        evalGenericCommandWithDebugging(c, 0)


def evalShaCommand(c):
    """EVALSHA sha1 numkeys [key ...] [arg ...]   [no-script, no-monitor, may-replicate]"""
    replicationFeedMonitors(c, server.monitors, c.db.id, c.argv)
    if len(c.argv[1].ptr) != 40:
        addReplyErrorObject(c, shared.noscripterr)
        return
    if not c.flags & CLIENT_LUA_DEBUG:
        evalGenericCommand(c, 1)
    else:
        addReplyError(c, b"Please use EVAL instead of EVALSHA for debugging")


def scriptCommand(c):
    """SCRIPT DEBUG | EXISTS | FLUSH | HELP | KILL | LOAD   [no-script, may-replicate]"""
    sub = c.argv[1].ptr.lower()
    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"DEBUG (YES|SYNC|NO)",
            b"    Set the debug mode for subsequent scripts executed.",
            b"EXISTS <sha1> [<sha1> ...]",
            b"    Return information about the existence of the scripts in the script cache.",
            b"FLUSH [ASYNC|SYNC]",
            b"    Flush the Lua scripts cache. Very dangerous on replicas.",
            b"    When called without the optional mode argument, the behavior is determined by the",
            b"    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            b"    * ASYNC: Asynchronously flush the scripts cache.",
            b"    * SYNC: Synchronously flush the scripts cache.",
            b"KILL",
            b"    Kill the currently executing Lua script.",
            b"LOAD <script>",
            b"    Load a script into the scripts cache without executing it.",
        ])
    elif sub == b"flush":
        if c.argc == 3 and c.argv[2].ptr.lower() == b"sync":
            async_ = 0
        elif c.argc == 3 and c.argv[2].ptr.lower() == b"async":
            async_ = 1
        elif c.argc == 2:
            async_ = 1 if server.lazyfree_lazy_user_flush else 0
        else:
            addReplyError(c, b"SCRIPT FLUSH only support SYNC|ASYNC option")
            return
        scriptingReset(async_)
        addReply(c, shared.ok)
        replicationScriptCacheFlush()
        server.dirty += 1           # so that it is propagated to the replicas
    elif sub == b"exists":
        addReplyArrayLen(c, c.argc - 2)
        for o in c.argv[2:]:
            addReply(c, shared.cone if dictFind(server.lua_scripts, o.ptr) is not None else shared.czero)
    elif c.argc == 3 and sub == b"load":
        sha = luaCreateFunction(c, server.lua, c.argv[2])
        if sha is None:
            return
        addReplyBulkCBuffer(c, sha)
        forceCommandPropagation(c, PROPAGATE_REPL | PROPAGATE_AOF)
    elif c.argc == 2 and sub == b"kill":
        if server.lua_caller is None:
            addReplyError(c, b"-NOTBUSY No scripts in execution right now.")
        elif server.lua_caller.flags & CLIENT_MASTER:
            addReplyError(c, b"-UNKILLABLE The busy script was sent by a master instance in the context of replication and "
                             b"cannot be killed.")
        elif server.lua_write_dirty:
            addReplyError(c, b"-UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
                             b"either wait the script termination or kill the server in a hard way using the SHUTDOWN "
                             b"NOSAVE command.")
        else:
            server.lua_kill = 1
            addReply(c, shared.ok)
    elif c.argc == 3 and sub == b"debug":
        if clientHasPendingReplies(c):
            addReplyError(c, b"SCRIPT DEBUG must be called outside a pipeline")
            return
        mode = c.argv[2].ptr.lower()
        if mode == b"no":
            ldbDisable(c)
            addReply(c, shared.ok)
        elif mode == b"yes":
            ldbEnable(c)
            addReply(c, shared.ok)
        elif mode == b"sync":
            ldbEnable(c)
            addReply(c, shared.ok)
            c.flags |= CLIENT_LUA_DEBUG_SYNC
        else:
            addReplyError(c, b"Use SCRIPT DEBUG YES/SYNC/NO")
    else:
        addReplySubcommandSyntaxError(c)


def evalGenericCommandWithDebugging(c, evalsha):
    """EVAL for a client in debugging mode; whatever happens, the session ends with it."""
    if ldbStartSession(c):
        evalGenericCommand(c, evalsha)
        ldbEndSession(c)
    else:
        ldbDisable(c)
