"""The page in a real browser, without a network."""

import html
import re
import shutil
import subprocess

import pytest

from orecast.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Return a function that opens a page offline and gives the document that it became."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium is installed")

    def opened(page):
        command = [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND"),
            f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
            *("--virtual-time-budget=4000", "--dump-dom", page.as_uri()),
        ]
        return subprocess.run(
            command, capture_output=True, check=True, timeout=120, encoding="utf-8"
        ).stdout

    return opened


@pytest.fixture(scope="module")
def page(fabricate):
    made = fabricate(deposits=12, baselines=20, layers=4)
    made.title = "Åmål <Au> 金 " + "and-a-word-that-does-not-end" * 4
    return write_report(made.write())


def test_the_page_opens_with_its_title(browse, page):
    document = browse(page)
    title = html.unescape(re.search(r"<title>(.*?)</title>", document)[1])
    assert title.startswith("Åmål <Au> 金 and-a-word")


@pytest.mark.parametrize("width", [360, 1200, 1700])
def test_every_picture_loads_and_nothing_runs_off_the_side(browse, page, tmp_path, width):
    measuring = """
    <script>onload = () => {
      const d = document.getElementById("f").contentDocument;
      d.querySelectorAll("details").forEach(e => e.open = true);
      const tables = [...d.querySelectorAll("table")];
      const wide = tables.filter(t => t.offsetWidth > d.documentElement.clientWidth);
      const boxed = wide.every(t => getComputedStyle(t.parentElement).overflowX == "auto");
      const pictures = [...d.images].map(i => i.naturalWidth > 0 && i.clientWidth > 100);
      document.title = [d.documentElement.scrollWidth, pictures.length,
        pictures.every(Boolean), d.querySelectorAll("h2").length,
        wide.length, boxed].join(" ");
    }</script>"""
    source = html.escape(page.read_text(encoding="utf-8"))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<meta charset="utf-8">{measuring}<iframe id="f" width="{width}" height="900" '
        f'frameborder="0" srcdoc="{source}"></iframe>',
        encoding="utf-8",
    )
    document = browse(frame)
    said = re.search(r"<title>(.*?)</title>", document)[1].split()
    scroll, pictures, loaded, sections, wide, boxed = said
    assert int(scroll) <= width
    assert (pictures, loaded, sections, boxed) == ("13", "true", "6", "true")
    assert int(wide) >= (3 if width == 360 else 0)
