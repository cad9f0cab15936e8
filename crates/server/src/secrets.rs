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

/// What the flags say to ask with; `public` of v2c where they say nothing, as agents ship.
pub fn credential(ask: &AskWith) -> Result<(CredentialKind, CredentialSecrets), UsageError> {
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
