"""aof.py - the append only file: writing, loading.        Mirrors src/aof.c 1-1035 (6.2.14)

Lives here   flushing and fsync; turning the AOF on and off; translating commands; loading.
             aof_buffer.py (C: 40-210): the rewrite buffer.  aof_rewrite.py (C: 1036-2010): the rewrite in a child, its pipes and its end, BGREWRITEAOF.
Called from  propagate [command]; beforeSleep, serverCron: flushAppendOnlyFile [before, cron]; CONFIG SET appendonly;
             main: loadAppendOnlyFile [startup].
Calls out    bio (fsync in the background), rdbLoadRio (preamble), the command procs (loading).
State        server.aof_buf: commands not written yet.  _flushAppendOnlyFile_last_write_error_log: C's static local.
ORDER        aof_buf is written before the replies are sent (beforeSleep): an acknowledged write is in the file.
Departures   none.
"""
import errno
import os
import sys
import time

from ae.monotonic import mstime
from datastructs.adlist import listRelease
from datastructs.util import atoi, strtol, strtoll, to_llong
from persistence.aof_buffer import aof_background_fsync, aofRewriteBufferAppend, aofUpdateCurrentSize
from persistence.aof_rewrite import killAppendOnlyChild, rewriteAppendOnlyFileBackground
from persistence.rdb_h import RDBFLAGS_AOF_PREAMBLE
from persistence.rdb_load import loadingProgress, rdb_load_errno, rdbLoadRio, startLoadingFile, stopLoading
from persistence.rdb_save import debugDelay
from persistence.rio import rio, RIO_FILE_BUFFER, rioInitWithFile
from server.bio import BIO_AOF_FSYNC, bioPendingJobsOfType
from server.client.networking import createClient, freeClientOriginalArgv, processEventsWhileBlocked
from server.command_lookup import lookupCommand
from server.keyspace.expire import expireCommand, expireatCommand, pexpireCommand
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import serverAssert, serverLog
from server.object import createObject, createStringObjectFromLongLong, getDecodedObject, object_get_bytes
from server.server_h import (
    AOF_FSYNC_ALWAYS, AOF_FSYNC_EVERYSEC, AOF_OFF, AOF_ON, AOF_WAIT_REWRITE, C_ERR, C_OK,
    CHILD_TYPE_AOF, CLIENT_BLOCKED, CLIENT_DENY_BLOCKING, CLIENT_ID_AOF, CLIENT_MULTI, LL_NOTICE, LL_WARNING,
    OBJ_STRING, server, shared, SLAVE_STATE_WAIT_BGSAVE_START)
from server.server_state import hasActiveChildProcess
from server.session.multi import execCommand, freeClientMultiState, queueMultiCommand
from server.types.t_string import psetexCommand, setCommand, setexCommand


# ----------------------------------------------------------------------------
# AOF file implementation
# -------------------------------------------------------------------------

def aofFsyncInProgress():
    """Tell whether a bio thread runs an fsync of the AOF -> True or False."""
    return bioPendingJobsOfType(BIO_AOF_FSYNC) != 0


def stopAppendOnly():
    """CONFIG SET appendonly no: write and sync what there is, then forget the file."""
    serverAssert(server.aof_state != AOF_OFF)
    flushAppendOnlyFile(1)
    try:
        os.fdatasync(server.aof_fd)
        server.aof_fsync_offset = server.aof_current_size
        server.aof_last_fsync = server.unixtime
    except OSError as e:
        serverLog(LL_WARNING, "Fail to fsync the AOF file: %s", e.strerror)
    os.close(server.aof_fd)

    server.aof_fd = -1
    server.aof_selected_db = -1
    server.aof_state = AOF_OFF
    server.aof_rewrite_scheduled = 0
    killAppendOnlyChild()
    server.aof_buf = bytearray()


