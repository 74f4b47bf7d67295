//! Kernels against the truth: Gaussian sources known in closed form on the input's and on the output's pixels.
//!
//! What is measured is the table of docs/accuracy.md, which the documentation of `Resample` shows: the test fails if a figure there is
//! not the measured one, rounded up to two digits. `ACCURACY=write cargo test --release --test truth` writes the file anew.

mod common;

use std::{fmt::Write, path::Path};

use common::field::{Random, wcs};
use ndarray::Array2;
use skymosaic::{
    Adaptive, AdaptiveKernel, CoordinateError, Drizzle, DrizzleKernel, Input, Options, Resample, Wcs,
    reproject_and_coadd,
};

/// Sources along an axis of the input, and how many pixels they are apart: 15 σ of the widest, and beyond the reach of every kernel.
const SOURCES: usize = 6;
const SPACING: usize = 32;
/// Pixels around them, so that no kernel meets an edge.
const MARGIN: usize = 16;
const SIDE: usize = SOURCES * SPACING + 2 * MARGIN;
const FWHM: [f64; 4] = [1.5, 2.0, 3.0, 5.0];

/// From output to input pixels: turned about the middle of the image, after a shift.
#[derive(Clone, Copy)]
struct Affine {
    scale: f64,
    rotation: f64,
    shift: [f64; 2],
}

const SHIFT: Affine = Affine { scale: 1.0, rotation: 0.0, shift: [0.5, 0.5] };
const TURN: Affine = Affine { scale: 1.0, rotation: 30.0, shift: [0.31, 0.17] };
const FINER: Affine = Affine { scale: 0.6, ..TURN };
const COARSER: Affine = Affine { scale: 2.0, ..TURN };

impl Affine {
    /// Pixels on a side of an output that holds all sources and what kernels make of them.
    fn side(&self) -> usize {
        (1.5 * SIDE as f64 / self.scale) as usize
    }

    fn target(&self) -> Wcs {
        let centre = [0, 1].map(|axis| self.side() as f64 / 2.0 + self.shift[axis]);
        tan(self.scale, self.rotation, centre)
    }

    /// Where a position of the input lies in the output.
    fn to_output(self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        let (dx, dy) = ((x - SIDE as f64 / 2.0) / self.scale, (y - SIDE as f64 / 2.0) / self.scale);
        let centre = [0, 1].map(|axis| self.side() as f64 / 2.0 + self.shift[axis]);
        [centre[0] + cos * dx + sin * dy, centre[1] - sin * dx + cos * dy]
    }
}

/// A tangent plane whose pixel `centre` (counted from 0) is the same for all: maps between two are linear to 1e-10 pixel.
fn tan(scale: f64, rotation: f64, [x, y]: [f64; 2]) -> Wcs {
    let (sin, cos) = rotation.to_radians().sin_cos();
    let scale = scale * 5e-5;
    wcs(&format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 150\nCRVAL2 = 2\nCRPIX1 = {:.9}\nCRPIX2 = {:.9}\n\
         CD1_1 = {:.17e}\nCD1_2 = {:.17e}\nCD2_1 = {:.17e}\nCD2_2 = {:.17e}\n",
        x + 1.0,
        y + 1.0,
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    ))
}

/// What a pixel's value is.
#[derive(Clone, Copy, PartialEq)]
enum Pixels {
    /// The surface brightness at its centre.
    Points,
    /// The mean of the surface brightness over it.
    Areas,
}

impl Pixels {
    /// The part along one axis of the value of a pixel, `d` pixels from a source of width `sigma` pixels and peak 1.
    fn along(self, d: f64, sigma: f64) -> f64 {
        match self {
            Pixels::Points => (-0.5 * (d / sigma).powi(2)).exp(),
            Pixels::Areas => {
                let unit = sigma * 2_f64.sqrt();
                0.5 * std::f64::consts::PI.sqrt() * unit * (erf((d + 0.5) / unit) - erf((d - 0.5) / unit))
            }
        }
    }

