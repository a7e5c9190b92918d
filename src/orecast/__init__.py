"""From a geochemical survey to a ranked map of where to look for ore.

The rooms stand in the order in which the data walk through them:
survey, composition, evidence, samples, detectors, models, training, validation, mapping,
explanation, targets, report. ``docs/architecture.md`` draws the house.
"""

__version__ = "0.1.0"
