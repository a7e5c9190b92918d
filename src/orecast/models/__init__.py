"""Models: ``classical`` models need no torch, ``networks`` do."""

CLASSICAL, NETWORKS = "orecast.models.classical", "orecast.models.networks"
"""The packages whose models are registered."""
