//! Which inputs touch which part of the output, and what carrying it out will take.

mod bounds;
mod needed;
mod overlap;
mod planned;

use overlap::TileTree;
pub(crate) use planned::PlannedInput;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use crate::{
    Error, Input, MatchBackground, Options, Pixel, Resample, Wcs,
    corrections::Backgrounds,
    input::plane_of,
    map::{Inverse, PixelMap, Steps},
    progress::{Meter, Phase},
    resample::{Kernel, SampleRules},
    threads::ThreadPool,
    window::{Tiles, Window},
};

/// How many times the scale at the reference point a projection may stretch a pixel before kernels that span output pixels miss
/// some at the border of an image.
const MAX_DISTORTION: f64 = 4.0;
/// Input pixels that an output pixel is long at most.
fn stretch(target: &Wcs, input: &Wcs) -> f64 {
    MAX_DISTORTION * target.pixel_scale() / input.pixel_scale()
}

/// Everything that can be known before a pixel is read: made once, inspected, then run whole or window by window.
#[derive(Debug)]
pub struct Plan<'a> {
    inputs: Vec<Input<'a>>,
    target: Wcs,
    shape: Vec<usize>,
    options: Options,
    planned: Vec<PlannedInput<'a>>,
    tiles: Tiles,
    /// The tiles that each input may touch, in order.
    touched: Vec<Vec<usize>>,
    /// The tiles that any input may touch, in order; of a target that is mostly empty these are few.
    occupied: Vec<usize>,
    /// The inputs that may touch each of the occupied tiles, in order.
    touching: Vec<Vec<u32>>,
    /// Each input's sub-grids, once somebody has asked for them.
    bounds: Vec<OnceLock<Vec<Window>>>,
    /// What matches the backgrounds of samples of 4 bytes and of 8, once it is known.
    backgrounds: [OnceLock<Arc<Backgrounds>>; 2],
    /// Most bytes held while they were measured.
    pub(crate) matching_peak: AtomicU64,
}

