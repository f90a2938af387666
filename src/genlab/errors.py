"""The one exception a person is meant to read.

Every message says three things: what was found, where, and what to do about it. The command line prints it without
a traceback; a library user catches it as a `ValueError`.
"""

import errno
import logging
import os
import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Given, Result = ParamSpec("Given"), TypeVar("Result")

SPACE = "Free some space"
RIGHTS = "Check the rights of that folder, or name another: --params=data_root=FOLDER"
REMEDIES = {
    errno.ENOSPC: SPACE, errno.EDQUOT: SPACE, errno.EACCES: RIGHTS, errno.EPERM: RIGHTS, errno.EROFS: RIGHTS,
    errno.EMFILE: "Allow more open files (ulimit -n 1024)",
}  # fmt: skip
NO_MEMORY = re.compile(
    "out of memory|allocate memory|std::bad_alloc|can't start new thread|could not create a primitive"
)


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


def remedy(error: BaseException) -> str:
    """What helps where the machine refuses, not the program; "" where that is not known."""
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return "Memory is used up: set a smaller training.batch_size, image or model, or end other programs"
    return REMEDIES.get(getattr(error, "errno", None) or 0, "")


def in_one_line(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """What a person starts. An error ends it with one line, or with GENLAB_TRACEBACK=1 with a traceback.

    An error that is no `GenlabError` is shown with its kind: it may be a fault of the program.
    """

    @wraps(command)
    def called(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except Exception as error:  # whatever a library made of it: this is the end of the program
            found = find_genlab_error(error)
            if os.environ.get("GENLAB_TRACEBACK") or getattr(error, "exit_code", None) is not None:  # click's own end
                raise
            if found:
                raise SystemExit(f"Error: {found}") from error
            why = masked(" ".join(str(error).split())).rstrip(".")
            parts = [f"{type(error).__name__}{': ' * bool(why)}{why}", remedy(error), "GENLAB_TRACEBACK=1 shows where"]
            raise SystemExit(f"Error: {'. '.join(filter(None, parts))}") from error

    return called
