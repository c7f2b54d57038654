"""What Airflow's reading of ten environments costs beyond importing Airflow, beside the same DAGs written out by hand.

Each reading is a process of its own that has imported Airflow before the clock starts, as the DAG processor has. What
one would write instead is a file with as many DAGs of as many tasks, of Airflow's own BashOperator, without a model of
the environment, operators or runbooks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.promise import Promise, judge
from takeoff.core.environment_text import parse_environment
from takeoff.core.task_ids import deploy_tasks, rollback_tasks

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS, ROUNDS = 10, 7
LIMIT_S = 0.3
IMPORT_AIRFLOW = """
import runpy, sys
import airflow.providers.standard.operators.bash
import airflow.timetables.base, airflow.triggers.base, airflow.serialization.definitions.assets
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, BaseOperator, CronTriggerTimetable, Param, TaskGroup
from airflow.sdk import ExceptionRetryPolicy
hourly = CronTriggerTimetable("0 * * * *", timezone="UTC")
with DAG("warm", schedule=AssetOrTimeSchedule(timetable=hourly, assets=[Asset("a")]), params={"a": Param(1)}):
    BaseOperator(task_id="warm")
"""
"""What any DAG loads of Airflow, which loads most of itself at first use."""
READ = f"""{IMPORT_AIRFLOW}
import time
begun = time.process_time()
for path in sys.argv[1:]:
    runpy.run_path(path)
print(time.process_time() - begun)
"""
WRITTEN_OUT = """
from datetime import UTC, datetime
from itertools import product

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param, chain

for number, (kind, tasks) in product(range({environments}), {tasks}.items()):
    asset = Asset(f"package_{{number}}")
    hourly = CronTriggerTimetable("0 * * * *", timezone="UTC")
    with DAG(
        f"{{kind}}_{{number}}",
        schedule=AssetOrTimeSchedule(timetable=hourly, assets=[asset]),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        params={{
            "version": Param(None, type=["null", "string"], pattern="^[0-9]"),
            "reason": Param("", type="string"),
            "skip": Param({{}}, type="object"),
            "requested_by": Param(None, type=["null", "string"]),
        }},
    ) as dag:
        chain(*(BashOperator(task_id=f"step_{{step}}", bash_command="deploy.sh") for step in range(tasks)))
"""


def read_s(folder: Path, *files: Path) -> float:
    """Read DAG files once: seconds of CPU."""
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, files)],
        env=os.environ
        | {"AIRFLOW_HOME": str(folder), "PYTHONPATH": str(ROOT / "plugins"), "TAKEOFF_ENVIRONMENTS": str(folder)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout.split()[-1])


def main() -> int:
    """Run it; 1 if a promise is broken."""
    ours = sorted((ROOT / "dags").glob("*.py"))
    example = (ROOT / "config" / "environments" / "gstg.yml").read_text()
    environment = parse_environment(example, "gstg.yml").environment
    tasks = {"deploy": len(deploy_tasks(environment)), "rollback": len(rollback_tasks(environment)), "control": 1}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(ENVIRONMENTS):
            (folder / f"env{number}.yml").write_text(example.replace("name: gstg", f"name: env{number}"))
        written_out = folder / "written_out.py"
        written_out.write_text(WRITTEN_OUT.format(environments=ENVIRONMENTS, tasks=tasks))
        rounds = [(read_s(folder, *ours), read_s(folder, written_out)) for _ in range(ROUNDS)]
    reading, by_hand = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    print(f"{ENVIRONMENTS} environments of {len(tasks)} DAGs, {sum(tasks.values())} tasks each; medians of {ROUNDS}:")
    print(f"  Takeoff {reading:.3f} s of CPU, written out by hand {by_hand:.3f} s: {reading / by_hand:.2f} times")
    return judge([Promise("CPU of a reading, beyond importing Airflow", reading, LIMIT_S, "s")])


if __name__ == "__main__":
    sys.exit(main())
