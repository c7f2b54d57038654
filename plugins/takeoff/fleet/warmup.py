"""Downloads and verifies the operation's package on every host; installs nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection

from takeoff.core.errors import BudgetSpent, HostError, HostUnreachable
from takeoff.core.operation import Lease
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from takeoff.core.rollout_rules import Budget
from takeoff.fleet.commands.package_commands import download_package
from takeoff.fleet.fleet import Fleet

STEP = "warmup"
"""Name of the host job."""

_FETCHED = re.compile(r"^fetched=(\d+|installed)$", re.MULTILINE)


async def warm_up(
    fleet: Fleet,
    lease: Lease,
    *,
    hosts: Collection[str] = (),
    left_behind: Collection[str] = (),
    rollback: bool = False,
) -> RolloutReport:
    """Download on the blessed node and every host, or on some, at most ``warmup_parallel`` at once.

    Disk space is looked at first. The file in apt's cache is compared with the SHA256 that the operation pinned. Run
    again, only hosts on which it did not succeed do anything; what apt's cache loses later is fetched again by the
    install.

    Args:
        fleet: the environment.
        lease: the right to change it.
        hosts: only these; all if empty.
        left_behind: hosts that were left behind before: their silence costs the budget nothing.
        rollback: the package may be older than what is installed.

    Returns:
        Every host once: changed (fetched, with the number of bytes), unchanged (it was there), or, within the
        failure budget of the environment, unreachable or failed.

    Raises:
        BudgetSpent: on some host it cannot be had; ``report`` has every host.
        Superseded: another driver or operation has taken over.
    """
    every = [host for host in fleet.environment.fleet if not hosts or host in hosts]
    few = asyncio.Semaphore(fleet.environment.warmup_parallel)

    async def one(host: str) -> HostOutcome:
        async with few:
            return await _warm_up_one(fleet, lease, host, rollback)

    tasks = [asyncio.create_task(one(host)) for host in every]
    try:
        outcomes = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    report = RolloutReport(hosts=tuple(outcomes))
    budget = Budget.of(fleet.environment.failure_budget, len(every))
    failed, unreachable = report.of(Result.FAILED), report.of(Result.UNREACHABLE)
    silent = [outcome for outcome in unreachable if outcome.host not in left_behind]
    if spent := budget.spent_by(len(failed), len(silent)):
        told = "; ".join(f"{outcome.host}: {outcome.reason}" for outcome in (*failed, *silent))
        error = BudgetSpent(f"warmup: {spent}: {told} — repair them and try the task again; nothing was installed")
        error.report = report
        raise error
    return report


def fetched_bytes(report: RolloutReport) -> int:
    """Count the bytes that a warmup fetched from the package repository."""
    return sum(int(match[1]) for outcome in report.hosts if (match := re.match(r"(\d+) bytes fetched", outcome.reason)))


async def _warm_up_one(fleet: Fleet, lease: Lease, host: str, rollback: bool) -> HostOutcome:
    command = download_package(fleet.environment, lease.operation, rollback=rollback)
    started = fleet.clock.monotonic()
    fleet.progress.host(host, "downloading")
    try:
        done = await fleet.jobs.run(
            lease,
            host,
            STEP,
            command.script,
            arguments=command.arguments,
            timeout_s=command.timeout_s,
            describe=command.describe,
        )
    except HostError as error:
        result = Result.UNREACHABLE if isinstance(error, HostUnreachable) else Result.FAILED
        reason = str(error).removeprefix(f"{host}: ")
    else:
        result, reason = _said(done.output_tail, done.already_done)
    fleet.progress.host(host, result.value, reason)
    seconds = round(fleet.clock.monotonic() - started, 3)
    step = STEP if result in (Result.FAILED, Result.UNREACHABLE) else ""
    return HostOutcome(host=host, result=result, reason=reason, seconds=seconds, step=step)


def _said(output: str, already_done: bool) -> tuple[Result, str]:
    told = _FETCHED.findall(output)
    if already_done:
        return Result.UNCHANGED, "downloaded and verified by an earlier try"
    if not told or told[-1] == "0":
        return Result.UNCHANGED, "verified in apt's cache, nothing fetched"
    if told[-1] == "installed":
        return Result.UNCHANGED, "runs that version already"
    return Result.CHANGED, f"{told[-1]} bytes fetched and verified"
