"""Figures and a self-contained page, drawn from a finished run's folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.report.page import write_report

__all__ = [
    "write_report",
]

__getattr__ = exports(
    __name__,
    {
        "write_report": "page",
    },
)
