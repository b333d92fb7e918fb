"""The tracer: DEBUG TRACE, what it wraps, and that nothing is left of it."""
import ast
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time

import pytest

from server.study import csource
from tests.support.resp import RespClient, RespError
from tests.support.server import ROOT, start_server

TRACER = {"server.study.trace", "server.study.tracepoints"}
#: The only functions that may import server/study/: cold ones.
MAY_IMPORT = {("server.admin.debug", "debugCommand"), ("replication.sentinel.sentinel_command", "sentinelCommand"), ("server.server_main", "main")}


@pytest.fixture(scope="module")
def running():
    with start_server("--appendonly", "yes") as s:
        yield s


@pytest.fixture
def traced(running):
    """A raw client of a server whose tracer is on."""
    with running.resp() as c:
        assert c.execute("DEBUG", "TRACE", "ON").startswith(b"OK")
        yield c
        c.execute("DEBUG", "TRACE", "OFF")


def read_all(c, cursor=0):
    """Return (events, how many were lost) from `cursor` on."""
    events, lost = [], 0
    while True:
        cursor, missing, lines = c.execute("DEBUG", "TRACE", "READ", cursor, "COUNT", 10000)
        lost += missing
        events += [json.loads(line) for line in lines]
        if len(lines) < 1000:
            return events, lost


