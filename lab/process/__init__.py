"""Lab hosts without root: one Python process is the SSH server of all, and each command runs in a real ``/bin/sh``."""
