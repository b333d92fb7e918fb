"""server.py - the heart of the server: processCommand, call, propagate.     Mirrors src/server.c 3290-4250 (6.2.14)

Parts        of server.c, in C's order: commandtable.py (C 190-1110: redisCommandTable), log.py (C 1115-1205), dict_types.py
             (C 1210-1480), server_state.py (predicates, cached time, statistics), server_cron.py (C 1540-2490: serverCron,
             beforeSleep), server_init.py (C 2490-3260: createSharedObjects ... InitServerLast), server_listen.py
             (listening sockets), os_process.py (fork, limits, title), op_array.py, command_lookup.py,
             server_command.py (C 4260-4620: PING ... COMMAND, MONITOR), admin/info.py (C 4630-5415), server_process.py
             (C 5430-6210: signals, daemonize), server_main.py (C 5640-6479).
Lives here   propagate, call, processCommand and their parts; prepareForShutdown.
Called from  processInputBuffer through processCommand [read, command]; EXEC, Lua through call [command].
Calls out    every command proc through cmd.proc(c); AOF and replicas through propagate.
State        _call_prev_err_count here.
Invariant    server.also_propagate is empty between two top-level call()s.
Departures   no modules.
Extend       a new command: a row in commandtable.py, its proc in the file that C has it in.
"""
import os

from ae.monotonic import ustime
from cluster.cluster_command import clusterRedirectClient, getNodeByQuery
from persistence.aof import feedAppendOnlyFile, flushAppendOnlyFile
from persistence.aof_rewrite import killAppendOnlyChild
from persistence.rdb import killRDBChild, rdbPopulateSaveInfo, rdbRemoveTempFile, rdbSave
from replication.replication_master import replconfCommand, replicationFeedMonitors, replicationFeedSlaves
from server.admin.slowlog import slowlogPushEntryIfNeeded
from server.client.networking import areClientsPaused, authRequired, flushSlavesOutputBuffers, freeClientOriginalArgv
from server.client.networking_client import helloCommand, resetCommand
from server.client.networking_reply import addReply, addReplyErrorObject, addReplyErrorSds
from server.command_lookup import cmdHasMovableKeys, lookupCommand
from server.keyspace.db_command import shutdownCommand
from server.keyspace.evict import EVICT_FAIL, performEvictions
from server.latency_samples import latencyAddSample
from server.log import serverAssert, serverLog
from server.op_array import redisOpArrayFree, redisOpArrayInit
from server.scripting.scripting import evalCommand, evalShaCommand, scriptCommand
from server.scripting.scripting_ldb import ldbKillForkedSessions
from server.server_command import pingCommand
from server.server_h import (
    server, shared, rdbSaveInfo, DISK_ERROR_TYPE_NONE, DISK_ERROR_TYPE_RDB, AOF_OFF, AOF_WAIT_REWRITE,
    BLOCKED_PAUSE, CHILD_TYPE_AOF, CHILD_TYPE_RDB, CLIENT_BLOCKED, CLIENT_CLOSE_AFTER_COMMAND, CLIENT_CLOSE_AFTER_REPLY,
    CLIENT_FORCE_AOF, CLIENT_FORCE_REPL, CLIENT_LUA, CLIENT_MASTER, CLIENT_MULTI, CLIENT_PAUSE_ALL, CLIENT_PAUSE_WRITE,
    CLIENT_PREVENT_AOF_PROP, CLIENT_PREVENT_PROP, CLIENT_PREVENT_REPL_PROP, CLIENT_PUBSUB,
    CLIENT_SLAVE, CLIENT_TRACKING, CLIENT_TRACKING_BCAST, CMD_ADMIN, CMD_CALL_FULL, CMD_CALL_NOWRAP, CMD_CALL_PROPAGATE,
    CMD_CALL_PROPAGATE_AOF, CMD_CALL_PROPAGATE_REPL, CMD_CALL_SLOWLOG, CMD_CALL_STATS, CMD_DENYOOM, CMD_FAST,
    CMD_LOADING, CMD_MAY_REPLICATE, CMD_NO_AUTH, CMD_READONLY, CMD_SKIP_MONITOR, CMD_SKIP_SLOWLOG, CMD_STALE, CMD_WRITE,
    C_ERR, C_OK, LL_NOTICE, LL_WARNING, PROPAGATE_AOF, PROPAGATE_NONE, PROPAGATE_REPL, REPL_STATE_CONNECTED,
    SHUTDOWN_NOSAVE, SHUTDOWN_SAVE, SUPERVISED_SYSTEMD,
)
from server.server_listen import closeListeningSockets
from server.server_process import redisCommunicateSystemd
from server.server_state import updateCachedTimeWithUs, writeCommandsDeniedByDiskError
from server.session.acl import (
    ACL_DENIED_CHANNEL, ACL_DENIED_CMD, ACL_DENIED_KEY, ACL_OK, ACLCheckAllPerm, addACLLogEntry, authCommand,
)
from server.session.blocked import blockClient
from server.session.blocked_serve import handleClientsBlockedOnKeys
from server.session.multi import (
    discardCommand, discardTransaction, execCommand, execCommandAbort, execCommandPropagateExec,
    execCommandPropagateMulti, flagTransaction, multiCommand, queueMultiCommand, unwatchCommand, watchCommand,
)
from server.session.pubsub import (
    psubscribeCommand, punsubscribeCommand, subscribeCommand, unsubscribeCommand,
)
from server.session.tracking import (
    trackingHandlePendingKeyInvalidations, trackingLimitUsedSlots, trackingRememberKeys,
)

