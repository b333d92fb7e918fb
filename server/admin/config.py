"""config.py - redis.conf, CONFIG GET and SET.              Mirrors src/config.c (6.2.14)

Lives here   the config file parser with the directives that are no plain value (bind, save, dir, user ...); the CONFIG
             command.  The table of plain directives is config_table.py; CONFIG REWRITE is config_rewrite.py.
Called from  main [startup]; configCommand [command].
Calls out    config_table.configs; acl, notify, server (changeBindAddr ...), debug (the watchdog).
State        the fields of `server`.
Departures   `loadmodule` is refused when the file is read, since there is nothing that could load a C module.
Extend       a plain directive: a row in config_table.py; any other: its branch in loadServerConfigFromString,
             configSetCommand and configGetCommand, and its rewriteConfig...Option.
"""
import os
import sys
from typing import TYPE_CHECKING

from datastructs.dict import DICT_OK, dictAdd, dictDelete
from datastructs.sds import sdssplitargs, sdssplitlen
from datastructs.util import INT_MAX, atoi, memtoll, stringmatch, strtol, strtoll, to_int, to_uint, to_ullong
from server.admin import config_rewrite
from server.admin.config_rewrite import rewriteConfig
from server.admin.config_table import IMMUTABLE_CONFIG, SENSITIVE_CONFIG, configs
from server.admin.debug import disableWatchdog, enableWatchdog
from server.client.networking import getClientTypeByName, getClientTypeName, redactClientCommandArgument
from server.client.networking_reply import (
    addReply, addReplyBulkCString, addReplyBulkSds, addReplyDeferredLen, addReplyError, addReplyErrorFormat,
    addReplyHelp, addReplySubcommandSyntaxError, setDeferredMapLen,
)
from server.command_lookup import lookupCommandByCString, resetCommandTableStats, resetErrorTableStats
from server.keyspace.notify import keyspaceEventsFlagsToString, keyspaceEventsStringToFlags
from server.log import serverAssert, serverAssertWithInfo, serverLog
from server.object import getLongLongFromObject, sdsEncodedObject
from server.os_process import setOOMScoreAdj
from server.server_h import (
    C_ERR, C_OK, CLIENT_TYPE_MASTER, CLIENT_TYPE_OBUF_COUNT, CONFIG_BINDADDR_MAX, CONFIG_MAX_HZ, CONFIG_MIN_HZ,
    CONFIG_OOM_BGCHILD, CONFIG_OOM_COUNT, CONFIG_OOM_MASTER, CONFIG_OOM_REPLICA, LL_WARNING, REDIS_VERSION,
    REPL_STATE_CONNECT, saveparam, server, shared,
)
from server.server_listen import changeBindAddr
from server.server_state import resetServerStats
from server.session.acl import ACLAppendUserForLoading, ACLSetUserStringError

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.sentinel.sentinel import queueSentinelConfig


# ---------------------------------------------------------------------------
# Config file parsing
# ---------------------------------------------------------------------------

def c_string(word):
    """Return `word` as C keeps it in a char *: a str that ends at the first NUL."""
    return os.fsdecode(word.partition(b"\0")[0])


def appendServerSaveParams(seconds, changes):
    server.saveparams.append(saveparam(seconds, changes))
    server.saveparamslen += 1


def resetServerSaveParams():
    server.saveparams = []
    server.saveparamslen = 0


