"""Genlab: a laboratory for generative image models on Kedro, PyTorch and MLflow."""

__version__ = "0.1.0"
