"""WAIT's counting, the script cache, FAILOVER's steps, and what the cron does to replicas and backlog."""
import pytest

from datastructs.adlist import listAddNodeTail, listCreate
from replication import replication as r, script_cache
from server.dict_types import replScriptCacheDictType
from server.object import createStringObject
from server.server_h import (
    AOF_OFF, CHILD_TYPE_NONE, CLIENT_BLOCKED, CLIENT_MULTI, CLIENT_PAUSE_WRITE, CLIENT_PRE_PSYNC, CLIENT_SLAVE,
    FAILOVER_IN_PROGRESS, FAILOVER_WAIT_FOR_SYNC, NO_FAILOVER, RDB_CHILD_TYPE_DISK, RDB_CHILD_TYPE_NONE,
    RDB_CHILD_TYPE_SOCKET, REPL_STATE_CONNECT, REPL_STATE_CONNECTED, REPL_STATE_CONNECTING, REPL_STATE_NONE,
    REPL_STATE_TRANSFER, SLAVE_STATE_ONLINE, SLAVE_STATE_WAIT_BGSAVE_END, SLAVE_STATE_WAIT_BGSAVE_START, server, shared,
)
from tests.unit.server.client.fake_connection import make_client, setup_server

NOW = 5000                     # server.unixtime


@pytest.fixture(autouse=True)
def fixture_server(monkeypatch):
    setup_server(monkeypatch)
    for name, value in {
            "masterhost": None, "masterport": 0, "master": None, "cached_master": None, "repl_state": REPL_STATE_NONE,
            "master_repl_offset": 100, "replid": b"a" * 40, "replid2": b"0" * 40, "second_replid_offset": -1,
            "repl_backlog": bytearray(1000), "repl_backlog_size": 1000, "repl_backlog_histlen": 0, "slaveseldb": 0,
            "repl_backlog_idx": 0, "repl_backlog_off": 101, "repl_backlog_time_limit": 0, "repl_no_slaves_since": NOW,
            "unixtime": NOW, "mstime": NOW * 1000, "repl_timeout": 60, "repl_ping_slave_period": 10,
            "repl_min_slaves_to_write": 0, "repl_min_slaves_max_lag": 0, "repl_good_slaves_count": 0,
            "clients_waiting_acks": listCreate(), "get_ack_from_slaves": 0, "failover_state": NO_FAILOVER,
            "failover_end_time": 0, "force_failover": 0, "target_replica_host": None, "target_replica_port": 0,
            "cluster_enabled": 0, "rdb_child_type": RDB_CHILD_TYPE_NONE, "child_type": CHILD_TYPE_NONE,
            "aof_state": AOF_OFF, "repl_diskless_sync": 0, "repl_diskless_sync_delay": 0, "rdb_del_sync_files": 0,
            "client_pause_type": 0, "client_pause_end_time": 0, "in_exec": 0, "repl_transfer_lastio": 0,
            "saveparamslen": 1, "rdb_pipe_conns": None}.items():
        monkeypatch.setattr(server, name, value)
    monkeypatch.setattr(r, "replScriptCacheDictType", replScriptCacheDictType, raising=False)
    monkeypatch.setattr(shared, "ping", createStringObject(b"ping"), raising=False)
    monkeypatch.setattr(shared, "ok", createStringObject(b"+OK\r\n"), raising=False)
    monkeypatch.setattr(r, "hasActiveChildProcess", lambda: server.child_type != CHILD_TYPE_NONE)
    monkeypatch.setattr(r, "_replicationCron_replication_cron_loops", 1)
    monkeypatch.setattr(r, "unix_time", lambda: NOW)
    script_cache.replicationScriptCacheInit()


def slave(monkeypatch, ack=0, state=SLAVE_STATE_ONLINE, port=6380):
    c, wire = make_client(monkeypatch)
    c.flags |= CLIENT_SLAVE
    c.replstate = state
    c.repl_ack_off = ack
    c.repl_ack_time = NOW
    c.slave_addr, c.slave_listening_port = "10.0.0.%d" % (server.slaves.len + 1), port
    listAddNodeTail(server.slaves, c)
    return c, wire


