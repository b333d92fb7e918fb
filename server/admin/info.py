"""info.py - what the server says about itself.                  Mirrors src/server.c: bytesToHuman ... infoCommand (6.2.14)

Lives here   INFO and its sections, each one function.
Called from  INFO [command]; the bug report; Sentinel.
Calls out    the counters of nearly every module.
State        none of its own.
Departures   no modules: "# Modules" is empty.  gcc_version is that of the interpreter's compiler.
Extend       a field: a line in its section's _part, where C has it.
"""
import os
import re
import resource
import sys
from typing import TYPE_CHECKING

from ae.ae import aeGetApiName
from ae.monotonic import elapsedMs, monotonicInit, unix_time
from datastructs.dict import dictSize, dict_entries
from datastructs.rax import raxIterator, raxNext, raxSeek, raxSize, raxStart, raxStop
from datastructs.util import memmapchars, mempbrk
from persistence.aof_buffer import aofRewriteBufferSize
from server.admin.config_table import evictPolicyToString
from server.bio import BIO_AOF_FSYNC, bioPendingJobsOfType
from server.client.connection import connPeerToString
from server.client.networking_reply import addReplyErrorObject, addReplyVerbatim
from server.keyspace.evict import freeMemoryGetNotCountedMemory
from server.keyspace.expire import getSlaveKeyWithExpireCount
from server.keyspace.lazyfree import lazyfreeGetFreedObjectsCount, lazyfreeGetPendingObjectsCount
from server.keyspace.object_command import freeMemoryOverheadData, getMemoryOverheadData
from server.release import redisBuildIdString, redisGitDirty, redisGitSHA1
from server.scripting.scripting import lua_memory_usage
from server.server_h import (
    server, shared, AOF_OFF, CHILD_TYPE_AOF, CHILD_TYPE_MODULE, CHILD_TYPE_RDB, C_OK, REDIS_VERSION,
    REPL_STATE_CONNECTED, REPL_STATE_TRANSFER, SLAVE_STATE_ONLINE, SLAVE_STATE_SEND_BULK,
    SLAVE_STATE_WAIT_BGSAVE_END, SLAVE_STATE_WAIT_BGSAVE_START, STATS_METRIC_COMMAND, STATS_METRIC_NET_INPUT,
    STATS_METRIC_NET_OUTPUT, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART,
)
from server.session.tracking import trackingGetTotalItems, trackingGetTotalKeys, trackingGetTotalPrefixes
from server.zmalloc import ZMALLOC_LIB, zmalloc_used_memory
if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from cluster.cluster_bus import getClusterConnectionsCount
    from replication.replication import getFailoverStateString
    from server.server_cron import getExpansiveClientsInfo, getInstantaneousMetric

unsafe_info_chars = b"#:\n\r"
unsafe_info_chars_substs = b"____"

_uname = None                        # os.uname() never changes


def bytesToHuman(n):
    """Return `n` bytes as C shows them: 1023B, 1.00K, 2.50G."""
    if n < 1024:
        return b"%dB" % n
    for unit, letter in ((1024, b"K"), (1024**2, b"M"), (1024**3, b"G"), (1024**4, b"T"), (1024**5, b"P")):
        if n < unit * 1024:
            return b"%.2f%s" % (n / unit, letter)
    return b"%dB" % n


def getSafeInfoString(s):
    """Replace what would break the format of INFO (# : and line ends)."""
    s = bytes(s)
    if mempbrk(s, unsafe_info_chars) is None:
        return s                                              # the usual case: nothing to replace
    return memmapchars(s, unsafe_info_chars, unsafe_info_chars_substs)


