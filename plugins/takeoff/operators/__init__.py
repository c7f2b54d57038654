"""Airflow's tasks: context in, engine called, XCom, notes and links out."""
