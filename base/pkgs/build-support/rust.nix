# Rust programs, compiled by Debian's rustc and cargo, without a network: the
# crates that Cargo.lock names are fetched by their checksums beforehand.
{ lib, pkgs, ... }:

let
  # importCargoLock :: { lockFile | lockFileContents, extraRegistries } -> derivation
  #
  # A directory as `cargo vendor` makes it. `extraRegistries` has the address of downloads of each registry that the lock
  # names: "registry+INDEX" = "https://…/api/v1/crates".
  importCargoLock =
    {
      lockFile ? null,
      lockFileContents ? builtins.readFile lockFile,
      extraRegistries ? { },
      ...
    }:
    let
      packages = lib.filter (package: package ? source) (builtins.fromTOML lockFileContents).package;
      crate =
        package:
        if !(extraRegistries ? ${package.source}) then
          throw "importCargoLock: the crate ${package.name} comes from ${package.source}; give the address of its downloads in extraRegistries, or vendor it and give cargoVendorDir"
        else
          {
            directory = "${package.name}-${package.version}";
            inherit (package) checksum;
            archive = pkgs.fetchurl {
              name = "crate-${package.name}-${package.version}.tar.gz";
              url = "${extraRegistries.${package.source}}/${package.name}/${package.version}/download";
              sha256 = package.checksum;
            };
          };
    in
    pkgs.runCommandLocal "cargo-vendor-dir" { } (
      "mkdir $out\n"
      + lib.concatMapStrings (
        package:
        let
          inherit (crate package) directory checksum archive;
        in
        ''
          mkdir $out/${directory}
          tar xzf ${archive} -C $out/${directory} --strip-components=1 --no-same-owner
          echo '{"files":{},"package":"${checksum}"}' > $out/${directory}/.cargo-checksum.json
        ''
      ) packages
    );

  buildRustPackage =
    argument:
    pkgs.stdenv.mkDerivation (
      finalAttrs:
      let
        arguments = if builtins.isFunction argument then argument finalAttrs else argument;
        vendored =
          if arguments ? cargoLock then
            "${importCargoLock arguments.cargoLock}"
          else if arguments.cargoVendorDir or null != null then
            # A directory in the source.
            arguments.cargoVendorDir
          else if arguments.cargoDeps or null != null then
            "${arguments.cargoDeps}"
          else
            throw "buildRustPackage: give cargoLock.lockFile, or cargoVendorDir with what `cargo vendor` wrote; the Debian base does not take cargoHash";
        features = arguments.buildFeatures or [ ];
        flags =
          lib.optional (arguments.buildNoDefaultFeatures or false) "--no-default-features"
          ++ lib.optional (features != [ ]) "--features=${lib.concatStringsSep "," features}";
        directory = arguments.buildType or "release";
      in
      removeAttrs arguments [
        "cargoLock"
        "cargoHash"
        "cargoVendorDir"
        "cargoDeps"
        "buildFeatures"
        "buildNoDefaultFeatures"
        "buildType"
      ]
      // {
        debianPackages = arguments.debianPackages or [ ] ++ [
          "cargo"
          "rustc"
        ];
        cargoDeps = vendored;
        cargoProfileFlags = if directory == "debug" then [ ] else [ "--profile=${directory}" ];
        cargoBuildFlags = flags ++ arguments.cargoBuildFlags or [ ];
        cargoTestFlags = flags ++ arguments.cargoTestFlags or [ ];
        doCheck = arguments.doCheck or true;
        strictDeps = true;

        configurePhase =
          arguments.configurePhase or ''
            runHook preConfigure
            case $cargoDeps in
              /*) ;;
              *) cargoDeps=$PWD/$cargoDeps ;;
            esac
            export CARGO_HOME=$NIX_BUILD_TOP/.cargo
            mkdir -p "$CARGO_HOME"
            printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "%s"\n' "$cargoDeps" \
              > "$CARGO_HOME/config.toml"
            # Nothing of the build directory stays in the program.
            export RUSTFLAGS="--remap-path-prefix=$NIX_BUILD_TOP=/build ''${RUSTFLAGS-}"
            runHook postConfigure
          '';

        buildPhase =
          arguments.buildPhase or ''
            runHook preBuild
            cargo build --offline --frozen -j "$NIX_BUILD_CORES" $cargoProfileFlags $cargoBuildFlags
            runHook postBuild
          '';

        checkPhase =
          arguments.checkPhase or ''
            runHook preCheck
            cargo test --offline --frozen -j "$NIX_BUILD_CORES" $cargoProfileFlags $cargoTestFlags
            runHook postCheck
          '';

        installPhase =
          arguments.installPhase or ''
            runHook preInstall
            for file in target/${directory}/*; do
              if [[ ! -f $file ]]; then continue; fi
              case $file in
                *.d | *.rlib) ;;
                *.so | *.a) install -D -t "$out/lib" "$file" ;;
                *) if [[ -x $file ]]; then install -D -t "$out/bin" "$file"; fi ;;
              esac
            done
            runHook postInstall
          '';
      }
    );
in
{
  rustPlatform = {
    inherit buildRustPackage importCargoLock;
    fetchCargoVendor = _: throw "fetchCargoVendor: the Debian base takes cargoLock.lockFile instead";
  };
}
