# Host jobs: detached commands that are started at most once for each attempt, and can be read and stopped later.

choose_job() { # OPERATION HOST STEP
    name "$1"
    name "$2"
    name "$3"
    job=$state/jobs/$1/$2/$3
}

group_lives() { # whether a process of the attempt's group, other than a zombie, is there
    [ -s "$attempt/pid" ] && [ "$(cat "$attempt/boot")" = "$boot" ] || return 1
    read -r leader born <"$attempt/pid"
    kill -0 -"$leader" 2>/dev/null || return 1
    [ -r /proc/self/stat ] || return 0
    now_born=$(start_time "$leader")
    [ "$now_born" = '' ] || [ "$now_born" = "$born" ] || return 1 # the number has gone to another process
    cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^.*) \([A-Z]\) [0-9]* \([0-9]*\) .*/\1 \2/p' |
        grep -q "^[^ZX] $leader\$"
}

start_time() { # PID: in ticks since boot; tells a process from a later one of the same number
    sed -n 's/^.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

runner_lives() { [ -e "$attempt/run.lock" ] && ! flock -n -s 7 7<"$attempt/run.lock"; }

look() { # sets job_state, rc and rebooted from the folder $attempt
    job_state=absent rc='' rebooted=0
    [ -d "$attempt" ] || return 0
    if [ ! -s "$attempt/rc" ] && runner_lives; then
        job_state=running
    elif [ -s "$attempt/rc" ]; then # looked at again: it may have ended between the two
        job_state='done'
        read -r rc <"$attempt/rc"
    elif group_lives; then
        job_state=orphaned
    elif [ -s "$attempt/killed" ]; then
        job_state=killed
        read -r rc <"$attempt/killed"
    else
        job_state=lost
        [ "$(cat "$attempt/boot")" = "$boot" ] || rebooted=1
    fi
}

answer_job() { # OFFSET WAIT FRESH: waits for news; at most 256 KiB of log
    polls=$(($2 * 2))
    if [ "$3" = 1 ] && [ "$polls" -gt 0 ]; then
        job_state=running rc='' rebooted=0 # this call has launched it
    else
        look
    fi
    while :; do
        size=0
        [ ! -s "$attempt/log" ] || size=$(($(wc -c <"$attempt/log")))
        case $job_state in running | orphaned) ;; *) break ;; esac
        [ "$polls" -gt 0 ] || break
        now=1
        # News: gather what comes in two seconds more, then answer. Most steps end by then, which is answered at once.
        [ "$size" -le "$1" ] || { [ "$polls" -le 4 ] || polls=4; now=$polls; }
        polls=$((polls - now))
        if [ "$job_state" = orphaned ]; then
            sleep "$((now / 2)).$((now % 2 * 5))"
            look
        elif flock -w "$((now / 2)).$((now % 2 * 5))" -s 7 7<"$attempt/run.lock"; then # at once when it ends
            look
        fi
    done
    count=$((size - $1))
    [ "$count" -ge 0 ] || count=0
    [ "$count" -le 262144 ] || count=262144
    age=0
    read -r epoch <"$attempt/epoch"
    [ "$3" = 1 ] || {
        age=$(($(date +%s) - $(date -r "$attempt/epoch" +%s))) # written as it began, and never again
    }
    echo "takeoff1 state=$job_state rc=$rc rebooted=$rebooted fresh=$3 attempt=${attempt##*/} next=$(($1 + count))" \
        "size=$size age=$age epoch=$epoch folder=${attempt#"$root"}"
    case $count:$1 in
        0:*) ;;
        *:0) head -c "$count" "$attempt/log" ;;
        *) tail -c "+$(($1 + 1))" "$attempt/log" | head -c "$count" ;;
    esac
}

launch_job() { # ARGUMENT...: starts $attempt's script, detached; its runner holds run.lock, open on 8, for life
    # systemd may end all processes of a session when it closes (KillUserProcesses=): a scope of its own is outside.
    if [ ! "$root" ] && [ -d /run/systemd/system ] && command -v systemd-run >/dev/null &&
        systemd-run --scope --quiet --collect true </dev/null >/dev/null 2>&1 8>&- 9>&-; then
        set -- systemd-run --scope --quiet --collect --description="Takeoff: ${attempt#"$state/jobs/"}" setsid sh -c \
            "$runner" takeoff-job "$attempt" "$@"
    else
        set -- setsid sh -c "$runner" takeoff-job "$attempt" "$@"
    fi
    "$@" </dev/null >/dev/null 2>&1 9>&- &
}

