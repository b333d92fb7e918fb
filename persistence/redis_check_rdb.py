"""redis_check_rdb.py - checks an RDB file.        Mirrors src/redis-check-rdb.c (6.2.14)

Lives here   the check that reads a whole file, remembers what it was doing, and says so at the first error.
Called from  main, as aeredis-check-rdb [startup]; rdbReportError, when a file cannot be loaded; redis_check_aof.
State        rdbstate: where the reader is.  rdb_load.rdbCheckMode: 1 while we are at work.
Departures   a Python error while reading counts as C's "Server crash" (rdbCheckHandleCrash, a signal handler there).
"""
import os
import signal
import sys

from ae.monotonic import mstime
from datastructs.util import atoi
from persistence import rdb_load
from persistence.rdb_h import (
    RDBFLAGS_NONE, RDB_LENERR, RDB_LOAD_SDS, RDB_OPCODE_AUX, RDB_OPCODE_EOF, RDB_OPCODE_EXPIRETIME,
    RDB_OPCODE_EXPIRETIME_MS, RDB_OPCODE_FREQ, RDB_OPCODE_IDLE, RDB_OPCODE_MODULE_AUX, RDB_OPCODE_RESIZEDB,
    RDB_OPCODE_SELECTDB, RDB_VERSION_READABLE, rdbIsObjectType)
from persistence.rdb_load import (
    moduleTypeNameByID, rdbGenericLoadStringObject, rdbLoadCheckModuleValue, rdbLoadLen, rdbLoadMillisecondTime,
    rdbLoadObject, rdbLoadProgressCallback, rdbLoadTime, rdbLoadType, startLoadingFile, stopLoading)
from persistence.rio import rio, rioGetReadError, rioInitWithFile, rioRead, RIO_FILE_BUFFER
from server.server_h import C_ERR, C_OK, SANITIZE_DUMP_YES, server, shared
from server.stdio import open_standard_streams


class rdbstate_t:
    """What the checker is doing (C: the anonymous struct rdbstate)."""
    __slots__ = ("rio", "key", "key_type", "keys", "expires", "already_expired", "doing", "error_set", "error")

    def __init__(self):
        self.rio = None
        self.key = None            # bytes, the key being read
        self.key_type = 0          # RDB_TYPE_*, or -1; C: 0 at first, and its reports show that
        self.keys = 0
        self.expires = 0
        self.already_expired = 0
        self.doing = 0             # RDB_CHECK_DOING_*
        self.error_set = 0
        self.error = ""


rdbstate = rdbstate_t()

RDB_CHECK_DOING_START = 0
RDB_CHECK_DOING_READ_TYPE = 1
RDB_CHECK_DOING_READ_EXPIRE = 2
RDB_CHECK_DOING_READ_KEY = 3
RDB_CHECK_DOING_READ_OBJECT_VALUE = 4
RDB_CHECK_DOING_CHECK_SUM = 5
RDB_CHECK_DOING_READ_LEN = 6
RDB_CHECK_DOING_READ_AUX = 7
RDB_CHECK_DOING_READ_MODULE_AUX = 8

rdb_check_doing_string = ("start", "read-type", "read-expire", "read-key", "read-object-value", "check-sum", "read-len",
                          "read-aux", "read-module-aux")

rdb_type_string = ("string", "list-linked", "set-hashtable", "zset-v1", "hash-hashtable", "zset-v2", "module-value", "",
                   "", "hash-zipmap", "list-ziplist", "set-intset", "zset-ziplist", "hash-ziplist", "quicklist",
                   "stream", "hash-listpack", "zset-listpack", "quicklist-v2", "stream-v2")


def show(line):
    """Print a line, any bytes in it as they are, and flush it.  Errors are ignored, as with printf in C."""
    print(line, flush=True)


def rdbShowGenericInfo():
    show("[info] %d keys read" % rdbstate.keys)
    show("[info] %d expires" % rdbstate.expires)
    show("[info] %d already expired" % rdbstate.already_expired)


def rdb_check_offset():
    return rdbstate.rio.processed_bytes if rdbstate.rio is not None else 0


