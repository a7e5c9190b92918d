"""Models: ``classical`` models need no torch, ``networks`` do."""
