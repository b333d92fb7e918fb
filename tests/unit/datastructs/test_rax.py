"""rax against a sorted dict, and its shape against what raxShow() of the C library draws."""
import random

from hypothesis import given, settings, strategies as st

from datastructs.rax import (
    rax_last, raxCompare, raxEOF, raxFind, raxFree, raxFreeWithCallback, raxInsert, raxIterator, raxNew, raxNext, raxNotFound,
    raxPrev, raxRandomWalk, raxRemove, raxSeek, raxShow, raxSize, raxStart, raxStop, raxTryInsert)

# Few letters, so that prefixes collide; some long stretches, so that nodes get compressed.
keys = st.one_of(
    st.text("ab", max_size=6).map(str.encode),
    st.lists(st.sampled_from([b"a", b"b", b"foo", b"foobar", b"\x00", b"\xff", b"ANNIBALE"]), max_size=4).map(b"".join),
    st.binary(max_size=5))


def check_tree(rt):
    """Every invariant in the module's header; -> the keys by a plain recursive walk."""
    found = {}
    nodes = 0
    stack = [(rt.head, b"")]
    while stack:
        n, path = stack.pop()
        nodes += 1
        if n.iskey:
            found[path] = n.value
        else:
            assert n.value is None
            assert n.children or n is rt.head
        if n.iscompr:
            assert len(n.data) >= 2 and len(n.children) == 1
            stack.append((n.children[0], path + n.data))
        else:
            assert len(n.data) == len(n.children)
            assert list(n.data) == sorted(set(n.data))
            for j, child in enumerate(n.children):
                stack.append((child, path + n.data[j:j + 1]))
    assert nodes == rt.numnodes
    assert len(found) == rt.numele == raxSize(rt)
    return found


def build(d):
    rt = raxNew()
    for k, v in d.items():
        raxInsert(rt, k, v)
    return rt


def walk(rt, step=raxNext, op="^"):
    it = raxIterator()
    raxStart(it, rt)
    raxSeek(it, op)
    out = []
    while step(it):
        out.append((it.key, it.data))
    # at the end the iterator stays on the last element, as in C
    if out:
        assert it.key == out[-1][0]
        assert not step(it) and raxEOF(it)
    raxStop(it)
    return out


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("iitr"), keys, st.one_of(st.none(), st.integers())), max_size=40))
def test_model(ops):
    rt, model = raxNew(), {}
    for op, k, v in ops:
        if op == "i":
            assert raxInsert(rt, k, v) == ((0, model[k]) if k in model else (1, None))
            model[k] = v
        elif op == "t":
            assert raxTryInsert(rt, k, v) == ((0, model[k]) if k in model else (1, None))
            model.setdefault(k, v)
        else:
            assert raxRemove(rt, k) == ((1, model.pop(k)) if k in model else (0, None))
        assert check_tree(rt) == model
    for _, k, _ in ops:
        assert raxFind(rt, k) == model.get(k, raxNotFound)
        assert raxFind(rt, k + b"\x00") == model.get(k + b"\x00", raxNotFound)
    assert walk(rt) == sorted(model.items())
    assert walk(rt, raxPrev, "$") == sorted(model.items(), reverse=True)
    for k in list(model):
        raxRemove(rt, k)
    assert check_tree(rt) == {} and rt.numnodes == 1


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, st.integers(), max_size=15), keys, st.sampled_from(["=", "==", ">", ">=", "<", "<="]))
def test_seek(model, ele, op):
    rt = build(model)
    it = raxIterator()
    raxStart(it, rt)
    assert raxSeek(it, op, ele) == 1
    if op in ("=", "=="):
        want = [ele] if ele in model else []
        assert bool(raxEOF(it)) == (not want)
        if want:
            assert raxNext(it) and it.key == ele and it.data == model[ele]
        return
    if op[0] == ">":
        want = sorted(k for k in model if k > ele or (k == ele and op == ">="))
        step = raxNext
    else:
        want = sorted((k for k in model if k < ele or (k == ele and op == "<=")), reverse=True)
        step = raxPrev
    assert bool(raxEOF(it)) == (not want)
    got = []
    while step(it):
        assert it.data == model[it.key] and raxCompare(it, op, ele)
        got.append(it.key)
    assert got == want
    if want:
        # one step in each direction from the sought element
        raxSeek(it, op, ele)
        assert raxNext(it) and it.key == want[0]
        order = sorted(model)
        at = order.index(want[0])
        assert raxPrev(it) == (1 if at > 0 else 0)
        if at > 0:
            assert it.key == order[at - 1]