def genRedisInfoString_server():
    global _uname
    if server.cluster_enabled:
        mode = b"cluster"
    elif server.sentinel_mode:
        mode = b"sentinel"
    else:
        mode = b"standalone"

    supervised = b"no"
    if server.supervised:
        if server.supervised_mode == SUPERVISED_UPSTART:
            supervised = b"upstart"
        elif server.supervised_mode == SUPERVISED_SYSTEMD:
            supervised = b"systemd"
        else:
            supervised = b"unknown"

    if _uname is None:
        _uname = os.uname()
    compiler = re.search(r"(\d+)\.(\d+)\.(\d+)", sys.version.partition("[")[2])
    uptime = server.unixtime - server.stat_starttime
    return (b"# Server\r\n"
            b"redis_version:%s\r\n"
            b"redis_git_sha1:%s\r\n"
            b"redis_git_dirty:%d\r\n"
            b"redis_build_id:%s\r\n"
            b"redis_mode:%s\r\n"
            b"os:%s %s %s\r\n"
            b"arch_bits:%d\r\n"
            b"monotonic_clock:%s\r\n"
            b"multiplexing_api:%s\r\n"
            b"atomicvar_api:%s\r\n"
            b"gcc_version:%s\r\n"
            b"process_id:%d\r\n"
            b"process_supervised:%s\r\n"
            b"run_id:%s\r\n"
            b"tcp_port:%d\r\n"
            b"server_time_usec:%d\r\n"
            b"uptime_in_seconds:%d\r\n"
            b"uptime_in_days:%d\r\n"
            b"hz:%d\r\n"
            b"configured_hz:%d\r\n"
            b"lru_clock:%d\r\n"
            b"executable:%s\r\n"
            b"config_file:%s\r\n"
            b"io_threads_active:%d\r\n") % (
        REDIS_VERSION.encode(), redisGitSHA1().encode(), int(redisGitDirty()) > 0, redisBuildIdString().encode(),
        mode, _uname.sysname.encode(), _uname.release.encode(), _uname.machine.encode(), server.arch_bits,
        monotonicInit().encode(), aeGetApiName().encode(), b"gil",
        compiler.group().encode() if compiler else b"0.0.0", os.getpid(), supervised, server.runid,
        server.port or server.tls_port, server.ustime, uptime, uptime // (3600 * 24), server.hz, server.config_hz,
        server.lruclock, os.fsencode(server.executable or ""), os.fsencode(server.configfile or ""),
        server.io_threads_active)


def genRedisInfoString_clients():
    maxin, maxout = getExpansiveClientsInfo()
    return (b"# Clients\r\n"
            b"connected_clients:%d\r\n"
            b"cluster_connections:%d\r\n"
            b"maxclients:%d\r\n"
            b"client_recent_max_input_buffer:%d\r\n"
            b"client_recent_max_output_buffer:%d\r\n"
            b"blocked_clients:%d\r\n"
            b"tracking_clients:%d\r\n"
            b"clients_in_timeout_table:%d\r\n") % (
        server.clients.len - server.slaves.len, getClusterConnectionsCount(), server.maxclients, maxin, maxout,
        server.blocked_clients, server.tracking_clients, raxSize(server.clients_timeout_table))


