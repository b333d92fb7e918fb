"""Packets and what they do: handshake, gossip, failure reports, roles, slots; what hostile ones must not do (D-91)."""
import pytest

from cluster import cluster, cluster_bus, cluster_failover
from cluster.cluster import clusterAddSlot, clusterLookupNode, cluster_nodes
from cluster.cluster_bus import clusterStartHandshake, markNodeAsFailingIfNeeded
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_FAIL, CLUSTERMSG_TYPE_MEET, CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG,
    CLUSTERMSG_TYPE_PUBLISH, CLUSTERMSG_TYPE_UPDATE, CLUSTER_NODE_FAIL, CLUSTER_NODE_HANDSHAKE, CLUSTER_NODE_MASTER,
    CLUSTER_NODE_MEET, CLUSTER_NODE_MYSELF, CLUSTER_NODE_NOADDR, CLUSTER_NODE_NOFAILOVER, CLUSTER_NODE_NULL_NAME,
    CLUSTER_NODE_PFAIL, CLUSTER_NODE_SLAVE, CLUSTER_TODO_FSYNC_CONFIG, CLUSTER_TODO_SAVE_CONFIG, clusterMsgDataFail,
    clusterMsgDataGossip, clusterMsgDataPublish, clusterMsgDataUpdate, clusterMsg_pack,
)
from server.server_h import CLIENT_PAUSE_WRITE, server
from tests.support.clock import FakeClock
from tests.support.incluster import InCluster, check_invariants

STRANGER = b"f" * 40


def gossip(node, flags=None, **fields):
    g = clusterMsgDataGossip()
    g.nodename, g.ip, g.port, g.cport, g.pport = node.name, node.ip, node.port, node.cport, node.pport
    g.flags = node.flags if flags is None else flags
    for name, value in fields.items():
        setattr(g, name, value)
    return g


@pytest.fixture
def redis(monkeypatch):
    with FakeClock() as clock, InCluster(cluster_node_timeout=1000) as r:
        r.clock = clock
        r.masters = []
        for module in (cluster, cluster_bus, cluster_failover):
            monkeypatch.setattr(module, "replicationSetMaster", lambda ip, port: r.masters.append((ip, port)))
        for module in (cluster_bus,):
            monkeypatch.setattr(module, "connPeerToString", lambda conn: (0, "10.0.0.9", 999))
            monkeypatch.setattr(module, "connSockName", lambda conn: (0, "10.0.0.1", 999))
        server.mstime = clock.wall_ns // 1000000
        server.unixtime = server.mstime // 1000
        server.master_repl_offset = 77
        yield r
        check_invariants()


class Stranger:
    name, port, pport, cport, ip, flags, configEpoch, slaveof = STRANGER, 7009, 0, 17009, b"", CLUSTER_NODE_MASTER, 0, None
    slots = bytes(2048)


# ---------------------------------------------------------------- handshake

def test_meet_of_a_stranger(redis):
    link = redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_MEET))
    assert [p.type for p in redis.sent(link)] == [CLUSTERMSG_TYPE_PONG]
    node, = [n for n in cluster_nodes() if n is not server.cluster.myself]
    assert node.flags == CLUSTER_NODE_HANDSHAKE and node.name != STRANGER
    assert (node.ip, node.port, node.cport) == (b"10.0.0.9", 7009, 17009)       # myip is empty: the peer's address
    assert server.cluster.myself.ip == b"10.0.0.1"                              # and ours is where it came to


def test_ping_of_a_stranger_is_answered_and_ignored(redis):
    other = redis.add_node(CLUSTER_NODE_MASTER)
    unknown = type("n", (Stranger,), {"name": b"a" * 40})
    link = redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PING, data=[gossip(unknown)], currentEpoch=9))
    assert [p.type for p in redis.sent(link)] == [CLUSTERMSG_TYPE_PONG]
    assert cluster_nodes() == [n for n in cluster_nodes() if n in (server.cluster.myself, other)]
    assert server.cluster.currentEpoch == 0


