"""What people type in chat, and what is understood."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from takeoff.cli import app
from takeoff.core.chat_command import RIGHTS, ChatCommand, Verb
from takeoff.core.chat_grammar import USAGES, parse_chat
from takeoff.core.chat_words import LONGEST, ChatMistake
from takeoff.core.people_settings import Right
from takeoff.core.versions import PackageVersion

KNOWN = ("gstg", "gprd")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("deploy gstg 17.4.1-ee.0", ChatCommand(Verb.DEPLOY, "gstg", "17.4.1-ee.0")),
        ("deploy 17.4.1 gstg", ChatCommand(Verb.DEPLOY, "gstg", "17.4.1")),
        ("DEPLOY gstg v17.4.1", ChatCommand(Verb.DEPLOY, "gstg", "17.4.1")),
        ("deploy gstg 17.4 --check", ChatCommand(Verb.CHECK, "gstg", "17.4")),
        ("deploy --warmup 17.4 gstg", ChatCommand(Verb.WARMUP, "gstg", "17.4")),
        (
            'deploy gstg 17.4 --skip qa="a flaky test" --skip freeze=hotfix',
            ChatCommand(Verb.DEPLOY, "gstg", "17.4", skips={"qa": "a flaky test", "freeze": "hotfix"}),
        ),
        (
            "deploy gstg 17.4 —skip “paused=they agreed”",
            ChatCommand(Verb.DEPLOY, "gstg", "17.4", skips={"paused": "they agreed"}),
        ),
        (
            "deploy gstg 17.3 --rollback login broken",
            ChatCommand(Verb.ROLLBACK, "gstg", "17.3", "login broken"),
        ),
        ("rollback gstg 17.3 it doesn't work", ChatCommand(Verb.ROLLBACK, "gstg", "17.3", "it doesn't work")),
        ("rollback 17.3 gstg it fails", ChatCommand(Verb.ROLLBACK, "gstg", "17.3", "it fails")),
        (
            'rollback gstg 17.3 bad --force skew="one host only"',
            ChatCommand(Verb.ROLLBACK, "gstg", "17.3", "bad", force={"skew": "one host only"}),
        ),
        ("rollback check gstg", ChatCommand(Verb.ROLLBACK_CHECK, "gstg")),
        ("rollback check 17.3 gstg", ChatCommand(Verb.ROLLBACK_CHECK, "gstg", "17.3")),
        ("rollback check gstg --target 17.3", ChatCommand(Verb.ROLLBACK_CHECK, "gstg", "17.3")),
        ("pause gstg incident 42", ChatCommand(Verb.PAUSE, "gstg", "", "incident 42")),
        (
            "pause gstg incident 42 for 2h",
            ChatCommand(Verb.PAUSE, "gstg", "", "incident 42", timedelta(hours=2)),
        ),
        (
            "pause --stop-after host gstg incident 42 for 2h",
            ChatCommand(Verb.PAUSE, "gstg", "", "incident 42", timedelta(hours=2), stop_after="host"),
        ),
        ("pause gstg bad —stop-after Batch", ChatCommand(Verb.PAUSE, "gstg", "", "bad", stop_after="batch")),
        ("pause gstg waiting for jane", ChatCommand(Verb.PAUSE, "gstg", "", "waiting for jane")),
        ("auto_deploy pause gstg incident", ChatCommand(Verb.PAUSE, "gstg", "", "incident")),
        ("auto_deploy unpause gstg", ChatCommand(Verb.RESUME, "gstg")),
        ("auto_deploy blockers gstg", ChatCommand(Verb.WHY, "gstg")),
        ("post_deploy_migrations execute gstg", ChatCommand(Verb.POST_DEPLOY, "gstg")),
        ("post_deploy gstg", ChatCommand(Verb.POST_DEPLOY, "gstg")),
        ("lease gstg", ChatCommand(Verb.LEASE, "gstg")),
        ("lease gstg release it is stuck", ChatCommand(Verb.LEASE_RELEASE, "gstg", "", "it is stuck")),
        ("status", ChatCommand(Verb.STATUS)),
        ("retry gprd", ChatCommand(Verb.RETRY, "gprd")),
        ("", ChatCommand(Verb.HELP)),
        ("help rollback check", ChatCommand(Verb.HELP, topic="rollback check")),
    ],
    ids=lambda value: value or "nothing" if isinstance(value, str) else "",
)
def test_a_command_is_understood_and_its_canonical_form_means_the_same(text: str, command: ChatCommand) -> None:
    assert parse_chat(text, KNOWN) == command
    assert parse_chat(command.text, KNOWN) == command


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("deply gstg 17.4", "did you mean `deploy`?"),
        ("stauts", "did you mean `status`?"),
        ("dance", "there is no command 'dance': known are status"),
        ("deploy gstgg 17.4", "did you mean `gstg`?"),
        ("deploy moon 17.4", "there is gprd, gstg"),
        ("deploy gstg", "it needs an environment and a version"),
        ("deploy gstg 17.4 now", "what is 'now'?"),
        ("resume gstg please", "what is 'please'?"),
        ("deploy gstg newest", "'newest' is no package version"),
        ("deploy gstg 17.4;reboot", "is no package version"),
        ("deploy gstg $(reboot)", "is no package version"),
        ("deploy gstg 17.4 --now", "No such option"),
        ("deploy gstg 17.4 --skip lease=x", "never skipped"),
        ("deploy gstg 17.4 --skip freez=x", "did you mean freeze?"),
        ("deploy gstg 17.4 --skip freeze", "write --skip GATE=reason"),
        ("deploy gstg 17.4 --check --warmup", "do not go together"),
        ("deploy gstg 17.4 --rollback", "a rollback needs a reason"),
        ("rollback gstg 17.3", "a rollback needs a reason"),
        ("rollback gstg 17.3 bad --force migrating=x", "can never be forced"),
        ("pause gstg", "a pause needs a reason"),
        ("pause gstg x --for soon", "'soon' is no duration"),
        ("pause gstg x --stop-after now", "'now' is not one of 'host', 'batch'"),
        ("resume gstg --stop-after host", "No such option"),
        ("lease gstg release", "releasing a lease needs a reason"),
        ("lease gstg move", "is `release`"),
        ("why", "it needs an environment: gprd, gstg"),
        ('pause gstg "incident', "a quotation mark is not closed"),
        ("status \x1b[31m", "control characters"),
        ("pause gstg " + "x" * LONGEST, f"at most {LONGEST}"),
        ("help dance", "there is no command 'dance'"),
    ],
    ids=lambda value: value[:30].replace("\x1b", "escape"),
)
def test_a_mistake_is_answered_with_what_to_type_instead(text: str, told: str) -> None:
    with pytest.raises(ChatMistake) as mistake:
        parse_chat(text, KNOWN)
    assert told in str(mistake.value)


def test_where_there_is_only_one_environment_it_need_not_be_named() -> None:
    assert parse_chat("why", ("gstg",)).environment == "gstg"


WORDS = st.one_of(
    st.sampled_from(
        [
            *("deploy", "rollback", "check", "pause", "resume", "status", "why", "lease", "release", "retry", "help"),
            *("post-deploy", "auto_deploy", "unpause", "gstg", "gprd", "17.4.1-ee.0", "17.3", "for", "2h", "--"),
            *("--skip", "--force", "--for", "--check", "--rollback", "--reason", "--confirm", "qa=x", "skew=y", '"'),
            *("--stop-after", "host", "batch"),
            *("--help", "$(id)", "`id`", ";", "|", "&&", "../..", "\x00", "—skip", "-h", "--skip=qa=z", "%s", "{0}"),
        ]
    ),
    st.text(max_size=12),
)


@settings(max_examples=1_000, deadline=None)
@given(st.lists(WORDS, max_size=8).map(" ".join))
def test_any_text_is_a_command_of_a_strict_form_or_a_mistake(text: str) -> None:
    try:
        command = parse_chat(text, KNOWN)
    except ChatMistake:
        return
    assert command.environment in ("", *KNOWN)
    assert not command.version or PackageVersion.parse(command.version)
    assert parse_chat(command.text, KNOWN) == command


def test_every_command_but_help_needs_a_right() -> None:
    assert set(Verb) - set(RIGHTS) == {Verb.HELP}


def test_passing_a_gate_needs_the_right_to_override_too() -> None:
    assert parse_chat("deploy gstg 17.4 --skip qa=flaky", KNOWN).needs == (Right.DEPLOY, Right.OVERRIDE)


def test_options_are_called_as_in_the_command() -> None:
    import typer

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for usage in USAGES:
        if (command := commands.get(usage.verb.value)) is None:
            continue
        known = {name for parameter in command.params for name in parameter.opts}
        only_chat = {"--check", "--force"} if usage.verb is Verb.DEPLOY else set()
        assert {option.opts[0] for option in usage.options} <= known | only_chat, usage.verb
