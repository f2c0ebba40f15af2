//! What a fleet says of its hosts: the options `deployment.*`, which have colmena's names and meanings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The options that are read of a host. The contents of `deployment.keys` are not among them.
pub const OPTIONS: [&str; 10] = [
    "targetHost",
    "targetUser",
    "targetPort",
    "tags",
    "buildOnTarget",
    "sshOptions",
    "privilegeEscalationCommand",
    "allowLocalDeployment",
    "replaceUnknownProfiles",
    "healthChecks",
];

/// Where a host is and how it is deployed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// The address, as `ssh` understands it; `None` for a host that is not reached over SSH.
    pub target_host: Option<String>,
    /// Who logs in; `None` leaves it to `ssh`.
    pub target_user: Option<String>,
    /// Another port than the one that `ssh` is configured for.
    pub target_port: Option<u16>,
    /// What `--on @TAG` selects.
    pub tags: Vec<String>,
    /// Whether the host builds itself.
    pub build_on_target: bool,
    /// Further arguments of `ssh`.
    pub ssh_options: Vec<String>,
    /// The command, and its arguments, that runs another one as root.
    pub privilege_escalation_command: Vec<String>,
    /// Whether the machine that deploys may be the host itself.
    pub allow_local_deployment: bool,
    /// Whether a generation that this machine does not know may be replaced. Every change is shown beforehand, so that nothing
    /// depends on it here.
    pub replace_unknown_profiles: bool,
    /// What must be true after a switch.
    pub health_checks: HealthChecks,
}

impl Default for Deployment {
    fn default() -> Self {
        Deployment {
            target_host: None,
            target_user: Some("root".to_owned()),
            target_port: None,
            tags: Vec::new(),
            build_on_target: false,
            ssh_options: Vec::new(),
            privilege_escalation_command: ["sudo", "-H", "--"].map(str::to_owned).to_vec(),
            allow_local_deployment: false,
            replace_unknown_profiles: true,
            health_checks: HealthChecks::default(),
        }
    }
}

impl Deployment {
    /// What holds for a host that says nothing: its name is its address.
    pub fn of_host(name: &str) -> Self {
        Deployment { target_host: Some(name.to_owned()), ..Self::default() }
    }

    /// Reads options, those of [`OPTIONS`] that the host has, over the defaults.
    ///
    /// # Errors
    /// [`Error::InvalidDeployment`] names the option whose value has another type.
    pub fn read(name: &str, options: &Map<String, Value>) -> Result<Self> {
        for (option, value) in options {
            let alone = Map::from_iter([(option.clone(), value.clone())]);
            serde_json::from_value::<Deployment>(Value::Object(alone)).map_err(|source| {
                Error::InvalidDeployment { host: name.to_owned(), option: option.clone(), source }
            })?;
        }
        let mut all = options.clone();
        all.entry("targetHost").or_insert_with(|| name.into());
        serde_json::from_value(Value::Object(all)).map_err(|source| Error::InvalidDeployment {
            host: name.to_owned(),
            option: "*".to_owned(),
            source,
        })
    }
}

/// What must be true after a switch, besides that no unit has failed. Names are for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthChecks {
    /// In how many seconds all must pass.
    pub timeout: u64,
    /// Web pages.
    pub http: BTreeMap<String, HttpCheck>,
    /// Ports.
    pub tcp: BTreeMap<String, TcpCheck>,
    /// Commands.
    pub command: BTreeMap<String, CommandCheck>,
}

impl Default for HealthChecks {
    fn default() -> Self {
        HealthChecks { timeout: 30, http: BTreeMap::new(), tcp: BTreeMap::new(), command: BTreeMap::new() }
    }
}

/// From where a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// On the host itself.
    #[default]
    Host,
    /// On the machine that deploys.
    Client,
}

/// A page that answers with success (2xx).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Its address.
    pub url: String,
    /// From where.
    #[serde(default)]
    pub from: Side,
}

/// A port that somebody listens at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpCheck {
    /// The machine; the host by default.
    #[serde(default)]
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// From where.
    #[serde(default)]
    pub from: Side,
}

/// A shell command that succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandCheck {
    /// The command.
    pub command: String,
    /// Where it runs: on the host as root, on the machine that deploys as whoever deploys.
    #[serde(default)]
    pub from: Side,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Deployment> {
        let Value::Object(options) = value else { panic!("not a set") };
        Deployment::read("web", &options)
    }

    #[test]
    fn what_is_not_said_is_colmenas_default() {
        assert_eq!(read(json!({})).unwrap(), Deployment::of_host("web"));
        let found = read(json!({ "targetHost": null, "targetUser": null, "tags": ["a"] })).unwrap();
        assert_eq!((found.target_host, found.target_user), (None, None));
        assert_eq!(found.tags, ["a"]);
    }

    #[test]
    fn checks_are_read() {
        let found = read(json!({ "healthChecks": {
            "timeout": 5,
            "http": { "page": { "url": "http://localhost/" } },
            "tcp": { "ssh": { "port": 22, "from": "client", "host": null } },
        }}))
        .unwrap()
        .health_checks;
        assert_eq!(found.http["page"].from, Side::Host);
        assert_eq!(found.tcp["ssh"].from, Side::Client);
    }

    #[test]
    fn a_wrong_option_is_named() {
        match read(json!({ "tags": [], "targetPort": 70000 })) {
            Err(Error::InvalidDeployment { host, option, .. }) => {
                assert_eq!((host.as_str(), option.as_str()), ("web", "targetPort"));
            }
            other => panic!("{other:?}"),
        }
    }
}
