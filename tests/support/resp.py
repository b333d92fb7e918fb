"""resp.py - a raw RESP2/RESP3 client for tests.

RespClient(port).execute("SET", "k", "v") -> b"OK"; send_raw(b"...") and read_reply() for byte-level tests.
Replies: bytes, int, float, bool, None, list, dict (map), set (as list), RespError (returned, not raised),
Push (out-of-band, kept in order in `pushes` by execute()).
"""
import socket


class RespError(Exception):
    """An error reply; compares by its text."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text

    def __eq__(self, other):
        return isinstance(other, RespError) and other.text == self.text

    def __hash__(self):
        return hash(self.text)


class Push(list):
    """A RESP3 push message."""


def encode_command(*args):
    """Return the multibulk request of `args` (bytes, str, int, float)."""
    out = [b"*%d\r\n" % len(args)]
    for a in args:
        if not isinstance(a, (bytes, bytearray)):
            a = str(a).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(a), a))
    return b"".join(out)


class RespClient:
    def __init__(self, port=None, host="127.0.0.1", timeout=10, unixsocket=None):
        if unixsocket:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout)
            self.sock.connect(unixsocket)
        else:
            self.sock = socket.create_connection((host, port), timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.pushes = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send_raw(self, data):
        self.sock.sendall(data)

    def send(self, *args):
        self.sock.sendall(encode_command(*args))

    def execute(self, *args):
        """Send one command and return its reply; push messages that come first are kept in self.pushes."""
        self.send(*args)
        return self.read()

    def pipeline(self, commands):
        """Send all commands (sequences of arguments) at once, and return the list of their replies."""
        self.sock.sendall(b"".join([encode_command(*c) for c in commands]))
        return [self.read() for _ in commands]

    def read(self):
        """Return the next reply that is not a push."""
        while True:
            reply = self.read_reply()
            if not isinstance(reply, Push):
                return reply
            self.pushes.append(reply)

    def read_bytes(self, n):
        """Return exactly `n` bytes from the wire."""
        while len(self.buf) < n:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise ConnectionError("connection closed by server")
            self.buf += chunk
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def read_line(self):
        while b"\r\n" not in self.buf:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise ConnectionError("connection closed by server")
            self.buf += chunk
        line, _, self.buf = self.buf.partition(b"\r\n")
        return line

    def at_eof(self):
        """Return True if the server closed the connection and nothing is left to read."""
        if self.buf:
            return False
        try:
            chunk = self.sock.recv(65536)
        except ConnectionResetError:
            return True
        self.buf += chunk
        return not chunk

    def read_reply(self):
        """Return the next reply as it comes, pushes included."""
        line = self.read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return RespError(rest.decode("utf-8", "surrogateescape"))
        if kind in (b":", b"("):
            return int(rest)
        if kind == b"$":
            if rest == b"-1":
                return None
            return self.read_bytes(int(rest) + 2)[:-2]
        if kind == b"=":
            return self.read_bytes(int(rest) + 2)[4:-2]
        if kind == b"*" or kind == b"~":
            return None if rest == b"-1" else [self.read_reply() for _ in range(int(rest))]
        if kind == b">":
            return Push([self.read_reply() for _ in range(int(rest))])
        if kind == b"%":
            return {_hashable(self.read_reply()): self.read_reply() for _ in range(int(rest))}
        if kind == b"|":
            for _ in range(int(rest) * 2):
                self.read_reply()
            return self.read_reply()
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        raise ValueError("not RESP: %r" % line)


def _hashable(key):
    return tuple(key) if isinstance(key, list) else key
