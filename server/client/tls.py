"""tls.py - encrypted connections.                      Mirrors src/tls.c (6.2.14), over the std module ssl

Lives here   tlsConfigure (the tls-* directives made into SSL contexts); CT_TLS, the second ConnectionType.
Called from  config_table.py, initServer [startup, command]; acceptTLSHandler [accept]; connection.py's connXxx [read,
             write]; beforeSleep (tlsProcessPendingData, tlsHasPendingData) [before].
Calls out    connection.py (CT_Socket does the socket part), ae, anet.
State        redis_tls_ctx, redis_tls_client_ctx; pending_list.
Invariant    a connection is in pending_list <=> its pending_list_node is set: OpenSSL holds bytes that epoll cannot see.
             TLS_CONN_FLAG_*: what a handler waits for is the opposite of its own kind of event.
Departures   ssl reports by exceptions where C has return codes: handleSSLReturnCode takes the exception.  A context
             serves one direction, so there is always a client context.  Whether a client must show a certificate is
             set on the context just before the connection is made (C: on the connection).  Error texts lack OpenSSL's
             number.  What ssl has no call for is asked of libssl itself, see ssl_ctx_call.
"""
import ctypes
import os
import socket
import warnings
from errno import ECONNRESET

try:
    import ssl
    USE_OPENSSL = 1
except ImportError:                                 # a Python built without OpenSSL
    ssl = None
    USE_OPENSSL = 0

from ae.ae import AE_READABLE, AE_WRITABLE, aeCreateFileEvent, aeDeleteFileEvent, aeGetFileEvents
from datastructs.adlist import listAddNodeTail, listCreate, listDelNode, listLast, list_values
from datastructs.util import INT_MAX
from server.client.connection import (
    CONN_FLAG_WRITE_BARRIER, CONN_STATE_ACCEPTING, CONN_STATE_CLOSED, CONN_STATE_CONNECTED, CONN_STATE_CONNECTING,
    CONN_STATE_ERROR, CONN_STATE_NONE, CONN_TYPE_TLS, CT_Socket, ConnectionType, callHandler, connGetSocketError,
    connection,
)
from server.log import serverAssert, serverLog
from server.server_h import (
    C_ERR, C_OK, LL_WARNING, TLS_CLIENT_AUTH_NO, TLS_CLIENT_AUTH_OPTIONAL, server,
)

REDIS_TLS_PROTO_TLSv1 = (1 << 0)
REDIS_TLS_PROTO_TLSv1_1 = (1 << 1)
REDIS_TLS_PROTO_TLSv1_2 = (1 << 2)
REDIS_TLS_PROTO_TLSv1_3 = (1 << 3)
REDIS_TLS_PROTO_DEFAULT = REDIS_TLS_PROTO_TLSv1_2 | (REDIS_TLS_PROTO_TLSv1_3 if ssl and ssl.HAS_TLSv1_3 else 0)

redis_tls_ctx = None           # ssl.SSLContext for accepted connections
redis_tls_client_ctx = None    # ssl.SSLContext for those that we make

SSL3_RT_MAX_PLAIN_LENGTH = 16384   # bytes of one TLS record


def parseProtocolsConfig(str_):
    """Return REDIS_TLS_PROTO_* of "TLSv1.2 TLSv1.3", the default for None, -1 for anything else."""
    protocols = 0
    if not str_:
        return REDIS_TLS_PROTO_DEFAULT
    for token in str_.split(" "):
        token = token.lower()
        if token == "tlsv1":
            protocols |= REDIS_TLS_PROTO_TLSv1
        elif token == "tlsv1.1":
            protocols |= REDIS_TLS_PROTO_TLSv1_1
        elif token == "tlsv1.2":
            protocols |= REDIS_TLS_PROTO_TLSv1_2
        elif token == "tlsv1.3":
            if not ssl.HAS_TLSv1_3:
                serverLog(LL_WARNING, "TLSv1.3 is specified in tls-protocols but not supported by OpenSSL.")
                return -1
            protocols |= REDIS_TLS_PROTO_TLSv1_3
        else:
            serverLog(LL_WARNING, "Invalid tls-protocols specified. "
                                  "Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.")
            return -1
    return protocols


