//! Times of the log: `[06/Feb/2019:00:00:38 +0000]`, and days of the calendar.

use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// Reads `06/Feb/2019:00:00:38 +0000`, the inside of the brackets; the zone is always `+0000`.
pub(super) fn seconds(text: &[u8; 26]) -> Option<i64> {
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', n1, n2, b':', s1, s2, zone @ ..] = text else {
        return None;
    };
    if zone != b" +0000" {
        return None;
    }
    let month = month(&[*m1, *m2, *m3])?;
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    let (day, hour, minute, second) = (two(*d1, *d2)?, two(*h1, *h2)?, two(*n1, *n2)?, two(*s1, *s2)?);
    let valid = year >= 1 && (1..=days_of(year, month)).contains(&day) && hour < 24 && minute < 60 && second < 60;
    valid.then(|| days_since_1970(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

fn month(name: &[u8; 3]) -> Option<i64> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A day of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day that a time in seconds since 1970 is in.
    pub fn of(seconds: i64) -> Self {
        Self(seconds.div_euclid(SECONDS_PER_DAY))
    }

    /// Year, month and day (`civil_from_days`).
    fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

/// As `2019-02-06`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The hour of the day, 0 to 23, of a time in seconds since 1970.
pub fn hour(seconds: i64) -> u8 {
    u8::try_from(seconds.rem_euclid(SECONDS_PER_DAY) / 3600).unwrap_or_default()
}

/// Writes seconds since 1970 as `2019-02-06T00:00:38Z` (RFC 3339).
pub fn write_rfc3339(seconds: i64, out: &mut impl fmt::Write) -> fmt::Result {
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    write!(out, "{}T{:02}:{:02}:{:02}Z", Day::of(seconds), of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_exist_are_read() {
        let cases = [
            ("06/Feb/2019:00:00:38 +0000", Some(1_549_411_238)),
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
            ("31/Dec/1969:23:59:59 +0000", Some(-1)),
            ("29/Feb/2024:23:59:59 +0000", Some(1_709_251_199)),
            ("29/Feb/2000:00:00:00 +0000", Some(951_782_400)),
            ("31/Dec/9999:23:59:59 +0000", Some(253_402_300_799)),
            ("29/Feb/2023:00:00:00 +0000", None),
            ("29/Feb/1900:00:00:00 +0000", None),
            ("31/Apr/2024:00:00:00 +0000", None),
            ("00/Apr/2024:00:00:00 +0000", None),
            ("32/Jan/2024:00:00:00 +0000", None),
            ("06/Foo/2019:00:00:38 +0000", None),
            ("06/feb/2019:00:00:38 +0000", None),
            ("06/02/2019:00:00:38  +0000", None),
            ("06/Feb/2019:24:00:00 +0000", None),
            ("06/Feb/2019:00:60:00 +0000", None),
            ("06/Feb/2019:00:00:60 +0000", None),
            ("06/Feb/2019:00:00:38 +0100", None),
            ("06/Feb/2019:00:00:38 -0000", None),
            ("06/Feb/0000:00:00:38 +0000", None),
            (" 6/Feb/2019:00:00:38 +0000", None),
            ("+6/Feb/2019:00:00:38 +0000", None),
            ("06/Feb/2019 00:00:38 +0000", None),
            ("06-Feb-2019:00:00:38 +0000", None),
        ];
        for (text, expected) in cases {
            let text: &[u8; 26] = text.as_bytes().try_into().unwrap();
            assert_eq!(seconds(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_day_is_written_as_the_calendar_has_it() {
        // Every day of twelve centuries: the next one's number is the next number, and what is written reads back.
        let mut expected = days_since_1970(1200, 1, 1);
        for (year, month) in (1200..2400).flat_map(|year| (1..=12).map(move |month| (year, month))) {
            for day in 1..=days_of(year, month) {
                assert_eq!(days_since_1970(year, month, day), expected);
                assert_eq!(Day(expected).civil(), (year, month, day));
                expected += 1;
            }
        }
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (seconds, expected) in
            [(1_549_411_238, "2019-02-06T00:00:38Z"), (-1, "1969-12-31T23:59:59Z"), (1_709_251_199, "2024-02-29T23:59:59Z")]
        {
            let mut text = String::new();
            write_rfc3339(seconds, &mut text).unwrap();
            assert_eq!(text, expected);
        }
        assert_eq!((hour(-1), hour(0), hour(1_709_251_199)), (23, 0, 23));
    }
}
