"""config_table.py - every directive of redis.conf, one row each.      Mirrors src/config.c: the table (6.2.14)

Lives here   the enum maps; the five value types (bool, string, sds, enum, numeric) with init, set, get and rewrite;
             the validity tests and the hooks that make a new value felt; `configs`, the table itself.
Called from  initConfigValues, loadServerConfigFromString [startup]; CONFIG GET, SET, REWRITE [command].
Calls out    the module that owns what a hook changes: networking, evict, acl, aof, replication, server.
State        none of its own: a row names the struct and the field that it fills (C: a pointer to it).
Invariant    rows stand in C's order, which is the order of CONFIG GET * and of what CONFIG REWRITE appends.
Departures   none.
Extend       a new directive: one row here, its field in server_h.redisServer, its paragraph in redis.conf.

A validity test answers (ok, err), an update hook (ok, err): err is None or the words that follow the dash in the error
reply.  A hook runs for CONFIG SET only, after the field has its new value; when it fails, the old value is put back.
"""
import os
import syslog
from typing import TYPE_CHECKING

from ae.ae import AE_ERR, aeCreateTimeEvent, aeGetSetSize, aeResizeSetSize
from datastructs.util import (
    INT_MAX, INT_MIN, LLONG_MAX, LONG_MAX, UINT_MAX, ULLONG_MAX, memtoll, pathIsBaseName, string2ll,
)
from persistence.aof import startAppendOnly, stopAppendOnly
from server.admin.config_rewrite import (
    rewriteConfigBytesOption, rewriteConfigEnumOption, rewriteConfigNumericalOption, rewriteConfigSdsOption,
    rewriteConfigStringOption, rewriteConfigYesNoOption,
)
from server.client.networking import acceptTcpHandler, acceptTLSHandler
from server.client.networking_reply import addReplyBulkCString, addReplyBulkSds
from server.client.tls import USE_OPENSSL, tlsConfigure
from server.keyspace.evict import freeMemoryGetNotCountedMemory, performEvictions
from server.log import serverLog
from server.os_process import adjustOpenFilesLimit, redisSetProcTitle, setOOMScoreAdj, validateProcTitleTemplate
from server.server_h import (
    AOF_FSYNC_ALWAYS, AOF_FSYNC_EVERYSEC, AOF_FSYNC_NO, AOF_OFF, C_ERR, CLIENT_TYPE_OBUF_COUNT, CONFIG_DEFAULT_HZ,
    CONFIG_DEFAULT_PROC_TITLE_TEMPLATE, CONFIG_FDSET_INCR, CONFIG_MAX_HZ, CONFIG_MIN_HZ, CONFIG_OOM_COUNT, LL_DEBUG,
    LL_NOTICE, LL_VERBOSE, LL_WARNING, MAXMEMORY_ALLKEYS_LFU, MAXMEMORY_ALLKEYS_LRU, MAXMEMORY_ALLKEYS_RANDOM,
    MAXMEMORY_NO_EVICTION, MAXMEMORY_VOLATILE_LFU, MAXMEMORY_VOLATILE_LRU, MAXMEMORY_VOLATILE_RANDOM,
    MAXMEMORY_VOLATILE_TTL, OOM_SCORE_ADJ_ABSOLUTE, OOM_SCORE_ADJ_NO, OOM_SCORE_RELATIVE, REPL_DISKLESS_LOAD_DISABLED,
    REPL_DISKLESS_LOAD_SWAPDB, REPL_DISKLESS_LOAD_WHEN_DB_EMPTY, SANITIZE_DUMP_CLIENTS, SANITIZE_DUMP_NO,
    SANITIZE_DUMP_YES, SUPERVISED_AUTODETECT, SUPERVISED_NONE, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART,
    TLS_CLIENT_AUTH_NO, TLS_CLIENT_AUTH_OPTIONAL, TLS_CLIENT_AUTH_YES, USER_FLAG_ALLCHANNELS, clientBufferLimitsConfig,
    server,
)
from server.server_listen import changeListenPort
from server.session.acl import ACLUpdateDefaultUserPassword
from server.zmalloc import set_jemalloc_bg_thread, zmalloc_used_memory

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from replication.replication import refreshGoodSlavesCount
    from replication.replication_master import resizeReplicationBacklog
    from server.server_main import switch_fast_path
    from server.server_process import removeSignalHandlers, setupSignalHandlers


# ---------------------------------------------------------------------------
# Config file name-value maps
# ---------------------------------------------------------------------------

# A configEnum is a list of (name, value); the first name of a value is the one CONFIG GET shows.
maxmemory_policy_enum = [
    (b"volatile-lru", MAXMEMORY_VOLATILE_LRU),
    (b"volatile-lfu", MAXMEMORY_VOLATILE_LFU),
    (b"volatile-random", MAXMEMORY_VOLATILE_RANDOM),
    (b"volatile-ttl", MAXMEMORY_VOLATILE_TTL),
    (b"allkeys-lru", MAXMEMORY_ALLKEYS_LRU),
    (b"allkeys-lfu", MAXMEMORY_ALLKEYS_LFU),
    (b"allkeys-random", MAXMEMORY_ALLKEYS_RANDOM),
    (b"noeviction", MAXMEMORY_NO_EVICTION),
]

syslog_facility_enum = [
    (b"user", syslog.LOG_USER),
    (b"local0", syslog.LOG_LOCAL0),
    (b"local1", syslog.LOG_LOCAL1),
    (b"local2", syslog.LOG_LOCAL2),
    (b"local3", syslog.LOG_LOCAL3),
    (b"local4", syslog.LOG_LOCAL4),
    (b"local5", syslog.LOG_LOCAL5),
    (b"local6", syslog.LOG_LOCAL6),
    (b"local7", syslog.LOG_LOCAL7),
]

loglevel_enum = [
    (b"debug", LL_DEBUG),
    (b"verbose", LL_VERBOSE),
    (b"notice", LL_NOTICE),
    (b"warning", LL_WARNING),
]

supervised_mode_enum = [
    (b"upstart", SUPERVISED_UPSTART),
    (b"systemd", SUPERVISED_SYSTEMD),
    (b"auto", SUPERVISED_AUTODETECT),
    (b"no", SUPERVISED_NONE),
]

