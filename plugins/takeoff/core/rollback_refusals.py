"""What forbids a rollback, by the names that ``--force`` takes, and which of it a person may force."""

from takeoff.core.gates import AUTHORITY

NEVER_DEPLOYED = "never_deployed"
NO_RETURN = "point_of_no_return"
NOT_OLDER = "not_older"
MIGRATING = "migrating"
SKEW = "skew"
ROOM = "room"
PACKAGE = "package"

FORCEABLE = (NO_RETURN, NEVER_DEPLOYED, NOT_OLDER, SKEW)
"""Refusals that ``--force NAME=REASON`` passes: what they warn of may be the lesser evil."""

NEVER_FORCED = (MIGRATING, AUTHORITY, PACKAGE, ROOM)
"""Refusals that no reason passes: what they name makes the rollback impossible, or breaks a database for good."""
