"""listpack.py against a plain list of strings, against bytes of the real server, and against hostile bytes."""
import struct

from hypothesis import given, settings, strategies as st

from datastructs import listpack as l

VALUE = st.one_of(
    st.binary(max_size=70), st.integers(-(1 << 63) - 2, (1 << 63) + 2).map(lambda n: b"%d" % n),
    st.integers(-5000, 5000).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"-0", b"01", b"127", b"128", b"-1", b"4095", b"4096", b"-4096", b"-4097", b"-32768", b"8388607"]),
    st.sampled_from([63, 64, 125, 126, 127, 4095, 4096, 16377, 16378, 16383, 16384]).map(lambda n: b"x" * n))
OPS = st.lists(st.tuples(st.sampled_from(["append", "before", "after", "replace", "delete"]), st.integers(0, 30), VALUE), max_size=40)


def contents(lp):
    out, p = [], l.lpFirst(lp)
    while p is not None:
        out.append(l.lp_get_bytes(lp, p))
        p = l.lpNext(lp, p)
    return out


def backward(lp):
    out, p = [], l.lpLast(lp)
    while p is not None:
        out.append(l.lp_get_bytes(lp, p))
        p = l.lpPrev(lp, p)
    return out[::-1]


@settings(max_examples=200, deadline=None)
@given(OPS)
def test_model(ops):
    lp, model = l.lpNew(), []
    for op, at, value in ops:
        if op == "append" or not model:
            lp = l.lpAppend(lp, value)
            model.append(value)
        else:
            i = at % len(model)
            p = l.lpSeek(lp, i)
            assert p == l.lpSeek(lp, i - len(model))
            assert l.lp_get_bytes(lp, p) == model[i]
            if op == "before":
                lp, newp = l.lpInsert(lp, value, p, l.LP_BEFORE)
                model.insert(i, value)
            elif op == "after":
                lp, newp = l.lpInsert(lp, value, p, l.LP_AFTER)
                model.insert(i + 1, value)
            elif op == "replace":
                lp, newp = l.lpInsert(lp, value, p, l.LP_REPLACE)
                model[i] = value
            else:
                lp, newp = l.lpDelete(lp, p)
                del model[i]
                assert (newp is None) == (i == len(model))
                if newp is not None:
                    assert l.lp_get_bytes(lp, newp) == model[i]
            if op != "delete":
                assert l.lp_get_bytes(lp, newp) == value
        assert l.lpValidateIntegrity(lp, len(lp), 1) == 1
        assert contents(lp) == backward(lp) == model
        assert l.lpLength(lp) == len(model) and l.lpBytes(lp) == len(lp)
    assert l.lpSeek(lp, len(model)) is None and l.lpSeek(lp, -len(model) - 1) is None


def test_bytes_as_in_c():
    """Every encoding once, byte by byte."""
    cases = {b"5": "0501", b"127": "7f01", b"-1": "dfff02", b"-4096": "d00002", b"4095": "cfff02", b"4096": "f1001003",
             b"-32768": "f1008003", b"32768": "f200800004", b"8388608": "f30000800005", b"2147483648": "f4000000800000000009",
             b"ab": "82616203", b"": "8001", b"x" * 64: "e040" + "78" * 64 + "42",
             b"x" * 126: "e07e" + "78" * 126 + "0180"}
    for value, expected in cases.items():
        assert l.lpAppend(l.lpNew(), value)[6:-1].hex() == expected


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_hostile(body, fixed):
    lp = bytearray(struct.pack("<IH", len(body) + 7, 0xffff) + body + b"\xff") if fixed else bytearray(body)
    if l.lpValidateIntegrity(lp, len(lp), 1):
        assert contents(lp) == backward(lp)
    elif l.lpValidateIntegrity(lp, len(lp), 0):
        for call in (contents, backward, l.lpLength, lambda b: l.lpSeek(b, 3), lambda b: l.lpDelete(b, 6)):
            try:
                call(bytearray(lp))
            except (AssertionError, IndexError, struct.error):
                pass


def test_length_beyond_16_bits():
    lp = l.lpNew()
    for _ in range(65540):
        lp = l.lpAppend(lp, b"1")
    assert lp[4:6] == b"\xff\xff" and l.lpLength(lp) == 65540


def test_bytes_of_the_c_server():
    """The listpack out of a DUMP of a stream by redis-server 6.2.14: XADD 1-1 f v g 300, 1-2 f -70000 g 9223372036854775807,
    5-1 other <70 x> n 127."""
    blob = bytes.fromhex("990000001b00" "0301" "0001" "0201" "816602" "816702" "0001" "0201" "0001" "0001" "817602" "c12c02" "0501"
                         "0201" "0001" "0101" "f290eefe04" "f4ffffffffffffff7f09" "0501" "0001" "0401" "0001" "0201" "856f7468657206"
                         "e046" + "78" * 70 + "48" "816e02" "7f01" "0801" "ff")
    elements = [b"3", b"0", b"2", b"f", b"g", b"0", b"2", b"0", b"0", b"v", b"300", b"5", b"2", b"0", b"1", b"-70000",
                b"9223372036854775807", b"5", b"0", b"4", b"0", b"2", b"other", b"x" * 70, b"n", b"127", b"8"]
    assert l.lpValidateIntegrity(blob, len(blob), 1)
    assert contents(blob) == backward(blob) == elements
    lp = l.lpNew()
    for ele in elements:
        lp = l.lpAppend(lp, ele)
    assert bytes(lp) == blob
