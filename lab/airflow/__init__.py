"""A whole Airflow on this machine, for the demo and the tests: PostgreSQL, scheduler, API server and the rest.

>>> airflow = LocalAirflow(Path(".state/airflow"), Path(".state/environments"), connections={})
>>> airflow.start()
>>> airflow.base_url
'http://127.0.0.1:41523'
>>> airflow.stop()
"""

from lab.airflow.local_airflow import LocalAirflow
from lab.airflow.secrets import Account

__all__ = ["Account", "LocalAirflow"]
