//! Who may ask simulated agents: what the flags say, and what is told of it.

use crate::exit::UsageError;
use crate::{cli, secrets};
use model::credential::{AuthProtocol, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret};
use serde::Serialize;
use sim::agent::{Access, User};

/// What to ask agents with; nothing where that is a secret.
#[derive(Debug, Serialize)]
pub(super) struct Credential {
    pub(super) community: Option<String>,
    pub(super) v3_user: Option<String>,
    /// The flags by which other commands ask the agents.
    #[serde(skip)]
    pub(super) flags: String,
}

impl Credential {
    fn of_community(community: Option<String>, flags: String) -> Self {
        Self {
            community,
            v3_user: None,
            flags,
        }
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        match (&self.v3_user, &self.community) {
            (Some(user), Some(community)) => format!("community {community}, v3 user {user}"),
            (None, Some(community)) => format!("community {community}"),
            _ => "the community given".to_owned(),
        }
    }
}

/// Who may ask the agents, and what to ask them with, in words without secrets. Where no community
/// is given, or a user, it is `community`.
pub(super) fn access(
    ask: &cli::AskWith,
    community: &str,
) -> Result<(Access, Credential), UsageError> {
    let default = community.to_owned();
    let flags = match (&ask.community, &ask.community_env, &ask.community_file) {
        (Some(name), _, _) => format!("--community {name}"),
        (_, Some(variable), _) => format!("--community-env {variable}"),
        (_, _, Some(file)) => format!("--community-file {}", file.display()),
        _ => format!("--community {default}"),
    };
    let is_given = ask.community_env.is_some() || ask.community_file.is_some();
    if ask.v3_user.is_none() && ask.community.is_none() && !is_given {
        let access = Access::by_communities([default.clone()]);
        return Ok((access, Credential::of_community(Some(default), flags)));
    }
    let (kind, secrets) = secrets::credential(ask)?;
    let CredentialKind::SnmpV3 {
        user,
        auth,
        privacy,
        ..
    } = kind
    else {
        let community = secrets.community.map(|secret| secret.reveal().to_owned());
        let access = Access::by_communities(community.clone());
        let shown = community.filter(|_| !is_given);
        return Ok((access, Credential::of_community(shown, flags)));
    };
    let known = user_of(&user, auth, privacy, &secrets)?;
    let access = Access::by_communities([default.clone()]).with_users([known]);
    let credential = Credential {
        community: Some(default),
        v3_user: Some(user),
        flags,
    };
    Ok((access, credential))
}

fn user_of(
    name: &str,
    auth: Option<AuthProtocol>,
    privacy: Option<PrivacyProtocol>,
    secrets: &CredentialSecrets,
) -> Result<User, UsageError> {
    let phrase = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.reveal().to_owned());
    let (auth_phrase, privacy_phrase) = (phrase(&secrets.auth), phrase(&secrets.privacy));
    let auth = auth.map(collect::auth_protocol).zip(auth_phrase.as_deref());
    let privacy = privacy
        .map(collect::privacy_protocol)
        .zip(privacy_phrase.as_deref());
    User::new(name, auth, privacy).map_err(|error| UsageError(error.to_string()))
}
