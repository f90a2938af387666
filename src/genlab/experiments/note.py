"""What MLflow says of a run: headline numbers beside controls, how they came about, and a paragraph for a paper."""

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

from genlab.data.sources.listing import EMBEDDED
from genlab.data.sources.public import SETS
from genlab.errors import GenlabError
from genlab.evaluation.questions import base_name
from genlab.evaluation.registry import papers
from genlab.experiments.leaderboard import words
from genlab.experiments.lineage import chain
from genlab.experiments.page import HEADLINE, headline
from genlab.models import MODELS, title_and_paper
from genlab.tracking.runs import FinishedRun

SOFTWARE = ("torch", "kedro", "mlflow")


def describe_run(run: FinishedRun) -> str:
    """The note of a run in MLflow, as Markdown."""
    rows = [HEADLINE, ["---"] * len(HEADLINE), *headline(run)]
    text = methods(run)
    parts = [
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        f"**Made by** `{run.tags.get('mlflow.source.name', '')}`. **Made again by** `kedro reproduce {run.name}`.",
        f"**Made from** {lineage_of(run)} `kedro lineage {run.name}` says whether they are as they were.",
        f"**Methods.** {text}",
        f"```bibtex\n{bibliography(text)}\n```",
    ]
    return "\n\n".join(parts)


def lineage_of(run: FinishedRun) -> str:
    """The artifacts behind the numbers of a run and the beginnings of their digests, in a line."""
    try:
        return ", ".join(f"`{entry}` {one.digest[:8]}" for entry, one in chain(run).items()) + "."
    except GenlabError:
        return "what it does not say."


def methods(run: FinishedRun) -> str:
    """What was done, in sentences that name their sources."""
    has, settings, tags = run.final_metrics, run.parameters, run.tags
    said = title_and_paper(tags["model"]) if tags["model"] in MODELS else [f"{tags['model']}."]
    if "step" in has:
        optimizer, rate, batch = (
            settings.get(f"training.{key}") for key in ("optimizer", "learning_rate", "batch_size")
        )
        said.append(
            f"{has['parameters']:,.0f} parameters were trained for {has['step']:,.0f} steps of {batch} examples by "
            f"{optimizer} with a learning rate of {rate}, seed {tags.get('seed')}, in {has['train_seconds']:,.0f} "
            f"seconds on {tags.get('machine')}."
        )
    if "test_data" in tags:
        said.append(
            f"Data: {_data(tags['dataset'])}. Trained on {tags['trained_on']}, measured on {tags['test_data']}."
        )
    named = {name: paper for name, paper in papers().items() if name in map(base_name, has)}
    if named:
        said.append(f"Metrics: {', '.join(f'{name} ({paper})' for name, paper in named.items())}.")
    said += [f"{text}." for name, text in words(run).items() if base_name(name).endswith("_protocol")]
    packages = ", ".join(f"{name} {version(name)}" for name in SOFTWARE)
    said.append(f"Software: Genlab {tags.get('mlflow.source.git.commit', '')[:10]}, {packages} (Paszke et al. 2019).")
    return " ".join(said)


def _data(source: str) -> str:
    """A source and whom to cite for it."""
    if source in EMBEDDED:
        return (EMBEDDED[source].__doc__ or "").partition(": ")[0]
    return f"{source} ({SETS[source].source})" if source in SETS else source


@cache
def references() -> dict[str, tuple[str, str, str | None]]:
    """The entries of `references.bib`: the surname of the first author, without accents, the year, the arXiv number."""
    text = (Path(__file__).parent / "references.bib").read_text(encoding="utf-8")
    found = {}
    for entry in (part.strip() for part in text.split("\n\n") if part.strip().startswith("@")):
        surname, year, eprint = (re.search(rf"\b{key}=\{{(.*?)[,}}]", entry) for key in ("author", "year", "eprint"))
        assert surname, entry
        assert year, entry
        plain = re.sub(r"""\\(?:[`'^"~]|[cv](?=\{))|[{}]""", "", re.search(r"author=\{(.*?),", entry)[1])  # type: ignore[index]
        found[entry] = plain, year[1], eprint and eprint[1]
    return found


def cited(text: str) -> list[str]:
    """The BibTeX entries that a text names: by an arXiv number, or else by the first author and the year."""
    text = " ".join(text.replace("et al.", "et al").split())
    return [
        entry for entry, (surname, year, eprint) in references().items()
        if (eprint and f"arXiv:{eprint}" in text)
        or re.search(rf"(?i)(?<!, )(?<!and )\b{surname}\b[^.;:()]*?\b{year}\b(?![^.;]*arXiv)", text)
    ]  # fmt: skip


def bibliography(text: str) -> str:
    """BibTeX of what a text names. A paper without an entry has its arXiv number, and software its version."""
    entries = cited(text)
    known = {eprint for _, _, eprint in references().values()}
    unknown = [one for one in re.findall(r"arXiv:(\d{4}\.\d{4,5})", text) if one not in known]
    entries += [f"@misc{{arxiv{one}, eprint={{{one}}}, archiveprefix={{arXiv}}}}" for one in unknown]
    entries += [
        f"@software{{{name}, title={{{name}}}, version={{{version(name)}}}}}" for name in ("genlab", *SOFTWARE[1:])
    ]
    return "\n".join(entries)
