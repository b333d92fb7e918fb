"""cluster_bus.py - the bus: links, packets, gossip.                Mirrors src/cluster.c 612-2980 (6.2.14)

Lives here   links and their handlers; processing of packets (clusterProcessPacket), building and sending them;
             handshake, gossip, failure reports; slots and roles that others claim; PUBLISH over the bus.
Called from  ae for links and their listening sockets [read, write, accept]; clusterCron, cluster_failover.py, the
             commands (clusterSendPing, clusterBroadcastPong ...).
State        server.cluster; clusterLink.
Two links    node.link is the link that we opened.  PING, MEET, FAIL, UPDATE, PUBLISH, votes and broadcast PONGs are sent
             on it, and replies are received on it; only a PONG on node.link ends a pending PING.  A link that we accepted
             has no node: its sender is looked up by name for each packet, and its PONG is sent on the same link.
Trust        the bus has no password.  A MEET adds its sender and the nodes of its gossip; from then on their packets are
             accepted.  Other senders get a PONG and are ignored, except for PUBLISH.
ORDER        save before send: clusterSendMessage only fills sndbuf.  The bytes are sent in the next turn of the loop, after
             clusterBeforeSleep has saved and fsynced nodes.conf, so every vote or epoch is on disk before it is sent.
             clusterWriteHandler saves if a save is still pending (D-93).
Departures   D-91: a packet is decoded and checked whole before it changes anything.  MODULE packets are counted and
             dropped; clusterSendModule and the functions it needs do not exist (D-1).
"""
import errno
import os
import socket
import traceback
from typing import TYPE_CHECKING

from ae.anet import ANET_ERR, anetTcpAccept, anet_errno
from ae.monotonic import mstime
from cluster.cluster import (
    clusterAddNode, clusterAddSlot, clusterBlacklistExists, clusterDelNode, clusterDelNodeSlots, clusterDelSlot,
    clusterHandleConfigEpochCollision, clusterLookupNode, clusterNodeAddFailureReport, clusterNodeAddSlave,
    clusterNodeDelFailureReport, clusterNodeFailureReportsCount, clusterNodeRemoveSlave, clusterRenameNode,
    clusterSaveConfigOrDie, clusterSetMaster, bitmap_newer_owner, bitmap_slots, cluster_nodes, createClusterNode, deriveAnnouncedPorts,
    representClusterNodeFlags,
)
from cluster.cluster_h import (
    CLUSTERMSG_FLAG0_PAUSED, CLUSTERMSG_MIN_LEN, CLUSTERMSG_TYPE_COUNT, CLUSTERMSG_TYPE_FAIL,
    CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_MEET,
    CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_MODULE, CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG,
    CLUSTERMSG_TYPE_PUBLISH, CLUSTERMSG_TYPE_UPDATE, CLUSTER_FAIL_UNDO_TIME_MULT, CLUSTER_MF_PAUSE_MULT,
    CLUSTER_MF_TIMEOUT, CLUSTER_MODULE_FLAG_NO_REDIRECTION, CLUSTER_NODE_FAIL, CLUSTER_NODE_HANDSHAKE,
    CLUSTER_NODE_MASTER, CLUSTER_NODE_MEET, CLUSTER_NODE_MIGRATE_TO, CLUSTER_NODE_MYSELF, CLUSTER_NODE_NOADDR,
    CLUSTER_NODE_NOFAILOVER, CLUSTER_NODE_NULL_NAME, CLUSTER_NODE_PFAIL, CLUSTER_NODE_SLAVE, CLUSTER_PROTO_VER,
    CLUSTER_TODO_FSYNC_CONFIG, CLUSTER_TODO_HANDLE_FAILOVER, CLUSTER_TODO_HANDLE_MANUALFAILOVER,
    CLUSTER_TODO_SAVE_CONFIG, CLUSTER_TODO_UPDATE_STATE, NET_IP_STR_LEN, SIZEOF_clusterMsg, clusterLink, clusterMsg,
    clusterMsgDataFail, clusterMsgDataGossip, clusterMsgDataPublish, clusterMsgDataUpdate, clusterMsg_explen,
    clusterMsg_pack, clusterMsg_start, clusterMsg_unpack, nodeFailed, nodeInHandshake, nodeIsMaster, nodeIsSlave,
    nodeTimedOut,
)
from datastructs.dict import dictGetRandomKey, dictSize
from replication.replication import replicationGetSlaveOffset
from replication.replication_slave import replicationSetMaster
from server.client.connection import (
    CONN_STATE_ACCEPTING, CONN_STATE_CONNECTED, CONN_STATE_ERROR, connAccept, connClose, connCreateAcceptedSocket,
    connEnableTcpNoDelay, connGetLastError, connGetPrivateData, connGetState, connKeepAlive, connNonBlock,
    connPeerToString, connRead, connSetPrivateData, connSetReadHandler, connSetWriteHandler,
    connSetWriteHandlerWithBarrier, connSockName, connWrite,
)
from server.client.networking import pauseClients
from server.client.tls import connCreateAcceptedTLS
from server.keyspace.db import countKeysInSlot, delKeysInSlot
from server.log import serverAssert, serverLog, serverLogRaw
from server.object import createStringObject, getDecodedObject
from server.server_h import (
    C_ERR, CLIENT_PAUSE_WRITE, LL_DEBUG, LL_NOTICE, LL_VERBOSE, LL_WARNING, TLS_CLIENT_AUTH_YES, server,
)
from server.session.pubsub import pubsubPublishMessage

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_failover import clusterDoBeforeSleep, clusterSendFailoverAuthIfNeeded, resetManualFailover

