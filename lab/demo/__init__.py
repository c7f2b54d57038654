"""The demo: a fleet under traffic, an Airflow, and one deploy of a new package, told step by step."""
