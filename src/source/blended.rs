//! Cubes whose planes lie between those of the output: planes interpolated as they are read.

use std::{path::Path, sync::Arc};

use super::{PixelSource, ReadContext};
use crate::{
    Error, Header, PixelType, PixelsMut, Window,
    map::{LeadingMap, Tap},
};

/// Pixels of a second plane that are read at once: few enough to stay in the cache.
const CHUNK: usize = 1 << 14;

/// What the numbers of a source are, and so how those of two planes make one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Blend {
    /// Means, with the weights of the planes. A pixel that is missing in one of the planes is missing.
    Pixels,
    /// Means; a weight that is not above 0 becomes this number first, NaN if it is to make the pixel missing.
    Weights(f64),
    /// Sums with the squares of the weights. What is no variance makes the pixel missing.
    Variances,
    /// All flags of either.
    Flags,
}

/// A cube as it is seen through a [`LeadingMap`]: it has the planes of the output.
#[derive(Debug)]
pub(crate) struct Blended<'a> {
    source: Arc<dyn PixelSource + 'a>,
    map: Arc<LeadingMap>,
    blend: Blend,
    shape: Vec<usize>,
}

impl<'a> Blended<'a> {
    pub(crate) fn new(source: Arc<dyn PixelSource + 'a>, map: Arc<LeadingMap>, blend: Blend) -> Blended<'a> {
        let plane = source.shape().iter().skip(source.shape().len().saturating_sub(2));
        let shape = map.output().iter().chain(plane).copied().collect();
        Blended { source, map, blend, shape }
    }
}

impl PixelSource for Blended<'_> {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn element(&self) -> PixelType {
        self.source.element()
    }

    /// Means of `f32` are not.
    fn is_exact_in_f32(&self) -> bool {
        !self.map.interpolates() && self.source.is_exact_in_f32()
    }

    fn read(&self, plane: usize, window: Window, out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        let taps = self.map.taps(plane);
        let Some((first, others)) = taps.split_first() else {
            out.fill_with(|_| f64::NAN);
            return Ok(());
        };
        let out = match out {
            PixelsMut::F64(out) => out,
            PixelsMut::F32(_) if others.is_empty() && self.blend == Blend::Pixels => {
                return self.source.read(first.plane, window, out, run);
            }
            PixelsMut::F32(out) => {
                let mut exact = vec![f64::NAN; out.len()];
                self.read(plane, window, PixelsMut::F64(&mut exact), run)?;
                out.iter_mut().zip(exact).for_each(|(out, exact)| *out = exact as f32);
                return Ok(());
            }
        };
        self.source.read(first.plane, window, PixelsMut::F64(out), run)?;
        self.blend.begin(first, out);
        if others.is_empty() {
            return Ok(());
        }
        let rows = (CHUNK / window.nx.max(1)).clamp(1, window.ny.max(1));
        let mut pixels = vec![0.0; rows * window.nx];
        for tap in others {
            for (y, out) in (0..window.ny).step_by(rows).zip(out.chunks_mut((rows * window.nx).max(1))) {
                let part = Window { y0: window.y0 + y, ny: rows.min(window.ny - y), ..window };
                let pixels = pixels.get_mut(..part.area()).unwrap_or_default();
                self.source.read(tap.plane, part, PixelsMut::F64(pixels), run)?;
                self.blend.add(tap, pixels, out);
            }
        }
        Ok(())
    }

    fn will_read(&self, plane: usize, windows: &[Window], run: &ReadContext<'_>) {
        self.map.taps(plane).iter().for_each(|tap| self.source.will_read(tap.plane, windows, run));
    }

    fn file(&self) -> Option<(&Path, usize)> {
        self.source.file()
    }

    fn header(&self) -> Option<&Header> {
        self.source.header()
    }
}

impl Blend {
    /// Of one plane, the number that enters the sum.
    #[inline(always)]
    fn term(self, weight: f64, number: f64) -> f64 {
        match self {
            Blend::Pixels => weight * number,
            Blend::Weights(none) => weight * if number > 0.0 { number } else { none },
            Blend::Variances if number >= 0.0 && number.is_finite() => weight * weight * number,
            Blend::Variances => f64::NAN,
            Blend::Flags => number,
        }
    }

    /// Makes the numbers of the first plane the sum so far.
    fn begin(self, tap: &Tap, numbers: &mut [f64]) {
        if self != Blend::Flags && (tap.weight != 1.0 || self != Blend::Pixels) {
            numbers.iter_mut().for_each(|number| *number = self.term(tap.weight, *number));
        }
    }

    /// Adds the numbers of a further plane.
    fn add(self, tap: &Tap, numbers: &[f64], sum: &mut [f64]) {
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum = if self == Blend::Flags { either(*sum, *number) } else { *sum + self.term(tap.weight, *number) };
        }
    }
}

/// The flags that either of two has, as they are stored: whole numbers in two's complement. What is none is left for who checks flags.
fn either(a: f64, b: f64) -> f64 {
    let whole = |number: f64| number.fract() == 0.0 && number.abs() < 9e15;
    match (whole(a), whole(b)) {
        (true, true) => (a as i64 | b as i64) as f64,
        (true, false) => b,
        _ => a,
    }
}