impl<'a> Plan<'a> {
    /// Plans a mosaic of `shape` (..., ny, nx) on the pixels of `target`. Leading dimensions are those of the inputs, one to one, unless the
    /// [leading axes](Wcs::leading_axes) of target and input say that their planes lie elsewhere: they are then interpolated
    /// ([`Options::spectral_interpolation`]).
    ///
    /// # Errors
    /// If there are no inputs, an input's shape does not fit, its WCS cannot be related to the target's (as with spectral axes of different SPECSYS), or an option
    /// makes no sense.
    pub fn new(inputs: &[Input<'a>], target: &Wcs, shape: &[usize], options: &Options) -> Result<Self, Error> {
        options.validate()?;
        if inputs.is_empty() {
            return Err(Error::NoInputs);
        }
        if let Some(reference) = options.match_background.reference().filter(|reference| *reference >= inputs.len()) {
            return Err(Error::Option {
                option: "match_background",
                got: format!("reference {reference}"),
                expected: format!("the position of an input, 0 to {}", inputs.len() - 1),
            });
        }
        let leading = match shape {
            [leading @ .., ny, nx] if *ny > 0 && *nx > 0 && !leading.contains(&0) => leading,
            _ => {
                return Err(Error::Shape {
                    what: "the output".to_owned(),
                    got: shape.to_vec(),
                    expected: "(..., ny, nx) with pixels in it".to_owned(),
                });
            }
        };
        let pool = ThreadPool::new(options.parallel)?;
        let meter = Meter::new(options.progress.as_ref(), Phase::Planning, 2 * inputs.len() as u64);
        let tiles = Tiles::new(window_of(shape), options.tile);
        let tree = TileTree::new(target, tiles);
        let planned = pool.map(inputs.len(), |index| {
            let input = &inputs[index];
            meter.count(1)?;
            let prepare = || {
                let planes = input.leading_map(target, leading, options.spectral_interpolation)?.map(Arc::new);
                input.validate(planes.as_ref().map_or(leading, |planes| planes.input()))?;
                let map = input.map(target)?;
                let stretch = input.wcs().map_or(f64::INFINITY, |wcs| stretch(target, wcs));
                let Options { resample, missing, flux, antialias, .. } = *options;
                let interpolates = !matches!(resample, Resample::Adaptive(_) | Resample::Exact | Resample::Drizzle(_));
                if input.is_for_interpolation_only() && !interpolates {
                    return Err(Error::Option {
                        option: "resample",
                        got: format!("{resample:?}"),
                        expected: "a kernel that interpolates (nearest to Lanczos), for a HEALPix map".to_owned(),
                    });
                }
                let kernel = Kernel { resample, rules: SampleRules { missing, flux, antialias, stretch } };
                Ok(PlannedInput {
                    input: planes.as_ref().map_or_else(|| input.clone(), |planes| input.through(planes)),
                    leading: planes,
                    inverse: kernel.needs_inverse_map().then(|| inverse(input, &map)).transpose()?,
                    target: [window_of(shape).ny, window_of(shape).nx],
                    map,
                    weights_map: input.weights_map(target)?,
                    kernel,
                    coordinate_error: options.coordinate_error,
                    exclude_bits: options.exclude_bits,
                    sky: Default::default(),
                })
            };
            prepare().map_err(|error: Error| error.of_input(index, input.name()))
        })?;
        let touched = pool.map(inputs.len(), |index| {
            let input = &inputs[index];
            meter.count(1)?;
            let PlannedInput { kernel, map, leading, .. } = &planned[index];
            if leading.as_ref().is_some_and(|planes| !planes.covers_any()) {
                return Ok(Vec::new());
            }
            if kernel.is_unbounded() || (input.wcs().is_none() && kernel.is_block_based()) {
                return Ok(tree.all());
            }
            let Some(wcs) = input.wcs() else {
                let pad = |window: Window| kernel.support_radius(Steps::of(&**map, window).longest());
                let plane = plane_of(&*input.image);
                return Ok(overlap::touched_by_map(&**map, &tiles, window_of(shape), plane, pad));
            };
            let pad = kernel.support_radius(stretch(target, wcs));
            let extent = overlap::extent_of_wcs(wcs, plane_of(&*input.image), pad, target.frame())?;
            Ok(extent.map_or_else(Vec::new, |extent| tree.touched(&extent)))
        })?;
        let mut occupied: Vec<usize> = touched.iter().flatten().copied().collect();
        occupied.sort_unstable();
        occupied.dedup();
        let mut touching = vec![Vec::new(); occupied.len()];
        for (input, touched) in touched.iter().enumerate() {
            let places = touched.iter().filter_map(|tile| occupied.binary_search(tile).ok());
            places.for_each(|place| touching[place].push(input as u32));
        }
        let bounds = inputs.iter().map(|_| OnceLock::new()).collect();
        let plan = Plan {
            inputs: inputs.to_vec(),
            target: target.clone(),
            shape: shape.to_vec(),
            options: options.clone(),
            planned,
            tiles,
            touched,
            occupied,
            touching,
            bounds,
            backgrounds: Default::default(),
            matching_peak: AtomicU64::new(0),
        };
        if options.combine.needs_variance() {
            plan.needs_variance("combine", "InverseVariance")?;
        }
        Ok(plan)
    }

    /// Refuses what takes a variance of every input.
    pub(crate) fn needs_variance(&self, option: &'static str, got: &str) -> Result<(), Error> {
        match self.inputs.iter().enumerate().find(|(_, input)| input.variance.is_none()) {
            None => Ok(()),
            Some((index, input)) => Err(Error::Option {
                option,
                got: got.to_owned(),
                expected: "inputs that all have a variance (Input::with_variance)".to_owned(),
            }
            .of_input(index, input.name())),
        }
    }

    /// Whether a sample may have another weight than 1.
    pub(crate) fn weighted(&self) -> bool {
        let whole = !matches!(self.options.resample, Resample::Exact | Resample::Drizzle(_));
        !whole || self.inputs.iter().any(|input| input.weights.is_some())
    }

    /// Takes backgrounds that have been measured already, by [`match_backgrounds`](Self::match_backgrounds) of the same plan elsewhere,
    /// for outputs of
    /// type `T`: nothing is measured then. Without effect on what this plan has measured or been given before.
    ///
    /// # Errors
    /// [`Error::Option`] if the plan does not match backgrounds; [`Error::Shape`] if they are not of as many planes and inputs as the plan.
    pub fn use_backgrounds<T: Pixel>(&self, backgrounds: Backgrounds) -> Result<(), Error> {
        if self.options.match_background == MatchBackground::None {
            let expected = "a kind of matching, as backgrounds are given".to_owned();
            return Err(Error::Option { option: "match_background", got: "None".to_owned(), expected });
        }
        let (planes, inputs) = (self.planes(), self.inputs.len());
        let others = backgrounds.planes.iter().map(|plane| plane.corrections.len()).find(|count| *count != inputs);
        if backgrounds.planes.len() != planes || others.is_some() {
            return Err(Error::Shape {
                what: "backgrounds".to_owned(),
                got: vec![backgrounds.planes.len(), others.unwrap_or(inputs)],
                expected: format!("[{planes}, {inputs}]: corrections of every input in every plane"),
            });
        }
        self.known_backgrounds::<T>().get_or_init(|| Arc::new(backgrounds));
        Ok(())
    }

    pub(crate) fn known_backgrounds<T>(&self) -> &OnceLock<Arc<Backgrounds>> {
        &self.backgrounds[usize::from(size_of::<T>() == 8)]
    }

    /// The whole target.
    pub fn whole(&self) -> Window {
        window_of(&self.shape)
    }

    pub(crate) fn target(&self) -> &Wcs {
        &self.target
    }

    /// Shape of the output, slowest axis first: (..., ny, nx).
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The options that the plan was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[Input<'a>] {
        &self.inputs
    }

    /// The inputs, by position and in order, that may have samples in a window: none is left out, some may turn out to have none.
    pub fn inputs_in(&self, window: Window) -> Vec<usize> {
        let Some(window) = window.intersection(&self.whole()) else { return Vec::new() };
        let inputs: BTreeSet<usize> =
            self.occupied_at(window).flat_map(|place| &self.touching[place]).map(|input| *input as usize).collect();
        inputs.into_iter().collect()
    }

    /// The tiles that any input may touch, or parts of tiles, of a window, row by row from the left: what lies outside of them has no samples.
    /// [`run_tiles_to`](Self::run_tiles_to) computes them alone. Their sides are [`Options::tile`] pixels, or less at the end of the target.
    pub fn occupied_tiles(&self, window: Window) -> Vec<Window> {
        let tiles = self.occupied_at(window).map(|place| self.tiles.window(self.occupied[place]));
        tiles.filter_map(|tile| tile.intersection(&window)).collect()
    }

    /// The places, among the occupied tiles, of those that a window touches.
    pub(crate) fn occupied_at(&self, window: Window) -> impl Iterator<Item = usize> {
        let span = window.intersection(&self.whole()).map(|part| {
            let first = self.tiles.holding(part.x0, part.y0);
            let last = self.tiles.holding(part.x0 + part.nx - 1, part.y0 + part.ny - 1);
            let columns = self.tiles.place(first).0..=self.tiles.place(last).0;
            (
                self.occupied.partition_point(|tile| *tile < first)
                    ..self.occupied.partition_point(|tile| *tile <= last),
                columns,
            )
        });
        span.into_iter().flat_map(move |(places, columns)| {
            places.filter(move |place| columns.contains(&self.tiles.place(self.occupied[*place]).0))
        })
    }

    /// The sub-grids of an input: windows of the target that, together, hold every output pixel that it covers, few pixels larger than
    /// needed. Several if a seam or a pole of the target splits it; none if it lies outside.
    pub fn bounds(&self, input: usize) -> &[Window] {
        let Some(bounds) = self.bounds.get(input) else { return &[] };
        bounds.get_or_init(|| {
            let PlannedInput { map, input: image, kernel, .. } = &self.planned[input];
            // Of a target as large as the sky, what is sampled of the whole may lie far from the input.
            let touched = &self.touched[input];
            let some = touched.iter().step_by(touched.len() / 16 + 1).map(|tile| self.tiles.window(*tile));
            let steps = Steps::of(&**map, self.whole()).and_of(&**map, some);
            let pad = kernel.support_radius(steps.longest());
            let mut bounds =
                overlap::rectangles(&**map, &self.tiles, &self.touched[input], plane_of(&*image.image), pad);
            if kernel.is_block_based() {
                // A pixel that spans a seam of the input may have its centre on the far side.
                let margin = kernel.output_margin(steps.shortest());
                bounds.iter_mut().for_each(|window| *window = window.grown(margin, self.whole()));
            }
            bounds
        })
    }

    /// How many inputs have [sub-grids](Self::bounds). Those of all inputs are found in parallel, and kept.
    pub fn overlapping(&self) -> usize {
        let pool = ThreadPool::new(self.options.parallel).unwrap_or(ThreadPool::Serial);
        let overlaps = pool.map(self.inputs.len(), |input| Ok(!self.bounds(input).is_empty()));
        overlaps.into_iter().flatten().filter(|overlaps| *overlaps).count()
    }

    /// Planes of the output, all leading dimensions taken together.
    pub(crate) fn planes(&self) -> usize {
        self.shape[..self.shape.len().saturating_sub(2)].iter().product()
    }

    pub(crate) fn planned(&self, input: usize) -> &PlannedInput<'a> {
        &self.planned[input]
    }

