"""server_process.py - the server as a process of its system.    Mirrors src/server.c, "Main!" without main (6.2.14)

Lives here   kernel warnings, pid file, daemonize, signals, supervision.  Fork, process title, CPU lists and the OOM score
             stand in os_process.py, below the modules that fork.
Called from  main, initServer [startup]; CONFIG SET [command].
Calls out    server.log; rdbRemoveTempFile and the bug report from signal handlers.
State        server.supervised_mode, shutdown_asap; _crash_signals_fd here.
Departures   a crash inside the interpreter itself is reported by faulthandler (D-16); sd_notify is spoken directly,
             without libsystemd.
"""
import os
import signal
import sys
import threading

from persistence.rdb import rdbRemoveTempFile
from server.admin.debug import sigsegvHandler
from server.admin.latency import THPDisable, THPIsEnabled
from server.log import serverLog, serverLogFromHandler
from server.server_h import (
    server, CONFIG_DEFAULT_PID_FILE, LL_NOTICE, LL_VERBOSE, LL_WARNING, SUPERVISED_AUTODETECT, SUPERVISED_SYSTEMD,
    SUPERVISED_UPSTART,
)

_crash_signals_fd = -1       # the descriptor that faulthandler writes to


# =================================== Main! =================================


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

    # A user who presses Ctrl+C twice does not want to wait for the save.
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
        signal.signal(signal.SIGABRT, sigsegvHandler)    # ORDER: after enable(), which has set its own handler


def removeSignalHandlers():
    import faulthandler
    faulthandler.disable()
    if threading.current_thread() is not threading.main_thread():
        return                             # Python allows no other thread to do it; abort() ends the process with the handlers, too
    for sig in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT):
        signal.signal(sig, signal.SIG_DFL)


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
    """Set up supervision as configured (SUPERVISED_*) -> 1 if the process is supervised."""
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
    """Return the argv that starts this program again: the interpreter, its options, and the file that it ran: a script, a
    package's __main__.py (each finds its package by its own path), or the one file aeredis.pyz."""
    import subprocess                      # not imported at start: it would take half of the start-up time
    return [sys.executable] + subprocess._args_from_interpreter_flags() + [server.executable]
