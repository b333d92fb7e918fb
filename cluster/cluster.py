"""cluster.py - this node's view of the cluster: nodes, slots, state, nodes.conf.    Mirrors src/cluster.c (6.2.14)

Lives here   the start (clusterInit) and nodes.conf; clusterReset; keyHashSlot; the table of nodes with their slaves and
             failure reports; config epochs; the blacklist; the table of slots; the state of the cluster; nodes as text.
Parts        cluster_bus.py (links, packets, gossip), cluster_failover.py (elections, manual failover, replica migration,
             clusterCron), cluster_command.py (CLUSTER, redirection), cluster_migrate.py (DUMP, RESTORE, MIGRATE).
Called from  initServer, main [startup]; the other parts.
State        server.cluster; _clusterUpdateState_*.
Invariant    slots[j] is n <=> bit j of n.slots; numslots counts its bits; s in m.slaves <=> s.slaveof is m;
             numslaves == len(slaves); node.link.node is node.  server.cluster.myself is one object for the life of the
             process (a hard reset renames it).
Departures   D-92: code that runs often has no loop over 16384 slots where C has one; it uses the bitmaps instead.
             D-91: nodes.conf is refused where an assertion of C would fail.
"""
import errno
import fcntl
import os
import re
import sys
from bisect import bisect_right
from typing import TYPE_CHECKING

from ae.monotonic import mstime
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_COUNT, CLUSTER_CANT_FAILOVER_NONE, CLUSTER_FAIL, CLUSTER_FAIL_REPORT_VALIDITY_MULT, CLUSTER_NAMELEN,
    CLUSTER_NODE_FAIL, CLUSTER_NODE_HANDSHAKE, CLUSTER_NODE_MASTER, CLUSTER_NODE_MIGRATE_TO, CLUSTER_NODE_MYSELF,
    CLUSTER_NODE_NOADDR, CLUSTER_NODE_NOFAILOVER, CLUSTER_NODE_PFAIL, CLUSTER_NODE_SLAVE, CLUSTER_OK, CLUSTER_PORT_INCR,
    CLUSTER_SLOTS, CLUSTER_TODO_FSYNC_CONFIG, CLUSTER_TODO_SAVE_CONFIG, CLUSTER_TODO_UPDATE_STATE, NET_IP_STR_LEN,
    CLUSTER_MODULE_FLAG_NO_REDIRECTION, clusterNode, clusterNodeFailReport, clusterState, nodeIsMaster,
    nodeIsSlave,
)
from datastructs.adlist import (
    listAddNodeTail, listCreate, listDelNode, listIter, listLength, listNext, listRelease, listRewind,
)
from datastructs.crc16 import crc16
from datastructs.dict import (
    DICT_OK, dictAdd, dictAddOrFind, dictCreate, dictDelete, dictFetchValue, dictFind, dictGetSafeIterator, dictNext,
    dictReleaseIterator, dictSize, dict_entries,
)
from datastructs.sds import sdssplitargs
from datastructs.util import atoi, getRandomHexChars, strtoull, ULLONG_MAX
from replication.replication_slave import replicationSetMaster, replicationUnsetMaster
from server.dict_types import clusterNodesBlackListDictType, clusterNodesDictType
from server.keyspace.db import EMPTYDB_NO_FLAGS, countKeysInSlot, emptyDb
from server.log import serverAssert, serverLog, serverPanic
from server.server_h import C_ERR, C_OK, LL_DEBUG, LL_NOTICE, LL_VERBOSE, LL_WARNING, server
from server.server_listen import createSocketAcceptHandler, listenToPort

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_bus import clusterAcceptHandler, clusterSetNodeAsMaster, freeClusterLink
    from cluster.cluster_failover import clusterDoBeforeSleep, resetManualFailover


# -----------------------------------------------------------------------------
# Initialization
# -----------------------------------------------------------------------------


def clusterLoadConfig(filename):
    """Load nodes.conf -> C_OK; C_ERR where there is none, or an empty one (clusterLockConfig makes it).

    Ends the process where the file cannot be read or is damaged.
    """
    try:
        with open(filename, "rb") as fp:
            content = fp.read()
    except OSError as e:
        if e.errno == errno.ENOENT:
            return C_ERR
        serverLog(LL_WARNING, "Loading the cluster node config from %s: %s", filename, os.strerror(e.errno))
        sys.exit(1)
    if not content:
        return C_ERR

    for line in content.split(b"\n"):
        # Skip blank lines: a process that was killed between write and ftruncate leaves them.
        if not line or line[:1] == b"\0":
            continue
        argv = sdssplitargs(line)
        if not argv or not clusterLoadConfig_line(argv):
            clusterLoadConfig_fmterr()
    if server.cluster.myself is None:
        clusterLoadConfig_fmterr()

    serverLog(LL_NOTICE, "Node configuration loaded, I'm %.40s", server.cluster.myself.name)

    # This cannot happen unless the file was edited.
    if clusterGetMaxEpoch() > server.cluster.currentEpoch:
        server.cluster.currentEpoch = clusterGetMaxEpoch()
    return C_OK


def clusterLoadConfig_fmterr():
    serverLog(LL_WARNING, "Unrecoverable error: corrupted cluster config file.")
    sys.exit(1)


