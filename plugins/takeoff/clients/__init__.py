"""Talk to one outside system each. No Airflow; sessions and credentials are handed in."""
