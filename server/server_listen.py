"""server_listen.py - the listening sockets.     Mirrors src/server.c, "Server initialization" (6.2.14)

Lives here   listenToPort and the accept handlers of TCP, TLS; CONFIG SET bind and port; closing at shutdown and in children.
Called from  initServer [startup]; config_table [command]; prepareForShutdown; closeChildUnusedResourceAfterFork [child].
Calls out    anet; the accept handlers of networking.py.
State        server.ipfd, tlsfd, sofd, cfd, bindaddr, bindaddr_count.
Departures   none.
"""
import errno
import os

from ae.ae import AE_ERR, AE_READABLE, aeCreateFileEvent, aeDeleteFileEvent
from ae.anet import ANET_ERR, anet_errno, anetCloexec, anetNonBlock, anetTcp6Server, anetTcpServer
from server.client.networking import acceptTcpHandler, acceptTLSHandler
from server.log import serverLog, serverPanic
from server.os_process import redisSetProcTitle
from server.server_h import C_ERR, C_OK, LL_NOTICE, LL_WARNING, server, socketFds


def checkTcpBacklogSettings():
    """Warn when the kernel will cut tcp-backlog."""
    try:
        with open("/proc/sys/net/core/somaxconn", "rb") as fp:
            somaxconn = int(fp.read())
    except (OSError, ValueError):
        return
    if 0 < somaxconn < server.tcp_backlog:
        serverLog(LL_WARNING, "WARNING: The TCP backlog setting of %d cannot be enforced because "
                              "/proc/sys/net/core/somaxconn is set to the lower value of %d.", server.tcp_backlog,
                  somaxconn)


def closeSocketListeners(sfd):
    for fd in sfd.fd[:sfd.count]:
        if fd == -1:
            continue
        aeDeleteFileEvent(server.el, fd, AE_READABLE)
        os.close(fd)
    sfd.fd = []
    sfd.count = 0


def createSocketAcceptHandler(sfd, accept_handler):
    """Watch all sockets of `sfd` for new connections -> C_OK, or C_ERR with none of them watched."""
    for j in range(sfd.count):
        if aeCreateFileEvent(server.el, sfd.fd[j], AE_READABLE, accept_handler, None) == AE_ERR:
            for k in range(j - 1, -1, -1):
                aeDeleteFileEvent(server.el, sfd.fd[k], AE_READABLE)
            return C_ERR
    return C_OK


def listenToPort(port, sfd):
    """Listen on `port` of every configured address, and add the sockets to `sfd` -> C_OK, or C_ERR with none open.

    An address marked optional ("-::1") may be missing on this machine, a protocol may be missing from the kernel.
    """
    bindaddr = server.bindaddr[:server.bindaddr_count] or ["*", "-::*"]
    for addr in bindaddr:
        optional = addr.startswith("-")
        if optional:
            addr = addr[1:]
        if ":" in addr:
            fd, err = anetTcp6Server(port, addr, server.tcp_backlog)
        else:
            fd, err = anetTcpServer(port, addr, server.tcp_backlog)
        if fd == ANET_ERR:
            server.neterr = err
            net_errno = anet_errno()
            serverLog(LL_WARNING, "Warning: Could not create server TCP listening socket %s:%d: %s", addr, port, err)
            if net_errno == errno.EADDRNOTAVAIL and optional:
                continue
            if net_errno in (errno.ENOPROTOOPT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT, errno.EPFNOSUPPORT,
                             errno.EAFNOSUPPORT):
                continue
            closeSocketListeners(sfd)
            return C_ERR
        anetNonBlock(fd)
        anetCloexec(fd)
        del sfd.fd[sfd.count:]
        sfd.fd.append(fd)
        sfd.count += 1
    return C_OK


def changeBindAddr(addrlist):
    """CONFIG SET bind: listen on these addresses instead -> C_OK, or C_ERR with the old ones restored."""
    result = C_OK
    closeSocketListeners(server.ipfd)
    closeSocketListeners(server.tlsfd)

    prev_bindaddr = server.bindaddr
    prev_bindaddr_count = server.bindaddr_count
    server.bindaddr = list(addrlist)
    server.bindaddr_count = len(addrlist)

    if ((server.port != 0 and listenToPort(server.port, server.ipfd) != C_OK)
            or (server.tls_port != 0 and listenToPort(server.tls_port, server.tlsfd) != C_OK)):
        serverLog(LL_WARNING, "Failed to bind, trying to restore old listening sockets.")
        server.bindaddr = prev_bindaddr
        server.bindaddr_count = prev_bindaddr_count
        server.ipfd.count = 0
        if server.port != 0 and listenToPort(server.port, server.ipfd) != C_OK:
            serverPanic("Failed to restore old listening sockets.")
        server.tlsfd.count = 0
        if server.tls_port != 0 and listenToPort(server.tls_port, server.tlsfd) != C_OK:
            serverPanic("Failed to restore old listening sockets.")
        result = C_ERR

    if createSocketAcceptHandler(server.ipfd, acceptTcpHandler) != C_OK:
        serverPanic("Unrecoverable error creating TCP socket accept handler.")
    if createSocketAcceptHandler(server.tlsfd, acceptTLSHandler) != C_OK:
        serverPanic("Unrecoverable error creating TLS socket accept handler.")

    if server.set_proc_title:
        redisSetProcTitle(None)
    return result


def changeListenPort(port, sfd, accept_handler):
    """CONFIG SET port: open the new port, then close the old one; port 0 only closes -> C_OK or C_ERR."""
    if port == 0:
        closeSocketListeners(sfd)
        if server.set_proc_title:
            redisSetProcTitle(None)
        return C_OK

    new_sfd = socketFds()
    if listenToPort(port, new_sfd) != C_OK:
        return C_ERR
    if createSocketAcceptHandler(new_sfd, accept_handler) != C_OK:
        closeSocketListeners(new_sfd)
        return C_ERR
    closeSocketListeners(sfd)
    sfd.count = new_sfd.count
    sfd.fd = new_sfd.fd
    if server.set_proc_title:
        redisSetProcTitle(None)
    return C_OK


def closeListeningSockets(unlink_unix_socket):
    fds = server.ipfd.fd[:server.ipfd.count] + server.tlsfd.fd[:server.tlsfd.count]
    if server.sofd != -1:
        fds.append(server.sofd)
    if server.cluster_enabled:
        fds += server.cfd.fd[:server.cfd.count]
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            pass
    if unlink_unix_socket and server.unixsocket:
        serverLog(LL_NOTICE, "Removing the unix socket file.")
        try:
            os.unlink(server.unixsocket)
        except OSError:
            pass
