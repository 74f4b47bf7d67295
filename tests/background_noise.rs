//! Backgrounds are found as well as the noise allows, in fields of up to 400 images, in time and memory that grow as these do.

mod common;

use common::backgrounds::{Errors, field, spread};
use skymosaic::{MatchBackground, Matching, Options, Plan};

/// The errors of a field of side × side images, and the seconds of processor time that finding the corrections took.
fn errors(side: usize, pixels: usize, slope: f64, planes: bool, seed: u64) -> (Errors, f64) {
    let field = field(side, pixels, 20.0, slope, seed);
    let matching = Matching::default();
    let how = if planes { MatchBackground::Plane(matching) } else { MatchBackground::Constant(matching) };
    let inputs = field.inputs();
    let plan = Plan::new(&inputs, &field.target, &field.shape, &Options::default().match_background(how)).unwrap();
    let started = processor();
    let matched = plan.match_backgrounds::<f32>().unwrap();
    let seconds = processor() - started;
    (field.errors(&plan, &matched.planes[0], planes), seconds)
}

/// Processor time of all threads so far, seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Whether errors are those that noise makes, no more and no less; returns the root mean square of the steps.
fn check(what: &str, errors: &Errors) -> f64 {
    let (square, freedom) = (errors.square, errors.freedom);
    println!("{what}: square of the errors over that of the noise {square:.3}, {freedom} degrees of freedom");
    // χ² over its degrees of freedom scatters by √(2/freedom). The median of smoothed noise is better than that of
    // independent numbers, which the limit is made of, but not better than the mean, 2/π of it.
    let scatter = 3.5 * (2.0 / freedom).sqrt();
    assert!(square < 1.0 + scatter && square > 2.0 / std::f64::consts::PI - scatter, "{what}: {square}");
    let mut left = 0.0;
    for (name, errors) in [("corrections", &errors.corrections), ("steps", &errors.steps)] {
        let [size, worst] = spread(errors.iter().map(|[error, _]| *error));
        let [_, most] = spread(errors.iter().map(|[error, deviation]| error / deviation));
        println!("{what}, {name}: {size:.5} of the noise, worst {worst:.5}; {most:.2} deviations at most");
        // The largest of 2,000 normal numbers is 4.5 once in a hundred times.
        assert!(most < 4.5, "{what}, {name}: {most}");
        left = size;
    }
    left
}

#[test]
fn offsets_are_found_as_well_as_the_noise_allows() {
    check("25 offsets", &errors(5, 120, 0.0, false, 1).0);
}

#[test]
fn planes_are_found_as_well_as_the_noise_allows() {
    check("25 planes", &errors(5, 120, 0.03, true, 2).0);
}

/// Takes a minute and 1 GB. Run: cargo test --release --test background_noise -- --ignored --nocapture
#[test]
#[ignore = "400 images of 512² pixels"]
fn four_hundred_images() {
    for (what, slope, planes) in [("offsets", 0.0, false), ("planes", 0.02, true)] {
        let (few, short) = errors(10, 512, slope, planes, 3);
        check(&format!("100 {what}"), &few);
        let (many, long) = errors(20, 512, slope, planes, 4);
        let steps = check(&format!("400 {what}"), &many);
        let (few, many) = (few.steps.len(), many.steps.len());
        println!("{what}: {few} overlaps in {short:.2} s, {many} in {long:.2} s");
        assert!(steps < 0.01, "{what}: steps of {steps} of the noise");
    }
}
