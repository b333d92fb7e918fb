"""broken_save.py - the server with a bug in it: no RDB can be written.  For tests: python -m tests.support.broken_save"""
import struct

import persistence.rdb
from server.__main__ import main


def rdbSaveRio(rdb, rdbflags, rsi):
    struct.pack("<q", 1 << 63)


persistence.rdb.rdbSaveRio = rdbSaveRio

if __name__ == "__main__":
    main()
