import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    """Random windows and weights are the same in every run."""
    torch.manual_seed(0)
