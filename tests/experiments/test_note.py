"""What a run says of itself, and whom it cites."""

import io
import re
import sys
import unicodedata
from base64 import b64decode
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from plotly.graph_objects import Figure

from genlab.data.sources.listing import EMBEDDED
from genlab.data.sources.public import SETS
from genlab.evaluation.registry import papers
from genlab.experiments.note import bibliography, cited, describe_run, references
from genlab.media.base import Drawings
from genlab.models import MODELS, model_class
from genlab.pipelines.nodes import show
from genlab.tracking.runs import FinishedRun
from tests.experiments.test_leaderboard import finished, whole

MOST = 8000  # letters of a tag in MLflow; what is more is cut off


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,]+),", "\n".join(cited(text)), re.M)


def file_of(model: str) -> str:
    """What a model's file says at its top, without accents."""
    text = str(sys.modules[model_class(model).__module__].__doc__)
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if letter.isascii())


@pytest.mark.parametrize(
    ("model", "papers_of_it"),
    [
        ("autoencoder", ["bourlard1988", "baldi1989", "hinton2006", "masci2011", "odena2016"]),
        ("boltzmann", ["hinton2002", "tieleman2008", "salakhutdinov2009", "hinton2010", "montavon2012"]),
        ("vae", ["kingma2014", "higgins2017"]), ("nade", ["larochelle2011", "uria2014", "uria2016"]),
        ("pix2pix", ["isola2017"]), ("cyclegan", ["zhu2017"]), ("pixelrnn", ["oord2016pixel"]),
        ("wavenet", ["oord2016wavenet"]),
        ("pixelcnn", ["oord2016pixel", "oord2016conditional", "salimans2017"]),
    ],
)  # fmt: skip
def test_a_model_cites_the_papers_at_the_top_of_its_file_and_no_other(model: str, papers_of_it: list[str]) -> None:
    assert keys(file_of(model)) == papers_of_it


def named(entry: str, text: str) -> Iterator[str]:
    """What stands before each year, or each arXiv number, by which a text names an entry: its authors."""
    surname, year, eprint = references()[entry]
    text = " ".join(text.replace("et al.", "et al").replace(" (workshop)", "").split())
    ends = [found.start() for found in re.finditer(rf"arXiv:{eprint}" if eprint else year, text)]
    for end in ends:
        part = re.split(r"[.;:(] ?", text[:end].rstrip("( "))[-1]
        if surname.lower() in part.lower():
            yield part + year * (not eprint)


@pytest.mark.parametrize("model", MODELS)
def test_authors_and_year_of_an_entry_are_those_that_the_file_names(model: str) -> None:
    text = file_of(model)
    assert set(re.findall(r"arXiv:(\d{4}\.\d+)", text)) <= {eprint for _, _, eprint in references().values()}
    assert cited(text)
    for entry in cited(text):
        (said, *_) = named(entry, text)
        assert references()[entry][1] in said, (entry, said)
        if "et al" not in said:
            authors = re.search(r"author=\{(.*?)\}[,}]\s", entry + "\n", re.S)
            assert authors, entry
            surnames = [re.sub(r"[^A-Za-z]|\\[cv]", "", one.partition(",")[0])[:2] for one in authors[1].split(" and ")]
            assert all(surname.lower() in said.lower() for surname in surnames), (surnames, said)


def test_every_entry_is_whole_and_named_somewhere() -> None:
    for entry in references():
        assert re.fullmatch(r"@\w+\{\w+,.*title=\{.*\}\}", entry, re.S), entry
        assert entry.count("{") == entry.count("}")
    sources = [*(one.source for one in SETS.values()), *(str(one.__doc__) for one in EMBEDDED.values())]
    texts = [*map(file_of, MODELS), *sources, *papers().values(), "Paszke et al. 2019"]
    assert {key for text in texts for key in keys(text)} == {re.split(r"[{,]", entry)[1] for entry in references()}
    assert all(keys(paper) for paper in papers().values())
    assert all(keys(one.source) for one in SETS.values() if re.search(r" \d{4}", one.source))


def test_a_paper_that_nobody_has_written_down_has_its_number() -> None:
    found = bibliography("One and Other 2031, arXiv:3101.00001.")
    assert "@misc{arxiv3101.00001, eprint={3101.00001}, archiveprefix={arXiv}}" in found


