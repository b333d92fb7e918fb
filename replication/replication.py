"""replication.py - both roles: good replicas, WAIT, the cron, FAILOVER.     Mirrors src/replication.c (6.2.14), its parts:

                 replication_master.py   50-1455    helpers, backlog, PSYNC and SYNC, sending the RDB, ids
                 replication_slave.py    1456-3030  the handshake, receiving the RDB, REPLICAOF, ROLE, the cached master
                 replication.py          3030-3794  the rest; every name of the three can be imported from here
Called from  waitCommand, failoverCommand [command]; beforeSleep: WAIT, failover [before]; serverCron once a second [cron].
Calls out    both parts; startBgsaveForReplication; blocked.blockClient; networking.pauseClients.
State        server.repl_good_slaves_count, repl_scriptcache_*, clients_waiting_acks, get_ack_from_slaves;
             server.failover_state, failover_end_time, force_failover, target_replica_host, target_replica_port.
Invariant    client in server.clients_waiting_acks  <=>  blocked with BLOCKED_WAIT.
             failover_state other than NO_FAILOVER  =>  writes are paused.
"""
import os

from ae.monotonic import mstime, unix_time
from datastructs.adlist import listAddNodeHead, listDelNode, listSearchKey
from datastructs.util import LLONG_MAX, to_llong
from replication.replication_master import (
    changeReplicationId, clearReplicationId2, freeReplicationBacklog, removeRDBUsedToSyncReplicas,
    replicationFeedSlaves, replicationGetSlaveName, startBgsaveForReplication,
)
from replication.replication_slave import (
    cancelReplicationHandshake, connectWithMaster, replicationSendAck, replicationSetMaster, replicationUnsetMaster,
    slaveIsInHandshakeState,
)
from replication.script_cache import replicationScriptCacheFlush
from server.client.connection import connPeerToString, connWrite
from server.client.networking import (
    checkClientPauseTimeoutAndReturnIfPaused, freeClient, pauseClients, unpauseClients,
)
from server.client.networking_reply import addReply, addReplyError, addReplyErrorObject, addReplyLongLong
from server.log import serverAssert, serverLog
from server.object import getLongFromObjectOrReply
from server.server_h import (
    AOF_OFF, BLOCKED_WAIT, CLIENT_MULTI, CLIENT_PAUSE_WRITE, CLIENT_PRE_PSYNC, C_OK, FAILOVER_IN_PROGRESS,
    FAILOVER_WAIT_FOR_SYNC, LL_NOTICE, LL_WARNING, NO_FAILOVER, RDB_CHILD_TYPE_SOCKET, REPL_STATE_CONNECT,
    REPL_STATE_CONNECTED, REPL_STATE_CONNECTING, REPL_STATE_TRANSFER, SLAVE_STATE_ONLINE, SLAVE_STATE_WAIT_BGSAVE_END,
    SLAVE_STATE_WAIT_BGSAVE_START, UNIT_MILLISECONDS, server, shared,
)
from server.server_state import hasActiveChildProcess
from server.session.blocked import blockClient, unblockClient
from server.session.timeout import getTimeoutFromObjectOrReply


# ------------------------- MIN-SLAVES-TO-WRITE  ---------------------------


def refreshGoodSlavesCount():
    """Count the replicas that are online and lag no more than min-replicas-max-lag."""
    if not server.repl_min_slaves_to_write or not server.repl_min_slaves_max_lag:
        return
    good = 0
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        lag = server.unixtime - slave.repl_ack_time
        if slave.replstate == SLAVE_STATE_ONLINE and lag <= server.repl_min_slaves_max_lag:
            good += 1
    server.repl_good_slaves_count = good

# ----------------------- SYNCHRONOUS REPLICATION --------------------------
#
# WAIT: call() has noted in c.woff where the stream ended after the client's last command.  The client blocks until
# enough replicas have acknowledged that offset.  They are asked at once (GETACK), in beforeSleep, once for all clients
# that called WAIT in this turn.


def replicationRequestAckFromSlaves():
    server.get_ack_from_slaves = 1


def replicationCountAcksByOffset(offset):
    """Count how many replicas have acknowledged the stream up to `offset`."""
    count = 0
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if slave.replstate == SLAVE_STATE_ONLINE and slave.repl_ack_off >= offset:
            count += 1
    return count


