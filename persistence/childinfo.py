"""childinfo.py - progress reports of a child to its parent.   Mirrors src/childinfo.c (6.2.14)

Lives here   the pipe of fixed-size records: copy-on-write memory, keys done, progress.
Called from  redisFork: openChildInfoPipe; sendChildInfo [child]; serverCron: receiveChildInfo [cron].
State        server.child_info_pipe, stat_current_*, stat_*_cow_bytes; _readChildInfo_buffer: a record of which only a
             part has come; _sendChildInfoGeneric_*: C's static locals, of use in the child only.
"""
import os
import struct
from typing import TYPE_CHECKING

from ae.monotonic import getMonotonicUs
from server.log import serverLog
from server.server_h import (
    CHILD_COW_DUTY_CYCLE, CHILD_INFO_TYPE_AOF_COW_SIZE, CHILD_INFO_TYPE_CURRENT_INFO, CHILD_INFO_TYPE_MODULE_COW_SIZE,
    CHILD_INFO_TYPE_RDB_COW_SIZE, LL_NOTICE, LL_VERBOSE, LL_WARNING, server)
from server.zmalloc import zmalloc_get_private_dirty

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.os_process import exitFromChild

#: C: child_info_data: keys, cow, cow_updated, progress, information_type
child_info_data = struct.Struct("<QQQdi4x")

_sendChildInfoGeneric_cow_updated = 0
_sendChildInfoGeneric_cow_update_cost = 0
_sendChildInfoGeneric_cow = 0
_readChildInfo_buffer = b""


def openChildInfoPipe():
    """Make the pipe, non-blocking on our end; without one (-1) nothing is reported."""
    global _readChildInfo_buffer
    try:
        server.child_info_pipe = list(os.pipe())
        os.set_blocking(server.child_info_pipe[0], False)
    except OSError:
        closeChildInfoPipe()
        return
    server.child_info_nread = 0
    _readChildInfo_buffer = b""


def closeChildInfoPipe():
    for fd in server.child_info_pipe:
        if fd != -1:
            os.close(fd)
    server.child_info_pipe = [-1, -1]
    server.child_info_nread = 0


def sendChildInfoGeneric(info_type, keys, progress, pname):
    """[child] Send a record.  Finding out the copy-on-write size is dear: for progress reports it is done only so often
    that it takes one hundredth of the time."""
    global _sendChildInfoGeneric_cow, _sendChildInfoGeneric_cow_updated, _sendChildInfoGeneric_cow_update_cost
    if server.child_info_pipe[1] == -1:
        return
    now = getMonotonicUs()
    if (info_type != CHILD_INFO_TYPE_CURRENT_INFO or not _sendChildInfoGeneric_cow_updated or
            now - _sendChildInfoGeneric_cow_updated > _sendChildInfoGeneric_cow_update_cost * CHILD_COW_DUTY_CYCLE):
        cow = zmalloc_get_private_dirty(-1)
        _sendChildInfoGeneric_cow = cow
        _sendChildInfoGeneric_cow_updated = getMonotonicUs()
        _sendChildInfoGeneric_cow_update_cost = _sendChildInfoGeneric_cow_updated - now
        if cow:
            serverLog(LL_VERBOSE if info_type == CHILD_INFO_TYPE_CURRENT_INFO else LL_NOTICE,
                      "%s: %d MB of memory used by copy-on-write", pname, cow // (1024 * 1024))
    data = child_info_data.pack(keys, _sendChildInfoGeneric_cow, _sendChildInfoGeneric_cow_updated, progress, info_type)
    try:
        os.write(server.child_info_pipe[1], data)
    except OSError as e:                                # the parent has exited
        serverLog(LL_WARNING, "Child failed reporting info to parent, exiting. %s", e.strerror)
        exitFromChild(1)


def updateChildInfo(information_type, cow, cow_updated, keys, progress):
    """Note what the child said."""
    if information_type == CHILD_INFO_TYPE_CURRENT_INFO:
        server.stat_current_cow_bytes = cow
        server.stat_current_cow_updated = cow_updated
        server.stat_current_save_keys_processed = keys
        if progress != -1:
            server.stat_module_progress = progress
    elif information_type == CHILD_INFO_TYPE_AOF_COW_SIZE:
        server.stat_aof_cow_bytes = cow
    elif information_type == CHILD_INFO_TYPE_RDB_COW_SIZE:
        server.stat_rdb_cow_bytes = cow
    elif information_type == CHILD_INFO_TYPE_MODULE_COW_SIZE:
        server.stat_module_cow_bytes = cow


def readChildInfo():
    """Return the next whole record, or None; a part of one is kept for the next time."""
    global _readChildInfo_buffer
    try:
        data = os.read(server.child_info_pipe[0], child_info_data.size - len(_readChildInfo_buffer))
    except OSError:
        data = b""
    _readChildInfo_buffer += data
    server.child_info_nread = len(_readChildInfo_buffer)
    if len(_readChildInfo_buffer) < child_info_data.size:
        return None
    record = child_info_data.unpack(_readChildInfo_buffer)
    _readChildInfo_buffer = b""
    return record


def receiveChildInfo():
    """Take everything out of the pipe, so that the last record counts."""
    if server.child_info_pipe[0] == -1:
        return
    while (record := readChildInfo()) is not None:
        keys, cow, cow_updated, progress, information_type = record
        updateChildInfo(information_type, cow, cow_updated, keys, progress)
