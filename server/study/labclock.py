"""labclock.py - one clock for all servers of a lab, which stands while one of them is stopped.       No counterpart in C

Lives here   LabClock: time that stands still while a process that takes part is stopped; LabSelector, which keeps its beat;
             install() for the server; hold() and release() for a debugger; create(), read(), let_time_run() for tools; DEBUG CLOCK.
Called from  main, debugCommand, by an import inside the function [startup, command]; the event loop [each turn].
State        installed: the clock of this process, or None.  The rest is in the file, which all processes map.
Invariant    no process ever sees its time go back.  One cell of the file says whether the time stands, and since when or behind what:
             it is read in one load, and written only under the lock of the file, for which no reader waits.
Departures   all of it is ours: D-105.

    AEREDIS_CLOCK=.lab/clock python -m server --port 7000          each server of the lab, with the same file
    python -m server.study.labclock .lab/clock                     what time it is there, and what keeps it standing

A server shows that it runs by asking for the time, and in each turn of its loop.  One that is silent for 0.4 s, and lives, has been
stopped: SIGSTOP, Ctrl-Z, gdb, debugpy.  Whoever finds that lets the time of all stand; the others go on to serve, but no timeout
passes.  When the stopped one speaks again, the time goes on from where it stood.  When it has died, the time goes on without it.
UNIT: ns.
"""
import argparse
import ctypes
import fcntl
import mmap
import os
import sys
import threading
import time

from ae import ae_epoll
from ae.monotonic import set_clock
from server.client.networking_reply import addReplyError, addReplyVerbatim
from server.log import serverLog
from server.server_h import LL_NOTICE, LL_WARNING

SILENCE = 400_000_000                  # a process that is silent for longer has been stopped
LOOK = 20_000_000                      # a process looks at the others this often
WAIT = 0.1                             # s: a poll that sleeps for longer is cut, to keep the beat
REST = 0.01                            # s: the shortest sleep while the time stands, since no timer can come due
LATE = 1_000_000
LOCK_TRIES = 200                       # of 1 ms

MAGIC = int.from_bytes(b"AELABCL1", "little")
PLACES = 128                           # processes

# The file is an array of 64-bit integers.  The head:
MAGIC_CELL = 0
STATE = 1                              # even: the time runs, 2 * how far it is behind the machine; odd: it stands, 2 * at which time + 1
OFFSET = 2                             # wall clock - monotonic clock
STOPS = 3                              # how often the time was stopped
HEAD = 8
# ... and a place for each process:
PID = 0                                # 0 = free
BORN = 1                               # start time of the process, as /proc tells it: the pid alone may be another's by now
BEAT = 2                               # when the process last showed that it runs, by the machine's monotonic clock
LET_RUN = 3                            # LET_TIME_RUN, LET_TIME_RUN_UNTIL_BEAT, or 0
HELD = 4                               # > 0: at the prompt of a debugger
PLACE = 8
CELLS = HEAD + PLACES * PLACE
SIZE = CELLS * 8                       # bytes

LET_TIME_RUN = 1                       # until the process has been silent, and speaks again
LET_TIME_RUN_UNTIL_BEAT = 2            # taken back: until the process looks at its place


class ClockError(Exception):
    """The file is no clock of ours, or cannot be used."""


