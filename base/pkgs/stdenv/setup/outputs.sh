# Several outputs: what belongs to which.

getAllOutputNames() {
  if [[ $(declare -p outputs 2> /dev/null) == "declare -A"* ]]; then
    echo "${!outputs[*]}"
  else
    echo "${outputs:-out}"
  fi
}

# The first output of these names that there is.
_outputOf() {
  local name
  for name; do
    if [ -n "${!name-}" ]; then
      echo "${!name}"
      return
    fi
  done
}

# moveToOutput PATTERN OUTPUT: moves what all outputs have below there.
moveToOutput() {
  local pattern=$1 target=${!2-} name source found relative
  for name in $(getAllOutputNames); do
    source=${!name}
    if [[ -z $source || $source == "$target" || ! -e $source ]]; then continue; fi
    for found in "$source"/$pattern; do
      if [[ ! -e $found && ! -L $found ]]; then continue; fi
      relative=${found#"$source"/}
      echo "moving $relative to $target"
      mkdir -p "$(dirname "$target/$relative")"
      if [[ -d $found && ! -L $found && -d $target/$relative ]]; then
        cp -a "$found/." "$target/$relative/"
        rm -rf "$found"
      else
        mv "$found" "$target/$relative"
      fi
      find "$(dirname "$found")" -maxdepth 0 -empty -delete
    done
  done
}

# With an output `dev` headers and what finds libraries go there, with `man` and
# `doc` the documentation.
_splitOutputs() {
  local output
  if [ -n "${dev-}" ]; then
    for output in include lib/pkgconfig share/pkgconfig lib/cmake share/aclocal; do
      moveToOutput "$output" dev
    done
  fi
  for output in man doc info; do
    if [[ -n ${!output-} && " $(getAllOutputNames) " == *" $output "* ]]; then
      moveToOutput "share/$output" "$output"
    fi
  done
}
