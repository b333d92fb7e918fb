"""cluster_command.py - CLUSTER, ASKING, READONLY, READWRITE, redirections.    Mirrors src/cluster.c (6.2.14)

Lives here   clusterCommand, one function per subcommand; getNodeByQuery and the redirections.
Called from  the command table [command]; processCommand, Lua's redis.call (getNodeByQuery); clientsCronHandleTimeout.
Calls out    cluster, cluster_bus, cluster_failover; the map from slots to keys in db.py.
State        server.cluster; CLIENT_ASKING, CLIENT_READONLY of a client.
Departures   D-90: GETKEYSINSLOT lists keys in the order of their arrival.  D-92: SLOTS and INFO walk no slots.
"""
import errno
import os

from ae.monotonic import mstime
from cluster import cluster
from cluster.cluster import (
    bitmap_runs, clusterAddSlot, clusterBlacklistAddNode, clusterBumpConfigEpochWithoutConsensus, clusterDelNode, clusterDelNodeSlots,
    clusterDelSlot, clusterGenNodeDescription, clusterGenNodesDescription, clusterLookupNode,
    clusterNodeFailureReportsCount, clusterReset, clusterSaveConfig, clusterSetMaster, cluster_nodes, keyHashSlot,
)
from cluster.cluster_bus import (
    CLUSTER_BROADCAST_ALL, clusterBroadcastPong, clusterStartHandshake,
)
from cluster.cluster_failover import (
    clusterDoBeforeSleep, clusterFailoverReplaceYourMaster, clusterSendMFStart, resetManualFailover,
)
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_COUNT, CLUSTERMSG_TYPE_FAIL, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK,
    CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_MEET, CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_MODULE,
    CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_PUBLISH, CLUSTERMSG_TYPE_UPDATE, CLUSTER_FAIL,
    CLUSTER_MF_TIMEOUT, CLUSTER_MODULE_FLAG_NO_REDIRECTION, CLUSTER_OK, CLUSTER_PORT_INCR,
    CLUSTER_REDIR_ASK, CLUSTER_REDIR_CROSS_SLOT, CLUSTER_REDIR_DOWN_RO_STATE, CLUSTER_REDIR_DOWN_STATE,
    CLUSTER_REDIR_DOWN_UNBOUND, CLUSTER_REDIR_MOVED, CLUSTER_REDIR_NONE, CLUSTER_REDIR_UNSTABLE, CLUSTER_SLOTS,
    CLUSTER_TODO_SAVE_CONFIG, CLUSTER_TODO_UPDATE_STATE, nodeFailed, nodeIsMaster, nodeIsSlave, nodeTimedOut,
)
from cluster.cluster_migrate import migrateCommand
from datastructs.dict import dictGetIterator, dictNext, dictReleaseIterator, dictSize
from server.client.connection import CONN_TYPE_TLS, connGetType
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulk, addReplyBulkCBuffer, addReplyBulkCString, addReplyError,
    addReplyErrorFormat, addReplyErrorObject, addReplyErrorSds, addReplyHelp, addReplyLongLong, addReplyProto, addReplySds,
    addReplySubcommandSyntaxError, addReplyVerbatim,
)
from server.keyspace.db import countKeysInSlot, getKeysInSlot, lookupKeyRead
from server.keyspace.db_getkeys import getKeysFromCommand
from server.log import serverAssertWithInfo, serverLog, serverPanic
from server.object import equalStringObjects, getLongLongFromObject, getLongLongFromObjectOrReply
from server.server_h import (
    BLOCKED_LIST, BLOCKED_MODULE, BLOCKED_STREAM, BLOCKED_ZSET, C_OK, CLIENT_ASKING, CLIENT_BLOCKED, CLIENT_MULTI,
    CLIENT_READONLY, CMD_ASKING, CMD_WRITE, LL_WARNING, multiCmd, server, shared,
)
from server.session.multi import execCommand


# -----------------------------------------------------------------------------
# CLUSTER command
# -----------------------------------------------------------------------------

_message_type_names = {
    CLUSTERMSG_TYPE_PING: b"ping",
    CLUSTERMSG_TYPE_PONG: b"pong",
    CLUSTERMSG_TYPE_MEET: b"meet",
    CLUSTERMSG_TYPE_FAIL: b"fail",
    CLUSTERMSG_TYPE_PUBLISH: b"publish",
    CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST: b"auth-req",
    CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK: b"auth-ack",
    CLUSTERMSG_TYPE_UPDATE: b"update",
    CLUSTERMSG_TYPE_MFSTART: b"mfstart",
    CLUSTERMSG_TYPE_MODULE: b"module",
}


