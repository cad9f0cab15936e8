//! Signing in and out, and one's own account.

use crate::auth::cookie;
use crate::auth::gate::{Granted, Open, permit};
use crate::auth::limit::Standing;
use crate::auth::origin;
use crate::auth::password;
use crate::auth::principal::{Method, Permission, Role};
use crate::body::Body;
use crate::problem::{Answer, Faults, Kind, Problem};
use crate::store_problem::of_store;
use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use model::credential::Secret;
use model::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use store::accounts::Account;

/// A name and a password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The name to sign in with.
    #[schema(example = "admin")]
    username: String,
    /// The password.
    #[schema(write_only, format = Password)]
    password: String,
}

/// A token.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Token {
    /// To be sent as `Authorization: Bearer TOKEN`.
    #[serde(rename = "token")]
    text: String,
    /// `Bearer`.
    #[serde(rename = "token_type")]
    kind: &'static str,
    /// When it ends.
    expires_at: Timestamp,
}

/// Who is signed in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Me {
    /// The person.
    user_id: UserId,
    /// The name they sign in with.
    username: String,
    /// What they may do, in a word.
    role: Role,
    /// What they may do.
    permissions: Vec<Permission>,
    /// How they showed who they are.
    method: Method,
    /// When that ends.
    expires_at: Timestamp,
}

/// A change of password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password as it is.
    #[schema(write_only, format = Password)]
    current_password: String,
    /// The password as it is to be, at least 8 characters.
    #[schema(write_only, format = Password, min_length = 8)]
    new_password: String,
}

/// Where a request came from; the loopback where the server does not say.
pub(crate) struct Peer(IpAddr);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(
            address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip()),
        ))
    }
}

/// Signs in for a token of 15 minutes.
#[utoipa::path(post, path = "/auth/login", tag = "auth", operation_id = "login",
    security(()),
    request_body = SignIn,
    responses((status = 200, description = "The token.", body = Token)))]
pub(crate) async fn login(
    open: Open,
    Peer(peer): Peer,
    Body(body): Body<SignIn>,
) -> Answer<Response> {
    let (account, standing) = sign_in(&open, peer, body).await?;
    let services = open.services();
    let role = role_of(&account)?;
    let (text, expires_at) = services
        .signer
        .issue(
            account.id,
            &account.name,
            role,
            services.clock.now(),
            services.options.token_lifetime,
        )
        .map_err(|error| Problem::internal("issuing a token", &error))?;
    let token = Token {
        text,
        kind: "Bearer",
        expires_at,
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, standing.headers(), Json(token)).into_response())
}

/// Signs in for a session of this browser: the answer sets the cookie `foretell_session`.
#[utoipa::path(post, path = "/auth/session", tag = "auth", operation_id = "open_session",
    security(()),
    request_body = SignIn,
    responses((status = 200, description = "Signed in; who it is.", body = Me,
        headers(("Set-Cookie" = String, description = "`foretell_session`, HttpOnly, SameSite=Strict.")))))]
pub(crate) async fn open_session(
    open: Open,
    Peer(peer): Peer,
    headers: HeaderMap,
    uri: Uri,
    Body(body): Body<SignIn>,
) -> Answer<Response> {
    let services = open.services();
    // Another site must not sign a browser in under a name of its choice.
    if headers.contains_key(header::ORIGIN) {
        origin::check(&headers, &uri, &services.options.allowed_origins)?;
    }
    let (account, standing) = sign_in(&open, peer, body).await?;
    let role = role_of(&account)?;
    let token =
        cookie::new_token().map_err(|error| Problem::internal("making a session", &error))?;
    let lifetime = services.options.session_lifetime;
    let session = services
        .store
        .accounts
        .sessions
        .create(
            cookie::hash(&token),
            account.id,
            services.clock.now().plus(lifetime),
        )
        .await
        .map_err(of_store)?;
    let me = me(
        account.id,
        account.name,
        role,
        Method::Session,
        session.expires_at,
    );
    let answer = (standing.headers(), Json(me)).into_response();
    with_cookie(&open, &token, lifetime, answer)
}

/// Signs this browser out. Without a session nothing happens.
#[utoipa::path(delete, path = "/auth/session", tag = "auth", operation_id = "close_session",
    responses((status = 204, description = "Signed out.")))]
pub(crate) async fn close_session(
    granted: Granted<permit::OwnAccount>,
    open: Open,
    headers: HeaderMap,
) -> Answer<Response> {
    if let Some(token) = cookie::read(&headers) {
        let hash = cookie::hash(token);
        let sessions = &granted.services().store.accounts.sessions;
        sessions.delete(&hash).await.map_err(of_store)?;
        granted.state().principals.forget_all();
    }
    let gone = StatusCode::NO_CONTENT.into_response();
    with_cookie(&open, "", Duration::ZERO, gone)
}