def updateOOMScoreAdjValues(args, apply):
    """Check the CONFIG_OOM_COUNT words `args` and store them -> (C_OK or C_ERR, err).  With `apply` the kernel is told
    too, and the old values come back when it refuses."""
    values = []
    for arg in args:
        val, rest, _ = strtoll(arg)
        if rest or val < -2000 or val > 2000:
            return C_ERR, b"Invalid oom-score-adj-values, elements must be between -2000 and 2000."
        values.append(val)

    # Only warn: a privileged process may lower its score again.
    if (values[CONFIG_OOM_REPLICA] < values[CONFIG_OOM_MASTER]
            or values[CONFIG_OOM_BGCHILD] < values[CONFIG_OOM_REPLICA]):
        serverLog(LL_WARNING, "The oom-score-adj-values configuration may not work for non-privileged processes! "
                  "Please consult the documentation.")

    old_values = server.oom_score_adj_values
    server.oom_score_adj_values = values
    if not apply:
        return C_OK, None
    if setOOMScoreAdj(-1) == C_ERR:
        server.oom_score_adj_values = old_values
        return C_ERR, b"Failed to apply oom-score-adj-values configuration, check server logs."
    return C_OK, None


def initConfigValues():
    for config in configs:
        config.interface.init(config.data)


def loadServerConfigFromString(config):
    """Apply the directives in `config` (bytes, a whole file).  A bad one ends the process, with its line on stderr."""
    slaveof_linenum = 0
    save_loaded = [0]              # a list: the special directives change it
    lines = [line.strip(b" \t\r\n") for line in config.split(b"\n")]

    for i, line in enumerate(lines):
        linenum = i + 1
        if not line or line.startswith(b"#"):
            continue
        argv = sdssplitargs(line)
        if argv is None:
            loadServerConfigFromString_loaderr(linenum, line, b"Unbalanced quotes in configuration line")
        if not argv:
            continue
        argv[0] = argv[0].lower()

        match = 0
        for config_ in configs:
            if argv[0] == config_.name or (config_.alias and argv[0] == config_.alias):
                if len(argv) != 2:
                    loadServerConfigFromString_loaderr(linenum, line, b"wrong number of arguments")
                ok, err = config_.interface.set(config_.data, argv[1], 0)
                if not ok and config_.name == b"activedefrag" and argv[1].lower() == b"yes":
                    serverLog(LL_WARNING, "%s", err)    # C: fatal.  Here a file for Redis with jemalloc works, too.
                elif not ok:
                    loadServerConfigFromString_loaderr(linenum, line, err)
                match = 1
                break
        if match:
            continue

        if argv[0] in (b"slaveof", b"replicaof") and len(argv) == 3:
            slaveof_linenum = linenum
        err = loadServerConfigFromString_special(argv, linenum, line, save_loaded)
        if err is not None:
            loadServerConfigFromString_loaderr(linenum, line, err)

    # Sanity checks.
    if server.cluster_enabled and server.masterhost is not None:
        loadServerConfigFromString_loaderr(slaveof_linenum, lines[slaveof_linenum-1] if slaveof_linenum else b"",
                                           b"replicaof directive not allowed in cluster mode")

    # hz out of range is set to the nearest valid value, for compatibility.
    if server.config_hz < CONFIG_MIN_HZ:
        server.config_hz = CONFIG_MIN_HZ
    if server.config_hz > CONFIG_MAX_HZ:
        server.config_hz = CONFIG_MAX_HZ


def loadServerConfigFromString_loaderr(linenum, line, err):
    """Say what is wrong with the file, and end the process (C: the loaderr label)."""
    out = sys.stderr.buffer
    out.write(b"\n*** FATAL CONFIG FILE ERROR (Redis %s) ***\n" % REDIS_VERSION.encode())
    out.write(b"Reading the configuration file, at line %d\n" % linenum)
    out.write(b">>> '%s'\n" % line)
    out.write(b"%s\n" % err)
    out.flush()
    sys.exit(1)


