"""lru.py - the clock and the counter behind maxmemory's policies.     Mirrors src/evict.c 70-120, 255-320 (6.2.14)

Lives here   the LRU clock; the LFU counter: robj.lru holds 16 bits of minutes (last decrement) and 8 bits of a
             logarithmic counter.
Called from  createObject [read, command, startup]; lookupKey through updateLFU [command]; serverCron [cron]; evict.py;
             OBJECT IDLETIME and FREQ [command].
State        server.lruclock: the clock as serverCron has last set it.
Departures   none.
"""
import random

from ae.monotonic import mstime
from server.server_h import LRU_CLOCK_MAX, LRU_CLOCK_RESOLUTION, server


# ================================ LRU clock ================================

def getLRUClock():
    return (mstime() // LRU_CLOCK_RESOLUTION) & LRU_CLOCK_MAX


def LRU_CLOCK():
    """Return the clock that serverCron keeps, if that runs often enough for the resolution, or compute it."""
    if 1000 // server.hz <= LRU_CLOCK_RESOLUTION:
        return server.lruclock
    return getLRUClock()


def estimateObjectIdleTime(o):
    """Milliseconds since the last access, at least."""
    lruclock = LRU_CLOCK()
    if lruclock >= o.lru:
        return (lruclock - o.lru) * LRU_CLOCK_RESOLUTION
    return (lruclock + (LRU_CLOCK_MAX - o.lru)) * LRU_CLOCK_RESOLUTION


# =============================== LFU counter ===============================

def LFUGetTimeInMinutes():
    return (server.unixtime // 60) & 65535


def LFUTimeElapsed(ldt):
    """Minutes since `ldt`, which may have wrapped around once."""
    now = LFUGetTimeInMinutes()
    if now >= ldt:
        return now - ldt
    return 65535 - ldt + now


LFU_INIT_VAL = 5


def LFULogIncr(counter):
    """Count an access with a probability that falls as the counter grows; 255 is the end.

    New keys start at LFU_INIT_VAL, so that they get a chance to be used before they are the rarest of all.
    """
    if counter == 255:
        return 255
    baseval = counter - LFU_INIT_VAL
    if baseval < 0:
        baseval = 0
    if random.random() < 1.0 / (baseval * server.lfu_log_factor + 1):
        counter += 1
    return counter


def LFUDecrAndReturn(o):
    """Compute the counter of `o` after its decay, one for each lfu-decay-time minutes; `o` is not changed."""
    ldt = o.lru >> 8
    counter = o.lru & 255
    num_periods = LFUTimeElapsed(ldt) // server.lfu_decay_time if server.lfu_decay_time else 0
    if num_periods:
        counter = 0 if num_periods > counter else counter - num_periods
    return counter
