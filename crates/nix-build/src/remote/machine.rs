//! The machines of the setting `builders` (nix.conf(5), "Distributed builds" in Nix's manual).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix_store::daemon::StoreUri;
use nix_store::{Derivation, StoreDir};

use crate::builders::Attributes;
use crate::error::{Error, Result};

/// How deep files of machines may name further ones.
const DEEPEST: usize = 8;

/// A machine that builds.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteMachine {
    /// Where its daemon is.
    pub uri: StoreUri,
    /// The platforms whose programs run there.
    pub systems: BTreeSet<String>,
    /// Builds at once there, at least one.
    pub max_jobs: usize,
    /// How fast it is beside others; above 0.
    pub speed_factor: f64,
    /// What it offers.
    pub supported_features: BTreeSet<String>,
    /// What it offers and every build that goes there must ask for.
    pub mandatory_features: BTreeSet<String>,
}

/// What a build needs of the machine that it runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The platform of its builder.
    pub system: String,
    /// Features (`requiredSystemFeatures`).
    pub features: BTreeSet<String>,
    /// Whether it is quicker made here than sent away (`preferLocalBuild`).
    pub prefers_local: bool,
}

impl Needs {
    /// Those of a derivation. What cannot be read is an error when it is built.
    pub fn of(derivation: &Derivation) -> Self {
        let attributes = Attributes::of(derivation, &StoreDir::default()).ok();
        let text =
            |name: &str| attributes.as_ref().and_then(|attributes| attributes.text(name)).unwrap_or_default();
        Needs {
            system: String::from_utf8_lossy(&derivation.system).into_owned(),
            features: text("requiredSystemFeatures").split_whitespace().map(str::to_owned).collect(),
            prefers_local: text("preferLocalBuild") == "1",
        }
    }
}

impl RemoteMachine {
    /// The machines that a value of the setting `builders` lists: one a line, or divided by `;`. `@FILE` stands for those that
    /// the file lists, and a file that is not there for none. A machine has no more than its address, or up to eight fields,
    /// `-` for the default of each: address, platforms, private key of SSH, builds at once, speed, features, features that
    /// builds must ask for, public key of the host in base-64. `system` is the platform where none is given.
    ///
    /// # Errors
    /// [`Error::InvalidMachine`], or a file that cannot be read.
    pub fn parse_list(text: &str, system: &str) -> Result<Vec<Self>> {
        let mut machines = Vec::new();
        read_list(text, system, "the setting 'builders'", DEEPEST, &mut machines)?;
        Ok(machines)
    }

    /// What names the machine for people.
    pub fn name(&self) -> String {
        self.uri.to_string()
    }

    /// Whether it can build what has these needs.
    pub fn can_build(&self, needs: &Needs) -> bool {
        let offers = |feature: &String| {
            self.supported_features.contains(feature) || self.mandatory_features.contains(feature)
        };
        self.systems.contains(&needs.system)
            && needs.features.iter().all(offers)
            && self.mandatory_features.is_subset(&needs.features)
    }
}

fn read_list(
    text: &str,
    system: &str,
    place: &str,
    depth: usize,
    machines: &mut Vec<RemoteMachine>,
) -> Result<()> {
    for line in text.split(['\n', ';']) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let Some(file) = line.strip_prefix('@') else {
            machines.push(parse_machine(line, system).map_err(|problem| Error::InvalidMachine {
                line: line.to_owned(),
                place: place.to_owned(),
                problem,
            })?);
            continue;
        };
        let file = Path::new(file.trim());
        if depth == 0 {
            return Err(Error::InvalidMachine {
                line: line.to_owned(),
                place: place.to_owned(),
                problem: String::from("files name each other without end"),
            });
        }
        match fs::read_to_string(file) {
            Ok(text) => read_list(&text, system, &file.display().to_string(), depth - 1, machines)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", file, error)),
        }
    }
    Ok(())
}

