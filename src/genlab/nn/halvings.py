"""How often a network can halve an image."""

from genlab.errors import GenlabError


def halvings(
    image_size: int, coarsest: tuple[int, ...], name: str, *, least: int = 0, most: int = 10, instead: str = ""
) -> int:
    """How many halvings lead from an image of H = W pixels down to one of the `coarsest` sides.

    Args:
        image_size: H = W.
        coarsest: the sides that may remain, in pixels.
        name: the network's, for the message.
        least: the smallest number of halvings.
        most: the largest number of halvings.
        instead: what else the message advises.

    Raises:
        GenlabError: the size cannot be halved like that. The message names the two nearest sizes that can.
    """
    sizes = {side * 2**count: count for side in coarsest for count in range(least, most + 1)}
    if image_size not in sizes:
        near = sorted(sorted(sizes, key=lambda size: abs(size - image_size))[:2])
        raise GenlabError(
            f"{name} cannot halve images of {image_size} pixels down to {' or '.join(map(str, coarsest))}: set "
            f"data.image_size to {near[0]} or {near[1]}{instead}"
        )
    return sizes[image_size]
