"""redis_check_aof.py - checks and repairs an append only file.        Mirrors src/redis-check-aof.c (6.2.14)

Lives here   the reader that looks for the last whole command; --fix, which cuts off the rest.
Called from  main, as aeredis-check-aof [startup].
State        error, epos, line: C's static variables, here in checkstate.
"""
import os
import signal
import sys

from datastructs.util import strtol
from persistence.redis_check_rdb import redis_check_rdb_main, show
from server.server_h import C_ERR
from server.stdio import open_standard_streams


class checkstate_t:
    """C: the static variables error, epos, line."""
    __slots__ = ("error", "epos", "line", "eof")

    def __init__(self):
        self.error = ""
        self.epos = 0              # offset of what is being read
        self.line = 1
        self.eof = 0               # 1 = a read reached the end (C: feof)


checkstate = checkstate_t()


def ERROR(fmt, *args):
    checkstate.error = ("0x%16x: " % checkstate.epos) + (fmt % args if args else fmt)


def byte_at(buf, n):
    return buf[n] if n < len(buf) else 0


def consumeNewline(buf):
    """Expect the end of a line, and count it -> 1, or 0 with an error set."""
    if buf[:2] != b"\r\n":
        # C prints two signed chars: a byte above 0x7f is printed as ffffffxx
        signed = [b if b < 128 else b - 256 & 0xffffffff for b in (byte_at(buf, 0), byte_at(buf, 1))]
        ERROR("Expected \\r\\n, got: %02x%02x", *signed)
        return 0
    checkstate.line += 1
    return 1


def readLong(fp, prefix):
    """Read "<prefix><number>\\r\\n" -> (1 or 0, number)."""
    checkstate.epos = fp.tell()
    buf = fp.readline(127)
    if not buf:
        checkstate.eof = 1
        return 0, 0
    if not buf.endswith(b"\n") and len(buf) < 127:
        checkstate.eof = 1
    if buf[0] != prefix[0]:
        ERROR("Expected prefix '%s', got: '%s'", os.fsdecode(prefix), os.fsdecode(buf[:1]))
        return 0, 0
    target, rest, _ = strtol(buf[1:])
    return consumeNewline(rest), target


def readBytes(fp, length):
    checkstate.epos = fp.tell()
    left = os.fstat(fp.fileno()).st_size - checkstate.epos
    target = fp.read(length if length <= left else left) if length > 0 else b""
    if len(target) != length:
        checkstate.eof = 1
        ERROR("Expected to read %d bytes, got %d bytes", length, len(target))
        return None
    return target


def readString(fp):
    """Read "$<len>\\r\\n<bytes>\\r\\n" -> bytes, or None."""
    ok, n = readLong(fp, b"$")
    if not ok:
        return None
    target = readBytes(fp, n + 2)
    if target is None or not consumeNewline(target[-2:]):
        return None
    return target[:-2]


def process(fp):
    """Read commands up to the end or an error -> the offset up to which all is well."""
    pos = 0
    multi = 0
    while True:
        if not multi:
            pos = fp.tell()
        ok, argc = readLong(fp, b"*")
        if not ok:
            break
        broken = 0
        for i in range(argc):
            s = readString(fp)
            if s is None:
                broken = 1
                break
            if i == 0:
                word = s.split(b"\x00")[0].lower()
                if word == b"multi":
                    multi += 1
                    if multi > 1:
                        ERROR("Unexpected MULTI")
                        broken = 1
                        break
                elif word == b"exec":
                    multi -= 1
                    if multi:
                        ERROR("Unexpected EXEC")
                        broken = 1
                        break
        if broken:
            break
    if checkstate.eof and multi and not checkstate.error:
        ERROR("Reached EOF before reading EXEC for MULTI")
    if checkstate.error:
        show(checkstate.error)
    return pos


def fail(line):
    show(line)
    sys.exit(1)


def redis_check_aof_main(argv):
    """Run the checker: exits, 0 if the file is valid or was repaired."""
    argc = len(argv)
    fix = 0
    filename = None
    if argc < 2:
        fail("Usage: %s [--fix] <file.aof>" % argv[0])
    elif argc == 2:
        filename = argv[1]
    elif argc == 3:
        if argv[1] != "--fix":
            fail("Invalid argument: %s" % argv[1])
        filename = argv[2]
        fix = 1
    else:
        fail("Invalid arguments")

    try:
        fp = open(filename, "rb+")
    except OSError:
        fail("Cannot open file: %s" % filename)
    with fp:
        size = os.fstat(fp.fileno()).st_size
        if size == 0:
            fail("Empty file: %s" % filename)

        # If the file can hold the header of an RDB, it may have a preamble.
        if size >= 8:
            has_preamble = fp.read(5) == b"REDIS"
            fp.seek(0)
            if has_preamble:
                show("The AOF appears to start with an RDB preamble.\nChecking the RDB preamble to start:")
                if redis_check_rdb_main(argv, fp) == C_ERR:
                    fail("RDB preamble of AOF file is not sane, aborting.")
                show("RDB preamble is OK, proceeding with AOF tail...")

        pos = process(fp)
        diff = size - pos
        show("AOF analyzed: size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d" % (size, pos, checkstate.line, diff))
        if diff > 0:
            if not fix:
                fail("AOF is not valid. Use the --fix option to try fixing it.")
            show("This will shrink the AOF from %d bytes, with %d bytes, to %d bytes" % (size, diff, pos))
            print("Continue? [y/N]: ", end="", flush=True)
            try:
                answer = sys.stdin.buffer.readline()
            except OSError:
                answer = b""
            if answer[:1].lower() != b"y":
                fail("Aborting...")
            try:
                os.ftruncate(fp.fileno(), pos)
            except OSError:
                fail("Failed to truncate AOF")
            show("Successfully truncated AOF")
        else:
            show("AOF is valid")
    sys.exit(0)


def main():
    """aeredis-check-aof"""
    import server.link  # noqa: F401,PLC0415  (binds the upward calls)
    from server.server_init import initServerConfig  # noqa: PLC0415  (upward)
    open_standard_streams()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)   # `| head` ends us as it ends C: no exit code that says "bad file"
    initServerConfig()
    redis_check_aof_main(sys.argv)


if __name__ == "__main__":
    main()
