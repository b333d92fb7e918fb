"""scripting_ldb.py - the debugger of scripts.       Mirrors src/scripting.c, "LDB: Redis Lua debugging facilities" (6.2.14)

Lives here   ldbState; sessions (forked or synchronous); the debugger's commands.
Called from  SCRIPT DEBUG, EVAL of a client in debugging mode [command]; the line hook of the running script.
Calls out    connection (direct, blocking I/O on the client's socket), server_process.redisFork.
State        ldb: one session at a time in a process; ldb.children: the pids of forked ones.
Invariant    what needs the interpreter's stack (print, eval, trace, redis) is asked of the Lua side: luaLdbLineHook returns
             the request, and is called again with the answer.
Departures   none.
"""
import os
import select
import signal

from ae.monotonic import elapsedMs, getMonotonicUs, mstime
from datastructs.sds import sdscatrepr
from datastructs.util import atoi, string2ll
from server.client.connection import (
    CONN_TYPE_SOCKET, connBlock, connGetType, connNonBlock, connRead, connSendTimeout, connWrite,
)
from server.client.networking import freeClientAsync, writeToClient
from server.client.networking_reply import addReplyError
from server.log import serverLog
from server.os_process import exitFromChild, redisFork
from server.scripting import scripting_redis
from server.server_h import (
    CHILD_TYPE_LDB, CLIENT_CLOSE_AFTER_REPLY, CLIENT_LUA_DEBUG, CLIENT_LUA_DEBUG_SYNC, LL_WARNING, server,
)

LDB_BREAKPOINTS_MAX = 64            # breakpoints
LDB_MAX_LEN_DEFAULT = 256           # bytes of a reply or variable that are shown

# Requests to the Lua side.
LDB_REQ_ERROR = b"error"
LDB_REQ_PRINT = b"print"
LDB_REQ_PRINT_ALL = b"printall"
LDB_REQ_EVAL = b"eval"
LDB_REQ_REDIS = b"redis"
LDB_REQ_TRACE = b"trace"


class ldbState:
    """The debugger's state."""
    __slots__ = ("conn", "active", "forked", "logs", "traces", "children", "bp", "step", "luabp", "src", "currentline", "cbuf",
                 "maxlen", "maxlen_hint_sent", "saved_rc", "timeout")

    def __init__(self):
        self.conn = None            # connection of the debugging client
        self.active = 0             # 1 = EVAL is being debugged
        self.forked = 0             # 1 = this process is a fork()ed session
        self.logs = []              # bytes, lines for the client
        self.traces = None          # never used, as in C
        self.children = []          # pids of forked sessions
        self.bp = []                # line numbers
        self.step = 0               # stop at the next line
        self.luabp = 0              # stop at the next line: redis.breakpoint() was called
        self.src = []               # bytes, the lines of the script
        self.currentline = 0
        self.cbuf = b""             # data received from the client
        self.maxlen = 0             # 0 = unlimited
        self.maxlen_hint_sent = 0
        self.saved_rc = 0           # server.lua_replicate_commands, while the debugger's own redis command runs
        self.timeout = 0            # 1 = stopped by the time limit


ldb = ldbState()


def ldbInit():
    ldb.conn = None
    ldb.active = 0
    ldb.logs = []
    ldb.children = []
    ldb.src = []
    ldb.cbuf = b""


def ldbFlushLog():
    del ldb.logs[:]


def ldbEnable(c):
    """The next EVAL of this client is debugged."""
    c.flags |= CLIENT_LUA_DEBUG
    ldbFlushLog()
    ldb.conn = c.conn
    ldb.step = 1
    ldb.bp = []
    ldb.luabp = 0
    ldb.cbuf = b""
    ldb.maxlen = LDB_MAX_LEN_DEFAULT
    ldb.maxlen_hint_sent = 0


def ldbDisable(c):
    c.flags &= ~(CLIENT_LUA_DEBUG | CLIENT_LUA_DEBUG_SYNC)


def ldbLog(entry):
    ldb.logs.append(entry)