pending_list = None            # list_ of tls_connection with decrypted data that epoll does not report


# ------ What the ssl module has no call for ------

SSL_CTRL_SET_SESS_CACHE_SIZE = 42
SSL_CTRL_SET_SESS_CACHE_MODE = 44
SSL_CTRL_SET_DH_AUTO = 118
SSL_SESS_CACHE_OFF = 0
SSL_SESS_CACHE_SERVER = 2

_libssl = None


def libssl():
    """Return the very libssl that the ssl module uses, or None (a Python that is not CPython, or hides it)."""
    global _libssl
    if _libssl is None:
        _libssl = False
        try:
            import _ssl
            import sys
            # Symbols are looked up in _ssl and what it is linked with.
            lib = ctypes.CDLL(getattr(_ssl, "__file__", None))
            if sys.implementation.name == "cpython":
                lib.SSL_CTX_ctrl.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
                lib.SSL_CTX_ctrl.restype = ctypes.c_long
                lib.SSL_CTX_set_timeout.argtypes = (ctypes.c_void_p, ctypes.c_long)
                lib.SSL_CTX_set_timeout.restype = ctypes.c_long
                lib.SSL_CTX_set_ciphersuites.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
                lib.SSL_CTX_set_ciphersuites.restype = ctypes.c_int
                _libssl = lib
        except (ImportError, OSError, AttributeError):
            pass
    return _libssl or None


def ssl_ctx_pointer(ctx):
    """Return the SSL_CTX * of an SSLContext: the first field after the object's head, in every CPython so far."""
    return ctypes.c_void_p.from_address(id(ctx) + object.__basicsize__)


def set_ciphersuites(ctx, ciphersuites):
    """SSL_CTX_set_ciphersuites (TLS 1.3) -> True if OpenSSL took them."""
    if hasattr(ctx, "set_ciphersuites"):            # since Python 3.15
        try:
            ctx.set_ciphersuites(ciphersuites)
        except ssl.SSLError:
            return False
        return True
    lib = libssl()
    return bool(lib and lib.SSL_CTX_set_ciphersuites(ssl_ctx_pointer(ctx), os.fsencode(ciphersuites)))


def set_session_cache(ctx, caching, size, timeout):
    """The session cache of a server context -> True if it is as wanted."""
    lib = libssl()
    if not lib:
        return caching                              # OpenSSL's default applies: on
    pointer = ssl_ctx_pointer(ctx)
    if caching:
        lib.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_SERVER, None)
        lib.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_SIZE, size, None)
        lib.SSL_CTX_set_timeout(pointer, timeout)
    else:
        lib.SSL_CTX_ctrl(pointer, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, None)
    return True


def ssl_error_string(exc):
    """The text of ERR_error_string, without the number that Python does not tell."""
    reason = getattr(exc, "reason", None)
    if reason:
        return "error:%s routines::%s" % (exc.library or "unknown", reason.lower().replace("_", " "))
    return exc.strerror or str(exc)


# ------ Configuration ------

def tlsInit():
    global pending_list
    pending_list = listCreate()


def tlsCleanup():
    global redis_tls_ctx, redis_tls_client_ctx
    redis_tls_ctx = None
    redis_tls_client_ctx = None


def load_cert_chain(ctx, cert_file, key_file, key_file_pass):
    """Certificate and key into the context -> True; logs what is wrong with which of them."""
    try:
        # Use an empty password: without any, OpenSSL would ask for one at the terminal.
        ctx.load_cert_chain(cert_file, key_file, key_file_pass or "")
        return True
    except (OSError, ValueError) as e:              # SSLError is an OSError; ValueError: a password too long
        error = e
    # ssl loads both in one call: find out which it was.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cert_file)
    except OSError as e:
        serverLog(LL_WARNING, "Failed to load certificate: %s: %s", cert_file, ssl_error_string(e))
        return False
    serverLog(LL_WARNING, "Failed to load private key: %s: %s", key_file,
              ssl_error_string(error) if isinstance(error, OSError) else str(error))
    return False


