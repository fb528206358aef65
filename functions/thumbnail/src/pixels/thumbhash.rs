//! ThumbHash (<https://evanw.github.io/thumbhash/>): a picture's lowest frequencies in 5 to 25 bytes.
//!
//! Written here because the bytes go into the sidecar, which must be the same on every machine: the cosines come from
//! additions and multiplications alone, which IEEE 754 fixes to the last bit, and not from a system's library.

use std::f64::consts::FRAC_PI_2;

/// Below this a wave is an error of rounding: samples have 8 bits, and there are at most 10,000 of them.
const NOISE: f64 = 1e-9;

/// Encodes straight RGBA pixels, row by row; no side should be longer than 100.
pub(super) fn thumbhash(width: usize, height: usize, rgba: &[[u8; 4]]) -> Vec<u8> {
    let visible: f64 = rgba.iter().map(|[_, _, _, alpha]| share(*alpha)).sum();
    let mean = |channel: fn(&[u8; 4]) -> u8| {
        let sum: f64 = rgba.iter().map(|pixel| share(pixel[3]) * share(channel(pixel))).sum();
        if visible > 0.0 { sum / visible } else { 0.0 }
    };
    let (red, green, blue) = (mean(|pixel| pixel[0]), mean(|pixel| pixel[1]), mean(|pixel| pixel[2]));
    let has_alpha = rgba.iter().any(|[_, _, _, alpha]| *alpha != 255);

    // Lightness, yellow against blue, red against green, alpha; what is invisible takes the mean colour.
    let mut channels: [Vec<f64>; 4] = Default::default();
    for [r, g, b, alpha] in rgba {
        let alpha = share(*alpha);
        let over = |sample: u8, mean: f64| mean * (1.0 - alpha) + alpha * share(sample);
        let (r, g, b) = (over(*r, red), over(*g, green), over(*b, blue));
        let values = [(r + g + b) / 3.0, (r + g) / 2.0 - b, r - g, alpha];
        channels.iter_mut().zip(values).for_each(|(channel, value)| channel.push(value));
    }
    let [l, p, q, a] = &channels;

    // Fewer frequencies of lightness where alpha needs the room.
    let most = if has_alpha { 5 } else { 7 };
    let long = width.max(height).max(1);
    let along = |side: usize| ((2 * most * side + long) / (2 * long)).max(1);
    let (lx, ly) = (along(width), along(height));
    let waves = |channel, nx, ny| Waves::of(channel, (width, height), nx, ny);
    let (l, p, q) = (waves(l, lx.max(3), ly.max(3)), waves(p, 3, 3), waves(q, 3, 3));
    let a = has_alpha.then(|| waves(a, 5, 5));

    let landscape = width > height;
    let header = field(63.0 * l.constant, 63)
        | field(31.5 + 31.5 * p.constant, 63) << 6
        | field(31.5 + 31.5 * q.constant, 63) << 12
        | field(31.0 * l.scale, 31) << 18
        | u32::from(has_alpha) << 23;
    let shape = (if landscape { ly } else { lx }) as u32
        | field(63.0 * p.scale, 63) << 3
        | field(63.0 * q.scale, 63) << 9
        | u32::from(landscape) << 15;
    let mut hash: Vec<u8> = header.to_le_bytes().into_iter().take(3).chain(shape.to_le_bytes().into_iter().take(2)).collect();
    let alpha = a.iter().map(|a| (field(15.0 * a.constant, 15) | field(15.0 * a.scale, 15) << 4) as u8);
    hash.extend(alpha);
    let varying = [Some(&l), Some(&p), Some(&q), a.as_ref()].into_iter().flatten().flat_map(|waves| &waves.varying);
    let nibbles: Vec<u8> = varying.map(|wave| field(15.0 * wave, 15) as u8).collect();
    hash.extend(nibbles.chunks(2).map(|pair| pair.iter().rev().fold(0, |byte, nibble| byte << 4 | nibble)));
    hash
}

/// One channel as waves: its mean, and the triangle of low frequencies, each as 0 to 1 of twice the largest.
struct Waves {
    constant: f64,
    varying: Vec<f64>,
    scale: f64,
}