aof_fsync_enum = [
    (b"everysec", AOF_FSYNC_EVERYSEC),
    (b"always", AOF_FSYNC_ALWAYS),
    (b"no", AOF_FSYNC_NO),
]

repl_diskless_load_enum = [
    (b"disabled", REPL_DISKLESS_LOAD_DISABLED),
    (b"on-empty-db", REPL_DISKLESS_LOAD_WHEN_DB_EMPTY),
    (b"swapdb", REPL_DISKLESS_LOAD_SWAPDB),
]

tls_auth_clients_enum = [
    (b"no", TLS_CLIENT_AUTH_NO),
    (b"yes", TLS_CLIENT_AUTH_YES),
    (b"optional", TLS_CLIENT_AUTH_OPTIONAL),
]

oom_score_adj_enum = [
    (b"no", OOM_SCORE_ADJ_NO),
    (b"yes", OOM_SCORE_RELATIVE),
    (b"relative", OOM_SCORE_RELATIVE),
    (b"absolute", OOM_SCORE_ADJ_ABSOLUTE),
]

acl_pubsub_default_enum = [
    (b"allchannels", USER_FLAG_ALLCHANNELS),
    (b"resetchannels", 0),
]

sanitize_dump_payload_enum = [
    (b"no", SANITIZE_DUMP_NO),
    (b"yes", SANITIZE_DUMP_YES),
    (b"clients", SANITIZE_DUMP_CLIENTS),
]

# Output buffer limits of the three classes: hard bytes, soft bytes, seconds above the soft limit.
clientBufferLimitsDefaults = [
    clientBufferLimitsConfig(0, 0, 0),                                 # normal
    clientBufferLimitsConfig(1024*1024*256, 1024*1024*64, 60),         # slave
    clientBufferLimitsConfig(1024*1024*32, 1024*1024*8, 60),           # pubsub
]
assert len(clientBufferLimitsDefaults) == CLIENT_TYPE_OBUF_COUNT

configOOMScoreAdjValuesDefaults = [0, 200, 800]                        # master, replica, child
assert len(configOOMScoreAdjValuesDefaults) == CONFIG_OOM_COUNT

MODIFIABLE_CONFIG = 0          # may be changed by CONFIG SET
IMMUTABLE_CONFIG = 1 << 0      # only at start-up
SENSITIVE_CONFIG = 1 << 1      # a secret: CONFIG SET redacts the argument for slowlog and MONITOR


class boolConfigData:
    """A yes/no field, 1 or 0."""
    __slots__ = ("struct", "field", "default_value", "is_valid_fn", "update_fn")

    def __init__(self, struct, field, default_value, is_valid_fn, update_fn):
        self.struct = struct               # with field: C's pointer to the variable
        self.field = field
        self.default_value = default_value
        self.is_valid_fn = is_valid_fn     # (val) -> (ok, err), or None
        self.update_fn = update_fn         # (val, prev) -> (ok, err), or None


class stringConfigData:
    """A str field (string) or a bytes field (sds)."""
    __slots__ = ("struct", "field", "default_value", "is_valid_fn", "update_fn", "convert_empty_to_null")

    def __init__(self, struct, field, default_value, is_valid_fn, update_fn, convert_empty_to_null):
        self.struct = struct
        self.field = field
        self.default_value = default_value
        self.is_valid_fn = is_valid_fn
        self.update_fn = update_fn
        self.convert_empty_to_null = convert_empty_to_null  # 1: the empty string is kept as None


class enumConfigData:
    """An int field whose values have names."""
    __slots__ = ("struct", "field", "enum_value", "default_value", "is_valid_fn", "update_fn")

    def __init__(self, struct, field, enum_value, default_value, is_valid_fn, update_fn):
        self.struct = struct
        self.field = field
        self.enum_value = enum_value       # list of (name, value)
        self.default_value = default_value
        self.is_valid_fn = is_valid_fn
        self.update_fn = update_fn


NUMERIC_TYPE_INT = 0
NUMERIC_TYPE_UINT = 1
NUMERIC_TYPE_LONG = 2
NUMERIC_TYPE_ULONG = 3
NUMERIC_TYPE_LONG_LONG = 4
NUMERIC_TYPE_ULONG_LONG = 5
NUMERIC_TYPE_SIZE_T = 6
NUMERIC_TYPE_SSIZE_T = 7
NUMERIC_TYPE_OFF_T = 8
NUMERIC_TYPE_TIME_T = 9


class numericConfigData:
    """An int field with bounds."""
    __slots__ = ("struct", "field", "is_memory", "numeric_type", "lower_bound", "upper_bound", "default_value",
                 "is_valid_fn", "update_fn")

    def __init__(self, struct, field, is_memory, numeric_type, lower_bound, upper_bound, default_value, is_valid_fn,
                 update_fn):
        self.struct = struct
        self.field = field
        self.is_memory = is_memory         # INTEGER_CONFIG, or MEMORY_CONFIG: takes 1kb, 2mb ...
        self.numeric_type = numeric_type   # NUMERIC_TYPE_*; tells how bounds are compared and printed
        self.lower_bound = lower_bound     # inclusive
        self.upper_bound = upper_bound     # inclusive
        self.default_value = default_value
        self.is_valid_fn = is_valid_fn
        self.update_fn = update_fn


class typeInterface:
    """What a value type can do."""
    __slots__ = ("init", "set", "get", "rewrite")

    def __init__(self, init, set_, get, rewrite):
        self.init = init           # (data): the default, at start-up
        self.set = set_            # (data, value, update) -> (ok, err); update is 1 for CONFIG SET
        self.get = get             # (c, data): adds the value to the reply
        self.rewrite = rewrite     # (data, name, state): CONFIG REWRITE


class standardConfig:
    """One row of the table."""
    __slots__ = ("name", "alias", "flags", "interface", "data")

    def __init__(self, name, alias, flags, interface, data):
        self.name = name           # bytes, lower case
        self.alias = alias         # bytes: an older name (slave-...), or None
        self.flags = flags         # MODIFIABLE_CONFIG, IMMUTABLE_CONFIG, SENSITIVE_CONFIG
        self.interface = interface
        self.data = data


# ---------------------------------------------------------------------------
# Enum access functions
# ---------------------------------------------------------------------------

def configEnumGetValue(ce, name):
    """Return the value of `name`, or INT_MIN."""
    name = name.lower()
    for en, val in ce:
        if en == name:
            return val
    return INT_MIN


