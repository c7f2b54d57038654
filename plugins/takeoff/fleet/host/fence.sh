# Fence: who may still change this host. A driver with a lower epoch than the highest seen is refused.

read_fence() {
    fence_epoch=0 fence_authority='' fence_no_return=''
    [ -r "$state/fence" ] && while IFS='=' read -r key value; do
        case $key in
            epoch) fence_epoch=$value ;;
            authority) fence_authority=$value ;;
            point_of_no_return) fence_no_return=$value ;;
        esac
    done <"$state/fence"
    return 0
}

check_driver() { # EPOCH AUTHORITIES
    number "$1"
    case $2 in '' | ,* | *[!A-Za-z0-9,-]*) fail 64 "takeoff: '$2' is no list of authorities" ;; esac
}

check_fence() { # EPOCH AUTHORITIES: refuse also who was not announced, as after the loss of this folder; keeps the lock
    compare_driver "$1" "$2"
    [ "$fence_authority" ] || {
        echo "takeoff1 given=$1"
        exit 83
    }
    remember_driver "$1" "$2" "$fence_no_return"
}

compare_driver() { # EPOCH AUTHORITIES: refuse the superseded and strangers; keeps the lock
    check_driver "$1" "$2"
    make_state
    lock "$state/fence.lock"
    read_fence
    case ,$2, in
        *",$fence_authority,"*) ;;
        *) [ "$fence_authority" = '' ] || {
            echo "takeoff1 authority=$fence_authority given=$2 epoch=$fence_epoch"
            exit 81
        } ;;
    esac
    [ "$1" -ge "$fence_epoch" ] || {
        echo "takeoff1 epoch=$fence_epoch given=$1 authority=$fence_authority"
        exit 80
    }
}

remember_driver() { # EPOCH AUTHORITIES POINT_OF_NO_RETURN
    [ "$1,${2%%,*},$3" = "$fence_epoch,$fence_authority,$fence_no_return" ] && return 0
    fence_epoch=$1 fence_authority=${2%%,*} fence_no_return=$3
    printf 'epoch=%s\nauthority=%s\npoint_of_no_return=%s\n' "$1" "$fence_authority" "$3" >"$state/fence.new" &&
        durable "$state/fence.new" && mv "$state/fence.new" "$state/fence" && durable "$state" ||
        fail 73 "takeoff: cannot write to $shown: is the disk full?"
}

fence() { # EPOCH AUTHORITIES POINT_OF_NO_RETURN: a driver, whom the journal knows as the newest, announces itself
    compare_driver "$1" "$2"
    remember_driver "$1" "$2" "${3:-$fence_no_return}"
    # Under the lock: what an older driver began is listed, and after this it begins nothing.
    echo "takeoff1 epoch=$fence_epoch authority=$fence_authority point_of_no_return=$fence_no_return" \
        "running=$(running_jobs ,)"
}
