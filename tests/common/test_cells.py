# SPDX-License-Identifier: MIT
from common.cells import write_cells

COLUMNS = ["cell", "seed", "accuracy"]


def test_what_is_not_here_is_kept_and_what_is_no_cell_goes(tmp_path):
    path = tmp_path / "new" / "table.csv"
    write_cells(path, COLUMNS, {("RNN", 1): [["RNN", 1, 0.5], ["RNN", 1, 0.6]], ("LSTM", None): [["LSTM", None, 1]]})
    assert path.read_text() == "cell,seed,accuracy\nRNN,1,0.5\nRNN,1,0.6\nLSTM,,1\n"
    write_cells(path, COLUMNS, {("LSTM", None): None, ("RNN", 1): None, ("RNN", 2): [["RNN", 2, 0.7]]})
    assert path.read_text() == "cell,seed,accuracy\nLSTM,,1\nRNN,1,0.5\nRNN,1,0.6\nRNN,2,0.7\n"
    write_cells(path, COLUMNS, {("RNN", 2): None, ("RNN", 3): None})
    assert path.read_text() == "cell,seed,accuracy\nRNN,2,0.7\n"
    write_cells(path, [*COLUMNS, "date"], {("RNN", 2): None})  # other columns: nothing to go by
    assert path.read_text() == "cell,seed,accuracy,date\n"
