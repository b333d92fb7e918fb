"""__main__.py - `python -m server [conf] [--option value ...]`, and the console script aeredis-server.

Called from  the interpreter [startup].
"""
import gc
gc.disable()                               # before the imports: they make half a million objects

import sys                                 # noqa: E402

from server import link                    # noqa: E402,F401
from server import server as core          # noqa: E402


def main():
    sys.exit(core.main(sys.argv))


if __name__ == "__main__":
    main()
