#!/bin/sh
# Makes a generation the running one, and goes back to the one before unless
# somebody confirms that the host can still be reached and does its work.
#
#   switch.sh ID SYSTEM GOAL ROLL-BACK CONFIRM-SECONDS ACTIVATE-SECONDS
#
# GOAL is `switch`, `test`, or the number of the profile's generation that SYSTEM
# is and that is gone back to; ROLL-BACK is `yes` or `no`. It runs as a unit of its
# own, so that nothing that happens to a session happens to it. What it has done
# is in $directory/state at any moment, in memory, as disks can be full, and in
# $kept for the next boot; what boots by default changes last, so that a loss of
# power before that ends in the old generation.
set -u
umask 077
PATH=/run/current-system/sw/bin:/run/wrappers/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
id=$1 new=$2 goal=$3 may_return=$4 confirm_within=$5 activate_within=$6
directory=/run/hostwright
kept=/var/lib/hostwright/switch
profile=/nix/var/nix/profiles/system
old=$(readlink -f /run/current-system)
old_profile=$(readlink -f "$profile")
read -r boot </proc/sys/kernel/random/boot_id
status=

# state PHASE REASON
state() {
  printf '%s\n' "id=$id" "phase=$1" "reason=$2" "status=$status" "goal=$goal" "old=$old" "new=$new" \
    "boot=$boot" "confirmWithin=$confirm_within" "pid=$$" >"$directory/state.new"
  mv "$directory/state.new" "$directory/state"
  # Half a file must not take the place of a whole one.
  if cp "$directory/state" "$kept/state.new" 2>/dev/null && sync "$kept/state.new" 2>/dev/null; then
    mv "$kept/state.new" "$kept/state"
    sync "$kept" 2>/dev/null
  fi
  printf 'hostwright: %s %s\n' "$1" "$2"
}

finish() {
  state "$1" "$2"
  rm -f /nix/var/nix/gcroots/hostwright/new /nix/var/nix/gcroots/hostwright/old
  exit "$3"
}

# The clock of the wall may jump.
seconds() {
  read -r up _ </proc/uptime
  up=${up%%.*}
}

failed_units() {
  systemctl list-units --all --plain --no-legend --full 2>/dev/null | while read -r unit _ active sub _; do
    case $active-$sub in failed-* | *-auto-restart*) printf '%s\n' "$unit" ;; esac
  done
}

# activate SYSTEM: what it prints goes to a file, as a pipe would stay open for
# whatever it leaves running.
activate() {
  timeout -k 10 "$activate_within" "$1/bin/switch-to-configuration" test >>"$directory/log" 2>&1
  status=$?
}

roll_back() {
  failure=$status
  state rolling-back "$1"
  if [ "$(readlink -f "$profile")" != "$old_profile" ]; then
    nix-env -p "$profile" --set "$old_profile" >>"$directory/log" 2>&1
    "$old/bin/switch-to-configuration" boot >>"$directory/log" 2>&1
  fi
  NIXOS_NO_CHECK=1
  export NIXOS_NO_CHECK
  activate "$old"
  left=$status
  status=$failure
  worse=$(failed_units | grep -vxF -f "$directory/failed-before" | tr '\n' ' ')
  [ -z "$worse" ] || finish rolled-back "$1; in the old generation there failed then: $worse" 3
  case $left in
    0 | 4) finish rolled-back "$1" 3 ;;
    *) finish rolled-back "$1; the old generation said $left when it was activated again" 3 ;;
  esac
}

mkdir -p "$kept" /nix/var/nix/gcroots/hostwright
ln -sfn "$new" /nix/var/nix/gcroots/hostwright/new
ln -sfn "$old" /nix/var/nix/gcroots/hostwright/old
: >"$directory/log"
failed_units >"$directory/failed-before"
state activating ""
activate "$new"
cat "$directory/log"
failed_units >"$directory/failed-after"

worse=
while IFS= read -r unit; do
  grep -qxF -- "$unit" "$directory/failed-before" || worse="$worse $unit"
done <"$directory/failed-after"
problem=
case $status in
  0) [ -z "$worse" ] || problem="units failed:$worse" ;;
  # Units that had failed before are no reason to go back.
  4) if [ -n "$worse" ]; then problem="units failed:$worse"
     elif ! [ -s "$directory/failed-before" ]; then problem="units could not be started or reloaded"; fi ;;
  124 | 137) problem="the activation took longer than $activate_within s" ;;
  *) problem="the activation failed with status $status" ;;
esac
if [ "$may_return" = no ]; then
  [ -z "$problem" ] || finish failed "$problem" 2
else
  [ -z "$problem" ] || roll_back "$problem"
  state waiting ""
  seconds
  deadline=$((up + confirm_within))
  while ! [ -e "$directory/confirmed-$id" ]; do
    if [ -e "$directory/refused-$id" ]; then
      roll_back "$(cat "$directory/refused-$id")"
    fi
    seconds
    [ "$up" -lt "$deadline" ] || roll_back "nobody confirmed it within $confirm_within s"
    sleep 0.1
  done
fi

# A generation that is gone back to keeps its number, so that the next way back
# leads further.
record() {
  case $goal in
    switch) nix-env -p "$profile" --set "$new" ;;
    *) nix-env -p "$profile" --switch-generation "$goal" && [ "$(readlink -f "$profile")" = "$new" ] ;;
  esac
}

if [ "$goal" != test ]; then
  state confirming ""
  if ! record >>"$directory/log" 2>&1; then
    problem="the generation could not be recorded"
  elif ! "$new/bin/switch-to-configuration" boot >>"$directory/log" 2>&1; then
    problem="the boot entries could not be written"
  fi
  if [ -n "$problem" ]; then
    [ "$may_return" = yes ] || finish failed "$problem" 2
    roll_back "$problem"
  fi
fi
finish applied "" 0
