"""Key slots, the tables of nodes and slots, nodes.conf, the state of the cluster, its text."""
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster import cluster
from cluster.cluster import (
    bitmap_newer_owner, bitmap_runs, bitmap_slots, clusterAddSlot, clusterBlacklistAddNode, clusterBlacklistExists,
    clusterBumpConfigEpochWithoutConsensus, clusterDelNode, clusterDelSlot, clusterGenNodesDescription,
    clusterHandleConfigEpochCollision, clusterLoadConfig, clusterLockConfig, clusterLookupNode, clusterNodeAddFailureReport,
    clusterNodeFailureReportsCount, clusterReset, clusterSaveConfig, clusterUpdateState, cluster_open_slots,
    createClusterNode, deriveAnnouncedPorts, keyHashSlot, verifyClusterConfigWithData,
)
from cluster.cluster_h import (
    CLUSTER_FAIL, CLUSTER_NODE_FAIL, CLUSTER_NODE_HANDSHAKE, CLUSTER_NODE_MASTER, CLUSTER_NODE_MIGRATE_TO, CLUSTER_NODE_PFAIL,
    CLUSTER_NODE_SLAVE, CLUSTER_OK, CLUSTER_SLOTS, clusterState,
)
from datastructs.dict import dictCreate, dictSize
from server.dict_types import clusterNodesBlackListDictType, clusterNodesDictType
from server.server_h import C_ERR, C_OK, server
from tests.support.clock import FakeClock
from tests.support.incluster import InCluster, check_invariants

bitmaps = st.one_of(st.binary(min_size=2048, max_size=2048),
                    st.lists(st.tuples(st.integers(0, 16383), st.integers(0, 300)), max_size=20).map(
                        lambda runs: bitmap_of(j for a, n in runs for j in range(a, min(a + n, CLUSTER_SLOTS)))))


def bitmap_of(slots):
    bitmap = bytearray(2048)
    for j in slots:
        bitmap[j >> 3] |= 1 << (j & 7)
    return bytes(bitmap)


@pytest.mark.parametrize("key,slot", [
    (b"123456789", 0x31c3), (b"foo", 12182), (b"{user1000}.following", 3443), (b"{user1000}.followers", 3443),
    (b"foo{}{bar}", 8363), (b"foo{{bar}}zap", 4015), (b"foo{bar}{zap}", 5061), (b"", 0), (b"{}", 15257),
])
def test_key_hash_slot(key, slot):
    assert keyHashSlot(key) == slot


# ---------------------------------------------------------------- bitmaps

