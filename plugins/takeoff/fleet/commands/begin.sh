# What every script begins with. Absolute paths stand below $root, which only the process lab sets.
set -eu
umask 022
root=${TAKEOFF_HOST_ROOT:-}
[ "$root" ] || PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C.UTF-8

fail() { # TEXT
    printf 'takeoff: %s\n' "$1" >&2
    exit 1
}

installed_version() { # PACKAGE: the version, if the package is whole; else nothing
    dpkg-query -W -f='${db:Status-Status} ${Version}' "$1" 2>/dev/null | sed -n 's/^installed //p'
}
