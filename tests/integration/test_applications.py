"""Applications that lean on Lua, Pub/Sub, blocking commands and transactions, from end to end: RQ, Celery, django-redis.

`make test-apps` installs them (the extra [apps]) and runs this file; without them the tests are skipped.
"""
import os
import subprocess
import sys
import textwrap


import pytest

from tests.support.server import ROOT, start_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    with start_server() as s:
        yield s


def run(tmp_path, server, name, source):
    """Write a program and run it with the server's URL in REDIS_URL -> what it printed."""
    path = tmp_path / name
    path.write_text(textwrap.dedent(source))
    env = dict(os.environ, REDIS_URL="redis://127.0.0.1:%d/0" % server.port, PYTHONPATH="%s:%s" % (tmp_path, ROOT))
    out = subprocess.run([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                         cwd=tmp_path, timeout=90, check=False)
    text = out.stdout.decode()
    assert out.returncode == 0, text
    return text


def assert_no_bug_report(server):
    assert "BUG REPORT" not in server.log(), server.log()


def test_rq(tmp_path, server):
    """Two queues, a worker that blocks on both, a job that fails, a dependent job, a scheduled one."""
    pytest.importorskip("rq")
    (tmp_path / "jobs.py").write_text("def add(a, b):\n    return a + b\n\ndef fail():\n    raise ValueError('no')\n")
    text = run(tmp_path, server, "main.py", """
        import os, datetime, redis, jobs
        from rq import Queue, SimpleWorker
        r = redis.Redis.from_url(os.environ["REDIS_URL"])
        high, low = Queue("high", connection=r), Queue("low", connection=r)
        first = low.enqueue(jobs.add, 1, 2)
        then = high.enqueue(jobs.add, 10, 20, depends_on=first)
        bad = high.enqueue(jobs.fail)
        later = low.enqueue_in(datetime.timedelta(seconds=1), jobs.add, 5, 5)
        SimpleWorker([high, low], connection=r).work(burst=True, with_scheduler=False)
        print(first.return_value(), then.return_value(), bad.get_status(refresh=True).value, later.get_status().value)
        """)
    assert "3 30 failed scheduled" in text, text
    assert_no_bug_report(server)


def test_celery(tmp_path, server):
    """A worker with the redis transport and the redis result backend: a task, a chain, a group, a retry."""
    pytest.importorskip("celery")
    (tmp_path / "app.py").write_text(textwrap.dedent("""
        import os
        from celery import Celery
        app = Celery("app", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
        app.conf.worker_hijack_root_logger = False

        @app.task
        def add(a, b):
            return a + b

        @app.task(bind=True, max_retries=2, default_retry_delay=0.1)
        def stubborn(self):
            if self.request.retries < 2:
                raise self.retry()
            return "done"
        """))
    env = dict(os.environ, REDIS_URL="redis://127.0.0.1:%d/1" % server.port, PYTHONPATH="%s:%s" % (tmp_path, ROOT))
    with open(tmp_path / "worker.log", "wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "app", "worker", "--pool", "solo", "-l", "info"],
                                  stdout=log, stderr=log, env=env, cwd=tmp_path)
    try:
        caller = textwrap.dedent("""
            from celery import chain, group
            from app import add, stubborn
            print(add.delay(2, 3).get(timeout=40))
            print(chain(add.s(1, 1), add.s(10))().get(timeout=40))
            print(sorted(group(add.s(i, i) for i in range(5))().get(timeout=40)))
            print(stubborn.delay().get(timeout=40))
            """)
        out = subprocess.run([sys.executable, "-c", caller], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                             cwd=tmp_path, timeout=120, check=False).stdout.decode()
        assert out.split("\n")[:4] == ["5", "12", "[0, 2, 4, 6, 8]", "done"], out + (tmp_path / "worker.log").read_text()
    finally:
        worker.terminate()
        worker.wait(timeout=30)
    assert_no_bug_report(server)


def test_django_redis(tmp_path, server):
    """The cache of django-redis: values, expiry, many, atomic counters, patterns, locks (a Lua script releases them)."""
    pytest.importorskip("django_redis")
    text = run(tmp_path, server, "main.py", """
        import os, time, django
        from django.conf import settings
        settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["REDIS_URL"]}})
        django.setup()
        from django.core.cache import cache
        cache.set("k", {"a": [1, 2]}, timeout=50)
        assert cache.get("k") == {"a": [1, 2]} and 0 < cache.ttl("k") <= 50
        cache.set_many({"m%d" % i: i for i in range(20)})
        assert cache.get_many(["m1", "m19", "none"]) == {"m1": 1, "m19": 19}
        cache.set("n", 1); cache.incr("n", 5)
        assert cache.get("n") == 6 and not cache.add("n", 0)
        assert sorted(cache.iter_keys("m1*"))[:3] == ["m1", "m10", "m11"]
        with cache.lock("guard", timeout=5):
            assert not cache.lock("guard", timeout=5).acquire(blocking=False)
        assert cache.lock("guard", timeout=5).acquire(blocking=False)
        assert cache.delete_pattern("m*") == 20
        cache.set("short", 1, timeout=1); time.sleep(1.1)
        assert cache.get("short") is None
        print("cache works")
        """)
    assert "cache works" in text
    assert_no_bug_report(server)
