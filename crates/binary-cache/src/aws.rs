//! Where credentials for S3 come from: the variables and files of AWS's tools ("Configuration and credential file
//! settings in the AWS CLI").

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rusty_s3::Credentials;

use crate::error::{Error, Result};

/// What the environment says of AWS. Secrets in it are not shown.
#[derive(Clone, Default)]
pub struct AwsEnvironment {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`.
    pub keys: Option<(String, String)>,
    /// `AWS_SESSION_TOKEN`.
    pub token: Option<String>,
    /// `AWS_PROFILE`.
    pub profile: Option<String>,
    /// `AWS_REGION`, `AWS_DEFAULT_REGION`.
    pub region: Option<String>,
    /// `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub config_file: Option<PathBuf>,
}

impl AwsEnvironment {
    /// Reads the variables through `environment`.
    pub fn of(environment: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| environment(name).and_then(|value| value.into_string().ok());
        let file = |name: &str, below_home: &str| {
            environment(name)
                .map(PathBuf::from)
                .or_else(|| environment("HOME").map(|home| PathBuf::from(home).join(".aws").join(below_home)))
        };
        AwsEnvironment {
            keys: text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY")),
            token: text("AWS_SESSION_TOKEN"),
            profile: text("AWS_PROFILE"),
            region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
            credentials_file: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config_file: file("AWS_CONFIG_FILE", "config"),
        }
    }

    /// The credentials: those of the profile that is asked for, else the variables', else the default profile's; `None` if
    /// there are none, for buckets that anybody may read.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidFile`] if the profile that is asked for has none.
    pub(crate) fn credentials(&self, profile: Option<&str>) -> Result<Option<Credentials>> {
        if profile.is_none()
            && let Some((id, secret)) = &self.keys
        {
            return Ok(Some(credentials(id, secret, self.token.as_deref())));
        }
        let asked = profile.or(self.profile.as_deref());
        let name = asked.unwrap_or("default");
        for file in [&self.credentials_file, &self.config_file].into_iter().flatten() {
            let section = section(file, name)?;
            if let (Some(id), Some(secret)) =
                (section.get("aws_access_key_id"), section.get("aws_secret_access_key"))
            {
                let token = section.get("aws_session_token").map(String::as_str);
                return Ok(Some(credentials(id, secret, token)));
            }
        }
        match (asked, &self.credentials_file) {
            (Some(name), Some(file)) => Err(Error::InvalidFile {
                path: file.clone(),
                problem: format!("it has no access key for the profile '{name}'"),
            }),
            _ => Ok(None),
        }
    }

    /// The region that the variables or the profile name.
    pub(crate) fn region(&self, profile: Option<&str>) -> Result<Option<String>> {
        if let Some(region) = &self.region {
            return Ok(Some(region.clone()));
        }
        let name = profile.or(self.profile.as_deref()).unwrap_or("default");
        match &self.config_file {
            Some(file) => Ok(section(file, name)?.remove("region")),
            None => Ok(None),
        }
    }
}

impl std::fmt::Debug for AwsEnvironment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AwsEnvironment")
            .field("key", &self.keys.as_ref().map(|(id, _)| id))
            .field("profile", &self.profile)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

fn credentials(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    match token {
        Some(token) => Credentials::new_with_token(id, secret, token),
        None => Credentials::new(id, secret),
    }
}

/// The entries of `[NAME]` or `[profile NAME]`. A file that is not there has none.
fn section(path: &Path, name: &str) -> Result<BTreeMap<String, String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let mut entries = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let header = header.trim();
            inside = header.strip_prefix("profile ").unwrap_or(header).trim() == name;
        } else if let (true, Some((key, value))) = (inside, line.split_once('=')) {
            entries.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_then_profiles() {
        let place = tempfile::tempdir().unwrap();
        let (keys, config) = (place.path().join("credentials"), place.path().join("config"));
        std::fs::write(&keys, "[default]\naws_access_key_id = D\naws_secret_access_key=d\n\n[work]\nAWS_ACCESS_KEY_ID=W\naws_secret_access_key=w=\n").unwrap();
        std::fs::write(&config, "[profile work]\nregion = eu-west-1\n").unwrap();
        let mut environment = AwsEnvironment {
            credentials_file: Some(keys),
            config_file: Some(config),
            ..AwsEnvironment::default()
        };
        let key = |environment: &AwsEnvironment, profile| {
            let found = environment.credentials(profile).unwrap();
            found.map(|found| (found.key().to_owned(), found.secret().to_owned()))
        };
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(key(&environment, None), pair("D", "d"));
        assert_eq!(key(&environment, Some("work")), pair("W", "w="));
        assert_eq!(environment.region(Some("work")).unwrap().as_deref(), Some("eu-west-1"));
        assert!(environment.credentials(Some("none")).is_err());
        environment.keys = pair("E", "e");
        assert_eq!(key(&environment, None), pair("E", "e"));
        assert_eq!(key(&environment, Some("work")), pair("W", "w="));
        assert!(!format!("{environment:?}").contains("\"e\""));
        assert!(AwsEnvironment::default().credentials(None).unwrap().is_none());
    }
}
