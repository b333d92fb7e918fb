"""The event loop: file events with and without barrier, timers, exceptions."""
import os

import pytest

from ae.ae import (
    AE_ALL_EVENTS, AE_BARRIER, AE_DONT_WAIT, AE_ERR, AE_FILE_EVENTS, AE_NOMORE, AE_NONE, AE_OK, AE_READABLE,
    AE_TIME_EVENTS, AE_WRITABLE, aeCreateEventLoop, aeCreateFileEvent, aeCreateTimeEvent, aeDeleteEventLoop,
    aeDeleteFileEvent, aeDeleteTimeEvent, aeGetFileEvents, aeGetSetSize, aeMain, aeProcessEvents, aeResizeSetSize,
    aeSetBeforeSleepProc, aeSetDontWait, ae_set_exception_proc, aeStop, aeWait,
)
from ae.monotonic import getMonotonicUs, mstime, ustime
from tests.support.clock import FakeClock


@pytest.fixture(name="el")
def fixture_el():
    el = aeCreateEventLoop(256)
    yield el
    aeDeleteEventLoop(el)


@pytest.fixture(name="pair")
def fixture_pair():
    import socket
    a, b = socket.socketpair()
    yield a, b
    a.close()
    b.close()


def turn(el, flags=AE_ALL_EVENTS | AE_DONT_WAIT):
    return aeProcessEvents(el, flags)


def test_read_comes_before_write_and_barrier_turns_it_round(el, pair):
    a, b = pair
    b.send(b"x")
    seen = []
    aeCreateFileEvent(el, a.fileno(), AE_READABLE, lambda *args: seen.append("r"), None)
    aeCreateFileEvent(el, a.fileno(), AE_WRITABLE, lambda *args: seen.append("w"), None)
    turn(el)
    assert seen == ["r", "w"]
    aeCreateFileEvent(el, a.fileno(), AE_WRITABLE | AE_BARRIER, lambda *args: seen.append("w"), None)
    seen.clear()
    turn(el)
    assert seen == ["w", "r"]
    aeDeleteFileEvent(el, a.fileno(), AE_WRITABLE)
    assert aeGetFileEvents(el, a.fileno()) == AE_READABLE           # the barrier went with it


def test_one_proc_for_both_is_called_once(el, pair):
    a, b = pair
    b.send(b"x")
    seen = []

    def both(el, fd, data, mask):
        seen.append((data, mask))
    aeCreateFileEvent(el, a.fileno(), AE_READABLE | AE_WRITABLE, both, "data")
    assert turn(el) == 1
    assert seen == [("data", AE_READABLE | AE_WRITABLE)]


def test_event_removed_by_an_earlier_handler_does_not_fire(el, pair):
    a, b = pair
    a.send(b"x")
    b.send(b"x")
    seen = []

    def proc(el, fd, data, mask):
        seen.append(fd)
        for s in pair:
            aeDeleteFileEvent(el, s.fileno(), AE_READABLE)
    for s in pair:
        aeCreateFileEvent(el, s.fileno(), AE_READABLE, proc, None)
    turn(el)
    assert len(seen) == 1
    assert el.maxfd == -1


def test_maxfd_setsize_and_cleared_slots(el, pair):
    a, b = pair
    for s in pair:
        assert aeCreateFileEvent(el, s.fileno(), AE_READABLE, print, s) == AE_OK
    high = max(a.fileno(), b.fileno())
    assert el.maxfd == high
    assert aeResizeSetSize(el, high) == AE_ERR
    assert aeResizeSetSize(el, 300) == AE_OK and aeGetSetSize(el) == 300 and len(el.events) == 300
    assert aeCreateFileEvent(el, 300, AE_READABLE, print, None) == AE_ERR
    aeDeleteFileEvent(el, high, AE_READABLE)
    assert el.maxfd == min(a.fileno(), b.fileno())
    fe = el.events[high]
    assert (fe.mask, fe.rfileProc, fe.clientData) == (AE_NONE, None, None)
    assert aeGetFileEvents(el, 1000) == 0


def test_closed_peer_reads_and_writes(el, pair):
    a, b = pair
    seen = []
    aeCreateFileEvent(el, a.fileno(), AE_READABLE | AE_WRITABLE, lambda el, fd, d, mask: seen.append(mask), None)
    b.close()
    turn(el)
    assert seen == [AE_READABLE | AE_WRITABLE]


