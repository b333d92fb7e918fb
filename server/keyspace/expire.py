"""expire.py - keys with a time to live.                          Mirrors src/expire.c (6.2.14)

Lives here   activeExpireCycle: deleting expired keys that are not accessed; expires set on a writable replica;
             EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL PERSIST TOUCH.
Called from  databasesCron (slow cycle) [cron, hz/s], beforeSleep (fast cycle) [before]; setExpire [command].
Calls out    db.deleteExpiredKeyAndPropagate.
State        _activeExpireCycle_*: where the next cycle goes on; slaveKeysWithExpire; db.expires_cursor, db.avg_ttl;
             server.stat_expired_*.
Invariant    on a replica only keys of slaveKeysWithExpire are expired here; all others are deleted by the master's DEL.
Departures   none.
"""

from ae.monotonic import mstime, ustime
from datastructs.dict import (
    dictType, dictCreate, dictSize, dictSlots, dictFind, dictAddOrFind, dictDelete, dictGetRandomKey,
    dictIsRehashing, DICT_HT_INITIAL_SIZE,
)
from datastructs.util import LLONG_MAX
from server.log import serverAssertWithInfo
from server.server_h import (
    server, shared, C_OK, CRON_DBS_PER_CALL, ACTIVE_EXPIRE_CYCLE_FAST, UNIT_SECONDS, UNIT_MILLISECONDS,
    NOTIFY_GENERIC,
)
from server.object import createStringObject, getLongLongFromObjectOrReply
from server.client.networking import checkClientPauseTimeoutAndReturnIfPaused, rewriteClientCommandVector
from server.client.networking_reply import addReply, addReplyErrorFormat, addReplyLongLong
from server.keyspace.db import (
    LOOKUP_NOTOUCH, dbSyncDelete, deleteExpiredKeyAndPropagate, getExpire, setExpire, removeExpire, lookupKeyRead,
    lookupKeyReadWithFlags, lookupKeyWrite, signalModifiedKey,
)
from server.keyspace.lazyfree import dbAsyncDelete
from server.keyspace.notify import notifyKeyspaceEvent
from server.latency_samples import latencyAddSampleIfNeeded


# ---------------------------------------------------------------------------
# Incremental collection of expired keys.
#
# Keys that are accessed expire when they are looked up; this cycle finds those that are not accessed any more.
# ---------------------------------------------------------------------------

def activeExpireCycleTryExpire(db, de, now):
    """Delete the key of `de`, an entry of db.expires, if it is dead at `now` (ms) -> 1 if it was."""
    if now > de.val:
        deleteExpiredKeyAndPropagate(db, createStringObject(de.key))
        return 1
    return 0


ACTIVE_EXPIRE_CYCLE_KEYS_PER_LOOP = 20      # keys sampled in a db per iteration
ACTIVE_EXPIRE_CYCLE_FAST_DURATION = 1000    # us, of one fast cycle
ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC = 25     # % of the CPU a slow cycle may take
ACTIVE_EXPIRE_CYCLE_ACCEPTABLE_STALE = 10   # % of expired keys among the sampled that is accepted

_activeExpireCycle_current_db = 0       # next db to look at
_activeExpireCycle_timelimit_exit = 0   # 1 = the last cycle ran out of time
_activeExpireCycle_last_fast_cycle = 0  # us, when the last fast cycle started


