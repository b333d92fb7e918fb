"""The server under tests/support/debug.py, with a scripted debugger session."""
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from server.study import labclock
from tests.redis_suite.run import WORK
from tests.support.genlink import ROOT
from tests.support.resp import RespClient
from tests.support.server import free_port, start_server


def wait_for(path, text, timeout=30):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with open(path, encoding="utf-8") as f:
            if text in f.read():
                return
        time.sleep(0.05)
    with open(path, encoding="utf-8") as f:
        raise AssertionError("%r did not come:\n%s" % (text, f.read()))


def test_a_phase_stops_with_the_stack_that_c_has(tmp_path):
    port = free_port()
    out = str(tmp_path / "out")
    with open(out, "w", encoding="utf-8") as f:
        p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", "--port", str(port), "--break", "execute", "--save", "",
                              "--dir", str(tmp_path)], stdin=subprocess.PIPE, stdout=f, stderr=f, text=True, cwd=str(tmp_path),
                             env=dict(os.environ, PYTHONPATH=ROOT))

    def say(command):
        p.stdin.write(command + "\n")
        p.stdin.flush()

    try:
        wait_for(out, "aeMain()")
        say("c")
        replies = []
        c = RespClient(port, timeout=30)
        t = threading.Thread(target=lambda: replies.append(c.execute("SET", "user:1001", "zhangsan")))
        t.start()
        wait_for(out, "call()\n")
        say("w")
        say("p 'argv', c.argv")
        wait_for(out, "('argv', ")
        with open(out, encoding="utf-8") as f:
            text = f.read()
        frames = ["aeMain", "aeProcessEvents", "connSocketEventHandler", "callHandler", "readQueryFromClient",
                  "processInputBuffer", "processCommandAndResetClient", "processCommand", "call"]
        stack = re.findall(r"#\d+ +(\w+) \(", text)
        assert stack[:len(frames) + 1] == frames[::-1] + ["main"]
        say("phase execute reply")
        say("c")
        wait_for(out, "writeToClient()")
        say("p 'buf', c.buf")
        wait_for(out, r"('buf', bytearray(b'+OK\r\n'))")
        say("phase reply")
        say("c")
        t.join(30)
        assert replies == [b"OK"]
        assert c.execute("BGSAVE") == b"Background saving started"       # the child runs on without the debugger
        wait_for(out, "Background saving terminated with success")
        p.send_signal(2)
        wait_for(out, "Stopped.")
        say("q")
        assert p.wait(10) == 0
    finally:
        p.kill()
        p.wait()


