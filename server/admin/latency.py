"""latency.py - the latency monitor.              Mirrors src/latency.c, src/latency.h (6.2.14)

Lives here   time series of slow events (fork, command, aof-write, expire-cycle ...); LATENCY LATEST, HISTORY, RESET,
             GRAPH, DOCTOR; the detection of transparent huge pages.
Called from  latencyAddSample: every module that times itself, in all phases; the rest: LATENCY [command].
Calls out    sparkline.
State        server.latency_events: event name (bytes) -> latencyTimeSeries, made at the first sample.
Invariant    a series holds at most one sample a second: the worst of that second.
Departures   none.
Extend       a new event: time it with latencyStartMonitor, latencyEndMonitor, latencyAddSampleIfNeeded (or the same
             tests inline, where it is hot), and give DOCTOR its advice in createLatencyReport.
"""
import ctypes
import errno

from ae.monotonic import unix_time
from datastructs.dict import (
    dictDelete, dictFetchValue, dictFind, dictGetIterator, dictGetSafeIterator, dictNext, dictReleaseIterator, dictSize,
)
from server.admin.sparkline import (
    SPARKLINE_FILL, createSparklineSequence, sparklineRender, sparklineSequenceAddSample,
)
from server.client.networking_reply import (
    addReplyArrayLen, addReplyBulkCString, addReplyDeferredLen, addReplyErrorFormat, addReplyHelp, addReplyLongLong,
    addReplySubcommandSyntaxError, addReplyVerbatim, setDeferredArrayLen,
)
from server.latency_samples import LATENCY_TS_LEN
from server.server_h import AOF_FSYNC_ALWAYS, server
from server.zmalloc import zmalloc_get_smap_bytes_by_field


class latencyStats:
    """What analyzeLatencyForEvent finds out; ms unless named otherwise."""
    __slots__ = ("all_time_high", "avg", "min", "max", "mad", "samples", "period")

    def __init__(self):
        self.all_time_high = 0
        self.avg = 0
        self.min = 0
        self.max = 0
        self.mad = 0               # mean absolute deviation
        self.samples = 0           # how many there are
        self.period = 0            # s from the oldest one to now


# ---------------------------------------------------------------------------
# Utility functions
# ---------------------------------------------------------------------------