def clusterGetMessageTypeString(type_):
    return _message_type_names.get(type_, b"unknown")


def getSlotOrReply(c, o):
    """Return the slot that an argument names, or -1 after an error reply."""
    ok, slot = getLongLongFromObject(o)
    if ok != C_OK or slot < 0 or slot >= CLUSTER_SLOTS:
        addReplyError(c, b"Invalid or out of range slot")
        return -1
    return slot


def client_uses_pport(c):
    """Tell whether ports for plain clients are to be shown -> True or False: the cluster talks TLS, this client does not."""
    return server.tls_cluster and c.conn is not None and connGetType(c.conn) != CONN_TYPE_TLS


def addNodeReplyForClusterSlot_node(node, use_pport):
    """Return [ip, port, id] of a node as RESP."""
    port = node.pport if use_pport and node.pport else node.port
    return b"*3\r\n$%d\r\n%s\r\n:%d\r\n$%d\r\n%s\r\n" % (len(node.ip), node.ip, port, len(node.name), node.name)


def addNodeReplyForClusterSlot(node, start_slot, end_slot, use_pport, parts):
    """Return one range of CLUSTER SLOTS as RESP: first and last slot, the master, its replicas that are not FAIL.

    `parts` keeps what was built for a node: a badly fragmented map has 16384 ranges of a few nodes.
    """
    part = parts.get(node)
    if part is None:
        entries = [addNodeReplyForClusterSlot_node(node, use_pport)]
        for slave in node.slaves:
            if nodeFailed(slave):
                continue
            entries.append(addNodeReplyForClusterSlot_node(slave, use_pport))
        part = parts[node] = (2 + len(entries), b"".join(entries))
    return b"*%d\r\n:%d\r\n:%d\r\n%s" % (part[0], start_slot, end_slot, part[1])


def clusterReplyMultiBulkSlots(c):
    """CLUSTER SLOTS -> array of [first slot, last slot, [ip, port, id] of the master, of each replica ...]"""
    use_pport = client_uses_pport(c)
    parts = {}
    # C: walks the slots.  All runs begin with different slots, so the sort never compares nodes.
    runs = sorted([(start, end, n) for n in cluster_nodes() if n.numslots for start, end in bitmap_runs(n.slots)])
    addReplyArrayLen(c, len(runs))
    addReplyProto(c, b"".join([addNodeReplyForClusterSlot(n, start, end, use_pport, parts) for start, end, n in runs]))


clusterCommand_help_text = (
    b"ADDSLOTS <slot> [<slot> ...]",
    b"    Assign slots to current node.",
    b"BUMPEPOCH",
    b"    Advance the cluster config epoch.",
    b"COUNT-FAILURE-REPORTS <node-id>",
    b"    Return number of failure reports for <node-id>.",
    b"COUNTKEYSINSLOT <slot>",
    b"    Return the number of keys in <slot>.",
    b"DELSLOTS <slot> [<slot> ...]",
    b"    Delete slots information from current node.",
    b"FAILOVER [FORCE|TAKEOVER]",
    b"    Promote current replica node to being a master.",
    b"FORGET <node-id>",
    b"    Remove a node from the cluster.",
    b"GETKEYSINSLOT <slot> <count>",
    b"    Return key names stored by current node in a slot.",
    b"FLUSHSLOTS",
    b"    Delete current node own slots information.",
    b"INFO",
    b"    Return information about the cluster.",
    b"KEYSLOT <key>",
    b"    Return the hash slot for <key>.",
    b"MEET <ip> <port> [<bus-port>]",
    b"    Connect nodes into a working cluster.",
    b"MYID",
    b"    Return the node id.",
    b"NODES",
    b"    Return cluster configuration seen by node. Output format:",
    b"    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
    b"REPLICATE <node-id>",
    b"    Configure current node as replica to <node-id>.",
    b"RESET [HARD|SOFT]",
    b"    Reset current node (default: soft).",
    b"SET-CONFIG-EPOCH <epoch>",
    b"    Set config epoch of current node.",
    b"SETSLOT <slot> (IMPORTING|MIGRATING|STABLE|NODE <node-id>)",
    b"    Set slot state.",
    b"REPLICAS <node-id>",
    b"    Return <node-id> replicas.",
    b"SAVECONFIG",
    b"    Force saving cluster configuration on disk.",
    b"SLOTS",
    b"    Return information about slots range mappings. Each range is made of:",
    b"    start, end, master and replicas IP addresses, ports and ids",
)


