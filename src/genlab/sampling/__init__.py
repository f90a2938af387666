"""Drawing with trained models, and grids of what they drew."""
