"""sentinel_h.py - the state of a Sentinel.              Mirrors src/sentinel.c, lines 52-282 (6.2.14)

Lives here   constants, struct classes and the object `sentinel`; no functions.  C has no such header: it keeps the
             imports of sentinel.py, sentinel_failover.py, sentinel_monitor.py and sentinel_command.py a tree.
State        sentinel (sentinelState).
Text         names, addresses, ids, passwords are bytes that hold no NUL: C keeps them as C strings.
Time         UNIT: ms of mstime(), the wall clock, as in C: a clock that jumps is what TILT is for.
Integers     epochs are unsigned 64-bit: whoever counts one up masks it.  Replies show them signed, as C's do.
Departures   none.
"""

REDIS_SENTINEL_PORT = 26379

# sentinelRedisInstance.flags
SRI_MASTER = (1 << 0)
SRI_SLAVE = (1 << 1)
SRI_SENTINEL = (1 << 2)
SRI_S_DOWN = (1 << 3)                  # down as we see it
SRI_O_DOWN = (1 << 4)                  # down as `quorum` Sentinels see it; masters only
SRI_MASTER_DOWN = (1 << 5)             # a Sentinel that reports its master as down
SRI_FAILOVER_IN_PROGRESS = (1 << 6)    # a master with a failover in progress
SRI_PROMOTED = (1 << 7)                # the slave that is to become master
SRI_RECONF_SENT = (1 << 8)             # SLAVEOF <new master> was sent
SRI_RECONF_INPROG = (1 << 9)           # the slave names the new master
SRI_RECONF_DONE = (1 << 10)            # its link to the new master is up
SRI_FORCE_FAILOVER = (1 << 11)         # requested by SENTINEL FAILOVER: no election
SRI_SCRIPT_KILL_SENT = (1 << 12)       # SCRIPT KILL was sent after -BUSY

# UNIT: ms.  SENTINEL_TILT_TRIGGER is defined in sentinel_monitor.py, where it is used, so that a debugger can raise it there.
SENTINEL_INFO_PERIOD = 10000
SENTINEL_PING_PERIOD = 1000
SENTINEL_ASK_PERIOD = 1000
SENTINEL_PUBLISH_PERIOD = 2000
SENTINEL_DEFAULT_DOWN_AFTER = 30000
SENTINEL_HELLO_CHANNEL = b"__sentinel__:hello"
SENTINEL_TILT_PERIOD = (SENTINEL_PING_PERIOD*30)
SENTINEL_DEFAULT_SLAVE_PRIORITY = 100
SENTINEL_SLAVE_RECONF_TIMEOUT = 10000
SENTINEL_DEFAULT_PARALLEL_SYNCS = 1
SENTINEL_MIN_LINK_RECONNECT_PERIOD = 15000
SENTINEL_DEFAULT_FAILOVER_TIMEOUT = (60*3*1000)
SENTINEL_MAX_PENDING_COMMANDS = 100
# Limits of the state that others can create here (ours, D-75).
SENTINEL_MAX_INSTANCES = 512           # slaves, and Sentinels, of one master that we learn of from others
SENTINEL_MAX_INFO_LINE = 8192          # bytes of a line of INFO; longer ones are skipped
SENTINEL_MAX_INFO_CACHE = 64 * 1024    # bytes of INFO that SENTINEL INFO-CACHE shows
SENTINEL_ELECTION_TIMEOUT = 10000
SENTINEL_MAX_DESYNC = 1000
SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG = 1
SENTINEL_DEFAULT_RESOLVE_HOSTNAMES = 0
SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES = 0

# sentinelRedisInstance.failover_state.   DOC: failover
SENTINEL_FAILOVER_STATE_NONE = 0
SENTINEL_FAILOVER_STATE_WAIT_START = 1             # wait to be elected
SENTINEL_FAILOVER_STATE_SELECT_SLAVE = 2           # choose the slave to promote
SENTINEL_FAILOVER_STATE_SEND_SLAVEOF_NOONE = 3     # tell it
SENTINEL_FAILOVER_STATE_WAIT_PROMOTION = 4         # wait until its INFO reports the role master
SENTINEL_FAILOVER_STATE_RECONF_SLAVES = 5          # send SLAVEOF <new master> to the other slaves
SENTINEL_FAILOVER_STATE_UPDATE_CONFIG = 6          # monitor the promoted slave from now on

SENTINEL_MASTER_LINK_STATUS_UP = 0
SENTINEL_MASTER_LINK_STATUS_DOWN = 1

# Flags of several functions
SENTINEL_NO_FLAGS = 0
SENTINEL_RESET_NO_SENTINELS = (1 << 0)             # sentinelResetMaster
SENTINEL_ASK_FORCED = (1 << 0)                     # sentinelAskMasterStateToOtherSentinels
SENTINEL_GENERATE_EVENT = (1 << 16)
SENTINEL_LEADER = (1 << 17)
SENTINEL_OBSERVER = (1 << 18)

