"""rio.py - streams for RDB and AOF: memory, file, connection, pipe.        Mirrors src/rio.c, src/rio.h (6.2.14)

Lives here   the `rio` struct, its four targets, rioRead/rioWrite with checksum, the helpers that write the protocol.
Called from  rdb*, aof, cluster_migrate, replication (diskless load) [command, child, startup, read].
Calls out    crc64, connRead, os.
State        none of its own: everything is in the rio.
Rules        rioWrite -> 1 or 0; rioRead -> bytes, or None at an error.  Errors are sticky (RIO_FLAG_*).  errno of the
             failed call stays in r.error.  rioFlush before closing a file or pipe.
Departures   `io` is flattened into the struct: where two targets have a field of one name, they share it.  A file target is
             a Python file with a buffer, as C's FILE has one.
Extend       a new target: four functions and an rioInitWith... that sets them.
"""
import errno
import os

from datastructs.crc64 import crc64
from datastructs.util import to_llong
from server.client.connection import connRead
from server.server_h import PROTO_IOBUF_LEN

RIO_FLAG_READ_ERROR = (1 << 0)
RIO_FLAG_WRITE_ERROR = (1 << 1)

RIO_FILE_BUFFER = 256 * 1024            # bytes, `buffering` of the files that are opened for a rio
RIO_READ_MAX = 16 * 1024 * 1024         # bytes asked of a target at once


class rio:
    """One stream, reading or writing, never both."""
    __slots__ = ("read", "write", "tell", "flush", "update_cksum", "cksum", "flags", "processed_bytes", "max_processing_chunk",
                 "ptr", "pos", "fp", "buffered", "autosync", "conn", "buf", "read_limit", "read_so_far", "fd", "eof", "error")

    def __init__(self):
        self.read = None           # read(r, n) -> n bytes, or None
        self.write = None          # write(r, buf) -> 1 or 0
        self.tell = None           # tell(r) -> position in the stream
        self.flush = None          # flush(r) -> 1 or 0
        self.update_cksum = None   # update_cksum(r, buf), for all data; None = no checksum
        self.cksum = 0             # CRC-64 of the data so far
        self.flags = 0             # RIO_FLAG_*
        self.processed_bytes = 0   # read or written
        self.max_processing_chunk = 0  # bytes passed to the target and to update_cksum at once; 0 = no limit
        # --- In-memory buffer target
        self.ptr = None            # bytes to read from, or bytearray to write to
        self.pos = 0               # also of conn and fd
        # --- File target
        self.fp = None             # binary file with a buffer
        self.buffered = 0          # bytes written since the last fsync
        self.autosync = 0          # fsync every so many bytes; 0 = never
        # --- Connection target
        self.conn = None
        self.buf = b""             # data read but not returned yet; of fd: data not written yet
        self.read_limit = 0        # bytes of the stream that may be read; 0 = no limit
        self.read_so_far = 0       # bytes returned
        # --- FD target
        self.fd = -1
        # --- Ours
        self.eof = 0               # 1 = a file ended before a read was done (C: feof)
        self.error = 0             # errno of the call that set a flag

# ------------------------- Buffer I/O implementation -----------------------


def rioBufferWrite(r, buf):
    r.ptr += buf
    r.pos += len(buf)
    return 1


def rioBufferRead(r, n):
    pos = r.pos
    if len(r.ptr) - pos < n:
        return None                 # not enough for n bytes
    r.pos = pos + n
    return r.ptr[pos:pos + n]


def rioBufferTell(r):
    return r.pos


def rioBufferFlush(r):
    return 1


def rioInitWithBuffer(r, s):
    """Read from `s`, bytes, or append to `s`, a bytearray, which is r.ptr from now on."""
    r.__init__()
    r.read = rioBufferRead
    r.write = rioBufferWrite
    r.tell = rioBufferTell
    r.flush = rioBufferFlush
    r.ptr = s

# --------------------- Stdio file pointer implementation -------------------


def rioFileWrite(r, buf):
    """Write to the file; fsync when autosync bytes have come together."""
    try:
        r.fp.write(buf)
        r.buffered += len(buf)
        if r.autosync and r.buffered >= r.autosync:
            r.fp.flush()
            os.fdatasync(r.fp.fileno())     # redis_fsync
            r.buffered = 0
    except OSError as e:
        r.error = e.errno
        return 0
    return 1


