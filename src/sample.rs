//! The samples of one input over one block of the output: patch → resample → weight.

use std::ops::Range;

use crate::{
    Error, Pixel,
    input::{Input, Source, gather, plane_of, planes_of},
    map::{CoordGrid, Inverse, PixelMap, Sky, SkyIndex, Steps},
    options::CoordinateError,
    plan::PlannedInput,
    planes::{PlaneSet, Samples},
    progress::Meter,
    resample::{Known, Linear, Patch, Propagated, Scene, Scratch},
    simd::dispatch,
    source::{BlockCache, PixelSource, ReadContext},
    stats::{Stages, Tally, Watch},
    window::Window,
};

/// Rows of a block that are resampled and handed on together: few enough to stay in the L1 cache.
const BAND_ROWS: usize = 8;

/// Half the side of the square of output pixels whose correlation is measured.
const CORRELATED: usize = 8;
/// Input pixels that may be looked at for it.
const MOST_CORRELATED: usize = 1 << 22;

/// How the pixels of one input are read in a run.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'r> {
    pub(crate) cache: &'r BlockCache<'r>,
    pub(crate) meter: &'r Meter<'r>,
    /// Position of the input in the list of inputs.
    pub(crate) input: usize,
}

/// The sources that an input is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Image,
    Weights,
    Variance,
    Mask,
}

impl Reader<'_> {
    const PARTS: [Part; 4] = [Part::Image, Part::Weights, Part::Variance, Part::Mask];

    fn of(&self, part: Part) -> ReadContext<'_> {
        ReadContext::new(self.cache, self.meter, Self::number(self.input, part))
    }

    /// The sources of an input, in the order of their numbers.
    pub(crate) fn sources<'s>(input: &Input<'s>) -> [Option<Source<'s>>; 4] {
        let weights = input.weights.as_ref().map(|weights| Source::clone(&weights.image));
        [Some(Source::clone(&input.image)), weights, input.variance.clone(), input.mask.clone()]
    }

    /// Notes that an input is going to be read.
    pub(crate) fn expect(cache: &BlockCache<'_>, input: usize) {
        Self::PARTS.iter().for_each(|part| cache.expect(Self::number(input, *part)));
    }

    /// Drops what has been decoded of an input.
    pub(crate) fn release(cache: &BlockCache<'_>, input: usize) {
        Self::PARTS.iter().for_each(|part| cache.release(Self::number(input, *part)));
    }

    fn number(input: usize, part: Part) -> u64 {
        (input * Self::PARTS.len() + part as usize) as u64
    }
}

/// What a worker needs to sample; reused from block to block.
pub(crate) struct Workspace<T> {
    /// Input pixels that a patch may have. A block is halved until it needs no more, so that a strong reduction in scale, or
    /// a block across a seam, does not ask for the whole image at once.
    max_patch: usize,
    single: Vec<f32>,
    double: Vec<f64>,
    weight_pixels: Vec<f64>,
    scratch: Scratch,
    values: Vec<T>,
    coverage: Vec<T>,
    weights: Vec<f64>,
    weights_coverage: Vec<f64>,
    needs: PlaneSet,
    further: FurtherSpace<T>,
}

/// What is needed where inputs have variances or masks.
struct FurtherSpace<T> {
    flags: Vec<f64>,
    pixel_variances: Vec<f64>,
    pixel_bits: Vec<u32>,
    propagated: Propagated,
    variances: Vec<T>,
    bits: Vec<u32>,
}

