"""probe.py - the server with a window for the soak test: SIGUSR2 makes it report on its objects.

    s = start_server(module="tests.support.probe");  report = probe(s)

The report: "garbage" (type name -> count of objects that only the cyclic collector could free: the server runs with the
collector off, so they would stay for ever), "live" (type name -> count of all that the collector knows).
"""
import collections
import gc
import json
import os
import signal
import sys
import time

FILE = "probe.json"


def report_objects(signum, frame):
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    garbage = collections.Counter(type(o).__qualname__ for o in gc.garbage)
    gc.garbage.clear()
    gc.collect()                                    # now really
    live = collections.Counter(type(o).__qualname__ for o in gc.get_objects())
    with open(FILE + ".tmp", "w", encoding="utf-8") as f:
        f.write(json.dumps({"garbage": garbage, "live": live}))   # json.dump would leave a cycle itself
    os.rename(FILE + ".tmp", FILE)


def probe(s, timeout=20):
    """Ask the server process `s` for its report."""
    path = os.path.join(s.dir, FILE)
    if os.path.exists(path):
        os.unlink(path)
    os.kill(s.pid, signal.SIGUSR2)
    end = time.monotonic() + timeout
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise RuntimeError("no report from the server")
        time.sleep(0.02)
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main():
    from server.__main__ import main as server_main
    signal.signal(signal.SIGUSR2, report_objects)
    return server_main()


if __name__ == "__main__":
    sys.exit(main())