def rioFileRead(r, n):
    """C: fread.  The length may be a lie, so big ones are asked for bit by bit."""
    pieces = []
    left = n
    try:
        while left:
            data = r.fp.read(left if left < RIO_READ_MAX else RIO_READ_MAX)
            if not data:
                r.eof = 1
                return None
            pieces.append(data)
            left -= len(data)
    except OSError as e:
        r.error = e.errno
        return None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def close_after_error(fp):
    """Close a file even if its buffer cannot be written, as fclose does; errors are ignored."""
    try:
        fp.close()
    except OSError:
        pass


def rioFileTell(r):
    return r.fp.tell()


def rioFileFlush(r):
    try:
        r.fp.flush()
    except OSError as e:
        r.error = e.errno
        return 0
    return 1


def rioInitWithFile(r, fp):
    """`fp` is a binary file with a buffer (RIO_FILE_BUFFER)."""
    r.__init__()
    r.read = rioFileRead
    r.write = rioFileWrite
    r.tell = rioFileTell
    r.flush = rioFileFlush
    r.fp = fp

# ------------------- Connection implementation -------------------
# rdbLoadRio reads the RDB of a master from it; it is never written to.


def rioConnWrite(r, buf):
    return 0


def rioConnRead(r, n):
    """Read from the socket, waiting as its receive timeout allows, and never past the limit."""
    pos = r.pos
    avail = len(r.buf) - pos
    if n > avail:
        pieces = [r.buf[pos:]]
        # If the buffer has not enough data, read more.
        while n > avail:
            needs = n - avail
            # Read the missing bytes, or PROTO_IOBUF_LEN if that is larger; but limit this, since the length may be wrong.
            toread = min(max(needs, PROTO_IOBUF_LEN), RIO_READ_MAX)
            if r.read_limit != 0 and r.read_so_far + avail + toread > r.read_limit:
                # Read up to the limit, unless the caller needs more than that.
                if r.read_limit >= r.read_so_far + n:
                    toread = r.read_limit - r.read_so_far - avail
                else:
                    r.error = errno.EOVERFLOW
                    return None
            data = connRead(r.conn, toread)
            if not data:
                if data is None:                # an error, or the receive timeout
                    r.error = r.conn.last_errno or errno.ETIMEDOUT
                return None
            pieces.append(data)
            avail += len(data)
        r.buf = b"".join(pieces)
        pos = 0
    r.pos = pos + n
    r.read_so_far += n
    return r.buf[pos:pos + n]


def rioConnTell(r):
    return r.read_so_far


def rioConnFlush(r):
    return rioConnWrite(r, None)


def rioInitWithConn(r, conn, read_limit):
    """Read a stream of `read_limit` bytes from `conn` (0: the end is not known beforehand)."""
    r.__init__()
    r.read = rioConnRead
    r.write = rioConnWrite
    r.tell = rioConnTell
    r.flush = rioConnFlush
    r.conn = conn
    r.read_limit = read_limit


def rioFreeConn(r):
    """Let go of the connection; return the bytes that were read and not used, or None (C: the out-parameter)."""
    remaining = r.buf[r.pos:]
    r.buf, r.pos, r.conn = b"", 0, None
    return remaining or None

# ------------------- File descriptor implementation ------------------
# The child of a diskless sync writes the RDB into a pipe through it.


def rioFdWrite(r, buf):
    """Write to the (blocking) pipe; None writes out what is kept, which is how rioFdFlush works.

    Small writes are kept until they are worth a system call; big ones are not copied.
    """
    doflush = buf is None
    if not doflush and len(buf) > PROTO_IOBUF_LEN:
        # Write the buffered data first, then the new data without copying them.
        if r.buf:
            if rioFdWrite(r, None) == 0:
                return 0
    else:
        if not doflush:
            r.buf += buf
            if len(r.buf) > PROTO_IOBUF_LEN:
                doflush = 1
            if not doflush:
                return 1
        buf = r.buf

    nwritten = 0
    try:
        with memoryview(buf) as p:
            while nwritten != len(p):
                nwritten += os.write(r.fd, p[nwritten:])
    except OSError as e:
        r.error = errno.ETIMEDOUT if e.errno == errno.EWOULDBLOCK else e.errno
        return 0
    r.pos += nwritten
    r.buf.clear()
    return 1