def test_the_pong_tells_the_name(redis):
    assert clusterStartHandshake(b"127.0.0.1", 7009, 17009) == (1, 0)
    node, = [n for n in cluster_nodes() if n.flags & CLUSTER_NODE_MEET]
    node.link = redis.link(node)
    node.ping_sent = 5
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PONG), node.link)
    assert node.name == STRANGER and clusterLookupNode(STRANGER) is node
    assert node.flags & (CLUSTER_NODE_HANDSHAKE | CLUSTER_NODE_MASTER) == CLUSTER_NODE_MASTER and node.ping_sent == 0
    assert server.cluster.todo_before_sleep & CLUSTER_TODO_SAVE_CONFIG


def test_a_node_that_was_known_already(redis):
    known = redis.add_node(CLUSTER_NODE_MASTER, name=STRANGER)
    clusterStartHandshake(b"127.0.0.1", 7009, 17009)
    node, = [n for n in cluster_nodes() if n.flags & CLUSTER_NODE_MEET]
    link = node.link = redis.link(node)
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PONG), link)
    assert link.conn is None and node not in cluster_nodes() and known.port == 7009


def test_gossip_that_names_the_stranger_before_its_handshake_ends(redis):
    """C: two nodes of one name, a failed assertion."""
    clusterStartHandshake(b"127.0.0.1", 7009, 17009)
    node, = [n for n in cluster_nodes() if n.flags & CLUSTER_NODE_MEET]
    link = node.link = redis.link(node)
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_MEET, data=[gossip(Stranger)]), link)
    assert node not in cluster_nodes() and clusterLookupNode(STRANGER) is not None


def test_somebody_else_answers(redis):
    node = redis.add_node(CLUSTER_NODE_MASTER)
    link = node.link
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PONG), link)
    assert link.conn is None and node.link is None and node.flags & CLUSTER_NODE_NOADDR and node.ip == b"" and node.cport == 0


def test_a_handshake_with_ourselves_ends(redis):
    myself = server.cluster.myself
    clusterStartHandshake(b"127.0.0.1", 7000, 17000)
    node, = [n for n in cluster_nodes() if n.flags & CLUSTER_NODE_MEET]
    node.link = redis.link(node)
    redis.receive(redis.packet(myself, CLUSTERMSG_TYPE_PONG, port=7000, cport=17000), node.link)
    assert cluster_nodes() == [myself]


# ---------------------------------------------------------------- gossip and failure

def test_gossip_adds_a_node(redis):
    other = redis.add_node(CLUSTER_NODE_MASTER)
    redis.receive(redis.packet(other, CLUSTERMSG_TYPE_PING, data=[
        gossip(Stranger, CLUSTER_NODE_SLAVE | CLUSTER_NODE_MYSELF | CLUSTER_NODE_MEET),
        gossip(type("n", (Stranger,), {"name": b"e" * 40}), CLUSTER_NODE_MASTER | CLUSTER_NODE_NOADDR)]))
    assert clusterLookupNode(STRANGER).flags == CLUSTER_NODE_SLAVE and clusterLookupNode(b"e" * 40) is None


def test_pfail_becomes_fail(redis):
    nodes = [redis.add_node(CLUSTER_NODE_MASTER, slots=[i]) for i in range(4)]
    clusterAddSlot(server.cluster.myself, 9)
    sick = nodes[3]
    server.cluster.size = 5
    report = [gossip(sick, CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL)]
    for other in nodes[:2]:
        redis.receive(redis.packet(other, CLUSTERMSG_TYPE_PING, data=report))
    assert not sick.flags & CLUSTER_NODE_FAIL                       # we can reach it
    sick.flags |= CLUSTER_NODE_PFAIL
    redis.receive(redis.packet(nodes[0], CLUSTERMSG_TYPE_PING, data=[gossip(sick, CLUSTER_NODE_MASTER)]))
    assert sick.fail_reports.len == 1                               # one has taken it back: two of five
    redis.receive(redis.packet(nodes[0], CLUSTERMSG_TYPE_PING, data=report))
    assert sick.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL) == CLUSTER_NODE_FAIL
    assert [p.data.nodename for n in nodes for p in redis.sent(n)] == [sick.name] * 4       # as in C, itself included
    markNodeAsFailingIfNeeded(sick)


def test_a_slave_s_report_does_not_count(redis):
    sick = redis.add_node(CLUSTER_NODE_MASTER)
    slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=server.cluster.myself)
    redis.receive(redis.packet(slave, CLUSTERMSG_TYPE_PING, data=[gossip(sick, CLUSTER_NODE_FAIL)]))
    assert sick.fail_reports.len == 0


