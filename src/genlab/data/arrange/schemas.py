"""What the tables of pairs and domains must be like; the catalog checks them whenever they are read or written."""

import pandas as pd
import pandera.pandas as pa

from genlab.errors import GenlabError

SPLITS = ["train", "val", "test"]

SCHEMAS: dict[str, pa.DataFrameSchema] = {
    "pairs": pa.DataFrameSchema(
        {
            "id": pa.Column(str, unique=True),
            "split": pa.Column(str, pa.Check.isin(SPLITS)),
            "label": pa.Column(str),
            "a": pa.Column(int, pa.Check.ge(0), unique=True),
            "b": pa.Column(int, pa.Check.ge(0), unique=True),
        },
        strict=True,
        ordered=True,
    ),
    "domains": pa.DataFrameSchema(
        {
            "domain": pa.Column(str, pa.Check.isin(["a", "b"])),
            "id": pa.Column(str),
            "split": pa.Column(str, pa.Check.isin(SPLITS)),
            "label": pa.Column(str),
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
            "id": pa.Column(str),
            "split": pa.Column(str, pa.Check.isin(SPLITS)),
            "label": pa.Column(str),
            "caption": pa.Column(str, pa.Check.str_matches(r"\w")),
            "bright": pa.Column(str),
            "shape": pa.Column(str),
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
