"""What the names of files say: `data.file_names`, such as label_group_index for 7_theo_12.wav.

The words label, group and index stand for text without a slash, each for as little as fits, from the left; all else
stands for itself. The rule is held against the end of a file's path, without its ending: group/index takes the folder
for the group. What index is changes nothing. Without the word label the other folders are the label. There are no
braces or brackets around the words: a command line would take them for lists and sections.
"""

import re

WORD = re.compile(r"(?<![^\W\d_])(label|group|index)(?![^\W\d_])")  # no letter beside it


def compile_rule(rule: str) -> re.Pattern[str]:
    """The rule as an expression that has a group for each of its words; it matches a whole text.

    Raises:
        ValueError: a word stands twice, or there is neither label nor group.
    """
    words = WORD.findall(rule)
    if len(set(words)) < len(words) or not {"label", "group"} & set(words):
        raise ValueError("Input should have the words label, group and index at most once, such as label_group_index")
    parts = WORD.split(rule)  # every second one is a word
    return re.compile("".join(f"(?P<{part}>[^/]+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))


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
