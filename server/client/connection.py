"""connection.py - a byte stream that may be a socket or TLS.      Mirrors src/connection.c, connection.h, connhelpers.h

Lives here   connection, ConnectionType (the table of functions behind it), the plain socket's table CT_Socket.
Called from  networking.py [accept, read, write]; replication, cluster, MIGRATE [any].
Calls out    ae (file events), anet, syncio; the handlers it was given.
State        connection.
Invariant    while one of its handlers runs, refs >= 1: connClose then only marks, and callHandler closes after it.
             After connClose do not touch the connection again.
Departures   connRead returns the bytes (b"" = end of file, None = C's -1); connWrite takes them and returns the count
             or -1.  EAGAIN leaves state alone, any other error sets last_errno and CONN_STATE_ERROR, as in C.
"""
import os
import socket

from ae.ae import AE_ERR, AE_READABLE, AE_WRITABLE, aeCreateFileEvent, aeDeleteFileEvent, aeWait
from ae.anet import (
    FD_TO_PEER_NAME, FD_TO_SOCK_NAME, anetBlock, anetDisableTcpNoDelay, anetEnableTcpNoDelay, anet_errno,
    anetFdToString, anetFormatFdAddr, anetKeepAlive, anetNonBlock, anetRecvTimeout, anetSendTimeout,
    anetTcpNonBlockBestEffortBindConnect, anetTcpNonBlockConnect,
)
from server.client.syncio import syncRead, syncReadLine, syncWrite
from server.server_h import C_ERR, C_OK, server

CONN_INFO_LEN = 32

# ConnectionState
CONN_STATE_NONE = 0
CONN_STATE_CONNECTING = 1
CONN_STATE_ACCEPTING = 2
CONN_STATE_CONNECTED = 3
CONN_STATE_CLOSED = 4
CONN_STATE_ERROR = 5

CONN_FLAG_CLOSE_SCHEDULED = (1 << 0)   # connClose was called while a handler ran
CONN_FLAG_WRITE_BARRIER = (1 << 1)     # the write handler runs before the read handler

CONN_TYPE_SOCKET = 1
CONN_TYPE_TLS = 2


class ConnectionType:
    """What a kind of connection can do: plain functions that take the connection first."""
    __slots__ = ("ae_handler", "connect", "write", "read", "close", "accept", "set_write_handler",
                 "set_read_handler", "get_last_error", "blocking_connect", "sync_write", "sync_read",
                 "sync_readline", "get_type")

    def __init__(self):
        self.ae_handler = None         # proc(el, fd, conn, mask)
        self.connect = None            # (conn, addr, port, source_addr, connect_handler) -> C_OK, C_ERR
        self.write = None              # (conn, data) -> bytes written, or -1
        self.read = None               # (conn, size) -> bytes; b"" at the end; None = -1
        self.close = None              # (conn)
        self.accept = None             # (conn, accept_handler) -> C_OK, C_ERR
        self.set_write_handler = None  # (conn, handler, barrier) -> C_OK, C_ERR
        self.set_read_handler = None   # (conn, handler) -> C_OK, C_ERR
        self.get_last_error = None     # (conn) -> str
        self.blocking_connect = None   # (conn, addr, port, timeout ms) -> C_OK, C_ERR
        self.sync_write = None         # (conn, data, timeout ms) -> len(data), or -1
        self.sync_read = None          # (conn, size, timeout ms) -> bytes, or None
        self.sync_readline = None      # (conn, size, timeout ms) -> bytes without the line end, or None
        self.get_type = None           # (conn) -> CONN_TYPE_*


class connection:
    """One end of a stream.  Handlers are called as handler(conn)."""
    __slots__ = ("type", "state", "flags", "refs", "last_errno", "private_data", "conn_handler",
                 "write_handler", "read_handler", "fd")

    def __init__(self):
        self.type = None           # ConnectionType
        self.state = CONN_STATE_NONE
        self.flags = 0             # CONN_FLAG_*
        self.refs = 0              # handlers running now
        self.last_errno = 0
        self.private_data = None   # data of the owner, usually the client
        self.conn_handler = None   # called once, when the connection is established or has failed
        self.write_handler = None
        self.read_handler = None
        self.fd = -1

    def __repr__(self):
        return "<connection fd=%d state=%d>" % (self.fd, self.state)


