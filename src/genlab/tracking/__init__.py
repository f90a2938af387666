"""MLflow: runs, and what waits for it while it is down."""

import os

# MLflow reads these when it is imported, and every import of it in Genlab comes after this one.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
