"""hostile_instance.py - servers that a Sentinel watches, and that answer it anything but what it expects.

    with Hostile("endless line") as h:        # BEHAVIOURS names them all
        ... "monitor m 127.0.0.1 %d 1" % h.port

A behaviour is a generator function: it gets the connection's requests, each a list of words, and yields bytes to send, or None to
close. Every connection has a thread and a generator of its own.
"""
import random
import socket
import threading
import time

from tests.support.server import free_port

BEHAVIOURS = {}


def behaviour(name):
    def register(fn):
        BEHAVIOURS[name] = fn
        return fn
    return register


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*items):
    return b"*%d\r\n" % len(items) + b"".join(bulk(i) if isinstance(i, bytes) else b":%d\r\n" % i for i in items)


def honest(words, info):
    """Return what a good server answers."""
    name = words[0].upper()
    if name == b"PING":
        return b"+PONG\r\n"
    if name == b"INFO":
        return bulk(info)
    if name == b"SUBSCRIBE":
        return array(b"subscribe", words[1], 1)
    if name == b"PUBLISH":
        return b":1\r\n"
    if name == b"SENTINEL":
        return array(0, b"*", 0)
    return b"+OK\r\n"


INFO = b"# Server\r\nrun_id:%s\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n" % (b"1" * 40)
SLAVE_INFO = (b"run_id:%s\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\nmaster_link_down_since_seconds:3\r\nmaster_link_status:up\r\n"
              b"slave_priority:100\r\nslave_repl_offset:7\r\nreplica_announced:1\r\n" % (b"2" * 40))


@behaviour("good")
def good(requests, h):
    for words in requests:
        yield honest(words, INFO)


@behaviour("garbage")
def garbage(requests, h):
    rnd = random.Random(h.seed)
    for _ in requests:
        yield bytes(rnd.randrange(256) for _ in range(rnd.randrange(1, 300)))


@behaviour("closes at once")
def closes(requests, h):
    yield None


@behaviour("silent")
def silent(requests, h):
    for _ in requests:
        yield b""


@behaviour("half replies")
def half(requests, h):
    rnd = random.Random(h.seed)
    for words in requests:
        reply = honest(words, INFO)
        yield reply[:rnd.randrange(len(reply))]
        yield None


@behaviour("a byte at a time")
def slow(requests, h):
    for words in requests:
        for byte in honest(words, INFO):
            yield bytes((byte,))
            time.sleep(0.2)


@behaviour("endless line")
def endless_line(requests, h):
    next(requests)
    yield b"+"
    while 1:
        yield b"x" * 16384
        time.sleep(0.002)


@behaviour("endless reply")
def endless_reply(requests, h):
    """A string of the greatest length that is taken, then the next one."""
    for _ in requests:
        yield b"$67108864\r\n"
        for _ in range(4096):
            yield b"y" * 16384
            time.sleep(0.002)
        yield b"\r\n"


@behaviour("huge lengths")
def huge(requests, h):
    rnd = random.Random(h.seed)
    for _ in requests:
        yield rnd.choice((b"$9223372036854775807\r\nx", b"$4294967296\r\nx", b"$67108865\r\n", b"*9223372036854775807\r\n", b"*1048576\r\n",
                          b"*1048576\r\n*1048576\r\n", b"%4611686018427387904\r\n", b"$-9\r\n", b"*-9\r\n", b"$99999999999999999999\r\n"))


@behaviour("many elements")
def many(requests, h):
    for _ in requests:
        yield b"*1048576\r\n"
        for _ in range(2048):
            yield b":1\r\n" * 512
            time.sleep(0.001)


@behaviour("deep nesting")
def deep(requests, h):
    for _ in requests:
        yield b"*1\r\n" * 10000


@behaviour("nobody asked")
def unasked(requests, h):
    for words in requests:
        yield honest(words, INFO) + b"+OK\r\n" * 50


@behaviour("pushes")
def pushes(requests, h):
    for words in requests:
        yield honest(words, INFO)
        for _ in range(2000):
            yield b">2\r\n+invalidate\r\n*1\r\n$3\r\nkey\r\n" * 100
            time.sleep(0.005)


@behaviour("wrong types")
def wrong(requests, h):
    rnd = random.Random(h.seed)
    for words in requests:
        yield rnd.choice((b"*0\r\n", b"*-1\r\n", b"$-1\r\n", b":9\r\n", b"-ERR\r\n", b"_\r\n", b"#t\r\n", b",1.5\r\n", b"%1\r\n+a\r\n+b\r\n", b"~1\r\n:1\r\n",
                          b"=7\r\ntxt:abc\r\n", array(b"message"), array(b"message", b"x", 1), array(1, 2, 3), b"-BUSY x\r\n", bulk(INFO)))


