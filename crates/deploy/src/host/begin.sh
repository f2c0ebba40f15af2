# begin.sh: keeps the program that comes on standard input and starts it as a
# unit. The arguments are those of switch.sh.
directory=/var/lib/hostwright/switch
umask 077
mkdir -p "$directory" || exit
if systemctl is-active --quiet hostwright-switch.service; then
  echo "another switch is under way on this host" >&2
  exit 75
fi
rm -f "$directory"/confirmed-* "$directory"/refused-* "$directory/state"
cat >"$directory/program" || exit
sync "$directory/program" 2>/dev/null
systemctl reset-failed hostwright-switch.service 2>/dev/null
exec systemd-run --quiet --collect --unit=hostwright-switch --description="Switch to $2" \
  --property=Type=exec --property=OOMScoreAdjust=-900 \
  "$(command -v sh)" "$directory/program" "$@"
