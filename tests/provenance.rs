//! What mosaics say about themselves: photometric scale, cards, and the table of inputs.

mod common;

use common::field::{bits, noise, tan};
use ndarray::{Array2, ArrayD};
use skymosaic::{
    COPIED_KEYWORDS, Column, Error, FitsImage, FitsOutput, Hdu, Header, Input, MatchBackground, Matching, Options,
    Plan, Value, common_cards, reproject_and_coadd,
};

const SHAPE: [usize; 2] = [50, 60];

fn mosaic(inputs: &[Input<'_>]) -> ArrayD<f64> {
    let target = tan(10.0, 0.0, SHAPE, 1e-3, 0.0);
    let (mut output, mut footprint) = (Array2::zeros(SHAPE), Array2::zeros(SHAPE));
    reproject_and_coadd(inputs, &target, output.view_mut(), footprint.view_mut(), &Options::default()).unwrap();
    output.into_dyn()
}

#[test]
fn scales_multiply_samples() {
    let image = noise([40, 40], 1, 0.02);
    let weights = noise([40, 40], 2, 0.02);
    let wcs = tan(10.0, 0.0, [40, 40], 1e-3, 30.0);
    let plain = Input::from_array(image.view(), wcs).with_weights(weights.view());
    let scaled = mosaic(&[plain.clone().scaled(-2.0)]);
    let expected = mosaic(std::slice::from_ref(&plain)).mapv(|value| -2.0 * value);
    assert_eq!(bits(&scaled), bits(&expected));
    let target = tan(10.0, 0.0, SHAPE, 1e-3, 0.0);
    for scale in [0.0, f64::NAN, f64::INFINITY] {
        let inputs = [plain.clone().scaled(scale)];
        let refused = Plan::new(&inputs, &target, &SHAPE, &Options::default()).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("option scale"), "{refused}");
    }
    let refused = plain.scaled_by_keyword("FLXSCALE").map(|_| ()).unwrap_err();
    assert!(matches!(refused, Error::Option { option: "scale", .. }), "{refused}");
}

#[test]
fn scales_come_from_headers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.fits");
    let mut header = tan(10.0, 0.0, [40, 40], 1e-3, 0.0).to_header();
    header.set("FLXSCALE", 1.25, "");
    header.set("WORD", "much", "");
    header.set("ZERO", 0, "");
    FitsOutput::<f32>::create(&path, &header, &[40, 40], false).unwrap().publish().unwrap();
    let input = Input::from_fits(&path, &Hdu::First).unwrap();
    assert_eq!(input.clone().scaled_by_keyword("FLXSCALE").unwrap().scale(), 1.25);
    for keyword in ["MISSING", "WORD", "ZERO"] {
        let refused = input.clone().scaled_by_keyword(keyword).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains(keyword) && refused.contains("a.fits"), "{refused}");
    }
}

#[test]
fn cards_that_all_share() {
    let header = |text: &str| Header::parse(text).unwrap();
    let a = header("OBJECT = 'M 31' / galaxy\nFILTER = 'r'\nDATE-OBS = '2024-05-02T01:00:00'\nTELESCOP = 'X'\n");
    let b = header("OBJECT = 'M 31'\nFILTER = 'g'\nDATE-OBS = '2024-05-01T23:00:00'\n");
    let cards = common_cards(&[&a, &b], &COPIED_KEYWORDS);
    let got: Vec<_> = cards.cards().map(|(keyword, value, comment)| (keyword, value.clone(), comment)).collect();
    assert_eq!(
        got,
        [
            ("OBJECT", Value::from("M 31"), "galaxy"),
            ("DATE-BEG", Value::from("2024-05-01T23:00:00"), "earliest DATE-OBS of the inputs")
        ]
    );
    assert!(common_cards(&[], &COPIED_KEYWORDS).is_empty());
}

#[test]
fn tables_of_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mosaic.fits");
    let wcs = tan(10.0, 0.0, [40, 40], 1e-3, 0.0);
    let images = [Array2::from_elem((40, 40), 1.0_f32), Array2::from_elem((40, 40), 3.0_f32)];
    let inputs: Vec<_> = images
        .iter()
        .map(|image| Input::from_array(image.view(), wcs.clone()).named("caf\u{e9}").scaled(2.0))
        .collect();
    let options = Options::default().match_background(MatchBackground::Plane(Matching::default()));
    let target = tan(10.0, 0.0, SHAPE, 1e-3, 0.0);
    let plan = Plan::new(&inputs, &target, &SHAPE, &options).unwrap();
    let mut output = FitsOutput::<f32>::create(&path, &plan.provenance(), &SHAPE, false).unwrap();
    let summary = plan.run_to(&mut output).unwrap();
    let columns = plan.input_table(&summary);
    assert!(columns.contains(&Column::float("BACKGRND", "", 1, vec![-2.0, 2.0])), "{columns:?}");
    assert!(columns.contains(&Column::float("SCALE", "", 1, vec![2.0, 2.0])));
    let wrong = [Column::integer("A", "", vec![1]), Column::integer("B", "", vec![1, 2])];
    assert!(matches!(output.append_table("BAD", &Header::new(), &wrong), Err(Error::Shape { .. })));
    output.append_table("INPUTS", &Header::new(), &columns).unwrap();
    output.publish().unwrap();
    let header = FitsImage::open(&path, &Hdu::First).unwrap().header().clone();
    assert_eq!(header.i64("NCOMBINE").unwrap(), Some(2));
    // Read by cfitsio.
    let mut file = fitsio::FitsFile::open(&path).unwrap();
    let table = file.hdu("INPUTS").unwrap();
    let names: Vec<String> = table.read_col(&mut file, "FILE").unwrap();
    assert_eq!(names, ["caf\\u{e9}", "caf\\u{e9}"]);
    let pixels: Vec<i64> = table.read_col(&mut file, "PIXELS").unwrap();
    assert_eq!(pixels, [1600, 1600]);
    let offsets: Vec<f64> = table.read_col(&mut file, "BACKGRND").unwrap();
    assert_eq!(offsets, [-2.0, 2.0]);
}