# ------ connhelpers.h: what all kinds of connection share ------

def connIncrRefs(conn):
    conn.refs += 1


def connDecrRefs(conn):
    conn.refs -= 1


def connHasRefs(conn):
    return conn.refs


def callHandler(conn, handler):
    """Run a handler; returns 0 when it closed the connection: do not touch conn again then."""
    conn.refs += 1
    try:
        if handler is not None:
            handler(conn)
    finally:
        conn.refs -= 1
    if conn.flags & CONN_FLAG_CLOSE_SCHEDULED:
        if not connHasRefs(conn):
            connClose(conn)
        return 0
    return 1


# ------ connection.h: calls through the table ------

def connAccept(conn, accept_handler):
    """Finish accepting; accept_handler runs now or later, so do nothing after this call -> C_OK, C_ERR."""
    return conn.type.accept(conn, accept_handler)


def connConnect(conn, addr, port, src_addr, connect_handler):
    """Start connecting; connect_handler runs when the state is CONNECTED or ERROR -> C_OK, C_ERR."""
    return conn.type.connect(conn, addr, port, src_addr, connect_handler)


def connBlockingConnect(conn, addr, port, timeout):
    """Connect within `timeout` ms; the result is in conn.state, too -> C_OK, C_ERR."""
    return conn.type.blocking_connect(conn, addr, port, timeout)


def connWrite(conn, data):
    """Like write(2): bytes written, or -1 (look at connGetState: still CONNECTED means try again later)."""
    return conn.type.write(conn, data)


def connRead(conn, buf_len):
    """Like read(2): up to buf_len bytes; b"" = closed by the peer; None = -1 (see connWrite)."""
    return conn.type.read(conn, buf_len)


def connSetWriteHandler(conn, func):
    return conn.type.set_write_handler(conn, func, 0)


def connSetReadHandler(conn, func):
    return conn.type.set_read_handler(conn, func)


def connSetWriteHandlerWithBarrier(conn, func, barrier):
    return conn.type.set_write_handler(conn, func, barrier)


def connClose(conn):
    conn.type.close(conn)


def connGetLastError(conn):
    return conn.type.get_last_error(conn)


def connSyncWrite(conn, data, timeout):
    return conn.type.sync_write(conn, data, timeout)


def connSyncRead(conn, size, timeout):
    return conn.type.sync_read(conn, size, timeout)


def connSyncReadLine(conn, size, timeout):
    return conn.type.sync_readline(conn, size, timeout)


def connGetType(conn):
    return conn.type.get_type(conn)


# ------ connection.c ------

def connCreateSocket():
    """Make a connection without socket: connConnect makes one."""
    conn = connection()
    conn.type = CT_Socket
    return conn


def connCreateAcceptedSocket(fd):
    """Make a connection for an accepted descriptor; no I/O before connAccept has called its handler."""
    conn = connCreateSocket()
    conn.fd = fd
    conn.state = CONN_STATE_ACCEPTING
    return conn


def connSocketConnect(conn, addr, port, src_addr, connect_handler):
    fd, _ = anetTcpNonBlockBestEffortBindConnect(addr, port, src_addr)
    if fd == -1:
        conn.state = CONN_STATE_ERROR
        conn.last_errno = anet_errno()
        return C_ERR
    conn.fd = fd
    conn.state = CONN_STATE_CONNECTING
    conn.conn_handler = connect_handler
    aeCreateFileEvent(server.el, conn.fd, AE_WRITABLE, conn.type.ae_handler, conn)
    return C_OK


def connHasWriteHandler(conn):
    return conn.write_handler is not None


def connHasReadHandler(conn):
    return conn.read_handler is not None


def connSetPrivateData(conn, data):
    conn.private_data = data


def connGetPrivateData(conn):
    return conn.private_data


