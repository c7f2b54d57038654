"""Watches a lab from outside while something is deployed to it, and judges the safety rules.

Shares no code with Takeoff: what it knows, it sees on the hosts' disks and in their processes, on the balancers and in
the database, and in the journal, whose form is public.
"""
