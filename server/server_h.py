"""server_h.py - constants, structs, and the two globals.          Mirrors src/server.h (6.2.14)

Lives here   every constant of server.h; the structs client, robj, redisDb, redisCommand, redisServer ...;
             the objects `server` and `shared`.  No behaviour.
Called from  everywhere.
State        server: filled by initServerConfig, loadServerConfig, initServer.  shared: by createSharedObjects.
Departures   `shared.del` is `shared.del_` (a Python keyword); `user.allowed_commands` is one int used as bitmap.
"""

# Version (C: version.h)
REDIS_VERSION = "6.2.14"
REDIS_VERSION_NUM = 0x0006020e

# Error codes
C_OK = 0
C_ERR = -1

# Limits and defaults that no directive changes
CONFIG_DEFAULT_HZ = 10
CONFIG_MIN_HZ = 1
CONFIG_MAX_HZ = 500
MAX_CLIENTS_PER_CLOCK_TICK = 200
CONFIG_MAX_LINE = 1024
CRON_DBS_PER_CALL = 16
NET_MAX_WRITES_PER_EVENT = 1024 * 64
PROTO_SHARED_SELECT_CMDS = 10
OBJ_SHARED_INTEGERS = 10000
OBJ_SHARED_BULKHDR_LEN = 32
LOG_MAX_LEN = 1024
AOF_REWRITE_ITEMS_PER_CMD = 64
AOF_READ_DIFF_INTERVAL_BYTES = 1024 * 10
CONFIG_AUTHPASS_MAX_LEN = 512
CONFIG_RUN_ID_SIZE = 40
RDB_EOF_MARK_SIZE = 40
CONFIG_REPL_BACKLOG_MIN_SIZE = 1024 * 16
CONFIG_BGSAVE_RETRY_DELAY = 5
CONFIG_DEFAULT_PID_FILE = "/var/run/redis.pid"
CONFIG_DEFAULT_CLUSTER_CONFIG_FILE = "nodes.conf"
CONFIG_DEFAULT_UNIX_SOCKET_PERM = 0
CONFIG_DEFAULT_LOGFILE = ""
NET_HOST_STR_LEN = 256
NET_IP_STR_LEN = 46
NET_ADDR_STR_LEN = (NET_IP_STR_LEN+32)
NET_HOST_PORT_STR_LEN = (NET_HOST_STR_LEN+32)
CONFIG_BINDADDR_MAX = 16
CONFIG_MIN_RESERVED_FDS = 32
CONFIG_DEFAULT_PROC_TITLE_TEMPLATE = "{title} {listen-addr} {server-mode}"
ACTIVE_EXPIRE_CYCLE_SLOW = 0
ACTIVE_EXPIRE_CYCLE_FAST = 1

# Exit code of a child that stops without an error (killed by SIGUSR1): no alarm in the parent
SERVER_CHILD_NOERROR_RETVAL = 255

# A child spends at most 1/100 of its time on measuring its copy-on-write pages
CHILD_COW_DUTY_CYCLE = 100

# Instantaneous metrics tracking.
STATS_METRIC_SAMPLES = 16
STATS_METRIC_COMMAND = 0
STATS_METRIC_NET_INPUT = 1
STATS_METRIC_NET_OUTPUT = 2
STATS_METRIC_COUNT = 3

# Protocol and I/O
PROTO_IOBUF_LEN = 1024 * 16
PROTO_REPLY_CHUNK_BYTES = 16 * 1024
PROTO_INLINE_MAX_SIZE = 1024 * 64
PROTO_MBULK_BIG_ARG = 1024 * 32
LONG_STR_SIZE = 21
REDIS_AUTOSYNC_BYTES = 1024 * 1024 * 32
LIMIT_PENDING_QUERYBUF = 4 * 1024 * 1024

# Descriptors that the event loop can hold in addition to maxclients
CONFIG_FDSET_INCR = (CONFIG_MIN_RESERVED_FDS+96)

# Classes of oom-score-adj-values
CONFIG_OOM_MASTER = 0
CONFIG_OOM_REPLICA = 1
CONFIG_OOM_BGCHILD = 2
CONFIG_OOM_COUNT = 3

# Hash tables: shrink below this fill, in percent; refuse to grow when memory is short above this load
HASHTABLE_MIN_FILL = 10
HASHTABLE_MAX_LOAD_FACTOR = 1.618

# Command flags, from the words in commandtable.py
CMD_WRITE = 1 << 0
CMD_READONLY = 1 << 1
CMD_DENYOOM = 1 << 2
CMD_MODULE = 1 << 3
CMD_ADMIN = 1 << 4
CMD_PUBSUB = 1 << 5
CMD_NOSCRIPT = 1 << 6
CMD_RANDOM = 1 << 7
CMD_SORT_FOR_SCRIPT = 1 << 8
CMD_LOADING = 1 << 9
CMD_STALE = 1 << 10
CMD_SKIP_MONITOR = 1 << 11
CMD_SKIP_SLOWLOG = 1 << 12
CMD_ASKING = 1 << 13
CMD_FAST = 1 << 14
CMD_NO_AUTH = 1 << 15
CMD_MAY_REPLICATE = 1 << 16

# Module commands (never set)
CMD_MODULE_GETKEYS = 1 << 17
CMD_MODULE_NO_CLUSTER = 1 << 18

# ACL categories of commands
CMD_CATEGORY_KEYSPACE = 1 << 19
CMD_CATEGORY_READ = 1 << 20
CMD_CATEGORY_WRITE = 1 << 21
CMD_CATEGORY_SET = 1 << 22
CMD_CATEGORY_SORTEDSET = 1 << 23
CMD_CATEGORY_LIST = 1 << 24
CMD_CATEGORY_HASH = 1 << 25
CMD_CATEGORY_STRING = 1 << 26
CMD_CATEGORY_BITMAP = 1 << 27
CMD_CATEGORY_HYPERLOGLOG = 1 << 28
CMD_CATEGORY_GEO = 1 << 29
CMD_CATEGORY_STREAM = 1 << 30
CMD_CATEGORY_PUBSUB = 1 << 31
CMD_CATEGORY_ADMIN = 1 << 32
CMD_CATEGORY_FAST = 1 << 33
CMD_CATEGORY_SLOW = 1 << 34
CMD_CATEGORY_BLOCKING = 1 << 35
CMD_CATEGORY_DANGEROUS = 1 << 36
CMD_CATEGORY_CONNECTION = 1 << 37
CMD_CATEGORY_TRANSACTION = 1 << 38
CMD_CATEGORY_SCRIPTING = 1 << 39

# server.aof_state
AOF_OFF = 0
AOF_ON = 1
AOF_WAIT_REWRITE = 2

# client.flags
CLIENT_SLAVE = 1 << 0
CLIENT_MASTER = 1 << 1
CLIENT_MONITOR = 1 << 2
CLIENT_MULTI = 1 << 3
CLIENT_BLOCKED = 1 << 4
CLIENT_DIRTY_CAS = 1 << 5
CLIENT_CLOSE_AFTER_REPLY = 1 << 6
CLIENT_UNBLOCKED = 1 << 7
CLIENT_LUA = 1 << 8
CLIENT_ASKING = 1 << 9
CLIENT_CLOSE_ASAP = 1 << 10
CLIENT_UNIX_SOCKET = 1 << 11
CLIENT_DIRTY_EXEC = 1 << 12
CLIENT_MASTER_FORCE_REPLY = 1 << 13
CLIENT_FORCE_AOF = 1 << 14
CLIENT_FORCE_REPL = 1 << 15
CLIENT_PRE_PSYNC = 1 << 16
CLIENT_READONLY = 1 << 17
CLIENT_PUBSUB = 1 << 18
CLIENT_PREVENT_AOF_PROP = 1 << 19
CLIENT_PREVENT_REPL_PROP = 1 << 20
CLIENT_PREVENT_PROP = (CLIENT_PREVENT_AOF_PROP | CLIENT_PREVENT_REPL_PROP)
CLIENT_PENDING_WRITE = 1 << 21
CLIENT_REPLY_OFF = 1 << 22
CLIENT_REPLY_SKIP_NEXT = 1 << 23
CLIENT_REPLY_SKIP = 1 << 24
CLIENT_LUA_DEBUG = 1 << 25
CLIENT_LUA_DEBUG_SYNC = 1 << 26
CLIENT_MODULE = 1 << 27
CLIENT_PROTECTED = 1 << 28
CLIENT_PENDING_READ = 1 << 29
CLIENT_PENDING_COMMAND = 1 << 30
CLIENT_TRACKING = 1 << 31
CLIENT_TRACKING_BROKEN_REDIR = 1 << 32
CLIENT_TRACKING_BCAST = 1 << 33
CLIENT_TRACKING_OPTIN = 1 << 34
CLIENT_TRACKING_OPTOUT = 1 << 35
CLIENT_TRACKING_CACHING = 1 << 36
CLIENT_TRACKING_NOLOOP = 1 << 37
CLIENT_IN_TO_TABLE = 1 << 38
CLIENT_PROTOCOL_ERROR = 1 << 39
CLIENT_CLOSE_AFTER_COMMAND = 1 << 40
CLIENT_DENY_BLOCKING = 1 << 41
CLIENT_REPL_RDBONLY = 1 << 42
CLIENT_PUSHING = 1 << 43

