"""lolwut.py: the canvas, and the shape of the pictures."""
from server.admin import lolwut


def test_pixels_out_of_the_canvas_are_ignored():
    canvas = lolwut.lwCreateCanvas(4, 2, 0)
    for x, y in ((-1, 0), (4, 0), (0, -1), (0, 2)):
        lolwut.lwDrawPixel(canvas, x, y, 1)
        assert lolwut.lwGetPixel(canvas, x, y) == 0
    assert canvas.pixels == bytes(8)


def test_line():
    canvas = lolwut.lwCreateCanvas(5, 3, 0)
    lolwut.lwDrawLine(canvas, 4, 2, 0, 0, 1)
    dots = [(x, y) for x in range(5) for y in range(3) if lolwut.lwGetPixel(canvas, x, y)]
    assert [x for x, _ in dots] == [0, 1, 2, 3, 4]              # one dot a column
    assert [y for _, y in dots] == sorted(y for _, y in dots) and (0, 0) in dots and (4, 2) in dots


def test_braille():
    assert lolwut.lwTranslatePixelsGroup(0xff).decode() == "\u28ff"
    canvas = lolwut.lwCreateCanvas(2, 4, 0)
    lolwut.lwDrawPixel(canvas, 1, 0, 1)
    assert lolwut.renderCanvas_lolwut5(canvas).decode() == "\u2808\n"         # C ends the last row too


def test_pictures_have_the_size_asked_for():
    canvas = lolwut.lwDrawSchotter(66, 8, 12)
    assert len(lolwut.renderCanvas_lolwut5(canvas).decode().split("\n")[0]) == 66
    sky = lolwut.lwCreateCanvas(80, 20, 3)
    lolwut.generateSkyline(sky)
    rows = lolwut.renderCanvas_lolwut6(sky).split(b"\n")
    assert len(rows) == 20 and all(row.count(b"\033[0m") == 80 for row in rows)
    assert set(sky.pixels) <= {0, 1, 2, 3} and 0 in sky.pixels
