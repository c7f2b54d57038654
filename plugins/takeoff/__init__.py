"""Takeoff: staged deploys of a Debian package to a fleet of hosts.

The rings (enforced by ``tests/test_rings.py``): ``core`` decides and knows nothing of the outside; ``fleet`` acts on
hosts and ``clients`` talk to one outside system each; ``engine`` is the procedure made of these, without Airflow;
``operators``, ``sensors``, ``triggers``, ``web`` and ``cli`` are what people and Airflow touch.
"""

__version__ = "0.1.0"