def startAppendOnly():
    """CONFIG SET appendonly yes -> C_OK, C_ERR.  The first file is made by a rewrite; until it is there the state is
    AOF_WAIT_REWRITE, and nothing is appended to server.aof_buf."""
    serverAssert(server.aof_state == AOF_OFF)
    try:
        newfd = os.open(server.aof_filename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as e:
        serverLog(LL_WARNING, "Redis needs to enable the AOF but can't open the append only file %s "
                              "(in server root dir %s): %s", server.aof_filename, getcwd(), e.strerror)
        return C_ERR
    if hasActiveChildProcess() and server.child_type != CHILD_TYPE_AOF:
        server.aof_rewrite_scheduled = 1
        serverLog(LL_WARNING, "AOF was enabled but there is already another background operation. An AOF background "
                              "was scheduled to start when possible.")
    else:
        # A rewrite that runs already is useless: the changes since its start were not collected.
        if server.child_type == CHILD_TYPE_AOF:
            serverLog(LL_WARNING, "AOF was enabled but there is already an AOF rewriting in background. Stopping "
                                  "background AOF and starting a rewrite now.")
            killAppendOnlyChild()
        if rewriteAppendOnlyFileBackground() == C_ERR:
            os.close(newfd)
            serverLog(LL_WARNING, "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. "
                                  "Check the above logs for more info about the error.")
            return C_ERR
    server.aof_state = AOF_WAIT_REWRITE
    server.aof_last_fsync = server.unixtime
    server.aof_fd = newfd

    # Forget the errors of a former AOF.
    if server.aof_bio_fsync_status == C_ERR:
        serverLog(LL_WARNING, "AOF reopen, just ignore the AOF fsync error in bio job")
        server.aof_bio_fsync_status = C_OK
    if server.aof_last_write_status == C_ERR:
        serverLog(LL_WARNING, "AOF reopen, just ignore the last error.")
        server.aof_last_write_status = C_OK
    return C_OK


def getcwd():
    """Return the working directory, for log lines."""
    try:
        return os.getcwd()
    except OSError:
        return "unknown"


def aofWrite(fd, buf):
    """write(2) until all of `buf` is out or an error says why not -> (bytes written or -1, errno).

    A short write is tried again: only the second try shows whether the disk is full or the error was temporary.
    """
    try:
        totwritten = os.write(fd, buf)
    except OSError as e:
        return -1, e.errno
    total = len(buf)
    while totwritten < total:
        try:
            totwritten += os.write(fd, memoryview(buf)[totwritten:])
        except OSError as e:
            return (totwritten or -1), e.errno
    return totwritten, 0


AOF_WRITE_LOG_ERROR_RATE = 30           # seconds between two log lines about write errors
_flushAppendOnlyFile_last_write_error_log = 0


def flushAppendOnlyFile(force):
    """Write server.aof_buf to the file, and sync as appendfsync says.

    With `everysec` the write is put off, for up to two seconds, while a background fsync runs: write(2) would block behind
    it.  `force` writes in any case.  An error leaves the data in the buffer and stops writes (MISCONF) until a later
    call succeeds; with `always` it ends the server, since replies already promise the data.
    """
    global _flushAppendOnlyFile_last_write_error_log
    sync_in_progress = 0

    if not server.aof_buf:
        # Data may have been written without being synced yet: check this even when the buffer is empty.
        if not (server.aof_fsync == AOF_FSYNC_EVERYSEC and server.aof_fsync_offset != server.aof_current_size and
                server.unixtime > server.aof_last_fsync):
            return
        if aofFsyncInProgress():
            return
        flushAppendOnlyFile_try_fsync(0)
        return

    if server.aof_fsync == AOF_FSYNC_EVERYSEC:
        sync_in_progress = aofFsyncInProgress()

    if server.aof_fsync == AOF_FSYNC_EVERYSEC and not force:
        if sync_in_progress:
            if server.aof_flush_postponed_start == 0:
                server.aof_flush_postponed_start = server.unixtime
                return
            if server.unixtime - server.aof_flush_postponed_start < 2:
                return
            server.aof_delayed_fsync += 1
            serverLog(LL_NOTICE, "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer "
                                 "without waiting for fsync to complete, this may slow down Redis.")

    if server.aof_flush_sleep:
        time.sleep(server.aof_flush_sleep / 1000000)

    # ORDER: one write(2) for the whole buffer, so that a killed server leaves complete commands as far as possible.
    buf = server.aof_buf
    latency = latencyStartMonitor()
    nwritten, err = aofWrite(server.aof_fd, buf)
    latency = latencyEndMonitor(latency)
    if sync_in_progress:
        latencyAddSampleIfNeeded("aof-write-pending-fsync", latency)
    elif hasActiveChildProcess():
        latencyAddSampleIfNeeded("aof-write-active-child", latency)
    else:
        latencyAddSampleIfNeeded("aof-write-alone", latency)
    latencyAddSampleIfNeeded("aof-write", latency)

    server.aof_flush_postponed_start = 0

    if nwritten != len(buf):
        can_log = 0
        if server.unixtime - _flushAppendOnlyFile_last_write_error_log > AOF_WRITE_LOG_ERROR_RATE:
            can_log = 1
            _flushAppendOnlyFile_last_write_error_log = server.unixtime

        if nwritten == -1:
            if can_log:
                serverLog(LL_WARNING, "Error writing to the AOF file: %s", os.strerror(err))
                server.aof_last_write_errno = err
        else:
            if can_log:
                serverLog(LL_WARNING, "Short write while writing to the AOF file: (nwritten=%d, expected=%d)",
                          nwritten, len(buf))
            try:
                os.ftruncate(server.aof_fd, server.aof_current_size)
                nwritten = -1               # the file has no incomplete command now
            except OSError as e:
                if can_log:
                    serverLog(LL_WARNING, "Could not remove short write from the append-only file.  Redis may refuse "
                                          "to load the AOF the next time it starts.  ftruncate: %s", e.strerror)
            server.aof_last_write_errno = errno.ENOSPC

        if server.aof_fsync == AOF_FSYNC_ALWAYS:
            serverLog(LL_WARNING, "Can't recover from AOF write error when the AOF fsync policy is 'always'. "
                                  "Exiting...")
            sys.exit(1)
        server.aof_last_write_status = C_ERR
        if nwritten > 0:
            server.aof_current_size += nwritten
            del buf[:nwritten]
        return                              # the next call tries again

    if server.aof_last_write_status == C_ERR:
        serverLog(LL_WARNING, "AOF write error looks solved, Redis can write again.")
        server.aof_last_write_status = C_OK
    server.aof_current_size += nwritten

    if nwritten < 4000:
        buf.clear()
    else:
        server.aof_buf = bytearray()        # free the memory of a large buffer

    flushAppendOnlyFile_try_fsync(sync_in_progress)


def flushAppendOnlyFile_try_fsync(sync_in_progress):
    """Do the tail of flushAppendOnlyFile (C: label try_fsync)."""
    if server.aof_no_fsync_on_rewrite and hasActiveChildProcess():
        return

    if server.aof_fsync == AOF_FSYNC_ALWAYS:
        latency = latencyStartMonitor()
        try:
            os.fdatasync(server.aof_fd)
        except OSError as e:
            serverLog(LL_WARNING, "Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. "
                                  "Exiting...", e.strerror)
            sys.exit(1)
        latencyAddSampleIfNeeded("aof-fsync-always", latencyEndMonitor(latency))
        server.aof_fsync_offset = server.aof_current_size
        server.aof_last_fsync = server.unixtime
    elif server.aof_fsync == AOF_FSYNC_EVERYSEC and server.unixtime > server.aof_last_fsync:
        if not sync_in_progress:
            aof_background_fsync(server.aof_fd)
            server.aof_fsync_offset = server.aof_current_size
        server.aof_last_fsync = server.unixtime


def catAppendOnlyGenericCommand(dst, argc, argv):
    """Append the command to the bytearray `dst`, as the protocol spells it; return dst.  HOT"""
    dst += b"*%d\r\n" % argc

    for o in argv:
        o = getDecodedObject(o)
        dst += b"$%d\r\n%b\r\n" % (len(o.ptr), o.ptr)
    return dst


def catAppendOnlyExpireAtCommand(buf, cmd, key, seconds):
    """Append EXPIRE, PEXPIRE, EXPIREAT, SETEX ... as a PEXPIREAT: exact, and right whenever it is replayed."""
    seconds = getDecodedObject(seconds)
    when = strtoll(bytes(seconds.ptr))[0]
    proc = cmd.proc
    if proc is expireCommand or proc is setexCommand or proc is expireatCommand:
        when *= 1000
    if proc is expireCommand or proc is pexpireCommand or proc is setexCommand or proc is psetexCommand:
        when += mstime()
    return catAppendOnlyGenericCommand(buf, 3, [shared.pexpireat, key, createStringObjectFromLongLong(to_llong(when))])


def feedAppendOnlyFile(cmd, dictid, argv, argc):
    """Append a command that was executed to the AOF buffer, and to the rewrite buffer if a child rewrites.  HOT"""
    buf = bytearray()

    if dictid != server.aof_selected_db:
        seldb = b"%d" % dictid
        buf += b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%b\r\n" % (len(seldb), seldb)
        server.aof_selected_db = dictid

    if cmd.proc is expireCommand or cmd.proc is pexpireCommand or cmd.proc is expireatCommand:
        buf = catAppendOnlyExpireAtCommand(buf, cmd, argv[1], argv[2])
    elif cmd.proc is setCommand and argc > 3:
        # setGenericCommand has rewritten a SET with EX or PX as SET key value PX milliseconds.
        pxarg = None
        if object_get_bytes(argv[3]).lower() == b"px":
            pxarg = argv[4]
        if pxarg is not None:
            millisecond = getDecodedObject(pxarg)
            when = to_llong(strtoll(bytes(millisecond.ptr))[0] + mstime())
            newargs = argv[:3] + [shared.pxat, createStringObjectFromLongLong(when)]
            buf = catAppendOnlyGenericCommand(buf, 5, newargs)
        else:
            buf = catAppendOnlyGenericCommand(buf, argc, argv)
    else:
        buf = catAppendOnlyGenericCommand(buf, argc, argv)

    # The buffer is written in beforeSleep, before the replies are sent.
    if server.aof_state == AOF_ON:
        server.aof_buf += buf

    # A child rewrites the file: append the command to its diff as well.
    if server.child_type == CHILD_TYPE_AOF:
        aofRewriteBufferAppend(buf)


# ----------------------------------------------------------------------------
# AOF loading
# -------------------------------------------------------------------------

def createAOFClient():
    """Return the fake client that replays the file: no connection, never blocked, sees no replies.

    C: leaves what commands of an AOF should not need as it comes from malloc.  Any command may stand in a file.
    """
    c = createClient(None)
    server.next_client_id -= 1                      # it uses no client ID
    c.id = CLIENT_ID_AOF
    c.flags = CLIENT_DENY_BLOCKING
    c.replstate = SLAVE_STATE_WAIT_BGSAVE_START     # so that no reply is sent to it
    c.user = None                                   # may call all commands
    return c


def freeFakeClientArgv(c):
    c.argv = []
    c.argc = 0
    c.argv_len_sum = 0


def freeFakeClient(c):
    listRelease(c.reply)
    listRelease(c.watched_keys)
    freeClientMultiState(c)
    freeClientOriginalArgv(c)


class aofReader:
    """The file under loadAppendOnlyFile, with stdio's idea of its end."""
    __slots__ = ("fp", "eof")

    def __init__(self, fp):
        self.fp = fp               # buffered binary file
        self.eof = 0               # 1 = a read met the end (C: feof)


#: Results of loadAppendOnlyFile_commands: C's labels.
LOADED_OK, READERR, UXEOF, FMTERR = range(4)


def loadAppendOnlyFile(filename):
    """Replay the file -> C_OK, or C_ERR when it is empty.  Anything wrong is logged and ends the process, except a cut
    tail when aof-load-truncated allows to cut it off."""
    old_aof_state = server.aof_state
    try:
        fp = open(filename, "rb", buffering=RIO_FILE_BUFFER)
    except OSError as e:
        serverLog(LL_WARNING, "Fatal error: can't open the append log file for reading: %s", e.strerror)
        sys.exit(1)

    with fp:
        if os.fstat(fp.fileno()).st_size == 0:      # valid: a server that has received no write yet
            server.aof_current_size = 0
            server.aof_fsync_offset = server.aof_current_size
            return C_ERR

        # ORDER: the AOF is off while it is replayed, or EXEC would append to the file that is being read.
        server.aof_state = AOF_OFF

        fakeClient = createAOFClient()
        startLoadingFile(fp, filename, RDBFLAGS_AOF_PREAMBLE)
        f = aofReader(fp)
        outcome = READERR
        valid_up_to = 0
        try:
            if loadAppendOnlyFile_preamble(f) == C_OK:
                outcome, valid_up_to = loadAppendOnlyFile_commands(f, fakeClient)
        except OSError as e:
            freeFakeClient(fakeClient)
            serverLog(LL_WARNING, "Unrecoverable error reading the append only file: %s", e.strerror)
            sys.exit(1)

        if outcome == READERR and not f.eof:
            serverLog(LL_WARNING, "Unrecoverable error reading the append only file: %s", os.strerror(rdb_load_errno()))
            sys.exit(1)
        if outcome == FMTERR:
            serverLog(LL_WARNING, "Bad file format reading the append only file: make a backup of your AOF file, then "
                                  "use ./redis-check-aof --fix <filename>")
            sys.exit(1)
        if outcome in (READERR, UXEOF) and not loadAppendOnlyFile_truncate(filename, valid_up_to):
            serverLog(LL_WARNING, "Unexpected end of file reading the append only file. You can: 1) Make a backup of "
                                  "your AOF file, then use ./redis-check-aof --fix <filename>. 2) Alternatively you "
                                  "can set the 'aof-load-truncated' configuration option to yes and restart the "
                                  "server.")
            sys.exit(1)

    freeFakeClient(fakeClient)
    server.aof_state = old_aof_state
    stopLoading(1)
    aofUpdateCurrentSize()
    server.aof_rewrite_base_size = server.aof_current_size
    server.aof_fsync_offset = server.aof_current_size
    return C_OK


def loadAppendOnlyFile_preamble(f):
    """Load an RDB at the head of the file, if there is one, and stand behind it -> C_OK, C_ERR."""
    fp = f.fp
    sig = fp.read(5)
    fp.seek(0)
    if sig != b"REDIS":
        return C_OK
    serverLog(LL_NOTICE, "Reading RDB preamble from AOF file...")
    rdb = rio()
    rioInitWithFile(rdb, fp)
    retval = rdbLoadRio(rdb, RDBFLAGS_AOF_PREAMBLE, None)
    f.eof = rdb.eof
    if retval != C_OK:
        serverLog(LL_WARNING, "Error reading the RDB preamble of the AOF file, AOF loading aborted")
        return C_ERR
    serverLog(LL_NOTICE, "Reading the remaining AOF tail...")
    return C_OK


def loadAppendOnlyFile_commands(f, fakeClient):
    """Replay commands up to the end of the file -> (outcome, offset of the end of the last good command)."""
    fp = f.fp
    readline = fp.readline
    read = fp.read
    size = os.fstat(fp.fileno()).st_size
    valid_up_to = 0                                 # C: kept only under aof-load-truncated
    valid_before_multi = 0
    loops = 0
    pos = fp.tell()

    while True:
        # Serve the clients from time to time
        if loops % 1000 == 0:
            loadingProgress(pos)
            processEventsWhileBlocked()
        loops += 1

        buf = readline(127)
        if not buf:
            break
        if buf[0] != 42:                            # '*'
            return FMTERR, valid_up_to
        if len(buf) == 1:
            f.eof = 1
            return READERR, valid_up_to
        pos += len(buf)
        argc = atoi(buf[1:])
        if argc < 1:
            return FMTERR, valid_up_to

        argv = []
        for _ in range(argc):
            buf = readline(127)
            if not buf:
                f.eof = 1
                return READERR, valid_up_to
            if buf[0] != 36:                        # '$'
                return FMTERR, valid_up_to
            pos += len(buf)
            n = strtol(buf[1:])[0]
            if n < 0 or n > size - pos + 1:         # longer than the file: do not allocate that much
                f.eof = 1
                return READERR, valid_up_to
            s = read(n)
            if len(s) != n or len(read(2)) != 2:
                f.eof = 1
                return READERR, valid_up_to
            pos += n + 2
            argv.append(createObject(OBJ_STRING, s))
        fakeClient.argc = argc
        fakeClient.argv = argv

        cmd = lookupCommand(argv[0].ptr)
        if cmd is None:
            serverLog(LL_WARNING, "Unknown command '%s' reading the append only file", argv[0].ptr)
            sys.exit(1)
        if cmd is server.multiCommand:
            valid_before_multi = valid_up_to

        fakeClient.cmd = fakeClient.lastcmd = cmd
        if fakeClient.flags & CLIENT_MULTI and cmd.proc is not execCommand:
            queueMultiCommand(fakeClient)
        else:
            cmd.proc(fakeClient)

        serverAssert(fakeClient.bufpos == 0 and fakeClient.reply.len == 0)
        serverAssert((fakeClient.flags & CLIENT_BLOCKED) == 0)

        freeFakeClientArgv(fakeClient)
        freeClientOriginalArgv(fakeClient)          # C: not freed, and the next command uses them as its own
        fakeClient.cmd = None
        if server.aof_load_truncated:
            valid_up_to = pos
        if server.key_load_delay:
            debugDelay(server.key_load_delay)

    # The file ends after a complete command; inside a MULTI this is still a short read.
    if fakeClient.flags & CLIENT_MULTI:
        serverLog(LL_WARNING, "Revert incomplete MULTI/EXEC transaction in AOF file")
        return UXEOF, valid_before_multi
    return LOADED_OK, valid_up_to


def loadAppendOnlyFile_truncate(filename, valid_up_to):
    """Cut an incomplete tail off, if the configuration allows -> true when the rest counts as loaded."""
    if not server.aof_load_truncated:
        return 0
    serverLog(LL_WARNING, "!!! Warning: short read while loading the AOF file !!!")
    serverLog(LL_WARNING, "!!! Truncating the AOF at offset %d !!!", valid_up_to)
    try:
        os.truncate(filename, valid_up_to)
    except OSError as e:
        serverLog(LL_WARNING, "Error truncating the AOF file: %s", e.strerror)
        return 0
    if server.aof_fd != -1:
        try:
            os.lseek(server.aof_fd, 0, os.SEEK_END)
        except OSError as e:
            serverLog(LL_WARNING, "Can't seek the end of the AOF file: %s", e.strerror)
            return 0
    serverLog(LL_WARNING, "AOF loaded anyway because aof-load-truncated is enabled")
    return 1
