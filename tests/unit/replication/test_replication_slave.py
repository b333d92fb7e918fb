"""The replica's state machine against its table, step by step on a fake connection; the RDB transfer; the cached master."""
import os

import pytest

from replication import replication_master as rm, replication_slave as rs
from server.client import networking
from server.client.connection import CONN_STATE_CONNECTED, CONN_STATE_ERROR, connection
from server.server_h import (
    AOF_OFF, C_ERR, C_OK, CHILD_TYPE_NONE, CLIENT_MASTER, CLIENT_PRE_PSYNC, FAILOVER_IN_PROGRESS, NO_FAILOVER,
    REPL_DISKLESS_LOAD_DISABLED, REPL_STATE_CONNECT, REPL_STATE_CONNECTED, REPL_STATE_CONNECTING, REPL_STATE_NONE,
    REPL_STATE_RECEIVE_AUTH_REPLY, REPL_STATE_RECEIVE_CAPA_REPLY, REPL_STATE_RECEIVE_IP_REPLY,
    REPL_STATE_RECEIVE_PING_REPLY, REPL_STATE_RECEIVE_PORT_REPLY, REPL_STATE_RECEIVE_PSYNC_REPLY,
    REPL_STATE_SEND_HANDSHAKE, REPL_STATE_SEND_PSYNC, REPL_STATE_TRANSFER, server,
)
from tests.unit.server.client import fake_connection
from tests.unit.server.client.fake_connection import CT_Fake, WIRES, fake_selectDb, fake_wire, setup_server

ID1 = b"a" * 40
ID2 = b"b" * 40

