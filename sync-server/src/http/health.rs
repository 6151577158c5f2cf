//! Whether the relay can do its work.

use std::time::Duration;

use axum::{Json, extract::State};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::HttpError;
use crate::{driver::Driver, error::Error};

/// Longer than the disk may take, shorter than whoever asks will wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers whether the state machine runs and its store can be read.
pub(super) async fn health(State(driver): State<Driver>) -> Result<Json<Value>, HttpError> {
    timeout(PATIENCE, driver.check()).await.unwrap_or(Err(Error::Stopped))?;
    Ok(Json(json!({ "status": "ok" })))
}
