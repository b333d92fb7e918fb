"""server.py - the server: start-up and commands.                Mirrors src/server.c (6.2.14)

Parts        server_cron.py (C 1540-2490: serverCron, beforeSleep), server_process.py (C 2850-2920, 5430-6210: fork,
             signals, title), server_main.py (C 5640-6479), commandtable.py (C 190-1110), admin/info.py (C 4630-5415),
             log.py (C 1115-1205).
Lives here   the dictTypes of the keyspace; createSharedObjects; initServerConfig, initServer; lookupCommand,
             processCommand, call, propagate; shutdown; PING, ECHO, TIME, COMMAND, MONITOR.
Called from  __main__ [startup]; processInputBuffer through processCommand [read, command].
Calls out    every command proc through cmd.proc(c); AOF and replicas through propagate.
State        server, shared (server_h).  _lookupCommand_cache, _call_prev_err_count here.
Invariant    server.also_propagate is empty between two top-level call()s.
Departures   no modules.
Extend       a new command: a row in commandtable.py, its proc in the file that C has it in.
"""
import errno
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from ae import monotonic
from ae.ae import (
    AE_ERR, AE_READABLE, aeCreateEventLoop, aeCreateFileEvent, aeCreateTimeEvent, aeSetAfterSleepProc,
    aeSetBeforeSleepProc, ae_set_exception_proc,
)
from ae.anet import ANET_ERR, anetCloexec, anetNonBlock, anetUnixServer
from ae.monotonic import monotonicInit, mstime, ustime
from cluster.cluster import clusterInit
from cluster.cluster_command import clusterRedirectClient, getNodeByQuery
from cluster.cluster_h import CLUSTER_MODULE_FLAG_NONE
from datastructs.adlist import listAddNodeTail, listCreate
from datastructs.dict import DICT_OK, dictAdd, dictCreate, dictFetchValue, dictSize, dict_entries
from datastructs.rax import raxNew
from datastructs.util import getRandomHexChars
from persistence.aof import feedAppendOnlyFile, flushAppendOnlyFile
from persistence.aof_buffer import aofRewriteBufferReset
from persistence.aof_rewrite import killAppendOnlyChild
from persistence.rdb import killRDBChild, rdbPopulateSaveInfo, rdbRemoveTempFile, rdbSave
from replication.replication_master import (
    changeReplicationId, clearReplicationId2, replconfCommand, replicationFeedMonitors, replicationFeedSlaves,
)
from replication.script_cache import replicationScriptCacheInit
from server.admin.config import appendServerSaveParams, initConfigValues, resetServerSaveParams, rewriteConfig
from server.admin.config_table import clientBufferLimitsDefaults, configOOMScoreAdjValuesDefaults
from server.admin.slowlog import slowlogInit, slowlogPushEntryIfNeeded
from server.bio import bioInit
from server.client.networking import (
    acceptTLSHandler, acceptTcpHandler, acceptUnixHandler, areClientsPaused, authRequired, flushSlavesOutputBuffers,
    freeClientOriginalArgv,
)
from server.client.networking_client import helloCommand, resetCommand
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkCString, addReplyBulkLongLong,
    addReplyDeferredLen, addReplyError, addReplyErrorFormat, addReplyErrorObject, addReplyErrorSds, addReplyHelp,
    addReplyLongLong, addReplyNull, addReplyStatus, addReplySubcommandSyntaxError, setDeferredSetLen,
)
from server.client.networking_threads import initThreadedIO
from server.client.tls import tlsConfigure
from server.command_lookup import _lookupCommand_cache, lookupCommand, lookupCommandByCString, reset_lookup_cache
from server.dict_types import (
    commandTableDictType, dbDictType, dbExpiresDictType, keylistDictType, migrateCacheDictType,
    objectKeyPointerValueDictType,
)
from server.keyspace.db import getKeysFromCommand, shutdownCommand
from server.keyspace.evict import evictionPoolAlloc, performEvictions
from server.latency_samples import latencyAddSample, latencyMonitorInit
from server.log import serverAssert, serverLog, serverPanic
from server.lru import getLRUClock
from server.object import createObject, createStringObject, makeObjectShared
from server.op_array import redisOpArrayFree
from server.os_process import adjustOpenFilesLimit
from server.scripting.scripting import evalCommand, evalShaCommand, scriptCommand, scriptingInit
from server.scripting.scripting_ldb import ldbKillForkedSessions
from server.server_cron import afterSleep, beforeSleep, serverCron
from server.server_h import (
    server, shared, rdbSaveInfo, redisDb, redisOpArray, clientBufferLimitsConfig, DISK_ERROR_TYPE_AOF,
    DISK_ERROR_TYPE_NONE, DISK_ERROR_TYPE_RDB, AOF_OFF, AOF_ON, AOF_WAIT_REWRITE, BLOCKED_NUM, BLOCKED_PAUSE,
    CHILD_TYPE_AOF, CHILD_TYPE_NONE, CHILD_TYPE_RDB, CLIENT_BLOCKED, CLIENT_CLOSE_AFTER_COMMAND,
    CLIENT_CLOSE_AFTER_REPLY, CLIENT_DENY_BLOCKING, CLIENT_FORCE_AOF, CLIENT_FORCE_REPL, CLIENT_LUA, CLIENT_MASTER,
    CLIENT_MONITOR, CLIENT_MULTI, CLIENT_PAUSE_ALL, CLIENT_PAUSE_OFF, CLIENT_PAUSE_WRITE, CLIENT_PENDING_WRITE,
    CLIENT_PREVENT_AOF_PROP, CLIENT_PREVENT_PROP, CLIENT_PREVENT_REPL_PROP, CLIENT_PUBSUB, CLIENT_SLAVE,
    CLIENT_TRACKING, CLIENT_TRACKING_BCAST, CLIENT_TYPE_COUNT, CMD_ADMIN, CMD_ASKING, CMD_CALL_FULL, CMD_CALL_NOWRAP,
    CMD_CALL_PROPAGATE, CMD_CALL_PROPAGATE_AOF, CMD_CALL_PROPAGATE_REPL, CMD_CALL_SLOWLOG, CMD_CALL_STATS,
    CMD_CATEGORY_ADMIN, CMD_CATEGORY_DANGEROUS, CMD_CATEGORY_FAST, CMD_CATEGORY_PUBSUB, CMD_CATEGORY_READ,
    CMD_CATEGORY_SLOW, CMD_CATEGORY_WRITE, CMD_DENYOOM, CMD_FAST, CMD_LOADING, CMD_MAY_REPLICATE, CMD_NOSCRIPT,
    CMD_NO_AUTH, CMD_PUBSUB, CMD_RANDOM, CMD_READONLY, CMD_SKIP_MONITOR, CMD_SKIP_SLOWLOG, CMD_SORT_FOR_SCRIPT,
    CMD_STALE, CMD_WRITE, CONFIG_DEFAULT_CLUSTER_CONFIG_FILE, CONFIG_DEFAULT_HZ, CONFIG_DEFAULT_LOGFILE,
    CONFIG_DEFAULT_UNIX_SOCKET_PERM, CONFIG_FDSET_INCR, CONFIG_OOM_COUNT, CONFIG_REPL_SYNCIO_TIMEOUT,
    CONFIG_RUN_ID_SIZE, C_ERR, C_OK, CLIENT_TYPE_OBUF_COUNT, LL_NOTICE, LL_WARNING, NO_FAILOVER, OBJ_ENCODING_INT,
    OBJ_SHARED_BULKHDR_LEN, OBJ_SHARED_INTEGERS, OBJ_STRING, PROPAGATE_AOF, PROPAGATE_NONE, PROPAGATE_REPL,
    PROTO_SHARED_SELECT_CMDS, RDB_CHILD_TYPE_NONE, REPL_STATE_CONNECTED, REPL_STATE_NONE, SHUTDOWN_NOFLAGS,
    SHUTDOWN_NOSAVE, SHUTDOWN_SAVE, STATS_METRIC_COUNT, STATS_METRIC_SAMPLES, SUPERVISED_SYSTEMD, USER_FLAG_ALLCHANNELS,
    USER_FLAG_ALLCOMMANDS, USER_FLAG_ALLKEYS,
)
from server.server_listen import closeListeningSockets, createSocketAcceptHandler, listenToPort
from server.server_process import launch_command, redisCommunicateSystemd, setupSignalHandlers
from server.server_state import updateCachedTime
from server.session.acl import (
    ACLCheckAllPerm, ACLGetCommandCategoryFlagByName, ACLGetCommandID, ACLUpdateDefaultUserPassword, addACLLogEntry,
    addReplyCommandCategories, authCommand,
)
from server.session.blocked import blockClient, handleClientsBlockedOnKeys
from server.session.multi import (
    discardCommand, discardTransaction, execCommand, execCommandAbort, execCommandPropagateExec,
    execCommandPropagateMulti, flagTransaction, multiCommand, queueMultiCommand, unwatchCommand, watchCommand,
)
from server.session.pubsub import (
    psubscribeCommand, punsubscribeCommand, subscribeCommand, unsubscribeCommand,
)
from server.session.tracking import (
    trackingHandlePendingKeyInvalidations, trackingLimitUsedSlots, trackingRememberKeys,
)
from server.zmalloc import set_jemalloc_bg_thread, zmalloc_get_memory_size, zmalloc_init, zmalloc_used_memory
if TYPE_CHECKING:                                   # same layer, imports us: bound by server/link.py
    from server.commandtable import redisCommandTable
    from server.server_main import unexpected_exception

