"""zmalloc_estimate.py - how many bytes are in use, asked before every command.      Mirrors no C file: zmalloc.c counts, we estimate

Lives here   two gauges of the allocators; what may be read when, and what is assumed between two readings; the collector of PyPy.
Called from  zmalloc.py (zmalloc_used_memory, RSS); evict.py [before each command while maxmemory is set]; bio.py [bio].
State        the gauges `small` and `large`; `block_bytes`, the average size of a small block; the zero points of start-up.
Invariant    used = ZMALLOC_STARTUP_BYTES + (small - small at start) * block_bytes + (large - large at start): a fresh server
             reports ZMALLOC_STARTUP_BYTES.
Departures   D-12.  docs/memory.md has the measurements.

Theory of operation
  sys.getallocatedblocks() counts the objects of at most 512 bytes (gauge `small`); mallinfo2() gives the bytes of larger ones
  (gauge `large`), from which the freed chunks in glibc's tcache are subtracted.  The average small block is 60 bytes, and is
  computed again from the RSS whenever the process grows beyond its peak.  On PyPy `large` alone holds what the collector has in use.

  A reading takes 5 us in a fresh server and 0.7 ms at 260 MB, since it visits every pool.  So a gauge pauses for
  GAUGE_PAUSE * cost after a reading, and pauses that were not needed are kept as credit, up to GAUGE_CREDIT seconds.
  A gauge is in one of three states:

    FRESH     next_time has passed.  The next call reads it.  This is the usual state: what people and tests do never uses up
              the credit, so they get exact figures.
    PAUSING   next_time has not come.  Each call adds `growth`, the change per call that was learned from earlier readings.
              The sum of these additions is the guess.
    NEAR      PAUSING, but used + guess is within 1/NEAR of the limit: the pause is NEAR_PAUSE * cost.

  A guess alone evicts no key: confirm_estimate() reads the gauges first where that is cheap, and evict.py otherwise waits for
  the next reading, unless the guess exceeds the limit by 1/NEAR of it.  evict.py reports what it has freed to note_freed().
"""
import ctypes
import gc
import os
import struct
import sys
import time
from operator import mul
from time import perf_counter

#: used_memory of a fresh server: Redis 6.2 starts with about 0.8 MB.
ZMALLOC_STARTUP_BYTES = 1024 * 1024
#: Average small block of a keyspace of short strings: entry 64, robj 80, key 48, value 48.
ZMALLOC_BLOCK_BYTES = 60.0
#: Objects up to this size are small blocks (pymalloc's SMALL_REQUEST_THRESHOLD).
SMALL_BLOCK_MAX = 512
#: Below this many blocks since start-up the RSS is not used for the average size, above CALIBRATE_FULL_BLOCKS only it is used.
#: In between it has a growing weight, so that used_memory does not jump when one more key is written.
CALIBRATE_MIN_BLOCKS = 50000
CALIBRATE_FULL_BLOCKS = 250000
#: A gauge whose reading takes t is read every GAUGE_PAUSE * t on average while a load lasts: 1 % of the time.
GAUGE_PAUSE = 100
#: s: unused pauses that are kept as credit, which allows 20 ms of readings.
GAUGE_CREDIT = 2.0
#: Within 1/NEAR of the limit a gauge may be read every NEAR_PAUSE * t.
NEAR = 256
NEAR_PAUSE = 25
#: s: a reading that takes at most this confirms an estimate before keys are evicted.
CONFIRM_COST = 0.00002
#: The cost is measured at every COST_EVERYth reading: the clock takes half as long as a reading.
COST_EVERY = 8
#: glibc's tcache keeps freed chunks of a thread: some of each size, which mallinfo2() counts as in use.  From glibc 2.30 on it
#: begins with 64 counters of 16 bits, for chunks of 32, 48 ... 1040 bytes, and is the first chunk of the heap.
TCACHE_CHUNK = 0x290 | 1           # the size field of that chunk; the last bit: the previous chunk is in use
TCACHE_COUNT = 7                   # chunks of a size that it keeps
TCACHE_FIRST = 32                  # the first counter that is read: smaller chunks are pymalloc's
TCACHE_SIZES = tuple(32 + 16 * i for i in range(TCACHE_FIRST, 64))
#: After this many calls the estimate includes half of a change in the growth per call.
LEARN_CALLS = 16