def createSSLContext(ctx_config, protocols, client):
    """What server and client contexts have in common -> SSLContext, or None after logging why."""
    if client and ctx_config.client_cert_file and ctx_config.client_key_file:
        cert_file = ctx_config.client_cert_file
        key_file = ctx_config.client_key_file
        key_file_pass = ctx_config.client_key_file_pass
    else:
        cert_file = ctx_config.cert_file
        key_file = ctx_config.key_file
        key_file_pass = ctx_config.key_file_pass

    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
    options = ssl.OP_NO_SSLv2 | ssl.OP_NO_SSLv3 | ssl.OP_NO_COMPRESSION
    if not protocols & REDIS_TLS_PROTO_TLSv1:
        options |= ssl.OP_NO_TLSv1
    if not protocols & REDIS_TLS_PROTO_TLSv1_1:
        options |= ssl.OP_NO_TLSv1_1
    if not protocols & REDIS_TLS_PROTO_TLSv1_2:
        options |= ssl.OP_NO_TLSv1_2
    if not protocols & REDIS_TLS_PROTO_TLSv1_3:
        options |= ssl.OP_NO_TLSv1_3
    with warnings.catch_warnings():
        # Python recommends a lowest and a highest version, which cannot express "TLSv1 TLSv1.2".
        warnings.simplefilter("ignore", DeprecationWarning)
        ctx.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        # Set all options: Python enables some that C does not, such as the server's preference of ciphers.
        ctx.options = options

    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_REQUIRED

    if not load_cert_chain(ctx, cert_file, key_file, key_file_pass):
        return None

    if ctx_config.ca_cert_file or ctx_config.ca_cert_dir:
        try:
            ctx.load_verify_locations(ctx_config.ca_cert_file, ctx_config.ca_cert_dir)
        except OSError as e:
            serverLog(LL_WARNING, "Failed to configure CA certificate(s) file/directory: %s", ssl_error_string(e))
            return None

    try:
        # Python has its own list; C's default is OpenSSL's.
        ctx.set_ciphers(ctx_config.ciphers or "DEFAULT")
    except ssl.SSLError:
        serverLog(LL_WARNING, "Failed to configure ciphers: %s", ctx_config.ciphers)
        return None

    if ctx_config.ciphersuites and not set_ciphersuites(ctx, ctx_config.ciphersuites):
        serverLog(LL_WARNING, "Failed to configure ciphersuites: %s", ctx_config.ciphersuites)
        return None

    return ctx


