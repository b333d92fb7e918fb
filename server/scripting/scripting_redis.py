"""scripting_redis.py - the redis.* functions of scripts.   Mirrors src/scripting.c, "Lua redis.* functions implementations"

Lives here   luaRedisGenericCommand (redis.call, redis.pcall), redis.log, set_repl, replicate_commands, setresp; sha1hex.
Called from  a running script, through Lua wrappers (scripting_prelude) [command].
Calls out    server.call, acl, multi, cluster.
State        server.lua_*; pending_exception: what a command raised, for evalGenericCommand to raise again.
Invariant    INVARIANT: none of these functions raises: an exception would cross the script as a Python object, and pcall
             would hold it.  They are given and return plain values.
"""
from hashlib import sha1
from math import copysign, isnan
import os
import random
from typing import TYPE_CHECKING

from cluster.cluster_h import CLUSTER_REDIR_DOWN_RO_STATE, CLUSTER_REDIR_DOWN_STATE
from server.command_lookup import lookupCommand
from server.log import serverAssert, serverLog, serverLogRaw
from server.object import createStringObject
from server.scripting.lua_bit import lua_tonumber
from server.server_h import (
    CLIENT_ASKING, CLIENT_BLOCKED, CLIENT_MASTER, CLIENT_MULTI,
    CLIENT_READONLY, CMD_CALL_PROPAGATE_AOF, CMD_CALL_PROPAGATE_REPL, CMD_CALL_SLOWLOG, CMD_CALL_STATS, CMD_DENYOOM,
    CMD_NOSCRIPT, CMD_RANDOM, CMD_SORT_FOR_SCRIPT, CMD_WRITE, DISK_ERROR_TYPE_NONE, DISK_ERROR_TYPE_RDB, LL_DEBUG,
    LL_WARNING, PROPAGATE_AOF, PROPAGATE_NONE, PROPAGATE_REPL, server, shared,
)
from server.server_state import writeCommandsDeniedByDiskError
from server.session.acl import (
    ACL_DENIED_CHANNEL, ACL_DENIED_CMD, ACL_DENIED_KEY, ACL_OK, ACLCheckAllPerm, addACLLogEntry,
)
from server.session.multi import execCommandPropagateMulti
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_command import getNodeByQuery
    from server.server import call

# The kind of the first result that luaRedisGenericCommand returns to the Lua side; None: it is the value (scripting_prelude).
REPLY_RAW = 1                   # protocol, to be converted there
REPLY_ERROR = 2                 # the error of a command, without its dash
REPLY_SORT = 3                  # protocol, to be converted and sorted
REPLY_PUSH_ERROR = 4            # an error of ours, to be completed with the position of the caller
REPLY_EXIT = 5                  # the command raised; the script must end
REPLY_ZERO_ARGUMENT = 6         # not executed: Lua shall send its zeros as text, since 0 and -0 look alike here

pending_exception = None        # the exception that a command or an event raised while a script was running
ldb_log_command = None          # set while the debugger steps: called with argv, and with the reply
ldb_log_reply = None
ldb_log_error = None
_luaRedisGenericCommand_inuse = 0
pushed_args = ()


def sha1hex(script):
    """Compute the SHA-1 -> 40 hex digits, bytes"""
    return sha1(script).hexdigest().encode()


def set_pending_exception(e):
    """Keep what a command raised; the first one counts."""
    global pending_exception
    if pending_exception is None:
        pending_exception = e


def take_pending_exception():
    global pending_exception
    e = pending_exception
    pending_exception = None
    return e


def lua_tolstring(v):
    """lua_tolstring: the text of a string or number; None for all else."""
    t = type(v)
    if t is bytes:
        return v
    if t is int or t is float:
        return b"%.14g" % v
    return None


def lua_push_args(*args):
    """Arguments for the next luaRedisGenericCommand, when they are too many for one call."""
    global pushed_args
    pushed_args += args


def take_pushed_args():
    global pushed_args
    args = pushed_args
    pushed_args = ()
    return args


