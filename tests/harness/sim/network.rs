//! What lies between computers and the relay: time, connections that end, and a relay that lies.

use std::collections::BTreeMap;

use alliance_core::app::{AppError, Session};
use alliance_replica::{exchange::frame::Frame, id::DeviceId, log::heads::Chain};
use alliance_sync_server::replica::{ConnectionId, Now, Output};

use super::{
    START, Sim, Violation,
    device::{Online, own_space},
    wal::{Crash, DATABASE},
};
use crate::meddler::Way;

/// Milliseconds for which a session gathers what it hears and what is typed, as the program does.
const GATHER: u64 = 50;
/// Milliseconds between two looks around of a session that stays.
const ATTEND: u64 = 20_000;
/// Milliseconds after which spaces are tried again that the relay refused, as the program does.
const AGAIN: u64 = 60_000;
/// Milliseconds after which who looked after a person's computers syncs again.
const TEND: u64 = 1_000;
/// Milliseconds after which a session that gets no further ends, where a relay drops frames.
const PATIENCE: u64 = 60_000;

/// Something that is due.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A frame arrives.
    Frame(u64, Way, Vec<u8>),
    /// The relay learns that a connection is gone.
    Hangup(u64),
    /// A computer learns that a connection is gone.
    Lost(u64),
    /// A session takes what it gathered.
    Flush(String, u64),
    /// A session looks around.
    Attend(String, u64),
    /// A session that should have come to an end is looked at.
    Impatience(String, u64),
    /// A computer connects, if it wants to.
    Dial(String),
    /// A computer starts again.
    Restart(String),
    /// The relay writes what it took.
    Commit,
    /// The relay can write again.
    Emptied,
    /// A computer can.
    Freed(String),
}

/// A connection, as long as one side believes in it.
pub(crate) struct Line {
    device: String,
    /// When the last frame of each way arrives.
    last: [u64; 2],
    /// Until when nothing gets through, each way.
    closed: [u64; 2],
    /// Whether the way still leads anywhere.
    alive: bool,
    /// Frames that were heard, while the relay lies.
    heard: Vec<Frame>,
}

/// What a relay does that lies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Lies {
    /// In a thousand frames.
    pub(crate) drops: u64,
    pub(crate) repeats: u64,
    pub(crate) swaps: u64,
    pub(crate) replays: u64,
    /// Of which third of all devices it holds the content back; on each connection of others.
    pub(crate) withholds: Option<u64>,
}

fn at(way: Way) -> usize {
    usize::from(way == Way::Down)
}

