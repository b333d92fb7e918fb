"""log.py - log lines and assertions.        Mirrors src/server.c: serverLog*, src/debug.c: _serverAssert, _serverPanic

SKELETON: to be completed by the owner of server.py.
"""
import sys


def serverLog(level, fmt, *args):
    sys.stderr.write((fmt % args if args else fmt) + "\n")


def serverAssert(cond):
    if not cond:
        raise AssertionError("serverAssert")


def serverAssertWithInfo(c, o, cond):
    if not cond:
        raise AssertionError("serverAssertWithInfo")


def serverPanic(fmt, *args):
    raise AssertionError(fmt % args if args else fmt)
