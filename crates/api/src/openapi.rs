//! The OpenAPI document: made from the handlers, then given what every operation has in common.

use crate::auth::gate::App;
use crate::once::{KEY_LEN_MAX, takes_key};
use crate::page::CURSOR_LEN_MAX;
use crate::problem::ProblemBody;
use crate::routes;
use utoipa::OpenApi as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, Response};
use utoipa_axum::router::OpenApiRouter;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Foretell",
        description = "Watches networks: devices, interfaces, links, and what is measured of them.\n\n\
            Times are RFC 3339, ids are UUIDs, lists are pages of `items` with a `next_cursor`. A \
            change names the revision it is made to by `If-Match`. Errors are problems (RFC 9457). \
            What happens is told on `/api/v1/stream`, which `asyncapi.yaml` describes.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This server.")),
    components(schemas(ProblemBody)),
    tags(
        (name = "auth", description = "Signing in and out."),
        (name = "devices", description = "Devices and what they are made of."),
        (name = "interfaces", description = "Interfaces and what they carry."),
        (name = "topology", description = "Neighbours, links, and the health of the whole."),
        (name = "logs", description = "Lines that devices send by syslog."),
        (name = "series", description = "What is measured."),
        (name = "reports", description = "How things were over a period, beside the one before."),
        (name = "flows", description = "Traffic as NetFlow, IPFIX and sFlow tell of it."),
        (name = "foresight", description = "What is expected, what was not, when limits are reached, and how good that was."),
        (name = "discoveries", description = "Finding devices."),
        (name = "checks", description = "Checks of services."),
        (name = "credentials", description = "What devices are asked with."),
        (name = "profiles", description = "What can be asked of makes of devices."),
        (name = "storage", description = "How long samples are kept."),
        (name = "backups", description = "Copies of all that is kept."),
        (name = "archive", description = "Days that are over, as Parquet elsewhere."),
        (name = "jobs", description = "Long work that was asked for."),
        (name = "stream", description = "What happens, as it happens."),
        (name = "system", description = "This server."),
    ),
)]
struct Base;

/// The OpenAPI 3.1 document of the whole API.
pub fn openapi() -> OpenApi {
    with_routes().1
}

/// The routes and the document that they make.
pub(crate) fn with_routes() -> (axum::Router<App>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Base::openapi())
        .merge(routes::root())
        .nest("/api/v1", routes::api())
        .split_for_parts();
    // The document describes the API, whose version is in its path; a release changes nothing.
    "1".clone_into(&mut document.info.version);
    add_security(&mut document);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.put,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            add_problems(path, operation);
            operation
                .parameters
                .iter_mut()
                .flatten()
                .for_each(add_pattern);
        }
        if let Some(operation) = item.post.as_mut().filter(|_| takes_key(path)) {
            add_key(operation);
        }
    }
    (router, document)
}

fn add_security(document: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token by `POST /api/v1/auth/login`."))
        .build();
    let cookie = ApiKeyValue::with_description(
        crate::auth::cookie::NAME,
        "The session of a browser by `POST /api/v1/auth/session`; changes need the page's Origin.",
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let none: [&str; 0] = [];
    document.security = Some(vec![
        SecurityRequirement::new("token", none),
        SecurityRequirement::new("session", none),
    ]);
}

/// What a parameter of that name looks like wherever it is taken.
fn add_pattern(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else {
        return;
    };
    let (pattern, len_max) = match parameter.name.as_str() {
        "sort" => ("^-?[a-z_]+$", None),
        "cursor" => ("^[A-Za-z0-9_-]+$", Some(CURSOR_LEN_MAX)),
        "If-Match" => (r#"^(\*|"[0-9]+")$"#, None),
        _ => return,
    };
    let described = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .max_length(len_max)
        .build();
    parameter.schema = Some(described.into());
}

/// The problems that an operation may answer, by what it takes.
fn add_problems(path: &str, operation: &mut Operation) {
    let open = operation.security.is_some();
    let has_body = operation.request_body.is_some();
    let conditional =
        operation.parameters.iter().flatten().any(
            |parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "If-Match"),
        );
    let has_query = operation
        .parameters
        .as_ref()
        .is_some_and(|all| !all.is_empty());
    let signs_in = open && has_body;
    let rows = [
        ("400", has_body || has_query, "The request cannot be read."),
        ("401", !open || signs_in, "Nobody is signed in."),
        ("403", !open || signs_in, "Not permitted."),
        ("404", path.contains('{'), "There is no such thing."),
        (
            "409",
            has_body || conditional,
            "The present state does not allow this.",
        ),
        ("412", conditional, "It was changed meanwhile."),
        ("413", has_body, "The body is too large."),
        ("415", has_body, "The media type is not taken."),
        ("422", has_body, "Fields are wrong."),
        ("428", conditional, "If-Match is missing."),
        (
            "429",
            (path.contains("/auth/") && has_body)
                || operation.operation_id.as_deref() == Some("start_discovery"),
            "Too many at a time; Retry-After says when to come again.",
        ),
        ("default", true, "Any other failure."),
    ];
    for (status, applies, description) in rows {
        if applies && !operation.responses.responses.contains_key(status) {
            operation
                .responses
                .responses
                .insert(status.to_owned(), RefOr::T(problem(description)));
        }
    }
}

/// The header by which a POST is done once, and what is answered where it cannot be.
fn add_key(operation: &mut Operation) {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_LEN_MAX))
        .build();
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A name of the client's for this request, as a UUID. Sent again under the same name it \
             is not done again; the first answer is given for 24 hours.",
        ))
        .schema(Some(schema))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(key));
    for (status, description) in [
        ("400", "The request cannot be read."),
        (
            "409",
            "The present state does not allow this, or the request of this key is at work.",
        ),
        (
            "422",
            "Fields are wrong, or the key stands for another request.",
        ),
    ] {
        let response = RefOr::T(problem(description));
        operation
            .responses
            .responses
            .insert(status.to_owned(), response);
    }
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean)))
                .description(Some("`true` where this answer was given before."))
                .build();
            response
                .headers
                .insert("Idempotency-Replayed".to_owned(), RefOr::T(header));
        }
    }
}

fn problem(description: &str) -> Response {
    let mut response = Response::new(description);
    let schema = Ref::from_schema_name("Problem");
    response.content.insert(
        crate::problem::MEDIA_TYPE.to_owned(),
        RefOr::T(Content::new(Some(schema))),
    );
    response
}
