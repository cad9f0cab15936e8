//! A credential as an operator writes it, and what is wrong with it.

use super::shape::{CredentialPatch, KindName, parts};
use crate::problem::{Answer, Faults};
use crate::text::objection;
use model::credential::{
    AuthProtocol, Credential, CredentialKind, CredentialSecrets, PrivacyProtocol, Secret,
};

/// Shortest pass phrase of SNMPv3, in characters (RFC 3414 section 11.2).
const PASSPHRASE_LEN_MIN: usize = 8;

/// A credential as it is to be, before it is checked.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) kind: KindName,
    pub(super) user: Option<String>,
    pub(super) auth: Option<AuthProtocol>,
    pub(super) privacy: Option<PrivacyProtocol>,
    pub(super) context: Option<String>,
    pub(super) community: Option<Secret>,
    pub(super) auth_passphrase: Option<Secret>,
    pub(super) privacy_passphrase: Option<Secret>,
}

impl Draft {
    /// The credential as it is kept.
    pub(super) fn of(kept: Credential, secrets: CredentialSecrets) -> Self {
        let (kind, user, auth, privacy, context) = parts(kept.kind);
        Self {
            name: kept.name,
            kind,
            user,
            auth,
            privacy,
            context,
            community: secrets.community,
            auth_passphrase: secrets.auth,
            privacy_passphrase: secrets.privacy,
        }
    }

    /// Puts what is given in the place of what is there.
    pub(super) fn apply(&mut self, patch: CredentialPatch) {
        if let Some(name) = patch.name {
            self.name = name;
        }
        if let Some(user) = patch.user {
            self.user = Some(user);
        }
        if let Some(auth) = patch.auth {
            self.auth = auth;
            if auth.is_none() {
                self.auth_passphrase = None;
            }
        }
        if let Some(privacy) = patch.privacy {
            self.privacy = privacy;
            if privacy.is_none() {
                self.privacy_passphrase = None;
            }
        }
        if let Some(context) = patch.context {
            self.context = context;
        }
        for (kept, given) in [
            (&mut self.community, patch.community),
            (&mut self.auth_passphrase, patch.auth_passphrase),
            (&mut self.privacy_passphrase, patch.privacy_passphrase),
        ] {
            if let Some(given) = given {
                *kept = Some(Secret::new(given));
            }
        }
    }

    /// Checks it and takes it apart into what is kept.
    pub(super) fn finish(mut self) -> Answer<(String, CredentialKind, CredentialSecrets)> {
        let mut faults = Faults::default();
        self.name = self.name.trim().to_owned();
        if self.name.is_empty() {
            faults.add("/name", "a name is needed");
        } else if let Some(objection) = objection(&self.name) {
            faults.add("/name", objection);
        }
        if self.kind == KindName::SnmpV3 {
            self.check_v3(&mut faults);
        } else {
            self.check_community(&mut faults);
        }
        faults.into_result()?;
        let kind = match self.kind {
            KindName::SnmpV1 => CredentialKind::SnmpV1,
            KindName::SnmpV2c => CredentialKind::SnmpV2c,
            KindName::SnmpV3 => CredentialKind::SnmpV3 {
                user: self.user.unwrap_or_default(),
                auth: self.auth,
                privacy: self.privacy,
                context: self.context.unwrap_or_default(),
            },
        };
        let secrets = CredentialSecrets {
            community: self.community,
            auth: self.auth_passphrase,
            privacy: self.privacy_passphrase,
        };
        Ok((self.name, kind, secrets))
    }

    fn check_community(&self, faults: &mut Faults) {
        match &self.community {
            None => faults.add("/community", "a community is needed"),
            Some(given) if given.reveal().is_empty() => {
                faults.add("/community", "a community is needed");
            }
            Some(given) => {
                if let Some(objection) = objection(given.reveal()) {
                    faults.add("/community", objection);
                }
            }
        }
        for (pointer, given) in [
            ("/user", self.user.is_some()),
            ("/auth", self.auth.is_some()),
            ("/auth_passphrase", self.auth_passphrase.is_some()),
            ("/privacy", self.privacy.is_some()),
            ("/privacy_passphrase", self.privacy_passphrase.is_some()),
            (
                "/context",
                self.context.as_deref().is_some_and(|c| !c.is_empty()),
            ),
        ] {
            if given {
                faults.add(pointer, "it is for snmp_v3 only");
            }
        }
    }

    fn check_v3(&self, faults: &mut Faults) {
        let user = self.user.as_deref().unwrap_or_default();
        // SnmpAdminString (SIZE(1..32)) of usmUserName. Source: RFC 3414.
        if user.is_empty() || user.len() > 32 {
            faults.add("/user", "a user of 1 to 32 octets is needed");
        } else if let Some(objection) = objection(user) {
            faults.add("/user", objection);
        }
        if let Some(objection) = self.context.as_deref().and_then(objection) {
            faults.add("/context", objection);
        }
        if self.community.is_some() {
            faults.add("/community", "it is for snmp_v1 and snmp_v2c only");
        }
        if self.privacy.is_some() && self.auth.is_none() {
            faults.add("/privacy", "privacy needs authentication");
        }
        check_passphrase(
            ("/auth_passphrase", "/auth"),
            self.auth.is_some(),
            self.auth_passphrase.as_ref(),
            faults,
        );
        check_passphrase(
            ("/privacy_passphrase", "/privacy"),
            self.privacy.is_some(),
            self.privacy_passphrase.as_ref(),
            faults,
        );
    }
}

fn check_passphrase(
    (pointer, protocol): (&str, &str),
    needed: bool,
    given: Option<&Secret>,
    faults: &mut Faults,
) {
    match given.map(Secret::reveal) {
        None if needed => faults.add(pointer, "a pass phrase is needed"),
        Some(_) if !needed => faults.add(pointer, format!("{protocol} names no protocol for it")),
        // RFC 3414 section 11.2.
        Some(text) if text.chars().count() < PASSPHRASE_LEN_MIN => faults.add(
            pointer,
            format!("at least {PASSPHRASE_LEN_MIN} characters are needed"),
        ),
        Some(text) => {
            if let Some(objection) = objection(text) {
                faults.add(pointer, objection);
            }
        }
        None => {}
    }
}