_call_propagation_flags = CLIENT_FORCE_AOF | CLIENT_FORCE_REPL | CLIENT_PREVENT_PROP
_call_prev_err_count = 0             # server.stat_total_error_replies when the last call() ended


# ====================== Commands lookup and execution ======================

def propagate(cmd, dbid, argv, flags):
    """Send one command to the AOF and to the replicas, as PROPAGATE_* in `flags` say.

    Inside of a command use alsoPropagate() instead, since this would be propagated before the command itself.
    """
    if not server.replication_allowed:
        return

    # The first write of a transaction also propagates its MULTI.
    if server.in_exec and not server.propagate_in_transaction:
        execCommandPropagateMulti(dbid)

    # INVARIANT: the data set does not change while clients are paused, since a failover would lose the change.
    if areClientsPaused() and not server.client_pause_in_transaction:
        serverAssert(0)

    if server.aof_state != AOF_OFF and flags & PROPAGATE_AOF:
        feedAppendOnlyFile(cmd, dbid, argv, len(argv))
    if flags & PROPAGATE_REPL:
        replicationFeedSlaves(server.slaves, dbid, argv)


def slowlogPushCurrentCommand(c, cmd, duration):
    """Offer the command that `c` has executed to the slowlog.  UNIT: us."""
    # AUTH and other CMD_SKIP_MONITOR commands contain passwords.
    if cmd.flags & CMD_SKIP_SLOWLOG:
        return
    # Log the arguments that the client sent, not the rewritten ones.
    argv = c.argv if c.original_argv is None else c.original_argv
    slowlogPushEntryIfNeeded(c, argv, len(argv), duration)


