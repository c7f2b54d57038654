# Verbs: the arguments are checked and the verb's function is called.

main() { # VERB STATE_DIR ENVIRONMENT PAYLOAD_BYTES [ARGUMENT...]
    [ $# -ge 4 ] || fail 64 "takeoff: this script is run by takeoff, not by hand"
    verb=$1
    case $2 in /*) ;; *) fail 64 "takeoff: the state's folder '$2' is not absolute" ;; esac
    case /$2/ in */../*) fail 64 "takeoff: the state's folder '$2' leads upwards" ;; esac
    name "$3"
    number "$4"
    shown=$2/$3 state=$root$2/$3 payload_bytes=$4
    shift 4
    boot=unknown
    for id in "$root/proc/sys/kernel/random/boot_id" /proc/sys/kernel/random/boot_id; do
        [ ! -r "$id" ] || { read -r boot <"$id" && break; }
    done
    case $verb:$# in
        fence:3) fence "$@" ;;
        job-ensure:? | job-ensure:??) [ $# -ge 7 ] && job_ensure "$@" ;;
        job-read:6) job_read "$@" ;;
        job-report:6) job_report "$@" ;;
        job-kill:7) job_kill "$@" ;;
        jobs-gc:2) jobs_gc "$@" ;;
        facts:1) facts "$@" ;;
        balancer-show:2) balancer_show "$@" ;;
        balancer-set:6) balancer_set "$@" ;;
        journal-read:2) journal_read "$@" ;;
        journal-append:3) journal_append "$@" ;;
        journal-replace:2) journal_replace "$@" ;;
        *) fail 64 "takeoff: there is no verb '$verb' with $# arguments" ;;
    esac
}

main "$@"
