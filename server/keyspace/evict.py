"""evict.py - SKELETON, to be written."""


def getLRUClock(*args):
    raise NotImplementedError("getLRUClock")


def LRU_CLOCK(*args):
    raise NotImplementedError("LRU_CLOCK")


def estimateObjectIdleTime(*args):
    raise NotImplementedError("estimateObjectIdleTime")


def evictionPoolAlloc(*args):
    raise NotImplementedError("evictionPoolAlloc")


def LFUGetTimeInMinutes(*args):
    raise NotImplementedError("LFUGetTimeInMinutes")


def LFULogIncr(*args):
    raise NotImplementedError("LFULogIncr")


def LFUDecrAndReturn(*args):
    raise NotImplementedError("LFUDecrAndReturn")


def freeMemoryGetNotCountedMemory(*args):
    raise NotImplementedError("freeMemoryGetNotCountedMemory")


def getMaxmemoryState(*args):
    raise NotImplementedError("getMaxmemoryState")


def overMaxmemoryAfterAlloc(*args):
    raise NotImplementedError("overMaxmemoryAfterAlloc")


def performEvictions(*args):
    raise NotImplementedError("performEvictions")
