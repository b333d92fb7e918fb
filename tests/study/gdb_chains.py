"""gdb_chains.py - runs inside gdb: records the call chain at each entry of the functions of interest.

    CHAINS_FUNCTIONS="a b c" CHAINS_OUT=FILE gdb -batch -x gdb_chains.py --args redis-server ...

A line of FILE is one chain, outermost function first, from aeMain on.  Functions that the C server does not have are named
on stderr.  Only the main thread counts; a forked child runs on without breakpoints.
"""
import os

import gdb

chains = set()


class Entry(gdb.Breakpoint):
    def stop(self):
        if gdb.selected_thread().num != 1:
            return False
        names = []
        frame = gdb.newest_frame()
        while frame is not None:
            name = frame.name()
            names.append(name)
            if name == "aeMain":
                chains.add(" ".join(reversed(names)))
                break
            frame = frame.older()
        return False


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set breakpoint pending off")
gdb.execute("handle SIGTERM nostop noprint pass")
gdb.execute("handle SIGPIPE nostop noprint pass")
gdb.execute("set follow-fork-mode parent")
gdb.execute("set detach-on-fork on")
for function in os.environ["CHAINS_FUNCTIONS"].split():
    try:
        Entry(function)
    except gdb.error as error:
        gdb.write("%s: %s\n" % (function, error), gdb.STDERR)
gdb.execute("run")
with open(os.environ["CHAINS_OUT"], "w", encoding="utf-8") as out:
    out.write("".join(chain + "\n" for chain in sorted(chains)))
