# What programs that build look at: search paths of the inputs, names of tools.

export SHELL=/bin/bash CONFIG_SHELL=/bin/bash
export TZ=UTC
# Archives and documents carry no time of today.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-315532800}
export ZERO_AR_DATE=1
export NIX_BUILD_CORES
((NIX_BUILD_CORES > 0)) || NIX_BUILD_CORES=1

for _tool in AR AS LD NM OBJCOPY OBJDUMP RANLIB READELF SIZE STRINGS STRIP; do
  export "$_tool=${targetPrefix-}${_tool,,}"
done
export CC=${targetPrefix-}gcc CXX=${targetPrefix-}g++
unset _tool

PATH=/usr/bin:/usr/sbin

# addToSearchPath VARIABLE DIRECTORY: puts a directory that exists to the end.
addToSearchPath() {
  if [ -d "$2" ]; then
    export "$1=${!1:+${!1}:}$2"
  fi
}
addToSearchPathWithCustomDelimiter() {
  if [ -d "$3" ]; then
    export "$2=${!2:+${!2}$1}$3"
  fi
}

declare -A _seenInputs

# _addInput KIND PATH, and all that it propagates. Programs of every kind can be
# run unless the result is for another machine.
_addInput() {
  local kind=$1 input=$2 propagated
  [ -z "${_seenInputs[$kind $input]-}" ] || return 0
  _seenInputs[$kind $input]=1
  if [ -f "$input" ]; then
    source "$input"
    return
  fi
  if [ -d "$input/bin" ] && [[ $kind == native || -z ${targetPrefix-} ]]; then
    _inputPath+=${_inputPath:+:}$input/bin
  fi
  if [ "$kind" = target ]; then
    addToSearchPath CPATH "$input/include"
    addToSearchPath LIBRARY_PATH "$input/lib"
    # Where programs look for the libraries that they were linked with here.
    addToSearchPath LD_RUN_PATH "$input/lib"
    addToSearchPath PKG_CONFIG_PATH "$input/lib/pkgconfig"
    addToSearchPath PKG_CONFIG_PATH "$input/share/pkgconfig"
    [ ! -d "$input" ] || export CMAKE_PREFIX_PATH=${CMAKE_PREFIX_PATH:+$CMAKE_PREFIX_PATH:}$input
  fi
  addToSearchPath ACLOCAL_PATH "$input/share/aclocal"
  addToSearchPath XDG_DATA_DIRS "$input/share"
  if [ -f "$input/nix-support/setup-hook" ]; then
    source "$input/nix-support/setup-hook"
  fi
  if [ -f "$input/nix-support/propagated-native-build-inputs" ]; then
    for propagated in $(< "$input/nix-support/propagated-native-build-inputs"); do
      _addInput native "$propagated"
    done
  fi
  if [ -f "$input/nix-support/propagated-build-inputs" ]; then
    for propagated in $(< "$input/nix-support/propagated-build-inputs"); do
      _addInput "$kind" "$propagated"
    done
  fi
}

_inputPath=
_natives=()
_targets=()
concatTo _natives nativeBuildInputs propagatedNativeBuildInputs
concatTo _targets buildInputs propagatedBuildInputs
for _input in "${_natives[@]}"; do _addInput native "$_input"; done
for _input in "${_targets[@]}"; do _addInput target "$_input"; done
unset _input _natives _targets
export PATH=${_inputPath:+$_inputPath:}$PATH
unset _inputPath

# Nothing is said of where things go but by the first output.
if [ -z "${prefix-}" ]; then
  prefix=$out
fi
export prefix
