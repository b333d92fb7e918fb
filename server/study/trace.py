"""trace.py - the tracer: what a running server does, step by step.       No counterpart in C

Lives here   DEBUG TRACE (SENTINEL TRACE in sentinel mode); switching on and off; the ring of events; children; call trees.
Called from  debugCommand, sentinelCommand, by an import inside the function [command]; traced.py [startup].
Calls out    tracepoints.py: which functions are traced, and what an event says of a call.
State        state.  ring: the last events, as tuples of numbers and short bytes: no client, no object.
Invariant    off costs nothing: the functions of the server do not know that this module exists.  Switching on assigns a wrapper
             to each module global, and to each pointer of the loop and of the connection types, that *is* the function;
             switching off puts all of them back.  Only the main thread does either, between two steps of a command.
Departures   all of it is ours: D-104.

While the tracer is on the fast path is off, or its commands would not be seen.  An exception of the tracer itself is logged and
ends the trace; the command that was traced does not notice.  UNIT: ns, of CLOCK_MONOTONIC, which all processes of a machine share.
"""
import difflib
import itertools
import json
import os
import sys
import threading
import time

from ae.ae import AE_READABLE, aeCreateFileEvent, aeDeleteFileEvent
from datastructs.util import string2ll
from server import server_main
from server.client.networking_reply import (
    addReply, addReplyArrayLen, addReplyBulkCBuffer, addReplyBulkCString, addReplyErrorFormat, addReplyHelp, addReplyLongLong, addReplyMapLen,
    addReplyStatus,
)
from server.log import log_unexpected_exception, serverLog
from server.rebind import swap
from server.server_h import LL_NOTICE, LL_WARNING, server, shared
from server.study import tracepoints

HIDDEN = frozenset((os.path.abspath(__file__), os.path.abspath(tracepoints.__file__)))

SIZE_DEFAULT = 1 << 16                 # events
SIZE_MIN = 1 << 10
SIZE_MAX = 1 << 20
COUNT_DEFAULT = 1000                   # events a READ
COUNT_MAX = 10000
DELAY_MAX = 60000                      # ms
CALLS_MAX = 100
TREE_ROWS = 2000                       # of one call tree
TREE_EVENTS = 400000                   # what is recorded for it
CHILD_BATCH = 32                       # events a child collects before it sends them
PIPE_CHUNK = 4000                      # bytes; less than PIPE_BUF: written whole or not at all

clock = time.monotonic_ns
thread_id = threading.get_ident


class traceState:
    __slots__ = ("on", "ring", "mask", "count", "points", "detail", "wrapped", "broken", "names", "send_at", "child_fd",
                 "child_start", "child_purpose", "child_lost", "pipes", "calls", "since")

    def __init__(self):
        self.on = False                # read by every wrapper
        self.ring = None               # list of events: (number, start, end, thread, tracePoint, values)
        self.mask = 0                  # size of the ring - 1
        self.count = None              # itertools.count: the number of the next event
        self.points = {}               # name -> tracePoint
        self.detail = False            # the contents of commands and replies ride along
        self.wrapped = []              # (function, wrapper)
        self.broken = None             # the exception of the tracer that ends the trace at the next beforeSleep
        self.names = {}                # thread ident -> (native id, name)
        self.send_at = -1              # in a child: the place in the ring after which its events are sent
        self.child_fd = -1             # in a child: the pipe to the parent
        self.child_start = 0
        self.child_purpose = 0
        self.child_lost = 0            # events that the pipe had no room for
        self.pipes = {}                # in the parent: reading end -> bytes of an unfinished line
        self.calls = None              # callTrees, while DEBUG TRACE CALLS waits for a command
        self.since = 0


state = traceState()


# ------------------------------- wrappers -------------------------------

def wrap(function, point):
    """Return a function that does what `function` does, and records it.

    Each step of a command passes here, some twelve times a command: what record() does is written out.  The wrapper keeps the
    ring: while a bio or IO thread is in here, the main thread may switch off, and on again with another one."""
    before, after, name, now, thread = point.before, point.after, point.name, clock, thread_id
    ring, next_number = state.ring, state.count.__next__

    def traced(*args):
        if not state.on:
            if state.broken is not None and name == "beforeSleep":
                switch_off()
            return function(*args)
        seen = None
        if before is not None:
            try:
                seen = before(args)
            except Exception as exc:
                tracer_failed(exc)
                return function(*args)
        start = now()
        if point.delay and not (name == "call" and seen[1] in (b"debug", b"sentinel")):
            time.sleep(point.delay / 1000)
        try:
            result = function(*args)
        except BaseException as exc:
            record(start, clock(), point, type(exc).__name__)
            raise
        end = now()
        try:
            values = after(args, seen, result)
            if values is not None:
                number = next_number()
                at = number & (len(ring) - 1)
                ring[at] = (number, start, end, thread(), point, values)
                if at == state.send_at:
                    send_to_parent()
        except Exception as exc:
            tracer_failed(exc)
        return result

    traced.__name__ = traced.__qualname__ = function.__name__
    traced.__doc__ = function.__doc__
    traced.__wrapped__ = function
    return traced