def clusterLoadConfig_line(argv):
    """Take over one line of nodes.conf -> 1, or 0 where its format is wrong."""
    # We write this line last, but accept it anywhere.
    if argv[0].lower() == b"vars":
        if not len(argv) % 2:
            return 0
        for name, value in zip(argv[1::2], argv[2::2]):
            if name.lower() == b"currentepoch":
                server.cluster.currentEpoch = strtoull(value)[0]
            elif name.lower() == b"lastvoteepoch":
                server.cluster.lastVoteEpoch = strtoull(value)[0]
            else:
                serverLog(LL_WARNING, "Skipping unknown cluster config variable '%s'", name)
        return 1

    if len(argv) < 8:
        return 0
    n = clusterLoadConfig_node(argv[0])
    if n is None:
        return 0

    # Address and port; old files have no @busport.
    ip, colon, port = argv[1].rpartition(b":")
    if not colon or len(ip) >= NET_IP_STR_LEN:
        return 0
    n.ip = ip
    port, at, busp = port.partition(b"@")
    n.port = atoi(port)
    n.cport = atoi(busp) if at else n.port + CLUSTER_PORT_INCR
    # pport is not saved in the file: it is received over the bus.

    for flag in argv[2].lower().split(b","):
        if flag == b"myself":
            if server.cluster.myself is not None:   # C: an assertion
                return 0
            server.cluster.myself = n
            n.flags |= CLUSTER_NODE_MYSELF
        elif flag == b"master":
            n.flags |= CLUSTER_NODE_MASTER
        elif flag == b"slave":
            n.flags |= CLUSTER_NODE_SLAVE
        elif flag == b"fail?":
            n.flags |= CLUSTER_NODE_PFAIL
        elif flag == b"fail":
            n.flags |= CLUSTER_NODE_FAIL
            n.fail_time = mstime()
        elif flag == b"handshake":
            n.flags |= CLUSTER_NODE_HANDSHAKE
        elif flag == b"noaddr":
            n.flags |= CLUSTER_NODE_NOADDR
        elif flag == b"nofailover":
            n.flags |= CLUSTER_NODE_NOFAILOVER
        elif flag != b"noflags":
            serverPanic("Unknown flag in redis cluster config file")

    if argv[3][:1] != b"-":
        master = clusterLoadConfig_node(argv[3])
        if master is None or (n.slaveof is not None and n.slaveof is not master):
            return 0
        n.slaveof = master
        clusterNodeAddSlave(master, n)

    if atoi(argv[4]):
        n.ping_sent = mstime()
    if atoi(argv[5]):
        n.pong_received = mstime()
    n.configEpoch = strtoull(argv[6])[0]

    for arg in argv[8:]:
        if arg[:1] == b"[":                         # [slot->-id] is migrating, [slot-<-id] is importing
            slot, _, rest = arg[1:].partition(b"-")
            slot = atoi(slot)
            cn = clusterLoadConfig_node(rest[2:].rstrip(b"]"))
            if slot < 0 or slot >= CLUSTER_SLOTS or cn is None:
                return 0
            if rest[:1] == b">":
                server.cluster.migrating_slots_to[slot] = cn
            else:
                server.cluster.importing_slots_from[slot] = cn
            continue
        start, dash, stop = arg.partition(b"-")
        start = atoi(start)
        stop = atoi(stop) if dash else start
        if start < 0 or start >= CLUSTER_SLOTS or stop < 0 or stop >= CLUSTER_SLOTS:
            return 0
        while start <= stop:
            clusterAddSlot(n, start)
            start += 1
    return 1


def clusterLoadConfig_node(name):
    """Return the node of that id, created if it must be; None where it is no id.  C: takes 40 bytes, whatever they are."""
    if len(name) != CLUSTER_NAMELEN:
        return None
    n = clusterLookupNode(name)
    if n is None:
        n = createClusterNode(name, 0)
        clusterAddNode(n)
    return n


#: errno of the last clusterSaveConfig that failed.
_clusterSaveConfig_errno = 0


def clusterSaveConfig(do_fsync):
    """Write nodes.conf, what CLUSTER NODES shows and the epochs -> 0, or -1 with _clusterSaveConfig_errno set.

    ORDER: the file is written in its place, by one write(2), padded with newlines to its old size, and cut off after
    that: a crash leaves the old or the new one.  A rename would leave the lock on the old file, which is not read any more.
    """
    global _clusterSaveConfig_errno
    server.cluster.todo_before_sleep &= ~CLUSTER_TODO_SAVE_CONFIG

    ci = clusterGenNodesDescription(CLUSTER_NODE_HANDSHAKE, 0)
    ci += b"vars currentEpoch %d lastVoteEpoch %d\n" % (server.cluster.currentEpoch, server.cluster.lastVoteEpoch)
    content_size = len(ci)

    fd = -1
    try:
        fd = os.open(server.cluster_configfile, os.O_WRONLY | os.O_CREAT, 0o644)
        ci = ci.ljust(os.fstat(fd).st_size, b"\n")
        if os.write(fd, ci) != len(ci):
            raise OSError(errno.ENOSPC, "short write")
        if do_fsync:
            server.cluster.todo_before_sleep &= ~CLUSTER_TODO_FSYNC_CONFIG
            os.fsync(fd)
        if content_size != len(ci):
            try:
                os.ftruncate(fd, content_size)
            except OSError:
                pass                                # the newlines are ignored when the file is loaded
    except OSError as e:
        _clusterSaveConfig_errno = e.errno
        return -1
    finally:
        if fd != -1:
            os.close(fd)
    return 0