# C: acl.h
ACL_OK = 0
ACL_DENIED_CMD = 1
ACL_DENIED_KEY = 2
ACL_DENIED_AUTH = 3
ACL_DENIED_CHANNEL = 4
USER_MAY_DO_ANYTHING = USER_FLAG_ALLCOMMANDS | USER_FLAG_ALLKEYS | USER_FLAG_ALLCHANNELS

EVICT_FAIL = 2                       # result of performEvictions

# restartServer flags
RESTART_SERVER_NONE = 0
RESTART_SERVER_GRACEFULLY = 1 << 0
RESTART_SERVER_CONFIG_REWRITE = 1 << 1

RDBFLAGS_NONE = 0

FORCE_OR_PREVENT_PROP = CLIENT_FORCE_AOF | CLIENT_FORCE_REPL | CLIENT_PREVENT_PROP

_call_prev_err_count = 0             # server.stat_total_error_replies when the last call() ended


# =========================== Server initialization =========================

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
    # Compared by identity only: below and above every string (ZRANGEBYLEX - and +).
    shared.minstring = b"minstring"
    shared.maxstring = b"maxstring"


def initServerConfig():
    """Start values of everything the configuration may change, before it is read."""
    updateCachedTime(1)
    server.runid = getRandomHexChars(CONFIG_RUN_ID_SIZE)
    changeReplicationId()
    clearReplicationId2()
    server.hz = CONFIG_DEFAULT_HZ          # used before the configuration is there
    server.timezone = time.timezone
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
    server.aof_last_fsync = int(time.time())
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
    server.repl_down_since = 0             # down since ever
    server.master_repl_offset = 0

    # Backlog
    server.repl_backlog = None
    server.repl_backlog_histlen = 0
    server.repl_backlog_idx = 0
    server.repl_backlog_off = 0
    server.repl_no_slaves_since = int(time.time())

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

    # The command table belongs to the configuration: rename-command changes it.
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

    # Scripts are replicated by their effects unless the configuration says otherwise.
    server.lua_always_replicate_commands = 1

    server.client_pause_type = CLIENT_PAUSE_OFF
    server.client_pause_end_time = 0

    initConfigValues()


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


