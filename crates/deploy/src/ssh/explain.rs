//! What `ssh` said, and what it means.

use super::address::{SshAddress, SshSettings};
use crate::error::Error;

/// What a connection that failed failed of. `ssh` has one exit status for all of it, so that its words decide; they are
/// not translated.
pub(super) fn failure(address: &SshAddress, settings: &SshSettings, said: &str) -> Error {
    let address = address.display();
    let said = essence(said);
    if said.contains("HOST IDENTIFICATION HAS CHANGED") {
        let lines = said.lines().filter(|line| line.contains("Offending") || line.contains("SHA256:"));
        let said = lines.collect::<Vec<_>>().join("\n");
        return Error::HostKeyChanged { address, known_hosts: settings.known_hosts.clone(), said };
    }
    if said.contains("Permission denied") || said.contains("Too many authentication failures") {
        return Error::Refused { address, said };
    }
    Error::Unreachable { address, said: if said.is_empty() { "it said nothing".to_owned() } else { said } }
}

/// The words without those of `LogLevel=VERBOSE` and without decoration.
pub(super) fn essence(said: &str) -> String {
    let chatter = |line: &str| {
        line.is_empty()
            || line.starts_with("Transferred: ")
            || line.starts_with("Bytes per second: ")
            || line.starts_with("Authenticated to ")
            || line.starts_with("Warning: Permanently added")
            || line.starts_with("OpenSSH_")
            || line.starts_with("Authenticator provider ")
            || line.starts_with("Server host key: ")
            || line.starts_with("debug")
            || line.chars().all(|c| c == '@')
    };
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !chatter(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inventory::Deployment;

    fn of(said: &str) -> Error {
        let address = SshAddress::of("web", &Deployment::of_host("web")).unwrap();
        let settings = SshSettings {
            known_hosts: "/known".into(),
            more_known_hosts: Vec::new(),
            may_ask: false,
            patience: Duration::from_secs(5),
            options: Vec::new(),
        };
        failure(&address, &settings, said)
    }

    #[test]
    fn words_decide() {
        let changed =
            of("@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\nIT IS POSSIBLE\n\
             SHA256:abc.\nOffending ED25519 key in /known:1\nHost key verification failed.");
        match &changed {
            Error::HostKeyChanged { said, .. } => {
                assert_eq!(said, "SHA256:abc.\nOffending ED25519 key in /known:1");
            }
            other => panic!("{other:?}"),
        }
        assert!(changed.advice().unwrap().contains("/known"));
        assert!(matches!(of("root@web: Permission denied (publickey)."), Error::Refused { .. }));
        let silent = of("ssh: connect to host web port 22: Connection refused\nBytes per second: 1");
        assert!(silent.is_passing());
        assert_eq!(
            silent.to_string(),
            "root@web does not answer: ssh: connect to host web port 22: Connection refused"
        );
    }
}