# -----------------------------------------------------------------------------
# CLUSTER communication link
# -----------------------------------------------------------------------------


def createClusterLink(node):
    """Return a new link without connection; `node` is None where we accepted it."""
    link = clusterLink()
    link.ctime = mstime()
    link.node = node
    return link


def freeClusterLink(link):
    """Close a link; its node stays.  May come twice: link.conn is None from the first time on."""
    if link.conn is not None:
        connClose(link.conn)
        link.conn = None
    # C frees them.  The garbage collector is off, so break the reference cycle of node and link.
    link.sndbuf = bytearray()
    link.rcvbuf = bytearray()
    if link.node is not None:
        link.node.link = None
        link.node = None


def clusterConnAcceptHandler(conn):
    """An accepted connection is up, with TLS after its handshake: give it a link."""
    if connGetState(conn) != CONN_STATE_CONNECTED:
        serverLog(LL_VERBOSE, "Error accepting cluster node connection: %s", connGetLastError(conn))
        connClose(conn)
        return

    # The header of each packet identifies the node.
    link = createClusterLink(None)
    link.conn = conn
    connSetPrivateData(conn, link)
    connSetReadHandler(conn, clusterReadHandler)


MAX_CLUSTER_ACCEPTS_PER_CALL = 1000


def clusterAcceptHandler(el, fd, privdata, mask):
    """A listening socket of the bus is readable."""
    # Accept no links while loading, since an UPDATE may delete keys.
    if server.masterhost is None and server.loading:
        return

    for _ in range(MAX_CLUSTER_ACCEPTS_PER_CALL):
        cfd, server.neterr, cip, cport = anetTcpAccept(fd)
        if cfd == ANET_ERR:
            if anet_errno() != errno.EWOULDBLOCK:
                serverLog(LL_VERBOSE, "Error accepting cluster node: %s", server.neterr)
            return

        conn = connCreateAcceptedTLS(cfd, TLS_CLIENT_AUTH_YES) if server.tls_cluster else connCreateAcceptedSocket(cfd)
        if connGetState(conn) != CONN_STATE_ACCEPTING:
            serverLog(LL_VERBOSE, "Error creating an accepting connection for cluster node: %s", connGetLastError(conn))
            connClose(conn)
            return
        connNonBlock(conn)
        connEnableTcpNoDelay(conn)
        connKeepAlive(conn, server.cluster_node_timeout // 1000 * 2)
        serverLog(LL_VERBOSE, "Accepting cluster node connection from %s:%d", cip, cport)

        # clusterConnAcceptHandler runs now or later.
        if connAccept(conn, clusterConnAcceptHandler) == C_ERR:
            if connGetState(conn) == CONN_STATE_ERROR:
                serverLog(LL_VERBOSE, "Error accepting cluster node connection: %s", connGetLastError(conn))
            connClose(conn)
            return


def getClusterConnectionsCount():
    """About how many sockets the bus takes: two a node."""
    return (dictSize(server.cluster.nodes) - 1) * 2 if server.cluster_enabled else 0


# -----------------------------------------------------------------------------
# CLUSTER messages exchange - PING/PONG and gossip
# -----------------------------------------------------------------------------

def markNodeAsFailingIfNeeded(node):
    """PFAIL becomes FAIL when the majority of the masters has reported it within two timeouts; tell all about it.

    The agreement is a weak one, since the reports need not be of the same moment.  It is enough: either the FAIL
    reaches a majority, which elects a slave, or no slave is elected and the flag is cleared after some time.
    """
    needed_quorum = server.cluster.size // 2 + 1
    if not nodeTimedOut(node):
        return                                      # we can reach it
    if nodeFailed(node):
        return

    failures = clusterNodeFailureReportsCount(node)
    if nodeIsMaster(server.cluster.myself):
        failures += 1
    if failures < needed_quorum:
        return

    serverLog(LL_NOTICE, "Marking node %.40s as failing (quorum reached).", node.name)
    node.flags &= ~CLUSTER_NODE_PFAIL
    node.flags |= CLUSTER_NODE_FAIL
    node.fail_time = mstime()

    # A replica does this, too: it forwards the decision of the masters.
    clusterSendFail(node.name)
    clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)


def clearNodeFailureIfNeeded(node):
    """Clear FAIL of a node that has answered, if it is well again."""
    now = mstime()
    serverAssert(nodeFailed(node))

    # No failover happens for a slave or for a master without slots.
    if nodeIsSlave(node) or node.numslots == 0:
        serverLog(LL_NOTICE, "Clear FAIL state for node %.40s: %s is reachable again.", node.name,
                  "replica" if nodeIsSlave(node) else "master without slots")
        node.flags &= ~CLUSTER_NODE_FAIL
        clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)

    # A master with slots: its slaves have had two timeouts to be elected, and none was.
    if (nodeIsMaster(node) and node.numslots > 0
            and now - node.fail_time > server.cluster_node_timeout * CLUSTER_FAIL_UNDO_TIME_MULT):
        serverLog(LL_NOTICE, "Clear FAIL state for node %.40s: is reachable again and nobody is serving its slots after "
                             "some time.", node.name)
        node.flags &= ~CLUSTER_NODE_FAIL
        clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)


def clusterHandshakeInProgress(ip, port, cport):
    """Tell whether there is a node in handshake with that address -> True or False."""
    for node in cluster_nodes():
        if not nodeInHandshake(node):
            continue
        if node.ip.lower() == ip.lower() and node.port == port and node.cport == cport:
            return 1
    return 0