def test_timers_by_the_fake_clock(el):
    with FakeClock() as clock:
        seen = []

        def proc(el, id, data):
            seen.append(data)
            return 100 if data == "again" else AE_NOMORE
        aeCreateTimeEvent(el, 50, proc, "once", lambda el, data: seen.append("final"))
        aeCreateTimeEvent(el, 100, proc, "again", None)
        turn(el)
        assert seen == []
        clock.advance(ms=50)
        assert turn(el) == 1 and seen == ["once"]
        clock.advance(ms=50)
        turn(el)
        assert seen == ["once", "again", "final"]                   # a deleted one is swept up when met
        clock.advance(ms=99)
        turn(el)
        assert seen.count("again") == 1
        clock.advance(ms=1)
        turn(el)
        assert seen.count("again") == 2


def test_timer_made_by_a_timer_waits_a_turn(el):
    with FakeClock():
        seen = []

        def outer(el, id, data):
            aeCreateTimeEvent(el, 0, lambda *a: seen.append("inner") or AE_NOMORE, None, None)
            return AE_NOMORE
        aeCreateTimeEvent(el, 0, outer, None, None)
        turn(el)
        assert seen == []
        turn(el)
        assert seen == ["inner"]


def test_delete_timer(el):
    id = aeCreateTimeEvent(el, 0, lambda *a: 1 / 0, None, None)
    assert aeDeleteTimeEvent(el, id) == AE_OK
    assert aeDeleteTimeEvent(el, 12345) == AE_ERR
    turn(el)
    assert el.timeEventHead is None


def test_flags_select_what_runs(el, pair):
    a, b = pair
    b.send(b"x")
    seen = []
    aeCreateFileEvent(el, a.fileno(), AE_READABLE, lambda *args: seen.append("file"), None)
    aeCreateTimeEvent(el, 0, lambda *args: seen.append("time") or 0, None, None)
    aeProcessEvents(el, AE_FILE_EVENTS | AE_DONT_WAIT)
    assert seen == ["file"]
    assert aeProcessEvents(el, 0) == 0
    aeSetDontWait(el, 1)
    aeDeleteFileEvent(el, a.fileno(), AE_READABLE)
    aeProcessEvents(el, AE_TIME_EVENTS)
    assert seen == ["file", "time"]


def test_exception_goes_to_exceptionproc_and_the_loop_lives(el, pair):
    a, b = pair
    b.send(b"x")

    def bad(*args):
        raise KeyError("bug")
    aeCreateFileEvent(el, a.fileno(), AE_READABLE, bad, "who")
    with pytest.raises(KeyError):
        turn(el)
    seen = []
    ae_set_exception_proc(el, lambda el, data, exc: seen.append((data, type(exc))))
    aeCreateTimeEvent(el, 0, bad, "timer", None)
    turn(el)
    assert seen == [("who", KeyError), ("timer", KeyError)]
    assert el.timeEventHead.refcount == 0

    def leave(*args):
        raise SystemExit
    aeCreateFileEvent(el, a.fileno(), AE_READABLE, leave, None)
    with pytest.raises(SystemExit):
        turn(el)


def test_aeMain_stops_and_calls_beforesleep(el):
    turns = []

    def beforesleep(el):
        turns.append(1)
        if len(turns) == 3:
            aeStop(el)
    aeSetBeforeSleepProc(el, beforesleep)
    aeSetDontWait(el, 1)
    aeMain(el)
    assert len(turns) == 3


def test_aeWait():
    r, w = os.pipe()
    assert aeWait(r, AE_READABLE, 1) == 0
    assert aeWait(w, AE_WRITABLE, 1) == AE_WRITABLE
    os.write(w, b"x")
    assert aeWait(r, AE_READABLE, 1000) == AE_READABLE
    assert aeWait(r, AE_READABLE, 2 ** 63 - 1) == AE_READABLE        # C's long long goes into an int: waits for ever
    assert aeWait(w, AE_READABLE, 2 ** 32) == 0                      # ... or not at all
    os.close(r)
    assert aeWait(w, AE_WRITABLE, 1000) & AE_WRITABLE               # POLLERR shows as writable
    os.close(w)


def test_fake_clock():
    with FakeClock(wall_ms=5000) as clock:
        m = getMonotonicUs()
        clock.advance(ms=3, us=7)
        assert (mstime(), ustime(), getMonotonicUs() - m) == (5003, 5003007, 3007)
    assert mstime() > 1_600_000_000_000
