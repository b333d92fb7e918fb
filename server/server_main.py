"""server_main.py - main, and what only main does.               Mirrors src/server.c, "Main!" (6.2.14)

Lives here   main and its options; --version, --help, the logo; loading the data set; the end by an exception.
Called from  __main__ [startup]; the event loop through unexpected_exception.
Calls out    everybody's init function, in C's order.
State        none of its own.
Departures   unexpected_exception (D-15): a bug in a handler is logged and its client closed, where C crashes.
             crashed_by_exception: an exception before the loop is C's crash, with its report and its exit status.
"""
import errno
import gc
import os
import random
import signal
import sys
import time
import traceback

from ae.ae import AE_NOMORE, aeDeleteEventLoop, aeMain
from ae.monotonic import ustime
from cluster.cluster import verifyClusterConfigWithData
from cluster.cluster_h import CLUSTER_NODE_SLAVE
from datastructs.sds import sdscatrepr
from persistence.aof import loadAppendOnlyFile
from persistence.rdb_h import RDBFLAGS_NONE
from persistence.rdb_load import rdb_load_errno, rdbLoad
from replication.replication_slave import cancelReplicationHandshake, replicationCacheMasterUsingMyself
from replication.sentinel.hiredis_async import redisAsyncContext, redisAsyncFree
from replication.sentinel.sentinel import (
    initSentinelConfig, loadSentinelConfigFromQueue, sentinelCheckConfigFile, sentinelIsRunning,
)
from replication.sentinel.sentinel_command import initSentinel
from server.admin.config import loadServerConfig
from server.client.connection import connection
from server.client.networking import freeClientAsync
from server.client.tls import tlsInit
from server.keyspace.db import selectDb
from server.log import (
    assertion_report, bugReportEnd, bugReportStart, integrity_failure, log_unexpected_exception, printCrashReport,
    reset_nesting, serverLog, serverLogRaw,
)
from server.os_process import exitFromChild, readOOMScoreAdj, redisSetCpuAffinity, redisSetProcTitle, setOOMScoreAdj
from server.release import redisBuildId, redisGitDirty, redisGitSHA1
from server.server_h import (
    client, server, rdbSaveInfo, AOF_ON, CHILD_TYPE_NONE, C_ERR, C_OK, LL_NOTICE, LL_RAW, LL_WARNING,
    REDIS_VERSION, SUPERVISED_SYSTEMD,
)
from server.server_init import initServer, initServerConfig, InitServerLast
from server.server_listen import checkTcpBacklogSettings
from server.server_process import (
    createPidFile, daemonize, getAbsolutePath, linuxMemoryWarnings, redisCommunicateSystemd, redisIsSupervised,
)
from server.session.acl import ACLInit, ACLLoadUsersAtStartup
from server.zmalloc import ZMALLOC_LIB


# =================================== Main! =================================

def version():
    sys.stdout.write("Redis server v=%s sha=%s:%d malloc=%s bits=%d build=%x\n" % (
        REDIS_VERSION, redisGitSHA1(), int(redisGitDirty()) > 0, ZMALLOC_LIB, 64 if sys.maxsize > 2**32 else 32,
        redisBuildId()))
    sys.exit(0)


def usage():
    sys.stderr.write(
        "Usage: ./redis-server [/path/to/redis.conf] [options] [-]\n"
        "       ./redis-server - (read config from stdin)\n"
        "       ./redis-server -v or --version\n"
        "       ./redis-server -h or --help\n"
        "       ./redis-server --test-memory <megabytes>\n\n"
        "Examples:\n"
        "       ./redis-server (run the server with default conf)\n"
        "       ./redis-server /etc/redis/6379.conf\n"
        "       ./redis-server --port 7777\n"
        "       ./redis-server --port 7777 --replicaof 127.0.0.1 8888\n"
        "       ./redis-server /etc/myredis.conf --loglevel verbose -\n"
        "       ./redis-server /etc/myredis.conf --loglevel verbose\n\n"
        "Sentinel mode:\n"
        "       ./redis-server /etc/sentinel.conf --sentinel\n")
    sys.exit(1)