def born(pid):
    """Return the start time of the process `pid`, or None if it does not run: dead, or a zombie."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            fields = f.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def create(path):
    """Make the file of a clock, and its folder, unless there is one -> True if it was made.  OSError."""
    path = os.path.abspath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        return False
    cells = (ctypes.c_int64 * CELLS)()
    cells[MAGIC_CELL] = MAGIC
    cells[OFFSET] = time.time_ns() - time.monotonic_ns()
    # Whole, or not at all: another process may open it at any moment.
    new = "%s.%d" % (path, os.getpid())
    with open(new, "wb") as f:
        f.write(cells)
    try:
        os.link(new, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(new)
    return True


class LabClock:
    """The clock in the file `path`, which must exist.  ClockError, OSError.

    A test may bring its own machine: two clocks, and a function that tells when a process was born (None: it is dead).
    """

    def __init__(self, path, machine_ns=time.monotonic_ns, wall_ns=time.time_ns, born=born):
        self.path = os.path.abspath(path)
        self.machine_ns = machine_ns
        self.wall_ns = wall_ns
        self.born = born
        self.place = None              # index of this process' first cell; None = it does not take part
        self.in_child = False          # a forked child reads the time, and is not watched
        self.beats = (ctypes.c_int64 * 1)()        # the cells in which this process leaves its beat, and which of them
        self.beat = 0
        self.last = 0                  # the latest time that this process has seen
        self.next_look = 0
        self.full = False              # no place was left
        self.thread_lock = threading.Lock()
        self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.fstat(self.fd).st_size < SIZE:
                raise ClockError("%s is too short for a lab clock (%d bytes of %d): delete it" % (path, os.fstat(self.fd).st_size, SIZE))
            self.cells = (ctypes.c_int64 * CELLS).from_buffer(mmap.mmap(self.fd, SIZE))
            if self.cells[MAGIC_CELL] != MAGIC:
                raise ClockError("%s is not a lab clock" % path)
        except BaseException:
            os.close(self.fd)
            raise
        self.offset = self.cells[OFFSET]

    # -------------------------------- the time --------------------------------

    def monotonic_ns(self):
        """Return the time of the lab, and show that this process runs."""
        # ORDER: the machine's clock first.  If the process is stopped between the two, the state is newer than the clock and the
        # result too old, which the comparison below mends; the other way round it would be 8 seconds ahead after a stop of 8 s.
        now = self.machine_ns()
        if now - self.beats[self.beat] > SILENCE:
            self.after_silence()
        self.beats[self.beat] = now
        state = self.cells[STATE]
        t = state >> 1 if state & 1 else now - (state >> 1)
        if t < self.last:
            return self.last
        self.last = t
        return t

    def time_ns(self):
        """Return the wall clock of the lab."""
        return self.monotonic_ns() + self.offset

    def after_silence(self):
        """This process was stopped, or has not asked for the time for long: skip the gap."""
        if self.place is None or not self.lock():
            return
        try:
            cells = self.cells
            now = cells[self.place + BEAT] = self.machine_ns()
            state = cells[STATE]
            if cells[self.place + LET_RUN]:
                cells[self.place + LET_RUN] = 0
            elif not state & 1 and now - (state >> 1) - self.last > 2 * SILENCE:
                # Nobody was there to stop the time: this process is alone, or all were stopped together.  What another has seen
                # of the time has passed, however.
                latest = max(cells[place + BEAT] for place in range(HEAD, CELLS, PLACE) if place != self.place)
                cells[STATE] = (now - max(self.last + SILENCE, latest - (state >> 1))) << 1
            self.settle()
        finally:
            self.unlock()

    # ------------------------------ the others ------------------------------

    def standing(self):
        """Return a place whose process is stopped and lives, or None."""
        cells = self.cells
        now = self.machine_ns()
        for place in range(HEAD, CELLS, PLACE):
            pid = cells[place + PID]
            if pid and not cells[place + LET_RUN] and (
                    cells[place + HELD] or (now - cells[place + BEAT] > SILENCE and place != self.place)):
                if self.born(pid) == cells[place + BORN]:
                    return place
        return None

    def settle(self):
        """Let the time stand, or go on, as the others' beats demand.  The lock is held."""
        cells = self.cells
        stands = self.standing() is not None
        state = cells[STATE]
        if stands and not state & 1:
            cells[STOPS] += 1
            while True:
                now = self.machine_ns()
                cells[STATE] = max(self.last, now - (state >> 1)) << 1 | 1
                if self.machine_ns() - now < LATE:
                    break                       # else: stopped between the two; meanwhile the others have seen a later time
        elif state & 1 and not stands:
            cells[STATE] = (self.machine_ns() - (state >> 1)) << 1

    def turn(self):
        """A turn of the event loop begins or ends: leave a beat, look at the others -> does the time stand?"""
        self.monotonic_ns()
        now = self.machine_ns()
        if now >= self.next_look:
            self.next_look = now + LOOK
            if self.place is None:
                self.join_and_say()
            elif self.cells[self.place + LET_RUN] == LET_TIME_RUN_UNTIL_BEAT:
                self.cells[self.place + LET_RUN] = 0
            if (self.standing() is not None) != self.cells[STATE] & 1 and self.lock():
                try:
                    self.settle()
                finally:
                    self.unlock()
        return self.cells[STATE] & 1

    # ------------------------------ taking part ------------------------------

    def begin(self):
        """Set the clock to the machine's time if nobody takes part: after a lab, or after a start of the machine."""
        if not self.lock():
            raise ClockError("%s is locked" % self.path)
        try:
            cells = self.cells
            for place in range(HEAD, CELLS, PLACE):
                if cells[place + PID] and self.born(cells[place + PID]) == cells[place + BORN]:
                    break
            else:
                cells[HEAD:CELLS] = [0] * (CELLS - HEAD)
                cells[STATE] = cells[STOPS] = 0
                cells[OFFSET] = self.wall_ns() - self.machine_ns()
            self.offset = cells[OFFSET]
        finally:
            self.unlock()

    def join(self, pid=None):
        """Take a place, from where the others watch this process -> True, or False: none is free, or it is not the time to."""
        if self.in_child or self.full or not self.lock():
            return False
        try:
            cells = self.cells
            pid = pid or os.getpid()
            free = None
            for place in range(HEAD, CELLS, PLACE):
                if cells[place + PID] == pid or (free is None and (
                        not cells[place + PID] or self.born(cells[place + PID]) != cells[place + BORN])):
                    free = place
                    if cells[place + PID] == pid:           # a server that has restarted itself
                        break
            if free is None:
                self.full = True
                return False
            # ORDER: the pid last, others may look at any moment.
            cells[free + PID] = 0
            cells[free + BORN] = self.born(pid) or 0
            cells[free + BEAT] = self.machine_ns()
            cells[free + LET_RUN] = cells[free + HELD] = 0
            cells[free + PID] = pid
            self.beats, self.beat = cells, free + BEAT
            self.place = free
            return True
        finally:
            self.unlock()

    def join_and_say(self):
        full = self.full
        if self.join():
            serverLog(LL_NOTICE, "Lab clock: %s", self.path)
        elif self.full and not full:
            serverLog(LL_WARNING, "Lab clock: all %d places of %s are taken, nobody watches this server", PLACES, self.path)

    def leave_in_child(self):
        """After a fork: the child must not beat for its parent.  Before the parent took part it is the one that will (daemonize)."""
        if self.place is not None:
            self.in_child = True
            self.place = None
            self.beats, self.beat = (ctypes.c_int64 * 1)(), 0

    def hold(self):
        """A debugger shows its prompt: the time stands from now on."""
        if self.place is None and not self.join():
            return
        self.cells[self.place + HELD] += 1
        self.settle_now()

    def release(self):
        """The prompt is left: the time goes on."""
        if self.place is not None and self.cells[self.place + HELD]:
            self.cells[self.place + HELD] -= 1
            self.cells[self.place + BEAT] = self.machine_ns()
            self.settle_now()

    def settle_now(self):
        if self.lock():
            try:
                self.settle()
            finally:
                self.unlock()

    # -------------------------------- the lock --------------------------------

    def lock(self):
        """Lock the file -> False after 0.2 s.  Whoever holds it was stopped there: a few microseconds, in which a stop has no effect."""
        if not self.thread_lock.acquire(timeout=LOCK_TRIES / 1000):
            return False
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                time.sleep(0.001)
        self.thread_lock.release()
        return False

    def unlock(self):
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        self.thread_lock.release()

    def close(self):
        """Close the file; the clock cannot be used after that."""
        self.cells = self.beats = None
        os.close(self.fd)


