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

check_fence() { # EPOCH AUTHORITIES [POINT_OF_NO_RETURN]: refuse the superseded, remember the newest; keeps the lock
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
    newest=${3:-$fence_no_return}
    [ "$1,${2%%,*},$newest" = "$fence_epoch,$fence_authority,$fence_no_return" ] && return 0
    fence_epoch=$1 fence_authority=${2%%,*} fence_no_return=$newest
    printf 'epoch=%s\nauthority=%s\npoint_of_no_return=%s\n' "$1" "$fence_authority" "$newest" >"$state/fence.new" &&
        durable "$state/fence.new" && mv "$state/fence.new" "$state/fence" && durable "$state" ||
        fail 73 "takeoff: cannot write to $shown: is the disk full?"
}

fence() { # EPOCH AUTHORITIES POINT_OF_NO_RETURN
    check_fence "$1" "$2" "$3"
    echo "takeoff1 epoch=$fence_epoch authority=$fence_authority point_of_no_return=$fence_no_return"
}
