"""Decisions: versions, the environment's model, plans, records and verdicts. No I/O, no clock, no Airflow."""