@given(bitmaps)
@settings(max_examples=30, deadline=None)
def test_bits_and_runs_against_a_plain_loop(bitmap):
    bits = [j for j in range(CLUSTER_SLOTS) if bitmap[j // 8] & 1 << (j & 7)]
    assert bitmap_slots(bitmap) == bits
    runs, start = [], -1
    for j in range(CLUSTER_SLOTS + 1):                  # C: clusterGenNodeDescription
        bit = j < CLUSTER_SLOTS and bitmap[j // 8] & 1 << (j & 7)
        if bit and start == -1:
            start = j
        if start != -1 and not bit:
            runs.append((start, j - 1))
            start = -1
    assert bitmap_runs(bitmap) == runs


@given(st.lists(st.tuples(st.integers(0, 16383), st.integers(0, 3)), max_size=30), bitmaps, st.integers(0, 4))
@settings(max_examples=30, deadline=None)
def test_newer_owner_against_a_plain_loop(claims, claimed, epoch):
    with InCluster() as redis:
        nodes = [redis.add_node(CLUSTER_NODE_MASTER, epoch=i, linked=False) for i in range(4)]
        for slot, i in claims:
            clusterAddSlot(nodes[i], slot)
        expected = -1
        for j in range(CLUSTER_SLOTS):
            owner = server.cluster.slots[j]
            if claimed[j // 8] & 1 << (j & 7) and owner is not None and owner is not nodes[3] and owner.configEpoch > epoch:
                expected = j
                break
        assert bitmap_newer_owner(claimed, epoch, nodes[3]) == expected
        check_invariants()


# ---------------------------------------------------------------- nodes

@given(st.lists(st.tuples(st.sampled_from("add del give take report"
                                          " reset open".split()), st.integers(0, 5), st.integers(0, 40)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_tables_stay_consistent(steps):
    with InCluster() as redis:
        nodes = [server.cluster.myself]
        for what, i, j in steps:
            node = nodes[i % len(nodes)]
            if what == "add":
                slave = j % 2 and node.flags & CLUSTER_NODE_MASTER
                nodes.append(redis.add_node(CLUSTER_NODE_SLAVE if slave else CLUSTER_NODE_MASTER, slaveof=node if slave else None))
            elif what == "del" and node is not server.cluster.myself:
                clusterDelNode(node)
                nodes.remove(node)
            elif what == "give":
                assert (clusterAddSlot(node, j) == C_OK) == (server.cluster.slots[j] is node and node.slots[j >> 3] >> (j & 7) & 1) \
                    or server.cluster.slots[j] is not None
            elif what == "take":
                clusterDelSlot(j)
            elif what == "report":
                clusterNodeAddFailureReport(node, nodes[j % len(nodes)])
            elif what == "open":
                server.cluster.migrating_slots_to[j] = node
                server.cluster.importing_slots_from[j + 1] = node
                assert j in cluster_open_slots()
            elif what == "reset":
                clusterReset(j % 2)
                nodes = [server.cluster.myself]
            check_invariants()
            for node in nodes:
                ln = node.fail_reports.head
                while ln is not None:
                    assert ln.value.node in nodes
                    ln = ln.next


def test_a_deleted_node_leaves_nothing_behind():
    with InCluster() as redis:
        master = redis.add_node(CLUSTER_NODE_MASTER, slots=range(3))
        slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=master)
        link = master.link
        server.cluster.importing_slots_from[9] = master
        clusterDelNode(master)
        assert link.conn is None and link.node is None and slave.slaveof is None and not server.cluster.slots[1]
        assert server.cluster.importing_slots_from[9] is None and clusterLookupNode(master.name) is None
        check_invariants()


def test_failure_reports_expire():
    with FakeClock() as clock, InCluster(cluster_node_timeout=1000) as redis:
        a, b = redis.add_node(CLUSTER_NODE_MASTER), redis.add_node(CLUSTER_NODE_MASTER)
        assert clusterNodeAddFailureReport(a, b) == 1
        assert clusterNodeAddFailureReport(a, b) == 0
        clock.advance(2000)
        assert clusterNodeFailureReportsCount(a) == 1
        clock.advance(2)
        assert clusterNodeFailureReportsCount(a) == 0


def test_blacklist():
    with FakeClock() as clock, InCluster() as redis:
        node = redis.add_node(CLUSTER_NODE_MASTER)
        server.unixtime = clock.wall_ns // 10**9
        clusterBlacklistAddNode(node)
        assert clusterBlacklistExists(node.name.upper())            # as in C, the case does not matter
        server.unixtime += 60
        assert clusterBlacklistExists(node.name)
        server.unixtime += 1
        assert not clusterBlacklistExists(node.name)
        assert dictSize(server.cluster.nodes_black_list) == 0


def test_epochs():
    with InCluster() as redis:
        myself = server.cluster.myself
        assert clusterBumpConfigEpochWithoutConsensus() == C_OK and myself.configEpoch == 1
        assert clusterBumpConfigEpochWithoutConsensus() == C_ERR
        myself.name, small, great = b"5" * 40, b"1" * 40, b"9" * 40
        cluster.dictDelete(server.cluster.nodes, cluster.cluster_nodes()[0].name)
        node = redis.add_node(CLUSTER_NODE_MASTER, name=small, epoch=1)
        clusterHandleConfigEpochCollision(node)
        assert myself.configEpoch == 1                              # the other one has the smaller id: its turn
        node = redis.add_node(CLUSTER_NODE_MASTER, name=great, epoch=1)
        clusterHandleConfigEpochCollision(node)
        assert myself.configEpoch == server.cluster.currentEpoch == 2
        server.cluster.currentEpoch = 2**64 - 1
        node.configEpoch = myself.configEpoch
        clusterHandleConfigEpochCollision(node)
        assert myself.configEpoch == 0                              # as C's uint64_t


@pytest.mark.parametrize("fields,ports", [
    ({}, (7000, 0, 17000)),
    ({"cluster_announce_port": 1, "cluster_announce_bus_port": 2}, (1, 0, 2)),
    ({"tls_cluster": 1, "tls_port": 7100}, (7100, 7000, 17100)),
    ({"tls_cluster": 1, "tls_port": 7100, "cluster_announce_tls_port": 3, "cluster_announce_port": 4}, (3, 4, 17100)),
    ({"cluster_announce_tls_port": 3}, (7000, 0, 17000)),
])
def test_announced_ports(fields, ports):
    with InCluster(**fields):
        assert deriveAnnouncedPorts() == ports


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(1, 6)), max_size=60), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_the_text_of_slots_is_mended(steps, every):
    """After each step, or after a few, the text is that of a node that gets all its slots at once."""
    with InCluster() as redis:
        node = redis.add_node(CLUSTER_NODE_MASTER)
        for step, (add, start, n) in enumerate(steps):
            for j in range(start, start + n):
                if add:
                    clusterAddSlot(node, j)
                else:
                    clusterDelSlot(j)
            if every and step % every == 0:
                expected = b"".join(b" %d" % a if a == b else b" %d-%d" % (a, b) for a, b in bitmap_runs(node.slots))
                assert cluster.cluster_slots_text(node) == expected
        for j in range(1000, 1000 + 2 * cluster.SLOTS_CHANGED_MAX, 2):
            clusterAddSlot(node, j)
        expected = b"".join(b" %d" % a if a == b else b" %d-%d" % (a, b) for a, b in bitmap_runs(node.slots))
        assert cluster.cluster_slots_text(node) == cluster.cluster_slots_text(node) == expected
        check_invariants()


# ---------------------------------------------------------------- nodes.conf

def fresh():
    """Forget all nodes, as a process that was just started."""
    server.cluster = clusterState()
    server.cluster.nodes = dictCreate(clusterNodesDictType)
    server.cluster.nodes_black_list = dictCreate(clusterNodesBlackListDictType)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**64 - 1), st.lists(st.integers(0, 16383), max_size=30)), max_size=6),
       st.integers(0, 2**64 - 1))
