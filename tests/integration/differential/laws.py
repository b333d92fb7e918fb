"""laws.py - how replies that need not be equal are compared.

LAWS: command name -> law(command, real, ours) -> None, or a text that says what is wrong.  It is asked only when the raw
replies differ, neither is an error and both have the same RESP type.
"""


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


def any_time(command, real, ours):
    return None


LAWS = {
    "KEYS": same_set, "RANDOMKEY": presence, "SCAN": cursor_and_elements, "HSCAN": cursor_and_elements,
    "SSCAN": cursor_and_elements, "ZSCAN": cursor_and_elements,
    "TTL": close_seconds, "PTTL": close_milliseconds, "TIME": any_time, "LASTSAVE": any_time, "SORT": sorted_by,
    "SMEMBERS": same_set, "SINTER": same_set, "SUNION": same_set, "SDIFF": same_set, "SPOP": same_set,
    "SRANDMEMBER": random_sample, "ZRANDMEMBER": random_sample,
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