def genRedisInfoString_memory():
    zmalloc_used = zmalloc_used_memory()
    total_system_mem = server.system_memory_size
    memory_lua = lua_memory_usage()
    mh = getMemoryOverheadData()

    # The peak is sampled, so it may lag behind what we print here.
    if zmalloc_used > server.stat_peak_memory:
        server.stat_peak_memory = zmalloc_used

    stats = server.cron_malloc_stats
    info = (b"# Memory\r\n"
            b"used_memory:%d\r\n"
            b"used_memory_human:%s\r\n"
            b"used_memory_rss:%d\r\n"
            b"used_memory_rss_human:%s\r\n"
            b"used_memory_peak:%d\r\n"
            b"used_memory_peak_human:%s\r\n"
            b"used_memory_peak_perc:%.2f%%\r\n"
            b"used_memory_overhead:%d\r\n"
            b"used_memory_startup:%d\r\n"
            b"used_memory_dataset:%d\r\n"
            b"used_memory_dataset_perc:%.2f%%\r\n"
            b"allocator_allocated:%d\r\n"
            b"allocator_active:%d\r\n"
            b"allocator_resident:%d\r\n"
            b"total_system_memory:%d\r\n"
            b"total_system_memory_human:%s\r\n"
            b"used_memory_lua:%d\r\n"
            b"used_memory_lua_human:%s\r\n"
            b"used_memory_scripts:%d\r\n"
            b"used_memory_scripts_human:%s\r\n"
            b"number_of_cached_scripts:%d\r\n"
            b"maxmemory:%d\r\n"
            b"maxmemory_human:%s\r\n"
            b"maxmemory_policy:%s\r\n"
            b"allocator_frag_ratio:%.2f\r\n"
            b"allocator_frag_bytes:%d\r\n"
            b"allocator_rss_ratio:%.2f\r\n"
            b"allocator_rss_bytes:%d\r\n"
            b"rss_overhead_ratio:%.2f\r\n"
            b"rss_overhead_bytes:%d\r\n"
            b"mem_fragmentation_ratio:%.2f\r\n"
            b"mem_fragmentation_bytes:%d\r\n"
            b"mem_not_counted_for_evict:%d\r\n"
            b"mem_replication_backlog:%d\r\n"
            b"mem_clients_slaves:%d\r\n"
            b"mem_clients_normal:%d\r\n"
            b"mem_aof_buffer:%d\r\n"
            b"mem_allocator:%s\r\n"
            b"active_defrag_running:%d\r\n"
            b"lazyfree_pending_objects:%d\r\n"
            b"lazyfreed_objects:%d\r\n") % (
        zmalloc_used, bytesToHuman(zmalloc_used),
        stats.process_rss, bytesToHuman(stats.process_rss),
        server.stat_peak_memory, bytesToHuman(server.stat_peak_memory), mh.peak_perc,
        mh.overhead_total, mh.startup_allocated, mh.dataset, mh.dataset_perc,
        stats.allocator_allocated, stats.allocator_active, stats.allocator_resident,
        total_system_mem, bytesToHuman(total_system_mem),
        memory_lua, bytesToHuman(memory_lua), mh.lua_caches, bytesToHuman(mh.lua_caches),
        dictSize(server.lua_scripts),
        server.maxmemory, bytesToHuman(server.maxmemory), as_bytes(evictPolicyToString()),
        mh.allocator_frag, mh.allocator_frag_bytes, mh.allocator_rss, mh.allocator_rss_bytes,
        mh.rss_extra, mh.rss_extra_bytes,
        mh.total_frag, mh.total_frag_bytes,          # all RSS overhead, under its old name
        freeMemoryGetNotCountedMemory(), mh.repl_backlog, mh.clients_slaves, mh.clients_normal, mh.aof_buffer,
        ZMALLOC_LIB.encode(), server.active_defrag_running, lazyfreeGetPendingObjectsCount(), lazyfreeGetFreedObjectsCount())
    freeMemoryOverheadData(mh)
    return info


