# Journal: whole lines, appended all or none, and only to what the caller has seen.

open_journal() { # journal|copy: takes its lock and brings an append that was cut off to its end
    case $1 in journal | copy) journal=$state/$1 ;; *) fail 64 "takeoff: '$1' is neither journal nor copy" ;; esac
    lock "$journal.lock"
    [ -e "$journal" ] || : >"$journal"
    redo_append
    size=$(($(wc -c <"$journal"))) cut=0
    if [ "$size" -gt 0 ] && [ "$(tail -c 1 "$journal")" ]; then # a last line without its end: power was lost
        cut=$(($(tail -n 1 "$journal" | wc -c)))
        size=$((size - cut))
    fi
}

redo_append() { # JOURNAL.redo: the size before, then the lines; complete since it has that name, so it counts
    [ -e "$journal.redo" ] || return 0
    {
        read -r before
        truncate -s "$before" "$journal" && cat >>"$journal"
    } <"$journal.redo" && durable "$journal" && rm "$journal.redo" ||
        fail 73 "takeoff: cannot write to $shown: is the disk full?"
}

answer_journal() {
    read_fence
    echo "takeoff1 size=$size cut=$cut head=$(head_hash) epoch=$fence_epoch authority=$fence_authority"
}

head_hash() { # of the last whole line; its keys are sorted, and none behind the line's own hash is called so
    [ "$size" -eq 0 ] || last_line | sed 's/.*"hash":"\([0-9a-f]*\)".*/\1/'
}

last_line() { # without one that was cut off; `tail` alone does not read what is before it, however long that is
    if [ "$cut" -eq 0 ]; then tail -n 1 "$journal"; else head -c "$size" "$journal" | tail -n 1; fi
}

journal_read() { # journal|copy OFFSET: whole lines from there, at most 4 MiB of text
    number "$2"
    [ -d "$state" ] || {
        echo "takeoff1 size=0 cut=0 head= epoch=0 authority="
        return
    }
    open_journal "$1"
    answer_journal
    count=$((size - $2))
    [ "$count" -gt 0 ] || return 0
    [ "$count" -le 4194304 ] || count=4194304
    tail -c "+$(($2 + 1))" "$journal" | head -c "$count"
}

journal_append() { # journal|copy EXPECTED_SIZE EXPECTED_HEAD <lines: all of them or none, and only to what is expected
    number "$2"
    make_state
    take_payload
    [ "$payload_bytes" -gt 0 ] && [ ! "$(tail -c 1 "$payload")" ] || fail 65 "takeoff: these are no whole lines"
    open_journal "$1"
    if [ "$size" -ne "$2" ] || { [ "$size" -gt 0 ] && [ "$(head_hash)" != "$3" ]; }; then
        answer_journal
        exit 82
    fi
    [ "$cut" -eq 0 ] || tail -c "$cut" "$journal" >>"$journal.cut"
    { echo "$size" && cat "$payload"; } >"$journal.redo.new" && durable "$journal.redo.new" &&
        mv "$journal.redo.new" "$journal.redo" && durable "$state" ||
        fail 73 "takeoff: cannot write to $shown: is the disk full?"
    redo_append
    size=$((size + payload_bytes)) cut=0
    answer_journal
}

journal_replace() { # journal|copy EXPECTED_SIZE <lines: what was there is kept beside it
    number "$2"
    make_state
    take_payload
    open_journal "$1"
    if [ "$size" -ne "$2" ]; then
        answer_journal
        exit 82
    fi
    durable "$payload"
    { [ ! -s "$journal" ] || ln "$journal" "$journal.$(date +%Y%m%dT%H%M%S).$$"; } && mv "$payload" "$journal" &&
        durable "$state" || fail 73 "takeoff: cannot write to $shown: is the disk full?"
    size=$payload_bytes cut=0
    answer_journal
}
