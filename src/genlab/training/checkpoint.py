"""A trained model in a file: what it is, how it was built, its weights. Loading one never runs code from it."""

import inspect
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor

from genlab.data.spec import Spec
from genlab.errors import GenlabError
from genlab.files import write_file
from genlab.media.base import medium_named
from genlab.models import model_class
from genlab.models.base import Model
from genlab.nn.statistics import Statistics, set_statistics

DrawsWith = Literal["last", "average"]
"""Which weights a checkpoint has: those after the last step, or their running average."""


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all.

    Raises:
        GenlabError: the disk refuses; what was there is untouched.
    """

    def save(file: IO[bytes]) -> None:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:  # torch's zip writer covers up what the disk said, and an interruption
            if isinstance(error.__context__, OSError | KeyboardInterrupt):
                raise error.__context__ from error
            raise

    write_file(path, save)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote, on the CPU.

    Raises:
        GenlabError: there is no such file, it is damaged, or it holds more than tensors and plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        with zipfile.ZipFile(path) as archive:  # it has checksums, which torch writes and never reads
            if (damaged := archive.testzip()) or not isinstance(state, dict):
                raise zipfile.BadZipFile(f"{damaged or 'its content'} has changed")
        return state
    except FileNotFoundError as error:
        raise GenlabError(f"there is no checkpoint {path}; train first, or name another version") from error
    except pickle.UnpicklingError as error:
        raise GenlabError(
            f"{path} is not a checkpoint of tensors and plain values: it was not loaded, since it could run code. "
            "Delete it unless you know where it is from"
        ) from error
    except Exception as error:  # torch's reader meets damaged bytes with errors of any kind
        raise GenlabError(
            f"{path} is damaged and cannot be loaded ({type(error).__name__}: {error}); delete it and train again"
        ) from error


def build_model(name: str, spec: Spec, arguments: Mapping[str, Any]) -> Model:
    """The model `name` for images of that shape, on the current default device.

    Raises:
        GenlabError: the network cannot take these images, or learns from another medium.
    """
    cls, medium = model_class(name), medium_named(spec.medium)
    counts = {"classes": len(spec.classes), "groups": len(spec.groups), "words": len(spec.words)}
    own = medium.arguments(spec.shapes)
    shape, wanted = counts | own, inspect.signature(cls.__init__).parameters
    if not own.keys() & wanted.keys():
        raise GenlabError(
            f"{name} learns from no {medium.unit}: its constructor has none of {', '.join(own)}; set data.source, "
            "data.medium or data.view to what it learns from"
        )
    return cls(**{name: value for name, value in shape.items() if name in wanted}, **arguments)


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and where it came from."""

    __pydantic_config__: ClassVar = ConfigDict(arbitrary_types_allowed=True)  # tensors

    model: str  # a key of MODELS
    arguments: Mapping[str, Any]  # the constructor's, without the image shape
    spec: Spec
    weights: Mapping[str, Tensor]  # those that draw
    draws_with: DrawsWith
    step: int
    images_seen: int
    train_seconds: float
    seed: int
    fingerprint: str  # of data, parameters and code
    best: "Checkpoint | None" = None  # the same training at its best score on the validation split, if that was earlier

    def chosen(self, which: Literal["last", "best"]) -> "Checkpoint":
        """The weights after the last step, or the best."""
        return self.best or self if which == "best" else self

    def statistics(self, wanted: Statistics | Literal["auto"] = "auto") -> Statistics:
        """Which statistics its batch normalisation draws with; "fixed" also for a model that has none.

        "auto": each picture's own where every training batch was a single one, else the fixed.
        """
        if not any(name.endswith("running_mean") for name in self.weights):
            return "fixed"
        if wanted == "auto":
            return "own" if self.images_seen == self.step else "fixed"
        return wanted

    def build(self, device: torch.device | str = "cpu", statistics: Statistics | Literal["auto"] = "auto") -> Model:
        """The model with its weights, ready to draw.

        Raises:
            GenlabError: the weights do not fit the network that the file names, or are not finite.
        """
        try:
            model = build_model(self.model, self.spec, self.arguments)
            model.load_state_dict(self.weights)
        except GenlabError:
            raise
        except Exception as error:  # arguments of a file can be anything, and fail anywhere in a constructor
            lines = str(error).splitlines() or [type(error).__name__]
            raise GenlabError(
                f"the weights of this {self.model} checkpoint do not fit the network it describes: "
                f"{lines[min(1, len(lines) - 1)].strip()}. It was made by another version of Genlab or edited; train "
                "again"
            ) from error
        broken = [name for name, value in self.weights.items() if not value.isfinite().all()]
        if broken:
            raise GenlabError(
                f"{len(broken)} weights of this {self.model} checkpoint are not finite, such as {broken[0]}; load "
                "another version, or train again"
            )
        set_statistics(model, self.statistics(statistics))
        return model.eval().to(device)

    def build_untrained(
        self, device: torch.device | str = "cpu", statistics: Statistics | Literal["auto"] = "auto"
    ) -> Model:
        """The model as it was before its first step, ready to draw. It has seen nothing: means are 0, variances 1."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = build_model(self.model, self.spec, self.arguments)
        set_statistics(model, self.statistics(statistics))
        return model.eval().to(device)

    def require(self, spec: Spec) -> None:
        """Refuse images of another shape than the model was trained on.

        Raises:
            GenlabError: size or channels differ.
        """
        if spec != self.spec:
            raise GenlabError(
                f"this {self.model} checkpoint was trained on {_describe(self.spec)}, but the data are "
                f"{_describe(spec)}; set the data section to what it was trained on, load another "
                f"version (--load-versions={self.model}.checkpoint:VERSION), or train again"
            )

    def costs(self) -> dict[str, float]:
        """What the model cost: parameters (numbers trained), step, images_seen, train_seconds, images_per_second."""
        with torch.device("meta"):
            model = build_model(self.model, self.spec, self.arguments)
        return {
            "parameters": float(sum(parameter.numel() for parameter in model.parameters())),
            "step": float(self.step),
            "images_seen": float(self.images_seen),
            "train_seconds": self.train_seconds,
            "images_per_second": self.images_seen / self.train_seconds,
        }

    def write(self, path: Path) -> None:
        """Write to a file, whole or not at all."""
        write_state(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Read from a file.

        Raises:
            GenlabError: the file is missing, damaged, hostile, or not a checkpoint.
        """
        state = read_state(path)
        try:
            return cls._of(state)
        except (TypeError, KeyError, ValidationError) as error:
            what = " ".join(str(error).split())
            raise GenlabError(
                f"{path} holds no Genlab checkpoint ({what}); name another file or train again"
            ) from error

    @classmethod
    def _of(cls, state: Mapping[str, Any]) -> "Checkpoint":
        best = state.get("best")
        return TypeAdapter(cls).validate_python(
            {**state, "spec": Spec(**state["spec"]), "best": best and cls._of(best)}
        )


def _describe(spec: Spec) -> str:
    labels = f", labelled {', '.join(spec.classes)}" if spec.classes else ""
    groups = f", of the groups {', '.join(spec.groups)}" if spec.groups else ""
    return medium_named(spec.medium).describe(spec.shapes) + labels + groups
