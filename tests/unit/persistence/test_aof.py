"""aof: what a command looks like in the file, and how the buffer is written."""
import os

import pytest

from persistence import aof
from server.keyspace.expire import expireCommand, pexpireCommand
from server.object import createStringObject, createObject
from server.server_h import (AOF_FSYNC_EVERYSEC, AOF_FSYNC_NO, AOF_OFF, AOF_ON, C_ERR, C_OK, CHILD_TYPE_NONE, OBJ_ENCODING_INT,
                             OBJ_STRING, server, shared)
from server.types.t_string import setCommand


class cmd:
    def __init__(self, proc):
        self.proc = proc


def argv(*words):
    return [createStringObject(w) for w in words]


@pytest.fixture
def aof_on(monkeypatch, tmp_path):
    for name, value in (("aof_state", AOF_ON), ("aof_buf", bytearray()), ("aof_selected_db", -1), ("aof_fd", -1),
                        ("child_type", CHILD_TYPE_NONE), ("aof_fsync", AOF_FSYNC_NO), ("aof_current_size", 0),
                        ("aof_last_write_status", C_OK), ("unixtime", 1000), ("aof_flush_postponed_start", 0),
                        ("aof_delayed_fsync", 0), ("aof_fsync_offset", 0), ("aof_last_fsync", 1000)):
        monkeypatch.setattr(server, name, value)
    monkeypatch.setattr(aof, "mstime", lambda: 1000000)
    monkeypatch.setattr(shared, "pxat", createStringObject(b"PXAT"))
    monkeypatch.setattr(shared, "pexpireat", createStringObject(b"PEXPIREAT"))
    return tmp_path


def feed(proc, db, *words):
    a = argv(*words)
    aof.feedAppendOnlyFile(cmd(proc), db, a, len(a))


def test_select_only_when_the_database_changes(aof_on):
    feed(None, 0, b"DEL", b"a")
    feed(None, 0, b"DEL", b"")
    feed(None, 12, b"DEL", b"x" * 200)
    assert bytes(server.aof_buf) == (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$0\r\n\r\n"
        b"*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*2\r\n$3\r\nDEL\r\n$200\r\n" + b"x" * 200 + b"\r\n")


def test_integer_objects_and_many_arguments(aof_on):
    server.aof_selected_db = 0
    o = createObject(OBJ_STRING, -17)
    o.encoding = OBJ_ENCODING_INT
    a = argv(b"SADD", b"k") + [o] * 300
    aof.feedAppendOnlyFile(cmd(None), 0, a, len(a))
    assert server.aof_buf == b"*302\r\n$4\r\nSADD\r\n$1\r\nk\r\n" + b"$3\r\n-17\r\n" * 300


@pytest.mark.parametrize("proc,ttl,when", [(expireCommand, b"10", b"1010000"), (pexpireCommand, b"10", b"1000010")])
def test_relative_expires_become_absolute(aof_on, proc, ttl, when):
    server.aof_selected_db = 0
    feed(proc, 0, b"x", b"k", ttl)
    assert server.aof_buf == b"*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$7\r\n" + when + b"\r\n"


def test_set_px_becomes_pxat(aof_on):
    server.aof_selected_db = 0
    feed(setCommand, 0, b"SET", b"k", b"v", b"PX", b"5")
    assert server.aof_buf == b"*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$4\r\nPXAT\r\n$7\r\n1000005\r\n"


def test_off_feeds_nothing(aof_on):
    server.aof_state = AOF_OFF
    feed(None, 0, b"DEL", b"a")
    assert server.aof_buf == b""


def test_flush_writes_and_counts(aof_on):
    fd = os.open(aof_on / "f", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    server.aof_fd = fd
    server.aof_buf = bytearray(b"x" * 5000)
    aof.flushAppendOnlyFile(0)
    assert (aof_on / "f").read_bytes() == b"x" * 5000
    assert server.aof_buf == b"" and server.aof_current_size == 5000
    os.close(fd)


def test_write_error_keeps_the_data_and_recovers(aof_on):
    server.aof_fd = os.open("/dev/full", os.O_WRONLY)
    server.aof_buf = bytearray(b"data")
    aof.flushAppendOnlyFile(0)
    assert server.aof_last_write_status == C_ERR and server.aof_buf == b"data"
    os.close(server.aof_fd)
    server.aof_fd = fd = os.open(aof_on / "f", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    aof.flushAppendOnlyFile(0)
    assert server.aof_last_write_status == C_OK and (aof_on / "f").read_bytes() == b"data"
    os.close(fd)


def test_a_write_waits_two_seconds_for_a_running_fsync(aof_on, monkeypatch):
    monkeypatch.setattr(aof, "aofFsyncInProgress", lambda: True)
    fd = os.open(aof_on / "f", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    server.aof_fd, server.aof_fsync, server.aof_buf = fd, AOF_FSYNC_EVERYSEC, bytearray(b"d")
    for now in (1000, 1001):
        server.unixtime = now
        aof.flushAppendOnlyFile(0)
        assert server.aof_buf == b"d"
    server.unixtime = 1002
    aof.flushAppendOnlyFile(0)
    assert server.aof_buf == b"" and server.aof_delayed_fsync == 1
    os.close(fd)
