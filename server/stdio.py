"""stdio.py - the standard streams as a C program has them.            No counterpart: libc's stdio and signal defaults

Lives here   open_standard_streams: descriptors 0, 1, 2 are open, and what cannot be written to them is dropped;
             flush_and_exit, the end of our programs.
Called from  the main functions of aeredis-server, aeredis-check-rdb and aeredis-check-aof [startup].
State        sys.stdin, sys.stdout, sys.stderr.
Invariant    no file of ours gets a descriptor below 3.
Departures   C leaves closed descriptors closed: the next file that it opens becomes its stdout (D-57).
"""
import io
import os
import signal
import sys


class unchecked_writer(io.RawIOBase):
    """A descriptor that is written like printf(3) with its result ignored: errors of a full disk or a closed pipe are dropped."""

    def __init__(self, fd):
        super().__init__()
        self.fd = fd

    def fileno(self):
        return self.fd

    def isatty(self):
        return os.isatty(self.fd)

    def writable(self):
        return True

    def write(self, data):
        data = memoryview(data).cast("B")
        written = 0
        try:
            while written < len(data):
                written += os.write(self.fd, data[written:])
        except OSError:
            pass
        return len(data)


def open_standard_streams():
    """Open /dev/null on each of the descriptors 0-2 that is closed, and make sys.stdin, sys.stdout and sys.stderr streams
    on them that raise nothing when they are written to, whatever the locale.  SIGINT ends the process until the server has
    its own handler."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            fd = os.open(os.devnull, os.O_RDWR)     # the lowest that is free
            os.set_inheritable(fd, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        buffer = io.BufferedWriter(unchecked_writer(fd))
        setattr(sys, name, io.TextIOWrapper(buffer, "utf-8", "surrogateescape", line_buffering=fd == 2 or os.isatty(fd)))
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def flush_and_exit(code):
    """End the process without the interpreter's own clean-up, which would visit every key."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                pass                                # the pipe has no reader any more
    os._exit(code)
