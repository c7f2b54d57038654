# Run migrations, at most one at a time on this node whatever started the other. -o: a service that a command starts
# does not take the lock with it.
state=$root$1
mkdir -p "$state"
flock -n -E 75 -o "$state/migrations.lock" sh -c "$2" || {
    status=$?
    [ "$status" != 75 ] || fail "another migration is running on this node; it is never run twice at once: wait for it"
    exit "$status"
}
