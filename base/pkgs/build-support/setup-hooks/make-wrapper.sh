# Scripts that start a program with a changed environment.

# makeWrapper PROGRAM WRAPPER OPTION…
makeWrapper() {
  local original=$1 wrapper=$2 flags=
  shift 2
  if [ ! -x "$original" ]; then
    nixErrorLog "makeWrapper: '$original' is no program"
    return 1
  fi
  mkdir -p "$(dirname "$wrapper")"
  {
    echo '#!/bin/sh -e'
    while (($# > 0)); do
      case $1 in
        --set) printf 'export %s=%q\n' "$2" "$3"; shift 3 ;;
        --set-default) printf 'export %s=${%s-%q}\n' "$2" "$2" "$3"; shift 3 ;;
        --unset) printf 'unset %s\n' "$2"; shift 2 ;;
        --chdir) printf 'cd %q\n' "$2"; shift 2 ;;
        --run) printf '%s\n' "$2"; shift 2 ;;
        --prefix) printf 'export %s=%q${%s:+%q$%s}\n' "$2" "$4" "$2" "$3" "$2"; shift 4 ;;
        --suffix) printf 'export %s=${%s:+$%s%q}%q\n' "$2" "$2" "$2" "$3" "$4"; shift 4 ;;
        --add-flags | --append-flags) flags+=" $2"; shift 2 ;;
        --add-flag | --append-flag) flags+=" $(printf %q "$2")"; shift 2 ;;
        --inherit-argv0) shift ;;
        *)
          nixErrorLog "makeWrapper: unknown argument '$1'"
          return 1
          ;;
      esac
    done
    printf 'exec %q%s "$@"\n' "$original" "$flags"
  } > "$wrapper"
  chmod +x "$wrapper"
}

# wrapProgram PROGRAM OPTION…: the program goes aside, and the wrapper gets its name.
wrapProgram() {
  local program=$1 hidden
  shift
  hidden=$(dirname "$program")/.$(basename "$program")-wrapped
  mv "$program" "$hidden"
  makeWrapper "$hidden" "$program" "$@"
}
makeShellWrapper() { makeWrapper "$@"; }
wrapProgramShell() { wrapProgram "$@"; }
