"""ae.py - the event loop.                          Mirrors src/ae.c (6.2.14)

Lives here   file events, time events, and aeProcessEvents: one turn of the loop, top to bottom.
Called from  server.py (aeMain) [startup]; connection.py, cluster and replication register handlers [any].
Calls out    only the handlers that were registered: ae does not depend on clients, the server or commands.
State        aeEventLoop.
Invariant    events[fd].mask says what the kernel watches fd for; a slot with AE_NONE holds no references.
Departures   exceptionproc: in C a bug in a handler ends the process by a signal.  Here it is an exception, and the
             loop may continue: it passes the exception to exceptionproc if one is set (ae_set_exception_proc).
"""
import select

from ae.ae_epoll import aeApiAddEvent, aeApiCreate, aeApiDelEvent, aeApiFree, aeApiName, aeApiPoll, aeApiResize
from ae.monotonic import getMonotonicUs, monotonicInit

AE_OK = 0
AE_ERR = -1

AE_NONE = 0                # no events registered
AE_READABLE = 1            # fire when the descriptor is readable
AE_WRITABLE = 2            # fire when the descriptor is writable
AE_BARRIER = 4             # with AE_WRITABLE: in one turn never write after having read

AE_FILE_EVENTS = (1 << 0)
AE_TIME_EVENTS = (1 << 1)
AE_ALL_EVENTS = (AE_FILE_EVENTS | AE_TIME_EVENTS)
AE_DONT_WAIT = (1 << 2)
AE_CALL_BEFORE_SLEEP = (1 << 3)
AE_CALL_AFTER_SLEEP = (1 << 4)

AE_NOMORE = -1
AE_DELETED_EVENT_ID = -1


class aeFileEvent:
    """What to call when a descriptor is ready."""
    __slots__ = ("mask", "rfileProc", "wfileProc", "clientData")

    def __init__(self):
        self.mask = AE_NONE        # AE_READABLE, AE_WRITABLE, AE_BARRIER
        self.rfileProc = None      # proc(el, fd, clientData, mask)
        self.wfileProc = None
        self.clientData = None     # shared by both procs


class aeTimeEvent:
    """A timer.  Deleted ones stay linked until processTimeEvents passes by."""
    __slots__ = ("id", "when", "timeProc", "finalizerProc", "clientData", "prev", "next", "refcount")

    def __init__(self):
        self.id = 0                # AE_DELETED_EVENT_ID = to be removed
        self.when = 0              # us, getMonotonicUs() clock
        self.timeProc = None       # proc(el, id, clientData) -> ms until the next call, or AE_NOMORE
        self.finalizerProc = None  # proc(el, clientData), or None
        self.clientData = None
        self.prev = None
        self.next = None
        self.refcount = 0          # > 0 while timeProc runs: a nested loop must not remove it


class aeEventLoop:
    """The loop."""
    __slots__ = ("maxfd", "setsize", "timeEventNextId", "events", "fired", "timeEventHead", "stop", "apidata",
                 "beforesleep", "aftersleep", "flags", "exceptionproc")

    def __init__(self):
        self.maxfd = -1            # highest descriptor registered; -1 = none
        self.setsize = 0           # descriptors it can track
        self.timeEventNextId = 0
        self.events = None         # list of aeFileEvent, index = descriptor
        self.fired = ()            # result of the last aeApiPoll
        self.timeEventHead = None
        self.stop = 0              # 1 = aeMain returns after this turn
        self.apidata = None        # the selector
        self.beforesleep = None    # proc(el), just before the poll
        self.aftersleep = None     # proc(el), just after it
        self.flags = 0             # AE_DONT_WAIT
        self.exceptionproc = None  # ours: proc(el, clientData, exc), see ae_set_exception_proc


def aeCreateEventLoop(setsize):
    """Return a loop for descriptors below `setsize`, or None."""
    monotonicInit()
    eventLoop = aeEventLoop()
    eventLoop.events = [aeFileEvent() for _ in range(setsize)]
    eventLoop.setsize = setsize
    if aeApiCreate(eventLoop) == -1:
        return None
    return eventLoop


def aeGetSetSize(eventLoop):
    return eventLoop.setsize


def aeSetDontWait(eventLoop, noWait):
    """While set, no turn of the loop sleeps (TLS has bytes in its own buffers, which epoll cannot see)."""
    if noWait:
        eventLoop.flags |= AE_DONT_WAIT
    else:
        eventLoop.flags &= ~AE_DONT_WAIT


def aeResizeSetSize(eventLoop, setsize):
    """Change the number of descriptors the loop can track -> AE_OK, or AE_ERR when one in use is beyond it."""
    if setsize == eventLoop.setsize:
        return AE_OK
    if eventLoop.maxfd >= setsize:
        return AE_ERR
    if aeApiResize(eventLoop, setsize) == -1:
        return AE_ERR
    del eventLoop.events[setsize:]
    eventLoop.events += [aeFileEvent() for _ in range(setsize - len(eventLoop.events))]
    eventLoop.setsize = setsize
    return AE_OK


