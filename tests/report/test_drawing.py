import io
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orecast.report.drawing import can_letter, lettering, new_figure, to_png


def drawn():
    figure = new_figure(2, 1)
    figure.add_subplot().plot([0, 1], [1, 0])
    return to_png(figure)


def test_the_same_figure_is_the_same_bytes_at_200_dpi():
    assert drawn() == drawn()
    assert Image.open(io.BytesIO(drawn())).size == (400, 200)


def test_a_scale_keeps_its_colours():
    figure = new_figure(2, 2, constrained=False)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    values = np.linspace(0, 1, 400).reshape(1, -1)
    axes.imshow(values, aspect="auto", cmap="viridis", interpolation="nearest")
    image = np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB")).astype(int)
    from matplotlib import colormaps

    exact = np.asarray(colormaps["viridis"](values[0], bytes=True)[:, :3]).astype(int)
    assert np.abs(image[200] - exact).max() <= 4


def test_a_scale_keeps_its_ends_where_the_map_seldom_has_their_colours():
    """A map of low values with the small scale of the whole range below it, and some letters."""
    figure = new_figure(6, 5, constrained=False)
    rng = np.random.default_rng(0)
    axes = figure.add_axes((0, 0.1, 1, 0.9))
    axes.imshow(rng.uniform(0, 0.45, (100, 120)), aspect="auto", cmap="magma", vmin=0, vmax=1)
    axes.scatter(*rng.uniform(0, 100, (2, 300)), s=22, marker="D", color="white", edgecolor="black")
    axes = figure.add_axes((0, 0, 0.3, 0.02))
    scale = np.linspace(0, 1, 360).reshape(1, -1)
    axes.imshow(scale, aspect="auto", cmap="magma", interpolation="nearest")
    for axes in figure.axes:
        axes.set_axis_off()
    image = np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB")).astype(int)
    from matplotlib import colormaps

    exact = colormaps["magma"](scale[0], bytes=True)[:, :3].astype(int)
    assert np.abs(image[-6, :360] - exact).max() <= 10


def test_no_global_state_is_touched():
    code = (
        "import sys, matplotlib as m; before = m.rcParams.copy()\n"
        "from orecast.report import drawing, maps, curves\n"
        "drawing.to_png(drawing.new_figure(1, 1))\n"
        "keys = [k for k in before if k != 'backend']\n"  # asking for it would choose one
        "print('matplotlib.pyplot' in sys.modules, len(keys) > 300, end=' ')\n"
        "print([k for k in keys if m.rcParams[k] != before[k]])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False True []", done.stderr


def test_importing_the_room_imports_nothing_heavy():
    code = (
        "import sys, orecast.report\n"
        "heavy = {'matplotlib', 'geopandas', 'rasterio', 'pandas', 'torch', 'sklearn', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_letters_without_a_font_become_squares():
    assert can_letter("Ünïcode Ω, № 3")
    assert not can_letter("\U0001f980")
    assert lettering("Au \U0001f980 x") == "Au □ x"


@given(st.text(max_size=80))
def test_lettering_is_one_short_line_without_formulas(text):
    line = lettering(text, most=20)
    assert "\n" not in line
    assert len(line.replace("\\$", "$")) <= 21
    assert line.count("$") == line.count("\\$")
    assert not line.startswith("_")
