"""ae_epoll.py - the multiplexing layer under ae.py.                Mirrors src/ae_epoll.c (6.2.14)

Lives here   aeApi*: what the event loop needs from the kernel, over selectors.EpollSelector.
Called from  ae.py only.
State        eventLoop.apidata: the aeSelector.
Departures   the selector has its own table of descriptors in addition to eventLoop.events; both have the same entries.  Its
             select() builds keys and a list from that table in each turn; ours returns the kernel's events directly.
"""
import select
from selectors import EVENT_READ, EVENT_WRITE, EpollSelector

# The selector's bits equal ae's (AE_READABLE == EVENT_READ == 1, AE_WRITABLE == EVENT_WRITE == 2), so no table is needed.
_RW = EVENT_READ | EVENT_WRITE

# What the kernel reports -> mask, for every combination of the bits it can report.  As in C an error or a hang-up shows as
# readable and writable; ae ignores events for which no handler is installed.
_MASK = {}
for _event in range(32):
    _MASK[_event] = ((EVENT_READ if _event & select.EPOLLIN else 0) | (EVENT_WRITE if _event & select.EPOLLOUT else 0) |
                     (_RW if _event & (select.EPOLLERR | select.EPOLLHUP) else 0))


class aeSelector(EpollSelector):
    """An EpollSelector whose select() returns [(fd, mask)], without its table's keys.   HOT"""

    def select(self, timeout=None):
        """UNIT: s, None = for ever, <= 0 = do not wait.  A signal ends the wait early only if its handler raises."""
        return [(fd, _MASK[event & 31])
                for fd, event in self._selector.poll(timeout, len(self._fd_to_key) or 1)]


def aeApiCreate(eventLoop):
    """Return 0, or -1 when the kernel refuses an epoll instance."""
    try:
        eventLoop.apidata = aeSelector()
    except OSError:
        return -1
    return 0


def aeApiResize(eventLoop, setsize):
    """The selector grows by itself: always 0."""
    return 0


def aeApiFree(eventLoop):
    eventLoop.apidata.close()


def aeApiAddEvent(eventLoop, fd, mask):
    """Watch `fd` for `mask` as well as for what it is watched for already -> 0 or -1."""
    old = eventLoop.events[fd].mask
    selector = eventLoop.apidata
    try:
        if old & _RW:
            selector.modify(fd, (mask | old) & _RW)
        else:
            selector.register(fd, mask & _RW)
    except (OSError, KeyError, ValueError):
        return -1
    return 0


def aeApiDelEvent(eventLoop, fd, delmask):
    mask = eventLoop.events[fd].mask & ~delmask & _RW
    selector = eventLoop.apidata
    try:
        if mask:
            selector.modify(fd, mask)
        else:
            selector.unregister(fd)
    except (OSError, KeyError, ValueError):
        pass                            # C ignores the result too: the descriptor may be gone


def aeApiPoll(eventLoop, tvp):
    """Wait up to `tvp` seconds (None: for ever) and return the list of (fd, mask) that fired.  HOT

    C fills eventLoop.fired; the selector has already built this list, so it is returned unchanged.
    """
    fired = eventLoop.fired = eventLoop.apidata.select(tvp)
    return fired


def aeApiName():
    return "epoll"
