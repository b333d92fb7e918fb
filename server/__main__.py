"""__main__.py - `python -m server [conf] [--option value ...]`.

Called from  the interpreter, and from the console scripts through run() [startup].
"""
import gc
gc.disable()                               # before the imports: they make half a million objects

import sys                                 # noqa: E402

from server import link                    # noqa: E402,F401
from server.server import main             # noqa: E402


def run():
    sys.exit(main(sys.argv))


if __name__ == "__main__":
    run()
