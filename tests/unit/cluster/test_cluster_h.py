"""Packets of the bus: struct offsets, packing and unpacking, what is refused (D-91)."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.cluster_h import (
    CLUSTERMSG_MIN_LEN, CLUSTERMSG_TYPE_FAIL, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK, CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST,
    CLUSTERMSG_TYPE_MEET, CLUSTERMSG_TYPE_MFSTART, CLUSTERMSG_TYPE_MODULE, CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG,
    CLUSTERMSG_TYPE_PUBLISH, CLUSTERMSG_TYPE_UPDATE, CLUSTER_NODE_HANDSHAKE, CLUSTER_NODE_MASTER, CLUSTER_NODE_MEET,
    CLUSTER_NODE_MYSELF, CLUSTER_NODE_NULL_NAME, CLUSTER_NODE_SLAVE, SIZEOF_clusterMsg, SIZEOF_clusterMsgDataGossip,
    clusterMsg, clusterMsgDataFail, clusterMsgDataGossip, clusterMsgDataPublish, clusterMsgDataUpdate, clusterMsgModule,
    clusterMsg_explen, clusterMsg_pack, clusterMsg_start, clusterMsg_unpack,
)

NAME = b"0123456789abcdef" * 2 + b"01234567"
u16 = st.integers(0, 0xffff)
u32 = st.integers(0, 0xffffffff)
u64 = st.integers(0, 0xffffffffffffffff)
names = st.text("0123456789abcdef", min_size=40, max_size=40).map(str.encode)
ips = st.text("0123456789abcdefXYZ.:%", max_size=45).map(str.encode)
slots = st.binary(min_size=2048, max_size=2048)


def fill(cls, **values):
    obj = cls()
    for name, value in values.items():
        setattr(obj, name, value)
    return obj


gossips = st.builds(lambda **kw: fill(clusterMsgDataGossip, **kw), nodename=names, ping_sent=u32, pong_received=u32, ip=ips,
                    port=u16, cport=u16, pport=u16,
                    flags=u16.map(lambda f: f & ~0xb0).filter(lambda f: f & 3 != 3), notused1=u16)
datas = st.one_of(
    st.tuples(st.sampled_from([CLUSTERMSG_TYPE_PING, CLUSTERMSG_TYPE_PONG, CLUSTERMSG_TYPE_MEET]), st.lists(gossips, max_size=4)),
    st.tuples(st.just(CLUSTERMSG_TYPE_FAIL), st.builds(lambda n: fill(clusterMsgDataFail, nodename=n), names)),
    st.tuples(st.just(CLUSTERMSG_TYPE_PUBLISH), st.builds(lambda c, m: fill(clusterMsgDataPublish, channel=c, message=m),
                                                          st.binary(max_size=50), st.binary(max_size=50))),
    st.tuples(st.sampled_from([CLUSTERMSG_TYPE_FAILOVER_AUTH_REQUEST, CLUSTERMSG_TYPE_FAILOVER_AUTH_ACK,
                               CLUSTERMSG_TYPE_MFSTART]), st.none()),
    st.tuples(st.just(CLUSTERMSG_TYPE_UPDATE), st.builds(
        lambda e, n, s: fill(clusterMsgDataUpdate, configEpoch=e, nodename=n, slots=s), u64, names, slots)),
    st.tuples(st.just(CLUSTERMSG_TYPE_MODULE), st.builds(
        lambda i, t, p: fill(clusterMsgModule, module_id=i, type=t, payload=p), st.binary(min_size=8, max_size=8),
        st.integers(0, 255), st.binary(max_size=50))))
messages = st.builds(
    lambda data, **kw: fill(clusterMsg, type=data[0], data=data[1], **kw), datas, port=u16, currentEpoch=u64, configEpoch=u64,
    offset=st.integers(-2**63, 2**63 - 1), sender=names, myslots=slots,
    slaveof=st.one_of(st.just(CLUSTER_NODE_NULL_NAME), names.map(lambda n: b"f" + n[1:])), myip=ips, pport=u16, cport=u16,
    flags=u16, state=st.integers(0, 255), mflags=st.binary(min_size=3, max_size=3)).filter(lambda m: m.slaveof != m.sender)


def same(a, b):
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if not hasattr(a, "__slots__"):
        return a == b
    return type(a) is type(b) and all(same(getattr(a, n), getattr(b, n)) for n in a.__slots__)


@given(messages)
def test_unpack_gives_what_was_packed(hdr):
    buf = clusterMsg_pack(hdr)
    assert hdr.totlen == len(buf) == clusterMsg_explen(hdr.type, hdr.count, buf)
    back = clusterMsg_unpack(bytearray(buf))
    assert same(hdr, back)
    assert clusterMsg_pack(back) == buf


def test_offsets():
    """The offsets of C's struct, one by one."""
    hdr = fill(clusterMsg, type=CLUSTERMSG_TYPE_UPDATE, port=0x0102, count=0, currentEpoch=3, configEpoch=4, offset=-5,
               sender=NAME, myslots=b"\x01" + bytes(2047), slaveof=b"f" * 40, myip=b"1.2.3.4", pport=6, cport=7, flags=8,
               state=9, mflags=b"\x0a\x0b\x0c",
               data=fill(clusterMsgDataUpdate, configEpoch=13, nodename=b"e" * 40, slots=bytes(2047) + b"\x80"))
    buf = clusterMsg_pack(hdr)
    assert (CLUSTERMSG_MIN_LEN, SIZEOF_clusterMsgDataGossip, SIZEOF_clusterMsg) == (2256, 104, 4352)
    assert buf[:4] == b"RCmb" and clusterMsg_start(buf) == (b"RCmb", 4352, 1, 0x0102, CLUSTERMSG_TYPE_UPDATE, 0)
    for offset, fmt, value in ((16, ">Q", 3), (24, ">Q", 4), (32, ">q", -5), (2246, ">H", 6), (2248, ">H", 7),
                               (2250, ">H", 8), (2252, ">B", 9), (2256, ">Q", 13)):
        assert struct.unpack_from(fmt, buf, offset)[0] == value, offset
    assert buf[40:80] == NAME and buf[80] == 1 and buf[2128:2168] == b"f" * 40
    assert buf[2168:2176] == b"1.2.3.4\0" and buf[2253:2256] == b"\x0a\x0b\x0c"
    assert buf[2264:2304] == b"e" * 40 and buf[4351] == 0x80


