"""rdb.py - saving to files and replicas, SAVE, BGSAVE.        Mirrors src/rdb.c (6.2.14)

Lives here   rdbSave, the background child and its end, rdbSaveToSlavesSockets, the commands.
             rdb_save.py: the encoders (C: rdbSave*), rdb_load.py, rdb_load_stream.py: the decoders (C: rdbLoad*);
             rdb_h.py: the constants.  All their names can be imported from here.
Called from  saveCommand, bgsaveCommand [command]; serverCron: save points, checkChildrenDone [cron]; prepareForShutdown;
             startBgsaveForReplication [command, cron].
State        server.dirty, lastsave, lastbgsave_*, rdb_child_type, rdb_save_time_*, rdb_pipe_*.
Invariant    a file is renamed only when it is complete and synced: rename(2) is the last step.
"""
import errno
import os
import signal
from typing import TYPE_CHECKING

from ae.ae import AE_ERR, AE_READABLE, aeCreateFileEvent, aeDeleteFileEvent
from ae.monotonic import unix_time
from datastructs.util import getRandomHexChars
from persistence.rdb_h import RDBFLAGS_NONE, RDBFLAGS_REPLICATION
from persistence.rdb_save import rdbSaveRio, startSaving, stopSaving
from persistence.rio import (
    close_after_error, rio, RIO_FILE_BUFFER, rioFlush, rioFreeFd, rioInitWithFd, rioInitWithFile, rioSetAutoSync, rioWrite)
from server.client.networking_reply import (addReply, addReplyError, addReplyErrorObject, addReplyStatus)
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import integrity_failure, log_unexpected_exception, serverLog, serverPanic
from server.os_process import exitFromChild, redisFork, redisSetCpuAffinity, redisSetProcTitle, sendChildCowInfo
from server.server_h import (
    C_ERR, C_OK, CHILD_INFO_TYPE_RDB_COW_SIZE, CHILD_TYPE_RDB, LL_NOTICE, LL_WARNING, RDB_CHILD_TYPE_DISK,
    RDB_CHILD_TYPE_NONE, RDB_CHILD_TYPE_SOCKET, RDB_EOF_MARK_SIZE, REDIS_AUTOSYNC_BYTES, SLAVE_STATE_WAIT_BGSAVE_END,
    SLAVE_STATE_WAIT_BGSAVE_START, rdbSaveInfo, server, shared)
from server.server_state import hasActiveChildProcess

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication_master import (
        bg_unlink, getPsyncInitialOffset, rdbPipeReadHandler, replicationSetupSlaveForFullResync,
        updateSlavesWaitingBgsave,
    )


def rdbSaveRioWithEOFMark(rdb, rsi):
    """Write "$EOF:<40 random hex digits>", the data set, and the digits again -> (C_OK or C_ERR, errno).

    A reader that gets the stream through a socket sees the end without understanding the contents.
    """
    startSaving(RDBFLAGS_REPLICATION)
    eofmark = getRandomHexChars(RDB_EOF_MARK_SIZE)
    if rioWrite(rdb, b"$EOF:") == 0:
        return rdbSaveRioWithEOFMark_werr(rdb)
    if rioWrite(rdb, eofmark) == 0:
        return rdbSaveRioWithEOFMark_werr(rdb)
    if rioWrite(rdb, b"\r\n") == 0:
        return rdbSaveRioWithEOFMark_werr(rdb)
    retval, error = rdbSaveRio(rdb, RDBFLAGS_NONE, rsi)
    if retval == C_ERR:
        return rdbSaveRioWithEOFMark_werr(rdb, error)
    if rioWrite(rdb, eofmark) == 0:
        return rdbSaveRioWithEOFMark_werr(rdb)
    stopSaving(1)
    return C_OK, 0


def rdbSaveRioWithEOFMark_werr(rdb, error=0):
    """The label werr of C -> (C_ERR, errno)."""
    if error == 0:
        error = rdb.error
    stopSaving(0)
    return C_ERR, error


def getcwd():
    """Return the working directory, for log lines."""
    try:
        return os.getcwd()
    except OSError:
        return "unknown"


