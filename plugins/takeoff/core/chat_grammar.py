"""The grammar of commands that people type: one table, parsed by click, for chat and ``takeoff chat``.

Options are called as in the ``takeoff`` command. Nothing that was typed is ever executed: it ends as a
:class:`ChatCommand` or as a sentence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from takeoff.core.chat_command import ChatCommand, Verb
from takeoff.core.chat_words import ChatMistake, nearest_word, shown, split_words, translate_spelling
from takeoff.core.errors import ConfigError, VersionError
from takeoff.core.gates import NEVER_SKIPPED, SKIPPABLE
from takeoff.core.rollback_force import check_force
from takeoff.core.strict_model import parse_duration
from takeoff.core.versions import PackageVersion

REASON = click.Option(["--reason"], metavar="WHY", default="", help="Why, for the journal.")
CONFIRM = click.Option(["--confirm"], metavar="CODE", default="", help="Yes to the question that had this code.")
SKIP = click.Option(["--skip"], metavar="GATE=REASON", multiple=True, help="Pass a gate, with a reason.")
FORCE = click.Option(["--force"], metavar="NAME=REASON", multiple=True, help="Pass a refusal, with a reason.")
FOR = click.Option(["--for", "lasting"], metavar="TIME", default="", help="2h, 3d; for ever if absent.")
STOP_AFTER = click.Option(
    ["--stop-after"],
    type=click.Choice(["host", "batch"], case_sensitive=False),
    metavar="host|batch",
    help="Stop the open operation too, once the hosts in flight, or those of the batch, are finished.",
)
CHECK = click.Option(["--check"], is_flag=True, help="Only look whether it could be deployed.")
WARMUP = click.Option(["--warmup"], is_flag=True, help="Only download and verify it on every host.")
ROLLBACK = click.Option(["--rollback"], is_flag=True, help="The same as `rollback`.")
TARGET = click.Option(["--target"], metavar="VERSION", default="", help="Version that would be rolled back to.")


@dataclass(frozen=True)
class ChatUsage:
    """How a command is typed.

    Attributes:
        verb: what it wants.
        usage: its form, for people.
        help: what it does, one sentence.
        options: beside ``--reason`` and ``--confirm``, which every command takes.
    """

    verb: Verb
    usage: str
    help: str
    options: tuple[click.Option, ...] = ()


USAGES = (
    ChatUsage(Verb.STATUS, "status [ENV]", "What runs where, what is going on, what is pending."),
    ChatUsage(Verb.WHY, "why ENV", "What blocks the next deploy, since when, and what lifts it."),
    ChatUsage(Verb.PACKAGES, "packages ENV", "What the package sources hold, and what would be deployed next."),
    ChatUsage(
        Verb.DEPLOY,
        "deploy ENV VERSION [--rollback reason…] [--warmup] [--check] [--skip GATE=reason]",
        "Start a deploy; --check only looks whether it could, --warmup only downloads.",
        (SKIP, FORCE, CHECK, WARMUP, ROLLBACK),
    ),
    ChatUsage(
        Verb.ROLLBACK,
        "rollback ENV VERSION reason… [--force NAME=reason]",
        "Take the fleet back to a version; deploys stay paused afterwards.",
        (FORCE,),
    ),
    ChatUsage(
        Verb.ROLLBACK_CHECK,
        "rollback check ENV [VERSION]",
        "Whether a rollback would be possible, and what forbids it; changes nothing.",
        (TARGET,),
    ),
    ChatUsage(
        Verb.PAUSE,
        "pause ENV reason… [for 2h] [--stop-after host|batch]",
        "Hold automatic deploys; one that runs goes on, unless --stop-after stops it.",
        (FOR, STOP_AFTER),
    ),
    ChatUsage(Verb.RESUME, "resume ENV", "Let automatic deploys go on."),
    ChatUsage(Verb.POST_DEPLOY, "post-deploy ENV", "Approve the post-deploy migrations that wait: no way back."),
    ChatUsage(Verb.RETRY, "retry ENV", "Run the failed task of the current run again."),
    ChatUsage(Verb.LEASE, "lease ENV [release reason…]", "Who may change the environment now; give that up by hand."),
    ChatUsage(Verb.HELP, "help [command]", "What can be typed."),
)

_BY_NAME = {usage.verb.value: usage for usage in USAGES}
_PARSERS = {
    name: click.Command(
        name,
        params=[click.Argument(["words"], nargs=-1), *usage.options, REASON, CONFIRM],
        add_help_option=False,
    )
    for name, usage in _BY_NAME.items()
}


def parse_chat(text: str, environments: Collection[str]) -> ChatCommand:
    """Understand a message.

    Args:
        text: all that was typed after the slash command's own name.
        environments: names that there are.

    Raises:
        ChatMistake: it is no command.
    """
    words = translate_spelling(split_words(text)) or ["help"]
    usage, words = _find_usage(words)
    given = _parse_options(usage, words)
    return _Reading(usage, given, environments).command()


def known_words() -> tuple[str, ...]:
    """List the first words of all commands."""
    return tuple(dict.fromkeys(name.split()[0] for name in _BY_NAME))


def _find_usage(words: list[str]) -> tuple[ChatUsage, list[str]]:
    first = words[0].lower().replace("_", "-")
    if first == "rollback" and len(words) > 1 and words[1].lower() == "check":
        return _BY_NAME["rollback check"], words[2:]
    if first in _BY_NAME:
        return _BY_NAME[first], words[1:]
    near = nearest_word(first, known_words())
    meant = f"did you mean `{near}`?" if near else f"known are {', '.join(known_words())}"
    raise ChatMistake(f"there is no command {shown(words[0])}: {meant}")


def _parse_options(usage: ChatUsage, words: list[str]) -> dict[str, Any]:
    try:
        return dict(_PARSERS[usage.verb.value].make_context(usage.verb.value, words).params)
    except click.ClickException as error:
        told = " ".join(error.format_message().split()).rstrip(".")
        raise ChatMistake(f"{told[:200]}; type it as `{usage.usage}`") from None


class _Reading:
    """Reads one command's words and options."""

    def __init__(self, usage: ChatUsage, given: Mapping[str, Any], environments: Collection[str]) -> None:
        self._usage = usage
        self._given = given
        self._words = list(given["words"])
        self._environments = environments

    def command(self) -> ChatCommand:
        """Read it, and refuse what is left over."""
        read = {
            Verb.HELP: self._help,
            Verb.STATUS: self._status,
            Verb.DEPLOY: self._deploy,
            Verb.ROLLBACK: self._rollback,
            Verb.ROLLBACK_CHECK: self._rollback_check,
            Verb.PAUSE: self._pause,
            Verb.LEASE: self._lease,
        }.get(self._usage.verb, self._about_environment)
        command = read()
        if self._words:
            raise self._mistake(f"what is {shown(self._words[0])}?")
        return command

    def _help(self) -> ChatCommand:
        topic = " ".join(self._words).lower()
        self._words = []
        if topic and topic not in _BY_NAME:
            near = nearest_word(topic, _BY_NAME)
            raise self._mistake(f"there is no command {shown(topic)}{f': did you mean `{near}`?' if near else ''}")
        return ChatCommand(Verb.HELP, topic=topic)

    def _status(self) -> ChatCommand:
        return self._made(Verb.STATUS, environment=self._environment() if self._words else "")

    def _about_environment(self) -> ChatCommand:
        return self._made(self._usage.verb, environment=self._environment())

    def _deploy(self) -> ChatCommand:
        environment, version = self._environment_and_version()
        chosen = [name for name in ("check", "warmup", "rollback") if self._given[name]]
        if len(chosen) > 1:
            raise self._mistake(f"--{chosen[0]} and --{chosen[1]} do not go together")
        if chosen == ["rollback"]:
            if self._given["skip"]:
                raise self._mistake("--skip passes gates of a deploy; refusals of a rollback are passed with --force")
            return self._rollback_to(environment, version)
        if self._given["force"]:
            raise self._mistake("--force goes with --rollback; gates of a deploy are passed with --skip")
        if chosen and self._given["skip"]:
            raise self._mistake("--skip goes with the deploy itself: --check shows every gate, --warmup passes none")
        verb = {"check": Verb.CHECK, "warmup": Verb.WARMUP}.get(chosen[0] if chosen else "", Verb.DEPLOY)
        return self._made(verb, environment=environment, version=version, skips=self._skips())

    def _rollback(self) -> ChatCommand:
        return self._rollback_to(*self._environment_and_version())

    def _rollback_to(self, environment: str, version: str) -> ChatCommand:
        reason = self._reason("a rollback needs a reason: the version that is left is rejected with it")
        force = self._pairs("--force", "NAME", self._given["force"])
        try:
            check_force(force)
        except ConfigError as error:
            raise self._mistake(str(error)) from None
        return self._made(Verb.ROLLBACK, environment=environment, version=version, reason=reason, force=force)

    def _rollback_check(self) -> ChatCommand:
        swapped = len(self._words) > 1 and self._words[0] not in self._environments
        if swapped and self._words[1] in self._environments:
            self._words[:2] = self._words[1::-1]
        environment = self._environment()
        typed = self._given["target"] or (self._words.pop(0) if self._words else "")
        return self._made(Verb.ROLLBACK_CHECK, environment=environment, version=self._version(typed) if typed else "")

    def _pause(self) -> ChatCommand:
        environment = self._environment()
        typed = self._given["lasting"]
        if not typed and len(self._words) > 1 and self._words[-2].lower() == "for" and self._words[-1][:1].isdigit():
            typed, self._words = self._words[-1], self._words[:-2]
        reason = self._reason("a pause needs a reason: whoever meets it must know what it waits for")
        try:
            lasting = parse_duration(typed) if typed else None
        except (ValueError, OverflowError):
            raise self._mistake(f"{shown(typed)} is no duration: write 90m, 2h or 3d") from None
        stop_after = self._given["stop_after"] or ""
        return self._made(Verb.PAUSE, environment=environment, reason=reason, lasting=lasting, stop_after=stop_after)

    def _lease(self) -> ChatCommand:
        environment = self._environment()
        if not self._words:
            return self._made(Verb.LEASE, environment=environment)
        if self._words.pop(0).lower() != "release":
            raise self._mistake("the only thing to do with a lease here is `release`")
        reason = self._reason("releasing a lease needs a reason: the fleet may be left mixed")
        return self._made(Verb.LEASE_RELEASE, environment=environment, reason=reason)

    def _environment_and_version(self) -> tuple[str, str]:
        """Take the first two words in either order."""
        if len(self._words) < 2:
            raise self._mistake("it needs an environment and a version")
        first, second = self._words[:2]
        if second in self._environments and first not in self._environments:
            self._words[:2] = second, first
        return self._environment(), self._version(self._words.pop(0))

    def _environment(self) -> str:
        if not self._words and len(self._environments) == 1:
            return next(iter(self._environments))
        known = ", ".join(sorted(self._environments)) or "none is set up"
        if not self._words:
            raise self._mistake(f"it needs an environment: {known}")
        name = str(self._words.pop(0))
        if name in self._environments:
            return name
        near = nearest_word(name, self._environments)
        raise self._mistake(
            f"there is no environment {shown(name)}: {f'did you mean `{near}`?' if near else f'there is {known}'}"
        )

    def _version(self, typed: str) -> str:
        try:
            return PackageVersion.parse(typed.removeprefix("v")).text
        except VersionError as error:
            raise self._mistake(str(error)) from None

    def _reason(self, without: str) -> str:
        """Take all words that are left as the reason."""
        reason = " ".join((*self._words, self._given["reason"])).strip()
        self._words = []
        if not reason:
            raise self._mistake(without)
        return reason

    def _skips(self) -> Mapping[str, str]:
        skips = self._pairs("--skip", "GATE", self._given["skip"])
        for name in skips:
            if name in NEVER_SKIPPED:
                raise self._mistake(f"the gate {name} is never skipped")
            if name not in SKIPPABLE:
                near = nearest_word(name, SKIPPABLE)
                meant = f"did you mean {near}?" if near else f"there are {', '.join(SKIPPABLE)}"
                raise self._mistake(f"there is no gate {shown(name)}: {meant}")
        return skips

    def _pairs(self, option: str, what: str, given: Iterable[str]) -> Mapping[str, str]:
        reasons: dict[str, str] = {}
        for text in given:
            name, _, reason = (part.strip() for part in text.partition("="))
            if not name or not reason:
                raise self._mistake(f"write {option} {what}=reason, in double quotes if the reason has spaces")
            if name in reasons:
                raise self._mistake(f"{option} {shown(name)} is given twice")
            reasons[name] = reason
        return reasons

    def _made(self, verb: Verb, **parts: Any) -> ChatCommand:
        parts.setdefault("reason", self._given["reason"].strip())
        return ChatCommand(verb, confirm=self._given["confirm"], **parts)

    def _mistake(self, message: str) -> ChatMistake:
        return ChatMistake(f"{message}{'' if message.endswith('?') else ';'} type it as `{self._usage.usage}`")