def loadServerConfigFromString_special(argv, linenum, line, save_loaded):
    """Apply one directive that is not in the table -> None, or the error text.  C: the else-if chain."""
    name = argv[0]
    argc = len(argv)
    if name == b"bind" and argc >= 2:
        if argc - 1 > CONFIG_BINDADDR_MAX:
            return b"Too many bind addresses specified"
        server.bindaddr = [c_string(addr) for addr in argv[1:]]
        server.bindaddr_count = argc - 1
    elif name == b"unixsocketperm" and argc == 2:
        perm, _, errno_ = strtol(argv[1], 8)
        perm = to_uint(perm)
        if errno_ or perm > 0o777:
            return b"Invalid socket file permissions"
        server.unixsocketperm = perm
    elif name == b"save":
        # The first save line of the file removes the defaults; a file without any keeps them.
        if not save_loaded[0]:
            save_loaded[0] = 1
            resetServerSaveParams()
        if argc == 3:
            seconds = atoi(argv[1])
            changes = atoi(argv[2])
            if seconds < 1 or changes < 0:
                return b"Invalid save parameters"
            appendServerSaveParams(seconds, changes)
        elif argc == 2 and argv[1] == b"":
            resetServerSaveParams()
    elif name == b"dir" and argc == 2:
        try:
            os.chdir(c_string(argv[1]))
        except OSError as e:
            serverLog(LL_WARNING, "Can't chdir to '%s': %s", argv[1], os.strerror(e.errno))
            sys.exit(1)
    elif name == b"logfile" and argc == 2:
        server.logfile = c_string(argv[1])
        if server.logfile:
            # Test now whether the log file can be written: the running server does not stop for that.
            try:
                with open(server.logfile, "ab"):
                    pass
            except OSError as e:
                return b"Can't open the log file: %s" % os.strerror(e.errno).encode()
    elif name == b"include" and argc == 2:
        loadServerConfig(c_string(argv[1]), 0, None)
    elif name in (b"slaveof", b"replicaof") and argc == 3:
        if argv[1].lower() == b"no" and argv[2].lower() == b"one":
            server.masterhost = None
            return None
        server.masterhost = c_string(argv[1])
        port, rest, _ = strtol(argv[2])
        server.masterport = to_int(port)
        if server.masterport < 0 or server.masterport > 65535 or rest:
            return b"Invalid master port"
        server.repl_state = REPL_STATE_CONNECT
    elif name in (b"list-max-ziplist-entries", b"list-max-ziplist-value") and argc == 2:
        pass                       # obsolete options of old files
    elif name == b"rename-command" and argc == 3:
        # Do not use lookupCommand: its cache may be outdated after two lines of this kind.
        cmd = lookupCommandByCString(argv[1])
        if cmd is None:
            return b"No such command in rename-command"
        # An empty new name removes the command.
        retval = dictDelete(server.commands, argv[1])
        serverAssert(retval == DICT_OK)
        if argv[2]:
            if dictAdd(server.commands, argv[2], cmd) != DICT_OK:
                return b"Target command name already exists"
    elif name == b"cluster-config-file" and argc == 2:
        server.cluster_configfile = c_string(argv[1])
    elif name == b"client-output-buffer-limit" and argc == 5:
        class_ = getClientTypeByName(argv[1])
        if class_ == -1 or class_ == CLIENT_TYPE_MASTER:
            return (b"Unrecognized client limit class: the user specified "
                    b"an invalid one, or 'master' which has no buffer limits.")
        hard = to_ullong(memtoll(argv[2])[0])               # unsigned: -1 becomes a limit that is never reached
        soft = to_ullong(memtoll(argv[3])[0])
        soft_seconds = atoi(argv[4])
        if soft_seconds < 0:
            return b"Negative number of seconds in soft limit is invalid"
        limits = server.client_obuf_limits[class_]
        limits.hard_limit_bytes = hard
        limits.soft_limit_bytes = soft
        limits.soft_limit_seconds = soft_seconds
    elif name == b"oom-score-adj-values" and argc == 1 + CONFIG_OOM_COUNT:
        return updateOOMScoreAdjValues(argv[1:], 0)[1]
    elif name == b"notify-keyspace-events" and argc == 2:
        flags = keyspaceEventsStringToFlags(argv[1])
        if flags == -1:
            return b"Invalid event class character. Use 'g$lshzxeA'."
        server.notify_keyspace_events = flags
    elif name == b"user" and argc >= 2:
        retval, argc_err = ACLAppendUserForLoading(argv)
        if retval == C_ERR:
            return b"Error in user declaration '%s': %s" % (argv[argc_err], ACLSetUserStringError())
    elif name == b"loadmodule" and argc >= 2:
        return b"loadmodule is not supported: modules are shared objects for the C server"
    elif name == b"sentinel":
        # main() handles a lone `sentinel` before any file is read.
        if argc != 1:
            if not server.sentinel_mode:
                return b"sentinel directive while not in sentinel mode"
            queueSentinelConfig(argv[1:], linenum, line)
    else:
        return b"Bad directive or wrong number of arguments"
    return None


