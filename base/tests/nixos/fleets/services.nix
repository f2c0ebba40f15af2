# Services, units, sudo and Nix.
{
  lib,
  etc,
  has,
  unit,
  userUnit,
  refused,
  standIn,
  key,
}:

let
  every = [
    "card"
    "cluster"
    "runners"
  ];

  k3s = option: value: wanted: {
    option = "services.k3s.${option}";
    systems = [ "cluster" ];
    given.services.k3s = {
      enable = true;
      package = standIn;
    };
    inherit value;
    says = "the service's command has it";
    reaches = config: lib.hasInfix wanted config.systemd.services.k3s.serviceConfig.ExecStart;
  };

  service = where: inUnit: option: value: line: {
    option = "${where}.<unit>.${option}";
    systems = [ "runners" ];
    path = lib.splitString "." where ++ [ "probe" ] ++ lib.splitString "." option;
    given = lib.setAttrByPath (lib.splitString "." where ++ [ "probe" ]) {
      serviceConfig.ExecStart = lib.mkDefault "/bin/probe";
    };
    inherit value;
    says = "the unit has the line `${line}`";
    reaches = config: has line (inUnit "probe.service" config);
  };
  systemService = service "systemd.services" unit;
  userService = service "systemd.user.services" userUnit;

  timer = option: value: line: {
    option = "systemd.timers.<unit>.timerConfig.${option}";
    systems = [ "runners" ];
    path = [ "systemd" "timers" "probe" "timerConfig" option ];
    given.systemd.timers.probe.timerConfig.OnCalendar = lib.mkDefault "weekly";
    inherit value;
    says = "the unit has the line `${line}`";
    reaches = config: has line (unit "probe.timer" config);
  };

  wanted = where: units: target: {
    option = "${where}.<unit>.wantedBy";
    systems = [ "runners" ];
    path = lib.splitString "." where ++ [ "probe" "wantedBy" ];
    given = lib.optionalAttrs (where == "systemd.timers") { systemd.timers.probe.timerConfig.OnCalendar = "weekly"; };
    value = [ target ];
    says = "the target wants it";
    reaches = config: lib.elem target (units config).wantedBy;
  };
