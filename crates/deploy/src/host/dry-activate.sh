# dry-activate.sh SYSTEM: what the activation would do, on both streams of it.
exec "$1/bin/switch-to-configuration" dry-activate 2>&1