def loadServerConfig(filename, config_from_stdin, options):
    """Load the file `filename`, then standard input, then `options` (lines as in the file); each may be missing."""
    config = b""
    if filename:
        try:
            with open(filename, "rb") as fp:
                config = fp.read()
        except OSError as e:
            serverLog(LL_WARNING, "Fatal error, can't open config file '%s': %s", filename, os.strerror(e.errno))
            sys.exit(1)
    if config_from_stdin:
        serverLog(LL_WARNING, "Reading config from stdin")
        try:
            config += sys.stdin.buffer.read()
        except OSError:
            pass                   # C: fgets gives NULL
    if options:
        config += b"\n" + (os.fsencode(options) if isinstance(options, str) else options)
    loadServerConfigFromString(config)


# ---------------------------------------------------------------------------
# CONFIG SET implementation
# ---------------------------------------------------------------------------

def configSetCommand(c):
    """CONFIG SET parameter value -> OK   [admin]"""
    serverAssertWithInfo(c, c.argv[2], sdsEncodedObject(c.argv[2]))
    serverAssertWithInfo(c, c.argv[3], sdsEncodedObject(c.argv[3]))
    o = c.argv[3]
    name = c.argv[2].ptr.lower()

    for config in configs:
        if not config.flags & IMMUTABLE_CONFIG and (name == config.name or (config.alias and name == config.alias)):
            if config.flags & SENSITIVE_CONFIG:
                redactClientCommandArgument(c, 3)
            ok, errstr = config.interface.set(config.data, o.ptr, 1)
            if not ok:
                configSetCommand_badfmt(c, o, errstr)
                return
            addReply(c, shared.ok)
            return

    if name == b"bind":
        v = sdssplitlen(o.ptr, b" ")
        if len(v) < 1 or len(v) > CONFIG_BINDADDR_MAX:
            addReplyError(c, b"Too many bind addresses specified.")
            return
        if changeBindAddr([c_string(addr) for addr in v]) == C_ERR:
            addReplyError(c, b"Failed to bind to specified addresses.")
            return
    elif name == b"save":
        # Pairs of seconds >= 1 and changes >= 0; all are checked before the first is stored.
        v = sdssplitlen(o.ptr, b" ")
        if len(v) & 1:
            configSetCommand_badfmt(c, o, None)
            return
        vals = []
        for j, word in enumerate(v):
            val, rest, _ = strtoll(word)
            if rest or (j & 1 == 0 and val < 1) or (j & 1 == 1 and val < 0):
                configSetCommand_badfmt(c, o, None)
                return
            vals.append(to_int(val) if j & 1 else val)
        resetServerSaveParams()
        for j in range(0, len(vals), 2):
            appendServerSaveParams(vals[j], vals[j+1])
    elif name == b"dir":
        try:
            os.chdir(c_string(o.ptr))
        except OSError as e:
            addReplyErrorFormat(c, b"Changing directory: %s", os.strerror(e.errno).encode())
            return
    elif name == b"client-output-buffer-limit":
        # Groups of <class> <hard> <soft> <soft seconds>: all of them are taken, or none.
        v = sdssplitlen(o.ptr, b" ")
        if len(v) % 4:
            configSetCommand_badfmt(c, o, None)
            return
        for j, word in enumerate(v):
            if j % 4 == 0:
                class_ = getClientTypeByName(word)
                if class_ == -1 or class_ == CLIENT_TYPE_MASTER:
                    configSetCommand_badfmt(c, o, None)
                    return
            else:
                val, err = memtoll(word)
                if err or val < 0:
                    configSetCommand_badfmt(c, o, None)
                    return
        for j in range(0, len(v), 4):
            limits = server.client_obuf_limits[getClientTypeByName(v[j])]
            limits.hard_limit_bytes = memtoll(v[j+1])[0]
            limits.soft_limit_bytes = memtoll(v[j+2])[0]
            limits.soft_limit_seconds = to_int(strtoll(v[j+3])[0])
    elif name == b"oom-score-adj-values":
        v = sdssplitlen(o.ptr, b" ")
        if len(v) != CONFIG_OOM_COUNT:
            configSetCommand_badfmt(c, o, None)
            return
        ok, errstr = updateOOMScoreAdjValues(v, 1)
        if ok == C_ERR:
            configSetCommand_badfmt(c, o, errstr)
            return
    elif name == b"notify-keyspace-events":
        flags = keyspaceEventsStringToFlags(o.ptr)
        if flags == -1:
            configSetCommand_badfmt(c, o, None)
            return
        server.notify_keyspace_events = flags
    elif name == b"watchdog-period":
        ok, ll = getLongLongFromObject(o)
        if ok == C_ERR or ll < 0 or ll > INT_MAX:
            configSetCommand_badfmt(c, o, None)
            return
        if ll:
            enableWatchdog(ll)
        else:
            disableWatchdog()
    else:
        addReplyErrorFormat(c, b"Unsupported CONFIG parameter: %s", c.argv[2].ptr)
        return
    addReply(c, shared.ok)


