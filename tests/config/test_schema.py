import pytest

from orecast.config import Config, parse
from orecast.errors import ConfigError

LENGTHS = ["evidence.cell_size", "evidence.radius", "sampling.distance", "sampling.fault_distance"]


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("uncertainty.seeds", 1000),
        ("uncertainty.dropout", 10_000),
        ("training.rate", 1e30),
        ("training.final_rate", 1e30),
        ("training.step_factor", 1.0),
        *((key, 1e8) for key in LENGTHS),
        ("validation.folds", 255),
    ],
)
def test_figures_beyond_all_sense_are_refused_with_their_key(key, most):
    table, name = key.split(".")

    def read(value) -> Config:
        return parse({"samples": {"path": "s.csv"}, table: {name: value}}, where="run.toml")

    assert getattr(getattr(read(most), table), name) == most
    for value in (1e300, 10**9 if isinstance(most, int) else 1e31):
        with pytest.raises(ConfigError, match=rf"'{table}\.{name}'"):
            read(value)
