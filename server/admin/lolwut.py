"""lolwut.py - LOLWUT: computer art, and the version.              Mirrors src/lolwut.c, lolwut5.c, lolwut6.c (6.2.14)

Lives here   the command and the canvas; `schotter` of version 5; the skyline of version 6.
Called from  lolwutCommand [command].
Calls out    networking_reply.
State        none; the pictures come from random().
Departures   the square is computed in double precision (C: float), so a corner may lie one dot off.
"""
import math
import random

from server.client.networking_reply import addReplyVerbatim
from server.object import getLongFromObjectOrReply
from server.server_h import C_OK, REDIS_VERSION


class lwCanvas:
    """A grid of dots, top left is 0,0."""
    __slots__ = ("width", "height", "pixels")

    def __init__(self, width, height, bgcolor):
        self.width = width
        self.height = height
        self.pixels = bytearray([bgcolor]) * (width * height)  # one byte a dot, row by row


# ---------------------------------------------------------------------------
# lolwut.c
# ---------------------------------------------------------------------------

def lolwutUnstableCommand(c, argv):
    addReplyVerbatim(c, b"Redis ver. %s\n" % REDIS_VERSION.encode(), b"txt")


def lolwutCommand(c):
    """LOLWUT [VERSION version] [argument ...] -> text   [readonly, fast]"""
    v = REDIS_VERSION
    argv = c.argv
    if c.argc >= 3 and c.argv[1].ptr.lower() == b"version":
        ok, ver = getLongFromObjectOrReply(c, c.argv[2], None)
        if ok != C_OK:
            return
        v = "%d.0.0" % (ver & 0xffffffff)
        # Each version gets only its own arguments.  C: moves c->argv by two and back.
        argv = c.argv[2:]

    # x.9.* is an unstable branch that will become version x + 1.
    if (v[0] == "5" and v[1] == "." and v[2] != "9") or (v[0] == "4" and v[1] == "." and v[2] == "9"):
        lolwut5Command(c, argv)
    elif (v[0] == "6" and v[1] == "." and v[2] != "9") or (v[0] == "5" and v[1] == "." and v[2] == "9"):
        lolwut6Command(c, argv)
    else:
        lolwutUnstableCommand(c, argv)


def lolwut_args(c, argv, limits):
    """Parse up to len(limits) numbers after the name -> (ok, values); (default, max) each, at least 1."""
    values = [default for default, _ in limits]
    for j in range(len(limits)):
        if len(argv) > j + 1:
            ok, values[j] = getLongFromObjectOrReply(c, argv[j+1], None)
            if ok != C_OK:
                return 0, None
    return 1, [min(max(value, 1), maximum) for value, (_, maximum) in zip(values, limits)]


def lwCreateCanvas(width, height, bgcolor):
    return lwCanvas(width, height, bgcolor)


def lwDrawPixel(canvas, x, y, color):
    """Set a dot; out of the canvas is fine."""
    if x < 0 or x >= canvas.width or y < 0 or y >= canvas.height:
        return
    canvas.pixels[x + y * canvas.width] = color


def lwGetPixel(canvas, x, y):
    if x < 0 or x >= canvas.width or y < 0 or y >= canvas.height:
        return 0
    return canvas.pixels[x + y * canvas.width]


def lwDrawLine(canvas, x1, y1, x2, y2, color):
    """Draw a line with Bresenham's algorithm."""
    dx = abs(x2 - x1)
    dy = abs(y2 - y1)
    sx = 1 if x1 < x2 else -1
    sy = 1 if y1 < y2 else -1
    err = dx - dy
    while True:
        lwDrawPixel(canvas, x1, y1, color)
        if x1 == x2 and y1 == y2:
            break
        e2 = err * 2
        if e2 > -dy:
            err -= dy
            x1 += sx
        if e2 < dx:
            err += dx
            y1 += sy


