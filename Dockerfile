# Airflow with everything that requirements.txt pins. The code is mounted by docker-compose.yml, not copied: a change of
# a DAG or of an environment file needs no new image, a change of requirements.txt does.
FROM apache/airflow:3.3.2-python3.11

COPY requirements.txt /opt/takeoff/requirements.txt
RUN pip install --no-cache-dir --require-hashes --requirement /opt/takeoff/requirements.txt

# Made here so that the volume on it belongs to the user of the image; the lab keeps its state in it.
USER root
RUN install --directory --owner=airflow --group=0 --mode=0775 /lab
USER airflow

# `takeoff` and `import takeoff` as on a developer's machine; plugins/ and lab/ appear below /opt/airflow.
ENV PYTHONPATH=/opt/airflow/plugins:/opt/airflow
RUN printf '%s\n' '#!/bin/sh' 'exec python -c "from takeoff.cli import main; main()" "$@"' > /home/airflow/.local/bin/takeoff \
    && chmod 755 /home/airflow/.local/bin/takeoff
