"""A short form of ``tests/fuzz.py``; the long one is run by hand."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_damaged_surveys_end_in_a_message_or_a_clean_read():
    tool = Path(__file__).with_name("fuzz.py")

    done = subprocess.run(
        [sys.executable, tool, "--n", "40", "--seed", "2026"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("40 inputs of seed 2026: ")
