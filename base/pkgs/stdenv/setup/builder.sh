# What `mkDerivation` runs when it is given no builder of its own.
source "$stdenv/setup"
genericBuild
