"""geohash.py: bits, cells, neighbours, areas; and what the geo commands make of them."""
import math
import random

import pytest

import server.link  # noqa: F401
from server.types.geohash import (
    CIRCULAR_TYPE, GeoShape, deinterleave64, geohashAlign52Bits, geohashCalculateAreasByShapeWGS84, geohashDecodeToLongLatWGS84,
    geohashDecodeWGS84, geohashEncodeWGS84, geohashEstimateStepsByRadius, geohashGetDistance, geohashNeighbors, interleave64,
)
from tests.support.inprocess import InProcess

PALERMO, CATANIA = (13.361389, 38.115556), (15.087269, 37.502669)


def test_interleave():
    rnd = random.Random(1)
    for _ in range(200):
        x, y = rnd.getrandbits(32), rnd.getrandbits(32)
        plain = sum((x >> i & 1) << 2 * i | (y >> i & 1) << 2 * i + 1 for i in range(32))
        assert interleave64(x, y) == plain
        assert deinterleave64(plain) == (x, y)


def test_bits_of_the_real_server():
    assert geohashAlign52Bits(geohashEncodeWGS84(*PALERMO, 26)) == 3479099956230698
    assert geohashAlign52Bits(geohashEncodeWGS84(*CATANIA, 26)) == 3479447370796909


def test_outside():
    assert geohashEncodeWGS84(180.1, 0, 26) is None
    assert geohashEncodeWGS84(0, 85.06, 26) is None
    assert geohashEncodeWGS84(0, 0, 0) is None
    assert geohashEncodeWGS84(0, 0, 33) is None


@pytest.mark.parametrize("step", [1, 2, 5, 13, 26])
def test_cells(step):
    rnd = random.Random(step)
    for _ in range(50):
        lon, lat = rnd.uniform(-179.9, 179.9), rnd.uniform(-85, 85)
        cell = geohashEncodeWGS84(lon, lat, step)
        area = geohashDecodeWGS84(cell)
        assert area.longitude.min <= lon <= area.longitude.max and area.latitude.min <= lat <= area.latitude.max
        assert area.longitude.max - area.longitude.min == pytest.approx(360 / (1 << step))
        assert geohashEncodeWGS84(*geohashDecodeToLongLatWGS84(cell), step) == cell       # its middle lies in it


def test_neighbours():
    lon, lat, step = 13.0, 38.0, 12
    cell = geohashEncodeWGS84(lon, lat, step)
    around = geohashNeighbors(cell)
    area = geohashDecodeWGS84(cell)
    for name, dx, dy in (("north", 0, 1), ("south", 0, -1), ("east", 1, 0), ("west", -1, 0), ("north_east", 1, 1), ("south_west", -1, -1),
                         ("north_west", -1, 1), ("south_east", 1, -1)):
        mid = [(r.min + r.max) / 2 + d * (r.max - r.min) for r, d in ((area.longitude, dx), (area.latitude, dy))]
        assert getattr(around, name) == geohashEncodeWGS84(*mid, step), name


def test_distance():
    assert geohashGetDistance(*PALERMO, *CATANIA) == pytest.approx(166274.1516, abs=0.2)
    assert geohashGetDistance(*PALERMO, *PALERMO) == 0
    assert geohashGetDistance(0, 0, 180, 0) == pytest.approx(math.pi * 6372797.560856)


def test_steps_fall_with_the_radius():
    steps = [geohashEstimateStepsByRadius(10.0 ** n, 0) for n in range(8)]
    assert steps == sorted(steps, reverse=True) and steps[0] > 15 and steps[-1] == 1
    assert geohashEstimateStepsByRadius(0, 0) == 26
    assert geohashEstimateStepsByRadius(1000, 70) < geohashEstimateStepsByRadius(1000, 0)


@pytest.mark.parametrize("seed", range(4))
def test_areas_cover_the_circle(seed):
    rnd = random.Random(seed)
    for _ in range(40):
        shape = GeoShape()
        shape.type = CIRCULAR_TYPE
        shape.xy = lon, lat = rnd.uniform(-170, 170), rnd.uniform(-60, 60)
        shape.radius = 10 ** rnd.uniform(1, 5.5)
        found = geohashCalculateAreasByShapeWGS84(shape)
        cells = [found.hash] + [getattr(found.neighbors, name) for name in found.neighbors.__slots__]
        step = found.hash.step
        for k in range(8):                          # points just inside the rim
            angle, r = k * math.pi / 4, shape.radius * .99
            y = lat + math.degrees(r * math.sin(angle) / 6372797.560856)
            x = lon + math.degrees(r * math.cos(angle) / 6372797.560856) / math.cos(math.radians(lat))
            if -180 < x < 180 and -85 < y < 85 and geohashGetDistance(lon, lat, x, y) < shape.radius:
                assert geohashEncodeWGS84(x, y, step) in cells


@pytest.mark.parametrize("limit", [128, 0], ids=["ziplist", "skiplist"])
def test_searches(limit):
    rnd = random.Random(limit)
    with InProcess(zset_max_ziplist_entries=limit) as redis:
        for i in range(100):
            redis("GEOADD", "k", rnd.uniform(10, 20), rnd.uniform(35, 40), "m%d" % i)
        places = {m: tuple(map(float, redis("GEOPOS", "k", m)[0])) for m in redis("ZRANGE", "k", 0, -1)}
        for _ in range(15):
            lon, lat, radius = rnd.uniform(10, 20), rnd.uniform(35, 40), rnd.choice([1, 20, 100, 300, 2000])
            distance = {m: geohashGetDistance(lon, lat, *at) / 1000 for m, at in places.items()}
            want = sorted([m for m in places if distance[m] <= radius], key=distance.get)
            assert redis("GEOSEARCH", "k", "FROMLONLAT", lon, lat, "BYRADIUS", radius, "km", "ASC") == want
            assert redis("GEORADIUS", "k", lon, lat, radius, "km", "DESC", "COUNT", 3) == want[::-1][:3]
            assert redis("GEOSEARCHSTORE", "d", "k", "FROMLONLAT", lon, lat, "BYRADIUS", radius, "km") == len(want)
            assert set(redis("ZRANGE", "d", 0, -1)) == set(want)
