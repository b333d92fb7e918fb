"""timeout.py - SKELETON, to be written."""


def clientsCronHandleTimeout(*args):
    raise NotImplementedError("clientsCronHandleTimeout")


def addClientToTimeoutTable(*args):
    raise NotImplementedError("addClientToTimeoutTable")


def removeClientFromTimeoutTable(*args):
    raise NotImplementedError("removeClientFromTimeoutTable")


def handleBlockedClientsTimeout(*args):
    raise NotImplementedError("handleBlockedClientsTimeout")


def getTimeoutFromObjectOrReply(*args):
    raise NotImplementedError("getTimeoutFromObjectOrReply")
