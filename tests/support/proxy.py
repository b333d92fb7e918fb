"""proxy.py - a TCP proxy on a thread, to cut and to stall links between servers.

    with Proxy(port) as p:              # connect to p.port instead
        p.cut()                         # close all connections, in the middle of whatever passes
        p.cut_after(1000)               # close once 1000 more bytes have passed towards the client
        p.refuse = True                 # and accept no new ones
        p.stall = True                  # pass nothing on, close nothing
"""
import selectors
import socket
import threading


class Proxy:
    """Forwards 127.0.0.1:port to 127.0.0.1:target."""

    def __init__(self, target):
        self.target = target
        self.refuse = False
        self.stall = False
        self.cuts = 0                  # connections closed by us
        self.budget = None             # bytes left to pass towards the client, None = no end
        self.pairs = []                # [(client socket, server socket)]
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.wake_r, self.wake_w = socket.socketpair()
        self.closing = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.closing = True
        self.wake_w.send(b"x")
        self.thread.join(5)
        self.cut()
        for s in (self.listener, self.wake_r, self.wake_w):
            s.close()

    def cut(self):
        """Close all connections -> number of them."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
            self.budget = None
        for a, b in pairs:
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.cuts += len(pairs)
        return len(pairs)

    def cut_after(self, nbytes):
        with self.lock:
            self.budget = nbytes

    def run(self):
        sel = selectors.DefaultSelector()
        sel.register(self.listener, selectors.EVENT_READ)
        sel.register(self.wake_r, selectors.EVENT_READ)
        peer = {}
        towards_client = {}
        while not self.closing:
            for key, _ in sel.select(0.05 if self.stall else 1):
                sock = key.fileobj
                if sock is self.wake_r:
                    return
                if sock is self.listener:
                    client, _ = sock.accept()
                    if self.refuse:
                        client.close()
                        continue
                    try:
                        upstream = socket.create_connection(("127.0.0.1", self.target), 5)
                    except OSError:
                        client.close()
                        continue
                    for s in (client, upstream):
                        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        sel.register(s, selectors.EVENT_READ)
                    peer[client], peer[upstream] = upstream, client
                    towards_client[upstream] = True
                    with self.lock:
                        self.pairs.append((client, upstream))
                    continue
                if self.stall or sock not in peer:       # (its peer was closed just now)
                    continue
                try:
                    data = sock.recv(65536)
                except OSError:
                    data = b""
                over = False
                if data and self.budget is not None and sock in towards_client:
                    with self.lock:
                        data = data[:self.budget]
                        self.budget -= len(data)
                        over = self.budget <= 0
                try:
                    if data:
                        peer[sock].sendall(data)
                except OSError:
                    data = b""
                if over:
                    self.cut()
                if not data or over:
                    for s in (sock, peer[sock]):
                        sel.unregister(s)
                        s.close()
                    other = peer.pop(sock)
                    peer.pop(other, None)
                    towards_client.pop(sock, None)
                    towards_client.pop(other, None)
                    with self.lock:
                        self.pairs = [p for p in self.pairs if sock not in p]
