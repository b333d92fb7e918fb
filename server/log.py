"""log.py - log lines, assertions, the bug report.       Mirrors src/server.c: serverLog*, src/debug.c: _serverAssert...bugReportEnd

Lives here   serverLogRaw, serverLog, serverLogFromHandler; serverAssert, serverAssertWithInfo, serverPanic; the bug
             report that is printed before the process dies; serverLogHexDump.
Called from  everywhere.
Calls out    info.genRedisInfoString and networking.getAllClientsInfoString for the bug report, nothing else.
State        server.logfile, server.verbosity, server.syslog_enabled (set by config); bug_report_start here.
Invariant    a log line is one write(2): lines of parent, child and threads never mix.
Departures   serverAssert(cond) raises, and main() turns what reaches it into the bug report (D-log-1): a Python
             traceback says more than C's stack trace.  The fast memory test of C's report is not run.  What else a
             command raises is reported and answered with an error (D-15).
"""
import linecache
import os
import sys
import time
import traceback
from struct import error as StructError
from typing import TYPE_CHECKING

from datastructs.adlist import listDelNode
from server.server_h import (
    server, LL_RAW, LL_WARNING, LOG_MAX_LEN, OBJ_STRING, OBJ_ENCODING_EMBSTR, OBJ_ENCODING_RAW, CLIENT_DENY_BLOCKING,
    CLIENT_BLOCKED,
)
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.admin.debug import serverLogObjectDebugInfo
    from server.admin.info import genRedisInfoString
    from server.client.connection import connGetInfo
    from server.client.networking import catClientInfoString, commandProcessed, freeClientAsync, getAllClientsInfoString
    from server.client.networking_reply import addReplyErrorFormat
    from server.object import getDecodedObject
    from server.server_process import removeSignalHandlers

STDOUT_FILENO = 1
LOG_FILE_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)

bug_report_start = 0       # 1 once the START line of the bug report is out


# ============================ Utility functions ============================