def ldbLogWithMaxLen(entry):
    """ldbLog, cut to ldb.maxlen; the first cut comes with a hint."""
    trimmed = 0
    if ldb.maxlen and len(entry) > ldb.maxlen:
        entry = entry[:ldb.maxlen] + b" ..."
        trimmed = 1
    ldbLog(entry)
    if trimmed and ldb.maxlen_hint_sent == 0:
        ldb.maxlen_hint_sent = 1
        ldbLog(b"<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")


def ldbSendLogs():
    """Send the log as one array of status replies, and empty it."""
    proto = b"*%d\r\n" % len(ldb.logs)
    for entry in ldb.logs:
        proto += b"+" + entry.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"
    ldbFlushLog()
    # The next read detects a client that has disconnected.
    connWrite(ldb.conn, proto)


def ldbStartSession(c):
    """Begin to debug -> 1: go on with EVAL, and call ldbEndSession; 0: this is the parent of the session, or fork failed.

    The client's socket is taken out of the event loop's hands: the hook reads and writes it.
    """
    ldb.forked = 0 if c.flags & CLIENT_LUA_DEBUG_SYNC else 1
    if ldb.forked:
        cp = redisFork(CHILD_TYPE_LDB)
        if cp == -1:
            addReplyError(c, b"Fork() failed: can't run EVAL in debugging mode.")
            return 0
        if cp == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            serverLog(LL_WARNING, "Redis forked for debugging eval")
        else:
            ldb.children.append(cp)
            freeClientAsync(c)      # the child has the connection now
            return 0
    else:
        serverLog(LL_WARNING, "Redis synchronous debugging eval session started")

    connBlock(ldb.conn)
    connSendTimeout(ldb.conn, 5000)
    ldb.active = 1
    scripting_redis.ldb_log_command = ldb_log_command
    scripting_redis.ldb_log_reply = ldb_log_reply
    ldb.src = c.argv[1].ptr.rstrip(b"\r\n").split(b"\n")
    return 1


def ldbEndSession(c):
    """Say so to the client, which is closed; a forked session ends here."""
    ldbLog(b"<endsession>")
    ldbSendLogs()
    if ldb.forked:
        writeToClient(c, 0)
        serverLog(LL_WARNING, "Lua debugging session child exiting")
        exitFromChild(0)
    else:
        serverLog(LL_WARNING, "Redis synchronous debugging eval session ended")
    connNonBlock(ldb.conn)
    connSendTimeout(ldb.conn, 0)
    c.flags |= CLIENT_CLOSE_AFTER_REPLY
    ldb.src = []
    ldb.active = 0
    ldb.conn = None
    scripting_redis.ldb_log_command = None
    scripting_redis.ldb_log_reply = None


def ldbRemoveChild(pid):
    """Forget a session that has ended -> 1 if it was one."""
    if pid in ldb.children:
        ldb.children.remove(pid)
        return 1
    return 0


def ldbPendingChildren():
    return len(ldb.children)


