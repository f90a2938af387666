"""The models, by the name of their pipeline. A new one is one line here; none is imported before it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from genlab.errors import GenlabError

if TYPE_CHECKING:
    from genlab.models.base import Model

MODELS: dict[str, str] = {
    "pix2pix": "genlab.models.pix2pix:Pix2Pix",
}


def model_class(name: str) -> "type[Model]":
    """The class behind a name in `MODELS`; imports that paper's file and no other.

    Raises:
        GenlabError: no model has that name.
    """
    if name not in MODELS:
        raise GenlabError(f"there is no model {name!r}; there are: {', '.join(MODELS)}")
    module, _, cls = MODELS[name].partition(":")
    return getattr(import_module(module), cls)
