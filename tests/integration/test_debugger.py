"""The server under tests/support/debug.py, with a scripted debugger session."""
import os
import re
import subprocess
import sys
import threading
import time

from tests.support.genlink import ROOT
from tests.support.resp import RespClient
from tests.support.server import free_port


def wait_for(path, text, timeout=30):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with open(path, encoding="utf-8") as f:
            if text in f.read():
                return
        time.sleep(0.05)
    with open(path, encoding="utf-8") as f:
        raise AssertionError("%r did not come:\n%s" % (text, f.read()))


def test_a_phase_stops_with_the_stack_that_c_has(tmp_path):
    port = free_port()
    out = str(tmp_path / "out")
    with open(out, "w", encoding="utf-8") as f:
        p = subprocess.Popen([sys.executable, "-m", "tests.support.debug", "--port", str(port), "--break", "execute", "--save", "",
                              "--dir", str(tmp_path)], stdin=subprocess.PIPE, stdout=f, stderr=f, text=True, cwd=str(tmp_path),
                             env=dict(os.environ, PYTHONPATH=ROOT))

    def say(command):
        p.stdin.write(command + "\n")
        p.stdin.flush()

    try:
        wait_for(out, "aeMain()")
        say("c")
        replies = []
        c = RespClient(port, timeout=30)
        t = threading.Thread(target=lambda: replies.append(c.execute("SET", "user:1001", "zhangsan")))
        t.start()
        wait_for(out, "call()\n")
        say("w")
        say("p 'argv', c.argv")
        wait_for(out, "('argv', ")
        with open(out, encoding="utf-8") as f:
            text = f.read()
        frames = ["aeMain", "aeProcessEvents", "connSocketEventHandler", "callHandler", "readQueryFromClient",
                  "processInputBuffer", "processCommandAndResetClient", "processCommand", "call"]
        stack = re.findall(r"\.py\(\d+\)(\w+)\(\)", text)
        stack = stack[len(stack) - 1 - stack[::-1].index("aeMain"):]
        assert stack == frames
        say("phase execute reply")
        say("c")
        wait_for(out, "writeToClient()")
        say("p 'buf', c.buf")
        wait_for(out, r"('buf', bytearray(b'+OK\r\n'))")
        say("phase reply")
        say("c")
        t.join(30)
        assert replies == [b"OK"]
        assert c.execute("BGSAVE") == b"Background saving started"       # the child runs on without the debugger
        wait_for(out, "Background saving terminated with success")
        p.send_signal(2)
        wait_for(out, "Stopped.")
        say("q")
        assert p.wait(10) == 0
    finally:
        p.kill()
        p.wait()
