//! A sink that keeps everything and checks what it gets, and mosaics to hand to sinks.

use std::sync::Mutex;

use ndarray::{Array2, Array3, Array4, ArrayD, ArrayView2, Axis, IxDyn, s};
use skymosaic::{
    Combine, Error, FinishedTile, Input, Options, Pixel, Plan, PlaneSet, Planes, SinkLayout, TileOrder, TileSink,
    Window,
};

use super::field::{noise, tan};

/// All planes of a run as numbers, by name, bit for bit.
pub(crate) type Bits = Vec<(&'static str, Vec<u64>)>;

/// Keeps the tiles of a run, and checks that every pixel comes once.
pub(crate) struct Collect<T> {
    pub(crate) planes: PlaneSet,
    pub(crate) order: TileOrder,
    pub(crate) kept: Mutex<Kept<T>>,
}

pub(crate) struct Kept<T> {
    window: Window,
    seen: Array3<u8>,
    values: [Array3<T>; 3],
    integers: [Array3<i32>; 2],
    context: Array4<i32>,
    /// Number, window and plane of the tiles as they came.
    pub(crate) tiles: Vec<(usize, Window, usize)>,
    /// The tiles that were said to come.
    pub(crate) layout: Vec<Window>,
    pub(crate) finished: usize,
    pub(crate) stopped: usize,
}

impl<T: Pixel> Collect<T> {
    pub(crate) fn new(planes: PlaneSet, order: TileOrder) -> Self {
        let kept = Kept {
            window: Window::default(),
            seen: Array3::zeros((0, 0, 0)),
            values: [(); 3].map(|()| Array3::from_elem((0, 0, 0), T::NAN)),
            integers: [(); 2].map(|()| Array3::zeros((0, 0, 0))),
            context: Array4::zeros((0, 0, 0, 0)),
            tiles: Vec::new(),
            layout: Vec::new(),
            finished: 0,
            stopped: 0,
        };
        Collect { planes, order, kept: Mutex::new(kept) }
    }

    /// What came, once the run is over: every pixel once, and every tile that was said to come.
    pub(crate) fn bits(&self) -> Bits {
        let kept = self.kept.lock().unwrap();
        assert!(kept.seen.iter().all(|count| *count == 1), "every pixel comes once");
        assert_eq!((kept.finished, kept.stopped), (1, 0));
        assert_eq!(kept.tiles.len(), kept.layout.len() * kept.seen.len_of(Axis(0)));
        let value = |name, k: usize| (name, kept.values[k].iter().map(|v| v.to_f64().to_bits()).collect());
        let integer = |name, k: usize| (name, kept.integers[k].iter().map(|v| *v as u64).collect());
        let mut bits = vec![value("mosaic", 0)];
        let flags = [PlaneSet::FOOTPRINT, PlaneSet::VARIANCE, PlaneSet::MASK, PlaneSet::COUNT, PlaneSet::CONTEXT];
        for (k, _) in flags.into_iter().enumerate().filter(|(_, plane)| self.planes.contains(*plane)) {
            bits.push(match k {
                0 => value("footprint", 1),
                1 => value("variance", 2),
                2 => integer("mask", 0),
                3 => integer("count", 1),
                _ => ("context", kept.context.iter().map(|v| *v as u64).collect()),
            });
        }
        bits
    }

    /// Numbers and planes of the tiles as they came.
    pub(crate) fn sequence(&self) -> Vec<(usize, usize)> {
        self.kept.lock().unwrap().tiles.iter().map(|(number, _, plane)| (*number, *plane)).collect()
    }
}

impl<T: Pixel> TileSink<T> for Collect<T> {
    fn planes(&self) -> PlaneSet {
        self.planes
    }

    fn order(&self) -> TileOrder {
        self.order
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let kept = self.kept.get_mut().unwrap();
        let (planes, Window { nx, ny, .. }) = (layout.planes, layout.window);
        kept.window = layout.window;
        kept.seen = Array3::zeros((planes, ny, nx));
        kept.values.iter_mut().for_each(|array| *array = Array3::from_elem((planes, ny, nx), T::NAN));
        kept.integers.iter_mut().for_each(|array| *array = Array3::from_elem((planes, ny, nx), -7));
        kept.context = Array4::from_elem((layout.inputs.div_ceil(32), planes, ny, nx), -7);
        kept.layout = layout.tiles.to_vec();
        assert!(layout.planes_at_once <= planes && layout.threads > 0);
        Ok(0)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let mut kept = self.kept.lock().unwrap();
        assert_eq!(kept.layout[tile.number], tile.window);
        let Window { x0, y0, nx, ny } = tile.window;
        let (x, y) = (x0 - kept.window.x0, y0 - kept.window.y0);
        let at = s![tile.plane, y..y + ny, x..x + nx];
        kept.seen.slice_mut(at).mapv_inplace(|count| count + 1);
        let wanted = [PlaneSet::NONE, PlaneSet::FOOTPRINT, PlaneSet::VARIANCE];
        for (k, view) in [Some(tile.mosaic), tile.footprint, tile.variance].into_iter().enumerate() {
            assert_eq!(view.is_some(), k == 0 || self.planes.contains(wanted[k]), "{k}");
            view.iter().for_each(|view: &ArrayView2<'_, T>| kept.values[k].slice_mut(at).assign(view));
        }
        for (k, view) in [tile.mask, tile.count].into_iter().enumerate() {
            assert_eq!(view.is_some(), self.planes.contains([PlaneSet::MASK, PlaneSet::COUNT][k]), "{k}");
            view.iter().for_each(|view| kept.integers[k].slice_mut(at).assign(view));
        }
        let words = if self.planes.contains(PlaneSet::CONTEXT) { kept.context.len_of(Axis(0)) } else { 0 };
        assert_eq!(tile.context.len(), words);
        for (word, view) in tile.context.iter().enumerate() {
            kept.context.slice_mut(s![word, tile.plane, y..y + ny, x..x + nx]).assign(view);
        }
        kept.tiles.push((tile.number, tile.window, tile.plane));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.kept.get_mut().unwrap().finished += 1;
        Ok(())
    }

    fn stop(&self) {
        self.kept.lock().unwrap().stopped += 1;
    }
}

/// A plan of 40 cubes of so many planes (one: images) with weights, variances and masks on a target of 200 rows and 300 columns.
pub(crate) fn plan(planes: usize, options: &Options) -> Plan<'static> {
    let mut inputs = Vec::new();
    for k in 0..40_u64 {
        let shape = [40 + k as usize, 60 - k as usize / 2];
        let (dx, dy) = ((k % 8) as f64 - 3.5, (k / 8) as f64 - 2.0);
        let wcs = tan(10.0 + dx * 0.011, 40.0 + dy * 0.01, shape, 0.0003, 31.0 * k as f64);
        let cube: Vec<Array2<f64>> = (0..planes as u64).map(|plane| noise(shape, 1 + k + 100 * plane, 0.02)).collect();
        let views: Vec<_> = cube.iter().map(|plane| plane.view()).collect();
        let cube = ndarray::stack(Axis(0), &views).unwrap();
        let cube = if planes == 1 { cube.index_axis_move(Axis(0), 0).into_dyn() } else { cube.into_dyn() };
        // The plan keeps the arrays: of tests, so many that leaking them costs nothing.
        let cube: &'static ArrayD<f64> = Box::leak(Box::new(cube));
        let flags: &'static ArrayD<i16> = Box::leak(Box::new(cube.mapv(|v| v as i16)));
        inputs.push(Input::from_array(cube.view(), wcs).with_variance(cube.view()).with_mask(flags.view()));
    }
    let shape = shape(planes);
    let target = tan(10.0, 40.0, [200, 300], 0.0003, 5.0);
    Plan::new(&inputs, &target, &shape, options).unwrap()
}

pub(crate) fn shape(planes: usize) -> Vec<usize> {
    if planes == 1 { vec![200, 300] } else { vec![planes, 200, 300] }
}

/// What a run of a window into arrays gives.
pub(crate) fn arrays<T: Pixel>(plan: &Plan<'_>, window: Window) -> Bits {
    let mut shape = plan.shape().to_vec();
    let n = shape.len();
    (shape[n - 2], shape[n - 1]) = (window.ny, window.nx);
    let words: Vec<usize> = [plan.inputs().len().div_ceil(32)].into_iter().chain(shape.iter().copied()).collect();
    let [mut mosaic, mut footprint, mut variance] = [(); 3].map(|()| ArrayD::from_elem(IxDyn(&shape), T::NAN));
    let [mut mask, mut count] = [(); 2].map(|()| ArrayD::<i32>::zeros(IxDyn(&shape)));
    let mut context = ArrayD::<i32>::zeros(IxDyn(&words));
    let planes = Planes::default()
        .variance(variance.view_mut())
        .mask(mask.view_mut())
        .count(count.view_mut())
        .context(context.view_mut());
    plan.run_window_with(window, mosaic.view_mut(), Some(footprint.view_mut()), planes).unwrap();
    let values = |array: &ArrayD<T>| array.iter().map(|v| v.to_f64().to_bits()).collect();
    let integers = |array: &ArrayD<i32>| array.iter().map(|v| *v as u64).collect();
    vec![
        ("mosaic", values(&mosaic)),
        ("footprint", values(&footprint)),
        ("variance", values(&variance)),
        ("mask", integers(&mask)),
        ("count", integers(&count)),
        ("context", integers(&context)),
    ]
}

/// Combinations that need different things of the samples.
pub(crate) const COMBINATIONS: [Combine; 3] = [Combine::Mean, Combine::Last, Combine::Median];

/// The error of a source or sink.
pub(crate) fn failure(name: &str) -> Error {
    Error::external(name, "full")
}
