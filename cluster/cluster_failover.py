"""cluster_failover.py - elections, manual failover, replica migration, the cron.   Mirrors src/cluster.c 2981-3850 (6.2.14)

Lives here   requests for votes, and the votes; the promotion of the elected slave; replicas that
             migrate to a master without any; CLUSTER FAILOVER's steps; clusterCron, clusterBeforeSleep.
Called from  serverCron every 100 ms [cron]; beforeSleep [each turn]; clusterProcessPacket [read]; clusterCommand.
Calls out    cluster_bus (packets), cluster (state, slots, nodes.conf), replicationSetMaster, replicationUnsetMaster.
State        server.cluster.failover_auth_*, mf_*, lastVoteEpoch; _clusterCron_*, _clusterLogCantFailover_*.
Writers      currentEpoch: an election of ours, an epoch taken without consensus, any packet with a greater one.
             lastVoteEpoch: clusterSendFailoverAuthIfNeeded only.  myself.configEpoch: an election won, a takeover, an
             import that ended, a collision.
Election     master FAIL -> delay (500 ms + random + 1 s per rank) -> currentEpoch + 1, AUTH_REQUEST to all -> each master
             with slots votes once per epoch -> majority: our configEpoch is that epoch, we take role and slots, PONG.
             ORDER: votes and epochs are on disk before they are sent, see cluster_bus.py.
"""
import os
import random

from ae.monotonic import mstime
from cluster.cluster import (
    bitmap_newer_owner, bitmap_slots, clusterAddSlot, clusterCountNonFailingSlaves, clusterDelNode, clusterDelSlot,
    clusterSaveConfigOrDie, clusterSetMaster, clusterUpdateMyselfFlags, clusterUpdateState,
    cluster_nodes,
)
from cluster.cluster_bus import (
    CLUSTER_BROADCAST_ALL, CLUSTER_BROADCAST_LOCAL_SLAVES, clusterBroadcastMessage, clusterBroadcastPong,
    clusterBuildMessageHdr, clusterLinkConnectHandler, clusterSendMessage, clusterSendPing, clusterSetNodeAsMaster,
    createClusterLink, freeClusterLink,
)
from cluster.cluster_h import (
    CLUSTERMSG_FLAG0_FORCEACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST,
    CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_PING, CLUSTER_CANT_FAILOVER_DATA_AGE, CLUSTER_CANT_FAILOVER_EXPIRED,
    CLUSTER_CANT_FAILOVER_NONE, CLUSTER_CANT_FAILOVER_RELOG_PERIOD, CLUSTER_CANT_FAILOVER_WAITING_DELAY,
    CLUSTER_CANT_FAILOVER_WAITING_VOTES, CLUSTER_FAIL, CLUSTER_MODULE_FLAG_NO_FAILOVER, CLUSTER_NODE_FAIL,
    CLUSTER_NODE_HANDSHAKE, CLUSTER_NODE_MIGRATE_TO, CLUSTER_NODE_MYSELF, CLUSTER_NODE_NOADDR, CLUSTER_NODE_PFAIL,
    CLUSTER_OK, CLUSTER_SLAVE_MIGRATION_DELAY, CLUSTER_TODO_FSYNC_CONFIG, CLUSTER_TODO_HANDLE_FAILOVER,
    CLUSTER_TODO_HANDLE_MANUALFAILOVER, CLUSTER_TODO_SAVE_CONFIG, CLUSTER_TODO_UPDATE_STATE, NET_IP_STR_LEN,
    clusterMsg_pack, nodeCantFailover, nodeFailed, nodeHasAddr, nodeInHandshake, nodeIsMaster, nodeIsSlave, nodeTimedOut,
)
from datastructs.dict import dictGetRandomKey
from datastructs.util import ULLONG_MAX
from replication.replication import replicationGetSlaveOffset
from replication.replication_slave import replicationSetMaster, replicationUnsetMaster
from server.client.connection import connConnect, connCreateSocket, connSetPrivateData
from server.client.networking import unpauseClients
from server.client.tls import connCreateTLS
from server.log import serverAssert, serverLog
from server.server_h import C_ERR, LL_DEBUG, LL_WARNING, REPL_STATE_CONNECTED, server

