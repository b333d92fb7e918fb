"""sentinel.py - Sentinels for tests: ours, or real ones of 6.2.14.

    with start_sentinel("monitor m 127.0.0.1 7000 1") as s:       # s is a ServerProcess; more lines: sentinel="..." each
        s.resp().execute("SENTINEL", "MASTERS")
"""
import contextlib
import time

from tests.support.server import ServerProcess


def sentinel_process(*lines, real=False, executable=None, conf=None, args=()):
    """Return a ServerProcess, not started, in Sentinel mode; `lines` are `sentinel` directives without that word."""
    conf = dict(conf or {})
    if lines:
        conf["sentinel"] = list(lines)
    return ServerProcess(("--sentinel",) + tuple(args), conf, real=real, executable=executable)


@contextlib.contextmanager
def start_sentinel(*lines, real=False, executable=None, conf=None, args=()):
    s = sentinel_process(*lines, real=real, executable=executable, conf=conf, args=args)
    try:
        yield s.start()
    finally:
        s.cleanup()


def as_map(reply):
    """Return a map reply as dict: RESP2 sends a flat list."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))


def master(c, name="mymaster"):
    """Return SENTINEL MASTER `name` as dict of bytes."""
    return as_map(c.execute("SENTINEL", "MASTER", name))


def wait_until(condition, timeout=60, step=0.05):
    """Wait until condition() is true; return its value, or False after `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(step)
    return False


def sentinel_lines(s):
    """Return the `sentinel` lines of the process's config file, sorted."""
    with open(s.conffile, "rb") as f:
        return sorted(line for line in f.read().splitlines() if line.startswith(b"sentinel "))
