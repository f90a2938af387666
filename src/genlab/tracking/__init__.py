"""MLflow: what is sent, what waits while it is down, and what is read back."""

import os

# MLflow reads these when it is imported, and every import of it in Genlab comes after this one.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
