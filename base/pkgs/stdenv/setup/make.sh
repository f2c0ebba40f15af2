# Configuring, building, checking and installing, by the conventions of
# autotools and make.

configurePhase() {
  runHook preConfigure
  if [[ -z ${configureScript-} && -x ./configure ]]; then
    configureScript=./configure
  fi
  if [ -n "${configureScript-}" ]; then
    local flags=()
    if [ -z "${dontAddPrefix-}" ]; then
      flags+=("${prefixKey:---prefix=}$prefix")
    fi
    if [ -f "$configureScript" ]; then
      if [ -z "${dontAddDisableDepTrack-}" ] && grep -q dependency-tracking "$configureScript"; then
        flags+=(--disable-dependency-tracking)
      fi
      if [ -z "${dontDisableStatic-}" ] && grep -q enable-static "$configureScript"; then
        flags+=(--disable-static)
      fi
    fi
    concatTo flags configureFlags configureFlagsArray
    echo "configure flags: ${flags[*]@Q}"
    # A script with its own flags is words.
    $configureScript "${flags[@]}"
  else
    echo "no configure script, doing nothing"
  fi
  runHook postConfigure
}

_hasMakefile() {
  [[ -n ${makefile-} || -e Makefile || -e makefile || -e GNUmakefile ]]
}

# _make PARALLEL NAME…: make with the flags in some variables.
_make() {
  local parallel=$1 flags=("SHELL=$SHELL")
  shift
  if [ -n "$parallel" ]; then
    flags=("-j$NIX_BUILD_CORES" "${flags[@]}")
  fi
  concatTo flags makeFlags makeFlagsArray "$@"
  echo "make flags: ${flags[*]@Q}"
  make ${makefile:+-f "$makefile"} "${flags[@]}"
}

buildPhase() {
  runHook preBuild
  if [[ -z ${makeFlags-} ]] && ! _hasMakefile; then
    echo "no Makefile or custom buildPhase, doing nothing"
  else
    _make "${enableParallelBuilding-}" buildFlags buildFlagsArray
  fi
  runHook postBuild
}

checkPhase() {
  runHook preCheck
  if ! _hasMakefile; then
    echo "no Makefile or custom checkPhase, doing nothing"
  else
    local target=${checkTarget-}
    if [ -z "$target" ]; then
      for target in check test ''; do
        if [ -z "$target" ] || make -n ${makefile:+-f "$makefile"} "$target" > /dev/null 2>&1; then break; fi
      done
    fi
    if [ -z "$target" ]; then
      echo "no check target, doing nothing"
    else
      checkTarget=$target
      _make "${enableParallelChecking-${enableParallelBuilding-}}" checkFlags checkFlagsArray checkTarget
    fi
  fi
  runHook postCheck
}

installPhase() {
  runHook preInstall
  if ! _hasMakefile; then
    nixErrorLog "there is no Makefile: write an installPhase"
    return 1
  fi
  mkdir -p "$prefix"
  _make "${enableParallelInstalling-${enableParallelBuilding-}}" installFlags installFlagsArray installTargets=install
  runHook postInstall
}

installCheckPhase() {
  runHook preInstallCheck
  if _hasMakefile && make -n ${makefile:+-f "$makefile"} "${installCheckTarget:-installcheck}" > /dev/null 2>&1; then
    _make "${enableParallelChecking-}" installCheckFlags installCheckTarget=installcheck
  fi
  runHook postInstallCheck
}

distPhase() {
  runHook preDist
  _make '' distFlags distTarget=dist
  if [ "${dontCopyDist:-0}" != 1 ]; then
    mkdir -p "$out/tarballs"
    cp -pvd ${tarballs:-*.tar.gz} "$out/tarballs"
  fi
  runHook postDist
}
