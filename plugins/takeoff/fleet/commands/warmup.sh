# Download and verify a version; install nothing. The last line of the output says how many bytes were fetched.
package=$1 wanted=$2 allow=$3 needed_mib=$4
shift 4
if [ "$(installed_version "$package")" = "$wanted" ]; then
    echo fetched=installed
    exit 0
fi
archives_folder
free_mib() { # FOLDER
    df -Pk "$1" | {
        read -r _
        read -r _ _ _ available _
        echo $((available / 1024))
    }
}
cached_file "$package" "$wanted"
if [ ! "$file" ]; then
    free=$(free_mib "$archives")
    [ "$free" -ge "$needed_mib" ] || fail "$free MiB are free in $archives, the download needs $needed_mib: run apt-get clean, or free some space"
fi
fetch "$package" "$wanted" "$allow" "$@"
echo "fetched=$fetched"
