# Takes up what waits for this machine before the first partition of its disk. Whatever moment the power goes away at, the next
# start does it again; it is wiped from there when it is safely elsewhere.
umask 077
kept=/var/lib/hostwright
status=0

# A file is whole on the disk before it has its name.
put() {
  local source=$1 target=$2 mode=$3
  rm -f "$target.new"
  install -m "$mode" "$source" "$target.new" && sync "$target.new" && mv "$target.new" "$target" && sync "${target%/*}"
}

# Runs as the user: what is below a home is the user's to lay.
add_keys='
  umask 077
  mkdir -p "$HOME/.ssh" && cd "$HOME/.ssh" && touch authorized_keys &&
  awk "NF && !seen[\$0]++" authorized_keys - > authorized_keys.new &&
  sync authorized_keys.new && mv authorized_keys.new authorized_keys && sync .
'

take_up() {
  local files=$1 file user home
  for file in "$files"/authorized_keys/*; do
    [ -f "$file" ] || continue
    user=${file##*/}
    home=$(getent passwd "$user" | cut -d: -f6)
    if [ -z "$home" ]; then
      echo "SSH keys wait for the user '$user', whom this host does not have" >&2
      continue
    fi
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
      env HOME="$home" /bin/bash -c "$add_keys" < "$file" || return 1
  done
  for file in "$files"/ssh/ssh_host_*_key; do
    [ -f "$file" ] || continue
    (umask 022 && mkdir -p /etc/ssh)
    put "$file.pub" "/etc/ssh/${file##*/}.pub" 0644 && put "$file" "/etc/ssh/${file##*/}" 0600 || return 1
  done
  for file in hostname wireless.conf; do
    [ ! -f "$files/$file" ] || put "$files/$file" "$kept/$file" 0600 || return 1
  done
  if [ -f "$files/personal.nmconnection" ]; then
    mkdir -p /etc/NetworkManager/system-connections
    put "$files/personal.nmconnection" /etc/NetworkManager/system-connections/personal.nmconnection 0600 || return 1
  fi
  sync
}

# Sectors of 512 bytes: 128 before the first partition, of which the first is the header.
look() {
  local name directory disk start place header digest length work
  name=$(readlink -f "$(findmnt --noheadings --output SOURCE --nofsroot /)")
  name=${name##*/}
  [ -e "/sys/class/block/$name/partition" ] || return 0
  directory=$(readlink -f "/sys/class/block/$name/..")
  disk=/dev/${directory##*/}
  start=$(cat "$directory"/*/start | sort -n | head -n 1)
  [ "$start" -ge 2048 ] || return 0
  place=$((start - 128))
  header=$(dd if="$disk" bs=512 skip="$place" count=1 status=none | tr -d '\0')
  [[ $header == "hostwright personal 1"$'\n'*$'\n'"holds "* ]] || return 0
  read -r _ digest length <<< "${header##*$'\n'}"

  work=$(mktemp -d /run/personal.XXXXXX) || return 1
  dd if="$disk" bs=512 skip="$((place + 1))" count=127 status=none | head -c "$length" > "$work/archive"
  if tr -d '\0' < "$work/archive" | grep -q .; then
    if ! echo "$digest  $work/archive" | sha256sum --check --status; then
      echo "what was put on this disk for the machine is damaged and was not taken up" >&2
      rm -rf "$work"
      return 1
    fi
    mkdir "$work/files"
    tar -x -f "$work/archive" -C "$work/files" --no-same-owner && take_up "$work/files" || {
      rm -rf "$work"
      return 1
    }
    echo "took up what was put on this disk for the machine"
  fi
  rm -rf "$work"
  # Zeros with a header that tells of more mean that it is taken up, should the power go away in between.
  dd if=/dev/zero of="$disk" bs=512 seek="$((place + 1))" count=127 conv=notrunc,fsync status=none &&
    head -n 2 <<< "$header" | dd of="$disk" bs=512 seek="$place" count=1 iflag=fullblock conv=sync,notrunc,fsync status=none
}

mkdir -p "$kept" && chmod 0700 "$kept"
# The supplicant wants to find it.
[ -e "$kept/wireless.conf" ] || : > "$kept/wireless.conf"
look || status=1
if [ -s "$kept/hostname" ]; then
  install -m 0644 "$kept/hostname" /etc/hostname.new && mv -f /etc/hostname.new /etc/hostname || status=1
fi
exit "$status"
