"""testing.py - a Redis 6.2 for the tests of other projects.

    with aeredis.testing.RedisServer(maxmemory="10mb", save="") as server:
        redis.Redis.from_url(server.url).set("k", "v")

Lives here   RedisServer: starts the server as a process of its own, waits until it answers, ends it.
Called from  foreign tests; aeredis.pytest_plugin.
Invariant    Nothing of the server is imported here: the foreign process keeps its sys.path and its own `server`, `ae`, ...
             A process forked from the one that started a server neither ends it nor removes its files.
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from urllib.parse import quote

MAIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
POLL_SECONDS = 0.01
START_ATTEMPTS = 5           # with another port each, if another process took the one that was found


class RedisServerError(Exception):
    """The server did not start or did not answer; the text ends with its log."""


class RedisServer:
    """A server process.  Keywords are directives of redis.conf, with `_` for `-`:

        RedisServer(maxmemory_policy="allkeys-lru", appendonly=True, save=["900 1", "60 10000"])

    A string is written as it would stand in redis.conf, a list gives one line each, a tuple one line whose items are
    quoted, True and False are yes and no, None leaves the directive out.  By default the server listens on a free port of
    127.0.0.1 and saves nothing.  Ours, not directives:

    unixsocket=True    listen on a Unix socket in the server's directory, and on no port (a path: there)
    directory          where it works and leaves its files; default: a temporary one, removed by close()
    start_timeout      seconds to wait for the first answer
    """

    def __init__(self, *, port=None, unixsocket=None, directory=None, start_timeout=30, **directives):
        if directives.get("daemonize") not in (None, False, "no"):
            raise ValueError("daemonize: the server must stay a child of the test process")
        self.host = directives.get("bind", "127.0.0.1").split()[0]
        self.port = port             # None: to be found by start()
        self.unixsocket = unixsocket
        self.directory = directory
        self.directives = directives
        self.start_timeout = start_timeout
        self.process = None          # subprocess.Popen while it runs
        self._own_port = port is None and not unixsocket
        self._own_directory = directory is None
        self._owner = None           # pid that started it; a forked child is not the owner

    # ------------------------------------------------------------------ life

    def start(self):
        """Start the process and wait until it answers.  -> self.  Raises RedisServerError, with the log."""
        if self.process is not None:
            raise RedisServerError("the server runs already")
        if self.directory is None:
            self.directory = tempfile.mkdtemp(prefix="aeredis-")
        if self.unixsocket is True:
            self.unixsocket = os.path.join(self.directory, "redis.sock")
        self._owner = os.getpid()
        _servers.add(self)
        for attempt in range(START_ATTEMPTS):
            if self._own_port:
                self.port = free_port(self.host)
            self._launch()
            try:
                self._wait_ready()
                return self
            except RedisServerError as e:
                self._end(signal.SIGKILL)
                if not self._own_port or attempt == START_ATTEMPTS - 1 or "Address already in use" not in str(e):
                    self.close()
                    raise

    def stop(self, timeout=15):
        """End the process as SIGTERM does (it saves if `save` says so), after `timeout` seconds by SIGKILL; start() may
        follow.  -> exit code, None in a process that did not start it"""
        return self._end(signal.SIGTERM, timeout)

    def kill(self):
        """End the process by SIGKILL, as a power cut would; start() may follow.  -> exit code, or None"""
        return self._end(signal.SIGKILL)

    def close(self):
        """stop(), and remove the temporary directory.  Does nothing in a forked child."""
        if self._owner != os.getpid():
            return
        self.stop()
        if self._own_directory and self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None
            if self.unixsocket:
                self.unixsocket = True

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.close()

    @property
    def running(self):
        """Tell whether the process is alive.  Asks the system, since a forked child cannot wait for its sibling."""
        if self.process is None:
            return False
        if self._owner == os.getpid():
            return self.process.poll() is None
        try:
            os.kill(self.process.pid, 0)
        except OSError:
            return False
        return True

    # --------------------------------------------------------------- contact

    @property
    def pid(self):
        return self.process.pid if self.process else None

    @property
    def url(self):
        """What redis.Redis.from_url and other clients take: redis://host:port/0 or unix:///path?db=0."""
        password = self._password()
        user = ":%s@" % quote(password, safe="") if password else ""
        if self.unixsocket:
            return "unix://%s%s?db=0" % (user, quote(self.unixsocket))
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "redis://%s%s:%d/0" % (user, host, self.port)

    def client(self, **keywords):
        """Return a redis-py client of the server; needs the package redis."""
        import redis
        return redis.Redis.from_url(self.url, **keywords)

    def command(self, *words):
        """Send one command, without a client library.  -> the text of a bulk reply, else the first line of the reply

        Raises RedisServerError if it is an error, OSError if there is no answer."""
        with self._connect() as sock, sock.makefile("rb") as replies:
            if self._password():
                sock.sendall(_request("AUTH", self._password()))
                replies.readline()
            sock.sendall(_request(*words))
            line = replies.readline()
            if not line:
                raise ConnectionResetError("the server closed the connection")
            if line[:1] == b"$" and line[1:2] != b"-":
                return replies.read(int(line[1:]) + 2)[:-2].decode("utf-8", "replace")
        text = line[1:].decode("utf-8", "replace").rstrip("\r\n")
        if line[:1] == b"-":
            raise RedisServerError(text)
        return text

    def flush(self):
        """Remove all keys of all databases, and the scripts."""
        self.command("FLUSHALL")
        self.command("SCRIPT", "FLUSH")

    def log(self):
        """Return what the server has logged, as text; "" if there is nothing."""
        try:
            with open(os.path.join(self.directory, "aeredis.log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except (OSError, TypeError):
            return ""

    # -------------------------------------------------------------- the rest

    def _launch(self):
        conf = os.path.join(self.directory, "aeredis.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(self._configuration())
        # What is meant for the test process would end the server (a warning as an error) or keep it (inspect).
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONWARNINGS", "PYTHONINSPECT")}
        with open(os.path.join(self.directory, "aeredis.log"), "ab") as log:
            # A session of its own: Ctrl-C in the terminal is for the tests, which then end the server.
            self.process = subprocess.Popen([sys.executable, MAIN, conf], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, env=env, start_new_session=True)

    def _configuration(self):
        """Return the text of the configuration file."""
        directives = {"bind": "127.0.0.1", "save": ""}
        directives.update(self.directives)
        directives["dir"] = (self.directory,)
        directives["port"] = self.port or 0
        if self.unixsocket:
            directives["unixsocket"] = (self.unixsocket,)
        lines = []
        for name, value in directives.items():
            for item in value if isinstance(value, list) else [value]:
                if item is None:
                    continue
                if isinstance(item, bool):
                    text = "yes" if item else "no"
                elif isinstance(item, tuple):
                    text = " ".join(_quoted(str(word)) for word in item)
                else:
                    text = str(item) or '""'
                lines.append("%s %s\n" % (name.replace("_", "-"), text))
        return "".join(lines)

    def _wait_ready(self):
        """Wait until our process answers; an error like NOPERM is an answer, LOADING is none."""
        end = time.monotonic() + self.start_timeout
        last = "no answer"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RedisServerError("the server ended with exit code %d:\n%s" % (self.process.returncode, self.log()))
            try:
                last = self.command("PING")
                # Another server may have taken the port first; then ours ends at once.
                if "process_id:%d\r\n" % self.process.pid in self.command("INFO", "server"):
                    return
            except RedisServerError as e:
                last = str(e)
                if not last.startswith("LOADING"):
                    return
            except OSError as e:
                last = str(e)
            time.sleep(POLL_SECONDS)
        raise RedisServerError("the server was not ready in %g seconds (%s):\n%s" % (self.start_timeout, last, self.log()))

    def _end(self, signum, timeout=15):
        """Send the signal, wait, return the exit code; in a forked child only forget the process."""
        process, self.process = self.process, None
        if process is None or self._owner != os.getpid():
            return None
        if process.poll() is None:
            process.send_signal(signum)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def _connect(self):
        if not self.unixsocket:
            return socket.create_connection((self.host, self.port), timeout=self.start_timeout)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.start_timeout)
        try:
            sock.connect(self.unixsocket)
        except OSError:
            sock.close()
            raise
        return sock

    def _password(self):
        """Return the password of the default user as text, or None."""
        value = self.directives.get("requirepass")
        return value[0] if isinstance(value, tuple) else value or None


def _quoted(word):
    """Return `word` as one argument of a line of redis.conf."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return '"%s"' % escaped


def _request(*words):
    """Return the bytes of one request."""
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogateescape")
        out.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(out)


def free_port(host="127.0.0.1"):
    """Return a TCP port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


_servers = weakref.WeakSet()


def _after_fork():
    """In a forked child: the servers are not its children, so there is nothing to wait for or to warn about."""
    for server in list(_servers):
        if server.process is not None:
            server.process.returncode = 0


os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _close_all():
    """End what the program forgot; close() does nothing in a forked child that exits."""
    for server in list(_servers):
        server.close()