# ------ Pure socket connections ------

def connSocketClose(conn):
    if conn.fd != -1:
        aeDeleteFileEvent(server.el, conn.fd, AE_READABLE | AE_WRITABLE)
        try:
            os.close(conn.fd)
        except OSError:
            pass
        conn.fd = -1

    if connHasRefs(conn):              # a handler runs: callHandler will call connClose again
        conn.flags |= CONN_FLAG_CLOSE_SCHEDULED
        return

    # C frees the connection here: clear its references, since the client and the connection refer to each other.
    conn.private_data = conn.conn_handler = conn.write_handler = conn.read_handler = None


def connSocketWrite(conn, data):
    """Write what the socket takes -> how many bytes, or -1 with last_errno.  HOT"""
    try:
        return os.write(conn.fd, data)
    except BlockingIOError:
        return -1
    except OSError as e:
        conn.last_errno = e.errno
        # Do not change the state of a connection that is not established: its handlers need it.
        if conn.state == CONN_STATE_CONNECTED:
            conn.state = CONN_STATE_ERROR
        return -1


def connSocketRead(conn, buf_len):
    """Read once -> bytes, empty at the end of the stream, or None with last_errno.  HOT"""
    try:
        data = os.read(conn.fd, buf_len)
    except BlockingIOError:
        return None
    except OSError as e:
        conn.last_errno = e.errno
        if conn.state == CONN_STATE_CONNECTED:
            conn.state = CONN_STATE_ERROR
        return None
    if not data:
        conn.state = CONN_STATE_CLOSED
    return data


def connSocketAccept(conn, accept_handler):
    ret = C_OK
    if conn.state != CONN_STATE_ACCEPTING:
        return C_ERR
    conn.state = CONN_STATE_CONNECTED
    connIncrRefs(conn)
    if not callHandler(conn, accept_handler):
        ret = C_ERR
    connDecrRefs(conn)
    return ret


def connSocketSetWriteHandler(conn, func, barrier):
    """Register (None: remove) the write handler; with `barrier` it runs before the read handler -> C_OK, C_ERR."""
    if func is conn.write_handler:
        return C_OK
    conn.write_handler = func
    if barrier:
        conn.flags |= CONN_FLAG_WRITE_BARRIER
    else:
        conn.flags &= ~CONN_FLAG_WRITE_BARRIER
    if func is None:
        aeDeleteFileEvent(server.el, conn.fd, AE_WRITABLE)
    elif aeCreateFileEvent(server.el, conn.fd, AE_WRITABLE, conn.type.ae_handler, conn) == AE_ERR:
        return C_ERR
    return C_OK


def connSocketSetReadHandler(conn, func):
    """Register (None: remove) the read handler -> C_OK, C_ERR."""
    if func is conn.read_handler:
        return C_OK
    conn.read_handler = func
    if func is None:
        aeDeleteFileEvent(server.el, conn.fd, AE_READABLE)
    elif aeCreateFileEvent(server.el, conn.fd, AE_READABLE, conn.type.ae_handler, conn) == AE_ERR:
        return C_ERR
    return C_OK


def connSocketGetLastError(conn):
    return os.strerror(conn.last_errno)


def connSocketEventHandler(el, fd, conn, mask):
    """Handle the events of a socket: finish connecting, then call the read and the write handler.  HOT"""
    if conn.state == CONN_STATE_CONNECTING and mask & AE_WRITABLE and conn.conn_handler is not None:
        conn_error = connGetSocketError(conn)
        if conn_error:
            conn.last_errno = conn_error
            conn.state = CONN_STATE_ERROR
        else:
            conn.state = CONN_STATE_CONNECTED

        if conn.write_handler is None:
            aeDeleteFileEvent(server.el, conn.fd, AE_WRITABLE)

        if not callHandler(conn, conn.conn_handler):
            return
        conn.conn_handler = None

    # Read before write, or with a write barrier in the inverse order: see aeProcessEvents.
    invert = conn.flags & CONN_FLAG_WRITE_BARRIER
    call_write = mask & AE_WRITABLE and conn.write_handler is not None
    call_read = mask & AE_READABLE and conn.read_handler is not None

    if call_read and not invert:
        if not callHandler(conn, conn.read_handler):
            return
    if call_write:
        if not callHandler(conn, conn.write_handler):
            return
    if call_read and invert:
        callHandler(conn, conn.read_handler)


