"""The skiplist against a sorted list, with its spans and back links checked after every step."""
import math

from hypothesis import given, settings, strategies as st

from datastructs import zskiplist as z
from datastructs.dict import dictAdd, dictCreate, dictSize, dictType

SCORES = st.sampled_from([0.0, 1.0, -1.0, 2.5, math.inf, -math.inf])
ELES = st.binary(max_size=2)
MEMBERS = st.dictionaries(ELES, SCORES, max_size=40)


def build(members):
    zsl = z.zslCreate()
    for ele, score in members.items():
        z.zslInsert(zsl, score, ele)
    return zsl


def content(zsl):
    """Walk level 0 and return [(score, ele), ...]; check every invariant on the way."""
    nodes, x = [], zsl.header.forward
    back = None
    while x is not None:
        assert x.backward is back and x.down is None
        back = x
        nodes.append(x)
        x = x.forward
    assert zsl.tail is back and zsl.length == len(nodes)
    position = {id(n): i + 1 for i, n in enumerate(nodes)}
    position[id(zsl.header)] = 0

    def base(x):
        """The level-0 node below x, and its height above it."""
        height = 0
        while x.down is not None:
            assert x.down.ele is x.ele and x.down.score == x.score and x.backward is None
            x = x.down
            height += 1
        return x, height

    first, level = zsl.top, zsl.level
    assert base(first) == (zsl.header, level - 1)
    assert level == 1 or first.forward is not None
    while first is not None:
        level -= 1
        x = first
        while x is not None:
            here, height = base(x)
            assert height == level
            target = position[id(base(x.forward)[0])] if x.forward is not None else zsl.length
            assert x.span == target - position[id(here)]
            x = x.forward
        first = first.down
    return [(n.score, n.ele) for n in nodes]


def model(members):
    return sorted((score, ele) for ele, score in members.items())


@given(MEMBERS)
def test_insert_orders_by_score_then_element(members):
    assert content(build(members)) == model(members)


@given(MEMBERS, st.lists(ELES, max_size=10))
def test_delete(members, victims):
    zsl = build(members)
    for ele in victims:
        assert z.zslDelete(zsl, members.get(ele, 0.0), ele) == (ele in members)
        members.pop(ele, None)
        assert content(zsl) == model(members)


@given(MEMBERS.filter(bool), st.data())
def test_update_score(members, data):
    zsl = build(members)
    ele = data.draw(st.sampled_from(sorted(members)))
    new = data.draw(SCORES)
    node = z.zslUpdateScore(zsl, members[ele], ele, new)
    members[ele] = new
    assert (node.score, node.ele) == (new, ele)
    assert content(zsl) == model(members)


@given(MEMBERS)
def test_ranks(members):
    zsl = build(members)
    for i, (score, ele) in enumerate(model(members)):
        assert z.zslGetRank(zsl, score, ele) == i + 1
        assert z.zslGetElementByRank(zsl, i + 1).ele == ele
    assert z.zslGetRank(zsl, 1.0, b"absent") == 0
    assert z.zslGetElementByRank(zsl, len(members) + 1) is None


def score_range(lo, hi, minex, maxex):
    spec = z.zrangespec()
    spec.min, spec.max, spec.minex, spec.maxex = lo, hi, minex, maxex
    return spec


@given(MEMBERS, SCORES, SCORES, st.booleans(), st.booleans())
def test_score_ranges(members, lo, hi, minex, maxex):
    spec = score_range(lo, hi, minex, maxex)
    inside = [m for m in model(members) if (m[0] > lo if minex else m[0] >= lo) and (m[0] < hi if maxex else m[0] <= hi)]
    zsl = build(members)
    first, last = z.zslFirstInRange(zsl, spec), z.zslLastInRange(zsl, spec)
    assert (first and (first.score, first.ele)) == (inside[0] if inside else None)
    assert (last and (last.score, last.ele)) == (inside[-1] if inside else None)
    d = dictCreate(dictType())
    for ele, score in members.items():
        dictAdd(d, ele, score)
    if lo <= hi:
        assert z.zslDeleteRangeByScore(zsl, spec, d) == len(inside)
        assert content(zsl) == [m for m in model(members) if m not in inside]
        assert dictSize(d) == zsl.length