def run(monkeypatch, proc, *args):
    c, _ = make_client(monkeypatch)
    c.argv = [createStringObject(a) for a in args]
    c.argc = len(args)
    c.woff = server.master_repl_offset
    proc(c)
    return c, bytes(c.buf)


# --- WAIT

@pytest.mark.parametrize("wanted,flags,reply", [(0, 0, b":1\r\n"), (1, 0, b":1\r\n"), (2, 0, b""),
                                                (2, CLIENT_MULTI, b":1\r\n")])
def test_wait(monkeypatch, wanted, flags, reply):
    slave(monkeypatch, 100)
    slave(monkeypatch, 99)
    slave(monkeypatch, 200, SLAVE_STATE_WAIT_BGSAVE_END)
    blocked = []
    monkeypatch.setattr(r, "blockClient", lambda c, btype: blocked.append(c))
    c, _ = make_client(monkeypatch)
    c.flags |= flags
    c.woff = 100
    c.argv = [createStringObject(a) for a in (b"WAIT", b"%d" % wanted, b"0")]
    c.argc = 3
    r.waitCommand(c)
    assert bytes(c.buf) == reply
    assert blocked == ([] if reply else [c]) and server.get_ack_from_slaves == (0 if reply else 1)


def test_wait_is_for_masters(monkeypatch):
    server.masterhost = "127.0.0.1"
    assert run(monkeypatch, r.waitCommand, b"WAIT", b"1", b"0")[1].startswith(b"-ERR WAIT cannot be used with replica")


def test_waiting_clients_are_served_as_acks_come(monkeypatch):
    a, _ = slave(monkeypatch, 50)
    b, _ = slave(monkeypatch, 50)
    waiting = []
    monkeypatch.setattr(r, "blockClient", lambda c, btype: setattr(c, "flags", c.flags | CLIENT_BLOCKED))

    def unblock(c):
        c.flags &= ~CLIENT_BLOCKED
        r.unblockClientWaitingReplicas(c)
    monkeypatch.setattr(r, "unblockClient", unblock)
    for wanted, offset in ((2, 60), (1, 70), (1, 60), (2, 80)):
        server.master_repl_offset = offset
        waiting.append(run(monkeypatch, r.waitCommand, b"WAIT", b"%d" % wanted, b"0")[0])
    r.processClientsWaitingReplicas()
    assert all(not c.buf for c in waiting)
    a.repl_ack_off = 65
    r.processClientsWaitingReplicas()
    assert [bytes(c.buf) for c in waiting] == [b"", b"", b":1\r\n", b""]
    b.repl_ack_off = 70
    r.processClientsWaitingReplicas()
    assert [bytes(c.buf) for c in waiting] == [b":2\r\n", b":1\r\n", b":1\r\n", b""]
    assert server.clients_waiting_acks.len == 1


# --- Good replicas, script cache

def test_good_replicas(monkeypatch):
    server.repl_min_slaves_to_write, server.repl_min_slaves_max_lag = 1, 10
    a, _ = slave(monkeypatch)
    a.repl_ack_time = NOW - 11
    slave(monkeypatch)[0].repl_ack_time = NOW - 10
    slave(monkeypatch, state=SLAVE_STATE_WAIT_BGSAVE_END)
    r.refreshGoodSlavesCount()
    assert server.repl_good_slaves_count == 1


def test_script_cache_forgets_the_oldest():
    server.repl_scriptcache_size = 3
    for n in range(5):
        script_cache.replicationScriptCacheAdd(b"%040d" % n)
    assert [script_cache.replicationScriptCacheExists(b"%040d" % n) for n in range(5)] == [False, False, True, True, True]
    script_cache.replicationScriptCacheFlush()
    assert not script_cache.replicationScriptCacheExists(b"%040d" % 4) and server.repl_scriptcache_fifo.len == 0


# --- Cron

