//! What is counted, and how it is said: Prometheus' text format, written by hand.
//!
//! Numbers only. No line names a space, a device, an address or a word of a person, and no label takes more values than
//! there are reasons in the source.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    replica::Reason,
    store::{StoreTimes, Totals},
};

/// What the state machine counts from its start on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Frames taken.
    pub frames_in: u64,
    /// Frames handed out.
    pub frames_out: u64,
    /// Bytes of the frames taken.
    pub bytes_in: u64,
    /// Bytes of the frames handed out.
    pub bytes_out: u64,
    /// Commits that wrote something.
    pub commits: u64,
    /// Commits that the store refused.
    pub failed_commits: u64,
    /// Entries written.
    pub entries: u64,
    /// What was refused, by reason.
    pub refusals: BTreeMap<Reason, u64>,
}

impl Counters {
    /// Counts a refusal.
    pub fn refuse(&mut self, why: Reason) {
        *self.refusals.entry(why).or_default() += 1;
    }
}

/// The state of a relay at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// What was counted.
    pub counters: Counters,
    /// Connections now.
    pub connections: usize,
    /// Openers now that have still to show why they belong.
    pub candidates: usize,
    /// Endpoints of laptops now that may connect through the relay.
    pub endpoints: usize,
    /// Spaces in memory now.
    pub loaded: usize,
    /// Bytes that wait for readers now.
    pub queued: usize,
    /// What the store has.
    pub totals: Totals,
    /// Bytes of the store on disk.
    pub disk: u64,
    /// How long the store took.
    pub times: StoreTimes,
}

/// Upper ends of a histogram's buckets, in microseconds.
const BUCKETS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000, 10_000_000];

/// How often something took how long.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&mut self, took: Duration) {
        let place = BUCKETS.iter().position(|end| took <= Duration::from_micros(*end));
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
        self.count += 1;
        self.sum += took;
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Everything as one page. `queue` is how long frames waited to be handled.
pub fn page(status: &Status, queue: &Histogram) -> String {
    let Status { counters, totals, .. } = status;
    let mut page = Page(String::new());
    page.head("build_info", "gauge", "Which program this is.");
    page.line("build_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
    page.one("connections", "gauge", "Connections now.", status.connections as u64);
    page.one("candidates", "gauge", "Openers that have still to show why they belong.", status.candidates as u64);
    page.one("endpoints", "gauge", "Endpoints of laptops that are helped to connect.", status.endpoints as u64);
    page.one("spaces_in_memory", "gauge", "Spaces in memory now.", status.loaded as u64);
    page.one("queued_bytes", "gauge", "Bytes that wait for readers.", status.queued as u64);
    page.one("spaces", "gauge", "Spaces stored.", totals.spaces);
    page.one("entries", "gauge", "Entries stored.", totals.entries);
    page.head("stored_bytes", "gauge", "Bytes of entries stored.");
    page.line("stored_bytes", "{chain=\"content\"}", totals.content_bytes);
    page.line("stored_bytes", "{chain=\"control\"}", totals.control_bytes);
    page.one("disk_bytes", "gauge", "Bytes of the database on disk, its write-ahead log included.", status.disk);
    page.head("frames_total", "counter", "Frames taken and handed out.");
    page.line("frames_total", "{direction=\"in\"}", counters.frames_in);
    page.line("frames_total", "{direction=\"out\"}", counters.frames_out);
    page.head("frame_bytes_total", "counter", "Bytes of frames taken and handed out.");
    page.line("frame_bytes_total", "{direction=\"in\"}", counters.bytes_in);
    page.line("frame_bytes_total", "{direction=\"out\"}", counters.bytes_out);
    page.one("commits_total", "counter", "Commits.", counters.commits);
    page.one("failed_commits_total", "counter", "Commits that failed.", counters.failed_commits);
    page.one("committed_entries_total", "counter", "Entries committed since the start.", counters.entries);
    page.head("refusals_total", "counter", "What was refused, by reason.");
    // From zero on, so that the first one is seen to be more than before.
    for why in Reason::all() {
        let count = counters.refusals.get(&why).copied().unwrap_or(0);
        page.line("refusals_total", &format!("{{reason=\"{}\"}}", why.name()), count);
    }
    page.histogram("commit_seconds", "How long a commit took.", &status.times.commits);
    page.histogram("queue_seconds", "How long a frame waited to be handled.", queue);
    page.0
}

struct Page(String);

impl Page {
    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.line(name, "", value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.push(format_args!("# HELP alliance_relay_{name} {help}\n# TYPE alliance_relay_{name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: u64) {
        self.push(format_args!("alliance_relay_{name}{labels} {value}\n"));
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut below = 0;
        let bucket = format!("{name}_bucket");
        for (end, count) in BUCKETS.iter().zip(histogram.counts) {
            below += count;
            let end = Duration::from_micros(*end).as_secs_f64();
            self.line(&bucket, &format!("{{le=\"{end}\"}}"), below);
        }
        self.line(&bucket, "{le=\"+Inf\"}", histogram.count);
        let sum = histogram.sum.as_secs_f64();
        self.push(format_args!("alliance_relay_{name}_sum {sum}\n"));
        self.line(&format!("{name}_count"), "", histogram.count);
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_from_zero_beside_version_and_disk() {
        let mut counters = Counters::default();
        counters.refuse(Reason::List);
        let (totals, times) = (Totals::default(), StoreTimes::default());
        let status = Status {
            counters,
            connections: 0,
            candidates: 0,
            endpoints: 0,
            loaded: 0,
            queued: 0,
            totals,
            disk: 7,
            times,
        };
        let page = page(&status, &Histogram::default());
        for why in Reason::all() {
            let count = u64::from(why == Reason::List);
            let line = format!("alliance_relay_refusals_total{{reason=\"{}\"}} {count}\n", why.name());
            assert!(page.contains(&line), "{line}: {page}");
        }
        let version = format!("alliance_relay_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
        assert!(page.contains(&version) && page.contains("alliance_relay_disk_bytes 7\n"), "{page}");
    }

    #[test]
    fn a_histogram_counts_upwards() {
        let mut histogram = Histogram::default();
        for micros in [50, 100, 101, 3_000, 60_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut page = Page(String::new());
        page.histogram("x", "X.", &histogram);
        let bucket = |end: &str| format!("alliance_relay_x_bucket{{le=\"{end}\"}} ");
        for (end, count) in [("0.0001", 2), ("0.00025", 3), ("0.0025", 3), ("0.005", 4), ("10", 4), ("+Inf", 5)] {
            assert!(page.0.contains(&format!("{}{count}\n", bucket(end))), "{end}: {}", page.0);
        }
        assert!(page.0.ends_with("alliance_relay_x_sum 60.003251\nalliance_relay_x_count 5\n"));
    }
}