class mallinfo2(ctypes.Structure):
    """struct mallinfo2 of glibc >= 2.33."""
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]


class gauge:
    """One figure of an allocator: when it may be read, and how to guess it between two readings."""
    __slots__ = ("zero", "value", "growth", "calls", "next_time", "read_time", "cost", "last_cost", "readings")

    def __init__(self):
        self.zero = 0              # reading at start-up
        self.value = 0             # last reading, less what eviction has freed since
        self.growth = 0.0          # expected change from one call to the next
        self.calls = 0             # calls that asked for an estimate since the last reading
        self.next_time = 0.0       # s, perf_counter(): FRESH from then on; the time since then is the credit
        self.read_time = 0.0       # s, perf_counter(): the last reading
        self.cost = 0.0            # s of CPU that a reading takes; see note_cost
        self.last_cost = 0.0       # s of CPU, the last one measured
        self.readings = 0


small = gauge()                    # blocks of at most 512 bytes, counted
large = gauge()                    # bytes of malloc
block_bytes = ZMALLOC_BLOCK_BYTES  # average size of a small block
tcache = None                      # the counters of the main thread's tcache; see find_tcache
_tcache_counts = struct.Struct("%dH" % len(TCACHE_SIZES)).unpack
rss_zero = 0                       # RSS, malloc arenas and peaks for the calibration
arena_zero = 0
rss_peak = 0
blocks_peak = 0

try:
    _libc = ctypes.PyDLL(None)     # PyDLL keeps the GIL: no thread switch in a call of a microsecond
    _mallinfo2 = _libc.mallinfo2
    _mallinfo2.restype = mallinfo2
    malloc_trim = _libc.malloc_trim
    _malloc, _free = _libc.malloc, _libc.free
    _malloc.restype = ctypes.c_void_p
    _malloc.argtypes = [ctypes.c_size_t]
    _free.argtypes = [ctypes.c_void_p]
    _free.restype = None
except (OSError, AttributeError):
    _mallinfo2 = None              # another libc: objects above 512 bytes appear in the RSS only
    malloc_trim = None
_getallocatedblocks = getattr(sys, "getallocatedblocks", None)
if _getallocatedblocks is None:
    _mallinfo2 = None              # PyPy: its collector is not malloc
#: PyPy: the collector's own figures.  Garbage counts in them until a collection has run.
_gc_get_stats = getattr(gc, "_get_stats", None)
_gc_collect_step = getattr(gc, "collect_step", None)
RECLAIM_PAUSE = 0.0002             # s between two steps of the collector, so that the main thread runs

#: The cost of a reading is CPU time.  A busy machine may take the process off the CPU in the middle of a reading, and a pause
#: that is proportional to such a delay would leave maxmemory without figures.
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


def read_rss():
    """Read the resident set size in bytes -> 0 if it is not known."""
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


def malloc_bytes():
    """Sum up what malloc has given out, in its arenas and in separate mappings."""
    if _mallinfo2 is not None:
        info = _mallinfo2()
        cached = sum(map(mul, _tcache_counts(tcache), TCACHE_SIZES)) if tcache is not None else 0
        return info.uordblks + info.hblkhd - cached
    if _gc_get_stats is not None:
        if garbage.sweeping or garbage.reclaiming:
            return large.value             # PyPy counts the arenas anew while it sweeps: from 0 upwards
        stats = _gc_get_stats(False)
        return stats.total_arena_memory + stats.total_rawmalloced_memory - garbage.noted
    return read_rss() if _getallocatedblocks is None else 0


