"""rio.py - SKELETON, to be written."""


def rioInitWithBuffer(*args):
    raise NotImplementedError("rioInitWithBuffer")


def rioInitWithFile(*args):
    raise NotImplementedError("rioInitWithFile")


def rioInitWithConn(*args):
    raise NotImplementedError("rioInitWithConn")


def rioFreeConn(*args):
    raise NotImplementedError("rioFreeConn")


def rioInitWithFd(*args):
    raise NotImplementedError("rioInitWithFd")


def rioFreeFd(*args):
    raise NotImplementedError("rioFreeFd")


def rioGenericUpdateChecksum(*args):
    raise NotImplementedError("rioGenericUpdateChecksum")


def rioSetAutoSync(*args):
    raise NotImplementedError("rioSetAutoSync")


def rioWriteBulkCount(*args):
    raise NotImplementedError("rioWriteBulkCount")


def rioWriteBulkString(*args):
    raise NotImplementedError("rioWriteBulkString")


def rioWriteBulkLongLong(*args):
    raise NotImplementedError("rioWriteBulkLongLong")


def rioWriteBulkDouble(*args):
    raise NotImplementedError("rioWriteBulkDouble")
