"""estimate.py, evict.py, bio.py, lazyfree.py: figures that follow the data, the eviction pool, background jobs."""
import gc
import os
import sys
import threading
import time

import pytest

from datastructs.dict import dictAdd, dictCreate, setDictType
from server import bio, link, zmalloc, zmalloc_estimate as estimate  # noqa: F401
from server.keyspace import evict, lazyfree
from server.lru import LFUDecrAndReturn, LFULogIncr, estimateObjectIdleTime
from server.object import createObject, createStringObject
from server.server_h import (
    C_ERR, C_OK, LRU_CLOCK_MAX, MAXMEMORY_ALLKEYS_LRU, new_robj, OBJ_ENCODING_HT, OBJ_SET, server,
)


def settle():
    """Let the collector free what is dead where nothing else does: elsewhere it must be freed already."""
    if not hasattr(sys, "getrefcount"):
        gc.collect()


def test_used_memory_follows_the_data():
    gc.collect()                             # what other tests left must not die while we measure
    zmalloc.zmalloc_init()
    start = zmalloc.zmalloc_used_memory()
    assert abs(start - estimate.ZMALLOC_STARTUP_BYTES) < 20000
    data = [(b"key:%d" % i, new_robj(0, 0, b"value:%d" % i)) for i in range(20000)]
    settle()
    small = zmalloc.zmalloc_used_memory() - start
    assert 20000 * 150 < small < 20000 * 400
    blob = bytearray(10 << 20)
    settle()
    assert abs(zmalloc.zmalloc_used_memory() - start - small - (10 << 20)) < 100000
    del blob, data
    settle()
    assert abs(zmalloc.zmalloc_used_memory() - start) < 200000
    assert zmalloc.zmalloc_get_rss() > 10 << 20 and zmalloc.zmalloc_get_memory_size() > 1 << 28
    assert zmalloc.zmalloc_get_private_dirty(-1) > 0 and zmalloc.zmalloc_get_smap_bytes_by_field("Rss:", os.getpid()) > 0


@pytest.mark.skipif(estimate._mallinfo2 is None, reason="memory is not had from glibc's malloc here")
def test_a_buffer_that_grew_leaves_nothing_behind():
    """Growing, it goes through all small sizes, and each is left to the allocator's cache of freed chunks."""
    gc.collect()
    held = [bytes(n) for n in range(500, 1040, 4) for _ in range(8)]        # take out of the cache what is in it
    zmalloc.zmalloc_init()
    start = zmalloc.zmalloc_used_memory()
    buffers = [bytearray() for _ in range(40)]
    while len(buffers[0]) < 16384:
        for b in buffers:                           # together, so that none can grow where it is
            b += b"x" * 135
    assert zmalloc.zmalloc_used_memory() - start > 40 * 16384
    del b, buffers
    assert zmalloc.zmalloc_used_memory() - start < 8000
    del held


@pytest.mark.skipif(estimate._mallinfo2 is None, reason="memory is not had from glibc's malloc here")
def test_what_the_thread_cache_gives_out_counts():
    """used_memory grows by what lives, also where an object takes a freed chunk from glibc's tcache, which mallinfo2 counted before."""
    gc.collect()
    zmalloc.zmalloc_init()
    if estimate.tcache is None:
        pytest.skip("this malloc's thread cache is not found")
    start = zmalloc.zmalloc_used_memory()
    held = [bytearray(n) for n in range(520, 1032, 16) for _ in range(7)]
    size = sum(len(b) for b in held)
    assert size < zmalloc.zmalloc_used_memory() - start < size + len(held) * 200
    del held
    assert abs(zmalloc.zmalloc_used_memory() - start) < 8000


class Machine:
    """Gauges, clock and cost of a reading as a test wants them; reads counts the readings of malloc."""

    def __init__(self, monkeypatch):
        self.now = 1000.0          # s
        self.cost = 0.00002        # s, a reading on a slow machine
        self.blocks = 1000
        self.bytes = 0
        self.reads = 0
        self.cpu = 0.0
        monkeypatch.setattr(estimate, "small", estimate.gauge())
        monkeypatch.setattr(estimate, "large", estimate.gauge())
        monkeypatch.setattr(estimate, "block_bytes", 60.0)
        monkeypatch.setattr(estimate, "rss_zero", 0)
        monkeypatch.setattr(estimate, "arena_zero", 0)
        monkeypatch.setattr(estimate, "arena_bytes", lambda: 0)
        monkeypatch.setattr(estimate, "rss_peak", 0)
        monkeypatch.setattr(estimate, "blocks_peak", 0)
        monkeypatch.setattr(estimate, "perf_counter", lambda: self.now)
        monkeypatch.setattr(estimate, "cpu_time", lambda: self.cpu)
        monkeypatch.setattr(estimate, "_getallocatedblocks", self.read_blocks)
        monkeypatch.setattr(estimate, "malloc_bytes", self.read_bytes)
        monkeypatch.setattr(evict, "freeMemoryGetNotCountedMemory", lambda: 0)
        zmalloc.zmalloc_init()
        estimate.rss_zero = 0

    def read_blocks(self):
        self.cpu += self.cost
        return self.blocks

    def read_bytes(self):
        self.reads += 1
        self.cpu += self.cost
        return self.bytes

    def used(self):
        return estimate.ZMALLOC_STARTUP_BYTES + (self.blocks - 1000) * 60 + self.bytes

    def command(self, interval):
        """A command comes `interval` s after the last one -> (C_OK or C_ERR, bytes to free)."""
        self.now += interval
        if evict.surely_below(server.maxmemory):
            return C_OK, 0
        ok, _, _, tofree, _ = evict.getMaxmemoryState()
        return ok, tofree


