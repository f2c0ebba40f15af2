# follow.sh ID: what the activation prints goes to standard error until it has
# ended, then the state to standard output.
directory=/run/hostwright
shown=0
phase() {
  found= owner= pid=
  [ -e "$directory/state" ] || return
  while IFS='=' read -r name value; do
    case $name in id) owner=$value ;; phase) found=$value ;; pid) pid=$value ;; esac
  done <"$directory/state"
}
runs() {
  if [ "$owner" = "$1" ]; then
    switches "$pid"
  else
    systemctl is-active --quiet hostwright-switch.service
  fi
}
show() {
  [ "$owner" = "$1" ] && [ -e "$directory/log" ] || return
  size=$(wc -c <"$directory/log")
  [ "$size" -gt "$shown" ] || return
  tail -c +$((shown + 1)) "$directory/log" | head -c $((size - shown)) >&2
  shown=$size
}
while phase; [ "$owner" != "$1" ] || [ "$found" = activating ]; do
  show "$1"
  runs "$1" || { sleep 0.3; phase; break; }
  sleep 0.1
done
show "$1"
cat "$directory/state" 2>/dev/null
exit 0
