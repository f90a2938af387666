"""Kedro datasets, and the way to MLflow."""
