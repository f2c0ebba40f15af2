# Replacing text in files: `substituteInPlace FILE… --replace-fail FROM TO`, and
# its kin.

# _readWhole VARIABLE FILE: with every newline at the end. Bash has no zero bytes.
_readWhole() {
  IFS= read -r -d '' "$1" < "$2" || true
}

# substituteStream VARIABLE DESCRIPTION OPTION…
substituteStream() {
  local variable=$1 description=$2 pattern replacement before
  shift 2
  while (($# > 0)); do
    case $1 in
      --replace | --replace-fail | --replace-warn | --replace-quiet)
        pattern=$2 replacement=$3
        before=${!variable}
        eval "$variable=\${$variable//\"\$pattern\"/\"\$replacement\"}"
        if [ "$before" = "${!variable}" ] && [[ $before != *"$pattern"* ]]; then
          case $1 in
            --replace-fail)
              nixErrorLog "substitute: '$pattern' does not occur in $description"
              return 1
              ;;
            --replace | --replace-warn) nixWarnLog "substitute: '$pattern' does not occur in $description" ;;
          esac
        fi
        shift 3
        ;;
      --subst-var)
        pattern=@$2@ replacement=${!2-}
        eval "$variable=\${$variable//\"\$pattern\"/\"\$replacement\"}"
        shift 2
        ;;
      --subst-var-by)
        pattern=@$2@ replacement=$3
        eval "$variable=\${$variable//\"\$pattern\"/\"\$replacement\"}"
        shift 3
        ;;
      *)
        nixErrorLog "substitute: unknown argument '$1'"
        return 1
        ;;
    esac
  done
  printf '%s' "${!variable}"
}

# substitute INPUT OUTPUT OPTION…
substitute() {
  local input=$1 output=$2 _content _result
  shift 2
  if [ ! -f "$input" ]; then
    nixErrorLog "substitute: there is no file '$input'"
    return 1
  fi
  _readWhole _content "$input"
  # The dot keeps newlines at the end.
  _result=$(substituteStream _content "file '$input'" "$@" && printf .) || return
  if [ -e "$output" ]; then chmod +w "$output"; fi
  printf '%s' "${_result%.}" > "$output"
}

# substituteInPlace FILE… OPTION…
substituteInPlace() {
  local files=() file
  while (($# > 0)) && [[ $1 != --* || $1 == -- ]]; do
    [ "$1" = -- ] || files+=("$1")
    shift
  done
  for file in "${files[@]}"; do
    substitute "$file" "$file" "$@"
  done
}

# substituteAll INPUT OUTPUT: every exported variable whose name is no shouting.
substituteAll() {
  local options=() name
  while IFS= read -r name; do
    [[ ! $name =~ ^[a-z][A-Za-z0-9_]*$ ]] || options+=(--subst-var "$name")
  done < <(compgen -e)
  substitute "$1" "$2" "${options[@]}"
}
substituteAllInPlace() {
  substituteAll "$1" "$1"
}
