"""view.py - the page of a running server.       `aeredis-view`, `make view`

    aeredis-view -p 7777 [-p 7778 ...]        servers that run: prints the URL, serves until Ctrl-C
    aeredis-view --start                      a server with an AOF, and a replica, in .lab/, for as long as the page is served
    aeredis-view --set cluster                a set of lab.py: replicas, cluster or sentinel; the buttons of the page work
    aeredis-view -p 7777 --record FILE [--seconds N] [COMMAND ...]      see recording.py
    aeredis-view --replay FILE                a recording, without a server
    aeredis-view --replay FILE --export FILE.html

Lives here   the HTTP server: its rules, its paths; the command line.
Called from  the shell.
Calls out    view_nodes.py (the servers), recording.py, cside.py (code), lab.py (sets).
Departures   all of it is ours.

Security: it listens at 127.0.0.1 only.  Every path begins with a random token, compared in constant time; without it the answer is
403.  The Host header must be 127.0.0.1 or localhost with this port (a name that another site lets point here is refused); a POST must
be JSON, and come from no other origin.  The Content-Security-Policy lets nothing be loaded from elsewhere, and no inline script.

GET /TOKEN/              the page; /TOKEN/page/NAME its files; with --replay /TOKEN/recording is the recording
GET /TOKEN/nodes         [{"name": "7777", "host": "127.0.0.1", "port": 7777, "role": "master" | "slave" | "sentinel", "ours": true,
                         "version": "6.2.14", "up": true}]
GET /TOKEN/events?views=LOOP,DB%200%200,KEY%20foo&node=7777&trace=1      Server-Sent Events: one frame each
    {"t": ns, "node": "7777", "state": {"LOOP": {..}, "DB 0 0": {..} | {"error": text}}, "trace": [event, ..], "error": null | text}
    at most five a second, fewer where a poll takes long; "lost": events that were too many; "resting": commands a second, where they
    are so many that the tracer, which would slow the server, is off until they are fewer.  A key in a view: as state.py shows it;
    a number behind it is `first`: "KEY foo 16".  The error of a frame is "gone, trying again", or why DEBUG is denied.
POST /TOKEN/command      {"node": name, "words": [..]} -> {"reply": as redis-cli prints it, "ms": 0.3}; with "trace": true also
                         {"trace": [event with "node", ..]}: what happened on all servers until it was written, synced and applied
POST /TOKEN/lab          {"do": "kill", "args": ["n1"]} -> {"reply": text}: commands of aeredis-lab, with --set only
GET /TOKEN/source?name=dictFind      {"python": {"file", "line", "text"} | null, "c": {..} | null}
Errors are one line of text with the status 400, 403, 404 or 409.
"""
import argparse
import contextlib
import functools
import http.server
import json
import os
import re
import secrets
import sys
import threading
import time
import urllib.parse

from server.study import cside, recording
from server.study.csource import ROOT, c_functions, c_tree, read_index
from server.study.trace_client import Lab, Refused, Target, signals, tls_context
from server.study.trace_show import complete, follow_life
from server.study.view_nodes import TracedCommand, viewNode

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
BODY_MAX = 1 << 20                     # bytes of a POST
STREAMS_MAX = 32                       # pages at once
LAB_WORDS = frozenset("kill restart stop freeze cont isolate cut delay heal status counts".split())


class Answer(Exception):
    """An error of HTTP: status, line."""


