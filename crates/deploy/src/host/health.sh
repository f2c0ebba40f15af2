# health.sh: the units that are not well, one a line, when nothing is on its way
# to another state any more or after $1 seconds.
read -r up _ </proc/uptime
deadline=$((${up%%.*} + $1))
while systemctl list-jobs --no-legend 2>/dev/null | grep -q .; do
  read -r up _ </proc/uptime
  [ "${up%%.*}" -lt "$deadline" ] || break
  sleep 0.2
done
systemctl list-units --all --plain --no-legend --full 2>/dev/null | while read -r unit _ active sub _; do
  case $active-$sub in failed-* | *-auto-restart*) printf '%s\n' "$unit" ;; esac
done