def clusterCommand_help(c):
    """CLUSTER HELP -> array of lines"""
    addReplyHelp(c, clusterCommand_help_text)


def clusterCommand_meet(c):
    """CLUSTER MEET ip port [bus-port] -> OK; whether the node answers shows later"""
    ok, port = getLongLongFromObject(c.argv[3])
    if ok != C_OK:
        addReplyErrorFormat(c, b"Invalid TCP base port specified: %s", c.argv[3].ptr)
        return
    if c.argc == 5:
        ok, cport = getLongLongFromObject(c.argv[4])
        if ok != C_OK:
            addReplyErrorFormat(c, b"Invalid TCP bus port specified: %s", c.argv[4].ptr)
            return
    else:
        cport = port + CLUSTER_PORT_INCR

    started, err = clusterStartHandshake(c.argv[2].ptr, port, cport)
    if not started and err == errno.EINVAL:
        addReplyErrorFormat(c, b"Invalid node address specified: %s:%s", c.argv[2].ptr, c.argv[3].ptr)
    else:
        addReply(c, shared.ok)


def clusterCommand_nodes(c):
    """CLUSTER NODES -> text, a line a node"""
    addReplyVerbatim(c, clusterGenNodesDescription(0, client_uses_pport(c)), b"txt")


def clusterCommand_myid(c):
    """CLUSTER MYID -> bulk"""
    addReplyBulkCBuffer(c, server.cluster.myself.name)


def clusterCommand_flushslots(c):
    """CLUSTER FLUSHSLOTS -> OK"""
    if dictSize(server.db[0].dict) != 0:
        addReplyError(c, b"DB must be empty to perform CLUSTER FLUSHSLOTS.")
        return
    clusterDelNodeSlots(server.cluster.myself)
    clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)
    addReply(c, shared.ok)


def clusterCommand_addslots(c):
    """CLUSTER ADDSLOTS | DELSLOTS slot [slot ...] -> OK; all or nothing"""
    del_ = c.argv[1].ptr.lower() == b"delslots"
    slots = set()
    for j in range(2, c.argc):
        slot = getSlotOrReply(c, c.argv[j])
        if slot == -1:
            return
        if del_ and server.cluster.slots[slot] is None:
            addReplyErrorFormat(c, b"Slot %d is already unassigned", slot)
            return
        if not del_ and server.cluster.slots[slot] is not None:
            addReplyErrorFormat(c, b"Slot %d is already busy", slot)
            return
        if slot in slots:
            addReplyErrorFormat(c, b"Slot %d specified multiple times", slot)
            return
        slots.add(slot)

    for j in sorted(slots):
        # A node does not import a slot that it owns.
        if server.cluster.importing_slots_from[j] is not None:
            server.cluster.importing_slots_from[j] = None
        retval = clusterDelSlot(j) if del_ else clusterAddSlot(server.cluster.myself, j)
        serverAssertWithInfo(c, None, retval == C_OK)
    clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)
    addReply(c, shared.ok)


def clusterCommand_setslot(c):
    """CLUSTER SETSLOT slot MIGRATING id | IMPORTING id | STABLE | NODE id -> OK"""
    myself = server.cluster.myself
    if nodeIsSlave(myself):
        addReplyError(c, b"Please use SETSLOT only with masters.")
        return
    slot = getSlotOrReply(c, c.argv[2])
    if slot == -1:
        return

    action = c.argv[3].ptr.lower()
    if action == b"migrating" and c.argc == 5:
        if server.cluster.slots[slot] is not myself:
            addReplyErrorFormat(c, b"I'm not the owner of hash slot %d", slot)
            return
        n = clusterLookupNode(c.argv[4].ptr)
        if n is None:
            addReplyErrorFormat(c, b"I don't know about node %s", c.argv[4].ptr)
            return
        server.cluster.migrating_slots_to[slot] = n
    elif action == b"importing" and c.argc == 5:
        if server.cluster.slots[slot] is myself:
            addReplyErrorFormat(c, b"I'm already the owner of hash slot %d", slot)
            return
        n = clusterLookupNode(c.argv[4].ptr)
        if n is None:
            addReplyErrorFormat(c, b"I don't know about node %s", c.argv[4].ptr)
            return
        server.cluster.importing_slots_from[slot] = n
    elif action == b"stable" and c.argc == 4:
        server.cluster.importing_slots_from[slot] = None
        server.cluster.migrating_slots_to[slot] = None
    elif action == b"node" and c.argc == 5:
        n = clusterLookupNode(c.argv[4].ptr)
        if n is None:
            addReplyErrorFormat(c, b"Unknown node %s", c.argv[4].ptr)
            return
        if not clusterCommand_setslot_node(c, slot, n):
            return
    else:
        addReplyError(c, b"Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
        return
    clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)
    addReply(c, shared.ok)


