"""debug.py - the server under pdb, with one breakpoint per phase of a request ready.

    python -m tests.support.debug [conf] [--break NAME[,NAME...]] [server arguments]     (make debug ARGS="--break execute")

The first prompt comes when the server is ready to turn.  `phase` lists the phases, `phase NAME` switches one on or off, `b NAME`
sets a breakpoint at any function of the project by its C name, `cc` shows the C of the function you are in, `draw EXPR` draws a
structure, `c` continues, Ctrl-C stops a running server at the prompt, `q` ends it at once (nothing is saved).  The names `server`
and `shared` are known at every prompt.  A phase that is switched on stops at the first line of its function, with the same stack
that gdb shows of the C server (`w`).
The fast path is off, so every function of C is entered.  Timeouts do not disturb a stop: clients and replicas are not dropped.
With AEREDIS_CLOCK=FILE, which `make debug` sets, the time of all servers with the same FILE stands while the prompt is shown.
DEBUG PAUSE-CRON 1 quiets the timer.  Threads (bio, IO) are not stopped; a forked child runs without the debugger.
"""
import gc
gc.disable()

import collections                                            # noqa: E402
import difflib                                                # noqa: E402
import dis                                                    # noqa: E402
import os                                                     # noqa: E402
import pdb                                                    # noqa: E402
import re                                                     # noqa: E402
import shutil                                                 # noqa: E402
import signal                                                 # noqa: E402
import sys                                                    # noqa: E402
import types                                                  # noqa: E402

from server import link                                       # noqa: E402,F401
from ae.ae import aeMain                                      # noqa: E402
from cluster.cluster_bus import clusterProcessPacket          # noqa: E402
from persistence.aof import flushAppendOnlyFile               # noqa: E402
from replication.sentinel.sentinel_monitor import sentinelTimer    # noqa: E402
from server import server_main                                # noqa: E402
from server.client.networking import (                        # noqa: E402
    acceptTcpHandler, processMultibulkBuffer, readQueryFromClient, writeToClient,
)
from server.server import call, propagate                     # noqa: E402
from server.commandtable import redisCommandTable             # noqa: E402
from server.server_cron import serverCron                     # noqa: E402
from server.server_h import AOF_OFF, server, shared           # noqa: E402
from tests.support.genlink import ROOT, source_files          # noqa: E402


def no_aof():
    return "not reached: the append-only file is off (start with --appendonly yes)" if server.aof_state == AOF_OFF else None


def no_sentinel():
    return None if server.sentinel_mode else "not reached: this is no Sentinel (start with a conf and --sentinel)"


def no_cluster():
    return None if server.cluster_enabled else "not reached: this is no node of a cluster (start with --cluster-enabled yes)"


# name, functions (None: the command's own, from the command table), condition, what to print there, why it is not reached
PHASES = [
    ("accept", [acceptTcpHandler], None, "fd", None),
    ("read", [readQueryFromClient], None, "conn.fd, conn.private_data", None),
    ("parse", [processMultibulkBuffer], None, "c.querybuf, c.qb_pos", None),
    ("execute", [call], None, "c.cmd, c.argv, c.db", None),
    ("command", None, None, "c.argv", None),
    ("propagate", [propagate], None, "cmd, argv, flags, server.aof_buf", None),
    ("flush", [flushAppendOnlyFile], "server.aof_buf", "server.aof_buf, server.aof_fsync", no_aof),
    ("reply", [writeToClient], None, "c.buf, c.bufpos, c.reply", None),
    ("cron", [serverCron], None, "server.cronloops, server.hz", None),
    ("sentinel", [sentinelTimer], None, "sentinel.masters, sentinel.current_epoch, sentinel.tilt", no_sentinel),
    ("cluster", [clusterProcessPacket], None, "link.node, link.rcvbuf, server.cluster.currentEpoch", no_cluster),
]
NAMES = [phase[0] for phase in PHASES]
QUIET = ["--fast-path", "no", "--timeout", "0", "--repl-timeout", "86400", "--cluster-node-timeout", "86400000"]
LAB_CLOCK = "server.study.labclock"
USAGE = "usage: python -m tests.support.debug [conf] [--break NAME[,NAME...]] [server arguments]; the phases: " + " ".join(NAMES)


