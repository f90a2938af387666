"""What every model is tested on."""

import pytest

from genlab.data.arrange.domains import UnpairedImages
from genlab.data.arrange.examples import Examples
from genlab.data.arrange.labelled import LabelledImages
from genlab.data.arrange.pairs import PairedImages
from genlab.models import MODELS


@pytest.fixture
def examples(
    name: str, few_shoes: PairedImages, few_domains: UnpairedImages, few_images: LabelledImages,
    few_captions: LabelledImages,
) -> Examples:  # fmt: skip
    """What the model trains on, in small."""
    if MODELS[name].captions:
        return few_captions
    return {"pairs": few_shoes, "domains": few_domains, "images": few_images}[MODELS[name].trains_on]
