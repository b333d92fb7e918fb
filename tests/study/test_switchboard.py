"""What the switchboard lets pass, holds, delays and counts, seen from the sockets at its two ends."""
import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.cluster_command import clusterGetMessageTypeString
from server.study.switchboard import BUS_HEADER, PACKETS, BusReader, Switchboard
from tests.support.server import ROOT

A, B = "127.0.9.11", "127.0.9.12"                   # where the nodes a and b connect from
LIMIT = 60                                          # s, for a machine that stands still


class Net:
    """Node b listens behind a switchboard; connect() makes connections to it."""

    def __init__(self, bus=False):
        self.stack = contextlib.ExitStack()
        self.switchboard = Switchboard().start()
        self.stack.callback(self.switchboard.close)
        self.listener = self.stack.enter_context(socket.create_server((B, 0)))
        self.listener.settimeout(LIMIT)
        self.switchboard.node("a", A)
        self.switchboard.node("b", B, "127.0.0.1")
        self.port = self.switchboard.open("b", "127.0.0.1", 0, self.listener.getsockname(), bus)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stack.close()

    def dial(self, source=A):
        sock = self.stack.enter_context(socket.socket())
        sock.settimeout(LIMIT)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", self.port))
        return sock

    def accept(self):
        sock = self.stack.enter_context(self.listener.accept()[0])
        sock.settimeout(LIMIT)
        return sock

    def connect(self, source=A):
        near = self.dial(source)
        return near, self.accept()


def receive(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        assert more, "closed after %d bytes" % len(data)
        data += more
    return data


def is_silent(sock, seconds=0.2):
    with selectors.DefaultSelector() as s:
        s.register(sock, selectors.EVENT_READ)
        return not s.select(seconds)


def wait_until(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_bytes_pass_both_ways_and_both_ends_are_known():
    with Net() as net:
        near, far = net.connect()
        near.sendall(b"question")
        assert receive(far, 8) == b"question"
        far.sendall(b"reply")
        assert receive(near, 5) == b"reply"
        assert net.switchboard.state() == {"cuts": [], "delays": [], "counts": [["a", "b", "bytes", 8], ["b", "a", "bytes", 5]],
                                           "connections": 1}


def test_a_connection_in_the_name_of_a_node_comes_from_its_second_address():
    with Net() as net:
        net.switchboard.node("a", A, "127.1.9.11")
        near, far = net.connect()
        assert far.getpeername()[0] == "127.1.9.11"
        near, far = net.connect("127.0.0.1")
        assert far.getpeername()[0] == "127.0.0.1"


def test_a_cut_holds_all_and_closes_nothing():
    with Net() as net:
        near, far = net.connect()
        net.switchboard.isolate(["a"], ["a", "b"])
        near.sendall(b"x" * 1000)
        far.sendall(b"y" * 1000)
        later = net.dial()                          # a SYN that gets no answer: the switchboard has it
        later.sendall(b"z")
        assert is_silent(far) and is_silent(near) and is_silent(net.listener)
        # A socket that can be read and is not must not be registered: the loop would spin.
        wait_until(lambda: all(not half.mask for half in net.switchboard.halves))
        stranger, its = net.connect("127.0.0.1")    # clients are never held
        stranger.sendall(b"k")
        assert receive(its, 1) == b"k"
        net.switchboard.heal()
        assert receive(far, 1000) == b"x" * 1000 and receive(near, 1000) == b"y" * 1000
        assert receive(net.accept(), 1) == b"z"


def test_a_cut_one_way():
    with Net() as net:
        near, far = net.connect()
        net.switchboard.cut("b", "a")
        near.sendall(b"there")
        assert receive(far, 5) == b"there"
        far.sendall(b"back")
        assert is_silent(near)
        net.switchboard.heal()
        assert receive(near, 4) == b"back"


def test_who_dies_behind_a_cut_is_not_noticed_before_it_is_healed():
    with Net() as net:
        near, far = net.connect()
        net.switchboard.isolate(["a"], ["a", "b"])
        near.close()
        assert is_silent(far)
        net.switchboard.heal()
        assert far.recv(10) == b""


def test_a_delay_keeps_the_order_and_the_time():
    with Net() as net:
        near, far = net.connect()
        net.switchboard.delay("a", "b", 300)
        start = time.monotonic()
        for i in range(20):
            near.sendall(b"%02d" % i)
        assert receive(far, 40) == b"".join(b"%02d" % i for i in range(20)) and time.monotonic() - start >= 0.3
        far.sendall(b"at once")                     # the other way has none
        assert receive(near, 7) == b"at once"
        net.switchboard.delay("a", "b", 1000000)
        near.sendall(b"late")
        assert is_silent(far) and net.switchboard.state()["delays"] == [["a", "b", 1000000]]
        net.switchboard.delay("a", "b", 0)          # what is on its way comes at once
        near.sendall(b"r")
        assert receive(far, 5) == b"later"


def test_much_passes_through_a_full_buffer():
    with Net() as net:
        near, far = net.connect()
        blob = bytes(range(256)) * 16384            # 4 MB
        near.settimeout(0.5)
        sent = 0
        with contextlib.suppress(socket.timeout):   # nobody reads: it stops
            while sent < len(blob):
                sent += near.send(blob[sent:])
        net.switchboard.delay("a", "b", 10)
        assert receive(far, sent) == blob[:sent]


def test_the_end_passes_behind_the_data():
    with Net() as net:
        near, far = net.connect()
        net.switchboard.delay("a", "b", 100)
        near.sendall(b"last words")
        near.shutdown(socket.SHUT_WR)
        assert receive(far, 10) == b"last words" and far.recv(1) == b""
        far.sendall(b"heard")
        assert receive(near, 5) == b"heard"
        far.close()
        assert near.recv(1) == b""
        wait_until(lambda: net.switchboard.state()["connections"] == 0)


def test_a_reset_closes_the_other_side():
    with Net() as net:
        near, far = net.connect()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        near.close()
        with contextlib.suppress(ConnectionResetError):
            assert far.recv(1) == b""


def test_nobody_listens_behind_a_door():
    with Net() as net:
        net.listener.close()
        near = net.dial()
        with contextlib.suppress(ConnectionResetError):
            assert near.recv(1) == b""


def test_connections_are_closed_by_order():
    with Net() as net:
        near, far = net.connect()
        other, _ = net.connect()
        assert net.switchboard.drop("b") == 2 and near.recv(1) == far.recv(1) == other.recv(1) == b""
        near, far = net.connect()
        other, _ = net.connect()
        net.switchboard.drop_after("b", 5)
        assert net.switchboard.drop_is_due("b")
        near.sendall(b"what a client says does not count")
        receive(far, 33)
        far.sendall(b"0123456789")
        assert receive(near, 5) == b"01234" and near.recv(1) == b"" and other.recv(1) == b""
        assert not net.switchboard.drop_is_due("b")
        near, far = net.connect()
        far.sendall(b"0123456789")
        assert receive(near, 10) == b"0123456789"


def bus_packet(kind, size):
    return BUS_HEADER.pack(b"RCmb", size, 1, 6379, kind) + bytes(size - BUS_HEADER.size)


def test_the_names_of_packets_are_those_of_the_cluster():
    assert [name.encode() for name in PACKETS] == [clusterGetMessageTypeString(i) for i in range(len(PACKETS))]
    assert clusterGetMessageTypeString(len(PACKETS)) == b"unknown"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(PACKETS)), st.integers(BUS_HEADER.size, 60)), max_size=6), st.lists(st.integers(1, 40), min_size=1))
