//! `skymosaic mosaic`: opens the inputs, checks everything that can be checked, makes the mosaic, publishes it whole.

use std::{
    io::IsTerminal,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use skymosaic::{
    AtomicFile, COPIED_KEYWORDS, CoordinateError, FitsElement, Header, HealpixGrid, Input, Intermediate,
    MatchBackground, Matching, Options, Phase, Pixel, PixelMap, Plan, Preview, Sinks, Statistics, Summary, Value, Wcs,
    WcsMap, common_cards,
};

use crate::{
    Failure,
    args::{Background, Dtype, How, Mosaic, Storage},
    header,
    inputs::{self, Entry},
    interrupt, maps, outputs, plan, planes, print,
    report::{Report, Timing},
    warn,
};

/// `skymosaic mosaic`, on as many threads as are asked for.
pub(crate) fn run(args: &Mosaic) -> Result<(), Failure> {
    args.how.on_threads(|| mosaic(args))
}

impl How {
    /// Does something on as many threads as are asked for.
    pub(crate) fn on_threads(&self, work: impl FnOnce() -> Result<(), Failure> + Send) -> Result<(), Failure> {
        let Some(threads) = self.threads else { return work() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build();
        pool.map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?.install(work)
    }

    /// The options of a run, with a bar that shows how it goes on.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        let intermediate = match self.intermediate {
            Storage::None => Intermediate::None,
            Storage::Memory => Intermediate::Memory,
            Storage::Mapped => Intermediate::Mapped { dir: self.temp_dir.clone() },
        };
        let mut options = Options::default()
            .combine(self.combine)
            .match_background(self.matching())
            .intermediate(intermediate)
            .coordinate_error(self.coordinate_error);
        options.memory_limit = self.memory_limit;
        let options = self.kernel.options(options)?;
        let bar = progress_bar();
        Ok(options.progress(move |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(match progress.phase {
                Phase::Resampling => "resampling",
                Phase::Encoding => "making pictures",
                _ => "mosaicking",
            });
            let interrupted = interrupt::interrupted();
            if progress.done == progress.total || interrupted {
                bar.finish_and_clear();
            }
            if interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }))
    }

    fn matching(&self) -> MatchBackground {
        let mut matching = Matching::default();
        matching.reference = self.background_reference;
        match self.match_background {
            None => MatchBackground::None,
            Some(Background::Constant) => MatchBackground::Constant(matching),
            Some(Background::Plane) => MatchBackground::Plane(matching),
        }
    }
}

fn mosaic(args: &Mosaic) -> Result<(), Failure> {
    let started = Instant::now();
    let options = args.how.options()?;
    let options = options
        .combine(args.planes.combine(args.how.combine)?)
        .exclude_bits(args.companions.exclude_bits(&args.sources))
        .spectral_interpolation(args.spectral_interpolation)
        .blank(args.blank);
    options.validate().map_err(|error| Failure::usage(error.to_string()))?;
    let outputs = files(args);
    let entries = inputs::entries(&args.sources, Some(&args.companions))?;
    if !args.plan {
        let sources = args.sources.files().chain(entries.iter().flat_map(Entry::files));
        let sources = sources.chain(args.target.as_deref()).collect::<Vec<_>>();
        outputs::check(&outputs, &sources, args.overwrite)?;
    }
    inputs::warn_of_repetition(&entries);
    let grid = args.healpix.grid()?;
    let target = match (&args.target, grid) {
        (Some(path), _) => Some(header::read_target(path)?),
        (None, Some(grid)) => Some(args.healpix.plane(grid)?),
        (None, None) => None,
    };
    let opening = inputs::Opening { target: target.as_ref(), field: args.healpix.healpix_field };
    let images = inputs::open(&entries, &opening)?;
    if target.is_none() {
        inputs::refuse_maps(&images)?;
    }
    args.planes.check(images.iter().all(|image| image.input.has_variance()))?;
    let inputs: Vec<Input<'_>> = images.into_iter().map(|image| image.input).collect();
    let cards = extra_cards(&inputs, args);
    let target = match target {
        Some(target) => target,
        None => header::optimal(&inputs, &header::Sky::default())?,
    };
    let (target, shape) = header::with_planes_for(target, &inputs);
    if args.target.is_none() {
        header::warn_of_channels_left_out(&target, &inputs);
    }
    let mut timing = Timing { open: started.elapsed().as_secs_f64(), ..Timing::default() };
    let plan = Plan::new(&inputs, &target, &shape, &options)?;
    timing.plan = started.elapsed().as_secs_f64() - timing.open;
    if args.plan {
        return print(&match args.dtype {
            Dtype::F32 => plan::describe::<f32>(&plan, args),
            Dtype::F64 => plan::describe::<f64>(&plan, args),
        });
    }
    if (0..inputs.len()).all(|input| plan.bounds(input).is_empty()) {
        return Err(no_overlap());
    }
    let job = Job { args, outputs, target, grid, cards, timing };
    match args.dtype {
        Dtype::F32 => job.write::<f32>(&plan),
        Dtype::F64 => job.write::<f64>(&plan),
    }
}

