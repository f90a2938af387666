"""Functions that are found by what they need: drawings, measures, figures.

Each stands in a file of its own, in a package that holds nothing else. Its decorator says which capabilities the model
must have, how the images must be arranged, and, where it makes sense of one medium only, of which. A new file is found
without a list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from genlab.media.base import medium_named
from genlab.sampling.case import Case

F = TypeVar("F", bound=Callable[..., dict[str, Any]])


@dataclass(frozen=True)
class Entry:
    """One function and what it needs."""

    function: Callable[..., dict[str, Any]]
    needs: tuple[type, ...]  # capabilities, all of them
    on: type  # an arrangement of images
    of: str | None  # the only medium that it is for; None: for all
    said: Mapping[str, Any]  # what else its decorator says


@dataclass
class Registry:
    """The functions of a package."""

    package: str
    entries: list[Entry] = field(default_factory=list)

    def __call__(
        self, *, needs: type | tuple[type, ...] = (), on: type = object, of: str | None = None, **said: Any
    ) -> Callable[[F], F]:
        """Register a function that takes a case and returns values by name."""

        def register(function: F) -> F:
            self.entries.append(Entry(function, needs if isinstance(needs, tuple) else (needs,), on, of, said))
            return function

        return register

    @cached_property
    def all(self) -> list[Entry]:
        """Every entry, file by file in the order of their names."""
        package = import_module(self.package)
        for module in iter_modules(package.__path__, f"{self.package}."):
            import_module(module.name)
        return sorted(self.entries, key=lambda entry: entry.function.__module__)

    def run(self, case: Case[Any, Any], **said: Any) -> dict[str, Any]:
        """What all functions return that fit a case and whose decorator says the same, together."""
        found: dict[str, Any] = {}
        medium = medium_named(case.examples.spec.medium).kind
        for entry in self.all:
            able = all(isinstance(case.model, capability) for capability in entry.needs) and entry.of in (None, medium)
            if able and isinstance(case.examples, entry.on) and said.items() <= entry.said.items():
                found |= entry.function(case)
        return found


drawing = Registry("genlab.sampling.drawings")
"""`@drawing(needs=Capability, on=Arrangement, of="pictures")`: draws for one split; "<group>/<id>" -> an example."""