in
[
  {
    option = "deployment.tags";
    systems = [ "cluster" ];
    value = [ "k3s-server" ];
    says = "`hostwright apply --on @k3s-server` takes the host";
    reaches = config: config.deployment.tags == [ "k3s-server" ];
  }
  {
    option = "deployment.targetHost";
    systems = [ "cluster" ];
    value = "192.0.2.3";
    says = "`hostwright apply` reaches the host there";
    reaches = config: config.deployment.targetHost == "192.0.2.3";
  }
  {
    option = "deployment.targetUser";
    systems = [ "cluster" ];
    value = "deploy";
    says = "`hostwright apply` logs in as the user";
    reaches = config: config.deployment.targetUser == "deploy";
  }
  (k3s "clusterInit" true "--cluster-init")
  (k3s "enable" true "/bin/k3s server")
  (k3s "extraFlags" "--disable traefik" "--disable traefik")
  (k3s "role" "server" "/bin/k3s server")
  (k3s "tokenFile" "/run/token" "--token-file /run/token")
  {
    option = "nix.gc.automatic";
    systems = [
      "card"
      "runners"
    ];
    value = true;
    says = "the timer is there";
    reaches = config: config.systemd.timers ? nix-gc;
  }
  {
    option = "nix.gc.dates";
    systems = [ "runners" ];
    given.nix.gc.automatic = true;
    value = "weekly";
    says = "the timer has it";
    reaches = config: config.systemd.timers.nix-gc.timerConfig.OnCalendar == [ "weekly" ];
  }
  {
    option = "nix.gc.options";
    systems = [ "card" ];
    given.nix.gc.automatic = true;
    value = "--delete-older-than 8d";
    says = "the service's command has it";
    reaches = config: lib.hasInfix "--delete-older-than 8d" config.systemd.services.nix-gc.script;
  }
  {
    option = "nix.gc.persistent";
    systems = [ "runners" ];
    given.nix.gc.automatic = true;
    value = true;
    says = "the timer has it";
    reaches = config: config.systemd.timers.nix-gc.timerConfig.Persistent;
  }
  {
    option = "nix.linux-builder.enable";
    systems = [ "cluster" ];
    value = true;
    says = "it is nix-darwin's, and nothing needs it";
    removed = "nix-darwin";
  }
  {
    option = "nix.linux-builder.systems";
    systems = [ "cluster" ];
    value = [ "aarch64-linux" ];
    says = "it is nix-darwin's, and nothing needs it";
    removed = "nix.linux-builder";
  }
  {
    option = "nix.settings.experimental-features";
    systems = [
      "cluster"
      "runners"
    ];
    value = [
      "nix-command"
      "flakes"
    ];
    says = "nix.conf has it";
    reaches = config: has "experimental-features = nix-command flakes" (etc "nix/nix.conf" config);
  }
  {
    option = "nix.settings.trusted-users";
    systems = [ "runners" ];
    value = [ "runner" ];
    says = "nix.conf has it";
    reaches = config: lib.hasInfix "runner" (lib.findFirst (lib.hasPrefix "trusted-users") "" (lib.splitString "\n" (etc "nix/nix.conf" config)));
  }
  {
    option = "programs.zsh.enable";
    systems = [ "runners" ];
    value = true;
    says = "Debian's package is in the system, and /etc has its start";
    reaches = config: lib.elem "zsh" config.environment.debianPackages && config.environment.etc ? "zsh/zshrc";
  }
  {
    option = "security.sudo.extraRules";
    systems = [ "cluster" ];
    value = [
      {
        users = [ "deploy" ];
        commands = [
          {
            command = "ALL";
            options = [ "NOPASSWD" ];
          }
        ];
      }
    ];
    says = "sudoers has it";
    reaches = config: has "deploy ALL=(ALL:ALL) NOPASSWD: ALL" (etc "sudoers" config);
  }
  {
    option = "security.sudo.wheelNeedsPassword";
    systems = [
      "card"
      "runners"
    ];
    value = false;
    says = "sudoers has it";
    reaches = config: lib.any (line: lib.hasPrefix "%wheel" line && lib.hasInfix "NOPASSWD" line) (lib.splitString "\n" (etc "sudoers" config));
  }
  {
    option = "services.journald.extraConfig";
    systems = [ "runners" ];
    value = "MaxRetentionSec=2weeks";
    says = "journald.conf has it";
    reaches = config: has "MaxRetentionSec=2weeks" (etc "systemd/journald.conf" config);
  }
  {
    option = "services.openssh.enable";
    systems = every;
    value = true;
    says = "the service is there";
    reaches = config: config.systemd.services ? sshd;
  }
  {
    option = "services.openssh.settings.PasswordAuthentication";
    systems = [
      "cluster"
      "runners"
    ];
    given.services.openssh.enable = true;
    value = false;
    says = "sshd_config has it";
    reaches = config: has "PasswordAuthentication no" (etc "ssh/sshd_config" config);
  }
  {
    option = "services.openssh.settings.PermitRootLogin";
    systems = [ "cluster" ];
    given.services.openssh.enable = true;
    value = "no";
    says = "sshd_config has it";
    reaches = config: has "PermitRootLogin no" (etc "ssh/sshd_config" config);
  }
  {
    option = "services.sshd.enabled";
    systems = [ "card" ];
    value = true;
    says = "it is no option of NixOS, and the error names `services.sshd.enable`";
    unknown = true;
    reaches = config: config.services.openssh.enable;
  }
  {
    option = "services.sshd.enable";
    systems = [ "card" ];
    value = true;
    says = "`services.openssh.enable` has it";
    reaches = config: config.services.openssh.enable;
  }
  {
    option = "services.timesyncd.enable";
    systems = [ "card" ];
    value = true;
    says = "Debian's package is in the system";
    reaches = config: lib.elem "systemd-timesyncd" config.environment.debianPackages;
  }
  {
    option = "services.udev.extraRules";
    systems = [ "runners" ];
    value = ''SUBSYSTEMS=="usb", ATTRS{idVendor}=="0403", GROUP="dialout"'';
    says = "the rules' file has it";
    reaches = config: lib.hasInfix "0403" (etc "udev/rules.d/99-local.rules" config);
  }
  {
    option = "services.udev.packages";
    systems = [ "runners" ];
    value = [ (standIn // { debianPackages = [ "usbsdmux" ]; }) ];
    says = "Debian's package is in the system";
    reaches = config: lib.elem "usbsdmux" config.environment.debianPackages;
  }
  {
    option = "sops.secrets.<s>.sopsFile";
    systems = [ "cluster" ];
    imports = [ "../../../inputs/sops-nix/module.nix" ];
    path = [ "sops" "secrets" "token" "sopsFile" ];
    value = ./services.nix;
    says = "the Debian base does not bring secrets to hosts yet";
    removed = "sops.secrets.token";
  }
  (systemService "after" [ "network.target" ] "After=network.target")
  (systemService "description" "A probe" "Description=A probe")
  (systemService "serviceConfig.Environment" [ "FTDI=1-1.1.3" "TARGET=\"a,b\"" ] "Environment=TARGET=\"a,b\"")
  (systemService "serviceConfig.ExecStart" "/bin/x" "ExecStart=/bin/x")
  (systemService "serviceConfig.Restart" "on-failure" "Restart=on-failure")
  (systemService "serviceConfig.RestartSec" "15s" "RestartSec=15s")
  (systemService "serviceConfig.Type" "simple" "Type=simple")
  (systemService "serviceConfig.User" "runner" "User=runner")
  (wanted "systemd.services" (config: config.systemd.services.probe) "multi-user.target")
  (timer "OnCalendar" "Wed *-*-* 05:00:00" "OnCalendar=Wed *-*-* 05:00:00")
  (timer "Persistent" true "Persistent=true")
  (wanted "systemd.timers" (config: config.systemd.timers.probe) "timers.target")
  (userService "after" [ "network.target" ] "After=network.target")
  (userService "description" "A probe" "Description=A probe")
  {
    option = "systemd.user.services.<unit>.enable";
    systems = [ "runners" ];
    path = [ "systemd" "user" "services" "probe" ];
    value = {
      enable = false;
      serviceConfig.ExecStart = "/bin/probe";
    };
    says = "the unit is masked";
    reaches = config: !config.systemd.user.units."probe.service".enable;
  }
  (userService "serviceConfig.Environment" [ "FTDI=1-1.1.3" ] "Environment=FTDI=1-1.1.3")
  (userService "serviceConfig.ExecStart" "/bin/x" "ExecStart=/bin/x")
  (userService "serviceConfig.Restart" "on-failure" "Restart=on-failure")
  (userService "serviceConfig.RestartSec" "15s" "RestartSec=15s")
  (userService "serviceConfig.Type" "simple" "Type=simple")
  (wanted "systemd.user.services" (config: config.systemd.user.services.probe) "default.target")
]