#: Every step that one event of the loop may take, as in the header of replication_slave.py.  States that a call passes
#: through without returning (SEND_HANDSHAKE, SEND_PSYNC) are steps of their own.
LEGAL = {
    REPL_STATE_NONE: {REPL_STATE_CONNECT},                                         # REPLICAOF
    REPL_STATE_CONNECT: {REPL_STATE_CONNECTING, REPL_STATE_NONE},
    REPL_STATE_CONNECTING: {REPL_STATE_RECEIVE_PING_REPLY, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_RECEIVE_PING_REPLY: {REPL_STATE_SEND_HANDSHAKE, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_SEND_HANDSHAKE: {REPL_STATE_RECEIVE_AUTH_REPLY, REPL_STATE_CONNECT},
    REPL_STATE_RECEIVE_AUTH_REPLY: {REPL_STATE_RECEIVE_PORT_REPLY, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_RECEIVE_PORT_REPLY: {REPL_STATE_RECEIVE_IP_REPLY, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_RECEIVE_IP_REPLY: {REPL_STATE_RECEIVE_CAPA_REPLY, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_RECEIVE_CAPA_REPLY: {REPL_STATE_SEND_PSYNC, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_SEND_PSYNC: {REPL_STATE_RECEIVE_PSYNC_REPLY, REPL_STATE_CONNECT},
    REPL_STATE_RECEIVE_PSYNC_REPLY: {REPL_STATE_TRANSFER, REPL_STATE_CONNECTED, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_TRANSFER: {REPL_STATE_CONNECTED, REPL_STATE_CONNECT, REPL_STATE_NONE},
    REPL_STATE_CONNECTED: {REPL_STATE_CONNECT, REPL_STATE_NONE},
}


class watched_state:
    """Stands in for `server` in replication_slave, and notes each value that repl_state takes."""

    def __init__(self):
        object.__setattr__(self, "seen", [])

    def __getattr__(self, name):
        return getattr(server, name)

    def __setattr__(self, name, value):
        if name == "repl_state":
            self.seen.append((server.repl_state, value))
        setattr(server, name, value)


@pytest.fixture(autouse=True)
def fixture_server(monkeypatch, tmp_path):
    setup_server(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name, value in {
            "masterhost": "127.0.0.1", "masterport": 6379, "master": None, "cached_master": None, "masterauth": None,
            "masteruser": None, "repl_state": REPL_STATE_CONNECTING, "repl_transfer_fd": -1, "repl_transfer_s": None,
            "repl_transfer_tmpfile": None, "repl_syncio_timeout": 5, "slave_announce_port": 0,
            "slave_announce_ip": None, "port": 6380, "failover_state": NO_FAILOVER, "repl_backlog": None,
            "repl_backlog_size": 16384, "replid": ID1, "master_repl_offset": 0, "master_initial_offset": -1,
            "repl_diskless_load": REPL_DISKLESS_LOAD_DISABLED, "supervised_mode": 0, "aof_enabled": 0,
            "aof_state": AOF_OFF, "repl_slave_lazy_flush": 0, "child_type": CHILD_TYPE_NONE, "loading": 0,
            "rdb_filename": "dump.rdb", "rdb_del_sync_files": 0, "master_replid": b"0" * 40, "replid2": b"0" * 40,
            "second_replid_offset": -1, "tls_replication": 0, "bindaddr_count": 0}.items():
        monkeypatch.setattr(server, name, value)
    watched = watched_state()
    monkeypatch.setattr(rs, "server", watched)
    monkeypatch.setattr(networking, "selectDb", fake_selectDb)
    monkeypatch.setattr(rs, "selectDb", fake_selectDb)
    monkeypatch.setattr(networking, "connNonBlock", lambda conn: 0)
    monkeypatch.setattr(networking, "connEnableTcpNoDelay", lambda conn: 0)
    monkeypatch.setattr(rs, "connectWithMaster", lambda: C_ERR)
    monkeypatch.setattr(rm, "bioCreateCloseJob", os.close)
    monkeypatch.setattr(rs, "disconnectAllBlockedClients", lambda: None)
    monkeypatch.setattr(rs, "setOOMScoreAdj", lambda process_class: C_OK)
    monkeypatch.setattr(CT_Fake, "sync_write", sync_write)
    monkeypatch.setattr(CT_Fake, "sync_readline", sync_readline)
    yield
    for step in watched.seen:
        assert step[0] == step[1] or step[1] in LEGAL[step[0]], "%d -> %d" % step


def sync_write(conn, data, timeout):
    if not WIRES[conn].room:
        return -1
    WIRES[conn].sent += data
    return len(data)


def sync_readline(conn, size, timeout):
    wire = WIRES[conn]
    return wire.incoming.pop(0) if wire.incoming else None


def new_conn():
    conn = connection()
    conn.type = CT_Fake
    conn.state = CONN_STATE_CONNECTED
    conn.fd = 2000 + len(WIRES)
    WIRES[conn] = fake_wire()
    server.repl_transfer_s = conn
    return conn, WIRES[conn]


def step(conn, wire, *reply):
    wire.incoming += reply
    wire.sent.clear()
    rs.syncWithMaster(conn)
    return bytes(wire.sent)


def command(*args):
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%b\r\n" % (len(a), a) for a in args)


def handshake(conn, wire):
    """Up to RECEIVE_PSYNC_REPLY; returns what was sent last."""
    step(conn, wire)
    step(conn, wire, b"+PONG")
    for _ in range(4):
        if server.repl_state == REPL_STATE_RECEIVE_PSYNC_REPLY:
            break
        sent = step(conn, wire, b"+OK")
    assert server.repl_state == REPL_STATE_RECEIVE_PSYNC_REPLY
    return sent


def test_handshake_in_full():
    server.masterauth, server.masteruser, server.slave_announce_ip = b"secret", "joe", "10.0.0.1"
    conn, wire = new_conn()
    assert step(conn, wire) == command(b"PING")
    assert server.repl_state == REPL_STATE_RECEIVE_PING_REPLY and conn.read_handler is rs.syncWithMaster
    assert step(conn, wire, b"-NOAUTH Authentication required.") == (
        command(b"AUTH", b"joe", b"secret") + command(b"REPLCONF", b"listening-port", b"6380") +
        command(b"REPLCONF", b"ip-address", b"10.0.0.1") + command(b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"))
    for state in (REPL_STATE_RECEIVE_AUTH_REPLY, REPL_STATE_RECEIVE_PORT_REPLY, REPL_STATE_RECEIVE_IP_REPLY):
        assert server.repl_state == state
        assert step(conn, wire, b"+OK") == b""
    assert server.repl_state == REPL_STATE_RECEIVE_CAPA_REPLY
    assert step(conn, wire, b"+OK") == command(b"PSYNC", b"?", b"-1")
    assert server.repl_state == REPL_STATE_RECEIVE_PSYNC_REPLY
    assert step(conn, wire, b"") == b""             # a newline: go on waiting
    assert server.repl_state == REPL_STATE_RECEIVE_PSYNC_REPLY
    step(conn, wire, b"+FULLRESYNC %b 1234" % ID2)
    assert server.repl_state == REPL_STATE_TRANSFER and conn.read_handler is rs.readSyncBulkPayload
    assert (server.master_replid, server.master_initial_offset) == (ID2, 1234)
    assert os.path.exists(server.repl_transfer_tmpfile)
    assert rs.cancelReplicationHandshake(0) == 1
    assert server.repl_state == REPL_STATE_CONNECT and server.repl_transfer_s is None


def test_short_handshake_with_an_old_master():
    """No password, no announced address: those states are passed; errors of REPLCONF do not matter."""
    conn, wire = new_conn()
    step(conn, wire)
    sent = step(conn, wire, b"+PONG")
    assert sent.startswith(command(b"REPLCONF", b"listening-port", b"6380")) and b"ip-address" not in sent
    step(conn, wire, b"-ERR unknown command")
    assert server.repl_state == REPL_STATE_RECEIVE_IP_REPLY
    step(conn, wire, b"-ERR unknown command")
    assert server.repl_state == REPL_STATE_RECEIVE_PSYNC_REPLY
    # It knows no PSYNC either: the old SYNC.
    assert step(conn, wire, b"-ERR unknown command") == b"SYNC\r\n"
    assert server.repl_state == REPL_STATE_TRANSFER and server.master_initial_offset == -1
    rs.replicationCreateMasterClient(None, -1)
    assert server.master.flags & CLIENT_PRE_PSYNC


@pytest.mark.parametrize("reply", [b"-LOADING Redis is loading", b"-MISCONF no"])
def test_error_reply_to_ping(reply):
    conn, wire = new_conn()
    step(conn, wire)
    step(conn, wire, reply)
    assert server.repl_state == REPL_STATE_CONNECT and server.repl_transfer_s is None and conn.fd == -1


def test_wrong_password():
    server.masterauth = b"x"
    conn, wire = new_conn()
    step(conn, wire)
    step(conn, wire, b"+PONG")
    step(conn, wire, b"-WRONGPASS")
    assert server.repl_state == REPL_STATE_CONNECT


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_link_breaks_in_the_handshake(steps):
    """The read fails (receiveSynchronousResponse gives an error), or the write does."""
    conn, wire = new_conn()
    for reply in [(), (b"+PONG",), (b"+OK",), (b"+OK",)][:steps]:
        step(conn, wire, *reply)
    wire.room = 0
    for _ in range(4):
        if server.repl_state == REPL_STATE_CONNECT:
            break
        rs.syncWithMaster(conn)
    assert server.repl_state in (REPL_STATE_CONNECT, REPL_STATE_TRANSFER)
    if server.repl_state == REPL_STATE_TRANSFER:    # "no answer to PSYNC" counts as no PSYNC
        rs.cancelReplicationHandshake(0)


def test_connect_fails():
    conn, _ = new_conn()
    conn.state = CONN_STATE_ERROR
    rs.syncWithMaster(conn)
    assert server.repl_state == REPL_STATE_CONNECT


def test_replicaof_no_one_while_connecting():
    conn, wire = new_conn()
    server.repl_state = REPL_STATE_NONE
    rs.syncWithMaster(conn)
    assert server.repl_state == REPL_STATE_NONE and conn.fd == -1 and not wire.sent


@pytest.mark.parametrize("reply", [b"-NOMASTERLINK Can't SYNC while not connected with my master", b"-LOADING wait"])
def test_master_busy(reply):
    conn, wire = new_conn()
    handshake(conn, wire)
    step(conn, wire, reply)
    assert server.repl_state == REPL_STATE_CONNECT


def cached_master(offset):
    server.master_initial_offset = offset
    server.master_replid = ID1
    rs.replicationCreateMasterClient(None, 0)
    server.cached_master, server.master = server.master, None


@pytest.mark.parametrize("reply,new_id", [(b"+CONTINUE", False), (b"+CONTINUE " + ID1, False),
                                          (b"+CONTINUE " + ID2, True)])
def test_partial_resync(reply, new_id):
    cached_master(500)
    server.master_repl_offset = 500
    client = server.cached_master
    conn, wire = new_conn()
    assert handshake(conn, wire) == command(b"PSYNC", ID1, b"501")
    step(conn, wire, reply)
    assert server.repl_state == REPL_STATE_CONNECTED and server.master is client and server.cached_master is None
    assert client.conn is conn and conn.private_data is client and client.client_list_node is not None
    assert conn.read_handler is networking.readQueryFromClient
    assert server.repl_backlog is not None and client.reploff == 500
    if new_id:
        assert (server.replid, server.replid2, server.second_replid_offset) == (ID2, ID1, 501)
        assert client.replid == ID2
    else:
        assert (server.replid, server.second_replid_offset) == (ID1, -1)


@pytest.mark.parametrize("reply,ok", [(b"+FULLRESYNC " + ID2 + b" 7", True), (b"+FULLRESYNC", False),
                                      (b"+FULLRESYNC abc 7", False), (b"+FULLRESYNC " + ID2, False)])
def test_full_resync_drops_the_cached_master(reply, ok):
    cached_master(500)
    conn, wire = new_conn()
    handshake(conn, wire)
    step(conn, wire, reply)
    assert server.cached_master is None and server.repl_state == REPL_STATE_TRANSFER
    assert server.master_replid == (ID2 if ok else b"\0" * 40)
    rs.cancelReplicationHandshake(0)


def test_failover_is_part_of_psync(monkeypatch):
    server.failover_state = FAILOVER_IN_PROGRESS
    cleared = []
    monkeypatch.setattr(rs, "clearFailoverState", lambda: cleared.append(1))
    cached_master(9)
    conn, wire = new_conn()
    assert handshake(conn, wire) == command(b"PSYNC", ID1, b"10", b"FAILOVER")
    step(conn, wire, b"+CONTINUE " + ID2)
    assert cleared == [1] and server.repl_state == REPL_STATE_CONNECTED


# --- The transfer

@pytest.fixture(name="loaded")
def fixture_loaded(monkeypatch):
    """What the loader was given: the content of the file."""
    files = []

    def rdbLoad(filename, rsi, flags):
        with open(filename, "rb") as f:
            files.append(f.read())
        rsi.repl_stream_db = 0
        return C_OK
    monkeypatch.setattr(rs, "rdbLoad", rdbLoad)
    monkeypatch.setattr(rs, "emptyDb", lambda *args: 0)
    monkeypatch.setattr(rs, "bioCreateCloseJob", os.close)
    return files


def transfer(conn, wire, header, chunks):
    handshake(conn, wire)
    step(conn, wire, b"+FULLRESYNC %b 77" % ID2)
    wire.incoming += [b"", b"", header]             # newlines while the master saves
    for _ in range(3):
        rs.readSyncBulkPayload(conn)
    for chunk in chunks:
        wire.incoming.append(chunk)
        rs.readSyncBulkPayload(conn)


CONTENT = os.urandom(3000)
MARK = b"0123456789" * 4


@pytest.mark.parametrize("size", [1, 7, 39, 40, 41, 4096])
@pytest.mark.parametrize("usemark", [False, True])
def test_transfer(monkeypatch, loaded, size, usemark):
    with open("dump.rdb", "wb"):                   # an old file, to be replaced
        pass
    acks = []
    monkeypatch.setattr(rs, "replicationSendAck", lambda: acks.append(1))
    content = CONTENT[:200] if size == 1 else CONTENT
    stream = content + MARK if usemark else content
    conn, wire = new_conn()
    transfer(conn, wire, b"$EOF:" + MARK if usemark else b"$%d" % len(content),
             [stream[i:i + size] for i in range(0, len(stream), size)])
    assert loaded == [content]
    assert server.repl_state == REPL_STATE_CONNECTED and server.repl_transfer_fd == -1
    assert server.master.flags & CLIENT_MASTER and server.master.conn is conn
    assert (server.replid, server.master_repl_offset, server.repl_backlog_off) == (ID2, 77, 78)
    assert acks == ([1] if usemark else [])


@pytest.mark.parametrize("header", [b"-ERR no", b"*3", b"hello", None])
def test_bad_header(loaded, header):
    conn, wire = new_conn()
    handshake(conn, wire)
    step(conn, wire, b"+FULLRESYNC %b 77" % ID2)
    tmpfile = server.repl_transfer_tmpfile
    if header is not None:
        wire.incoming.append(header)
    rs.readSyncBulkPayload(conn)
    assert server.repl_state == REPL_STATE_CONNECT and not loaded and not os.path.exists(tmpfile)


def test_link_lost_in_the_transfer(loaded, monkeypatch):
    conn, wire = new_conn()

    def read(conn, size):
        data = fake_connection.fake_read(conn, size)
        if data == b"":
            conn.state = CONN_STATE_ERROR
        return data
    monkeypatch.setattr(CT_Fake, "read", read)
    transfer(conn, wire, b"$1000", [CONTENT[:500], None, CONTENT[500:600], b""])
    assert server.repl_state == REPL_STATE_CONNECT and not loaded and server.repl_transfer_fd == -1


def test_loader_raises(loaded, monkeypatch):
    """C would crash; we log, and try again later, instead of being stuck in the transfer for ever."""
    def rdbLoad(*args):
        server.loading = 1
        raise ZeroDivisionError
    monkeypatch.setattr(rs, "rdbLoad", rdbLoad)
    monkeypatch.setattr(rs, "stopLoading", lambda ok: setattr(server, "loading", 0))
    conn, wire = new_conn()
    with pytest.raises(ZeroDivisionError):
        transfer(conn, wire, b"$10", [CONTENT[:10]])
    assert server.repl_state == REPL_STATE_CONNECT and not server.loading


# --- The cached master

def connected(monkeypatch, loaded):
    conn, wire = new_conn()
    transfer(conn, wire, b"$10", [CONTENT[:10]])
    return server.master


def test_lost_master_is_cached_without_its_half_commands(monkeypatch, loaded):
    master = connected(monkeypatch, loaded)
    seen = []
    monkeypatch.setattr(networking, "processCommand", lambda c: seen.append([o.ptr for o in c.argv]) or C_OK)
    monkeypatch.setattr(networking, "replicationFeedSlavesFromMasterStream", lambda slaves, buf, n: None)
    whole = command(b"SET", b"a", b"1")
    WIRES[master.conn].incoming.append(whole + b"*3\r\n$3\r\nSET\r\n$1\r\n")
    networking.readQueryFromClient(master.conn)
    assert seen == [[b"SET", b"a", b"1"]]
    assert master.reploff == 77 + len(whole) and master.read_reploff > master.reploff
    networking.freeClient(master)
    assert server.master is None and server.cached_master is master and server.repl_state == REPL_STATE_CONNECT
    assert master.conn is None and master.read_reploff == master.reploff == 77 + len(whole)
    assert not master.querybuf and not master.pending_querybuf and master.qb_pos == 0
    assert (master.argc, master.multibulklen, master.bulklen) == (0, 0, -1)


def test_promotion(monkeypatch, loaded):
    connected(monkeypatch, loaded)
    server.slaveseldb = 5
    rs.replicationUnsetMaster()
    assert server.masterhost is None and server.master is None and server.cached_master is None
    assert server.repl_state == REPL_STATE_NONE and server.slaveseldb == -1
    assert (server.replid2, server.second_replid_offset) == (ID2, 78) and server.replid not in (ID1, ID2)
    assert server.repl_backlog is not None


def test_demotion_keeps_our_own_history(monkeypatch):
    server.masterhost, server.repl_state = None, REPL_STATE_NONE
    server.master_repl_offset = 42
    rs.replicationSetMaster("10.0.0.2", 7000)
    assert (server.masterhost, server.masterport, server.repl_state) == ("10.0.0.2", 7000, REPL_STATE_CONNECT)
    assert server.master is None and (server.cached_master.replid, server.cached_master.reploff) == (ID1, 42)


def test_table_is_complete():
    states = [v for k, v in vars(rs).items() if k.startswith("REPL_STATE_")]
    assert sorted(LEGAL) == sorted(set(states)) == list(range(13))
