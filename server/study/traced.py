"""traced.py - the server, with the tracer on from the start.       python -m server.study.traced [conf] [options]

Called from  the shell; `make test-redis ARGS=--trace`, which runs the official suite this way [startup].
Departures   all of it is ours.
"""
import os
import sys

from server import __main__ as server_main_module
from server import server_main
from server.study import trace

InitServerLast = server_main.InitServerLast


def init_and_trace():
    """Stands for InitServerLast: all that the tracer wraps is there when it returns."""
    InitServerLast()
    # A short ring is full at once: used_memory, which the suite compares, does not grow with it.
    trace.switch_on(trace.SIZE_MIN)


def main():
    """Start the server as `python -m server` does.  DEBUG RESTART starts one without the tracer."""
    sys.argv[0] = os.path.abspath(server_main_module.__file__)
    server_main.InitServerLast = init_and_trace
    server_main_module.main()


if __name__ == "__main__":
    main()
