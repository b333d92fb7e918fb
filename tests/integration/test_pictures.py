"""Pictures of a server that runs elsewhere: tests.support.pictures --port, against ours and against C's."""
import pytest

from tests.support.pictures import draw_remote
from tests.support.server import real_server_path, start_server


@pytest.mark.parametrize("real", [False, True])
def test_drawn_from_outside(real):
    if real and not real_server_path():
        pytest.skip("no C server at hand")
    with start_server(real=real) as s:
        c = s.resp()
        if real and not c.execute("INFO", "server").split(b"redis_version:")[1].startswith(b"6.2"):
            pytest.skip("the C server is not 6.2: other encodings")
        c.execute("HSET", "h", "a", 1, "b", "text")
        c.execute("SADD", "i", 7, 70000)
        c.execute("RPUSH", "l", "x", "y")
        c.execute("XADD", "st", "5-1", "f", "v")
        c.execute("SADD", "ht", "m")
        c.execute("ZADD", "z", 1, "m" * 70)
        h = draw_remote(s.port, "h")
        assert h[0] == "# h: ziplist"
        assert [line.split(None, 3)[1] for line in h[-4:]] == ["03", "04", "74", "ff"]
        assert h[2].split() == ["0", "19", "00", "00", "00", "zlbytes", "25", "bytes", "in", "all"]
        assert draw_remote(s.port, "i")[-1].split() == ["12", "70", "11", "01", "00", "contents[1]", "70000"]
        assert '"x" "y"' in draw_remote(s.port, "l")[-1]
        st = draw_remote(s.port, "st")
        assert st[1].startswith("length=1 last_id=5-1, 1 listpacks") and "listpack of master ID 5-1:" in st
        assert " number of elements: 1" in draw_remote(s.port, "ht")
        assert "not in a payload" in draw_remote(s.port, "z")[1]
        assert draw_remote(s.port, "none") == ["no such key: none"]
