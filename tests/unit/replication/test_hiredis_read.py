"""The reply reader: every type, whole, bytewise and with a tail; its error texts; its limits."""
import pytest
from hypothesis import given, settings, strategies as st

from replication.sentinel import hiredis_read as hr
from replication.sentinel.hiredis_read import REDIS_ERR


def tree(reply):
    """Return a reply as (type, value) with nested lists."""
    if reply.element is not None:
        assert reply.elements == len(reply.element)
        return reply.type, [tree(r) for r in reply.element]
    if reply.type in (hr.REDIS_REPLY_INTEGER, hr.REDIS_REPLY_BOOL):
        return reply.type, reply.integer
    if reply.type == hr.REDIS_REPLY_DOUBLE:
        return reply.type, reply.dval
    return reply.type, reply.str


def read_all(chunks):
    """Feed the chunks, and take replies after each -> ([replies as trees], reader)."""
    r = hr.redisReaderCreate()
    found = []
    for chunk in chunks:
        if hr.redisReaderFeed(r, chunk) == REDIS_ERR:
            break
        while 1:
            status, reply = hr.redisReaderGetReply(r)
            if status == REDIS_ERR or reply is None:
                break
            found.append(tree(reply))
    return found, r


S, A, I, N = hr.REDIS_REPLY_STRING, hr.REDIS_REPLY_ARRAY, hr.REDIS_REPLY_INTEGER, hr.REDIS_REPLY_NIL
REPLIES = [
    (b"+OK\r\n", (hr.REDIS_REPLY_STATUS, b"OK")),
    (b"+\r\n", (hr.REDIS_REPLY_STATUS, b"")),
    (b"+a\rb\nc\r\n", (hr.REDIS_REPLY_STATUS, b"a\rb\nc")),
    (b"-ERR x\r\n", (hr.REDIS_REPLY_ERROR, b"ERR x")),
    (b":-42\r\n", (I, -42)),
    (b":9223372036854775807\r\n", (I, 2**63 - 1)),
    (b"$-1\r\n", (N, None)),
    (b"$0\r\n\r\n", (S, b"")),
    (b"$5\r\n\r\n\0\r\n\r\n", (S, b"\r\n\0\r\n")),
    (b"*-1\r\n", (N, None)),
    (b"*0\r\n", (A, [])),
    (b"*2\r\n$1\r\na\r\n*1\r\n:7\r\n", (A, [(S, b"a"), (A, [(I, 7)])])),
    (b"*3\r\n*0\r\n*2\r\n*0\r\n+x\r\n_\r\n", (A, [(A, []), (A, [(A, []), (hr.REDIS_REPLY_STATUS, b"x")]), (N, None)])),
    (b"_\r\n", (N, None)),
    (b"#t\r\n", (hr.REDIS_REPLY_BOOL, 1)),
    (b"#f\r\n", (hr.REDIS_REPLY_BOOL, 0)),
    (b",1.5e3\r\n", (hr.REDIS_REPLY_DOUBLE, 1500.0)),
    (b",-inf\r\n", (hr.REDIS_REPLY_DOUBLE, float("-inf"))),
    (b"=7\r\ntxt:abc\r\n", (hr.REDIS_REPLY_VERB, b"abc")),
    (b"%1\r\n+k\r\n:1\r\n", (hr.REDIS_REPLY_MAP, [(hr.REDIS_REPLY_STATUS, b"k"), (I, 1)])),
    (b"%0\r\n", (hr.REDIS_REPLY_MAP, [])),
    (b"~1\r\n:1\r\n", (hr.REDIS_REPLY_SET, [(I, 1)])),
    (b">2\r\n+a\r\n+b\r\n", (hr.REDIS_REPLY_PUSH, [(hr.REDIS_REPLY_STATUS, b"a"), (hr.REDIS_REPLY_STATUS, b"b")])),
]


@pytest.mark.parametrize("data,expected", REPLIES)
def test_reply(data, expected):
    for chunks in ([data], [data[i:i + 1] for i in range(len(data))], [data + b"+tail\r\n"]):
        found, r = read_all(chunks)
        assert found[0] == expected and not r.err
    assert found[1] == (hr.REDIS_REPLY_STATUS, b"tail")
    # An unfinished reply is none yet.
    found, r = read_all([data[:-1]])
    assert found == [] and not r.err


