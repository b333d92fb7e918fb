"""A connection type without sockets: what is sent is collected, what is read comes from a list."""
from datastructs.adlist import listCreate
from datastructs.dict import dictCreate, dictType
from datastructs.rax import raxNew
from server.client import networking
from server.client.connection import CONN_STATE_CONNECTED, CONN_STATE_ERROR, CT_Socket, ConnectionType, connection
from server.server_h import (
    CLIENT_TYPE_OBUF_COUNT, clientBufferLimitsConfig, new_robj, OBJ_ENCODING_EMBSTR, OBJ_STRING, redisDb, server,
    shared,
)


class fake_wire:
    """What the far end of a fake connection has sent and received."""

    def __init__(self):
        self.incoming = []             # chunks to be read; b"" = closed, None = EAGAIN, an int = errno
        self.sent = bytearray()
        self.room = 1 << 30            # bytes the "kernel" still takes
        self.write_handler_sets = []   # (handler, barrier)
        self.writes = 0


WIRES = {}


def fake_read(conn, size):
    wire = WIRES[conn]
    item = wire.incoming.pop(0) if wire.incoming else None
    if isinstance(item, int):
        conn.last_errno = item
        conn.state = CONN_STATE_ERROR
        return None
    if item and len(item) > size:
        wire.incoming.insert(0, item[size:])
        item = item[:size]
    return item


def fake_write(conn, data):
    wire = WIRES[conn]
    if not wire.room:
        return -1
    data = bytes(data)[:wire.room]
    wire.room -= len(data)
    wire.sent += data
    wire.writes += 1
    return len(data)


def fake_close(conn):
    conn.fd = -1
    conn.private_data = None


def fake_set_write_handler(conn, func, barrier):
    conn.write_handler = func
    WIRES[conn].write_handler_sets.append((func, barrier))
    return 0


def fake_set_read_handler(conn, func):
    conn.read_handler = func
    return 0


CT_Fake = ConnectionType()
CT_Fake.read = fake_read
CT_Fake.write = fake_write
CT_Fake.close = fake_close
CT_Fake.set_write_handler = fake_set_write_handler
CT_Fake.set_read_handler = fake_set_read_handler
CT_Fake.get_last_error = CT_Socket.get_last_error


def setup_server(monkeypatch):
    """Give the global server the few lists and limits that clients need; monkeypatch puts all back afterwards."""
    WIRES.clear()
    db = redisDb()
    db.dict = dictCreate(dictType())
    values = {
        "db": [db], "clients": listCreate(), "clients_index": raxNew(), "clients_pending_write": listCreate(),
        "clients_pending_read": listCreate(), "clients_to_close": listCreate(), "unblocked_clients": listCreate(),
        "slaves": listCreate(), "monitors": listCreate(), "paused_clients": listCreate(), "io_threads_num": 1,
        "io_threads_active": 0, "client_max_querybuf_len": 1 << 30, "proto_max_bulk_len": 512 << 20, "dbnum": 1,
        "client_obuf_limits": [clientBufferLimitsConfig() for _ in range(CLIENT_TYPE_OBUF_COUNT)],
        "verbosity": 3, "next_client_id": 1, "current_client": None, "unixtime": 1000, "maxclients": 100,
        "lua_timedout": 0, "errors": raxNew(), "tcpkeepalive": 0,
    }
    for name, value in values.items():
        monkeypatch.setattr(server, name, value)
    for name, text in (("czero", b":0\r\n"), ("cone", b":1\r\n"), ("ok", b"+OK\r\n"), ("crlf", b"\r\n"),
                       ("syntaxerr", b"-ERR syntax error\r\n")):
        monkeypatch.setattr(shared, name, new_robj(OBJ_STRING, OBJ_ENCODING_EMBSTR, text))
    for name, letter in (("mbulkhdr", b"*"), ("bulkhdr", b"$"), ("maphdr", b"%"), ("sethdr", b"~")):
        monkeypatch.setattr(shared, name, [new_robj(OBJ_STRING, OBJ_ENCODING_EMBSTR, b"%b%d\r\n" % (letter, n))
                                           for n in range(32)])
    import server.client.networking_reply as networking_reply
    monkeypatch.setattr(networking_reply, "incrementErrorCount", lambda *args: None)


def fake_selectDb(c, id):
    c.db = server.db[id]
    return 0


def make_client(monkeypatch):
    """Return (client, wire): a connected client on a fake connection."""
    monkeypatch.setattr(networking, "selectDb", fake_selectDb)
    monkeypatch.setattr(networking, "connNonBlock", lambda conn: 0)
    monkeypatch.setattr(networking, "connEnableTcpNoDelay", lambda conn: 0)
    conn = connection()
    conn.type = CT_Fake
    conn.state = CONN_STATE_CONNECTED
    conn.fd = 1000 + len(WIRES)
    WIRES[conn] = fake_wire()
    c = networking.createClient(conn)
    c.authenticated = 1
    return c, WIRES[conn]
