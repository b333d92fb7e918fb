"""cluster_h.py - structs, constants and packets of the cluster.       Mirrors src/cluster.h (6.2.14)

Lives here   redirection codes, node flags, message types; clusterLink, clusterNode, clusterState; clusterMsg and what it
             carries, with the code that packs and unpacks them; the macros nodeIsMaster ... nodeCantFailover.
Called from  the modules of cluster/ and every layer that needs a node's role.
Units        times are ms of the wall clock, except ping_sent and pong_received of a gossip entry (seconds).
Invariant    clusterMsg_pack(clusterMsg_unpack(packet)) is the packet, for all that a node of 6.2 sends.
Departures   D-91: clusterMsg_unpack refuses ids and addresses that could not be written into nodes.conf and read back.
"""
import re
from struct import Struct

CLUSTER_SLOTS = 16384
CLUSTER_OK = 0                     # Everything looks ok
CLUSTER_FAIL = 1                   # The cluster can't work
CLUSTER_NAMELEN = 40               # bytes of a node id
CLUSTER_PORT_INCR = 10000          # bus port - client port
NET_IP_STR_LEN = 46                # bytes of an address in a packet, with its NUL (server.h)

# Times, in parts in cluster-node-timeout (MULT)
CLUSTER_FAIL_REPORT_VALIDITY_MULT = 2
CLUSTER_FAIL_UNDO_TIME_MULT = 2
CLUSTER_FAIL_UNDO_TIME_ADD = 10
CLUSTER_FAILOVER_DELAY = 5                  # s
CLUSTER_MF_TIMEOUT = 5000                   # ms that a manual failover may take
CLUSTER_MF_PAUSE_MULT = 2                   # the master is paused for CLUSTER_MF_TIMEOUT times this
CLUSTER_SLAVE_MIGRATION_DELAY = 5000        # ms

# Redirection codes (getNodeByQuery)
CLUSTER_REDIR_NONE = 0
CLUSTER_REDIR_CROSS_SLOT = 1       # -CROSSSLOT
CLUSTER_REDIR_UNSTABLE = 2         # -TRYAGAIN
CLUSTER_REDIR_ASK = 3              # -ASK
CLUSTER_REDIR_MOVED = 4            # -MOVED
CLUSTER_REDIR_DOWN_STATE = 5       # -CLUSTERDOWN, the whole cluster
CLUSTER_REDIR_DOWN_UNBOUND = 6     # -CLUSTERDOWN, a slot without owner
CLUSTER_REDIR_DOWN_RO_STATE = 7    # -CLUSTERDOWN, reads would be served

# Cluster node flags
CLUSTER_NODE_MASTER = 1
CLUSTER_NODE_SLAVE = 2
CLUSTER_NODE_PFAIL = 4             # we cannot reach it
CLUSTER_NODE_FAIL = 8              # the majority of the masters cannot reach it
CLUSTER_NODE_MYSELF = 16
CLUSTER_NODE_HANDSHAKE = 32        # its id is not known yet, the name is random
CLUSTER_NODE_NOADDR = 64           # its address is not known
CLUSTER_NODE_MEET = 128            # the first packet to it is a MEET
CLUSTER_NODE_MIGRATE_TO = 256      # a master that replicas may migrate to
CLUSTER_NODE_NOFAILOVER = 512      # a slave that must not be elected
CLUSTER_NODE_NULL_NAME = b"\0" * CLUSTER_NAMELEN

# clusterState.cant_failover_reason
CLUSTER_CANT_FAILOVER_NONE = 0
CLUSTER_CANT_FAILOVER_DATA_AGE = 1
CLUSTER_CANT_FAILOVER_WAITING_DELAY = 2
CLUSTER_CANT_FAILOVER_EXPIRED = 3
CLUSTER_CANT_FAILOVER_WAITING_VOTES = 4
CLUSTER_CANT_FAILOVER_RELOG_PERIOD = 60 * 5         # s

