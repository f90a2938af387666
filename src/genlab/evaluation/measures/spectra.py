"""How far reconstructed sound is from the original, by its spectrogram: a phase nobody hears does not count."""

import numpy as np

from genlab.data.arrange.examples import content_fingerprint
from genlab.data.arrange.labelled import LabelledImages
from genlab.evaluation.case import Judged, Metrics
from genlab.evaluation.pixel_errors import l1, pixel_metrics
from genlab.evaluation.protocol import protocol_hash
from genlab.evaluation.registry import measure
from genlab.media.base import medium_named
from genlab.models.base import Reconstructs


@measure(
    needs=Reconstructs,
    on=LabelledImages,
    of="sound",
    better={"log_mel_l1": "lower"},
    controls={"another_recording": "another recording"},
    protocols=("spectrum_protocol_hash",),
)
def compare_spectra(case: Judged[Reconstructs, LabelledImages]) -> Metrics:
    """`log_mel_l1`: the mean absolute difference of the log-mel pictures, from 0 to 1, the whole range of their dB.

    The control is the next test recording in the place of each reconstruction.
    """
    medium, ids = medium_named(case.examples.spec.medium), case.shown.table["id"]
    truth = medium.as_pictures(case.shown.pixels)
    drawn = medium.as_pictures(np.stack([case.drawings[f"reconstructions/{name}"] for name in ids]))
    found = pixel_metrics(
        {"log_mel_l1": l1}, drawn, truth, {"another_recording": np.roll(truth, 1, axis=0)}, case.evaluation,
        lambda metric, values: case.keep(metric, ids, values),
    )  # fmt: skip
    protocol = {"test": content_fingerprint(case.shown), "seed": case.evaluation.seed}
    return {**found, "test_images": float(len(truth)), "spectrum_protocol_hash": protocol_hash(protocol)}
