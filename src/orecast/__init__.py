"""From a geochemical survey to a ranked map of where to look for ore.

The packages are in the order in which the data pass through them: survey, composition, evidence,
sampling, splits, metrics, models, training, validation, mapping, explanation, targets, report,
workflow, papers. ``docs/architecture.md`` describes them.
"""

__version__ = "0.1.0"
