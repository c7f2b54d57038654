"""Lab hosts that are hosts: a Debian of their own each, in namespaces of one Linux machine, for root."""
