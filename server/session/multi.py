"""multi.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def multiCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def execCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def discardCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def watchCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def unwatchCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def initClientMultiState(*args):
    raise NotImplementedError("initClientMultiState")


def freeClientMultiState(*args):
    raise NotImplementedError("freeClientMultiState")


def queueMultiCommand(*args):
    raise NotImplementedError("queueMultiCommand")


def discardTransaction(*args):
    raise NotImplementedError("discardTransaction")


def flagTransaction(*args):
    raise NotImplementedError("flagTransaction")


def beforePropagateMulti(*args):
    raise NotImplementedError("beforePropagateMulti")


def afterPropagateExec(*args):
    raise NotImplementedError("afterPropagateExec")


def execCommandPropagateMulti(*args):
    raise NotImplementedError("execCommandPropagateMulti")


def execCommandPropagateExec(*args):
    raise NotImplementedError("execCommandPropagateExec")


def execCommandAbort(*args):
    raise NotImplementedError("execCommandAbort")


def unwatchAllKeys(*args):
    raise NotImplementedError("unwatchAllKeys")


def isWatchedKeyExpired(*args):
    raise NotImplementedError("isWatchedKeyExpired")


def touchWatchedKey(*args):
    raise NotImplementedError("touchWatchedKey")


def touchAllWatchedKeysInDb(*args):
    raise NotImplementedError("touchAllWatchedKeysInDb")