def test_pong_times_of_others(redis):
    a, b = redis.add_node(CLUSTER_NODE_MASTER), redis.add_node(CLUSTER_NODE_MASTER)
    now = server.mstime // 1000
    for seconds, expected in ((now - 5, now - 5), (now, now), (now + 1, now), (now - 9, now)):
        redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, data=[gossip(b, pong_received=seconds)]))
        assert b.pong_received == expected * 1000
    b.ping_sent = 1
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, data=[gossip(b, pong_received=now)]))
    assert b.ping_sent == 1


def test_a_new_address_is_believed_of_a_sick_node_only(redis):
    a, b = redis.add_node(CLUSTER_NODE_MASTER), redis.add_node(CLUSTER_NODE_MASTER)
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, data=[gossip(b, ip=b"9.9.9.9")]))
    assert b.ip == b"127.0.0.1" and b.link is not None
    b.flags |= CLUSTER_NODE_PFAIL
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, data=[gossip(b, CLUSTER_NODE_MASTER, ip=b"9.9.9.9", port=1, cport=2, pport=3)]))
    assert (b.ip, b.port, b.cport, b.pport, b.link) == (b"9.9.9.9", 1, 2, 3, None)


def test_gossip_about_the_peer_itself_may_free_its_link(redis):
    """C: reads the freed link."""
    a = redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL)
    link = a.link
    packet = clusterMsg_pack(redis.packet(a, CLUSTERMSG_TYPE_PING, data=[gossip(a, CLUSTER_NODE_MASTER, ip=b"9.9.9.9")]))
    redis.receive(packet + packet, link)
    assert link.conn is None and a.link is None


def test_fail_ends(redis):
    slave = redis.add_node(CLUSTER_NODE_SLAVE | CLUSTER_NODE_FAIL, slaveof=server.cluster.myself)
    master = redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_FAIL, slots=[1])
    sick = redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL, slots=[2])
    master.fail_time = server.mstime
    for node in (slave, master, sick):
        redis.receive(redis.packet(node, CLUSTERMSG_TYPE_PONG), node.link)
    assert not slave.flags & CLUSTER_NODE_FAIL and not sick.flags & CLUSTER_NODE_PFAIL
    assert master.flags & CLUSTER_NODE_FAIL                         # its slaves have two timeouts
    redis.clock.advance(2001)
    redis.receive(redis.packet(master, CLUSTERMSG_TYPE_PONG), master.link)
    assert not master.flags & CLUSTER_NODE_FAIL


def test_fail_messages(redis):
    a, b = redis.add_node(CLUSTER_NODE_MASTER), redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL)
    about = clusterMsgDataFail()
    about.nodename = b.name
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_FAIL, data=about))
    assert not b.flags & CLUSTER_NODE_FAIL
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_FAIL, data=about))
    assert b.flags & (CLUSTER_NODE_FAIL | CLUSTER_NODE_PFAIL) == CLUSTER_NODE_FAIL and b.fail_time == server.mstime
    about.nodename = server.cluster.myself.name
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_FAIL, data=about))
    assert not server.cluster.myself.flags & CLUSTER_NODE_FAIL


def test_a_ping_carries_nodes_in_pfail(redis):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    for _ in range(30):
        redis.add_node(CLUSTER_NODE_MASTER)
    sick = [redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL) for _ in range(2)]
    redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_PFAIL | CLUSTER_NODE_NOADDR)
    server.cluster.stats_pfail_nodes = 2
    cluster_bus.clusterSendPing(a.link, CLUSTERMSG_TYPE_PING)
    packet, = redis.sent(a)
    names = [g.nodename for g in packet.data]
    assert {n.name for n in sick} == set(names[-2:]) and len(names) == len(set(names)) <= 5 and packet.count == len(names)
    assert a.ping_sent == server.mstime and packet.offset == 77


# ---------------------------------------------------------------- roles and slots

