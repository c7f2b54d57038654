# Download and verify a version; install nothing. The last line of the output says how many bytes were fetched.
# What is left of the arguments: MiB that must be free, and the SHA256 sums of the builds that may be downloaded.
needed_mib=$1
shift
read_package "$package"
if is_installed "$wanted"; then
    echo fetched=installed
    exit 0
fi
free_mib() { # FOLDER
    df -Pk "$1" | {
        read -r _
        read -r _ _ _ available _
        echo $((available / 1024))
    }
}
archives_folder
cached_file
if [ ! "$file" ]; then
    free=$(free_mib "$archives")
    [ "$free" -ge "$needed_mib" ] || fail "$free MiB are free in $archives, the download needs $needed_mib: run apt-get clean, or free some space"
fi
finish_interrupted
fetch "$@"
echo "fetched=$fetched"
