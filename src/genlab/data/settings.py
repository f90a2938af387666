"""The `data` section of the parameters."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from genlab.data.sources.file_names import check_rule
from genlab.media.base import PICTURES, every_name, medium_named, medium_of
from genlab.media.pictures.settings import DERIVED as DERIVED_OF_PICTURES
from genlab.media.pictures.settings import PictureSettings
from genlab.media.sound.settings import SoundSettings

Layout = Literal["labels", "two_folders", "side_by_side", "domains"]
"""How a folder of images is arranged; `genlab.data.sources.layouts` describes each."""

Share = Annotated[float, Field(ge=0, lt=1)]
FileNames = Annotated[str, AfterValidator(check_rule)]

STORED = (
    "source", "root", "medium", "layout", "split_folders", "source_a", "source_b", "order",
)  # fmt: skip
"""These settings decide which images are stored, as `file_names` does; `Medium.stored` decide how. All others are
views of the stored images."""

DERIVED = ("classes", *DERIVED_OF_PICTURES)
"""These settings decide what is derived from a stored set. Only images that a view shows are derived."""


def split_domains(domains: object) -> object:
    """ "sneaker/ankle_boot" -> its two labels: a command line cannot hold a list."""
    return domains.split("/") if isinstance(domains, str) else domains


class SplitSettings(BaseModel):
    """How images without a split get one: by content or group, and `seed`, whole scenes at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    val: Share = 0.05  # of the training images, where the source has no validation split
    test: Share = 0.1  # of all images, where the source has no test split
    by: Literal["content", "group"] = "content"  # what is a scene: equal files, or all images of a group
    seed: NonNegativeInt = 0


class UnpairSettings(BaseModel):
    """How the two domains of an unpaired set are drawn from one set."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: NonNegativeInt = 0
    share_scenes: bool = False  # may both halves of one scene be trained on?


class HeldOutSettings(BaseModel):
    """Combinations of words that are never trained on, such as "light sandal"."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    combinations: NonNegativeInt | tuple[str, ...] = 4  # how many to draw of derived captions, or which
    seed: NonNegativeInt = 0  # of the drawing


class DataSettings(PictureSettings, SoundSettings):
    """Which images, at which size, and what is paired with them. An image is an example of any medium."""

    source: str = "fashion_mnist"  # an embedded set, a public set by name, or a folder of images
    root: str | None = None  # folder with copies of public sets, and where they are downloaded to; null: data/01_raw
    medium: str = PICTURES  # what the files are; a package of genlab.media; a known set brings its own
    layout: Layout | None = None  # of that folder; null: found by looking
    file_names: FileNames | None = None  # what names of files say, such as "label_group_index"
    split_folders: bool = True  # whether folders named train, val or test say the split
    source_a: str | None = None  # two folders that lie apart, matched by file name; both take the place of `source`
    source_b: str | None = None
    order: Literal["ab", "ba"] = (
        "ab"  # which domain is on the left (side_by_side), or in the folder that is named first
    )
    classes: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None  # labels to keep; null keeps all
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.01  # share of files that may be unreadable
    workers: PositiveInt | None = None  # threads that decode; null: one for each core
    split: SplitSettings = SplitSettings()
    domains: Annotated[tuple[str, str] | None, BeforeValidator(split_domains)] = None  # two labels, [a, b] or a/b, for
    # class against class; null: the source's domains
    unpair: UnpairSettings = UnpairSettings()
    captions: str | None = None  # for models of text: "derived", or a CSV file with columns id (or file) and caption
    held_out: HeldOutSettings = HeldOutSettings()

    @model_validator(mode="before")
    @classmethod
    def _bring_medium(cls, given: Any) -> Any:
        """What is given, with the medium of a known set where none is given."""
        from genlab.data.sources.listing import MEDIA  # which needs these settings

        known = MEDIA.get(str(given.get("source"))) if given.get("source_a") is None else None
        return given if known is None else {"medium": known, **given}

    def set_name(self) -> str:
        """The name of the stored set: two models whose settings give the same name share it."""
        source = self.source if self.source_a is None else f"{self.source_a} and {self.source_b}"
        medium, named = medium_of(dict(self)), () if self.file_names is None else ("file_names",)
        size = medium.shape(1, dict(self))[-1]
        return f"{Path(source).name}-{size}-{self._digest((*STORED, *medium.stored, *named))}"

    def derived_name(self) -> str:
        """The name of what is derived from the stored set."""
        return f"{self.set_name()}-{self._digest(DERIVED)}"

    def table_name(self, key: str) -> str:
        """The name of a table of pairs, domains or captions of the set with that key."""
        of_media = {name for medium in map(medium_named, every_name()) for name in medium.stored}
        fields = [
            name
            for name in type(self).model_fields
            if name not in (*STORED, *of_media, "file_names", "max_rejected", "workers")
        ]
        return f"{self.set_name()}-{self._digest(fields, key)}"

    def _digest(self, fields: Iterable[str], key: str = "") -> str:
        """8 hexadecimal digits that name the values of some fields, and a key."""
        values = "".join(f"{name}={getattr(self, name)!r}\n" for name in fields)
        return hashlib.sha256(f"{values}{key}".encode()).hexdigest()[:8]
