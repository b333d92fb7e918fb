"""server_cron.py - the timer and the hooks of the event loop.   Mirrors src/server.c, "Cron" to afterSleep (6.2.14)

Lives here   serverCron and its parts (clients, databases, memory figures, children); whileBlockedCron; beforeSleep and
             afterSleep; the cached clock; hash table resizing.
Called from  aeProcessEvents [cron, before, after]; loading and scripts through blockingOperationStarts [command].
Calls out    nearly every module: serverCron and beforeSleep are the list of all periodic work.
State        server.cronloops, server.hz, the cached times server.ustime/mstime/unixtime, server.child_*.
Invariant    the steps of beforeSleep are in C's order; most of them depend on it (see ORDER there).
Departures   no modules: their steps are missing.  activeDefragCycle does nothing: CPython objects do not move.
             The memory peak is sampled by serverCron, not each turn: reading the allocators takes 5 us and more.
Extend       periodic work: a step in serverCron under run_with_period(ms).
"""
import os
import signal

from ae.ae import aeSetDontWait
from ae.monotonic import mstime
from cluster.cluster_failover import clusterBeforeSleep, clusterCron
from cluster.cluster_migrate import migrateCloseTimedoutSockets
from datastructs.adlist import listRotateTailToHead
from datastructs.dict import dictIsRehashing, dictRehashMilliseconds, dictResize, dictSlots, dictSize
from datastructs.sds import sdsAllocSize, sdsRemoveFreeSpace, sdsavail
from persistence.aof import flushAppendOnlyFile
from persistence.aof_rewrite import backgroundRewriteDoneHandler, rewriteAppendOnlyFileBackground
from persistence.childinfo import receiveChildInfo
from persistence.rdb import backgroundSaveDoneHandler, rdbPopulateSaveInfo, rdbSaveBackground
from replication.replication import (
    processClientsWaitingReplicas, replicationCron, replicationStartPendingFork, updateFailoverStatus,
)
from replication.replication_master import replicationFeedSlaves
from replication.sentinel.sentinel_monitor import sentinelTimer
from server.admin.debug import watchdogScheduleSignal
from server.client import networking
from server.client.networking import (
    checkClientPauseTimeoutAndReturnIfPaused, closeClientOnOutputBufferLimitReached, freeClientsInAsyncFreeQueue,
    getClientOutputBufferMemoryUsage, getClientType, handleClientsWithPendingWrites, sdsZmallocSize,
)
from server.client.networking_threads import (
    handleClientsWithPendingReadsUsingThreads, handleClientsWithPendingWritesUsingThreads, stopThreadedIOIfNeeded,
)
from server.client.tls import tlsHasPendingData, tlsProcessPendingData
from server.keyspace.expire import activeExpireCycle, expireSlaveKeys
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import serverAssert, serverLog, serverPanic
from server.lru import getLRUClock
from server.scripting.scripting import lua_memory_usage
from server.scripting.scripting_ldb import ldbPendingChildren, ldbRemoveChild
from server.server import prepareForShutdown
from server.server_h import (
    server, shared, rdbSaveInfo, ACTIVE_EXPIRE_CYCLE_FAST, ACTIVE_EXPIRE_CYCLE_SLOW, AOF_ON, C_ERR, C_OK,
    CHILD_TYPE_AOF, CHILD_TYPE_RDB, CLIENT_MASTER, CONFIG_BGSAVE_RETRY_DELAY, CONFIG_MAX_HZ, CRON_DBS_PER_CALL,
    LIMIT_PENDING_QUERYBUF, LL_DEBUG, LL_NOTICE, LL_VERBOSE, LL_WARNING, MAX_CLIENTS_PER_CLOCK_TICK, NO_FAILOVER,
    PROTO_MBULK_BIG_ARG, SERVER_CHILD_NOERROR_RETVAL, SHUTDOWN_NOFLAGS, STATS_METRIC_COMMAND, STATS_METRIC_NET_INPUT,
    STATS_METRIC_NET_OUTPUT, STATS_METRIC_SAMPLES,
)
from server.server_state import (
    hasActiveChildProcess, htNeedsResize, iAmMaster, resetChildState, strChildType, updateCachedTime, updateDictResizePolicy,
)
from server.session.blocked import processUnblockedClients
from server.session.blocked_serve import handleClientsBlockedOnKeys
from server.session.timeout import clientsCronHandleTimeout, handleBlockedClientsTimeout
from server.session.tracking import trackingBroadcastInvalidationMessages, trackingLimitUsedSlots
from server.zmalloc import zmalloc_get_allocator_info, zmalloc_sample_rss, zmalloc_size, zmalloc_used_memory

