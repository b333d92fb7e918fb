"""Votes, elections, manual failover, replica migration, the cron: one node, scripted peers, a clock that the test moves."""
import gc
import sys
import weakref

import pytest

from cluster import cluster, cluster_bus, cluster_failover
from cluster.cluster import clusterAddSlot, clusterLookupNode, clusterSetMaster
from cluster.cluster_bus import clusterStartHandshake
from cluster.cluster_failover import clusterBeforeSleep, clusterCron, clusterHandleSlaveFailover
from cluster.cluster_h import (
    CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_PING,
    CLUSTERMSG_TYPE_PONG, CLUSTER_NODE_FAIL, CLUSTER_NODE_MASTER, CLUSTER_NODE_NOFAILOVER, CLUSTER_NODE_PFAIL,
    CLUSTER_NODE_SLAVE, CLUSTER_OK, clusterMsg_start,
)
from server.server_h import C_OK, REPL_STATE_CONNECTED, server
from tests.support.clock import FakeClock
from tests.support.incluster import FakeConnection, InCluster, check_invariants


@pytest.fixture
def redis(monkeypatch):
    with FakeClock() as clock, InCluster(cluster_node_timeout=1000) as r:
        r.clock = clock
        r.masters, r.log, r.offset, r.pauses = [], [], [100], []
        for module in (cluster, cluster_bus, cluster_failover):
            monkeypatch.setattr(module, "replicationSetMaster", lambda ip, port: r.masters.append((ip, port)))
            monkeypatch.setattr(module, "serverLog", lambda level, fmt, *args: r.log.append(
                fmt % tuple(a.decode() if isinstance(a, bytes) else a for a in args)))
        monkeypatch.setattr(cluster_failover, "replicationUnsetMaster", lambda: r.masters.append(None))
        monkeypatch.setattr(cluster_failover, "unpauseClients", lambda: r.pauses.append("end"))
        for module in (cluster_bus, cluster_failover):
            monkeypatch.setattr(module, "replicationGetSlaveOffset", lambda: r.offset[0])
        monkeypatch.setattr(cluster_failover.random, "randrange", lambda n: 7)
        server.unixtime = clock.wall_ns // 10**9
        server.mstime = clock.wall_ns // 10**6
        server.repl_ping_slave_period = 10
        server.cluster_slave_validity_factor = 10
        server.master_repl_offset = 0
        yield r
        check_invariants()


def now():
    return cluster_failover.mstime()


def as_slave(redis, slaves=0, masters=2):
    """We are the slave of a master with slot 0, beside others with slots of their own."""
    master = redis.add_node(CLUSTER_NODE_MASTER, slots=[0], epoch=1)
    others = [redis.add_node(CLUSTER_NODE_MASTER, slots=[i + 1], epoch=i + 2) for i in range(masters)]
    clusterSetMaster(master)
    sisters = [redis.add_node(CLUSTER_NODE_SLAVE, slaveof=master) for _ in range(slaves)]
    server.cluster.size = 1 + masters
    server.cluster.currentEpoch = 5
    server.repl_state = 0
    server.repl_down_since = server.unixtime
    redis.log.clear()
    return master, others, sisters


def sent_types(*nodes):
    return [[clusterMsg_start(p)[4] for p in split(n.link.sndbuf)] for n in nodes]


def split(buf):
    packets = []
    while buf:
        totlen = clusterMsg_start(buf)[1]
        packets.append(bytes(buf[:totlen]))
        del buf[:totlen]
    return packets


# ---------------------------------------------------------------- votes

def request(redis, slave, **fields):
    fields.setdefault("currentEpoch", server.cluster.currentEpoch)
    redis.receive(redis.packet(slave, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, **fields))
    return CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK in sent_types(slave)[0]


@pytest.fixture
def voter(redis):
    """We are a master with a slot; a master has failed, and its slave asks."""
    clusterAddSlot(server.cluster.myself, 9)
    redis.master = redis.add_node(CLUSTER_NODE_MASTER | CLUSTER_NODE_FAIL, slots=[1, 2], epoch=3)
    redis.slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=redis.master, epoch=3)
    server.cluster.currentEpoch = 7
    return redis


