"""CLUSTER, getNodeByQuery, redirections; the map from slots to keys against a model."""
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.cluster import clusterAddSlot, clusterGenNodesSlotsInfo, cluster_nodes, keyHashSlot
from cluster.cluster_command import (
    clusterRedirectBlockedClientIfNeeded, clusterRedirectClient, clusterReplyMultiBulkSlots, getNodeByQuery,
)
from cluster.cluster_h import (
    CLUSTER_FAIL, CLUSTER_NODE_FAIL, CLUSTER_NODE_MASTER, CLUSTER_NODE_SLAVE, CLUSTER_OK, CLUSTER_REDIR_ASK,
    CLUSTER_REDIR_CROSS_SLOT, CLUSTER_REDIR_DOWN_RO_STATE, CLUSTER_REDIR_DOWN_STATE, CLUSTER_REDIR_DOWN_UNBOUND,
    CLUSTER_REDIR_MOVED, CLUSTER_REDIR_NONE, CLUSTER_REDIR_UNSTABLE, CLUSTER_SLOTS,
)
from datastructs.dict import dict_entries
from server.command_lookup import lookupCommand
from server.keyspace import db
from server.keyspace.db import (
    EMPTYDB_NO_FLAGS, backupDb, countKeysInSlot, delKeysInSlot, discardDbBackup, emptyDb, getKeysInSlot, restoreDbBackup,
)
from server.object import createStringObject
from server.server_h import (
    BLOCKED_LIST, CLIENT_ASKING, CLIENT_BLOCKED, CLIENT_MULTI, CLIENT_READONLY, multiCmd, server,
)
from server.session.multi import initClientMultiState, queueMultiCommand
from tests.support.incluster import InCluster, check_invariants
from tests.support.resp import RespError

SLOT = keyHashSlot(b"a")
SAME = b"{a}2"                     # another key of that slot


def ask(redis, *words, flags=0):
    """getNodeByQuery of a command -> (node, slot, code)."""
    c = redis.c
    c.argv = [createStringObject(w if isinstance(w, bytes) else str(w).encode()) for w in words]
    c.argc = len(words)
    c.cmd = c.lastcmd = lookupCommand(c.argv[0].ptr)
    before = c.flags
    c.flags |= flags
    try:
        return getNodeByQuery(c, c.cmd, c.argv, c.argc)
    finally:
        c.flags = before


@pytest.fixture
def redis():
    with InCluster() as r:
        server.cluster.state = CLUSTER_OK
        clusterAddSlot(server.cluster.myself, SLOT)
        r.other = r.add_node(CLUSTER_NODE_MASTER, slots=[keyHashSlot(b"b")])
        yield r


def test_where_a_command_goes(redis):
    me, other = server.cluster.myself, redis.other
    assert ask(redis, "GET", "a") == (me, SLOT, CLUSTER_REDIR_NONE)
    assert ask(redis, "GET", "b") == (other, keyHashSlot(b"b"), CLUSTER_REDIR_MOVED)
    assert ask(redis, "GET", "c") == (None, 0, CLUSTER_REDIR_DOWN_UNBOUND)
    assert ask(redis, "MGET", "a", "b")[::2] == (None, CLUSTER_REDIR_CROSS_SLOT)
    assert ask(redis, "MGET", "a", "a", SAME) == (me, SLOT, CLUSTER_REDIR_NONE)
    assert ask(redis, "EVAL", "x", 0)[0] is me                      # no keys
    assert ask(redis, "EVAL", "x", 1, "b")[::2] == (other, CLUSTER_REDIR_MOVED)
    assert ask(redis, "EXEC")[0] is me                              # an error anyway


def test_when_the_cluster_fails(redis):
    server.cluster.state = CLUSTER_FAIL
    assert ask(redis, "GET", "a")[::2] == (None, CLUSTER_REDIR_DOWN_STATE)
    assert ask(redis, "GET", "c")[::2] == (None, CLUSTER_REDIR_DOWN_UNBOUND)
    server.cluster_allow_reads_when_down = 1
    assert ask(redis, "GET", "a")[0] is server.cluster.myself
    assert ask(redis, "SET", "a", 1)[::2] == (None, CLUSTER_REDIR_DOWN_RO_STATE)


