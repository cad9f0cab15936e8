//! The 43 modes of SNMPv3 that net-snmp and we speak: without protection, and each of six hashes
//! alone and with each of six ciphers.
//!
//! Six modes of ours are not net-snmp's: 3DES with each of the six hashes, for it has no 3DES. The
//! simulator's agents are asked with that in the tests of their crate.

use foretell_snmp::{AuthProtocol, Credentials, PrivacyProtocol, User};
use std::fmt::Write as _;

pub(crate) const AUTH_PHRASE: &str = "a phrase of the test";
pub(crate) const PRIVACY_PHRASE: &str = "another one for privacy";

const AUTHS: [(AuthProtocol, &str); 6] = [
    (AuthProtocol::Md5, "MD5"),
    (AuthProtocol::Sha1, "SHA"),
    (AuthProtocol::Sha224, "SHA-224"),
    (AuthProtocol::Sha256, "SHA-256"),
    (AuthProtocol::Sha384, "SHA-384"),
    (AuthProtocol::Sha512, "SHA-512"),
];
/// Keys that are longer than a hash are extended as draft-blumenthal-aes-usm-04 says, and those of
/// the last two as draft-reeder-snmpv3-usm-3desede-00 does.
const PRIVACIES: [(PrivacyProtocol, &str); 6] = [
    (PrivacyProtocol::Des, "DES"),
    (PrivacyProtocol::Aes128, "AES"),
    (PrivacyProtocol::Aes192, "AES-192"),
    (PrivacyProtocol::Aes256, "AES-256"),
    (PrivacyProtocol::Aes192c, "AES-192-C"),
    (PrivacyProtocol::Aes256c, "AES-256-C"),
];

/// One of them, each protocol with net-snmp's name for it.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) auth: Option<(AuthProtocol, &'static str)>,
    pub(crate) privacy: Option<(PrivacyProtocol, &'static str)>,
}

/// All of them.
pub(crate) fn all() -> Vec<Mode> {
    let mut modes = vec![Mode {
        auth: None,
        privacy: None,
    }];
    for auth in AUTHS.map(Some) {
        modes.push(Mode {
            auth,
            privacy: None,
        });
        modes.extend(PRIVACIES.map(Some).map(|privacy| Mode { auth, privacy }));
    }
    assert_eq!(modes.len(), 43);
    modes
}

/// The one of this name.
pub(crate) fn named(name: &str) -> Mode {
    let mut modes = all().into_iter();
    modes.find(|mode| mode.name() == name).unwrap()
}

impl Mode {
    /// A name that a user may have.
    pub(crate) fn name(self) -> String {
        match (self.auth, self.privacy) {
            (None, _) => "plain".to_owned(),
            (Some((_, auth)), None) => auth.to_owned(),
            (Some((_, auth)), Some((_, privacy))) => format!("{auth}+{privacy}"),
        }
    }

    /// The security level as net-snmp's programs spell it.
    pub(crate) fn level(self) -> &'static str {
        match (self.auth, self.privacy) {
            (None, _) => "noAuthNoPriv",
            (Some(_), None) => "authNoPriv",
            (Some(_), Some(_)) => "authPriv",
        }
    }

    /// A user of ours in this mode.
    pub(crate) fn user(self, name: &str, context: &str) -> Credentials {
        let auth = self.auth.map(|(it, _)| (it, AUTH_PHRASE.into()));
        let privacy = self.privacy.map(|(it, _)| (it, PRIVACY_PHRASE.into()));
        Credentials::V3(User::new(name, auth, privacy, context).unwrap())
    }

    /// Arguments by which net-snmp's programs are that user.
    pub(crate) fn arguments(self, name: &str) -> Vec<&str> {
        let mut arguments = vec!["-v3", "-u", name, "-l", self.level()];
        if let Some((_, auth)) = self.auth {
            arguments.extend(["-a", auth, "-A", AUTH_PHRASE]);
        }
        if let Some((_, privacy)) = self.privacy {
            arguments.extend(["-x", privacy, "-X", PRIVACY_PHRASE]);
        }
        arguments
    }

    /// A line of snmpd's configuration that makes that user.
    pub(crate) fn create_user(self, name: &str) -> String {
        let mut line = format!("createUser {name}");
        for (protocol, phrase) in [
            (self.auth.map(|it| it.1), AUTH_PHRASE),
            (self.privacy.map(|it| it.1), PRIVACY_PHRASE),
        ] {
            if let Some(protocol) = protocol {
                write!(line, " {protocol} \"{phrase}\"").unwrap();
            }
        }
        line
    }
}
