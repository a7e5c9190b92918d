"""Audits of leakage: of a run, of a configuration, of windows in files."""
