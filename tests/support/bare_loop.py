"""bare_loop.py - what this interpreter can do at best: selectors, parse, dict, reply, and no Redis in it.

    python tests/support/bare_loop.py PORT

The yardstick that `make bench` prints beside the real server: the ratio to C moves with the machine, the one to this
loop does not.  It knows the commands of COMMANDS, as bytes in upper case; anything else ends the connection.
"""
import selectors
import socket
import sys

data = {}


def set_(args):
    data[args[1]] = args[2]
    return b"+OK\r\n"


def get(args):
    value = data.get(args[1])
    return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


def incr(args):
    value = int(data.get(args[1], b"0")) + 1
    data[args[1]] = b"%d" % value
    return b":%d\r\n" % value


def mset(args):
    for j in range(1, len(args), 2):
        data[args[j]] = args[j + 1]
    return b"+OK\r\n"


COMMANDS = {b"PING": lambda args: b"+PONG\r\n", b"SET": set_, b"GET": get, b"INCR": incr, b"MSET": mset,
            b"CONFIG": lambda args: b"*0\r\n"}


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.rest = b""

    def readable(self):
        buf = self.sock.recv(16384)
        if not buf:
            return False
        if self.rest:
            buf = self.rest + buf
        pos = 0
        out = []
        n = len(buf)
        while pos < n:
            start = pos
            end = buf.find(b"\r\n", pos)
            if end == -1:
                break
            argc = int(buf[pos + 1:end])
            pos = end + 2
            args = []
            for _ in range(argc):
                end = buf.find(b"\r\n", pos)
                if end == -1:
                    break
                pos = end + 2 + int(buf[pos + 1:end])
                args.append(buf[end + 2:pos])
                pos += 2
            if end == -1 or pos > n:
                pos = start
                break
            function = COMMANDS.get(args[0])
            if function is None:
                return False
            out.append(function(args))
        self.rest = buf[pos:]
        if out:
            self.sock.sendall(b"".join(out))
        return True


def main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=511)
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in selector.select():
            client = key.data
            if client is None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, Client(sock))
                continue
            try:
                alive = client.readable()
            except OSError:
                alive = False
            if not alive:
                selector.unregister(client.sock)
                client.sock.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
