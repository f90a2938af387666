"""The one exception a person is meant to read.

Every message says three things: what was found, where, and what to do about it. The command line prints it without
a traceback; a library user catches it as a `ValueError`.
"""


class GenlabError(ValueError):
    """Something the person can mend: a parameter, a file, a full disk, a diverging run."""


def find_genlab_error(error: BaseException | None) -> GenlabError | None:
    """The GenlabError behind an error that a library wrapped, if there is one."""
    while error is not None and not isinstance(error, GenlabError):
        error = error.__cause__ or error.__context__
    return error