# client.btype: the reason why a client is blocked
BLOCKED_NONE = 0
BLOCKED_LIST = 1
BLOCKED_WAIT = 2
BLOCKED_MODULE = 3
BLOCKED_STREAM = 4
BLOCKED_ZSET = 5
BLOCKED_PAUSE = 6
BLOCKED_NUM = 7

# client.reqtype
PROTO_REQ_INLINE = 1
PROTO_REQ_MULTIBULK = 2

# Client classes of client-output-buffer-limit
CLIENT_TYPE_NORMAL = 0
CLIENT_TYPE_SLAVE = 1
CLIENT_TYPE_PUBSUB = 2
CLIENT_TYPE_MASTER = 3
CLIENT_TYPE_COUNT = 4
CLIENT_TYPE_OBUF_COUNT = 3

# server.repl_state: the state machine of a replica (drawn in replication_slave.py)
REPL_STATE_NONE = 0
REPL_STATE_CONNECT = 1
REPL_STATE_CONNECTING = 2
REPL_STATE_RECEIVE_PING_REPLY = 3
REPL_STATE_SEND_HANDSHAKE = 4
REPL_STATE_RECEIVE_AUTH_REPLY = 5
REPL_STATE_RECEIVE_PORT_REPLY = 6
REPL_STATE_RECEIVE_IP_REPLY = 7
REPL_STATE_RECEIVE_CAPA_REPLY = 8
REPL_STATE_SEND_PSYNC = 9
REPL_STATE_RECEIVE_PSYNC_REPLY = 10
REPL_STATE_TRANSFER = 11
REPL_STATE_CONNECTED = 12

# server.failover_state: a FAILOVER command
NO_FAILOVER = 0
FAILOVER_WAIT_FOR_SYNC = 1
FAILOVER_IN_PROGRESS = 2

# client.replstate: a replica, seen by its master
SLAVE_STATE_WAIT_BGSAVE_START = 6
SLAVE_STATE_WAIT_BGSAVE_END = 7
SLAVE_STATE_SEND_BULK = 8
SLAVE_STATE_ONLINE = 9

# client.slave_capa, from REPLCONF capa
SLAVE_CAPA_NONE = 0
SLAVE_CAPA_EOF = 1 << 0
SLAVE_CAPA_PSYNC2 = 1 << 1

# Seconds for one synchronous read or write of the handshake
CONFIG_REPL_SYNCIO_TIMEOUT = 5

# Ends of lists and sorted sets
LIST_HEAD = 0
LIST_TAIL = 1
ZSET_MIN = 0
ZSET_MAX = 1

# SORT
SORT_OP_GET = 0

# server.verbosity, and the level of a log line
LL_DEBUG = 0
LL_VERBOSE = 1
LL_NOTICE = 2
LL_WARNING = 3
LL_RAW = 1 << 10

# Why writes are refused (writeCommandsDeniedByDiskError)
DISK_ERROR_TYPE_AOF = 1
DISK_ERROR_TYPE_RDB = 2
DISK_ERROR_TYPE_NONE = 0

# server.supervised_mode
SUPERVISED_NONE = 0
SUPERVISED_AUTODETECT = 1
SUPERVISED_SYSTEMD = 2
SUPERVISED_UPSTART = 3


# server.aof_fsync
AOF_FSYNC_NO = 0
AOF_FSYNC_ALWAYS = 1
AOF_FSYNC_EVERYSEC = 2

# server.repl_diskless_load
REPL_DISKLESS_LOAD_DISABLED = 0
REPL_DISKLESS_LOAD_WHEN_DB_EMPTY = 1
REPL_DISKLESS_LOAD_SWAPDB = 2

# server.tls_auth_clients
TLS_CLIENT_AUTH_NO = 0
TLS_CLIENT_AUTH_YES = 1
TLS_CLIENT_AUTH_OPTIONAL = 2

# server.sanitize_dump_payload
SANITIZE_DUMP_NO = 0
SANITIZE_DUMP_YES = 1
SANITIZE_DUMP_CLIENTS = 2

# Set operations
SET_OP_UNION = 0
SET_OP_DIFF = 1
SET_OP_INTER = 2

# server.oom_score_adj
OOM_SCORE_ADJ_NO = 0
OOM_SCORE_RELATIVE = 1
OOM_SCORE_ADJ_ABSOLUTE = 2

# server.maxmemory_policy: a number, and flags for properties that several policies share
MAXMEMORY_FLAG_LRU = 1 << 0
MAXMEMORY_FLAG_LFU = 1 << 1
MAXMEMORY_FLAG_ALLKEYS = 1 << 2
MAXMEMORY_FLAG_NO_SHARED_INTEGERS = (MAXMEMORY_FLAG_LRU | MAXMEMORY_FLAG_LFU)
MAXMEMORY_VOLATILE_LRU = ((0 << 8) | MAXMEMORY_FLAG_LRU)
MAXMEMORY_VOLATILE_LFU = ((1 << 8) | MAXMEMORY_FLAG_LFU)
MAXMEMORY_VOLATILE_TTL = (2 << 8)
MAXMEMORY_VOLATILE_RANDOM = (3 << 8)
MAXMEMORY_ALLKEYS_LRU = ((4 << 8) | MAXMEMORY_FLAG_LRU | MAXMEMORY_FLAG_ALLKEYS)
MAXMEMORY_ALLKEYS_LFU = ((5 << 8) | MAXMEMORY_FLAG_LFU | MAXMEMORY_FLAG_ALLKEYS)
MAXMEMORY_ALLKEYS_RANDOM = ((6 << 8) | MAXMEMORY_FLAG_ALLKEYS)
MAXMEMORY_NO_EVICTION = (7 << 8)

# Units
UNIT_SECONDS = 0
UNIT_MILLISECONDS = 1

# restartServer() flags
RESTART_SERVER_NONE = 0
RESTART_SERVER_GRACEFULLY = 1 << 0
RESTART_SERVER_CONFIG_REWRITE = 1 << 1

# SHUTDOWN flags
SHUTDOWN_NOFLAGS = 0
SHUTDOWN_SAVE = 1
SHUTDOWN_NOSAVE = 2

# Flags of call()
CMD_CALL_NONE = 0
CMD_CALL_SLOWLOG = 1 << 0
CMD_CALL_STATS = 1 << 1
CMD_CALL_PROPAGATE_AOF = 1 << 2
CMD_CALL_PROPAGATE_REPL = 1 << 3
CMD_CALL_PROPAGATE = (CMD_CALL_PROPAGATE_AOF | CMD_CALL_PROPAGATE_REPL)
CMD_CALL_FULL = (CMD_CALL_SLOWLOG | CMD_CALL_STATS | CMD_CALL_PROPAGATE)
CMD_CALL_NOWRAP = 1 << 4

# Targets of propagate()
PROPAGATE_NONE = 0
PROPAGATE_AOF = 1
PROPAGATE_REPL = 2

# server.client_pause_type; the larger, the stricter
CLIENT_PAUSE_OFF = 0
CLIENT_PAUSE_WRITE = 1
CLIENT_PAUSE_ALL = 2

# server.rdb_child_type
RDB_CHILD_TYPE_NONE = 0
RDB_CHILD_TYPE_DISK = 1
RDB_CHILD_TYPE_SOCKET = 2

# Classes of keyspace events, each with its letter in notify-keyspace-events
NOTIFY_KEYSPACE = 1 << 0
NOTIFY_KEYEVENT = 1 << 1
NOTIFY_GENERIC = 1 << 2
NOTIFY_STRING = 1 << 3
NOTIFY_LIST = 1 << 4
NOTIFY_SET = 1 << 5
NOTIFY_HASH = 1 << 6
NOTIFY_ZSET = 1 << 7
NOTIFY_EXPIRED = 1 << 8
NOTIFY_EVICTED = 1 << 9
NOTIFY_STREAM = 1 << 10
NOTIFY_KEY_MISS = 1 << 11
NOTIFY_LOADED = 1 << 12
NOTIFY_MODULE = 1 << 13
NOTIFY_ALL = (NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH | NOTIFY_ZSET | NOTIFY_EXPIRED
              | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE)

# robj.type
OBJ_STRING = 0
OBJ_LIST = 1
OBJ_SET = 2
OBJ_ZSET = 3
OBJ_HASH = 4

# robj.type, continued: 5 is never made here
OBJ_MODULE = 5
OBJ_STREAM = 6

# robj.encoding
OBJ_ENCODING_RAW = 0
OBJ_ENCODING_INT = 1
OBJ_ENCODING_HT = 2
OBJ_ENCODING_ZIPMAP = 3
OBJ_ENCODING_LINKEDLIST = 4
OBJ_ENCODING_ZIPLIST = 5
OBJ_ENCODING_INTSET = 6
OBJ_ENCODING_SKIPLIST = 7
OBJ_ENCODING_EMBSTR = 8
OBJ_ENCODING_QUICKLIST = 9
OBJ_ENCODING_STREAM = 10
LRU_BITS = 24
LRU_CLOCK_MAX = ((1 << LRU_BITS)-1)
LRU_CLOCK_RESOLUTION = 1000
OBJ_SHARED_REFCOUNT = 0x7fffffff
OBJ_STATIC_REFCOUNT = (0x7fffffff-1)
OBJ_FIRST_SPECIAL_REFCOUNT = OBJ_STATIC_REFCOUNT