def configEnumGetName(ce, val):
    """Return the first name of `val`, or None."""
    for name, v in ce:
        if v == val:
            return name
    return None


def configEnumGetNameOrUnknown(ce, val):
    name = configEnumGetName(ce, val)
    return name if name is not None else b"unknown"


def evictPolicyToString():
    """Return the name of the maxmemory policy, for INFO."""
    return configEnumGetNameOrUnknown(maxmemory_policy_enum, server.maxmemory_policy).decode()


def yesnotoi(s):
    """Return 1 for yes, 0 for no, -1 for anything else."""
    s = s.lower()
    if s == b"yes":
        return 1
    if s == b"no":
        return 0
    return -1


# ---------------------------------------------------------------------------
# Configs that fit one of the major types and require no special handling
# ---------------------------------------------------------------------------
LOADBUF_SIZE = 256

# The field of a row is accessed by name: getattr(data.struct, data.field) is C's *data.yesno.config.

# Bool configs


def boolConfigInit(data):
    setattr(data.struct, data.field, data.default_value)


def boolConfigSet(data, value, update):
    yn = yesnotoi(value)
    if yn == -1:
        return 0, b"argument must be 'yes' or 'no'"
    return common_config_set_apply(data, yn, yn, update)


def common_config_set_apply(data, check, val, update):
    """Validate `check`, store `val`, run the hook, put the old value back if it fails -> (ok, err).  These lines
    end the set function of every type in C."""
    if data.is_valid_fn is not None:
        ok, err = data.is_valid_fn(check)
        if not ok:
            return 0, err
    prev = getattr(data.struct, data.field)
    setattr(data.struct, data.field, val)
    if update and data.update_fn is not None:
        ok, err = data.update_fn(val, prev)
        if not ok:
            setattr(data.struct, data.field, prev)
            return 0, err
    return 1, None


def boolConfigGet(c, data):
    addReplyBulkCString(c, b"yes" if getattr(data.struct, data.field) else b"no")


def boolConfigRewrite(data, name, state):
    rewriteConfigYesNoOption(state, name, getattr(data.struct, data.field), data.default_value)


_boolInterface = typeInterface(boolConfigInit, boolConfigSet, boolConfigGet, boolConfigRewrite)


def createBoolConfig(name, alias, flags, struct, field, default, is_valid, update):
    return standardConfig(name, alias, flags, _boolInterface, boolConfigData(struct, field, default, is_valid, update))


# String configs
def stringConfigInit(data):
    setattr(data.struct, data.field, data.default_value)


def stringConfigSet(data, value, update):
    value = os.fsdecode(value.partition(b"\0")[0])      # a C string ends at its first NUL
    return common_config_set_apply(data, value, None if data.convert_empty_to_null and not value else value, update)


def stringConfigGet(c, data):
    val = getattr(data.struct, data.field)
    addReplyBulkCString(c, os.fsencode(val) if val is not None else b"")


def stringConfigRewrite(data, name, state):
    rewriteConfigStringOption(state, name, getattr(data.struct, data.field), data.default_value)


_stringInterface = typeInterface(stringConfigInit, stringConfigSet, stringConfigGet, stringConfigRewrite)


# SDS configs
def sdsConfigInit(data):
    setattr(data.struct, data.field, data.default_value)


def sdsConfigSet(data, value, update):
    value = bytes(value)
    return common_config_set_apply(data, value, None if data.convert_empty_to_null and not value else value, update)


def sdsConfigGet(c, data):
    val = getattr(data.struct, data.field)
    if val is not None:
        addReplyBulkSds(c, val)
    else:
        addReplyBulkCString(c, b"")


def sdsConfigRewrite(data, name, state):
    rewriteConfigSdsOption(state, name, getattr(data.struct, data.field), data.default_value)


_sdsInterface = typeInterface(sdsConfigInit, sdsConfigSet, sdsConfigGet, sdsConfigRewrite)

ALLOW_EMPTY_STRING = 0
EMPTY_STRING_IS_NULL = 1


def createStringConfig(name, alias, flags, empty_to_null, struct, field, default, is_valid, update):
    return standardConfig(name, alias, flags, _stringInterface,
                          stringConfigData(struct, field, default, is_valid, update, empty_to_null))


def createSDSConfig(name, alias, flags, empty_to_null, struct, field, default, is_valid, update):
    return standardConfig(name, alias, flags, _sdsInterface,
                          stringConfigData(struct, field, default, is_valid, update, empty_to_null))


# Enum configs
def enumConfigInit(data):
    setattr(data.struct, data.field, data.default_value)


def enumConfigSet(data, value, update):
    enumval = configEnumGetValue(data.enum_value, value)
    if enumval == INT_MIN:
        err = b"argument must be one of the following: " + b", ".join([name for name, _ in data.enum_value])
        return 0, err[:LOADBUF_SIZE-1]
    return common_config_set_apply(data, enumval, enumval, update)


def enumConfigGet(c, data):
    addReplyBulkCString(c, configEnumGetNameOrUnknown(data.enum_value, getattr(data.struct, data.field)))


def enumConfigRewrite(data, name, state):
    rewriteConfigEnumOption(state, name, getattr(data.struct, data.field), data.enum_value, data.default_value)


_enumInterface = typeInterface(enumConfigInit, enumConfigSet, enumConfigGet, enumConfigRewrite)


def createEnumConfig(name, alias, flags, enum, struct, field, default, is_valid, update):
    return standardConfig(name, alias, flags, _enumInterface,
                          enumConfigData(struct, field, enum, default, is_valid, update))


# Numeric configs
def numericConfigInit(data):
    setattr(data.struct, data.field, data.default_value)


def numericBoundaryCheck(data, ll):
    """Return (ok, err)."""
    if data.numeric_type in (NUMERIC_TYPE_ULONG_LONG, NUMERIC_TYPE_UINT, NUMERIC_TYPE_SIZE_T):
        # These compare as unsigned: -1 is too large rather than too small.
        ull = ll & ULLONG_MAX
        if ull > data.upper_bound or ull < data.lower_bound:
            return 0, b"argument must be between %d and %d inclusive" % (data.lower_bound, data.upper_bound)
    elif ll > data.upper_bound or ll < data.lower_bound:
        return 0, b"argument must be between %d and %d inclusive" % (data.lower_bound, data.upper_bound)
    return 1, None


