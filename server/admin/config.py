"""config.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def configCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def evictPolicyToString(*args):
    raise NotImplementedError("evictPolicyToString")


def appendServerSaveParams(*args):
    raise NotImplementedError("appendServerSaveParams")


def resetServerSaveParams(*args):
    raise NotImplementedError("resetServerSaveParams")


def initConfigValues(*args):
    raise NotImplementedError("initConfigValues")


def loadServerConfig(*args):
    raise NotImplementedError("loadServerConfig")
