//! Where a log object comes from, told by its key alone.
//!
//! Rule: [Enabling Amazon S3 server access logging](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html):
//! `[prefix]YYYY-MM-DD-hh-mm-ss-UniqueString`, or with date-based partitioning
//! `[prefix][account]/[region]/[bucket]/YYYY/MM/DD/YYYY-MM-DD-hh-mm-ss-UniqueString`.

/// What the key of a log object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey<'a> {
    /// Everything before the time: logs of one source and one setting share it.
    pub folder: &'a str,
    /// `YYYY-MM-DD-hh`: of the delivery, or of the events (then the hour is 00) where partitioning is set so.
    pub hour: &'a str,
    /// Where the key is partitioned by date.
    pub origin: Option<Origin<'a>>,
}

/// The source bucket, as partitioned keys name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// Such as `eu-central-1`.
    pub region: &'a str,
    /// The bucket that was asked.
    pub bucket: &'a str,
}

const HOUR: usize = "YYYY-MM-DD-hh".len();

impl<'a> LogKey<'a> {
    /// Reads a key, decoded. What is no log object's key (another object, a folder marker) is `None`.
    pub fn parse(key: &'a str) -> Option<Self> {
        // The prefix need not end with a slash, so the time is looked for from the end of the last segment; what is unique
        // holds no dash.
        let time = key.len().checked_sub(key.rsplit('-').next()?.len() + "YYYY-MM-DD-hh-mm-ss-".len())?;
        let (folder, name) = key.split_at_checked(time)?;
        let unique = name.get("YYYY-MM-DD-hh-mm-ss-".len()..)?;
        if !has_time(name) || unique.is_empty() || unique.contains('/') {
            return None;
        }
        Some(Self { folder, hour: name.get(..HOUR)?, origin: origin(folder, name.get(..10)?) })
    }
}

fn has_time(name: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00-00-00-00-";
    let fits = |(byte, shape): (u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == *shape };
    name.len() >= SHAPE.len() && name.bytes().zip(SHAPE).all(fits)
}

/// `[prefix]account/region/bucket/YYYY/MM/DD/` before a name of the same day.
fn origin<'a>(folder: &'a str, day: &str) -> Option<Origin<'a>> {
    let before = folder.strip_suffix(&format!("{}/", day.replace('-', "/")))?.strip_suffix('/')?;
    let (before, bucket) = before.rsplit_once('/')?;
    let (before, region) = before.rsplit_once('/')?;
    // The prefix stands right before the account, with or without a slash.
    let account = before.get(before.len().checked_sub(12)?..)?;
    let valid = account.bytes().all(|b| b.is_ascii_digit()) && !region.is_empty() && !bucket.is_empty();
    valid.then_some(Origin { account, region, bucket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_formats_are_read_and_others_are_not() {
        let simple = |folder, hour| Some((folder, hour, None));
        let parted = |folder, hour, a, r, b| Some((folder, hour, Some((a, r, b))));
        let cases = [
            ("2026-11-22-05-17-09-0123456789ABCDEF", simple("", "2026-11-22-05")),
            ("logs/2026-11-22-05-17-09-0123456789ABCDEF", simple("logs/", "2026-11-22-05")),
            ("logs-of-2026-2026-11-22-05-17-09-AB", simple("logs-of-2026-", "2026-11-22-05")),
            (
                "logs/123456789012/eu-central-1/photos/2026/11/22/2026-11-22-00-00-00-AB",
                parted(
                    "logs/123456789012/eu-central-1/photos/2026/11/22/",
                    "2026-11-22-00",
                    "123456789012",
                    "eu-central-1",
                    "photos",
                ),
            ),
            (
                "logs123456789012/us-east-1/b/2026/11/22/2026-11-22-05-17-09-AB",
                parted("logs123456789012/us-east-1/b/2026/11/22/", "2026-11-22-05", "123456789012", "us-east-1", "b"),
            ),
            // Looks partitioned, but is a prefix of somebody's own.
            ("a/b/c/2026/11/22/2026-11-22-05-17-09-AB", simple("a/b/c/2026/11/22/", "2026-11-22-05")),
            ("123456789012/r/b/2026/11/21/2026-11-22-05-17-09-AB", simple("123456789012/r/b/2026/11/21/", "2026-11-22-05")),
            ("", None),
            ("logs/", None),
            ("logs/readme.txt", None),
            ("2026-11-22-05-17-09-", None),
            ("2026-11-22-05-17-09", None),
            ("2026-11-22-05-17-xx-AB", None),
            ("2026-11-22-05-17-09-AB/", None),
            ("é-11-22-05-17-09-AB", None),
        ];
        for (key, expected) in cases {
            let read = LogKey::parse(key);
            let read = read.map(|k| (k.folder, k.hour, k.origin.map(|o| (o.account, o.region, o.bucket))));
            assert_eq!(read, expected, "{key}");
        }
    }
}
