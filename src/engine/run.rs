//! The ways to carry a plan out.

use std::sync::Arc;

use ndarray::{ArrayViewMut, ArrayViewMutD, Dimension};

use super::{
    Engine, Part,
    tiles::{CallerArrays, Target},
};
use crate::{
    Combine, Error, MatchBackground, Options, Pixel, Planes, Summary,
    background::TILE,
    corrections::Backgrounds,
    pixel::{Family, Which},
    plan::Plan,
    planes::PlaneSet,
    sink::TileSink,
    window::Window,
};

/// The caller's arrays of a pixel type.
struct Arrays<'o, T> {
    output: ArrayViewMutD<'o, T>,
    footprint: Option<ArrayViewMutD<'o, T>>,
    planes: Planes<'o, T>,
}

/// [`Arrays`], for any pixel type.
struct ArraysOf<'o>(std::marker::PhantomData<&'o ()>);

impl<'o> Family for ArraysOf<'o> {
    type Of<T: Pixel> = Arrays<'o, T>;
}

/// A sink, for any pixel type.
struct SinkOf<'s>(std::marker::PhantomData<&'s ()>);

impl<'s> Family for SinkOf<'s> {
    type Of<T: Pixel> = &'s mut dyn TileSink<T>;
}

/// Nothing but a pixel type.
struct TypeOnly;

impl Family for TypeOnly {
    type Of<T: Pixel> = ();
}

impl<'a> Plan<'a> {
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
        self.run_with(output, Some(footprint), Planes::default())
    }

    /// Carries the plan out like [`run`](Self::run), with an optional footprint, and fills further planes in the same pass. Output and footprint have
    /// the same bytes.
    ///
    /// # Errors
    /// As [`run`](Self::run), and if a plane has another shape, or a variance is asked for and an input has none.
    pub fn run_with<T: Pixel, D: Dimension>(
        &self,
        output: ArrayViewMut<'_, T, D>,
        footprint: Option<ArrayViewMut<'_, T, D>>,
        planes: Planes<'_, T>,
    ) -> Result<Summary, Error> {
        self.run_window_with(self.whole(), output, footprint, planes)
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
        self.run_window_with(window, output, Some(footprint), Planes::default())
    }

    /// Computes one window like [`run_window`](Self::run_window), with an optional footprint, and fills further planes of the window in the same pass.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with), and if the window does not lie in the target.
    pub fn run_window_with<T: Pixel, D: Dimension>(
        &self,
        window: Window,
        output: ArrayViewMut<'_, T, D>,
        footprint: Option<ArrayViewMut<'_, T, D>>,
        planes: Planes<'_, T>,
    ) -> Result<Summary, Error> {
        self.check_window(window)?;
        let mut shape = self.shape().to_vec();
        if let [.., ny, nx] = &mut shape[..] {
            (*ny, *nx) = (window.ny, window.nx);
        }
        let given =
            [("the output", Some(output.shape())), ("the footprint", footprint.as_ref().map(ArrayViewMut::shape))];
        for (what, got) in given {
            if let Some(got) = got.filter(|got| *got != shape) {
                let expected = format!("{shape:?} as planned");
                return Err(Error::Shape { what: what.to_owned(), got: got.to_vec(), expected });
            }
        }
        planes.validate(&shape, self.inputs().len())?;
        if planes.variance.is_some() {
            self.needs_variance("variance", "asked for")?;
        }
        let arrays = Arrays {
            output: output.into_dyn(),
            footprint: footprint.map(ArrayViewMut::into_dyn),
            planes: planes.shortened(),
        };
        match T::which::<ArraysOf<'_>>(arrays) {
            Which::F32(arrays) => single::run(self, window, arrays),
            Which::F64(arrays) => double::run(self, window, arrays),
        }
    }

    /// Carries the plan out and hands the tiles of the mosaic, and of the planes that it asks for, to a sink: what [`run_with`](Self::run_with) writes
    /// into arrays, with the same bytes.
    ///
    /// # Errors
    /// As [`run_with`](Self::run_with), and whatever error the sink returns. The sink is not finished then.
    pub fn run_to<T: Pixel>(&self, sink: &mut dyn TileSink<T>) -> Result<Summary, Error> {
        self.run_window_to(self.whole(), sink)
    }

    /// Computes one window of the target and hands its tiles to a sink, as [`run_to`](Self::run_to) does.
    ///
    /// # Errors
    /// As [`run_to`](Self::run_to), and if the window does not lie in the target.
    pub fn run_window_to<T: Pixel>(&self, window: Window, sink: &mut dyn TileSink<T>) -> Result<Summary, Error> {
        self.check_window(window)?;
        self.run_part_to(Part::Window(window), sink)
    }

    /// Computes some tiles of the target, or parts of tiles, and hands them to a sink, as [`run_to`](Self::run_to) does: each is begun in the order given,
    /// which is the sweep order of the run. For targets that are mostly empty, whose [occupied tiles](Self::occupied_tiles) are few.
    /// [`SinkLayout::window`](crate::SinkLayout::window) is the smallest window that holds all of them.
    ///
    /// # Errors
    /// As [`run_to`](Self::run_to), and if one of the windows is not inside of a tile of the plan.
    pub fn run_tiles_to<T: Pixel>(&self, tiles: &[Window], sink: &mut dyn TileSink<T>) -> Result<Summary, Error> {
        for window in tiles {
            self.check_window(*window)?;
            if !self.is_in_one_tile(window) {
                return Err(Error::Shape {
                    what: "a tile to be computed".to_owned(),
                    got: vec![window.y0, window.x0, window.ny, window.nx],
                    expected: format!(
                        "(y0, x0, ny, nx) inside of one of the plan's tiles, of {} pixels",
                        self.options().tile
                    ),
                });
            }
        }
        self.run_part_to(Part::Tiles(tiles), sink)
    }

    /// Refuses what cannot be gone on with from sums: combinations that need all samples, and planes that tell of single samples.
    pub(crate) fn can_go_on(&self, planes: PlaneSet) -> Result<(), Error> {
        let sums = matches!(
            self.options().combine,
            Combine::Mean | Combine::Sum | Combine::First | Combine::Last | Combine::Min | Combine::Max
        );
        let refuse = |option, got: String, expected: &str| {
            Err(Error::Option {
                option,
                got,
                expected: format!("{expected}, as sums of earlier images are gone on from"),
            })
        };
        if !sums {
            return refuse("combine", format!("{:?}", self.options().combine), "Mean, Sum, First, Last, Min or Max");
        }
        if self.options().match_background != MatchBackground::None {
            return refuse("match_background", format!("{:?}", self.options().match_background), "None");
        }
        if !PlaneSet::FOOTPRINT.contains(planes) {
            return refuse("planes", format!("{planes:?}"), "the footprint at most");
        }
        Ok(())
    }

    fn run_part_to<T: Pixel>(&self, part: Part<'_>, sink: &mut dyn TileSink<T>) -> Result<Summary, Error> {
        if sink.planes().contains(PlaneSet::VARIANCE) {
            self.needs_variance("variance", "asked for by the sink")?;
        }
        if sink.sums().is_some() {
            self.can_go_on(sink.planes())?;
        }
        match T::which::<SinkOf<'_>>(sink) {
            Which::F32(sink) => single::run_to(self, part, sink),
            Which::F64(sink) => double::run_to(self, part, sink),
        }
    }

    fn check_window(&self, window: Window) -> Result<(), Error> {
        if self.whole().contains(&window) {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the window".to_owned(),
            got: vec![window.y0, window.x0, window.ny, window.nx],
            expected: format!("(y0, x0, ny, nx) with pixels in it, inside of the target {:?}", self.shape()),
        })
    }

    /// Measures what [`Options::match_background`] asks for over the whole target, for outputs of type `T`, unless that has been done. A run does so
    /// itself; the windows of a plan share it.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn match_backgrounds<T: Pixel>(&self) -> Result<Arc<Backgrounds>, Error> {
        let known = self.known_backgrounds::<T>();
        if let Some(known) = known.get() {
            return Ok(Arc::clone(known));
        }
        let measured = match T::which::<TypeOnly>(()) {
            Which::F32(()) => single::measure(self),
            Which::F64(()) => double::measure(self),
        };
        let measured = Arc::new(measured?);
        Ok(Arc::clone(known.get_or_init(|| measured)))
    }

    /// The same plan in the tiles in which backgrounds are measured; `None` if it is in them.
    pub(super) fn for_backgrounds(&self) -> Result<Option<Plan<'a>>, Error> {
        if self.options().tile == TILE {
            return Ok(None);
        }
        let options: Options = self.options().clone().tile(TILE);
        Plan::new(self.inputs(), self.target(), self.shape(), &options).map(Some)
    }
}

