"""Subscriptions: who gets which message, and that empty lists go."""
import random

import pytest

from datastructs.adlist import list_values
from datastructs.dict import dict_entries, dictSize
from datastructs.util import stringmatchlen
from server.object import createStringObject
from server.server_h import server
from server.session import pubsub


@pytest.fixture(autouse=True)
def inbox(monkeypatch):
    got = []
    monkeypatch.setattr(pubsub, "addReplyPubsubMessage", lambda c, ch, m: got.append((c.id, None, ch.ptr, m.ptr)))
    monkeypatch.setattr(pubsub, "addReplyPubsubPatMessage",
                        lambda c, p, ch, m: got.append((c.id, p.ptr, ch.ptr, m.ptr)))
    for name in ("Subscribed", "Unsubscribed", "PatSubscribed", "PatUnsubscribed"):
        monkeypatch.setattr(pubsub, "addReplyPubsub" + name, lambda c, ch: got.append((c.id, ch and ch.ptr)))
    return got


def test_random(db, new_client, inbox):
    rng = random.Random(11)
    names = [b"a", b"ab", b"news.1", b"news.2"]
    pats = [b"a*", b"news.?", b"*"]
    clients = [new_client() for _ in range(5)]
    model = {c.id: (set(), set()) for c in clients}
    for _ in range(500):
        c = rng.choice(clients)
        chans, patterns = model[c.id]
        what = rng.randrange(8)
        name, pat = rng.choice(names), rng.choice(pats)
        if what < 2:
            assert pubsub.pubsubSubscribeChannel(c, createStringObject(name)) == (name not in chans)
            chans.add(name)
        elif what < 4:
            assert pubsub.pubsubSubscribePattern(c, createStringObject(pat)) == (pat not in patterns)
            patterns.add(pat)
        elif what == 4:
            assert pubsub.pubsubUnsubscribeChannel(c, createStringObject(name), 0) == (name in chans)
            chans.discard(name)
        elif what == 5:
            assert pubsub.pubsubUnsubscribePattern(c, createStringObject(pat), 0) == (pat in patterns)
            patterns.discard(pat)
        elif what == 6 and rng.randrange(4) == 0:
            inbox.clear()
            assert pubsub.pubsubUnsubscribeAllChannels(c, 1) == len(chans)
            assert pubsub.pubsubUnsubscribeAllPatterns(c, 1) == len(patterns)
            assert len(inbox) == max(1, len(chans)) + max(1, len(patterns))
            chans.clear()
            patterns.clear()
        else:
            inbox.clear()
            want = [(i, None, name, b"m") for i, (s, _) in model.items() if name in s]
            want += [(i, p, name, b"m") for i, (_, s) in model.items() for p in s if stringmatchlen(p, name, 0)]
            assert pubsub.pubsubPublishMessage(createStringObject(name), createStringObject(b"m")) == len(want)
            assert sorted(inbox, key=repr) == sorted(want, key=repr)
        assert pubsub.clientSubscriptionsCount(c) == len(chans) + len(patterns)
        for d in (server.pubsub_channels, server.pubsub_patterns):
            for de in dict_entries(d):
                assert len(list(list_values(de.val))) > 0
    for c in clients:
        pubsub.pubsubUnsubscribeAllChannels(c, 0)
        pubsub.pubsubUnsubscribeAllPatterns(c, 0)
    assert dictSize(server.pubsub_channels) == dictSize(server.pubsub_patterns) == 0
