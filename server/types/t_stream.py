"""t_stream.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def xaddCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xrangeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xrevrangeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xlenCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xreadCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xgroupCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xsetidCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xackCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xpendingCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xclaimCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xautoclaimCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xinfoCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xdelCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def xtrimCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def streamDup(*args):
    raise NotImplementedError("streamDup")


SLC_NONE = 0


def streamCompareID(*args):
    raise NotImplementedError("streamCompareID")


def streamIncrID(*args):
    raise NotImplementedError("streamIncrID")


def streamLookupCG(*args):
    raise NotImplementedError("streamLookupCG")


def streamLookupConsumer(*args):
    raise NotImplementedError("streamLookupConsumer")


def streamPropagateConsumerCreation(*args):
    raise NotImplementedError("streamPropagateConsumerCreation")


def streamPropInfo(*args):
    raise NotImplementedError("streamPropInfo")


def streamReplyWithRange(*args):
    raise NotImplementedError("streamReplyWithRange")