/// Says who is signed in.
#[utoipa::path(get, path = "/auth/me", tag = "auth", operation_id = "get_me",
    responses((status = 200, description = "Who it is, and what they may do.", body = Me)))]
pub(crate) async fn get_me(granted: Granted<permit::OwnAccount>) -> Json<Me> {
    let who = granted.principal;
    Json(me(
        who.user_id,
        who.username,
        who.role,
        who.method,
        who.expires_at,
    ))
}

/// Changes one's own password, and signs out everywhere else and here.
#[utoipa::path(post, path = "/auth/password", tag = "auth", operation_id = "change_password",
    request_body = PasswordChange,
    responses((status = 204, description = "Changed; sign in again.")))]
pub(crate) async fn change_password(
    granted: Granted<permit::OwnAccount>,
    Peer(peer): Peer,
    Body(body): Body<PasswordChange>,
) -> Answer<StatusCode> {
    let state = granted.state();
    let services = granted.services();
    let accounts = &services.store.accounts;
    let current = Secret::new(body.current_password);
    let new = Secret::new(body.new_password);
    if let Some(objection) = password::objection(new.reveal()) {
        let mut faults = Faults::default();
        faults.add("/new_password", objection);
        faults.into_result()?;
    }
    limit(granted.state(), peer, &granted.principal.username)?;
    let stored = accounts
        .get(granted.principal.user_id)
        .await
        .map_err(of_store)?
        .ok_or_else(|| Problem::not_found("account", granted.principal.user_id))?;
    let hash = stored.body.password_hash.clone();
    if !state.passwords.check(current, Some(hash)).await? {
        state.sign_in.refused.inc();
        return Err(Problem::field(
            Kind::Forbidden,
            "/current_password",
            "it is not the password",
        ));
    }
    let new = state.passwords.hash(new).await?;
    accounts.set_password(stored, new).await.map_err(of_store)?;
    state.principals.forget_all();
    Ok(StatusCode::NO_CONTENT)
}

/// The account of a name and a password. An unknown name takes as long as a wrong password.
async fn sign_in(open: &Open, peer: IpAddr, body: SignIn) -> Answer<(Account, Standing)> {
    let state = open.state();
    let password = Secret::new(body.password);
    let standing = limit(state, peer, &body.username)?;
    let wrong = || wrong().with_headers(standing.headers());
    if password.reveal().len() > password::PASSWORD_LEN_MAX {
        state.sign_in.refused.inc();
        return Err(wrong());
    }
    let account = open
        .services()
        .store
        .accounts
        .named(&body.username)
        .await
        .map_err(of_store)?
        .map(|stored| stored.body)
        .filter(|account| !account.disabled);
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let right = state
        .passwords
        .check(password, hash)
        .await
        .inspect_err(|_| {
            state.sign_in.busy.inc();
        })?;
    match account {
        Some(account) if right => {
            state.sign_in.accepted.inc();
            tracing::info!(user = %account.name, %peer, "signed in");
            Ok((account, standing))
        }
        _ => {
            state.sign_in.refused.inc();
            // The name stays out of the log: people type passwords into the wrong field.
            tracing::warn!(%peer, "a sign-in was refused");
            Err(wrong())
        }
    }
}

fn limit(state: &crate::state::State, peer: IpAddr, name: &str) -> Answer<Standing> {
    state.limits.check(peer, name).map_err(|standing| {
        state.sign_in.limited.inc();
        Problem::new(
            Kind::TooMany,
            "Too many tries to sign in; wait before the next.",
        )
        .retry_after(standing.again())
        .with_headers(standing.headers())
    })
}

fn wrong() -> Problem {
    Problem::new(
        Kind::BadPassword,
        "No account has this name and this password.",
    )
    .header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"foretell\""),
    )
}

fn role_of(account: &Account) -> Answer<Role> {
    Role::strongest(&account.roles)
        .ok_or_else(|| Problem::new(Kind::Forbidden, "The account has no role."))
}

fn me(user_id: UserId, username: String, role: Role, method: Method, expires_at: Timestamp) -> Me {
    Me {
        user_id,
        username,
        role,
        permissions: Permission::ALL
            .into_iter()
            .filter(|permission| role.may(*permission))
            .collect(),
        method,
        expires_at,
    }
}

fn with_cookie(
    open: &Open,
    token: &str,
    lifetime: Duration,
    mut response: Response,
) -> Answer<Response> {
    let secure = open.services().options.secure_cookie;
    let value = cookie::set(token, lifetime, secure)
        .ok_or_else(|| Problem::new(Kind::Internal, "The cookie could not be written."))?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(response)
}