def test_not_found_is_not_none():
    rt = raxNew()
    raxInsert(rt, b"k", None)
    assert raxFind(rt, b"k") is None
    assert raxFind(rt, b"") is raxNotFound and raxFind(rt, b"kk") is raxNotFound


def show(capsys, *words):
    rt = raxNew()
    for w in words:
        raxInsert(rt, w, 1)
    raxShow(rt)
    return capsys.readouterr().out


def test_shapes(capsys):
    assert show(capsys, b"ANNIBALESCO", b"ANNIBALE") == '"ANNIBALE" -> "SCO"=1 -> []=1\n'
    assert show(capsys, b"ANNIBALE", b"ANNI") == '"ANNI" -> "BALE"=1 -> []=1\n'
    assert show(capsys, b"ANNIBALE", b"ANNIENTARE") == (
        '"ANNI" -> [BE]\n'
        '        `-(B) "ALE" -> []=1\n'
        '        `-(E) "NTARE" -> []=1\n')
    assert show(capsys, b"ANNIBALE", b"AGO") == (
        '[A] -> [GN]\n'
        '        `-(G) [O] -> []=1\n'
        '        `-(N) "NIBALE" -> []=1\n')
    assert show(capsys, b"ANNIBALE", b"CIAO") == (
        '[AC]\n'
        ' `-(A) "NNIBALE" -> []=1\n'
        ' `-(C) "IAO" -> []=1\n')


def test_numnodes_after_split_and_merge():
    rt = build({b"foo": 1, b"foobar": 2, b"footer": 3})
    assert rt.numnodes == 6
    raxInsert(rt, b"first", 4)
    assert rt.numnodes == 10
    raxRemove(rt, b"first")
    assert rt.numnodes == 6
    raxRemove(rt, b"footer")
    check_tree(rt)
    raxRemove(rt, b"foo")
    assert check_tree(rt) == {b"foobar": 2}


def test_overwrite_keeps_iterators_valid():
    rt = build({b"%d" % n: n for n in range(300)})
    it = raxIterator()
    raxStart(it, rt)
    raxSeek(it, "^")
    seen = 0
    while raxNext(it):
        raxInsert(rt, it.key, -it.data)
        seen += 1
    assert seen == 300 and raxFind(rt, b"17") == -17


def test_random_walk_reaches_everything_and_survives_the_empty_key():
    random.seed(7)
    model = {b"%d" % n: n for n in range(30)}
    rt = build(model)
    it = raxIterator()
    raxStart(it, rt)
    seen = set()
    for _ in range(3000):
        raxSeek(it, "^")
        assert raxRandomWalk(it, 0)
        assert model[it.key] == it.data
        seen.add(it.key)
    assert seen == set(model)
    rt = build({b"": 5})
    raxStart(it, rt)
    raxSeek(it, "^")
    assert raxRandomWalk(it, 0) and it.key == b"" and it.data == 5
    raxStart(it, raxNew())
    raxSeek(it, "^")
    assert not raxRandomWalk(it, 0) and raxEOF(it)


def test_deep_tree_and_free():
    rt = raxNew()
    for n in range(5000):
        raxInsert(rt, b"x" * n, n)
    assert walk(rt)[-1] == (b"x" * 4999, 4999)
    got = []
    raxFreeWithCallback(rt, got.append)
    assert sorted(got) == list(range(5000))
    raxFree(raxNew())


def test_unknown_operator():
    it = raxIterator()
    raxStart(it, build({b"a": 1}))
    assert raxSeek(it, "!", b"a") == 0


@given(st.lists(keys))
def test_last_is_what_seek_finds(ks):
    rt = raxNew()
    assert rax_last(rt) == (b"", None)
    for n, key in enumerate(ks):
        raxInsert(rt, key, n)
        it = raxIterator()
        raxStart(it, rt)
        raxSeek(it, "$")
        assert raxNext(it) and rax_last(rt) == (it.key, it.data)
