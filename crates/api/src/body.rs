//! The JSON body of a request. It is parsed whatever the content type says (FS-HDR-3), and a fault is told with its
//! line and column (A-37).

use crate::App;
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use forebay_model::error::{Kind, Place};
use forebay_model::{Error, code};
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

/// Bytes that a body may have.
pub const MAX_BODY: usize = 1024 * 1024;

/// A JSON body; absent, blank and `null` are refused with FLOW-1405-400.
pub struct Body(pub Value);

/// A JSON body that may be absent; one that is not JSON is refused all the same.
pub struct OptionalBody(pub Option<Value>);

impl FromRequest<App> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Body, Response> {
        match read(request, app).await {
            Ok(Some(value)) => Ok(Body(value)),
            Ok(None) => Err(Problem(Error::new(
                Kind::Invalid,
                &code::FLOW_1405,
                "the request has no body, or its body is null",
            ))
            .into_response()),
            Err(error) => Err(Problem(error).into_response()),
        }
    }
}

impl FromRequest<App> for OptionalBody {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<OptionalBody, Response> {
        read(request, app).await.map(OptionalBody).map_err(|error| Problem(error).into_response())
    }
}

/// A body that is an object of a known shape; a fault is told with its place.
pub fn shaped<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    // A list would pass for an object whose members come in that order.
    if !body.is_object() {
        return Err(crate::problem::bad("the body must be a JSON object").at(Place::pointer("")));
    }
    listed(body)
}

/// A body of any known shape, such as a list; a fault is told with its place.
pub fn listed<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
                _ => {}
            }
        }
        crate::problem::bad(format!("the body does not have the right shape: {}", error.inner()))
            .at(Place::pointer(pointer))
    })
}

async fn read(request: Request, app: &App) -> Result<Option<Value>, Error> {
    let json = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("json"));
    let bytes = bytes(request.into_body()).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if app.settings.strict && !json {
        return Err(Error::new(Kind::Invalid, &code::HTTP_400, "A valid content-type must be specified"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        // serde_json's text of a syntax error names what was expected, the line and the column, and quotes nothing.
        Err(error) => Err(Error::new(Kind::Invalid, &code::FLOW_1100, format!("the body is not valid JSON: {error}"))),
    }
}

/// The body's bytes, up to the limit.
pub async fn bytes(body: axum::body::Body) -> Result<bytes::Bytes, Error> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(Error::new(
            Kind::TooLarge,
            &code::FLOW_1100,
            format!("the body is larger than {MAX_BODY} bytes, the most that is accepted"),
        )),
        Err(error) => {
            Err(Error::new(Kind::Invalid, &code::FLOW_1100, "the body ended before it was complete").caused_by(error))
        }
    }
}