# -----------------------------------------------------------------------------
# SLAVE node specific functions
# -----------------------------------------------------------------------------


def clusterRequestFailoverAuth():
    """Ask all nodes for their vote.  Only masters answer, but the slaves learn the new epoch, too."""
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST)
    # In a manual failover the masters vote although the master is up.
    if server.cluster.mf_end:
        hdr.mflags = bytes((hdr.mflags[0] | CLUSTERMSG_FLAG0_FORCEACK, 0, 0))
    clusterBroadcastMessage(clusterMsg_pack(hdr))


def clusterSendFailoverAuth(node):
    """Send our vote."""
    if node.link is None:
        return
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK)
    clusterSendMessage(node.link, clusterMsg_pack(hdr))


def clusterSendMFStart(node):
    """Ask our master to stop its writers."""
    if node.link is None:
        return
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_MFSTART)
    clusterSendMessage(node.link, clusterMsg_pack(hdr))


def clusterSendFailoverAuthIfNeeded(node, request):
    """Vote for the slave that asks, if nothing is against it.

    INVARIANT: one vote an epoch.  lastVoteEpoch is on disk before the vote leaves.
    """
    myself = server.cluster.myself
    master = node.slaveof
    requestCurrentEpoch = request.currentEpoch
    requestConfigEpoch = request.configEpoch
    force_ack = request.mflags[0] & CLUSTERMSG_FLAG0_FORCEACK

    # Only masters with slots vote: `size` counts these.
    if nodeIsSlave(myself) or myself.numslots == 0:
        return

    # Refuse an old request.  A newer one is not possible: our currentEpoch was updated from its header.
    if requestCurrentEpoch < server.cluster.currentEpoch:
        serverLog(LL_WARNING, "Failover auth denied to %.40s: reqEpoch (%d) < curEpoch(%d)", node.name,
                  requestCurrentEpoch, server.cluster.currentEpoch)
        return

    if server.cluster.lastVoteEpoch == server.cluster.currentEpoch:
        serverLog(LL_WARNING, "Failover auth denied to %.40s: already voted for epoch %d", node.name,
                  server.cluster.currentEpoch)
        return

    # The node must be a slave, and its master must be down, unless this is a manual failover.
    if nodeIsMaster(node) or master is None or (not nodeFailed(master) and not force_ack):
        if nodeIsMaster(node):
            serverLog(LL_WARNING, "Failover auth denied to %.40s: it is a master node", node.name)
        elif master is None:
            serverLog(LL_WARNING, "Failover auth denied to %.40s: I don't know its master", node.name)
        elif not nodeFailed(master):
            serverLog(LL_WARNING, "Failover auth denied to %.40s: its master is up", node.name)
        return

    # The winner of the last election for this master must have had time to inform all nodes.
    if mstime() - master.voted_time < server.cluster_node_timeout * 2:
        serverLog(LL_WARNING, "Failover auth denied to %.40s: can't vote about this master before %d milliseconds",
                  node.name, server.cluster_node_timeout * 2 - (mstime() - master.voted_time))
        return

    # Refuse if a slot that it claims has an owner with a newer epoch.
    j = bitmap_newer_owner(request.myslots, requestConfigEpoch)
    if j != -1:
        serverLog(LL_WARNING, "Failover auth denied to %.40s: slot %d epoch (%d) > reqEpoch (%d)", node.name, j,
                  server.cluster.slots[j].configEpoch, requestConfigEpoch)
        return

    server.cluster.lastVoteEpoch = server.cluster.currentEpoch
    master.voted_time = mstime()
    clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_FSYNC_CONFIG)
    clusterSendFailoverAuth(node)
    serverLog(LL_WARNING, "Failover auth granted to %.40s for epoch %d", node.name, server.cluster.currentEpoch)