def luaRedisGenericCommand(*args):
    """redis.call(command, ...), redis.pcall(command, ...) -> value, or (value, REPLY_*)  HOT

    Executes the command as server.lua_client, with the rules that hold inside of scripts, and takes the reply out of that
    client's buffers.
    """
    global _luaRedisGenericCommand_inuse
    srv = server
    c = srv.lua_client
    if _luaRedisGenericCommand_inuse:
        warning = ("luaRedisGenericCommand() recursive call detected. Are you doing funny stuff with Lua debug hooks?")
        serverLog(LL_WARNING, "%s", warning)
        return warning.encode(), REPLY_PUSH_ERROR
    _luaRedisGenericCommand_inuse = 1
    try:
        if not args:
            args = take_pushed_args()
        if not args:
            return b"Please specify at least one argument for redis.call()", REPLY_PUSH_ERROR
        argv = []
        for arg in args:
            t = type(arg)
            if t is not bytes:
                # Do not use Lua's own conversion, which keeps 14 digits.
                if t is int:
                    if arg == 0:
                        return None, REPLY_ZERO_ARGUMENT
                    arg = b"%d" % arg if -100000000000000000 < arg < 100000000000000000 else b"%.17g" % arg
                elif t is float:
                    arg = b"-nan" if isnan(arg) and copysign(1.0, arg) < 0 else b"%.17g" % arg
                else:
                    return b"Lua redis() command arguments must be strings or integers", REPLY_PUSH_ERROR
            argv.append(createStringObject(arg))
        argc = len(argv)

        c.argv = argv
        c.argc = argc
        caller = srv.lua_caller
        c.user = caller.user
        if ldb_log_command is not None:
            ldb_log_command(argv)

        cmd = lookupCommand(argv[0].ptr)
        if cmd is None:
            return b"Unknown Redis command called from Lua script", REPLY_PUSH_ERROR
        arity = cmd.arity
        if arity != argc if arity > 0 else argc < -arity:
            return b"Wrong number of args calling Redis command From Lua script", REPLY_PUSH_ERROR
        c.cmd = c.lastcmd = cmd
        flags = cmd.flags
        if flags & CMD_NOSCRIPT:
            return b"This Redis command is not allowed from scripts", REPLY_PUSH_ERROR

        acl_retval, acl_errpos = ACLCheckAllPerm(c)
        if acl_retval != ACL_OK:
            addACLLogEntry(c, acl_retval, acl_errpos, None)
            if acl_retval == ACL_DENIED_CMD:
                msg = b"The user executing the script can't run this command or subcommand"
            elif acl_retval == ACL_DENIED_KEY:
                msg = (b"The user executing the script can't access at least one of the keys mentioned in the "
                       b"command arguments")
            elif acl_retval == ACL_DENIED_CHANNEL:
                msg = b"The user executing the script can't publish to the channel mentioned in the command"
            else:
                msg = b"The user executing the script is lacking the permissions for the command"
            return msg, REPLY_PUSH_ERROR

        if flags & CMD_WRITE:
            msg = write_denied()
            if msg is not None:
                return msg, REPLY_PUSH_ERROR

        # The first write of a script may be refused because of maxmemory; a script that has written must continue.
        if (srv.lua_oom and srv.maxmemory and not srv.loading and srv.masterhost is None and srv.lua_write_dirty == 0
                and flags & CMD_DENYOOM):
            return shared.oomerr.ptr, REPLY_PUSH_ERROR

        if flags & CMD_RANDOM:
            srv.lua_random_dirty = 1
        if flags & CMD_WRITE:
            srv.lua_write_dirty = 1

        # Commands from our master, and those of the AOF, have been let in elsewhere.
        if srv.cluster_enabled and not srv.loading and not caller.flags & CLIENT_MASTER:
            c.flags &= ~(CLIENT_READONLY | CLIENT_ASKING)
            c.flags |= caller.flags & (CLIENT_READONLY | CLIENT_ASKING)
            n, _, error_code = getNodeByQuery(c, c.cmd, c.argv, c.argc)
            if n is not srv.cluster.myself:
                if error_code == CLUSTER_REDIR_DOWN_RO_STATE:
                    msg = b"Lua script attempted to execute a write command while the cluster is down and readonly"
                elif error_code == CLUSTER_REDIR_DOWN_STATE:
                    msg = b"Lua script attempted to execute a command while the cluster is down"
                else:
                    msg = b"Lua script attempted to access a non local key in a cluster node"
                return msg, REPLY_PUSH_ERROR

        call_flags = CMD_CALL_SLOWLOG | CMD_CALL_STATS
        if srv.lua_replicate_commands:
            lua_repl = srv.lua_repl
            # The writes of the script are propagated as a transaction, since the script is atomic.
            if (srv.lua_write_dirty and not srv.lua_multi_emitted and not caller.flags & CLIENT_MULTI
                    and lua_repl != PROPAGATE_NONE):
                execCommandPropagateMulti(caller.db.id)
                srv.lua_multi_emitted = 1
                c.flags |= CLIENT_MULTI
            if lua_repl & PROPAGATE_AOF:
                call_flags |= CMD_CALL_PROPAGATE_AOF
            if lua_repl & PROPAGATE_REPL:
                call_flags |= CMD_CALL_PROPAGATE_REPL
        call(c, call_flags)
        serverAssert(not c.flags & CLIENT_BLOCKED)

        reply = bytes(c.buf)
        c.buf = bytearray()
        c.bufpos = 0
        blocks = c.reply
        if blocks.len:
            pieces = [reply]
            ln = blocks.head
            while ln is not None:
                pieces.append(ln.value.buf)
                ln = ln.next
            reply = b"".join(pieces)
            clear_reply(c)
        c.reply_bytes = 0
        if ldb_log_reply is not None:
            ldb_log_reply(reply)

        # The common types are converted here, the others in Lua, which can create tables.
        kind = reply[:1]
        if kind == b"$":
            if reply[1] == 45:
                return False
            return reply[reply.find(b"\r", 1) + 2:-2]
        if kind == b":":
            return int(reply[1:-2])
        if kind == b"-":
            return reply[1:reply.find(b"\r")], REPLY_ERROR
        if kind == b"*" and flags & CMD_SORT_FOR_SCRIPT and not srv.lua_replicate_commands and reply[1:2] != b"-":
            return reply, REPLY_SORT
        return reply, REPLY_RAW
    except BaseException as e:                              # SystemExit of SHUTDOWN, too
        set_pending_exception(e)
        return b"the server is going down", REPLY_EXIT
    finally:
        c.argv = []
        c.argc = 0
        c.user = None
        _luaRedisGenericCommand_inuse = 0


