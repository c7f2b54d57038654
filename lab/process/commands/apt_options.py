"""The command line of apt-get and apt-cache: options anywhere, ``-o Name=value`` in its several spellings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Arguments:
    """A parsed command line.

    Attributes:
        words: the operation and its operands.
        flags: long or short switches as they were typed.
        options: configuration given with ``-o``, names in lower case (apt does not mind case).
    """

    words: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    options: dict[str, str] = field(default_factory=dict)

    def has(self, *spellings: str) -> bool:
        """Whether any of the spellings was given."""
        return bool(self.flags.intersection(spellings))


def parse_arguments(arguments: list[str]) -> Arguments:
    """Split a command line; short switches may be joined (``-yq``)."""
    parsed = Arguments()
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-o", "--option", "-c", "-t", "--target-release"):
            _option(parsed, next(rest, "")) if argument in ("-o", "--option") else next(rest, "")
        elif argument.startswith(("-o", "--option=")) and "=" in argument:
            _option(parsed, argument.removeprefix("--option=").removeprefix("-o").lstrip("="))
        elif argument.startswith("--"):
            parsed.flags.add(argument)
        elif argument.startswith("-") and argument != "-":
            letters = argument[1:].partition("=")[0]
            parsed.flags.update(f"-{letter}" for letter in letters)
        else:
            parsed.words.append(argument)
    return parsed


def _option(parsed: Arguments, text: str) -> None:
    name, _, value = text.partition("=")
    parsed.options[name.lower()] = value.strip('"')
