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
    """Return those cases that take much longer on the bigger values, as (case, seconds, seconds)."""
    times = []
    for nbytes, nelements in zip(BYTES, ELEMENTS):
        with InProcess(hash_max_ziplist_entries=8, zset_max_ziplist_entries=8) as redis:
            build(redis, nbytes, nelements)
            times.append([best_time(redis, case, rounds) for case in cases])
    return [(case, small, big) for case, small, big in zip(cases, *times) if big > small * GROWTH + NOISE]


def test_nothing_grows_with_the_value():
    suspects = growing(LINEAR + CASES, 5)
    assert [case for case, _, _ in suspects[:len(LINEAR)]] == LINEAR
    suspects = suspects[len(LINEAR):]
    if suspects:                       # a second, longer look: the machine may have been busy
        suspects = growing([case for case, _, _ in suspects], 40)
    assert not suspects, "\n".join("%s: %.0f us, %.0f us" % (case, small * 1e6, big * 1e6) for case, small, big in suspects)
