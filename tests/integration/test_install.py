"""The package as it is installed: wheel, pip, pipx, git, sdist, one file; in an empty environment and in a crowded one."""
import glob
import os
import shutil
import subprocess
import sys
import sysconfig
import time

import pytest

from tests.support import genpyz
from tests.support.genlink import ROOT
from tests.support.resp import RespClient
from tests.support.server import free_port

#: Names that a foreign project may well use itself.
FOREIGN = ("server", "ae", "cluster", "persistence", "replication", "datastructs", "tests")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*command, **kw):
    """Run a command to its end -> CompletedProcess with the text of both streams in stdout."""
    kw.setdefault("timeout", 120)
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)


def must(*command, **kw):
    """As run(), but the command must succeed.  Skips the test where pip has no registry to fetch setuptools from."""
    p = run(*command, **kw)
    if p.returncode and ("No matching distribution found for setuptools" in p.stdout or "NewConnectionError" in p.stdout):
        pytest.skip("pip cannot fetch setuptools here")
    assert p.returncode == 0, p.stdout
    return p.stdout


def environment(**more):
    """The environment without what the test run has put there to find the checkout."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return dict(env, **more)


class Venv:
    """An environment without pip."""

    def __init__(self, path):
        self.path = str(path)
        must(sys.executable, "-m", "venv", "--without-pip", self.path)
        self.python = self.script("python")
        self.site = must(self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()

    def script(self, name):
        return os.path.join(self.path, "bin", name)

    def pip_install(self, *what):
        must(*PIP, "--python", self.python, "install", "--quiet", *what, env=environment(), cwd=self.path)

    def add_foreign_packages(self, folder=None):
        for name in FOREIGN:
            os.makedirs(os.path.join(folder or self.site, name))
            with open(os.path.join(folder or self.site, name, "__init__.py"), "w", encoding="utf-8") as f:
                f.write("FOREIGN = True\n")


class Running:
    """A server that some command line starts."""

    def __init__(self, *command, env=None, cwd=None, options=("--save", "")):
        self.port = free_port()
        command = [*command, "--port", self.port, "--bind", "127.0.0.1", *options]
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env=env or environment(), cwd=cwd)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, *words):
        """Return the reply to a command, once the server answers."""
        end = time.monotonic() + 30
        while True:
            try:
                with RespClient(self.port, timeout=30) as c:
                    return c.execute(*words)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.process.kill()
                    pytest.fail("no server: " + self.process.stdout.read().decode())
                time.sleep(0.02)

    def check(self):
        """PING, a restart of the process, a title, a clean end."""
        assert self.ask("PING") == b"PONG"
        before = self.ask("INFO", "server")
        with RespClient(self.port) as c:
            with pytest.raises((OSError, EOFError)):
                c.execute("DEBUG", "RESTART")
        assert self.ask("PING") == b"PONG"
        after = self.ask("INFO", "server")
        field = {line.partition(b":")[0]: line for line in before.splitlines()}
        again = {line.partition(b":")[0]: line for line in after.splitlines()}
        assert field[b"process_id"] == again[b"process_id"] and field[b"run_id"] != again[b"run_id"]
        assert field[b"executable"] == again[b"executable"]
        with open("/proc/%d/cmdline" % self.process.pid, "rb") as f:
            assert b"127.0.0.1:%d" % self.port in f.read()
        self.process.terminate()
        assert self.process.wait(20) == 0


# ------------------------------------------------------------------ what is installed

@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The files of the checkout, as `git clone` would give them if all were committed."""
    target = tmp_path_factory.mktemp("clone")
    p = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if p.returncode:
        pytest.skip("not a git checkout")
    for name in p.stdout.split("\0"):
        path = os.path.join(ROOT, name)
        if name and os.path.lexists(path):
            os.makedirs(os.path.dirname(target / name), exist_ok=True)
            shutil.copy(path, target / name, follow_symlinks=False)
    return target


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    """The wheel that pip builds from the clone; all tests share it."""
    folder = tmp_path_factory.mktemp("wheel")
    must(*PIP, "wheel", "--quiet", "--no-deps", "-w", folder, clone, env=environment(), cwd=folder)
    return glob.glob(str(folder / "*.whl"))[0]


@pytest.fixture(scope="module")
def empty(wheel, tmp_path_factory):
    venv = Venv(tmp_path_factory.mktemp("empty") / "venv")
    venv.pip_install("--no-deps", wheel)
    return venv


