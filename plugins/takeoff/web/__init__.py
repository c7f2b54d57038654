"""FastAPI apps that the plugin mounts: fleet page, metrics, hooks and chat."""
