"""rio.py - streams for RDB and AOF: memory, file, connection, pipe.        Mirrors src/rio.c, src/rio.h (6.2.14)

Lives here   the `rio` struct, its four targets, rioRead/rioWrite with checksum, the helpers that write the protocol.
Called from  rdb*, aof, cluster_migrate, replication (diskless load) [command, child, startup, read].
Calls out    crc64, connRead, os.
State        none of its own: everything is in the rio.
Rules        rioWrite -> 1 or 0; rioRead -> bytes, or None at an error.  Errors are sticky (RIO_FLAG_*): a writer may go
             on and test rioGetWriteError() once at the end.  errno of the failed call stays in r.error.
             rioFlush before closing a file or pipe: up to RIO_CHUNK bytes wait in r.wbuf.
Departures   C copies and sums every field on its own.  Here a rio collects bytes and passes them on, and sums them, in
             chunks: writers append to r.wbuf, readers cut from r.rbuf at r.rpos.  `update_cksum` is called once a chunk,
             so progress is seen every loading-process-events-interval-bytes, as in C, but never inside a chunk.
             `io` is flattened into the struct.
Extend       a new target: a function for r.fill (reading) or r.drain (writing), and an rioInitWith... that sets it.
"""
import errno
import os

from datastructs.crc64 import crc64
from datastructs.util import to_llong
from server.client.connection import connRead
from server.server_h import PROTO_IOBUF_LEN

RIO_FLAG_READ_ERROR = (1 << 0)
RIO_FLAG_WRITE_ERROR = (1 << 1)

RIO_CHUNK = 256 * 1024                  # bytes collected before the target and the checksum see them
RIO_READ_MAX = 16 * 1024 * 1024         # bytes asked of a target at once
NO_LIMIT = 1 << 62


class rio:
    """One stream, reading or writing, never both."""
    __slots__ = ("fill", "drain", "update_cksum", "cksum", "flags", "processed_bytes", "max_processing_chunk",
                 "fp", "buffered", "autosync", "conn", "read_limit", "fd", "wbuf", "wlimit", "rbuf", "rpos",
                 "cksum_pos", "settled", "fetched", "eof", "error")

    def __init__(self):
        self.fill = None           # fill(r, need, want) -> up to want more bytes, b"" at the end (C: read)
        self.drain = None          # drain(r, data) -> 1 or 0 (C: write)
        self.update_cksum = None   # update_cksum(r, data), once a chunk; None = no checksum
        self.cksum = 0             # CRC-64 of what passed so far
        self.flags = 0             # RIO_FLAG_*
        self.processed_bytes = 0   # written: bytes passed on; read: bytes in front of rbuf.  See rio_processed_bytes
        self.max_processing_chunk = 0  # bytes, largest chunk when reading; 0 = RIO_CHUNK
        # --- File target
        self.fp = None             # unbuffered binary file
        self.buffered = 0          # bytes written since the last fsync
        self.autosync = 0          # fsync every so many bytes; 0 = never
        # --- Connection target
        self.conn = None
        self.read_limit = 0        # bytes of the stream that may be read; 0 = no limit
        # --- Pipe target
        self.fd = -1
        # --- Ours: the collected bytes
        self.wbuf = bytearray()    # written, not passed on; for a memory target the whole result
        self.wlimit = RIO_CHUNK    # bytes in wbuf that make rioWrite pass it on
        self.rbuf = b""            # read from the target
        self.rpos = 0              # first byte of rbuf not given out yet
        self.cksum_pos = 0         # first byte of rbuf not in cksum yet; <= rpos
        self.fetched = 0           # read: bytes taken from the target
        self.settled = 0           # read: bytes that update_cksum has been given
        self.eof = 0               # 1 = a fill came back empty (C: feof)
        self.error = 0             # errno of the call that set a flag

# ------------------------- Buffer I/O implementation -----------------------


def rioInitWithBuffer(r, s):
    """Read from `s`, or write to r.wbuf (start with b"")."""
    r.__init__()
    r.fill = rio_buffer_fill
    r.wlimit = NO_LIMIT
    r.rbuf = s if type(s) is bytes else bytes(s)


def rio_buffer_fill(r, need, want):
    return b""                              # all there is stands in rbuf from the start

