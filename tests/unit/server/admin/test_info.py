"""The helpers of INFO (server/admin/info.py); the sections are compared with the C server in tests/integration."""
import pytest

from server import link  # noqa: F401
from server.admin import info


@pytest.mark.parametrize("n,text", [
    (0, b"0B"), (1023, b"1023B"), (1024, b"1.00K"), (1536, b"1.50K"), (1024**2 - 1, b"1024.00K"), (1024**2, b"1.00M"),
    (1024**3, b"1.00G"), (1024**4, b"1.00T"), (1024**5, b"1.00P"), (1024**6, b"1152921504606846976B"),
])
def test_bytes_to_human(n, text):
    assert info.bytesToHuman(n) == text


def test_unsafe_characters_are_replaced():
    assert info.getSafeInfoString(b"a:b#c\r\nd") == b"a_b_c__d"


@pytest.fixture
def sections(monkeypatch):
    monkeypatch.setattr(info, "INFO_SECTIONS", ((b"a", 1, lambda: b"# A\r\nx:1\r\n"), (b"b", 0, lambda: b"# B\r\n"),
                                                (b"c", 1, lambda: b"# C\r\n")))


@pytest.mark.parametrize("section,text", [
    (None, b"# A\r\nx:1\r\n\r\n# C\r\n"), (b"default", b"# A\r\nx:1\r\n\r\n# C\r\n"),
    (b"ALL", b"# A\r\nx:1\r\n\r\n# B\r\n\r\n# C\r\n"), (b"Everything", b"# A\r\nx:1\r\n\r\n# B\r\n\r\n# C\r\n"),
    (b"b", b"# B\r\n"), (b"nosuch", b""),
])
def test_choice_of_sections(sections, section, text):
    assert info.genRedisInfoString(section) == text
