"""What the numbers of a run were made from."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from genlab.errors import GenlabError
from genlab.io.record import LINEAGE, Artifact, Record, digest_of
from genlab.tracking.runs import FinishedRun

LINKS = ("examples", "checkpoint", "metrics")
"""The entries of a model that stand behind every number, besides its drawings."""


def chain(run: FinishedRun) -> dict[str, Artifact]:
    """The artifacts behind the metrics of a run by entry, in the order in which they were made.

    Raises:
        GenlabError: the run does not say.
    """
    try:
        return dict(Record.from_json(run.tags[LINEAGE]).artifacts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise GenlabError(
            f"{run} does not say what its numbers were made from: it has no whole tag {LINEAGE!r}. It was stopped "
            "before it was measured, or is older than these records; run it again"
        ) from error


def missing_links(run: FinishedRun) -> str:
    """What is missing in the chain behind the metrics of a run; "" where it is whole."""
    try:
        found = chain(run)
    except GenlabError:
        return f"it has no tag {LINEAGE!r}"
    wanted = {f"{run.tags['model']}.{link}" for link in LINKS}.union(*(one.made_from for one in found.values()))
    return ", ".join(sorted(wanted - {*found}))


def describe_chain(run: FinishedRun, place: Callable[[str, str], Path | None]) -> pd.DataFrame:
    """A row for each artifact: entry, version, digest, made_by, made_from, and whether its file is here.

    Args:
        run: of a model.
        place: (entry, version) -> where it is on this machine; None where nobody can tell.

    Raises:
        GenlabError: the run does not say.
    """

    def state(entry: str, artifact: Artifact) -> str:
        path = place(entry, artifact.version)
        if path is None:
            return ""
        if not path.exists():
            return "not on this machine"
        return "as it was" if digest_of(path) == artifact.digest else "changed since"

    rows = [
        {"entry": entry, "version": one.version, "digest": one.digest[:12], "made by": one.made_by,
         "from": ", ".join(one.made_from), "now": state(entry, one)}
        for entry, one in chain(run).items()
    ]  # fmt: skip
    return pd.DataFrame(rows)
