"""latency_samples.py - the time series of slow events.       Mirrors src/latency.c 36-160, latency.h (6.2.14)

Lives here   latencyAddSample and what times an event; the LATENCY command reads the series in admin/latency.py.
Called from  every module that times itself, in all phases.
State        server.latency_events: event name (bytes) -> latencyTimeSeries, made at the first sample.
Invariant    a series holds at most one sample per second: the worst of that second.
Departures   none.
Extend       a new event: time it with latencyStartMonitor, latencyEndMonitor, latencyAddSampleIfNeeded, and give DOCTOR
             its advice in createLatencyReport.
"""

from ae.monotonic import mstime, unix_time
from datastructs.dict import dictAdd, dictCreate, dictFetchValue, dictType
from server.server_h import server

LATENCY_TS_LEN = 160               # samples kept of one event


class latencySample:
    __slots__ = ("time", "latency")

    def __init__(self, time, latency):
        self.time = time           # s of the wall clock; 0 = not used yet
        self.latency = latency     # ms


NOT_USED = latencySample(0, 0)     # stands in all places of a series that have no sample yet: C's samples take 8 bytes each


class latencyTimeSeries:
    """The ring of samples of one event."""
    __slots__ = ("idx", "max", "samples")

    def __init__(self):
        self.idx = 0               # next sample to write
        self.max = 0               # ms, worst since the last reset
        self.samples = [NOT_USED] * LATENCY_TS_LEN


latencyTimeSeriesDictType = dictType()


def latencyStartMonitor():
    """Return the start time in ms, or 0 when the monitor is off (C: a macro that sets its argument)."""
    return mstime() if server.latency_monitor_threshold else 0


def latencyEndMonitor(var):
    """Return the ms since latencyStartMonitor gave `var`."""
    return mstime() - var if server.latency_monitor_threshold else var


def latencyAddSampleIfNeeded(event, var):
    if server.latency_monitor_threshold and var >= server.latency_monitor_threshold:
        latencyAddSample(event, var)


def latencyMonitorInit():
    server.latency_events = dictCreate(latencyTimeSeriesDictType)


def latencyAddSample(event, latency):
    """Add `latency` (ms) to the series of `event`, whatever the threshold."""
    if isinstance(event, str):
        event = event.encode()
    ts = dictFetchValue(server.latency_events, event)
    now = unix_time()
    if ts is None:
        ts = latencyTimeSeries()
        dictAdd(server.latency_events, event, ts)

    if latency > ts.max:
        ts.max = latency

    # A second sample in the same second only counts if it is worse.
    prev = ts.samples[(ts.idx + LATENCY_TS_LEN - 1) % LATENCY_TS_LEN]
    if prev.time == now:
        if latency > prev.latency:
            prev.latency = latency
        return

    ts.samples[ts.idx] = latencySample(now, latency)
    ts.idx += 1
    if ts.idx == LATENCY_TS_LEN:
        ts.idx = 0