def clusterSaveConfigOrDie(do_fsync):
    """A node that cannot remember its epochs must not go on."""
    if clusterSaveConfig(do_fsync) == -1:
        serverLog(LL_WARNING, "Fatal: can't update cluster config file.")
        sys.exit(1)


def clusterLockConfig(filename):
    """Lock nodes.conf for the life of the process, so that no two nodes use one -> C_OK or C_ERR.

    The descriptor is never closed, but in children (server.cluster_config_file_lock_fd).
    """
    try:
        fd = os.open(filename, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as e:
        serverLog(LL_WARNING, "Can't open %s in order to acquire a lock: %s", filename, os.strerror(e.errno))
        return C_ERR
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        if e.errno == errno.EWOULDBLOCK:
            serverLog(LL_WARNING, "Sorry, the cluster configuration file %s is already used by a different Redis Cluster "
                                  "node. Please make sure that different nodes use different cluster configuration "
                                  "files.", filename)
        else:
            serverLog(LL_WARNING, "Impossible to lock %s: %s", filename, os.strerror(e.errno))
        os.close(fd)
        return C_ERR
    server.cluster_config_file_lock_fd = fd
    return C_OK


def deriveAnnouncedPorts():
    """Return (port, pport, cport) that we tell the others."""
    port = server.tls_port if server.tls_cluster else server.port
    announced_port = port
    announced_pport = server.port if server.tls_cluster else 0
    announced_cport = port + CLUSTER_PORT_INCR
    if server.tls_cluster and server.cluster_announce_tls_port:
        announced_port = server.cluster_announce_tls_port
        announced_pport = server.cluster_announce_port
    elif server.cluster_announce_port:
        announced_port = server.cluster_announce_port
    if server.cluster_announce_bus_port:
        announced_cport = server.cluster_announce_bus_port
    return announced_port, announced_pport, announced_cport


def clusterUpdateMyselfFlags():
    """Let our NOFAILOVER flag follow cluster-replica-no-failover, which CONFIG SET may change."""
    myself = server.cluster.myself
    oldflags = myself.flags
    nofailover = CLUSTER_NODE_NOFAILOVER if server.cluster_slave_no_failover else 0
    myself.flags &= ~CLUSTER_NODE_NOFAILOVER
    myself.flags |= nofailover
    if myself.flags != oldflags:
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE)


def clusterInit():
    """Make server.cluster, lock and load nodes.conf, listen on the bus.  Ends the process where that fails."""
    saveconf = 0
    server.cluster = clusterState()
    server.cluster.nodes = dictCreate(clusterNodesDictType)
    server.cluster.nodes_black_list = dictCreate(clusterNodesBlackListDictType)
    server.cluster.cant_failover_reason = CLUSTER_CANT_FAILOVER_NONE
    for i in range(CLUSTERMSG_TYPE_COUNT):
        server.cluster.stats_bus_messages_sent[i] = 0
        server.cluster.stats_bus_messages_received[i] = 0
    clusterCloseAllSlots()

    server.cluster_config_file_lock_fd = -1
    if clusterLockConfig(server.cluster_configfile) == C_ERR:
        sys.exit(1)

    if clusterLoadConfig(server.cluster_configfile) == C_ERR:
        # On the first start keep the random id that createClusterNode has made.
        myself = server.cluster.myself = createClusterNode(None, CLUSTER_NODE_MYSELF | CLUSTER_NODE_MASTER)
        serverLog(LL_NOTICE, "No cluster configuration found, I'm %.40s", myself.name)
        clusterAddNode(myself)
        saveconf = 1
    if saveconf:
        clusterSaveConfigOrDie(1)

    server.cfd.count = 0
    port = server.tls_port if server.tls_cluster else server.port
    if port > 65535 - CLUSTER_PORT_INCR:
        serverLog(LL_WARNING, "Redis port number too high. Cluster communication port is 10,000 port numbers higher than "
                              "your Redis port. Your Redis port number must be 55535 or less.")
        sys.exit(1)
    if listenToPort(port + CLUSTER_PORT_INCR, server.cfd) == C_ERR:
        # The official test suite searches the log for this line.
        serverLog(LL_WARNING, "Failed listening on port %d (cluster), aborting.", port)
        sys.exit(1)
    if createSocketAcceptHandler(server.cfd, clusterAcceptHandler) != C_OK:
        serverPanic("Unrecoverable error creating Redis Cluster socket accept handler.")

    server.cluster.slots_to_keys = [None] * CLUSTER_SLOTS

    # We learn our ip from the first MEET.
    myself = server.cluster.myself
    myself.port, myself.pport, myself.cport = deriveAnnouncedPorts()

    server.cluster.mf_end = 0
    server.cluster.mf_slave = None
    resetManualFailover()
    clusterUpdateMyselfFlags()


