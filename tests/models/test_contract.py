"""What every model keeps, through the real trainer. A new line in MODELS is tested here without another."""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import yaml
from kedro.config import OmegaConfigLoader

from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages, TwoDomains
from genlab.data.batches import ExampleBatches
from genlab.data.settings import DataSettings
from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.media.base import medium_named
from genlab.media.pictures.levels import to_model_range
from genlab.models import MODELS, model_class
from genlab.models.base import (
    Decodes,
    Encodes,
    Model,
    Reconstructs,
    Samples,
    Translates,
    sampling_arguments,
)  # fmt: skip
from genlab.nn.instance_norm import InstanceNorm
from genlab.nn.noise import Chance
from genlab.pipelines.parameters import argument_schema, check_model_fits, resolve
from genlab.sampling.apply import apply
from genlab.sampling.case import Case
from genlab.sampling.draw import draw_samples, other, reconstruct_images, spread_condition, translate_images
from genlab.sampling.settings import SampleSettings
from genlab.settings import CONFIG_LOADER_ARGS
from genlab.training.checkpoint import Checkpoint, build_model
from genlab.training.fit import Job, build_training
from genlab.training.machine import open_machine
from genlab.training.settings import TrainingSettings
from genlab.training.trainer import Training, train_step
from tests.models.kept import CHECKED, check_what_it_lists

CONF = Path(__file__).parents[2] / "conf"
CASES = [(name, variant) for name in MODELS for variant in ("", *model_class(name).variants())]
"""Each model as its small self and as each of its variants."""

DIFFERENCES = "the loss depends on the difference between two scores, in which the bias vanishes"
WITHOUT_GRADIENT: dict[tuple[str, str], str] = {
    ("loss=wasserstein_gp", "discriminator.score.bias"): DIFFERENCES,
    ("loss=relativistic_r1_r2", "discriminator.score.bias"): DIFFERENCES,
    ("loss=hinge", "discriminator.score.bias"): DIFFERENCES + ", as long as both scores are within the margin",
}
"""Parameters that get no gradient, by variant and name, with the reason."""


