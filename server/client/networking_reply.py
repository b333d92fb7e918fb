"""networking_reply.py - SKELETON, to be written."""


def addReply(*args):
    raise NotImplementedError("addReply")


def addReplySds(*args):
    raise NotImplementedError("addReplySds")


def addReplyProto(*args):
    raise NotImplementedError("addReplyProto")


def addReplyErrorObject(*args):
    raise NotImplementedError("addReplyErrorObject")


def addReplyError(*args):
    raise NotImplementedError("addReplyError")


def addReplyErrorSds(*args):
    raise NotImplementedError("addReplyErrorSds")


def addReplyErrorFormat(*args):
    raise NotImplementedError("addReplyErrorFormat")


def addReplyStatus(*args):
    raise NotImplementedError("addReplyStatus")


def addReplyStatusFormat(*args):
    raise NotImplementedError("addReplyStatusFormat")


def addReplyDeferredLen(*args):
    raise NotImplementedError("addReplyDeferredLen")


def setDeferredArrayLen(*args):
    raise NotImplementedError("setDeferredArrayLen")


def setDeferredMapLen(*args):
    raise NotImplementedError("setDeferredMapLen")


def setDeferredSetLen(*args):
    raise NotImplementedError("setDeferredSetLen")


def setDeferredAttributeLen(*args):
    raise NotImplementedError("setDeferredAttributeLen")


def setDeferredPushLen(*args):
    raise NotImplementedError("setDeferredPushLen")


def addReplyDouble(*args):
    raise NotImplementedError("addReplyDouble")


def addReplyBigNum(*args):
    raise NotImplementedError("addReplyBigNum")


def addReplyHumanLongDouble(*args):
    raise NotImplementedError("addReplyHumanLongDouble")


def addReplyLongLong(*args):
    raise NotImplementedError("addReplyLongLong")


def addReplyArrayLen(*args):
    raise NotImplementedError("addReplyArrayLen")


def addReplyMapLen(*args):
    raise NotImplementedError("addReplyMapLen")


def addReplySetLen(*args):
    raise NotImplementedError("addReplySetLen")


def addReplyAttributeLen(*args):
    raise NotImplementedError("addReplyAttributeLen")


def addReplyPushLen(*args):
    raise NotImplementedError("addReplyPushLen")


def addReplyNull(*args):
    raise NotImplementedError("addReplyNull")


def addReplyBool(*args):
    raise NotImplementedError("addReplyBool")


def addReplyNullArray(*args):
    raise NotImplementedError("addReplyNullArray")


def addReplyBulk(*args):
    raise NotImplementedError("addReplyBulk")


def addReplyBulkCBuffer(*args):
    raise NotImplementedError("addReplyBulkCBuffer")


def addReplyBulkSds(*args):
    raise NotImplementedError("addReplyBulkSds")


def setDeferredReplyBulkSds(*args):
    raise NotImplementedError("setDeferredReplyBulkSds")


def addReplyBulkCString(*args):
    raise NotImplementedError("addReplyBulkCString")


def addReplyBulkLongLong(*args):
    raise NotImplementedError("addReplyBulkLongLong")


def addReplyVerbatim(*args):
    raise NotImplementedError("addReplyVerbatim")


def addReplyHelp(*args):
    raise NotImplementedError("addReplyHelp")


def addReplySubcommandSyntaxError(*args):
    raise NotImplementedError("addReplySubcommandSyntaxError")


def AddReplyFromClient(*args):
    raise NotImplementedError("AddReplyFromClient")


def copyClientOutputBuffer(*args):
    raise NotImplementedError("copyClientOutputBuffer")


def deferredAfterErrorReply(*args):
    raise NotImplementedError("deferredAfterErrorReply")