# C: asciilogo.h
ascii_logo = (
    "                _._                                                  \n"
    "           _.-``__ ''-._                                             \n"
    "      _.-``    `.  `_.  ''-._           Redis %s (%s/%d) %s bit\n"
    "  .-`` .-```.  ```\\/    _.,_ ''-._                                  \n"
    " (    '      ,       .-`  | `,    )     Running in %s mode\n"
    " |`-._`-...-` __...-.``-._|'` _.-'|     Port: %d\n"
    " |    `-._   `._    /     _.-'    |     PID: %d\n"
    "  `-._    `-._  `-./  _.-'    _.-'                                   \n"
    " |`-._`-._    `-.__.-'    _.-'_.-'|                                  \n"
    " |    `-._`-._        _.-'_.-'    |           https://redis.io       \n"
    "  `-._    `-._`-.__.-'_.-'    _.-'                                   \n"
    " |`-._`-._    `-.__.-'    _.-'_.-'|                                  \n"
    " |    `-._`-._        _.-'_.-'    |                                  \n"
    "  `-._    `-._`-.__.-'_.-'    _.-'                                   \n"
    "      `-._    `-.__.-'    _.-'                                       \n"
    "          `-._        _.-'                                           \n"
    "              `-.__.-'                                               \n\n")


def redisAsciiArt():
    """Show the logo on a terminal, or when always-show-logo says so; else one line."""
    if server.cluster_enabled:
        mode = "cluster"
    elif server.sentinel_mode:
        mode = "sentinel"
    else:
        mode = "standalone"

    show_logo = (not server.syslog_enabled and server.logfile == "" and os.isatty(1)) or server.always_show_logo
    if not show_logo:
        serverLog(LL_NOTICE, "Running mode=%s, port=%d.", mode, server.port or server.tls_port)
    else:
        serverLogRaw(LL_NOTICE | LL_RAW, ascii_logo % (
            REDIS_VERSION, redisGitSHA1(), int(redisGitDirty()) > 0, "64" if sys.maxsize > 2**32 else "32", mode,
            server.port or server.tls_port, os.getpid()))


def checkForSentinelMode(argv):
    return 1 if "redis-sentinel" in argv[0] or "aeredis-sentinel" in argv[0] or "--sentinel" in argv[1:] else 0


def loadDataFromDisk():
    """Load the AOF if there is one to be used, else the RDB file; a file that cannot be loaded ends the process."""
    start = ustime()
    if server.aof_state == AOF_ON:
        if loadAppendOnlyFile(server.aof_filename) == C_OK:
            serverLog(LL_NOTICE, "DB loaded from append only file: %.3f seconds", (ustime() - start) / 1000000)
        return
    rsi = rdbSaveInfo()
    if rdbLoad(server.rdb_filename, rsi, RDBFLAGS_NONE) == C_OK:
        serverLog(LL_NOTICE, "DB loaded from disk: %.3f seconds", (ustime() - start) / 1000000)
        # A replica continues from the replication offset in the file.
        if ((server.masterhost or (server.cluster_enabled and server.cluster.myself.flags & CLUSTER_NODE_SLAVE))
                and rsi.repl_id_is_set and rsi.repl_offset != -1
                # Old versions could write -1, see rdbPopulateSaveInfo.
                and rsi.repl_stream_db != -1):
            server.replid = rsi.repl_id
            server.master_repl_offset = rsi.repl_offset
            replicationCacheMasterUsingMyself()
            selectDb(server.cached_master, rsi.repl_stream_db)
    elif rdb_load_errno() != errno.ENOENT:
        serverLog(LL_WARNING, "Fatal error loading the DB: %s. Exiting.", os.strerror(rdb_load_errno()))
        sys.exit(1)


def crashed_by_exception(exc):
    """Report an exception that has left main, before the loop or in it, and end the process by the signal that such a fault
    gives in C (C: sigsegvHandler)."""
    if server.in_fork_child != CHILD_TYPE_NONE:
        report_from_child(exc)
    if integrity_failure(exc):
        assertion_report(exc)
    bugReportStart()
    serverLog(LL_WARNING, "Redis %s crashed by an exception: %s", REDIS_VERSION, type(exc).__name__)
    if server.crashlog_enabled:
        serverLogRaw(LL_WARNING | LL_RAW, "\n------ STACK TRACE ------\n" + "".join(
            traceback.format_exception(type(exc), exc, exc.__traceback__)))
        printCrashReport()
    bugReportEnd(1, signal.SIGSEGV)


