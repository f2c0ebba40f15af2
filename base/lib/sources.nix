# Parts of source trees, without what does not belong into a build.
{ lib }:
let
  inherit (builtins) match pathExists readFile storeDir;
in
rec {
  # cleanSourceFilter :: path -> type -> bool
  # Leaves out version control, editors' backups, compiled objects and results of builds.
  cleanSourceFilter =
    name: type:
    let
      base = baseNameOf (toString name);
    in
    !(
      (type == "directory" && builtins.elem base [ ".git" ".svn" "CVS" ".hg" ".jj" ".pijul" "_darcs" ])
      || base == ".svn"
      || lib.hasSuffix "~" base
      || match "\\.sw[a-z]" base != null
      || match "\\..*\\.sw[a-z]" base != null
      || lib.hasSuffix ".o" base
      || lib.hasSuffix ".so" base
      || (type == "symlink" && lib.hasPrefix "result" base)
      || type == "unknown"
    );

  # cleanSource :: path -> source
  cleanSource = src: cleanSourceWith { inherit src; filter = cleanSourceFilter; };

  # cleanSourceWith :: { src; filter; name; } -> source
  # Filters nest: the result can be given again.
  cleanSourceWith =
    {
      filter ? (_: _: true),
      src,
      name ? null,
    }:
    let
      original = toSourceAttributes src;
    in
    fromSourceAttributes {
      inherit (original) origSrc;
      filter = path: type: filter path type && original.filter path type;
      name = if name != null then name else original.name;
    };

  # trace :: source -> source
  # Prints what the filter decides.
  trace =
    src:
    let
      attributes = toSourceAttributes src;
    in
    fromSourceAttributes (
      attributes
      // {
        filter =
          path: type:
          let
            kept = attributes.filter path type;
          in
          builtins.trace "${attributes.name}.filter ${path} = ${lib.boolToString kept}" kept;
      }
    )
    // {
      satisfiesSubpathInvariant = src.satisfiesSubpathInvariant or false;
    };

  # sourceByRegex :: path -> [string] -> source
  # Files whose path from the root matches one of the expressions.
  sourceByRegex =
    src: expressions:
    let
      isFiltered = src ? _isLibCleanSourceWith;
      origSrc = if isFiltered then src.origSrc else src;
    in
    cleanSourceWith {
      filter =
        path: _:
        let
          relative = lib.removePrefix (toString origSrc + "/") (toString path);
        in
        lib.any (expression: match expression relative != null) expressions;
      inherit src;
    };

  # sourceFilesBySuffices :: path -> [string] -> source
  # Folders stay, so empty ones may come along.
  sourceFilesBySuffices =
    src: suffixes:
    cleanSourceWith {
      filter =
        name: type:
        type == "directory" || lib.any (suffix: lib.hasSuffix suffix (baseNameOf (toString name))) suffixes;
      inherit src;
    };

  # pathHasContext, canCleanSource :: path -> bool
  pathHasContext = builtins.hasContext or (lib.hasPrefix storeDir);
  canCleanSource = src: src ? _isLibCleanSourceWith || !(pathHasContext (toString src));

  # pathIsGitRepo :: path -> bool
  pathIsGitRepo = path: gitRevision path ? value;

  # commitIdFromGitRepo :: path -> string
  commitIdFromGitRepo =
    path:
    let
      revision = gitRevision path;
    in
    revision.value or (throw revision.error);

  # revOrTag :: string -> string -> string
  revOrTag = rev: tag: if tag != null then tag else if rev != null then rev else "HEAD";
  # repoRevToName :: string -> string -> string -> string
  repoRevToName = kind: pretty: rev: if kind == "pretty" then pretty else "source";

  inherit (lib.filesystem) pathType pathIsDirectory pathIsRegularFile;

  # gitRevision :: path -> { value; } | { error; }
  # The commit that HEAD is, through .git files of work trees and packed references.
  gitRevision =
    let
      read =
        file: path:
        let
          target = path + "/${file}";
          packed = path + "/packed-refs";
          content = lib.fileContents target;
          reference = match "ref: (.*)" content;
          isGitFile = file == ".git";
          packedMatch =
            match "(^|.*\n)([0-9a-f]{40}) ${lib.escapeRegex file}(\n.*|$)" (readFile packed);
        in
        if lib.pathIsRegularFile path then
          let
            linked = match "gitdir: (.*)\n?" (readFile path);
            directory = builtins.head linked;
            absolute = if lib.hasPrefix "/" directory then /. + directory else /. + (toString (dirOf path) + "/" + directory);
            common = absolute + "/commondir";
            base =
              if pathExists common then
                /. + (toString absolute + "/" + lib.fileContents common)
              else
                absolute;
            own = match "ref: (.*)" (lib.fileContents (absolute + "/HEAD"));
          in
          if linked == null then
            { error = "File contains no gitdir reference: ${toString path}"; }
          else if file == "HEAD" && own != null then
            read (builtins.head own) base
          else if file == "HEAD" then
            { value = lib.fileContents (absolute + "/HEAD"); }
          else
            read file base
        else if !isGitFile && lib.pathIsRegularFile target then
          if reference != null then read (builtins.head reference) path else { value = content; }
        else if pathExists packed then
          if packedMatch == null then
            { error = "Could not find ${file} in ${toString packed}"; }
          else
            { value = builtins.elemAt packedMatch 1; }
        else
          { error = "Not a .git directory: ${toString path}"; };
    in
    read "HEAD";

  # toSourceAttributes, fromSourceAttributes :: source and the parts of which it is made
  toSourceAttributes =
    src:
    if src ? _isLibCleanSourceWith then
      {
        inherit (src) origSrc filter name;
      }
    else
      {
        origSrc = src;
        filter = _: _: true;
        name = "source";
      };
  fromSourceAttributes =
    {
      origSrc,
      filter,
      name,
    }:
    {
      _isLibCleanSourceWith = true;
      inherit origSrc filter name;
      outPath = builtins.path {
        inherit filter name;
        path = origSrc;
      };
    };
}