class View:
    """What the page is about: its nodes, and the lab or the recording behind it."""

    def __init__(self, nodes, lab=None, replay=None):
        self.nodes = nodes
        self.by_name = {node.name: node for node in nodes}
        self.lab = lab                 # LabSet
        self.replay = replay           # text of a recording
        self.token = secrets.token_urlsafe(24)
        self.streams = threading.Semaphore(STREAMS_MAX)
        self.ended = threading.Event()

    def node(self, name):
        if not isinstance(name, str) or name not in self.by_name:
            raise Answer(404, "there is no node %s: %s" % (str(name)[:64], ", ".join(self.by_name) or "this is a recording"))
        return self.by_name[name]

    def command(self, body):
        """Run a command of the page -> reply, ms, and with "trace" the events."""
        node, words = self.node(body.get("node")), body.get("words")
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise Answer(400, "words must be a list of text")
        if not body.get("trace") or node.ours is False:
            text, ms = node.execute(words)
            return {"reply": text, "ms": round(ms, 3)}
        return self.traced_command(node, words)

    def traced_command(self, node, words):
        """Run a command with the tracers of the node and of its replicas on; follow it to the disk and to them."""
        followed = [node] + self.replicas_of(node)
        with TracedCommand(followed) as traced:
            node.execute(["PING"])                                   # the console is open; what it sends then is the command alone
            text, ms = node.execute(words)

            def done(events):
                own = [e for e in events if e["node"] == node.name]
                call = next((e for e in own if e["name"] == "call" and e["args"].get("command") == words[0].lower()), None)
                if call is None:
                    return False
                replicas = [(n.name, [e for e in events if e["node"] == n.name]) for n in followed[1:]]
                aof = any(e["name"] == "feedAppendOnlyFile" for e in own)
                life = follow_life(own, call["args"].get("client"), replicas, aof)
                return complete(life, replicas, aof, bool(replicas))
            events = traced.events(done)
        return {"reply": text, "ms": round(ms, 3), "trace": events}

    def replicas_of(self, node):
        """Return the nodes that are replicas of this one, by the ports in its INFO: a lab announces other addresses."""
        with contextlib.suppress(Refused), contextlib.closing(node.connect()) as connection:
            info = connection.info("replication")
            ports = {part for name, value in info.items() if re.fullmatch(r"slave\d+", name) for part in value.split(",")}
            return [n for n in self.nodes if n is not node and "port=%d" % n.target.port in ports and n.ours is not False]
        return []

    def lab_command(self, body):
        """Press a button of the switchboard -> lines."""
        args = body.get("args") or []
        words = [body.get("do")] + args if isinstance(args, list) else [None]
        if self.lab is None:
            raise Answer(409, "these servers are no lab set: aeredis-view --set cluster, sentinel or replicas")
        if not all(isinstance(word, (str, int)) for word in words) or words[0] not in LAB_WORDS:
            raise Answer(400, "do must be one of %s" % ", ".join(sorted(LAB_WORDS)))
        numbers = {node.name: str(n.number) for node, n in zip(self.nodes, self.lab.nodes)}
        try:
            lines = self.lab.command([numbers.get(str(word), str(word)) for word in words])
        except Refused as refused:
            raise Answer(409, str(refused)) from None
        return {"reply": "\n".join(lines)}


# ------------------------------------------------------------------ code

@functools.lru_cache(1)
def index():
    """The committed index, and the functions of the C tree if there is one."""
    tree = c_tree()
    return read_index(), tree, c_functions(tree) if tree is not None else {}


INDEX_LOCK = threading.Lock()


def code_of(name):
    """Find a function here and in C -> {"python": {..}, "c": {..}}; None where there is neither"""
    with INDEX_LOCK:
        rows, tree, known = index()
    found = sorted(cside.find_rows(rows, name), key=lambda row: row[2] != "function")
    python = c = None
    if found:
        function = cside.python_function(found[0])
        python = {"file": os.path.relpath(function.path, ROOT), "line": function.line,
                  "text": "\n".join(cside.lines_of(function.path, function.line, function.last))}
    where = None
    if found and found[0][1] != "-" and tree is not None:
        file, _, line = found[0][1].rpartition(":")
        where = next((f for f in known.get(found[0][0].rpartition(":")[2], []) + sum(known.values(), []) if f.file == file and f.line == int(line)), None)
    elif not found:
        where = next(iter(known.get(name, [])), None)
    if where is not None:
        c = {"file": where.file, "line": where.line, "text": "\n".join(cside.lines_of(os.path.join(tree, where.file), where.line, where.last))}
    return {"python": python, "c": c} if python or c else None