def clusterStartHandshake(ip, port, cport):
    """Make a node in handshake, to which the next cron connects -> (1, 0), or (0, errno).

    EAGAIN: one is on its way to that address already.  EINVAL: `ip` is no IPv4 or IPv6 address, or a port is out of range.
    """
    # IP sanity check; norm_ip is its normal form.
    norm_ip = None
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            sa = socket.inet_pton(family, ip.partition(b"\0")[0].decode("ascii"))
        except (OSError, ValueError):
            continue
        norm_ip = socket.inet_ntop(family, sa).encode()
        break
    if norm_ip is None:
        return 0, errno.EINVAL

    # Port sanity check
    if port <= 0 or port > 65535 or cport <= 0 or cport > 65535:
        return 0, errno.EINVAL

    if clusterHandshakeInProgress(norm_ip, port, cport):
        return 0, errno.EAGAIN

    # The name is random until its PONG gives the real one.
    n = createClusterNode(None, CLUSTER_NODE_HANDSHAKE | CLUSTER_NODE_MEET)
    n.ip = norm_ip
    n.port = port
    n.cport = cport
    clusterAddNode(n)
    return 1, 0


def clusterProcessGossipSection(hdr, link):
    """Take over what the sender of a PING, PONG or MEET says of other nodes.

    A gossip entry may free `link`, if it is about the node at its other end: look at link.conn afterwards.
    """
    myself = server.cluster.myself
    sender = link.node if link.node is not None else clusterLookupNode(hdr.sender)

    for g in hdr.data:
        flags = g.flags
        if server.verbosity == LL_DEBUG:
            serverLog(LL_DEBUG, "GOSSIP %.40s %s:%d@%d %s", g.nodename, g.ip, g.port, g.cport,
                      representClusterNodeFlags(b"", flags))

        node = clusterLookupNode(g.nodename)
        if node is not None:
            # Only failure reports of masters count.
            if sender is not None and nodeIsMaster(sender) and node is not myself:
                if flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL):
                    if clusterNodeAddFailureReport(node, sender):
                        serverLog(LL_VERBOSE, "Node %.40s reported node %.40s as not reachable.", sender.name, node.name)
                    markNodeAsFailingIfNeeded(node)
                elif clusterNodeDelFailureReport(node, sender):
                    serverLog(LL_VERBOSE, "Node %.40s reported node %.40s is back online.", sender.name, node.name)

            # If there are no failure reports about the node, a PONG that others received saves us a PING; but not a time in the future,
            # with a tolerance of 500 ms.
            if (not flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL) and node.ping_sent == 0
                    and clusterNodeFailureReportsCount(node) == 0):
                pongtime = g.pong_received * 1000
                if pongtime <= server.mstime + 500 and pongtime > node.pong_received:
                    node.pong_received = pongtime

            # We cannot reach the node, but the sender can at another address: try that address.
            if (node.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL) and not flags & CLUSTER_NODE_NOADDR
                    and not flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL)
                    and (node.ip.lower() != g.ip.lower() or node.port != g.port or node.cport != g.cport)):
                if node.link is not None:
                    freeClusterLink(node.link)
                node.ip = g.ip
                node.port = g.port
                node.pport = g.pport
                node.cport = g.cport
                node.flags &= ~CLUSTER_NODE_NOADDR
        elif (sender is not None and not flags & CLUSTER_NODE_NOADDR and not clusterBlacklistExists(g.nodename)):
            # Add the node with the id given by a node that we know.  We start no handshake, since another cluster may have taken
            # over its address meanwhile, and we must not join that cluster.
            node = createClusterNode(g.nodename, flags)
            node.ip = g.ip
            node.port = g.port
            node.pport = g.pport
            node.cport = g.cport
            clusterAddNode(node)


def nodeIp2String(link, announced_ip):
    """Return the address that a node announces, or else that of the peer."""
    if announced_ip:
        return announced_ip
    return os.fsencode(connPeerToString(link.conn)[1])


def nodeUpdateAddressIfNeeded(node, link, hdr):
    """Take over the address in a packet if it is new -> 1, the link to the node is closed then; 0 if it is known.

    Only for packets that did not come on node.link; so it never frees `link`.
    """
    if link is node.link:
        return 0
    ip = nodeIp2String(link, hdr.myip)
    if node.port == hdr.port and node.cport == hdr.cport and node.pport == hdr.pport and ip == node.ip:
        return 0

    node.ip = ip
    node.port = hdr.port
    node.pport = hdr.pport
    node.cport = hdr.cport
    if node.link is not None:
        freeClusterLink(node.link)
    node.flags &= ~CLUSTER_NODE_NOADDR
    serverLog(LL_WARNING, "Address updated for node %.40s, now %s:%d", node.name, node.ip, node.port)

    # Our master has a new address: reconnect the replication link.
    myself = server.cluster.myself
    if nodeIsSlave(myself) and myself.slaveof is node:
        replicationSetMaster(os.fsdecode(node.ip), node.port)
    return 1


def clusterSetNodeAsMaster(n):
    """A node that was a slave is a master now."""
    if nodeIsMaster(n):
        return
    if n.slaveof is not None:
        clusterNodeRemoveSlave(n.slaveof, n)
        if n is not server.cluster.myself:
            n.flags |= CLUSTER_NODE_MIGRATE_TO
    n.flags &= ~CLUSTER_NODE_SLAVE
    n.flags |= CLUSTER_NODE_MASTER
    n.slaveof = None
    clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)


