"""t_list.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def rpushCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lpushCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def rpushxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lpushxCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def linsertCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def rpopCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lpopCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def brpopCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def brpoplpushCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def blmoveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def blpopCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def llenCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lindexCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lsetCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lrangeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def ltrimCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lposCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lremCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def rpoplpushCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def lmoveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def listTypePush(*args):
    raise NotImplementedError("listTypePush")


def listTypePop(*args):
    raise NotImplementedError("listTypePop")


def listTypeLength(*args):
    raise NotImplementedError("listTypeLength")


def listTypeInitIterator(*args):
    raise NotImplementedError("listTypeInitIterator")


def listTypeReleaseIterator(*args):
    raise NotImplementedError("listTypeReleaseIterator")


def listTypeNext(*args):
    raise NotImplementedError("listTypeNext")


def listTypeGet(*args):
    raise NotImplementedError("listTypeGet")


def listTypeInsert(*args):
    raise NotImplementedError("listTypeInsert")


def listTypeEqual(*args):
    raise NotImplementedError("listTypeEqual")


def listTypeDelete(*args):
    raise NotImplementedError("listTypeDelete")


def listTypeConvert(*args):
    raise NotImplementedError("listTypeConvert")


def listTypeDup(*args):
    raise NotImplementedError("listTypeDup")


def listElementsRemoved(*args):
    raise NotImplementedError("listElementsRemoved")


def popGenericCommand(*args):
    raise NotImplementedError("popGenericCommand")
