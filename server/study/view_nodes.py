"""view_nodes.py - the servers that a page looks at: one connection and one poll at a time for each.       No counterpart in C

Lives here   viewNode: polls DEBUG STATE and DEBUG TRACE for all pages at once; its console; cli_text, a reply as redis-cli prints it.
Called from  view.py, recording.py.
Calls out    trace_client.Connection; seen.py for servers that are not ours.
State        a viewNode lives as long as aeredis-view; its thread runs while somebody watches.
Invariant    At most one poll of a node is in flight, however many pages there are, and it takes at most a twentieth of the time.
Departures   all of it is ours.
"""
import contextlib
import json
import queue
import re
import threading
import time

from server.study.seen import seen_view
from server.study.trace_client import Connection, Refused, ServerError

PERIOD = 0.2                           # s between two polls
SHARE = 20                             # a poll that took t s is followed by a pause of SHARE * t s, at most LONGEST
LONGEST = 2.0
PATIENCE = 3.0                         # s for an answer to a poll
CONSOLE_PATIENCE = 5.0                 # s for an answer to a command
VIEWS_MAX = 16                         # of one page
EVENTS_MAX = 400                       # of the trace, a frame
TRACE_SIZE = 16384                     # events in the ring of the tracer
BUSY = 1000                            # commands a second above which the tracer rests: it would slow the server
CALM = 500                             # and below which it is switched on again
LINGER = 3.0                           # s that the tracer stays on after the last page that wanted it
LIFE = 2.5                             # s that the life of a traced command is followed: everysec, and an ACK each second
GONE = "gone, trying again"
#: Commands after which a connection no longer answers each command with one reply.
STREAMS = frozenset("subscribe psubscribe monitor sync psync hello".split())
#: Commands whose replies redis-cli prints as they are.
RAW = frozenset(("info", "lolwut", "cluster info", "cluster nodes", "client list", "client info", "debug htstats", "debug htstats-key",
                 "memory doctor", "memory malloc-stats", "latency graph", "latency doctor"))


def quoted(data):
    """Quote bytes as redis-cli does on a terminal."""
    out = []
    for byte in data:
        ch = chr(byte)
        if ch in '\\"':
            out.append("\\" + ch)
        elif ch in "\n\r\t\a\b":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b"}[ch])
        else:
            out.append(ch if 32 <= byte < 127 else "\\x%02x" % byte)
    return '"%s"' % "".join(out)


def cli_text(reply, words=(), prefix=""):
    """Print a reply as redis-cli does on a terminal -> text without the last line end"""
    lower = [word.lower() for word in words[:2]]
    if isinstance(reply, ServerError):
        return "(error) %s" % reply
    if reply is None:
        return "(nil)"
    if isinstance(reply, int):
        return "(integer) %d" % reply
    if isinstance(reply, Status):
        return reply.decode("utf-8", "replace")
    if isinstance(reply, list):
        if not reply:
            return "(empty array)"
        width = len(str(len(reply)))
        lines = []
        for i, each in enumerate(reply):
            number = "%*d) " % (width, i + 1)
            lines.append((prefix if i else "") + number + cli_text(each, (), prefix + " " * len(number)))
        return "\n".join(lines)
    if lower[:1] and (lower[0] in RAW or " ".join(lower) in RAW):
        return reply.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
    return quoted(reply)


class Status(bytes):
    """A simple string: redis-cli prints it without quotes."""


class Talk(Connection):
    """A connection that keeps simple strings apart from bulk strings, and waits only so long."""

    def __init__(self, target, patience=PATIENCE):
        super().__init__(target)
        self.sock.settimeout(patience)

    def read(self):
        if self.buf[:1] == b"+" or not self.buf and self.fill()[:1] == b"+":
            return Status(self.line()[1:])
        return super().read()

    def fill(self):
        self.more()
        return self.buf

    def pipeline(self, commands):
        """Send all commands at once -> their replies"""
        try:
            for words in commands:
                self.send(*words)
            return [self.read() for _ in commands]
        except OSError as error:
            raise Refused("the server at %s has gone: %s" % (self.target, error.strerror or error)) from None


def as_bytes(word):
    return word if isinstance(word, bytes) else word.encode("utf-8", "surrogatepass")


