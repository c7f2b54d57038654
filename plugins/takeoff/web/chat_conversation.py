"""From a chat message to its answers: understood, allowed, confirmed, done, and told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from takeoff.clients.airflow_api import AirflowApi, Run
from takeoff.core.chat_command import ChatCommand, Verb
from takeoff.core.chat_grammar import parse_chat
from takeoff.core.chat_reply import Reply, confirmation_code, question_about
from takeoff.core.chat_rights import missing_right, refusal_text
from takeoff.core.chat_texts import help_reply, lease_reply, overview_reply, status_reply, unknown_reply, why_reply
from takeoff.core.chat_words import ChatMistake
from takeoff.core.dag_names import packages_variable, state_variable, why_variable
from takeoff.core.environment import Environment
from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.errors import SourceUnavailable, TakeoffError, VersionError
from takeoff.core.known_packages import KnownPackages, completed
from takeoff.core.why import Why
from takeoff.web.chat_actions import CONTROLS, ChatActions
from takeoff.web.chat_request import ChatRequest
from takeoff.web.mirrored_environments import written_model

FOLLOWED_S = 300.0
"""Longest wait for the run of an action; after it the link must do."""

LOOK_EVERY_S = 1.0

FRESH = timedelta(seconds=5)
"""Age of a look at the package sources up to which what it did not find is not looked for again."""

HEARD_AFTER = timedelta(seconds=8)
"""Age of a question at which Airflow surely hears an answer: one that comes before Airflow knows that the asking
process has ended is lost (github.com/apache/airflow/issues/72716), and that may take its workers' heartbeat of 5 s."""

OVER = ("success", "failed")
"""States of a run that has ended."""

CONTROL_TASK = "control"
"""The one task of ``control_<environment>``."""

Tell = Callable[[Reply], None]
"""Hands an answer to the person; it must not raise."""

log = logging.getLogger(__name__)