def record(start, end, point, values):
    """Put an event into the ring.  No lock: the number is drawn in one step of the interpreter."""
    ring = state.ring
    if ring is not None and state.on:
        number = next(state.count)
        at = number & (len(ring) - 1)
        ring[at] = (number, start, end, thread_id(), point, values)
        if at == state.send_at:
            send_to_parent()


def tracer_failed(exc):
    """A bug of the tracer: report it, and end the trace.  The wrappers only call their functions from now on."""
    if state.on:
        state.on = False
        state.broken = exc
        log_unexpected_exception(exc)
        serverLog(LL_WARNING, "The tracer has failed (%s) and is switched off; the server goes on", type(exc).__name__)


def switch_on(size=SIZE_DEFAULT, detail=False):
    """Switch the tracer on; `size`: a power of two."""
    set_fast_path(0)
    state.mask = size - 1
    state.ring = [None] * size
    state.count = itertools.count()
    state.detail = tracepoints.options.detail = detail
    state.broken = None
    state.calls = None
    state.child_fd = state.send_at = -1
    state.since = clock()
    note_threads()
    points = tracepoints.all_points()
    state.points = {point.name: point for point in points}
    pairs = [(function, wrap(function, point)) for point in points for function in point.functions]
    pairs.append((server_main.switch_fast_path, switch_fast_path_later))
    pairs += [(function, wrap_special(function)) for function in tracepoints.special()]
    swap(pairs)
    state.wrapped = pairs
    state.on = True
    serverLog(LL_NOTICE, "Tracer on: %d points, %d events; the fast path is off meanwhile", len(points), size)


def switch_off():
    """Put everything back."""
    state.on = False
    swap([(new, old) for old, new in state.wrapped])
    state.wrapped = []
    state.points = {}
    state.ring = None
    state.calls = None
    state.broken = None
    sys.setprofile(None)
    for fd in list(state.pipes):
        close_pipe(fd)
    fast_path = server.fast_path and not server.sentinel_mode          # a Sentinel has none
    set_fast_path(fast_path)
    serverLog(LL_NOTICE, "Tracer off%s", "; the fast path is on again" if fast_path else "")


def set_fast_path(yes):
    """Bind or unbind the fast path, whatever the directive says."""
    directive = server.fast_path
    server.fast_path = yes
    try:
        server_main.switch_fast_path(server.el, 0, None)
    finally:
        server.fast_path = directive


def switch_fast_path_later(eventLoop, id, clientData):
    """Stands for switch_fast_path while the tracer is on: CONFIG SET fast-path takes effect when it is switched off."""
    return -1                          # AE_NOMORE


# ------------------------------- children -------------------------------

def wrap_special(function):
    """The wrappers of redisFork and exitFromChild: a child sends its events to its parent."""
    if function.__name__ == "exitFromChild":
        def traced(retcode):
            if state.on and state.child_fd != -1:
                try:
                    record(state.child_start, clock(), state.points["child"], (state.child_purpose, retcode))
                    send_to_parent()
                except Exception:
                    pass                                # it ends
            return function(retcode)
    else:
        def traced(purpose):
            if not state.on:
                return function(purpose)
            fds = None
            try:
                fds = os.pipe()
                for fd in fds:
                    os.set_blocking(fd, False)
            except OSError:
                pass                                    # no descriptors: no events of the child
            start = clock()
            childpid = function(purpose)
            end = clock()
            try:
                if childpid == 0:
                    enter_child(purpose, start, fds)
                else:
                    record(start, end, state.points["redisFork"], (purpose, childpid))
                    if fds is not None:
                        os.close(fds[1])
                        adopt_pipe(fds[0], childpid)
            except Exception as exc:
                tracer_failed(exc)
            return childpid
    traced.__name__ = function.__name__
    traced.__wrapped__ = function
    return traced


