"""connection.py - SKELETON, to be written."""


def connCreateSocket(*args):
    raise NotImplementedError("connCreateSocket")


def connCreateAcceptedSocket(*args):
    raise NotImplementedError("connCreateAcceptedSocket")


def connHasWriteHandler(*args):
    raise NotImplementedError("connHasWriteHandler")


def connHasReadHandler(*args):
    raise NotImplementedError("connHasReadHandler")


def connSetPrivateData(*args):
    raise NotImplementedError("connSetPrivateData")


def connGetPrivateData(*args):
    raise NotImplementedError("connGetPrivateData")


def connGetSocketError(*args):
    raise NotImplementedError("connGetSocketError")


def connPeerToString(*args):
    raise NotImplementedError("connPeerToString")


def connSockName(*args):
    raise NotImplementedError("connSockName")


def connFormatFdAddr(*args):
    raise NotImplementedError("connFormatFdAddr")


def connBlock(*args):
    raise NotImplementedError("connBlock")


def connNonBlock(*args):
    raise NotImplementedError("connNonBlock")


def connEnableTcpNoDelay(*args):
    raise NotImplementedError("connEnableTcpNoDelay")


def connDisableTcpNoDelay(*args):
    raise NotImplementedError("connDisableTcpNoDelay")


def connKeepAlive(*args):
    raise NotImplementedError("connKeepAlive")


def connSendTimeout(*args):
    raise NotImplementedError("connSendTimeout")


def connRecvTimeout(*args):
    raise NotImplementedError("connRecvTimeout")


def connGetState(*args):
    raise NotImplementedError("connGetState")


def connGetInfo(*args):
    raise NotImplementedError("connGetInfo")
