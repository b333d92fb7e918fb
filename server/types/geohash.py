"""geohash.py - positions as interleaved bits.          Mirrors src/geohash.c, geohash_helper.c (6.2.14)

Lives here   encode and decode; the eight neighbours of a cell; which cells cover a circle or a rectangle; distances.
Called from  geo.py [command].
Departures   GeoHashBits is an immutable tuple (bits, step); out-parameters are results, None where C returns 0.

The world is halved in turn by longitude and latitude; each half adds a bit: 1 for the upper part.  `step` halvings of
both give 2*step bits, longitude in the odd positions.  26 steps make 52 bits, which a double holds exactly.
"""
import math
from typing import NamedTuple

GEO_STEP_MAX = 26
GEO_LAT_MIN = -85.05112878
GEO_LAT_MAX = 85.05112878
GEO_LONG_MIN = -180.0
GEO_LONG_MAX = 180.0

CIRCULAR_TYPE = 1
RECTANGLE_TYPE = 2

D_R = math.pi / 180.0
EARTH_RADIUS_IN_METERS = 6372797.560856     # quadratic mean radius, WGS-84
MERCATOR_MAX = 20037726.37

ODD = 0xaaaaaaaaaaaaaaaa                    # longitude bits
EVEN = 0x5555555555555555                   # latitude bits


class GeoHashBits(NamedTuple):
    bits: int
    step: int


GZERO = GeoHashBits(0, 0)                   # "no cell"


class GeoHashRange(NamedTuple):
    min: float
    max: float


class GeoHashArea(NamedTuple):
    """A cell and its borders, in degrees."""
    hash: GeoHashBits
    longitude: GeoHashRange
    latitude: GeoHashRange


class GeoHashNeighbors:
    """The eight cells round one; GZERO where the search does not need it."""
    __slots__ = ("north", "east", "west", "south", "north_east", "south_east", "north_west", "south_west")


class GeoHashRadius(NamedTuple):
    """Cells that cover a search: the centre and its neighbours."""
    hash: GeoHashBits
    area: GeoHashArea
    neighbors: GeoHashNeighbors


class GeoShape:
    """What a search looks for: a circle or a rectangle round a point."""
    __slots__ = ("type", "xy", "conversion", "bounds", "radius", "height", "width")

    def __init__(self):
        self.type = 0              # CIRCULAR_TYPE or RECTANGLE_TYPE
        self.xy = (0.0, 0.0)       # centre: longitude, latitude
        self.conversion = 1.0      # metres in the user's unit
        self.bounds = None         # min longitude, min latitude, max longitude, max latitude
        self.radius = 0.0          # in the user's unit, like the two below
        self.height = 0.0
        self.width = 0.0


def interleave64(xlo, ylo):
    """Spread the bits of two 32-bit numbers: x to the even positions, y to the odd ones."""
    x, y = xlo, ylo
    for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F),
                        (2, 0x3333333333333333), (1, 0x5555555555555555)):
        x = (x | x << shift) & mask
        y = (y | y << shift) & mask
    return x | y << 1


def deinterleave64(interleaved):
    """Return (x, y) of interleave64."""
    x, y = interleaved & EVEN, interleaved >> 1 & EVEN
    for shift, mask in ((1, 0x3333333333333333), (2, 0x0F0F0F0F0F0F0F0F), (4, 0x00FF00FF00FF00FF),
                        (8, 0x0000FFFF0000FFFF), (16, 0x00000000FFFFFFFF)):
        x = (x | x >> shift) & mask
        y = (y | y >> shift) & mask
    return x, y


LONG_RANGE = GeoHashRange(GEO_LONG_MIN, GEO_LONG_MAX)
LAT_RANGE = GeoHashRange(GEO_LAT_MIN, GEO_LAT_MAX)  # Mercator: the poles cannot be encoded


def geohashGetCoordRange():
    """Return (longitude range, latitude range)."""
    return LONG_RANGE, LAT_RANGE


def geohashEncode(long_range, lat_range, longitude, latitude, step):
    """Return the GeoHashBits of a position, or None if it lies outside."""
    if step > 32 or step == 0:
        return None
    if not (GEO_LONG_MIN <= longitude <= GEO_LONG_MAX and GEO_LAT_MIN <= latitude <= GEO_LAT_MAX):
        return None
    if not (lat_range.min <= latitude <= lat_range.max and long_range.min <= longitude <= long_range.max):
        return None
    lat_offset = (latitude - lat_range.min) / (lat_range.max - lat_range.min)
    long_offset = (longitude - long_range.min) / (long_range.max - long_range.min)
    # Fixed point; the upper limit itself needs one more bit, which C's conversion to uint32_t drops.
    cells = 1 << step
    return GeoHashBits(interleave64(int(lat_offset * cells) & 0xffffffff, int(long_offset * cells) & 0xffffffff), step)


