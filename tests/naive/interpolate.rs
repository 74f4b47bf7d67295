//! Nearest and bilinear: valid from -0.5 up to, not including, n - 0.5; the outer half pixel has the value at the centres of the edge pixels.

use super::Tap;

fn clamped(c: f64, n: usize) -> Option<f64> {
    (c >= -0.5 && c < n as f64 - 0.5).then(|| c.clamp(0.0, n as f64 - 1.0))
}

/// The pixel whose centre is nearest; a tie goes to the larger index.
pub(crate) fn nearest(x: f64, y: f64, ny: usize, nx: usize) -> Vec<Tap> {
    match (clamped(x, nx), clamped(y, ny)) {
        (Some(x), Some(y)) => vec![Tap { j: (y + 0.5).floor() as isize, i: (x + 0.5).floor() as isize, weight: 1.0 }],
        _ => vec![],
    }
}

/// The four pixels around, weighted by the areas opposite.
pub(crate) fn bilinear(x: f64, y: f64, ny: usize, nx: usize) -> Vec<Tap> {
    let (Some(x), Some(y)) = (clamped(x, nx), clamped(y, ny)) else { return vec![] };
    let (i, j) = (x.floor(), y.floor());
    let (f, g) = (x - i, y - j);
    let tap = |dj: isize, di: isize, weight: f64| Tap { j: j as isize + dj, i: i as isize + di, weight };
    vec![tap(0, 0, (1.0 - g) * (1.0 - f)), tap(0, 1, (1.0 - g) * f), tap(1, 0, g * (1.0 - f)), tap(1, 1, g * f)]
}
