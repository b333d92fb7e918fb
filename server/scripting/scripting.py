"""scripting.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def evalCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def evalShaCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scriptCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scriptingInit(*args):
    raise NotImplementedError("scriptingInit")


def luaCreateFunction(*args):
    raise NotImplementedError("luaCreateFunction")


def ldbRemoveChild(*args):
    raise NotImplementedError("ldbRemoveChild")


def ldbPendingChildren(*args):
    raise NotImplementedError("ldbPendingChildren")


def ldbKillForkedSessions(*args):
    raise NotImplementedError("ldbKillForkedSessions")
