"""ae.py - SKELETON, to be written."""


def aeCreateEventLoop(*args):
    raise NotImplementedError("aeCreateEventLoop")


def aeGetSetSize(*args):
    raise NotImplementedError("aeGetSetSize")


def aeSetDontWait(*args):
    raise NotImplementedError("aeSetDontWait")


def aeResizeSetSize(*args):
    raise NotImplementedError("aeResizeSetSize")


def aeDeleteEventLoop(*args):
    raise NotImplementedError("aeDeleteEventLoop")


def aeStop(*args):
    raise NotImplementedError("aeStop")


def aeCreateFileEvent(*args):
    raise NotImplementedError("aeCreateFileEvent")


def aeDeleteFileEvent(*args):
    raise NotImplementedError("aeDeleteFileEvent")


def aeGetFileEvents(*args):
    raise NotImplementedError("aeGetFileEvents")


def aeCreateTimeEvent(*args):
    raise NotImplementedError("aeCreateTimeEvent")


def aeDeleteTimeEvent(*args):
    raise NotImplementedError("aeDeleteTimeEvent")


def aeProcessEvents(*args):
    raise NotImplementedError("aeProcessEvents")


def aeWait(*args):
    raise NotImplementedError("aeWait")


def aeMain(*args):
    raise NotImplementedError("aeMain")


def aeGetApiName(*args):
    raise NotImplementedError("aeGetApiName")


def aeSetBeforeSleepProc(*args):
    raise NotImplementedError("aeSetBeforeSleepProc")


def aeSetAfterSleepProc(*args):
    raise NotImplementedError("aeSetAfterSleepProc")
