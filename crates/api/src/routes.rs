//! The one list of routes, and what every request passes on its way to them. `openapi.json` is made of this list, so
//! the two cannot drift apart.

use crate::catalog::views;
use crate::own::{drafts, events, find, manifest, runlog, session, timeline};
use crate::problem::{About, Failed, JSON, Problem, render};
use crate::schemas::{descriptors, rpc};
use crate::{
    App, access, actions, audit, catalog, clients, configs, connections, dataprep, demo, explore, export, flows, ims,
    ingestion, labels, leftover, observability, own, pages, runs, sandboxes, schemas, shapes, sourceconnections, specs,
    targetconnections, webhooks,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use forebay_model::error::Kind;
use forebay_model::{Error, code};
use forebay_store::audit::follow;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use serde_json::Value;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every operation, and the document that describes them.
fn operations() -> OpenApiRouter<App> {
    let flow_service = OpenApiRouter::new()
        .routes(routes!(specs::list_connection_specs, specs::create_connection_spec))
        .routes(routes!(specs::get_connection_spec, specs::put_connection_spec))
        .routes(routes!(explore::explore_connection_spec))
        .routes(routes!(configs::get_connection_spec_configs))
        .routes(routes!(specs::list_flow_specs, specs::create_flow_spec))
        .routes(routes!(specs::search_flow_specs))
        .routes(routes!(specs::get_flow_spec, specs::put_flow_spec))
        .routes(routes!(connections::list_connections, connections::create_connection))
        .routes(routes!(connections::get_connection, connections::patch_connection, connections::delete_connection))
        .routes(routes!(connections::test_connection))
        .routes(routes!(connections::search_connections))
        .routes(routes!(connections::get_connection_configs))
        .routes(routes!(explore::explore_connection))
        .routes(routes!(actions::act_on_connection))
        .routes(routes!(actions::act_on_source_connection))
        .routes(routes!(actions::act_on_target_connection))
        .routes(routes!(sourceconnections::list_source_connections, sourceconnections::create_source_connection))
        .routes(routes!(
            sourceconnections::get_source_connection,
            sourceconnections::patch_source_connection,
            sourceconnections::delete_source_connection
        ))
        .routes(routes!(targetconnections::list_target_connections, targetconnections::create_target_connection))
        .routes(routes!(
            targetconnections::get_target_connection,
            targetconnections::patch_target_connection,
            targetconnections::delete_target_connection
        ))
        .routes(routes!(flows::list_flows, flows::create_flow))
        .routes(routes!(flows::get_flow, flows::patch_flow, flows::delete_flow))
        .routes(routes!(flows::search_flows))
        .routes(routes!(flows::list_flow_runs))
        .routes(routes!(actions::act_on_flow))
        .routes(routes!(runs::list_runs, runs::create_run))
        .routes(routes!(runs::get_run, runs::put_run))
        .routes(routes!(actions::act_on_run));
    let sandboxes = OpenApiRouter::new()
        .routes(routes!(sandboxes::list_my_sandboxes))
        .routes(routes!(sandboxes::list_sandboxes, sandboxes::create_sandbox))
        .routes(routes!(
            sandboxes::get_sandbox,
            sandboxes::patch_sandbox,
            sandboxes::reset_sandbox,
            sandboxes::delete_sandbox
        ))
        .routes(routes!(sandboxes::list_sandbox_types));
    let registry = OpenApiRouter::new()
        .routes(routes!(schemas::get_stats))
        .routes(routes!(schemas::list_tenant_schemas, schemas::create_schema))
        .routes(routes!(schemas::list_global_schemas))
        .routes(routes!(descriptors::list_tenant_descriptors, descriptors::create_descriptor))
        .routes(routes!(descriptors::list_global_descriptors))
        .routes(routes!(descriptors::get_descriptor, descriptors::put_descriptor, descriptors::delete_descriptor))
        .routes(routes!(schemas::get_tenant_schema, schemas::put_schema, schemas::patch_schema, schemas::delete_schema))
        .routes(routes!(schemas::get_global_schema))
        .routes(routes!(rpc::export_schema))
        .routes(routes!(rpc::import_schemas))
        .routes(routes!(rpc::sample_schema))
        .routes(routes!(rpc::audit_schema));
    let catalog = OpenApiRouter::new()
        .routes(routes!(catalog::list_data_sets, catalog::create_data_set))
        .routes(routes!(
            catalog::get_data_set,
            catalog::put_data_set,
            catalog::patch_data_set,
            catalog::delete_data_set
        ))
        .routes(routes!(catalog::patch_data_set_v2))
        .routes(routes!(views::list_views))
        .routes(routes!(views::get_view))
        .routes(routes!(views::list_view_files))
        .routes(routes!(views::list_last_batches))
        .routes(routes!(views::list_tags))
        .routes(routes!(views::list_everything))
        .routes(routes!(catalog::list_batches))
        .routes(routes!(catalog::get_batch));
    let access = OpenApiRouter::new()
        .routes(routes!(export::list_batch_files))
        .routes(routes!(export::list_failed_files))
        .routes(routes!(export::get_batch_meta))
        .routes(routes!(export::get_file))
        .routes(routes!(export::preview_data_set));
    let labels = OpenApiRouter::new().routes(routes!(
        labels::get_data_set_labels,
        labels::create_data_set_labels,
        labels::put_data_set_labels,
        labels::delete_data_set_labels
    ));
    let policy = OpenApiRouter::new().routes(routes!(labels::list_core_labels)).routes(routes!(labels::get_core_label));
    let own = OpenApiRouter::new()
        .routes(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .routes(routes!(webhooks::get_webhook, webhooks::patch_webhook, webhooks::delete_webhook))
        .routes(routes!(webhooks::test_webhook))
        .routes(routes!(webhooks::list_deliveries));
    let own = own
        .routes(routes!(session::get_session, session::create_session, session::delete_session))
        .routes(routes!(session::create_session_link));
    let own = own.routes(routes!(manifest::get_manifest));
    let own = own.routes(routes!(demo::get_demo, demo::put_demo)).routes(routes!(demo::reset_demo));
    let own = own.routes(routes!(runlog::get_run_log)).routes(routes!(runlog::cancel_run));
    let own = own
        .routes(routes!(events::watch_events))
        .routes(routes!(drafts::list_drafts, drafts::create_draft))
        .routes(routes!(drafts::get_draft, drafts::put_draft, drafts::delete_draft))
        .routes(routes!(find::find))
        .routes(routes!(timeline::get_flow_timeline));
    let import = OpenApiRouter::new()
        .routes(routes!(ingestion::create_batch))
        .routes(routes!(ingestion::act_on_batch))
        .routes(routes!(
            ingestion::put_batch_file,
            ingestion::patch_batch_file,
            ingestion::head_batch_file,
            ingestion::act_on_batch_file
        ));
    let insights = OpenApiRouter::new().routes(routes!(observability::get_metrics, observability::query_metrics));
    OpenApiRouter::with_openapi(description())
        .nest("/data/foundation/access-control", access_control())
        .nest("/data/foundation/audit", audit())
        .nest("/data/foundation/flowservice", flow_service)
        .nest("/data/foundation/sandbox-management", sandboxes)
        .nest("/data/foundation/schemaregistry", registry)
        .nest("/data/foundation/catalog", catalog)
        .nest("/data/foundation/conversion", data_prep())
        .nest("/data/foundation/export", access)
        .nest("/data/foundation/dataset", labels)
        .nest("/data/foundation/dulepolicy", policy)
        .routes(routes!(ims::token_v1))
        .routes(routes!(ims::exchange_jwt))
        .nest("/data/foundation/forebay", clients().merge(own).merge(shown()))
        .nest("/data/foundation/import", import)
        .nest("/data/infrastructure/observability/insights", insights)
        .routes(routes!(ims::token_v2))
        .routes(routes!(ims::token_v3))
}

fn access_control() -> OpenApiRouter<App> {
    use access::{acl, policies, products, roles};
    OpenApiRouter::new()
        .routes(routes!(acl::get_acl_reference))
        .routes(routes!(acl::list_effective_policies))
        .routes(routes!(roles::list_roles, roles::create_role))
        .routes(routes!(roles::get_role, roles::put_role, roles::patch_role, roles::delete_role))
        .routes(routes!(roles::list_role_subjects, roles::patch_role_subjects))
        .routes(routes!(policies::list_policies, policies::create_policy))
        .routes(routes!(policies::get_policy, policies::put_policy, policies::patch_policy, policies::delete_policy))
        .routes(routes!(products::list_products))
        .routes(routes!(products::list_permission_categories))
        .routes(routes!(products::list_permission_sets))
}

fn audit() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(audit::list_audit_events)).routes(routes!(audit::verify_audit_trail))
}

