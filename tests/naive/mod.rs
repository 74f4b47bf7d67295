//! The naive reference: one output pixel after another, f64, the exact map, no tiles and no cleverness.
//!
//! A kernel family is one file with a function from a position to taps, which are pixels and kernel weights. What a missing
//! pixel does, how weights enter and how samples combine is here, once, for all of them.

// Every integration test that says `mod naive` uses a part of it.
#![allow(dead_code)]

pub(crate) mod adaptive;
pub(crate) mod area;
pub(crate) mod combine;
pub(crate) mod convolution;
pub(crate) mod drizzle;
pub(crate) mod interpolate;
pub(crate) mod robust;
pub(crate) mod spline;

use combine::Combine;

/// A plane of ny × nx pixels, row-major; NaN is missing.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) pixels: Vec<f64>,
    pub(crate) ny: usize,
    pub(crate) nx: usize,
}

impl Image {
    pub(crate) fn new(pixels: Vec<f64>, ny: usize, nx: usize) -> Image {
        assert_eq!(pixels.len(), ny * nx);
        Image { pixels, ny, nx }
    }

    /// The pixel in row `j`, column `i`; NaN outside of the image.
    pub(crate) fn at(&self, j: isize, i: isize) -> f64 {
        let inside = j >= 0 && i >= 0 && j < self.ny as isize && i < self.nx as isize;
        if inside { self.pixels[j as usize * self.nx + i as usize] } else { f64::NAN }
    }
}

/// One pixel (row j, column i) and its weight in the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tap {
    pub(crate) j: isize,
    pub(crate) i: isize,
    pub(crate) weight: f64,
}

/// The taps of the sample at (x, y) of an image of ny × nx pixels; none where the kernel says that it is outside.
pub(crate) type Kernel<'k> = &'k dyn Fn(f64, f64, usize, usize) -> Vec<Tap>;

/// What a missing pixel with a non-zero kernel weight does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Missing {
    Propagate,
    Renormalize { min_weight: f64 },
}

/// The sample that the taps make of the image, if there is one.
pub(crate) fn sample(image: &Image, taps: &[Tap], missing: Missing) -> Option<f64> {
    let used: Vec<_> =
        taps.iter().filter(|tap| tap.weight != 0.0).map(|tap| (tap.weight, image.at(tap.j, tap.i))).collect();
    if used.is_empty() {
        return None;
    }
    match missing {
        Missing::Propagate => {
            let spoilt = used.iter().any(|(_, pixel)| pixel.is_nan());
            (!spoilt).then(|| used.iter().map(|(weight, pixel)| weight * pixel).sum())
        }
        Missing::Renormalize { min_weight } => {
            let there: Vec<_> = used.into_iter().filter(|(_, pixel)| !pixel.is_nan()).collect();
            let total: f64 = there.iter().map(|(weight, _)| weight).sum();
            (total >= min_weight).then(|| there.iter().map(|(weight, pixel)| weight * pixel).sum::<f64>() / total)
        }
    }
}

/// From an output pixel (x, y) to the position (x, y) in an input, NaN where there is none.
pub(crate) type Map<'m> = &'m dyn Fn(f64, f64) -> (f64, f64);

/// Weights of an input: pixel on pixel, or with a map of their own. A weight that is not above 0 is missing.
pub(crate) struct Weights<'m> {
    pub(crate) image: Image,
    pub(crate) own: Option<Map<'m>>,
}

/// An input of a mosaic.
pub(crate) struct Input<'m> {
    pub(crate) image: Image,
    pub(crate) map: Map<'m>,
    pub(crate) weights: Option<Weights<'m>>,
}

impl Input<'_> {
    /// Value and weight of the input's sample for the output pixel (x, y), if it has one. Value and weight are sampled alike.
    pub(crate) fn sample(&self, x: f64, y: f64, kernel: Kernel<'_>, missing: Missing) -> Option<(f64, f64)> {
        let mut image = self.image.clone();
        let mut weight = 1.0;
        if let Some(weights) = &self.weights {
            let known = weights.image.pixels.iter().map(|w| if *w > 0.0 { *w } else { f64::NAN }).collect();
            let known = Image::new(known, weights.image.ny, weights.image.nx);
            if weights.own.is_none() {
                let missing = image.pixels.iter_mut().zip(&known.pixels).filter(|(_, w)| w.is_nan());
                missing.for_each(|(pixel, _)| *pixel = f64::NAN);
            }
            let (x, y) = weights.own.unwrap_or(self.map)(x, y);
            weight = sample(&known, &kernel(x, y, known.ny, known.nx), missing)?;
        }
        let (x, y) = (self.map)(x, y);
        let value = sample(&image, &kernel(x, y, image.ny, image.nx), missing)?;
        Some((value, weight))
    }
}

/// The mosaic of ny × nx pixels and its footprint, row-major.
pub(crate) fn mosaic(
    inputs: &[Input<'_>],
    [ny, nx]: [usize; 2],
    kernel: Kernel<'_>,
    missing: Missing,
    how: Combine,
    blank: f64,
) -> (Vec<f64>, Vec<f64>) {
    let pixel = |y: usize, x: usize| {
        let samples = inputs.iter().filter_map(|input| input.sample(x as f64, y as f64, kernel, missing));
        combine::combine(how, &samples.collect::<Vec<_>>(), blank)
    };
    (0..ny).flat_map(|y| (0..nx).map(move |x| (y, x))).map(|(y, x)| pixel(y, x)).unzip()
}
