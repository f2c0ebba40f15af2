# Makes the configure script of a source that comes without one.
autoreconfPhase() {
  runHook preAutoreconf
  autoreconf ${autoreconfFlags:---install --force --verbose}
  runHook postAutoreconf
}

if [[ -z ${dontUseAutoreconf-} && " ${preConfigurePhases-} " != *" autoreconfPhase "* ]]; then
  preConfigurePhases="${preConfigurePhases-} autoreconfPhase"
fi