@pytest.fixture(scope="module")
def crowded(wheel, tmp_path_factory):
    """An environment with foreign packages of our names, and the packages of this test run (pytest)."""
    venv = Venv(tmp_path_factory.mktemp("crowded") / "venv")
    venv.add_foreign_packages()
    with open(os.path.join(venv.site, "testrun.pth"), "w", encoding="utf-8") as f:
        f.write(sysconfig.get_path("purelib") + "\n")
    venv.pip_install("--no-deps", wheel)
    return venv


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("pyz") / "aeredis.pyz")
    genpyz.build(path)
    return path


def test_only_one_name_is_installed(empty):
    names = [n for n in os.listdir(empty.site) if not n.endswith((".pth", ".dist-info"))]
    assert names == ["aeredis"]
    for name in ("redis.conf", "sentinel.conf", "LICENSE", "aeredis.service"):
        with open(os.path.join(ROOT, "server", "package", name), encoding="utf-8") as f:
            assert must(empty.script("aeredis"), "conf", name) == f.read()
    p = run(empty.script("aeredis"), "conf", "no.such")
    assert p.returncode == 1 and "no.such" in p.stdout and "Traceback" not in p.stdout


@pytest.mark.parametrize("command", ["aeredis-server", "aeredis", "aeredis server", "python -m aeredis"])
def test_a_server_from_an_empty_environment(empty, command, tmp_path):
    words = command.split()
    with Running(empty.script(words[0]), *words[1:], cwd=tmp_path) as s:
        s.check()


def test_a_configuration_file_is_found_again_after_a_restart(empty, tmp_path):
    conf = tmp_path / "aeredis.conf"
    (tmp_path / "data").mkdir()
    conf.write_text("dir data\nmaxmemory 123mb\n")
    with Running(empty.script("aeredis-server"), "aeredis.conf", cwd=tmp_path) as s:
        s.check()


def test_the_check_tools(empty, tmp_path):
    (tmp_path / "bad.rdb").write_bytes(b"REDIS0009 no")
    (tmp_path / "good.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n")
    for tool in (["aeredis-check-rdb"], ["aeredis", "check-rdb"]):
        p = run(empty.script(tool[0]), *tool[1:], tmp_path / "bad.rdb")
        assert p.returncode == 1 and "RDB ERROR DETECTED" in p.stdout
    for tool in (["aeredis-check-aof"], ["aeredis", "check-aof"]):
        assert "AOF is valid" in must(empty.script(tool[0]), *tool[1:], tmp_path / "good.aof")
    for tool in (["aeredis-trace"], ["aeredis", "trace"]):
        p = run(empty.script(tool[0]), *tool[1:], "-p", "1", "SET", "k", "v")
        assert p.returncode == 1 and "aeredis-trace: no server at 127.0.0.1:1" in p.stdout


