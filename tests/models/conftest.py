"""What every model is tested on."""

from pathlib import Path

import pytest
import yaml

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.models import MODELS

PARAMETERS = Path(__file__).parents[2] / "conf/base/parameters"


@pytest.fixture
def examples(
    name: str, few_shoes: PairedImages, few_domains: UnpairedImages, few_images: LabelledImages,
    few_captions: LabelledImages, few_sounds: LabelledImages,
) -> Examples:  # fmt: skip
    """What the model trains on, in small."""
    if MODELS[name].captions:
        return few_captions
    own = yaml.safe_load((PARAMETERS / f"{name}.yml").read_text())[name]
    if own.get("data", {}).get("medium") == "sound":
        return few_sounds
    return {"pairs": few_shoes, "domains": few_domains, "images": few_images}[MODELS[name].trains_on]
