"""syncio.py - reading and writing that waits.      Mirrors src/syncio.c (6.2.14)

Lives here   syncWrite, syncRead, syncReadLine: blocking I/O with a deadline on a non-blocking descriptor.
Called from  the replica's handshake with its master [cron]; MIGRATE [command]; through connection.py.
Departures   results instead of buffers; on error None or -1, and sync_errno() has C's errno.
"""
import errno
import os

from ae.ae import AE_READABLE, AE_WRITABLE, aeWait
from ae.monotonic import mstime

SYNCIO__RESOLUTION = 10        # ms: waits are never shorter

_errno = 0


def sync_errno():
    """errno of the last call here that failed; ETIMEDOUT for a missed deadline, 0 for an early end of file."""
    return _errno


def _fail(code):
    global _errno
    _errno = code


def syncWrite(fd, data, timeout):
    """Write all of `data` within `timeout` ms -> len(data), or -1 (some of it may have been written)."""
    start = mstime()
    remaining = timeout
    view = memoryview(data)
    while True:
        # First try: at worst it says that it would block.
        try:
            view = view[os.write(fd, view):]
        except BlockingIOError:
            pass
        except OSError as e:
            _fail(e.errno)
            return -1
        if not view:
            return len(data)
        aeWait(fd, AE_WRITABLE, max(remaining, SYNCIO__RESOLUTION))
        elapsed = mstime() - start
        if elapsed >= timeout:
            _fail(errno.ETIMEDOUT)
            return -1
        remaining = timeout - elapsed


def syncRead(fd, size, timeout):
    """Read exactly `size` bytes within `timeout` ms -> bytes, or None."""
    start = mstime()
    remaining = timeout
    parts = []
    while size:
        try:
            data = os.read(fd, size)
            if not data:
                _fail(0)
                return None
            parts.append(data)
            size -= len(data)
        except BlockingIOError:
            pass
        except OSError as e:
            _fail(e.errno)
            return None
        if not size:
            break
        aeWait(fd, AE_READABLE, max(remaining, SYNCIO__RESOLUTION))
        elapsed = mstime() - start
        if elapsed >= timeout:
            _fail(errno.ETIMEDOUT)
            return None
        remaining = timeout - elapsed
    return b"".join(parts)


def syncReadLine(fd, size, timeout):
    """Read a line of less than `size` bytes, each byte within `timeout` ms -> bytes without its \\r\\n, or None.

    Byte by byte, as in C: the data after the line must stay in the socket.
    """
    line = bytearray()
    while len(line) < size - 1:
        c = syncRead(fd, 1, timeout)
        if c is None:
            return None
        if c == b"\n":
            if line.endswith(b"\r"):
                del line[-1]
            break
        line += c
    return bytes(line)