def test_a_lab_set(empty, pyz, tmp_path):
    """aeredis-lab starts the installed server, its files are where the user is, and another terminal ends it."""
    script = empty.script("aeredis-lab")
    p = run(script, "status", cwd=tmp_path)
    assert p.returncode == 1 and "aeredis-lab: no lab is running" in p.stdout
    p = run(sys.executable, pyz, "lab", "single", cwd=tmp_path)
    assert p.returncode == 1 and "out of a zip file" in p.stdout
    port = str(free_port())
    lab = subprocess.Popen([script, "single", "--port", port], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        text = ""
        while "Ctrl-C or quit" not in text:
            line = lab.stdout.readline()
            assert line, text
            text += line
        assert "master, 0 replicas" in must(script, "status", cwd=tmp_path) and (tmp_path / ".lab" / "single" / "1" / "log").exists()
        must(empty.script("aeredis"), "lab", "quit", cwd=tmp_path)
        assert lab.wait(60) == 0
    finally:
        lab.terminate()
        lab.wait()
        lab.stdout.close()


def test_a_sentinel(empty, pyz, tmp_path):
    """The word `sentinel` and the script's name mean the same; the file is written by the Sentinel itself."""
    for number, command in enumerate(([empty.script("aeredis-sentinel")], [empty.script("aeredis"), "sentinel"], [sys.executable, pyz, "sentinel"])):
        conf = tmp_path / ("sentinel%d.conf" % number)
        conf.write_text("sentinel monitor one 127.0.0.1 1 1\n")
        with Running(*command, conf, cwd=tmp_path, options=()) as s:
            assert s.ask("PING") == b"PONG"
            assert b"redis_mode:sentinel" in s.ask("INFO", "server")
        assert "sentinel myid" in conf.read_text()


def test_the_crowded_environment(crowded, tmp_path):
    """Both sides get the packages they mean, whether the foreign ones are installed or come by PYTHONPATH."""
    project = tmp_path / "project"
    project.mkdir()
    crowded.add_foreign_packages(project)
    (project / "server.py").write_text("FOREIGN = True\n")
    code = "import aeredis.testing, aeredis.pytest_plugin, %s\nassert all(m.FOREIGN for m in (%s))" % ((", ".join(FOREIGN),) * 2)
    for env in (environment(), environment(PYTHONPATH=str(project))):
        must(crowded.python, "-c", code, env=env, cwd=tmp_path)
        for command in ([crowded.script("aeredis-server")], [crowded.python, "-m", "aeredis"]):
            with Running(*command, env=env, cwd=project) as s:
                s.check()


def test_a_foreign_module_that_was_imported_first(crowded, tmp_path):
    """A sitecustomize of the project imports its own `server` before us."""
    (tmp_path / "sitecustomize.py").write_text("import server, ae\n")
    with Running(crowded.script("aeredis-server"), env=environment(PYTHONPATH=str(tmp_path)), cwd=tmp_path) as s:
        assert s.ask("PING") == b"PONG"


def test_a_checkout_beside_foreign_names(tmp_path):
    """`python -m server` in the checkout, and server/__main__.py by its path, though PYTHONPATH has a server.py."""
    (tmp_path / "server.py").write_text("FOREIGN = True\n")
    with Running(sys.executable, "-m", "server", env=environment(PYTHONPATH=str(tmp_path)), cwd=ROOT) as s:
        s.check()
    with Running(sys.executable, os.path.join(ROOT, "server", "__main__.py"), env=environment(PYTHONPATH=str(tmp_path)), cwd=tmp_path) as s:
        s.check()


def test_the_sdist_gives_the_same_wheel(clone, wheel, tmp_path):
    import zipfile
    build = "import setuptools.build_meta as b; print(b.build_sdist(%r))" % str(tmp_path)
    p = run(sys.executable, "-c", build, cwd=clone)
    if "No module named 'setuptools'" in p.stdout:
        pytest.skip("setuptools is not in this environment")
    assert p.returncode == 0, p.stdout
    must(*PIP, "wheel", "--quiet", "--no-deps", "-w", tmp_path, glob.glob(str(tmp_path / "*.tar.gz"))[0], env=environment(), cwd=tmp_path)
    with zipfile.ZipFile(wheel) as a, zipfile.ZipFile(glob.glob(str(tmp_path / "*.whl"))[0]) as b:
        assert a.namelist() == b.namelist()


def test_pip_from_git(tmp_path):
    """`pip install git+file://...`: what is committed."""
    if run("git", "rev-parse", "HEAD", cwd=ROOT).returncode:
        pytest.skip("not a git checkout")
    venv = Venv(tmp_path / "venv")
    venv.pip_install("--no-deps", "git+file://" + ROOT)
    with Running(venv.script("aeredis-server"), cwd=tmp_path) as s:
        assert s.ask("PING") == b"PONG"


@pytest.mark.skipif(not shutil.which("pipx"), reason="pipx is not on PATH (Debian: apt-get install pipx)")
def test_pipx(wheel, tmp_path):
    env = environment(PIPX_HOME=str(tmp_path / "home"), PIPX_BIN_DIR=str(tmp_path / "bin"), USE_EMOJI="0")
    must("pipx", "install", "--python", sys.executable, wheel, env=env, cwd=tmp_path)
    assert {"aeredis", "aeredis-check-aof", "aeredis-check-rdb", "aeredis-sentinel", "aeredis-server"} <= set(os.listdir(tmp_path / "bin"))
    with Running(tmp_path / "bin" / "aeredis-server", cwd=tmp_path) as s:
        assert s.ask("PING") == b"PONG"


# ------------------------------------------------------------------ the one file

def test_one_file(pyz, tmp_path):
    """Without site-packages (so without psutil too), by a relative path, with `dir` elsewhere, restarted."""
    shutil.copy(pyz, tmp_path / "aeredis.pyz")
    (tmp_path / "data").mkdir()
    with Running(sys.executable, "-S", "aeredis.pyz", "--dir", tmp_path / "data", cwd=tmp_path) as s:
        s.ask("SET", "k", "v")
        s.ask("SAVE")
        s.check()
    assert "RDB looks OK" in must(sys.executable, "-S", "aeredis.pyz", "check-rdb", "data/dump.rdb", cwd=tmp_path)
    (tmp_path / "x.aof").write_bytes(b"*1\r\n$4\r\nPING\r\n")
    assert "AOF is valid" in must(sys.executable, "-S", "aeredis.pyz", "check-aof", "x.aof", cwd=tmp_path)
    assert "bind 127.0.0.1" in must(sys.executable, "-S", "aeredis.pyz", "conf", cwd=tmp_path)


def test_one_file_is_executable_and_knows_its_python(pyz, tmp_path):
    assert os.access(pyz, os.X_OK)
    assert "v=6.2.14" in must(pyz, "--version", cwd=tmp_path)


@pytest.mark.skipif(not shutil.which("pypy3"), reason="pypy3 is not on PATH")
def test_one_file_on_pypy(pyz, tmp_path):
    with Running("pypy3", pyz, "server", cwd=tmp_path) as s:
        assert s.ask("PING") == b"PONG"


# ------------------------------------------------------------------ tests of other projects

def test_a_foreign_project_uses_the_plugin(crowded, tmp_path):
    """A tiny project with a package called `server` of its own."""
    (tmp_path / "server.py").write_text('''
import socket
from urllib.parse import urlsplit


def ask(url, *words):
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), 20) as s:
        s.sendall(b"*%d\\r\\n" % len(words) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(w), w) for w in words))
        return s.recv(1000)
''')
    (tmp_path / "conftest.py").write_text('''
import pytest


@pytest.fixture(scope="session")
def aeredis_config():
    return {"maxmemory": "50mb", "databases": 3}
''')
    (tmp_path / "test_it.py").write_text('''
import pytest
import server


@pytest.mark.parametrize("round_", [1, 2])
def test_the_database_is_empty(aeredis_url, round_):
    assert server.ask(aeredis_url, b"DBSIZE") == b":0\\r\\n"
    assert server.ask(aeredis_url, b"SET", b"k", b"v") == b"+OK\\r\\n"


def test_the_configuration_is_ours(aeredis_url, aeredis_server):
    assert server.ask(aeredis_url, b"CONFIG", b"GET", b"maxmemory").endswith(b"\\r\\n52428800\\r\\n")
    assert "52428800" not in aeredis_server.log()


def test_one_that_ends_the_server(aeredis_url):
    server.ask(aeredis_url, b"SHUTDOWN", b"NOSAVE")


def test_it_is_back(aeredis_url):
    assert server.ask(aeredis_url, b"PING") == b"+PONG\\r\\n"
''')
    env = environment(PYTHONPATH=str(tmp_path))
    out = must(crowded.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", env=env, cwd=tmp_path)
    assert "5 passed" in out, out


TESTING = '''
import os, sys, time
from aeredis.testing import RedisServer, RedisServerError

# Keywords become directives; the URL carries the password; nothing is left behind.
with RedisServer(maxmemory_policy="allkeys-lru", appendonly=True, requirepass=('p w"d',), save=["900 1", "60 10000"],
                 client_output_buffer_limit="normal 1mb 0 0") as s:
    assert s.url.startswith("redis://:p%20w%22d@127.0.0.1:"), s.url
    assert "aof_enabled:1" in s.command("INFO", "persistence")
    folder = s.directory
    assert s.running and os.path.exists(os.path.join(folder, "appendonly.aof"))

    # A child that was forked neither ends the server nor removes its files.
    pid = os.fork()
    if pid == 0:
        assert s.running and s.command("PING") == "PONG"
        s.close()
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert s.command("PING") == "PONG"

    # Killed, it starts again with its files.
    s.command("SET", "k", "v")
    time.sleep(1.2)
    assert s.kill() == -9 and not s.running
    s.start()
    assert s.command("GET", "k") == "v"
    s.flush()
    assert s.command("DBSIZE") == "0"
    assert s.stop() == 0
assert not os.path.exists(folder)

with RedisServer(unixsocket=True) as s:
    assert s.url == "unix://%s?db=0" % s.unixsocket and s.command("PING") == "PONG"
    assert "tcp_port:0" in s.command("INFO", "server")
    try:
        s.command("NOSUCH")
    except RedisServerError as e:
        assert "unknown command" in str(e)
    else:
        raise AssertionError

# The log says why it did not start.
for wrong in ({"maxmemory": "much"}, {"port": 1, "bind": "192.0.2.1"}):
    try:
        RedisServer(**wrong).start()
    except RedisServerError as e:
        assert "exit code 1" in str(e) and ("maxmemory much" in str(e) or "192.0.2.1" in str(e)), e
    else:
        raise AssertionError
try:
    RedisServer(daemonize=True)
except ValueError:
    pass
else:
    raise AssertionError

# One that is forgotten ends with the process.
forgotten = RedisServer().start()
print(forgotten.pid, forgotten.directory)
'''


def test_redis_server_for_other_projects(crowded, tmp_path):
    # Warnings as errors are meant for the tests, not for the server.
    out = must(crowded.python, "-c", TESTING, env=environment(PYTHONWARNINGS="error"), cwd=tmp_path)
    assert len(out.split()) == 2, out
    pid, folder = out.split()
    assert not os.path.exists("/proc/" + pid) and not os.path.exists(folder)
