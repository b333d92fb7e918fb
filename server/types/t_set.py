"""t_set.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def saddCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sremCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def smoveCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sismemberCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def smismemberCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def scardCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def spopCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def srandmemberCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sinterCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sinterstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sunionCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sunionstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sdiffCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sdiffstoreCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def sscanCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def setTypeCreate(*args):
    raise NotImplementedError("setTypeCreate")


def setTypeAdd(*args):
    raise NotImplementedError("setTypeAdd")


def setTypeRemove(*args):
    raise NotImplementedError("setTypeRemove")


def setTypeIsMember(*args):
    raise NotImplementedError("setTypeIsMember")


def setTypeInitIterator(*args):
    raise NotImplementedError("setTypeInitIterator")


def setTypeReleaseIterator(*args):
    raise NotImplementedError("setTypeReleaseIterator")


def setTypeNext(*args):
    raise NotImplementedError("setTypeNext")


def setTypeNextObject(*args):
    raise NotImplementedError("setTypeNextObject")


def setTypeRandomElement(*args):
    raise NotImplementedError("setTypeRandomElement")


def setTypeSize(*args):
    raise NotImplementedError("setTypeSize")


def setTypeConvert(*args):
    raise NotImplementedError("setTypeConvert")


def setTypeDup(*args):
    raise NotImplementedError("setTypeDup")
