"""A medium that only a test has."""
