//! The adaptive kernel of DeForest (2004), as in reproject_adaptive: at each output pixel it is as large as the map makes that pixel in the input.
//!
//! ```text
//! P, Ji = position and Jacobian (linearized.rs);  Ji = U diag(s0, s1) Vᵀ;  s = max(1, |s|), signs kept;  J = V diag(1/s) Uᵀ
//! Hann:      w(d) = (1 + cos πu0) (1 + cos πu1), u = J d, where |u0|, |u1| < 1   box: of U s Vᵀ (±1, ±1) around P
//! Gaussian:  w(d) = exp(-2 |J d|² / width²)                                      box: P ± region/2 · max(s)
//! sample = Σ w p / Σ w over the pixels of the box, d from P to the pixel's centre; × |det Ji| to keep flux
//! box not inside of the image: the boundary's rule, or across its edges where it is periodic;  missing pixels: by bad_fill or Options::missing
//! ```
//!
//! The Gaussian, exp(-(a dx² + 2b dx dy + c dy²)), is a product of geometric series: in a box of n × m pixels five exponentials and two
//! multiplications a pixel (series.rs). Equal to the definition to 5e-14 (boxes of 15 × 15), errors grow with n². reproject takes s1 with
//! its sign, so that it pads mirrored maps wrongly; this is avoided here. Nothing depends on the system's mathematical library, whose last
//! bits vary.

use std::f64::consts::SQRT_2;

use super::{
    ellipse::{Ellipse, weight},
    jacobian::area,
    kernel::{BlockKernel, BlockSamples, Requirements, SampleRules, Scene},
    linearized::{self, LinearizedMap},
    observer::WeightObserver,
    patch::Patch,
    series::{self, Gaussians, LANES, hann},
};
use crate::{
    Adaptive, AdaptiveKernel, Boundary, Flux, Missing, Pixel, Resample, map::CoordGrid, simd::dispatch, window::Window,
};

/// The largest distance from the image, in pixels, up to which the pixels of a box outside of it are visited.
const LONGEST: f64 = 16384.0;
/// A distance that no position exceeds.
const UNBOUNDED: f64 = 1e12;

/// The largest distance along an axis from a position to a pixel with weight, where no singular value is above `longest`.
fn radius(adaptive: &Adaptive, longest: f64) -> f64 {
    let longest = longest.max(1.0);
    match adaptive.kernel {
        AdaptiveKernel::Hann => SQRT_2 * longest,
        AdaptiveKernel::Gaussian => 0.5 * adaptive.sample_region_width * longest,
    }
}

/// Whether positions can have samples however far outside of the image they are.
fn is_unbounded(adaptive: &Adaptive) -> bool {
    adaptive.x_cyclic || adaptive.y_cyclic || fills_outside(adaptive)
}

/// Whether every position that the map defines has a sample.
fn fills_outside(adaptive: &Adaptive) -> bool {
    matches!(adaptive.boundary, Boundary::GridConstant { .. } | Boundary::Nearest)
}

/// How far outside of the image a position can have a sample, where an output pixel is `stretch` input pixels long at most. `stretch` is the
/// same for all blocks: what counts must not depend on how the output is cut.
fn limit(adaptive: &Adaptive, stretch: f64) -> f64 {
    match adaptive.boundary {
        Boundary::Strict => 0.0,
        _ if fills_outside(adaptive) => UNBOUNDED,
        _ => radius(adaptive, SQRT_2 * stretch).min(UNBOUNDED),
    }
}

/// The support radius: the limit, and a margin for the neighbours that a Jacobian is computed from. `scale` is the length of output pixels
/// in a block.
fn pad(adaptive: &Adaptive, stretch: f64, scale: f64) -> f64 {
    if is_unbounded(adaptive) {
        return UNBOUNDED;
    }
    (limit(adaptive, stretch) + 3.0 * scale.max(stretch) + 1.0).min(UNBOUNDED)
}

