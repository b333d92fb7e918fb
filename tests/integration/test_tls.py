"""TLS against a real server process: handshakes, certificates, the tls-* directives, big replies, pending data."""
import os
import shutil
import socket
import ssl
import subprocess
import time

import pytest

from tests.support.certs import make_certs
from tests.support.resp import RespClient, RespError, encode_command
from tests.support.server import free_port, start_server


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    return make_certs(tmp_path_factory.mktemp("certs"))


class TLSServer:
    def __init__(self, server, certs, port):
        self.server, self.certs, self.port = server, certs, port
        self.admin = server.resp()

    def context(self, client_cert=True):
        ctx = ssl.create_default_context(cafile=self.certs.ca)
        ctx.check_hostname = False
        if client_cert:
            ctx.load_cert_chain(self.certs.client_cert, self.certs.client_key)
        return ctx

    def connect(self, ctx=None, session=None, timeout=10):
        """A RespClient over TLS."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        client = RespClient.__new__(RespClient)
        client.buf, client.pushes = b"", []
        client.sock = (ctx or self.context()).wrap_socket(sock, session=session)
        return client

    def config(self, **kw):
        for name, value in kw.items():
            assert self.admin.execute("CONFIG", "SET", name.replace("_", "-"), value) == b"OK", name


@pytest.fixture(scope="module")
def tls_server(certs):
    port = free_port()
    conf = certs.conf(port)
    del conf["port"]                       # a plain port as well, for the tests' own questions
    with start_server(conf=conf) as s:
        yield TLSServer(s, certs, port)


@pytest.fixture
def tls(tls_server):
    """The server, with its directives as they were at the start."""
    yield tls_server
    c = tls_server.certs
    tls_server.config(tls_auth_clients="yes", tls_protocols="", tls_ciphers="", tls_ciphersuites="", tls_prefer_server_ciphers="no",
                      tls_session_caching="yes", tls_key_file=c.key, tls_key_file_pass="")


def refused(tls, ctx):
    """True if the server does not serve a client with this context."""
    try:
        with tls.connect(ctx) as c:
            c.execute("PING")
        return False
    except (OSError, ConnectionError):
        return True


def test_ping_and_tls_only(tls):
    with tls.connect() as c:
        assert c.execute("PING") == b"PONG"
        assert c.sock.version() == "TLSv1.3"
    with socket.create_connection(("127.0.0.1", tls.port), 5) as s:      # a client that speaks no TLS
        s.sendall(b"PING\r\n")
        try:
            assert b"PONG" not in s.recv(100)
        except ConnectionResetError:
            pass
    with tls.connect() as c:
        assert c.execute("PING") == b"PONG"


def test_redis_py(certs):
    redis = pytest.importorskip("redis")
    port = free_port()
    with start_server(conf=certs.conf(port), wait=False) as s:
        assert s.wait_for_log("Ready to accept")
        r = redis.Redis(host="127.0.0.1", port=port, ssl=True, ssl_ca_certs=certs.ca, ssl_certfile=certs.client_cert,
                        ssl_keyfile=certs.client_key, ssl_check_hostname=False, socket_timeout=10)
        assert r.ping()
        pipe = r.pipeline(transaction=False)
        for i in range(2000):
            pipe.set("key:%d" % i, "v" * 100)
        assert pipe.execute() == [True] * 2000
        assert r.dbsize() == 2000
        sub = r.pubsub()
        sub.subscribe("c")
        sub.get_message(timeout=5)
        r.publish("c", "hello")
        assert sub.get_message(timeout=5)["data"] == b"hello"
        # A server without a plain port stops as any other does.
        assert s.stop() == 0


@pytest.mark.parametrize("cli", ["redis-cli", "/usr/bin/redis-cli"])
def test_redis_cli(tls, cli):
    path = shutil.which(cli)
    if path is None:
        pytest.skip("no " + cli)
    run = subprocess.run([path, "-p", str(tls.port), "--tls", "--cacert", tls.certs.ca, "--cert", tls.certs.client_cert, "--key",
                          tls.certs.client_key, "echo", "hello"], capture_output=True, text=True, timeout=20, check=False)
    if "Unrecognized option" in run.stdout + run.stderr:
        pytest.skip("built without TLS")
    assert run.stdout == "hello\n"


def test_auth_clients(tls):
    assert refused(tls, tls.context(client_cert=False))
    tls.config(tls_auth_clients="no")
    assert not refused(tls, tls.context(client_cert=False))
    assert not refused(tls, tls.context())
    tls.config(tls_auth_clients="optional")
    assert not refused(tls, tls.context(client_cert=False))
    foreign = tls.context(client_cert=False)
    foreign_dir = os.path.join(tls.server.dir, "foreign")
    os.makedirs(foreign_dir, exist_ok=True)
    other = make_certs(foreign_dir)
    foreign.load_cert_chain(other.client_cert, other.client_key)
    assert refused(tls, foreign)                                        # shown, then it must be good
    tls.config(tls_auth_clients="yes")
    assert refused(tls, tls.context(client_cert=False))


def test_protocols(tls):
    tls.config(tls_protocols="tlsv1.2")
    with tls.connect() as c:
        assert c.execute("PING") == b"PONG" and c.sock.version() == "TLSv1.2"
    ctx = tls.context()
    ctx.minimum_version = ssl.TLSVersion.TLSv1_3
    assert refused(tls, ctx)
    tls.config(tls_protocols="TLSv1.3")
    assert not refused(tls, ctx)
    reply = tls.admin.execute("CONFIG", "SET", "tls-protocols", "SSLv3")
    assert reply.text.endswith("Unable to update TLS configuration. Check server logs.")
    assert "Invalid tls-protocols specified. Use a combination of" in tls.server.log()
    assert not refused(tls, ctx)                                        # the old ones go on


def test_ciphers_and_preference(tls):
    a, b = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
    tls.config(tls_protocols="TLSv1.2", tls_ciphers=a)
    ctx = tls.context()
    ctx.set_ciphers(b)
    assert refused(tls, ctx)
    tls.config(tls_ciphers=a + ":" + b)
    ctx.set_ciphers(b + ":" + a)
    with tls.connect(ctx) as c:
        assert c.sock.cipher()[0] == b                                  # the client's wish
    tls.config(tls_prefer_server_ciphers="yes")
    with tls.connect(ctx) as c:
        assert c.sock.cipher()[0] == a
    assert isinstance(tls.admin.execute("CONFIG", "SET", "tls-ciphers", "NO-SUCH-CIPHER"), RespError)
    assert "Failed to configure ciphers: NO-SUCH-CIPHER" in tls.server.log()


def test_ciphersuites(tls):
    tls.config(tls_ciphersuites="TLS_CHACHA20_POLY1305_SHA256")
    with tls.connect() as c:
        assert c.sock.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256" and c.execute("PING") == b"PONG"
    tls.config(tls_ciphersuites="TLS_AES_128_GCM_SHA256")
    with tls.connect() as c:
        assert c.sock.cipher()[0] == "TLS_AES_128_GCM_SHA256" and c.execute("PING") == b"PONG"
    assert isinstance(tls.admin.execute("CONFIG", "SET", "tls-ciphersuites", "TLS_NO_SUCH"), RespError)


def test_session_caching(tls):
    # By session id, not by ticket: tickets need no cache.
    ctx = tls.context()
    ctx.maximum_version = ssl.TLSVersion.TLSv1_2
    ctx.options |= ssl.OP_NO_TICKET
    for caching, reused in (("yes", True), ("no", False)):
        tls.config(tls_session_caching=caching)
        with tls.connect(ctx) as c:
            assert c.execute("PING") == b"PONG"
            # While the first is connected: the server (C's as well) forgets the session when it closes.
            with tls.connect(ctx, session=c.sock.session) as c2:
                assert c2.execute("PING") == b"PONG"
                assert c2.sock.session_reused is reused


def test_encrypted_key_and_bad_files(tls):
    set_ = tls.admin.execute
    assert isinstance(set_("CONFIG", "SET", "tls-key-file", tls.certs.key_encrypted), RespError)
    assert "Failed to load private key: " + tls.certs.key_encrypted in tls.server.log()
    tls.config(tls_key_file_pass="secret", tls_key_file=tls.certs.key_encrypted)
    assert not refused(tls, tls.context())
    assert isinstance(set_("CONFIG", "SET", "tls-cert-file", "/nonexistent.crt"), RespError)
    assert "Failed to load certificate: /nonexistent.crt: " in tls.server.log()
    assert isinstance(set_("CONFIG", "SET", "tls-cert-file", tls.certs.client_cert), RespError)   # not this key's
    assert isinstance(set_("CONFIG", "SET", "tls-dh-params-file", tls.certs.cert), RespError)
    assert "failed to read DH params." in tls.server.log()
    assert isinstance(set_("CONFIG", "SET", "tls-ca-cert-file", tls.certs.key), RespError)
    assert "Failed to configure CA certificate(s) file/directory" in tls.server.log()
    assert not refused(tls, tls.context())


def test_start_without_certificate():
    port = free_port()
    with start_server(conf={"tls-port": port}, wait=False) as s:
        assert s.process.wait(10) == 1
        assert "No tls-cert-file configured!" in s.log()
        assert "Failed to configure TLS. Check logs for more info." in s.log()


def test_big_value_both_ways_and_slow_reader(tls):
    value = os.urandom(3_000_000)
    with tls.connect() as c:
        assert c.execute("SET", "big", value) == b"OK"
        for _ in range(6):                                              # 18 MB wait in the server
            c.send("GET", "big")
        with tls.connect() as other:
            assert other.execute("PING") == b"PONG"                     # and harm nobody
        time.sleep(0.2)
        for _ in range(6):
            assert c.read() == value
        assert c.execute("DEL", "big") == 1


def test_pipeline_larger_than_a_record(tls):
    # 16 KB come out of OpenSSL at a time: the rest is pending where epoll does not see it.
    n = 20000
    with tls.connect() as c:
        c.send_raw(encode_command("INCR", "counter") * n)
        assert [c.read() for _ in range(n)] == list(range(1, n + 1))
        c.send_raw(encode_command("ECHO", "x" * 16000) * 20)
        assert [c.read() for _ in range(20)] == [b"x" * 16000] * 20


def test_one_byte_at_a_time(tls):
    with tls.connect() as c:
        for byte in encode_command("ECHO", "slow"):
            c.send_raw(bytes([byte]))
        assert c.read() == b"slow"


def test_clients_that_stop_in_the_handshake(tls):
    socks = [socket.create_connection(("127.0.0.1", tls.port)) for _ in range(30)]
    for i, s in enumerate(socks):
        if i % 3 == 1:
            s.sendall(b"\x16\x03\x01\x02")                              # the head of a hello, no more
        elif i % 3 == 2:
            s.sendall(os.urandom(200))
    with tls.connect() as c:
        assert c.execute("PING") == b"PONG"
    for s in socks:
        s.close()
    end = time.monotonic() + 5
    while tls.admin.execute("INFO", "clients").count(b"connected_clients:1\r") == 0:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_goodbye_and_kill(tls):
    c = tls.connect()
    cid = c.execute("CLIENT", "ID")
    assert tls.admin.execute("CLIENT", "KILL", "ID", cid) == 1
    assert c.sock.recv(10) == b""                                       # a proper close_notify, not a broken stream
    c.close()
    c = tls.connect()
    assert c.execute("QUIT") == b"OK"
    assert c.sock.recv(10) == b""
    c.close()


def test_tls_port_off_and_on(tls):
    with tls.connect() as c:
        assert c.execute("CONFIG", "SET", "tls-port", 0) == b"OK"
        # A connection made before goes on, with more than a record pending, too.
        c.send_raw(encode_command("ECHO", "y" * 5000) * 10)
        assert [c.read() for _ in range(10)] == [b"y" * 5000] * 10
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", tls.port), 2)
        assert c.execute("CONFIG", "SET", "tls-port", tls.port) == b"OK"
    with tls.connect() as c:
        assert c.execute("PING") == b"PONG"


def test_with_io_threads(certs):
    """The threads leave TLS clients to the main thread."""
    port = free_port()
    conf = dict(certs.conf(port), **{"io-threads": 3, "io-threads-do-reads": "yes"})
    del conf["port"]
    with start_server(conf=conf) as s:
        t = TLSServer(s, certs, port)
        clients = [t.connect() for _ in range(12)] + [s.resp() for _ in range(12)]
        for _ in range(5):
            for c in clients:
                c.send_raw(encode_command("INCR", "n") * 50)
            for c in clients:
                for _ in range(50):
                    c.read()
        assert s.client().get("n") == b"6000"
        for c in clients:
            c.close()
