"""A run, stage by stage: prepare, validate, map."""