def clusterCommand_setslot_node(c, slot, n):
    """SETSLOT slot NODE id: the end of a migration -> 1, or 0 after an error reply."""
    myself = server.cluster.myself
    # Keys of the slot that we still have would be lost.
    if server.cluster.slots[slot] is myself and n is not myself:
        if countKeysInSlot(slot) != 0:
            addReplyErrorFormat(c, b"Can't assign hashslot %d to a different node while I still hold keys for this "
                                   b"hash slot.", slot)
            return 0
    # The last key has been moved: the slot is no longer migrating.
    if countKeysInSlot(slot) == 0 and server.cluster.migrating_slots_to[slot] is not None:
        server.cluster.migrating_slots_to[slot] = None

    clusterDelSlot(slot)
    clusterAddSlot(n, slot)

    if n is myself and server.cluster.importing_slots_from[slot] is not None:
        # Take a new epoch, or the others would not accept us as the owner.  It is taken without consensus, since a reshard closes
        # many slots; if another node takes the same one, the collision is resolved later.
        if clusterBumpConfigEpochWithoutConsensus() == C_OK:
            serverLog(LL_WARNING, "configEpoch updated after importing slot %d", slot)
        server.cluster.importing_slots_from[slot] = None
        clusterBroadcastPong(CLUSTER_BROADCAST_ALL)
    return 1


def clusterCommand_bumpepoch(c):
    """CLUSTER BUMPEPOCH -> BUMPED epoch | STILL epoch"""
    retval = clusterBumpConfigEpochWithoutConsensus()
    addReplySds(c, b"+%s %d\r\n" % (b"BUMPED" if retval == C_OK else b"STILL", server.cluster.myself.configEpoch))


def clusterCommand_info(c):
    """CLUSTER INFO -> text, name:value lines"""
    myself = server.cluster.myself
    statestr = (b"ok", b"fail", b"needhelp")
    slots_assigned = slots_ok = slots_pfail = slots_fail = 0
    # C: counts slot by slot.
    for n in cluster_nodes():
        slots_assigned += n.numslots
        if nodeFailed(n):
            slots_fail += n.numslots
        elif nodeTimedOut(n):
            slots_pfail += n.numslots
        else:
            slots_ok += n.numslots

    myepoch = (myself.slaveof.configEpoch if nodeIsSlave(myself) and myself.slaveof is not None else myself.configEpoch)

    info = [b"cluster_state:%s\r\n"
            b"cluster_slots_assigned:%d\r\n"
            b"cluster_slots_ok:%d\r\n"
            b"cluster_slots_pfail:%d\r\n"
            b"cluster_slots_fail:%d\r\n"
            b"cluster_known_nodes:%d\r\n"
            b"cluster_size:%d\r\n"
            b"cluster_current_epoch:%d\r\n"
            b"cluster_my_epoch:%d\r\n" % (
                statestr[server.cluster.state], slots_assigned, slots_ok, slots_pfail, slots_fail,
                dictSize(server.cluster.nodes), server.cluster.size, server.cluster.currentEpoch, myepoch)]

    for direction, stats in ((b"sent", server.cluster.stats_bus_messages_sent),
                             (b"received", server.cluster.stats_bus_messages_received)):
        total = 0
        for i in range(CLUSTERMSG_TYPE_COUNT):
            if stats[i] == 0:
                continue
            total += stats[i]
            info.append(b"cluster_stats_messages_%s_%s:%d\r\n" % (clusterGetMessageTypeString(i), direction, stats[i]))
        info.append(b"cluster_stats_messages_%s:%d\r\n" % (direction, total))
    addReplyVerbatim(c, b"".join(info), b"txt")


