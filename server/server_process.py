"""server_process.py - the server as a process of its system.    Mirrors src/server.c, "Main!" without main; setproctitle.c, setcpuaffinity.c

Lives here   kernel warnings, pid file, daemonize, signals, fork, process title, CPU list, OOM score, supervision.
Called from  main, initServer [startup]; rdb, aof, replication through redisFork [command, cron]; CONFIG SET [command].
Calls out    server.log; childinfo for the pipe of a child.
State        server.in_fork_child, child_pid, child_type, oom_score_adj_base; the title area of this process here.
Invariant    a child never touches the event loop: the epoll set is shared with the parent.
Departures   the title is written through /proc/self/mem (D-19); a crash inside the interpreter itself is reported
             by faulthandler (D-16); sd_notify is spoken directly, without libsystemd.
"""
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from ae.monotonic import ustime
from persistence.childinfo import closeChildInfoPipe, openChildInfoPipe, sendChildInfoGeneric
from persistence.rdb import rdbRemoveTempFile
from server.admin.debug import sigsegvHandler
from server.admin.latency import THPDisable, THPIsEnabled, latencyAddSample
from server.keyspace.db import dbTotalServerKeyCount
from server.log import serverAssert, serverLog, serverLogFromHandler
from server.server_h import (
    server, CHILD_TYPE_MODULE, CONFIG_DEFAULT_PID_FILE, CONFIG_OOM_BGCHILD,
    CONFIG_OOM_COUNT, CONFIG_OOM_MASTER, CONFIG_OOM_REPLICA, C_ERR, C_OK, LL_NOTICE, LL_VERBOSE, LL_WARNING,
    OOM_SCORE_ADJ_NO, OOM_SCORE_RELATIVE, SERVER_CHILD_NOERROR_RETVAL, SUPERVISED_AUTODETECT, SUPERVISED_SYSTEMD,
    SUPERVISED_UPSTART,
)
from server.server_cron import hasActiveChildProcess, isMutuallyExclusiveChildType, updateDictResizePolicy
from server.zmalloc import zmalloc_used_memory
if TYPE_CHECKING:                                   # same layer, above us: bound by server/link.py
    from server.server import closeListeningSockets

_setproctitle_area = None    # (start, end) of argv and environment in our memory; () = not to be had
_crash_signals_fd = -1       # where faulthandler writes


def exitFromChild(retcode):
    """End a child at once: no exit handlers, no flushing of what the parent buffered."""
    os._exit(retcode)


# ============================== OOM score ==================================

def readOOMScoreAdj():
    try:
        with open("/proc/self/oom_score_adj", "rb") as f:
            server.oom_score_adj_base = int(f.read())
    except (OSError, ValueError):
        pass


def setOOMScoreAdj(process_class):
    """Tell the kernel how willingly to kill us: as configured for `process_class` (CONFIG_OOM_*, -1 = our role)."""
    if server.oom_score_adj == OOM_SCORE_ADJ_NO:
        return C_OK
    if process_class == -1:
        process_class = CONFIG_OOM_REPLICA if server.masterhost else CONFIG_OOM_MASTER
    serverAssert(0 <= process_class < CONFIG_OOM_COUNT)

    val = server.oom_score_adj_values[process_class]
    if server.oom_score_adj == OOM_SCORE_RELATIVE:
        val += server.oom_score_adj_base
    val = max(-1000, min(1000, val))
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(fd, b"%d\n" % val)
        finally:
            os.close(fd)
    except OSError as e:
        serverLog(LL_WARNING, "Unable to write oom_score_adj: %s", os.strerror(e.errno))
        return C_ERR
    return C_OK


# =================================== Main! =================================

def checkIgnoreWarning(warning):
    words = (server.ignore_warnings or "").lower().split()
    return warning.lower() in words


def linuxOvercommitMemoryValue():
    try:
        with open("/proc/sys/vm/overcommit_memory", "rb") as f:
            return int(f.read())
    except (OSError, ValueError):
        return -1


