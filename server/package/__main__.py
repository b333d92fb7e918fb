"""__main__.py - `python -m aeredis`, the console scripts, and the one file aeredis.pyz.

    python -m aeredis [server] [conf] [--option value ...]
    python -m aeredis sentinel conf [--option value ...]
    python -m aeredis check-rdb FILE | check-aof [--fix] FILE
    python -m aeredis c NAME              a function beside its C
    python -m aeredis trace COMMAND ...   the life of a command
    python -m aeredis lab SET | COMMAND   servers to look at and to break
    python -m aeredis view                the page of running servers
    python -m aeredis conf [NAME]         prints redis.conf, or another file of the package

Called from  the interpreter [startup].
Calls out    server.__main__, persistence.redis_check_rdb, persistence.redis_check_aof, server.study.cside, trace_show, lab_shell.
Invariant    The process is the server's alone: own_process() may change sys.path.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("ae", "datastructs", "server", "persistence", "replication", "cluster")


def own_process():
    """Make the names `server`, `ae`, ... mean our folders, before site-packages and PYTHONPATH are asked.

    Installed, the folders are below this one; in a checkout this one is server/package.
    """
    root = os.path.dirname(os.path.dirname(HERE)) if os.path.basename(HERE) == "package" else HERE
    sys.path.insert(0, root)
    # A .pth file or a sitecustomize may have imported a package that is called as one of ours.
    for name in [n for n in sys.modules if n.partition(".")[0] in FOLDERS]:
        del sys.modules[name]


def run_server():
    """aeredis-server: start the server with sys.argv.  Does not return."""
    own_process()
    from server.__main__ import main
    main()


def run_sentinel():
    """aeredis-sentinel: as redis-sentinel, the mode follows from the program's name."""
    if "redis-sentinel" not in sys.argv[0]:
        sys.argv[0] = os.path.join(os.path.dirname(sys.argv[0]), "redis-sentinel")
    run_server()


def run_check_rdb():
    """aeredis-check-rdb FILE: exits 0 if the file is good, else 1."""
    own_process()
    from persistence.redis_check_rdb import main
    main()


def run_check_aof():
    """aeredis-check-aof [--fix] FILE: exits 0 if the file is good or was repaired, else 1."""
    own_process()
    from persistence.redis_check_aof import main
    main()


def run_c():
    """aeredis-c NAME: a function beside its C; exits 1 with a line if there is none, or no C source."""
    own_process()
    from server.study.cside import main
    main()


def run_trace():
    """aeredis-trace [options] COMMAND ...: the life of a command; exits 1 with a line that says what to do."""
    own_process()
    from server.study.trace_show import main
    main()


def run_lab():
    """aeredis-lab SET | COMMAND ...: a set of servers to break; exits 1 with a line that says what to do."""
    own_process()
    from server.study.lab_shell import main
    main()


def run_view():
    """aeredis-view [-p PORT ... | --start | --set SET | --replay FILE]: the page of running servers, until Ctrl-C; exits 1 with a line."""
    own_process()
    from server.study.view import main
    main()


def print_file():
    """Print a file of the package; its name is the argument, by default redis.conf.  Exits 1 if there is none."""
    name = sys.argv[1] if len(sys.argv) > 1 else "redis.conf"
    try:
        # Not open(): the package may be a zip file.
        text = __loader__.get_data(os.path.join(HERE, os.path.basename(name)))
    except OSError as e:
        sys.exit("aeredis conf: %s" % e)
    own_process()
    from server.stdio import open_standard_streams
    open_standard_streams()
    sys.stdout.buffer.write(text)


WORDS = {"server": run_server, "sentinel": run_sentinel, "check-rdb": run_check_rdb, "check-aof": run_check_aof, "c": run_c,
         "trace": run_trace, "view": run_view, "lab": run_lab, "conf": print_file}


def main():
    """Run what the first word says; without one of WORDS, the server with all arguments."""
    word = sys.argv[1] if len(sys.argv) > 1 else "server"
    if word in WORDS:
        del sys.argv[1:2]
    WORDS.get(word, run_server)()


if __name__ == "__main__":
    main()
