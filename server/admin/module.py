"""module.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def moduleCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)