def genRedisInfoString_persistence():
    fork_perc = 0
    if server.stat_module_progress:
        fork_perc = server.stat_module_progress * 100
    elif server.stat_current_save_keys_total:
        fork_perc = server.stat_current_save_keys_processed / server.stat_current_save_keys_total * 100
    now = unix_time()
    info = (b"# Persistence\r\n"
            b"loading:%d\r\n"
            b"current_cow_size:%d\r\n"
            b"current_cow_size_age:%d\r\n"
            b"current_fork_perc:%.2f\r\n"
            b"current_save_keys_processed:%d\r\n"
            b"current_save_keys_total:%d\r\n"
            b"rdb_changes_since_last_save:%d\r\n"
            b"rdb_bgsave_in_progress:%d\r\n"
            b"rdb_last_save_time:%d\r\n"
            b"rdb_last_bgsave_status:%s\r\n"
            b"rdb_last_bgsave_time_sec:%d\r\n"
            b"rdb_current_bgsave_time_sec:%d\r\n"
            b"rdb_last_cow_size:%d\r\n"
            b"aof_enabled:%d\r\n"
            b"aof_rewrite_in_progress:%d\r\n"
            b"aof_rewrite_scheduled:%d\r\n"
            b"aof_last_rewrite_time_sec:%d\r\n"
            b"aof_current_rewrite_time_sec:%d\r\n"
            b"aof_last_bgrewrite_status:%s\r\n"
            b"aof_last_write_status:%s\r\n"
            b"aof_last_cow_size:%d\r\n"
            b"module_fork_in_progress:%d\r\n"
            b"module_fork_last_cow_size:%d\r\n") % (
        server.loading, server.stat_current_cow_bytes,
        elapsedMs(server.stat_current_cow_updated) // 1000 if server.stat_current_cow_updated else 0,
        fork_perc, server.stat_current_save_keys_processed, server.stat_current_save_keys_total,
        server.dirty, server.child_type == CHILD_TYPE_RDB, server.lastsave,
        b"ok" if server.lastbgsave_status == C_OK else b"err", server.rdb_save_time_last,
        -1 if server.child_type != CHILD_TYPE_RDB else now - server.rdb_save_time_start,
        server.stat_rdb_cow_bytes, server.aof_state != AOF_OFF, server.child_type == CHILD_TYPE_AOF,
        server.aof_rewrite_scheduled, server.aof_rewrite_time_last,
        -1 if server.child_type != CHILD_TYPE_AOF else now - server.aof_rewrite_time_start,
        b"ok" if server.aof_lastbgrewrite_status == C_OK else b"err",
        b"ok" if server.aof_last_write_status == C_OK and server.aof_bio_fsync_status == C_OK else b"err",
        server.stat_aof_cow_bytes, server.child_type == CHILD_TYPE_MODULE, server.stat_module_cow_bytes)

    if server.aof_enabled:
        info += (b"aof_current_size:%d\r\n"
                 b"aof_base_size:%d\r\n"
                 b"aof_pending_rewrite:%d\r\n"
                 b"aof_buffer_length:%d\r\n"
                 b"aof_rewrite_buffer_length:%d\r\n"
                 b"aof_pending_bio_fsync:%d\r\n"
                 b"aof_delayed_fsync:%d\r\n") % (
            server.aof_current_size, server.aof_rewrite_base_size, server.aof_rewrite_scheduled,
            len(server.aof_buf), aofRewriteBufferSize(), bioPendingJobsOfType(BIO_AOF_FSYNC),
            server.aof_delayed_fsync)

    if server.loading:
        info += genRedisInfoString_loading(now)
    return info


def genRedisInfoString_loading(now):
    perc = 0
    remaining_bytes = 1
    if server.loading_total_bytes:
        perc = server.loading_loaded_bytes / server.loading_total_bytes * 100
        remaining_bytes = server.loading_total_bytes - server.loading_loaded_bytes
    elif server.loading_rdb_used_mem:
        perc = server.loading_loaded_bytes / server.loading_rdb_used_mem * 100
        remaining_bytes = server.loading_rdb_used_mem - server.loading_loaded_bytes
        # The used memory is a bad estimate of the file's size: limit the result to 100 %.
        perc = min(perc, 99.99)
        remaining_bytes = max(remaining_bytes, 1)
    elapsed = now - server.loading_start_time
    if elapsed == 0:
        eta = 1                            # too early to estimate
    else:
        eta = elapsed * remaining_bytes // (server.loading_loaded_bytes + 1)
    return (b"loading_start_time:%d\r\n"
            b"loading_total_bytes:%d\r\n"
            b"loading_rdb_used_mem:%d\r\n"
            b"loading_loaded_bytes:%d\r\n"
            b"loading_loaded_perc:%.2f\r\n"
            b"loading_eta_seconds:%d\r\n") % (
        server.loading_start_time, server.loading_total_bytes, server.loading_rdb_used_mem,
        server.loading_loaded_bytes, perc, eta)