# --------------------- Stdio file pointer implementation -------------------


def rioFileWrite(r, data):
    """Write `data` to the file; fsync when autosync bytes have come together."""
    try:
        view = memoryview(data)
        while view:
            view = view[r.fp.write(view):]
        r.buffered += len(data)
        if r.autosync and r.buffered >= r.autosync:
            os.fdatasync(r.fp.fileno())     # C: redis_fsync
            r.buffered = 0
    except OSError as e:
        r.error = e.errno
        return 0
    return 1


def rioFileRead(r, need, want):
    try:
        return r.fp.read(want)
    except OSError as e:
        r.error = e.errno
        return b""


def rioInitWithFile(r, fp):
    """`fp` is a binary file opened with buffering=0: the rio does the buffering."""
    r.__init__()
    r.fill = rioFileRead
    r.drain = rioFileWrite
    r.fp = fp

# ------------------- Connection implementation -------------------


def rioConnRead(r, need, want):
    """Read from the socket, waiting as its receive timeout allows, and never past the limit."""
    want = min(want, 4 * PROTO_IOBUF_LEN)
    if r.read_limit:
        left = r.read_limit - r.fetched
        if need > left:
            r.error = errno.EOVERFLOW
            return b""
        want = min(want, left)
    data = connRead(r.conn, want)
    if data is None:                        # an error, or the receive timeout
        r.error = r.conn.last_errno or errno.ETIMEDOUT
        return b""
    return data


def rioInitWithConn(r, conn, read_limit):
    """Read a stream of `read_limit` bytes from `conn` (0: the end is not known beforehand)."""
    r.__init__()
    r.fill = rioConnRead
    r.conn = conn
    r.read_limit = read_limit


def rioFreeConn(r):
    """Let go of the connection; return the bytes that were read and not used, or None (C: the out-parameter)."""
    rest = r.rbuf[r.rpos:]
    r.rbuf, r.rpos, r.cksum_pos, r.conn = b"", 0, 0, None
    return rest or None

# ------------------- File descriptor implementation ------------------


