"""debug.py - the server under pdb, with one breakpoint per phase of a request ready.

    python -m tests.support.debug [--break NAME[,NAME...]] [server arguments]         (make debug ARGS="--break execute")

The first prompt comes when the server is ready to turn.  `phase` lists the phases, `phase NAME` switches one on or off,
`c` goes on, Ctrl-C stops a running server at the prompt, `q` ends it at once (nothing is saved).  A phase that is switched on
stops at the first line of its function, with the same stack that gdb would show of the C server (`w`).
No timeout disturbs the one who steps: clients and replicas are not dropped.  DEBUG PAUSE-CRON 1 quiets the timer.
Threads (bio, IO) are not stopped; a forked child runs on without the debugger.
"""
import gc
gc.disable()

import os                                                     # noqa: E402
import pdb                                                    # noqa: E402
import signal                                                 # noqa: E402
import sys                                                    # noqa: E402

from server import link                                       # noqa: E402,F401
from ae.ae import aeMain                                      # noqa: E402
from persistence.aof import flushAppendOnlyFile               # noqa: E402
from server import server_main                                # noqa: E402
from server.client.networking import (                        # noqa: E402
    acceptTcpHandler, processMultibulkBuffer, readQueryFromClient, writeToClient,
)
from server.server import call, propagate                     # noqa: E402
from server.server_cron import serverCron                     # noqa: E402
from tests.support.genlink import ROOT                        # noqa: E402

# name, function, what to print there
PHASES = [
    ("accept", acceptTcpHandler, "fd"),
    ("read", readQueryFromClient, "conn.fd, conn.private_data"),
    ("parse", processMultibulkBuffer, "c.querybuf, c.qb_pos"),
    ("execute", call, "c.cmd, c.argv, c.db"),
    ("propagate", propagate, "cmd, argv, flags, server.aof_buf"),
    ("flush", flushAppendOnlyFile, "server.aof_buf, server.aof_fsync"),
    ("reply", writeToClient, "c.buf, c.bufpos, c.reply"),
    ("cron", serverCron, "server.cronloops, server.hz"),
]
QUIET = ["--fast-path", "no", "--timeout", "0", "--repl-timeout", "86400", "--cluster-node-timeout", "86400000"]


class PhasePdb(pdb.Pdb):
    """Pdb that knows the phases by name."""

    def set_phases(self, switched_on):
        self.phases = {}
        for name, function, hint in PHASES:
            code = function.__code__
            self.set_break(code.co_filename, code.co_firstlineno, funcname=function.__name__)
            bp = self.get_breaks(code.co_filename, code.co_firstlineno)[-1]
            if name not in switched_on:
                bp.disable()
            self.phases[name] = (bp, function, hint)

    def start(self, function, *args):
        """Run without a stop up to aeMain, and then to the first phase that is on."""
        code = aeMain.__code__
        self.set_break(code.co_filename, code.co_firstlineno, temporary=True, funcname="aeMain")
        self.reset()
        self._set_stopinfo(sys._getframe(), None, -1)
        sys.settrace(self.trace_dispatch)
        try:
            return function(*args)
        finally:
            sys.settrace(None)

    def sigint_handler(self, signum, frame):
        """Ctrl-C in a running server: stop where it is (untraced, or we would stop in here)."""
        sys.settrace(None)
        self.message("\nStopped.")
        self.set_trace(frame)

    def do_phase(self, arg):
        """phase [name ...]: list the phases, or switch those named on or off."""
        for name in arg.replace(",", " ").split():
            if name not in self.phases:
                self.error("no such phase: %s (there are: %s)" % (name, " ".join(self.phases)))
                return
            bp = self.phases[name][0]
            if bp.enabled:
                bp.disable()
            else:
                bp.enable()
        for name, (bp, function, hint) in self.phases.items():
            self.message("%-10s %-3s  %s:%s   p %s" % (
                name, "on" if bp.enabled else "off", os.path.relpath(bp.file, ROOT), function.__name__, hint))

    def do_quit(self, arg):
        """quit: end the server at once."""
        self.message("The server ends here; nothing is saved.")
        sys.stdout.flush()
        os._exit(0)

    do_q = do_exit = do_EOF = do_quit


def main():
    args = sys.argv[1:]
    switched_on = []
    if "--break" in args:                                    # anywhere: make puts --port before it
        at = args.index("--break")
        switched_on = args[at + 1].split(",")
        del args[at:at + 2]
        unknown = set(switched_on) - {name for name, _, _ in PHASES}
        if unknown:
            sys.exit("no such phase: %s (there are: %s)" % (" ".join(unknown), " ".join(name for name, _, _ in PHASES)))
    conf = args[:1] if args and not args[0].startswith("--") else []
    debugger = PhasePdb()
    debugger.set_phases(switched_on)
    debugger.do_phase("")
    os.register_at_fork(after_in_child=lambda: sys.settrace(None))
    try:
        code = debugger.start(server_main.main, [server_main.__file__] + conf + QUIET + args[len(conf):])
    except SystemExit as e:
        code = e.code
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
