"""Draw the structures of the five published systems for systems.md, each at its published size.

    python docs/structures.py       a few seconds

``images/SYSTEM.png`` shows what is computed, from the input to the score, with the shape of what
passes each arrow: channels x rows x columns for maps, numbers alone for vectors. They follow the
networks in ``src/orecast/models``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from boxes import SMALL, Box, Sheet

from orecast.papers.experiments import read_experiment
from orecast.report.drawing import to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = Path(__file__).parent / "images"
_DILATIONS = (1, 6, 12, 18, 24)
_EDGES = {
    "Au": ("As", "Sb", "Hg"),
    "Cu": ("Zn", "Bi", "Mo"),
    "Sn": ("W", "Bi"),
    "Ag": ("Zn", "Pb"),
    "W": ("Bi", "B"),
    "As": ("Hg",),
    "Mn": ("Ba",),
}
_JOINED = ("where |r| ≥ α in the clr values of", "training rows; α from 0.2 to 0.8")
_SMOOTHED = "ReLU(Ã H W + b), Ã: neighbours and itself"
_ATTENDED = "ELU, 8 heads of 8 features, same edges"
_LAYERS = ("64×32×32", "128×16×16", "256×8×8", "512×4×4")


def gk_dcn() -> Figure:
    """Deformable convolutions, and geological knowledge in the loss."""
    sheet = Sheet(4.5)
    size, y = (1.06, 0.54), 4.08
    row = [
        sheet.box((0.62, y), size, "data", "Window", "39 elements", "9 × 9 cells"),
        sheet.box((2.16, y), size, "layer", "Convolution", "3 × 3", "BN, ReLU"),
        sheet.box((3.70, y), size, "own", "Deformable", "convolution 3 × 3", "BN, ReLU"),
        sheet.box((5.24, y), size, "layer", "Max-pool", "2 × 2"),
        sheet.box((6.78, y), size, "own", "Deformable", "convolution 3 × 3", "BN, ReLU"),
    ]
    sheet.chain(row, ("39×9×9", "64×9×9", "64×9×9", "64×4×4"))
    y = 3.1
    back = [
        sheet.box((6.78, y), size, "layer", "Mean", "over the map"),
        sheet.box((5.24, y), size, "layer", "Linear", "ReLU", "dropout 0.5"),
        sheet.box((3.70, y), size, "layer", "Linear", "sigmoid"),
        sheet.box((2.16, y), (1.0, 0.54), "score", "P", "probability", "of ore"),
    ]
    sheet.arrow(row[-1].side("bottom"), back[0].side("top"), label="128×4×4", at=(6.45, 3.6))
    sheet.chain(back, ("128", "64", "1"))
    _knowledge(sheet, back[-1])
    _deformable(sheet)
    return sheet.figure


def _knowledge(sheet: Sheet, score: Box) -> None:
    """The loss that draws the probability towards that of the geology."""
    sheet.frame(0.08, 2.78, 0.36, 2.62, "Knowledge, in the loss alone")
    at = (1.08, 0.5)
    weight = sheet.box((0.7, 2.14), at, "data", "w at the cell", "faults’ influence,", "0 to 1")
    geology = sheet.box((0.7, 1.42), at, "own", "σ(a·w + b)", "a, b learned", "from 0.1 and 0")
    sheet.box((1.43, 0.66), (2.5, 0.44), "score", "Loss", "BCE(P, y) + 0.1 · MSE(P, Pg)")
    sheet.arrow(weight.side("bottom"), geology.side("top"))
    sheet.arrow(geology.side("bottom"), (0.7, 0.88), label="Pg", at=(0.87, 1.02))
    sheet.arrow(score.side("bottom"), (score.x, 0.88), label="P", at=(score.x + 0.12, 1.6))


def _deformable(sheet: Sheet) -> None:
    """What one deformable convolution does at a cell."""
    sheet.frame(2.94, 7.32, 0.36, 2.62, "Deformable convolution of C to D channels")
    y = 1.42
    given = sheet.box((3.42, y), (0.72, 0.46), "data", "Map x", "C×h×w")
    aims = [
        sheet.box((4.62, 2.05), (1.1, 0.46), "own", "Offsets Δ", "conv 3 × 3, from 0"),
        sheet.box((4.62, 0.79), (1.1, 0.46), "own", "Mask m", "conv 3 × 3, from 0,", "sigmoid"),
    ]
    read = sheet.box(
        (5.75, y), (0.96, 0.62), "own", "Read 9 points", "m · x(p + pₖ + Δ),", "bilinear"
    )
    weigh = sheet.box((6.86, y), (0.72, 0.46), "layer", "Weights", "9 · C to D")
    for aim, shape in zip(aims, ("18×h×w", "9×h×w"), strict=True):
        sheet.arrow(given.side("right"), (3.92, y), (3.92, aim.y), aim.side("left"))
        end = read.side("top" if aim.y > y else "bottom")
        turn = (end[0], aim.y)
        sheet.arrow(aim.side("right"), turn, end, label=shape, at=(5.5, aim.y + 0.09))
    sheet.arrow(given.side("right"), read.side("left"), label="C×h×w", at=(4.6, y + 0.09))
    sheet.arrow(read.side("right"), weigh.side("left"))
    sheet.arrow(weigh.side("bottom"), (6.86, 0.78), label="D×h×w", at=(6.86, 0.69))


def ssgsnet() -> Figure:
    """A residual branch beside a transformer, each weighed by itself and joined."""
    sheet = Sheet(5.3)
    window = ("Window", "14 elements,", "fault rings", "32 × 32 cells")
    window_box = sheet.box((0.58, 4.12), (0.98, 0.66), "data", *window)
    spectral = [
        sheet.box((1.74, 4.72), (0.76, 0.5), "layer", "Stem", "conv 3 × 3", "BN, ReLU"),
        sheet.box((3.26, 4.72), (0.98, 0.78), "own", "4 × 2 blocks", *_LAYERS),
        sheet.box((4.78, 4.72), (0.86, 0.5), "layer", "Mean", "over the map,", "linear"),
        sheet.box((5.9, 4.72), (0.64, 0.5), "own", "Gate", "a · features"),
    ]
    tokens = ("4 × 4 cells,", "class token,", "positions")
    spatial = [
        sheet.box((1.74, 3.48), (0.82, 0.66), "layer", "Patches", *tokens),
        sheet.box((3.26, 3.48), (0.98, 0.5), "own", "6 blocks", "of a transformer,", "8 heads"),
        sheet.box((4.78, 3.48), (0.86, 0.5), "layer", "Class token", "linear"),
        sheet.box((5.9, 3.48), (0.64, 0.5), "own", "Gate", "a · features"),
    ]
    sheet.words((3.26, 5.2), "spectral-spatial branch")
    sheet.words((3.26, 3.13), "spatial-association branch")
    sheet.chain(spectral, ("64×32×32", "512×4×4", "256"))
    sheet.chain(spatial, ("65×256", "65×256", "256"))
    for first in (spectral[0], spatial[0]):
        sheet.arrow(window_box.side("right"), (1.2, 4.12), (1.2, first.y), first.side("left"))
    sheet.words((1.28, 4.12), "15×32×32", ha="left")
    joined = sheet.box((6.86, 4.26), (0.86, 0.5), "layer", "Join", "512, linear,", "softmax")
    score = sheet.box((6.86, 3.48), (0.86, 0.5), "score", "P", "probability", "of ore")
    sheet.arrow(spectral[-1].side("right"), (6.86, 4.72), joined.side("top"), label="256")
    way = (spatial[-1].side("top"), (5.9, 4.26), joined.side("left"))
    sheet.arrow(*way, label="256", at=(6.15, 4.345))
    sheet.arrow(joined.side("bottom"), score.side("top"))
    _improved_block(sheet)
    _gate(sheet)
    _post_norm(sheet)
    return sheet.figure


def _improved_block(sheet: Sheet) -> None:
    title = "Residual block; the first of layers 2, 3 and 4 halves the map"
    sheet.frame(0.08, 7.32, 1.72, 2.94, title)
    y = 2.28
    boxes = [
        sheet.box((1.2, y), (0.86, 0.46), "layer", "Conv 3 × 3", "BN, ReLU"),
        sheet.box((2.34, y), (0.86, 0.46), "layer", "Conv 3 × 3", "BN"),
        sheet.box((3.66, y), (1.26, 0.46), "own", "Channel attention", "mean, C to C/16 to C, σ"),
        sheet.box((5.22, y), (1.3, 0.46), "own", "Spatial attention", "mean and max, 7 × 7, σ"),
    ]
    plus = sheet.sum((6.14, y))
    last = sheet.box((6.66, y), (0.5, 0.36), "layer", "ReLU")
    sheet.arrow((0.3, y), boxes[0].side("left"))
    sheet.words((0.22, y), "x")
    sheet.chain([*boxes, plus, last], ("", "", "", "", ""))
    sheet.arrow(last.side("right"), (7.2, y))
    way = ((0.5, y), (0.5, 1.88), (6.14, 1.88), plus.side("bottom"))
    sheet.arrow(*way)
    sheet.words((3.2, 1.965), "shortcut: identity, or conv 1 × 1 and BN where the shape changes")


def _gate(sheet: Sheet) -> None:
    sheet.frame(0.08, 3.52, 0.42, 1.6, "Gate of a branch")
    y = 0.98
    boxes = [
        sheet.box((1.06, y), (0.76, 0.42), "own", "Linear", "256 to 32"),
        sheet.box((2.16, y), (0.76, 0.42), "own", "Linear", "32 to 256"),
    ]
    sheet.arrow((0.34, y), boxes[0].side("left"))
    sheet.words((0.24, y), "f")
    sheet.chain(boxes, ("ReLU",))
    times = sheet.sum((3.0, y), "×")
    sheet.arrow(boxes[-1].side("right"), times.side("left"), label="a, σ")
    sheet.arrow((0.46, y), (0.46, 0.6), (3.0, 0.6), times.side("bottom"))
    sheet.arrow(times.side("right"), (3.42, y))


def _post_norm(sheet: Sheet) -> None:
    sheet.frame(3.64, 7.32, 0.42, 1.6, "Block of the transformer")
    y = 0.98
    parts = [
        sheet.box((4.36, y), (0.7, 0.42), "own", "Attention", "8 × 32"),
        sheet.sum((4.93, y)),
        sheet.box((5.38, y), (0.44, 0.3), "layer", "Norm"),
        sheet.box((6.06, y), (0.62, 0.54), "layer", "MLP", "256, 1024,", "256, GELU"),
        sheet.sum((6.54, y)),
        sheet.box((6.97, y), (0.44, 0.3), "layer", "Norm"),
    ]
    sheet.arrow((3.74, y), parts[0].side("left"))
    sheet.chain(parts, ("",) * 5)
    for start, plus in ((3.86, parts[1]), (5.66, parts[4])):
        sheet.arrow((start, y), (start, 0.6), (plus.x, 0.6), plus.side("bottom"))
    sheet.arrow(parts[-1].side("right"), (7.3, y))


def mfaf() -> Figure:
    """A window at five dilations, one backbone for all, and a vote."""
    sheet = Sheet(5.9)
    y = 4.72
    layers = ("Window", "8 elements,", "geology, faults", "10×128×128")
    window = sheet.box((0.62, y), (1.08, 0.66), "data", *layers)
    scales = [
        sheet.box((2.06, y + 0.46 * (2 - k)), (1.1, 0.38), "own", *_scale_words(alpha))
        for k, alpha in enumerate(_DILATIONS)
    ]
    backbone = ("Backbone", "ResNet-18 or", "ShuffleNetV2,", "one for all")
    linear = ("Linear", "map’s mean,", "512 to 2,", "one for all")
    row = [
        sheet.box((4.02, y), (0.94, 0.7), "layer", *backbone),
        sheet.box((5.46, y), (0.8, 0.5), "own", "Spatial", "attention"),
        sheet.box((6.86, y), (0.9, 0.7), "layer", *linear),
    ]
    for scale in scales:
        sheet.arrow(window.side("right"), (1.36, y), (1.36, scale.y), scale.side("left"))
        sheet.arrow(scale.side("right"), (2.74, scale.y), (2.74, y), row[0].side("left"))
    sheet.words((3.13, y + 0.22), "5 times")
    sheet.words((3.13, y + 0.09), "10×128×128")
    sheet.chain(row, ("512×4×4", "512×4×4"))
    _answers(sheet, row[-1])
    _scale(sheet)
    _spatial_attention(sheet)
    return sheet.figure


def _scale_words(alpha: int) -> tuple[str, str]:
    return f"Scale α = {alpha}", f"spans {2 * alpha + 1} cells"


def _answers(sheet: Sheet, linear: Box) -> None:
    """What is made of the five scales' probabilities."""
    y, bus = 2.55, 3.42
    votes = ("Vote", "each scale for its", "more probable class")
    ranks = ("Mean p", "ranks windows: map,", "AUC, percentile")
    vote = sheet.box((6.5, y), (1.5, 0.5), "own", *votes)
    mean = sheet.box((4.5, y), (1.5, 0.5), "score", *ranks)
    losses = ("Loss", "(1 − β) Σ CE(y, pₖ)", "+ β Σ KL(p ‖ pₖ), β = 0.4")
    loss = sheet.box((1.65, y), (2.0, 0.5), "own", *losses)
    down = (linear.side("bottom"), (linear.x, bus))
    for box in (mean, loss):
        sheet.arrow(*down, (box.x, bus), box.side("top"))
    sheet.arrow(linear.side("bottom"), (linear.x, vote.y + 0.25))
    sheet.words((5.6, bus + 0.09), "5 probabilities of ore, pₖ")
    sheet.arrow(mean.side("left"), loss.side("right"), label="p, the teacher")


