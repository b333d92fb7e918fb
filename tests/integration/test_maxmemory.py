"""maxmemory means memory: under a write load of mixed types the process stays within its bounds.

AEREDIS_MAXMEMORY_MB (default 16) and AEREDIS_MAXMEMORY_SECONDS (default 4) make it longer.
"""
import os
import random
import time

import pytest

from tests.support.server import start_server

MB = 1024 * 1024
LIMIT = int(os.environ.get("AEREDIS_MAXMEMORY_MB", "16"))
SECONDS = float(os.environ.get("AEREDIS_MAXMEMORY_SECONDS", "4"))


def rss(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def write_some(pipe, rng):
    """A few writes of every type; the collections stay small, so that eviction has many keys to choose from."""
    k = b"%d" % rng.randrange(10 ** 9)
    pipe.set(b"s" + k, rng.randbytes(rng.choice((8, 40, 300, 2000))))
    pipe.rpush(b"l" + k, *(rng.randbytes(20) for _ in range(10)))
    pipe.hset(b"h" + k, mapping={b"f%d" % i: rng.randbytes(20) for i in range(10)})
    pipe.sadd(b"t" + k, *(rng.randbytes(12) for _ in range(10)))
    pipe.zadd(b"z" + k, {rng.randbytes(12): rng.random() for _ in range(10)})
    pipe.xadd(b"x" + k, {b"f": rng.randbytes(30)})


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_mixed_writes_stay_within_maxmemory(policy):
    rng = random.Random(1)
    with start_server() as s:
        r = s.client()
        r.config_set("maxmemory", "%dmb" % LIMIT)
        r.config_set("maxmemory-policy", policy)
        start, used_at_start = rss(s.pid), r.info("memory")["used_memory"]
        began = time.monotonic()
        peak = evicted = 0
        # As long as asked, and in any case until eviction has been at work for a while.
        while time.monotonic() < began + SECONDS or (evicted < 1000 and time.monotonic() < began + 60):
            with r.pipeline(transaction=False) as pipe:
                for _ in range(50):
                    write_some(pipe, rng)
                pipe.execute()
            peak = max(peak, rss(s.pid) - start)
            evicted = r.info("stats")["evicted_keys"]
        info = r.info()
        growth = rss(s.pid) - start
        assert info["evicted_keys"] > 0, "the load never reached maxmemory"
        assert peak <= 1.3 * LIMIT * MB, "RSS grew by %.1f MB" % (peak / MB)
        # Growth beside growth: with a small limit what a fresh server holds would count too much.
        used = info["used_memory"] - used_at_start
        assert abs(used - growth) <= 0.2 * growth, (used / MB, growth / MB)