def clusterGetSlaveRank():
    """Return how many slaves of our master have applied more of its stream than we; equal ones have equal ranks."""
    myself = server.cluster.myself
    rank = 0
    serverAssert(nodeIsSlave(myself))
    master = myself.slaveof
    if master is None:
        return 0
    myoffset = replicationGetSlaveOffset()
    for slave in master.slaves:
        if slave is not myself and not nodeCantFailover(slave) and slave.repl_offset > myoffset:
            rank += 1
    return rank


_clusterLogCantFailover_lastlog_time = 0


def clusterLogCantFailover(reason):
    """Log why we cannot take over now: when the reason changes, or again after five minutes, and not while the master
    is down for less than a timeout and five seconds, since most failovers are over then."""
    global _clusterLogCantFailover_lastlog_time
    myself = server.cluster.myself
    nolog_fail_time = server.cluster_node_timeout + 5000

    if (reason == server.cluster.cant_failover_reason
            and mstime() // 1000 - _clusterLogCantFailover_lastlog_time < CLUSTER_CANT_FAILOVER_RELOG_PERIOD):
        return
    server.cluster.cant_failover_reason = reason
    if (myself.slaveof is not None and nodeFailed(myself.slaveof)
            and mstime() - myself.slaveof.fail_time < nolog_fail_time):
        return

    if reason == CLUSTER_CANT_FAILOVER_DATA_AGE:
        msg = ("Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor' "
               "configuration option.")
    elif reason == CLUSTER_CANT_FAILOVER_WAITING_DELAY:
        msg = "Waiting the delay before I can start a new failover."
    elif reason == CLUSTER_CANT_FAILOVER_EXPIRED:
        msg = "Failover attempt expired."
    elif reason == CLUSTER_CANT_FAILOVER_WAITING_VOTES:
        msg = "Waiting for votes, but majority still not reached."
    else:
        msg = "Unknown reason code."
    _clusterLogCantFailover_lastlog_time = mstime() // 1000
    serverLog(LL_WARNING, "Currently unable to failover: %s", msg)


def clusterFailoverReplaceYourMaster():
    """Take role and slots of our master.  The caller has got us a new configEpoch."""
    myself = server.cluster.myself
    oldmaster = myself.slaveof
    if nodeIsMaster(myself) or oldmaster is None:
        return

    # 1) Be a master.
    clusterSetNodeAsMaster(myself)
    replicationUnsetMaster()

    # 2) Claim its slots.
    for j in bitmap_slots(oldmaster.slots):
        clusterDelSlot(j)
        clusterAddSlot(myself, j)

    # 3) ORDER: save the configuration before it is announced.
    clusterUpdateState()
    clusterSaveConfigOrDie(1)

    # 4) Inform all nodes.
    clusterBroadcastPong(CLUSTER_BROADCAST_ALL)

    # 5) End the manual failover, if there is one.
    resetManualFailover()


def clusterHandleSlaveFailover():
    """Do one step of the election of a slave whose master is in FAIL state (or of a manual failover)."""
    myself = server.cluster.myself
    auth_age = mstime() - server.cluster.failover_auth_time
    needed_quorum = server.cluster.size // 2 + 1
    manual_failover = server.cluster.mf_end != 0 and server.cluster.mf_can_start

    server.cluster.todo_before_sleep &= ~CLUSTER_TODO_HANDLE_FAILOVER

    # The time that an attempt may take, and the time until the next one.
    auth_timeout = server.cluster_node_timeout * 2
    if auth_timeout < 2000:
        auth_timeout = 2000
    auth_retry_time = auth_timeout * 2

    # Check the preconditions of a failover.
    if (nodeIsMaster(myself) or myself.slaveof is None
            or (not nodeFailed(myself.slaveof) and not manual_failover)
            or (server.cluster_slave_no_failover and not manual_failover)
            or myself.slaveof.numslots == 0):
        server.cluster.cant_failover_reason = CLUSTER_CANT_FAILOVER_NONE
        return

    # Compute the age of our data, in ms.
    if server.repl_state == REPL_STATE_CONNECTED:
        data_age = (server.unixtime - server.master.lastinteraction) * 1000
    else:
        data_age = (server.unixtime - server.repl_down_since) * 1000

    # Subtract the timeout that passes before any master is flagged as FAIL.
    if data_age > server.cluster_node_timeout:
        data_age -= server.cluster_node_timeout

    # Check that our data is not too old.  A manual failover skips this check.
    if (server.cluster_slave_validity_factor
            and data_age > (server.repl_ping_slave_period * 1000
                            + server.cluster_node_timeout * server.cluster_slave_validity_factor)):
        if not manual_failover:
            clusterLogCantFailover(CLUSTER_CANT_FAILOVER_DATA_AGE)
            return

    # The last attempt has expired: schedule a new one.
    if auth_age > auth_retry_time:
        server.cluster.failover_auth_time = (
            mstime()
            + 500                                   # wait until the FAIL has reached all nodes
            + random.randrange(500))                # so that two slaves do not ask at once
        server.cluster.failover_auth_count = 0
        server.cluster.failover_auth_sent = 0
        server.cluster.failover_auth_rank = clusterGetSlaveRank()
        # Slaves with less data wait longer.
        server.cluster.failover_auth_time += server.cluster.failover_auth_rank * 1000
        if server.cluster.mf_end:
            server.cluster.failover_auth_time = mstime()
            server.cluster.failover_auth_rank = 0
            clusterDoBeforeSleep(CLUSTER_TODO_HANDLE_FAILOVER)
        serverLog(LL_WARNING, "Start of election delayed for %d milliseconds (rank #%d, offset %d).",
                  server.cluster.failover_auth_time - mstime(), server.cluster.failover_auth_rank,
                  replicationGetSlaveOffset())
        # Send our offset, so that the other slaves can compute their rank.
        clusterBroadcastPong(CLUSTER_BROADCAST_LOCAL_SLAVES)
        return

    # Offsets of the other slaves may have arrived meanwhile: update our rank.
    if server.cluster.failover_auth_sent == 0 and server.cluster.mf_end == 0:
        newrank = clusterGetSlaveRank()
        if newrank > server.cluster.failover_auth_rank:
            added_delay = (newrank - server.cluster.failover_auth_rank) * 1000
            server.cluster.failover_auth_time += added_delay
            server.cluster.failover_auth_rank = newrank
            serverLog(LL_WARNING, "Replica rank updated to #%d, added %d milliseconds of delay.", newrank, added_delay)

    if mstime() < server.cluster.failover_auth_time:
        clusterLogCantFailover(CLUSTER_CANT_FAILOVER_WAITING_DELAY)
        return

    if auth_age > auth_timeout:
        clusterLogCantFailover(CLUSTER_CANT_FAILOVER_EXPIRED)
        return

    if server.cluster.failover_auth_sent == 0:
        server.cluster.currentEpoch = server.cluster.currentEpoch + 1 & ULLONG_MAX
        server.cluster.failover_auth_epoch = server.cluster.currentEpoch
        serverLog(LL_WARNING, "Starting a failover election for epoch %d.", server.cluster.currentEpoch)
        clusterRequestFailoverAuth()
        server.cluster.failover_auth_sent = 1
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_FSYNC_CONFIG)
        return                                      # wait for the votes

    if server.cluster.failover_auth_count >= needed_quorum:
        serverLog(LL_WARNING, "Failover election won: I'm the new master.")
        if myself.configEpoch < server.cluster.failover_auth_epoch:
            myself.configEpoch = server.cluster.failover_auth_epoch
            serverLog(LL_WARNING, "configEpoch set to %d after successful failover", myself.configEpoch)
        clusterFailoverReplaceYourMaster()
    else:
        clusterLogCantFailover(CLUSTER_CANT_FAILOVER_WAITING_VOTES)


