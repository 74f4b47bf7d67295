//! The prefilter of B-spline interpolation: from pixels to coefficients (Unser 1999, IEEE Signal Processing Magazine 16(6), 22).
//!
//! ```text
//! missing pixels filled: mean, weighted by 1/distance, of the nearest valid pixels to the left, right, below, above, at most F away; else 0
//! coefficients c = g² Σ_k Σ_l z^|k| z^|l| p[j+k][i+l],   |k|, |l| < K;  image mirrored at its edges
//!     samples in f64: K = 32, F = 28;    in f32: K = F = 16
//!     degree 2: z = √8 - 3, g = -8z / (1 - z²);    degree 3: z = √3 - 2, g = -6z / (1 - z²)
//! ```
//!
//! The recursive filter of the literature is cut where z^K is a hundredth of the precision of the samples' type, 1e-18 and 1e-9 (which changes samples in
//! f32 by at most 3e-9 of the pixels' values), and written as a product, which needs five steps or four and makes a coefficient a function of the 63 × 63 or
//! 31 × 31 pixels around it, whatever else the patch holds:
//!
//! ```text
//! Σ_{k<32} z^k T^k = (1 + zT) (1 + z²T²) (1 + z⁴T⁴) (1 + z⁸T⁸) (1 + z¹⁶T¹⁶)         T: shift by a pixel; and alike with 1/T
//! (1 + z^m T^m) (1 + z^m T^-m) p[i] = (1 + z^2m) (p[i] + a_m (p[i-m] + p[i+m])),    a_m = z^m / (1 + z^2m)
//! ```

use super::patch::{Patch, mirror};
use crate::{Pixel, simd::dispatch, window::Window};

/// The distance up to which pixels are taken into account: those farther away change a sample by less than the precision of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    /// Factors of the filter; each doubles its support.
    factors: usize,
    /// The distance up to which valid pixels fill a missing one.
    pub(super) fill: usize,
}

impl Horizon {
    /// For samples of a type.
    pub(super) fn of<T: Pixel>() -> Horizon {
        if T::EPSILON > f64::EPSILON { Horizon { factors: 4, fill: 16 } } else { Horizon { factors: 5, fill: 28 } }
    }

    /// Pixels on each side of a coefficient that it is made of.
    fn span(self) -> usize {
        (1 << self.factors) - 1
    }

    /// Pixels around the coefficients that the patch has to hold.
    pub(super) fn margin(self) -> usize {
        self.span() + self.fill
    }
}

/// Pixels on one side of a coefficient that count in the variance of a sample, and the pixel itself: those farther away change it by less
/// than 1e-6 of it where mirroring adds their weights to those of near ones, and by 1e-13 elsewhere.
pub(super) const RESPONSE: usize = 12;

/// The filter that turns pixels into coefficients.
struct Prefilter {
    horizon: Horizon,
    /// m and a_m of the factors.
    factors: Vec<(usize, f64)>,
    /// g² and the (1 + z^2m) of both axes: what makes the coefficients of a constant the constant.
    gain: f64,
}

impl Prefilter {
    fn new(pole: f64, horizon: Horizon) -> Self {
        let factor = |squarings| {
            let z = (0..squarings).fold(pole, |z, _| z * z);
            (1 << squarings, z / (1.0 + z * z))
        };
        let factors: Vec<(usize, f64)> = (0..horizon.factors).rev().map(factor).collect();
        let constant: f64 = factors.iter().map(|(_, a)| 1.0 + 2.0 * a).product();
        Prefilter { horizon, factors, gain: 1.0 / (constant * constant) }
    }

    /// Filters a line into one shorter by the span at each end, at the start of a slice as long as the line, which is `line` or `spare`.
    #[inline(always)]
    fn along<'l>(&self, line: &'l mut [f64], spare: &'l mut [f64]) -> &'l [f64] {
        let mut n = line.len();
        let (mut from, mut to) = (line, spare);
        for &(m, a) in &self.factors {
            n = n.saturating_sub(2 * m);
            let pairs = from.iter().zip(&from[2 * m..]);
            for ((to, middle), (low, high)) in to[..n].iter_mut().zip(&from[m..]).zip(pairs) {
                *to = middle + a * (low + high);
            }
            std::mem::swap(&mut from, &mut to);
        }
        from
    }