def test_a_slot_that_leaves(redis):
    me, other = server.cluster.myself, redis.other
    redis("SET", "a", 1)
    server.cluster.migrating_slots_to[SLOT] = other
    assert ask(redis, "GET", "a")[::2] == (me, CLUSTER_REDIR_NONE)
    assert ask(redis, "GET", SAME) == (other, SLOT, CLUSTER_REDIR_ASK)
    assert ask(redis, "MGET", "a", SAME)[::2] == (other, CLUSTER_REDIR_ASK)
    assert ask(redis, "MIGRATE", "h", 1, SAME, 0, 1)[::2] == (me, CLUSTER_REDIR_NONE)


def test_a_slot_that_comes(redis):
    me, other = server.cluster.myself, redis.other
    slot = keyHashSlot(b"b")
    server.cluster.importing_slots_from[slot] = other
    assert ask(redis, "GET", "b")[::2] == (other, CLUSTER_REDIR_MOVED)
    assert ask(redis, "GET", "b", flags=CLIENT_ASKING)[::2] == (me, CLUSTER_REDIR_NONE)
    assert ask(redis, "RESTORE-ASKING", "b", 0, "x")[::2] == (me, CLUSTER_REDIR_NONE)
    assert ask(redis, "MGET", "b", "{b}2", flags=CLIENT_ASKING) == (None, slot, CLUSTER_REDIR_UNSTABLE)
    redis("MSET", "b", 1, "{b}2", 2)
    assert ask(redis, "MGET", "b", "{b}2", flags=CLIENT_ASKING)[::2] == (me, CLUSTER_REDIR_NONE)
    assert ask(redis, "MIGRATE", "h", 1, "b", 0, 1)[::2] == (me, CLUSTER_REDIR_NONE)


def test_a_replica(redis):
    me = server.cluster.myself
    me.flags = me.flags & ~CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE
    me.slaveof = redis.other
    assert ask(redis, "GET", "b")[::2] == (redis.other, CLUSTER_REDIR_MOVED)
    assert ask(redis, "GET", "b", flags=CLIENT_READONLY)[::2] == (me, CLUSTER_REDIR_NONE)
    assert ask(redis, "SET", "b", 1, flags=CLIENT_READONLY)[::2] == (redis.other, CLUSTER_REDIR_MOVED)


def test_exec_is_what_it_has_queued(redis):
    c = redis.c
    initClientMultiState(c)
    c.flags |= CLIENT_MULTI
    for words in (("GET", "a"), ("SET", SAME, "1")):
        c.argv = [createStringObject(w if isinstance(w, bytes) else w.encode()) for w in words]
        c.argc = len(c.argv)
        c.cmd = lookupCommand(c.argv[0].ptr)
        queueMultiCommand(c)
    assert ask(redis, "EXEC", flags=CLIENT_MULTI) == (server.cluster.myself, SLOT, CLUSTER_REDIR_NONE)
    mc = multiCmd()
    mc.argv, mc.argc, mc.cmd = [createStringObject(b"GET"), createStringObject(b"b")], 2, lookupCommand(b"GET")
    c.mstate.commands.append(mc)
    assert ask(redis, "EXEC", flags=CLIENT_MULTI)[::2] == (None, CLUSTER_REDIR_CROSS_SLOT)


@pytest.mark.parametrize("code,text", [
    (CLUSTER_REDIR_CROSS_SLOT, "CROSSSLOT Keys in request don't hash to the same slot"),
    (CLUSTER_REDIR_UNSTABLE, "TRYAGAIN Multiple keys request during rehashing of slot"),
    (CLUSTER_REDIR_DOWN_STATE, "CLUSTERDOWN The cluster is down"),
    (CLUSTER_REDIR_DOWN_RO_STATE, "CLUSTERDOWN The cluster is down and only accepts read commands"),
    (CLUSTER_REDIR_DOWN_UNBOUND, "CLUSTERDOWN Hash slot not served"),
    (CLUSTER_REDIR_MOVED, "MOVED 7 127.0.0.1:7001"), (CLUSTER_REDIR_ASK, "ASK 7 127.0.0.1:7001"),
])
def test_redirections(redis, code, text):
    clusterRedirectClient(redis.c, redis.other, 7, code)
    assert redis.reply() == RespError(text)


