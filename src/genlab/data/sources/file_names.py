"""What the names of files say: `data.file_names`, such as "{label}_{group}_{index}" for 7_theo_12.wav.

{label}, {group} and {index} stand for text without a slash, each for as little as fits, from the left; all else stands
for itself. The rule is held against the end of a file's path, without its ending: "{group}/{index}" takes the folder
for the group. What {index} is changes nothing. Without {label} the other folders are the label.
"""

import re

WORDS = ("label", "group", "index")


def compile_rule(rule: str) -> re.Pattern[str]:
    """The rule as an expression that has a group for each of its words; it matches a whole text.

    Raises:
        ValueError: a word is unknown, stands twice or touches another, or there is neither {label} nor {group}.
    """
    expression, before = "", ""
    for part in re.split(r"(\{[^{}]*\})", rule):
        word = part[1:-1] if part.startswith("{") and part.endswith("}") else ""
        if word and (word not in WORDS or f"<{word}>" in expression):
            raise ValueError(f"Input should have {{label}}, {{group}} and {{index}} at most once, and no {{{word}}}")
        if word and before:
            raise ValueError(f"Input should have something between {{{before}}} and {{{word}}}")
        expression += f"(?P<{word}>[^/]+?)" if word else re.escape(part)
        before = word or ("" if part else before)
    if not re.search("<(label|group)>", expression):
        raise ValueError("Input should have {label} or {group}, such as {label}_{group}_{index}")
    return re.compile(expression)


def check_rule(rule: str) -> str:
    """The rule, if `compile_rule` takes it."""
    compile_rule(rule)
    return rule


def read_name(rule: str, place: tuple[str, ...]) -> dict[str, str] | None:
    """What a path says, folder by folder and at last the name without its ending, by word; None where it does not fit.

    "label" also where the rule has none: the folders that it does not reach, joined by slashes.
    """
    depth = rule.count("/") + 1
    found = compile_rule(rule).fullmatch("/".join(place[-depth:]))
    return None if found is None else {"label": "/".join(place[:-depth]), **found.groupdict()}