def resetServerStats():
    """What CONFIG RESETSTAT resets, and what starts at 0."""
    server.stat_numcommands = 0
    server.stat_numconnections = 0
    server.stat_expiredkeys = 0
    server.stat_expired_stale_perc = 0
    server.stat_expired_time_cap_reached_count = 0
    server.stat_expire_cycle_time_used = 0
    server.stat_evictedkeys = 0
    server.stat_keyspace_misses = 0
    server.stat_keyspace_hits = 0
    server.stat_active_defrag_hits = 0
    server.stat_active_defrag_misses = 0
    server.stat_active_defrag_key_hits = 0
    server.stat_active_defrag_key_misses = 0
    server.stat_active_defrag_scanned = 0
    server.stat_fork_time = 0
    server.stat_fork_rate = 0
    server.stat_total_forks = 0
    server.stat_rejected_conn = 0
    server.stat_sync_full = 0
    server.stat_sync_partial_ok = 0
    server.stat_sync_partial_err = 0
    server.stat_io_reads_processed = 0
    server.stat_total_reads_processed = 0
    server.stat_io_writes_processed = 0
    server.stat_total_writes_processed = 0
    for j in range(STATS_METRIC_COUNT):
        m = server.inst_metric[j]
        m.idx = 0
        m.last_sample_time = mstime()
        m.last_sample_count = 0
        m.samples = [0] * STATS_METRIC_SAMPLES
    server.stat_net_input_bytes = 0
    server.stat_net_output_bytes = 0
    server.stat_unexpected_error_replies = 0
    server.stat_total_error_replies = 0
    server.stat_dump_payload_sanitizations = 0
    server.aof_delayed_fsync = 0


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

    # The TCP sockets for commands.
    if server.port != 0 and listenToPort(server.port, server.ipfd) == C_ERR:
        # The test suite knows this text.
        serverLog(LL_WARNING, "Failed listening on port %d (TCP), aborting.", server.port)
        sys.exit(1)
    if server.tls_port != 0 and listenToPort(server.tls_port, server.tlsfd) == C_ERR:
        serverLog(LL_WARNING, "Failed listening on port %d (TLS), aborting.", server.tls_port)
        sys.exit(1)

    # The Unix socket.
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

    # The databases, and the state of everything else.
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
    server.lastsave = int(time.time())     # an empty data set counts as saved
    server.lastbgsave_try = 0
    server.rdb_save_time_last = -1
    server.rdb_save_time_start = -1
    server.dirty = 0
    resetServerStats()
    # These two survive CONFIG RESETSTAT.
    server.stat_starttime = int(time.time())
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

    # The timer: clients' timeouts, expiry, saving, replication, and whatever else needs no request.
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

    # 32 bit: 4 GB of address space is all there is.
    if server.arch_bits == 32 and server.maxmemory == 0:
        serverLog(LL_WARNING, "Warning: 32 bit instance detected but no memory limit set. Setting 3 GB maxmemory limit "
                              "with 'noeviction' policy now.")
        server.maxmemory = 3072 * 1024 * 1024
        server.maxmemory_policy = 7 << 8                                    # MAXMEMORY_NO_EVICTION

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
    # What is not @fast is @slow.
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
    reset_lookup_cache()


# ====================== Commands lookup and execution ======================


def propagate(cmd, dbid, argv, flags):
    """Send one command to the AOF and to the replicas, as PROPAGATE_* in `flags` say.

    Inside of a command use alsoPropagate() instead: what comes from here must not stand before the command itself.
    """
    if not server.replication_allowed:
        return

    # The first write of a transaction brings its MULTI with it.
    if server.in_exec and not server.propagate_in_transaction:
        execCommandPropagateMulti(dbid)

    # INVARIANT: nothing changes the data set while clients are paused, or a failover would lose it.
    if server.client_pause_type:
        serverAssert(not (areClientsPaused() and not server.client_pause_in_transaction))

    if server.aof_state != AOF_OFF and flags & PROPAGATE_AOF:
        feedAppendOnlyFile(cmd, dbid, argv, len(argv))
    if flags & PROPAGATE_REPL:
        replicationFeedSlaves(server.slaves, dbid, argv)


def slowlogPushCurrentCommand(c, cmd, duration):
    """Offer the command that `c` has executed to the slowlog.  UNIT: us."""
    # AUTH and the like carry secrets.
    if cmd.flags & CMD_SKIP_SLOWLOG:
        return
    # Show what the client sent, not what the command was rewritten to.
    argv = c.argv if c.original_argv is None else c.original_argv
    slowlogPushEntryIfNeeded(c, argv, len(argv), duration)