def clusterCommand_saveconfig(c):
    """CLUSTER SAVECONFIG -> OK"""
    if clusterSaveConfig(1) == 0:
        addReply(c, shared.ok)
    else:
        addReplyErrorFormat(c, b"error saving the cluster node config: %s", os.strerror(cluster._clusterSaveConfig_errno))


def clusterCommand_keyslot(c):
    """CLUSTER KEYSLOT key -> int"""
    addReplyLongLong(c, keyHashSlot(c.argv[2].ptr))


def clusterCommand_countkeysinslot(c):
    """CLUSTER COUNTKEYSINSLOT slot -> int"""
    ok, slot = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    if slot < 0 or slot >= CLUSTER_SLOTS:
        addReplyError(c, b"Invalid slot")
        return
    addReplyLongLong(c, countKeysInSlot(slot))


def clusterCommand_getkeysinslot(c):
    """CLUSTER GETKEYSINSLOT slot count -> array of keys"""
    ok, slot = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    ok, maxkeys = getLongLongFromObjectOrReply(c, c.argv[3])
    if ok != C_OK:
        return
    if slot < 0 or slot >= CLUSTER_SLOTS or maxkeys < 0:
        addReplyError(c, b"Invalid slot or number of keys")
        return
    keys = getKeysInSlot(slot, maxkeys)
    addReplyArrayLen(c, len(keys))
    for key in keys:
        addReplyBulk(c, key)


def clusterCommand_lookup_or_reply(c):
    """Return the node whose id is the third argument, or None after an error reply."""
    n = clusterLookupNode(c.argv[2].ptr)
    if n is None:
        addReplyErrorFormat(c, b"Unknown node %s", c.argv[2].ptr)
    return n


def clusterCommand_forget(c):
    """CLUSTER FORGET id -> OK; it is not added again for a minute"""
    myself = server.cluster.myself
    n = clusterCommand_lookup_or_reply(c)
    if n is None:
        return
    if n is myself:
        addReplyError(c, b"I tried hard but I can't forget myself...")
        return
    if nodeIsSlave(myself) and myself.slaveof is n:
        addReplyError(c, b"Can't forget my master!")
        return
    clusterBlacklistAddNode(n)
    clusterDelNode(n)
    clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)
    addReply(c, shared.ok)


def clusterCommand_replicate(c):
    """CLUSTER REPLICATE id -> OK"""
    myself = server.cluster.myself
    n = clusterCommand_lookup_or_reply(c)
    if n is None:
        return
    if n is myself:
        addReplyError(c, b"Can't replicate myself")
        return
    if nodeIsSlave(n):
        addReplyError(c, b"I can only replicate a master, not a replica.")
        return
    # A slave may always change its master.  C: an assertion fails for a slave with slots (from ADDSLOTS).
    if myself.numslots != 0 or (nodeIsMaster(myself) and dictSize(server.db[0].dict) != 0):
        addReplyError(c, b"To set a master the node must be empty and without assigned slots.")
        return
    clusterSetMaster(n)
    clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)
    addReply(c, shared.ok)


def clusterCommand_replicas(c):
    """CLUSTER REPLICAS | SLAVES id -> array of lines as in CLUSTER NODES"""
    n = clusterCommand_lookup_or_reply(c)
    if n is None:
        return
    if nodeIsSlave(n):
        addReplyError(c, b"The specified node is not a master")
        return
    use_pport = client_uses_pport(c)
    addReplyArrayLen(c, n.numslaves)
    for slave in n.slaves:
        addReplyBulkCString(c, clusterGenNodeDescription(slave, use_pport))


def clusterCommand_count_failure_reports(c):
    """CLUSTER COUNT-FAILURE-REPORTS id -> int"""
    n = clusterCommand_lookup_or_reply(c)
    if n is not None:
        addReplyLongLong(c, clusterNodeFailureReportsCount(n))