# user.flags
USER_COMMAND_BITS_COUNT = 1024
USER_FLAG_ENABLED = 1 << 0
USER_FLAG_DISABLED = 1 << 1
USER_FLAG_ALLKEYS = 1 << 2
USER_FLAG_ALLCOMMANDS = 1 << 3
USER_FLAG_NOPASS = 1 << 4
USER_FLAG_ALLCHANNELS = 1 << 5
USER_FLAG_SANITIZE_PAYLOAD = 1 << 6
USER_FLAG_SANITIZE_PAYLOAD_SKIP = 1 << 7

# Ids of fake clients
CLIENT_ID_AOF = 0xffffffffffffffff

# server.child_type
CHILD_TYPE_NONE = 0
CHILD_TYPE_RDB = 1
CHILD_TYPE_AOF = 2
CHILD_TYPE_LDB = 3
CHILD_TYPE_MODULE = 4
CHILD_INFO_TYPE_CURRENT_INFO = 0
CHILD_INFO_TYPE_AOF_COW_SIZE = 1
CHILD_INFO_TYPE_RDB_COW_SIZE = 2
CHILD_INFO_TYPE_MODULE_COW_SIZE = 3
MAX_KEYS_BUFFER = 256
OBJ_HASH_KEY = 1
OBJ_HASH_VALUE = 2


# ---------------------------------------------------------------------------
# Objects and databases
# ---------------------------------------------------------------------------

class robj:
    """A value of the keyspace, or one argument of a command (C: redisObject).

    `ptr` by encoding: INT -> int; EMBSTR -> bytes; RAW -> bytes or bytearray; ZIPLIST, INTSET -> bytearray;
    HT -> dict_; QUICKLIST -> quicklist; SKIPLIST -> zset; STREAM -> stream.
    """
    # No __init__: in hot code (parser, createStringObject, RDB loader) one is created by robj() and five assignments,
    # which is the fastest way; elsewhere by new_robj().
    __slots__ = (
        "type",            # OBJ_*
        "encoding",        # OBJ_ENCODING_*
        "lru",             # 24 bits: LRU clock, or 16 bits of minutes + 8 bits of LFU counter
        "refcount",        # 1, or OBJ_SHARED_REFCOUNT; never counted (see docs/departures.md)
        "ptr",
    )

    def __repr__(self):
        return "<robj type=%d enc=%d %.40r>" % (self.type, self.encoding, self.ptr)


def new_robj(type_, encoding, ptr, lru=0):
    """Make a robj with all fields set."""
    o = robj()
    o.type = type_
    o.encoding = encoding
    o.lru = lru
    o.refcount = 1
    o.ptr = ptr
    return o


class clientReplyBlock:
    """One node of client.reply: replies that did not fit into client.buf."""
    __slots__ = ("size", "used", "buf")

    def __init__(self):
        self.size = 0              # bytes this block may hold
        self.used = 0              # bytes it holds; always len(buf)
        self.buf = bytearray()


class redisDb:
    """One numbered keyspace."""
    __slots__ = ("dict", "expires", "blocking_keys", "ready_keys", "watched_keys", "id", "avg_ttl",
                 "expires_cursor", "defrag_later")

    def __init__(self):
        self.dict = None           # bytes -> robj
        self.expires = None        # bytes -> int, ms of the wall clock
        self.blocking_keys = None  # key robj -> list_ of clients, in order of arrival
        self.ready_keys = None     # key robj -> None; members of server.ready_keys, for the membership test
        self.watched_keys = None   # key robj -> list_ of clients that WATCH it
        self.id = 0
        self.avg_ttl = 0           # ms, a running average for INFO
        self.expires_cursor = 0    # dictScan cursor of activeExpireCycle
        self.defrag_later = None   # never used: CPython objects do not move


# ---------------------------------------------------------------------------
# Clients
# ---------------------------------------------------------------------------

class multiCmd:
    """One command queued by MULTI."""
    __slots__ = ("argv", "argc", "cmd")

    def __init__(self):
        self.argv = None
        self.argc = 0
        self.cmd = None


class multiState:
    """The queue of a client between MULTI and EXEC."""
    __slots__ = ("commands", "count", "cmd_flags", "cmd_inv_flags")

    def __init__(self):
        self.commands = []         # list of multiCmd
        self.count = 0             # len(commands)
        self.cmd_flags = 0         # CMD_* flags seen in any of them
        self.cmd_inv_flags = 0     # CMD_* flags missing in at least one of them


class listPos:
    """Ends of the lists that BLMOVE reads from and writes to (LIST_HEAD, LIST_TAIL)."""
    __slots__ = ("wherefrom", "whereto")

    def __init__(self):
        self.wherefrom = 0
        self.whereto = 0


class blockingState:
    """What a blocked client waits for; which fields count depends on client.btype."""
    __slots__ = ("timeout", "keys", "target", "listpos", "xread_count", "xread_group", "xread_consumer",
                 "xread_group_noack", "numreplicas", "reploffset", "module_blocked_handle")

    def __init__(self):
        self.timeout = 0           # ms of the wall clock; 0 = forever
        # BLOCKED_LIST, BLOCKED_ZSET, BLOCKED_STREAM
        self.keys = None           # dict_: key robj -> bkinfo (see blocked.py)
        self.target = None         # robj: destination key of BLMOVE
        self.listpos = listPos()
        # BLOCKED_STREAM
        self.xread_count = 0
        self.xread_group = None    # robj
        self.xread_consumer = None  # robj
        self.xread_group_noack = 0
        # BLOCKED_WAIT
        self.numreplicas = 0
        self.reploffset = 0
        self.module_blocked_handle = None  # always None: no modules


class readyList:
    """A key of server.ready_keys: blocked clients may be served from it."""
    __slots__ = ("db", "key")

    def __init__(self, db, key):
        self.db = db
        self.key = key


class user:
    """An ACL user.  Written by acl.py only."""
    __slots__ = ("name", "flags", "allowed_commands", "allowed_subcommands", "passwords", "patterns", "channels")

    def __init__(self):
        self.name = b""
        self.flags = 0             # USER_FLAG_*
        self.allowed_commands = 0  # an int as bitmap: bit n = command id n (C: an array of uint64_t)
        self.allowed_subcommands = None  # dict: command id -> list of bytes; None = none
        self.passwords = None      # list_ of 64 hex digits (SHA-256), bytes
        self.patterns = None       # list_ of key patterns, bytes
        self.channels = None       # list_ of channel patterns, bytes


