"""Web pages: templates, inlined pictures, the page and its files written together."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from orecast.errors import RunError
from orecast.report.drawing import DPI
from orecast.run import made_folder, written_whole

_PIXELS_AN_INCH = 120


class Caption(NamedTuple):
    """A label above the picture, a text below it, and one for readers who cannot see it."""

    text: str
    alt: str
    label: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure's file as a data URI, its caption, and its size on the page."""

    uri: str
    caption: Caption
    width: int  # CSS pixels, so that letters have the same size in all figures
    height: int

    @classmethod
    def of(cls, png: bytes, caption: Caption) -> Picture:
        """Put a PNG into the page itself."""
        size = struct.unpack(">II", png[16:24])  # of the header chunk, PNG 3rd ed., 11.2.1
        uri = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
        return cls(uri, caption, *(round(n / DPI * _PIXELS_AN_INCH) for n in size))


def render_template(page: str, pictures: Mapping[str, Picture], content: Mapping[str, Any]) -> str:
    """Render a page from its template beside this file; an unknown name is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"typeset": typeset, "sentence": sentence}
    return environment.get_template(page).render(
        style=_resource("page.css"), pictures=pictures, **content
    )


def typeset(text: str) -> str:
    """Use a true minus sign, and a no-break space before a per cent sign.

    >>> typeset("52% of the area, 4 % (-9 to 18) less")
    '52\\xa0% of the area, 4\\xa0% (−9 to 18) less'
    """
    text = re.sub(r"(?<=\d) ?%", "\u00a0%", text)
    return re.sub(r"(?<=[( ])-(?=\d)", "−", text)


def sentence(text: str) -> str:
    """Return the text as one line of whole sentences, typeset; empty for none.

    >>> sentence("five folds;  -0.5 near")
    'Five folds; −0.5 near.'
    """
    text = typeset(" ".join(text.split()))
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?。" else ".")


def write_page(folder: Path, name: str, page: str, beside: Mapping[str, bytes]) -> Path:
    """Write a page and the files beside it, each completely or not at all; return the page's path.

    ``beside`` holds contents by path within ``folder``. Raises RunError naming what cannot be
    written.
    """
    try:
        for file, content in {**beside, name: page.encode("utf-8")}.items():
            path = folder / file
            with made_folder(path.parent), written_whole(path) as stream:
                stream.write(content)
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror or error})",
            where=str(error.filename or folder),
            remedy="free disk space, or name a folder that can be written",
        ) from error
    return folder / name


def _resource(name: str) -> str:
    return files("orecast.report").joinpath(name).read_text(encoding="utf-8")
