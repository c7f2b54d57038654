#!/bin/sh
# What Takeoff does on a host: the files of this folder, one after the other. The text travels over SSH with each call
# and nothing of it stays; POSIX sh, run by dash and bash. It needs coreutils (8.24 or newer), util-linux (flock,
# setsid), grep, sed and find: all essential in Debian.
#
#   VERB STATE_DIR ENVIRONMENT PAYLOAD_BYTES [ARGUMENT...] <payload
#
# An answer begins with a line `takeoff1 key=value ...`; what follows it is data. Exit status: 0 answered, 64 wrong
# arguments, 65 payload cut short, 69 a tool or socket is missing, 73 state cannot be written, 75 a lock is held,
# 80 superseded, 81 another authority, 82 the journal has moved, 83 no driver was announced here.
#
# State, below STATE_DIR/ENVIRONMENT (all of it below TAKEOFF_HOST_ROOT, which only the process lab sets):
#   fence                              highest epoch, authority's id, newest point of no return
#   jobs/OPERATION/HOST/STEP/ATTEMPT/  script log boot epoch pid rc killed reported
#   journal, copy                      the environment's journal, or another host's copy of it
# shellcheck disable=SC2015  # in `A && B || fail` both failures shall fail
set -u
umask 077
LC_ALL=C # bytes are all that counts here, and each of the many small commands starts a quarter faster than with UTF-8
export LC_ALL
root=${TAKEOFF_HOST_ROOT:-}
[ "$root" ] || PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

fail() { # STATUS TEXT
    echo "$2" >&2
    exit "$1"
}

name() { # TEXT: a folder's name that leads nowhere else
    case $1 in '' | .* | *[!A-Za-z0-9._-]*)
        fail 64 "takeoff: '$1' is no name: letters, digits, '.', '_' and '-' only" ;;
    esac
}

number() { # TEXT
    case $1 in '' | *[!0-9]*) fail 64 "takeoff: '$1' is no number" ;; esac
}

make_state() {
    [ -d "$state" ] || mkdir -p "$state" ||
        fail 73 "takeoff: cannot make the folder $shown: is the disk full or read-only?"
}

lock() { # FILE: held on descriptor 9 until this script ends, or `exec 9>&-`
    exec 9>>"$1" || fail 73 "takeoff: cannot write $shown: is the disk full or read-only?"
    flock -w 30 9 || fail 75 "takeoff: another call has held the lock $1 for 30 s"
}

durable() { # PATH...: on the disk, not only in memory, when this returns
    sync "$@" 2>/dev/null || sync
}

take_payload() { # a connection that breaks looks like the payload's end: only the right length is the whole
    payload=$state/.payload.$$
    trap '[ ! -e "$payload" ] || rm -f "$payload"' EXIT
    cat >"$payload" || fail 73 "takeoff: cannot write to $shown: is the disk full?"
    [ "$(wc -c <"$payload")" -eq "$payload_bytes" ] || fail 65 "takeoff: the payload was cut short; nothing was done"
}
