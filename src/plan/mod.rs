//! Which inputs touch which part of the output, and what carrying it out will take.

mod window;

pub use window::Window;

use ndarray::{ArrayViewMut, Dimension};

use crate::{
    Error, Input, Intermediate, Options, Pixel, Summary, Wcs,
    engine::Engine,
    fits::FitsCache,
    resample::Kernel,
    sample::Sampler,
    schedule::Crew,
};

/// Bytes a worker may use where `memory_limit` does not say otherwise.
const SHARE: u64 = 96 << 20;
/// Files mapped at a time.
const MAPPED_FILES: usize = 32;
/// Bytes without which a worker cannot work.
const MIN_SHARE: u64 = 1 << 20;

/// Everything that can be known before a pixel is read: made once, inspected, then run whole or window by window.
#[derive(Debug)]
pub struct Plan<'p, 'a> {
    inputs: &'p [Input<'a>],
    shape: Vec<usize>,
    options: Options,
    samplers: Vec<Sampler<'p, 'a>>,
}

impl<'p, 'a> Plan<'p, 'a> {
    /// Plans a mosaic of `shape` (..., ny, nx) on the pixels of `target`. Leading dimensions are those of the inputs, one to one.
    ///
    /// # Errors
    /// If there are no inputs, an input's shape does not fit, its WCS cannot be related to the target's, or an option makes no sense.
    pub fn new(inputs: &'p [Input<'a>], target: &Wcs, shape: &[usize], options: &Options) -> Result<Self, Error> {
        options.validate()?;
        if inputs.is_empty() {
            return Err(Error::NoInputs);
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
        let crew = Crew::hire(options.parallel)?;
        let samplers = crew.map(inputs.len(), |index| {
            let input = &inputs[index];
            let sampler = || {
                input.validate(leading)?;
                Ok(Sampler {
                    input,
                    map: input.map(target)?,
                    weights_map: input.weights_map(target)?,
                    kernel: Kernel { resample: options.resample, missing: options.missing },
                    coordinate_error: options.coordinate_error,
                })
            };
            sampler().map_err(|error: Error| error.of_input(index, input.name()))
        })?;
        Ok(Plan { inputs, shape: shape.to_vec(), options: options.clone(), samplers })
    }

    /// Carries the plan out. Both buffers have the plan's shape, any strides, and are overwritten.
    ///
    /// # Errors
    /// If a buffer has another shape, an input cannot be read, memory or disk do not suffice, or the progress callback says stop.
    /// The buffers then hold an unfinished mosaic.
    pub fn run<T: Pixel, D: Dimension>(
        &self,
        output: ArrayViewMut<'_, T, D>,
        footprint: ArrayViewMut<'_, T, D>,
    ) -> Result<Summary, Error> {
        self.run_window(self.whole(), output, footprint)
    }

    /// Computes one window of the target: the same bytes as [`run`](Self::run) gives there. The buffers have the plan's leading dimensions
    /// and then (window.ny, window.nx).
    ///
    /// # Errors
    /// As [`run`](Self::run), and if the window does not lie in the target.
    pub fn run_window<T: Pixel, D: Dimension>(
        &self,
        window: Window,
        output: ArrayViewMut<'_, T, D>,
        footprint: ArrayViewMut<'_, T, D>,
    ) -> Result<Summary, Error> {
        if !self.whole().contains(&window) {
            return Err(Error::Shape {
                what: "the window".to_owned(),
                got: vec![window.y0, window.x0, window.ny, window.nx],
                expected: format!("(y0, x0, ny, nx) with pixels in it, inside of the target {:?}", self.shape),
            });
        }
        let mut shape = self.shape.clone();
        if let [.., ny, nx] = &mut shape[..] {
            (*ny, *nx) = (window.ny, window.nx);
        }
        for (what, got) in [("the output", output.shape()), ("the footprint", footprint.shape())] {
            if got != shape {
                let expected = format!("{shape:?} as planned");
                return Err(Error::Shape { what: what.to_owned(), got: got.to_vec(), expected });
            }
        }
        Engine::run(self, window, output.into_dyn(), footprint.into_dyn())
    }

    /// The whole target.
    pub fn whole(&self) -> Window {
        match self.shape[..] {
            [.., ny, nx] => Window::new(0, 0, nx, ny),
            _ => Window::default(),
        }
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
    pub fn inputs(&self) -> &'p [Input<'a>] {
        self.inputs
    }

    /// The windows of the target that, together, hold every output pixel that an input covers. Empty if it covers none.
    pub fn bounds(&self, _input: usize) -> &[Window] {
        &[]
    }

    /// Planes of the output, all leading dimensions taken together.
    pub(crate) fn planes(&self) -> usize {
        self.shape[..self.shape.len().saturating_sub(2)].iter().product()
    }

    pub(crate) fn sampler(&self, input: usize) -> &Sampler<'p, 'a> {
        &self.samplers[input]
    }

    /// The inputs that may have samples in a tile, in order.
    pub(crate) fn touching(&self, tile: Window) -> impl Iterator<Item = usize> {
        0..self.inputs.len()
    }

    /// The smallest window that holds all that an input may have of a tile.
    pub(crate) fn part(&self, input: usize, tile: Window) -> Option<Window> {
        Some(tile)
    }

    /// Bytes that each of so many workers may use.
    pub(crate) fn share(&self, workers: usize) -> Result<usize, Error> {
        let Some(limit) = self.options.memory_limit else { return Ok(SHARE as usize) };
        // The other half is for decoded inputs and intermediates.
        let share = limit / 2 / workers.max(1) as u64;
        if share < MIN_SHARE {
            let what = format!("work on {workers} threads");
            let needed = 2 * MIN_SHARE * workers as u64;
            return Err(Error::Memory { what, needed, limit, remedy: "use fewer threads".to_owned() });
        }
        Ok(share.min(SHARE) as usize)
    }

    /// For a run: few files mapped at a time, decoded images in memory as far as the limit allows and in mapped temporaries beyond.
    pub(crate) fn files(&self) -> FitsCache {
        let dir = match &self.options.intermediate {
            Intermediate::Mapped { dir } => dir.clone(),
            _ => None,
        };
        FitsCache::new(MAPPED_FILES, self.options.memory_limit.map_or(u64::MAX, |limit| limit / 2), dir)
    }

    /// Whether `bytes` fit into the half of the memory limit that is not for workspaces.
    pub(crate) fn afford(&self, what: &str, bytes: u64) -> Result<(), Error> {
        match self.options.memory_limit {
            Some(limit) if bytes > limit / 2 => Err(Error::Memory {
                what: what.to_owned(),
                needed: 2 * bytes,
                limit,
                remedy: "use Intermediate::Mapped or Intermediate::None".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
