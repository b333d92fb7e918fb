"""estimate.py where a collector frees (PyPy): fakes of its calls, so that every interpreter runs these tests."""
from server import zmalloc_estimate as estimate


def test_the_collector_is_run_when_it_is_due(monkeypatch):
    """PyPy: wanted after a big value was freed, two collections in steps, then a rest of ten times their length."""
    class Step:
        def __init__(self, done):
            self.major_is_done = done
    steps = iter([False, False, True, False, True])
    now = [100.0]

    def collect_step():
        now[0] += 1.0
        return Step(next(steps))
    monkeypatch.setattr(estimate, "_gc_collect_step", None)
    estimate.reclaim_wanted()
    assert estimate.reclaim_timeout() is None               # CPython: nothing to collect
    monkeypatch.setattr(estimate, "_gc_collect_step", collect_step)
    monkeypatch.setattr(estimate, "perf_counter", lambda: now[0])
    monkeypatch.setattr(estimate, "cpu_time", lambda: now[0])
    monkeypatch.setattr(estimate.garbage, "next_time", 0.0)
    monkeypatch.setattr(estimate.garbage, "wanted", False)
    estimate.reclaim_wanted()
    assert estimate.reclaim_timeout() == 0.0
    estimate.reclaim()
    assert list(steps) == [] and estimate.reclaim_timeout() is None
    estimate.reclaim_wanted()
    assert estimate.reclaim_timeout() == 50.0


def test_what_eviction_frees_counts_until_it_is_collected(monkeypatch):
    """PyPy: the collector's figure still has it; a collection that began before does not free what died after."""
    class Stats:
        total_arena_memory, total_rawmalloced_memory = 1000, 500
        STATE_SCANNING, STATE_MARKING, STATE_SWEEPING, STATE_FINALIZING = range(4)

        def __init__(self, oldstate=0, newstate=0):
            self.oldstate, self.newstate = oldstate, newstate
    monkeypatch.setattr(estimate, "_gc_get_stats", lambda pressure: Stats())
    monkeypatch.setattr(estimate, "_mallinfo2", None)
    monkeypatch.setattr(estimate.garbage, "noted", 0)
    monkeypatch.setattr(estimate.garbage, "at_start", 0)
    monkeypatch.setattr(estimate.large, "value", 1500)
    assert estimate.note_freed(100, 200) == 300
    assert estimate.malloc_bytes() == estimate.large.value == 1200
    estimate.collector_step(Stats(0))
    estimate.note_freed(50, 0)
    estimate.collector_step(Stats(1))
    estimate.collector_done(Stats())
    assert estimate.malloc_bytes() == 1450

    # While it sweeps, PyPy adds up anew what it keeps: the last reading counts.
    monkeypatch.setattr(Stats, "total_arena_memory", 10)
    monkeypatch.setattr(estimate.large, "value", 1450)
    estimate.collector_step(Stats(1, 2))
    assert estimate.malloc_bytes() == 1450
    estimate.collector_step(Stats(2, 2))
    assert estimate.malloc_bytes() == 1450
    estimate.collector_step(Stats(2, 3))
    assert estimate.malloc_bytes() == 460
