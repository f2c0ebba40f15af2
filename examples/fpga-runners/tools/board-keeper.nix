# What serves a board. This one stands in for a tool of your own that drives real boards: it waits for the board's image and
# says what it would do.
{ writeShellApplication, coreutils }:

writeShellApplication {
  name = "board-keeper";
  runtimeInputs = [ coreutils ];
  # Checked by the shell alone, so that no other program is needed to build it.
  checkPhase = "";
  text = ''
    uart= card=
    while [ $# -gt 0 ]; do
      case $1 in
        --uart) uart=$2; shift 2 ;;
        --card) card=$2; shift 2 ;;
        *) break ;;
      esac
    done
    command=''${1:-}
    case $command in
      serve)
        image=$2
        echo "board ''${BOARD_NAME:-} at $uart, card at $card: serving ''${BOARD_TARGETS:-} with $image"
        while :; do
          if [ -e "$image.stop" ]; then
            echo "asked to stop"
            exit 0
          fi
          sleep 5
        done
        ;;
      console) echo "board at $uart, card at $card: console ''${*:2}" ;;
      fetch) echo "images belong into $2" ;;
      *)
        echo "usage: board-keeper --uart PORT --card PORT serve IMAGE | console | fetch DIRECTORY" >&2
        exit 2
        ;;
    esac
  '';
}