# -----------------------------------------------------------------------------
# CLUSTER slave migration
#
# A slave of a master with several slaves moves to an orphaned master, one that has lost its last working slave.
# -----------------------------------------------------------------------------

def clusterHandleSlaveMigration(max_slaves):
    """Move to an orphaned master, if we are the slave that should do so.

    clusterCron has found that there is one, and that our master has the most working slaves: `max_slaves`.
    """
    myself = server.cluster.myself
    okslaves = 0
    mymaster = myself.slaveof
    target = None

    # Step 1: do not migrate while the cluster is in fail state.
    if server.cluster.state != CLUSTER_OK:
        return

    # Step 2: our master must keep at least cluster-migration-barrier slaves without us.
    if mymaster is None:
        return
    for slave in mymaster.slaves:
        if not nodeFailed(slave) and not nodeTimedOut(slave):
            okslaves += 1
    if okslaves <= server.cluster_migration_barrier:
        return

    # Step 3: find the target, and the slave with the smallest id among those that could go.  Two may go at once if their
    # views differ; this is harmless.
    candidate = myself
    for node in cluster_nodes():
        okslaves = 0
        is_orphaned = 1

        # A target is a working master that had slaves, or that has taken over from a master that had.
        if nodeIsSlave(node) or nodeFailed(node):
            is_orphaned = 0
        if not node.flags & CLUSTER_NODE_MIGRATE_TO:
            is_orphaned = 0
        if nodeIsMaster(node):
            okslaves = clusterCountNonFailingSlaves(node)
        if okslaves > 0:
            is_orphaned = 0

        if is_orphaned:
            if target is None and node.numslots > 0:
                target = node
            if not node.orphaned_time:
                node.orphaned_time = mstime()
        else:
            node.orphaned_time = 0

        if okslaves == max_slaves:
            for slave in node.slaves:
                if slave.name < candidate.name:
                    candidate = slave

    # Step 4: migrate only if the master was orphaned for some time: the packets of its own slaves may only be late.
    if (target is not None and candidate is myself
            and mstime() - target.orphaned_time > CLUSTER_SLAVE_MIGRATION_DELAY
            and not server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_FAILOVER):
        serverLog(LL_WARNING, "Migrating to orphaned master %.40s", target.name)
        clusterSetMaster(target)


