"""slowlog.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def slowlogCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def slowlogInit(*args):
    raise NotImplementedError("slowlogInit")


def slowlogPushEntryIfNeeded(*args):
    raise NotImplementedError("slowlogPushEntryIfNeeded")
