"""The stack is gdb's: our call chains under the workload are those that gdb has recorded of C, but for differences.txt."""
import re

from tests.study import chains, workload


def test_the_lists_are_well_formed():
    c = chains.read_lines(chains.CHAINS)
    known = chains.read_lines(chains.DIFFERENCES)
    assert len(c) > 500 and len({chain.split()[-1] for chain in c}) > 130
    assert all(re.match(r"[-+] \w+( \w+)+$", line) for line in known)
    assert all(line[2:] in c for line in known if line[0] == "-")
    assert not any(line[2:] in c for line in known if line[0] == "+")
    assert {chain.split()[-1] for chain in c} <= set(workload.FUNCTIONS)
    # At most one chain in forty may differ.
    assert sum(line[0] == "-" for line in known) * 40 <= len(c)


def test_our_chains_are_those_of_c():
    lines = set(chains.difference(chains.read_lines(chains.CHAINS), chains.record_ours()))
    known = chains.read_lines(chains.DIFFERENCES)
    assert lines - known == set(), "chains that differ and are not listed"
    # What only we have may depend on the timer (a key that is expired, or is still to be saved).
    gone = {line for line in known - lines if line[0] == "-"}
    assert gone == set(), "listed differences that are gone: take them out of differences.txt"
