"""The same random commands to the real redis-server and to ours; every reply and the final data must agree.

AEREDIS_SEQUENCES (default 90) is the number of sequences, AEREDIS_SEED (default 1) chooses them.
"""
import os

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.integration.differential.commands import TABLE, sequences

SEQUENCES = int(os.environ.get("AEREDIS_SEQUENCES", "90"))
SEED = int(os.environ.get("AEREDIS_SEED", "1"))

#: What is mixed in one sequence: every type alone with the keyspace commands, and all together.
MIXES = [[family, "keyspace"] for family in TABLE if family not in ("keyspace", "transactions")]
MIXES += [["transactions"] + list(TABLE), list(TABLE)]


@pytest.mark.parametrize("families", MIXES, ids="+".join)
def test_same_replies(pair, families):
    @seed(SEED)
    @settings(max_examples=max(1, SEQUENCES // len(MIXES)), deadline=None, database=None,
              phases=[Phase.generate],          # pair.check() shortens a failing sequence itself, which is much faster
              suppress_health_check=list(HealthCheck))
    @given(sequences(families), st.sampled_from([2, 3]))
    def check(commands, resp):
        pair.check(commands, resp)

    check()
