//! Secrets come to hosts, and to no other place.

use std::fs;

use serde_json::{Value, json};

use crate::fleet::Fleet;

const TEXT: &str = "the-text-that-nobody-may-read";
const FILE: &str = "the-file-that-nobody-may-read";
const PRINTED: &str = "the-words-that-nobody-may-read";

fn key(name: &str, source: (&str, Value), upload_at: &str) -> Value {
    let mut key = json!({
        "name": name, "text": null, "keyFile": null, "keyCommand": null, "destDir": "/run/keys", "user": "root",
        "group": "root", "permissions": "0600", "uploadAt": upload_at,
    });
    key[source.0] = source.1;
    key
}

#[test]
fn secrets_are_on_the_host_and_nowhere_else() {
    let mut fleet = Fleet::start(&["web"]);
    let file = fleet.place.path().join("secret");
    fs::write(&file, FILE).unwrap();
    let mut of_the_file = key("of-a-file", ("keyFile", json!(file)), "pre-activation");
    of_the_file["permissions"] = json!("0440");
    of_the_file["user"] = json!("daemon");
    let print = ["sh", "-c", "echo asked >&2; printf the-words-; printf that-nobody-may-read"];
    let keys = json!({
        "file": of_the_file,
        "printed": key("printed", ("keyCommand", json!(print)), "post-activation"),
        "text": key("text", ("text", json!(TEXT)), "pre-activation"),
    });
    fleet.deployment("web", "keys", keys);
    // The activation finds those that come before it.
    let activation = "cat /run/keys/text >/dev/null && [ ! -e /run/keys/printed ] || exit 2";
    fleet.set("web", "scripts", json!({ "activation": activation }));

    let run = fleet.run(&["apply", "dry-activate", "--json"]);
    assert_eq!(run.reports()["web"]["secrets"], json!(["file", "printed", "text"]), "{}", run.stderr);
    assert!(run.stderr.contains("secrets: file, printed, text"), "{}", run.stderr);
    assert!(!fleet.host("web").directory.join("run/keys").exists());

    let (run, reports) = fleet.apply(&["-v"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert_eq!(reports["web"]["changedSecrets"], json!(["file", "printed", "text"]));
    let host = fleet.host("web");
    assert_eq!(host.read("run/keys/of-a-file"), FILE);
    assert_eq!(host.read("run/keys/printed"), PRINTED);
    assert_eq!(host.read("run/keys/text"), TEXT);
    assert_eq!(host.run("stat -c '%a %U' /run/keys/of-a-file /run/keys/text"), "440 daemon\n600 root");

    // Only the one that has changed is another one; nothing else is switched for that.
    fs::write(&file, "another").unwrap();
    let reports = fleet.apply_well(&[]);
    assert_eq!(
        (&reports["web"]["outcome"], &reports["web"]["changedSecrets"]),
        (&json!("applied"), &json!(["file"]))
    );
    assert_eq!(fleet.apply_well(&[])["web"]["outcome"], "unchanged");
    fleet.host("web").run("rm -r /run/keys");
    let reports = fleet.apply_well(&["upload-keys"]);
    assert_eq!(reports["web"]["changedSecrets"], json!(["file", "printed", "text"]));
    assert_eq!(fleet.host("web").read("run/keys/of-a-file"), "another");

    // One that cannot be had stops the host before anything changes.
    fleet.deployment(
        "web",
        "keys",
        json!({ "gone": key("gone", ("keyFile", json!("/nonexistent/key")), "pre-activation") }),
    );
    fleet.set("web", "deployed", json!("second"));
    let (run, reports) = fleet.apply(&[]);
    assert_eq!((run.status, &reports["web"]["outcome"]), (Some(9), &json!("failed")), "{}", run.stderr);
    assert_eq!(fleet.host("web").deployed(), "first");

    let written = String::from_utf8_lossy(&fleet.everything_written()).into_owned() + &run.stderr;
    for secret in [TEXT, FILE, PRINTED] {
        assert!(!written.contains(secret), "{secret} was written somewhere");
    }
    assert!(written.contains("bringing the secret text"), "the log of the host was not read");
}
