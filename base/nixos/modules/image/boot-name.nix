# The name that a store path's file has in /boot.
builtins.replaceStrings [ "${builtins.storeDir}/" "/" ] [ "" "-" ]
