# SPDX-License-Identifier: MIT
import pytest

from common.cells import write_cells
from common.cli import UserError

COLUMNS = ["cell", "seed", "accuracy"]


def test_what_is_not_here_is_kept_and_so_is_what_is_no_cell(tmp_path):
    path = tmp_path / "new" / "table.csv"
    write_cells(path, COLUMNS, {("RNN", 1): [["RNN", 1, 0.5], ["RNN", 1, 0.6]], ("LSTM", None): [["LSTM", None, 1]]})
    assert path.read_text() == "cell,seed,accuracy\nRNN,1,0.5\nRNN,1,0.6\nLSTM,,1\n"
    assert not write_cells(path, COLUMNS, {("LSTM", None): None, ("RNN", 1): None, ("RNN", 2): [["RNN", 2, 0.7]]})
    assert path.read_text() == "cell,seed,accuracy\nLSTM,,1\nRNN,1,0.5\nRNN,1,0.6\nRNN,2,0.7\n"
    assert write_cells(path, COLUMNS, {("RNN", 3): [["RNN", 3, 0.8]], ("RNN", 2): None}) == 3
    assert path.read_text() == "cell,seed,accuracy\nRNN,3,0.8\nRNN,2,0.7\nLSTM,,1\nRNN,1,0.5\nRNN,1,0.6\n"


@pytest.mark.parametrize("content", [b"dear diary\n", b"cell,seed,accuracy,date\n", b"\xff\xfe\x00", b""])
def test_a_file_that_is_another_table_is_never_replaced(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match="another table"):
        write_cells(path, COLUMNS, {("RNN", 1): [["RNN", 1, 0.5]]})
    assert path.read_bytes() == content
