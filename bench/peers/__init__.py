"""Other tools that run commands on many hosts, in a virtual environment of their own (``.venv-bench``)."""
