"""sparkline.py - small graphs made of characters.              Mirrors src/sparkline.c (6.2.14)

Lives here   sequences of samples, and their drawing in a few text rows with labels below.
Called from  LATENCY GRAPH [command].
State        none.
Departures   sequence.labels starts at 0 (C leaves it uninitialised, so that it may leave a blank row below).
"""
from math import log

SPARKLINE_NO_FLAGS = 0
SPARKLINE_FILL = 1             # fill the area under the curve
SPARKLINE_LOG_SCALE = 2

# Characters from low to high: each text row has as many steps as there are characters.
charset = b"_-`"
charset_fill = b"_o#"
charset_len = len(charset)
label_margin_top = 1           # empty rows between graph and labels


class sample:
    __slots__ = ("value", "label")

    def __init__(self, value, label):
        self.value = value
        self.label = label         # bytes, printed downwards; None = none


class sequence:
    __slots__ = ("length", "labels", "samples", "min", "max")

    def __init__(self):
        self.length = 0            # len(samples)
        self.labels = 0            # samples that have a label
        self.samples = []
        self.min = 0.0
        self.max = 0.0


def createSparklineSequence():
    return sequence()


def sparklineSequenceAddSample(seq, value, label):
    if not label:
        label = None
    if seq.length == 0:
        seq.min = seq.max = value
    elif value < seq.min:
        seq.min = value
    elif value > seq.max:
        seq.max = value
    seq.samples.append(sample(value, label))
    seq.length += 1
    if label is not None:
        seq.labels += 1


def sparklineRenderRange(output, seq, rows, offset, len_, flags):
    """Return `output` with `len_` samples from `offset` drawn after it: `rows` lines of graph, then the labels."""
    relmax = seq.max - seq.min
    steps = charset_len * rows
    opt_fill = flags & SPARKLINE_FILL
    opt_log = flags & SPARKLINE_LOG_SCALE
    if opt_log:
        relmax = log(relmax + 1)
    if relmax == 0:
        relmax = 1

    output = bytearray(output)
    row = 0
    loop = 1
    while loop:
        loop = 0
        chars = bytearray(b" " * len_)
        for j in range(len_):
            s = seq.samples[j+offset]
            relval = s.value - seq.min
            if opt_log:
                relval = log(relval + 1)
            step = int(int(relval * steps) / relmax)
            step = min(max(step, 0), steps - 1)

            if row < rows:
                charidx = step - (rows-row-1) * charset_len
                loop = 1
                if 0 <= charidx < charset_len:
                    chars[j] = charset_fill[charidx] if opt_fill else charset[charidx]
                elif opt_fill and charidx >= charset_len:
                    chars[j] = ord("|")
            else:
                if seq.labels and row - rows < label_margin_top:
                    loop = 1
                    break
                if s.label is not None:
                    label_char = row - rows - label_margin_top
                    if len(s.label) > label_char:
                        loop = 1
                        chars[j] = s.label[label_char]
        if loop:
            row += 1
            output += chars
            output += b"\n"
    return bytes(output)


def sparklineRender(output, seq, columns, rows, flags):
    """Return `output` with the whole sequence drawn after it, in bands of `columns` samples."""
    for j in range(0, seq.length, columns):
        sublen = min(seq.length - j, columns)
        if j != 0:
            output += b"\n"
        output = sparklineRenderRange(output, seq, rows, j, sublen, flags)
    return output
