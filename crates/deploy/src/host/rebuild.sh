# rebuild.sh STORE-PATH BASE-PATH PERL-PROGRAM: the store is read-only but for
# who takes a mount of it for themselves, as Nix does.
exec unshare --mount --propagation private sh -c '
  if findmnt -n /nix/store >/dev/null 2>&1; then mount -o remount,rw,bind /nix/store || exit; fi
  exec perl -e "$3" "$1" "$2" /nix/var/nix/gc.lock' sh "$1" "$2" "$3"