/// The files to be written, by option.
fn files(args: &Mosaic) -> Vec<(&'static str, &Path)> {
    let optional = [("--footprint", &args.footprint), ("--preview", &args.preview), ("--report", &args.report)];
    let optional = optional.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
    let output = std::iter::once(("--output", args.output.as_path()));
    output.chain(args.planes.files()).chain(optional).collect()
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent} % {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "))
}

fn no_overlap() -> Failure {
    Failure::new("no input overlaps the target; nothing was written")
        .help("compare the target, its channels too if it is a cube, with the optimal one that skymosaic header prints for these inputs")
}

/// All that is decided before the first pixel is read.
struct Job<'j> {
    args: &'j Mosaic,
    outputs: Vec<(&'static str, &'j Path)>,
    target: Wcs,
    /// The pixels of the map that is written instead of an image.
    grid: Option<HealpixGrid>,
    cards: Header,
    timing: Timing,
}

/// The files of a run.
enum Files<P> {
    Images(Box<planes::Files<P>>),
    Maps(maps::Files<P>),
}

impl Job<'_> {
    fn write<P: Pixel + FitsElement>(mut self, plan: &Plan<'_>) -> Result<(), Failure> {
        let started = Instant::now();
        interrupt::hold();
        let Mosaic { overwrite, .. } = *self.args;
        let pending =
            |path: &Option<PathBuf>| path.as_ref().map(|path| AtomicFile::create(path, overwrite)).transpose();
        let (preview, report) = (pending(&self.args.preview)?, pending(&self.args.report)?);
        let header = self.header(plan);
        outputs::check_space(&plan::output_bytes::<P>(plan, self.args))?;
        let mut files = match self.grid {
            None => {
                let files = planes::Files::<P>::create(self.args, &header, plan.shape(), plan.inputs().len())?;
                Files::Images(Box::new(files))
            }
            Some(grid) => Files::Maps(maps::Files::new(self.args, grid)),
        };
        let (mut picture, mut statistics) = (Preview::default(), Statistics::default());
        // The files come last: they make do with the memory that is left.
        let mut sinks = Sinks::new();
        if preview.is_some() {
            sinks.add(&mut picture);
        }
        if report.is_some() {
            sinks.add(&mut statistics);
        }
        let sparse = matches!(files, Files::Maps(_)) && preview.is_none() && report.is_none();
        match &mut files {
            Files::Images(files) => files.add_to(&mut sinks),
            Files::Maps(files) => files.add_to(&mut sinks),
        }
        let summary = if sparse {
            plan.run_tiles_to(&plan.occupied_tiles(plan.whole()), &mut sinks)?
        } else {
            plan.run_to(&mut sinks)?
        };
        drop(sinks);
        self.timing.run = started.elapsed().as_secs_f64();
        if summary.covered_pixels == 0 {
            if !overlaps(plan, &self.target) {
                return Err(no_overlap());
            }
            warn(
                "warning: no pixel of the mosaic has a value: all that the inputs have there is missing (NaN, BLANK, weight 0)",
            );
        }
        interrupt::check()?;
        let used = summary.inputs.iter().filter(|input| input.resampled_pixels > 0).count();
        if let Some(file) = &preview {
            let written = picture.write_png(file.file());
            written.map_err(|error| Failure::new(format!("cannot write the PNG: {error}")))?;
        }
        interrupt::check()?;
        self.timing.write = started.elapsed().as_secs_f64() - self.timing.run;
        if let Some(file) = &report {
            let report = Report {
                options: plan.options(),
                summary: &summary,
                statistics: &statistics,
                shape: plan.shape(),
                target: &header::target_text(&self.target),
                outputs: &self.outputs,
                dtype: if P::BITPIX == -32 { "f32" } else { "f64" },
                timing: self.timing,
            };
            report.write(file.file())?;
        }
        match files {
            Files::Images(files) => files.publish(&plan.input_table(&summary))?,
            Files::Maps(files) => files.publish(&header)?,
        }
        for file in [preview, report].into_iter().flatten() {
            file.publish()?;
        }
        self.log(plan, &summary, used);
        Ok(())
    }

    /// What the mosaic says about itself. Nothing that the pixels do not depend on, so that the same mosaic is the same file.
    fn header(&self, plan: &Plan<'_>) -> Header {
        // A map tells in its own words where its pixels are.
        let mut header = if self.grid.is_none() { self.target.to_header() } else { Header::new() };
        for (keyword, value, comment) in self.cards.cards() {
            header.set(keyword, value.clone(), comment);
        }
        for (keyword, value, comment) in plan.provenance().cards() {
            match value {
                Value::Text(text) if keyword == "HISTORY" => header.push_history(text),
                _ => header.set(keyword, value.clone(), comment),
            }
        }
        if self.grid.is_none() {
            header.push_history("skymosaic: the inputs are listed in the table INPUTS");
        }
        header
    }

    fn log(&self, plan: &Plan<'_>, summary: &Summary, used: usize) {
        let asked = match summary.coordinate_error {
            CoordinateError::Pixels(pixels) => format!("{pixels:.1e}"),
            _ => "exact".to_owned(),
        };
        warn(&format!(
            "{}: {} covered by {used} of {} inputs; coordinates within {:.1e} pixel (asked: {asked}), {:.2} % of \
             them exact; {:.2} s",
            self.args.output.display(),
            match self.grid {
                None => format!("{} pixels, {:.1} %", plan::shape(plan.shape()), 100.0 * summary.coverage()),
                Some(grid) => format!("HEALPix map of NSIDE = {}, {} pixels", grid.nside(), summary.covered_pixels),
            },
            plan.inputs().len(),
            summary.max_coordinate_error,
            100.0 * summary.exact_fraction,
            self.timing.total(),
        ));
    }
}