def waitCommand(c):
    """WAIT numreplicas timeout -> number of replicas that have got the client's writes   [noscript]"""
    if server.masterhost is not None:
        addReplyError(c, b"WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
                         b"replica is configured to be writable (which is not the default) writes to replicas are "
                         b"just local and are not propagated.")
        return

    ok, numreplicas = getLongFromObjectOrReply(c, c.argv[1], None)
    if ok != C_OK:
        return
    ok, timeout = getTimeoutFromObjectOrReply(c, c.argv[2], UNIT_MILLISECONDS)
    if ok != C_OK:
        return

    ackreplicas = replicationCountAcksByOffset(c.woff)
    if ackreplicas >= numreplicas or c.flags & CLIENT_MULTI:
        addReplyLongLong(c, ackreplicas)
        return

    c.bpop.timeout = timeout
    c.bpop.reploffset = c.woff
    c.bpop.numreplicas = numreplicas
    listAddNodeHead(server.clients_waiting_acks, c)
    blockClient(c, BLOCKED_WAIT)
    replicationRequestAckFromSlaves()


def unblockClientWaitingReplicas(c):
    """Part of unblockClient."""
    ln = listSearchKey(server.clients_waiting_acks, c)
    serverAssert(ln is not None)
    listDelNode(server.clients_waiting_acks, ln)


def processClientsWaitingReplicas():
    """Unblock the clients in WAIT whose offset enough replicas have acknowledged."""
    # Reuse the last count for all clients that wait for the same offset or a smaller one.
    last_offset = 0
    last_numreplicas = 0

    ln = server.clients_waiting_acks.head
    while ln is not None:
        c = ln.value
        ln = ln.next
        if last_offset and last_offset >= c.bpop.reploffset and last_numreplicas >= c.bpop.numreplicas:
            unblockClient(c)
            addReplyLongLong(c, last_numreplicas)
        else:
            numreplicas = replicationCountAcksByOffset(c.bpop.reploffset)
            if numreplicas >= c.bpop.numreplicas:
                last_offset = c.bpop.reploffset
                last_numreplicas = numreplicas
                unblockClient(c)
                addReplyLongLong(c, numreplicas)


def replicationGetSlaveOffset():
    """Return how far a replica has applied its master's stream, 0 if that is not known."""
    offset = 0
    if server.masterhost is not None:
        if server.master is not None:
            offset = server.master.reploff
        elif server.cached_master is not None:
            offset = server.cached_master.reploff
    return max(offset, 0)                           # -1: the master sends no offsets

# --------------------------- REPLICATION CRON  ----------------------------


_replicationCron_replication_cron_loops = 0


def replicationCron():
    """Once a second: timeouts on both sides, reconnecting, ACK, PING, newlines, the backlog's end, waiting BGSAVEs."""
    global _replicationCron_replication_cron_loops
    now = unix_time()

    updateFailoverStatus()

    # --- As a replica
    if (server.masterhost is not None and
            (server.repl_state == REPL_STATE_CONNECTING or slaveIsInHandshakeState()) and
            now - server.repl_transfer_lastio > server.repl_timeout):
        serverLog(LL_WARNING, "Timeout connecting to the MASTER...")
        cancelReplicationHandshake(1)

    if (server.masterhost is not None and server.repl_state == REPL_STATE_TRANSFER and
            now - server.repl_transfer_lastio > server.repl_timeout):
        serverLog(LL_WARNING, "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
                              "'repl-timeout' parameter in redis.conf to a larger value.")
        cancelReplicationHandshake(1)

    if (server.masterhost is not None and server.repl_state == REPL_STATE_CONNECTED and
            now - server.master.lastinteraction > server.repl_timeout):
        serverLog(LL_WARNING, "MASTER timeout: no data nor PING received...")
        freeClient(server.master)

    if server.repl_state == REPL_STATE_CONNECT:
        serverLog(LL_NOTICE, "Connecting to MASTER %s:%d", server.masterhost, server.masterport)
        connectWithMaster()

    if server.masterhost is not None and server.master is not None and not server.master.flags & CLIENT_PRE_PSYNC:
        replicationSendAck()

    # --- As a master.  The PING is part of the stream, so replicas of replicas get it, too, and see a dead link soon.
    if _replicationCron_replication_cron_loops % server.repl_ping_slave_period == 0 and server.slaves.len:
        # Not while a failover waits for the replicas to reach our offset, since a PING would increase it.
        manual_failover_in_progress = (
            ((server.cluster_enabled and server.cluster.mf_end) or server.failover_end_time) and
            checkClientPauseTimeoutAndReturnIfPaused())
        if not manual_failover_in_progress:
            replicationFeedSlaves(server.slaves, server.slaveseldb, [shared.ping])

    # Send newlines to replicas that wait for their RDB.  They are not part of the stream and do not change the offset.
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if (slave.replstate == SLAVE_STATE_WAIT_BGSAVE_START or
                (slave.replstate == SLAVE_STATE_WAIT_BGSAVE_END and server.rdb_child_type != RDB_CHILD_TYPE_SOCKET)):
            connWrite(slave.conn, b"\n")

    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if slave.replstate == SLAVE_STATE_ONLINE:
            if slave.flags & CLIENT_PRE_PSYNC:
                continue                            # it sends no ACKs
            if server.unixtime - slave.repl_ack_time > server.repl_timeout:
                serverLog(LL_WARNING, "Disconnecting timedout replica (streaming sync): %s",
                          replicationGetSlaveName(slave))
                freeClient(slave)
                continue
        # Only if diskless: a replica that is stuck delays the child and all other replicas.
        if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_END and server.rdb_child_type == RDB_CHILD_TYPE_SOCKET:
            if (slave.repl_last_partial_write != 0 and
                    server.unixtime - slave.repl_last_partial_write > server.repl_timeout):
                serverLog(LL_WARNING, "Disconnecting timedout replica (full sync): %s", replicationGetSlaveName(slave))
                freeClient(slave)

    # A master without replicas frees its backlog after repl-backlog-ttl.  A replica never does, since after a promotion its
    # sister replicas may ask for a partial resync.
    if (server.slaves.len == 0 and server.repl_backlog_time_limit and server.repl_backlog is not None and
            server.masterhost is None):
        idle = server.unixtime - server.repl_no_slaves_since
        if idle > server.repl_backlog_time_limit:
            # Without a backlog the offset does not increase with our writes.  So change our id, too: otherwise a replica that
            # was promoted meanwhile would accept our PSYNC, as if we had written nothing.
            changeReplicationId()
            clearReplicationId2()
            freeReplicationBacklog()
            serverLog(LL_NOTICE, "Replication backlog freed after %d seconds without connected replicas.",
                      server.repl_backlog_time_limit)

    if server.slaves.len == 0 and server.aof_state == AOF_OFF and server.repl_scriptcache_fifo.len:
        replicationScriptCacheFlush()

    replicationStartPendingFork()
    removeRDBUsedToSyncReplicas()
    refreshGoodSlavesCount()
    _replicationCron_replication_cron_loops += 1


