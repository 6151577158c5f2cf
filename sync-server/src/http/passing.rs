//! `/relay`, where two laptops reach each other, and `/ping`, where they look how far the relay is.

use alliance_replica::limits;
use axum::{
    extract::{ConnectInfo, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, Method, Request, StatusCode, Uri},
    response::Response,
};
use iroh_relay::http::{CLIENT_AUTH_HEADER, ProtocolVersion};

use super::{door::Peer, error::HttpError};
use crate::driver::Driver;

/// Turns a request into a connection that is passed on.
pub(super) async fn upgrade(
    State(driver): State<Driver>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let upgrade = upgrade.map_err(HttpError::Upgrade)?;
    let upgrade = upgrade.protocols([ProtocolVersion::V2.to_str()]).max_message_size(limits::FRAME);
    let shown = headers.get(CLIENT_AUTH_HEADER).cloned();
    let (mut request, ()) = Request::new(()).into_parts();
    (request.method, request.uri, request.headers) = (method, uri, headers);
    Ok(upgrade.on_upgrade(async move |socket| {
        // From here on the connection has time-outs of its own.
        peer.settle();
        driver.holepunch().take(socket, request, shown).await;
    }))
}

/// Says that the relay is here.
pub(super) async fn probe() -> StatusCode {
    StatusCode::OK
}