def clusterUpdateSlotsConfigWith(sender, senderConfigEpoch, slots):
    """`sender`, a master, claims `slots` under its epoch: take over what is newer than what we know.

    If our last slot, or the last one of our master, goes that way, we become a replica of the winner.  `sender` need not
    have sent anything: an UPDATE is about another node.
    """
    myself = server.cluster.myself
    newmaster = None

    # The slots that we lose but still have keys of.  If we stay a master, these keys must be deleted; a new replica gets all its
    # data from its master anyway.
    dirty_slots = []

    # If `sender` takes all our slots and has only those, it is the new master of our shard.
    migrated_our_slots = 0
    curmaster = myself if nodeIsMaster(myself) else myself.slaveof

    if sender is myself:
        serverLog(LL_WARNING, "Discarding UPDATE message about myself.")
        return

    # C: walks all slots, and skips those that the sender owns already.
    claimed = int.from_bytes(slots, "little")
    sender_slots = bin(claimed).count("1")
    news = claimed & ~int.from_bytes(sender.slots, "little")
    for j in bitmap_slots(news.to_bytes(len(slots), "little")):
        # We are importing the slot: only the operator closes it, whatever the epoch.
        if server.cluster.importing_slots_from[j] is not None:
            continue

        owner = server.cluster.slots[j]
        if owner is None or owner.configEpoch < senderConfigEpoch:
            if owner is myself and countKeysInSlot(j):
                dirty_slots.append(j)
            if owner is curmaster and curmaster is not None:        # C: a slave without master crashes here
                newmaster = sender
                migrated_our_slots += 1
            clusterDelSlot(j)
            clusterAddSlot(sender, j)
            clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_FSYNC_CONFIG)

    if server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_REDIRECTION:
        return

    # myself.numslots is tested, since ADDSLOTS can give slots to a slave, and then an assertion of C fails.
    if (newmaster is not None and curmaster.numslots == 0 and myself.numslots == 0
            and (server.cluster_allow_replica_migration or sender_slots == migrated_our_slots)):
        serverLog(LL_WARNING, "Configuration change detected. Reconfiguring myself as a replica of %.40s", sender.name)
        clusterSetMaster(sender)
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_FSYNC_CONFIG)
    elif dirty_slots:
        for j in dirty_slots:
            delKeysInSlot(j)


def clusterProcessPacket(link):
    """Handle the packet in link.rcvbuf -> 1, or 0 where the link was freed by it.

    C's one function is cut at its own steps: _check, _sender, _ping, _config with _handshake, _pong, _role, _slots, and
    one for each other type.
    """
    hdr = clusterProcessPacket_check(link)
    if hdr is None:
        return 1
    type_ = hdr.type

    # Accepted links have no node, so look the node up by the name in the header.
    sender = clusterLookupNode(hdr.sender)
    senderCurrentEpoch, senderConfigEpoch = clusterProcessPacket_sender(hdr, sender)

    if type_ == CLUSTERMSG_TYPE_PING or type_ == CLUSTERMSG_TYPE_MEET:
        clusterProcessPacket_ping(link, hdr, sender)
        if link.conn is None:
            return 0

    if type_ <= CLUSTERMSG_TYPE_MEET:
        return clusterProcessPacket_config(link, hdr, sender, senderConfigEpoch)
    if type_ == CLUSTERMSG_TYPE_FAIL:
        clusterProcessPacket_fail(hdr, sender)
    elif type_ == CLUSTERMSG_TYPE_PUBLISH:
        # Without subscribers do not create the objects.
        if dictSize(server.pubsub_channels) or dictSize(server.pubsub_patterns):
            pubsubPublishMessage(createStringObject(hdr.data.channel), createStringObject(hdr.data.message))
    elif type_ == CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST:
        if sender is None:
            return 1
        clusterSendFailoverAuthIfNeeded(sender, hdr)
    elif type_ == CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK:
        if sender is None:
            return 1
        # A vote counts if it comes from a master with slots and is for this election.
        if (nodeIsMaster(sender) and sender.numslots > 0
                and senderCurrentEpoch >= server.cluster.failover_auth_epoch):
            server.cluster.failover_auth_count += 1
            clusterDoBeforeSleep(CLUSTER_TODO_HANDLE_FAILOVER)
    elif type_ == CLUSTERMSG_TYPE_MFSTART:
        clusterProcessPacket_mfstart(link, sender)
    elif type_ == CLUSTERMSG_TYPE_UPDATE:
        clusterProcessPacket_update(hdr, sender)
    elif type_ == CLUSTERMSG_TYPE_MODULE:
        pass                                        # C: moduleCallClusterReceivers
    else:
        serverLog(LL_WARNING, "Received unknown packet type: %d", type_)
    return 1


def clusterProcessPacket_check(link):
    """Count the packet, check its length, decode it -> clusterMsg, or None to drop it."""
    _, totlen, ver, _, type_, count = clusterMsg_start(link.rcvbuf)
    if type_ < CLUSTERMSG_TYPE_COUNT:
        server.cluster.stats_bus_messages_received[type_] += 1
    serverLog(LL_DEBUG, "--- Processing packet of type %d, %d bytes", type_, totlen)

    if ver != CLUSTER_PROTO_VER:
        return None
    explen = clusterMsg_explen(type_, count, link.rcvbuf)
    if explen != -1 and totlen != explen:
        return None
    return clusterMsg_unpack(link.rcvbuf)


