"""sort.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def sortCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sortCompare(*args):
    raise NotImplementedError("sortCompare")