def test_packets_are_counted_however_they_arrive(packets, cuts):
    stream = b"".join(bus_packet(*p) for p in packets)
    reader, found, at, i = BusReader(), [], 0, 0
    while at < len(stream):
        step = cuts[i % len(cuts)]
        found += reader.read(stream[at:at + step])
        at += step
        i += 1
    assert found == [(PACKETS + ("unknown",))[kind] for kind, _ in packets]


def test_counts_of_the_bus_and_what_is_no_bus():
    with Net(bus=True) as net:
        near, far = net.connect()
        near.sendall(bus_packet(0, 100) + bus_packet(2, 2000) + bus_packet(0, 16))
        receive(far, 2116)
        far.sendall(b"\x16\x03\x01 this is TLS, or anything")
        receive(near, 28)
        assert net.switchboard.state()["counts"] == [["a", "b", "bytes", 2116], ["a", "b", "meet", 1], ["a", "b", "ping", 2], ["b", "a", "bytes", 28]]


def test_counts_of_replication_and_sentinels():
    with Net() as net:
        near, far = net.connect()
        near.sendall(b"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n")
        receive(far, 30)
        far.sendall(b"+FULLRESYNC 0123 0\r\n" + b"*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$1\r\nx\r\n")
        receive(near, 20)
        wait_until(lambda: ["b", "a", "hello", 1] in net.switchboard.state()["counts"])
        counts = {(a, kind): n for a, _, kind, n in net.switchboard.state()["counts"] if kind != "bytes"}
        assert counts == {("a", "psync"): 1, ("b", "fullresync"): 1, ("b", "hello"): 1}


def test_the_process_kills_whom_it_guards_when_the_lab_has_gone():
    switchboard = subprocess.Popen([sys.executable, "-I", os.path.join(ROOT, "server", "study", "switchboard.py")], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
    guarded, free = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]

    def ask(*words):
        switchboard.stdin.write(json.dumps(words).encode() + b"\n")
        switchboard.stdin.flush()
        return json.loads(switchboard.stdout.readline())
    try:
        assert ask("node", 1, A) == ask("cut", 1, 2) == ask("guard", guarded.pid) == ask("guard", free.pid) == {"ok": None}
        assert ask("unguard", free.pid) == {"ok": None}
        assert ask("state")["ok"]["cuts"] == [[1, 2]]
        assert ask("run")["error"] == "unknown request"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert "in use" in ask("open", 1, "127.0.0.1", taken.getsockname()[1], ["127.0.0.1", 1])["error"]
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            switchboard.send_signal(signum)         # a terminal's; it goes on until the lab ends
        assert ask("state")["ok"]["connections"] == 0
        switchboard.stdin.close()
        assert switchboard.wait(LIMIT) == 0 and guarded.wait(LIMIT) == -signal.SIGKILL and free.poll() is None
    finally:
        for process in (switchboard, guarded, free):
            process.kill()
            process.wait()
        switchboard.stdout.close()
