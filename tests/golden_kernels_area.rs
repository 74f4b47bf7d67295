//! The exact kernel against reproject_exact and drizzling against the drizzle package (tests/golden/kernels, see make_kernels.py there), pixel
//! by pixel. Positions are exact.

mod common;

use common::{Golden, worst};
use ndarray::{Array2, ArrayD, ArrayViewD};
use serde_json::Value;
use skymosaic::{
    CoordinateError, Drizzle, DrizzleKernel, Hdu, Header, Input, Options, Resample, Wcs, reproject_and_coadd,
};

/// Output and footprint of a case.
fn run(golden: &Golden, case: &Value, resample: Resample) -> [ArrayD<f64>; 2] {
    let target = std::fs::read_to_string(golden.path(&case["target"])).unwrap();
    let target = Wcs::from_header(&Header::parse(&target).unwrap()).unwrap();
    let shape: Vec<usize> = case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let given = case["inputs"].as_array().unwrap();
    let weights: Vec<Option<ArrayD<f64>>> =
        given.iter().map(|input| input["weights"].as_str().map(|_| golden.array(&input["weights"]))).collect();
    let inputs: Vec<Input<'_>> = given
        .iter()
        .zip(&weights)
        .map(|(input, weights)| {
            let image = Input::from_fits(golden.path(&input["file"]), &Hdu::default()).unwrap();
            match weights {
                Some(weights) => image.with_weights(weights.view()),
                None => image,
            }
        })
        .collect();
    let options = Options::default().resample(resample).coordinate_error(CoordinateError::Exact);
    let mut output = Array2::from_elem([shape[0], shape[1]], -7.0);
    let mut footprint = output.clone();
    reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options).unwrap();
    [output.into_dyn(), footprint.into_dyn()]
}

fn check(
    golden: &Golden,
    family: &str,
    resample: impl Fn(&Value) -> Resample,
    wanted_weight: impl Fn(&Value, &ArrayD<f64>) -> ArrayD<f64>,
) {
    let mut failures = Vec::new();
    let cases: Vec<_> = golden.cases().iter().filter(|case| case["kernel"] == family).collect();
    assert!(cases.len() > 6);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let [output, footprint] = run(golden, case, resample(case));
        let wanted = golden.array(&case["output"]);
        let weight = wanted_weight(case, &wanted);
        let all = |got: ArrayViewD<'_, f64>, wanted: ArrayViewD<'_, f64>| worst(got, wanted, |_| false);
        let pixel = all(output.view(), wanted.view());
        let cover = all(footprint.view(), weight.view());
        println!("{name}: {pixel}; weight: {cover}");
        for (what, worst) in [("output", pixel), ("weight", cover)] {
            if worst.relative > 1e-6 {
                failures.push(format!("{name} {what}: {worst}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn exact_equals_reproject() {
    let golden = Golden::open("kernels");
    check(
        &golden,
        "exact",
        |_| Resample::Exact,
        |case, wanted| match &case["footprint"] {
            Value::Null => wanted.mapv(|value| f64::from(u8::from(!value.is_nan()))),
            file => golden.array(file),
        },
    );
}

#[test]
fn drizzle_equals_the_package() {
    let golden = Golden::open("kernels");
    let resample = |case: &Value| {
        let kernel = match case["options"]["kernel"].as_str().unwrap() {
            "square" => DrizzleKernel::Square,
            "point" => DrizzleKernel::Point,
            "turbo" => DrizzleKernel::Turbo,
            "gaussian" => DrizzleKernel::Gaussian,
            other => panic!("kernel {other}"),
        };
        let pixfrac = case["options"]["pixfrac"].as_f64().unwrap();
        Resample::Drizzle(Drizzle::default().pixfrac(pixfrac).kernel(kernel))
    };
    check(&golden, "drizzle", resample, |case, _| golden.array(&case["weight"]));
}
