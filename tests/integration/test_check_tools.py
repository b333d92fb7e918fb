"""aeredis-check-rdb and aeredis-check-aof say what the C tools say of the same file, and mend what those mend.

The C tools are the C server's binary under their names.  AEREDIS_FLIPS (default 32): / 16 is the number of damaged files of each kind.
"""
import os
import random
import re
import subprocess
import sys

import pytest

from tests.integration.test_crash import FLIPS, SEED, fill_densely
from tests.integration.test_cross_persistence import real_server, start
from tests.support.server import ROOT, start_server


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """kind -> (command of C, our command)."""
    executable = real_server("6.2")
    if executable is None:
        pytest.skip("no C server of version 6.2 at hand")
    d = tmp_path_factory.mktemp("tools")
    out = {}
    for kind in ("rdb", "aof"):
        link = d / ("redis-check-" + kind)
        link.symlink_to(executable)
        out[kind] = [str(link)], [sys.executable, "-m", "persistence.redis_check_" + kind]
    return out


@pytest.fixture(scope="module")
def files():
    conf = {"appendonly": "yes", "aof-use-rdb-preamble": "no"}
    with start_server(conf=conf) as s, s.resp() as c:
        def read(name):
            with open(os.path.join(s.dir, name), "rb") as f:
                return f.read()
        fill_densely(c)
        c.execute("SAVE")
        out = {"rdb": read("dump.rdb"), "aof": read("appendonly.aof")}
        c.execute("CONFIG", "SET", "aof-use-rdb-preamble", "yes")
        c.execute("BGREWRITEAOF")
        assert s.wait_for_log("Background AOF rewrite finished successfully")
        c.execute("RPUSH", "m", 3)
        out["preamble"] = read("appendonly.aof")
    return out


def both(tools, tmp_path, kind, data, *options, answer=b""):
    """Let both tools judge `data` -> for each (exit code, output, file afterwards)."""
    results = []
    for command in tools[kind]:
        path = tmp_path / "file"
        path.write_bytes(data)
        p = subprocess.run(command + list(options) + ["file"], cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT),
                           input=answer, capture_output=True, timeout=60, check=False)
        out = re.sub(r"(?m)^\d+:C .*? # ", "", (p.stdout + p.stderr).decode("utf-8", "surrogateescape"))
        assert "Traceback" not in out
        results.append((p.returncode, out, path.read_bytes()))
    return results


def edits(kind, data):
    """name -> data with one typical fault."""
    if kind == "rdb":
        return {"sound": data, "empty": b"", "header cut": data[:5], "cut": data[:100], "no end": data[:-9],
                "other magic": b"X" + data[1:], "version 99": b"REDIS0099" + data[9:], "checksum": data[:-1] + b"x",
                "no checksum": data[:-8] + bytes(8)}
    return {"sound": data, "empty": b"", "cut": data[:-3], "junk behind": data + b"junk\r\n",
            "open transaction": data + b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n",
            "MULTI twice": data + b"*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n", "EXEC alone": data + b"*1\r\n$4\r\nEXEC\r\n",
            "prefix": data.replace(b"$6\r\nSELECT", b"%6\r\nSELECT", 1), "length": data.replace(b"$3\r\nSET", b"$x\r\nSET", 1)}


@pytest.mark.parametrize("name", edits("rdb", b""))
def test_check_rdb(tools, files, tmp_path, name):
    real, ours = both(tools, tmp_path, "rdb", edits("rdb", files["rdb"])[name])
    assert ours == real
    assert (real[0] == 0) == (name in ("sound", "no checksum"))


CASES = ([(name, "aof", ("--fix",), b"y\n") for name in edits("aof", b"")] +
         [(name, "preamble", ("--fix",), b"y\n") for name in ("sound", "cut")] +
         [("cut", "aof", ("--fix",), b"n\n"), ("cut", "aof", (), b""), ("sound", "aof", (), b"")])


@pytest.mark.parametrize("name,source,options,answer", CASES)
def test_check_aof(tools, files, tmp_path, name, source, options, answer):
    real, ours = both(tools, tmp_path, "aof", edits("aof", files[source])[name], *options, answer=answer)
    assert ours == real


@pytest.mark.parametrize("source", ["rdb", "aof", "preamble"])
def test_flipped_bytes(tools, files, tmp_path, source):
    rng = random.Random("%d check %s" % (SEED, source))
    for _ in range(FLIPS // 16):
        data = bytearray(files[source])
        pos = rng.randrange(len(data))
        data[pos] ^= rng.randrange(1, 256)
        real, ours = both(tools, tmp_path, "rdb" if source == "rdb" else "aof", bytes(data))
        if "REDIS BUG REPORT" in real[1] or real[0] < 0:
            continue                                    # nothing to be compared with
        assert ours == real, "byte %d is %d" % (pos, data[pos])


@pytest.mark.parametrize("kind", ["rdb", "aof"])
def test_usage(tools, tmp_path, kind):
    for args in ([], ["a", "b", "c"], ["nosuch"]):
        outs = []
        for command in tools[kind]:
            p = subprocess.run(command + args, cwd=tmp_path, env=dict(os.environ, PYTHONPATH=ROOT), capture_output=True,
                               check=False, stdin=subprocess.DEVNULL)
            outs.append((p.returncode, re.sub(r"(?m)^Usage: \S+", "Usage: tool", (p.stdout + p.stderr).decode())))
        assert outs[0] == outs[1]


def test_file_of_7_0_is_sound_for_us():
    """The C tool of 6.2 refuses RDB version 10; ours reads it, as the server does."""
    if real_server("7.0") is None:
        pytest.skip("no C server of version 7.0 at hand")
    with start("7.0") as s, s.resp() as c:
        fill_densely(c)
        c.execute("SAVE")
        p = subprocess.run([sys.executable, "-m", "persistence.redis_check_rdb", os.path.join(s.dir, "dump.rdb")],
                           env=dict(os.environ, PYTHONPATH=ROOT), capture_output=True, check=False, text=True)
    assert p.returncode == 0 and "\\o/ RDB looks OK! \\o/" in p.stdout


@pytest.mark.parametrize("name", ["redis-check-rdb", "redis-check-aof"])
def test_the_server_under_the_name_of_a_tool(tmp_path, name):
    """A link to the server that is called like a tool is that tool."""
    link = tmp_path / name
    link.write_text("#!%s\nimport sys\nsys.path.insert(0, %r)\nfrom server.__main__ import main\nmain()\n" % (sys.executable, ROOT))
    link.chmod(0o755)
    p = subprocess.run([str(link)], capture_output=True, text=True, check=False)
    assert p.returncode == 1 and "Usage: %s" % link in p.stdout + p.stderr