def project_functions(name):
    """Return the functions of the project that are called `name`, each once."""
    found = []
    for module, _ in source_files():
        function = vars(sys.modules.get(module, object)).get(name)
        if isinstance(function, types.FunctionType) and function not in found:
            found.append(function)
    return found


def written_out(name):
    """Return [(file, line)] where a tail comment says that the macro or function `name` of C is written out."""
    pattern = re.compile(r"\S.*  # (?:.*\W)?%s\b" % re.escape(name))
    found = []
    for _, path in source_files():
        with open(path, encoding="utf-8") as f:
            found += [(path, n) for n, line in enumerate(f, 1) if pattern.search(line)]
    return found


def first_line(code):
    """Return the line of the first statement of a function: where bdb stops after a call."""
    return next((line for _, line in dis.findlinestarts(code) if line is not None and line > code.co_firstlineno), code.co_firstlineno)


def short(value, most=40):
    """The repr of an argument, cut."""
    text = repr(value)
    return text if len(text) <= most else text[:most - 3] + "..."


class PhasePdb(pdb.Pdb):
    """Pdb that knows the phases and the functions of C by name."""

    def set_function_break(self, function, condition=None, temporary=False):
        """Set a breakpoint at the first line of `function` -> the Breakpoint"""
        code = function.__code__
        self.set_break(code.co_filename, code.co_firstlineno, temporary, condition, code.co_name)
        bp = self.get_breaks(code.co_filename, code.co_firstlineno)[-1]
        # bdb would take the line where the tracer meets the function first: after Ctrl-C that is in its middle.
        bp.func_first_executable_line = first_line(code)
        return bp

    def set_phases(self, switched_on):
        self.phases = {}
        for name, functions, condition, hint, why in PHASES:
            if functions is None:
                functions = list(dict.fromkeys(cmd.proc for cmd in redisCommandTable()))
            breakpoints = [self.set_function_break(function, condition) for function in functions]
            if name not in switched_on:
                for bp in breakpoints:
                    bp.disable()
            self.phases[name] = (breakpoints, hint, why)

    def start(self, function, *args):
        """Run without a stop up to aeMain, and then to the first phase that is on."""
        self.set_function_break(aeMain, temporary=True)
        self.reset()
        self._set_stopinfo(sys._getframe(), None, -1)
        sys.settrace(self.trace_dispatch)
        try:
            return function(*args)
        finally:
            sys.settrace(None)

    def interaction(self, *args, **kwargs):
        """Show the prompt.  The time of the lab stands meanwhile, from the first moment on: single steps count, too."""
        labclock = sys.modules.get(LAB_CLOCK)
        clock = labclock and labclock.installed
        if clock is None:
            return super().interaction(*args, **kwargs)
        clock.hold()
        try:
            return super().interaction(*args, **kwargs)
        finally:
            clock.release()

    def setup(self, f, tb):
        super().setup(f, tb)
        # `server` and `shared` are not imported by every module.
        missing = {name: value for name, value in (("server", server), ("shared", shared)) if name not in self.curframe.f_globals}
        if missing:
            self.curframe_locals = collections.ChainMap(self.curframe_locals, missing)

    def sigint_handler(self, signum, frame):
        """Ctrl-C in a running server: stop where it is (untraced, or we would stop in here)."""
        sys.settrace(None)
        self.message("\nStopped.")
        self.set_trace(frame)

    def do_break(self, arg, temporary=0):
        """b NAME[, condition]: stop at the function NAME, wherever in the project it stands.  Other forms as in pdb."""
        name, _, condition = (part.strip() for part in arg.partition(","))
        if not name.isidentifier():
            return super().do_break(arg, temporary)
        condition = condition or None
        functions = project_functions(name)
        for function in functions:
            bp = self.set_function_break(function, condition, temporary)
            self.message("Breakpoint %d at %s:%d %s" % (bp.number, os.path.relpath(bp.file, ROOT), bp.func_first_executable_line, name))
        if functions:
            return None
        places = written_out(name)
        for path, line in places:
            self.set_break(path, line, temporary, condition)
            self.message("%s is written out at %s:%d: breakpoint %d" % (
                name, os.path.relpath(path, ROOT), line, self.get_breaks(path, line)[-1].number))
        if not places:
            known = {n for module, _ in source_files() for n, value in vars(sys.modules.get(module, object)).items()
                     if isinstance(value, types.FunctionType)}
            near = difflib.get_close_matches(name, known, 3)
            self.error("no function %s in the project%s" % (name, "; did you mean %s?" % ", ".join(near) if near else ""))
        return None

    do_b = do_break

    def do_tbreak(self, arg):
        """tbreak NAME[, condition]: as b, for one stop."""
        self.do_break(arg, 1)

    def do_cc(self, arg):
        """cc [NAME]: this function, or NAME, beside its C (`make c-source` brings the C source)."""
        from server.study import cside, csource
        tree = csource.c_tree()
        if tree is None:
            self.error(cside.NO_TREE)
            return
        code = self.curframe.f_code
        module = self.curframe.f_globals.get("__name__", "")
        rows = csource.build_index(tree)
        found = cside.find_rows(rows, arg.strip() or "%s:%s" % (module, code.co_name))
        known = csource.c_functions(tree)
        if not found:
            near = cside.nearest(rows, known, arg.strip() or code.co_name)
            self.error("no function %s%s" % (arg.strip() or code.co_name, "; the nearest: " + ", ".join(near) if near else ""))
        width = shutil.get_terminal_size((160, 40)).columns
        for row in found:
            self.message("\n".join(cside.show(row, known, tree, width)))

    def do_draw(self, arg):
        """draw EXPR: the dict, skiplist, ziplist, quicklist, intset, rax, stream, object, client or backlog that EXPR is."""
        if not arg.strip():
            self.error("draw what?  draw c, draw server.db[0].dict, draw server.repl_backlog")
            return
        try:
            value = eval(arg, self.curframe.f_globals, self.curframe_locals)       # as p does
        except Exception as error:
            self.error("%s: %s" % (type(error).__name__, error))
            return
        from tests.support import pictures
        lines = pictures.draw_any(value)
        if lines is None:
            self.error("%s is nothing that can be drawn: %r" % (arg, type(value).__name__))
        else:
            self.message("\n".join(lines))

    def do_where(self, arg):
        """w: the stack as gdb prints it: number, function (arguments) at file:line."""
        for n, (frame, line) in enumerate(reversed(self.stack[self.first_frame():])):
            code = frame.f_code
            names = code.co_varnames[:code.co_argcount]
            arguments = ", ".join("%s=%s" % (name, short(frame.f_locals.get(name))) for name in names)
            mark = ">" if frame is self.curframe else " "
            self.message("%s#%-2d %s (%s) at %s:%d" % (mark, n, code.co_name, arguments, os.path.relpath(code.co_filename, ROOT), line))

    do_w = do_bt = do_where

    def first_frame(self):
        """The index in the stack of main, the first frame of the server."""
        for j, (frame, _) in enumerate(self.stack):
            if frame.f_code is server_main.main.__code__:
                return j
        return 0

    def do_phase(self, arg):
        """phase [name ...]: list the phases, or switch those named on or off."""
        for name in arg.replace(",", " ").split():
            if name not in self.phases:
                self.error("no such phase: %s (there are: %s)" % (name, " ".join(self.phases)))
                return
            for bp in self.phases[name][0]:
                if bp.enabled:
                    bp.disable()
                else:
                    bp.enable()
        for name, (breakpoints, hint, why) in self.phases.items():
            bp = breakpoints[0]
            where = "%s:%s" % (os.path.relpath(bp.file, ROOT), bp.funcname) if len(breakpoints) == 1 else "the function of the command"
            self.message("%-10s %-3s  %s   p %s" % (name, "on" if bp.enabled else "off", where, hint))
            if bp.enabled and why is not None and why():
                self.message("           %s" % why())

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
        switched_on = args[at + 1].split(",") if at + 1 < len(args) else []
        unknown = [name for name in switched_on if name not in NAMES]
        if unknown or not switched_on:
            sys.exit("%s%s" % ("no such phase: %s\n" % " ".join(unknown) if unknown else "", USAGE))
        del args[at:at + 2]
    conf = args[:1] if args and not args[0].startswith("--") else []
    debugger = PhasePdb(skip=[LAB_CLOCK])                    # a stop in there would hold its lock
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