@behaviour("mutated INFO")
def mutated_info(requests, h):
    rnd = random.Random(h.seed)
    for words in requests:
        text = bytearray(rnd.choice((INFO, SLAVE_INFO, INFO + b"slave0:ip=10.255.0.1,port=7,state=online,offset=1,lag=0\r\n"
                                     b"slave1:10.255.0.2,8,online\r\nslave2:ip=\r\nslave3:port=,ip=\r\nslave4:ip=a\nb,port=1\r\nslave5:\r\n")))
        for _ in range(rnd.randrange(12)):
            at = rnd.randrange(len(text) + 1)
            text[at:at + rnd.choice((0, 0, 1, 5))] = rnd.choice((b"\0", b"\r\n", b"\n", b",", b"=", b":", b"\xff\xfe", b"-", b"9" * 30, b"%s", b"sentinel x"))
        yield honest(words, bytes(text))


@behaviour("INFO without end")
def long_info(requests, h):
    for words in requests:
        yield honest(words, b"a\r\n" * (8 << 20) if words[0].upper() == b"INFO" else b"")


@behaviour("thousands of replicas")
def replicas(requests, h):
    for words in requests:
        yield honest(words, INFO + b"".join(b"slave%d:ip=127.%d.%d.%d,port=1,state=online,offset=1,lag=0\r\n" % (
            i, random.randrange(1, 255), i >> 8, i & 255) for i in range(5000)))


@behaviour("thousands of Sentinels")
def sentinels(requests, h):
    """Says hello for Sentinels that nobody has seen, as fast as it is heard."""
    for words in requests:
        yield honest(words, INFO)
        if words[0].upper() == b"SUBSCRIBE":
            for n in range(100000):
                yield b"".join(array(b"message", b"__sentinel__:hello", b"127.1.%d.%d,1,%040d,%d,%s,127.0.0.1,%d,0" % (
                    random.randrange(256), random.randrange(256), random.randrange(1 << 60), n, h.name.encode(), h.port)) for _ in range(50))
                time.sleep(0.01)


@behaviour("mutated hello")
def mutated_hello(requests, h):
    rnd = random.Random(h.seed)
    for words in requests:
        yield honest(words, INFO)
        if words[0].upper() == b"SUBSCRIBE":
            while 1:
                text = bytearray(b"127.0.0.1,%d,%s,%d,%s,127.0.0.1,%d,%d" % (
                    rnd.randrange(3), rnd.choice((b"e" * 40, b"f" * 40, b"f\nsentinel x")), rnd.randrange(9), h.name.encode(), h.port, rnd.randrange(3)))
                for _ in range(rnd.randrange(4)):
                    at = rnd.randrange(len(text) + 1)
                    text[at:at + rnd.choice((0, 1, 3))] = rnd.choice((b"\0", b",", b"\n", b"\xff", b"9" * 30, b"\r\nsentinel x\r\n", b'"'))
                yield array(b"message", b"__sentinel__:hello", bytes(text))
                time.sleep(0.01)


@behaviour("lying Sentinel")
def lying(requests, h):
    """A Sentinel that votes for anybody, in any epoch, at any length."""
    rnd = random.Random(h.seed)
    for words in requests:
        name = words[0].upper()
        if name == b"SENTINEL":
            yield rnd.choice((
                array(1, b"*", 0), array(1, rnd.choice((b"", b"x\ny", b"\0\xff", b"z" * 60000, words[5])), rnd.choice((0, -1, 1, 1 << 62, int(words[4])))),
                array(2, b"q", 1), array(b"1", b"q", 1), array(1, 1, 1), array(1, b"q"), array(), b"$-1\r\n", b"-ERR\r\n"))
        else:
            yield honest(words, INFO)


class Hostile:
    def __init__(self, name, master_name=None, seed=1):
        self.run_connection = BEHAVIOURS[name]
        self.name = master_name or name.replace(" ", "-")
        self.seed = seed
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.sockets = set()
        self.closing = False
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.closing:
            return
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in list(self.sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while not self.closing:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.sockets.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        self.seed += 1
        try:
            with sock, sock.makefile("rb") as f:
                for data in self.run_connection(requests(f), self):
                    if data is None or self.closing:
                        return
                    sock.sendall(data)
        except (OSError, ValueError, StopIteration, RuntimeError):
            pass
        finally:
            self.sockets.discard(sock)


def requests(f):
    """Yield the requests that come, as lists of words."""
    while 1:
        line = f.readline()
        if not line:
            return
        words = []
        for _ in range(int(line[1:])):
            size = int(f.readline()[1:])
            words.append(f.read(size))
            f.read(2)
        yield words
