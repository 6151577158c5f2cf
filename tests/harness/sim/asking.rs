//! What a computer asks the relay beside the exchange, over a good network: to be let in, or what belongs to a key.

use alliance_core::{
    app::{Inquiry, Joining, SessionError},
    keys::Invitation,
};
use alliance_sync_server::replica::{ConnectionId, Now, Output, Relay};

use super::{Sim, Violation};

/// How often nobody has anything to say before it ends.
const QUIET: u32 = 3;

impl Sim {
    /// Asks the relay, as long as it answers; an error if it refuses.
    pub(crate) fn ask(&mut self, inquiry: &mut impl Inquiry) -> Result<Result<(), SessionError>, Violation> {
        self.events += 1;
        let connection = ConnectionId(self.events);
        let mut nonce = [0; 32];
        self.dice.fill(&mut nonce);
        let elapsed = std::time::Duration::from_millis(self.clock);
        let now = Now { unix: self.unix().unsigned_abs(), elapsed };
        let Some(relay) = self.node.up() else { return Ok(Ok(())) };
        relay.connect(connection, nonce);
        let mut quiet = 0;
        while !inquiry.is_done() && quiet < QUIET {
            quiet += 1;
            let Some(relay) = self.node.up() else { break };
            while let Some(frame) = inquiry.poll_transmit() {
                relay.handle(connection, &frame, now);
                quiet = 0;
            }
            relay.commit();
            let mut others = Vec::new();
            while let Some(output) = self.node.up().and_then(Relay::poll) {
                match output {
                    Output::Send { to, frame } | Output::Drop { to, frame } if to == connection => {
                        quiet = 0;
                        if let Some(relay) = self.node.up() {
                            relay.written(to, frame.len());
                        }
                        if let Err(error) = inquiry.handle(&frame) {
                            return Ok(Err(error));
                        }
                    }
                    other => others.push(other),
                }
            }
            others.into_iter().try_for_each(|output| self.hand_on(output))?;
        }
        if let Some(relay) = self.node.up() {
            relay.disconnect(connection);
        }
        Ok(Ok(()))
    }

    /// Somebody takes up an invitation; an error if it does not let them in.
    pub(crate) fn join(&mut self, name: &str, invitation: &Invitation) -> Result<Result<(), SessionError>, Violation> {
        let again = Invitation::parse(&invitation.reveal()).expect("an invitation");
        let Some(mut joining) = self.call(name, |_, _, outside| Joining::new(again, outside))? else {
            return Ok(Ok(()));
        };
        let asked = self.ask(&mut joining)?;
        if asked.is_err() || !joining.is_done() {
            return Ok(asked);
        }
        let done = self.call(name, |profile, _, outside| joining.finish(profile, outside))?;
        if let Some(Ok(())) = done {
            self.spaces.insert(invitation.terms().space);
        }
        Ok(done.unwrap_or(Ok(())).map_err(SessionError::from))
    }
}
