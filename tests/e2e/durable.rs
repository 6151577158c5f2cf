//! What a relay said it has is there after a power cut at that very moment.

use alliance_tests::{
    load::{Client, Said, Seat},
    program::RelayProgram,
};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::count;

#[test]
fn what_the_other_person_saw_and_the_relay_acknowledged_survives_a_power_cut_at_once() {
    let rounds = count("ALLIANCE_POWER_CUTS", 10);
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let [mut ben, anna] = Seat::pair(1);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut relay = RelayProgram::start(&data);
    for promised in 0..rounds {
        runtime.block_on(async {
            let writer = Client::connect(relay.address(), &ben).await;
            assert_eq!(writer.held, promised, "what was promised is there");
            let (_speaker, mut reader) = Client::connect(relay.address(), &anna).await.split();
            // Anna's own connection brings what is there already, as far as it fits into one frame.
            let mut seen = 0;
            while seen < promised {
                seen += came(reader.next().await);
            }
            let frames: Vec<_> = ben.seal(1, 300).into_iter().map(|entry| writer.frame(&ben, entry)).collect();
            let (mut speaker, mut answers) = writer.split();
            speaker.send(&frames[0]).await;
            assert_eq!(came(reader.next().await), 1);
            loop {
                match answers.next().await {
                    Some(Said::Durable(seq)) if seq > promised => break,
                    Some(_) => {}
                    None => panic!("the relay went away before it acknowledged"),
                }
            }
        });
        relay.kill();
        relay = RelayProgram::start(&data);
    }
    let last = runtime.block_on(Client::connect(relay.address(), &ben));
    assert_eq!(last.held, rounds, "every entry of every round");
}

fn came(said: Option<Said>) -> u64 {
    match said {
        Some(Said::Came(count)) => count as u64,
        other => panic!("no entries but {other:?}"),
    }
}