# clusterState.todo_before_sleep
CLUSTER_TODO_HANDLE_FAILOVER = 1 << 0
CLUSTER_TODO_UPDATE_STATE = 1 << 1
CLUSTER_TODO_SAVE_CONFIG = 1 << 2
CLUSTER_TODO_FSYNC_CONFIG = 1 << 3
CLUSTER_TODO_HANDLE_MANUALFAILOVER = 1 << 4

# Message types.  PING, PONG and MEET are one kind of packet; MEET makes the receiver add a sender it does not know.
CLUSTERMSG_TYPE_PING = 0
CLUSTERMSG_TYPE_PONG = 1
CLUSTERMSG_TYPE_MEET = 2
CLUSTERMSG_TYPE_FAIL = 3
CLUSTERMSG_TYPE_PUBLISH = 4
CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST = 5
CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK = 6
CLUSTERMSG_TYPE_UPDATE = 7
CLUSTERMSG_TYPE_MFSTART = 8
CLUSTERMSG_TYPE_MODULE = 9
CLUSTERMSG_TYPE_COUNT = 10

CLUSTER_MODULE_FLAG_NONE = 0
CLUSTER_MODULE_FLAG_NO_FAILOVER = 1 << 1
CLUSTER_MODULE_FLAG_NO_REDIRECTION = 1 << 2

CLUSTER_PROTO_VER = 1

# clusterMsg.mflags[0]
CLUSTERMSG_FLAG0_PAUSED = 1 << 0   # the sender, a master, is paused for a manual failover
CLUSTERMSG_FLAG0_FORCEACK = 1 << 1  # vote even if the master is up


class clusterLink:
    """One connection of the bus.  Two join each pair of nodes: each opens one and gets its answers there."""
    __slots__ = ("ctime", "conn", "sndbuf", "rcvbuf", "node")

    def __init__(self):
        self.ctime = 0             # creation
        self.conn = None           # connection; None once the link is freed
        self.sndbuf = bytearray()  # packets to send
        self.rcvbuf = bytearray()  # the packet being received
        self.node = None           # clusterNode of a link that we opened; None for an accepted one

    def __repr__(self):
        return "<clusterLink to %r>" % (self.node,)


class clusterNodeFailReport:
    """One entry of clusterNode.fail_reports."""
    __slots__ = ("node", "time")

    def __init__(self):
        self.node = None           # the clusterNode that reports
        self.time = 0              # time of its last report