def clusterCommand_failover(c):
    """CLUSTER FAILOVER [FORCE | TAKEOVER] -> OK, when it has begun"""
    myself = server.cluster.myself
    force = takeover = 0
    if c.argc == 3:
        opt = c.argv[2].ptr.lower()
        if opt == b"force":
            force = 1
        elif opt == b"takeover":
            takeover = 1
            force = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return

    if nodeIsMaster(myself):
        addReplyError(c, b"You should send CLUSTER FAILOVER to a replica")
        return
    if myself.slaveof is None:
        addReplyError(c, b"I'm a replica but my master is unknown to me")
        return
    if not force and (nodeFailed(myself.slaveof) or myself.slaveof.link is None):
        addReplyError(c, b"Master is down or failed, please use CLUSTER FAILOVER FORCE")
        return
    resetManualFailover()
    server.cluster.mf_end = mstime() + CLUSTER_MF_TIMEOUT

    if takeover:
        # TAKEOVER needs no votes: take a new epoch and the master's slots, and inform all nodes.
        serverLog(LL_WARNING, "Taking over the master (user request).")
        clusterBumpConfigEpochWithoutConsensus()
        clusterFailoverReplaceYourMaster()
    elif force:
        # FORCE does not ask the master for its offset, but the masters still vote.
        serverLog(LL_WARNING, "Forced failover user request accepted.")
        server.cluster.mf_can_start = 1
    else:
        serverLog(LL_WARNING, "Manual failover user request accepted.")
        clusterSendMFStart(myself.slaveof)
    addReply(c, shared.ok)


def clusterCommand_set_config_epoch(c):
    """CLUSTER SET-CONFIG-EPOCH epoch -> OK; only for a node without other nodes and with epoch 0

    Who makes a cluster gives each node its own epoch, and so spares them the collisions, which take long to resolve.
    """
    myself = server.cluster.myself
    ok, epoch = getLongLongFromObjectOrReply(c, c.argv[2])
    if ok != C_OK:
        return
    if epoch < 0:
        addReplyErrorFormat(c, b"Invalid config epoch specified: %d", epoch)
    elif dictSize(server.cluster.nodes) > 1:
        addReplyError(c, b"The user can assign a config epoch only when the node does not know any other node.")
    elif myself.configEpoch != 0:
        addReplyError(c, b"Node config epoch is already non-zero")
    else:
        myself.configEpoch = epoch
        serverLog(LL_WARNING, "configEpoch set to %d via CLUSTER SET-CONFIG-EPOCH", myself.configEpoch)
        if server.cluster.currentEpoch < epoch:
            server.cluster.currentEpoch = epoch
        # No fsync: if the epoch is lost, the collision is resolved like any other.
        clusterDoBeforeSleep(CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_SAVE_CONFIG)
        addReply(c, shared.ok)


def clusterCommand_reset(c):
    """CLUSTER RESET [HARD | SOFT] -> OK"""
    hard = 0
    if c.argc == 3:
        opt = c.argv[2].ptr.lower()
        if opt == b"hard":
            hard = 1
        elif opt != b"soft":
            addReplyErrorObject(c, shared.syntaxerr)
            return

    # A slave can be flushed, since its master has the data; a master's data would be lost.
    if nodeIsMaster(server.cluster.myself) and dictSize(c.db.dict) != 0:
        addReplyError(c, b"CLUSTER RESET can't be called with master nodes containing keys")
        return
    clusterReset(hard)
    addReply(c, shared.ok)


#: subcommand -> (function, least argc, greatest argc; 0 = any).  C: one chain of else-ifs, with these conditions.
clusterCommand_table = {
    b"help": (clusterCommand_help, 2, 2),
    b"meet": (clusterCommand_meet, 4, 5),
    b"nodes": (clusterCommand_nodes, 2, 2),
    b"myid": (clusterCommand_myid, 2, 2),
    b"slots": (clusterReplyMultiBulkSlots, 2, 2),
    b"flushslots": (clusterCommand_flushslots, 2, 2),
    b"addslots": (clusterCommand_addslots, 3, 0),
    b"delslots": (clusterCommand_addslots, 3, 0),
    b"setslot": (clusterCommand_setslot, 4, 0),
    b"bumpepoch": (clusterCommand_bumpepoch, 2, 2),
    b"info": (clusterCommand_info, 2, 2),
    b"saveconfig": (clusterCommand_saveconfig, 2, 2),
    b"keyslot": (clusterCommand_keyslot, 3, 3),
    b"countkeysinslot": (clusterCommand_countkeysinslot, 3, 3),
    b"getkeysinslot": (clusterCommand_getkeysinslot, 4, 4),
    b"forget": (clusterCommand_forget, 3, 3),
    b"replicate": (clusterCommand_replicate, 3, 3),
    b"slaves": (clusterCommand_replicas, 3, 3),
    b"replicas": (clusterCommand_replicas, 3, 3),
    b"count-failure-reports": (clusterCommand_count_failure_reports, 3, 3),
    b"failover": (clusterCommand_failover, 2, 3),
    b"set-config-epoch": (clusterCommand_set_config_epoch, 3, 3),
    b"reset": (clusterCommand_reset, 2, 3),
}