def clusterReset(hard):
    """Forget the cluster: nodes, slots, role.  A slave drops its data, too; `hard` gives a new id and epoch 0."""
    myself = server.cluster.myself
    if nodeIsSlave(myself):
        clusterSetNodeAsMaster(myself)
        replicationUnsetMaster()
        emptyDb(-1, EMPTYDB_NO_FLAGS, None)

    clusterCloseAllSlots()
    resetManualFailover()
    for j in range(CLUSTER_SLOTS):
        clusterDelSlot(j)
    for node in cluster_nodes():
        if node is not myself:
            clusterDelNode(node)

    if hard:
        server.cluster.currentEpoch = 0
        server.cluster.lastVoteEpoch = 0
        myself.configEpoch = 0
        serverLog(LL_WARNING, "configEpoch set to 0 via CLUSTER RESET HARD")

        dictDelete(server.cluster.nodes, myself.name)
        myself.name = getRandomHexChars(CLUSTER_NAMELEN)
        clusterAddNode(myself)
        serverLog(LL_NOTICE, "Node hard reset, now I'm %.40s", myself.name)

    clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_UPDATE_STATE | CLUSTER_TODO_FSYNC_CONFIG)


# -----------------------------------------------------------------------------
# Key space handling
# -----------------------------------------------------------------------------

def keyHashSlot(key):
    """Return the slot of a key, 0..16383: of the part between the first { and the next }, if there is one."""
    start = key.find(b"{")
    if start != -1:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1:end]
    return crc16(key) & 0x3FFF


# -----------------------------------------------------------------------------
# CLUSTER node API
# -----------------------------------------------------------------------------

def cluster_nodes():
    """Return all nodes, ourselves included, as a list: the loop may add and delete nodes meanwhile."""
    return [de.val for de in dict_entries(server.cluster.nodes)]


def createClusterNode(nodename, flags):
    """Return a new node, not yet in the table; without a name it gets a random one, until its PONG gives the real one."""
    node = clusterNode()
    node.name = nodename if nodename is not None else getRandomHexChars(CLUSTER_NAMELEN)
    node.ctime = mstime()
    node.flags = flags
    node.fail_reports = listCreate()
    return node


def clusterNodeAddFailureReport(failing, sender):
    """`sender` says that it cannot reach `failing` -> 1, or 0 where it has said so already (its time is renewed)."""
    l = failing.fail_reports
    li = listIter()
    listRewind(l, li)
    ln = listNext(li)
    while ln is not None:
        fr = ln.value
        if fr.node is sender:
            fr.time = mstime()
            return 0
        ln = listNext(li)

    fr = clusterNodeFailReport()
    fr.node = sender
    fr.time = mstime()
    listAddNodeTail(l, fr)
    return 1


def clusterNodeCleanupFailureReports(node):
    """Drop reports older than two timeouts.  FAIL needs our own PFAIL besides, which is a timeout old."""
    l = node.fail_reports
    maxtime = server.cluster_node_timeout * CLUSTER_FAIL_REPORT_VALIDITY_MULT
    now = mstime()
    li = listIter()
    listRewind(l, li)
    ln = listNext(li)
    while ln is not None:
        if now - ln.value.time > maxtime:
            listDelNode(l, ln)
        ln = listNext(li)


def clusterNodeDelFailureReport(node, sender):
    """`sender` does not call `node` failing (any more) -> 1 if it had, else 0.  Without reports this costs nothing."""
    l = node.fail_reports
    li = listIter()
    listRewind(l, li)
    ln = listNext(li)
    while ln is not None and ln.value.node is not sender:
        ln = listNext(li)
    if ln is None:
        return 0

    listDelNode(l, ln)
    clusterNodeCleanupFailureReports(node)
    return 1


def clusterNodeFailureReportsCount(node):
    """Return how many others say that `node` fails, not counting ourselves."""
    clusterNodeCleanupFailureReports(node)
    return listLength(node.fail_reports)


def clusterNodeRemoveSlave(master, slave):
    """Remove a slave from a master -> C_OK, or C_ERR where it was none of its slaves."""
    if slave not in master.slaves:
        return C_ERR
    master.slaves.remove(slave)
    master.numslaves -= 1
    if master.numslaves == 0:
        master.flags &= ~CLUSTER_NODE_MIGRATE_TO
    return C_OK


def clusterNodeAddSlave(master, slave):
    """Add a slave to a master -> C_OK, or C_ERR where it is one already."""
    if slave in master.slaves:
        return C_ERR
    master.slaves.append(slave)
    master.numslaves += 1
    master.flags |= CLUSTER_NODE_MIGRATE_TO
    return C_OK


def clusterCountNonFailingSlaves(n):
    okslaves = 0
    for slave in n.slaves:
        if not slave.flags & CLUSTER_NODE_FAIL:     # nodeFailed
            okslaves += 1
    return okslaves


def freeClusterNode(n):
    """Take a node out of the table and off its slaves and master; only for clusterDelNode."""
    for slave in n.slaves:
        slave.slaveof = None
    if nodeIsSlave(n) and n.slaveof is not None:
        clusterNodeRemoveSlave(n.slaveof, n)
    serverAssert(dictDelete(server.cluster.nodes, n.name) == DICT_OK)

    if n.link is not None:
        freeClusterLink(n.link)
    listRelease(n.fail_reports)
    # C frees the node: drop all references that may point back at it.
    n.slaves = []
    n.numslaves = 0
    n.slaveof = None


