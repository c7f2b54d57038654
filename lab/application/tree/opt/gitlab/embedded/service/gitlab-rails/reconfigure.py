"""`gitlab-ctl reconfigure`: services and migrations made as `gitlab.rb` says."""

import json
import os
import subprocess
import sys
import time

import settings

SERVICES = {"web": "puma", "git": "puma", "api": "puma", "sidekiq": "sidekiq", "gitaly": "gitaly"}
"""Role → service that a host of it runs; the blessed node runs none."""


def migrate_once(configuration):
    """Run migrations unless the marker of this revision and database says that they succeeded.

    As in Omnibus the marker does not know whether post-deployment migrations were skipped.
    """
    folder = settings.ROOT + "/var/opt/gitlab/gitlab-rails/upgrade-status"
    marker = "%s/db-migrate-%s-%s" % (folder, settings.connection_digest(configuration), settings.revision())
    try:
        with open(marker) as stream:
            if stream.read().strip() == "0":
                return 0
    except FileNotFoundError:
        pass
    logs = settings.ROOT + "/var/log/gitlab/gitlab-rails"
    os.makedirs(folder, exist_ok=True)
    os.makedirs(logs, exist_ok=True)
    log = "%s/gitlab-rails-db-migrate-%s.log" % (logs, time.strftime("%Y-%m-%d-%H-%M-%S"))
    print("  * bash[migrate gitlab-rails database] action run", flush=True)
    command = [sys.executable, "-ESs", settings.RAILS + "/rake.py", "gitlab:db:configure"]
    with open(log, "wb") as stream:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in run.stdout:
            stream.write(line)
            sys.stdout.buffer.write(b"    [execute] " + line)
            sys.stdout.flush()
    status = run.wait()
    with open(marker, "w") as stream:
        stream.write("%d\n" % status)
    return status


def prepare_service(configuration):
    """Enable this role's service; its name, or None."""
    service = SERVICES.get(configuration.get("lab.role", ""))
    folder = settings.ROOT + "/opt/gitlab/service"
    os.makedirs(folder, exist_ok=True)
    if service:
        with open("%s/%s" % (folder, service), "w") as stream:
            json.dump({"role": configuration["lab.role"]}, stream)
    return service


def bring_up(service):
    """Start a service that is down; Gitaly, which is reloaded and never restarted, takes up its new version."""
    control = settings.ROOT + "/usr/bin/gitlab-ctl"
    running = subprocess.call([control, "status", service], stdout=subprocess.DEVNULL) == 0
    if running and service != "gitaly":
        return True
    return subprocess.call([control, "hup" if running else "start", service]) == 0


def main():
    """Reconfigure; the exit status of `gitlab-ctl reconfigure`."""
    print("Starting Cinc Client, version 18.3.0", flush=True)
    if (delay := settings.fault("reconfigure-slow")) is not None:
        time.sleep(float(delay or 10))
    if settings.fault("reconfigure") is not None:
        print(
            "Running handlers:\nThere was an error running gitlab-ctl reconfigure:\n\n"
            "bash[broken on purpose] (gitlab::default line 1) had an error: Errno::EACCES\n\n"
            "Cinc Client failed. 0 resources updated",
            file=sys.stderr,
        )
        return 1
    configuration = settings.read_configuration()
    if not configuration:
        print("There was an error running gitlab-ctl reconfigure:\n\n/etc/gitlab/gitlab.rb is missing", file=sys.stderr)
        return 1
    service = prepare_service(configuration)
    if configuration.get("gitlab_rails.auto_migrate", "true") == "true" and (status := migrate_once(configuration)):
        print(
            "There was an error running gitlab-ctl reconfigure:\n\nbash[migrate gitlab-rails database] had an error: "
            "the command exited with %d" % status,
            file=sys.stderr,
        )
        return 1
    if service and not bring_up(service):
        return 1
    print("\nCinc Client finished\ngitlab Reconfigured!", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
