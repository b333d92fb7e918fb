"""One pair of servers for all comparisons."""
import pytest

from tests.integration.differential.pair import ServerPair


@pytest.fixture(scope="session")
def pair():
    servers = ServerPair.start()
    if servers is None:
        pytest.skip(ServerPair.missing)
    yield servers
    servers.stop()
