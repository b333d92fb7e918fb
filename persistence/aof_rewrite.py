"""aof_rewrite.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def bgrewriteaofCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def killAppendOnlyChild(*args):
    pass


def rioWriteBulkObject(*args):
    raise NotImplementedError("rioWriteBulkObject")


def aofReadDiffFromParent(*args):
    raise NotImplementedError("aofReadDiffFromParent")


def rewriteAppendOnlyFileBackground(*args):
    raise NotImplementedError("rewriteAppendOnlyFileBackground")


def aofRemoveTempFile(*args):
    raise NotImplementedError("aofRemoveTempFile")


def backgroundRewriteDoneHandler(*args):
    raise NotImplementedError("backgroundRewriteDoneHandler")