# ------------------------------------------------------------------ HTTP

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128           # a page asks for all its files at once; the 5 by default let some wait for a second
    view = None                        # View

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):               # a page that was closed is no news
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 30
    server_version = "aeredis-view"
    sys_version = ""

    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.answer(self.get)

    def do_POST(self):
        self.answer(self.post)

    def answer(self, do):
        try:
            do(*self.checked())
        except Answer as answer:
            status, line = answer.args
            with contextlib.suppress(OSError):
                self.reply(status, "text/plain; charset=utf-8", (line + "\n").encode("utf-8", "replace"))
        except OSError:
            self.close_connection = True                             # the page has gone

    def checked(self):
        """Let pass who may ask -> (path behind the token, query)"""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in ("127.0.0.1:%d" % port, "localhost:%d" % port):
            raise Answer(403, "this host name is not served")
        try:
            parts = urllib.parse.urlsplit(self.path)
        except ValueError:
            raise Answer(400, "this is no address") from None
        token, slash, path = parts.path.lstrip("/").partition("/")
        if not slash or not secrets.compare_digest(token.encode("utf-8", "replace"), self.server.view.token.encode()):
            raise Answer(403, "the address needs the token that aeredis-view has printed")
        return path, dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)), parts.query

    def reply(self, status, kind, body, **headers):
        self.send_response(status)
        self.head(kind, dict(headers, Content_Length=str(len(body))))
        self.wfile.write(body)

    def head(self, kind, headers):
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()

    def reply_json(self, value):
        self.reply(200, "application/json", json.dumps(value).encode())

    def get(self, path, query, raw):
        view = self.server.view
        if path == "":
            if view.replay is not None and "replay" not in query:
                self.reply(302, "text/plain", b"", Location="?replay=recording" + ("&" + raw if raw else ""))
            else:
                self.send_file("index.html")
        elif path.startswith("page/"):
            self.send_file(path[len("page/"):])
        elif path == "nodes":
            self.reply_json(describe_all(view.nodes))
        elif path == "events":
            self.stream(query, raw)
        elif path == "source":
            found = code_of(query.get("name", "")[:200])
            if found is None:
                raise Answer(404, "no function %s" % query.get("name", "")[:64])
            self.reply_json(found)
        elif path == "recording" and view.replay is not None:
            self.reply(200, "application/x-ndjson; charset=utf-8", view.replay.encode("utf-8", "backslashreplace"))
        else:
            raise Answer(404, "there is nothing here")

    def send_file(self, name):
        kind = TYPES.get(os.path.splitext(name)[1])
        if kind is None or not re.fullmatch(r"[\w-]+\.\w+", name):
            raise Answer(404, "there is nothing here")
        try:
            with open(os.path.join(PAGE, name), "rb") as f:
                body = f.read()
        except OSError:
            raise Answer(404, "there is nothing here") from None
        self.reply(200, kind, body)

    def post(self, path, query, raw):
        view = self.server.view
        origin = self.headers.get("Origin")
        if origin is not None and origin != "http://" + self.headers["Host"]:
            raise Answer(403, "from another site")
        if self.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise Answer(400, "the body must be JSON")
        size = self.headers.get("Content-Length", "")
        if not size.isascii() or not size.isdigit() or len(size) > len(str(BODY_MAX)) or int(size) > BODY_MAX:
            raise Answer(400, "the body must have a length of at most %d" % BODY_MAX)
        try:
            body = json.loads(self.rfile.read(int(size)))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Answer(400, "the body must be a JSON object")
        if path == "command":
            self.reply_json(view.command(body))
        elif path == "lab":
            self.reply_json(view.lab_command(body))
        else:
            raise Answer(404, "there is nothing here")

    def stream(self, query, raw):
        """Send frames until the page goes away."""
        view = self.server.view
        node = view.node(query.get("node", view.nodes[0].name if view.nodes else ""))
        wanted = next((part[len("views="):] for part in raw.split("&") if part.startswith("views=")), "")
        views = [urllib.parse.unquote_plus(part) for part in wanted.split(",") if part]
        if not view.streams.acquire(blocking=False):
            raise Answer(409, "too many pages are open")
        try:
            watcher = node.watch(views, query.get("trace") == "1")
            try:
                self.send_response(200)
                self.head("text/event-stream", {})
                while not view.ended.is_set():
                    frame = watcher.next()
                    data = b": waiting\n\n" if frame is None else b"data: %b\n\n" % json.dumps(frame, separators=(",", ":")).encode()
                    self.wfile.write(data)
                    self.wfile.flush()
            finally:
                node.unwatch(watcher)
        finally:
            view.streams.release()


