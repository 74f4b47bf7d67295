//! Keys, Lanczos and linear kernels as their definitions, on the mirrored image; widened where an output pixel is `s` times as long.

use std::f64::consts::PI;

use super::Tap;

pub(crate) fn linear(d: f64) -> f64 {
    (1.0 - d.abs()).max(0.0)
}

/// a = -1/2.
pub(crate) fn keys(d: f64) -> f64 {
    let d = d.abs();
    if d <= 1.0 {
        1.5 * d.powi(3) - 2.5 * d.powi(2) + 1.0
    } else if d < 2.0 {
        -0.5 * d.powi(3) + 2.5 * d.powi(2) - 4.0 * d + 2.0
    } else {
        0.0
    }
}

pub(crate) fn lanczos(n: f64, d: f64) -> f64 {
    let sinc = |d: f64| if d == 0.0 { 1.0 } else { (PI * d).sin() / (PI * d) };
    // The sine of a multiple of π is not exactly 0.
    if d.abs() >= n || d != 0.0 && d.fract() == 0.0 { 0.0 } else { sinc(d) * sinc(d / n) }
}

/// d c b | a b c d | c b a
pub(crate) fn mirrored(mut i: isize, n: usize) -> isize {
    let last = n as isize - 1;
    if last == 0 {
        return 0;
    }
    while i < 0 || i > last {
        i = if i < 0 { -i } else { 2 * last - i };
    }
    i
}

/// The position, clamped to the pixel centres, if it is in the image.
pub(crate) fn clamped(c: f64, n: usize) -> Option<f64> {
    (c >= -0.5 && c < n as f64 - 0.5).then(|| c.clamp(0.0, n as f64 - 1.0))
}

/// Pixels (not mirrored) within `radius` and their weights, normalised.
fn axis(x: f64, radius: f64, kernel: &dyn Fn(f64) -> f64) -> Vec<(isize, f64)> {
    let pixels = (x - radius).ceil() as isize..=(x + radius).floor() as isize;
    let weights: Vec<_> = pixels.map(|i| (i, kernel(i as f64 - x))).collect();
    let sum: f64 = weights.iter().map(|(_, w)| w).sum();
    weights.into_iter().map(|(i, w)| (i, w / sum)).collect()
}

/// The taps of a kernel that reaches `radius` input pixels, for x and y.
pub(crate) fn taps(
    [x, y]: [f64; 2],
    [ny, nx]: [usize; 2],
    radius: [f64; 2],
    kernels: [&dyn Fn(f64) -> f64; 2],
) -> Vec<Tap> {
    let (Some(x), Some(y)) = (clamped(x, nx), clamped(y, ny)) else { return vec![] };
    let (wx, wy) = (axis(x, radius[0], kernels[0]), axis(y, radius[1], kernels[1]));
    let tap =
        |(j, v): (isize, f64), (i, w): (isize, f64)| Tap { j: mirrored(j, ny), i: mirrored(i, nx), weight: v * w };
    wy.iter().flat_map(|v| wx.iter().map(|w| tap(*v, *w))).collect()
}
