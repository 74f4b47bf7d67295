//! Runs that are stopped: by the progress callback, by a failing source, by a panic in a map.

mod common;

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use common::field::tan;
use ndarray::Array2;
use skymosaic::{
    Error, Input, MatchBackground, Matching, Options, Parallel, Phase, PixelMap, PixelSource, PixelType, PixelsMut,
    Plan, ReadContext, Wcs, Window,
};

const THREADS: usize = 4;

/// A slow image of ones that counts how often it is read, and can fail.
#[derive(Debug, Default)]
struct Slow {
    reads: AtomicUsize,
    fails: bool,
}

impl PixelSource for Slow {
    fn shape(&self) -> &[usize] {
        &[256, 256]
    }
    fn element(&self) -> PixelType {
        PixelType::F32
    }
    fn read(&self, _plane: usize, _window: Window, out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        self.reads.fetch_add(1, Relaxed);
        if self.fails {
            return Err(Error::external("slow", "no more"));
        }
        std::thread::sleep(Duration::from_millis(10));
        run.check()?;
        out.fill_with(|_| 1.0);
        Ok(())
    }
}

fn target() -> Wcs {
    tan(150.0, 2.0, [256, 256], 0.001, 0.0)
}

fn options() -> Options {
    Options::default().tile(16).parallel(Parallel::Threads(THREADS.try_into().unwrap()))
}

fn run(plan: &Plan<'_>) -> Result<(), Error> {
    let [mut output, mut footprint] = [(); 2].map(|()| Array2::<f32>::zeros((256, 256)));
    plan.run(output.view_mut(), footprint.view_mut()).map(|_| ())
}

/// Stops at the first call in a phase, and counts the reads of pixels that come after.
fn reads_after_stop(match_background: MatchBackground, phase: Phase) -> usize {
    let source = Arc::new(Slow::default());
    let stopped_at = Arc::new(AtomicUsize::new(usize::MAX));
    let (seen, noted) = (Arc::clone(&source), Arc::clone(&stopped_at));
    let options = options().match_background(match_background).progress(move |progress| {
        if progress.phase == phase {
            noted.fetch_min(seen.reads.load(Relaxed), Relaxed);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    let inputs: Vec<Input<'_>> =
        (0..10).map(|_| Input::from_source(Arc::clone(&source) as Arc<dyn PixelSource>, target())).collect();
    let plan = Plan::new(&inputs, &target(), &[256, 256], &options).unwrap();
    let error = run(&plan).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    let stopped = stopped_at.load(Relaxed);
    assert!(stopped < usize::MAX);
    source.reads.load(Relaxed) - stopped
}

/// A tile needs ten inputs: noticed between tiles only, each thread would read ten times more.
#[test]
fn cancelling_is_noticed_within_a_tile() {
    let combining = reads_after_stop(MatchBackground::None, Phase::Combining);
    assert!(combining <= 2 * THREADS, "{combining} reads after the stop");
    let matching = reads_after_stop(MatchBackground::Constant(Matching::default()), Phase::Matching);
    assert!(matching <= 2 * THREADS, "{matching} reads after the stop");
}

/// A map that is slow, or panics at its n-th call.
struct Map {
    calls: Arc<AtomicUsize>,
    panics_at: usize,
    panicked: AtomicBool,
    after: Arc<AtomicUsize>,
}

impl PixelMap for Map {
    fn to_input(&self, x: &mut [f64], _y: &mut [f64]) {
        let call = self.calls.fetch_add(1, Relaxed);
        if self.panicked.load(Relaxed) {
            self.after.fetch_add(1, Relaxed);
        }
        if call == self.panics_at {
            self.panicked.store(true, Relaxed);
            std::panic::panic_any(format!("the map of {} points", x.len()));
        }
    }
}

/// Runs with a map that panics; returns the calls of the map in all, and after the panic.
fn panicking(panics_at: usize) -> (Option<String>, usize, usize) {
    let (calls, after) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let map = Map { calls: Arc::clone(&calls), panics_at, panicked: AtomicBool::new(false), after: Arc::clone(&after) };
    let image = Array2::<f32>::ones((256, 256));
    let inputs = [Input::from_array_with_map(image.view(), Arc::new(map))];
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let plan = Plan::new(&inputs, &target(), &[256, 256], &options())?;
        run(&plan)
    }));
    let payload = caught.err().map(|payload| *payload.downcast::<String>().unwrap());
    (payload, calls.load(Relaxed), after.load(Relaxed))
}

#[test]
fn a_panic_in_a_map_stops_the_run_and_comes_out_as_it_is() {
    // Writing the message and the backtrace takes long, and comes before anybody can notice the panic.
    std::panic::set_hook(Box::new(|_| {}));
    let (payload, all, _) = panicking(usize::MAX);
    assert!(payload.is_none() && all > 300, "{all} calls");
    for panics_at in [0, 1, all / 3, 2 * all / 3, all - 20] {
        let (payload, _, after) = panicking(panics_at);
        assert!(payload.unwrap().starts_with("the map of "), "{panics_at}");
        // Every thread may be in the middle of a tile, whose grid asks for several batches.
        assert!(after < 100.min(all - panics_at), "call {panics_at}: {after} calls after the panic");
    }
}

#[test]
fn the_error_of_a_source_comes_out_and_stops_the_run() {
    let source = Arc::new(Slow { fails: true, ..Slow::default() });
    let inputs = [Input::from_source(Arc::clone(&source) as Arc<dyn PixelSource>, target()).named("mine")];
    let plan = Plan::new(&inputs, &target(), &[256, 256], &options()).unwrap();
    let error = run(&plan).unwrap_err();
    assert!(error.to_string().contains("mine") && error.to_string().contains("no more"), "{error}");
    assert!(source.reads.load(Relaxed) <= THREADS);
}

#[test]
fn cancelling_is_noticed_while_planning() {
    let calls = Arc::new(AtomicUsize::new(0));
    let slow = Arc::new(SlowMap(Arc::clone(&calls)));
    let image = Array2::<f32>::ones((16, 16));
    let inputs: Vec<Input<'_>> =
        (0..500).map(|_| Input::from_array_with_map(image.view(), slow.clone() as Arc<dyn PixelMap>)).collect();
    let options = options().progress(|progress| {
        assert_eq!(progress.phase, Phase::Planning);
        ControlFlow::Break(())
    });
    let error = Plan::new(&inputs, &target(), &[64, 64], &options).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    // Each call takes a millisecond, and the callback is called every 40.
    let calls = calls.load(Relaxed);
    assert!(calls < 500, "{calls} calls");
}

struct SlowMap(Arc<AtomicUsize>);

impl PixelMap for SlowMap {
    fn to_input(&self, _x: &mut [f64], _y: &mut [f64]) {
        self.0.fetch_add(1, Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }
}
