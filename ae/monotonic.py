"""monotonic.py - SKELETON, to be written."""


def ustime(*args):
    raise NotImplementedError("ustime")


def mstime(*args):
    raise NotImplementedError("mstime")
