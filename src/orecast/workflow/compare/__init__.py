"""Compare many models on many surveys under many protocols."""
