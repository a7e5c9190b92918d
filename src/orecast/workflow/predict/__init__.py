"""A finished run's model on another area."""
