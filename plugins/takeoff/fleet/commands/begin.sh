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

read_package() { # PACKAGE: sets what dpkg is to do with it (hold, install), its state and its version; empty if unknown
    known=$(dpkg-query -W -f='${db:Status-Want} ${db:Status-Status} ${Version}' "$1" 2>/dev/null) || known='  '
    package_want=${known%% *} known=${known#* }
    package_status=${known%% *} package_version=${known#* }
}

is_installed() { # VERSION: whether the package that was read is whole, and of that version
    [ "$package_status $package_version" = "installed $1" ]
}
