# `stdenv.mkDerivation`, with nixpkgs' arguments.
{
  lib,
  final,
  toolchain,
  # Debian's packages that every build of this stdenv has.
  basePackages,
  # What stands before the names of compilers: "" or "aarch64-linux-gnu-".
  targetPrefix,
  stdenv,
}:

let
  inherit (stdenv) buildPlatform hostPlatform;
  buildArchitecture = final.buildPackages.debianArchitecture;

  # Attributes by which a build names what it takes in, nixpkgs' all.
  inputAttributes = [
    "depsBuildBuild"
    "nativeBuildInputs"
    "depsBuildTarget"
    "depsHostHost"
    "buildInputs"
    "depsTargetTarget"
    "propagatedBuildInputs"
    "propagatedNativeBuildInputs"
    "checkInputs"
    "nativeCheckInputs"
    "installCheckInputs"
    "nativeInstallCheckInputs"
  ];

  # What makes no variable.
  notForTheBuilder = inputAttributes ++ [
    "env"
    "meta"
    "passthru"
    "pos"
    "strictDeps"
    "debianPackages"
  ];

  inputsOf = name: arguments: lib.filter (input: input != null) (lib.flatten (arguments.${name} or [ ]));

  isDebian = input: builtins.isAttrs input && input ? debianPackages;

  # A package of Debian's is installed in the build's `/usr`: of tools that of the
  # machine that builds, whichever was named.
  toolNames = inputs: lib.concatMap (input: input.debianPackages) (lib.filter isDebian inputs);

  debianNames =
    derivationName: inputs:
    lib.concatMap (
      input:
      if input.debianArchitecture == buildArchitecture then
        input.debianPackages
      else
        throw "${derivationName}: the Debian package `${input.pname}` is for ${input.debianArchitecture}, and cannot be installed where ${buildArchitecture} builds"
    ) (lib.filter isDebian inputs);

  # Builds that need another's headers need what those include.
  propagated =
    inputs:
    lib.concatMap (
      input:
      if builtins.isAttrs input && input ? propagatedDebianPackages then
        input.propagatedDebianPackages
      else
        [ ]
    ) inputs;

  mkDerivation =
    argument:
    let
      # A function gets what it returns, after overrides.
      fixed = if builtins.isFunction argument then argument else _: argument;
      make =
        function:
        let
          arguments = function finalAttributes;
          finalAttributes = arguments // {
            finalPackage = package;
            inherit overrideAttrs;
          };
          overrideAttrs =
            overlay:
            make (
              self:
              let
                previous = function self;
              in
              previous
              // (
                if !builtins.isFunction overlay then
                  overlay
                else
                  let
                    first = overlay self;
                  in
                  if builtins.isFunction first then first previous else overlay previous
              )
            );
          package = build arguments overrideAttrs;
        in
        package;
    in
    make fixed;

  build =
    arguments: overrideAttrs:
    let
      name = arguments.name or "${arguments.pname}-${arguments.version}";
      doCheck = arguments.doCheck or false && buildPlatform.system == hostPlatform.system;
      doInstallCheck =
        arguments.doInstallCheck or false && buildPlatform.system == hostPlatform.system;
      named = attribute: inputsOf attribute arguments;

      nativeInputs =
        named "depsBuildBuild"
        ++ named "nativeBuildInputs"
        ++ named "depsBuildTarget"
        ++ lib.optionals doCheck (named "nativeCheckInputs")
        ++ lib.optionals doInstallCheck (named "nativeInstallCheckInputs");
      targetInputs =
        named "depsHostHost"
        ++ named "buildInputs"
        ++ named "depsTargetTarget"
        ++ lib.optionals doCheck (named "checkInputs")
        ++ lib.optionals doInstallCheck (named "installCheckInputs");
      propagatedInputs = named "propagatedBuildInputs";
      propagatedNativeInputs = named "propagatedNativeBuildInputs";
      tools = nativeInputs ++ propagatedNativeInputs;
      libraries = targetInputs ++ propagatedInputs;

      debianPackages = lib.unique (
        basePackages
        ++ arguments.debianPackages or [ ]
        ++ toolNames tools
        ++ debianNames name libraries
        ++ propagated (tools ++ libraries)
      );
      shared = lib.length debianPackages == lib.length basePackages;
      environment =
        if shared then
          stdenv.debianEnvironment
        else
          toolchain.environment {
            inherit name;
            packages = debianPackages;
          };

      others = inputs: map (input: lib.getDev input) (lib.filter (input: !isDebian input) inputs);
      variable = inputs: lib.optionalAttrs (inputs != [ ]);

      env = lib.mapAttrs (
        variableName: value:
        if builtins.isList value || (builtins.isAttrs value && !(value ? outPath)) then
          throw "${name}: env.${variableName} is no string"
        else
          value
      ) (arguments.env or { });

      overlap = lib.filter (attribute: arguments ? ${attribute}) (lib.attrNames env);

      system = buildPlatform.system;
      drvArguments =
        removeAttrs arguments notForTheBuilder
        // env
        // {
          inherit name system;
          builder = arguments.realBuilder or "/bin/bash";
          args =
            arguments.args or [
              "-e"
              (arguments.builder or "${./setup}/builder.sh")
            ];
          stdenv = "${./setup}";
          # One tree for all builds that take in nothing else of Debian's.
          debianRoot = "${
            if shared then
              stdenv.debianRoot
            else
              toolchain.debianRoot {
                inherit name;
                packages = debianPackages;
                debs = environment;
              }
          }";
          outputs = arguments.outputs or [ "out" ];
          inherit doCheck doInstallCheck;
        }
        // lib.optionalAttrs (targetPrefix != "") { inherit targetPrefix; }
        // lib.optionalAttrs (stdenv.hasCC && targetPrefix == "") {
          debianLibraries = toolchain.runtimeLibraries environment;
        }
        // lib.optionalAttrs (targetPrefix != "" && arguments.configurePlatforms or [ "host" ] != [ ]) {
          configureFlags =
            lib.toList (arguments.configureFlags or [ ])
            ++ [ "--host=${lib.removeSuffix "-" targetPrefix}" ];
        }
        // variable nativeInputs { nativeBuildInputs = others nativeInputs; }
        // variable targetInputs { buildInputs = others targetInputs; }
        // variable propagatedInputs { propagatedBuildInputs = others propagatedInputs; }
        // variable propagatedNativeInputs {
          propagatedNativeBuildInputs = others propagatedNativeInputs;
        };

      passthru = arguments.passthru or { };
      meta = {
        inherit name;
        outputsToInstall = [ (lib.head drvArguments.outputs) ];
        available = true;
      }
      // arguments.meta or { };
    in
    if overlap != [ ] then
      throw "${name}: `${lib.head overlap}` is both an argument and in `env`"
    else
      lib.extendDerivation true (
        passthru
        // {
          inherit meta passthru overrideAttrs;
          override = arguments.override or (_: throw "${name}: nothing to override");
          # What a build that takes this in needs of Debian's besides.
          propagatedDebianPackages = lib.unique (
            toolNames propagatedNativeInputs
            ++ debianNames name propagatedInputs
            ++ propagated (propagatedInputs ++ propagatedNativeInputs)
          );
        }
      ) (derivation drvArguments);
in
mkDerivation