def tlsConfigure(ctx_config):
    """Make the contexts from the tls-* directives -> C_OK; or C_ERR, and the old ones stay in use."""
    global redis_tls_ctx, redis_tls_client_ctx

    if ssl is None:
        serverLog(LL_WARNING, "This Python has no ssl module: TLS is not available.")
        return C_ERR

    if not ctx_config.cert_file:
        serverLog(LL_WARNING, "No tls-cert-file configured!")
        return C_ERR

    if not ctx_config.key_file:
        serverLog(LL_WARNING, "No tls-key-file configured!")
        return C_ERR

    if ((server.tls_auth_clients != TLS_CLIENT_AUTH_NO or server.tls_cluster or server.tls_replication) and
            not ctx_config.ca_cert_file and not ctx_config.ca_cert_dir):
        serverLog(LL_WARNING, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, "
                              "tls-replication or tls-auth-clients are enabled!")
        return C_ERR

    protocols = parseProtocolsConfig(ctx_config.protocols)
    if protocols == -1:
        return C_ERR

    ctx = createSSLContext(ctx_config, protocols, 0)
    if ctx is None:
        return C_ERR

    if not set_session_cache(ctx, ctx_config.session_caching, ctx_config.session_cache_size,
                             ctx_config.session_cache_timeout):
        serverLog(LL_WARNING, "Session caching cannot be switched off in this Python.")
        return C_ERR

    options = getattr(ssl, "OP_NO_RENEGOTIATION", 0) | ssl.OP_SINGLE_DH_USE
    if ctx_config.prefer_server_ciphers:
        options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ctx.options |= options

    if ctx_config.dh_params_file:
        try:
            ctx.load_dh_params(ctx_config.dh_params_file)
        except ssl.SSLError:
            serverLog(LL_WARNING, "%s: failed to read DH params.", ctx_config.dh_params_file)
            return C_ERR
        except OSError as e:
            serverLog(LL_WARNING, "Failed to load %s: %s", ctx_config.dh_params_file, os.strerror(e.errno))
            return C_ERR
    elif libssl():
        libssl().SSL_CTX_ctrl(ssl_ctx_pointer(ctx), SSL_CTRL_SET_DH_AUTO, 1, None)

    client_ctx = createSSLContext(ctx_config, protocols, 1)
    if client_ctx is None:
        return C_ERR

    redis_tls_ctx = ctx
    redis_tls_client_ctx = client_ctx
    return C_OK


# ------ Connections ------

# A plain socket has one handler for each kind of event.  Under TLS a read may need to write first (a handshake in the
# middle of the stream) and a write to read.  So a handler may have to wait for the other kind of event: the flags below store
# this, updateSSLEvent registers the needed events with ae, and tlsHandleEvent calls the waiting handler.

WANT_READ = 1
WANT_WRITE = 2

TLS_CONN_FLAG_READ_WANT_WRITE = (1 << 0)   # the read handler continues when the socket is writable
TLS_CONN_FLAG_WRITE_WANT_READ = (1 << 1)   # the write handler continues when the socket is readable
TLS_CONN_FLAG_FD_SET = (1 << 2)            # connecting: the SSL has its socket


class tls_connection(connection):
    """A connection (C embeds it as the first field) and its SSL."""
    __slots__ = ("tls_flags", "ssl", "ssl_error", "pending_list_node", "ctx")

    def __init__(self):
        connection.__init__(self)
        self.tls_flags = 0             # TLS_CONN_FLAG_*  (C: flags, beside c.flags)
        self.ssl = None                # ssl.SSLSocket, non-blocking; made as soon as there is a socket
        self.ssl_error = None          # str: the last error
        self.pending_list_node = None  # listNode in pending_list
        self.ctx = None                # SSLContext, until ssl is made


def createTLSConnection(client_side):
    conn = tls_connection()
    conn.type = CT_TLS
    conn.ctx = redis_tls_client_ctx if client_side else redis_tls_ctx
    return conn


def connCreateTLS():
    """A TLS connection without socket: connConnect makes one."""
    return createTLSConnection(1)


def updateTLSError(conn, exc):
    """Keep what went wrong for connGetLastError."""
    conn.last_errno = 0
    conn.ssl_error = ssl_error_string(exc)


def ssl_set_fd(conn, server_side):
    """SSL_new + SSL_set_fd: put an SSLSocket around conn.fd -> True, or False with ssl_error set.

    The SSLSocket does not own the descriptor: connTLSClose takes it away from it before CT_Socket closes it.
    """
    if conn.ctx is None:
        conn.ssl_error = "TLS is not configured"
        return False
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=conn.fd)
    try:
        sock.setblocking(False)
        conn.ssl = conn.ctx.wrap_socket(sock, server_side=server_side, do_handshake_on_connect=False,
                                        suppress_ragged_eofs=False)
    except (OSError, ValueError) as e:
        # The peer has disconnected already.  C notices this at the first handshake step.
        conn.last_errno = getattr(e, "errno", None) or 0
        conn.ssl_error = str(e)
        return False
    finally:
        sock.detach()
        conn.ctx = None
    return True