def clusterProcessPacket_sender(hdr, sender):
    """Read the header fields of a known node's packet -> (its currentEpoch, its configEpoch), or (0, 0) for other nodes."""
    myself = server.cluster.myself
    now = mstime()
    if sender is None:
        return 0, 0

    # Any data shows that the node is alive: much PUBLISH traffic may delay the PONGs.
    sender.data_received = now
    if nodeInHandshake(sender):
        return 0, 0

    if hdr.currentEpoch > server.cluster.currentEpoch:
        server.cluster.currentEpoch = hdr.currentEpoch
    if hdr.configEpoch > sender.configEpoch:
        sender.configEpoch = hdr.configEpoch
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_FSYNC_CONFIG)
    sender.repl_offset = hdr.offset
    sender.repl_offset_time = now

    # In a manual failover our master is paused, and this is the end of its stream.
    if (server.cluster.mf_end and nodeIsSlave(myself) and myself.slaveof is sender
            and hdr.mflags[0] & CLUSTERMSG_FLAG0_PAUSED and server.cluster.mf_master_offset == -1):
        server.cluster.mf_master_offset = sender.repl_offset
        clusterDoBeforeSleep(CLUSTER_TODO_HANDLE_MANUALFAILOVER)
        serverLog(LL_WARNING, "Received replication offset for paused master manual failover: %d",
                  server.cluster.mf_master_offset)
    return hdr.currentEpoch, hdr.configEpoch


def clusterProcessPacket_ping(link, hdr, sender):
    """PING, MEET: learn our own address, add a new node, answer with PONG.  May free the link."""
    myself = server.cluster.myself
    serverLog(LL_DEBUG, "Ping packet received: %s", link.node)

    # A MEET is sent to the address that the other nodes use for us, so take it from our end of the socket.  While we have
    # no address, use a PING as well.
    if (hdr.type == CLUSTERMSG_TYPE_MEET or not myself.ip) and server.cluster_announce_ip is None:
        err, ip, _ = connSockName(link.conn)
        ip = os.fsencode(ip)
        if err != -1 and ip != myself.ip:
            myself.ip = ip
            serverLog(LL_WARNING, "IP address for this node updated to %s", myself.ip)
            clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG)

    # A new node.  The PONG to our PING will give its name, role and master; the gossip is trusted at once, because MEET
    # is sent by order of the operator.
    if sender is None and hdr.type == CLUSTERMSG_TYPE_MEET:
        node = createClusterNode(None, CLUSTER_NODE_HANDSHAKE)
        node.ip = nodeIp2String(link, hdr.myip)
        node.port = hdr.port
        node.pport = hdr.pport
        node.cport = hdr.cport
        clusterAddNode(node)
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG)
        clusterProcessGossipSection(hdr, link)
        if link.conn is None:
            return

    clusterSendPing(link, CLUSTERMSG_TYPE_PONG)


def clusterProcessPacket_config(link, hdr, sender, senderConfigEpoch):
    """PING, PONG, MEET: address, flags, role, slots and gossip of the sender -> 1, or 0 where the link was freed."""
    myself = server.cluster.myself
    serverLog(LL_DEBUG, "%s packet received: %s", "ping" if hdr.type == CLUSTERMSG_TYPE_PING else "pong", link.node)
    if link.node is not None and not clusterProcessPacket_handshake(link, hdr, sender):
        return 0

    # The flag must be up to date, since slaves with NOFAILOVER do not count for the rank of the others.
    if sender is not None:
        sender.flags &= ~CLUSTER_NODE_NOFAILOVER
        sender.flags |= hdr.flags & CLUSTER_NODE_NOFAILOVER

    if (sender is not None and hdr.type == CLUSTERMSG_TYPE_PING and not nodeInHandshake(sender)
            and nodeUpdateAddressIfNeeded(sender, link, hdr)):
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)

    if link.node is not None and hdr.type == CLUSTERMSG_TYPE_PONG:
        clusterProcessPacket_pong(link.node)

    # A packet from ourselves (after a MEET of our own address) may be older than our role and slots.  C: accepts it.
    if sender is not None and sender is not myself:
        clusterProcessPacket_role(hdr, sender)
        # ORDER: after the role, which decides which node owns these slots.
        clusterProcessPacket_slots(hdr, sender, senderConfigEpoch)

    if (sender is not None and nodeIsMaster(myself) and nodeIsMaster(sender)
            and senderConfigEpoch == myself.configEpoch):
        clusterHandleConfigEpochCollision(sender)

    if sender is not None:
        clusterProcessGossipSection(hdr, link)
    return 0 if link.conn is None else 1


def clusterProcessPacket_handshake(link, hdr, sender):
    """Check that a packet on a link of ours is of the node we meant -> 1, or 0 where the link was freed.

    For a node in handshake this is its real name; a node that we knew already is not added a second time.
    """
    node = link.node
    if nodeInHandshake(node):
        # The gossip of this packet may have just added it.  C: an assertion.
        if sender is None:
            sender = clusterLookupNode(hdr.sender)
        if sender is not None:
            serverLog(LL_VERBOSE, "Handshake: we already know node %.40s, updating the address if needed.", sender.name)
            if nodeUpdateAddressIfNeeded(sender, link, hdr):
                clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)
            clusterDelNode(node)                    # this also frees the link
            return 0

        clusterRenameNode(node, hdr.sender)
        serverLog(LL_DEBUG, "Handshake with node %.40s completed.", node.name)
        node.flags &= ~CLUSTER_NODE_HANDSHAKE
        node.flags |= hdr.flags & (CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE)
        if nodeIsMaster(node):                      # never both
            node.flags &= ~CLUSTER_NODE_SLAVE
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG)
    elif node.name != hdr.sender:
        # Another node has this address now.
        serverLog(LL_DEBUG, "PONG contains mismatching sender ID. About node %.40s added %d ms ago, having flags %d",
                  node.name, mstime() - node.ctime, node.flags)
        node.flags |= CLUSTER_NODE_NOADDR
        node.ip = b""
        node.port = 0
        node.pport = 0
        node.cport = 0
        freeClusterLink(link)
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG)
        return 0
    return 1


