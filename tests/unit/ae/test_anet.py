"""Sockets by descriptor: listening, connecting, accepting, addresses, options."""
import errno
import os
import socket

from ae.ae import AE_WRITABLE, aeWait
from ae.anet import (
    ANET_CONNECT_BE_BINDING, ANET_CONNECT_NONBLOCK, ANET_ERR, ANET_IP_ONLY, ANET_OK, FD_TO_PEER_NAME,
    FD_TO_SOCK_NAME, anetCloexec, anetEnableTcpNoDelay, anet_errno, anetFdToString, anetFormatAddr,
    anetFormatFdAddr, anetKeepAlive, anetNonBlock, anetRecvTimeout, anetResolve, anetSendTimeout, anetTcp6Server,
    anetTcpAccept, anetTcpGenericConnect, anetTcpNonBlockConnect, anetTcpServer, anetUnixAccept,
    anetUnixServer,
)


def option(fd, level, name, size=4):
    with socket.socket(fileno=os.dup(fd)) as s:
        value = s.getsockopt(level, name, size)
        return int.from_bytes(value[:8], "little")


def test_tcp_round_trip():
    lfd, err = anetTcpServer(0, "127.0.0.1", 16)
    assert lfd >= 0 and err == ""
    _, ip, port = anetFdToString(lfd, FD_TO_SOCK_NAME)
    assert ip == "127.0.0.1"
    anetNonBlock(lfd)
    assert anetTcpAccept(lfd)[0] == ANET_ERR and anet_errno() == errno.EAGAIN
    cfd, err = anetTcpNonBlockConnect("127.0.0.1", port)
    assert err == "" and aeWait(cfd, AE_WRITABLE, 1000) == AE_WRITABLE
    afd, err, ip, cport = anetTcpAccept(lfd)
    assert (err, ip) == ("", "127.0.0.1")
    assert anetFormatFdAddr(afd, FD_TO_PEER_NAME) == "127.0.0.1:%d" % cport
    assert anetFormatFdAddr(cfd, FD_TO_PEER_NAME) == "127.0.0.1:%d" % port
    os.write(cfd, b"hello")
    assert os.read(afd, 10) == b"hello"
    assert anetEnableTcpNoDelay(cfd) == ANET_OK and option(cfd, socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert anetKeepAlive(cfd, 10) == ANET_OK
    assert option(cfd, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
    assert option(cfd, socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 3
    assert anetSendTimeout(cfd, 1500) == ANET_OK and option(cfd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16) == 1
    assert anetRecvTimeout(cfd, 2500) == ANET_OK and option(cfd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == 2
    assert anetCloexec(afd) >= 0
    for fd in (lfd, cfd, afd):
        os.close(fd)
    assert anetFdToString(afd, FD_TO_PEER_NAME) == (-1, "?", 0)


def test_address_in_use_and_bad_names():
    lfd, _ = anetTcpServer(0, "127.0.0.1", 16)
    _, _, port = anetFdToString(lfd, FD_TO_SOCK_NAME)
    assert anetTcpServer(port, "127.0.0.1", 16) == (ANET_ERR, "bind: Address already in use")
    assert anet_errno() == errno.EADDRINUSE
    os.close(lfd)
    assert anetTcpServer(0, "no such host", 16)[0] == ANET_ERR
    assert anetTcpNonBlockConnect("a" * 300, 1)[0] == ANET_ERR
    assert anetResolve("127.0.0.1", ANET_IP_ONLY) == (ANET_OK, "", "127.0.0.1")
    assert anetResolve("localhost", ANET_IP_ONLY)[0] == ANET_ERR


def test_best_effort_binding():
    lfd, _ = anetTcpServer(0, "127.0.0.1", 16)
    _, _, port = anetFdToString(lfd, FD_TO_SOCK_NAME)
    fd, err = anetTcpGenericConnect("127.0.0.1", port, "192.0.2.1", ANET_CONNECT_NONBLOCK)
    assert fd == ANET_ERR and err.startswith("bind:")
    fd, err = anetTcpGenericConnect("127.0.0.1", port, "192.0.2.1", ANET_CONNECT_NONBLOCK | ANET_CONNECT_BE_BINDING)
    assert fd >= 0
    os.close(fd)
    os.close(lfd)


def test_unix_socket(tmp_path):
    path = str(tmp_path / "s")
    lfd, err = anetUnixServer(path, 0o600, 16)
    assert err == "" and os.stat(path).st_mode & 0o777 == 0o600
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    afd, err = anetUnixAccept(lfd)
    assert err == "" and anetFdToString(afd, FD_TO_SOCK_NAME) == (0, "/unixsocket", 0)
    peer.close()
    for fd in (lfd, afd):
        os.close(fd)
    assert anetUnixServer(path, 0, 16) == (ANET_ERR, "bind: Address already in use")


def test_ipv6_is_bracketed():
    assert anetFormatAddr("::1", 6379) == "[::1]:6379"
    lfd, err = anetTcp6Server(0, "::1", 16)
    if lfd != ANET_ERR:                                             # no IPv6 here
        assert anetFormatFdAddr(lfd, FD_TO_SOCK_NAME).startswith("[::1]:")
        os.close(lfd)