    /// Filters columns as far as the rows up to `y` allow: each factor follows the one before it as closely as possible, so that
    /// the rows that it reads are still in the cache. Finished rows move up by twice the span.
    #[inline(always)]
    fn down(&self, values: &mut [f64], nx: usize, y: usize) {
        let mut filtered = y;
        for &(m, a) in &self.factors {
            let Some(y) = filtered.checked_sub(2 * m) else { break };
            let (low, rest) = values.split_at_mut((y + 1) * nx);
            let row = |d: usize| &rest[(d - 1) * nx..][..nx];
            for (to, (middle, high)) in low[y * nx..].iter_mut().zip(row(m).iter().zip(row(2 * m))) {
                *to = middle + a * (*to + high);
            }
            filtered = y;
        }
    }
}

/// The coefficients of a patch, NaN on missing pixels.
#[derive(Debug, Default)]
pub(super) struct Coefficients {
    window: Window,
    image: [usize; 2],
    values: Vec<f64>,
    /// The patch in double precision, missing pixels filled.
    filled: Vec<f64>,
    sums: Vec<[f64; 2]>,
    lines: [Vec<f64>; 2],
}

impl Coefficients {
    pub(super) fn bytes(&self) -> usize {
        let lines: usize = self.lines.iter().map(Vec::capacity).sum();
        8 * (self.values.capacity() + self.filled.capacity() + 2 * self.sums.capacity() + lines)
    }