def rdbSave(filename, rsi):
    """Save everything to the file -> C_OK, C_ERR.  The old file stays as it is until the new one is safe."""
    tmpfile = "temp-%d.rdb" % os.getpid()
    try:
        fp = open(tmpfile, "wb", buffering=RIO_FILE_BUFFER)
    except OSError as e:
        serverLog(LL_WARNING, "Failed opening the RDB file %s (in server root dir %s) for saving: %s", filename,
                  getcwd(), e.strerror)
        return C_ERR

    rdb = rio()
    rioInitWithFile(rdb, fp)
    startSaving(RDBFLAGS_NONE)
    if server.rdb_save_incremental_fsync:
        rioSetAutoSync(rdb, REDIS_AUTOSYNC_BYTES)
    try:
        retval, error = rdbSaveRio(rdb, RDBFLAGS_NONE, rsi)
        if retval == C_ERR:
            raise OSError(error, os.strerror(error))
        # Make sure that no data stay in the buffers of this process or of the system.
        fp.flush()
        os.fsync(fp.fileno())
        fp.close()
    except OSError as e:
        serverLog(LL_WARNING, "Write error saving DB on disk: %s", e.strerror)
        close_after_error(fp)
        os.unlink(tmpfile)
        stopSaving(0)
        return C_ERR
    except Exception as exc:                        # a value that cannot be written: the callers treat it as a failed save
        if integrity_failure(exc):
            raise
        log_unexpected_exception(exc)
        for j in range(server.dbnum):
            server.db[j].dict.pauserehash = 0       # rdbSaveRio has not reached dictReleaseIterator
        close_after_error(fp)
        os.unlink(tmpfile)
        stopSaving(0)
        return C_ERR

    try:
        os.rename(tmpfile, filename)
    except OSError as e:
        serverLog(LL_WARNING, "Error moving temp DB file %s on the final destination %s (in server root dir %s): %s",
                  tmpfile, filename, getcwd(), e.strerror)
        os.unlink(tmpfile)
        stopSaving(0)
        return C_ERR

    serverLog(LL_NOTICE, "DB saved on disk")
    server.dirty = 0
    server.lastsave = unix_time()
    server.lastbgsave_status = C_OK
    stopSaving(1)
    return C_OK


def rdbSaveBackground(filename, rsi):
    """Fork a child that saves to the file -> C_OK when it runs, C_ERR."""
    if hasActiveChildProcess():
        return C_ERR
    server.dirty_before_bgsave = server.dirty
    server.lastbgsave_try = unix_time()

    childpid = redisFork(CHILD_TYPE_RDB)
    if childpid == 0:
        redisSetProcTitle("redis-rdb-bgsave")
        redisSetCpuAffinity(server.bgsave_cpulist)
        retval = rdbSave(filename, rsi)
        if retval == C_OK:
            sendChildCowInfo(CHILD_INFO_TYPE_RDB_COW_SIZE, "RDB")
        exitFromChild(0 if retval == C_OK else 1)
    if childpid == -1:
        server.lastbgsave_status = C_ERR
        serverLog(LL_WARNING, "Can't save in background: fork: %s", os.strerror(errno.EAGAIN))
        return C_ERR
    serverLog(LL_NOTICE, "Background saving started by pid %d", childpid)
    server.rdb_save_time_start = unix_time()
    server.rdb_child_type = RDB_CHILD_TYPE_DISK
    return C_OK


def rdbRemoveTempFile(childpid, from_signal):
    """Remove what a killed child has left.  `from_signal`: the process is going to end, so no bio job."""
    tmpfile = "temp-%d.rdb" % childpid
    if from_signal:
        try:
            os.open(tmpfile, os.O_RDONLY | os.O_NONBLOCK)   # kept open, so that unlink is fast; our exit closes it
            os.unlink(tmpfile)
        except OSError:
            pass
    else:
        bg_unlink(tmpfile)