/// What lists and pages show, in one call each.
fn shown() -> OpenApiRouter<App> {
    use own::{columns, datasets, errors, flows, overview, run, runs, schedules, system};
    OpenApiRouter::new()
        .routes(routes!(overview::get_overview))
        .routes(routes!(flows::list_flow_rows))
        .routes(routes!(flows::get_flow_row))
        .routes(routes!(schedules::preview_schedule))
        .routes(routes!(runs::list_run_rows))
        .routes(routes!(run::get_run_detail))
        .routes(routes!(errors::list_run_inputs))
        .routes(routes!(errors::list_run_errors))
        .routes(routes!(datasets::list_tables))
        .routes(routes!(datasets::get_table))
        .routes(routes!(datasets::get_table_history))
        .routes(routes!(datasets::preview_table))
        .routes(routes!(columns::get_flow_schema))
        .routes(routes!(columns::put_flow_schema_policy))
        .routes(routes!(columns::approve_flow_columns))
        .routes(routes!(columns::dismiss_flow_columns))
        .routes(routes!(system::get_system))
        .routes(routes!(system::get_diagnostics))
        .routes(routes!(system::list_codes))
}

fn clients() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(clients::list_clients, clients::create_client))
        .routes(routes!(clients::get_client, clients::patch_client, clients::delete_client))
        .routes(routes!(clients::rotate_client))
}