def debugger(tmp_path, commands, *args):
    """Run a whole debugger session with `commands` as its standard input -> its output"""
    run = subprocess.run([sys.executable, "-m", "tests.support.debug", "--port", str(free_port()), "--save", "", "--dir", str(tmp_path), *args],
                         input="\n".join(commands) + "\n", capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_names_at_the_prompt(tmp_path):
    out = debugger(tmp_path, ["p server.hz, shared.ok.ptr", "draw server.db[0].dict", "draw 7", "cc nowhereAtAll", "w", "b setCommand",
                              "b lookupKeyReadOrReply", "b zsetAddd", "b call, c.cmd.name == b'get'", "phase flush", "q"])
    assert "(10, b'+OK\\r\\n')" in out
    assert re.search(r"Breakpoint \d+ at server/types/t_string.py:\d+ setCommand", out)
    assert re.search(r"Breakpoint \d+ at server/keyspace/db.py:\d+ lookupKeyReadOrReply", out)
    assert "no function zsetAddd in the project; did you mean zsetAdd" in out
    assert "ht[0]: size=0 used=0" in out and "nothing that can be drawn" in out
    assert re.search(r">#0 +aeMain \(eventLoop=<.*\) at ae/ae.py:\d+\n #1 +main \(argv=", out)
    assert "no function nowhereAtAll" in out or "make c-source" in out
    assert "not reached: the append-only file is off" in out


def test_break_without_a_name_is_explained():
    for args in (["--break"], ["--break", "nowhere"]):
        run = subprocess.run([sys.executable, "-m", "tests.support.debug", *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 1 and "the phases: accept read parse" in run.stderr and "Traceback" not in run.stderr


def test_the_command_phase_and_a_stop_inside_call(tmp_path):
    """The phase `command` stops in the command's function; a breakpoint at `call` stays at its first line after a Ctrl-C in it."""
    from server.server import call
    from tests.support.debug import PhasePdb, first_line
    bp = PhasePdb().set_function_break(call)
    assert bp.func_first_executable_line == first_line(call.__code__) > call.__code__.co_firstlineno
    bp.deleteMe()

    port = free_port()
    out = str(tmp_path / "out")
    with open(out, "w", encoding="utf-8") as f:
        p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", "--port", str(port), "--break", "command", "--save", "",
                              "--dir", str(tmp_path)], stdin=subprocess.PIPE, stdout=f, stderr=f, text=True, cwd=ROOT)
    try:
        p.stdin.write("c\n")
        p.stdin.flush()
        wait_for(out, "aeMain()")
        with RespClient(port, timeout=30) as c:
            c.send("LPUSH", "list", "x")
            wait_for(out, "lpushCommand()")
            p.stdin.write("p c.argv[2].ptr\nc\n")
            p.stdin.flush()
            assert c.read() == 1
        wait_for(out, "b'x'")
    finally:
        p.kill()
        p.wait()


def editor_file(name):
    with open(os.path.join(ROOT, ".vscode", name), encoding="utf-8") as f:
        return json.loads(re.sub(r"^\s*//.*$", "", f.read(), flags=re.M))


def launch_configurations():
    return [c for c in editor_file("launch.json")["configurations"] if c.get("module") == "server"]


def test_the_editors_files_fit_together():
    """What a compound starts exists, as do the tasks; the C server is where the task has built it."""
    launch, tasks = editor_file("launch.json"), {task["label"] for task in editor_file("tasks.json")["tasks"]}
    names = {c["name"]: c for c in launch["configurations"]}
    assert {name for compound in launch["compounds"] for name in compound["configurations"]} <= set(names)
    assert {c["preLaunchTask"] for c in names.values() if "preLaunchTask" in c} <= tasks
    c_server = names["C server of 6.2.14"]
    assert c_server["program"] == "${workspaceFolder}/" + os.path.relpath(os.path.join(WORK, "O0", "src", "redis-server"), ROOT)
    printers = c_server["setupCommands"][1]["text"].replace("source ${workspaceFolder}", ROOT)
    assert os.path.exists(printers)


def test_a_node_of_a_cluster_stops_at_a_packet(tmp_path):
    port = free_port()
    out = str(tmp_path / "out")
    with start_server("--cluster-enabled", "yes") as node, open(out, "w", encoding="utf-8") as f:
        p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", "--port", str(port), "--cluster-enabled", "yes", "--break", "cluster",
                              "--save", "", "--bind", "127.0.0.1", "--dir", str(tmp_path)], stdin=subprocess.PIPE, stdout=f, stderr=f, text=True,
                             cwd=str(tmp_path), env=dict(os.environ, PYTHONPATH=ROOT))

        def say(command):
            p.stdin.write(command + "\n")
            p.stdin.flush()
        try:
            wait_for(out, "aeMain()", 60)
            say("c")
            with node.resp() as c:
                for _ in range(6):                     # a node forgets a handshake that takes too long
                    assert c.execute("CLUSTER", "MEET", "127.0.0.1", port) == b"OK"
                    with contextlib.suppress(AssertionError):
                        wait_for(out, "clusterProcessPacket()\n", 20)
                        break
            wait_for(out, "clusterProcessPacket()\n")
            say("w")
            say("p 'state', server.cluster.state")
            wait_for(out, "('state', ", 60)
            with open(out, encoding="utf-8") as log:
                stack = re.findall(r"#\d+ +(\w+) \(", log.read())
            assert stack[:5] == ["clusterProcessPacket", "clusterReadHandler", "callHandler", "connSocketEventHandler", "aeProcessEvents"]
            say("q")
            assert p.wait(60) == 0
        finally:
            p.kill()
            p.wait()