BIG_ARG_SLACK = 1024 * 4             # do not shrink a query buffer that wastes less (bytes)
CLIENTS_PEAK_MEM_USAGE_SLOTS = 8     # seconds of history behind client_recent_max_*_buffer
CLIENTS_CRON_MIN_ITERATIONS = 5

ClientsPeakMemInput = [0] * CLIENTS_PEAK_MEM_USAGE_SLOTS    # bytes, biggest query buffer seen in each second
ClientsPeakMemOutput = [0] * CLIENTS_PEAK_MEM_USAGE_SLOTS   # bytes, biggest output buffer seen in each second

_databasesCron_resize_db = 0
_databasesCron_rehash_db = 0


def tryResizeHashTables(dbid):
    """Shrink the tables of a database that are less than HASHTABLE_MIN_FILL per cent full."""
    if htNeedsResize(server.db[dbid].dict):
        dictResize(server.db[dbid].dict)
    if htNeedsResize(server.db[dbid].expires):
        dictResize(server.db[dbid].expires)


def incrementallyRehash(dbid):
    """Spend 1 ms on a table that is being rehashed; 1 if there was one.  Commands alone would leave idle databases
    between two tables for ever."""
    if dictIsRehashing(server.db[dbid].dict):
        dictRehashMilliseconds(server.db[dbid].dict, 1)
        return 1
    if dictIsRehashing(server.db[dbid].expires):
        dictRehashMilliseconds(server.db[dbid].expires, 1)
        return 1
    return 0


# ======================= Cron: called every 100 ms ========================

