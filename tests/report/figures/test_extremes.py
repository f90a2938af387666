"""Which pictures went wrong, and the few that stand in a row of the leaderboard."""

import numpy as np
import pytest

from genlab.data.arrange.pairs import PairedImages
from genlab.media.pictures.tiles import GAP
from genlab.report.figures.extremes import EACH, draw_translation_extremes, extremes
from genlab.report.figures.few import draw_few_translations
from tests.judging import Reaches, judged

CELL = 64  # pixels of an image of 32, twice as large


def column_of(picture: np.ndarray, names: list[str], rows: int, strips: int, column: int) -> list[np.ndarray]:
    """The images of one column, each 32 x 32; strips that belong together touch one another."""
    left = max(8 * len(name) + 8 for name in names) + GAP + column * (CELL + GAP)
    tops = [GAP + row * CELL + row // strips * 2 * GAP for row in range(rows)]
    return [picture[top : top + CELL : 2, left : left + CELL : 2, 0] for top in tops]


def test_the_best_the_middle_and_the_worst_are_those(rng: np.random.Generator) -> None:
    errors = rng.permutation(101).astype(float)
    assert errors[extremes(errors)].tolist() == [0, 1, 2, 3, 48, 49, 50, 51, 97, 98, 99, 100]
    assert errors[extremes(errors[:9])].tolist() == sorted(errors[:9]), "all of a few"


def test_the_worst_drawing_stands_at_the_bottom_under_its_input_and_over_its_truth(shoes: PairedImages) -> None:
    """Drawings are the truth, but for one that is black and one that is white."""
    test = shoes.split("test")
    ids, truth = test.table["id"].tolist(), dict(zip(test.table["id"], test.side("b"), strict=True))
    wrong = {ids[5]: np.zeros_like(truth[ids[5]]), ids[7]: np.full_like(truth[ids[7]], 255)}
    drawings = {f"a_to_b/{name}": pixels for name, pixels in {**truth, **wrong}.items()}
    errors = {name: np.abs(wrong[name].astype(float) - truth[name]).mean() for name in wrong}
    order = sorted(wrong, key=lambda name: errors[name])
    case = judged(Reaches("b"), shoes, drawings)
    case.keep("l1", ids, np.array([errors.get(name, 0.0) for name in ids]))
    figures = draw_translation_extremes(case)
    picture, names = figures["best_middle_worst_to_b"], ["middle drawing"]
    for name, column in zip(order, (EACH - 2, EACH - 1), strict=True):
        source, drawn, real = column_of(picture, names, 9, 3, column)[-3:]
        assert np.array_equal(source, test.side("a")[ids.index(name), :, :, 0])
        assert np.array_equal(drawn, wrong[name][:, :, 0])
        assert np.array_equal(real, truth[name][:, :, 0])
    assert np.array_equal(*column_of(picture, names, 9, 3, 0)[1:3]), "the best equals its truth"


@pytest.mark.parametrize("to", ["a", "b"])
def test_a_row_shows_the_same_test_images_for_every_model(shoes: PairedImages, to: str) -> None:
    test, way = shoes.split("test"), "b_to_a" if to == "a" else "a_to_b"
    drawings = {f"{way}/{name}": np.full((32, 32, 1), 90, np.uint8) for name in test.table["id"]}
    mixed = PairedImages(shoes.table.sample(frac=1, random_state=0), shoes.a, shoes.b)
    model = Reaches(to)  # type: ignore[arg-type]
    one, other = (draw_few_translations(judged(model, images, drawings)) for images in (shoes, mixed))
    assert list(one) == ["few_translations"]
    picture = one["few_translations"]
    assert np.array_equal(picture, other["few_translations"])
    some = PairedImages(test.table.sort_values("id"), test.a, test.b).spread(3)
    for column in range(3):
        source, drawn, truth = column_of(picture, ["drawing"], 3, 3, column)
        assert np.array_equal(source, some.side("b" if to == "a" else "a")[column, :, :, 0])
        assert (drawn == 90).all()
        assert np.array_equal(truth, some.side(to)[column, :, :, 0])


def test_the_direction_of_the_first_numbers_is_shown_first(shoes: PairedImages) -> None:
    """MLflow gives figures back in the order of their names."""
    ids = shoes.split("test").table["id"]
    drawings = {f"{way}/{name}": np.full((32, 32, 1), 90, np.uint8) for name in ids for way in ("a_to_b", "b_to_a")}
    one, both = (draw_few_translations(judged(Reaches(*to), shoes, drawings)) for to in (("b",), ("b", "a")))
    assert list(both) == sorted(both)
    assert np.array_equal(both[next(iter(both))], one["few_translations"])