def unescape(name):
    r"""Turn a key as DEBUG STATE shows it into bytes: \\ \n \r \t \xNN.  Another backslash is taken as it is."""
    out, i = b"", 0
    while i < len(name):
        two = name[i:i + 2]
        if two == "\\x" and len(name) >= i + 4 and all(ch in "0123456789abcdef" for ch in name[i + 2:i + 4]):
            out += bytes([int(name[i + 2:i + 4], 16)])
            i += 4
        elif two in ("\\\\", "\\n", "\\r", "\\t"):
            out += {"\\": b"\\", "n": b"\n", "r": b"\r", "t": b"\t"}[two[1]]
            i += 2
        else:
            out += as_bytes(name[i])
            i += 1
    return out


def words_of_view(view):
    """Split a view as a page names it -> words of DEBUG STATE.  KEY: a number as last word, after the key, is `first`."""
    word, _, rest = view.partition(" ")
    if word.upper() != "KEY":
        return [as_bytes(w) for w in view.split()]
    key, space, first = rest.rpartition(" ")
    if space and key and first.isascii() and first.isdigit():
        return [b"KEY", unescape(key), first.encode()]
    return [b"KEY", unescape(rest)]


class Watcher:
    """Somebody who gets frames: a page, or a recording."""
    __slots__ = ("views", "traced", "frames")

    def __init__(self, views, traced):
        self.views = views             # as the page names them
        self.traced = traced
        self.frames = queue.Queue(8)   # a page that does not read misses frames

    def next(self, patience=5.0):
        """Wait for a frame -> frame, or None if none came"""
        try:
            return self.frames.get(timeout=patience)
        except queue.Empty:
            return None


