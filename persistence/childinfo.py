"""childinfo.py - SKELETON, to be written."""


def openChildInfoPipe(*args):
    raise NotImplementedError("openChildInfoPipe")


def closeChildInfoPipe(*args):
    raise NotImplementedError("closeChildInfoPipe")


def sendChildInfoGeneric(*args):
    raise NotImplementedError("sendChildInfoGeneric")


def receiveChildInfo(*args):
    raise NotImplementedError("receiveChildInfo")
