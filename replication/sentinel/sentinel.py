"""sentinel.py - SKELETON, to be written."""


def queueSentinelConfig(*args):
    raise NotImplementedError("queueSentinelConfig")


def rewriteConfigSentinelOption(*args):
    raise NotImplementedError("rewriteConfigSentinelOption")
