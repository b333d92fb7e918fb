"""geo.py - positions in sorted sets.                       Mirrors src/geo.c (6.2.14)

Lives here   GEOADD GEOHASH GEOPOS GEODIST GEORADIUS(_RO) GEORADIUSBYMEMBER(_RO) GEOSEARCH GEOSEARCHSTORE.
Called from  call() [command].
Calls out    zaddCommand: GEOADD is a ZADD whose scores are 52-bit geohashes (geohash.py).
Method       a search reads the score ranges of the nine cells that cover it, then tests each member's distance.
"""
import functools

from datastructs.dict import DICT_OK, dictAdd
from datastructs.pqsort import pqsort
from datastructs.util import double_to_llong, double_to_ullong, ld
from datastructs.ziplist import ziplistNext
from datastructs.zskiplist import zrangespec, zslFirstInRange, zslInsert, zslValueLteMax
from server.client.networking import replaceClientCommandVector
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkSds, addReplyError, addReplyErrorFormat,
    addReplyErrorObject, addReplyHumanLongDouble, addReplyLongLong, addReplyNull, addReplyNullArray,
)
from server.keyspace.db import dbDelete, lookupKeyRead, lookupKeyReadOrReply, setKey, signalModifiedKey
from server.keyspace.notify import notifyKeyspaceEvent
from server.log import serverAssert
from server.object import (
    checkType, createObject, createRawStringObject, createZsetObject, getDoubleFromObjectOrReply,
    getLongLongFromObjectOrReply,
)
from server.server_h import (
    C_ERR, C_OK, NOTIFY_GENERIC, NOTIFY_ZSET, OBJ_ENCODING_SKIPLIST, OBJ_ENCODING_ZIPLIST, OBJ_STRING, OBJ_ZSET,
    server, shared,
)
from server.types.geohash import (
    CIRCULAR_TYPE, GEO_LAT_MAX, GEO_LAT_MIN, GEO_LONG_MAX, GEO_LONG_MIN, GEO_STEP_MAX, RECTANGLE_TYPE, GeoHashBits,
    GeoHashRange, GeoShape, geohashAlign52Bits, geohashCalculateAreasByShapeWGS84, geohashDecodeToLongLatWGS84,
    geohashEncode, geohashEncodeWGS84, geohashGetDistance, geohashGetDistanceIfInRadiusWGS84,
    geohashGetDistanceIfInRectangle,
)
from server.types.t_zset import (
    zaddCommand, ziplistGetObject, zsetConvertToZiplistIfNeeded, zsetScore, zzlFirstInRange, zzlGetScore, zzlNext,
)

SORT_NONE = 0
SORT_ASC = 1
SORT_DESC = 2

RADIUS_COORDS = 1 << 0             # GEORADIUS: centre by coordinates
RADIUS_MEMBER = 1 << 1             # GEORADIUSBYMEMBER
RADIUS_NOSTORE = 1 << 2            # the _RO forms
GEOSEARCH = 1 << 3
GEOSEARCHSTORE = 1 << 4            # accepts STOREDIST


class geoPoint:
    """A member that a search found."""
    __slots__ = ("longitude", "latitude", "dist", "score", "member")

    def __init__(self, xy, dist, score, member):
        self.longitude, self.latitude = xy
        self.dist = dist           # metres
        self.score = score
        self.member = member       # bytes


# ---------------------------------------------------------------------------
# Helpers
# ---------------------------------------------------------------------------

def decodeGeohash(bits):
    """Return (longitude, latitude) of a score, or None."""
    return geohashDecodeToLongLatWGS84(GeoHashBits(double_to_ullong(bits), GEO_STEP_MAX))


def extractLongLatOrReply(c, argv):
    """Parse a longitude and a latitude -> (C_OK, (longitude, latitude)), or (C_ERR, None) after an error."""
    xy = []
    for arg in argv[:2]:
        ok, value = getDoubleFromObjectOrReply(c, arg, None)
        if ok != C_OK:
            return C_ERR, None
        xy.append(value)
    if not (GEO_LONG_MIN <= xy[0] <= GEO_LONG_MAX and GEO_LAT_MIN <= xy[1] <= GEO_LAT_MAX):
        addReplyErrorFormat(c, b"-ERR invalid longitude,latitude pair %f,%f\r\n", xy[0], xy[1])
        return C_ERR, None
    return C_OK, tuple(xy)


