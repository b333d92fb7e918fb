"""latency.py, sparkline.py, slowlog.py: series, statistics, graph, trimming."""
import sys

import pytest

from server import latency_samples
from server.admin import latency, slowlog, sparkline
from server.object import createRawStringObject, createStringObject, createStringObjectFromLongLong
from server.server_h import client, server


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still until clock[0] moves; an empty monitor and slow log."""
    names = ("latency_events", "latency_monitor_threshold", "slowlog", "slowlog_entry_id", "slowlog_log_slower_than",
             "slowlog_max_len", "stat_fork_rate", "hz")
    saved = {name: getattr(server, name) for name in names}
    now = [1000000]
    for module in (latency_samples, latency, slowlog):
        monkeypatch.setattr(module, "unix_time", lambda: now[0])
    monkeypatch.setattr(latency, "THPGetAnonHugePagesSize", lambda: 0)
    latency_samples.latencyMonitorInit()
    slowlog.slowlogInit()
    server.latency_monitor_threshold, server.slowlog_log_slower_than, server.slowlog_max_len = 10, 10000, 3
    yield now
    for name, value in saved.items():
        setattr(server, name, value)


def series(event):
    ts = latency.dictFetchValue(server.latency_events, event)
    return [(s.time, s.latency) for s in ts.samples if s.time]


def test_one_sample_a_second_the_worst(clock):
    for ms in (20, 50, 30):
        latency_samples.latencyAddSample(b"command", ms)
    clock[0] += 1
    latency_samples.latencyAddSample(b"command", 25)
    assert series(b"command") == [(1000000, 50), (1000001, 25)]


@pytest.mark.skipif(not hasattr(sys, "getallocatedblocks"), reason="PyPy does not count its objects")
def test_the_first_sample_takes_little_memory(clock):
    """C's series takes 1.3 KB; used_memory must not grow by 10 KB because a command was slow for once (unit/obuf-limits)."""
    latency_samples.latencyAddSample(b"command", 20)
    before = sys.getallocatedblocks()
    latency_samples.latencyAddSample(b"fork", 20)
    assert sys.getallocatedblocks() - before < 40


def test_ring_forgets_the_oldest(clock):
    for j in range(latency_samples.LATENCY_TS_LEN + 5):
        latency_samples.latencyAddSample(b"e", j)
        clock[0] += 1
    values = sorted(ms for _, ms in series(b"e"))
    assert values == list(range(5, latency_samples.LATENCY_TS_LEN + 5))
    assert latency.dictFetchValue(server.latency_events, b"e").max == latency_samples.LATENCY_TS_LEN + 4


def test_threshold():
    latency_samples.latencyAddSampleIfNeeded(b"e", 9)
    assert latency.dictSize(server.latency_events) == 0
    latency_samples.latencyAddSampleIfNeeded(b"e", 10)
    assert latency.dictSize(server.latency_events) == 1
    server.latency_monitor_threshold = 0
    assert latency_samples.latencyStartMonitor() == 0


def test_stats(clock):
    for ms in (15, 50):
        latency_samples.latencyAddSample(b"command", ms)
        clock[0] += 1
    ls = latency.latencyStats()
    latency.analyzeLatencyForEvent(b"command", ls)
    assert (ls.samples, ls.avg, ls.min, ls.max, ls.mad, ls.period, ls.all_time_high) == (2, 32, 15, 50, 17, 2, 50)


def test_reset():
    for event in (b"a", b"b", b"c"):
        latency_samples.latencyAddSample(event, 10)
    assert latency.latencyResetEvent(b"B") == 1
    assert latency.latencyResetEvent(b"nobody") == 0
    assert latency.latencyResetEvent(None) == 2


def test_graph_is_the_one_that_redis_draws(clock):
    latency_samples.latencyAddSample(b"command", 15)
    clock[0] += 1
    latency_samples.latencyAddSample(b"command", 50)
    ts = latency.dictFetchValue(server.latency_events, b"command")
    assert latency.latencyCommandGenSparkeline(b"command", ts) == (
        b"command - high 50 ms, low 15 ms (all time high 50 ms)\n" + b"-" * 80 + b"\n"
        b" #\n |\n |\n_|\n  \n10\nss\n")


def test_doctor(clock):
    server.latency_monitor_threshold = 0
    assert latency.createLatencyReport().startswith(b"I'm sorry, Dave, I can't do that.")
    server.latency_monitor_threshold = 10
    assert latency.createLatencyReport().startswith(b"Dave, no latency spike was observed")
    latency_samples.latencyAddSample(b"command", 15)
    clock[0] += 1
    latency_samples.latencyAddSample(b"command", 50)
    assert latency.createLatencyReport() == (
        b"Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, do you Dave?\n\n"
        b"1. command: 2 latency spikes (average 32ms, mean deviation 17ms, period 0.50 sec). Worst all time event 50ms.\n"
        b"\nI have a few advices for you:\n\n"
        b"- Check your Slow Log to understand what are the commands you are running which are too slow to execute. "
        b"Please check https://redis.io/commands/slowlog for more information.\n"
        b"- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking operation. If you "
        b"have very large objects that are often deleted, expired, or evicted, try to fragment those objects into "
        b"multiple smaller objects.\n")
    latency_samples.latencyAddSample("fork", 10)
    server.stat_fork_rate = 12.0
    assert b" Fork rate is 12.00 GB/sec (poor).\n" in latency.createLatencyReport()


def test_sparkline_bands():
    seq = sparkline.createSparklineSequence()
    for j in range(5):
        sparkline.sparklineSequenceAddSample(seq, j, None)
    assert sparkline.sparklineRender(b"", seq, 3, 1, 0) == b"__-\n\n``\n"


# --- slow log

def push(words, duration, c=None):
    c = c or client()
    c.peerid = b"1.2.3.4:5"
    slowlog.slowlogPushEntryIfNeeded(c, [createStringObject(w) for w in words], len(words), duration)


def entries():
    ln, found = server.slowlog.head, []
    while ln is not None:
        found.append(ln.value)
        ln = ln.next
    return found


def test_slowlog_threshold_and_length():
    push([b"get", b"a"], 9999)
    for j in range(5):
        push([b"get", b"%d" % j], 10000 + j)
    assert [se.argv[1] for se in entries()] == [b"4", b"3", b"2"]
    assert [se.id for se in entries()] == [4, 3, 2]
    server.slowlog_max_len = 1
    push([b"x"], 1)
    assert len(entries()) == 1
    slowlog.slowlogReset()
    assert entries() == [] and server.slowlog_entry_id == 5
    server.slowlog_log_slower_than = -1
    push([b"x"], 1 << 40)
    assert entries() == []


def test_slowlog_keeps_what_was_sent():
    """An argument may be a number by now, or become a value that is changed in place."""
    value = createRawStringObject(bytearray(b"abc"))
    slowlog.slowlogPushEntryIfNeeded(client(), [createStringObject(b"set"), createStringObjectFromLongLong(123456), value], 3, 20000)
    value.ptr += b"def"
    assert entries()[0].argv == (b"set", b"123456", b"abc")


def test_slowlog_trims_arguments():
    push([b"sadd", b"set", b"foo", b"A" * 200], 20000)
    assert entries()[0].argv[3] == b"A" * 128 + b"... (72 more bytes)"
    push([b"sadd"] + [b"%d" % j for j in range(40)], 20000)
    se = entries()[0]
    assert (len(se.argv), se.argv[30], se.argv[31]) == (32, b"29", b"... (10 more arguments)")
    assert (se.peerid, se.cname, se.time, se.duration) == (b"1.2.3.4:5", b"", 1000000, 20000)
