"""Letters of notify-keyspace-events."""
import pytest

from server.keyspace.notify import keyspaceEventsFlagsToString, keyspaceEventsStringToFlags
from server.server_h import NOTIFY_ALL, NOTIFY_HASH, NOTIFY_KEYEVENT, NOTIFY_KEYSPACE, NOTIFY_KEY_MISS, NOTIFY_LIST


@pytest.mark.parametrize("text,flags,shown", [
    ("", 0, ""),
    ("KEA", NOTIFY_KEYSPACE | NOTIFY_KEYEVENT | NOTIFY_ALL, "AKE"),
    ("Khl", NOTIFY_KEYSPACE | NOTIFY_HASH | NOTIFY_LIST, "lhK"),
    ("Em", NOTIFY_KEYEVENT | NOTIFY_KEY_MISS, "Em"),
    ("AKEm", NOTIFY_KEYSPACE | NOTIFY_KEYEVENT | NOTIFY_ALL | NOTIFY_KEY_MISS, "AKEm"),
    ("g$lshzxetdK", NOTIFY_KEYSPACE | NOTIFY_ALL, "AK"),
])
def test_round_trip(text, flags, shown):
    assert keyspaceEventsStringToFlags(text) == flags
    assert keyspaceEventsFlagsToString(flags) == shown


def test_unknown_letter():
    assert keyspaceEventsStringToFlags("KEq") == -1
