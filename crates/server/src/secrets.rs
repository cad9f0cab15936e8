//! Secrets from where they may come from: an environment variable or a file. Never from a flag,
//! which every user of the machine can read.

use crate::cli::{AskWith, AuthName, PrivName};
use crate::exit::UsageError;
use model::credential::{AuthProtocol, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret};
use std::path::Path;

/// Longest file of a secret that is read, in octets: more is not a secret but a mistake.
const SECRET_FILE_MAX: u64 = 4096;

/// The secret from the variable or the file, without its line end; none where neither is named.
pub fn from(variable: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, UsageError> {
    if let Some(variable) = variable {
        let text = std::env::var(variable)
            .map_err(|_| UsageError(format!("the environment variable {variable} is not set")))?;
        return Ok(Some(Secret::new(text)));
    }
    let Some(file) = file else { return Ok(None) };
    let told = |what: &str| UsageError(format!("the secret in {}: {what}", file.display()));
    let size = std::fs::metadata(file)
        .map_err(|error| told(&error.to_string()))?
        .len();
    if size > SECRET_FILE_MAX {
        return Err(told("the file is too long to be a secret"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| told(&error.to_string()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(told("the file is empty"));
    }
    Ok(Some(Secret::new(text.to_owned())))
}

/// A credential, and what it is called where several are tried.
pub struct Tried {
    /// `SNMPv2c community 2`, `SNMPv3 user ops`.
    pub name: String,
    /// What a session takes.
    pub credentials: snmp::Credentials,
}

/// Octets of a file of credentials, and credentials in it: more is a mistake.
const CREDENTIALS_FILE_MAX: u64 = 256 * 1024;
const CREDENTIALS_MAX: usize = 64;

/// A file of credentials.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsFile {
    credential: Vec<Entry>,
}

/// One credential of such a file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kind: EntryKind,
    community: Option<String>,
    user: Option<String>,
    auth: Option<AuthProtocol>,
    auth_passphrase: Option<String>,
    privacy: Option<PrivacyProtocol>,
    privacy_passphrase: Option<String>,
    #[serde(default)]
    context: String,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum EntryKind {
    SnmpV1,
    SnmpV2c,
    SnmpV3,
}

/// All credentials that the flags say to try, in order; at least one.
pub fn credentials(ask: &AskWith) -> Result<Vec<Tried>, UsageError> {
    let Some(file) = &ask.credentials else {
        let (kind, secrets) = credential(ask)?;
        return Ok(vec![tried(0, &kind, &secrets)?]);
    };
    let told = |what: &str| UsageError(format!("the credentials in {}: {what}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| told(&error.to_string()))?;
    if size.len() > CREDENTIALS_FILE_MAX {
        return Err(told("the file is too long"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| told(&error.to_string()))?;
    // What toml says of a mistake shows the line, in which a secret may stand: only its place is told.
    let entries: CredentialsFile = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        told(&format!("line {line} is not right: {}", error.message()))
    })?;
    if entries.credential.is_empty() || entries.credential.len() > CREDENTIALS_MAX {
        return Err(told(&format!("there are 1 to {CREDENTIALS_MAX} of them")));
    }
    let entries = entries.credential.into_iter().enumerate();
    entries
        .map(|(place, entry)| {
            let (kind, secrets) = entry.parts().map_err(|what| told(&what))?;
            tried(place, &kind, &secrets).map_err(|error| told(&error.0))
        })
        .collect()
}

fn tried(
    place: usize,
    kind: &CredentialKind,
    secrets: &CredentialSecrets,
) -> Result<Tried, UsageError> {
    let name = match kind {
        CredentialKind::SnmpV1 => format!("credential {} (SNMPv1)", place + 1),
        CredentialKind::SnmpV2c => format!("credential {} (SNMPv2c)", place + 1),
        CredentialKind::SnmpV3 { user, .. } => {
            format!("credential {} (SNMPv3, user {user})", place + 1)
        }
    };
    Ok(Tried {
        name,
        credentials: session_credentials(kind, secrets)?,
    })
}

impl Entry {
    fn parts(self) -> Result<(CredentialKind, CredentialSecrets), String> {
        let kind = match self.kind {
            EntryKind::SnmpV1 => CredentialKind::SnmpV1,
            EntryKind::SnmpV2c => CredentialKind::SnmpV2c,
            EntryKind::SnmpV3 => CredentialKind::SnmpV3 {
                user: self.user.ok_or("a user of SNMPv3 has a name")?,
                auth: self.auth,
                privacy: self.privacy,
                context: self.context,
            },
        };
        let secrets = CredentialSecrets {
            community: self.community.map(Secret::new),
            auth: self.auth_passphrase.map(Secret::new),
            privacy: self.privacy_passphrase.map(Secret::new),
        };
        Ok((kind, secrets))
    }
}

/// What the flags say to ask with; `public` of v2c where they say nothing, as agents ship.
pub fn credential(ask: &AskWith) -> Result<(CredentialKind, CredentialSecrets), UsageError> {
    if ask.credentials.is_some() {
        return Err(UsageError(
            "several credentials cannot be used here".to_owned(),
        ));
    }
    let Some(user) = &ask.v3_user else {
        let community = match &ask.community {
            Some(community) => Some(Secret::new(community.clone())),
            None => from(ask.community_env.as_deref(), ask.community_file.as_deref())?,
        };
        let kind = if ask.v1 {
            CredentialKind::SnmpV1
        } else {
            CredentialKind::SnmpV2c
        };
        let community = community.unwrap_or_else(|| Secret::new("public".to_owned()));
        let secrets = CredentialSecrets {
            community: Some(community),
            ..CredentialSecrets::default()
        };
        return Ok((kind, secrets));
    };
    let auth = from(
        ask.v3_auth_pass_env.as_deref(),
        ask.v3_auth_pass_file.as_deref(),
    )?;
    let privacy = from(
        ask.v3_priv_pass_env.as_deref(),
        ask.v3_priv_pass_file.as_deref(),
    )?;
    for (protocol, phrase, flag) in [
        (ask.v3_auth.is_some(), auth.is_some(), "--v3-auth"),
        (ask.v3_priv.is_some(), privacy.is_some(), "--v3-priv"),
    ] {
        if protocol && !phrase {
            let text =
                format!("{flag} needs a pass phrase: name {flag}-pass-env or {flag}-pass-file");
            return Err(UsageError(text));
        }
    }
    let kind = CredentialKind::SnmpV3 {
        user: user.clone(),
        auth: ask.v3_auth.map(AuthProtocol::from),
        privacy: ask.v3_priv.map(PrivacyProtocol::from),
        context: ask.v3_context.clone(),
    };
    Ok((
        kind,
        CredentialSecrets {
            community: None,
            auth,
            privacy,
        },
    ))
}

impl From<AuthName> for AuthProtocol {
    fn from(name: AuthName) -> Self {
        match name {
            AuthName::Md5 => Self::Md5,
            AuthName::Sha1 => Self::Sha1,
            AuthName::Sha224 => Self::Sha224,
            AuthName::Sha256 => Self::Sha256,
            AuthName::Sha384 => Self::Sha384,
            AuthName::Sha512 => Self::Sha512,
        }
    }
}

impl From<PrivName> for PrivacyProtocol {
    fn from(name: PrivName) -> Self {
        match name {
            PrivName::Des => Self::Des,
            PrivName::Aes128 => Self::Aes128,
            PrivName::Aes192 => Self::Aes192,
            PrivName::Aes256 => Self::Aes256,
            PrivName::TripleDes => Self::TripleDes,
            PrivName::Aes192c => Self::Aes192c,
            PrivName::Aes256c => Self::Aes256c,
        }
    }
}

/// The credential as a session takes it.
pub fn session_credentials(
    kind: &CredentialKind,
    secrets: &CredentialSecrets,
) -> Result<snmp::Credentials, UsageError> {
    collect::credentials(kind, secrets).map_err(|error| UsageError(error.to_string()))
}
