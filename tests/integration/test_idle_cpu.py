"""A server with nothing to do uses no CPU to speak of, with IO threads as well: they sleep, they do not spin."""
import os
import time

import pytest

from tests.support.resp import encode_command
from tests.support.server import start_server

SECONDS = float(os.environ.get("AEREDIS_IDLE_SECONDS", 2.5))


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("threads", [1, 4])
def test_idle(threads):
    with start_server("--io-threads", threads, "--io-threads-do-reads", "yes") as s:
        clients = [s.resp() for _ in range(50)]
        # Enough at a time that the threads are started.
        for _ in range(20):
            for c in clients:
                c.send_raw(encode_command("INCR", "n") * 5)
            for c in clients:
                for _ in range(5):
                    c.read()
        if threads > 1:
            info = clients[0].execute("INFO", "stats").decode()
            assert int(info.split("io_threaded_writes_processed:")[1].split("\r")[0]) > 0
        time.sleep(0.3)
        before = cpu_seconds(s.pid)
        time.sleep(SECONDS)
        assert (cpu_seconds(s.pid) - before) / SECONDS < 0.02
        for c in clients:
            c.close()
