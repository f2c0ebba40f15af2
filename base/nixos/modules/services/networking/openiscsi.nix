# Disks in the network, by iSCSI.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.openiscsi;
in
{
  options.services.openiscsi = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host uses disks by iSCSI.";
    };
    enableAutoLoginOut = mkOption {
      type = types.bool;
      default = false;
      description = "Whether all known disks are attached at boot.";
    };
    discoverPortal = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A server that is asked for its disks.";
    };
    name = mkOption {
      type = types.str;
      example = "iqn.2020-08.org.linux-iscsi.initiatorhost:example";
      description = "The name by which servers know the host.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of iscsid.conf.";
    };
    extraConfigFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A file on the host whose lines are added to iscsid.conf, for secrets.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "open-iscsi" ];
    boot.kernelModules = [ "iscsi_tcp" ];

    environment.etc = {
      "iscsi/initiatorname.iscsi".text = "InitiatorName=${cfg.name}\n";
      "iscsi/iscsid.conf" = {
        mode = "0600";
        text = ''
          iscsid.startup = /usr/sbin/iscsid
          node.startup = ${if cfg.enableAutoLoginOut then "automatic" else "manual"}
          node.leading_login = No
          ${cfg.extraConfig}
        '';
      };
    };

    systemd.services = {
      iscsid = {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
        # What is secret is added on the host, to a file that takes the place of the public one.
        preStart = lib.mkIf (cfg.extraConfigFile != null) ''
          umask 0077
          cat ${config.environment.etc."iscsi/iscsid.conf".source} ${lib.escapeShellArg cfg.extraConfigFile} > /etc/iscsi/iscsid.conf.new
          mv -f /etc/iscsi/iscsid.conf.new /etc/iscsi/iscsid.conf
        '';
        restartTriggers = [ config.environment.etc."iscsi/iscsid.conf".source ];
      };
      iscsi = lib.mkIf (cfg.enableAutoLoginOut || cfg.discoverPortal != null) {
        description = "Login to iSCSI targets";
        after = [
          "iscsid.service"
          "network-online.target"
        ];
        wants = [ "network-online.target" ];
        requires = [ "iscsid.service" ];
        wantedBy = [ "remote-fs.target" ];
        before = [ "remote-fs-pre.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
        };
        script = ''
          ${lib.optionalString (cfg.discoverPortal != null) "iscsiadm --mode discoverydb --type sendtargets --portal ${lib.escapeShellArg cfg.discoverPortal} --discover"}
          ${lib.optionalString cfg.enableAutoLoginOut ''
            # 21: there is nothing to log in to (iscsiadm(8)).
            iscsiadm --mode node --loginall=automatic || [ $? = 21 ]
          ''}
        '';
        preStop = lib.optionalString cfg.enableAutoLoginOut "iscsiadm --mode node --logoutall=automatic || true";
      };
    };
  };
}
