"""bio.py - background I/O: what would block the loop, on three threads.        Mirrors src/bio.c (6.2.14)

Lives here   bio_close_file (closing a big deleted file blocks), bio_aof_fsync, bio_lazy_free; one queue each.
Called from  aof [before], lazyfree [command, cron], rdb, replication; bioWaitStepOfType [loading, flush].
State        bio_jobs, bio_pending, guarded by bio_mutex of the same type.
Invariant    a job counts in bio_pending until it is done; jobs of a type run in order of arrival, one at a time.
Departures   threads cannot be cancelled: bioKillThreads() lets them end after their current job.  Freeing needs the GIL,
             so bio_lazy_free works in slices and sleeps between them (lazyfree.py); on PyPy, where nothing is freed until
             the collector runs, it runs the collector when it has nothing else to do.
Extend       a new kind of job: a number below BIO_NUM_OPS, a thread title, a branch in bioProcessBackgroundJobs().
"""
import errno
import os
import signal
import sys
import threading

from ae.monotonic import unix_time
from server.log import assertion_report, integrity_failure, log_unexpected_exception, serverLog, serverPanic
from server.os_process import redisSetCpuAffinity
from server.server_h import C_ERR, C_OK, LL_WARNING, server
from server.zmalloc_estimate import reclaim, reclaim_timeout, reclaim_wanted

BIO_CLOSE_FILE = 0                 # deferred close(2)
BIO_AOF_FSYNC = 1                  # deferred AOF fsync
BIO_LAZY_FREE = 2                  # deferred freeing of values
BIO_NUM_OPS = 3

bio_threads = [None] * BIO_NUM_OPS
bio_mutex = [None] * BIO_NUM_OPS
bio_newjob_cond = [None] * BIO_NUM_OPS
bio_step_cond = [None] * BIO_NUM_OPS
bio_jobs = [None] * BIO_NUM_OPS    # lists of bio_job, oldest first
bio_pending = [0] * BIO_NUM_OPS    # jobs queued or running
_bioKillThreads_asked = False


class bio_job:
    __slots__ = ("time", "fd", "free_fn", "free_args")

    def __init__(self):
        self.time = 0              # s, when it was created
        self.fd = -1               # for the file jobs
        self.free_fn = None        # f(args)
        self.free_args = None      # list


def redis_set_thread_title(title):
    """Name the calling thread for top and gdb, at most 15 bytes.  (C: a macro of config.h)"""
    try:
        with open("/proc/self/task/%d/comm" % threading.get_native_id(), "w") as f:
            f.write(title)
    except OSError:
        pass


