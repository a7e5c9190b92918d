"""The stages of a run: prepare, validate, map."""