class viewNode:
    """One server."""

    def __init__(self, name, target):
        self.name, self.target = name, target
        self.role, self.version, self.ours, self.up = "", "", None, False
        self.word = "DEBUG"            # SENTINEL in sentinel mode
        self.mode = ""                 # redis_mode of INFO: standalone, cluster, sentinel
        self.lock = threading.Lock()   # of the watchers and the thread
        self.watchers = []
        self.thread = None
        self.wake = threading.Event()
        self.took = 0.0                # s, of the last poll
        self.closed = False
        self.connection = None         # of the poll
        self.own = {}                  # id of a client of ours -> its descriptor there: what it does is not shown
        self.cursor = 0
        self.tracing = False           # the tracer was switched on, or found on, for us
        self.switched_on = False
        self.trace_until = 0.0         # monotonic s
        self.resting = 0               # commands a second, while the tracer is off because they are too many
        self.counted = None            # (when, commands) of the last poll
        self.holds = 0                 # traced commands at work
        self.trace_lock = threading.Lock()
        self.console_lock = threading.Lock()
        self.console = None

    # ------ what it is ------

    def connect(self, patience=PATIENCE):
        return Talk(self.target, patience)

    def identify(self, connection):
        """Find out what the server is, and that it is ours."""
        ping = connection.execute("PING")
        if isinstance(ping, ServerError) and str(ping).startswith("NOAUTH"):
            raise Refused("the server at %s wants a password: --password, and --user where ACL users are in use" % self.target)
        info = connection.info("server")
        self.version = info.get("redis_version", "")
        self.mode = info.get("redis_mode", "")
        self.word = "SENTINEL" if self.mode == "sentinel" else "DEBUG"
        if self.mode == "sentinel":
            self.role = "sentinel"
        else:
            self.role = connection.info("replication").get("role", "")
        probe = connection.execute(self.word, "STATE", "THREADS")
        text = str(probe).lower() if isinstance(probe, ServerError) else ""
        self.ours = not re.search("unknown|subcommand|syntax error|not allowed", text) or text.startswith("noperm")
        self.up = True

    def describe(self):
        """Say what the node is now -> what /nodes shows of it."""
        try:
            connection = self.connect(1.0)
            with contextlib.closing(connection):
                self.identify(connection)
        except Refused:
            self.up = False
        return self.described()

    def described(self):
        """Return what is known of it."""
        return {"name": self.name, "host": self.target.host, "port": self.target.port, "role": self.role, "ours": self.ours is not False,
                "version": self.version, "up": self.up}

    # ------ polling ------

    def watch(self, views, traced):
        """Begin to watch -> Watcher"""
        watcher = Watcher(views[:VIEWS_MAX], traced)
        with self.lock:
            self.watchers.append(watcher)
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="poll-" + self.name, daemon=True)
                self.thread.start()
        self.wake.set()
        return watcher

    def unwatch(self, watcher):
        with self.lock, contextlib.suppress(ValueError):
            self.watchers.remove(watcher)
        self.wake.set()

    def run(self):
        """Poll as long as somebody watches; the tracer is switched off a little later."""
        while True:
            start = time.monotonic()
            with self.lock:
                watchers = list(self.watchers)
                if self.closed or not watchers and start > self.trace_until and not self.holds:
                    self.hang_up()
                    self.thread = None
                    return
            if any(w.traced for w in watchers):
                self.trace_until = start + LINGER
            if watchers:
                self.poll_once(watchers)
            self.wake.clear()
            pause = min(LONGEST, max(start + PERIOD - time.monotonic(), SHARE * self.took))
            if not watchers:
                self.wake.wait(pause)
            else:
                time.sleep(pause)

    def poll_once(self, watchers):
        """Ask once for all of them, and give each its frame."""
        views = list(dict.fromkeys(view for w in watchers for view in w.views))
        states, events, lost, error = {}, [], 0, None
        t = time.monotonic_ns()        # what a frame shows is not older
        try:
            if self.connection is None:
                self.connection = self.connect()
                self.tracing = self.switched_on = False
                self.identify(self.connection)
                self.note_own(self.connection)
            states, events, lost, error = self.poll(views)
        except (Refused, ValueError) as refused:
            self.drop()
            error = str(refused) if "password" in str(refused) else GONE
        for watcher in watchers:
            frame = {"t": t, "node": self.name, "state": {view: states[view] for view in watcher.views if view in states},
                     "trace": events if watcher.traced else [], "error": error}
            if lost and watcher.traced:
                frame["lost"] = lost
            if self.resting and watcher.traced:
                frame["resting"] = self.resting
            with contextlib.suppress(queue.Full):
                watcher.frames.put_nowait(frame)

    def poll(self, views):
        """Ask for the views, and for what is new of the trace -> (states, events, events lost, error)"""
        if self.ours is False:
            return {view: seen_view(self.connection, self.role, words_of_view(view)) for view in views}, [], 0, None
        asked = time.monotonic() < self.trace_until
        with self.trace_lock:
            wanted = asked and not self.resting or self.holds > 0
            if wanted and not self.tracing:
                self.trace_on()
            elif not wanted and self.tracing:
                self.trace_off()
            tracing = self.tracing
        commands = [[self.word, "STATE"] + words_of_view(view) for view in views]
        if asked:
            commands.append([self.word, "STATE", "LOOP"])
        if tracing:
            commands.append([self.word, "TRACE", "READ", self.cursor, "COUNT", EVENTS_MAX])
        start = time.monotonic()
        replies = self.connection.pipeline(commands)
        self.took = time.monotonic() - start
        if asked:
            self.rest_if_busy(replies[len(views)], len(commands))
        states, events, lost, error = {}, [], 0, None
        for view, reply in zip(views, replies):
            if isinstance(reply, ServerError):
                if str(reply).startswith("NOPERM"):
                    error = "%s is denied: an administrator runs ACL SETUSER %s +debug|state +debug|trace" % (self.word, self.target.user or "default")
                states[view] = {"error": str(reply)}
            else:
                states[view] = json.loads(reply)
        if tracing and isinstance(replies[-1], ServerError):
            self.tracing = self.switched_on = False                  # somebody has switched it off
        elif tracing:
            self.cursor, lost, lines = replies[-1]
            events = self.without_own(lines)
            if len(lines) == EVENTS_MAX:                             # too many: go on with the newest
                newest = self.status(self.connection)["cursor"]
                if newest - self.cursor > EVENTS_MAX:
                    lost += newest - EVENTS_MAX - self.cursor
                    self.cursor = newest - EVENTS_MAX
        with self.trace_lock:
            if self.resting and self.tracing and not self.holds:
                self.trace_off()
        return states, events, lost, error

    def rest_if_busy(self, loop, own):
        """Decide from the number of commands since the last poll whether the tracer has to rest."""
        if isinstance(loop, ServerError):
            return
        now, count = time.monotonic(), json.loads(loop)["stats"]["commands"]
        if self.counted is not None and now > self.counted[0]:
            rate = (count - self.counted[1] - own) / (now - self.counted[0])
            self.resting = int(rate) if rate > (CALM if self.resting else BUSY) else 0
        self.counted = now, count

    def without_own(self, lines):
        """Parse events; those of our own polls are left out."""
        out = []
        for line in lines:
            event = json.loads(line)
            args = event["args"]
            if args.get("client") in self.own or args.get("fd") in self.own.values():
                continue
            out.append(event)
        return out

    def note_own(self, connection):
        """Remember the id and the descriptor of a connection of ours -> id or None"""
        id_ = connection.execute("CLIENT", "ID") if self.word == "DEBUG" else None
        if not isinstance(id_, int):
            return None
        line = connection.execute("CLIENT", "LIST", "ID", str(id_))
        fds = [int(part[3:]) for part in line.split() if part.startswith(b"fd=")] if isinstance(line, bytes) else []
        self.own[id_] = fds[0] if fds else -1
        return id_

    # ------ the tracer ------

    def status(self, connection):
        flat = connection.execute(self.word, "TRACE", "STATUS")
        if not isinstance(flat, list):
            raise Refused(str(flat))
        return {k.decode(): v for k, v in zip(flat[::2], flat[1::2])}

    def trace_on(self):
        """Switch the tracer on; one that somebody has switched on stays his."""
        reply = self.connection.execute(self.word, "TRACE", "ON", "SIZE", TRACE_SIZE, "DETAIL")
        refused = isinstance(reply, ServerError)
        if refused and "on already" not in str(reply):
            self.trace_until = 0.0
            return
        self.tracing = True
        self.switched_on = not refused
        self.cursor = self.status(self.connection)["cursor"]

    def trace_off(self):
        if self.switched_on:
            self.connection.execute(self.word, "TRACE", "OFF")
        self.tracing = self.switched_on = False

    def hang_up(self):
        with contextlib.suppress(Refused):
            if self.connection is not None and self.tracing:
                self.trace_off()
        self.drop()

    def drop(self):
        self.up = False
        self.tracing = self.switched_on = False
        self.resting, self.counted = 0, None
        self.own.clear()
        if self.connection is not None:
            with contextlib.suppress(OSError):
                self.connection.close()
            self.connection = None

    # ------ the console ------

    def execute(self, words):
        """Run a command of the user -> (reply as redis-cli prints it, ms)"""
        if words[0].lower() in STREAMS:
            return "(error) %s turns the connection into a stream: use redis-cli for it" % words[0].upper(), 0.0
        with self.console_lock:
            start = time.monotonic()
            try:
                if self.console is None:
                    self.console = self.connect(CONSOLE_PATIENCE)
                reply = self.console.execute(*[as_bytes(word) for word in words])
                text = cli_text(reply, words)
            except (Refused, ValueError) as refused:
                if self.console is not None:
                    self.console.close()
                self.console = None
                blocked = "timed out" in str(refused)
                text = "(no reply within %d s; this connection is closed)" % CONSOLE_PATIENCE if blocked else "(error) %s" % refused
            return text, (time.monotonic() - start) * 1000

    def close(self):
        """End the poll; the tracer is switched off."""
        self.closed = True
        thread = self.thread
        self.wake.set()
        if thread is not None:
            thread.join(PATIENCE + LONGEST)
        if self.console is not None:
            with contextlib.suppress(OSError):
                self.console.close()


