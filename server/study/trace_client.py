"""trace_client.py - the other end of DEBUG TRACE: a connection that switches the tracer on, and reads.       No counterpart in C

Lives here   Target: how a server is reached (TCP, TLS, Unix socket) and as whom; Connection: RESP; TracedServer: one server whose tracer
             is used; Lab: a server and a replica of our own.
Called from  trace_show.py.
State        none that outlives a call; a Lab's files stand in .lab/trace/ while it runs.
Departures   all of it is ours.

What goes wrong is a Refused with one line that says what to do.
"""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAIN = os.path.join(ROOT, "server", "__main__.py")
CHECKOUT = os.path.exists(os.path.join(ROOT, "setup.cfg"))
NO_TRACER = "this server has no tracer: is it aeredis?"
TIMEOUT = 10                           # s, for a connection and for each reply


class Refused(Exception):
    """What the user is told, in one line."""


class ServerError(Exception):
    """An error reply."""

    @property
    def text(self):
        return str(self)


class Target:
    """Where a server is, and how it is spoken to; `context`: an SSLContext for TLS, `path`: that of a Unix socket."""
    __slots__ = ("host", "port", "path", "context", "sni", "user", "password")

    def __init__(self, host="127.0.0.1", port=6379, path=None, context=None, sni=None, user=None, password=None):
        self.host, self.port, self.path, self.context, self.sni = host, port, path, context, sni
        self.user, self.password = user, password

    def at(self, host, port):
        """Return the server at another address, reached in the same way."""
        return Target(host, port, None, self.context, self.sni, self.user, self.password)

    def plain(self):
        """Return the same server without TLS."""
        return Target(self.host, self.port, self.path, None, None, self.user, self.password)

    def __str__(self):
        return self.path or "%s:%d" % (self.host, self.port)

    def open(self):
        """Return a connected socket.  Refused."""
        try:
            if self.path:
                sock = socket.socket(socket.AF_UNIX)
                try:
                    sock.settimeout(TIMEOUT)
                    sock.connect(self.path)
                except BaseException:
                    sock.close()
                    raise
            else:
                sock = socket.create_connection((self.host, self.port), TIMEOUT)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Refused("no server at %s (%s): start one, name its port with -p, or let --start do both" % (
                self, error.strerror or error)) from None
        if self.context is None:
            return sock
        try:
            return self.context.wrap_socket(sock, server_hostname=self.sni)
        except (OSError, ValueError) as error:
            sock.close()
            raise Refused("no TLS with %s (%s): --cacert FILE names the CA of its certificate; a port without TLS is asked without --tls" % (
                self, getattr(error, "reason", None) or error)) from None


def tls_context(cacert=None, cert=None, key=None, insecure=False):
    """Return the SSLContext that these files ask for; as in redis-cli the name in the certificate does not count.  Refused."""
    try:
        import ssl
    except ImportError:
        raise Refused("this Python was built without TLS (module ssl)") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if insecure:
        context.verify_mode = ssl.CERT_NONE
    name = cacert
    try:
        if cacert:
            context.load_verify_locations(cacert)
        elif not insecure:
            context.load_default_certs()
        if cert or key:
            name = cert
            if not cert or not key:
                raise Refused("--cert and --key belong together")
            for name in (cert, key):
                with open(name, "rb"):
                    pass
            name = "%s and %s" % (cert, key)
            context.load_cert_chain(cert, key, lambda: "")         # an encrypted key is refused, not asked for
    except OSError as error:
        raise Refused("cannot use %s for TLS: %s" % (name, error.strerror or getattr(error, "reason", None) or error)) from None
    return context


