# place-key.sh NAME PATH USER GROUP MODE BYTES: puts the secret that comes on
# standard input there. Prints `same`, or `changed`, and `unowned` if nobody has
# the name that it is to belong to yet. Secrets are in no argument.
directory=${2%/*}
umask 077
if ! [ -d "$directory" ]; then
  mkdir -p -m 0750 "$directory" || exit
  chgrp keys "$directory" 2>/dev/null
fi
new=$(mktemp "$directory/.hostwright-XXXXXX") || exit
trap 'rm -f "$new"' EXIT
cat >"$new" || exit
# What breaks off is no secret.
if [ "$(wc -c <"$new")" -ne "$6" ]; then echo "the secret $1 did not come whole" >&2; exit 1; fi
chown "$3:$4" "$new" 2>/dev/null || echo unowned
chmod "$5" "$new" || exit
there=changed had=
if [ -e "$2" ]; then had=yes; fi
if cmp -s "$new" "$2"; then there=same; fi
sync "$new" 2>/dev/null
mv -f "$new" "$2" || exit
echo "$there"
# Whatever requires the secret is to read the new one.
if [ "$had$there" = yeschanged ]; then systemctl --no-block try-restart "$1-key.service" 2>/dev/null; fi
exit 0