def enter_child(purpose, start, fds):
    """In a child, just after the fork: from now on the events go to the parent."""
    sys.setprofile(None)
    for fd in state.pipes:
        os.close(fd)
    state.pipes = {}
    state.calls = None
    if fds is None:
        state.on = False
        return
    os.close(fds[0])
    state.child_fd = fds[1]
    state.send_at = CHILD_BATCH - 1
    state.child_start = start
    state.child_purpose = purpose
    state.child_lost = 0
    state.mask = CHILD_BATCH - 1
    state.ring[:] = [None] * CHILD_BATCH
    state.names = {thread_id(): (os.getpid(), "main")}


def send_to_parent():
    """Write the events that a child has collected.  What the pipe has no room for is lost, and counted."""
    events = sorted(event for event in state.ring if event is not None)
    state.ring[:] = [None] * CHILD_BATCH
    chunk = b""
    for event in events:
        line = json.dumps(as_dict(event)).encode() + b"\n"
        if len(chunk) + len(line) > PIPE_CHUNK:
            write_chunk(chunk)
            chunk = b""
        if len(line) <= PIPE_CHUNK:
            chunk += line
    write_chunk(chunk)


def write_chunk(chunk):
    if chunk:
        try:
            os.write(state.child_fd, chunk)
        except BlockingIOError:
            state.child_lost += chunk.count(b"\n")
        except OSError:
            state.on = False                            # the parent does not trace any more


def adopt_pipe(fd, childpid):
    """In the parent: read what a child sends, as a file event."""
    if childpid <= 0 or aeCreateFileEvent(server.el, fd, AE_READABLE, child_readable, None) != 0:
        os.close(fd)
        return
    state.pipes[fd] = b""


def child_readable(el, fd, clientData, mask):
    try:
        data = os.read(fd, 65536)
    except OSError:
        return
    if not data:
        close_pipe(fd)
        return
    lines = (state.pipes[fd] + data).split(b"\n")
    state.pipes[fd] = lines.pop()
    for line in lines:
        try:
            event = json.loads(line)
            record(event["ts"], event["ts"] + event["dur"], state.points["child"], event)
        except (ValueError, KeyError, TypeError):
            continue


def close_pipe(fd):
    state.pipes.pop(fd, None)
    aeDeleteFileEvent(server.el, fd, AE_READABLE)
    os.close(fd)


# ------------------------------- call trees -------------------------------

class callTrees:
    """The next commands of one connection whose calls are recorded."""
    __slots__ = ("client", "fd", "left", "active", "seen", "recorders")

    def __init__(self, client, fd, left):
        self.client = client           # id
        self.fd = fd
        self.left = left               # commands
        self.active = False            # from the poll that brought a command to the beforeSleep that answers it
        self.seen = False              # the command was executed in this turn
        self.recorders = {}            # thread -> list of what happened


def begin_profile():
    """Record the calls of this thread from here on."""
    events = []
    state.calls.recorders[thread_id()] = events

    def profile(frame, what, arg):
        if len(events) < TREE_EVENTS:
            events.append((clock(), what, frame.f_code, arg if what[0] == "c" and what[1] == "_" else None))
    sys.setprofile(profile)


def end_profile():
    """Stop recording -> the rows of the tree: (depth, kind, file or module, name, line, start, duration)"""
    sys.setprofile(None)
    calls = state.calls
    events = calls.recorders.pop(thread_id(), None) if calls is not None else None
    return tree_of(events) if events else ()


def tree_of(events):
    """Make rows of what was recorded: Python functions, and of the built-in ones those that call the system."""
    rows, stack = [], []
    depth = 0
    for when, what, code, builtin in events:
        if code.co_filename in HIDDEN:
            continue
        if what == "call":
            stack.append((len(rows), when, code))
            if len(rows) < TREE_ROWS:
                rows.append([depth, "py", code.co_filename, code.co_name, code.co_firstlineno, when, 0])
            depth += 1
        elif what == "return":
            if stack and stack[-1][2] is code:
                row, start, _ = stack.pop()
                depth -= 1
                if row < len(rows) and rows[row][5] == start:
                    rows[row][6] = when - start
        elif what == "c_call":
            name = tracepoints.system_call(builtin)
            if name is not None and len(rows) < TREE_ROWS:
                rows.append([depth, "sys", "", name, 0, when, 0])
        elif rows and rows[-1][1] == "sys" and tracepoints.system_call(builtin) == rows[-1][3]:
            rows[-1][6] = when - rows[-1][5]
    return tuple(tuple(row) for row in rows)


def turn_begins(fired):
    """After each poll."""
    calls = state.calls
    if calls is not None and not calls.active and any(fd == calls.fd for fd, _ in fired):
        calls.active = True
        calls.seen = False
        begin_profile()