class client:
    """One connection, or a fake client (AOF, Lua, cached master).  C: struct client."""
    __slots__ = (
        "id", "conn", "resp", "db", "name", "querybuf", "qb_pos", "pending_querybuf", "querybuf_peak", "argc",
        "argv", "original_argc", "original_argv", "argv_len_sum", "cmd", "lastcmd", "user", "reqtype",
        "multibulklen", "bulklen", "reply", "reply_bytes", "deferred_reply_errors", "sentlen", "ctime",
        "duration", "lastinteraction", "obuf_soft_limit_reached_time", "flags", "authenticated", "replstate",
        "repl_put_online_on_ack", "repldbfd", "repldboff", "repldbsize", "replpreamble", "read_reploff",
        "reploff", "repl_ack_off", "repl_ack_time", "repl_last_partial_write", "psync_initial_offset",
        "replid", "slave_listening_port", "slave_addr", "slave_capa", "mstate", "btype", "bpop", "woff",
        "watched_keys", "pubsub_channels", "pubsub_patterns", "peerid", "sockname", "client_list_node",
        "clients_pending_write_node",
        "paused_list_node", "client_tracking_redirection", "client_tracking_prefixes",
        "client_cron_last_memory_usage", "client_cron_last_memory_type", "bufpos", "buf",
    )

    def __init__(self):
        self.id = 0
        self.conn = None           # connection; None for a fake client
        self.resp = 2              # 2 or 3
        self.db = None             # redisDb that SELECT chose
        self.name = None           # robj, CLIENT SETNAME
        # --- Query: written by [read]
        # Received and not parsed yet.  bytes, assigned and never changed in place; a bytearray only while an argument
        # of PROTO_MBULK_BIG_ARG or more comes in.
        self.querybuf = bytearray()
        self.qb_pos = 0            # offset in querybuf of the first byte not parsed
        self.pending_querybuf = None  # bytearray, masters only: received, not yet applied part of the stream
        self.querybuf_peak = 0     # bytes, recent peak (clientsCronResizeQueryBuffer)
        self.argc = 0
        self.argv = []             # list of robj
        self.original_argc = 0
        self.original_argv = None  # argv before a command rewrote it, for the slowlog; None = not rewritten
        self.argv_len_sum = 0      # bytes in argv
        self.cmd = None            # redisCommand in execution
        self.lastcmd = None
        self.user = None           # user; None = all commands allowed (fake clients, the master)
        self.reqtype = 0           # 0 = not known yet, PROTO_REQ_*
        self.multibulklen = 0      # arguments not received yet
        self.bulklen = -1          # bytes of the argument being read; -1 = its header was not received
        # --- Reply: written by [command], drained by [write]
        self.reply = None          # list_ of clientReplyBlock, after buf is full
        self.reply_bytes = 0       # sum of the sizes of the blocks in reply
        self.deferred_reply_errors = None
        self.sentlen = 0           # bytes already sent of buf, or of the first block of reply
        # --- Times, in seconds unless said otherwise
        self.ctime = 0
        self.duration = 0          # us, the running command; the sum of the parts of a blocking command
        self.lastinteraction = 0
        self.obuf_soft_limit_reached_time = 0  # 0 = below the soft limit
        self.flags = 0             # CLIENT_*
        self.authenticated = 0
        # --- Replication
        self.replstate = 0         # SLAVE_STATE_*, for a replica
        self.repl_put_online_on_ack = 0
        self.repldbfd = -1         # RDB file being sent
        self.repldboff = 0
        self.repldbsize = 0
        self.replpreamble = None   # bytes, "$<len>\\r\\n" before the RDB
        self.read_reploff = 0      # master: offset read from the socket
        self.reploff = 0           # master: offset applied
        self.repl_ack_off = 0      # replica: last REPLCONF ACK
        self.repl_ack_time = 0     # s
        self.repl_last_partial_write = 0
        self.psync_initial_offset = 0
        self.replid = b""          # 40 hex digits, masters only
        self.slave_listening_port = 0
        self.slave_addr = None     # str, REPLCONF ip-address
        self.slave_capa = 0        # SLAVE_CAPA_*
        # --- Session
        self.mstate = multiState()
        self.btype = 0             # BLOCKED_*
        self.bpop = blockingState()
        self.woff = 0              # master_repl_offset after the last write, for WAIT
        self.watched_keys = None   # list_ of watchedKey
        self.pubsub_channels = None  # dict_: channel robj -> None
        self.pubsub_patterns = None  # list_ of pattern robj
        self.peerid = None         # bytes "ip:port", cached
        self.sockname = None       # bytes "ip:port", cached
        self.client_list_node = None  # listNode in server.clients
        self.clients_pending_write_node = None  # ours: listNode for server.clients_pending_write; linkClient makes it
        self.paused_list_node = None  # listNode in server.paused_clients
        self.client_tracking_redirection = 0  # client id, 0 = none
        self.client_tracking_prefixes = None  # rax, BCAST mode
        self.client_cron_last_memory_usage = 0  # bytes
        self.client_cron_last_memory_type = 0   # CLIENT_TYPE_*
        # --- Fixed reply buffer
        self.bufpos = 0            # bytes in buf; always len(buf)
        self.buf = bytearray()     # up to PROTO_REPLY_CHUNK_BYTES

    def __repr__(self):
        return "<client id=%d flags=%#x>" % (self.id, self.flags)


# ---------------------------------------------------------------------------
# Commands and their propagation
# ---------------------------------------------------------------------------

class redisCommand:
    """One row of the command table."""
    __slots__ = ("name", "proc", "arity", "sflags", "flags", "getkeys_proc", "firstkey", "lastkey", "keystep",
                 "microseconds", "calls", "rejected_calls", "failed_calls", "id")

    def __init__(self, name, proc, arity, sflags, getkeys_proc, firstkey, lastkey, keystep):
        self.name = name           # bytes, lower case
        self.proc = proc           # proc(c)
        self.arity = arity         # n = exactly n arguments with the name; -n = at least n
        self.sflags = sflags       # flags as words, "write use-memory @string"
        self.flags = 0             # CMD_*, from sflags by populateCommandTableParseFlags
        self.getkeys_proc = getkeys_proc  # proc(cmd, argv, argc) -> list of positions, or None
        self.firstkey = firstkey   # argv position of the first key; 0 = none
        self.lastkey = lastkey     # of the last one; -1 = last argument
        self.keystep = keystep     # distance between keys
        self.microseconds = 0      # total us in proc
        self.calls = 0
        self.rejected_calls = 0    # refused before proc
        self.failed_calls = 0      # proc replied an error
        self.id = 0                # bit of user.allowed_commands

    def __repr__(self):
        return "<redisCommand %s>" % self.name.decode("latin-1")


class redisError:
    """How often an error prefix was replied (INFO errorstats)."""
    __slots__ = ("count",)

    def __init__(self, count=0):
        self.count = count


class redisOp:
    """One operation that alsoPropagate() queued."""
    __slots__ = ("argv", "argc", "dbid", "target", "cmd")

    def __init__(self, cmd, dbid, argv, target):
        self.argv = argv
        self.argc = len(argv)
        self.dbid = dbid
        self.target = target       # PROPAGATE_*
        self.cmd = cmd


class redisOpArray:
    __slots__ = ("ops", "numops")

    def __init__(self):
        self.ops = None            # list of redisOp; None = none yet
        self.numops = 0            # len(ops)


# ---------------------------------------------------------------------------
# Small structs of the server's state
# ---------------------------------------------------------------------------

class sentinelLoadQueueEntry:
    """A `sentinel` line of the config file that waits until all lines are read."""
    __slots__ = ("argc", "argv", "linenum", "line")

    def __init__(self, argv, linenum, line):
        self.argc = len(argv)
        self.argv = argv           # list of bytes, without the word `sentinel`
        self.linenum = linenum     # for the error text
        self.line = line           # bytes, the whole line


class sentinelConfig:
    """The lines in the three rounds in which they are applied."""
    __slots__ = ("pre_monitor_cfg", "monitor_cfg", "post_monitor_cfg")

    def __init__(self):
        self.pre_monitor_cfg = None        # list_ of sentinelLoadQueueEntry
        self.monitor_cfg = None
        self.post_monitor_cfg = None


class saveparam:
    """A `save <seconds> <changes>` point."""
    __slots__ = ("seconds", "changes")

    def __init__(self, seconds, changes):
        self.seconds = seconds
        self.changes = changes


class clientBufferLimitsConfig:
    """Output buffer limits of one client class; 0 = no limit."""
    __slots__ = ("hard_limit_bytes", "soft_limit_bytes", "soft_limit_seconds")

    def __init__(self, hard_limit_bytes=0, soft_limit_bytes=0, soft_limit_seconds=0):
        self.hard_limit_bytes = hard_limit_bytes
        self.soft_limit_bytes = soft_limit_bytes
        self.soft_limit_seconds = soft_limit_seconds


class rdbSaveInfo:
    """Replication facts that travel in the RDB's aux fields (C: RDB_SAVE_INFO_INIT)."""
    __slots__ = ("repl_stream_db", "repl_id_is_set", "repl_id", "repl_offset")

    def __init__(self):
        self.repl_stream_db = -1   # db to select for server.master
        self.repl_id_is_set = 0    # loading only
        self.repl_id = b"0" * CONFIG_RUN_ID_SIZE
        self.repl_offset = -1


class malloc_stats:
    """Memory figures sampled by serverCron, bytes."""
    __slots__ = ("zmalloc_used", "process_rss", "allocator_allocated", "allocator_active", "allocator_resident")

    def __init__(self):
        self.zmalloc_used = 0
        self.process_rss = 0
        self.allocator_allocated = 0
        self.allocator_active = 0
        self.allocator_resident = 0


class socketFds:
    """Listening sockets of one kind."""
    __slots__ = ("fd", "count")

    def __init__(self):
        self.fd = []               # file descriptors; -1 = not listening
        self.count = 0             # len(fd)


class instMetric:
    """Ring of samples behind instantaneous_* in INFO."""
    __slots__ = ("last_sample_time", "last_sample_count", "samples", "idx")

    def __init__(self):
        self.last_sample_time = 0  # ms
        self.last_sample_count = 0
        self.samples = [0] * STATS_METRIC_SAMPLES
        self.idx = 0


class redisMemOverhead:
    """Result of getMemoryOverheadData(), bytes unless named otherwise."""
    __slots__ = ("peak_allocated", "total_allocated", "startup_allocated", "repl_backlog", "clients_slaves",
                 "clients_normal", "aof_buffer", "lua_caches", "overhead_total", "dataset", "total_keys",
                 "bytes_per_key", "dataset_perc", "peak_perc", "total_frag", "total_frag_bytes",
                 "allocator_frag", "allocator_frag_bytes", "allocator_rss", "allocator_rss_bytes", "rss_extra",
                 "rss_extra_bytes", "num_dbs", "db")

    def __init__(self):
        for name in self.__slots__:
            setattr(self, name, 0)
        self.db = []               # list of (dbid, overhead_ht_main, overhead_ht_expires)


class redisTLSContextConfig:
    __slots__ = ("cert_file", "key_file", "key_file_pass", "client_cert_file", "client_key_file",
                 "client_key_file_pass", "dh_params_file", "ca_cert_file", "ca_cert_dir", "protocols", "ciphers",
                 "ciphersuites", "prefer_server_ciphers", "session_caching", "session_cache_size",
                 "session_cache_timeout")

    def __init__(self):
        self.cert_file = None
        self.key_file = None
        self.key_file_pass = None
        self.client_cert_file = None
        self.client_key_file = None
        self.client_key_file_pass = None
        self.dh_params_file = None
        self.ca_cert_file = None
        self.ca_cert_dir = None
        self.protocols = None
        self.ciphers = None
        self.ciphersuites = None
        self.prefer_server_ciphers = 0
        self.session_caching = 1
        self.session_cache_size = 20 * 1024
        self.session_cache_timeout = 300