def genRedisInfoString_stats():
    return (b"# Stats\r\n"
            b"total_connections_received:%d\r\n"
            b"total_commands_processed:%d\r\n"
            b"instantaneous_ops_per_sec:%d\r\n"
            b"total_net_input_bytes:%d\r\n"
            b"total_net_output_bytes:%d\r\n"
            b"instantaneous_input_kbps:%.2f\r\n"
            b"instantaneous_output_kbps:%.2f\r\n"
            b"rejected_connections:%d\r\n"
            b"sync_full:%d\r\n"
            b"sync_partial_ok:%d\r\n"
            b"sync_partial_err:%d\r\n"
            b"expired_keys:%d\r\n"
            b"expired_stale_perc:%.2f\r\n"
            b"expired_time_cap_reached_count:%d\r\n"
            b"expire_cycle_cpu_milliseconds:%d\r\n"
            b"evicted_keys:%d\r\n"
            b"keyspace_hits:%d\r\n"
            b"keyspace_misses:%d\r\n"
            b"pubsub_channels:%d\r\n"
            b"pubsub_patterns:%d\r\n"
            b"latest_fork_usec:%d\r\n"
            b"total_forks:%d\r\n"
            b"migrate_cached_sockets:%d\r\n"
            b"slave_expires_tracked_keys:%d\r\n"
            b"active_defrag_hits:%d\r\n"
            b"active_defrag_misses:%d\r\n"
            b"active_defrag_key_hits:%d\r\n"
            b"active_defrag_key_misses:%d\r\n"
            b"tracking_total_keys:%d\r\n"
            b"tracking_total_items:%d\r\n"
            b"tracking_total_prefixes:%d\r\n"
            b"unexpected_error_replies:%d\r\n"
            b"total_error_replies:%d\r\n"
            b"dump_payload_sanitizations:%d\r\n"
            b"total_reads_processed:%d\r\n"
            b"total_writes_processed:%d\r\n"
            b"io_threaded_reads_processed:%d\r\n"
            b"io_threaded_writes_processed:%d\r\n") % (
        server.stat_numconnections, server.stat_numcommands, getInstantaneousMetric(STATS_METRIC_COMMAND),
        server.stat_net_input_bytes, server.stat_net_output_bytes,
        getInstantaneousMetric(STATS_METRIC_NET_INPUT) / 1024, getInstantaneousMetric(STATS_METRIC_NET_OUTPUT) / 1024,
        server.stat_rejected_conn, server.stat_sync_full, server.stat_sync_partial_ok, server.stat_sync_partial_err,
        server.stat_expiredkeys, server.stat_expired_stale_perc * 100, server.stat_expired_time_cap_reached_count,
        server.stat_expire_cycle_time_used // 1000, server.stat_evictedkeys, server.stat_keyspace_hits,
        server.stat_keyspace_misses, dictSize(server.pubsub_channels), dictSize(server.pubsub_patterns),
        server.stat_fork_time, server.stat_total_forks, dictSize(server.migrate_cached_sockets),
        getSlaveKeyWithExpireCount(), server.stat_active_defrag_hits, server.stat_active_defrag_misses,
        server.stat_active_defrag_key_hits, server.stat_active_defrag_key_misses, trackingGetTotalKeys(),
        trackingGetTotalItems(), trackingGetTotalPrefixes(), server.stat_unexpected_error_replies,
        server.stat_total_error_replies, server.stat_dump_payload_sanitizations, server.stat_total_reads_processed,
        server.stat_total_writes_processed, server.stat_io_reads_processed, server.stat_io_writes_processed)


