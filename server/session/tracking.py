"""tracking.py - SKELETON, to be written."""


def disableTracking(*args):
    raise NotImplementedError("disableTracking")


def checkPrefixCollisionsOrReply(*args):
    raise NotImplementedError("checkPrefixCollisionsOrReply")


def enableTracking(*args):
    raise NotImplementedError("enableTracking")


def trackingRememberKeys(*args):
    raise NotImplementedError("trackingRememberKeys")


def trackingInvalidateKey(*args):
    raise NotImplementedError("trackingInvalidateKey")


def trackingHandlePendingKeyInvalidations(*args):
    raise NotImplementedError("trackingHandlePendingKeyInvalidations")


def freeTrackingRadixTree(*args):
    raise NotImplementedError("freeTrackingRadixTree")


def trackingInvalidateKeysOnFlush(*args):
    raise NotImplementedError("trackingInvalidateKeysOnFlush")


def trackingLimitUsedSlots(*args):
    raise NotImplementedError("trackingLimitUsedSlots")


def trackingBroadcastInvalidationMessages(*args):
    raise NotImplementedError("trackingBroadcastInvalidationMessages")


def trackingGetTotalItems(*args):
    raise NotImplementedError("trackingGetTotalItems")


def trackingGetTotalKeys(*args):
    raise NotImplementedError("trackingGetTotalKeys")


def trackingGetTotalPrefixes(*args):
    raise NotImplementedError("trackingGetTotalPrefixes")
