"""server_state.py - questions about the server's state, and its cached clock.     Mirrors src/server.c (6.2.14)

Lives here   htNeedsResize, updateDictResizePolicy, the predicates on children, persistence and role
             (C: "Hash table type implementation" to "Cron"); updateCachedTime; blockingOperationStarts and -Ends.
Called from  everywhere.
State        server.child_pid, child_type, ustime, mstime, unixtime, blocked_last_cron, blocking_op_nesting.
Departures   none.
"""
import time

from ae.monotonic import mstime, ustime
from cluster.cluster_h import CLUSTER_NODE_MASTER
from datastructs.dict import (
    DICT_HT_INITIAL_SIZE, DICT_RESIZE_AVOID, DICT_RESIZE_ENABLE, DICT_RESIZE_FORBID, dictSetResizeEnabled,
)
from persistence.childinfo import closeChildInfoPipe
from server.server_h import (
    AOF_OFF, C_ERR, CHILD_TYPE_AOF, CHILD_TYPE_LDB, CHILD_TYPE_MODULE, CHILD_TYPE_NONE, CHILD_TYPE_RDB,
    DISK_ERROR_TYPE_AOF, DISK_ERROR_TYPE_NONE, DISK_ERROR_TYPE_RDB, HASHTABLE_MIN_FILL, server, STATS_METRIC_COUNT,
    STATS_METRIC_SAMPLES,
)


def htNeedsResize(dict_):
    ht0, ht1 = dict_.ht
    size = ht0.size + ht1.size              # dictSlots
    used = ht0.used + ht1.used              # dictSize
    return size > DICT_HT_INITIAL_SIZE and used * 100 // size < HASHTABLE_MIN_FILL


def updateDictResizePolicy():
    """Moving tables around breaks the sharing of pages with a child: resize less while there is one."""
    if server.in_fork_child != CHILD_TYPE_NONE:
        dictSetResizeEnabled(DICT_RESIZE_FORBID)
    elif hasActiveChildProcess():
        dictSetResizeEnabled(DICT_RESIZE_AVOID)
    else:
        dictSetResizeEnabled(DICT_RESIZE_ENABLE)


def strChildType(type_):
    if type_ == CHILD_TYPE_RDB:
        return "RDB"
    if type_ == CHILD_TYPE_AOF:
        return "AOF"
    if type_ == CHILD_TYPE_LDB:
        return "LDB"
    if type_ == CHILD_TYPE_MODULE:
        return "MODULE"
    return "Unknown"


def hasActiveChildProcess():
    return server.child_pid != -1


def resetChildState():
    server.child_type = CHILD_TYPE_NONE
    server.child_pid = -1
    server.stat_current_cow_bytes = 0
    server.stat_current_cow_updated = 0
    server.stat_current_save_keys_processed = 0
    server.stat_module_progress = 0
    server.stat_current_save_keys_total = 0
    updateDictResizePolicy()
    closeChildInfoPipe()


def isMutuallyExclusiveChildType(type_):
    return type_ == CHILD_TYPE_RDB or type_ == CHILD_TYPE_AOF or type_ == CHILD_TYPE_MODULE


def allPersistenceDisabled():
    return server.saveparamslen == 0 and server.aof_state == AOF_OFF


# ============================== Cached time ================================

def updateCachedTimeWithUs(update_daylight_info, us):
    """Set the cached clock to `us`.  UNIT: microseconds of the wall clock."""
    server.ustime = us
    server.mstime = us // 1000
    server.unixtime = us // 1000000
    if update_daylight_info:
        server.daylight_active = time.localtime(server.unixtime).tm_isdst


def updateCachedTime(update_daylight_info):
    updateCachedTimeWithUs(update_daylight_info, ustime())


def blockingOperationStarts():
    """Loading or a slow script begins: whileBlockedCron stands in for serverCron.  May nest."""
    server.blocking_op_nesting += 1
    if server.blocking_op_nesting == 1:
        updateCachedTime(0)
        server.blocked_last_cron = server.mstime


def blockingOperationEnds():
    server.blocking_op_nesting -= 1
    if server.blocking_op_nesting == 0:
        server.blocked_last_cron = 0


# ================================== Role ===================================

def iAmMaster():
    """Tell whether this node decides itself when keys expire -> True or False."""
    return ((not server.cluster_enabled and server.masterhost is None)
            or (server.cluster_enabled and server.cluster.myself.flags & CLUSTER_NODE_MASTER))


# ============================== Statistics =================================

def resetServerStats():
    """Reset what starts at 0, for the start and for CONFIG RESETSTAT."""
    server.stat_numcommands = 0
    server.stat_numconnections = 0
    server.stat_expiredkeys = 0
    server.stat_expired_stale_perc = 0
    server.stat_expired_time_cap_reached_count = 0
    server.stat_expire_cycle_time_used = 0
    server.stat_evictedkeys = 0
    server.stat_keyspace_misses = 0
    server.stat_keyspace_hits = 0
    server.stat_active_defrag_hits = 0
    server.stat_active_defrag_misses = 0
    server.stat_active_defrag_key_hits = 0
    server.stat_active_defrag_key_misses = 0
    server.stat_active_defrag_scanned = 0
    server.stat_fork_time = 0
    server.stat_fork_rate = 0
    server.stat_total_forks = 0
    server.stat_rejected_conn = 0
    server.stat_sync_full = 0
    server.stat_sync_partial_ok = 0
    server.stat_sync_partial_err = 0
    server.stat_io_reads_processed = 0
    server.stat_total_reads_processed = 0
    server.stat_io_writes_processed = 0
    server.stat_total_writes_processed = 0
    for j in range(STATS_METRIC_COUNT):
        m = server.inst_metric[j]
        m.idx = 0
        m.last_sample_time = mstime()
        m.last_sample_count = 0
        m.samples = [0] * STATS_METRIC_SAMPLES
    server.stat_net_input_bytes = 0
    server.stat_net_output_bytes = 0
    server.stat_unexpected_error_replies = 0
    server.stat_total_error_replies = 0
    server.stat_dump_payload_sanitizations = 0
    server.aof_delayed_fsync = 0


# ================================= Disk ====================================

def writeCommandsDeniedByDiskError():
    """Return DISK_ERROR_TYPE_*: why no writes can be accepted now, or DISK_ERROR_TYPE_NONE."""
    if server.stop_writes_on_bgsave_err and server.saveparamslen > 0 and server.lastbgsave_status == C_ERR:
        return DISK_ERROR_TYPE_RDB
    if server.aof_state != AOF_OFF:
        if server.aof_last_write_status == C_ERR:
            return DISK_ERROR_TYPE_AOF
        if server.aof_bio_fsync_status == C_ERR:
            server.aof_last_write_errno = server.aof_bio_fsync_errno
            return DISK_ERROR_TYPE_AOF
    return DISK_ERROR_TYPE_NONE