/// The engine for one pixel type, in functions that are not generic: compiled with this crate, and not again with every crate that calls it.
macro_rules! compiled {
    ($module:ident, $pixel:ty) => {
        mod $module {
            use super::*;

            #[inline(never)]
            pub(super) fn run(plan: &Plan<'_>, window: Window, arrays: Arrays<'_, $pixel>) -> Result<Summary, Error> {
                run_arrays(plan, window, arrays)
            }

            #[inline(never)]
            pub(super) fn run_to(
                plan: &Plan<'_>,
                part: Part<'_>,
                sink: &mut dyn TileSink<$pixel>,
            ) -> Result<Summary, Error> {
                Engine::run_to(plan, part, sink)
            }

            #[inline(never)]
            pub(super) fn measure(plan: &Plan<'_>) -> Result<Backgrounds, Error> {
                Engine::measure::<$pixel>(plan)
            }
        }
    };
}

compiled!(single, f32);
compiled!(double, f64);

fn run_arrays<T: Pixel>(plan: &Plan<'_>, window: Window, arrays: Arrays<'_, T>) -> Result<Summary, Error> {
    let Arrays { output, footprint, planes } = arrays;
    let mut wanted = planes.set();
    wanted.set(PlaneSet::FOOTPRINT, footprint.is_some());
    Engine::run(
        plan,
        Part::Window(window),
        wanted,
        Target::Arrays(Box::new(CallerArrays { mosaic: output, footprint, planes })),
    )
}