def connCreateAcceptedTLS(fd, require_auth):
    """A TLS connection around an accepted descriptor; no I/O before connAccept has called its handler.

    The caller looks at connGetState: it may be in error already.
    """
    conn = createTLSConnection(0)
    conn.fd = fd
    conn.state = CONN_STATE_ACCEPTING

    if conn.ctx is not None:
        # The SSL copies this setting from its context when it is created.
        if require_auth == TLS_CLIENT_AUTH_NO:
            conn.ctx.verify_mode = ssl.CERT_NONE
        elif require_auth == TLS_CLIENT_AUTH_OPTIONAL:
            conn.ctx.verify_mode = ssl.CERT_OPTIONAL
        else:
            conn.ctx.verify_mode = ssl.CERT_REQUIRED
    if not ssl_set_fd(conn, True):
        conn.state = CONN_STATE_ERROR
    return conn


SSL_ERROR_SYSCALL = 5
SSL_ERROR_ZERO_RETURN = 6


def handleSSLReturnCode(conn, exc):
    """What an exception of ssl means -> (ssl_err, want).

    ssl_err 0: no error, go on when `want` (WANT_*) is possible.  Else the error is in last_errno and ssl_error.
    """
    if isinstance(exc, ssl.SSLWantReadError):
        return 0, WANT_READ
    if isinstance(exc, ssl.SSLWantWriteError):
        return 0, WANT_WRITE
    if isinstance(exc, ssl.SSLZeroReturnError):
        updateTLSError(conn, exc)
        return SSL_ERROR_ZERO_RETURN, 0
    if isinstance(exc, ssl.SSLEOFError) and not exc.reason:
        # Before OpenSSL 3 this means that the stream ended without close_notify.  Since OpenSSL 3 that error has its own
        # reason, and this one is an error of the socket whose errno Python (3.10, 3.11) has lost.
        conn.last_errno = ECONNRESET if ssl.OPENSSL_VERSION_INFO >= (3,) else 0
        conn.ssl_error = os.strerror(ECONNRESET) if conn.last_errno else None
        return SSL_ERROR_SYSCALL, 0
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLSyscallError):
        updateTLSError(conn, exc)
        return exc.errno or 1, 0
    conn.last_errno = getattr(exc, "errno", None) or 0
    conn.ssl_error = os.strerror(conn.last_errno) if conn.last_errno else None
    return SSL_ERROR_SYSCALL, 0


def registerSSLEvent(conn, want):
    """During a handshake: wait for `want` and nothing else."""
    mask = aeGetFileEvents(server.el, conn.fd)

    if want == WANT_READ:
        if mask & AE_WRITABLE:
            aeDeleteFileEvent(server.el, conn.fd, AE_WRITABLE)
        if not mask & AE_READABLE:
            aeCreateFileEvent(server.el, conn.fd, AE_READABLE, tlsEventHandler, conn)
    elif want == WANT_WRITE:
        if mask & AE_READABLE:
            aeDeleteFileEvent(server.el, conn.fd, AE_READABLE)
        if not mask & AE_WRITABLE:
            aeCreateFileEvent(server.el, conn.fd, AE_WRITABLE, tlsEventHandler, conn)
    else:
        serverAssert(0)


def updateSSLEvent(conn):
    """Wait for what the handlers need, in whichever direction SSL wants it."""
    mask = aeGetFileEvents(server.el, conn.fd)
    need_read = conn.read_handler is not None or conn.tls_flags & TLS_CONN_FLAG_WRITE_WANT_READ
    need_write = conn.write_handler is not None or conn.tls_flags & TLS_CONN_FLAG_READ_WANT_WRITE

    if need_read and not mask & AE_READABLE:
        aeCreateFileEvent(server.el, conn.fd, AE_READABLE, tlsEventHandler, conn)
    if not need_read and mask & AE_READABLE:
        aeDeleteFileEvent(server.el, conn.fd, AE_READABLE)

    if need_write and not mask & AE_WRITABLE:
        aeCreateFileEvent(server.el, conn.fd, AE_WRITABLE, tlsEventHandler, conn)
    if not need_write and mask & AE_WRITABLE:
        aeDeleteFileEvent(server.el, conn.fd, AE_WRITABLE)


