"""lazyfree.py - SKELETON, to be written."""


def lazyfreeGetPendingObjectsCount(*args):
    raise NotImplementedError("lazyfreeGetPendingObjectsCount")


def lazyfreeGetFreedObjectsCount(*args):
    raise NotImplementedError("lazyfreeGetFreedObjectsCount")


def dbAsyncDelete(*args):
    raise NotImplementedError("dbAsyncDelete")


def freeObjAsync(*args):
    raise NotImplementedError("freeObjAsync")


def emptyDbAsync(*args):
    raise NotImplementedError("emptyDbAsync")


def freeSlotsToKeysMapAsync(*args):
    raise NotImplementedError("freeSlotsToKeysMapAsync")


def freeTrackingRadixTreeAsync(*args):
    raise NotImplementedError("freeTrackingRadixTreeAsync")


def freeLuaScriptsAsync(*args):
    raise NotImplementedError("freeLuaScriptsAsync")