def genRedisInfoString_replication():
    info = b"# Replication\r\nrole:%s\r\n" % (b"master" if server.masterhost is None else b"slave")
    if server.masterhost is not None:
        info += genRedisInfoString_slave()

    info += b"connected_slaves:%d\r\n" % server.slaves.len

    if server.repl_min_slaves_to_write and server.repl_min_slaves_max_lag:
        info += b"min_slaves_good_slaves:%d\r\n" % server.repl_good_slaves_count

    slaveid = 0
    ln = server.slaves.head
    while ln is not None:
        slave = ln.value
        ln = ln.next
        slaveip = slave.slave_addr
        if not slaveip:
            ok, slaveip, _ = connPeerToString(slave.conn)
            if ok == -1:
                continue
        if slave.replstate in (SLAVE_STATE_WAIT_BGSAVE_START, SLAVE_STATE_WAIT_BGSAVE_END):
            state = b"wait_bgsave"
        elif slave.replstate == SLAVE_STATE_SEND_BULK:
            state = b"send_bulk"
        elif slave.replstate == SLAVE_STATE_ONLINE:
            state = b"online"
        else:
            continue
        lag = unix_time() - slave.repl_ack_time if slave.replstate == SLAVE_STATE_ONLINE else 0
        info += b"slave%d:ip=%s,port=%d,state=%s,offset=%d,lag=%d\r\n" % (
            slaveid, as_bytes(slaveip), slave.slave_listening_port, state, slave.repl_ack_off, lag)
        slaveid += 1

    return info + (b"master_failover_state:%s\r\n"
                   b"master_replid:%s\r\n"
                   b"master_replid2:%s\r\n"
                   b"master_repl_offset:%d\r\n"
                   b"second_repl_offset:%d\r\n"
                   b"repl_backlog_active:%d\r\n"
                   b"repl_backlog_size:%d\r\n"
                   b"repl_backlog_first_byte_offset:%d\r\n"
                   b"repl_backlog_histlen:%d\r\n") % (
        as_bytes(getFailoverStateString()), server.replid, server.replid2, server.master_repl_offset,
        server.second_replid_offset, server.repl_backlog is not None, server.repl_backlog_size,
        server.repl_backlog_off, server.repl_backlog_histlen)


def genRedisInfoString_slave():
    """Make the part of "# Replication" that only a replica has."""
    slave_repl_offset = 1
    slave_read_repl_offset = 1
    master = server.master if server.master is not None else server.cached_master
    if master is not None:
        slave_repl_offset = master.reploff
        slave_read_repl_offset = master.read_reploff
    info = (b"master_host:%s\r\n"
            b"master_port:%d\r\n"
            b"master_link_status:%s\r\n"
            b"master_last_io_seconds_ago:%d\r\n"
            b"master_sync_in_progress:%d\r\n"
            b"slave_read_repl_offset:%d\r\n"
            b"slave_repl_offset:%d\r\n") % (
        as_bytes(server.masterhost), server.masterport,
        b"up" if server.repl_state == REPL_STATE_CONNECTED else b"down",
        server.unixtime - server.master.lastinteraction if server.master is not None else -1,
        server.repl_state == REPL_STATE_TRANSFER, slave_read_repl_offset, slave_repl_offset)

    if server.repl_state == REPL_STATE_TRANSFER:
        perc = 0
        if server.repl_transfer_size:
            perc = server.repl_transfer_read / server.repl_transfer_size * 100
        info += (b"master_sync_total_bytes:%d\r\n"
                 b"master_sync_read_bytes:%d\r\n"
                 b"master_sync_left_bytes:%d\r\n"
                 b"master_sync_perc:%.2f\r\n"
                 b"master_sync_last_io_seconds_ago:%d\r\n") % (
            server.repl_transfer_size, server.repl_transfer_read,
            server.repl_transfer_size - server.repl_transfer_read, perc,
            server.unixtime - server.repl_transfer_lastio)

    if server.repl_state != REPL_STATE_CONNECTED:
        info += b"master_link_down_since_seconds:%d\r\n" % (
            server.unixtime - server.repl_down_since if server.repl_down_since else -1)
    return info + (b"slave_priority:%d\r\n"
                   b"slave_read_only:%d\r\n"
                   b"replica_announced:%d\r\n") % (
        server.slave_priority, server.repl_slave_ro, server.replica_announced)


