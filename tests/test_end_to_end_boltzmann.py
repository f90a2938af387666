"""`kedro run` of boltzmann, in this process."""

from pathlib import Path

from tests.test_end_to_end import Kedro, fails
from tests.test_end_to_end_vae import figures_of, metrics_of


def test_a_deep_machine_draws_completes_and_scores(kedro: Kedro, data_root: Path) -> None:
    given = {"boltzmann.model.machine": "deep", "data.classes": "[bag,sneaker]"}
    result = kedro("--pipelines=boltzmann", **given)
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "boltzmann")
    assert metrics["nll_nats_kind"] == metrics["bits_per_dim_kind"] == "bound, estimated"
    assert metrics["nll_levels"] == 2
    assert metrics["log_partition_nats_error"] > 0
    assert "raise evaluation.temperatures (20)" in " ".join(result.output.split())
    assert {"samples", "completions", "steps", "filters", "activities"} <= figures_of(data_root, "boltzmann")


def test_what_a_person_can_get_wrong(kedro: Kedro, mlflow_uri: str) -> None:
    def refused(message: str, **given: object) -> None:
        fails(kedro("--pipelines=boltzmann", **given), mlflow_uri, message)

    refused("hidden is 0: it should be greater than or equal to 1", **{"boltzmann.model.hidden": 0})
    refused("learning is 'cd': it should be 'persistent' or", **{"boltzmann.model.learning": "cd"})