def test_roles(redis):
    a, b = redis.add_node(CLUSTER_NODE_MASTER, slots=[1, 2]), redis.add_node(CLUSTER_NODE_MASTER)
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, slaveof=b.name, flags=CLUSTER_NODE_SLAVE))
    assert a.slaveof is b and a.flags & CLUSTER_NODE_SLAVE and a.numslots == 0 and b.slaves == [a]
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, slaveof=server.cluster.myself.name, flags=CLUSTER_NODE_NOFAILOVER))
    assert a.slaveof is server.cluster.myself and b.numslaves == 0 and a.flags & CLUSTER_NODE_NOFAILOVER
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, slaveof=CLUSTER_NODE_NULL_NAME, flags=0))
    assert a.slaveof is None and a.flags & CLUSTER_NODE_MASTER and not a.flags & CLUSTER_NODE_NOFAILOVER


def slots_of(*slots):
    bitmap = bytearray(2048)
    for j in slots:
        bitmap[j >> 3] |= 1 << (j & 7)
    return bytes(bitmap)


def test_slots_go_to_the_newer_epoch(redis):
    me = server.cluster.myself
    a, b = redis.add_node(CLUSTER_NODE_MASTER, slots=[1, 2], epoch=5), redis.add_node(CLUSTER_NODE_MASTER, epoch=3)
    clusterAddSlot(me, 7)
    clusterAddSlot(me, 8)
    server.cluster.importing_slots_from[9] = a
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(1, 3, 7, 9), configEpoch=4))
    assert [server.cluster.slots[j] for j in (1, 2, 3, 7, 8, 9)] == [a, a, b, b, me, None]
    assert server.cluster.todo_before_sleep & CLUSTER_TODO_FSYNC_CONFIG
    update, = [p for p in redis.sent(b) if p.type == CLUSTERMSG_TYPE_UPDATE]    # slot 1 belongs to a newer epoch
    assert (update.data.nodename, update.data.configEpoch, update.data.slots) == (a.name, 5, slots_of(1, 2))


def test_who_loses_his_last_slot_becomes_a_replica(redis):
    me = server.cluster.myself
    b = redis.add_node(CLUSTER_NODE_MASTER)
    clusterAddSlot(me, 7)
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(7), configEpoch=4))
    assert me.slaveof is b and me.flags & CLUSTER_NODE_SLAVE and redis.masters == [("127.0.0.1", 7001)]


def test_unless_replica_migration_is_forbidden(redis):
    me = server.cluster.myself
    server.cluster_allow_replica_migration = 0
    b = redis.add_node(CLUSTER_NODE_MASTER, slots=[1])
    clusterAddSlot(me, 7)
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(1, 7), configEpoch=4))
    assert me.slaveof is None and redis.masters == []               # b has more than our slots: no failover of ours


def test_keys_of_lost_slots_are_deleted(redis):
    me = server.cluster.myself
    b = redis.add_node(CLUSTER_NODE_MASTER)
    redis("SET", "a", 1)
    clusterAddSlot(me, cluster.keyHashSlot(b"a"))
    clusterAddSlot(me, 7)
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(cluster.keyHashSlot(b"a")), configEpoch=4))
    assert me.slaveof is None and redis("DBSIZE") == 0


def test_a_slave_follows_its_master_s_slots(redis):
    me = server.cluster.myself
    a, b = redis.add_node(CLUSTER_NODE_MASTER, slots=[1]), redis.add_node(CLUSTER_NODE_MASTER)
    cluster.clusterSetMaster(a)
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(1), configEpoch=4))
    assert me.slaveof is b and a.numslaves == 0


def test_a_slave_without_master_and_a_claim_for_free_slots(redis):
    """C: a null pointer."""
    me = server.cluster.myself
    me.flags = CLUSTER_NODE_MYSELF | CLUSTER_NODE_SLAVE
    b = redis.add_node(CLUSTER_NODE_MASTER)
    redis.receive(redis.packet(b, CLUSTERMSG_TYPE_PING, myslots=slots_of(1), configEpoch=4))
    assert server.cluster.slots[1] is b