def backgroundSaveDoneHandlerDisk(exitcode, bysignal):
    """The child of a BGSAVE is gone."""
    if not bysignal and exitcode == 0:
        serverLog(LL_NOTICE, "Background saving terminated with success")
        server.dirty = server.dirty - server.dirty_before_bgsave
        server.lastsave = unix_time()
        server.lastbgsave_status = C_OK
    elif not bysignal and exitcode != 0:
        serverLog(LL_WARNING, "Background saving error")
        server.lastbgsave_status = C_ERR
    else:
        serverLog(LL_WARNING, "Background saving terminated by signal %d", bysignal)
        latency = latencyStartMonitor()
        rdbRemoveTempFile(server.child_pid, 0)
        latencyAddSampleIfNeeded("rdb-unlink-temp-file", latencyEndMonitor(latency))
        # We stop a child with SIGUSR1: this is no error.
        if bysignal != signal.SIGUSR1:
            server.lastbgsave_status = C_ERR


def backgroundSaveDoneHandlerSocket(exitcode, bysignal):
    """The child that fed the replicas through the pipe is gone."""
    if not bysignal and exitcode == 0:
        serverLog(LL_NOTICE, "Background RDB transfer terminated with success")
    elif not bysignal and exitcode != 0:
        serverLog(LL_WARNING, "Background transfer error")
    else:
        serverLog(LL_WARNING, "Background transfer terminated by signal %d", bysignal)
    if server.rdb_child_exit_pipe != -1:
        os.close(server.rdb_child_exit_pipe)
    aeDeleteFileEvent(server.el, server.rdb_pipe_read, AE_READABLE)
    os.close(server.rdb_pipe_read)
    server.rdb_child_exit_pipe = -1
    server.rdb_pipe_read = -1
    server.rdb_pipe_conns = None
    server.rdb_pipe_numconns = 0
    server.rdb_pipe_numconns_writing = 0
    server.rdb_pipe_buff = None
    server.rdb_pipe_bufflen = 0


def backgroundSaveDoneHandler(exitcode, bysignal):
    """A saving child is gone: note how, and serve the replicas that wait for it."""
    type_ = server.rdb_child_type
    if type_ == RDB_CHILD_TYPE_DISK:
        backgroundSaveDoneHandlerDisk(exitcode, bysignal)
    elif type_ == RDB_CHILD_TYPE_SOCKET:
        backgroundSaveDoneHandlerSocket(exitcode, bysignal)
    else:
        serverPanic("Unknown RDB child type.")
    server.rdb_child_type = RDB_CHILD_TYPE_NONE
    server.rdb_save_time_last = unix_time() - server.rdb_save_time_start
    server.rdb_save_time_start = -1
    updateSlavesWaitingBgsave(C_OK if not bysignal and exitcode == 0 else C_ERR, type_)


def killRDBChild():
    """Stop the saving child.  checkChildrenDone cleans up when it sees it dead."""
    try:
        os.kill(server.child_pid, signal.SIGUSR1)
    except ProcessLookupError:
        pass