def run_with_period(ms):
    """Check whether work with period `ms` is due in this cron call -> True or False."""
    tick = 1000 // server.hz
    return ms <= tick or server.cronloops % (ms // tick) == 0


def trackInstantaneousMetric(metric, current_reading):
    """Add one sample (per second) to the ring of `metric`."""
    now = mstime()
    m = server.inst_metric[metric]
    t = now - m.last_sample_time
    ops = current_reading - m.last_sample_count
    m.samples[m.idx] = ops * 1000 // t if t > 0 else 0
    m.idx = (m.idx + 1) % STATS_METRIC_SAMPLES
    m.last_sample_time = now
    m.last_sample_count = current_reading


def getInstantaneousMetric(metric):
    """Return the mean of all samples."""
    return sum(server.inst_metric[metric].samples) // STATS_METRIC_SAMPLES


def clientsCronResizeQueryBuffer(c):
    """Free the spare room of a query buffer that was big and is not any more -> 0: `c` was not freed."""
    querybuf_size = sdsAllocSize(c.querybuf)
    idletime = server.unixtime - c.lastinteraction

    if querybuf_size > PROTO_MBULK_BIG_ARG and (querybuf_size / (c.querybuf_peak + 1) > 2 or idletime > 2):
        if sdsavail(c.querybuf) > BIG_ARG_SLACK:
            c.querybuf = sdsRemoveFreeSpace(c.querybuf)
    # Restart the peak for the next period.
    c.querybuf_peak = 0

    # The link to our master has a second buffer, for data that was read and is not yet applied.
    if c.flags & CLIENT_MASTER and c.pending_querybuf is not None:
        pending_querybuf_size = sdsAllocSize(c.pending_querybuf)
        if pending_querybuf_size > LIMIT_PENDING_QUERYBUF and len(c.pending_querybuf) < pending_querybuf_size // 2:
            c.pending_querybuf = sdsRemoveFreeSpace(c.pending_querybuf)
    return 0


def clientsCronTrackExpansiveClients(c, time_idx):
    """Record the biggest buffers of this second -> 0: `c` was not freed."""
    in_usage = sdsZmallocSize(c.querybuf) + c.argv_len_sum + (zmalloc_size(c.argv) if c.argv else 0)
    out_usage = getClientOutputBufferMemoryUsage(c)
    if in_usage > ClientsPeakMemInput[time_idx]:
        ClientsPeakMemInput[time_idx] = in_usage
    if out_usage > ClientsPeakMemOutput[time_idx]:
        ClientsPeakMemOutput[time_idx] = out_usage
    return 0


def clientsCronTrackClientsMemUsage(c):
    """Update the sum of the memory of the class of `c`; INFO reads the sums instead of visiting every client."""
    type_ = getClientType(c)
    mem = getClientOutputBufferMemoryUsage(c)
    mem += sdsZmallocSize(c.querybuf)
    mem += zmalloc_size(c)
    mem += c.argv_len_sum
    if c.argv:
        mem += zmalloc_size(c.argv)
    server.stat_clients_type_memory[c.client_cron_last_memory_type] -= c.client_cron_last_memory_usage
    server.stat_clients_type_memory[type_] += mem
    c.client_cron_last_memory_usage = mem
    c.client_cron_last_memory_type = type_
    return 0


def getExpansiveClientsInfo():
    """Return (biggest query buffer, biggest output buffer) of the last seconds, in bytes."""
    return max(ClientsPeakMemInput), max(ClientsPeakMemOutput)


def clientsCron():
    """Check some clients, so that each is visited about once a second; at least five per call."""
    numclients = server.clients.len
    iterations = numclients // server.hz
    now = mstime()

    if iterations < CLIENTS_CRON_MIN_ITERATIONS:
        iterations = min(numclients, CLIENTS_CRON_MIN_ITERATIONS)

    curr_peak_mem_usage_slot = server.unixtime % CLIENTS_PEAK_MEM_USAGE_SLOTS
    # Zero the slot of the next second in advance, so that it starts at zero.
    zeroidx = (curr_peak_mem_usage_slot + 1) % CLIENTS_PEAK_MEM_USAGE_SLOTS
    ClientsPeakMemInput[zeroidx] = 0
    ClientsPeakMemOutput[zeroidx] = 0

    while server.clients.len and iterations:
        iterations -= 1
        # Rotate first: a client that is freed below is then the head, and removed in O(1).
        listRotateTailToHead(server.clients)
        c = server.clients.head.value
        if clientsCronHandleTimeout(c, now):
            continue
        if clientsCronResizeQueryBuffer(c):
            continue
        if clientsCronTrackExpansiveClients(c, curr_peak_mem_usage_slot):
            continue
        if clientsCronTrackClientsMemUsage(c):
            continue
        if closeClientOnOutputBufferLimitReached(c, 0):
            continue


def databasesCron():
    """Expire, shrink and rehash a few databases."""
    global _databasesCron_resize_db, _databasesCron_rehash_db
    if server.active_expire_enabled:
        if iAmMaster():
            activeExpireCycle(ACTIVE_EXPIRE_CYCLE_SLOW)
        else:
            expireSlaveKeys()

    if not hasActiveChildProcess():
        dbs_per_call = min(CRON_DBS_PER_CALL, server.dbnum)
        for _ in range(dbs_per_call):
            tryResizeHashTables(_databasesCron_resize_db % server.dbnum)
            _databasesCron_resize_db += 1

        if server.activerehashing:
            for _ in range(dbs_per_call):
                if incrementallyRehash(_databasesCron_rehash_db):
                    break                  # the millisecond is used up; continue here next time
                _databasesCron_rehash_db = (_databasesCron_rehash_db + 1) % server.dbnum


def checkChildrenDone():
    """Reap one child, and call the done handler of its purpose."""
    try:
        pid, statloc = os.waitpid(-1, os.WNOHANG)
        err = None
    except OSError as e:
        pid, statloc, err = -1, 0, e
    if pid == 0:
        return

    exitcode = os.WEXITSTATUS(statloc) if os.WIFEXITED(statloc) else -1
    bysignal = os.WTERMSIG(statloc) if os.WIFSIGNALED(statloc) else 0
    # A child that we killed on purpose exits with this code, which must not count as a failed save.
    if exitcode == SERVER_CHILD_NOERROR_RETVAL:
        bysignal = signal.SIGUSR1
        exitcode = 1

    if pid == -1:
        serverLog(LL_WARNING, "waitpid() returned an error: %s. child_type: %s, child_pid = %d",
                  os.strerror(err.errno), strChildType(server.child_type), server.child_pid)
    elif pid == server.child_pid:
        if server.child_type == CHILD_TYPE_RDB:
            backgroundSaveDoneHandler(exitcode, bysignal)
        elif server.child_type == CHILD_TYPE_AOF:
            backgroundRewriteDoneHandler(exitcode, bysignal)
        else:
            serverPanic("Unknown child type %d for child pid %d", server.child_type, server.child_pid)
        if not bysignal and exitcode == 0:
            receiveChildInfo()
        resetChildState()
    elif not ldbRemoveChild(pid):
        serverLog(LL_WARNING, "Warning, detected child with unmatched pid: %d", pid)

    # A replica may be waiting for this child to end.
    replicationStartPendingFork()


def cronUpdateMemoryStats():
    """Sample the memory figures of INFO; all of one sample, since ratios are made of them."""
    zmalloc_used = zmalloc_used_memory()
    if zmalloc_used > server.stat_peak_memory:
        server.stat_peak_memory = zmalloc_used

    if run_with_period(100):
        stats = server.cron_malloc_stats
        stats.process_rss = zmalloc_sample_rss()
        stats.zmalloc_used = zmalloc_used_memory()
        stats.allocator_allocated, stats.allocator_active, stats.allocator_resident = zmalloc_get_allocator_info()[-3:]
        if not stats.allocator_resident:
            # Lua's memory is part of the RSS, but not of zmalloc_used.
            stats.allocator_resident = stats.process_rss - lua_memory_usage()
        if not stats.allocator_active:
            stats.allocator_active = stats.allocator_resident
        if not stats.allocator_allocated:
            stats.allocator_allocated = stats.zmalloc_used


def serverCron(eventLoop, id_, clientData):
    """Do all periodic work, server.hz times a second -> ms to the next call"""
    if server.watchdog_period:
        watchdogScheduleSignal(server.watchdog_period)

    updateCachedTime(1)

    server.hz = server.config_hz
    # With many clients, raise hz so that clientsCron is called more often.
    if server.dynamic_hz:
        while server.clients.len // server.hz > MAX_CLIENTS_PER_CLOCK_TICK:
            server.hz *= 2
            if server.hz > CONFIG_MAX_HZ:
                server.hz = CONFIG_MAX_HZ
                break

    if server.pause_cron:                  # DEBUG PAUSE-CRON
        return 1000 // server.hz

    if run_with_period(100):
        trackInstantaneousMetric(STATS_METRIC_COMMAND, server.stat_numcommands)
        trackInstantaneousMetric(STATS_METRIC_NET_INPUT, server.stat_net_input_bytes)
        trackInstantaneousMetric(STATS_METRIC_NET_OUTPUT, server.stat_net_output_bytes)

    server.lruclock = getLRUClock()

    cronUpdateMemoryStats()

    # The SIGTERM handler only sets this flag: here no operation is in progress.
    if server.shutdown_asap:
        try:
            if prepareForShutdown(SHUTDOWN_NOFLAGS) == C_OK:
                raise SystemExit(0)
            serverLog(LL_WARNING, "SIGTERM received but errors trying to shut down the server, check the logs for more "
                                  "information")
        finally:
            server.shutdown_asap = 0                # also after an exception, which is then reported once and not at every tick

    if server.verbosity <= LL_VERBOSE:
        if run_with_period(5000):
            for j in range(server.dbnum):
                size = dictSlots(server.db[j].dict)
                used = dictSize(server.db[j].dict)
                vkeys = dictSize(server.db[j].expires)
                if used or vkeys:
                    serverLog(LL_VERBOSE, "DB %d: %d keys (%d volatile) in %d slots HT.", j, used, vkeys, size)

    if not server.sentinel_mode:
        if run_with_period(5000):
            serverLog(LL_DEBUG, "%d clients connected (%d replicas), %d bytes in use",
                      server.clients.len - server.slaves.len, server.slaves.len, zmalloc_used_memory())

    clientsCron()

    databasesCron()

    # Start an AOF rewrite that was scheduled while a BGSAVE was running.
    if not hasActiveChildProcess() and server.aof_rewrite_scheduled:
        rewriteAppendOnlyFileBackground()

    if hasActiveChildProcess() or ldbPendingChildren():
        if run_with_period(1000):
            receiveChildInfo()
        checkChildrenDone()
    else:
        # Is one of the `save` points reached?
        for sp in server.saveparams:
            if (server.dirty >= sp.changes
                    and server.unixtime - server.lastsave > sp.seconds
                    and (server.unixtime - server.lastbgsave_try > CONFIG_BGSAVE_RETRY_DELAY
                         or server.lastbgsave_status == C_OK)):
                serverLog(LL_NOTICE, "%d changes in %d seconds. Saving...", sp.changes, sp.seconds)
                rdbSaveBackground(server.rdb_filename, rdbPopulateSaveInfo(rdbSaveInfo()))
                break

        # Has the AOF grown enough since its last rewrite?
        if (server.aof_state == AOF_ON
                and not hasActiveChildProcess()
                and server.aof_rewrite_perc
                and server.aof_current_size > server.aof_rewrite_min_size):
            base = server.aof_rewrite_base_size if server.aof_rewrite_base_size else 1
            growth = server.aof_current_size * 100 // base - 100
            if growth >= server.aof_rewrite_perc:
                serverLog(LL_NOTICE, "Starting automatic rewriting of AOF on %d%% growth", growth)
                rewriteAppendOnlyFileBackground()

    updateDictResizePolicy()

    # Retry a flush that was postponed because of a running fsync.
    if server.aof_state == AOF_ON and server.aof_flush_postponed_start:
        flushAppendOnlyFile(0)

    # After a write error, try again once a second: success makes the data set writable again.
    if run_with_period(1000):
        if server.aof_state == AOF_ON and server.aof_last_write_status == C_ERR:
            flushAppendOnlyFile(0)

    checkClientPauseTimeoutAndReturnIfPaused()

    # During a failover run it every 100 ms, so that each step of the handshake does not take a second.
    if server.failover_state != NO_FAILOVER:
        if run_with_period(100):
            replicationCron()
    elif run_with_period(1000):
        replicationCron()

    if server.cluster_enabled:
        if run_with_period(100):
            clusterCron()

    if server.sentinel_mode:
        sentinelTimer()

    if run_with_period(1000):
        migrateCloseTimedoutSockets()

    stopThreadedIOIfNeeded()

    # Also called here, because tracking-table-max-keys may be lowered while no command runs.
    if server.tracking_clients:
        trackingLimitUsedSlots()

    # ORDER: after replicationCron: a BGSAVE for a replica goes before one that a user scheduled.
    if (not hasActiveChildProcess() and server.rdb_bgsave_scheduled
            and (server.unixtime - server.lastbgsave_try > CONFIG_BGSAVE_RETRY_DELAY
                 or server.lastbgsave_status == C_OK)):
        if rdbSaveBackground(server.rdb_filename, rdbPopulateSaveInfo(rdbSaveInfo())) == C_OK:
            server.rdb_bgsave_scheduled = 0

    server.cronloops += 1
    return 1000 // server.hz


def whileBlockedCron():
    """Do the part of serverCron that must also run during loading or a long script."""
    serverAssert(server.blocked_last_cron)
    if server.blocked_last_cron >= server.mstime:
        return

    latency = latencyStartMonitor()
    hz_ms = 1000 // server.hz
    while server.blocked_last_cron < server.mstime:
        server.blocked_last_cron += hz_ms
        server.cronloops += 1              # so that run_with_period goes on

    if server.loading:
        cronUpdateMemoryStats()

    latencyAddSampleIfNeeded("while-blocked-cron", latencyEndMonitor(latency))


def beforeSleep(eventLoop):
    """Do the work that must be done before the loop waits for events again.  HOT

    DOC: before-sleep

    Re-entered from processEventsWhileBlocked it only reads and writes sockets, and counts these events.
    """
    srv = server
    if networking.ProcessingEventsWhileBlocked:
        processed = 0
        processed += handleClientsWithPendingReadsUsingThreads()
        processed += tlsProcessPendingData()
        processed += handleClientsWithPendingWrites()
        processed += freeClientsInAsyncFreeQueue()
        srv.events_processed_while_blocked += processed
        return

    # Unblock clients whose timeout has passed, with millisecond precision.
    handleBlockedClientsTimeout()

    # ORDER: reads first, so that the AOF writes, replies and closed clients they cause are handled in this turn.
    handleClientsWithPendingReadsUsingThreads()

    # ORDER: before flushAppendOnlyFile, since this may execute commands.
    tlsProcessPendingData()
    aeSetDontWait(srv.el, tlsHasPendingData())      # epoll does not report pending TLS data

    # ORDER: may change the cluster state to ok or fail, so it runs before unblocked clients are served.
    if srv.cluster_enabled:
        clusterBeforeSleep()

    if srv.active_expire_enabled and srv.masterhost is None:
        activeExpireCycle(ACTIVE_EXPIRE_CYCLE_FAST)

    # Unblock clients in WAIT whose replicas have acknowledged.
    if srv.clients_waiting_acks.len:
        processClientsWaitingReplicas()

    # Execute the pipelined commands of clients that were just unblocked.
    if srv.unblocked_clients.len:
        processUnblockedClients()

    # ORDER: after processUnblockedClients, so that this GETACK also serves a pipelined WAIT that has just blocked again.
    # Not while paused: GETACK moves the replication offset.
    if srv.get_ack_from_slaves and not checkClientPauseTimeoutAndReturnIfPaused():
        replicationFeedSlaves(srv.slaves, srv.slaveseldb, [shared.replconf, shared.getack, shared.special_asterick])
        srv.get_ack_from_slaves = 0

    # ORDER: not called where the ACK is processed, since a failover disconnects clients.
    if srv.failover_state != NO_FAILOVER:
        updateFailoverStatus()

    # INVARIANT: invalidations are sent with the command that caused them; none is pending here.
    serverAssert(srv.tracking_pending_keys.len == 0)

    if srv.tracking_clients:
        trackingBroadcastInvalidationMessages()

    # ORDER: before the replies, so that with appendfsync always a write is on disk before its reply is sent.
    if srv.aof_state == AOF_ON:
        flushAppendOnlyFile(0)

    handleClientsWithPendingWritesUsingThreads()

    # ORDER: after the writes, since a failed write schedules its client to be freed.
    if srv.clients_to_close.len:
        freeClientsInAsyncFreeQueue()

    # Serve clients blocked on keys that became ready outside of a command.
    handleClientsBlockedOnKeys()


def afterSleep(eventLoop):
    """Called after the loop has woken up.  C: modules take the lock here.  Ours does nothing; it is a place for a breakpoint."""
