"""expire.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def expireCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def expireatCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def pexpireCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def pexpireatCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def ttlCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def touchCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def pttlCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def persistCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def activeExpireCycle(*args):
    raise NotImplementedError("activeExpireCycle")


def expireSlaveKeys(*args):
    raise NotImplementedError("expireSlaveKeys")


def rememberSlaveKeyWithExpire(*args):
    raise NotImplementedError("rememberSlaveKeyWithExpire")


def getSlaveKeyWithExpireCount(*args):
    raise NotImplementedError("getSlaveKeyWithExpireCount")


def flushSlaveKeysWithExpireList(*args):
    raise NotImplementedError("flushSlaveKeysWithExpireList")


def checkAlreadyExpired(*args):
    raise NotImplementedError("checkAlreadyExpired")
