"""A stand-in for GitLab's REST API v4: pipelines that test the lab's application, deployments, freezes."""
