"""anet.py - sockets, by descriptor.                Mirrors src/anet.c (6.2.14)

Lives here   making, binding, connecting, accepting sockets; their options; addresses as text.
Called from  connection.py, networking.py [accept]; server.py [startup]; cluster, replication [any].
State        _errno: the errno of the last call that failed (C's global errno), read with anet_errno().
Invariant    the unit is the plain descriptor, as in C; a Python socket object never outlives a call, since its
             finalizer would close the descriptor under us.
Departures   the error text that C writes into `err` is a result: calls that make descriptors return (fd, err).
"""
import errno
import fcntl
import os
import socket
import struct

ANET_OK = 0
ANET_ERR = -1
ANET_NONE = 0
ANET_IP_ONLY = (1 << 0)
FD_TO_PEER_NAME = 0
FD_TO_SOCK_NAME = 1

ANET_CONNECT_NONE = 0
ANET_CONNECT_NONBLOCK = 1
ANET_CONNECT_BE_BINDING = 2            # best effort: without the source address rather than not at all

_errno = 0
_UNIX_PATH_MAX = 106           # bytes: sizeof(sun_path) - 2


def fileno_sets_blocking():
    """Tell whether socket.socket(fileno=...) makes a non-blocking descriptor blocking -> True or False: PyPy, not CPython."""
    a, b = socket.socketpair()
    with a, b:
        os.set_blocking(a.fileno(), False)
        wrapped = socket.socket(fileno=a.fileno())
        result = os.get_blocking(a.fileno())
        wrapped.detach()
    return result


if fileno_sets_blocking():
    socket.setdefaulttimeout(0)        # then it makes all of them non-blocking, as ours are


def anet_errno():
    """errno of the last anet call that failed."""
    return _errno


def anetSetError(exc, fmt="%s"):
    """Remember errno of `exc` and return the error text."""
    global _errno
    if isinstance(exc, socket.gaierror):
        _errno = 0
        return exc.strerror or str(exc)
    _errno = exc.errno or errno.EINVAL
    return fmt % os.strerror(_errno)