def _scale(sheet: Sheet) -> None:
    sheet.frame(0.08, 4.82, 0.4, 2.1, "Scale: dilated convolution, channel attention")
    y, high = 0.78, 1.5
    conv = sheet.box((0.98, y), (1.0, 0.46), "own", "Conv 3 × 3", "dilation α")
    parts = [
        sheet.box((1.9, high), (0.88, 0.46), "own", "Mean + max", "over the map"),
        sheet.box((2.92, high), (0.62, 0.46), "own", "Linear", "10 to 5"),
        sheet.box((3.94, high), (0.62, 0.46), "own", "Linear", "5 to 10"),
    ]
    times = sheet.sum((4.38, y), "×")
    sheet.arrow((0.2, y), conv.side("left"))
    sheet.arrow(conv.side("right"), times.side("left"), label="u, 10×128×128", at=(2.92, y + 0.09))
    sheet.arrow(conv.side("right"), (1.9, y), parts[0].side("bottom"))
    sheet.chain(parts, ("10", "ReLU"))
    sheet.arrow(parts[-1].side("right"), (4.38, high), times.side("top"))
    sheet.words((4.5, 1.15), "σ", size=SMALL + 1)
    sheet.arrow(times.side("right"), (4.76, y))


def _spatial_attention(sheet: Sheet) -> None:
    sheet.frame(4.94, 7.32, 0.4, 2.1, "Spatial attention")
    y, high = 0.78, 1.5
    pooled = sheet.box((5.62, high), (0.9, 0.46), "own", "Mean, max", "over channels")
    conv = sheet.box((6.74, high), (0.74, 0.46), "own", "Conv 7 × 7", "2 to 1, σ")
    times = sheet.sum((6.74, y), "×")
    sheet.arrow((5.04, y), times.side("left"), label="512×4×4", at=(6.1, y + 0.09))
    sheet.arrow((5.04, y), (5.62, y), pooled.side("bottom"))
    sheet.arrow(pooled.side("right"), conv.side("left"))
    sheet.arrow(conv.side("bottom"), times.side("top"))
    sheet.arrow(times.side("right"), (7.2, y))


