"""No DAG: raises what is wrong in environment files, so that Airflow shows it as this file's import error.

The other files of this folder leave a broken environment out, and the other environments' DAGs live on.
"""

from takeoff.core.errors import ConfigError
from takeoff.environment_files import BrokenEnvironment, load_environments

broken = [loaded for loaded in load_environments() if isinstance(loaded, BrokenEnvironment)]
if broken:
    raise ConfigError(*(problem for one in broken for problem in one.error.problems))
