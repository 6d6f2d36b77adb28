//! `/openapi.json` and `/docs`: the contract, and a page to try it on. The page
//! is part of the binary; nothing is downloaded.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::Config;

use crate::{Code, Problem};

/// The security scheme that routes name: `security(("user_id" = []))`.
pub const USER_ID: &str = "user_id";

/// A document with the parts that all services share: the security scheme
/// [`USER_ID`] and the schema of a problem. Build on it with
/// `utoipa_axum::router::OpenApiRouter::with_openapi`.
pub fn base(title: &str, version: &str, description: &str) -> OpenApi {
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "X-User-Id",
        "The demonstration's identity: 1 to 64 of A-Za-z0-9._-, believed as it is.",
    )));
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(title)
                .version(version)
                .description(Some(description))
                .build(),
        )
        .components(Some(
            ComponentsBuilder::new()
                .schemas_from_iter(schemas)
                .security_scheme(USER_ID, scheme)
                .build(),
        ))
        .build()
}

/// Puts the paths and components of `others` into `into`, whose title stays.
pub fn merge(mut into: OpenApi, others: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    for other in others {
        into.merge(other);
    }
    into
}

/// Serves one document.
pub fn routes(document: OpenApi) -> Router {
    let document = Arc::new(document);
    routes_from(move || {
        let document = OpenApi::clone(&document);
        async move { Ok(document) }
    })
}

/// Serves a document that is made when it is asked for, such as the gateway's,
/// which asks the services for theirs.
pub fn routes_from<F, W>(document: F) -> Router
where
    F: Fn() -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<OpenApi, Problem>> + Send + 'static,
{
    let json = get(async move || {
        let text = document().await?.to_json();
        let text = text.map_err(|error| Problem::internal(&error))?;
        Ok::<_, Problem>(([(CONTENT_TYPE, "application/json")], text))
    });
    Router::new()
        .route("/openapi.json", json)
        // Relative, so that it holds behind a gateway that adds a prefix.
        .route("/docs", get(|| redirect("docs/")))
        .route("/docs/", get(|| page("index.html".to_owned())))
        .route("/docs/{*file}", get(|Path(file): Path<String>| page(file)))
}

async fn redirect(to: &'static str) -> (StatusCode, [(HeaderName, &'static str); 1]) {
    (StatusCode::SEE_OTHER, [(LOCATION, to)])
}

async fn page(file: String) -> Response {
    // Without `none` the page would show a badge from validator.swagger.io.
    let config = Config::from("../openapi.json")
        .try_it_out_enabled(true)
        .validator_url("none");
    match utoipa_swagger_ui::serve(&file, Arc::new(config)) {
        Ok(Some(found)) => (
            [(CONTENT_TYPE, found.content_type)],
            found.bytes.into_owned(),
        )
            .into_response(),
        Ok(None) => Problem::new(Code::NotFound, "there is no such page").into_response(),
        Err(error) => Problem::internal(error.as_ref()).into_response(),
    }
}
