"""The steps of hosts that a task keeps for the fleet page."""

from takeoff.operators.host_steps import HostSteps


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def host(self, host: str, step: str, detail: str = "") -> None:
        self.lines.append(f"{host} {step} {detail}".strip())

    def line(self, text: str) -> None:
        self.lines.append(text)


def test_every_step_and_line_is_told_on_as_it_was() -> None:
    steps, told = HostSteps(told := Told()), told
    steps.host("web-01", "draining", "3 sessions open")
    steps.line("web-02 was rebooted")
    assert told.lines == ["web-01 draining 3 sessions open", "web-02 was rebooted"]


def test_the_same_step_again_keeps_its_time_and_has_the_new_detail() -> None:
    steps = HostSteps(Told())
    steps.host("web-01", "draining", "3 sessions open")
    first = steps.steps["web-01"]
    steps.host("web-01", "draining", "1 sessions open")
    assert steps.steps["web-01"] == first._replace(detail="1 sessions open")
    assert steps.changes == 2


def test_a_new_step_knows_the_one_before() -> None:
    steps = HostSteps(Told())
    steps.host("web-01", "installing")
    steps.host("web-01", "failed", "no space left")
    assert (steps.steps["web-01"].step, steps.steps["web-01"].after) == ("failed", "installing")
