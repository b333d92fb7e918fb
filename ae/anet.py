"""anet.py - SKELETON, to be written."""


def anetNonBlock(*args):
    raise NotImplementedError("anetNonBlock")


def anetBlock(*args):
    raise NotImplementedError("anetBlock")


def anetCloexec(*args):
    raise NotImplementedError("anetCloexec")


def anetKeepAlive(*args):
    raise NotImplementedError("anetKeepAlive")


def anetEnableTcpNoDelay(*args):
    raise NotImplementedError("anetEnableTcpNoDelay")


def anetDisableTcpNoDelay(*args):
    raise NotImplementedError("anetDisableTcpNoDelay")


def anetSendTimeout(*args):
    raise NotImplementedError("anetSendTimeout")


def anetRecvTimeout(*args):
    raise NotImplementedError("anetRecvTimeout")


def anetResolve(*args):
    raise NotImplementedError("anetResolve")


def anetTcpNonBlockConnect(*args):
    raise NotImplementedError("anetTcpNonBlockConnect")


def anetTcpNonBlockBestEffortBindConnect(*args):
    raise NotImplementedError("anetTcpNonBlockBestEffortBindConnect")


def anetTcpServer(*args):
    raise NotImplementedError("anetTcpServer")


def anetTcp6Server(*args):
    raise NotImplementedError("anetTcp6Server")


def anetUnixServer(*args):
    raise NotImplementedError("anetUnixServer")


def anetTcpAccept(*args):
    raise NotImplementedError("anetTcpAccept")


def anetUnixAccept(*args):
    raise NotImplementedError("anetUnixAccept")


def anetFdToString(*args):
    raise NotImplementedError("anetFdToString")


def anetFormatAddr(*args):
    raise NotImplementedError("anetFormatAddr")


def anetFormatFdAddr(*args):
    raise NotImplementedError("anetFormatFdAddr")