@pytest.mark.parametrize("configuration", launch_configurations(), ids=lambda c: c["name"])
def test_the_editors_configurations_start(configuration, tmp_path):
    port = free_port()
    args = [arg.replace("${workspaceFolder}", str(tmp_path)) for arg in configuration["args"]]
    args[args.index("--port") + 1] = str(port)
    if "--replicaof" in args:
        args[args.index("--replicaof") + 2] = str(free_port())
    if "--dir" in args:
        os.makedirs(args[args.index("--dir") + 1])
    env = {name: value.replace("${workspaceFolder}", str(tmp_path)) for name, value in configuration["env"].items()}
    p = subprocess.Popen([sys.executable, "-m", "server"] + args, cwd=str(tmp_path), env=dict(os.environ, PYTHONPATH=ROOT, **env),
                         stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                with RespClient(port) as c:
                    assert c.execute("PING") == b"PONG"
                    break
            except OSError:
                assert p.poll() is None, "it does not start"
                time.sleep(0.05)
        else:
            raise AssertionError("it does not answer")
        assert p.pid in [taking_part["pid"] for taking_part in labclock.read(str(tmp_path / ".lab" / "clock"))["processes"]]
    finally:
        p.kill()
        p.wait()


def test_a_sentinel_stops_where_its_page_says(tmp_path):
    """The timer as a phase; the other functions that reading.md names, each reached by what it is for."""
    port = free_port()
    conf = tmp_path / "sentinel.conf"
    with start_server() as master:
        conf.write_text("port %d\nsentinel monitor m 127.0.0.1 %d 1\n" % (port, master.port))
        out = str(tmp_path / "out")
        with open(out, "w", encoding="utf-8") as f:
            p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", str(conf), "--sentinel", "--break", "sentinel"],
                                 stdin=subprocess.PIPE, stdout=f, stderr=f, text=True, cwd=str(tmp_path), env=dict(os.environ, PYTHONPATH=ROOT))

        def say(command):
            p.stdin.write(command + "\n")
            p.stdin.flush()

        try:
            wait_for(out, "aeMain()")
            say("c")
            wait_for(out, "sentinelTimer()\n")
            say("w")
            say("p 'epoch', sentinel.current_epoch")
            wait_for(out, "('epoch', 0)")
            with open(out, encoding="utf-8") as f:
                stack = re.findall(r"#\d+ +(\w+) \(", f.read())
            assert stack[:4] == ["sentinelTimer", "serverCron", "processTimeEvents", "aeProcessEvents"]
            say("phase sentinel")
            say("b sentinelRefreshInstanceInfo")
            say("c")
            wait_for(out, "sentinelRefreshInstanceInfo()\n")
            say("p 'info of', ri.name, ri.addr.port")
            wait_for(out, "('info of', b'm', %d)" % master.port)
            for n, (name, show, shown, command) in enumerate((
                    ("sentinelProcessHelloMessage", "hello", "b'1,2,3'", ("PUBLISH", "__sentinel__:hello", "1,2,3")),
                    ("sentinelVoteLeader", "req_epoch", "7", ("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", master.port, 7, "x" * 40)),
                    ("sentinelFailoverStateMachine", "ri.name", "b'm'", ("PING",)))):
                say("b " + name)
                say("c")
                c = RespClient(port, timeout=30)
                c.send(*command)
                wait_for(out, name + "()\n")
                say("p 'seen %d', %s" % (n, show))
                wait_for(out, "('seen %d', %s)" % (n, shown))
            say("q")
            assert p.wait(10) == 0
        finally:
            p.kill()
            p.wait()