def geohashEncodeWGS84(longitude, latitude, step):
    return geohashEncode(*geohashGetCoordRange(), longitude, latitude, step)


def geohashDecode(long_range, lat_range, hash_):
    """Return the GeoHashArea of a cell, or None for GZERO."""
    if not hash_.bits and not hash_.step:
        return None
    ilato, ilono = deinterleave64(hash_.bits)
    lat_scale = lat_range.max - lat_range.min
    long_scale = long_range.max - long_range.min
    cells = float(1 << hash_.step)
    return GeoHashArea(
        hash_,
        GeoHashRange(long_range.min + (ilono / cells) * long_scale, long_range.min + ((ilono + 1) / cells) * long_scale),
        GeoHashRange(lat_range.min + (ilato / cells) * lat_scale, lat_range.min + ((ilato + 1) / cells) * lat_scale))


def geohashDecodeWGS84(hash_):
    return geohashDecode(*geohashGetCoordRange(), hash_)


def geohashDecodeAreaToLongLat(area):
    """Return (longitude, latitude) of the middle of a cell."""
    longitude = (area.longitude.min + area.longitude.max) / 2
    latitude = (area.latitude.min + area.latitude.max) / 2
    return min(max(longitude, GEO_LONG_MIN), GEO_LONG_MAX), min(max(latitude, GEO_LAT_MIN), GEO_LAT_MAX)


def geohashDecodeToLongLatWGS84(hash_):
    """Return (longitude, latitude), or None for GZERO."""
    area = geohashDecodeWGS84(hash_)
    return None if area is None else geohashDecodeAreaToLongLat(area)


def geohash_move(hash_, dx, dy):
    """Return the cell dx steps to the east and dy to the north (-1, 0, 1); the world wraps round."""
    bits, step = hash_
    x, y = bits & ODD, bits & EVEN
    unused = 64 - step * 2
    # Set the other coordinate's bits to one, so that a carry passes through them.
    if dx:
        zz = EVEN >> unused
        x = x + zz + 1 if dx > 0 else (x | zz) - (zz + 1)
        x &= ODD >> unused
    if dy:
        zz = ODD >> unused
        y = y + zz + 1 if dy > 0 else (y | zz) - (zz + 1)
        y &= EVEN >> unused
    return GeoHashBits(x | y, step)


def geohashNeighbors(hash_):
    """Return the GeoHashNeighbors of a cell."""
    n = GeoHashNeighbors()
    n.east = geohash_move(hash_, 1, 0)
    n.west = geohash_move(hash_, -1, 0)
    n.south = geohash_move(hash_, 0, -1)
    n.north = geohash_move(hash_, 0, 1)
    n.north_west = geohash_move(hash_, -1, 1)
    n.north_east = geohash_move(hash_, 1, 1)
    n.south_east = geohash_move(hash_, 1, -1)
    n.south_west = geohash_move(hash_, -1, -1)
    return n


# ---------------------------------------------------------------------------
# geohash_helper.c
# ---------------------------------------------------------------------------

def deg_rad(ang):
    return ang * D_R


def rad_deg(ang):
    return ang / D_R


def geohashEstimateStepsByRadius(range_meters, lat):
    """Return the step whose cells, nine of them, cover the range: 1..26."""
    if range_meters == 0:
        return 26
    step = 1
    while range_meters < MERCATOR_MAX:
        range_meters *= 2
        step += 1
    step -= 2                               # the range must fit in most of the base cases
    if lat > 66 or lat < -66:               # meridians are close to each other near the poles
        step -= 1
        if lat > 80 or lat < -80:
            step -= 1
    return min(max(step, 1), 26)