def longLatFromMember(zobj, member):
    """Return (C_OK, (longitude, latitude)) of a member, or (C_ERR, None)."""
    ok, score = zsetScore(zobj, member.ptr)
    if ok == C_ERR:
        return C_ERR, None
    xy = decodeGeohash(score)
    return (C_ERR, None) if xy is None else (C_OK, xy)


UNITS = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}


def extractUnitOrReply(c, unit):
    """Return the metres in a unit, or -1 after an error."""
    meters = UNITS.get(unit.ptr)
    if meters is None:
        addReplyError(c, b"unsupported unit provided. please use m, km, ft, mi")
        return -1
    return meters


def extractDistanceOrReply(c, argv):
    """Parse `radius unit` -> (C_OK, metres in the unit, radius), or (C_ERR, 0, 0) after an error."""
    ok, distance = getDoubleFromObjectOrReply(c, argv[0], b"need numeric radius")
    if ok != C_OK:
        return C_ERR, 0.0, 0.0
    if distance < 0:
        addReplyError(c, b"radius cannot be negative")
        return C_ERR, 0.0, 0.0
    to_meters = extractUnitOrReply(c, argv[1])
    if to_meters < 0:
        return C_ERR, 0.0, 0.0
    return C_OK, to_meters, distance


def extractBoxOrReply(c, argv):
    """Parse `width height unit` -> (C_OK, metres in the unit, width, height), or (C_ERR, 0, 0, 0) after an error."""
    ok, w = getDoubleFromObjectOrReply(c, argv[0], b"need numeric width")
    if ok == C_OK:
        ok, h = getDoubleFromObjectOrReply(c, argv[1], b"need numeric height")
    if ok != C_OK:
        return C_ERR, 0.0, 0.0, 0.0
    if h < 0 or w < 0:
        addReplyError(c, b"height or width cannot be negative")
        return C_ERR, 0.0, 0.0, 0.0
    to_meters = extractUnitOrReply(c, argv[2])
    if to_meters < 0:
        return C_ERR, 0.0, 0.0, 0.0
    return C_OK, to_meters, w, h


def addReplyDoubleDistance(c, d):
    """Reply a distance with four digits: more would be noise."""
    addReplyBulkCBuffer(c, b"%.4f" % d)


def geoAppendIfWithinShape(ga, shape, score, member):
    """Append a geoPoint to `ga` if the member lies in the shape -> C_OK or C_ERR."""
    xy = decodeGeohash(score)
    if xy is None:
        return C_ERR
    if shape.type == CIRCULAR_TYPE:
        distance = geohashGetDistanceIfInRadiusWGS84(shape.xy[0], shape.xy[1], xy[0], xy[1], shape.radius * shape.conversion)
    else:
        distance = geohashGetDistanceIfInRectangle(shape.width * shape.conversion, shape.height * shape.conversion,
                                                   shape.xy[0], shape.xy[1], xy[0], xy[1])
    if distance is None:
        return C_ERR
    ga.append(geoPoint(xy, distance, score, member))
    return C_OK


def geoGetPointsInRange(zobj, min_, max_, shape, ga, limit):
    """Append to `ga` the members with min_ <= score < max_ that lie in the shape, until it has `limit` (0: all)."""
    range_ = zrangespec()
    range_.min, range_.max, range_.maxex = float(min_), float(max_), 1
    if zobj.encoding == OBJ_ENCODING_ZIPLIST:
        zl = zobj.ptr
        eptr = zzlFirstInRange(zl, range_)
        sptr = None if eptr is None else ziplistNext(zl, eptr)
        while eptr is not None:
            score = zzlGetScore(zl, sptr)
            if not zslValueLteMax(score, range_):
                break
            geoAppendIfWithinShape(ga, shape, score, ziplistGetObject(zl, eptr))
            if ga and limit and len(ga) >= limit:
                break
            eptr, sptr = zzlNext(zl, eptr, sptr)
    elif zobj.encoding == OBJ_ENCODING_SKIPLIST:
        ln = zslFirstInRange(zobj.ptr.zsl, range_)
        while ln is not None and zslValueLteMax(ln.score, range_):
            geoAppendIfWithinShape(ga, shape, ln.score, ln.ele)
            if ga and limit and len(ga) >= limit:
                break
            ln = ln.forward