def clusterAddNode(node):
    serverAssert(dictAdd(server.cluster.nodes, node.name, node) == DICT_OK)


def clusterDelNode(delnode):
    """Remove a node: its slots are free, its failure reports gone, its link closed."""
    # 1) Its slots.
    for j in cluster_open_slots():
        if server.cluster.importing_slots_from[j] is delnode:
            server.cluster.importing_slots_from[j] = None
        if server.cluster.migrating_slots_to[j] is delnode:
            server.cluster.migrating_slots_to[j] = None
    clusterDelNodeSlots(delnode)

    # 2) Its failure reports.
    for node in cluster_nodes():
        if node is not delnode:
            clusterNodeDelFailureReport(node, delnode)

    # Abort a manual failover to it; C keeps the pointer.
    if server.cluster.mf_slave is delnode:
        resetManualFailover()

    # 3) The node itself.
    freeClusterNode(delnode)


def clusterLookupNode(name):
    """Return the node whose id is the first 40 bytes of `name`, or None.  C: reads past the end of a shorter one."""
    return dictFetchValue(server.cluster.nodes, name[:CLUSTER_NAMELEN])


def clusterRenameNode(node, newname):
    """Give a node of a handshake its real id, which its PONG has told."""
    serverLog(LL_DEBUG, "Renaming node %.40s into %.40s", node.name, newname)
    serverAssert(dictDelete(server.cluster.nodes, node.name) == DICT_OK)
    node.name = newname
    clusterAddNode(node)


# -----------------------------------------------------------------------------
# CLUSTER config epoch handling
# -----------------------------------------------------------------------------

def clusterGetMaxEpoch():
    """Return the greatest of all configEpochs and the currentEpoch."""
    max_ = 0
    for node in cluster_nodes():
        if node.configEpoch > max_:
            max_ = node.configEpoch
    if max_ < server.cluster.currentEpoch:
        max_ = server.cluster.currentEpoch
    return max_


def clusterBumpConfigEpochWithoutConsensus():
    """Take a new configEpoch without asking anybody, unless ours is the greatest -> C_OK, or C_ERR with nothing done.

    Two cases may break the rule that epochs are voted about: closing an imported slot, which is too frequent for an
    election, and CLUSTER FAILOVER TAKEOVER.  Should two nodes take the same epoch, clusterHandleConfigEpochCollision
    parts them.  ORDER: saved and fsynced before the first packet with it leaves.
    """
    myself = server.cluster.myself
    maxEpoch = clusterGetMaxEpoch()
    if myself.configEpoch == 0 or myself.configEpoch != maxEpoch:
        server.cluster.currentEpoch = server.cluster.currentEpoch + 1 & ULLONG_MAX
        myself.configEpoch = server.cluster.currentEpoch
        clusterDoBeforeSleep(CLUSTER_TODO_SAVE_CONFIG | CLUSTER_TODO_FSYNC_CONFIG)
        serverLog(LL_WARNING, "New configEpoch set to %d", myself.configEpoch)
        return C_OK
    return C_ERR


def clusterHandleConfigEpochCollision(sender):
    """Another master has our configEpoch: the one of us with the smaller id takes a new one.

    Elections never give one epoch twice, but epochs taken without consensus may meet, and nodes of a new cluster all
    start with 0.  Two owners of one slot with one epoch would never agree, so every pair of masters must differ in
    the end.  The node with the greatest id never moves, therefore it does end.
    """
    myself = server.cluster.myself
    if sender.configEpoch != myself.configEpoch or not nodeIsMaster(sender) or not nodeIsMaster(myself):
        return
    if sender.name <= myself.name:
        return
    server.cluster.currentEpoch = server.cluster.currentEpoch + 1 & ULLONG_MAX
    myself.configEpoch = server.cluster.currentEpoch
    clusterSaveConfigOrDie(1)
    serverLog(LL_VERBOSE, "WARNING: configEpoch collision with node %.40s. configEpoch set to %d", sender.name,
              myself.configEpoch)


# -----------------------------------------------------------------------------
# CLUSTER nodes blacklist
#
# After CLUSTER FORGET other nodes still gossip about the node that was forgotten.  For a minute we do not add it again,
# so that the operator can tell all nodes to forget it.
# -----------------------------------------------------------------------------

CLUSTER_BLACKLIST_TTL = 60         # s


def clusterBlacklistCleanup():
    """Drop expired entries; before each use, since the list is short and seldom used."""
    di = dictGetSafeIterator(server.cluster.nodes_black_list)
    de = dictNext(di)
    while de is not None:
        if de.val < server.unixtime:
            dictDelete(server.cluster.nodes_black_list, de.key)
        de = dictNext(di)
    dictReleaseIterator(di)


def clusterBlacklistAddNode(node):
    clusterBlacklistCleanup()
    de = dictAddOrFind(server.cluster.nodes_black_list, node.name)
    de.val = mstime() // 1000 + CLUSTER_BLACKLIST_TTL


