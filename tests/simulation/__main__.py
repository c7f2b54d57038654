"""Plays one schedule and prints its story: ``python -m tests.simulation SEED``."""

import sys

from tests.simulation.play import play
from tests.simulation.schedule import schedule_of

if __name__ == "__main__":
    chosen = schedule_of(int(sys.argv[1]))
    print(chosen)
    played = play(chosen)
    print("\n".join(played.story))
    print(played.calls, "calls;", played.breaches or "no breach")