def scoresOfGeoHashBox(hash_):
    """Return (min, max) of the scores in a cell: its bits followed by any others; max is excluded."""
    return geohashAlign52Bits(hash_), geohashAlign52Bits(GeoHashBits(hash_.bits + 1, hash_.step))


def membersOfGeoHashBox(zobj, hash_, ga, shape, limit):
    min_, max_ = scoresOfGeoHashBox(hash_)
    geoGetPointsInRange(zobj, min_, max_, shape, ga, limit)


def membersOfAllNeighbors(zobj, n, shape, ga, limit):
    """Search the centre cell and its neighbours."""
    nb = n.neighbors
    cells = (n.hash, nb.north, nb.south, nb.east, nb.west, nb.north_east, nb.north_west, nb.south_east, nb.south_west)
    last_processed = 0
    for i, cell in enumerate(cells):
        if not cell.bits and not cell.step:             # excluded
            continue
        # With a radius of thousands of kilometres two neighbours can be the same cell.
        if last_processed and cell == cells[last_processed]:
            continue
        if ga and limit and len(ga) >= limit:
            break
        membersOfGeoHashBox(zobj, cell, ga, shape, limit)
        last_processed = i


def sort_gp_asc(a, b):
    return (a.dist > b.dist) - (a.dist < b.dist)


def sort_gp_desc(a, b):
    return -sort_gp_asc(a, b)


# ---------------------------------------------------------------------------
# Commands
# ---------------------------------------------------------------------------

def geoaddCommand(c):
    """GEOADD key [NX|XX] [CH] longitude latitude member [longitude latitude member ...] -> int   [write, denyoom]"""
    xx = nx = 0
    longidx = 2
    while longidx < c.argc:
        opt = c.argv[longidx].ptr.lower()
        if opt == b"nx":
            nx = 1
        elif opt == b"xx":
            xx = 1
        elif opt != b"ch":
            break
        longidx += 1
    if (c.argc - longidx) % 3 or (xx and nx):
        addReplyErrorObject(c, shared.syntaxerr)
        return
    argv = [createRawStringObject(b"zadd")] + c.argv[1:longidx]
    for i in range(longidx, c.argc, 3):
        ok, xy = extractLongLatOrReply(c, c.argv[i:i + 2])
        if ok == C_ERR:
            return
        bits = geohashAlign52Bits(geohashEncodeWGS84(xy[0], xy[1], GEO_STEP_MAX))
        argv.append(createObject(OBJ_STRING, b"%d" % bits))
        argv.append(c.argv[i + 2])
    replaceClientCommandVector(c, argv)
    zaddCommand(c)


class georadius_args:
    """Options of the search commands."""
    __slots__ = ("shape", "storekey", "storedist", "withdist", "withhash", "withcoords", "frommember", "fromloc",
                 "byradius", "bybox", "sort", "any", "count")

    def __init__(self):
        self.shape = GeoShape()
        self.storekey = None       # robj
        self.storedist = 0         # 1 = the distances become the scores
        self.withdist = self.withhash = self.withcoords = 0
        self.frommember = self.fromloc = self.byradius = self.bybox = 0
        self.sort = SORT_NONE
        self.any = 0               # 1 = stop as soon as `count` were found
        self.count = 0             # 0 = all


