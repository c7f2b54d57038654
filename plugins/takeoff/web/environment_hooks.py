"""The webhooks of all environments, with their secrets from Airflow's connections; read anew once a minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from takeoff.core.dag_names import package_asset
from takeoff.core.errors import SourceUnavailable, TakeoffError
from takeoff.core.webhook_signature import HookSecrets
from takeoff.environment_files import BrokenEnvironment, load_environments
from takeoff.web.gitlab_hook import EnvironmentHook

FRESH_S = 60.0
"""Seconds after which files and connections are read again."""

RING_TRIES, RING_PAUSE_S = 3, 2.0

log = logging.getLogger(__name__)


class EnvironmentHooks:
    """Gives the webhooks; a secrets backend may be slow, so what it said is kept for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -FRESH_S
        self._hooks: tuple[EnvironmentHook, ...] = ()

    def __call__(self) -> Sequence[EnvironmentHook]:
        """Give them as they were at most a minute ago."""
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._hooks = tuple(_read_hooks())
                self._read_at = time.monotonic()
            return self._hooks


def _read_hooks() -> Iterator[EnvironmentHook]:
    for loaded in load_environments():
        if isinstance(loaded, BrokenEnvironment) or (settings := loaded.environment.package.hook) is None:
            continue
        name = loaded.environment.name
        try:
            found = BaseHook.get_connection(settings.connection)
            secrets = HookSecrets.of(
                found.password or "", str(found.extra_dejson.get("signing_token", "")), settings.connection
            )
        except AirflowNotFoundException:
            log.error("%s: package.hook.connection: there is no connection %r", name, settings.connection)
        except TakeoffError as error:
            log.error("%s: package.hook: %s", name, error)
        else:
            yield EnvironmentHook(name, settings, secrets)


def ring(environment: str, extra: Mapping[str, str | int]) -> None:
    """Send an event to the environment's asset; if that fails it is logged, and the scheduled look finds it."""
    from takeoff.operators.airflow_rest import connected_airflow_api

    tries = Retrying(
        retry=retry_if_exception_type(SourceUnavailable),
        stop=stop_after_attempt(RING_TRIES),
        wait=wait_fixed(RING_PAUSE_S),
        reraise=True,
    )
    try:
        tries(lambda: connected_airflow_api().ring(package_asset(environment), extra))
    except TakeoffError as error:
        log.error("%s: its asset could not be rung, the scheduled look will find the package: %s", environment, error)
