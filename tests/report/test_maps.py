import io

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from orecast.grid import Bounds
from orecast.report import maps
from orecast.report.drawing import DPI, to_png
from orecast.report.maps import CLASS_COLOURS, fold_edges
from orecast.report.reading import MapImage, open_run


@pytest.fixture(scope="module")
def run(run_folder):
    return open_run(run_folder)


@pytest.fixture(scope="module")
def leaving_two_out(fabricate):
    """A run of 14 deposits of which no fold held out numbers 3 and 7."""
    made = fabricate(deposits=14, baselines=1, layers=1)
    for entry in made.metrics["scores"]:
        entry["per_deposit"] = [d for d in entry["per_deposit"] if d["deposit"] not in (3, 7)]
    for fold in made.metrics["folds"]:
        fold["deposits"] = [d for d in fold["deposits"] if d not in (3, 7)]
    return open_run(made.write())


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB")).astype(int)


def colour_at(figure, x_km, y_km):
    """Colour drawn at a position of the map."""
    image = pixels(figure)
    across, up = figure.axes[0].transData.transform((x_km, y_km))
    return image[image.shape[0] - 1 - int(up), int(across)]


def rgb(text):
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])


def texts_on(figure):
    return [t for t in figure.axes[0].texts if t.get_text().isdigit()]


def test_the_image_spans_the_outer_edges_in_kilometres(run):
    image = maps.uncertainty(run).axes[0].images[0]
    assert image.get_extent() == [412.0, 454.0, 4675.0, 4705.0]
    assert image.get_array().shape == (60, 84)


