//! GitHub, GitLab and SourceHut, as their documentation says that they answer.

use std::time::Duration;

use nix_flake::{Error, FlakeReference};

use crate::archives::tar_gz;
use crate::server::{Answer, Asked, Server};
use crate::world::World;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn archive() -> Vec<u8> {
    tar_gz(&[("repo-0123/flake.nix", "{ }", 0o644), ("repo-0123/bin/x", "#!", 0o755)])
}

fn world(server: &Server, hosts: &[&str]) -> World {
    let mut world = World::new();
    for host in hosts {
        world.settings.instead_of.insert(format!("https://{host}"), format!("{}/{host}", server.url()));
    }
    world
}

fn is_asked(asked: &Asked, path: &str) -> bool {
    asked.path == path
}

#[test]
fn github_names_the_commit_and_delivers_the_archive() {
    let server = Server::start(|asked| {
        if is_asked(asked, "/api.github.com/repos/NixOS/nixpkgs/commits/unstable")
            || is_asked(asked, "/api.github.com/repos/NixOS/nixpkgs/commits/HEAD")
        {
            let answer = format!(r#"{{"sha":"{COMMIT}","commit":{{"tree":{{"sha":"{COMMIT}"}}}}}}"#);
            Answer::ok(answer).with("ETag", "W/\"x\"")
        } else if is_asked(asked, &format!("/github.com/NixOS/nixpkgs/archive/{COMMIT}.tar.gz")) {
            Answer::ok(archive())
        } else {
            Answer { body: br#"{"message":"Not Found"}"#.to_vec(), ..Answer::status(404) }
        }
    });
    let mut world = world(&server, &["api.github.com", "github.com"]);
    let fetched = world.fetch("github:NixOS/nixpkgs/unstable?dir=lib").unwrap();
    let printed = fetched.reference.to_string();
    assert!(
        printed.starts_with(&format!("github:NixOS/nixpkgs/{COMMIT}?dir=lib&narHash=sha256-")),
        "{printed}"
    );
    assert_eq!(fetched.reference.last_modified(), Some(1_600_000_000));
    assert!(fetched.tree.directory.join("flake.nix").is_file());
    assert!(world.fetch("github:NixOS/nixpkgs").is_ok());
    let asked = server.requests();
    assert_eq!(world.fetch("github:NixOS/nixpkgs/unstable").unwrap().tree, fetched.tree);
    assert_eq!(server.requests(), asked, "what is recent is not asked again");
    world.settings.offline = true;
    world.settings.tarball_ttl = Duration::ZERO;
    assert!(world.fetch(&format!("github:NixOS/nixpkgs/{COMMIT}")).is_ok());
    world.settings.offline = false;
    let error = world.fetch("github:NixOS/nixpkgs/none").unwrap_err();
    assert!(matches!(error, Error::NoSuchRevision { .. }) && error.to_string().contains("'none'"), "{error}");
}

#[test]
fn tokens_are_told_to_their_host_and_to_no_other() {
    let other = Server::start(|asked| {
        assert!(!asked.headers.contains_key("authorization"), "{asked:?}");
        Answer::ok(archive())
    });
    let target = format!("{}/archive", other.url());
    let server = Server::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some("token secret") {
            return Answer::status(404);
        }
        match asked.path.contains("/tarball/") {
            true => Answer::status(302).with("Location", target.clone()),
            false => Answer::ok(format!(r#"{{"sha":"{COMMIT}"}}"#)),
        }
    });
    let mut world = world(&server, &["api.github.com"]);
    let error = world.fetch("github:a/private/main").unwrap_err();
    assert!(error.to_string().contains("access-tokens"), "{error}");
    world.settings.access_tokens.insert("github.com".into(), "secret".into());
    assert_eq!(world.fetch("github:a/private/main").unwrap().reference.revision.as_deref(), Some(COMMIT));
}

#[test]
fn gitlab_and_other_hosts_have_other_addresses() {
    let server = Server::start(|asked| {
        let token = asked.headers.get("private-token").map(String::as_str);
        if asked.path.ends_with("/api/v4/projects/group%2Frepo/repository/commits?ref_name=main") {
            Answer::ok(format!(r#"[{{"id":"{COMMIT}"}}]"#))
        } else if asked.path.ends_with("/api/v4/projects/group%2Frepo/repository/commits?ref_name=none") {
            Answer::ok("[]")
        } else if asked.path.ends_with(&format!("/repository/archive.tar.gz?sha={COMMIT}"))
            && token == Some("t")
        {
            Answer::ok(archive())
        } else if asked.path == "/forge.org/api/v3/repos/o/r/commits/HEAD" {
            Answer::ok(format!(r#"{{"sha":"{COMMIT}"}}"#))
        } else if asked.path == format!("/forge.org/api/v3/repos/o/r/tarball/{COMMIT}") {
            Answer::ok(archive())
        } else {
            Answer::status(404)
        }
    });
    let mut world = world(&server, &["gitlab.com", "lab.org", "forge.org"]);
    for host in ["gitlab.com", "lab.org"] {
        world.settings.access_tokens.insert(host.into(), "PAT:t".into());
    }
    for reference in
        ["gitlab:group/repo/main", "gitlab:group/repo/main?host=lab.org", "github:o/r?host=forge.org"]
    {
        assert_eq!(
            world.fetch(reference).unwrap().reference.revision.as_deref(),
            Some(COMMIT),
            "{reference}"
        );
    }
    assert!(matches!(world.fetch("gitlab:group/repo/none").unwrap_err(), Error::NoSuchRevision { .. }));
}

#[test]
fn sourcehut_lists_its_branches() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/git.sr.ht/~u/r/HEAD" => Answer::ok("ref: refs/heads/trunk\n"),
        "/git.sr.ht/~u/r/info/refs" => {
            let other = "f".repeat(40);
            Answer::ok(format!(
                "{other}\trefs/heads/other\n{COMMIT}\trefs/heads/trunk\n{COMMIT}\trefs/tags/v1\n"
            ))
        }
        path if path == format!("/git.sr.ht/~u/r/archive/{COMMIT}.tar.gz") => Answer::ok(archive()),
        _ => Answer::status(404),
    });
    let world = world(&server, &["git.sr.ht"]);
    for reference in ["sourcehut:~u/r", "sourcehut:~u/r/v1", "sourcehut:~u/r/trunk"] {
        assert_eq!(
            world.fetch(reference).unwrap().reference.revision.as_deref(),
            Some(COMMIT),
            "{reference}"
        );
    }
    assert!(matches!(world.fetch("sourcehut:~u/r/none").unwrap_err(), Error::NoSuchRevision { .. }));
}

#[test]
fn a_server_that_is_down_is_no_obstacle_for_what_is_known() {
    let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = std::sync::Arc::clone(&up);
    let server = Server::start(move |asked| {
        if !state.load(std::sync::atomic::Ordering::SeqCst) {
            return Answer::status(503);
        }
        match asked.path.contains("/commits/") {
            true => Answer::ok(format!(r#"{{"sha":"{COMMIT}"}}"#)),
            false => Answer::ok(archive()),
        }
    });
    let mut world = world(&server, &["api.github.com", "github.com"]);
    let first = world.fetch("github:a/b").unwrap();
    up.store(false, std::sync::atomic::Ordering::SeqCst);
    world.settings.tarball_ttl = Duration::ZERO;
    assert_eq!(world.fetch("github:a/b").unwrap(), first);
    let error = world.fetch("github:a/c").unwrap_err();
    assert!(matches!(error, Error::Download(_)), "{error:?}");
}

#[test]
fn answers_that_are_no_answers_are_errors() {
    let server = Server::start(|_| Answer::ok("<html>"));
    let world = world(&server, &["api.github.com", "gitlab.com", "github.com"]);
    for reference in ["github:a/b", "gitlab:a/b/x"] {
        let error = world.fetch(reference).unwrap_err();
        assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
    }
    let reference = FlakeReference::parse(&format!("github:a/b/{COMMIT}"), true).unwrap();
    assert!(matches!(world.fetcher().fetch(&reference).unwrap_err(), Error::Archive { .. }));
}
