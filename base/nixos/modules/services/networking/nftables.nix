# Packet filters by nftables.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.networking.nftables;

  tableModule =
    { name, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the table is there.";
        };
        name = mkOption {
          type = types.str;
          default = name;
          description = "The table's name.";
        };
        family = mkOption {
          type = types.enum [
            "ip"
            "ip6"
            "inet"
            "arp"
            "bridge"
            "netdev"
          ];
          description = "The table's address family.";
        };
        content = mkOption {
          type = types.lines;
          description = "What is in the table.";
        };
      };
    };

  tables = lib.filter (table: table.enable) (lib.attrValues cfg.tables);

  # A table is declared before it is deleted, so that there is one to delete.
  clear = table: "table ${table.family} ${table.name}\ndelete table ${table.family} ${table.name}\n";

  rules = pkgs.writeText "nftables-rules" (
    lib.optionalString cfg.flushRuleset "flush ruleset\n"
    + lib.concatMapStrings (table: ''
      ${clear table}
      table ${table.family} ${table.name} {
      ${table.content}
      }
    '') tables
    + lib.optionalString (cfg.ruleset != "") (cfg.ruleset + "\n")
    + lib.optionalString (cfg.rulesetFile != null) "include \"${cfg.rulesetFile}\"\n"
  );
  removal = pkgs.writeText "nftables-removal" (
    if cfg.flushRuleset then "flush ruleset\n" else lib.concatMapStrings clear tables
  );
in
{
  options.networking.nftables = {
    enable = mkOption {
      type = types.bool;
      default = config.networking.firewall.enable;
      defaultText = lib.literalExpression "config.networking.firewall.enable";
      description = "Whether the host has packet filters. On the Debian base the firewall is one.";
    };

    checkRuleset = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether the rules are checked in the build; the Debian base runs no programs in builds and cannot.";
    };

    flushRuleset = mkOption {
      type = types.bool;
      default = cfg.ruleset != "" || cfg.rulesetFile != null;
      defaultText = lib.literalMD "whether {option}`networking.nftables.ruleset` or {option}`networking.nftables.rulesetFile` is set";
      description = "Whether all rules are removed first, those of other programs too.";
    };

    ruleset = mkOption {
      type = types.lines;
      default = "";
      description = "Rules in the language of {manpage}`nft(8)`.";
    };

    rulesetFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "A file with rules.";
    };

    tables = mkOption {
      type = types.attrsOf (types.submodule tableModule);
      default = { };
      description = "Tables of rules. Each is replaced as a whole, in one step with all others.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "nftables" ];
    system.debian.ownTexts = [
      rules
      removal
    ];
    boot.kernelModules = [ "nf_tables" ];

    systemd.services.nftables = {
      description = "nftables firewall";
      overrideStrategy = "asDropinIfExists";
      after = [ "sysinit.target" ];
      before = [
        "network-pre.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      wants = [
        "network-pre.target"
        "sysinit.target"
      ];
      wantedBy = [ "multi-user.target" ];
      reloadIfChanged = true;
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # The empty one takes back what Debian's own unit says.
        ExecStart = [
          ""
          "/usr/sbin/nft -f ${rules}"
        ];
        ExecReload = [
          ""
          "/usr/sbin/nft -f ${rules}"
        ];
        ExecStop = [
          ""
          "/usr/sbin/nft -f ${removal}"
        ];
      };
    };
  };
}
