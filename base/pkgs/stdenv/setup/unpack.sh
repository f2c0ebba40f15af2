# Sources: unpacking and patching.

# A store path's name without its hash.
stripHash() {
  local name=${1##*/}
  if [[ $name =~ ^[a-z0-9]{32}- ]]; then
    name=${name:33}
  fi
  echo "$name"
}

unpackFile() {
  local file=$1
  echo "unpacking source archive $file"
  if declare -p unpackCmdHooks > /dev/null 2>&1; then
    local hook
    for hook in "${unpackCmdHooks[@]}"; do
      if curSrc=$file _evaluate "$hook" "$file"; then return; fi
    done
  fi
  if [ -n "${unpackCmd-}" ]; then
    curSrc=$file
    eval "$unpackCmd"
    return
  fi
  if [ -d "$file" ]; then
    cp -r --preserve=timestamps -- "$file" "$(stripHash "$file")"
    return
  fi
  case $file in
    *.tar | *.tar.* | *.tgz | *.tbz2 | *.tbz | *.txz | *.tzst | *.crate) tar xf "$file" --no-same-owner --no-same-permissions ;;
    *.zip | *.xpi | *.jar) unzip -qq "$file" ;;
    *)
      nixErrorLog "do not know how to unpack source archive $file"
      return 1
      ;;
  esac
}

unpackPhase() {
  runHook preUnpack
  local archives=() archive directory
  if [ -n "${srcs[*]-}" ]; then
    concatTo archives srcs
  elif [ -n "${src-}" ]; then
    archives=("$src")
  else
    nixErrorLog "variable \$src or \$srcs should point to the source"
    return 1
  fi
  local before
  before=$(find . -mindepth 1 -maxdepth 1 -type d)
  for archive in "${archives[@]}"; do
    unpackFile "$archive"
  done
  if [ -n "${setSourceRoot-}" ]; then
    eval "$setSourceRoot"
  elif [ -z "${sourceRoot-}" ]; then
    for directory in */; do
      directory=${directory%/}
      if [ -d "$directory" ] && ! grep -qxF "./$directory" <<< "$before"; then
        if [ -n "${sourceRoot-}" ]; then
          nixErrorLog "unpacking made several directories; set sourceRoot to the one that is the source"
          return 1
        fi
        sourceRoot=$directory
      fi
    done
  fi
  if [ -z "${sourceRoot-}" ]; then
    nixErrorLog "unpacking made no directory; set sourceRoot"
    return 1
  fi
  echo "source root is $sourceRoot"
  if [ "${dontMakeSourcesWritable:-0}" != 1 ]; then
    chmod -R u+w -- "$sourceRoot"
  fi
  runHook postUnpack
}

patchPhase() {
  runHook prePatch
  local all=() flags=() patch
  concatTo all patches
  concatTo flags patchFlags=-p1
  for patch in "${all[@]}"; do
    echo "applying patch $patch"
    case $patch in
      *.gz) gzip -d < "$patch" ;;
      *.bz2) bzip2 -d < "$patch" ;;
      *.xz) xz -d < "$patch" ;;
      *) cat "$patch" ;;
    esac | patch "${flags[@]}"
  done
  runHook postPatch
}
