"""Ways to grow training windows: copies, turns, noise, slides, SMOTE; and the plan that joins them.

An augmenter is fitted on the training windows of one class and makes further rows of them. What
needs torch stands in ``orecast.training.generators``. The registry lists the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.samples.growing.plan import Growth, Step, grow, rehearse
    from orecast.samples.growing.rows import Augmenter

__all__ = ["Augmenter", "Growth", "Step", "grow", "rehearse"]

__getattr__ = exports(
    __name__,
    {"Augmenter": "rows", "Growth": "plan", "Step": "plan", "grow": "plan", "rehearse": "plan"},
)
