# What is put right in the outputs.

_eachOutput() {
  local name
  for name in $(getAllOutputNames); do
    prefix=${!name}
    if [ -e "$prefix" ]; then "$@" "$prefix"; fi
  done
  prefix=$out
}

isELF() {
  local magic
  IFS= read -r -n 4 magic < "$1" 2> /dev/null || return 1
  [ "$magic" = $'\177ELF' ]
}
isScript() {
  local magic
  IFS= read -r -n 2 magic < "$1" 2> /dev/null || return 1
  [ "$magic" = '#!' ]
}

# Scripts whose interpreter is one of the inputs name it there. Those of Debian
# are where they are on every host.
patchShebangs() {
  local file line interpreter arguments found
  while [[ ${1-} == --* ]]; do shift; done
  while IFS= read -r -d '' file; do
    isScript "$file" 2> /dev/null || continue
    IFS= read -r line < "$file" || continue
    read -r interpreter arguments <<< "${line#'#!'}"
    if [ "${interpreter##*/}" = env ]; then
      if [[ $arguments == -S\ * ]]; then arguments=${arguments#-S }; fi
      read -r interpreter arguments <<< "$arguments"
    fi
    if [[ $interpreter == "$NIX_STORE"/* ]]; then continue; fi
    found=$(type -P "${interpreter##*/}") || continue
    if [[ $found == "$NIX_STORE"/* ]]; then
      echo "$file: interpreter is $found"
      sed -i -e "1s|.*|#!$found${arguments:+ $arguments}|" "$file"
    fi
  done < <(find "$@" -type f -perm -0100 -print0)
}

_patchShebangs() { patchShebangs "$1"; }

_stripOutput() {
  local file
  while IFS= read -r -d '' file; do
    isELF "$file" || continue
    case $file in
      *.o) ;;
      *) "$STRIP" ${stripAllFlags:--S} -p "$file" || true ;;
    esac
  done < <(find "$1" -type f \( -path '*/bin/*' -o -path '*/sbin/*' -o -path '*/lib/*' -o -path '*/libexec/*' \) -print0)
  while IFS= read -r -d '' file; do
    "$STRIP" -S -p -D "$file" 2> /dev/null || true
  done < <(find "$1" -type f -path '*/lib/*.a' -print0)
}

# Libraries are looked for only where one is found; never in the build directory.
_shrinkRunPath() {
  local file kept path entries
  while IFS= read -r -d '' file; do
    isELF "$file" || continue
    entries=$(patchelf --print-rpath "$file" 2> /dev/null) || continue
    [ -n "$entries" ] || continue
    patchelf --shrink-rpath --allowed-rpath-prefixes "$NIX_STORE" "$file"
  done < <(find "$1" -type f -print0)
}

_compressManuals() {
  [ -d "$1/share/man" ] || return 0
  local file
  while IFS= read -r -d '' file; do
    gzip -n -f "$file"
  done < <(find "$1/share/man" -type f ! -name '*.gz' -print0)
  while IFS= read -r -d '' file; do
    ln -sfn "$(readlink "$file").gz" "$file.gz"
    rm "$file"
  done < <(find "$1/share/man" -type l ! -name '*.gz' -print0)
}

# A host that has the outputs gets the libraries of Debian's that they were linked
# with, and what those need in turn: it installs what is listed here.
_recordLibraries() {
  local -A seen=() used=()
  local queue=() name output file library found
  for output in $(getAllOutputNames); do
    if [ ! -e "${!output}" ]; then continue; fi
    while IFS= read -r -d '' file; do
      if isELF "$file"; then queue+=("$file"); fi
    done < <(find "${!output}" -type f -print0)
  done
  while ((${#queue[@]} > 0)); do
    file=${queue[-1]}
    unset 'queue[-1]'
    for name in $(patchelf --print-needed "$file" 2> /dev/null); do
      if [ -n "${seen[$name]-}" ]; then continue; fi
      seen[$name]=1
      for library in ${debianLibraries[*]}; do
        for found in "$library"/usr/lib/*/"$name"; do
          if [ -e "$found" ]; then
            used[$library]=1
            queue+=("$found")
            break 2
          fi
        done
      done
    done
  done
  if ((${#used[@]} > 0)); then
    mkdir -p "$out/nix-support"
    printf '%s\n' "${!used[@]}" | sort > "$out/nix-support/debian-depends"
  fi
}

# Other builds are told what else they need.
_writePropagated() {
  local target name values
  target=$(_outputOf dev out)
  for name in propagatedBuildInputs:propagated-build-inputs propagatedNativeBuildInputs:propagated-native-build-inputs; do
    values=()
    concatTo values "${name%%:*}"
    # Who takes the headers in links with what they are for.
    if [[ $target != "$out" && $name == propagatedBuildInputs:* ]]; then
      values+=("$out" ${lib:+"$lib"})
    fi
    if ((${#values[@]} > 0)); then
      mkdir -p "$target/nix-support"
      printf '%s\n' "${values[@]}" > "$target/nix-support/${name#*:}"
    fi
  done
  if [ -n "${setupHook-}" ]; then
    mkdir -p "$target/nix-support"
    substituteAll "$setupHook" "$target/nix-support/setup-hook"
  fi
}

fixupPhase() {
  local name
  for name in $(getAllOutputNames); do
    if [ -e "${!name}" ]; then chmod -R u+w,u-s,g-s "${!name}"; fi
  done
  runHook preFixup
  _splitOutputs
  if [ -z "${dontPatchShebangs-}" ]; then _eachOutput _patchShebangs; fi
  if [[ -z ${dontStrip-} ]] && type -P "$STRIP" > /dev/null; then _eachOutput _stripOutput; fi
  if [[ -z ${dontPatchELF-} ]] && type -P patchelf > /dev/null; then _eachOutput _shrinkRunPath; fi
  if [ -z "${dontGzipMan-}" ]; then _eachOutput _compressManuals; fi
  if [[ -n ${debianLibraries[*]-} ]] && type -P patchelf > /dev/null; then _recordLibraries; fi
  runHook fixupOutputHook
  _writePropagated
  runHook postFixup
}
