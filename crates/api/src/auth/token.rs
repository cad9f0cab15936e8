//! Tokens: short EdDSA JWTs (RFC 7519, RFC 8037), and the key they are signed with.
//!
//! Whether the person still exists and may do what is asked is decided where a token is used.

use super::eddsa;
use super::principal::Role;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use zeroize::Zeroizing;

/// Who issues our tokens, and for whom: a token of another program signed by chance with the same
/// key is refused.
const ISSUER: &str = "foretell";
const AUDIENCE: &str = "foretell-api";

/// Longest token that is looked at, in bytes; ours have under 500.
const TOKEN_LEN_MAX: usize = 2_048;

/// Signs and checks tokens with one Ed25519 key.
pub struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    jwk: Jwk,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    iss: String,
    /// For whom.
    aud: String,
    /// The person.
    pub sub: UserId,
    /// The name they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When it was issued, in milliseconds, so that a changed password refuses what came before.
    pub iat_ms: i64,
    /// When it was issued, in seconds (RFC 7519).
    iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
}

impl Claims {
    /// When it was issued.
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.iat_ms)
    }
    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.exp.saturating_mul(1_000))
    }
}

/// The public key, as `/.well-known/jwks.json` shows it (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// The public key, base64url.
    x: String,
    /// RFC 7638 thumbprint.
    kid: String,
    /// `EdDSA`.
    alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
}

impl Jwk {
    /// RFC 7638 thumbprint, by which tokens name the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// A token was not one of ours, or is no longer good.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Longer than any of ours.
    #[error("the token has {len} bytes")]
    Long {
        /// Its length.
        len: usize,
    },
    /// Not signed by us, or not in the form of ours.
    #[error("the token is not one of ours")]
    Foreign {
        /// What the library says.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// It has ended.
    #[error("the token ended at {at}")]
    Expired {
        /// When.
        at: Timestamp,
    },
}

impl Signer {
    /// A signer with the 32-byte seed of an Ed25519 key (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        eddsa::install();
        let public = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
        let x = URL_SAFE_NO_PAD.encode(public.as_bytes());
        // RFC 7638 section 3: the required members in lexicographic order, without white space.
        let thumbprint =
            Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.clone());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The end is compared with our one clock, not with the library's.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_ed_der(seed.as_slice()),
            decoding: DecodingKey::from_ed_der(public.as_bytes()),
            header,
            validation,
            jwk: Jwk {
                kty: "OKP",
                crv: "Ed25519",
                x,
                kid,
                alg: "EdDSA",
                usage: "sig",
            },
        }
    }

    /// A signer whose key lives as long as the process, for tests.
    pub fn ephemeral() -> Self {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut_slice()).expect("the system gives random bytes");
        Self::from_seed(&seed)
    }

    /// The public key.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// A token for a person from `now` for `lifetime`, and when it ends.
    pub fn issue(
        &self,
        user: UserId,
        name: &str,
        role: Role,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<(String, Timestamp), TokenError> {
        let exp = now.plus(lifetime).unix_ms().div_euclid(1_000);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            name: name.to_owned(),
            role,
            iat_ms: now.unix_ms(),
            iat: now.unix_ms().div_euclid(1_000),
            exp,
        };
        let token = jsonwebtoken::encode(&self.header, &claims, &self.encoding)
            .map_err(|source| TokenError::Foreign { source })?;
        Ok((token, claims.expires_at()))
    }

    /// What a token says, where it is ours and good at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(TokenError::Long { len: token.len() });
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|source| TokenError::Foreign { source })?
            .claims;
        if claims.expires_at() <= now {
            return Err(TokenError::Expired {
                at: claims.expires_at(),
            });
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.1 to A.3: the key, and its thumbprint.
    #[test]
    fn thumbprint_of_rfc_8037() {
        let seed: [u8; 32] = URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .unwrap()
            .try_into()
            .unwrap();
        let signer = Signer::from_seed(&Zeroizing::new(seed));
        assert_eq!(
            signer.jwk().x,
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
        assert_eq!(
            signer.jwk().kid,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn tokens_are_checked() {
        let (ours, theirs) = (Signer::ephemeral(), Signer::ephemeral());
        let now = Timestamp::from_unix_ms(1_772_366_400_250);
        let user = UserId::new();
        let life = Duration::from_mins(15);
        let (token, ends) = ours.issue(user, "admin", Role::Admin, now, life).unwrap();
        assert_eq!(ends.since(now).as_secs(), 899);
        let claims = ours.verify(&token, now).unwrap();
        assert_eq!((claims.sub, claims.name.as_str()), (user, "admin"));
        assert_eq!(claims.issued_at(), now);
        assert!(ours.verify(&token, ends).is_err(), "ended");
        assert!(theirs.verify(&token, now).is_err(), "another key");
        let (head, rest) = token.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for bad in [
            String::new(),
            "a.b.c".to_owned(),
            format!("{head}.{body}."),
            format!("{unsigned}.{body}."),
            format!("{head}.{body}x.{signature}"),
            "x".repeat(5_000),
        ] {
            assert!(ours.verify(&bad, now).is_err(), "{bad}");
        }
    }
}