def clusterCommand(c):
    """CLUSTER subcommand [arg ...]   [admin, random, ok-stale]"""
    if server.cluster_enabled == 0:
        addReplyError(c, b"This instance has cluster support disabled")
        return
    function, least, most = clusterCommand_table.get(c.argv[1].ptr.lower(), (None, 0, 0))
    if function is None or c.argc < least or (most and c.argc > most):
        addReplySubcommandSyntaxError(c)
        return
    function(c)


# -----------------------------------------------------------------------------
# Cluster functions related to serving / redirecting clients
# -----------------------------------------------------------------------------

def askingCommand(c):
    """ASKING -> OK; the next command may use a slot that we import   [fast]"""
    if server.cluster_enabled == 0:
        addReplyError(c, b"This instance has cluster support disabled")
        return
    c.flags |= CLIENT_ASKING
    addReply(c, shared.ok)


def readonlyCommand(c):
    """READONLY -> OK; a replica serves reads to this client   [fast]"""
    if server.cluster_enabled == 0:
        addReplyError(c, b"This instance has cluster support disabled")
        return
    c.flags |= CLIENT_READONLY
    addReply(c, shared.ok)


def readwriteCommand(c):
    """READWRITE -> OK; the end of READONLY, outside cluster mode too   [fast]"""
    c.flags &= ~CLIENT_READONLY
    addReply(c, shared.ok)


def getNodeByQuery(c, cmd, argv, argc):
    """Find the node that serves a command -> (clusterNode, slot, CLUSTER_REDIR_*).  HOT

    Node is myself: serve it, the code is NONE.  Another node: send the client there, by ASK or MOVED.  None: the code is
    an error: CROSS_SLOT (keys of several slots), UNSTABLE (several keys of a slot on its way, and some are missing),
    DOWN_UNBOUND (the slot has no owner), DOWN_STATE, DOWN_RO_STATE (the cluster fails).  The slot counts only where
    there is a node.
    """
    srv_cluster = server.cluster
    myself = srv_cluster.myself
    n = None
    firstkey = None
    multiple_keys = 0
    slot = migrating_slot = importing_slot = missing_keys = 0

    if server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_REDIRECTION:
        return myself, 0, CLUSTER_REDIR_NONE

    # Check every command as if it were EXEC: the queued commands, or only this one.
    if cmd.proc is execCommand:
        if not c.flags & CLIENT_MULTI:
            return myself, 0, CLUSTER_REDIR_NONE    # EXEC will only return an error
        commands = c.mstate.commands
    else:
        mc = multiCmd()
        mc.argv = argv
        mc.argc = argc
        mc.cmd = cmd
        commands = (mc,)

    # All keys must be in one slot.
    for mc in commands:
        margv = mc.argv
        for index in getKeysFromCommand(mc.cmd, margv, mc.argc):
            thiskey = margv[index]
            thisslot = keyHashSlot(thiskey.ptr)

            if firstkey is None:
                firstkey = thiskey
                slot = thisslot
                n = srv_cluster.slots[slot]
                # The cluster state will change to fail because of this, but has not been updated yet.
                if n is None:
                    return None, 0, CLUSTER_REDIR_DOWN_UNBOUND
                # The slot is migrating or importing: the command is served only if all keys are here.
                if n is myself and srv_cluster.migrating_slots_to[slot] is not None:
                    migrating_slot = 1
                elif srv_cluster.importing_slots_from[slot] is not None:
                    importing_slot = 1
            elif not equalStringObjects(firstkey, thiskey):
                if slot != thisslot:
                    return None, 0, CLUSTER_REDIR_CROSS_SLOT
                multiple_keys = 1

            if (migrating_slot or importing_slot) and lookupKeyRead(server.db[0], thiskey) is None:
                missing_keys += 1

    # Without keys any node can serve the command.
    if n is None:
        return myself, slot, CLUSTER_REDIR_NONE

    if srv_cluster.state != CLUSTER_OK:
        if not server.cluster_allow_reads_when_down:
            return None, 0, CLUSTER_REDIR_DOWN_STATE
        if cmd.flags & CMD_WRITE:
            return None, 0, CLUSTER_REDIR_DOWN_RO_STATE

    # MIGRATE works on an open slot whether the keys are here or not.
    if (migrating_slot or importing_slot) and cmd.proc is migrateCommand:
        return myself, slot, CLUSTER_REDIR_NONE

    if migrating_slot and missing_keys:
        return srv_cluster.migrating_slots_to[slot], slot, CLUSTER_REDIR_ASK

    # The client was redirected here by ASK.  If only some of the keys are here, it must try again when all are.
    if importing_slot and (c.flags & CLIENT_ASKING or cmd.flags & CMD_ASKING):
        if multiple_keys and missing_keys:
            return None, slot, CLUSTER_REDIR_UNSTABLE
        return myself, slot, CLUSTER_REDIR_NONE

    # A replica serves the read commands of clients that sent READONLY.
    is_write_command = (c.cmd.flags & CMD_WRITE
                        or (c.cmd.proc is execCommand and c.mstate.cmd_flags & CMD_WRITE))
    if c.flags & CLIENT_READONLY and not is_write_command and nodeIsSlave(myself) and myself.slaveof is n:
        return myself, slot, CLUSTER_REDIR_NONE

    return n, slot, CLUSTER_REDIR_NONE if n is myself else CLUSTER_REDIR_MOVED