def tls_handshake(conn):
    """One step of SSL_accept or SSL_connect -> WANT_* when it waits; 0 when it is over, and the state says how."""
    try:
        conn.ssl.do_handshake()
    except (OSError, ValueError) as e:
        ssl_err, want = handleSSLReturnCode(conn, e)
        if not ssl_err:
            return want
        conn.state = CONN_STATE_ERROR
        return 0
    conn.state = CONN_STATE_CONNECTED
    return 0


def tlsHandleEvent(conn, mask):
    """The socket is ready for `mask`: go on with the handshake, or call the handlers that wait for it."""
    state = conn.state
    if state == CONN_STATE_CONNECTING:
        conn_error = connGetSocketError(conn)
        if conn_error:
            conn.last_errno = conn_error
            conn.state = CONN_STATE_ERROR
        else:
            if not conn.tls_flags & TLS_CONN_FLAG_FD_SET:
                conn.tls_flags |= TLS_CONN_FLAG_FD_SET
                if not ssl_set_fd(conn, False):
                    conn.state = CONN_STATE_ERROR
            if conn.state == CONN_STATE_CONNECTING:
                want = tls_handshake(conn)
                if want:
                    registerSSLEvent(conn, want)
                    # updateSSLEvent below considers only the handlers, not the events that the handshake needs.
                    return
        if not callHandler(conn, conn.conn_handler):
            return
        conn.conn_handler = None

    elif state == CONN_STATE_ACCEPTING:
        want = tls_handshake(conn)
        if want:
            registerSSLEvent(conn, want)
            return
        if not callHandler(conn, conn.conn_handler):
            return
        conn.conn_handler = None

    elif state == CONN_STATE_CONNECTED:
        call_read = ((mask & AE_READABLE and conn.read_handler is not None) or
                     (mask & AE_WRITABLE and conn.tls_flags & TLS_CONN_FLAG_READ_WANT_WRITE))
        call_write = ((mask & AE_WRITABLE and conn.write_handler is not None) or
                      (mask & AE_READABLE and conn.tls_flags & TLS_CONN_FLAG_WRITE_WANT_READ))

        # Read before write, or with a write barrier the other way round: see aeProcessEvents.
        invert = conn.flags & CONN_FLAG_WRITE_BARRIER

        if not invert and call_read:
            conn.tls_flags &= ~TLS_CONN_FLAG_READ_WANT_WRITE
            if not callHandler(conn, conn.read_handler):
                return

        if call_write:
            conn.tls_flags &= ~TLS_CONN_FLAG_WRITE_WANT_READ
            if not callHandler(conn, conn.write_handler):
                return

        if invert and call_read:
            conn.tls_flags &= ~TLS_CONN_FLAG_READ_WANT_WRITE
            if not callHandler(conn, conn.read_handler):
                return

        # epoll does not report data that OpenSSL has read from the socket but we have not read yet: see tlsProcessPendingData.
        if mask & AE_READABLE and conn.ssl is not None:
            if conn.ssl.pending() > 0:
                if conn.pending_list_node is None:
                    listAddNodeTail(pending_list, conn)
                    conn.pending_list_node = listLast(pending_list)
            elif conn.pending_list_node is not None:
                listDelNode(pending_list, conn.pending_list_node)
                conn.pending_list_node = None

    updateSSLEvent(conn)


def tlsEventHandler(el, fd, clientData, mask):
    tlsHandleEvent(clientData, mask)


def conn_tls_shutdown(conn):
    """SSL_shutdown: tell the peer that no more comes; its answer is not waited for."""
    try:
        conn.ssl.unwrap()
    except (OSError, ValueError):
        pass


