use proptest::prelude::*;

use super::*;

fn found(script: &str) -> Vec<String> {
    commands(ScriptKind::Postinst, script).into_iter().map(|command| command.text).collect()
}

#[test]
fn what_an_installation_runs() {
    let script = r#"#!/bin/sh
set -e
. /usr/share/debconf/confmodule
action="$1"
make_user() {
    if ! getent passwd _x >/dev/null; then
        adduser --system \
            --quiet _x
    fi
}
never() { useradd other; }
if [ "$action" = configure ]; then
    make_user
    if [ -n "$2" ] && dpkg --compare-versions "$2" lt 2.0; then
        mv /etc/old /etc/new
    elif [ -e /etc/y ]; then
        chmod 0600 /etc/y 2>/dev/null || true
    fi
    [ -z "$2" ] || touch /upgraded
fi
case "$1" in
    abort-upgrade|abort-remove) systemctl start x ;;
    configure|reconfigure)
        cat > /etc/z <<EOF
rm -rf everything
EOF
        ;;
    *) never ;;
esac
# Automatically added by dh_installsystemd/13.11.4
if [ "$1" = "configure" ]; then
    deb-systemd-helper enable x.service >/dev/null || true
fi
# End automatically added section
sed -i s/a/b/ /etc/x
exit 0
"#;
    let mut all = found(script);
    all.sort();
    assert_eq!(
        all,
        [
            "adduser --system --quiet _x",
            "cat > /etc/z",
            "chmod 0600 /etc/y",
            "deb-systemd-helper enable x.service",
            "sed -i s/a/b/ /etc/x",
        ]
    );
    let commands = commands(ScriptKind::Postinst, script);
    let added: Vec<_> = commands.iter().filter_map(|command| command.helper.as_deref()).collect();
    assert_eq!(added, ["dh_installsystemd"]);
}

#[test]
fn other_languages_are_one_command() {
    assert_eq!(found("#!/usr/bin/perl -w\nunlink 1;"), ["a program for /usr/bin/perl -w"]);
    assert_eq!(commands(ScriptKind::Preinst, "#! /bin/sh -e\ntrue"), []);
}

proptest! {
    #[test]
    fn any_script_is_read_to_its_end(
        words in proptest::collection::vec(
            "if|then|else|elif|fi|case|in|esac|;;|;|\n|\\(|\\)|f|\\{|\\}|&&|\\|\\||a=b|\"[$]1\"|while|do|done|for|>|<",
            0..60,
        )
    ) {
        commands(ScriptKind::Postinst, &words.join(" "));
    }
}