# -----------------------------------------------------------------------------
# CLUSTER manual failover
#
# 1) CLUSTER FAILOVER on the slave: mf_end = now + 5 s, MFSTART to the master.
# 2) The master stops its writers for 10 s, sets mf_end and mf_slave, and PINGs the slave again and again, flagged PAUSED.
# 3) The slave takes the offset of such a packet as the end of the stream, and waits until it has applied the stream up to there.
# 4) Then mf_can_start is set, and the election begins without delay, flagged FORCEACK, as the master is up.
# No acknowledged write is lost that way.  In every case resetManualFailover unpauses the writers.
# -----------------------------------------------------------------------------

def resetManualFailover():
    """End a manual failover, on master or slave; also the start value of its fields."""
    if server.cluster.mf_slave is not None:
        unpauseClients()                            # we were the paused master
    server.cluster.mf_end = 0
    server.cluster.mf_can_start = 0
    server.cluster.mf_slave = None
    server.cluster.mf_master_offset = -1


def manualFailoverCheckTimeout():
    if server.cluster.mf_end and server.cluster.mf_end < mstime():
        serverLog(LL_WARNING, "Manual failover timed out.")
        resetManualFailover()


def clusterHandleManualFailover():
    """One step of a manual failover on the slave."""
    if server.cluster.mf_end == 0:
        return
    # clusterHandleSlaveFailover does the rest.
    if server.cluster.mf_can_start:
        return
    if server.cluster.mf_master_offset == -1:
        return                                      # wait for the master

    if server.cluster.mf_master_offset == replicationGetSlaveOffset():
        server.cluster.mf_can_start = 1
        serverLog(LL_WARNING, "All master replication stream processed, manual failover can start.")
        clusterDoBeforeSleep(CLUSTER_TODO_HANDLE_FAILOVER)
        return
    clusterDoBeforeSleep(CLUSTER_TODO_HANDLE_MANUALFAILOVER)


# -----------------------------------------------------------------------------
# CLUSTER cron job
# -----------------------------------------------------------------------------