def connTLSClose(conn):
    if conn.ssl is not None:
        if conn.state == CONN_STATE_CONNECTED:
            conn_tls_shutdown(conn)
        conn.ssl.detach()                           # the descriptor belongs to conn: CT_Socket closes it
        conn.ssl = None
    conn.ctx = None
    conn.ssl_error = None

    if conn.pending_list_node is not None:
        listDelNode(pending_list, conn.pending_list_node)
        conn.pending_list_node = None

    CT_Socket.close(conn)


def connTLSAccept(conn, accept_handler):
    if conn.state != CONN_STATE_ACCEPTING:
        return C_ERR

    conn.conn_handler = accept_handler
    want = tls_handshake(conn)
    if want:
        registerSSLEvent(conn, want)                # tlsHandleEvent continues
        return C_OK
    if conn.state == CONN_STATE_ERROR:
        return C_ERR

    if not callHandler(conn, conn.conn_handler):
        return C_OK
    conn.conn_handler = None
    return C_OK


def connTLSConnect(conn, addr, port, src_addr, connect_handler):
    """The socket connects first; tlsHandleEvent then starts the handshake."""
    if conn.state != CONN_STATE_NONE:
        return C_ERR
    return CT_Socket.connect(conn, addr, port, src_addr, connect_handler)


def connTLSWrite(conn, data):
    """Like write(2): bytes taken, or -1 (state CONNECTED: try again later).

    C lets SSL_write return after each record (SSL_MODE_ENABLE_PARTIAL_WRITE), which ssl cannot: so it gets a record at
    a time.  INVARIANT: after -1 the caller tries again with the same bytes, perhaps with more behind them.
    """
    if conn.state != CONN_STATE_CONNECTED:
        return -1
    size = len(data)
    written = 0
    try:
        if size <= SSL3_RT_MAX_PLAIN_LENGTH:
            return conn.ssl.write(data)
        with memoryview(data) as view:
            while written < size:
                with view[written:written + SSL3_RT_MAX_PLAIN_LENGTH] as record:
                    written += conn.ssl.write(record)
        return written
    except (OSError, ValueError) as e:
        ssl_err, want = handleSSLReturnCode(conn, e)
    if not ssl_err:
        if want == WANT_READ:
            conn.tls_flags |= TLS_CONN_FLAG_WRITE_WANT_READ
        updateSSLEvent(conn)
        return written or -1
    if ssl_err == SSL_ERROR_ZERO_RETURN or (ssl_err == SSL_ERROR_SYSCALL and not conn.last_errno):
        conn.state = CONN_STATE_CLOSED
        return -1                                   # C: 0, which writeToClient does not treat as an end
    conn.state = CONN_STATE_ERROR
    return -1


def connTLSRead(conn, buf_len):
    """Like read(2): up to buf_len bytes of one record; b"" = closed by the peer; None = -1 (see connTLSWrite)."""
    if conn.state != CONN_STATE_CONNECTED:
        return None
    try:
        data = conn.ssl.read(buf_len)
        if not data:
            conn.state = CONN_STATE_CLOSED
        return data
    except (OSError, ValueError) as e:
        ssl_err, want = handleSSLReturnCode(conn, e)
    if not ssl_err:
        if want == WANT_WRITE:
            conn.tls_flags |= TLS_CONN_FLAG_READ_WANT_WRITE
        updateSSLEvent(conn)
        return None
    if ssl_err == SSL_ERROR_ZERO_RETURN or (ssl_err == SSL_ERROR_SYSCALL and not conn.last_errno):
        conn.state = CONN_STATE_CLOSED
        return b""
    conn.state = CONN_STATE_ERROR
    return None


def connTLSGetLastError(conn):
    return conn.ssl_error


def connTLSSetWriteHandler(conn, func, barrier):
    conn.write_handler = func
    if barrier:
        conn.flags |= CONN_FLAG_WRITE_BARRIER
    else:
        conn.flags &= ~CONN_FLAG_WRITE_BARRIER
    updateSSLEvent(conn)
    return C_OK