def call(c, flags):
    """Execute c.cmd, then do the work that follows every command: statistics, slowlog, MONITOR, propagation.  HOT

    CMD_CALL_* in `flags` switch these parts.  Also called for the commands of EXEC and of scripts, so it nests.
    What is propagated: the command itself if it changed the data set or was forced to, then what it queued with
    alsoPropagate(), wrapped in MULTI/EXEC when that is more than one.
    """
    global _call_prev_err_count
    client_old_flags = c.flags
    real_cmd = c.cmd                       # the proc may rewrite c.cmd

    c.flags &= ~_call_propagation_flags
    prev_ops = server.also_propagate.ops                # C: prev_also_propagate, a copy of the struct
    prev_numops = server.also_propagate.numops
    redisOpArrayInit(server.also_propagate)

    dirty = server.dirty
    _call_prev_err_count = server.stat_total_error_replies

    call_timer = ustime()

    # Keys of a script or transaction all expire by the same clock: only the outermost call updates it.
    if server.fixed_time_expire == 0:
        updateCachedTimeWithUs(0, call_timer)
    server.fixed_time_expire += 1

    server.in_nested_call += 1
    c.cmd.proc(c)
    server.in_nested_call -= 1

    duration = ustime() - call_timer
    c.duration = duration
    dirty = server.dirty - dirty
    if dirty < 0:
        dirty = 0

    # A nested call() has updated _call_prev_err_count after its own errors, so that each error is counted once.
    if server.stat_total_error_replies - _call_prev_err_count > 0:
        real_cmd.failed_calls += 1

    if c.flags & CLIENT_CLOSE_AFTER_COMMAND:
        c.flags &= ~CLIENT_CLOSE_AFTER_COMMAND
        c.flags |= CLIENT_CLOSE_AFTER_REPLY

    # Do not count scripts that are replayed from the AOF in the statistics.
    if server.loading and c.flags & CLIENT_LUA:
        flags &= ~(CMD_CALL_SLOWLOG | CMD_CALL_STATS)

    # If a command in a script forces its propagation, force that of the EVAL.
    if c.flags & CLIENT_LUA and server.lua_caller is not None:
        if c.flags & CLIENT_FORCE_REPL:
            server.lua_caller.flags |= CLIENT_FORCE_REPL
        if c.flags & CLIENT_FORCE_AOF:
            server.lua_caller.flags |= CLIENT_FORCE_AOF

    if flags & CMD_CALL_SLOWLOG:
        latency_event = "fast-command" if real_cmd.flags & CMD_FAST else "command"
        if server.latency_monitor_threshold and duration // 1000 >= server.latency_monitor_threshold:
            latencyAddSample(latency_event, duration // 1000)               # latencyAddSampleIfNeeded

    # A blocked command is not finished: it is logged when the client is unblocked.
    if flags & CMD_CALL_SLOWLOG and not c.flags & CLIENT_BLOCKED:
        slowlogPushCurrentCommand(c, real_cmd, duration)

    # Do not send administrative commands to monitors: they may contain secrets.
    if not c.cmd.flags & (CMD_SKIP_MONITOR | CMD_ADMIN):
        argv = c.original_argv if c.original_argv is not None else c.argv
        replicationFeedMonitors(c, server.monitors, c.db.id, argv)

    if not c.flags & CLIENT_BLOCKED:
        freeClientOriginalArgv(c)

    if flags & CMD_CALL_STATS:
        real_cmd.microseconds += duration
        real_cmd.calls += 1

    if flags & CMD_CALL_PROPAGATE and c.flags & CLIENT_PREVENT_PROP != CLIENT_PREVENT_PROP:
        propagate_flags = PROPAGATE_NONE

        if dirty:
            propagate_flags |= PROPAGATE_AOF | PROPAGATE_REPL

        if c.flags & CLIENT_FORCE_REPL:
            propagate_flags |= PROPAGATE_REPL
        if c.flags & CLIENT_FORCE_AOF:
            propagate_flags |= PROPAGATE_AOF

        # Both the command's proc and the caller's flags can prevent the propagation.
        if c.flags & CLIENT_PREVENT_REPL_PROP or not flags & CMD_CALL_PROPAGATE_REPL:
            propagate_flags &= ~PROPAGATE_REPL
        if c.flags & CLIENT_PREVENT_AOF_PROP or not flags & CMD_CALL_PROPAGATE_AOF:
            propagate_flags &= ~PROPAGATE_AOF

        if propagate_flags != PROPAGATE_NONE:
            propagate(c.cmd, c.db.id, c.argv, propagate_flags)

    # call() can be nested: restore the flags of the outer call.
    c.flags = c.flags & ~_call_propagation_flags | client_old_flags & _call_propagation_flags

    if server.also_propagate.numops:
        if flags & CMD_CALL_PROPAGATE:
            multi_emitted = 0
            # A single command is atomic without MULTI, and inside of MULTI one has been propagated already.
            if (server.also_propagate.numops > 1 and not c.flags & CLIENT_MULTI
                    and not flags & CMD_CALL_NOWRAP):
                execCommandPropagateMulti(c.db.id)
                multi_emitted = 1

            for rop in server.also_propagate.ops:
                target = rop.target
                if not flags & CMD_CALL_PROPAGATE_AOF:
                    target &= ~PROPAGATE_AOF
                if not flags & CMD_CALL_PROPAGATE_REPL:
                    target &= ~PROPAGATE_REPL
                if target:
                    propagate(rop.cmd, rop.dbid, rop.argv, target)

            if multi_emitted:
                execCommandPropagateExec(c.db.id)
        redisOpArrayFree(server.also_propagate)
    server.also_propagate.ops = prev_ops
    server.also_propagate.numops = prev_numops

    # ORDER: after all commands have been propagated.
    if not server.in_exec and server.client_pause_in_transaction:
        server.client_pause_in_transaction = 0

    if c.cmd.flags & CMD_READONLY:
        caller = server.lua_caller if c.flags & CLIENT_LUA and server.lua_caller is not None else c
        if caller.flags & CLIENT_TRACKING and not caller.flags & CLIENT_TRACKING_BCAST:
            trackingRememberKeys(caller)

    server.fixed_time_expire -= 1
    server.stat_numcommands += 1
    _call_prev_err_count = server.stat_total_error_replies

    afterCommand(c)


def rejectCommand(c, reply):
    """Refuse the command of `c` with the shared error `reply`; a transaction that is being queued will not execute."""
    flagTransaction(c)
    if c.cmd is not None:
        c.cmd.rejected_calls += 1
    if c.cmd is not None and c.cmd.proc is execCommand:
        execCommandAbort(c, reply.ptr)
    else:
        addReplyErrorObject(c, reply)


def rejectCommandFormat(c, fmt, *args):
    """Like rejectCommand, with an error text (bytes, % operators)."""
    if c.cmd is not None:
        c.cmd.rejected_calls += 1
    flagTransaction(c)
    s = fmt % args if args else fmt
    # The text may contain the client's arguments; a line break would end the error reply.
    s = s.replace(b"\r", b" ").replace(b"\n", b" ")
    if c.cmd is not None and c.cmd.proc is execCommand:
        execCommandAbort(c, s)
    else:
        addReplyErrorSds(c, s)


def afterCommand(c):
    """Send the invalidations that the command caused; not in the middle of a transaction's replies."""
    if not server.in_nested_call:
        trackingHandlePendingKeyInvalidations()


def processCommand(c):
    """Check whether `c` may execute c.argv now; then queue it (MULTI), park it (CLIENT PAUSE) or call() it.  HOT

    -> C_OK: `c` is valid, C_ERR: it may have been freed, do not use it.  The checks are in C's order, which decides which of
    two errors a client sees.
    """
    if not server.lua_timedout:
        # Other clients are served during a script only after it has timed out.
        if server.propagate_in_transaction or server.in_exec or server.in_eval:
            serverAssert(0)

    # QUIT is not in the command table: it must work in every state of the client and the server.
    if c.argv[0].ptr[:5].lower() in (b"quit", b"quit\0"):                   # strcasecmp: a NUL ends the name
        addReply(c, shared.ok)
        c.flags |= CLIENT_CLOSE_AFTER_REPLY
        return C_ERR

    c.cmd = c.lastcmd = cmd = lookupCommand(c.argv[0].ptr)
    if cmd is None:
        args = b""
        for o in c.argv[1:]:
            if len(args) >= 128:
                break
            args += b"`%s`, " % cstring(o.ptr)[:128 - len(args)]
        rejectCommandFormat(c, b"unknown command `%s`, with args beginning with: %s", cstring(c.argv[0].ptr), args)
        return C_OK
    if (cmd.arity > 0 and cmd.arity != c.argc) or c.argc < -cmd.arity:
        rejectCommandFormat(c, b"wrong number of arguments for '%s' command", cmd.name)
        return C_OK

    # EXEC also has the flags of the commands it has queued.
    proc = cmd.proc
    cmd_flags = cmd.flags
    is_exec = proc is execCommand
    is_read_command = cmd_flags & CMD_READONLY or (is_exec and c.mstate.cmd_flags & CMD_READONLY)
    is_write_command = cmd_flags & CMD_WRITE or (is_exec and c.mstate.cmd_flags & CMD_WRITE)
    is_denyoom_command = cmd_flags & CMD_DENYOOM or (is_exec and c.mstate.cmd_flags & CMD_DENYOOM)
    is_denystale_command = not cmd_flags & CMD_STALE or (is_exec and c.mstate.cmd_inv_flags & CMD_STALE)
    is_denyloading_command = not cmd_flags & CMD_LOADING or (is_exec and c.mstate.cmd_inv_flags & CMD_LOADING)
    is_may_replicate_command = (cmd_flags & (CMD_WRITE | CMD_MAY_REPLICATE)
                                or (is_exec and c.mstate.cmd_flags & (CMD_WRITE | CMD_MAY_REPLICATE)))

    if authRequired(c):
        # A client that is not authenticated may call only AUTH, HELLO and RESET.
        if not cmd.flags & CMD_NO_AUTH:
            rejectCommand(c, shared.noautherr)
            return C_OK

    acl_retval, acl_errpos = ACLCheckAllPerm(c)
    if acl_retval != ACL_OK:
        addACLLogEntry(c, acl_retval, acl_errpos, None)
        if acl_retval == ACL_DENIED_CMD:
            rejectCommandFormat(c, b"-NOPERM this user has no permissions to run the '%s' command or its subcommand",
                                cmd.name)
        elif acl_retval == ACL_DENIED_KEY:
            rejectCommandFormat(c, b"-NOPERM this user has no permissions to access one of the keys used as arguments")
        elif acl_retval == ACL_DENIED_CHANNEL:
            rejectCommandFormat(c, b"-NOPERM this user has no permissions to access one of the channels used as "
                                   b"arguments")
        else:
            rejectCommandFormat(c, b"no permission")
        return C_OK

    # Cluster: redirect the client to the node that has the keys, unless our master sent the command, or it has no keys.
    if (server.cluster_enabled
            and not c.flags & CLIENT_MASTER
            and not (c.flags & CLIENT_LUA and server.lua_caller.flags & CLIENT_MASTER)
            and not (not cmdHasMovableKeys(cmd) and cmd.firstkey == 0 and proc is not execCommand)):
        n, hashslot, error_code = getNodeByQuery(c, cmd, c.argv, c.argc)
        if n is None or n is not server.cluster.myself:
            if proc is execCommand:
                discardTransaction(c)
            else:
                flagTransaction(c)
            clusterRedirectClient(c, n, hashslot, error_code)
            cmd.rejected_calls += 1
            return C_OK

    # maxmemory: evict keys, or refuse commands that need memory.  Not while a script has timed out: the DELs would be
    # propagated among the effects of the script.
    if server.maxmemory and not server.lua_timedout:
        out_of_memory = performEvictions() == EVICT_FAIL

        # Send the invalidations of evicted keys before this command can change the same keys.
        trackingHandlePendingKeyInvalidations()

        # Eviction may close a replica whose output buffer is over the limit, and that may be this client.
        if server.current_client is None:
            return C_ERR

        reject_cmd_on_oom = is_denyoom_command
        # Queued commands also need memory, without limit; EXEC and DISCARD free it.
        if (c.flags & CLIENT_MULTI and proc is not execCommand and proc is not discardCommand
                and proc is not resetCommand):
            reject_cmd_on_oom = 1

        if out_of_memory and reject_cmd_on_oom:
            rejectCommand(c, shared.oomerr)
            return C_OK

        # Save the result: a script must not fail because of the memory that it allocates itself.
        if proc is evalCommand or proc is evalShaCommand:
            server.lua_oom = out_of_memory

    if server.tracking_clients:
        trackingLimitUsedSlots()

    # A master that cannot persist refuses writes.
    deny_write_type = writeCommandsDeniedByDiskError()
    if (deny_write_type != DISK_ERROR_TYPE_NONE and server.masterhost is None
            and (is_write_command or proc is pingCommand)):
        if deny_write_type == DISK_ERROR_TYPE_RDB:
            rejectCommand(c, shared.bgsaveerr)
        else:
            rejectCommandFormat(c, b"-MISCONF Errors writing to the AOF file: %s",
                                os.strerror(server.aof_last_write_errno).encode())
        return C_OK

    # Refuse writes if fewer than min-replicas-to-write replicas have an acceptable lag.
    if (server.masterhost is None and server.repl_min_slaves_to_write and server.repl_min_slaves_max_lag
            and is_write_command and server.repl_good_slaves_count < server.repl_min_slaves_to_write):
        rejectCommand(c, shared.noreplicaserr)
        return C_OK

    # A read-only replica accepts writes only from its master.
    if server.masterhost is not None and server.repl_slave_ro and not c.flags & CLIENT_MASTER and is_write_command:
        rejectCommand(c, shared.roslaveerr)
        return C_OK

    # In RESP2 a client cannot tell messages from replies, so a subscriber may call only these commands.
    if (c.flags & CLIENT_PUBSUB and c.resp == 2
            and proc is not pingCommand and proc is not subscribeCommand and proc is not unsubscribeCommand
            and proc is not psubscribeCommand and proc is not punsubscribeCommand and proc is not resetCommand):
        rejectCommandFormat(c, b"Can't execute '%s': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are "
                               b"allowed in this context", cmd.name)
        return C_OK

    # A replica without a link to its master may have stale data: it serves them only with replica-serve-stale-data yes.
    if (server.masterhost is not None and server.repl_state != REPL_STATE_CONNECTED
            and server.repl_serve_stale_data == 0 and is_denystale_command):
        rejectCommand(c, shared.masterdownerr)
        return C_OK

    if server.loading and is_denyloading_command:
        rejectCommand(c, shared.loadingerr)
        return C_OK

    # A script has timed out.  MULTI and DISCARD stay allowed: a pipelined transaction whose first commands were refused
    # must not execute the others outside of MULTI.
    if (server.lua_timedout
            and proc is not authCommand and proc is not helloCommand and proc is not replconfCommand
            and proc is not multiCommand and proc is not discardCommand and proc is not watchCommand
            and proc is not unwatchCommand and proc is not resetCommand
            and not (proc is shutdownCommand and c.argc == 2 and c.argv[1].ptr[:1].lower() == b"n")
            and not (proc is scriptCommand and c.argc == 2 and c.argv[1].ptr[:1].lower() == b"k")):
        rejectCommand(c, shared.slowscripterr)
        return C_OK

    # Replicas are never paused, so they must not access the keyspace at all.
    if c.flags & CLIENT_SLAVE and (is_may_replicate_command or is_write_command or is_read_command):
        rejectCommandFormat(c, b"Replica can't interract with the keyspace")
        return C_OK

    # Clients are paused: block this one until the pause ends.
    if (not c.flags & CLIENT_SLAVE
            and (server.client_pause_type == CLIENT_PAUSE_ALL
                 or (server.client_pause_type == CLIENT_PAUSE_WRITE and is_may_replicate_command))):
        c.bpop.timeout = 0
        blockClient(c, BLOCKED_PAUSE)
        return C_OK

    if (c.flags & CLIENT_MULTI and proc is not execCommand and proc is not discardCommand
            and proc is not multiCommand and proc is not watchCommand and proc is not resetCommand):
        queueMultiCommand(c)
        addReply(c, shared.queued)
    else:
        call(c, CMD_CALL_FULL)
        c.woff = server.master_repl_offset
        if server.ready_keys.len:
            handleClientsBlockedOnKeys()
    return C_OK


def cstring(s):
    """Return `s` up to its first NUL, as C's %s prints it."""
    s = bytes(s)
    return s if 0 not in s else s[:s.index(0)]


# ================================== Shutdown ===============================


def prepareForShutdown(flags):
    """Save the data set if required -> C_OK: the process may exit now (SHUTDOWN_* in `flags`).

    On C_ERR the server keeps running, so that no data are lost.
    """
    # Do not overwrite the file with a partially loaded data set; Sentinel has no data set.
    if server.loading or server.sentinel_mode:
        flags = flags & ~SHUTDOWN_SAVE | SHUTDOWN_NOSAVE

    save = flags & SHUTDOWN_SAVE
    nosave = flags & SHUTDOWN_NOSAVE

    serverLog(LL_WARNING, "User requested shutdown...")
    if server.supervised_mode == SUPERVISED_SYSTEMD:
        redisCommunicateSystemd("STOPPING=1\n")

    ldbKillForkedSessions()

    # A saving child could overwrite the file that we write below.
    if server.child_type == CHILD_TYPE_RDB:
        serverLog(LL_WARNING, "There is a child saving an .rdb. Killing it!")
        killRDBChild()
        # backgroundSaveDoneHandler will not be called for this child, so remove its file here.
        rdbRemoveTempFile(server.child_pid, 0)

    if server.aof_state != AOF_OFF:
        if server.child_type == CHILD_TYPE_AOF:
            # The first AOF is being written: without it the data set would be lost.
            if server.aof_state == AOF_WAIT_REWRITE:
                serverLog(LL_WARNING, "Writing initial AOF, can't exit.")
                return C_ERR
            serverLog(LL_WARNING, "There is a child rewriting the AOF. Killing it!")
            killAppendOnlyChild()
        serverLog(LL_NOTICE, "Calling fsync() on the AOF file.")
        flushAppendOnlyFile(1)
        try:
            os.fsync(server.aof_fd)
        except OSError as e:
            serverLog(LL_WARNING, "Fail to fsync the AOF file: %s.", os.strerror(e.errno))

    if (server.saveparamslen > 0 and not nosave) or save:
        serverLog(LL_NOTICE, "Saving the final RDB snapshot before exiting.")
        if server.supervised_mode == SUPERVISED_SYSTEMD:
            redisCommunicateSystemd("STATUS=Saving the final RDB snapshot\n")
        if rdbSave(server.rdb_filename, rdbPopulateSaveInfo(rdbSaveInfo())) != C_OK:
            # serverCron cleans up after the killed background save.
            serverLog(LL_WARNING, "Error trying to save the DB, can't exit.")
            if server.supervised_mode == SUPERVISED_SYSTEMD:
                redisCommunicateSystemd("STATUS=Error trying to save the DB, can't exit.\n")
            return C_ERR

    if server.daemonize or server.pidfile:
        serverLog(LL_NOTICE, "Removing the pid file.")
        try:
            os.unlink(server.pidfile)
        except (OSError, TypeError):
            pass

    # Flush the output buffers of the replicas, as far as their sockets accept the data.
    flushSlavesOutputBuffers()

    # Close the listening ports, so that a fast restart can bind them.
    closeListeningSockets(1)
    serverLog(LL_WARNING, "%s is now ready to exit, bye bye...", "Sentinel" if server.sentinel_mode else "Redis")
    return C_OK