class clusterNode:
    """A node as we know it, ourselves included."""
    __slots__ = ("ctime", "name", "flags", "configEpoch", "slots", "slots_info", "numslots", "numslaves", "slaves",
                 "slaveof", "ping_sent", "pong_received", "data_received", "fail_time", "voted_time",
                 "repl_offset_time", "orphaned_time", "repl_offset", "ip", "port", "pport", "cport", "link",
                 "fail_reports", "slots_runs", "slots_changed")

    def __init__(self):
        self.ctime = 0             # creation of this object
        self.name = b""            # id: 40 hex digits
        self.flags = 0             # CLUSTER_NODE_*
        self.configEpoch = 0       # the last one that it claimed
        self.slots = bytearray(CLUSTER_SLOTS // 8)      # slot j is bit j & 7 of byte j >> 3
        self.slots_info = None     # bytes: its slots as text, while CLUSTER NODES is built
        self.numslots = 0          # bits in slots
        self.numslaves = 0         # len(slaves)
        self.slaves = []           # clusterNodes that replicate this one
        self.slaveof = None        # clusterNode; may be None for a slave whose master we do not know
        self.ping_sent = 0         # when the pending PING was sent, 0 = none is pending
        self.pong_received = 0
        self.data_received = 0     # when any packet came
        self.fail_time = 0         # when the FAIL flag was set
        self.voted_time = 0        # our last vote for a slave of this master
        self.repl_offset_time = 0  # when repl_offset was received
        self.orphaned_time = 0     # time since which this master has no working slave
        self.repl_offset = 0       # bytes of replication stream
        self.ip = b""              # text, at most 45 bytes
        self.port = 0              # of clients, TLS or plain
        self.pport = 0             # of plain clients, if port is for TLS
        self.cport = 0             # of the bus
        self.link = None           # the clusterLink that we opened
        self.fail_reports = None   # list_ of clusterNodeFailReport
        # Ours: the text of its slots is cached, and updated where they change.
        self.slots_runs = None     # [first slots, last slots, texts] of its runs, as of the last text; None = no text was made
        self.slots_changed = []    # slots that were set or cleared since then

    def __repr__(self):
        return "<clusterNode %s %s:%d flags=%d>" % (self.name[:8].decode("latin-1"), self.ip.decode("latin-1"),
                                                    self.port, self.flags)


class clusterState:
    """The cluster as this node sees it: server.cluster."""
    __slots__ = ("myself", "currentEpoch", "state", "size", "nodes", "nodes_black_list", "migrating_slots_to",
                 "importing_slots_from", "slots", "slots_to_keys", "failover_auth_time", "failover_auth_count",
                 "failover_auth_sent", "failover_auth_rank", "failover_auth_epoch", "cant_failover_reason", "mf_end",
                 "mf_slave", "mf_master_offset", "mf_can_start", "lastVoteEpoch", "todo_before_sleep",
                 "stats_bus_messages_sent", "stats_bus_messages_received", "stats_pfail_nodes")

    def __init__(self):
        self.myself = None         # clusterNode, the same object for the life of the process
        self.currentEpoch = 0
        self.state = CLUSTER_FAIL
        self.size = 1              # masters with slots, counted by clusterUpdateState
        self.nodes = None          # dict_: name -> clusterNode
        self.nodes_black_list = None                    # dict_: name -> s until which it is not added again
        # INVARIANT: slots[j] is n  <=>  bit j of n.slots.
        self.migrating_slots_to = [None] * CLUSTER_SLOTS
        self.importing_slots_from = [None] * CLUSTER_SLOTS
        self.slots = [None] * CLUSTER_SLOTS
        self.slots_to_keys = None  # 16384 times a dict of keys, or None (D-90)
        # The election of this slave
        self.failover_auth_time = 0                     # of the last or the next election
        self.failover_auth_count = 0                    # votes
        self.failover_auth_sent = 0                     # 1 = the votes were requested
        self.failover_auth_rank = 0
        self.failover_auth_epoch = 0
        self.cant_failover_reason = CLUSTER_CANT_FAILOVER_NONE
        # Manual failover
        self.mf_end = 0            # when it times out, 0 = there is none
        self.mf_slave = None       # on the master: the slave that takes over
        self.mf_master_offset = 0  # on the slave: where the master stopped, -1 = not known yet
        self.mf_can_start = 0      # on the slave: 1 = the votes may be requested
        # Votes of this master
        self.lastVoteEpoch = 0
        self.todo_before_sleep = 0                      # CLUSTER_TODO_*
        self.stats_bus_messages_sent = [0] * CLUSTERMSG_TYPE_COUNT
        self.stats_bus_messages_received = [0] * CLUSTERMSG_TYPE_COUNT
        self.stats_pfail_nodes = 0                      # nodes in PFAIL that have an address


def nodeIsMaster(n):
    return n.flags & CLUSTER_NODE_MASTER


def nodeIsSlave(n):
    return n.flags & CLUSTER_NODE_SLAVE


def nodeInHandshake(n):
    return n.flags & CLUSTER_NODE_HANDSHAKE


def nodeHasAddr(n):
    return not n.flags & CLUSTER_NODE_NOADDR


def nodeTimedOut(n):
    return n.flags & CLUSTER_NODE_PFAIL


def nodeFailed(n):
    return n.flags & CLUSTER_NODE_FAIL


def nodeCantFailover(n):
    return n.flags & CLUSTER_NODE_NOFAILOVER


# ----------------------------------------------------------------------------
# Packets.  Big endian, no padding.
# ----------------------------------------------------------------------------

#: sig totlen; ver port type count; currentEpoch configEpoch; offset; sender; myslots; slaveof; myip; notused1;
#: pport cport flags; state; mflags
_msg_header = Struct(">4sI4H2Qq40s2048s40s46s32s3HB3s")
#: nodename; ping_sent pong_received; ip; port cport flags pport notused1
_msg_gossip = Struct(">40s2I46s5H")
_msg_publish = Struct(">2I")       # channel_len message_len
_msg_update = Struct(">Q40s2048s")  # configEpoch nodename slots
_msg_module = Struct(">8sIB")      # module_id len type

CLUSTERMSG_MIN_LEN = _msg_header.size           # 2256
SIZEOF_clusterMsgDataGossip = _msg_gossip.size  # 104
SIZEOF_clusterMsgDataFail = CLUSTER_NAMELEN
SIZEOF_clusterMsgDataUpdate = _msg_update.size  # 2096
SIZEOF_clusterMsg = CLUSTERMSG_MIN_LEN + SIZEOF_clusterMsgDataUpdate     # with the longest member of its union: 4352

#: The start of a packet: sig totlen ver port type count.
_msg_start = Struct(">4sI4H")

_is_node_name = re.compile(rb"[0-9a-f]{40}\Z").match
#: Visible ASCII without quotes and backslash, which sdssplitargs returns unchanged.
_is_node_ip = re.compile(rb"[!#-&(-\[\]-~]*\Z").match


class clusterMsgDataGossip:
    """A gossip entry: the state of another node as the sender of a PING, PONG or MEET sees it."""
    __slots__ = ("nodename", "ping_sent", "pong_received", "ip", "port", "cport", "flags", "pport", "notused1")

    def __init__(self):
        self.nodename = CLUSTER_NODE_NULL_NAME
        self.ping_sent = 0         # s
        self.pong_received = 0     # s
        self.ip = b""
        self.port = 0
        self.cport = 0
        self.flags = 0
        self.pport = 0
        self.notused1 = 0


class clusterMsgDataFail:
    """The node that the majority cannot reach."""
    __slots__ = ("nodename",)

    def __init__(self):
        self.nodename = CLUSTER_NODE_NULL_NAME


class clusterMsgDataPublish:
    """A message that was published on another node."""
    __slots__ = ("channel", "message")

    def __init__(self):
        self.channel = b""
        self.message = b""


class clusterMsgDataUpdate:
    """The slots of a node, told to one that claims them with an older epoch."""
    __slots__ = ("configEpoch", "nodename", "slots")

    def __init__(self):
        self.configEpoch = 0
        self.nodename = CLUSTER_NODE_NULL_NAME
        self.slots = bytes(CLUSTER_SLOTS // 8)


class clusterMsgModule:
    """A message of a module."""
    __slots__ = ("module_id", "type", "payload")

    def __init__(self):
        self.module_id = bytes(8)  # in the byte order of the sender
        self.type = 0
        self.payload = b""


class clusterMsg:
    """One packet, in numbers and bytes of this host.  data is None, a list of clusterMsgDataGossip, or one clusterMsgData*."""
    __slots__ = ("sig", "totlen", "ver", "port", "type", "count", "currentEpoch", "configEpoch", "offset", "sender",
                 "myslots", "slaveof", "myip", "notused1", "pport", "cport", "flags", "state", "mflags", "data")

    def __init__(self):
        self.sig = b"RCmb"
        self.totlen = 0            # bytes of the whole packet; clusterMsg_pack computes it
        self.ver = CLUSTER_PROTO_VER
        self.port = 0              # of the sender's clients
        self.type = 0              # CLUSTERMSG_TYPE_*
        self.count = 0             # gossip entries; clusterMsg_pack computes it
        self.currentEpoch = 0
        self.configEpoch = 0       # of the sender if it is a master, else of its master
        self.offset = 0            # replication offset: written by a master, applied by a slave
        self.sender = CLUSTER_NODE_NULL_NAME
        self.myslots = bytes(CLUSTER_SLOTS // 8)        # of the sender or its master
        self.slaveof = CLUSTER_NODE_NULL_NAME           # the sender's master; zeros = it is a master
        self.myip = b""            # empty = take the address of the socket
        self.notused1 = bytes(32)
        self.pport = 0
        self.cport = 0
        self.flags = 0             # of the sender: CLUSTER_NODE_*
        self.state = 0             # CLUSTER_OK, CLUSTER_FAIL as the sender sees it
        self.mflags = bytes(3)     # CLUSTERMSG_FLAG0_* in the first byte
        self.data = None


def clusterMsg_start(buf):
    """Return (sig, totlen, ver, port, type, count) of the packet that starts in `buf`."""
    return _msg_start.unpack_from(buf)


def clusterMsg_explen(type_, count, buf):
    """Return how long a packet of this type must be, -1 if its length is not known.

    C: adds in 32 bits, so that a PUBLISH could claim 4 GB and be read past its end.
    """
    explen = CLUSTERMSG_MIN_LEN
    if type_ in (CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_MEET):
        return explen + SIZEOF_clusterMsgDataGossip * count
    if type_ == CLUSTERMSG_TYPE_FAIL:
        return explen + SIZEOF_clusterMsgDataFail
    if type_ == CLUSTERMSG_TYPE_PUBLISH:
        explen += _msg_publish.size
        return explen + sum(_msg_publish.unpack_from(buf, CLUSTERMSG_MIN_LEN)) if len(buf) >= explen else explen
    if type_ in (CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_MFSTART):
        return explen
    if type_ == CLUSTERMSG_TYPE_UPDATE:
        return explen + SIZEOF_clusterMsgDataUpdate
    if type_ == CLUSTERMSG_TYPE_MODULE:
        explen += _msg_module.size
        return explen + _msg_module.unpack_from(buf, CLUSTERMSG_MIN_LEN)[1] if len(buf) >= explen else explen
    return -1


def clusterMsg_unpack(buf):
    """Decode a packet whose length was checked -> clusterMsg, or None where an id or an address is not one.

    A gossip entry with a bad id or address is left out, and so are the flags that only its own node can have.
    """
    hdr = clusterMsg()
    (hdr.sig, hdr.totlen, hdr.ver, hdr.port, hdr.type, hdr.count, hdr.currentEpoch, hdr.configEpoch, hdr.offset,
     hdr.sender, hdr.myslots, hdr.slaveof, myip, hdr.notused1, hdr.pport, hdr.cport, hdr.flags, hdr.state,
     hdr.mflags) = _msg_header.unpack_from(buf)
    hdr.myip = _msg_ip(myip)
    if not _is_node_name(hdr.sender) or not _is_node_ip(hdr.myip):
        return None
    if hdr.slaveof != CLUSTER_NODE_NULL_NAME and (hdr.slaveof == hdr.sender or not _is_node_name(hdr.slaveof)):
        return None

    type_ = hdr.type
    pos = CLUSTERMSG_MIN_LEN
    if type_ <= CLUSTERMSG_TYPE_MEET:
        hdr.data = clusterMsg_unpack_gossip(buf, hdr.count)
    elif type_ == CLUSTERMSG_TYPE_FAIL:
        hdr.data = data = clusterMsgDataFail()
        data.nodename = bytes(buf[pos:pos + CLUSTER_NAMELEN])
        if not _is_node_name(data.nodename):
            return None
    elif type_ == CLUSTERMSG_TYPE_PUBLISH:
        hdr.data = data = clusterMsgDataPublish()
        channel_len, message_len = _msg_publish.unpack_from(buf, pos)
        pos += _msg_publish.size
        data.channel = bytes(buf[pos:pos + channel_len])
        data.message = bytes(buf[pos + channel_len:pos + channel_len + message_len])
    elif type_ == CLUSTERMSG_TYPE_UPDATE:
        hdr.data = data = clusterMsgDataUpdate()
        data.configEpoch, data.nodename, data.slots = _msg_update.unpack_from(buf, pos)
        if not _is_node_name(data.nodename):
            return None
    elif type_ == CLUSTERMSG_TYPE_MODULE:
        hdr.data = data = clusterMsgModule()
        data.module_id, length, data.type = _msg_module.unpack_from(buf, pos)
        pos += _msg_module.size
        data.payload = bytes(buf[pos:pos + length])
    return hdr


def _msg_ip(field):
    """Read an address field up to its NUL, at most 45 bytes: a peer may leave the NUL out."""
    return field[:NET_IP_STR_LEN - 1].partition(b"\0")[0]


def clusterMsg_unpack_gossip(buf, count):
    """Decode `count` gossip entries -> list of clusterMsgDataGossip, the bad ones left out."""
    entries = []
    pos = CLUSTERMSG_MIN_LEN
    for _ in range(count):
        g = clusterMsgDataGossip()
        (g.nodename, g.ping_sent, g.pong_received, ip, g.port, g.cport, flags, g.pport,
         g.notused1) = _msg_gossip.unpack_from(buf, pos)
        pos += SIZEOF_clusterMsgDataGossip
        g.ip = _msg_ip(ip)
        # C: accepts them; a second "myself" in nodes.conf makes the next start fail.
        flags &= ~(CLUSTER_NODE_MYSELF | CLUSTER_NODE_HANDSHAKE | CLUSTER_NODE_MEET)
        if flags & CLUSTER_NODE_MASTER:
            flags &= ~CLUSTER_NODE_SLAVE
        g.flags = flags
        if _is_node_name(g.nodename) and _is_node_ip(g.ip):
            entries.append(g)
    return entries


def clusterMsg_pack(hdr):
    """Encode a clusterMsg -> bytes.  Sets hdr.totlen, and hdr.count where there are gossip entries.

    Integers are cut to their width, as C's htons() does: Struct.pack would raise.
    """
    type_ = hdr.type
    data = hdr.data
    payload = b""
    if type_ <= CLUSTERMSG_TYPE_MEET:
        hdr.count = len(data)
        payload = b"".join([
            _msg_gossip.pack(g.nodename, g.ping_sent & 0xffffffff, g.pong_received & 0xffffffff, g.ip,
                             g.port & 0xffff, g.cport & 0xffff, g.flags & 0xffff, g.pport & 0xffff, g.notused1)
            for g in data])
    elif type_ == CLUSTERMSG_TYPE_FAIL:
        payload = data.nodename
    elif type_ == CLUSTERMSG_TYPE_PUBLISH:
        payload = _msg_publish.pack(len(data.channel), len(data.message)) + data.channel + data.message
    elif type_ == CLUSTERMSG_TYPE_UPDATE:
        payload = _msg_update.pack(data.configEpoch, data.nodename, data.slots)
    elif type_ == CLUSTERMSG_TYPE_MODULE:
        payload = _msg_module.pack(data.module_id, len(data.payload), data.type) + data.payload
    hdr.totlen = CLUSTERMSG_MIN_LEN + len(payload)
    return _msg_header.pack(
        hdr.sig, hdr.totlen & 0xffffffff, hdr.ver, hdr.port & 0xffff, type_, hdr.count & 0xffff,
        hdr.currentEpoch & 0xffffffffffffffff, hdr.configEpoch & 0xffffffffffffffff,
        (hdr.offset + (1 << 63) & 0xffffffffffffffff) - (1 << 63), hdr.sender, hdr.myslots, hdr.slaveof, hdr.myip,
        hdr.notused1, hdr.pport & 0xffff, hdr.cport & 0xffff, hdr.flags & 0xffff, hdr.state, hdr.mflags) + payload
