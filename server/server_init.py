"""server_init.py - the server comes up.     Mirrors src/server.c, "Server initialization" (6.2.14)

Lives here   createSharedObjects, initServerConfig, restartServer, initServer, InitServerLast, the command table.
Called from  main [startup]; DEBUG RESTART.
Calls out    the init function of each part; bio and IO threads start in InitServerLast.
State        server, shared (server_h).
Departures   no modules.
"""
import errno
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from ae.ae import (
    AE_ERR, AE_READABLE, ae_set_exception_proc, aeCreateEventLoop, aeCreateFileEvent, aeCreateTimeEvent,
    aeSetAfterSleepProc, aeSetBeforeSleepProc,
)
from ae.anet import ANET_ERR, anetCloexec, anetNonBlock, anetUnixServer
from ae.monotonic import monotonicInit, unix_time
from cluster.cluster import clusterInit
from cluster.cluster_h import CLUSTER_MODULE_FLAG_NONE
from datastructs.adlist import listCreate
from datastructs.dict import DICT_OK, dictAdd, dictCreate
from datastructs.rax import raxNew
from datastructs.util import getRandomHexChars, getTimeZone
from persistence.aof_buffer import aofRewriteBufferReset
from replication.replication_master import changeReplicationId, clearReplicationId2
from replication.script_cache import replicationScriptCacheInit
from server.admin.config import appendServerSaveParams, initConfigValues, resetServerSaveParams
from server.admin.config_rewrite import rewriteConfig
from server.admin.config_table import clientBufferLimitsDefaults, configOOMScoreAdjValuesDefaults
from server.admin.slowlog import slowlogInit
from server.bio import bioInit
from server.client.networking import acceptTcpHandler, acceptTLSHandler, acceptUnixHandler
from server.client.networking_threads import initThreadedIO
from server.client.tls import tlsConfigure
from server.command_lookup import lookupCommandByCString
from server.commandtable import redisCommandTable
from server.dict_types import (
    commandTableDictType, dbDictType, dbExpiresDictType, keylistDictType, migrateCacheDictType,
    objectKeyPointerValueDictType,
)
from server.keyspace.evict import evictionPoolAlloc
from server.latency_samples import latencyMonitorInit
from server.log import serverAssert, serverLog, serverPanic
from server.lru import getLRUClock
from server.object import createObject, createStringObject, makeObjectShared
from server.os_process import adjustOpenFilesLimit
from server.scripting.scripting import scriptingInit
from server.server import prepareForShutdown
from server.server_cron import afterSleep, beforeSleep, serverCron
from server.server_h import (
    AOF_OFF, AOF_ON, BLOCKED_NUM, C_ERR, C_OK, CHILD_TYPE_NONE, CLIENT_PAUSE_OFF, CLIENT_TYPE_COUNT,
    CLIENT_TYPE_OBUF_COUNT, clientBufferLimitsConfig, CMD_ADMIN, CMD_ASKING, CMD_CATEGORY_ADMIN, CMD_CATEGORY_DANGEROUS,
    CMD_CATEGORY_FAST, CMD_CATEGORY_PUBSUB, CMD_CATEGORY_READ, CMD_CATEGORY_SLOW, CMD_CATEGORY_WRITE, CMD_DENYOOM,
    CMD_FAST, CMD_LOADING, CMD_MAY_REPLICATE, CMD_NO_AUTH, CMD_NOSCRIPT, CMD_PUBSUB, CMD_RANDOM, CMD_READONLY,
    CMD_SKIP_MONITOR, CMD_SKIP_SLOWLOG, CMD_SORT_FOR_SCRIPT, CMD_STALE, CMD_WRITE, CONFIG_DEFAULT_CLUSTER_CONFIG_FILE,
    CONFIG_DEFAULT_HZ, CONFIG_DEFAULT_LOGFILE, CONFIG_DEFAULT_UNIX_SOCKET_PERM, CONFIG_FDSET_INCR, CONFIG_OOM_COUNT,
    CONFIG_REPL_SYNCIO_TIMEOUT, CONFIG_RUN_ID_SIZE, LL_NOTICE, LL_WARNING, MAXMEMORY_NO_EVICTION, NO_FAILOVER, OBJ_ENCODING_INT,
    OBJ_SHARED_BULKHDR_LEN, OBJ_SHARED_INTEGERS, OBJ_STRING, PROTO_SHARED_SELECT_CMDS, RDB_CHILD_TYPE_NONE, redisDb,
    REPL_STATE_NONE, server, shared, SHUTDOWN_NOFLAGS,
)
from server.server_listen import createSocketAcceptHandler, listenToPort
from server.server_process import launch_command, setupSignalHandlers
from server.server_state import resetServerStats, updateCachedTime
from server.session.acl import ACLGetCommandCategoryFlagByName, ACLGetCommandID, ACLUpdateDefaultUserPassword
from server.zmalloc import set_jemalloc_bg_thread, zmalloc_get_memory_size, zmalloc_init, zmalloc_used_memory
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.server_main import unexpected_exception


