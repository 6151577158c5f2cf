//! What ends a conversation, and what is said to whom.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Builder,
};

use alliance_core::app::SessionError;

use super::*;
use crate::net::{
    stop::Stop,
    talk::{Talk, converse},
};

/// Somebody who only listens.
struct Quiet;

impl Talk for Quiet {
    fn pace(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn lasts(&self) -> bool {
        true
    }

    fn transmit(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        Ok(None)
    }

    fn handle(&mut self, _: &[u8]) -> Result<bool, SessionError> {
        Ok(false)
    }

    fn is_over(&mut self) -> Result<bool, SessionError> {
        Ok(false)
    }
}

#[test]
fn who_does_not_answer_when_asked_is_gone_although_the_connection_stands() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let way = Way::to(format!("http://{address}").parse().expect("an address"));
        let relay = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio_tungstenite::accept_async(stream).await.expect("a socket")
        };
        // The socket lives as long as the test and is never read again: what is asked stays unanswered.
        let (link, _relay) = tokio::join!(Link::connect(&way), relay);
        let patience = Patience { ask: Duration::from_millis(5), gone: Duration::from_millis(50) };
        let link = link.expect("a link").with_patience(patience);
        let mut stop = Stop::new().expect("signals");
        let ended = converse(link, &mut Quiet, &mut stop).await.expect_err("nobody there");
        assert!(matches!(ended, TalkError::Net(NetError::Silent)), "{ended}");
    });
}

#[test]
fn a_proxy_without_its_relay_is_waited_for_and_other_answers_are_no_relays() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answered = |status: &'static str| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let way = Way::to(format!("http://{address}").parse().expect("an address"));
            let proxy = async {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await.expect("asks");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("answers");
                // Whoever looks whether TLS is spoken here gets no answer.
                drop((stream, listener));
            };
            tokio::join!(Link::connect(&way), proxy).0.err().expect("no link")
        })
    };
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let error = answered(status);
        assert!(matches!(error, NetError::Unreachable { .. }), "{status}: {error}");
    }
    for status in ["404 Not Found", "500 Internal Server Error"] {
        let error = answered(status);
        assert!(matches!(error, NetError::NotARelay { .. }), "{status}: {error}");
    }
}

#[test]
fn a_token_is_said_in_private_only() {
    let token = Some(Zeroizing::new("admit-me".to_owned()));
    let said = |url: &str| {
        let way = Way { token: token.clone(), ..Way::to(url.parse().expect("an address")) };
        let request = way.request().expect("a request");
        request.headers().get(AUTHORIZATION).map(|value| value.to_str().expect("ASCII").to_owned())
    };
    assert_eq!(said("https://relay.example").as_deref(), Some("Bearer admit-me"));
    assert_eq!(said("http://127.0.0.1:8787").as_deref(), Some("Bearer admit-me"));
    assert_eq!(said("http://localhost").as_deref(), Some("Bearer admit-me"));
    assert_eq!(said("http://relay.example"), None);
}
