"""What a model class says that it can do is checked when the class is made."""

import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.models.aae import AAE
from genlab.models.base import (
    Batch,
    Capability,
    Completes,
    Decodes,
    Encodes,
    HasChain,
    HasEnergy,
    Model,
    Reconstructs,
    Samples,
    ScoresDensity,
    ShowsSteps,
    Turn,
    Validates,
    every_capability,
)
from genlab.models.dcgan import DCGAN
from genlab.models.gan import GAN
from genlab.models.vae import VAE
from genlab.nn.noise import Chance


class Nobody(Model):
    """A model that can do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def players(self) -> dict[str, list[nn.Parameter]]:
        return {"nobody": [self.weight]}

    def turns(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield Turn("nobody", {"nothing": self.weight})


def test_what_is_listed_is_found() -> None:
    class Copies(Nobody, Reconstructs, Samples):
        condition = None

        def reconstruct(self, x: Tensor) -> Tensor:
            return x

        def sample(self, n: int, rng: Chance, condition: Tensor | None = None, *, steps: int = 10) -> Tensor:
            return torch.zeros(n, 1, 4, 4)

    assert isinstance(Copies(), Reconstructs)
    assert isinstance(Copies(), Samples)
    assert not isinstance(Copies(), Encodes)


def test_a_capability_is_a_module_and_no_model() -> None:
    """A function may ask for `Samples` and move it to a device; PyTorch's own annotations ask nothing of a model."""
    assert {Samples, Encodes} <= set(every_capability())
    assert all(issubclass(kind, nn.Module) and not issubclass(kind, Model) for kind in every_capability())
    assert Samples.attributes() == {"condition"}
    assert list(Samples.methods()) == ["sample"]


def test_a_missing_method() -> None:
    with pytest.raises(TypeError, match="Missing lists Encodes but has no method encode: write it"):

        class Missing(Nobody, Encodes):
            pass


def test_a_misspelt_method() -> None:
    with pytest.raises(TypeError, match="Misspelt lists Reconstructs but has no method reconstruct: rename reconstuct"):

        class Misspelt(Nobody, Reconstructs):
            def reconstuct(self, x: Tensor) -> Tensor:
                return x


def test_a_misspelt_method_of_a_capability_that_is_not_listed() -> None:
    with pytest.raises(TypeError, match=r"Alike\.reconstuct looks like Reconstructs\.reconstruct"):

        class Alike(Nobody):
            def reconstuct(self, x: Tensor) -> Tensor:
                return x


def test_a_method_of_a_capability_that_is_not_listed() -> None:
    with pytest.raises(TypeError, match="Unlisted has a method encode but does not list Encodes"):

        class Unlisted(Nobody):
            def encode(self, x: Tensor) -> Tensor:
                return x


def test_a_wrong_signature() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.encode has the parameters \(self, images\).*\(self, x\)"):

        class Wrong(Nobody, Encodes):
            def encode(self, images: Tensor) -> Tensor:
                return images


def test_an_attribute_that_nobody_sets() -> None:
    with pytest.raises(TypeError, match="Untold lists Samples but has no condition"):

        class Untold(Nobody, Samples):
            def sample(self, n: int, rng: Chance, condition: Tensor | None = None) -> Tensor:
                return torch.zeros(n, 1, 4, 4)


def test_an_argument_of_sampling_needs_a_type_and_a_default() -> None:
    with pytest.raises(TypeError, match="the argument steps needs a type and a default"):

        class Vague(Nobody, Samples):
            condition = None

            def sample(self, n: int, rng: Chance, condition: Tensor | None = None, *, steps: int) -> Tensor:
                return torch.zeros(n, 1, 4, 4)


WRONG = {
    ScoresDensity: ("log_prob", lambda self, x, rng: x, "(self, x, rng, effort)"),
    HasEnergy: ("log_partition", lambda self, effort: [(0.0, 0.0)], "(self, rng, effort, temperatures)"),
    Validates: ("validation", lambda self, x, rng: x, "(self, batch, rng)"),
    ShowsSteps: ("steps", lambda self, n, rng, frames: iter(()), "(self, n, rng, condition, frames)"),
    HasChain: ("chain", lambda self, x: iter(()), "(self, x, rng)"),
    Completes: ("complete", lambda self, x, mask, rng: x, "(self, x, known, rng)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
def test_each_capability_knows_its_signature(kind: type[Capability]) -> None:
    name, method, wanted = WRONG[kind]
    members = {"condition": None, "density": ("exact", "computed"), "levels": 2}
    others = {n: m for n, m in kind.methods().items() if n != name}
    with pytest.raises(TypeError, match=rf"Wrong\.{name} has the parameters .*{re.escape(wanted)}"):
        type(Nobody)("Wrong", (Nobody, kind), {**members, **others, name: method})
    type(Nobody)("Right", (Nobody, kind), {**members, **others, name: kind.methods()[name]})
    with pytest.raises(TypeError, match=f"Unlisted has a method {name} but does not list {kind.__name__}"):
        type(Nobody)("Unlisted", (Nobody,), {name: kind.methods()[name]})


def test_one_way_to_a_likelihood() -> None:
    given = {"density": ("exact", "computed"), "levels": 2}
    given |= {**ScoresDensity.methods(), **HasEnergy.methods()}
    with pytest.raises(TypeError, match="Both lists ScoresDensity and HasEnergy, which give the same numbers"):
        type(Nobody)("Both", (Nobody, ScoresDensity, HasEnergy), given)
    with pytest.raises(TypeError, match="Untagged lists ScoresDensity but has no density"):
        type(Nobody)("Untagged", (Nobody, ScoresDensity), {"levels": 2, **ScoresDensity.methods()})


def test_only_drawing_has_further_arguments() -> None:
    with pytest.raises(TypeError, match=r"Extra\.encode has the further argument scale"):

        class Extra(Nobody, Encodes):
            def encode(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
                return x


@pytest.mark.parametrize("cls", [GAN, DCGAN, VAE, AAE])
def test_a_condition_is_never_ignored_in_silence(cls: type[Model]) -> None:
    changes = {"label_informed": False} if cls is AAE else {}
    size = 32 if cls is DCGAN else 8
    model = cls(**{**cls.small(), **changes, "image_size": size, "channels": 1})
    assert isinstance(model, Samples)
    assert isinstance(model, Decodes)
    told, rng = torch.zeros(2, dtype=torch.long), Chance.of(0, range(2))
    with pytest.raises(GenlabError, match="without being told what"):
        model.sample(2, rng, told)
    with pytest.raises(GenlabError, match="without being told what"):
        model.decode(model.draw_latents(2, rng), told)
