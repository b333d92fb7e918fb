"""aof_buffer.py - the AOF rewrite buffer.     Mirrors src/aof.c 40-210 (6.2.14)

Lives here   the commands executed while a child rewrites: blocks of 10 MB, so that appending never moves old data, and
             data sent to the child are freed block by block.  Also the fsync in the background.
Called from  feedAppendOnlyFile [command]; the event handler of the pipe to the child; aof_rewrite; INFO, MEMORY, evict.
Calls out    bio (fsync).
State        server.aof_rewrite_buf_blocks: list_ of bytearray.
Departures   a block is a bytearray (C: a struct of 10 MB with used and free).
"""
import errno
import os

from ae.ae import AE_WRITABLE, aeCreateFileEvent, aeDeleteFileEvent, aeGetFileEvents
from datastructs.adlist import listAddNodeTail, listCreate, listDelNode, listFirst, listLast, listLength, listRelease
from server.bio import bioCreateFsyncJob
from server.latency_samples import latencyAddSampleIfNeeded, latencyEndMonitor, latencyStartMonitor
from server.log import serverLog
from server.server_h import LL_NOTICE, LL_WARNING, server

AOF_RW_BUF_BLOCK_SIZE = (1024 * 1024 * 10)


def aofRewriteBufferReset():
    """Drop what was collected; also the first initialization."""
    if server.aof_rewrite_buf_blocks is not None:
        listRelease(server.aof_rewrite_buf_blocks)
    server.aof_rewrite_buf_blocks = listCreate()


def aofRewriteBufferSize():
    """Return the bytes in the rewrite buffer."""
    size = 0
    ln = listFirst(server.aof_rewrite_buf_blocks)
    while ln is not None:
        size += len(ln.value)
        ln = ln.next
    return size


def aofChildWriteDiffData(el, fd, privdata, mask):
    """Writable pipe to the child: send it what we did since the fork, so that little is left for the end."""
    while True:
        ln = listFirst(server.aof_rewrite_buf_blocks)
        block = ln.value if ln is not None else None
        if server.aof_stop_sending_diff or block is None:
            aeDeleteFileEvent(server.el, server.aof_pipe_write_data_to_child, AE_WRITABLE)
            return
        if block:
            try:
                nwritten = os.write(server.aof_pipe_write_data_to_child, block[:1024 * 1024])
            except OSError:
                return
            if nwritten <= 0:
                return
            del block[:nwritten]
        if not block:
            listDelNode(server.aof_rewrite_buf_blocks, ln)


def aofRewriteBufferAppend(s):
    """Append `s`, and see to it that the child gets it."""
    ln = listLast(server.aof_rewrite_buf_blocks)
    block = ln.value if ln is not None else None

    pos, end = 0, len(s)
    while pos < end:
        if block is not None:
            thislen = min(AOF_RW_BUF_BLOCK_SIZE - len(block), end - pos)
            if thislen:
                block += s[pos:pos + thislen]
                pos += thislen
        if pos < end:
            block = bytearray()
            listAddNodeTail(server.aof_rewrite_buf_blocks, block)
            # Log every 10 blocks as a notice, and every 100 blocks as a warning.
            numblocks = listLength(server.aof_rewrite_buf_blocks)
            if (numblocks + 1) % 10 == 0:
                level = LL_WARNING if (numblocks + 1) % 100 == 0 else LL_NOTICE
                serverLog(level, "Background AOF buffer size: %d MB", aofRewriteBufferSize() // (1024 * 1024))

    if not server.aof_stop_sending_diff and aeGetFileEvents(server.el, server.aof_pipe_write_data_to_child) == 0:
        aeCreateFileEvent(server.el, server.aof_pipe_write_data_to_child, AE_WRITABLE, aofChildWriteDiffData, None)


def aofRewriteBufferWrite(fd):
    """Write the whole buffer to `fd` -> bytes written; OSError when that cannot be done (C: -1 and errno)."""
    count = 0
    ln = listFirst(server.aof_rewrite_buf_blocks)
    while ln is not None:
        block = ln.value
        if block:
            nwritten = os.write(fd, block)
            if nwritten != len(block):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            count += nwritten
        ln = ln.next
    return count


# =========================== AOF file implementation =======================

def aof_background_fsync(fd):
    bioCreateFsyncJob(fd)


def aofUpdateCurrentSize():
    """Set server.aof_current_size from the file itself: after a load and after a rewrite."""
    latency = latencyStartMonitor()
    try:
        server.aof_current_size = os.fstat(server.aof_fd).st_size
    except OSError as e:
        serverLog(LL_WARNING, "Unable to obtain the AOF file length. stat: %s", e.strerror)
    latencyAddSampleIfNeeded("aof-fstat", latencyEndMonitor(latency))
