"""zmalloc.py - how much memory the process uses.        Mirrors src/zmalloc.c (6.2.14)

Lives here   zmalloc_used_memory and its cheap form for maxmemory; RSS, smaps, allocator and machine figures.
Called from  INFO, MEMORY [command]; getMaxmemoryState [before each command while maxmemory is set]; serverCron.
State        two gauges (blocks of the interpreter's small-object allocator, bytes of malloc), zero points taken by
             zmalloc_init() at start-up, and the average size of a small block.
Invariant    a fresh server reports ZMALLOC_STARTUP_BYTES; what comes on top is growth since then.
Departures   D: C counts at each allocation; here the allocators are asked.  used = start + blocks * average + malloc:
             sys.getallocatedblocks() counts the objects up to 512 bytes, mallinfo2() gives the bytes of larger ones.
             The average is 60 bytes (measured: keys with short values take 4 blocks, 241 bytes) and is set anew from
             the RSS whenever the process grows beyond its peak.  Cost: 5 us in a fresh server, 0.7 ms at 260 MB (it
             visits every pool).  With maxmemory set they are read before each command as long as that takes no more
             than 1/GAUGE_REST of the time; a denser load is read in steps and guessed in between; evict.py reports
             what it frees.  docs/memory.md has the measurements.
"""
import ctypes
import gc
import os
import sys
import time
from time import perf_counter

ZMALLOC_LIB = "libc"
#: What a fresh server reports: Redis 6.2 starts with about 0.8 MB.
ZMALLOC_STARTUP_BYTES = 1024 * 1024
#: Average small block of a keyspace of short strings: entry 64, robj 80, key 48, value 48.
ZMALLOC_BLOCK_BYTES = 60.0
#: Objects up to this size are small blocks (pymalloc's SMALL_REQUEST_THRESHOLD).
SMALL_BLOCK_MAX = 512
#: Below this many blocks since start-up the RSS says nothing about the average, above CALIBRATE_FULL_BLOCKS all.  In
#: between its word counts by share: used_memory must not jump in the middle because one more key was written.
CALIBRATE_MIN_BLOCKS = 50000
CALIBRATE_FULL_BLOCKS = 250000
#: A gauge whose reading takes t is read every GAUGE_REST * t on average while a load lasts: 1 % of the time.
GAUGE_REST = 100
#: s: rests that a quiet time has saved up.  So long a run of commands, however close they follow each other, is met
#: by readings (20 ms of them); what tests and people do never runs out of it.
GAUGE_SAVED = 2.0
#: Within 1/NEAR of the limit it may be read every NEAR_REST * t, and where keys are to go at once, if t is small.
NEAR = 256
NEAR_REST = 25
CONFIRM_COST = 0.00002             # s
#: The cost of a reading is taken anew at every COST_EVERYth: the clock costs half as much as the reading.
COST_EVERY = 8
#: glibc's cache of a thread: so many freed chunks of each size up to TCACHE_MAX bytes.
TCACHE_COUNT = 7
TCACHE_MAX = 1032
TCACHE_STEP = 16
#: Calls after which half of a change in the growth per call is learned.
LEARN_CALLS = 16


class mallinfo2(ctypes.Structure):
    """struct mallinfo2 of glibc >= 2.33."""
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


class gauge:
    """One allocator figure, when it may be read, and how to guess it between two readings."""
    __slots__ = ("zero", "value", "growth", "calls", "next_time", "read_time", "cost", "last_cost", "readings")

    def __init__(self):
        self.zero = 0              # reading at start-up
        self.value = 0             # last reading, less what eviction has freed since
        self.growth = 0.0          # expected growth from one call to the next
        self.calls = 0             # calls that asked for an estimate since the last reading
        self.next_time = 0.0       # s, perf_counter(): to be read again from then on; in the past = rests saved up
        self.read_time = 0.0       # s, perf_counter(): the last reading
        self.cost = 0.0            # s of CPU, a reading; see note_cost
        self.last_cost = 0.0       # s of CPU, the last one measured
        self.readings = 0


small = gauge()                    # blocks of at most 512 bytes, counted
large = gauge()                    # bytes of malloc
block_bytes = ZMALLOC_BLOCK_BYTES  # average size of a small block
rss_zero = 0                       # RSS, malloc arenas and peaks for the calibration
arena_zero = 0
rss_peak = 0
blocks_peak = 0