class Conversation:
    """Answers chat messages.

    Args:
        environments: gives the environments there are.
        airflow: makes a client, with a fresh login.
        links: address of the web UI that people use.
        now: gives the time of day, in UTC.
        sleep: waits between two looks at a run.
    """

    def __init__(
        self,
        environments: Callable[[], Mapping[str, Environment]],
        airflow: Callable[[], AirflowApi],
        links: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._environments = environments
        self._airflow = airflow
        self._links = links
        self._now = now
        self._sleep = sleep

    def answer_at_once(self, request: ChatRequest) -> Reply | None:
        """Answer what needs nothing but the text: help, and mistakes; ``None`` if it takes more."""
        try:
            command = parse_chat(request.text, self._environments().keys())
        except ChatMistake as error:
            return Reply(_sentence(str(error)), good=False)
        return help_reply(command.topic) if command.verb is Verb.HELP else None

    def named_groups(self, prefix: str) -> frozenset[str]:
        """Name the groups to which any environment gives a right, by what their ids begin with."""
        named = (name for one in self._environments().values() for who in one.chat.rights.values() for name in who)
        return frozenset(name.removeprefix(prefix) for name in named if name.startswith(prefix))

    def answer(self, request: ChatRequest, tell: Tell) -> None:
        """Do what is asked and tell it, in one answer or several; whatever goes wrong is told, never raised."""
        try:
            command = parse_chat(request.text, self._environments().keys())
            if self._is_refused(command, request, tell):
                return
            log.info("%s: %s", request.asker.name, command.text)
            self._carry_out(command, request, tell)
        except SourceUnavailable as error:
            log.warning("%s: %r: %s", request.asker.name, request.text, error)
            tell(
                Reply(
                    str(error),
                    ("Whether anything was started is unknown; the same command within a minute starts it only once.",),
                    good=False,
                )
            )
        except TakeoffError as error:
            tell(Reply(str(error), good=False))
        except Exception:
            log.exception("%s: %r was not answered", request.asker.name, request.text)
            tell(Reply("That failed by a fault of Takeoff itself; the API server's log has it.", good=False))

    def _is_refused(self, command: ChatCommand, request: ChatRequest, tell: Tell) -> bool:
        known = self._environments()
        concerned = [command.environment] if command.environment else list(known)
        refusals = []
        for name in concerned:
            rights = known[name].chat
            if (right := missing_right(rights, request.asker, command)) is None:
                return False
            refusals.append(refusal_text(rights, name, right))
        if not refusals:
            return False
        log.warning("Refused to %s (%s): %s", request.asker.name, ", ".join(request.asker.ids), command.text)
        tell(Reply(refusals[0], good=False))
        return True

    def _carry_out(self, command: ChatCommand, request: ChatRequest, tell: Tell) -> None:
        api = self._airflow()
        actions = ChatActions(api, self._links, request)
        command = self._completed(command, api, actions)
        match command.verb:
            case Verb.HELP:
                tell(help_reply(command.topic))
            case Verb.STATUS | Verb.WHY | Verb.LEASE:
                tell(self._look(command, request, api))
            case Verb.POST_DEPLOY:
                self._post_deploy(command, request, actions, tell)
            case Verb.RETRY:
                run, failed = actions.retry(command.environment, self._status(api, command.environment))
                tell(
                    Reply(f"Tried again: {', '.join(f'`{one}`' for one in failed)}", (), actions.url(run), public=True)
                )
            case _:
                self._start(command, request, api, actions, tell)

    def _start(
        self, command: ChatCommand, request: ChatRequest, api: AirflowApi, actions: ChatActions, tell: Tell
    ) -> None:
        if command.irreversible and not self._is_confirmed(command, request, self._effects(command, api), tell):
            return
        started = actions.start(command)
        link, looks = actions.url(started.run), command.verb in (Verb.PACKAGES, Verb.ROLLBACK_CHECK, Verb.CHECK)
        what = command.unconfirmed().text
        if started.again and not looks:
            tell(Reply(f"`{what}` came a moment ago already: one run does it.", (), link))
            return
        if command.verb not in CONTROLS:
            by = f"asked by {request.asker.name}"
            tell(Reply(f"`{what}` has begun.", (by, *self._plan(command, api)), link, public=True))
            return
        ended = self._follow(api, started.run)
        tell(self._result(what, api, ended, link, public=not looks))

    def _completed(self, command: ChatCommand, api: AirflowApi, actions: ChatActions) -> ChatCommand:
        """Complete the version from what was seen of the sources last; if nothing was, the run does it.

        Raises:
            VersionError: it can mean several, or nothing that is there, and a fresh look says the same.
        """
        if not command.version or (known := self._known_packages(api, command.environment)) is None:
            return command
        try:
            return self._complete(command, api, known)
        except VersionError:
            if self._now() - known.looked_at < FRESH:
                raise
        look = ChatCommand(Verb.PACKAGES, command.environment, reason=f"{command.version} is not known")
        self._follow(api, actions.start(look).run)
        return self._complete(command, api, self._known_packages(api, command.environment) or known)

    def _known_packages(self, api: AirflowApi, environment: str) -> KnownPackages | None:
        name = packages_variable(environment)
        return written_model(name, api.variable(name), KnownPackages)

    def _complete(self, command: ChatCommand, api: AirflowApi, known: KnownPackages) -> ChatCommand:
        status = self._status(api, command.environment)
        also = [status.deployed, *status.rejected] if status else []
        also += [status.operation.version] if status and status.operation else []
        return command.with_version(completed(command.version, known, also, self._now()))

    def _post_deploy(self, command: ChatCommand, request: ChatRequest, actions: ChatActions, tell: Tell) -> None:
        waiting = actions.waiting_approval(command.environment)
        if waiting is None:
            run = actions.ask_again(command.environment)
            told = f"It asks again; then `post-deploy {command.environment}` answers it."
            tell(Reply(f"No approval waited in {command.environment}.", (told,), actions.url(run), public=True))
            return
        effects = tuple(line for line in (waiting.subject, *waiting.body.splitlines()) if line.strip())
        if not self._is_confirmed(command, request, effects, tell):
            return
        if waiting.asked_at is not None and (left := waiting.asked_at + HEARD_AFTER - self._now()) > timedelta():
            self._sleep(left.total_seconds())
        if actions.approve(waiting, command.reason):
            told = f"Approved by {request.asker.name}: post-deploy migrations of {command.environment} run now."
            tell(Reply(told, (), actions.url(waiting), public=True))
        else:
            tell(Reply("Somebody else was faster: this question is answered already.", (), actions.url(waiting)))

    def _is_confirmed(self, command: ChatCommand, request: ChatRequest, effects: tuple[str, ...], tell: Tell) -> bool:
        """Ask for a yes, unless the command brings the one to exactly these effects."""
        asker = request.asker.name
        if command.confirm == confirmation_code(command, asker, effects):
            return True
        tell(question_about(command, asker, effects))
        return False

    def _effects(self, command: ChatCommand, api: AirflowApi) -> tuple[str, ...]:
        """Say what a lease release or a forced rollback does."""
        status = self._status(api, command.environment)
        operation = status.operation if status else None
        open_one = f"{operation.id} ({operation.kind.value} of `{operation.version}`)" if operation else "no operation"
        is_open = operation is not None and operation.outcome is None
        if command.verb is Verb.LEASE_RELEASE:
            ends = f"{open_one} is given up where it stands" if is_open else "no operation is known to be open"
            return (ends, "the fleet may be left with mixed versions", "whoever drives it is refused from then on")
        forced = tuple(f"the refusal `{name}` is passed: {reason}" for name, reason in sorted(command.force.items()))
        ended = (f"{open_one} is ended",) if is_open else ()
        leaves = f"the whole fleet goes back to `{command.version}`, and deploys stay paused"
        return (leaves, *ended, *forced)

    def _plan(self, command: ChatCommand, api: AirflowApi) -> tuple[str, ...]:
        """Say in a line what a deploy or rollback will do."""
        environment = self._environments()[command.environment]
        status = self._status(api, command.environment)
        now = f"`{status.deployed}`" if status and status.deployed else "what is not recorded"
        if command.verb is Verb.ROLLBACK:
            order = " → ".join(environment.roles_in_rollback_order())
        else:
            order = " → ".join(f"{stage.name} ({', '.join(stage.roles)})" for stage in environment.stages)
        return (f"from {now} to `{command.version}`, {order}",)

    def _follow(self, api: AirflowApi, run: Run) -> Run:
        """Wait for the end of a run; returns it as it is after the longest wait too."""
        end = self._now() + timedelta(seconds=FOLLOWED_S)
        while run.state not in OVER and self._now() < end:
            self._sleep(LOOK_EVERY_S)
            run = api.run(run.dag_id, run.run_id)
        return run

    def _result(self, what: str, api: AirflowApi, run: Run, link: str, *, public: bool) -> Reply:
        if run.state not in OVER:
            return Reply(f"`{what}` is {run.state} for {FOLLOWED_S:.0f} s and goes on.", (), link)
        if run.state == "failed":
            return Reply(f"`{what}` failed: {run.note or 'the log of its task says why'}", (), link, good=False)
        told = str(api.returned(run.dag_id, run.run_id, CONTROL_TASK)).splitlines() or ["done"]
        return Reply(told[0], tuple(told[1:]), link, public=public)

    def _look(self, command: ChatCommand, request: ChatRequest, api: AirflowApi) -> Reply:
        now, name = self._now(), command.environment
        if command.verb is Verb.STATUS and not name:
            known = self._environments()
            seen = [one for one in known if missing_right(known[one].chat, request.asker, command) is None]
            return overview_reply([(one, self._status(api, one)) for one in seen], now)
        if command.verb is Verb.WHY:
            why = written_model(why_variable(name), api.variable(why_variable(name)), Why)
            return why_reply(why, now) if why else unknown_reply(name)
        status = self._status(api, name)
        if status is None:
            return unknown_reply(name)
        return status_reply(status, now) if command.verb is Verb.STATUS else lease_reply(status, now)

    def _status(self, api: AirflowApi, environment: str) -> EnvironmentStatus | None:
        variable = state_variable(environment)
        return written_model(variable, api.variable(variable), EnvironmentStatus)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