def THPIsEnabled():
    """Return 1 if the kernel gives transparent huge pages to everybody; 0 also when that cannot be found out."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as fp:
            return 1 if "[always]" in fp.readline() else 0
    except OSError:
        return 0


PR_SET_THP_DISABLE = 41            # linux/prctl.h


def THPDisable():
    """Take this process out of transparent huge pages -> 0, or not 0 if the config or the kernel says no."""
    if not server.disable_thp:
        return -errno.EINVAL
    try:
        return ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return -errno.EINVAL


def THPGetAnonHugePagesSize():
    """Return the bytes of this process that lie in huge pages: with any, forks will cost latency."""
    return zmalloc_get_smap_bytes_by_field("AnonHugePages:", -1)


# ---------------------------------------------------------------------------
# Latency API
# ---------------------------------------------------------------------------


def latencyResetEvent(event_to_reset):
    """Drop the series of one event, or of all with None -> how many were dropped."""
    resets = 0
    di = dictGetSafeIterator(server.latency_events)
    while True:
        de = dictNext(di)
        if de is None:
            break
        if event_to_reset is None or de.key.lower() == event_to_reset.lower():
            dictDelete(server.latency_events, de.key)
            resets += 1
    dictReleaseIterator(di)
    return resets


# ---------------------------------------------------------------------------
# Latency reporting (doctor)
# ---------------------------------------------------------------------------

def analyzeLatencyForEvent(event, ls):
    """Fill `ls` (latencyStats) with what the samples of `event` say; all 0 if there are none."""
    ts = dictFetchValue(server.latency_events, event)
    ls.all_time_high = ts.max if ts is not None else 0
    ls.avg = ls.min = ls.max = ls.mad = ls.samples = ls.period = 0
    if ts is None:
        return

    # First pass: compute everything except the deviation.
    sum_ = 0
    for s in ts.samples:
        if s.time == 0:
            continue
        ls.samples += 1
        if ls.samples == 1:
            ls.min = ls.max = s.latency
        else:
            if ls.min > s.latency:
                ls.min = s.latency
            if ls.max < s.latency:
                ls.max = s.latency
        sum_ += s.latency
        if ls.period == 0 or s.time < ls.period:
            ls.period = s.time         # the oldest so far
    if ls.samples:
        ls.avg = sum_ // ls.samples
        ls.period = unix_time() - ls.period
        if ls.period == 0:
            ls.period = 1

    # Second pass: compute the mean absolute deviation.
    sum_ = 0
    for s in ts.samples:
        if s.time == 0:
            continue
        sum_ += abs(ls.avg - s.latency)
    if ls.samples:
        ls.mad = sum_ // ls.samples


def createLatencyReport():
    """Return the report of LATENCY DOCTOR: the events, then the advice that follows from their kinds and the config."""
    advise_better_vm = 0
    advise_slowlog_enabled = 0
    advise_slowlog_tuning = 0
    advise_slowlog_inspect = 0
    advise_disk_contention = 0
    advise_scheduler = 0           # the system itself is slow
    advise_data_writeback = 0
    advise_no_appendfsync = 0      # no fsync while a child rewrites
    advise_local_disk = 0
    advise_ssd = 0
    advise_write_load_info = 0
    advise_hz = 0
    advise_large_objects = 0
    advise_mass_eviction = 0
    advise_relax_fsync_policy = 0
    advise_disable_thp = 0
    advices = 0

    if dictSize(server.latency_events) == 0 and server.latency_monitor_threshold == 0:
        return (b"I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You "
                b"may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we "
                b"weren't in a deep space mission I'd suggest to take a look at "
                b"https://redis.io/topics/latency-monitor.\n")

    report = b""
    eventnum = 0
    di = dictGetSafeIterator(server.latency_events)
    while True:
        de = dictNext(di)
        if de is None:
            break
        event = de.key
        ts = de.val
        if ts is None:
            continue
        eventnum += 1
        if eventnum == 1:
            report += (b"Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, "
                       b"do you Dave?\n\n")
        ls = latencyStats()
        analyzeLatencyForEvent(event, ls)
        report += (b"%d. %s: %d latency spikes (average %dms, mean deviation %dms, period %.2f sec). Worst all time "
                   b"event %dms." % (eventnum, event, ls.samples, ls.avg, ls.mad, ls.period / ls.samples, ts.max))

        name = event.lower()
        if name == b"fork":
            if server.stat_fork_rate < 10:
                fork_quality = b"terrible"
                advise_better_vm = 1
                advices += 1
            elif server.stat_fork_rate < 25:
                fork_quality = b"poor"
                advise_better_vm = 1
                advices += 1
            elif server.stat_fork_rate < 100:
                fork_quality = b"good"
            else:
                fork_quality = b"excellent"
            report += b" Fork rate is %.2f GB/sec (%s)." % (server.stat_fork_rate, fork_quality)
        if name == b"command":
            if server.slowlog_log_slower_than < 0:
                advise_slowlog_enabled = 1
                advices += 1
            elif server.slowlog_log_slower_than // 1000 > server.latency_monitor_threshold:
                advise_slowlog_tuning = 1
                advices += 1
            advise_slowlog_inspect = 1
            advise_large_objects = 1
            advices += 2
        if name == b"fast-command":
            advise_scheduler = 1
            advices += 1
        # AOF and disk.
        if name == b"aof-write-pending-fsync":
            advise_local_disk = 1
            advise_disk_contention = 1
            advise_ssd = 1
            advise_data_writeback = 1
            advices += 4
        if name == b"aof-write-active-child":
            advise_no_appendfsync = 1
            advise_data_writeback = 1
            advise_ssd = 1
            advices += 3
        if name == b"aof-write-alone":
            advise_local_disk = 1
            advise_data_writeback = 1
            advise_ssd = 1
            advices += 3
        if name == b"aof-fsync-always":
            advise_relax_fsync_policy = 1
            advices += 1
        if name in (b"aof-fstat", b"rdb-unlink-temp-file"):
            advise_disk_contention = 1
            advise_local_disk = 1
            advices += 2
        if name in (b"aof-rewrite-diff-write", b"aof-rename"):
            advise_write_load_info = 1
            advise_data_writeback = 1
            advise_ssd = 1
            advise_local_disk = 1
            advices += 4
        if name == b"expire-cycle":
            advise_hz = 1
            advise_large_objects = 1
            advices += 2
        if name == b"eviction-del":
            advise_large_objects = 1
            advices += 1
        if name == b"eviction-cycle":
            advise_mass_eviction = 1
            advices += 1
        report += b"\n"
    dictReleaseIterator(di)

    # Advice that needs no event.
    if THPGetAnonHugePagesSize() > 0:
        advise_disable_thp = 1
        advices += 1

    if eventnum == 0 and advices == 0:
        return report + (
            b"Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit."
            b" I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n")
    if eventnum > 0 and advices == 0:
        return report + (
            b"\nWhile there are latency events logged, I'm not able to suggest any easy fix. Please use the Redis "
            b"community to get some help, providing this report in your help request.\n")

    # Add all the suggestions accumulated so far.
    report += b"\nI have a few advices for you:\n\n"
    if advise_better_vm:
        report += (b"- If you are using a virtual machine, consider upgrading it with a faster one using a "
                   b"hypervisior that provides less latency during fork() calls. Xen is known to have poor fork() "
                   b"performance. Even in the context of the same VM provider, certain kinds of instances can "
                   b"execute fork faster than others.\n")
    if advise_slowlog_enabled:
        report += (b"- There are latency issues with potentially slow commands you are using. Try to enable the "
                   b"Slow Log Redis feature using the command 'CONFIG SET slowlog-log-slower-than %d'. If the Slow "
                   b"log is disabled Redis is not able to log slow commands execution for you.\n"
                   % (server.latency_monitor_threshold * 1000))
    if advise_slowlog_tuning:
        report += (b"- Your current Slow Log configuration only logs events that are slower than your configured "
                   b"latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than %d'.\n"
                   % (server.latency_monitor_threshold * 1000))
    if advise_slowlog_inspect:
        report += (b"- Check your Slow Log to understand what are the commands you are running which are too slow "
                   b"to execute. Please check https://redis.io/commands/slowlog for more information.\n")
    if advise_scheduler:
        report += (b"- The system is slow to execute Redis code paths not containing system calls. This usually "
                   b"means the system does not provide Redis CPU time to run for long periods. You should try to:\n"
                   b"  1) Lower the system load.\n"
                   b"  2) Use a computer / VM just for Redis if you are running other software in the same system.\n"
                   b"  3) Check if you have a \"noisy neighbour\" problem.\n"
                   b"  4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your "
                   b"system.\n"
                   b"  5) Check if the problem is allocator-related by recompiling Redis with MALLOC=libc, if you "
                   b"are using Jemalloc. However this may create fragmentation problems.\n")
    if advise_local_disk:
        report += (b"- It is strongly advised to use local disks for persistence, especially if you are using AOF. "
                   b"Remote disks provided by platform-as-a-service providers are known to be slow.\n")
    if advise_ssd:
        report += (b"- SSD disks are able to reduce fsync latency, and total time needed for snapshotting and AOF "
                   b"log rewriting (resulting in smaller memory usage and smaller final AOF rewrite buffer "
                   b"flushes). With extremely high write load SSD disks can be a good option. However Redis should "
                   b"perform reasonably with high load using normal disks. Use this advice as a last resort.\n")
    if advise_data_writeback:
        report += (b"- Mounting ext3/4 filesystems with data=writeback can provide a performance boost compared to "
                   b"data=ordered, however this mode of operation provides less guarantees, and sometimes it can "
                   b"happen that after a hard crash the AOF file will have a half-written command at the end and "
                   b"will require to be repaired before Redis restarts.\n")
    if advise_disk_contention:
        report += (b"- Try to lower the disk contention. This is often caused by other disk intensive processes "
                   b"running in the same computer (including other Redis instances).\n")
    if advise_no_appendfsync:
        report += (b"- Assuming from the point of view of data safety this is viable in your environment, you could "
                   b"try to enable the 'no-appendfsync-on-rewrite' option, so that fsync will not be performed "
                   b"while there is a child rewriting the AOF file or producing an RDB file (the moment where there "
                   b"is high disk contention).\n")
    if advise_relax_fsync_policy and server.aof_fsync == AOF_FSYNC_ALWAYS:
        report += (b"- Your fsync policy is set to 'always'. It is very hard to get good performances with such a "
                   b"setup, if possible try to relax the fsync policy to 'onesec'.\n")
    if advise_write_load_info:
        report += (b"- Latency during the AOF atomic rename operation or when the final difference is flushed to "
                   b"the AOF file at the end of the rewrite, sometimes is caused by very high write load, causing "
                   b"the AOF buffer to get very large. If possible try to send less commands to accomplish the same "
                   b"work, or use Lua scripts to group multiple operations into a single EVALSHA call.\n")
    if advise_hz and server.hz < 100:
        report += (b"- In order to make the Redis keys expiring process more incremental, try to set the 'hz' "
                   b"configuration parameter to 100 using 'CONFIG SET hz 100'.\n")
    if advise_large_objects:
        report += (b"- Deleting, expiring or evicting (because of maxmemory policy) large objects is a blocking "
                   b"operation. If you have very large objects that are often deleted, expired, or evicted, try to "
                   b"fragment those objects into multiple smaller objects.\n")
    if advise_mass_eviction:
        report += (b"- Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of large objects "
                   b"via sets or sorted sets intersections, STORE option of SORT, Redis Cluster large keys "
                   b"migrations (RESTORE command), may create sudden memory pressure forcing the server to block "
                   b"trying to evict keys. \n")
    if advise_disable_thp:
        report += (b"- I detected a non zero amount of anonymous huge pages used by your process. This creates very "
                   b"serious latency events in different conditions, especially when Redis is persisting on disk. "
                   b"To disable THP support use the command 'echo never > "
                   b"/sys/kernel/mm/transparent_hugepage/enabled', make sure to also add it into /etc/rc.local so "
                   b"that the command will be executed again after a reboot. Note that even if you have already "
                   b"disabled THP, you still need to restart the Redis process to get rid of the huge pages already "
                   b"created.\n")
    return report


# ---------------------------------------------------------------------------
# Latency command implementation
# ---------------------------------------------------------------------------

def latencyCommandReplyWithSamples(c, ts):
    replylen = addReplyDeferredLen(c)
    samples = 0
    for j in range(LATENCY_TS_LEN):
        s = ts.samples[(ts.idx + j) % LATENCY_TS_LEN]
        if s.time == 0:
            continue
        addReplyArrayLen(c, 2)
        addReplyLongLong(c, s.time)
        addReplyLongLong(c, s.latency)
        samples += 1
    setDeferredArrayLen(c, replylen, samples)


def latencyCommandReplyWithLatestEvents(c):
    addReplyArrayLen(c, dictSize(server.latency_events))
    di = dictGetIterator(server.latency_events)
    while True:
        de = dictNext(di)
        if de is None:
            break
        ts = de.val
        last = (ts.idx + LATENCY_TS_LEN - 1) % LATENCY_TS_LEN
        addReplyArrayLen(c, 4)
        addReplyBulkCString(c, de.key)
        addReplyLongLong(c, ts.samples[last].time)
        addReplyLongLong(c, ts.samples[last].latency)
        addReplyLongLong(c, ts.max)
    dictReleaseIterator(di)


LATENCY_GRAPH_COLS = 80


def latencyCommandGenSparkeline(event, ts):
    """Return the graph of a series, with the age of each sample as its label."""
    seq = createSparklineSequence()
    min_ = max_ = 0
    now = unix_time()
    for j in range(LATENCY_TS_LEN):
        s = ts.samples[(ts.idx + j) % LATENCY_TS_LEN]
        if s.time == 0:
            continue
        if seq.length == 0:
            min_ = max_ = s.latency
        else:
            max_ = max(max_, s.latency)
            min_ = min(min_, s.latency)
        elapsed = now - s.time
        if elapsed < 60:
            label = b"%ds" % elapsed
        elif elapsed < 3600:
            label = b"%dm" % (elapsed // 60)
        elif elapsed < 3600*24:
            label = b"%dh" % (elapsed // 3600)
        else:
            label = b"%dd" % (elapsed // (3600*24))
        sparklineSequenceAddSample(seq, s.latency, label)

    graph = b"%s - high %d ms, low %d ms (all time high %d ms)\n" % (event, max_, min_, ts.max)
    graph += b"-" * LATENCY_GRAPH_COLS + b"\n"
    return sparklineRender(graph, seq, LATENCY_GRAPH_COLS, 4, SPARKLINE_FILL)


def latencyCommand(c):
    """LATENCY LATEST | HISTORY event | RESET [event ...] | GRAPH event | DOCTOR | HELP   [admin]"""
    sub = c.argv[1].ptr.lower()
    if sub == b"history" and c.argc == 3:
        ts = dictFetchValue(server.latency_events, c.argv[2].ptr)
        if ts is None:
            addReplyArrayLen(c, 0)
        else:
            latencyCommandReplyWithSamples(c, ts)
    elif sub == b"graph" and c.argc == 3:
        de = dictFind(server.latency_events, c.argv[2].ptr)
        if de is None:
            addReplyErrorFormat(c, b"No samples available for event '%s'", c.argv[2].ptr)
            return
        addReplyVerbatim(c, latencyCommandGenSparkeline(de.key, de.val), b"txt")
    elif sub == b"latest" and c.argc == 2:
        latencyCommandReplyWithLatestEvents(c)
    elif sub == b"doctor" and c.argc == 2:
        addReplyVerbatim(c, createLatencyReport(), b"txt")
    elif sub == b"reset" and c.argc >= 2:
        if c.argc == 2:
            addReplyLongLong(c, latencyResetEvent(None))
        else:
            resets = 0
            for j in range(2, c.argc):
                resets += latencyResetEvent(c.argv[j].ptr)
            addReplyLongLong(c, resets)
    elif sub == b"help" and c.argc == 2:
        addReplyHelp(c, [
            b"DOCTOR",
            b"    Return a human readable latency analysis report.",
            b"GRAPH <event>",
            b"    Return an ASCII latency graph for the <event> class.",
            b"HISTORY <event>",
            b"    Return time-latency samples for the <event> class.",
            b"LATEST",
            b"    Return the latest latency samples for all events.",
            b"RESET [<event> ...]",
            b"    Reset latency data of one or more <event> classes.",
            b"    (default: reset all data for all event classes)",
        ])
    else:
        addReplySubcommandSyntaxError(c)