def call(c, flags):
    """Execute c.cmd, and do what every command needs done after it: statistics, slowlog, MONITOR, propagation.  HOT.

    CMD_CALL_* in `flags` switch these parts.  Also called for the commands of EXEC and of scripts, so it nests.
    What is propagated: the command itself if it changed the data set or was forced to, then what it queued with
    alsoPropagate(), wrapped in MULTI/EXEC when that is more than one.
    """
    global _call_prev_err_count
    srv = server
    client_old_flags = c.flags
    real_cmd = c.cmd                       # the proc may rewrite c.cmd

    if client_old_flags and client_old_flags & FORCE_OR_PREVENT_PROP:
        c.flags = client_old_flags & ~FORCE_OR_PREVENT_PROP
    # C swaps in a fresh array every time; an empty one can be shared with the caller, who finds it empty again.
    prev_also_propagate = srv.also_propagate
    if prev_also_propagate.numops:
        srv.also_propagate = redisOpArray()

    dirty = srv.dirty
    _call_prev_err_count = srv.stat_total_error_replies
    call_timer = monotonic._time_ns()                                       # UNIT: ns; ustime

    # Keys expire by one clock through a whole script or transaction: only the outermost call moves it.
    nested = srv.fixed_time_expire
    if not nested:
        srv.ustime = us = call_timer // 1000                                # updateCachedTimeWithUs(0, ...)
        ms = us // 1000
        if ms != srv.mstime:
            srv.mstime = ms
            srv.unixtime = ms // 1000
    srv.fixed_time_expire = nested + 1

    srv.in_nested_call += 1
    real_cmd.proc(c)
    srv.in_nested_call -= 1

    c.duration = duration = (monotonic._time_ns() - call_timer) // 1000
    if dirty != srv.dirty:
        dirty = srv.dirty - dirty
        if dirty < 0:
            dirty = 0
    else:
        dirty = 0

    # A nested call() has moved the mark past its own errors, so that each error is counted once.
    if srv.stat_total_error_replies > _call_prev_err_count:
        real_cmd.failed_calls += 1

    cflags = c.flags
    if cflags and cflags != CLIENT_PENDING_WRITE:           # else none of the flags below is set
        if cflags & CLIENT_CLOSE_AFTER_COMMAND:
            c.flags = cflags = cflags & ~CLIENT_CLOSE_AFTER_COMMAND | CLIENT_CLOSE_AFTER_REPLY

        if cflags & CLIENT_LUA:
            # Scripts replayed from the AOF are no news for the statistics.
            if srv.loading:
                flags &= ~(CMD_CALL_SLOWLOG | CMD_CALL_STATS)
            # A forced propagation inside of a script forces the EVAL.
            if srv.lua_caller is not None:
                if cflags & CLIENT_FORCE_REPL:
                    srv.lua_caller.flags |= CLIENT_FORCE_REPL
                if cflags & CLIENT_FORCE_AOF:
                    srv.lua_caller.flags |= CLIENT_FORCE_AOF

    full = flags == CMD_CALL_FULL
    if full or flags & CMD_CALL_SLOWLOG:
        threshold = srv.latency_monitor_threshold                           # latencyAddSampleIfNeeded
        if threshold and duration // 1000 >= threshold:
            latencyAddSample("fast-command" if real_cmd.flags & CMD_FAST else "command", duration // 1000)
        # A blocked command is not finished: it is logged when it is unblocked.
        if duration >= srv.slowlog_log_slower_than and not cflags & CLIENT_BLOCKED:
            slowlogPushCurrentCommand(c, real_cmd, duration)

    cmd = c.cmd
    if srv.monitors.len and not cmd.flags & (CMD_SKIP_MONITOR | CMD_ADMIN):
        replicationFeedMonitors(c, srv.monitors, c.db.id, c.argv if c.original_argv is None else c.original_argv)

    if c.original_argv is not None and not cflags & CLIENT_BLOCKED:
        freeClientOriginalArgv(c)

    if full or flags & CMD_CALL_STATS:
        real_cmd.microseconds += duration
        real_cmd.calls += 1

    # Fast lane: with no AOF, no backlog and no replicas propagate() reaches nobody.  Nor does it on a replica, which hands
    # on its master's bytes (replicationFeedSlavesFromMasterStream).
    if ((dirty or cflags & (CLIENT_FORCE_AOF | CLIENT_FORCE_REPL))
            and (srv.aof_state or srv.masterhost is None and (srv.repl_backlog is not None or srv.slaves.len)
                 or srv.in_exec or srv.client_pause_type) and flags & CMD_CALL_PROPAGATE):
        if cflags & CLIENT_PREVENT_PROP != CLIENT_PREVENT_PROP:
            propagate_flags = PROPAGATE_NONE
            if dirty:
                propagate_flags |= PROPAGATE_AOF | PROPAGATE_REPL
            if cflags & CLIENT_FORCE_REPL:
                propagate_flags |= PROPAGATE_REPL
            if cflags & CLIENT_FORCE_AOF:
                propagate_flags |= PROPAGATE_AOF
            # The proc, and our caller, have the last word.
            if cflags & CLIENT_PREVENT_REPL_PROP or not flags & CMD_CALL_PROPAGATE_REPL:
                propagate_flags &= ~PROPAGATE_REPL
            if cflags & CLIENT_PREVENT_AOF_PROP or not flags & CMD_CALL_PROPAGATE_AOF:
                propagate_flags &= ~PROPAGATE_AOF
            if propagate_flags:
                propagate(cmd, c.db.id, c.argv, propagate_flags)

    # Mostly a reply has set CLIENT_PENDING_WRITE, and nothing else was or is set.
    if (client_old_flags or cflags != CLIENT_PENDING_WRITE) and (c.flags ^ client_old_flags) & FORCE_OR_PREVENT_PROP:
        c.flags = c.flags & ~FORCE_OR_PREVENT_PROP | client_old_flags & FORCE_OR_PREVENT_PROP

    also = srv.also_propagate
    if also.numops:
        if flags & CMD_CALL_PROPAGATE:
            multi_emitted = 0
            # One command is atomic by itself, and inside of MULTI there is a MULTI already.
            if also.numops > 1 and not c.flags & CLIENT_MULTI and not flags & CMD_CALL_NOWRAP:
                execCommandPropagateMulti(c.db.id)
                multi_emitted = 1
            for rop in also.ops:
                target = rop.target
                if not flags & CMD_CALL_PROPAGATE_AOF:
                    target &= ~PROPAGATE_AOF
                if not flags & CMD_CALL_PROPAGATE_REPL:
                    target &= ~PROPAGATE_REPL
                if target:
                    propagate(rop.cmd, rop.dbid, rop.argv, target)
            if multi_emitted:
                execCommandPropagateExec(c.db.id)
        redisOpArrayFree(also)
    srv.also_propagate = prev_also_propagate

    # ORDER: after everything is propagated.
    if srv.client_pause_in_transaction and not srv.in_exec:
        srv.client_pause_in_transaction = 0

    if srv.tracking_clients and cmd.flags & CMD_READONLY:
        caller = srv.lua_caller if c.flags & CLIENT_LUA and srv.lua_caller is not None else c
        if caller.flags & CLIENT_TRACKING and not caller.flags & CLIENT_TRACKING_BCAST:
            trackingRememberKeys(caller)

    srv.fixed_time_expire = nested
    srv.stat_numcommands += 1
    _call_prev_err_count = srv.stat_total_error_replies

    if srv.tracking_pending_keys.len:
        afterCommand(c)


def rejectCommand(c, reply):
    """Refuse the command of `c` with the shared error `reply`; a transaction that is being queued will not execute."""
    flagTransaction(c)
    if c.cmd is not None:
        c.cmd.rejected_calls += 1
    if c.cmd is not None and c.cmd.proc is execCommand:
        execCommandAbort(c, reply.ptr)
    else:
        addReplyErrorObject(c, reply)


def rejectCommandFormat(c, fmt, *args):
    """Like rejectCommand, with an error text (bytes, % operators)."""
    if c.cmd is not None:
        c.cmd.rejected_calls += 1
    flagTransaction(c)
    s = fmt % args if args else fmt
    # The text may quote the client; a line break would end the error reply.
    s = s.replace(b"\r", b" ").replace(b"\n", b" ")
    if c.cmd is not None and c.cmd.proc is execCommand:
        execCommandAbort(c, s)
    else:
        addReplyErrorSds(c, s)


def cmdHasMovableKeys(cmd):
    """True if the positions of the keys depend on the arguments."""
    return cmd.getkeys_proc is not None


def afterCommand(c):
    """Send the invalidations that the command caused; not in the middle of a transaction's replies."""
    if not server.in_nested_call:
        trackingHandlePendingKeyInvalidations()


def processCommand(c):
    """Check whether `c` may execute c.argv now; then queue it (MULTI), park it (CLIENT PAUSE) or call() it.  HOT.

    -> C_OK: `c` lives, C_ERR: it may be gone, do not touch it.  The checks stand in C's order: it decides which of
    two errors a client sees.  What is switched off costs one test.
    """
    srv = server
    if not srv.lua_timedout:
        # Only a timed out script lets other clients in while it runs.
        if srv.propagate_in_transaction or srv.in_exec or srv.in_eval:
            serverAssert(not srv.propagate_in_transaction)
            serverAssert(not srv.in_exec)
            serverAssert(not srv.in_eval)

    argv = c.argv
    argc = c.argc
    name = argv[0].ptr
    cmd = _lookupCommand_cache.get(name)                                    # lookupCommand
    if cmd is None:
        # QUIT is no command: it must work whatever state the client or the server is in.
        if len(name) == 4 and name.lower() == b"quit":
            addReply(c, shared.ok)
            c.flags |= CLIENT_CLOSE_AFTER_REPLY
            return C_ERR
        cmd = lookupCommand(name)

    c.cmd = c.lastcmd = cmd
    if cmd is None:
        args = b""
        for o in argv[1:]:
            if len(args) >= 128:
                break
            args += b"`%s`, " % cstring(o.ptr)[:128 - len(args)]
        rejectCommandFormat(c, b"unknown command `%s`, with args beginning with: %s", cstring(name), args)
        return C_OK
    arity = cmd.arity
    if arity != argc if arity > 0 else argc < -arity:
        rejectCommandFormat(c, b"wrong number of arguments for '%s' command", cmd.name)
        return C_OK

    proc = cmd.proc
    cmd_flags = cmd.flags
    cmd_own_flags = cmd_flags                       # C: ~cmd_inv_flags; complemented where a bit is asked for
    if proc is execCommand:
        # EXEC is what it has queued.
        cmd_flags |= c.mstate.cmd_flags & (CMD_READONLY | CMD_WRITE | CMD_DENYOOM | CMD_MAY_REPLICATE)
        cmd_own_flags &= ~(c.mstate.cmd_inv_flags & (CMD_STALE | CMD_LOADING))
    is_write_command = cmd_flags & CMD_WRITE
    cflags = c.flags
    plain_client = not cflags or cflags == CLIENT_PENDING_WRITE     # no subscriber, no replica, no MULTI

    if not c.authenticated and authRequired(c):
        # AUTH, HELLO and RESET are for those who are not authenticated yet.
        if not cmd_flags & CMD_NO_AUTH:
            rejectCommand(c, shared.noautherr)
            return C_OK

    # ACL.  Fast lane: nothing to check for a user that may do anything, nor for fake clients.
    u = c.user
    if u is not None and u.flags & USER_MAY_DO_ANYTHING != USER_MAY_DO_ANYTHING:
        acl_retval, acl_errpos = ACLCheckAllPerm(c)
        if acl_retval != ACL_OK:
            addACLLogEntry(c, acl_retval, acl_errpos, None)
            if acl_retval == ACL_DENIED_CMD:
                rejectCommandFormat(c, b"-NOPERM this user has no permissions to run the '%s' command or its "
                                       b"subcommand", cmd.name)
            elif acl_retval == ACL_DENIED_KEY:
                rejectCommandFormat(c, b"-NOPERM this user has no permissions to access one of the keys used as "
                                       b"arguments")
            elif acl_retval == ACL_DENIED_CHANNEL:
                rejectCommandFormat(c, b"-NOPERM this user has no permissions to access one of the channels used as "
                                       b"arguments")
            else:
                rejectCommandFormat(c, b"no permission")
            return C_OK

    # Cluster: send the client to the node that has the keys, unless our master speaks, or there are no keys.
    if srv.cluster_enabled:
        if (not cflags & CLIENT_MASTER
                and not (cflags & CLIENT_LUA and srv.lua_caller.flags & CLIENT_MASTER)
                and not (not cmdHasMovableKeys(cmd) and cmd.firstkey == 0 and proc is not execCommand)):
            n, hashslot, error_code = getNodeByQuery(c, cmd, argv, argc)
            if n is None or n is not srv.cluster.myself:
                if proc is execCommand:
                    discardTransaction(c)
                else:
                    flagTransaction(c)
                clusterRedirectClient(c, n, hashslot, error_code)
                cmd.rejected_calls += 1
                return C_OK

    # maxmemory: make room, or refuse what needs room.  Not while a script is stuck: its effects and these DELs would
    # be mixed up.
    if srv.maxmemory and not srv.lua_timedout:
        out_of_memory = performEvictions() == EVICT_FAIL
        # Invalidations of evicted keys must not arrive after what this command does to the same key.
        trackingHandlePendingKeyInvalidations()
        # Eviction may close a replica whose buffer is full, and that may be this client.
        if srv.current_client is None:
            return C_ERR
        reject_cmd_on_oom = cmd_flags & CMD_DENYOOM
        # Queueing needs memory too, without limit; leaving a transaction gives it back.
        if (cflags & CLIENT_MULTI and proc is not execCommand and proc is not discardCommand
                and proc is not resetCommand):
            reject_cmd_on_oom = 1
        if out_of_memory and reject_cmd_on_oom:
            rejectCommand(c, shared.oomerr)
            return C_OK
        # A script must not stumble over the memory it takes itself.
        if proc is evalCommand or proc is evalShaCommand:
            srv.lua_oom = out_of_memory

    if srv.tracking_clients:
        trackingLimitUsedSlots()

    # A master that cannot persist takes no writes.  C_OK is 0, so that one test covers all three.
    if srv.lastbgsave_status or srv.aof_last_write_status or srv.aof_bio_fsync_status:
        deny_write_type = writeCommandsDeniedByDiskError()
        if (deny_write_type != DISK_ERROR_TYPE_NONE and srv.masterhost is None
                and (is_write_command or proc is pingCommand)):
            if deny_write_type == DISK_ERROR_TYPE_RDB:
                rejectCommand(c, shared.bgsaveerr)
            else:
                rejectCommandFormat(c, b"-MISCONF Errors writing to the AOF file: %s",
                                    os.strerror(srv.aof_last_write_errno).encode())
            return C_OK

    if (srv.repl_min_slaves_to_write and srv.masterhost is None and srv.repl_min_slaves_max_lag and is_write_command
            and srv.repl_good_slaves_count < srv.repl_min_slaves_to_write):
        rejectCommand(c, shared.noreplicaserr)
        return C_OK

    if is_write_command and srv.masterhost is not None and srv.repl_slave_ro and not cflags & CLIENT_MASTER:
        rejectCommand(c, shared.roslaveerr)
        return C_OK

    # RESP2 cannot tell messages from replies, so a subscriber may only do what cannot be confused.
    if not plain_client and cflags & CLIENT_PUBSUB and c.resp == 2:
        if (proc is not pingCommand and proc is not subscribeCommand and proc is not unsubscribeCommand
                and proc is not psubscribeCommand and proc is not punsubscribeCommand and proc is not resetCommand):
            rejectCommandFormat(c, b"Can't execute '%s': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are "
                                   b"allowed in this context", cmd.name)
            return C_OK

    if (srv.masterhost is not None and srv.repl_state != REPL_STATE_CONNECTED and srv.repl_serve_stale_data == 0
            and not cmd_own_flags & CMD_STALE):
        rejectCommand(c, shared.masterdownerr)
        return C_OK

    if srv.loading and not cmd_own_flags & CMD_LOADING:
        rejectCommand(c, shared.loadingerr)
        return C_OK

    # A script runs too long.  Transactions may still be opened and closed: a pipelined MULTI whose first commands were
    # refused must not execute the rest.
    if srv.lua_timedout:
        if (proc is not authCommand and proc is not helloCommand and proc is not replconfCommand
                and proc is not multiCommand and proc is not discardCommand and proc is not watchCommand
                and proc is not unwatchCommand and proc is not resetCommand
                and not (proc is shutdownCommand and argc == 2 and argv[1].ptr[:1].lower() == b"n")
                and not (proc is scriptCommand and argc == 2 and argv[1].ptr[:1].lower() == b"k")):
            rejectCommand(c, shared.slowscripterr)
            return C_OK

    if not plain_client and cflags & CLIENT_SLAVE:
        # Replicas are never paused, so they must not reach the keyspace at all.
        if cmd_flags & (CMD_READONLY | CMD_WRITE | CMD_MAY_REPLICATE):
            rejectCommandFormat(c, b"Replica can't interract with the keyspace")
            return C_OK
    elif srv.client_pause_type:
        if (srv.client_pause_type == CLIENT_PAUSE_ALL
                or srv.client_pause_type == CLIENT_PAUSE_WRITE and cmd_flags & (CMD_WRITE | CMD_MAY_REPLICATE)):
            c.bpop.timeout = 0
            blockClient(c, BLOCKED_PAUSE)
            return C_OK

    if (not plain_client and cflags & CLIENT_MULTI and proc is not execCommand and proc is not discardCommand
            and proc is not multiCommand and proc is not watchCommand and proc is not resetCommand):
        queueMultiCommand(c)
        addReply(c, shared.queued)
    else:
        call(c, CMD_CALL_FULL)
        c.woff = srv.master_repl_offset
        if srv.ready_keys.len:
            handleClientsBlockedOnKeys()
    return C_OK


def cstring(s):
    """Return `s` up to its first NUL: what C's %s prints of it."""
    s = bytes(s)
    return s if 0 not in s else s[:s.index(0)]


# ================================== Shutdown ===============================


def prepareForShutdown(flags):
    """Save what must be saved, and tell whether the process may exit now (C_OK; SHUTDOWN_* in `flags`).

    On C_ERR the server goes on: better a running server than lost data.
    """
    # Half loaded data must not replace the file it comes from; Sentinel has no data.
    if server.loading or server.sentinel_mode:
        flags = flags & ~SHUTDOWN_SAVE | SHUTDOWN_NOSAVE

    save = flags & SHUTDOWN_SAVE
    nosave = flags & SHUTDOWN_NOSAVE

    serverLog(LL_WARNING, "User requested shutdown...")
    if server.supervised_mode == SUPERVISED_SYSTEMD:
        redisCommunicateSystemd("STOPPING=1\n")

    ldbKillForkedSessions()

    # A saving child could overwrite the file that we are about to write.
    if server.child_type == CHILD_TYPE_RDB:
        serverLog(LL_WARNING, "There is a child saving an .rdb. Killing it!")
        killRDBChild()
        # Nobody will run backgroundSaveDoneHandler for it any more.
        rdbRemoveTempFile(server.child_pid, 0)

    if server.aof_state != AOF_OFF:
        if server.child_type == CHILD_TYPE_AOF:
            # The first AOF is being written: without it the data set would be gone.
            if server.aof_state == AOF_WAIT_REWRITE:
                serverLog(LL_WARNING, "Writing initial AOF, can't exit.")
                return C_ERR
            serverLog(LL_WARNING, "There is a child rewriting the AOF. Killing it!")
            killAppendOnlyChild()
        serverLog(LL_NOTICE, "Calling fsync() on the AOF file.")
        flushAppendOnlyFile(1)
        try:
            os.fsync(server.aof_fd)
        except OSError as e:
            serverLog(LL_WARNING, "Fail to fsync the AOF file: %s.", os.strerror(e.errno))

    if (server.saveparamslen > 0 and not nosave) or save:
        serverLog(LL_NOTICE, "Saving the final RDB snapshot before exiting.")
        if server.supervised_mode == SUPERVISED_SYSTEMD:
            redisCommunicateSystemd("STATUS=Saving the final RDB snapshot\n")
        if rdbSave(server.rdb_filename, rdbPopulateSaveInfo(rdbSaveInfo())) != C_OK:
            # What a killed background save leaves to do, serverCron will see to.
            serverLog(LL_WARNING, "Error trying to save the DB, can't exit.")
            if server.supervised_mode == SUPERVISED_SYSTEMD:
                redisCommunicateSystemd("STATUS=Error trying to save the DB, can't exit.\n")
            return C_ERR

    if server.daemonize or server.pidfile:
        serverLog(LL_NOTICE, "Removing the pid file.")
        try:
            os.unlink(server.pidfile)
        except (OSError, TypeError):
            pass

    # Replicas get what is left in their buffers, as far as the sockets take it.
    flushSlavesOutputBuffers()

    # Closed ports make a fast restart possible.
    closeListeningSockets(1)
    serverLog(LL_WARNING, "%s is now ready to exit, bye bye...", "Sentinel" if server.sentinel_mode else "Redis")
    return C_OK


# ================================== Commands ===============================

def writeCommandsDeniedByDiskError():
    """Return DISK_ERROR_TYPE_*: why no writes can be accepted now, or DISK_ERROR_TYPE_NONE."""
    if server.stop_writes_on_bgsave_err and server.saveparamslen > 0 and server.lastbgsave_status == C_ERR:
        return DISK_ERROR_TYPE_RDB
    if server.aof_state != AOF_OFF:
        if server.aof_last_write_status == C_ERR:
            return DISK_ERROR_TYPE_AOF
        if server.aof_bio_fsync_status == C_ERR:
            server.aof_last_write_errno = server.aof_bio_fsync_errno
            return DISK_ERROR_TYPE_AOF
    return DISK_ERROR_TYPE_NONE


def pingCommand(c):
    """PING [message] -> PONG | message   [ok-stale, fast]"""
    if c.argc > 2:
        addReplyErrorFormat(c, b"wrong number of arguments for '%s' command", c.cmd.name)
        return
    if c.flags & CLIENT_PUBSUB and c.resp == 2:
        # A subscriber expects the shape of a message.
        addReply(c, shared.mbulkhdr[2])
        addReplyBulkCBuffer(c, b"pong")
        if c.argc == 1:
            addReplyBulkCBuffer(c, b"")
        else:
            addReplyBulk(c, c.argv[1])
    elif c.argc == 1:
        addReply(c, shared.pong)
    else:
        addReplyBulk(c, c.argv[1])


def echoCommand(c):
    """ECHO message -> message   [read-only, fast]"""
    addReplyBulk(c, c.argv[1])


def timeCommand(c):
    """TIME -> [seconds, microseconds]   [random, fast]"""
    tv_sec, tv_usec = divmod(ustime(), 1000000)
    addReplyArrayLen(c, 2)
    addReplyBulkLongLong(c, tv_sec)
    addReplyBulkLongLong(c, tv_usec)


# C: the calls of addReplyCommandFlag in addReplyCommand, in order
COMMAND_REPLY_FLAGS = (
    (CMD_WRITE, b"write"), (CMD_READONLY, b"readonly"), (CMD_DENYOOM, b"denyoom"), (CMD_ADMIN, b"admin"),
    (CMD_PUBSUB, b"pubsub"), (CMD_NOSCRIPT, b"noscript"), (CMD_RANDOM, b"random"),
    (CMD_SORT_FOR_SCRIPT, b"sort_for_script"), (CMD_LOADING, b"loading"), (CMD_STALE, b"stale"),
    (CMD_SKIP_MONITOR, b"skip_monitor"), (CMD_SKIP_SLOWLOG, b"skip_slowlog"), (CMD_ASKING, b"asking"),
    (CMD_FAST, b"fast"), (CMD_NO_AUTH, b"no_auth"), (CMD_MAY_REPLICATE, b"may_replicate"),
)


def addReplyCommandFlag(c, cmd, f, reply):
    if cmd.flags & f:
        addReplyStatus(c, reply)
        return 1
    return 0


def addReplyCommand(c, cmd):
    """Reply what COMMAND knows of one command: name, arity, flags, first key, last key, step, categories."""
    if cmd is None:
        addReplyNull(c)
        return
    addReplyArrayLen(c, 7)
    addReplyBulkCString(c, cmd.name)
    addReplyLongLong(c, cmd.arity)

    flagcount = 0
    flaglen = addReplyDeferredLen(c)
    for f, reply in COMMAND_REPLY_FLAGS:
        flagcount += addReplyCommandFlag(c, cmd, f, reply)
    if cmdHasMovableKeys(cmd):
        addReplyStatus(c, b"movablekeys")
        flagcount += 1
    setDeferredSetLen(c, flaglen, flagcount)

    addReplyLongLong(c, cmd.firstkey)
    addReplyLongLong(c, cmd.lastkey)
    addReplyLongLong(c, cmd.keystep)

    addReplyCommandCategories(c, cmd)


def commandCommand(c):
    """COMMAND [COUNT | GETKEYS command arg ... | INFO [name ...] | HELP]   [random, ok-loading, ok-stale]"""
    sub = c.argv[1].ptr.lower() if c.argc > 1 else None
    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"(no subcommand)",
            b"    Return details about all Redis commands.",
            b"COUNT",
            b"    Return the total number of commands in this Redis server.",
            b"GETKEYS <full-command>",
            b"    Return the keys from a full Redis command.",
            b"INFO [<command-name> ...]",
            b"    Return details about multiple Redis commands.",
        ])
    elif c.argc == 1:
        addReplyArrayLen(c, dictSize(server.commands))
        for de in dict_entries(server.commands):
            addReplyCommand(c, de.val)
    elif sub == b"info":
        addReplyArrayLen(c, c.argc - 2)
        for o in c.argv[2:]:
            addReplyCommand(c, dictFetchValue(server.commands, o.ptr))
    elif sub == b"count" and c.argc == 2:
        addReplyLongLong(c, dictSize(server.commands))
    elif sub == b"getkeys" and c.argc >= 3:
        cmd = lookupCommand(c.argv[2].ptr)
        if cmd is None:
            addReplyError(c, b"Invalid command specified")
            return
        if cmd.getkeys_proc is None and cmd.firstkey == 0:
            addReplyError(c, b"The command has no key arguments")
            return
        if (cmd.arity > 0 and cmd.arity != c.argc - 2) or c.argc - 2 < -cmd.arity:
            addReplyError(c, b"Invalid number of arguments specified for command")
            return
        keys = getKeysFromCommand(cmd, c.argv[2:], c.argc - 2)
        if not keys:
            addReplyError(c, b"Invalid arguments specified for command")
        else:
            addReplyArrayLen(c, len(keys))
            for pos in keys:
                addReplyBulk(c, c.argv[pos + 2])
    else:
        addReplySubcommandSyntaxError(c)


def monitorCommand(c):
    """MONITOR -> OK, then every command that is executed   [admin, no-script, ok-loading, ok-stale]"""
    if c.flags & CLIENT_DENY_BLOCKING:
        # Such a client reads one reply a command.
        addReplyError(c, b"MONITOR isn't allowed for DENY BLOCKING client")
        return
    if c.flags & CLIENT_SLAVE:             # a replica, or a monitor already
        return
    c.flags |= CLIENT_SLAVE | CLIENT_MONITOR
    listAddNodeTail(server.monitors, c)
    addReply(c, shared.ok)
