"""sentinel_set.py - one master, two replicas and three Sentinels on ports in a row, for tests.  `make sentinel` is server/study/lab.py.

Some of the Sentinels may be real ones: they vote together with ours.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tests.support.resp import RespClient
from tests.support.server import ROOT, real_server_path


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
