//! Networks that have nothing in common but a relay: namespaces of Linux, joined by links that can be cut.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::program::until;

/// Where the relay is, seen from both networks.
pub const RELAY: &str = "10.81.9.1";

/// Three networks: the relay's, Ben's and Anna's. The relay's has a link to each of the others and passes nothing on.
/// Between these two there is a link of their own.
pub struct Networks {
    places: Vec<Child>,
}

/// Whose network it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The relay's.
    Relay,
    /// Ben's.
    Ben,
    /// Anna's.
    Anna,
}

/// The links, as they are typed in the relay's network: one to each, and one between the two others.
const LINKS: &str = "
ip link set dev lo up
ip addr add 10.81.9.1/32 dev lo
ip link add rb type veth peer name br netns BEN
ip link add ra type veth peer name ar netns ANNA
ip addr add 10.81.1.1/24 dev rb
ip addr add 10.81.2.1/24 dev ra
ip link set dev rb up
ip link set dev ra up";
const BENS: &str = "
ip link set dev lo up
ip addr add 10.81.1.2/24 dev br
ip link set dev br up
ip route add 10.81.9.1 via 10.81.1.1
ip link add ba type veth peer name ab netns ANNA
ip addr add 10.81.3.2/24 dev ba";
const ANNAS: &str = "
ip link set dev lo up
ip addr add 10.81.2.3/24 dev ar
ip link set dev ar up
ip route add 10.81.9.1 via 10.81.2.1
ip addr add 10.81.3.3/24 dev ab";

impl Networks {
    /// The networks, with the link between Ben and Anna down; nothing where this computer lets nobody make any.
    ///
    /// # Panics
    /// If they can be made and not joined.
    pub fn new() -> Option<Self> {
        let mut networks = Self { places: Vec::new() };
        let mut apart = Command::new("unshare");
        apart.args(["--user", "--map-root-user", "--net", "--"]);
        networks.hold(apart)?;
        for _ in [Place::Ben, Place::Anna] {
            let mut apart = inside(networks.child(Place::Relay));
            apart.args(["unshare", "--net", "--"]);
            networks.hold(apart)?;
        }
        // Where no link can be made there is nothing to join.
        networks.shell(Place::Relay, "ip link add la type veth peer name lb && ip link del la").then_some(())?;
        let number = |place: Place| networks.child(place).id().to_string();
        let (bens, annas) = (number(Place::Ben), number(Place::Anna));
        for (place, links) in [(Place::Relay, LINKS), (Place::Ben, BENS), (Place::Anna, ANNAS)] {
            let typed = links.replace("BEN", &bens).replace("ANNA", &annas);
            assert!(networks.shell(place, &format!("set -e\n{typed}")), "{typed}");
        }
        Some(networks)
    }

    /// Keeps a network by a program that only sleeps there; nothing if there can be none.
    fn hold(&mut self, mut command: Command) -> Option<()> {
        command.args(["sleep", "600"]).stdin(Stdio::null()).stderr(Stdio::null());
        self.places.push(command.spawn().ok()?);
        let child = self.places.last_mut()?;
        let is_held = until("a network", || match child.try_wait().ok()? {
            Some(_) => Some(false),
            None => is_asleep(child.id()).then_some(true),
        });
        is_held.then_some(())
    }

    /// Brings the link between Ben and Anna up, or cuts it.
    ///
    /// # Panics
    /// If that fails.
    pub fn link(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        assert!(self.shell(Place::Ben, &format!("ip link set dev ba {state}")));
        assert!(self.shell(Place::Anna, &format!("ip link set dev ab {state}")));
    }

    /// Gives Ben another address on the link to Anna, over which everybody there hears what is said to all from now on.
    ///
    /// # Panics
    /// If that fails.
    pub fn ben_moves(&self) {
        assert!(self.shell(Place::Ben, "ip addr del 10.81.3.2/24 dev ba && ip addr add 10.81.3.7/24 dev ba"));
        for (place, link) in [(Place::Ben, "ba"), (Place::Anna, "ab")] {
            assert!(self.shell(place, &format!("ip route add 224.0.0.0/4 dev {link}")));
        }
    }

    /// A command as it runs in one of the networks.
    #[must_use]
    pub fn within(&self, place: Place, command: &Command) -> Command {
        let mut inner = inside(self.child(place));
        inner.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inner.env(name, value),
                None => inner.env_remove(name),
            };
        }
        inner
    }

    fn shell(&self, place: Place, typed: &str) -> bool {
        let ran = inside(self.child(place)).args(["sh", "-c", typed]).stdin(Stdio::null()).output();
        ran.is_ok_and(|ran| ran.status.success())
    }

    fn child(&self, place: Place) -> &Child {
        &self.places[place as usize]
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for child in &mut self.places {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Enters the network of a program.
fn inside(child: &Child) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--user", "--net", "--preserve-credentials", "--target", &child.id().to_string(), "--"]);
    command
}

/// True once the program that holds a network is the one that only sleeps.
fn is_asleep(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim() == "sleep")
}
