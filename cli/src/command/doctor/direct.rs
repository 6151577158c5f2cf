//! Whether other computers can come to this one, and this one to those of the same person that it knows. The other
//! person's are not dialled: whether they are there is said only where both watch.

use std::time::Duration;

use alliance_core::{
    app::{Passage, Profile},
    keys::Route,
};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::Finding;
use crate::{
    command::Context,
    config::Direct,
    error::CliError,
    net::{
        peer::{Listen, PeerError, Port},
        talk::Carrier as _,
    },
    render::{count, sync::how},
};

/// How long another computer may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often it is looked which way a connection takes, and how often at the most.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 50;

/// What is said where multicast does not work.
const DEAF: &str = "this network does not let computers find each other, though `nearby` is on; they come by the addresses that they had before, and by the relay";

/// Opens the endpoint and dials every computer of this person that is known.
pub(super) fn look(context: &Context<'_>, mut profile: Profile) -> Result<Finding, CliError> {
    let direct = Direct::of(context)?;
    if context.is_offline() {
        return Ok(Finding::ok("direct", super::NOT_ASKED));
    }
    match direct {
        Direct::Off => return Ok(Finding::ok("direct", "computers never exchange directly, as it was set")),
        Direct::Relay => return Ok(Finding::ok("direct", "others come by way of the relay alone, as it was set")),
        Direct::All | Direct::Ipv4 => {}
    }
    let (routes, reach) = (profile.own_routes()?, context.reach()?);
    context.online()?.block_on(async {
        let what = (Listen::Anywhere(reach), "`alliance doctor`");
        let port = match Port::open(&mut profile, &context.file()?, what, &mut context.outside().world()).await {
            Err(error @ PeerError::Held { .. }) => return Ok(Finding::ok("direct", error.to_string())),
            Err(error) => return Ok(Finding::error("direct", &error.into())),
            Ok(port) => port,
        };
        let here = port.route().await;
        let reached = join_all(routes.iter().map(|route| answers(&port, route))).await;
        let is_deaf = reach.nearby && !port.listens_nearby();
        port.close().await;
        Ok(match here {
            Err(error) => Finding::error("direct", &error.into()),
            Ok(_) if is_deaf => Finding::warn("direct", DEAF, "alliance config set nearby off"),
            Ok(_) => found(&reached),
        })
    })
}

/// By which way a computer answers, if it does.
async fn answers(port: &Port, route: &Route) -> Option<Passage> {
    let caller = timeout(PATIENCE, port.dial(route)).await.ok()?.ok()?;
    let mut passage = None;
    for _ in 0..LOOKS {
        passage = caller.road.passage();
        if passage.is_some() {
            break;
        }
        sleep(LOOK).await;
    }
    caller.link.part().await;
    passage
}

fn found(reached: &[Option<Passage>]) -> Finding {
    let known = count(reached.len() as u64, "other computer of yours", "other computers of yours");
    let answers: Vec<_> = reached.iter().flatten().copied().collect();
    let ways = [Passage::SameNetwork, Passage::Direct, Passage::Relay].into_iter().filter_map(|way| {
        let count = answers.iter().filter(|it| **it == way).count();
        (count > 0).then(|| format!("{count} {}", how(way)))
    });
    Finding::ok(
        "direct",
        match (reached.len(), answers.len()) {
            (0, _) => "this computer can listen; it knows no other one of yours yet".to_owned(),
            (_, 0) => format!(
                "this computer can listen; of {known} none answers: one that is off or does not watch never does"
            ),
            _ => format!("of {known} there answer {}", ways.collect::<Vec<_>>().join(", ")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_counted_by_the_way() {
        let said = |reached: &[Option<Passage>]| found(reached).message;
        assert_eq!(said(&[]), "this computer can listen; it knows no other one of yours yet");
        let none = "this computer can listen; of 1 other computer of yours none answers: one that is off or does not watch never does";
        assert_eq!(said(&[None]), none);
        let some = said(&[None, Some(Passage::Direct), Some(Passage::SameNetwork), Some(Passage::Direct)]);
        assert_eq!(some, "of 4 other computers of yours there answer 1 within the same network, 2 directly");
    }
}
