# The systems that flakes are usually made for, and that Debian has an architecture for.
[
  "aarch64-linux"
  "x86_64-linux"
]
