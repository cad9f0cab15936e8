//! The one door from a handler to the services: [`Granted`] names a permission and opens only to
//! somebody who has it; [`Open`] is for the few routes that nobody signs in for.

use super::principal::{Basis, Method, Permission, Principal, Role};
use super::{cookie, origin};
use crate::problem::{Answer, Kind, Problem};
use crate::query::PathId;
use crate::services::Services;
use crate::state::State;
use crate::store_problem::of_store;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use model::TriggerId;
use std::marker::PhantomData;
use std::sync::Arc;

/// The header that the key of a scaling trigger is sent in.
const KEY_HEADER: &str = "x-api-key";

/// The state as axum carries it. What is inside is reached only from this file.
#[derive(Clone)]
pub(crate) struct App(Arc<State>);

impl App {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(state))
    }
    /// For the middleware, which is no handler.
    pub(crate) fn observed(&self) -> crate::observe::Observed {
        crate::observe::Observed {
            metrics: self.0.http.clone(),
            request_timeout: self.0.services.options.request_timeout,
        }
    }
    /// The same.
    pub(crate) fn once(&self) -> crate::once::Once {
        crate::once::Once {
            keys: self.0.services.store.idempotency.clone(),
            tasks: self.0.services.tasks.clone(),
            metrics: self.0.once.clone(),
            places: self.0.once_places.clone(),
        }
    }
    /// Who asks, whatever they may do.
    pub(crate) async fn principal(&self, parts: &Parts) -> Answer<Principal> {
        authenticate(&self.0, parts).await
    }
}

/// A permission as a type.
pub(crate) trait Permit: Send + Sync + 'static {
    /// Which.
    const PERMISSION: Permission;
}

/// The permissions as types, named as in [`Permission`].
pub(crate) mod permit {
    use super::{Permission, Permit};

    macro_rules! permits {
        ($($name:ident)*) => {
            $(
                #[doc = concat!("See [`Permission::", stringify!($name), "`].")]
                pub(crate) enum $name {}
                impl Permit for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )*
        };
    }
    permits! { ReadInventory WriteInventory ReadDiscoveries RunDiscoveries ReadCredentials
    WriteCredentials WriteSamples ManageStorage ReadSystem OwnAccount }
}

/// Somebody is signed in and may do `P`.
pub(crate) struct Granted<P> {
    state: Arc<State>,
    /// Who.
    pub(crate) principal: Principal,
    permission: PhantomData<P>,
}

/// Somebody may read the metrics: signed in, or anybody where the operator opened them.
pub(crate) struct Scraper {
    state: Arc<State>,
}

/// Nobody need be signed in: sign-in itself, health, the key set, the page's files.
pub(crate) struct Open {
    state: Arc<State>,
}

impl<P> Granted<P> {
    /// What there is to work with.
    pub(crate) fn services(&self) -> &Services {
        &self.state.services
    }
    /// What is kept between requests.
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }
}

impl Open {
    /// What there is to work with.
    pub(crate) fn services(&self) -> &Services {
        &self.state.services
    }
    /// What is kept between requests.
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }
}

impl Scraper {
    /// What there is to work with.
    pub(crate) fn services(&self) -> &Services {
        &self.state.services
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Scraper
where
    App: FromRef<S>,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &S) -> Answer<Self> {
        let state = App::from_ref(app).0;
        if !state.services.options.open_metrics {
            Granted::<permit::ReadSystem>::from_request_parts(parts, app).await?;
        }
        Ok(Self { state })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Open
where
    App: FromRef<S>,
{
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, state: &S) -> Answer<Self> {
        Ok(Self {
            state: App::from_ref(state).0,
        })
    }
}

impl<S: Send + Sync, P: Permit> FromRequestParts<S> for Granted<P>
where
    App: FromRef<S>,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let state = App::from_ref(state).0;
        let principal = authenticate(&state, parts).await?;
        if !principal.role.may(P::PERMISSION) {
            return Err(Problem::new(
                Kind::Forbidden,
                format!("{} may not do this.", principal.username),
            ));
        }
        Ok(Self {
            state,
            principal,
            permission: PhantomData,
        })
    }
}

/// Somebody may listen to the stream: as [`Granted`], or by a one-time ticket, which opens nothing
/// else.
pub(crate) struct Listener(pub(crate) Granted<permit::ReadInventory>);

impl<S: Send + Sync> FromRequestParts<S> for Listener
where
    App: FromRef<S>,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &S) -> Answer<Self> {
        let Some(ticket) = ticket(parts) else {
            return Granted::from_request_parts(parts, app).await.map(Self);
        };
        let state = App::from_ref(app).0;
        let principal = state
            .tickets
            .redeem(ticket, state.services.clock.now())
            .ok_or_else(|| unauthenticated("The ticket is unknown, was used, or has ended."))?;
        look_again(&state, &principal).await?;
        Ok(Self(Granted {
            state,
            principal,
            permission: PhantomData,
        }))
    }
}

/// Somebody may read the number of one scaling trigger: as [`Granted`], or by the key of the trigger of the path,
/// which opens nothing else.
pub(crate) struct ScalingReader {
    state: Arc<State>,
}

