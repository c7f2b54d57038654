"""A stand-in for GitLab's REST API v4: pipelines that really test the lab's application, deployments, freeze periods."""
