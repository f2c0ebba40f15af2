#!/bin/sh
# nixos-version [--hash | --revision | --configuration-revision | --json]: which system runs.

system=/run/current-system
revision=
[ -r $system/configuration-revision ] && revision=$(cat $system/configuration-revision)

case ${1-} in
    "") cat $system/nixos-version; echo ;;
    --hash | --revision | --configuration-revision)
        if [ -z "$revision" ]; then
            echo "nixos-version: the configuration does not say its revision; see system.configurationRevision" >&2
            exit 1
        fi
        echo "$revision"
        ;;
    --json)
        printf '{"nixosVersion":"%s"' "$(cat $system/nixos-version)"
        [ -n "$revision" ] && printf ',"configurationRevision":"%s"' "$revision"
        printf '}\n'
        ;;
    *)
        echo "usage: nixos-version [--hash | --revision | --configuration-revision | --json]" >&2
        exit 2
        ;;
esac
