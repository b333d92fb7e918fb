"""rdb_load_stream.py - loading streams.        Mirrors the RDB_TYPE_STREAM_LISTPACKS part of rdbLoadObject, src/rdb.c

Lives here   rdbLoadObject_stream and its pieces: listpacks, counters, groups, pending lists, consumers.
Called from  rdbLoadObject.
Format       listpacks: number, then master ID and blob of each; length; last ID; [version 10: first ID, last deleted ID,
             entries added]; groups: number, then name, last ID, [version 10: entries read], the pending list with times
             and counts, consumers: name, seen time, the IDs of their part of the pending list.
Departures   the additions of version 10 are read and dropped.
"""
from datastructs.listpack import lpFirst
from datastructs.rax import raxFind, raxIterator, raxNext, raxNotFound, raxSeek, raxStart, raxStop, raxTryInsert
from persistence.rdb_h import (
    RDB_LENERR, RDB_LOAD_ERR_OTHER, RDB_LOAD_PLAIN, RDB_LOAD_SDS, RDB_TYPE_STREAM_LISTPACKS_2, RDB_VERSION)
from persistence.rdb_load import (
    rdbGenericLoadStringObject, rdbLoadLen, rdbLoadMillisecondTime, rdbReportCorruptRDB, rdbReportReadError)
from persistence.rio import rioGetReadError, rioRead
from server.object import createStreamObject
from server.server_h import server
from server.types.t_stream import (SLC_NONE, streamCreateCG, streamCreateNACK, streamID, streamLookupConsumer,
                                   streamValidateListpackIntegrity)

OTHER_ERROR = (None, RDB_LOAD_ERR_OTHER)
STREAM_ID_SIZE = 16                     # bytes: ms and seq, big endian


def rdbLoadObject_stream(rdbtype, rdb, deep):
    """Read a stream -> (object, 0) or (None, RDB_LOAD_ERR_OTHER)."""
    o = createStreamObject()
    s = o.ptr
    v2 = rdbtype == RDB_TYPE_STREAM_LISTPACKS_2
    if not rdbLoadObject_stream_listpacks(rdb, s, deep):
        return OTHER_ERROR

    s.length = rdbLoadLen(rdb)
    s.last_id.ms = rdbLoadLen(rdb)
    s.last_id.seq = rdbLoadLen(rdb)
    if v2:
        for _ in range(5):                          # first ID, last deleted ID, entries added
            rdbLoadLen(rdb)
    if rioGetReadError(rdb):
        rdbReportReadError(2097, "Stream object metadata loading failed.")
        return OTHER_ERROR

    cgroups_count = rdbLoadLen(rdb)
    if cgroups_count == RDB_LENERR:
        rdbReportReadError(2105, "Stream cgroup count loading failed.")
        return OTHER_ERROR
    while cgroups_count:
        cgroups_count -= 1
        if not rdbLoadObject_stream_cgroup(rdb, s, deep, v2):
            return OTHER_ERROR
    return o, 0


def rdbLoadObject_stream_listpacks(rdb, s, deep):
    """Read the listpacks into the radix tree -> 1, or 0 after a report."""
    listpacks = rdbLoadLen(rdb)
    if listpacks == RDB_LENERR:
        rdbReportReadError(2024, "Stream listpacks len loading failed.")
        return 0
    while listpacks:
        listpacks -= 1
        nodekey = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)         # the ID that the IDs in the listpack are relative to
        if nodekey is None:
            rdbReportReadError(2035, "Stream master ID loading failed: invalid encoding or I/O error.")
            return 0
        if len(nodekey) != STREAM_ID_SIZE:
            rdbReportCorruptRDB(2040, "Stream node key entry is not the size of a stream ID")
            return 0
        lp = rdbGenericLoadStringObject(rdb, RDB_LOAD_PLAIN)
        if lp is None:
            rdbReportReadError(2052, "Stream listpacks loading failed.")
            return 0
        lp = bytearray(lp)
        if deep:
            server.stat_dump_payload_sanitizations += 1
        if not streamValidateListpackIntegrity(lp, len(lp), deep):
            rdbReportCorruptRDB(2059, "Stream listpack integrity check failed.")
            return 0
        if lpFirst(lp) is None:
            rdbReportCorruptRDB(2071, "Empty listpack inside stream")
            return 0
        if not raxTryInsert(s.rax, nodekey, lp)[0]:
            rdbReportCorruptRDB(2083, "Listpack re-added with existing key")
            return 0
    return 1