    fn value(self, [dx, dy]: [f64; 2], sigma: f64) -> f64 {
        self.along(dx, sigma) * self.along(dy, sigma)
    }
}

/// The error function by 7.6.2 of the Digital Library of Mathematical Functions, whose terms are all positive.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    sum * 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp()
}

/// Sources in the input's pixels: one in each cell, off its centre by a random part of a pixel.
fn sources() -> Vec<[f64; 2]> {
    let mut random = Random(20_261_122);
    let cells = (0..SOURCES * SOURCES).map(|k| [k % SOURCES, k / SOURCES]);
    cells.map(|cell| cell.map(|c| (MARGIN + c * SPACING + SPACING / 2) as f64 + random.between(-0.5, 0.5))).collect()
}

/// Errors in percent: of pixels, of the peak; of the flux of a source; of the width. All are the worst seen, the second apart.
#[derive(Clone, Copy, Default)]
struct Errors {
    max: f64,
    /// Root of the mean square over pixels within a FWHM of a source.
    rms: f64,
    flux: f64,
    width: f64,
}

impl Errors {
    fn worst(self, other: Errors) -> Errors {
        Errors {
            max: self.max.max(other.max),
            rms: self.rms.max(other.rms),
            flux: self.flux.max(other.flux),
            width: if other.width.abs() > self.width.abs() { other.width } else { self.width },
        }
    }
}

/// A row of the table.
struct Kernel {
    name: &'static str,
    options: Options,
    pixels: Pixels,
}

fn measure(kernel: &Kernel, affine: Affine, fwhm: f64) -> Errors {
    let sigma = fwhm / (8.0 * 2_f64.ln()).sqrt();
    let sources = sources();
    let mut input = Array2::<f64>::zeros((SIDE, SIDE));
    for source in &sources {
        let [xs, ys] = source.map(|at| (0..SIDE).map(move |i| kernel.pixels.along(i as f64 - at, sigma)));
        let xs: Vec<f64> = xs.collect();
        for (mut row, y) in input.outer_iter_mut().zip(ys).filter(|(_, y)| *y > 0.0) {
            row.iter_mut().zip(&xs).for_each(|(pixel, x)| *pixel += x * y);
        }
    }
    let shape = (affine.side(), affine.side());
    let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
    let inputs = [Input::from_array(input.view(), tan(1.0, 0.0, [SIDE as f64 / 2.0; 2]))];
    let options = kernel.options.clone().coordinate_error(CoordinateError::Exact);
    reproject_and_coadd(&inputs, &affine.target(), output.view_mut(), footprint.view_mut(), &options).unwrap();

    let sigma = sigma / affine.scale;
    let peak = kernel.pixels.value([0.0; 2], sigma);
    let mut errors = Errors::default();
    let (mut worst, mut squares, mut count) = ((0, 0), 0.0, 0);
    let mut stamps = Vec::new();
    for source in &sources {
        let centre = affine.to_output(*source);
        let radius = (SPACING as f64 / 2.0 - 1.0) / affine.scale;
        let range = |at: f64| (at - radius).ceil() as usize..=(at + radius) as usize;
        let (mut got_sum, mut wanted_sum) = (0.0, 0.0);
        for (y, x) in range(centre[1]).flat_map(|y| range(centre[0]).map(move |x| (y, x))) {
            let d = [x as f64 - centre[0], y as f64 - centre[1]];
            if d[0].hypot(d[1]) > radius {
                continue;
            }
            let (got, wanted) = (output[[y, x]], kernel.pixels.value(d, sigma));
            let error = 100.0 * (got - wanted).abs() / peak;
            assert!(error.is_finite(), "{}: ({y}, {x}) has {got}", kernel.name);
            if error > errors.max {
                (errors.max, worst) = (error, (y, x));
            }
            if d[0].hypot(d[1]) < fwhm / affine.scale {
                (squares, count) = (squares + error * error, count + 1);
            }
            if d[0].hypot(d[1]) < 2.0 * fwhm / affine.scale {
                stamps.push((d, got));
            }
            (got_sum, wanted_sum) = (got_sum + got, wanted_sum + wanted);
        }
        errors.flux = errors.flux.max(100.0 * (got_sum / wanted_sum - 1.0).abs());
    }
    errors.rms = (squares / f64::from(count)).sqrt();
    errors.width = 100.0 * (fitted(kernel.pixels, &stamps, sigma) / sigma - 1.0);
    let [y, x] = [worst.0, worst.1];
    println!(
        "{}, scale {}, rotation {}, FWHM {fwhm}: max {:.3e} % at ({y}, {x}) which has {:e}, rms {:.3e} %, flux {:.3e} %, \
         FWHM {:+.3e} %",
        kernel.name,
        affine.scale,
        affine.rotation,
        errors.max,
        output[[y, x]],
        errors.rms,
        errors.flux,
        errors.width
    );
    errors
}