def georadiusGeneric_options(c, a, zobj, base_args, flags):
    """Parse the options from argv[base_args] on into `a` -> True, or False after an error."""
    shape = a.shape
    i = base_args
    while i < c.argc:
        arg = c.argv[i].ptr.lower()
        left = c.argc - i - 1
        if arg == b"withdist":
            a.withdist = 1
        elif arg == b"withhash":
            a.withhash = 1
        elif arg == b"withcoord":
            a.withcoords = 1
        elif arg == b"any":
            a.any = 1
        elif arg == b"asc":
            a.sort = SORT_ASC
        elif arg == b"desc":
            a.sort = SORT_DESC
        elif arg == b"count" and left:
            ok, a.count = getLongLongFromObjectOrReply(c, c.argv[i + 1], None)
            if ok != C_OK:
                return False
            if a.count <= 0:
                addReplyError(c, b"COUNT must be > 0")
                return False
            i += 1
        elif arg in (b"store", b"storedist") and left and not flags & (RADIUS_NOSTORE | GEOSEARCH):
            a.storekey = c.argv[i + 1]
            a.storedist = 1 if arg == b"storedist" else 0
            i += 1
        elif arg == b"storedist" and flags & GEOSEARCH and flags & GEOSEARCHSTORE:
            a.storedist = 1
        elif arg == b"frommember" and left and flags & GEOSEARCH and not a.fromloc:
            if zobj is not None:            # without a key the reply is sent at the end
                ok, shape.xy = longLatFromMember(zobj, c.argv[i + 1])
                if ok == C_ERR:
                    addReplyError(c, b"could not decode requested zset member")
                    return False
            a.frommember = 1
            i += 1
        elif arg == b"fromlonlat" and left >= 2 and flags & GEOSEARCH and not a.frommember:
            ok, xy = extractLongLatOrReply(c, c.argv[i + 1:i + 3])
            if ok == C_ERR:
                return False
            shape.xy = xy
            a.fromloc = 1
            i += 2
        elif arg == b"byradius" and left >= 2 and flags & GEOSEARCH and not a.bybox:
            ok, shape.conversion, shape.radius = extractDistanceOrReply(c, c.argv[i + 1:i + 3])
            if ok != C_OK:
                return False
            shape.type = CIRCULAR_TYPE
            a.byradius = 1
            i += 2
        elif arg == b"bybox" and left >= 3 and flags & GEOSEARCH and not a.byradius:
            ok, shape.conversion, shape.width, shape.height = extractBoxOrReply(c, c.argv[i + 1:i + 4])
            if ok != C_OK:
                return False
            shape.type = RECTANGLE_TYPE
            a.bybox = 1
            i += 3
        else:
            addReplyErrorObject(c, shared.syntaxerr)
            return False
        i += 1

    if a.storekey is not None and (a.withdist or a.withhash or a.withcoords):
        addReplyError(c, b"STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORDS options")
        return False
    if flags & GEOSEARCH and not (a.frommember or a.fromloc):
        addReplyErrorFormat(c, b"exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", c.argv[0].ptr)
        return False
    if flags & GEOSEARCH and not (a.byradius or a.bybox):
        addReplyErrorFormat(c, b"exactly one of BYRADIUS and BYBOX can be specified for %s", c.argv[0].ptr)
        return False
    if a.any and not a.count:
        addReplyError(c, b"the ANY argument requires COUNT argument")
        return False
    return True