class garbage:
    """PyPy: what is garbage, and counts as used until the collector has run."""
    noted = 0                      # bytes that eviction has freed since they were last collected
    at_start = 0                   # the part of them from before the current collection began to mark
    sweeping = False               # a major collection is sweeping: the collector's figure is not whole
    reclaiming = False             # reclaim() runs: the same, since collector_step() may come late [bio]
    wanted = False                 # big values were freed on [bio]: a collection is worth it
    next_time = 0.0                # s, perf_counter(): not before


def collector_step(stats):
    """Note what had been freed when a major collection began (PyPy calls this after each of its steps): later garbage stays."""
    if stats.oldstate == stats.STATE_SCANNING:
        garbage.at_start = garbage.noted
    garbage.sweeping = stats.newstate == stats.STATE_SWEEPING


def collector_done(stats):
    """Subtract what the collection has reclaimed.  PyPy calls this after a major collection."""
    garbage.noted -= garbage.at_start
    garbage.at_start = 0


def reclaim_wanted():
    """Ask for a collection, after a big value was freed on [bio]."""
    garbage.wanted = _gc_collect_step is not None


def reclaim_timeout():
    """Compute the seconds until reclaim() is due -> None if nothing is to be collected."""
    return max(0.0, garbage.next_time - perf_counter()) if garbage.wanted else None


def reclaim():
    """Collect garbage in steps between which the main thread runs, then pause for ten times its CPU time.  On [bio], PyPy only.

    It collects twice: the first collection may have begun before the value was freed.
    """
    garbage.wanted = False
    garbage.reclaiming = True
    start = cpu_time()
    try:
        for _ in range(2):
            while not _gc_collect_step().major_is_done:
                time.sleep(RECLAIM_PAUSE)
    finally:
        garbage.reclaiming = False
    garbage.next_time = perf_counter() + 10 * (cpu_time() - start)


def note_cost(g, cost):
    """Take the smaller of the last two costs: an interrupt or a cold cache rarely affects both."""
    g.cost = min(cost, g.last_cost)
    g.last_cost = cost


def note_reading(g, value, now):
    """Store a reading, learn the growth per call from it, and set the time of the next one.

    The weight of what is learned rises with the calls since the last reading: one big object must not change much.
    """
    calls = g.calls
    if calls:
        g.growth = max(0.0, g.growth + ((value - g.value) / calls - g.growth) * calls / (calls + LEARN_CALLS))
        g.calls = 0
    g.value = value
    g.readings += 1
    g.read_time = now
    # Each reading is followed by a pause.  Unused pauses accumulate, up to GAUGE_CREDIT; an extra reading (INFO) delays the
    # next one by at most one pause.
    g.next_time = min(max(g.next_time, now - GAUGE_CREDIT), now) + GAUGE_PAUSE * g.cost


def init_estimate():
    """Take the zero points.  Called once, when the server has loaded its code and has no data yet."""
    global rss_zero, arena_zero, rss_peak, blocks_peak, block_bytes, tcache
    if _gc_get_stats is not None:
        gc.hooks.on_gc_collect_step = collector_step
        gc.hooks.on_gc_collect = collector_done
        gc.collect()
    tcache = find_tcache()
    small.__init__()
    large.__init__()
    now = perf_counter()
    read_small(now)
    read_large(now)
    small.zero = small.value
    large.zero = large.value
    rss_zero = read_rss()
    arena_zero = arena_bytes()
    rss_peak = blocks_peak = 0
    block_bytes = ZMALLOC_BLOCK_BYTES