    pub(super) fn patch(&self) -> Patch<'_, f64> {
        Patch { pixels: &self.values, window: self.window, image: self.image }
    }

    /// Computes the coefficients of a spline of degree 2 or 3.
    pub(super) fn compute<P: Pixel>(&mut self, patch: &Patch<'_, P>, degree: usize, horizon: Horizon) {
        let filter = &Prefilter::new(pole(degree), horizon);
        let (from, margin) = (patch.window, filter.horizon.margin());
        let (x0, nx) = inner(from.x0, from.nx, patch.image[1], margin);
        let (y0, ny) = inner(from.y0, from.ny, patch.image[0], margin);
        self.window = Window::new(x0, y0, nx, ny);
        self.image = patch.image;
        if self.window.is_empty() {
            self.values.clear();
            return;
        }
        if self.filter(patch, filter) {
            return;
        }
        self.fill(patch, filter.horizon.fill);
        let filled = std::mem::take(&mut self.filled);
        self.filter(&Patch { pixels: &filled, window: patch.window, image: patch.image }, filter);
        self.filled = filled;
        for (y, row) in (y0 - from.y0..).zip(self.values.chunks_exact_mut(nx)) {
            let pixels = patch.pixels.iter().skip(y * from.nx + x0 - from.x0);
            row.iter_mut().zip(pixels).filter(|(_, p)| !p.to_f64().is_finite()).for_each(|(c, _)| *c = f64::NAN);
        }
    }

    /// The coefficients of a patch; `false` if one of the pixels that they are made of is missing or infinite.
    fn filter<P: Pixel>(&mut self, patch: &Patch<'_, P>, filter: &Prefilter) -> bool {
        let Window { x0, y0, nx, ny } = self.window;
        let span = filter.horizon.span();
        let around = |start: usize, n: usize| start as isize - span as isize..(start + n + span) as isize;
        let wanted = around(x0, nx);
        let direct = wanted.start.max(0)..wanted.end.min(patch.image[1] as isize);
        let [line, spare] = &mut self.lines;
        line.resize(wanted.len(), 0.0);
        spare.resize(wanted.len(), 0.0);
        self.values.resize(nx * (ny + 2 * span), 0.0);
        for (to, y) in around(y0, ny).enumerate() {
            let y = mirror(y, patch.image[0]);
            // Pixels outside of the patch would only be needed where there is no sample.
            let pixels = patch.run(y, direct.start as usize, direct.len());
            let mirrored = |x: isize| patch.run(y, mirror(x, patch.image[1]), 1).map_or(0.0, |pixel| pixel[0].to_f64());
            let before = (direct.start - wanted.start) as usize;
            for (to, x) in line.iter_mut().zip(wanted.start..direct.start) {
                *to = mirrored(x);
            }
            for (to, x) in line.iter_mut().skip(before + direct.len()).zip(direct.end..) {
                *to = mirrored(x);
            }
            let finite = dispatch(
                #[inline(always)]
                || {
                    match pixels {
                        Some(pixels) => {
                            line[before..].iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel.to_f64());
                        }
                        None => line[before..before + direct.len()].fill(0.0),
                    }
                    let finite = all_finite(line);
                    let row = &mut self.values[to * nx..][..nx];
                    row.iter_mut().zip(filter.along(line, spare)).for_each(|(to, c)| *to = filter.gain * c);
                    filter.down(&mut self.values, nx, to);
                    finite
                },
            );
            if !finite {
                return false;
            }
        }
        self.values.truncate(nx * ny);
        true
    }

    /// Copies the patch and fills its missing pixels from others at most `far` away. Pixels outside of the patch are too far away to matter.
    fn fill<P: Pixel>(&mut self, patch: &Patch<'_, P>, far: usize) {
        let Window { nx, ny, .. } = patch.window;
        self.filled.clear();
        self.filled.extend(patch.pixels.iter().map(|p| p.to_f64()));
        self.sums.clear();
        self.sums.resize(self.filled.len(), [0.0; 2]);
        for y in 0..ny {
            self.sweep(far, (0..nx).map(|x| y * nx + x));
            self.sweep(far, (0..nx).rev().map(|x| y * nx + x));
        }
        for x in 0..nx {
            self.sweep(far, (0..ny).map(|y| y * nx + x));
            self.sweep(far, (0..ny).rev().map(|y| y * nx + x));
        }
        for (pixel, [sum, weight]) in self.filled.iter_mut().zip(&self.sums).filter(|(p, _)| !p.is_finite()) {
            *pixel = if *weight > 0.0 { sum / weight } else { 0.0 };
        }
    }

    /// Adds to the missing pixels of a line the last pixel before them.
    fn sweep(&mut self, far: usize, line: impl Iterator<Item = usize>) {
        let (mut last, mut distance) = (0.0, far);
        for at in line {
            let (Some(pixel), Some([sum, weight])) = (self.filled.get(at), self.sums.get_mut(at)) else { return };
            if pixel.is_finite() {
                (last, distance) = (*pixel, 0);
            } else if distance < far {
                distance += 1;
                *sum += last / distance as f64;
                *weight += 1.0 / distance as f64;
            }
        }
    }
}

/// Whether no number is NaN or infinite.
#[inline(always)]
fn all_finite(numbers: &[f64]) -> bool {
    // 0 times anything but a finite number is NaN. Several sums side by side make vectors.
    let mut zeros = [0.0; 16];
    let (chunks, rest) = numbers.as_chunks::<16>();
    for chunk in chunks {
        zeros.iter_mut().zip(chunk).for_each(|(zero, number)| *zero += 0.0 * number);
    }
    rest.iter().all(|number| number.is_finite()) && zeros.iter().all(|zero| *zero == 0.0)
}

/// First and number of the coefficients on one axis of a patch.
fn inner(start: usize, n: usize, image: usize, margin: usize) -> (usize, usize) {
    let first = if start == 0 { 0 } else { start + margin };
    let end = if start + n == image { image } else { (start + n).saturating_sub(margin) };
    (first, end.saturating_sub(first))
}

/// Weight of the pixels 0, 1, 2, … away in a coefficient on one axis: g z^d.
pub(super) fn response(degree: usize) -> [f64; RESPONSE] {
    let z = pole(degree);
    let gain = (1.0 - z) / (1.0 + z);
    std::array::from_fn(|d| gain * z.powi(d as i32))
}

/// z of the filter for a spline of degree 2 or 3.
fn pole(degree: usize) -> f64 {
    if degree == 2 { 8.0_f64.sqrt() - 3.0 } else { 3.0_f64.sqrt() - 2.0 }
}
