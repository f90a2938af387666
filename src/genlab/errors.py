"""The one exception a person is meant to read.

Every message says three things: what was found, where, and what to do about it. The command line prints it without
a traceback; a library user catches it as a `ValueError`.
"""

import logging
import re


def masked(text: str) -> str:
    """The text with *** in place of the user and password of every address, as in `postgresql://user:secret@host`."""
    return re.sub(r"://[^\s/]+@", "://***@", text)


class WithoutPasswords(logging.Filter):
    """Masks every line of the log. (Kedro allows no filters in conf/logging.yml.)"""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record, and let it pass."""
        record.msg, record.args = masked(record.getMessage()), None
        return True


WITHOUT_PASSWORDS = WithoutPasswords()


class GenlabError(ValueError):
    """Something the person can mend: a parameter, a file, a full disk, a diverging run."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


def find_genlab_error(error: BaseException | None) -> GenlabError | None:
    """The GenlabError behind an error that a library wrapped, if there is one."""
    while error is not None and not isinstance(error, GenlabError):
        error = error.__cause__ or error.__context__
    return error