def turn_ends():
    """After each beforeSleep."""
    calls = state.calls
    if calls is None or not calls.active:
        return
    calls.active = False
    rows = end_profile()
    if calls.seen and rows:
        record(rows[0][5], rows[-1][5] + rows[-1][6], state.points["calls"], (rows, calls.client))
        calls.left -= 1
        if calls.left == 0:
            state.calls = None


def thread_begins():
    """A bio or IO thread begins a piece of work."""
    if state.calls is not None and state.calls.active:
        begin_profile()
        return True
    return False


def thread_ends():
    rows = end_profile()
    if rows and state.on:
        record(rows[0][5], rows[-1][5] + rows[-1][6], state.points["calls"], (rows, state.calls.client if state.calls else 0))


tracepoints.hooks.turn_begins = turn_begins
tracepoints.hooks.turn_ends = turn_ends
tracepoints.hooks.thread_begins = thread_begins
tracepoints.hooks.thread_ends = thread_ends
tracepoints.hooks.state = state


# ------------------------------- reading -------------------------------

def note_threads():
    for thread in threading.enumerate():
        name = "main" if thread is threading.main_thread() else thread.name
        state.names[thread.ident] = (thread.native_id, name)


def as_dict(event):
    """Return an event as what READ shows of it."""
    number, start, end, ident, point, values = event
    if type(values) is dict:                            # of a child
        return dict(values, n=number)
    native, thread = state.names.get(ident) or (0, "")
    if type(values) is str:
        args = {"raised": values}
    else:
        args = {field: plain(value) for field, value in zip(point.fields, values) if value is not None}
    name = args.pop("function") if "function" in args else point.name
    return {"n": number, "ts": start, "dur": end - start, "pid": os.getpid(), "tid": native, "thread": thread, "phase": point.phase,
            "name": name, "args": args}