class TracedCommand:
    """Follows one command through the servers that it reaches: `with TracedCommand(nodes) as t: run it; t.events(done)`."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.cursors = []              # [node, connection, cursor, we have switched it on, id of the connection]

    def __enter__(self):
        """Have the tracers on, and remember where they stand."""
        for node in self.nodes:
            node.holds += 1
        for node in self.nodes:
            with contextlib.suppress(Refused):
                connection = node.connect()
                try:
                    reply = connection.execute(node.word, "TRACE", "ON", "SIZE", TRACE_SIZE, "DETAIL")
                    mine = not isinstance(reply, ServerError)
                    if not mine and "on already" not in str(reply):
                        raise Refused(str(reply))
                    own = node.note_own(connection)
                    self.cursors.append([node, connection, node.status(connection)["cursor"], mine, own])
                except Refused:
                    connection.close()
        return self

    def events(self, done, patience=LIFE):
        """Read what happens until done(events) or time is up -> events, each with its node."""
        found = []
        end = time.monotonic() + patience
        while True:
            for entry in self.cursors:
                node, connection, cursor = entry[:3]
                with contextlib.suppress(Refused, ValueError):
                    reply = connection.execute(node.word, "TRACE", "READ", cursor, "COUNT", 2000)
                    if isinstance(reply, list):
                        entry[2] = reply[0]
                        found += [dict(event, node=node.name) for event in node.without_own(reply[2])]
            if done(found) or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def __exit__(self, *exc):
        for node, connection, _, mine, own in self.cursors:
            node.own.pop(own, None)
            with contextlib.suppress(Refused):
                with node.trace_lock:
                    if mine and not node.tracing:
                        connection.execute(node.word, "TRACE", "OFF")
                    elif mine:
                        node.switched_on = True                      # the poll switches it off when nobody needs it
                connection.close()
        for node in self.nodes:
            node.holds -= 1
            node.wake.set()