impl ScalingReader {
    /// What there is to work with.
    pub(crate) fn services(&self) -> &Services {
        &self.state.services
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ScalingReader
where
    App: FromRef<S>,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &S) -> Answer<Self> {
        let state = App::from_ref(app).0;
        let Some(given) = parts.headers.get(KEY_HEADER).cloned() else {
            Granted::<permit::ReadInventory>::from_request_parts(parts, app).await?;
            return Ok(Self { state });
        };
        let PathId(id) = PathId::<TriggerId>::from_request_parts(parts, app).await?;
        let key = state.services.store.scaling.key(id);
        // Digests are compared, so that how long it takes says nothing of the key.
        let is_it = given
            .to_str()
            .is_ok_and(|given| cookie::hash(given) == cookie::hash(key.reveal()));
        if is_it {
            Ok(Self { state })
        } else {
            Err(unauthenticated("The key is not that of the trigger."))
        }
    }
}

/// Who asks: a bearer token, else the session cookie.
async fn authenticate(state: &State, parts: &Parts) -> Answer<Principal> {
    if let Some(given) = parts.headers.get(header::AUTHORIZATION) {
        let token = given
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| unauthenticated("Authorization: Bearer TOKEN is expected."))?;
        return by_token(state, token).await;
    }
    let Some(token) = cookie::read(&parts.headers) else {
        return Err(unauthenticated(
            "Send a bearer token, or the session cookie of a sign-in on the page.",
        ));
    };
    let principal = by_session(state, token).await?;
    // A stream is opened by GET, and browsers let any site open one.
    if !parts.method.is_safe() || wants_upgrade(parts) {
        origin::check(
            &parts.headers,
            &parts.uri,
            &state.services.options.allowed_origins,
        )?;
    }
    Ok(principal)
}

async fn by_token(state: &State, token: &str) -> Answer<Principal> {
    let now = state.services.clock.now();
    let hash = cookie::hash(token);
    if let Some(known) = state.principals.get(&hash, now) {
        return Ok(known);
    }
    let before = state.principals.before();
    let claims = state
        .services
        .signer
        .verify(token, now)
        .map_err(|error| unauthenticated(format!("{error}.")))?;
    let issued_at = claims.issued_at();
    let basis = Basis::Token { issued_at };
    let principal = principal_of(state, claims.sub, basis, claims.expires_at()).await?;
    state.principals.keep(before, &hash, principal.clone());
    Ok(principal)
}

async fn by_session(state: &State, token: &str) -> Answer<Principal> {
    let now = state.services.clock.now();
    let token_hash = cookie::hash(token);
    if let Some(known) = state.principals.get(&token_hash, now) {
        return Ok(known);
    }
    let before = state.principals.before();
    let (user_id, expires_at) = session(state, &token_hash).await?;
    let hash = token_hash.clone();
    let basis = Basis::Session { token_hash };
    let principal = principal_of(state, user_id, basis, expires_at).await?;
    state.principals.keep(before, &hash, principal.clone());
    Ok(principal)
}

/// Looks whether somebody who came in earlier would still be let in to look: not where they signed
/// out, changed the password, or may no longer.
pub(crate) async fn look_again(state: &State, principal: &Principal) -> Answer<()> {
    if principal.expires_at <= state.services.clock.now() {
        return Err(unauthenticated("The sign-in has ended."));
    }
    if let Basis::Session { token_hash } = &principal.basis {
        session(state, token_hash).await?;
    }
    let basis = principal.basis.clone();
    let now = principal_of(state, principal.user_id, basis, principal.expires_at).await?;
    if now.role.may(Permission::ReadInventory) {
        return Ok(());
    }
    Err(Problem::new(Kind::Forbidden, "The account may not look."))
}

/// Whose a session is, and when it ends.
async fn session(state: &State, hash: &str) -> Answer<(model::UserId, model::Timestamp)> {
    let sessions = &state.services.store.accounts.sessions;
    let session = sessions.get(hash).await.map_err(of_store)?;
    session
        .map(|session| (session.user_id, session.expires_at))
        .ok_or_else(|| unauthenticated("The session has ended."))
}

/// Somebody by their id, as their account is now.
async fn principal_of(
    state: &State,
    user_id: model::UserId,
    basis: Basis,
    expires_at: model::Timestamp,
) -> Answer<Principal> {
    let account = state
        .services
        .store
        .accounts
        .get(user_id)
        .await
        .map_err(of_store)?
        .map(|stored| stored.body)
        .filter(|account| !account.disabled)
        .ok_or_else(|| unauthenticated("The account is gone or disabled."))?;
    let method = match basis {
        Basis::Token { issued_at } => {
            if account.password_changed_at.is_some_and(|at| issued_at < at) {
                return Err(unauthenticated("The password was changed since."));
            }
            Method::Token
        }
        Basis::Session { .. } => Method::Session,
    };
    let role = Role::strongest(&account.roles)
        .ok_or_else(|| Problem::new(Kind::Forbidden, "The account has no role."))?;
    Ok(Principal {
        user_id,
        username: account.name,
        role,
        method,
        basis,
        expires_at,
    })
}

/// The ticket of a request for an upgrade: browsers cannot set headers on a WebSocket.
fn ticket(parts: &Parts) -> Option<&str> {
    if !wants_upgrade(parts) {
        return None;
    }
    parts
        .uri
        .query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("ticket="))
}

fn wants_upgrade(parts: &Parts) -> bool {
    // HTTP/2 opens a stream by CONNECT (RFC 8441), which no other route takes.
    parts.headers.contains_key(header::UPGRADE) || parts.method == axum::http::Method::CONNECT
}

/// Nobody is signed in.
pub(crate) fn unauthenticated(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::Unauthenticated, detail).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"foretell\""),
    )
}