def test_a_blocked_client_follows_its_slot(redis):
    c = redis.c
    db.dictAdd(c.bpop.keys, createStringObject(b"a"), None)
    assert clusterRedirectBlockedClientIfNeeded(c) == 0             # not blocked
    c.flags |= CLIENT_BLOCKED
    c.btype = BLOCKED_LIST
    c.lastcmd = lookupCommand(b"BLPOP")
    assert clusterRedirectBlockedClientIfNeeded(c) == 0
    server.cluster.slots[SLOT] = redis.other
    assert clusterRedirectBlockedClientIfNeeded(c) == 1
    assert redis.reply() == RespError("MOVED %d 127.0.0.1:7001" % SLOT)
    server.cluster.importing_slots_from[SLOT] = redis.other
    assert clusterRedirectBlockedClientIfNeeded(c) == 0
    server.cluster.importing_slots_from[SLOT] = server.cluster.slots[SLOT] = None
    assert clusterRedirectBlockedClientIfNeeded(c) == 1
    assert redis.reply() == RespError("CLUSTERDOWN Hash slot not served")
    server.cluster.state = CLUSTER_FAIL
    assert clusterRedirectBlockedClientIfNeeded(c) == 1
    assert redis.reply() == RespError("CLUSTERDOWN The cluster is down")


# ---------------------------------------------------------------- CLUSTER

def slots_as_c_does():
    """CLUSTER SLOTS by C's loop."""
    reply, n, start, slots = [], None, -1, server.cluster.slots
    for i in range(CLUSTER_SLOTS + 1):
        if n is None:
            if i == CLUSTER_SLOTS:
                break
            n, start = slots[i], i
            continue
        if i == CLUSTER_SLOTS or n is not slots[i]:
            nodes = [n] + [s for s in n.slaves if not s.flags & CLUSTER_NODE_FAIL]
            reply.append([start, i - 1] + [[x.ip, x.port, x.name] for x in nodes])
            if i == CLUSTER_SLOTS:
                break
            n, start = slots[i], i
    return reply


@given(st.lists(st.tuples(st.integers(0, CLUSTER_SLOTS - 1), st.integers(1, 300), st.integers(0, 2)), max_size=15))
@settings(max_examples=30, deadline=None)
def test_slots_and_info_against_c_s_loops(claims):
    with InCluster() as redis:
        nodes = [server.cluster.myself, redis.add_node(CLUSTER_NODE_MASTER), redis.add_node(CLUSTER_NODE_MASTER)]
        redis.add_node(CLUSTER_NODE_SLAVE, slaveof=nodes[1])
        redis.add_node(CLUSTER_NODE_SLAVE | CLUSTER_NODE_FAIL, slaveof=nodes[1])
        nodes[2].flags |= CLUSTER_NODE_FAIL
        for start, n, i in claims:
            for j in range(start, min(start + n, CLUSTER_SLOTS)):
                clusterAddSlot(nodes[i], j)
        assert redis("CLUSTER", "SLOTS") == slots_as_c_does()
        info = dict(line.split(b":") for line in redis("CLUSTER", "INFO").split())
        assigned = [n for n in server.cluster.slots if n is not None]
        assert int(info[b"cluster_slots_assigned"]) == len(assigned)
        assert int(info[b"cluster_slots_fail"]) == assigned.count(nodes[2])
        assert int(info[b"cluster_slots_ok"]) == len(assigned) - assigned.count(nodes[2])
        for i, node in enumerate(nodes):
            lines = [line for line in redis("CLUSTER", "NODES").split(b"\n") if line.startswith(node.name)]
            runs = [(r[0], r[1]) for r in slots_as_c_does() if r[2][2] == node.name]
            assert lines[0].split()[8:] == [b"%d" % a if a == b else b"%d-%d" % (a, b) for a, b in runs]
        clusterGenNodesSlotsInfo(0)
        assert all((n.slots_info is not None) == (n.numslots > 0) for n in cluster_nodes())


