"""laws.py - how replies that need not be equal are compared.

LAWS: command name -> law(command, real, ours) -> None, or a text that says what is wrong.  It is asked only when the raw
replies differ, neither is an error and both have the same RESP type.
"""


def lower(word):
    return (word if isinstance(word, str) else bytes(word).decode("latin-1")).lower()


def same_set(command, real, ours):
    """Order is an accident of the hash."""
    if not isinstance(real, list) or not isinstance(ours, list):
        return "replies differ"
    return None if sorted(map(repr, real)) == sorted(map(repr, ours)) else "not the same elements"


def same_pairs(command, real, ours):
    """field, value, field, value ... or a map, in any order."""
    if isinstance(real, dict):
        return None if real == ours else "not the same map"
    return None if sorted(pairs(real)) == sorted(pairs(ours)) else "not the same pairs"


def pairs(flat):
    return list(zip(flat[::2], flat[1::2]))


def close_seconds(command, real, ours):
    """Remaining time: the servers are asked one after the other."""
    if real < 0 or ours < 0:
        return "replies differ"
    return None if abs(real - ours) <= 2 else "times differ"


def close_milliseconds(command, real, ours):
    if real < 0 or ours < 0:
        return "replies differ"
    return None if abs(real - ours) <= 2000 else "times differ"


def presence(command, real, ours):
    """A random element: one is there, or none."""
    return None if (real is None) == (ours is None) else "one server found nothing"


def random_sample(command, real, ours):
    """COMMAND key [count [WITH...]]: the samples have the same size, and no repeats if count is positive."""
    if not isinstance(real, list):
        return presence(command, real, ours)
    if len(real) != len(ours):
        return "samples of different sizes"
    if len(command) == 3 and int(command[2]) > 0 and len(set(ours)) != len(ours):
        return "repeats in a sample"
    return None


def cursor_and_elements(command, real, ours):
    """One step of a SCAN: which part of the hash table it sees is an accident (the state comparison scans it all)."""
    return None if len(ours) == 2 and isinstance(ours[1], list) and ours[0].isdigit() else "not a scan reply"


def sorted_by(command, real, ours):
    """With BY, elements of equal weight come in the order the value (perhaps a set) happens to have."""
    if isinstance(real, list) and any(bytes(word).lower() == b"by" for word in command[2:]):
        return None if len(real) == len(ours) else "results of different sizes"
    return "replies differ"


def nearly(real, ours, tolerance=5000):
    """The same but for times: ints may differ by `tolerance` ms when both are times of day, or idle times."""
    if isinstance(real, (list, tuple)):
        return isinstance(ours, type(real)) and len(real) == len(ours) and all(nearly(r, o, tolerance) for r, o in zip(real, ours))
    if isinstance(real, dict):
        return isinstance(ours, dict) and list(real) == list(ours) and all(nearly(real[k], ours[k], tolerance) for k in real)
    if isinstance(real, int) and isinstance(ours, int) and not isinstance(real, bool):
        return real == ours or (real > 1 << 40 and ours > 1 << 40 and abs(real - ours) <= tolerance)
    return real == ours


def without_idle(reply):
    """The reply of XPENDING key group start end count, or of XINFO CONSUMERS, with 0 for idle times."""
    return [row[:2] + [0] + row[3:] if isinstance(row, list) and len(row) == 4 else
            {k: 0 if k == b"idle" else v for k, v in row.items()} if isinstance(row, dict) else
            row[:5] + [0] if isinstance(row, list) and len(row) == 6 else row for row in reply]


def pending(command, real, ours):
    if not isinstance(real, list) or not isinstance(ours, list):
        return "replies differ"
    return None if without_idle(real) == without_idle(ours) else "replies differ by more than idle times"


def xinfo(command, real, ours):
    if lower(command[1]) == "consumers":
        return pending(command, real, ours)
    return None if nearly(real, ours) else "replies differ by more than times"


#: What DEBUG OBJECT says of a value that is the same in both servers.
DEBUG_OBJECT = (b"refcount", b"encoding", b"ql_nodes", b"ql_avg_node", b"ql_ziplist_max", b"ql_compressed", b"ql_uncompressed_size", b"serializedlength")


def debug(command, real, ours):
    if lower(command[1]) != "object":
        return "replies differ"
    shown = [[word for word in line.split() if word.split(b":")[0] in DEBUG_OBJECT] for line in (real, ours)]
    if b"hashtable" in real:                # the order of its elements decides how well it can be compressed
        shown = [side[:2] for side in shown]
    return None if shown[0] == shown[1] else "not the same"


def listing(command, real, ours):
    """The command table is a hash."""
    return same_set(command, real, ours) if len(command) == 1 else "replies differ"


def dump(command, real, ours):
    """Values whose order is an accident differ in their bytes (their payloads are restored in the other server)."""
    return None if real is not None and ours is not None and real[:1] in (b"\2", b"\4", b"\x0f") and ours[:1] == real[:1] else "replies differ"


def hello(command, real, ours):
    """All but the client's id."""
    return None if dict(as_pairs(real), id=0) == dict(as_pairs(ours), id=0) else "replies differ"


def as_pairs(reply):
    return [(k.decode(), v) for k, v in (reply.items() if isinstance(reply, dict) else pairs(reply))]


def any_time(command, real, ours):
    return None


LAWS = {
    "KEYS": same_set, "RANDOMKEY": presence, "SCAN": cursor_and_elements, "HSCAN": cursor_and_elements,
    "SSCAN": cursor_and_elements, "ZSCAN": cursor_and_elements,
    "TTL": close_seconds, "PTTL": close_milliseconds, "TIME": any_time, "LASTSAVE": any_time, "SORT": sorted_by,
    "SMEMBERS": same_set, "SINTER": same_set, "SUNION": same_set, "SDIFF": same_set, "SPOP": same_set,
    "SRANDMEMBER": random_sample, "ZRANDMEMBER": random_sample,
    "XPENDING": pending, "XINFO": xinfo, "DEBUG": debug, "DUMP": dump, "HELLO": hello, "COMMAND": listing,
    "HKEYS": same_set, "HVALS": same_set, "HGETALL": same_pairs, "HRANDFIELD": random_sample,
}

#: Commands that scan_all() runs to the end when the final states are compared.
SCANS = ["SCAN", "HSCAN", "SSCAN", "ZSCAN"]

_SCANNED_TYPE = {"HSCAN": b"hash", "SSCAN": b"set", "ZSCAN": b"zset"}


def scan_all(client, scan, key):
    """All that a full scan with COUNT 3 returns, as a sorted list without repeats; None if `key` is of another type."""
    if key is not None and client.execute("TYPE", key) != _SCANNED_TYPE[scan]:
        return None
    cursor = b"0"
    found = set()
    while True:
        words = [scan] + ([key] if key is not None else []) + [cursor, "COUNT", "3"]
        cursor, elements = client.execute(*words)
        found.update(elements if scan in ("SCAN", "SSCAN") else pairs(elements))
        if cursor == b"0":
            return sorted(found)
