"""zmalloc.py where a collector frees (PyPy): fakes of its calls, so that every interpreter runs these tests."""
from server import zmalloc


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
    monkeypatch.setattr(zmalloc, "_gc_collect_step", None)
    zmalloc.zmalloc_reclaim_wanted()
    assert zmalloc.zmalloc_reclaim_timeout() is None               # CPython: nothing to collect
    monkeypatch.setattr(zmalloc, "_gc_collect_step", collect_step)
    monkeypatch.setattr(zmalloc, "perf_counter", lambda: now[0])
    monkeypatch.setattr(zmalloc.garbage, "next_time", 0.0)
    monkeypatch.setattr(zmalloc.garbage, "wanted", False)
    zmalloc.zmalloc_reclaim_wanted()
    assert zmalloc.zmalloc_reclaim_timeout() == 0.0
    zmalloc.zmalloc_reclaim()
    assert list(steps) == [] and zmalloc.zmalloc_reclaim_timeout() is None
    zmalloc.zmalloc_reclaim_wanted()
    assert zmalloc.zmalloc_reclaim_timeout() == 50.0


def test_what_eviction_frees_counts_until_it_is_collected(monkeypatch):
    """PyPy: the collector's figure still has it; a collection that began before does not free what died after."""
    class Stats:
        total_arena_memory, total_rawmalloced_memory = 1000, 500
        STATE_SCANNING = 0

        def __init__(self, oldstate=0):
            self.oldstate = oldstate
    monkeypatch.setattr(zmalloc, "_gc_get_stats", lambda pressure: Stats())
    monkeypatch.setattr(zmalloc, "_mallinfo2", None)
    monkeypatch.setattr(zmalloc.garbage, "noted", 0)
    monkeypatch.setattr(zmalloc.garbage, "at_start", 0)
    monkeypatch.setattr(zmalloc.large, "value", 1500)
    assert zmalloc.zmalloc_note_freed(100, 200) == 300
    assert zmalloc.malloc_bytes() == zmalloc.large.value == 1200
    zmalloc.zmalloc_collector_step(Stats(0))
    zmalloc.zmalloc_note_freed(50, 0)
    zmalloc.zmalloc_collector_step(Stats(1))
    zmalloc.zmalloc_collector_done(Stats())
    assert zmalloc.malloc_bytes() == 1450
