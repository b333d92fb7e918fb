"""Sums that do not fit into C's types, sent to a live server: they wrap as in C, and whatever is stored can be saved."""
import os
import signal
import time

import pytest

from tests.support.resp import RespError
from tests.support.server import start_server

LLONG_MAX = (1 << 63) - 1
ULLONG_MAX = (1 << 64) - 1


def wait_for_children(c):
    """Wait until no BGSAVE and no AOF rewrite runs."""
    for _ in range(500):
        info = c.execute("INFO", "persistence")
        if b"rdb_bgsave_in_progress:0" in info and b"aof_rewrite_in_progress:0" in info:
            return info
        time.sleep(0.02)
    raise AssertionError("a child still runs")


def test_expires_at_the_end_of_time():
    """A sum that wraps is in the past, so the key is gone; the last moment of all is kept, saved and loaded."""
    with start_server("--appendonly", "yes", conf={"save": "3600 1"}) as s:
        with s.resp() as c:
            c.execute("SET", "a", "1")
            payload = c.execute("DUMP", "a")
            assert c.execute("RESTORE", "r", LLONG_MAX, payload) == b"OK"
            assert c.execute("EXISTS", "r") == 0
            assert c.execute("RESTORE", "r", LLONG_MAX, payload, "ABSTTL") == b"OK"
            assert c.execute("RESTORE", "idle", 0, payload, "IDLETIME", LLONG_MAX) == b"OK"
            assert c.execute("PEXPIREAT", "a", LLONG_MAX) == 1
            for name in ("SET x 1 PX", "SET x 1 EX", "GETEX a PX", "EXPIRE a", "PEXPIRE a", "EXPIREAT a"):
                assert c.execute(*name.split(), LLONG_MAX).text.startswith("ERR invalid expire time"), name
            assert 0 <= c.execute("OBJECT", "IDLETIME", "idle") < 1 << 24
            assert c.execute("SAVE") == b"OK"
            for command in ("BGSAVE", "BGREWRITEAOF"):
                c.execute(command)
                info = wait_for_children(c)
            assert b"rdb_last_bgsave_status:ok" in info and b"aof_last_bgrewrite_status:ok" in info
        assert s.stop() == 0
        s.start()
        with s.resp() as c:
            assert c.execute("PTTL", "r") > 1 << 62 and c.execute("PTTL", "a") > 1 << 62
        assert "BUG REPORT" not in s.log()


def test_deliveries_and_idle_times_wrap():
    """The delivery count is a uint64_t that is replied as a long long."""
    with start_server() as s, s.resp() as c:
        c.execute("XADD", "s", "%d-1" % ULLONG_MAX, "f", "v")
        c.execute("XGROUP", "CREATE", "s", "g", "0")
        c.execute("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
        claim = ["XCLAIM", "s", "g", "c", "0", "%d-1" % ULLONG_MAX]
        assert len(c.execute(*claim, "RETRYCOUNT", LLONG_MAX, "IDLE", -LLONG_MAX)) == 1
        assert len(c.execute(*claim, "IDLE", LLONG_MAX)) == 1
        assert c.execute("XPENDING", "s", "g", "-", "+", "1")[0][3] == -LLONG_MAX - 1
        assert c.execute("XAUTOCLAIM", "s", "g", "d", "0", "0", "COUNT", LLONG_MAX)[0] == b"0-0"
        assert c.execute("XPENDING", "s", "g", "-", "+", "1")[0][3] == -LLONG_MAX
        assert c.execute("SAVE") == b"OK"
        assert c.execute("DEBUG", "RELOAD") == b"OK"
        assert c.execute("XPENDING", "s", "g", "-", "+", "1")[0][3] == -LLONG_MAX
        assert "BUG REPORT" not in s.log()


def test_a_value_that_cannot_be_saved():
    """A failed save at SIGTERM means in C that the server goes on; an exception in it is a failed save, reported once."""
    with start_server(conf={"save": "3600 1"}, module="tests.support.broken_save") as s:
        with s.resp() as c:
            c.execute("SET", "good", "1")
            assert c.execute("SAVE") == RespError("ERR")
            os.kill(s.pid, signal.SIGTERM)
            assert s.wait_for_log("errors trying to shut down")
            time.sleep(0.5)                         # some ticks of serverCron
            assert s.log().count("REDIS BUG REPORT START") == 2
            assert c.execute("GET", "good") == b"1"
            assert [name for name in os.listdir(s.dir) if name.startswith("temp-")] == []
            c.send("SHUTDOWN", "NOSAVE")
        assert s.process.wait(10) == 0


@pytest.mark.parametrize("cursor", ["9" * 5000, "-" + "9" * 5000, "1_0", "+1x", " 1", "\u0663"])
def test_cursors(cursor):
    with start_server() as s, s.resp() as c:
        assert c.execute("SCAN", cursor) == RespError("ERR invalid cursor")
