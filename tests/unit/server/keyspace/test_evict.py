"""evict.py: idle times, the LFU counter, the pool, and who goes first under each policy."""
import random

import pytest

import server.link  # noqa: F401
from datastructs.dict import dictFind, dictSize
from server import lru
from server.keyspace import evict
from server.keyspace.evict import EVICT_FAIL, EVICT_OK
from server.lru import LFU_INIT_VAL
from server.server_h import (
    C_ERR, C_OK, LRU_CLOCK_MAX, MAXMEMORY_ALLKEYS_LFU, MAXMEMORY_ALLKEYS_LRU, MAXMEMORY_ALLKEYS_RANDOM,
    MAXMEMORY_NO_EVICTION, MAXMEMORY_VOLATILE_LRU, MAXMEMORY_VOLATILE_RANDOM, MAXMEMORY_VOLATILE_TTL, server,
)
from tests.support.inprocess import InProcess

KEYS = 60


@pytest.fixture
def redis(monkeypatch):
    """60 keys; k0 is the least recently and least often used, and dies first; only even ones expire."""
    with InProcess(maxmemory_samples=64, lfu_log_factor=10, lfu_decay_time=1, maxmemory_eviction_tenacity=100) as r:
        evict.evictionPoolAlloc()
        for i in range(KEYS):
            r("SET", "k%d" % i, "v")
            if i % 2 == 0:
                r("PEXPIREAT", "k%d" % i, 4000000000000 + i)
        r.used = 0                                         # bytes; each key frees 100
        monkeypatch.setattr(evict, "getMaxmemoryState", lambda want_level=0: (
            (C_OK, r.used, r.used, 0, 0) if r.used <= server.maxmemory else (C_ERR, r.used, r.used, r.used - server.maxmemory, 0)))

        def note_freed(small, large):
            assert small + large > 0
            r.used -= 100
            return 100
        monkeypatch.setattr(evict, "note_freed", note_freed)
        monkeypatch.setattr(evict, "propagateExpire", lambda *args: None)
        monkeypatch.setattr(server, "maxmemory", 10000)
        yield r


def objects():
    return {i: dictFind(server.db[0].dict, b"k%d" % i).val for i in range(KEYS)}


def gone():
    return {i for i in range(KEYS) if dictFind(server.db[0].dict, b"k%d" % i) is None}


def test_under_the_limit_nobody_goes(redis):
    redis.used = 10000
    assert evict.performEvictions() == EVICT_OK
    assert not gone()


def test_noeviction(redis):
    server.maxmemory_policy = MAXMEMORY_NO_EVICTION
    redis.used = 10001
    assert evict.performEvictions() == EVICT_FAIL
    assert not gone()


@pytest.mark.parametrize("policy,order", [
    (MAXMEMORY_ALLKEYS_LRU, list(range(KEYS))), (MAXMEMORY_VOLATILE_LRU, list(range(0, KEYS, 2))),
    (MAXMEMORY_VOLATILE_TTL, list(range(0, KEYS, 2))), (MAXMEMORY_ALLKEYS_LFU, list(range(KEYS))),
])
def test_who_goes_first(redis, policy, order):
    server.maxmemory_policy = policy
    now = lru.getLRUClock()
    minutes = lru.LFUGetTimeInMinutes()
    for i, o in objects().items():
        o.lru = minutes << 8 | i + 5 if policy == MAXMEMORY_ALLKEYS_LFU else (now - KEYS * 10 + i * 10) & 0xffffff
    redis.used = 11000                                     # ten keys too many
    before = server.stat_evictedkeys
    assert evict.performEvictions() == EVICT_OK
    assert gone() == set(order[:10])                       # the samples are large enough to see all keys
    assert server.stat_evictedkeys - before == 10
    assert dictSize(server.db[0].expires) == KEYS // 2 - len(gone() & set(range(0, KEYS, 2)))


@pytest.mark.parametrize("policy,victims", [(MAXMEMORY_ALLKEYS_RANDOM, range(KEYS)), (MAXMEMORY_VOLATILE_RANDOM, range(0, KEYS, 2))])
def test_random(redis, policy, victims):
    server.maxmemory_policy = policy
    redis.used = 11000
    assert evict.performEvictions() == EVICT_OK
    assert len(gone()) == 10 and gone() <= set(victims)


def test_nothing_left(redis):
    server.maxmemory_policy = MAXMEMORY_VOLATILE_TTL
    redis.used = 100000
    assert evict.performEvictions() == EVICT_FAIL
    assert gone() == set(range(0, KEYS, 2))                # keys without expire stay


@pytest.mark.parametrize("samples", [1, 5, 64])
def test_the_pool_is_sorted(redis, samples):
    server.maxmemory_policy = MAXMEMORY_ALLKEYS_LRU
    server.maxmemory_samples = samples
    random.seed(1)
    now = lru.getLRUClock()
    for i, o in objects().items():
        o.lru = (now - random.randrange(1000)) & 0xffffff
    for _ in range(30):
        evict.evictionPoolPopulate(0, server.db[0].dict, server.db[0].dict, evict.EvictionPoolLRU)
        filled = [e for e in evict.EvictionPoolLRU if e.key is not None]
        assert evict.EvictionPoolLRU[:len(filled)] == filled and len({e.key for e in filled}) <= len(filled)
        assert [e.idle for e in filled] == sorted(e.idle for e in filled)
    best = max(lru.estimateObjectIdleTime(o) for o in objects().values())
    if samples == 64:
        assert filled[-1].idle == best


def test_idle_time_over_the_wrap(redis, monkeypatch):
    o = objects()[0]
    for clock, at, seconds in ((100, 90, 10), (5, LRU_CLOCK_MAX - 5, 10), (7, 7, 0)):
        monkeypatch.setattr(lru, "LRU_CLOCK", lambda clock=clock: clock)
        o.lru = at
        assert lru.estimateObjectIdleTime(o) == seconds * 1000


def test_lfu_counter(redis):
    random.seed(2)
    counters = []
    counter = LFU_INIT_VAL
    for n in range(1, 10001):
        counter = lru.LFULogIncr(counter)
        if n in (10, 100, 1000, 10000):
            counters.append(counter)
    assert 5 <= counters[0] < 9 < counters[1] < 14 < counters[2] < 26 < counters[3] < 80      # the table in redis.conf: 10 after 100, 18 after 1000
    assert lru.LFULogIncr(255) == 255
    assert lru.LFULogIncr(0) == 1                        # below the start value every access counts


def test_lfu_decay(redis):
    o = objects()[0]
    server.unixtime = 100 * 60
    for ldt, counter, want in ((100, 50, 50), (90, 50, 40), (20, 50, 0), (65500, 200, 200 - 135)):
        o.lru = ldt << 8 | counter
        assert lru.LFUDecrAndReturn(o) == want
    server.lfu_decay_time = 0
    o.lru = 20 << 8 | 50
    assert lru.LFUDecrAndReturn(o) == 50


def test_time_limit(redis):
    def limit(tenacity):
        server.maxmemory_eviction_tenacity = tenacity
        return evict.evictionTimeLimitUs()
    assert limit(0) == 0 and limit(10) == 500 and limit(5) == 250
    assert 500 < limit(11) < 600 and limit(99) > 100 * 1000 and limit(100) > 1 << 40
