"""Our Sentinels against real ones in the same run: time of a failover, confirmed writes that a partition costs.

AEREDIS_SENTINEL_FIGURES=5 runs it, in so many rounds, on a machine that does nothing else; about a minute a round.
"""
import os

import pytest

from tests.support.sentinel_figures import RATE, figures
from tests.support.server import real_server_path

ROUNDS = int(os.environ.get("AEREDIS_SENTINEL_FIGURES", 0))


@pytest.mark.skipif(not ROUNDS, reason="AEREDIS_SENTINEL_FIGURES is not set: it wants a quiet machine")
@pytest.mark.skipif(real_server_path() is None, reason="no real server at hand")
def test_no_slower_and_no_more_lost_than_the_real_ones():
    result = figures(ROUNDS, 12)
    assert result["ours"][0] <= 1.3 * result["real"][0]
    # The demotion comes with one of the INFOs, each 10 s: half a second of writes is chance.
    assert result["ours"][1] <= result["real"][1] + RATE / 2