def clusterRedirectClient(c, n, hashslot, error_code):
    """Send the error that getNodeByQuery has found; `n` and `hashslot` count for ASK and MOVED."""
    if error_code == CLUSTER_REDIR_CROSS_SLOT:
        addReplyError(c, b"-CROSSSLOT Keys in request don't hash to the same slot")
    elif error_code == CLUSTER_REDIR_UNSTABLE:
        addReplyError(c, b"-TRYAGAIN Multiple keys request during rehashing of slot")
    elif error_code == CLUSTER_REDIR_DOWN_STATE:
        addReplyError(c, b"-CLUSTERDOWN The cluster is down")
    elif error_code == CLUSTER_REDIR_DOWN_RO_STATE:
        addReplyError(c, b"-CLUSTERDOWN The cluster is down and only accepts read commands")
    elif error_code == CLUSTER_REDIR_DOWN_UNBOUND:
        addReplyError(c, b"-CLUSTERDOWN Hash slot not served")
    elif error_code in (CLUSTER_REDIR_MOVED, CLUSTER_REDIR_ASK):
        port = n.pport if client_uses_pport(c) and n.pport else n.port
        addReplyErrorSds(c, b"-%s %d %s:%d" % (b"ASK" if error_code == CLUSTER_REDIR_ASK else b"MOVED", hashslot, n.ip,
                                               port))
    else:
        serverPanic("getNodeByQuery() unknown error.")


def clusterRedirectBlockedClientIfNeeded(c):
    """Redirect a blocked client whose key is in a slot that has moved to another node -> 1 if it must be unblocked, else 0.

    Without this it would wait for a write that never comes.
    """
    myself = server.cluster.myself
    if not c.flags & CLIENT_BLOCKED or c.btype not in (BLOCKED_LIST, BLOCKED_ZSET, BLOCKED_STREAM, BLOCKED_MODULE):
        return 0

    # Reads may be allowed while the cluster is down, but a write is needed to unblock the client.
    if server.cluster.state == CLUSTER_FAIL:
        clusterRedirectClient(c, None, 0, CLUSTER_REDIR_DOWN_STATE)
        return 1

    # All its keys are in one slot, so check the first one.
    di = dictGetIterator(c.bpop.keys)
    de = dictNext(di)
    if de is not None:
        slot = keyHashSlot(de.key.ptr)
        node = server.cluster.slots[slot]

        # The client reads, and we are a replica of the slot's owner.
        if (c.flags & CLIENT_READONLY and not c.lastcmd.flags & CMD_WRITE and nodeIsSlave(myself)
                and myself.slaveof is node):
            node = myself

        if node is not myself and server.cluster.importing_slots_from[slot] is None:
            if node is None:
                clusterRedirectClient(c, None, 0, CLUSTER_REDIR_DOWN_UNBOUND)
            else:
                clusterRedirectClient(c, node, slot, CLUSTER_REDIR_MOVED)
            dictReleaseIterator(di)
            return 1
    dictReleaseIterator(di)
    return 0
