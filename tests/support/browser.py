"""browser.py - headless Chromium, driven over its debug port: WebSocket and JSON, nothing but the standard library.

    with Browser() as b:
        b.go("http://127.0.0.1:8000/")
        b.evaluate("document.title")
        b.screenshot("page.png")
"""
import base64
import contextlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request


def chromium_path():
    """Return the path of a Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
    return os.environ.get("CHROMIUM") or next((path for path in map(shutil.which, names) if path), None)


class Browser:
    def __init__(self, width=1280, height=800):
        self.dir = tempfile.mkdtemp(prefix="aeredis-browser-")
        self.process = subprocess.Popen(
            [chromium_path(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
             "--remote-debugging-port=0", "--window-size=%d,%d" % (width, height), "--user-data-dir=" + self.dir, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        try:
            port = next(int(m.group(1)) for m in (re.search(r"ws://[^:]+:(\d+)/", line) for line in self.process.stderr) if m)
            pages = json.load(urllib.request.urlopen("http://127.0.0.1:%d/json" % port, timeout=30))
            self.path = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page").partition(str(port))[2]
            self.connect(port)
        except BaseException:
            self.close()
            raise
        self.number = 0

    def connect(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.sock.sendall(("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: YWVyZWRpcyB0ZXN0cyAhIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" % (self.path, port)).encode())
        self.file = self.sock.makefile("rb")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def call(self, method, **params):
        """Call a method of the DevTools protocol -> its result"""
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        mask = os.urandom(4)
        self.sock.sendall(b"\x81" + struct.pack(">BQ", 0xff, len(data)) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
        while True:
            message = json.loads(self.frame())
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(message["error"])
                return message["result"]

    def frame(self):
        """The payload of the next message; fragments are joined, control frames passed over."""
        payload = b""
        while True:
            first, size = self.file.read(2)
            if size == 126:
                size, = struct.unpack(">H", self.file.read(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.file.read(8))
            data = self.file.read(size)
            if first & 15 < 8:
                payload += data
                if first & 128:
                    return payload

    def go(self, url):
        self.call("Page.enable")
        self.call("Page.navigate", url=url)

    def evaluate(self, script):
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script, timeout=120):
        """Wait until the script's value is true -> it, or False."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.1)
        return False

    def screenshot(self, file):
        with open(file, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        with contextlib.suppress(AttributeError):
            self.sock.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)