def resgcn() -> Figure:
    """A sample as a graph of its elements, residual layers on it, a read-out."""
    sheet = Sheet(5.25)
    y = 4.26
    sample = sheet.box((0.56, y), (0.94, 0.5), "data", "Sample", "16 elements,", "log-ratios (clr)")
    graph = sheet.box((2.34, y), (1.88, 1.88), "data")
    elements = read_experiment("resgcn").recipe["evidence"]["layers"]
    sheet.ring((graph.x, graph.y), 0.8, elements, _EDGES)
    layers = ("3 layers", "residual,", "of convolution", "or attention")
    row = [
        sheet.box((4.22, y), (0.98, 0.62), "own", *layers),
        sheet.box((5.48, y), (0.7, 0.5), "layer", "Mean", "over nodes"),
        sheet.box((6.8, y), (0.98, 0.5), "layer", "Linear", "dropout 0.5,", "softmax"),
    ]
    sheet.chain([sample, graph, row[0]], ("16", "16×1"))
    sheet.chain(row, ("16×64", "64"))
    score = sheet.box((6.8, 3.2), (0.98, 0.44), "score", "P", "probability of ore")
    sheet.arrow(row[-1].side("bottom"), score.side("top"))
    edges = sheet.box((4.5, 3.12), (2.3, 0.46), "own", "Edges", *_JOINED)
    sheet.arrow(edges.side("left"), (graph.x, edges.y), graph.side("bottom"))
    sheet.words((1.18, edges.y), "edges drawn as an example")
    _residual_layer(sheet)
    _other_graphs(sheet)
    return sheet.figure


