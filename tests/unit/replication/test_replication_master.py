"""The backlog ring against a plain bytes model; the stream; who may continue; PSYNC, SYNC and REPLCONF on fake clients."""
import os

import pytest
from hypothesis import given, settings, strategies as st

from datastructs.adlist import listAddNodeTail, listCreate
from replication import replication_master as rm
from server.client import networking
from server.object import createStringObject, createStringObjectFromLongLong
from server.server_h import (
    C_ERR, C_OK, CHILD_TYPE_NONE, CHILD_TYPE_RDB, CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSE_ASAP, CLIENT_PRE_PSYNC,
    CLIENT_REPL_RDBONLY, CLIENT_SLAVE, NO_FAILOVER, RDB_CHILD_TYPE_DISK, RDB_CHILD_TYPE_SOCKET, REPL_STATE_CONNECT,
    SLAVE_CAPA_EOF, SLAVE_CAPA_PSYNC2, SLAVE_STATE_ONLINE, SLAVE_STATE_SEND_BULK, SLAVE_STATE_WAIT_BGSAVE_END,
    SLAVE_STATE_WAIT_BGSAVE_START, rdbSaveInfo, server, shared,
)
from tests.unit.server.client.fake_connection import make_client, setup_server

ID1 = b"a" * 40
ID2 = b"b" * 40


@pytest.fixture(autouse=True)
def fixture_server(monkeypatch):
    setup_server(monkeypatch)
    for name, value in {
            "replid": ID1, "replid2": b"0" * 40, "master_repl_offset": 0, "second_replid_offset": -1,
            "slaveseldb": -1, "repl_backlog": None, "repl_backlog_size": 16384, "repl_backlog_histlen": 0,
            "repl_backlog_idx": 0, "repl_backlog_off": 0, "masterhost": None, "failover_state": NO_FAILOVER,
            "child_type": CHILD_TYPE_NONE, "rdb_child_type": 0, "repl_diskless_sync": 0, "rdb_pipe_conns": None,
            "repl_diskless_sync_delay": 0, "stat_sync_full": 0, "stat_sync_partial_ok": 0,
            "stat_sync_partial_err": 0, "repl_min_slaves_to_write": 0, "rdb_filename": "dump.rdb", "child_pid": -1,
            "rdb_del_sync_files": 0, "repl_disable_tcp_nodelay": 0}.items():
        monkeypatch.setattr(server, name, value)
    monkeypatch.setattr(shared, "select",
                        [createStringObject(b"*2\r\n$6\r\nSELECT\r\n$1\r\n%d\r\n" % n) for n in range(10)], raising=False)
    monkeypatch.setattr(rm, "replicationScriptCacheFlush", lambda: None)
    monkeypatch.setattr(rm, "hasActiveChildProcess", lambda: server.child_type != CHILD_TYPE_NONE)


def set_argv(c, *args):
    c.argv = [createStringObject(a) for a in args]
    c.argc = len(args)


def make_slave(monkeypatch, state):
    c, wire = make_client(monkeypatch)
    c.flags |= CLIENT_SLAVE
    c.replstate = state
    listAddNodeTail(server.slaves, c)
    return c, wire


def collected(c):
    return bytes(c.buf) + b"".join(bytes(block.buf) for block in blocks(c))


def blocks(c):
    ln = c.reply.head
    while ln is not None:
        yield ln.value
        ln = ln.next


# --- The ring

def ring_invariants(stream):
    size = server.repl_backlog_size
    histlen = server.repl_backlog_histlen
    assert len(server.repl_backlog) == size
    assert histlen == min(size, len(stream))
    assert server.repl_backlog_idx == len(stream) % size
    assert server.repl_backlog_off + histlen == server.master_repl_offset + 1


def fresh_ring(size, start):
    server.master_repl_offset = start
    server.repl_backlog = None
    server.repl_backlog_size = size
    rm.createReplicationBacklog()


def read_from(offset):
    """The bytes that addReplyReplicationBacklog would send."""
    sent = []
    old = rm.addReplySds
    rm.addReplySds = lambda c, s: sent.append(s)
    try:
        n = rm.addReplyReplicationBacklog(None, offset)
    finally:
        rm.addReplySds = old
    data = b"".join(sent)
    assert n == len(data)
    return data


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 64), st.integers(0, 1 << 40), st.lists(st.binary(max_size=200), max_size=20), st.data())
def test_ring_holds_the_end_of_the_stream(size, start, pieces, data):
    fresh_ring(size, start)
    stream = b""
    for piece in pieces:
        rm.feedReplicationBacklog(piece)
        stream += piece
        assert server.master_repl_offset == start + len(stream)
        ring_invariants(stream)
    first, end = server.repl_backlog_off, server.master_repl_offset + 1
    assert read_from(first) == stream[-size:]
    offset = data.draw(st.integers(first, end))
    assert read_from(offset) == stream[offset - start - 1:]
    server.repl_backlog = None


