"""Predict another area with a finished run's model."""