def connSocketBlockingConnect(conn, addr, port, timeout):
    fd, _ = anetTcpNonBlockConnect(addr, port)
    if fd == -1:
        conn.state = CONN_STATE_ERROR
        conn.last_errno = anet_errno()
        return C_ERR
    # C also continues as connected after a timeout; the first write fails then.
    aeWait(fd, AE_WRITABLE, timeout)
    conn.fd = fd
    conn.state = CONN_STATE_CONNECTED
    return C_OK


def connSocketSyncWrite(conn, data, timeout):
    return syncWrite(conn.fd, data, timeout)


def connSocketSyncRead(conn, size, timeout):
    return syncRead(conn.fd, size, timeout)


def connSocketSyncReadLine(conn, size, timeout):
    return syncReadLine(conn.fd, size, timeout)


def connSocketGetType(conn):
    return CONN_TYPE_SOCKET


CT_Socket = ConnectionType()
CT_Socket.ae_handler = connSocketEventHandler
CT_Socket.close = connSocketClose
CT_Socket.write = connSocketWrite
CT_Socket.read = connSocketRead
CT_Socket.accept = connSocketAccept
CT_Socket.connect = connSocketConnect
CT_Socket.set_write_handler = connSocketSetWriteHandler
CT_Socket.set_read_handler = connSocketSetReadHandler
CT_Socket.get_last_error = connSocketGetLastError
CT_Socket.blocking_connect = connSocketBlockingConnect
CT_Socket.sync_write = connSocketSyncWrite
CT_Socket.sync_read = connSocketSyncRead
CT_Socket.sync_readline = connSocketSyncReadLine
CT_Socket.get_type = connSocketGetType


def connGetSocketError(conn):
    """Return and clear the socket's pending error (an errno; 0 = none)."""
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=conn.fd)
    except OSError as e:
        return e.errno
    try:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as e:
        return e.errno
    finally:
        sock.detach()


def connPeerToString(conn):
    """Return (0, ip, port) of the peer, or (-1, "?", 0)."""
    return anetFdToString(conn.fd if conn is not None else -1, FD_TO_PEER_NAME)


def connSockName(conn):
    """Return (0, ip, port) of our end, or (-1, "?", 0)."""
    return anetFdToString(conn.fd, FD_TO_SOCK_NAME)


def connFormatFdAddr(conn, fd_to_str_type):
    """Return "ip:port" of the peer (FD_TO_PEER_NAME) or of our end (FD_TO_SOCK_NAME)."""
    return anetFormatFdAddr(conn.fd if conn is not None else -1, fd_to_str_type)


def connBlock(conn):
    if conn.fd == -1:
        return C_ERR
    return anetBlock(conn.fd)


def connNonBlock(conn):
    if conn.fd == -1:
        return C_ERR
    return anetNonBlock(conn.fd)


def connEnableTcpNoDelay(conn):
    if conn.fd == -1:
        return C_ERR
    return anetEnableTcpNoDelay(conn.fd)


def connDisableTcpNoDelay(conn):
    if conn.fd == -1:
        return C_ERR
    return anetDisableTcpNoDelay(conn.fd)


def connKeepAlive(conn, interval):
    if conn.fd == -1:
        return C_ERR
    return anetKeepAlive(conn.fd, interval)


def connSendTimeout(conn, ms):
    return anetSendTimeout(conn.fd, ms)


def connRecvTimeout(conn, ms):
    return anetRecvTimeout(conn.fd, ms)


def connGetState(conn):
    return conn.state


def connGetInfo(conn):
    """Describe the connection in a few words, for CLIENT LIST."""
    return "fd=%d" % (-1 if conn is None else conn.fd)