try:
    _libc = ctypes.PyDLL(None)     # PyDLL keeps the GIL: no thread switch in a call of a microsecond
    _mallinfo2 = _libc.mallinfo2
    _mallinfo2.restype = mallinfo2
    _malloc_trim = _libc.malloc_trim
    _malloc, _free = _libc.malloc, _libc.free
    _malloc.restype = ctypes.c_void_p
    _malloc.argtypes = [ctypes.c_size_t]
    _free.argtypes = [ctypes.c_void_p]
    _free.restype = None
except (OSError, AttributeError):
    _mallinfo2 = None              # other libc: objects above 512 bytes are seen through the RSS only
    _malloc_trim = None
_getallocatedblocks = getattr(sys, "getallocatedblocks", None)
if _getallocatedblocks is None:
    _mallinfo2 = None              # PyPy: its collector is not malloc
#: PyPy: the collector's own figures.  What has died counts in them until a collection has run.
_gc_get_stats = getattr(gc, "_get_stats", None)
_gc_collect_step = getattr(gc, "collect_step", None)
RECLAIM_REST = 0.0002              # s between two steps of the collector: main goes on

#: What a reading costs is CPU time: on a busy machine the process may be taken off the CPU in the middle of one, and
#: a rest of ten times such a pause would leave maxmemory blind.
cpu_time = getattr(time, "thread_time", time.perf_counter)


def read_small(now):
    """Read the gauge of small blocks; `now` is perf_counter()."""
    if small.readings % COST_EVERY:
        value = _getallocatedblocks() if _getallocatedblocks is not None else 0
    else:
        before = cpu_time()
        value = _getallocatedblocks() if _getallocatedblocks is not None else 0
        note_cost(small, cpu_time() - before)
    note_reading(small, value, now)


def read_large(now):
    """Read the gauge of malloc; `now` is perf_counter()."""
    if large.readings % COST_EVERY:
        value = malloc_bytes()
    else:
        before = cpu_time()
        value = malloc_bytes()
        note_cost(large, cpu_time() - before)
    note_reading(large, value, now)


def malloc_bytes():
    """What malloc has given out, in its arenas and in mappings of their own."""
    if _mallinfo2 is not None:
        info = _mallinfo2()
        return info.uordblks + info.hblkhd
    if _gc_get_stats is not None:
        stats = _gc_get_stats(False)
        return stats.total_arena_memory + stats.total_rawmalloced_memory - garbage.noted
    return zmalloc_get_rss() if _getallocatedblocks is None else 0


class garbage:
    """PyPy: what is dead and counts as used until the collector has run."""
    noted = 0                      # bytes that eviction has freed since they were last collected
    at_start = 0                   # of them, those before the collection that runs has begun to mark
    wanted = False                 # big values were freed on [bio]: a collection pays
    next_time = 0.0                # s, perf_counter(): not before


def zmalloc_collector_step(stats):
    """PyPy calls this after each step of a major collection: what dies after its first one stays until the next (ours)."""
    if stats.oldstate == stats.STATE_SCANNING:
        garbage.at_start = garbage.noted


def zmalloc_collector_done(stats):
    """PyPy calls this after a major collection (ours)."""
    garbage.noted -= garbage.at_start
    garbage.at_start = 0


def zmalloc_reclaim_wanted():
    """A big value was freed on [bio] (ours)."""
    garbage.wanted = _gc_collect_step is not None


def zmalloc_reclaim_timeout():
    """-> seconds until zmalloc_reclaim() is due, None if nothing is to be collected (ours)."""
    return max(0.0, garbage.next_time - perf_counter()) if garbage.wanted else None


def zmalloc_reclaim():
    """Collect what has died, in steps between which main goes on; then rest ten times as long.  On [bio], PyPy only (ours).

    One collection may have begun before the value died, hence the second one.
    """
    garbage.wanted = False
    start = perf_counter()
    for _ in range(2):
        while not _gc_collect_step().major_is_done:
            time.sleep(RECLAIM_REST)
    now = perf_counter()
    garbage.next_time = now + 10 * (now - start)


def note_cost(g, cost):
    """Take the smaller of the last two costs: an interrupt, a cold cache or a stolen CPU hits one of them."""
    g.cost = min(cost, g.last_cost)
    g.last_cost = cost