# The script gets none of the descriptors: a daemon that it leaves behind must not hold the lock.
# shellcheck disable=SC2016
runner='
    cd "$1" || exit 1
    shift
    leader() { echo "$$ ${20:-}" >pid; }
    read -r stat </proc/$$/stat
    leader ${stat##*) }
    (umask 022; exec sh ./script "$@" 8>&- </dev/null >>log 2>&1)
    echo $? >rc.new
    sync rc.new log 2>/dev/null || sync
    mv rc.new rc
'

job_ensure() { # EPOCH AUTHORITIES OPERATION HOST STEP ATTEMPT WAIT [ARGUMENT...] <script
    choose_job "$3" "$4" "$5"
    number "$6"
    number "$7"
    check_driver "$1" "$2"
    make_state
    take_payload
    check_fence "$1" "$2" # from here to the start under the fence's lock: an announcement comes before it or after
    find_other
    if [ "$other" ]; then
        echo "takeoff1 state=busy rc= attempt=0 next=0 size=0 busy=$other"
        return
    fi
    newest=0
    while [ -d "$job/$((newest + 1))" ]; do newest=$((newest + 1)); done
    attempt=$job/$newest
    look
    again=0
    case $job_state in
        absent) again=1 ;;
        'done') [ "$rc" = 0 ] || again=1 ;;
        killed | lost) again=1 ;;
    esac
    if [ "$again" = 1 ] && [ "$job_state" != absent ]; then
        if [ "$6" -gt 0 ]; then [ "$newest" -lt "$6" ] || again=0; else [ -e "$attempt/reported" ] || again=0; fi
    fi
    wait=$7
    if [ "$again" = 1 ]; then
        attempt=$job/$((newest + 1))
        { [ ! -e "$job/.new" ] || rm -rf "$job/.new"; } && mkdir -p "$job/.new" && mv "$payload" "$job/.new/script" &&
            : >"$job/.new/log" && echo "$boot" >"$job/.new/boot" && echo "$1" >"$job/.new/epoch" ||
            fail 73 "takeoff: cannot write to $shown: is the disk full?"
        exec 8>"$job/.new/run.lock"
        flock 8
        mv "$job/.new" "$attempt" # from here on this attempt is never started a second time
        durable "$attempt/script" "$attempt" "$job" "$job/.." "$job/../.." "$job/../../.." "$state"
        shift 7
        launch_job "$@"
        exec 8>&-
    fi
    exec 9>&-
    answer_job 0 "$wait" "$again"
}

find_other() { # sets other to a job that still runs and is not $job, whoever began it: two never change a host at once
    other=''
    for attempt in "$state/jobs"/*/*/*/*; do
        case $attempt in "$job/"*) continue ;; esac
        [ -d "$attempt" ] && [ ! -s "$attempt/rc" ] || continue
        look
        case $job_state in running | orphaned)
            other=${attempt#"$state/jobs/"}
            return
            ;;
        esac
    done
}

choose_attempt() { # OPERATION HOST STEP ATTEMPT
    choose_job "$1" "$2" "$3"
    number "$4"
    attempt=$job/$4
    [ -d "$attempt" ] || fail 64 "takeoff: there is no attempt $4 of job $1/$2/$3 on this host"
}

job_read() { # OPERATION HOST STEP ATTEMPT OFFSET WAIT
    choose_attempt "$1" "$2" "$3" "$4"
    number "$5"
    number "$6"
    answer_job "$5" "$6" 0
}

job_report() { # EPOCH AUTHORITIES OPERATION HOST STEP ATTEMPT: its failure was told; the next ensure starts another
    choose_attempt "$3" "$4" "$5" "$6"
    check_fence "$1" "$2"
    : >"$attempt/reported" && durable "$attempt/reported" "$attempt"
    echo "takeoff1 reported=$6"
}

job_kill() { # EPOCH AUTHORITIES OPERATION HOST STEP ATTEMPT GRACE: the whole process group; TERM, KILL after GRACE s
    choose_attempt "$3" "$4" "$5" "$6"
    number "$7"
    check_fence "$1" "$2"
    exec 9>&-
    look
    case $job_state in running | orphaned)
        [ -s "$attempt/pid" ] || sleep 1 # it has only just been launched
        echo 15 >"$attempt/killed"
        group_lives && kill -TERM -"$leader" && kill -CONT -"$leader" # a stopped process hears TERM when it goes on
        await_group_end "$7" || {
            echo 9 >"$attempt/killed"
            kill -KILL -"$leader"
            await_group_end 5
        }
        look
        ;;
    esac
    echo "takeoff1 state=$job_state rc=$rc"
}

await_group_end() { # SECONDS
    end=$(($(date +%s) + $1))
    while group_lives; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.2
    done
}

jobs_gc() { # DAYS KEPT_OPERATION: forget jobs of operations that are older and of which nothing runs
    number "$1"
    gone=0
    if [ -d "$state/jobs" ]; then
        lock "$state/fence.lock"
        for folder in "$state/jobs"/*; do
            [ -d "$folder" ] && [ "${folder##*/}" != "$2" ] || continue
            [ "$(find "$folder" -mtime "-$1" -print | head -n 1)" = '' ] || continue
            living=0
            for attempt in "$folder"/*/*/*; do
                look
                case $job_state in running | orphaned) living=1 ;; esac
            done
            [ "$living" = 1 ] || { rm -rf "$folder" && gone=$((gone + 1)); }
        done
    fi
    echo "takeoff1 gone=$gone"
}
