"""What an artifact was made from. A record lies beside every version in the catalog, and is checked when it is read.

The rule: what a node takes must have one history. Where two of its inputs were made from the same entry, they were made
from the same bytes of it; where they come from the same node, they come from the same run of that node.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from genlab.errors import GenlabError
from genlab.files import write_file

RECORD = "record.json"
LINEAGE = "lineage"
"""The tag of a run in MLflow that holds the artifacts behind its metrics."""


@dataclass(frozen=True)
class Artifact:
    """One version of one entry of the catalog."""

    version: str
    digest: str  # of its bytes; of an image set, its key
    made_by: str  # a run of a node: "pix2pix.train 2026-11-29T20.54.31.000Z"
    made_from: tuple[str, ...] = ()  # entries

    @property
    def node(self) -> str:
        """The node that made it."""
        return self.made_by.partition(" ")[0]


@dataclass(frozen=True)
class Record:
    """The artifacts behind something, each after those that it was made from, and the settings that made them."""

    artifacts: Mapping[str, Artifact] = field(default_factory=dict)  # by entry
    settings: Mapping[str, Any] = field(default_factory=dict)  # by section
    environment: str = ""  # of the configuration

    @classmethod
    def from_json(cls, text: str) -> "Record":
        """What `write` wrote.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: the text is something else.
        """
        values = json.loads(text)
        made = {
            name: Artifact(**{**one, "made_from": tuple(one["made_from"])}) for name, one in values["artifacts"].items()
        }
        return cls(**{**values, "artifacts": made})

    def lineage(self) -> str:
        """The artifacts alone, for a tag in MLflow; `from_json` reads it."""
        return json.dumps({"artifacts": asdict(self)["artifacts"]}, separators=(",", ":"))

    def write(self, path: Path) -> None:
        """Write it beside the artifact at `path`."""
        write_file(path.with_name(RECORD), lambda file: file.write(json.dumps(asdict(self)).encode()))

    @classmethod
    def of(cls, path: Path, entry: str) -> "Record":
        """The record of the artifact at `path`, an entry's version. The artifact is as it was when it was saved.

        Raises:
            GenlabError: there is no record, or the artifact has changed since.
        """
        again = f"name another version (--load-versions={entry}:VERSION), or run the node that makes it again"
        try:
            record = cls.from_json(path.with_name(RECORD).read_text())
            known = record.artifacts[entry].digest
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise GenlabError(
                f"nothing tells what {path} was made from (no whole {RECORD} beside it); {again}"
            ) from error
        if digest_of(path) != known:
            raise GenlabError(f"{path} is not what was saved: it is damaged or was changed; {again}")
        return record


@dataclass(frozen=True)
class Origin:
    """What an entry is about to be made from."""

    entry: str
    made_by: str  # as of an `Artifact`
    made_from: tuple[str, ...]
    before: Record  # of all those entries together

    def record(self, version: str, digest: str, sources: Mapping[str, Artifact]) -> Record:
        """The record of the entry, once it is made. `sources` are artifacts that have no record of their own."""
        made = Artifact(version, digest, self.made_by, (*sources, *self.made_from))
        return replace(self.before, artifacts={**sources, **self.before.artifacts, self.entry: made})


def digest_of(path: Path) -> str:
    """32 hexadecimal digits that name a file's bytes, or all files of a folder with their names.

    Raises:
        GenlabError: it cannot be read.
    """
    state = hashlib.sha256()
    try:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                state.update(f"{file.relative_to(path)}\n".encode(errors="surrogateescape"))
                with file.open("rb") as stream:
                    state.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise GenlabError(f"cannot read {path}: {error.strerror or error}") from error
    return state.hexdigest()[:32]


def join(records: Iterable[Record], node: str) -> Record:
    """What the inputs of a node were made from, together.

    Raises:
        GenlabError: they have no common history; the message names both sides and what to do.
    """
    artifacts: dict[str, Artifact] = {}
    settings: dict[str, Any] = {}
    environment = ""
    for record in records:
        for entry, artifact in record.artifacts.items():
            if artifacts.setdefault(entry, artifact).digest != artifact.digest:
                raise _disagree(node, entry, artifacts[entry], entry, artifact)
        settings |= record.settings
        environment = record.environment
    made: dict[str, str] = {}
    for entry, artifact in artifacts.items():
        sibling = made.setdefault(artifact.node, entry)
        if artifacts[sibling].made_by != artifact.made_by:
            raise _disagree(node, sibling, artifacts[sibling], entry, artifact)
    return Record(artifacts, settings, environment)


def _disagree(node: str, entry: str, one: Artifact, sibling: str, other: Artifact) -> GenlabError:
    return GenlabError(
        f"{node} would mix two runs of {one.node}: what it takes goes back to {entry} {one.version} and to {sibling} "
        f"{other.version}. Name versions that belong together (--load-versions=ENTRY:VERSION,…), or begin earlier "
        f"(--from-nodes={one.node})"
    )