@settings(max_examples=40, deadline=None)
def test_nodes_conf_comes_back(nodes, vote):
    with InCluster() as redis:
        master = server.cluster.myself
        for is_slave, epoch, slots in nodes:
            if is_slave:
                redis.add_node(CLUSTER_NODE_SLAVE, slaveof=master, linked=False)
            else:
                master = redis.add_node(CLUSTER_NODE_MASTER, epoch=epoch, linked=False)
                for j in slots:
                    clusterAddSlot(master, j)
        redis.add_node(CLUSTER_NODE_HANDSHAKE, linked=False)
        server.cluster.migrating_slots_to[7] = server.cluster.importing_slots_from[9] = master
        server.cluster.currentEpoch, server.cluster.lastVoteEpoch = 2**64 - 1, vote
        assert clusterSaveConfig(1) == 0
        before = clusterGenNodesDescription(CLUSTER_NODE_HANDSHAKE, 0)
        fresh()
        assert clusterLoadConfig(server.cluster_configfile) == C_OK
        check_invariants()
        assert sorted(clusterGenNodesDescription(0, 0).split(b"\n")) == sorted(before.split(b"\n"))
        assert (server.cluster.currentEpoch, server.cluster.lastVoteEpoch) == (2**64 - 1, vote)


def test_saving_pads_and_cuts():
    with InCluster():
        with open(server.cluster_configfile, "wb") as f:
            f.write(b"x" * 5000)
        assert clusterSaveConfig(0) == 0
        with open(server.cluster_configfile, "rb") as f:
            content = f.read()
        assert content.startswith(server.cluster.myself.name) and content.endswith(b"lastVoteEpoch 0\n")
        # A process that was killed before ftruncate leaves newlines.
        with open(server.cluster_configfile, "ab") as f:
            f.write(b"\n" * 100)
        fresh()
        assert clusterLoadConfig(server.cluster_configfile) == C_OK