_clusterCron_iteration = 0
_clusterCron_prev_ip = None


def clusterCron():
    """Ten times a second: connect, PING, find failures, elect, migrate.

    C's one function is cut at its own steps: _announce_ip, _connect, _ping_random, _check_node.
    """
    global _clusterCron_iteration
    myself = server.cluster.myself
    update_state = 0
    orphaned_masters = 0               # masters without a working slave
    max_slaves = 0                     # the maximum of working slaves of one master
    this_slaves = 0                    # working slaves of our master
    _clusterCron_iteration += 1

    clusterCron_announce_ip()
    clusterUpdateMyselfFlags()
    clusterCron_connect()
    if not _clusterCron_iteration % 10:
        clusterCron_ping_random()

    # Find the nodes that fail, and the masters that need a slave.
    for node in cluster_nodes():
        if node.flags & (CLUSTER_NODE_MYSELF | CLUSTER_NODE_NOADDR | CLUSTER_NODE_HANDSHAKE):
            continue

        if nodeIsSlave(myself) and nodeIsMaster(node) and not nodeFailed(node):
            okslaves = clusterCountNonFailingSlaves(node)
            if okslaves == 0 and node.numslots > 0 and node.flags & CLUSTER_NODE_MIGRATE_TO:
                orphaned_masters += 1
            if okslaves > max_slaves:
                max_slaves = okslaves
            if myself.slaveof is node:
                this_slaves = okslaves

        if clusterCron_check_node(node):
            update_state = 1

    # Start the replication of a slave that was restarted, or that did not know its master's address before.
    if (nodeIsSlave(myself) and server.masterhost is None and myself.slaveof is not None
            and nodeHasAddr(myself.slaveof)):
        replicationSetMaster(os.fsdecode(myself.slaveof.ip), myself.slaveof.port)

    manualFailoverCheckTimeout()
    if nodeIsSlave(myself):
        clusterHandleManualFailover()
        if not server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_FAILOVER:
            clusterHandleSlaveFailover()
        # Migration needs a master with at least two slaves.
        if (orphaned_masters and max_slaves >= 2 and this_slaves == max_slaves
                and server.cluster_allow_replica_migration):
            clusterHandleSlaveMigration(max_slaves)

    if update_state or server.cluster.state == CLUSTER_FAIL:
        clusterUpdateState()


def clusterCron_announce_ip():
    """Let our address follow cluster-announce-ip, which CONFIG SET may change."""
    global _clusterCron_prev_ip
    curr_ip = server.cluster_announce_ip
    if curr_ip == _clusterCron_prev_ip:
        return
    _clusterCron_prev_ip = curr_ip
    if curr_ip is not None:
        server.cluster.myself.ip = os.fsencode(curr_ip)[:NET_IP_STR_LEN - 1]
    else:
        server.cluster.myself.ip = b""              # the next PING sets it


def clusterCron_connect():
    """Open the links that are missing; end handshakes that take too long; count the nodes in PFAIL."""
    now = mstime()
    handshake_timeout = server.cluster_node_timeout
    if handshake_timeout < 1000:
        handshake_timeout = 1000

    server.cluster.stats_pfail_nodes = 0
    for node in cluster_nodes():
        if node.flags & (CLUSTER_NODE_MYSELF | CLUSTER_NODE_NOADDR):
            continue
        if node.flags & CLUSTER_NODE_PFAIL:
            server.cluster.stats_pfail_nodes += 1

        if nodeInHandshake(node) and now - node.ctime > handshake_timeout:
            clusterDelNode(node)
            continue

        if node.link is None:
            link = createClusterLink(node)
            link.conn = connCreateTLS() if server.tls_cluster else connCreateSocket()
            connSetPrivateData(link.conn, link)
            src_addr = server.bindaddr[0] if server.bindaddr_count else None     # NET_FIRST_BIND_ADDR
            if connConnect(link.conn, os.fsdecode(node.ip), node.cport, src_addr, clusterLinkConnectHandler) == C_ERR:
                # The connection failed at once, so no PING was sent.  Set ping_sent all the same, or the node could never be in PFAIL.
                if node.ping_sent == 0:
                    node.ping_sent = mstime()
                serverLog(LL_DEBUG, "Unable to connect to Cluster Node [%s]:%d -> %s", node.ip, node.cport, server.neterr)
                freeClusterLink(link)
                continue
            node.link = link