def _setsockopt(fd, level, option, value):
    """setsockopt(2) on a bare descriptor; raises OSError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
    try:
        sock.setsockopt(level, option, value)
    finally:
        sock.detach()


def anetSetBlock(fd, non_block):
    try:
        os.set_blocking(fd, not non_block)
    except OSError as e:
        anetSetError(e)
        return ANET_ERR
    return ANET_OK


def anetNonBlock(fd):
    return anetSetBlock(fd, 1)


def anetBlock(fd):
    return anetSetBlock(fd, 0)


def anetCloexec(fd):
    try:
        flags = fcntl.fcntl(fd, fcntl.F_GETFD)
        if not flags & fcntl.FD_CLOEXEC:
            fcntl.fcntl(fd, fcntl.F_SETFD, flags | fcntl.FD_CLOEXEC)
    except OSError as e:
        anetSetError(e)
        return -1
    return flags


def anetKeepAlive(fd, interval):
    """Probe an idle peer after `interval` seconds, then three times, each a third of it apart.

    An interval beyond an int is cut to its low 32 bits, as C's argument is; the kernel refuses what makes no sense.
    """
    interval = (interval + (1 << 31) & 0xffffffff) - (1 << 31)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval // 3 or 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    except OSError as e:
        anetSetError(e)
        return ANET_ERR
    finally:
        sock.detach()
    return ANET_OK


def anetSetTcpNoDelay(fd, val):
    try:
        _setsockopt(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, val)
    except OSError as e:                # a unix socket, for one
        anetSetError(e)
        return ANET_ERR
    return ANET_OK


def anetEnableTcpNoDelay(fd):
    return anetSetTcpNoDelay(fd, 1)


def anetDisableTcpNoDelay(fd):
    return anetSetTcpNoDelay(fd, 0)


def _timeval(ms):
    return struct.pack("@ll", ms // 1000, (ms % 1000) * 1000)


def anetSendTimeout(fd, ms):
    """Let a blocking write wait no longer than `ms`; 0 = for ever."""
    try:
        _setsockopt(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(ms))
    except OSError as e:
        anetSetError(e)
        return ANET_ERR
    return ANET_OK


def anetRecvTimeout(fd, ms):
    """Let a blocking read wait no longer than `ms`; 0 = for ever."""
    try:
        _setsockopt(fd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(ms))
    except OSError as e:
        anetSetError(e)
        return ANET_ERR
    return ANET_OK


def anetResolve(host, flags):
    """Return (ok, err, ip) for a host name; with ANET_IP_ONLY only for what is an address already."""
    try:
        info = socket.getaddrinfo(host, None, socket.AF_UNSPEC, socket.SOCK_STREAM, 0,
                                  socket.AI_NUMERICHOST if flags & ANET_IP_ONLY else 0)
    except (OSError, UnicodeError) as e:
        return ANET_ERR, anetSetError(e) if isinstance(e, OSError) else str(e), ""
    return ANET_OK, "", info[0][4][0]


def _getaddrinfo(addr, port, af, flags):
    """getaddrinfo(3) for TCP; raises OSError also for names that cannot be encoded."""
    try:
        return socket.getaddrinfo(addr, str(port) if port is not None else None, af, socket.SOCK_STREAM, 0, flags)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


def anetTcpGenericConnect(addr, port, source_addr, flags):
    """Return (fd, err); with ANET_CONNECT_NONBLOCK the connection may still be in progress."""
    fd, err = _tcp_connect(addr, port, source_addr, flags)
    if fd == ANET_ERR and source_addr and flags & ANET_CONNECT_BE_BINDING:
        fd, err = _tcp_connect(addr, port, None, flags)
    return fd, err


def _tcp_connect(addr, port, source_addr, flags):
    """One attempt of anetTcpGenericConnect over all addresses of `addr`."""
    try:
        servinfo = _getaddrinfo(addr, port, socket.AF_UNSPEC, 0)
    except OSError as e:
        return ANET_ERR, anetSetError(e)
    err = ""
    for family, type_, proto, _, address in servinfo:
        try:
            sock = socket.socket(family, type_, proto)
        except OSError as e:
            err = anetSetError(e, "creating socket: %s")
            continue
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if flags & ANET_CONNECT_NONBLOCK:
                os.set_blocking(sock.fileno(), False)
            if source_addr:
                err = _bind_source(sock, source_addr)
                if err:
                    sock.close()
                    return ANET_ERR, err
        except OSError as e:
            sock.close()
            return ANET_ERR, anetSetError(e)
        try:
            sock.connect(address)
        except OSError as e:
            if e.errno == errno.EINPROGRESS and flags & ANET_CONNECT_NONBLOCK:
                return sock.detach(), ""
            err = anetSetError(e, "creating socket: %s")
            sock.close()
            continue
        return sock.detach(), ""
    return ANET_ERR, err


def _bind_source(sock, source_addr):
    """Bind to the first address of `source_addr` that works; returns the error text, "" when bound."""
    err = "bind: no address"
    try:
        for info in _getaddrinfo(source_addr, None, socket.AF_UNSPEC, 0):
            try:
                sock.bind(info[4])
            except OSError as e:
                err = anetSetError(e, "bind: %s")
                continue
            return ""
    except OSError as e:
        return anetSetError(e)
    return err


def anetTcpNonBlockConnect(addr, port):
    """Return (fd, err)."""
    return anetTcpGenericConnect(addr, port, None, ANET_CONNECT_NONBLOCK)


def anetTcpNonBlockBestEffortBindConnect(addr, port, source_addr):
    """Return (fd, err)."""
    return anetTcpGenericConnect(addr, port, source_addr, ANET_CONNECT_NONBLOCK | ANET_CONNECT_BE_BINDING)


def anetListen(sock, address, backlog, perm):
    """Bind and listen; returns the error text, "" when it worked."""
    try:
        sock.bind(address)
        if sock.family == socket.AF_UNIX and perm:
            os.chmod(address, perm)
    except OSError as e:
        return anetSetError(e, "bind: %s")
    try:
        sock.listen(backlog)
    except OSError as e:
        return anetSetError(e, "listen: %s")
    return ""


def _anetTcpServer(port, bindaddr, af, backlog):
    if bindaddr == "*" or (af == socket.AF_INET6 and bindaddr == "::*"):
        bindaddr = None
    try:
        servinfo = _getaddrinfo(bindaddr, port, af, socket.AI_PASSIVE)
    except OSError as e:
        return ANET_ERR, anetSetError(e)
    for family, type_, proto, _, address in servinfo:
        try:
            sock = socket.socket(family, type_, proto)
        except OSError as e:
            anetSetError(e)
            continue
        try:
            if af == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except OSError as e:
            sock.close()
            return ANET_ERR, anetSetError(e, "setsockopt: %s")
        err = anetListen(sock, address, backlog, 0)
        if err:
            sock.close()
            return ANET_ERR, err
        return sock.detach(), ""
    return ANET_ERR, "unable to bind socket, errno: %d" % _errno


def anetTcpServer(port, bindaddr, backlog):
    """Return (fd, err) of an IPv4 listener; bindaddr None or "*" = all interfaces."""
    return _anetTcpServer(port, bindaddr, socket.AF_INET, backlog)


def anetTcp6Server(port, bindaddr, backlog):
    """Return (fd, err) of an IPv6-only listener; bindaddr None or "::*" = all interfaces."""
    return _anetTcpServer(port, bindaddr, socket.AF_INET6, backlog)


def anetUnixServer(path, perm, backlog):
    """Return (fd, err).  A path is cut off after what sockaddr_un takes, silently, as C does it."""
    path = os.fsdecode(os.fsencode(path)[:_UNIX_PATH_MAX])
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    err = anetListen(sock, path, backlog, perm)
    if err:
        sock.close()
        return ANET_ERR, err
    return sock.detach(), ""


def anetGenericAccept(s, family):
    """accept(2) on descriptor `s` -> (fd, err, address); EAGAIN shows in anet_errno()."""
    listener = socket.socket(family, socket.SOCK_STREAM, 0, fileno=s)
    try:
        sock, address = listener.accept()
    except OSError as e:
        return ANET_ERR, anetSetError(e, "accept: %s"), None
    finally:
        listener.detach()
    return sock.detach(), "", address


def anetTcpAccept(s):
    """Return (fd, err, ip, port)."""
    # AF_INET6 stands for C's sockaddr_storage: the address of the peer may be of either family.
    fd, err, address = anetGenericAccept(s, socket.AF_INET6)
    if fd == ANET_ERR:
        return ANET_ERR, err, "", 0
    return fd, "", address[0], address[1]


def anetUnixAccept(s):
    """Return (fd, err)."""
    fd, err, _ = anetGenericAccept(s, socket.AF_UNIX)
    return fd, err


def anetFdToString(fd, fd_to_str_type):
    """Return (0, ip, port) of the peer (FD_TO_PEER_NAME) or of our end (FD_TO_SOCK_NAME); (-1, "?", 0) if unknown."""
    if fd < 0:
        return -1, "?", 0
    try:
        sock = socket.socket(fileno=fd)
    except OSError as e:
        anetSetError(e)
        return -1, "?", 0
    try:
        address = sock.getpeername() if fd_to_str_type == FD_TO_PEER_NAME else sock.getsockname()
        family = sock.family
    except OSError as e:
        anetSetError(e)
        return -1, "?", 0
    finally:
        sock.detach()
    if family in (socket.AF_INET, socket.AF_INET6):
        return 0, address[0], address[1]
    if family == socket.AF_UNIX:
        return 0, "/unixsocket", 0
    return -1, "?", 0


def anetFormatAddr(ip, port):
    """ip:port, with the brackets that an IPv6 address needs."""
    return "[%s]:%d" % (ip, port) if ":" in ip else "%s:%d" % (ip, port)


def anetFormatFdAddr(fd, fd_to_str_type):
    """Like anetFormatAddr, for one end of the connection `fd`."""
    _, ip, port = anetFdToString(fd, fd_to_str_type)
    return anetFormatAddr(ip, port)
