"""latency.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def latencyCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def THPIsEnabled(*args):
    raise NotImplementedError("THPIsEnabled")


def THPDisable(*args):
    raise NotImplementedError("THPDisable")


def latencyMonitorInit(*args):
    raise NotImplementedError("latencyMonitorInit")


def latencyAddSample(*args):
    raise NotImplementedError("latencyAddSample")