/// The kernel for weights: pixels outside of the image have none, and a missing weight is 0 where missing pixels of the image are filled.
fn for_weights(adaptive: Adaptive) -> Adaptive {
    let boundary = match adaptive.boundary {
        Boundary::Constant { .. } | Boundary::GridConstant { .. } => Boundary::Ignore,
        boundary => boundary,
    };
    Adaptive { boundary, bad_fill: adaptive.bad_fill.map(|_| 0.0), ..adaptive }
}

/// The pixels around a position that count: first and last column, first and last row, which may lie outside of the image.
#[derive(Clone, Copy)]
struct Region {
    x: [f64; 2],
    y: [f64; 2],
}

impl Region {
    fn new([x, y]: [f64; 2], [rx, ry]: [f64; 2]) -> Region {
        Region { x: [(x - rx).ceil(), (x + rx).floor()], y: [(y - ry).ceil(), (y + ry).floor()] }
    }

    fn clip(self, [y, x]: [[f64; 2]; 2]) -> Region {
        Region { x: [self.x[0].max(x[0]), self.x[1].min(x[1])], y: [self.y[0].max(y[0]), self.y[1].min(y[1])] }
    }

    /// NaN compares false.
    fn is_in(&self, [y, x]: [[f64; 2]; 2]) -> bool {
        (self.x[0] >= x[0]) & (self.x[1] <= x[1]) & (self.y[0] >= y[0]) & (self.y[1] <= y[1])
    }

    fn is_empty(&self) -> bool {
        self.x[0] > self.x[1] || self.y[0] > self.y[1]
    }
}

/// What a weight applies to.
enum Weighted {
    /// The pixel (y, x), and its value.
    Pixel([usize; 2], f64),
    /// A value that replaces a pixel outside of the image or a missing one.
    Filled(f64),
    /// A missing pixel that nothing replaces.
    Missing,
    /// Outside of the image.
    Outside,
}

/// Computes samples from the pixels of boxes.
struct Sampling<'s, P> {
    adaptive: &'s Adaptive,
    missing: Missing,
    flux: Flux,
    patch: &'s Patch<'s, P>,
    /// First and last row, first and last column of the image.
    image: [[f64; 2]; 2],
    /// The same, but infinite along a periodic axis.
    ends: [[f64; 2]; 2],
    /// See [`SampleRules::stretch`].
    stretch: f64,
    gaussians: &'s mut Gaussians,
    rows: &'s mut series::Buffers,
}

/// Buffers that are reused from block to block.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) linearized: linearized::Buffers,
    gaussians: Gaussians,
    rows: series::Buffers,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.linearized.bytes() + self.rows.bytes()
    }
}

/// The adaptive kernel with its options.
pub(super) struct FittedKernel<'k> {
    pub(super) adaptive: &'k Adaptive,
    pub(super) rules: &'k SampleRules,
}

impl Requirements for FittedKernel<'_> {
    fn support_radius(&self, scale: f64) -> f64 {
        pad(self.adaptive, self.rules.stretch, scale)
    }

    fn support_radius_on(
        &self,
        grid: &CoordGrid<'_>,
        linearized: Option<&LinearizedMap>,
        _: Window,
        default: f64,
    ) -> f64 {
        let steepest =
            linearized.map_or_else(|| grid.steepest().map(linearized::bound), |linearized| Some(linearized.widest()));
        steepest.map_or(default, |steepest| radius(self.adaptive, steepest) + 1.0)
    }

    fn output_margin(&self, _: f64) -> usize {
        1 + usize::from(self.adaptive.despike_jacobian)
    }

    fn for_weights(&self) -> Resample {
        Resample::Adaptive(for_weights(*self.adaptive))
    }

    fn is_unbounded(&self) -> bool {
        is_unbounded(self.adaptive)
    }

    fn periodic_axes(&self) -> [bool; 2] {
        [self.adaptive.y_cyclic, self.adaptive.x_cyclic]
    }

    /// The map is linearized in advance only where positions come from the exact map. Polynomials are evaluated again for each plane and
    /// few rows, which then stay in the cache.
    fn linearize(
        &self,
        grid: &CoordGrid<'_>,
        block: Window,
        shapes: [[usize; 2]; 2],
        spare: &mut linearized::Buffers,
    ) -> Option<LinearizedMap> {
        let is_exact = grid.steepest().is_none();
        is_exact.then(|| LinearizedMap::new(grid, block, self.adaptive, shapes, std::mem::take(spare)))
    }
}

