"""What the tests of ``core`` share: one small environment file."""

import pytest

SMALL = """\
name: lab
package:
  name: gitlab-ee
  sources:
    - {type: apt, url: "http://127.0.0.1:8000/", suites: [bookworm], keyring: key.gpg}
  upgrade_path: {required_stops: [17.10, 17.11]}
ssh: {user: takeoff, become: none}
deploy_node: {name: deploy-01, address: 127.0.0.1, port: 2222}
stages:
  - name: shared
    roles: {gitaly: ["gitaly-[01:02]"]}
  - name: canary
    roles:
      git: ["git-cny-01"]
      web: ["web-cny-01"]
    checks: {alerts: true, bake: 1m}
  - name: main
    roles: {git: ["git-[01:02]"], web: ["web-[01:04]"], sidekiq: [sidekiq-01]}
roles:
  web: {batch: 25%}
load_balancers:
  - name: lb-01
    host: lb-01
    backends: {web: {roles: [web]}}
alerts: {url: "http://127.0.0.1:9093", matchers: ['severity="critical"'], heartbeat: 'alertname="Watchdog"'}
"""


@pytest.fixture
def small_text() -> str:
    """The text of a small, valid environment file."""
    return SMALL
