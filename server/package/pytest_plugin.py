"""pytest_plugin.py - fixtures for the tests of other projects; pytest finds them by the entry point `pytest11`.

    def test_something(aeredis_url):
        redis.Redis.from_url(aeredis_url).set("k", "v")

Called from  pytest.
"""
import pytest

from .testing import RedisServer


@pytest.fixture(scope="session")
def aeredis_config():
    """The directives of the server, a dict of RedisServer's keywords.  Override it in conftest.py."""
    return {}


@pytest.fixture(scope="session")
def aeredis_server(aeredis_config):
    """A RedisServer for the whole run (with pytest-xdist: one for each worker)."""
    with RedisServer(**aeredis_config) as server:
        yield server


@pytest.fixture
def aeredis_url(aeredis_server):
    """The URL of a server without keys and scripts.  A server that a test before has ended is started again."""
    try:
        aeredis_server.flush()
    except OSError:
        aeredis_server.stop()
        aeredis_server.start().flush()
    return aeredis_server.url
