# The recipe is through: the host is no longer in the middle of a change.
rm -f "$root$1/unfinished"