def clusterProcessPacket_pong(node):
    """Handle a PONG on the link that we opened: the node is alive."""
    node.pong_received = mstime()
    node.ping_sent = 0

    # PFAIL is set by each node alone, FAIL by agreement of the majority.
    if nodeTimedOut(node):
        node.flags &= ~CLUSTER_NODE_PFAIL
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)
    elif nodeFailed(node):
        clearNodeFailureIfNeeded(node)


def clusterProcessPacket_role(hdr, sender):
    """Update the role of the sender, and the master of a slave, from the header."""
    if hdr.slaveof == CLUSTER_NODE_NULL_NAME:
        clusterSetNodeAsMaster(sender)
        return

    master = clusterLookupNode(hdr.slaveof)
    if nodeIsMaster(sender):
        # A master was turned into a slave.
        clusterDelNodeSlots(sender)
        sender.flags &= ~(CLUSTER_NODE_MASTER | CLUSTER_NODE_MIGRATE_TO)
        sender.flags |= CLUSTER_NODE_SLAVE
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)

    if master is not None and sender.slaveof is not master:
        if sender.slaveof is not None:
            clusterNodeRemoveSlave(sender.slaveof, sender)
        clusterNodeAddSlave(master, sender)
        sender.slaveof = master
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG)


def clusterProcessPacket_slots(hdr, sender, senderConfigEpoch):
    """Compare the slots in the header with ours; most often they are the same, and nothing is to be done."""
    sender_master = sender if nodeIsMaster(sender) else sender.slaveof
    if sender_master is None or sender_master.slots == hdr.myslots:
        return

    # 1) A master claims slots that are free or owned by another node in our view.
    if nodeIsMaster(sender):
        clusterUpdateSlotsConfigWith(sender, senderConfigEpoch, hdr.myslots)

    # 2) It claims a slot that a node with a newer epoch owns: send it an UPDATE.  The owner would inform it by its next
    #    PING, but after a partition the two may be unable to reach each other.
    #    C: sends one UPDATE, about the owner of the first such slot; the other owners wait for the next packet.
    j = bitmap_newer_owner(hdr.myslots, senderConfigEpoch, sender)
    if j != -1:
        owner = server.cluster.slots[j]
        serverLog(LL_VERBOSE, "Node %.40s has old slots configuration, sending an UPDATE message about %.40s",
                  sender.name, owner.name)
        clusterSendUpdate(sender.link, owner)


def clusterProcessPacket_fail(hdr, sender):
    """Handle FAIL: the sender has found that the majority cannot reach a node."""
    nodename = hdr.data.nodename
    if sender is None:
        serverLog(LL_NOTICE, "Ignoring FAIL message from unknown node %.40s about %.40s", hdr.sender, nodename)
        return
    failing = clusterLookupNode(nodename)
    if failing is not None and not failing.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_MYSELF):
        serverLog(LL_NOTICE, "FAIL message received from %.40s about %.40s", hdr.sender, nodename)
        failing.flags |= CLUSTER_NODE_FAIL
        failing.fail_time = mstime()
        failing.flags &= ~CLUSTER_NODE_PFAIL
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)


def clusterProcessPacket_mfstart(link, sender):
    """Handle MFSTART: one of our slaves starts a manual failover.  Pause the writers."""
    if sender is None or sender.slaveof is not server.cluster.myself:
        return
    now = mstime()
    resetManualFailover()
    server.cluster.mf_end = now + CLUSTER_MF_TIMEOUT
    server.cluster.mf_slave = sender
    pauseClients(now + CLUSTER_MF_TIMEOUT * CLUSTER_MF_PAUSE_MULT, CLIENT_PAUSE_WRITE)
    serverLog(LL_WARNING, "Manual failover requested by replica %.40s.", sender.name)
    # Send the PING at once, not in the next cron: it carries the offset at which the writers were stopped.
    clusterSendPing(link, CLUSTERMSG_TYPE_PING)


def clusterProcessPacket_update(hdr, sender):
    """UPDATE: our sender, or its master, claims slots of a node with a newer epoch."""
    nodecfg = hdr.data
    if sender is None:
        return
    n = clusterLookupNode(nodecfg.nodename)
    if n is None or n.configEpoch >= nodecfg.configEpoch:
        return                                      # nothing new
    if n is server.cluster.myself:                  # C: sets the epoch, makes us a master, and discards the rest
        serverLog(LL_WARNING, "Discarding UPDATE message about myself.")
        return

    if nodeIsSlave(n):
        clusterSetNodeAsMaster(n)
    n.configEpoch = nodecfg.configEpoch
    clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_FSYNC_CONFIG)
    clusterUpdateSlotsConfigWith(n, nodecfg.configEpoch, nodecfg.slots)


def handleLinkIOError(link):
    """The link is lost; the cron opens a new one, if it was ours."""
    freeClusterLink(link)


