"""What is wrong in the configuration is said before any work starts."""

from typing import Any

import pytest

from genlab.errors import GenlabError
from genlab.pipelines.parameters import as_typed, check_model_fits, merge, require_batch, resolve


def given(**sections: Any) -> dict[str, Any]:
    return {"seed": 0, "pix2pix": {}, **sections}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (given(trainng={}), r"unknown parameter trainng; did you mean 'training'\? Known here: seed"),
        (given(training={"step": 3}), r"unknown parameter training\.step; did you mean 'steps'\?"),
        (given(pix2pix={"modle": {}}), r"unknown parameter pix2pix\.modle; did you mean 'model'\?"),
        (given(pix2pix={"model": {"lambda": 3}}), r"unknown parameter pix2pix\.model\.lambda; .*l1_weight"),
        (given(pix2pix={"model": {"image_size": 64}}), r"unknown parameter pix2pix\.model\.image_size"),
        (given(data={"edges": {"sgima": 1}}), r"unknown parameter data\.edges\.sgima; did you mean 'sigma'\?"),
        (
            given(pix2pix={"model": {"receptive_field": 71}}),
            r"receptive_field is 71: it should be 1, 16, 34, 70, 142 or",
        ),
        (given(pix2pix={"model": {"objective": "wgan"}}), r"objective is 'wgan': it should be 'l1', 'gan', 'cgan'"),
        (given(pix2pix={"model": {"l1_weight": -1}}), r"l1_weight is -1: it should be greater than 0"),
        (given(pix2pix={"training": {"batch_size": 0}}), r"parameter pix2pix\.training\.batch_size is 0"),
        (
            given(training={"batch_size": "many"}),
            r"parameter training\.batch_size is 'many': it should be a valid integer",
        ),
        (given(training={"precision": "16"}), r"training\.precision is '16': it should be 'auto', '32-true'"),
        (given(training={"learning_rate": 0}), r"training\.learning_rate is 0: it should be greater than 0"),
        (given(training={"learning_rate": float("inf")}), r"training\.learning_rate is inf: it should be a finite"),
        (given(pix2pix={"model": {"l1_weight": float("inf")}}), r"l1_weight is inf: it should be a finite number"),
        (given(training=3), r"parameter training is 3: it should be a section"),
        (given(seed="x"), r"parameter seed is 'x': it should be a valid integer"),
        (given(pix2pix=3), r"parameter pix2pix is 3: it should be a section"),
        (given(pix2pix={"model": 3}), r"parameter pix2pix\.model is 3: it should be a section"),
        (
            given(pix2pix={"defaults": {"data": {}}}),
            r"unknown parameter pix2pix\.defaults\.data; .*Known here: model, ",
        ),
        (given(recipe="papr"), r"parameter recipe is 'papr': it should be 'defaults' or 'paper'"),
        (given(pix2pix={"recipe": 1}), r"parameter pix2pix\.recipe is 1: it should be 'defaults' or 'paper'"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(GenlabError, match=message):
        resolve("pix2pix", parameters)


def test_what_is_said_for_all_wins_over_what_a_model_says_over_the_paper() -> None:
    own = {"training": {"steps": 10, "learning_rate": 1.0}}
    settings = resolve("pix2pix", given(pix2pix=own, training={"steps": 20}))
    assert settings.training.steps == 20
    assert settings.training.learning_rate == 1.0
    assert settings.training.betas == (0.5, 0.999)
    assert settings.training.epochs == 200
    assert settings.training.jitter == pytest.approx(286 / 256)


def test_of_a_models_own_images_another_source_keeps_only_that_they_are_black_and_white() -> None:
    own = {"data": {"image_size": 28, "binarise": "dynamic"}}
    asked = resolve("boltzmann", given(boltzmann=own, data={"source": "mnist"})).data
    assert (asked.source, asked.image_size, asked.binarise) == ("mnist", 32, "dynamic")


def test_arguments_of_sampling_stand_in_the_sample_section() -> None:
    """At the top or under the model's name; checked; in no fingerprint of training."""
    usual = resolve("pix2pix", given())
    assert usual.sample.arguments == resolve("pix2pix", given(sample={"noise_at_test": True})).sample.arguments == {}
    for parameters in ({"sample": {"noise_at_test": False}}, {"pix2pix": {"sample": {"noise_at_test": False}}}):
        settings = resolve("pix2pix", given(**parameters))
        assert settings.sample == usual.sample.model_copy(update={"arguments": {"noise_at_test": False}})
        assert settings.tags() == usual.tags()
        assert settings.as_parameters()["sample"]["arguments"] == {"noise_at_test": False}


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("dcgan", {"sample": {"noise_at_test": False}}, r"^dcgan has no .*: write pix2pix\.sample\.noise_at_test"),
        ("dcgan", {"dcgan": {"sample": {"noise_at_test": False}}}, r"unknown parameter dcgan\.sample\.noise_at_test; "),
        ("pix2pix", {"sample": {"noise_at_tset": False}}, r"sample\.noise_at_tset; did you mean 'noise_at_test'\?"),
        ("pix2pix", {"sample": {"noise_at_test": "much"}}, r"sample\.noise_at_test is 'much': it should be"),
        ("pix2pix", {"sample": {"arguments": {"a": 1}}}, r"unknown parameter sample\.arguments; "),
        ("pix2pix", {"pix2pix": {"model": {"noise_at_test": False}}}, r"unknown .*\.model\.noise_at_test"),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_sampling_is_refused(model: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(GenlabError, match=message):
        resolve(model, given(**parameters))


def test_nested_sections_merge() -> None:
    assert merge({"a": {"b": 1, "c": [2, 3]}, "d": 3}, {"a": {"c": [4]}}) == {"a": {"b": 1, "c": [4]}, "d": 3}


DEFAULTS = {"model": {"generator_width": 8}, "training": {"steps": 10, "jitter": 1.0}, "sample": {"seed": 7}}


@pytest.mark.parametrize(
    ("own", "general", "paper"),
    [({}, {}, False), ({"recipe": "paper"}, {}, True), ({}, {"recipe": "paper"}, True),
     ({"recipe": "paper"}, {"recipe": "defaults"}, False)],
)  # fmt: skip
def test_the_recipe_of_the_paper_leaves_out_a_models_defaults_and_nothing_else(
    own: Any, general: Any, paper: bool
) -> None:
    section = {"defaults": DEFAULTS, "data": {"classes": ["bag"]}, "training": {"batch_size": 3}, **own}
    settings = resolve("pix2pix", given(pix2pix=section, **general))
    assert settings.arguments == ({} if paper else {"generator_width": 8})
    assert (settings.training.steps, settings.sample.seed) == ((None, 0) if paper else (10, 7))
    assert settings.training.jitter == (286 / 256 if paper else 1.0)
    assert settings.data.classes == ("bag",), "which images they are is no part of a recipe"
    assert settings.training.batch_size == 3, "what is said beside the defaults holds in any case"


def test_an_image_size_that_no_network_takes_is_refused_before_data_are_read() -> None:
    for size, message in (
        (33, "cannot halve images of 33 pixels"),
        (8, "has no patch in 8x8 images; use one of 1, 16"),
    ):
        settings = resolve("pix2pix", given(data={"image_size": size}))
        with pytest.raises(GenlabError, match=message):
            check_model_fits("pix2pix", settings)


def test_a_source_that_does_not_exist_is_refused_before_data_are_read() -> None:
    with pytest.raises(GenlabError, match=r"data source 'facade' is neither.*did you mean 'facades'\?.*emoji_pairs"):
        check_model_fits("pix2pix", resolve("pix2pix", given(data={"source": "facade"})))


def test_a_label_is_asked_of_the_model_as_it_is_built() -> None:
    asked = {
        "sample": {"label": "sneaker"},
        "aae": {"model": {"label_informed": True, "prior": "mixture", "latent_dim": 2}},
    }
    check_model_fits("aae", resolve("aae", asked))
    asked["aae"]["model"]["label_informed"] = False
    with pytest.raises(GenlabError, match="aae is told nothing"):
        check_model_fits("aae", resolve("aae", asked))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gan": {"model": {"width": 10**7}}}, r"training gan takes at least 172 GB for a network of 21,520,001,026"),
        ({"training": {"batch_size": 2 * 10**9}}, r"8,192 GB for a batch of 2000000000 images; this machine has"),
        ({"training": {"devices": 9999}}, r"training\.devices=9999, but this machine has \d+ for cpu"),
    ],
)
def test_what_no_machine_can_train_is_refused_before_any_work(parameters: dict[str, Any], message: str) -> None:
    merged = merge({"training": {"accelerator": "cpu"}}, parameters)
    with pytest.raises(GenlabError, match=message):
        check_model_fits("gan", resolve("gan", merged))


def test_a_message_names_a_parameter_as_it_was_typed() -> None:
    said = "training.devices=9, data.source=x and gan.training.steps"
    own = {"gan": {"training": {"devices": 9, "steps": 1}}, "data": {"source": "x"}}
    assert as_typed(said, "gan", own) == f"gan.{said}"
    assert as_typed(said, "gan", {**own, "training": {"devices": 8}}) == said
    assert as_typed(said, "vae", own) == said


def test_a_batch_that_the_files_cannot_fill_is_refused_before_they_are_decoded() -> None:
    require_batch("gan", 16, {"training": {"batch_size": 16}})
    with pytest.raises(GenlabError, match="15 images do not fill a batch of 16"):
        require_batch("gan", 15, {"training": {"batch_size": 16}})
