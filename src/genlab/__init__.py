"""Genlab: a laboratory for generative models of images and sound on Kedro, PyTorch and MLflow."""

__version__ = "0.1.0"
