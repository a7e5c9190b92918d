"""Many methods on many surveys under many protocols."""
