"""intset.py against a Python set; the blob layout against bytes of the real server."""
from hypothesis import given, strategies as st

from datastructs.intset import (
    intset_values, intsetAdd, intsetBlobLen, intsetFind, intsetGet, intsetLen, intsetNew, intsetRandom, intsetRemove,
    intsetValidateIntegrity,
)

numbers = st.one_of(st.integers(-20, 20), st.integers(-2**16, 2**16), st.integers(-2**33, 2**33),
                    st.integers(-2**63, 2**63 - 1))


@given(st.lists(st.tuples(st.booleans(), numbers), max_size=80))
def test_against_set(ops):
    is_ = intsetNew()
    model = set()
    width = 2
    for add, n in ops:
        if add:
            is_, done = intsetAdd(is_, n)
            assert done == (n not in model)
            model.add(n)
            width = max(width, 2 if -2**15 <= n < 2**15 else 4 if -2**31 <= n < 2**31 else 8)
        else:
            is_, done = intsetRemove(is_, n)
            assert done == (n in model)
            model.discard(n)
        assert intsetFind(is_, n) == (n in model)
        assert intset_values(is_) == tuple(sorted(model)) and intsetLen(is_) == len(model)
        assert is_[0] == width and intsetBlobLen(is_) == len(is_)
    for pos, n in enumerate(sorted(model)):
        assert intsetGet(is_, pos) == (1, n)
    assert intsetGet(is_, len(model)) == (0, 0)
    assert intsetValidateIntegrity(is_, len(is_), 1) == (1 if model else 0)
    if model:
        assert intsetRandom(is_) in model


def test_layout():
    is_ = intsetNew()
    for n in (5, -1, 256):
        is_, _ = intsetAdd(is_, n)
    assert is_ == bytes.fromhex("0200000003000000" "ffff" "0500" "0001")
    is_, _ = intsetAdd(is_, 70000)
    assert is_ == bytes.fromhex("0400000004000000" "ffffffff" "05000000" "00010000" "70110100")


def test_broken_blobs_are_refused():
    good = bytes.fromhex("0200000002000000" "0100" "0200")
    assert intsetValidateIntegrity(good, len(good), 1) == 1
    for bad in (b"", good[:7], good[:-1], b"\3" + good[1:], good[:8] + good[10:] + good[8:10], good[:4] + b"\0" * 4):
        assert intsetValidateIntegrity(bad, len(bad), 1) == 0