@pytest.fixture(params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


NOISY = {"pix2pix"}
"""Translators that draw noise: another seed gives another drawing."""


def name_of(model: Model) -> str:
    return next(name for name in MODELS if type(model) is model_class(name))


def small_settings(name: str, **changes: Any) -> TrainingSettings:
    given = {"steps": 6, "batch_size": 4, "report_every": 2, "accelerator": "cpu", **changes}
    return TrainingSettings.of(model_class(name).recipe_for({}), given)


@pytest.fixture
def training(name: str, examples: Examples, tmp_path: Path) -> Training:
    return start(name, examples, tmp_path)


def arguments_of(name: str, variant: str = "") -> dict[str, Any]:
    cls = model_class(name)
    return {**cls.small(), **cls.variants().get(variant, {})}


def start(name: str, examples: Examples, folder: Path, variant: str = "", **changes: Any) -> Training:
    settings = small_settings(name, **changes)
    job = Job(name, arguments_of(name, variant), examples=examples, settings=settings, seed=3, snapshots=folder)
    return build_training(job, open_machine(settings))


def test_every_word_of_every_argument_is_trained(name: str) -> None:
    cases = [
        argument_schema(model_class(name), DataSettings())(**arguments_of(*case)) for case in CASES if case[0] == name
    ]
    for argument, parameter in inspect.signature(model_class(name).__init__).parameters.items():
        words = {word for word in get_args(parameter.annotation) if isinstance(word, str)}
        assert words <= {getattr(case, argument, None) for case in cases}, argument


def test_arguments_of_sampling_have_names_of_their_own(name: str) -> None:
    """They stand beside what holds for all models."""
    assert not sampling_arguments(model_class(name)).keys() & SampleSettings.model_fields.keys()


def test_together_the_players_own_every_parameter(training: Training) -> None:
    owned = {id(parameter) for parameters in training.model.players().values() for parameter in parameters}
    assert owned == {id(parameter) for parameter in training.model.parameters()}


class Recording(Model):
    """Passes turns on and remembers every player's weights around each of them."""

    def __init__(self, inner: Model) -> None:
        super().__init__()
        self.inner = inner
        self.moves: list[tuple[str, dict[str, list[torch.Tensor]]]] = []

    def players(self) -> dict[str, list[torch.nn.Parameter]]:
        return self.inner.players()

    def weights(self) -> dict[str, list[torch.Tensor]]:
        return {player: [p.detach().clone() for p in ps] for player, ps in self.players().items()}

    def turns(self, batch: Mapping[str, torch.Tensor], step: int) -> Any:
        self.moves.append(("start", self.weights()))
        for turn in self.inner.turns(batch, step):
            yield turn
            self.moves.append((turn.player, self.weights()))


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_a_turn_moves_its_player_and_nobody_else(name: str, variant: str, examples: Examples, tmp_path: Path) -> None:
    training = start(name, examples, tmp_path, variant)
    recording = Recording(training.model)
    train_step(recording, training.optimizers, training.batches[0], 0, training.machine)
    assert [player for player, _ in recording.moves[1:]], "no turn was taken"
    owners = training.model.players()
    for (_, before), (player, after) in zip(recording.moves, recording.moves[1:], strict=False):
        mine = {id(parameter) for parameter in owners[player]}
        assert any(not torch.equal(x, y) for x, y in zip(before[player], after[player], strict=True)), player
        for bystander, parameters in owners.items():
            for parameter, x, y in zip(parameters, before[bystander], after[bystander], strict=True):
                assert id(parameter) in mine or torch.equal(x, y), f"{player}'s turn moved {bystander}"


def subtracted_biases(model: Model) -> set[int]:
    """The ids of biases right before a normalisation, which subtracts them again: the papers' code has them too."""
    return {
        id(layer.bias)
        for sequence in model.modules()
        if isinstance(sequence, torch.nn.Sequential)
        for layer, after in pairwise(sequence)
        if isinstance(after, InstanceNorm) and hasattr(layer, "bias")
    }


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_every_parameter_gets_a_gradient(name: str, variant: str, examples: Examples, tmp_path: Path) -> None:
    """A parameter without one would never train, and nobody would notice."""
    training = start(name, examples, tmp_path, variant, steps=3, precision="64-true")
    exempt = subtracted_biases(training.model)
    wanted = {
        key: parameter for key, parameter in training.model.named_parameters()
        if id(parameter) not in exempt and (variant, key) not in WITHOUT_GRADIENT
    }  # fmt: skip
    largest = dict.fromkeys(wanted, 0.0)
    for key, parameter in wanted.items():

        def remember(parameter: torch.Tensor, key: str = key) -> None:
            assert parameter.grad is not None
            largest[key] = max(largest[key], parameter.grad.abs().max().item())

        parameter.register_post_accumulate_grad_hook(remember)
    for _ in training.run():
        pass
    rounding = 1e-10 * max(largest.values())
    assert {key: value for key, value in largest.items() if value <= rounding} == {}


def test_k_steps_and_the_rest_are_n_steps_bit_for_bit(name: str, examples: Examples, tmp_path: Path) -> None:
    whole = start(name, examples, tmp_path)
    for _ in whole.run():
        pass
    first = start(name, examples, tmp_path)
    state = None
    for progress in first.run():
        if progress.step == 4:
            torch.save(first.state_dict(), tmp_path / "state.pt")
            break
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    second = start(name, examples, tmp_path)
    second.load_state_dict(state)
    steps = [progress.step for progress in second.run()]
    assert steps == [6]
    for (key, x), y in zip(whole.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(x, y), key
    weights = [{k: v for k, v in row.items() if k != "images_per_second"} for row in whole.history]
    assert weights == [{k: v for k, v in row.items() if k != "images_per_second"} for row in second.history]


def test_another_seed_trains_another_model(name: str, examples: Examples, tmp_path: Path) -> None:
    """The test above would pass if nothing were random; this one would not."""
    one = start(name, examples, tmp_path)
    before = torch.get_rng_state()
    train_step(one.model, one.optimizers, one.batches[0], 0, one.machine)
    if torch.equal(before, torch.get_rng_state()):
        pytest.skip("training draws no noise")
    one = start(name, examples, tmp_path)
    other = start(name, examples, tmp_path)
    other.seed = 4  # same first weights, other batches' noise
    for training in (one, other):
        for _ in training.run():
            pass
    changed = zip(one.model.parameters(), other.model.parameters(), strict=True)
    assert any(not torch.equal(x, y) for x, y in changed)


def test_a_checkpoint_comes_back_as_it_was(name: str, training: Training, examples: Examples, tmp_path: Path) -> None:
    made = Checkpoint(
        name, arguments_of(name), examples.spec, training.model.state_dict(), "last", 6, 24, 1.5, 3, "f00d"
    )
    made.write(tmp_path / "model.pt")
    read = Checkpoint.read(tmp_path / "model.pt")
    assert (read.model, dict(read.arguments), read.spec) == (name, arguments_of(name), examples.spec)
    assert (read.step, read.seed) == (6, 3)
    for key, value in read.build().state_dict().items():
        assert torch.equal(value, training.model.state_dict()[key])


@pytest.fixture
def trained(training: Training) -> Model:
    for _ in training.run():
        pass
    return training.model


def test_translating_repeats_with_its_seed_and_stays_in_range(trained: Model, examples: Examples) -> None:
    if not isinstance(trained, Translates):
        pytest.skip("this model does not translate")
    assert isinstance(examples, TwoDomains)
    for target in trained.targets:
        x = examples.side(other(target))
        one, again, third = (
            translate_images(Case(trained, examples, SampleSettings(batch_size=8, seed=s)), x, target)
            for s in (1, 1, 2)
        )
        assert np.array_equal(one, again)
        assert trained.training, "drawing must leave the model in training mode"
        assert one.shape == (*x.shape[:3], examples.spec.shapes[target][0])
        if name_of(trained) in NOISY:
            assert not np.array_equal(one, third)


def test_sampling_repeats_with_its_seed_and_differs_with_another(trained: Model, examples: Examples) -> None:
    if not isinstance(trained, Samples):
        pytest.skip("this model draws no new images")
    assert isinstance(examples, LabelledImages)
    cases = [Case(trained, examples, SampleSettings(seed=seed, batch_size=3), "train") for seed in (1, 1, 2)]
    one, again, third = (draw_samples(case, 5, spread_condition(case, 5)) for case in cases)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, third)
    assert one.shape == (5, *examples.store.images.shape[1:])
    assert trained.training, "drawing must leave the model in training mode"


def test_a_drawing_does_not_depend_on_its_batch(trained: Model, examples: Examples) -> None:
    """Pictures 0 to 4 in batches of 3, of 5, and picture 4 alone: within one level of 255, for sums are rounded."""
    if isinstance(trained, Samples):
        assert isinstance(examples, LabelledImages)
        told = spread_condition(Case(trained, examples, SampleSettings(), "train"), 5)
        draws = [(lambda rng, y: trained.sample(len(rng), rng, y), told)]
    elif isinstance(trained, Translates):
        assert isinstance(examples, TwoDomains)
        draws = [
            (lambda rng, x, to=to: trained.translate(x, to, rng), examples.side(other(to))[:5])
            for to in trained.targets
        ]
    else:
        pytest.skip("this model draws nothing by chance")
    for draw, rows in draws:
        medium = examples.spec.medium
        how: dict[str, Any] = {"seed": 1, "depth": medium_named(medium).dtypes[0].type, "medium": medium}
        whole = apply(trained, draw, range(5), rows, batch_size=5, **how).astype(int)
        threes = apply(trained, draw, range(5), rows, batch_size=3, **how)
        alone = apply(trained, draw, [4], None if rows is None else rows[4:], **how)
        assert np.abs(whole - threes).max() <= 1
        assert np.abs(whole[4:] - alone).max() <= 1


def test_what_it_lists_it_keeps(trained: Model, examples: Examples) -> None:
    if not isinstance(trained, CHECKED):
        pytest.skip("this model lists nothing that is checked here")
    batch = ExampleBatches(examples, 10, 0, torch.device("cpu"))[0]
    told = trained.condition if isinstance(trained, Samples) else None
    check_what_it_lists(trained, batch, torch.from_numpy(examples.values(told))[:10] if told else None)


def test_reconstructions_and_codes_have_their_shapes(trained: Model, examples: Examples) -> None:
    if not isinstance(trained, Reconstructs | Encodes):
        pytest.skip("this model neither encodes nor reconstructs")
    assert isinstance(examples, LabelledImages)
    if isinstance(trained, Reconstructs):
        assert (
            reconstruct_images(Case(trained, examples, SampleSettings()), examples.pixels).shape
            == examples.pixels.shape
        )
    if isinstance(trained, Encodes):
        x = to_model_range(torch.from_numpy(examples.pixels))
        with torch.no_grad():
            codes = trained.eval().encode(x)
        assert codes.shape[0] == len(x)
        assert codes.ndim == 2
        assert torch.isfinite(codes).all()


def test_latents_become_images(trained: Model, examples: Examples) -> None:
    if not isinstance(trained, Decodes):
        pytest.skip("this model decodes no latents")
    assert isinstance(examples, LabelledImages)
    z = trained.draw_latents(5, Chance.of(0, range(5)))
    assert z.shape == (5, trained.latent_dim)
    asks = isinstance(trained, Samples) and not isinstance(trained, Encodes)  # a code holds the label
    told = spread_condition(Case(trained, examples, SampleSettings(), "train"), 5) if asks else None
    with torch.no_grad():
        images = trained.eval().decode(z, None if told is None else torch.from_numpy(told))
    assert images.shape == (5, 1, 32, 32)
    assert images.abs().max() <= 1


def test_batches_in_double_precision_train_too(name: str, examples: Examples, tmp_path: Path) -> None:
    training = start(name, examples, tmp_path, precision="64-true", steps=2)
    assert [progress.step for progress in training.run()] == [2]
    assert all(p.dtype == torch.float64 for p in training.model.parameters())


def environments() -> list[str]:
    return ["base", *sorted(p.name for p in CONF.iterdir() if p.is_dir() and p.name not in ("base", "local"))]


@cache
def parameters_of(environment: str) -> dict[str, Any]:
    return OmegaConfigLoader(str(CONF), env=environment, **CONFIG_LOADER_ARGS)["parameters"]


def test_the_recipe_of_its_paper_fits_the_embedded_data(name: str) -> None:
    settings = resolve(name, {**parameters_of("base"), "recipe": "paper"})
    assert settings.arguments == {}
    check_model_fits(name, settings)


@pytest.mark.parametrize("environment", environments())
def test_every_environment_builds_every_model(name: str, environment: str) -> None:
    refused = ""
    try:
        check_model_fits(name, resolve(name, parameters_of(environment)))
    except GenlabError as error:  # not every set of images is for every model; but then it says why
        refused = str(error)
    if refused:
        assert re.search(
            "learns from one set|cannot halve images|learns from captions|draws by class|have no labels|"
            "learns from no recordings|leave it out for sound|does not learn from|holds (sound|pictures)", refused
        )  # fmt: skip


def test_the_yaml_states_only_what_differs_from_the_paper(name: str) -> None:
    given = yaml.safe_load((CONF / f"base/parameters/{name}.yml").read_text())[name].get("defaults", {})
    recipe = vars(model_class(name).recipe)
    for key, value in given.get("training", {}).items():
        assert recipe.get(key) != value, f"{name}.training.{key} repeats the paper's value"


def test_build_model_names_an_unknown_model() -> None:
    with pytest.raises(ValueError, match=r"there is no model 'pix3pix'; there are: .*pix2pix"):
        build_model("pix3pix", Spec({"a": (1, 32, 32), "b": (1, 32, 32)}), {})


def test_batches_serve_the_same_pairs_to_both_sides(few_shoes: PairedImages) -> None:
    batches = ExampleBatches(few_shoes, 8, seed=0, device=torch.device("cpu"))
    rows = batches.rows(3)
    chosen = few_shoes.table.iloc[rows]
    for side, batch in batches[3].items():
        store = getattr(few_shoes, side)
        assert store.table["id"].iloc[chosen[side]].tolist() == chosen["id"].tolist()
        expected = store.take(chosen[side].to_numpy()).transpose(0, 3, 1, 2) / 127.5 - 1
        np.testing.assert_allclose(batch.numpy(), expected, atol=1e-6)
