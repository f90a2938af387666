"""The one exception a person is meant to read.

Every message says three things: what was found, where, and what to do about it. The command line prints it without
a traceback; a library user catches it as a `ValueError`.
"""

import logging
import re


def masked(text: str) -> str:
    """The text with *** in place of the user and password of every address, as in `postgresql://user:secret@host`."""
    return re.sub(r"://[^\s/]+@", "://***@", text)


def printable(text: str) -> str:
    """The text with "\\x1b" and the like in place of what commands a terminal, turns a line around, or is no UTF-8."""
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
        lambda found: found[0].encode("unicode_escape").decode(),
        text,
    )


def shown(message: str) -> str:
    """What a person sees of a message: no password, and nothing but text."""
    return "\n".join(printable(line) for line in masked(message).split("\n"))


class OnlyText(logging.Filter):
    """Lets no line of the log hold passwords, commands or markup. (Kedro allows no filters in conf/logging.yml.)"""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        record.msg, record.args = shown(record.getMessage()), None
        record.markup = False  # a file may be called [red]
        return True


ONLY_TEXT = OnlyText()


class GenlabError(ValueError):
    """Something the person can mend: a parameter, a file, a full disk, a diverging run."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message))


def find_genlab_error(error: BaseException | None) -> GenlabError | None:
    """The GenlabError behind an error that a library wrapped, if there is one."""
    while error is not None and not isinstance(error, GenlabError):
        error = error.__cause__ or error.__context__
    return error
