import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import orecast
from orecast.kernels import compiled


def test_a_kernel_whose_code_cannot_be_kept_is_compiled_all_the_same():
    namespace: dict = {}
    exec(
        "def double(x):\n    return 2 * x", namespace
    )  # it has no file that code could stand beside
    assert compiled()(namespace["double"])(21) == 42


@pytest.mark.slow
def test_a_package_that_is_read_only_without_a_home(tmp_path):
    """As a container's user finds it: kernels and figures work, and nobody is warned."""
    package = tmp_path / "site" / "orecast"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(orecast.__file__).parent, package, ignore=ignored)
    for folder in [tmp_path / "site", package, *(p for p in package.rglob("*") if p.is_dir())]:
        folder.chmod(0o555)
    code = (
        "import numpy as np, orecast\n"
        "import orecast.evidence.interpolate.idw, orecast.evidence.interpolate.kriging\n"
        "from orecast.evidence.interpolate.spline import solve\n"
        "from orecast.report.drawing import new_figure, to_png\n"
        "answer = np.array([4.0, 9.0])\n"
        "solve(np.diag([2.0, 3.0]), answer, 2)\n"
        "print(orecast.__file__, answer.tolist())\n"
        "to_png(new_figure(1, 1))\n"
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    kept.pop("MPLCONFIGDIR", None)
    kept.pop("XDG_CONFIG_HOME", None)
    environment = kept | {
        "HOME": str(tmp_path / "site" / "home"),
        "PYTHONPATH": str(package.parent),
    }
    command = [*without_privileges(), sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split(maxsplit=1)[:1] == [str(package / "__init__.py")], done.stderr
    assert "[2.0, 3.0]" in done.stdout
    assert "matplotlib" not in done.stderr.lower()
    assert not list(package.rglob("__pycache__"))


def without_privileges() -> list[str]:
    """What lets the permissions of files hold for root too."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may write everywhere, and setpriv is not here to take that away")
    dropped = "-dac_override,-dac_read_search"
    return [setpriv, f"--bounding-set={dropped}", f"--inh-caps={dropped}"]