def activeExpireCycle(type_):
    """Look for dead keys, adaptively: little work while few are found, more while many are.

    Two modes. ACTIVE_EXPIRE_CYCLE_SLOW is the regular one, hz times a second, and takes up to
    ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC of the time. When it stops for lack of time, fast cycles
    (ACTIVE_EXPIRE_CYCLE_FAST, before the loop sleeps) follow: each at most ACTIVE_EXPIRE_CYCLE_FAST_DURATION us, with
    pauses of that length between them, and only while the last cycle ran out of time or the estimate of dead keys
    (server.stat_expired_stale_perc) is too high.

    A cycle walks over some dbs, continuing where the last one ended (current_db; all dbs after a timeout), and in
    each db over buckets of db.expires from expires_cursor on: a loop of samples is repeated for the same db while
    more than the acceptable share of them was dead. Time is checked every 16 loops.

    active-expire-effort (1..10) raises keys per loop, durations and strictness.
    """
    global _activeExpireCycle_current_db, _activeExpireCycle_timelimit_exit, _activeExpireCycle_last_fast_cycle
    effort = server.active_expire_effort - 1      # 0 .. 9
    config_keys_per_loop = ACTIVE_EXPIRE_CYCLE_KEYS_PER_LOOP + ACTIVE_EXPIRE_CYCLE_KEYS_PER_LOOP // 4 * effort
    config_cycle_fast_duration = ACTIVE_EXPIRE_CYCLE_FAST_DURATION + ACTIVE_EXPIRE_CYCLE_FAST_DURATION // 4 * effort
    config_cycle_slow_time_perc = ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC + 2 * effort
    config_cycle_acceptable_stale = ACTIVE_EXPIRE_CYCLE_ACCEPTABLE_STALE - effort

    iteration = 0
    dbs_per_call = CRON_DBS_PER_CALL
    start = ustime()

    # While clients are paused the data set must not change: no key is expired or evicted.
    if checkClientPauseTimeoutAndReturnIfPaused():
        return

    if type_ == ACTIVE_EXPIRE_CYCLE_FAST:
        if (not _activeExpireCycle_timelimit_exit and
                server.stat_expired_stale_perc < config_cycle_acceptable_stale):
            return
        if start < _activeExpireCycle_last_fast_cycle + config_cycle_fast_duration * 2:
            return
        _activeExpireCycle_last_fast_cycle = start

    if dbs_per_call > server.dbnum or _activeExpireCycle_timelimit_exit:
        dbs_per_call = server.dbnum

    timelimit = config_cycle_slow_time_perc * 1000000 // server.hz // 100     # us
    _activeExpireCycle_timelimit_exit = 0
    if timelimit <= 0:
        timelimit = 1
    if type_ == ACTIVE_EXPIRE_CYCLE_FAST:
        timelimit = config_cycle_fast_duration

    total_sampled = 0
    total_expired = 0

    j = 0
    while j < dbs_per_call and _activeExpireCycle_timelimit_exit == 0:
        j += 1
        db = server.db[_activeExpireCycle_current_db % server.dbnum]
        # ORDER: incremented before the work, so that a db that uses up the time does not starve the others.
        _activeExpireCycle_current_db += 1

        while True:
            iteration += 1
            expires = db.expires
            num = dictSize(expires)
            if num == 0:
                db.avg_ttl = 0
                break
            slots = dictSlots(expires)
            now = mstime()

            # If the table is filled less than 1%, sampling is too expensive; the table will be resized soon.
            if slots > DICT_HT_INITIAL_SIZE and num * 100 // slots < 1:
                break

            expired = 0
            sampled = 0
            ttl_sum = 0
            ttl_samples = 0
            if num > config_keys_per_loop:
                num = config_keys_per_loop

            # Walk the buckets directly, whole chains at a time, in both tables of a dict that is rehashing.
            # Empty buckets are cheap, but not free: visit at most 20 buckets per key.
            max_buckets = num * 20
            checked_buckets = 0
            while sampled < num and checked_buckets < max_buckets:
                for table in (0, 1):
                    if table == 1 and not dictIsRehashing(expires):
                        break
                    ht = expires.ht[table]
                    # C: a deletion may finish a rehashing; ht[1] is then empty and ht[0] another table.
                    if not ht.size:
                        continue
                    de = ht.table[db.expires_cursor & ht.sizemask]
                    checked_buckets += 1
                    while de is not None:
                        e = de
                        de = de.next           # read ahead: e may be deleted
                        ttl = e.val - now
                        if activeExpireCycleTryExpire(db, e, now):
                            expired += 1
                        if ttl > 0:
                            ttl_sum += ttl
                            ttl_samples += 1
                        sampled += 1
                db.expires_cursor = (db.expires_cursor + 1) & 0xffffffffffffffff
            total_expired += expired
            total_sampled += sampled

            # Running average for INFO: 98% history, 2% this sample.
            if ttl_samples:
                avg_ttl = ttl_sum // ttl_samples
                if db.avg_ttl == 0:
                    db.avg_ttl = avg_ttl
                db.avg_ttl = (db.avg_ttl // 50) * 49 + avg_ttl // 50

            if iteration & 0xf == 0:
                elapsed = ustime() - start
                if elapsed > timelimit:
                    _activeExpireCycle_timelimit_exit = 1
                    server.stat_expired_time_cap_reached_count += 1
                    break

            if sampled and expired * 100 // sampled <= config_cycle_acceptable_stale:
                break

    elapsed = ustime() - start
    server.stat_expire_cycle_time_used += elapsed
    latencyAddSampleIfNeeded("expire-cycle", elapsed // 1000)

    # Estimate of keys that are expired but still in memory: this cycle has a weight of 5%.
    current_perc = total_expired / total_sampled if total_sampled else 0
    server.stat_expired_stale_perc = current_perc * 0.05 + server.stat_expired_stale_perc * 0.95


# ---------------------------------------------------------------------------
# Expires of keys created in writable slaves
#
# A replica does not expire keys, its master does. But the master does not have a key that a client created on a writable
# replica, so such keys are stored here and expireSlaveKeys() checks them. Best effort: names may collide with
# keys of the master, and db numbers above 63 are not covered (the bitmap has 64 bits).
# ---------------------------------------------------------------------------

slaveKeysWithExpire = None     # dict_: key -> int, bit n = may exist in db n; None until the first such key
_slaveKeysWithExpire_dt = dictType()


def expireSlaveKeys():
    """Try remembered keys in random order, until 3 were found alive, 1 ms has passed, or none is left."""
    if slaveKeysWithExpire is None or dictSize(slaveKeysWithExpire) == 0:
        return

    cycles = 0
    noexpire = 0
    start = mstime()
    while True:
        de = dictGetRandomKey(slaveKeysWithExpire)
        keyname = de.key
        dbids = de.val
        new_dbids = 0

        dbid = 0
        while dbids and dbid < server.dbnum:
            if dbids & 1:
                db = server.db[dbid]
                expire = dictFind(db.expires, keyname)
                expired = 0
                if expire is not None and activeExpireCycleTryExpire(db, expire, start):
                    expired = 1
                # The key is not expired in this db: keep its bit. Otherwise clear it.
                if expire is not None and not expired:
                    noexpire += 1
                    new_dbids |= 1 << dbid
            dbid += 1
            dbids >>= 1

        if new_dbids:
            de.val = new_dbids
        else:
            dictDelete(slaveKeysWithExpire, keyname)

        cycles += 1
        if noexpire > 3:
            break
        if cycles % 64 == 0 and mstime() - start > 1:
            break
        if dictSize(slaveKeysWithExpire) == 0:
            break


def rememberSlaveKeyWithExpire(db, key):
    """A client gave `key` an expire on this writable replica."""
    global slaveKeysWithExpire
    if slaveKeysWithExpire is None:
        slaveKeysWithExpire = dictCreate(_slaveKeysWithExpire_dt)
    if db.id > 63:
        return
    de = dictAddOrFind(slaveKeysWithExpire, key.ptr)
    de.val = (de.val or 0) | 1 << db.id


def getSlaveKeyWithExpireCount():
    if slaveKeysWithExpire is None:
        return 0
    return dictSize(slaveKeysWithExpire)


def flushSlaveKeysWithExpireList():
    """All dbs were flushed: keys of the same names may now come from the master, and are not ours to expire."""
    global slaveKeysWithExpire
    slaveKeysWithExpire = None


def checkAlreadyExpired(when):
    """Tell whether an expire time (ms) is in the past, so that setting it means to delete the key.

    Never on a replica, nor while the AOF is loaded: there the key is kept until an explicit DEL comes.
    """
    return 1 if when <= mstime() and not server.loading and server.masterhost is None else 0


# ---------------------------------------------------------------------------
# Expires Commands
# ---------------------------------------------------------------------------

def expireGenericCommand(c, basetime, unit):
    """EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.  basetime: ms, 0 for the *AT commands; unit: of argv[2]."""
    key, param = c.argv[1], c.argv[2]
    ok, when = getLongLongFromObjectOrReply(c, param)
    if ok != C_OK:
        return

    # Negative times are allowed, overflows are not.
    if unit == UNIT_SECONDS:
        if when > LLONG_MAX // 1000 or when < -(LLONG_MAX // 1000):       # C: LLONG_MIN / 1000, truncated to 0
            addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
            return
        when *= 1000
    if when > LLONG_MAX - basetime:
        addReplyErrorFormat(c, b"invalid expire time in %s", c.cmd.name)
        return
    when += basetime

    if lookupKeyWrite(c.db, key) is None:
        addReply(c, shared.czero)
        return

    if checkAlreadyExpired(when):
        deleted = dbAsyncDelete(c.db, key) if server.lazyfree_lazy_expire else dbSyncDelete(c.db, key)
        serverAssertWithInfo(c, key, deleted)
        server.dirty += 1
        # Propagate a deletion to replicas and AOF, since the time may not be reached on their clock.
        aux = shared.unlink if server.lazyfree_lazy_expire else shared.del_
        rewriteClientCommandVector(c, aux, key)
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", key, c.db.id)
        addReply(c, shared.cone)
    else:
        setExpire(c, c.db, key, when)
        addReply(c, shared.cone)
        signalModifiedKey(c, c.db, key)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"expire", key, c.db.id)
        server.dirty += 1


def expireCommand(c):
    """EXPIRE key seconds -> 1 or 0   [write, fast]"""
    expireGenericCommand(c, mstime(), UNIT_SECONDS)


def expireatCommand(c):
    """EXPIREAT key timestamp -> 1 or 0   [write, fast]"""
    expireGenericCommand(c, 0, UNIT_SECONDS)


def pexpireCommand(c):
    """PEXPIRE key milliseconds -> 1 or 0   [write, fast]"""
    expireGenericCommand(c, mstime(), UNIT_MILLISECONDS)


def pexpireatCommand(c):
    """PEXPIREAT key milliseconds-timestamp -> 1 or 0   [write, fast]"""
    expireGenericCommand(c, 0, UNIT_MILLISECONDS)


def ttlGenericCommand(c, output_ms):
    """-2: no such key; -1: no expire; else the time left."""
    if lookupKeyReadWithFlags(c.db, c.argv[1], LOOKUP_NOTOUCH) is None:
        addReplyLongLong(c, -2)
        return
    ttl = -1
    expire = getExpire(c.db, c.argv[1])
    if expire != -1:
        ttl = expire - mstime()
        if ttl < 0:
            ttl = 0
    if ttl == -1:
        addReplyLongLong(c, -1)
    else:
        addReplyLongLong(c, ttl if output_ms else (ttl + 500) // 1000)


def ttlCommand(c):
    """TTL key -> seconds   [read-only, random, fast]"""
    ttlGenericCommand(c, 0)


def pttlCommand(c):
    """PTTL key -> milliseconds   [read-only, random, fast]"""
    ttlGenericCommand(c, 1)


def persistCommand(c):
    """PERSIST key -> 1 or 0   [write, fast]"""
    key = c.argv[1]
    if lookupKeyWrite(c.db, key) is not None:
        if removeExpire(c.db, key):
            signalModifiedKey(c, c.db, key)
            notifyKeyspaceEvent(NOTIFY_GENERIC, b"persist", key, c.db.id)
            addReply(c, shared.cone)
            server.dirty += 1
        else:
            addReply(c, shared.czero)
    else:
        addReply(c, shared.czero)


def touchCommand(c):
    """TOUCH key [key ...] -> how many exist   [read-only, fast]"""
    touched = 0
    for j in range(1, c.argc):
        if lookupKeyRead(c.db, c.argv[j]) is not None:
            touched += 1
    addReplyLongLong(c, touched)
