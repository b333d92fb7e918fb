"""intset.py - sorted integers in one blob.              Mirrors src/intset.c (6.2.14)

Lives here   the encoding of small sets of integers.
Called from  t_set.c's commands, rdb.
State        none.
Layout       encoding u32 (2, 4 or 8 bytes a number) | length u32 | numbers ascending; all little endian.
Invariant    strictly ascending; the encoding is the smallest one that ever fitted (removing never shrinks it).
Departures   an intset is a bytearray, changed in place and returned as in C.
"""
import random
import struct

INTSET_ENC_INT16 = 2
INTSET_ENC_INT32 = 4
INTSET_ENC_INT64 = 8
INTSET_HEADER = 8

_header = struct.Struct("<II")
#: struct and memoryview codes by encoding
_formats = {INTSET_ENC_INT16: struct.Struct("<h"), INTSET_ENC_INT32: struct.Struct("<i"),
            INTSET_ENC_INT64: struct.Struct("<q")}
_codes = {INTSET_ENC_INT16: "h", INTSET_ENC_INT32: "i", INTSET_ENC_INT64: "q"}


def _intsetValueEncoding(v):
    if -0x8000 <= v <= 0x7fff:
        return INTSET_ENC_INT16
    if -0x80000000 <= v <= 0x7fffffff:
        return INTSET_ENC_INT32
    return INTSET_ENC_INT64


def _intsetGetEncoded(is_, pos, enc):
    return _formats[enc].unpack_from(is_, INTSET_HEADER + pos * enc)[0]


def _intsetGet(is_, pos):
    return _intsetGetEncoded(is_, pos, is_[0])


def _intsetSet(is_, pos, value):
    enc = is_[0]
    _formats[enc].pack_into(is_, INTSET_HEADER + pos * enc, value)


def intsetNew():
    return bytearray(_header.pack(INTSET_ENC_INT16, 0))


def intsetResize(is_, length):
    """Make room for `length` numbers of the intset's encoding, or cut off what is behind them."""
    size = INTSET_HEADER + length * is_[0]
    if size > len(is_):
        is_.extend(bytes(size - len(is_)))
    else:
        del is_[size:]


def intsetSearch(is_, value):
    """Binary search.  Returns (1, position), or (0, position where `value` would have to be inserted)."""
    enc, length = _header.unpack_from(is_)
    if length == 0:
        return 0, 0
    unpack_from = _formats[enc].unpack_from
    max_ = length - 1
    if value > unpack_from(is_, INTSET_HEADER + max_ * enc)[0]:
        return 0, length
    if value < unpack_from(is_, INTSET_HEADER)[0]:
        return 0, 0
    min_ = 0
    while max_ >= min_:
        mid = (min_ + max_) >> 1
        cur = unpack_from(is_, INTSET_HEADER + mid * enc)[0]
        if value > cur:
            min_ = mid + 1
        elif value < cur:
            max_ = mid - 1
        else:
            return 1, mid
    return 0, min_


def intsetUpgradeAndAdd(is_, value):
    """Widen all numbers and add `value`, which goes to one of the ends: it is outside the range of the others."""
    curenc = is_[0]
    newenc = _intsetValueEncoding(value)
    length = intsetLen(is_)
    prepend = 1 if value < 0 else 0
    _header.pack_into(is_, 0, newenc, length)
    intsetResize(is_, length + 1)

    # ORDER: from the back to the front, so that no number is overwritten before it is read.
    for pos in range(length - 1, -1, -1):
        _intsetSet(is_, pos + prepend, _intsetGetEncoded(is_, pos, curenc))

    if prepend:
        _intsetSet(is_, 0, value)
    else:
        _intsetSet(is_, length, value)
    _header.pack_into(is_, 0, newenc, length + 1)
    return is_


def intsetMoveTail(is_, from_, to):
    """Move the numbers from position `from_` to the end to position `to` on."""
    enc = is_[0]
    src = INTSET_HEADER + from_ * enc
    dst = INTSET_HEADER + to * enc
    size = (intsetLen(is_) - from_) * enc
    is_[dst:dst + size] = is_[src:src + size]


def intsetAdd(is_, value):
    """Add a number -> (intset, success); success is 0 if it was there already."""
    if _intsetValueEncoding(value) > is_[0]:
        return intsetUpgradeAndAdd(is_, value), 1
    found, pos = intsetSearch(is_, value)
    if found:
        return is_, 0
    length = intsetLen(is_)
    intsetResize(is_, length + 1)
    if pos < length:
        intsetMoveTail(is_, pos, pos + 1)
    _intsetSet(is_, pos, value)
    _header.pack_into(is_, 0, is_[0], length + 1)
    return is_, 1


def intsetRemove(is_, value):
    """Remove a number -> (intset, success); success is 0 if it was not there."""
    if _intsetValueEncoding(value) > is_[0]:
        return is_, 0
    found, pos = intsetSearch(is_, value)
    if not found:
        return is_, 0
    length = intsetLen(is_)
    if pos < length - 1:
        intsetMoveTail(is_, pos + 1, pos)
    intsetResize(is_, length - 1)
    _header.pack_into(is_, 0, is_[0], length - 1)
    return is_, 1


def intsetFind(is_, value):
    """Tell whether `value` is a member -> 1 or 0."""
    if _intsetValueEncoding(value) > is_[0]:
        return 0
    return intsetSearch(is_, value)[0]


def intsetRandom(is_):
    """Pick a random member.  Must not be called for an empty intset."""
    length = intsetLen(is_)
    return _intsetGet(is_, random.randrange(length))


def intsetGet(is_, pos):
    """Return (1, value), or (0, 0) when `pos` is beyond the end."""
    if 0 <= pos < intsetLen(is_):
        return 1, _intsetGet(is_, pos)
    return 0, 0


def intset_values(is_):
    """Return all members as a tuple, ascending."""
    enc, length = _header.unpack_from(is_)
    return struct.unpack_from("<%d%s" % (length, _codes[enc]), is_, INTSET_HEADER)


def intsetLen(is_):
    return _header.unpack_from(is_)[1]


def intsetBlobLen(is_):
    return INTSET_HEADER + intsetLen(is_) * is_[0]


def intsetValidateIntegrity(p, size, deep):
    """Tell whether the blob of an untrusted source is well formed; deep = 1 checks the order of the numbers too -> 1 or 0."""
    if size < INTSET_HEADER:
        return 0
    enc, count = _header.unpack_from(p)
    if enc not in _codes:
        return 0
    if INTSET_HEADER + count * enc != size:
        return 0
    if count == 0:
        return 0
    if not deep:
        return 1
    values = struct.unpack_from("<%d%s" % (count, _codes[enc]), p, INTSET_HEADER)
    prev = values[0]
    for cur in values[1:]:
        if cur <= prev:
            return 0
        prev = cur
    return 1
