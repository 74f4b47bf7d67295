//! The samples of one input in one block of the output: patch → resample → weight.

mod auxiliary;
mod correlation;
mod place;
mod workspace;

pub(crate) use workspace::Workspace;

use std::ops::Range;

use crate::{
    Error, Pixel,
    input::{InputReader, Part, gather, plane_of, planes_of},
    map::Sky,
    plan::PlannedInput,
    planes::Samples,
    resample::{BlockSamples, PatchAuxiliary},
    simd::dispatch,
    stats::{Stages, Tally, Watch},
    window::Window,
};
use auxiliary::PatchAt;
use place::{ImageGeometry, Place};
use workspace::Auxiliary;

/// Rows of a block that are resampled and handed on together: few enough to stay in the L1 cache.
const BAND_ROWS: usize = 8;

/// What is sampled: a block of the output, in one plane.
#[derive(Clone, Copy)]
struct PlaneJob<'j> {
    reader: &'j InputReader<'j>,
    plane: usize,
    block: Window,
    place: &'j Place<'j>,
    /// `None` if weights, if any, have the pixel grid of the image.
    weights_place: Option<&'j Place<'j>>,
}

impl PlannedInput<'_> {
    /// Hands the samples of the output pixels of `block` in `planes` to `take(plane, window, samples)`, in pieces
    /// that are rows of `window`. Pixels that are not handed over have no sample.
    pub(crate) fn sample<T: Pixel>(
        &self,
        reader: &InputReader<'_>,
        block: Window,
        planes: Range<usize>,
        workspace: &mut Workspace<T>,
        take: &mut impl FnMut(usize, Window, &Samples<'_, T>),
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let mut watch = Watch::start();
        if !planes.clone().any(|plane| self.covers(plane)) {
            return Ok(tally);
        }
        let Some(mut place) = self.place::<T>(self.image_geometry(), block, &mut workspace.scratch, &mut tally) else {
            return Ok(tally);
        };
        let mut weights_place = match self.weights_geometry() {
            None => None,
            Some(geometry) => {
                let place = self.place::<T>(geometry, block, &mut workspace.scratch, &mut tally);
                // Where the weights end the weight is 0.
                if place.is_none() {
                    return Ok(tally);
                }
                place
            }
        };
        let largest = place.cost().max(weights_place.as_ref().map_or(0, Place::cost));
        if largest > workspace.max_patch && block.area() > 1 {
            // The halves report the coordinates that are used, not those of the whole.
            tally = Tally::default();
            tally.stages.coordinates = watch.lap();
            for half in halves(block) {
                tally.merge(&self.sample(reader, half, planes.clone(), workspace, take)?);
            }
            return Ok(tally);
        }
        // Rows and columns beyond have no sample, unless they meet the image across a seam.
        let beyond = self.kernel.needs_inverse_map() || place.sky.as_ref().is_some_and(Sky::is_irregular);
        let Some(block) = (if beyond { Some(block) } else { place.grid.covered() }) else { return Ok(tally) };
        place.prepare(&*self.map, self.inverse.as_deref(), self.coordinate_error);
        if let (Some(place), Some(map)) = (&mut weights_place, &self.weights_map) {
            place.prepare(&**map, None, self.coordinate_error);
        }
        tally.stages.coordinates += watch.lap();
        for plane in planes.filter(|plane| self.covers(*plane)) {
            let mut counted = |window: Window, samples: &Samples<'_, T>| {
                tally.resampled += dispatch(
                    #[inline(always)]
                    || samples.weights.iter().map(|w| u64::from(w.to_f64() > 0.0)).sum::<u64>(),
                );
                take(plane, window, samples);
            };
            let job = PlaneJob { reader, plane, block, place: &place, weights_place: weights_place.as_ref() };
            tally.stages += if self.input.image.is_exact_in_f32() {
                let mut pixels = std::mem::take(&mut workspace.single);
                let stages = self.plane(&job, &mut pixels, workspace, &mut counted)?;
                workspace.single = pixels;
                stages
            } else {
                let mut pixels = std::mem::take(&mut workspace.double);
                let stages = self.plane(&job, &mut pixels, workspace, &mut counted)?;
                workspace.double = pixels;
                stages
            };
        }
        workspace.scratch.recycle(place.linearized);
        Ok(tally)
    }

    fn image_geometry(&self) -> ImageGeometry<'_> {
        ImageGeometry { map: &*self.map, shape: plane_of(&*self.input.image), index: &self.sky[0] }
    }

    /// That of the weights, if they have a pixel grid of their own.
    fn weights_geometry(&self) -> Option<ImageGeometry<'_>> {
        let (map, weights) = (self.weights_map.as_ref()?, self.input.weights.as_ref()?);
        Some(ImageGeometry { map: &**map, shape: plane_of(&*weights.image), index: &self.sky[1] })
    }

    /// Samples one plane.
    fn plane<P: Pixel, T: Pixel>(
        &self,
        job: &PlaneJob<'_>,
        pixels: &mut Vec<P>,
        workspace: &mut Workspace<T>,
        take: &mut impl FnMut(Window, &Samples<'_, T>),
    ) -> Result<Stages, Error> {
        let PlaneJob { reader, plane, block, place, weights_place } = *job;
        let (mut stages, mut watch) = (Stages::default(), Watch::start());
        let Workspace { weight_pixels, scratch, values, coverage, weights, weights_coverage, needs, auxiliary, .. } =
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
        self.read_auxiliary(reader, PatchAt { plane, window: place.window }, pixels, *needs, auxiliary)?;
        let Auxiliary { pixel_variances, pixel_bits, propagated, variances, bits, .. } = auxiliary;
        let patch_auxiliary =
            PatchAuxiliary { variances: pixel_variances, bits: pixel_bits, window: place.window, image: place.image };
        let mut scene = place.scene(pixels);
        let weights_scene = match weights_scene {
            Some(own) if self.kernel.needs_inverse_map() => {
                scene.weights = Some(own.patch);
                None
            }
            own => own,
        };
        stages.patch = watch.lap();
        self.kernel.prepare::<P, T>(&scene.patch, scratch);
        let weights_kernel = self.kernel.for_weights();
        let rows = if self.kernel.is_block_based() { block.ny } else { BAND_ROWS };
        for y0 in (0..block.ny).step_by(rows) {
            let band = Window { y0: block.y0 + y0, ny: rows.min(block.ny - y0), ..block };
            values.resize(band.area(), T::default());
            coverage.resize(band.area(), T::default());
            let samples = BlockSamples { values, coverage };
            if !needs.is_empty() {
                self.kernel.propagate(&scene, &patch_auxiliary, band, scratch, samples, propagated);
            } else {
                self.kernel.sample(&scene, band, scratch, samples);
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
                let samples = BlockSamples { values: weights, coverage: weights_coverage };
                weights_kernel.sample(scene, band, scratch, samples);
                for ((coverage, weight), known) in coverage.iter_mut().zip(&*weights).zip(&*weights_coverage) {
                    // On a common pixel grid, image and weights have the same coverage.
                    let known = if weights_place.is_none() { f64::from(u8::from(*known > 0.0)) } else { *known };
                    *coverage = T::from_f64(coverage.to_f64() * weight * known);
                }
            }
            stages.resampling += watch.lap();
            take(band, &Samples { values, weights: coverage, variances, bits });
            stages.combining += watch.lap();
        }
        Ok(stages)
    }
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