def linuxMemoryWarnings():
    if linuxOvercommitMemoryValue() != 1:
        serverLog(LL_WARNING, "%s",
                  "WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail "
                  "under low memory condition. To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf "
                  "and then reboot or run the command 'sysctl vm.overcommit_memory=1' for this to take effect.")
    if THPIsEnabled() and THPDisable():
        serverLog(LL_WARNING,
                  "WARNING you have Transparent Huge Pages (THP) support enabled in your kernel. This will create "
                  "latency and memory usage issues with Redis. To fix this issue run the command 'echo madvise > "
                  "/sys/kernel/mm/transparent_hugepage/enabled' as root, and add it to your /etc/rc.local in order to "
                  "retain the setting after a reboot. Redis must be restarted after THP is disabled (set to 'madvise' "
                  "or 'never').")


def createPidFile():
    """Write our pid, if it can be written."""
    if not server.pidfile:
        server.pidfile = CONFIG_DEFAULT_PID_FILE
    try:
        with open(server.pidfile, "w", encoding="ascii") as f:
            f.write("%d\n" % os.getpid())
    except OSError:
        pass


def daemonize():
    """Go on in a child of our own session, with /dev/null for stdin, stdout and stderr; the parent exits."""
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    try:
        fd = os.open("/dev/null", os.O_RDWR)
    except OSError:
        return
    for std in (0, 1, 2):
        os.dup2(fd, std)
    if fd > 2:
        os.close(fd)


# ================================= Signals =================================

def sigShutdownHandler(sig, frame):
    """SIGTERM, SIGINT: leave a mark for serverCron.  A second SIGINT, or any during loading, ends the process here."""
    if sig == signal.SIGINT:
        msg = "Received SIGINT scheduling shutdown..."
    elif sig == signal.SIGTERM:
        msg = "Received SIGTERM scheduling shutdown..."
    else:
        msg = "Received shutdown signal, scheduling shutdown..."

    # Somebody hitting Ctrl+C twice does not want to wait for the save.
    if server.shutdown_asap and sig == signal.SIGINT:
        serverLogFromHandler(LL_WARNING, "You insist... exiting now.")
        rdbRemoveTempFile(os.getpid(), 1)
        os._exit(1)
    elif server.loading:
        serverLogFromHandler(LL_WARNING, "Received shutdown signal during loading, exiting now.")
        os._exit(0)

    serverLogFromHandler(LL_WARNING, msg)
    server.shutdown_asap = 1


def setupSignalHandlers():
    """C: a Python handler cannot run when the interpreter itself is broken, so faulthandler watches the synchronous
    signals, and only SIGABRT (what kill(1) and watchdogs send) gets C's full report."""
    global _crash_signals_fd
    signal.signal(signal.SIGTERM, sigShutdownHandler)
    signal.signal(signal.SIGINT, sigShutdownHandler)
    if server.crashlog_enabled:
        import faulthandler
        if _crash_signals_fd == -1:
            try:
                _crash_signals_fd = os.open(server.logfile, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644) \
                    if server.logfile else 1
            except OSError:
                _crash_signals_fd = 1
        faulthandler.enable(_crash_signals_fd)
        signal.signal(signal.SIGABRT, sigsegvHandler)    # ORDER: enable() took it


def removeSignalHandlers():
    import faulthandler
    faulthandler.disable()
    for sig in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
        signal.signal(sig, signal.SIG_DFL)


def sigKillChildHandler(sig, frame):
    """SIGUSR1 in a child: the parent does not want it any more; the exit code says that nothing failed."""
    level = LL_VERBOSE if server.in_fork_child == CHILD_TYPE_MODULE else LL_WARNING
    serverLogFromHandler(level, "Received SIGUSR1 in child, exiting now.")
    exitFromChild(SERVER_CHILD_NOERROR_RETVAL)


def setupChildSignalHandlers():
    signal.signal(signal.SIGUSR1, sigKillChildHandler)


# ================================== Fork ===================================

def closeChildUnusedResourceAfterFork():
    """A child must not keep ports, the cluster's lock or the pid file of its parent."""
    closeListeningSockets(0)
    if server.cluster_enabled and server.cluster_config_file_lock_fd != -1:
        try:
            os.close(server.cluster_config_file_lock_fd)
        except OSError:
            pass
    server.pidfile = None


