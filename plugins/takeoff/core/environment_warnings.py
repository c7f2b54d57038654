"""What is allowed in an environment file, and yet worth a warning."""

from __future__ import annotations

from collections.abc import Iterator

from takeoff.core.environment import Environment


def warnings_of(environment: Environment) -> Iterator[str]:
    """List what an operator should know about a valid environment, one sentence each."""
    for balancer in environment.load_balancers:
        if balancer.tcp is not None:
            yield (
                f"load_balancers: {balancer.name} is reached over TCP ({balancer.tcp}), unfenced: a driver that was "
                "superseded can still change it; name its `host` and `socket` instead"
            )
    balanced = {
        role for balancer in environment.load_balancers for one in balancer.backends.values() for role in one.roles
    }
    for role in environment.role_names:
        if environment.roles[role].drain and role not in balanced:
            yield f"roles: {role} is to be drained, but no load balancer has it: set `drain: false` if that is right"
    if environment.qa is None:
        yield "qa: is absent: a deploy is not tested"
    if environment.alerts is None:
        yield "alerts: is absent: a deploy does not look at alerts, and stages do not bake"
