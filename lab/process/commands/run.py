"""Start one of the commands by name: ``run.py apt-get update``."""

import sys

sys.path[0] = __file__.rsplit("/lab/process/commands/", 1)[0]


def main(name: str, arguments: list[str]) -> int:
    """Import only what the command needs, and run it; its exit status."""
    if name == "dpkg-query":
        from lab.process.commands import dpkg_query as command
    elif name == "dpkg":
        from lab.process.commands import dpkg as command  # type: ignore[no-redef]
    elif name == "apt-get":
        from lab.process.commands import apt_get as command  # type: ignore[no-redef]
    elif name == "apt-cache":
        from lab.process.commands import apt_cache as command  # type: ignore[no-redef]
    elif name == "apt-mark":
        from lab.process.commands import apt_mark as command  # type: ignore[no-redef]
    elif name == "curl":
        from lab.process.commands import curl as command  # type: ignore[no-redef]
    elif name == "socat":
        from lab.process.commands import socat as command  # type: ignore[no-redef]
    elif name == "flock":
        from lab.process.commands import flock as command  # type: ignore[no-redef]
    elif name == "setsid":
        from lab.process.commands import setsid as command  # type: ignore[no-redef]
    else:
        print(f"{name}: command not found", file=sys.stderr)
        return 127
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