def report_from_child(exc):
    serverLogRaw(LL_WARNING, "Unexpected exception in child: " + "".join(
        traceback.format_exception(type(exc), exc, exc.__traceback__)))
    exitFromChild(1)


def client_of_traceback(tb):
    """Return the client that the innermost function with a local `c` was at work for, or None.  Sleep hooks serve many
    clients; this costs them nothing."""
    found = None
    while tb is not None:
        c = tb.tb_frame.f_locals.get("c")
        if isinstance(c, client) and c.conn is not None:
            found = c
        tb = tb.tb_next
    return found


def unexpected_exception(eventLoop, clientData, exc):
    """An exception has left an event handler or a sleep hook: a bug of ours, or no memory.  An assertion ends the server, as in
    C; any other exception is reported, and the client that was served is closed, since its replies may be incomplete."""
    if server.in_fork_child != CHILD_TYPE_NONE:
        report_from_child(exc)
    if integrity_failure(exc):
        assertion_report(exc)
    log_unexpected_exception(exc)
    reset_nesting()
    c = client_of_traceback(exc.__traceback__) or server.current_client
    server.current_client = None
    if c is None and isinstance(clientData, connection) and isinstance(clientData.private_data, client):
        c = clientData.private_data
    if c is not None:
        if isinstance(exc, MemoryError):
            c.querybuf = b""                        # released now, before the client is freed
            c.qb_pos = 0
        freeClientAsync(c)
    elif clientData is not None and clientData is server.repl_transfer_s:
        cancelReplicationHandshake(1)               # aborts the handshake or the transfer: replicationCron starts again
    # For a link of a Sentinel the connection is the client data.
    if isinstance(clientData, connection) and isinstance(clientData.private_data, redisAsyncContext):
        redisAsyncFree(clientData.private_data)


def switch_fast_path(eventLoop, id, clientData):
    """Bind or unbind the fast path as `fast-path` says.  Called at start-up, and as a time event after CONFIG SET."""
    if server.fast_path:
        from server import fastpath        # imported only here: without it, and with `fast-path no`, the server works the same
        fastpath.bind()
    elif __package__ + ".fastpath" in sys.modules:
        from server import fastpath
        fastpath.unbind()
    return AE_NOMORE


