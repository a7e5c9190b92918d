"""Models: ``classical`` ones need no torch, ``networks`` do."""
