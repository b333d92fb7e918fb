"""os_process.py - what the server asks of its system.     Mirrors src/server.c (6.2.14); setproctitle.c, setcpuaffinity.c

Lives here   the limit of open files, the OOM score, fork, the end of a child, the process title, CPU lists.
Called from  initServer [startup]; rdb, aof_rewrite, the script debugger through redisFork [command, cron]; bio and IO
             threads; CONFIG SET [command].
Calls out    childinfo for the pipe of a child.
State        server.in_fork_child, child_pid, child_type, oom_score_adj_base; the title area of this process here.
Invariant    a child never touches the event loop: the epoll set is shared with the parent.
Departures   the title is written through /proc/self/mem (D-19).
"""
import errno
import gc
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

from ae.monotonic import ustime
from datastructs.sds import sdstemplate
from datastructs.util import strtoul, to_int
from persistence.childinfo import closeChildInfoPipe, openChildInfoPipe, sendChildInfoGeneric
from server.latency_samples import latencyAddSampleIfNeeded
from server.log import serverAssert, serverLog, serverLogFromHandler
from server.server_h import (
    C_ERR, C_OK, CHILD_TYPE_MODULE, CONFIG_MIN_RESERVED_FDS, CONFIG_OOM_BGCHILD, CONFIG_OOM_COUNT, CONFIG_OOM_MASTER,
    CONFIG_OOM_REPLICA, LL_NOTICE, LL_VERBOSE, LL_WARNING, OOM_SCORE_ADJ_NO, OOM_SCORE_RELATIVE, server,
    SERVER_CHILD_NOERROR_RETVAL,
)
from server.server_state import hasActiveChildProcess, isMutuallyExclusiveChildType, updateDictResizePolicy
from server.zmalloc import zmalloc_used_memory
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.keyspace.db import dbTotalServerKeyCount
    from server.server_listen import closeListeningSockets

_setproctitle_area = None    # (start, end) of argv and environment in our memory; () = not available


def exitFromChild(retcode):
    """End a child at once: no exit handlers, no flushing of what the parent buffered."""
    os._exit(retcode)


# ============================== Limits =====================================

def adjustOpenFilesLimit():
    """Raise the limit of open files to maxclients and what the server itself needs, or lower maxclients to fit."""
    maxfiles = server.maxclients + CONFIG_MIN_RESERVED_FDS
    try:
        oldlimit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError as e:
        serverLog(LL_WARNING, "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the max "
                              "clients configuration accordingly.", os.strerror(e.errno))
        server.maxclients = 1024 - CONFIG_MIN_RESERVED_FDS
        return
    if oldlimit == resource.RLIM_INFINITY or oldlimit >= maxfiles:
        return

    # Try the wanted limit, then decrease it step by step.
    setrlimit_error = 0
    bestlimit = maxfiles
    while bestlimit > oldlimit:
        decr_step = 16
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (bestlimit, bestlimit))
            break
        except (OSError, ValueError) as e:
            setrlimit_error = getattr(e, "errno", None) or errno.EPERM
        if bestlimit < decr_step:
            break
        bestlimit -= decr_step
    if bestlimit < oldlimit:
        bestlimit = oldlimit

    if bestlimit < maxfiles:
        old_maxclients = server.maxclients
        server.maxclients = bestlimit - CONFIG_MIN_RESERVED_FDS
        if bestlimit <= CONFIG_MIN_RESERVED_FDS:
            serverLog(LL_WARNING, "Your current 'ulimit -n' of %d is not enough for the server to start. Please "
                                  "increase your open file limit to at least %d. Exiting.", oldlimit, maxfiles)
            sys.exit(1)
        serverLog(LL_WARNING, "You requested maxclients of %d requiring at least %d max file descriptors.",
                  old_maxclients, maxfiles)
        serverLog(LL_WARNING, "Server can't set maximum open files to %d because of OS error: %s.", maxfiles,
                  os.strerror(setrlimit_error))
        serverLog(LL_WARNING, "Current maximum open files is %d. maxclients has been reduced to %d to compensate for "
                              "low ulimit. If you need higher maxclients increase 'ulimit -n'.", bestlimit,
                  server.maxclients)
    else:
        serverLog(LL_NOTICE, "Increased maximum number of open files to %d (it was originally set to %d).", maxfiles,
                  oldlimit)


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