def genRedisInfoString_cpu():
    def usage(name, seconds):
        us = round(seconds * 1000000)
        return b"%s:%d.%06d\r\n" % (name, us // 1000000, us % 1000000)

    self_ru = resource.getrusage(resource.RUSAGE_SELF)
    c_ru = resource.getrusage(resource.RUSAGE_CHILDREN)
    info = (b"# CPU\r\n" + usage(b"used_cpu_sys", self_ru.ru_stime) + usage(b"used_cpu_user", self_ru.ru_utime)
            + usage(b"used_cpu_sys_children", c_ru.ru_stime) + usage(b"used_cpu_user_children", c_ru.ru_utime))
    if hasattr(resource, "RUSAGE_THREAD"):
        m_ru = resource.getrusage(resource.RUSAGE_THREAD)
        info += (usage(b"used_cpu_sys_main_thread", m_ru.ru_stime)
                 + usage(b"used_cpu_user_main_thread", m_ru.ru_utime))
    return info


def genRedisInfoString_modules():
    return b"# Modules\r\n"


def genRedisInfoString_commandstats():
    info = [b"# Commandstats\r\n"]
    for de in dict_entries(server.commands):
        c = de.val
        if not c.calls and not c.failed_calls and not c.rejected_calls:
            continue
        info.append(b"cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d\r\n" % (
            getSafeInfoString(c.name), c.calls, c.microseconds, c.microseconds / c.calls if c.calls else 0,
            c.rejected_calls, c.failed_calls))
    return b"".join(info)


def genRedisInfoString_errorstats():
    info = [b"# Errorstats\r\n"]
    ri = raxIterator()
    raxStart(ri, server.errors)
    raxSeek(ri, "^", b"")
    while raxNext(ri):
        info.append(b"errorstat_%s:count=%d\r\n" % (getSafeInfoString(ri.key), ri.data.count))
    raxStop(ri)
    return b"".join(info)


def genRedisInfoString_cluster():
    return b"# Cluster\r\ncluster_enabled:%d\r\n" % server.cluster_enabled


def genRedisInfoString_keyspace():
    info = b"# Keyspace\r\n"
    for j in range(server.dbnum):
        keys = dictSize(server.db[j].dict)
        vkeys = dictSize(server.db[j].expires)
        if keys or vkeys:
            info += b"db%d:keys=%d,expires=%d,avg_ttl=%d\r\n" % (j, keys, vkeys, server.db[j].avg_ttl)
    return info


# name, in "default", function: in C's order
INFO_SECTIONS = (
    (b"server", 1, genRedisInfoString_server),
    (b"clients", 1, genRedisInfoString_clients),
    (b"memory", 1, genRedisInfoString_memory),
    (b"persistence", 1, genRedisInfoString_persistence),
    (b"stats", 1, genRedisInfoString_stats),
    (b"replication", 1, genRedisInfoString_replication),
    (b"cpu", 1, genRedisInfoString_cpu),
    (b"modules", 1, genRedisInfoString_modules),
    (b"commandstats", 0, genRedisInfoString_commandstats),
    (b"errorstats", 1, genRedisInfoString_errorstats),
    (b"cluster", 1, genRedisInfoString_cluster),
    (b"keyspace", 1, genRedisInfoString_keyspace),
)


def as_bytes(s):
    return s if isinstance(s, bytes) else os.fsencode(s)


def genRedisInfoString(section):
    """Return the text of one section (bytes, any case), of "default", "all" or "everything".  Empty if unknown."""
    section = b"default" if section is None else bytes(section).lower()
    allsections = section == b"all" or section == b"everything"
    defsections = section == b"default"
    return b"\r\n".join([gen() for name, default, gen in INFO_SECTIONS
                         if allsections or (defsections and default) or section == name])


def infoCommand(c):
    """INFO [section] -> text   [ok-loading, ok-stale, random]"""
    if c.argc > 2:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    addReplyVerbatim(c, genRedisInfoString(c.argv[1].ptr if c.argc == 2 else b"default"), b"txt")