def rioFdWrite(r, data):
    """Write all of `data` to the (blocking) pipe."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(r.fd, view):]
    except OSError as e:
        r.error = errno.ETIMEDOUT if e.errno == errno.EWOULDBLOCK else e.errno
        return 0
    return 1


def rioInitWithFd(r, fd):
    """Write to `fd`.  Chunks are small, so that the reader of the pipe is kept busy."""
    r.__init__()
    r.drain = rioFdWrite
    r.fd = fd
    r.wlimit = PROTO_IOBUF_LEN


def rioFreeFd(r):
    r.wbuf = bytearray()

# ---------------------------- Generic functions ----------------------------


def rioWrite(r, data):
    """Append `data` to the stream -> 1, or 0 when it is in error."""
    wbuf = r.wbuf
    if len(data) <= RIO_CHUNK or r.wlimit == NO_LIMIT:
        wbuf += data
        if len(wbuf) < r.wlimit:
            return 1
        return rio_write_out(r)
    if rio_write_out(r) == 0:               # big data goes past the buffer, uncopied
        return 0
    view = memoryview(data)
    for start in range(0, len(view), 8 * 1024 * 1024):
        if rio_pass_on(r, view[start:start + 8 * 1024 * 1024]) == 0:
            return 0
    return 1


def rio_write_out(r):
    """Pass the collected bytes on to checksum and target -> 1 or 0 (ours)."""
    wbuf = r.wbuf
    if not wbuf or r.drain is None:
        return 0 if r.flags & RIO_FLAG_WRITE_ERROR else 1
    ok = rio_pass_on(r, wbuf)
    wbuf.clear()
    return ok


def rio_pass_on(r, data):
    if r.flags & RIO_FLAG_WRITE_ERROR:
        return 0
    if r.update_cksum is not None:
        r.update_cksum(r, data)
    if r.drain(r, data) == 0:
        r.flags |= RIO_FLAG_WRITE_ERROR
        return 0
    r.processed_bytes += len(data)
    return 1


def rioRead(r, n):
    """Return exactly `n` bytes, or None when the stream ends before or is in error."""
    pos = r.rpos
    end = pos + n
    if end <= len(r.rbuf):
        r.rpos = end
        return r.rbuf[pos:end]
    if not rio_fill(r, n):
        return None
    pos = r.rpos
    r.rpos = end = pos + n
    return r.rbuf[pos:end] if pos or end != len(r.rbuf) else r.rbuf


def rio_fill(r, n):
    """Make rbuf hold `n` bytes from rpos on -> 1 or 0 (ours).

    The bytes in front of rpos leave the buffer, so they are counted and summed here, piece by piece of at most
    max_processing_chunk bytes: update_cksum is what lets a loading server serve its clients.
    """
    if r.flags & RIO_FLAG_READ_ERROR:
        return 0
    rio_settle(r)
    rest = r.rbuf[r.rpos:]
    r.processed_bytes += r.rpos
    r.rbuf, r.rpos, r.cksum_pos = rest, 0, 0
    have = len(rest)
    if have >= n:
        return 1
    chunk = r.max_processing_chunk or RIO_CHUNK
    if chunk > RIO_CHUNK:
        chunk = RIO_CHUNK
    pieces = [rest] if rest else []
    while have < n:
        # The length may be a lie, so big ones are asked for bit by bit.
        data = r.fill(r, n - have, max(chunk, min(n - have, RIO_READ_MAX)))
        if not data:
            r.eof = 1
            r.flags |= RIO_FLAG_READ_ERROR
            r.rbuf = b"".join(pieces)
            return 0
        pieces.append(data)
        have += len(data)
        r.fetched += len(data)
    r.rbuf = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return 1


def rio_settle(r):
    """Bring cksum up to rpos, calling update_cksum as C does (ours)."""
    if r.update_cksum is None or r.cksum_pos == r.rpos:
        return
    step = r.max_processing_chunk or NO_LIMIT
    start, end = r.cksum_pos, r.rpos
    r.cksum_pos = end                       # ORDER: update_cksum may serve clients, which may look at this rio
    view = memoryview(r.rbuf)
    while start < end:
        piece = view[start:min(start + step, end)]
        r.update_cksum(r, piece)
        r.settled += len(piece)
        start += len(piece)


def rio_processed_bytes(r):
    """Bytes read or written so far (C: r->processed_bytes)."""
    return r.processed_bytes + r.rpos + (len(r.wbuf) if r.drain is not None else 0)


def rioTell(r):
    """Position in the stream, counting from where the rio began."""
    return len(r.wbuf) if r.wlimit == NO_LIMIT and r.wbuf else rio_processed_bytes(r)


def rioFlush(r):
    """Hand everything to the target -> 1 or 0."""
    return rio_write_out(r)


def rioGetReadError(r):
    return r.flags & RIO_FLAG_READ_ERROR


def rioGetWriteError(r):
    return r.flags & RIO_FLAG_WRITE_ERROR


def rioClearErrors(r):
    r.flags &= ~(RIO_FLAG_READ_ERROR | RIO_FLAG_WRITE_ERROR)


def rioGenericUpdateChecksum(r, data):
    """The update_cksum of files and memory."""
    r.cksum = crc64(r.cksum, data)


def rioSetAutoSync(r, nbytes):
    """fsync a file target every `nbytes`, so that the kernel never has too much to write at once."""
    if r.drain is rioFileWrite:
        r.autosync = nbytes

# --------------------------- Higher level interface --------------------------


def rioWriteBulkCount(r, prefix, count):
    """Write "*<count>\\r\\n"; `prefix` is b"*" or b"$"."""
    return rioWrite(r, b"%b%d\r\n" % (prefix, count))


def rioWriteBulkString(r, s):
    """Write "$<len>\\r\\n<s>\\r\\n"."""
    if len(s) > RIO_CHUNK:
        return rioWrite(r, b"$%d\r\n" % len(s)) and rioWrite(r, s) and rioWrite(r, b"\r\n")
    return rioWrite(r, b"$%d\r\n%b\r\n" % (len(s), s))


def rioWriteBulkLongLong(r, n):
    return rioWriteBulkString(r, b"%d" % to_llong(n))


def rioWriteBulkDouble(r, d):
    return rioWriteBulkString(r, b"%.17g" % d)