def clusterWriteHandler(conn):
    """Send what is in sndbuf, as far as the socket takes it.

    ORDER: what must be fsynced is fsynced first.  Most often clusterBeforeSleep has done that; not where a packet was
    added in this very turn to a buffer that was waiting already, nor where clusterBeforeSleep itself has begun an
    election.  C: sends (D-93).
    """
    link = connGetPrivateData(conn)
    if server.cluster.todo_before_sleep & CLUSTER_TODO_FSYNC_CONFIG:
        clusterSaveConfigOrDie(1)
    nwritten = connWrite(conn, link.sndbuf)
    if nwritten <= 0:
        serverLog(LL_DEBUG, "I/O error writing to node link: %s",
                  connGetLastError(conn) if nwritten == -1 else "short write")
        handleLinkIOError(link)
        return
    del link.sndbuf[:nwritten]
    if not link.sndbuf:
        connSetWriteHandler(link.conn, None)


def clusterLinkConnectHandler(conn):
    """A connection that the cron has started is made, or has failed."""
    link = connGetPrivateData(conn)
    node = link.node
    if connGetState(conn) != CONN_STATE_CONNECTED:
        serverLog(LL_VERBOSE, "Connection with Node %.40s at %s:%d failed: %s", node.name, node.ip, node.cport,
                  connGetLastError(conn))
        freeClusterLink(link)
        return

    connSetReadHandler(conn, clusterReadHandler)

    # Send a PING at once, or the failure detector would count the time until the next one.  MEET makes the other node add us.
    old_ping_sent = node.ping_sent
    clusterSendPing(link, CLUSTERMSG_TYPE_MEET if node.flags & CLUSTER_NODE_MEET else CLUSTERMSG_TYPE_PING)
    if old_ping_sent:
        # A PING was pending when the old link was lost: keep its time.
        node.ping_sent = old_ping_sent
    # Without a PONG nothing more is sent to the node; after the PONG we send PINGs.
    node.flags &= ~CLUSTER_NODE_MEET

    serverLog(LL_DEBUG, "Connecting with Node %.40s at %s:%d", node.name, node.ip, node.cport)


def clusterReadHandler(conn):
    """Read packets and process them, until there is no more data.

    First the 8 bytes that tell the length, then what is missing, at most one struct clusterMsg at a time: so memory grows
    with what arrives, not with what a length claims.
    """
    link = connGetPrivateData(conn)
    while True:
        rcvbuflen = len(link.rcvbuf)
        if rcvbuflen < 8:
            readlen = 8 - rcvbuflen
        else:
            totlen = int.from_bytes(link.rcvbuf[4:8], "big")
            if rcvbuflen == 8 and (link.rcvbuf[:4] != b"RCmb" or totlen < CLUSTERMSG_MIN_LEN):
                serverLog(LL_WARNING, "Bad message length or signature received from Cluster bus.")
                handleLinkIOError(link)
                return
            readlen = totlen - rcvbuflen
            if readlen > SIZEOF_clusterMsg:
                readlen = SIZEOF_clusterMsg

        data = connRead(conn, readlen)
        if data is None and connGetState(conn) == CONN_STATE_CONNECTED:
            return                                  # no more data
        if not data:
            serverLog(LL_DEBUG, "I/O error reading from node link: %s",
                      connGetLastError(conn) if data is None else "connection closed")
            handleLinkIOError(link)
            return
        link.rcvbuf += data
        rcvbuflen += len(data)

        if rcvbuflen > 8 and rcvbuflen == totlen:
            try:
                alive = clusterProcessPacket(link)
            except Exception:                       # a bug of ours closes this link, but does not stop the server
                serverLogRaw(LL_WARNING, "Unexpected exception in the cluster bus: " + traceback.format_exc())
                handleLinkIOError(link)
                return
            if not alive:
                return                              # the link is gone
            link.rcvbuf = bytearray()


def clusterSendMessage(link, msg):
    """Append a packet to the send buffer.  Never writes to the socket, and never frees the link.

    ORDER: the write handler has a barrier: see "save before send" above.
    """
    if not link.sndbuf and msg:
        connSetWriteHandlerWithBarrier(link.conn, clusterWriteHandler, 1)
    link.sndbuf += msg
    type_ = clusterMsg_start(msg)[4]
    if type_ < CLUSTERMSG_TYPE_COUNT:
        server.cluster.stats_bus_messages_sent[type_] += 1


def clusterBroadcastMessage(buf):
    """Send a packet to all nodes that we have a link to.  Frees none of them."""
    for node in cluster_nodes():
        if node.link is None:
            continue
        if node.flags & (CLUSTER_NODE_MYSELF | CLUSTER_NODE_HANDSHAKE):
            continue
        clusterSendMessage(node.link, buf)


def clusterBuildMessageHdr(type_):
    """Return a clusterMsg with all that each packet says of its sender."""
    myself = server.cluster.myself

    # A slave sends the slots and the epoch of its master; its flags show that they are not its own.
    master = myself.slaveof if nodeIsSlave(myself) and myself.slaveof is not None else myself

    hdr = clusterMsg()
    hdr.type = type_
    hdr.sender = myself.name

    # Empty: the receiver takes the address of the socket.
    if server.cluster_announce_ip is not None:
        hdr.myip = os.fsencode(server.cluster_announce_ip)[:NET_IP_STR_LEN - 1]

    hdr.myslots = bytes(master.slots)
    if myself.slaveof is not None:
        hdr.slaveof = myself.slaveof.name
    hdr.port, hdr.pport, hdr.cport = deriveAnnouncedPorts()
    hdr.flags = myself.flags
    hdr.state = server.cluster.state

    hdr.currentEpoch = server.cluster.currentEpoch
    hdr.configEpoch = master.configEpoch
    hdr.offset = replicationGetSlaveOffset() if nodeIsSlave(myself) else server.master_repl_offset

    if nodeIsMaster(myself) and server.cluster.mf_end:
        hdr.mflags = bytes((CLUSTERMSG_FLAG0_PAUSED, 0, 0))
    return hdr


