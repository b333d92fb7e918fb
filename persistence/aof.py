"""aof.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def bgrewriteaofCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def aofRewriteBufferReset(*args):
    raise NotImplementedError("aofRewriteBufferReset")


def aofRewriteBufferSize(*args):
    raise NotImplementedError("aofRewriteBufferSize")


def killAppendOnlyChild(*args):
    raise NotImplementedError("killAppendOnlyChild")


def stopAppendOnly(*args):
    raise NotImplementedError("stopAppendOnly")


def startAppendOnly(*args):
    raise NotImplementedError("startAppendOnly")


def flushAppendOnlyFile(*args):
    raise NotImplementedError("flushAppendOnlyFile")


def feedAppendOnlyFile(*args):
    raise NotImplementedError("feedAppendOnlyFile")


def loadAppendOnlyFile(*args):
    raise NotImplementedError("loadAppendOnlyFile")


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