def replicationStartPendingFork():
    """Start the BGSAVE for replicas that had to wait: for another child, or with diskless sync for each other."""
    if hasActiveChildProcess():
        return
    max_idle = 0
    slaves_waiting = 0
    mincapa = -1
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
            idle = server.unixtime - slave.lastinteraction
            if idle > max_idle:
                max_idle = idle
            slaves_waiting += 1
            mincapa = slave.slave_capa if mincapa == -1 else mincapa & slave.slave_capa

    if slaves_waiting and (not server.repl_diskless_sync or max_idle >= server.repl_diskless_sync_delay):
        startBgsaveForReplication(mincapa)


def replica_address(replica):
    """Return the address by which INFO and ROLE name a replica, or None."""
    if replica.slave_addr is not None:
        return replica.slave_addr
    ok, ip, _ = connPeerToString(replica.conn)
    return None if ok == -1 else ip


def findReplica(host, port):
    """Return the replica with that address and listening port, or None."""
    ln = server.slaves.head
    while ln is not None:
        replica = ln.value
        ln = ln.next
        replicaip = replica_address(replica)
        if replicaip is not None and host.lower() == replicaip.lower() and port == replica.slave_listening_port:
            return replica
    return None


def getFailoverStateString():
    if server.failover_state == NO_FAILOVER:
        return "no-failover"
    if server.failover_state == FAILOVER_IN_PROGRESS:
        return "failover-in-progress"
    if server.failover_state == FAILOVER_WAIT_FOR_SYNC:
        return "waiting-for-sync"
    return "unknown"


def clearFailoverState():
    """A failover is over, this way or the other: forget it, and let the clients write again."""
    server.failover_end_time = 0
    server.force_failover = 0
    server.target_replica_host = None
    server.target_replica_port = 0
    server.failover_state = NO_FAILOVER
    unpauseClients()


def abortFailover(err):
    """Stop the failover, if there is one, and stay (or become again) the master.  `err`: why, for the log."""
    if server.failover_state == NO_FAILOVER:
        return

    if server.target_replica_host is not None:
        serverLog(LL_NOTICE, "FAILOVER to %s:%d aborted: %s", server.target_replica_host, server.target_replica_port,
                  err)
    else:
        serverLog(LL_NOTICE, "FAILOVER to any replica aborted: %s", err)
    if server.failover_state == FAILOVER_IN_PROGRESS:
        replicationUnsetMaster()
    clearFailoverState()