def note_reading(g, value, now):
    """Take the new value, learn from how far it went since the last one, and set the time of the next reading.

    The more calls there were, the more they say: one big object must not pass for a habit.
    """
    calls = g.calls
    if calls:
        g.growth = max(0.0, g.growth + ((value - g.value) / calls - g.growth) * calls / (calls + LEARN_CALLS))
        g.calls = 0
    g.value = value
    g.readings += 1
    g.read_time = now
    # A rest each reading, counted from when the last one ended, be it in the past: so a quiet time is saved up.  Who
    # reads out of turn (INFO) delays the next turn by one rest at most.
    g.next_time = min(max(g.next_time, now - GAUGE_SAVED), now) + GAUGE_REST * g.cost


def zmalloc_init():
    """Take the zero points.  Called once, when the server has its code loaded and no data yet (ours)."""
    global rss_zero, arena_zero, rss_peak, blocks_peak, block_bytes
    if _gc_get_stats is not None:
        gc.hooks.on_gc_collect_step = zmalloc_collector_step
        gc.hooks.on_gc_collect = zmalloc_collector_done
        gc.collect()
    fill_thread_cache()
    small.__init__()
    large.__init__()
    now = perf_counter()
    read_small(now)
    read_large(now)
    small.zero = small.value
    large.zero = large.value
    rss_zero = zmalloc_get_rss()
    arena_zero = arena_bytes()
    rss_peak = blocks_peak = 0
    block_bytes = ZMALLOC_BLOCK_BYTES


def fill_thread_cache():
    """Have glibc's cache of freed chunks full before the zero point is taken.

    It keeps some of each size, and counts them as in use: without this a buffer that grew through these sizes and is
    freed again would be seen as 30 KB that stay.
    """
    if _mallinfo2 is None:
        return
    chunks = [_malloc(size) for size in range(TCACHE_STEP, TCACHE_MAX + 1, TCACHE_STEP) for _ in range(TCACHE_COUNT)]
    for chunk in chunks:
        _free(chunk)


def arena_bytes():
    """Address space that malloc has got from the kernel."""
    if _mallinfo2 is None:
        return 0
    info = _mallinfo2()
    return info.arena + info.hblkhd


def used_bytes():
    """Bytes in use by the last readings, less what eviction has freed since."""
    return max(0, int(ZMALLOC_STARTUP_BYTES + (small.value - small.zero) * block_bytes + large.value - large.zero))


def guessed_bytes():
    """Bytes that have come since the last readings, if the calls since then were like those before."""
    return int(small.growth * small.calls * block_bytes + large.growth * large.calls)


def zmalloc_used_memory():
    """Bytes in use now, read from the allocators.  Readings that take long are reused as the gauges' rests say."""
    now = perf_counter()
    if small.cost < 0.0002 or small.calls or now >= small.next_time:
        read_small(now)
    if large.cost < 0.0002 or large.calls or now >= large.next_time:
        read_large(now)
    return used_bytes()


def zmalloc_surely_below(limit):
    """True if no reading is due and the guess is well below `limit`: the short way of a dense load (ours).   HOT"""
    now = perf_counter()
    if now < small.next_time and now < large.next_time:
        calls = small.calls = small.calls + 1
        used = (small.value + small.growth * calls - small.zero) * block_bytes
        calls = large.calls = large.calls + 1
        used += large.value + large.growth * calls - large.zero + ZMALLOC_STARTUP_BYTES
        return used <= limit - limit // NEAR
    return False


def zmalloc_estimate_used_memory(limit):
    """(bytes in use by the last readings, bytes guessed to have come since), before every command (ours).   HOT

    Nothing is guessed, and the figure is as true as zmalloc_used_memory(), unless commands have followed each other
    so densely for so long that the saved rests are used up, see GAUGE_SAVED.
    """
    now = perf_counter()
    near = used_bytes() + guessed_bytes() > limit - limit // NEAR
    for g, read in ((small, read_small), (large, read_large)):
        g.calls += 1
        if now >= g.next_time or near and now >= g.read_time + NEAR_REST * g.cost:
            read(now)
    return used_bytes(), guessed_bytes()


def zmalloc_confirm_used_memory():
    """The estimate again, with what was guessed read now where that is cheap: asked before keys are evicted (ours)."""
    now = perf_counter()
    for g, read in ((small, read_small), (large, read_large)):
        if g.calls and g.cost <= CONFIRM_COST:
            read(now)
    return used_bytes(), guessed_bytes()


def zmalloc_forget_estimate():
    """Much was freed just now, and nobody summed it up: the next estimate has to read (ours)."""
    now = perf_counter()
    small.next_time = min(small.next_time, now)
    large.next_time = min(large.next_time, now)