BOUND = st.one_of(ELES, st.sampled_from([z.minstring, z.maxstring]))


@settings(max_examples=200)
@given(st.sets(ELES, max_size=30), BOUND, BOUND, st.booleans(), st.booleans())
def test_lex_ranges(eles, lo, hi, minex, maxex):
    spec = z.zlexrangespec()
    spec.min, spec.max, spec.minex, spec.maxex = lo, hi, minex, maxex
    key = {id(z.minstring): (0, b""), id(z.maxstring): (2, b"")}
    low, high = key.get(id(lo), (1, lo)), key.get(id(hi), (1, hi))
    inside = [e for e in sorted(eles)
              if ((1, e) > low if minex else (1, e) >= low) and ((1, e) < high if maxex else (1, e) <= high)]
    zsl = build(dict.fromkeys(eles, 0.0))
    first, last = z.zslFirstInLexRange(zsl, spec), z.zslLastInLexRange(zsl, spec)
    assert (first and first.ele) == (inside[0] if inside else None)
    assert (last and last.ele) == (inside[-1] if inside else None)


@given(MEMBERS, st.integers(1, 45), st.integers(1, 45))
def test_delete_by_rank(members, start, end):
    zsl = build(members)
    d = dictCreate(dictType())
    for ele, score in members.items():
        dictAdd(d, ele, score)
    keep = [m for i, m in enumerate(model(members), 1) if not start <= i <= end]
    assert z.zslDeleteRangeByRank(zsl, start, end, d) == len(members) - len(keep)
    assert content(zsl) == keep


@given(MEMBERS.filter(bool), st.data())
def test_a_score_that_keeps_its_place_changes_the_whole_tower(members, data):
    members = {ele: float(i) for i, ele in enumerate(members)}
    zsl = build(members)
    ele = data.draw(st.sampled_from(sorted(members)))
    length, node = zsl.length, z.zslGetElementByRank(zsl, z.zslGetRank(zsl, members[ele], ele))
    assert z.zslUpdateScore(zsl, members[ele], ele, members[ele] + 0.5) is node
    members[ele] += 0.5
    assert zsl.length == length and content(zsl) == model(members)


def test_high_towers(monkeypatch):
    """Every third node rises as high as it can."""
    draws = iter([0.0] * 40 + [0.25, 0.5, 0.9] + [0.2] * 31 + [0.25, 0.5] * 100)
    monkeypatch.setattr(z, "random", lambda: next(draws))
    members = {b"a": 1.0, b"b": 0.5, b"c": 1.5, b"d": 0.7}
    zsl = build(members)
    assert zsl.level == z.ZSKIPLIST_MAXLEVEL and content(zsl) == model(members)
    z.zslDelete(zsl, 1.0, b"a")
    z.zslDelete(zsl, 0.7, b"d")
    assert zsl.level == 1 and content(zsl) == [(0.5, b"b"), (1.5, b"c")]


def test_level_distribution():
    """A quarter of the nodes of a level stand on the next one, too."""
    levels = [z.zslRandomLevel() for _ in range(20000)]
    for high in (2, 3):
        share = sum(level >= high for level in levels) / 20000
        assert abs(share - 0.25 ** (high - 1)) < 0.03


def test_free_cuts_every_link():
    zsl = build({b"%d" % i: float(i) for i in range(100)})
    first, top = zsl.header.forward, zsl.top.forward
    z.zslFree(zsl)
    assert zsl.header is zsl.top is zsl.tail is None
    for node in (first, top):
        assert node.forward is node.backward is node.down is None
