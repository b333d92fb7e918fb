"""chains.py - the promise "the stack is gdb's", as data: who calls whom in C, and who does here.       `make chains`

    python -m tests.study.chains            builds C 6.2.14 at -O0, runs the workload under gdb, writes chains.txt
    python -m tests.study.chains --check    the same, but compares with chains.txt instead of writing it
    python -m tests.study.chains --ours     runs our server and prints what differs from chains.txt

A chain starts at a recorded function (FUNCTIONS of workload.py), goes on through the functions in between, and ends at the next
recorded function that they enter.  So each chain is short, and together they tell every way from aeMain down.

Left out on the C side: the frames of the Lua interpreter, which is not Redis.  Left out on our side: functions that C does not
have and whose names say so (snake_case, or the name of a C function with a `_part`); comprehensions, which have frames before
CPython 3.12.  What still differs is listed in differences.txt, each group with its reason: `-` is a chain that only C
has, `+` one that only we have.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tests.study import workload
from tests.support.resp import RespClient
from tests.support.server import ROOT, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
CHAINS = os.path.join(HERE, "chains.txt")
DIFFERENCES = os.path.join(HERE, "differences.txt")
LUA = re.compile(r"lua(|[A-Z]|L)_")


def cut(names):
    """Return `names`, a chain from aeMain on, from the last recorded caller on, as one string."""
    start = max((j for j, name in enumerate(names[:-1]) if name in RECORDED), default=0)
    return " ".join(names[start:])


RECORDED = frozenset(workload.FUNCTIONS)


def c_chains(path):
    """Read what gdb_chains.py has written -> set of chains."""
    with open(path, encoding="utf-8") as f:
        return {cut([name for name in line.split() if not LUA.match(name)]) for line in f}


def our_chains(path, c_names):
    """Read what chains_server.py has written -> set of chains, without the functions that are ours."""
    with open(path, encoding="utf-8") as f:
        return {cut([name for name in line.split() if not is_ours(name, c_names)]) for line in f}


def is_ours(name, c_names):
    """True if C has no function `name` and the spelling says so -> bool"""
    return name not in c_names and ("_" in name.strip("_") or name.startswith("<"))


def names_of(chains):
    return {name for chain in chains for name in chain.split()}


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return {line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")}


def drive(command, env):
    """Start `command` as a server, run the workload, end the server by SIGTERM."""
    port = free_port()
    directory = tempfile.mkdtemp(prefix="aeredis-chains-")
    try:
        with open(os.path.join(directory, "log"), "wb") as log:
            process = subprocess.Popen(command + ["--port", str(port), "--dir", directory] + workload.OPTIONS,
                                       stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, cwd=ROOT)
        try:
            pid = wait_ready(port, process)
            workload.run(port)
            os.kill(pid, signal.SIGTERM)
            if process.wait(60) != 0:
                raise RuntimeError("exit status %d" % process.returncode)
        except Exception:
            process.kill()
            process.wait()
            with open(os.path.join(directory, "log"), encoding="utf-8", errors="replace") as log:
                sys.stderr.write(log.read()[-4000:])
            raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def wait_ready(port, process):
    """Wait until the server answers -> its process id (under gdb not that of the child)"""
    deadline = time.monotonic() + 60
    while True:
        try:
            with RespClient(port, timeout=60) as client:
                info = client.execute("INFO", "server").decode()
                return int(re.search(r"process_id:(\d+)", info).group(1))
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server does not start") from None
            time.sleep(0.05)


def record_ours():
    """Run the workload on our server, the fast path off -> set of chains"""
    c_names = names_of(read_lines(CHAINS))
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "chains")
        drive([sys.executable, "-m", "tests.study.chains_server", out, "--fast-path", "no"], dict(os.environ, PYTHONPATH=ROOT))
        return our_chains(out, c_names)


def build_c():
    """Build the C server without optimization in .redis-suite/O0, once -> path of redis-server"""
    from tests.redis_suite.run import TREE, WORK, fetch
    target = os.path.join(WORK, "O0")
    binary = os.path.join(target, "src", "redis-server")
    if not os.path.exists(binary):
        if not shutil.which("gcc") or not shutil.which("make"):
            sys.exit("gcc and make build the C server (Debian: apt-get install build-essential)")
        fetch()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(TREE, target, ignore=shutil.ignore_patterns("tmp"))
        src = os.path.join(target, "src")
        for name in ("redis-server", "redis-cli", "redis-benchmark", "redis-sentinel"):     # the suite's scripts
            if os.path.lexists(os.path.join(src, name)):
                os.unlink(os.path.join(src, name))
        subprocess.run(["make", "-s", "-C", src, "-j2", "redis-server", "OPTIMIZATION=-O0", "MALLOC=libc",
                        "CFLAGS=-g -fno-inline"], check=True, stdout=subprocess.DEVNULL)
    return binary


def record_c():
    """Run the workload on the C server under gdb -> set of chains"""
    if not shutil.which("gdb"):
        sys.exit("gdb is not on PATH (Debian: apt-get install gdb)")
    binary = build_c()
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "chains")
        env = dict(os.environ, CHAINS_FUNCTIONS=" ".join(workload.FUNCTIONS), CHAINS_OUT=out)
        drive(["gdb", "-batch", "-x", os.path.join(HERE, "gdb_chains.py"), "--args", binary], env)
        return c_chains(out)


def difference(expected, got):
    """Return the lines of differences.txt that would make both sets equal, sorted."""
    return sorted(["- " + chain for chain in expected - got] + ["+ " + chain for chain in got - expected],
                  key=lambda line: (line[2:], line[0]))


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.study.chains")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--ours", action="store_true")
    args = parser.parse_args()
    if args.ours:
        known = read_lines(DIFFERENCES)
        lines = difference(read_lines(CHAINS), record_ours())
        for line in lines:
            print("%s%s" % (line, "" if line in known else "        not in differences.txt"))
        for line in sorted(known - set(lines)):
            print("%s        in differences.txt, but not seen" % line)
        chains = read_lines(CHAINS)
        print("%d of %d chains of C equal" % (len(chains) - sum(line[0] == "-" for line in lines), len(chains)))
        sys.exit(bool(set(lines) ^ known))
    chains = record_c()
    if args.check:
        lines = difference(read_lines(CHAINS), chains)
        print("\n".join(lines) or "%d chains, as in chains.txt" % len(chains))
        sys.exit(bool(lines))
    with open(CHAINS, "w", encoding="utf-8") as f:
        f.write("".join(chain + "\n" for chain in sorted(chains)))
    print("%d chains of %d functions written" % (len(chains), len({chain.split()[-1] for chain in chains})))


if __name__ == "__main__":
    main()