    /// The tiles, or parts of tiles, that make up a window, row by row from the left.
    pub(crate) fn tiles_in(&self, window: Window) -> Vec<Window> {
        self.tiles.at(window).filter_map(|tile| self.tiles.window(tile).intersection(&window)).collect()
    }

    /// Whether a window lies in one tile.
    pub(crate) fn is_in_one_tile(&self, window: &Window) -> bool {
        self.tiles.window(self.tiles.holding(window.x0, window.y0)).contains(window)
    }

    /// The inputs that may have samples in a part of a tile, in order.
    pub(crate) fn touching(&self, part: Window) -> impl Iterator<Item = usize> {
        let place = self.occupied.binary_search(&self.tiles.holding(part.x0, part.y0)).ok();
        place.and_then(|place| self.touching.get(place)).into_iter().flatten().map(|input| *input as usize)
    }

    /// The smallest window that holds all that an input may have of a part of a tile.
    pub(crate) fn part(&self, input: usize, part: Window) -> Option<Window> {
        self.bounds(input).iter().filter_map(|window| window.intersection(&part)).reduce(|a, b| a.hull(&b))
    }
}

/// The pixels of an output of shape (..., ny, nx).
fn window_of(shape: &[usize]) -> Window {
    match *shape {
        [.., ny, nx] => Window::new(0, 0, nx, ny),
        _ => Window::default(),
    }
}

#[cfg(test)]
mod tests;

/// What drizzling needs of an input: an inverse map, and weights on the pixels if any.
fn inverse(input: &Input<'_>, map: &Arc<dyn PixelMap>) -> Result<Arc<Inverse>, Error> {
    let refuse =
        |expected: &str| Error::Option { option: "resample", got: "Drizzle".to_owned(), expected: expected.to_owned() };
    if input.weights.as_ref().is_some_and(|weights| weights.has_wcs()) {
        return Err(refuse(
            "weights that lie pixel on pixel on their image: resample them onto it first, or use Exact",
        ));
    }
    let inverse = Inverse::of(map)
        .ok_or_else(|| refuse("a PixelMap with to_output, to know where input pixels fall; or use Exact"))?;
    Ok(Arc::new(inverse))
}
