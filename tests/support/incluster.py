"""incluster.py - a cluster node in the test's own process: no sockets, no loop; packets go through a fake connection.

    with InCluster() as redis:
        redis("CLUSTER", "ADDSLOTS", 1)                     # as InProcess
        other = redis.add_node(CLUSTER_NODE_MASTER, slots=range(100))
        redis.receive(redis.packet(other, CLUSTERMSG_TYPE_PING))
        redis.sent(other)                                   # -> the packets on the link to it, decoded
        check_invariants()
"""
import os
import shutil
import tempfile

from cluster import cluster, cluster_failover
from cluster.cluster import clusterAddNode, clusterAddSlot, clusterNodeAddSlave, createClusterNode
from cluster.cluster_bus import clusterReadHandler, createClusterLink
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_MEET, CLUSTER_NODE_MASTER, CLUSTER_NODE_MYSELF, CLUSTER_SLOTS, clusterMsg, clusterMsg_pack,
    clusterMsg_start, clusterMsg_unpack, clusterState,
)
from datastructs.dict import dictCreate
from server.client.connection import (
    CONN_STATE_CONNECTED, CONN_TYPE_SOCKET, ConnectionType, connSetPrivateData, connection,
)
from server.dict_types import clusterNodesBlackListDictType, clusterNodesDictType
from server.server_h import C_OK, server
from tests.support.inprocess import InProcess


class FakeConnection(connection):
    """A connection whose peer is the test: `incoming` is what it sends."""
    __slots__ = ("incoming", "closed")

    def __init__(self):
        super().__init__()
        self.type = FAKE
        self.state = CONN_STATE_CONNECTED
        self.incoming = bytearray()
        self.closed = False


def _read(conn, size):
    if not conn.incoming:
        return None
    data = bytes(conn.incoming[:size])
    del conn.incoming[:size]
    return data


def _close(conn):
    conn.closed = True
    conn.private_data = None


FAKE = ConnectionType()
FAKE.read = _read
FAKE.close = _close
FAKE.set_write_handler = lambda conn, handler, barrier: C_OK
FAKE.set_read_handler = lambda conn, handler: C_OK
FAKE.get_last_error = lambda conn: "error"
FAKE.get_type = lambda conn: CONN_TYPE_SOCKET


class InCluster(InProcess):
    def __enter__(self):
        super().__enter__()
        self.dir = tempfile.mkdtemp(prefix="aeredis-test-")
        server.cluster_enabled = 1
        server.cluster_node_timeout = 15000
        server.cluster_require_full_coverage = 1
        server.cluster_allow_replica_migration = 1
        server.cluster_migration_barrier = 1
        server.cluster_configfile = os.path.join(self.dir, "nodes.conf")
        server.port = 7000
        for name, value in self.fields.items():
            setattr(server, name, value)
        server.cluster = clusterState()
        server.cluster.nodes = dictCreate(clusterNodesDictType)
        server.cluster.nodes_black_list = dictCreate(clusterNodesBlackListDictType)
        server.cluster.slots_to_keys = [None] * CLUSTER_SLOTS
        server.cluster.mf_master_offset = -1
        server.cluster.myself = createClusterNode(None, CLUSTER_NODE_MYSELF | CLUSTER_NODE_MASTER)
        clusterAddNode(server.cluster.myself)
        cluster._clusterUpdateState_first_call_time = cluster._clusterUpdateState_among_minority_time = 0
        cluster_failover._clusterCron_prev_ip = None
        return self

    def __exit__(self, *exc_info):
        super().__exit__(*exc_info)
        shutil.rmtree(self.dir, ignore_errors=True)

    def add_node(self, flags, slots=(), slaveof=None, name=None, epoch=0, linked=True):
        """Add a node that we know, with a link to it."""
        node = createClusterNode(name, flags)
        node.ip = b"127.0.0.1"
        node.port = 7001
        node.cport = 17001
        node.configEpoch = epoch
        clusterAddNode(node)
        for slot in slots:
            assert clusterAddSlot(node, slot) == C_OK
        if slaveof is not None:
            node.slaveof = slaveof
            clusterNodeAddSlave(slaveof, node)
        if linked:
            node.link = self.link(node)
        return node

    def link(self, node=None):
        """A link: ours to `node`, or one that we have accepted."""
        link = createClusterLink(node)
        link.conn = FakeConnection()
        connSetPrivateData(link.conn, link)
        return link

    def packet(self, node, type_, **fields):
        """A packet as `node` would send it; keywords are fields of clusterMsg."""
        hdr = clusterMsg()
        hdr.type = type_
        hdr.sender = node.name
        hdr.port, hdr.pport, hdr.cport, hdr.myip = node.port, node.pport, node.cport, node.ip
        hdr.flags = node.flags
        hdr.configEpoch = node.configEpoch
        hdr.currentEpoch = server.cluster.currentEpoch
        hdr.myslots = bytes((node.slaveof or node).slots)
        if node.slaveof is not None:
            hdr.slaveof = node.slaveof.name
        if type_ <= CLUSTERMSG_TYPE_MEET:
            hdr.data = []
        for name, value in fields.items():
            setattr(hdr, name, value)
        return hdr

    def receive(self, packet, link=None):
        """Let bytes or a clusterMsg arrive, on `link` or on a new accepted one; returns the link."""
        link = link or self.link()
        conn = link.conn
        conn.incoming += packet if isinstance(packet, (bytes, bytearray)) else clusterMsg_pack(packet)
        clusterReadHandler(conn)
        return link

    def sent(self, node_or_link):
        """Take the packets that wait in a send buffer, decoded."""
        link = getattr(node_or_link, "link", node_or_link)
        packets = []
        while link.sndbuf:
            totlen = clusterMsg_start(link.sndbuf)[1]
            packets.append(clusterMsg_unpack(link.sndbuf[:totlen]))
            del link.sndbuf[:totlen]
        return packets


def check_invariants():
    """Assert what docs/cluster.md promises of server.cluster; C's loops are the oracle here."""
    state = server.cluster
    nodes = cluster.cluster_nodes()
    assert state.myself in nodes
    owned = {}
    for node in nodes:
        slots = [j for j in range(CLUSTER_SLOTS) if node.slots[j // 8] & 1 << (j & 7)]
        assert len(slots) == node.numslots
        for j in slots:
            assert j not in owned
            owned[j] = node
        assert len(node.slaves) == node.numslaves == len({id(s) for s in node.slaves})
        for slave in node.slaves:
            assert slave.slaveof is node
        if node.slaveof is not None:
            assert node in node.slaveof.slaves
        if node.link is not None:
            assert node.link.node is node and node.link.conn is not None
        assert cluster.clusterLookupNode(node.name) is node
    assert state.slots == [owned.get(j) for j in range(CLUSTER_SLOTS)]
    for open_slots in (state.migrating_slots_to, state.importing_slots_from):
        assert all(n is None or n in nodes for n in open_slots)
