"""The `compare` section of the parameters."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class CompareSettings(BaseModel):
    """Which finished runs stand on the leaderboard."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    keep: Literal["newest", "best"] = (
        "newest"  # of runs with equal model, settings, data and seed; best: by validation score
    )
    strict: bool = False  # refuse runs of one dataset that may not be compared; else they get separate tables
    sweep: str | None = None  # only the runs of the sweep of this name