def plain(value):
    """A value as JSON has it: bytes become text, what is not UTF-8 of them backslashes."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value


def read_events(cursor, count):
    """Return (next cursor, how many events are lost, the events from `cursor` on as JSON lines)."""
    ring, mask = state.ring, state.mask
    lost, lines = 0, []
    note_threads()
    while len(lines) < count:
        event = ring[cursor & mask]
        if event is None or event[0] < cursor:
            break                                       # not there yet
        if event[0] > cursor:                           # overwritten: go on with the oldest
            oldest = max(cursor + 1, max(e[0] for e in ring if e is not None) - mask)
            lost += oldest - cursor
            cursor = oldest
            continue
        lines.append(json.dumps(as_dict(event), separators=(",", ":")).encode())
        cursor += 1
    return cursor, lost, lines


def newest():
    """The number of the next event."""
    return max((event[0] for event in state.ring if event is not None), default=-1) + 1


# ------------------------------- the command -------------------------------

HELP = [
    b"ON [SIZE <events>] [DETAIL]",
    b"    Record what the server does, in a ring of <events> (1024 to 1048576, by default",
    b"    65536). With DETAIL also the first 200 bytes of commands and replies. The fast",
    b"    path is off until DEBUG TRACE OFF.",
    b"OFF",
    b"    Put everything back.",
    b"STATUS",
    b"    Show the state of the tracer.",
    b"READ <cursor> [COUNT <n>]",
    b"    Return the next cursor, how many events were lost, and events as lines of JSON.",
    b"CALLS <n>",
    b"    Record all function calls of the next <n> commands of this connection.",
    b"DELAY <point> <milliseconds>",
    b"    Let each call of the point take longer: a slow disk, a slow replica. 0 ends it.",
    b"POINTS",
    b"    List the points: phase, name, what an event says.",
]


def trace_command(c):
    """DEBUG TRACE subcommand [arg ...]; SENTINEL TRACE the same."""
    sub = bytes(c.argv[2].ptr).lower() if c.argc > 2 else b"help"
    args = [bytes(o.ptr) for o in c.argv[3:]]
    if sub == b"help" and not args:
        addReplyHelp(c, HELP)
    elif sub == b"on":
        trace_command_on(c, args)
    elif sub == b"off" and not args:
        if state.on:
            switch_off()
        addReply(c, shared.ok)
    elif sub == b"status" and not args:
        trace_command_status(c)
    elif sub == b"points" and not args:
        points = tracepoints.all_points() if not state.on else list(state.points.values())
        addReplyArrayLen(c, len(points))
        for point in points:
            addReplyArrayLen(c, 3)
            for text in (point.phase, point.name, " ".join(point.fields)):
                addReplyBulkCString(c, text.encode())
    elif sub not in (b"read", b"calls", b"delay"):
        addReplyErrorFormat(c, b"Unknown subcommand or wrong number of arguments for TRACE '%s'. Try DEBUG TRACE HELP.", sub[:64])
    elif not state.on:
        addReplyErrorFormat(c, b"the tracer is off: DEBUG TRACE ON")
    elif sub == b"read":
        trace_command_read(c, args)
    elif sub == b"calls":
        trace_command_calls(c, args)
    else:
        trace_command_delay(c, args)


def number_or_reply(c, text, low, high, what):
    """Return the number, or None after an error was replied."""
    ok, number = string2ll(text)
    if not ok or not low <= number <= high:
        addReplyErrorFormat(c, b"%s must be a number from %d to %d", what, low, high)
        return None
    return number


def trace_command_on(c, args):
    size, detail = SIZE_DEFAULT, False
    while args:
        option = args.pop(0).lower()
        if option == b"size" and args:
            size = number_or_reply(c, args.pop(0), SIZE_MIN, SIZE_MAX, b"SIZE")
            if size is None:
                return
        elif option == b"detail":
            detail = True
        else:
            addReplyErrorFormat(c, b"syntax error: DEBUG TRACE ON [SIZE events] [DETAIL]")
            return
    if state.on:
        addReplyErrorFormat(c, b"the tracer is on already")
        return
    if state.broken is not None:
        switch_off()
    size = 1 << (size - 1).bit_length()
    switch_on(size, detail)
    addReplyStatus(c, b"OK, %d events; the fast path is off until DEBUG TRACE OFF" % size)


def trace_command_status(c):
    on = state.on
    events = newest() if on else 0
    fields = [
        (b"on", int(on)), (b"cursor", events), (b"size", state.mask + 1 if on else 0),
        (b"overwritten", max(0, events - state.mask - 1) if on else 0), (b"points", len(state.points)),
        (b"detail", int(on and state.detail)),
        (b"fast-path", b"off while the tracer is on" if on and server.fast_path else b"on" if server.fast_path else b"off"),
        (b"calls-left", state.calls.left if state.calls is not None else 0),
        (b"delays", b" ".join(b"%s=%d" % (p.name.encode(), p.delay) for p in state.points.values() if p.delay)),
        (b"pid", os.getpid()),
    ]
    addReplyMapLen(c, len(fields))
    for name, value in fields:
        addReplyBulkCString(c, name)
        if isinstance(value, int):
            addReplyLongLong(c, value)
        else:
            addReplyBulkCString(c, value)


def trace_command_read(c, args):
    if len(args) not in (1, 3) or (len(args) == 3 and args[1].lower() != b"count"):
        addReplyErrorFormat(c, b"syntax error: DEBUG TRACE READ cursor [COUNT n]")
        return
    cursor = number_or_reply(c, args[0], 0, (1 << 62), b"the cursor")
    if cursor is None:
        return
    count = COUNT_DEFAULT
    if len(args) == 3:
        count = number_or_reply(c, args[2], 1, COUNT_MAX, b"COUNT")
        if count is None:
            return
    cursor, lost, lines = read_events(cursor, count)
    addReplyArrayLen(c, 3)
    addReplyLongLong(c, cursor)
    addReplyLongLong(c, lost)
    addReplyArrayLen(c, len(lines))
    for line in lines:
        addReplyBulkCBuffer(c, line)


def trace_command_calls(c, args):
    if len(args) != 1:
        addReplyErrorFormat(c, b"syntax error: DEBUG TRACE CALLS n")
        return
    left = number_or_reply(c, args[0], 1, CALLS_MAX, b"the number of commands")
    if left is None:
        return
    if c.conn is None:
        addReplyErrorFormat(c, b"CALLS follows a connection: not from a script")
        return
    state.calls = callTrees(c.id, c.conn.fd, left)
    addReply(c, shared.ok)


def trace_command_delay(c, args):
    if len(args) != 2:
        addReplyErrorFormat(c, b"syntax error: DEBUG TRACE DELAY point milliseconds")
        return
    name = args[0].decode("utf-8", "replace")
    point = state.points.get(name)
    if point is None or not point.functions:
        known = [p.name for p in state.points.values() if p.functions]
        near = sorted(known, key=lambda n: -difflib.SequenceMatcher(None, n.lower(), name[:64].lower()).ratio())[:3]
        addReplyErrorFormat(c, b"no point '%s'; the nearest: %s", args[0][:64], ", ".join(near).encode())
        return
    delay = number_or_reply(c, args[1], 0, DELAY_MAX, b"the delay")
    if delay is None:
        return
    point.delay = delay
    addReply(c, shared.ok)
