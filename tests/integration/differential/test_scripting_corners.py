"""Corners of the script engine, each compared with the real server by EVAL: numbers, names in error texts, limits of libraries.

scripting_corners.txt: scripts between lines of dashes; a first line that begins with # has the arguments.
"""
import os

import pytest

from tests.support.server import real_server_path, start_server

pytest.importorskip("lupa.lua51")

with open(os.path.join(os.path.dirname(__file__), "scripting_corners.txt"), encoding="utf-8") as f:
    SCRIPTS = f.read().rstrip("\n").split("\n---\n")

TOO_MANY = b"too many results to unpack"
# C 6.2.14 crashes here (CVE-2024-31449, CVE-2025-46817).
OURS = {
    "return {bit.tohex(65535, -2147483648)}": [b"0000FFFF"],
    "return {select(2, pcall(unpack, {1,2,3}, 0, 2147483647))}": [TOO_MANY],
    "return {select(2, pcall(unpack, {1,2,3}, -2, 2147483647))}": [TOO_MANY],
    "return {select(2, pcall(unpack, {1,2,3}, -2147483648, -2))}": [TOO_MANY],
    "return {select(2, pcall(unpack, {1,2,3}, -2147483648, 2147483647))}": [TOO_MANY],
    "return {unpack({1,2,3}, 2147483647, 2147483647)}": [],
    "return {unpack({1,2,3}, '1', 2.9)}": [1, 2],
}


@pytest.fixture(scope="module")
def ours():
    with start_server() as s, s.resp() as c:
        yield c


@pytest.fixture(scope="module")
def real():
    path = real_server_path()
    if path is None:
        pytest.skip("no real server at hand")
    with start_server(real=True, executable=path) as s, s.resp() as c:
        if b"redis_version:6.2.14" not in c.execute("INFO", "server"):
            pytest.skip("the real server is not 6.2.14")
        yield c


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_same_reply(real, ours, script):
    args = []
    if script.startswith("#"):
        first, script = script.split("\n", 1)
        args = first[1:].split()
    assert ours.execute("EVAL", script, 0, *args) == real.execute("EVAL", script, 0, *args)


@pytest.mark.parametrize("script", OURS)
def test_where_c_crashes(ours, script):
    assert ours.execute("EVAL", script, 0) == OURS[script]
