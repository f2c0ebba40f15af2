# Hooks: `runHook NAME` runs the functions listed in the array `NAMEHooks`, then
# the function NAME or the code in the variable NAME.

runHook() {
  local name=$1 function
  shift
  local list="${name%Hook}Hooks[@]"
  for function in "${!list}"; do
    _evaluate "$function" "$@"
  done
  _evaluate "$name" "$@"
}

# Runs a function of that name, else the code in the variable of that name, else
# nothing. A hook that is no name is code itself.
_evaluate() {
  local name=$1
  shift
  if declare -F "$name" > /dev/null; then
    "$name" "$@"
  elif [[ $name =~ ^[A-Za-z_][A-Za-z_0-9]*$ ]]; then
    eval "${!name-}"
  else
    eval "$name"
  fi
}

# addHook NAME FUNCTION
addHook() {
  declare -ga "${1%Hook}Hooks"
  eval "${1%Hook}Hooks+=(\"\$2\")"
}

_exitHandler() {
  local status=$?
  set +e
  if ((status != 0)); then
    runHook failureHook
  else
    runHook exitHook
  fi
  exit "$status"
}

# Messages, by how grave they are.
nixLog() { echo "$*" >&2; }
nixErrorLog() { echo "error: $*" >&2; }
nixWarnLog() { echo "warning: $*" >&2; }
nixInfoLog() { echo "$*" >&2; }

# concatTo ARRAY NAME…: appends variables to an array, each an array itself or
# words. `NAME=DEFAULT` has a default.
concatTo() {
  local -n _target=$1
  shift
  local argument name default
  for argument; do
    name=${argument%%=*}
    default=
    [[ $argument == *=* ]] && default=${argument#*=}
    if [[ $(declare -p "$name" 2> /dev/null) == "declare -"[aA]* ]]; then
      local -n _source=$name
      _target+=("${_source[@]}")
      unset -n _source
    elif [ -n "${!name-}" ]; then
      # Words without quoting, as nixpkgs has them.
      local words
      read -r -d '' -a words <<< "${!name}" || true
      _target+=("${words[@]}")
    elif [ -n "$default" ]; then
      _target+=("$default")
    fi
  done
}
