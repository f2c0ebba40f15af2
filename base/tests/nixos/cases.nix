# What the modules make of a configuration: evaluates to [ ] when all cases hold,
# else to those that do not. No case needs a package, so there is no lock.
#
#   nix-instantiate --eval --strict base/tests/nixos/cases.nix
let
  lib = import ../../lib;

  host =
    module:
    (import ../../nixos/lib/eval-config.nix {
      inherit lib;
      system = null;
      modules = [
        {
          nixpkgs.hostPlatform = "x86_64-linux";
          system.stateVersion = "25.11";
          networking.hostName = "test";
          fileSystems."/" = {
            device = "/dev/disk/by-label/nixos";
            fsType = "ext4";
          };
        }
        module
      ];
    }).config;

  etc = name: module: (host module).environment.etc.${name}.text;
  lines = text: lib.filter (line: line != "" && !(lib.hasPrefix "#" line)) (lib.splitString "\n" text);
  has = wanted: text: lib.elem wanted (lines text);

  failures =
    module:
    map (assertion: assertion.message) (
      lib.filter (assertion: !assertion.assertion) (host module).assertions
    );
in
lib.runTests {
  # What /usr is made of hangs on the programs that a text names, and on nothing else of the text.
  testStorePathsOfText =
    let
      program = name: derivation { inherit name; system = "none"; builder = "none"; outputs = [ "out" "bin" ]; };
      found = import ../../nixos/lib/store-paths.nix { inherit lib; } ''
        ExecStart=${program "b-1"}/bin/b --file ${./cases.nix}
        # See ${(program "a").bin}. And ${program "b-1"}.
      '';
    in
    {
      expr = map (path: [
        (builtins.substring 33 (-1) (lib.removePrefix "${builtins.storeDir}/" (builtins.unsafeDiscardStringContext path)))
        (lib.concatMap (how: how.outputs) (lib.attrValues (builtins.getContext path)))
      ]) (lib.sort (a: b: lib.hasInfix "-a-bin" a) found);
      expected = [
        [ "a-bin" [ "bin" ] ]
        [ "b-1" [ "out" ] ]
      ];
    };

  testFstab = {
    expr = lines (
      etc "fstab" {
        fileSystems."/data disk" = {
          device = "/dev/disk/by-uuid/1234";
          fsType = "xfs";
          options = [ "nofail" ];
          depends = [ "/" ];
        };
        swapDevices = [ { device = "/dev/sda2"; } ];
      }
    );
    expected = [
      "/dev/disk/by-label/nixos / ext4 x-initrd.mount 0 1"
      "/dev/disk/by-uuid/1234 /data\\040disk xfs nofail,x-systemd.requires-mounts-for=/ 0 2"
      "/dev/sda2 none swap defaults,nofail 0 0"
    ];
  };

  testSudoers = {
    expr = has "deploy ALL=(ALL:ALL) NOPASSWD: ALL" (
      etc "sudoers" {
        security.sudo.extraRules = [
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
      }
    );
    expected = true;
  };

  # The kernel's documentation, admin-guide/binfmt-misc.rst; the values are QEMU's own.
  testBinfmt = {
    expr = etc "binfmt.d/nixos.conf" { boot.binfmt.emulatedSystems = [ "aarch64-linux" ]; };
    expected =
      ":aarch64-linux:M::"
      + "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:"
      + "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:"
      + "/usr/bin/qemu-aarch64:F\n";
  };

  testNixConf =
    let
      text = etc "nix/nix.conf" {
        nix.settings = {
          experimental-features = [
            "nix-command"
            "flakes"
          ];
          trusted-users = [ "ada" ];
          cores = 2;
        };
        nix.extraOptions = "keep-outputs = true";
      };
    in
    {
      expr = map (line: has line text) [
        "experimental-features = nix-command flakes"
        "trusted-users = ada"
        "cores = 2"
        "sandbox = true"
        "keep-outputs = true"
      ];
      expected = lib.genList (_: true) 5;
    };

  testZram = {
    expr = lines (
      etc "systemd/zram-generator.conf" {
        zramSwap = {
          enable = true;
          memoryMax = 1048576;
        };
      }
    );
    expected = [
      "[zram0]"
      "zram-size = min(ram * 50 / 100, 1048576 / 1024 / 1024)"
      "compression-algorithm = zstd"
      "swap-priority = 5"
    ];
  };

  testServiceUnit = {
    expr = lines (
      (host {
        systemd.services.worker = {
          description = "A worker";
          after = [ "network.target" ];
          wantedBy = [ "multi-user.target" ];
          environment.GREETING = "100% \"sure\"";
          serviceConfig = {
            ExecStart = "/bin/worker";
            RestartSec = 5;
            DynamicUser = true;
            ExecStartPost = [
              "/bin/one"
              "/bin/two"
            ];
          };
        };
      }).systemd.units."worker.service".text
    );
    expected = [
      "[Unit]"
      "After=network.target"
      "Description=A worker"
      "[Service]"
      "Environment=\"GREETING=100%% \\\"sure\\\"\""
      "Environment=\"PATH=/run/current-system/sw/bin:/usr/bin:/usr/sbin\""
      "DynamicUser=true"
      "ExecStart=/bin/worker"
      "ExecStartPost=/bin/one"
      "ExecStartPost=/bin/two"
      "RestartSec=5"
    ];
  };

  testStartAtMakesTimer = {
    expr = (host {
      nix.gc = {
        automatic = true;
        dates = "weekly";
        persistent = true;
      };
    }).systemd.timers.nix-gc.timerConfig;
    expected = {
      OnCalendar = [ "weekly" ];
      Persistent = true;
      RandomizedDelaySec = "0";
    };
  };

  # NetworkManager and networkd must not both set interfaces up.
  testNetworkManagerAlone = {
    expr =
      let
        config = host { networking.networkmanager.enable = true; };
      in
      {
        inherit (config.networking) useDHCP useNetworkd;
        networkd = config.systemd.network.enable;
      };
    expected = {
      useDHCP = false;
      useNetworkd = false;
      networkd = false;
    };
  };

  testRenamedOption = {
    expr = (host { systemd.watchdog.runtimeTime = "30s"; }).systemd.settings.Manager.RuntimeWatchdogSec;
    expected = "30s";
  };

  testNoRootFileSystem = {
    expr = failures { fileSystems = lib.mkForce { }; };
    expected = [ "There is no root file system; set fileSystems.\"/\"." ];
  };

  testAgentWithoutServer = {
    expr = failures {
      services.k3s = {
        enable = true;
        role = "agent";
        tokenFile = "/run/secrets/k3s";
        package = derivation {
          name = "k3s";
          system = "builtin";
          builder = "builtin:write-file";
        };
      };
      networking.firewall.enable = false;
    };
    expected = [ "services.k3s: an agent needs serverAddr, the server that it joins." ];
  };

  testSecretIsAUnit = {
    expr =
      let
        config = host {
          deployment.keys.token = {
            keyCommand = [
              "pass"
              "web"
            ];
            destDir = "/run/secret";
          };
        };
      in
      {
        inherit (config.deployment.keys.token) path permissions uploadAt;
        exists = config.systemd.paths.token-key.pathConfig.PathExists;
        type = config.systemd.services.token-key.serviceConfig.Type;
        group = config.users.groups ? keys;
      };
    expected = {
      path = "/run/secret/token";
      permissions = "0600";
      uploadAt = "pre-activation";
      exists = "/run/secret/token";
      type = "oneshot";
      group = true;
    };
  };

  testSecretFromNowhere = {
    expr = failures { deployment.keys.token.user = "web"; };
    expected = [ "deployment.keys.token needs one of text, keyFile and keyCommand" ];
  };
}