def zmalloc_note_freed(small_bytes, large_bytes):
    """Correct the estimate by what was freed just now; returns the sum (ours; evict.py)."""
    if _gc_get_stats is None:
        small.value -= small_bytes / block_bytes
    large.value -= large_bytes
    if _gc_get_stats is not None:
        large.value -= small_bytes
        garbage.noted += small_bytes + large_bytes
    return small_bytes + large_bytes


def calibrate(rss):
    """Set the average block size from the RSS, when the process is at its peak and so has no holes to speak of."""
    global rss_peak, blocks_peak, block_bytes
    if _getallocatedblocks is None:
        return
    blocks = small.value - small.zero
    if blocks < CALIBRATE_MIN_BLOCKS:
        rss_peak = blocks_peak = 0
        block_bytes = ZMALLOC_BLOCK_BYTES
        return
    if rss <= rss_peak and blocks <= blocks_peak:
        return
    rss_peak = max(rss, rss_peak)
    blocks_peak = max(blocks, blocks_peak)
    average = (rss - rss_zero - (arena_bytes() - arena_zero)) / blocks
    average = min(512.0, max(32.0, average))
    share = min(1.0, (blocks - CALIBRATE_MIN_BLOCKS) / (CALIBRATE_FULL_BLOCKS - CALIBRATE_MIN_BLOCKS))
    block_bytes = ZMALLOC_BLOCK_BYTES + (average - ZMALLOC_BLOCK_BYTES) * share


def zmalloc_get_rss():
    """Resident set size in bytes."""
    try:
        with open("/proc/self/statm", "rb") as f:
            rss = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        try:
            import psutil
            rss = psutil.Process().memory_info().rss
        except ImportError:
            return 0
    return rss


def zmalloc_sample_rss():
    """RSS for serverCron: the same figure, and the occasion to calibrate (ours)."""
    rss = zmalloc_get_rss()
    if rss_zero:
        calibrate(rss)
    return rss


def zmalloc_get_allocator_info():
    """(1, allocated, active, resident).  All 0, as in a libc build of Redis: INFO then falls back to used and RSS."""
    return 1, 0, 0, 0


def set_jemalloc_bg_thread(enable):
    """Nothing: there is no jemalloc."""


def jemalloc_purge():
    """Give free memory back to the kernel; 0 = done.  C: only jemalloc; ours asks glibc."""
    if _malloc_trim is not None:
        _malloc_trim(0)
    return 0


def zmalloc_get_smap_bytes_by_field(field, pid):
    """Sum of a field ("Rss:") over /proc/<pid>/smaps in bytes; pid -1 = this process; 0 if it cannot be read."""
    filename = "/proc/self/smaps" if pid == -1 else "/proc/%d/smaps" % pid
    field = field.encode()
    kb = 0
    try:
        with open(filename, "rb") as f:
            for line in f:
                if line.startswith(field):
                    kb += int(line[len(field):].split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return kb * 1024


def zmalloc_get_private_dirty(pid):
    """Bytes that a forked process no longer shares with its relative: the price of copy-on-write."""
    return zmalloc_get_smap_bytes_by_field("Private_Dirty:", pid)


def zmalloc_get_memory_size():
    """RAM of the machine in bytes, 0 if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def estimated_size(ptr):
    """sys.getsizeof for an interpreter that has none: what CPython would say, near enough (ours)."""
    type_ = type(ptr)
    if type_ is bytes:
        return 33 + len(ptr)
    if type_ is bytearray:
        return 57 + len(ptr)
    if type_ is str:
        return 49 + len(ptr)
    if type_ is int:
        return 24 + 4 * (ptr.bit_length() // 30 + 1)
    if type_ is float:
        return 24
    if type_ is list or type_ is tuple:
        return 56 + 8 * len(ptr)
    if type_ is dict or type_ is set:
        return 64 + 100 * len(ptr)
    slots = getattr(type_, "__slots__", ())
    return 32 + 8 * len(slots)


getsizeof = sys.getsizeof
try:
    getsizeof(b"")
except TypeError:                      # PyPy
    getsizeof = estimated_size


def zmalloc_size(ptr):
    """Bytes an object itself takes, rounded as the allocator does (ours counts the collector's header too)."""
    size = getsizeof(ptr)
    if size <= SMALL_BLOCK_MAX:
        return (size + 15) & ~15
    return (size + 8 + 15) & ~15


zmalloc_usable_size = zmalloc_size
