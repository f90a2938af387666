"""The models, by the name of their pipeline. A new one is one line here; none is imported before it is asked for."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple

from genlab.errors import GenlabError

if TYPE_CHECKING:
    from genlab.models.base import Model


class Entry(NamedTuple):
    """Where a model is, and what it learns from: the pipeline must know that before it imports the model."""

    place: str  # module:Class
    trains_on: Literal["pairs", "domains", "images"]
    captions: bool = False  # does it need captions beside the images?
    studies: tuple[
        Literal["classify", "sweep_dimensions", "listen"], ...
    ] = ()  # nodes beyond those that every model has


MODELS: dict[str, Entry] = {
    "autoencoder": Entry("genlab.models.autoencoder:Autoencoder", "images", studies=("classify", "sweep_dimensions")),
    "vae": Entry("genlab.models.vae:VAE", "images"),
    "nade": Entry("genlab.models.nade:NADE", "images"),
    "made": Entry("genlab.models.made:MADE", "images"),
    "pixelcnn": Entry("genlab.models.pixelcnn:PixelCNN", "images"),
    "pixelrnn": Entry("genlab.models.pixelrnn:PixelRNN", "images"),
    "wavenet": Entry("genlab.models.wavenet:WaveNet", "images", studies=("listen",)),
    "vocoder": Entry("genlab.models.vocoder:Vocoder", "images", studies=("listen",)),
    "nice": Entry("genlab.models.nice:NICE", "images"),
    "realnvp": Entry("genlab.models.realnvp:RealNVP", "images"),
    "glow": Entry("genlab.models.glow:Glow", "images"),
    "boltzmann": Entry("genlab.models.boltzmann:Boltzmann", "images"),
    "gsn": Entry("genlab.models.gsn:GSN", "images"),
    "aae": Entry("genlab.models.aae:AAE", "images"),
    "gan": Entry("genlab.models.gan:GAN", "images"),
    "dcgan": Entry("genlab.models.dcgan:DCGAN", "images"),
    "cgan": Entry("genlab.models.cgan:CGAN", "images"),
    "text_gan": Entry("genlab.models.text_gan:TextGAN", "images", captions=True),
    "pix2pix": Entry("genlab.models.pix2pix:Pix2Pix", "pairs"),
    "cyclegan": Entry("genlab.models.cyclegan:CycleGAN", "domains"),
    "unit": Entry("genlab.models.unit:UNIT", "domains"),
}


def model_class(name: str) -> "type[Model]":
    """The class behind a name in `MODELS`; imports that paper's file and no other.

    Raises:
        GenlabError: no model has that name.
    """
    if name not in MODELS:
        raise GenlabError(f"there is no model {name!r}; there are: {', '.join(MODELS)}")
    module, _, cls = MODELS[name].place.partition(":")
    return getattr(import_module(module), cls)


def title_and_paper(name: str) -> list[str]:
    """What the file of a model says first: a sentence, then the paper."""
    text = sys.modules[model_class(name).__module__].__doc__ or ""
    return [" ".join(part.split()) for part in text.split("\n\n")[:2]]
