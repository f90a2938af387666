"""`kedro run` of pixelcnn and pixelrnn, in this process."""

from pathlib import Path

from tests.test_end_to_end import Kedro, fails
from tests.test_end_to_end_vae import figures_of, metrics_of


def test_a_pixelcnn_draws_completes_and_scores(kedro: Kedro, data_root: Path) -> None:
    given = {"pixelcnn.model.network": "conditional", "data.classes": "[bag,sneaker]", "sample.temperature": 0.9}
    given["sample.label"] = "sneaker"
    result = kedro("--pipelines=pixelcnn", **given)
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "pixelcnn")
    assert metrics["nll_nats_kind"] == metrics["bits_per_dim_kind"] == "exact, computed"
    assert 0 < metrics["bits_per_dim_independent_pixels"] < 4
    assert "label_accuracy" in metrics
    figures = {"samples", "requested", "completions", "steps", "dependencies"}
    assert figures <= figures_of(data_root, "pixelcnn")


def test_a_pixelrnn_draws_completes_and_scores(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=pixelrnn", **{"data.classes": "[bag,sneaker]", "pixelrnn.model.network": "diagonal"})
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "pixelrnn")
    assert metrics["nll_nats_kind"] == metrics["bits_per_dim_kind"] == "exact, computed"
    assert {"samples", "completions", "steps", "dependencies"} <= figures_of(data_root, "pixelrnn")


def test_what_a_person_can_get_wrong(kedro: Kedro, mlflow_uri: str) -> None:
    def refused(message: str, **given: object) -> None:
        fails(kedro("--pipelines=pixelcnn", **given), mlflow_uri, message)

    refused("label", **{"sample.label": "sneaker"})
    refused("temperature is 0: it should be greater than 0", **{"sample.temperature": 0})
    refused("network is 'deep': it should be 'plain', 'gated' or 'conditional'", **{"pixelcnn.model.network": "deep"})