/// The width of the Gaussian that fits all sources best by least squares, at their true places, with one free height.
fn fitted(pixels: Pixels, stamps: &[([f64; 2], f64)], sigma: f64) -> f64 {
    let misfit = |sigma: f64| {
        let (mut gg, mut gv, mut vv) = (0.0, 0.0, 0.0);
        for (d, value) in stamps {
            let model = pixels.value(*d, sigma);
            (gg, gv, vv) = (gg + model * model, gv + model * value, vv + value * value);
        }
        vv - gv * gv / gg
    };
    // The misfit has one minimum, on which golden sections of a bracket close in.
    let ratio = 0.5 * (5_f64.sqrt() - 1.0);
    let (mut low, mut high) = (0.3 * sigma, 3.0 * sigma);
    let inner = |low: f64, high: f64| [high - ratio * (high - low), low + ratio * (high - low)];
    let [mut a, mut b] = inner(low, high).map(|at| (at, misfit(at)));
    while high - low > 1e-6 * sigma {
        if a.1 < b.1 {
            (high, b) = (b.0, a);
            let at = inner(low, high)[0];
            a = (at, misfit(at));
        } else {
            (low, a) = (a.0, b);
            let at = inner(low, high)[1];
            b = (at, misfit(at));
        }
    }
    0.5 * (low + high)
}

fn kernels() -> Vec<Kernel> {
    let with = |resample| Options::default().resample(resample);
    let points = |name, resample| Kernel { name, options: with(resample), pixels: Pixels::Points };
    let areas = |name, resample| Kernel { name, options: with(resample), pixels: Pixels::Areas };
    let drizzle = |kernel| Resample::Drizzle(Drizzle::default().kernel(kernel));
    vec![
        points("`Nearest`", Resample::Nearest),
        points("`Bilinear`", Resample::Bilinear),
        points("`Biquadratic`", Resample::Biquadratic),
        points("`Bicubic`", Resample::Bicubic),
        points("`Cubic`", Resample::Cubic),
        points("`Lanczos2`", Resample::Lanczos2),
        points("`Lanczos3`", Resample::Lanczos3),
        points("`Lanczos4`", Resample::Lanczos4),
        points("`Lanczos5`", Resample::Lanczos5),
        areas("`Exact`", Resample::Exact),
        areas("`Drizzle`, square", drizzle(DrizzleKernel::Square)),
        areas("`Drizzle`, turbo", drizzle(DrizzleKernel::Turbo)),
        areas("`Drizzle`, Gaussian", drizzle(DrizzleKernel::Gaussian)),
        areas("`Adaptive`, Gaussian", Resample::Adaptive(Adaptive::default())),
        areas("`Adaptive`, Hann", Resample::Adaptive(Adaptive::default().kernel(AdaptiveKernel::Hann))),
    ]
}

/// Kernels that [`Options::antialias`] widens.
fn widened() -> Vec<Kernel> {
    let with = |name, resample| Kernel {
        name,
        options: Options::default().resample(resample).antialias(true),
        pixels: Pixels::Areas,
    };
    vec![
        with("`Bilinear`, `antialias`", Resample::Bilinear),
        with("`Bicubic`, `antialias`", Resample::Bicubic),
        with("`Cubic`, `antialias`", Resample::Cubic),
        with("`Lanczos3`, `antialias`", Resample::Lanczos3),
    ]
}