def rioFdRead(r, n):
    return None


def rioFdTell(r):
    return r.pos


def rioFdFlush(r):
    return rioFdWrite(r, None)


def rioInitWithFd(r, fd):
    r.__init__()
    r.read = rioFdRead
    r.write = rioFdWrite
    r.tell = rioFdTell
    r.flush = rioFdFlush
    r.fd = fd
    r.buf = bytearray()


def rioFreeFd(r):
    r.buf = bytearray()

# ---------------------------- Generic functions ----------------------------


def rioWrite(r, buf):
    """Append `buf` to the stream -> 1, or 0 when it is in error."""
    if r.flags & RIO_FLAG_WRITE_ERROR:
        return 0
    n = len(buf)
    while n:
        bytes_to_write = r.max_processing_chunk if r.max_processing_chunk and r.max_processing_chunk < n else n
        data = buf if bytes_to_write == n else buf[:bytes_to_write]
        if r.update_cksum is not None:
            r.update_cksum(r, data)
        if r.write(r, data) == 0:
            r.flags |= RIO_FLAG_WRITE_ERROR
            return 0
        n -= bytes_to_write
        if n:
            buf = memoryview(buf)[bytes_to_write:]
        r.processed_bytes += bytes_to_write
    return 1


def rioRead(r, n):
    """Return exactly `n` bytes, or None when the stream ends before or is in error."""
    if r.flags & RIO_FLAG_READ_ERROR:
        return None
    pieces = []
    while n:
        bytes_to_read = r.max_processing_chunk if r.max_processing_chunk and r.max_processing_chunk < n else n
        data = r.read(r, bytes_to_read)
        if data is None:
            r.flags |= RIO_FLAG_READ_ERROR
            return None
        if r.update_cksum is not None:
            r.update_cksum(r, data)
        pieces.append(data)
        n -= bytes_to_read
        r.processed_bytes += bytes_to_read
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def rioTell(r):
    return r.tell(r)


def rioFlush(r):
    """Hand everything to the target -> 1 or 0."""
    return r.flush(r)


def rioGetReadError(r):
    return r.flags & RIO_FLAG_READ_ERROR


def rioGetWriteError(r):
    return r.flags & RIO_FLAG_WRITE_ERROR


def rioClearErrors(r):
    r.flags &= ~(RIO_FLAG_READ_ERROR | RIO_FLAG_WRITE_ERROR)


def rioGenericUpdateChecksum(r, buf):
    """Update the checksum of files and memory (update_cksum)."""
    r.cksum = crc64(r.cksum, buf)


def rioSetAutoSync(r, nbytes):
    """fsync a file target every `nbytes`, so that the kernel never has too much to write at once."""
    if r.write is not rioFileWrite:
        return
    r.autosync = nbytes

# --------------------------- Higher level interface --------------------------


def rioWriteBulkCount(r, prefix, count):
    """Write "*<count>\\r\\n" -> bytes written, or 0; `prefix` is b"*" or b"$"."""
    cbuf = b"%b%d\r\n" % (prefix, count)
    if rioWrite(r, cbuf) == 0:
        return 0
    return len(cbuf)


def rioWriteBulkString(r, buf):
    """Write "$<len>\\r\\n<buf>\\r\\n" -> bytes written, or 0."""
    nwritten = rioWriteBulkCount(r, b"$", len(buf))
    if nwritten == 0:
        return 0
    if len(buf) > 0 and rioWrite(r, buf) == 0:
        return 0
    if rioWrite(r, b"\r\n") == 0:
        return 0
    return nwritten + len(buf) + 2


def rioWriteBulkLongLong(r, ll):
    return rioWriteBulkString(r, b"%d" % to_llong(ll))


def rioWriteBulkDouble(r, d):
    return rioWriteBulkString(r, b"%.17g" % d)
