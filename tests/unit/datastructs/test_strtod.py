"""strtod, the number at the start of a string."""
from datastructs import util


def test_strtod():
    for text, value, used in [(b"1.5", 1.5, 3), (b" 12abc", 12.0, 3), (b"0x1p3", 8.0, 5), (b"1e400", float("inf"), 5),
                              (b"-inf", float("-inf"), 4), (b"abc", 0.0, 0), (b"", 0.0, 0), (b"1e", 1.0, 1), (b".5.", 0.5, 2)]:
        assert util.strtod(text) == (value, used), text
    assert util.strtod(b"nan(1)x")[1] == 6
