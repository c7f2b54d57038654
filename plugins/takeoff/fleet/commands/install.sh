# Install a version, between the making and the removal of the file that keeps the package from reconfiguring itself.
# What is left of the arguments: the SHA256 sums of the builds that may be installed.
finish_interrupted
read_package "$package"
if is_installed "$wanted"; then
    echo "$package $wanted is installed already"
    exit 0
fi
archives_folder
fetch "$@"
printf '%s\n' "$wanted" >"$state/unfinished"
if [ "$package_want" = hold ]; then # as `apt-mark showhold` says, which reads all of apt's lists for it
    : >"$state/held"
    apt-mark unhold "$package"
fi
keep_from_reconfiguring
# Only what was verified above: a file that apt would fetch now is not it.
apt install --no-download --no-remove $allow "$package=$wanted"
read_package "$package"
is_installed "$wanted" ||
    fail "apt-get install ended well, but $package is ${package_status:-unknown} ${package_version:-}, not installed $wanted"
