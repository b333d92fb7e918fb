"""networking_client.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def clientCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def helloCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def securityWarningCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def resetCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)
