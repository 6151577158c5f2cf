//! What goes wrong, as HTTP says it.

use axum::{
    Json,
    extract::ws::rejection::WebSocketUpgradeRejection,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tracing::error;

use crate::error::{Error, chain};

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// There is no such page.
    #[error("there is nothing at this address")]
    NotFound,
    /// Not a WebSocket handshake.
    #[error("this address speaks WebSocket only")]
    Upgrade(#[source] WebSocketUpgradeRejection),
    /// The store cannot be read or written; its error is logged where it was met.
    #[error("the relay's store does not work")]
    Store,
    /// The relay itself cannot.
    #[error("the relay cannot serve now")]
    Unavailable(#[from] Error),
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Upgrade(rejection) => (rejection.status(), "websocket"),
            Self::Store => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
            Self::Unavailable(problem) => {
                error!(reason = chain(problem), "request cannot be served");
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
        };
        (status, Json(json!({ "error": { "code": code, "message": self.to_string() } }))).into_response()
    }
}
