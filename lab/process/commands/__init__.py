"""The commands that a process-kind host has in place of the machine's: apt, dpkg, curl, socat.

They act on the folder named by ``TAKEOFF_HOST_ROOT`` and keep to the options, messages and exit statuses of the real
ones as far as a deploy uses them. Imports are kept few: each call starts an interpreter.
"""

import os

ROOT = os.environ.get("TAKEOFF_HOST_ROOT", "")
"""Folder that stands for the host's ``/``."""
