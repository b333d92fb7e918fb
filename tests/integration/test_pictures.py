"""Pictures of a server that runs elsewhere: tests.support.pictures --port, against ours and against C's."""
import subprocess
import sys

import pytest

from tests.support.genlink import ROOT
from tests.support.pictures import draw_remote
from tests.support.server import free_port, real_server_path, start_server


@pytest.mark.parametrize("real", [False, True])
def test_drawn_from_outside(real):
    if real and not real_server_path():
        pytest.skip("no C server at hand")
    with start_server(real=real) as s:
        c = s.resp()
        if real and not c.execute("INFO", "server").split(b"redis_version:")[1].startswith(b"6.2"):
            pytest.skip("the C server is not 6.2: other encodings")
        c.execute("HSET", "h", "a", 1, "b", "text")
        c.execute("SADD", "i", 7, 70000)
        c.execute("RPUSH", "l", "x", "y")
        c.execute("XADD", "st", "5-1", "f", "v")
        c.execute("SADD", "ht", "m")
        c.execute("ZADD", "z", 1, "m" * 70)
        h = draw_remote(c, "server", "h")
        assert h[0] == "# h: ziplist"
        assert [line.split(None, 3)[1] for line in h[-4:]] == ["03", "04", "74", "ff"]
        assert h[2].split() == ["0", "19", "00", "00", "00", "zlbytes", "25", "bytes", "in", "all"]
        assert draw_remote(c, "server", "i")[-1].split() == ["12", "70", "11", "01", "00", "contents[1]", "70000"]
        assert '"x" "y"' in draw_remote(c, "server", "l")[-1]
        st = draw_remote(c, "server", "st")
        assert st[1].startswith("length=1 last_id=5-1, 1 listpacks") and "listpack of master ID 5-1:" in st
        if real:
            assert " number of elements: 1" in draw_remote(c, "server", "ht")
            assert "not in a payload" in draw_remote(c, "server", "z")[1]
        else:
            assert sorted(line.split()[-1] for line in draw_remote(c, "server", "ht")[3:]) == [".", ".", ".", "m"]
            z = draw_remote(c, "server", "z")
            assert z[1].startswith("length=1 level=") and z[-4] == "L0  header (1)> %s> NULL" % ("m" * 70)
            c.execute("ZADD", "z", *[w for i in range(300) for w in (i, "m%d" % i)])
            assert "> ..." in draw_remote(c, "server", "z")[-4]
        assert draw_remote(c, "server", "none") == ["no such key: none"]


def run_tool(tool, *args):
    return subprocess.run([sys.executable, "-m", "tests.support." + tool, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("tool,what", [("backlog", []), ("pictures", ["k"])])
def test_a_refused_or_protected_server_is_one_line(tool, what):
    port = free_port()
    run = run_tool(tool, "--port", str(port), *what)
    assert run.returncode == 1 and run.stderr == "cannot connect to 127.0.0.1:%d: Connection refused\n" % port
    with start_server("--requirepass", "secret") as s:
        run = run_tool(tool, "--port", str(s.port), *what)
        assert run.returncode == 1 and run.stderr.count("\n") == 1 and "NOAUTH" in run.stderr and "--password" in run.stderr
        run = run_tool(tool, "--port", str(s.port), "--user", "nobody", "--password", "x", *what)
        assert run.returncode == 1 and "WRONGPASS" in run.stderr and run.stderr.count("\n") == 1
        with s.resp() as c:
            c.execute("AUTH", "secret")
            c.execute("SELECT", "3")
            c.execute("SADD", "k", "7")
        run = run_tool(tool, "--port", str(s.port), "--user", "default", "--password", "secret", "--db", "3", *what)
        assert run.returncode == 0 and ("intset" in run.stdout or "no backlog" in run.stdout), run.stderr
