# What a root file system holds besides the store: places to mount on, and the first generation.
{ toplevel }:

let
  directory = path: mode: {
    inherit path mode;
    directory = true;
  };
  link = path: symlink: { inherit path symlink; };
in
[
  (link "bin" "usr/bin")
  (link "lib" "usr/lib")
  (link "lib64" "usr/lib64")
  (link "sbin" "usr/sbin")
  (directory "boot" "0755")
  (directory "dev" "0755")
  (directory "etc" "0755")
  (directory "home" "0755")
  (directory "mnt" "0755")
  (directory "nix/var/nix/gcroots" "0755")
  (directory "opt" "0755")
  (directory "proc" "0755")
  (directory "root" "0700")
  (directory "run" "0755")
  (directory "srv" "0755")
  (directory "sys" "0755")
  (directory "tmp" "1777")
  (directory "usr" "0755")
  (directory "var" "0755")
  (link "nix/var/nix/gcroots/profiles" "/nix/var/nix/profiles")
  (link "nix/var/nix/gcroots/current-system" "/run/current-system")
  (link "nix/var/nix/gcroots/booted-system" "/run/booted-system")
  (link "nix/var/nix/profiles/system" "system-1-link")
  (link "nix/var/nix/profiles/system-1-link" "${toplevel}")
]
