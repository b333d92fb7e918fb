"""redis_gdb.py - runs inside gdb: the phases of tests/support/debug.py as breakpoints of the C server, and printers.

`python -m tests.support.gdb` (make gdb) starts gdb with it.  $AEREDIS_PHASES is a JSON list of [name, [functions], condition, what
to print].  `phase` lists the phases, `phase NAME` switches one on or off.  robj, sds, client and dict print as what they hold.
"""
import json
import os

import gdb

OBJECT_TYPES = ("string", "list", "set", "zset", "hash", "module", "stream")
ENCODINGS = ("raw", "int", "ht", "zipmap", "linkedlist", "ziplist", "intset", "skiplist", "embstr", "quicklist", "stream")


def sds_text(pointer, most=64):
    """The contents of an sds, by the length that its header gives -> text"""
    address = int(pointer)
    if not address:
        return "NULL"
    memory = gdb.selected_inferior()
    kind = memory.read_memory(address - 1, 1).tobytes()[0]
    size = (0, 1, 2, 4, 8)[kind & 7]
    if size:
        length = int.from_bytes(memory.read_memory(address - 1 - 2 * size, size).tobytes(), "little")
    else:
        length = kind >> 3
    data = memory.read_memory(address, min(length, most)).tobytes() if length else b""
    return repr(data)[1:] + ("... (%d bytes)" % length if length > most else "")


class RobjPrinter:
    """A robj: type, encoding, and the contents of a string."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind, encoding = OBJECT_TYPES[int(self.value["type"])], ENCODINGS[int(self.value["encoding"])]
        text = "robj %s %s refcount=%d" % (kind, encoding, int(self.value["refcount"]))
        if kind == "string":
            text += " " + (str(int(self.value["ptr"])) if encoding == "int" else sds_text(self.value["ptr"]))
        return text


class ClientPrinter:
    """A client: what it sent, what it will be sent."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        v = self.value
        return "client id=%d flags=0x%x argc=%d querybuf=%s qb_pos=%d bufpos=%d" % (
            int(v["id"]), int(v["flags"]), int(v["argc"]), sds_text(v["querybuf"]), int(v["qb_pos"]), int(v["bufpos"]))


class DictPrinter:
    """A dict: both tables by size."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        tables = ["ht[%d]: size=%d used=%d" % (j, int(self.value["ht"][j]["size"]), int(self.value["ht"][j]["used"])) for j in (0, 1)]
        return "dict rehashidx=%d %s" % (int(self.value["rehashidx"]), " ".join(tables))


class SdsPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return sds_text(self.value)


PRINTERS = {"robj": RobjPrinter, "redisObject": RobjPrinter, "client": ClientPrinter, "dict": DictPrinter, "sds": SdsPrinter}


def look_up(value):
    """gdb asks for the printer of a value -> printer or None"""
    kind = value.type
    name = kind.name or kind.strip_typedefs().tag
    if name in PRINTERS:
        return PRINTERS[name](value)
    if kind.code == gdb.TYPE_CODE_PTR and int(value):
        target = kind.target()
        name = target.name or target.strip_typedefs().tag
        if name in PRINTERS and name != "sds":
            return PRINTERS[name](value.dereference())
    return None


class Phase(gdb.Command):
    """phase [NAME ...]: list the phases of a request, or switch those named on or off."""

    def __init__(self, table):
        super().__init__("phase", gdb.COMMAND_BREAKPOINTS)
        self.phases = {}
        for name, functions, condition, hint in table:
            breakpoints = []
            for function in functions:
                try:
                    gdb.execute("break " + function, to_string=True)       # some 200 announcements go nowhere
                    breakpoints.append(gdb.breakpoints()[-1])
                except gdb.error as error:
                    gdb.write("%s: %s\n" % (function, error), gdb.STDERR)
            for bp in breakpoints:
                bp.enabled = False
                if condition:
                    bp.condition = condition
            self.phases[name] = (breakpoints, hint)

    def invoke(self, argument, from_tty):
        for name in argument.replace(",", " ").split():
            if name not in self.phases:
                raise gdb.GdbError("no such phase: %s (there are: %s)" % (name, " ".join(self.phases)))
            for bp in self.phases[name][0]:
                bp.enabled = not bp.enabled
        for name, (breakpoints, hint) in self.phases.items():
            where = breakpoints[0].location if len(breakpoints) == 1 else "the function of the command"
            gdb.write("%-10s %-3s  %s   p %s\n" % (name, "on" if breakpoints[0].enabled else "off", where, hint))


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set print frame-arguments scalars")
gdb.execute("handle SIGPIPE nostop noprint pass")
gdb.execute("set follow-fork-mode parent")
gdb.pretty_printers.append(look_up)
if "AEREDIS_PHASES" in os.environ:                     # an editor wants the printers only
    phase = Phase(json.loads(os.environ["AEREDIS_PHASES"]))
    phase.invoke(os.environ.get("AEREDIS_BREAK", ""), False)
