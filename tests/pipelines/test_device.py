"""Every stage works where training ran."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.features.lite0 import Lite0
from genlab.models.vae import VAE
from genlab.pipelines import nodes
from genlab.sampling.apply import apply
from genlab.training import machine
from genlab.training.checkpoint import Checkpoint


class Elsewhere(Exception):
    """A stage has asked for the device that training used."""


@pytest.fixture
def stages(few_images: LabelledImages, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
    """Every node that uses a trained model, on a machine that seems to have CUDA."""
    monkeypatch.setattr(machine, "find_accelerator", lambda wanted: {"auto": "cuda", "cpu": "cpu"}[wanted])

    def build(self: Checkpoint, device: torch.device | str = "cpu", *given: Any) -> Any:
        raise Elsewhere(str(device))

    monkeypatch.setattr(Checkpoint, "build", build)
    with torch.device("cpu"):
        model = VAE(image_size=32, width=4, latent_dim=2)
    trained = Checkpoint(
        "vae", {"width": 4, "latent_dim": 2}, few_images.spec, model.state_dict(), "last", 1, 1, 1.0, 0, ""
    )
    history, by_image = pd.DataFrame({"step": [1.0]}), pd.DataFrame({"id": ["a"]})

    def stage(node: Any, *others: Any) -> Callable[..., Any]:
        return lambda **training: node("vae", trained, *others, few_images, {"data_root": "", "training": training})

    return {
        "draw": stage(nodes.draw), "evaluate": stage(nodes.evaluate, {}),
        "report": stage(nodes.report, {}, history, by_image), "classify": stage(nodes.classify),
        "sweep_dimensions": stage(nodes.sweep_dimensions),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["draw", "evaluate", "report", "classify", "sweep_dimensions"])
def test_a_stage_builds_the_model_on_the_device_of_the_training(
    stages: dict[str, Callable[..., Any]], name: str
) -> None:
    with pytest.raises(Elsewhere, match="^cuda$"):
        stages[name]()
    with pytest.raises(Elsewhere, match="^cpu$"):
        stages[name](accelerator="cpu")


def test_what_a_model_is_given_goes_where_the_model_is() -> None:
    """The meta device holds no numbers: what arrives there has been sent."""
    seen: list[torch.Tensor | None] = []

    def call(chance: object, *rows: torch.Tensor | None) -> torch.Tensor:
        seen.extend(rows)
        return torch.zeros(2, 1)

    model = torch.nn.Linear(1, 1).to("meta")
    apply(model, call, range(2), np.zeros((2, 4, 4, 1), np.uint8), np.zeros((2, 3)), np.arange(2), None)
    assert [None if row is None else row.device.type for row in seen] == ["meta", "meta", "meta", None]


def test_features_are_found_where_the_model_is(few_images: LabelledImages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case knows its model's device; the extractor sends images there."""
    model = SimpleNamespace(parameters=lambda: iter([torch.nn.Parameter(torch.zeros(1, device="meta"))]))
    case: Judged[Any, LabelledImages] = Judged(model, few_images, SimpleNamespace())
    assert case.device == torch.device("meta")
    extract = Lite0(32, "cpu")
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(extract, "device", torch.device("meta"))
    network = SimpleNamespace(forward_features=seen.append, forward_head=lambda x, pre_logits: torch.zeros(1, 1280))
    monkeypatch.setattr(extract, "network", network)
    extract(few_images.pixels[:1])
    assert seen[0].device.type == "meta"
