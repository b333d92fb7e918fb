"""zmalloc.py, evict.py, bio.py, lazyfree.py: figures that follow the data, the eviction pool, background jobs."""
import gc
import os
import threading
import time

import pytest

from datastructs.dict import dictAdd, dictCreate, setDictType
from server import bio, link, zmalloc  # noqa: F401
from server.keyspace import evict, lazyfree
from server.object import createObject, createStringObject
from server.server_h import (
    C_ERR, C_OK, LRU_CLOCK_MAX, MAXMEMORY_ALLKEYS_LRU, OBJ_ENCODING_HT, OBJ_SET, robj, server,
)


def test_used_memory_follows_the_data():
    gc.collect()                             # what other tests left must not die while we measure
    zmalloc.zmalloc_init()
    start = zmalloc.zmalloc_used_memory()
    assert abs(start - zmalloc.ZMALLOC_STARTUP_BYTES) < 20000
    data = [(b"key:%d" % i, robj(0, 0, b"value:%d" % i)) for i in range(20000)]
    small = zmalloc.zmalloc_used_memory() - start
    assert 20000 * 150 < small < 20000 * 400
    blob = bytearray(10 << 20)
    assert abs(zmalloc.zmalloc_used_memory() - start - small - (10 << 20)) < 100000
    del blob, data
    assert abs(zmalloc.zmalloc_used_memory() - start) < 200000
    assert zmalloc.zmalloc_get_rss() > 10 << 20 and zmalloc.zmalloc_get_memory_size() > 1 << 28
    assert zmalloc.zmalloc_get_private_dirty(-1) > 0 and zmalloc.zmalloc_get_smap_bytes_by_field("Rss:", os.getpid()) > 0


def test_estimate_learns_the_growth():
    g = zmalloc.gauge()
    zmalloc.note_reading(g, 1000, 0.0)
    for _ in range(2):
        for _ in range(10):
            g.value += g.growth
            g.calls += 1
        zmalloc.note_reading(g, int(g.value) + 100, 0.0)
    assert g.growth > 5 and g.calls == 0


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
    assert evict.estimateObjectIdleTime(o) == 10000
    o.lru = LRU_CLOCK_MAX
    assert evict.estimateObjectIdleTime(o) == 1000 * 1000   # the clock has wrapped around
    monkeypatch.setattr(server, "unixtime", 60 * 100)
    monkeypatch.setattr(server, "lfu_decay_time", 1)
    monkeypatch.setattr(server, "lfu_log_factor", 10)
    o.lru = (97 << 8) | 10
    assert evict.LFUDecrAndReturn(o) == 7
    assert evict.LFULogIncr(255) == 255 and evict.LFULogIncr(5) == 6
    assert sum(evict.LFULogIncr(100) - 100 for _ in range(1000)) < 30


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
