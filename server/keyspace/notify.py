"""notify.py - SKELETON, to be written."""


def keyspaceEventsStringToFlags(*args):
    raise NotImplementedError("keyspaceEventsStringToFlags")


def keyspaceEventsFlagsToString(*args):
    raise NotImplementedError("keyspaceEventsFlagsToString")


def notifyKeyspaceEvent(*args):
    raise NotImplementedError("notifyKeyspaceEvent")
