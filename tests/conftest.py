"""Fixtures of all tests."""
import server.link  # noqa: F401  binds the upward names