def clusterBlacklistExists(nodeid):
    """Tell whether that id may not be added now -> True or False."""
    if dictSize(server.cluster.nodes_black_list) == 0:
        return 0
    clusterBlacklistCleanup()
    return dictFind(server.cluster.nodes_black_list, nodeid) is not None


# -----------------------------------------------------------------------------
# Slots management
# -----------------------------------------------------------------------------

#: A regular expression for runs of bytes that are not 0, and for each byte value the numbers of its set bits.
_nonzero_bytes = re.compile(rb"[^\0]+").finditer
_bits_of_byte = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def bitmap_slots(bitmap):
    """Return the bits that are set, ascending."""
    found = []
    for run in _nonzero_bytes(bitmap):
        pos = run.start() << 3
        for byte in run.group():
            found += [pos + bit for bit in _bits_of_byte[byte]]
            pos += 8
    return found


def bitmap_runs(bitmap):
    """Return the runs of set bits as [(first, last), ...].

    A bit of x ^ x << 1 is set where a run starts and behind its end, so the cost is that of the runs, not of the bits.
    """
    x = int.from_bytes(bitmap, "little")
    edges = bitmap_slots((x ^ x << 1).to_bytes(len(bitmap) + 1, "little"))
    return [(first, end - 1) for first, end in zip(edges[::2], edges[1::2])]


def bitmap_newer_owner(bitmap, epoch, but=None):
    """Return the first slot of `bitmap` whose owner has a configEpoch above `epoch`, or -1.  `but` does not count.

    C walks the slots; few nodes have a newer epoch, so only their bitmaps are compared.
    """
    claimed = int.from_bytes(bitmap, "little")
    newer = 0
    for node in cluster_nodes():
        if node.configEpoch > epoch and node.numslots and node is not but:
            newer |= int.from_bytes(node.slots, "little")
    newer &= claimed
    return (newer & -newer).bit_length() - 1


def cluster_open_slots():
    """Return the slots that are migrating or importing, ascending.

    list.count scans at the speed of C, so only parts that hold one are walked.
    """
    found = set()
    for slots in (server.cluster.migrating_slots_to, server.cluster.importing_slots_from):
        if slots.count(None) == CLUSTER_SLOTS:
            continue
        for base in range(0, CLUSTER_SLOTS, 256):
            part = slots[base:base + 256]
            if part.count(None) != 256:
                found.update([base + i for i, n in enumerate(part) if n is not None])
    return sorted(found)


def bitmapTestBit(bitmap, pos):
    return bitmap[pos >> 3] >> (pos & 7) & 1


def bitmapSetBit(bitmap, pos):
    bitmap[pos >> 3] |= 1 << (pos & 7)


def bitmapClearBit(bitmap, pos):
    bitmap[pos >> 3] &= ~(1 << (pos & 7))


def clusterMastersHaveSlaves():
    """Tell whether any master has a slave -> True or False."""
    slaves = 0
    for node in cluster_nodes():
        if nodeIsSlave(node):
            continue
        slaves += node.numslaves
    return slaves != 0


def clusterNodeSetSlotBit(n, slot):
    """Set the slot's bit -> the old value."""
    old = bitmapTestBit(n.slots, slot)
    bitmapSetBit(n.slots, slot)
    if not old:
        n.numslots += 1
        n.slots_changed.append(slot)
        # A new master with slots may also be a target of replica migration if the cluster has replicas.  Without this flag
        # it would have to have had a replica before.
        if n.numslots == 1 and clusterMastersHaveSlaves():
            n.flags |= CLUSTER_NODE_MIGRATE_TO
    return old


def clusterNodeClearSlotBit(n, slot):
    """Clear the slot's bit -> the old value."""
    old = bitmapTestBit(n.slots, slot)
    bitmapClearBit(n.slots, slot)
    if old:
        n.numslots -= 1
        n.slots_changed.append(slot)
    return old


def clusterAddSlot(n, slot):
    """Give a free slot to a node -> C_OK, or C_ERR if the slot has an owner."""
    if server.cluster.slots[slot] is not None:
        return C_ERR
    clusterNodeSetSlotBit(n, slot)
    server.cluster.slots[slot] = n
    return C_OK


def clusterDelSlot(slot):
    """Free a slot -> C_OK, or C_ERR where it is free."""
    n = server.cluster.slots[slot]
    if n is None:
        return C_ERR
    serverAssert(clusterNodeClearSlotBit(n, slot) == 1)
    server.cluster.slots[slot] = None
    return C_OK


def clusterDelNodeSlots(node):
    """Free all slots of a node -> how many."""
    deleted = 0
    for j in bitmap_slots(node.slots):
        clusterDelSlot(j)
        deleted += 1
    return deleted


def clusterCloseAllSlots():
    """End all migrations and imports: at the start, and when a master becomes a slave."""
    server.cluster.migrating_slots_to[:] = [None] * CLUSTER_SLOTS
    server.cluster.importing_slots_from[:] = [None] * CLUSTER_SLOTS


# -----------------------------------------------------------------------------
# Cluster state evaluation function
# -----------------------------------------------------------------------------

# Delays in ms.  They only have to be a few orders of magnitude above the latency of the network.
CLUSTER_MAX_REJOIN_DELAY = 5000    # ms
CLUSTER_MIN_REJOIN_DELAY = 500     # ms
CLUSTER_WRITABLE_DELAY = 2000      # ms

