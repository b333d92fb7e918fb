"""recording.py - what a page of aeredis-view gets, in a file.       `aeredis-view --record FILE`, `--replay FILE`, `--export FILE.html`

    aeredis-view -p 7777 --record set.jsonl SET user:1001 zhangsan

Lives here   Recorder, record; load; export.
Called from  view.py; tests/support/recordings.py (make recordings).
Calls out    view_nodes.py.
State        none that outlives a call.
Departures   all of it is ours.

Format: lines of JSON.  The first is {"recording": 1, "version": "6.2.14", "command": "SET k v", "nodes": [..], "seconds": 2.1}, with
the nodes as GET /nodes gives them; each further one is a frame: {"t": ns, "node": "master", "state": {view: {..}}, "trace": [..]}.  A frame has only the
views that have changed since the last one of its node, times and counters of the poll itself aside, and no frame is empty.
"""
import contextlib
import hashlib
import base64
import json
import os
import re
import shlex
import threading
import time

from server.server_h import REDIS_VERSION
from server.study.trace_client import Refused

FORMAT = 1
AFTER = 2.5                            # s that are recorded after the command
PATIENT = 60.0                         # s that each node has for its first frame, and for one after the command
#: Fields that change by themselves: they alone do not make a view worth a frame.
VOLATILE = frozenset("""in_ms idle_s age_s ping_ms pong_ms ok_ms hello_ms ack_s last_fsync_s lastsave_s cronloops stats left_ms s_down_ms o_down_ms
    since_s oldest_s fired seen_time sent received down_s ttl_ms lru""".split())


def views_of(node, keys=(), only=None):
    """Return the views of a node that are recorded; only: names of views, None for all."""
    if only is not None:
        return [view for view in views_of(node, keys) if view.split()[0] in only]
    if node.role == "sentinel":
        return ["SENTINEL"]
    views = ["LOOP", "THREADS", "CLIENTS", "AOF", "REPL", "DB 0 0"] + ["KEY %s" % key for key in keys]
    return views + ["CLUSTER"] if node.mode == "cluster" else views


def settled(value):
    """A view without what changes by itself."""
    if isinstance(value, dict):
        beat = "offset" if "numslots" in value else None             # of a node of a cluster: each PING has it
        return {k: settled(v) for k, v in value.items() if k not in VOLATILE and k != beat}
    if isinstance(value, list):
        # The poll itself is a client whose buffers change.
        return [settled(v) for v in value if not (isinstance(v, dict) and v.get("me") is True)]
    return value


class Recorder:
    """Writes frames of all nodes: `with Recorder(nodes, path) as r: ...`"""

    def __init__(self, nodes, path, command="", keys=(), points=None, only=None):
        """points: names of the trace points whose events are kept, only: names of views; None for all."""
        self.nodes, self.command, self.keys, self.points, self.only = nodes, command, keys, points, only
        self.path = path
        self.lock = threading.Lock()
        self.last = {}                 # (node, view) -> as it was written
        self.frames = []               # lines
        self.newest = {}               # node -> time of its newest frame
        self.ended = threading.Event()
        self.watchers = []
        self.threads = []

    def __enter__(self):
        try:
            self.out = open(self.path, "w", encoding="utf-8")
        except OSError as error:
            raise Refused("cannot write to %s: %s" % (self.path, error.strerror)) from None
        self.start = time.monotonic()
        for node in self.nodes:
            watcher = node.watch(views_of(node, self.keys, self.only), node.ours is not False)
            self.watchers.append((node, watcher))
            thread = threading.Thread(target=self.collect, args=(watcher,), daemon=True)
            self.threads.append(thread)
            thread.start()
        self.wait_past(0)
        return self

    def wait_past(self, t):
        """Wait until each node has given a frame that is newer than `t`, in ns of the monotonic clock."""
        end = time.monotonic() + PATIENT
        while not all(self.newest.get(node.name, 0) > t for node in self.nodes) and time.monotonic() < end:
            time.sleep(0.02)

    def collect(self, watcher):
        while not self.ended.is_set():
            frame = watcher.next(0.5)
            if frame is not None:
                self.add(frame)

    def add(self, frame):
        """Keep a frame, if it says something new."""
        with self.lock:
            state = {}
            for view, value in frame["state"].items():
                now = settled(value)
                if self.last.get((frame["node"], view)) != now:
                    self.last[frame["node"], view] = now
                    state[view] = value
            trace = [e for e in frame["trace"] if self.points is None or e["name"] in self.points]
            error = frame["error"] if self.last.get((frame["node"], "error"), None) != frame["error"] else None
            if error is not None:
                self.last[frame["node"], "error"] = frame["error"]
            if state or trace or error is not None or frame["node"] not in self.newest:
                kept = {"t": frame["t"], "node": frame["node"], "state": state, "trace": trace}
                if frame["error"] is not None:
                    kept["error"] = frame["error"]
                self.frames.append(kept)
            self.newest[frame["node"]] = frame["t"]

    def __exit__(self, kind, *exc):
        self.ended.set()
        for node, watcher in self.watchers:
            node.unwatch(watcher)
        for thread in self.threads:
            thread.join(5)
        with self.out:
            head = {"recording": FORMAT, "version": REDIS_VERSION, "command": self.command, "nodes": [n.described() for n in self.nodes],
                    "seconds": round(time.monotonic() - self.start, 3)}
            for line in [head] + sorted(self.frames, key=lambda frame: frame["t"]):
                self.out.write(json.dumps(line, separators=(",", ":")) + "\n")
        for node in self.nodes:
            node.close()


