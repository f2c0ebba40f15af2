# begin.sh: keeps the program that comes on standard input and starts it as a
# unit. The arguments are those of switch.sh, and the bytes that it has: half a
# program must never run.
directory=/run/hostwright
umask 077
mkdir -p "$directory" || exit
if systemctl is-active --quiet hostwright-switch.service; then
  echo "another switch is under way on this host" >&2
  exit 75
fi
rm -f "$directory"/confirmed-* "$directory"/refused-* "$directory/state"
cat >"$directory/program" || exit
if [ "$(wc -c <"$directory/program")" -ne "$7" ]; then echo "the switch did not come whole" >&2; exit 1; fi
systemctl reset-failed hostwright-switch.service 2>/dev/null
exec systemd-run --quiet --collect --unit=hostwright-switch --description="Switch to $2" \
  --property=Type=exec --property=OOMScoreAdjust=-900 \
  "$(command -v sh)" "$directory/program" "$@"