def georadiusGeneric(c, srcKeyIndex, flags):
    """Execute all six search commands; flags are RADIUS_*, GEOSEARCH, GEOSEARCHSTORE."""
    a = georadius_args()
    shape = a.shape
    zobj = lookupKeyRead(c.db, c.argv[srcKeyIndex])
    if checkType(c, zobj, OBJ_ZSET):
        return
    if flags & RADIUS_COORDS:
        base_args = 6
        shape.type = CIRCULAR_TYPE
        ok, xy = extractLongLatOrReply(c, c.argv[2:4])
        if ok == C_ERR:
            return
        shape.xy = xy
        ok, shape.conversion, shape.radius = extractDistanceOrReply(c, c.argv[4:6])
        if ok != C_OK:
            return
    elif flags & RADIUS_MEMBER:
        base_args = 5
        if zobj is not None:                # without a key the reply still depends on the options
            shape.type = CIRCULAR_TYPE
            ok, xy = longLatFromMember(zobj, c.argv[2])
            if ok == C_ERR:
                addReplyError(c, b"could not decode requested zset member")
                return
            shape.xy = xy
            ok, shape.conversion, shape.radius = extractDistanceOrReply(c, c.argv[3:5])
            if ok != C_OK:
                return
    else:
        base_args = 2
        if flags & GEOSEARCHSTORE:
            base_args = 3
            a.storekey = c.argv[1]
    if not georadiusGeneric_options(c, a, zobj, base_args, flags):
        return

    if zobj is None:
        if a.storekey is not None:
            if dbDelete(c.db, a.storekey):
                signalModifiedKey(c, c.db, a.storekey)
                notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", a.storekey, c.db.id)
                server.dirty += 1
            addReply(c, shared.czero)
        else:
            addReply(c, shared.emptyarray)
        return
    # The nearest `count` points are known only after sorting.
    if a.count != 0 and a.sort == SORT_NONE and not a.any:
        a.sort = SORT_ASC

    ga = []
    membersOfAllNeighbors(zobj, geohashCalculateAreasByShapeWGS84(shape), shape, ga, a.count if a.any else 0)
    if not ga and a.storekey is None:
        addReply(c, shared.emptyarray)
        return
    returned_items = len(ga) if a.count == 0 or len(ga) < a.count else a.count
    if a.sort != SORT_NONE:
        sort_gp_callback = sort_gp_asc if a.sort == SORT_ASC else sort_gp_desc
        if returned_items == len(ga):
            ga.sort(key=functools.cmp_to_key(sort_gp_callback))         # qsort
        else:
            pqsort(ga, sort_gp_callback, 0, returned_items - 1)
    del ga[returned_items:]
    for gp in ga:
        gp.dist /= shape.conversion         # to the user's unit
    if a.storekey is None:
        georadiusGeneric_reply(c, a, ga)
    else:
        georadiusGeneric_store(c, a, ga, flags)


def georadiusGeneric_reply(c, a, ga):
    """Send the members; with options each as an array of its own."""
    option_length = a.withdist + a.withhash + a.withcoords
    addReplyArrayLen(c, len(ga))
    for gp in ga:
        if option_length:
            addReplyArrayLen(c, option_length + 1)
        addReplyBulkSds(c, gp.member)
        if a.withdist:
            addReplyDoubleDistance(c, gp.dist)
        if a.withhash:
            addReplyLongLong(c, double_to_llong(gp.score))
        if a.withcoords:
            addReplyArrayLen(c, 2)
            addReplyHumanLongDouble(c, ld(gp.longitude))
            addReplyHumanLongDouble(c, ld(gp.latitude))


def georadiusGeneric_store(c, a, ga, flags):
    """Store the members as a sorted set, scored by geohash or distance, and reply how many."""
    if ga:
        maxelelen = totelelen = 0
        zobj = createZsetObject()
        zs = zobj.ptr
        for gp in ga:
            score = gp.dist if a.storedist else gp.score
            maxelelen = max(maxelelen, len(gp.member))
            totelelen += len(gp.member)
            zslInsert(zs.zsl, score, gp.member)
            serverAssert(dictAdd(zs.dict, gp.member, score) == DICT_OK)
        zsetConvertToZiplistIfNeeded(zobj, maxelelen, totelelen)
        setKey(c, c.db, a.storekey, zobj)
        notifyKeyspaceEvent(NOTIFY_ZSET, b"geosearchstore" if flags & GEOSEARCH else b"georadiusstore", a.storekey, c.db.id)
        server.dirty += len(ga)
    elif dbDelete(c.db, a.storekey):
        signalModifiedKey(c, c.db, a.storekey)
        notifyKeyspaceEvent(NOTIFY_GENERIC, b"del", a.storekey, c.db.id)
        server.dirty += 1
    addReplyLongLong(c, len(ga))


def georadiusCommand(c):
    """GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT n [ANY]] [ASC|DESC]
    [STORE key] [STOREDIST key] -> array or int   [write]"""
    georadiusGeneric(c, 1, RADIUS_COORDS)