def test_resize_empties_the_ring():
    fresh_ring(16384, 100)
    rm.feedReplicationBacklog(b"x" * 50)
    rm.resizeReplicationBacklog(20000)
    assert (server.repl_backlog_size, server.repl_backlog_histlen, server.repl_backlog_off) == (20000, 0, 151)
    assert len(server.repl_backlog) == 20000
    ring = server.repl_backlog
    rm.resizeReplicationBacklog(20000)
    assert server.repl_backlog is ring              # same size: nothing is lost
    rm.resizeReplicationBacklog(1)
    assert server.repl_backlog_size == 16384        # CONFIG_REPL_BACKLOG_MIN_SIZE


# --- The stream

def test_feed_slaves(monkeypatch):
    fresh_ring(16384, 0)
    online, _ = make_slave(monkeypatch, SLAVE_STATE_ONLINE)
    saving, _ = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_END)
    early, _ = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_START)
    rdbonly, _ = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_END)
    rdbonly.flags |= CLIENT_REPL_RDBONLY

    rm.replicationFeedSlaves(server.slaves, 0, [createStringObject(b"SET"), createStringObject(b"k"),
                                                createStringObjectFromLongLong(-5)])
    first = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n-5\r\n"
    assert collected(online) == collected(saving) == first
    assert collected(early) == collected(rdbonly) == b""
    rm.replicationFeedSlaves(server.slaves, 0, [createStringObject(b"PING")])
    rm.replicationFeedSlaves(server.slaves, 12, [createStringObject(b"")])
    stream = first + b"*1\r\n$4\r\nPING\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*1\r\n$0\r\n\r\n"
    assert collected(online) == stream
    assert read_from(1) == stream
    assert server.master_repl_offset == len(stream)


def test_a_replica_makes_no_stream(monkeypatch):
    fresh_ring(16384, 0)
    slave, _ = make_slave(monkeypatch, SLAVE_STATE_ONLINE)
    monkeypatch.setattr(server, "masterhost", "127.0.0.1")
    rm.replicationFeedSlaves(server.slaves, 0, [createStringObject(b"PING")])
    assert server.master_repl_offset == 0 and collected(slave) == b""
    # It hands on its master's.
    rm.replicationFeedSlavesFromMasterStream(server.slaves, bytearray(b"abcdef"), 4)
    assert read_from(1) == collected(slave) == b"abcd"


def test_no_backlog_no_replicas_no_work():
    rm.replicationFeedSlaves(listCreate(), 0, [createStringObject(b"PING")])
    assert server.master_repl_offset == 0 and server.slaveseldb == -1


# --- Full or partial: offsets 101..200 are in the ring; the second id is good up to 150.

@pytest.mark.parametrize("replid,offset,ok", [
    (ID1, 101, True), (ID1, 150, True), (ID1, 200, True), (ID1, 201, True),     # 201: it misses nothing
    (ID1, 100, False), (ID1, 202, False), (ID1, -1, False), (ID1, 1 << 62, False),
    (ID1.upper(), 150, True),
    (ID2, 101, True), (ID2, 150, True), (ID2, 151, False), (ID2, 100, False),
    (b"?", -1, False), (b"c" * 40, 150, False), (b"", 150, False),
])
@pytest.mark.parametrize("capa,hello", [(SLAVE_CAPA_PSYNC2, b"+CONTINUE " + ID1 + b"\r\n"), (0, b"+CONTINUE\r\n")])
def test_partial_or_full(monkeypatch, replid, offset, ok, capa, hello):
    fresh_ring(16384, 100)
    stream = os.urandom(100)
    rm.feedReplicationBacklog(stream)
    server.replid2, server.second_replid_offset = ID2, 150
    c, wire = make_client(monkeypatch)
    c.slave_capa = capa
    set_argv(c, b"PSYNC", replid, b"%d" % offset)
    assert rm.masterTryPartialResynchronization(c, offset) == (C_OK if ok else C_ERR)
    if ok:
        assert c.flags & CLIENT_SLAVE and c.replstate == SLAVE_STATE_ONLINE and server.slaves.tail.value is c
        assert bytes(wire.sent) == hello
        assert collected(c) == stream[offset - 101:]
    else:
        assert not c.flags & CLIENT_SLAVE and server.slaves.len == 0 and not wire.sent and not collected(c)


