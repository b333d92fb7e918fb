"""Replication over TLS: both ways to transfer, and a cut link."""
import time

import pytest
import redis

from tests.support.certs import make_certs
from tests.support.server import free_port, start_server

pytestmark = pytest.mark.slow


def wait_for(condition, timeout=15):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "timeout"
        time.sleep(0.02)


@pytest.mark.parametrize("diskless,load", [("no", "disabled"), ("yes", "disabled"), ("yes", "swapdb")])
def test_full_and_partial(tmp_path, diskless, load):
    certs = make_certs(tmp_path)

    def conf():
        port = free_port()
        return dict(certs.conf(port), **{"tls-replication": "yes", "repl-diskless-sync": diskless,
                                         "repl-diskless-sync-delay": 0, "repl-diskless-load": load,
                                         "unixsocket": str(tmp_path / ("%d.sock" % port))}), port

    def connect(s, port):
        c = redis.Redis(unix_socket_path=str(tmp_path / ("%d.sock" % port)), socket_timeout=20)
        wait_for(lambda: "Ready to accept" in s.log())
        return c

    mconf, mport = conf()
    sconf, sport = conf()
    with start_server(conf=mconf, wait=False) as m, start_server(conf=sconf, wait=False) as s:
        mc, sc = connect(m, mport), connect(s, sport)
        mc.execute_command("DEBUG", "POPULATE", 20000)
        mc.set("big", b"x" * 3000000)
        sc.set("old", "data")
        sc.execute_command("REPLICAOF", "127.0.0.1", mport)
        wait_for(lambda: sc.info("replication")["master_link_status"] == "up")

        def agree():
            for i in range(300):
                mc.set("k%d" % i, b"v" * i)
            wait_for(lambda: mc.info("replication")["master_repl_offset"] == sc.info("replication")["slave_repl_offset"])
            assert mc.execute_command("DEBUG", "DIGEST") == sc.execute_command("DEBUG", "DIGEST")
        agree()
        assert mc.wait(1, 5000) == 1
        mc.execute_command("CLIENT", "KILL", "TYPE", "replica")
        mc.set("big2", b"y" * 1000000)
        agree()
        assert mc.info("stats")["sync_full"] == mc.info("stats")["sync_partial_ok"] == 1