def test_a_vote(voter):
    assert request(voter, voter.slave)
    assert server.cluster.lastVoteEpoch == 7 and voter.master.voted_time == now()
    assert voter.log[-1] == "Failover auth granted to %s for epoch 7" % voter.slave.name.decode()


def test_one_vote_an_epoch(voter):
    assert request(voter, voter.slave)
    voter.clock.advance(5000)
    assert not request(voter, voter.slave) and voter.log[-1].endswith("already voted for epoch 7")
    assert request(voter, voter.slave, currentEpoch=8)


@pytest.mark.parametrize("case,text", [
    ("we are a slave", None), ("we have no slots", None), ("old epoch", "reqEpoch (6) < curEpoch(7)"),
    ("it is a master", "it is a master node"), ("no master", "I don't know its master"), ("master is up", "its master is up"),
    ("voted lately", "can't vote about this master before 1500 milliseconds"), ("newer owner", "slot 2 epoch (9) > reqEpoch (3)"),
])
def test_denials(voter, case, text):
    me, slave, fields = server.cluster.myself, voter.slave, {}
    if case == "we are a slave":
        cluster.clusterDelSlot(9)
        me.flags = me.flags & ~CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE
    elif case == "we have no slots":
        cluster.clusterDelSlot(9)
    elif case == "old epoch":
        fields["currentEpoch"] = 6
    elif case == "it is a master":
        slave = voter.add_node(CLUSTER_NODE_MASTER)
    elif case == "no master":
        slave = voter.add_node(CLUSTER_NODE_SLAVE)
    elif case == "master is up":
        voter.master.flags &= ~CLUSTER_NODE_FAIL
    elif case == "voted lately":
        voter.master.voted_time = now() - 500
    elif case == "newer owner":
        cluster.clusterDelSlot(2)
        clusterAddSlot(voter.add_node(CLUSTER_NODE_MASTER, epoch=9), 2)
        fields["myslots"] = b"\x06" + bytes(2047)
    assert not request(voter, slave, **fields)
    assert server.cluster.lastVoteEpoch == 0
    if text:
        assert voter.log[-1] == "Failover auth denied to %s: %s" % (slave.name.decode(), text)


def test_forceack(voter):
    voter.master.flags &= ~CLUSTER_NODE_FAIL
    assert request(voter, voter.slave, mflags=b"\2\0\0")


def test_a_manual_failover_does_not_vote_twice_about_a_master(voter):
    voter.master.flags &= ~CLUSTER_NODE_FAIL
    voter.master.voted_time = now() - 1999
    assert not request(voter, voter.slave, mflags=b"\2\0\0")
    assert voter.log[-1].endswith("can't vote about this master before 1 milliseconds")
    voter.clock.advance(1)
    assert request(voter, voter.slave, mflags=b"\2\0\0")


def test_the_request_of_a_stranger(voter):
    stranger = voter.packet(voter.slave, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, sender=b"f" * 40)
    voter.receive(stranger)
    assert server.cluster.lastVoteEpoch == 0 and sent_types(voter.slave) == [[]]


def test_a_vote_for_a_slave_without_link_is_lost(voter):
    """It counts as given; the slave tries again with another epoch."""
    packet = voter.packet(voter.slave, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST)
    cluster_bus.freeClusterLink(voter.slave.link)
    voter.receive(packet)
    assert server.cluster.lastVoteEpoch == 7 and voter.log[-1].startswith("Failover auth granted")


def test_a_vote_is_on_disk_before_it_leaves(voter, monkeypatch):
    order = []
    monkeypatch.setattr(cluster, "clusterSaveConfig", lambda fsync: order.append(("saved", bool(fsync))) or 0)
    voter.slave.link.conn.type.write = lambda conn, data: order.append("sent") or len(data)
    voter.receive(voter.packet(voter.slave, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, currentEpoch=7))
    assert order == []
    clusterBeforeSleep()                                            # this turn
    cluster_bus.clusterWriteHandler(voter.slave.link.conn)          # the next one
    assert order == [("saved", True), "sent"]