def test_no_ring_no_partial(monkeypatch):
    c, _ = make_client(monkeypatch)
    set_argv(c, b"PSYNC", ID1, b"1")
    assert rm.masterTryPartialResynchronization(c, 1) == C_ERR


# --- PSYNC, SYNC: the full resync

@pytest.fixture(name="bgsave")
def fixture_bgsave(monkeypatch):
    """rdbSaveBackground and its like, as a list of what was started; bgsave.result is what they give."""
    class started(list):
        result = C_OK
    calls = started()

    def save(kind):
        def start(*args):
            calls.append(kind)
            if calls.result == C_OK:
                server.child_type = CHILD_TYPE_RDB
                server.rdb_child_type = RDB_CHILD_TYPE_DISK if kind == "disk" else RDB_CHILD_TYPE_SOCKET
                if kind == "sockets":
                    ln = server.slaves.head
                    while ln is not None:
                        if ln.value.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
                            rm.replicationSetupSlaveForFullResync(ln.value, rm.getPsyncInitialOffset())
                        ln = ln.next
            return calls.result
        return start
    monkeypatch.setattr(rm, "rdbPopulateSaveInfo", rdbSaveInfo)
    monkeypatch.setattr(rm, "rdbSaveBackground", save("disk"))
    monkeypatch.setattr(rm, "rdbSaveToSlavesSockets", save("sockets"))
    return calls


def psync(monkeypatch, *args, capa=SLAVE_CAPA_EOF | SLAVE_CAPA_PSYNC2):
    c, wire = make_client(monkeypatch)
    c.slave_capa = capa
    set_argv(c, *(args or (b"PSYNC", b"?", b"-1")))
    rm.syncCommand(c)
    return c, wire


def test_psync_full_from_disk_and_one_that_joins(monkeypatch, bgsave):
    a, wire = psync(monkeypatch)
    assert bgsave == ["disk"] and server.stat_sync_full == 1 and server.stat_sync_partial_err == 0
    assert server.replid != ID1                     # a new ring is a new history
    assert a.replstate == SLAVE_STATE_WAIT_BGSAVE_END
    assert bytes(wire.sent) == b"+FULLRESYNC %b 0\r\n" % server.replid

    # What is written meanwhile is collected; a second replica joins, and gets a copy.
    rm.replicationFeedSlaves(server.slaves, 3, [createStringObject(b"PING")])
    b, wire = psync(monkeypatch)
    assert bgsave == ["disk"] and server.stat_sync_full == 2
    assert bytes(wire.sent) == b"+FULLRESYNC %b 0\r\n" % server.replid
    assert collected(b) == collected(a) != b""

    # One with less capabilities cannot join, nor can one get in before the fork.
    old, wire = psync(monkeypatch, capa=0)
    assert old.replstate == SLAVE_STATE_WAIT_BGSAVE_START and not wire.sent and not collected(old)


def test_sync_of_old_replicas_has_no_header(monkeypatch, bgsave):
    c, wire = psync(monkeypatch, b"SYNC")
    assert c.flags & CLIENT_PRE_PSYNC and c.replstate == SLAVE_STATE_WAIT_BGSAVE_END and not wire.sent


@pytest.mark.parametrize("capa,delay,expected", [
    (SLAVE_CAPA_EOF, 0, ["sockets"]), (SLAVE_CAPA_EOF, 5, []), (0, 5, ["disk"])])
def test_diskless(monkeypatch, bgsave, capa, delay, expected):
    server.repl_diskless_sync, server.repl_diskless_sync_delay = 1, delay
    c, _ = psync(monkeypatch, capa=capa)
    assert bgsave == expected
    assert c.replstate == (SLAVE_STATE_WAIT_BGSAVE_END if expected else SLAVE_STATE_WAIT_BGSAVE_START)


def test_bgsave_fails(monkeypatch, bgsave):
    bgsave.result = C_ERR
    c, _ = psync(monkeypatch)
    assert server.slaves.len == 0 and not c.flags & CLIENT_SLAVE and c.flags & CLIENT_CLOSE_AFTER_REPLY
    assert collected(c) == b"-ERR BGSAVE failed, replication can't continue\r\n"


def test_replicas_of_a_replica_without_link(monkeypatch, bgsave):
    monkeypatch.setattr(server, "masterhost", "127.0.0.1")
    monkeypatch.setattr(server, "repl_state", REPL_STATE_CONNECT)
    c, _ = psync(monkeypatch)
    assert collected(c) == b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n"
    assert bgsave == [] and server.slaves.len == 0


def test_a_wrong_offset(monkeypatch, bgsave):
    c, _ = psync(monkeypatch, b"PSYNC", ID1, b"x")
    assert collected(c) == b"-ERR value is not an integer or out of range\r\n" and server.stat_sync_full == 0