class sharedObjectsStruct:
    """Replies and words that are made once (createSharedObjects); every field is an robj or a list of them."""
    __slots__ = (
        "crlf", "ok", "err", "emptybulk", "czero", "cone", "pong", "space", "colon", "queued", "null",
        "nullarray", "emptymap", "emptyset", "emptyarray", "wrongtypeerr", "nokeyerr", "syntaxerr",
        "sameobjecterr", "outofrangeerr", "noscripterr", "loadingerr", "slowscripterr", "bgsaveerr",
        "masterdownerr", "roslaveerr", "execaborterr", "noautherr", "noreplicaserr", "busykeyerr", "oomerr",
        "plus", "messagebulk", "pmessagebulk", "subscribebulk", "unsubscribebulk", "psubscribebulk",
        "punsubscribebulk", "del_", "unlink", "rpop", "lpop", "lpush", "rpoplpush", "lmove", "blmove",
        "zpopmin", "zpopmax", "emptyscan", "multi", "exec", "left", "right", "hset", "srem", "xgroup",
        "xclaim", "script", "replconf", "eval", "persist", "set", "pexpireat", "pexpire", "time", "pxat", "px",
        "retrycount", "force", "justid", "lastid", "ping", "setid", "keepttl", "load", "createconsumer",
        "getack", "special_asterick", "special_equals", "default_username", "redacted", "select", "integers",
        "mbulkhdr", "bulkhdr", "maphdr", "sethdr", "minstring", "maxstring",
    )

    def __init__(self):
        for name in self.__slots__:
            setattr(self, name, None)


# ---------------------------------------------------------------------------
# The one server
# ---------------------------------------------------------------------------