def createSharedObjects():
    """Make the replies and words that need to be made once only."""
    def obj(b):
        return createObject(OBJ_STRING, b)

    # Replies
    shared.crlf = obj(b"\r\n")
    shared.ok = obj(b"+OK\r\n")
    shared.emptybulk = obj(b"$0\r\n\r\n")
    shared.czero = obj(b":0\r\n")
    shared.cone = obj(b":1\r\n")
    shared.emptyarray = obj(b"*0\r\n")
    shared.pong = obj(b"+PONG\r\n")
    shared.queued = obj(b"+QUEUED\r\n")
    shared.emptyscan = obj(b"*2\r\n$1\r\n0\r\n*0\r\n")
    shared.space = obj(b" ")
    shared.colon = obj(b":")
    shared.plus = obj(b"+")

    # Errors
    shared.wrongtypeerr = obj(b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    shared.err = obj(b"-ERR\r\n")
    shared.nokeyerr = obj(b"-ERR no such key\r\n")
    shared.syntaxerr = obj(b"-ERR syntax error\r\n")
    shared.sameobjecterr = obj(b"-ERR source and destination objects are the same\r\n")
    shared.outofrangeerr = obj(b"-ERR index out of range\r\n")
    shared.noscripterr = obj(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    shared.loadingerr = obj(b"-LOADING Redis is loading the dataset in memory\r\n")
    shared.slowscripterr = obj(b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
                               b"NOSAVE.\r\n")
    shared.masterdownerr = obj(b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n")
    shared.bgsaveerr = obj(b"-MISCONF Redis is configured to save RDB snapshots, but it is currently not able to "
                           b"persist on disk. Commands that may modify the data set are disabled, because this "
                           b"instance is configured to report errors during writes if RDB snapshotting fails "
                           b"(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the "
                           b"RDB error.\r\n")
    shared.roslaveerr = obj(b"-READONLY You can't write against a read only replica.\r\n")
    shared.noautherr = obj(b"-NOAUTH Authentication required.\r\n")
    shared.oomerr = obj(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")
    shared.execaborterr = obj(b"-EXECABORT Transaction discarded because of previous errors.\r\n")
    shared.noreplicaserr = obj(b"-NOREPLICAS Not enough good replicas to write.\r\n")
    shared.busykeyerr = obj(b"-BUSYKEY Target key name already exists.\r\n")

    # By protocol version: index 2 and 3
    shared.null = [None, None, obj(b"$-1\r\n"), obj(b"_\r\n")]
    shared.nullarray = [None, None, obj(b"*-1\r\n"), obj(b"_\r\n")]
    shared.emptymap = [None, None, obj(b"*0\r\n"), obj(b"%0\r\n")]
    shared.emptyset = [None, None, obj(b"*0\r\n"), obj(b"~0\r\n")]

    shared.select = [obj(b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%d\r\n" % (len(b"%d" % j), j))
                     for j in range(PROTO_SHARED_SELECT_CMDS)]
    shared.messagebulk = createStringObject(b"$7\r\nmessage\r\n")
    shared.pmessagebulk = createStringObject(b"$8\r\npmessage\r\n")
    shared.subscribebulk = createStringObject(b"$9\r\nsubscribe\r\n")
    shared.unsubscribebulk = createStringObject(b"$11\r\nunsubscribe\r\n")
    shared.psubscribebulk = createStringObject(b"$10\r\npsubscribe\r\n")
    shared.punsubscribebulk = createStringObject(b"$12\r\npunsubscribe\r\n")

    # Command names
    shared.del_ = createStringObject(b"DEL")
    shared.unlink = createStringObject(b"UNLINK")
    shared.rpop = createStringObject(b"RPOP")
    shared.lpop = createStringObject(b"LPOP")
    shared.lpush = createStringObject(b"LPUSH")
    shared.rpoplpush = createStringObject(b"RPOPLPUSH")
    shared.lmove = createStringObject(b"LMOVE")
    shared.blmove = createStringObject(b"BLMOVE")
    shared.zpopmin = createStringObject(b"ZPOPMIN")
    shared.zpopmax = createStringObject(b"ZPOPMAX")
    shared.multi = createStringObject(b"MULTI")
    shared.exec = createStringObject(b"EXEC")
    shared.hset = createStringObject(b"HSET")
    shared.srem = createStringObject(b"SREM")
    shared.xgroup = createStringObject(b"XGROUP")
    shared.xclaim = createStringObject(b"XCLAIM")
    shared.script = createStringObject(b"SCRIPT")
    shared.replconf = createStringObject(b"REPLCONF")
    shared.pexpireat = createStringObject(b"PEXPIREAT")
    shared.pexpire = createStringObject(b"PEXPIRE")
    shared.persist = createStringObject(b"PERSIST")
    shared.set = createStringObject(b"SET")
    shared.eval = createStringObject(b"EVAL")

    # Command arguments
    shared.left = createStringObject(b"left")
    shared.right = createStringObject(b"right")
    shared.pxat = createStringObject(b"PXAT")
    shared.px = createStringObject(b"PX")
    shared.time = createStringObject(b"TIME")
    shared.retrycount = createStringObject(b"RETRYCOUNT")
    shared.force = createStringObject(b"FORCE")
    shared.justid = createStringObject(b"JUSTID")
    shared.lastid = createStringObject(b"LASTID")
    shared.default_username = createStringObject(b"default")
    shared.ping = createStringObject(b"ping")
    shared.setid = createStringObject(b"SETID")
    shared.keepttl = createStringObject(b"KEEPTTL")
    shared.load = createStringObject(b"LOAD")
    shared.createconsumer = createStringObject(b"CREATECONSUMER")
    shared.getack = createStringObject(b"GETACK")
    shared.special_asterick = createStringObject(b"*")
    shared.special_equals = createStringObject(b"=")
    shared.redacted = makeObjectShared(createStringObject(b"(redacted)"))

    integers = []
    for j in range(OBJ_SHARED_INTEGERS):
        o = makeObjectShared(createObject(OBJ_STRING, j))
        o.encoding = OBJ_ENCODING_INT
        integers.append(o)
    shared.integers = integers
    shared.mbulkhdr = [obj(b"*%d\r\n" % j) for j in range(OBJ_SHARED_BULKHDR_LEN)]
    shared.bulkhdr = [obj(b"$%d\r\n" % j) for j in range(OBJ_SHARED_BULKHDR_LEN)]
    shared.maphdr = [obj(b"%%%d\r\n" % j) for j in range(OBJ_SHARED_BULKHDR_LEN)]
    shared.sethdr = [obj(b"~%d\r\n" % j) for j in range(OBJ_SHARED_BULKHDR_LEN)]
    # Compared only by identity: less than and greater than every string (ZRANGEBYLEX - and +).
    shared.minstring = b"minstring"
    shared.maxstring = b"maxstring"


def initServerConfig():
    """Start values of everything the configuration may change, before it is read."""
    updateCachedTime(1)
    server.runid = getRandomHexChars(CONFIG_RUN_ID_SIZE)
    changeReplicationId()
    clearReplicationId2()
    server.hz = CONFIG_DEFAULT_HZ          # used before the configuration is loaded
    server.timezone = getTimeZone()
    server.configfile = None
    server.executable = None
    server.arch_bits = 64 if sys.maxsize > 2**32 else 32
    server.bindaddr_count = 0
    server.unixsocketperm = CONFIG_DEFAULT_UNIX_SOCKET_PERM
    server.ipfd.count = 0
    server.tlsfd.count = 0
    server.sofd = -1
    server.active_expire_enabled = 1
    server.skip_checksum_validation = 0
    server.saveparams = []
    server.loading = 0
    server.loading_rdb_used_mem = 0
    server.logfile = CONFIG_DEFAULT_LOGFILE
    server.aof_state = AOF_OFF
    server.aof_rewrite_base_size = 0
    server.aof_rewrite_scheduled = 0
    server.aof_flush_sleep = 0
    server.aof_last_fsync = unix_time()
    server.aof_bio_fsync_status = C_OK
    server.aof_rewrite_time_last = -1
    server.aof_rewrite_time_start = -1
    server.aof_lastbgrewrite_status = C_OK
    server.aof_delayed_fsync = 0
    server.aof_fd = -1
    server.aof_selected_db = -1            # forces a SELECT first
    server.aof_flush_postponed_start = 0
    server.pidfile = None
    server.active_defrag_running = 0
    server.notify_keyspace_events = 0
    server.blocked_clients = 0
    server.blocked_clients_by_type = [0] * BLOCKED_NUM
    server.shutdown_asap = 0
    server.cluster_configfile = CONFIG_DEFAULT_CLUSTER_CONFIG_FILE
    server.cluster_module_flags = CLUSTER_MODULE_FLAG_NONE
    server.migrate_cached_sockets = dictCreate(migrateCacheDictType)
    server.next_client_id = 1
    server.loading_process_events_interval_bytes = 1024 * 1024 * 2
    server.pause_cron = 0

    server.lruclock = getLRUClock()
    resetServerSaveParams()

    appendServerSaveParams(60 * 60, 1)     # after 1 hour and 1 change
    appendServerSaveParams(300, 100)       # after 5 minutes and 100 changes
    appendServerSaveParams(60, 10000)      # after 1 minute and 10000 changes

    # Replication
    server.masterauth = None
    server.masterhost = None
    server.masterport = 6379
    server.master = None
    server.cached_master = None
    server.master_initial_offset = -1
    server.repl_state = REPL_STATE_NONE
    server.repl_transfer_tmpfile = None
    server.repl_transfer_fd = -1
    server.repl_transfer_s = None
    server.repl_syncio_timeout = CONFIG_REPL_SYNCIO_TIMEOUT
    server.repl_down_since = 0             # never connected
    server.master_repl_offset = 0

    # Backlog
    server.repl_backlog = None
    server.repl_backlog_histlen = 0
    server.repl_backlog_idx = 0
    server.repl_backlog_off = 0
    server.repl_no_slaves_since = unix_time()

    # Failover
    server.failover_end_time = 0
    server.force_failover = 0
    server.target_replica_host = None
    server.target_replica_port = 0
    server.failover_state = NO_FAILOVER

    for j in range(CLIENT_TYPE_OBUF_COUNT):
        d = clientBufferLimitsDefaults[j]
        server.client_obuf_limits[j] = clientBufferLimitsConfig(d.hard_limit_bytes, d.soft_limit_bytes,
                                                                d.soft_limit_seconds)
    for j in range(CONFIG_OOM_COUNT):
        server.oom_score_adj_values[j] = configOOMScoreAdjValuesDefaults[j]

    # The command table is part of the configuration: rename-command changes it.
    server.commands = dictCreate(commandTableDictType)
    server.orig_commands = dictCreate(commandTableDictType)
    populateCommandTable()
    server.delCommand = lookupCommandByCString(b"del")
    server.multiCommand = lookupCommandByCString(b"multi")
    server.lpushCommand = lookupCommandByCString(b"lpush")
    server.lpopCommand = lookupCommandByCString(b"lpop")
    server.rpopCommand = lookupCommandByCString(b"rpop")
    server.zpopminCommand = lookupCommandByCString(b"zpopmin")
    server.zpopmaxCommand = lookupCommandByCString(b"zpopmax")
    server.sremCommand = lookupCommandByCString(b"srem")
    server.execCommand = lookupCommandByCString(b"exec")
    server.expireCommand = lookupCommandByCString(b"expire")
    server.pexpireCommand = lookupCommandByCString(b"pexpire")
    server.xclaimCommand = lookupCommandByCString(b"xclaim")
    server.xgroupCommand = lookupCommandByCString(b"xgroup")
    server.rpoplpushCommand = lookupCommandByCString(b"rpoplpush")
    server.lmoveCommand = lookupCommandByCString(b"lmove")

    server.watchdog_period = 0

    # Scripts are replicated by their effects unless the configuration disables this.
    server.lua_always_replicate_commands = 1

    server.client_pause_type = CLIENT_PAUSE_OFF
    server.client_pause_end_time = 0

    initConfigValues()


# restartServer flags
RESTART_SERVER_NONE = 0
RESTART_SERVER_GRACEFULLY = 1 << 0
RESTART_SERVER_CONFIG_REWRITE = 1 << 1


def restartServer(flags, delay):
    """Execute this program again with its arguments.  RESTART_SERVER_* in `flags`; `delay` in ms.
    -> C_ERR if that cannot be, else never"""
    if not os.access(sys.executable, os.X_OK):
        serverLog(LL_WARNING, "Can't restart: this process has no permissions to execute %s", sys.executable)
        return C_ERR

    if flags & RESTART_SERVER_CONFIG_REWRITE and server.configfile and rewriteConfig(server.configfile, 0) == -1:
        serverLog(LL_WARNING, "Can't restart: configuration rewrite process failed")
        return C_ERR

    if flags & RESTART_SERVER_GRACEFULLY and prepareForShutdown(SHUTDOWN_NOFLAGS) != C_OK:
        serverLog(LL_WARNING, "Can't restart: error preparing for shutdown")
        return C_ERR

    os.closerange(3, server.maxclients + 1024)
    if delay:
        time.sleep(delay / 1000)
    try:
        os.execv(sys.executable, launch_command() + server.exec_argv[1:])
    except OSError:
        os._exit(1)


def makeThreadKillable():
    """C: Python threads cannot be cancelled; a crash report is written with all of them stopped by the GIL."""


def initServer():
    """Bring up everything that needs the configuration: signals, loop, sockets, databases, timer."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    setupSignalHandlers()
    makeThreadKillable()

    if server.syslog_enabled:
        import syslog
        syslog.openlog(server.syslog_ident, syslog.LOG_PID | syslog.LOG_NDELAY | syslog.LOG_NOWAIT,
                       server.syslog_facility)

    server.aof_state = AOF_ON if server.aof_enabled else AOF_OFF
    server.hz = server.config_hz
    server.pid = os.getpid()
    server.in_fork_child = CHILD_TYPE_NONE
    server.main_thread_id = threading.get_ident()
    server.current_client = None
    server.errors = raxNew()
    server.fixed_time_expire = 0
    server.in_nested_call = 0
    server.clients = listCreate()
    server.clients_index = raxNew()
    server.clients_to_close = listCreate()
    server.slaves = listCreate()
    server.monitors = listCreate()
    server.clients_pending_write = listCreate()
    server.clients_pending_read = listCreate()
    server.clients_timeout_table = raxNew()
    server.replication_allowed = 1
    server.slaveseldb = -1                 # forces a SELECT first
    server.unblocked_clients = listCreate()
    server.ready_keys = listCreate()
    server.tracking_pending_keys = listCreate()
    server.clients_waiting_acks = listCreate()
    server.get_ack_from_slaves = 0
    server.client_pause_type = 0
    server.paused_clients = listCreate()
    server.events_processed_while_blocked = 0
    server.system_memory_size = zmalloc_get_memory_size()
    server.blocked_last_cron = 0
    server.blocking_op_nesting = 0

    if ((server.tls_port or server.tls_replication or server.tls_cluster)
            and tlsConfigure(server.tls_ctx_config) == C_ERR):
        serverLog(LL_WARNING, "Failed to configure TLS. Check logs for more info.")
        sys.exit(1)

    createSharedObjects()
    adjustOpenFilesLimit()
    clk_msg = monotonicInit()
    serverLog(LL_NOTICE, "monotonic clock: %s", clk_msg)
    server.el = aeCreateEventLoop(server.maxclients + CONFIG_FDSET_INCR)
    if server.el is None:
        serverLog(LL_WARNING, "Failed creating the event loop. Error message: '%s'", os.strerror(errno.EMFILE))
        sys.exit(1)

    # Open the TCP sockets for commands.
    if server.port != 0 and listenToPort(server.port, server.ipfd) == C_ERR:
        # The test suite searches for this text.
        serverLog(LL_WARNING, "Failed listening on port %d (TCP), aborting.", server.port)
        sys.exit(1)
    if server.tls_port != 0 and listenToPort(server.tls_port, server.tlsfd) == C_ERR:
        serverLog(LL_WARNING, "Failed listening on port %d (TLS), aborting.", server.tls_port)
        sys.exit(1)

    # Open the Unix socket.
    if server.unixsocket is not None:
        try:
            os.unlink(server.unixsocket)
        except OSError:
            pass
        server.sofd, err = anetUnixServer(server.unixsocket, server.unixsocketperm, server.tcp_backlog)
        if server.sofd == ANET_ERR:
            serverLog(LL_WARNING, "Opening Unix socket: %s", err)
            sys.exit(1)
        anetNonBlock(server.sofd)
        anetCloexec(server.sofd)

    if server.ipfd.count == 0 and server.tlsfd.count == 0 and server.sofd < 0:
        serverLog(LL_WARNING, "Configured to not listen anywhere, exiting.")
        sys.exit(1)

    # Create the databases, and initialize the other state.
    server.db = [redisDb() for _ in range(server.dbnum)]
    for j, db in enumerate(server.db):
        db.dict = dictCreate(dbDictType)
        db.expires = dictCreate(dbExpiresDictType)
        db.expires_cursor = 0
        db.blocking_keys = dictCreate(keylistDictType)
        db.ready_keys = dictCreate(objectKeyPointerValueDictType)
        db.watched_keys = dictCreate(keylistDictType)
        db.id = j
        db.avg_ttl = 0
        db.defrag_later = listCreate()
    evictionPoolAlloc()
    server.pubsub_channels = dictCreate(keylistDictType)
    server.pubsub_patterns = dictCreate(keylistDictType)
    server.cronloops = 0
    server.in_eval = 0
    server.in_exec = 0
    server.propagate_in_transaction = 0
    server.client_pause_in_transaction = 0
    server.child_pid = -1
    server.child_type = CHILD_TYPE_NONE
    server.rdb_child_type = RDB_CHILD_TYPE_NONE
    server.rdb_pipe_conns = None
    server.rdb_pipe_numconns = 0
    server.rdb_pipe_numconns_writing = 0
    server.rdb_pipe_buff = None
    server.rdb_pipe_bufflen = 0
    server.rdb_bgsave_scheduled = 0
    server.child_info_pipe = [-1, -1]
    server.child_info_nread = 0
    aofRewriteBufferReset()
    server.aof_buf = bytearray()
    server.lastsave = unix_time()     # an empty data set counts as saved
    server.lastbgsave_try = 0
    server.rdb_save_time_last = -1
    server.rdb_save_time_start = -1
    server.dirty = 0
    resetServerStats()
    # CONFIG RESETSTAT does not reset these two.
    server.stat_starttime = unix_time()
    server.stat_peak_memory = 0
    server.stat_current_cow_bytes = 0
    server.stat_current_cow_updated = 0
    server.stat_current_save_keys_processed = 0
    server.stat_current_save_keys_total = 0
    server.stat_rdb_cow_bytes = 0
    server.stat_aof_cow_bytes = 0
    server.stat_module_cow_bytes = 0
    server.stat_module_progress = 0
    server.stat_clients_type_memory = [0] * CLIENT_TYPE_COUNT
    server.cron_malloc_stats.zmalloc_used = 0
    server.cron_malloc_stats.process_rss = 0
    server.cron_malloc_stats.allocator_allocated = 0
    server.cron_malloc_stats.allocator_active = 0
    server.cron_malloc_stats.allocator_resident = 0
    server.lastbgsave_status = C_OK
    server.aof_last_write_status = C_OK
    server.aof_last_write_errno = 0
    server.repl_good_slaves_count = 0

    # Create the timer for work that no request starts: clients' timeouts, expiry, saving, replication.
    if aeCreateTimeEvent(server.el, 1, serverCron, None, None) == AE_ERR:
        serverPanic("Can't create event loop timers.")

    if createSocketAcceptHandler(server.ipfd, acceptTcpHandler) != C_OK:
        serverPanic("Unrecoverable error creating TCP socket accept handler.")
    if createSocketAcceptHandler(server.tlsfd, acceptTLSHandler) != C_OK:
        serverPanic("Unrecoverable error creating TLS socket accept handler.")
    if server.sofd > 0 and aeCreateFileEvent(server.el, server.sofd, AE_READABLE, acceptUnixHandler, None) == AE_ERR:
        serverPanic("Unrecoverable error creating server.sofd file event.")

    # ORDER: before the data set is loaded, since processEventsWhileBlocked needs them.
    aeSetBeforeSleepProc(server.el, beforeSleep)
    aeSetAfterSleepProc(server.el, afterSleep)
    ae_set_exception_proc(server.el, unexpected_exception)

    if server.aof_state == AOF_ON:
        try:
            server.aof_fd = os.open(server.aof_filename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as e:
            serverLog(LL_WARNING, "Can't open the append-only file: %s", os.strerror(e.errno))
            sys.exit(1)

    # A 32 bit process has only 4 GB of address space.
    if server.arch_bits == 32 and server.maxmemory == 0:
        serverLog(LL_WARNING, "Warning: 32 bit instance detected but no memory limit set. Setting 3 GB maxmemory limit "
                              "with 'noeviction' policy now.")
        server.maxmemory = 3072 * 1024 * 1024
        server.maxmemory_policy = MAXMEMORY_NO_EVICTION

    if server.cluster_enabled:
        clusterInit()
    replicationScriptCacheInit()
    scriptingInit(1)
    slowlogInit()
    latencyMonitorInit()

    # requirepass is the password of the default user.
    ACLUpdateDefaultUserPassword(server.requirepass)


def InitServerLast():
    """Threads come last: everything they may see exists now."""
    bioInit()
    initThreadedIO()
    set_jemalloc_bg_thread(server.jemalloc_bg_thread)
    zmalloc_init()
    server.initial_memory_usage = zmalloc_used_memory()


# ============================= Command table ===============================

# The words of a command's flags, C: populateCommandTableParseFlags
COMMAND_FLAG_WORDS = {
    "write": CMD_WRITE | CMD_CATEGORY_WRITE,
    "read-only": CMD_READONLY | CMD_CATEGORY_READ,
    "use-memory": CMD_DENYOOM,
    "admin": CMD_ADMIN | CMD_CATEGORY_ADMIN | CMD_CATEGORY_DANGEROUS,
    "pub-sub": CMD_PUBSUB | CMD_CATEGORY_PUBSUB,
    "no-script": CMD_NOSCRIPT,
    "random": CMD_RANDOM,
    "to-sort": CMD_SORT_FOR_SCRIPT,
    "ok-loading": CMD_LOADING,
    "ok-stale": CMD_STALE,
    "no-monitor": CMD_SKIP_MONITOR,
    "no-slowlog": CMD_SKIP_SLOWLOG,
    "cluster-asking": CMD_ASKING,
    "fast": CMD_FAST | CMD_CATEGORY_FAST,
    "no-auth": CMD_NO_AUTH,
    "may-replicate": CMD_MAY_REPLICATE,
}


def populateCommandTableParseFlags(c, strflags):
    """Turn the words of `strflags` into c.flags -> C_OK, or C_ERR for an unknown word."""
    for flag in strflags.split():
        bits = COMMAND_FLAG_WORDS.get(flag)
        if bits is None:
            bits = ACLGetCommandCategoryFlagByName(flag[1:].encode()) if flag[0] == "@" else 0
            if not bits:
                return C_ERR
        c.flags |= bits
    # Commands that are not @fast are @slow.
    if not c.flags & CMD_CATEGORY_FAST:
        c.flags |= CMD_CATEGORY_SLOW
    return C_OK


def populateCommandTable():
    """Fill server.commands, and server.orig_commands, which rename-command does not change."""
    for c in redisCommandTable():
        if populateCommandTableParseFlags(c, c.sflags) == C_ERR:
            serverPanic("Unsupported command flag")
        c.id = ACLGetCommandID(c.name)
        retval1 = dictAdd(server.commands, c.name, c)
        retval2 = dictAdd(server.orig_commands, c.name, c)
        serverAssert(retval1 == DICT_OK and retval2 == DICT_OK)