@pytest.fixture
def machine(monkeypatch):
    monkeypatch.setattr(server, "maxmemory", 2 << 20)
    return Machine(monkeypatch)


@pytest.mark.parametrize("interval", [0.00002, 0.0002, 0.002])
def test_a_big_object_is_seen_by_the_next_command(machine, interval):
    # Within what is saved up, however close the commands follow each other, and whatever one reading seems to cost.
    for i in range(500):
        machine.cost = 0.005 if i % 16 == 3 else 0.00002
        assert machine.command(interval)[0] == C_OK
    server.maxmemory = machine.used() + 100 * 1024
    assert machine.command(interval)[0] == C_OK
    machine.bytes += 125001
    assert machine.command(interval) == (C_ERR, 125001 - 100 * 1024)
    machine.bytes -= 125001
    assert machine.command(interval)[0] == C_OK


def test_a_dense_load_does_not_pay_more_than_its_share(machine):
    calls = 400000
    for _ in range(calls):
        machine.command(0.00002)
    spent = machine.reads * machine.cost
    assert spent < (calls * 0.00002 + estimate.GAUGE_CREDIT) / estimate.GAUGE_PAUSE * 1.1
    # Even then a jump is seen after one rest, and after a quiet time at once.
    machine.bytes += 4 << 20
    late = 0.0
    while machine.command(0.00002)[0] == C_OK:
        late += 0.00002
    assert late <= machine.cost * estimate.GAUGE_PAUSE
    machine.bytes = 0
    assert machine.command(1.0)[0] == C_OK


def test_asking_info_all_the_time_does_not_blind_maxmemory(machine):
    for _ in range(10000):
        machine.now += 0.0001
        zmalloc.zmalloc_used_memory()
    machine.bytes += 4 << 20
    assert machine.command(machine.cost * estimate.GAUGE_PAUSE * 1.01)[0] == C_ERR


def drain(machine, growth, calls=100000):
    """A load so dense and so long that memory is guessed between readings; each command takes `growth` bytes."""
    server.maxmemory = 1 << 40
    for _ in range(calls):
        machine.bytes += growth
        machine.command(0.00001)
    while estimate.small.calls != 1 or estimate.large.calls != 1:     # stop right after a reading of both
        machine.bytes += growth
        machine.command(0.00001)


def test_the_growth_is_learned_and_one_big_object_is_no_habit(machine):
    drain(machine, 250)
    assert abs(estimate.large.growth - 250) < 1
    estimate.large.calls = 1
    estimate.note_reading(estimate.large, estimate.large.value + 125000, machine.now)
    assert estimate.large.growth < 125000 / estimate.LEARN_CALLS + 250
    estimate.large.calls = 1
    estimate.note_reading(estimate.large, estimate.large.value - 125000, machine.now)
    assert estimate.large.growth < 250


def test_a_guess_is_confirmed_before_it_evicts(machine):
    drain(machine, 250)
    server.maxmemory = machine.used() + 2000
    for _ in range(50):                                     # now the load takes no memory: the habit is wrong
        assert machine.command(0.00001)[0] == C_OK
    machine.bytes += 2500
    while machine.command(0.00001)[0] == C_OK:              # and now it does, and is seen after a short rest
        machine.bytes += 250
    assert machine.used() - server.maxmemory <= 250 * (estimate.NEAR_PAUSE * machine.cost / 0.00001 + 1)


