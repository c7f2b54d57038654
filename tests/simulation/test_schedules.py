"""Rules 1, 2, 3 and 5 hold, whenever drivers are killed and frozen, connections cut, hosts rebooted, a disk lost."""

from __future__ import annotations

import gc
import os
import random
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.simulation.play import RETRY_S, play
from tests.simulation.process import HEARTBEAT_S
from tests.simulation.schedule import CALLS, Fault, Schedule, schedule_of
from tests.simulation.shrink import shrink, story_of

BLOCK = 25
BLOCKS = 40
"""In as many tests, so that the workers of one run share them."""

SOAK = 100_000


def test_an_undisturbed_run_needs_one_try_for_everything_and_breaks_nothing() -> None:
    played = play(Schedule(seed=0, faults=()))
    assert played.breaches == []
    assert played.failures == []
    assert 200 < played.calls < CALLS


def test_a_schedule_is_played_the_same_way_every_time() -> None:
    schedule = schedule_of(7)
    assert play(schedule).story == play(schedule).story


@pytest.mark.parametrize("call", [90, 130, 200, 240])
def test_a_frozen_driver_changes_nothing_when_it_wakes_up_after_its_own_retry(call: int) -> None:
    played = play(Schedule(seed=3, faults=(Fault("freeze", call, 0.0, HEARTBEAT_S + RETRY_S + 1.5, 0),)))
    assert played.breaches == []
    story = played.story
    frozen = next(index for index, line in enumerate(story) if "FAULT" in line)
    woken = next(index for index, line in enumerate(story) if "wakes up" in line)
    assert any("stalled" in line for line in story[frozen:woken])
    assert any("for epoch" in line or "done" in line for line in story[woken:])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_schedule_of_faults_breaks_a_safety_rule(block: int) -> None:
    broken = _broken(range(block * BLOCK, (block + 1) * BLOCK))
    assert broken == [], story_of(schedule_of(broken[0]))


ONCE_BROKEN = {
    443900583505: "a host was in maint of which a rollback, that took over in that moment, was not told",
    443900597640: "an install began while a download ran that a host, cut off until then, had heard of late",
    443900616262: "a download began while an install ran, by a driver that woke up",
    199383123230: "a host came back into service while an install ran that it had heard of late",
    920363956269: "a restart that was asked for half a minute before began when nobody else served any more",
    199383123682: "a host that had just come back was put to maint, and the floor needed it",
}
"""Schedules of `make soak` in which a rule was broken, and how."""


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_a_schedule_that_once_broke_a_rule_breaks_none(seed: int) -> None:
    assert play(schedule_of(seed)).breaches == []


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
def test_no_schedule_of_a_fresh_seed_breaks_a_safety_rule(capsys: pytest.CaptureFixture[str]) -> None:
    first = int(os.environ.get("TAKEOFF_SIMULATION_SEED") or random.SystemRandom().randrange(2**40))
    blocks = [range(start, start + BLOCK) for start in range(first, first + SOAK, BLOCK)]
    broken: list[int] = []
    with capsys.disabled(), ProcessPoolExecutor(os.cpu_count(), initializer=gc.freeze) as pool:
        print(f"\nsimulation: {SOAK:,} schedules from seed {first} (TAKEOFF_SIMULATION_SEED={first} plays them again)")
        for played, found in enumerate(pool.map(_broken, blocks), 1):
            broken += found
            if found or played % 200 == 0:
                print(f"{played * BLOCK:,} played, broken: {broken or 'none'}", flush=True)
    assert broken == [], f"seeds {broken}\n" + story_of(schedule_of(broken[0]))


def test_a_schedule_is_shortened_to_the_faults_that_matter() -> None:
    faults = tuple(Fault(kind, call, 0.0, 1.0, 0) for call, kind in enumerate(("kill", "cut", "reboot", "freeze"), 1))
    both = {"cut", "freeze"}
    short = shrink(Schedule(1, faults, second="release"), lambda one: both <= {fault.kind for fault in one.faults})
    assert [fault.kind for fault in short.faults] == ["cut", "freeze"]
    assert short.second == ""


def _broken(seeds: range) -> list[int]:
    return [seed for seed in seeds if play(schedule_of(seed)).breaches]