def wait_for(c, condition, timeout=30):
    """Return the events once `condition(events)` holds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        events, _ = read_all(c)
        if condition(events):
            return events
        time.sleep(0.05)
    raise AssertionError("it does not come: %s" % sorted({e["name"] for e in events}))


def status(c):
    flat = c.execute("DEBUG", "TRACE", "STATUS")
    return dict(zip(flat[::2], flat[1::2]))


def in_process(code):
    """Run `code` in a process of its own, with a LiveServer `s` whose fast path is bound; it must print "fine"."""
    script = textwrap.dedent("""
        import sys, types
        from server import link
        from tests.support.live import LiveServer
        from server import server_main
        from server.server_h import server
        from server import rebind
        from server.study import trace, tracepoints
        from server.client.connection import CT_Socket

        def snapshot():
            found = {}
            for module in list(sys.modules.values()):
                name = getattr(module, "__name__", "")
                if name.split(".")[0] in rebind.PROJECT and not name.startswith("server.study"):
                    for key, value in list(vars(module).items()):
                        if isinstance(value, types.FunctionType):
                            found[name, key] = id(value)
            for struct, field in rebind.pointers():
                found[id(struct), field] = id(getattr(struct, field))
            return found

        with LiveServer({"appendonly": "yes", "appendfilename": "aof"}) as s:
            server_main.switch_fast_path(server.el, 0, None)
            s.execute("SET", "k", "v")
        """) + textwrap.indent(textwrap.dedent(code), "    ") + "\nprint('fine')\n"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0 and run.stdout.endswith("fine\n"), run.stdout + run.stderr


def test_off_puts_everything_back():
    in_process("""
        assert server.fast_path
        before = snapshot()
        for _ in range(2):
            assert s.execute("DEBUG", "TRACE", "ON").startswith(b"OK")
            s.execute("SET", "k", "v")
            s.execute("CONFIG", "SET", "hz", "50")
            during = snapshot()
            assert len([k for k in before if during.get(k) != before[k]]) > 60
            assert s.execute("DEBUG", "TRACE", "OFF") == b"OK"
            after = snapshot()
            assert {k: v for k, v in after.items() if k in before} == before
            assert s.execute("GET", "k") == b"v"
        """)


def test_a_bug_of_the_tracer_harms_no_command():
    in_process("""
        def bug(args, seen, result):
            raise KeyError("forced")
        before = snapshot()
        tracepoints.read_after = bug
        s.execute("DEBUG", "TRACE", "ON")
        assert s.execute("SET", "k", "w") == b"OK" and s.execute("GET", "k") == b"w"
        s.turn()
        assert not trace.state.on and snapshot() == before
        assert b"The tracer has failed (KeyError)" in open(server.logfile, "rb").read()
        """)


def test_fast_path_of_config_set_waits(traced):
    assert status(traced)[b"fast-path"].startswith(b"off while")
    assert traced.execute("CONFIG", "SET", "fast-path", "no") == b"OK"
    assert traced.execute("CONFIG", "SET", "fast-path", "yes") == b"OK"
    traced.execute("SET", "k", "v")
    time.sleep(0.05)
    traced.execute("SET", "k", "v")
    sets = [e for e in read_all(traced)[0] if e["name"] == "call" and e["args"]["command"] == "set"]
    assert len(sets) == 2


def test_nothing_of_the_tracer_in_the_server():
    """The tools are imported in three cold functions, and no HOT function knows a name of the tracer."""
    importers, hot = set(), 0
    for module, path in csource.modules():
        if module.startswith(("server.study", "server.package")):
            continue
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read(), path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("server.study"):
                owners = [f.name for f in tree.body if isinstance(f, ast.FunctionDef) and node in list(ast.walk(f))]
                importers.add((module, owners[0] if owners else "at the top"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and " HOT" in (ast.get_docstring(function) or ""):
                hot += 1
                names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
                names |= {n.attr for n in ast.walk(function) if isinstance(n, ast.Attribute)}
                assert not names & {"trace", "traced", "tracepoints", "trace_command"}, (module, function.name)
    assert importers == MAY_IMPORT and hot > 50


def test_points_can_be_wrapped():
    """No function of a point is compared with `is`, and none is called with keywords: the wrapper passes positions on."""
    from server.study import tracepoints
    names = {f.__name__ for p in tracepoints.all_points() for f in p.functions} | {f.__name__ for f in tracepoints.special()}
    for module, path in csource.modules():
        if module.startswith(("server.study", "server.fastpath")):
            continue
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read(), path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.keywords:
                assert getattr(node.func, "id", getattr(node.func, "attr", "")) not in names, (module, node.lineno)
            if isinstance(node, ast.Compare):
                for side in [node.left, *node.comparators]:
                    assert not (isinstance(side, ast.Name) and side.id in names), (module, node.lineno, side.id)


@pytest.mark.parametrize("words,text", [
    ("READ 0", "ERR the tracer is off: DEBUG TRACE ON"),
    ("CALLS 1", "ERR the tracer is off: DEBUG TRACE ON"),
    ("DELAY aofWrite 1", "ERR the tracer is off: DEBUG TRACE ON"),
    ("ON SIZE 100", "ERR SIZE must be a number from 1024 to 1048576"),
    ("ON SIZE x", "ERR SIZE must be a number from 1024 to 1048576"),
    ("ON SIZE", "ERR syntax error: DEBUG TRACE ON [SIZE events] [DETAIL]"),
    ("ON LOUD", "ERR syntax error: DEBUG TRACE ON [SIZE events] [DETAIL]"),
    ("OFF now", "ERR Unknown subcommand or wrong number of arguments for TRACE 'off'. Try DEBUG TRACE HELP."),
    ("NONE", "ERR Unknown subcommand or wrong number of arguments for TRACE 'none'. Try DEBUG TRACE HELP."),
])
def test_errors_while_off(running, words, text):
    with running.resp() as c:
        assert c.execute("DEBUG", "TRACE", *words.split()) == RespError(text)
        assert status(c)[b"on"] == 0


@pytest.mark.parametrize("words,text", [
    ("ON", "ERR the tracer is on already"),
    ("READ", "ERR syntax error: DEBUG TRACE READ cursor [COUNT n]"),
    ("READ -1", "ERR the cursor must be a number from 0 to 4611686018427387904"),
    ("READ 0 COUNT 0", "ERR COUNT must be a number from 1 to 10000"),
    ("CALLS 101", "ERR the number of commands must be a number from 1 to 100"),
    ("DELAY aofWrite 60001", "ERR the delay must be a number from 0 to 60000"),
    ("DELAY aofwrit 1", "ERR no point 'aofwrit'; the nearest: aofWrite, rdbSaveRio, write"),
])
def test_errors_while_on(traced, words, text):
    reply = traced.execute("DEBUG", "TRACE", *words.split())
    assert isinstance(reply, RespError) and reply.text.startswith(text[:46]), reply
    assert status(traced)[b"on"] == 1


def test_acl(running):
    with running.resp() as admin, running.resp() as c:
        admin.execute("ACL", "SETUSER", "reader", "on", ">pw", "+@all", "-debug", "~*", "&*")
        admin.execute("ACL", "SETUSER", "tracer", "on", ">pw", "+debug|trace", "~*", "&*")
        c.execute("AUTH", "reader", "pw")
        assert "NOPERM" in c.execute("DEBUG", "TRACE", "STATUS").text
        c.execute("AUTH", "tracer", "pw")
        assert isinstance(c.execute("DEBUG", "TRACE", "STATUS"), list)
        assert "NOPERM" in c.execute("DEBUG", "SLEEP", "0").text


def test_the_life_of_a_set(traced):
    traced.execute("SET", "life", "v")
    events = wait_for(traced, lambda events: any(e["args"].get("synced", 0) > 0 for e in events))
    call = next(e for e in events if e["name"] == "call" and e["args"]["command"] == "set")
    assert call["args"]["dirty"] == 1 and "argv" not in call["args"]
    offset = call["args"]["aof_offset"]
    assert next(e for e in events if e["name"] == "feedAppendOnlyFile")["args"]["offset"] == offset
    write = next(e for e in events if e["name"] == "aofWrite" and e["args"]["size"] >= offset)
    reply = next(e for e in events if e["name"] == "writeToClient" and e["ts"] > call["ts"] and e["args"]["client"] == call["args"]["client"])
    sync = next(e for e in events if e["args"].get("synced", 0) >= offset)
    assert call["ts"] < write["ts"] < reply["ts"] and write["ts"] < sync["ts"]
    assert sync["thread"] == "bio_aof_fsync" and sync["tid"] != call["tid"] == call["pid"]


def nest(events):
    """True if the events of each thread lie in each other or apart."""
    for tid in {e["tid"] for e in events}:
        stack = []
        for e in sorted((e for e in events if e["tid"] == tid and e["name"] not in ("calls", "child")), key=lambda e: (e["ts"], -e["dur"])):
            while stack and e["ts"] >= stack[-1]:
                stack.pop()
            end = e["ts"] + e["dur"]
            if stack and end > stack[-1]:
                return False
            stack.append(end)
    return True


def test_events_nest(traced):
    for i in range(50):
        traced.execute("RPUSH", "list", i)
        traced.execute("EVAL", "return redis.call('lrange', KEYS[1], 0, -1)", 1, "list")
    traced.pipeline([("MULTI",), ("INCR", "n"), ("INCR", "n"), ("EXEC",)])
    events, lost = read_all(traced)
    assert not lost and nest(events)
    execs = [e for e in events if e["name"] == "call" and e["args"]["command"] == "exec"]
    inner = [e for e in events if e["name"] == "call" and e["args"]["command"] == "incr"]
    assert len(execs) == 1 and len(inner) == 2 and all(execs[0]["ts"] <= e["ts"] <= execs[0]["ts"] + execs[0]["dur"] for e in inner)


def test_a_ring_that_wraps_counts_its_losses(running):
    with running.resp() as c:
        c.execute("DEBUG", "TRACE", "ON", "SIZE", "1024")
        c.pipeline([("INCR", "n")] * 2000)
        cursor, lost, lines = c.execute("DEBUG", "TRACE", "READ", 0, "COUNT", 10000)
        numbers = [json.loads(line)["n"] for line in lines]
        assert lost > 1000 and numbers == list(range(lost, cursor)) and len(numbers) <= 1024
        assert status(c)[b"overwritten"] >= lost
        c.execute("DEBUG", "TRACE", "OFF")


def test_one_command_does_not_fill_the_ring(running):
    """The steps of a table that grows are counted only: the read of the command is still there afterwards."""
    with running.resp() as c:
        c.execute("DEBUG", "TRACE", "ON", "SIZE", "1024")
        c.execute("SADD", "rehashes", *range(5000))
        events, lost = read_all(c)
        c.execute("DEBUG", "TRACE", "OFF")
    steps = [e for e in events if e["name"] == "dictRehash"]
    assert not lost and 1 < len(steps) < 200 and any(e["name"] == "call" and e["args"]["command"] == "sadd" for e in events)


def test_detail_and_secrets(running):
    with running.resp() as c:
        c.execute("ACL", "SETUSER", "tracer", "on", ">hush", "+@all", "~*", "&*")
        c.execute("DEBUG", "TRACE", "ON", "DETAIL")
        c.execute("SET", "key", b"\xff" * 500)
        c.pipeline([("GET", "key"), ("AUTH", "tracer", "hush"), ("GET", "nokey")])
        c.sock.sendall(b"SET key inline\r\nAUTH tracer hush\r\n*2\r\n$3\r\nGET\r\n$5\r\nno")
        assert c.read() == c.read() == b"OK"
        c.sock.sendall(b"key\r\n*3\r\n$4\r\nAUTH\r\n$6\r\ntracer\r\n$4\r\nhu")
        assert c.read() is None
        c.sock.sendall(b"sh\r\n")
        assert c.read() == b"OK"
        _, _, lines = c.execute("DEBUG", "TRACE", "READ", 0)
        c.execute("DEBUG", "TRACE", "OFF")
    assert b"hush" not in b"".join(lines)
    feed = next(json.loads(line)["args"] for line in lines if b'"feedAppendOnlyFile"' in line)
    assert feed["text"].startswith("*") and "SET\r\n$3\r\nkey" in feed["text"]
    calls = [json.loads(line)["args"] for line in lines if json.loads(line)["name"] == "call"]
    argv = next(args["argv"] for args in calls if args["command"] == "set")
    assert argv[:2] == ["SET", "key"] and argv[2] == "\\xff" * 194
    parsed = [e["args"].get("querybuf") for e in map(json.loads, lines) if e["name"].startswith("process") and e["name"].endswith("Buffer")]
    head = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$500\r\n"
    assert parsed[0] == head + "\\xff" * (200 - len(head))
    assert "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n" in parsed and "SET key inline\r\n" in parsed


def test_delay(traced):
    assert traced.execute("DEBUG", "TRACE", "DELAY", "aofWrite", "150") == b"OK"
    assert status(traced)[b"delays"] == b"aofWrite=150"
    start = time.monotonic()
    traced.execute("SET", "slow", "disk")
    assert time.monotonic() - start >= 0.15
    assert traced.execute("DEBUG", "TRACE", "DELAY", "aofWrite", "0") == b"OK"
    assert status(traced)[b"delays"] == b""


def test_calls(traced):
    assert traced.execute("DEBUG", "TRACE", "CALLS", "2") == b"OK"
    traced.execute("SET", "calls", "1")
    traced.execute("GET", "calls")
    traced.execute("GET", "calls")
    trees = [e["args"]["calls"] for e in read_all(traced)[0] if e["name"] == "calls" and e["thread"] == "main"]
    assert len(trees) == 2 and status(traced)[b"calls-left"] == 0
    names = [row[3] for row in trees[0]]
    for name in ("readQueryFromClient", "processCommand", "call", "setCommand", "feedAppendOnlyFile", "flushAppendOnlyFile", "writeToClient"):
        assert name in names
    assert [row[3] for row in trees[0] if row[1] == "sys"] == ["read", "write", "write"]
    depth = {row[3]: row[0] for row in trees[0]}
    assert depth["setCommand"] == depth["call"] + 1 and depth["call"] == depth["processCommand"] + 1
    assert not any("study" in row[2] for row in trees[0])


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_the_system_calls_are_those_of_strace(running, tmp_path):
    out = str(tmp_path / "strace")
    with subprocess.Popen(["strace", "-o", out, "-e", "trace=read,write,fdatasync,epoll_ctl,accept4", "-p", str(running.pid)],
                          stderr=subprocess.PIPE, text=True) as strace:
        said = strace.stderr.readline()
        if "attached" not in said:
            strace.kill()
            pytest.skip("strace may not attach: " + said.strip())
        with running.resp() as c:
            c.execute("DEBUG", "TRACE", "ON")
            c.execute("DEBUG", "TRACE", "CALLS", "1")
            c.execute("SET", "strace", "MARK" * 30)
            tree = [e["args"]["calls"] for e in read_all(c)[0] if e["name"] == "calls" and e["thread"] == "main"][0]
            c.execute("DEBUG", "TRACE", "OFF")
        strace.terminate()
        strace.wait()
    with open(out, encoding="utf-8") as f:
        lines = [line.partition("(")[0] for line in f if "(" in line and "strace" in line or "MARK" in line or "+OK" in line]
    ours = [row[3] for row in tree if row[1] == "sys"]
    # The request is read, the AOF is written; then the reply.
    start = next(i for i in range(len(lines)) if lines[i:i + len(ours)] == ours)
    assert ours == ["read", "write", "write"] and start >= 0


def test_threads_children_and_a_replica():
    """IO threads, BGSAVE, BGREWRITEAOF and a replica show their tracks."""
    with start_server("--appendonly", "yes", "--io-threads", "4", "--io-threads-do-reads", "yes") as s:
        with start_server("--replicaof", "127.0.0.1", str(s.port)) as replica, s.resp() as c, replica.resp() as r:
            c.execute("DEBUG", "TRACE", "ON")
            r.execute("DEBUG", "TRACE", "ON")
            events = wait_for(r, lambda events: any(e["name"] == "replicationSendAck" for e in events))
            c.execute("SET", "k", "v")
            c.execute("BGSAVE")
            wait_for(c, lambda events: any(e["name"] == "backgroundSaveDoneHandler" for e in events))
            c.execute("BGREWRITEAOF")
            wait_for(c, lambda events: any(e["name"] == "backgroundRewriteDoneHandler" for e in events))
            clients = [RespClient(s.port) for _ in range(40)]
            for _ in range(20):
                for client in clients:
                    client.send("GET", "k")
                for client in clients:
                    assert client.read() == b"v"
            events = wait_for(c, lambda events: any(e["thread"] == "io_thd_1" for e in events))
            for client in clients:
                client.close()
            assert {"main", "bio_aof_fsync", "io_thd_1"} <= {e["thread"] for e in events} and nest(events)
            children = {e["pid"]: e["args"]["purpose"] for e in events if e["name"] == "child"}
            assert s.pid not in children and len(children) >= 2
            assert {"rdbSaveRio", "rewriteAppendOnlyFile"} <= {e["name"] for e in events if e["pid"] in children}
            offset = next(e for e in events if e["name"] == "call" and e["args"]["command"] == "set")["args"]["repl_offset"]
            assert any(e["args"].get("ack", 0) >= offset for e in wait_for(c, lambda es: any(e["args"].get("ack", 0) >= offset for e in es)))
            applied = [e for e in read_all(r)[0] if e["name"] == "call" and e["args"]["command"] == "set"]
            assert len(applied) == 1 and applied[0]["args"]["kind"] == "master" and applied[0]["args"]["repl_offset"] == offset
            # A child that still runs does not mind that the tracer is switched off.
            c.execute("CONFIG", "SET", "rdb-key-save-delay", "100000")
            c.execute("BGSAVE")
            c.execute("DEBUG", "TRACE", "OFF")
            assert s.wait_for_log("Tracer off")
            assert not any("Unexpected exception" in server.log() for server in (s, replica))


def test_traced_from_the_start():
    with start_server(module="server.study.traced") as s, s.resp() as c:
        c.execute("SET", "k", "v")
        assert status(c)[b"on"] == 1 and any(e["name"] == "call" for e in read_all(c)[0])
        assert c.execute("DEBUG", "TRACE", "OFF") == b"OK"
        assert c.execute("GET", "k") == b"v" and os.path.exists(s.dir)
