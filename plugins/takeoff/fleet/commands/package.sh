# Getting a package: no questions, no needrestart, other runs of apt are waited for.
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1
lock_wait=600

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

finish_interrupted() { # `dpkg --configure -a` does not wait for the lock by itself
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
    mkdir -p "$archives"
}

cached_file() { # PACKAGE VERSION: sets file, empty if apt's cache has none
    file=
    for candidate in "${archives%/}/$1_$(printf '%s' "$2" | sed 's/:/%3a/g')_"*.deb; do
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
    patiently apt install --download-only --no-remove --allow-change-held-packages $downgrade "$name=$version"
}

fetch() { # PACKAGE VERSION DOWNGRADE_OPTION SHA256...: in apt's cache, and what the operation pinned; sets fetched
    name=$1 version=$2 downgrade=$3 fetched=0
    shift 3
    cached_file "$name" "$version"
    if [ "$file" ] && is_pinned "$file" "$@"; then
        return
    fi
    [ ! "$file" ] || rm -f "$file"
    # The lists may be older than the package; updating them first would ask the repository for nothing on most hosts.
    if ! download; then
        patiently apt update -o APT::Update::Error-Mode=any
        download
    fi
    cached_file "$name" "$version"
    [ "$file" ] || fail "apt-get downloaded $name $version, but $archives has no such file"
    if ! is_pinned "$file" "$@"; then
        rm -f "$file"
        fail "SHA256 of $name $version is $sum, not what the operation pinned ($*): the repository holds another build now; nothing was installed and the file was removed"
    fi
    fetched=$(($(wc -c <"$file")))
}