impl Sim {
    /// Lets something be due in so many milliseconds.
    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.events += 1;
        self.due.insert((self.clock + delay, self.events), event);
    }

    /// Lets time pass, and all happen that is due.
    pub(crate) fn pass(&mut self, millis: u64) -> Result<(), Violation> {
        let until = self.clock + millis;
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.clock = self.clock.max(at);
            self.happen(event)?;
        }
        self.clock = until;
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Frame(id, Way::Up, frame) => self.relay_hears(id, &frame),
            Event::Frame(id, Way::Down, frame) => self.device_hears(id, &frame),
            Event::Hangup(id) => {
                self.lines.remove(&id);
                if let Some(relay) = self.node.up() {
                    relay.disconnect(ConnectionId(id));
                }
                self.relay_speaks()
            }
            Event::Lost(id) => {
                self.lose(id);
                Ok(())
            }
            Event::Flush(name, id) => self.flush(&name, id),
            Event::Attend(name, id) => self.attend(&name, id),
            Event::Impatience(name, id) => {
                if self.devices[&name].session.as_ref().is_some_and(|(of, _)| *of == id) {
                    self.hang_up(&name, 0);
                }
                Ok(())
            }
            Event::Dial(name) => self.dial(&name),
            Event::Restart(name) => self.restart(&name),
            Event::Commit => {
                if let Some(relay) = self.node.up() {
                    relay.commit();
                }
                self.relay_speaks()
            }
            Event::Freed(name) => self.set_full(&name, false),
            Event::Emptied => {
                self.node.set_full(false);
                Ok(())
            }
        }
    }

    fn now(&self) -> Now {
        let elapsed = std::time::Duration::from_millis(self.clock);
        Now { unix: self.unix().unsigned_abs(), elapsed }
    }

    /// A computer connects to its relay, if it wants to and can.
    fn dial(&mut self, name: &str) -> Result<(), Violation> {
        let device = &self.devices[name];
        if device.online == Online::No || device.session.is_some() || !device.is_up() {
            return Ok(());
        }
        self.events += 1;
        let id = self.events;
        let Some(relay) = self.call(name, |profile, _, outside| {
            let relays = profile.relays()?;
            Ok::<_, AppError>(relays.first().map(|relay| Session::new(relay, outside)))
        })?
        else {
            return Ok(());
        };
        let Ok(Some(session)) = relay else { return Ok(()) };
        let mut nonce = [0; 32];
        self.dice.fill(&mut nonce);
        let now = self.clock;
        let Some(relay) = self.node.up() else { return Ok(()) };
        relay.connect(ConnectionId(id), nonce);
        let line = Line { device: name.to_owned(), last: [now; 2], closed: [0; 2], alive: true, heard: Vec::new() };
        self.lines.insert(id, line);
        self.devices.get_mut(name).expect("a computer").session = Some((id, session));
        let stays = self.devices[name].online == Online::Stays;
        if stays {
            self.after(0, Event::Attend(name.to_owned(), id));
        }
        if self.seen.lies != Lies::default() || !stays {
            let patience = PATIENCE + self.dice.below(PATIENCE);
            self.after(patience, Event::Impatience(name.to_owned(), id));
        }
        self.relay_speaks()?;
        self.transmit(name)
    }

    /// Sends what a session has to say.
    pub(crate) fn transmit(&mut self, name: &str) -> Result<(), Violation> {
        loop {
            let Some((id, _)) = self.devices[name].session else { return Ok(()) };
            let frame = self.call(name, |profile, session, _| match session {
                Some(session) => session.poll_transmit(profile),
                None => Ok(None),
            })?;
            match frame {
                None => return Ok(()),
                Some(Err(error)) => return self.session_failed(name, &error),
                Some(Ok(None)) => return Ok(()),
                Some(Ok(Some(frame))) => {
                    self.device_said(name, &frame)?;
                    self.send(id, Way::Up, frame);
                }
            }
        }
    }

    fn send(&mut self, id: u64, way: Way, frame: Vec<u8>) {
        let frames = self.lie(id, way, frame);
        for frame in frames {
            let latency = self.dice.below(if self.calm { 5 } else { self.knobs.latency });
            let Some(line) = self.lines.get_mut(&id).filter(|line| line.alive) else { return };
            let arrives = (self.clock + latency).max(line.last[at(way)]).max(line.closed[at(way)]);
            line.last[at(way)] = arrives;
            self.after(arrives - self.clock, Event::Frame(id, way, frame));
        }
    }

    /// What a relay that lies makes of a frame.
    fn lie(&mut self, id: u64, way: Way, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let lies = self.seen.lies;
        let Some(line) = self.lines.get_mut(&id).filter(|_| lies != Lies::default()) else { return vec![frame] };
        let mut read = Frame::decode(&frame).expect("a frame");
        if matches!(read, Frame::Hello(_) | Frame::Prove(_) | Frame::Open(_)) {
            return vec![frame];
        }
        let withheld = |device: &DeviceId, chain| {
            let third = (u64::from(device.as_bytes()[0]) + id) % 3;
            chain == Chain::Content && way == Way::Down && lies.withholds == Some(third)
        };
        match &mut read {
            Frame::Have(have) => have.heads.retain(|held| !withheld(&held.head.device, held.head.chain)),
            Frame::Entries(entries) if withheld(&entries.device, entries.chain) => return Vec::new(),
            _ => {}
        }
        line.heard.push(read.clone());
        let mut out = vec![read.encode()];
        if self.dice.chance(lies.drops) {
            out.clear();
        }
        if self.dice.chance(lies.repeats) {
            out.push(read.encode());
        }
        if self.dice.chance(lies.replays) {
            let old = self.dice.index(line.heard.len());
            out.insert(0, line.heard[old].encode());
        }
        if self.dice.chance(lies.swaps) && line.heard.len() > 1 {
            let before = line.heard.len() - 2;
            out.push(line.heard[before].encode());
        }
        out
    }

    fn relay_hears(&mut self, id: u64, frame: &[u8]) -> Result<(), Violation> {
        self.note(frame);
        if self.lines.get(&id).is_none_or(|line| !line.alive) {
            return Ok(());
        }
        let now = self.now();
        let Some(relay) = self.node.up() else { return Ok(()) };
        relay.handle(ConnectionId(id), frame, now);
        match &mut self.relay_fate {
            Some(0) => return self.relay_crashes(),
            Some(frames) => *frames -= 1,
            None => {}
        }
        let wait = self.dice.below(5);
        self.after(wait, Event::Commit);
        self.relay_speaks()
    }

    /// The relay ends between two of its steps, with what it had not sent yet in its hands or gone; a real database also
    /// within a commit.
    fn relay_crashes(&mut self) -> Result<(), Violation> {
        self.relay_fate = None;
        let real = self.node.is_sqlite();
        let within = real && self.dice.chance(500);
        if !within && self.dice.chance(500) {
            self.relay_speaks()?;
        }
        let crash = if real && self.dice.chance(500) { Crash::Power } else { Crash::Kill };
        let how = self.node.crash(crash, within, &mut self.dice);
        self.strike("relay crash", how);
        self.drop_lines();
        self.relay_has_what_it_acknowledged()
    }

    /// Sends what the relay has to say.
    pub(crate) fn relay_speaks(&mut self) -> Result<(), Violation> {
        loop {
            let Some(output) = self.node.up().and_then(alliance_sync_server::replica::Relay::poll) else {
                return Ok(());
            };
            self.hand_on(output)?;
        }
    }

    /// Carries out what the relay wants.
    pub(crate) fn hand_on(&mut self, output: Output) -> Result<(), Violation> {
        match output {
            Output::Send { to, frame } => {
                if let Some(relay) = self.node.up() {
                    relay.written(to, frame.len());
                }
                self.relay_said(to.0, &frame)?;
                self.send(to.0, Way::Down, frame);
            }
            Output::Drop { to, frame } => {
                self.send(to.0, Way::Down, frame);
                self.close(to.0);
            }
            Output::Close { to } => self.close(to.0),
        }
        Ok(())
    }

    fn close(&mut self, id: u64) {
        let Some(line) = self.lines.get(&id) else { return };
        let arrives = line.last[at(Way::Down)].max(self.clock);
        self.after(arrives - self.clock, Event::Lost(id));
    }

    fn device_hears(&mut self, id: u64, frame: &[u8]) -> Result<(), Violation> {
        self.note(frame);
        let Some(name) = self.lines.get(&id).filter(|line| line.alive).map(|line| line.device.clone()) else {
            return Ok(());
        };
        if self.devices[&name].session.as_ref().is_none_or(|(of, _)| *of != id) {
            return Ok(());
        }
        let heard = self.call(&name, |profile, session, outside| match session {
            Some(session) => session.handle(profile, frame, outside).map(|()| session.is_full()),
            None => Ok(false),
        })?;
        match heard {
            None => Ok(()),
            Some(Err(error)) => self.session_failed(&name, &error),
            Some(Ok(true)) => self.flush(&name, id),
            Some(Ok(false)) => {
                self.rouse(&name);
                self.transmit(&name)
            }
        }
    }

    /// Lets a session take what it gathers, soon.
    pub(crate) fn rouse(&mut self, name: &str) {
        let Some(device) = self.devices.get_mut(name) else { return };
        let Some((id, _)) = device.session else { return };
        if !std::mem::replace(&mut device.gathers, true) {
            let wait = self.dice.below(GATHER);
            self.after(wait, Event::Flush(name.to_owned(), id));
        }
    }

    fn flush(&mut self, name: &str, id: u64) -> Result<(), Violation> {
        let device = self.devices.get_mut(name).expect("a computer");
        if device.session.as_ref().is_none_or(|(of, _)| *of != id) {
            return Ok(());
        }
        device.gathers = false;
        let flushed = self.call(name, |profile, session, outside| {
            let Some(session) = session else { return Ok(()) };
            session.flush(profile, outside)?;
            crate::keep_hindrances(session, profile)
        })?;
        match flushed {
            None => return Ok(()),
            Some(Err(error)) => return self.session_failed(name, &error),
            Some(Ok(())) => {}
        }
        self.transmit(name)?;
        self.settle(name)
    }

    /// Notes that a session has come to its end, if it has; who only wanted to sync goes.
    fn settle(&mut self, name: &str) -> Result<(), Violation> {
        let settled = self.call(name, |profile, session, outside| match session {
            Some(session) if session.is_settled(profile)? => session.note_settled(profile, outside).map(|()| true),
            _ => Ok(false),
        })?;
        match settled {
            Some(Ok(true)) => {
                let clock = self.clock;
                let personal = own_space(&self.devices[name].folder().join(DATABASE));
                let sealed = self.call(name, |profile, _, _| {
                    let spaces = profile.alliances()?.into_iter().map(|it| it.space).chain(personal);
                    let waits = spaces.map(|space| Ok((space, profile.waiting(space)?)));
                    waits.collect::<Result<Vec<_>, AppError>>()
                })?;
                let device = self.devices.get_mut(name).expect("a computer");
                device.settled = clock;
                let sealed = sealed.and_then(Result::ok).into_iter().flatten().filter(|(_, waits)| *waits == 0);
                device.sealed.extend(sealed.map(|(space, _)| (space, clock)));
                if self.look_after_own(name)? {
                    // What came or was written goes with the next exchange.
                    self.hang_up(name, 0);
                    self.after(TEND, Event::Dial(name.to_owned()));
                    return Ok(());
                }
                let device = self.devices.get_mut(name).expect("a computer");
                if device.online == Online::Once {
                    device.online = Online::No;
                    self.hang_up(name, 0);
                }
                Ok(())
            }
            Some(Err(error)) => self.app_failed(name, &error),
            _ => Ok(()),
        }
    }

    fn attend(&mut self, name: &str, id: u64) -> Result<(), Violation> {
        if self.devices[name].session.as_ref().is_none_or(|(of, _)| *of != id) {
            return Ok(());
        }
        let clock = self.clock;
        let attended = self.call(name, |profile, session, outside| match session {
            Some(session) => {
                if clock % AGAIN < ATTEND {
                    session.try_again();
                }
                session.attend(profile, clock, outside)
            }
            None => Ok(()),
        })?;
        if let Some(Err(error)) = attended {
            return self.app_failed(name, &error);
        }
        self.after(ATTEND, Event::Attend(name.to_owned(), id));
        self.rouse(name);
        self.transmit(name)
    }

    /// A computer ends its connection; the relay learns of it so many milliseconds later.
    pub(crate) fn hang_up(&mut self, name: &str, late: u64) {
        let device = self.devices.get_mut(name).expect("a computer");
        device.gathers = false;
        let Some((id, _)) = device.session.take() else { return };
        self.after(late, Event::Hangup(id));
        self.redial(name);
    }

    /// A computer learns that its connection is gone.
    fn lose(&mut self, id: u64) {
        let Some(line) = self.lines.remove(&id) else { return };
        if let Some(relay) = self.node.up() {
            relay.disconnect(ConnectionId(id));
        }
        let device = self.devices.get_mut(&line.device).expect("a computer");
        if device.session.as_ref().is_some_and(|(of, _)| *of == id) {
            device.session = None;
            device.gathers = false;
            self.redial(&line.device);
        }
    }

    fn redial(&mut self, name: &str) {
        if self.devices[name].online != Online::No {
            let wait = self.dice.between(500, 8_000);
            self.after(wait, Event::Dial(name.to_owned()));
        }
    }

    /// A connection leads nowhere from now on; each side learns of it in its time.
    pub(crate) fn break_line(&mut self, id: u64, late: [u64; 2]) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.alive = false;
            self.after(late[0], Event::Hangup(id));
            let name = self.lines[&id].device.clone();
            self.after(late[1], Event::Impatience(name, id));
        }
    }

    /// Nothing gets through on these ways of a connection for a while.
    pub(crate) fn close_line(&mut self, id: u64, ways: [bool; 2], until: u64) {
        if let Some(line) = self.lines.get_mut(&id) {
            for (closed, way) in line.closed.iter_mut().zip(ways) {
                *closed = if way { until } else { *closed };
            }
        }
    }

    /// All connections are gone, for both sides.
    pub(crate) fn drop_lines(&mut self) {
        let ids: Vec<_> = self.lines.keys().copied().collect();
        ids.into_iter().for_each(|id| self.lose(id));
    }

    /// Computers with a connection.
    pub(crate) fn connected(&self) -> BTreeMap<u64, String> {
        self.lines.iter().filter(|(_, line)| line.alive).map(|(id, line)| (*id, line.device.clone())).collect()
    }

    /// What a computer's clock says, in seconds.
    pub(crate) fn wall(&self, skew: i64) -> i64 {
        START + i64::try_from(self.clock / 1000).expect("not that long") + skew
    }
}
