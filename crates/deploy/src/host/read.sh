# What a host is and does, one NAME=VALUE a line.
resolved() { readlink -f "$1" 2>/dev/null; }
printf 'current=%s\n' "$(resolved /run/current-system)"
printf 'booted=%s\n' "$(resolved /run/booted-system)"
printf 'profile=%s\n' "$(resolved /nix/var/nix/profiles/system)"
printf 'generation=%s\n' "$(readlink /nix/var/nix/profiles/system 2>/dev/null)"
printf 'since=%s\n' "$(stat -c %Y /nix/var/nix/profiles/system 2>/dev/null)"
printf 'boot=%s\n' "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
printf 'uptime=%s\n' "$(cut -d. -f1 /proc/uptime 2>/dev/null)"
printf 'machine=%s\n' "$(uname -m)"
for program in nix-daemon perl systemd-run unshare zstd; do
  command -v $program >/dev/null && printf 'program=%s\n' $program
done
df -Pk /nix/store 2>/dev/null | { read -r _; read -r _ size used free _; printf 'disk=%s %s\n' "$size" "$free"; }
printf 'running=%s\n' "$(systemctl is-system-running 2>/dev/null)"
systemctl list-units --failed --plain --no-legend --full 2>/dev/null | while read -r unit _; do
  printf 'failed=%s\n' "$unit"
done
# Since the last boot, or before it.
for state in /run/hostwright/state /var/lib/hostwright/switch/state; do
  [ -r $state ] || continue
  pid=$(sed -n 's/^pid=//p' $state)
  switches "$pid" && echo switch.active=yes
  while IFS= read -r line; do printf 'switch.%s\n' "$line"; done <$state
  break
done
echo end=
