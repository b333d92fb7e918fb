"""networking_threads.py - SKELETON, to be written."""


def initThreadedIO(*args):
    raise NotImplementedError("initThreadedIO")


def killIOThreads(*args):
    raise NotImplementedError("killIOThreads")


def stopThreadedIOIfNeeded(*args):
    raise NotImplementedError("stopThreadedIOIfNeeded")


def handleClientsWithPendingWritesUsingThreads(*args):
    raise NotImplementedError("handleClientsWithPendingWritesUsingThreads")


def handleClientsWithPendingReadsUsingThreads(*args):
    raise NotImplementedError("handleClientsWithPendingReadsUsingThreads")
