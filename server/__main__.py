"""__main__.py - `python -m server [conf] [--option value ...]`, and the console script aeredis-server.

Called from  the interpreter [startup].
"""
import gc
import sys
if not __package__:                        # run by its path, as a restart does: this folder's `types` is not Python's
    sys.path[0] = __file__.rpartition("/")[0].rpartition("/")[0]
if hasattr(sys, "getrefcount"):
    gc.disable()                           # before the imports: they make half a million objects

from server import link                    # noqa: E402,F401
from server import server_main as core     # noqa: E402
from server.stdio import flush_and_exit, open_standard_streams  # noqa: E402


def main():
    """Run the server.  What it does not catch itself is a crash, from the first line on."""
    open_standard_streams()
    try:
        code = core.main(sys.argv)
    except SystemExit as e:
        code = e.code
    except Exception as exc:
        core.crashed_by_exception(exc)
    flush_and_exit(code or 0)


if __name__ == "__main__":
    main()
