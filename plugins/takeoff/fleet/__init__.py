"""Acts on hosts over SSH: connections, host jobs, lease, journal, balancers, rollout. No Airflow."""
