"""The LCS table in bits against the table of numbers."""
from hypothesis import given
from hypothesis import strategies as st

from server.types.t_string import lcs_bit_rows

words = st.one_of(st.binary(max_size=20), st.text("ab", max_size=30).map(str.encode))


def lcs_table(a, b):
    table = [[0] * (len(b) + 1)]
    for x in a:
        row = [0]
        for j, y in enumerate(b):
            row.append(table[-1][j] + 1 if x == y else max(table[-1][j + 1], row[j]))
        table.append(row)
    return table


@given(words, words)
def test_rows(a, b):
    table = lcs_table(a, b)
    rows = lcs_bit_rows(a, b, 1)
    assert len(rows) == len(a) + 1
    for i, bits in enumerate(rows):
        length = 0
        for j in range(len(b)):
            length += not bits >> j & 1
            assert length == table[i][j + 1]
    assert lcs_bit_rows(a, b, 0) == rows[-1:]
