"""Which errors Airflow tries again by itself: only those that pass by themselves."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from takeoff.core.errors import HostUnreachable, Interrupted, SourceUnavailable, TakeoffError

RETRIES = 3
"""Tries after the first, for what passes by itself, and for a task whose process was killed."""

RETRY_DELAY = timedelta(seconds=30)
"""Pause before the next try of a task whose process was killed; Airflow's own default is five minutes."""

RETRIED = (HostUnreachable, Interrupted, SourceUnavailable)
"""Errors that are raised as they are, for the policy to see; all others end a task at once."""

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(HostUnreachable, retry_delay=timedelta(seconds=30), reason="hosts come back"),
        RetryRule(Interrupted, retry_delay=timedelta(seconds=10), reason="another worker goes on"),
        RetryRule(SourceUnavailable, retry_delay=timedelta(seconds=60), reason="the other side may answer soon"),
        RetryRule(TakeoffError, RetryAction.FAIL, reason="a person must look first, then clear the task"),
        RetryRule(Exception, RetryAction.FAIL, reason="unforeseen: a person must look first, then clear the task"),
    ]
)
"""A task whose process is killed never gets here: Airflow's plain retries apply, and the next try goes on from it."""