def test_updates(redis):
    a, b = redis.add_node(CLUSTER_NODE_MASTER, slots=[1], epoch=3), redis.add_node(CLUSTER_NODE_SLAVE, slaveof=server.cluster.myself)
    data = clusterMsgDataUpdate()
    data.nodename, data.configEpoch, data.slots = b.name, 4, slots_of(1, 2)
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_UPDATE, data=data))
    assert b.slaveof is not None
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_UPDATE, data=data))
    assert b.flags & CLUSTER_NODE_MASTER and b.configEpoch == 4 and b.numslots == 2 and a.numslots == 0
    me = server.cluster.myself
    data.nodename, data.configEpoch = me.name, 9
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_UPDATE, data=data))
    assert me.configEpoch == 0 and me.numslots == 0


def test_a_packet_that_claims_to_be_ours(redis):
    """C: takes over role and slots from it."""
    me = server.cluster.myself
    a = redis.add_node(CLUSTER_NODE_MASTER)
    clusterAddSlot(me, 5)
    redis.receive(redis.packet(me, CLUSTERMSG_TYPE_PING, slaveof=a.name, myslots=slots_of(9)))
    assert me.slaveof is None and me.numslots == 1


def test_epochs_wrap_instead_of_breaking(redis):
    a = redis.add_node(CLUSTER_NODE_MASTER, epoch=3)                # another than ours: no collision
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, currentEpoch=2**64 - 1))
    assert server.cluster.currentEpoch == 2**64 - 1
    redis("CLUSTER", "BUMPEPOCH")
    cluster_bus.clusterSendPing(a.link, CLUSTERMSG_TYPE_PING)
    assert redis.sent(a)[-1].currentEpoch == 0


# ---------------------------------------------------------------- the rest

def test_mfstart(redis, monkeypatch):
    pauses = []
    monkeypatch.setattr(cluster_bus, "pauseClients", lambda end, what: pauses.append((end, what)))
    slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=server.cluster.myself)
    other = redis.add_node(CLUSTER_NODE_MASTER)
    for node in (Stranger, other):
        redis.receive(redis.packet(node, CLUSTERMSG_TYPE_MFSTART))
        assert server.cluster.mf_end == 0
    link = redis.receive(redis.packet(slave, CLUSTERMSG_TYPE_MFSTART))
    assert server.cluster.mf_slave is slave and server.cluster.mf_end == server.mstime + 5000
    assert pauses == [(server.mstime + 10000, CLIENT_PAUSE_WRITE)]
    ping, = redis.sent(link)
    assert ping.type == CLUSTERMSG_TYPE_PING and ping.mflags == b"\1\0\0" and ping.offset == 77


def test_publish_of_a_stranger(redis, monkeypatch):
    got = []
    monkeypatch.setattr(cluster_bus, "pubsubPublishMessage", lambda c, m: got.append((c.ptr, m.ptr)))
    data = clusterMsgDataPublish()
    data.channel, data.message = b"c", b"m"
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PUBLISH, data=data))
    assert got == []                                                # nobody has subscribed
    monkeypatch.setattr(cluster_bus, "dictSize", lambda d: 1)
    redis.receive(redis.packet(Stranger, CLUSTERMSG_TYPE_PUBLISH, data=data))
    assert got == [(b"c", b"m")]


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 2255])
def test_packets_in_pieces(redis, cut):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    buf = clusterMsg_pack(redis.packet(a, CLUSTERMSG_TYPE_PING)) * 2
    link = redis.receive(buf[:cut])
    assert redis.sent(link) == []
    redis.receive(buf[cut:], link)
    assert len(redis.sent(link)) == 2 and not link.rcvbuf


def test_a_bug_of_ours_costs_the_link_only(redis, monkeypatch):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    monkeypatch.setattr(cluster_bus, "clusterSendPing", lambda *a: 1 // 0)
    link = redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING))
    assert link.conn is None


def test_unknown_types_and_versions_keep_the_link(redis):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    link = redis.receive(redis.packet(a, 12))
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PING, ver=2), link)
    assert link.conn is not None and redis.sent(link) == []
    assert server.cluster.stats_bus_messages_received[CLUSTERMSG_TYPE_PING] == 1


def test_nothing_is_written_before_the_loop_turns(redis):
    """ORDER: a packet waits in sndbuf until nodes.conf is saved."""
    a = redis.add_node(CLUSTER_NODE_MASTER)
    written = []
    a.link.conn.type.write = lambda conn, data: written.append(data)
    cluster_bus.clusterSendPing(a.link, CLUSTERMSG_TYPE_PING)
    assert written == [] and a.link.sndbuf
