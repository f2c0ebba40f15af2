# The library: one fixed point, every file a function of it.
#
# Files are imported when something of theirs is used, so `lib` itself costs next to nothing.
let
  fixedPoints = import ./fixed-points.nix { inherit lib; };

  lib = fixedPoints.makeExtensible (
    self:
    let
      load = file: import file { lib = self; };
    in
    {
      # What others lean on.
      trivial = load ./trivial.nix;
      fixedPoints = load ./fixed-points.nix;

      # Data.
      attrsets = load ./attrsets.nix;
      lists = load ./lists.nix;
      strings = load ./strings;
      stringsWithDeps = load ./strings-with-deps.nix;
      versions = load ./versions.nix;

      # Packages.
      customisation = load ./customisation.nix;
      derivations = load ./derivations.nix;
      meta = load ./meta.nix;
      licenses = load ./licenses.nix;
      licensesSpdx = self.mapAttrs' (_: l: self.nameValuePair l.spdxId l) (
        self.filterAttrs (_: l: l ? spdxId) self.licenses
      );
      sourceTypes = load ./source-types.nix;
      # Nobody is named here, yet packages may ask for anybody.
      maintainers = { };
      teams = { };
      systems = load ./systems;
      platforms = self.systems.doubles;

      # The module system.
      modules = load ./modules;
      options = load ./options.nix;
      types = load ./types;
      kernel = load ./kernel.nix;

      # Files.
      sources = load ./sources.nix;
      filesystem = load ./filesystem.nix;
      fileset = load ./fileset;
      path = load ./path.nix;
      fetchers = load ./fetchers.nix;

      # Formats and commands.
      generators = load ./generators;
      gvariant = load ./gvariant.nix;
      cli = load ./cli.nix;
      network = load ./network.nix;
      asciiTable = import ./strings/ascii-table.nix;

      # Work on Nix code.
      asserts = load ./asserts.nix;
      debug = load ./debug.nix;
      flakes = load ./flakes.nix;

      # Hashes that stand in until the right one is known.
      fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      fakeSha256 = self.strings.replicate 64 "0";
      fakeSha512 = self.strings.replicate 128 "0";

      inherit (self.generators) mkLuaInline;
      inherit (self.versions) splitVersion;
      inherit (self.network.ipv6) mkEUI64Suffix;

      inherit (builtins)
        addErrorContext
        baseNameOf
        ceil
        dirOf
        div
        floor
        fromTOML
        hashFile
        hashString
        isPath
        mul
        placeholder
        readDir
        toFile
        toString
        toXML
        trace
        tryEval
        typeOf
        unsafeGetAttrPos
        ;
      inherit (self.trivial)
        add
        and
        bitAnd
        bitNot
        bitOr
        bitXor
        boolToString
        boolToYesNo
        checkListOfEnum
        codeName
        compare
        concat
        const
        deepSeq
        defaultTo
        flip
        fromHexString
        functionArgs
        genericClosure
        id
        importJSON
        importTOML
        info
        inNixShell
        inPureEvalMode
        isBool
        isFloat
        isFunction
        isInOldestRelease
        isInt
        lessThan
        mapNullable
        max
        mergeAttrs
        min
        mirrorFunctionArgs
        mod
        nixpkgsVersion
        oldestSupportedRelease
        oldestSupportedReleaseIsAtLeast
        or
        pathExists
        pipe
        readFile
        release
        revisionWithDefault
        seq
        setFunctionArgs
        showWarnings
        splitByAndCompare
        sub
        throwIf
        throwIfNot
        toBaseDigits
        toFunction
        toHexString
        version
        versionSuffix
        warn
        warnIf
        warnIfNot
        xor
        ;
      inherit (self.fixedPoints)
        composeExtensions
        composeManyExtensions
        converge
        extends
        fix
        fix'
        makeExtensible
        makeExtensibleWithCustomName
        toExtension
        ;
      inherit (self.attrsets)
        attrByPath
        attrNames
        attrsToList
        attrVals
        attrValues
        cartesianProduct
        cartesianProductOfSets
        catAttrs
        chooseDevOutputs
        collect
        concatMapAttrs
        dontRecurseIntoAttrs
        filterAttrs
        filterAttrsRecursive
        foldAttrs
        foldlAttrs
        genAttrs
        genAttrs'
        getAttr
        getAttrFromPath
        getAttrs
        getBin
        getDev
        getFirstOutput
        getInclude
        getLib
        getMan
        getOutput
        getStatic
        hasAttr
        hasAttrByPath
        intersectAttrs
        isAttrs
        isDerivation
        listToAttrs
        longestValidPathPrefix
        mapAttrs
        mapAttrs'
        mapAttrsRecursive
        mapAttrsRecursiveCond
        mapAttrsToList
        mapAttrsToListRecursive
        mapAttrsToListRecursiveCond
        mapCartesianProduct
        matchAttrs
        mergeAttrsList
        mergeAttrsWithFunc
        nameValuePair
        optionalAttrs
        overrideExisting
        recurseIntoAttrs
        recursiveUpdate
        recursiveUpdateUntil
        removeAttrs
        setAttrByPath
        showAttrPath
        toDerivation
        unionOfDisjoint
        updateManyAttrsByPath
        zip
        zipAttrs
        zipAttrsWith
        zipAttrsWithNames
        zipWithNames
        ;
      inherit (self.lists)
        all
        allUnique
        any
        compareLists
        concatAttrValues
        concatLists
        concatMap
        count
        crossLists
        drop
        dropEnd
        elem
        elemAt
        filter
        findFirst
        findSingle
        flatten
        fold
        foldl
        foldl'
        foldr
        forEach
        genList
        groupBy
        groupBy'
        head
        ifilter0
        imap0
        imap1
        init
        intersectLists
        isList
        last
        length
        listDfs
        map
        mutuallyExclusive
        naturalSort
        optional
        optionals
        partition
        range
        remove
        replaceElemAt
        replicate
        reverseList
        singleton
        sort
        sortOn
        sublist
        subtractLists
        tail
        take
        takeEnd
        toList
        toposort
        unique
        uniqueStrings
        zipLists
        zipListsWith
        ;
      inherit (self.strings)
        addContextFrom
        appendContext
        charToInt
        cmakeBool
        cmakeFeature
        cmakeOptionType
        commonPrefixLength
        commonSuffixLength
        compareVersions
        concatImapStrings
        concatImapStringsSep
        concatLines
        concatMapAttrsStringSep
        concatMapStrings
        concatMapStringsSep
        concatStrings
        concatStringsSep
        enableFeature
        enableFeatureAs
        escape
        escapeC
        escapeNixIdentifier
        escapeNixString
        escapeRegex
        escapeShellArg
        escapeShellArgs
        escapeSystemdPath
        escapeURL
        escapeXML
        fileContents
        fixedWidthNumber
        fixedWidthString
        floatToString
        fromJSON
        getContext
        getName
        getVersion
        hasContext
        hasInfix
        hasPrefix
        hasSuffix
        intersperse
        isCoercibleToString
        isConvertibleWithToString
        isStorePath
        isString
        isStringLike
        isValidPosixName
        join
        levenshtein
        levenshteinAtMost
        lowerChars
        makeBinPath
        makeIncludePath
        makeLibraryPath
        makeSearchPath
        makeSearchPathOutput
        match
        mesonBool
        mesonEnable
        mesonOption
        nameFromURL
        optionalString
        parseDrvName
        removePrefix
        removeSuffix
        replaceString
        replaceStrings
        sanitizeDerivationName
        split
        splitString
        splitStringBy
        storeDir
        stringAsChars
        stringLength
        stringToCharacters
        substring
        toCamelCase
        toInt
        toIntBase10
        toJSON
        toLower
        toSentenceCase
        toShellVar
        toShellVars
        toUpper
        trim
        trimWith
        unsafeDiscardStringContext
        upperChars
        versionAtLeast
        versionOlder
        withFeature
        withFeatureAs
        ;
      inherit (self.stringsWithDeps)
        fullDepEntry
        noDepEntry
        packEntry
        stringAfter
        textClosureList
        textClosureMap
        ;
      inherit (self.customisation)
        callPackagesWith
        callPackageWith
        extendDerivation
        extendMkDerivation
        hydraJob
        makeOverridable
        makeScope
        makeScopeWithSplicing
        makeScopeWithSplicing'
        mapCrossIndex
        overrideDerivation
        renameCrossIndexFrom
        renameCrossIndexTo
        ;
      inherit (self.derivations)
        lazyDerivation
        optionalDrvAttr
        warnOnInstantiate
        ;
      inherit (self.meta)
        addMetaAttrs
        appendToName
        availableOn
        dontDistribute
        getExe
        getExe'
        getLicenseFromSpdxId
        getLicenseFromSpdxIdOr
        hiPrio
        hiPrioSet
        lowPrio
        lowPrioSet
        mapDerivationAttrset
        platformMatch
        setName
        setPrio
        updateName
        ;
      inherit (self.filesystem)
        packagesFromDirectoryRecursive
        pathIsDirectory
        pathIsRegularFile
        pathType
        resolveDefaultNix
        ;
      inherit (self.sources)
        canCleanSource
        cleanSource
        cleanSourceFilter
        cleanSourceWith
        commitIdFromGitRepo
        pathHasContext
        pathIsGitRepo
        repoRevToName
        revOrTag
        sourceByRegex
        sourceFilesBySuffices
        ;
      inherit (self.modules)
        applyModuleArgsIfFunction
        defaultOrderPriority
        defaultOverridePriority
        defaultPriority
        dischargeProperties
        doRename
        evalModules
        evalOptionValue
        filterOverrides
        filterOverrides'
        fixupOptionType
        importApply
        mergeAttrDefinitionsWithPrio
        mergeDefinitions
        mergeModules
        mergeModules'
        mergeOptionDecls
        mkAfter
        mkAliasAndWrapDefinitions
        mkAliasAndWrapDefsWithPriority
        mkAliasDefinitions
        mkAliasIfDef
        mkAliasOptionModule
        mkAliasOptionModuleMD
        mkAssert
        mkBefore
        mkChangedOptionModule
        mkDefault
        mkDefinition
        mkDerivedConfig
        mkFixStrictness
        mkForce
        mkIf
        mkImageMediaOverride
        mkMerge
        mkMergedOptionModule
        mkOptionDefault
        mkOrder
        mkOverride
        mkRemovedOptionModule
        mkRenamedOptionModule
        mkRenamedOptionModuleWith
        mkVMOverride
        pushDownProperties
        setDefaultModuleLocation
        sortProperties
        unifyModuleSyntax
        ;
      inherit (self.options)
        getFiles
        getValues
        isOption
        literalCodeBlock
        literalExample
        literalExpression
        literalMD
        mdDoc
        mergeDefaultOption
        mergeEqualOption
        mergeOneOption
        mergeUniqueOption
        mkEnableOption
        mkOption
        mkPackageOption
        mkPackageOptionMD
        mkSinkUndeclaredOptions
        optionAttrSetToDocList
        optionAttrSetToDocList'
        renderOptionValue
        scrubOptionValue
        showDefs
        showFiles
        showOption
        showOptionWithDefLocs
        unknownModule
        ;
      inherit (self.types)
        defaultFunctor
        defaultTypeMerge
        isOptionType
        isType
        mkOptionType
        setType
        ;
      inherit (self.asserts)
        assertEachOneOf
        assertMsg
        assertOneOf
        checkAssertWarn
        ;
      inherit (self.debug)
        runTests
        testAllTrue
        throwTestFailures
        traceFnSeqN
        traceIf
        traceSeq
        traceSeqN
        traceVal
        traceValFn
        traceValSeq
        traceValSeqFn
        traceValSeqN
        traceValSeqNFn
        ;
      inherit (self.flakes)
        callLocklessFlake
        flakeRefToString
        parseFlakeRef
        ;
      inherit (self.cli)
        toCommandLine
        toCommandLineGNU
        toCommandLineShell
        toCommandLineShellGNU
        toGNUCommandLine
        toGNUCommandLineShell
        ;
    }
  );
in
lib
