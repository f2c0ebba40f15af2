//! The language's own fetchers, with the evaluator.

use std::path::Path;
use std::sync::Arc;

use nix_expr::{ErrorKind, FileSystemIo, FileSystemOptions, Settings, evaluate};
use nix_flake::EvaluationFetcher;
use nix_store::Hash;

use crate::archives::tar_gz;
use crate::world::{World, git};

fn eval(world: &World, pure: bool, text: &str) -> Result<String, nix_expr::EvalError> {
    let fetcher = EvaluationFetcher::new(Arc::new(world.fetcher()));
    let io = FileSystemIo::new(FileSystemOptions {
        pure,
        fetcher: Some(Arc::new(fetcher)),
        ..FileSystemOptions::default()
    });
    let settings = Settings { pure, ..Settings::default() };
    evaluate(&settings, &io, |session| {
        let value = session.evaluate_text(text, "«test»", Path::new("/"))?;
        Ok(session.to_json(value)?.text)
    })
}

#[test]
fn fetch_git_and_fetch_tree_give_what_nix_gives() {
    let world = World::new();
    let place = world.repository("r", &[(".gitattributes", "x export-ignore\n"), ("x", "1"), ("y", "2")]);
    let commit = git(&place, &["rev-parse", "HEAD"]);
    let place = place.display();
    let names = eval(&world, false, &format!("builtins.attrNames (builtins.fetchGit {place})")).unwrap();
    let all =
        r#"["lastModified","lastModifiedDate","narHash","outPath","rev","revCount","shortRev","submodules"]"#;
    assert_eq!(names, all);
    let read = format!("builtins.attrNames (builtins.readDir (builtins.fetchGit {place}).outPath)");
    assert_eq!(eval(&world, false, &read).unwrap(), r#"[".gitattributes","y"]"#);
    let tree = format!(
        "let t = builtins.fetchTree {{ type = \"git\"; url = \"file://{place}\"; rev = \"{commit}\"; }}; in \
         [ t.rev (t.revCount or null) t.lastModifiedDate (builtins.readFile (t + \"/x\")) ]"
    );
    assert_eq!(eval(&world, true, &tree).unwrap(), format!(r#"["{commit}",null,"20231114221320","1"]"#));
    let named = format!("(builtins.fetchGit {{ url = {place}; name = \"n\"; }}).outPath");
    assert!(eval(&world, false, &named).unwrap().ends_with("-n\""));
    let unlocked = format!("builtins.fetchGit {{ url = \"file://{place}\"; }}");
    assert_eq!(eval(&world, true, &unlocked).unwrap_err().kind, ErrorKind::Restricted);
}

#[test]
fn files_and_archives_are_checked_by_their_hashes() {
    let world = World::new();
    let archive = world.path("a.tar.gz");
    std::fs::write(&archive, tar_gz(&[("top/x", "1", 0o644)])).unwrap();
    let url = format!("file://{}", archive.display());
    let read = format!("builtins.readFile (builtins.fetchTarball \"{url}\" + \"/x\")");
    assert_eq!(eval(&world, false, &read).unwrap(), "\"1\"");
    assert_eq!(eval(&world, true, &read).unwrap_err().kind, ErrorKind::Restricted);
    let wrong = "0000000000000000000000000000000000000000000000000000";
    for builtin in ["fetchTarball", "fetchurl"] {
        let text = format!("builtins.{builtin} {{ url = \"{url}\"; sha256 = \"{wrong}\"; }}");
        let error = eval(&world, true, &text).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Integrity, "{error:?}");
        assert!(error.message.contains(wrong), "{error:?}");
    }
    let hash = Hash::sha256(&std::fs::read(&archive).unwrap()).to_base32();
    let text = format!("builtins.fetchurl {{ url = \"{url}\"; sha256 = \"{hash}\"; name = \"b\"; }}");
    let path = eval(&world, true, &text).unwrap();
    assert!(path.ends_with("-b\""), "{path}");
    // What is known by its hash is not asked for.
    std::fs::remove_file(&archive).unwrap();
    assert_eq!(eval(&world, true, &text).unwrap(), path);
}

#[test]
fn get_flake_calls_a_flake_with_its_inputs() {
    let world = World::new();
    let inner = world.repository("inner", &[("flake.nix", "{ outputs = _: { x = 1; }; }")]);
    let flake = format!(
        "{{ inputs.inner.url = \"git+file://{}\"; outputs = {{ self, inner }}: {{ y = inner.x + 1; me = self.rev; }}; }}",
        inner.display()
    );
    let outer = world.repository("outer", &[("flake.nix", &flake)]);
    let commit = git(&outer, &["rev-parse", "HEAD"]);
    let get = format!("with builtins.getFlake \"git+file://{}\"; [ y me ]", outer.display());
    assert_eq!(eval(&world, false, &get).unwrap(), format!(r#"[2,"{commit}"]"#));
    let error = eval(&world, true, &get).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Restricted, "{error:?}");
    let pinned = format!(
        "(builtins.getFlake \"git+file://{}?rev={}\").x",
        inner.display(),
        git(&inner, &["rev-parse", "HEAD"])
    );
    assert_eq!(eval(&world, true, &pinned).unwrap(), "1");
}

#[test]
fn mercurial_and_what_is_unreachable_say_so() {
    let world = World::new();
    let error = eval(&world, false, "builtins.fetchMercurial \"https://h/r\"").unwrap_err();
    assert!(error.message.contains("Mercurial"), "{error:?}");
    let error = eval(&world, false, "builtins.fetchurl \"http://127.0.0.1:9/x\"").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fetch, "{error:?}");
}