def _residual_layer(sheet: Sheet) -> None:
    sheet.frame(0.08, 4.62, 0.4, 2.74, "Residual layer")
    y, low = 1.66, 0.58
    ways = [
        sheet.box((2.08, y + 0.5), (2.5, 0.44), "own", "ResGCN: convolution", _SMOOTHED),
        sheet.box((2.08, y - 0.22), (2.5, 0.44), "own", "ResGAT: attention", _ATTENDED),
    ]
    plus = sheet.sum((3.98, y + 0.14))
    for way in ways:
        sheet.arrow((0.38, y + 0.14), (0.62, y + 0.14), (0.62, way.y), way.side("left"))
        sheet.arrow(way.side("right"), (3.6, way.y), (3.6, plus.y), plus.side("left"))
    sheet.words((2.08, y + 0.14), "or")
    sheet.words((0.26, y + 0.14), "H")
    sheet.arrow((0.46, y + 0.14), (0.46, low), (3.98, low), plus.side("bottom"))
    sheet.words((2.2, low + 0.22), "shortcut: identity;")
    sheet.words((2.2, low + 0.09), "in the first layer a linear map, 1 to 64")
    sheet.arrow(plus.side("right"), (4.54, plus.y))
    sheet.words((4.3, plus.y + 0.09), "16×64")