def c_round(x):
    """round(3): halves go away from zero."""
    return int(math.floor(abs(x) + 0.5)) * (1 if x >= 0 else -1)


def lwDrawSquare(canvas, x, y, size, angle, color):
    """Draw a square around x,y, turned by `angle`: its corners are a quarter of a circle apart."""
    # A square in a circle of radius 1 has sides of sqrt(2): scale to the size that was asked for.
    size = c_round(size / 1.4142135623)
    px = []
    py = []
    k = math.pi / 4 + angle
    for _ in range(4):
        px.append(c_round(math.sin(k) * size + x))
        py.append(c_round(math.cos(k) * size + y))
        k += math.pi / 2
    for j in range(4):
        lwDrawLine(canvas, px[j], py[j], px[(j+1) % 4], py[(j+1) % 4], color)


# ---------------------------------------------------------------------------
# lolwut5.c
# ---------------------------------------------------------------------------

def lwTranslatePixelsGroup(byte):
    """Return the braille character whose eight dots are the bits of `byte`, in UTF-8."""
    return chr(0x2800 + byte).encode()


def lwDrawSchotter(console_cols, squares_per_row, squares_per_col):
    """Draw rows of squares that lose their order on the way down, after Georg Nees."""
    canvas_width = console_cols * 2
    padding = 2 if canvas_width > 4 else 0
    square_side = (canvas_width - padding*2) / squares_per_row
    canvas_height = int(square_side * squares_per_col + padding*2)
    canvas = lwCreateCanvas(canvas_width, canvas_height, 0)

    for y in range(squares_per_col):
        for x in range(squares_per_row):
            sx = int(x * square_side + square_side/2 + padding)
            sy = int(y * square_side + square_side/2 + padding)
            angle = 0
            if y > 1:
                # Squares further down are rotated and moved more.
                r1 = random.random() / squares_per_col * y
                r2 = random.random() / squares_per_col * y
                r3 = random.random() / squares_per_col * y
                if random.getrandbits(1):
                    r1 = -r1
                if random.getrandbits(1):
                    r2 = -r2
                if random.getrandbits(1):
                    r3 = -r3
                angle = r1
                sx = int(sx + r2*square_side/3)
                sy = int(sy + r3*square_side/3)
            lwDrawSquare(canvas, sx, sy, square_side, angle, 1)
    return canvas


def renderCanvas_lolwut5(canvas):
    """Return the canvas as text, 2 x 4 dots a character (C: renderCanvas)."""
    text = []
    for y in range(0, canvas.height, 4):
        for x in range(0, canvas.width, 2):
            # Bits of a braille character:  0 3
            #                               1 4
            #                               2 5
            #                               6 7
            byte = 0
            if lwGetPixel(canvas, x, y):
                byte |= 1 << 0
            if lwGetPixel(canvas, x, y+1):
                byte |= 1 << 1
            if lwGetPixel(canvas, x, y+2):
                byte |= 1 << 2
            if lwGetPixel(canvas, x+1, y):
                byte |= 1 << 3
            if lwGetPixel(canvas, x+1, y+1):
                byte |= 1 << 4
            if lwGetPixel(canvas, x+1, y+2):
                byte |= 1 << 5
            if lwGetPixel(canvas, x, y+3):
                byte |= 1 << 6
            if lwGetPixel(canvas, x+1, y+3):
                byte |= 1 << 7
            text.append(lwTranslatePixelsGroup(byte))
        if y != canvas.height - 1:
            text.append(b"\n")
    return b"".join(text)


def lolwut5Command(c, argv):
    """LOLWUT VERSION 5 [columns] [squares per row] [squares per column]"""
    ok, values = lolwut_args(c, argv, [(66, 1000), (8, 200), (12, 200)])
    if not ok:
        return
    canvas = lwDrawSchotter(*values)
    rendered = renderCanvas_lolwut5(canvas)
    rendered += b"\nGeorg Nees - schotter, plotter on paper, 1968. Redis ver. %s\n" % REDIS_VERSION.encode()
    addReplyVerbatim(c, rendered, b"txt")


