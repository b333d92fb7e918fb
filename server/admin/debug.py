"""debug.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def debugCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xorDigest(*args):
    raise NotImplementedError("xorDigest")


def mixDigest(*args):
    raise NotImplementedError("mixDigest")


def serverLogObjectDebugInfo(*args):
    raise NotImplementedError("serverLogObjectDebugInfo")


def killThreads(*args):
    raise NotImplementedError("killThreads")


def sigsegvHandler(*args):
    raise NotImplementedError("sigsegvHandler")


def watchdogScheduleSignal(*args):
    raise NotImplementedError("watchdogScheduleSignal")


def enableWatchdog(*args):
    raise NotImplementedError("enableWatchdog")


def disableWatchdog(*args):
    raise NotImplementedError("disableWatchdog")


def debugDelay(*args):
    raise NotImplementedError("debugDelay")
