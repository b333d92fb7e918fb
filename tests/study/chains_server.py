"""chains_server.py - our server with a recorder of call chains: `python -m tests.study.chains_server OUT [server arguments]`.

sys.setprofile sees each call of a Python function in the main thread.  At the entry of a function of interest the names of
its callers are written down, as gdb_chains.py does for C.  OUT is written when the server ends.
"""
import os
import sys

from server import link                                       # noqa: F401
from server import server_main
from tests.study.workload import FUNCTIONS


def main():
    out, args = sys.argv[1], sys.argv[2:]
    wanted = frozenset(FUNCTIONS)
    chains = set()
    pid = os.getpid()

    def record(frame, event, arg):
        if event != "call" or frame.f_code.co_name not in wanted:
            return
        names = []
        while frame is not None:
            name = frame.f_code.co_name
            names.append(name)
            if name == "aeMain":
                chains.add(" ".join(reversed(names)))
                return
            frame = frame.f_back

    sys.setprofile(record)
    try:
        code = server_main.main([server_main.__file__] + args)
    except SystemExit as e:
        code = e.code
    sys.setprofile(None)
    if os.getpid() == pid:
        with open(out, "w", encoding="utf-8") as f:
            f.write("".join(chain + "\n" for chain in sorted(chains)))
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