fn data_prep() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(dataprep::list_mapping_sets, dataprep::create_mapping_set))
        .routes(routes!(dataprep::validate_mapping_set))
        .routes(routes!(dataprep::get_mapping_set, dataprep::put_mapping_set, dataprep::delete_mapping_set))
        .routes(routes!(dataprep::list_mappings))
        .routes(routes!(dataprep::get_mapping))
        .routes(routes!(dataprep::preview::preview_mapping_set))
        .routes(routes!(dataprep::language::list_functions))
        .routes(routes!(dataprep::language::list_operators))
        .routes(routes!(dataprep::language::validate_expression))
}

/// The document's head: who we are, and how callers sign in.
fn description() -> OpenApi {
    let key = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::caller::SESSION_COOKIE)));
    let components = ComponentsBuilder::new()
        .security_scheme("token", bearer)
        .security_scheme("apiKey", key("x-api-key"))
        .security_scheme("session", session)
        .build();
    let needed = utoipa::openapi::security::SecurityRequirement::new("token", Vec::<String>::new())
        .add("apiKey", Vec::<String>::new());
    let signed_in = utoipa::openapi::security::SecurityRequirement::new("session", Vec::<String>::new());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Forebay")
                .description(Some("An open, self-hosted Flow Service, and the services that its dataflows need."))
                .version(env!("CARGO_PKG_VERSION"))
                .build(),
        )
        .components(Some(components))
        .security(Some([needed, signed_in]))
        .build()
}

/// The OpenAPI document as the routes generate it.
pub fn generated() -> OpenApi {
    operations().into_openapi()
}

/// The OpenAPI document.
pub fn openapi() -> Value {
    shapes::complete(serde_json::to_value(generated()).expect("the document is made of plain JSON"))
}

/// The whole HTTP surface.
pub fn router(app: App) -> Router {
    let (routes, _) = operations().split_for_parts();
    let document = openapi().to_string();
    // The two misprints of the public pages (platform.md).
    let (misprint, _) = data_prep().split_for_parts();
    let (posted, _) = OpenApiRouter::new()
        .routes(routes!(dataprep::list_mapping_sets, dataprep::create_mapping_set))
        .routes(routes!(dataprep::get_mapping_set, dataprep::put_mapping_set, dataprep::delete_mapping_set))
        .split_for_parts();
    let inner = routes
        .nest("/data/foundation/conversation", misprint)
        .merge(Router::new().nest("/data/foundation", posted))
        // The same file operations, for a name with slashes.
        .route(
            "/data/foundation/import/batches/{id}/datasets/{dataset}/files/{path}/{*rest}",
            axum::routing::put(ingestion::put_batch_file)
                .patch(ingestion::patch_batch_file)
                .head(ingestion::head_batch_file)
                .post(ingestion::act_on_batch_file),
        )
        .route("/openapi.json", axum::routing::get(async move || ([(header::CONTENT_TYPE, JSON)], document)))
        .route("/health", axum::routing::get(health))
        .route("/metrics", axum::routing::get(metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_this_way)
        .with_state(app.clone());
    Router::new()
        .fallback_service(inner.map_request(without_trailing_slash))
        .layer(middleware::from_fn(readable))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .layer(middleware::from_fn_with_state(app, pages::first))
}

/// A trailing slash never matters (FS-BASE-3). An encoded slash is no slash.
fn without_trailing_slash(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || path.len() <= 1 {
        return request;
    }
    let trimmed = if trimmed.is_empty() { "/" } else { trimmed };
    let text = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_string(),
    };
    let mut parts = uri.clone().into_parts();
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// A path that is no text names nothing. The router would say so in words of its own.
async fn readable(request: Request, next: Next) -> Response {
    if percent_encoding::percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        return Problem(Error::new(Kind::NotFound, &code::HTTP_404, "The path is not UTF-8")).into_response();
    }
    next.run(request).await
}

