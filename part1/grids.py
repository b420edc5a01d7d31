# SPDX-License-Identifier: MIT
"""The named grids of sweep.py. A grid is a list of blocks, a block the product of its values, flag by flag.

A flag that is not named keeps train.py's default. True stands for a bare flag, None for a flag left out.
"""

SEEDS = [42, 43, 44, 45, 46]
THREE = SEEDS[:3]
SHORT, LONGER = [*range(5, 16), 20], [30, 40, 50]  # from T = 30 on three seeds: a run takes minutes there
MIDDLE = [8, 10, 12, 15]  # at which larger batches were tried
FEWER = [5, 8, 10, 12, 15, 20, 30, 40, 50]
HALF = dict(train_steps=[5000])
FIXED = dict(reservoir=[True], train_steps=[2000])
PROTOCOL = dict(train_steps=[2500], no_early_stop=[True])
LARGER = dict(input_dim=[1], batch_size=[256, 512], seed=THREE, **PROTOCOL)
CURVES = dict(train_steps=[4500], no_early_stop=[True])

SLOWLY = dict(init=["orthogonal"], learning_rate=[0.0003], curriculum=[1.1])
LONG = [50, 100, 200, 500, 1000, 2000, 5000, 10000]


def block(model_type, input_length, **values):
    """One block: every value given, each flag a list; digits one-hot and five seeds unless it says otherwise."""
    return {"model_type": [model_type], "input_length": input_length, "input_dim": [10], "seed": SEEDS, **values}


