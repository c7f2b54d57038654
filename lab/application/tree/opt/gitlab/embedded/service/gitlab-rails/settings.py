"""What a host of the lab's application knows about itself: its package's version and its `gitlab.rb`."""

import json
import os
import re

ROOT = os.environ.get("TAKEOFF_HOST_ROOT", "")
"""Folder that stands for the host's `/`; empty on hosts with a root file system of their own."""

RAILS = ROOT + "/opt/gitlab/embedded/service/gitlab-rails"
CONFIGURATION = ROOT + "/etc/gitlab/gitlab.rb"
FAULTS = ROOT + "/var/opt/gitlab/lab/faults"

_ASSIGNMENT = re.compile(r"""^\s*(\w+)\['(\w+)'\]\s*=\s*(?:'([^']*)'|"([^"]*)"|(\S+))\s*(?:#.*)?$""")


def read_configuration(path=CONFIGURATION):
    """Read `section['key'] = value` lines, as Omnibus has them, into {"section.key": text}."""
    values = {}
    try:
        with open(path) as lines:
            for line in lines:
                if match := _ASSIGNMENT.match(line):
                    section, key, single, double, bare = match.groups()
                    values[section + "." + key] = next(x for x in (single, double, bare) if x is not None)
    except FileNotFoundError:
        pass
    return values


def read_package():
    """The installed package's own description of its version and schema."""
    with open(RAILS + "/schema.json") as stream:
        return json.load(stream)


def revision():
    """The source revision that the package was built from."""
    with open(RAILS + "/REVISION") as stream:
        return stream.read().strip()


def connection_digest(configuration):
    """Name a database as Omnibus does in its migration marker: a digest of the connection's attributes."""
    import hashlib  # OpenSSL takes 4 MB, and the application itself has no use for it

    attributes = [configuration.get("gitlab_rails." + key, "") for key in ("db_host", "db_port", "db_database")]
    return hashlib.md5("-".join(attributes).encode(), usedforsecurity=False).hexdigest()


def fault(name):
    """The text of an injected fault, or None when it is not set."""
    try:
        with open(FAULTS + "/" + name) as stream:
            return stream.read().strip()
    except OSError:
        return None
