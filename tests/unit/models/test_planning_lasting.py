import numpy as np

from models.planning.plan import lasted


def test_a_limit_counts_from_the_first_of_the_days_it_is_held() -> None:
    paths = np.array([[[5, 1, 5, 6, 7, 2, 9, 8]]], np.float32)
    np.testing.assert_array_equal(lasted(paths, 3)[0, 0], [1, 1, 5, 2, 2, 2, 8, 8])


def test_one_day_is_the_path_itself() -> None:
    paths = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    np.testing.assert_array_equal(lasted(paths, 1), paths)


def test_it_equals_a_plain_loop() -> None:
    paths = np.random.default_rng(0).random((2, 4, 9)).astype(np.float32)
    held = lasted(paths, 3)
    for i in range(2):
        for s in range(4):
            np.testing.assert_array_equal(held[i, s], [min(paths[i, s, d : d + 3]) for d in range(9)])
