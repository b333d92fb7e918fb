"""busfuzz.py - packets of the cluster bus, damaged in every way: mutate(rnd, packet, names).

packets() makes one of each type, as a node would send it; mutate() damages one to three times what it is given: fields to 0,
to their greatest value, to a neighbour's id or value, random bytes, cut, glued, another type over the same bytes, counts and
lengths that do not fit or wrap.  The result may still be good.
"""
from cluster.cluster_h import (
    CLUSTERMSG_MIN_LEN, CLUSTERMSG_TYPE_COUNT, CLUSTERMSG_TYPE_FAIL, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK,
    CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_MEET, CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_MODULE,
    CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_PUBLISH, CLUSTERMSG_TYPE_UPDATE, CLUSTER_NODE_FAIL,
    CLUSTER_NODE_MASTER, CLUSTER_NODE_SLAVE, SIZEOF_clusterMsgDataGossip, clusterMsg, clusterMsgDataFail,
    clusterMsgDataGossip, clusterMsgDataPublish, clusterMsgDataUpdate, clusterMsgModule, clusterMsg_pack,
)

#: (offset, size) of the header's fields, totlen and sig left out: most changes of them end the link at once.
HEADER = [(8, 2), (10, 2), (12, 2), (14, 2), (16, 8), (24, 8), (32, 8), (40, 40), (80, 2048), (2128, 40), (2168, 46), (2214, 32),
          (2246, 2), (2248, 2), (2250, 2), (2252, 1), (2253, 1), (2254, 2)]
GOSSIP = [(0, 40), (40, 4), (44, 4), (48, 46), (94, 2), (96, 2), (98, 2), (100, 2), (102, 2)]
DATA = {CLUSTERMSG_TYPE_FAIL: [(0, 40)], CLUSTERMSG_TYPE_PUBLISH: [(0, 4), (4, 4), (8, 3)],
        CLUSTERMSG_TYPE_UPDATE: [(0, 8), (8, 40), (48, 2048)], CLUSTERMSG_TYPE_MODULE: [(0, 8), (8, 4), (12, 1)]}
GOSSIPING = (CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_MEET)


def packets(sender, port, names, types=range(CLUSTERMSG_TYPE_COUNT)):
    """One packet of each of `types` from the node `sender` (id); `names` are ids that it may speak of."""
    result = []
    for type_ in types:
        hdr = clusterMsg()
        hdr.type, hdr.sender, hdr.port, hdr.cport = type_, sender, port, port + 10000
        hdr.flags = CLUSTER_NODE_MASTER
        hdr.currentEpoch = hdr.configEpoch = 3
        if type_ in GOSSIPING:
            hdr.data = []
            for i, name in enumerate(names):
                g = clusterMsgDataGossip()
                g.nodename, g.ip, g.port, g.cport = name, b"127.0.0.1", port + i, port + 10000 + i
                g.flags = (CLUSTER_NODE_MASTER, CLUSTER_NODE_SLAVE, CLUSTER_NODE_FAIL | CLUSTER_NODE_MASTER)[i % 3]
                hdr.data.append(g)
        elif type_ == CLUSTERMSG_TYPE_FAIL:
            hdr.data = clusterMsgDataFail()
            hdr.data.nodename = names[0]
        elif type_ == CLUSTERMSG_TYPE_PUBLISH:
            hdr.data = clusterMsgDataPublish()
            hdr.data.channel, hdr.data.message = b"channel", b"message"
        elif type_ == CLUSTERMSG_TYPE_UPDATE:
            hdr.data = clusterMsgDataUpdate()
            hdr.data.configEpoch, hdr.data.nodename, hdr.data.slots = 4, names[-1], b"\x0f" + bytes(2047)
        elif type_ == CLUSTERMSG_TYPE_MODULE:
            hdr.data = clusterMsgModule()
            hdr.data.payload = b"payload"
        else:
            assert type_ in (CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_MFSTART)
        result.append(clusterMsg_pack(hdr))
    return result


def fields(packet):
    """(offset, size) of all fields of a packet."""
    found = list(HEADER)
    type_ = int.from_bytes(packet[12:14], "big")
    if type_ in GOSSIPING:
        for pos in range(CLUSTERMSG_MIN_LEN, len(packet) - SIZEOF_clusterMsgDataGossip + 1, SIZEOF_clusterMsgDataGossip):
            found += [(pos + off, size) for off, size in GOSSIP]
    found += [(CLUSTERMSG_MIN_LEN + off, size) for off, size in DATA.get(type_, ()) if CLUSTERMSG_MIN_LEN + off + size <= len(packet)]
    return found


def with_length(packet):
    """The packet with the totlen that it has."""
    return packet[:4] + len(packet).to_bytes(4, "big") + packet[8:]


def mutate(rnd, packet, names):
    """A damaged copy of `packet`, bytes.  `names`: ids to put in the place of others."""
    for _ in range(rnd.randrange(1, 4)):
        packet = _mutate(rnd, packet, names)
        if len(packet) < 16:
            break
    return packet


def _mutate(rnd, packet, names):
    kind = rnd.randrange(12)
    off, size = rnd.choice(fields(packet))
    if kind <= 6:
        neighbour = {40: lambda: rnd.choice(names), 2048: lambda: bytes(rnd.choice((0, 0, 0, 1, 255)) for _ in range(2048)),
                     46: lambda: rnd.choice((b"127.0.0.1", b"::1", b"host", b"1 2", b"a\nb", b"\xff" * 46)).ljust(46, b"\0"),
                     }.get(size, lambda: rnd.randrange(8).to_bytes(size, "big"))
        value = (lambda: bytes(size), lambda: b"\xff" * size, neighbour, neighbour, neighbour,
                 lambda: bytes(rnd.randrange(256) for _ in range(size)), lambda: (1 << rnd.randrange(size * 8)).to_bytes(size, "big"))[kind]()
        return packet[:off] + value + packet[off + size:]
    if kind == 7:                                       # cut, with or without a length that fits
        packet = packet[:rnd.randrange(8, len(packet))]
        return with_length(packet) if rnd.random() < 0.8 else packet
    if kind == 8:                                       # longer than its type allows
        return with_length(packet + bytes(rnd.randrange(256) for _ in range(rnd.randrange(1, 200))))
    if kind == 9:                                       # another type over the same bytes
        return packet[:12] + rnd.randrange(14).to_bytes(2, "big") + packet[14:]
    if kind == 10 and int.from_bytes(packet[12:14], "big") == CLUSTERMSG_TYPE_PUBLISH and len(packet) >= 2264:
        a = rnd.choice((0, 1, 2**31, 2**32 - 1, 2**32 - 2264, len(packet) - 2264))     # lengths that wrap at 32 bits
        b = (len(packet) - 2264 - a) % 2**32
        return packet[:2256] + a.to_bytes(4, "big") + b.to_bytes(4, "big") + packet[2264:]
    pos = rnd.randrange(8, len(packet))                 # one bit
    return packet[:pos] + bytes((packet[pos] ^ 1 << rnd.randrange(8),)) + packet[pos + 1:]


def many_entries(packet, count=65535):
    """A PING with as many gossip entries as its count can say, all of one node."""
    entry = packet[CLUSTERMSG_MIN_LEN:CLUSTERMSG_MIN_LEN + SIZEOF_clusterMsgDataGossip]
    return with_length(packet[:14] + count.to_bytes(2, "big") + packet[16:CLUSTERMSG_MIN_LEN] + entry * count)