def test_a_cell_is_drawn_where_it_lies(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.field = np.zeros(made.shape)
    made.field[10, 70] = 1.0  # centre at x 412 + 70.5 / 2, y 4705 - 10.5 / 2
    made.points = [(0.0, 0.0)] * 3
    run = open_run(made.write())
    figure = maps.out_of_fold(run)
    high = rgb("#fde725")  # the end of viridis
    assert np.abs(colour_at(figure, 447.25, 4699.75) - high).max() < 6
    for x, y in [(446.75, 4699.75), (447.75, 4699.75), (447.25, 4700.25), (447.25, 4699.25)]:
        assert np.abs(colour_at(figure, x, y) - high).max() > 100


def test_no_data_is_grey_and_said_so(run):
    figure = maps.uncertainty(run)
    grey = colour_at(figure, 415.0, 4703.0)
    assert np.ptp(grey) < 12
    assert 180 < grey.mean() < 240
    assert "no data" in [t.get_text() for t in figure.legends[0].texts]


def test_classes_keep_their_colours(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.field = np.arange(60 * 84, dtype=float).reshape(60, 84)  # best at the south-east
    made.points = [(0.0, 0.0)] * 3
    figure = maps.classes(open_run(made.write()))
    # the last row of 84 is the best 1.7 %: its east is A, its west B; the rows above B and C
    assert np.abs(colour_at(figure, 453.0, 4675.25) - rgb(CLASS_COLOURS["A"])).max() < 4
    assert np.abs(colour_at(figure, 413.0, 4675.25) - rgb(CLASS_COLOURS["B"])).max() < 4
    assert np.abs(colour_at(figure, 430.0, 4677.25) - rgb(CLASS_COLOURS["C"])).max() < 4
    assert np.abs(colour_at(figure, 430.0, 4690.25) - rgb(CLASS_COLOURS["none"])).max() < 4


def test_targets_are_outlined_by_class_and_ranked_without_overlap(run):
    figure = maps.prospectivity(run)
    labels = [t.get_text() for t in figure.legends[0].texts]
    assert labels[:3] == ["target, class A", "target, class B", "target, class C"]
    figure.canvas.draw()
    ranks = texts_on(figure)
    assert ranks[0].get_text() == "1"
    assert len(ranks) >= 8
    boxes = [t.get_window_extent() for t in ranks]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    outline = run.targets.geometry.iloc[0].exterior.coords
    drawn = [np.column_stack(line.get_data()) for line in figure.axes[0].lines]
    assert any(np.allclose(d, np.asarray(outline) / 1000) for d in drawn if len(d) == len(outline))


def test_ranks_that_find_no_place_are_left_out(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    same = made.targets.geometry.iloc[0]
    made.targets = made.targets.set_geometry([same] * len(made.targets), crs=made.targets.crs)
    ranks = [t.get_text() for t in texts_on(maps.prospectivity(open_run(made.write())))]
    assert ranks == [str(n) for n in range(1, len(ranks) + 1)]
    assert 1 <= len(ranks) < 12


@pytest.mark.parametrize("draw", [maps.prospectivity, maps.out_of_fold, maps.classes])
def test_deposits_without_evidence_are_hollow_and_grey(leaving_two_out, draw):
    axes = draw(leaving_two_out).axes[0]
    marks = {m.get_label(): m for m in axes.collections}
    kept, lost = marks["known deposit"], marks["deposit, no evidence"]
    assert (len(kept.get_offsets()), len(lost.get_offsets())) == (12, 2)
    points = leaving_two_out.deposits.geometry.iloc[[3, 7]]
    assert np.allclose(lost.get_offsets() * 1000, np.column_stack([points.x, points.y]))
    assert len(lost.get_facecolor()) == 0
    assert np.ptp(lost.get_edgecolor()[0, :3]) < 0.1
    assert kept.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    legend = [t.get_text() for t in axes.figure.legends[0].texts]
    assert {"known deposit", "deposit, no evidence"} <= set(legend)


def test_a_full_key_does_not_reach_the_colour_bar(leaving_two_out):
    figure = maps.prospectivity(leaving_two_out)
    figure.canvas.draw()
    key = figure.legends[0].get_window_extent()
    parts = [figure.axes[1].get_tightbbox(), figure.axes[0].get_window_extent()]
    parts += [t.get_window_extent() for t in figure.axes[0].texts if t.get_text().endswith(" km")]
    assert len(figure.legends[0].texts) == 6
    assert not any(key.overlaps(part) for part in parts)
    assert key.y0 >= 0


def test_the_first_ranks_are_written_even_among_deposits(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    centre = made.targets.geometry.iloc[0].centroid
    steps = np.arange(-6000, 6001, 400)
    made.points = [(centre.x + dx, centre.y + dy) for dx in steps for dy in steps]
    made.names = [""] * len(made.points)
    ranks = [t.get_text() for t in texts_on(maps.prospectivity(open_run(made.write())))]
    assert ranks[0] == "1"


def test_a_scale_has_an_arrow_only_where_values_go_beyond_it(fabricate, run):
    assert maps.uncertainty(run).axes[1]._colorbar.extend == "both"
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.field = np.where(np.arange(60 * 84).reshape(60, 84) < 500, 1.0, 0.0)
    made.points = [(0.0, 0.0)] * 3
    figure = maps.prospectivity(open_run(made.write()))
    assert figure.axes[1]._colorbar.extend == "neither"


def test_deposits_are_numbered_by_fold_where_there_are_folds(run, fabricate):
    numbers = {t.get_text() for t in texts_on(maps.out_of_fold(run))}
    assert numbers == {"0", "1", "2", "3", "4"}
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.metrics["protocol"]["folds"] = 1
    assert texts_on(maps.out_of_fold(open_run(made.write()))) == []


@pytest.mark.parametrize("shape", [(60, 84), (120, 40), (24, 120), (50, 50)])
def test_scale_bar_key_and_colour_bar_do_not_overlap_and_stay_on_the_sheet(fabricate, shape):
    made = fabricate(shape=shape, deposits=4, baselines=1, layers=1)
    figure = maps.prospectivity(open_run(made.write()))
    figure.canvas.draw()
    axes, bar = figure.axes
    frame = axes.get_window_extent()
    key = figure.legends[0].get_window_extent()
    scale = bar.get_tightbbox()
    length = next(t for t in axes.texts if t.get_text().endswith(" km"))
    parts = [frame, key, scale, length.get_window_extent(), axes.xaxis.label.get_window_extent()]
    assert not any(a.overlaps(b) for i, a in enumerate(parts) for b in parts[:i])
    width, height = figure.get_size_inches() * DPI
    tight = figure.get_tightbbox()
    assert tight.x0 >= 0
    assert tight.y0 >= 0
    assert tight.x1 * DPI <= width + 1
    assert tight.y1 * DPI <= height + 1


def test_the_scale_bar_is_as_long_as_it_says(run):
    axes = maps.uncertainty(run).axes[0]
    said = next(float(t.get_text()[:-3]) for t in axes.texts if t.get_text().endswith(" km"))
    bar = next(line for line in axes.lines if line.get_transform() == axes.transAxes)
    start, *_, end = bar.get_xdata()
    assert (end - start) * np.ptp(axes.get_xlim()) == pytest.approx(said)


def test_edges_of_folds_stand_between_cells_of_different_folds_and_nowhere_else():
    nan = np.nan
    values = np.array([[0, 0, 1], [0, nan, 1], [2, 2, 1]], dtype=np.float32)
    folds = MapImage(values, Bounds(0, 0, 3000, 3000), "EPSG:32645")
    edges = {tuple(map(tuple, edge)) for edge in fold_edges(folds).tolist()}
    assert edges == {
        ((2, 3), (2, 2)),  # between the first row's 0 and 1
        ((2, 1), (2, 0)),  # between the last row's 2 and 1
        ((0, 1), (1, 1)),  # between the first column's 0 and 2
    }


def test_regions_of_folds_are_outlined_where_the_run_tells_them(run, fabricate):
    figure = maps.out_of_fold(run)
    lines = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    drawn = np.array(lines[-1].get_segments())
    assert set(drawn[:, :, 0].ravel()) == {422.5, 433.0, 443.5}  # quarters of 412 to 454
    assert "edge of a fold’s region" in [t.get_text() for t in figure.legends[0].texts]
    old = open_run(fabricate(deposits=4, baselines=1, layers=1).grow_old().write())
    figure = maps.out_of_fold(old)
    assert not any(isinstance(c, LineCollection) for c in figure.axes[0].collections)


def test_ground_outside_the_area_of_applicability_is_grey(fabricate):
    made = fabricate(deposits=3, baselines=1, layers=1)
    made.field = np.tile(np.linspace(1, 0, 84), (60, 1))  # dissimilarity from 0 in the west to 1
    made.points = [(0.0, 0.0)] * 3
    made.metrics["applicability"]["threshold"] = 0.5
    figure = maps.applicability(open_run(made.write()))
    inside, outside = colour_at(figure, 427.0, 4690.0), colour_at(figure, 445.03, 4690.03)
    assert np.ptp(inside) > 40
    assert np.ptp(outside) < 12
    labels = [t.get_text() for t in figure.legends[0].texts]
    assert labels[0] == "outside"
    made.metrics["applicability"]["threshold"] = 1.0
    labels = [t.get_text() for t in maps.applicability(open_run(made.write())).legends[0].texts]
    assert "outside" not in labels


def test_chances_are_drawn_in_per_cent(run):
    drawn = maps.probability(run).axes[0].images[0].get_array()
    assert drawn.max() == pytest.approx(100 * np.nanmax(run.raster("probability").values))


def test_the_recommended_map_is_its_own(run):
    drawn = maps.recommended(run).axes[0].images[0].get_array().filled(np.nan)
    assert np.allclose(drawn, run.raster("prospectivity").values ** 2, equal_nan=True)


def test_maps_of_anomalies_have_neither_deposits_nor_folds(fabricate):
    run = open_run(fabricate(layers=1).forget_deposits().write())
    figure = maps.prospectivity(run)
    labels = [t.get_text() for t in figure.legends[0].texts]
    assert not any("deposit" in label for label in labels)
    assert labels[0] == "target, class A"
    assert figure.axes[1].get_xlabel() == "Anomaly"
    assert maps.uncertainty(run).axes[1].get_xlabel() == "Spread of the models"
