"""MLflow: runs, and what waits for it while it is down."""
