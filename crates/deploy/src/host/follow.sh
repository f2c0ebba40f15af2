# follow.sh ID: what the activation prints goes to standard error until it has
# ended, then the state to standard output.
directory=/var/lib/hostwright/switch
phase() {
  found= owner=
  [ -e "$directory/state" ] || return
  while IFS='=' read -r name value; do
    case $name in id) owner=$value ;; phase) found=$value ;; esac
  done <"$directory/state"
}
tail -n +1 -F "$directory/log" 2>/dev/null >&2 &
tail=$!
while phase; [ "$owner" != "$1" ] || [ "$found" = activating ]; do
  systemctl is-active --quiet hostwright-switch.service || { sleep 0.3; phase; break; }
  sleep 0.1
done
sleep 0.1
kill "$tail" 2>/dev/null
cat "$directory/state" 2>/dev/null
exit 0
