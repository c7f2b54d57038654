# What is installed, whether a change was left unfinished, and whether the host is healthy; nothing is changed.
package=$1 state=$root$2 skip_file=$3 url=$4 command=$5 limit=$6
status=$(dpkg-query -W -f='${db:Status-Status} ${Version}' "$package" 2>/dev/null) || status=
unfinished= skipping=0
[ ! -s "$state/unfinished" ] || read -r unfinished <"$state/unfinished"
[ ! "$skip_file" ] || [ ! -e "$root$skip_file" ] || skipping=1
healthy=0
# A host without a curl of its own has the one that GitLab's package brings along.
curl=curl
command -v curl >/dev/null || curl=$root/opt/gitlab/embedded/bin/curl
if [ "$url" ] && ! command -v "$curl" >/dev/null; then
    said="$url cannot be asked: install curl on the host, or give the role a health command"
elif [ "$url" ]; then
    said=$("$curl" --silent --show-error --max-time "$limit" --output /dev/null --write-out '%{http_code}' "$url" 2>&1) || :
    case $said in
        2??) healthy=1 said="answers $said" ;;
        404) said="answers 404: the path is wrong, or its monitoring allowlist leaves localhost out" ;;
        [1-5]??) said="answers $said" ;;
    esac
    said="$url $said"
elif said=$(timeout "$limit" sh -c "$command" 2>&1); then
    healthy=1
    said="$command exits 0"
else
    said="$command exits $?: $said"
fi
case $said in *'
'*) said=$(printf '%s' "$said" | tr '\n' ' ') ;; esac
[ "${#said}" -le 400 ] || said=$(printf '%s' "$said" | tail -c 400)
printf 'version=%s\nstatus=%s\nunfinished=%s\nskip_file=%s\nhealthy=%s\nhealth=%s\n' \
    "${status#* }" "${status%% *}" "$unfinished" "$skipping" "$healthy" "$said"
