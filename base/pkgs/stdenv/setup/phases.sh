# From the sources to the outputs, phase by phase.

# Whether a phase is to be done: some are left out on demand, some are done only then.
_isWanted() {
  case $1 in
    unpackPhase) [ -z "${dontUnpack-}" ] ;;
    patchPhase) [ -z "${dontPatch-}" ] ;;
    configurePhase) [ -z "${dontConfigure-}" ] ;;
    buildPhase) [ -z "${dontBuild-}" ] ;;
    checkPhase) [ -n "${doCheck-}" ] ;;
    installPhase) [ -z "${dontInstall-}" ] ;;
    fixupPhase) [ -z "${dontFixup-}" ] ;;
    installCheckPhase) [ -n "${doInstallCheck-}" ] ;;
    distPhase) [ -n "${doDist-}" ] ;;
  esac
}

runPhase() {
  local curPhase=$1
  _isWanted "$curPhase" || return 0
  echo "@nix { \"action\": \"setPhase\", \"phase\": \"$curPhase\" }" >&"$NIX_LOG_FD"
  echo "Running phase: $curPhase"
  # A phase that is given replaces the one of that name.
  if [ -n "${!curPhase-}" ]; then
    eval "${!curPhase}"
  else
    "$curPhase"
  fi
  if [[ $curPhase == unpackPhase && -n ${sourceRoot-} ]]; then
    cd -- "$sourceRoot"
  fi
}

definePhases() {
  if [ -z "${phases[*]-}" ]; then
    phases="${prePhases[*]-} unpackPhase patchPhase ${preConfigurePhases[*]-} configurePhase \
      ${preBuildPhases[*]-} buildPhase checkPhase ${preInstallPhases[*]-} installPhase \
      ${preFixupPhases[*]-} fixupPhase installCheckPhase ${preDistPhases[*]-} distPhase ${postPhases[*]-}"
  fi
}

genericBuild() {
  if [ -n "${buildCommandPath-}" ]; then
    source "$buildCommandPath"
    return
  fi
  if [ -n "${buildCommand-}" ]; then
    eval "$buildCommand"
    return
  fi
  definePhases
  local phase
  for phase in ${phases[*]}; do
    runPhase "$phase"
  done
}
