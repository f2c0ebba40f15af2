# Manual pages and completions, where programs look for them.

# installManPage PAGE…
installManPage() {
  local page section
  for page; do
    section=${page%.gz}
    section=${section##*.}
    install -D -m 644 -T "$page" "${man:-$out}/share/man/man${section:0:1}/$(basename "$page")"
  done
}

# installShellCompletion [--cmd NAME] [--bash|--fish|--zsh] [--name NAME] FILE…
installShellCompletion() {
  local shell= name= command= file target
  while (($# > 0)); do
    case $1 in
      --bash | --fish | --zsh) shell=${1#--} ;;
      --cmd) command=$2; shift ;;
      --name) name=$2; shift ;;
      --) ;;
      *)
        file=$1
        if [ -z "$shell" ]; then shell=${file##*.}; fi
        target=$name
        if [[ -z $target && -n $command ]]; then
          case $shell in
            bash) target=$command.bash ;;
            fish) target=$command.fish ;;
            zsh) target=_$command ;;
          esac
        fi
        : "${target:=$(basename "$file")}"
        case $shell in
          bash) target=share/bash-completion/completions/$target ;;
          fish) target=share/fish/vendor_completions.d/$target ;;
          zsh) target=share/zsh/site-functions/$target ;;
          *)
            nixErrorLog "installShellCompletion: for which shell is '$file'?"
            return 1
            ;;
        esac
        mkdir -p "$(dirname "$out/$target")"
        cat "$file" > "$out/$target"
        name=
        ;;
    esac
    shift
  done
}
