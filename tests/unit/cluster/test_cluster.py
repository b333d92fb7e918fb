"""Key slots, and the refusal of cluster mode."""
import pytest

from cluster.cluster import clusterInit, keyHashSlot


@pytest.mark.parametrize("key,slot", [
    (b"123456789", 0x31c3), (b"foo", 12182), (b"{user1000}.following", 3443), (b"{user1000}.followers", 3443),
    (b"foo{}{bar}", 8363), (b"foo{{bar}}zap", 4015), (b"foo{bar}{zap}", 5061), (b"", 0), (b"{}", 15257),
])
def test_key_hash_slot(key, slot):
    assert keyHashSlot(key) == slot


def test_cluster_mode_is_refused():
    with pytest.raises(SystemExit) as stop:
        clusterInit()
    assert stop.value.code == 1
