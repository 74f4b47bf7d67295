//! The contract of sinks: what they are handed, in what order, and what happens when they fail.

mod common;

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use common::{
    field::tan,
    sinks::{COMBINATIONS, Collect, arrays, failure, plan},
};
use skymosaic::{
    Error, FinishedTile, Input, Intermediate, Options, Parallel, Pixel, PixelSource, PixelType, PixelsMut, Plan,
    PlaneSet, ReadContext, SinkLayout, Sinks, TileOrder, TileSink, Window,
};

fn threads(n: usize) -> Parallel {
    Parallel::Threads(NonZeroUsize::new(n).unwrap())
}

fn whole() -> Window {
    Window::new(0, 0, 300, 200)
}

/// What a run gives a sink for everything, and that it is what arrays get.
fn check<T: Pixel>(planes: usize, options: &Options, window: Window, order: TileOrder) {
    let wanted = arrays::<T>(&plan(planes, &Options::default().combine(options.combine)), window);
    let mut sink = Collect::<T>::new(PlaneSet::all(), order);
    plan(planes, options).run_window_to(window, &mut sink).unwrap();
    for ((name, got), (_, wanted)) in sink.bits().into_iter().zip(wanted) {
        assert!(got == wanted, "{name} of {planes} planes of {window:?} with {options:?}");
    }
    if order == TileOrder::Sweep {
        let sequence = sink.sequence();
        assert!(sequence.is_sorted(), "{sequence:?}");
    }
    let tiles = &sink.kept.lock().unwrap().layout;
    let swept = tiles.windows(2).all(|two| {
        let [a, b] = [two[0], two[1]];
        a.y0 + a.ny == b.y0 || (a.y0, a.ny, a.x0 + a.nx) == (b.y0, b.ny, b.x0)
    });
    assert!(swept, "row by row, each from the left: {tiles:?}");
}

#[test]
fn sinks_get_what_arrays_get() {
    for combine in COMBINATIONS {
        let options = Options::default().combine(combine);
        for (tile, n, order) in [
            (16, 1, TileOrder::Any),
            (16, 8, TileOrder::Sweep),
            (64, 3, TileOrder::Any),
            (256, 8, TileOrder::Sweep),
            (4096, 2, TileOrder::Any),
        ] {
            let options = options.clone().tile(tile).parallel(threads(n));
            check::<f32>(1, &options, whole(), order);
            check::<f64>(1, &options.intermediate(Intermediate::Memory), whole(), order);
        }
        let mapped = options.intermediate(Intermediate::Mapped { dir: None });
        check::<f32>(1, &mapped.clone().parallel(Parallel::Serial), whole(), TileOrder::Sweep);
        check::<f32>(2, &mapped.parallel(threads(2)).memory_limit(6 << 20), whole(), TileOrder::Any);
    }
}

#[test]
fn windows_and_cubes() {
    let options = Options::default().parallel(threads(4));
    for window in [Window::new(17, 33, 100, 90), Window::new(299, 0, 1, 200), Window::new(0, 199, 300, 1)] {
        check::<f32>(1, &options.clone().tile(64), window, TileOrder::Any);
        check::<f64>(3, &options.clone().tile(32), window, TileOrder::Sweep);
    }
    // More planes than are computed together.
    check::<f32>(11, &options.clone().tile(50), whole(), TileOrder::Sweep);
    check::<f32>(11, &options.clone().tile(64), whole(), TileOrder::Any);
}

#[test]
fn tiles_are_cut_to_the_memory_limit() {
    for (planes, n) in [(1, 1), (11, 2), (1, 8)] {
        let options = Options::default().tile(4096).parallel(threads(n)).memory_limit((2 << 20) * n as u64 + (1 << 20));
        check::<f64>(planes, &options, whole(), TileOrder::Sweep);
        check::<f32>(planes, &options, Window::new(5, 5, 290, 190), TileOrder::Any);
    }
}

#[test]
fn each_of_several_sinks_gets_what_it_asked_for() {
    let plan = plan(2, &Options::default().tile(16).parallel(threads(8)));
    let alone = |planes| {
        let mut sink = Collect::<f32>::new(planes, TileOrder::Any);
        plan.run_to(&mut sink).unwrap();
        sink.bits()
    };
    let wishes = [PlaneSet::NONE, PlaneSet::FOOTPRINT | PlaneSet::COUNT, PlaneSet::CONTEXT, PlaneSet::all()];
    let mut members: Vec<_> = wishes
        .into_iter()
        .flat_map(|planes| [TileOrder::Any, TileOrder::Sweep].map(|order| Collect::<f32>::new(planes, order)))
        .collect();
    let mut sinks = Sinks::new();
    members.iter_mut().for_each(|member| sinks.add(member));
    assert_eq!(sinks.planes(), PlaneSet::all());
    plan.run_to(&mut sinks).unwrap();
    drop(sinks);
    for member in &members {
        assert!(member.bits() == alone(member.planes), "{:?}", member.planes);
        assert!(member.order == TileOrder::Any || member.sequence().is_sorted());
    }
    plan.run_to(&mut Sinks::<f32>::new()).unwrap();
}