def main(argv):
    """Start the server; `argv` as in C, argv[0] is the program.  Returns the exit code, if it returns."""
    if hasattr(sys, "getrefcount"):        # not on PyPy, which has no reference counts
        gc.disable()                       # our code cuts its cycles; a collection would visit every key
    if os.environ.get("AEREDIS_CLOCK"):
        from server.study.labclock import install       # ours; ORDER: before anything asks for the time
        install(os.environ["AEREDIS_CLOCK"])
    time.tzset()
    random.seed()
    server.umask = os.umask(0o777)
    os.umask(server.umask)

    server.sentinel_mode = checkForSentinelMode(argv)
    initServerConfig()
    ACLInit()                              # ORDER: clients, even fake ones, belong to a user
    tlsInit()

    # Save the values that restartServer needs.
    server.executable = getAbsolutePath(argv[0])
    server.exec_argv = list(argv)
    if os.path.basename(argv[0]) == "__main__.py":
        # For `python -m server` set the process name of C's server, which ps(1) shows.
        server.exec_argv[0] = os.path.join(os.path.dirname(os.path.dirname(server.executable)), "redis-server")

    # Reading the configuration of a Sentinel creates the masters it monitors.
    if server.sentinel_mode:
        initSentinelConfig()
        initSentinel()

    if "redis-check-" in argv[0]:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)       # as in the tools' own main functions
    if "redis-check-rdb" in argv[0]:
        from persistence.redis_check_rdb import redis_check_rdb_main
        redis_check_rdb_main(argv, None)
    elif "redis-check-aof" in argv[0]:
        from persistence.redis_check_aof import redis_check_aof_main
        redis_check_aof_main(argv)

    if len(argv) >= 2:
        parse_options(argv)
    if server.sentinel_mode:
        sentinelCheckConfigFile()
    server.supervised = redisIsSupervised(server.supervised_mode)
    background = server.daemonize and not server.supervised
    if background:
        daemonize()

    serverLog(LL_WARNING, "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
    serverLog(LL_WARNING, "Redis version=%s, bits=%d, commit=%s, modified=%d, pid=%d, just started", REDIS_VERSION,
              64 if sys.maxsize > 2**32 else 32, redisGitSHA1(), int(redisGitDirty()) > 0, os.getpid())

    if len(argv) == 1:
        serverLog(LL_WARNING, "Warning: no config file specified, using the default config. In order to specify a "
                              "config file use %s /path/to/redis.conf", argv[0])
    else:
        serverLog(LL_WARNING, "Configuration loaded")

    readOOMScoreAdj()
    initServer()
    if background or server.pidfile:
        createPidFile()
    if server.set_proc_title:
        redisSetProcTitle(None)
    redisAsciiArt()
    checkTcpBacklogSettings()

    if not server.sentinel_mode:
        serverLog(LL_WARNING, "Server initialized")
        linuxMemoryWarnings()
        ACLLoadUsersAtStartup()
        InitServerLast()
        switch_fast_path(server.el, 0, None)
        loadDataFromDisk()
        if server.cluster_enabled:
            if verifyClusterConfigWithData() == C_ERR:
                serverLog(LL_WARNING, "You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting.")
                sys.exit(1)
        if server.ipfd.count > 0 or server.tlsfd.count > 0:
            serverLog(LL_NOTICE, "Ready to accept connections")
        if server.sofd > 0:
            serverLog(LL_NOTICE, "The server is now ready to accept connections at %s", server.unixsocket)
        if server.supervised_mode == SUPERVISED_SYSTEMD:
            if not server.masterhost:
                redisCommunicateSystemd("STATUS=Ready to accept connections\n")
            else:
                redisCommunicateSystemd("STATUS=Ready to accept connections in read-only mode. Waiting for MASTER <-> "
                                        "REPLICA sync\n")
            redisCommunicateSystemd("READY=1\n")
    else:
        ACLLoadUsersAtStartup()
        InitServerLast()
        sentinelIsRunning()
        if server.supervised_mode == SUPERVISED_SYSTEMD:
            redisCommunicateSystemd("STATUS=Ready to accept connections\n")
            redisCommunicateSystemd("READY=1\n")

    if 0 < server.maxmemory < 1024 * 1024:
        serverLog(LL_WARNING, "WARNING: You specified a maxmemory value that is less than 1MB (current value is %d "
                              "bytes). Are you sure this is what you really want?", server.maxmemory)

    redisSetCpuAffinity(server.server_cpulist)
    setOOMScoreAdj(-1)

    aeMain(server.el)
    aeDeleteEventLoop(server.el)
    return 0


def parse_options(argv):
    """Parse the command line (C: in main): --version and the like, then [conf file] [--directive value ...] [-]."""
    if argv[1] in ("-v", "--version"):
        version()
    if argv[1] in ("--help", "-h"):
        usage()
    if argv[1] == "--test-memory":
        if len(argv) == 3:
            sys.stderr.write("This build cannot test memory: it does not see the machine's memory cells.\n")
        else:
            sys.stderr.write("Please specify the amount of memory to test in megabytes.\n"
                             "Example: ./redis-server --test-memory 4096\n\n")
        sys.exit(1)

    j = 1
    config_from_stdin = 0
    options = b""
    if argv[1][:1] != "-":
        # The current directory may have changed before a restart.
        server.configfile = getAbsolutePath(argv[1])
        server.exec_argv[1] = server.configfile
        j = 2
    first = j
    for pos, arg in enumerate(argv[first:], first):
        if arg == "-" and (pos == 1 or pos == len(argv) - 1):
            config_from_stdin = 1
        elif arg.startswith("--"):
            # "--port 6380" becomes the line "port 6380", read after the file.
            if options:
                options += b"\n"
            options += os.fsencode(arg[2:]) + b" "
        else:
            options = sdscatrepr(options, os.fsencode(arg)) + b" "

    loadServerConfig(server.configfile, config_from_stdin, options)
    if server.sentinel_mode:
        loadSentinelConfigFromQueue()
