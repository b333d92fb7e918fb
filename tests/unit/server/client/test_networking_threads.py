"""IO threads: the pending counts are the only signal between main and the threads."""
import os
import threading
import time

import pytest

from datastructs.adlist import listAddNodeTail, listCreate
from server.client import networking_threads as nt
from server.server_h import server


class Client:
    def __init__(self, name):
        self.name = name


@pytest.fixture
def threads(monkeypatch):
    """Three threads and main; what they do with a client is recorded as (thread, client)."""
    done = []

    def write(c, handler_installed):
        if c.name == "raises":
            raise ValueError("a bug")
        done.append((threading.current_thread().name, c.name))
        return 0

    monkeypatch.setattr(server, "io_threads_num", 4)
    monkeypatch.setattr(server, "io_threads_active", 0)
    monkeypatch.setattr(server, "io_threads_do_reads", 0)
    monkeypatch.setattr(server, "clients_pending_read", listCreate())
    monkeypatch.setattr(server, "clients_pending_write", listCreate())
    monkeypatch.setattr(server, "server_cpulist", None)
    monkeypatch.setattr(server, "mstime", 0)
    monkeypatch.setattr(nt, "io_threads_followed", 0)
    monkeypatch.setattr(nt, "writeToClient", write)
    monkeypatch.setattr(nt, "io_threads_op", nt.IO_THREADS_OP_WRITE)
    nt.initThreadedIO()
    yield done
    nt.killIOThreads()
    for i in range(1, 4):
        assert nt.io_threads[i] is None


def hand_out(clients):
    for j, c in enumerate(clients):
        listAddNodeTail(nt.io_threads_list[j % 4], c)


def test_a_batch_is_shared_and_waited_for(threads):
    nt.startThreadedIO()
    for _ in range(20):
        threads.clear()
        hand_out([Client(j) for j in range(40)])
        nt.run_io_threads(nt.IO_THREADS_OP_WRITE)
        assert sorted(name for _, name in threads) == list(range(40))
        assert {thread for thread, _ in threads} == {"MainThread", "io_thd_1", "io_thd_2", "io_thd_3"}
        assert [nt.getIOPendingCount(j) for j in range(1, 4)] == [0, 0, 0]
        assert all(nt.io_threads_list[j].len == 0 for j in range(4))


def test_a_client_that_raises_is_closed_and_the_others_are_served(threads, monkeypatch):
    closed, logged = [], []
    monkeypatch.setattr(nt, "freeClientAsync", closed.append)
    monkeypatch.setattr(nt, "log_unexpected_exception", logged.append, raising=False)
    nt.startThreadedIO()
    bad = Client("raises")
    hand_out([Client(0), bad, Client(2), Client(3), Client(4), Client(5)])
    nt.run_io_threads(nt.IO_THREADS_OP_WRITE)
    assert closed == [bad] and len(logged) == 1
    assert sorted(name for _, name in threads) == [0, 2, 3, 4, 5]


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert condition()


def test_a_thread_sleeps_until_there_is_work_for_it(threads):
    """A pending count alone does not wake it, nor does the start of the threads: under the GIL nobody polls."""
    nt.startThreadedIO()
    nt.stopThreadedIO()
    assert all(nt.io_threads_mutex[j].locked() for j in range(1, 4))
    nt.startThreadedIO()
    listAddNodeTail(nt.io_threads_list[1], Client("late"))
    nt.setIOPendingCount(1, 1)
    time.sleep(0.05)
    assert not threads and nt.getIOPendingCount(1) == 1
    nt.io_threads_wakeup[1].release()
    wait_for(lambda: not nt.getIOPendingCount(1))
    assert threads == [("io_thd_1", "late")]


def test_a_stopped_thread_waits_on_its_mutex(threads):
    """Woken without work, it gives main the chance to stop it, as in C; then it serves the next batch."""
    nt.io_threads_wakeup[1].release()
    time.sleep(0.05)
    assert nt.io_threads_wakeup[1].locked() and nt.io_threads_mutex[1].locked()
    nt.startThreadedIO()
    hand_out([Client(0), Client(1)])
    nt.run_io_threads(nt.IO_THREADS_OP_WRITE)
    assert sorted(threads) == [("MainThread", 0), ("io_thd_1", 1)]


def test_the_threads_follow_main_to_its_cpu(threads, monkeypatch):
    monkeypatch.setattr(server, "mstime", 10**9)
    monkeypatch.setattr(server, "server_cpulist", None)
    allowed = os.sched_getaffinity(0)
    cpu = min(allowed)
    os.sched_setaffinity(0, {cpu})     # of this thread, which is main
    try:
        nt.io_threads_follow_main()
        assert [os.sched_getaffinity(nt.io_threads[j].native_id) for j in range(1, 4)] == [{cpu}] * 3
        for j in range(1, 4):
            os.sched_setaffinity(nt.io_threads[j].native_id, allowed)
        nt.io_threads_follow_main()    # not twice in 100 ms
        assert [os.sched_getaffinity(nt.io_threads[j].native_id) for j in range(1, 4)] == [allowed] * 3
        monkeypatch.setattr(server, "mstime", 10**9 - 3600000)
        nt.io_threads_follow_main()    # the clock was set back
        assert [os.sched_getaffinity(nt.io_threads[j].native_id) for j in range(1, 4)] == [{cpu}] * 3
        for j in range(1, 4):
            os.sched_setaffinity(nt.io_threads[j].native_id, allowed)
        monkeypatch.setattr(server, "mstime", 10**9 + 100)
        monkeypatch.setattr(server, "server_cpulist", b"0-1")
        nt.io_threads_follow_main()    # the user has chosen
        assert [os.sched_getaffinity(nt.io_threads[j].native_id) for j in range(1, 4)] == [allowed] * 3
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_turn_without_writes_stops_the_threads(threads):
    nt.startThreadedIO()
    assert nt.handleClientsWithPendingWritesUsingThreads() == 0
    assert server.io_threads_active == 0
    assert all(nt.io_threads_mutex[j].locked() for j in range(1, 4))
