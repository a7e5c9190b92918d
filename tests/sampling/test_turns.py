import numpy as np

from orecast.sampling import Windows
from orecast.sampling.augmentation import Turning, turned

VALUES = np.arange(2 * 3 * 3, dtype=np.float32).reshape(1, 2, 3, 3)


def eight(values):
    """Each quarter turn, and each of its mirror image."""
    flipped = values[..., ::-1]
    return [np.rot90(v, k, axes=(-2, -1)) for v in (values, flipped) for k in range(4)]


def test_the_eight_ways_are_the_quarter_turns_and_their_mirror_images():
    ways = {turned(VALUES, way).tobytes() for way in range(8)}
    assert ways == {v.tobytes() for v in eight(VALUES)}
    assert turned(VALUES, 0) is VALUES


def grown(n, **options):
    X = Windows(VALUES[0], ("Au", "Cu"), np.array([[1, 1]]), 3)
    part = Turning(**options).fit(X, seed=0).grow(n, seed=0)
    return part.batch(np.arange(n), X)


def test_a_window_comes_in_every_other_way_before_it_comes_as_it_is():
    values = grown(8)
    assert {v.tobytes() for v in values} == {v[0].tobytes() for v in eight(VALUES)}
    np.testing.assert_array_equal(values[7], VALUES[0])


def test_without_flips_there_are_three_rotations():
    rotations = {np.rot90(VALUES[0], k, axes=(-2, -1)).tobytes() for k in (1, 2, 3)}
    assert {v.tobytes() for v in grown(3, flips=False)} == rotations