impl<T> Workspace<T> {
    pub(crate) fn new(max_patch: usize, needs: PlaneSet) -> Self {
        let further = FurtherSpace {
            flags: Vec::new(),
            pixel_variances: Vec::new(),
            pixel_bits: Vec::new(),
            propagated: Propagated::default(),
            variances: Vec::new(),
            bits: Vec::new(),
        };
        Workspace {
            // Twice as much is held of a pixel of which more is known.
            max_patch: if needs.is_empty() { max_patch } else { max_patch / 2 },
            needs,
            further,
            single: Vec::new(),
            double: Vec::new(),
            weight_pixels: Vec::new(),
            scratch: Scratch::default(),
            values: Vec::new(),
            coverage: Vec::new(),
            weights: Vec::new(),
            weights_coverage: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let doubles = self.double.capacity() + self.weight_pixels.capacity() + self.further.flags.capacity();
        let further = self.further.pixel_variances.capacity() * 8
            + self.further.pixel_bits.capacity() * 4
            + self.further.propagated.bytes()
            + self.further.variances.capacity() * size_of::<T>()
            + self.further.bits.capacity() * 4;
        self.single.capacity() * 4
            + doubles * 8
            + self.scratch.bytes()
            + further
            + self.values.capacity() * (2 * size_of::<T>() + 16)
    }
}

/// The coordinates of a block in one image.
struct Place<'g> {
    grid: CoordGrid<'g>,
    /// Input pixels that any sample of the block can need.
    window: Window,
    /// Shape (ny, nx) of the image.
    image: [usize; 2],
    sky: Option<Sky>,
    /// Of the window's pixels in the output, and the output's shape.
    forward: Option<CoordGrid<'g>>,
    linear: Option<Linear>,
    target: [usize; 2],
}

impl<'g> Place<'g> {
    fn scene<'s, P>(&'s self, pixels: &'s [P]) -> Scene<'s, P> {
        let patch = Patch { pixels, window: self.window, image: self.image };
        let (sky, forward) = (self.sky.as_ref(), self.forward.as_ref());
        Scene {
            grid: &self.grid,
            patch,
            sky,
            forward,
            target: self.target,
            weights: None,
            linear: self.linear.as_ref(),
        }
    }

    /// Input pixels worth of memory that the block takes.
    fn cost(&self) -> usize {
        let corners = self.sky.as_ref().is_some_and(|sky| !sky.is_flat());
        self.window.area() * if corners { 4 } else { 1 } + self.linear.as_ref().map_or(0, Linear::len)
    }

    fn prepare(&mut self, map: &dyn PixelMap, inverse: Option<&'g Inverse>, error: CoordinateError) {
        self.forward = inverse.map(|inverse| {
            // Farther outside no drop of these pixels touches the output.
            let pad = 3.0 * Steps::of(inverse, self.window).longest() + 1.0;
            CoordGrid::new(inverse, self.window, 1, error, self.target, pad)
        });
        if let Some(sky) = self.sky.as_mut().filter(|sky| !sky.is_flat()) {
            sky.with_input(map, self.window);
        }
    }
}