def clusterCron_ping_random():
    """Once a second: PING, of five random nodes, the one that we have not heard of for the longest time."""
    min_pong_node = None
    min_pong = 0
    for _ in range(5):
        this = dictGetRandomKey(server.cluster.nodes).val
        if this.link is None or this.ping_sent != 0:
            continue
        if this.flags & (CLUSTER_NODE_MYSELF | CLUSTER_NODE_HANDSHAKE):
            continue
        if min_pong_node is None or min_pong > this.pong_received:
            min_pong_node = this
            min_pong = this.pong_received
    if min_pong_node is not None:
        serverLog(LL_DEBUG, "Pinging node %.40s", min_pong_node.name)
        clusterSendPing(min_pong_node.link, CLUSTERMSG_TYPE_PING)


def clusterCron_check_node(node):
    """PING a node if it is time, close a link that is dead, set PFAIL -> 1 if PFAIL was set."""
    now = mstime()

    # No PONG and no data for half a timeout: perhaps only the connection is broken.  Reconnect at most once per timeout.
    ping_delay = now - node.ping_sent
    data_delay = now - node.data_received
    if (node.link is not None
            and now - node.link.ctime > server.cluster_node_timeout
            and node.ping_sent
            and ping_delay > server.cluster_node_timeout // 2
            and data_delay > server.cluster_node_timeout // 2):
        freeClusterLink(node.link)

    # No PONG for half a timeout, and no PING pending: send one.
    if (node.link is not None and node.ping_sent == 0
            and now - node.pong_received > server.cluster_node_timeout // 2):
        clusterSendPing(node.link, CLUSTERMSG_TYPE_PING)
        return 0

    # We are a master in a manual failover: PING the slave all the time, since it needs our offset.
    if (server.cluster.mf_end and nodeIsMaster(server.cluster.myself)
            and server.cluster.mf_slave is node and node.link is not None):
        clusterSendPing(node.link, CLUSTERMSG_TYPE_PING)
        return 0

    # Any data shows that the node is alive, as much traffic may delay a PONG.
    if node.ping_sent == 0:
        return 0
    node_delay = ping_delay if ping_delay < data_delay else data_delay
    if node_delay > server.cluster_node_timeout:
        if not node.flags & (CLUSTER_NODE_PFAIL | CLUSTER_NODE_FAIL):
            serverLog(LL_DEBUG, "*** NODE %.40s possibly failing", node.name)
            node.flags |= CLUSTER_NODE_PFAIL
            return 1
    return 0


def clusterBeforeSleep():
    """Do what clients and nodes must see done before the loop sleeps: failover steps, state, nodes.conf.

    ORDER: state before save; save before the packets, which leave in the next turn.
    """
    flags = server.cluster.todo_before_sleep
    server.cluster.todo_before_sleep = 0

    if flags & CLUSTER_TODO_HANDLE_MANUALFAILOVER:
        # Start at once instead of in the next cron, since the writers are paused.
        if nodeIsSlave(server.cluster.myself):
            clusterHandleManualFailover()
            if not server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_FAILOVER:
                clusterHandleSlaveFailover()
    elif flags & CLUSTER_TODO_HANDLE_FAILOVER:
        # The votes may now be sufficient.
        clusterHandleSlaveFailover()

    if flags & CLUSTER_TODO_UPDATE_STATE:
        clusterUpdateState()
    if flags & CLUSTER_TODO_SAVE_CONFIG:
        clusterSaveConfigOrDie(flags & CLUSTER_TODO_FSYNC_CONFIG)


def clusterDoBeforeSleep(flags):
    """Ask clusterBeforeSleep for CLUSTER_TODO_*."""
    server.cluster.todo_before_sleep |= flags