@pytest.fixture(name="actions")
def fixture_actions(monkeypatch):
    done = []
    monkeypatch.setattr(r, "freeClient", lambda c: done.append(("free", c)))
    monkeypatch.setattr(r, "cancelReplicationHandshake", lambda reconnect: done.append(("cancel", reconnect)))
    monkeypatch.setattr(r, "connectWithMaster", lambda: done.append(("connect",)))
    monkeypatch.setattr(r, "startBgsaveForReplication", lambda capa: done.append(("bgsave", capa)))
    return done


@pytest.mark.parametrize("state,silent,expected", [
    (REPL_STATE_CONNECTING, 60, []), (REPL_STATE_CONNECTING, 61, [("cancel", 1)]),
    (REPL_STATE_TRANSFER, 61, [("cancel", 1)]), (REPL_STATE_CONNECT, 0, [("connect",)])])
def test_cron_of_a_replica(actions, state, silent, expected):
    server.masterhost, server.repl_state, server.repl_transfer_lastio = "127.0.0.1", state, NOW - silent
    r.replicationCron()
    assert actions == expected


def test_silent_master_is_dropped(monkeypatch, actions):
    master, _ = make_client(monkeypatch)
    master.flags |= CLIENT_PRE_PSYNC
    server.masterhost, server.repl_state, server.master = "127.0.0.1", REPL_STATE_CONNECTED, master
    master.lastinteraction = NOW - 60
    r.replicationCron()
    assert actions == []
    master.lastinteraction = NOW - 61
    r.replicationCron()
    assert actions == [("free", master)]


def test_cron_of_a_master(monkeypatch, actions):
    fine, fine_wire = slave(monkeypatch)
    silent, _ = slave(monkeypatch)
    silent.repl_ack_time = NOW - 61
    old, _ = slave(monkeypatch)
    old.repl_ack_time, old.flags = NOW - 99, old.flags | CLIENT_PRE_PSYNC
    saving, saving_wire = slave(monkeypatch, state=SLAVE_STATE_WAIT_BGSAVE_END)
    server.rdb_child_type = RDB_CHILD_TYPE_DISK
    r.replicationCron()
    assert actions == [("free", silent)]
    assert bytes(saving_wire.sent) == b"\n" and not fine_wire.sent and not fine.buf
    # Diskless: no newline into the RDB; a stuck replica holds up all the others.
    server.rdb_child_type = RDB_CHILD_TYPE_SOCKET
    saving.repl_last_partial_write = NOW - 61
    r.replicationCron()
    assert actions == [("free", silent)] * 2 + [("free", saving)] and bytes(saving_wire.sent) == b"\n"


def test_ping_period(monkeypatch, actions):
    c, _ = slave(monkeypatch)
    for _ in range(20):
        r.replicationCron()
    assert bytes(c.buf) == b"*1\r\n$4\r\nping\r\n" * 2 and server.master_repl_offset == 100 + 2 * 14


@pytest.mark.parametrize("idle,limit,role,freed", [(10, 10, None, False), (11, 10, None, True), (11, 0, None, False),
                                                   (11, 10, "127.0.0.1", False)])
def test_backlog_ttl(actions, idle, limit, role, freed):
    server.repl_no_slaves_since, server.repl_backlog_time_limit, server.masterhost = NOW - idle, limit, role
    r.replicationCron()
    assert (server.repl_backlog is None) == freed == (server.replid != b"a" * 40)


@pytest.mark.parametrize("diskless,delay,idle,expected", [(0, 5, 0, True), (1, 5, 4, False), (1, 5, 5, True)])
def test_pending_bgsave(monkeypatch, actions, diskless, delay, idle, expected):
    server.repl_diskless_sync, server.repl_diskless_sync_delay = diskless, delay
    for capa, since in ((3, NOW), (1, NOW - idle)):
        c, _ = slave(monkeypatch, state=SLAVE_STATE_WAIT_BGSAVE_START)
        c.slave_capa, c.lastinteraction = capa, since
    r.replicationStartPendingFork()
    assert actions == ([("bgsave", 1)] if expected else [])
    server.child_type = 1
    r.replicationStartPendingFork()
    assert len(actions) == (1 if expected else 0)


