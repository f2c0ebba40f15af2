use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn store_path() -> impl Strategy<Value = StorePath> {
    (any::<[u8; 20]>(), "[a-z][a-z0-9.-]{0,8}")
        .prop_map(|(hash, name)| StorePath::from_parts(hash, &name).unwrap())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any::<Vec<u8>>(), "[a\"\\\\\n\r\t$é]{0,20}".prop_map(String::into_bytes)]
}

fn output() -> impl Strategy<Value = DerivationOutput> {
    let method = prop_oneof![
        Just(ContentAddressMethod::Flat),
        Just(ContentAddressMethod::Recursive),
        Just(ContentAddressMethod::Text)
    ];
    prop_oneof![
        store_path().prop_map(|path| DerivationOutput::InputAddressed { path }),
        (store_path(), method.clone(), any::<Vec<u8>>()).prop_map(|(path, method, data)| {
            DerivationOutput::Fixed { path, method, hash: Hash::digest(HashAlgorithm::Sha1, &data) }
        }),
        method.prop_map(|method| DerivationOutput::Floating { method, algorithm: HashAlgorithm::Sha256 }),
        Just(DerivationOutput::Deferred),
    ]
}

fn derivation() -> impl Strategy<Value = Derivation> {
    let outputs = proptest::collection::btree_map("[a-z]{1,5}", output(), 0..4);
    let input_drvs = proptest::collection::btree_map(
        store_path(),
        proptest::collection::btree_set("[a-z]{1,5}", 0..3).prop_map(Arc::new),
        0..4,
    );
    let input_srcs = proptest::collection::btree_set(store_path(), 0..4);
    let args = proptest::collection::vec(bytes(), 0..4);
    let env = proptest::collection::btree_map(bytes(), bytes(), 0..5).prop_map(Environment::from_iter);
    (outputs, input_drvs, input_srcs, bytes(), bytes(), args, env).prop_map(
        |(outputs, input_drvs, input_srcs, system, builder, args, env)| Derivation {
            name: "example".to_owned(),
            outputs,
            input_drvs,
            input_srcs,
            system,
            builder,
            args,
            env,
        },
    )
}

proptest! {
    #[test]
    fn printing_is_undone_by_parsing(derivation in derivation()) {
        let directory = StoreDir::default();
        let text = derivation.print(&directory);
        prop_assert_eq!(Derivation::parse(&directory, "example", &text).unwrap(), derivation);
    }

    #[test]
    fn a_damaged_text_is_no_panic(derivation in derivation(), at: prop::sample::Index, byte: u8, cut: bool) {
        let directory = StoreDir::default();
        let mut text = derivation.print(&directory);
        let at = at.index(text.len());
        if cut {
            text.truncate(at);
            prop_assert!(Derivation::parse(&directory, "example", &text).is_err());
        } else {
            text[at] = byte;
            let _ = Derivation::parse(&directory, "example", &text);
        }
    }

    #[test]
    fn any_bytes_are_a_derivation_or_an_error(text: Vec<u8>) {
        prop_assert!(Derivation::parse(&StoreDir::default(), "example", &text).is_err());
    }
}

fn no_load(path: &StorePath) -> Result<Derivation> {
    panic!("{path} was loaded")
}

/// A chain of derivations, each the input of the next, the last at the end.
fn chain(length: usize) -> Vec<(StorePath, Derivation)> {
    let directory = StoreDir::default();
    let memo = HashModuloMemo::new();
    let mut chain: Vec<(StorePath, Derivation)> = Vec::new();
    for index in 0..length {
        let mut derivation = Derivation::new(format!("link-{index}"));
        derivation.outputs.insert("out".to_owned(), DerivationOutput::Deferred);
        derivation.env.insert("out", "");
        if let Some((path, _)) = chain.last() {
            derivation.input_drvs.insert(path.clone(), BTreeSet::from(["out".to_owned()]).into());
        }
        let hash = derivation.hash_modulo_masked(&directory, &memo, &mut no_load).unwrap();
        derivation.assign_output_paths(&directory, &hash).unwrap();
        let path = derivation_path(&directory, &derivation).unwrap();
        memo.insert(path.clone(), derivation.hash_modulo(&directory, &memo, &mut no_load).unwrap());
        chain.push((path, derivation));
    }
    chain
}

#[test]
fn a_long_chain_is_loaded_without_deep_recursion() {
    let directory = StoreDir::default();
    let chain = chain(20_000);
    let by_path: BTreeMap<&StorePath, &Derivation> =
        chain.iter().map(|(path, derivation)| (path, derivation)).collect();
    let mut loaded = 0;
    let mut load = |path: &StorePath| {
        loaded += 1;
        Ok::<_, Error>((*by_path.get(path).unwrap()).clone())
    };
    let memo = HashModuloMemo::new();
    let (_, last) = chain.last().unwrap();
    let mut again = last.clone();
    again.outputs.insert("out".to_owned(), DerivationOutput::Deferred);
    again.env.insert("out", "");
    let hash = again.hash_modulo_masked(&directory, &memo, &mut load).unwrap();
    again.assign_output_paths(&directory, &hash).unwrap();
    assert_eq!(again, *last);
    assert_eq!(loaded, chain.len() - 1);
}

#[test]
fn a_cycle_is_an_error() {
    let directory = StoreDir::default();
    let (a, b) =
        (StorePath::from_parts([1; 20], "a.drv").unwrap(), StorePath::from_parts([2; 20], "b.drv").unwrap());
    let mut load = |path: &StorePath| {
        let mut derivation = Derivation::new("x");
        let other = if *path == a { &b } else { &a };
        derivation.input_drvs.insert(other.clone(), Arc::default());
        Ok::<_, Error>(derivation)
    };
    let result = HashModuloMemo::new().of_path(&directory, &a, &mut load);
    assert!(matches!(result, Err(Error::DerivationCycle { .. })), "{result:?}");
}

#[test]
fn repeated_names_are_errors() {
    let directory = StoreDir::default();
    for text in [
        r#"Derive([("out","","",""),("out","","","")],[],[],"","",[],[])"#,
        r#"Derive([],[],[],"","",[],[("a",""),("a","")])"#,
        r#"Derive([],[],[],"","",[],[])x"#,
        r#"Derive([("out","","","00")],[],[],"","",[],[])"#,
        r#"Derive([("out","","sha256","zz")],[],[],"","",[],[])"#,
        r#"Derive([],[],["/nix/store"],"","",[],[])"#,
    ] {
        let result = Derivation::parse(&directory, "x", text.as_bytes());
        assert!(matches!(result, Err(Error::InvalidDerivation { .. })), "{text}: {result:?}");
    }
}
