"""Names under which Airflow knows an environment's DAGs, its asset and its mirrored status."""

from __future__ import annotations


def deploy_dag(environment: str) -> str:
    """Name the DAG that deploys."""
    return f"deploy_{environment}"


def rollback_dag(environment: str) -> str:
    """Name the DAG that rolls back."""
    return f"rollback_{environment}"


def control_dag(environment: str) -> str:
    """Name the DAG that carries out one action on a worker."""
    return f"control_{environment}"


def package_asset(environment: str) -> str:
    """Name the asset whose events start a deploy at once."""
    return f"takeoff.package.{environment}"


def state_variable(environment: str) -> str:
    """Name the Variable that holds the environment's status as JSON, written after each of its tasks."""
    return f"takeoff.state.{environment}"


def why_variable(environment: str) -> str:
    """Name the Variable that holds, as JSON, what stood in the way of a deploy when the status was written."""
    return f"takeoff.why.{environment}"


def hosts_variable(environment: str) -> str:
    """Name the Variable that holds, as JSON, how far each host is; written while a task works on hosts."""
    return f"takeoff.hosts.{environment}"


def trouble_variable(environment: str) -> str:
    """Name the Variable that is there while an environment's package sources cannot be asked."""
    return f"takeoff.trouble.{environment}"


def packages_variable(environment: str) -> str:
    """Name the Variable that holds, as JSON, the versions that the package sources held when they were asked last."""
    return f"takeoff.packages.{environment}"


def told_variable(environment: str) -> str:
    """Name the Variable that holds, as JSON, what the environment's channel was told, and where it stands."""
    return f"takeoff.told.{environment}"