impl BlockKernel for FittedKernel<'_> {
    type Buffers = Buffers;

    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Buffers,
        BlockSamples { values, coverage }: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        let adaptive = self.adaptive;
        let SampleRules { missing, flux, stretch, .. } = *self.rules;
        let Buffers { linearized: spare, gaussians, rows } = buffers;
        let own = match scene.linearized {
            Some(_) => None,
            None => {
                let shapes = [scene.target, scene.patch.image];
                Some(LinearizedMap::new(scene.grid, block, adaptive, shapes, std::mem::take(spare)))
            }
        };
        if let Some(linearized) = scene.linearized.or(own.as_ref()) {
            let image = scene.patch.image.map(|n| [0.0, n as f64 - 1.0]);
            let open =
                |periodic: bool, ends: [f64; 2]| if periodic { [f64::NEG_INFINITY, f64::INFINITY] } else { ends };
            let ends = [open(adaptive.y_cyclic, image[0]), open(adaptive.x_cyclic, image[1])];
            let patch = &scene.patch;
            let mut sampling = Sampling { adaptive, missing, flux, patch, image, ends, stretch, gaussians, rows };
            let pixels = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
            for (y, (values, coverage)) in (block.y0..).zip(pixels) {
                let pieces = values.chunks_mut(LANES).zip(coverage.chunks_mut(LANES));
                for ((values, coverage), from) in pieces.zip((0..).step_by(LANES)) {
                    observer.start_at((y - block.y0) * block.nx + from);
                    let numbers = linearized.lanes(block.x0 + from, y);
                    dispatch(
                        #[inline(always)]
                        || sampling.piece(numbers, values, coverage, observer),
                    );
                }
            }
        }
        if let Some(own) = own {
            *spare = own.into_buffers();
        }
    }
}