# ------------------------------- the server -------------------------------

installed = None


class LabSelector(ae_epoll.aeSelector):
    """The selector of a server that takes part: it beats before and after each poll, and no poll keeps it silent."""

    def select(self, timeout=None):
        left = timeout
        while True:
            stands = installed.turn()
            wait = WAIT if left is None or left > WAIT else left
            if stands and 0 < wait < REST:
                wait = REST
            fired = super().select(wait)
            if fired or (left is not None and left <= WAIT):
                break
            if left is not None:
                left -= WAIT
        installed.turn()
        return fired


def install(path):
    """Let this process take its time from the clock in `path`.  ORDER: before the server asks for the time, and before it has a loop.

    A file that cannot be used ends the process with one line.
    """
    global installed
    try:
        create(path)
        installed = LabClock(path)
        installed.begin()
    except (OSError, ClockError) as error:
        sys.stderr.write("AEREDIS_CLOCK: %s\n" % error)
        sys.exit(1)
    os.environ["AEREDIS_CLOCK"] = installed.path       # a server that restarts itself may be in another folder
    set_clock(installed.time_ns, installed.monotonic_ns)
    ae_epoll.aeSelector = LabSelector
    os.register_at_fork(after_in_child=installed.leave_in_child)


# --------------------------------- tools ---------------------------------