# Script execution
SENTINEL_SCRIPT_NONE = 0
SENTINEL_SCRIPT_RUNNING = 1
SENTINEL_SCRIPT_MAX_QUEUE = 256
SENTINEL_SCRIPT_MAX_RUNNING = 16
SENTINEL_SCRIPT_MAX_RUNTIME = 60000                # ms, then SIGKILL
SENTINEL_SCRIPT_MAX_RETRY = 10
SENTINEL_SCRIPT_RETRY_DELAY = 30000                # ms, doubled by each retry
SENTINEL_SCRIPT_MAX_ARGS = 16

# sentinelState.simfailure_flags
SENTINEL_SIMFAILURE_NONE = 0
SENTINEL_SIMFAILURE_CRASH_AFTER_ELECTION = (1 << 0)
SENTINEL_SIMFAILURE_CRASH_AFTER_PROMOTION = (1 << 1)

# sentinelIsQuorumReachable
SENTINEL_ISQR_OK = 0
SENTINEL_ISQR_NOQUORUM = (1 << 0)
SENTINEL_ISQR_NOAUTH = (1 << 1)


class sentinelAddr:
    """Where an instance is.  Shown, sent and written as `ip`; as `hostname` with announce-hostnames."""
    __slots__ = ("hostname", "ip", "port")

    def __init__(self, hostname, ip, port):
        self.hostname = hostname   # as given: a name or an address
        self.ip = ip               # resolved; b"" = could not be resolved yet
        self.port = port           # 0 = invalid address: never connected

    def __repr__(self):
        return "<sentinelAddr %s:%d>" % (self.ip.decode("latin-1"), self.port)


class instanceLink:
    """The two connections to an instance, and the data of its failure detection.

    INVARIANT: refcount counts the instances whose `link` this is; more than one only for a Sentinel that we know as
    peer of several masters: it is one process, and gets one connection and one PING.
    """
    __slots__ = ("refcount", "disconnected", "pending_commands", "cc", "pc", "cc_conn_time", "pc_conn_time",
                 "pc_last_activity", "last_avail_time", "act_ping_time", "last_ping_time", "last_pong_time",
                 "last_reconn_time")

    def __init__(self, now):
        self.refcount = 1
        self.disconnected = 1          # 1: cc, or a required pc, is missing
        self.pending_commands = 0      # sent on both and not replied yet; see sentinelSendPeriodicCommands
        self.cc = None                 # redisAsyncContext for commands
        self.pc = None                 # redisAsyncContext for Pub/Sub; never for Sentinels
        self.cc_conn_time = 0          # when cc was made
        self.pc_conn_time = 0
        self.pc_last_activity = 0      # last message on pc
        self.last_avail_time = now     # last acceptable reply to a PING
        # Set although no PING was sent, so that an instance that can never be connected is also detected as down.
        self.act_ping_time = now       # the oldest PING without acceptable reply; 0 = none pending
        self.last_ping_time = 0        # last PING sent
        self.last_pong_time = now      # last reply to a PING, of any kind
        self.last_reconn_time = 0      # last attempt to connect


