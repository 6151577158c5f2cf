//! Whether the relay can do its work, and what it has done.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::HttpError;
use crate::{driver::Driver, error::Error};

/// Longer than the disk may take, shorter than whoever asks will wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers whether the state machine runs and its store can be read and written.
pub(super) async fn health(State(driver): State<Driver>) -> Result<Json<Value>, HttpError> {
    match timeout(PATIENCE, driver.check()).await.unwrap_or(Err(Error::Stopped))? {
        true => Ok(Json(json!({ "status": "ok" }))),
        false => Err(HttpError::Store),
    }
}

/// What is counted, for Prometheus.
pub(super) async fn metrics(State(driver): State<Driver>) -> Result<Response, HttpError> {
    let page = timeout(PATIENCE, driver.metrics()).await.unwrap_or(Err(Error::Stopped))?.ok_or(HttpError::Store)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}
