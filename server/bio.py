"""bio.py - SKELETON, to be written."""


def bioInit(*args):
    raise NotImplementedError("bioInit")


def bioCreateLazyFreeJob(*args):
    raise NotImplementedError("bioCreateLazyFreeJob")


def bioCreateCloseJob(*args):
    raise NotImplementedError("bioCreateCloseJob")


def bioCreateFsyncJob(*args):
    raise NotImplementedError("bioCreateFsyncJob")


def bioPendingJobsOfType(*args):
    raise NotImplementedError("bioPendingJobsOfType")


def bioWaitStepOfType(*args):
    raise NotImplementedError("bioWaitStepOfType")


def bioKillThreads(*args):
    raise NotImplementedError("bioKillThreads")
