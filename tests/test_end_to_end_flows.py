"""`kedro run` of the flows, in this process."""

from pathlib import Path

import pytest

from tests.test_end_to_end import Kedro, fails
from tests.test_end_to_end_vae import figures_of, metrics_of


@pytest.mark.parametrize("model", ["nice", "glow"])
def test_a_flow_draws_walks_and_scores(model: str, kedro: Kedro, data_root: Path) -> None:
    result = kedro(f"--pipelines={model}", **{"data.classes": "[bag,sneaker]", "sample.temperature": 0.8})
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, model)
    assert metrics["nll_nats_kind"] == metrics["bits_per_dim_kind"] == "bound, estimated"
    assert metrics["nll_nats"] < metrics["negative_elbo_nats"], "two dequantisations bound closer than one"
    assert metrics["nll_levels"] == 256
    assert 0 < metrics["bits_per_dim_gaussian"] < metrics["bits_per_dim_independent_gaussians"]
    assert {"samples", "interpolations", "directions", "traversals"} <= figures_of(data_root, model)


def test_what_a_person_can_get_wrong(kedro: Kedro, mlflow_uri: str) -> None:
    def refused(message: str, **given: object) -> None:
        fails(kedro("--pipelines=glow", **given), mlflow_uri, message)

    refused("glow cannot halve images of 30 pixels 2 times: set data.image_size to 28 or 32", **{"data.image_size": 30})
    refused("temperature is 0: it should be greater than 0", **{"sample.temperature": 0})
