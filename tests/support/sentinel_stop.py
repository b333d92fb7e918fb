"""sentinel_stop.py - a Sentinel that reports each state of a failover before it acts in it, and waits for the answer.

    with Referee(decide) as referee:
        ServerProcess(("--sentinel",), conf, module="tests.support.sentinel_stop", env=referee.env)

`decide(port, state, epoch)` runs in a thread of the test while that Sentinel stands still: what it does happens exactly in that
state. It returns "go", or "die": the Sentinel ends as by kill -9. Each state of each attempt is reported once.
"""
import os
import signal
import socket
import sys
import threading

STATES = ["WAIT_START", "SELECT_SLAVE", "SEND_SLAVEOF_NOONE", "WAIT_PROMOTION", "RECONF_SLAVES", "UPDATE_CONFIG"]


class Referee:
    def __init__(self, decide):
        self.decide = decide
        self.seen = []                  # (port, state, epoch), in the order of their reports
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.env = {"AEREDIS_REFEREE": str(self.listener.getsockname()[1])}
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listener.close()

    def run(self):
        while 1:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock, sock.makefile("r") as f:
                port, state, epoch = f.readline().split()
                self.seen.append((int(port), state, int(epoch)))
                sock.sendall(b"%s\n" % self.decide(*self.seen[-1]).encode())


def report(port, state, epoch):
    with socket.create_connection(("127.0.0.1", int(os.environ["AEREDIS_REFEREE"])), 20) as sock:
        sock.sendall(b"%d %s %d\n" % (port, state.encode(), epoch))
        with sock.makefile("r") as f:
            if f.readline() == "die\n":
                os.kill(os.getpid(), signal.SIGKILL)


def main():
    from server.__main__ import main as server_main
    from replication.sentinel import sentinel_monitor
    from server.server_h import server
    step = sentinel_monitor.sentinelFailoverStateMachine
    switch = sentinel_monitor.sentinelFailoverSwitchToPromotedSlave
    reported = set()

    def once(ri):
        key = ri.failover_state, ri.failover_epoch
        if key[0] and key not in reported:
            reported.add(key)
            report(server.port, STATES[ri.failover_state - 1], ri.failover_epoch)

    def step_and_tell(ri):
        once(ri)
        step(ri)

    def switch_and_tell(ri):
        once(ri)
        switch(ri)

    sentinel_monitor.sentinelFailoverStateMachine = step_and_tell
    sentinel_monitor.sentinelFailoverSwitchToPromotedSlave = switch_and_tell
    return server_main()


if __name__ == "__main__":
    sys.exit(main())
