"""ae_epoll.py - the multiplexing layer under ae.py.                Mirrors src/ae_epoll.c (6.2.14)

Lives here   aeApi*: what the event loop needs from the kernel, over selectors.EpollSelector.
Called from  ae.py only.
State        eventLoop.apidata: the EpollSelector.
Departures   the selector keeps its own table of descriptors beside eventLoop.events; both say the same.
"""
from selectors import EVENT_READ, EVENT_WRITE, EpollSelector

# The selector's bits are ae's own (AE_READABLE == EVENT_READ == 1, AE_WRITABLE == EVENT_WRITE == 2): no table needed.
_RW = EVENT_READ | EVENT_WRITE


def aeApiCreate(eventLoop):
    """Return 0, or -1 when the kernel refuses an epoll instance."""
    try:
        eventLoop.apidata = EpollSelector()
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
    """Wait up to `tvp` seconds (None: for ever) and return the list of (SelectorKey, mask) that fired.   HOT

    C fills eventLoop.fired; the selector has built exactly that list already, so it is handed on as it is.
    Errors and hang-ups come as readable and writable, as far as each was asked for.
    """
    fired = eventLoop.fired = eventLoop.apidata.select(tvp)
    return fired


def aeApiName():
    return "epoll"
