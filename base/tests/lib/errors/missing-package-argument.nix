# error: Function called without required argument "curll" at .*missing-package-argument\.nix:2, did you mean "curl"\?
(import ../../../lib).callPackageWith { curl = 1; } ({ curll }: curll) { }