/// Whether the centre of any pixel of the target lies on any input.
fn overlaps(plan: &Plan<'_>, target: &Wcs) -> bool {
    plan.inputs().iter().enumerate().any(|(index, input)| {
        let [.., ny, nx] = input.shape()[..] else { return false };
        let Some(map) = input.wcs().and_then(|wcs| WcsMap::new(target, wcs).ok()) else { return false };
        plan.bounds(index).iter().any(|bounds| {
            (bounds.y0..bounds.y0 + bounds.ny).any(|y| {
                let mut xs: Vec<f64> = (bounds.x0..bounds.x0 + bounds.nx).map(|x| x as f64).collect();
                let mut ys = vec![y as f64; bounds.nx];
                map.to_input(&mut xs, &mut ys);
                let inside = |at: f64, length: usize| at >= -0.5 && at < length as f64 - 0.5;
                xs.iter().zip(&ys).any(|(&x, &y)| inside(x, nx) && inside(y, ny))
            })
        })
    })
}

/// Cards that the mosaic takes from its inputs: those that are asked for, where all agree.
fn extra_cards(inputs: &[Input<'_>], args: &Mosaic) -> Header {
    let headers: Vec<&Header> = inputs.iter().filter_map(Input::header).collect();
    match &args.copy_keywords {
        Some(keywords) => common_cards(&headers, keywords),
        None => common_cards(&headers, &COPIED_KEYWORDS),
    }
}
