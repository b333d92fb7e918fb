"""__main__.py - `python -m server [conf] [--option value ...]`, and the console script aeredis-server.

Called from  the interpreter [startup].
"""
import gc
import sys
if not __package__:                        # run by its path, as a restart does: this folder's `types` is not Python's
    sys.path[0] = __file__.rpartition("/")[0].rpartition("/")[0]
if hasattr(sys, "getrefcount"):
    gc.disable()                           # before the imports: they make half a million objects

import os                                  # noqa: E402

from server import link                    # noqa: E402,F401
from server import server_main as core     # noqa: E402


def main():
    """Run the server, and leave without the interpreter's own clean-up, which would visit every key."""
    try:
        code = core.main(sys.argv)
    except SystemExit as e:
        code = e.code
    if isinstance(code, str):
        sys.stderr.write(code + "\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass                           # nobody reads us any more
    os._exit(code or 0)


if __name__ == "__main__":
    main()
