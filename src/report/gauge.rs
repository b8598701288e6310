//! How far a fetch has come, as one line that fits its terminal.
//!
//! ```text
//! work  [#####-----] 3 of 7, 1.2 of 3.4 MiB, 820 KiB/s, 3s left
//! ```
//!
//! As the terminal narrows, first the rate goes, then the octets, then the time that is left, then the bar.

use std::time::Duration;

use super::fold;

/// No gauge on a terminal narrower than this.
pub const FEWEST_COLUMNS: usize = 20;
/// What is said about the rate before this is a guess.
const SETTLED: Duration = Duration::from_secs(1);

/// How far one account's fetch has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Gauge {
    /// Messages that have arrived, or that the server will not send.
    pub messages: u64,
    /// Messages that are to be fetched.
    pub of_messages: u64,
    /// Octets that have arrived.
    pub octets: u64,
    /// Octets that the server announced; `None` where it did not say it of every message.
    pub of_octets: Option<u64>,
    /// Since the fetch began.
    pub elapsed: Duration,
}

impl Gauge {
    /// The line. What it shows depends on the width and on the name, not on how far things are: gauges below one another
    /// are alike.
    #[must_use]
    pub fn line(&self, name: &str, columns: usize) -> String {
        let name = fold::cut(name, columns / 2 - 2.min(columns / 2));
        let cells = (columns / 8).clamp(4, 20);
        let count = format!("{} of {}", self.messages.min(self.of_messages), self.of_messages);
        // The most that each may take.
        let longest_count = 2 * digits(self.of_messages) + " of ".len();
        let mut room = columns.saturating_sub(fold::width(&name) + 2 + longest_count);
        let mut has_room_for = |most: usize| {
            let fits = room >= most;
            room = if fits { room - most } else { 0 };
            fits
        };
        let bar = has_room_for(cells + "[] ".len());
        let left = has_room_for(", 59m 59s left".len());
        let octets = has_room_for(", 1.2 of 999 MiB".len());
        let rate = has_room_for(", 999 MiB/s".len());
        let bar = if bar { format!("[{}] ", self.bar(cells)) } else { String::new() };
        let parts = [octets.then(|| self.octets()), self.rate().filter(|_| rate), self.left().filter(|_| left)];
        let parts: String = parts.into_iter().flatten().flat_map(|part| [", ".to_owned(), part]).collect();
        fold::cut(&format!("{name}  {bar}{count}{parts}"), columns)
    }

    /// What the server announced, as long as it holds: some servers announce less than they send.
    fn announced(&self) -> Option<u64> {
        self.of_octets.filter(|announced| *announced > 0 && self.octets <= *announced)
    }

    fn bar(&self, cells: usize) -> String {
        let (done, all) = match self.of_octets {
            Some(announced) if announced > 0 => (self.octets.min(announced), announced),
            _ => (self.messages, self.of_messages),
        };
        let filled = if self.messages >= self.of_messages {
            cells
        } else {
            // Full is only what is over.
            let filled = u128::from(done) * u128::try_from(cells).unwrap_or(0) / u128::from(all.max(1));
            usize::try_from(filled).unwrap_or(cells).min(cells - 1)
        };
        "#".repeat(filled) + &"-".repeat(cells - filled)
    }

    fn octets(&self) -> String {
        match self.announced() {
            Some(announced) => {
                let unit = Unit::of(announced);
                format!("{} of {} {}", unit.number(self.octets), unit.number(announced), unit.name)
            }
            None => short(self.octets),
        }
    }

    fn rate(&self) -> Option<String> {
        (self.elapsed >= SETTLED).then(|| format!("{}/s", short(per_second(self.octets, self.elapsed))))
    }

    fn left(&self) -> Option<String> {
        let announced = self.announced()?;
        if self.elapsed < SETTLED || self.octets == 0 || self.octets == announced {
            return None;
        }
        let milliseconds = u128::from(announced - self.octets) * self.elapsed.as_millis() / u128::from(self.octets);
        let seconds = u64::try_from(milliseconds.div_ceil(1000)).ok()?.max(1);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        match hours {
            0 if minutes == 0 => Some(format!("{seconds}s left")),
            0 => Some(format!("{minutes}m {:02}s left", seconds % 60)),
            1..100 => Some(format!("{hours}h {minutes:02}m left")),
            _ => None,
        }
    }
}

/// A binary unit in which a size has at most three digits.
struct Unit {
    name: &'static str,
    octets: u64,
    has_tenths: bool,
}

impl Unit {
    fn of(size: u64) -> Self {
        const NAMES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let (mut octets, mut at) = (1, 0);
        while size / octets >= 1000 && at + 1 < NAMES.len() {
            octets *= 1024;
            at += 1;
        }
        Self { name: NAMES[at], octets, has_tenths: at > 0 && size / octets < 10 }
    }

