"""Scripts, one a line in scripting_vectors.txt, run by the C server and by ours: results, conversions and error texts."""
import os

import pytest

from tests.support.server import real_server_path, start_server

pytest.importorskip("lupa.lua51")
VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripting_vectors.txt")


def run(server, resp3):
    with server.resp() as c:
        if resp3:
            c.execute("HELLO", "3")
        c.execute("FLUSHALL")
        with open(VECTORS, encoding="utf-8") as f:
            for line in f.read().splitlines():
                yield line, repr(c.execute("EVAL", line, "0"))


@pytest.mark.skipif(real_server_path() is None, reason="no redis-server 6.2.14 at hand")
@pytest.mark.parametrize("resp3", [False, True])
def test_scripts_as_in_c(resp3):
    with start_server(real=True) as real, start_server() as ours:
        differing = [(line, a, b) for (line, a), (_, b) in zip(run(real, resp3), run(ours, resp3)) if a != b]
    assert not differing
