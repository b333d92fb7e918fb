"""rio: what passes through each of the targets arrives whole, is summed, and errors stick."""
import errno
import io
import os
import threading

import pytest
from hypothesis import given, settings, strategies as st

from datastructs.crc64 import crc64
from persistence import rio as rio_module
from persistence.rio import (
    close_after_error, rio, rioFlush, rioFreeConn, rioGenericUpdateChecksum, rioGetReadError, rioGetWriteError, rioInitWithBuffer,
    rioInitWithConn, rioInitWithFd, rioInitWithFile, rioRead, rioSetAutoSync, rioTell, rioWrite, rioWriteBulkCount,
    rioWriteBulkDouble, rioWriteBulkLongLong, rioWriteBulkString)


def buffer_rio(data=None):
    r = rio()
    rioInitWithBuffer(r, data if data is not None else bytearray())
    return r


def test_buffer_read_and_sticky_error():
    r = buffer_rio(b"abcdef")
    assert rioRead(r, 0) == b""
    assert rioRead(r, 4) == b"abcd"
    assert r.processed_bytes == 4
    assert rioRead(r, 3) is None
    assert rioGetReadError(r)


def test_buffer_write():
    r = buffer_rio()
    big = os.urandom(600000)
    assert rioWrite(r, b"x") and rioWrite(r, big)
    assert r.ptr == b"x" + big


class partial_file(io.RawIOBase):
    """A file that takes only a part at a time, and has room for `room` bytes."""

    def __init__(self, room=1 << 30):
        super().__init__()
        self.got = b""
        self.room = room

    def writable(self):
        return True

    def write(self, b):
        b = bytes(b)[:1000][:self.room - len(self.got)]
        if not b:
            raise OSError(errno.ENOSPC, "no space")
        self.got += b
        return len(b)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=20), st.sampled_from([0, 1, 7, 1000]), st.sampled_from([16, 4096]))
def test_file_write_sum(pieces, chunk, buffering):
    r = rio()
    raw = partial_file()
    fp = io.BufferedWriter(raw, buffering)
    rioInitWithFile(r, fp)
    r.max_processing_chunk = chunk
    r.update_cksum = rioGenericUpdateChecksum
    for p in pieces:
        assert rioWrite(r, p) == 1
    assert rioFlush(r) == 1
    assert raw.got == b"".join(pieces)
    assert r.cksum == crc64(0, b"".join(pieces))
    assert r.processed_bytes == r.buffered == len(b"".join(pieces))


def test_file_write_error_is_sticky():
    r = rio()
    fp = io.BufferedWriter(partial_file(room=5000), 1000)
    rioInitWithFile(r, fp)
    results = [rioWrite(r, b"x" * 700) for _ in range(20)]
    assert results[0] == 1 and results[-1] == 0 and results == sorted(results, reverse=True)
    assert rioGetWriteError(r) and r.error == errno.ENOSPC
    assert rioFlush(r) == 0
    close_after_error(fp)


def test_file_autosync(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    with open(str(tmp_path / "f"), "wb", buffering=1 << 20) as fp:
        r = rio()
        rioInitWithFile(r, fp)
        rioSetAutoSync(r, 1000)
        for _ in range(5):
            assert rioWrite(r, b"x" * 600)
    assert synced == [1200, 2400]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5000), st.lists(st.integers(0, 900), max_size=30), st.sampled_from([0, 1, 64, 1000]),
       st.sampled_from([16, 256 * 1024]))
def test_file_read_sum(data, sizes, step, buffering):
    r = rio()
    rioInitWithFile(r, io.BufferedReader(io.BytesIO(data), buffering))
    r.max_processing_chunk = step
    r.update_cksum = rioGenericUpdateChecksum
    pos = 0
    for n in sizes:
        got = rioRead(r, n)
        if pos + n > len(data):
            assert got is None and rioGetReadError(r) and r.eof
            return
        assert got == data[pos:pos + n]
        pos += n
        assert rioTell(r) == r.processed_bytes == pos
    assert r.cksum == crc64(0, data[:pos])


def test_progress_is_called_in_steps():
    seen = []
    r = rio()
    rioInitWithFile(r, io.BytesIO(bytes(10000)))
    r.max_processing_chunk = 1024
    r.update_cksum = lambda r_, d: seen.append(len(d))
    assert len(rioRead(r, 9000)) == 9000
    assert sum(seen) == 9000 and max(seen) <= 1024


def test_a_lying_length_does_not_ask_for_the_memory():
    r = rio()
    rioInitWithFile(r, io.BytesIO(b"short"))
    assert rioRead(r, 1 << 50) is None


def test_fd_write_error():
    rfd, wfd = os.pipe()
    os.close(rfd)
    r = rio()
    rioInitWithFd(r, wfd)
    assert rioWrite(r, b"x" * 20000) == 0
    assert rioGetWriteError(r)
    os.close(wfd)


def test_fd_write():
    rfd, wfd = os.pipe()
    got = []
    t = threading.Thread(target=lambda: got.append(os.fdopen(rfd, "rb").read()))
    t.start()
    r = rio()
    rioInitWithFd(r, wfd)
    data = os.urandom(700000)
    assert rioWrite(r, b"head") and rioWrite(r, data) and rioWrite(r, b"tail") and rioFlush(r)
    os.close(wfd)
    t.join()
    assert got[0] == b"head" + data + b"tail"


class fakeconn:
    def __init__(self, chunks):
        self.chunks = list(chunks)
        self.last_errno = 0
        self.state = 0


@pytest.fixture
def conn_reads(monkeypatch):
    monkeypatch.setattr(rio_module, "connRead", lambda conn, n: conn.chunks.pop(0) if conn.chunks else b"")


def test_conn_read_and_rest(conn_reads):
    r = rio()
    rioInitWithConn(r, fakeconn([b"ab", b"cd", b"efgh"]), 0)
    assert rioRead(r, 5) == b"abcde"
    assert rioFreeConn(r) == b"fgh"


def test_conn_limit(conn_reads):
    r = rio()
    rioInitWithConn(r, fakeconn([b"abcd"]), 4)
    assert rioRead(r, 4) == b"abcd"
    assert rioRead(r, 1) is None


def test_conn_timeout_is_an_error(conn_reads):
    r = rio()
    rioInitWithConn(r, fakeconn([b"ab", None]), 0)
    assert rioRead(r, 3) is None
    assert rioGetReadError(r) and r.error


def test_protocol_helpers():
    r = buffer_rio()
    rioWriteBulkCount(r, b"*", 3)
    rioWriteBulkString(r, b"a\r\nb")
    rioWriteBulkLongLong(r, -5)
    rioWriteBulkDouble(r, 0.1)
    assert r.ptr == b"*3\r\n$4\r\na\r\nb\r\n$2\r\n-5\r\n$19\r\n0.10000000000000001\r\n"