impl Waves {
    fn of(channel: &[f64], (width, height): (usize, usize), nx: usize, ny: usize) -> Self {
        let (mut constant, mut varying) = (0.0, Vec::with_capacity(nx * ny / 2));
        let columns: Vec<Vec<f64>> = (0..nx).map(|cx| wave(cx, width)).collect();
        for cy in 0..ny {
            let rows = wave(cy, height);
            // Half of the square: what is high along both sides is left out.
            for (cx, columns) in columns.iter().enumerate().take_while(|(cx, _)| cx * ny < nx * (ny - cy)) {
                let line = |line: &[f64]| line.iter().zip(columns).map(|(value, along)| value * along).sum::<f64>();
                let sum: f64 = channel.chunks(width.max(1)).zip(&rows).map(|(values, down)| line(values) * down).sum();
                let strength = sum / (width * height).max(1) as f64;
                if cx + cy == 0 { constant = strength } else { varying.push(strength) }
            }
        }
        let strongest = varying.iter().fold(0.0f64, |most, strength| most.max(strength.abs()));
        // Of one colour nothing varies but the last bits, which must not be made large.
        let scale = if strongest > NOISE { strongest } else { 0.0 };
        let share = |strength: f64| if scale > 0.0 { 0.5 + 0.5 * strength / scale } else { 0.0 };
        varying.iter_mut().for_each(|strength| *strength = share(*strength));
        Self { constant, varying, scale }
    }
}

/// `frequency` half waves along `side` places.
fn wave(frequency: usize, side: usize) -> Vec<f64> {
    (0..side).map(|place| cosine(frequency * (2 * place + 1), 2 * side)).collect()
}

/// The cosine of `numerator / denominator` half turns.
fn cosine(numerator: usize, denominator: usize) -> f64 {
    // Whole turns and symmetries are taken away in whole numbers, so that what is left is a quarter turn at most.
    let turn = 2 * denominator;
    let within = numerator % turn;
    let upper = within.min(turn - within);
    let (quarter, sign) = if 2 * upper <= denominator { (upper, 1.0) } else { (denominator - upper, -1.0) };
    let angle = 2.0 * FRAC_PI_2 * (quarter as f64 / denominator as f64);
    // Taylor's series; the terms after the tenth are below the last bit.
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..=10u32 {
        term *= -angle * angle / f64::from((2 * n - 1) * (2 * n));
        sum += term;
    }
    sign * sum
}

fn share(sample: u8) -> f64 {
    f64::from(sample) / 255.0
}

/// A value rounded into a field whose largest number is `most`.
fn field(value: f64, most: u32) -> u32 {
    (value.round().max(0.0) as u32).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture drawn by a hash of the place, smoothed by `grain`, with alpha where asked for.
    fn picture(width: usize, height: usize, grain: usize, alpha: bool) -> Vec<[u8; 4]> {
        let pixel = |place: usize| {
            let (x, y) = (place % width / grain, place / width / grain);
            let hash = (x * 7919 + y * 104_729 + 13).wrapping_mul(0x9E37_79B1);
            let [r, g, b, a, ..] = hash.to_le_bytes();
            [r, g, b, if alpha { a } else { 255 }]
        };
        (0..width * height).map(pixel).collect()
    }

    #[test]
    fn hashes_are_those_of_the_reference() {
        for (width, height) in [(32, 32), (100, 75), (37, 100), (100, 3), (5, 9)] {
            for (grain, alpha) in [(1, false), (4, false), (3, true), (1, true)] {
                let pixels = picture(width, height, grain, alpha);
                let ours = thumbhash(width, height, &pixels);
                let reference = ::thumbhash::rgba_to_thumb_hash(width, height, &pixels.concat());
                let name = format!("{width}x{height}, grain {grain}, alpha {alpha}");
                assert_eq!(ours.len(), reference.len(), "{name}");
                // The reference computes with half as many digits: a value in the middle may be rounded to its other side.
                let nibbles = |hash: &[u8]| hash.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect::<Vec<_>>();
                let near = nibbles(&ours).iter().zip(nibbles(&reference)).all(|(a, b)| a.abs_diff(b) <= 1);
                assert!(near, "{name}: {ours:?} {reference:?}");
            }
        }
    }

    #[test]
    fn one_colour_is_its_mean_and_nothing_else() {
        for (width, height) in [(9, 9), (64, 48), (100, 100)] {
            let hash = thumbhash(width, height, &vec![[255, 0, 0, 255]; width * height]);
            let (l, p, q) = (21, (31.5f64 * 1.5).round() as u32, 63);
            let expected = (l | p << 6 | q << 12).to_le_bytes();
            assert_eq!(hash.first_chunk(), expected.first_chunk::<3>(), "{width}x{height}");
            assert!(hash.iter().skip(5).all(|byte| *byte == 0), "{width}x{height}: {hash:?}");
        }
    }

    #[test]
    fn cosines_are_right_to_the_last_digits() {
        for denominator in [1usize, 2, 7, 200] {
            for numerator in 0..5 * denominator {
                let expected = (std::f64::consts::PI * numerator as f64 / denominator as f64).cos();
                let error = (cosine(numerator, denominator) - expected).abs();
                assert!(error < 1e-13, "{numerator}/{denominator}: off by {error}");
            }
        }
    }
}