def aeDeleteEventLoop(eventLoop):
    aeApiFree(eventLoop)
    eventLoop.events = []
    eventLoop.fired = ()
    te = eventLoop.timeEventHead
    eventLoop.timeEventHead = None
    while te is not None:
        next_te = te.next
        te.prev = te.next = None
        te = next_te


def aeStop(eventLoop):
    eventLoop.stop = 1


def aeCreateFileEvent(eventLoop, fd, mask, proc, clientData):
    """Call proc(el, fd, clientData, mask) when `fd` is ready for `mask` -> AE_OK or AE_ERR."""
    if fd >= eventLoop.setsize or fd < 0:
        return AE_ERR
    fe = eventLoop.events[fd]
    if aeApiAddEvent(eventLoop, fd, mask) == -1:
        return AE_ERR
    fe.mask |= mask
    if mask & AE_READABLE:
        fe.rfileProc = proc
    if mask & AE_WRITABLE:
        fe.wfileProc = proc
    fe.clientData = clientData
    if fd > eventLoop.maxfd:
        eventLoop.maxfd = fd
    return AE_OK


def aeDeleteFileEvent(eventLoop, fd, mask):
    if fd >= eventLoop.setsize or fd < 0:
        return
    fe = eventLoop.events[fd]
    if fe.mask == AE_NONE:
        return

    # AE_BARRIER has no effect without the write handler, so remove it too.
    if mask & AE_WRITABLE:
        mask |= AE_BARRIER

    aeApiDelEvent(eventLoop, fd, mask)
    fe.mask &= ~mask
    if fe.mask == AE_NONE:
        fe.rfileProc = fe.wfileProc = fe.clientData = None
        if fd == eventLoop.maxfd:
            events = eventLoop.events
            j = fd - 1
            while j >= 0 and events[j].mask == AE_NONE:
                j -= 1
            eventLoop.maxfd = j


def aeGetFileEvents(eventLoop, fd):
    if fd >= eventLoop.setsize or fd < 0:
        return 0
    return eventLoop.events[fd].mask


def aeCreateTimeEvent(eventLoop, milliseconds, proc, clientData, finalizerProc):
    """Call proc(el, id, clientData) in `milliseconds`; returns the id of the timer."""
    te = aeTimeEvent()
    te.id = eventLoop.timeEventNextId
    eventLoop.timeEventNextId += 1
    te.when = getMonotonicUs() + milliseconds * 1000
    te.timeProc = proc
    te.finalizerProc = finalizerProc
    te.clientData = clientData
    te.next = eventLoop.timeEventHead
    if te.next is not None:
        te.next.prev = te
    eventLoop.timeEventHead = te
    return te.id


def aeDeleteTimeEvent(eventLoop, id):
    """Mark a timer as deleted -> AE_OK, or AE_ERR when there is none of that id."""
    te = eventLoop.timeEventHead
    while te is not None:
        if te.id == id:
            te.id = AE_DELETED_EVENT_ID
            return AE_OK
        te = te.next
    return AE_ERR


def usUntilEarliestTimer(eventLoop):
    """Microseconds until the next timer is due; -1 without timers.

    Cost: O(N).  The list stays unsorted: a server has one or two timers.
    """
    te = eventLoop.timeEventHead
    if te is None:
        return -1
    earliest = te.when
    te = te.next
    while te is not None:
        if te.when < earliest:
            earliest = te.when
        te = te.next
    now = getMonotonicUs()
    return 0 if now >= earliest else earliest - now


def processTimeEvents(eventLoop):
    """Run the timers that are due; returns how many."""
    processed = 0
    te = eventLoop.timeEventHead
    maxId = eventLoop.timeEventNextId - 1
    now = getMonotonicUs()
    while te is not None:
        if te.id == AE_DELETED_EVENT_ID:
            next_te = te.next
            if te.refcount:             # its timeProc is running, further up the stack
                te = next_te
                continue
            if te.prev is not None:
                te.prev.next = next_te
            else:
                eventLoop.timeEventHead = next_te
            if next_te is not None:
                next_te.prev = te.prev
            te.prev = te.next = None
            if te.finalizerProc is not None:
                te.finalizerProc(eventLoop, te.clientData)
                now = getMonotonicUs()
            te = next_te
            continue

        # Skip timers that were created in this call: they run in the next one.
        if te.id > maxId:
            te = te.next
            continue

        if te.when <= now:
            te.refcount += 1
            try:
                retval = te.timeProc(eventLoop, te.id, te.clientData)
            except Exception as exc:
                if eventLoop.exceptionproc is None:
                    raise
                eventLoop.exceptionproc(eventLoop, te.clientData, exc)
                retval = 100            # ms: try again, without flooding the log
            finally:
                te.refcount -= 1
            processed += 1
            now = getMonotonicUs()
            if retval != AE_NOMORE:
                te.when = now + retval * 1000
            else:
                te.id = AE_DELETED_EVENT_ID
        te = te.next
    return processed


