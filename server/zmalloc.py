"""zmalloc.py - how much memory the process uses.        Mirrors src/zmalloc.c (6.2.14)

Lives here   zmalloc_used_memory, RSS, smaps, figures of allocator and machine, sizes of objects.
Called from  INFO, MEMORY [command]; serverCron; whatever sums up the sizes of objects.
Calls out    zmalloc_estimate.py, which asks the allocators.
State        none.
Departures   D-12: C counts at each allocation; here the allocators are asked.
"""
import os
import sys

from server import zmalloc_estimate as estimate
from server.zmalloc_estimate import SMALL_BLOCK_MAX, read_rss

ZMALLOC_LIB = "libc"


def zmalloc_init():
    """Take the zero points of the estimate, when the server has loaded its code and has no data yet."""
    estimate.init_estimate()


def zmalloc_used_memory():
    """Tell the bytes in use."""
    return estimate.read_used_memory()


def zmalloc_get_rss():
    """Read the resident set size in bytes -> 0 if it is not known."""
    return read_rss()


def zmalloc_sample_rss():
    """Read the RSS for serverCron, and calibrate the estimate by it."""
    rss = zmalloc_get_rss()
    if estimate.rss_zero:
        estimate.calibrate(rss)
    return rss


def zmalloc_get_allocator_info():
    """Tell what jemalloc knows -> (1, allocated, active, resident), all 0 as in a libc build of Redis: INFO then shows used and RSS."""
    return 1, 0, 0, 0


def set_jemalloc_bg_thread(enable):
    """Do nothing: there is no jemalloc."""


def jemalloc_purge():
    """Give free memory back to the kernel -> 0.  C: with jemalloc only; ours asks glibc."""
    if estimate.malloc_trim is not None:
        estimate.malloc_trim(0)
    return 0


def zmalloc_get_smap_bytes_by_field(field, pid):
    """Sum up a field ("Rss:") of /proc/<pid>/smaps in bytes, pid -1: of this process -> 0 if it cannot be read."""
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
    """Sum up the bytes that a forked process no longer shares: the price of copy-on-write."""
    return zmalloc_get_smap_bytes_by_field("Private_Dirty:", pid)


def zmalloc_get_memory_size():
    """Tell the RAM of the machine in bytes -> 0 if it is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def estimated_size(ptr):
    """Compute about what sys.getsizeof of CPython says, for an interpreter that has none."""
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
    """Compute the bytes of the object itself, rounded as the allocator does; the collector's header counts, too."""
    size = getsizeof(ptr)
    if size <= SMALL_BLOCK_MAX:
        return (size + 15) & ~15
    return (size + 8 + 15) & ~15


zmalloc_usable_size = zmalloc_size