def test_a_save_that_fails():
    with InCluster():
        server.cluster_configfile = os.path.join(server.cluster_configfile, "no", "such")
        assert clusterSaveConfig(1) == -1
        with pytest.raises(SystemExit) as stop:
            cluster.clusterSaveConfigOrDie(1)
        assert stop.value.code == 1


def test_the_order_of_a_save(monkeypatch):
    """One write, then fsync, then ftruncate: whatever is cut off, the file is whole."""
    with InCluster():
        with open(server.cluster_configfile, "wb") as f:
            f.write(b"\n" * 5000)
        calls = []
        for name in ("write", "fsync", "ftruncate"):
            real = getattr(os, name)
            monkeypatch.setattr(cluster.os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1])
        assert clusterSaveConfig(1) == 0
        assert calls == ["write", "fsync", "ftruncate"]


def test_load_without_a_file():
    with InCluster():
        assert clusterLoadConfig(server.cluster_configfile) == C_ERR
        open(server.cluster_configfile, "wb").close()
        assert clusterLoadConfig(server.cluster_configfile) == C_ERR


GOOD = b"a" * 40 + b" 127.0.0.1:7000@17000 myself,master - 0 0 1 connected"


@pytest.mark.parametrize("text", [
    b"vars currentEpoch\n", GOOD.replace(b"a" * 40, b"a" * 39), GOOD.replace(b" connected", b""), GOOD.replace(b":", b"."),
    GOOD + b" 16384", GOOD + b" 5-16384", GOOD + b" [16384->-" + b"b" * 40 + b"]", GOOD + b" [5->-bb]", GOOD + b" [5",
    GOOD.replace(b"myself,", b""), GOOD + b"\n" + GOOD.replace(b"a" * 40, b"b" * 40), b'"', b"  ",
    GOOD.replace(b"127.0.0.1", b"1" * 46), GOOD + b"\n" + b"b" * 40 + b" :0@0 slave c - 0 0 0",
])
def test_damaged_files_end_the_start(text):
    with InCluster():
        fresh()
        with open(server.cluster_configfile, "wb") as f:
            f.write(text + b"\n")
        with pytest.raises(SystemExit) as stop:
            clusterLoadConfig(server.cluster_configfile)
        assert stop.value.code == 1


def test_unknown_flag_is_a_panic(monkeypatch):
    class Panic(Exception):
        pass

    def panic(text):
        raise Panic(text)
    monkeypatch.setattr(cluster, "serverPanic", panic)
    with InCluster():
        fresh()
        with open(server.cluster_configfile, "wb") as f:
            f.write(GOOD.replace(b"master", b"emperor"))
        with pytest.raises(Panic, match="Unknown flag in redis cluster config file"):
            clusterLoadConfig(server.cluster_configfile)


def test_an_old_file_without_bus_port():
    with InCluster():
        fresh()
        with open(server.cluster_configfile, "wb") as f:
            f.write(GOOD.replace(b"@17000", b"") + b" 0-3 7\nvars currentEpoch 0 lastVoteEpoch 99999999999999999999 colour 5\n")
        assert clusterLoadConfig(server.cluster_configfile) == C_OK
        myself = server.cluster.myself
        assert (myself.port, myself.cport, myself.numslots) == (7000, 17000, 5)
        assert server.cluster.currentEpoch == 1 and server.cluster.lastVoteEpoch == 2**64 - 1


