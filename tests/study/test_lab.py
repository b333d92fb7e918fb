"""Lab sets: each kind starts, is broken and healed; what is typed; whatever ends a set leaves no process."""
import contextlib
import errno
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from server.study import lab as lab_module
from server.study.lab import LabError, LabSet, real_server, running_labs, wait_until
from server.study.lab_shell import COMMANDS, run_command, show_reply
from server.study.labclock import read as read_clock
from server.study.trace_client import Refused, ServerError
from tests.support.server import ROOT, free_port

LIMIT = 60                                          # s, for a machine that stands still
REAL = real_server()


@contextlib.contextmanager
def lab_set(kind, **options):
    """A set whose files are removed at the end.  Its processes are gone then."""
    lab = LabSet(kind, name="test-%s-%d" % (kind, os.getpid()), **options)
    try:
        with lab:
            yield lab
    finally:
        pids = [n.pid for n in lab.nodes if n.pid]
        if lab.dir:
            left = os.listdir(lab.dir)
            shutil.rmtree(lab.dir)
    assert not any(os.path.exists("/proc/%d" % pid) for pid in pids)
    assert "lab.json" not in left


def until(condition, what):
    return wait_until(condition, what, LIMIT)


def is_gone(pid):
    """Tell whether a process has ended -> True or False; a zombie has."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


# ------------------------------- the sets -------------------------------

def test_one_server_and_its_clock():
    with lab_set("single", conf={"maxmemory": "5mb", "client-output-buffer-limit": ["pubsub 1mb 1mb 5", "normal 0 0 0"]}) as lab:
        node, = lab.nodes
        assert node.ask("SET", "k", "v") == b"OK" and node.ask("CONFIG", "GET", "maxmemory")[1] == b"5242880"
        with pytest.raises(ServerError) as error:
            node.ask("INCR", "k")
        assert error.value.text == "ERR value is not an integer or out of range"
        with contextlib.closing(node.connect()) as connection:
            assert connection.execute("GET", "k") == b"v"
        assert "Ready to accept connections" in node.log() and node.alive and node.role == "server" and not node.real
        lab.kill(1)
        assert not node.alive and "ended" in lab.status()[0]
        with pytest.raises(LabError, match="not running"):
            node.ask("PING")
        with pytest.raises(LabError, match="not running: restart 1"):
            lab.stop(1)
        lab.restart(1, "--maxmemory", "6mb")
        assert node.ask("GET", "k") == b"v" and node.ask("CONFIG", "GET", "maxmemory")[1] == b"6291456"

        assert lab.clock == os.path.join(lab.dir, "clock")
        with contextlib.closing(node.connect()) as connection:
            lab.stop(1)
            assert [p["let_run"] for p in read_clock(lab.clock)["processes"]] == [True]
            assert "stopped" in lab.status()[0]
            with pytest.raises(LabError, match="stopped: `cont 1` first"):
                lab.freeze(1)
            lab.heal()
            assert connection.execute("GET", "k") == b"v"
            until(lambda: not read_clock(lab.clock)["processes"][0]["let_run"], "the flag stays")
            lab.freeze(1)
            assert [p["let_run"] for p in read_clock(lab.clock)["processes"]] == [False]
            assert "frozen" in lab.status()[0]
            with pytest.raises(LabError, match="frozen: `cont 1` first"):
                lab.stop(1)
            lab.cont(1)
            assert connection.execute("GET", "k") == b"v"


def test_replicas_held_and_healed():
    with lab_set("replicas") as lab:
        master, one, two = lab.nodes
        assert "master, 2 replicas" in lab.status()[0] and "replica of 1, connected" in lab.status()[1]
        lab.isolate(2)
        assert master.ask("SET", "k", "v") == b"OK"
        until(lambda: two.ask("GET", "k") == b"v", "the write does not come to node 3")
        assert one.ask("GET", "k") is None and "cut: 1 - 2, 2 - 3" in lab.status()
        lab.heal()
        until(lambda: one.ask("GET", "k") == b"v", "the write does not come after the heal")
        assert not any(line.startswith("cut") for line in lab.status())

        # A slow wire: to the replica, so that WAIT is to wait for it.
        lab.delay(1, 2, 700, both=False)
        start = time.monotonic()
        with contextlib.closing(master.connect()) as connection:
            connection.sock.settimeout(LIMIT)
            assert connection.execute("SET", "k", "w") == b"OK" and connection.execute("WAIT", 2, 0) == 2
        assert time.monotonic() - start >= 0.7
        assert "delayed: 1 -> 2 700 ms" in lab.status()

        # Time stands for the others while one is frozen: see the clock.  A stop is a failure, and time runs.
        lab.heal()
        lab.freeze(3)
        until(lambda: read_clock(lab.clock)["stands"] == two.pid, "time does not stand")
        lab.cont(3)
        until(lambda: not read_clock(lab.clock)["stands"], "time stands still")
        lab.kill(1)
        lab.restart(1)
        until(lambda: master.ask("INFO", "replication").count(b"state=online") == 2, "the replicas do not come back")
        assert master.ask("GET", "k") == b"w"


def owner_of_first_slot(lab, but):
    """Return the number of the node that the majority takes for the master of slot 0."""
    for node in lab.nodes:
        if node.number not in but:
            slots = node.ask("CLUSTER", "SLOTS")
            first = next((s for s in slots if s[0] == 0), None)
            return first and first[2][1] - lab.nodes[0].port + 1


def test_a_cluster_loses_a_confirmed_write_in_the_minority():
    """By isolate, heal; then by kill."""
    key = "{bar}1"                                  # slot 5061, of node 1
    with lab_set("cluster", conf={"cluster-node-timeout": 1500}) as lab:
        one, four = lab.nodes[0], lab.nodes[3]
        assert one.ask("SET", key, "before") == b"OK"
        until(lambda: four.ask("DBSIZE") == 1, "the write does not come to node 4")
        lab.isolate(1)
        assert one.ask("SET", key, "lost") == b"OK"
        until(lambda: owner_of_first_slot(lab, (1,)) == 4 and lab.agreed(but=(1,)), "node 4 is not elected")
        assert four.ask("GET", key) == b"before"
        until(lambda: "cluster is down" in lab.status()[0], "the minority goes on")
        with pytest.raises(ServerError, match="CLUSTERDOWN"):
            one.ask("SET", key, "refused")
        lab.heal()
        until(lambda: lab.agreed() and lab.replicas_online(), "no agreement after the heal")
        assert one.ask("ROLE")[0] == b"slave"
        until(lambda: one.ask("DEBUG", "DIGEST") == four.ask("DEBUG", "DIGEST"), "node 1 does not follow")
        assert four.ask("GET", key) == b"before"

        lab.kill(4)
        until(lambda: owner_of_first_slot(lab, (4,)) == 1 and lab.agreed(but=(4,)), "node 1 is not elected")
        lab.restart(4)
        until(lambda: lab.agreed() and four.ask("ROLE")[0] == b"slave", "node 4 does not come back as a replica")
        kinds = {kind for _, _, kind, _ in lab.switchboard.ask("state")["counts"]}
        assert {"ping", "pong", "meet", "fail", "auth-req", "auth-ack", "psync", "bytes"} <= kinds


def test_sentinels_switch_by_isolate_and_by_kill():
    """Every second node is C's, where there is one."""
    real = "mix" if REAL else None
    with lab_set("sentinel", masters=1, down_after=1000, real=real) as lab:
        sentinels = lab.nodes[2:]
        assert [n.role for n in lab.nodes] == ["server"] * 2 + ["sentinel"] * 3 and [n.real for n in lab.nodes] == [
            bool(real) and i % 2 == 1 for i in range(5)]

        def master():
            """The number of the master, if all Sentinels that are not cut off name the same one."""
            found = {tuple(n.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")) for n in sentinels}
            return next(n.number for n in lab.nodes if found == {(n.announced.encode(), b"%d" % n.port)})

        def is_master(number):
            with contextlib.suppress(StopIteration):
                return master() == number and lab.nodes[number - 1].ask("ROLE")[0] == b"master"

        assert master() == 1 and "Sentinel: mymaster is 1" in lab.status()[2]
        for n in sentinels:                         # the second failover would wait for twice this time
            n.ask("SENTINEL", "SET", "mymaster", "failover-timeout", 3000)
        assert lab.nodes[0].ask("SET", "k", "before") == b"OK"
        until(lambda: lab.nodes[1].ask("GET", "k") == b"before", "the write does not come to node 2")
        lab.isolate(1)
        assert lab.nodes[0].ask("SET", "k", "lost") == b"OK"
        until(lambda: is_master(2), "node 2 is not promoted")
        lab.heal()
        until(lambda: lab.nodes[0].ask("ROLE")[3:4] == [b"connected"] and lab.nodes[0].ask("GET", "k") == b"before", "node 1 does not follow")
        lab.kill(2)
        until(lambda: is_master(1), "node 1 is not promoted")
        assert lab.nodes[0].ask("GET", "k") == b"before"
        assert any(kind == "hello" for _, _, kind, _ in lab.switchboard.ask("state")["counts"])
        if real:
            with pytest.raises(LabError, match="no lab clock, since C's servers do not know it"):
                lab.freeze(1)


# ------------------------------- what goes wrong -------------------------------

def test_a_taken_port():
    port = free_port(3)
    with socket.create_server(("127.0.0.1", port + 2)), pytest.raises(LabError, match="^port %d is taken: choose others with --port$" % (port + 2)):
        with lab_set("replicas", port=port):
            pass
    with pytest.raises(LabError, match="^port 65536 is taken"):
        LabSet("replicas", "test-port-%d" % os.getpid(), port=65534).start()
    shutil.rmtree(os.path.join(ROOT, ".lab", "test-port-%d" % os.getpid()))


def test_a_port_that_is_taken_meanwhile(monkeypatch):
    port = free_port()
    monkeypatch.setattr(LabSet, "first_taken", lambda *args: None)
    with socket.create_server(("", port)), pytest.raises(LabError, match="^port %d is taken: choose others with --port$" % port):
        with lab_set("single", port=port):
            pass


def test_too_few_addresses(monkeypatch):
    class Socket(socket.socket):
        def bind(self, address):
            if address[0] == "127.1.1.12":
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)
    monkeypatch.setattr(lab_module, "running_labs", list)
    monkeypatch.setattr(lab_module.socket, "socket", Socket)
    with pytest.raises(LabError, match="no address 127.1.1.12, .*ifconfig lo0 alias"):
        with lab_set("replicas"):
            pass


def test_a_node_that_dies_at_its_start():
    with pytest.raises(LabError) as error:
        with lab_set("single", conf={"maxmemory-policy": "all-at-once"}):
            pass
    assert re.match(r"node 1 \(127\.0\.0\.1:\d+\) has ended with 1 at its start:\n", str(error.value))
    assert "maxmemory-policy all-at-once" in str(error.value)


def test_a_set_that_does_not_exist():
    for arguments, text in (({"kind": "ring"}, "no lab set ring: single, replicas, cluster, sentinel"), ({"kind": "single", "masters": 2}, "no such set"),
                            ({"kind": "cluster", "real": "both"}, "all, mix or None"), ({"kind": "cluster", "masters": 60}, "at most 100"),
                            ({"kind": "replicas", "replicas": -1}, "no such set")):
        with pytest.raises(LabError, match=text):
            LabSet(**arguments)
    with pytest.raises(LabError, match="no name for a lab"):
        LabSet("single", "../x").start()


# ------------------------------- what is typed -------------------------------

def test_words_at_the_prompt():
    with lab_set("replicas", replicas=1) as lab:
        def do(line):
            return "\n".join(lab.command(line.split()))
        with pytest.raises(LabError, match="is running: end it with"):
            LabSet("replicas", lab.name).start()
        assert do("") == "" and all(name in do("help") for name in COMMANDS)
        assert "master, 1 replica" in do("status")
        assert do("cli 1 set k v") == "OK" and do("CLI 1 incr k") == "(error) ERR value is not an integer or out of range"
        assert "is dead" in do("kill 2") and "replica of 1" in do("restart 2") and "Ready to accept" in do("log 2 100")
        assert "stands still, time runs" in do("stop 2") and "goes on" in do("cont 2") and "and time with it" in do("freeze 2")
        assert do("isolate 2").startswith("nothing passes between 2 and the others")
        assert do("cut 1 2 oneway").startswith("nothing passes from 1 to 2") and do("delay 1 2 50") == "what passes between 1 and 2 takes 50 ms each way"
        assert do("drop 1 9").endswith("are closed when it has sent 9 bytes; they may be made again") and "closed; they" in do("drop 1")
        assert do("heal") == "all nodes reach each other again" and lab.nodes[1].held == ""
        assert " 1 -> 2   " in do("counts") and "fullresync" in do("counts")
        trace = os.path.join(lab.dir, "trace.json")
        assert "events of 2 servers" in do("trace %s 1" % trace)
        with open(trace, encoding="utf-8") as f:
            assert json.load(f)["traceEvents"]
        for line, text in (("kil 1", "no command kil"), ("kill", "usage: kill N"), ("kill 3", "no node 3: 1 to 2"), ("kill x", "no node x"),
                           ("cut 1", r"usage: cut A B \[oneway\]"), ("cut 1 2 twice", "usage: cut"), ("delay 1 2 soon", "MS is 0 to 600000, not soon"),
                           ("delay 1 2 -5", "MS is"), ("isolate", "usage: isolate"), ("isolate 7", "no node 7"), ("cli 1", "usage: cli"),
                           ("trace", "usage: trace"), ("trace /nowhere/x 1", "cannot write to /nowhere/x"), ("trace x 0", "SECONDS is 1 to 600"),
                           ("heal all", "usage: heal"),
                           ("drop 1 x", "BYTES is"), ("drop 3", "no node 3"),
                           ("log 1 no", "LINES is"), ("kill " + "9" * 5000, "no node 9"), ("log 1 " + "9" * 5000, "LINES is"),
                           ("quit now", "usage: quit"), ("cut 0 \u0661", "no node 0")):
            with pytest.raises(Refused, match=text):
                run_command(lab, line.split())
        assert do("quit").startswith("all nodes of") and lab.ended.is_set()


def test_replies_as_redis_cli_shows_them():
    assert show_reply([b"a", [1, None], [], ServerError("ERR x"), b"two\nlines"]) == [
        "1) a", "2) 1) (integer) 1", "   2) (nil)", "3) (empty array)", "4) (error) ERR x", "5) two", "   lines"]
    assert show_reply(b"") == ['""']


# ------------------------------- aeredis-lab -------------------------------

class Shell:
    """aeredis-lab in a process of its own, and another terminal."""
    COMMAND = [sys.executable, "-m", "server.study.lab_shell"]

    def __init__(self, *arguments, nodes=2, stdin=subprocess.DEVNULL):
        self.nodes = nodes
        self.name = "test-shell-%d" % os.getpid()
        self.dir = os.path.join(ROOT, ".lab", self.name)
        self.port = free_port(2)
        self.process = subprocess.Popen([*self.COMMAND, "--name", self.name, "replicas", "--replicas", str(nodes - 1), "--port", str(self.port),
                                         *arguments],
                                        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        for pid in self.pids():
            end = time.monotonic() + LIMIT
            while not is_gone(pid):
                assert time.monotonic() < end, "process %d is left" % pid
                time.sleep(0.02)
        shutil.rmtree(self.dir, ignore_errors=True)

    def pids(self):
        """Processes that work in the folder of the lab, however they came to be."""
        found = []
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink("/proc/%s/cwd" % pid).startswith(self.dir):
                        found.append(int(pid))
        return found

    def wait_ready(self):
        text = ""
        while "Ctrl-C or quit" not in text:
            line = self.process.stdout.readline()
            assert line, text
            text += line
        assert len(self.pids()) >= self.nodes           # there may be a child that rewrites its AOF
        return text

    def other(self, *words, code=0):
        """Say something in another terminal -> what it prints."""
        run = subprocess.run([*self.COMMAND, "--name", self.name, *words], capture_output=True, text=True, cwd=ROOT, check=False, timeout=2 * LIMIT)
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout + run.stderr


def test_from_another_terminal():
    with Shell() as shell:
        text = shell.wait_ready()
        assert "127.0.0.1:%d" % shell.port in text and "isolate 2" in text and shell.dir in text
        assert shell.name in {lab["name"] for lab in running_labs()}
        assert "master, 1 replica" in shell.other("status")
        assert shell.other("cli", "1", "set", "k", "v") == "OK\n"
        assert shell.other("kill", "5", code=1) == "aeredis-lab: there is no node 5: 1 to 2\n"
        # Words that begin with a dash are the command's.
        assert "replica of 1" in shell.other("restart", "2", "--maxmemory", "5mb")
        assert shell.other("cli", "2", "config", "get", "maxmemory") == "1) maxmemory\n2) 5242880\n"
        # Without the token nothing is done.
        with open(os.path.join(shell.dir, "lab.json"), encoding="utf-8") as f:
            control = json.load(f)["control"]
        assert os.stat(os.path.join(shell.dir, "lab.json")).st_mode & 0o077 == 0
        for request in (b'{"words": ["quit"]}\n', b'{"token": "x", "words": ["quit"]}\n', b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"\xff\n", b"[" * 100000 + b"\n"):
            with socket.create_connection(("127.0.0.1", control), LIMIT) as sock:
                sock.sendall(request)
                assert sock.recv(100) == b""
        shell.other("quit")
        assert shell.process.wait(LIMIT) == 0 and not shell.pids()
        assert shell.other("status", code=1) == "aeredis-lab: no lab %s is running\n" % shell.name


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_nothing_running(signum):
    """A node that stands still is ended as well."""
    with Shell(nodes=1) as shell:
        shell.wait_ready()
        os.kill(shell.pids()[0], signal.SIGSTOP)
        shell.process.send_signal(signum)
        assert shell.process.wait(LIMIT) == (-signum if signum == signal.SIGKILL else 0)
        end = time.monotonic() + LIMIT
        while shell.pids() and time.monotonic() < end:
            time.sleep(0.02)
        assert not shell.pids()


def test_a_signal_while_it_starts():
    with Shell(nodes=1) as shell:
        end = time.monotonic() + LIMIT
        while not shell.pids() and time.monotonic() < end:
            time.sleep(0.01)
        shell.process.send_signal(signal.SIGINT)
        assert shell.process.wait(LIMIT) == 0 and not shell.pids()


def test_what_it_says_of_a_taken_port():
    with Shell() as shell, socket.create_server(("127.0.0.1", shell.port + 1)):
        shell.process.wait(LIMIT)
        if shell.process.returncode:                # else it was quicker than this test
            assert shell.process.stdout.read() == "aeredis-lab: port %d is taken: choose others with --port\n" % (shell.port + 1)
            assert shell.process.returncode == 1


def test_at_a_terminal():
    master, slave = pty.openpty()
    with Shell(stdin=slave) as shell:
        os.close(slave)
        shell.wait_ready()
        os.write(master, b"cli 1 set k 'v w'\ncli 1 get k\nfoo\nkill 2\ncli 2 ping\n\x04")
        text = shell.process.stdout.read()
        assert shell.process.wait(LIMIT) == 0, text
        assert re.sub(r"\S+> ", "", text) == ("OK\nv w\nthere is no command foo; help lists them\nnode 2 (127.0.0.1:%d) is dead\n"
                                              "node 2 (127.0.0.1:%d) is not running\nall nodes are ended\n" % ((shell.port + 1,) * 2)), text
    os.close(master)


def test_a_terminal_that_is_closed():
    master, slave = pty.openpty()
    with Shell(stdin=slave) as shell:
        os.close(slave)
        shell.wait_ready()
        os.close(master)                                # no SIGHUP: it is not the terminal that controls the process
        assert shell.process.wait(LIMIT) == 0 and not shell.pids()
