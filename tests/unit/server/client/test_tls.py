"""tls.py: the waiting calls, connecting with an event loop, WANT_* the wrong way round, configuration errors."""
import socket
import ssl
import threading

import pytest

from ae.ae import (
    AE_DONT_WAIT, AE_FILE_EVENTS, AE_READABLE, AE_WRITABLE, aeCreateEventLoop, aeDeleteEventLoop, aeGetFileEvents, aeProcessEvents,
)
from server.client import tls
from server.client.connection import (
    CONN_STATE_CLOSED, CONN_STATE_CONNECTED, CONN_STATE_ERROR, connBlockingConnect, connClose, connConnect,
    connGetLastError, connRead, connSetReadHandler, connSetWriteHandler, connSyncRead, connSyncReadLine, connSyncWrite, connWrite,
)
from server.server_h import C_ERR, C_OK, redisTLSContextConfig, server
from tests.support.certs import make_certs


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    return make_certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def config(certs):
    """tls configured, with an event loop."""
    old = server.el, server.tls_ctx_config
    server.el = aeCreateEventLoop(1024)
    server.tls_ctx_config = c = redisTLSContextConfig()
    c.cert_file, c.key_file, c.ca_cert_file = certs.cert, certs.key, certs.ca
    tls.tlsInit()
    assert tls.tlsConfigure(c) == C_OK
    yield c
    aeDeleteEventLoop(server.el)
    server.el, server.tls_ctx_config = old
    tls.tlsCleanup()


class Peer(threading.Thread):
    """A TLS server for one connection: runs `talk(sock)`."""

    def __init__(self, certs, talk, plain=False):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)                     # not anet's default, which on PyPy is not to wait
        self.port = self.listener.getsockname()[1]
        self.talk, self.plain, self.error = talk, plain, None
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ctx.load_cert_chain(certs.cert, certs.key)
        self.ctx.load_verify_locations(certs.ca)
        self.ctx.verify_mode = ssl.CERT_REQUIRED
        self.start()

    def run(self):
        try:
            sock, _ = self.listener.accept()
            sock.settimeout(5)
            if not self.plain:
                sock = self.ctx.wrap_socket(sock, server_side=True)
            with sock:
                self.talk(sock)
        except (OSError, AssertionError) as e:
            self.error = e
        finally:
            self.listener.close()


def turn_until(condition):
    for _ in range(3000):
        if condition():
            return
        aeProcessEvents(server.el, AE_FILE_EVENTS | AE_DONT_WAIT)
        threading.Event().wait(0.001)
    raise AssertionError("did not happen")


def test_waiting_calls(certs, config):
    def talk(sock):
        assert sock.recv(100) == b"PING\r\n"
        sock.sendall(b"+PONG\r\nline 2\nrest")
        data = b""
        while len(data) < 100000:
            data += sock.recv(65536)
        sock.sendall(b"%d" % len(data))

    peer = Peer(certs, talk)
    conn = tls.connCreateTLS()
    assert connBlockingConnect(conn, "127.0.0.1", peer.port, 2000) == C_OK
    assert conn.state == CONN_STATE_CONNECTED
    assert connSyncWrite(conn, b"PING\r\n", 2 ** 63 - 1) == 6
    assert connSyncReadLine(conn, 1024, 2000) == b"+PONG"
    assert connSyncReadLine(conn, 1024, 2000) == b"line 2"
    assert connSyncRead(conn, 4, 2000) == b"rest"
    assert connSyncWrite(conn, b"x" * 100000, 2000) == 100000
    assert connSyncRead(conn, 100, 2000) == b"100000"
    assert connSyncRead(conn, 100, 2000) is None                        # the peer has closed
    connClose(conn)
    peer.join(5)
    assert peer.error is None


def test_waiting_calls_time_out(certs, config):
    done = threading.Event()
    peer = Peer(certs, lambda sock: done.wait(5))
    conn = tls.connCreateTLS()
    assert connBlockingConnect(conn, "127.0.0.1", peer.port, 2000) == C_OK
    assert connSyncRead(conn, 10, 50) is None
    assert connSyncReadLine(conn, 10, 50) is None
    connClose(conn)
    done.set()

    peer = Peer(certs, lambda sock: done.wait(5), plain=True)           # says nothing at all
    done.clear()
    conn = tls.connCreateTLS()
    assert connBlockingConnect(conn, "127.0.0.1", peer.port, 50) == C_ERR
    assert conn.state == CONN_STATE_ERROR
    connClose(conn)
    done.set()


def test_connect_read_write_with_events(certs, config):
    big = bytes(range(256)) * 1000

    def talk(sock):
        data = b""
        while len(data) < len(big):
            data += sock.recv(65536)
        sock.sendall(data)
        sock.unwrap()

    peer = Peer(certs, talk)
    log = []
    conn = tls.connCreateTLS()
    assert connConnect(conn, "127.0.0.1", peer.port, None, lambda c: log.append(c.state)) == C_OK
    turn_until(lambda: log)
    assert log == [CONN_STATE_CONNECTED] and conn.conn_handler is None

    sent = 0

    def writer(c):
        nonlocal sent
        n = connWrite(c, big[sent:])
        assert n > 0 or c.state == CONN_STATE_CONNECTED
        sent += max(n, 0)
        if sent == len(big):
            connSetWriteHandler(c, None)

    connSetWriteHandler(conn, writer)
    turn_until(lambda: sent == len(big))
    assert aeGetFileEvents(server.el, conn.fd) == 0

    got = bytearray()

    def reader(c):
        data = connRead(c, 1000)
        if data:
            got.extend(data)

    connSetReadHandler(conn, reader)
    # 1000 bytes a call out of records of 16384: most turns find the socket empty and the data pending.

    def more():
        tls.tlsProcessPendingData()
        return conn.state == CONN_STATE_CLOSED
    turn_until(more)
    assert got == big
    assert not tls.tlsHasPendingData()
    connClose(conn)
    assert conn.ssl is None and conn.fd == -1
    assert connWrite(conn, b"x") == -1 and connRead(conn, 1) is None


