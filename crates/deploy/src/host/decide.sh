# decide.sh ID confirmed|refused [REASON]: tells the switch what became of it,
# waits for its end and prints its state.
directory=/run/hostwright
umask 077
grep -qxF "id=$1" "$directory/state" || { echo "this host knows no switch $1" >&2; exit 76; }
printf '%s' "${3-}" >"$directory/$2-$1.new" && mv "$directory/$2-$1.new" "$directory/$2-$1" || exit
pid=$(sed -n 's/^pid=//p' "$directory/state")
while switches "$pid"; do
  grep -qE '^phase=(applied|rolled-back|failed)$' "$directory/state" && break
  sleep 0.1
done
cat "$directory/state"