def clusterNodeIsInGossipSection(hdr, count, n):
    for g in hdr.data[:count]:
        if g.nodename == n.name:
            return 1
    return 0


def clusterSetGossipEntry(hdr, i, n):
    """Make entry `i`, the next one, that of the node `n`."""
    gossip = clusterMsgDataGossip()
    gossip.nodename = n.name
    gossip.ping_sent = n.ping_sent // 1000
    gossip.pong_received = n.pong_received // 1000
    gossip.ip = n.ip
    gossip.port = n.port
    gossip.cport = n.cport
    gossip.flags = n.flags
    gossip.pport = n.pport
    serverAssert(i == len(hdr.data))
    hdr.data.append(gossip)


def clusterSendPing(link, type_):
    """Send a PING, PONG or MEET with gossip about a few nodes.

    How many: a tenth of all, and at least 3.  Within the two timeouts that a failure report lives, two nodes exchange at
    least 8 packets; with a tenth of the nodes in each, a node in PFAIL is reported by about 80 % of the masters.
    """
    gossipcount = 0
    # The sender and the receiver are not in the gossip.
    freshnodes = dictSize(server.cluster.nodes) - 2
    wanted = dictSize(server.cluster.nodes) // 10
    if wanted < 3:
        wanted = 3
    if wanted > freshnodes:
        wanted = freshnodes

    # All nodes in PFAIL are added, so that FAIL is agreed on soon.
    pfail_wanted = server.cluster.stats_pfail_nodes

    if link.node is not None and type_ == CLUSTERMSG_TYPE_PING:
        link.node.ping_sent = mstime()
    hdr = clusterBuildMessageHdr(type_)
    hdr.data = []

    maxiterations = wanted * 3
    while freshnodes > 0 and gossipcount < wanted and maxiterations > 0:
        maxiterations -= 1
        this = dictGetRandomKey(server.cluster.nodes).val

        # The header already describes ourselves.
        if this is server.cluster.myself:
            continue
        # Nodes in PFAIL are added below.
        if this.flags & CLUSTER_NODE_PFAIL:
            continue
        # Skip nodes in handshake, without address, or disconnected without slots.
        if (this.flags & (CLUSTER_NODE_HANDSHAKE | CLUSTER_NODE_NOADDR)
                or (this.link is None and this.numslots == 0)):
            freshnodes -= 1                         # not exact, but it ends the search sooner
            continue
        if clusterNodeIsInGossipSection(hdr, gossipcount, this):
            continue
        clusterSetGossipEntry(hdr, gossipcount, this)
        freshnodes -= 1
        gossipcount += 1

    if pfail_wanted:
        for node in cluster_nodes():
            if pfail_wanted <= 0:
                break
            if node.flags & CLUSTER_NODE_HANDSHAKE:
                continue
            if node.flags & CLUSTER_NODE_NOADDR:
                continue
            if not node.flags & CLUSTER_NODE_PFAIL:
                continue
            clusterSetGossipEntry(hdr, gossipcount, node)
            freshnodes -= 1
            gossipcount += 1
            pfail_wanted -= 1

    clusterSendMessage(link, clusterMsg_pack(hdr))


CLUSTER_BROADCAST_ALL = 0
CLUSTER_BROADCAST_LOCAL_SLAVES = 1  # the slaves of our master, or ours


def clusterBroadcastPong(target):
    """Send a PONG without a PING, to announce a change of ours at once (CLUSTER_BROADCAST_*)."""
    myself = server.cluster.myself
    for node in cluster_nodes():
        if node.link is None:
            continue
        if node is myself or nodeInHandshake(node):
            continue
        if target == CLUSTER_BROADCAST_LOCAL_SLAVES:
            local_slave = (nodeIsSlave(node) and node.slaveof is not None
                           and (node.slaveof is myself or node.slaveof is myself.slaveof))
            if not local_slave:
                continue
        clusterSendPing(node.link, CLUSTERMSG_TYPE_PONG)


def clusterSendPublish(link, channel, message):
    """Send a message of PUBLISH; to all nodes if `link` is None."""
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_PUBLISH)
    hdr.data = clusterMsgDataPublish()
    hdr.data.channel = bytes(getDecodedObject(channel).ptr)
    hdr.data.message = bytes(getDecodedObject(message).ptr)
    payload = clusterMsg_pack(hdr)
    if link is not None:
        clusterSendMessage(link, payload)
    else:
        clusterBroadcastMessage(payload)


def clusterSendFail(nodename):
    """Tell all nodes that this one is FAIL."""
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_FAIL)
    hdr.data = clusterMsgDataFail()
    hdr.data.nodename = nodename
    clusterBroadcastMessage(clusterMsg_pack(hdr))


def clusterSendUpdate(link, node):
    """Send the slots and the epoch of `node`; `link` may be None."""
    if link is None:
        return
    hdr = clusterBuildMessageHdr(CLUSTERMSG_TYPE_UPDATE)
    hdr.data = clusterMsgDataUpdate()
    hdr.data.nodename = node.name
    hdr.data.configEpoch = node.configEpoch
    hdr.data.slots = bytes(node.slots)
    clusterSendMessage(link, clusterMsg_pack(hdr))


# -----------------------------------------------------------------------------
# CLUSTER Pub/Sub support
# -----------------------------------------------------------------------------

def clusterPropagatePublish(channel, message):
    """Send a message to all nodes, whether or not they have subscribers."""
    clusterSendPublish(None, channel, message)