# --- FAILOVER

@pytest.fixture(name="masters")
def fixture_masters(monkeypatch):
    seen = []
    monkeypatch.setattr(r, "replicationSetMaster", lambda host, port: seen.append((host, port)))
    monkeypatch.setattr(r, "replicationUnsetMaster", lambda: seen.append(None))
    return seen


@pytest.mark.parametrize("args,error", [
    ([b"ABORT"], b"-ERR No failover in progress.\r\n"),
    ([b"TO", b"10.0.0.9", b"1"], b"-ERR FAILOVER target HOST and PORT is not a replica.\r\n"),
    ([b"TO", b"10.0.0.1", b"x"], b"-ERR value is not an integer or out of range\r\n"),
    ([b"TO", b"10.0.0.1"], b"-ERR syntax error\r\n"),
    ([b"TIMEOUT", b"0"], b"-ERR FAILOVER timeout must be greater than 0\r\n"),
    ([b"FORCE"], b"-ERR FAILOVER with force option requires both a timeout and target HOST and IP.\r\n"),
    ([b"TO", b"10.0.0.2", b"6380"], b"-ERR FAILOVER target replica is not online.\r\n"),
    ([b"sideways"], b"-ERR syntax error\r\n"),
])
def test_failover_errors(monkeypatch, masters, args, error):
    slave(monkeypatch)
    slave(monkeypatch, state=SLAVE_STATE_WAIT_BGSAVE_END)
    assert run(monkeypatch, r.failoverCommand, b"FAILOVER", *args)[1] == error
    assert server.failover_state == NO_FAILOVER and server.client_pause_type == 0


def test_failover_to_any(monkeypatch, masters):
    slave(monkeypatch, 50)
    b, _ = slave(monkeypatch, 99, port=7001)
    assert run(monkeypatch, r.failoverCommand, b"FAILOVER")[1] == b"+OK\r\n"
    assert server.failover_state == FAILOVER_WAIT_FOR_SYNC and server.client_pause_type == CLIENT_PAUSE_WRITE
    r.updateFailoverStatus()
    assert masters == []
    b.repl_ack_off = 100
    r.updateFailoverStatus()
    assert masters == [("10.0.0.2", 7001)] and server.failover_state == FAILOVER_IN_PROGRESS
    r.clearFailoverState()
    assert server.failover_state == NO_FAILOVER and server.client_pause_type == 0


def test_failover_to_one_ignores_the_others(monkeypatch, masters):
    a, _ = slave(monkeypatch, 50)
    slave(monkeypatch, 100)
    run(monkeypatch, r.failoverCommand, b"FAILOVER", b"TO", b"10.0.0.1", b"6380")
    r.updateFailoverStatus()
    assert masters == []
    a.repl_ack_off = 100
    r.updateFailoverStatus()
    assert masters == [("10.0.0.1", 6380)]
    # It refuses: we are the master again.
    r.abortFailover("Failover target rejected psync request")
    assert masters[1:] == [None] and server.failover_state == NO_FAILOVER


@pytest.mark.parametrize("force", [False, True])
def test_failover_timeout(monkeypatch, masters, force):
    slave(monkeypatch, 50)
    args = [b"TO", b"10.0.0.1", b"6380", b"FORCE"] if force else []
    monkeypatch.setattr(r, "mstime", lambda: server.mstime)
    run(monkeypatch, r.failoverCommand, b"FAILOVER", b"TIMEOUT", b"100", *args)
    server.mstime += 99
    r.updateFailoverStatus()
    assert server.failover_state == FAILOVER_WAIT_FOR_SYNC and masters == []
    server.mstime += 1
    r.updateFailoverStatus()
    if force:
        assert masters == [("10.0.0.1", 6380)] and server.failover_state == FAILOVER_IN_PROGRESS
    else:
        assert masters == [] and server.failover_state == NO_FAILOVER and server.client_pause_type == 0
