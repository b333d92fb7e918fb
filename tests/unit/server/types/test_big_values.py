"""What is O(1) or O(what it replies) in C may not grow with the value here: each command on two sizes of value."""
from tests.support.bigvalues import CASES, best_time, build
from tests.support.inprocess import InProcess

BYTES = (800000, 8000000)
ELEMENTS = (3200, 32000)               # ten times as many: what is linear takes about ten times as long; no dict is being rehashed
GROWTH = 4
NOISE = 60e-6                          # seconds by which a measurement may be off

#: These are linear in C, too: the test would see it.
LINEAR = [[["GET", "s"]], [["BITCOUNT", "s"]], [["HGETALL", "h"]], [["ZRANGE", "z", "0", "-1"]]]


def growing(cases, rounds):
    """Return those cases that take much longer on the bigger values, as (case, seconds, seconds).

    The bigger values come first: a loop over them, and so the same loop over the smaller ones, is compiled by then (PyPy).
    """
    times = []
    for nbytes, nelements in ((BYTES[1], ELEMENTS[1]), (BYTES[0], ELEMENTS[0])):
        with InProcess(hash_max_ziplist_entries=8, zset_max_ziplist_entries=8) as redis:
            build(redis, nbytes, nelements)
            times.append([best_time(redis, case, rounds) for case in cases])
    return [(case, small, big) for case, big, small in zip(cases, *times) if big > small * GROWTH + NOISE]


def test_nothing_grows_with_the_value():
    suspects = growing(LINEAR + CASES, 5)
    seen = [case for case, _, _ in suspects if case in LINEAR]
    if seen != LINEAR:                 # a second look: the machine may have been busy, the code not compiled yet (PyPy)
        seen = [case for case, _, _ in growing(LINEAR, 20)]
    assert seen == LINEAR
    suspects = [suspect for suspect in suspects if suspect[0] not in LINEAR]
    if suspects:                       # a second, longer look: the machine may have been busy
        suspects = growing([case for case, _, _ in suspects], 40)
    assert not suspects, "\n".join("%s: %.0f us, %.0f us" % (case, small * 1e6, big * 1e6) for case, small, big in suspects)
