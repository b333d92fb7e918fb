"""object_command.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def objectCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def memoryCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)
