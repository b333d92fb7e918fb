"""notify.py - keyspace events over Pub/Sub.                      Mirrors src/notify.c (6.2.14)

Lives here   the letters of notify-keyspace-events; notifyKeyspaceEvent.
Called from  every command that changes a key [command]; expire and evict [cron].
Calls out    pubsub.pubsubPublishMessage.
State        server.notify_keyspace_events: NOTIFY_* bits, 0 = off.
Invariant    a class is published only when its own bit and one of KEYSPACE, KEYEVENT are set.
Departures   no module subscribers.
Extend       a new class: a NOTIFY_ bit in server_h, its letter in both functions below.
"""
from typing import TYPE_CHECKING

from server.server_h import (
    server, NOTIFY_KEYSPACE, NOTIFY_KEYEVENT, NOTIFY_GENERIC, NOTIFY_STRING, NOTIFY_LIST, NOTIFY_SET, NOTIFY_HASH,
    NOTIFY_ZSET, NOTIFY_EXPIRED, NOTIFY_EVICTED, NOTIFY_STREAM, NOTIFY_KEY_MISS, NOTIFY_MODULE, NOTIFY_ALL, OBJ_STRING,
)
from server.object import createObject, createStringObject

if TYPE_CHECKING:                                   # upward: bound by server/link.py
    from server.session.pubsub import pubsubPublishMessage

_CLASS_OF_LETTER = {
    "A": NOTIFY_ALL, "g": NOTIFY_GENERIC, "$": NOTIFY_STRING, "l": NOTIFY_LIST, "s": NOTIFY_SET, "h": NOTIFY_HASH,
    "z": NOTIFY_ZSET, "x": NOTIFY_EXPIRED, "e": NOTIFY_EVICTED, "K": NOTIFY_KEYSPACE, "E": NOTIFY_KEYEVENT,
    "t": NOTIFY_STREAM, "m": NOTIFY_KEY_MISS, "d": NOTIFY_MODULE,
}


def keyspaceEventsStringToFlags(classes):
    """`classes` is the directive's value (str or bytes) -> NOTIFY_* flags, -1 when a letter is unknown."""
    if isinstance(classes, (bytes, bytearray)):
        classes = classes.decode("latin-1")
    flags = 0
    for letter in classes:
        bits = _CLASS_OF_LETTER.get(letter)
        if bits is None:
            return -1
        flags |= bits
    return flags


def keyspaceEventsFlagsToString(flags):
    """The inverse: NOTIFY_* flags -> str, in the order CONFIG GET shows them ("A" stands for all value classes)."""
    res = ""
    if flags & NOTIFY_ALL == NOTIFY_ALL:
        res += "A"
    else:
        for letter in "g$lshzxetd":
            if flags & _CLASS_OF_LETTER[letter]:
                res += letter
    for letter in "KEm":
        if flags & _CLASS_OF_LETTER[letter]:
            res += letter
    return res


def notifyKeyspaceEvent(type_, event, key, dbid):
    """Publish that `event` (bytes) of class `type_` happened to `key` in db `dbid`.  HOT"""
    if not server.notify_keyspace_events & type_:
        return
    eventobj = createStringObject(event)
    if server.notify_keyspace_events & NOTIFY_KEYSPACE:
        chanobj = createObject(OBJ_STRING, b"__keyspace@%d__:%s" % (dbid, key.ptr))
        pubsubPublishMessage(chanobj, eventobj)
    if server.notify_keyspace_events & NOTIFY_KEYEVENT:
        chanobj = createObject(OBJ_STRING, b"__keyevent@%d__:%s" % (dbid, event))
        pubsubPublishMessage(chanobj, key)
