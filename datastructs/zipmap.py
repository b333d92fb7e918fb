"""zipmap.py - the small hash of Redis 2.4, to be read only.        Mirrors src/zipmap.c (6.2.14)

Lives here   walking and validating a zipmap: RDB files of version 1 to 3 may hold hashes in this form.
Called from  rdbLoadObject, which turns them into ziplists [startup, command].
Layout       <count, 254 = unknown> { <len> field <len> <free> value <free bytes> } <255>;
             <len> is one byte, or 254 and four bytes, little endian.
Departures   what writes zipmaps (zipmapNew, zipmapSet, zipmapDel) is not here: no server since 2.6 makes them.
"""

ZIPMAP_BIGLEN = 254
ZIPMAP_END = 255


def zipmapDecodeLength(zm, p):
    """Return (length, bytes it is spelled in)."""
    n = zm[p]
    if n < ZIPMAP_BIGLEN:
        return n, 1
    return int.from_bytes(zm[p + 1:p + 5], "little"), 5


def zipmapRewind(zm):
    """Return the position of the first entry."""
    return 1


def zipmapNext(zm, p):
    """Return (position behind the entry, field, value); (None, None, None) at the end."""
    if zm[p] == ZIPMAP_END:
        return None, None, None
    n, size = zipmapDecodeLength(zm, p)
    p += size
    field = bytes(zm[p:p + n])
    p += n
    n, size = zipmapDecodeLength(zm, p)
    free = zm[p + size]
    p += size + 1
    return p + n + free, field, bytes(zm[p:p + n])


def zipmapValidateIntegrity(zm, size, deep):
    """Check that this blob of `size` bytes is a zipmap -> 1 or 0.  `deep` checks every entry; an empty one or a wrong count fails."""
    if size < 2 or zm[size - 1] != ZIPMAP_END:
        return 0
    if not deep:
        return 1
    last = size - 1
    count = 0
    p = 1
    while zm[p] != ZIPMAP_END:
        if p + (1 if zm[p] < ZIPMAP_BIGLEN else 5) > last:
            return 0
        n, s = zipmapDecodeLength(zm, p)
        p += s + n
        if p > last or p + (1 if zm[p] < ZIPMAP_BIGLEN else 5) > last:
            return 0
        n, s = zipmapDecodeLength(zm, p)
        p += s
        free = zm[p]
        p += 1 + n + free
        count += 1
        if p > last:
            return 0
    if count == 0:
        return 0
    return 1 if zm[0] == ZIPMAP_BIGLEN or zm[0] == count else 0
