//! Everything at once: uploads, overwrites and removals of good and bad pictures, while messages come twice, late and out
//! of order, replies get lost, and the function is killed at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brigade::storage::Location;
use brigade_local::notify::NotifyFaults;
use brigade_local::{lambda, sqs};
use brigade_tests::invariants::rejected_sources_are_parked;
use brigade_tests::rig::{DLQ, PARKED, QUEUE, Rig, Setting, source};
use brigade_thumbnail::pixels::render;
use brigade_thumbnail::samples::{Kind, Light, encode, jpeg, samples, scene};
use bytes::Bytes;
use image::ImageFormat;

use crate::world::{hurried, photo, put_all, small_sizes};

const UPLOADS: usize = 200;
const KEYS: usize = 60;
const SEED: u64 = 20_261_128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_every_live_picture_has_exactly_its_outputs() {
    let rig = Rig::start(stormy()).await;
    let (sources, changes) = uploads_overwrites_and_removals(&rig).await;
    rig.rest().await;
    rig.derived_is_f_of(&sources).await;
    rejects_are_parked(&rig, &sources).await;
    rig.empty(&[QUEUE, DLQ, PARKED]);
    every_fault_happened(&rig, changes);

    let calm = Rig::start(Setting { environment: small_sizes(), ..Setting::default() }).await;
    put_all(&calm, &sources).await;
    calm.rest().await;
    let (found, expected) = (rig.derived().await, calm.derived().await);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for ((key, (_, found)), (_, expected)) in found.iter().zip(expected.values()) {
        assert!(found == expected, "{key}: other bytes than without faults");
    }
    calm.end().await;
    rig.end().await;
}

/// A cloud in which everything goes wrong that S3, SQS and Lambda allow to go wrong.
fn stormy() -> Setting {
    let options = hurried(400.0)
        .notify_faults(NotifyFaults { seed: SEED, duplicate: 0.2, delay_max: Duration::from_millis(40), reorder: true })
        .queue_faults(sqs::Faults { seed: SEED, duplicate: 0.2, delay_max: Duration::from_secs(60), reorder: true })
        .host_faults(lambda::Faults { seed: SEED, kill_during: 0.25, reply_lost: 0.1 });
    Setting {
        options,
        environment: small_sizes(),
        // Two seconds of real time: what a killed process held comes back soon.
        visibility: Duration::from_secs(800),
        max_receive_count: 1000,
        batch_size: 10,
        ..Setting::default()
    }
}

/// What lies in the bucket in the end, and how many changes there were.
async fn uploads_overwrites_and_removals(rig: &Rig) -> (BTreeMap<String, Bytes>, usize) {
    let contents = contents();
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut sources = BTreeMap::new();
    let (mut overwrites, mut removals) = (0, 0);
    for _ in 0..UPLOADS {
        let key = format!("in/{:02} é.jpg", rng.usize(0..KEYS));
        // Names promise nothing, and the same bytes come again, under this key and others.
        let bytes = contents[rng.usize(0..contents.len())].clone();
        rig.put(&key, bytes.clone()).await;
        overwrites += usize::from(sources.insert(key, bytes).is_some());
        if rng.f64() < 0.3
            && let Some(key) = sources.keys().nth(rng.usize(0..sources.len())).cloned()
        {
            rig.remove(&key).await;
            sources.remove(&key);
            removals += 1;
        }
        // Some changes of a key come within one batch, some while it is worked on, some when all is done.
        tokio::time::sleep(Duration::from_millis(rng.u64(0..40))).await;
    }
    assert!(overwrites > 50 && removals > 40 && sources.len() > 20, "{overwrites}, {removals}, {}", sources.len());
    (sources, UPLOADS + removals)
}

/// Pictures of all formats, and what is none.
fn contents() -> Vec<Bytes> {
    let small = |format| encode(scene((97, 64), Light::Dusk).into(), format).unwrap();
    let badge = samples().unwrap().into_iter().find(|sample| sample.has_alpha).unwrap().bytes;
    let whole = jpeg(scene((160, 90), Light::Day), 1, Kind::Progressive).unwrap();
    let mut oversized = small(ImageFormat::Png);
    oversized[16..24].copy_from_slice(&[20_000u32.to_be_bytes(), 20_000u32.to_be_bytes()].concat());
    let formats = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff];
    let good = formats.map(small).into_iter().chain([badge, whole.clone()]).map(Bytes::from);
    let turned = (1..=8).map(|o| jpeg(scene((150, 100), Light::Day), o, Kind::Baseline).unwrap().into());
    let bad = [
        Bytes::new(),
        Bytes::from_static(b"Buy milk, and a new lens."),
        Bytes::from_static(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        whole[..whole.len() / 2].to_vec().into(),
        oversized.into(),
    ];
    good.chain(turned).chain((200..204).map(photo)).chain(bad).collect()
}

/// Each live source that is no picture was parked, with the reason that is its own.
async fn rejects_are_parked(rig: &Rig, sources: &BTreeMap<String, Bytes>) {
    let mut rejected: BTreeMap<&str, BTreeSet<Location>> = BTreeMap::new();
    for (key, bytes) in sources {
        if let Err(reject) = render(bytes, &rig.config.settings) {
            rejected.entry(reject.code()).or_default().insert(source(key));
        }
    }
    assert!(rejected.len() >= 4, "only {:?} live", rejected.keys());
    let parked = rig.take(PARKED).await;
    let reason = |message: &sqs::Received| {
        message.message_attributes.get("brigade-reason").and_then(|attribute| attribute.text()).map(str::to_owned)
    };
    for (code, rejected) in rejected {
        let with_code = parked.iter().filter(|message| reason(message).as_deref() == Some(code));
        let missing = rejected_sources_are_parked(&rejected, with_code.map(|message| message.body.as_str()));
        assert!(missing.is_empty(), "{code}: {missing:?}");
    }
}

fn every_fault_happened(rig: &Rig, changes: usize) {
    let (host, queues, sent) =
        (rig.cloud.host().fault_counts(), rig.cloud.queues().fault_counts(), rig.cloud.notifier().counts());
    eprintln!("{host:?} {queues:?} {sent:?}");
    assert!(host.killed >= 5 && host.replies_lost > 0, "{host:?}");
    assert!(queues.duplicated_new_id > 0 && queues.duplicated_same_id > 0, "{queues:?}");
    assert!(queues.delayed > 0 && queues.reordered > 0, "{queues:?}");
    assert!(sent.delivered > changes as u64, "{changes} changes and none announced twice: {sent:?}");
}
