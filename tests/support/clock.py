"""clock.py - a clock that stands still until it is told to move.

    with FakeClock() as clock:
        clock.advance(ms=1500)              # wall clock and monotonic clock go on together
"""
from ae.monotonic import set_clock


class FakeClock:
    """Replaces the clocks of ae.monotonic while the `with` block runs."""

    def __init__(self, wall_ms=1_700_000_000_000):
        self.wall_ns = wall_ms * 1_000_000
        self.mono_ns = 1_000_000_000

    def __enter__(self):
        set_clock(lambda: self.wall_ns, lambda: self.mono_ns)
        return self

    def __exit__(self, *exc_info):
        set_clock()

    def advance(self, ms=0, us=0):
        self.wall_ns += ms * 1_000_000 + us * 1000
        self.mono_ns += ms * 1_000_000 + us * 1000