def numericConfigSet(data, value, update):
    if data.is_memory:
        ll, memerr = memtoll(value)
        if memerr or ll < 0:
            return 0, b"argument must be a memory value"
    else:
        ok, ll = string2ll(value)
        if not ok:
            return 0, b"argument couldn't be parsed into an integer"
    ok, err = numericBoundaryCheck(data, ll)
    if not ok:
        return 0, err
    return common_config_set_apply(data, ll, ll, update)


def numericConfigGet(c, data):
    addReplyBulkCString(c, b"%d" % getattr(data.struct, data.field))


def numericConfigRewrite(data, name, state):
    value = getattr(data.struct, data.field)
    if data.is_memory:
        rewriteConfigBytesOption(state, name, value, data.default_value)
    else:
        rewriteConfigNumericalOption(state, name, value, data.default_value)


_numericInterface = typeInterface(numericConfigInit, numericConfigSet, numericConfigGet, numericConfigRewrite)

INTEGER_CONFIG = 0
MEMORY_CONFIG = 1


def embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update,
                               type_):
    return standardConfig(name, alias, flags, _numericInterface,
                          numericConfigData(struct, field, memory, type_, lower, upper, default, is_valid, update))


def createIntConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_INT)


def createUIntConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_UINT)


def createULongConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_ULONG)


def createLongLongConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_LONG_LONG)


def createULongLongConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_ULONG_LONG)


def createSizeTConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_SIZE_T)


def createTimeTConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_TIME_T)


def createOffTConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid, update):
    return embedCommonNumericalConfig(name, alias, flags, lower, upper, struct, field, default, memory, is_valid,
                                      update, NUMERIC_TYPE_OFF_T)


# ---------------------------------------------------------------------------
# Validity tests and update hooks
# ---------------------------------------------------------------------------

def isValidActiveDefrag(val):
    # CPython objects do not move: reply as Redis does when built without its own jemalloc.
    if val:
        return 0, (b"Active defragmentation cannot be enabled: it "
                   b"requires a Redis server compiled with a modified Jemalloc "
                   b"like the one shipped by default with the Redis source "
                   b"distribution")
    return 1, None


def isValidDBfilename(val):
    if not pathIsBaseName(val):
        return 0, b"dbfilename can't be a path, just a filename"
    return 1, None


def isValidAOFfilename(val):
    if not pathIsBaseName(val):
        return 0, b"appendfilename can't be a path, just a filename"
    return 1, None


def isValidProcTitleTemplate(val):
    if not validateProcTitleTemplate(val):
        return 0, b"template format is invalid or contains unknown variables"
    return 1, None


def updateProcTitleTemplate(val, prev):
    if redisSetProcTitle(None) == C_ERR:
        return 0, b"failed to set process title"
    return 1, None


def updateHZ(val, prev):
    """Out of range is a wish, not an error: it is capped."""
    server.config_hz = val
    if server.config_hz < CONFIG_MIN_HZ:
        server.config_hz = CONFIG_MIN_HZ
    if server.config_hz > CONFIG_MAX_HZ:
        server.config_hz = CONFIG_MAX_HZ
    server.hz = server.config_hz
    return 1, None


def updatePort(val, prev):
    if val == prev:
        return 1, None
    if changeListenPort(val, server.ipfd, acceptTcpHandler) == C_ERR:
        return 0, b"Unable to listen on this port. Check server logs."
    return 1, None


def updateJemallocBgThread(val, prev):
    set_jemalloc_bg_thread(val)
    return 1, None


def updateReplBacklogSize(val, prev):
    # resizeReplicationBacklog compares with the field and sets it: restore the old value for the comparison.
    server.repl_backlog_size = prev
    resizeReplicationBacklog(val)
    return 1, None


def updateMaxmemory(val, prev):
    if val:
        used = zmalloc_used_memory() - freeMemoryGetNotCountedMemory()
        if val < used:
            serverLog(LL_WARNING, "WARNING: the new maxmemory value set via CONFIG SET (%d) is smaller than the current"
                      " memory usage (%d). This will result in key eviction and/or the inability to accept new write"
                      " commands depending on the maxmemory-policy.", server.maxmemory, used)
        performEvictions()
    return 1, None


def updateGoodSlaves(val, prev):
    refreshGoodSlavesCount()
    return 1, None


def updateAppendonly(val, prev):
    if val == 0 and server.aof_state != AOF_OFF:
        stopAppendOnly()
    elif val and server.aof_state == AOF_OFF:
        if startAppendOnly() == C_ERR:
            return 0, b"Unable to turn on AOF. Check server logs."
    return 1, None


def updateSighandlerEnabled(val, prev):
    if val:
        setupSignalHandlers()
    else:
        removeSignalHandlers()
    return 1, None


def updateMaxclients(val, prev):
    if val > prev:
        # adjustOpenFilesLimit lowers server.maxclients to the limit of the system.
        adjustOpenFilesLimit()
        if server.maxclients != val:
            msg = (b"The operating system is not able to handle the specified number of clients, try with %d"
                   % server.maxclients)
            if server.maxclients > prev:
                server.maxclients = prev
                adjustOpenFilesLimit()
            return 0, msg
        if aeGetSetSize(server.el) < server.maxclients + CONFIG_FDSET_INCR:
            if aeResizeSetSize(server.el, server.maxclients + CONFIG_FDSET_INCR) == AE_ERR:
                return 0, (b"The event loop API used by Redis is not able to handle the specified number of "
                           b"clients")
    return 1, None


def updateOOMScoreAdj(val, prev):
    if val:
        if setOOMScoreAdj(-1) == C_ERR:
            return 0, b"Failed to set current oom_score_adj. Check server logs."
    return 1, None


def update_fast_path(val, prev):
    """Ask for the switch between two turns: until then whatever runs now, a pipeline or a script, goes on as it began."""
    if val != prev:
        aeCreateTimeEvent(server.el, 0, switch_fast_path, None, None)
    return 1, None


def updateRequirePass(val, prev):
    # The directive is a password of the user `default`; the field only keeps the clear text for CONFIG GET.
    ACLUpdateDefaultUserPassword(val)
    return 1, None


