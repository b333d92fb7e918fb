"""Fixtures of all tests."""
import sys

from hypothesis import HealthCheck, settings

import server.link  # noqa: F401  binds the upward names

if sys.implementation.name == "pypy":
    # The first value drawn takes seconds there: hypothesis then reads our modules for constants, before any code is compiled.
    settings.register_profile("pypy", suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("pypy")