impl PlannedInput<'_> {
    /// Hands the samples of the output pixels of `block` in `planes` to `sink(plane, window, samples)`, in pieces
    /// that are rows of `window`; pixels that are not handed over have none.
    pub(crate) fn sample<T: Pixel>(
        &self,
        reader: &Reader<'_>,
        block: Window,
        planes: Range<usize>,
        workspace: &mut Workspace<T>,
        sink: &mut impl FnMut(usize, Window, &Samples<'_, T>),
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let mut watch = Watch::start();
        let [image_sky, weights_sky] = &self.sky;
        let Some(mut place) =
            self.place::<T>(&*self.map, block, &*self.input.image, image_sky, &mut workspace.scratch, &mut tally)
        else {
            return Ok(tally);
        };
        let mut weights_place = match (&self.weights_map, &self.input.weights) {
            (Some(map), Some(weights)) => {
                let place =
                    self.place::<T>(&**map, block, &*weights.image, weights_sky, &mut workspace.scratch, &mut tally);
                // Where the weights end the weight is 0.
                if place.is_none() {
                    return Ok(tally);
                }
                place
            }
            _ => None,
        };
        let largest = place.cost().max(weights_place.as_ref().map_or(0, Place::cost));
        if largest > workspace.max_patch && block.area() > 1 {
            // What the halves report counts, not the coordinates of the whole.
            tally = Tally::default();
            tally.stages.coordinates = watch.lap();
            for half in halves(block) {
                tally.merge(&self.sample(reader, half, planes.clone(), workspace, sink)?);
            }
            return Ok(tally);
        }
        // Rows and columns beyond have no sample, unless they meet the image across a seam.
        let beyond = self.kernel.needs_forward() || place.sky.as_ref().is_some_and(Sky::is_wild);
        let Some(block) = (if beyond { Some(block) } else { place.grid.covered() }) else { return Ok(tally) };
        place.prepare(&*self.map, self.inverse.as_deref(), self.coordinate_error);
        if let (Some(place), Some(map)) = (&mut weights_place, &self.weights_map) {
            place.prepare(&**map, None, self.coordinate_error);
        }
        tally.stages.coordinates += watch.lap();
        for plane in planes {
            let mut counted = |window: Window, samples: &Samples<'_, T>| {
                tally.resampled += dispatch(
                    #[inline(always)]
                    || samples.weights.iter().map(|w| u64::from(w.to_f64() > 0.0)).sum::<u64>(),
                );
                sink(plane, window, samples);
            };
            let weights_place = weights_place.as_ref();
            tally.stages += if self.input.image.is_exact_in_f32() {
                let mut pixels = std::mem::take(&mut workspace.single);
                let stages =
                    self.plane(reader, plane, block, &place, weights_place, &mut pixels, workspace, &mut counted)?;
                workspace.single = pixels;
                stages
            } else {
                let mut pixels = std::mem::take(&mut workspace.double);
                let stages =
                    self.plane(reader, plane, block, &place, weights_place, &mut pixels, workspace, &mut counted)?;
                workspace.double = pixels;
                stages
            };
        }
        workspace.scratch.recycle(place.linear);
        Ok(tally)
    }

    /// Where the samples of a block, of type `T`, lie in an image; `None` if none of them can lie in it.
    fn place<'m, T: Pixel>(
        &self,
        map: &'m dyn PixelMap,
        block: Window,
        pixels: &dyn PixelSource,
        index: &SkyIndex,
        scratch: &mut Scratch,
        tally: &mut Tally,
    ) -> Option<Place<'m>> {
        let image @ [ny, nx] = plane_of(pixels);
        let steps = Steps::of(map, block);
        let reach = self.kernel.reach(steps.longest());
        let margin = self.kernel.margin(steps.shortest());
        let grid = CoordGrid::new(map, block, margin, self.coordinate_error, image, reach);
        tally.grid.merge(&grid.report());
        let linear = self.kernel.linear(&grid, block, [self.target, image], scratch);
        let reach = self.kernel.reach_on(&grid, linear.as_ref(), block, reach) + self.kernel.surround::<T>() as f64;
        let axis = |low: f64, high: f64, n: usize, cyclic: bool| {
            let turns = if cyclic { (low / n as f64).floor() * n as f64 } else { 0.0 };
            let (low, high) = (low - turns, high - turns);
            if cyclic && !(low - reach >= 0.0 && high + reach <= n as f64 - 1.0) {
                return (0, n);
            }
            // Saturating casts; positions in the outer half pixel need the edge pixel.
            let first = ((low - reach).floor().max(0.0) as usize).min(n - 1);
            let last = ((high + reach).ceil().max(0.0) as usize).min(n - 1);
            (first, last - first + 1)
        };
        let mut window = grid.bounds().map(|[x_min, x_max, y_min, y_max]| {
            let [y_cyclic, x_cyclic] = self.kernel.cyclic();
            let ((x0, nx), (y0, ny)) = (axis(x_min, x_max, nx, x_cyclic), axis(y_min, y_max, ny, y_cyclic));
            Window::new(x0, y0, nx, ny)
        });
        let mut sky = self.kernel.needs_sky().then(|| Sky::new(map, block, self.coordinate_error));
        if let Some(sky) = sky.as_mut().filter(|sky| !sky.is_flat()) {
            sky.with_output(map);
            if sky.is_wild() {
                let found = sky.wild_cap().and_then(|cap| index.window(map, image, &cap));
                window = window.map_or(found, |window| Some(found.map_or(window, |found| window.hull(&found))));
            }
        }
        let mut window = window?;
        let [x, y] = [window.x0, window.y0].map(|first| first % self.kernel.alignment());
        window = Window::new(window.x0 - x, window.y0 - y, window.nx + x, window.ny + y);
        Some(Place { grid, window, image, sky, forward: None, linear, target: self.target })
    }

    #[allow(clippy::too_many_arguments)]
    fn plane<P: Pixel, T: Pixel>(
        &self,
        reader: &Reader<'_>,
        plane: usize,
        block: Window,
        place: &Place<'_>,
        weights_place: Option<&Place<'_>>,
        pixels: &mut Vec<P>,
        workspace: &mut Workspace<T>,
        sink: &mut impl FnMut(Window, &Samples<'_, T>),
    ) -> Result<Stages, Error> {
        let (mut stages, mut watch) = (Stages::default(), Watch::start());
        let Workspace { weight_pixels, scratch, values, coverage, weights, weights_coverage, needs, further, .. } =
            workspace;
        gather(&*self.input.image, &reader.of(Part::Image), plane, place.window, pixels)?;
        let weights_scene = match &self.input.weights {
            None => None,
            Some(given) => {
                let own = weights_place.unwrap_or(place);
                let plane = if planes_of(&*given.image) == 1 { 0 } else { plane };
                gather(&*given.image, &reader.of(Part::Weights), plane, own.window, weight_pixels)?;
                let none = self.input.no_weight();
                weight_pixels.iter_mut().filter(|w| !(**w > 0.0)).for_each(|w| *w = none);
                if weights_place.is_none() {
                    let missing = pixels.iter_mut().zip(&*weight_pixels).filter(|(_, w)| w.is_nan());
                    missing.for_each(|(pixel, _)| *pixel = P::NAN);
                }
                Some(own.scene(weight_pixels))
            }
        };
        self.find_known(reader, plane, place.window, pixels, *needs, further)?;
        let FurtherSpace { pixel_variances, pixel_bits, propagated, variances, bits, .. } = further;
        let known = Known { variances: pixel_variances, bits: pixel_bits, window: place.window, image: place.image };
        let mut scene = place.scene(pixels);
        let weights_scene = match weights_scene {
            Some(own) if self.kernel.needs_forward() => {
                scene.weights = Some(own.patch);
                None
            }
            own => own,
        };
        stages.patch = watch.lap();
        self.kernel.prepare::<P, T>(&scene.patch, scratch);
        let weights_kernel = self.kernel.for_weights();
        let rows = if self.kernel.likes_whole_blocks() { block.ny } else { BAND_ROWS };
        for y0 in (0..block.ny).step_by(rows) {
            let band = Window { y0: block.y0 + y0, ny: rows.min(block.ny - y0), ..block };
            values.resize(band.area(), T::default());
            coverage.resize(band.area(), T::default());
            if !needs.is_empty() {
                self.kernel.propagate(&scene, &known, band, scratch, values, coverage, propagated);
            } else {
                self.kernel.sample(&scene, band, scratch, values, coverage);
            }
            let scale = self.input.scale();
            if scale != 1.0 {
                values.iter_mut().for_each(|value| *value = T::from_f64(value.to_f64() * scale));
            }
            if !needs.is_empty() {
                variances.clear();
                variances.extend(propagated.variances.iter().map(|v| T::from_f64(v * (scale * scale))));
                std::mem::swap(bits, &mut propagated.bits);
            }
            if let Some(scene) = &weights_scene {
                weights.resize(band.area(), 0.0);
                weights_coverage.resize(band.area(), 0.0);
                weights_kernel.sample(scene, band, scratch, weights, weights_coverage);
                for ((coverage, weight), known) in coverage.iter_mut().zip(&*weights).zip(&*weights_coverage) {
                    // Pixel on pixel, image and weights are there alike, and the coverage is theirs in common.
                    let known = if weights_place.is_none() { f64::from(u8::from(*known > 0.0)) } else { *known };
                    *coverage = T::from_f64(coverage.to_f64() * weight * known);
                }
            }
            stages.resampling += watch.lap();
            sink(band, &Samples { values, weights: coverage, variances, bits });
            stages.combining += watch.lap();
        }
        Ok(stages)
    }

    /// Reads variances and flags of a patch, makes the pixels missing that these say are, and puts down what is known of the others if that
    /// is needed.
    fn find_known<P: Pixel, T: Pixel>(
        &self,
        reader: &Reader<'_>,
        plane: usize,
        window: Window,
        pixels: &mut [P],
        needs: PlaneSet,
        space: &mut FurtherSpace<T>,
    ) -> Result<(), Error> {
        let FurtherSpace { flags: read, pixel_variances: variances, pixel_bits, .. } = space;
        let plane_in = |given: &dyn PixelSource| if planes_of(given) == 1 { 0 } else { plane };
        pixel_bits.clear();
        pixel_bits.resize(if needs.contains(PlaneSet::MASK) { pixels.len() } else { 0 }, 0);
        if let Some(mask) = &self.input.mask {
            let width = 8 * mask.element().size() as u32;
            gather(&**mask, &reader.of(Part::Mask), plane_in(&**mask), window, read)?;
            for (k, (pixel, stored)) in pixels.iter_mut().zip(&*read).enumerate() {
                let flags = flags(*stored, width)?;
                if flags.is_none_or(|bits| bits & self.exclude_bits != 0) {
                    *pixel = P::NAN;
                }
                if let (Some(known), Some(bits)) = (pixel_bits.get_mut(k), flags) {
                    *known = bits;
                }
            }
        }
        match &self.input.variance {
            Some(variance) => {
                gather(&**variance, &reader.of(Part::Variance), plane_in(&**variance), window, variances)?;
                let bad = |variance: f64| !(variance >= 0.0 && variance.is_finite());
                let pixels = pixels.iter_mut().zip(&*variances);
                pixels.filter(|(_, variance)| bad(**variance)).for_each(|(pixel, _)| *pixel = P::NAN);
            }
            None => {
                variances.clear();
                variances.resize(if !needs.is_empty() { pixels.len() } else { 0 }, 0.0);
            }
        }
        if !needs.is_empty() {
            let known = variances.iter_mut().zip(&*pixels);
            known.filter(|(_, pixel)| self.kernel.is_missing(pixel.to_f64())).for_each(|(known, _)| *known = f64::NAN);
        }
        Ok(())
    }

    /// √(Σ covariances / Σ variances) of the samples near the middle of a rectangle of the output, for noise that is independent from
    /// one input pixel to the next; `None` if there are no samples, or the reduction in scale is so strong that finding out takes too much.
    pub(crate) fn noise_correlation(&self, bounds: Window) -> Option<f64> {
        let target = Window::new(0, 0, self.target[1], self.target[0]);
        let around = |half: usize| {
            let (x, y) = (bounds.x0 + bounds.nx / 2, bounds.y0 + bounds.ny / 2);
            let (x0, y0) = (x.saturating_sub(half), y.saturating_sub(half));
            Window::new(x0, y0, x + half - x0, y + half - y0).intersection(&target)
        };
        let inner = around(CORRELATED)?;
        let longest = Steps::of(&*self.map, inner).longest().max(0.02);
        // Samples farther apart share no pixel that matters.
        let apart = 2.0 * (self.kernel.reach(longest) + self.kernel.surround::<f64>() as f64).min(8.0 + 2.0 * longest)
            / longest
            * 1.5
            + 2.0;
        let block = around(CORRELATED + (apart.ceil() as usize).min(8 * CORRELATED))?;
        let mut place = self.place::<f64>(
            &*self.map,
            block,
            &*self.input.image,
            &self.sky[0],
            &mut Scratch::default(),
            &mut Tally::default(),
        )?;
        if place.cost() > MOST_CORRELATED {
            return None;
        }
        place.prepare(&*self.map, self.inverse.as_deref(), self.coordinate_error);
        let pixels = vec![1.0; place.window.area()];
        let [all, own] = self.kernel.covariance(&place.scene(&pixels), block, inner);
        (own > 0.0).then(|| (all / own).max(0.0).sqrt())
    }
}

/// The bits of flags that are stored as an integer of so many bits; `None` for BLANK.
fn flags(stored: f64, width: u32) -> Result<Option<u32>, Error> {
    if stored.is_nan() {
        return Ok(None);
    }
    // Two's complement: the sign of a short integer is its highest bit.
    let unsigned = if stored < 0.0 && width <= 32 { stored + 2.0_f64.powi(width as i32) } else { stored };
    if unsigned.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&unsigned) {
        return Err(Error::Option {
            option: "mask",
            got: format!("a pixel of {stored}"),
            expected: "flags in bits 0 to 31".to_owned(),
        });
    }
    Ok(Some(unsigned as u32))
}

/// The block in two, across its longer side.
fn halves(block: Window) -> [Window; 2] {
    if block.nx >= block.ny {
        let left = block.nx / 2;
        [Window { nx: left, ..block }, Window { x0: block.x0 + left, nx: block.nx - left, ..block }]
    } else {
        let top = block.ny / 2;
        [Window { ny: top, ..block }, Window { y0: block.y0 + top, ny: block.ny - top, ..block }]
    }
}