def aeProcessEvents(eventLoop, flags):
    """Run one turn of the loop -> the number of events processed.  HOT

    DOC: turn

    AE_FILE_EVENTS, AE_TIME_EVENTS choose what is processed; with AE_DONT_WAIT the poll does not sleep;
    AE_CALL_BEFORE_SLEEP and AE_CALL_AFTER_SLEEP run the two hooks.
    """
    processed = 0

    if not flags & AE_ALL_EVENTS:
        return 0

    # Poll even without descriptors, to sleep until the next timer.
    if eventLoop.maxfd != -1 or (flags & AE_TIME_EVENTS and not flags & AE_DONT_WAIT):
        # --- how long may we sleep
        # ORDER: before the hook; if the hook takes long or calls aeSetDontWait, this has an effect only in the next turn.
        if flags & AE_DONT_WAIT:
            tvp = 0
        else:
            tvp = None                  # for ever
            if flags & AE_TIME_EVENTS:
                usUntilTimer = usUntilEarliestTimer(eventLoop)
                if usUntilTimer >= 0:
                    tvp = usUntilTimer / 1000000
        if eventLoop.flags & AE_DONT_WAIT:
            tvp = 0

        # --- before sleep
        if eventLoop.beforesleep is not None and flags & AE_CALL_BEFORE_SLEEP:
            try:
                eventLoop.beforesleep(eventLoop)
            except Exception as exc:
                if eventLoop.exceptionproc is None:
                    raise
                eventLoop.exceptionproc(eventLoop, None, exc)

        # --- poll
        fired = aeApiPoll(eventLoop, tvp)

        # --- after sleep
        if eventLoop.aftersleep is not None and flags & AE_CALL_AFTER_SLEEP:
            try:
                eventLoop.aftersleep(eventLoop)
            except Exception as exc:
                if eventLoop.exceptionproc is None:
                    raise
                eventLoop.exceptionproc(eventLoop, None, exc)

        # --- file events
        events = eventLoop.events
        for fd, mask in fired:
            fe = events[fd]
            nfired = 0                  # of this descriptor (C: fired)
            try:
                # First read, then write, so that a reply may be sent in the turn that read the query.
                # AE_BARRIER inverts the order: a query read now is answered in a later turn, after beforesleep.
                # fe.mask is tested each time: a handler that ran earlier may have removed the event.
                invert = fe.mask & AE_BARRIER
                if not invert and fe.mask & mask & AE_READABLE:
                    fe.rfileProc(eventLoop, fd, fe.clientData, mask)
                    nfired += 1

                # One function may be installed for both: it is called once.
                if fe.mask & mask & AE_WRITABLE:
                    if not nfired or fe.wfileProc is not fe.rfileProc:
                        fe.wfileProc(eventLoop, fd, fe.clientData, mask)
                        nfired += 1

                if invert and fe.mask & mask & AE_READABLE:
                    if not nfired or fe.wfileProc is not fe.rfileProc:
                        fe.rfileProc(eventLoop, fd, fe.clientData, mask)
            except Exception as exc:
                if eventLoop.exceptionproc is None:
                    raise
                eventLoop.exceptionproc(eventLoop, fe.clientData, exc)
            processed += 1

    # --- time events
    if flags & AE_TIME_EVENTS:
        processed += processTimeEvents(eventLoop)

    return processed


def aeWait(fd, mask, milliseconds):
    """Wait for one descriptor, outside of the loop -> AE_* mask that is ready; 0 on timeout; -1 on error."""
    events = 0
    if mask & AE_READABLE:
        events |= select.POLLIN
    if mask & AE_WRITABLE:
        events |= select.POLLOUT
    try:
        poller = select.poll()
        poller.register(fd, events)
        ready = poller.poll((milliseconds + 2 ** 31) % 2 ** 32 - 2 ** 31)           # poll(2) takes an int
    except OSError:
        return -1
    if not ready:
        return 0
    revents = ready[0][1]
    retmask = 0
    if revents & select.POLLIN:
        retmask |= AE_READABLE
    if revents & (select.POLLOUT | select.POLLERR | select.POLLHUP):
        retmask |= AE_WRITABLE
    return retmask


def aeMain(eventLoop):
    """Run the loop until aeStop is called."""
    eventLoop.stop = 0
    while not eventLoop.stop:
        aeProcessEvents(eventLoop, AE_ALL_EVENTS | AE_CALL_BEFORE_SLEEP | AE_CALL_AFTER_SLEEP)


def aeGetApiName():
    return aeApiName()


def aeSetBeforeSleepProc(eventLoop, beforesleep):
    eventLoop.beforesleep = beforesleep


def aeSetAfterSleepProc(eventLoop, aftersleep):
    eventLoop.aftersleep = aftersleep


def ae_set_exception_proc(eventLoop, exceptionproc):
    """Pass exceptions of event handlers and sleep hooks to exceptionproc(el, clientData, exc), and continue the loop.

    clientData is None for the hooks.  Without an exceptionproc the exception leaves aeMain.
    """
    eventLoop.exceptionproc = exceptionproc