def clear_reply(c):
    ln = c.reply.head
    while ln is not None:
        following = ln.next
        ln.prev = ln.next = None
        ln = following
    c.reply.head = c.reply.tail = None
    c.reply.len = 0


def write_denied():
    """Why a script may not write now -> bytes, or None."""
    deny_write_type = writeCommandsDeniedByDiskError()
    if server.lua_random_dirty and not server.lua_replicate_commands:
        return (b"Write commands not allowed after non deterministic commands. Call redis.replicate_commands() at the "
                b"start of your script in order to switch to single commands replication mode.")
    if (server.masterhost is not None and server.repl_slave_ro and not server.loading
            and not server.lua_caller.flags & CLIENT_MASTER):
        return shared.roslaveerr.ptr
    if deny_write_type != DISK_ERROR_TYPE_NONE:
        if deny_write_type == DISK_ERROR_TYPE_RDB:
            return shared.bgsaveerr.ptr
        return (b"-MISCONF Errors writing to the AOF file: %s\r\n"
                % os.strerror(server.aof_last_write_errno).encode())
    if (server.masterhost is None and server.repl_min_slaves_max_lag and server.repl_min_slaves_to_write
            and server.repl_good_slaves_count < server.repl_min_slaves_to_write):
        return shared.noreplicaserr.ptr
    return None


def luaRedisReplicateCommandsCommand():
    """redis.replicate_commands() -> a new seed for math.random; False: the script has written already."""
    if server.lua_write_dirty:
        return False
    server.lua_replicate_commands = 1
    return random.randrange(1 << 31)


def luaRedisSetReplCommand(argc, flags):
    """redis.set_repl(flags)"""
    if server.lua_replicate_commands == 0:
        return False, (b"You can set the replication behavior only after turning on single commands replication with "
                       b"redis.replicate_commands().")
    if argc != 1:
        return False, b"redis.set_repl() requires two arguments."
    flags = int(flags) if flags == flags and abs(flags) < 1 << 62 else -1
    if flags & ~(PROPAGATE_AOF | PROPAGATE_REPL):
        return False, b"Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."
    server.lua_repl = flags
    return True


def luaLogCommand(*args):
    """redis.log(level, message, ...)"""
    if len(args) < 2:
        return False, b"redis.log() requires two arguments or more."
    level = lua_tonumber(args[0])
    if level is None:
        return False, b"First argument must be a number (log level)."
    if not LL_DEBUG <= level < LL_WARNING + 1:
        return False, b"Invalid debug level."
    level = int(level)
    if level < server.verbosity:
        return True
    parts = []
    for arg in args[1:]:
        s = lua_tolstring(arg)
        if s is not None:
            parts.append(s)
    try:
        serverLogRaw(level, b" ".join(parts).decode("utf-8", "surrogateescape"))
    except Exception as e:                                  # a log file that cannot be written
        set_pending_exception(e)
    return True


def luaSetResp(resp):
    """redis.setresp(2 or 3)"""
    server.lua_client.resp = resp