def redisFork(purpose):
    """Fork for `purpose` (CHILD_TYPE_*).  -> 0 in the child, its pid in the parent, -1 when there is none.

    The child must end through exitFromChild.  gc.freeze() keeps a collection in the child (there is none planned)
    from touching, and so copying, every page.
    """
    if isMutuallyExclusiveChildType(purpose):
        if hasActiveChildProcess():
            return -1
        openChildInfoPipe()

    start = ustime()
    if hasattr(gc, "freeze"):              # CPython's
        gc.freeze()
    try:
        childpid = os.fork()
    except OSError:
        childpid = -1
    if childpid == 0:
        server.in_fork_child = purpose
        setOOMScoreAdj(CONFIG_OOM_BGCHILD)
        setupChildSignalHandlers()
        updateDictResizePolicy()
        closeChildUnusedResourceAfterFork()
        # With our copy of the reading end closed, a parent that dies shows as a write error.
        if server.child_info_pipe[0] != -1:
            os.close(server.child_info_pipe[0])
        return 0

    server.stat_total_forks += 1
    server.stat_fork_time = ustime() - start
    if server.stat_fork_time:
        server.stat_fork_rate = zmalloc_used_memory() * 1000000 / server.stat_fork_time / (1024 * 1024 * 1024)
    if server.latency_monitor_threshold and server.stat_fork_time // 1000 >= server.latency_monitor_threshold:
        latencyAddSample("fork", server.stat_fork_time // 1000)             # latencyAddSampleIfNeeded
    if childpid == -1:
        if isMutuallyExclusiveChildType(purpose):
            closeChildInfoPipe()
        return -1

    # A script debugger's child (CHILD_TYPE_LDB) may run beside the others, and keeps its own books.
    if isMutuallyExclusiveChildType(purpose):
        server.child_pid = childpid
        server.child_type = purpose
        server.stat_current_cow_bytes = 0
        server.stat_current_cow_updated = 0
        server.stat_current_save_keys_processed = 0
        server.stat_module_progress = 0
        server.stat_current_save_keys_total = dbTotalServerKeyCount()

    updateDictResizePolicy()
    return childpid


def sendChildCowInfo(info_type, pname):
    sendChildInfoGeneric(info_type, 0, -1, pname)


def sendChildInfo(info_type, keys, pname):
    sendChildInfoGeneric(info_type, keys, -1, pname)


# ============================== Process title ==============================

def redisProcTitleGetVariable(varname, title):
    """Return the value of one {variable} of proc-title-template, or None if there is no such variable."""
    if varname == "title":
        return title
    if varname == "listen-addr":
        if server.port or server.tls_port:
            return "%s:%d" % (server.bindaddr[0] if server.bindaddr_count else "*", server.port or server.tls_port)
        return "unixsocket:%s" % server.unixsocket
    if varname == "server-mode":
        if server.cluster_enabled:
            return "[cluster]"
        return "[sentinel]" if server.sentinel_mode else ""
    if varname == "config-file":
        return server.configfile or "-"
    if varname == "port":
        return "%d" % server.port
    if varname == "tls-port":
        return "%d" % server.tls_port
    if varname == "unixsocket":
        return server.unixsocket or ""
    return None


def expandProcTitleTemplate(template, title):
    """Replace each {name}; None if a name is unknown or a brace is not closed ("{{" is a literal brace)."""
    res = []
    p = 0
    while True:
        brace = template.find("{", p)
        if brace == -1:
            res.append(template[p:])
            break
        res.append(template[p:brace])
        if template.startswith("{{", brace):
            res.append("{")
            p = brace + 2
            continue
        end = template.find("}", brace)
        if end == -1:
            return None
        value = redisProcTitleGetVariable(template[brace + 1:end], title)
        if value is None:
            return None
        res.append(value)
        p = end + 1
    return "".join(res).strip(" ")


def validateProcTitleTemplate(template):
    """Return 1 if `template` can be expanded, and expands to something."""
    return 1 if expandProcTitleTemplate(template, "") else 0


def setproctitle(title):
    """Overwrite argv, and the environment behind it, in our own memory, which is what ps(1) shows.

    The environment is first copied elsewhere, as C's spt_init does: putenv() of every variable makes libc keep it on
    the heap.
    """
    global _setproctitle_area
    if _setproctitle_area is None:
        _setproctitle_area = ()
        try:
            with open("/proc/self/stat", "rb") as f:
                fields = f.read().rpartition(b")")[2].split()
            arg_start, env_end = int(fields[45]), int(fields[48])
            if 0 < arg_start < env_end:
                for name, value in list(os.environb.items()):
                    os.environb[name] = value
                _setproctitle_area = (arg_start, env_end)
        except (OSError, ValueError, IndexError):
            pass
    if not _setproctitle_area:
        return
    start, end = _setproctitle_area
    room = end - start
    data = os.fsencode(title)[:room - 1]
    try:
        fd = os.open("/proc/self/mem", os.O_WRONLY)
        try:
            os.pwrite(fd, data + b"\0" * (room - len(data)), start)
        finally:
            os.close(fd)
    except OSError:
        _setproctitle_area = ()


def redisSetProcTitle(title):
    if title is None:
        title = server.exec_argv[0]
    proc_title = expandProcTitleTemplate(server.proc_title_template, title)
    if proc_title is None:
        return C_ERR
    setproctitle(proc_title)
    return C_OK


def setcpuaffinity(cpulist):
    """Bind the calling thread to a list like "0,2,4-11:2" (from, to, step); a wrong list changes nothing."""
    if not cpulist or not hasattr(os, "sched_setaffinity"):
        return
    cpus = set()
    for part in cpulist.replace(" ", "").split(","):
        if not part:
            continue
        span, _, step = part.partition(":")
        first, _, last = span.partition("-")
        try:
            a = int(first)
            b = int(last) if last else a
            s = int(step) if step else 1
        except ValueError:
            return
        if s < 1 or a < 0 or b > 1023:
            return
        cpus.update(range(a, b + 1, s))
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError):
        pass


