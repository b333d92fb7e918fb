"""monotonic.py - the clocks.                       Mirrors src/monotonic.c, and ustime, mstime of src/server.c (6.2.14)

Lives here   getMonotonicUs (never goes back, for timers and durations); ustime, mstime, unix_time (wall clock);
             set_clock, which lets a test stop and move both.
Called from  everywhere, every phase.
State        _time_ns, _monotonic_ns: where the nanoseconds come from.
Departures   ustime and mstime live in server.c in C: every layer needs them, so they stand at the bottom here.
"""
import time

_time_ns = time.time_ns                 # ns of the wall clock
_monotonic_ns = time.monotonic_ns       # ns of a clock that never goes back


def monotonicInit():
    """Return a text that names the clock in use."""
    return "POSIX clock_gettime"


def getMonotonicUs():
    """UNIT: us, since an arbitrary point in the past."""
    return _monotonic_ns() // 1000


def elapsedStart():
    """Return a start mark for elapsedUs and elapsedMs."""
    return getMonotonicUs()


def elapsedUs(start_time):
    return getMonotonicUs() - start_time


def elapsedMs(start_time):
    return elapsedUs(start_time) // 1000


def ustime():
    """UNIT: us since 1970."""
    return _time_ns() // 1000


def mstime():
    """UNIT: ms since 1970."""
    return _time_ns() // 1000000


def unix_time():
    """UNIT: s since 1970.  C: time(NULL)."""
    return _time_ns() // 1000000000


def set_clock(time_ns=None, monotonic_ns=None):
    """Take the time from these two functions (results in ns); without arguments, from the machine again.

    The callers have bound ustime and friends by name already, so the source is exchanged beneath them.
    """
    global _time_ns, _monotonic_ns
    _time_ns = time_ns or time.time_ns
    _monotonic_ns = monotonic_ns or time.monotonic_ns
