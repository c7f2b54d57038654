"""Files that every host of a lab has before its first package: what a configuration management would write."""

from __future__ import annotations

from lab.layout import HostSpec
from lab.repository import COMPONENT, SUITE
from lab.state import Endpoint

SOURCES_LIST = "/etc/apt/sources.list.d/gitlab_gitlab-ee.list"
KEYRING = "/etc/apt/keyrings/gitlab_gitlab-ee.gpg"


def gitlab_rb(host: HostSpec, listen: Endpoint, database_host: str, database_port: int) -> str:
    """Write a host's ``/etc/gitlab/gitlab.rb``: migrations are on for the blessed node only.

    Args:
        host: decides the role.
        listen: where the host's application listens, as the host itself sees it.
        database_host: address, or folder of the socket.
        database_port: its port, also in the socket's name.
    """
    return (
        "# Written by the lab. Lines of the form section['key'] = value are read by gitlab-ctl reconfigure.\n"
        f"gitlab_rails['auto_migrate'] = {'true' if host.role == 'deploy' else 'false'}\n"
        f"gitlab_rails['db_host'] = '{database_host}'\n"
        f"gitlab_rails['db_port'] = {database_port}\n"
        "gitlab_rails['db_database'] = 'gitlabhq_production'\n"
        f"lab['host'] = '{host.name}'\n"
        f"lab['role'] = '{host.role}'\n"
        f"lab['listen'] = '{listen.address}'\n"
        f"lab['port'] = {listen.port}\n"
    )


def sources_list(repository: Endpoint, root: str = "") -> str:
    """Write the apt source of the lab's repository; ``root`` stands before the keyring's path."""
    return f"deb [signed-by={root}{KEYRING}] {repository.url} {SUITE} {COMPONENT}\n"