def configSetCommand_badfmt(c, o, errstr):
    """Reply that the value does not fit (C: the badfmt label)."""
    if errstr:
        addReplyErrorFormat(c, b"Invalid argument '%s' for CONFIG SET '%s' - %s", o.ptr, c.argv[2].ptr, errstr)
    else:
        addReplyErrorFormat(c, b"Invalid argument '%s' for CONFIG SET '%s'", o.ptr, c.argv[2].ptr)


# ---------------------------------------------------------------------------
# CONFIG GET implementation
# ---------------------------------------------------------------------------

def configGetCommand(c):
    """CONFIG GET pattern -> map of name to value   [admin]"""
    o = c.argv[2]
    replylen = addReplyDeferredLen(c)
    pattern = o.ptr
    matches = 0
    serverAssertWithInfo(c, o, sdsEncodedObject(o))

    for config in configs:
        if stringmatch(pattern, config.name, 1):
            addReplyBulkCString(c, config.name)
            config.interface.get(c, config.data)
            matches += 1
        if config.alias and stringmatch(pattern, config.alias, 1):
            addReplyBulkCString(c, config.alias)
            config.interface.get(c, config.data)
            matches += 1

    if stringmatch(pattern, b"logfile", 1):
        addReplyBulkCString(c, b"logfile")
        addReplyBulkCString(c, os.fsencode(server.logfile) if server.logfile else b"")
        matches += 1
    if stringmatch(pattern, b"watchdog-period", 1):
        addReplyBulkCString(c, b"watchdog-period")
        addReplyBulkCString(c, b"%d" % server.watchdog_period)
        matches += 1
    if stringmatch(pattern, b"dir", 1):
        try:
            buf = os.getcwdb()
        except OSError:
            buf = b""
        addReplyBulkCString(c, b"dir")
        addReplyBulkCString(c, buf)
        matches += 1
    if stringmatch(pattern, b"save", 1):
        addReplyBulkCString(c, b"save")
        addReplyBulkCString(c, b" ".join([b"%d %d" % (sp.seconds, sp.changes) for sp in server.saveparams]))
        matches += 1
    if stringmatch(pattern, b"client-output-buffer-limit", 1):
        words = []
        for j in range(CLIENT_TYPE_OBUF_COUNT):
            limits = server.client_obuf_limits[j]
            words.append(b"%s %d %d %d" % (getClientTypeName(j).encode(), limits.hard_limit_bytes,
                                           limits.soft_limit_bytes, limits.soft_limit_seconds))
        addReplyBulkCString(c, b"client-output-buffer-limit")
        addReplyBulkCString(c, b" ".join(words))
        matches += 1
    if stringmatch(pattern, b"unixsocketperm", 1):
        addReplyBulkCString(c, b"unixsocketperm")
        addReplyBulkCString(c, b"%o" % server.unixsocketperm)
        matches += 1
    if stringmatch(pattern, b"slaveof", 1) or stringmatch(pattern, b"replicaof", 1):
        # C: one entry only, under the name that the pattern asks for first.
        optname = b"slaveof" if stringmatch(pattern, b"slaveof", 1) else b"replicaof"
        addReplyBulkCString(c, optname)
        if server.masterhost:
            addReplyBulkCString(c, b"%s %d" % (os.fsencode(server.masterhost), server.masterport))
        else:
            addReplyBulkCString(c, b"")
        matches += 1
    if stringmatch(pattern, b"notify-keyspace-events", 1):
        addReplyBulkCString(c, b"notify-keyspace-events")
        addReplyBulkSds(c, keyspaceEventsFlagsToString(server.notify_keyspace_events).encode())
        matches += 1
    if stringmatch(pattern, b"bind", 1):
        addReplyBulkCString(c, b"bind")
        addReplyBulkCString(c, os.fsencode(" ".join(server.bindaddr[:server.bindaddr_count])))
        matches += 1
    if stringmatch(pattern, b"oom-score-adj-values", 0):
        addReplyBulkCString(c, b"oom-score-adj-values")
        addReplyBulkCString(c, b" ".join([b"%d" % val for val in server.oom_score_adj_values]))
        matches += 1

    setDeferredMapLen(c, replylen, matches)


