"""info.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def infoCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def genRedisInfoString(*args):
    raise NotImplementedError("genRedisInfoString")
