"""The data report: it counts the images of a set, lists the rejected files, and says what looks wrong."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from genlab.data.arrange.derive import pair_kind
from genlab.data.arrange.pairs import different_frames, without_partner
from genlab.data.arrange.splits import single_scene_labels
from genlab.data.settings import DataSettings
from genlab.data.store import ImageSet
from genlab.errors import GenlabError
from genlab.media.base import medium_named


def describe_set(images: ImageSet, settings: DataSettings) -> dict[str, Any]:
    """The report as plain values, for JSON.

    source, layout · files, images, rejected (each with its reason), rejected_share, ignored (files that are no images,
    by ending), notes (what was decided by looking, and left out) · splits, labels, groups, domains: counts of images ·
    seen: the names of what the medium counts, such as sizes; each stands beside it · stored: shape and type of each
    array · without_partner: files, by domain · different_frames: pairs whose sides do not lie over each other ·
    duplicates: files of equal content in one domain, and whether they lie in more than one split ·
    single_scene_labels: labels of one image.
    """
    table, about = images.table, images.about
    counts = medium_named(images.target.medium).counts(table)
    named = pair_kind(set(images.stores), settings) == "names"
    return {
        "source": about["source"],
        "layout": about["layout"],
        "unit": medium_named(images.target.medium).unit,
        "files": about["files"],
        "images": len(table),
        "rejected": about["rejected"],
        "rejected_share": len(about["rejected"]) / about["files"],
        "ignored": about["ignored"],
        "notes": [*about["notes"], *([about["doubt"]] if about["doubt"] else []), *_doubts(images)],
        "splits": _counts(table["split"]),
        "labels": _counts(table["label"]),
        "groups": _counts(table["group"]),
        "domains": _counts(table["domain"]),
        **counts,
        "seen": list(counts),
        "stored": {name: f"{s.images.shape} {s.images.dtype}" for name, s in images.stores.items()},
        "without_partner": without_partner(images["a"].table, images["b"].table) if named else {},
        "different_frames": different_frames(images) if named else [],
        "duplicates": find_duplicates(table),
        "single_scene_labels": single_scene_labels(table),
    }


def _doubts(images: ImageSet) -> list[str]:
    """What looks wrong with each domain, to its medium."""
    return [
        f"the files of domain {domain} {sentence}"
        for domain, store in images.stores.items()
        for sentence in medium_named(store.medium).doubts(store.table, store.images.dtype)
    ]


def _counts(values: pd.Series) -> dict[str, int]:
    """How often each value is there, the most frequent first."""
    return {str(value): int(count) for value, count in values.value_counts().items()}


def find_duplicates(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Groups of equal images in one domain: their files, and whether they lie in more than one split."""
    twice = table[table.duplicated(["domain", "content"], keep=False)]
    return [
        {"files": group["source"].tolist(), "across_splits": bool(group["split"].nunique() > 1)}
        for _, group in twice.groupby(["domain", "content"], sort=False)
    ]


def report_table(report: Mapping[str, Any]) -> pd.DataFrame:
    """The report as a table of text (what, name, value) for kedro-viz. Warnings come first."""
    rows = [("warning", "", text) for text in warnings(report)]
    rows += [(name, "", report[name]) for name in ("source", "layout", "files", "images")]
    rows += [("rejected", one["source"], one["reason"]) for one in report["rejected"]]
    for what in ("splits", "labels", "groups", "domains", *report["seen"], "stored", "ignored"):
        rows += [(what, name, value) for name, value in report[what].items()]
    rows += [("without partner", domain, name) for domain, names in report["without_partner"].items() for name in names]
    rows += [("different frames", "", name) for name in report["different_frames"]]
    rows += [
        ("duplicates", "across splits" if one["across_splits"] else "in one split", ", ".join(one["files"]))
        for one in report["duplicates"]
    ]
    return pd.DataFrame(rows, columns=["what", "name", "value"]).astype(str)


def warnings(report: Mapping[str, Any]) -> list[str]:
    """Warnings before training, a sentence each."""
    found, unit = [], report["unit"]
    if rejected := report["rejected"]:
        first = rejected[0]
        found.append(
            f"{len(rejected)} of {report['files']} files were rejected; the first: {first['source']} {first['reason']}"
        )
    if ignored := report["ignored"]:
        kinds = ", ".join(f"{count} {ending}" for ending, count in ignored.items())
        found.append(f"{sum(ignored.values())} files are left out, as Genlab reads no {unit} from them: {kinds}")
    found += report["notes"]
    for domain, files in report["without_partner"].items():
        if files:
            found.append(f"{len(files)} {unit} of domain {domain} have no partner and are left out; first: {files[0]}")
    if apart := report["different_frames"]:
        found.append(f"{len(apart)} pairs have sides of different proportions, do not lie over each other, and are "
                     f"left out; the first: {apart[0]}")  # fmt: skip
    if across := [one["files"] for one in report["duplicates"] if one["across_splits"]]:
        found.append(f"{len(across)} {unit} lie in more than one split; the first: {', '.join(across[0])}")
    if single := report["single_scene_labels"]:
        found.append(f"labels of one {unit.removesuffix('s')}, which is only trained on unless its folder says "
                     f"otherwise: {', '.join(single)}")  # fmt: skip
    return found


def require_few_rejected(report: Mapping[str, Any], settings: DataSettings) -> None:
    """Refuse a set with more rejected files than `data.max_rejected` allows.

    Raises:
        GenlabError: says how many, names the first, and what to do.
    """
    share = report["rejected_share"]
    if share > settings.max_rejected:
        first = report["rejected"][0]
        raise GenlabError(
            f"{len(report['rejected'])} of {report['files']} files in {report['source']} were rejected "
            f"({share:.1%}), more than data.max_rejected={settings.max_rejected:g} allows; the first: "
            f"{first['source']} {first['reason']}. The data report names all. Mend or delete them, or go on without "
            f"them with --params=data.max_rejected={share + 0.0005:.3f}"
        )