# ---------------------------------------------------------------------------
# CONFIG command entry point
# ---------------------------------------------------------------------------

def configCommand(c):
    """CONFIG GET pattern | SET parameter value | RESETSTAT | REWRITE | HELP   [admin]"""
    sub = c.argv[1].ptr.lower()
    # While a file is loaded only CONFIG GET is allowed.
    if server.loading and sub != b"get":
        addReplyError(c, b"Only CONFIG GET is allowed during loading")
        return

    if c.argc == 2 and sub == b"help":
        addReplyHelp(c, [
            b"GET <pattern>",
            b"    Return parameters matching the glob-like <pattern> and their values.",
            b"SET <directive> <value>",
            b"    Set the configuration <directive> to <value>.",
            b"RESETSTAT",
            b"    Reset statistics reported by the INFO command.",
            b"REWRITE",
            b"    Rewrite the configuration file.",
        ])
    elif sub == b"set" and c.argc == 4:
        configSetCommand(c)
    elif sub == b"get" and c.argc == 3:
        configGetCommand(c)
    elif sub == b"resetstat" and c.argc == 2:
        resetServerStats()
        resetCommandTableStats()
        resetErrorTableStats()
        addReply(c, shared.ok)
    elif sub == b"rewrite" and c.argc == 2:
        if server.configfile is None:
            addReplyError(c, b"The server is running without a config file")
            return
        if rewriteConfig(server.configfile, 0) == -1:
            why = os.strerror(config_rewrite.rewriteConfig_errno)
            serverLog(LL_WARNING, "CONFIG REWRITE failed: %s", why)
            addReplyErrorFormat(c, b"Rewriting config file: %s", why.encode())
        else:
            serverLog(LL_WARNING, "CONFIG REWRITE executed with success.")
            addReply(c, shared.ok)
    else:
        addReplySubcommandSyntaxError(c)