class Connection:
    """A RESP2 connection.  execute() returns bytes, int, None, a list, or a ServerError (not raised)."""

    def __init__(self, target):
        self.target = target
        self.answered = False
        self.connect()

    def connect(self):
        target = self.target
        self.buf = b""
        self.half_read = False             # Ctrl-C has ended the last command before its reply was here
        self.sock = target.open()
        if target.password is not None:
            reply = self.execute(*(("AUTH", target.user, target.password) if target.user else ("AUTH", target.password)))
            if isinstance(reply, ServerError):
                raise Refused("%s does not take this password: %s" % (target, reply))

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode("utf-8", "surrogateescape") for w in words]
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words))

    def execute(self, *words):
        """Send a command -> its reply.  After a command that Ctrl-C has interrupted, whose reply is still on its way, on a new connection."""
        if self.half_read:
            self.close()
            self.connect()
        self.half_read = True
        try:
            self.send(*words)
            reply = self.read()
        except (OSError, ValueError) as error:
            hint = ""
            if not self.answered and not self.target.path:
                hint = "; a TLS port wants --tls" if self.target.context is None else "; it may want a certificate: --cert FILE --key FILE"
            raise Refused("the server at %s has gone: %s%s" % (self.target, getattr(error, "strerror", None) or error, hint)) from None
        except RecursionError:
            raise Refused("the reply of the server at %s is nested too deeply to be read" % self.target) from None
        self.answered = True
        self.half_read = False
        return reply

    def line(self):
        while b"\r\n" not in self.buf:
            self.more()
        line, _, self.buf = self.buf.partition(b"\r\n")
        return line

    def more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise OSError(0, "it has closed the connection")
        self.buf += data

    def read(self):
        line = self.line()
        sign, rest = line[:1], line[1:]
        if sign == b"-":
            return ServerError(rest.decode("utf-8", "replace"))
        if sign == b":":
            return int(rest)
        if sign == b"$":
            size = int(rest)
            if size < 0:
                return None
            while len(self.buf) < size + 2:
                self.more()
            data, self.buf = self.buf[:size], self.buf[size + 2:]
            return data
        if sign == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return rest

    def info(self, section):
        reply = self.execute("INFO", section)
        if not isinstance(reply, bytes):
            return {}
        return dict(line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)

    def close(self):
        self.sock.close()


class TracedServer:
    """A server that is traced."""

    def __init__(self, target):
        self.target = target
        self.control = Connection(target)
        self.cursor = 0
        self.lost = 0
        self.events = []
        self.switched_on = False
        ping = self.control.execute("PING")
        if isinstance(ping, ServerError) and str(ping).startswith("NOAUTH"):
            raise Refused("the server at %s wants a password: --password, and --user where ACL users are in use" % target)
        server = self.control.info("server")
        self.word = "SENTINEL" if server.get("redis_mode") == "sentinel" else "DEBUG"
        self.role = "sentinel" if self.word == "SENTINEL" else self.control.info("replication").get("role", "master")
        self.pid = 0

    def __str__(self):
        return str(self.target)

    def trace(self, *words):
        """Run a subcommand of TRACE, or say what to do about its error."""
        reply = self.control.execute(self.word, "TRACE", *words)
        if isinstance(reply, ServerError):
            text = str(reply)
            if text.startswith("NOPERM"):
                user = self.target.user or "default"
                raise Refused("user %s of %s may not use the tracer: an administrator runs ACL SETUSER %s +debug|trace" % (
                    user, self, user))
            if "Unknown subcommand" in text or "unknown command" in text or "syntax error" in text and "TRACE" not in text:
                raise NotOurs("%s (%s)" % (NO_TRACER, self))
            raise Refused("%s: %s" % (self, text[4:] if text.startswith("ERR ") else text))
        return reply

    def switch_on(self):
        """Switch the tracer on, unless somebody has; then it stays on."""
        status = self.status()
        self.pid = status["pid"]
        if not status["on"]:
            self.trace("ON", "DETAIL")
            self.switched_on = True
        else:
            self.cursor = status["cursor"]

    def status(self):
        flat = self.trace("STATUS")
        if not isinstance(flat, list):
            raise NotOurs("%s (%s)" % (NO_TRACER, self))
        return {k.decode(): v for k, v in zip(flat[::2], flat[1::2])}

    def switch_off(self):
        if self.switched_on:
            self.switched_on = False
            with contextlib.suppress(Refused, OSError):
                self.trace("OFF")

    def read(self):
        """Fetch what is new -> list of events, which `events` has as well."""
        new = []
        while True:
            self.cursor, lost, lines = self.trace("READ", self.cursor, "COUNT", 5000)
            self.lost += lost
            new += [json.loads(line) for line in lines]
            if len(lines) < 5000:
                break
        self.events += new
        return new

    def replicas(self):
        """Return (ip, port) of the replicas that are online."""
        found = []
        for name, value in self.control.info("replication").items():
            if name.startswith("slave") and name[5:].isdigit():
                fields = dict(part.split("=", 1) for part in value.split(","))
                if fields.get("state") == "online":
                    found.append((fields["ip"], int(fields["port"])))
        return found

    def setting(self, name):
        """Return the value of a directive, or "" where CONFIG is refused."""
        reply = self.control.execute("CONFIG", "GET", name)
        return reply[1].decode("utf-8", "replace") if isinstance(reply, list) and len(reply) == 2 else ""

    def close(self):
        self.switch_off()
        self.control.close()


