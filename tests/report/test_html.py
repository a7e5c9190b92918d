"""What every page shares: figures set alike, pictures of one scale, files whole."""

import base64
import io
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from PIL import Image

import orecast
from orecast.errors import RunError
from orecast.report.html import Caption, Picture, render_template, sentence, typeset, write_page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("52% of 100 %", "52\u00a0% of 100\u00a0%"),
        ("(-9 to 18), by -4 points", "(−9 to 18), by −4 points"),
        ("best-layer, 3-4 folds, Fe2O3_%", "best-layer, 3-4 folds, Fe2O3_%"),
    ],
)
def test_figures_are_set_alike(text, said):
    assert typeset(text) == said
    assert typeset(said) == said


def test_every_room_writes_a_share_the_same_way():
    """As "52 %": no text of the package asks Python for "52%"."""
    sources = Path(orecast.__file__).parent.rglob("*.py")
    found = [p.name for p in sources if re.search(r":[.\d]*%\}", p.read_text(encoding="utf-8"))]
    assert found == []


def test_a_picture_stands_in_the_page_itself_at_120_pixels_an_inch():
    stream = io.BytesIO()
    Image.new("RGB", (400, 200)).save(stream, "png")
    picture = Picture.of(stream.getvalue(), Caption("text", "alternative"))
    assert (picture.width, picture.height) == (240, 120)  # 400 by 200 pixels at 200 dpi
    head, _, data = picture.uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == stream.getvalue()


def test_a_name_that_nothing_fills_is_an_error():
    with pytest.raises(UndefinedError):
        render_template("page.html", {}, {})


def test_what_cannot_be_written_is_named_and_nothing_is_left_half(tmp_path):
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot write .*free disk space, or name a folder"):
        write_page(tmp_path, "page.html", "page", {"figures/a.png": b"png"})
    assert [p.name for p in tmp_path.iterdir()] == ["figures"]
    page = write_page(tmp_path / "new", "page.html", "Å", {"figures/a.png": b"png"})
    assert page.read_text(encoding="utf-8") == "Å"
    written = {p.relative_to(tmp_path / "new").as_posix() for p in (tmp_path / "new").rglob("*.*")}
    assert written == {"page.html", "figures/a.png"}


def test_sentences_are_whole_sentences():
    said = "Five folds; −0.5 (−4 to 11), 52.5\u00a0% of near-by cells."
    assert sentence("five folds; -0.5 (-4 to 11), 52.5%  of near-by cells") == said
    assert sentence("") == ""
