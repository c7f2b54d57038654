# Install a version, between the making and the removal of the file that keeps the package from reconfiguring itself.
package=$1 wanted=$2 allow=$3 skip_file=$4 state=$root$5
shift 5 # what is left: the SHA256 sums of the builds that may be installed
[ ! "$skip_file" ] || skip_file=$root$skip_file
mkdir -p "$state"

clean_up() { # also after a failure: the hold, and the skip file unless it still has to protect a half-installed package
    status=$?
    trap - EXIT
    if [ -e "$state/held" ]; then
        apt-mark hold "$package" && rm -f "$state/held"
    fi
    if [ "$skip_file" ]; then
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
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
    mkdir -p "${skip_file%/*}"
    : >"$skip_file"
    [ -f "$skip_file" ] || fail "cannot make $skip_file"
}

keep_from_reconfiguring
finish_interrupted
if [ "$(installed_version "$package")" = "$wanted" ]; then
    echo "$package $wanted is installed already"
    exit 0
fi
archives_folder
fetch "$package" "$wanted" "$allow" "$@"
printf '%s\n' "$wanted" >"$state/unfinished"
if [ "$(apt-mark showhold "$package")" ]; then
    : >"$state/held"
    apt-mark unhold "$package"
fi
keep_from_reconfiguring
# Only what was verified above: a file that apt would fetch now is not it.
apt install --no-download --no-remove $allow "$package=$wanted"
found=$(installed_version "$package")
[ "$found" = "$wanted" ] || fail "apt-get install ended well, but $package ${found:-nothing} is installed, not $wanted"
