"""What the tables of pairs and domains must be like; the catalog checks them whenever they are read or written."""

import pandas as pd
import pandera.pandas as pa

from genlab.errors import GenlabError

SPLITS = ["train", "val", "test"]

TEXT = pa.Column(str)
SPLIT = pa.Column(str, pa.Check.isin(SPLITS))
PLACE = pa.Column(int, pa.Check.ge(0), unique=True)

SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "pairs": pa.DataFrameSchema(
        {"id": pa.Column(str, unique=True), "split": SPLIT, "label": TEXT, "a": PLACE, "b": PLACE},
        strict=True,
        ordered=True,
    ),
    "domains": pa.DataFrameSchema(
        {
            "domain": pa.Column(str, pa.Check.isin(["a", "b"])),
            "id": TEXT,
            "split": SPLIT,
            "label": TEXT,
            "array": pa.Column(str, pa.Check.str_matches(r"^(images|derived)/(a|b|images)$")),
            "row": pa.Column(int, pa.Check.ge(0)),
            "truth": pa.Column(int, pa.Check.ge(-1)),
        },
        checks=pa.Check(
            lambda table: (table["split"] != "train") | (table["truth"] == -1), error="truth is known in training"
        ),
        unique=["domain", "row"],
        strict=True,
        ordered=True,
    ),
    "captions": pa.DataFrameSchema(
        {
            "id": TEXT,
            "split": SPLIT,
            "label": TEXT,
            "caption": pa.Column(str, pa.Check.str_contains(r"\w")),
            "bright": TEXT,
            "shape": TEXT,
            "held_out": pa.Column(bool),
        },
        strict=True,
        ordered=True,
    ),
}
"""By the name of the table."""


def check_table(name: str, table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table, if it is as its schema says.

    Raises:
        GenlabError: names the first rows that are not, the column, and what is wrong.
    """
    try:
        return SCHEMAS[name].validate(table, lazy=True)
    except (pa.errors.SchemaErrors, pa.errors.SchemaError) as error:
        cases = error.failure_cases
        found = "; ".join(
            f"{case.column}: {case.check} fails for {case.failure_case!r} in row {case.index}"
            for case in cases.head(3).itertuples()
        )
        raise GenlabError(
            f"the table of {name} in {where} is not what it must be ({found}); mend it, or run the pipeline again from "
            "its start to make it anew"
        ) from error