def record(nodes, path, words, seconds):
    """Record until the command is done, for some seconds, or until Ctrl-C -> what to tell the user"""
    recorder = Recorder(nodes, path, " ".join(shlex.quote(word) for word in words), words[1:2])
    with recorder:
        reply = None
        with contextlib.suppress(KeyboardInterrupt):
            if words:
                reply = nodes[0].execute(words)[0]
                done = time.monotonic_ns()
            end = time.monotonic() + (seconds or AFTER if words else seconds or float("inf"))
            while time.monotonic() < end:
                time.sleep(0.05)
            if words:
                recorder.wait_past(done)
    return "%s%s: %d frames, %d bytes" % (reply + "\n" if reply else "", path, len(recorder.frames), os.path.getsize(path))


def load(path):
    """Read a recording -> its text; Refused for a file that is none, or is of another version"""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError as error:
        raise Refused("cannot read %s: %s" % (path, error.strerror)) from None
    try:
        head = json.loads(text.partition("\n")[0])
        known = head.get("recording") is not None
    except (ValueError, AttributeError, RecursionError):
        known = False
    if not known:
        raise Refused("%s is no recording of aeredis-view" % path)
    if head["recording"] != FORMAT or head.get("version") != REDIS_VERSION:
        raise Refused("%s was recorded with version %s; this is %s: record it again" % (path, head.get("version"), REDIS_VERSION))
    return text


def parsed(text):
    """Split the text of a recording -> (head, frames, number of broken lines)"""
    lines = [line for line in text.split("\n") if line.strip()]
    frames, broken = [], 0
    for line in lines[1:]:
        try:
            frame = json.loads(line)
            trace = list(frame["trace"])
            if not all(isinstance(event["name"], str) for event in trace):
                raise TypeError
            frames.append({"t": int(frame["t"]), "node": str(frame["node"]), "state": dict(frame["state"]), "trace": trace, "error": frame.get("error")})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            broken += 1
    return json.loads(lines[0]), frames, broken


def in_script(value):
    """JSON that can stand within a script element of a page."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def sha(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def export(text, path, page, code_of):
    """Write one page that needs no server: the recording, the scripts and the style within it -> what to tell the user"""
    head, frames, broken = parsed(text)
    source = {}
    for name in sorted({event["name"] for frame in frames for event in frame["trace"]} | set(named_functions(page))):
        found = code_of(name)
        if found is not None:
            source[name] = found
    with open(os.path.join(page, "index.html"), encoding="utf-8") as f:
        html = f.read()
    hashes = {"script": [], "style": []}

    def inline(match):
        script = match.group(1) is not None
        with open(os.path.join(page, match.group(1) or match.group(2)), encoding="utf-8") as f:
            content = f.read()
        content = content.replace("</script", "<\\/script") if script else content
        hashes["script" if script else "style"].append(sha(content))
        return "<%s>%s</%s>" % (("script", content, "script") if script else ("style", content, "style"))
    html = re.sub(r'<script src="page/([\w.-]+)"></script>|<link rel="stylesheet" href="page/([\w.-]+)">', inline, html)
    data = "window.RECORDING=%s;" % in_script({"head": head, "frames": frames, "source": source, "skipped": broken})
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src %s; style-src %s" % (
        " ".join([sha(data)] + hashes["script"]), " ".join(hashes["style"]))
    meta = '<meta http-equiv="Content-Security-Policy" content="%s">' % policy
    html = html.replace("<head>", "<head>\n" + meta, 1)
    first = html.index("<script>")
    html = html[:first] + "<script>%s</script>\n" % data + html[first:]
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(html)
    except OSError as error:
        raise Refused("cannot write to %s: %s" % (path, error.strerror)) from None
    return "%s: %d frames, %d bytes%s" % (path, len(frames), os.path.getsize(path), "; %d broken lines were left out" % broken if broken else "")


def named_functions(page):
    """The functions whose code the page shows: the words in quotes of life.js."""
    try:
        with open(os.path.join(page, "life.js"), encoding="utf-8") as f:
            return re.findall(r'"([a-z]\w*[A-Z]\w*)"', f.read())
    except OSError:
        return []