/// Fails at a tile: with an error, or in panic.
struct Failing {
    at: usize,
    panics: bool,
    order: TileOrder,
    written: AtomicUsize,
    has_failed: AtomicBool,
    /// Tiles that came after the failure, each of which takes a while, so that a busy machine has the time to stop the others.
    written_after: AtomicUsize,
    finished: bool,
}

impl Failing {
    fn new(at: usize, panics: bool, order: TileOrder) -> Self {
        let [written, written_after] = [0, 0].map(AtomicUsize::new);
        Failing { at, panics, order, written, has_failed: AtomicBool::new(false), written_after, finished: false }
    }
}

impl TileSink<f32> for Failing {
    fn order(&self) -> TileOrder {
        self.order
    }
    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        if layout.tiles.len() <= self.at { Err(failure("at the start")) } else { Ok(1000) }
    }
    fn write(&self, tile: &FinishedTile<'_, f32>) -> Result<(), Error> {
        self.written.fetch_add(1, Relaxed);
        if self.has_failed.fetch_or(tile.number == self.at, Relaxed) {
            self.written_after.fetch_add(1, Relaxed);
            std::thread::sleep(Duration::from_millis(5));
        }
        match tile.number == self.at {
            true if self.panics => panic!("the sink is in panic"),
            true => Err(failure("the sink")),
            false => Ok(()),
        }
    }
    fn finish(&mut self) -> Result<(), Error> {
        self.finished = true;
        Ok(())
    }
}

#[test]
fn an_error_or_a_panic_of_a_sink_ends_the_run_and_comes_out_as_it_is() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(|| {
        for n in [1, 8] {
            let plan = plan(1, &Options::default().tile(16).parallel(threads(n)));
            for order in [TileOrder::Any, TileOrder::Sweep] {
                for at in [0, 3, 100] {
                    for among_others in [false, true] {
                        let run = |sink: &mut Failing| match among_others {
                            false => plan.run_to(sink),
                            true => {
                                let mut swept = Collect::new(PlaneSet::COUNT, TileOrder::Sweep);
                                let mut any = Collect::new(PlaneSet::NONE, TileOrder::Any);
                                plan.run_to(&mut Sinks::new().with(&mut any).with(sink).with(&mut swept))
                            }
                        };
                        let mut sink = Failing::new(at, false, order);
                        let error = run(&mut sink).unwrap_err();
                        assert!(matches!(&error, Error::Source { name, .. } if name == "the sink"), "{error}");
                        // 13 × 19 tiles: nobody goes on for long.
                        assert!(!sink.finished && sink.written_after.into_inner() < 60);
                        let mut sink = Failing::new(at, true, order);
                        let panic = catch_unwind(AssertUnwindSafe(|| run(&mut sink).map(drop))).unwrap_err();
                        assert_eq!(panic.downcast_ref(), Some(&"the sink is in panic"));
                        assert!(!sink.finished && sink.written_after.into_inner() < 60);
                    }
                }
            }
            let mut sink = Failing::new(1000, false, TileOrder::Any);
            let error = plan.run_to(&mut sink).unwrap_err();
            assert!(matches!(&error, Error::Source { name, .. } if name == "at the start"), "{error}");
            assert_eq!(sink.written.into_inner(), 0);
        }
    });
    std::panic::set_hook(hook);
    outcome.unwrap();
}

/// An image of which the first pixels come late, and then not at all.
#[derive(Debug)]
struct Late {
    panics: bool,
}

impl PixelSource for Late {
    fn shape(&self) -> &[usize] {
        &[256, 256]
    }
    fn element(&self) -> PixelType {
        PixelType::F32
    }
    fn read(&self, _plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
        if window.x0 == 0 && window.y0 == 0 {
            std::thread::sleep(Duration::from_millis(300));
            assert!(!self.panics, "the source is in panic");
            return Err(failure("the source"));
        }
        out.fill_with(|_| 1.0);
        Ok(())
    }
}

/// All threads but one wait for the first tile, which never comes.
#[test]
fn nobody_waits_for_a_tile_that_does_not_come() {
    for panics in [false, true] {
        for among_others in [false, true] {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || {
                let wcs = tan(150.0, 2.0, [256, 256], 0.001, 0.0);
                let source = Arc::new(Late { panics }) as Arc<dyn PixelSource>;
                let options = Options::default().tile(16).parallel(threads(8));
                let plan = Plan::new(&[Input::from_source(source, wcs.clone())], &wcs, &[256, 256], &options).unwrap();
                let mut sink = Collect::<f32>::new(PlaneSet::NONE, TileOrder::Sweep);
                let run = AssertUnwindSafe(|| match among_others {
                    false => plan.run_to(&mut sink).map(drop),
                    true => plan.run_to(&mut Sinks::new().with(&mut sink)).map(drop),
                });
                let ended = catch_unwind(run);
                let kept = sink.kept.lock().unwrap();
                let _ = tell.send((ended.map_err(drop), kept.tiles.len(), kept.finished, kept.stopped));
            });
            let (ended, tiles, finished, stopped) = told.recv_timeout(Duration::from_secs(20)).expect("the run ends");
            match ended {
                Ok(ended) => assert!(!panics && ended.unwrap_err().to_string().contains("the source")),
                Err(()) => assert!(panics),
            }
            assert_eq!((tiles, finished), (0, 0));
            assert!(stopped > 0, "the sink is told");
        }
    }
}
