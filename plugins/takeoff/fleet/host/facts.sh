# Facts: what a host says about itself. Nothing here changes it.

facts() { # PACKAGE: looks only
    name "$1"
    read_fence
    status=$(dpkg-query -W -f='${Status}\t${Version}\n' "$1" 2>/dev/null)
    version=${status#*"	"} status=${status%%"	"*}
    case $status in '' | *not-installed | *config-files) version='' ;; esac
    held=0 skip_file=0
    case $status in hold*) held=1 ;; esac
    [ -e "$root/etc/gitlab/skip-auto-reconfigure" ] && skip_file=1
    archives=$root/var/cache/apt/archives
    [ -d "$archives" ] || archives=$root/
    echo "takeoff1 "
    cat <<END
hostname=$(uname -n)
boot_id=$boot
architecture=$(dpkg --print-architecture 2>/dev/null)
clock=$(date +%s.%N)
epoch=$fence_epoch
authority=$fence_authority
point_of_no_return=$fence_no_return
version=$version
status=$status
audit=$(dpkg --audit 2>&1 | tr '\n' ' ' | head -c 500)
lock_holder=$(lock_holder)
held=$held
free_mib=$(free_mib "$root/")
archives_free_mib=$(free_mib "$archives")
memory_mib=$(while read -r key value _; do [ "$key" = MemAvailable: ] && echo $((value / 1024)); done </proc/meminfo)
skip_file=$skip_file
auto_migrate=$(auto_migrate)
running_jobs=$(running_jobs " ")
END
}

free_mib() { # FOLDER
    df -Pk "$1" | {
        read -r _
        read -r _ _ _ available _
        echo $((available / 1024))
    }
}

auto_migrate() {
    sed -n "s/^[[:space:]]*gitlab_rails\[[\"']auto_migrate[\"']\][[:space:]]*=[[:space:]]*\([a-z]*\).*/\1/p" \
        "$root/etc/gitlab/gitlab.rb" 2>/dev/null | tail -n 1
}

lock_holder() { # of apt's and dpkg's locks; the kernel lists every lock with its file's inode
    for file in var/lib/dpkg/lock-frontend var/lib/dpkg/lock var/lib/apt/lists/lock var/cache/apt/archives/lock; do
        inode=$(stat -c %i "$root/$file" 2>/dev/null) || continue
        while read -r _ _ _ _ pid where _; do
            [ "${where##*:}" = "$inode" ] || continue
            echo "$(cat "/proc/$pid/comm" 2>/dev/null || echo process) (pid $pid) holds /$file"
            return
        done </proc/locks
    done
}

running_jobs() { # SEPARATOR: comes after each
    for attempt in "$state/jobs"/*/*/*/*; do
        [ -d "$attempt" ] && [ ! -s "$attempt/rc" ] || continue
        look
        case $job_state in running | orphaned)
            path=${attempt#"$state/jobs/"}
            printf '%s' "${path%/*}$1"
            ;;
        esac
    done
}