def test_a_dear_guess_waits_for_its_reading_or_a_wide_margin(machine):
    machine.cost = 0.002
    drain(machine, 250)
    server.maxmemory = machine.used() + 1000
    reads = machine.reads
    for _ in range(100):
        assert machine.command(0.00001)[0] == C_OK          # 25 KB beyond: within the margin
    assert machine.reads == reads
    for _ in range(server.maxmemory // estimate.NEAR // 250):
        ok, tofree = machine.command(0.00001)
        if ok == C_ERR:
            break
    assert ok == C_ERR and 0 < tofree - server.maxmemory // estimate.NEAR < 1000


def test_what_is_freed_elsewhere_is_no_reason_to_evict(machine):
    drain(machine, 0)
    machine.bytes += 4 << 20
    zmalloc.zmalloc_used_memory()
    server.maxmemory = machine.used() - 1000
    machine.bytes -= 1 << 20                                # DEL, right after the reading
    assert machine.command(0.00001)[0] == C_OK


def test_calibration_does_not_jump(machine):
    used = []
    for blocks in range(40000, 400000, 1000):
        machine.blocks = 1000 + blocks
        zmalloc.zmalloc_used_memory()
        estimate.calibrate(blocks * 80)                      # the RSS says 80 bytes a block
        used.append(estimate.used_bytes())
    steps = [b - a for a, b in zip(used, used[1:])]
    assert max(steps) < 160 * 1000 and min(steps) > 0
    assert abs(estimate.block_bytes - 80) < 0.01


@pytest.fixture
def lru(monkeypatch):
    monkeypatch.setattr(server, "maxmemory_policy", MAXMEMORY_ALLKEYS_LRU)
    monkeypatch.setattr(server, "maxmemory_samples", 5)
    monkeypatch.setattr(server, "hz", 10)
    monkeypatch.setattr(server, "lruclock", 1000)


def test_eviction_pool_keeps_the_oldest(lru):
    evict.evictionPoolAlloc()
    d = dictCreate(setDictType)
    for i in range(200):
        o = createStringObject(b"v")
        o.lru = i                                           # key:0 is the oldest
        dictAdd(d, b"%d" % i, o)
    for _ in range(300):
        evict.evictionPoolPopulate(0, d, d, evict.EvictionPoolLRU)
        idles = [e.idle for e in evict.EvictionPoolLRU if e.key is not None]
        assert idles == sorted(idles)
        assert [e.key is None for e in evict.EvictionPoolLRU] == sorted(e.key is None for e in evict.EvictionPoolLRU)
    assert int(evict.EvictionPoolLRU[-1].key) < 10


def test_idle_time_and_lfu(lru, monkeypatch):
    o = createStringObject(b"x")
    o.lru = 990
    assert estimateObjectIdleTime(o) == 10000
    o.lru = LRU_CLOCK_MAX
    assert estimateObjectIdleTime(o) == 1000 * 1000   # the clock has wrapped around
    monkeypatch.setattr(server, "unixtime", 60 * 100)
    monkeypatch.setattr(server, "lfu_decay_time", 1)
    monkeypatch.setattr(server, "lfu_log_factor", 10)
    o.lru = (97 << 8) | 10
    assert LFUDecrAndReturn(o) == 7
    assert LFULogIncr(255) == 255 and LFULogIncr(5) == 6
    assert sum(LFULogIncr(100) - 100 for _ in range(1000)) < 30


def test_tenacity(monkeypatch):
    for tenacity, limit in ((0, 0), (10, 500), (11, 575), (100, evict.ULONG_MAX)):
        monkeypatch.setattr(server, "maxmemory_eviction_tenacity", tenacity)
        assert evict.evictionTimeLimitUs() == limit


@pytest.fixture
def bio_threads(monkeypatch):
    monkeypatch.setattr(bio, "redisSetCpuAffinity", lambda cpulist: None)
    bio.bioInit()
    yield
    bio.bioKillThreads()
    for thread in bio.bio_threads:
        thread.join(60)                                     # PyPy: it may be collecting


def wait_for(type_):
    deadline = time.time() + 5
    while bio.bioWaitStepOfType(type_) and time.time() < deadline:
        pass
    assert bio.bioPendingJobsOfType(type_) == 0


def test_bio_jobs(bio_threads, tmp_path):
    assert {"bio_close_file", "bio_aof_fsync", "bio_lazy_free"} <= {t.name for t in threading.enumerate()}
    fd = os.open(str(tmp_path / "f"), os.O_CREAT | os.O_WRONLY)
    server.aof_bio_fsync_status = C_ERR
    bio.bioCreateFsyncJob(fd)
    wait_for(bio.BIO_AOF_FSYNC)
    assert server.aof_bio_fsync_status == C_OK
    bio.bioCreateCloseJob(fd)
    wait_for(bio.BIO_CLOSE_FILE)
    with pytest.raises(OSError):
        os.fstat(fd)
    done = []
    for i in range(5):
        bio.bioCreateLazyFreeJob(done.extend, i)
    wait_for(bio.BIO_LAZY_FREE)
    assert done == [0, 1, 2, 3, 4]


def test_lazyfree_counts(bio_threads):
    d = dictCreate(setDictType)
    for i in range(3000):
        dictAdd(d, b"%d" % i, None)
    o = createObject(OBJ_SET, d)
    o.encoding = OBJ_ENCODING_HT
    freed = lazyfree.lazyfreeGetFreedObjectsCount()
    lazyfree.freeObjAsync(None, o)
    wait_for(bio.BIO_LAZY_FREE)
    assert lazyfree.lazyfreeGetFreedObjectsCount() == freed + 1 and lazyfree.lazyfreeGetPendingObjectsCount() == 0
    assert d.ht[0].table is None and o.ptr is None