_clusterUpdateState_among_minority_time = 0
_clusterUpdateState_first_call_time = 0


def clusterUpdateState():
    """Decide whether the cluster is ok or fails, for us; counts cluster.size on the way."""
    global _clusterUpdateState_among_minority_time, _clusterUpdateState_first_call_time
    myself = server.cluster.myself
    reachable_masters = 0
    server.cluster.todo_before_sleep &= ~CLUSTER_TODO_UPDATE_STATE

    # A restarted master stays in fail state for a moment, so that the others can update its configuration.  Count from the first
    # call, since loading the data may take long.
    if _clusterUpdateState_first_call_time == 0:
        _clusterUpdateState_first_call_time = mstime()
    if (nodeIsMaster(myself) and server.cluster.state == CLUSTER_FAIL
            and mstime() - _clusterUpdateState_first_call_time < CLUSTER_WRITABLE_DELAY):
        return

    new_state = CLUSTER_OK
    nodes = cluster_nodes()

    # Check that every slot has an owner that is not FAIL.  By the invariant the sum of the owners' numslots shows this.
    if server.cluster_require_full_coverage:
        covered = 0
        for node in nodes:
            if not node.flags & CLUSTER_NODE_FAIL:
                covered += node.numslots
        if covered != CLUSTER_SLOTS:
            new_state = CLUSTER_FAIL

    # Count the masters with slots, and those of them that we can reach.
    server.cluster.size = 0
    for node in nodes:
        if nodeIsMaster(node) and node.numslots:
            server.cluster.size += 1
            if node.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL) == 0:
                reachable_masters += 1

    # Check whether we are in a minority.
    needed_quorum = server.cluster.size // 2 + 1
    if reachable_masters < needed_quorum:
        new_state = CLUSTER_FAIL
        _clusterUpdateState_among_minority_time = mstime()

    if new_state != server.cluster.state:
        rejoin_delay = server.cluster_node_timeout

        # A master that was in a minority accepts no queries until it has had time to learn which node took its slots meanwhile.
        if rejoin_delay > CLUSTER_MAX_REJOIN_DELAY:
            rejoin_delay = CLUSTER_MAX_REJOIN_DELAY
        if rejoin_delay < CLUSTER_MIN_REJOIN_DELAY:
            rejoin_delay = CLUSTER_MIN_REJOIN_DELAY
        if (new_state == CLUSTER_OK and nodeIsMaster(myself)
                and mstime() - _clusterUpdateState_among_minority_time < rejoin_delay):
            return

        serverLog(LL_WARNING, "Cluster state changed: %s", "ok" if new_state == CLUSTER_OK else "fail")
        server.cluster.state = new_state


def verifyClusterConfigWithData():
    """After loading: does nodes.conf agree with the keys? -> C_OK, or C_ERR where there are keys outside db 0.

    Keys of slots that are not ours: a free slot becomes ours, a slot of another node is set to importing, so that
    `redis-cli --cluster fix` finds it.
    """
    myself = server.cluster.myself
    update_config = 0
    if server.cluster_module_flags & CLUSTER_MODULE_FLAG_NO_REDIRECTION:
        return C_OK
    # A slave does not check its data: its master does.
    if nodeIsSlave(myself):
        return C_OK

    for j in range(1, server.dbnum):
        if dictSize(server.db[j].dict):
            return C_ERR

    for j in range(CLUSTER_SLOTS):
        if not countKeysInSlot(j):
            continue
        if server.cluster.slots[j] is myself or server.cluster.importing_slots_from[j] is not None:
            continue
        update_config += 1
        if server.cluster.slots[j] is None:
            serverLog(LL_WARNING, "I have keys for unassigned slot %d. Taking responsibility for it.", j)
            clusterAddSlot(myself, j)
        else:
            serverLog(LL_WARNING, "I have keys for slot %d, but the slot is assigned to another node. Setting it to "
                                  "importing state.", j)
            server.cluster.importing_slots_from[j] = server.cluster.slots[j]
    if update_config:
        clusterSaveConfigOrDie(1)
    return C_OK


# -----------------------------------------------------------------------------
# SLAVE nodes handling
# -----------------------------------------------------------------------------

def clusterSetMaster(n):
    """Become a slave of `n`, whatever we are; we must have no slots."""
    myself = server.cluster.myself
    serverAssert(n is not myself)
    serverAssert(myself.numslots == 0)

    if nodeIsMaster(myself):
        myself.flags &= ~(CLUSTER_NODE_MASTER | CLUSTER_NODE_MIGRATE_TO)
        myself.flags |= CLUSTER_NODE_SLAVE
        clusterCloseAllSlots()
    elif myself.slaveof is not None:
        clusterNodeRemoveSlave(myself.slaveof, myself)
    myself.slaveof = n
    clusterNodeAddSlave(n, myself)
    replicationSetMaster(os.fsdecode(n.ip), n.port)
    resetManualFailover()


# -----------------------------------------------------------------------------
# Nodes to string representation functions.
# -----------------------------------------------------------------------------