/// Two digits, and no more than two after the point, rounded up in size.
fn rounded_up(percent: f64) -> String {
    let size = percent.abs();
    let digits = if size < 1.0 {
        2
    } else if size < 9.9 {
        1
    } else {
        0
    };
    let unit = if size > 99.0 { 10.0 } else { 10_f64.powi(-digits) };
    // Rounding errors are not to carry to the next figure.
    let size = (size / unit - 1e-3).ceil().max(0.0) * unit;
    if size == 0.0 {
        "0".to_owned()
    } else {
        format!("{}{size:.*}", if percent < 0.0 { "-" } else { "" }, digits as usize)
    }
}

fn table(title: &str, kernels: &[Kernel], maps: &[Affine], text: &mut String) {
    writeln!(text, "\n{title}\n\n| kernel | FWHM 1.5 | FWHM 2 | FWHM 3 | FWHM 5 |\n|---|---|---|---|---|").unwrap();
    for kernel in kernels {
        write!(text, "| {} |", kernel.name).unwrap();
        for fwhm in FWHM {
            let measured = maps.iter().map(|map| measure(kernel, *map, fwhm));
            let Errors { max, rms, flux, width } = measured.fold(Errors::default(), Errors::worst);
            let [max, rms, flux, width] = [max, rms, flux, width].map(rounded_up);
            write!(text, " {max} · {rms} · {flux} · {width} |").unwrap();
        }
        text.push('\n');
    }
}

#[test]
fn the_documented_accuracy_is_the_measured_one() {
    let mut text = "\
# How true each kernel is

Gaussian sources, rendered in closed form on the pixels of an input and of an output, 36 places between pixels. A cell reads: worst
error of a pixel · rms error of the pixels within a FWHM of a source · worst error of a source's flux · change of the FWHM (of the
Gaussian that fits all sources best). All in percent, the first two of the peak, rounded up; 0 is below 1e-5. FWHM are in input pixels.

Kernels that interpolate are compared with the surface brightness at the centres of pixels, given such an input; the others, and all
with `antialias`, with its mean over pixels, given such an input. Real detectors do the latter: what they see is a
source broadened by a pixel, which kernels that interpolate then keep as it is.

To choose: `Lanczos3` to `Lanczos5` are the truest for sharp sources, `Bicubic` for wide ones and not far behind elsewhere; `Bilinear` is
cheap and never rings; `Exact` keeps the flux of every source and `Drizzle` that of many exposures together, at the price of
a pixel's blur; where output pixels are much longer, `Exact`, `Adaptive` with Hann's kernel or `antialias` leave no flux between samples.
"
    .to_owned();
    let all = kernels();
    table(
        "**Output pixels as long as those of the input**, shifted by half a pixel along each axis or turned by 30°, the worse of the two:",
        &all,
        &[SHIFT, TURN],
        &mut text,
    );
    table("**Output pixels 0.6 as long**, turned by 30°:", &all, &[FINER], &mut text);
    let both: Vec<Kernel> = all.into_iter().chain(widened()).collect();
    table("**Output pixels twice as long**, turned by 30°:", &both, &[COARSER], &mut text);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/accuracy.md");
    if std::env::var_os("ACCURACY").is_some_and(|what| what == "write") {
        std::fs::write(&path, &text).unwrap();
    }
    let documented = std::fs::read_to_string(&path).unwrap();
    for (documented, measured) in documented.lines().zip(text.lines()) {
        assert_eq!(documented, measured, "docs/accuracy.md is not what was measured");
    }
    assert_eq!(documented, text);
}

#[test]
fn erf_is_right() {
    // Table 7.1 of Abramowitz and Stegun.
    for (x, wanted) in [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
        assert!((erf(x) - wanted).abs() < 1e-10 && erf(-x) == -erf(x), "{x}: {}", erf(x));
    }
}
