"""What tests of several packages share."""

import os
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

from orecast.papers import report
from orecast.report import page
from orecast.simulation import simulate, write_district

settings.register_profile("unhurried", deadline=None)  # other work may share the machine
settings.load_profile("unhurried")

Once = Callable[[str, Callable[[Path], object]], Path]


# Networks that differ from mobilenetv2 or resnet18 only in which layers they have.
ALIKE = {"googlenet", "mnasnet", "shufflenetv2", "resnet34"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of networks that another one stands for as slow."""
    for item in items:
        asked = getattr(item, "callspec", None)
        if asked is not None and asked.params.get("name") in ALIKE:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make a folder of that name once for all processes of the suite; no test may change it."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, whole = common / name, common / f"{name}.whole"
        with FileLock(common / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed at it
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def demo_district(once: Once) -> Path:
    """The demo district on disk; the path of its ``run.toml``."""
    return once("demo", lambda folder: write_district(simulate("demo", 0), folder)) / "run.toml"


@pytest.fixture(scope="session")
def without_deposits(once: Once, demo_district: Path) -> Path:
    """The demo district in which no deposit is known; the path of its ``run.toml``.

    Those that are known elsewhere are held back, to be scored at the end.
    """

    def make(folder: Path) -> None:
        shutil.copytree(demo_district.parent, folder)
        shutil.copyfile(Path(__file__).with_name("without-deposits.toml"), folder / "run.toml")

    return once("without-deposits", make) / "run.toml"


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure of a page is one white pixel: drawing takes most of a small run."""
    figures, pixel = page._figures, BytesIO()
    Image.new("RGB", (1, 1), "white").save(pixel, "png")
    monkeypatch.setattr(page, "_figures", lambda run: dict.fromkeys(figures(run), lambda: None))
    for module in (page, report):
        monkeypatch.setattr(module, "to_png", lambda _: pixel.getvalue())


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of a comparison are computed here: a new process would load all libraries anew."""

    def work_off(tasks: list[Callable[[], None]], *_: object, **__: object) -> None:
        for task in tasks:
            task()

    monkeypatch.setattr("orecast.workflow.compare.comparing.work_off", work_off)