class redisServer:
    """The state of the server, one object for the life of the process.  Who may write a field is said by its section."""
    __slots__ = (
        "pid", "main_thread_id", "configfile", "executable", "exec_argv", "dynamic_hz", "config_hz", "umask", "hz",
        "in_fork_child", "db", "commands", "orig_commands", "el", "errors", "lruclock", "shutdown_asap",
        "activerehashing", "active_defrag_running", "pidfile", "arch_bits", "cronloops", "runid", "sentinel_mode",
        "initial_memory_usage", "always_show_logo", "in_eval", "in_exec", "propagate_in_transaction",
        "ignore_warnings", "client_pause_in_transaction", "moduleapi", "sharedapi", "loadmodule_queue",
        "module_blocked_pipe", "child_pid", "child_type", "module_client", "port", "tls_port", "tcp_backlog",
        "bindaddr", "bindaddr_count", "unixsocket", "unixsocketperm", "ipfd", "tlsfd", "sofd", "cfd", "clients",
        "clients_to_close", "clients_pending_write", "clients_pending_read", "slaves", "monitors", "current_client",
        "clients_timeout_table", "fixed_time_expire", "in_nested_call", "clients_index", "client_pause_type",
        "paused_clients", "client_pause_end_time", "neterr", "migrate_cached_sockets", "next_client_id",
        "protected_mode", "gopher_enabled", "io_threads_num", "io_threads_do_reads", "io_threads_active", "fast_path",
        "events_processed_while_blocked", "loading", "loading_total_bytes", "loading_rdb_used_mem",
        "loading_loaded_bytes", "loading_start_time", "loading_process_events_interval_bytes", "delCommand",
        "multiCommand", "lpushCommand", "lpopCommand", "rpopCommand", "zpopminCommand", "zpopmaxCommand",
        "sremCommand", "execCommand", "expireCommand", "pexpireCommand", "xclaimCommand", "xgroupCommand",
        "rpoplpushCommand", "lmoveCommand", "stat_starttime", "stat_numcommands", "stat_numconnections",
        "stat_expiredkeys", "stat_expired_stale_perc", "stat_expired_time_cap_reached_count",
        "stat_expire_cycle_time_used", "stat_evictedkeys", "stat_keyspace_hits", "stat_keyspace_misses",
        "stat_active_defrag_hits", "stat_active_defrag_misses", "stat_active_defrag_key_hits",
        "stat_active_defrag_key_misses", "stat_active_defrag_scanned", "stat_peak_memory", "stat_fork_time",
        "stat_fork_rate", "stat_total_forks", "stat_rejected_conn", "stat_sync_full", "stat_sync_partial_ok",
        "stat_sync_partial_err", "slowlog", "slowlog_entry_id", "slowlog_log_slower_than", "slowlog_max_len",
        "cron_malloc_stats", "stat_net_input_bytes", "stat_net_output_bytes", "stat_current_cow_bytes",
        "stat_current_cow_updated", "stat_current_save_keys_processed", "stat_current_save_keys_total",
        "stat_rdb_cow_bytes", "stat_aof_cow_bytes", "stat_module_cow_bytes", "stat_module_progress",
        "stat_clients_type_memory", "stat_unexpected_error_replies", "stat_total_error_replies",
        "stat_dump_payload_sanitizations", "stat_io_reads_processed", "stat_io_writes_processed",
        "stat_total_reads_processed", "stat_total_writes_processed", "inst_metric", "verbosity", "maxidletime",
        "tcpkeepalive", "active_expire_enabled", "active_expire_effort", "active_defrag_enabled",
        "sanitize_dump_payload", "skip_checksum_validation", "jemalloc_bg_thread", "active_defrag_ignore_bytes",
        "active_defrag_threshold_lower", "active_defrag_threshold_upper", "active_defrag_cycle_min",
        "active_defrag_cycle_max", "active_defrag_max_scan_fields", "client_max_querybuf_len", "dbnum", "supervised",
        "supervised_mode", "daemonize", "set_proc_title", "proc_title_template", "client_obuf_limits", "pause_cron",
        "aof_enabled", "aof_state", "aof_fsync", "aof_filename", "aof_no_fsync_on_rewrite", "aof_rewrite_perc",
        "aof_rewrite_min_size", "aof_rewrite_base_size", "aof_current_size", "aof_fsync_offset", "aof_flush_sleep",
        "aof_rewrite_scheduled", "aof_rewrite_buf_blocks", "aof_buf", "aof_fd", "aof_selected_db",
        "aof_flush_postponed_start", "aof_last_fsync", "aof_rewrite_time_last", "aof_rewrite_time_start",
        "aof_lastbgrewrite_status", "aof_delayed_fsync", "aof_rewrite_incremental_fsync",
        "rdb_save_incremental_fsync", "aof_last_write_status", "aof_last_write_errno", "aof_load_truncated",
        "aof_use_rdb_preamble", "aof_bio_fsync_status", "aof_bio_fsync_errno", "aof_pipe_write_data_to_child",
        "aof_pipe_read_data_from_parent", "aof_pipe_write_ack_to_parent", "aof_pipe_read_ack_from_child",
        "aof_pipe_write_ack_to_child", "aof_pipe_read_ack_from_parent", "aof_stop_sending_diff", "aof_child_diff",
        "dirty", "dirty_before_bgsave", "saveparams", "saveparamslen", "rdb_filename", "rdb_compression",
        "rdb_checksum", "rdb_del_sync_files", "lastsave", "lastbgsave_try", "rdb_save_time_last",
        "rdb_save_time_start", "rdb_bgsave_scheduled", "rdb_child_type", "lastbgsave_status",
        "stop_writes_on_bgsave_err", "rdb_pipe_read", "rdb_child_exit_pipe", "rdb_pipe_conns", "rdb_pipe_numconns",
        "rdb_pipe_numconns_writing", "rdb_pipe_buff", "rdb_pipe_bufflen", "rdb_key_save_delay", "key_load_delay",
        "child_info_pipe", "child_info_nread", "also_propagate", "replication_allowed", "logfile", "syslog_enabled",
        "syslog_ident", "syslog_facility", "crashlog_enabled", "memcheck_enabled", "use_exit_on_panic", "replid",
        "replid2", "master_repl_offset", "second_replid_offset", "slaveseldb", "repl_ping_slave_period",
        "repl_backlog", "repl_backlog_size", "repl_backlog_histlen", "repl_backlog_idx", "repl_backlog_off",
        "repl_backlog_time_limit", "repl_no_slaves_since", "repl_min_slaves_to_write", "repl_min_slaves_max_lag",
        "repl_good_slaves_count", "repl_diskless_sync", "repl_diskless_load", "repl_diskless_sync_delay",
        "masteruser", "masterauth", "masterhost", "masterport", "repl_timeout", "master", "cached_master",
        "repl_syncio_timeout", "repl_state", "repl_transfer_size", "repl_transfer_read",
        "repl_transfer_last_fsync_off", "repl_transfer_s", "repl_transfer_fd", "repl_transfer_tmpfile",
        "repl_transfer_lastio", "repl_serve_stale_data", "repl_slave_ro", "repl_slave_ignore_maxmemory",
        "repl_down_since", "repl_disable_tcp_nodelay", "slave_priority", "replica_announced", "slave_announce_port",
        "slave_announce_ip", "master_replid", "master_initial_offset", "repl_slave_lazy_flush",
        "repl_scriptcache_dict", "repl_scriptcache_fifo", "repl_scriptcache_size", "clients_waiting_acks",
        "get_ack_from_slaves", "maxclients", "maxmemory", "maxmemory_policy", "maxmemory_samples",
        "maxmemory_eviction_tenacity", "lfu_log_factor", "lfu_decay_time", "proto_max_bulk_len", "oom_score_adj_base",
        "oom_score_adj_values", "oom_score_adj", "disable_thp", "blocked_clients", "blocked_clients_by_type",
        "unblocked_clients", "ready_keys", "tracking_clients", "tracking_table_max_keys", "tracking_pending_keys",
        "sort_desc", "sort_alpha", "sort_bypattern", "sort_store", "hash_max_ziplist_entries",
        "hash_max_ziplist_value", "set_max_intset_entries", "zset_max_ziplist_entries", "zset_max_ziplist_value",
        "hll_sparse_max_bytes", "stream_node_max_bytes", "stream_node_max_entries", "list_max_ziplist_size",
        "list_compress_depth", "unixtime", "timezone", "daylight_active", "mstime", "ustime", "blocking_op_nesting",
        "blocked_last_cron", "pubsub_channels", "pubsub_patterns", "notify_keyspace_events", "cluster_enabled",
        "cluster_node_timeout", "cluster_configfile", "cluster", "cluster_migration_barrier",
        "cluster_allow_replica_migration", "cluster_slave_validity_factor", "cluster_require_full_coverage",
        "cluster_slave_no_failover", "cluster_announce_ip", "cluster_announce_port", "cluster_announce_tls_port",
        "cluster_announce_bus_port", "cluster_module_flags", "cluster_allow_reads_when_down",
        "cluster_config_file_lock_fd", "lua", "lua_client", "lua_caller", "lua_cur_script", "lua_scripts",
        "lua_scripts_mem", "lua_time_limit", "lua_time_start", "lua_time_snapshot", "lua_write_dirty",
        "lua_random_dirty", "lua_replicate_commands", "lua_multi_emitted", "lua_repl", "lua_timedout", "lua_kill",
        "lua_always_replicate_commands", "lua_oom", "lazyfree_lazy_eviction", "lazyfree_lazy_expire",
        "lazyfree_lazy_server_del", "lazyfree_lazy_user_del", "lazyfree_lazy_user_flush", "latency_monitor_threshold",
        "latency_events", "acl_filename", "acllog_max_len", "requirepass", "acl_pubsub_default", "watchdog_period",
        "system_memory_size", "tls_cluster", "tls_replication", "tls_auth_clients", "tls_ctx_config",
        "server_cpulist", "bio_cpulist", "aof_rewrite_cpulist", "bgsave_cpulist", "sentinel_config",
        "failover_end_time", "force_failover", "target_replica_host", "target_replica_port", "failover_state",
    )

    def __init__(self):
        # --- General
        self.pid = 0                          # process id, of the child in a child
        self.main_thread_id = 0               # threading.get_ident() of the main thread
        self.configfile = None                # str, absolute path, or None
        self.executable = None                # str, absolute path
        self.exec_argv = None                 # list of str, for restartServer
        self.dynamic_hz = 0                   # 1 = raise hz with the number of clients
        self.config_hz = 0                    # 1..500, as configured; hz may be higher
        self.umask = 0                        # of the process at start
        self.hz = 0                           # calls of serverCron a second
        self.in_fork_child = 0                # CHILD_TYPE_* in a child, else 0
        self.db = None                        # list of redisDb
        self.commands = None                  # dict_: name -> redisCommand, after renaming
        self.orig_commands = None             # dict_: name -> redisCommand, before renaming
        self.el = None                        # aeEventLoop
        self.errors = None                    # rax: error prefix -> redisError
        self.lruclock = 0                     # 24 bits, LRU_CLOCK_RESOLUTION ms a tick; refreshed by cron
        self.shutdown_asap = 0                # 1 = a signal requested a shutdown; serverCron does it
        self.activerehashing = 0              # 1 = rehash in cron too
        self.active_defrag_running = 0        # always 0
        self.pidfile = None                   # str or None
        self.arch_bits = 0                    # 64 or 32
        self.cronloops = 0                    # calls of serverCron
        self.runid = b"0" * CONFIG_RUN_ID_SIZE  # 40 hex digits, new at every start
        self.sentinel_mode = 0                # 1 = this process is a Sentinel
        self.initial_memory_usage = 0         # bytes after initServer
        self.always_show_logo = 0             # 1 = log the ASCII art even if the output is not a terminal
        self.in_eval = 0                      # 1 inside EVAL
        self.in_exec = 0                      # 1 inside EXEC
        self.propagate_in_transaction = 0     # 1 = MULTI has been propagated for the running command
        self.ignore_warnings = None           # str: start-up warnings to ignore
        self.client_pause_in_transaction = 0  # 1 = this EXEC contained CLIENT PAUSE
        # --- Modules
        self.moduleapi = None
        self.sharedapi = None
        self.loadmodule_queue = None
        self.module_blocked_pipe = [-1, -1]
        self.child_pid = -1                   # of the one active child; -1 = none
        self.child_type = 0                   # CHILD_TYPE_*
        self.module_client = None
        # --- Networking
        self.port = 0                         # 0 = no TCP
        self.tls_port = 0                     # 0 = no TLS
        self.tcp_backlog = 0                  # of listen(2)
        self.bindaddr = []                    # list of str; "-addr" may be missing on this host
        self.bindaddr_count = 0               # len(bindaddr)
        self.unixsocket = None                # str or None
        self.unixsocketperm = 0               # octal mode; 0 = do not change it
        self.ipfd = socketFds()
        self.tlsfd = socketFds()
        self.sofd = -1                        # -1 = no unix socket
        self.cfd = socketFds()
        self.clients = None                   # list_ of client
        self.clients_to_close = None          # list_ of client, freed by beforeSleep
        self.clients_pending_write = None     # list_ of client with a reply and no handler yet
        self.clients_pending_read = None      # list_ of client for the IO threads
        self.slaves = None                    # list_ of client
        self.monitors = None                  # list_ of client
        self.current_client = None            # client whose command runs; None outside
        self.clients_timeout_table = None     # rax, see timeout.py
        self.fixed_time_expire = 0            # > 0: keys expire by server.mstime (a script or command sees one time)
        self.in_nested_call = 0               # depth of call() inside call()
        self.clients_index = None             # rax: 8-byte id -> client
        self.client_pause_type = 0            # CLIENT_PAUSE_*
        self.paused_clients = None            # list_ of client postponed by CLIENT PAUSE
        self.client_pause_end_time = 0        # ms
        self.neterr = ""                      # str: last error of anet.py
        self.migrate_cached_sockets = None    # dict_: b"host:port" -> migrateCachedSocket
        self.next_client_id = 0               # the next one, from 1
        self.protected_mode = 0               # 1 = loopback only while there is no password and no bind
        self.gopher_enabled = 0               # 1 = reply to gopher requests
        self.io_threads_num = 0               # 1..128, main included
        self.io_threads_do_reads = 0          # 1 = they read and parse too
        self.io_threads_active = 0            # 1 = running
        self.fast_path = 0                    # ours: 1 = server/fastpath is to be bound
        self.events_processed_while_blocked = 0  # counter of processEventsWhileBlocked
        # --- RDB / AOF loading information
        self.loading = 0                      # 1 = a data file is being loaded
        self.loading_total_bytes = 0          # size of the file; 0 = not known
        self.loading_rdb_used_mem = 0         # bytes, from the file's aux field
        self.loading_loaded_bytes = 0         # so far
        self.loading_start_time = 0           # s
        self.loading_process_events_interval_bytes = 0  # serve clients every time this many bytes were loaded
        # --- Fast pointers to often looked up command
        self.delCommand = None
        self.multiCommand = None
        self.lpushCommand = None
        self.lpopCommand = None
        self.rpopCommand = None
        self.zpopminCommand = None
        self.zpopmaxCommand = None
        self.sremCommand = None
        self.execCommand = None
        self.expireCommand = None
        self.pexpireCommand = None
        self.xclaimCommand = None
        self.xgroupCommand = None
        self.rpoplpushCommand = None
        self.lmoveCommand = None
        # --- Fields used only for stats
        self.stat_starttime = 0               # s
        self.stat_numcommands = 0             # commands executed
        self.stat_numconnections = 0          # connections accepted
        self.stat_expiredkeys = 0             # keys that expired
        self.stat_expired_stale_perc = 0.0    # percent, estimated share of expired keys
        self.stat_expired_time_cap_reached_count = 0  # expire cycles stopped by the clock
        self.stat_expire_cycle_time_used = 0  # us
        self.stat_evictedkeys = 0             # keys evicted by maxmemory
        self.stat_keyspace_hits = 0           # look-ups for reading that found the key
        self.stat_keyspace_misses = 0         # and those that did not
        self.stat_active_defrag_hits = 0
        self.stat_active_defrag_misses = 0
        self.stat_active_defrag_key_hits = 0
        self.stat_active_defrag_key_misses = 0
        self.stat_active_defrag_scanned = 0
        self.stat_peak_memory = 0             # bytes, sampled
        self.stat_fork_time = 0               # us, the last fork
        self.stat_fork_rate = 0.0             # GB/s
        self.stat_total_forks = 0             # since start
        self.stat_rejected_conn = 0           # refused for maxclients
        self.stat_sync_full = 0               # full resynchronisations served
        self.stat_sync_partial_ok = 0         # partial ones served
        self.stat_sync_partial_err = 0        # partial ones refused
        self.slowlog = None                   # list_ of slowlogEntry, newest first
        self.slowlog_entry_id = 0             # of the next entry
        self.slowlog_log_slower_than = 0      # us; -1 = off
        self.slowlog_max_len = 0              # entries kept
        self.cron_malloc_stats = malloc_stats()
        self.stat_net_input_bytes = 0         # read from clients
        self.stat_net_output_bytes = 0        # written to clients
        self.stat_current_cow_bytes = 0       # of the active child
        self.stat_current_cow_updated = 0     # us, monotonic
        self.stat_current_save_keys_processed = 0  # by the active child
        self.stat_current_save_keys_total = 0  # when it started
        self.stat_rdb_cow_bytes = 0           # of the last RDB child
        self.stat_aof_cow_bytes = 0           # of the last AOF child
        self.stat_module_cow_bytes = 0        # always 0
        self.stat_module_progress = 0.0       # always 0
        self.stat_clients_type_memory = [0] * CLIENT_TYPE_COUNT  # bytes by CLIENT_TYPE_*
        self.stat_unexpected_error_replies = 0  # errors to a master or while loading
        self.stat_total_error_replies = 0     # all error replies
        self.stat_dump_payload_sanitizations = 0  # payloads checked in depth
        self.stat_io_reads_processed = 0      # by IO threads
        self.stat_io_writes_processed = 0     # by IO threads
        self.stat_total_reads_processed = 0   # read events
        self.stat_total_writes_processed = 0  # write events
        self.inst_metric = [instMetric() for _ in range(STATS_METRIC_COUNT)]  # by STATS_METRIC_*
        # --- Configuration
        self.verbosity = 0                    # LL_*
        self.maxidletime = 0                  # s; 0 = never close idle clients
        self.tcpkeepalive = 0                 # s; 0 = off
        self.active_expire_enabled = 0        # 0 = DEBUG SET-ACTIVE-EXPIRE 0
        self.active_expire_effort = 0         # 1..10
        self.active_defrag_enabled = 0        # always 0
        self.sanitize_dump_payload = 0        # SANITIZE_DUMP_*
        self.skip_checksum_validation = 0     # 1 = DEBUG SET-SKIP-CHECKSUM-VALIDATION
        self.jemalloc_bg_thread = 0
        self.active_defrag_ignore_bytes = 0
        self.active_defrag_threshold_lower = 0
        self.active_defrag_threshold_upper = 0
        self.active_defrag_cycle_min = 0
        self.active_defrag_cycle_max = 0
        self.active_defrag_max_scan_fields = 0
        self.client_max_querybuf_len = 0      # bytes
        self.dbnum = 0                        # databases
        self.supervised = 0                   # 1 = started under a supervisor
        self.supervised_mode = 0              # SUPERVISED_*
        self.daemonize = 0                    # 1 = in the background
        self.set_proc_title = 0               # 1 = change the process title
        self.proc_title_template = None       # str
        self.client_obuf_limits = [clientBufferLimitsConfig() for _ in range(CLIENT_TYPE_OBUF_COUNT)]  # by CLIENT_TYPE_*
        self.pause_cron = 0                   # 1 = DEBUG PAUSE-CRON
        # --- AOF persistence
        self.aof_enabled = 0                  # as configured
        self.aof_state = 0                    # AOF_OFF, AOF_ON, AOF_WAIT_REWRITE
        self.aof_fsync = 0                    # AOF_FSYNC_*
        self.aof_filename = None              # str
        self.aof_no_fsync_on_rewrite = 0      # 1 = no fsync while a child writes
        self.aof_rewrite_perc = 0             # percent of growth; 0 = off
        self.aof_rewrite_min_size = 0         # bytes
        self.aof_rewrite_base_size = 0        # bytes after the last rewrite or at start
        self.aof_current_size = 0             # bytes
        self.aof_fsync_offset = 0             # bytes known to be on disk
        self.aof_flush_sleep = 0              # us, DEBUG AOF-FLUSH-SLEEP
        self.aof_rewrite_scheduled = 0        # 1 = rewrite when the BGSAVE ends
        self.aof_rewrite_buf_blocks = None    # list_ of blocks: commands executed during the rewrite
        self.aof_buf = bytearray()            # commands not written yet; flushed before the loop sleeps
        self.aof_fd = -1                      # -1 = closed
        self.aof_selected_db = 0              # -1 = the next command needs a SELECT
        self.aof_flush_postponed_start = 0    # s; 0 = not postponed
        self.aof_last_fsync = 0               # s
        self.aof_rewrite_time_last = 0        # s; -1 = none yet
        self.aof_rewrite_time_start = 0       # s; -1 = none running
        self.aof_lastbgrewrite_status = 0     # C_OK, C_ERR
        self.aof_delayed_fsync = 0            # writes that waited behind an fsync
        self.aof_rewrite_incremental_fsync = 0  # 1 = fsync every 32 MB
        self.rdb_save_incremental_fsync = 0   # 1 = fsync every 32 MB
        self.aof_last_write_status = 0        # C_OK, C_ERR: writes are refused
        self.aof_last_write_errno = 0         # if C_ERR
        self.aof_load_truncated = 0           # 1 = load a truncated file and start
        self.aof_use_rdb_preamble = 0         # 1 = a rewrite starts with an RDB
        self.aof_bio_fsync_status = 0         # C_OK, C_ERR; written by bio_aof_fsync
        self.aof_bio_fsync_errno = 0          # written by bio_aof_fsync
        # --- AOF pipes used to communicate between parent and child during rewrite
        self.aof_pipe_write_data_to_child = 0
        self.aof_pipe_read_data_from_parent = 0
        self.aof_pipe_write_ack_to_parent = 0
        self.aof_pipe_read_ack_from_child = 0
        self.aof_pipe_write_ack_to_child = 0
        self.aof_pipe_read_ack_from_parent = 0
        self.aof_stop_sending_diff = 0        # 1 = the child asked to stop
        self.aof_child_diff = bytearray()     # in the child: data received from the parent
        # --- RDB persistence
        self.dirty = 0                        # changes since the last save
        self.dirty_before_bgsave = 0          # to restore dirty when a BGSAVE fails
        self.saveparams = []                  # list of saveparam
        self.saveparamslen = 0                # len(saveparams)
        self.rdb_filename = None              # str
        self.rdb_compression = 0              # 1 = LZF
        self.rdb_checksum = 0                 # 1 = CRC-64
        self.rdb_del_sync_files = 0           # 1 = remove RDBs made for replication only
        self.lastsave = 0                     # s
        self.lastbgsave_try = 0               # s
        self.rdb_save_time_last = 0           # s; -1 = none yet
        self.rdb_save_time_start = 0          # s; -1 = none running
        self.rdb_bgsave_scheduled = 0         # 1 = BGSAVE when the rewrite ends
        self.rdb_child_type = 0               # RDB_CHILD_TYPE_*
        self.lastbgsave_status = 0            # C_OK, C_ERR
        self.stop_writes_on_bgsave_err = 0    # 1 = MISCONF while C_ERR
        self.rdb_pipe_read = 0                # parent's end of the diskless child's pipe
        self.rdb_child_exit_pipe = 0          # closed by the parent to let the child exit
        self.rdb_pipe_conns = None            # list of connection: targets of the diskless child
        self.rdb_pipe_numconns = 0            # len(rdb_pipe_conns)
        self.rdb_pipe_numconns_writing = 0    # targets whose socket buffer is full
        self.rdb_pipe_buff = None             # bytes read from the pipe and being sent
        self.rdb_pipe_bufflen = 0             # len(rdb_pipe_buff)
        self.rdb_key_save_delay = 0           # us per key, for tests; negative: one us per that many keys
        self.key_load_delay = 0               # likewise, while loading
        # --- Pipe and data structures for child -> parent info sharing
        self.child_info_pipe = [-1, -1]
        self.child_info_nread = 0             # bytes of a message already read
        # --- Propagation of commands in AOF / replication
        self.also_propagate = redisOpArray()
        self.replication_allowed = 0          # 0 = propagation is disabled
        # --- Logging
        self.logfile = None                   # str; "" = stdout
        self.syslog_enabled = 0
        self.syslog_ident = None              # str
        self.syslog_facility = 0              # LOG_*
        self.crashlog_enabled = 0
        self.memcheck_enabled = 0
        self.use_exit_on_panic = 0
        # --- Replication (master)
        self.replid = b"0" * CONFIG_RUN_ID_SIZE  # 40 hex digits
        self.replid2 = b"0" * CONFIG_RUN_ID_SIZE  # the history that this one continues
        self.master_repl_offset = 0           # bytes of replication stream so far
        self.second_replid_offset = 0         # replid2 is valid up to here; -1 = not
        self.slaveseldb = 0                   # database selected in the stream; -1 = SELECT needed
        self.repl_ping_slave_period = 0       # s
        self.repl_backlog = None              # bytearray used as a ring, or None
        self.repl_backlog_size = 0            # bytes
        self.repl_backlog_histlen = 0         # bytes of it that hold data
        self.repl_backlog_idx = 0             # index of the next byte to write
        self.repl_backlog_off = 0             # replication offset of its first byte
        self.repl_backlog_time_limit = 0      # s without replicas; 0 = keep it
        self.repl_no_slaves_since = 0         # s
        self.repl_min_slaves_to_write = 0     # 0 = off
        self.repl_min_slaves_max_lag = 0      # s
        self.repl_good_slaves_count = 0       # replicas with a small lag
        self.repl_diskless_sync = 0           # 1 = over sockets
        self.repl_diskless_load = 0           # REPL_DISKLESS_LOAD_*
        self.repl_diskless_sync_delay = 0     # s
        # --- Replication (slave)
        self.masteruser = None                # str or None
        self.masterauth = None                # bytes or None
        self.masterhost = None                # str; None = we are a master
        self.masterport = 0
        self.repl_timeout = 0                 # s
        self.master = None                    # client: the link to the master, or None
        self.cached_master = None             # client kept for a partial resynchronisation
        self.repl_syncio_timeout = 0          # s
        self.repl_state = 0                   # REPL_STATE_*
        self.repl_transfer_size = 0           # bytes of the RDB; -1 = not known yet
        self.repl_transfer_read = 0           # bytes received
        self.repl_transfer_last_fsync_off = 0  # bytes
        self.repl_transfer_s = None           # connection of the handshake and the transfer
        self.repl_transfer_fd = -1
        self.repl_transfer_tmpfile = None     # str
        self.repl_transfer_lastio = 0         # s
        self.repl_serve_stale_data = 0        # 1 = reply while the link is down
        self.repl_slave_ro = 0                # 1 = refuse writes of clients
        self.repl_slave_ignore_maxmemory = 0  # 1 = only the master evicts
        self.repl_down_since = 0              # s
        self.repl_disable_tcp_nodelay = 0     # 1 = fewer, larger packets
        self.slave_priority = 0               # 0 = never promote
        self.replica_announced = 0            # 1 = Sentinel lists it
        self.slave_announce_port = 0          # 0 = the real one
        self.slave_announce_ip = None         # str; None = the real one
        self.master_replid = b"0" * CONFIG_RUN_ID_SIZE  # 40 hex digits, during a PSYNC
        self.master_initial_offset = 0        # -1 = no PSYNC
        self.repl_slave_lazy_flush = 0        # 1 = empty the data set in the background
        # --- Replication script cache
        self.repl_scriptcache_dict = None     # dict_: sha1 of scripts that all replicas have
        self.repl_scriptcache_fifo = None     # list_ of them, newest first
        self.repl_scriptcache_size = 0        # at most
        # --- Synchronous replication
        self.clients_waiting_acks = None      # list_ of client in WAIT
        self.get_ack_from_slaves = 0          # 1 = send REPLCONF GETACK before sleeping
        # --- Limits
        self.maxclients = 0
        self.maxmemory = 0                    # bytes; 0 = no limit
        self.maxmemory_policy = 0             # MAXMEMORY_*
        self.maxmemory_samples = 0            # keys sampled per eviction
        self.maxmemory_eviction_tenacity = 0  # 0..100
        self.lfu_log_factor = 0
        self.lfu_decay_time = 0
        self.proto_max_bulk_len = 0           # bytes
        self.oom_score_adj_base = 0           # value at start
        self.oom_score_adj_values = [0] * CONFIG_OOM_COUNT  # by CONFIG_OOM_*
        self.oom_score_adj = 0                # OOM_SCORE_*
        self.disable_thp = 0                  # 1 = no transparent huge pages
        # --- Blocked clients
        self.blocked_clients = 0              # clients in a blocking command
        self.blocked_clients_by_type = [0] * BLOCKED_NUM  # by BLOCKED_*
        self.unblocked_clients = None         # list_ of client with input to process
        self.ready_keys = None                # list_ of readyList
        # --- Client side caching
        self.tracking_clients = 0             # clients that track; 0 = skip all of it
        self.tracking_table_max_keys = 0      # 0 = no limit
        self.tracking_pending_keys = None     # list_ of keys to invalidate after the command
        self.sort_desc = 0
        self.sort_alpha = 0
        self.sort_bypattern = 0
        self.sort_store = 0
        # --- Zip structure config, see redis.conf for more information
        self.hash_max_ziplist_entries = 0
        self.hash_max_ziplist_value = 0       # bytes
        self.set_max_intset_entries = 0
        self.zset_max_ziplist_entries = 0
        self.zset_max_ziplist_value = 0       # bytes
        self.hll_sparse_max_bytes = 0         # bytes
        self.stream_node_max_bytes = 0        # bytes; 0 = no limit
        self.stream_node_max_entries = 0      # 0 = no limit
        # --- List parameters
        self.list_max_ziplist_size = 0        # entries, or a size class -1..-5
        self.list_compress_depth = 0          # nodes not compressed at each end; 0 = no compression
        self.unixtime = 0                     # s, refreshed by cron
        self.timezone = 0                     # s west of UTC
        self.daylight_active = 0              # 1 in summer time
        self.mstime = 0                       # ms, refreshed by cron and before each command
        self.ustime = 0                       # us, likewise
        self.blocking_op_nesting = 0          # depth of blockingOperationStarts
        self.blocked_last_cron = 0            # ms
        # --- Pubsub
        self.pubsub_channels = None           # dict_: channel -> list_ of client
        self.pubsub_patterns = None           # dict_: pattern -> list_ of client
        self.notify_keyspace_events = 0       # NOTIFY_* bits
        # --- Cluster
        self.cluster_enabled = 0              # always 0
        self.cluster_node_timeout = 0
        self.cluster_configfile = None
        self.cluster = None
        self.cluster_migration_barrier = 0
        self.cluster_allow_replica_migration = 0
        self.cluster_slave_validity_factor = 0
        self.cluster_require_full_coverage = 0
        self.cluster_slave_no_failover = 0
        self.cluster_announce_ip = None
        self.cluster_announce_port = 0
        self.cluster_announce_tls_port = 0
        self.cluster_announce_bus_port = 0
        self.cluster_module_flags = 0
        self.cluster_allow_reads_when_down = 0
        self.cluster_config_file_lock_fd = -1
        # --- Scripting
        self.lua = None                       # LuaRuntime; None until the first script
        self.lua_client = None                # fake client that runs redis.call
        self.lua_caller = None                # client in EVAL
        self.lua_cur_script = None            # sha1 of the script that runs
        self.lua_scripts = None               # dict_: sha1 -> body
        self.lua_scripts_mem = 0              # bytes
        self.lua_time_limit = 0               # ms; 0 = no limit
        self.lua_time_start = 0               # us, monotonic
        self.lua_time_snapshot = 0            # ms: the time a script sees
        self.lua_write_dirty = 0              # 1 = the script has written
        self.lua_random_dirty = 0             # 1 = it has called a random command
        self.lua_replicate_commands = 0       # 1 = effects are propagated, not the script
        self.lua_multi_emitted = 0            # 1 = MULTI was propagated for it
        self.lua_repl = 0                     # PROPAGATE_* bits of redis.set_repl
        self.lua_timedout = 0                 # 1 = past lua_time_limit
        self.lua_kill = 0                     # 1 = SCRIPT KILL
        self.lua_always_replicate_commands = 0
        self.lua_oom = 0                      # 1 = out of memory when it started
        # --- Lazy free
        self.lazyfree_lazy_eviction = 0
        self.lazyfree_lazy_expire = 0
        self.lazyfree_lazy_server_del = 0
        self.lazyfree_lazy_user_del = 0
        self.lazyfree_lazy_user_flush = 0
        # --- Latency monitor
        self.latency_monitor_threshold = 0    # ms; 0 = off
        self.latency_events = None            # dict_: event -> latencyTimeSeries
        # --- ACLs
        self.acl_filename = None              # str; "" = none
        self.acllog_max_len = 0
        self.requirepass = None               # bytes or None, as given in clear
        self.acl_pubsub_default = 0           # USER_FLAG_ALLCHANNELS or 0
        # --- Assert & bug reporting
        self.watchdog_period = 0              # ms; 0 = off
        # --- System hardware info
        self.system_memory_size = 0           # bytes
        # --- TLS Configuration
        self.tls_cluster = 0
        self.tls_replication = 0
        self.tls_auth_clients = 0             # TLS_CLIENT_AUTH_*
        self.tls_ctx_config = redisTLSContextConfig()
        self.server_cpulist = None
        self.bio_cpulist = None
        self.aof_rewrite_cpulist = None
        self.bgsave_cpulist = None
        # --- Sentinel config
        self.sentinel_config = None           # sentinelConfig, while the file is read
        # --- Coordinate failover info
        self.failover_end_time = 0            # ms; 0 = no deadline
        self.force_failover = 0               # 1 = continue at the deadline in any case
        self.target_replica_host = None       # str; None = any replica
        self.target_replica_port = 0
        self.failover_state = NO_FAILOVER     # NO_FAILOVER ...


server = redisServer()
shared = sharedObjectsStruct()
