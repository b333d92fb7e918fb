"""perfetto.py - the events of the tracer as Chrome Trace JSON, which ui.perfetto.dev opens.       No counterpart in C

Lives here   chrome_trace: processes and threads as tracks, calls as slices, arrows along the way of a write, two counters.
Called from  trace_show.py.
Departures   all of it is ours.

UNIT: the format counts us; three decimals keep the ns.  pid and tid are the system's: above 2^32 Perfetto folds all threads into one.
"""


def chrome_trace(servers):
    """Return the document of [(title, pid, events), ...], the first being the server that was asked."""
    times = [e["ts"] for _, _, events in servers for e in events]
    zero = min(times) if times else 0

    def us(ns):
        return round((ns - zero) / 1000, 3)

    out = []
    for title, pid, events in servers:
        for e in events:
            # Trees of calls begin in one slice and end in another: they are shown by --calls.
            if e["name"] == "calls" or not e["tid"]:
                continue
            out.append({"ph": "X", "name": label(e), "cat": e["phase"], "pid": e["pid"], "tid": e["tid"], "ts": us(e["ts"]),
                        "dur": round(e["dur"] / 1000, 3), "args": readable(e["args"])})
            if e["name"] in ("feedAppendOnlyFile", "aofWrite"):
                waiting = e["args"].get("aof_buf", 0) if e["name"] == "feedAppendOnlyFile" else 0
                out.append({"ph": "C", "name": "aof_buf", "pid": e["pid"], "ts": us(e["ts"] + e["dur"]), "args": {"bytes": waiting}})
        seen = set()
        for e in events:
            process, thread = e["pid"], e["tid"]
            if process not in seen:
                seen.add(process)
                name = title if process == pid or not pid else "child %d of %s" % (process, title)
                out.append({"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}})
            if thread and (process, thread) not in seen:
                seen.add((process, thread))
                out.append({"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": {"name": e["thread"] or "?"}})
        out += lag(events, us)
    out += arrows(servers, us)
    return {"traceEvents": out, "displayTimeUnit": "ns"}


def readable(value):
    """Return the arguments of an event so that Perfetto can read them: it takes the quote behind a backslash for a part of the
    string, even if the backslash is an escaped one, and then refuses the whole file.  No string may end with a backslash."""
    if isinstance(value, str):
        return value + " " if value.endswith("\\") else value
    if isinstance(value, dict):
        return {readable(k): readable(v) for k, v in value.items()}
    return [readable(v) for v in value] if isinstance(value, (list, tuple)) else value


def label(e):
    if e["name"] == "call":
        return readable("call " + e["args"].get("command", ""))
    if e["name"] in ("clusterProcessPacket", "clusterSendMessage"):
        return "%s %s" % (e["name"], e["args"].get("type", ""))
    return e["name"]


def lag(events, us):
    """The bytes that the replica which answers last has not acknowledged."""
    out, offset = [], 0
    for e in sorted(events, key=lambda e: e["ts"]):
        if e["name"] == "replicationFeedSlaves":
            offset = e["args"].get("offset", offset)
        elif e["name"] != "call" or "ack" not in e["args"]:
            continue
        ack = e["args"].get("ack")
        if ack is not None:
            offset = max(offset, ack)
            out.append({"ph": "C", "name": "replication lag", "pid": e["pid"], "ts": us(e["ts"]), "args": {"bytes": offset - ack}})
    return out


def arrows(servers, us):
    """Flow arrows: call -> aofWrite -> fdatasync, call -> the replica's call, call -> the write of the reply."""
    out, number = [], 0

    def arrow(name, a, b):
        nonlocal number
        number += 1
        # A point in the middle of each slice binds the arrow to that slice, not to its neighbour.
        out.append({"ph": "s", "name": name, "cat": "flow", "id": number, "pid": a["pid"], "tid": a["tid"], "ts": us(a["ts"] + a["dur"] // 2)})
        out.append({"ph": "f", "bp": "e", "name": name, "cat": "flow", "id": number, "pid": b["pid"], "tid": b["tid"],
                    "ts": us(b["ts"] + b["dur"] // 2)})

    for i, (_, _, events) in enumerate(servers):
        for steps in lives(events, [other for j, (_, _, other) in enumerate(servers) if j != i]):
            call = steps["call"]
            for name in ("aofWrite", "reply"):
                if steps.get(name):
                    arrow(name, call, steps[name])
            if steps.get("aofWrite") and steps.get("fdatasync"):
                arrow("fdatasync", steps["aofWrite"], steps["fdatasync"])
            for there in steps["replicas"]:
                arrow("replica", call, there)
    return out


def lives(events, others, most=500):
    """For each call of a client, the events that finish it -> dicts of call, aofWrite, fdatasync, reply, replicas"""
    events = sorted(events, key=lambda e: e["ts"])
    writes = [e for e in events if e["name"] == "aofWrite"]
    syncs = [e for e in events if e["args"].get("synced") is not None]
    feeds = [e for e in events if e["name"] == "feedAppendOnlyFile"]
    applied = [[e for e in other if e["name"] == "call" and e["args"].get("kind") == "master"] for other in others]
    replies = [e for e in events if e["name"] == "writeToClient" and not e["args"].get("kind")]
    found = []
    for call in events:
        if call["name"] != "call" or call["args"].get("kind") or "command" not in call["args"] or len(found) >= most:
            continue
        args, end = call["args"], call["ts"] + call["dur"]
        if args["command"] in ("debug", "sentinel"):
            continue                                   # the tracer itself
        steps = {"call": call, "replicas": []}
        fed = args.get("dirty") and any(call["ts"] <= e["ts"] <= end for e in feeds)
        if fed:
            steps["aofWrite"] = next((e for e in writes if e["ts"] >= call["ts"] and e["args"].get("size", 0) >= args["aof_offset"]), None)
            steps["fdatasync"] = next((e for e in syncs if e["ts"] >= call["ts"] and e["args"]["synced"] >= args["aof_offset"]), None)
        steps["reply"] = next((e for e in replies if e["ts"] >= end and e["args"].get("client") == args["client"]), None)
        if args.get("dirty"):
            for calls in applied:
                there = next((e for e in calls if e["args"].get("repl_offset", 0) >= args["repl_offset"] and e["ts"] >= call["ts"]), None)
                if there is not None:
                    steps["replicas"].append(there)
        found.append(steps)
    return found