def let_time_run(path, pid, run=True):
    """Let the time go on while the process `pid` is stopped: it fails on purpose.  With run=False take that back.

    Set it, then send SIGSTOP.  It ends by itself when the process speaks again after the stop.  LookupError: `pid` does not take part.
    """
    clock = LabClock(path)
    try:
        for place in range(HEAD, CELLS, PLACE):
            if clock.cells[place + PID] == pid and clock.born(pid) == clock.cells[place + BORN]:
                clock.cells[place + LET_RUN] = LET_TIME_RUN if run else LET_TIME_RUN_UNTIL_BEAT
                return
        raise LookupError("process %d does not take part in the clock %s" % (pid, path))
    finally:
        clock.close()


def read(path):
    """Return what clock_info returns, for the clock in `path`."""
    clock = LabClock(path)
    try:
        return clock_info(clock)
    finally:
        clock.close()


def clock_info(clock):
    """Return {"lab", "wall": seconds since 1970; "behind": s, "stands": pid of one that keeps the time standing, or 0;
    "stops": how often it stood; "processes": [{"pid", "silent": s, "let_run", "held"}]}."""
    cells = clock.cells
    now = clock.machine_ns()
    state = cells[STATE]
    lab = (state >> 1 if state & 1 else now - (state >> 1)) + cells[OFFSET]
    wall = clock.wall_ns()
    processes = [{"pid": cells[place + PID], "silent": max(0, now - cells[place + BEAT]) / 1e9,
                  "let_run": bool(cells[place + LET_RUN]), "held": bool(cells[place + HELD])}
                 for place in range(HEAD, CELLS, PLACE)
                 if cells[place + PID] and clock.born(cells[place + PID]) == cells[place + BORN]]
    stopped = clock.standing() if state & 1 else None
    return {"lab": lab / 1e9, "wall": wall / 1e9, "behind": (wall - lab) / 1e9, "stands": cells[stopped + PID] if stopped else 0,
            "stops": cells[STOPS], "processes": processes}


def clock_text(info):
    """Return the lines of DEBUG CLOCK."""
    lines = ["lab_time:%.6f" % info["lab"], "wall_time:%.6f" % info["wall"], "behind:%.6f" % info["behind"],
             "standing_for_pid:%d" % info["stands"], "stops:%d" % info["stops"]]
    lines += ["pid_%d:silent=%.3f,let_run=%d,held=%d" % (p["pid"], p["silent"], p["let_run"], p["held"]) for p in info["processes"]]
    return "".join(line + "\r\n" for line in lines)


def clock_command(c):
    """DEBUG CLOCK -> the time of the lab and of the machine   [admin]"""
    if installed is None:
        addReplyError(c, b"This server has no lab clock: start it with AEREDIS_CLOCK=FILE in its environment")
    else:
        addReplyVerbatim(c, clock_text(clock_info(installed)).encode(), b"txt")


def main(argv=None):
    """Print what DEBUG CLOCK shows, for the clock in a file."""
    parser = argparse.ArgumentParser(prog="python -m server.study.labclock", description="What time it is in a lab, and what keeps it standing.")
    parser.add_argument("file", help="the clock, as in AEREDIS_CLOCK")
    parser.add_argument("--let-run", type=int, metavar="PID", help="let the time go on during the next stop of this process")
    args = parser.parse_args(argv)
    try:
        if args.let_run is not None:
            let_time_run(args.file, args.let_run)
        sys.stdout.write(clock_text(read(args.file)).replace("\r\n", "\n"))
    except (OSError, ClockError, LookupError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
