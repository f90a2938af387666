"""`kedro run` of gsn, in this process."""

from pathlib import Path

from tests.test_end_to_end import Kedro
from tests.test_end_to_end_vae import figures_of, metrics_of


def test_a_gsn_draws_walks_and_completes(kedro: Kedro, data_root: Path) -> None:
    result = kedro("--pipelines=gsn", **{"data.classes": "[bag,sneaker]"})
    assert result.exit_code == 0, result.output
    metrics = metrics_of(data_root, "gsn")
    chain = {"chain_autocorrelation_1", "chain_autocorrelation_10", "chain_autocorrelation_50", "classes_per_100_steps"}
    for key in (*chain, "parzen_nats"):
        assert key in metrics
    assert {f"{key}_real" for key in chain} | {"parzen_nats_train", "parzen_nats_kmeans"} <= metrics.keys()
    assert {"samples", "steps", "chains", "completions"} <= figures_of(data_root, "gsn")