def rdbCheckError(fmt, *args):
    """Report an error: where, while doing what, at which key."""
    msg = (fmt % args if args else fmt)[:1023]
    show("--- RDB ERROR DETECTED ---")
    show("[offset %d] %s" % (rdb_check_offset(), msg))
    show("[additional info] While doing: %s" % rdb_check_doing_string[rdbstate.doing])
    if rdbstate.key is not None:
        show("[additional info] Reading key '%s'" % os.fsdecode(rdbstate.key.split(b"\x00")[0]))
    if rdbstate.key_type != -1:
        show("[additional info] Reading type %d (%s)" % (
            rdbstate.key_type,
            rdb_type_string[rdbstate.key_type] if rdbstate.key_type < len(rdb_type_string) else "unknown"))
    rdbShowGenericInfo()


def rdbCheckInfo(fmt, *args):
    msg = (fmt % args if args else fmt)[:1023]
    show("[offset %d] %s" % (rdb_check_offset(), msg))


def rdbCheckSetError(fmt, *args):
    rdbstate.error = fmt % args if args else fmt
    rdbstate.error_set = 1


def redis_check_rdb(rdbfilename, fp):
    """Check the file of that name, or the open one -> 0 if it looks sane, 1."""
    closefile = fp is None
    if fp is None:
        try:
            fp = open(rdbfilename, "rb", buffering=RIO_FILE_BUFFER)
        except OSError:
            return 1
    startLoadingFile(fp, rdbfilename, RDBFLAGS_NONE)
    rdb = rio()
    rioInitWithFile(rdb, fp)
    rdbstate.rio = rdb
    rdb.update_cksum = rdbLoadProgressCallback
    try:
        ok = redis_check_rdb_read(rdb)
    except (IndexError, ValueError, KeyError, TypeError, OverflowError, AssertionError, MemoryError):
        rdbCheckError("Server crash checking the specified RDB file!")
        sys.exit(1)
    if not ok and rdbstate.doing != -1:
        if rdbstate.error_set:
            rdbCheckError(rdbstate.error)
        else:
            rdbCheckError("Unexpected EOF reading RDB file")
    if closefile:
        fp.close()
    stopLoading(ok)
    return 0 if ok else 1


def redis_check_rdb_fail(fmt, *args):
    """Report an error that is not an early end (C: goto err)."""
    rdbCheckError(fmt, *args)
    rdbstate.doing = -1
    return 0