def test_a_vote_is_saved_even_if_its_link_can_write_in_the_same_turn(voter, monkeypatch):
    """The barrier orders the two handlers of one socket; the request came on another.  C: the vote leaves unsaved."""
    order = []
    save = cluster.clusterSaveConfig
    monkeypatch.setattr(cluster, "clusterSaveConfig", lambda fsync: order.append(("saved", bool(fsync))) or save(fsync))
    voter.slave.link.conn.type.write = lambda conn, data: order.append("sent") or len(data)
    cluster_bus.clusterSendPing(voter.slave.link, CLUSTERMSG_TYPE_PING)             # a turn ago: the write handler is set
    voter.receive(voter.packet(voter.slave, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, currentEpoch=7))
    cluster_bus.clusterWriteHandler(voter.slave.link.conn)                          # the poll found it writable, too
    assert order == [("saved", True), "sent"]
    clusterBeforeSleep()
    assert order == [("saved", True), "sent"]                                       # and that was all


# ---------------------------------------------------------------- elections

def test_an_election_that_begins_before_the_loop_sleeps(redis, monkeypatch):
    """CLUSTER FAILOVER: the epoch is on disk before anybody is asked.  C: clusterBeforeSleep saves it a turn later."""
    _, others, _ = as_slave(redis)
    order = []
    monkeypatch.setattr(cluster, "clusterSaveConfig", lambda fsync: order.append((server.cluster.currentEpoch, bool(fsync))) or 0)
    others[0].link.conn.type.write = lambda conn, data: order.append("sent") or len(data)
    redis("CLUSTER", "FAILOVER", "FORCE")
    clusterHandleSlaveFailover()                                    # from the cron: begins without delay
    clusterBeforeSleep()
    assert server.cluster.failover_auth_sent and server.cluster.currentEpoch == 6
    cluster_bus.clusterWriteHandler(others[0].link.conn)            # the next turn
    assert order[-2:] == [(6, True), "sent"]


