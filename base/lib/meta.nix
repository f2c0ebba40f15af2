# What is said about packages: programs, priorities, platforms, licences.
{ lib }:
let
  inherit (lib) matchAttrs any all;
in
rec {
  # addMetaAttrs :: set -> derivation -> derivation
  addMetaAttrs =
    new: drv:
    if drv ? overrideAttrs then
      drv.overrideAttrs (old: { meta = (old.meta or { }) // new; })
    else
      drv // { meta = (drv.meta or { }) // new; };

  # dontDistribute :: derivation -> derivation
  dontDistribute = addMetaAttrs { hydraPlatforms = [ ]; };

  # setName, updateName, appendToName
  setName = name: drv: drv // { inherit name; };
  updateName = updater: drv: drv // { name = updater drv.name; };
  appendToName =
    suffix:
    updateName (
      name:
      let
        x = builtins.parseDrvName name;
      in
      "${x.name}-${suffix}${lib.optionalString (x.version != "") "-${x.version}"}"
    );

  # mapDerivationAttrset :: (derivation -> derivation) -> set -> set
  mapDerivationAttrset = f: builtins.mapAttrs (_: value: if lib.isDerivation value then f value else value);

  # setPrio, lowPrio, hiPrio :: which package wins where two have the same file; smaller wins
  defaultPriority = 5;
  setPrio = priority: addMetaAttrs { inherit priority; };
  lowPrio = setPrio 10;
  lowPrioSet = mapDerivationAttrset lowPrio;
  hiPrio = setPrio (-10);
  hiPrioSet = mapDerivationAttrset hiPrio;

  # platformMatch :: platform -> (string | set) -> bool
  # The element is a system's name, a pattern of the platform, or of its `parsed` part.
  platformMatch =
    platform: element:
    if builtins.isString element then
      (platform.system or null) == element
    else
      matchAttrs (
        if element ? parsed then
          element
        else
          { parsed = element; }
      ) platform;

  # availableOn :: platform -> derivation -> bool
  availableOn =
    platform: pkg:
    pkg != null
    && ((!pkg ? meta.platforms) || any (platformMatch platform) pkg.meta.platforms)
    && all (element: !platformMatch platform element) (pkg.meta.badPlatforms or [ ]);

  # licensesSpdx :: licences by their SPDX identifier
  inherit (lib) licensesSpdx;
  getLicenseFromSpdxId =
    id:
    getLicenseFromSpdxIdOr id (
      lib.warn "getLicenseFromSpdxId: No license matches the given SPDX ID: ${id}" { shortName = id; }
    );
  getLicenseFromSpdxIdOr =
    let
      byLower = lib.mapAttrs' (id: lib.nameValuePair (lib.toLower id)) lib.licensesSpdx;
    in
    id: default: byLower.${lib.toLower id} or default;

  # getExe :: derivation -> string
  # The path of a package's main program.
  getExe =
    x:
    getExe' x (
      x.meta.mainProgram or (
        # Guessing is what nixpkgs does too, with a warning.
        lib.warn "getExe: package ${lib.getName x} does not say which is its main program (`meta.mainProgram`); taking one of the package's own name. Use `lib.getExe' PACKAGE \"PROGRAM\"`." (lib.getName x)
      )
    );

  # getExe' :: derivation -> string -> string
  getExe' =
    x: program:
    assert lib.assertMsg (lib.isDerivation x)
      "lib.meta.getExe': The first argument is of type ${builtins.typeOf x}, but it should be a derivation instead.";
    assert lib.assertMsg (builtins.isString program)
      "lib.meta.getExe': The second argument is of type ${builtins.typeOf program}, but it should be a string instead.";
    assert lib.assertMsg (builtins.match ".*/.*" program == null)
      "lib.meta.getExe': The second argument \"${program}\" is a nested path with a \"/\" character, but it should just be the name of the executable instead.";
    "${lib.getBin x}/bin/${program}";
}
