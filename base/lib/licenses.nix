# Licences by nixpkgs' names, with their SPDX identifiers (https://spdx.org/licenses/).
{ lib }:
let
  complete =
    shortName: licence:
    {
      inherit shortName;
      free = true;
      redistributable = licence.free or true;
      deprecated = false;
    }
    // lib.optionalAttrs (licence ? spdxId) { url = "https://spdx.org/licenses/${licence.spdxId}.html"; }
    // licence;

  spdx = spdxId: fullName: { inherit spdxId fullName; };

  named = {
    abstyles = spdx "Abstyles" "Abstyles License";
    afl20 = spdx "AFL-2.0" "Academic Free License v2.0";
    afl21 = spdx "AFL-2.1" "Academic Free License v2.1";
    afl3 = spdx "AFL-3.0" "Academic Free License v3.0";
    agpl3Only = spdx "AGPL-3.0-only" "GNU Affero General Public License v3.0 only";
    agpl3Plus = spdx "AGPL-3.0-or-later" "GNU Affero General Public License v3.0 or later";
    apsl10 = spdx "APSL-1.0" "Apple Public Source License 1.0";
    apsl20 = spdx "APSL-2.0" "Apple Public Source License 2.0";
    artistic1 = spdx "Artistic-1.0" "Artistic License 1.0";
    artistic1-cl8 = spdx "Artistic-1.0-cl8" "Artistic License 1.0 w/clause 8";
    artistic2 = spdx "Artistic-2.0" "Artistic License 2.0";
    asl20 = spdx "Apache-2.0" "Apache License 2.0";
    asl11 = spdx "Apache-1.1" "Apache License 1.1";
    beerware = spdx "Beerware" "Beerware License";
    blueOak100 = spdx "BlueOak-1.0.0" "Blue Oak Model License 1.0.0";
    boost = spdx "BSL-1.0" "Boost Software License 1.0";
    bsd0 = spdx "0BSD" "BSD Zero Clause License";
    bsd1 = spdx "BSD-1-Clause" "BSD 1-Clause License";
    bsd2 = spdx "BSD-2-Clause" "BSD 2-clause \"Simplified\" License";
    bsd2Patent = spdx "BSD-2-Clause-Patent" "BSD-2-Clause Plus Patent License";
    bsd2WithViews = spdx "BSD-2-Clause-Views" "BSD 2-Clause with views sentence";
    bsd3 = spdx "BSD-3-Clause" "BSD 3-clause \"New\" or \"Revised\" License";
    bsd3Clear = spdx "BSD-3-Clause-Clear" "BSD 3-Clause Clear License";
    bsd3Lbnl = spdx "BSD-3-Clause-LBNL" "Lawrence Berkeley National Labs BSD variant license";
    bsdOriginal = spdx "BSD-4-Clause" "BSD 4-clause \"Original\" or \"Old\" License";
    bsdOriginalShortened = spdx "BSD-4-Clause-Shortened" "BSD 4 Clause Shortened";
    bsdOriginalUC = spdx "BSD-4-Clause-UC" "BSD 4-Clause University of California-Specific";
    bsdProtection = spdx "BSD-Protection" "BSD Protection License";
    bsl11 = spdx "BUSL-1.1" "Business Source License 1.1" // { free = false; redistributable = true; };
    bzip2 = spdx "bzip2-1.0.6" "bzip2 and libbzip2 License v1.0.6";
    cc0 = spdx "CC0-1.0" "Creative Commons Zero v1.0 Universal";
    cc-by-10 = spdx "CC-BY-1.0" "Creative Commons Attribution 1.0";
    cc-by-20 = spdx "CC-BY-2.0" "Creative Commons Attribution 2.0";
    cc-by-25 = spdx "CC-BY-2.5" "Creative Commons Attribution 2.5";
    cc-by-30 = spdx "CC-BY-3.0" "Creative Commons Attribution 3.0";
    cc-by-40 = spdx "CC-BY-4.0" "Creative Commons Attribution 4.0";
    cc-by-nc-40 = spdx "CC-BY-NC-4.0" "Creative Commons Attribution Non Commercial 4.0 International" // { free = false; };
    cc-by-nc-nd-40 = spdx "CC-BY-NC-ND-4.0" "Creative Commons Attribution Non Commercial No Derivatives 4.0 International" // { free = false; };
    cc-by-nc-sa-40 = spdx "CC-BY-NC-SA-4.0" "Creative Commons Attribution Non Commercial Share Alike 4.0" // { free = false; };
    cc-by-nd-40 = spdx "CC-BY-ND-4.0" "Creative Commons Attribution-No Derivative Works v4.0" // { free = false; };
    cc-by-sa-20 = spdx "CC-BY-SA-2.0" "Creative Commons Attribution Share Alike 2.0";
    cc-by-sa-25 = spdx "CC-BY-SA-2.5" "Creative Commons Attribution Share Alike 2.5";
    cc-by-sa-30 = spdx "CC-BY-SA-3.0" "Creative Commons Attribution Share Alike 3.0";
    cc-by-sa-40 = spdx "CC-BY-SA-4.0" "Creative Commons Attribution Share Alike 4.0";
    cddl = spdx "CDDL-1.0" "Common Development and Distribution License 1.0";
    cecill20 = spdx "CECILL-2.0" "CeCILL Free Software License Agreement v2.0";
    cecill21 = spdx "CECILL-2.1" "CeCILL Free Software License Agreement v2.1";
    cecill-b = spdx "CECILL-B" "CeCILL-B Free Software License Agreement";
    cecill-c = spdx "CECILL-C" "CeCILL-C Free Software License Agreement";
    clArtistic = spdx "ClArtistic" "Clarified Artistic License";
    cpal10 = spdx "CPAL-1.0" "Common Public Attribution License 1.0";
    cpl10 = spdx "CPL-1.0" "Common Public License 1.0";
    curl = spdx "curl" "curl License";
    ecl20 = spdx "ECL-2.0" "Educational Community License, Version 2.0";
    efl20 = spdx "EFL-2.0" "Eiffel Forum License v2.0";
    elastic20 = spdx "Elastic-2.0" "Elastic License 2.0" // { free = false; };
    epl10 = spdx "EPL-1.0" "Eclipse Public License 1.0";
    epl20 = spdx "EPL-2.0" "Eclipse Public License 2.0";
    eupl11 = spdx "EUPL-1.1" "European Union Public License 1.1";
    eupl12 = spdx "EUPL-1.2" "European Union Public License 1.2";
    fdl11Only = spdx "GFDL-1.1-only" "GNU Free Documentation License v1.1 only";
    fdl11Plus = spdx "GFDL-1.1-or-later" "GNU Free Documentation License v1.1 or later";
    fdl12Only = spdx "GFDL-1.2-only" "GNU Free Documentation License v1.2 only";
    fdl12Plus = spdx "GFDL-1.2-or-later" "GNU Free Documentation License v1.2 or later";
    fdl13Only = spdx "GFDL-1.3-only" "GNU Free Documentation License v1.3 only";
    fdl13Plus = spdx "GFDL-1.3-or-later" "GNU Free Documentation License v1.3 or later";
    free = { fullName = "Unspecified free software license"; };
    fsl11Asl20 = spdx "FSL-1.1-ALv2" "Functional Source License, Version 1.1, Apache 2.0 Future License" // { free = false; };
    fsl11Mit = spdx "FSL-1.1-MIT" "Functional Source License, Version 1.1, MIT Future License" // { free = false; };
    ftl = spdx "FTL" "Freetype Project License";
    gpl1Only = spdx "GPL-1.0-only" "GNU General Public License v1.0 only";
    gpl1Plus = spdx "GPL-1.0-or-later" "GNU General Public License v1.0 or later";
    gpl2Classpath = { fullName = "GNU General Public License v2.0 only (with Classpath exception)"; };
    gpl2Only = spdx "GPL-2.0-only" "GNU General Public License v2.0 only";
    gpl2Plus = spdx "GPL-2.0-or-later" "GNU General Public License v2.0 or later";
    gpl3Only = spdx "GPL-3.0-only" "GNU General Public License v3.0 only";
    gpl3Plus = spdx "GPL-3.0-or-later" "GNU General Public License v3.0 or later";
    hpnd = spdx "HPND" "Historic Permission Notice and Disclaimer";
    icu = spdx "ICU" "ICU";
    ijg = spdx "IJG" "Independent JPEG Group License";
    imagemagick = spdx "ImageMagick" "ImageMagick License";
    info-zip = spdx "Info-ZIP" "Info-ZIP License";
    ipa = spdx "IPA" "IPA Font License";
    ipl10 = spdx "IPL-1.0" "IBM Public License v1.0";
    isc = spdx "ISC" "Internet Systems Consortium License";
    knuth = spdx "Knuth-CTAN" "Knuth CTAN License";
    lgpl2Only = spdx "LGPL-2.0-only" "GNU Library General Public License v2 only";
    lgpl2Plus = spdx "LGPL-2.0-or-later" "GNU Library General Public License v2 or later";
    lgpl21Only = spdx "LGPL-2.1-only" "GNU Lesser General Public License v2.1 only";
    lgpl21Plus = spdx "LGPL-2.1-or-later" "GNU Lesser General Public License v2.1 or later";
    lgpl3Only = spdx "LGPL-3.0-only" "GNU Lesser General Public License v3.0 only";
    lgpl3Plus = spdx "LGPL-3.0-or-later" "GNU Lesser General Public License v3.0 or later";
    libpng = spdx "Libpng" "libpng License";
    libpng2 = spdx "libpng-2.0" "libpng License v2";
    libtiff = spdx "libtiff" "libtiff License";
    llvm-exception = spdx "LLVM-exception" "LLVM Exception";
    lppl12 = spdx "LPPL-1.2" "LaTeX Project Public License v1.2";
    lppl13a = spdx "LPPL-1.3a" "LaTeX Project Public License v1.3a";
    lppl13c = spdx "LPPL-1.3c" "LaTeX Project Public License v1.3c";
    lpl-102 = spdx "LPL-1.02" "Lucent Public License v1.02";
    miros = spdx "MirOS" "MirOS License";
    mit = spdx "MIT" "MIT License";
    mit0 = spdx "MIT-0" "MIT No Attribution";
    mitAdvertising = spdx "MIT-advertising" "Enlightenment License (e16)";
    mpl10 = spdx "MPL-1.0" "Mozilla Public License 1.0";
    mpl11 = spdx "MPL-1.1" "Mozilla Public License 1.1";
    mpl20 = spdx "MPL-2.0" "Mozilla Public License 2.0";
    mspl = spdx "MS-PL" "Microsoft Public License";
    mulan-psl2 = spdx "MulanPSL-2.0" "Mulan Permissive Software License, Version 2";
    ncsa = spdx "NCSA" "University of Illinois/NCSA Open Source License";
    nistSoftware = spdx "NIST-Software" "NIST Software License";
    ofl = spdx "OFL-1.1" "SIL Open Font License 1.1";
    oml = spdx "OML" "Open Market License";
    openldap = spdx "OLDAP-2.8" "Open LDAP Public License v2.8";
    openssl = spdx "OpenSSL" "OpenSSL License";
    osl2 = spdx "OSL-2.0" "Open Software License 2.0";
    osl21 = spdx "OSL-2.1" "Open Software License 2.1";
    osl3 = spdx "OSL-3.0" "Open Software License 3.0";
    parity70 = spdx "Parity-7.0.0" "Parity Public License 7.0.0";
    php301 = spdx "PHP-3.01" "PHP License v3.01";
    postgresql = spdx "PostgreSQL" "PostgreSQL License";
    psfl = spdx "Python-2.0" "Python Software Foundation License version 2";
    publicDomain = { fullName = "Public Domain"; };
    purdueBsd = spdx "lsof" "Purdue BSD-Style License";
    prosperity30 = spdx "Prosperity-3.0.0" "Prosperity-3.0.0" // { free = false; };
    qpl = spdx "QPL-1.0" "Q Public License 1.0";
    ruby = spdx "Ruby" "Ruby License";
    sgi-b-20 = spdx "SGI-B-2.0" "SGI Free Software License B v2.0";
    sleepycat = spdx "Sleepycat" "Sleepycat License";
    smail = spdx "SMAIL-GPL" "SMAIL General Public License";
    sspl = spdx "SSPL-1.0" "Server Side Public License" // { free = false; };
    stk = { fullName = "Synthesis Tool Kit 4.3"; };
    tcltk = spdx "TCL" "TCL/TK License";
    ucd = spdx "UCD" "Unicode Character Database";
    unfree = { fullName = "Unfree"; } // { free = false; };
    unfreeRedistributable = { fullName = "Unfree redistributable"; } // { free = false; redistributable = true; };
    unfreeRedistributableFirmware = { fullName = "Unfree redistributable firmware"; } // { free = false; redistributable = true; };
    unicode-dfs-2016 = spdx "Unicode-DFS-2016" "Unicode License Agreement - Data Files and Software (2016)";
    unicode-30 = spdx "Unicode-3.0" "Unicode License v3";
    unicodeTOU = spdx "Unicode-TOU" "Unicode Terms of Use";
    unlicense = spdx "Unlicense" "The Unlicense";
    upl = spdx "UPL-1.0" "Universal Permissive License";
    vim = spdx "Vim" "Vim License";
    virtualbox-puel = { fullName = "Oracle VM VirtualBox Extension Pack Personal Use and Evaluation License"; } // { free = false; };
    w3c = spdx "W3C" "W3C Software Notice and License";
    watcom = spdx "Watcom-1.0" "Sybase Open Watcom Public License 1.0";
    wtfpl = spdx "WTFPL" "Do What The F*ck You Want To Public License";
    wxWindows = { fullName = "wxWindows Library Licence, Version 3.1"; };
    x11 = spdx "X11" "X11 License";
    xfig = spdx "Xfig" "xfig";
    xinetd = spdx "xinetd" "xinetd License";
    zlib = spdx "Zlib" "zlib License";
    zpl20 = spdx "ZPL-2.0" "Zope Public License 2.0";
    zpl21 = spdx "ZPL-2.1" "Zope Public License 2.1";
    zsh = { fullName = "Zsh License"; };
  };

  # Names from the time before "only" and "or later" were told apart.
  aliases = {
    agpl3 = licences.agpl3Only;
    apple-psl10 = licences.apsl10;
    fdl11 = licences.fdl11Only;
    fdl12 = licences.fdl12Only;
    fdl13 = licences.fdl13Only;
    gpl1 = licences.gpl1Only;
    gpl2 = licences.gpl2Only;
    gpl3 = licences.gpl3Only;
    lgpl2 = licences.lgpl2Only;
    lgpl21 = licences.lgpl21Only;
    lgpl3 = licences.lgpl3Only;
  };

  licences = builtins.mapAttrs complete named;

  # A condition on an expression of licences: one licence, a list (all apply), or an operator.
  evaluate =
    predicate: expression:
    if builtins.isList expression then
      builtins.all (evaluate predicate) expression
    else if expression ? operator then
      {
        AND = builtins.all (evaluate predicate) (expression.operands or [ ]);
        OR = builtins.any (evaluate predicate) (expression.operands or [ ]);
        WITH = evaluate predicate (expression.licence or null);
        PLUS = evaluate predicate (expression.licence or null);
      }
      .${expression.operator}
    else
      predicate expression;

  # As SPDX writes it (SPDX specification, annex D); nested operators in parentheses.
  spdxText =
    expression:
    let
      inner =
        operand:
        if operand ? operator && operand.operator != "PLUS" then
          "(${spdxText operand})"
        else
          spdxText operand;
      joined = lib.concatMapStringsSep " ${expression.operator} " inner expression.operands;
    in
    if expression ? operator then
      if expression.operator == "WITH" then
        "${inner expression.licence} WITH ${inner expression.exception}"
      else if expression.operator == "PLUS" then
        "${inner expression.licence}+"
      else
        joined
    else
      expression.spdxId or "LicenseRef-nixos-${expression.shortName}";
in
licences
// aliases
// {
  # AND, OR, WITH, PLUS :: expressions of licences, for `meta.license`
  AND = operands: {
    operator = "AND";
    inherit operands;
  };
  OR = operands: {
    operator = "OR";
    inherit operands;
  };
  WITH = licence: exception: {
    operator = "WITH";
    inherit licence exception;
  };
  PLUS = licence: {
    operator = "PLUS";
    inherit licence;
  };

  # isFree, isRedistributable :: expression -> bool
  isFree = evaluate (licence: licence.free or true);
  isRedistributable = evaluate (licence: licence.redistributable or true);

  # containsLicenses :: [licence] -> expression -> bool
  # Whether one of them appears anywhere.
  containsLicenses =
    wanted: expression:
    let
      leaves =
        e:
        if builtins.isList e then
          builtins.concatMap leaves e
        else if e ? operands then
          builtins.concatMap leaves e.operands
        else if e ? licence then
          leaves e.licence
        else
          [ e ];
    in
    lib.any (licence: builtins.elem licence wanted) (leaves expression);

  # toSPDX :: expression -> string
  toSPDX = spdxText;
}