def failoverCommand(c):
    """FAILOVER [TO host port [FORCE]] [TIMEOUT ms] | FAILOVER ABORT -> OK   [admin, noscript, stale]

    The reply comes at once, the rest happens in updateFailoverStatus:
        writes are paused, so the offset stands       FAILOVER_WAIT_FOR_SYNC
        a replica (the named one) has acknowledged it, or with FORCE the time is over
        we become its replica, and say so in our PSYNC ... FAILOVER       FAILOVER_IN_PROGRESS
        its +CONTINUE ends the pause (clearFailoverState); a refusal makes us the master again (abortFailover)
    """
    if server.cluster_enabled:
        addReplyError(c, b"FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.")
        return

    if c.argc == 2 and c.argv[1].ptr.lower() == b"abort":
        if server.failover_state == NO_FAILOVER:
            addReplyError(c, b"No failover in progress.")
            return
        abortFailover("Failover manually aborted")
        addReply(c, shared.ok)
        return

    timeout_in_ms = 0
    force_flag = 0
    port = 0
    host = None

    j = 1
    while j < c.argc:
        opt = c.argv[j].ptr.lower()
        if opt == b"timeout" and j + 1 < c.argc and timeout_in_ms == 0:
            ok, timeout_in_ms = getLongFromObjectOrReply(c, c.argv[j + 1], None)
            if ok != C_OK:
                return
            if timeout_in_ms <= 0:
                addReplyError(c, b"FAILOVER timeout must be greater than 0")
                return
            j += 1
        elif opt == b"to" and j + 2 < c.argc and host is None:
            ok, port = getLongFromObjectOrReply(c, c.argv[j + 2], None)
            if ok != C_OK:
                return
            host = os.fsdecode(c.argv[j + 1].ptr.partition(b"\0")[0])
            j += 2
        elif opt == b"force" and not force_flag:
            force_flag = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return
        j += 1

    if server.failover_state != NO_FAILOVER:
        addReplyError(c, b"FAILOVER already in progress.")
        return

    if server.masterhost is not None:
        addReplyError(c, b"FAILOVER is not valid when server is a replica.")
        return

    if server.slaves.len == 0:
        addReplyError(c, b"FAILOVER requires connected replicas.")
        return

    if force_flag and (not timeout_in_ms or host is None):
        addReplyError(c, b"FAILOVER with force option requires both a timeout and target HOST and IP.")
        return

    if host is not None:
        replica = findReplica(host, port)
        if replica is None:
            addReplyError(c, b"FAILOVER target HOST and PORT is not a replica.")
            return
        if replica.replstate != SLAVE_STATE_ONLINE:
            addReplyError(c, b"FAILOVER target replica is not online.")
            return
        server.target_replica_host = host
        server.target_replica_port = port
        serverLog(LL_NOTICE, "FAILOVER requested to %s:%d.", host, port)
    else:
        serverLog(LL_NOTICE, "FAILOVER requested to any replica.")

    if timeout_in_ms:
        server.failover_end_time = to_llong(mstime() + timeout_in_ms)
    server.force_failover = force_flag
    server.failover_state = FAILOVER_WAIT_FOR_SYNC
    # clearFailoverState ends this pause.
    pauseClients(LLONG_MAX, CLIENT_PAUSE_WRITE)
    addReply(c, shared.ok)


def updateFailoverStatus():
    """Go on with a failover that waits for a replica: each turn of the loop, and each second."""
    if server.failover_state != FAILOVER_WAIT_FOR_SYNC:
        return
    now = server.mstime

    if server.failover_end_time and server.failover_end_time <= now:
        if server.force_failover:
            serverLog(LL_NOTICE, "FAILOVER to %s:%d time out exceeded, failing over.", server.target_replica_host,
                      server.target_replica_port)
            server.failover_state = FAILOVER_IN_PROGRESS
            replicationSetMaster(server.target_replica_host, server.target_replica_port)
        else:
            abortFailover("Replica never caught up before timeout")
        return

    replica = None
    if server.target_replica_host is not None:
        replica = findReplica(server.target_replica_host, server.target_replica_port)
    else:
        # Without a target host the first replica that has reached our offset becomes the target.
        ln = server.slaves.head
        while ln is not None:
            candidate = ln.value
            ln = ln.next
            if candidate.repl_ack_off == server.master_repl_offset:
                replicaaddr = replica_address(candidate)
                if replicaaddr is None:
                    continue
                server.target_replica_host = replicaaddr
                server.target_replica_port = candidate.slave_listening_port
                replica = candidate
                break

    if replica is not None and replica.repl_ack_off == server.master_repl_offset:
        server.failover_state = FAILOVER_IN_PROGRESS
        serverLog(LL_NOTICE, "Failover target %s:%d is synced, failing over.", server.target_replica_host,
                  server.target_replica_port)
        replicationSetMaster(server.target_replica_host, server.target_replica_port)
