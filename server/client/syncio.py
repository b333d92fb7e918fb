"""syncio.py - SKELETON, to be written."""


def syncWrite(*args):
    raise NotImplementedError("syncWrite")


def syncRead(*args):
    raise NotImplementedError("syncRead")


def syncReadLine(*args):
    raise NotImplementedError("syncReadLine")