def test_an_election(redis, monkeypatch):
    master, others, sisters = as_slave(redis, slaves=1)
    me = server.cluster.myself
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_time == 0                   # the master is up
    master.flags |= CLUSTER_NODE_FAIL
    master.fail_time = now()

    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_time == now() + 507
    assert redis.log[-1] == "Start of election delayed for 507 milliseconds (rank #0, offset 100)."
    assert sent_types(*sisters, *others) == [[CLUSTERMSG_TYPE_PONG], [], []]

    sisters[0].repl_offset = 101                                    # it has more: we come a second later
    clusterHandleSlaveFailover()
    assert redis.log[-1] == "Replica rank updated to #1, added 1000 milliseconds of delay."
    redis.clock.advance(1506)
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_sent == 0
    redis.clock.advance(1)
    clusterHandleSlaveFailover()
    assert redis.log[-1] == "Starting a failover election for epoch 6."
    assert sent_types(*others) == [[CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST]] * 2

    # Votes: not of a slave, not of an older epoch.
    redis.receive(redis.packet(sisters[0], CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
    redis.receive(redis.packet(others[0], CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=5))
    assert server.cluster.failover_auth_count == 0
    redis.receive(redis.packet(others[0], CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
    clusterBeforeSleep()
    assert me.slaveof is master                                     # one of two
    order = []
    monkeypatch.setattr(cluster, "clusterSaveConfig", lambda fsync: order.append("saved") or 0)
    monkeypatch.setattr(cluster_failover, "clusterBroadcastPong", lambda target: order.append("told"))
    redis.receive(redis.packet(others[1], CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
    clusterBeforeSleep()
    assert me.flags & CLUSTER_NODE_MASTER and me.slaveof is None and me.configEpoch == 6 and redis.masters[-1] is None
    assert server.cluster.slots[0] is me and master.numslots == 0 and order == ["saved", "told"]


def test_an_attempt_expires_and_is_repeated(redis):
    master, others, _ = as_slave(redis)
    master.flags |= CLUSTER_NODE_FAIL
    clusterHandleSlaveFailover()
    first = server.cluster.failover_auth_time
    redis.clock.advance(600)
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_sent == 1
    redis.clock.advance(1950)
    clusterHandleSlaveFailover()                                    # 2,043 ms after it began: too old, too early for the next
    assert redis.log[-1] == "Currently unable to failover: Failover attempt expired."
    redis.clock.advance(2000)
    server.cluster_slave_validity_factor = 0
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_time > first + 4000 and server.cluster.failover_auth_sent == 0


@pytest.mark.parametrize("case", ["no slots", "no failover", "old data", "master unknown"])
def test_reasons_not_to_stand(redis, case):
    master, _, _ = as_slave(redis)
    master.flags |= CLUSTER_NODE_FAIL
    if case == "no slots":
        cluster.clusterDelSlot(0)
    elif case == "no failover":
        server.cluster_slave_no_failover = 1
    elif case == "old data":
        server.repl_down_since = server.unixtime - 22
    elif case == "master unknown":
        cluster.clusterDelNode(master)
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_time == 0
    if case == "old data":
        assert redis.log[-1].startswith("Currently unable to failover: Disconnected from master for longer than allowed.")
        server.repl_down_since = server.unixtime - 21               # 20 s and the timeout, as long as is allowed
        clusterHandleSlaveFailover()
        assert server.cluster.failover_auth_time


def test_each_reason_is_logged(redis):
    """One election that waits for its delay, for votes, and expires; then the data is too old."""
    master, _, _ = as_slave(redis)
    master.flags |= CLUSTER_NODE_FAIL
    master.fail_time = now() - 6000                                 # long enough, so that reasons are logged
    server.cluster_slave_validity_factor = 0
    prefix = "Currently unable to failover: "

    def step(ms):
        redis.clock.advance(ms)
        del redis.log[:]
        clusterHandleSlaveFailover()
        return redis.log
    assert step(0) == ["Start of election delayed for 507 milliseconds (rank #0, offset 100)."]
    assert step(506) == [prefix + "Waiting the delay before I can start a new failover."]
    assert step(0) == []                                            # once
    assert step(1) == ["Starting a failover election for epoch 6."]
    assert step(1) == [prefix + "Waiting for votes, but majority still not reached."]
    assert step(1998) == []
    assert step(2) == [prefix + "Failover attempt expired."]
    server.cluster_slave_validity_factor = 10
    server.repl_down_since = server.unixtime - 100
    assert step(0) == [prefix + "Disconnected from master for longer than allowed. Please check the "
                       "'cluster-replica-validity-factor' configuration option."]
    master.flags &= ~CLUSTER_NODE_FAIL
    assert step(0) == [] and server.cluster.cant_failover_reason == 0


@pytest.mark.parametrize("case", ["old data", "no failover", "worse rank"])
def test_a_manual_failover_passes_over(redis, case):
    """What keeps a slave from an election of its own does not count when the operator wants it."""
    _, _, sisters = as_slave(redis, slaves=1)
    if case == "old data":
        server.repl_down_since = server.unixtime - 100
    elif case == "no failover":
        server.cluster_slave_no_failover = 1
    else:
        sisters[0].repl_offset = 1000
    assert redis("CLUSTER", "FAILOVER", "FORCE") == b"OK"
    clusterHandleSlaveFailover()
    assert redis.log[-1] == "Start of election delayed for 0 milliseconds (rank #0, offset 100)."
    clusterBeforeSleep()
    assert redis.log[-1] == "Starting a failover election for epoch 6."


def test_the_quorum_is_that_of_the_masters_with_slots(redis):
    """Five masters: two votes are not enough, three are; votes that come too late do not elect."""
    master, others, _ = as_slave(redis, masters=4)
    master.flags |= CLUSTER_NODE_FAIL
    clusterHandleSlaveFailover()
    redis.clock.advance(507)
    clusterHandleSlaveFailover()
    for other in others[:2]:
        redis.receive(redis.packet(other, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
        clusterBeforeSleep()
    assert server.cluster.failover_auth_count == 2 and server.cluster.myself.slaveof is master
    redis.clock.advance(2001)
    redis.receive(redis.packet(others[2], CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
    clusterBeforeSleep()
    assert server.cluster.failover_auth_count == 3 and server.cluster.myself.slaveof is master


def test_age_of_the_data_of_a_living_link(redis):
    master, _, _ = as_slave(redis)
    master.flags |= CLUSTER_NODE_FAIL
    server.repl_state = REPL_STATE_CONNECTED
    server.master = redis.c
    server.master.lastinteraction = server.unixtime - 22
    clusterHandleSlaveFailover()
    assert server.cluster.failover_auth_time == 0


def test_rank_leaves_out_those_who_do_not_stand(redis):
    _, _, sisters = as_slave(redis, slaves=3)
    for sister, offset in zip(sisters, (101, 100, 200)):
        sister.repl_offset = offset
    sisters[2].flags |= CLUSTER_NODE_NOFAILOVER
    assert cluster_failover.clusterGetSlaveRank() == 1


def test_the_reason_is_logged_once(redis):
    master, _, _ = as_slave(redis)
    cluster_failover._clusterLogCantFailover_lastlog_time = 0
    master.flags |= CLUSTER_NODE_FAIL
    master.fail_time = now()
    cluster_failover.clusterLogCantFailover(4)
    assert redis.log == []                                          # too early
    redis.clock.advance(6000)
    cluster_failover.clusterLogCantFailover(2)
    cluster_failover.clusterLogCantFailover(2)
    assert redis.log == ["Currently unable to failover: Waiting the delay before I can start a new failover."]
    redis.clock.advance(300000)
    cluster_failover.clusterLogCantFailover(2)
    assert len(redis.log) == 2


# ---------------------------------------------------------------- manual failover

def test_manual_failover_of_the_slave(redis):
    master, others, _ = as_slave(redis)
    assert redis("CLUSTER", "FAILOVER") == b"OK"
    assert sent_types(master) == [[CLUSTERMSG_TYPE_MFSTART]] and server.cluster.mf_end == now() + 5000
    redis.receive(redis.packet(master, CLUSTERMSG_TYPE_PING, offset=140))
    assert server.cluster.mf_master_offset == -1                    # not paused yet
    redis.receive(redis.packet(master, CLUSTERMSG_TYPE_PING, offset=150, mflags=b"\1\0\0"))
    assert server.cluster.mf_master_offset == 150
    clusterBeforeSleep()
    assert not server.cluster.mf_can_start                          # we are at 100
    redis.offset[0] = 150
    clusterBeforeSleep()
    assert server.cluster.mf_can_start
    for _ in range(4):
        clusterBeforeSleep()
    assert server.cluster.failover_auth_sent == 1                   # no delay
    packets = split(others[0].link.sndbuf)
    assert packets[-1][2253] == 2                                   # FORCEACK
    for other in others:
        redis.receive(redis.packet(other, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, currentEpoch=6))
    clusterBeforeSleep()
    assert server.cluster.myself.flags & CLUSTER_NODE_MASTER and server.cluster.mf_end == 0


def test_manual_failover_times_out(redis):
    master, _, _ = as_slave(redis)
    redis("CLUSTER", "FAILOVER")
    redis.clock.advance(5001)
    cluster_failover.manualFailoverCheckTimeout()
    assert server.cluster.mf_end == 0 and redis.log[-1] == "Manual failover timed out."
    assert redis.pauses == []
    server.cluster.mf_slave, server.cluster.mf_end = master, 1      # as the master
    cluster_failover.manualFailoverCheckTimeout()
    assert redis.pauses == ["end"]


def test_takeover_asks_nobody(redis):
    master, others, _ = as_slave(redis)
    master.flags |= CLUSTER_NODE_FAIL
    assert redis("CLUSTER", "FAILOVER").text.startswith("ERR Master is down or failed")
    assert redis("CLUSTER", "FAILOVER", "TAKEOVER") == b"OK"
    assert server.cluster.myself.configEpoch == 6 and server.cluster.slots[0] is server.cluster.myself
    assert sent_types(*others) == [[CLUSTERMSG_TYPE_PONG]] * 2


def test_the_master_of_a_manual_failover_forgets_a_deleted_slave(redis):
    slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=server.cluster.myself)
    server.cluster.mf_slave, server.cluster.mf_end = slave, now() + 5000
    cluster.clusterDelNode(slave)
    assert server.cluster.mf_slave is None and redis.pauses == ["end"]


# ---------------------------------------------------------------- replica migration

def migration(redis):
    """We, with the smallest id, and a sister are slaves of one master; another master has lost its slaves."""
    master, others, sisters = as_slave(redis, slaves=1)
    me = server.cluster.myself
    cluster.clusterRenameNode(me, b"0" * 40)
    orphan = others[0]
    orphan.flags |= 256                                             # CLUSTER_NODE_MIGRATE_TO
    server.cluster.state = CLUSTER_OK
    redis.masters.clear()
    return master, orphan, sisters


def run(redis, ms):
    cluster_failover.clusterHandleSlaveMigration(2)
    redis.clock.advance(ms)
    cluster_failover.clusterHandleSlaveMigration(2)


def test_a_replica_migrates(redis):
    master, orphan, _ = migration(redis)
    run(redis, 5000)
    assert server.cluster.myself.slaveof is master                  # not before five seconds are over
    run(redis, 1)
    assert server.cluster.myself.slaveof is orphan and len(redis.masters) == 1


@pytest.mark.parametrize("case", ["barrier", "another candidate", "cluster fails", "orphan has a slave", "orphan has failed",
                                  "orphan never had one", "orphan has no slots", "sister is sick"])
def test_it_stays(redis, case):
    master, orphan, sisters = migration(redis)
    if case == "barrier":
        server.cluster_migration_barrier = 2
    elif case == "another candidate":
        cluster.clusterRenameNode(server.cluster.myself, b"f" * 40)
    elif case == "cluster fails":
        server.cluster.state = 1
    elif case == "orphan has a slave":
        redis.add_node(CLUSTER_NODE_SLAVE, slaveof=orphan)
    elif case == "orphan has failed":
        orphan.flags |= CLUSTER_NODE_FAIL
    elif case == "orphan never had one":
        orphan.flags &= ~256
    elif case == "orphan has no slots":
        cluster.clusterDelNodeSlots(orphan)
    elif case == "sister is sick":
        sisters[0].flags |= CLUSTER_NODE_PFAIL
    run(redis, 6000)
    assert server.cluster.myself.slaveof is master


# ---------------------------------------------------------------- the cron

@pytest.fixture
def connects(monkeypatch):
    """Connections that the cron makes; `refuse` lets them fail at once."""
    made = type("made", (), {"addresses": [], "refuse": False})()

    def connect(conn, ip, port, src_addr, handler):
        made.addresses.append((ip, port))
        return -1 if made.refuse else C_OK
    monkeypatch.setattr(cluster_failover, "connConnect", connect)
    monkeypatch.setattr(cluster_failover, "connCreateSocket", FakeConnection)
    server.cluster.state = CLUSTER_OK
    cluster_failover._clusterCron_iteration = 0
    return made


def test_the_cron_connects_and_pings(redis, connects):
    a = redis.add_node(CLUSTER_NODE_MASTER, linked=False)
    clusterCron()
    assert connects.addresses == [("127.0.0.1", 17001)] and a.link.node is a
    cluster_bus.clusterLinkConnectHandler(a.link.conn)
    # As in C, one waited already for the connection: there was no news of the node.
    assert sent_types(a) == [[CLUSTERMSG_TYPE_PING] * 2] and a.ping_sent == now()
    redis.receive(redis.packet(a, CLUSTERMSG_TYPE_PONG), a.link)
    redis.clock.advance(500)
    clusterCron()
    assert sent_types(a) == [[]]
    redis.clock.advance(1)
    clusterCron()                                                   # half a timeout without news
    assert sent_types(a) == [[CLUSTERMSG_TYPE_PING]]


def test_a_silent_node_becomes_pfail(redis, connects):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    a.pong_received = a.data_received = now()
    redis.clock.advance(501)
    clusterCron()
    assert a.ping_sent == now()
    link = a.link
    redis.clock.advance(500)
    clusterCron()
    assert a.link is link
    redis.clock.advance(1)
    clusterCron()                                                   # half a timeout: try a new connection
    assert link.conn is None
    clusterCron()
    assert a.link is not link and not a.flags & CLUSTER_NODE_PFAIL
    redis.clock.advance(500)
    clusterCron()
    assert a.flags & CLUSTER_NODE_PFAIL and a.link is not None
    clusterCron()
    assert server.cluster.stats_pfail_nodes == 1


def test_data_is_a_sign_of_life(redis, connects):
    a = redis.add_node(CLUSTER_NODE_MASTER)
    a.ping_sent = now()
    for _ in range(5):
        redis.clock.advance(400)
        a.data_received = now()
        clusterCron()
    assert not a.flags & CLUSTER_NODE_PFAIL


def test_a_node_that_cannot_be_reached_at_all(redis, connects):
    connects.refuse = True
    a = redis.add_node(CLUSTER_NODE_MASTER, linked=False)
    clusterCron()
    assert a.link is None and a.ping_sent == now()
    redis.clock.advance(1001)
    clusterCron()
    assert a.flags & CLUSTER_NODE_PFAIL


def test_an_older_ping_is_not_forgotten(redis, connects):
    a = redis.add_node(CLUSTER_NODE_MASTER, linked=False)
    a.ping_sent = 5
    clusterCron()
    cluster_bus.clusterLinkConnectHandler(a.link.conn)
    assert a.ping_sent == 5


def test_handshakes_end(redis, connects):
    server.cluster_node_timeout = 1
    clusterStartHandshake(b"127.0.0.1", 7009, 17009)
    clusterCron()
    assert connects.addresses == [("127.0.0.1", 17009)]
    redis.clock.advance(1000)
    clusterCron()
    assert len(cluster.cluster_nodes()) == 2                        # at least a second
    redis.clock.advance(1)
    clusterCron()
    assert cluster.cluster_nodes() == [server.cluster.myself]


def test_announce_ip_follows_the_configuration(redis, connects):
    me = server.cluster.myself
    server.cluster_announce_ip = "10.9.8.7"
    clusterCron()
    assert me.ip == b"10.9.8.7"
    server.cluster_announce_ip = None
    clusterCron()
    assert me.ip == b""
    server.cluster_slave_no_failover = 1
    clusterCron()
    assert me.flags & CLUSTER_NODE_NOFAILOVER


def test_a_slave_without_replication_starts_it(redis, connects):
    master = redis.add_node(CLUSTER_NODE_MASTER, slots=[1])
    me = server.cluster.myself
    me.flags = me.flags & ~CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE
    me.slaveof = master
    cluster.clusterNodeAddSlave(master, me)
    server.masterhost = None
    clusterCron()
    assert redis.masters == [("127.0.0.1", 7001)]


def test_the_slave_of_a_manual_failover_is_pinged_each_time(redis, connects):
    slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=server.cluster.myself)
    slave.ping_sent = slave.pong_received = slave.data_received = now()
    server.cluster.mf_slave, server.cluster.mf_end = slave, now() + 5000
    clusterCron()
    clusterCron()
    assert sent_types(slave) == [[CLUSTERMSG_TYPE_PING] * 2]


def test_one_random_node_a_second(redis, connects):
    nodes = [redis.add_node(CLUSTER_NODE_MASTER) for _ in range(3)]
    for i, node in enumerate(nodes):
        node.pong_received = node.data_received = now() - i
    for _ in range(10):
        clusterCron()
    assert sum(len(types) for types in sent_types(*nodes)) == 1


@pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="this interpreter frees by its collector only")
def test_meet_and_forget_a_thousand_times(redis, connects):
    """Nothing is left of a node: the collector is off."""
    class Watched(FakeConnection):
        __slots__ = ("__weakref__",)
    connects_made = []

    def create():
        conn = Watched()
        connects_made.append(weakref.ref(conn))
        return conn
    cluster_failover.connCreateSocket = create
    gc.disable()
    try:
        for i in range(1000):
            clusterStartHandshake(b"10.0.%d.%d" % (i // 250, i % 250), 7009, 17009)
            node = next(n for n in cluster.cluster_nodes() if n is not server.cluster.myself)
            clusterCron()
            redis("CLUSTER", "FORGET", node.name)
            assert clusterLookupNode(node.name) is None
        del node
        assert [r for r in connects_made if r() is not None] == [] and len(connects_made) == 1000
    finally:
        gc.enable()