# ---------------------------------------------------------------------------
# lolwut6.c
# ---------------------------------------------------------------------------

# A blank in each of the four greys; text and background are the same, so that terminals agree.
lolwut6_dots = [b"\033[%s \033[0m" % ce for ce in (b"0;30;40m", b"0;90;100m", b"0;37;47m", b"0;97;107m")]


def renderCanvas_lolwut6(canvas):
    """Return the canvas as text, a coloured blank for each dot (C: renderCanvas)."""
    rows = [canvas.pixels[y*canvas.width:(y+1)*canvas.width] for y in range(canvas.height)]
    return b"\n".join([b"".join(map(lolwut6_dots.__getitem__, row)) for row in rows])


class skyscraper:
    __slots__ = ("xoff", "width", "height", "windows", "color")

    def __init__(self):
        self.xoff = 0              # left edge, may be negative
        self.width = 0             # dots
        self.height = 0            # dots
        self.windows = 0           # 1: with windows
        self.color = 0


def generateSkyscraper(canvas, si):
    """Draw one building; its windows, two dots wide, are lit at random."""
    starty = canvas.height - 1
    endy = starty - si.height + 1
    for y in range(starty, endy - 1, -1):
        for x in range(si.xoff, si.xoff + si.width):
            # The roof is four dots narrower.
            if y == endy and (x <= si.xoff+1 or x >= si.xoff+si.width-2):
                continue
            color = si.color
            # There are no windows near the edges.
            if si.windows and si.xoff+1 < x < si.xoff+si.width-2 and endy+1 < y < starty-1:
                relx = x - (si.xoff+1)
                rely = y - (endy+1)
                if relx // 2 % 2 and rely % 2:
                    while True:
                        color = 1 + random.getrandbits(1)
                        if color != si.color:
                            break
                    # The second dot of a window has the color of the first.
                    if relx % 2:
                        color = lwGetPixel(canvas, x-1, y)
            lwDrawPixel(canvas, x, y, color)


def generateSkyline(canvas):
    si = skyscraper()
    # Draw the background without windows, lighter buildings first, so that the darker ones cover them.
    for color in (2, 1):
        si.color = color
        offset = -10
        while offset < canvas.width:
            offset += random.randrange(8)
            si.xoff = offset
            si.width = 10 + random.randrange(9)
            if color == 2:
                si.height = canvas.height // 2 + random.randrange(1 << 31) % canvas.height // 2
            else:
                si.height = canvas.height // 2 + random.randrange(1 << 31) % canvas.height // 3
            si.windows = 0
            generateSkyscraper(canvas, si)
            if color == 2:
                offset += si.width // 2
            else:
                offset += si.width + 1

    # Draw the foreground: black, with windows.
    si.color = 0
    offset = -10
    while offset < canvas.width:
        offset += random.randrange(8)
        si.xoff = offset
        si.width = 5 + random.randrange(14)
        if si.width % 4:
            si.width += si.width % 3
        si.height = canvas.height // 3 + random.randrange(1 << 31) % canvas.height // 2
        si.windows = 1
        generateSkyscraper(canvas, si)
        offset += si.width + 5


def lolwut6Command(c, argv):
    """LOLWUT VERSION 6 [columns] [rows]"""
    ok, values = lolwut_args(c, argv, [(80, 1000), (20, 1000)])
    if not ok:
        return
    canvas = lwCreateCanvas(values[0], values[1], 3)
    generateSkyline(canvas)
    rendered = renderCanvas_lolwut6(canvas)
    rendered += (b"\nDedicated to the 8 bit game developers of past and present.\n"
                 b"Original 8 bit image from Plaguemon by hikikomori. Redis ver. %s\n" % REDIS_VERSION.encode())
    addReplyVerbatim(c, rendered, b"txt")
