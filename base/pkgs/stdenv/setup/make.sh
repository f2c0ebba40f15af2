# Configuring, building, checking and installing, by the conventions of
# autotools and make; of CMake, Meson and Ninja where these are inputs.

_cmakeConfigure() {
  local flags=(
    "-DCMAKE_BUILD_TYPE=${cmakeBuildType:-Release}"
    "-DCMAKE_INSTALL_PREFIX=$prefix"
    -DCMAKE_INSTALL_LIBDIR=lib
    -DCMAKE_SKIP_BUILD_RPATH=ON
    "-DBUILD_TESTING=$([ -n "${doCheck-}" ] && echo ON || echo OFF)"
  )
  if [ -n "${targetPrefix-}" ]; then
    flags+=(-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=${targetPrefix%%-*}")
  fi
  if type -P ninja > /dev/null; then flags+=(-GNinja); fi
  concatTo flags cmakeFlags cmakeFlagsArray
  local source=$PWD
  if [ -z "${dontUseCmakeBuildDir-}" ]; then
    mkdir -p "${cmakeBuildDir:=build}"
    cd "$cmakeBuildDir"
  fi
  echo "cmake flags: ${flags[*]@Q}"
  cmake "${cmakeDir:-$source}" "${flags[@]}"
}

_mesonConfigure() {
  local flags=("--prefix=$prefix" "--buildtype=${mesonBuildType:-plain}" --libdir=lib --wrap-mode=nodownload)
  concatTo flags mesonFlags mesonFlagsArray
  echo "meson flags: ${flags[*]@Q}"
  meson setup "${mesonBuildDir:=build}" "${flags[@]}"
  cd "$mesonBuildDir"
}

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
  elif [[ -z ${dontUseCmakeConfigure-} && -f ${cmakeDir:-.}/CMakeLists.txt ]] && type -P cmake > /dev/null; then
    _cmakeConfigure
  elif [[ -z ${dontUseMesonConfigure-} && -f meson.build ]] && type -P meson > /dev/null; then
    _mesonConfigure
  else
    echo "no configure script, doing nothing"
  fi
  runHook postConfigure
}

_hasMakefile() {
  [[ -e build.ninja || -n ${makefile-} || -e Makefile || -e makefile || -e GNUmakefile ]]
}

# _make PARALLEL NAME…: make with the flags in some variables.
_make() {
  local parallel=$1 flags=("SHELL=$SHELL")
  shift
  if [ -n "$parallel" ]; then
    flags=("-j$NIX_BUILD_CORES" "${flags[@]}")
  fi
  concatTo flags makeFlags makeFlagsArray "$@"
  if [ -e build.ninja ]; then
    _ninja "$@"
    return
  fi
  echo "make flags: ${flags[*]@Q}"
  make ${makefile:+-f "$makefile"} "${flags[@]}"
}

# _ninja NAME…: what make would be asked for, by Ninja.
_ninja() {
  local flags=("-j$NIX_BUILD_CORES")
  concatTo flags ninjaFlags ninjaFlagsArray "$@"
  echo "ninja flags: ${flags[*]@Q}"
  ninja "${flags[@]}"
}

# Whether make, or Ninja, knows a target.
_hasTarget() {
  if [ -e build.ninja ]; then
    ninja -t query "$1" > /dev/null 2>&1
  else
    make -n ${makefile:+-f "$makefile"} "$1" > /dev/null 2>&1
  fi
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
        if [ -z "$target" ] || _hasTarget "$target"; then break; fi
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
  if _hasMakefile && _hasTarget "${installCheckTarget:-installcheck}"; then
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