def test_a_badly_fragmented_map(redis):
    nodes = [redis.add_node(CLUSTER_NODE_MASTER) for _ in range(4)]
    for j in range(CLUSTER_SLOTS):
        clusterAddSlot(nodes[j % 4], j)
    start = time.perf_counter()
    clusterReplyMultiBulkSlots(redis.c)
    assert time.perf_counter() - start < 0.5                        # 20 ms on an idle machine
    assert len(redis.reply()) == CLUSTER_SLOTS


def test_addslots_is_all_or_nothing(redis):
    assert redis("CLUSTER", "ADDSLOTS", 1, 2) == b"OK"
    assert redis("CLUSTER", "ADDSLOTS", 3, 2) == RespError("ERR Slot 2 is already busy")
    assert redis("CLUSTER", "ADDSLOTS", 3, 3) == RespError("ERR Slot 3 specified multiple times")
    assert redis("CLUSTER", "ADDSLOTS", 3, 16384) == RespError("ERR Invalid or out of range slot")
    assert redis("CLUSTER", "DELSLOTS", 1, 3) == RespError("ERR Slot 3 is already unassigned")
    assert [j for j in range(10) if server.cluster.slots[j] is server.cluster.myself] == [1, 2]
    assert redis("CLUSTER", "DELSLOTS", 1, 2) == b"OK"
    check_invariants()


def test_setslot(redis):
    other = redis.other
    redis("SET", "a", 1)
    assert redis("CLUSTER", "SETSLOT", SLOT, "IMPORTING", other.name) == RespError("ERR I'm already the owner of hash slot %d" % SLOT)
    assert redis("CLUSTER", "SETSLOT", SLOT, "MIGRATING", b"x" * 40) == RespError("ERR I don't know about node " + "x" * 40)
    assert redis("CLUSTER", "SETSLOT", SLOT, "MIGRATING", other.name + b"more") == b"OK"
    assert redis("CLUSTER", "SETSLOT", SLOT, "NODE", other.name[:39]).text.startswith("ERR Unknown node")
    assert redis("CLUSTER", "SETSLOT", SLOT, "NODE", other.name).text.startswith("ERR Can't assign hashslot")
    redis("DEL", "a")
    assert redis("CLUSTER", "SETSLOT", SLOT, "NODE", other.name) == b"OK"
    assert server.cluster.slots[SLOT] is other and server.cluster.migrating_slots_to[SLOT] is None
    assert redis("CLUSTER", "SETSLOT", SLOT, "IMPORTING", other.name) == b"OK"
    assert redis("CLUSTER", "SETSLOT", SLOT, "NODE", server.cluster.myself.name) == b"OK"
    assert server.cluster.myself.configEpoch == 1 and server.cluster.importing_slots_from[SLOT] is None
    assert [p.configEpoch for p in redis.sent(other)] == [1]        # a PONG tells it
    assert redis("CLUSTER", "SETSLOT", SLOT, "STABLE", "x").text.startswith("ERR Invalid CLUSTER SETSLOT")
    check_invariants()


def test_a_slave_with_slots_does_not_end_the_process(redis):
    """ADDSLOTS works on a slave, too.  C: the next change of its master is a failed assertion."""
    me = server.cluster.myself
    me.flags = me.flags & ~CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE
    assert redis("CLUSTER", "REPLICATE", redis.other.name).text.startswith("ERR To set a master the node must be empty")


@pytest.mark.parametrize("words", [("MEET", "localhost", 1), ("MEET", "1.2.3.4", 0), ("MEET", "1.2.3.4", 70000),
                                   ("MEET", "1.2.3.4", 7000, 0), ("MEET", "1.2.3.4.5", 7000), ("MEET", b"\xff", 7000)])
