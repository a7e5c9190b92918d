import numpy as np

from orecast.grid import Bounds
from orecast.report.drawing import colour_limits, new_sheet, scale_length, write_beside
from orecast.report.reading import MapImage


def test_scale_lengths_are_round_and_at_most_a_quarter():
    for width in np.geomspace(0.01, 5000, 200):
        length = scale_length(width)
        assert 0.1 * width <= length <= 0.2500001 * width
        assert f"{length:.3e}"[0] in "125"


def test_limits_of_a_scale_stand_apart():
    assert colour_limits(np.arange(101, dtype=np.float32)) == (2.0, 98.0)
    assert colour_limits(np.full(9, 3, dtype=np.float32)) == (2.5, 3.5)
    assert colour_limits(np.array([0] * 200 + [1], dtype=np.float32)) == (0.0, 1.0)
    assert colour_limits(np.full(4, np.nan, dtype=np.float32)) == (0.0, 1.0)
    low, high = colour_limits(np.array([np.nan, 1, 2], dtype=np.float32))
    assert 1 <= low < high <= 2


def test_no_label_of_an_axis_stands_on_another():
    """An area whose corner is round in both directions, so that each has a tick there."""
    values = np.zeros((24, 30), dtype=np.float32)
    raster = MapImage(values, Bounds(400_000, 2_400_000, 430_000, 2_424_000), "EPSG:32649")
    axes = new_sheet(raster, "viridis", 0, 1).axes
    axes.figure.draw_without_rendering()
    boxes = [
        [label.get_window_extent() for label in labels if label.get_text()]
        for labels in (axes.get_xticklabels(), axes.get_yticklabels())
    ]
    assert all(len(found) > 2 for found in boxes)
    assert not any(x.overlaps(y) for x in boxes[0] for y in boxes[1])


def test_texts_are_written_within_the_frame():
    values = np.zeros((20, 20), dtype=np.float32)
    axes = new_sheet(MapImage(values, Bounds(0, 0, 20_000, 20_000), ""), "viridis", 0, 1).axes
    at = np.array([[x, y] for x in (0.4, 10.0, 19.6) for y in (0.4, 10.0, 19.6)])
    write_beside(axes, at, [str(10 + k) for k in range(9)], taken=at, bold=True)
    axes.figure.draw_without_rendering()
    written = [t for t in axes.texts if t.get_text() != "N" and "km" not in t.get_text()]
    assert len(written) == 9
    frame = axes.get_window_extent().padded(1)
    for text in written:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