def bioInit():
    """Start the three threads.  Called at the end of start-up, after daemonizing: threads do not survive a fork."""
    global _bioKillThreads_asked
    _bioKillThreads_asked = False
    for j in range(BIO_NUM_OPS):
        bio_mutex[j] = threading.Lock()
        bio_newjob_cond[j] = threading.Condition(bio_mutex[j])
        bio_step_cond[j] = threading.Condition(bio_mutex[j])
        bio_jobs[j] = []
        bio_pending[j] = 0
    for j in range(BIO_NUM_OPS):
        title = ("bio_close_file", "bio_aof_fsync", "bio_lazy_free")[j]
        thread = threading.Thread(target=bioProcessBackgroundJobs, args=(j,), name=title, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            serverLog(LL_WARNING, "Fatal: Can't initialize Background Jobs.")
            sys.exit(1)
        bio_threads[j] = thread


def bioSubmitJob(type_, job):
    job.time = unix_time()
    with bio_mutex[type_]:
        bio_jobs[type_].append(job)
        bio_pending[type_] += 1
        bio_newjob_cond[type_].notify()


def bioCreateLazyFreeJob(free_fn, *args):
    """Run free_fn([args...]) on bio_lazy_free.  The caller must have let go of the arguments."""
    job = bio_job()
    job.free_fn = free_fn
    job.free_args = list(args)
    bioSubmitJob(BIO_LAZY_FREE, job)


def bioCreateCloseJob(fd):
    job = bio_job()
    job.fd = fd
    bioSubmitJob(BIO_CLOSE_FILE, job)


def bioCreateFsyncJob(fd):
    job = bio_job()
    job.fd = fd
    bioSubmitJob(BIO_AOF_FSYNC, job)


def bioProcessBackgroundJobs(type_):
    """Body of the three threads; parks on bio_newjob_cond while there is nothing to do."""
    if type_ >= BIO_NUM_OPS:
        serverLog(LL_WARNING, "Warning: bio thread started with wrong type %d", type_)
        return
    if type_ == BIO_CLOSE_FILE:
        redis_set_thread_title("bio_close_file")
    elif type_ == BIO_AOF_FSYNC:
        redis_set_thread_title("bio_aof_fsync")
    elif type_ == BIO_LAZY_FREE:
        redis_set_thread_title("bio_lazy_free")
    redisSetCpuAffinity(server.bio_cpulist)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])      # only the main thread gets the watchdog's signal

    jobs = bio_jobs[type_]
    mutex = bio_mutex[type_]
    mutex.acquire()
    while 1:                                                # ORDER: the lock is held here
        if not jobs:
            if _bioKillThreads_asked:
                mutex.release()
                return
            if type_ != BIO_LAZY_FREE:
                bio_newjob_cond[type_].wait()
            elif not bio_newjob_cond[type_].wait(reclaim_timeout()):
                mutex.release()                             # timed out: run PyPy's collector
                reclaim()
                mutex.acquire()
            continue
        job = jobs[0]
        mutex.release()

        try:
            bio_process_job(type_, job)
        except Exception as exc:                            # the thread must not end, or its queue would grow forever
            if integrity_failure(exc):
                assertion_report(exc)
            log_unexpected_exception(exc)
        job = None

        mutex.acquire()
        del jobs[0]
        bio_pending[type_] -= 1
        bio_step_cond[type_].notify_all()
        if _bioKillThreads_asked:
            mutex.release()
            return


def bio_process_job(type_, job):
    """Do one job: the middle of C's bioProcessBackgroundJobs."""
    if type_ == BIO_CLOSE_FILE:
        try:
            os.close(job.fd)
        except OSError:
            pass
    elif type_ == BIO_AOF_FSYNC:
        try:
            os.fdatasync(job.fd)
            server.aof_bio_fsync_status = C_OK
        except OSError as e:
            # The main thread may have closed the fd meanwhile, and the fd may even be another file now.
            if e.errno == errno.EBADF or e.errno == errno.EINVAL:
                server.aof_bio_fsync_status = C_OK
            else:
                last_status = server.aof_bio_fsync_status
                server.aof_bio_fsync_errno = e.errno
                server.aof_bio_fsync_status = C_ERR
                if last_status == C_OK:
                    serverLog(LL_WARNING, "Fail to fsync the AOF file: %s", os.strerror(e.errno))
    elif type_ == BIO_LAZY_FREE:
        job.free_fn(job.free_args)
        reclaim_wanted()
    else:
        serverPanic("Wrong job type in bioProcessBackgroundJobs().")


def bioPendingJobsOfType(type_):
    """Jobs queued or running."""
    return bio_pending[type_]


def bioWaitStepOfType(type_):
    """Wait for one job of the type to end, if there is any; returns how many are left."""
    with bio_mutex[type_]:
        if bio_pending[type_] != 0:
            bio_step_cond[type_].wait()
        return bio_pending[type_]


def bioKillThreads():
    """End the threads without doing what is queued: only for crashes, where memory may be broken already."""
    global _bioKillThreads_asked
    _bioKillThreads_asked = True
    for j in range(BIO_NUM_OPS):
        thread = bio_threads[j]
        if thread is None or thread is threading.current_thread() or not thread.is_alive():
            continue
        if bio_mutex[j].acquire(timeout=0.1):
            bio_newjob_cond[j].notify_all()
            bio_mutex[j].release()
        thread.join(timeout=0.2)
        if thread.is_alive():
            serverLog(LL_WARNING, "Bio thread for job type #%d can not be joined: %s", j, "still busy")
        else:
            serverLog(LL_WARNING, "Bio thread for job type #%d terminated", j)
