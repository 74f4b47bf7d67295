//! Combinations of stacks against numpy and astropy.stats, pixel by pixel.

mod common;

use std::collections::HashMap;

use common::{Golden, field::tan};
use ndarray::{Array2, Array3, ArrayD, Axis, s};
use skymosaic::{Clip, Combine, Error, Input, Options, Parallel, Pixel, Plan, Planes, Resample, Wcs};

struct Stack {
    samples: Array3<f32>,
    weights: Array3<f32>,
    variances: Array3<f32>,
    wcs: Wcs,
}

impl Stack {
    /// The stacks of the golden data, and what each comes to, by name.
    fn all() -> (Golden, Vec<(Stack, HashMap<String, ArrayD<f64>>)>) {
        let golden = Golden::open("stacks");
        let (inputs, results) = (golden.array(&golden.index["inputs"]), golden.array(&golden.index["results"]));
        let names = golden.index["names"].as_array().unwrap();
        let mut first = 0;
        let numbers = golden.index["n"].as_array().unwrap().iter().enumerate();
        let stacks = numbers.map(|(case, n)| {
            let n = n.as_u64().unwrap() as usize;
            let planes = inputs.slice(s![.., first..first + n, .., ..]).mapv(|v| v as f32);
            first += n;
            let plane = |k: usize| planes.index_axis(Axis(0), k).to_owned().into_dimensionality().unwrap();
            let wcs = tan(10.0, 20.0, [planes.shape()[2], planes.shape()[3]], 0.0003, 0.0);
            let stack = Stack { samples: plane(0), weights: plane(1), variances: plane(2), wcs };
            let results = results.index_axis(Axis(0), case);
            let named = names.iter().zip(results.axis_iter(Axis(0)));
            (stack, named.map(|(name, plane)| (name.as_str().unwrap().to_owned(), plane.to_owned())).collect())
        });
        let stacks = stacks.collect();
        (golden, stacks)
    }

    fn inputs(&self, weighted: bool) -> Vec<Input<'_>> {
        let input = |k: usize| {
            let input = Input::from_array(self.samples.index_axis(Axis(0), k), self.wcs.clone())
                .with_variance(self.variances.index_axis(Axis(0), k));
            if weighted { input.with_weights(self.weights.index_axis(Axis(0), k)) } else { input }
        };
        (0..self.samples.shape()[0]).map(input).collect()
    }

    /// The largest finite sample of each pixel, by its size.
    fn largest(&self) -> ArrayD<f64> {
        let size = |sum: f64, v: &f32| if v.is_finite() { sum.max(f64::from(v.abs())) } else { sum };
        self.samples.fold_axis(Axis(0), 0.0, |sum, v| size(*sum, v)).into_dyn()
    }

    /// Value, footprint, variance and count.
    fn run<T: Pixel>(&self, combine: Combine, weighted: bool) -> [ArrayD<f64>; 4] {
        let shape = [self.samples.shape()[1], self.samples.shape()[2]];
        let options = Options::default().resample(Resample::Nearest).combine(combine).parallel(Parallel::Serial);
        let inputs = self.inputs(weighted);
        let plan = Plan::new(&inputs, &self.wcs, &shape, &options).unwrap();
        let [mut output, mut footprint, mut variance] = [(); 3].map(|()| Array2::from_elem(shape, T::default()));
        let mut count = Array2::from_elem(shape, -1);
        let planes = Planes::default().variance(variance.view_mut()).count(count.view_mut());
        plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap();
        let wide = |array: Array2<T>| array.mapv(|v| v.to_f64()).into_dyn();
        [wide(output), wide(footprint), wide(variance), count.mapv(f64::from).into_dyn()]
    }
}

/// The largest difference in units of the last place.
fn compare(what: &str, got: &ArrayD<f64>, wanted: &ArrayD<f64>, ulp: f64, allowed: f64) {
    compare_sums(what, got, wanted, &wanted.mapv(f64::abs), ulp, allowed);
}