def geohashBoundingBox(shape):
    """Return (min longitude, min latitude, max longitude, max latitude) of a shape."""
    longitude, latitude = shape.xy
    circular = shape.type == CIRCULAR_TYPE
    height = shape.conversion * (shape.radius if circular else shape.height / 2)
    width = shape.conversion * (shape.radius if circular else shape.width / 2)
    lat_delta = rad_deg(height / EARTH_RADIUS_IN_METERS)
    # The same width takes more degrees nearer to the pole: use the edge that is nearer.
    long_delta_top = rad_deg(c_div(width / EARTH_RADIUS_IN_METERS, c_cos(deg_rad(latitude + lat_delta))))
    long_delta_bottom = rad_deg(c_div(width / EARTH_RADIUS_IN_METERS, c_cos(deg_rad(latitude - lat_delta))))
    long_delta = long_delta_bottom if latitude < 0 else long_delta_top
    return longitude - long_delta, latitude - lat_delta, longitude + long_delta, latitude + lat_delta


def c_cos(x):
    """Compute cos() as in C: NaN for an infinite angle."""
    return math.cos(x) if math.isfinite(x) else math.nan


def c_div(a, b):
    """a / b as C computes it: no exception at zero."""
    if b:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def geohashCalculateAreasByShapeWGS84(shape):
    """Return the GeoHashRadius whose cells cover the shape; fills shape.bounds."""
    shape.bounds = min_lon, min_lat, max_lon, max_lat = geohashBoundingBox(shape)
    longitude, latitude = shape.xy
    if shape.type == CIRCULAR_TYPE:
        radius_meters = shape.radius
    else:                                   # to the corner
        radius_meters = math.sqrt((shape.width / 2) * (shape.width / 2) + (shape.height / 2) * (shape.height / 2))
    radius_meters *= shape.conversion
    steps = geohashEstimateStepsByRadius(radius_meters, latitude)
    hash_ = geohashEncodeWGS84(longitude, latitude, steps)
    neighbors = geohashNeighbors(hash_)
    area = geohashDecodeWGS84(hash_)

    # If the shape is near the border of its cell, the neighbours may not cover it: then use larger cells.
    if steps > 1:
        north, south = geohashDecodeWGS84(neighbors.north), geohashDecodeWGS84(neighbors.south)
        east, west = geohashDecodeWGS84(neighbors.east), geohashDecodeWGS84(neighbors.west)
        if (north.latitude.max < max_lat or south.latitude.min > min_lat
                or east.longitude.max < max_lon or west.longitude.min > min_lon):
            steps -= 1
            hash_ = geohashEncodeWGS84(longitude, latitude, steps)
            neighbors = geohashNeighbors(hash_)
            area = geohashDecodeWGS84(hash_)

    # Exclude the neighbours that the shape does not reach.
    if steps >= 2:
        if area.latitude.min < min_lat:
            neighbors.south = neighbors.south_west = neighbors.south_east = GZERO
        if area.latitude.max > max_lat:
            neighbors.north = neighbors.north_east = neighbors.north_west = GZERO
        if area.longitude.min < min_lon:
            neighbors.west = neighbors.south_west = neighbors.north_west = GZERO
        if area.longitude.max > max_lon:
            neighbors.east = neighbors.south_east = neighbors.north_east = GZERO
    return GeoHashRadius(hash_, area, neighbors)


def geohashAlign52Bits(hash_):
    """Return the 52-bit number that a cell's positions start with."""
    return hash_.bits << 52 - hash_.step * 2


def geohashGetDistance(lon1d, lat1d, lon2d, lat2d):
    """Return the distance in metres, by the haversine formula."""
    lat1r = deg_rad(lat1d)
    lat2r = deg_rad(lat2d)
    u = math.sin((lat2r - lat1r) / 2)
    v = math.sin((deg_rad(lon2d) - deg_rad(lon1d)) / 2)
    a = u * u + math.cos(lat1r) * math.cos(lat2r) * v * v
    return 2.0 * EARTH_RADIUS_IN_METERS * math.asin(math.sqrt(a)) if a <= 1.0 else math.nan


def geohashGetDistanceIfInRadiusWGS84(x1, y1, x2, y2, radius):
    """Return the distance, or None if it is more than `radius` metres."""
    distance = geohashGetDistance(x1, y1, x2, y2)
    return None if distance > radius else distance


def geohashGetDistanceIfInRectangle(width_m, height_m, x1, y1, x2, y2):
    """Return the distance of point 2 from the centre 1, or None if it is outside the rectangle."""
    if geohashGetDistance(x2, y2, x1, y2) > width_m / 2 or geohashGetDistance(x2, y2, x2, y1) > height_m / 2:
        return None
    return geohashGetDistance(x1, y1, x2, y2)