def serverLogRaw(level, msg):
    """Write `msg` (str or bytes) as one log line; with LL_RAW in `level` exactly as it is, without prefix.

    The file is opened for every line, so that log rotation needs no signal.
    """
    rawmode = level & LL_RAW
    level &= 0xff
    if level < server.verbosity:
        return
    if isinstance(msg, (bytes, bytearray)):
        msg = msg.decode("utf-8", "surrogateescape")
    if "\0" in msg:
        msg = msg[:msg.index("\0")]       # a C string ends there; and with a NUL in it grep(1) treats the log as binary
    log_to_stdout = not server.logfile
    if log_to_stdout:
        fd = STDOUT_FILENO
    else:
        try:
            fd = os.open(server.logfile, LOG_FILE_FLAGS, 0o666)
        except OSError:
            return

    if rawmode:
        line = msg
    else:
        now_ms = time.time_ns() // 1000000
        pid = os.getpid()
        stamp = time.strftime("%d %b %Y %H:%M:%S", time.localtime(now_ms // 1000))
        if server.sentinel_mode:
            role_char = "X"
        elif pid != server.pid:
            role_char = "C"                # RDB or AOF writing child, or not initialized yet
        else:
            role_char = "S" if server.masterhost else "M"
        line = "%d:%s %s.%03d %s %s\n" % (pid, role_char, stamp, now_ms % 1000, ".-*#"[level], msg)
    try:
        data = line.encode("utf-8", "surrogateescape")
        while data:
            data = data[os.write(fd, data):]
    except OSError:
        pass                               # a full disk or a closed stdout must not stop the server
    if not log_to_stdout:
        os.close(fd)
    if server.syslog_enabled:
        import syslog
        syslogLevelMap = (syslog.LOG_DEBUG, syslog.LOG_INFO, syslog.LOG_NOTICE, syslog.LOG_WARNING)
        syslog.syslog(syslogLevelMap[level], msg.encode("utf-8", "replace").decode("utf-8").replace("\0", ""))


def serverLog(level, fmt, *args):
    """Format with printf's % operators and log.  bytes arguments are shown as text, up to a NUL if there is one; the
    line is cut at LOG_MAX_LEN."""
    if (level & 0xff) < server.verbosity:
        return
    if args:
        fmt = fmt % tuple([a.partition(b"\0")[0].decode("utf-8", "surrogateescape")
                           if isinstance(a, (bytes, bytearray)) else a for a in args])
    serverLogRaw(level, fmt[:LOG_MAX_LEN - 1])


def serverLogFromHandler(level, msg):
    """Log a fixed message from a signal handler: no formatting, seconds only, and nothing to stdout of a daemon."""
    log_to_stdout = not server.logfile
    if (level & 0xff) < server.verbosity or (log_to_stdout and server.daemonize):
        return
    try:
        fd = STDOUT_FILENO if log_to_stdout else os.open(server.logfile, LOG_FILE_FLAGS, 0o644)
    except OSError:
        return
    try:
        os.write(fd, ("%d:signal-handler (%d) %s\n" % (os.getpid(), time.time(), msg)).encode())
    except OSError:
        pass
    if not log_to_stdout:
        os.close(fd)


# ================================= Assertions ==============================

def integrity_failure(exc):
    """Tell whether an assert of C would have found `exc`: a failed check, or a read outside of a structure's bytes.

    Our blobs are bytearrays: where C checks an offset with assert() before it reads, the read itself often raises here.
    """
    if isinstance(exc, AssertionError):
        return 1
    if not isinstance(exc, (IndexError, StructError)):
        return 0
    tb = exc.__traceback__
    while tb.tb_next is not None:
        tb = tb.tb_next
    return 1 if tb.tb_frame.f_globals["__name__"].startswith("datastructs.") else 0


def serverAssert(cond):
    """Raise AssertionError unless `cond`; no code on the stack catches it, so that the server ends with a bug report."""
    if not cond:
        raise AssertionError("serverAssert")


def serverAssertWithInfo(c, o, cond):
    """Like serverAssert, and show the client `c` and the object `o` (each may be None) in the report."""
    if not cond:
        if c is not None:
            _serverAssertPrintClientInfo(c)
        if o is not None:
            _serverAssertPrintObject(o)
        raise AssertionError("serverAssertWithInfo")


def serverPanic(fmt, *args):
    """Report a state that cannot be, and end the process.  Never returns."""
    frame = sys._getframe(1)
    fmtmsg = fmt % args if args else fmt
    bugReportStart()
    serverLog(LL_WARNING, "------------------------------------------------")
    serverLog(LL_WARNING, "!!! Software Failure. Press left mouse button to continue")
    serverLog(LL_WARNING, "Guru Meditation: %s #%s:%d", fmtmsg[:255], os.path.basename(frame.f_code.co_filename),
              frame.f_lineno)
    if server.crashlog_enabled:
        logStackTrace(frame)
        printCrashReport()
    removeSignalHandlers()
    bugReportEnd(0, 0)


def _serverAssert(estr, file, line, frame_text):
    """Report a failed serverAssert: `estr` is the source line, `frame_text` the traceback as text."""
    bugReportStart()
    serverLog(LL_WARNING, "=== ASSERTION FAILED ===")
    serverLog(LL_WARNING, "==> %s:%d '%s' is not true", file, line, estr)
    if server.crashlog_enabled:
        serverLogRaw(LL_WARNING | LL_RAW, "\n------ STACK TRACE ------\n" + frame_text)
        printCrashReport()
    removeSignalHandlers()
    bugReportEnd(0, 0)


def _serverAssertPrintClientInfo(c):
    bugReportStart()
    serverLog(LL_WARNING, "=== ASSERTION FAILED CLIENT CONTEXT ===")
    serverLog(LL_WARNING, "client->flags = %d", c.flags)
    serverLog(LL_WARNING, "client->conn = %s", connGetInfo(c.conn))
    serverLog(LL_WARNING, "client->argc = %d", c.argc)
    for j, o in enumerate(c.argv):
        if o.type == OBJ_STRING and o.encoding in (OBJ_ENCODING_RAW, OBJ_ENCODING_EMBSTR):
            arg = o.ptr
        else:
            arg = "Object type: %d, encoding: %d" % (o.type, o.encoding)
        serverLog(LL_WARNING, "client->argv[%d] = \"%s\" (refcount: %d)", j, arg, o.refcount)


def _serverAssertPrintObject(o):
    bugReportStart()
    serverLog(LL_WARNING, "=== ASSERTION FAILED OBJECT CONTEXT ===")
    serverLogObjectDebugInfo(o)


# ================================ The bug report ===========================

def bugReportStart():
    global bug_report_start
    if bug_report_start == 0:
        serverLogRaw(LL_WARNING | LL_RAW,
                     "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
        bug_report_start = 1


def logStackTrace(frame):
    """Log the Python stack below and including `frame` (a frame object), innermost call last."""
    # Log the heading first, before a failing import can prevent it.
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ STACK TRACE ------\n")
    import traceback
    serverLogRaw(LL_WARNING | LL_RAW, "".join(traceback.format_stack(frame)))


def logServerInfo():
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ INFO OUTPUT ------\n")
    serverLogRaw(LL_WARNING | LL_RAW, genRedisInfoString(b"all"))
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ CLIENT LIST OUTPUT ------\n")
    serverLogRaw(LL_WARNING | LL_RAW, getAllClientsInfoString(-1))


def logModulesInfo():
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ MODULES INFO OUTPUT ------\n")


def logCurrentClient():
    """Log the client being served, its arguments, and the value its first argument names, if it names one."""
    cc = server.current_client
    if cc is None:
        return
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ CURRENT CLIENT INFO ------\n")
    serverLog(LL_WARNING | LL_RAW, "%s\n", catClientInfoString(b"", cc))
    for j in range(cc.argc):
        serverLog(LL_WARNING | LL_RAW, "argv[%d]: '%s'\n", j, bytes(getDecodedObject(cc.argv[j]).ptr))
    if cc.argc > 1:
        from datastructs.dict import dictFind
        key = bytes(getDecodedObject(cc.argv[1]).ptr)
        de = dictFind(cc.db.dict, key)
        if de is not None:
            serverLog(LL_WARNING, "key '%s' found in DB containing the following object:", key)
            serverLogObjectDebugInfo(de.val)


def printCrashReport():
    """INFO, CLIENT LIST and the current client.  Whatever is broken, the rest of the report must still come out."""
    for part in (logServerInfo, logCurrentClient, logModulesInfo):
        try:
            part()
        except Exception as e:             # the state may be corrupt at this point
            serverLogRaw(LL_WARNING | LL_RAW, "(not available: %r)\n" % e)


def serverLogHexDump(level, descr, value):
    """Log bytes in hexadecimal, 32 of them in a piece (one write each, without a line end between them, as in C)."""
    serverLog(level, "%s (hexdump of %d bytes):", descr, len(value))
    for i in range(0, len(value), 32):
        serverLogRaw(level | LL_RAW, value[i:i + 32].hex())
    serverLogRaw(level | LL_RAW, "\n")


def bugReportEnd(killViaSignal, sig):
    """Close the report and end the process: by signal `sig`, by exit(1) with use-exit-on-panic, or by abort()."""
    import signal
    serverLogRaw(LL_WARNING | LL_RAW,
                 "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n"
                 "       Please report the crash by opening an issue on github:\n\n"
                 "           http://github.com/redis/redis/issues\n\n"
                 "  If a Redis module was involved, please open in the module's repo instead.\n\n"
                 "  Suspect RAM error? Use redis-server --test-memory to verify it.\n\n"
                 "  Some other issues could be detected by redis-server --check-system\n")
    if server.daemonize and server.supervised == 0 and server.pidfile:
        try:
            os.unlink(server.pidfile)
        except OSError:
            pass
    if not killViaSignal:
        if server.use_exit_on_panic:
            os._exit(1)
        os.abort()
    signal.signal(sig, signal.SIG_DFL)
    os.kill(os.getpid(), sig)


# ====================== What C would have crashed of (D-15) =================

def log_unexpected_exception(exc):
    """Log an exception that is a bug of ours in the form of Redis's bug report.  Unlike an assertion it ends nothing.

    It raises nothing itself: when memory has run out there may be none for the report.
    """
    try:
        log_unexpected_exception_report(exc)
    except Exception:
        try:
            serverLogRaw(LL_WARNING, "=== UNEXPECTED EXCEPTION, and no memory to report it ===")
        except Exception:
            pass                                    # no other action is possible


def log_unexpected_exception_report(exc):
    serverLogRaw(LL_WARNING | LL_RAW, "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n")
    serverLog(LL_WARNING, "=== UNEXPECTED EXCEPTION: %s ===", type(exc).__name__)
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    serverLogRaw(LL_WARNING | LL_RAW, "\n------ STACK TRACE ------\n" + text)
    c = server.current_client
    if c is not None:
        try:
            serverLog(LL_WARNING, "client: %s", catClientInfoString(b"", c))
            for j, o in enumerate(c.argv):
                serverLog(LL_WARNING, "argv[%d]: '%.128s'", j, "%.100r" % (o.ptr,))
        except Exception as e:                      # the state may be corrupt at this point
            serverLogRaw(LL_WARNING | LL_RAW, "(client not available: %r)\n" % e)
    serverLogRaw(LL_WARNING | LL_RAW,
                 "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n")


def reset_nesting():
    """Reset what call() and its callers had raised when an exception left them: nothing of it may outlive the command."""
    server.fixed_time_expire = 0
    server.in_nested_call = 0
    server.in_exec = 0
    server.in_eval = 0
    server.lua_caller = None
    server.propagate_in_transaction = 0
    server.client_pause_in_transaction = 0
    server.blocking_op_nesting = 0
    server.also_propagate.ops = None
    server.also_propagate.numops = 0


def command_raised(c, exc, old_client, bufpos):
    """A command raised (C would have crashed here): report the bug, clean up, answer an error, and go on.

    What the command had replied so far is taken back where it can be, or the client would lose the thread.
    """
    log_unexpected_exception(exc)
    if server.in_fork_child:
        os._exit(1)                                 # a child must never return to the loop of its parent
    if old_client is None:
        reset_nesting()
    if server.current_client is not c:
        return                                      # freed
    c.flags &= ~CLIENT_DENY_BLOCKING
    if not c.reply.len and 0 <= bufpos <= c.bufpos:
        del c.buf[bufpos:]
        c.bufpos = len(c.buf)
    else:
        # Replies are in the list already, and a deferred length may be missing, so this connection must be closed.
        ln = c.reply.head
        while ln is not None:
            next_ = ln.next
            if ln.value is None:
                listDelNode(c.reply, ln)
            ln = next_
        freeClientAsync(c)
    if c.bufpos == 0:
        c.sentlen = 0
    addReplyErrorFormat(c, b"internal error, see the log of the server: %s", type(exc).__name__)
    if not c.flags & CLIENT_BLOCKED:
        commandProcessed(c)


def assertion_report(exc):
    """Turn a failed serverAssert, or what integrity_failure says is one, into C's report, and end the process."""
    tb = exc.__traceback__
    site = None
    while tb is not None:
        if tb.tb_frame.f_code.co_name not in ("serverAssert", "serverAssertWithInfo", "bad_ziplist", "bad_listpack"):
            site = tb
        tb = tb.tb_next
    filename = site.tb_frame.f_code.co_filename
    estr = str(exc)
    if not isinstance(exc, AssertionError) or estr.startswith("serverAssert"):
        estr = linecache.getline(filename, site.tb_lineno).strip()
    _serverAssert(estr, os.path.basename(filename), site.tb_lineno,
                  "".join(traceback.format_exception(type(exc), exc, exc.__traceback__)))
