"""What a look at every host found: all findings of all hosts at once, and what is installed where."""

from __future__ import annotations

from takeoff.core.gates import Finding, Weight
from takeoff.core.operation import Stored


class HostsReport(Stored):
    """One look at all hosts of an environment.

    Attributes:
        findings: every finding, its ``gate`` being ``hosts``; blessed node first, then in rollout order, then
            balancers.
        looked_at: names of the hosts that answered.
        installed: host → installed version; hosts that did not answer or have no package are left out.
        serving: host → state of the worst of its servers (``UP``, ``DRAIN``, ``MAINT``, ``DOWN``, …); hosts that no
            balancer knows are left out.
    """

    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]
    installed: dict[str, str]
    serving: dict[str, str]

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What forbids a deploy."""
        return tuple(finding for finding in self.findings if finding.weight is Weight.BLOCKS)
