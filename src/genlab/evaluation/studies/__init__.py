"""Studies of some models: longer than a measure."""
