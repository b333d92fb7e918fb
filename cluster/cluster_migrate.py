"""cluster_migrate.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def restoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def migrateCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def dumpCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)