ERRORS = [
    (b"?", 'Protocol error, got "?" as reply type byte'),
    (b"\n", 'Protocol error, got "\\n" as reply type byte'),
    (b"\\", 'Protocol error, got "\\\\" as reply type byte'),
    (b"\xff", 'Protocol error, got "\\xff" as reply type byte'),
    (b":1x\r\n", "Bad integer value"),
    (b":\r\n", "Bad integer value"),
    (b":+1\r\n", "Bad integer value"),
    (b":01\r\n", "Bad integer value"),
    (b":9223372036854775808\r\n", "Bad integer value"),
    (b"$x\r\n", "Bad bulk string length"),
    (b"$-2\r\n", "Bulk string length out of range"),
    (b"*x\r\n", "Bad multi-bulk length"),
    (b"*-2\r\n", "Multi-bulk length out of range"),
    (b"*4294967296\r\n", "Multi-bulk length out of range"),
    (b",x\r\n", "Bad double value"),
    (b",\r\n", "Bad double value"),
    (b",1x\r\n", "Bad double value"),
    (b",nan\r\n", "Bad double value"),
    (b"," + b"1" * 326 + b"\r\n", "Double value is too large"),
    (b"=3\r\ntxt\r\n", "Verbatim string 4 bytes of content type are missing or incorrectly encoded."),
    (b"=5\r\ntxtab\r\n", "Verbatim string 4 bytes of content type are missing or incorrectly encoded."),
    # Ours (D-72)
    (b"+" + b"x" * (64 * 1024 + 1), "Line too long"),
    (b"$1048577\r\n", "Bulk string length out of range"),
    (b"*4097\r\n", "Multi-bulk length out of range"),
    (b"%2049\r\n", "Multi-bulk length out of range"),
    (b"*2\r\n*4095\r\n", "Multi-bulk length out of range"),
    (b"*1\r\n" * 33, "Nested too deeply"),
]


@pytest.mark.parametrize("data,text", ERRORS)
def test_protocol_error(data, text):
    for chunks in ([b"+first\r\n" + data + b"\r\n"], [bytes((b,)) for b in b"+first\r\n" + data + b"\r\n"]):
        found, r = read_all(chunks)
        assert found == [(hr.REDIS_REPLY_STATUS, b"first")]
        assert (r.err, r.errstr) == (hr.REDIS_ERR_PROTOCOL, text)
        assert hr.redisReaderFeed(r, b"+x\r\n") == REDIS_ERR
        assert hr.redisReaderGetReply(r) == (REDIS_ERR, None)


def test_a_reply_as_large_as_can_be_is_read(monkeypatch):
    monkeypatch.setattr(hr, "REDIS_READER_MAX_REPLY", 1000)
    head = b"*2\r\n$480\r\n" + b"a" * 480 + b"\r\n"             # 492 bytes
    assert len(read_all([head + b"$500\r\n" + b"b" * 500 + b"\r\n"])[0]) == 1
    for chunks in ([head + b"$501\r\n" + b"b" * 501 + b"\r\n"], [head, b"$501\r\n" + b"b" * 501, b"\r\n"]):
        found, r = read_all(chunks)
        assert found == [] and r.errstr == "Reply too long"


def test_a_long_line_is_searched_once():
    """A line that comes in small pieces costs no more than its bytes."""
    r = hr.redisReaderCreate()
    hr.redisReaderFeed(r, b"$60000")
    for _ in range(1000):
        hr.redisReaderFeed(r, b"1" * 60)
        hr.redisReaderGetReply(r)
        assert r.searched >= len(r.buf) - 1
    assert not r.err


def test_an_announced_length_takes_no_memory():
    found, r = read_all([b"*4096\r\n"])
    assert found == [] and r.reply.element == []


VALUES = st.recursive(
    st.one_of(st.binary(max_size=20).map(lambda b: b"$%d\r\n%s\r\n" % (len(b), b)),
              st.integers(-2**63, 2**63 - 1).map(lambda n: b":%d\r\n" % n),
              st.sampled_from([b"$-1\r\n", b"+OK\r\n", b"_\r\n", b"#t\r\n", b",0.5\r\n", b"-ERR\r\n"])),
    lambda inner: st.lists(inner, max_size=4).map(lambda items: b"*%d\r\n%s" % (len(items), b"".join(items))), max_leaves=20)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=5), st.data())
def test_chunks_do_not_matter(replies, data):
    text = b"".join(replies)
    whole, _ = read_all([text])
    assert len(whole) == len(replies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0] + cuts, cuts + [len(text)])]
    assert read_all(pieces)[0] == whole


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), VALUES, st.data())
def test_noise_raises_nothing(noise, reply, data):
    at = data.draw(st.integers(0, len(reply)))
    text = reply[:at] + noise + reply[at:]
    found, r = read_all([text])
    again, r2 = read_all([text[i:i + 1] for i in range(len(text))])
    assert (found, r.err, r.errstr) == (again, r2.err, r2.errstr)