/// As [`compare`], in units of the last place of the largest term of the sums that the values come from: terms may cancel.
fn compare_sums(what: &str, got: &ArrayD<f64>, wanted: &ArrayD<f64>, largest: &ArrayD<f64>, ulp: f64, allowed: f64) {
    let mut worst = (0.0, 0);
    for (at, ((got, wanted), largest)) in got.iter().zip(wanted).zip(largest).enumerate() {
        assert_eq!(got.is_nan(), wanted.is_nan(), "{what}: pixel {at}: {got} instead of {wanted}");
        let off = if got == wanted || got.is_nan() { 0.0 } else { (got - wanted).abs() / (ulp * largest) };
        if off > worst.0 {
            worst = (off, at);
        }
    }
    println!("{what}: worst pixel {} off by {:.2} ulp", worst.1, worst.0);
    assert!(worst.0 <= allowed, "{what}: pixel {}: {:.2} ulp", worst.1, worst.0);
}

#[test]
fn as_numpy_and_astropy() {
    let (golden, stacks) = Stack::all();
    for (stack, results) in stacks {
        let wanted = |name: &str| results[name].clone();
        let n = stack.samples.shape()[0];
        for (combine, name) in [
            (Combine::Median, "median"),
            (Combine::WeightedMedian, "weighted_median"),
            (Combine::InverseVariance, "inverse_variance"),
        ] {
            let weighted = combine == Combine::WeightedMedian;
            let [value, _, variance, _] = stack.run::<f64>(combine, weighted);
            let [single, ..] = stack.run::<f32>(combine, weighted);
            let what = format!("{n} samples, {name}");
            if combine == Combine::InverseVariance {
                // Sums of up to 41 terms in another order than numpy's.
                compare_sums(&what, &value, &wanted(name), &stack.largest(), f64::EPSILON, 16.0);
            } else {
                compare(&what, &value, &wanted(name), f64::EPSILON, 0.0);
                let rounded = wanted(name).mapv(|v| f64::from(v as f32));
                compare(&format!("{what}, f32"), &single, &rounded, f64::from(f32::EPSILON), 0.0);
            }
            if combine == Combine::InverseVariance {
                compare(
                    &format!("{n} samples, its variance"),
                    &variance,
                    &wanted("inverse_variance_variance"),
                    f64::EPSILON,
                    16.0,
                );
            }
        }
        for (k, clip) in golden.index["clips"].as_array().unwrap().iter().enumerate() {
            let number = |at: usize| clip[at].as_str().unwrap().parse::<f64>().unwrap();
            let iterations = clip[2].as_u64().unwrap() as usize;
            let clip = Clip::default().low(number(0)).high(number(1)).iterations(iterations);
            for weighted in ["", "_weighted"] {
                let name = format!("clipped_{k}{weighted}");
                let [value, footprint, _, count] = stack.run::<f64>(Combine::Clipped(clip), !weighted.is_empty());
                compare_sums(
                    &format!("{n} samples, {name}"),
                    &value,
                    &wanted(&name),
                    &stack.largest(),
                    f64::EPSILON,
                    16.0,
                );
                assert_eq!(count, wanted(&format!("{name}_count")), "{n} samples, {name}");
                for ((value, footprint), count) in value.iter().zip(&footprint).zip(&count) {
                    assert_eq!(value.is_nan(), *footprint == 0.0);
                    assert_eq!(value.is_nan(), *count == 0.0);
                }
            }
        }
    }
}

#[test]
fn equal_weights_make_the_median() {
    for (mut stack, _) in Stack::all().1 {
        stack.weights.fill(0.3);
        let [plain, ..] = stack.run::<f64>(Combine::Median, false);
        for weighted in [false, true] {
            let [value, ..] = stack.run::<f64>(Combine::WeightedMedian, weighted);
            compare("weights all 0.3", &value, &plain, f64::EPSILON, 0.0);
        }
    }
}

#[test]
fn clipping_that_makes_no_sense_is_refused() {
    let image = Array2::<f32>::zeros((4, 4));
    let wcs = tan(10.0, 20.0, [4, 4], 0.0003, 0.0);
    let inputs = [Input::from_array(image.view(), wcs.clone())];
    for clip in [Clip::default().low(0.0), Clip::default().high(-1.0), Clip::default().low(f64::NAN)] {
        let error = Plan::new(&inputs, &wcs, &[4, 4], &Options::default().combine(Combine::Clipped(clip))).unwrap_err();
        assert!(matches!(error, Error::Option { option: "combine", .. }), "{error}");
    }
    let error = Plan::new(&inputs, &wcs, &[4, 4], &Options::default().combine(Combine::InverseVariance)).unwrap_err();
    assert!(error.to_string().contains("input 0 (array): option combine = InverseVariance"), "{error}");
}
