# Install a version, between the making and the removal of the file that keeps the package from reconfiguring itself.
# What is left of the arguments: the SHA256 sums of the builds that may be installed.
finish_interrupted
if [ "$(installed_version "$package")" = "$wanted" ]; then
    echo "$package $wanted is installed already"
    exit 0
fi
archives_folder
fetch "$@"
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
