# Machines that build for this one: /etc/nix/machines.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix;

  machineModule = {
    options = {
      hostName = mkOption {
        type = types.str;
        example = "builder.example.org";
        description = "The machine's name.";
      };
      protocol = mkOption {
        type = types.enum [
          null
          "ssh"
          "ssh-ng"
        ];
        default = "ssh";
        example = "ssh-ng";
        description = "How the machine is reached; null for a whole URL in {option}`hostName`.";
      };
      system = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "x86_64-linux";
        description = "The system that it builds for.";
      };
      systems = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [
          "x86_64-linux"
          "aarch64-linux"
        ];
        description = "The systems that it builds for.";
      };
      sshUser = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "builder";
        description = "The user to log in as.";
      };
      sshKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/root/.ssh/id_builder";
        description = "A file on this host with the key to log in with. It must have no passphrase.";
      };
      maxJobs = mkOption {
        type = types.int;
        default = 1;
        description = "How many derivations it builds at once.";
      };
      speedFactor = mkOption {
        type = types.int;
        default = 1;
        description = "How fast it is next to other machines.";
      };
      mandatoryFeatures = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "big-parallel" ];
        description = "What a derivation must ask for to be built there.";
      };
      supportedFeatures = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "kvm" ];
        description = "What a derivation may ask for.";
      };
      publicHostKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The machine's SSH host key in base64.";
      };
    };
  };

  orDash = list: if list == [ ] then "-" else lib.concatStringsSep "," list;
  orNothing = value: if value == null then "-" else value;

  # "distributed builds" of Nix's manual: eight fields, `-` for none.
  line =
    machine:
    let
      systems = if machine.systems != [ ] then machine.systems else [ machine.system ];
      store =
        lib.optionalString (machine.protocol != null) "${machine.protocol}://"
        + lib.optionalString (machine.sshUser != null) "${machine.sshUser}@"
        + machine.hostName;
    in
    lib.concatStringsSep " " [
      store
      (orDash systems)
      (orNothing machine.sshKey)
      (toString machine.maxJobs)
      (toString machine.speedFactor)
      (orDash (lib.unique (machine.mandatoryFeatures ++ machine.supportedFeatures)))
      (orDash machine.mandatoryFeatures)
      (orNothing machine.publicHostKey)
    ]
    + "\n";
in
{
  options.nix = {
    buildMachines = mkOption {
      type = types.listOf (types.submodule machineModule);
      default = [ ];
      description = "Machines that derivations are sent to.";
    };

    distributedBuilds = mkOption {
      type = types.bool;
      default = false;
      description = "Whether derivations are sent to {option}`nix.buildMachines`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.etc."nix/machines" = lib.mkIf (cfg.buildMachines != [ ]) {
      text = lib.concatMapStrings line cfg.buildMachines;
    };

    nix.settings.builders = lib.mkIf (!cfg.distributedBuilds) null;

    assertions = map (machine: {
      assertion = machine.system != null || machine.systems != [ ];
      message = "nix.buildMachines: the machine `${machine.hostName}` has neither `system` nor `systems`.";
    }) cfg.buildMachines;
  };
}