# ================================== Fork ===================================

def sigKillChildHandler(sig, frame):
    """SIGUSR1 in a child: the parent does not want it any more; the exit code says that nothing failed."""
    level = LL_VERBOSE if server.in_fork_child == CHILD_TYPE_MODULE else LL_WARNING
    serverLogFromHandler(level, "Received SIGUSR1 in child, exiting now.")
    exitFromChild(SERVER_CHILD_NOERROR_RETVAL)


def setupChildSignalHandlers():
    signal.signal(signal.SIGUSR1, sigKillChildHandler)


def closeChildUnusedResourceAfterFork():
    """Close in a child the ports, the lock of the cluster and the pid file of its parent."""
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
        # Close our copy of the read end, so that writes fail if the parent exits.
        if server.child_info_pipe[0] != -1:
            os.close(server.child_info_pipe[0])
        return 0

    server.stat_total_forks += 1
    server.stat_fork_time = ustime() - start
    if server.stat_fork_time:
        server.stat_fork_rate = zmalloc_used_memory() * 1000000 / server.stat_fork_time / (1024 * 1024 * 1024)
    latencyAddSampleIfNeeded("fork", server.stat_fork_time // 1000)
    if childpid == -1:
        if isMutuallyExclusiveChildType(purpose):
            closeChildInfoPipe()
        return -1

    # A script debugger's child (CHILD_TYPE_LDB) may run in addition to the others, and is tracked separately.
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
    """Replace each {name} in the template -> str, or None if a name is unknown or a brace is not closed."""
    res = sdstemplate(template, redisProcTitleGetVariable, title)
    if res is None:
        return None
    return res.strip(" ")


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


# ================================ CPU lists ================================

CPU_SETSIZE = 1024


def next_token(q, sep):
    """Return what follows the next `sep` in `q`, or None.  C compares such pointers: the longer rest starts earlier."""
    _, found, rest = q.partition(sep)
    return rest if found else None


def next_num(s):
    """Read a number -> (0, int, rest), or (-1, 0, s)."""
    if not s[:1].isdigit():
        return -1, 0, s
    value, end, _ = strtoul(s)
    return 0, to_int(value), end


def setcpuaffinity(cpulist):
    """Bind the calling thread to a list like "0,2,4-11:2" (from, to, step); a wrong list changes nothing."""
    if not cpulist or not hasattr(os, "sched_setaffinity"):
        return
    cpuset = set()
    end = b""
    q = os.fsencode(cpulist)
    while q is not None:
        p = q
        q = next_token(q, b",")
        err, a, end = next_num(p)
        if err:
            return
        b = a
        s = 1
        c1 = next_token(end, b"-")
        c2 = next_token(end, b",")
        if c1 is not None and (c2 is None or len(c1) > len(c2)):
            err, b, end = next_num(c1)
            if err:
                return
            c1 = next_token(end, b":")
            if c1 is not None and (c2 is None or len(c1) > len(c2)):
                err, s, end = next_num(c1)
                if err or s <= 0:                   # C: only 0 is refused, a step below it never ends
                    return
        if a > b:
            return
        # CPU_SET ignores numbers outside of the set.
        cpuset.update(range(a % s if a < 0 else a, min(b, CPU_SETSIZE - 1) + 1, s))
    if end:
        return
    try:
        os.sched_setaffinity(0, cpuset)
    except (OSError, ValueError):
        pass


def redisSetCpuAffinity(cpulist):
    setcpuaffinity(cpulist)
