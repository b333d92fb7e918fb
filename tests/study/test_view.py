"""aeredis-view by urllib: who may ask, what is answered, and that a page cannot be in the way of a server."""
import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from server.study import view
from server.study.trace_client import Refused, Target
from server.study.view_nodes import cli_text, unescape, viewNode, words_of_view
from tests.support.cluster import redis_cli_path
from tests.support.server import ROOT, free_port, real_server_path, start_server

WAIT = 60                                  # s


@pytest.fixture(scope="module")
def master():
    with start_server("--appendonly", "yes") as s:
        yield s


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page that is here whatever the real one is."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!DOCTYPE html><html><head>\n</head><body><script src=\"page/page.js\"></script></body></html>")
    (folder / "page.js").write_text("start();")
    (folder / "secret.txt").write_text("no")
    before, view.PAGE = view.PAGE, str(folder)
    yield folder
    view.PAGE = before


@pytest.fixture(scope="module")
def served(master, page):
    """(URL, View) of a page for one server"""
    v = view.View([viewNode("m1", Target(port=master.port))])
    with view.serving(v) as url:
        yield url, v


def fetch(url, body=None, **headers):
    """Return (status, text) of a GET, or of a POST of JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Frames:
    """Reads Server-Sent Events: `with Frames(url) as f: f.next()`."""

    def __init__(self, url):
        self.answer = urllib.request.urlopen(url, timeout=WAIT)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.answer.close()

    def next(self):
        while True:
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                return json.loads(line[6:])

    def until(self, condition):
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            frame = self.next()
            if condition(frame):
                return frame
        raise AssertionError("no such frame: %s" % frame)


def events_url(url, views, node="m1", trace=False):
    return "%sevents?views=%s&node=%s%s" % (url, ",".join(urllib.parse.quote(v, safe="") for v in views), node, "&trace=1" if trace else "")


# ------------------------------------------------------------------ who may ask

def test_the_page_and_its_files(served):
    url, _ = served
    status, text = fetch(url)
    assert status == 200 and "page.js" in text
    assert fetch(url + "page/page.js") == (200, "start();")
    answer = urllib.request.urlopen(url, timeout=WAIT)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"] and "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path, status", [
    ("", 403), ("wrong-token/", 403), ("nodes", 403), ("TOKEN", 403), ("TOKEN/nothing", 404), ("TOKEN/page/none.js", 404),
    ("TOKEN/page/secret.txt", 404), ("TOKEN/page/../view.py", 404), ("TOKEN/page/%2e%2e/view.py", 404), ("TOKEN/page//etc/passwd", 404),
    ("TOKEN/source?name=noSuchFunction", 404), ("TOKEN/events?views=LOOP&node=m9", 404), ("TOKEN/recording", 404)])
def test_paths(served, path, status):
    url, v = served
    root = url[:-len(v.token) - 1]
    assert fetch(root + path.replace("TOKEN", v.token))[0] == status


def test_the_host_header_must_be_ours(served):
    url, _ = served
    port = urllib.parse.urlsplit(url).port
    assert fetch(url + "nodes", Host="evil.example:%d" % port)[0] == 403
    assert fetch(url + "nodes", Host="127.0.0.1")[0] == 403
    assert fetch(url + "nodes", Host="localhost:%d" % port)[0] == 200


def test_only_loopback_is_bound(served):
    port = urllib.parse.urlsplit(served[0]).port
    with open("/proc/net/tcp", encoding="ascii") as f:
        bound = [line.split()[1] for line in f if line.split()[3] == "0A"]
    assert [a for a in bound if a.endswith(":%04X" % port)] == ["0100007F:%04X" % port]


@pytest.mark.parametrize("headers, body, status", [
    ({"Content_Type": "text/plain"}, {"node": "m1", "words": ["PING"]}, 400), ({"Origin": "http://evil.example"}, {"node": "m1", "words": ["PING"]}, 403),
    ({}, [1], 400), ({}, {"node": "m9", "words": ["PING"]}, 404), ({}, {"node": "m1", "words": []}, 400), ({}, {"node": "m1", "words": "PING"}, 400),
    ({}, {"node": "m1", "words": [1]}, 400), ({}, {"node": ["m1"], "words": ["PING"]}, 404), ({}, {}, 404)])
def test_a_post_that_is_refused(served, headers, body, status):
    assert fetch(served[0] + "command", body, **headers)[0] == status


def test_a_body_that_is_too_long_or_no_json(served):
    url = served[0]
    parts = urllib.parse.urlsplit(url)
    for body, length in ((b"{", 1), (b"", 1 << 30), (b"[" * 100000, 100000)):
        with socket.create_connection((parts.hostname, parts.port), WAIT) as s:
            s.sendall(b"POST %scommand HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
                parts.path.encode(), parts.netloc.encode(), length, body))
            assert s.makefile("rb").readline().split()[1] == b"400"


def test_requests_that_are_none(served, capfd):
    url, v = served
    host = urllib.parse.urlsplit(url).netloc
    for line, length in (("GET http://[/x", "0"), ("POST /%s/command" % v.token, "9" * 5000)):
        with socket.create_connection(("127.0.0.1", int(host.partition(":")[2])), WAIT) as s:
            s.sendall(("%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n" % (line, host, length)).encode())
            assert s.makefile("rb").readline().split()[1] == b"400"
    assert "Traceback" not in capfd.readouterr().err


def test_the_buttons_need_a_lab(served):
    assert fetch(served[0] + "lab", {"do": "kill", "args": [1]})[0] == 409


class FakeLab:
    """Stands for a LabSet: notes what it is told."""

    def __init__(self, nodes):
        self.nodes = [type("Node", (), {"number": i + 1}) for i in range(len(nodes))]
        self.told = []

    def command(self, words):
        self.told.append(words)
        if words[0] == "restart":
            raise Refused("node 1 runs already")
        return ["done", "indeed"]


def test_the_buttons_reach_the_lab(page):
    nodes = [viewNode("n1", Target(port=1)), viewNode("n2", Target(port=2))]
    lab = FakeLab(nodes)
    with view.serving(view.View(nodes, lab)) as url:
        assert fetch(url + "lab", {"do": "isolate", "args": ["n2", 1]}) == (200, '{"reply": "done\\nindeed"}')
        assert fetch(url + "lab", {"do": "heal"})[0] == 200
        assert lab.told == [["isolate", "2", "1"], ["heal"]]
        assert fetch(url + "lab", {"do": "restart", "args": [1]}) == (409, "node 1 runs already\n")
        for bad in ({"do": "quit"}, {"do": "cli", "args": [1]}, {"do": "trace", "args": ["/etc/x"]}, {"do": ["kill"]}, {"do": "kill", "args": 1}, {}):
            assert fetch(url + "lab", bad)[0] == 400
        assert len(lab.told) == 3
        assert [n["up"] for n in json.loads(fetch(url + "nodes")[1])] == [False, False]


# ------------------------------------------------------------------ what is answered

def test_nodes(served, master):
    status, text = fetch(served[0] + "nodes")
    assert status == 200
    assert json.loads(text) == [{"name": "m1", "host": "127.0.0.1", "port": master.port, "role": "master", "ours": True, "version": "6.2.14",
                                 "up": True}]


def test_frames(served, master):
    with master.resp() as c:
        c.execute("SET", "<script>", "v,\xff\n")
    with Frames(events_url(served[0], ["LOOP", "DB 0 0", "KEY <script>", "KEY missing", "NONE"])) as frames:
        frame = frames.next()
        assert frame["node"] == "m1" and frame["error"] is None and frame["trace"] == []
        assert frame["state"]["LOOP"]["hz"] == 10 and frame["state"]["KEY <script>"]["key"] == "<script>"
        assert any(e["key"] == "<script>" for b in frame["state"]["DB 0 0"]["ht"][0]["buckets"] for e in b)
        assert "no such key" in frame["state"]["KEY missing"]["error"] and "Unknown view" in frame["state"]["NONE"]["error"]
        assert frames.next()["t"] > frame["t"]


def test_the_trace_of_a_frame_and_that_the_tracer_is_off_again(served, master):
    with master.resp() as c:
        def on():
            flat = c.execute("DEBUG", "TRACE", "STATUS")
            return flat[flat.index(b"on") + 1]
        with Frames(events_url(served[0], ["AOF"], trace=True)) as frames:
            frames.until(lambda f: on())
            c.execute("SET", "traced", "v")
            seen = []

            def found(frame):
                seen.extend(frame["trace"])
                return any(e["name"] == "call" and e["args"].get("argv") == ["SET", "traced", "v"] for e in seen)
            frames.until(found)
            assert not any(e["args"].get("argv", [""])[:2] == ["DEBUG", "STATE"] for e in seen)
        end = time.monotonic() + WAIT
        while on():
            assert time.monotonic() < end, "the tracer stays on"
            time.sleep(0.1)


def test_the_tracer_rests_while_there_are_too_many_commands(served, master):
    with master.resp() as c, Frames(events_url(served[0], ["AOF"], trace=True)) as frames:
        done = threading.Event()

        def load():
            while not done.is_set():
                for _ in range(100):
                    c.send("SET", "k", "v")
                for _ in range(100):
                    c.read_reply()
        thread = threading.Thread(target=load)
        thread.start()
        try:
            assert frames.until(lambda f: f.get("resting"))["resting"] > 500
            frames.until(lambda f: f.get("resting") and not f["trace"])
        finally:
            done.set()
            thread.join()
        frames.until(lambda f: "resting" not in f and f["trace"])


def test_commands(served):
    url = served[0]

    def reply(*words):
        return json.loads(fetch(url + "command", {"node": "m1", "words": list(words)})[1])["reply"]
    assert reply("SET", "k", "张三\n\"") == "OK"
    assert reply("GET", "k") == r'"\xe5\xbc\xa0\xe4\xb8\x89\n\""'
    assert reply("get", "none") == "(nil)" and reply("INCR", "n-%d" % time.time()) == "(integer) 1"
    assert reply("LRANGE", "none", "0", "-1") == "(empty array)"
    assert reply("NONE").startswith("(error) ERR unknown command")
    assert reply("MULTI") == "OK" and reply("SET", "a", "1") == "QUEUED" and reply("EXEC") == "1) OK"         # one connection
    assert reply("INFO", "server").startswith("# Server\nredis_version:")
    assert "use redis-cli" in reply("SUBSCRIBE", "c")
    assert reply("\ud800") is not None
    assert reply("QUIT") == "OK" and "has gone" in reply("PING") and reply("PING") == "PONG"


def test_a_reply_that_is_nested_too_deeply(served):
    url, _ = served
    script = "local t = {} for i = 1, 5000 do t = {t} end return t"
    status, text = fetch(url + "command", {"node": "m1", "words": ["EVAL", script, "0"]})
    assert status == 200 and json.loads(text)["reply"].startswith("(error) ")
    assert json.loads(fetch(url + "command", {"node": "m1", "words": ["PING"]})[1])["reply"] == "PONG"


def test_a_traced_command_is_followed_to_the_disk(served):
    status, text = fetch(served[0] + "command", {"node": "m1", "words": ["SET", "k", "v"], "trace": True})
    answer = json.loads(text)
    assert status == 200 and answer["reply"] == "OK"
    names = {e["name"] for e in answer["trace"]}
    assert {"call", "feedAppendOnlyFile", "aofWrite", "writeToClient"} <= names and {e["node"] for e in answer["trace"]} == {"m1"}


def test_source(served):
    found = json.loads(fetch(served[0] + "source?name=dictFind")[1])
    assert found["python"]["file"] == "datastructs/dict.py" and found["python"]["text"].startswith("def dictFind(")
    assert found["c"] is None or found["c"]["file"] == "src/dict.c" and "dictFind(" in found["c"]["text"]


def test_a_server_that_goes_and_comes_back(page):
    with start_server() as s:
        node = viewNode("m1", Target(port=s.port))
        with view.serving(view.View([node])) as url, Frames(events_url(url, ["LOOP"])) as frames:
            assert frames.next()["error"] is None
            s.process.kill()
            s.process.wait()
            assert frames.until(lambda f: f["error"])["error"] == "gone, trying again"
            assert json.loads(fetch(url + "nodes")[1])[0]["up"] is False
            s.start()
            frames.until(lambda f: f["error"] is None and "LOOP" in f["state"])


def test_debug_denied_says_what_to_do(page):
    with start_server() as s:
        with s.resp() as c:
            c.execute("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+@connection", "+info")
        node = viewNode("m1", Target(port=s.port, user="reader", password="secret"))
        with view.serving(view.View([node])) as url, Frames(events_url(url, ["LOOP"])) as frames:
            assert frames.next()["error"] == "DEBUG is denied: an administrator runs ACL SETUSER reader +debug|state +debug|trace"
        with view.serving(view.View([viewNode("m1", Target(port=s.port, user="reader", password="wrong"))])) as url:
            with Frames(events_url(url, ["LOOP"])) as frames:
                assert "does not take this password" in frames.next()["error"]


def test_one_poll_in_flight_however_many_pages(served, master):
    """Ten pages cost the server no more than one: the polls are counted by the server itself."""
    url, v = served

    def polls(c):
        line = next(x for x in c.execute("INFO", "commandstats").decode().splitlines() if x.startswith("cmdstat_debug:"))
        return int(re.search(r"calls=(\d+)", line).group(1))
    with master.resp() as c, contextlib.ExitStack() as stack:
        pages = [stack.enter_context(Frames(events_url(url, ["LOOP", "AOF"]))) for _ in range(10)]
        for each in pages:
            each.next()
        start, before = time.monotonic(), polls(c)
        for _ in range(5):
            for each in pages:
                each.next()
        took = time.monotonic() - start
        assert polls(c) - before <= 4 * (took / 0.2 + 2)           # two views each, five times a second; the trace of the test before
        assert len([t for t in threading.enumerate() if t.name == "poll-m1"]) == 1


# ------------------------------------------------------------------ the parts

def test_a_view_is_split_into_words():
    assert words_of_view("DB 0 64") == [b"DB", b"0", b"64"]
    assert words_of_view("KEY foo") == [b"KEY", b"foo"]
    assert words_of_view("KEY foo 16") == [b"KEY", b"foo", b"16"]
    assert words_of_view("KEY a b") == [b"KEY", b"a b"]
    assert words_of_view("KEY 16") == [b"KEY", b"16"]
    assert words_of_view(r"KEY a\xff\\x\n") == [b"KEY", b"a\xff\\x\n"]
    assert unescape("\\q\\") == b"\\q\\"


def cli(path, port, *words):
    """What redis-cli prints on a terminal."""
    env = dict(os.environ, FAKETTY="1")
    return subprocess.run([path, "-p", str(port), "--no-raw", *words], stdout=subprocess.PIPE, env=env, timeout=WAIT).stdout.decode().rstrip("\n")


@pytest.mark.skipif(redis_cli_path() is None, reason="no redis-cli")
def test_replies_are_those_of_redis_cli(master):
    node = viewNode("m1", Target(port=master.port))
    with master.resp() as c:
        c.execute("RPUSH", "l", *range(12))
        c.execute("SET", "s", b"a\"\\\n\r\t\x07\x08\x00\xff")
    try:
        for words in (["GET", "s"], ["LRANGE", "l", "0", "-1"], ["LLEN", "l"], ["GET", "none"], ["NONE"], ["PING"], ["COMMAND", "INFO", "get", "none"],
                      ["EVAL", "return {1,{2,{'a',false},{}},'b'}", "0"], ["LRANGE", "none", "0", "1"]):
            assert node.execute(words)[0] == cli(redis_cli_path(), master.port, *words), words
    finally:
        node.close()
    assert cli_text([]) == "(empty array)"


# ------------------------------------------------------------------ a C server

def flat(text):
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


@pytest.mark.skipif(real_server_path() is None or redis_cli_path() is None, reason="no redis-server and redis-cli of C")
def test_what_is_shown_of_a_c_server_is_what_redis_cli_says(page):
    with start_server("--appendonly", "yes", real=True) as s:
        with s.resp() as c:
            c.execute("SET", "str", "x" * 50)
            c.execute("RPUSH", "list", "a", 1, "b")
            c.execute("SADD", "ints", 1, 2, 70000)
            c.execute("HSET", "hash", "f", "y" * 100)
            c.execute("MULTI")
            c.execute("SET", "a", "b")
            path = redis_cli_path()
            views = ["CLIENTS", "AOF", "REPL", "DB 0 0", "KEY str", "KEY list", "KEY ints", "KEY hash", "LOOP", "CLUSTER"]
            with view.serving(view.View([viewNode("c1", Target(port=s.port))])) as url:
                assert json.loads(fetch(url + "nodes")[1])[0]["ours"] is False
                with Frames(events_url(url, views, "c1")) as frames:
                    frame = frames.next()
                state = frame["state"]
                assert frame["error"] is None
                mine = next(x for x in state["CLIENTS"]["list"] if x["queued"])
                line = next(x for x in cli(path, s.port, "CLIENT", "LIST").splitlines() if "multi=1" in x)
                f = dict(part.partition("=")[::2] for part in line.split())
                assert (mine["id"], mine["addr"], mine["fd"], mine["db"], mine["cmd"]) == (int(f["id"]), f["addr"], int(f["fd"]), int(f["db"]), f["cmd"])
                assert mine["flags"] == ["MULTI"] and mine["querybuf"]["size"] == int(f["qbuf"])
                info = flat(cli(path, s.port, "INFO", "persistence"))
                assert state["AOF"]["state"] == "on" and state["AOF"]["size"] == int(info["aof_current_size"])
                assert state["AOF"]["rdb"]["dirty"] == int(info["rdb_changes_since_last_save"])
                info = flat(cli(path, s.port, "INFO", "replication"))
                assert (state["REPL"]["role"], state["REPL"]["replid"]) == (info["role"], info["master_replid"])
                stats = cli(path, s.port, "DEBUG", "HTSTATS", "0")
                if "table size" in stats:
                    assert state["DB 0 0"]["ht"][0]["size"] == int(re.search(r"table size: (\d+)", stats).group(1))
                    assert state["DB 0 0"]["keys"] == 4
                assert state["KEY str"]["value"]["blob"]["text"] == "x" * 50 and state["KEY str"]["type"] == "string"
                assert state["KEY ints"]["value"]["contents"] == ["1", "2", "70000"]
                if "nodes" in state["KEY list"]["value"]:
                    assert [e["value"] for e in state["KEY list"]["value"]["nodes"][0]["ziplist"]["entries"]] == ["a", "1", "b"]
                for key in ("str", "list", "ints", "hash"):
                    assert '"%s"' % state["KEY " + key]["encoding"] == cli(path, s.port, "OBJECT", "ENCODING", key)
                assert "only aeredis" in state["LOOP"]["error"] and "cluster support disabled" in state["CLUSTER"]["error"]


@pytest.mark.skipif(real_server_path() is None or redis_cli_path() is None, reason="no redis-server and redis-cli of C")
def test_a_c_node_of_a_cluster(page):
    with start_server("--cluster-enabled", "yes", real=True) as s:
        with s.resp() as c:
            assert c.execute("CLUSTER", "ADDSLOTS", 0, 1, 2, 7) == b"OK"
            assert c.execute("CLUSTER", "SETSLOT", 9, "IMPORTING", "a" * 40).text.startswith("ERR")        # it knows no such node
        with view.serving(view.View([viewNode("c1", Target(port=s.port))])) as url, Frames(events_url(url, ["CLUSTER"], "c1")) as frames:
            state = frames.next()["state"]["CLUSTER"]
            words = cli(redis_cli_path(), s.port, "CLUSTER", "NODES").split()
            info = flat(cli(redis_cli_path(), s.port, "CLUSTER", "INFO"))
        node = state["nodes"][0]
        assert (node["name"], node["flags"], node["epoch"]) == (words[0], words[2].split(","), int(words[6])) and state["myself"] == words[0]
        assert ["%d-%d" % tuple(run) if run[0] < run[1] else str(run[0]) for run in node["slots"]] == words[8:] == ["0-2", "7"]
        assert (state["slots_assigned"], state["size"]) == (int(info["cluster_slots_assigned"]), int(info["cluster_size"]))
        assert state["epoch"] == int(info["cluster_current_epoch"])


@pytest.mark.skipif(real_server_path() is None or redis_cli_path() is None, reason="no redis-server and redis-cli of C")
def test_a_c_sentinel(page, master, tmp_path):
    conf = tmp_path / "sentinel.conf"
    port = free_port()
    conf.write_text("port %d\nsentinel monitor mymaster 127.0.0.1 %d 2\nsentinel down-after-milliseconds mymaster 5000\n" % (port, master.port))
    process = subprocess.Popen([real_server_path(), str(conf), "--sentinel"], stdout=subprocess.DEVNULL, cwd=tmp_path)
    try:
        end = time.monotonic() + WAIT
        node = viewNode("s1", Target(port=port))
        while not node.describe()["up"]:
            assert time.monotonic() < end, "the Sentinel does not start"
            time.sleep(0.1)
        with view.serving(view.View([node])) as url:
            assert json.loads(fetch(url + "nodes")[1])[0]["role"] == "sentinel"
            with Frames(events_url(url, ["SENTINEL", "LOOP"], "s1")) as frames:
                state = frames.until(lambda f: f["state"]["SENTINEL"]["masters"][0]["link"]["connected"])["state"]
        assert "only aeredis" in state["LOOP"]["error"]
        lines = cli(redis_cli_path(), port, "--raw", "SENTINEL", "MASTER", "mymaster").splitlines()
        f = dict(zip(lines[::2], lines[1::2]))
        shown = state["SENTINEL"]["masters"][0]
        assert (shown["name"], shown["ip"], shown["port"]) == (f["name"], f["ip"], int(f["port"]))
        assert (shown["quorum"], shown["down_after_ms"]) == (int(f["quorum"]), int(f["down-after-milliseconds"])) == (2, 5000)
        assert "master" in shown["flags"] and shown["slaves"] == [] and shown["sentinels"] == []
        assert state["SENTINEL"]["myid"] == cli(redis_cli_path(), port, "--raw", "SENTINEL", "MYID")
    finally:
        process.terminate()
        process.wait(WAIT)


# ------------------------------------------------------------------ the command line

@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, None])      # SIGHUP: the terminal was closed; None: and nobody says so
def test_the_command_serves_a_server_and_ends_with_it(tmp_path, signum):
    terminal, stdin = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "server.study.view", "--start"], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT, PYTHONUNBUFFERED="1"))
    os.close(stdin)
    try:
        url = process.stdout.readline().decode().strip()
        assert url.startswith("http://127.0.0.1:"), url
        nodes = json.loads(fetch(url + "nodes")[1])
        assert [n["role"] for n in nodes] == ["master", "slave"]
    finally:
        if signum is not None:
            process.send_signal(signum)
            process.send_signal(signum)                              # a shell sends one, and so does the terminal
        else:
            os.close(terminal)
        assert process.wait(WAIT) == 0
        process.stdout.close()
        if signum is not None:
            os.close(terminal)
    for node in nodes:
        with pytest.raises(Refused):
            viewNode("x", Target(port=node["port"])).connect()


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    for argv, line in ((["--export", "x.html"], "--export makes a page of a recording"), (["PING"], "a command is for --record"),
                       (["--record", "x", "--replay", "y"], "--record needs servers")):
        with pytest.raises(SystemExit):
            view.main(argv)
        assert line in capsys.readouterr().err
    with pytest.raises(SystemExit) as e:
        view.main(["-p", "1"])
    assert "no server at 127.0.0.1:1" in str(e.value)
    with pytest.raises(Refused, match="cannot listen at 127.0.0.1:99999999: no such port"):
        view.serving(view.View([]), 99999999)
