# What fleets set: each option with a value as they have it, and what shows that it reached the system. `nix-instantiate --eval
# --strict base/tests/nixos/fleets.nix -A failures` evaluates to [ ] when all do.
#
# systems: who sets it: a headless card (card), a cluster on a board (cluster), runners of FPGA boards (runners).
let
  lib = import ../../lib;

  evaluated =
    modules:
    import ../../nixos/lib/eval-config.nix {
      inherit lib;
      system = null;
      modules = [
        {
          nixpkgs.hostPlatform = lib.mkDefault "aarch64-linux";
          system.stateVersion = lib.mkDefault "25.11";
          fileSystems."/" = {
            device = lib.mkOverride 1200 "/dev/disk/by-label/nixos";
            fsType = lib.mkOverride 1200 "ext4";
          };
        }
      ]
      ++ modules;
    };

  etc = name: config: config.environment.etc.${name}.text;
  unit = name: config: config.systemd.units.${name}.text;
  userUnit = name: config: config.systemd.user.units.${name}.text;
  has = wanted: text: lib.elem wanted (map lib.trim (lib.splitString "\n" text));
  failing = config: map (assertion: assertion.message) (lib.filter (assertion: !assertion.assertion) config.assertions);
  refused = wanted: config: lib.any (lib.hasInfix wanted) (failing config);

  card = "installer/sd-card/sd-image-aarch64.nix";
  installer = "installer/sd-card/sd-image-aarch64-installer.nix";
  standIn = derivation {
    name = "stand-in";
    system = "builtin";
    builder = "builtin:write-file";
  };
  key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA test";

  all = lib.concatLists [
    (import ./fleets/boot.nix { inherit lib etc has refused; })
    (import ./fleets/machine.nix { inherit lib etc has refused card installer key; })
    (import ./fleets/services.nix { inherit lib etc has unit userUnit refused standIn key; })
  ];

  result =
    test:
    let
      modulesPath = toString ../../nixos/modules;
      host = evaluated (
        map (module: "${modulesPath}/${module}") (test.imports or [ ])
        ++ lib.toList (test.given or { })
        ++ [ (lib.setAttrByPath (test.path or (lib.splitString "." test.option)) test.value) ]
      );
      # A removed option is an error when anything is asked for.
      reached = builtins.tryEval (test.reaches host.config);
    in
    if test ? unknown then
      if reached.success then "${test.option}: is taken, and is no option" else null
    else if test ? removed then
      if refused test.removed host.config then null else "${test.option}: is not refused by ${test.removed}"
    else if !reached.success then
      "${test.option}: does not evaluate"
    else if !reached.value then
      "${test.option}: does not reach the system"
    else
      null;
in
{
  failures = lib.filter (message: message != null) (map result all);

  # One line an option, for docs/options-of-fleets.md.
  table = lib.concatMapStrings (
    test:
    "| `${test.option}` | ${lib.concatStringsSep ", " test.systems} | ${
      if test ? removed || test ? unknown then "refused: ${test.says}" else test.says
    } |\n"
  ) (lib.sort (a: b: a.option < b.option) all);
}