def _other_graphs(sheet: Sheet) -> None:
    sheet.frame(4.74, 7.32, 0.4, 2.74, "Compared on the same graph")
    others = {
        "GIN": ("sums over neighbours, MLP;", "reads every layer’s sum"),
        "GraphSAGE": ("own node beside the mean", "of its neighbours"),
        "DiffPool": ("16 nodes pooled to", "4 learned clusters"),
    }
    for k, (name, lines) in enumerate(others.items()):
        sheet.box((6.03, 2.22 - 0.7 * k), (2.2, 0.5), "layer", name, *lines)


def resnet50() -> Figure:
    """A residual network of 50 layers on windows, and the numbered tiles it predicts as ore."""
    sheet = Sheet(4.8)
    size, y = (0.88, 0.62), 4.38
    window = ("Window", "8 elements,", "256 × 256 cells", "trimmed to 224")
    row = [
        sheet.box((0.58, y), size, "data", *window),
        sheet.box((2.14, y), size, "layer", "Stem", "conv 7 × 7, ½,", "BN, ReLU,", "max-pool 3, ½"),
        sheet.box((3.70, y), size, "own", "3 blocks", "64, 64, 256"),
        sheet.box((5.26, y), size, "own", "4 blocks", "128, 128, 512", "map ½"),
        sheet.box((6.82, y), size, "own", "6 blocks", "256, 256, 1024", "map ½"),
    ]
    sheet.chain(row, ("8×224×224", "64×56×56", "256×56×56", "512×28×28"))
    y = 3.26
    back = [
        sheet.box((6.82, y), size, "own", "3 blocks", "512, 512, 2048", "map ½"),
        sheet.box((5.26, y), size, "layer", "Mean", "over the map"),
        sheet.box((3.70, y), size, "layer", "Linear", "softmax"),
        sheet.box((2.14, y), size, "score", "P", "probability", "of ore"),
    ]
    sheet.arrow(row[-1].side("bottom"), back[0].side("top"), label="1024×14×14", at=(6.4, 3.82))
    sheet.chain(back, ("2048×7×7", "2048", ""))
    _tiles(sheet, back[-1])
    _bottleneck(sheet)
    return sheet.figure