def updateTlsCfg(val, prev):
    if ((server.tls_port or server.tls_replication or server.tls_cluster)
            and tlsConfigure(server.tls_ctx_config) == C_ERR):
        return 0, b"Unable to update TLS configuration. Check server logs."
    return 1, None


def updateTlsCfgBool(val, prev):
    return updateTlsCfg(None, None)


def updateTlsCfgInt(val, prev):
    return updateTlsCfg(None, None)


def updateTLSPort(val, prev):
    if val == prev:
        return 1, None
    if prev == 0 and tlsConfigure(server.tls_ctx_config) == C_ERR:
        return 0, b"Unable to update TLS configuration. Check server logs."
    if changeListenPort(val, server.tlsfd, acceptTLSHandler) == C_ERR:
        return 0, b"Unable to listen on this port. Check server logs."
    return 1, None


configs = [
    # Bool configs
    createBoolConfig(b"rdbchecksum", None, IMMUTABLE_CONFIG, server, "rdb_checksum", 1, None, None),
    createBoolConfig(b"daemonize", None, IMMUTABLE_CONFIG, server, "daemonize", 0, None, None),
    createBoolConfig(b"io-threads-do-reads", None, IMMUTABLE_CONFIG, server, "io_threads_do_reads", 0, None, None),
    createBoolConfig(b"lua-replicate-commands", None, MODIFIABLE_CONFIG,
                     server, "lua_always_replicate_commands", 1, None, None),
    createBoolConfig(b"always-show-logo", None, IMMUTABLE_CONFIG, server, "always_show_logo", 0, None, None),
    createBoolConfig(b"protected-mode", None, MODIFIABLE_CONFIG, server, "protected_mode", 1, None, None),
    createBoolConfig(b"rdbcompression", None, MODIFIABLE_CONFIG, server, "rdb_compression", 1, None, None),
    createBoolConfig(b"rdb-del-sync-files", None, MODIFIABLE_CONFIG, server, "rdb_del_sync_files", 0, None, None),
    createBoolConfig(b"activerehashing", None, MODIFIABLE_CONFIG, server, "activerehashing", 1, None, None),
    createBoolConfig(b"stop-writes-on-bgsave-error", None, MODIFIABLE_CONFIG,
                     server, "stop_writes_on_bgsave_err", 1, None, None),
    createBoolConfig(b"set-proc-title", None, IMMUTABLE_CONFIG, server, "set_proc_title", 1, None, None),
    createBoolConfig(b"dynamic-hz", None, MODIFIABLE_CONFIG, server, "dynamic_hz", 1, None, None),
    createBoolConfig(b"lazyfree-lazy-eviction", None, MODIFIABLE_CONFIG,
                     server, "lazyfree_lazy_eviction", 0, None, None),
    createBoolConfig(b"lazyfree-lazy-expire", None, MODIFIABLE_CONFIG, server, "lazyfree_lazy_expire", 0, None, None),
    createBoolConfig(b"lazyfree-lazy-server-del", None, MODIFIABLE_CONFIG,
                     server, "lazyfree_lazy_server_del", 0, None, None),
    createBoolConfig(b"lazyfree-lazy-user-del", None, MODIFIABLE_CONFIG,
                     server, "lazyfree_lazy_user_del", 0, None, None),
    createBoolConfig(b"lazyfree-lazy-user-flush", None, MODIFIABLE_CONFIG,
                     server, "lazyfree_lazy_user_flush", 0, None, None),
    createBoolConfig(b"repl-disable-tcp-nodelay", None, MODIFIABLE_CONFIG,
                     server, "repl_disable_tcp_nodelay", 0, None, None),
    createBoolConfig(b"repl-diskless-sync", None, MODIFIABLE_CONFIG, server, "repl_diskless_sync", 0, None, None),
    createBoolConfig(b"gopher-enabled", None, MODIFIABLE_CONFIG, server, "gopher_enabled", 0, None, None),
    createBoolConfig(b"aof-rewrite-incremental-fsync", None, MODIFIABLE_CONFIG,
                     server, "aof_rewrite_incremental_fsync", 1, None, None),
    createBoolConfig(b"no-appendfsync-on-rewrite", None, MODIFIABLE_CONFIG,
                     server, "aof_no_fsync_on_rewrite", 0, None, None),
    createBoolConfig(b"cluster-require-full-coverage", None, MODIFIABLE_CONFIG,
                     server, "cluster_require_full_coverage", 1, None, None),
    createBoolConfig(b"rdb-save-incremental-fsync", None, MODIFIABLE_CONFIG,
                     server, "rdb_save_incremental_fsync", 1, None, None),
    createBoolConfig(b"aof-load-truncated", None, MODIFIABLE_CONFIG, server, "aof_load_truncated", 1, None, None),
    createBoolConfig(b"aof-use-rdb-preamble", None, MODIFIABLE_CONFIG, server, "aof_use_rdb_preamble", 1, None, None),
    createBoolConfig(b"cluster-replica-no-failover", b"cluster-slave-no-failover", MODIFIABLE_CONFIG,
                     server, "cluster_slave_no_failover", 0, None, None),
    createBoolConfig(b"replica-lazy-flush", b"slave-lazy-flush", MODIFIABLE_CONFIG,
                     server, "repl_slave_lazy_flush", 0, None, None),
    createBoolConfig(b"replica-serve-stale-data", b"slave-serve-stale-data", MODIFIABLE_CONFIG,
                     server, "repl_serve_stale_data", 1, None, None),
    createBoolConfig(b"replica-read-only", b"slave-read-only", MODIFIABLE_CONFIG,
                     server, "repl_slave_ro", 1, None, None),
    createBoolConfig(b"replica-ignore-maxmemory", b"slave-ignore-maxmemory", MODIFIABLE_CONFIG,
                     server, "repl_slave_ignore_maxmemory", 1, None, None),
    createBoolConfig(b"jemalloc-bg-thread", None, MODIFIABLE_CONFIG,
                     server, "jemalloc_bg_thread", 1, None, updateJemallocBgThread),
    createBoolConfig(b"activedefrag", None, MODIFIABLE_CONFIG,
                     server, "active_defrag_enabled", 0, isValidActiveDefrag, None),
    createBoolConfig(b"syslog-enabled", None, IMMUTABLE_CONFIG, server, "syslog_enabled", 0, None, None),
    createBoolConfig(b"cluster-enabled", None, IMMUTABLE_CONFIG, server, "cluster_enabled", 0, None, None),
    createBoolConfig(b"appendonly", None, MODIFIABLE_CONFIG, server, "aof_enabled", 0, None, updateAppendonly),
    createBoolConfig(b"cluster-allow-reads-when-down", None, MODIFIABLE_CONFIG,
                     server, "cluster_allow_reads_when_down", 0, None, None),
    createBoolConfig(b"crash-log-enabled", None, MODIFIABLE_CONFIG,
                     server, "crashlog_enabled", 1, None, updateSighandlerEnabled),
    createBoolConfig(b"crash-memcheck-enabled", None, MODIFIABLE_CONFIG, server, "memcheck_enabled", 1, None, None),
    createBoolConfig(b"use-exit-on-panic", None, MODIFIABLE_CONFIG, server, "use_exit_on_panic", 0, None, None),
    createBoolConfig(b"disable-thp", None, MODIFIABLE_CONFIG, server, "disable_thp", 1, None, None),
    createBoolConfig(b"cluster-allow-replica-migration", None, MODIFIABLE_CONFIG,
                     server, "cluster_allow_replica_migration", 1, None, None),
    createBoolConfig(b"replica-announced", None, MODIFIABLE_CONFIG, server, "replica_announced", 1, None, None),

    # String configs
    createStringConfig(b"aclfile", None, IMMUTABLE_CONFIG, ALLOW_EMPTY_STRING, server, "acl_filename", "", None, None),
    createStringConfig(b"unixsocket", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "unixsocket", None, None, None),
    createStringConfig(b"pidfile", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL, server, "pidfile", None, None, None),
    createStringConfig(b"replica-announce-ip", b"slave-announce-ip", MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "slave_announce_ip", None, None, None),
    createStringConfig(b"masteruser", None, MODIFIABLE_CONFIG | SENSITIVE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "masteruser", None, None, None),
    createStringConfig(b"cluster-announce-ip", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "cluster_announce_ip", None, None, None),
    createStringConfig(b"syslog-ident", None, IMMUTABLE_CONFIG, ALLOW_EMPTY_STRING,
                       server, "syslog_ident", "redis", None, None),
    createStringConfig(b"dbfilename", None, MODIFIABLE_CONFIG, ALLOW_EMPTY_STRING,
                       server, "rdb_filename", "dump.rdb", isValidDBfilename, None),
    createStringConfig(b"appendfilename", None, IMMUTABLE_CONFIG, ALLOW_EMPTY_STRING,
                       server, "aof_filename", "appendonly.aof", isValidAOFfilename, None),
    createStringConfig(b"server_cpulist", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "server_cpulist", None, None, None),
    createStringConfig(b"bio_cpulist", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "bio_cpulist", None, None, None),
    createStringConfig(b"aof_rewrite_cpulist", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "aof_rewrite_cpulist", None, None, None),
    createStringConfig(b"bgsave_cpulist", None, IMMUTABLE_CONFIG, EMPTY_STRING_IS_NULL,
                       server, "bgsave_cpulist", None, None, None),
    createStringConfig(b"ignore-warnings", None, MODIFIABLE_CONFIG, ALLOW_EMPTY_STRING,
                       server, "ignore_warnings", "", None, None),
    createStringConfig(b"proc-title-template", None, MODIFIABLE_CONFIG, ALLOW_EMPTY_STRING,
                       server, "proc_title_template", CONFIG_DEFAULT_PROC_TITLE_TEMPLATE,
                       isValidProcTitleTemplate, updateProcTitleTemplate),

    # SDS configs (secrets, kept as bytes)
    createSDSConfig(b"masterauth", None, MODIFIABLE_CONFIG | SENSITIVE_CONFIG, EMPTY_STRING_IS_NULL,
                    server, "masterauth", None, None, None),
    createSDSConfig(b"requirepass", None, MODIFIABLE_CONFIG | SENSITIVE_CONFIG, EMPTY_STRING_IS_NULL,
                    server, "requirepass", None, None, updateRequirePass),

    # Enum configs
    createEnumConfig(b"supervised", None, IMMUTABLE_CONFIG, supervised_mode_enum,
                     server, "supervised_mode", SUPERVISED_NONE, None, None),
    createEnumConfig(b"syslog-facility", None, IMMUTABLE_CONFIG, syslog_facility_enum,
                     server, "syslog_facility", syslog.LOG_LOCAL0, None, None),
    createEnumConfig(b"repl-diskless-load", None, MODIFIABLE_CONFIG, repl_diskless_load_enum,
                     server, "repl_diskless_load", REPL_DISKLESS_LOAD_DISABLED, None, None),
    createEnumConfig(b"loglevel", None, MODIFIABLE_CONFIG, loglevel_enum, server, "verbosity", LL_NOTICE, None, None),
    createEnumConfig(b"maxmemory-policy", None, MODIFIABLE_CONFIG, maxmemory_policy_enum,
                     server, "maxmemory_policy", MAXMEMORY_NO_EVICTION, None, None),
    createEnumConfig(b"appendfsync", None, MODIFIABLE_CONFIG, aof_fsync_enum,
                     server, "aof_fsync", AOF_FSYNC_EVERYSEC, None, None),
    createEnumConfig(b"oom-score-adj", None, MODIFIABLE_CONFIG, oom_score_adj_enum,
                     server, "oom_score_adj", OOM_SCORE_ADJ_NO, None, updateOOMScoreAdj),
    createEnumConfig(b"acl-pubsub-default", None, MODIFIABLE_CONFIG, acl_pubsub_default_enum,
                     server, "acl_pubsub_default", USER_FLAG_ALLCHANNELS, None, None),
    createEnumConfig(b"sanitize-dump-payload", None, MODIFIABLE_CONFIG, sanitize_dump_payload_enum,
                     server, "sanitize_dump_payload", SANITIZE_DUMP_NO, None, None),

    # Int configs
    createIntConfig(b"databases", None, IMMUTABLE_CONFIG, 1, INT_MAX, server, "dbnum", 16, INTEGER_CONFIG, None, None),
    createIntConfig(b"port", None, MODIFIABLE_CONFIG, 0, 65535, server, "port", 6379, INTEGER_CONFIG, None, updatePort),
    createIntConfig(b"io-threads", None, IMMUTABLE_CONFIG, 1, 128,
                    server, "io_threads_num", 1, INTEGER_CONFIG, None, None),
    createIntConfig(b"auto-aof-rewrite-percentage", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "aof_rewrite_perc", 100, INTEGER_CONFIG, None, None),
    createIntConfig(b"cluster-replica-validity-factor", b"cluster-slave-validity-factor", MODIFIABLE_CONFIG, 0,
                    INT_MAX, server, "cluster_slave_validity_factor", 10, INTEGER_CONFIG, None, None),
    createIntConfig(b"list-max-ziplist-size", None, MODIFIABLE_CONFIG, INT_MIN, INT_MAX,
                    server, "list_max_ziplist_size", -2, INTEGER_CONFIG, None, None),
    createIntConfig(b"tcp-keepalive", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "tcpkeepalive", 300, INTEGER_CONFIG, None, None),
    createIntConfig(b"cluster-migration-barrier", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "cluster_migration_barrier", 1, INTEGER_CONFIG, None, None),
    createIntConfig(b"active-defrag-cycle-min", None, MODIFIABLE_CONFIG, 1, 99,
                    server, "active_defrag_cycle_min", 1, INTEGER_CONFIG, None, None),
    createIntConfig(b"active-defrag-cycle-max", None, MODIFIABLE_CONFIG, 1, 99,
                    server, "active_defrag_cycle_max", 25, INTEGER_CONFIG, None, None),
    createIntConfig(b"active-defrag-threshold-lower", None, MODIFIABLE_CONFIG, 0, 1000,
                    server, "active_defrag_threshold_lower", 10, INTEGER_CONFIG, None, None),
    createIntConfig(b"active-defrag-threshold-upper", None, MODIFIABLE_CONFIG, 0, 1000,
                    server, "active_defrag_threshold_upper", 100, INTEGER_CONFIG, None, None),
    createIntConfig(b"lfu-log-factor", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "lfu_log_factor", 10, INTEGER_CONFIG, None, None),
    createIntConfig(b"lfu-decay-time", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "lfu_decay_time", 1, INTEGER_CONFIG, None, None),
    createIntConfig(b"replica-priority", b"slave-priority", MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "slave_priority", 100, INTEGER_CONFIG, None, None),
    createIntConfig(b"repl-diskless-sync-delay", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "repl_diskless_sync_delay", 5, INTEGER_CONFIG, None, None),
    createIntConfig(b"maxmemory-samples", None, MODIFIABLE_CONFIG, 1, INT_MAX,
                    server, "maxmemory_samples", 5, INTEGER_CONFIG, None, None),
    createIntConfig(b"maxmemory-eviction-tenacity", None, MODIFIABLE_CONFIG, 0, 100,
                    server, "maxmemory_eviction_tenacity", 10, INTEGER_CONFIG, None, None),
    createIntConfig(b"timeout", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "maxidletime", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"replica-announce-port", b"slave-announce-port", MODIFIABLE_CONFIG, 0, 65535,
                    server, "slave_announce_port", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"tcp-backlog", None, IMMUTABLE_CONFIG, 0, INT_MAX,
                    server, "tcp_backlog", 511, INTEGER_CONFIG, None, None),
    createIntConfig(b"cluster-announce-bus-port", None, MODIFIABLE_CONFIG, 0, 65535,
                    server, "cluster_announce_bus_port", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"cluster-announce-port", None, MODIFIABLE_CONFIG, 0, 65535,
                    server, "cluster_announce_port", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"cluster-announce-tls-port", None, MODIFIABLE_CONFIG, 0, 65535,
                    server, "cluster_announce_tls_port", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"repl-timeout", None, MODIFIABLE_CONFIG, 1, INT_MAX,
                    server, "repl_timeout", 60, INTEGER_CONFIG, None, None),
    createIntConfig(b"repl-ping-replica-period", b"repl-ping-slave-period", MODIFIABLE_CONFIG, 1, INT_MAX,
                    server, "repl_ping_slave_period", 10, INTEGER_CONFIG, None, None),
    createIntConfig(b"list-compress-depth", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "list_compress_depth", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"rdb-key-save-delay", None, MODIFIABLE_CONFIG, INT_MIN, INT_MAX,
                    server, "rdb_key_save_delay", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"key-load-delay", None, MODIFIABLE_CONFIG, INT_MIN, INT_MAX,
                    server, "key_load_delay", 0, INTEGER_CONFIG, None, None),
    createIntConfig(b"active-expire-effort", None, MODIFIABLE_CONFIG, 1, 10,
                    server, "active_expire_effort", 1, INTEGER_CONFIG, None, None),
    createIntConfig(b"hz", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "config_hz", CONFIG_DEFAULT_HZ, INTEGER_CONFIG, None, updateHZ),
    createIntConfig(b"min-replicas-to-write", b"min-slaves-to-write", MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "repl_min_slaves_to_write", 0, INTEGER_CONFIG, None, updateGoodSlaves),
    createIntConfig(b"min-replicas-max-lag", b"min-slaves-max-lag", MODIFIABLE_CONFIG, 0, INT_MAX,
                    server, "repl_min_slaves_max_lag", 10, INTEGER_CONFIG, None, updateGoodSlaves),

    # Unsigned int configs
    createUIntConfig(b"maxclients", None, MODIFIABLE_CONFIG, 1, UINT_MAX,
                     server, "maxclients", 10000, INTEGER_CONFIG, None, updateMaxclients),

    # Unsigned long configs
    createULongConfig(b"active-defrag-max-scan-fields", None, MODIFIABLE_CONFIG, 1, LONG_MAX,
                      server, "active_defrag_max_scan_fields", 1000, INTEGER_CONFIG, None, None),
    createULongConfig(b"slowlog-max-len", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "slowlog_max_len", 128, INTEGER_CONFIG, None, None),
    createULongConfig(b"acllog-max-len", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "acllog_max_len", 128, INTEGER_CONFIG, None, None),

    # Long long configs
    createLongLongConfig(b"lua-time-limit", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                         server, "lua_time_limit", 5000, INTEGER_CONFIG, None, None),
    createLongLongConfig(b"cluster-node-timeout", None, MODIFIABLE_CONFIG, 0, LLONG_MAX,
                         server, "cluster_node_timeout", 15000, INTEGER_CONFIG, None, None),
    createLongLongConfig(b"slowlog-log-slower-than", None, MODIFIABLE_CONFIG, -1, LLONG_MAX,
                         server, "slowlog_log_slower_than", 10000, INTEGER_CONFIG, None, None),
    createLongLongConfig(b"latency-monitor-threshold", None, MODIFIABLE_CONFIG, 0, LLONG_MAX,
                         server, "latency_monitor_threshold", 0, INTEGER_CONFIG, None, None),
    createLongLongConfig(b"proto-max-bulk-len", None, MODIFIABLE_CONFIG, 1024*1024, LONG_MAX,
                         server, "proto_max_bulk_len", 512*1024*1024, MEMORY_CONFIG, None, None),
    createLongLongConfig(b"stream-node-max-entries", None, MODIFIABLE_CONFIG, 0, LLONG_MAX,
                         server, "stream_node_max_entries", 100, INTEGER_CONFIG, None, None),
    createLongLongConfig(b"repl-backlog-size", None, MODIFIABLE_CONFIG, 1, LLONG_MAX,
                         server, "repl_backlog_size", 1024*1024, MEMORY_CONFIG, None, updateReplBacklogSize),

    # Unsigned long long configs
    createULongLongConfig(b"maxmemory", None, MODIFIABLE_CONFIG, 0, ULLONG_MAX,
                          server, "maxmemory", 0, MEMORY_CONFIG, None, updateMaxmemory),

    # Size_t configs
    createSizeTConfig(b"hash-max-ziplist-entries", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "hash_max_ziplist_entries", 512, INTEGER_CONFIG, None, None),
    createSizeTConfig(b"set-max-intset-entries", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "set_max_intset_entries", 512, INTEGER_CONFIG, None, None),
    createSizeTConfig(b"zset-max-ziplist-entries", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "zset_max_ziplist_entries", 128, INTEGER_CONFIG, None, None),
    createSizeTConfig(b"active-defrag-ignore-bytes", None, MODIFIABLE_CONFIG, 1, LLONG_MAX,
                      server, "active_defrag_ignore_bytes", 100 << 20, MEMORY_CONFIG, None, None),
    createSizeTConfig(b"hash-max-ziplist-value", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "hash_max_ziplist_value", 64, MEMORY_CONFIG, None, None),
    createSizeTConfig(b"stream-node-max-bytes", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "stream_node_max_bytes", 4096, MEMORY_CONFIG, None, None),
    createSizeTConfig(b"zset-max-ziplist-value", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "zset_max_ziplist_value", 64, MEMORY_CONFIG, None, None),
    createSizeTConfig(b"hll-sparse-max-bytes", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "hll_sparse_max_bytes", 3000, MEMORY_CONFIG, None, None),
    createSizeTConfig(b"tracking-table-max-keys", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "tracking_table_max_keys", 1000000, INTEGER_CONFIG, None, None),
    createSizeTConfig(b"client-query-buffer-limit", None, MODIFIABLE_CONFIG, 1024*1024, LONG_MAX,
                      server, "client_max_querybuf_len", 1024*1024*1024, MEMORY_CONFIG, None, None),

    # Other configs
    createTimeTConfig(b"repl-backlog-ttl", None, MODIFIABLE_CONFIG, 0, LONG_MAX,
                      server, "repl_backlog_time_limit", 60*60, INTEGER_CONFIG, None, None),
    createOffTConfig(b"auto-aof-rewrite-min-size", None, MODIFIABLE_CONFIG, 0, LLONG_MAX,
                     server, "aof_rewrite_min_size", 64*1024*1024, MEMORY_CONFIG, None, None),
]

