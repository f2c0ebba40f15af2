//! Keys, signatures and narinfos: either program takes the other's.

use std::fs;

use crate::nix::Nix;
use nix_store::{LocalStore, NarInfo, PublicKey, SecretKey, StoreDir, StoreRoot, TrustedKeys};

#[test]
fn keys_of_nix_are_read_and_ours_by_nix() {
    let nix = Nix::new();
    let (secret, public) = (nix.path("secret"), nix.path("public"));
    nix.run(
        "nix-store",
        &["--generate-binary-cache-key", "a.b-1", secret.to_str().unwrap(), public.to_str().unwrap()],
    );
    let key: SecretKey = fs::read_to_string(&secret).unwrap().parse().unwrap();
    assert_eq!(key.public_key().to_string(), fs::read_to_string(&public).unwrap().trim_end());

    let ours = SecretKey::generate("ours-1").unwrap();
    fs::write(&secret, ours.to_secret_text().as_bytes()).unwrap();
    let script = format!(
        "nix --extra-experimental-features nix-command key convert-secret-to-public < {}",
        secret.display()
    );
    assert_eq!(nix.text("sh", &["-c", &script]), ours.public_key().to_string());
}

#[test]
fn signatures_are_equal_and_narinfos_too() {
    let nix = Nix::new();
    let directory = StoreDir::default();
    let secret = nix.path("secret");
    let key = SecretKey::generate("ours-1").unwrap();
    fs::write(&secret, key.to_secret_text().as_bytes()).unwrap();
    fs::write(nix.path("text"), "some text").unwrap();
    let path = nix.text("nix-store", &["--add", nix.path("text").to_str().unwrap()]);
    nix.run("nix", &["store", "sign", "--key-file", secret.to_str().unwrap(), &path]);
    let store = LocalStore::open(StoreRoot::new(nix.root())).unwrap();
    let path = directory.parse(path.as_bytes()).unwrap();
    let mut info = store.path_info(&path).unwrap();
    assert_eq!(info.signatures.len(), 1);
    assert!(!key.sign_path(&directory, &mut info).unwrap(), "Nix signs something else");
    let public: PublicKey = key.public_key().to_string().parse().unwrap();
    assert!(TrustedKeys::from_iter([public]).signer_of(&directory, &info).is_some());

    let cache = nix.path("cache");
    nix.run("nix", &["copy", "--to", &format!("file://{}", cache.display()), &directory.display(&path)]);
    let text = fs::read(cache.join(format!("{}.narinfo", path.hash_part()))).unwrap();
    let narinfo = NarInfo::parse(&directory, &text).unwrap();
    assert_eq!(narinfo.print(&directory).as_bytes(), text);
    assert_eq!(narinfo.info.signatures, info.signatures);
    assert_eq!(narinfo.info.nar_hash, info.nar_hash);
}
