"""The ``takeoff`` command's parts, one file for each group; each imports what it needs only when it runs."""
