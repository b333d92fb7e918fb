"""sentinel_set.py - one master, two replicas and three Sentinels, to look at and to break.       (make sentinel)

    python -m tests.support.sentinel_set [--port 7000] [--real] [--down-after MS]

Prints the ports and what to try; the events of the Sentinels follow on the screen. Ctrl-C ends all and removes the files. With
--real two of the Sentinels are real ones, where a redis-server is at hand: they vote together with ours.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from tests.support.resp import RespClient
from tests.support.server import ROOT, real_server_path

TRY = """
Try, in another terminal:

    redis-cli -p %(sentinel)d sentinel get-master-addr-by-name mymaster      who is the master?
    redis-cli -p %(sentinel)d sentinel master mymaster                       all that this Sentinel knows of it
    kill -9 %(pid)d                                                    the master dies; a replica takes its place
    redis-cli -p %(master)d debug sleep 10                                 it only hangs: a failover, and a master too many
    redis-cli -p %(sentinel)d sentinel failover mymaster                     by hand, without an election
    kill -STOP %(spid)d ; sleep 5 ; kill -CONT %(spid)d                  a Sentinel stands still: TILT

Ctrl-C ends everything.
"""


def wait_for(port, timeout=20):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            with RespClient(port, timeout=1) as c:
                c.execute("PING")
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("nobody answers at port %d" % port)


class SentinelSet:
    """The processes; `start` returns when all of them answer."""

    def __init__(self, port, real=0, down_after=2000):
        self.ports = list(range(port, port + 3))                   # master, replica, replica
        self.sentinel_ports = list(range(port + 10, port + 13))
        self.real = real                                           # how many Sentinels are real ones
        self.down_after = down_after
        self.dir = tempfile.mkdtemp(prefix="aeredis-sentinel-")
        self.processes = {}                                        # port -> Popen

    def launch(self, port, lines, sentinel=False, real=False):
        folder = os.path.join(self.dir, str(port))
        os.makedirs(folder)
        conf = os.path.join(folder, "conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("\n".join(["port %d" % port, "bind 127.0.0.1", "dir %s" % folder, "logfile %s/log" % folder] + lines) + "\n")
        command = [real_server_path()] if real else [sys.executable, "-m", "server"]
        self.processes[port] = subprocess.Popen(command + [conf] + (["--sentinel"] if sentinel else []), cwd=folder,
                                                env=dict(os.environ, PYTHONPATH=ROOT), start_new_session=True)

    def log(self, port):
        return os.path.join(self.dir, str(port), "log")

    def start(self):
        for port in self.ports + self.sentinel_ports:
            try:
                RespClient(port, timeout=1).close()
            except OSError:
                continue
            raise SystemExit("port %d is taken: choose another with --port" % port)
        for port in self.ports:
            self.launch(port, ['save ""'] + ([] if port == self.ports[0] else ["replicaof 127.0.0.1 %d" % self.ports[0]]))
        for port in self.ports:
            wait_for(port)
        for i, port in enumerate(self.sentinel_ports):
            self.launch(port, ["sentinel monitor mymaster 127.0.0.1 %d 2" % self.ports[0],
                               "sentinel down-after-milliseconds mymaster %d" % self.down_after,
                               "sentinel failover-timeout mymaster 10000"], sentinel=True, real=i >= 3 - self.real)
        for port in self.sentinel_ports:
            wait_for(port)
        return self

    def tails(self, lines=25):
        """Return the last lines of every log, for the message of a test that fails."""
        text = []
        for port in self.processes:
            with open(self.log(port), encoding="utf-8", errors="replace") as f:
                text += ["\n--- %d" % port, *f.read().splitlines()[-lines:]]
        return "\n".join(text)

    def stop(self):
        """End all processes, stopped ones too, and remove their files."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
        end = time.monotonic() + 10
        for process in self.processes.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def follow(name, path, stop):
    """Print the lines that come to the log at `path`, until `stop` is set."""
    with open(path, encoding="utf-8", errors="replace") as f:
        f.seek(0, os.SEEK_END)
        while not stop.is_set():
            line = f.readline()
            if line:
                print("%s  %s\n" % (name, line.rstrip("\n")), end="", flush=True)      # one write: threads
            else:
                time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.sentinel_set")
    parser.add_argument("--port", type=int, default=7000, help="the master; replicas at +1, +2, Sentinels at +10, +11, +12")
    parser.add_argument("--real", action="store_true", help="two of the three Sentinels are real ones")
    parser.add_argument("--down-after", type=int, default=2000, metavar="MS")
    args = parser.parse_args()
    if args.real and real_server_path() is None:
        sys.exit("--real: there is no redis-server (Debian: apt-get install redis-server)")

    for signum in (signal.SIGINT, signal.SIGTERM):     # SIGINT: a shell's background job has it ignored
        signal.signal(signum, signal.default_int_handler)
    s = SentinelSet(args.port, 2 if args.real else 0, args.down_after)
    stop = threading.Event()
    try:
        s.start()
        print("master    %d\nreplicas  %d %d\nSentinels %d %d %d%s\nfiles     %s" % (
            *s.ports, *s.sentinel_ports, " (the last two are real ones)" if args.real else "", s.dir))
        print(TRY % {"sentinel": s.sentinel_ports[0], "master": s.ports[0], "pid": s.processes[s.ports[0]].pid,
                     "spid": s.processes[s.sentinel_ports[0]].pid}, flush=True)
        for port in s.sentinel_ports:
            threading.Thread(target=follow, args=(port, s.log(port), stop), daemon=True).start()
        while 1:
            time.sleep(1)
            for port, process in list(s.processes.items()):
                if process.poll() is not None:
                    print("%d  ended with %d" % (port, process.returncode), flush=True)
                    del s.processes[port]
    except KeyboardInterrupt:
        print()
    finally:
        stop.set()
        s.stop()


if __name__ == "__main__":
    main()
