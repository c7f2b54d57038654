"""A fleet of hosts on one machine, to try Takeoff on, to test it and to break it: ``python -m lab up``."""