class NotOurs(Refused):
    """A server without tracer."""


@contextlib.contextmanager
def signals(handler):
    """Have handler(signum, frame) called once for SIGTERM, or SIGHUP: the terminal was closed.  Under nohup SIGHUP stays ignored."""
    before = [(signum, signal.getsignal(signum)) for signum in (signal.SIGTERM, signal.SIGHUP)]

    def once(signum, frame):
        for other, _ in before:                    # a shell, make and the terminal may each send one; what follows is to be done to its end
            signal.signal(other, signal.SIG_IGN)
        handler(signum, frame)
    for signum, old in before:
        if old is not signal.SIG_IGN:
            signal.signal(signum, once)
    try:
        yield
    finally:
        for signum, old in before:
            signal.signal(signum, old)


def free_ports(count):
    """Return ports below the ephemeral range that nobody listens on."""
    chooser = random.SystemRandom()
    while True:
        first = chooser.randrange(11000, 22000)
        try:
            for port in range(first, first + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        return list(range(first, first + count))


class Lab:
    """A server with an AOF, and a replica, in .lab/trace-PID/, for as long as a trace takes."""

    def __init__(self, options=()):
        self.dir = os.path.join(ROOT if CHECKOUT else os.getcwd(), ".lab", "trace-%d" % os.getpid())
        self.ports = free_ports(2)
        self.processes = []
        self.options = list(options)

    def __enter__(self):
        if not os.path.exists(MAIN):
            raise Refused("--start cannot start a server out of a zip file: pip install aeredis, or name a server with -p")
        try:
            self.start(self.ports[0], "master", "--appendonly", "yes", "--repl-diskless-sync-delay", "0", *self.options)
            self.start(self.ports[1], "replica", "--replicaof", "127.0.0.1", str(self.ports[0]))
            master = Connection(Target(port=self.ports[0]))
            self.wait(lambda: "state=online" in master.info("replication").get("slave0", ""), "the replica does not come online")
            master.close()
        except BaseException:
            self.end()
            raise
        return self

    def start(self, port, name, *options):
        folder = os.path.join(self.dir, name)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise Refused("cannot write to %s: %s" % (self.dir, error.strerror)) from None
        log = os.path.join(folder, "log")
        command = [sys.executable, MAIN, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
                   "--save", "", *options]
        with open(log, "ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True)
        self.processes.append(process)

        def answers():
            if process.poll() is not None:
                with open(log, encoding="utf-8", errors="replace") as f:
                    raise Refused("the server of this trace has ended: %s" % "".join(f.readlines()[-1:]).strip())
            with contextlib.suppress(Refused):
                connection = Connection(Target(port=port))
                reply = connection.execute("PING")
                connection.close()
                return not isinstance(reply, ServerError)
            return False
        self.wait(answers, "the server of this trace does not answer")

    @staticmethod
    def wait(condition, otherwise, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise Refused(otherwise)
            time.sleep(0.02)

    def __exit__(self, *exc):
        self.end()

    def end(self):
        """End the servers, and leave no file, however often Ctrl-C is pressed."""
        ours = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ours else None
        try:
            self.end_all()
        finally:
            if ours:
                signal.signal(signal.SIGINT, before)

    def end_all(self):
        """Do what end() promises."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.dir))        # if nobody else uses it
