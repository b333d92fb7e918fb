"""backlog.py - the replication backlog of a server, drawn in plain text.

    python -m tests.support.backlog --port N         of any running server, a C one included, from INFO replication
                                                (also --host, --user, --password, --db)
    python -m tests.support.pictures backlog         of a server in this process, with the ring as it lies in memory

INFO has no repl_backlog_idx.  As long as the ring has not been full it is the same as histlen; after that only the order of
the bytes is known from outside, not where they lie, so the history is drawn as a line from the oldest to the newest byte.
"""
import argparse
import sys

from tests.support.remote import add_options, connect, info_fields

CELLS = 64


def marks_row(marks, cells):
    """One row with the letters of `marks`, [(cell, letter)]; letters that fall together become a *."""
    row = [" "] * (cells + 1)
    for cell, letter in marks:
        row[cell] = letter if row[cell] == " " else "*"
    return "".join(row).rstrip()


def replicas_of(info):
    """[(name, offset)] of the online replicas in the fields of INFO replication."""
    return [(k, info[k]["offset"]) for k in sorted(info) if k.startswith("slave") and isinstance(info[k], dict)
            and info[k].get("state") == "online"]


def facts(size, histlen, first, offset, idx=None):
    rows = [("repl_backlog_size", size, "bytes of the ring"),
            ("repl_backlog_histlen", histlen, "of them that hold stream"),
            ("repl_backlog_off", first, "offset of the oldest byte here"),
            ("master_repl_offset", offset, "offset of the newest: off + histlen - 1")]
    if idx is not None:
        rows.insert(2, ("repl_backlog_idx", idx, "where in the ring the next byte goes"))
    out = ["%-22s %8d   %s" % row for row in rows]
    out.append("PSYNC <id> %d ... %d can be served from it" % (first, offset + 1))
    return out


def draw_ring(size, idx, histlen, first, offset, replicas=()):
    """The bytearray from index 0 on.  `=` written in this round, `-` in the round before, `.` not yet."""
    cell = size / CELLS
    line = ""
    for n in range(CELLS):
        start = n * cell
        if start < idx:
            line += "="
        else:
            line += "-" if histlen == size else "."
    out = ["index 0" + " " * (CELLS - 5) + "%d" % size, "      [" + line + "]"]
    marks = [(min(int(idx / cell), CELLS - 1), "^")]
    for name, ack in replicas:
        if first - 1 <= ack <= offset:
            marks.append((int(((idx - 1 - (offset - ack)) % size) / cell), name[-1]))
    out.append("       " + marks_row(marks, CELLS))
    at = marks[0][0]
    text = "idx: newest byte left of it" + (", oldest right of it" if histlen == size else "")
    out.append("       " + (" " * at + text if at < CELLS // 2 else text.rjust(at + 1)))
    return out + facts(size, histlen, first, offset, idx)


def draw_history(info):
    """From the fields of INFO replication (remote.info_fields)."""
    if not info["repl_backlog_active"]:
        return ["no backlog: nobody has replicated from this server yet, or not for repl-backlog-ttl"]
    size, histlen = info["repl_backlog_size"], info["repl_backlog_histlen"]
    first, offset = info["repl_backlog_first_byte_offset"], info["master_repl_offset"]
    replicas = replicas_of(info)
    if histlen < size:
        out = draw_ring(size, histlen, histlen, first, offset, replicas)
    else:
        cell = size / CELLS
        marks = [(min(int((ack - first) / cell), CELLS), name[-1]) for name, ack in replicas if ack >= first]
        out = ["oldest %-*s newest" % (CELLS - 6, ""), "      [" + "=" * CELLS + "]", "       " + marks_row(marks, CELLS)]
        out += facts(size, histlen, first, offset)
    for name, ack in replicas:
        gone = "" if ack + 1 >= first else "   too far back: a cut now means a full resync"
        out.append("%s has %d, is %d bytes behind%s" % (name, ack, offset - ack, gone))
    out.append("ids: %s (%s up to %s)" % (info["master_replid"], info["master_replid2"], info["second_repl_offset"]))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, required=True)
    args = parser.parse_args()
    with connect(args) as client:
        print("\n".join(draw_history(info_fields(client, "%s:%d" % (args.host, args.port), "replication"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