def find_tcache():
    """Find the counters of this thread's tcache -> a view of them, or None: another malloc, or not where it is expected.

    Without them up to 180 KB of freed chunks would count as in use, and as many bytes in use would not be seen.
    """
    if _mallinfo2 is None:
        return None
    try:
        with open("/proc/self/maps", encoding="ascii", errors="replace") as f:
            heap = next((int(line.partition("-")[0], 16) for line in f if line.rstrip().endswith("[heap]")), 0)
    except OSError:
        return None
    if not heap or ctypes.c_size_t.from_address(heap + ctypes.sizeof(ctypes.c_size_t)).value != TCACHE_CHUNK:
        return None
    counts = (ctypes.c_uint16 * len(TCACHE_SIZES)).from_address(heap + 16 + 2 * TCACHE_FIRST)
    # It is the tcache if what is freed fills it; to look takes a chunk.
    for chunk in [_malloc(size - 8) for size in TCACHE_SIZES for _ in range(TCACHE_COUNT)]:
        _free(chunk)
    return memoryview(counts) if all(n in (TCACHE_COUNT, TCACHE_COUNT - 1) for n in counts) else None


def arena_bytes():
    """Sum up the address space that malloc has obtained from the kernel."""
    if _mallinfo2 is None:
        return 0
    info = _mallinfo2()
    return info.arena + info.hblkhd


def used_bytes():
    """Compute the bytes in use from the last readings, less what eviction has freed since."""
    return max(0, int(ZMALLOC_STARTUP_BYTES + (small.value - small.zero) * block_bytes + large.value - large.zero))


def guessed_bytes():
    """Compute the bytes allocated since the last readings, if each call since then added what earlier ones did."""
    return int(small.growth * small.calls * block_bytes + large.growth * large.calls)


def read_used_memory():
    """Ask the allocators for the bytes in use; a gauge whose reading takes long is only read when it is FRESH or has guessed."""
    now = perf_counter()
    if small.cost < 0.0002 or small.calls or now >= small.next_time:
        read_small(now)
    if large.cost < 0.0002 or large.calls or now >= large.next_time:
        read_large(now)
    return used_bytes()


def surely_below(limit):
    """Check that both gauges are PAUSING and the guess is well below `limit` -> True, or False: not known.  HOT"""
    now = perf_counter()
    if now < small.next_time and now < large.next_time:
        calls = small.calls = small.calls + 1
        used = (small.value + small.growth * calls - small.zero) * block_bytes
        calls = large.calls = large.calls + 1
        used += large.value + large.growth * calls - large.zero + ZMALLOC_STARTUP_BYTES
        return used <= limit - limit // NEAR
    return False


def estimate_used_memory(limit):
    """Estimate before a command -> (bytes in use by the last readings, bytes guessed to have been added since).  HOT

    With FRESH gauges nothing is guessed, and the figure is that of zmalloc_used_memory().
    """
    now = perf_counter()
    near = used_bytes() + guessed_bytes() > limit - limit // NEAR
    for g, read in ((small, read_small), (large, read_large)):
        g.calls += 1
        if now >= g.next_time or near and now >= g.read_time + NEAR_PAUSE * g.cost:
            read(now)
    return used_bytes(), guessed_bytes()


def confirm_estimate():
    """Estimate again before keys are evicted, reading the gauges where that is cheap -> as estimate_used_memory."""
    now = perf_counter()
    for g, read in ((small, read_small), (large, read_large)):
        if g.calls and g.cost <= CONFIRM_COST:
            read(now)
    return used_bytes(), guessed_bytes()


def forget_estimate():
    """Make the gauges FRESH: much was freed just now, and its size is not known."""
    now = perf_counter()
    small.next_time = min(small.next_time, now)
    large.next_time = min(large.next_time, now)


def note_freed(small_bytes, large_bytes):
    """Correct the estimate by what was freed just now -> the sum."""
    if _gc_get_stats is None:
        small.value -= small_bytes / block_bytes
    large.value -= large_bytes
    if _gc_get_stats is not None:
        large.value -= small_bytes
        garbage.noted += small_bytes + large_bytes
    return small_bytes + large_bytes


def calibrate(rss):
    """Set the average block size from the RSS while the process is at its peak, when it has few holes."""
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