    /// So many of this unit, rounded down.
    fn number(&self, size: u64) -> String {
        if self.has_tenths {
            let tenths = u128::from(size) * 10 / u128::from(self.octets);
            format!("{}.{}", tenths / 10, tenths % 10)
        } else {
            (size / self.octets).to_string()
        }
    }
}

fn short(size: u64) -> String {
    let unit = Unit::of(size);
    format!("{} {}", unit.number(size), unit.name)
}

fn per_second(octets: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(octets) * 1000 / elapsed.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn digits(number: u64) -> usize {
    number.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn gauge(messages: u64, octets: u64, of_octets: Option<u64>, seconds: u64) -> Gauge {
        Gauge { messages, of_messages: 7, octets, of_octets, elapsed: Duration::from_secs(seconds) }
    }

    fn halfway() -> Gauge {
        gauge(3, MIB * 3 / 2, Some(3 * MIB), 2)
    }

    #[test]
    fn the_least_important_goes_first_as_the_terminal_narrows() {
        for (columns, line) in [
            (80, "work  [#####-----] 3 of 7, 1.5 of 3.0 MiB, 768 KiB/s, 2s left"),
            (60, "work  [###----] 3 of 7, 1.5 of 3.0 MiB, 2s left"),
            (40, "work  [##---] 3 of 7, 2s left"),
            (30, "work  [##--] 3 of 7"),
            (20, "work  [##--] 3 of 7"),
            (18, "work  3 of 7"),
        ] {
            assert_eq!(halfway().line("work", columns), line, "{columns}");
        }
    }

    #[test]
    fn a_line_fits_any_width() {
        let huge = Gauge { messages: 999, of_messages: u64::MAX, octets: u64::MAX, ..halfway() };
        let slow = gauge(1, 1, Some(u64::MAX), 1_000_000);
        for name in ["", "work", "alice@example.com@pop.example.com", "信信信信信信信信信信"] {
            for gauge in [halfway(), Gauge::default(), huge, slow, gauge(0, 0, None, 9)] {
                for columns in 0..200 {
                    let line = gauge.line(name, columns);
                    assert!(fold::width(&line) <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn gauges_below_one_another_are_alike() {
        for columns in FEWEST_COLUMNS..150 {
            let far = gauge(6, MIB * 33 / 10, Some(MIB * 34 / 10), 10).line("work  ", columns);
            let near = gauge(1, MIB / 10, Some(MIB * 34 / 10), 10).line("friend", columns);
            let places = |line: &str| line.match_indices(['[', ']', ',']).map(|(at, _)| at).take(2).collect::<Vec<_>>();
            let kinds = |line: &str| ["] ", " MiB", "/s", " left"].map(|word| line.contains(word));
            assert_eq!((places(&far), kinds(&far)), (places(&near), kinds(&near)), "{far}\n{near}");
        }
    }

    #[test]
    fn without_sizes_the_messages_count() {
        assert_eq!(gauge(3, MIB, None, 2).line("work", 80), "work  [####------] 3 of 7, 1.0 MiB, 512 KiB/s");
        assert_eq!(gauge(3, MIB, Some(0), 2).line("work", 80), "work  [####------] 3 of 7, 1.0 MiB, 512 KiB/s");
    }

    #[test]
    fn more_than_was_announced_is_never_more_than_all() {
        assert_eq!(gauge(6, 2 * MIB, Some(MIB), 2).line("work", 80), "work  [#########-] 6 of 7, 2.0 MiB, 1.0 MiB/s");
        assert_eq!(gauge(9, 2 * MIB, Some(MIB), 2).line("work", 80), "work  [##########] 7 of 7, 2.0 MiB, 1.0 MiB/s");
        let all = gauge(6, MIB, Some(MIB), 2).line("work", 80);
        assert_eq!(all, "work  [#########-] 6 of 7, 1.0 of 1.0 MiB, 512 KiB/s");
    }

    #[test]
    fn nothing_is_guessed_at_the_beginning_or_of_a_standstill() {
        let early = Gauge { elapsed: Duration::from_millis(999), ..halfway() };
        assert_eq!(early.line("work", 80), "work  [#####-----] 3 of 7, 1.5 of 3.0 MiB");
        assert_eq!(gauge(0, 0, Some(MIB), 60).line("work", 80), "work  [----------] 0 of 7, 0.0 of 1.0 MiB, 0 B/s");
    }

    #[test]
    fn time_left_is_short() {
        let left = |octets: u64| gauge(1, MIB, Some(MIB + octets), 1).left();
        assert_eq!(left(1).unwrap(), "1s left");
        assert_eq!(left(64 * MIB).unwrap(), "1m 04s left");
        assert_eq!(left(3600 * MIB).unwrap(), "1h 00m left");
        assert_eq!(left(360_000 * MIB), None);
        assert_eq!((short(999), short(1000), short(10 * MIB)), ("999 B".into(), "0.9 KiB".into(), "10 MiB".into()));
        assert_eq!(short(u64::MAX), "15 EiB");
    }
}
