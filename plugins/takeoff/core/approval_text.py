"""What a person reads before saying yes to post-deploy migrations."""

from __future__ import annotations

from collections.abc import Sequence

COMMENT, REQUESTED_BY = "comment", "requested_by"
"""Fields of the question's form."""


def answer_fields(comment: str, requested_by: str = "") -> dict[str, str]:
    """Fill in the whole form: Airflow takes an answer with all of its fields or with none (provider's `HITLOperator`).

    Args:
        comment: kept in the journal.
        requested_by: for whom a service answers; empty if a person does.
    """
    return {COMMENT: comment, REQUESTED_BY: requested_by}


def approval_subject(environment: str, package: str, version: str, count: int) -> str:
    """Ask the question in one line."""
    migrations = "1 post-deploy migration" if count == 1 else f"{count} post-deploy migrations"
    return f"Run {migrations} of {package} {version} on {environment}?"


def approval_body(version: str, names: Sequence[str], unreachable: Sequence[str], expires: str) -> str:
    """Say in Markdown what will run, and what can never be undone by it.

    Args:
        version: what the fleet runs.
        names: the pending migrations, oldest first.
        unreachable: versions that a rollback will no longer reach.
        expires: after which time the question counts as rejected.
    """
    burnt = (
        f"**This is a point of no return.** A rollback will no longer reach: {_listed(unreachable)}."
        if unreachable
        else f"**This is a point of no return.** No version before `{version}` can run after it."
    )
    migrations = "\n".join(f"- `{name}`" for name in names)
    return (
        f"{burnt}\n\nThese run on the blessed node, while every host serves `{version}`:\n\n{migrations}\n\n"
        f"Approve only if `{version}` has proved itself: after this, the way out of a fault in it is forward.\n\n"
        f"Reject, and nothing runs; so it is if nobody answers within {expires}. To be asked again, clear this task, "
        "or use `takeoff post-deploy`."
    )


def answer_text(option: str, by: str, comment: str, *, expired: bool) -> str:
    """Say how the question was answered.

    Args:
        option: ``Approve`` or ``Reject``.
        by: who answered.
        comment: what they wrote beside it.
        expired: nobody answered in time.
    """
    if expired:
        return "Post-deploy migrations: nobody answered in time, which counts as Reject"
    return f"Post-deploy migrations: {option} by {by or 'an unnamed user'}{f': {comment}' if comment else ''}"


def _listed(versions: Sequence[str]) -> str:
    return ", ".join(f"`{version}`" for version in versions)
