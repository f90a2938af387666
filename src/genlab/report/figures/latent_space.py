"""What a latent space looks like: the manifold, one latent at a time, ways from image to image, codes over the prior.

N images, Z latent dimensions.
"""

from typing import Any

import numpy as np
from scipy.stats import norm

from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged
from genlab.evaluation.measures.codes import ACTIVE
from genlab.media.pictures.tiles import draw_tiles, lay_out, to_rgb8
from genlab.models.base import Decodes, Encodes, MatchesPrior, Samples
from genlab.nn.priors import Prior, StandardNormal
from genlab.report.registry import figure
from genlab.report.scatter import principal_plane, scatter
from genlab.sampling.draw import decode_latents, draw_codes, draw_latents, encode_images, spread_condition

MANIFOLD = 20  # images a side; Kingma and Welling 2014, figure 4
STEPS = 11  # images from one end of a walk to the other
WALKS = 10  # at most
SCATTERED = 3000  # points at most


def manifold_latents(prior: Prior, side: int = MANIFOLD) -> np.ndarray:
    """A grid over a 2-D prior, row by row from the top left: (side * side, 2).

    For the standard normal it is even in probability, through the inverse normal distribution function (Kingma and
    Welling 2014, figure 4); else it covers the square in which nearly all of the prior lies.
    """
    if isinstance(prior, StandardNormal):
        axis = norm.ppf((np.arange(side) + 0.5) / side)
    else:
        axis = np.linspace(-prior.extent, prior.extent, side)
    across, down = np.meshgrid(axis, axis[::-1])
    return np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)


def draw_manifold(case: Judged[Any, LabelledImages]) -> np.ndarray:
    """The image of every latent vector of the grid in its place, side by side: (H, W, 3) uint8.

    Where the prior's density is below a thousandth of its height, the images are pale.
    """
    prior = case.model.prior
    z = manifold_latents(prior)
    images = to_rgb8(decode_latents(case, z))
    density = case.apply(lambda _, some: prior.log_prob(some), range(len(z)), z)
    if not isinstance(prior, StandardNormal):
        outside = density < density.max() - np.log(1000)
        images = np.where(outside[:, None, None, None], 170 + images // 3, images).astype(np.uint8)
    scale = max(1, round(900 / (MANIFOLD * images.shape[1])))
    rows = images.reshape(MANIFOLD, MANIFOLD, *images.shape[1:])
    return lay_out([list(row) for row in rows], (images.shape[1] * scale, images.shape[2] * scale), gap=0)


def most_used(codes: np.ndarray) -> np.ndarray:
    """The latents of (N, Z) codes in order, the one that varies most over images first: a latent that says nothing
    always has the same mean."""
    return np.argsort(-codes.var(axis=0), kind="stable")


@figure(needs=(Decodes, Encodes), on=LabelledImages)
def draw_traversals(case: Judged[Any, LabelledImages]) -> dict[str, np.ndarray]:
    """`traversals`: a row for each latent, the most used first, named by its number and its variance over images.

    It shows the first image's code with that latent moved through the range that 98 % of the codes have.
    """
    codes = encode_images(case, case.shown.spread(SCATTERED).pixels)
    order = most_used(codes)[:WALKS]
    walks = np.repeat(codes[:1], len(order) * STEPS, axis=0).astype(np.float32)
    for row, latent in enumerate(order):
        low, high = np.quantile(codes[:, latent], [0.01, 0.99])
        if codes[:, latent].var() < ACTIVE:  # collapsed: a walk through the prior shows that it does nothing
            low, high = -2.3, 2.3
        walks[row * STEPS : (row + 1) * STEPS, latent] = np.linspace(low, high, STEPS)
    names = [f"z{latent + 1} ({codes[:, latent].var():.2f})" for latent in order]
    return {"traversals": draw_tiles([decode_latents(case, walks)], across=STEPS, names=names)}


def interpolate(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N, Z) and (N, Z) -> (N * STEPS, Z): straight ways from each start to its end."""
    share = np.linspace(0, 1, STEPS, dtype=np.float32)[None, :, None]
    return (start[:, None] * (1 - share) + end[:, None] * share).reshape(-1, start.shape[1])


@figure(needs=Decodes, on=LabelledImages)
def draw_interpolations(case: Judged[Any, LabelledImages]) -> dict[str, np.ndarray]:
    """`interpolations`: a row for each of ten pairs, the way from one latent vector to another, as images.

    They are the codes of test images where the model encodes, and stand between those images; else draws of the prior.
    A model that must be told a label keeps one for the whole way.
    """
    if isinstance(case.model, Encodes):
        ends = case.shown.spread(2 * WALKS)
        rows = np.random.default_rng(case.sample.seed).permutation(len(ends))
        half = len(rows) // 2
        originals = ends.pixels[rows]
        codes = encode_images(case, originals)
        ways = decode_latents(case, interpolate(codes[:half], codes[half : 2 * half]))
        strips = ways.reshape(half, STEPS, *ways.shape[1:])
        framed = np.concatenate([originals[:half, None], strips, originals[half : 2 * half, None]], axis=1)
        return {"interpolations": draw_tiles([framed.reshape(-1, *ways.shape[1:])], across=STEPS + 2)}
    z = draw_latents(case, 2 * WALKS)
    told = None
    if isinstance(case.model, Samples):
        told = spread_condition(case, WALKS)
        told = None if told is None else np.repeat(told, STEPS, axis=0)
    return {"interpolations": draw_tiles([decode_latents(case, interpolate(z[:WALKS], z[WALKS:]), told)], across=STEPS)}


@figure(needs=(Decodes, MatchesPrior), on=LabelledImages)
def draw_latents_over_prior(case: Judged[Any, LabelledImages]) -> dict[str, np.ndarray]:
    """`latents_over_prior`: a code of each image, drawn from the model's distribution, over draws of the prior in grey.

    The principal plane of the codes where they have more than two dimensions. With two there is also the `manifold`.
    """
    some = case.shown.spread(SCATTERED)
    codes, prior = draw_codes(case, some.pixels, case.sample.seed), draw_latents(case, SCATTERED)
    points, kept = principal_plane(np.concatenate([codes, prior]))
    title = "Codes of test images over the prior" + (f" ({kept:.0%} of their variance)" if codes.shape[1] > 2 else "")
    plot = scatter(points[: len(codes)], some.labels, some.classes, behind=points[len(codes) :], title=title)
    manifold = {"manifold": draw_manifold(case)} if codes.shape[1] == 2 else {}
    return {"latents_over_prior": plot, **manifold}


@figure(needs=Encodes, on=LabelledImages)
def draw_latents_alone(case: Judged[Encodes, LabelledImages]) -> dict[str, np.ndarray]:
    """`latents`: the code of each image, where the model has no prior over them; their principal plane, if need be."""
    if isinstance(case.model, Decodes):
        return {}
    some = case.shown.spread(SCATTERED)
    codes = encode_images(case, some.pixels)
    points, kept = principal_plane(codes)
    plane = codes.shape[1] > 2
    title = "Codes of test images" + (f": their principal plane, {kept:.0%} of their variance" if plane else "")
    names = ("first component", "second component") if plane else ("z1", "z2")
    return {"latents": scatter(points, some.labels, some.classes, title=title, axis_names=names)}
