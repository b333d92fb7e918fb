"""Start and end of the server process: daemon, pid file, supervision, sockets, addresses, signals, exit codes.

Most tests run against the real server as well, where there is one: what we expect is what C does.
"""
import os
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import ROOT, free_port, real_server_path


class Run:
    """A server process with nothing but the given arguments, in a directory of its own."""

    def __init__(self, command, directory):
        self.command = command
        self.dir = str(directory)
        self.port = free_port()
        self.process = None
        self.others = []

    def start(self, *args, port=True, env=None, stdin=None, save=False):
        args = [*(("--port", str(self.port)) if port else ()), *(() if save else ("--save", "")), *[str(a) for a in args]]
        with open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(self.command + args, cwd=self.dir, env=dict(os.environ, PYTHONPATH=ROOT, **(env or {})),
                                            stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        return self

    def path(self, name):
        return os.path.join(self.dir, name)

    def connect(self, **kw):
        end = time.monotonic() + 10
        while True:
            try:
                return RespClient(None if "unixsocket" in kw else self.port, **kw)
            except OSError:
                assert time.monotonic() < end, self.log()
                time.sleep(0.02)

    def log(self, name="out"):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def wait(self, timeout=10):
        return self.process.wait(timeout)

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.wait()

    def cleanup(self):
        for pid in self.others:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


OURS = [sys.executable, "-m", "server"]


@pytest.fixture
def ours(tmp_path):
    r = Run(OURS, tmp_path)
    yield r
    r.cleanup()


@pytest.fixture(params=["real", "ours"])
def run(request, tmp_path):
    real = real_server_path()
    if request.param == "real" and real is None:
        pytest.skip("no real server at hand")
    r = Run([real] if request.param == "real" else OURS, tmp_path)
    yield r
    r.cleanup()


def test_daemon(run):
    run.start("--daemonize", "yes", "--pidfile", run.path("p.pid"), "--logfile", run.path("log"))
    assert run.wait() == 0 and run.log() == ""                          # the starter has nothing to say
    with run.connect() as c:
        assert c.execute("PING") == b"PONG"
        with open(run.path("p.pid")) as f:
            pid = int(f.read())
        run.others.append(pid)
        assert os.getsid(pid) == pid
        assert [os.readlink("/proc/%d/fd/%d" % (pid, fd)) for fd in range(3)] == ["/dev/null"] * 3
        assert os.readlink("/proc/%d/cwd" % pid) == run.dir
        c.send("SHUTDOWN")
        assert c.at_eof()
    run.wait_for(lambda: not os.path.exists(run.path("p.pid")))
    assert "bye bye" in run.log("log")


def test_pid_file_that_cannot_be_written_does_not_matter(run):
    run.start("--pidfile", "/nonexistent/p.pid")
    run.connect().close()
    assert run.end() == 0


def systemd_messages(sock, count):
    sock.settimeout(10)
    return [sock.recv(1000).decode() for _ in range(count)]


@pytest.mark.parametrize("mode", ["systemd", "auto"])
@pytest.mark.parametrize("abstract", [False, True])
def test_systemd(ours, mode, abstract):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        path = "@aeredis-test-%d-%s" % (os.getpid(), mode) if abstract else ours.path("notify")
        notify.bind(path.replace("@", "\0"))
        # Supervised: it stays in the foreground whatever daemonize says.
        ours.start("--supervised", mode, "--daemonize", "yes", env={"NOTIFY_SOCKET": path})
        messages = systemd_messages(notify, 1)
        assert messages == ["STATUS=Redis is loading...\n"]
        if mode == "systemd":
            assert systemd_messages(notify, 2) == ["STATUS=Ready to accept connections\n", "READY=1\n"]
        with ours.connect() as c:
            assert b"process_supervised:systemd" in c.execute("INFO", "server")
        assert ours.process.poll() is None
        assert ours.end() == 0
        if mode == "systemd":
            assert systemd_messages(notify, 1) == ["STOPPING=1\n"]


def test_systemd_without_its_socket(ours):
    ours.start("--supervised", "systemd", env={"NOTIFY_SOCKET": ""})
    ours.connect().close()
    assert "systemd supervision error: NOTIFY_SOCKET not found!" in ours.log()
    assert ours.end() == 0


def test_upstart_stops_the_process_when_it_is_ready(run):
    run.start("--supervised", "upstart", env={"UPSTART_JOB": "redis"})

    def state():
        with open("/proc/%d/stat" % run.process.pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    run.wait_for(lambda: state() == "T")
    run.process.send_signal(signal.SIGCONT)
    run.connect().close()
    assert run.end() == 0


def test_syslog(run):
    # Nobody may be listening on /dev/log: that harms nothing.
    run.start("--syslog-enabled", "yes", "--syslog-ident", "aeredis-test", "--syslog-facility", "local3")
    with run.connect() as c:
        assert c.execute("CONFIG", "GET", "syslog-facility") == [b"syslog-facility", b"local3"]
    assert run.end() == 0


@pytest.mark.parametrize("perm, mode", [("700", 0o700), ("777", 0o777), (None, None)])
def test_unix_socket(run, perm, mode):
    path = run.path("s.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(path)                                                # left behind by somebody
    run.start("--port", "0", "--unixsocket", path, *(("--unixsocketperm", perm) if perm else ()), port=False)
    with run.connect(unixsocket=path) as c:
        assert c.execute("PING") == b"PONG"
        if mode:
            assert stat.S_IMODE(os.stat(path).st_mode) == mode
        assert b"flags=U" in c.execute("CLIENT", "LIST")
    assert "The server is now ready to accept connections at " + path in run.log()
    assert run.end() == 0
    assert not os.path.exists(path)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_several_addresses(run):
    run.start("--bind", "127.0.0.1", "127.0.0.2", "-::1", "-192.0.2.77")    # the last is nobody's (RFC 5737)
    for host in ("127.0.0.1", "127.0.0.2") + (("::1",) if has_ipv6() else ()):
        with run.connect(host=host) as c:
            assert c.execute("PING") == b"PONG"
    with pytest.raises(OSError):
        RespClient(run.port, host="127.0.0.3")
    with run.connect() as c:
        assert c.execute("CONFIG", "GET", "bind")[1] == b"127.0.0.1 127.0.0.2 -::1 -192.0.2.77"
        assert c.execute("CONFIG", "SET", "bind", "127.0.0.3") == b"OK"
        with RespClient(run.port, host="127.0.0.3") as c3:
            assert c3.execute("PING") == b"PONG"
        assert c.execute("PING") == b"PONG"                             # made before: goes on
        with pytest.raises(OSError):
            RespClient(run.port)
        assert isinstance(c.execute("CONFIG", "SET", "bind", "192.0.2.77"), RespError)
        assert c.execute("CONFIG", "GET", "bind")[1] == b"127.0.0.3"
    assert run.end() == 0


@pytest.mark.parametrize("args, text", [
    (("--bind", "192.0.2.77"), "Failed listening on port %d (TCP), aborting."),
    (("--bind", "-192.0.2.77"), "Configured to not listen anywhere, exiting."),
    (("--bind", "nosuch.invalid"), "Failed listening on port %d (TCP), aborting."),
    (("--port", "0"), "Configured to not listen anywhere, exiting."),
    (("--unixsocket", "/nonexistent/s"), "Opening Unix socket: bind: No such file or directory"),
    (("--dir", "/nonexistent"), "Can't chdir to '/nonexistent': No such file or directory"),
    (("--logfile", "/nonexistent/l"), "Can't open the log file: No such file or directory"),
    (("--databases", "0"), "argument must be between 1 and 2147483647 inclusive"),
    (("--supervised", "perhaps"), "argument must be one of the following: upstart, systemd, auto, no"),
    (("--rename-command", "nosuch", "x"), "No such command in rename-command"),
    (("--user", "joe", "+nosuch"), "nknown command or category name in ACL"),
    (("--appendfsync", "often"), "argument must be one of the following: everysec, always, no"),
])
def test_refusals(run, args, text):
    run.start(*args)
    assert run.wait() == 1
    assert (text % run.port if "%d" in text else text) in run.log()


def test_port_in_use(run):
    with socket.socket() as s:
        s.bind(("127.0.0.1", run.port))
        s.listen()
        run.start("--bind", "127.0.0.1")
        assert run.wait() == 1
    log = run.log()
    assert "Could not create server TCP listening socket 127.0.0.1:%d: bind: Address already in use" % run.port in log
    assert "Failed listening on port %d (TCP), aborting." % run.port in log


@pytest.mark.parametrize("content, text", [
    (b"hz 20\nnosuch 1\n", "at line 2\n>>> 'nosuch 1'\nBad directive or wrong number of arguments"),
    (b'requirepass "abc\n', "Unbalanced quotes in configuration line"),
    (b"include /nonexistent.conf\n", "Fatal error, can't open config file '/nonexistent.conf'"),
    (b"maxmemory 10zz\n", "argument must be a memory value"),
    (b"aclfile /x\nuser joe on\n", "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid."),
])
def test_bad_configuration_files(run, content, text):
    with open(run.path("a.conf"), "wb") as f:
        f.write(content)
    with open(run.path("out"), "wb") as out:
        process = subprocess.run(run.command + ["a.conf"], cwd=run.dir, env=dict(os.environ, PYTHONPATH=ROOT), stdout=out,
                                 stderr=subprocess.STDOUT, timeout=20, check=False)
    assert process.returncode == 1
    assert text in run.log()


def test_configuration_from_stdin(run):
    run.start("-", port=False, stdin=subprocess.PIPE)
    run.process.stdin.write(b"port %d\nhz 33\n# a remark\nbind 127.0.0.1\n" % run.port)
    run.process.stdin.close()
    with run.connect() as c:
        assert c.execute("CONFIG", "GET", "hz")[1] == b"33"
    assert run.end() == 0


@pytest.mark.parametrize("content", [b"REDIS0009\xfa", b"HELLO0009xxxxxxxxxxxxx", b""])
def test_a_broken_rdb_ends_the_start(run, content):
    with open(run.path("dump.rdb"), "wb") as f:
        f.write(content)
    run.start()
    assert run.wait() == 1


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signal_with_save_points(run, sig):
    run.start("--save", "900", "1", save=True)
    with run.connect() as c:
        c.execute("SET", "k", "v")
    assert run.end(sig) == 0
    log = run.log()
    for line in ("Received %s scheduling shutdown..." % sig.name, "User requested shutdown...",
                 "Saving the final RDB snapshot before exiting.", "DB saved on disk", "Redis is now ready to exit, bye bye..."):
        assert line in log
    run.start("--save", "900", "1", save=True)
    with run.connect() as c:
        assert c.execute("GET", "k") == b"v"
        c.execute("SET", "k", "w")
        c.send("SHUTDOWN", "NOSAVE")
        assert c.at_eof()
    assert run.wait() == 0
    run.start()
    with run.connect() as c:
        assert c.execute("GET", "k") == b"v"


def test_signal_when_the_save_fails(run):
    run.start("--save", "900", "1", "--dbfilename", "x", save=True)
    with run.connect() as c:
        c.execute("SET", "k", "v")
        os.mkdir(run.path("x"))                                         # nothing can be renamed to that
        run.process.send_signal(signal.SIGTERM)
        run.wait_for(lambda: "SIGTERM received but errors trying to shut down the server" in run.log())
        assert "Error trying to save the DB, can't exit." in run.log()
        assert c.execute("PING") == b"PONG"
        assert c.execute("SHUTDOWN") == RespError("ERR Errors trying to SHUTDOWN. Check logs.")
        assert c.execute("GET", "k") == b"v"
        c.send("SHUTDOWN", "NOSAVE")
        assert c.at_eof()
    assert run.wait() == 0


def test_signal_while_loading(run):
    run.start("--save", "900", "1", save=True)
    with run.connect() as c:
        c.pipeline([("SET", "k%d" % i, "v") for i in range(2000)])
    assert run.end() == 0
    run.start("--key-load-delay", "2000")              # in us: four seconds
    run.wait_for(lambda: "Server initialized" in run.log().split("bye bye")[1])
    time.sleep(0.1)
    assert run.end() == 0
    assert "Received shutdown signal during loading, exiting now." in run.log()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_sleep(run, sig):
    run.start()
    with run.connect() as c:
        for too_long in ("1e400", "9223372036854775807"):               # C's long long overflows: no sleep
            assert c.execute("DEBUG", "SLEEP", too_long) == b"OK"
        c.send("DEBUG", "SLEEP", "60")
        time.sleep(0.2)
        assert run.end(sig) == 0


@pytest.mark.parametrize("sig", [signal.SIGHUP, signal.SIGPIPE])
def test_ignored_signals(run, sig):
    run.start()
    with run.connect() as c:
        run.process.send_signal(sig)
        assert c.execute("PING") == b"PONG"
    assert run.end() == 0


def test_process_title(run):
    run.start("--bind", "127.0.0.1")
    run.connect().close()
    wanted = b"redis-server 127.0.0.1:%d" % run.port
    end = time.monotonic() + 5             # the socket listens before the title is set
    while True:
        with open("/proc/%d/cmdline" % run.process.pid, "rb") as f:
            title = f.read()
        if wanted in title or time.monotonic() > end:
            break
        time.sleep(0.01)
    assert wanted in title


def aof(*commands):
    return b"".join(encode_command(*c.split()) for c in commands)


@pytest.mark.parametrize("content, text", [
    (b"REDIS0011" + b"x" * 40, "Unrecoverable error reading the append only file: Invalid argument"),
    (b"REDIS0000" + b"x" * 40, "Unrecoverable error reading the append only file: Invalid argument"),
    (aof("SELECT 0", "NOSUCH a"), "Unknown command 'NOSUCH' reading the append only file"),
])
def test_an_aof_that_cannot_be_loaded(run, content, text):
    with open(run.path("appendonly.aof"), "wb") as f:
        f.write(content)
    run.start("--appendonly", "yes", "--aof-load-truncated", "no")
    assert run.wait() == 1
    assert text in run.log()


def test_what_raises_while_an_aof_is_loaded(run):
    """An argument is missing: C crashes, and so do we, with a report in the log file, also as a daemon."""
    with open(run.path("appendonly.aof"), "wb") as f:
        f.write(aof("SELECT 0", "SET a"))
    run.start("--appendonly", "yes", "--logfile", run.path("log"))
    assert run.wait() == -signal.SIGSEGV
    log = run.log("log")
    assert "=== REDIS BUG REPORT START" in log
    # C's memory test, the last part of its report, may crash a second time: then the end is missing.
    end = "=== REDIS BUG REPORT END" if run.command is OURS else "------ FAST MEMORY TEST ------"
    assert end in log
    assert "------ INFO OUTPUT ------" in log and "redis_version:6.2.14" in log
    os.unlink(run.path("log"))
    run.start("--appendonly", "yes", "--logfile", run.path("log"), "--daemonize", "yes", "--pidfile", run.path("p.pid"))
    assert run.wait() == 0
    run.wait_for(lambda: os.path.exists(run.path("log")) and end in run.log("log"))
    run.wait_for(lambda: run.command is not OURS or not os.path.exists(run.path("p.pid")))


def test_what_raises_early(ours):
    """Not only while loading: here the name of the program is no name."""
    code = "import sys; from server import __main__, server_main; server_main.initServer = None; sys.argv[0] = 'x'; __main__.main()"
    ours.command = [sys.executable, "-c", code]
    ours.start("--logfile", ours.path("log"))
    assert ours.wait() == -signal.SIGSEGV
    assert "crashed by an exception: TypeError" in ours.log("log") and "=== REDIS BUG REPORT END" in ours.log("log")


@pytest.mark.parametrize("commands", [
    ("AUTH x", "ACL SETUSER bob on >p"),                # the redacted arguments of one command are not those of the next
    ("AUTH x y", "ACL SETUSER bob on >p"),              # the ACL log describes the client
    ("CONFIG SET masterauth x", "ACL SETUSER bob on >p ~* +@all", "AUTH bob p"),
    ("HELLO 3 AUTH default x", "MULTI", "ACL SETUSER bob on", "EXEC"),
    ("CLIENT REPLY SKIP", "CLIENT TRACKING on BCAST", "SUBSCRIBE a", "PSUBSCRIBE a*", "UNSUBSCRIBE", "ACL SETUSER bob resetchannels",
     "RESET", "WATCH k", "MONITOR", "CLIENT LIST", "ACL LOG", "BLPOP l 0", "ACL SETUSER bob on"),
])
def test_state_of_the_client_that_loads_an_aof(ours, commands):
    """What one command leaves on the client that replays the file does no harm to the next.  (C reads uninitialized memory here.)"""
    with open(ours.path("appendonly.aof"), "wb") as f:
        f.write(aof(*commands, "SET k v"))
    ours.start("--appendonly", "yes")
    with ours.connect() as c:
        ours.wait_for(lambda: c.execute("GET", "k") == b"v")
        assert b"bob" in c.execute("ACL", "USERS")
        assert c.execute("CLIENT", "ID") < 10
    assert "BUG REPORT" not in ours.log()
    assert ours.end() == 0


def test_activedefrag_does_not_stop_the_start(ours):
    """A redis.conf that works with the distribution's jemalloc build works here, without defragmentation (D-2)."""
    ours.start("--activedefrag", "yes")
    with ours.connect() as c:
        assert c.execute("CONFIG", "GET", "activedefrag") == [b"activedefrag", b"no"]
        assert c.execute("CONFIG", "SET", "activedefrag", "yes").text.startswith("ERR Invalid argument 'yes' for CONFIG SET 'activedefrag'")
        assert c.execute("CONFIG", "GET", "activedefrag") == [b"activedefrag", b"no"]
    assert "# Active defragmentation cannot be enabled: it requires a Redis server compiled with" in ours.log()