def rdbLoadObject_stream_cgroup(rdb, s, deep, v2):
    """Read one consumer group -> 1, or 0 after a report."""
    cgname = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
    if cgname is None:
        rdbReportReadError(2116, "Error reading the consumer group name from Stream")
        return 0
    cg_id = streamID()
    cg_id.ms = rdbLoadLen(rdb)
    cg_id.seq = rdbLoadLen(rdb)
    if v2:
        rdbLoadLen(rdb)                             # entries read
    if rioGetReadError(rdb):
        rdbReportReadError(2125, "Stream cgroup ID loading failed.")
        return 0
    cgroup = streamCreateCG(s, cgname, cg_id)
    if cgroup is None:
        rdbReportCorruptRDB(2133, "Duplicated consumer group name %s", cgname)
        return 0

    # The pending list of the group.  The owners of the messages follow with the consumers.
    pel_size = rdbLoadLen(rdb)
    if pel_size == RDB_LENERR:
        rdbReportReadError(2148, "Stream PEL size loading failed.")
        return 0
    while pel_size:
        pel_size -= 1
        rawid = rioRead(rdb, STREAM_ID_SIZE)
        if rawid is None:
            rdbReportReadError(2155, "Stream PEL ID loading failed.")
            return 0
        nack = streamCreateNACK(None)
        nack.delivery_time = rdbLoadMillisecondTime(rdb, RDB_VERSION)
        nack.delivery_count = rdbLoadLen(rdb)
        if rioGetReadError(rdb):
            rdbReportReadError(2163, "Stream PEL NACK loading failed.")
            return 0
        if not raxTryInsert(cgroup.pel, rawid, nack)[0]:
            rdbReportCorruptRDB(2169, "Duplicated global PEL entry loading stream consumer group")
            return 0

    consumers_num = rdbLoadLen(rdb)
    if consumers_num == RDB_LENERR:
        rdbReportReadError(2181, "Stream consumers num loading failed.")
        return 0
    while consumers_num:
        consumers_num -= 1
        if not rdbLoadObject_stream_consumer(rdb, cgroup):
            return 0

    if deep:                                        # every pending message must have a consumer
        ri = raxIterator()
        raxStart(ri, cgroup.pel)
        raxSeek(ri, "^", b"")
        while raxNext(ri):
            if ri.data.consumer is None:
                raxStop(ri)
                rdbReportCorruptRDB(2252, "Stream CG PEL entry without consumer")
                return 0
        raxStop(ri)
    return 1


def rdbLoadObject_stream_consumer(rdb, cgroup):
    """Read one consumer and link its pending messages -> 1, or 0 after a report."""
    cname = rdbGenericLoadStringObject(rdb, RDB_LOAD_SDS)
    if cname is None:
        rdbReportReadError(2188, "Error reading the consumer name from Stream group.")
        return 0
    consumer, _ = streamLookupConsumer(cgroup, cname, SLC_NONE)
    consumer.seen_time = rdbLoadMillisecondTime(rdb, RDB_VERSION)
    if rioGetReadError(rdb):
        rdbReportReadError(2198, "Stream short read reading seen time.")
        return 0
    pel_size = rdbLoadLen(rdb)
    if pel_size == RDB_LENERR:
        rdbReportReadError(2207, "Stream consumer PEL num loading failed.")
        return 0
    while pel_size:
        pel_size -= 1
        rawid = rioRead(rdb, STREAM_ID_SIZE)
        if rawid is None:
            rdbReportReadError(2215, "Stream short read reading PEL streamID.")
            return 0
        nack = raxFind(cgroup.pel, rawid)
        if nack is raxNotFound:
            rdbReportCorruptRDB(2222, "Consumer entry not found in group global PEL")
            return 0
        # One NACK is in both lists.  C accepts it for a second consumer, too, and frees it twice (D-43c).
        if nack.consumer is not None:
            rdbReportCorruptRDB(2233, "Consumer PEL entry belongs to another consumer")
            return 0
        nack.consumer = consumer
        if not raxTryInsert(consumer.pel, rawid, nack)[0]:
            rdbReportCorruptRDB(2233, "Duplicated consumer PEL entry  loading a stream consumer group")
            return 0
    return 1
