"""OBJECT and MEMORY: encodings, shared integers, idle times and frequencies."""
import pytest

import server.link  # noqa: F401
from datastructs.dict import dictFind
from server.server_h import MAXMEMORY_ALLKEYS_LFU, MAXMEMORY_ALLKEYS_LRU, server
from tests.support.inprocess import InProcess


@pytest.fixture
def redis():
    with InProcess() as r:
        yield r


@pytest.mark.parametrize("commands,encoding", [
    ("SET k 12", "int"), ("SET k 9223372036854775808", "embstr"), ("SET k 012", "embstr"), ("SET k " + "x" * 44, "embstr"),
    ("SET k " + "x" * 45, "raw"), ("SET k x;APPEND k y", "raw"), ("SET k 1;INCR k", "int"), ("RPUSH k 1", "quicklist"),
    ("SADD k 1 2", "intset"), ("SADD k 1 a", "hashtable"), ("HSET k f 1", "ziplist"), ("HSET k f " + "x" * 64, "ziplist"),
    ("HSET k f " + "x" * 65, "hashtable"), ("ZADD k 1 a", "ziplist"), ("ZADD k 1 " + "x" * 65, "skiplist"), ("XADD k 1-1 f v", "stream"),
    ("PFADD k a", "raw"),
])
def test_encoding(redis, commands, encoding):
    for line in commands.split(";"):
        redis(*line.split())
    assert redis.encoding("k") == encoding


def test_shared_integers(redis):
    redis("SET", "a", 9999)
    redis("SET", "b", 10000)
    redis("SET", "c", "word")
    assert redis("OBJECT", "REFCOUNT", "a") == 2147483647
    assert redis("OBJECT", "REFCOUNT", "b") == redis("OBJECT", "REFCOUNT", "c") == 1
    server.maxmemory, server.maxmemory_policy = 1 << 40, MAXMEMORY_ALLKEYS_LRU
    redis("SET", "a", 9999)
    assert redis("OBJECT", "REFCOUNT", "a") == 1            # each key needs an age of its own


def test_missing_keys_and_policies(redis):
    assert redis("OBJECT", "ENCODING", "nokey") is None
    redis("SET", "k", "v")
    assert redis("OBJECT", "FREQ", "k").text.startswith("ERR An LFU maxmemory policy is not selected")
    assert redis("OBJECT", "IDLETIME", "k") == 0
    server.maxmemory_policy = MAXMEMORY_ALLKEYS_LFU
    redis("SET", "k", "v")
    assert 0 <= redis("OBJECT", "FREQ", "k") <= 255
    assert redis("OBJECT", "IDLETIME", "k").text.startswith("ERR An LFU maxmemory policy is selected")


def test_asking_does_not_count_as_use(redis):
    """OBJECT and MEMORY look without touching; OBJECT alone counts a hit."""
    redis("SET", "k", "v")
    hits = server.stat_keyspace_hits
    o = dictFind(redis.c.db.dict, b"k").val
    o.lru = 12345
    redis("OBJECT", "ENCODING", "k")
    redis("MEMORY", "USAGE", "k")
    assert o.lru == 12345 and server.stat_keyspace_hits == hits + 1
    redis("GET", "k")
    assert o.lru != 12345 and server.stat_keyspace_hits == hits + 2


def test_memory_usage_grows(redis):
    redis("SET", "a", "x")
    redis("SET", "b", "x" * 10000)
    small, big = redis("MEMORY", "USAGE", "a"), redis("MEMORY", "USAGE", "b")
    assert 0 < small < 500 and big >= small + 9900
    redis("RPUSH", "l", *["x" * 100] * 200)
    assert redis("MEMORY", "USAGE", "l", "SAMPLES", 0) > 20000
    assert redis("MEMORY", "USAGE", "nokey") is None
    assert redis("MEMORY", "USAGE", "l", "SAMPLES", -1).text == "ERR syntax error"
