# What download and install share. Arguments: PACKAGE VERSION DOWNGRADE_OPTION SKIP_FILE STATE_FOLDER ...
# No questions, no needrestart; other runs of apt are waited for.
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
lock_wait=600
package=$1 wanted=$2 allow=$3 skip_file=$4 state=$root$5
shift 5
[ ! "$skip_file" ] || skip_file=$root$skip_file
[ -d "$state" ] || mkdir -p "$state"

clean_up() { # also after a failure: the hold, and the skip file unless it still has to protect a half-installed package
    status=$?
    trap - EXIT
    if [ -e "$state/held" ]; then
        apt-mark hold "$package" && rm -f "$state/held"
    fi
    if [ "$skip_file" ]; then
        # What was seen whole is so still after a success.
        [ "$status" = 0 ] && [ "$package_status" = installed ] || read_package "$package"
        case $package_status in
            '' | installed | not-installed | config-files)
                rm -f "$skip_file" && [ ! -e "$skip_file" ] || fail "cannot remove $skip_file"
                ;;
            *) echo "takeoff: $skip_file stays until $package is whole: without it, its postinst would reconfigure" >&2 ;;
        esac
    fi
    exit "$status"
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

keep_from_reconfiguring() { # looked at, not believed: without it the package stops services and migrates
    [ "$skip_file" ] || return 0
    [ -d "${skip_file%/*}" ] || mkdir -p "${skip_file%/*}"
    : >"$skip_file"
    [ -f "$skip_file" ] || fail "cannot make $skip_file"
}

apt() { # OPERATION OPTION...
    apt-get -y -q -o DPkg::Lock::Timeout=$lock_wait -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

patiently() { # COMMAND...: again while somebody else's apt has a lock that apt itself does not wait for
    left=$((lock_wait / 5)) errors=$(mktemp)
    until "$@" 2>"$errors"; do
        cat "$errors" >&2
        if ! grep -qi 'lock' "$errors" || [ "$left" -le 0 ]; then
            rm -f "$errors"
            return 1
        fi
        left=$((left - 1))
        sleep 5
    done
    cat "$errors" >&2
    rm -f "$errors"
}

finish_interrupted() { # apt refuses everything until it is done; `dpkg --configure -a` does not wait for the lock by itself
    keep_from_reconfiguring
    left=$((lock_wait / 5))
    until said=$(dpkg --configure -a --force-confdef --force-confold 2>&1); do
        case $said in
            *lock*) [ "$left" -gt 0 ] || fail "the package lock was not to be had in $lock_wait s: $said" ;;
            *) fail "dpkg --configure -a failed: $said" ;;
        esac
        left=$((left - 1))
        sleep 5
    done
    [ ! "$said" ] || printf '%s\n' "$said"
}

archives_folder() {
    archives=
    if [ ! "$root" ] && command -v apt-config >/dev/null; then
        eval "$(apt-config shell archives Dir::Cache::Archives/d)"
    fi
    archives=${archives:-$root/var/cache/apt/archives/}
    [ -d "$archives" ] || mkdir -p "$archives"
}

cached_file() { # sets file, empty if apt's cache has none
    file= named=$wanted
    case $wanted in *:*) named=${wanted%%:*}%3a${wanted#*:} ;; esac # one colon: it ends the epoch
    for candidate in "${archives%/}/${package}_${named}_"*.deb; do
        [ ! -f "$candidate" ] || file=$candidate
    done
}

is_pinned() { # FILE SHA256...
    sum=$(sha256sum "$1")
    sum=${sum%% *}
    shift
    for pinned; do
        [ "$sum" != "$pinned" ] || return 0
    done
    return 1
}

download() {
    patiently apt install --download-only --no-remove --allow-change-held-packages $allow "$package=$wanted"
}

fetch() { # SHA256...: in apt's cache, and what the operation pinned; sets fetched
    fetched=0
    cached_file
    if [ "$file" ] && is_pinned "$file" "$@"; then
        return
    fi
    [ ! "$file" ] || rm -f "$file"
    # The lists may be older than the package; updating them first would ask the repository for nothing on most hosts.
    if ! download; then
        patiently apt update -o APT::Update::Error-Mode=any
        download
    fi
    cached_file
    [ "$file" ] || fail "apt-get downloaded $package $wanted, but $archives has no such file"
    if ! is_pinned "$file" "$@"; then
        rm -f "$file"
        fail "SHA256 of $package $wanted is $sum, not what the operation pinned ($*): the repository holds another build now; nothing was installed and the file was removed"
    fi
    fetched=$(($(wc -c <"$file")))
}
