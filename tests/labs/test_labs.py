"""Each lab: untouched it is not done, the solution does it, each wrong try is answered with its own line."""
import os
import time

import pytest

from tests.labs import lab as lab_module
from tests.labs.lab import Lab

#: Labs with one server: they take little time, and run in `make test`; `make labs-test` runs all of them.
QUICK = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)
ALL = "AEREDIS_LABS" in os.environ
LABS = [pytest.param(n, marks=() if ALL or n in QUICK else pytest.mark.skip(reason="make labs-test runs it"))
        for n in range(lab_module.FIRST, lab_module.LAST + 1)]


def check_until(lab, condition, timeout=60):
    """Return the report once condition(report) holds, or the last one."""
    end = time.monotonic() + timeout
    while True:
        report = lab.check()
        if condition(report) or time.monotonic() > end:
            return report
        time.sleep(0.05)


@pytest.mark.parametrize("number", LABS)
def test_lab(number):
    with Lab(number, zh=False) as lab:
        untouched = lab.check()
        assert not untouched.done and untouched.verdict
        for wrong, text, *goes_on in lab.module.WRONG:
            wrong(lab)
            report = check_until(lab, lambda r: text in r.verdict or r.done)
            assert not report.done and text in report.verdict, "%s:\n%s" % (wrong.__name__, report.text())
            assert report.rows, "it does not say what it looked at"
            lab.zh = True
            assert text not in lab.check().verdict, "no Chinese"
            lab.zh = False
            if not goes_on:
                lab.reset()
        lab.module.solution(lab)
        report = check_until(lab, lambda r: r.done)
        assert report.done, report.text()
