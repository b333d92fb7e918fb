"""pubsub.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def subscribeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def unsubscribeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def psubscribeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def punsubscribeCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def publishCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def pubsubCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def addReplyPubsubMessage(*args):
    raise NotImplementedError("addReplyPubsubMessage")


def pubsubUnsubscribeAllChannels(*args):
    raise NotImplementedError("pubsubUnsubscribeAllChannels")


def pubsubUnsubscribeAllPatterns(*args):
    raise NotImplementedError("pubsubUnsubscribeAllPatterns")


def pubsubPublishMessage(*args):
    raise NotImplementedError("pubsubPublishMessage")