# C: #ifdef USE_OPENSSL
if USE_OPENSSL:
    configs += [
        createIntConfig(b"tls-port", None, MODIFIABLE_CONFIG, 0, 65535,
                        server, "tls_port", 0, INTEGER_CONFIG, None, updateTLSPort),
        createIntConfig(b"tls-session-cache-size", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                        server.tls_ctx_config, "session_cache_size", 20*1024, INTEGER_CONFIG, None, updateTlsCfgInt),
        createIntConfig(b"tls-session-cache-timeout", None, MODIFIABLE_CONFIG, 0, INT_MAX,
                        server.tls_ctx_config, "session_cache_timeout", 300, INTEGER_CONFIG, None, updateTlsCfgInt),
        createBoolConfig(b"tls-cluster", None, MODIFIABLE_CONFIG, server, "tls_cluster", 0, None, updateTlsCfgBool),
        createBoolConfig(b"tls-replication", None, MODIFIABLE_CONFIG,
                         server, "tls_replication", 0, None, updateTlsCfgBool),
        createEnumConfig(b"tls-auth-clients", None, MODIFIABLE_CONFIG, tls_auth_clients_enum,
                         server, "tls_auth_clients", TLS_CLIENT_AUTH_YES, None, None),
        createBoolConfig(b"tls-prefer-server-ciphers", None, MODIFIABLE_CONFIG,
                         server.tls_ctx_config, "prefer_server_ciphers", 0, None, updateTlsCfgBool),
        createBoolConfig(b"tls-session-caching", None, MODIFIABLE_CONFIG,
                         server.tls_ctx_config, "session_caching", 1, None, updateTlsCfgBool),
        createStringConfig(b"tls-cert-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "cert_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-key-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "key_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-key-file-pass", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "key_file_pass", None, None, updateTlsCfg),
        createStringConfig(b"tls-client-cert-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "client_cert_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-client-key-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "client_key_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-client-key-file-pass", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "client_key_file_pass", None, None, updateTlsCfg),
        createStringConfig(b"tls-dh-params-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "dh_params_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-ca-cert-file", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "ca_cert_file", None, None, updateTlsCfg),
        createStringConfig(b"tls-ca-cert-dir", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "ca_cert_dir", None, None, updateTlsCfg),
        createStringConfig(b"tls-protocols", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "protocols", None, None, updateTlsCfg),
        createStringConfig(b"tls-ciphers", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "ciphers", None, None, updateTlsCfg),
        createStringConfig(b"tls-ciphersuites", None, MODIFIABLE_CONFIG, EMPTY_STRING_IS_NULL,
                           server.tls_ctx_config, "ciphersuites", None, None, updateTlsCfg),
    ]

# Ours
configs += [
    createBoolConfig(b"fast-path", None, MODIFIABLE_CONFIG, server, "fast_path", 1, None, update_fast_path),
]
