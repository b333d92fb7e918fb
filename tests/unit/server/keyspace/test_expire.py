"""The expire cycles, with a clock that stands still and deletions that are only noted."""
import pytest

from datastructs.dict import dictAddRaw, dictCreate, dictDelete, dictSize, dictType
from server.keyspace import expire
from server.server_h import ACTIVE_EXPIRE_CYCLE_FAST, ACTIVE_EXPIRE_CYCLE_SLOW, redisDb, server

NOW = 1000000


@pytest.fixture
def cycle(monkeypatch):
    """A server of three dbs; returns a function that adds expires, and one that runs a cycle and tells who died."""
    dbs = []
    for id_ in range(3):
        d = redisDb()
        d.id = id_
        d.dict = dictCreate(dictType())
        d.expires = dictCreate(dictType())
        dbs.append(d)
    clock = {"us": NOW * 1000, "step": 0}
    died = []

    def ustime():
        clock["us"] += clock["step"]
        return clock["us"]

    def delete(db, keyobj):
        dictDelete(db.expires, keyobj.ptr)
        died.append((db.id, keyobj.ptr))

    monkeypatch.setattr(expire, "ustime", ustime)
    monkeypatch.setattr(expire, "mstime", lambda: NOW)
    monkeypatch.setattr(expire, "checkClientPauseTimeoutAndReturnIfPaused", lambda: 0)
    monkeypatch.setattr(expire, "deleteExpiredKeyAndPropagate", delete)
    for name, value in (("db", dbs), ("dbnum", 3), ("hz", 10), ("active_expire_effort", 1), ("latency_monitor_threshold", 0),
                        ("stat_expired_stale_perc", 0.0), ("stat_expire_cycle_time_used", 0),
                        ("stat_expired_time_cap_reached_count", 0), ("masterhost", None), ("loading", 0)):
        monkeypatch.setattr(server, name, value)
    for name in ("current_db", "timelimit_exit", "last_fast_cycle"):
        monkeypatch.setattr(expire, "_activeExpireCycle_" + name, 0)

    def add(dbid, n, when, prefix=b"k"):
        for i in range(n):
            dictAddRaw(dbs[dbid].expires, b"%s%d" % (prefix, i))[0].val = when

    def run(type_=ACTIVE_EXPIRE_CYCLE_SLOW):
        del died[:]
        expire.activeExpireCycle(type_)
        return len(died)

    run.clock = clock
    return add, run, dbs


def test_all_dead_keys_of_all_dbs_go(cycle):
    add, run, dbs = cycle
    for dbid in range(3):
        add(dbid, 100, NOW - 1)
    assert run() == 300
    assert [dictSize(d.expires) for d in dbs] == [0, 0, 0]
    assert server.stat_expired_stale_perc == pytest.approx(0.05)


def test_living_keys_stay_and_give_the_average(cycle):
    add, run, dbs = cycle
    add(0, 10, NOW + 5000)
    add(1, 10, NOW)                 # not later than now: alive until the next millisecond
    assert run() == 0
    assert dbs[0].avg_ttl == 5000 and dbs[1].avg_ttl == 0


def test_few_dead_keys_are_left_for_later(cycle):
    add, run, dbs = cycle
    add(0, 1000, NOW + 5000)
    add(0, 20, NOW - 1, b"dead")
    assert run() < 20               # under 10% of a sample: the db is good enough
    for _ in range(200):
        run()
    assert dictSize(dbs[0].expires) == 1000


def test_time_limit_then_fast_cycles(cycle):
    add, run, dbs = cycle
    add(0, 5000, NOW - 1)
    assert run(ACTIVE_EXPIRE_CYCLE_FAST) == 0       # nothing asks for a fast cycle yet
    run.clock["step"] = 30000                       # every look at the clock takes longer than the 25 ms of a slow cycle
    first = run()
    assert 0 < first < 5000
    assert server.stat_expired_time_cap_reached_count == 1
    assert run(ACTIVE_EXPIRE_CYCLE_FAST) > 0        # db 1 and 2 come next, then db 0 again
    run.clock.update(step=0, us=expire._activeExpireCycle_last_fast_cycle + 1999)
    assert run(ACTIVE_EXPIRE_CYCLE_FAST) == 0       # not twice within 2 ms


def test_rehashing_table_is_seen_whole(cycle):
    add, run, dbs = cycle
    add(0, 65, NOW - 1)                             # 65 entries: the table of 64 is being rehashed
    assert dbs[0].expires.rehashidx != -1
    assert run() == 65


def test_keys_of_a_writable_replica(cycle, monkeypatch):
    add, run, dbs = cycle
    expire.flushSlaveKeysWithExpireList()
    for dbid, when in ((0, NOW - 1), (1, NOW + 5000)):
        add(dbid, 1, when)
        expire.rememberSlaveKeyWithExpire(dbs[dbid], expire.createStringObject(b"k0"))
    assert expire.getSlaveKeyWithExpireCount() == 1
    expire.expireSlaveKeys()
    assert [dictSize(d.expires) for d in dbs] == [0, 1, 0]
    assert expire.getSlaveKeyWithExpireCount() == 1         # still alive in db 1
    dictDelete(dbs[1].expires, b"k0")
    expire.expireSlaveKeys()
    assert expire.getSlaveKeyWithExpireCount() == 0
    expire.flushSlaveKeysWithExpireList()


def test_already_expired(cycle, monkeypatch):
    assert expire.checkAlreadyExpired(NOW) == 1
    assert expire.checkAlreadyExpired(NOW + 1) == 0
    monkeypatch.setattr(server, "masterhost", "127.0.0.1")
    assert expire.checkAlreadyExpired(0) == 0