def describe_all(nodes):
    """Ask all nodes what they are, at the same time."""
    found = [None] * len(nodes)

    def ask(i, node):
        found[i] = node.describe()
    threads = [threading.Thread(target=ask, args=pair, daemon=True) for pair in enumerate(nodes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class serving:
    """`with serving(view, port) as url`: the page is served meanwhile; at the end the tracers are off."""

    def __init__(self, view, port=0):
        self.view = view
        try:
            self.server = Server(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            raise Refused("cannot listen at 127.0.0.1:%d: %s" % (port, getattr(error, "strerror", None) or "no such port")) from None
        self.server.view = view

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.1,), name="http", daemon=True).start()
        return "http://127.0.0.1:%d/%s/" % (self.server.server_address[1], self.view.token)

    def __exit__(self, *exc):
        self.view.ended.set()
        self.server.shutdown()
        self.server.server_close()
        for node in self.view.nodes:
            node.close()


# ------------------------------------------------------------------ the command line

def arguments(argv):
    parser = argparse.ArgumentParser(prog="aeredis-view", description="The page of a running server.")
    parser.add_argument("-p", "--port", type=int, action="append", help="of a server; may be repeated; default 6379")
    parser.add_argument("--host", default="127.0.0.1", help="of the servers")
    parser.add_argument("--user", help="ACL user, with --password")
    parser.add_argument("--password", default=os.environ.get("REDISCLI_AUTH"), help="default: $REDISCLI_AUTH")
    parser.add_argument("--tls", action="store_true", help="speak TLS; the next four options as those of redis-cli")
    parser.add_argument("--cacert", metavar="FILE")
    parser.add_argument("--cert", metavar="FILE")
    parser.add_argument("--key", metavar="FILE")
    parser.add_argument("--insecure", action="store_true")
    parser.add_argument("--http", type=int, default=0, metavar="PORT", help="of the page; default: any")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--start", action="store_true", help="with a server, an AOF and a replica that exist for the page only")
    what.add_argument("--set", choices=("replicas", "cluster", "sentinel"), help="with a set of servers, to look at and to break")
    what.add_argument("--replay", metavar="FILE", help="a recording instead of servers")
    parser.add_argument("--record", metavar="FILE", help="write what a page would get")
    parser.add_argument("--seconds", type=float, default=0, help="of --record; default: until Ctrl-C, or until the command is done")
    parser.add_argument("--export", metavar="FILE.html", help="of --replay: one page that needs no server")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="of --record: run it, and follow it")
    args = parser.parse_args(argv)
    if args.export and not args.replay:
        parser.error("--export makes a page of a recording: --replay FILE --export FILE.html")
    if args.words and not args.record:
        parser.error("a command is for --record")
    if args.record and args.replay:
        parser.error("--record needs servers, not a recording")
    return args


@contextlib.contextmanager
def servers_of(args):
    """Yield (nodes, lab) of what the user has named."""
    if args.replay:
        yield [], None
    elif args.start:
        with Lab() as lab:
            yield [viewNode(name, Target(port=port)) for name, port in zip(("master", "replica"), lab.ports)], None
    elif args.set:
        from server.study.lab import LabSet
        with LabSet(args.set, out=lambda line: print(line, flush=True)) as lab:
            yield [viewNode("n%d" % n.number, Target(n.host, n.port)) for n in lab.nodes], lab
    else:
        context = tls_context(args.cacert, args.cert, args.key, args.insecure) if args.tls else None
        nodes = [viewNode(str(port), Target(args.host, port, None, context, None, args.user, args.password)) for port in args.port or [6379]]
        for node in nodes:
            connection = node.connect()
            with contextlib.closing(connection):
                node.identify(connection)
        yield nodes, None


def run(args):
    terminal = os.isatty(0)
    replay = recording.load(args.replay) if args.replay else None
    if args.export:
        print(recording.export(replay, args.export, PAGE, code_of))
        return
    with servers_of(args) as (nodes, lab):
        if args.record:
            describe_all(nodes)
            print(recording.record(nodes, args.record, args.words, args.seconds))
            return
        with serving(View(nodes, lab, replay), args.http) as url:
            print("%s\nCtrl-C ends it." % url, flush=True)
            while os.isatty(0) or not terminal:                      # not every closed terminal sends SIGHUP: make does not pass it on
                time.sleep(1)


def ended(signum, frame):
    raise KeyboardInterrupt


def main(argv=None):
    args = arguments(sys.argv[1:] if argv is None else argv)
    try:
        with signals(ended):                                         # the tracers are to be switched off, and the set to be ended
            run(args)
    except Refused as error:
        sys.exit("aeredis-view: %s" % error)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
