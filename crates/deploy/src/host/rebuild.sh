# rebuild.sh STORE-PATH BASE-PATH PERL-PROGRAM [zstd]: the store is read-only but
# for who takes a mount of it for themselves, as Nix does. What comes on standard
# input may be compressed.
exec unshare --mount --propagation private sh -c '
  if findmnt -n /nix/store >/dev/null 2>&1; then mount -o remount,rw,bind /nix/store || exit; fi
  if [ -n "$4" ]; then zstd -d -c -q | perl -e "$3" "$1" "$2" /nix/var/nix/gc.lock; exit; fi
  exec perl -e "$3" "$1" "$2" /nix/var/nix/gc.lock' sh "$1" "$2" "$3" "${4-}"