redisNodeFlagsTable = (
    (CLUSTER_NODE_MYSELF, b"myself"),
    (CLUSTER_NODE_MASTER, b"master"),
    (CLUSTER_NODE_SLAVE, b"slave"),
    (CLUSTER_NODE_PFAIL, b"fail?"),
    (CLUSTER_NODE_FAIL, b"fail"),
    (CLUSTER_NODE_HANDSHAKE, b"handshake"),
    (CLUSTER_NODE_NOADDR, b"noaddr"),
    (CLUSTER_NODE_NOFAILOVER, b"nofailover"),
)


def representClusterNodeFlags(ci, flags):
    """Return `ci` with the names of the flags, separated by commas."""
    return ci + (b",".join([name for flag, name in redisNodeFlagsTable if flags & flag]) or b"noflags")


#: With more changes than this all runs are computed again.
SLOTS_CHANGED_MAX = 128


def cluster_slots_text(node):
    """Return b" 0-5460 7000": the runs of slots of a node (ours; C has the loop twice).

    While a badly fragmented map is resharded this text, thousands of runs long, is written to nodes.conf for each slot.
    """
    if node.slots_runs is None or len(node.slots_changed) > SLOTS_CHANGED_MAX:
        runs = bitmap_runs(node.slots)
        node.slots_runs = [[first for first, _ in runs], [last for _, last in runs], [None] * len(runs)]
    else:
        for slot in node.slots_changed:
            cluster_toggle_slot(*node.slots_runs, slot)
    node.slots_changed.clear()
    firsts, lasts, texts = node.slots_runs
    for i, text in enumerate(texts):
        if text is None:
            texts[i] = b" %d" % firsts[i] if firsts[i] == lasts[i] else b" %d-%d" % (firsts[i], lasts[i])
    return b"".join(texts)


def cluster_toggle_slot(firsts, lasts, texts, slot):
    """Add a slot to the runs, or take it away if it is in one; the texts of the runs that change become None."""
    i = bisect_right(firsts, slot) - 1              # the run that begins at or before it
    if i >= 0 and lasts[i] >= slot:                 # the slot is in this run
        first, last = firsts[i], lasts[i]
        texts[i] = None
        if first == last:
            del firsts[i], lasts[i], texts[i]
        elif slot == first:
            firsts[i] = slot + 1
        elif slot == last:
            lasts[i] = slot - 1
        else:
            lasts[i] = slot - 1
            firsts.insert(i + 1, slot + 1)
            lasts.insert(i + 1, last)
            texts.insert(i + 1, None)
        return
    left = i >= 0 and lasts[i] == slot - 1
    right = i + 1 < len(firsts) and firsts[i + 1] == slot + 1
    if left:
        lasts[i] = slot
        texts[i] = None
        if right:
            lasts[i] = lasts[i + 1]
            del firsts[i + 1], lasts[i + 1], texts[i + 1]
    elif right:
        firsts[i + 1] = slot
        texts[i + 1] = None
    else:
        firsts.insert(i + 1, slot)
        lasts.insert(i + 1, slot)
        texts.insert(i + 1, None)


def clusterGenNodeDescription(node, use_pport):
    """Return the line of CLUSTER NODES and nodes.conf about one node, without its line end."""
    port = node.pport if use_pport and node.pport else node.port
    ci = b"%s %s:%d@%d " % (node.name, node.ip, port, node.cport)
    ci = representClusterNodeFlags(ci, node.flags)
    ci += b" " + (node.slaveof.name if node.slaveof is not None else b"-")

    nodeEpoch = node.configEpoch
    if nodeIsSlave(node) and node.slaveof is not None:
        nodeEpoch = node.slaveof.configEpoch
    connected = node.link is not None or node.flags & CLUSTER_NODE_MYSELF
    ci += b" %d %d %d %s" % (node.ping_sent, node.pong_received, nodeEpoch,
                             b"connected" if connected else b"disconnected")

    # clusterGenNodesSlotsInfo may have done this for all nodes.
    if node.slots_info is not None:
        ci += node.slots_info
    elif node.numslots > 0:
        ci += cluster_slots_text(node)

    # For ourselves also show the migrating and importing slots.
    if node.flags & CLUSTER_NODE_MYSELF:
        for j in cluster_open_slots():
            if server.cluster.migrating_slots_to[j] is not None:
                ci += b" [%d->-%s]" % (j, server.cluster.migrating_slots_to[j].name)
            elif server.cluster.importing_slots_from[j] is not None:
                ci += b" [%d-<-%s]" % (j, server.cluster.importing_slots_from[j].name)
    return ci


def clusterGenNodesSlotsInfo(filter_):
    """Set slots_info of all nodes that have slots and none of the flags in `filter_`."""
    for n in cluster_nodes():
        if n.numslots and not n.flags & filter_:
            n.slots_info = cluster_slots_text(n)


def clusterGenNodesDescription(filter_, use_pport):
    """Return the text of CLUSTER NODES, also the body of nodes.conf: all nodes with none of the flags in `filter_`.

    With `use_pport` the ports for plain clients are shown, where a node has one.
    """
    clusterGenNodesSlotsInfo(filter_)
    ci = []
    for node in cluster_nodes():
        if node.flags & filter_:
            continue
        ci.append(clusterGenNodeDescription(node, use_pport))
        ci.append(b"\n")
        node.slots_info = None
    return b"".join(ci)