def test_two_nodes_cannot_share_a_file():
    with InCluster():
        assert clusterLockConfig(server.cluster_configfile) == C_OK
        fd = server.cluster_config_file_lock_fd
        assert clusterLockConfig(server.cluster_configfile) == C_ERR
        os.close(fd)
        assert clusterLockConfig(server.cluster_configfile) == C_OK
        os.close(server.cluster_config_file_lock_fd)
        assert clusterLockConfig("/no/such/folder/nodes.conf") == C_ERR


# ---------------------------------------------------------------- state

def test_state():
    with FakeClock() as clock, InCluster(cluster_node_timeout=1000) as redis:
        myself = server.cluster.myself
        other = redis.add_node(CLUSTER_NODE_MASTER, slots=range(8192, CLUSTER_SLOTS))
        for j in range(8192):
            clusterAddSlot(myself, j)

        def state(*advance):
            for ms in advance:
                clock.advance(ms)
            clusterUpdateState()
            return server.cluster.state

        assert state() == CLUSTER_FAIL                              # a master waits for 2 s after its start
        assert state(1999) == CLUSTER_FAIL
        assert state(1) == CLUSTER_OK and server.cluster.size == 2
        clusterDelSlot(5)
        assert state() == CLUSTER_FAIL
        server.cluster_require_full_coverage = 0
        assert state() == CLUSTER_OK
        server.cluster_require_full_coverage = 1
        clusterAddSlot(myself, 5)
        assert state() == CLUSTER_OK
        other.flags |= CLUSTER_NODE_PFAIL                           # one of two masters: no majority
        assert state() == CLUSTER_FAIL
        other.flags &= ~CLUSTER_NODE_PFAIL
        assert state(999) == CLUSTER_FAIL                           # back among the majority, but not for a timeout
        assert state(1) == CLUSTER_OK
        other.flags |= CLUSTER_NODE_FAIL
        assert state() == CLUSTER_FAIL
        other.flags &= ~CLUSTER_NODE_FAIL
        server.cluster_node_timeout = 60000
        assert state(4999) == CLUSTER_FAIL                          # at most 5 s
        assert state(1) == CLUSTER_OK


def test_verify_config_with_data():
    with InCluster() as redis:
        other = redis.add_node(CLUSTER_NODE_MASTER, slots=[keyHashSlot(b"a")])
        redis("SET", "a", 1)
        redis("SET", "b", 1)
        redis("SET", "c", 1)
        server.cluster.importing_slots_from[keyHashSlot(b"c")] = other
        assert verifyClusterConfigWithData() == C_OK
        assert server.cluster.importing_slots_from[keyHashSlot(b"a")] is other
        assert server.cluster.slots[keyHashSlot(b"b")] is server.cluster.myself
        assert server.cluster.slots[keyHashSlot(b"c")] is None
        check_invariants()
        redis.c.db = server.db[1]
        redis("SET", "a", 1)
        assert verifyClusterConfigWithData() == C_ERR


def test_migrate_to_flag():
    with InCluster() as redis:
        a = redis.add_node(CLUSTER_NODE_MASTER)
        clusterAddSlot(a, 1)
        assert not a.flags & CLUSTER_NODE_MIGRATE_TO                # nobody has slaves
        slave = redis.add_node(CLUSTER_NODE_SLAVE, slaveof=a)
        assert a.flags & CLUSTER_NODE_MIGRATE_TO
        b = redis.add_node(CLUSTER_NODE_MASTER)
        clusterAddSlot(b, 2)
        assert b.flags & CLUSTER_NODE_MIGRATE_TO
        clusterDelNode(slave)
        assert not a.flags & CLUSTER_NODE_MIGRATE_TO


def test_a_node_draws_its_id():
    with InCluster():
        a, b = createClusterNode(None, 0), createClusterNode(None, 0)
        assert len(a.name) == 40 and a.name != b.name and set(a.name) <= set(b"0123456789abcdef")
