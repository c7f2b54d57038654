"""Download and install, run in a real shell with the machine's real apt and dpkg on a private root."""

from __future__ import annotations

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError
from takeoff.core.recipes import GITLAB_RECIPES
from takeoff.fleet.commands.package_commands import download_package, install_package, skip_file_of
from tests.fleet.commands.conftest import OperationTo
from tests.fleet.commands.debian_root import DebianRoot, Repository

OLD, NEW = "17.1.0-ee.0", "17.2.0-ee.0"
WEB = GITLAB_RECIPES["web"]


@pytest.fixture
def installed(host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo) -> str:
    """Install the old version; the sum of the new one."""
    old = repository.publish(OLD)
    done = host.run(install_package(environment, operation_to(OLD, old), WEB))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {OLD}"
    return repository.publish(NEW)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_an_upgrade_installs_the_version_with_the_skip_file_there_and_gone_after(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str, shell: str
) -> None:
    done = host.run(install_package(environment, operation_to(NEW, installed), WEB), shell)
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {NEW}"
    assert "found the skip file" in done.stdout
    assert not host.skip_file.exists()
    assert not host.reconfigured


def test_an_install_marks_the_host_as_unfinished_until_the_recipe_is_through(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.run(install_package(environment, operation_to(NEW, installed), WEB))
    assert (host.folder / "var/lib/takeoff/lab/unfinished").read_text() == f"{NEW}\n"


def test_installing_again_changes_nothing(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    command = install_package(environment, operation_to(NEW, installed), WEB)
    host.run(command)
    repository.requests.clear()
    done = host.run(command)
    assert done.returncode == 0
    assert "is installed already" in done.stdout
    assert repository.requests == []
    assert not host.skip_file.exists()


def test_a_build_that_the_operation_did_not_pin_is_not_installed(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    done = host.run(install_package(environment, operation_to(NEW, "b" * 64), WEB))
    assert done.returncode == 1
    assert f"SHA256 of gitlab-ee {NEW} is {installed}, not what the operation pinned" in done.stderr
    assert host.installed == f"ii {OLD}"
    assert host.cached == [path for path in host.cached if OLD in path.name]
    assert not host.skip_file.exists()


def test_a_cached_file_that_was_damaged_is_fetched_again(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    operation = operation_to(NEW, installed)
    host.run(download_package(environment, operation))
    next(path for path in host.cached if NEW in path.name).write_bytes(b"rubbish")
    done = host.run(install_package(environment, operation, WEB))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {NEW}"


def test_a_deploy_does_not_downgrade(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.run(install_package(environment, operation_to(NEW, installed), WEB))
    done = host.run(install_package(environment, operation_to(OLD, repository.publish(OLD)), WEB))
    assert done.returncode != 0
    assert "downgrade" in done.stdout + done.stderr
    assert host.installed == f"ii {NEW}"


def test_a_rollback_downgrades(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.run(install_package(environment, operation_to(NEW, installed), WEB))
    old = operation_to(OLD, repository.publish(OLD))
    done = host.run(install_package(environment, old, WEB, rollback=True))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {OLD}"


def test_a_hold_is_lifted_for_the_install_and_set_again(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.apt("apt-mark", "hold", "gitlab-ee")
    done = host.run(install_package(environment, operation_to(NEW, installed), WEB))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"hi {NEW}"
    assert host.apt("apt-mark", "showhold") == "gitlab-ee\n"


def test_no_hold_is_set_where_there_was_none(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.run(install_package(environment, operation_to(NEW, installed), WEB))
    assert host.apt("apt-mark", "showhold") == ""


def test_rule_3_a_package_left_half_configured_keeps_its_skip_file_and_the_next_try_repairs_it(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    command = install_package(environment, operation_to(NEW, installed), WEB)
    (host.folder / "fail-postinst").touch()
    failed = host.run(command)
    assert failed.returncode != 0
    assert host.installed == f"iF {NEW}"
    assert host.skip_file.exists()
    assert "stays until gitlab-ee is whole" in failed.stderr
    (host.folder / "fail-postinst").unlink()
    done = host.run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {NEW}"
    assert not host.skip_file.exists()
    assert not host.reconfigured


def test_a_version_that_no_repository_holds_fails_with_apt_s_words(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    done = host.run(install_package(environment, operation_to("17.9.9-ee.0", installed), WEB))
    assert done.returncode != 0
    assert "17.9.9-ee.0" in done.stderr
    assert not host.skip_file.exists()


def test_a_download_updates_lists_that_do_not_know_the_version_and_installs_nothing(
    host: DebianRoot, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    done = host.run(download_package(environment, operation_to(NEW, installed)))
    assert done.returncode == 0, done.stdout + done.stderr
    size = next(path for path in host.cached if NEW in path.name).stat().st_size
    assert done.stdout.splitlines()[-1] == f"fetched={size}"
    assert host.installed == f"ii {OLD}"


def test_a_download_that_is_there_fetches_nothing(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    host.run(download_package(environment, operation_to(NEW, installed)))
    repository.requests.clear()
    done = host.run(download_package(environment, operation_to(NEW, installed)))
    assert done.stdout.splitlines()[-1] == "fetched=0"
    assert repository.requests == []


def test_a_download_is_not_begun_without_room_for_it(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    operation = operation_to(NEW, installed)
    huge = operation.model_copy(update={"artifacts": (operation.artifacts[0].model_copy(update={"size": 1 << 60}),)})
    repository.requests.clear()
    done = host.run(download_package(environment, huge))
    assert done.returncode == 1
    assert "the download needs" in done.stderr
    assert repository.requests == []


def test_a_version_with_an_epoch_is_found_in_apt_s_cache(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo
) -> None:
    sum_ = repository.publish("1:17.2.0-ee.0")
    done = host.run(install_package(environment, operation_to("1:17.2.0-ee.0", sum_), WEB))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == "ii 1:17.2.0-ee.0"


def test_an_operation_without_sums_installs_nothing(environment: Environment, operation_to: OperationTo) -> None:
    with pytest.raises(ConfigError, match="pins no SHA256"):
        install_package(environment, operation_to(NEW), WEB)


@pytest.mark.parametrize(("package", "expected"), [("gitlab-ee", True), ("nginx", False)])
def test_only_gitlab_has_a_skip_file(environment: Environment, package: str, expected: bool) -> None:
    other = environment.model_copy(update={"package": environment.package.model_copy(update={"name": package})})
    assert bool(skip_file_of(other)) is expected


def test_rule_3_a_download_on_a_host_whose_dpkg_was_interrupted_repairs_it_without_a_reconfigure(
    host: DebianRoot, repository: Repository, environment: Environment, operation_to: OperationTo, installed: str
) -> None:
    (host.folder / "fail-postinst").touch()
    host.run(install_package(environment, operation_to(NEW, installed), WEB))
    assert host.installed == f"iF {NEW}"
    (host.folder / "fail-postinst").unlink()
    newest = repository.publish("17.3.0-ee.0")
    done = host.run(download_package(environment, operation_to("17.3.0-ee.0", newest)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.installed == f"ii {NEW}"
    assert not host.skip_file.exists()
    assert not host.reconfigured