def ldbKillForkedSessions():
    for pid in ldb.children:
        serverLog(LL_WARNING, "Killing debugging session %d", pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    ldb.children = []


# evalGenericCommandWithDebugging: scripting.py

def ldbGetSourceLine(line):
    if line < 1 or line > len(ldb.src):
        return b"<out of range source code line>"
    return ldb.src[line - 1]


def ldbIsBreakpoint(line):
    return 1 if line in ldb.bp else 0


def ldbAddBreakpoint(line):
    """Set a breakpoint -> 1, or 0: no such line, or too many"""
    if line <= 0 or line > len(ldb.src):
        return 0
    if line not in ldb.bp and len(ldb.bp) != LDB_BREAKPOINTS_MAX:
        ldb.bp.append(line)
        return 1
    return 0


def ldbDelBreakpoint(line):
    if line in ldb.bp:
        ldb.bp.remove(line)
        return 1
    return 0


def ldbReplParseCommand():
    """One command out of ldb.cbuf -> (argv or None, error or None); neither: there is more to read."""
    buf = ldb.cbuf
    if not buf:
        return None, None
    p = buf.find(b"*")
    if p == -1:
        return None, b"protocol error"
    e = buf.find(b"\r\n", p)
    if e == -1:
        return None, None
    argc = atoi(buf[p + 1:e])
    if argc <= 0 or argc > 1024:
        return None, b"protocol error"
    p = e + 2
    argv = []
    while len(argv) < argc:
        if p >= len(buf):
            return None, None
        if buf[p] != 36:                                        # $
            return None, b"protocol error"
        e = buf.find(b"\r\n", p)
        if e == -1:
            return None, None
        slen = atoi(buf[p + 1:e])
        if slen <= 0 or slen > 1024:
            return None, b"protocol error"
        p = e + 2
        if p + slen + 2 > len(buf):
            return None, None
        argv.append(buf[p:p + slen])
        p += slen
        if buf[p:p + 2] != b"\r\n":
            return None, b"protocol error"
        p += 2
    return argv, None


def ldbLogSourceLine(lnum):
    line = ldbGetSourceLine(lnum)
    bp = ldbIsBreakpoint(lnum)
    if ldb.currentline == lnum:
        prefix = b"->#" if bp else b"-> "
    else:
        prefix = b"  #" if bp else b"   "
    ldbLog(b"%s%-3d %s" % (prefix, lnum, line))


def ldbList(around, context):
    """Log the source around a line; 0: all of it."""
    for j in range(1, len(ldb.src) + 1):
        if around != 0 and abs(around - j) > context:
            continue
        ldbLogSourceLine(j)


# ldbCatStackValue, ldbPrint, ldbPrintAll, ldbEval, ldbTrace look at the interpreter's stack: scripting_prelude.py

def ldbRedisProtocolToHuman(reply, p):
    """The reply at `p` in words -> (bytes, place behind it)"""
    e = reply.find(b"\r", p)
    kind = reply[p:p + 1]
    rest = reply[p + 1:e]
    if kind == b":":
        return rest, e + 2
    if kind == b"$":
        n = int(rest)
        if n == -1:
            return b"NULL", e + 2
        return sdscatrepr(b"", reply[e + 2:e + 2 + n]), e + n + 4
    if kind == b"+" or kind == b"-":
        return sdscatrepr(b"", reply[p:e]), e + 2
    if kind == b"*" or kind == b"~":
        n = int(rest)
        if n == -1:
            return b"NULL", e + 2
        p = e + 2
        items = []
        for _ in range(n):
            item, p = ldbRedisProtocolToHuman(reply, p)
            items.append(item)
        text = b",".join(items)
        return (b"[" + text + b"]" if kind == b"*" else b"~(" + text + b")"), p
    if kind == b"%":
        n = int(rest)
        p = e + 2
        items = []
        for _ in range(n):
            key, p = ldbRedisProtocolToHuman(reply, p)
            value, p = ldbRedisProtocolToHuman(reply, p)
            items.append(key + b" => " + value)
        return b"{" + b",".join(items) + b"}", p
    if kind == b"_":
        return b"(null)", e + 2
    if kind == b"#":
        return b"#true" if rest == b"t" else b"#false", e + 2
    if kind == b",":
        return b"(double) " + rest, e + 2
    return b"", len(reply)


def ldbLogRedisReply(reply):
    ldbLogWithMaxLen(b"<reply> " + ldbRedisProtocolToHuman(reply, 0)[0])


def ldb_log_command(argv):
    """Called with every command of the script; logged while stepping.  C: in luaRedisGenericCommand."""
    if not ldb.step:
        return
    cmdlog = b"<redis>"
    for j, o in enumerate(argv):
        if j == 10:
            cmdlog += b" ... (%d more)" % (len(argv) - j - 1)
            break
        cmdlog += b" " + o.ptr
    ldbLog(cmdlog)


def ldb_log_reply(reply):
    if ldb.step:
        ldbLogRedisReply(reply)


def ldbBreak(argv):
    """break, break <line>, break -<line>, break 0"""
    if len(argv) == 1:
        if not ldb.bp:
            ldbLog(b"No breakpoints set. Use 'b <line>' to add one.")
            return
        ldbLog(b"%d breakpoints set:" % len(ldb.bp))
        for line in ldb.bp:
            ldbLogSourceLine(line)
        return
    for arg in argv[1:]:
        ok, line = string2ll(arg)
        if not ok:
            ldbLog(b"Invalid argument:'%s'" % arg)
        elif line == 0:
            ldb.bp = []
            ldbLog(b"All breakpoints removed.")
        elif line > 0:
            if len(ldb.bp) == LDB_BREAKPOINTS_MAX:
                ldbLog(b"Too many breakpoints set.")
            elif ldbAddBreakpoint(line):
                ldbList(line, 1)
            else:
                ldbLog(b"Wrong line number.")
        elif ldbDelBreakpoint(-line):
            ldbLog(b"Breakpoint removed.")
        else:
            ldbLog(b"No breakpoint in the specified line.")


def ldbMaxlen(argv):
    if len(argv) == 2:
        newval = atoi(argv[1])
        ldb.maxlen_hint_sent = 1        # do not show the hint again
        if newval != 0 and newval <= 60:
            newval = 60
        ldb.maxlen = newval
    if ldb.maxlen:
        ldbLog(b"<value> replies are truncated at %d bytes." % ldb.maxlen)
    else:
        ldbLog(b"<value> replies are unlimited.")


ldb_help = (
    b"Redis Lua debugger help:",
    b"[h]elp               Show this help.",
    b"[s]tep               Run current line and stop again.",
    b"[n]ext               Alias for step.",
    b"[c]continue          Run till next breakpoint.",
    b"[l]list              List source code around current line.",
    b"[l]list [line]       List source code around [line].",
    b"                     line = 0 means: current position.",
    b"[l]list [line] [ctx] In this form [ctx] specifies how many lines",
    b"                     to show before/after [line].",
    b"[w]hole              List all source code. Alias for 'list 1 1000000'.",
    b"[p]rint              Show all the local variables.",
    b"[p]rint <var>        Show the value of the specified variable.",
    b"                     Can also show global vars KEYS and ARGV.",
    b"[b]reak              Show all breakpoints.",
    b"[b]reak <line>       Add a breakpoint to the specified line.",
    b"[b]reak -<line>      Remove breakpoint from the specified line.",
    b"[b]reak 0            Remove all breakpoints.",
    b"[t]race              Show a backtrace.",
    b"[e]eval <code>       Execute some Lua code (in a different callframe).",
    b"[r]edis <cmd>        Execute a Redis command.",
    b"[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.",
    b"                     Specifying zero as <len> means unlimited.",
    b"[a]bort              Stop the execution of the script. In sync",
    b"                     mode dataset changes will be retained.",
    b"",
    b"Debugger functions you can call from Lua scripts:",
    b"redis.debug()        Produce logs in the debugger console.",
    b"redis.breakpoint()   Stop execution like if there was a breakpoint in the",
    b"                     next line of code.",
)


def ldb_read():
    """Wait for bytes of the client -> bytes; b"" or None when it has gone, or the server shall end.

    C: a signal ends read(2).  Python would read on after the signal's handler has run.
    """
    if connGetType(ldb.conn) == CONN_TYPE_SOCKET:
        while not select.select([ldb.conn.fd], [], [], 0.1)[0]:
            if server.shutdown_asap:
                return None
    return connRead(ldb.conn, 1024)


def ldbRepl():
    """Serve the client until it lets the script go on -> None; or a request to the Lua side, after which it is called again.
    """
    while True:
        while True:
            argv, err = ldbReplParseCommand()
            if err is not None:
                return LDB_REQ_ERROR, err
            if argv is not None:
                break
            buf = ldb_read()
            if not buf:
                # The client has disconnected: let the script run to its end.
                ldb.step = 0
                ldb.bp = []
                if ldb.timeout:
                    return LDB_REQ_ERROR, b"timeout during Lua debugging with client closing connection"
                return ldb_resume()
            ldb.cbuf += buf
            if len(ldb.cbuf) > 1 << 20:
                ldb.cbuf = b""
                return LDB_REQ_ERROR, b"max client buffer reached"
        ldb.cbuf = b""

        cmd = argv[0].lower()
        if cmd in (b"h", b"help"):
            for line in ldb_help:
                ldbLog(line)
            ldbSendLogs()
        elif cmd in (b"s", b"step", b"n", b"next"):
            ldb.step = 1
            return ldb_resume()
        elif cmd in (b"c", b"continue"):
            return ldb_resume()
        elif cmd in (b"t", b"trace"):
            return LDB_REQ_TRACE, False
        elif cmd in (b"m", b"maxlen"):
            ldbMaxlen(argv)
            ldbSendLogs()
        elif cmd in (b"b", b"break"):
            ldbBreak(argv)
            ldbSendLogs()
        elif cmd in (b"e", b"eval"):
            return LDB_REQ_EVAL, b" ".join(argv[1:])
        elif cmd in (b"a", b"abort"):
            return LDB_REQ_ERROR, b"script aborted for user request"
        elif len(argv) > 1 and cmd in (b"r", b"redis"):
            ldb.saved_rc = server.lua_replicate_commands
            ldb.step = 1                # redis.call() logs
            server.lua_replicate_commands = 1
            return (LDB_REQ_REDIS, *argv[1:])
        elif cmd in (b"p", b"print"):
            if len(argv) == 2:
                return LDB_REQ_PRINT, argv[1]
            return LDB_REQ_PRINT_ALL, False
        elif cmd in (b"l", b"list"):
            around = ldb.currentline
            ctx = 5
            if len(argv) > 1:
                num = atoi(argv[1])
                if num > 0:
                    around = num
            if len(argv) > 2:
                ctx = atoi(argv[2])
            ldbList(around, ctx)
            ldbSendLogs()
        elif cmd in (b"w", b"whole"):
            ldbList(1, 1000000)
            ldbSendLogs()
        else:
            ldbLog(b"<error> Unknown Redis Lua debugger command or wrong number of arguments.")
            ldbSendLogs()


def ldb_resume():
    """The script goes on; its time limit starts anew."""
    server.lua_time_start = getMonotonicUs()
    server.lua_time_snapshot = mstime()
    return None


def luaLdbLineHook(event, *args):
    """Called from the Lua hook: "line" or "count" with the line and its source; with the answer to a request; or with the text
    of an error of redis.call.  -> None: go on; or (request, argument...).
    """
    try:
        if event == b"line" or event == b"count":
            return ldb_event(event, args[0], args[1])
        if event == b"pusherror":
            if ldb.step:
                ldbLog(b"<error> " + args[0])
            return None
        if event == b"value":
            ldbLogWithMaxLen(args[0])
        elif event == b"values":
            for line in args:
                ldbLogWithMaxLen(line)
        elif event == b"log":
            ldbLog(args[0])
        elif event == b"redis":
            ldb.step = 0
            server.lua_replicate_commands = ldb.saved_rc
        elif event == b"trace":
            for j in range(0, len(args), 3):
                level, name, line = args[j:j + 3]
                ldbLog(b"%s %s:" % (b"In" if level == 0 else b"From", name or b"top level"))
                ldbLogSourceLine(line)
            if not args:
                ldbLog(b"<error> Can't retrieve Lua stack.")
        ldbSendLogs()
        return ldbRepl()
    except BaseException as e:
        scripting_redis.set_pending_exception(e)
        return LDB_REQ_ERROR, b"the server is going down"


def ldb_event(event, line, short_src):
    """The upper half of C's luaLdbLineHook: stop here?"""
    ldb.currentline = line
    bp = ldbIsBreakpoint(line) or ldb.luabp
    timeout = 0
    if b"user_script" not in short_src:
        return None
    if event == b"count" and ldb.step == 0 and bp == 0:
        elapsed = elapsedMs(server.lua_time_start)
        timelimit = server.lua_time_limit if server.lua_time_limit else 5000
        if elapsed < timelimit:
            return None
        timeout = 1
        ldb.step = 1
    if not ldb.step and not bp:
        return None
    reason = b"step over"
    if bp:
        reason = b"redis.breakpoint() called" if ldb.luabp else b"break point"
    elif timeout:
        reason = b"timeout reached, infinite loop?"
    ldb.step = 0
    ldb.luabp = 0
    ldb.timeout = timeout
    ldbLog(b"* Stopped at %d, stop reason = %s" % (line, reason))
    ldbLogSourceLine(line)
    ldbSendLogs()
    return ldbRepl()


def luaRedisBreakpointCommand():
    """redis.breakpoint() -> is there a debugger that will stop?"""
    if ldb.active:
        ldb.luabp = 1
        return True
    return False


def luaRedisDebugCommand(text):
    """redis.debug(...): `text` is what ldbCatStackValue makes of the arguments."""
    try:
        ldbLog(b"<debug> line %d: %s" % (ldb.currentline, text))
    except Exception as e:
        scripting_redis.set_pending_exception(e)
    return True
