"""Airflow's sensors: what starts a deploy."""
