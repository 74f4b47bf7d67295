//! Where the output pixels of a block lie in an image.

use crate::{
    Pixel,
    map::{CoordGrid, Inverse, PixelMap, Sky, SkyIndex, Steps},
    options::CoordinateError,
    plan::PlannedInput,
    resample::{LinearizedMap, Patch, Scene, Scratch},
    stats::Tally,
    window::Window,
};

/// An image, as far as its geometry is concerned.
#[derive(Clone, Copy)]
pub(super) struct ImageGeometry<'m> {
    pub(super) map: &'m dyn PixelMap,
    /// Shape (ny, nx) of its planes.
    pub(super) shape: [usize; 2],
    pub(super) index: &'m SkyIndex,
}

/// The coordinates of a block in one image.
pub(super) struct Place<'g> {
    pub(super) grid: CoordGrid<'g>,
    /// Input pixels that any sample of the block can need.
    pub(super) window: Window,
    /// Shape (ny, nx) of the image.
    pub(super) image: [usize; 2],
    pub(super) sky: Option<Sky>,
    /// The map from the window's pixels to the output.
    pub(super) inverse: Option<CoordGrid<'g>>,
    pub(super) linearized: Option<LinearizedMap>,
    /// Shape (ny, nx) of the output.
    pub(super) target: [usize; 2],
}

impl<'g> Place<'g> {
    pub(super) fn scene<'s, P>(&'s self, pixels: &'s [P]) -> Scene<'s, P> {
        let patch = Patch { pixels, window: self.window, image: self.image };
        let (sky, inverse) = (self.sky.as_ref(), self.inverse.as_ref());
        Scene {
            grid: &self.grid,
            patch,
            sky,
            inverse,
            target: self.target,
            weights: None,
            linearized: self.linearized.as_ref(),
        }
    }

    /// Input pixels worth of memory that the block takes.
    pub(super) fn cost(&self) -> usize {
        let corners = self.sky.as_ref().is_some_and(|sky| !sky.is_flat());
        self.window.area() * if corners { 4 } else { 1 } + self.linearized.as_ref().map_or(0, LinearizedMap::len)
    }

    pub(super) fn prepare(&mut self, map: &dyn PixelMap, inverse: Option<&'g Inverse>, error: CoordinateError) {
        self.inverse = inverse.map(|inverse| {
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
    /// Where the samples of a block, of type `T`, lie in an image; `None` if none of them can lie in it.
    pub(super) fn place<'m, T: Pixel>(
        &self,
        geometry: ImageGeometry<'m>,
        block: Window,
        scratch: &mut Scratch,
        tally: &mut Tally,
    ) -> Option<Place<'m>> {
        let ImageGeometry { map, shape: image @ [ny, nx], index } = geometry;
        let steps = Steps::of(map, block);
        let radius = self.kernel.support_radius(steps.longest());
        let margin = self.kernel.output_margin(steps.shortest());
        let grid = CoordGrid::new(map, block, margin, self.coordinate_error, image, radius);
        tally.grid.merge(&grid.report());
        let linearized = self.kernel.linearize(&grid, block, [self.target, image], scratch);
        let radius = self.kernel.support_radius_on(&grid, linearized.as_ref(), block, radius)
            + self.kernel.prefilter_margin::<T>() as f64;
        let axis = |low: f64, high: f64, n: usize, periodic: bool| {
            let periods = if periodic { (low / n as f64).floor() * n as f64 } else { 0.0 };
            let (low, high) = (low - periods, high - periods);
            if periodic && !(low - radius >= 0.0 && high + radius <= n as f64 - 1.0) {
                return (0, n);
            }
            // Saturating casts; positions in the outer half pixel need the edge pixel.
            let first = ((low - radius).floor().max(0.0) as usize).min(n - 1);
            let last = ((high + radius).ceil().max(0.0) as usize).min(n - 1);
            (first, last - first + 1)
        };
        let mut window = grid.bounds().map(|[x_min, x_max, y_min, y_max]| {
            let [y_periodic, x_periodic] = self.kernel.periodic_axes();
            let ((x0, nx), (y0, ny)) = (axis(x_min, x_max, nx, x_periodic), axis(y_min, y_max, ny, y_periodic));
            Window::new(x0, y0, nx, ny)
        });
        let mut sky = self.kernel.needs_sky().then(|| Sky::new(map, block, self.coordinate_error));
        if let Some(sky) = sky.as_mut().filter(|sky| !sky.is_flat()) {
            sky.with_output(map);
            if sky.is_irregular() {
                let found = sky.irregular_cap().and_then(|cap| index.window(map, image, &cap));
                window = window.map_or(found, |window| Some(found.map_or(window, |found| window.hull(&found))));
            }
        }
        let mut window = window?;
        let [x, y] = [window.x0, window.y0].map(|first| first % self.kernel.alignment());
        window = Window::new(window.x0 - x, window.y0 - y, window.nx + x, window.ny + y);
        Some(Place { grid, window, image, sky, inverse: None, linearized, target: self.target })
    }
}
