"""What a run of ``control_<environment>`` can be asked to do."""

from __future__ import annotations

from enum import StrEnum


class ControlAction(StrEnum):
    """One action, as the DAG's param ``action`` names it."""

    PAUSE = "pause"
    """Hold automatic deploys: needs ``reason``; ``for`` such as ``2h`` ends it by itself; ``stop_after`` stops the open
    operation too."""
    RESUME = "resume"
    """Lift the hold, and Airflow's toggle with it."""
    RELEASE_LEASE = "release_lease"
    """Give the open operation up: needs ``reason``."""
    ROLLBACK_CHECK = "rollback_check"
    """Say whether a rollback to ``version`` is possible; without one, which versions can be reached."""
    PACKAGES = "packages"
    """Say what the package sources hold, and what would be deployed next."""
    WARMUP = "warmup"
    """Download and verify ``version`` on every host; nothing is installed."""
    PREFLIGHT = "preflight"
    """Say whether ``version`` could be deployed now."""
    LOOK = "look"
    """Change nothing: the status that the web side shows is brought up to date."""