def measured(model: str, **given: float | str) -> FinishedRun:
    """A run with every headline metric."""
    tags = {
        "dataset": "fashion_mnist", "test_data": "fashion_mnist, all 10 classes", "trained_on": "11,400 images",
        "machine": "AMD EPYC, 2 threads, torch 2.15.0", "mlflow.source.git.commit": "f" * 40,
        "mlflow.source.name": f"kedro run --pipelines={model}", "lineage": whole(model),
    }  # fmt: skip
    costs = {"parameters": 7.0, "step": 1200.0, "train_seconds": 90.0}
    return finished(model, **{**tags, **costs, **given})


def test_the_note_holds_numbers_beside_controls_lineage_command_and_methods() -> None:
    run = measured("pix2pix", l1=0.0512, l1_low=0.05, l1_high=0.06, l1_mean_image=0.25, ssim=0.5)
    text = describe_run(run)
    assert "real data 0.25; independent pixels 0.75" in describe_run(
        measured("vae", fd_lite0=0.5, fd_lite0_real=0.25, fd_lite0_noise=0.75)
    )
    row = "| Translates an image | l1 ↓ | 0.0512 | 0.05 to 0.06 | the mean training image 0.25 |"
    assert row in text.splitlines()
    assert f"`kedro reproduce {run.name}`" in text
    assert "`kedro run --pipelines=pix2pix`" in text
    assert "`pix2pix.checkpoint` checkpoi, " in text
    assert "7 parameters were trained for 1,200 steps" in text
    bibtex = text.partition("```bibtex\n")[2]
    assert [key in bibtex for key in ("isola2017", "xiao2017", "wang2004", "paszke2019", "genlab", "zhu2017")] == [
        True, True, True, True, True, False,
    ]  # fmt: skip


def test_a_card_has_players_of_what_can_be_heard() -> None:
    sounds = Drawings({"samples/7 theo": np.zeros((40, 1), np.int16)}, "sound:8000")
    card = show("wavenet", {"bits_per_dim": 4.5, "trained_on": "t", "test_data": "d"}, {}, Figure(), sounds)
    player = r'<figcaption>(.*?)</figcaption><audio controls.*?src="data:audio/wav;base64,(.*?)"'
    [(said, encoded)] = re.findall(player, card)
    assert said == "samples/7 theo"
    samples, rate = soundfile.read(io.BytesIO(b64decode(encoded)))
    assert (len(samples), rate) == (40, 8000)


def test_a_card_shows_few_drawings_and_the_same_numbers_and_escapes_words() -> None:
    metrics = {"l1": 0.0512, "l1_low": 0.05, "l1_high": 0.06, "l1_mean_image": 0.25, "parameters": 7.0}
    words = {"test_data": "<script>", "trained_on": "3,420 pairs"}
    figures = dict.fromkeys(("few_translations", "translations"), np.zeros((40, 60, 3), np.uint8))
    card = show("pix2pix", {**metrics, **words}, figures, Figure())
    assert re.search(r"<td>l1 ↓</td><td>0.0512</td><td>0.05 to 0.06</td>\s*<td>the mean training image 0.25</td>", card)
    assert card.count("data:image/png;base64,") == 1
    assert 'alt="pix2pix: few translations"' in card
    assert "<script>" not in card


@pytest.mark.parametrize("model", [*MODELS, "somebodys_own"])
def test_a_note_is_whole_in_mlflow(model: str) -> None:
    metrics = dict.fromkeys(("fd_lite0", "kid_lite0", "precision", "recall", "density", "coverage", "l1", "mse", "ssim",
                             "lpips", "parzen_nats", "bits_per_dim", "nll_nats", "active_units"), 0.123456)  # fmt: skip
    ends = {f"{name}_{end}": 0.123456 for name in metrics for end in ("low", "high", "real", "noise", "mean_image")}
    text = describe_run(measured(model, **metrics, **ends))
    assert len(text) < MOST
    assert text.endswith("\n```")
    assert "\n@software{" in describe_run(FinishedRun("id", "name", 0, {"model": model}, {}, {})), (
        "of an unfinished one"
    )