def _tiles(sheet: Sheet, score: Box) -> None:
    sheet.frame(0.08, 2.78, 0.4, 2.62, "144 numbered tiles")
    sheet.lattice((0.3, 0.7), 1.5, 12)
    sheet.arrow(score.side("bottom", 0.25), (2.39, 1.5), (1.8, 1.5))
    for k, line in enumerate(("each tile,", "cut to 224,", "predicted", "as ore where", "P ≥ 0.5")):
        sheet.words((2.32, 1.36 - 0.124 * k), line)


def _bottleneck(sheet: Sheet) -> None:
    sheet.frame(2.94, 7.32, 0.4, 2.62, "Block of widths a, a, 4a (bottleneck)")
    y = 1.62
    parts = [
        sheet.box((3.68, y), (0.8, 0.56), "layer", "Conv 1 × 1", "to a", "BN, ReLU"),
        sheet.box((4.68, y), (0.8, 0.56), "layer", "Conv 3 × 3", "a to a", "BN, ReLU"),
        sheet.box((5.68, y), (0.8, 0.56), "layer", "Conv 1 × 1", "a to 4a", "BN"),
        sheet.sum((6.3, y)),
        sheet.box((6.76, y), (0.5, 0.36), "layer", "ReLU"),
    ]
    sheet.words((3.02, y), "x")
    sheet.arrow((3.08, y), parts[0].side("left"))
    sheet.chain(parts, ("",) * 4)
    sheet.arrow((3.16, y), (3.16, 0.86), (6.3, 0.86), parts[3].side("bottom"))
    sheet.arrow(parts[-1].side("right"), (7.24, y))
    words = ("shortcut: identity; in the first block of a stage", "conv 1 × 1 to 4a and BN")
    for k, line in enumerate(words):
        sheet.words((4.7, 0.74 - 0.124 * k), line)


DRAWN = {"gk-dcn": gk_dcn, "ssgsnet": ssgsnet, "mfaf": mfaf, "resgcn": resgcn, "resnet50": resnet50}


def main() -> None:
    """Draw every structure."""
    for system, draw in DRAWN.items():
        (IMAGES / f"{system}.png").write_bytes(to_png(draw()))


if __name__ == "__main__":
    main()
