import numpy as np
import pytest

from orecast.errors import InputError
from orecast.evidence.spacing import nearest_distances, propose_cell_size, propose_radius


def lattice(step: float, n: int = 20) -> np.ndarray:
    x, y = np.meshgrid(np.arange(n) * step, np.arange(n) * step)
    return np.column_stack([x.ravel(), y.ravel()]) + 500_000


@pytest.mark.parametrize(
    ("step", "cell"),
    [(2000, 1000), (1000, 500), (500, 200), (3999, 1000), (4000, 2000), (0.2, 0.1)],
)
def test_cell_is_half_the_spacing_or_the_step_below(step, cell):
    assert propose_cell_size(lattice(step)) == pytest.approx(cell)


def test_duplicates_do_not_count():
    xy = lattice(1000)
    assert propose_cell_size(np.concatenate([xy, xy, xy[:9]])) == 500


def test_pairs_a_metre_apart_do_not_ask_for_cells_of_half_a_metre():
    xy = lattice(1000)
    assert propose_cell_size(np.concatenate([xy, xy + 1.0])) >= 20


def test_radius_on_a_lattice_reaches_the_neighbours_asked_for():
    xy = lattice(1000)
    radius = propose_radius(xy, neighbours=12)  # four others: on the lattice's edge at 1.41 or 2
    assert 1000 <= radius <= 1500
    four = nearest_distances(xy, 4)
    assert (four <= radius).mean() >= 0.95


@pytest.mark.parametrize("neighbours", [1, 8, 12, 24])
def test_radius_gives_a_third_of_the_neighbours_to_nineteen_in_twenty(neighbours):
    xy = np.random.default_rng(0).uniform(0, 50_000, (800, 2))
    radius = propose_radius(xy, neighbours)
    apart = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    others = (apart <= radius).sum(axis=1) - 1
    share = (others >= max(3, np.ceil(neighbours / 3))).mean()
    assert 0.95 <= share < 0.99  # finite: every metre is paid for in the folds' buffers
    assert radius == float(f"{radius:.2g}")


def test_few_samples_have_a_radius():
    assert propose_radius(np.array([[0.0, 0.0], [700.0, 0.0]]), 12) == 700


def test_one_place_has_no_spacing():
    with pytest.raises(InputError, match="at one place"):
        propose_cell_size(np.ones((5, 2)))


def test_an_order_of_thousands_is_looked_up_from_some_places(monkeypatch):
    xy = np.random.default_rng(0).uniform(0, 50_000, (900, 2))
    whole = propose_radius(xy, 10**9)
    assert whole == propose_radius(xy, 2700)
    monkeypatch.setattr("orecast.evidence.spacing._MOST_VISITED", 100_000)
    assert len(nearest_distances(xy, 10**9)) == 113  # each eighth
    assert propose_radius(xy, 10**9) == pytest.approx(whole, rel=0.2)
    assert len(nearest_distances(xy, 4)) == 900
