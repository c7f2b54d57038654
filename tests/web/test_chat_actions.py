"""What chat does in Airflow, where the open operation is none of Airflow's."""

from typing import Any, cast

import pytest

from takeoff.core.environment_status import status_of
from takeoff.core.errors import Refused
from takeoff.core.operation import OperationKind
from takeoff.web.chat_actions import ChatActions
from tests.core.records import BEGIN, adopted, fold, opened
from tests.web.chat_scene import RecordingAirflow, make_environment

VERSION = "17.1.0-ee.0"


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        pytest.param(OperationKind.DEPLOY, f"takeoff deploy lab {VERSION}", id="deploy"),
        pytest.param(OperationKind.POST_DEPLOY, "takeoff post-deploy lab", id="post-deploy migrations"),
        pytest.param(OperationKind.ROLLBACK, f"takeoff rollback lab {VERSION} --reason …", id="rollback"),
    ],
)
def test_a_retry_of_what_the_command_line_began_names_the_command_that_goes_on(kind, command):
    record = fold(opened(1, VERSION, kind), record=adopted())
    actions = ChatActions(cast(Any, RecordingAirflow()), "", cast(Any, None))
    with pytest.raises(Refused, match="was begun on the command line") as refused:
        actions.retry("lab", status_of(record, make_environment(), BEGIN))
    assert f"`{command}` goes on with it" in str(refused.value)