impl<P: Pixel> Sampling<'_, P> {
    /// The samples of a few output pixels of a row: x, y and the Jacobian of each are given.
    #[inline(always)]
    fn piece<T: Pixel, O: WeightObserver>(
        &mut self,
        numbers: [&[f64; LANES]; 6],
        values: &mut [T],
        coverage: &mut [T],
        observer: &mut O,
    ) {
        let jacobian = |k: usize| [2, 3, 4, 5].map(|n| numbers[n][k]);
        let conserve = self.flux == Flux::Conserve;
        let keep = |k: usize| if conserve { area(jacobian(k)) } else { 1.0 };
        if self.adaptive.boundary == Boundary::Strict && self.misses(numbers) {
            values.fill(T::default());
            return coverage.fill(T::default());
        }
        let mut samples = [f64::NAN; LANES];
        if self.adaptive.kernel == AdaptiveKernel::Gaussian {
            self.gaussians.fit(numbers, self.adaptive, self.patch);
            self.gaussians.means(self.patch, values.len(), &mut samples);
            if conserve {
                for (k, sample) in samples.iter_mut().enumerate() {
                    *sample *= keep(k);
                }
            }
        }
        let all = values.iter().zip(&samples).fold(true, |all, (_, sample)| all & sample.is_finite());
        if all && !O::ACTIVE {
            values.iter_mut().zip(&samples).for_each(|(value, sample)| *value = T::from_f64(*sample));
            return coverage.fill(T::from_f64(1.0));
        }
        for (k, (value, cover)) in values.iter_mut().zip(coverage).enumerate().take(LANES) {
            let (mut sample, position) = (samples[k], [numbers[0][k], numbers[1][k]]);
            if !sample.is_finite() {
                sample = self.sample(position, jacobian(k), keep(k));
            }
            (*value, *cover) = (T::default(), T::default());
            if !sample.is_nan() {
                if O::ACTIVE {
                    self.report(k, position, jacobian(k), keep(k), observer);
                }
                (*value, *cover) = (T::from_f64(sample), T::from_f64(1.0));
            }
        }
    }

    /// Whether no box around these positions can lie in the image. NaN compares false.
    #[inline(always)]
    fn misses(&self, [xs, ys, ..]: [&[f64; LANES]; 6]) -> bool {
        let [y, x] = self.ends.map(|[first, last]| [first - 1.0, last + 1.0]);
        let near = |at: f64, ends: [f64; 2]| (at > ends[0]) & (at < ends[1]);
        xs.iter().zip(ys).fold(true, |misses, (at_x, at_y)| misses & !(near(*at_x, x) & near(*at_y, y)))
    }

    /// Whether a position in or outside of the image counts.
    fn counts(&self, [x, y]: [f64; 2], [xu, xv, yu, yv]: [f64; 4]) -> bool {
        let beyond = |x: f64, [first, last]: [f64; 2]| (first - 0.5 - x).max(x - last - 0.5);
        let away = beyond(x, self.ends[1]).max(beyond(y, self.ends[0]));
        let size = (xu * xu + xv * xv + yu * yu + yv * yv).sqrt();
        away <= 0.0
            || fills_outside(self.adaptive)
            || away <= limit(self.adaptive, self.stretch) && size <= SQRT_2 * self.stretch
    }

    /// The sample of one pixel, NaN where there is none: by the Hann kernel, at the edges of the image, and where a pixel is missing or infinite.
    fn sample(&mut self, position: [f64; 2], jacobian: [f64; 4], keep: f64) -> f64 {
        let Some(ellipse) = Ellipse::new(jacobian, self.adaptive) else { return f64::NAN };
        let region = Region::new(position, ellipse.radii());
        if !region.is_in(self.ends) {
            if self.adaptive.boundary == Boundary::Strict || !self.counts(position, jacobian) {
                return f64::NAN;
            }
        } else if let Ellipse::Hann(matrix) = &ellipse
            && region.is_in(self.image)
        {
            let first = [region.x[0], region.y[0]];
            let size = [region.x[1] - first[0], region.y[1] - first[1]].map(|n| (n + 1.0) as usize);
            if let Some([sum, weight]) = hann(self.patch, matrix, position, first, size, self.rows) {
                let sample = sum / weight * keep;
                if sample.is_finite() {
                    return sample;
                }
            }
        }
        self.slow_path(position, &ellipse, region, keep)
    }

    /// The sample pixel by pixel: at the edges of the image, and where a pixel is missing or infinite.
    #[cold]
    fn slow_path(&self, position: [f64; 2], ellipse: &Ellipse, whole: Region, keep: f64) -> f64 {
        let boundary = self.adaptive.boundary;
        if let Boundary::GridConstant { value } = boundary
            && whole.clip(self.ends).is_empty()
        {
            return value;
        }
        let Some(region) = self.region(whole) else { return f64::NAN };
        let [mut sum, mut valid, mut missing, mut outside] = [0.0; 4];
        let complete = self.visit_weights(position, ellipse, region, |w, item| {
            match item {
                Weighted::Pixel(_, value) | Weighted::Filled(value) => {
                    sum += w * value;
                    valid += w;
                }
                Weighted::Outside => outside += w,
                Weighted::Missing if self.missing == Missing::Propagate => return None,
                Weighted::Missing => missing += w,
            }
            Some(())
        });
        if let Boundary::IgnoreThreshold { threshold } = boundary
            && outside > threshold * (outside + valid)
        {
            return f64::NAN;
        }
        if let Missing::Renormalize { min_weight } = self.missing
            && valid < min_weight * (valid + missing)
        {
            return f64::NAN;
        }
        if complete.is_some() { sum / valid * keep } else { f64::NAN }
    }

    /// The part of a box that is visited pixel by pixel; `None` if none of it counts, or so much of it lies outside that visiting it would
    /// take too long.
    fn region(&self, whole: Region) -> Option<Region> {
        let inner = whole.clip(self.ends);
        let region = match self.adaptive.boundary {
            Boundary::Nearest => whole,
            _ if inner.is_empty() => return None,
            Boundary::Strict | Boundary::Ignore => inner,
            _ => whole,
        };
        let short = |[low, high]: [f64; 2], [_, last]: [f64; 2]| -low <= LONGEST && high - last <= LONGEST;
        (short(region.x, self.image[1]) && short(region.y, self.image[0])).then_some(region)
    }

    /// Passes each weight of the kernel that is not 0 and what it applies to, row by row, until `visit` returns `None`.
    fn visit_weights(
        &self,
        [x, y]: [f64; 2],
        ellipse: &Ellipse,
        region: Region,
        mut visit: impl FnMut(f64, Weighted) -> Option<()>,
    ) -> Option<()> {
        for j in region.y[0] as i64..=region.y[1] as i64 {
            for i in region.x[0] as i64..=region.x[1] as i64 {
                let (row, column) = (j as f64, i as f64);
                let w = weight(ellipse, [column - x, row - y]);
                if w == 0.0 {
                    continue;
                }
                let nearest =
                    [row.clamp(self.ends[0][0], self.ends[0][1]), column.clamp(self.ends[1][0], self.ends[1][1])];
                let beyond = nearest != [row, column];
                let at = [0, 1].map(|axis| nearest[axis].rem_euclid(self.image[axis][1] + 1.0) as usize);
                visit(
                    w,
                    match self.adaptive.boundary {
                        Boundary::Constant { value } | Boundary::GridConstant { value } if beyond => {
                            Weighted::Filled(value)
                        }
                        Boundary::IgnoreThreshold { .. } if beyond => Weighted::Outside,
                        _ => self.classify(at),
                    },
                )?;
            }
        }
        Some(())
    }

    /// Infinite pixels propagate with their value under [`Missing::Propagate`], and are missing under all other rules.
    fn classify(&self, at: [usize; 2]) -> Weighted {
        let pixel = self.patch.at(at[0], at[1]);
        match self.adaptive.bad_fill {
            _ if pixel.is_finite() => Weighted::Pixel(at, pixel),
            Some(fill) => Weighted::Filled(fill),
            None if self.missing == Missing::Propagate && !pixel.is_nan() => Weighted::Pixel(at, pixel),
            None => Weighted::Missing,
        }
    }

    /// Reports the weights of the pixels of sample `k`. Filled values have no noise.
    fn report(
        &mut self,
        k: usize,
        position: [f64; 2],
        jacobian: [f64; 4],
        keep: f64,
        observer: &mut impl WeightObserver,
    ) {
        let Some(ellipse) = Ellipse::new(jacobian, self.adaptive) else { return };
        let Some(region) = self.region(Region::new(position, ellipse.radii())) else { return };
        // The pixels that count, once each: beyond the edges they may do so several times.
        let range = |[low, high]: [f64; 2], axis: usize| {
            let [first, last] = self.image[axis];
            let wraps = self.ends[axis] != self.image[axis] && (low < first || high > last);
            let [low, high] = if wraps { [first, last] } else { [low, high].map(|n| n.clamp(first, last)) };
            (low as usize, high as usize + 1 - low as usize)
        };
        let ((x0, nx), (y0, ny)) = (range(region.x, 1), range(region.y, 0));
        let mut rows = std::mem::take(self.rows);
        let weights = rows.zeros(nx * ny);
        let mut total = 0.0;
        self.visit_weights(position, &ellipse, region, |w, item| {
            match item {
                Weighted::Pixel([y, x], _) => {
                    let slot = weights.get_mut((y - y0) * nx + x - x0)?;
                    *slot += w;
                    total += w;
                }
                Weighted::Filled(_) => total += w,
                Weighted::Missing | Weighted::Outside => {}
            }
            Some(())
        });
        for (at, w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            observer.part(k, [y0 + at / nx, x0 + at % nx], *w);
        }
        observer.normalize(k, total / keep);
        *self.rows = rows;
    }
}