fn parse_machine(line: &str, system: &str) -> Result<RemoteMachine, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() > 8 {
        return Err(format!("it has {} fields, where there are eight", fields.len()));
    }
    let field = |number: usize| fields.get(number).copied().filter(|text| *text != "-");
    let names = |number: usize| -> BTreeSet<String> {
        let names = field(number).unwrap_or_default().split(',');
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let address = fields.first().copied().unwrap_or_default();
    // Nix has a lone name stand for a host.
    let address = match address.contains("://") || address == "daemon" {
        true => address.to_owned(),
        false => format!("ssh://{address}"),
    };
    // The key of a host goes the way that it has in an address.
    let address = match field(7) {
        None => address,
        Some(key) => {
            let divider = if address.contains('?') { '&' } else { '?' };
            // Of the letters of base-64 one means something else in an address.
            format!("{address}{divider}base64-ssh-public-host-key={}", key.replace('+', "%2B"))
        }
    };
    let mut uri: StoreUri = address.parse().map_err(|error: nix_store::Error| error.to_string())?;
    if let StoreUri::Ssh(address) = &mut uri {
        address.batch = true;
        if let Some(key) = field(2) {
            address.key = Some(PathBuf::from(key));
        }
    }
    let mut systems = names(1);
    if systems.is_empty() {
        systems.insert(system.to_owned());
    }
    let max_jobs = match field(3) {
        None => 1,
        Some(text) => text.parse().map_err(|_| format!("'{text}' is not a number of builds"))?,
    };
    let speed_factor = match field(4) {
        None => 1.0,
        Some(text) => text
            .parse()
            .ok()
            .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
            .ok_or_else(|| format!("'{text}' is not a speed: give a number above 0"))?,
    };
    Ok(RemoteMachine {
        uri,
        systems,
        max_jobs: usize::max(max_jobs, 1),
        speed_factor,
        supported_features: names(5),
        mandatory_features: names(6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<RemoteMachine>> {
        RemoteMachine::parse_list(text, "x86_64-linux")
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn lists_mean_what_they_mean_to_nix() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("machines");
        fs::write(
            &file,
            "# ours\nmac x86_64-darwin,aarch64-darwin /root/.ssh/key 8 2.5 big-parallel kvm c3NoLWVkMjU1MTkgQUE+IHJvb3Q=\n\n\
             ssh-ng://build@arm:2222?compress=true aarch64-linux - - - - - # slow\n",
        )
        .unwrap();
        let list = format!("@{}; @/nonexistent/machines ;host", file.display());
        let [mac, arm, host] = <[RemoteMachine; 3]>::try_from(parse(&list).unwrap()).unwrap();
        assert_eq!(mac.systems, names(&["aarch64-darwin", "x86_64-darwin"]));
        assert_eq!((mac.max_jobs, mac.speed_factor), (8, 2.5));
        assert_eq!(
            (mac.supported_features, mac.mandatory_features),
            (names(&["big-parallel"]), names(&["kvm"]))
        );
        let StoreUri::Ssh(address) = mac.uri else { panic!() };
        assert_eq!((address.host.as_str(), address.key), ("mac", Some("/root/.ssh/key".into())));
        assert_eq!(address.host_key.as_deref(), Some("ssh-ed25519 AA> root"));
        assert!(address.batch);
        assert_eq!((arm.name().as_str(), arm.max_jobs), ("ssh-ng://build@arm:2222", 1));
        assert_eq!(host.systems, names(&["x86_64-linux"]));
    }

    #[test]
    fn a_machine_gets_what_it_can_build() {
        let machine = &parse("host x86_64-linux,i686-linux - 1 1 kvm,benchmark big").unwrap()[0];
        let can = |system: &str, features: &[&str]| {
            machine.can_build(&Needs {
                system: system.into(),
                features: names(features),
                prefers_local: false,
            })
        };
        assert!(can("x86_64-linux", &["big"]) && can("i686-linux", &["kvm", "big"]));
        // What a machine demands must be asked for.
        assert!(!can("x86_64-linux", &[]));
        assert!(!can("x86_64-linux", &["big", "nixos-test"]) && !can("aarch64-linux", &["big"]));
    }

    #[test]
    fn mistakes_name_the_line() {
        for text in
            ["host - - many", "host - - 1 0", "host - - 1 inf", "a b c d e f g h i", "https://x", "ssh://-oX"]
        {
            let error = parse(&format!("good\n{text}")).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("machines");
        fs::write(&file, format!("@{}", file.display())).unwrap();
        assert!(matches!(parse(&format!("@{}", file.display())), Err(Error::InvalidMachine { .. })));
        assert!(matches!(parse("@/"), Err(Error::Io { .. })));
    }
}
