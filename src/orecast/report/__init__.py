"""Figures and a self-contained page, drawn from a finished run's folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orecast.report.page import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    # The page's modules and what they need are imported when a report is asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orecast.report import page

    return getattr(page, name)