def georadiusbymemberCommand(c):
    """GEORADIUSBYMEMBER key member radius unit [options of GEORADIUS] -> array or int   [write]"""
    georadiusGeneric(c, 1, RADIUS_MEMBER)


def georadiusroCommand(c):
    """GEORADIUS_RO: GEORADIUS without STORE   [read-only]"""
    georadiusGeneric(c, 1, RADIUS_COORDS | RADIUS_NOSTORE)


def georadiusbymemberroCommand(c):
    """GEORADIUSBYMEMBER_RO: GEORADIUSBYMEMBER without STORE   [read-only]"""
    georadiusGeneric(c, 1, RADIUS_MEMBER | RADIUS_NOSTORE)


def geosearchCommand(c):
    """GEOSEARCH key FROMMEMBER member|FROMLONLAT lon lat BYRADIUS r unit|BYBOX w h unit [ASC|DESC] [COUNT n [ANY]]
    [WITHCOORD] [WITHDIST] [WITHHASH] -> array   [read-only]"""
    georadiusGeneric(c, 1, GEOSEARCH)


def geosearchstoreCommand(c):
    """GEOSEARCHSTORE destination source ... [STOREDIST] -> int   [write, denyoom]"""
    georadiusGeneric(c, 2, GEOSEARCH | GEOSEARCHSTORE)


GEOALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"


def geohashCommand(c):
    """GEOHASH key member [member ...] -> array   [read-only]"""
    zobj = lookupKeyRead(c.db, c.argv[1])
    if checkType(c, zobj, OBJ_ZSET):
        return
    addReplyArrayLen(c, c.argc - 2)
    for arg in c.argv[2:]:
        ok, score = zsetScore(zobj, arg.ptr)
        xy = decodeGeohash(score) if ok == C_OK else None
        if xy is None:
            addReplyNull(c)
            continue
        # Standard geohashes take latitudes from -90 to 90: encode again in that range.
        hash_ = geohashEncode(GeoHashRange(-180.0, 180.0), GeoHashRange(-90.0, 90.0), xy[0], xy[1], 26)
        # 52 bits are ten characters and two more bits; the eleventh character is always 0, for compatibility.
        text = bytes(GEOALPHABET[hash_.bits >> 52 - (i + 1) * 5 & 0x1f] for i in range(10))
        addReplyBulkCBuffer(c, text + GEOALPHABET[:1])


def geoposCommand(c):
    """GEOPOS key member [member ...] -> array of pairs   [read-only]"""
    zobj = lookupKeyRead(c.db, c.argv[1])
    if checkType(c, zobj, OBJ_ZSET):
        return
    addReplyArrayLen(c, c.argc - 2)
    for arg in c.argv[2:]:
        ok, score = zsetScore(zobj, arg.ptr)
        xy = decodeGeohash(score) if ok == C_OK else None
        if xy is None:
            addReplyNullArray(c)
            continue
        addReplyArrayLen(c, 2)
        addReplyHumanLongDouble(c, ld(xy[0]))
        addReplyHumanLongDouble(c, ld(xy[1]))


def geodistCommand(c):
    """GEODIST key member1 member2 [unit] -> bulk|nil   [read-only]"""
    to_meter = 1
    if c.argc == 5:
        to_meter = extractUnitOrReply(c, c.argv[4])
        if to_meter < 0:
            return
    elif c.argc > 5:
        addReplyErrorObject(c, shared.syntaxerr)
        return
    zobj = lookupKeyReadOrReply(c, c.argv[1], shared.null[c.resp])
    if zobj is None or checkType(c, zobj, OBJ_ZSET):
        return
    ok, xy1 = longLatFromMember(zobj, c.argv[2])
    ok2, xy2 = longLatFromMember(zobj, c.argv[3])
    if ok == C_ERR or ok2 == C_ERR:
        addReplyNull(c)
        return
    addReplyDoubleDistance(c, geohashGetDistance(xy1[0], xy1[1], xy2[0], xy2[1]) / to_meter)