def redisSetCpuAffinity(cpulist):
    setcpuaffinity(cpulist)


# =============================== Supervision ===============================

def redisCommunicateSystemd(sd_notify_msg):
    """sd_notify(3): send `sd_notify_msg` to $NOTIFY_SOCKET.  -> 1 sent, 0 no socket given, < 0 error"""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        serverLog(LL_WARNING, "systemd supervision error: NOTIFY_SOCKET not found!")
        return 0
    import socket
    if path[0] == "@":
        path = "\0" + path[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
            s.sendto(sd_notify_msg.encode(), path)
    except OSError as e:
        serverLog(LL_WARNING, "systemd supervision error: sd_notify: %d", -(e.errno or 1))
        return -(e.errno or 1)
    return 1


def redisSupervisedUpstart():
    if not os.environ.get("UPSTART_JOB"):
        serverLog(LL_WARNING, "upstart supervision requested, but UPSTART_JOB not found!")
        return 0
    serverLog(LL_NOTICE, "supervised by upstart, will stop to signal readiness.")
    os.kill(os.getpid(), signal.SIGSTOP)
    del os.environ["UPSTART_JOB"]
    return 1


def redisSupervisedSystemd():
    if redisCommunicateSystemd("STATUS=Redis is loading...\n") <= 0:
        return 0
    serverLog(LL_NOTICE, "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and "
                         "TimeoutStopSec in your service unit.")
    return 1


def redisIsSupervised(mode):
    """Set up supervision as configured (SUPERVISED_*).  -> 1 if somebody supervises us"""
    ret = 0
    if mode == SUPERVISED_AUTODETECT:
        if os.environ.get("UPSTART_JOB"):
            serverLog(LL_VERBOSE, "Upstart supervision detected.")
            mode = SUPERVISED_UPSTART
        elif os.environ.get("NOTIFY_SOCKET"):
            serverLog(LL_VERBOSE, "Systemd supervision detected.")
            mode = SUPERVISED_SYSTEMD

    if mode == SUPERVISED_UPSTART:
        ret = redisSupervisedUpstart()
    elif mode == SUPERVISED_SYSTEMD:
        ret = redisSupervisedSystemd()

    if ret:
        server.supervised_mode = mode
    return ret


def getAbsolutePath(filename):
    """Return `filename` as an absolute path (C: util.c), found from the current directory."""
    return os.path.normpath(os.path.join(os.getcwd(), filename.strip()))


def launch_command():
    """Return the argv that starts this program again: the interpreter, its options, and what it was told to run."""
    if os.path.basename(server.executable) == "__main__.py":
        return [sys.executable, "-m", "server"]
    return [sys.executable, server.executable]
