"""The same rolling upgrade in three ways: by the engine, as a bare loop, as an Ansible playbook."""