def test_end_of_bgsave(monkeypatch, tmp_path):
    fresh_ring(16384, 0)
    monkeypatch.chdir(tmp_path)
    content = os.urandom(40000)
    (tmp_path / "dump.rdb").write_bytes(content)
    a, wire = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_END)
    waiting, _ = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_START)
    rm.updateSlavesWaitingBgsave(C_OK, RDB_CHILD_TYPE_DISK)
    assert waiting.replstate == SLAVE_STATE_WAIT_BGSAVE_START
    assert a.replstate == SLAVE_STATE_SEND_BULK and a.conn.write_handler is rm.sendBulkToSlave
    rm.replicationFeedSlaves(server.slaves, 0, [createStringObject(b"PING")])

    wire.room = 3                                   # a slow socket: piece by piece
    rm.sendBulkToSlave(a.conn)
    assert bytes(wire.sent) == b"$40"
    while a.replstate == SLAVE_STATE_SEND_BULK:
        wire.room = 9999
        rm.sendBulkToSlave(a.conn)
    assert bytes(wire.sent) == b"$40000\r\n" + content
    assert a.replstate == SLAVE_STATE_ONLINE and a.repldbfd == -1
    assert a.conn.write_handler is networking.sendReplyToClient and collected(a).endswith(b"PING\r\n")


def test_end_of_bgsave_with_error(monkeypatch):
    c, _ = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_END)
    rm.updateSlavesWaitingBgsave(C_ERR, RDB_CHILD_TYPE_DISK)
    assert c.flags & CLIENT_CLOSE_ASAP


def test_diskless_replica_is_online_at_its_first_ack(monkeypatch):
    fresh_ring(16384, 0)
    c, wire = make_slave(monkeypatch, SLAVE_STATE_WAIT_BGSAVE_END)
    rm.updateSlavesWaitingBgsave(C_OK, RDB_CHILD_TYPE_SOCKET)
    assert c.replstate == SLAVE_STATE_ONLINE and c.repl_put_online_on_ack
    rm.replicationFeedSlaves(server.slaves, 0, [createStringObject(b"PING")])
    assert networking.handleClientsWithPendingWrites() == 0 and not wire.sent
    set_argv(c, b"REPLCONF", b"ACK", b"77")
    rm.replconfCommand(c)
    assert (c.repl_ack_off, c.repl_put_online_on_ack) == (77, 0)
    assert c.conn.write_handler is networking.sendReplyToClient


# --- REPLCONF

@pytest.mark.parametrize("args,reply", [
    ([b"listening-port", b"6380", b"IP-Address", b"10.0.0.9", b"capa", b"eof", b"capa", b"psync2"], b"+OK\r\n"),
    ([b"capa", b"telepathy"], b"+OK\r\n"),
    ([b"rdb-only", b"1"], b"+OK\r\n"),
    ([b"rdb-only", b"2"], b"-ERR value is out of range, value must between 0 and 1\r\n"),
    ([b"listening-port", b"x"], b"-ERR value is not an integer or out of range\r\n"),
    ([b"ip-address", b"x" * 256], b"-ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes\r\n"),
    ([b"ack", b"5"], b""), ([b"getack", b"*"], b""),
    ([b"nonsense", b"1"], b"-ERR Unrecognized REPLCONF option: nonsense\r\n"),
    ([b"capa"], b"-ERR syntax error\r\n"),
])
def test_replconf(monkeypatch, args, reply):
    c, _ = make_client(monkeypatch)
    set_argv(c, b"REPLCONF", *args)
    rm.replconfCommand(c)
    assert collected(c) == reply
    if args[0] == b"listening-port" and reply == b"+OK\r\n":
        assert (c.slave_listening_port, c.slave_addr) == (6380, "10.0.0.9")
        assert c.slave_capa == SLAVE_CAPA_EOF | SLAVE_CAPA_PSYNC2
        assert rm.replicationGetSlaveName(c) == "10.0.0.9:6380"


def test_ack_never_goes_back(monkeypatch):
    c, _ = make_slave(monkeypatch, SLAVE_STATE_ONLINE)
    for offset in (b"10", b"7", b"x"):
        set_argv(c, b"REPLCONF", b"ack", offset)
        rm.replconfCommand(c)
    assert c.repl_ack_off == 10


def test_shift_replication_id():
    server.master_repl_offset = 50
    rm.shiftReplicationId()
    assert server.replid2 == ID1 and server.second_replid_offset == 51 and server.replid not in (ID1, ID2)
    assert len(server.replid) == 40