def connTLSSetReadHandler(conn, func):
    conn.read_handler = func
    updateSSLEvent(conn)
    return C_OK


def setBlockingTimeout(conn, timeout):
    """For the calls that wait: each of them may take `timeout` ms."""
    conn.ssl.settimeout(min(timeout, INT_MAX) / 1000 or None)


def unsetBlockingTimeout(conn):
    conn.ssl.settimeout(0)


def connTLSBlockingConnect(conn, addr, port, timeout):
    if conn.state != CONN_STATE_NONE:
        return C_ERR

    if CT_Socket.blocking_connect(conn, addr, port, timeout) == C_ERR:
        return C_ERR

    # The handshake has the same timeout as the connect before it.
    if not ssl_set_fd(conn, False):
        conn.state = CONN_STATE_ERROR
        return C_ERR
    setBlockingTimeout(conn, timeout)
    try:
        conn.ssl.do_handshake()
    except (OSError, ValueError) as e:
        handleSSLReturnCode(conn, e)
        conn.state = CONN_STATE_ERROR
        return C_ERR
    unsetBlockingTimeout(conn)

    conn.state = CONN_STATE_CONNECTED
    return C_OK


def connTLSSyncWrite(conn, data, timeout):
    """Write all of `data` -> its length, or -1."""
    setBlockingTimeout(conn, timeout)
    try:
        with memoryview(data) as view:
            for i in range(0, len(view), SSL3_RT_MAX_PLAIN_LENGTH):
                conn.ssl.write(view[i:i + SSL3_RT_MAX_PLAIN_LENGTH])
        return len(data)
    except (OSError, ValueError) as e:
        handleSSLReturnCode(conn, e)
        return -1
    finally:
        unsetBlockingTimeout(conn)


def connTLSSyncRead(conn, size, timeout):
    """Read once, up to `size` bytes -> bytes, or None at the end or on error."""
    setBlockingTimeout(conn, timeout)
    try:
        return conn.ssl.read(size) or None
    except (OSError, ValueError) as e:
        handleSSLReturnCode(conn, e)
        return None
    finally:
        unsetBlockingTimeout(conn)


def connTLSSyncReadLine(conn, size, timeout):
    """Read a line of less than `size` bytes -> bytes without its \\r\\n, or None."""
    line = bytearray()
    setBlockingTimeout(conn, timeout)
    try:
        while len(line) < size - 1:
            c = conn.ssl.read(1)
            if not c:
                return None
            if c == b"\n":
                if line.endswith(b"\r"):
                    del line[-1]
                break
            line += c
        return bytes(line)
    except (OSError, ValueError) as e:
        handleSSLReturnCode(conn, e)
        return None
    finally:
        unsetBlockingTimeout(conn)


def connTLSGetType(conn):
    return CONN_TYPE_TLS


CT_TLS = ConnectionType()
CT_TLS.ae_handler = tlsEventHandler
CT_TLS.accept = connTLSAccept
CT_TLS.connect = connTLSConnect
CT_TLS.blocking_connect = connTLSBlockingConnect
CT_TLS.read = connTLSRead
CT_TLS.write = connTLSWrite
CT_TLS.close = connTLSClose
CT_TLS.set_write_handler = connTLSSetWriteHandler
CT_TLS.set_read_handler = connTLSSetReadHandler
CT_TLS.get_last_error = connTLSGetLastError
CT_TLS.sync_write = connTLSSyncWrite
CT_TLS.sync_read = connTLSSyncRead
CT_TLS.sync_readline = connTLSSyncReadLine
CT_TLS.get_type = connTLSGetType


def tlsHasPendingData():
    return pending_list is not None and pending_list.len > 0


def tlsProcessPendingData():
    """Let the connections in pending_list read on; returns how many they were."""
    processed = pending_list.len
    if processed == 0:
        return 0
    for conn in list(list_values(pending_list)):
        if conn.pending_list_node is not None:      # a handler may have closed a connection later in the list
            tlsHandleEvent(conn, AE_READABLE)
    return processed
