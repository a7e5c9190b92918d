import pytest


@pytest.fixture(scope="session")
def district(demo_district):
    """The demo district on disk; the path of its run.toml."""
    return demo_district