def test_meet_refuses(redis, words):
    assert redis("CLUSTER", *words).text.startswith("ERR Invalid node address specified: ")


def test_meet(redis):
    for ip in ("1.2.3.4", "1.2.3.4\0x", "::1", "0:0::1"):
        assert redis("CLUSTER", "MEET", ip, 7000) == b"OK"
    assert sorted(n.ip for n in cluster_nodes()) == [b"", b"1.2.3.4", b"127.0.0.1", b"::1"]


# ---------------------------------------------------------------- slots to keys

def model():
    """The map as it must be, from the keys of db 0."""
    expected = {}
    for de in dict_entries(server.db[0].dict):
        expected.setdefault(keyHashSlot(de.key), set()).add(de.key)
    return expected


def check_map():
    slots_to_keys = server.cluster.slots_to_keys
    assert {j: set(keys) for j, keys in enumerate(slots_to_keys) if keys is not None} == model()
    for j, keys in model().items():
        assert countKeysInSlot(j) == len(keys)
        assert {o.ptr for o in getKeysInSlot(j, 100)} == keys


@given(st.lists(st.tuples(st.sampled_from("set del rename expire flush copy delslot backup".split()), st.integers(0, 9),
                          st.integers(0, 9)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_the_map_follows_the_keys(steps):
    with InCluster() as redis:
        names = [b"{%d}%d" % (i % 3, i) for i in range(10)]
        for what, i, j in steps:
            if what == "set":
                redis("SET", names[i], j)
            elif what == "del":
                redis("DEL", names[i], names[j])
            elif what == "rename":
                redis("RENAME", names[i], names[j])
            elif what == "expire":
                redis("PEXPIRE", names[i], -1)
            elif what == "copy":
                redis("COPY", names[i], names[j], "REPLACE")
            elif what == "flush" and j == 0:
                redis("FLUSHALL")
            elif what == "delslot":
                slot = keyHashSlot(names[i])
                expected = len(model().get(slot, ()))
                assert delKeysInSlot(slot) == expected
                assert delKeysInSlot(slot) == countKeysInSlot(slot) == 0
            elif what == "backup":
                before = model()
                backup = backupDb()
                check_map()
                redis("SET", names[i], j)
                check_map()
                emptyDb(-1, EMPTYDB_NO_FLAGS, None)
                if j % 2:
                    restoreDbBackup(backup)
                    assert model() == before
                else:
                    discardDbBackup(backup, EMPTYDB_NO_FLAGS, None)
            check_map()


def test_keys_come_in_the_order_of_their_arrival(redis):
    for i in (3, 1, 2):
        redis("SET", "{a}%d" % i, 1)
    assert redis("CLUSTER", "GETKEYSINSLOT", SLOT, 2) == [b"{a}3", b"{a}1"]
    assert redis("CLUSTER", "GETKEYSINSLOT", SLOT, 0) == []
    assert redis("CLUSTER", "GETKEYSINSLOT", SLOT, -1) == RespError("ERR Invalid slot or number of keys")


def test_a_reshard_of_one_big_slot_is_not_quadratic(redis):
    """Ten keys at a time from the front, as redis-cli does it: the holes that they leave are not walked for ever."""
    keys = {b"{a}%d" % i: None for i in range(60000)}
    server.cluster.slots_to_keys[SLOT] = keys
    builds = 0
    while countKeysInSlot(SLOT):
        before = server.cluster.slots_to_keys[SLOT]
        for o in getKeysInSlot(SLOT, 10):
            db.slotToKeyDel(o.ptr)
        builds += server.cluster.slots_to_keys[SLOT] is not before
    assert 5 < builds < 100


def test_the_map_shares_its_keys(redis):
    redis("SET", "a", 1)
    assert next(iter(server.cluster.slots_to_keys[SLOT])) is next(dict_entries(server.db[0].dict)).key