def rdbSaveToSlavesSockets(rsi):
    """Fork a child that sends the data set to the replicas in SLAVE_STATE_WAIT_BGSAVE_START -> C_OK, C_ERR.

    The child writes into a pipe and the parent passes it on (rdbPipeReadHandler), since only the parent may write to a
    TLS connection.  A second pipe holds the child back from exiting until everything has been read.
    """
    if hasActiveChildProcess():
        return C_ERR
    # A former child may have exited while its pipe is not drained yet.
    if server.rdb_pipe_conns:
        return C_ERR

    try:
        server.rdb_pipe_read, rdb_pipe_write = os.pipe()
    except OSError:
        return C_ERR
    os.set_blocking(server.rdb_pipe_read, False)
    try:
        safe_to_exit_pipe, server.rdb_child_exit_pipe = os.pipe()
    except OSError:
        os.close(rdb_pipe_write)
        os.close(server.rdb_pipe_read)
        return C_ERR

    server.rdb_pipe_conns = []
    server.rdb_pipe_numconns = 0
    server.rdb_pipe_numconns_writing = 0
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_START:
            server.rdb_pipe_conns.append(slave.conn)
            server.rdb_pipe_numconns += 1
            replicationSetupSlaveForFullResync(slave, getPsyncInitialOffset())

    childpid = redisFork(CHILD_TYPE_RDB)
    if childpid == 0:
        rdb = rio()
        rioInitWithFd(rdb, rdb_pipe_write)
        os.close(server.rdb_pipe_read)              # so that a write fails if the parent dies
        redisSetProcTitle("redis-rdb-to-slaves")
        redisSetCpuAffinity(server.bgsave_cpulist)

        retval, _ = rdbSaveRioWithEOFMark(rdb, rsi)
        if retval == C_OK and rioFlush(rdb) == 0:
            retval = C_ERR
        if retval == C_OK:
            sendChildCowInfo(CHILD_INFO_TYPE_RDB_COW_SIZE, "RDB")
        rioFreeFd(rdb)
        os.close(rdb_pipe_write)                    # the reader gets end of file
        os.close(server.rdb_child_exit_pipe)        # our copy, or the read end would never get end of file
        os.read(safe_to_exit_pipe, 1)
        exitFromChild(0 if retval == C_OK else 1)

    os.close(safe_to_exit_pipe)
    if childpid == -1:
        serverLog(LL_WARNING, "Can't save in background: fork: %s", os.strerror(errno.EAGAIN))
        # Undo replicationSetupSlaveForFullResync; the caller handles the replicas in WAIT_BGSAVE_START.
        ln = server.slaves.head
        while ln is not None:
            slave = ln.value
            ln = ln.next
            if slave.replstate == SLAVE_STATE_WAIT_BGSAVE_END:
                slave.replstate = SLAVE_STATE_WAIT_BGSAVE_START
        os.close(rdb_pipe_write)
        os.close(server.rdb_pipe_read)
        server.rdb_pipe_conns = None
        server.rdb_pipe_numconns = 0
        server.rdb_pipe_numconns_writing = 0
        return C_ERR
    serverLog(LL_NOTICE, "Background RDB transfer started by pid %d", childpid)
    server.rdb_save_time_start = unix_time()
    server.rdb_child_type = RDB_CHILD_TYPE_SOCKET
    os.close(rdb_pipe_write)                        # so that we get end of file when the child closes it
    if aeCreateFileEvent(server.el, server.rdb_pipe_read, AE_READABLE, rdbPipeReadHandler, None) == AE_ERR:
        serverPanic("Unrecoverable error creating server.rdb_pipe_read file event.")
    return C_OK


def saveCommand(c):
    """SAVE -> status   [admin, noscript]"""
    if server.child_type == CHILD_TYPE_RDB:
        addReplyError(c, b"Background save already in progress")
        return
    if rdbSave(server.rdb_filename, rdbPopulateSaveInfo()) == C_OK:
        addReply(c, shared.ok)
    else:
        addReplyErrorObject(c, shared.err)


def bgsaveCommand(c):
    """BGSAVE [SCHEDULE] -> status   [admin, noscript]

    With SCHEDULE a BGSAVE that cannot run now, because of another child, runs when that is gone.
    """
    schedule = 0
    if c.argc > 1:
        if c.argc == 2 and c.argv[1].ptr.lower() == b"schedule":
            schedule = 1
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return

    if server.child_type == CHILD_TYPE_RDB:
        addReplyError(c, b"Background save already in progress")
    elif hasActiveChildProcess():
        if schedule:
            server.rdb_bgsave_scheduled = 1
            addReplyStatus(c, b"Background saving scheduled")
        else:
            addReplyError(c, b"Another child process is active (AOF?): can't BGSAVE right now. "
                             b"Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
    elif rdbSaveBackground(server.rdb_filename, rdbPopulateSaveInfo()) == C_OK:
        addReplyStatus(c, b"Background saving started")
    else:
        addReplyErrorObject(c, shared.err)


def rdbPopulateSaveInfo(rsi=None):
    """Fill `rsi` (a new one by default) with the replication facts for the file and return it; None when there are none
    worth keeping."""
    if rsi is None:
        rsi = rdbSaveInfo()
    # A master without a backlog has no replication history.  slaveseldb -1: nothing was sent since a full sync; then 0
    # will do, since the next write begins with a SELECT.
    if not server.masterhost and server.repl_backlog is not None:
        rsi.repl_stream_db = 0 if server.slaveseldb == -1 else server.slaveseldb
        return rsi
    # A replica takes the database that its master has selected, or that the cached master had selected.
    if server.master is not None:
        rsi.repl_stream_db = server.master.db.id
        return rsi
    if server.cached_master is not None:
        rsi.repl_stream_db = server.cached_master.db.id
        return rsi
    return None
