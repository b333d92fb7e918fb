"""gdb.py - the C server under gdb, with the phases of `make debug`.          `make gdb`

    python -m tests.support.gdb [--break NAME[,NAME...]] [server arguments]
    python -m tests.support.gdb --build          builds the C server, and no more: what the editor's configuration needs

C 6.2.14 is built without optimization once (half a minute), so that each function has its own frame.  Two terminals, `make debug`
and `make gdb`: the same breakpoints, the same names, the same stack.  `run` starts the server.
"""
import json
import os
import shutil
import sys

from tests.study.chains import build_c
from tests.support.debug import NAMES, PHASES, redisCommandTable

#: What to print in C, where its expression differs from ours.
HINTS = {"read": "*conn", "parse": "*c", "execute": "*c", "command": "*c->argv[0]", "propagate": "server.aof_buf",
         "flush": "server.aof_buf", "reply": "*c", "cron": "server.cronloops",
         "cluster": "*link"}
CONDITIONS = {"flush": "sdslen(server.aof_buf) != 0"}
HERE = os.path.dirname(os.path.abspath(__file__))
QUIET = ["--timeout", "0", "--repl-timeout", "86400", "--cluster-node-timeout", "86400000"]


def phase_table():
    """The phases for redis_gdb.py: [name, [functions], condition, hint]."""
    table = []
    for name, functions, _, hint, _ in PHASES:
        functions = functions or [cmd.proc for cmd in redisCommandTable()]
        table.append([name, sorted({function.__name__ for function in functions}), CONDITIONS.get(name), HINTS.get(name, hint)])
    return table


def main():
    args = sys.argv[1:]
    switched_on = ""
    if "--break" in args:
        at = args.index("--break")
        switched_on = args[at + 1] if at + 1 < len(args) else ""
        unknown = [name for name in switched_on.split(",") if name not in NAMES]
        if unknown:
            sys.exit("no such phase: %s (there are: %s)" % (" ".join(unknown), " ".join(NAMES)))
        del args[at:at + 2]
    if args == ["--build"]:
        print(build_c())
        return
    gdb = shutil.which("gdb")
    if gdb is None:
        sys.exit("gdb is not on PATH (Debian: apt-get install gdb)")
    binary = build_c()
    os.environ.update(AEREDIS_PHASES=json.dumps(phase_table()), AEREDIS_BREAK=switched_on)
    os.execv(gdb, [gdb, "-q", "-x", os.path.join(HERE, "redis_gdb.py"), "--args", binary] + QUIET + args)


if __name__ == "__main__":
    main()