def test_integers_are_cut_to_their_width():
    hdr = fill(clusterMsg, type=CLUSTERMSG_TYPE_PING, sender=NAME, port=70000, cport=-1, currentEpoch=2**64 + 1, offset=2**63,
               flags=1 << 20, data=[fill(clusterMsgDataGossip, nodename=NAME, ping_sent=2**32 + 7, port=65536 + 8)])
    back = clusterMsg_unpack(clusterMsg_pack(hdr))
    assert (back.port, back.cport, back.currentEpoch, back.offset, back.flags) == (4464, 65535, 1, -2**63, 0)
    assert (back.data[0].ping_sent, back.data[0].port) == (7, 8)


def ping(**fields):
    return fill(clusterMsg, type=CLUSTERMSG_TYPE_PING, sender=NAME, data=[], **fields)


@pytest.mark.parametrize("field,value", [
    ("sender", NAME[:39] + b"\0"), ("sender", NAME[:39] + b"G"), ("sender", NAME[:39] + b"A"), ("sender", CLUSTER_NODE_NULL_NAME),
    ("slaveof", b"\n" * 40), ("slaveof", NAME), ("slaveof", b"a" + bytes(39)),
    ("myip", b"1.2.3 4"), ("myip", b"1.2.3.4\n"), ("myip", b'"'), ("myip", b"'"), ("myip", b"\\"), ("myip", b"\x80"),
])
def test_bad_header_drops_the_packet(field, value):
    hdr = ping()
    setattr(hdr, field, value)
    assert clusterMsg_unpack(clusterMsg_pack(hdr)) is None


def test_bad_entries_are_left_out():
    hdr = ping()
    hdr.data = [fill(clusterMsgDataGossip, nodename=n, ip=ip, port=i)
                for i, (n, ip) in enumerate([(NAME, b"1.1.1.1"), (b"x" * 40, b""), (NAME, b"a b"), (NAME, b"::1")])]
    assert [g.port for g in clusterMsg_unpack(clusterMsg_pack(hdr)).data] == [0, 3]


def test_flags_of_gossip():
    hdr = ping()
    hdr.data = [fill(clusterMsgDataGossip, nodename=NAME, flags=f) for f in (
        CLUSTER_NODE_MASTER | CLUSTER_NODE_MYSELF | CLUSTER_NODE_HANDSHAKE | CLUSTER_NODE_MEET,
        CLUSTER_NODE_MASTER | CLUSTER_NODE_SLAVE)]
    assert [g.flags for g in clusterMsg_unpack(clusterMsg_pack(hdr)).data] == [CLUSTER_NODE_MASTER, CLUSTER_NODE_MASTER]


@pytest.mark.parametrize("about", [b"g" * 40, bytes(40)])
def test_bad_ids_in_the_data(about):
    for type_, data in ((CLUSTERMSG_TYPE_FAIL, fill(clusterMsgDataFail, nodename=about)),
                        (CLUSTERMSG_TYPE_UPDATE, fill(clusterMsgDataUpdate, nodename=about))):
        assert clusterMsg_unpack(clusterMsg_pack(fill(clusterMsg, type=type_, sender=NAME, data=data))) is None


def test_an_address_without_nul_is_cut():
    buf = bytearray(clusterMsg_pack(ping()))
    buf[2168:2168 + 46] = b"1" * 46
    assert clusterMsg_unpack(buf).myip == b"1" * 45


def test_lengths_that_wrap_in_32_bits():
    """A PUBLISH whose lengths add up to its size only modulo 2^32."""
    buf = bytearray(clusterMsg_pack(fill(clusterMsg, type=CLUSTERMSG_TYPE_PUBLISH, sender=NAME,
                                         data=fill(clusterMsgDataPublish, channel=b"c", message=b"m"))))
    struct.pack_into(">2I", buf, CLUSTERMSG_MIN_LEN, 0xffffffff, 3)
    assert clusterMsg_explen(CLUSTERMSG_TYPE_PUBLISH, 0, buf) == CLUSTERMSG_MIN_LEN + 8 + 0xffffffff + 3
    assert clusterMsg_explen(CLUSTERMSG_TYPE_PUBLISH, 0, buf[:CLUSTERMSG_MIN_LEN]) == CLUSTERMSG_MIN_LEN + 8
    assert clusterMsg_explen(CLUSTERMSG_TYPE_MODULE, 0, buf[:CLUSTERMSG_MIN_LEN]) == CLUSTERMSG_MIN_LEN + 13
    assert clusterMsg_explen(10, 0, buf) == -1