TRIAL = "tiny"
GRIDS = {
    # To try the sweep itself: six cells of about a second; what they show is not kept.
    TRIAL: [
        block("RNN", [2, 3, 4], num_hidden=[32], train_steps=[200], seed=[42]),
        block("LSTM", [2, 3, 4], num_hidden=[32], train_steps=[200], seed=[42]),
    ],
    # Questions 1.3 and 1.6: accuracy against length, for the initialisation as much as for the cell.
    "lengths": [
        block(cell, lengths, init=inits, input_dim=[digits], seed=seeds)
        for lengths, seeds in ((SHORT, SEEDS), (LONGER, THREE))
        for cell, digits, inits in (
            ("RNN", 10, ["orthogonal", "xavier", "normal"]),
            ("LSTM", 10, ["chrono", "xavier", "normal"]),
            ("RNN", 1, ["normal", "orthogonal"]),
            ("LSTM", 1, ["normal", "chrono"]),
        )
    ],
    # How far back at most, up to the first length that no seed solves; on three seeds from 1,000 on.
    "reach": [
        block("RNN", LONG[:4], init=["latch"]),
        block("RNN", LONG[4:], init=["latch"], seed=THREE),
        block("RNN", LONG[:4], optimizer=["adam"], **SLOWLY),
        block("RNN", [1000], optimizer=["adam"], **SLOWLY, seed=THREE),
        block("RNN", LONG[:4], **SLOWLY),
        block("LSTM", LONG[:4], init=["chrono"], curriculum=[None, 1.1]),
        block("LSTM", LONG[:4], init=["chrono"], learning_rate=[0.03, 0.1]),
        block("LSTM", [1000], init=["chrono"], seed=THREE),
        block("LSTM", LONG[4:], init=["chrono"], curriculum=[1.1], seed=THREE),
        block("LSTM", [1000], init=["chrono"], learning_rate=[0.03, 0.1], seed=THREE),
        block("LSTM", [2000, 5000], init=["chrono"], learning_rate=[0.03], seed=THREE),
        block("LSTM", [50, 100, 200], init=["latch"]),
        block("LSTM", LONG[:4], init=["latch"], learning_rate=[0.003]),
        block("LSTM", LONG[4:], init=["latch"], learning_rate=[0.003], seed=THREE),
        block("RNN", [50, 100], init=["orthogonal"], learning_rate=[0.0001]),
        block("LSTM", [50, 100, 200], init=["forget1"]),
    ],
    # The two cells want different learning rates.
    "learning_rates": [
        block("RNN", [5, 10, 20, 30, 50], learning_rate=[3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2], **HALF),
        block("LSTM", [5, 10, 20, 30, 50], learning_rate=[1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3], **HALF),
    ],
    # Question 1.4: each optimizer over the rates among which its best one lies; on scalars, which take some learning.
    "optimizers": [
        block(cell, [10], input_dim=[1], optimizer=optimizers, learning_rate=rates, train_steps=[5000])
        for cell in ("RNN", "LSTM")
        for optimizers, rates in (
            (["sgd"], [0.01, 0.03, 0.1, 0.3, 1.0]),
            (["momentum"], [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]),
            (["adagrad"], [0.003, 0.01, 0.03, 0.1]),
            (["rmsprop"], [0.0003, 0.001, 0.003, 0.01]),
            (["adam"], [0.0003, 0.001, 0.003, 0.01, 0.03]),
        )
    ],
    "capacity": [block(cell, [20], num_hidden=[16, 32, 64, 128, 256]) for cell in ("RNN", "LSTM")],
    "clipping": [block("RNN", [30], max_norm=[0.1, 0.3, 1, 3, 10, 100, 1e6])],
    # As the reports measured: the training accuracy of the last 250 of 2,500 updates, at three batch sizes.
    "protocols": [
        block("RNN", SHORT, init=["normal", "orthogonal"], input_dim=[1], **PROTOCOL),
        block("LSTM", SHORT, init=["normal", "chrono"], input_dim=[1], **PROTOCOL),
        block("RNN", MIDDLE, init=["normal", "orthogonal"], **LARGER),
        block("LSTM", MIDDLE, init=["normal", "chrono"], **LARGER),
        # Chouliaras's own digits and, as far as can be told, weights and rates: one-hot, scaled by their number.
        block("RNN", [8, 10, 14], init=["xavier"], learning_rate=[0.001, 0.0025], **PROTOCOL),
        block("LSTM", [8, 12, 14], init=["xavier"], learning_rate=[0.001, 0.0025], **PROTOCOL),
    ],
    # Single runs from the first update to the last, as the reports show them.
    "curves": [
        block("RNN", [5, 10, 20], init=["normal", "orthogonal"], seed=[42], **CURVES),
        block("RNN", [15], seed=[42], **CURVES),
        block("LSTM", [20], init=["xavier", "chrono"], num_hidden=[130], learning_rate=[0.0007], seed=[42], **CURVES),
    ],
    # What the initialisation holds before any learning: recurrent weights fixed, the read-out trained alone; from
    # T = 1,000 on three seeds, and fewer updates for the longest.
    "reservoirs": [
        block("RNN", FEWER, init=["normal", "xavier", "orthogonal", "latch"], **FIXED),
        block("LSTM", FEWER, init=["normal", "xavier", "chrono", "latch"], **FIXED),
        block("RNN", FEWER, init=["normal", "orthogonal"], input_dim=[1], **FIXED),
        block("LSTM", FEWER, init=["normal", "chrono"], input_dim=[1], **FIXED),
        block("RNN", LONG[1:4], init=["latch"], **FIXED),
        block("RNN", LONG[4:5], init=["latch"], **FIXED, seed=THREE),
        block("RNN", LONG[5:], init=["latch"], reservoir=[True], train_steps=[500], seed=THREE),
        block("LSTM", LONG[1:4], init=["latch"], **FIXED),
        block("LSTM", LONG[4:], init=["latch"], learning_rate=[0.003], reservoir=[True], train_steps=[200], seed=THREE),
        block("RNN", [100], init=["orthogonal"], **FIXED),
        block("LSTM", [100], init=["chrono", "forget1"], **FIXED),
        block("LSTM", [50], init=["forget1"], **FIXED),
        block("RNN", [20], init=["orthogonal"], num_hidden=[16, 32, 64, 256], **FIXED),
        block("LSTM", [20], init=["chrono"], num_hidden=[16, 32, 64, 256], **FIXED),
    ],
}
WITH_CURVES = {"curves"}  # the grids whose tables come with every cell's metrics.csv