/// The outermost layer: gives the request an id, renders failures, and sets the headers that every answer has.
async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(&app, &request);
    let path = request.uri().path().to_string();
    let method = request.method().clone();
    let (org, sandbox) = (named(&request, "x-gw-ims-org-id"), named(&request, "x-sandbox-name"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let span = tracing::info_span!("request", id = %id, method = %method, path = %path);
    let began = std::time::Instant::now();
    let (request, leftover) = leftover::watch(request);
    let trail = app.store.trail(&id, app.now());
    let mut response = follow(trail.clone(), next.run(request)).instrument(span).await;
    let failed = response.extensions().get::<Failed>().cloned();
    crate::audit::conclude(&app, &trail, &method, response.status(), failed).await;
    if let Some(Failed(error)) = response.extensions_mut().remove::<Failed>() {
        let rendered =
            render(&error, &About { path: &path, request: &id, org: &org, sandbox: &sandbox, now: app.now() });
        let (parts, body) = rendered.into_parts();
        // What the failing handler set beside (Allow, Content-Range) stays.
        for (name, value) in &parts.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.status_mut() = parts.status;
        *response.body_mut() = if method == http::Method::HEAD { Body::empty() } else { body };
    }
    leftover.clear(&mut response).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    metrics::counter!("forebay_http_requests_total", "method" => known(&method), "status" => response.status().as_u16().to_string())
        .increment(1);
    metrics::histogram!("forebay_http_request_seconds", "method" => known(&method))
        .record(began.elapsed().as_secs_f64());
    tracing::info!(request.id = id, %method, path, status = response.status().as_u16(), "answered {method} {path}");
    response
}

/// What a header names, for an answer that repeats it.
fn named(request: &Request, header: &str) -> String {
    request.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default().to_string()
}

/// A label must not grow with what callers invent.
fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

/// The caller's request id if it can be repeated safely, else one of ours.
fn request_id(app: &App, request: &Request) -> String {
    let sent = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if !sent.is_empty() && sent.len() <= 128 && sent.chars().all(plain) { sent.to_string() } else { app.uuid() }
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Problem(Error::internal("The request failed inside the server. The log has the details under the request id."))
        .into_response()
}

async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    let code = match path.starts_with("/data/foundation/schemaregistry") {
        true => &code::XDM_1012,
        false => &code::HTTP_404,
    };
    Problem(Error::new(Kind::NotFound, code, format!("There is nothing at the path {path}")))
}

async fn not_this_way(request: Request) -> Problem {
    let message = format!("{} is not possible at the path {}", request.method(), request.uri().path());
    Problem(Error::new(Kind::Invalid, &code::HTTP_405, message))
}

/// Alive, and the store answers.
async fn health(State(app): State<App>) -> Response {
    match app.store.ping().await {
        Ok(()) => ([(header::CONTENT_TYPE, JSON)], r#"{"status":"ok","store":"ok"}"#).into_response(),
        Err(error) => {
            tracing::warn!("the store does not answer: {error}");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::CONTENT_TYPE, JSON), (header::RETRY_AFTER, HeaderValue::from_static("1"))],
                r#"{"status":"failing","store":"unavailable"}"#,
            )
                .into_response()
        }
    }
}

/// For Prometheus.
async fn metrics(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], (app.metrics)()).into_response()
}