class sentinelRedisInstance:
    """A master, one of its slaves, or another Sentinel that watches it."""
    __slots__ = ("flags", "name", "runid", "config_epoch", "addr", "link", "last_pub_time", "last_hello_time",
                 "last_master_down_reply_time", "s_down_since_time", "o_down_since_time", "down_after_period",
                 "info_refresh", "renamed_commands", "role_reported", "role_reported_time", "slave_conf_change_time",
                 "sentinels", "slaves", "quorum", "parallel_syncs", "auth_pass", "auth_user", "master_link_down_time",
                 "slave_priority", "replica_announced", "slave_reconf_sent_time", "master", "slave_master_host",
                 "slave_master_port", "slave_master_link_status", "slave_repl_offset", "leader", "leader_epoch",
                 "failover_epoch", "failover_state", "failover_state_change_time", "failover_start_time",
                 "failover_timeout", "failover_delay_logged", "promoted_slave", "notification_script",
                 "client_reconfig_script", "info")

    def __init__(self, flags, now):
        self.flags = flags                     # SRI_*
        self.name = None                       # its key: master as configured, slave "ip:port", Sentinel its runid
        self.runid = None                      # of INFO; of a Sentinel: of its hello
        self.config_epoch = 0
        self.addr = None                       # sentinelAddr
        self.link = None                       # instanceLink
        self.last_pub_time = now               # last hello that was accepted
        self.last_hello_time = now             # Sentinels: last hello from it
        self.last_master_down_reply_time = now  # Sentinels: last answer to is-master-down-by-addr
        self.s_down_since_time = 0             # kept after recovery
        self.o_down_since_time = 0
        self.down_after_period = SENTINEL_DEFAULT_DOWN_AFTER
        self.info_refresh = 0                  # last INFO; 0 = none ever
        self.renamed_commands = None           # dict_, case-insensitive: name -> name there; that of the master is used

        # Role
        self.role_reported = flags & (SRI_MASTER | SRI_SLAVE)      # from its INFO; 0 = INFO had no role
        self.role_reported_time = now          # since when
        self.slave_conf_change_time = now      # slaves: time since which they report this master

        # Master specific
        self.sentinels = None                  # dict_: runid -> sentinelRedisInstance
        self.slaves = None                     # dict_: "ip:port" -> sentinelRedisInstance
        self.quorum = 0                        # unsigned 32-bit: Sentinels that have to agree
        self.parallel_syncs = SENTINEL_DEFAULT_PARALLEL_SYNCS      # slaves to be reconfigured at once
        self.auth_pass = None                  # for AUTH at the master and its slaves
        self.auth_user = None

        # Slave specific
        self.master_link_down_time = 0         # ms, as its last INFO says
        self.slave_priority = SENTINEL_DEFAULT_SLAVE_PRIORITY      # 0 = never promote
        self.replica_announced = 1             # 0: not shown by SENTINEL REPLICAS
        self.slave_reconf_sent_time = 0        # when SLAVEOF <new master> was sent
        self.master = None                     # sentinelRedisInstance, of slaves and Sentinels
        self.slave_master_host = None          # as INFO reports
        self.slave_master_port = 0
        self.slave_master_link_status = SENTINEL_MASTER_LINK_STATUS_DOWN
        self.slave_repl_offset = 0             # unsigned 64-bit

        # Failover
        self.leader = None                     # master: runid that we voted for; Sentinel: runid that it voted for
        self.leader_epoch = 0                  # epoch of that vote
        self.failover_epoch = 0                # epoch of the failover we started
        self.failover_state = SENTINEL_FAILOVER_STATE_NONE
        self.failover_state_change_time = 0
        self.failover_start_time = 0           # of the last attempt, ours or one that we voted for
        self.failover_timeout = SENTINEL_DEFAULT_FAILOVER_TIMEOUT
        self.failover_delay_logged = 0         # the failover_start_time whose delay is in the log
        self.promoted_slave = None             # sentinelRedisInstance

        self.notification_script = None        # path; None = none
        self.client_reconfig_script = None
        self.info = None                       # text of the last INFO

    def __repr__(self):
        return "<sentinelRedisInstance %s flags=%#x state=%d>" % (
            (self.name or b"").decode("latin-1"), self.flags, self.failover_state)


class sentinelState:
    """All that a Sentinel knows.  initSentinel gives the start values."""
    __slots__ = ("myid", "current_epoch", "masters", "tilt", "running_scripts", "tilt_start_time", "previous_time",
                 "scripts_queue", "announce_ip", "announce_port", "simfailure_flags", "deny_scripts_reconfig",
                 "sentinel_auth_pass", "sentinel_auth_user", "resolve_hostnames", "announce_hostnames")

    def __init__(self):
        self.myid = b"\0" * 40                 # 40 bytes; NULs = none yet
        self.current_epoch = 0
        self.masters = None                    # dict_: name -> sentinelRedisInstance
        self.tilt = 0                          # 1: the clock has jumped, do not act
        self.running_scripts = 0
        self.tilt_start_time = 0
        self.previous_time = 0                 # when sentinelTimer ran last
        self.scripts_queue = None              # list_ of sentinelScriptJob
        self.announce_ip = None                # instead of our end of the link, in hello messages
        self.announce_port = 0                 # 0 = port
        self.simfailure_flags = SENTINEL_SIMFAILURE_NONE
        self.deny_scripts_reconfig = SENTINEL_DEFAULT_DENY_SCRIPTS_RECONFIG
        self.sentinel_auth_pass = None         # for AUTH at other Sentinels
        self.sentinel_auth_user = None
        self.resolve_hostnames = SENTINEL_DEFAULT_RESOLVE_HOSTNAMES
        self.announce_hostnames = SENTINEL_DEFAULT_ANNOUNCE_HOSTNAMES


class sentinelScriptJob:
    """A script that runs or waits."""
    __slots__ = ("flags", "retry_num", "argv", "start_time", "pid")

    def __init__(self, argv):
        self.flags = SENTINEL_SCRIPT_NONE
        self.retry_num = 0             # number of starts
        self.argv = argv               # list of bytes, path first
        self.start_time = 0            # running: time of its start; waiting: earliest time of its start, 0 = at once
        self.pid = 0


sentinel = sentinelState()
