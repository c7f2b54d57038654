# Load balancer: commands for HAProxy's runtime socket on this node (HAProxy's Management Guide, §9.3).

say() { # SOCKET COMMAND: sets said; the socket by its bare name, as a path to one may have 107 bytes only
    cd "$root${1%/*}" 2>/dev/null && [ -S "${1##*/}" ] ||
        fail 69 "there is no socket $1: is HAProxy running, with 'stats socket $1 level admin' in its configuration?"
    if command -v socat >/dev/null; then
        said=$(
            socat -t 15 - "UNIX-CONNECT:./${1##*/}" <<END
$2
END
        )
    else # perl-base is essential in Debian
        # shellcheck disable=SC2016
        said=$(perl -MIO::Socket::UNIX -e '
            my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\n";
            print $socket "$ARGV[1]\n"; $socket->flush; shutdown($socket, 1); print while <$socket>;
        ' "./${1##*/}" "$2")
    fi || fail 69 "HAProxy does not answer on its socket $1: is it running? (Asked by socat, or perl without it.)"
}

balancer_show() { # SOCKET COMMAND: only commands that look
    case $2 in
        *[!A-Za-z0-9' '._:/#-]*) fail 64 "takeoff: '$2' is more than one 'show' command" ;;
        'show '*) ;;
        *) fail 64 "takeoff: '$2' is no 'show' command" ;;
    esac
    say "$1" "$2"
    echo "takeoff1 "
    printf '%s\n' "$said"
}

balancer_set() { # EPOCH AUTHORITIES SOCKET BACKEND SERVER STATE: epoch check and write under one lock
    for word in "$4" "$5"; do
        case $word in '' | *[!A-Za-z0-9._:-]*) fail 64 "takeoff: '$word' is no name of a backend or server" ;; esac
    done
    case $6 in ready | drain | maint) ;; *) fail 64 "takeoff: '$6' is none of ready, drain and maint" ;; esac
    check_fence "$1" "$2"
    say "$3" "set server $4/$5 state $6"
    echo "takeoff1 "
    printf '%s\n' "$said"
}
