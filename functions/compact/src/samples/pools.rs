//! What requests are made of: a few owners and clients, many keys, of which some are asked for all the time.

use std::fmt::Write as _;

use fastrand::Rng;

/// What requests choose from.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) owner: String,
    pub(super) keys: Vec<String>,
    pub(super) requesters: Vec<String>,
    pub(super) addresses: Vec<String>,
}

pub(super) const AGENTS: &[&str] = &[
    "aws-sdk-java/2.31.5 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.0 lang/java#17.0.9 md/OpenJDK_64-Bit_Server_VM md/en",
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#5.10.236-227.928.amzn2.x86_64 md/arch#x86_64 lang/python#3.12.3 md/pyimpl#CPython",
    "aws-cli/2.31.6 md/awscrt#0.28.1 ua/2.1 os/linux#6.8.0-1021-aws md/arch#aarch64 lang/python#3.13.7 md/prompt#off md/command#s3.cp",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Amazon CloudFront",
    "S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.789 Linux/5.10.240 OpenJDK_64-Bit_Server_VM/25.462-b08 java/1.8.0_462",
    "rclone/v1.71.0",
    "curl/8.5.0",
    "",
];

pub(super) const REFERRERS: &[&str] = &[
    "https://www.example.com/gallery?page=3",
    "https://www.example.com/",
    "http://example.org/search?q=sunset+over+the+sea&lang=de",
    "https://app.example.net/editor/7f31c2/preview",
    "",
];

const FOLDERS: &[&str] = &["uploads", "thumbnails", "exports", "logs", "users/incoming", "backup/daily"];
const ENDINGS: &[&str] = &["jpg", "png", "parquet", "json", "csv.gz", "mp4"];

impl Pools {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let owner = hex(rng, 64);
        let requesters = (0..40).map(|n| requester(n, &owner, rng)).collect();
        let addresses = (0..600).map(|_| address(rng)).collect();
        Self { owner, keys: (0..20_000).map(|_| key(rng)).collect(), requesters, addresses }
    }

    /// A key; the first ones are asked for much more often than the last.
    pub(super) fn key(&self, rng: &mut Rng) -> &str {
        skewed(&self.keys, rng)
    }

    pub(super) fn requester(&self, rng: &mut Rng) -> &str {
        skewed(&self.requesters, rng)
    }

    pub(super) fn address(&self, rng: &mut Rng) -> &str {
        skewed(&self.addresses, rng)
    }
}

/// One of them, the nearer to the beginning the likelier.
fn skewed<'a>(pool: &'a [String], rng: &mut Rng) -> &'a str {
    let part = rng.f64().powi(3);
    pool.get((part * pool.len() as f64) as usize).map_or("", String::as_str)
}

/// One of them, each as likely.
pub(super) fn any<'a>(pool: &[&'a str], rng: &mut Rng) -> &'a str {
    pool.get(rng.usize(..pool.len().max(1))).copied().unwrap_or_default()
}

pub(super) fn hex(rng: &mut Rng, digits: usize) -> String {
    (0..digits).map(|_| rng.digit(16)).collect()
}

pub(super) fn base64(rng: &mut Rng, characters: usize) -> String {
    let one = |rng: &mut Rng| match rng.u8(..64) {
        62 => '+',
        63 => '/',
        _ => rng.alphanumeric(),
    };
    (0..characters).map(|_| one(rng)).collect()
}

fn key(rng: &mut Rng) -> String {
    let (folder, ending) = (any(FOLDERS, rng), any(ENDINGS, rng));
    let name = match rng.u8(..12) {
        // As the log has it: encoded twice.
        0 => format!("Summer%2520in%2520Gen%25C3%25A8ve%2520{}", rng.u16(..)),
        1 => format!("50%2525-off-{}", rng.u16(..)),
        2 => format!("a%252Bb-{}", hex(rng, 6)),
        3 => hex(rng, 32),
        _ => format!("IMG_{:06}", rng.u32(..1_000_000)),
    };
    format!("{folder}/2026/{:02}/{:02}/{name}.{ending}", rng.u8(1..13), rng.u8(1..29))
}

fn requester(n: usize, owner: &str, rng: &mut Rng) -> String {
    let account = format!("{:012}", rng.u64(..1_000_000_000_000));
    match n {
        0 => owner.to_owned(),
        1 => "-".to_owned(),
        2 => format!("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E{}", hex(rng, 13).to_uppercase()),
        3 => "svc:cloudfront.amazonaws.com".to_owned(),
        n if n % 3 == 0 => format!("arn:aws:iam::{account}:user/{}", ["ann", "ci-deploy", "jörg"].get(n % 2).unwrap_or(&"ann")),
        n if n % 3 == 1 => hex(rng, 64),
        _ => format!("arn:aws:sts::{account}:assumed-role/AppRole/i-{}", hex(rng, 17)),
    }
}

fn address(rng: &mut Rng) -> String {
    if rng.u8(..10) == 0 {
        let mut text = "2001:db8".to_owned();
        for _ in 0..3 {
            // Writing to a String can't fail.
            let _ = write!(text, ":{:x}", rng.u16(..));
        }
        text + "::1"
    } else {
        format!("{}.{}.{}.{}", rng.u8(1..224), rng.u8(..), rng.u8(..), rng.u8(1..))
    }
}