def redis_check_rdb_read(rdb):
    """Read everything -> 1; 0 at an early end, or, with rdbstate.doing -1, after a report."""
    now = mstime()
    buf = rioRead(rdb, 9)
    if buf is None:
        return 0
    if buf[:5] != b"REDIS":
        return redis_check_rdb_fail("Wrong signature trying to load DB from file")
    rdbver = atoi(buf[5:])
    if rdbver < 1 or rdbver > RDB_VERSION_READABLE:
        return redis_check_rdb_fail("Can't handle RDB format version %d", rdbver)

    expiretime = -1
    while True:
        rdbstate.doing = RDB_CHECK_DOING_READ_TYPE
        type_ = rdbLoadType(rdb)
        if type_ == -1:
            return 0
        if type_ == RDB_OPCODE_EXPIRETIME:
            rdbstate.doing = RDB_CHECK_DOING_READ_EXPIRE
            expiretime = rdbLoadTime(rdb) * 1000
            if rioGetReadError(rdb):
                return 0
            continue
        if type_ == RDB_OPCODE_EXPIRETIME_MS:
            rdbstate.doing = RDB_CHECK_DOING_READ_EXPIRE
            expiretime = rdbLoadMillisecondTime(rdb, rdbver)
            if rioGetReadError(rdb):
                return 0
            continue
        if type_ == RDB_OPCODE_FREQ:
            if rioRead(rdb, 1) is None:
                return 0
            continue
        if type_ == RDB_OPCODE_IDLE:
            if rdbLoadLen(rdb) == RDB_LENERR:
                return 0
            continue
        if type_ == RDB_OPCODE_EOF:
            break
        if type_ == RDB_OPCODE_SELECTDB:
            rdbstate.doing = RDB_CHECK_DOING_READ_LEN
            dbid = rdbLoadLen(rdb)
            if dbid == RDB_LENERR:
                return 0
            rdbCheckInfo("Selecting DB ID %d", dbid)
            continue
        if type_ == RDB_OPCODE_RESIZEDB:
            rdbstate.doing = RDB_CHECK_DOING_READ_LEN
            if rdbLoadLen(rdb) == RDB_LENERR or rdbLoadLen(rdb) == RDB_LENERR:
                return 0
            continue
        if type_ == RDB_OPCODE_AUX:
            rdbstate.doing = RDB_CHECK_DOING_READ_AUX
            auxkey = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
            auxval = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS) if auxkey is not None else None
            if auxval is None:
                return 0
            rdbCheckInfo("AUX FIELD %s = '%s'", os.fsdecode(auxkey), os.fsdecode(auxval))
            continue
        if type_ == RDB_OPCODE_MODULE_AUX:
            rdbstate.doing = RDB_CHECK_DOING_READ_MODULE_AUX
            moduleid = rdbLoadLen(rdb)
            when_opcode = rdbLoadLen(rdb) if moduleid != RDB_LENERR else RDB_LENERR
            if when_opcode == RDB_LENERR or rdbLoadLen(rdb) == RDB_LENERR:
                return 0
            name = moduleTypeNameByID(moduleid)
            rdbCheckInfo("MODULE AUX for: %s", name)
            rdbLoadCheckModuleValue(rdb, name)
            continue
        if not rdbIsObjectType(type_, rdbver):
            return redis_check_rdb_fail("Invalid object type: %d", type_)
        rdbstate.key_type = type_

        rdbstate.doing = RDB_CHECK_DOING_READ_KEY
        key = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
        if key is None:
            return 0
        rdbstate.key = key
        rdbstate.keys += 1
        rdbstate.doing = RDB_CHECK_DOING_READ_OBJECT_VALUE
        val, _ = rdbLoadObject(type_, rdb, key)
        if val is None:
            return 0
        if expiretime != -1:
            rdbstate.expires += 1
            if expiretime < now:
                rdbstate.already_expired += 1
        rdbstate.key = None
        rdbstate.key_type = -1
        expiretime = -1

    if rdbver >= 5 and server.rdb_checksum:
        rdbstate.doing = RDB_CHECK_DOING_CHECK_SUM
        expected = rdb.cksum
        buf = rioRead(rdb, 8)
        if buf is None:
            return 0
        cksum = int.from_bytes(buf, "little")
        if cksum == 0:
            rdbCheckInfo("RDB file was saved with checksum disabled: no check performed.")
        elif cksum != expected:
            return redis_check_rdb_fail("RDB CRC error")
        else:
            rdbCheckInfo("Checksum OK")
    return 1


def redis_check_rdb_main(argv, fp=None):
    """Run the checker.  With an open file (the preamble of an AOF) -> C_OK, C_ERR; else it exits, 0 or 1."""
    if len(argv) != 2 and fp is None:
        sys.stderr.write("Usage: %s <rdb-file-name>\n" % argv[0])
        sys.exit(1)
    if shared.integers is None:
        from server.server_init import createSharedObjects   # noqa: PLC0415  (upward)
        createSharedObjects()
    server.loading_process_events_interval_bytes = 0
    server.sanitize_dump_payload = SANITIZE_DUMP_YES
    rdb_load.rdbCheckMode = 1
    rdbCheckInfo("Checking RDB file %s", argv[1])
    retval = redis_check_rdb(argv[1], fp)
    if retval == 0:
        rdbCheckInfo("\\o/ RDB looks OK! \\o/")
        rdbShowGenericInfo()
    if fp is not None:
        return C_OK if retval == 0 else C_ERR
    sys.exit(retval)


def main():
    """aeredis-check-rdb"""
    import server.link  # noqa: F401,PLC0415  (binds the upward calls; `server` here is the package)
    from server.server_init import initServerConfig  # noqa: PLC0415  (upward)
    open_standard_streams()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)   # `| head` ends us as it ends C: no exit code that says "bad file"
    initServerConfig()
    redis_check_rdb_main(sys.argv)


if __name__ == "__main__":
    from persistence import redis_check_rdb as self_module     # not the copy named __main__: rdb_load knows that one
    self_module.main()