def test_connect_fails(certs, config):
    def no_tls(sock):
        sock.recv(1000)
        sock.sendall(b"-ERR no TLS here\r\n")
        sock.recv(1000)                             # the alert

    for talk, error in ((no_tls, "wrong version number"),
                        (lambda sock: sock.recv(1000), "unexpected eof")):
        peer = Peer(certs, talk, plain=True)
        log = []
        conn = tls.connCreateTLS()
        connConnect(conn, "127.0.0.1", peer.port, None, lambda c, log=log: log.append(c.state))
        turn_until(lambda log=log: log)
        assert log == [CONN_STATE_ERROR]
        assert error in (connGetLastError(conn) or "unexpected eof")          # before OpenSSL 3 there is no text
        connClose(conn)


def test_not_configured_is_an_error():
    tls.tlsCleanup()
    a, b = socket.socketpair()
    conn = tls.connCreateAcceptedTLS(a.detach(), 1)
    assert conn.state == CONN_STATE_ERROR and connGetLastError(conn)
    b.close()
    socket.close(conn.fd)


class FakeSSL:
    """Raises what it is told to."""

    def __init__(self, *script):
        self.script = list(script)

    def next(self, *args):
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    read = write = next

    def pending(self):
        return 0


def test_a_handler_that_waits_for_the_other_direction(config):
    a, b = socket.socketpair()
    calls = []
    conn = tls.tls_connection()
    conn.type, conn.fd, conn.state = tls.CT_TLS, a.fileno(), CONN_STATE_CONNECTED
    conn.ssl = FakeSSL(ssl.SSLWantWriteError(), b"data")
    tls.connTLSSetReadHandler(conn, lambda c: calls.append(connRead(c, 10)))
    b.send(b"x")
    aeProcessEvents(server.el, AE_FILE_EVENTS | AE_DONT_WAIT)
    # The read handler was called, and SSL must write first.
    assert calls == [None] and conn.tls_flags == tls.TLS_CONN_FLAG_READ_WANT_WRITE
    assert aeGetFileEvents(server.el, conn.fd) == AE_READABLE | AE_WRITABLE
    a.recv(1)
    aeProcessEvents(server.el, AE_FILE_EVENTS | AE_DONT_WAIT)           # writable only
    assert calls == [None, b"data"] and conn.tls_flags == 0
    assert aeGetFileEvents(server.el, conn.fd) == AE_READABLE

    tls.connTLSSetReadHandler(conn, None)
    conn.ssl = FakeSSL(ssl.SSLWantReadError(), 4)
    calls.clear()

    def writer(c):
        calls.append(connWrite(c, b"text"))
    tls.connTLSSetWriteHandler(conn, writer, 0)
    aeProcessEvents(server.el, AE_FILE_EVENTS | AE_DONT_WAIT)
    assert calls == [-1] and conn.tls_flags == tls.TLS_CONN_FLAG_WRITE_WANT_READ
    assert aeGetFileEvents(server.el, conn.fd) & AE_READABLE
    tls.tlsHandleEvent(conn, AE_READABLE)
    assert calls == [-1, 4] and conn.tls_flags == 0
    tls.connTLSSetWriteHandler(conn, None, 0)
    assert aeGetFileEvents(server.el, conn.fd) == 0
    a.close()
    b.close()


def test_partial_write(config):
    conn = tls.tls_connection()
    conn.type, conn.state = tls.CT_TLS, CONN_STATE_CONNECTED
    a, b = socket.socketpair()
    conn.fd = a.fileno()
    conn.ssl = FakeSSL(16384, 16384, ssl.SSLWantWriteError())
    assert connWrite(conn, b"x" * 100000) == 32768
    conn.ssl = FakeSSL(ssl.SSLWantWriteError())
    assert connWrite(conn, b"x" * 100000) == -1 and conn.state == CONN_STATE_CONNECTED
    conn.ssl = FakeSSL(ConnectionResetError(104, "reset"))
    assert connWrite(conn, b"x") == -1 and conn.state == CONN_STATE_ERROR
    assert connGetLastError(conn) == "Connection reset by peer"
    a.close()
    b.close()


@pytest.mark.parametrize("text, result", [
    (None, tls.REDIS_TLS_PROTO_DEFAULT), ("TLSv1.2", 4), ("tlsv1.2 TLSV1.3", 12), ("TLSv1 TLSv1.1", 3), ("SSLv3", -1),
    ("TLSv1.2  TLSv1.3", -1), ("TLSv1.2,TLSv1.3", -1),
])
def test_parse_protocols(text, result):
    assert tls.parseProtocolsConfig(text) == result


@pytest.mark.parametrize("field, value", [
    ("cert_file", None), ("key_file", None), ("cert_file", "/nonexistent"), ("key_file", "/nonexistent"),
    ("ca_cert_file", None), ("ca_cert_file", "/nonexistent"), ("ciphers", "NO-SUCH"), ("ciphersuites", "NO-SUCH"), ("protocols", "x"),
    ("dh_params_file", "/nonexistent"),
])
def test_a_bad_configuration_leaves_the_old_one(config, monkeypatch, field, value):
    monkeypatch.setattr(server, "tls_auth_clients", 1)
    before = tls.redis_tls_ctx, tls.redis_tls_client_ctx
    setattr(config, field, value)
    assert tls.tlsConfigure(config) == C_ERR
    assert (tls.redis_tls_ctx, tls.redis_tls_client_ctx) == before
