"""LPIPS: zero for equal images, more for worse ones, torchmetrics' own numbers, and nothing without weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import alexnet

from genlab.errors import GenlabError
from genlab.evaluation.measures.perceptual import evaluate_lpips, lpips_metric
from genlab.evaluation.settings import EvaluationSettings


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under torchvision's names; the classifier, which lpips does not use, is left out."""
    path = tmp_path_factory.mktemp("lpips") / "alexnet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save({f"features.{name}": value for name, value in alexnet().features.state_dict().items()}, path)
    return path


def test_it_is_zero_for_equal_images_and_rises_with_noise(weights: Path, rng: np.random.Generator) -> None:
    truth = rng.integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    worse = [np.clip(truth + rng.normal(0, sigma, truth.shape), 0, 255).astype(np.uint8) for sigma in (0, 20, 80)]
    settings = EvaluationSettings(resamples=5, lpips_weights=weights)
    found = [evaluate_lpips(drawn, truth, {"input": truth}, settings) for drawn in worse]
    assert found[0]["lpips"] == found[0]["lpips_input"] == pytest.approx(0, abs=1e-6)
    assert float(found[0]["lpips"]) < float(found[1]["lpips"]) < float(found[2]["lpips"])


def test_the_weights_stand_where_torchvision_has_them(weights: Path) -> None:
    metric = lpips_metric(weights)
    assert metric is not None
    given = torch.load(weights, weights_only=True)
    reference = alexnet().features
    reference.load_state_dict({name.removeprefix("features."): value for name, value in given.items()})
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        deepest = metric.network.net(x)[-1]  # after the last ReLU, before the last pooling
        torch.testing.assert_close(deepest, reference[:12](x))


def test_without_weights_it_is_left_out_and_a_wrong_path_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    lpips_metric.cache_clear()
    some = np.zeros((2, 32, 32, 3), np.uint8)
    assert evaluate_lpips(some, some, {}, EvaluationSettings()) == {}
    with pytest.raises(GenlabError, match=r"evaluation\.lpips_weights=.*no\.pth is no file"):
        lpips_metric(tmp_path / "no.pth")
